"""The records of part 3 are whole, and agree with the tables that they name."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from gaea_mini.evaluate import NasBench201, components, load_table
from gaea_mini.evaluate.comparison import difference, play
from gaea_mini.evaluate.ranking import kendall, ranking
from gaea_mini.evaluate.repetitions import (
    PLAYERS,
    RIVALS,
    VARIANTS,
    open_table,
    settings,
)
from gaea_mini.evaluate.rivals import PUBLISHED_CLOCK, reinforce
from gaea_mini.evaluate.signal import agreement
from gaea_mini.recipes.alone import ALL_SKIP, SEEDS, gaea_cell
from gaea_mini.recipes.compare import COMPARISONS
from gaea_mini.recipes.ranking import METHODS, PICTURES
from gaea_mini.recipes.ranking import SEEDS as RANKED
from gaea_mini.show.records import pick

RECORDS = Path(__file__).resolve().parents[2] / "book" / "records"
REPETITIONS = 500
# NAS-Bench-201's Table 5 as the GAEA paper's Table 2 prints it: mean and sd of 500.
PUBLISHED = {
    "random search": (93.70, 0.36),
    "evolution": (93.92, 0.30),
    "reinforce": (93.85, 0.37),
    "bohb": (93.61, 0.52),
}


def record(name):
    return json.loads((RECORDS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_has_every_arm_every_seed_and_every_repetition(name) -> None:
    found, asked = record(f"{name}_comparison"), COMPARISONS[name]
    assert found["repetitions"] == REPETITIONS and found["about"] == asked.about
    arms = {(a["method"], a["objective"]): a for a in found["arms"]}
    assert set(arms) == {(a.method, a.objective) for a in asked.arms}
    for arm in asked.arms:
        row = arms[arm.method, arm.objective]
        steps = {s["method"]: s["chosen"] for s in record(arm.steps)["steps"]}
        assert tuple(row["seeds"]) == arm.seeds and row["lr"] == steps[arm.method]
        assert all(len(s) == asked.recipe.budget.epochs + 1 for s in row["test"])
        assert len(row["cost"]) == asked.recipe.budget.epochs + 1
    rivals = [(r["table"], r["rival"]) for r in found["rivals"]]
    assert rivals == [(t, r) for t in asked.tables for r in RIVALS]
    variants = [(r["table"], r["rival"]) for r in found["variants"]]
    assert variants == [(t, r) for t in asked.tables for r in VARIANTS]
    for rival in found["rivals"] + found["variants"]:
        assert len(rival["test"]) == REPETITIONS
    for rival in found["rivals"]:
        regret = found["table"]["best"] - np.mean(rival["test"])
        costs = np.array(rival["regret"]["costs"])
        last = np.searchsorted(costs, found["clock"] * (1 + 1e-4), side="right") - 1
        assert rival["regret"]["mean"][last] == pytest.approx(regret, abs=0.3)


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("kind", ["compact", "nasbench201", "one-seed"])
def test_two_repetitions_played_again_end_as_they_were_recorded(
    kind, player, request
) -> None:
    """With the recorded settings. Another Optuna draws other cells for BOHB."""
    name, path = "compact", "compact"
    if kind != "compact":
        name, path = "nasbench201", str(request.getfixturevalue("nb201_file"))
    found, table = record(f"{name}_comparison"), open_table(kind, path)
    (row,) = (
        row
        for row in found["rivals"] + found["variants"]
        if (row["rival"], row["table"]) == (player, kind)
    )
    asked, recorded = settings(player, table), row["settings"]
    if asked.get("optuna") != recorded.get("optuna"):
        pytest.skip(f"recorded with Optuna {recorded['optuna']}")
    assert asked == recorded
    for seed in (0, 1):
        trace = play(PLAYERS[player], table, found["clock"], seed)
        assert trace.values[-1] == pytest.approx(row["test"][seed], abs=1e-4)


@pytest.mark.parametrize("name", COMPARISONS)
def test_its_differences_are_those_of_its_arms(name) -> None:
    found = record(f"{name}_comparison")
    arms = {(a["method"], a["objective"]): a for a in found["arms"]}
    pairs = [d for d in found["differences"] if d["paired"]]
    budget = "equal" if found["one_clock"] else "whole clock"
    others = [d["budget"] for d in found["differences"] if not d["paired"]]
    assert others == [budget] * len(found["arms"])
    asked = [a for a in COMPARISONS[name].arms if a.method.startswith("gaea-")]
    assert len(pairs) == len(asked) >= 3
    for pair in pairs:
        one, other = arms[tuple(pair["of"])], arms[pair["less"], pair["of"][1]]
        ends = [
            {s: t[-1] for s, t in zip(a["seeds"], a["test"], strict=True)}
            for a in (one, other)
        ]
        seeds = sorted(ends[0].keys() & ends[1].keys())
        again = difference(*([end[s] for s in seeds] for end in ends), paired=True)
        assert {k: pair[k] for k in again} == again


def test_the_truth_of_the_compact_comparison_is_the_shipped_tables() -> None:
    found, table = record("compact_comparison"), load_table("compact")
    assert found["table"]["sha256"] == table.sha256
    means = table.column("test").mean(axis=1)
    assert found["table"]["best"] == pytest.approx(means.max())
    for arm in found["arms"]:
        for cell, series, rank in zip(
            arm["genotype"], arm["test"], arm["rank"], strict=True
        ):
            assert series[-1] == pytest.approx(table.test(cell), abs=1e-3)
            assert rank == table.rank(cell)


def test_the_truth_of_the_other_comparison_is_nasbench201s(nb201_file) -> None:
    found, table = record("nasbench201_comparison"), NasBench201(nb201_file)
    assert found["table"]["sha256"] == table.sha256
    for arm in found["arms"]:
        for cell, series in zip(arm["genotype"], arm["test"], strict=True):
            assert series[-1] == pytest.approx(table.accuracy(cell), abs=1e-3)


def off(player, kind):
    """By how many standard errors of the difference our mean is above the published."""
    mean, sd = PUBLISHED[player.partition(",")[0]]
    found = record("nasbench201_comparison")
    (ours,) = (
        np.array(row["test"])
        for row in found["rivals"] + found["variants"]
        if (row["rival"], row["table"]) == (player, kind)
    )
    error = np.hypot(ours.std(ddof=1), sd) / np.sqrt(REPETITIONS)
    return (ours.mean() - mean) / error


@pytest.mark.parametrize("rival", PUBLISHED)
def test_rivals_reproduce_the_published_means(rival) -> None:
    """Within two standard errors where a training shows one seed.

    That is what the published rivals saw; our seeds are made up. Evolution is a known
    miss, between two and three below.
    """
    gap = off(rival, "one-seed")
    assert -3 < gap < -2 if rival == "evolution" else abs(gap) < 2


def test_what_explains_the_miss_of_evolution_is_the_size_of_its_sample() -> None:
    """An argument of its script. The published mean lies between those of 3 and 5."""
    assert abs(off("evolution, sample 5", "one-seed")) < 2
    assert off("evolution", "one-seed") < 0 < off("evolution, sample 5", "one-seed")
    assert off("evolution, sample 10", "one-seed") > 2


def test_means_over_seeds_are_easier_to_choose_by() -> None:
    """So two of the rivals end above the published means on that table."""
    for rival in PUBLISHED:
        gap = off(rival, "nasbench201")
        assert 2 < gap < 3 if rival in ("random search", "reinforce") else abs(gap) < 2


@pytest.mark.parametrize("kind", ["one-seed", "nasbench201"])
def test_the_step_of_reinforce_is_the_best_of_its_grid_by_validation(
    kind, nb201_file
) -> None:
    """Of the 12-epoch accuracy of what it hands back; other seeds than the record's."""
    table = open_table(kind, str(nb201_file))
    means = {}
    for lr in (0.01, 0.02, 0.1, 0.2, 0.5):
        ends = [
            list(reinforce(table, PUBLISHED_CLOCK, seed, lr=lr))[-1].best
            for seed in range(1000, 1100)
        ]
        means[lr] = np.mean([table.val(cell, epoch=0) for cell in ends])
    best = inspect.signature(reinforce).parameters["lr"].default
    assert max(means, key=means.get) == best


