"""Rivals on look-ups, each against a slow statement of the same algorithm."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from made_up_cells import COMPACT, TINY, MadeUp, Sealed

from gaea_mini.errors import InputError
from gaea_mini.evaluate import bohb as bohb_module
from gaea_mini.evaluate.bohb import bohb, continues, good, rungs_of
from gaea_mini.evaluate.nasbench201 import NasBench201
from gaea_mini.evaluate.one_seed import OneSeed, spread_within
from gaea_mini.evaluate.rivals import (
    PUBLISHED_TRAININGS,
    default_clock,
    evolution,
    fidelity,
    mutate,
    random_search,
    reinforce,
)
from gaea_mini.supernet import space

RIVALS = {
    "random": random_search,
    "evolution": evolution,
    "reinforce": reinforce,
    "bohb": bohb,
}
every_rival = pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)


# -------------------------------------------------------------- what holds for each


@every_rival
def test_the_test_column_is_never_read(rival):
    steps = list(rival(Sealed(), 300.0, 0))
    assert len(steps) > 10


@every_rival
def test_a_seed_repeats_the_search_and_another_one_does_not(rival):
    once, twice, other = (list(rival(MadeUp(), 200.0, s)) for s in (3, 3, 4))
    assert once == twice
    assert once != other


@every_rival
@pytest.mark.parametrize("clock", [5.0, 100.0, 333.3])
def test_no_training_is_over_after_the_clock(rival, clock):
    table = MadeUp()
    steps = list(rival(table, clock, 1))
    seconds = [step.seconds for step in steps]
    assert all(0 < s <= clock for s in seconds)
    assert seconds == sorted(seconds)
    # The next training was looked at and did not fit: every one fits in 15 seconds.
    assert clock - (seconds[-1] if seconds else 0.0) < 15


@every_rival
def test_a_short_clock_is_the_beginning_of_a_long_one(rival):
    short, long = (list(rival(MadeUp(), clock, 5)) for clock in (120.0, 360.0))
    assert long[: len(short)] == short and len(long) > len(short)


@every_rival
def test_values_are_the_tables_and_the_best_is_among_the_trained(rival):
    table = MadeUp()
    steps = list(rival(table, 250.0, 2))
    cell, seed, epoch = table.looks[0]
    assert steps[0].cell == cell and seed in table.seeds
    assert steps[0].value == MadeUp().val(cell, seed, epoch)
    assert {step.best for step in steps} <= {step.cell for step in steps}
    assert len({seed for _, seed, _ in table.looks}) == 3


@every_rival
@pytest.mark.parametrize("clock", [0.0, -1.0, float("nan")])
def test_a_clock_without_time_is_refused(rival, clock):
    with pytest.raises(InputError, match="clock is .* more than 0"):
        next(rival(MadeUp(), clock, 0))


@every_rival
def test_a_table_without_seconds_is_refused_and_not_searched_for_ever(rival):
    with pytest.raises(InputError, match="training of 0.0 seconds"):
        list(rival(MadeUp(second=0.0), 10.0, 0))


@every_rival
def test_every_rival_but_the_shortest_clock_beats_the_average_cell(rival):
    table = MadeUp()
    average = np.mean([table.val(cell) for cell in table.cells])
    ends = [table.val(list(rival(table, 600.0, s))[-1].best) for s in range(10)]
    assert np.mean(ends) > average + 5


# ------------------------------------------------------------------- one by one


def test_random_search_against_a_loop():
    table, draws = MadeUp(), np.random.default_rng(0)
    spent, trained, expected = 0.0, [], []
    while True:
        choice = [int(o) for o in draws.integers(3, size=6)]
        cell = COMPACT.format(choice)
        if spent + table.seconds(cell) > 200:
            break
        spent += table.seconds(cell)
        value = table.val(cell, int(draws.integers(3)))
        trained.append((value, cell))
        expected.append((spent, cell, value, max(trained, key=lambda t: t[0])[1]))
    assert [tuple(step) for step in random_search(MadeUp(), 200.0, 0)] == expected


def test_evolution_kills_the_oldest_and_children_differ_on_one_edge():
    """Replay: each child has a parent among the ten that were trained just before."""
    steps = list(evolution(MadeUp(), 1200.0, 0))
    choices = [COMPACT.parse(step.cell) for step in steps]
    assert len(steps) > 60
    for place in range(10, len(steps)):
        differ = [
            sum(a != b for a, b in zip(choices[place], member, strict=True))
            for member in choices[place - 10 : place]
        ]
        assert 1 in differ, "the parent is not among the ten youngest"


def test_evolution_against_a_slow_statement():
    """Real et al., algorithm 1, with a list and explicit ages."""
    table, draws = MadeUp(), np.random.default_rng(8)
    spent, history, living = 0.0, [], []
    while True:
        if len(living) < 10:
            choice = tuple(int(o) for o in draws.integers(3, size=6))
        else:
            tournament = [living[int(i)] for i in draws.integers(10, size=3)]
            parent = sorted(tournament, key=lambda m: -m["value"])[0]
            choice = mutate(table, parent["choice"], draws)
        cell = COMPACT.format(choice)
        if spent + table.seconds(cell) > 500:
            break
        spent += table.seconds(cell)
        value = table.val(cell, int(draws.integers(3)))
        history.append((spent, cell, value))
        if len(living) == 10:
            living = sorted(living, key=lambda m: m["born"])[1:]
        living.append({"value": value, "choice": choice, "born": len(history)})
    found = [step[:3] for step in evolution(MadeUp(), 500.0, 8)]
    assert found == history and len(history) > 30


def test_a_mutation_draws_a_node_then_an_edge_and_another_operation():
    draws, parent = np.random.default_rng(0), (0, 1, 2, 0, 1, 2)
    counts, table = np.zeros((6, 3)), MadeUp()
    for _ in range(6000):
        child = mutate(table, parent, draws)
        (edge,) = [e for e in range(6) if child[e] != parent[e]]
        counts[edge, child[edge]] += 1
    assert all(counts[e, parent[e]] == 0 for e in range(6))
    expected = np.array([1 / 3, 1 / 6, 1 / 6, 1 / 9, 1 / 9, 1 / 9])
    assert counts.sum(axis=1) / 6000 == pytest.approx(expected, abs=0.02)
    others = counts[counts > 0].reshape(6, 2)
    assert others[:, 0] / others.sum(axis=1) == pytest.approx(np.full(6, 0.5), abs=0.06)


def test_reinforce_moves_its_logits_as_torchs_autograd_and_adam_do():
    """The sampled cells replayed through torch give the same cell in the end."""
    for seed in range(5):
        steps = list(reinforce(MadeUp(), 800.0, seed, lr=0.1, keep="argmax"))
        start = 1e-3 * np.random.default_rng(seed).standard_normal((6, 3))
        logits = torch.tensor(start, requires_grad=True)
        adam = torch.optim.Adam([logits], lr=0.1)
        up, down = 0.0, 0.0
        for step in steps:
            choice = torch.tensor(COMPACT.parse(step.cell))
            up, down = 0.9 * up + 0.1 * step.value, 0.9 * down + 0.1
            logs = torch.distributions.Categorical(logits=logits).log_prob(choice)
            loss = (-logs * (step.value - up / down)).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
            assert step.best == COMPACT.format(logits.argmax(dim=1).tolist())


def test_reinforce_draws_from_its_softmax():
    """With steps too small to matter all operations are equally likely."""
    steps = list(reinforce(MadeUp(second=0.01), 200.0, 0, lr=1e-9))
    choices = np.array([COMPACT.parse(step.cell) for step in steps])
    shares = np.stack([(choices == o).mean(axis=0) for o in range(3)])
    assert len(steps) > 1000
    assert shares == pytest.approx(np.full((3, 6), 1 / 3), abs=0.05)


def test_reinforce_hands_back_the_best_or_the_heaviest():
    kept = list(reinforce(MadeUp(), 400.0, 0))
    values = [step.value for step in kept]
    assert kept[-1].best == kept[int(np.argmax(values))].cell
    with pytest.raises(InputError, match="keep is 'last'"):
        next(reinforce(MadeUp(), 10.0, keep="last"))


@pytest.mark.parametrize(
    ("rival", "given"),
    [
        (evolution, {"population": 0}),
        (evolution, {"sample": 0}),
        (reinforce, {"lr": float("nan")}),
        (reinforce, {"decay": 1.0}),
    ],
)
def test_a_setting_without_sense_is_refused(rival, given):
    with pytest.raises(InputError, match=f"{next(iter(given))} is .*; it must be"):
        next(rival(MadeUp(), 100.0, **given))


def test_bohb_pays_only_the_rest_when_a_training_goes_on_and_keeps_its_seed():
    table = MadeUp()
    steps = list(bohb(table, 300.0, 0))
    spent, last = 0.0, None
    begun, climbed = [], 0
    assert rungs_of(table) == (0, 1, 2)
    for step, (cell, seed, epoch) in zip(steps, table.looks, strict=False):
        assert step.cell == cell
        before = 0 if epoch == 0 else table.epochs[epoch - 1]
        if epoch == 0:
            begun.append(seed)
        climbed += epoch == 2
        assert epoch == 0 or last == (cell, seed, epoch - 1), "another training"
        # A second an epoch at least, and a quarter for each look.
        pace = table.look(cell) / 0.25
        spent += pace * (table.epochs[epoch] - before + 0.25)
        assert step.seconds == pytest.approx(spent)
        last = (cell, seed, epoch)
    assert 5 < climbed < 0.7 * len(begun) and set(begun) == set(table.seeds)


def test_on_nas_bench_201_a_rung_of_bohb_is_a_training_of_its_own():
    table = MadeUp(space=space("nasbench201"), epochs=(12, 200))
    steps = list(bohb(table, 3000.0, 0))
    looks = list(zip(table.looks, steps, strict=False))
    again = [b[0] for a, b in pairwise(looks) if a[1].cell == b[1].cell]
    assert len(again) > 10 and {epoch for _, _, epoch in table.looks} == {0}
    assert {seed for _, seed, _ in again} == set(table.seeds)
    spent = np.cumsum([table.seconds(step.cell, 0) for step in steps])
    np.testing.assert_allclose([step.seconds for step in steps], spent)


def test_bohb_hands_back_the_best_of_those_that_got_furthest():
    table = MadeUp()
    steps = list(bohb(table, 300.0, 1))
    looks = list(zip(table.looks, steps, strict=False))
    for place, (_, step) in enumerate(looks):
        trained = [(look[2], other.value, other.cell) for look, other in looks]
        assert step.best == max(trained[: place + 1], key=lambda t: t[:2])[2]


def test_bohb_of_one_rung_prunes_nothing():
    table = MadeUp()
    steps = list(bohb(table, 300.0, 0, rungs=(2,)))
    assert {epoch for _, _, epoch in table.looks} == {2} and len(steps) > 10


def test_bohbs_good_cells_are_15_percent_and_at_least_seven():
    assert [good(n, 7) for n in (5, 7, 40, 50, 100)] == [5, 7, 7, 7, 15]


def test_the_rungs_of_a_table():
    assert rungs_of(MadeUp(epochs=(1, 2, 3, 4, 8, 10))) == (0, 2, 5)
    assert rungs_of(MadeUp(epochs=(5,))) == (0,)


def test_without_optuna_bohb_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match="pip install optuna"):
        next(bohb(MadeUp(), 10.0))


def test_importing_the_rivals_does_not_import_optuna():
    assert not hasattr(bohb_module, "optuna")


# ------------------------------------------------------------------ clock and look


def test_the_default_clock_pays_for_as_many_trainings_as_on_nas_bench_201(nb201_file):
    table = NasBench201(nb201_file)
    mean = np.mean([table.seconds(cell, fidelity(table)) for cell in table.cells])
    assert int(default_clock(table) / mean) == PUBLISHED_TRAININGS
    own = MadeUp()
    mean = np.mean([own.seconds(cell) for cell in own.cells])
    assert default_clock(own) == pytest.approx(PUBLISHED_TRAININGS * mean)


def test_what_the_rivals_see():
    class Benchmark:
        space = space("nasbench201")

    assert fidelity(Benchmark()) == 0 and fidelity(MadeUp()) == -1
    assert not continues(Benchmark()) and continues(MadeUp())
    assert rungs_of(Benchmark()) == (0, 0, 0)
    table = MadeUp(space=TINY, seeds=())
    list(random_search(table, 60.0, 0))
    assert {(seed, epoch) for _, seed, epoch in table.looks} == {(None, -1)}


# ------------------------------------------------------- NAS-Bench-201 as a table


def test_nas_bench_201_as_a_table(nb201_file):
    table = NasBench201(nb201_file)
    cell = table.cells[1234]
    assert table.index(cell) == 1234 and len(set(table.cells)) == 15625
    assert table.val(cell, epoch=0) == table.accuracy(cell, "c10_val_12")
    assert table.val(cell) == table.accuracy(cell, "c10_val_200")
    assert table.test(cell) == table.accuracy(cell, "c10_test_200")
    full = table.accuracy(cell, "train_seconds_c10valid_200")
    assert table.seconds(cell, 0) == pytest.approx(full / 200 * 12.353)
    assert table.seconds(cell) == pytest.approx(full / 200 * 200.353)
    assert table.look(cell) == OneSeed(table).look(cell)
    assert table.look(cell) == pytest.approx(full / 200 * 0.353)
    with pytest.raises(InputError, match="no single seeds"):
        table.val(cell, seed=0)


def test_a_table_without_the_column_says_so(made_up_table):
    table = NasBench201(made_up_table)
    with pytest.raises(InputError, match="no column 'c10_val_12'"):
        table.val(table.cells[0], epoch=0)


def test_the_spread_within_classes_by_hand():
    values = np.array([1.0, 3.0, 10.0, 14.0, 12.0, 99.0])
    classes = np.array([5, 5, 8, 8, 8, 2])
    levels, spreads = spread_within(values, classes, parts=2)
    assert levels.tolist() == [2.0, 12.0]
    assert spreads == pytest.approx([np.std([1, 3], ddof=1), 2.0])
    levels, spreads = spread_within(values, classes, parts=1)
    assert spreads == pytest.approx([np.sqrt((2 + 8) / 3)])


def test_one_seed_lies_around_the_mean_as_far_as_classes_do(nb201_file):
    table = NasBench201(nb201_file)
    one = OneSeed(table)
    low, high = (
        np.array([one.val(cell, seed, 0) for cell in table.cells]) for seed in (0, 1)
    )
    means = table.column("c10_val_12")
    assert (low + high) / 2 == pytest.approx(means, abs=1e-9)
    # The spread that went in comes out: among cells of the same accuracy.
    levels, spreads = spread_within(means, table.column("iso_class"))
    top = means > levels[-2]
    assert np.std((high - low)[top] / 2) == pytest.approx(spreads[-1], rel=0.1)
    assert one.val(table.cells[3], 1) == table.val(table.cells[3])
    assert one.test(table.cells[3], 1) == table.test(table.cells[3])
