"""Two processes on the CPU (gloo) against one: the same search, in parts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gaea_mini import checkpoints
from gaea_mini.cli import main
from gaea_mini.errors import InputError
from gaea_mini.search import Run, darts, distributed, enas, search
from gaea_mini.search.distributed import ALONE, Ranks, joined
from gaea_mini.supernet import space

HERE = Path(__file__).resolve().parent
ROOT = str(HERE.parent.parent)
NAMES = ("bilevel", "one pass", "second order", "samples")
# Long enough that the search is not over when its process is killed.
EPOCHS = "12"
SMALL = "search --channels 2 --pictures 100 --batch 8 --device cpu".split()


def start(*arguments, count=2, **options):
    """``torchrun``, whose port is free because it chooses it."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([ROOT, str(HERE)])
    return subprocess.Popen(
        [*command, f"--nproc-per-node={count}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


def finish(process, patience=600):
    out, err = process.communicate(timeout=patience)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes ended with, one, and one whose batch norms work in parts."""
    results = {}
    for way, count in (("plain", 2), ("plain", 1), ("parts", 1)):
        folder = tmp_path_factory.mktemp(f"{way}-{count}")
        status, _, err = finish(start(HERE / "ranks.py", folder, way, count=count))
        assert status == 0, err
        results[way, count] = {
            (name, rank): torch.load(folder / f"{name}-{rank}-of-{count}.out")
            for name in NAMES
            for rank in range(count)
        }
        assert not any("1" in p.name for p in folder.glob("*.pt*")), "of process 1"
    return results


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_are_one_with_the_same_batches(found, name):
    """The same pictures, crops, samples and steps: equal to rounding, 1e-4.

    The second order divides a difference of two gradients by a small number, and the
    rounding with it: 1e-2. Whole batch norms change theta by more, see the last line.

    The one process sees whole batches; its batch norms standardise their halves apart,
    because those of two processes do.
    """
    one, two = found["parts", 1][name, 0], found["plain", 2][name, 0]
    near = 1e-2 if name == "second order" else 1e-4
    for a, b in zip(one["kept"], two["kept"], strict=True):
        assert torch.allclose(a, b, rtol=near, atol=near)
    runs = one["run"], two["run"]
    for series in ("theta", "loss_w", "loss_theta", "accuracy_supernet"):
        a, b = (np.array(run[series][1:], float) for run in runs)
        assert np.allclose(a, b, rtol=near, atol=near), series
    assert runs[0]["theta"][0] != runs[0]["theta"][-1], "theta never moved"
    other = found["plain", 1][name, 0]["run"]
    assert not np.allclose(runs[1]["theta"], other["theta"], rtol=near, atol=near)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_theta_and_weights_are_the_same_bits_in_both_processes(found, name):
    one, other = (found["plain", 2][name, rank] for rank in (0, 1))
    for a, b in zip(one["kept"], other["kept"], strict=True):
        assert torch.equal(a, b)
    for series in ("theta", "loss_w", "genotype", "accuracy_rounded"):
        assert one["run"][series] == other["run"][series]
    assert one["run"]["config"]["ranks"] == 2
    assert "ranks" not in found["plain", 1][name, 0]["run"]["config"]


@pytest.mark.slow
def test_gradients_are_those_of_distributed_data_parallel(tmp_path):
    """Equal to rounding, 1e-6, of theta and of weights; samples leave some unused."""
    status, _, err = finish(start(HERE / "ranks.py", tmp_path, "library"))
    assert status == 0, err
    for name in ("one pass", "samples"):
        for rank in (0, 1):
            found = torch.load(tmp_path / f"{name}-{rank}.out")
            pairs = list(zip(found["ours"], found["theirs"], strict=True))
            for ours, theirs in pairs:
                theirs = torch.zeros_like(ours) if theirs is None else theirs
                assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)
            assert pairs[0][0].abs().max() > 1e-4, "theta has no gradient"
            alone = found["alone"][0]
            assert not torch.allclose(alone, pairs[0][0], rtol=1e-2), "nothing averaged"


@pytest.mark.slow
def test_cut_off_within_an_epoch_the_losses_are_still_those_of_both(found, tmp_path):
    """Only process 0 writes, also of what the other has seen since the epoch began."""
    assert finish(start(HERE / "ranks.py", tmp_path, "cut"))[0] != 0
    assert not list(tmp_path.glob("*.out")), "it was not cut off"
    saved = checkpoints.begun(tmp_path / "bilevel.pt")
    assert saved["ranks"] == 2
    status, _, err = finish(start(HERE / "ranks.py", tmp_path, "plain"))
    assert status == 0, err
    straight = found["plain", 2]["bilevel", 0]["run"]
    resumed = torch.load(tmp_path / "bilevel-0-of-2.out")["run"]
    for series in ("loss_w", "loss_theta", "theta", "accuracy_supernet"):
        assert resumed[series] == straight[series], series


@pytest.mark.slow
def test_with_local_statistics_the_search_is_near(found):
    """Batch norms over 4 pictures in place of 8: the losses within 15 %."""
    for name in ("bilevel", "one pass"):
        one, two = (found["plain", count][name, 0]["run"] for count in (1, 2))
        assert np.allclose(one["loss_w"][1:], two["loss_w"][1:], rtol=0.15)
        assert one["loss_w"] != two["loss_w"]


@pytest.mark.slow
def test_the_command_by_torchrun_writes_once_and_resumes(tmp_path):
    file, out = tmp_path / "c.pt", tmp_path / "run.json"
    files = ("--checkpoint", file, "--out", out)
    arguments = ("-m", "gaea_mini", *SMALL, "--epochs", "2", *files)
    status, told, err = finish(start(*arguments))
    assert status == 0, err
    assert told.count("record written to") == 1 and told.count("cell |") == 1
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["c.pt", "c.pt.before", "run.json"]
    run = Run.load(out)
    assert run.epoch == 2 and run.config["ranks"] == 2
    # One process is another search: the difference is shown, by each of the two.
    status, _, err = finish(start(*arguments, "--seed", "7"))
    assert status != 0
    assert err.count("another search (seed 0 there, 7 here)") == 2
    assert "gaea_mini: process 1: " in err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_is_killed_ends_the_other_and_the_search_goes_on(
    victim, tmp_path
):
    file, out = tmp_path / "c.pt", tmp_path / "run.json"
    files = ("--checkpoint", file, "--out", out)
    arguments = ("-m", "gaea_mini", *SMALL, "--epochs", EPOCHS, *files)
    process = start(*arguments)
    deadline = time.monotonic() + 300
    while not file.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(child_of_rank(process.pid, victim), signal.SIGKILL)
    status, _, err = finish(process)
    assert status != 0
    # Process 0 keeps the epochs that it has; the other one writes nothing.
    assert out.exists() == (victim == 1)
    assert victim == 0 or Run.load(out).epoch < int(EPOCHS)
    assert f"gaea_mini: process {1 - victim}: another of the 2 processes is gone" in err
    assert "goes on from --checkpoint" in err
    status, _, err = finish(start(*arguments))
    assert status == 0, err
    assert Run.load(out).epoch == int(EPOCHS)
    straight = tmp_path / "straight.json"
    arguments = ("-m", "gaea_mini", *SMALL, "--epochs", EPOCHS, "--out", straight)
    assert finish(start(*arguments))[0] == 0
    one, other = (json.loads(path.read_text()) for path in (out, straight))
    assert one["theta"] == other["theta"] and one["loss_w"] == other["loss_w"]


def child_of_rank(parent, rank):
    """The process that torchrun started as this rank, by its environment."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (found,) = [
        int(child)
        for child in children
        if f"RANK={rank}".encode()
        in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
    ]
    return found


# alone -------------------------------------------------------------------------------


def test_alone_nothing_changes(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with joined("cpu") as (ranks, device):
        assert ranks == ALONE == Ranks() and device == "cpu"
    tensors = [torch.ones(2), torch.zeros(())]
    assert ALONE.mean(tensors) == tuple(tensors) and ALONE.total(3, "cpu") == 3
    assert ALONE.first(lambda: "x") == "x" and ALONE.changed() == {}
    assert list(range(5))[ALONE.part] == list(range(5))


TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "29500"}
TORCHRUN |= {"MASTER_ADDR": "127.0.0.1", "LOCAL_RANK": "1"}


def test_who_this_is_stands_in_the_environment():
    assert distributed.ranks_of(TORCHRUN) == Ranks(1, 2)
    for alone in ({}, {"WORLD_SIZE": "2"}, TORCHRUN | {"WORLD_SIZE": "1"}):
        assert distributed.ranks_of(alone) == ALONE


@pytest.mark.parametrize(
    "change",
    [
        *({"RANK": "2"}, {"RANK": "-1"}, {"RANK": "x"}, {"WORLD_SIZE": "two"}),
        *({"MASTER_PORT": "99999"}, {"MASTER_PORT": None}, {"MASTER_ADDR": None}),
        *({"LOCAL_RANK": None}, {"LOCAL_RANK": "x"}, {"LOCAL_RANK": "-1"}),
        *({"MASTER_ADDR": ""}, {"LOCAL_WORLD_SIZE": "²"}, {"LOCAL_WORLD_SIZE": "0"}),
        *({"LOCAL_WORLD_SIZE": "3"}, {"LOCAL_WORLD_SIZE": "1"}),
    ],
    ids=str,
)
def test_an_environment_that_torchrun_does_not_make_is_one_line(change, monkeypatch):
    """Nobody waits for processes that do not come."""
    for name, value in (TORCHRUN | change).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="start all by torchrun, or unset RANK"):
        with joined("cpu"):
            pass


