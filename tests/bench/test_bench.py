"""The bench: what it times, how it compares, and what it says of its bars."""

import itertools
import json
from dataclasses import replace
from multiprocessing import Pipe

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gaea_mini import bench
from gaea_mini.bench import (
    COMPARED,
    SAME_COST,
    Contender,
    compare,
    plan,
    run_duel,
    serve,
)
from gaea_mini.bench.bars import BARS
from gaea_mini.bench.floor import convolutions_of, floor_of
from gaea_mini.bench.steps import (
    build_state,
    build_step,
    fast_step,
    path_step,
    plain_step,
    plain_theta,
    samples,
)
from gaea_mini.errors import InputError
from gaea_mini.search import METHODS, method
from gaea_mini.supernet import SPACES

TINY = Contender("fast", channels=4, cells=1, batch=8, size=8)


def copy_weights(one, other):
    """From a network of any form into one of any other form."""
    with torch.no_grad():
        for mine, theirs in zip(one.children(), other.children(), strict=True):
            if mine is not one.layers:
                mine.load_state_dict(theirs.state_dict())
        for mine, theirs in zip(one.layers, other.layers, strict=True):
            if hasattr(mine, "copy_from"):
                mine.copy_from(theirs)
            else:
                mine.load_state_dict(theirs.state_dict())


def twins(contender, *forms):
    """States of one search in several forms: the same weights, all in float64."""
    states = [build_state(replace(contender, form=form)) for form in forms]
    for state in states:
        copy_weights(state.network, states[-1].network)
        state.network.double()
        state.batches = [(x.double(), y) for x, y in state.batches]
        for p in state.parameters:
            p.data = p.data.double()
    return states


@pytest.mark.parametrize(
    ("where", "method"),
    [
        ("nasbench201", "gaea-darts"),
        ("nasbench201", "darts-2nd"),
        ("compact", "gaea-pc-darts"),
        ("nasbench1shot1-2", "darts"),
        ("darts", "pc-darts"),
        ("compact", "enas"),
    ],
)
def test_fast_and_plain_step_move_theta_and_weights_alike(where, method):
    contender = replace(TINY, space=where, method=method)
    fast, plain = twins(contender, "fast", "reference")
    assert type(fast.network.layers[0]) is not type(plain.network.layers[0])
    before = [p.detach().clone() for p in fast.parameters]
    for _ in range(2):
        fast_step(fast)
        plain_step(plain)
    for mine, theirs, old in zip(
        fast.parameters, plain.parameters, before, strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=0)
        alone = mine.shape[-1] == 1  # the weight of an only edge is 1
        assert alone or not torch.equal(mine, old), "theta has not moved"
    for mine, theirs in zip(
        fast.network.stem.parameters(), plain.network.stem.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-8, rtol=0)


def test_the_plain_second_order_step_is_not_the_one_of_the_first_order():
    first, second = (
        build_state(replace(TINY, form="reference", method=name))
        for name in ("darts", "darts-2nd")
    )
    for state in (first, second):
        plain_theta(state)
    grads = [state.parameters[0].grad for state in (first, second)]
    assert not torch.allclose(*grads, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("where", "method"),
    [
        (where, method)
        for where in ("compact", "nasbench201", "darts")
        for method in ("gdas", "gaea-gdas", "rs-ws")
    ]
    + [("nasbench1shot1-1", "gdas")],
)
def test_the_path_has_loss_and_gradients_of_the_fast_form(where, method):
    """In float64 and for the same draws: the loss, theta's gradient, the weights'."""
    states = twins(replace(TINY, space=where, method=method), "fast", "path")
    for seed in range(3):
        found = []
        for state in states:
            state.draws.manual_seed(seed)
            loss = state.loss(state.batches[0], state.sample())
            wanted = [*state.parameters, *state.network.stem.parameters()]
            gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
            assert (gradients[0] is None) == (method == "rs-ws")
            # Where ``none`` cuts the stem off, it may have no gradient or one of 0.
            found.append((loss, *(0 * loss if g is None else g for g in gradients)))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(*torch.broadcast_tensors(one, other))


def test_the_path_computes_and_moves_only_what_was_drawn():
    state = build_state(replace(TINY, space="compact", method="rs-ws", form="path"))
    calls = []
    cell = state.network.layers[0]
    for e, edge in enumerate(cell.edges):
        for o, operation in enumerate(edge.operations):
            operation.register_forward_hook(lambda *_, at=(e, o): calls.append(at))
    drawn = []
    sample = state.sample

    def noted(*arguments):
        weights = sample(*arguments)
        drawn.append(weights.active[0])
        return weights

    state.sample = noted
    before = {n: p.detach().clone() for n, p in cell.named_parameters()}
    path_step(state)
    assert len(drawn) == 2  # theta's batch, only looked at; then the weights'
    expected = [(e, o) for row in drawn for e, (o,) in enumerate(row)]
    assert sorted(calls) == sorted(expected)
    moved = {
        tuple(int(part) for part in name.split(".")[1:4:2])
        for name, p in cell.named_parameters()
        if not torch.equal(p, before[name])
    }
    convolutions = {
        (e, o) for e, (o,) in enumerate(drawn[1]) if "conv" in state.space.operations[o]
    }
    assert moved <= convolutions and len(moved) > 0


