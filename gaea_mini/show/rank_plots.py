"""The figures of chapter ``rank_disorder``: shared weights against training alone.

Functions take a ranking record or plain numbers, and return a Figure. What the table of
trained cells says is handed over as arrays: this room looks nothing up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.show.looks import plot_look
from gaea_mini.show.plots import DASHES, band, figure, plot_style
from gaea_mini.show.records import Json
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, PAPER, RULE
from gaea_mini.show.truth_plots import colour_of, name_inside, name_outside
from gaea_mini.show.truth_tables import by_method


def crossed_ranks(alone: ArrayLike, shared: ArrayLike, theta: ArrayLike) -> Figure:
    """A slope chart of two rankings, and the weights of all cells over steps.

    Args:
      alone: (N,) loss of each cell trained alone.
      shared: (N,) its loss with the shared weight.
      theta: (T + 1, N). The cell that is best alone stands out in both panels.
    """
    weights = np.asarray(theta, dtype=float)
    ranks = [1 + np.argsort(np.argsort(loss)) for loss in (alone, shared)]
    best = int(np.argmin(alone))
    with plot_style():
        fig, axes = figure(1, 2, (7.0, 3.3), width_ratios=[1, 1.5])
        left, right = axes[0]
        for cell, (a, b) in enumerate(zip(*ranks, strict=True)):
            look = _first_or_other(cell == best)
            left.plot([0, 1], [a, b], "o-", markersize=5, **look)
            right.plot(weights[:, cell], **look)
        left.set_xticks([0, 1], ["alone", "shared weight"])
        left.set_xlim(-0.25, 1.25)
        left.set_ylim(len(ranks[0]) + 0.5, 0.5)
        left.set_yticks(range(1, len(ranks[0]) + 1))
        left.set_ylabel("rank")
        right.set_ylim(0, 1.05)
        right.margins(x=0)
        right.set_xlabel("step")
        right.set_ylabel("weight in theta")
        right.annotate(
            f"cell {best}, best alone",
            (len(weights) * 0.97, weights[-1, best] - 0.07),
            ha="right",
        )
        right.annotate("all the others", (len(weights) * 0.97, 0.04), ha="right")
    return fig


def _first_or_other(first: bool) -> dict[str, Any]:
    if first:
        return {"color": METHOD_COLOURS["gaea-darts"], "linewidth": 2.6, "zorder": 3}
    return {"color": MUTED, "linewidth": 1.1, "alpha": 0.7}


def shared_against_alone(
    record: Json,
    truth: ArrayLike,
    index: Mapping[str, int],
    epochs: Sequence[int] = (0, 1, 5, 15),
) -> Figure:
    """Each cell's accuracy with shared weights over its accuracy trained alone.

    One row for each method, one panel an epoch; Kendall's tau is in the panel.

    Args:
      record: a ranking record; its runs of one seed keep the counts of all cells.
      truth: (N,) accuracy of each cell trained alone, percent, in the record's order.
      index: position in ``truth`` of an arch string.
      epochs: states to show.
    """
    tests = np.asarray(truth, dtype=float)
    runs = [run for run in record["runs"] if "counts" in run]
    with plot_style():
        fig, axes = figure(
            len(runs), len(epochs), (7.0, 1.9 * len(runs) + 0.3), sharex=True
        )
        for row, run in zip(axes, runs, strict=True):
            for ax, epoch in zip(row, epochs, strict=True):
                scores = 100 * np.array(run["counts"][epoch]) / record["pictures"]
                # With equal weights theta has chosen nothing yet.
                chosen = run["method"] == "rs-ws" or epoch > 0
                own = index[run["genotype"][epoch]] if chosen else None
                tau = run["kendall"][epoch]
                _cloud(ax, tests, scores, tau, own, colour_of(run["method"]))
            row[0].set_ylabel(f"{run['method']}\nshared (%)")
        for ax, epoch in zip(axes[0], epochs, strict=True):
            ax.set_title(f"epoch {epoch}", fontweight="normal", fontsize=9)
        fig.supxlabel("trained alone (%)", fontsize=9.5)
    return fig


def cloud(truth: ArrayLike, scores: ArrayLike, tau: float) -> Figure:
    """Accuracy with shared weights over accuracy alone, all cells of one supernet.

    Args:
      truth: (N,) accuracy of each cell trained alone, percent.
      scores: (N,) with shared weights, percent.
      tau: Kendall's, written into the panel.
    """
    with plot_style():
        fig, axes = figure(size=(5.6, 3.4))
        ax = axes[0, 0]
        _cloud(ax, np.asarray(truth), np.asarray(scores), tau, None, INK)
        ax.set_xlabel("trained alone (%)")
        ax.set_ylabel("with shared weights (%)")
    return fig


def _cloud(
    ax: Axes, truth: Any, scores: Any, tau: float, own: int | None, colour: str
) -> None:
    """One panel: all cells, the highest score, the cell handed back, the best cell."""
    ax.plot(truth, scores, ".", color=MUTED, markersize=2.4, alpha=0.5)
    top = int(np.argmax(scores))
    ax.plot(truth[top], scores[top], "D", color=INK, mfc=PAPER, ms=5.5)
    if own is not None:
        ax.plot(truth[own], scores[own], "*", color=colour, ms=11, mec=INK)
    ax.axvline(truth.max(), color=MUTED, linestyle=(0, (4, 3)), lw=1)
    text = f"τ {tau:.2f}".replace("-", "−")
    ax.annotate(text, (0.04, 0.86), xycoords="axes fraction", fontsize=8.5)
    ax.tick_params(labelsize=8)


def ranking_over_epochs(record: Json) -> Figure:
    """Kendall's tau and the recall of the best 10 and 50 over epochs, for each method.

    Lines are means over seeds, bands run from the lowest to the highest seed. The first
    panel has a band: how well two seeds of training alone agree.
    """
    panels = {
        "Kendall's τ": lambda run: run["kendall"],
        "recall of the best 10": lambda run: run["recall"]["10"],
        "recall of the best 50": lambda run: run["recall"]["50"],
    }
    with plot_style():
        fig, axes = figure(1, 3, (7.2, 3.2))
        for ax, (title, series) in zip(axes[0], panels.items(), strict=True):
            for method, runs in by_method(record).items():
                colour, dash = plot_look(method)
                band(ax, [series(run) for run in runs], method, colour, dash=dash)
            ax.axhline(0, color=MUTED, linewidth=0.8)
            ax.set_title(title)
            ax.set_xlabel("epoch")
            ax.margins(x=0)
        low, high = min(record["ceiling"]), max(record["ceiling"])
        axes[0, 0].axhspan(low, high, color=MUTED, alpha=0.25, linewidth=0)
        axes[0, 0].annotate(
            "two trainings", (0, low), (3, -10), textcoords="offset points", color=MUTED
        )
        if "one_more" in record:
            one_more = record["one_more"]
            axes[0, 0].axhline(one_more, color=MUTED, linewidth=1, linestyle="--")
            axes[0, 0].annotate(
                "one more training", (0, one_more), (3, 3),
                textcoords="offset points", color=MUTED,
            )  # fmt: skip
        for ax in axes[0]:
            bottom, top = ax.get_ylim()
            ax.set_ylim(min(bottom, -0.1), max(top, 1.0))
        name_outside(fig, axes[0, 0])
    return fig


def two_choices(record: Json) -> Figure:
    """Regret of the best-scored cell and of the cell handed back, over epochs.

    One panel for each method: means and ranges over seeds. State 0 is left out.
    """
    groups = by_method(record)
    with plot_style():
        fig, axes = figure(1, len(groups), (7.2, 3.2), sharey=True)
        for ax, (method, runs) in zip(axes[0], groups.items(), strict=True):
            curves = {
                "best score of all cells": ("regret_of_best_score", MUTED, DASHES[1]),
                "handed back": ("regret", colour_of(method), DASHES[0]),
            }
            for label, (key, colour, dash) in curves.items():
                values = [[None, *run[key][1:]] for run in runs]
                band(ax, values, label, colour, dash=dash)
            ax.set_title(method)
            ax.set_xlabel("epoch")
            ax.set_xlim(0)
            ax.set_ylim(0)
        axes[0, 0].set_ylabel("regret (points)")
        axes[0, 0].set_ylim(0, 1.3 * axes[0, 0].get_ylim()[1])  # room for the names
        for ax in axes[0]:
            name_inside(ax)
    return fig


def regret_against_tau(
    tau: ArrayLike,
    regret: ArrayLike,
    points: Mapping[str, tuple[ArrayLike, ArrayLike]],
    drawn: float | None = None,
) -> Figure:
    """What a ranking costs that is right but for noise, and what searches cost.

    Args:
      tau: (L, D) Kendall's tau of D noisy rankings at each of L levels of noise.
      regret: (L, D) of the cell ranked first.
      points: method -> (tau, regret) of the cells it handed back, one a seed.
      drawn: mean regret of a cell drawn at random.
    """
    across, height = np.asarray(tau), np.asarray(regret)
    with plot_style():
        fig, axes = figure(size=(6.4, 3.4))
        ax = axes[0, 0]
        low, high = np.quantile(height, [0.1, 0.9], axis=1)
        x, part = across.mean(axis=1), len(across) // 3
        ax.fill_between(x, low, high, color=MUTED, alpha=0.2, linewidth=0)
        ax.plot(x, height.mean(axis=1), color=MUTED, label="_ranking")
        ax.annotate(
            "first of a noisy ranking", (x[part], height[part].mean()), (6, 2),
            textcoords="offset points", color=MUTED,
        )  # fmt: skip
        for (method, (t, r)), marker in zip(points.items(), "so*", strict=False):
            size = 11 if marker == "*" else 7
            ax.plot(
                t, r, marker, color=colour_of(method), ms=size, mec=INK, label=method
            )
        ax.axvline(0, color=RULE, linewidth=0.8)
        if drawn is not None:
            ax.axhline(drawn, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.annotate(
                "a cell drawn at random", (1, drawn), (0, 4), ha="right", color=MUTED,
                xycoords=("axes fraction", "data"), textcoords="offset points",
            )  # fmt: skip
        ax.set_ylim(bottom=-0.1)
        ax.set_xlabel("Kendall's τ of the shared weights, last epoch")
        ax.set_ylabel("regret (points)")
        ax.legend(frameon=False, loc="upper right")
    return fig


def last(record: Json) -> dict[str, tuple[list[float], list[float]]]:
    """Per method tau and the regret of what was handed back, at the last epoch."""
    return {
        method: ([r["kendall"][-1] for r in runs], [r["regret"][-1] for r in runs])
        for method, runs in by_method(record).items()
    }
