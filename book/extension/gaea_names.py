"""Names of the package: where a dotted name is defined, and how a page links to it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import gaea_mini

ROOMS = ("simplex", "supernet", "search", "evaluate", "show")
TOP = Path(gaea_mini.__file__).parents[1]


@dataclass(frozen=True)
class Name:
    """A name of the package.

    Args:
      link: Markdown that shows it, with a link if the API page has it.
      file: where it is defined, from the top of the repository.
    """

    link: str
    file: str


def public(room: str) -> list[str]:
    """The public names of a room."""
    return list(import_module(f"gaea_mini.{room}").__all__)


def resolve(name: str) -> Name:
    """Find a name below ``gaea_mini``, written with the module that defines it.

    ``simplex.steps.eg_step`` is a function, ``simplex.steps.eg_step(lr)`` one of its
    arguments, ``search.run.Run.entropy`` an attribute or a field.

    Raises:
      LookupError: there is no such name.
    """
    dotted, _, argument = name.rstrip(")").partition("(")
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(["gaea_mini", *parts[:count]]))
            break
        except ModuleNotFoundError:
            continue
    else:
        raise LookupError(f"gaea_mini has no module for {name!r}")
    found: Any = module
    for part in parts[count:]:
        fields = getattr(found, "__annotations__", {})
        if not hasattr(found, part) and part not in fields:
            raise LookupError(f"{name!r}: {found!r} has no {part!r}")
        found = getattr(found, part, None)
    if argument and argument not in inspect.signature(found).parameters:
        raise LookupError(f"{name!r} takes no argument {argument!r}")
    file = Path(inspect.getfile(module)).relative_to(TOP).as_posix()
    return Name(_link(parts, count, argument), file)


def _link(parts: list[str], count: int, argument: str) -> str:
    whole = [*parts[count:], argument] if argument else parts[count:]
    if len(whole) > 1:  # what is inside a class or a function
        return " of ".join(f"`{part}`" for part in reversed(whole))
    shown = ".".join(whole) or f"gaea_mini.{'.'.join(parts)}"
    room, name = parts[0], parts[-1]
    if room in ROOMS and len(parts) == count + 1 and name in public(room):
        return f"{{py:obj}}`~gaea_mini.{room}.{name}`"
    return f"`{shown}`"


def readable(value: Any) -> str:
    """A constant in one line of Markdown: the keys of a mapping, or its items."""
    if isinstance(value, dict):
        kind, items = "Keys", list(value)
    elif isinstance(value, list | tuple):
        kind, items = "Values", list(value)
    elif kinds := getattr(value, "__args__", ()):  # a union of classes
        kind, items = "One of", [each.__name__ for each in kinds]
    elif isinstance(value, np.ndarray):
        return f"{value.size} numbers from {value.min():g} to {value.max():g}."
    else:
        return f"``{value!r}``"
    return f"{kind}: {', '.join(f'``{item}``' for item in items)}."
