"""The figures of chapter ``erm_or_bilevel``: two objectives, and skips over epochs.

Functions take records (see ``records``) or plain numbers, and return a Figure.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.show.plots import (
    DASHES,
    band,
    figure,
    name_lines,
    plot_style,
    seeds_by_epochs,
)
from gaea_mini.show.records import Json, arms, chosen_arms, skips
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, RULE

Curve = Callable[[Json], list[float | None]]


def skips_by_epoch(run: Json) -> list[float | None]:
    """Skip-connections of the cell per epoch; state 0 is left out (equal weights)."""
    return [None, *(float(skips(cell)) for cell in run["genotype"][1:])]


def loss_gap(run: Json) -> list[float | None]:
    """Theta's loss less the weights' loss per epoch; None at the start."""
    pairs = zip(run["loss_theta"], run["loss_w"], strict=True)
    return [None if a is None or b is None else a - b for a, b in pairs]


def truth_by_epoch(run: Json) -> list[float | None]:
    """True accuracy of the cell per epoch, percent; state 0 is left out."""
    return [None, *run["truth"]["c10_test"][1:]]


def two_objectives(
    share: ArrayLike, curves: Mapping[str, ArrayLike], goes: Mapping[str, str]
) -> Figure:
    """Two losses of one edge as functions of theta, their minima marked.

    Args:
      share: (N,) weight of the first operation.
      curves: name -> (N,) loss; at most three.
      goes: what stands at the left and at the right of one half.
    """
    x = np.asarray(share, dtype=float)
    colours = ("#0072B2", "#CC79A7", "#009E73")
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        for i, (name, loss) in enumerate(curves.items()):
            y = np.asarray(loss, dtype=float)
            ax.plot(x, y, color=colours[i], linestyle=DASHES[i], label=name)
            at = int(y.argmin())
            ax.plot(
                x[at], y[at], "o", color=colours[i], markersize=8, label="_", zorder=5
            )
        ax.axvline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        for side, words in goes.items():
            ax.annotate(
                words,
                (0.49 if side == "left" else 0.51, 0.97),
                xycoords=("data", "axes fraction"),
                ha="right" if side == "left" else "left",
                va="top",
                color=MUTED,
            )
        ax.set_ylim(0, None)
        ax.margins(x=0.02)
        ax.set_xlabel("weight of operation 1")
        ax.set_ylabel("loss")
        name_lines(ax)
    return fig


def by_objective(
    records: Sequence[Json], curve: Curve, ylabel: str, zero: bool = False
) -> Figure:
    """A quantity over epochs: one panel for each objective, a band for each method.

    Args:
      records: one for each objective.
      curve: of a run, with None where there is no value.
      ylabel: what it is.
      zero: draw a line at 0.
    """
    panels: dict[str, dict[str, list[Json]]] = {}
    for (method, objective), runs in chosen_arms(records).items():
        panels.setdefault(objective, {})[method] = runs
    with plot_style():
        fig, axes = figure(1, len(panels), (7.0, 3.2), sharey=True)
        for ax, (title, groups) in zip(axes[0], panels.items(), strict=True):
            for method, runs in groups.items():
                dash = "-" if "gaea" in method else DASHES[1]
                colour = METHOD_COLOURS["gaea-darts" if "gaea" in method else "darts"]
                band(ax, [curve(run) for run in runs], method, colour, dash=dash)
            _finish(ax, title, zero)
        axes[0, 0].set_ylabel(ylabel)
    return fig


def long_searches(records: Sequence[Json], mark: float) -> Figure:
    """Skips of the cell over long searches: a row a record, a column an arm.

    Args:
      records: ``skip_collapse`` and others like it, each of one objective.
      mark: the part of a search at which a line is drawn.
    """
    groups = [arms(record) for record in records]
    names = list(dict.fromkeys(name for group in groups for name in group))
    with plot_style():
        size = (7.4, 0.6 + 2.0 * len(groups))
        fig, axes = figure(len(groups), len(names), size, sharex=True, sharey=True)
        for row, group in zip(axes, groups, strict=True):
            drawn = dict(zip(names, row, strict=True))
            for name, runs in group.items():
                _skips_of_seeds(drawn.pop(name), runs, mark)
            for ax in drawn.values():
                ax.set_axis_off()
            first = row[names.index(next(iter(group)))]
            first.set_ylabel(f"{runs[0]['config']['objective']}: skips")
            first.tick_params(labelleft=True)
        for ax, name in zip(axes[0], names, strict=True):
            ax.set_title(name)
        for column, name in enumerate(names):
            last = max(i for i, group in enumerate(groups) if name in group)
            axes[last, column].set_xlabel("part of the search")
            axes[last, column].tick_params(labelbottom=True)
    return fig


def _skips_of_seeds(ax: Axes, runs: Sequence[Json], mark: float) -> None:
    """A thin line a seed, their mean, and the mark."""
    method = runs[0]["config"]["method"]
    key = "gaea-darts" if "gaea" in method else "darts"
    colour = METHOD_COLOURS["softmax" if method == "pc-darts" else key]
    seeds = seeds_by_epochs([skips_by_epoch(run) for run in runs])
    part = np.linspace(0, 1, seeds.shape[1])
    ax.plot(part, seeds.T, color=colour, linewidth=0.7, alpha=0.6)
    ax.plot(part, seeds.mean(axis=0), color=colour, linewidth=2, label="_mean")
    ax.axvline(mark, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.margins(x=0)
    ax.grid(axis="y", color=RULE, linewidth=0.7)


def _finish(ax: Axes, title: str, zero: bool) -> None:
    if zero:
        ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_title(title)
    ax.set_xlabel("epoch")
    ax.margins(x=0)
    ax.grid(axis="y", color=RULE, linewidth=0.7)
    name_lines(ax)
