"""Where a cell is drawn, and the strands beside its edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from made_up import DARTS_EDGES, NB201_EDGES

from gaea_mini.show.cell import NODE_RADIUS, layout, middle, strand

CELLS = pytest.mark.parametrize("edges", [NB201_EDGES, DARTS_EDGES, [[0, 1]]])


@CELLS
def test_everything_lies_inside_the_picture(edges: list[list[int]]) -> None:
    cell = layout(edges)
    for (source, target), bend in zip(edges, cell["bends"], strict=True):
        for side in (-0.5, 0.5):
            line = strand(
                cell["nodes"][source],
                cell["nodes"][target],
                bend,
                side * cell["strand"],
            )
            assert line.min() >= 0
            assert line[:, 0].max() <= cell["width"]
            assert line[:, 1].max() <= cell["height"]


@CELLS
def test_nodes_do_not_touch_and_go_from_left_to_right(edges: list[list[int]]) -> None:
    nodes = layout(edges)["nodes"]
    assert [x for x, _ in nodes] == sorted(x for x, _ in nodes)
    for p, q in itertools.combinations(nodes, 2):
        assert math.dist(p, q) > 2 * NODE_RADIUS


def test_order_of_edges_does_not_matter() -> None:
    cell, turned = layout(NB201_EDGES), layout(NB201_EDGES[::-1])
    assert cell["nodes"] == turned["nodes"]
    assert cell["bends"] == turned["bends"][::-1]


def test_no_two_edges_of_the_nb201_cell_cross() -> None:
    cell = layout(NB201_EDGES)
    lines = [
        strand(cell["nodes"][s], cell["nodes"][t], bend, 0, points=200)
        for (s, t), bend in zip(NB201_EDGES, cell["bends"], strict=True)
    ]
    for first, second in itertools.combinations(lines, 2):
        gap = np.linalg.norm(first[:, None] - second[None], axis=-1)
        # Edges meet at a node only, where both begin or end.
        near = np.argwhere(gap < 4)
        for i, j in near:
            at_node = [
                min(math.dist(first[i], node), math.dist(second[j], node))
                for node in cell["nodes"]
            ]
            assert min(at_node) < NODE_RADIUS


@pytest.mark.parametrize("bend", [0, 20, -35])
def test_a_strand_keeps_its_distance_from_the_edge(bend: float) -> None:
    edge = strand((10, 20), (110, 60), bend, 0, points=2001)
    beside = strand((10, 20), (110, 60), bend, 5, points=9)
    for point in beside[1:-1]:
        nearest = np.linalg.norm(edge - point, axis=1).min()
        assert nearest == pytest.approx(5, abs=1e-2)


def test_the_middle_of_an_arc_is_lifted_by_its_bend() -> None:
    assert middle((0, 0), (100, 0), 30) == pytest.approx((50, -30))
    assert middle((0, 0), (100, 0), -30) == pytest.approx((50, 30))
