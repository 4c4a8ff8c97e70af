"""Before grading: whose file is it, is it a notebook, and are its cells all there?"""

from __future__ import annotations

import copy
import json
import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from classroom import course
from classroom.handed import find
from classroom.mend import Unreadable, harmless, mend, read_submission
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gaea_mini import handin
from gaea_mini.errors import InputError

TINY = Path(__file__).with_name("tiny.md")


def source() -> Any:
    return course.source_notebook(TINY)


def release() -> Any:
    """What nbgrader makes of the source, as far as these tests need it."""
    notebook = source()
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        starts = [n for n, line in enumerate(lines) if "### BEGIN" in line]
        if starts:
            cell.source = "\n".join(lines[: starts[0]])
    return notebook


def named(notebook: Any, name: str) -> Any:
    return course.graded(notebook)[name]


# ------------------------------------------------------------------------ sources


def test_an_author_writes_a_name_and_points_only() -> None:
    cells = course.graded(source())
    marks = {name: dict(cell.metadata.nbgrader) for name, cell in cells.items()}
    assert [(m["grade"], m["solution"], m["locked"]) for m in marks.values()] == [
        (False, True, False),
        (True, False, True),
        (False, True, False),
        (True, False, True),
        (True, True, False),
    ]
    assert source().cells[0].source.startswith("# Tiny: 9 points")
    assert "answer-double double answer-half half why" in source().cells[-1].source


def test_the_set_up_cell_comes_first_and_is_not_graded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(course, "repository", lambda: ("https://git.org/a/b", "dev"))
    codes = [cell for cell in source().cells if cell.cell_type == "code"]
    assert 'REPOSITORY = "https://git.org/a/b"\nBRANCH = "dev"' in codes[0].source
    # One line in view: Colab shows the title of a form, JupyterLab a bar.
    assert codes[0].source.startswith("# @title Set-up")
    assert codes[0].metadata.cellView == "form"
    assert codes[0].metadata.jupyter.source_hidden is True
    assert "nbgrader" not in codes[0].metadata
    assert not any("@title" in cell.source for cell in codes[1:])


def test_two_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.md"
    path.write_text(TINY.read_text().replace("id: half,", "id: double,"))
    with pytest.raises(InputError, match="two cells are called double"):
        course.source_notebook(path)


# -------------------------------------------------------------------- whose is it


