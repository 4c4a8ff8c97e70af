"""Before grading: whose file is it, is it a notebook, and are its cells all there?"""

from __future__ import annotations

import copy
import doctest
import json
import os
import re
import time
import unicodedata
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import classroom.handed
import classroom.mend
import classroom.running
import nbformat
import pytest
from bs4 import BeautifulSoup
from classroom import course
from classroom.handed import SIZE_LIMIT, Handed, Unreadable, find
from classroom.mend import harmless, mend, read_submission
from nbconvert.filters.markdown_mistune import markdown2html_mistune
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
        "a_one/fritz/a_one.IPYNB",
        "anna/b_two.ipynb",
        unicodedata.normalize("NFD", "José Núñez/a_one.ipynb"),
        "王小明/a_one.ipynb",
        "__MACOSX/x/a_one.ipynb",
        "anna/.ipynb_checkpoints/a_one.ipynb",
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    found, problems = find(tmp_path, ["a_one", "b_two"])
    assert [(one.assignment, one.student) for one in found] == [
        ("a_one", "Dana_Smith"),
        ("a_one", "José_Núñez"),
        ("a_one", "anna"),
        ("a_one", "bert"),
        ("a_one", "carla"),
        ("a_one", "emil"),
        ("a_one", "fritz"),
        ("a_one", "王小明"),
        ("b_two", "anna"),
    ]
    assert problems == []


def test_a_zip_is_read_and_not_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "handed"
    (folder / "anna").mkdir(parents=True)
    for name, members in {
        "anna/mine.zip": ["a_one/a_one.ipynb", "__MACOSX/a_one/._a_one.ipynb"],
        "bert_a_one.zip": ["a_one/a_one.ipynb"],
        "carla.zip": ["../../../a_one.ipynb"],
        "dora.zip": ["a_one.ipynb", "b_two.ipynb"],
    }.items():
        with zipfile.ZipFile(folder / name, "w") as pack:
            for member in members:
                pack.writestr(member, name)
    before = sorted(tmp_path.rglob("*"))
    found, problems = find(folder, ["a_one", "b_two"])
    assert problems == []
    assert [(one.student, one.assignment, one.content()) for one in found] == [
        ("anna", "a_one", b"anna/mine.zip"),
        ("bert", "a_one", b"bert_a_one.zip"),
        ("carla", "a_one", b"carla.zip"),
        ("dora", "a_one", b"dora.zip"),
        ("dora", "b_two", b"dora.zip"),
    ]
    assert sorted(tmp_path.rglob("*")) == before


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """Neither a folder's link nor a link in a zip shows a file of the grader."""
    folder, secret = tmp_path / "handed", tmp_path / "secret"
    for place in (folder, secret):
        place.mkdir()
    (secret / "a_one.ipynb").write_text("secret")
    (folder / "anna").symlink_to(secret)
    with zipfile.ZipFile(folder / "bert.zip", "w") as pack:
        link = zipfile.ZipInfo("a_one.ipynb")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        pack.writestr(link, str(secret / "a_one.ipynb"))
    (folder / "carla.zip").symlink_to(folder / "bert.zip")
    found, problems = find(folder, ["a_one"])
    assert problems[0] == "anna: there is no notebook in it"
    (bert,) = found
    assert bert.content() == str(secret / "a_one.ipynb").encode(), "a text, no file"
    with pytest.raises(Unreadable, match="not a notebook"):
        read_submission(bert.content())


