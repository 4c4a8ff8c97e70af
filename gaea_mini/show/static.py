"""The player as a still figure: for print, for GitHub, for readers without scripts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, Polygon
from matplotlib.ticker import MaxNLocator

from gaea_mini.errors import InputError
from gaea_mini.show.cell import NODE_RADIUS, middle, strand
from gaea_mini.show.plots import DASHES, name_lines, plot_style
from gaea_mini.show.style import INK, MUTED, PAPER
from gaea_mini.show.trim import trim_all


def player_strip(
    runs: Any,
    labels: Sequence[str] | None = None,
    epochs: Sequence[int] | None = None,
) -> Figure:
    """The cells of each run at three epochs, and the curves of all runs below.

    A run with several cells has a row for each. Where the record has the true accuracy
    of the rounded cell, it stands beside the epoch. Below is the entropy and, where a
    record has it, the accuracy after rounding.

    Args:
        runs: one run or up to 4, see :class:`gaea_mini.show.ArchitecturePlayer`.
        labels: titles, one for each run.
        epochs: which states to draw; by default first, middle and last. A run that
            ended earlier shows its last state.

    Raises:
        InputError: a record that cannot be shown, or an epoch below 0.
    """
    trimmed = trim_all(runs, labels)
    last = max(len(run["theta"]) for run in trimmed) - 1
    if epochs is None:
        epochs = sorted({0, last // 2, last})
    if not epochs or min(epochs) < 0:
        raise InputError(f"epochs is {list(epochs)}: give states from 0 to {last}")
    cells = [(run, kind) for run in trimmed for kind in range(len(run["kinds"]))]
    rows, columns = len(cells), len(epochs)
    with plot_style():
        tall, low = 1.62 * rows, 2.3
        fig = plt.figure(figsize=(2.65 * max(columns, 2), tall + low))
        plt.close(fig)  # so that a notebook shows it once
        halves = fig.add_gridspec(2, 1, height_ratios=[tall, low])
        top, below = fig.add_subfigure(halves[0]), fig.add_subfigure(halves[1])
        grid = top.add_gridspec(rows, columns)
        for i, (run, kind) in enumerate(cells):
            for j, epoch in enumerate(epochs):
                ax = top.add_subplot(grid[i, j])
                shown = min(epoch, len(run["theta"]) - 1)
                draw_cell(ax, run, shown, kind)
                true = run["truth"][shown] if run["truth"] else None
                # The name stands in the line above the epoch, out of the layout: a long
                # one must not widen its column.
                ax.set_title(
                    f"\nepoch {shown}"
                    + ("" if true is None else f": true {true:.1f} %"),
                    fontsize=8.5,
                    fontweight="normal",
                    color=MUTED,
                )
                if j == 0:
                    several = len(run["kinds"]) > 1
                    of = f", {run['kinds'][kind]} cell" if several else ""
                    ax.annotate(
                        run["label"][:24] + of,
                        (0, 1),
                        xycoords="axes fraction",
                        xytext=(0, 18),
                        textcoords="offset points",
                        fontsize=10,
                        fontweight="bold",
                    ).set_in_layout(False)
        known = any(run["rounded"] for run in trimmed)
        axes = list(below.subplots(1, 1 + known, squeeze=False)[0])
        for ax, draw in zip(axes, (_entropies, _accuracies), strict=False):
            draw(ax, trimmed)
        named = {o["name"]: o for run in trimmed for o in run["operations"]}
        below.legend(
            handles=[
                Patch(color=o["colour"], label=f"{o['short']}: {name[:24]}")
                for name, o in named.items()
            ],
            loc="outside lower center",
            ncols=min(4, len(named)),
            frameon=False,
            fontsize=8.5,
            handlelength=1,
            handleheight=0.8,
        )
        fig.draw_without_rendering()  # names need to know how tall the axes are
        name_lines(axes[-1])  # the other one has the same colours and dashes
    return fig


def draw_cell(ax: Axes, run: Mapping[str, Any], epoch: int, kind: int = 0) -> None:
    """Draw one state of a cell: strands as wide as theta, the leading operation named.

    Args:
        run: a trimmed run, see :func:`gaea_mini.show.trim.trim`.
        epoch: the state; kind: which kind of cell.
    """
    place = run["layout"]
    nodes, width = place["nodes"], place["strand"]
    dense = len(run["edges"]) > 8
    for edge, (source, target) in enumerate(run["edges"]):
        weights = np.asarray(run["theta"][epoch][kind][edge])
        top = width * (0.5 - np.concatenate([[0.0], np.cumsum(weights)]))
        start, end, bend = nodes[source], nodes[target], place["bends"][edge]
        for o, operation in enumerate(run["operations"]):
            upper, lower = top[o] - 0.35, top[o + 1] + 0.35
            if upper > lower:
                points = 25 if bend else 2
                one_side = strand(start, end, bend, upper, points)
                other_side = strand(start, end, bend, lower, points)
                outline = np.concatenate([one_side, other_side[::-1]])
                ax.add_patch(Polygon(outline, color=operation["colour"], linewidth=0))
        if not dense:
            lead = run["operations"][int(weights.argmax())]
            tie = np.sum(weights > weights.max() - 5e-4) > 1
            ax.text(
                *middle(start, end, bend),
                "tie" if tie else lead["short"],
                ha="center",
                va="center",
                fontsize=6.5,
                fontweight="bold",
                bbox={
                    "boxstyle": "round,pad=0.22",
                    "facecolor": PAPER,
                    "edgecolor": MUTED if tie else lead["colour"],
                    "linewidth": 1.1,
                },
            )
    for i, (x, y) in enumerate(nodes):
        radius = NODE_RADIUS * (0.8 if dense else 1)
        ax.add_patch(
            Circle(
                (x, y), radius, facecolor=PAPER, edgecolor=INK, linewidth=1, zorder=3
            )
        )
        ax.text(x, y, str(i), ha="center", va="center", fontsize=7.5, zorder=4)
    ax.set_xlim(nodes[0][0] - 24, nodes[-1][0] + 24)
    ax.set_ylim(place["height"], 0)
    ax.set_aspect("equal")
    ax.axis("off")


def _curves(ax: Axes, trimmed: Sequence[Mapping[str, Any]], key: str) -> None:
    for dash, run in zip(DASHES, trimmed, strict=False):
        if run[key]:
            values = [math.nan if y is None else y for y in run[key]]
            label = run["label"][:24]
            ax.plot(values, color=run["colour"], linestyle=dash, label=label)
    ax.margins(x=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("epoch")


def _accuracies(ax: Axes, trimmed: Sequence[Mapping[str, Any]]) -> None:
    _curves(ax, trimmed, "rounded")
    ax.set_ylabel("accuracy after\nrounding (%)")


def _entropies(ax: Axes, trimmed: Sequence[Mapping[str, Any]]) -> None:
    _curves(ax, trimmed, "entropy")
    for count in {len(run["operations"]) for run in trimmed}:
        uniform = math.log(count)
        ax.axhline(uniform, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        ax.annotate(
            f"uniform: ln {count}",
            (1, uniform),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            color=MUTED,
            fontsize=8,
        )
    ax.set_ylim(0, 1.14 * max(math.log(len(run["operations"])) for run in trimmed))
    ax.set_ylabel("entropy of θ (nats)")


def describe(runs: Any, labels: Sequence[str] | None = None) -> str:
    """Alternative text for :func:`player_strip`: what is to be seen, in words.

    The numbers come from the records.
    """
    trimmed = trim_all(runs, labels)
    parts = []
    for run in trimmed:
        entropy = [y for y in run["entropy"] if y is not None]
        words = (
            f"{run['label']}: entropy {entropy[0]:.2f} nats at the start, lowest "
            f"{min(entropy):.2f}, at the end {entropy[-1]:.2f}; "
        )
        for key, name in (
            ("rounded", "accuracy after rounding"),
            ("truth", "true accuracy of that cell"),
        ):
            if run[key] and run[key][-1] is not None:
                words += f"{name} {run[key][-1]:.1f} % at the end; "
        parts.append(f"{words}last cell {run['genotype'][-1]}")
    several = any(len(run["kinds"]) > 1 for run in trimmed)
    known = any(run["rounded"] for run in trimmed)
    return (
        "Cell graphs at several epochs, "
        + ("the cells of a run one under the other, " if several else "")
        + "one strand per operation on each edge, as wide as its weight, and below "
        "them the entropy"
        + (" and the accuracy after rounding" if known else "")
        + " over epochs. "
        + ". ".join(parts)
        + "."
    )
