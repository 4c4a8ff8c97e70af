"""Chapters 12 to 14: what their tables say and their figures draw."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gaea_mini.errors import InputError
from gaea_mini.show import genotype_plots, records, scale_plots, scale_tables
from gaea_mini.supernet import GENOTYPES, space

PAPER = records.load_record("published")
POINTS = scale_tables.printed_errors(PAPER)


def training(test: float, seed: int = 0) -> dict:
    return {
        "config": {"channels": 8, "cells": 1, "size": 16, "seed": seed},
        "parameters": 12_345,
        "flops": 2_500_000,
        "loss": [2.0, 1.0],
        "test": [None, test],
        "seconds": [1.0, 2.0 + seed],
    }


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in cells}) == 1, "rows of different lengths"
    return cells[2:]


def test_the_points_of_the_figure_are_rows_of_the_paper() -> None:
    assert [len(points) for points in POINTS.values()] == [12, 10]
    for points in POINTS.values():
        for point in points:
            assert point["gpu_days"] > 0
            mean, best = point["mean"], point["best"]
            assert mean or best
            assert best is None or mean is None or best < mean
    alone = {p["method"] for p in POINTS["CIFAR-10"] if not p["shares_weights"]}
    assert alone == {"NASNet-A", "AmoebaNet-B"}


def test_alone_sums_up_the_seeds_and_names_the_difference() -> None:
    groups = {
        "a": [training(90.0), training(92.0, 1)],
        "b": [training(93.0), training(95.0, 1)],
    }
    text = scale_tables.alone(groups)
    assert rows(text)[0] == [
        "a",
        "12.3",
        "2.50",
        "2",
        "91.00 ± 1.41".replace(" ", "\N{NO-BREAK SPACE}"),
        "2",
    ]
    assert "a minus b: −3.00 points" in text


def test_three_ways_has_the_shared_the_own_and_the_true_accuracy() -> None:
    run = {
        "config": {
            "held_out": 0.2,
            "pictures": 8000,
            "channels": 8,
            "cells": 1,
            "size": 16,
        },
        "accuracy_rounded": [10.0, 49.0],
        "truth": {"c10_test": [80.0, 92.86]},
    }
    told = [row[-1] for row in rows(scale_tables.three_ways(run, [training(60.0)]))]
    assert [cell.split("\N{NO-BREAK SPACE}")[0] for cell in told] == [
        "49.00",
        "60.00",
        "92.86",
    ]


def test_the_headline_ratios_are_those_of_the_record() -> None:
    told = {(row[0], row[1]): row[-1] for row in rows(scale_tables.cheaper(PAPER))}
    assert told == {
        ("NASNet-A", "CIFAR-10"): "20,000",
        ("AmoebaNet-B", "CIFAR-10"): "31,500",
        ("NASNet-A", "ImageNet"): "474",
        ("AmoebaNet-C", "ImageNet"): "829",
    }


def test_sizes_stand_beside_the_printed_ones() -> None:
    text = scale_tables.sizes({"x": (3_688_246, 563_831_424)}, {"x": 3.7})
    assert rows(text) == [["`x`", "3.69", "3.7", "564"]]
    assert "–" in scale_tables.sizes({"x": (1, 1)}, {"x": None})


def test_published_points_stand_where_the_record_puts_them() -> None:
    fig = scale_plots.error_against_cost(PAPER)
    for ax, key in zip(fig.axes, POINTS, strict=True):
        drawn = {
            (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
            for line in ax.get_lines()
            if len(line.get_xdata()) == 1
        }
        wanted = {(float(r["gpu_days"]), r["mean"] or r["best"]) for r in POINTS[key]}
        assert drawn == wanted
        names = [text.get_text() for text in ax.texts]
        for row in POINTS[key]:
            assert any(name.startswith(row["method"]) for name in names)


def test_names_of_crowded_points_do_not_lie_on_each_other() -> None:
    fig = scale_plots.error_against_cost(PAPER)
    fig.draw_without_rendering()
    for ax in fig.axes:
        boxes = [text.get_window_extent().extents for text in ax.texts]
        for i, one in enumerate(boxes):
            for other in boxes[:i]:
                inner = one + np.array([1, 1, -1, -1])
                assert not scale_plots.overlap(inner, other)


def test_a_training_is_drawn_once_a_seed_and_once_as_their_mean() -> None:
    groups = {"a": [training(90.0), training(92.0, 1)]}
    fig = scale_plots.trainings(groups)
    loss, test = fig.axes
    named = [line for line in test.get_lines() if line.get_label() == "a"]
    assert np.asarray(named[0].get_ydata())[-1] == pytest.approx(91.0)
    assert len([x for x in loss.get_lines() if len(x.get_xdata()) == 2]) == 3


def test_pictures_keep_their_shades_within_a_row() -> None:
    stack = np.zeros((2, 3, 3, 1))
    stack[1, 0, 0] = 5.0
    fig = scale_plots.pictures({"whole": stack, "cut": stack[:, :, :, [0, 0, 0]]})
    shown = [np.asarray(ax.get_images()[0].get_array()) for ax in fig.axes]
    assert [picture.max() for picture in shown] == [0.0, 1.0, 0.0, 1.0]


def test_without_rows_there_is_no_figure_of_spreads() -> None:
    with pytest.raises(InputError, match="no rows"):
        scale_plots.with_spread({})


def test_wires_are_what_the_space_reads() -> None:
    where = space("darts")
    for cell in GENOTYPES.values():
        read = where.parse(cell.genotype)
        drawn = genotype_plots.wires(cell.genotype)
        for kind, row in zip(where.kinds, read, strict=True):
            kept = [
                (*edge, where.operations[o])
                for edge, o in zip(where.edges, row, strict=True)
                if where.operations[o] != "none"
            ]
            assert drawn[kind] == kept


def test_every_operation_of_a_genotype_is_drawn_where_it_reads() -> None:
    genotype = GENOTYPES["pc-darts-cifar"].genotype
    fig = genotype_plots.wiring(genotype)
    for ax, kept in zip(fig.axes, genotype_plots.wires(genotype).values(), strict=True):
        boxes = {text.xy for text in ax.texts if text.get_bbox_patch() is not None}
        assert boxes == {(target, source) for source, target, _ in kept}


def test_what_is_no_genotype_is_refused() -> None:
    with pytest.raises(InputError, match="no genotype"):
        genotype_plots.wiring("skip")


def test_operations_are_counted_in_both_cells() -> None:
    genotype = "normal: |a~0|b~1|+|a~0|a~2| reduce: |b~0|b~1|+|b~0|b~2|"
    assert rows(genotype_plots.operation_counts({"x": genotype})) == [
        ["`x`", "3 + 0", "1 + 4"]
    ]


def test_agreement_counts_edges_and_operations() -> None:
    cells = {
        "one": "normal: |a~0|b~1|+|a~0|a~2|",
        "two": "normal: |a~0|a~1|+|a~1|a~2|",
    }
    assert rows(genotype_plots.agreement(cells)) == [["one, two", "3 of 4", "2 of 4"]]


def test_the_two_strongest_edges_of_a_node_are_filled() -> None:
    fig = genotype_plots.strengths(
        {"a": [0.1, 0.2, 0.3, 0.1, 0.3]}, [[0, 1], [2, 3, 4]]
    )
    filled = {
        (round(line.get_ydata()[0]), line.get_xdata()[0])
        for line in fig.axes[0].get_lines()
        if line.get_marker() == "o"
    }
    assert filled == {(0, 0.1), (0, 0.2), (1, 0.3)}


def test_pc_darts_and_gaea_stand_in_their_columns() -> None:
    table = rows(scale_tables.darts_results(PAPER))
    assert table[1][1:] == ["25.1 / 7.8", "24.3 / 7.3"]
    assert table[2][1:] == ["24.2 / 7.3", "24.0 / 7.3"]


def test_held_out_sizes_are_told_with_how_far_off_they_are() -> None:
    size = {"channels": 8, "cells": 1, "batch": 32, "size": 16}
    seen = [
        {**size, "held_out": False, "seconds": 1.0, "predicted": 1.2},
        {**size, "batch": 64, "held_out": False, "seconds": 1.0, "predicted": 0.7},
        {**size, "held_out": True, "seconds": 1.0, "predicted": 0.9},
        {**size, "held_out": True, "seconds": 1.0, "predicted": 1.3},
    ]
    text = scale_tables.held_out({"rows": seen})
    assert [row[-1] for row in rows(text)] == ["−10.00", "+30.00"]
    last = (
        "Within 20 %: 1 of 2. Of the sizes that were fitted: 1 of 2; the farthest, "
        "8, 1, 64, 16, is off by −30.00 %."
    )
    assert text.endswith(last)
    assert scale_tables.held_out({"rows": seen[2:]}).endswith("Within 20 %: 1 of 2.")


def test_only_records_made_on_a_gpu_are_listed(tmp_path) -> None:
    run = {
        "environment": {"device": "Some GPU", "torch": "9.9"},
        "config": {
            "method": "gaea-darts",
            "objective": "single-level",
            "channels": 16,
            "cells": 5,
            "size": 32,
        },
        "seconds": [0.0, 5400.0],
    }
    on_cpu = {**run, "environment": {"device": "cpu", "torch": "9.9"}}
    (tmp_path / "b.json").write_text(json.dumps(on_cpu))
    (tmp_path / "c.json").write_text("[1]")
    (tmp_path / "d.json").write_text("{")
    assert "No record" in scale_tables.gpu_runs(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(run))
    told = rows(scale_tables.gpu_runs(tmp_path))
    assert [(row[0], row[1], row[-1]) for row in told] == [("a", "Some GPU", "1.50")]


def test_bars_have_the_length_of_their_parts() -> None:
    fig = scale_plots.bars({"a": {"x": 60.0, "y": 40.0}}, "percent")
    spans = [(bar.get_x(), bar.get_width()) for bar in fig.axes[0].patches]
    assert spans == [(0.0, 60.0), (60.0, 40.0)]


def test_held_out_points_have_names_and_lie_where_they_were_measured() -> None:
    fig = scale_plots.predicted(
        {"one": (1.0, 1.1, False), "two": (4.0, 3.0, True)}, band=0.2
    )
    (ax,) = fig.axes
    assert [text.get_text() for text in ax.texts] == ["two"]
    marks = {
        line.get_marker(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in ax.get_lines()
        if len(line.get_xdata()) == 1
    }
    assert marks == {"o": (1.0, 1.1), "D": (4.0, 3.0)}


def test_every_measured_size_lies_inside_its_panel() -> None:
    panels = {"C": ([4, 8], [1.0, 2.0], [1.1, 1.9]), "N": ([1, 5], [2.0, 9.0], [2, 8])}
    fig = scale_plots.scaling(panels, "seconds")
    for ax, (sizes, seen, _) in zip(fig.axes, panels.values(), strict=True):
        assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > 9
        dots = next(line for line in ax.get_lines() if line.get_marker() == "o")
        assert dots.get_xydata().tolist() == [
            list(p) for p in zip(sizes, seen, strict=True)
        ]
