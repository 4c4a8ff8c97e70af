"""What the player takes from a record, and what it says about a wrong one."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
from made_up import NB201_OPS, made_up_run

from gaea_mini.errors import InputError
from gaea_mini.show.style import OPERATION_COLOURS, method_colour
from gaea_mini.show.trim import trim, trim_all


@pytest.fixture
def run() -> dict[str, Any]:
    return made_up_run(epochs=4)


class HasToDict:
    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    def to_dict(self) -> dict[str, Any]:
        return self.record


def test_a_run_and_its_dict_give_the_same(run: dict[str, Any]) -> None:
    assert trim(HasToDict(run)) == trim(run)


def test_theta_keeps_four_decimals_and_its_shape(run: dict[str, Any]) -> None:
    kept = trim(run)["theta"]
    for epoch, state in enumerate(run["theta"]):
        for e, row in enumerate(state[0]):
            assert kept[epoch][0][e] == [round(x, 4) for x in row]
    assert len(kept) == 5


def test_the_record_is_left_as_it_is(run: dict[str, Any]) -> None:
    before = copy.deepcopy(run)
    trim(run)
    assert run == before


def test_trimming_twice_changes_nothing_but_the_label(run: dict[str, Any]) -> None:
    once = trim(run, "first")
    assert trim(once) == once
    assert trim(once, "second") == {**once, "label": "second"}


def test_what_is_kept_is_json_without_nan(run: dict[str, Any]) -> None:
    run["accuracy_rounded"][0] = math.nan
    run["accuracy_supernet"][1] = None
    kept = json.loads(json.dumps(trim(run), allow_nan=False))
    assert kept["rounded"][0] is None and kept["supernet"][1] is None
    assert kept == trim(run)


def test_colours_come_from_the_style(run: dict[str, Any]) -> None:
    kept = trim(run)
    assert [o["colour"] for o in kept["operations"]] == [
        OPERATION_COLOURS[name] for name in NB201_OPS
    ]
    assert kept["colour"] == method_colour("darts") != method_colour("gaea-darts")


def test_colours_of_one_space_differ() -> None:
    nb201 = ["none", *NB201_OPS]
    assert len({OPERATION_COLOURS[name] for name in nb201}) == 5


def test_truth_is_optional(run: dict[str, Any]) -> None:
    assert trim(run)["truth"] is not None
    del run["truth"]
    assert trim(run)["truth"] is None


def test_truth_may_come_from_a_table_with_one_column(run: dict[str, Any]) -> None:
    accuracies = [50.0 + epoch for epoch in range(len(run["theta"]))]
    run["truth"] = {"test": accuracies}
    assert trim(run)["truth"] == accuracies
    run["truth"]["test"] = accuracies[1:]
    with pytest.raises(InputError, match=r"test has \d+ numbers for \d+ states"):
        trim(run)


def test_default_label_is_method_and_objective(run: dict[str, Any]) -> None:
    assert trim(run)["label"] == "darts, bilevel"


def spoil(run: dict[str, Any], what: str) -> Any:
    if what == "ragged row":
        run["theta"][2][0][3] = run["theta"][2][0][3][:3]
    elif what == "missing edge":
        run["theta"][2][0].pop()
    elif what == "off the simplex":
        run["theta"][2][0][3][0] += 0.2
    elif what == "negative":
        row = run["theta"][2][0][3]
        row[0], row[1] = -0.1, row[0] + row[1] + 0.1
    elif what == "NaN":
        run["theta"][2][0][3][0] = math.nan
    elif what == "text in theta":
        run["theta"][2][0][3][0] = "much"
    elif what == "no theta":
        del run["theta"]
    elif what == "empty theta":
        run["theta"] = []
    elif what == "no config":
        del run["config"]
    elif what == "no operations":
        del run["config"]["operations"]
    elif what == "backward edge":
        run["config"]["edges"] = [[1, 0]] + run["config"]["edges"][1:]
    elif what == "short entropy":
        run["entropy"].pop()
    elif what == "no entropy":
        del run["entropy"]
    elif what == "short genotype":
        run["genotype"].pop()
    elif what == "text in accuracy":
        run["accuracy_rounded"][1] = "good"
    elif what == "a list":
        return [run]
    return run


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("ragged row", "epoch 2, edge 3 has 3 numbers for 4 operations"),
        ("missing edge", "epoch 2 does not have the shape"),
        ("off the simplex", "epoch 2, edge 3 is not on the simplex"),
        ("negative", "epoch 2, edge 3 is not on the simplex"),
        ("NaN", "epoch 2, edge 3 is not on the simplex"),
        ("text in theta", "epoch 2 does not have the shape"),
        ("no theta", "has no theta"),
        ("empty theta", "theta is empty"),
        ("no config", "has no config"),
        ("no operations", "config has no operations"),
        ("backward edge", "source < target"),
        ("short entropy", "entropy has 4 numbers for 5 states"),
        ("no entropy", "has no entropy"),
        ("short genotype", "4 genotypes for 5 states"),
        ("text in accuracy", "accuracy_rounded holds something that is no number"),
        ("a list", "is of type list"),
    ],
)
def test_a_wrong_record_is_named_in_one_line(
    run: dict[str, Any], what: str, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        trim(spoil(run, what), name="run 2")
    assert says in str(caught.value)
    assert str(caught.value).startswith("run 2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("runs", "labels", "says"),
    [
        ([], None, "no runs to show"),
        ([1] * 5, None, "5 runs: at most 4"),
        ([1, 2], ["one"], "1 labels for 2 runs"),
        (7, None, "runs is of type int"),
        ("run.json", None, "runs is of type str"),
        ([None], None, "run 1 is of type NoneType"),
    ],
)
def test_wrong_lists_of_runs(runs: Any, labels: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        trim_all(runs, labels)


def test_one_run_needs_no_list(run: dict[str, Any]) -> None:
    assert trim_all(run) == trim_all([run])
