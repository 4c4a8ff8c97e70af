"""Rank scatter and explorer: state, numbers, stills, and what they refuse."""

from __future__ import annotations

import base64
import json
import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_comparison import CELLS, TRUTH, comparison_record
from made_up_ranking import ranking_record

from gaea_mini.errors import InputError
from gaea_mini.evaluate.ranking import recall
from gaea_mini.show import BenchmarkExplorer, RankScatter
from gaea_mini.show.cell_table import pack_cells, read_cell

SHOW = Path(sys.modules["gaea_mini.show"].__file__ or "").parent
RECORD, RANK_TRUTH, RANK_CELLS = ranking_record()
SETS = {"compact": comparison_record(), "nb201": comparison_record(one_clock=False)}


def scatter(**more: Any) -> RankScatter:
    return RankScatter(RECORD, RANK_TRUTH, RANK_CELLS, **more)


def explorer(**more: Any) -> BenchmarkExplorer:
    return BenchmarkExplorer(SETS, {"compact": (CELLS, TRUTH)}, **more)


@pytest.mark.parametrize(("make", "most"), [(scatter, 140_000), (explorer, 60_000)])
def test_state_is_plain_small_and_survives_the_way_to_the_page(
    make: Any, most: int
) -> None:
    widget = make()
    text = json.dumps(widget.get_state(), default=str, allow_nan=False)
    assert len(text) < most
    state = json.loads(text)
    assert "export default" in state["_esm"] and ".gw {" in state["_css"]
    for key in ("runs", "table", "sets", "methods", "point"):
        if key in state:
            assert getattr(widget, key) == state[key]


@pytest.mark.parametrize("name", ["rank_scatter", "explorer"])
def test_the_script_is_one_small_file_without_outside_code(name: str) -> None:
    script = (SHOW / f"{name}.js").read_text("utf-8")
    assert script.count("\n") <= 400
    assert "import " not in script and "import(" not in script
    assert "http" not in script.replace("http://www.w3.org/2000/svg", "")


# ---- cells --------------------------------------------------------------------------


def test_cells_are_digits_in_the_order_of_the_table() -> None:
    packed = pack_cells(CELLS)
    digits, names = packed["digits"], [one["name"] for one in packed["operations"]]
    assert len(digits) == 6 * len(CELLS)
    for i in (0, 1, 5, 364, 728):
        own = [names[int(d)] for d in digits[6 * i : 6 * i + 6]]
        assert read_cell(CELLS[i]) == ([tuple(e) for e in packed["edges"]], own)


@pytest.mark.parametrize("arch", ["", "abc", "|a~0|+", "|a~1|", "|a~0|+b"])
def test_what_is_no_cell(arch: str) -> None:
    with pytest.raises(InputError, match="no cell"):
        pack_cells([arch])


def test_cells_of_two_spaces_are_refused() -> None:
    with pytest.raises(InputError, match="other edges"):
        pack_cells(["|a~0|", CELLS[0]])
    with pytest.raises(InputError, match="11 operations"):
        pack_cells([f"|{chr(97 + i)}~0|" for i in range(11)])


# ---- the scatter --------------------------------------------------------------------


def test_the_page_gets_every_count_and_the_truth() -> None:
    widget = scatter()
    kept = [run for run in RECORD["runs"] if "counts" in run]
    assert [run["method"] for run in widget.runs] == [run["method"] for run in kept]
    for run, origin in zip(widget.runs, kept, strict=True):
        raw = base64.b64decode(run["counts"])
        states = np.frombuffer(raw, "<u2").reshape(-1, 729)
        assert states.tolist() == origin["counts"]
        cells = [RANK_CELLS.index(arch) for arch in origin["genotype"]]
        first = cells[0] if run["method"] == "rs-ws" else -1
        assert run["chosen"] == [first, *cells[1:]]
    assert np.array(widget.table["truth"]) / 1e4 == pytest.approx(RANK_TRUTH)
    assert widget.ceiling == pytest.approx(0.81)


def test_it_starts_at_the_end_on_the_best_cell() -> None:
    widget = scatter(k=10)
    assert (widget.method, widget.epoch) == ("rs-ws", 15)
    assert widget.cell == int(np.argmax(RANK_TRUTH))
    counts = np.array(RECORD["runs"][0]["counts"][15])
    assert widget.scores() == pytest.approx(100 * counts / 250)
    assert widget.recall() == pytest.approx(recall(counts, np.array(RANK_TRUTH), 10))
    widget.set_state({"method": "darts", "epoch": 3, "cell": 7, "k": 729})
    assert (widget.method, widget.epoch, widget.cell) == ("darts", 3, 7)
    assert widget.recall() == pytest.approx(1)


