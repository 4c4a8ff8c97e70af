"""Many searches: resumable, one record each, on processes and on a Dask cluster."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gaea_mini.cli import main
from gaea_mini.errors import InputError
from gaea_mini.search import Run, search
from gaea_mini.sweep import Point, search_point, sweep

ROOT = str(Path(__file__).resolve().parent.parent)
POINTS = [Point("compact", "gaea-darts", "bilevel", seed, epochs=1) for seed in (0, 1)]


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "gaea_mini", "sweep", "--out", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )


def in_this_process(monkeypatch):
    """Workers that are no processes, and a list of what they were given."""
    from contextlib import contextmanager

    from gaea_mini import sweep as module

    given = []

    @contextmanager
    def workers(scheduler, jobs):
        def run(task, arguments):
            for one in arguments:
                given.append(one[0])
                yield task(*one)

        yield run

    monkeypatch.setattr(module, "workers", workers)
    return given


def test_a_sweep_makes_the_records_that_search_makes(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    found = dict(sweep(POINTS, tmp_path))
    assert set(found) == set(POINTS)
    names = {f"compact-gaea-darts-bilevel-seed{seed}.json" for seed in (0, 1)}
    assert {path.name for path in tmp_path.iterdir()} == names, "checkpoints are left"
    for point in POINTS:
        *_, run = search(*point.arguments())
        record = Run.load(tmp_path / f"{point.name}.json")
        assert record.theta == run.theta and record.config["seed"] == point.seed


def test_what_has_a_record_is_not_searched_again(tmp_path, monkeypatch):
    given = in_this_process(monkeypatch)
    list(sweep(POINTS[:1], tmp_path))
    assert given == POINTS[:1]
    order = [point for point, _ in sweep(POINTS[::-1], tmp_path)]
    assert given == POINTS and order == POINTS
    # A record of other settings is not taken for it.
    longer = replace(POINTS[0], epochs=2)
    with pytest.raises(InputError, match=r"epochs 1 there, 2 here"):
        list(sweep([longer], tmp_path))


def test_a_search_that_fails_keeps_the_records_before(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    real = search_point

    def fail(point, folder, device):
        if point.seed == 1:
            raise InputError(f"{point.name}: the loss is not a finite number")
        return real(point, folder, device)

    monkeypatch.setattr("gaea_mini.sweep.search_point", fail)
    with pytest.raises(InputError) as info:
        list(sweep(POINTS, tmp_path))
    (line,) = str(info.value).splitlines()
    assert line.startswith(f"{POINTS[1].name}: ") and "1 of 2 records are in" in line
    assert (tmp_path / f"{POINTS[0].name}.json").exists()


def test_without_the_folder_a_worker_keeps_no_checkpoint(tmp_path):
    point, record = search_point(POINTS[0], str(tmp_path / "elsewhere"), "cpu")
    assert point == POINTS[0] and record["config"]["seed"] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seeds", "3-1"], "--seeds is '3-1'; give whole numbers"),
        (["--seeds", "1,1"], "each once"),
        (["--spaces", "moon"], "moon"),
        (["--methods", "gaea-darts", "gaea-rs-ws"], "gaea has no use"),
        (["--objectives", "trilevel"], "no objective 'trilevel'"),
        (["--preset", "huge"], "no preset 'huge'"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler at 'tcp://127.0.0.1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(tmp_path, capsys, monkeypatch, arguments, says):
    if "--scheduler" in arguments:
        pytest.importorskip("distributed")

        def refuse(address, timeout):
            raise OSError("nobody there")

        monkeypatch.setattr("distributed.Client", refuse)
    assert main(["sweep", "--out", str(tmp_path / "out"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gaea_mini: ") and says in line
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_dask_cluster_that_loses_a_worker_in_mid_run(tmp_path, dask_cluster):
    """Two workers on loopback; one is killed while it searches; no record is lost."""
    out = tmp_path / "out"
    with dask_cluster(workers=2, failures=3) as (_, address, workers):
        options = ("--seeds", "0-5", "--epochs", "30", "--scheduler", address)
        process = start(out, *options)
        deadline = time.monotonic() + 300
        # Both are at work: each has written the checkpoint of an epoch.
        while len(list(out.glob("*.pt"))) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(list(out.glob("*.json"))) < 6
        os.kill(workers[0], signal.SIGKILL)
        told, err = process.communicate(timeout=500)
        assert process.returncode == 0, err
    assert sorted(path.name for path in out.iterdir()) == [
        f"compact-gaea-darts-bilevel-seed{seed}.json" for seed in range(6)
    ]
    assert "6 of 6: " in told and "(6)" in told
    for seed in (0, 5):
        point = Point("compact", "gaea-darts", "bilevel", seed, epochs=30)
        *_, run = search(*point.arguments())
        assert Run.load(out / f"{point.name}.json").theta == run.theta


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_killed_sweep_goes_on(tmp_path):
    options = ("--seeds", "0-3", "--epochs", "6", "--jobs", "1")
    process = start(tmp_path, *options)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert 1 <= len(done) < 4
    process = start(tmp_path, *options)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert len(list(tmp_path.glob("*.json"))) == 4
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