def test_each_process_has_a_device_of_its_own(monkeypatch):
    """The cards are acted out: two of them, and what torch is told is noted."""
    told = []
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", told.append)
    monkeypatch.setattr(
        *(distributed.dist, "init_process_group", lambda kind, **_: told.append(kind))
    )
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: None)
    with joined("cuda") as (ranks, device):
        assert ranks == Ranks(1, 2) and device == "cuda:1"
    assert told == ["cuda:1", "nccl"]
    with joined("cpu") as (_, device):
        assert device == "cpu"
    assert told[2:] == ["gloo"]
    with pytest.raises(InputError, match="several processes cannot share cuda:0"):
        with joined("cuda:0"):
            pass
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="there are 1; give --nproc-per-node 1"):
        with joined("cuda"):
            pass


@pytest.mark.parametrize("asked", ["cuda", "auto"])
def test_the_command_gives_each_process_its_own_device(asked, monkeypatch):
    """Nothing is put on a device before torch is told which one it is."""
    told = []

    def touch(*size, device):
        told.append(f"touched {device}")
        return SimpleNamespace(device=torch.device("cuda:0"))

    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch, "empty", touch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", told.append)
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(
        "gaea_mini.cli.search._search",
        lambda options, ranks, device: told.append((ranks, device)),
    )
    assert main(["search", "--device", asked]) == 0
    assert told == ["cuda:1", (Ranks(1, 2), "cuda:1")]


