"""Long searches are safe: cut off anywhere, damaged files, bad numbers, clocks."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gaea_mini import checkpoints
from gaea_mini.errors import InputError
from gaea_mini.search import GumbelSample, darts, enas, gaea, gdas, keeper, search
from gaea_mini.search.state import State
from gaea_mini.supernet import space

COMPACT = space("compact")
SAME = ("theta", "loss_w", "loss_theta", "genotype", "accuracy_supernet", "computed")


class CutOff(Exception):
    """What ends a search in the middle of an epoch."""


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


@pytest.fixture
def every_step(monkeypatch):
    """A look, and with ``minutes=0`` a checkpoint, after every single step."""
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.0)


def cut_off_at(epoch, step):
    def tick(state, losses):
        assert len(losses) == state.step
        if (state.epoch + 1, state.step) == (epoch, step):
            raise CutOff

    return tick


def run_until_cut(*arguments, **options):
    with pytest.raises(CutOff):
        list(search(*arguments, **options))


def require_the_same_end(one, other, one_file=None, other_file=None):
    for name in SAME:
        assert getattr(one, name) == getattr(other, name), name
    if one_file:
        states = [
            checkpoints.load(file, one.config)["state"]
            for file in (one_file, other_file)
        ]
        for name, value in states[0]["network"].items():
            assert torch.equal(value, states[1]["network"][name]), name
        for stream in ("samples_generator", "theta_generator", "weight_generator"):
            assert torch.equal(states[0][stream], states[1][stream]), stream


# within an epoch ---------------------------------------------------------------------


def test_cut_off_within_an_epoch_it_ends_bit_for_bit_the_same(
    any_method, data, budget, tmp_path, every_step
):
    """The checkpoint is of the step before the cut; the record misses nothing."""
    arguments = (COMPACT, data, any_method, budget, 3)
    *_, straight = search(*arguments, checkpoint=tmp_path / "straight.pt")
    file = tmp_path / "c.pt"
    for cut in ((1, 3), (2, 2), (2, 4), (3, 2)):
        run_until_cut(*arguments, checkpoint=file, minutes=0, tick=cut_off_at(*cut))
        middle = checkpoints.load(file, straight.config)["middle"]
        assert middle["step"] == cut[1] - 1 == len(middle["losses"])
    *_, resumed = search(*arguments, checkpoint=file)
    require_the_same_end(resumed, straight, file, tmp_path / "straight.pt")
    assert resumed.seconds == sorted(resumed.seconds)


@pytest.mark.parametrize(
    "chosen",
    [gdas(), enas(), replace(gdas(), relaxation=GumbelSample(estimator="exact"))],
    ids=["gdas", "enas", "exact gdas"],
)
def test_what_draws_samples_goes_on_with_the_same_ones(
    chosen, data, budget, tmp_path, every_step
):
    if chosen.name == "enas":
        chosen = replace(chosen, relaxation=replace(chosen.relaxation, candidates=5))
    arguments, file = (COMPACT, data, chosen, budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)
    run_until_cut(*arguments, checkpoint=file, minutes=0, tick=cut_off_at(2, 3))
    *_, resumed = search(*arguments, checkpoint=file)
    require_the_same_end(resumed, straight)


def test_the_count_of_computed_operations_is_not_lost(
    data, budget, tmp_path, every_step
):
    arguments, file = (COMPACT, data, gaea(darts(), lr=30.0), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments, skip_below=0.2)
    cut = cut_off_at(3, 4)
    run_until_cut(*arguments, checkpoint=file, minutes=0, tick=cut, skip_below=0.2)
    *_, resumed = search(*arguments, checkpoint=file, skip_below=0.2)
    assert min(straight.computed) < max(straight.computed)
    require_the_same_end(resumed, straight)


def test_within_an_epoch_only_every_so_many_minutes(
    data, budget, tmp_path, monkeypatch, every_step
):
    """A clock that a test moves: a step takes 20 seconds on it."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    written = []
    real = checkpoints.write

    def write(path, saved):
        written.append((len(saved["run"]["theta"]), saved["middle"].get("step")))
        real(path, saved)

    def tick(state, losses):
        now[0] += 20

    monkeypatch.setattr(checkpoints, "write", write)
    options = {"checkpoint": tmp_path / "c.pt", "tick": tick}
    one_epoch = replace(budget, epochs=1)
    arguments = (COMPACT, data, gaea(darts()), one_epoch)
    list(search(*arguments, minutes=1 / 3, **options))
    assert written == [(1, 2), (1, 4), (2, None)]
    written.clear()
    checkpoints.remove(options["checkpoint"])
    list(search(*arguments, **options))
    assert written == [(2, None)]


