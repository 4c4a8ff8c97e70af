"""The comparison and the ranking from end to end, small, on a made-up table."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from made_up_trained import ABOUT, CELLS, WHERE, made_up_rows, made_up_table

from gaea_mini import recipes
from gaea_mini.cli import main
from gaea_mini.errors import InputError
from gaea_mini.evaluate import load_table, repetitions
from gaea_mini.evaluate.comparison import play
from gaea_mini.evaluate.ranking import kendall
from gaea_mini.evaluate.repetitions import PLAYERS, RIVALS
from gaea_mini.evaluate.rivals import (
    default_clock,
    evolution,
    random_search,
    reinforce,
)
from gaea_mini.evaluate.trained import write_table
from gaea_mini.recipes import (
    FAMILY,
    Recipe,
    alone,
    ranking,
    search_cost,
    simplex,
    skips,
)
from gaea_mini.recipes.compare import COMPARISONS, Arm, Comparison, compare, differences
from gaea_mini.recipes.kitchen import Kitchen, prepare
from gaea_mini.search import PRESETS, search
from gaea_mini.search.state import State

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
REPETITIONS = 8
SMALL = {"test": Comparison("A test.", RECIPE, ARMS, ("compact",), one_clock=True)}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return made_up_table(tmp_path_factory.mktemp("table") / "t.json.gz", second=0.001)


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
    said, paced = [], []
    with pytest.MonkeyPatch.context() as patch:
        # No whole trainings here.
        patch.setattr(search_cost, "pace", lambda one: paced.append(one.sha256) or 1.0)
        path = compare("test", kitchen, str(table), REPETITIONS, said.append, SMALL)
    assert len(said) == len(ARMS) + len(PLAYERS) + 1
    assert set(paced) == {load_table(table).sha256}  # the rivals' seconds, no others
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
    assert list(rivals) == list(RIVALS)
    clock = record["clock"]
    assert clock == pytest.approx(default_clock(truth))
    prices = {"darts bilevel": record["arms"][0]["cost"][-1], "clock": clock}
    ends = {name: [] for name in prices}
    for seed in range(REPETITIONS):
        steps = list(random_search(truth, max(clock, *prices.values()), seed))
        for name, price in prices.items():
            last = [step for step in steps if step.seconds <= price][-1]
            ends[name].append(truth.test(last.best))
    found = rivals["random search"]
    np.testing.assert_allclose(found["test"], ends["clock"], atol=1e-3)
    told = found["at_cost_of"]["darts bilevel"]
    assert told["n"] == REPETITIONS
    assert told["mean"] == pytest.approx(np.mean(ends["darts bilevel"]), abs=1e-3)


def test_differences_are_by_seed_for_gaea_and_free_for_random_search(record):
    found = {(tuple(d["of"]), d["less"]): d for d in record["differences"]}
    pair = found[("gaea-darts", "bilevel"), "darts"]
    ends = [[series[-1] for series in arm["test"]] for arm in record["arms"]]
    assert pair["paired"] and pair["n"] == [2, 2]
    assert pair["mean"] == pytest.approx(np.mean(ends[1]) - np.mean(ends[0]), abs=1e-3)
    for method in ("darts", "gaea-darts", "rs-ws"):
        drawn = found[(method, "bilevel"), "random search"]
        assert drawn["budget"] == "equal" and "budget" not in pair
        assert not drawn["paired"] and drawn["n"] == [2, REPETITIONS]
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
    others = [d for d in differences(arms, drawn, one_clock=False) if not d["paired"]]
    assert [d["budget"] for d in others] == ["whole clock"] * 2


def test_a_second_run_searches_and_plays_nothing(record, kitchen, table, monkeypatch):
    def never(*_):
        raise AssertionError("made again")

    monkeypatch.setattr("gaea_mini.recipes.kitchen.search", never)
    monkeypatch.setattr(search_cost, "timed", never)
    monkeypatch.setattr(repetitions, "play", never)
    path = compare("test", kitchen, str(table), REPETITIONS, [].append, SMALL)
    again = json.loads(path.read_text())
    assert again == record


def test_a_variant_is_its_rival_with_other_settings(record, table):
    truth = load_table(table)
    rows = {row["rival"]: row for row in record["rivals"] + record["variants"]}
    assert list(rows) == list(PLAYERS)
    for name, row in rows.items():
        assert row["settings"] == repetitions.settings(name, truth)
        base = name.partition(",")[0]
        changed = {
            setting
            for setting, value in row["settings"].items()
            if value != rows[base]["settings"][setting]
        }
        assert bool(changed) == (name != base) and base in RIVALS
    step = rows["reinforce, step 0.5, argmax"]
    assert (step["settings"]["lr"], step["settings"]["keep"]) == (0.5, "argmax")
    ends = [
        list(reinforce(truth, record["clock"], seed, lr=0.5, keep="argmax"))[-1].best
        for seed in range(REPETITIONS)
    ]
    np.testing.assert_allclose(step["test"], [truth.test(e) for e in ends], atol=1e-3)
    assert rows["bohb"]["settings"]["looks"] == [2, 6]


@pytest.mark.parametrize("what", ["VERSION", "settings", "clock"])
def test_what_is_kept_is_not_taken_for_something_else(
    what, table, tmp_path, monkeypatch
):
    """Neither after another version of the rivals, nor with other settings or time."""
    played = []

    def counted(rival, where, clock, seed):
        played.append(seed)
        return play(rival, where, clock, seed)

    monkeypatch.setattr(repetitions, "play", counted)

    def made(clock=1.0):
        return repetitions.repeat(
            "evolution", "compact", str(table), clock, 3, tmp_path, jobs=1
        )

    first = made()
    assert made() == first and played == [0, 1, 2]
    if what == "VERSION":
        monkeypatch.setattr(repetitions, "VERSION", 99)
        assert made() == first
    elif what == "settings":
        other = {"evolution": partial(evolution, sample=5)}
        monkeypatch.setattr(repetitions, "PLAYERS", other)
        assert made() != first
    else:
        assert made(0.5) != first
    assert played == [0, 1, 2] * 2


def test_a_table_that_changes_on_the_way_is_refused(table):
    with pytest.raises(InputError, match="changed while it was in use"):
        known = {"table": ["compact", "another hash"], "clock": 1.0}
        repetitions.play_many("evolution", known, [0], str(table))


# -------------------------------------------------------------- what a search costs


@pytest.mark.parametrize("method", ["darts", "rs-ws", "enas"])
def test_what_is_timed_is_the_search_without_its_measurements(method, monkeypatch):
    ends = []

    class Timed(State):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            ends.append(self)

        def accuracy(self, theta, active=None):
            if method == "darts":
                raise AssertionError("measured")
            return super().accuracy(theta, active)  # by which these two choose

    monkeypatch.setattr(search_cost, "State", Timed)
    task = Kitchen().task(RECIPE, method, 0.1, "bilevel", 0)
    seconds = search_cost.timed(task, BUDGET.epochs)
    assert len(seconds) == BUDGET.epochs + 1 and min(seconds) > 0
    where, data, chosen, budget = prepare(task)
    states = []
    *_, run = search(where, data, chosen, budget, watch=states.append)
    assert run.epoch == BUDGET.epochs and ends[0].step == states[-1].step
    for mine, theirs in zip(ends[0].parameters, states[-1].parameters, strict=True):
        assert torch.equal(mine, theirs)


def test_the_cost_of_a_search_is_in_the_seconds_of_the_table(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(search_cost, "pace", lambda table: [0.4, 0.6][len(asked) % 2])
    monkeypatch.setattr(
        search_cost,
        "timed",
        lambda task, epochs: asked.append(epochs) or [2.0, 7, 3, 4],
    )
    kitchen = Kitchen(cache=tmp_path)
    found = search_cost.search_cost(kitchen, RECIPE, "darts", 0.1, "bilevel")
    assert found == (2.0 * 0.4, 4 * 0.4) and asked == [1, search_cost.EPOCHS]
    assert search_cost.search_cost(kitchen, RECIPE, "darts", 0.1, "bilevel") == found
    assert len(asked) == 2
    monkeypatch.setattr(search_cost, "VERSION", 99)
    search_cost.search_cost(kitchen, RECIPE, "darts", 0.1, "bilevel")
    assert len(asked) == 4


def test_the_seconds_are_those_of_the_table_that_is_given(table, tmp_path, monkeypatch):
    pace = {load_table(table).sha256: 2.0, load_table("compact").sha256: 1.0}
    monkeypatch.setattr(search_cost, "pace", lambda one: pace[one.sha256])
    monkeypatch.setattr(search_cost, "timed", lambda task, epochs: [1.0, 3.0])
    known = Kitchen(cache=tmp_path), RECIPE, "darts", 0.1, "bilevel"
    assert search_cost.search_cost(*known) == (1.0, 3.0)
    assert search_cost.search_cost(*known, str(table)) == (2.0, 6.0)


def test_a_comparison_on_a_part_of_a_table_is_refused_at_once(kitchen, tmp_path):
    rows = [row for row in made_up_rows() if row["class"] < 9]
    write_table(tmp_path / "t", WHERE, ABOUT, rows)
    with pytest.raises(InputError, match="has not every cell of compact; finish"):
        compare("test", kitchen, str(tmp_path / "t"), 2, [].append, SMALL)


def test_a_step_that_is_missing_is_refused_before_any_search(kitchen, table, tmp_path):
    """Also the last one's."""
    arms = (*ARMS, Arm("gdas", "bilevel", "nowhere", (0, 1)))
    asked = {"test": replace(SMALL["test"], arms=arms)}
    here = replace(kitchen, cache=tmp_path / "cache")
    with pytest.raises(InputError, match="nowhere.json has no chosen step of gdas"):
        compare("test", here, str(table), 2, [].append, asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_pace_of_this_machine_is_that_of_one_training():
    """Other machines are faster or slower, but not a hundred times."""
    assert 0.01 < search_cost.pace(load_table("compact")) < 100


def test_the_comparisons_hold_what_the_book_promises():
    for name, chosen in COMPARISONS.items():
        assert {a.method for a in chosen.arms} == set(FAMILY)
        assert chosen.recipe.space == name
        for arm in chosen.arms:
            ten = arm.method == "darts" or arm.method.startswith("gaea-")
            assert arm.seeds == tuple(range(10 if ten else 5))
    special = (alone, ranking, simplex, skips)
    assert recipes.OTHERS == tuple(module.NAME for module in special)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "no comparison 'nowhere'; there are compact, nasbench201"),
        (["compact", "--repetitions", "1"], "repetitions is 1; it must be 2 or more"),
        (["compact", "--table", "gone.gz"], "no table 'gone.gz'"),
        (["nasbench201"], "needs the table of NAS-Bench-201: give --nb201 FILE"),
        (["compact", "--jobs", "0"], "jobs is 0"),
        (["compact"], "compact_family.json has no chosen step of darts; run the re"),
    ],
)
def test_bad_input_is_one_line(arguments, line, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("GAEA_MINI_NB201", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_budget_below_one_training_leaves_a_rival_without_a_cell(kitchen, tmp_path):
    dear = made_up_table(tmp_path / "t.json.gz", second=1e4)
    path = compare("test", kitchen, str(dear), 2, [].append, SMALL)
    record = json.loads(path.read_text())
    for rival in record["rivals"]:
        assert set(rival["at_cost_of"].values()) == {None}
    assert {d["less"] for d in record["differences"]} == {"darts"}


# ------------------------------------------------------------------------ ranking


@pytest.mark.slow
def test_the_ranking_judges_the_scores_of_every_state(kitchen, table, monkeypatch):
    monkeypatch.setattr(ranking, "PICTURES", 20)
    monkeypatch.setattr(ranking, "METHODS", ("rs-ws", "gaea-darts"))
    path = ranking.cook_ranking(kitchen, str(table), (0, 1), RECIPE, [].append)
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
    assert max(record["ceiling"]) < record["one_more"] < record["true_means"] < 1

    def never(*_, **__):
        raise AssertionError("searched again")

    monkeypatch.setattr(ranking, "search", never)
    again = ranking.cook_ranking(kitchen, str(table), (0, 1), RECIPE, [].append)
    assert json.loads(again.read_text()) == record


def test_the_ranking_without_a_whole_table_is_refused(kitchen, tmp_path):
    with pytest.raises(InputError, match="no table"):
        ranking.cook_ranking(kitchen, str(tmp_path / "gone.gz"))
