"""Grading: each submission runs in a sandbox of its own, then its points are booked.

Whatever is done for a submission is done again if the run was interrupted before its
result file was there; booking the same points twice changes nothing. So a run that was
killed is continued by starting it again.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook, new_output

from classroom import course
from classroom.handed import Handed, Unreadable
from classroom.mend import mend, read_submission
from classroom.running import execute, imports
from classroom.sandbox import Disturbed, Limits, Sandbox, Stopped
from gaea_mini.errors import InputError
from gaea_mini.files import require_folder, write_atomically

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader's models
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.preprocessors import SaveAutoGrades
    from sqlalchemy.exc import DatabaseError

Say = Callable[[str], Any]
COLUMNS = ("student", "assignment", "score", "of", "by_hand", "parts", "notes")


@dataclass(frozen=True)
class Course:
    """Where the results go, and how submissions are run."""

    place: Path
    limits: Limits = Limits()
    confined: bool = True
    jobs: int = 2

    def file(self, kind: str, one: Handed) -> Path:
        """A notebook of nbgrader's layout."""
        name = one.assignment
        return self.place / kind / one.student / name / f"{name}.ipynb"

    def result(self, one: Handed) -> Path:
        """What says that a submission is graded."""
        return self.place / "results" / one.assignment / f"{one.student}.json"


@dataclass
class Ran:
    """A submission that was run: what to book."""

    notebook: NotebookNode
    notes: list[str]
    lost: list[str]  # answers graded by hand that were not found
    seconds: float = 0.0
    late: bool = False  # others on this machine may be the reason for what it lost


def grade(handed: Sequence[Handed], where: Course, say: Say = print) -> list[str]:
    """Grade what is not graded yet; gives what could not be graded, and why."""
    names = sorted({one.assignment for one in handed})
    notebooks = {name: course.generate(name, where.place) for name in names}
    problems: list[str] = []
    todo: list[tuple[Handed, str]] = []
    for one in handed:
        digest = fingerprint(one, *notebooks[one.assignment])
        kept = where.file("autograded", one).exists()
        if told(where, one).get("digest") != digest or not kept:
            todo.append((one, digest))
    if len(todo) < len(handed):
        say(f"{len(handed) - len(todo)} of {len(handed)} are graded already")

    def task(one: Handed) -> Ran:
        return run(one, *notebooks[one.assignment], where)

    def finish(one: Handed, digest: str, ran: Ran) -> None:
        score, most = book(one, ran, where, digest)
        say(f"{one.assignment} {one.student}: {score:g} of {most:g}")
        for note in ran.notes:
            say(f"    {note}")

    def failed(one: Handed, error: Exception) -> None:
        kind = type(error).__name__
        problems.append(f"{one.assignment} {one.student}: {kind}: {error}")

    alone: list[tuple[Handed, str]] = []
    with ThreadPoolExecutor(where.jobs) as pool:
        running: dict[Future[Ran], tuple[Handed, str]] = {
            pool.submit(task, one): (one, digest) for one, digest in todo
        }
        try:
            for done in as_completed(running):
                one, digest = running[done]
                try:
                    ran = done.result()
                    if ran.late and where.jobs > 1:
                        # Its neighbour may have taken the processor.
                        alone.append((one, digest))
                    else:
                        finish(one, digest, ran)
                except Exception as error:  # the others must be graded all the same
                    failed(one, error)
        except BaseException:
            say("stopping when the notebooks that run now have ended")
            pool.shutdown(cancel_futures=True)
            raise
    for one, digest in alone:
        say(f"{one.assignment} {one.student}: ran short beside others; again, alone")
        try:
            finish(one, digest, task(one))
        except Exception as error:
            failed(one, error)
    for one in handed:
        try:
            if told(where, one):
                give_feedback(one, where)
        except Exception as error:
            failed(one, error)
    return problems


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Keep a course for this run alone.

    Raises:
      InputError: the folder or its gradebook cannot be used, or another run has it.
    """
    require_folder(place, "GAEA_COURSE")
    course.write_config(place)
    course.show_alembic()
    with open(place / ".held", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another run is grading into {place}; wait until it has ended"
            ) from None
        try:
            with Gradebook(course.db_url(place), "gaea"):
                pass
        except DatabaseError:
            raise InputError(
                f"{place / 'gradebook.db'} is damaged or no gradebook; put a copy of "
                "it back, or move it away and grade again"
            ) from None
        yield


def fingerprint(one: Handed, source: NotebookNode, release: NotebookNode) -> str:
    """Changes with the submission and with the assignment."""
    try:
        content = one.content()
    except (OSError, Unreadable) as error:
        content = str(error).encode()
    texts = [cell.source for notebook in (source, release) for cell in notebook.cells]
    return hashlib.sha256(content + json.dumps(texts).encode()).hexdigest()


def told(where: Course, one: Handed) -> dict[str, Any]:
    """The result file of a submission; empty if there is none yet."""
    try:
        return dict(json.loads(where.result(one).read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def run(
    one: Handed,
    source: NotebookNode,
    release: NotebookNode,
    where: Course,
) -> Ran:
    """Put a submission in order and run its cells, all in one sandbox."""
    began = time.monotonic()
    stopped: str | None = None
    late = False
    try:
        ready, notes, lost = mend(read_submission(one.content()), source, release)
    except Unreadable as error:
        ready, notes, lost = mend(new_notebook(), source, release)
        stopped = str(error)
        notes = [f"Not graded: {stopped}."]
    else:
        with Sandbox(where.limits, where.confined) as box:
            try:
                stopped = execute(ready, box, imports(release))
            except Stopped as reason:
                stopped, late = str(reason), isinstance(reason, Disturbed)
        if stopped:
            notes.append(f"The notebook was stopped: {stopped}.")
    for cell in ready.cells:
        late = late or any(
            o.get("ename") == "TimeLimit" for o in cell.get("outputs", [])
        )
        if cell.cell_type == "code" and "ran" not in cell.metadata:
            cell.outputs = [failure("NotRun", f"this cell was not run: {stopped}")]
        cell.metadata.pop("ran", None)
    if notes:
        text = "\n".join(f"- {note}" for note in notes)
        title = "**Notes by the grader**"
        ready.cells.insert(0, new_markdown_cell(f"{title}\n\n{text}", id="notes"))
    return Ran(ready, notes, lost, round(time.monotonic() - began, 2), late)


def failure(name: str, text: str) -> NotebookNode:
    """An output that says what went wrong."""
    lines = [f"{name}: {text}"]
    return new_output("error", ename=name, evalue=text, traceback=lines)


def book(one: Handed, ran: Ran, where: Course, digest: str) -> tuple[float, float]:
    """Write a submission's notebook, points and result; gives score and maximum."""
    name, student = one.assignment, one.student
    copy, graded = where.file("submitted", one), where.file("autograded", one)
    for path in (copy, graded, where.result(one)):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_atomically(copy, one.content())
    except Unreadable:
        copy.unlink(missing_ok=True)  # of an earlier submission
    for file in where.file("feedback", one).parent.glob("*.html"):
        file.unlink()  # of an earlier submission
    url = course.db_url(where.place)
    with Gradebook(url, "gaea") as gradebook:
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission(name, student)
    about = {"notebook": name, "assignment": name, "student": student, "db_url": url}
    notebook, _ = SaveAutoGrades().preprocess(ran.notebook, {"nbgrader": about})
    with Gradebook(url, "gaea") as gradebook:
        for lost in ran.lost:
            gradebook.find_grade(lost, name, name, student).needs_manual_grade = True
        gradebook.db.commit()
        submission = gradebook.find_submission(name, student)
        points = submission.score, submission.max_score
    write_atomically(graded, nbformat.writes(notebook).encode())
    result = {"digest": digest, "notes": ran.notes, "seconds": ran.seconds}
    write_atomically(where.result(one), json.dumps(result, indent=1).encode())
    return points


