"""Grade a folder of submissions, each in a sandbox.

    python tools/grade.py SUBMISSIONS      points, feedback and grades.csv
    python tools/grade.py --by-hand        open nbgrader's form grader on the results
    python tools/grade.py --times          how long a class of a hundred takes here

Results go to $GAEA_COURSE, by default a folder among the user's data. A run that was
interrupted continues where it was; a submission that has changed is graded again.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import NoReturn

warnings.filterwarnings("ignore", module="sqlalchemy|nbgrader")
warnings.filterwarnings("ignore", message=".*relationship.*")

from classroom import course, sandbox  # noqa: E402
from classroom.grading import Course, grade, graded_before, held, write_table  # noqa: E402
from classroom.handed import Handed, find  # noqa: E402

from gaea_mini.errors import InputError  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("submissions", nargs="?", help="a folder of notebooks")
    parser.add_argument("--times", action="store_true", help="grade ten made-up copies")
    parser.add_argument("--by-hand", action="store_true", help="give points yourself")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--cell-seconds", type=float, default=sandbox.Limits.cell)
    parser.add_argument("--no-sandbox", action="store_true", help="see the guide first")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # nbgrader's, about every cell with hidden tests
    limits = sandbox.Limits(cell=options.cell_seconds)
    confined = not options.no_sandbox
    try:
        if options.jobs < 1 or not options.cell_seconds > 0:
            raise InputError("--jobs and --cell-seconds must be above 0")
        if options.times:
            times(Course(Path(), limits, confined, options.jobs))
            return 0
        if options.by_hand:
            by_hand(course.folder())
        if not options.submissions:
            raise InputError("no folder: make grade SUBMISSIONS=path/of/the/folder")
        where = Course(course.folder(), limits, confined, options.jobs)
        folder = Path(options.submissions)
        if where.place.is_relative_to(folder.resolve()):
            raise InputError(
                f"SUBMISSIONS {folder}: the course with its grades lies in it; name "
                "the folder with what students handed in"
            )
        handed, problems = find(folder, course.assignments())
        if confined:
            sandbox.require([where.place, course.sources(), folder])
        else:
            print("No sandbox: submissions can do on this machine what you can.")
        with held(where.place):
            problems += grade(handed, where, lambda line: print(line, flush=True))
            table = write_table(graded_before(where), where)
        for problem in problems:
            print(f"not graded: {problem}")
        print(f"The table: {table}")
        if (where.place / "feedback").is_dir():
            print(f"The feedback: {where.place / 'feedback'}")
        return 1 if problems else 0
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 130


def by_hand(place: Path) -> NoReturn:
    """Become JupyterLab, with nbgrader's form grader, on a course."""
    if not (place / "gradebook.db").is_file():
        raise InputError(
            f"nothing is graded in {place} yet; run make grade SUBMISSIONS=folder first"
        )
    print(
        "In JupyterLab: Nbgrader, Formgrader, Manual Grading. Ctrl-C here ends it.",
        flush=True,
    )
    os.chdir(place)  # where nbgrader looks for its settings
    lab = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={place}"]
    os.execv(sys.executable, lab)


def times(where: Course) -> None:
    """Grade ten right submissions of the first assignment, and say how long it took."""
    if where.confined:
        sandbox.require([])
    name, _ = next(iter(course.assignments().items()))
    with tempfile.TemporaryDirectory() as folder:
        where = Course(Path(folder), where.limits, where.confined, where.jobs)
        course.generate(name, where.place)
        path = where.place / "source" / name / f"{name}.ipynb"
        began = time.monotonic()
        grade(
            [Handed(f"s{n}", name, path) for n in range(10)], where, lambda line: None
        )
        each = (time.monotonic() - began) / 10
    print(
        f"{name}: {each:.1f} s a submission with {where.jobs} at a time, feedback "
        f"included; a class of 100: {100 * each / 60:.1f} minutes"
    )


if __name__ == "__main__":
    sys.exit(main())
