"""What the tests of the classroom share: sources, made-up submissions, and grading."""

from __future__ import annotations

import copy
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(Path(__file__).parent)]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbgrader", reason="nbgrader is not installed")
    from classroom import course, grading, mend, running, sandbox
    from classroom.handed import Handed
    from nbgrader.utils import determine_grade, is_grade

# Other people's: SQLAlchemy about nbgrader's models, nbconvert about its templates.
QUIET = [
    "ignore::sqlalchemy.exc.SAWarning",
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::UserWarning:nbgrader.*",
]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for quiet in QUIET:
                item.add_marker(pytest.mark.filterwarnings(quiet))


@pytest.fixture(scope="session")
def box(skip_unless_ci: Callable[[str], NoReturn]) -> None:
    """There is a sandbox on this machine; without one the test is skipped by name."""
    reason = sandbox.missing()
    if reason:
        skip_unless_ci(f"no sandbox: {reason}")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A course with all assignments, and a bench to make submissions on."""
    return Workshop(tmp_path_factory.mktemp("workshop"))


class Workshop:
    """Sources, releases, and notebooks that students could have handed in."""

    def __init__(self, place: Path):
        self.place = place
        self.limits = sandbox.Limits(cell=60, notebook=150)
        self.made: dict[str, Any] = {}
        self.count = 0

    def notebooks(self, name: str) -> Any:
        """(source, release) of an assignment; copies."""
        if name not in self.made:
            self.made[name] = course.generate(name, self.place)
        return copy.deepcopy(self.made[name])

    def handed(self, name: str, answers: dict[str, str] | None = None) -> Any:
        """A release with the solutions in it, but for these other answers."""
        source, release = self.notebooks(name)
        right = {n: cell.source for n, cell in course.graded(source).items()}
        for cell in release.cells:
            marks = cell.metadata.get("nbgrader", {})
            if marks.get("solution"):
                known = marks.grade_id
                cell.source = {**right, **(answers or {})}[known]
        return release

    def changed(self, name: str, wrong: Iterable[Any]) -> Any:
        """A right submission but for a text in an answer, for each of these."""
        source, _ = self.notebooks(name)
        answers = {}
        for one in wrong:
            text = course.graded(source)[one.cell].source
            times = text.count(one.old)
            assert times == 1, f"{one.old!r} is {times} times in {one.cell}"
            answers[one.cell] = text.replace(one.old, one.new)
        return self.handed(name, answers)

    def file(self, notebook: Any) -> Path:
        """Write a submission somewhere."""
        self.count += 1
        path = self.place / f"handed-{self.count}.ipynb"
        nbformat.write(notebook, path)
        return path

    def run(self, name: str, notebook: Any, **limits: float) -> tuple[dict, list[str]]:
        """Points of every cell that is graded by itself, and the notes."""
        path = notebook if isinstance(notebook, Path) else self.file(notebook)
        where = grading.Course(self.place, replace(self.limits, **limits))
        ran = grading.run(Handed("s", name, path), *self.notebooks(name), where)
        return points(ran.notebook), ran.notes

    def run_all(self, name: str, notebooks: Iterable[Any]) -> list[dict[str, float]]:
        """Points of many, one after the other in one process: PyTorch is loaded once.

        Each finds an empty name space. Cells that only measure something are left out.
        """
        source, release = self.notebooks(name)
        found = []
        with sandbox.Sandbox(replace(self.limits, notebook=900)) as box:
            for notebook in notebooks:
                notebook.cells = [
                    c
                    for c in notebook.cells
                    if "except NotImpl" not in c.source or "nbgrader" in c.metadata
                ]
                content = nbformat.writes(notebook).encode()
                ready, notes, _ = mend.mend(
                    mend.read_submission(content), source, release
                )
                assert box.run("get_ipython().reset(new_session=False)") == []
                stopped = running.execute(ready, box, running.imports(release))
                assert (notes, stopped) == ([], None)
                found.append(points(ready))
        return found

    def full(self, name: str) -> dict[str, float]:
        """The points that can be had."""
        return {
            known: float(cell.metadata.nbgrader.points)
            for known, cell in course.graded(self.notebooks(name)[0]).items()
            if is_grade(cell) and not cell.metadata.nbgrader.solution
        }


def points(notebook: Any) -> dict[str, float]:
    """nbgrader's own verdict on the outputs of the test cells."""
    return {
        cell.metadata.nbgrader.grade_id: determine_grade(cell)[0]
        for cell in notebook.cells
        if is_grade(cell) and not cell.metadata.nbgrader.solution
    }


@pytest.fixture
def grader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., int]]:
    """``tools/grade.py`` with a course of its own."""
    import grade as command

    monkeypatch.setenv("GAEA_COURSE", str(tmp_path / "course"))
    path = os.environ["PATH"]
    yield lambda *arguments: command.main([str(a) for a in arguments])
    os.environ["PATH"] = path
