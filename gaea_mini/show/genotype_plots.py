"""Cells of the DARTS space as wiring diagrams, and how close their choice was."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.errors import InputError
from gaea_mini.show.plots import figure, plot_style
from gaea_mini.show.search_tables import Text, _table
from gaea_mini.show.style import (
    INK,
    METHOD_COLOURS,
    MUTED,
    RULE,
    operation_colour,
    operation_short,
)

LIGHT = ("skip_connect", "sep_conv_5x5", "max_pool_3x3", "dil_conv_3x3")
Wires = list[tuple[int, int, str]]


def wires(genotype: str) -> dict[str, Wires]:
    """kind -> (source, target, operation) of every edge that a genotype keeps.

    Raises:
      InputError: nothing in the text reads like a genotype.

    >>> wires("normal: |skip_connect~0|sep_conv_3x3~1|")
    {'normal': [(0, 2, 'skip_connect'), (1, 2, 'sep_conv_3x3')]}
    """
    found = {
        kind: [
            (int(source), target, name)
            for target, group in enumerate(cell.split("+"), start=2)
            for name, source in re.findall(r"([^|~]+)~(\d+)", group)
        ]
        for kind, cell in re.findall(r"(\w+): (\S+)", genotype)
    }
    if not any(found.values()):
        raise InputError(f"{genotype!r} is no genotype such as 'normal: |skip~0|...'")
    return found


def wiring(genotype: str) -> Figure:
    """Both cells of a genotype: a line for each node, a box for each operation.

    A node's output runs to the right along its line. Every column is a node: the boxes
    in it are its two operations, each on the line that it reads, and their sum goes
    down to the node.
    """
    cells = wires(genotype)
    with plot_style():
        fig, axes = figure(1, len(cells), (7.2, 3.0))
        for ax, (kind, kept) in zip(axes[0], cells.items(), strict=True):
            _wire(ax, kept)
            ax.set_title({"reduce": "reduction"}.get(kind, kind) + " cell")
    return fig


def _wire(ax: Axes, kept: Wires) -> None:
    last = max(target for _, target, _ in kept)
    for node in range(last + 1):
        column = max(node, 1)
        reach = [target for source, target, _ in kept if source == node]
        if reach:
            line = [column, max(reach)]
            ax.plot(line, [node, node], color=MUTED, linewidth=1.2, zorder=1)
        if node >= 2:
            top = min(s for s, target, _ in kept if target == node)
            ax.plot([column] * 2, [top, node], color=INK, linewidth=1.2, zorder=1)
        name = {0: "k−2", 1: "k−1"}.get(node, str(node))
        ax.plot(column, node, "o", color="white", markeredgecolor=INK, markersize=22)
        look: Any = {"ha": "center", "va": "center", "fontsize": 7.5}
        ax.annotate(name, (column, node), color=INK, **look)
    for source, target, operation in kept:
        colour = operation_colour(operation)
        ax.annotate(
            operation_short(operation),
            (target, source),
            ha="center",
            va="center",
            fontsize=8,
            color=INK if operation in LIGHT else "white",
            bbox={"boxstyle": "round,pad=0.3", "facecolor": colour, "edgecolor": INK},
            zorder=3,
        )
    ax.set_xlim(0.5, last + 0.5)
    ax.set_ylim(last + 0.5, -0.5)
    ax.set_axis_off()


def operation_counts(genotypes: Mapping[str, str]) -> Text:
    """How often each operation stands in the normal and in the reduction cell."""
    cells = {name: wires(genotype) for name, genotype in genotypes.items()}
    names = dict.fromkeys(
        wire[2] for both in cells.values() for kept in both.values() for wire in kept
    )
    rows = []
    for name, both in cells.items():
        counts = [
            [sum(wire[2] == operation for wire in kept) for kept in both.values()]
            for operation in names
        ]
        rows.append(
            [f"`{name}`", *(" + ".join(map(str, c)) if any(c) else "·" for c in counts)]
        )
    return _table(["normal + reduction", *map(operation_short, names)], rows)


def agreement(genotypes: Mapping[str, str]) -> Text:
    """How much two genotypes have in common: edges kept, and operations on them."""
    names = list(genotypes)
    sets = {
        name: {(kind, *wire) for kind, kept in wires(genotype).items() for wire in kept}
        for name, genotype in genotypes.items()
    }
    edges = {name: {wire[:3] for wire in kept} for name, kept in sets.items()}
    rows = [
        [
            f"{one}, {other}",
            f"{len(edges[one] & edges[other])} of {len(edges[one])}",
            f"{len(sets[one] & sets[other])} of {len(sets[one])}",
        ]
        for i, one in enumerate(names)
        for other in names[i + 1 :]
    ]
    return _table(["cells of", "same edges", "same edges and operations"], rows)


def strengths(
    panels: Mapping[str, ArrayLike], entering: Sequence[Sequence[int]], kept: int = 2
) -> Figure:
    """The strength of every edge, a row for each node; those kept are filled.

    Args:
      panels: title -> (E,) strengths.
      entering: for each node the edges that enter it.
      kept: how many of them the node keeps.
    """
    with plot_style():
        fig, axes = figure(1, len(panels), (7.0, 2.7), sharex=True, sharey=True)
        for ax, (title, row) in zip(axes[0], panels.items(), strict=True):
            values = np.asarray(row, float)
            for place, edges in enumerate(entering):
                order = np.argsort(-values[list(edges)], kind="stable")
                ax.axhline(place, color=RULE, linewidth=0.8, zorder=0)
                for rank, e in enumerate(np.take(edges, order)):
                    inside = rank < kept
                    colour = METHOD_COLOURS["gaea-darts" if inside else "darts"]
                    ax.plot(
                        values[e],
                        place + (-0.13 if inside else 0.13),  # none hides another
                        "o" if inside else "s",
                        color=colour,
                        markerfacecolor=colour if inside else "white",
                        markersize=7,
                    )
            ax.set_title(title)
            ax.set_xlabel("strength of an edge")
        nodes = range(2, 2 + len(entering))
        axes[0, 0].set_yticks(range(len(entering)), [f"into {node}" for node in nodes])
        axes[0, 0].set_ylim(len(entering) - 0.5, -0.5)
    return fig