def test_the_still_of_a_scatter() -> None:
    widget = scatter(method="darts", epoch=4, k=20)
    left, right = widget.still().axes
    points = np.concatenate([part.get_offsets() for part in left.collections[:2]])
    assert len(points) == 729
    shown = sorted(map(tuple, points.round(6).tolist()))
    wanted = np.c_[RANK_TRUTH, widget.scores()].round(6)
    assert shown == sorted(map(tuple, wanted.tolist()))
    runs = [run for run in RECORD["runs"] if "counts" in run]
    for drawn, run in zip(right.get_lines(), runs, strict=False):
        assert drawn.get_ydata() == pytest.approx(run["kendall"])
    said = widget.describe()
    assert f"tau is {runs[1]['kendall'][4]:.2f}" in said
    assert f"{widget.recall():.0%} of the 20 truly best" in said


def changed(**parts: Any) -> dict[str, Any]:
    record = deepcopy(RECORD)
    for key, value in parts.items():
        record["runs"][0][key] = value
    return record


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"record": {"runs": []}}, "no ranking"),
        ({"record": {"pictures": 250, "runs": []}}, "no run with counts"),
        ({"record": changed(counts=[[0] * 728] * 16)}, "729 cells"),
        ({"record": changed(counts=[[251] * 729] * 16)}, "from 0 to 250"),
        ({"record": changed(counts=[[0.5] * 729] * 16)}, "whole numbers"),
        ({"record": changed(counts=[[1] * 729] * 3)}, "as many states"),
        ({"record": changed(method="darts")}, "one of each method"),
        ({"truth": [50.0] * 728}, "shape (728,) for 729"),
        ({"truth": [101.0] * 729}, "between 0 and 100"),
        ({"truth": ["a"] * 729}, "no number"),
        ({"cells": []}, "no cells"),
        ({"cells": CELLS[:1], "truth": [50.0]}, "a ranking needs two"),
        ({"method": "gdas"}, "the record has rs-ws, darts, gaea-darts"),
        ({"epoch": 16}, "epoch is 16"),
        ({"k": 0}, "k is 0"),
        ({"cell": 729}, "cell is 729"),
    ],
)
def test_a_scatter_refuses_what_it_cannot_show(
    wrong: dict[str, Any], says: str
) -> None:
    given = {"record": RECORD, "truth": RANK_TRUTH, "cells": RANK_CELLS, **wrong}
    with pytest.raises(InputError, match=re.escape(says)):
        RankScatter(**given)


# ---- the explorer -------------------------------------------------------------------


def test_every_state_has_the_rank_and_a_cell_of_its_accuracy() -> None:
    one = explorer().sets[0]
    for line, arm in zip(one["lines"], SETS["compact"]["arms"], strict=False):
        regret = TRUTH.max() - np.array(arm["test"])
        assert np.array(line["regret"]) == pytest.approx(regret, abs=1e-4)
        for row, ranks, cells in zip(
            arm["test"], line["ranks"], line["cells"], strict=True
        ):
            assert TRUTH[cells] == pytest.approx(row)
            assert ranks == [1 + int((TRUTH > test).sum()) for test in row]
        # The last cell is the one that the search found, not one that is like it.
        assert [CELLS[row[-1]] for row in line["cells"]] == arm["genotype"]
    assert one["alike"][5] == int((TRUTH == TRUTH[5]).sum())


def test_without_a_truth_only_the_last_cell_is_known() -> None:
    one = explorer().sets[1]
    arm, line = SETS["nb201"]["arms"][0], one["lines"][0]
    assert {c for row in line["cells"] for c in row[:-1]} == {-1}
    assert [row[-1] for row in line["ranks"]] == arm["rank"]
    names = [o["name"] for o in one["table"]["operations"]]
    for row, arch in zip(line["cells"], arm["genotype"], strict=True):
        digits = one["table"]["digits"][6 * row[-1] : 6 * row[-1] + 6]
        assert [names[int(d)] for d in digits] == read_cell(arch)[1]


def test_clocks_and_names() -> None:
    compact, other = explorer().sets
    assert len(compact["clocks"]) == 1 and len(other["clocks"]) == 2
    assert compact["clocks"][0]["end"] == 240
    assert [clock["end"] for clock in other["clocks"]] == pytest.approx(
        [max(arm["cost"][-1] for arm in SETS["nb201"]["arms"]), 40_000], rel=1e-3
    )
    names = [line["name"] for line in other["lines"]]
    assert "darts, single-level" in names and "evolution, one-seed" in names
    # A rival's curve begins where every repetition has a cell.
    rival = compact["lines"][-1]
    assert None not in rival["curves"][0] and rival["costs"][0] >= 240 / 40


