"""Figures: what is drawn is what the records hold."""

from __future__ import annotations

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_up import DARTS_EDGES, DARTS_OPS, made_up_run

from gaea_mini.errors import InputError
from gaea_mini.show import accuracy_bands, entropy_bands, final_dots, player_strip
from gaea_mini.show.static import describe
from gaea_mini.show.style import method_colour


def line(ax: Any, label: str) -> Any:
    return next(one for one in ax.get_lines() if one.get_label() == label)


def test_entropy_line_is_the_mean_and_the_band_holds_every_seed() -> None:
    curves = [[1.3, 1.0, 0.7], [1.3, 0.8, 0.9], [1.3, 0.6, 0.2]]
    fig = entropy_bands({"gaea(darts)": curves}, operations=4)
    ax = fig.axes[0]
    drawn = line(ax, "gaea(darts)")
    np.testing.assert_allclose(drawn.get_ydata(), np.mean(curves, axis=0))
    assert drawn.get_color() == method_colour("gaea")
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == pytest.approx((0.2, 1.3))
    levels = [float(one.get_ydata()[0]) for one in ax.get_lines()]
    assert math.log(4) in levels


def test_sd_band_is_one_sample_standard_deviation() -> None:
    fig = entropy_bands({"darts": [[1.0, 1.0], [1.0, 2.0]]}, spread="sd")
    band = fig.axes[0].collections[0].get_paths()[0].get_extents()
    assert band.ymax == pytest.approx(1.5 + math.sqrt(0.5))


def test_published_points_are_drawn() -> None:
    points = [(0, 1.386), (10, 1.385)]
    fig = entropy_bands({"darts": [[1.3, 1.2]]}, published={"darts": points})
    assert points in [
        list(zip(*one.get_data(), strict=True)) for one in fig.axes[0].get_lines()
    ]


def test_two_methods_of_one_colour_differ_in_their_dashes() -> None:
    curves = [[1.3, 1.2]]
    ax = entropy_bands({"gaea, bilevel": curves, "gaea, single": curves}).axes[0]
    one, two = line(ax, "gaea, bilevel"), line(ax, "gaea, single")
    assert one.get_color() == two.get_color()
    assert one.get_linestyle() != two.get_linestyle()


def test_accuracy_panels_leave_out_what_is_not_known() -> None:
    fig = accuracy_bands({"darts": [[None, 20, 30]]}, {"darts": [[10, 15, 25]]})
    ax = fig.axes[0]
    assert list(line(ax, "before").get_xdata()) == [1, 2]
    assert list(line(ax, "after").get_ydata()) == [10, 15, 25]
    with pytest.raises(InputError, match="same labels"):
        accuracy_bands({"darts": [[1.0]]}, {"gaea": [[1.0]]})