def test_minutes_are_a_number(data, budget, tmp_path):
    with pytest.raises(InputError, match="minutes between checkpoints is -1"):
        next(search(COMPACT, data, darts(), budget, minutes=-1))


# damaged files -----------------------------------------------------------------------


def stopped(file, arguments, epochs):
    for run in search(*arguments, checkpoint=file):
        if run.epoch == epochs:
            return run
    raise AssertionError


@pytest.mark.parametrize("length", [0, 40, 5000], ids="{} bytes".format)
def test_a_truncated_checkpoint_falls_back_to_the_one_before(
    length, data, budget, tmp_path
):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)
    stopped(file, arguments, 2)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.warns(RuntimeWarning, match="c.pt is damaged; going on from the one"):
        resumed = list(search(*arguments, checkpoint=file))
    assert resumed[0].epoch == 3 and [r is resumed[0] for r in resumed] == 3 * [True]
    require_the_same_end(resumed[-1], straight)
    # The damaged file is not kept as the one before for longer than one epoch.
    assert checkpoints.load(file, straight.config)
    assert checkpoints.load(checkpoints.before(file), straight.config)


def test_where_both_are_damaged_one_line_says_so(data, budget, tmp_path):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    stopped(file, arguments, 2)
    for path in (file, checkpoints.before(file)):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="c.pt is damaged or is no check") as info:
        next(search(*arguments, checkpoint=file))
    # What the line advises helps.
    advised = f"or delete {file} and {checkpoints.before(file)} to start anew"
    assert str(info.value).endswith(advised)
    checkpoints.remove(file)
    assert next(search(*arguments, checkpoint=file)).epoch == 0


def test_where_the_last_is_gone_one_line_says_so(data, budget, tmp_path):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    stopped(file, arguments, 2)
    file.unlink()
    with pytest.warns(RuntimeWarning, match="c.pt is not there; going on from the one"):
        assert next(search(*arguments, checkpoint=file)).epoch == 1


def full(*_, **__):
    raise RuntimeError("[enforce fail] can't allocate memory: you tried to allocate")


def forbidden(self):
    raise PermissionError(errno.EACCES, "Permission denied", str(self))


@pytest.mark.parametrize(
    ("owner", "name", "instead", "error"),
    [
        (torch, "load", full, RuntimeError),
        (Path, "read_bytes", forbidden, PermissionError),
    ],
    ids=["memory", "permission"],
)
def test_what_cannot_be_read_now_is_not_damaged(
    data, budget, tmp_path, monkeypatch, owner, name, instead, error
):
    """Taken for damaged, a good epoch would be thrown away."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    stopped(file, arguments, 2)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, instead)
        with pytest.raises(error):
            checkpoints.begun(file)
        with pytest.raises(error):
            next(search(*arguments, checkpoint=file))
    assert next(search(*arguments, checkpoint=file)).epoch == 2


def test_a_full_memory_while_a_state_is_read_is_no_other_version(
    data, budget, tmp_path, monkeypatch
):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    stopped(file, arguments, 2)
    monkeypatch.setattr(State, "load_state_dict", full)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        next(search(*arguments, checkpoint=file))


def test_two_processes_that_write_one_checkpoint_are_told(tmp_path, monkeypatch):
    """The other one has moved the file that this one has just written."""
    file, real = tmp_path / "c.pt", checkpoints.save

    def save(path, saved):
        real(path, saved)
        path.unlink()

    monkeypatch.setattr(checkpoints, "save", save)
    with pytest.raises(InputError, match="c.pt: another process writes it too"):
        checkpoints.write(file, {})


def test_of_another_search_is_refused_and_never_passed_over(data, budget, tmp_path):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    stopped(file, arguments, 2)
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"another search \(seed 0 there, 1 here\)"):
        next(search(*arguments, 1, checkpoint=file))
    file.unlink()  # as if killed between two renames
    with pytest.raises(InputError, match=r"another search \(seed 0 there, 1 here\)"):
        next(search(*arguments, 1, checkpoint=file))
    file.write_bytes(before)


def die_at_rename(monkeypatch, number):
    """As if the process were killed just before it: nothing after it happens."""
    real, calls = os.replace, []

    def replace_or_die(source, target):
        calls.append(target)
        if len(calls) >= number:
            raise CutOff
        real(source, target)

    monkeypatch.setattr(os, "replace", replace_or_die)


@pytest.mark.parametrize("call", [1, 2], ids="rename {}".format)
def test_killed_between_two_renames_there_is_a_whole_checkpoint(
    call, data, budget, tmp_path, monkeypatch
):
    """A write renames twice: the old one away, the new one into place."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)
    runs = search(*arguments, checkpoint=file)
    next(runs), next(runs)
    with monkeypatch.context() as patch, pytest.raises(CutOff):
        die_at_rename(patch, call)
        next(runs)
    resumed = list(search(*arguments, checkpoint=file))
    assert len(resumed) == 2, "it did not go on after the second epoch"
    require_the_same_end(resumed[-1], straight)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.pt", "c.pt.before"]


