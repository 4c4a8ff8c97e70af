"""The assignments: releases give nothing away, right answers get all points."""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from classroom import course
from wrong_answers import WRONG, groups

from gaea_mini import handin

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "assignments").glob("?_*.md"))
each = pytest.mark.parametrize("name", NAMES)
slow = pytest.mark.slow
REGION = re.compile(
    r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END[A-Z ]*", re.DOTALL
)


def only_in_source(name: str) -> set[str]:
    """Lines of solutions and hidden tests that stand nowhere else in the source."""
    text = (ROOT / "assignments" / f"{name}.md").read_text("utf-8")
    given = REGION.sub("", text)
    lines = "\n".join(REGION.findall(text)).splitlines()
    return {
        line.strip()
        for line in lines
        if len(line.strip()) > 12 and line.strip() not in given
    }


@each
def test_an_assignment_says_its_time_and_points(name: str) -> None:
    notebook = course.source_notebook(ROOT / "assignments" / f"{name}.md")
    first = notebook.cells[0].source
    minutes = re.search(r"\*\*Time:\*\* about (\d+) minutes", first)
    assert minutes and 60 <= int(minutes[1]) <= 120
    points = [
        cell.metadata.nbgrader.points
        for cell in notebook.cells
        if "points" in cell.metadata.get("nbgrader", {})
    ]
    assert f"**Points:** {sum(points)} points." in first
    # Partial credit: no cell decides over more than a fifth of what is tested.
    tested = [
        cell.metadata.nbgrader.points
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("locked")
    ]
    assert len(tested) >= 8 and max(tested) <= sum(tested) / 5
    assert "{{" not in nbformat.writes(notebook)
    last = notebook.cells[-1].source
    names = " ".join(course.graded(notebook))
    assert last == f'handin.check("{name}.ipynb", "{names}")'


@each
def test_every_test_cell_has_a_visible_part_and_names_no_grader(name: str) -> None:
    notebook = course.source_notebook(ROOT / "assignments" / f"{name}.md")
    for known, cell in course.graded(notebook).items():
        if cell.metadata.nbgrader.locked:
            assert "raises-exception" in cell.metadata.tags, "it would stop the run"
            hidden = "".join(REGION.findall(cell.source))
            assert "assert" in hidden, f"{known} has no hidden test"
            visible = list(ast.walk(ast.parse(REGION.sub("", cell.source))))
            checks = [node for node in visible if isinstance(node, ast.Assert)]
            assert checks, f"{known} shows the student nothing"
            mute = [node.lineno for node in checks if node.msg is None]
            assert not mute, f"{known} has an assert without a hint"
    codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert codes.pop(0).startswith("# @title Set-up")
    code = "\n".join(codes)
    imports = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))
    needed = {"numpy", "gaea_mini"}
    assert needed <= imports <= needed | {"torch", "copy", "itertools"}


@slow
@each
def test_a_release_gives_nothing_away(name: str, workshop: Any) -> None:
    source, release = workshop.notebooks(name)
    text = "\n".join(cell.source for cell in release.cells)
    for mark in (*course.MARKS, "### BEGIN", "### END"):
        assert mark not in text
    secrets = only_in_source(name)
    assert len(secrets) > 20, "the search for traces looks for nothing"
    given = {line.strip() for line in text.splitlines()}
    assert not secrets & given
    assert not [c for c in release.cells if c.cell_type == "code" and c.outputs]
    assert handin.faults(release, course.graded(source)) == ([], [])
    first = next(cell for cell in release.cells if cell.cell_type == "code")
    assert first.source == course.set_up().source
    assert first.metadata == course.set_up().metadata, "folded, and not graded"
    for known, cell in course.graded(release).items():
        marks = cell.metadata.nbgrader
        if marks.solution and cell.cell_type == "code":
            assert "raise NotImplementedError" in cell.source, known


