"""Real accidents in real processes: killed, out of space, stopped, without a place."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gaea_mini import checkpoints
from gaea_mini.cli import main
from gaea_mini.data import load
from gaea_mini.search import Budget, Run, darts, gaea, search
from gaea_mini.supernet import space

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

ROOT = str(Path(__file__).resolve().parent.parent)
SMALL = "search --epochs 2 --channels 2 --pictures 100 --batch 8 --lr-theta 1".split()
EPOCHS = 40
LONG = [*SMALL, "--epochs", str(EPOCHS), "--seed", "4"]

# As ``python -m gaea_mini``, but writes at most so many bytes to any one file.
LIMITED = """
import resource, sys
from gaea_mini.cli import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
raise SystemExit(main())
"""


def command(
    *arguments: object, limit: int | None = None, **options
) -> subprocess.Popen:
    start = ["-m", "gaea_mini"] if limit is None else ["-c", LIMITED, str(limit)]
    return subprocess.Popen(
        [sys.executable, *start, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def errors(text: str) -> list[str]:
    """The lines of standard error that are not the progress bar."""
    lines = text.replace("\r", "\n").splitlines()
    return [line for line in lines if line.strip() and "%|" not in line]


def kill_when(process: subprocess.Popen, ready, patience: float = 300) -> None:
    """SIGKILL as soon as ``ready()``; the process must still be at work then."""
    deadline = time.monotonic() + patience
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the search did not get so far"
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was done before it was killed"


@pytest.mark.slow
def test_kill_9_in_mid_search_then_resume_gives_the_same_theta(tmp_path):
    """Killed twice, at whatever it was doing; the end is bit for bit the same."""
    file, out = tmp_path / "c.pt", tmp_path / "run.json"
    files = ("--checkpoint", file, "--out", out)
    kill_when(command(*LONG, *files), file.exists)
    first = file.stat()
    assert not out.exists()

    # The next process reads the first checkpoint and has written a later one.
    def later() -> bool:
        return file.stat().st_mtime_ns > first.st_mtime_ns

    kill_when(command(*LONG, *files), later)
    assert not out.exists()
    # A kill may leave a temporary file, never a damaged checkpoint.
    left = {path.name for path in tmp_path.iterdir()} - {"c.pt", "c.pt.before"}
    assert all(name.startswith(".c.pt.") for name in left)

    last = command(*LONG, *files)
    _, err = last.communicate()
    assert last.returncode == 0, err
    resumed = Run.load(out)

    budget = Budget(**{name: resumed.config[name] for name in Budget.names()})
    straight_file = tmp_path / "straight.pt"
    *_, straight = search(
        space("compact"),
        load("fashion", budget.size, budget.pictures),
        gaea(darts(), lr=1.0),
        budget,
        seed=4,
        checkpoint=straight_file,
    )
    assert straight.epoch == resumed.epoch == EPOCHS
    for name in ("theta", "entropy", "genotype", "loss_w", "loss_theta"):
        assert getattr(straight, name) == getattr(resumed, name), name
    assert straight.accuracy_supernet == resumed.accuracy_supernet
    one, other = (
        checkpoints.load(path, straight.config)["state"]
        for path in (file, straight_file)
    )
    for theta, expected in zip(one["parameters"], other["parameters"], strict=True):
        assert theta.equal(expected), "not the same to the last bit"
    for name, weight in one["network"].items():
        assert weight.equal(other["network"][name]), name


@pytest.mark.slow
def test_a_full_disk_keeps_the_checkpoint_and_the_record_before(tmp_path):
    """The kernel lets no file grow beyond the limit, as on a full disk."""
    file, out = tmp_path / "c.pt", tmp_path / "run.json"
    files = ("--checkpoint", file, "--out", out)
    assert main([*SMALL, *map(str, files)]) == 0
    straight = Run.load(out)
    # As after the first of two epochs.
    file.with_name("c.pt.before").replace(file)
    before = file.read_bytes()
    out.write_text("the record before")
    for limit in (1000, 10_000):
        process = command(*SMALL, *files, limit=limit)
        stdout, err = process.communicate()
        assert process.returncode == 2, err
        (line,) = errors(err)
        assert line.startswith(f"gaea_mini: {file}: File too large")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["c.pt", "run.json"]
        assert file.read_bytes() == before and len(before) > limit
        if limit == 1000:  # there is no room for a record either
            assert line.endswith("File too large")
            assert out.read_text() == "the record before"
        else:
            assert line.endswith(f"; the record of the first 2 epochs is in {out}")
            assert Run.load(out).epoch == 2
    # With room again it goes on from there: the time of the first epoch is the old one.
    process = command(*SMALL, *files)
    _, err = process.communicate()
    assert process.returncode == 0, err
    resumed = Run.load(out)
    assert resumed.theta == straight.theta
    assert resumed.seconds[:2] == straight.seconds[:2]

    # Room for the checkpoint before, not for the record at the end, nor elsewhere.
    spare = tmp_path / "spare"
    spare.mkdir()
    out.write_text("the record before")
    process = command(
        *SMALL, "--out", out, limit=1000, env={**os.environ, "TMPDIR": str(spare)}
    )
    stdout, err = process.communicate()
    assert process.returncode == 2
    (line,) = errors(err)
    assert "File too large" in line and "Traceback" not in err
    assert out.read_text() == "the record before"
    assert list(spare.iterdir()) == []
    assert stdout.startswith("cell |"), "the cell was found and must be told"


@pytest.mark.slow
def test_a_page_that_does_not_fit_keeps_the_page_before(tmp_path):
    out, page = tmp_path / "run.json", tmp_path / "out.html"
    assert main([*SMALL, "--out", str(out)]) == 0
    page.write_text("the page before")
    process = command("show", out, "--html", page, limit=1000)
    _, err = process.communicate()
    assert process.returncode == 2
    (line,) = errors(err)
    assert "out.html" in line and "File too large" in line
    assert page.read_text() == "the page before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.html", "run.json"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_record_and_checkpoint(number, tmp_path, capsys):
    file, out = tmp_path / "c.pt", tmp_path / "run.json"
    # Long enough not to be over before the signal arrives.
    endless = (*SMALL, "--epochs", "5000", "--seed", "4")
    process = command(
        *(*endless, "--checkpoint", file, "--out", out),
        start_new_session=True,
        # A shell starts its background jobs deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 300
    while not file.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors(err)[-1] == "gaea_mini: stopped" and "Traceback" not in err
    names = {path.name for path in tmp_path.iterdir()}
    assert "run.json" in names <= {"c.pt", "c.pt.before", "run.json"}
    assert f"the record of the first {Run.load(out).epoch} epochs is in {out}" in err
    assert main([*endless, "--seed", "5", "--checkpoint", str(file)]) == 2
    err = capsys.readouterr().err
    assert "seed 4 there, 5 here" in err, "the checkpoint can be read"


@pytest.mark.parametrize(
    "arguments",
    [(*SMALL, "--lr-w", "1e37"), ("lookup", "3", "--nb201", "gone.csv.gz")],
    ids=lambda arguments: " ".join(arguments[-2:]),
)
def test_the_process_ends_with_status_2_and_one_line(tmp_path, arguments):
    process = command(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT})
    out, err = process.communicate()
    assert process.returncode == 2 and out == ""
    (line,) = errors(err)
    assert line.startswith("gaea_mini: ") and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
