"""The book's own Sphinx extension.

It does six small things:

* ``{run-time}`` and ``{reading-time}`` show how long this page ran when it was built
  and how long it takes to read, so that no chapter types its own time;
* an image without a real alternative text is a warning, and warnings fail the build;
* a plotted figure without a caption is a warning;
* a script that the theme lists twice is put on the page once;
* an entry of the bibliography is a list item also for a screen reader;
* the download menu offers the executed notebook.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from shutil import copyfile
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)

# A calm pace for a text with formulas, for readers whose first language is another.
WORDS_A_MINUTE = 160

FILE_NAME = re.compile(r"^[\w./-]*\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
HASH = re.compile(r"^[0-9a-f]{16,}$", re.IGNORECASE)


class page_time(nodes.Inline, nodes.TextElement):
    """Stands in the page until its time is known. ``kind`` is "run" or "reading"."""


class PageTime(SphinxRole):
    """The role's own text is shown where no time was measured, as in a notebook."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [page_time(self.rawtext, self.text, kind=self.kind)], []


def run_time(seconds: float) -> str:
    """Seconds as a reader says them.

    >>> run_time(3.2), run_time(47.1), run_time(125)
    ('4 s', '48 s', '2 min 5 s')
    """
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s"


def reading_time(doctree: nodes.document) -> str:
    """Minutes for the prose of a page; code, formulas and outputs are not counted."""
    words = 0
    for text in doctree.findall(nodes.Text):
        parent: nodes.Node | None = text.parent
        while parent is not None and not isinstance(
            parent, (nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
        ):
            parent = parent.parent
        if parent is None:
            words += len(text.astext().split())
    return f"{max(1, round(words / WORDS_A_MINUTE))} min"


def fill_in_times(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    waiting = list(doctree.findall(page_time))
    if not waiting:
        return
    metadata = getattr(app.env, "nb_metadata", {}).get(docname, {})
    seconds = (metadata.get("exec_data") or {}).get("runtime")
    for node in waiting:
        if node["kind"] == "reading":
            shown = reading_time(doctree)
        elif seconds is not None:
            shown = run_time(seconds)
        else:
            shown = node.astext()
        node.replace_self(nodes.inline("", shown, classes=[f"{node['kind']}-time"]))


def check_images(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "").strip()
        where = image["uri"].rsplit("/", 1)[-1]
        if not alt or FILE_NAME.match(alt) or HASH.match(alt):
            logger.warning(
                "image %s has no alternative text: give the code cell the metadata "
                "mystnb: {image: {alt: ...}}, or the figure an :alt:",
                where,
                location=image if image.source else docname,
                type="gaea_book",
                subtype="alt",
            )
        figure = image.parent
        while figure is not None and not isinstance(figure, nodes.figure):
            figure = figure.parent
        if figure is None or not any(figure.findall(nodes.caption)):
            logger.warning(
                "image %s has no caption: give the code cell the metadata "
                "mystnb: {figure: {caption: ..., name: ...}}",
                where,
                location=image if image.source else docname,
                type="gaea_book",
                subtype="caption",
            )


def drop_doubled_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """sphinx-thebe adds its inline script twice, and every page then throws."""
    seen = set()
    kept = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        key = (str(getattr(script, "filename", script) or ""), body)
        if key not in seen:
            seen.add(key)
            kept.append(script)
    context["script_files"] = kept


def mend_bibliography(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """docutils gives entries a role that WAI-ARIA has withdrawn."""
    if "body" in context:
        old, new = 'role="doc-biblioentry"', 'role="listitem"'
        context["body"] = context["body"].replace(old, new)


def offer_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """The theme does this only where launch buttons are configured."""
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
    if executed.exists():
        offered = Path(app.outdir) / "_sources" / f"{page}.ipynb"
        offered.parent.mkdir(parents=True, exist_ok=True)
        copyfile(executed, offered)
        context["ipynb_source"] = f"{page}.ipynb"


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_role("run-time", PageTime("run"))
    app.add_role("reading-time", PageTime("reading"))
    app.add_node(page_time)
    app.connect("doctree-resolved", fill_in_times)
    app.connect("doctree-resolved", check_images)
    app.connect("html-page-context", drop_doubled_scripts, priority=900)
    app.connect("html-page-context", offer_notebook, priority=400)
    app.connect("html-page-context", mend_bibliography)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
