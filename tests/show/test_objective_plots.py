"""Figures and tables of chapter erm_or_bilevel say what the runs say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_up import arch, made_up_run

from gaea_mini.show import objective_plots, objective_tables, records

PUBLISHED = records.load_record("published")
EDGES = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]


def cell(skips: int) -> str:
    rows = [[1.0, 0.0]] * skips + [[0.0, 1.0]] * (6 - skips)
    return arch(EDGES, rows, ["skip_connect", "nor_conv_3x3"])


def made_up_record(
    objective: str, truth: dict[str, list[float]], skips: list[int], gap: float
) -> dict[str, Any]:
    """Runs of four epochs: skips per state, a constant gap of losses."""
    runs = []
    for method, final in truth.items():
        for seed, value in enumerate(final):
            run = made_up_run(method, epochs=4, seed=seed)
            run["config"] |= {"objective": objective, "update": {"lr": 0.5}}
            run["config"] |= {"epochs": 4}
            run["genotype"] = [cell(n) for n in skips]
            run["loss_w"] = [None, 2.0, 1.5, 1.2, 1.0]
            run["loss_theta"] = [None, *(x + gap for x in run["loss_w"][1:])]
            run["truth"]["c10_test"] = [10.0, 80.0, 81.0, 82.0, value]
            runs.append(run)
    steps = [{"method": m, "objective": objective, "chosen": 0.5} for m in truth]
    return {"recipe": objective, "steps": steps, "runs": runs}


BILEVEL = made_up_record(
    "bilevel",
    {"darts": [54.3, 54.4, 54.2], "gaea-darts": [91.0, 92.0, 93.0]},
    [0, 1, 3, 5, 6],
    0.25,
)
SINGLE = made_up_record(
    "single-level",
    {"darts": [84.3, 84.5, 84.0], "gaea-darts": [93.0, 94.5, 93.9]},
    [6, 1, 1, 1, 1],
    0.0,
)
BOTH = [BILEVEL, SINGLE]


def rows(text: str) -> dict[str, list[str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if "|" in line]
    assert len({len(line) for line in lines}) == 1
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in lines[2:]}


def rows_head(text: str) -> list[str]:
    return [cell.strip() for cell in text.splitlines()[0].strip("|").split("|")]


def test_curves_of_a_run_leave_the_start_out() -> None:
    run = SINGLE["runs"][0]
    assert objective_plots.skips_by_epoch(run) == [None, 1.0, 1.0, 1.0, 1.0]
    assert objective_plots.loss_gap(BILEVEL["runs"][0])[1:] == pytest.approx([0.25] * 4)
    assert objective_plots.loss_gap(run)[0] is None
    assert objective_plots.truth_by_epoch(run) == [None, 80.0, 81.0, 82.0, 84.3]


def test_losses_and_their_difference() -> None:
    found = rows(objective_tables.losses(BOTH))
    assert found["`darts` bilevel"][:2] == [
        objective_tables.spread([1.0] * 3),
        objective_tables.spread([1.25] * 3),
    ]
    assert found["`darts` bilevel"][2] == "+0.25 to +0.25"
    assert found["`gaea-darts` single-level"][2] == "+0.00 to +0.00"


def test_single_level_less_bilevel_is_paired_and_stands_beside_the_papers() -> None:
    text = objective_tables.single_minus_bilevel(BOTH, PUBLISHED)
    darts = rows(text)["`darts`"]
    assert darts[0] == "+29.97" and darts[2] == "3, 0, 0" and darts[3] == "+30.09"
    assert "contain 0: 1 of 2" in text  # of gaea-darts: 2.0, 2.5, 0.9
    assert "published difference: 2 of 2" in text


def test_skips_are_counted_at_a_quarter_and_at_the_end() -> None:
    text = objective_tables.skip_counts(BOTH)
    found = rows(text)
    assert rows_head(text)[-4:] == [
        "runs with skips only",
        "true accuracy at a quarter, %",
        "at the end, %",
        "entropy / ln O",
    ]
    darts = found["darts 0.5, bilevel"]
    assert darts == [
        objective_tables.spread([1.0] * 3, "{:.1f}"),
        objective_tables.spread([6.0] * 3, "{:.1f}"),
        "3 of 3",
        objective_tables.spread([80.0] * 3, "{:.1f}"),
        objective_tables.spread([54.3, 54.4, 54.2], "{:.1f}"),
        f"{np.mean([r['entropy'][-1] / np.log(4) for r in BILEVEL['runs'][:3]]):.2f}",
    ]
    assert found["darts 0.5, single-level"][2] == "0 of 3"


def test_two_records_of_the_same_arm_have_a_row_each() -> None:
    text = objective_tables.skip_counts([BILEVEL, BILEVEL])
    assert text.count("| darts 0.5, bilevel |") == 2


def test_a_collapse_is_said_and_its_absence_too() -> None:
    said = objective_tables.long_reading(BOTH)
    bilevel, single = said.split("\n\n")
    assert bilevel.startswith("Bilevel: runs that end with skips on all 6 edges: ")
    assert "3 of 3 of `darts 0.5`, 3 of 3 of `gaea-darts 0.5`." in bilevel
    assert "more in 6 of 6 runs and fewer in 0." in bilevel
    assert single.startswith("Single-level: no run ends with skips on all 6 edges.")
    assert "more in 0 of 6 runs and fewer in 0." in single


def test_what_searches_see_themselves() -> None:
    runs = BILEVEL["runs"][:3]
    found = rows(objective_tables.own_pictures(BOTH))["darts 0.5, bilevel"]
    assert found == [
        objective_tables.spread([0.25] * 3),
        objective_tables.spread([0.25] * 3),
        objective_tables.spread([r["accuracy_supernet"][-1] for r in runs], "{:.1f}"),
        objective_tables.spread([r["accuracy_rounded"][-1] for r in runs], "{:.1f}"),
    ]


def test_a_spread_has_a_true_minus() -> None:
    assert objective_tables.spread([-1.0, -1.0]).split() == ["−1.00", "±", "0.00"]


def test_two_cells_alone_are_paired_and_stand_beside_the_table() -> None:
    trainings = [
        {
            "title": title,
            "config": {"pictures": count, "seed": seed},
            "test": [10.0, start + seed],
        }
        for count, skip, best in ((1600, 50.0, 50.0), (8000, 60.0, 64.0))
        for title, start in (("all-skip", skip), ("best", best))
        for seed in (2, 0, 1)
    ]
    alone = {"cells": {"all-skip": cell(6), "best": cell(1)}, "trainings": trainings}
    searches = made_up_record("bilevel", {"darts": [54.3]}, [0, 1, 3, 5, 6], 0.0)
    searches["runs"][0]["truth"] |= {"table": "T", "regret": [0.0] * 4 + [40.1]}
    found = rows(objective_tables.skips_alone(alone, searches))
    assert found["1,600"][2:] == ["+0.00", "+0.00 to +0.00"]
    assert found["8,000"][2] == "−4.00"
    assert found["8,000"][0] == objective_tables.spread([60.0, 61.0, 62.0], "{:.1f}")
    assert found["T"] == ["54.3", "94.4", "−40.10", "–"]


def test_regularisers_are_summed_up_over_seeds() -> None:
    runs = [
        {"entropy": 1.0, "before": 80.0 + s, "after": 60.0, "eigenvalue": 2.0 * s}
        for s in (0, 1, 2)
    ]
    found = rows(objective_tables.regularised({"darts": runs}))["`darts`"]
    assert found[3] == objective_tables.spread([20.0, 21.0, 22.0], "{:.1f}")
    assert found[4] == objective_tables.spread([0.0, 2.0, 4.0])


def test_figures_draw_the_records() -> None:
    fig = objective_plots.by_objective(BOTH, objective_plots.skips_by_epoch, "skips")
    assert [ax.get_title("left") for ax in fig.axes] == ["bilevel", "single-level"]
    lines = {one.get_label(): one for one in fig.axes[0].get_lines()}
    assert list(lines["darts"].get_ydata()) == [1.0, 3.0, 5.0, 6.0]


def test_long_searches_have_a_row_a_record_and_a_column_an_arm() -> None:
    runs = [run for run in SINGLE["runs"] if run["config"]["method"] == "darts"]
    few = {**SINGLE, "runs": runs}
    fig = objective_plots.long_searches([BILEVEL, few], mark=0.25)
    assert [ax.get_title("left") for ax in fig.axes[:2]] == [
        "darts 0.5",
        "gaea-darts 0.5",
    ]
    assert [ax.axison for ax in fig.axes] == [True, True, True, False]
    labels = [ax.get_ylabel() for ax in fig.axes]
    assert labels == ["bilevel: skips", "", "single-level: skips", ""]
    means = [
        next(one for one in ax.get_lines() if one.get_label() == "_mean")
        for ax in fig.axes[:3]
    ]
    assert [float(np.asarray(line.get_ydata())[-1]) for line in means] == [6, 6, 1]
    assert np.asarray(means[0].get_xdata())[-1] == 1
    assert means[0].get_color() == means[2].get_color() != means[1].get_color()


def test_the_minima_are_marked() -> None:
    x = np.linspace(0, 1, 11)
    curves = {"a": (x - 0.3) ** 2, "b": (x - 0.8) ** 2}
    fig = objective_plots.two_objectives(x, curves, {"left": "l", "right": "r"})
    marks = [
        float(np.asarray(line.get_xdata())[0])
        for line in fig.axes[0].get_lines()
        if line.get_markersize() == 8
    ]
    assert marks == pytest.approx([0.3, 0.8])