@pytest.mark.parametrize("call", [1, 2], ids="rename {}".format)
def test_a_damaged_one_never_takes_the_place_of_the_good_one(
    call, data, budget, tmp_path, monkeypatch
):
    """The last is damaged, and the first write after that is cut off as well."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)
    stopped(file, arguments, 2)
    good = checkpoints.before(file).read_bytes()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.warns(RuntimeWarning, match="c.pt is damaged; going on from the one"):
        runs = search(*arguments, checkpoint=file)
        next(runs)
    with monkeypatch.context() as patch:
        die_at_rename(patch, call)
        if call == 1:
            with pytest.raises(CutOff):
                next(runs)
        else:
            next(runs)  # one rename is all there is: the damaged one is written over
    assert checkpoints.before(file).read_bytes() == good
    resumed = list(search(*arguments, checkpoint=file))
    require_the_same_end(resumed[-1], straight)


def test_what_was_whole_but_not_in_place_is_not_written_over(
    data, budget, tmp_path, monkeypatch
):
    """Killed between two renames, then in the first write after that."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    runs = search(*arguments, checkpoint=file)
    next(runs), next(runs)
    with monkeypatch.context() as patch, pytest.raises(CutOff):
        die_at_rename(patch, 2)
        next(runs)
    newest = checkpoints.coming(file).read_bytes()
    assert not file.exists()
    runs = search(*arguments, checkpoint=file)
    assert next(runs).epoch == 2
    with monkeypatch.context() as patch, pytest.raises(CutOff):
        patch.setattr(checkpoints, "save", cut_within_the_file)
        next(runs)
    assert file.read_bytes() == newest
    assert next(search(*arguments, checkpoint=file)).epoch == 2


def cut_within_the_file(path, saved):
    path.write_bytes(b"half")
    raise CutOff


def test_a_file_that_was_cut_off_in_its_first_write_is_no_checkpoint(
    data, budget, tmp_path
):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    checkpoints.coming(file).write_bytes(b"half")
    runs = list(search(*arguments, checkpoint=file))
    assert len(runs) == 4 and runs[-1].epoch == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.pt", "c.pt.before"]


def test_of_an_older_layout_one_line_says_so(data, budget, tmp_path):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    run = stopped(file, arguments, 2)
    whole = checkpoints.load(file, run.config)

    def without(part, name):
        rest = {key: value for key, value in whole[part].items() if key != name}
        return {**whole, part: rest}

    older = [
        without("state", "theta_generator"),
        without("run", "entropy"),
        {**whole, "run": {**whole["run"], "beta": []}},
        {**whole, "state": {**whole["state"], "network": {}}},
        {**whole, "state": {**whole["state"], "parameters": []}},
        {key: value for key, value in whole.items() if key != "middle"},
    ]
    for saved in older:
        checkpoints.save(file, saved)
        with pytest.raises(InputError, match="c.pt is of another version of") as info:
            next(search(*arguments, checkpoint=file))
        assert "\n" not in str(info.value)