def test_documented_steps_of_reinforce_do_worse() -> None:
    for variant in ("reinforce, step 0.5, argmax", "reinforce, step 0.01"):
        assert off(variant, "one-seed") < -3


def test_the_ranking_is_that_of_its_counts() -> None:
    found, table = record("compact_ranking"), load_table("compact")
    assert found["table"]["sha256"] == table.sha256 and found["pictures"] == PICTURES
    runs = [(run["method"], run["seed"]) for run in found["runs"]]
    assert runs == [(method, seed) for method in METHODS for seed in RANKED]
    by_seed = table.column("test")
    tests = by_seed.mean(axis=1)
    two = [kendall(by_seed[:, a], by_seed[:, b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert found["ceiling"] == pytest.approx(two, abs=1e-4)
    parts = components(by_seed)
    assert found["one_more"] == pytest.approx(agreement(parts, True), abs=1e-4)
    assert found["true_means"] == pytest.approx(agreement(parts, False), abs=1e-4)
    for run in found["runs"]:
        if run["seed"] == RANKED[0]:
            for t, counts in enumerate(run["counts"]):
                again = ranking(counts, tests)
                assert run["kendall"][t] == pytest.approx(again["kendall"], abs=1e-3)
                assert run["regret_of_best_score"][t] == pytest.approx(
                    again["regret"], abs=1e-3
                )
        for cell, regret in zip(run["genotype"], run["regret"], strict=True):
            assert regret == pytest.approx(table.regret(cell), abs=1e-3)


def test_two_cells_trained_alone() -> None:
    found = record("alone_cifar10")
    cells = found["cells"]
    assert cells["gaea-darts"] == gaea_cell(RECORDS / "nasbench201_bilevel.json")
    assert cells["all-skip"] == ALL_SKIP
    for title, cell in cells.items():
        runs = [t for t in found["trainings"] if t["title"] == title]
        assert [t["config"]["seed"] for t in runs] == list(SEEDS)
        assert all(t["config"]["genotype"] == cell for t in runs)
        assert all(len(t["test"]) == t["config"]["epochs"] for t in runs)


def test_the_cells_of_darts_score_higher_and_are_worth_less() -> None:
    # What chapter rank_disorder says of the searches that its player shows.
    table = load_table("compact")
    tests = dict(zip(table.cells, table.column("test").mean(axis=1), strict=True))
    ranked = record("compact_ranking")["runs"]
    ends = {}
    for method in ("darts", "gaea-darts"):
        for run in pick(record("compact_fashion"), method)[: len(RANKED)]:
            seed = run["config"]["seed"]
            # It is the search whose supernet the record of the ranking scored.
            [same] = [r for r in ranked if (r["method"], r["seed"]) == (method, seed)]
            assert same["genotype"] == run["genotype"]
            last = run["accuracy_rounded"][-1], tests[run["genotype"][-1]]
            ends.setdefault(method, []).append(last)
    darts, gaea = (np.array(values) for values in ends.values())
    assert (darts[:, 0] > gaea[:, 0]).all() and (darts[:, 1] < gaea[:, 1]).all()