def test_a_rival_without_a_cell_has_no_number() -> None:
    record = deepcopy(SETS["compact"])
    for key in ("mean", "low", "high"):
        record["rivals"][0]["regret"][key] = [None] * 60
    widget = BenchmarkExplorer({"x": record}, methods=["random search", "darts"])
    rows = widget.at_budget()
    assert [row["name"] for row in rows] == ["darts", "random search"]
    assert rows[1]["mean"] is None
    assert "random search" not in widget.describe()
    widget.still()


def test_the_table_at_a_budget() -> None:
    widget = explorer(budget=0.2, methods=["darts", "evolution"])
    arm = SETS["compact"]["arms"][1]
    at = max(i for i, cost in enumerate(arm["cost"]) if cost <= 0.2 * 240)
    ends = TRUTH.max() - np.array(arm["test"])[:, at]
    rows = {row["name"]: row for row in widget.at_budget()}
    assert rows["darts"]["mean"] == pytest.approx(ends.mean(), abs=1e-3)
    high = np.quantile(ends, 0.9)
    assert rows["darts"]["high"] == pytest.approx(high, abs=1e-3)
    assert f"darts has a mean regret of {ends.mean():.2f}" in widget.describe()


def test_it_starts_where_the_searches_shown_end() -> None:
    arms = SETS["compact"]["arms"]
    assert explorer().budget == pytest.approx(arms[2]["cost"][-1] / 240, rel=1e-4)
    widget = explorer(methods=["darts"])
    assert widget.budget == pytest.approx(arms[1]["cost"][-1] / 240, rel=1e-4)
    ends = np.array(arms[1]["test"])[:, -1]
    mean = widget.at_budget()[0]["mean"]
    assert mean == pytest.approx(TRUTH.max() - ends.mean(), abs=1e-3)
    assert explorer(methods=["evolution"]).budget == 1


def test_what_the_front_end_sets_is_kept() -> None:
    widget = explorer()
    assert widget.point == ["gaea-darts", 0]
    widget.set_state({"data": "nb201", "methods": [], "point": ["darts", 2]})
    assert (widget.data, widget.methods, widget.point) == ("nb201", [], ["darts", 2])
    assert widget.at_budget() == []


@pytest.mark.parametrize("data", ["compact", "nb201"])
def test_the_still_of_an_explorer(data: str) -> None:
    widget = explorer(data=data, methods=["gaea-darts", "random search"])
    axes = widget.still().axes
    assert len(axes) == (1 if data == "compact" else 2)
    arm = SETS[data]["arms"][0]
    mean = TRUTH.max() - np.array(arm["test"]).mean(axis=0)
    assert axes[0].get_lines()[0].get_ydata() == pytest.approx(mean, abs=1e-3)


def broken(**parts: Any) -> dict[str, Any]:
    return {"compact": {**SETS["compact"], **parts}}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"records": {}}, "no records"),
        ({"records": {"compact": RECORD}, "truth": None}, "compact: no comparison"),
        ({"records": broken(arms=[])}, "no comparison"),
        ({"records": broken(table={"best": 50, "cells": {"n": 729}})}, "no comparison"),
        ({"truth": {"other": (CELLS, TRUTH)}}, "truth of 'other'"),
        ({"truth": {"compact": (CELLS[:9], TRUTH[:9])}}, "of another table"),
        ({"truth": {"compact": (CELLS, TRUTH[:9])}}, "shape (9,)"),
        ({"truth": {"compact": (CELLS, TRUTH - 1)}}, "of another table"),
        (
            {"truth": {"compact": (CELLS, np.full(729, TRUTH.max()))}},
            "an accuracy that no cell of the truth has",
        ),
        ({"data": "cifar"}, "there are compact, nb201"),
        ({"methods": ["sgd"]}, "no method 'sgd'"),
        ({"budget": 0}, "budget is 0"),
    ],
)
def test_an_explorer_refuses_what_it_cannot_show(
    wrong: dict[str, Any], says: str
) -> None:
    given = {"records": SETS, "truth": {"compact": (CELLS, TRUTH)}, **wrong}
    with pytest.raises(InputError, match=re.escape(says)):
        BenchmarkExplorer(**given)