def test_without_space_both_checkpoints_stay(data, budget, tmp_path, monkeypatch):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    runs = search(*arguments, checkpoint=file)
    next(runs), next(runs), next(runs)
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(content) == ["c.pt", "c.pt.before"]

    def no_space(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space left") as info:
        next(runs)
    assert info.value.filename == str(file)
    assert content == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.undo()
    *_, resumed = search(*arguments, checkpoint=file)
    *_, straight = search(*arguments)
    require_the_same_end(resumed, straight)


# Stops for good in the middle of the second checkpoint's write.
STUCK = """
import os, sys, time
from gaea_mini.cli import main
real, writes = os.fsync, []
def fsync(handle):
    real(handle)
    writes.append(handle)
    if len(writes) == 2:
        print("writing", flush=True)
        time.sleep(600)
os.fsync = fsync
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_kill_9_during_a_checkpoint_write(tmp_path):
    """The kernel takes the process; nothing is lost, and no file is left over."""
    from gaea_mini.cli import main
    from gaea_mini.search import Run

    small = "search --epochs 3 --channels 2 --pictures 100 --batch 8 --yes".split()
    file, out = tmp_path / "c.pt", tmp_path / "run.json"
    files = ["--checkpoint", str(file), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, *small, *files],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "writing\n"
    first = file.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"c.pt", "c.pt.new"}
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert file.read_bytes() == first and not out.exists()
    assert main([*small, *files]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"c.pt", "c.pt.before", "run.json"}
    straight = tmp_path / "straight.json"
    assert main([*small, "--out", str(straight)]) == 0
    require_the_same_end(Run.load(out), Run.load(straight))


# numbers, clocks, devices ------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_number_that_is_none_stops_the_search_at_its_step(
    step, data, budget, tmp_path, every_step
):
    """And the checkpoint is the last good one, from which all goes on as it should."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)

    def poison(state, losses):
        if (state.epoch, state.step) == (1, step):
            with torch.no_grad():
                state.weights[0].fill_(torch.nan)

    said = rf"epoch 2, step {step + 1}: the loss is not a finite number \(theta's nan"
    with pytest.raises(InputError, match=said):
        list(search(*arguments, checkpoint=file, tick=poison))
    saved = checkpoints.load(file, straight.config)
    assert len(saved["run"]["theta"]) == 2
    assert all(value.isfinite().all() for value in saved["state"]["network"].values())
    *_, resumed = search(*arguments, checkpoint=file)
    require_the_same_end(resumed, straight)


@pytest.mark.parametrize("minutes", [0, None], ids=["within", "after"])
def test_weights_that_are_no_numbers_are_never_written(
    minutes, data, budget, tmp_path, every_step
):
    """They came from a loss that was still finite."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"

    def poison(state, losses):
        if (state.epoch, state.step) == (1, 5):  # the last step of epoch 2
            with torch.no_grad():
                state.weights[-1].fill_(torch.inf)

    with pytest.raises(InputError, match="epoch 2: theta or a weight is not a finite"):
        list(search(*arguments, checkpoint=file, tick=poison, minutes=minutes))
    state = torch.load(
        io.BytesIO(file.read_bytes()[len(checkpoints.FIRST_LINE) + 32 :]),
        weights_only=True,
    )["state"]
    assert all(value.isfinite().all() for value in state["network"].values())


def test_a_clock_that_is_set_back_changes_nothing(data, budget, tmp_path, monkeypatch):
    """The time of day jumps back an hour at every look; files come from tomorrow."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)
    hours = iter(range(10_000))
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real - 3600 * next(hours))
    stopped(file, arguments, 1)
    for path in tmp_path.iterdir():
        os.utime(path, (real + 86_400, real + 86_400))
    *_, resumed = search(*arguments, checkpoint=file)
    require_the_same_end(resumed, straight)
    assert resumed.seconds == sorted(resumed.seconds)
    assert 0 < resumed.seconds[-1] < 600


def test_compiled_on_one_device_it_goes_on_without_a_compiler(
    data, budget, tmp_path, monkeypatch
):
    """Precision is what is searched with and stays; compiling is how, and need not."""
    monkeypatch.setattr("gaea_mini.search.speed.BACKEND", "eager")
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    half = {"precision": "bfloat16", "checkpoint": file}
    *_, straight = search(*arguments, precision="bfloat16")
    for run in search(*arguments, **half, compile=True):
        if run.epoch == 2:
            break
    assert run.config["compile"]
    *_, resumed = search(*arguments, **half)
    assert "compile" not in resumed.config
    assert np.allclose(resumed.theta, straight.theta, atol=1e-3)
    said = r"another search \(precision bfloat16 there, float32 here\)"
    with pytest.raises(InputError, match=said):
        next(search(*arguments, checkpoint=file))


@pytest.mark.parametrize("device", ["NVIDIA H200", "cpu"])
def test_the_peak_of_another_device_is_not_this_ones(device, data, budget, tmp_path):
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    run = stopped(file, arguments, 2)
    saved = checkpoints.load(file, run.config)
    saved["run"]["environment"]["device"] = device
    saved["run"]["peak_mb"] = 1e6
    checkpoints.save(file, saved)
    *_, resumed = search(*arguments, checkpoint=file)
    assert resumed.environment["device"] == "cpu"
    assert (resumed.peak_mb == 1e6) == (device == "cpu")
    assert resumed.peak_mb > 0


def test_a_checkpoint_from_a_gpu_goes_on_without_one(
    data, budget, tmp_path, monkeypatch
):
    """Its tensors are marked as of cuda:0, which plain torch.load refuses here."""
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c.pt"
    *_, straight = search(*arguments)
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        stopped(file, arguments, 2)
    if not torch.cuda.is_available():
        body = file.read_bytes()[len(checkpoints.FIRST_LINE) + 32 :]
        with pytest.raises(RuntimeError, match="CUDA device"):
            torch.load(io.BytesIO(body), weights_only=True)
    *_, resumed = search(*arguments, checkpoint=file)
    require_the_same_end(resumed, straight)
