"""Before an assignment is handed in: is every graded cell of the notebook there once?

Grading finds cells by a name in their metadata. A cell that was deleted, copied, or
saved by a program that drops metadata is not found, and nobody sees it. The last cell
of every assignment calls :func:`check`; the grader asks the same questions.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gaea_mini.checks import Check


def faults(notebook: Any, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The graded cells that a notebook has not, and those that it has twice or more.

    Args:
      notebook: as JSON gives it.
      names: of all graded cells.

    >>> cell = {"metadata": {"nbgrader": {"grade_id": "step"}}}
    >>> faults({"cells": [cell, cell]}, ["step", "bound"])
    (['bound'], ['step'])
    """
    found = Counter(name_of(cell) for cell in notebook["cells"])
    wanted = list(names)
    missing = [name for name in wanted if not found[name]]
    return missing, [name for name in wanted if found[name] > 1]


def name_of(cell: Any) -> str | None:
    """The name under which a cell is graded, or None."""
    marks = cell.get("metadata", {}).get("nbgrader", {})
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else None


@contextmanager
def standing_in(names: dict[str, Any], **right: Any) -> Iterator[None]:
    """Put right functions in the place of a student's own for a few lines.

    A test of part 2 of an assignment uses it so that an error in part 1, which part 2
    calls, costs no points twice. Afterwards everything is as before.

    >>> def double(x):
    ...     return x + 1
    >>> with standing_in(globals(), double=lambda x: 2 * x):
    ...     print(double(5))
    10
    >>> double(5)
    6
    """
    before = {name: names[name] for name in right if name in names}
    names.update(right)
    try:
        yield
    finally:
        for name in right:
            names.pop(name, None)
        names.update(before)


def check(file: str | os.PathLike[str], names: str) -> Check:
    """Say whether the graded cells of a notebook are all there, each once.

    In Colab the notebook that is open is looked at; elsewhere the file, which must be
    saved first.

    Args:
      file: the notebook.
      names: of its graded cells, with spaces between them.
    """
    path = Path(file)
    try:
        notebook = _open_in_colab() or json.loads(path.read_text("utf-8"))
        missing, twice = faults(notebook, names.split())
    except FileNotFoundError:
        return Check(
            False,
            f"There is no {path} here. If you renamed it, put the new name into this "
            "cell.",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Check(False, f"{path} cannot be read as a notebook. Save it again.")
    lines = []
    if missing:
        lines += [
            f"Not ready: {_cells(missing)} missing.",
            "  Take a fresh copy of the assignment, and copy your answers into it, "
            "text by text.",
        ]
    if twice:
        lines += [
            f"Not ready: {_cells(twice)} there more than once.",
            "  Delete the copies: the first one of each counts.",
        ]
    if lines:
        return Check(False, "\n".join(lines))
    count = len(names.split())
    return Check(True, f"Ready to hand in: all {count} graded cells are there once.")


def _cells(names: list[str]) -> str:
    if len(names) == 1:
        return f"the graded cell {names[0]} is"
    return f"the graded cells {', '.join(names)} are"


def _open_in_colab() -> Any:
    """The notebook that is open in Colab; None elsewhere."""
    if find_spec("google") is None or find_spec("google.colab") is None:
        return None
    ask = import_module("google.colab._message").blocking_request
    answer = ask("get_ipynb", request="", timeout_sec=30)
    return answer["ipynb"] if answer else None