@slow
@each
@pytest.mark.usefixtures("box")
def test_the_right_answers_get_all_points_in_time(name: str, workshop: Any) -> None:
    # The workshop's limit is below the three minutes that an assignment may take.
    points, notes = workshop.run(name, workshop.handed(name))
    assert points == workshop.full(name) and notes == []


@slow
@each
@pytest.mark.usefixtures("box")
def test_wrong_answers_lose_exactly_their_points(name: str, workshop: Any) -> None:
    """And a blank notebook gets nothing."""
    _, blank = workshop.notebooks(name)
    together = groups(name)
    handed = [blank, *(workshop.changed(name, wrong) for wrong in together)]
    nothing, *found = workshop.run_all(name, handed)
    full = workshop.full(name)
    assert nothing == dict.fromkeys(full, 0)
    for wrong, points in zip(together, found, strict=True):
        lost = {cell for cell in full if points[cell] != full[cell]}
        beliefs = " + ".join(one.belief for one in wrong)
        assert lost == {c for one in wrong for c in one.loses.split()}, beliefs


@slow
@pytest.mark.parametrize("name", NAMES)
def test_every_test_cell_is_failed_by_some_wrong_answer(
    name: str, workshop: Any
) -> None:
    lost = {cell for w in WRONG if w.assignment == name for cell in w.loses.split()}
    assert lost == set(workshop.full(name)), "no misconception for these"


@slow
def test_make_assignments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One notebook and one zip of each, the same bytes when built again."""
    import assignments

    one = tmp_path / "one"
    one.mkdir()
    name = NAMES[0]
    (one / f"{name}.md").write_bytes((ROOT / f"assignments/{name}.md").read_bytes())
    monkeypatch.setenv("GAEA_ASSIGNMENTS", str(one))
    (made,) = assignments.build(tmp_path / "out")
    with zipfile.ZipFile(made) as archive:
        assert archive.namelist() == [f"{name}/{name}.ipynb"]
        content = archive.read(f"{name}/{name}.ipynb")
    assert content == (tmp_path / "out" / name / f"{name}.ipynb").read_bytes()
    before = made.read_bytes()
    (again,) = assignments.build(tmp_path / "out")
    assert again.read_bytes() == before


@slow
@pytest.mark.parametrize("url", ["", "https://git.org/a/b"])
def test_the_build_says_where_the_notebooks_get_the_package_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, url: str
) -> None:
    import assignments

    tiny = Path(__file__).with_name("tiny.md")
    (tmp_path / "tiny.md").write_text(tiny.read_text())
    monkeypatch.setenv("GAEA_ASSIGNMENTS", str(tmp_path))
    monkeypatch.setattr(course, "repository", lambda: (url, "main"))
    monkeypatch.setattr(sys, "argv", ["assignments", "--out", str(tmp_path / "out")])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("three years of work")
    assert assignments.main() == 0
    assert (tmp_path / "out" / "thesis.txt").exists(), "not ours to delete"
    said = capsys.readouterr().out
    assert ("install gaea_mini from https://git.org/a/b" in said) == bool(url)
    assert ("repository.url in _config.yml is empty" in said) != bool(url)


@slow
def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import assignments

    tiny = Path(__file__).with_name("tiny.md")
    (tmp_path / "tiny.md").write_text(tiny.read_text())
    monkeypatch.setenv("GAEA_ASSIGNMENTS", str(tmp_path))
    out = str(tmp_path / "tiny.md")
    monkeypatch.setattr(sys, "argv", ["assignments", "--out", out])
    assert assignments.main() == 2
    error = capsys.readouterr().err
    assert error.startswith(f"--out {out}") and error.count("\n") == 1


@slow
def test_a_release_with_a_trace_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).with_name("tiny.md")).read_text()
    # In a cell without a name nbgrader removes nothing.
    broken = text.replace("names = ", "### BEGIN SOLUTION\nnames = ")
    (tmp_path / "tiny.md").write_text(broken)
    monkeypatch.setenv("GAEA_ASSIGNMENTS", str(tmp_path))
    with pytest.raises(course.InputError):
        course.generate("tiny", tmp_path / "course")
