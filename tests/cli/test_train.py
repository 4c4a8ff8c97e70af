"""The command ``train``: any cell, alone, at any size, and safe for days."""

import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from gaea_mini import checkpoints, forecast
from gaea_mini.cli import build_parser, main
from gaea_mini.cli import full as cli_full
from gaea_mini.cli import train as cli_train
from gaea_mini.data import load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import TRAININGS, Training, train_alone
from gaea_mini.evaluate import state as alone
from gaea_mini.search import keeper
from gaea_mini.search.speed import Speed
from gaea_mini.supernet import GENOTYPES, space

COMPACT = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_3x3~0|"
COMPACT += "skip_connect~1|nor_conv_3x3~2|"
NB201 = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|"
NB201 += "skip_connect~2|"
NODE = "nasbench1shot1-1"
NODES = space(NODE).round(np.ones((len(space(NODE).edges), 3)))
TINY = ("--pictures", "60", "--batch", "10", "--channels", "2", "--epochs", "3")
# With all that the DARTS space has: drop path, cutout and an auxiliary head.
PAIR = ("gaea-pc-darts-cifar", "--size", "32", "--auxiliary", "0.4", *TINY)
SERIES = ("config", "parameters", "flops", "loss", "val", "test")


@pytest.fixture
def noise(tmp_path_factory):
    """60 and 20 pictures of 32 pixels with labels that can be learned."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 60), ("test", 20)):
        y = np.arange(count) % 3
        x = rng.integers(0, 60, (count, 32, 32, 3), dtype=np.uint8)
        arrays |= {f"x_{part}": x + 60 * y[:, None, None, None].astype(np.uint8)}
        arrays |= {f"y_{part}": y}
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def train(capsys):
    """Run the command here: its status, its output, its lines of errors."""

    def train(*arguments):
        status = main(["train", *map(str, arguments)])
        out, err = capsys.readouterr()
        lines = err.replace("\r", "\n").splitlines()
        return status, out, [x for x in lines if x.strip() and "%|" not in x]

    return train


@pytest.fixture
def every_step(monkeypatch):
    """A look, and with ``--minutes 0`` a checkpoint, after every single step."""
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.0)


def read(path):
    return json.loads(path.read_text())


def options_of(*arguments):
    return build_parser().parse_args(["train", *map(str, arguments)])


# what is trained ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("compact", (COMPACT, "--space", "compact")),
        ("nasbench201", (NB201,)),
        (NODE, (NODES, "--space", NODE)),
        ("darts", (GENOTYPES["darts-v2"].genotype,)),
    ],
)
def test_a_cell_of_every_space_is_trained_and_recorded(
    train, tmp_path, name, arguments
):
    status, out, err = train(*arguments, *TINY, "--out", tmp_path / "t.json")
    assert status == 0 and err == []
    record = read(tmp_path / "t.json")
    assert record["config"]["space"] == name
    assert record["config"]["genotype"] == arguments[0]
    assert all(len(record[s]) == 3 for s in ("loss", "val", "test", "seconds"))
    assert f"{record['parameters']:,} parameters" in out
    assert f"{record['flops']:,} multiply-adds" in out
    assert f"test accuracy {record['test'][-1]:.2f} % after 3 epochs" in out
    assert {"torch", "numpy", "device", "commit"} <= record["environment"].keys()
    assert record["seconds"] == sorted(record["seconds"]) and record["peak_mb"] > 0


def test_the_record_is_that_of_the_same_training_in_python(train, tmp_path, noise):
    """Nothing that the command adds changes a number."""
    files = ("--checkpoint", tmp_path / "c", "--out", tmp_path / "t.json")
    assert train(*PAIR, "--data", noise, "--seed", 3, *files)[0] == 0
    record = read(tmp_path / "t.json")
    recipe = cli_train.recipe_of(
        options_of(*PAIR), cli_train.cell_of(PAIR[0], None, None)
    )
    cell = GENOTYPES[PAIR[0]].genotype
    *_, run = train_alone(space("darts"), cell, load(noise, 32), recipe, 3)
    assert [record[name] for name in SERIES] == [getattr(run, n) for n in SERIES]


def test_the_last_cell_of_a_search_is_trained(train, tmp_path):
    run, out = tmp_path / "run.json", tmp_path / "t.json"
    search = ["search", "--space", "nasbench201", "--pictures", "100", "--batch", "8"]
    assert main([*search, "--out", str(run)]) == 0
    assert train("--run", run, *TINY, "--out", out)[0] == 0
    config = read(out)["config"]
    assert config["space"] == "nasbench201"
    assert config["genotype"] == read(run)["genotype"][-1] != read(run)["genotype"]


@pytest.mark.parametrize("name", GENOTYPES)
def test_a_published_cell_comes_with_its_space_and_recipe(name):
    cell = cli_train.cell_of(name, None, None)
    assert (cell.space, cell.genotype) == ("darts", GENOTYPES[name].genotype)
    recipe = cli_train.recipe_of(options_of(name, "--preset", "gpu"), cell)
    # 20 cells, 36 channels, 600 epochs, as published; 0.3 for PC-DARTS and GAEA.
    assert (3 * recipe.cells + 2, recipe.channels, recipe.epochs) == (20, 36, 600)
    assert (recipe.batch, recipe.cutout, recipe.auxiliary) == (96, 16, 0.4)
    assert recipe.drop_path == (0.3 if "pc-darts" in name else 0.2)


def test_the_preset_gpu_is_the_recipe_as_published_and_can_be_chosen():
    for cell, expected in ((COMPACT, "nasbench201"), (NB201, "nasbench201")):
        found = cli_train.cell_of(cell, None, None)
        options = options_of(cell, "--preset", "gpu")
        assert cli_train.recipe_of(options, found) == TRAININGS[expected]
    pair = cli_train.cell_of(GENOTYPES["darts-v1"].genotype, None, None)
    options = options_of("x", "--preset", "gpu")
    assert cli_train.recipe_of(options, pair) == TRAININGS["darts"]
    options = options_of("x", "--preset", "gpu", "--recipe", "gaea-pc-darts")
    assert cli_train.recipe_of(options, pair) == TRAININGS["gaea-pc-darts"]


def test_smaller_presets_and_numbers_keep_the_rest_of_the_recipe():
    pair = cli_train.cell_of("pc-darts-cifar", None, None)
    recipe = cli_train.recipe_of(options_of("x", "--preset", "cpu"), pair)
    kept = ("schedule", "lr", "momentum", "weight_decay", "clip", "drop_path")
    for name in kept:
        assert getattr(recipe, name) == getattr(TRAININGS["gaea-pc-darts"], name)
    assert (recipe.size, recipe.cutout, recipe.auxiliary) == (16, 8, 0)
    given = ("--size", 32, "--cutout", 5, "--drop-path", 0.1, "--held-out", 7)
    recipe = cli_train.recipe_of(options_of("x", *given, "--every", 4), pair)
    assert (recipe.size, recipe.cutout, recipe.auxiliary) == (32, 5, 0.4)
    assert (recipe.drop_path, recipe.held_out, recipe.measured) == (0.1, 7, (2,))
    recipe = cli_train.recipe_of(options_of("x", "--epochs", 9, "--every", 4), pair)
    assert [e for e in range(1, 10) if recipe.measures(e)] == [4, 8, 9]


# how ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The .grad")
def test_compiled_it_ends_the_same_and_is_compiled_once(monkeypatch, noise):
    """Drop path has another rate in every epoch, which must not compile anew."""
    from torch._dynamo.utils import counters

    from gaea_mini.search import speed

    monkeypatch.setattr(speed, "BACKEND", "aot_eager")
    torch._dynamo.reset()
    counters.clear()
    recipe = cli_train.recipe_of(
        options_of(*PAIR), cli_train.cell_of(PAIR[0], None, None)
    )
    what = (space("darts"), GENOTYPES[PAIR[0]].genotype, load(noise, 32), recipe, 0)
    *_, plain = train_alone(*what)
    *_, run = train_alone(*what, speed=Speed(compile=True))
    torch._dynamo.reset()
    assert run.loss == pytest.approx(plain.loss, abs=2e-3)
    assert run.config == {**plain.config, "compile": True}
    assert counters["stats"]["unique_graphs"] == 2, "the network, and a probe"


def test_in_16_bits_it_computes_nearly_the_same(noise):
    what = (space("nasbench201"), NB201, load(noise, 8))
    small = cli_train.cell_of(NB201, None, None)
    recipe = cli_train.recipe_of(options_of("x", *TINY, "--epochs", 6), small)
    cpu, half = torch.device("cpu"), Speed("bfloat16")
    states = [alone.State(*what, recipe, 0, cpu, how) for how in (Speed(), half)]
    one, other = (s.losses(*s.batches.first())[0].item() for s in states)
    assert one != other and one == pytest.approx(other, rel=0.01)
    # What is kept stays in 32 bits, and it learns.
    *_, run = train_alone(*what, recipe, 0, speed=half)
    assert run.loss[-1] < 0.3 < run.loss[0]
    assert run.config["precision"] == "bfloat16"
    list(states[1].steps(0))
    assert {p.dtype for p in states[1].network.parameters()} == {torch.float32}


def test_on_cuda_the_preset_takes_16_bits_and_compiles(monkeypatch, train, noise):
    """The card is acted out: what the training would be asked for is caught."""
    asked = []

    def caught(*given):
        asked.append(given[6:8])
        raise InputError("caught")

    monkeypatch.setattr(cli_train, "device_there", lambda name: "cuda:0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr("gaea_mini.evaluate.train_alone", caught)
    monkeypatch.setattr(forecast, "is_small", lambda *_: True)
    for more in ((), ("--graphs",), ("--precision", "float32", "--no-compile")):
        train(NB201, "--preset", "gpu", "--data", noise, *more)
    train(NB201, "--preset", "cpu", "--data", noise)
    assert asked == [
        ("cuda:0", Speed("bfloat16", compile=True)),
        ("cuda:0", Speed("bfloat16", compile=True, graphs=True)),
        ("cuda:0", Speed()),
        ("cuda:0", Speed()),
    ]


# breaks ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [PAIR, (NB201, *TINY)], ids=["darts", "nb201"])
def test_cut_off_within_epochs_it_ends_bit_for_bit_the_same(
    train, tmp_path, noise, every_step, monkeypatch, arguments
):
    """Cut off in the middle of the first epoch, of a later one, and of the last."""
    arguments = (*arguments, "--data", noise, "--minutes", 0, "--seed", 5)
    straight = ("--checkpoint", tmp_path / "s.pt", "--out", tmp_path / "s.json")
    assert train(*arguments, *straight)[0] == 0
    files = ("--checkpoint", tmp_path / "c.pt", "--out", tmp_path / "c.json")
    for count in (3, 8, 2):  # steps until Ctrl-C; an epoch has 6
        left = [count]

        def tell(self, step, steps, loss, left=left):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(cli_full.Steps, "tell", tell)
            status, _, err = train(*arguments, *files)
        assert status == 130 and err[-1] == "gaea_mini: stopped"
    assert read(tmp_path / "c.json")["test"] == read(tmp_path / "s.json")["test"][:1]
    assert train(*arguments, *files)[0] == 0
    one, other = read(tmp_path / "c.json"), read(tmp_path / "s.json")
    assert [one[name] for name in SERIES] == [other[name] for name in SERIES]
    assert one["seconds"] == sorted(one["seconds"])
    one, other = (
        checkpoints.load(tmp_path / name, one["config"])["state"]
        for name in ("c.pt", "s.pt")
    )
    for name, value in one["network"].items():
        assert value.equal(other["network"][name]), name


def test_a_done_training_is_not_done_again(train, tmp_path, monkeypatch):
    files = ("--checkpoint", tmp_path / "c", "--out", tmp_path / "t.json")
    assert train(NB201, *TINY, *files)[0] == 0
    before = (tmp_path / "t.json").read_bytes()
    monkeypatch.setattr(alone.State, "steps", None)
    assert train(NB201, *TINY, *files)[0] == 0
    assert (tmp_path / "t.json").read_bytes() == before


def test_a_checkpoint_of_another_training_is_refused_with_the_difference(
    train, tmp_path
):
    file = tmp_path / "c"
    assert train(NB201, *TINY, "--checkpoint", file)[0] == 0
    before = file.read_bytes()
    changes = {
        ("--seed", "1"): "seed 0 there, 1 here",
        ("--lr", "0.2"): "lr 0.1 there, 0.2 here",
        ("--precision", "bfloat16"): "precision float32 there, bfloat16 here",
    }
    for change, told in changes.items():
        status, out, (line,) = train(NB201, *TINY, *change, "--checkpoint", file)
        assert status == 2 and told in line and out == ""
    status, _, (line,) = train(COMPACT, *TINY, "--checkpoint", file)
    assert status == 2 and "genotype" in line
    assert file.read_bytes() == before
    # The device is none of it, so a training may move to another.
    stored = checkpoints.load(file, read_config(file))
    assert "device" not in checkpoints.flat(stored["run"]["config"])


def test_the_precision_of_a_checkpoint_need_not_be_named(train, tmp_path):
    files = ("--checkpoint", tmp_path / "c", "--out", tmp_path / "t.json")
    assert train(NB201, *TINY, "--precision", "bfloat16", *files)[0] == 0
    whole = read(tmp_path / "t.json")
    (tmp_path / "c").unlink()  # the one before is there, of two epochs
    assert train(NB201, *TINY, *files)[0] == 0
    again = read(tmp_path / "t.json")
    assert again["config"] == whole["config"] and again["loss"] == whole["loss"]
    status, _, (line,) = train(NB201, *TINY, *files, "--precision", "float32")
    assert status == 2 and "precision bfloat16 there, float32 here" in line


@pytest.mark.parametrize("device", ["NVIDIA H200", "cpu"])
def test_the_peak_of_another_device_is_not_this_ones(device, train, tmp_path):
    files = ("--checkpoint", tmp_path / "c", "--out", tmp_path / "t.json")
    assert train(NB201, *TINY, *files)[0] == 0
    before = checkpoints.before(tmp_path / "c")
    saved = checkpoints.load(before, read(tmp_path / "t.json")["config"])
    saved["run"]["environment"]["device"] = device
    saved["run"]["config"]["compile"] = True
    saved["run"]["peak_mb"] = 1e6
    checkpoints.save(tmp_path / "c", saved)
    assert train(NB201, *TINY, *files)[0] == 0
    record = read(tmp_path / "t.json")
    assert (record["peak_mb"] == 1e6) == (device == "cpu")
    assert "compile" not in record["config"], "it is of how the rest was computed"


def test_of_an_older_layout_one_line_says_so(train, tmp_path):
    files = ("--checkpoint", tmp_path / "c", "--out", tmp_path / "t.json")
    assert train(NB201, *TINY, *files)[0] == 0
    whole = checkpoints.load(tmp_path / "c", read(tmp_path / "t.json")["config"])
    without = {name: part for name, part in whole["run"].items() if name != "loss"}
    for older in (
        {**whole, "run": without},
        {**whole, "run": {**whole["run"], "loss": []}},
        {**whole, "run": {**whole["run"], "beta": []}},
        {**whole, "state": {"network": whole["state"]["network"]}},
        {**whole, "state": {**whole["state"], "network": {}}},
    ):
        checkpoints.save(tmp_path / "c", older)
        status, _, (line,) = train(NB201, *TINY, *files)
        assert status == 2 and "c is of another version of gaea_mini (" in line


def test_a_full_memory_is_one_line_and_keeps_the_epochs_before(
    train, tmp_path, monkeypatch
):
    real = alone.State.losses

    def losses(self, *batch):
        if self.optimizer.param_groups[0]["lr"] < 0.08:  # in the second epoch
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(self, *batch)

    monkeypatch.setattr(alone.State, "losses", losses)
    status, _, (line,) = train(NB201, *TINY, "--out", tmp_path / "t.json")
    assert status == 2 and "the memory is full (CUDA out of memory" in line
    assert line.endswith(f"the first 1 epochs is in {tmp_path / 't.json'}")
    assert len(read(tmp_path / "t.json")["loss"]) == 1


def read_config(file):
    raw = file.read_bytes()[len(checkpoints.FIRST_LINE) + 32 :]
    return torch.load(io.BytesIO(raw), weights_only=True)["run"]["config"]


def test_the_stream_of_a_gpu_is_left_out_on_the_cpu(noise):
    data = load(noise, 8)
    small = cli_train.cell_of(NB201, None, None)
    recipe = cli_train.recipe_of(options_of("x", *TINY), small)
    state = alone.State(
        space("nasbench201"), NB201, data, recipe, 0, torch.device("cpu")
    )
    with state.forked():
        draws = state.draws()
        expected = torch.rand(3)
        state.set_draws({**draws, "cuda": torch.zeros(16, dtype=torch.uint8)})
        assert torch.rand(3).equal(expected)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: b"", bytes.lower])
def test_of_a_damaged_checkpoint_the_one_before_is_taken(train, tmp_path, damage):
    file = tmp_path / "c"
    files = ("--checkpoint", file, "--out", tmp_path / "t.json")
    assert train(NB201, *TINY, *files)[0] == 0
    record = read(tmp_path / "t.json")
    file.write_bytes(damage(file.read_bytes()))
    status, _, (line,) = train(NB201, *TINY, *files)
    assert status == 0 and "is damaged; going on from the one before" in line
    again = read(tmp_path / "t.json")
    assert [again[name] for name in SERIES] == [record[name] for name in SERIES]
    for path in (file, checkpoints.before(file)):
        path.write_bytes(b"")
    status, _, (line,) = train(NB201, *TINY, *files)
    assert status == 2 and "is damaged or is no checkpoint" in line


def test_a_number_that_is_none_is_found_at_its_step(
    train, tmp_path, noise, monkeypatch, every_step
):
    descend, calls = alone.State.descend, [0]

    def spoil(self, loss):
        descend(self, loss)
        calls[0] += 1
        if calls[0] == 8:  # epoch 2, step 2: the loss of step 3 is the first to tell
            with torch.no_grad():
                self.network.classifier.bias.fill_(float("nan"))

    arguments = (NB201, *TINY, "--data", noise, "--out", tmp_path / "t.json")
    arguments += ("--checkpoint", tmp_path / "c", "--minutes", 0)
    monkeypatch.setattr(alone.State, "descend", spoil)
    status, _, (line,) = train(*arguments)
    assert status == 2
    assert "epoch 2, step 2: a weight is not a finite number; lower lr" in line
    assert line.endswith(f"first 1 epochs is in {tmp_path / 't.json'}")
    record = read(tmp_path / "t.json")
    assert len(record["loss"]) == 1
    saved = checkpoints.load(tmp_path / "c", record["config"])
    assert len(saved["middle"]["losses"]) == 1, "of the step before"
    assert all(w.isfinite().all() for w in saved["state"]["network"].values())
    # Where nobody looks in between, the end of the epoch finds the step.
    monkeypatch.setattr(keeper, "LOOK_EVERY", 1e9)
    calls[0] = 0
    status, _, (line,) = train(NB201, *TINY, "--data", noise)
    assert status == 2
    assert "epoch 2, step 3: the loss is not a finite number (nan); lower lr" in line


# the question ------------------------------------------------------------------------


def test_the_command_asks_and_takes_no_for_an_answer(
    train, tmp_path, monkeypatch, noise
):
    monkeypatch.setattr(forecast, "SMALL", 0)
    monkeypatch.setattr(cli_full, "LONG", 0)
    chair = io.StringIO("n\n")
    chair.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", chair)
    arguments = (*PAIR, "--data", noise, "--out", tmp_path / "t")
    arguments += ("--checkpoint", tmp_path / "c")
    status, out, err = train(*arguments)
    assert status == 2 and out == ""
    assert "measured on 3 steps" in err[0] and "MiB of memory" in err[0]
    assert err[1].startswith("Go on? [Y/n]")
    assert err[-1].endswith("gaea_mini: not begun; nothing was written")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(forecast, "free_mb", lambda where: 0.1)
    status, _, err = train(*arguments)
    assert status == 2 and "0 MiB are free; give a smaller --batch" in err[-1]
    assert list(tmp_path.iterdir()) == []
    assert train(*arguments, "--yes")[0] == 0
    # What goes on from a checkpoint was asked about before.
    status, _, err = train(*arguments)
    assert status == 0 and err == []


def test_a_forecast_counts_steps_and_what_is_measured(noise, monkeypatch):
    """On a clock that goes on by a second whenever somebody looks at it."""
    seconds = itertools.count()
    monkeypatch.setattr(forecast, "_now", lambda where: float(next(seconds)))
    data = load(noise, 8)
    small = cli_train.cell_of(NB201, None, None)
    recipe = cli_train.recipe_of(
        options_of("x", *TINY, "--epochs", 8, "--every", 4), small
    )
    before = torch.get_rng_state()
    what = (space("nasbench201"), NB201, data)
    found = forecast.of_training(*what, recipe, "cpu")
    assert torch.get_rng_state().equal(before)
    assert (found.steps, found.epochs) == (6, 8)
    assert found.step == pytest.approx(1 / 3), "a second for three steps"
    assert found.looks == pytest.approx(2 / 8), "two of eight epochs are measured"
    assert found.seconds == pytest.approx(8 * (6 * found.step + found.looks))
    always = forecast.of_training(*what, replace(recipe, measured=()), "cpu")
    assert always.looks == pytest.approx(1), "a second for all test pictures"


def test_memory_grows_with_the_batch_and_falls_with_precision(noise):
    data = load(noise, 32)
    recipe = replace(TRAININGS["gaea-pc-darts"], channels=4, cells=1)
    where, cell = space("darts"), GENOTYPES["darts-v2"].genotype

    def need(batch, precision="float32"):
        size, speed = replace(recipe, batch=batch), Speed(precision)
        return forecast.memory_of_training(where, cell, data, size, speed)

    small, large, larger = need(256), need(512), need(768)
    assert larger - large == pytest.approx(large - small, rel=1e-6) and large > small
    assert 0.4 < need(512, "bfloat16") / large < 0.9
    # Against a real step: what a batch keeps is in it, twice and no more than that.
    state = alone.State(
        where, cell, data, replace(recipe, batch=50), 0, torch.device("cpu")
    )
    state.network.train()
    batch = state.batches.first()
    kept = forecast.kept_for_backward(lambda: state.losses(*batch)[1])
    assert (large - small) * 2**20 / 256 * 50 == pytest.approx(2 * kept, rel=0.1)


# wrong input -------------------------------------------------------------------------

WRONG = {
    "nothing": ((), "name one cell: GENOTYPE, or --run"),
    "both": ((NB201, "--run", "r.json"), "name one cell: GENOTYPE, or --run"),
    "no such name": (("darts-v3",), "no published cell 'darts-v3'; there are darts-v1"),
    "malformed": (("|nor_conv_3x3~0|",), "malformed arch string"),
    "an operation that is not there": (
        (NB201, "--space", "compact"),
        "no operation 'none'",
    ),
    "another space": (("darts-v1", "--space", "compact"), "is of space darts, not com"),
    "no such space": ((NB201, "--space", "x"), "no search space 'x'"),
    "no record": (("--run", "gone.json"), "no file gone.json"),
    "no recipe": ((NB201, "--recipe", "x"), "no recipe 'x'; there are nasbench201"),
    "no preset": ((NB201, "--preset", "big"), "no preset 'big'; there are tiny, cpu"),
    "no data": ((NB201, "--data", "gone.npz"), "no data set gone.npz"),
    "small pictures": (
        (NB201, "--preset", "gpu", "--data", "fashion"),
        "size 32: pictures are 28x28",
    ),
    "too many pictures": (
        (NB201, "--pictures", "90000"),
        "10000 pictures, .* cannot train on 90000",
    ),
    "too large a batch": ((NB201, *TINY, "--batch", "70"), "on 60 in batches of 70"),
    "a batch of one": ((NB201, "--batch", "1"), "batch is 1; it must be 2 or more"),
    "epochs": ((NB201, "--epochs", "0"), "epochs is 0; it must be 1 or more"),
    "every": ((NB201, "--every", "0"), "--every is 0"),
    "seed": ((NB201, "--seed", "-1"), "seed is -1"),
    "lr": ((NB201, "--lr", "nan"), "lr is nan"),
    "drop path": ((NB201, "--drop-path", "0.2"), "have no drop path; set it to 0"),
    "drop path of 1": (("darts-v1", "--drop-path", "1"), "0 or more, and below 1"),
    "auxiliary": ((NB201, "--auxiliary", "0.4", *TINY), "nasbench201 have no auxil"),
    "a head without room": (
        ("darts-v1", "--auxiliary", "0.4", "--size", "28"),
        "pictures of 32 pixels, not 28",
    ),
    "too large": (("darts-v1", "--channels", "1000000000"), "no network of 1000000000"),
    "device": ((NB201, "--device", "tpu"), "no device 'tpu'"),
    "float16": ((NB201, "--precision", "float16"), "float16 needs a CUDA device"),
    "precision": ((NB201, "--precision", "x"), "no precision 'x'"),
    "graphs": ((NB201, "--graphs"), "CUDA graphs are of a compiled"),
    "several at once": ((NB201, COMPACT), "unrecognized arguments"),
    "minutes": ((NB201, "--minutes", "-1"), "minutes between checkpoints is -1"),
    "out": ((NB201, "--out", "gone/t.json"), "cannot write gone/t.json"),
    "one file": (
        (NB201, "--out", "t", "--checkpoint", "t"),
        "--out and --checkpoint are one file",
    ),
    "a number": ((NB201, "--epochs", "many"), "invalid int value"),
    "no word for the data": ((NB201, "--data="), "--data: it is empty; leave it out"),
    "no name of a record": (("--run=",), "--run: it is empty; name a file"),
    "cells without end": (
        (NB201, "--cells", "100000000"),
        "cells is 100000000; take 100 a stage or fewer",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_gets_one_line_and_status_2(train, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    arguments, pattern = WRONG[case]
    status, out, err = train(*arguments)
    assert status == 2 and out == ""
    (line,) = err
    assert line.startswith("gaea_mini: ") and re.search(pattern, line), line
    assert list(tmp_path.iterdir()) == [], "something was left behind"


def test_records_that_are_none(train, tmp_path):
    for content in ("", "{}", '{"runs": []}', json.dumps(asdict(Training({}, 1, 1)))):
        (tmp_path / "r.json").write_text(content)
        status, _, (line,) = train("--run", tmp_path / "r.json")
        assert status == 2 and "r.json" in line


def test_several_processes_are_refused(train, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, _, (line,) = train(NB201)
    assert status == 2 and "train is one process: start it without torchrun" in line


def test_counting_is_done_where_the_network_is():
    from gaea_mini.evaluate import build_network, count

    network = build_network(space("nasbench201"), NB201, 3, 10, 4, 1)
    expected = count(network, (3, 8, 8))
    assert count(network.to("meta"), (3, 8, 8)) == expected


# real accidents ----------------------------------------------------------------------


def hear_ctrl_c():
    """A shell starts its background jobs deaf to it, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def command(*arguments, limit=None, **options):
    """The command in a process of its own; it writes at most ``limit`` bytes a file."""
    code = "import resource, sys\nfrom gaea_mini.cli import main\n"
    if limit is not None:
        code += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    return subprocess.Popen(
        [sys.executable, "-c", code + "raise SystemExit(main())", "train"]
        + [str(a) for a in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(process, ready, patience=300):
    deadline = time.monotonic() + patience
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the training did not get so far"
        time.sleep(0.001)


posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
LONG = (*PAIR, "--epochs", 12, "--minutes", 0.001)


@posix
@pytest.mark.slow
def test_kill_9_twice_then_the_same_numbers(tmp_path, train, noise):
    """Killed at whatever it was doing; the end is bit for bit the same."""
    file, out = tmp_path / "c.pt", tmp_path / "t.json"
    arguments = (*LONG, "--data", noise, "--checkpoint", file, "--out", out)
    seen = 0
    for _ in range(2):
        process = command(*arguments)
        wait_for(
            process,
            lambda seen=seen: file.exists() and file.stat().st_mtime_ns > seen,
        )
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was done before that"
        assert not out.exists()
        whole = file if file.exists() else checkpoints.before(file)
        seen = whole.stat().st_mtime_ns
    assert train(*arguments)[0] == 0
    straight = tmp_path / "s.json"
    assert train(*LONG, "--data", noise, "--out", straight)[0] == 0
    one, other = read(out), read(straight)
    assert [one[name] for name in SERIES] == [other[name] for name in SERIES]


@posix
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_record_and_checkpoint(tmp_path, noise, train, number):
    file, out = tmp_path / "c.pt", tmp_path / "t.json"
    arguments = (*PAIR, "--epochs", 5000, "--data", noise)
    files = ("--checkpoint", file, "--out", out)
    process = command(*arguments, *files, preexec_fn=hear_ctrl_c)
    wait_for(process, checkpoints.before(file).exists)  # two epochs are done
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "Traceback" not in err
    assert err.endswith("gaea_mini: stopped\n") and f"epochs is in {out}" in err
    assert {p.name for p in tmp_path.iterdir()} == {"c.pt", "c.pt.before", "t.json"}
    record = read(out)
    saved = checkpoints.load(file, record["config"])
    assert len(record["loss"]) - len(saved["run"]["loss"]) in (0, 1)
    status, _, (line,) = train(*arguments, "--seed", 9, "--checkpoint", file)
    assert status == 2 and "seed 0 there, 9 here" in line


@posix
@pytest.mark.slow
def test_a_full_disk_keeps_what_was_there(tmp_path):
    out = tmp_path / "t.json"
    out.write_text("the record before")
    process = command(
        NB201, *TINY, "--checkpoint", tmp_path / "c", "--out", out, limit=2000
    )
    _, err = process.communicate()
    assert process.returncode == 2
    assert err.splitlines()[-1] == f"gaea_mini: {tmp_path / 'c'}: File too large"
    assert [p.name for p in tmp_path.iterdir()] == ["t.json"]
    assert out.read_text() == "the record before"
