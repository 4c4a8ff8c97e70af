"""From a folder of submissions to points, feedback and a table."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from classroom import course, grading, sandbox
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("box")]
TINY = Path(__file__).with_name("tiny.md")
FULL = {"double": 2, "half": 3, "why": 0}  # a person has not looked at "why" yet
ALL = 5


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a course of one small assignment, made once."""
    folder = tmp_path_factory.mktemp("ready")
    (folder / "assignments").mkdir()
    (folder / "assignments" / "tiny.md").write_text(TINY.read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAEA_ASSIGNMENTS", str(folder / "assignments"))
        course.generate("tiny", folder / "course")
    return folder


@pytest.fixture
def tiny(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of that course; gives the solved release, freshly made at each call."""
    shutil.copytree(ready, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("GAEA_ASSIGNMENTS", str(tmp_path / "assignments"))
    _, release = course.generate("tiny", tmp_path / "course")

    def solved(**answers: str) -> Any:
        notebook = nbformat.from_dict(json.loads(nbformat.writes(release)))
        right = {
            "answer_double": "def double(x): return 2 * x",
            "answer_half": "def half(x): return x / 2",
            "why": "Because.",
            **answers,
        }
        for name, text in right.items():
            cell(notebook, name.replace("_", "-")).source = text
        return notebook

    solved.release = release  # type: ignore[attr-defined]
    return solved


def cell(notebook: Any, name: str) -> Any:
    return course.graded(notebook)[name]


def put(folder: Path, student: str, notebook: Any) -> None:
    (folder / student).mkdir(parents=True, exist_ok=True)
    text = notebook if isinstance(notebook, str) else json.dumps(notebook)
    (folder / student / "tiny.ipynb").write_text(text)


def table(tmp_path: Path) -> dict[str, dict[str, str]]:
    """grades.csv by student; every student is in it once."""
    with open(tmp_path / "course" / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({row["student"] for row in rows})
    return {row["student"]: row for row in rows}


def in_colab(notebook: Any) -> Any:
    """The same notebook as Colab saves it."""
    made = json.loads(nbformat.writes(notebook))
    made["nbformat_minor"] = 0
    made["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}
    for number, one in enumerate(made["cells"]):
        del one["id"]
        one["metadata"] |= {"id": f"c{number}", "outputId": f"o{number}"}
    return made


def without_marks(notebook: Any) -> Any:
    for one in notebook.cells:
        one.metadata = {}
    return notebook


def test_a_class_with_everything_that_goes_wrong(
    tiny: Any, tmp_path: Path, grader: Callable[..., int], capsys: Any
) -> None:
    folder = tmp_path / "handed"
    fork = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    wrong_test = tiny(answer_double="def double(x): return 0")
    cell(wrong_test, "double").source = "assert True"
    deleted = tiny()
    deleted.cells.remove(cell(deleted, "double"))
    copied = tiny()
    copied.cells.append(new_code_cell("assert False", id="copy"))
    copied.cells[-1].metadata["nbgrader"] = {"grade_id": "double"}
    html = tiny(why="<script>alert('x')</script><b>Because</b>")
    hides = "get_ipython().ast_transformers.append(type('T', (), {'visit': "
    hides += "lambda s, n: __import__('ast').parse('')})())"
    expected: dict[str, tuple[Any, dict[str, int], str]] = {
        "right": (tiny(), FULL, ""),
        "blank": (tiny.release, {}, ""),
        "one-wrong": (
            tiny(answer_half="def half(x): return x // 2"),
            {"double": 2},
            "",
        ),
        "raises": (tiny(answer_half="1 / 0"), {"double": 2}, ""),
        "syntax": (tiny(answer_half="def half(x:"), {"double": 2}, ""),
        "loop": (
            tiny(answer_half="def half(x):\n    while True: pass"),
            {"double": 2},
            "",
        ),
        "memory": (
            tiny(answer_half="def half(x): return bytearray(10**11)"),
            {"double": 2},
            "",
        ),
        "forks": (tiny(answer_half=fork), {"double": 2}, "stopped: more than 24 proc"),
        "exits": (
            tiny(answer_half="import os; os._exit(0)"),
            {"double": 2},
            "stopped: the process that runs",
        ),
        "own-test": (wrong_test, {"half": 3}, "test cell double had been changed"),
        "deleted": (deleted, FULL, "Missing: double. Missing tests were put back"),
        "copied": (copied, FULL, "More than once: double"),
        "no-marks": (without_marks(tiny()), FULL, "lost the names of all its graded"),
        "colab": (in_colab(tiny()), FULL, ""),
        "no-notebook": ("hello", {}, "not a notebook"),
        "hides": (tiny(answer_double=hides), {}, "changes how tests work"),
        "html": (html, FULL, ""),
    }
    for student, (notebook, _, _) in expected.items():
        put(folder, student, notebook)
    put(folder, "stray", tiny())
    (folder / "stray" / "tiny.ipynb").rename(folder / "stray" / "x.ipynb")
    began = time.monotonic()
    assert grader(folder, "--cell-seconds", 3) == 1, "one file was not graded"
    assert time.monotonic() - began < 120
    said = capsys.readouterr().out
    assert "not graded: stray/x.ipynb" in said

    rows = table(tmp_path)
    assert set(rows) == set(expected)
    for student, (_, points, note) in expected.items():
        row = rows[student]
        most = {"double": 2, "half": 3, "why": 4}
        parts = [f"{name} {points.get(name, 0)}/{of}" for name, of in most.items()]
        assert row["parts"] == "; ".join(parts), student
        assert row["score"] == str(sum(points.values())) and row["of"] == "9"
        assert note in row["notes"] and bool(note) == bool(row["notes"]), student
        page = tmp_path / "course" / "feedback" / student / "tiny" / "tiny.html"
        assert page.exists()
        assert not note or note.split(":")[-1].strip() in page.read_text(), student
    # Whoever left the words alone has no points for them; the others are looked at.
    assert [s for s, row in rows.items() if not row["by_hand"]] == ["blank"]
    feedback = tmp_path / "course" / "feedback"
    assert "<script>alert" not in (feedback / "html/tiny/tiny.html").read_text()
    assert "TimeLimit" in (feedback / "loop/tiny/tiny.html").read_text()


FORGED = {
    "numpy": "import numpy as np\nnp.allclose = lambda *a, **k: True",
    "builtins": "import builtins\nbuiltins.abs = lambda x: 0",
    "package": (
        "from gaea_mini import handin\nimport contextlib\n"
        "handin.standing_in = lambda *a, **k: contextlib.nullcontext()"
    ),
    "submodule": "import gaea_mini.simplex as s\ns.steps.eg_step = lambda *a: 1",
    "no-asserts": (
        "import ast\nclass T(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node):\n"
        "        return ast.copy_location(ast.Pass(), node)\n"
        "get_ipython().ast_transformers.append(T())"
    ),
    "builtin-name": "abs = lambda x: 0",
    "file": (
        "import importlib, pathlib, sys\n"
        "place = pathlib.Path('/tmp/gaea_mini')\nplace.mkdir(exist_ok=True)\n"
        "(place / '__init__.py').write_text('')\nsys.path.insert(0, '/tmp')\n"
        "del sys.modules['gaea_mini']\nimportlib.import_module('gaea_mini')"
    ),
    "no-errors": (
        "get_ipython().run_cell = lambda *a, **k: type('', (), {'success': True})"
    ),
    "answers-sent-before": (
        "import os\nfor fd in range(3, 64):\n    try:\n"
        "        os.write(fd, b'{\"outputs\": []}\\n' * 40)\n"
        "    except OSError: pass"
    ),
    "answers-sent-later": (
        "import os, time\nif os.fork() == 0:\n    while True:\n"
        "        for fd in range(3, 64):\n            try:\n"
        "                os.write(fd, b'{\"outputs\": []}\\n')\n"
        "            except OSError: pass\n        time.sleep(0.01)"
    ),
}
HARMLESS = {
    "atexit": "import atexit, os\natexit.register(os._exit, 0)",
    "signals": (
        "import signal\nfor number in range(1, 32):\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass"
    ),
    "graders-own": (
        "import sys, types\nsys.modules['nbgrader'] = types.ModuleType('nbgrader')\n"
        "import IPython.display\nIPython.display.display = print"
    ),
    "shadows": "all = any = abs = numpy = sys = 3",
    "much-output": (
        "print('x' * 10**8)\nfrom IPython.display import display\n"
        "for _ in range(500): display('y' * 10**5)"
    ),
    "half-a-letter": "print('\\ud83d \\x00 \\x1b[31m')",
    "busy": "import os\nfor _ in range(9):\n    if os.fork() == 0:\n        while 1: 1",
    "magics": "%load_ext autoreload\n!kill -9 1; ls /",
}


def test_points_cannot_be_forged_in_a_few_lines(
    tiny: Any, tmp_path: Path, grader: Callable[..., int]
) -> None:
    folder, right = tmp_path / "handed", "\ndef double(x): return 2 * x"
    wrong = "\ndef double(x): return 3"
    for name, code in FORGED.items():
        put(folder, name, tiny(answer_double=code + wrong))
    # Each test is looked at by itself, so it does not help to end early or to tidy up.
    for name, code in {
        "ends-early": "import os; os._exit(0)",
        "tidies-up": "np.allclose = kept",
    }.items():
        forged = "\nkept, np.allclose = np.allclose, lambda *a, **k: True"
        forged += "\ndouble = lambda x: 2 if x == 1 else 0"
        notebook = tiny(answer_double=forged)
        notebook.cells.append(new_code_cell(code, id="last"))
        put(folder, name, notebook)
    fake = "\nclass np: allclose = lambda *a, **k: True\ndouble = lambda x: 2 // x"
    put(folder, "own-numpy", tiny(answer_double=fake))
    equal = "\nclass Yes:\n    def __eq__(self, other): return True"
    put(folder, "equal-to-all", tiny(answer_half=equal + "\nhalf = lambda x: Yes()"))
    for name, code in HARMLESS.items():
        put(folder, name, tiny(answer_double=code + right))
    evil = tiny(answer_double=wrong)
    evil.metadata.kernelspec = {"name": "evil", "display_name": "evil"}
    for one in evil.cells:
        if "points" in one.metadata.get("nbgrader", {}):
            one.metadata.nbgrader.update(points=1000, locked=False, grade=False)
    put(folder, "own-points", evil)
    assert grader(folder) == 0
    rows = table(tmp_path)
    for name in FORGED:
        assert rows[name]["score"] == "0", name
        told = "how tests work" if "sent" not in name else "grader's own pipe"
        assert told in rows[name]["notes"], name
    for name in ("numpy", "ends-early", "tidies-up"):
        assert rows[name]["score"] == "0", name
        assert "(changed: numpy.allclose)" in rows[name]["notes"]
    assert "(changed: abs)" in rows["builtin-name"]["notes"]
    assert "(changed: gaea_mini" in rows["file"]["notes"]
    for name in HARMLESS:
        assert rows[name]["score"] == str(ALL), name
        assert "stopped" not in rows[name]["notes"], name
    assert not rows["shadows"]["notes"] and not rows["magics"]["notes"]
    assert rows["own-numpy"]["parts"] == "double 0/2; half 3/3; why 0/4"
    # This cannot be found out by running it, but it is pointed at.
    assert (
        "The code uses __eq__, which no answer needs" in rows["equal-to-all"]["notes"]
    )
    assert rows["own-points"]["parts"] == "double 0/2; half 3/3; why 0/4"


def test_who_was_slow_beside_others_runs_once_more_alone(
    tiny: Any,
    tmp_path: Path,
    grader: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    folder, real, runs = tmp_path / "handed", grading.run, []
    slow = "import time\ndef double(x):\n    time.sleep(3)\n    return 2 * x"
    for student in ("anna", "bert", "slow"):
        put(folder, student, tiny(answer_double=slow if student == "slow" else "1"))

    def beside(one: Any, source: Any, release: Any, where: Any) -> Any:
        runs.append(one.student)
        # The first time as if others had taken the processor.
        seconds = 1.0 if runs.count("slow") == 1 and one.student == "slow" else 30.0
        limits = replace(where.limits, cell=seconds)
        return real(one, source, release, replace(where, limits=limits))

    monkeypatch.setattr(grading, "run", beside)
    assert grader(folder) == 0
    assert sorted(runs[:3]) == ["anna", "bert", "slow"] and runs[3:] == ["slow"]
    assert "tiny slow: ran short beside others; again" in capsys.readouterr().out
    assert table(tmp_path)["slow"]["parts"] == "double 2/2; half 3/3; why 0/4"


def test_points_by_a_person_stay_and_reach_feedback_and_table(
    tiny: Any, tmp_path: Path, grader: Callable[..., int], capsys: Any
) -> None:
    folder = tmp_path / "handed"
    put(folder, "anna", tiny())
    assert grader(folder) == 0
    place = tmp_path / "course"
    with Gradebook(course.db_url(place), "gaea") as gradebook:
        gradebook.find_grade("why", "tiny", "tiny", "anna").manual_score = 3
        note = gradebook.find_comment("why", "tiny", "tiny", "anna")
        note.manual_comment = "Well put."
        gradebook.db.commit()
    page = place / "feedback/anna/tiny/tiny.html"
    assert "Well put." not in page.read_text()
    capsys.readouterr()
    assert grader(folder) == 0
    assert "1 of 1 are graded already" in capsys.readouterr().out
    assert table(tmp_path)["anna"]["score"] == "8"
    assert "Well put." in page.read_text()
    # A better version of the notebook is run again; the person's points stay.
    put(folder, "anna", tiny(answer_half="def half(x): return 0"))
    assert grader(folder) == 0
    assert table(tmp_path)["anna"]["parts"] == "double 2/2; half 0/3; why 3/4"
    assert table(tmp_path)["anna"]["by_hand"] == "yes", "to be looked at again"


def test_nbgraders_own_autograde_runs_no_students_code(
    tiny: Any, tmp_path: Path, grader: Callable[..., int], capsys: Any
) -> None:
    """The form grader has a button for it, and there is no sandbox around that."""
    folder, trace = tmp_path / "handed", tmp_path / "trace"
    put(folder, "anna", tiny(answer_double=f"open({str(trace)!r}, 'w')"))
    assert grader(folder) == 0
    place = tmp_path / "course"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", "tiny", "--force"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "only-make-grade-runs-code" in done.stderr and not trace.exists()
    # It takes its copy away; the next run makes it again.
    (graded,) = [place / "autograded/anna/tiny/tiny.ipynb"]
    assert not graded.exists()
    assert grader(folder) == 0 and graded.exists()


def test_feedback_that_fails_costs_nobody_else_anything(
    tiny: Any,
    tmp_path: Path,
    grader: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    for student in ("anna", "bert"):
        put(tmp_path / "handed", student, tiny())
    real = grading.give_feedback

    def broken(one: Any, where: Any) -> None:
        if one.student == "anna":
            raise RuntimeError("no template")
        real(one, where)

    monkeypatch.setattr(grading, "give_feedback", broken)
    assert grader(tmp_path / "handed") == 1
    assert "not graded: tiny anna: RuntimeError" in capsys.readouterr().out
    assert {row["score"] for row in table(tmp_path).values()} == {str(ALL)}
    assert (tmp_path / "course/feedback/bert/tiny/tiny.html").exists()


def test_a_hostile_submission_finds_nothing(
    tiny: Any, tmp_path: Path, grader: Callable[..., int], monkeypatch: Any
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "secret-token")
    folder = tmp_path / "handed"
    place = tmp_path / "course"
    places = [place / "source/tiny/tiny.ipynb", place / "gradebook.db", place]
    places += [folder / "anna/tiny.ipynb", TINY, tmp_path / "assignments/tiny.md"]
    spy = f"""
import os, socket
found = []
for path in {list(map(str, places))}:
    if os.path.exists(path):
        found.append(path)
for top in ("/tmp", "/home", "/root", "/work", "/var", "/run", "/grader", "/proc/self"):
    for here, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in (".venv", ".pyenv", "task")]
        for name in files:
            try:
                text = open(os.path.join(here, name), "rb").read(10**6)
            except OSError:
                continue
            for first, second in (("hidden", "sentence"), ("answer", "of-anna")):
                if f"{{first}}-{{second}}".encode() in text:
                    found.append(f"{{here}}/{{name}}")
if "SECRET_TOKEN" in os.environ:
    found.append("environment")
for address in [("192.0.2.1", 80), ("127.0.0.1", 22)]:
    try:
        socket.create_connection(address, timeout=1)
        found.append(address)
    except OSError:
        pass
print("FOUND", found)
def double(x): return 2 * x
"""
    put(folder, "anna", tiny(why="answer-of-anna"))
    put(folder, "mallory", tiny(answer_double=spy))
    assert grader(folder) == 0
    assert table(tmp_path)["mallory"]["parts"] == "double 2/2; half 3/3; why 0/4"
    graded = nbformat.read(place / "autograded/mallory/tiny/tiny.ipynb", 4)
    (output,) = cell(graded, "answer-double").outputs
    assert output.text.strip() == "FOUND []"


def test_a_killed_run_continues(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, place = tmp_path / "handed", tmp_path / "course"
    students = [f"s{n}" for n in range(5)]
    for number, student in enumerate(students):
        half = "x / 2" if number % 2 else "0"
        put(folder, student, tiny(answer_half=f"def half(x): return {half}"))
    command = [sys.executable, str(course.ROOT / "tools" / "grade.py"), str(folder)]
    command += ["--jobs", "1"]
    given = {**os.environ, "GAEA_COURSE": str(place)}
    given |= {"PYTHONPATH": str(course.ROOT), "PATH": "/usr/bin:/bin"}
    results = place / "results" / "tiny"
    first = subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while len(list(results.glob("*.json"))) < 2 and time.monotonic() < end:
        assert first.poll() is None, "it was over before it was killed"
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = {path: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert 2 <= len(done) < 5
    bytes_before = {path: path.read_bytes() for path in done}

    said = subprocess.run(
        command, env=given, capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert f"{len(done)} of 5 are graded already" in said
    assert said.count(" of 9") == 5 - len(done), "no submission was run twice"
    for path, before in bytes_before.items():
        digest = json.loads(before)["digest"]
        assert json.loads(path.read_text())["digest"] == digest
    rows = table(tmp_path)
    assert [rows[s]["score"] for s in students] == ["2", "5", "2", "5", "2"]
    with Gradebook(course.db_url(place), "gaea") as gradebook:
        assert len(gradebook.assignment_submissions("tiny")) == 5


def test_killed_between_gradebook_and_result_no_point_is_doubled(
    tiny: Any,
    tmp_path: Path,
    grader: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    folder = tmp_path / "handed"
    put(folder, "anna", tiny())
    write = grading.write_atomically

    def killed(path: Path, content: bytes) -> None:
        if path.parent.parent.name == "results":
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(grading, "write_atomically", killed)
        assert grader(folder) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "course" / "grades.csv").exists()
    assert grader(folder) == 0
    assert table(tmp_path)["anna"]["score"] == str(ALL)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no folder: make grade SUBMISSIONS="),
        (["absent"], "there is no such folder"),
        (["absent", "--jobs", "0"], "--jobs"),
    ],
)
def test_bad_input_is_one_line(
    tiny: Any,
    grader: Callable[..., int],
    capsys: Any,
    arguments: list[str],
    told: str,
) -> None:
    assert grader(*arguments) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_one_course_one_run(
    tiny: Any, tmp_path: Path, grader: Callable[..., int], capsys: Any
) -> None:
    put(tmp_path / "handed", "anna", tiny())
    with grading.held(tmp_path / "course"):
        assert grader(tmp_path / "handed") == 2
    error = capsys.readouterr().err
    assert "another run is grading" in error and error.count("\n") == 1
    assert grader(tmp_path / "handed") == 0


@pytest.mark.parametrize("damage", ["a file", "no gradebook", "in the folder"])
def test_a_course_that_cannot_be_used_is_one_line(
    tiny: Any,
    tmp_path: Path,
    grader: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    damage: str,
) -> None:
    put(tmp_path / "handed", "anna", tiny())
    place, folder = tmp_path / "other", tmp_path / "handed"
    if damage == "a file":
        place.write_text("")
    elif damage == "no gradebook":
        place.mkdir()
        (place / "gradebook.db").write_text("hello" * 1000)
    else:
        place = folder / "course"
    monkeypatch.setenv("GAEA_COURSE", str(place))
    assert grader(folder) == 2
    error = capsys.readouterr().err
    told = {"a file": "it is a file", "no gradebook": "damaged or no gradebook"}
    assert told.get(damage, "the course with its grades lies in it") in error
    assert error.count("\n") == 1


def test_points_by_hand_need_a_course(
    tmp_path: Path,
    grader: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    started = []

    def becomes(program: str, arguments: list[str]) -> None:
        started.append((Path.cwd(), arguments[1:]))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "execv", becomes)
    monkeypatch.chdir(tmp_path)
    assert grader("--by-hand") == 2
    assert "nothing is graded in" in capsys.readouterr().err and not started
    place = tmp_path / "course"
    with grading.held(place):
        pass
    assert grader("--by-hand") == 130
    assert started == [(place, ["-m", "jupyterlab", f"--ServerApp.root_dir={place}"])]
    assert (place / "nbgrader_config.py").exists()


def test_without_a_sandbox_only_if_told(
    tiny: Any,
    tmp_path: Path,
    grader: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    folder = tmp_path / "handed"
    put(folder, "anna", tiny())
    monkeypatch.setattr(sandbox, "missing", lambda: "none here")
    assert grader(folder) == 2
    assert "no sandbox: none here" in capsys.readouterr().err
    assert not (tmp_path / "course" / "grades.csv").exists()
    assert grader(folder, "--no-sandbox") == 0
    assert "submissions can do on this machine" in capsys.readouterr().out
    assert table(tmp_path)["anna"]["score"] == str(ALL)


def test_a_course_in_the_repository_is_refused(
    grader: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("GAEA_COURSE", str(course.ROOT / "_build" / "course"))
    assert grader("x") == 2
    assert "lies in the repository" in capsys.readouterr().err


def test_the_course_is_among_the_users_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GAEA_COURSE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert course.folder() == tmp_path / "gaea_mini" / "course"
