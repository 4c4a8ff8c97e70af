"""The pre-check: what was handed in, with every graded cell in its place once.

Answers are taken as they are. Test cells are replaced by the original ones, with their
hidden tests; those that are gone are put at the end. What was done is said in notes,
which students find at the top of their feedback and the lecturer in the table.
"""

from __future__ import annotations

import json
import re

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom.course import graded
from classroom.handed import Unreadable
from gaea_mini.handin import faults, name_of

# Far above what an answer needs. Feedback is written outside the sandbox, and on a very
# long text that can take hours.
MOST_CELLS = 1000
MOST_CODE = 500_000  # characters in all cells
MOST_WORDS = 20_000  # characters of one text


def read_submission(content: bytes) -> NotebookNode:
    """The notebook in a file that anybody may have written.

    Raises:
      Unreadable: it is not one.
    """
    try:
        raw = json.loads(content)
        notebook = nbformat.convert(nbformat.from_dict(raw), 4)
        cells = [
            (cell.cell_type, _text(cell), cell.metadata) for cell in notebook.cells
        ]
    except Exception:  # nbformat raises whatever a strange file leads to
        raise Unreadable(
            "the file is not a notebook; hand in the .ipynb file"
        ) from None
    if len(cells) > MOST_CELLS or sum(len(text) for _, text, _ in cells) > MOST_CODE:
        raise Unreadable(
            f"it has more than {MOST_CELLS} cells, or {MOST_CODE} characters in them"
        )
    made = new_notebook()
    for kind, text, metadata in cells:
        new = new_code_cell if kind == "code" else new_markdown_cell
        if kind != "code":
            text = harmless(text)
            if len(text) > MOST_WORDS:
                text = f"{text[:MOST_WORDS]}\n\n(The rest of this text was cut off.)"
        made.cells.append(new(text))
        name = name_of({"metadata": metadata})
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


def _text(cell: NotebookNode) -> str:
    text = cell.source if isinstance(cell.source, str) else "".join(cell.source)
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


def _new(kind: str, text: str) -> NotebookNode:
    return new_code_cell(text) if kind == "code" else new_markdown_cell(text)
