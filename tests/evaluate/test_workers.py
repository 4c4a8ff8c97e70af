"""Tasks side by side, and on a Dask cluster whose workers vanish or cannot read."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from gaea_mini.data import load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import workers as module
from gaea_mini.evaluate.rounding import train_weights_at, trained_supernet
from gaea_mini.evaluate.workers import count_workers, side_by_side, workers
from gaea_mini.recipes import CHAPTER
from gaea_mini.search import darts, gdas
from gaea_mini.supernet import space

DASK = (sys.executable, "-m", "dask")
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def slow_first(number):
    time.sleep(0.5 * (number == 0))
    return number, os.getpid()


def test_side_by_side_keeps_the_order_and_leaves_this_process():
    found = side_by_side(slow_first, range(3))
    assert [number for number, _ in found] == [0, 1, 2]
    assert os.getpid() not in {process for _, process in found}


def test_a_supernet_from_another_process_has_the_same_bits_and_can_be_trained_on():
    pictures = load("fashion", CHAPTER.size, CHAPTER.pictures)
    assert pictures.x.nbytes > 2**20, "joblib would hand it over through a file"
    budget = replace(CHAPTER, channels=2, epochs=1, held_out=0.9)

    def trained(method):
        return trained_supernet(space("compact"), pictures, method, budget)

    methods = (darts(), gdas())
    pairs = zip(side_by_side(trained, methods), map(trained, methods), strict=True)
    for far, near in pairs:
        assert all(map(torch.equal, far.weights, near.weights))
        assert far.accuracy(far.theta()) == near.accuracy(near.theta())
        for state in (far, near):
            train_weights_at(state, state.theta())
        assert all(map(torch.equal, far.network.parameters(), near.weights))


def test_a_process_that_is_killed_is_one_line():
    with pytest.raises(InputError, match="a worker process was killed"):
        side_by_side(os._exit, [1])


def test_without_joblib_it_goes_one_after_another(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    found = side_by_side(slow_first, range(2))
    assert found == [(0, os.getpid()), (1, os.getpid())]


def start_worker(file, threads, **options):
    """A Dask worker of the scheduler that writes this file."""
    given = ("--no-nanny", "--nthreads", str(threads), "--scheduler-file", str(file))
    command = [*DASK, "worker", *given, "--no-dashboard"]
    return subprocess.Popen(command, **options, **QUIET)


@contextmanager
def bare_cluster(folder, path=None, threads=1):
    """A scheduler and one worker that nobody starts anew: address and worker."""
    pytest.importorskip("distributed")
    file = folder / "scheduler.json"
    env = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    given = ("--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    scheduler = subprocess.Popen([*DASK, "scheduler", *given], env=env, **QUIET)
    worker = start_worker(file, threads, env=env, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline and scheduler.poll() is None
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], worker
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_when_all_workers_are_gone_none_is_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(module, "PATIENCE", 3.0)
    with bare_cluster(tmp_path) as (address, worker):
        with workers(address, 1) as run:
            assert count_workers(address) == 1
            results = run(max, [(number, 7) for number in range(5)])
            assert sorted(results) == [7] * 5
            results = run(time.sleep, [(0.0,), (60.0,)])
            assert next(results) is None
            worker.kill()
            began = time.monotonic()
            with pytest.raises(InputError, match="all Dask workers are gone, and with"):
                next(results)
            assert time.monotonic() - began > 2


HIDE = """
import sys

class Hide:
    def find_spec(self, name, *_):
        if name == "gaea_mini":
            raise ModuleNotFoundError("no module named gaea_mini")

sys.meta_path.insert(0, Hide())
"""


@pytest.mark.slow
def test_what_is_done_is_not_done_again_when_its_worker_is_lost(tmp_path):
    def task(number):
        with (tmp_path / "begun").open("a") as file:
            file.write(f"{number} ")
        while number and not (tmp_path / "go").exists():
            time.sleep(0.02)
        return number

    with bare_cluster(tmp_path) as (address, first), workers(address, 1) as run:
        found = run(task, [(0,), (1,)])
        assert next(found) == 0
        while "1" not in (tmp_path / "begun").read_text():
            time.sleep(0.02)
        file = tmp_path / "scheduler.json"
        later = start_worker(file, 1, env=os.environ, cwd=tmp_path)
        try:
            first.kill()
            (tmp_path / "go").touch()
            assert list(found) == [1]
        finally:
            later.kill()
            later.wait()
    assert (tmp_path / "begun").read_text().split() == ["0", "1", "1"]


@pytest.mark.slow
def test_workers_without_the_package_are_refused_at_once(tmp_path):
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text(HIDE)
    with bare_cluster(tmp_path, tmp_path / "hide") as (address, worker):
        with pytest.raises(InputError, match="a Dask worker has no gaea_mini; inst"):
            with workers(address, 1):
                pass
        assert worker.poll() is None


@pytest.mark.slow
def test_what_a_task_raises_comes_out_as_it_is(tmp_path):
    with bare_cluster(tmp_path) as (address, _), workers(address, 1) as run:
        with pytest.raises(ZeroDivisionError):
            next(run(divmod, [(1, 0)]))
        with pytest.raises(FileNotFoundError, match="no such place"):
            next(run(os.listdir, [("no such place",)]))


@pytest.mark.slow
def test_workers_with_several_threads_are_refused(tmp_path):
    """Their tasks would take numbers from one generator. Also one that comes later."""
    says = "a Dask worker has 2 threads, .*--nthreads 1'$"
    (tmp_path / "two").mkdir()
    with bare_cluster(tmp_path / "two", threads=2) as (address, _):
        with pytest.raises(InputError, match=says) as info, workers(address, 1):
            pass
        assert f"'dask worker {address} --nthreads 1'" in str(info.value)
    with bare_cluster(tmp_path) as (address, first), workers(address, 1) as run:
        assert list(run(max, [(1, 2)])) == [2]
        file = tmp_path / "scheduler.json"
        later = start_worker(file, 2, env=os.environ, cwd=tmp_path)
        try:
            first.kill()
            with pytest.raises(InputError, match=says):
                next(run(max, [(1, 2)]))
        finally:
            later.kill()
            later.wait()
