"""Records are found and summed up; tables and figures say what the records say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import made_up_run

from gaea_mini.errors import InputError
from gaea_mini.show import records, search_plots, search_tables

ROOT = Path(__file__).parents[2]
PUBLISHED = records.load_record("published")
STEPS = {"darts": (3e-4, 1e-2), "gaea-darts": (0.1, 1.0)}


def made_up_record(objective: str, final: dict[str, list[float]]) -> dict[str, Any]:
    """Three seeds of each method and step, with these true accuracies at the end."""
    runs = []
    for method, lrs in STEPS.items():
        for lr in lrs:
            for seed in (2, 0, 1):  # out of order on purpose
                run = made_up_run(method, epochs=4, seed=seed)
                run["config"] |= {"objective": objective, "update": {"lr": lr}}
                run["config"] |= {"channels": 8, "cells": 1, "size": 16}
                run["config"] |= {"pictures": 8000, "held_out": 0.2, "crop": 2}
                run["config"] |= {"epochs": 4, "schedule_epochs": 8}
                run["truth"]["c10_test"][-1] = final[method][seed]
                run["truth"]["regret"][-1] = 94.37 - final[method][seed]
                runs.append(run)
    steps = [
        {
            "method": method,
            "objective": objective,
            "rule": "the best score",
            "chosen": lrs[1],
            "scores": [
                {"lr": lr, "accuracy_rounded": [40.0, 42.0]} for lr in (*lrs, 3.0)
            ],
        }
        for method, lrs in STEPS.items()
    ]
    return {"recipe": "made up", "steps": steps, "runs": runs}


BILEVEL = made_up_record(
    "bilevel", {"darts": [90.0, 91.0, 92.0], "gaea-darts": [93.0, 93.5, 92.0]}
)
SINGLE = made_up_record(
    "single-level", {"darts": [93.0, 94.0, 93.5], "gaea-darts": [90.0, 91.0, 90.4]}
)
BOTH = [BILEVEL, SINGLE]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a Markdown table by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in cells}) == 1, "rows of different lengths"
    return {row[0]: row[1:] for row in cells[2:]}


def test_a_record_is_found_from_any_folder(tmp_path: Path) -> None:
    code = "from gaea_mini.show.records import load_record as l; print(len(l('x')))"
    below = tmp_path / "book" / "3_search" / "deeper"
    below.mkdir(parents=True)
    (tmp_path / "book" / "records").mkdir()
    (tmp_path / "book" / "records" / "x.json").write_text('{"a": 1, "b": 2}')
    for folder in (tmp_path, tmp_path / "book", below):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
        )
        assert done.stdout == "2\n", done.stderr


def test_the_folder_of_records_is_the_checkout_s_or_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (records.folder() / "published.json").is_file()
    # As of a package installed without records, next to none and then to some.
    package = tmp_path / "a" / "b" / "gaea_mini" / "show" / "records.py"
    monkeypatch.setattr(records, "__file__", str(package))
    below = tmp_path / "c" / "d"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with pytest.raises(InputError, match="no folder of records; looked at"):
        records.folder()
    for nearer in (tmp_path / "book" / "records", tmp_path / "c" / "records"):
        nearer.mkdir(parents=True)
        assert records.folder() == nearer
    installed = package.parents[1] / "records"
    installed.mkdir(parents=True)
    assert records.folder() == installed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no record lost.json"),
        ('{"runs": [', "truncated"),
        ("[1, 2]", "top level is no object"),
    ],
)
def test_a_missing_or_damaged_record_is_one_clear_line(
    text: str | None, words: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "lost.json").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        records.load_record("lost", tmp_path)
    assert "\n" not in str(caught.value)


def test_runs_are_picked_by_step_and_stand_in_the_order_of_their_seeds() -> None:
    chosen = records.pick(BILEVEL, "darts")
    assert [run["config"]["seed"] for run in chosen] == [0, 1, 2]
    assert {run["config"]["update"]["lr"] for run in chosen} == {1e-2}
    assert records.pick(BILEVEL, "darts", lr=3e-4)[0]["config"]["update"]["lr"] == 3e-4
    names = ["darts 0.0003", "darts 0.01", "gaea-darts 0.1", "gaea-darts 1"]
    assert list(records.arms(BILEVEL)) == names


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: records.pick(BILEVEL, "darts", lr=7.0), "step 7"),
        (lambda: records.pick(BILEVEL, "darts", "single-level"), "single-level"),
        (lambda: records.pick(BILEVEL, "gdas"), "no step was chosen for gdas"),
        (lambda: records.t_interval([1.0]), "1 values"),
    ],
)
def test_what_is_not_there_is_said(ask: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ask()


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    # From a printed table of Student's t.
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 9, 2.262), (0.95, 4, 2.132)],
)
def test_quantiles_of_t(probability: float, degrees: int, value: float) -> None:
    assert records.t_quantile(probability, degrees) == pytest.approx(value, abs=5e-4)
    assert records.t_quantile(1 - probability, degrees) == pytest.approx(-value, 1e-3)


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    draws = [records.t_interval(row) for row in rng.normal(3.0, 2.0, (400, 5))]
    held = np.mean([low <= 3.0 <= high for low, high in draws])
    assert 0.92 < held < 0.98


def test_true_accuracies_are_means_over_the_seeds_of_the_chosen_step() -> None:
    text = search_tables.true_accuracies(BOTH, PUBLISHED)
    lines = [line for line in text.splitlines() if line.startswith("| `darts` bilevel")]
    spread = "91.00\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}1.00"
    assert lines[0].split(" | ")[1:5] == ["0.01", spread, "91.00", "3.37"]
    assert "54.30" in lines[0]
    # 93.50 single-level darts, 92.83 bilevel gaea, 91.00, 90.47
    order = "`darts` single-level, `gaea(darts)` bilevel, `darts` bilevel, "
    assert f"ours: {order}`gaea(darts)` single-level. Published: `gaea(darts)`" in text
    assert "not the same" in text


def test_the_order_is_called_the_same_when_it_is() -> None:
    means = {
        (entry["method"], entry["objective"]): entry["mean"]
        for entry in PUBLISHED["nb201_c10_test"]
    }
    as_printed = [
        made_up_record(o, {m: [means[m, o]] * 3 for m in STEPS})
        for o in ("bilevel", "single-level")
    ]
    text = search_tables.true_accuracies(as_printed, PUBLISHED)
    assert "The two orders are the same." in text


def test_a_step_at_the_end_of_its_grid_is_said_to_be() -> None:
    assert "largest" not in search_tables.true_accuracies(BOTH, PUBLISHED)
    record = json.loads(json.dumps(BILEVEL))
    record["steps"][0]["scores"].pop()
    text = search_tables.true_accuracies([record], PUBLISHED)
    said = "For `darts` bilevel (the last of 2 values) the chosen step is the largest"
    assert said in text and "the score was still rising" in text


def test_a_step_that_was_taken_over_is_said_to_be() -> None:
    """As the kitchen writes it: see ``test_steps_that_another_recipe_chose...``."""
    record = json.loads(json.dumps(SINGLE))
    for step in record["steps"]:
        rule = f"taken over from made_up, method {step['method']}"
        step.update(rule=rule, seeds=[], scores=[])
    text = search_tables.true_accuracies([BILEVEL, record], PUBLISHED)
    for name, method in (("`darts`", "darts"), ("`gaea(darts)`", "gaea-darts")):
        said = f"The step of {name} single-level was taken over from made_up, method "
        assert f"{said}{method}." in text
    assert "still rising" not in text
    assert [
        line for line in text.splitlines() if "| `darts` single-level | 0.01" in line
    ]
    with pytest.raises(InputError, match="darts was tried here: taken over from made"):
        search_tables.tried(record, "darts")


def test_differences_are_paired_and_their_direction_is_computed() -> None:
    text = search_tables.differences(BOTH, PUBLISHED)
    found = rows(text)
    gain = found["`gaea(darts)` bilevel − `darts` bilevel"]
    # Seed by seed: 3, 2.5, 0.
    assert gain[0] == "+1.83"
    low, high = records.t_interval([3.0, 2.5, 0.0])
    assert gain[1] == f"−{-low:.2f} to +{high:.2f}"
    assert gain[2:] == ["yes", "2, 1, 0", "+37.33"]
    loss = found["`gaea(darts)` single-level − `darts` single-level"]
    # Seed by seed: -3, -3, -3.1.
    assert loss[0] == "−3.03" and loss[2] == "no" and loss[3] == "0, 0, 3"
    assert len(found) == 4
    zeros = sum(row[2] == "yes" for row in found.values())
    assert (
        f"contain 0: {zeros} of 4. Intervals that contain the published difference: 0"
        in text
    )


def test_a_published_difference_inside_our_interval_is_counted() -> None:
    wide = made_up_record(
        "bilevel", {"darts": [54.3, 54.3, 54.3], "gaea-darts": [80.0, 91.6, 97.0]}
    )
    text = search_tables.differences([wide], PUBLISHED)
    assert "contain 0: 1 of 1." not in text
    assert "0 of 1. Intervals that contain the published difference: 1 of 1" in text


def test_runs_of_different_seeds_make_no_pairs() -> None:
    arm = records.pick(BILEVEL, "darts")
    with pytest.raises(InputError, match="make no pairs"):
        search_tables.paired(arm, arm[:2], search_tables.true_accuracy)


def test_the_rounding_table_and_what_it_says_of_itself() -> None:
    text = search_tables.rounding([BILEVEL], PUBLISHED)
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    marks = ["0.0003 (published)", "0.01 (chosen)", "0.1 (published)", "1 (chosen)"]
    assert [line.split(" | ")[1] for line in lines] == marks
    said = re.search(r"Most accurate after rounding: `(.*?)` \((.*?)\)", text)
    assert said
    name, value = said.groups()
    means = {
        arm: np.mean([run["accuracy_rounded"][-1] for run in runs])
        for arm, runs in records.arms(BILEVEL).items()
    }
    assert means[name] == max(means.values())
    assert float(value) == pytest.approx(means[name], abs=0.06)
    pairs = [
        eg["accuracy_rounded"][-1] - logits["accuracy_rounded"][-1]
        for eg, logits in zip(
            records.pick(BILEVEL, "gaea-darts"),
            records.pick(BILEVEL, "darts"),
            strict=True,
        )
    ]
    gain = f"{np.mean(pairs):+.2f}".replace("-", "−")
    assert f"`gaea(darts)` minus `darts` is {gain} points" in text


def test_two_objectives_stand_in_one_rounding_table() -> None:
    text = search_tables.rounding(BOTH, PUBLISHED)
    assert text.count("| `gaea(darts)` single-level | ") == 2
    assert "\n\nBilevel. Lowest" in text and "\n\nSingle-level. Lowest" in text


def test_the_steps_that_were_tried_stand_over_their_scores() -> None:
    steps, points, _ = search_tables.tried(BILEVEL, "darts").splitlines()
    assert steps.split()[1:] == ["0.0003", "0.01", "3"]
    assert points.split()[2:] == ["41.0"] * 3


def test_entropy_that_rises_again_is_counted() -> None:
    record = json.loads(json.dumps(BILEVEL))
    for run in record["runs"]:
        run["entropy"] = [1.0, 0.5, 0.6] if run["config"]["seed"] else [1.0, 0.5, 0.4]
    found = search_tables.rounding([record], PUBLISHED)
    assert found.count("2 of 3".replace(" ", search_tables.SPACE)) == 4


def test_skips_and_stopping_early() -> None:
    record = json.loads(json.dumps(BILEVEL))
    for run in records.pick(record, "darts"):
        skips = run["config"]["seed"] * 3  # 0, 3 and 6 of them
        names = ["skip_connect"] * skips + ["nor_conv_3x3"] * (6 - skips)
        a, b, c, d, e, f = names
        run["genotype"][-1] = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        run["truth"]["c10_test"] = [99.0, 80.0, 90.0, 85.0, 70.0]
    row = rows(search_tables.collapse([record]))["`darts` bilevel"]
    assert row[:7] == ["1", "·", "·", "1", "·", "·", "1"]
    assert row[7:] == ["90.00 (2)", "70.00 (4)"]


def test_settings_come_from_the_record() -> None:
    found = rows(search_tables.settings(BILEVEL, PUBLISHED))
    assert found["pictures to search on"][0] == "6,400"
    assert found["operations"][0] == "4, without none"
    assert found["seeds"][0] == "3"


def test_a_run_without_a_table_has_no_true_accuracy() -> None:
    with pytest.raises(InputError, match="no true accuracy"):
        search_tables.true_accuracy(made_up_run(truth=False))


def test_every_published_number_says_where_it_stands() -> None:
    listed = [
        entry
        for name, part in PUBLISHED.items()
        if isinstance(part, list) and name != "darts_space_phases"
        for entry in part
    ]
    assert len(listed) >= 15
    assert all(len(entry["source"]) > 15 for entry in listed)
    for entry in PUBLISHED["entropy"]:
        assert entry["points"][0][0] == 0
        assert all(
            0 < h <= np.log(entry["operations"]) + 1e-3 for _, h in entry["points"]
        )


def test_figures_draw_the_records() -> None:
    fig = search_plots.stopping(BOTH, PUBLISHED)
    assert [ax.get_title("left") for ax in fig.axes] == ["bilevel", "single-level"]
    mean = next(one for one in fig.axes[0].get_lines() if one.get_label() == "darts")
    assert mean.get_ydata()[-1] == pytest.approx(91.0)
    assert np.isnan(mean.get_ydata()[0])

    fig = search_plots.found_cells(BOTH, PUBLISHED)
    assert len(fig.axes[0].get_yticklabels()) == 4

    fig = search_plots.entropy_beside_published(BILEVEL, PUBLISHED)
    for ax in fig.axes:
        for one in ax.get_lines():
            assert np.max(one.get_ydata()) <= 1.001
    assert fig.axes[0].get_title("left") == "ours: NAS-Bench-201, 3 seeds"


def test_names_on_a_logarithmic_axis_stand_apart() -> None:
    curves = {"a": np.full(5, 0.01), "darts-sgd b": np.full(5, 0.0101)}
    (ax,) = search_plots.toy_edge(curves).axes
    heights = [text.xy[1] for text in ax.texts]
    assert len(heights) == 2 and abs(heights[0] - heights[1]) > 0.07
