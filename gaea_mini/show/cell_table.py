"""All cells of a space in few bytes, for widgets that draw any of them.

A cell is written as digits, one for the operation on each edge. 729 cells of six edges
are 4 kB that way; their arch strings are 60.
"""

import base64
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gaea_mini.errors import InputError
from gaea_mini.show.cell import layout
from gaea_mini.show.style import operation_colour, operation_short

Edge = tuple[int, int]


def read_cell(arch: str) -> tuple[list[Edge], list[str]]:
    """Edges and the operation on each, from an arch string.

    Raises:
        InputError: it is no arch string.

    >>> read_cell("|skip_connect~0|+|none~0|nor_conv_3x3~1|")
    ([(0, 1), (0, 2), (1, 2)], ['skip_connect', 'none', 'nor_conv_3x3'])
    """
    found = [re.findall(r"([^|~+]+)~(\d+)", part) for part in str(arch).split("+")]
    edges = [(int(s), t) for t, part in enumerate(found, 1) for _, s in part]
    if not edges or any(not part for part in found) or any(s >= t for s, t in edges):
        raise InputError(
            f"{arch!r} is no cell: write it as '|skip_connect~0|+|none~0|none~1|'"
        )
    return edges, [name for part in found for name, _ in part]


def pack_cells(cells: Sequence[str]) -> dict[str, Any]:
    """Cells of one space as digits, with all that is needed to draw them.

    Args:
        cells: arch strings with the same edges, at most 10 operations in all.

    Returns:
        ``edges``, ``layout`` (see :func:`gaea_mini.show.cell.layout`), ``operations``
        (name, short, colour) in the order in which they appear, and ``digits``, all
        cells in one string.

    Raises:
        InputError: no cells, other edges than those of the first, too many operations.

    >>> packed = pack_cells(["|skip_connect~0|", "|nor_conv_3x3~0|"])
    >>> packed["digits"], packed["edges"]
    ('01', [[0, 1]])
    """
    if not cells:
        raise InputError("no cells: give the arch string of every cell")
    edges, _ = read_cell(cells[0])
    place: dict[str, int] = {}
    digits = []
    for arch in cells:
        own, names = read_cell(arch)
        if own != edges:
            raise InputError(f"cell {arch!r} has other edges than {cells[0]!r}")
        digits += [str(place.setdefault(name, len(place))) for name in names]
    if len(place) > 10:
        raise InputError(f"{len(place)} operations: at most 10 can be told apart")
    return {
        "edges": [list(edge) for edge in edges],
        "layout": layout(edges),
        "operations": [
            {"name": o, "short": operation_short(o), "colour": operation_colour(o)}
            for o in place
        ],
        "digits": "".join(digits),
    }


def accuracies(values: ArrayLike, count: int, name: str) -> NDArray[np.float64]:
    """Percent, one for each cell, with 4 decimals, so that equal ones stay equal.

    Raises:
        InputError: another number of them, or something that is no percentage.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} holds something that is no number") from None
    if found.shape != (count,):
        raise InputError(
            f"{name} has shape {found.shape} for {count} cells: give one accuracy each"
        )
    if not (np.isfinite(found).all() and 0 <= found.min() <= found.max() <= 100):
        raise InputError(f"{name}: accuracies lie between 0 and 100 percent")
    return np.round(found, 4)


def to_text(counts: NDArray[np.int64]) -> str:
    """Whole numbers from 0 to 65535 as base64, two bytes each, the lower one first.

    >>> to_text(np.array([1, 256]))
    'AQAAAQ=='
    """
    return base64.b64encode(counts.astype("<u2").tobytes()).decode()
