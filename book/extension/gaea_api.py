"""The API page: every public name of the package, from its docstring.

``{api} simplex`` lists the names of a room's ``__all__`` with Sphinx's autodoc. The
docstrings are in Google's style. An equation that one names, as in ``Eq. (eq-kl)``,
becomes a link to the equation in the book.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

from gaea_back import Made
from gaea_names import ROOMS, readable

PAGE = "book/back/api"
STYLE = Config(
    napoleon_use_param=False, napoleon_use_rtype=False, napoleon_use_ivar=True
)


class Api(Made):
    """All public names of a room."""

    required_arguments = 1
    optional_arguments = 0

    def markdown(self) -> Iterator[str]:
        (room,) = self.arguments
        if room not in ROOMS:
            raise self.error(f"no room {room!r}; there are {', '.join(ROOMS)}")
        module = import_module(f"gaea_mini.{room}")
        yield "```{eval-rst}"
        yield f".. py:module:: gaea_mini.{room}\n"
        yield f"{inspect.getdoc(module)}\n"
        for name in module.__all__:
            yield entry(room, name, getattr(module, name))
        yield "```"


def entry(room: str, name: str, value: Any) -> str:
    """A name in reStructuredText: its docstring, or for a constant what it holds."""
    full = f"gaea_mini.{room}.{name}"
    if inspect.isclass(value):
        return f".. autoclass:: {full}\n   :members:\n"
    if callable(value):
        return f".. autofunction:: {full}\n"
    return f".. py:data:: {name}\n\n   {readable(value)}\n"


def mend_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Google's sections become fields, and named equations become links."""
    # A property's docstring is a sentence, not "type: text".
    kind = "method" if what == "property" else what
    found = GoogleDocstring(list(lines), STYLE, app, kind, name, obj, options).lines()
    lines[:] = [re.sub(r"\((eq-[\w-]+)\)", r":eq:`\1`", line) for line in found]


def plain_name(
    app: Sphinx, env: Any, node: pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """On the API page a name that the page does not list is shown without a link."""
    here = node.get("refdomain") == "py" and node.get("refdoc") == PAGE
    return contnode if here else None


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.autodoc")
    app.config.autodoc_typehints = "none"  # the docstrings have shapes and units
    app.config.autodoc_preserve_defaults = True
    app.add_directive("api", Api)
    app.connect("autodoc-process-docstring", mend_docstring)
    app.connect("missing-reference", plain_name)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
