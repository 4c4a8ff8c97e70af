"""Where a course lies, and how a source becomes the notebook that students get.

A course is a folder outside the repository with nbgrader's layout: source, release,
submitted, autograded, feedback, gradebook.db. Names of students and grades are in it,
so it is never in a place that is published.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically
from gaea_mini.handin import CODE_STUB, TEXT_STUB, name_of

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "extension"))
import gaea_start  # noqa: E402

# What must not be in a notebook that students get.
MARKS = ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS")
CONFIG = """# Written by `make grade`; nbgrader's other commands work in this folder.
c = get_config()
c.CourseDirectory.course_id = "gaea"
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = {db_url!r}
# Grading runs students' code, and only `make grade` puts a sandbox around it. So that
# no button of the form grader does it without one, it is given no kernel.
c.Execute.kernel_name = "only-make-grade-runs-code"
"""


def sources() -> Path:
    """The folder of the sources: ``assignments``, or $GAEA_ASSIGNMENTS."""
    return Path(os.environ.get("GAEA_ASSIGNMENTS") or ROOT / "assignments")


def folder() -> Path:
    """The course: $GAEA_COURSE, or a folder among the user's data.

    Raises:
      InputError: it lies inside the repository.
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    chosen = os.environ.get("GAEA_COURSE") or Path(data) / "gaea_mini" / "course"
    place = Path(chosen).expanduser().resolve()
    if place.is_relative_to(ROOT):
        raise InputError(
            f"GAEA_COURSE {place} lies in the repository, where grades could be "
            "published by mistake; choose a folder outside"
        )
    return place


def assignments() -> dict[str, Path]:
    """Name and source of every assignment, in order."""
    found = sorted(sources().glob("*.md"))
    named = {path.stem: path for path in found if path.stem != "README"}
    if not named:
        raise InputError(f"no assignment in {sources()}: expected files NAME.md")
    return named


def expand(marks: dict[str, Any], kind: str) -> dict[str, Any]:
    """nbgrader's metadata of a cell from what an author writes.

    ``id`` alone: an answer, in code. ``id`` and ``points``: a test cell, or an answer
    in words if it is Markdown. ``seed: true`` says of a code cell that a person grades
    it.
    """
    points, name = marks.get("points"), marks["id"]
    written = points is not None and (kind == "markdown" or marks.get("by_hand", False))
    return {
        "schema_version": 3,
        "grade_id": name,
        "grade": points is not None,
        "solution": points is None or written,
        "locked": points is not None and not written,
        "task": False,
        "cell_type": kind,
        **({} if points is None else {"points": points}),
    }


