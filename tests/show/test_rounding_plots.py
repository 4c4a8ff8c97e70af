"""Figures and tables of chapter rounding_gap say what the runs say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from made_up import made_up_run

from gaea_mini.search import METHODS
from gaea_mini.show import records, rounding_plots, rounding_tables

PUBLISHED = records.load_record("published")


def run_of(method: str, seed: int, entropy: list[float], lost: list[float]) -> Any:
    run = made_up_run(method, epochs=len(entropy) - 1, seed=seed)
    run["config"]["update"] = {"lr": 0.5}
    run["entropy"] = entropy
    run["accuracy_supernet"] = [80.0] * len(entropy)
    run["accuracy_rounded"] = [80.0 - points for points in lost]
    return run


def record_of(runs: list[Any]) -> dict[str, Any]:
    methods = dict.fromkeys(run["config"]["method"] for run in runs)
    steps = [{"method": m, "objective": "bilevel", "chosen": 0.5} for m in methods]
    return {"recipe": "made_up", "steps": steps, "runs": runs}


# Entropy falls in all; the first loses less and less, the second more and more.
FALLING = [1.3, 1.0, 0.6, 0.3]
RECORD = record_of(
    [
        *(run_of("darts", s, FALLING, [0.0, 30.0, 20.0, 10.0 + s]) for s in (0, 1)),
        *(run_of("gaea-darts", s, FALLING, [0.0, 5.0, 9.0, 40.0]) for s in (0, 1)),
        *(run_of("rs-ws", s, [1.386] * 4, [0.0, 1.0, -1.0, 0.5]) for s in (0, 1)),
    ]
)


def cells(text: str) -> dict[str, list[str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines()[2:]]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in lines}


def test_every_method_but_the_projected_control_has_a_kind() -> None:
    for method in set(METHODS) - {"darts-projected"}:
        assert rounding_plots.kind_of(method) in rounding_plots.LOOKS


def test_a_search_in_two_records_counts_once() -> None:
    again = json.loads(json.dumps(RECORD))
    assert len(rounding_plots.all_runs([RECORD, again])) == len(RECORD["runs"])


def test_correlations_within_a_run_have_the_runs_sign() -> None:
    rows = cells(rounding_tables.over_epochs([RECORD]))
    assert rows["`darts`"][0] == "2" and rows["`darts`"][-1] == "2"
    assert rows["`darts`"][3].startswith("+")
    assert rows["`gaea-darts`"][3].startswith("−") and rows["`gaea-darts`"][-1] == "0"
    assert rows["`rs-ws`"][3:] == ["–", "–"]
    assert rows["`gaea-darts`"][2] == "40.0"


def test_a_published_step_stands_apart_from_the_chosen_one() -> None:
    record = json.loads(json.dumps(RECORD))
    record["runs"][0]["config"]["update"]["lr"] = 3e-4
    rows = cells(rounding_tables.over_epochs([record]))
    assert rows["`darts` at 0.0003"][0] == "1" and rows["`darts`"][0] == "1"


def test_across_arms_there_is_one_correlation_for_each_seed() -> None:
    arms = {"darts": (1.2, 30.0), "gaea-darts": (0.6, 12.0), "darts-2nd": (0.3, 2.0)}
    arms |= {"rs-ws": (1.38, 0.0), "enas": (0.0, 40.0)}
    runs = [
        run_of(method, seed, [1.38, entropy], [0.0, lost + seed])
        for method, (entropy, lost) in arms.items()
        for seed in (0, 1, 2)
    ]
    text = rounding_tables.over_arms([record_of(runs)])
    whole, mixing = text.splitlines()[2:]
    assert "| all, 5 | 3 | −" in whole
    x = np.array([1.2, 0.6, 0.3])
    right = np.corrcoef(x, [30.0, 12.0, 2.0])[0, 1]
    assert "| mixtures, 3 | 3 | " in mixing and f"+{right:.2f}" in mixing


def test_nothing_correlates_with_what_does_not_change() -> None:
    flat = np.full(4, 0.3)
    assert np.isnan(rounding_tables.correlation(flat, np.arange(4.0)))


def test_a_line_is_as_long_as_the_points_lost() -> None:
    fig = rounding_plots.before_and_after([RECORD], PUBLISHED)
    ours, paper = fig.axes
    lengths = [
        abs(np.subtract(*line.get_ydata()))
        for line in ours.get_lines()
        if len(line.get_ydata()) == 2
    ]
    lost = [rounding_plots.points_lost(run)[-1] for run in RECORD["runs"]]
    assert lengths == pytest.approx(np.abs(lost))
    said = [text.get_text() for text in paper.texts]
    assert said == [entry["method"] for entry in PUBLISHED["rounding"]]
    ends = [line.get_ydata()[0] for line in paper.get_lines()[1::3]]
    assert ends == [entry["before"] for entry in PUBLISHED["rounding"]]


def test_every_epoch_but_the_first_is_a_dot_in_its_kinds_panel() -> None:
    fig = rounding_plots.gap_by_entropy([RECORD], PUBLISHED)
    dots = [
        sum(
            len(line.get_xdata())
            for line in ax.get_lines()
            if len(line.get_xdata()) == 3
        )
        for ax in fig.axes
    ]
    assert dots == [6, 6, 0, 6]
    assert fig.axes[0].get_title("left") == rounding_plots.KINDS[0][0]


def test_the_toy_and_the_path_draw_what_they_are_given() -> None:
    x = np.linspace(0, 1, 11)
    fig = rounding_plots.edge_on_segment(x, {0.0: x**2, 1.0: (1 - x) ** 2}, 0 * x)
    names = [line.get_label() for line in fig.axes[0].get_lines()]
    assert "trained at 0" in names and "trained at 1" in names
    fig = rounding_plots.along(
        {"darts": ([1.0, 0.5], [80.0, 20.0])}, {"darts": (1.0, 80.0)}, operations=3
    )
    left, right = fig.axes[0].get_xlim()
    assert left > right == 0