def give_feedback(one: Handed, where: Course) -> None:
    """Write a student's page, if there is none or points or comments have changed."""
    state = json.dumps(booked(one, where)[1:], sort_keys=True)
    result = told(where, one)
    page = where.file("feedback", one).with_suffix(".html")
    if result.get("feedback") == state and page.exists():
        return
    answer = course.api(where.place).generate_feedback(
        one.assignment, one.student, force=True
    )
    if not answer["success"]:
        raise RuntimeError(f"{one.student}: no feedback: {answer['error']}")
    text = json.dumps({**result, "feedback": state}, indent=1)
    write_atomically(where.result(one), text.encode())


def booked(
    one: Handed, where: Course
) -> tuple[bool, dict[str, tuple[float, float]], dict[str, str]]:
    """From the gradebook: whether a person must look, points and comments by cell."""
    with Gradebook(course.db_url(where.place), "gaea") as gradebook:
        name = one.assignment
        notebook = gradebook.find_submission_notebook(name, name, one.student)
        points = {g.name: (g.score, g.max_score) for g in notebook.grades}
        comments = {c.name: c.comment for c in notebook.comments if c.comment}
        return notebook.needs_manual_grade, points, comments


def rows(handed: Sequence[Handed], where: Course) -> Iterator[dict[str, Any]]:
    """One row of the table for every submission that is graded."""
    for one in handed:
        try:
            by_hand, points, _ = booked(one, where)
        except MissingEntry:
            continue
        parts = [f"{name} {got:g}/{of:g}" for name, (got, of) in sorted(points.items())]
        yield {
            "student": one.student,
            "assignment": one.assignment,
            "score": f"{sum(got for got, _ in points.values()):g}",
            "of": f"{sum(of for _, of in points.values()):g}",
            "by_hand": "yes" if by_hand else "",
            "parts": "; ".join(parts),
            "notes": " ".join(told(where, one).get("notes", [])),
        }


def write_table(handed: Sequence[Handed], where: Course) -> Path:
    """Write grades.csv into the course."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows(handed, where))
    path = where.place / "grades.csv"
    write_atomically(path, text.getvalue().encode())
    return path


def graded_before(where: Course) -> list[Handed]:
    """Everything in the course that has a result, also from earlier folders."""
    results = sorted((where.place / "results").glob("*/*.json"))
    found = [Handed(file.stem, file.parent.name, file) for file in results]
    return [replace(one, path=where.file("submitted", one)) for one in found]
