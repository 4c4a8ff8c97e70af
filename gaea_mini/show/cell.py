"""Where the nodes and edges of a cell lie when it is drawn.

The widget and the static figure both use these places, so that they show one and the
same picture. Units are pixels, y points down.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NODE_RADIUS = 15.0
ALL_PAIRS_OF_FOUR = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


def layout(edges: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Places for the nodes of a cell and the bend of each edge.

    The cell of NAS-Bench-201 (four nodes, all six edges) gets a drawing in which no
    two edges cross. Any other cell gets its nodes on a line and its edges as arcs.

    Args:
        edges: pairs (source, target), source < target.

    Returns:
        ``width``, ``height``; ``nodes``, one [x, y] each; ``bends``, for each edge
        how far the middle of its arc lies above the straight line (below, if
        negative); ``strand``, the width of an edge.

    >>> cell = layout([(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)])
    >>> len(cell["nodes"]), cell["bends"][:3]
    (4, [0, 0, 0])
    """
    pairs = [(int(source), int(target)) for source, target in edges]
    if sorted(pairs) == sorted(ALL_PAIRS_OF_FOUR):
        bends = {(0, 3): -74, (1, 3): 38}
        return {
            "width": 400,
            "height": 188,
            "nodes": [[50, 97], [150, 29], [240, 97], [350, 97]],
            "bends": [bends.get(pair, 0) for pair in pairs],
            "strand": 19,
        }
    count = 1 + max(target for _, target in pairs)
    step = 300 / (count - 1)
    # An arc starts above or below the line of nodes, by its source in turn.
    arcs = [
        0
        if target - source == 1
        else (1 if source % 2 == 0 else -1) * (target - source)
        for source, target in pairs
    ]
    rise = step * 0.42
    above = rise * max(0, *arcs) + 26
    below = rise * max(0, *(-arc for arc in arcs)) + 26
    return {
        "width": 400,
        "height": round(above + below),
        "nodes": [[round(50 + step * i, 1), round(above, 1)] for i in range(count)],
        "bends": [round(rise * arc, 1) for arc in arcs],
        "strand": 13,
    }


def strand(
    start: Sequence[float],
    end: Sequence[float],
    bend: float,
    offset: float,
    points: int = 33,
) -> NDArray[np.float64]:
    """Points of the line beside an edge at a distance of ``offset``.

    A bent edge is an arc of a circle, and the line beside it is an arc around the
    same centre.

    Args:
        start, end: the two nodes, (x, y).
        bend: see :func:`layout`.
        offset: pixels above the edge (below, if negative).

    Returns:
        (points, 2).

    >>> strand((0, 0), (10, 0), 0, 2, points=2).tolist()
    [[0.0, -2.0], [10.0, -2.0]]
    >>> strand((0, 0), (10, 0), 5, 1, points=3)[1].round(6).tolist()
    [5.0, -6.0]
    """
    p, q = np.asarray(start, float), np.asarray(end, float)
    along = q - p
    chord = float(np.hypot(*along))
    normal = np.array([along[1], -along[0]]) / chord
    if abs(bend) < 0.5:
        steps = np.linspace(0, 1, points)[:, None]
        return p + normal * offset + steps * along
    side = math.copysign(1, bend)
    radius = (chord**2 / 4 + bend**2) / (2 * abs(bend))
    centre = (p + q) / 2 + normal * (bend - side * radius)
    half = 2 * math.atan(2 * abs(bend) / chord)
    angles = np.linspace(-half, half, points)[:, None]
    out = side * normal * np.cos(angles) + along / chord * np.sin(angles)
    return centre + (radius + side * offset) * out


def middle(
    start: Sequence[float], end: Sequence[float], bend: float
) -> tuple[float, float]:
    """The middle of an edge, where its label stands."""
    x, y = strand(start, end, bend, 0, points=3)[1]
    return float(x), float(y)
