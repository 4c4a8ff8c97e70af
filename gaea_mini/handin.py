"""Before an assignment is handed in: is every graded cell of the notebook there once?

Grading finds cells by a name in their metadata. A cell that was deleted, copied, or
saved by a program that drops metadata is not found, and nobody sees it. The last cell
of every assignment calls :func:`check`; the grader asks the same questions.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gaea_mini.checks import Check

# What stands in the place of an answer when students get a notebook.
CODE_STUB = "# your code here\nraise NotImplementedError"
TEXT_STUB = "*Your answer here.*"


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


def unanswered(notebook: Any, names: Iterable[str]) -> list[str]:
    """The answers in which a part still stands as it was handed out.

    Args:
      notebook: as JSON gives it; a cell's source is a text or a list of lines.
      names: of all graded cells.

    >>> marks = {"nbgrader": {"grade_id": "why"}}
    >>> cell = {"metadata": marks, "source": ["*Your answer here.*"]}
    >>> unanswered({"cells": [cell]}, ["why"])
    ['why']
    """
    wanted, found = set(names), []
    for cell in notebook["cells"]:
        name, text = name_of(cell), "".join(cell.get("source", ""))
        lines = [line.strip() for line in text.splitlines()]
        as_given = CODE_STUB.splitlines()[-1] in lines or text.strip() == TEXT_STUB
        if name in wanted and as_given:
            found.append(name)
    return found


def check(file: str | os.PathLike[str], names: str) -> Check:
    """Say whether the graded cells of a notebook are all there, each once.

    In Colab the notebook that is open is looked at; elsewhere the file, which must be
    saved first.

    Args:
      file: the notebook.
      names: of its graded cells, with spaces between them.
    """
    path, wanted = Path(file), names.split()
    try:
        opened = _open_in_colab()
        notebook = opened or json.loads(path.read_text("utf-8"))
        missing, twice = faults(notebook, wanted)
        open_still = unanswered(notebook, wanted)
        age = 0.0 if opened else time.time() - path.stat().st_mtime
    except TimeoutError:
        return Check(False, "Colab did not show this notebook. Run this cell again.")
    except FileNotFoundError:
        return Check(
            False,
            f"There is no {path} here. If you renamed it, put the new name into this "
            "cell.",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Check(False, f"{path} cannot be read as a notebook. Save it again.")
    lines = []
    if missing == wanted:
        lines += [
            "Not ready: this notebook has lost the names of all its graded cells."
        ]
    elif missing:
        lines += [f"Not ready: {_cells(missing)} missing."]
    if missing:
        lines += [
            "  Take a fresh copy of the assignment, and copy your answers into it, "
            "text by text.",
        ]
    if twice:
        lines += [
            f"Not ready: {_cells(twice)} there more than once.",
            "  Delete the copies, or merge the pieces if you have split a cell: the "
            "first one counts.",
        ]
    passed = not lines
    if passed:
        lines += [f"Ready to hand in: all {len(wanted)} graded cells are there once."]
    if open_still:
        lines += [f"  Still to be written: {', '.join(open_still)}."]
    if age > 120:
        lines += [
            f"  The file was saved {age // 60:.0f} minutes ago. If you have changed "
            "something since, save and run this cell again."
        ]
    return Check(passed, "\n".join(lines))


def _cells(names: list[str]) -> str:
    if len(names) == 1:
        return f"the graded cell {names[0]} is"
    return f"the graded cells {', '.join(names)} are"


def _open_in_colab() -> Any:
    """The notebook that is open in Colab; None elsewhere.

    Raises:
      TimeoutError: Colab did not answer.
    """
    if find_spec("google") is None or find_spec("google.colab") is None:
        return None
    ask = import_module("google.colab._message").blocking_request
    answer = ask("get_ipynb", request="", timeout_sec=30)
    if not answer:
        raise TimeoutError
    return answer["ipynb"]
