"""The pre-check: what was handed in, with every graded cell in its place once.

Answers are taken as they are. Test cells are replaced by the original ones, with their
hidden tests; those that are gone are put at the end. What was done is said in notes,
which students find at the top of their feedback and the lecturer in the table.
"""

from __future__ import annotations

import json
import re
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom.course import graded
from classroom.handed import Unreadable
from gaea_mini.handin import faults, name_of

# Far above what an answer needs. Feedback is written outside the sandbox, and on a very
# long text that can take hours.
MOST_CELLS = 1000
MOST_CODE = 500_000  # characters in all cells
MOST_LINE = 10_000  # characters of one line of code
MOST_WORDS = 20_000  # characters of one text
# What no answer needs, and what code that lies to its tests is made of.
TRICKS = re.compile(
    r"__(?:eq|bool|lt|le|array_function|array_ufunc|torch_function|globals|code|closure"
    r"|subclasses)__|\b_getframe\b|\bcurrentframe\b|\bget_ipython\b|\bsettrace\b"
    r"|\bsetprofile\b|\bget_objects\b|\bget_referrers\b|\bctypes\b|\bbuiltins\b"
    r"|\bsys\.modules\b|\bos\.fork\b|\bos\.write\b"
)


def read_submission(content: bytes) -> NotebookNode:
    """The notebook in a file that anybody may have written.

    Raises:
      Unreadable: it is not one.
    """
    large = f"it has more than {MOST_CELLS} cells, or {MOST_CODE} characters in them"
    try:
        raw = json.loads(content)
        if "cells" not in raw:  # format 3
            raw = {"cells": [c for sheet in raw["worksheets"] for c in sheet["cells"]]}
        if len(raw["cells"]) > MOST_CELLS:
            raise Unreadable(large)
        # Only this much of it: the rest can be 20 MB of anything.
        cells = [(c["cell_type"], _text(c), name_of(c)) for c in raw["cells"]]
    except Unreadable:
        raise
    except Exception:  # whatever a strange file leads to
        raise Unreadable(
            "the file is not a notebook; hand in the .ipynb file"
        ) from None
    if sum(len(text) for _, text, _ in cells) > MOST_CODE:
        raise Unreadable(large)
    codes = [text for kind, text, _ in cells if kind == "code"]
    if any(len(line) > MOST_LINE for text in codes for line in text.splitlines()):
        raise Unreadable(f"a line of code has more than {MOST_LINE} characters")
    made = new_notebook()
    for kind, text, name in cells:
        new = new_code_cell if kind == "code" else new_markdown_cell
        if kind != "code":
            text = harmless(text)
            if len(text) > MOST_WORDS:
                text = f"{text[:MOST_WORDS]}\n\n(The rest of this text was cut off.)"
        made.cells.append(new(text))
        if name:
            made.cells[-1].metadata["nbgrader"] = {"grade_id": name}
    return made


def harmless(text: str) -> str:
    """A text without HTML, code in a link, or a picture that is fetched.

    It is shown to the lecturer, in the feedback and in the form grader.

    >>> harmless("a < b <script> ![x](https://a.org/x) [y](javascript:z) [v](&#106;)")
    'a < b < script> ! [x](https://a.org/x) [y](javascript :z) [v](& #106;)'
    """
    text = re.sub(r"(<(?=[a-z/!?])|&(?=[#a-z])|!(?=\[))", r"\1 ", text, flags=re.I)
    return re.sub(r"(?i)\b(javascript|vbscript|data)(?=[\s\\]*:)", r"\1 ", text)


def _text(cell: dict[str, Any]) -> str:
    text = cell["source"] if "source" in cell else cell["input"]  # so in format 3
    text = text if isinstance(text, str) else "".join(text)
    return text.encode("utf-8", "replace").decode()  # JSON can hold half a letter


def mend(
    handed: NotebookNode, source: NotebookNode, release: NotebookNode
) -> tuple[NotebookNode, list[str], list[str]]:
    """Put graded cells in order.

    Args:
      handed: what was handed in.
      source: the notebook with the hidden tests.
      release: the notebook that students got.

    Returns:
      The notebook to run; notes for the student; names of the answers graded by hand
      that were not found.
    """
    tests, given = graded(source), graded(release)
    missing, twice = faults(handed, given)
    notes, seen = [], set()
    ready = new_notebook(metadata=source.metadata)
    for cell in handed.cells:
        name = name_of(cell)
        cell.metadata.pop("nbgrader", None)
        if name in given and name not in seen:
            seen.add(name)
            marks = given[name].metadata.nbgrader
            if marks.solution:
                cell = _new(given[name].cell_type, cell.source)
            else:
                if cell.source.strip() != given[name].source.strip():
                    notes.append(
                        f"The test cell {name} had been changed. The original was run."
                    )
                cell = _new(tests[name].cell_type, tests[name].source)
            cell.metadata["nbgrader"] = marks
        ready.cells.append(cell)
    if twice:
        notes.append(f"More than once: {', '.join(twice)}. The first of each counts.")
    if missing and len(missing) == len(given):
        notes.append(
            "The notebook has lost the names of all its graded cells. The code was "
            "tested all the same. Next time start from a fresh copy of the assignment."
        )
    elif missing:
        notes.append(
            f"Missing: {', '.join(missing)}. Missing tests were put back. Next time "
            "keep every cell of the assignment."
        )
    used = {trick for cell in ready.cells for trick in tricks(cell)}
    if used:
        notes.append(
            f"The code uses {', '.join(sorted(used))}, which no answer needs. A person "
            "looks at it."
        )
    lost = []
    for name in missing:
        marks = given[name].metadata.nbgrader
        if marks.grade:
            cell = _new(given[name].cell_type, tests[name].source)
            if marks.solution:
                lost.append(name)
                cell.source = given[name].source
            cell.metadata["nbgrader"] = marks
            ready.cells.append(cell)
    for number, cell in enumerate(ready.cells):
        cell.id = f"cell-{number}"
    return ready, notes, lost


def tricks(cell: NotebookNode) -> list[str]:
    """What a student's own cell uses that no answer needs."""
    marks = cell.metadata.get("nbgrader", {})
    own = cell.cell_type == "code" and not marks.get("grade")
    return TRICKS.findall(cell.source) if own else []


def _new(kind: str, text: str) -> NotebookNode:
    return new_code_cell(text) if kind == "code" else new_markdown_cell(text)