def test_what_cannot_be_told_is_said_and_not_guessed(tmp_path: Path) -> None:
    for name in [
        "anna/a_one.ipynb",
        "anna/a_one (1).ipynb",
        "bert/x.ipynb",
        "carla_a_one.ipynb",
        "Copy of carla_a_one (2).ipynb",
        "dora/a_one.pdf",
        "emil/a_one.zip",
        "a_one/a_one.ipynb",
        "fritz/a_one.ipynb",
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    found, problems = find(tmp_path, ["a_one"])
    assert [one.student for one in found] == ["fritz"]
    told = [
        "a_one/a_one.ipynb: whose is it?",
        "anna: anna/a_one (1).ipynb and anna/a_one.ipynb are handed in; keep one",
        "bert/x.ipynb: no assignment has this name; use one of a_one",
        "carla: Copy of carla_a_one (2).ipynb and carla_a_one.ipynb are handed in",
        "dora: there is no notebook in it",
        "emil/a_one.zip: this zip cannot be opened",
    ]
    assert len(problems) == len(told)
    for problem, start in zip(problems, told, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize("damage", ["cut", "encrypted"])
def test_a_zip_that_does_not_open_costs_only_its_owner(
    tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "anna.zip"
    with zipfile.ZipFile(path, "w") as pack:
        pack.writestr("a_one.ipynb", "x" * 100)
    whole = bytearray(path.read_bytes())
    if damage == "cut":
        whole[45:60] = b"0" * 15  # in the notebook: its check sum is wrong
    else:
        whole[6] |= 1
        whole[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(whole)
    (one,), problems = find(tmp_path, ["a_one"])
    assert problems == []
    with pytest.raises(Unreadable, match="zip cannot be opened"):
        one.content()


def test_strange_names_and_files_harm_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "handed"
    for name in ["=1+1/a_one.ipynb", "@x/a_one.ipynb", f"{'王' * 80}/a_one.ipynb"]:
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("{}")
    with zipfile.ZipFile(folder / "mallory.zip", "w") as pack:
        pack.writestr("\x1b[2J\nnot graded: anna.ipynb", "{}")
    with zipfile.ZipFile(folder / "many.zip", "w") as pack:
        for number in range(20):
            pack.writestr(f"{number}/a_one.ipynb", "{}")
    os.mkfifo(folder / "never.zip")
    os.mkfifo(folder / "never_a_one.ipynb")
    found, problems = find(folder, ["a_one"])
    students = [one.student for one in found]
    assert students[:3] == ["1_1", "never", "x"] and set(students[3]) == {"王"}
    # A file is named after the student, and a name has 255 bytes at most.
    assert len(students[3].encode()) <= 160
    with pytest.raises(Unreadable, match="not a file"):
        found[1].content()
    told = "\n".join(problems)
    assert "\x1b" not in told and len(problems) == 3 == len(told.splitlines())
    assert (
        "mallory.zip/?[2J?not graded: anna.ipynb: no assignment has this name" in told
    )
    assert "many.zip/0/a_one.ipynb and many.zip/1/a_one.ipynb and 18 more are" in told
    assert "never.zip: no assignment has this name" in told
    monkeypatch.setattr(classroom.handed, "MOST_MEMBERS", 10)
    assert "many.zip: more than 10 notebooks in this zip" in find(folder, ["a"])[1]


def test_a_file_in_the_place_of_a_folder_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="unpack it"):
        find(path, ["a_one"])


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
def test_a_file_that_is_no_notebook_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Unreadable, match="not a notebook"):
        read_submission(content)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real.ipynb", tmp_path / "link.ipynb"
    nbformat.write(release(), real)
    link.symlink_to(real)
    assert Handed("anna", "a", real).content() == real.read_bytes()
    with pytest.raises(Unreadable, match="link"):
        Handed("anna", "a", link).content()


def test_a_file_of_any_size_is_read_in_part_only(tmp_path: Path) -> None:
    large, packed = tmp_path / "a.ipynb", tmp_path / "a.zip"
    with open(large, "wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.write(large, "a.ipynb")
    assert packed.stat().st_size < 10**5
    for one in (Handed("anna", "a", large), Handed("anna", "a", packed, "a.ipynb")):
        with pytest.raises(Unreadable, match="too large"):
            one.content()


def test_a_notebook_that_would_keep_the_grader_busy_is_cut_or_refused() -> None:
    handed = release()
    named(handed, "why").source = "\\\\(" * 10**5
    cells = course.graded(read_submission(json.dumps(handed).encode()))
    text = cells["why"].source
    assert len(text) < 20_100 and text.endswith("cut off.)")
    named(handed, "why").source = "x" * 600_000
    with pytest.raises(Unreadable, match="500000 characters"):
        read_submission(json.dumps(handed).encode())
    dots = new_notebook(cells=[new_code_cell("a = 1\n" + "a." * 6000)])
    with pytest.raises(Unreadable, match="a line of code has more than 10000"):
        read_submission(json.dumps(dots).encode())
    many = new_notebook(cells=[new_code_cell("") for _ in range(1001)])
    with pytest.raises(Unreadable, match="1000 cells"):
        read_submission(json.dumps(many).encode())


def test_only_the_cells_of_a_file_are_looked_at() -> None:
    """What else stands in it may be millions of things."""
    handed = json.loads(nbformat.writes(release()))
    handed["metadata"] = {"x": 3}
    handed["nbformat"] = "none"
    handed["cells"][1] |= {"outputs": 7, "attachments": [[]]}
    cells = course.graded(read_submission(json.dumps(handed).encode()))
    assert list(cells) == list(course.graded(release()))


def test_a_notebook_of_format_3_is_read() -> None:
    marks = {"nbgrader": {"grade_id": "why"}}
    code = {"cell_type": "code", "input": ["x = 1\n", "y"], "metadata": {}}
    words = {"cell_type": "markdown", "source": "Because.", "metadata": marks}
    old = {"nbformat": 3, "worksheets": [{"cells": [code]}, {"cells": [words]}]}
    made = read_submission(json.dumps(old).encode())
    assert [cell.source for cell in made.cells] == ["x = 1\ny", "Because."]
    assert list(course.graded(made)) == ["why"]


def test_code_that_no_answer_needs_is_pointed_at() -> None:
    handed = release()
    named(handed, "answer-double").source = "import builtins\nbuiltins.abs = len"
    _, notes, _ = mend(handed, source(), release())
    (note,) = notes
    assert note.startswith("The code uses builtins, which no answer needs.")


def test_half_a_letter_is_no_reason_not_to_grade() -> None:
    handed = release()
    named(handed, "answer-double").source = "x = 'half of it'"
    content = json.dumps(handed).replace("half of it", "\\ud83d").encode()
    cells = course.graded(read_submission(content))
    assert cells["answer-double"].source == "x = '?'"


@pytest.mark.parametrize(
    "module", [classroom.handed, classroom.mend, classroom.running]
)
def test_the_examples_in_the_docstrings(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed


def test_html_in_a_students_text_is_no_html_any_more() -> None:
    assert harmless("x<y <b>bold</b>") == "x< y < b>bold< /b>"


LINKS = """[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](javascript\\:alert(1))
[d](&#106;avascript:alert(1)) [e](javascript&colon;alert(1)) [f](<javascript:alert(1)>)
[g](vbscript:x) [h](data:text/html;base64,PHNjcmlwdD4=) [i](&#x6A;avascript:x)
[j]: javascript:alert(1)
[j] [k][j] <javascript:alert(1)> ![l](https://192.0.2.1/x.png) ![m][j] <b>n</b>
<img src=x onerror=alert(1)> <svg/onload=alert(1)> [good](https://example.org/a)"""


def test_a_students_text_leads_to_no_code_and_fetches_nothing() -> None:
    page = markdown2html_mistune(harmless(LINKS))
    soup = BeautifulSoup(page, "html.parser")
    leads = [a["href"].strip().lower() for a in soup.find_all("a")]
    assert "https://example.org/a" in leads
    assert not [a for a in leads if re.match(r"(java|vb)script:|data:", a)]
    assert not soup.find_all(["img", "b", "svg", "script"])
    # The same text as it was written would do all this.
    soup = BeautifulSoup(markdown2html_mistune(LINKS), "html.parser")
    leads = [a["href"].strip().lower() for a in soup.find_all("a")]
    assert len([a for a in leads if a.startswith("javascript:")]) > 3
    assert soup.find_all("img") and soup.find_all("b")


def test_what_a_test_uses_is_imported_again_before_it() -> None:
    given = classroom.running.imports(release())
    assert given["np"] == "import numpy as np"
    cell = named(source(), "double").source
    assert classroom.running.again(cell, given) == "import numpy as np"
    assert classroom.running.again("numpy = double", given) == ""


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
