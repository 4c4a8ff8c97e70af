"""The records of part 3 are whole, and agree with the tables that they name."""

import json
from pathlib import Path

import numpy as np
import pytest

from gaea_mini.compare import COMPARISONS, RIVALS
from gaea_mini.evaluate import NasBench201, load_table
from gaea_mini.evaluate.comparison import difference
from gaea_mini.evaluate.ranking import ranking
from gaea_mini.recipe_alone import ALL_SKIP, SEEDS, gaea_cell
from gaea_mini.recipe_ranking import METHODS, PICTURES
from gaea_mini.recipe_ranking import SEEDS as RANKED

RECORDS = Path(__file__).resolve().parents[1] / "book" / "records"
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
    assert found["repetitions"] == REPETITIONS
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
    for rival in found["rivals"]:
        assert len(rival["test"]) == REPETITIONS
        regret = found["table"]["best"] - np.mean(rival["test"])
        costs = np.array(rival["regret"]["costs"])
        last = np.searchsorted(costs, found["clock"] * (1 + 1e-4), side="right") - 1
        assert rival["regret"]["mean"][last] == pytest.approx(regret, abs=0.3)


@pytest.mark.parametrize("name", COMPARISONS)
def test_its_differences_are_those_of_its_arms(name) -> None:
    found = record(f"{name}_comparison")
    arms = {(a["method"], a["objective"]): a for a in found["arms"]}
    pairs = [d for d in found["differences"] if d["paired"]]
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


@pytest.mark.parametrize("rival", PUBLISHED)
def test_rivals_reproduce_the_published_means(rival) -> None:
    """Within two standard errors of the difference where a training shows one seed.

    That is what the published rivals saw. Evolution is a known miss: between two and
    three below, while it agrees on the table of means. Our seeds are made up.
    """
    mean, sd = PUBLISHED[rival]
    gaps = {}
    for row in record("nasbench201_comparison")["rivals"]:
        if row["rival"] == rival:
            ours = np.array(row["test"])
            error = np.hypot(ours.std(ddof=1), sd) / np.sqrt(REPETITIONS)
            gaps[row["table"]] = (ours.mean() - mean) / error
    if rival == "evolution":
        assert -3 < gaps["one-seed"] < -2 and abs(gaps["nasbench201"]) < 2
    else:
        assert abs(gaps["one-seed"]) < 2


def test_the_ranking_is_that_of_its_counts() -> None:
    found, table = record("compact_ranking"), load_table("compact")
    assert found["table"]["sha256"] == table.sha256 and found["pictures"] == PICTURES
    runs = [(run["method"], run["seed"]) for run in found["runs"]]
    assert runs == [(method, seed) for method in METHODS for seed in RANKED]
    tests = table.column("test").mean(axis=1)
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
