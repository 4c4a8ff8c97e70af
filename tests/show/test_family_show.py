"""Tables and figures of every method: what they say is what the records hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up import made_up_run

from gaea_mini import search
from gaea_mini.errors import InputError
from gaea_mini.show import family_plots, family_tables, records

PUBLISHED = records.load_record("published")
STEPS = {"darts": 0.3, "gdas": 0.03, "gaea-darts": 10.0, "gaea-gdas": 1.0}
FINAL = {
    "darts": [90.0, 91.0, 92.0],
    "gdas": [88.0, 89.0, 90.0],
    "gaea-darts": [93.0, 93.5, 92.0],
    "gaea-gdas": [80.0, 81.0, 82.1],
}


def made_up_record(truth: bool = True) -> dict[str, Any]:
    """Three seeds a method, out of order, and two steps that were tried for each."""
    runs, steps = [], []
    for method, lr in STEPS.items():
        for seed in (2, 0, 1):
            run = made_up_run(method, epochs=4, seed=seed, truth=truth)
            run["config"]["update"] = {"lr": lr}
            value = FINAL[method][seed]
            if truth:
                run["truth"]["c10_test"][-1] = value
                run["truth"]["regret"][-1] = 94.37 - value
            else:
                run["accuracy_rounded"][-1] = value
                run["accuracy_supernet"][-1] = value + 2
            runs.append(run)
        tried = [{"lr": lr / 10, "accuracy_rounded": [40.0, 50.0]}]
        tried.append({"lr": lr, "accuracy_rounded": [60.0, lr]})
        made = {"method": method, "objective": "bilevel", "chosen": lr, "scores": tried}
        steps.append(made)
    return {"recipe": "made up", "steps": steps, "runs": runs}


TRUE, ROUNDED = made_up_record(), made_up_record(truth=False)


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a Markdown table by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in cells}) == 1, "rows of different lengths"
    return {row[0]: row[1:] for row in cells[2:]}


def test_parts_are_those_of_the_package() -> None:
    table = rows(family_tables.parts(search.method(name) for name in search.METHODS))
    assert list(table) == [f"`{name}`" for name in search.METHODS]
    assert table["`pc-darts`"] == [
        "`Mixture(edge_weights=True, partial=4)`",
        "`LogitsAdam(lr=0.0006)`",
        "`Bilevel()`",
        "30%",
    ]
    assert table["`rs-ws`"][1:] == ["`Frozen()`", "`Bilevel()`", "–"]
    assert table["`darts-2nd`"][2] == "`Bilevel(order=2)`"


@pytest.mark.parametrize("base", ["darts", "gdas", "pc-darts"])
def test_gaea_changes_two_parts_and_the_table_says_so(base: str) -> None:
    before = search.method(base)
    table = rows(family_tables.changed(before, search.gaea(before, 0.7)))
    same = {name for name, cells in table.items() if cells[1] == "the same"}
    assert same == {"objective", "warm-up", "perturbation"}
    assert table["update"][1] == "`ExponentiatedGradient(lr=0.7)`"
    assert "on='simplex'" in table["relaxation"][1]
    other = replace(before, warm_up=0.5)
    changed = rows(family_tables.changed(before, other))
    assert changed["warm-up"][1] == "`0.5`"


def test_bias_and_spread_of_estimates() -> None:
    exact = np.array([3.0, 4.0])
    right = np.tile(exact, (4, 1))
    turned = np.tile([-4.0, 3.0], (4, 1)) + [[1, 0], [-1, 0], [1, 0], [-1, 0]]
    table = rows(family_tables.gradients({"a": right, "b": turned}, exact))
    assert table["a"] == ["0.00", "0.00", "0.0", "0°"]
    # The mean is as long as the gradient and at right angles to it; a draw is 1 off.
    assert table["b"] == ["1.41", "0.10", "0.2", "90°"]


def test_results_are_of_the_last_epoch_in_the_order_of_the_seeds() -> None:
    text = family_tables.results(TRUE, list(STEPS))
    row = rows(text)["`gaea(darts)`"]
    assert row[1] == "93.00, 93.50, 92.00"
    assert row[2].split("\N{NO-BREAK SPACE}") == ["92.83", "±", "0.76"]
    assert row[3] == f"{94.37 - np.mean(FINAL['gaea-darts']):.2f}"
    assert "Highest mean: `gaea(darts)` (92.8). Lowest: `gaea(gdas)` (81.0)." in text
    # By hand: every pair with gaea(gdas) and darts with gdas are told apart, and so is
    # no other.
    assert "Of 6 pairs of methods, the paired 95 % interval leaves out 0 for 4." in text


def test_results_without_a_table_are_of_the_rounded_supernet() -> None:
    row = rows(family_tables.results(ROUNDED, ["gdas"]))["`gdas`"]
    spread = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}1.0"
    assert row[1:4] == [f"91.0{spread}", f"89.0{spread}", "2.0"]


def test_a_step_at_the_end_of_its_grid_is_named() -> None:
    text = family_tables.chosen_steps(TRUE, list(STEPS))
    assert "For `darts`, `gdas`, `gaea(darts)`, `gaea(gdas)` the chosen step" in text
    assert rows(text)["`gaea(darts)`"] == ["10", "1, 10", "35.0", "35.0"]
    record = json.loads(json.dumps(TRUE))
    for made in record["steps"]:
        made["scores"].append({"lr": 100.0, "accuracy_rounded": [1.0, 2.0]})
    text = family_tables.chosen_steps(record, list(STEPS))
    assert text.endswith("No chosen step is the largest that was tried.")
    assert rows(text)["`darts`"][-1] == "1.5"


def test_a_method_without_a_step_has_an_empty_row() -> None:
    record = records.load_record("compact_family")
    assert rows(family_tables.chosen_steps(record, ["rs-ws"]))["`rs-ws`"] == ["–"] * 4


def test_a_step_that_was_taken_over_is_shown_with_where_from() -> None:
    record = records.load_record("compact_family")
    made = records.choice(record, "darts-2nd")
    said = "taken over from compact_family, method darts"
    (row,) = rows(family_tables.chosen_steps(record, ["darts-2nd"])).values()
    assert row == [f"{made['chosen']:g}", said, "–", "–"]


def test_when_a_search_has_decided_and_changes_its_mind() -> None:
    record = json.loads(json.dumps(TRUE))
    for run in records.pick(record, "darts"):
        seed = run["config"]["seed"]
        run["entropy"] = [1.0, 0.5, 0.05, 0.02, 0.2] if seed else [1.0] * 5
        cells = ["|skip_connect~0|", "|nor_conv_3x3~0|"]
        run["genotype"] = [cells[0]] * 3 + [cells[seed == 2]] * 2
    lines = family_tables.decided(record, ["darts"]).splitlines()[2:]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[2:4] for row in found] == [["never", "–"], ["2", "0"], ["2", "1"]]
    assert [row[-1] for row in found] == ["90.00", "91.00", "92.00"]


def test_gains_are_paired_and_counted_either_way() -> None:
    text = family_tables.gains({"one": (TRUE, "darts"), "two": (ROUNDED, "gdas")})
    table = rows(text)
    low, high = records.t_interval([3.0, 2.5, 0.0])
    assert table["one"] == [
        "true accuracy",
        "+3.00, +2.50, +0.00",
        "+1.83",
        f"−{-low:.2f} to +{high:.2f}",
        "2, 1, 0",
    ]
    assert table["two"][0] == "accuracy after rounding"
    assert table["two"][2] == "−7.97" and table["two"][-1] == "0, 0, 3"
    assert "Of 2 intervals 0 lie above 0, 1 below, and 1 contain it." in text


def test_gains_by_step_are_of_the_first_and_of_the_best_step() -> None:
    row = rows(family_tables.step_gains(TRUE, ["darts"]))["`darts`"]
    # First steps score 45 each; later ones (60 + lr) / 2: 30.15 and 35.
    assert row == ["45.0", "45.0", "+0.00", "45.0", "45.0", "+0.00"]
    record = json.loads(json.dumps(TRUE))
    for made in record["steps"]:
        made["scores"][1]["accuracy_rounded"] = [80.0, 80.0 + made["chosen"]]
    row = rows(family_tables.step_gains(record, ["darts"]))["`darts`"]
    assert row[3:] == ["80.2", "85.0", "+4.85"]


def test_published_rows_are_marked_with_their_place() -> None:
    text = family_tables.published_rows(PUBLISHED, ("gdas", "gaea-gdas"))
    (row,) = [line for line in text.splitlines() if "`gaea(gdas)`" in line]
    assert row.replace("\N{NO-BREAK SPACE}", " ") == (
        "| `gaea(gdas)` | 93.55 ± 0.13 | 70.47 ± 0.47 | 40.91 ± 0.12 "
        "| Table 2, row GAEA GDAS, direct search; searched on each data set |"
    )
    assert text.count("row GDAS") == 2
    best = family_tables.published_rows(PUBLISHED, ("best cell",))
    assert "| 94.37 | 73.51 | 47.31 |" in best, "no spread is printed for it"
    with pytest.raises(InputError, match="no row of 'lost'"):
        family_tables.published_rows(PUBLISHED, ("gdas", "lost"))


def test_a_supernet_under_several_weights() -> None:
    text = family_tables.scales({"m": {"all": 70.04, "one": 50.0}})
    assert text.splitlines()[0] == "| method | all | one |"
    assert rows(text)["`m`"] == ["70.0", "50.0"]


# Figures ------------------------------------------------------------------------------


def line(ax: Any, label: str) -> Any:
    return next(one for one in ax.get_lines() if one.get_label() == label)


def test_estimates_are_drawn_at_their_means_with_one_deviation() -> None:
    draws = np.array([[0.0, 5.0], [2.0, 5.0]])
    fig = family_plots.estimates({"one": draws}, [0.5, 4.0], ["a", "b"])
    first = fig.axes[0]
    assert [float(x) for x in first.get_lines()[0].get_xdata()] == [0.5, 0.5]
    assert [float(x) for x in first.get_lines()[1].get_xdata()] == [1.0]
    bar = first.collections[0].get_segments()[0]
    assert bar[:, 0].tolist() == [0.0, 2.0]
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["a", "b"]


def test_weights_are_a_mean_with_the_middle_of_the_runs() -> None:
    runs = np.linspace(0, 1, 11)[:, None] * [1, 0.5]
    groups = {"gdas 1": runs, "gaea(gdas) 1": runs, "gdas 2": 1 - runs}
    ax = family_plots.weight_bands(groups).axes[0]
    np.testing.assert_allclose(line(ax, "gdas 1").get_ydata(), [0.5, 0.25])
    box = ax.collections[0].get_paths()[0].get_extents()
    assert (box.ymin, box.ymax) == pytest.approx((0.05, 0.9))
    one, two = line(ax, "gdas 1"), line(ax, "gdas 2")
    assert one.get_color() == two.get_color() != line(ax, "gaea(gdas) 1").get_color()
    assert one.get_linestyle() != two.get_linestyle()


def test_dots_are_true_accuracies_or_those_after_rounding() -> None:
    fig = family_plots.family_dots(TRUE, ["darts", "gaea-gdas"], PUBLISHED)
    seen = {
        round(float(x), 6) for one in fig.axes[0].get_lines() for x in one.get_xdata()
    }
    assert {*FINAL["darts"], *FINAL["gaea-gdas"], 94.37} <= seen
    assert "true" in fig.axes[0].get_xlabel()
    fig = family_plots.family_dots(ROUNDED, ["darts"])
    assert "rounding" in fig.axes[0].get_xlabel()


def test_entropy_panels_show_each_method_beside_its_gaea() -> None:
    fig = family_plots.entropy_panels([TRUE, ROUNDED], ["darts", "gdas"])
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles == ["nasbench201: darts", "nasbench201: gdas"] * 2
    curves = [run["entropy"] for run in records.pick(TRUE, "gaea-gdas")]
    drawn = line(fig.axes[1], "gaea").get_ydata()
    np.testing.assert_allclose(drawn, np.mean(curves, axis=0) / np.log(4))


def test_gain_dots_hold_every_seed_the_mean_and_the_interval() -> None:
    ax = family_plots.gain_dots({"one": (TRUE, "darts")}).axes[0]
    drawn = [np.ravel(one.get_xdata()).tolist() for one in ax.get_lines()]
    low, high = records.t_interval([3.0, 2.5, 0.0])
    assert [low, high] in drawn
    assert [3.0, 2.5, 0.0] in drawn and [pytest.approx(5.5 / 3)] in drawn
    with pytest.raises(InputError, match="no rows"):
        family_plots.gain_dots({})


def test_step_scores_start_at_the_published_step() -> None:
    ax = family_plots.step_scores(TRUE, ["darts"]).axes[0]
    np.testing.assert_allclose(line(ax, "darts").get_xdata(), [1, 10])
    np.testing.assert_allclose(line(ax, "gaea").get_ydata(), [45, 35])
