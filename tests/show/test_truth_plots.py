"""Rank disorder and the optimum: figures and tables say what the records say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gaea_mini.show import rank_plots, records, truth_plots, truth_tables
from gaea_mini.show.search_tables import PLUS_MINUS, SPACE

PUBLISHED = records.load_record("published")
CELLS = [f"|{a}~0|" for a in ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")]
TRUTH = np.array([80.0, 82.0, 78.0])


def made_up_ranking() -> dict[str, Any]:
    """Three cells, two methods, two seeds, two states; the scores grow in time."""
    runs = []
    for method, tau in (("rs-ws", 0.3), ("gaea-darts", -0.2)):
        for seed in (0, 1):
            run = {
                "method": method,
                "seed": seed,
                "kendall": [0.0, tau + 0.1 * seed],
                "spearman": [0.0, tau],
                "recall": {"10": [0.0, 0.5], "50": [0.1, 0.6]},
                "regret_of_best_score": [4.0, 2.0],
                "regret": [2.0, 0.0 if method == "gaea-darts" else 3.0 - 2 * seed],
                "genotype": [CELLS[0], CELLS[1]],
            }
            if seed == 0:
                run["counts"] = [[1, 2, 3], [100, 150, 200]]
            runs.append(run)
    return {"pictures": 250, "ceiling": [0.6, 0.7, 0.65], "runs": runs}


def made_up_comparison(one_clock: bool = True) -> dict[str, Any]:
    """Two searches over three seeds and two rivals with four runs."""
    ends = {"darts": [80.0, 81.0, 79.0], "gaea-darts": [82.0, 81.5, 81.0]}
    arms = [
        {
            "method": method,
            "objective": "bilevel",
            "lr": 0.3,
            "seeds": [0, 1, 2],
            "cost": [1.0, 20.0, 40.0],
            "test": [[70.0, 75.0, end] for end in found],
        }
        for method, found in ends.items()
    ]
    arms[0]["cost"] = [1.0, 2.0, 3.0]
    curve = {
        "costs": [5.0, 50.0, 100.0],
        "mean": [None, 3.0, 2.0],
        "low": [None, 1.0, 1.0],
        "high": [None, 5.0, 4.0],
    }
    there = {"n": 4, "mean": 80.5, "sd": 1.0, "median": 80.5}
    lower = {**there, "mean": 81.7}
    rivals = [
        {
            "rival": rival,
            "table": table,
            "trainings": 50.0,
            "test": [93.7, 93.9, 93.5, 93.7],
            "regret": curve,
            "at_cost_of": {"darts bilevel": None, "gaea-darts bilevel": price},
        }
        for table in (("compact",) if one_clock else ("nasbench201", "one-seed"))
        for rival, price in (("random search", there), ("evolution", lower))
    ]
    differences = [
        {"of": ["gaea-darts", "bilevel"], "less": "darts", "n": [3, 3], "paired": True,
         "mean": 1.5, "low": 0.5, "high": 2.0},
        {"of": ["gaea-darts", "bilevel"], "less": "random search", "n": [3, 4],
         "paired": False, "mean": -1.0, "low": -2.0, "high": -0.5},
    ]  # fmt: skip
    return {
        "table": {"best": 84.0, "cells": {"n": 9, "mean": 78.0, "sd": 2.0}},
        "clock": 100.0,
        "one_clock": one_clock,
        "arms": arms,
        "rivals": rivals,
        "differences": differences,
    }


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a Markdown table by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in cells}) == 1, "rows of different lengths"
    return {row[0]: row[1:] for row in cells[2:]}


# ------------------------------------------------------------------ rank disorder


def test_the_clouds_mark_score_choice_and_best_cell() -> None:
    index = {cell: i for i, cell in enumerate(CELLS)}
    record = made_up_ranking()
    fig = rank_plots.shared_against_alone(record, TRUTH, index, epochs=(0, 1))
    assert len(fig.axes) == 4  # one seed of two methods, two states
    for panel, stars in zip(fig.axes, (1, 1, 0, 1), strict=True):
        markers = [line.get_marker() for line in panel.get_lines()]
        assert markers.count("*") == stars
        top = panel.get_lines()[markers.index("D")]
        assert float(np.ravel(top.get_xdata())[0]) == 78.0  # the third has most counts
    last = fig.axes[3].get_lines()
    (star,) = (line for line in last if line.get_marker() == "*")
    # The second cell, recognised on 150 of 250 pictures.
    assert float(np.ravel(star.get_ydata())[0]) == pytest.approx(60.0)
    assert [text.get_text() for text in fig.axes[3].texts] == ["τ −0.20"]


def test_lines_over_epochs_are_means_over_seeds() -> None:
    record = made_up_ranking()
    fig = rank_plots.ranking_over_epochs(record)
    (line,) = (x for x in fig.axes[0].get_lines() if x.get_label() == "rs-ws")
    np.testing.assert_allclose(line.get_ydata(), [0.0, 0.35])
    assert "two trainings" in [text.get_text() for text in fig.axes[0].texts]

    fig = rank_plots.two_choices(record)
    ends = {
        line.get_label(): float(line.get_ydata()[-1])
        for line in fig.axes[0].get_lines()
    }
    assert ends == {"best score of all cells": 2.0, "handed back": 2.0}


def test_marks_stand_at_tau_and_regret_of_the_last_epoch() -> None:
    points = rank_plots.last(made_up_ranking())
    assert points["gaea-darts"] == (pytest.approx([-0.2, -0.1]), [0.0, 0.0])
    tau, cost = np.ones((3, 5)) * [[0.1], [0.5], [0.9]], np.ones((3, 5))
    fig = rank_plots.regret_against_tau(tau, cost, points)
    names = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    assert names == ["rs-ws", "gaea-darts"]


def test_the_ranking_table_counts_in_which_seeds_the_choice_is_better() -> None:
    text = truth_tables.rankings(made_up_ranking())
    found = rows(text)["`rs-ws`"]
    assert found[0] == f"0.35{PLUS_MINUS}0.07"
    assert found[-2:] == [f"2.00{PLUS_MINUS}0.00", f"2.00{PLUS_MINUS}1.41"]
    assert "a τ of 0.60 to 0.70" in text
    assert "mean τ: `rs-ws`, `gaea-darts`." in text
    assert "`rs-ws` 1 of 2, `gaea-darts` 2 of 2" in text


def test_the_best_cells_stand_in_order_with_their_chances() -> None:
    class Order:
        rows, lowest, highest = [1, 0], [1, 1], [2, 2]
        best, among = [0.75, 0.25], [1.0, 1.0]

    members = [[CELLS[0], CELLS[2]], [CELLS[1]]]
    text = truth_tables.best_cells(members, TRUTH, Order())
    found = rows(text)
    assert found["1"] == ["1: 3×3".replace(" ", SPACE), "82.00",
                          "1 to 2".replace(" ", SPACE), "75", "100"]  # fmt: skip
    assert found["2"][0].endswith("skip")


def test_the_toy_figure_draws_the_best_cell_apart() -> None:
    theta = np.array([[0.5, 0.5], [0.9, 0.1]])
    fig = rank_plots.crossed_ranks([0.0, 1.0], [2.0, 1.0], theta)
    left, right = fig.axes
    np.testing.assert_array_equal(left.get_lines()[0].get_ydata(), [1, 2])
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), [0.5, 0.9])
    wide = [line.get_linewidth() for line in right.get_lines()]
    assert wide[0] > wide[1]
    assert len(rank_plots.cloud(TRUTH, [1.0, 2.0, 3.0], 0.3).axes) == 1


# ------------------------------------------------------------ against the optimum


def test_a_panel_for_each_search_and_one_for_the_rivals() -> None:
    fig = truth_plots.regret_against_cost(made_up_comparison())
    titles = [panel.get_title("left") for panel in fig.axes]
    assert titles[:3] == ["darts", "gaea-darts", "rivals"]
    thick = max(fig.axes[1].get_lines(), key=lambda line: line.get_linewidth())
    # From the first epoch on: 84 less 75, 84 less the mean of the ends.
    np.testing.assert_allclose(thick.get_ydata(), [9.0, 84 - 81.5])
    np.testing.assert_allclose(thick.get_xdata(), [20.0, 40.0])
    drawn = fig.axes[1].get_lines()[0]
    np.testing.assert_allclose(drawn.get_ydata(), [np.nan, 3.0, 2.0])


def test_ends_have_a_row_each_and_name_what_is_left_of_the_axis() -> None:
    record = made_up_comparison(one_clock=False)
    printed = truth_tables.printed_ends(PUBLISHED)
    assert printed["darts, bilevel"] == (54.3, 0.0)
    assert printed["gaea-darts, bilevel"] == (91.63, 2.57)
    (axis,) = truth_plots.ends(record, printed, lowest=75).axes
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names == ["darts, bilevel", "gaea-darts, bilevel", "random search",
                     "evolution"]  # fmt: skip
    said = [text.get_text() for text in axis.texts]
    assert "◁ ◇ 54.30" in said and "80.00" in said and "93.70" in said
    assert axis.get_xlim()[0] == 75
    assert "published" in axis.get_title("left")
    (axis,) = truth_plots.ends(made_up_comparison()).axes
    assert "same cost" in axis.get_title("left")


def test_bands_and_rings_of_the_live_rivals() -> None:
    curve = made_up_comparison()["rivals"][0]["regret"]
    curves = {"random search": curve, "evolution": curve}
    fig = truth_plots.regret_bands(curves, ([5.0, 50.0], [3.0, 2.0]))
    rings = [line for line in fig.axes[0].get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(rings[0].get_ydata(), [3.0, 2.0])
    assert len(fig.axes[0].collections) == 1  # the first one's band only
    fig = truth_plots.staircase([(1.0, 80.0), (2.0, 90.0)], [79.0, 78.0], 82.0)
    assert fig.axes[0].get_ylabel() == "accuracy (%)"


def test_the_comparison_is_sorted_and_counts_who_is_above_whom() -> None:
    text = truth_tables.comparison(made_up_comparison())
    found = rows(text)
    assert list(found) == ["random search", "evolution", "`gaea-darts` bilevel",
                           "`darts` bilevel"]  # fmt: skip
    assert found["`gaea-darts` bilevel"] == [
        "0.3", "40", "20", "3", f"81.50{PLUS_MINUS}0.50", "80.50", "81.50", "2.50"
    ]  # fmt: skip
    assert found["`darts` bilevel"][5] == "–"  # too cheap for one training each time
    assert f"at random has 78.00{PLUS_MINUS}2.00 %, the best one 84.00 %" in text
    # 81.5 is above 80.5 and below 81.7; darts has no price.
    assert "random search 1 of 1, evolution 0 of 1." in text
    other = truth_tables.comparison(made_up_comparison(one_clock=False))
    assert "same cost" not in other and len(rows(other)) == 4


def test_differences_say_on_which_side_of_0_they_lie() -> None:
    text = truth_tables.differences(made_up_comparison())
    found = rows(text)
    first = found["`gaea-darts` bilevel − darts"]
    assert first == ["3 seeds, paired", "+1.50", "+0.50 to +2.00".replace(" ", SPACE),
                     "higher"]  # fmt: skip
    second = found["`gaea-darts` bilevel − random search"]
    assert (second[0], second[1], second[-1]) == ("3 and 4", "−1.00", "lower")
    assert "Of 1 intervals of a GAEA version less its method, 1 lie above 0" in text
    said = "Of 1 intervals of a search less random search, {}, 0 lie above 0 and 1"
    assert said.format("at the same cost") in text
    record = json.loads(json.dumps(made_up_comparison()))
    record["differences"][0] |= {"low": -0.1}
    assert "| open |" in truth_tables.differences(record)
    record["differences"][1]["budget"] = "whole clock"
    text = truth_tables.differences(record)
    assert "`gaea-darts` bilevel − random search, whole clock" in rows(text)
    assert said.format("which has its whole clock") in text


def test_rivals_are_compared_in_standard_errors() -> None:
    record = made_up_comparison(one_clock=False)
    text = truth_tables.reproduced(record, PUBLISHED, runs=500)
    ours = np.array([93.7, 93.9, 93.5, 93.7])
    error = np.hypot(ours.std(ddof=1) / 2, 0.30 / 500**0.5)
    found = rows(text)
    assert found["random search"][0] == f"93.70{PLUS_MINUS}0.36"
    assert found["random search"][2] in ("+0.0", "−0.0")
    off = f"{(ours.mean() - 93.92) / error:+.1f}".replace("-", "−")
    assert found["evolution"][2] == off == found["evolution"][4]
    said = (
        "On the table of {}, 1 of 2 are within two standard errors; missed: evolution."
    )
    counted = f"{said.format('means')} {said.format('single seeds')}"
    assert counted in text
    exact = [93.92, 93.92]
    record["variants"] = [
        {"rival": "random search, twice", "table": name, "test": exact}
        for name in ("nasbench201", "one-seed")
    ]
    text = truth_tables.reproduced(record, PUBLISHED, runs=500)
    assert list(rows(text)) == ["random search", "random search, twice", "evolution"]
    away = (93.92 - 93.70) / (0.36 / 500**0.5)
    assert rows(text)["random search, twice"][2] == f"{away:+.1f}"
    assert f"{counted} Variants are not counted." in text
    for row in record["rivals"]:
        row["test"] = [ours.mean()] * 4
    printed = {"nb201": [{**e, "c10": [ours.mean(), 0.3]} for e in PUBLISHED["nb201"]]}
    text = truth_tables.reproduced(record, printed, runs=500)
    assert "On the table of means, 2 of 2 are within two" in text
    assert text.count("missed: none.") == 2


def test_table_two_keeps_published_and_ours_apart() -> None:
    text = truth_tables.table_two(made_up_comparison(one_clock=False), PUBLISHED)
    found = rows(text)
    row = found["darts bilevel"]
    assert row[1] == f"54.30{PLUS_MINUS}0.00" and row[3] == f"80.00{PLUS_MINUS}1.00"
    assert found["bohb"][3] == "–" and found["best cell"][1] == "94.37"
    assert "direct" not in text and "searched on each data set" not in text


def test_facts_come_from_the_table() -> None:
    about = {
        "recipe": {"size": 14, "channels": 8, "cells": 1, "epochs": 6, "lr": 0.2,
                   "measured": (2, 4, 6), "schedule": "one-cycle"},
        "pictures": {"train": 6000, "val": 3000, "test": 5000},
    }  # fmt: skip
    found = rows(truth_tables.facts(about))
    assert found["pictures to choose by"] == ["3,000"]
    assert found["looked at after epochs"] == ["2, 4, 6"]
