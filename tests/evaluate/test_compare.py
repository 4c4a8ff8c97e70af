"""The comparison and the ranking from end to end, small, on a made-up table."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_trained import CELLS, made_up_table

from gaea_mini import compare as compares
from gaea_mini import recipe_alone, recipe_ranking, recipe_simplex, recipes
from gaea_mini.cli import main
from gaea_mini.compare import COMPARISONS, Arm, Comparison, compare, differences
from gaea_mini.errors import InputError
from gaea_mini.evaluate import load_table
from gaea_mini.evaluate.ranking import kendall
from gaea_mini.evaluate.rivals import default_clock, random_search
from gaea_mini.kitchen import Kitchen
from gaea_mini.recipes import FAMILY, Recipe
from gaea_mini.search import PRESETS

BUDGET = replace(
    PRESETS["tiny"], channels=2, size=6, pictures=300, batch=32, epochs=1, crop=1
)
RECIPE = Recipe(
    "A test.", "compact", (), "fashion", ("bilevel",), ("darts", "gaea-darts"), BUDGET
)
ARMS = (
    Arm("darts", "bilevel", "compact_family", (0, 1)),
    Arm("gaea-darts", "bilevel", "compact_family", (0, 1)),
    Arm("rs-ws", "bilevel", "compact_family", (0, 1)),
)
SMALL = {"test": Comparison("A test.", RECIPE, ARMS, ("compact",), one_clock=True)}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return made_up_table(tmp_path_factory.mktemp("table") / "t.json.gz", second=0.01)


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory, root):
    folder = tmp_path_factory.mktemp("kitchen")
    (folder / "records").mkdir()
    for name in ("compact_family", "compact_fashion"):
        origin = root / "book" / "records" / f"{name}.json"
        (folder / "records" / origin.name).write_bytes(origin.read_bytes())
    return Kitchen(folder / "records", folder / "cache", jobs=1)


@pytest.fixture(scope="module")
def record(kitchen, table):
    said = []
    path = compare("test", kitchen, str(table), 30, said.append, SMALL)
    assert len(said) == len(ARMS) + len(compares.RIVALS) + 1
    return json.loads(path.read_text())


def test_the_truth_of_every_state_is_the_tables(record, table):
    truth = load_table(table)
    tests = truth.column("test").mean(axis=1)
    assert record["table"]["best"] == pytest.approx(tests.max())
    assert record["table"]["cells"]["n"] == 729
    assert [arm["method"] for arm in record["arms"]] == [a.method for a in ARMS]
    for arm in record["arms"]:
        for cell, series, rank in zip(
            arm["genotype"], arm["test"], arm["rank"], strict=True
        ):
            assert len(series) == len(arm["cost"]) == BUDGET.epochs + 1
            assert series[-1] == pytest.approx(tests[CELLS.index(cell)], abs=1e-3)
            assert rank == 1 + (tests > tests[CELLS.index(cell)]).sum()
        assert arm["cost"] == sorted(arm["cost"]) and arm["cost"][0] > 0


def test_steps_are_those_that_the_record_chose(record, kitchen):
    family = json.loads((kitchen.records / "compact_family.json").read_text())
    chosen = {choice["method"]: choice["chosen"] for choice in family["steps"]}
    assert [arm["lr"] for arm in record["arms"]] == [chosen[a.method] for a in ARMS]


def test_a_rival_is_asked_at_the_cost_of_every_arm(record, table):
    truth = load_table(table)
    rivals = {rival["rival"]: rival for rival in record["rivals"]}
    assert list(rivals) == list(compares.RIVALS)
    clock = record["clock"]
    assert clock == pytest.approx(default_clock(truth))
    prices = {"darts bilevel": record["arms"][0]["cost"][-1], "clock": clock}
    ends = {name: [] for name in prices}
    for seed in range(30):
        steps = list(random_search(truth, max(clock, *prices.values()), seed))
        for name, price in prices.items():
            last = [step for step in steps if step.seconds <= price][-1]
            ends[name].append(truth.test(last.best))
    found = rivals["random search"]
    np.testing.assert_allclose(found["test"], ends["clock"], atol=1e-3)
    told = found["at_cost_of"]["darts bilevel"]
    assert told["n"] == 30
    assert told["mean"] == pytest.approx(np.mean(ends["darts bilevel"]), abs=1e-3)


def test_differences_are_by_seed_for_gaea_and_free_for_random_search(record):
    found = {(tuple(d["of"]), d["less"]): d for d in record["differences"]}
    pair = found[("gaea-darts", "bilevel"), "darts"]
    ends = [[series[-1] for series in arm["test"]] for arm in record["arms"]]
    assert pair["paired"] and pair["n"] == [2, 2]
    assert pair["mean"] == pytest.approx(np.mean(ends[1]) - np.mean(ends[0]), abs=1e-3)
    for method in ("darts", "gaea-darts", "rs-ws"):
        drawn = found[(method, "bilevel"), "random search"]
        assert not drawn["paired"] and drawn["n"] == [2, 30]
    assert len(found) == 4


def test_a_pair_takes_the_seeds_that_both_have():
    arms = [
        {"method": "darts", "objective": "b", "seeds": [0, 1], "test": [[1.0], [2.0]]},
        {
            "method": "gaea-darts",
            "objective": "b",
            "seeds": [1, 2, 0],
            "test": [[5.0], [90.0], [3.0]],
        },
    ]
    drawn = {"darts b": [0.0, 1.0], "gaea-darts b": [0.0, 1.0]}
    (pair,) = (d for d in differences(arms, drawn) if d["less"] == "darts")
    assert (pair["n"], pair["mean"]) == ([2, 2], 2.5)


def test_a_second_run_searches_and_plays_nothing(record, kitchen, table, monkeypatch):
    def never(*_):
        raise AssertionError("made again")

    monkeypatch.setattr("gaea_mini.kitchen.search", never)
    monkeypatch.setattr(compares, "search", never)
    monkeypatch.setattr(compares, "play", never)
    path = compare("test", kitchen, str(table), 30, [].append, SMALL)
    again = json.loads(path.read_text())
    assert again == record


def test_the_comparisons_hold_what_the_book_promises():
    for name, chosen in COMPARISONS.items():
        assert {a.method for a in chosen.arms} == set(FAMILY)
        assert chosen.recipe.space == name
        for arm in chosen.arms:
            ten = arm.method == "darts" or arm.method.startswith("gaea-")
            assert arm.seeds == tuple(range(10 if ten else 5))
    special = (recipe_alone, recipe_ranking, recipe_simplex)
    assert recipes.OTHERS == tuple(module.NAME for module in special)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "no comparison 'nowhere'; there are compact, nasbench201"),
        (["compact", "--repetitions", "1"], "repetitions is 1; it must be 2 or more"),
        (["compact", "--table", "gone.gz"], "no table gone.gz"),
        (["nasbench201"], "needs the table of NAS-Bench-201: give --nb201 FILE"),
        (["compact", "--jobs", "0"], "jobs is 0"),
    ],
)
def test_bad_input_is_one_line(arguments, line, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("GAEA_MINI_NB201", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_budget_below_one_training_leaves_a_rival_without_a_cell(kitchen, tmp_path):
    dear = made_up_table(tmp_path / "t.json.gz", second=1e4)
    path = compare("test", kitchen, str(dear), 2, [].append, SMALL)
    record = json.loads(path.read_text())
    for rival in record["rivals"]:
        assert set(rival["at_cost_of"].values()) == {None}
    assert {d["less"] for d in record["differences"]} == {"darts"}


# ------------------------------------------------------------------------ ranking


def test_the_ranking_judges_the_scores_of_every_state(kitchen, table, monkeypatch):
    monkeypatch.setattr(recipe_ranking, "PICTURES", 20)
    monkeypatch.setattr(recipe_ranking, "METHODS", ("rs-ws", "gaea-darts"))
    path = recipe_ranking.cook_ranking(kitchen, str(table), (0, 1), RECIPE, [].append)
    record = json.loads(path.read_text())
    tests = load_table(table).column("test").mean(axis=1)
    assert [(r["method"], r["seed"]) for r in record["runs"]] == [
        ("rs-ws", 0), ("rs-ws", 1), ("gaea-darts", 0), ("gaea-darts", 1)
    ]  # fmt: skip
    for run in record["runs"]:
        assert ("counts" in run) == (run["seed"] == 0)
        for counts, tau in zip(run.get("counts", []), run["kendall"], strict=False):
            assert len(counts) == 729 and 0 <= min(counts) and max(counts) <= 20
            assert tau == pytest.approx(kendall(counts, tests), abs=1e-3)
            assert len(run["regret"]) == len(run["kendall"]) == BUDGET.epochs + 1
    assert len(record["ceiling"]) == 3 and all(0 < c < 1 for c in record["ceiling"])

    def never(*_, **__):
        raise AssertionError("searched again")

    monkeypatch.setattr(recipe_ranking, "search", never)
    again = recipe_ranking.cook_ranking(kitchen, str(table), (0, 1), RECIPE, [].append)
    assert json.loads(again.read_text()) == record


def test_the_ranking_without_a_whole_table_is_refused(kitchen, tmp_path):
    with pytest.raises(InputError, match="no table"):
        recipe_ranking.cook_ranking(kitchen, str(tmp_path / "gone.gz"))