def test_parts_of_a_batch_make_the_whole():
    whole = list(range(12))
    parts = [whole[Ranks(rank, 3).part] for rank in range(3)]
    assert sorted(sum(parts, [])) == whole and {len(part) for part in parts} == {4}


@pytest.mark.parametrize(
    ("method", "batch", "count", "says"),
    [
        (darts(), 9, 2, "batches of 9 cannot be divided among 2 processes"),
        (darts(), 2, 2, "give a multiple of 2, two pictures each or more"),
        (enas(), 8, 2, "enas: the moving average of its rewards"),
    ],
)
def test_what_cannot_be_divided_is_refused(
    method, batch, count, says, patterns, budget
):
    from dataclasses import replace

    with pytest.raises(InputError, match=says) as info:
        next(
            search(
                *(space("compact"), patterns(), method, replace(budget, batch=batch)),
                ranks=Ranks(1, count),
            )
        )
    assert "\n" not in str(info.value)


def test_a_process_that_is_gone_is_one_line(monkeypatch):
    def gone(*given, **options):
        raise RuntimeError("[gloo] Connection closed by peer\nat line 3")

    monkeypatch.setattr(distributed.dist, "all_reduce", gone)
    monkeypatch.setattr(distributed.dist, "broadcast", gone)
    for call in (
        lambda ranks: ranks.mean([torch.ones(2)]),
        lambda ranks: ranks.total(1, torch.device("cpu")),
        lambda ranks: ranks.require_equal([torch.ones(2)]),
    ):
        with pytest.raises(distributed.RankLostError, match="closed by peer") as info:
            call(Ranks(0, 2))
        assert "\n" not in str(info.value)


def test_a_full_device_is_not_taken_for_a_lost_process(monkeypatch):
    def full(*given, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(distributed.dist, "all_reduce", full)
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        Ranks(0, 2).mean([torch.ones(2)])


def test_processes_that_drift_apart_are_found(monkeypatch):
    """As seen by one of two processes: what process 0 sends is not what it holds."""
    monkeypatch.setattr(distributed.dist, "broadcast", lambda t, source: t.add_(1))
    monkeypatch.setattr(distributed.dist, "all_reduce", lambda t: t.add_(1))
    with pytest.raises(InputError, match="have drifted apart"):
        Ranks(1, 2).require_equal([torch.ones(3)])
    monkeypatch.setattr(distributed.dist, "broadcast", lambda t, source: t)
    Ranks(1, 2).require_equal([torch.ones(3)])