def source_notebook(path: Path) -> NotebookNode:
    """The notebook with solutions and hidden tests, from its Markdown.

    ``{{points}}`` in a text is the sum of all points; ``{{points: a b}}`` that of the
    cells a and b; ``{{cells}}`` the names of all graded cells; ``{{chapter: gaea}}``
    the title of that chapter. Before the first code cell stands the set-up cell that
    chapters have, so that a notebook that is opened alone can install ``gaea_mini``.

    Raises:
      InputError: two cells have one name, or there is no such chapter.
    """
    notebook = jupytext.read(path)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel})
    points: dict[str, int] = {}
    names: list[str] = []
    for number, cell in enumerate(notebook.cells):
        marks = cell.metadata.pop("nbgrader", None)
        cell.metadata = NotebookNode()
        cell.id = f"{path.stem.replace('_', '-')}-{number}"[-60:]
        if marks is None:
            continue
        full = expand(marks, cell.cell_type)
        if full["grade_id"] in names:
            raise InputError(f"{path}: two cells are called {full['grade_id']}")
        names.append(full["grade_id"])
        if full["grade"]:
            points[full["grade_id"]] = full["points"]
        cell.metadata["nbgrader"] = nbformat.from_dict(full)
        if full["locked"]:
            cell.metadata["tags"] = ["raises-exception"]  # Jupyter goes on below it

    def sums(match: re.Match[str]) -> str:
        asked = (match[1] or "").split() or list(points)
        total = sum(points[name] for name in asked)
        return f"{total} point" + "s" * (total != 1)

    for cell in notebook.cells:
        cell.source = re.sub(r"\{\{points(?:: ([\w\- ]+))?\}\}", sums, cell.source)
        cell.source = re.sub(r"\{\{chapter: (\w+)\}\}", title, cell.source)
        cell.source = cell.source.replace("{{cells}}", " ".join(names))
    codes = [n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    notebook.cells.insert(codes[0] if codes else len(notebook.cells), set_up())
    nbformat.validate(notebook)
    return notebook


def repository() -> tuple[str, str]:
    """Where students' notebooks get ``gaea_mini`` from: what ``_config.yml`` says."""
    return gaea_start.repository(
        yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    )


def set_up() -> NotebookNode:
    """The cell that finds or installs ``gaea_mini``; its title only is in view."""
    marks = {"tags": [gaea_start.TAG], **gaea_start.FOLDED}
    code = gaea_start.long_cell(*repository())
    return new_code_cell(code, id="set-up", metadata=nbformat.from_dict(marks))


def title(asked: re.Match[str]) -> str:
    """The title of the chapter that a text asks for, in italics."""
    pages = list((ROOT / "book").glob(f"*/{asked[1]}.md"))
    if not pages:
        raise InputError(f"there is no chapter {asked[1]}; give the name of its file")
    lines = pages[0].read_text("utf-8").splitlines()
    return f"*{next(line[2:] for line in lines if line.startswith('# '))}*"


def api(place: Path) -> NbGraderAPI:
    """nbgrader for a course in this folder."""
    show_alembic()
    config = Config()
    config.CourseDirectory.root = str(place)
    config.CourseDirectory.course_id = "gaea"
    config.CourseDirectory.db_url = db_url(place)
    config.Application.log_level = "ERROR"
    config.NbGraderAPI.log_level = "ERROR"
    # What stands in the place of a solution.
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    return NbGraderAPI(config=config)


def write_config(place: Path) -> None:
    """Make nbgrader's own commands know the course in this folder."""
    text = CONFIG.format(root=str(place), db_url=db_url(place))
    write_atomically(place / "nbgrader_config.py", text.encode())


def show_alembic() -> None:
    """nbgrader's gradebook starts alembic by its name, which is beside this Python."""
    beside, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if beside not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, path])


def db_url(place: Path) -> str:
    """The gradebook; others that use it are waited for."""
    return f"sqlite:///{place / 'gradebook.db'}?timeout=60"


def generate(name: str, place: Path) -> tuple[NotebookNode, NotebookNode]:
    """Source and release notebook of an assignment in a course, made where not there.

    Raises:
      InputError: nbgrader refuses the source, or the release would give things away.
    """
    path = assignments()[name]
    source = place / "source" / name / f"{name}.ipynb"
    release = place / "release" / name / f"{name}.ipynb"
    stamp = place / "release" / f".{name}.sha256"
    made_from = [
        path.read_bytes(),
        Path(__file__).read_bytes(),
        set_up().source.encode(),
    ]
    digest = hashlib.sha256(b"".join(made_from)).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest and release.exists()):
        source.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(
            source, nbformat.writes(source_notebook(path)).encode() + b"\n"
        )
        told = api(place).generate_assignment(name, force=True, create=True)
        if not told["success"]:
            raise InputError(f"{path}: nbgrader says: {told['error'] or told['log']}")
        require_clean(release)
        write_atomically(stamp, digest.encode())
    return read(source), read(release)


def read(path: Path) -> NotebookNode:
    """A notebook of ours."""
    return nbformat.read(path, as_version=4)


def require_clean(path: Path) -> None:
    """Refuse a release with a trace of a solution or a hidden test."""
    text = path.read_text("utf-8")
    for mark in MARKS:
        if mark in text:
            path.unlink()
            raise InputError(f"{path.stem}: the release would contain {mark!r}")


def graded(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The cells that grading knows by name."""
    return {name: cell for cell in notebook.cells if (name := name_of(cell))}