def test_submissions_are_found_in_every_usual_layout(tmp_path: Path) -> None:
    for name in [
        "anna/a_one.ipynb",
        "bert/a_one/a_one.ipynb",
        "carla_a_one.ipynb",
        "Dana Smith_123_assignsubmission_file/Copy of a_one (1).ipynb",
        "a_one/emil.ipynb",
        "anna/b_two.ipynb",
        "__MACOSX/x/a_one.ipynb",
        "anna/.ipynb_checkpoints/a_one.ipynb",
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    found, problems = find(tmp_path, ["a_one", "b_two"])
    assert [(one.assignment, one.student) for one in found] == [
        ("a_one", "Dana_Smith_123_assignsubmission_file"),
        ("a_one", "anna"),
        ("a_one", "bert"),
        ("a_one", "carla"),
        ("a_one", "emil"),
        ("b_two", "anna"),
    ]
    assert problems == []


def test_what_cannot_be_told_is_said_and_not_guessed(tmp_path: Path) -> None:
    for name in ["anna/a_one.ipynb", "anna/a_one (1).ipynb", "bert/x.ipynb"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    found, problems = find(tmp_path, ["a_one"])
    assert [one.student for one in found] == ["anna"]
    assert problems[0].startswith("anna/a_one.ipynb: anna has handed in")
    assert problems[1].startswith("bert/x.ipynb: no assignment has this name")


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_submissions_is_bad_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="SUBMISSIONS"):
        find(tmp_path / name, ["a_one"])


# ----------------------------------------------------------------- is it a notebook


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff\xfe", b"[]", b'{"cells": 3}', b'{"cells": [1]}', b"null"],
)
def test_a_file_that_is_no_notebook_is_said_to_be_none(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="not a notebook"):
        read_submission(path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real.ipynb", tmp_path / "link.ipynb"
    nbformat.write(release(), real)
    link.symlink_to(real)
    with pytest.raises(Unreadable, match="link"):
        read_submission(link)


def test_html_in_a_students_text_is_no_html_any_more() -> None:
    assert harmless("x<y <b>bold</b>") == "x< y < b>bold< /b>"
    assert "javascript:" not in harmless("[a](JavaScript:alert(1))").lower()


# -------------------------------------------------------------- are its cells there


def test_a_right_notebook_gets_its_hidden_tests_and_no_note() -> None:
    handed = release()
    named(handed, "answer-double").source = "double = abs"
    ready, notes, lost = mend(handed, source(), release())
    assert (notes, lost) == ([], [])
    assert named(ready, "answer-double").source == "double = abs"
    assert "hidden-sentence-one" in named(ready, "double").source
    assert len(ready.cells) == len(handed.cells)


def test_points_and_kind_are_those_of_the_release() -> None:
    handed = release()
    named(handed, "double").metadata.nbgrader.update(points=99, solution=True)
    ready, _, _ = mend(handed, source(), release())
    assert named(ready, "double").metadata.nbgrader.points == 2
    assert "hidden-sentence-one" in named(ready, "double").source


def test_a_changed_test_cell_is_the_original_again() -> None:
    handed = release()
    named(handed, "double").source = "assert True"
    ready, notes, _ = mend(handed, source(), release())
    assert "hidden-sentence-one" in named(ready, "double").source
    assert notes == ["The test cell double had been changed. The original was run."]


def test_a_missing_test_cell_is_put_back_at_the_end() -> None:
    handed = release()
    handed.cells.remove(named(handed, "double"))
    ready, notes, _ = mend(handed, source(), release())
    assert "hidden-sentence-one" in ready.cells[-1].source
    assert notes[0].startswith("Missing: double.")


def test_of_two_copies_the_first_counts() -> None:
    handed = release()
    extra = new_code_cell("assert True")
    extra.metadata["nbgrader"] = {"grade_id": "double"}
    handed.cells.append(extra)
    ready, notes, _ = mend(handed, source(), release())
    marked = [handin.name_of(cell) for cell in ready.cells]
    assert marked.count("double") == 1 and "nbgrader" not in ready.cells[-1].metadata
    assert notes == ["More than once: double. The first of each counts."]


def test_lost_metadata_are_said_and_the_written_answer_is_asked_for() -> None:
    handed = new_notebook(cells=[new_markdown_cell("x"), new_code_cell("y = 1")])
    ready, notes, lost = mend(handed, source(), release())
    assert lost == ["why"] and "lost the names of all" in notes[0]
    names = [handin.name_of(cell) for cell in ready.cells]
    assert names == [None, None, "double", "half", "why"]


# ------------------------------------------------------------ what the student sees


def test_a_student_is_told_before_handing_in(tmp_path: Path) -> None:
    path, names = tmp_path / "tiny.ipynb", "answer-double double answer-half half why"
    assert "no" in repr(handin.check(path, names)) and not handin.check(path, names)
    notebook = release()
    nbformat.write(notebook, path)
    assert handin.check(path, names)
    twin = copy.deepcopy(named(notebook, "double"))
    twin.id = "twin"
    notebook.cells.append(twin)
    notebook.cells.remove(named(notebook, "answer-double"))
    nbformat.write(notebook, path)
    told = repr(handin.check(path, names))
    assert "answer-double is missing" in told and "double is there more than" in told
    path.write_text("[]")
    assert "cannot be read" in repr(handin.check(path, names))
    for cell in notebook.cells:
        cell.metadata = {}
    nbformat.write(notebook, path)
    told = repr(handin.check(path, names))
    assert "lost the names of all" in told and "answer-half" not in told


def test_a_student_is_told_what_is_not_written_yet(tmp_path: Path) -> None:
    path, notebook = tmp_path / "tiny.ipynb", release()
    for name in ("answer-double", "answer-half"):
        named(notebook, name).source += handin.CODE_STUB
    named(notebook, "why").source = f"{handin.TEXT_STUB}\n"
    nbformat.write(notebook, path)
    names = "answer-double double answer-half half why"
    ready = handin.check(path, names)
    assert ready, "an answer may be left out"
    assert "Still to be written: answer-double, answer-half, why." in repr(ready)
    assert "minutes ago" not in repr(ready)
    named(notebook, "answer-half").source = "half = abs"
    named(notebook, "why").source = "Because."
    nbformat.write(notebook, path)
    os.utime(path, (time.time() - 600,) * 2)
    told = repr(handin.check(path, names))
    assert "Still to be written: answer-double." in told
    assert "saved 10 minutes ago" in told


def test_in_colab_the_open_notebook_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = json.loads(nbformat.writes(release()))
    monkeypatch.setattr(handin, "_open_in_colab", lambda: opened)
    assert handin.check(tmp_path / "not there", "double half why")
    opened["cells"].clear()
    assert not handin.check(tmp_path / "not there", "double half why")


@pytest.mark.parametrize("answer", [None, {}])
def test_a_colab_that_does_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    message = ModuleType("google.colab._message")
    message.blocking_request = lambda *asked, **named: answer  # type: ignore
    monkeypatch.setattr(handin, "find_spec", lambda name: True)
    monkeypatch.setattr(handin, "import_module", lambda name: message)
    told = repr(handin.check(tmp_path / "not there", "double"))
    assert "Run this cell again" in told and "not there" not in told