def test_dots_show_every_seed_the_mean_and_the_published_value() -> None:
    fig = final_dots(
        {"darts": [54.3, 88.3], "gaea(darts)": [93.3, 93.9, 94.2]},
        published={"darts": (54.3, 0.0), "gaea(darts)": (91.63, 2.57)},
        optimum=94.37,
    )
    ax = fig.axes[0]
    seen = {float(x) for one in ax.get_lines() for x in np.ravel(one.get_xdata())}
    assert {54.3, 88.3, 93.3, 93.9, 94.2, 71.3, 93.8, 91.63, 94.37} <= {
        round(x, 6) for x in seen
    }
    texts = {text.get_text() for text in ax.texts}
    assert "71.30 ± 24.04" in texts and "best cell 94.37" in texts
    with pytest.raises(InputError, match="darts has no results"):
        final_dots({"darts": []})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: entropy_bands({"darts": []}), "no curves"),
        (lambda: entropy_bands({"darts": [[1.0]]}, spread="ci"), "spread is 'ci'"),
        (lambda: player_strip([made_up_run(epochs=1)], epochs=[-1]), "from 0 to 1"),
    ],
)
def test_wrong_input_is_named(call: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()


def test_strip_has_a_row_per_run_and_a_column_per_epoch() -> None:
    runs = [made_up_run(epochs=10), made_up_run("gaea(darts)", epochs=8)]
    fig = player_strip(runs, ["A", "B"])
    titles = [ax.get_title(loc="left").strip() for ax in fig.axes]
    true = [run["truth"]["c10_test"] for run in runs]
    for i, last in enumerate([10, 8]):
        assert titles[3 * i : 3 * i + 3] == [
            f"epoch {epoch}: true {true[i][epoch]:.1f} %" for epoch in (0, 5, last)
        ]
    assert "A" in [text.get_text() for text in fig.axes[0].texts]
    assert "B" in [text.get_text() for text in fig.axes[3].texts]
    assert len(fig.axes) == 8
    for ax, key in zip(fig.axes[6:], ("entropy", "accuracy_rounded"), strict=True):
        curve = line(ax, "A").get_ydata()
        np.testing.assert_allclose(curve, runs[0][key], atol=1e-4)


def test_strip_marks_whole_epochs() -> None:
    for axes in player_strip(made_up_run(epochs=15)).axes[3:]:
        ticks = axes.get_xticks()
        assert len(ticks) >= 4 and np.array_equal(ticks, np.round(ticks))


def test_strip_without_accuracies_has_the_entropy_alone() -> None:
    run = made_up_run(epochs=2, truth=False)
    run["accuracy_rounded"] = None
    fig = player_strip(run)
    titles = [ax.get_title(loc="left").strip() for ax in fig.axes[:2]]
    assert titles == ["epoch 0", "epoch 1"]
    assert len(fig.axes) == 4
    assert "accuracy" not in describe(run)


def test_strip_names_the_leading_operation_and_a_tie() -> None:
    run = made_up_run(epochs=3, sharpness=0.5)
    fig = player_strip(run, epochs=[0, 3])
    start, end = ([text.get_text() for text in ax.texts] for ax in fig.axes[:2])
    assert start.count("tie") == 6 and end.count("tie") == 0


def test_strip_strands_are_as_wide_as_theta() -> None:
    run = made_up_run(epochs=3, sharpness=0.5)
    ax = player_strip(run, epochs=[3]).axes[0]
    # Edge 0 -> 2 is a straight horizontal line: heights of its strands are widths.
    heights = [
        patch.get_path().get_extents().height + 0.7
        for patch in ax.patches
        if patch.get_path().get_extents().height < 19
        and patch.get_path().get_extents().width == pytest.approx(190)
    ]
    expected = [w * 19 for w in run["theta"][3][0][1] if w * 19 > 0.7]
    assert heights == pytest.approx(expected, abs=1e-2)


def test_strip_draws_a_darts_cell() -> None:
    run = made_up_run(
        epochs=2,
        edges=DARTS_EDGES,
        operations=DARTS_OPS,
        kinds=("normal", "reduce"),
        truth=False,
    )
    fig = player_strip(run, ["A"])
    fig.canvas.draw()
    assert len(fig.axes) == 2 * 3 + 2
    names = [fig.axes[i].texts[-1].get_text() for i in (0, 3)]
    assert names == ["A, normal cell", "A, reduction cell"]
    # Each row has its own cell: different strands in the last state.
    outlines = [
        np.concatenate([p.get_path().vertices for p in fig.axes[i].patches])
        for i in (2, 5)
    ]
    assert outlines[0].shape != outlines[1].shape or not np.allclose(*outlines)
    text = describe(run)
    assert "one under the other" in text and "accuracy after rounding" in text
    assert run["genotype"][-1] in text


def test_text_for_the_strip_takes_its_numbers_from_the_record() -> None:
    run = made_up_run(epochs=5, sharpness=0.2)
    text = describe(run, ["GAEA"])
    assert f"{run['entropy'][0]:.2f} nats at the start" in text
    assert f"at the end {run['entropy'][-1]:.2f}" in text
    assert run["genotype"][-1] in text


def test_settings_are_left_alone_and_no_figure_stays_open() -> None:
    before = dict(plt.rcParams)
    open_before = plt.get_fignums()
    entropy_bands({"darts": [[1.0, 0.9]]})
    player_strip(made_up_run(epochs=1))
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == open_before