class Every(TorchDispatchMode):
    """Counts the calls of every operator."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        self.counts[name] = self.counts.get(name, 0) + 1
        return func(*args, **(kwargs or {}))


def test_the_floor_does_the_convolutions_of_the_step_and_nothing_else():
    """Counted on a sheet of paper: N = 2, two steps, one of them for theta."""
    step = build_step(replace(TINY, cells=2))
    floor = floor_of(step)
    with Every() as seen:
        floor()
    # A cell has a 1x1 and a 3x3 convolution at each of its 3 sources; there are 2
    # cells in each of 3 stages; 2 reductions of 3 convolutions; the stem.
    forward = 6 * 3 * 2 + 2 * 3 + 1
    # Theta's step asks nothing of the stem, nor of what stands right behind it.
    assert seen.counts == {
        "convolution": 2 * forward,
        "convolution_backward": 2 * forward - 3,
    }


def test_the_floor_asks_only_for_the_gradients_that_a_step_needs():
    calls = convolutions_of(build_step(TINY))
    backward = [arguments for call, arguments in calls if len(arguments) == 11]
    masks = [tuple(arguments[-1]) for arguments in backward]
    forward = 3 * 3 * 2 + 2 * 3 + 1
    theta, weights = masks[:-forward], masks[-forward:]
    assert set(theta) == {(True, False, False)} and len(theta) == forward - 3
    assert set(weights[:-1]) == {(True, True, False)}
    assert weights[-1] == (False, True, False)  # the stem


def test_multiplications_of_the_floor():
    """Forward, of the full size: 31.2 GFLOP counted by hand for 64 pictures."""
    contender = replace(TINY, channels=16, cells=5, batch=2, size=32)
    calls = convolutions_of(build_step(contender))
    forward = [arguments for _, arguments in calls if len(arguments) == 9]
    work = 0
    for x, filters, _, stride, *_ in forward:
        pixels = x.shape[0] * x.shape[2] * x.shape[3] // stride[0] ** 2
        work += 2 * pixels * torch.Size(filters.shape).numel()
    per_picture = 0
    for channels, side in ((16, 32), (32, 16), (64, 8)):
        per_picture += 5 * 6 * 2 * side**2 * channels**2 * (1 + 9)
        if channels > 16:  # a reduction: 3x3 of stride 2, 3x3, and 1x1
            per_picture += 2 * side**2 * channels**2 * (0.5 * 9 + 9 + 0.5)
    per_picture += 2 * 32**2 * 3 * 16 * 9
    assert work == 2 * 2 * per_picture  # two passes over two pictures
    assert per_picture * 64 / 1e9 == pytest.approx(31.2, rel=0.02)


# ------------------------------------------------------------------------- the plan


def test_every_method_on_every_space_is_timed_or_refused_by_name():
    assert {*COMPARED, *SAME_COST} == set(METHODS)
    small = {
        (d[-1].space, d[-1].method) for d in plan(1) if d[-1].size == bench.SMALL.size
    }
    assert small == set(itertools.product(SPACES, COMPARED))
    for duel in plan(1):
        forms = [contender.form for contender in duel]
        assert forms[0] == "reference" and "fast" in forms
        assert ("path" in forms) == samples(duel[0].method)
        assert len({(c.space, c.method, c.channels, c.cells) for c in duel}) == 1
    assert all(c.threads == 2 for duel in plan(2) for c in duel)


def test_a_method_that_is_not_defined_on_a_space_is_refused_in_the_packages_words():
    shots = [name for name in SPACES if name.startswith("nasbench1shot1")]
    expected = {(where, name) for where in shots for name in ("enas",)}
    expected |= {("darts", "enas")}
    for where, name in itertools.product(SPACES, COMPARED):
        chosen, draws = method(name), torch.Generator()
        try:
            chosen.relaxation.start(SPACES[where], chosen.update, draws)
            assert (where, name) not in expected
        except InputError as error:
            assert (where, name) in expected
            here, there = Pipe()
            serve(replace(TINY, space=where, method=name), there)
            assert here.recv() == str(error)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_bar_has_its_row_in_the_plan(threads):
    rows = []
    for n in {1, threads}:
        for duel in plan(n):
            times = [(1.0,)] * len(duel)
            rows += compare(duel, times, [1.0] * len(duel))
    missing = [bar.what for bar in BARS if bar.judge(rows)["met"] is None]
    assert len(missing) == (1 if threads == 1 else 0)


# ---------------------------------------------------------------------- comparisons


def made_up_rows(plain=10.0, fast=4.0, joint=2.0, floor=1.0, peaks=(8, 4, 4, 1)):
    duel = next(d for d in plan(1) if (d[0].channels, d[0].cells) == (16, 5))
    times = [(seconds,) * 3 for seconds in (plain, fast, joint, floor)]
    return compare(duel, times, list(peaks))


def test_ratios_are_medians_over_rounds():
    duel = [replace(TINY, form=form) for form in ("reference", "path", "fast")]
    seconds = [(4.0, 6.0, 40.0), (2.0, 2.0, 20.0), (2.0, 3.0, 10.0)]
    rows = compare(duel, seconds, [100.0, 50.0, 80.0])
    assert [row["form"] for row in rows] == ["reference", "path", "fast"]
    assert [row["median_s"] for row in rows] == [6.0, 2.0, 3.0]
    assert [row["times_faster"] for row in rows] == pytest.approx([1, 2, 2])
    assert [row["to_path"] for row in rows] == pytest.approx([2, 1, 1])
    assert [row["memory_part"] for row in rows] == [1, 0.5, 0.8]
    assert all(row["to_floor"] is None for row in rows)


def verdicts(rows):
    return {bar.what: bar.judge(rows) for bar in BARS}


def test_bars_are_judged_by_their_worst_row():
    found = verdicts(made_up_rows())
    step = found["nasbench201, bilevel step, 1 thread: times faster"]
    assert step["measured"] == 2.5 and step["met"] is True
    slow = verdicts(made_up_rows() + made_up_rows(fast=4.1))
    step = slow["nasbench201, bilevel step, 1 thread: times faster"]
    assert step["measured"] == pytest.approx(10 / 4.1) and step["met"] is False
    assert step["worst"] == "nasbench201 gaea-darts, C 16, N 5, batch 64"


def test_each_kind_of_bar():
    def met(part, **figures):
        (result,) = (
            r for what, r in verdicts(made_up_rows(**figures)).items() if part in what
        )
        return result["met"]

    assert met("one pass", joint=2.5) and not met("one pass", joint=2.6)
    assert met("times the floor", floor=4 / 3.5) and not met(
        "times the floor", floor=1.0
    )
    assert met("part of the memory", peaks=(8, 4, 1, 1))
    assert not met("part of the memory", peaks=(8, 4.1, 1, 1))
    assert met("2 threads") is None and met("PC-DARTS") is None
    assert met("sampled path") is None


def test_the_bar_of_sampled_methods_looks_at_all_of_them():
    large = replace(TINY, method="rs-ws", size=32)
    duel = [replace(large, form=form) for form in ("reference", "path", "fast")]
    rows = compare(duel, [(9.0,), (1.0,), (1.1,)], [1.0] * 3)
    (bar,) = (bar for bar in BARS if bar.ratio == "to_path")
    assert bar.judge(rows)["met"] is True
    rows += compare(duel, [(9.0,), (1.0,), (1.2,)], [1.0] * 3)
    assert bar.judge(rows)["measured"] == pytest.approx(1.2)
    assert bar.judge(rows)["met"] is False


# ------------------------------------------------------------------------- the command


@pytest.mark.slow
def test_a_duel_in_processes_of_their_own(monkeypatch):
    monkeypatch.setattr(bench, "LEAST", 2)
    duel = [
        *(replace(TINY, form=form) for form in ("reference", "fast", "floor")),
        replace(TINY, objective="single-level"),
    ]
    rows = run_duel(duel, patience=0.0)
    assert [row["form"] for row in rows] == ["reference", "fast", "floor", "fast"]
    assert all(row["steps"] == 2 and row["peak_mb"] > 50 for row in rows)
    assert all(row["median_s"] > 0 and row["to_floor"] > 0 for row in rows)


def test_the_command_writes_rows_bars_and_refusals(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        bench,
        "run_duel",
        lambda duel, patience: compare(duel, [(0.5,)] * len(duel), [64.0] * len(duel)),
    )
    out = tmp_path / "bench.json"
    bench.main(["--only", "darts", "gdas", "--out", str(out)])
    written = json.loads(out.read_text())
    assert {(r["space"], r["method"]) for r in written["rows"]} == {("darts", "gdas")}
    assert {r["form"] for r in written["rows"]} == {"reference", "path", "fast"}
    assert [bar["met"] for bar in written["bars"] if bar["met"] is not None] == [True]
    assert written["environment"]["threads"] >= 1 and written["not_defined"] == []
    text = capsys.readouterr().out
    assert "1.00x" in text and "met: GDAS and RS-WS" in text
    assert "not measured: DARTS space" in text and "cost is that of darts" in text


def test_the_command_names_what_is_not_defined(tmp_path, monkeypatch, capsys):
    def refuse(duel, patience):
        raise InputError("a uniform sample draws no node")

    monkeypatch.setattr(bench, "run_duel", refuse)
    out = tmp_path / "bench.json"
    bench.main(["--threads", "1", "--only", "*1shot1-2", "rs-ws", "--out", str(out)])
    text = capsys.readouterr().out
    assert "nasbench1shot1-2 rs-ws         not defined: a uniform sample" in text
    (refused,) = json.loads(out.read_text())["not_defined"]
    assert refused["method"] == "rs-ws" and "uniform sample" in refused["reason"]


@pytest.mark.parametrize(
    "arguments", [["--only", "nowhere"], ["--threads", "0"], ["--threads", "two"]]
)
def test_wrong_arguments_get_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        bench.main(arguments)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
