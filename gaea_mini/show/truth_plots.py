"""The figures of chapter ``against_the_optimum``, and how methods look in them.

Functions take records (see ``records``) or plain numbers, and return a Figure. What a
table of trained cells says is handed over as arrays: this room looks nothing up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.show.looks import plot_look
from gaea_mini.show.plots import (
    DASHES,
    figure,
    plot_style,
    seeds_by_epochs,
)
from gaea_mini.show.records import Json
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, PAPER, RULE

# Searches that these figures do not tell apart.
OTHERS = ("darts-2nd", "pc-darts", "gdas", "enas")


def colour_of(method: str) -> str:
    """Orange for GAEA versions, green for what only draws, grey for other searches.

    >>> colour_of("gaea-gdas") == METHOD_COLOURS["gaea-darts"]
    True
    """
    return plot_look("darts" if method in OTHERS else method)[0]


def staircase(
    steps: Sequence[tuple[float, float]],
    handed_back: ArrayLike,
    best: float,
) -> Figure:
    """One rival at work: what it saw, and the true accuracy of what it would hand back.

    Args:
      steps: cost and validation accuracy of each training.
      handed_back: test accuracy of the cell handed back after each training.
      best: of the best cell, percent.
    """
    cost, seen = np.array(steps).T
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        ax.plot(cost, seen, "o", color=MUTED, ms=4, mfc="none", label="validation seen")
        look = {"color": METHOD_COLOURS["random"], "where": "post"}
        ax.step(cost, np.asarray(handed_back), label="test, handed back", **look)
        ax.axhline(best, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        ax.annotate(
            "best cell, test", (cost[0], best), (0, 4), textcoords="offset points",
            color=MUTED,
        )  # fmt: skip
        ax.set_xlabel("cost (processor seconds)")
        ax.set_ylabel("accuracy (%)")
        name_outside(fig, ax)
    return fig


def regret_bands(
    curves: Mapping[str, Json],
    exact: tuple[ArrayLike, ArrayLike] | None = None,
    xlabel: str = "cost (processor seconds)",
) -> Figure:
    """Regret against cost: means, and the band that holds 80 % of the first one's runs.

    Args:
      curves: name -> ``costs``, ``mean``, ``low``, ``high``, None where there is no
        cell yet.
      exact: costs and regret of what a formula says, drawn as rings.
      xlabel: what the cost is.
    """
    with plot_style():
        fig, axes = figure(size=(7.0, 3.6))
        ax = axes[0, 0]
        for name, curve in curves.items():
            colour, dash = plot_look(name)
            shade = 0.18 if name == next(iter(curves)) else 0
            _cost_band(ax, curve, name, colour, dash, shade)
        if exact is not None:
            ax.plot(*map(np.asarray, exact), "o", color=INK, mfc="none", ms=5)
        ax.set_xscale("log")
        ax.set_ylim(0)
        ax.margins(x=0)
        ax.set_xlabel(xlabel)
        ax.set_ylabel("regret (points)")
        name_inside(ax)
    return fig


def regret_against_cost(record: Json) -> Figure:
    """A panel for each weight-sharing search, and one for the rivals, on one scale.

    A search's thin lines are seeds, its thick line is their mean, from its first epoch
    on. The grey band in its panel is random search. The axis ends where 95 % of all
    values of searches lie. It needs a record with one clock.
    """
    best = record["table"]["best"]
    first = record["rivals"][0]["table"]
    rivals = {r["rival"]: r["regret"] for r in record["rivals"] if r["table"] == first}
    several = len({arm["objective"] for arm in record["arms"]}) > 1
    objective, columns = "\n{}" if several else "", 4
    rows = -(-(len(record["arms"]) + 1) // columns)
    with plot_style():
        fig, axes = figure(
            rows, columns, (7.4, 1.75 * rows + 0.2), sharex=True, sharey=True
        )
        panels = axes.ravel()
        for ax, arm in zip(panels, record["arms"], strict=False):
            _cost_band(ax, rivals["random search"], "_random", MUTED, DASHES[1])
            regret = best - np.array(arm["test"])[:, 1:]
            cost, colour = arm["cost"][1:], colour_of(arm["method"])
            ax.plot(cost, regret.T, color=colour, linewidth=0.6, alpha=0.5)
            ax.plot(cost, regret.mean(axis=0), color=colour, linewidth=2.4)
            ax.set_title(arm["method"] + objective.format(arm["objective"]), **_TITLE)
        last = panels[len(record["arms"])]
        for name, curve in rivals.items():
            _cost_band(last, curve, name, *plot_look(name), alpha=0)
        last.set_title("rivals", **_TITLE)
        for ax in panels[len(record["arms"]) + 1 :]:
            ax.set_axis_off()
        seen = [best - np.array(arm["test"])[:, 1:].ravel() for arm in record["arms"]]
        panels[0].set_ylim(0, np.quantile(np.concatenate(seen), 0.95))
        panels[0].set_xscale("log")
        fig.supxlabel("cost (processor seconds on one core)", fontsize=9.5)
        fig.supylabel("regret (points)", fontsize=9.5)
        name_outside(fig, last, "upper")
    return fig


def ends(
    record: Json,
    published: Mapping[str, tuple[float, float | None]] | None = None,
    lowest: float | None = None,
    xlabel: str = "true test accuracy of the cell found (%)",
) -> Figure:
    """What every search and rival ended with, one row each.

    A dot is a seed of a search; of a rival the bar holds 80 % of its repetitions. In a
    record with one clock the bar under a search is random search at the same cost.

    Args:
      record: a comparison.
      published: row name -> printed mean and standard deviation, or None for it.
      lowest: where the axis begins. What lies below it is written at its left end: how
        many seeds, and a published mean.
      xlabel: what the accuracy is.
    """
    rows = [(f"{a['method']}, {a['objective']}", a) for a in record["arms"]]
    first = record["rivals"][0]["table"]
    shown = [r for r in record["rivals"] if r["table"] == first]
    rows += [(r["rival"], r) for r in shown]
    with plot_style():
        fig, axes = figure(size=(7.2, 0.9 + 0.36 * len(rows)))
        ax = axes[0, 0]
        for y, (label, row) in enumerate(rows):
            ax.axhline(y, color=RULE, linewidth=0.8, zorder=0)
            if "method" in row:
                values = np.array([series[-1] for series in row["test"]])
                colour = colour_of(row["method"])
                ax.plot(values, np.full(len(values), y), "o", color=colour, **_DOT)
                arm = f"{row['method']} {row['objective']}"
                drawn = shown[0]["at_cost_of"].get(arm)
                below = int((values < (lowest or -np.inf)).sum())
                if below:
                    ax.annotate(
                        f"◁ ● {below} of {len(values)}", (0, y - 0.22), (3, 0),
                        xycoords=("axes fraction", "data"), va="center",
                        textcoords="offset points", color=colour, fontsize=8,
                    )  # fmt: skip
                if record["one_clock"] and drawn:
                    half = drawn["sd"]
                    ax.errorbar(drawn["mean"], y + 0.28, xerr=half, fmt="^", **_SMALL)
            else:
                values = np.array(row["test"])
                low, high = np.quantile(values, [0.1, 0.9])
                ax.plot([low, high], [y, y], color=colour_of(label), lw=5, alpha=0.5)
            ax.plot([values.mean()], [y], "|", color=INK, ms=13, mew=2)
            if published and label in published:
                mean, sd = published[label]
                if lowest is not None and mean < lowest:
                    ax.annotate(
                        f"◁ ◇ {mean:.2f}", (0, y + 0.28), (3, 0), va="center",
                        xycoords=("axes fraction", "data"),
                        textcoords="offset points", color=MUTED, fontsize=8,
                    )  # fmt: skip
                else:
                    ax.errorbar(mean, y + 0.28, xerr=sd, fmt="D", **_SMALL)
            ax.annotate(
                f"{values.mean():.2f}", (1, y), (6, 0), va="center",
                xycoords=("axes fraction", "data"), textcoords="offset points",
            )  # fmt: skip
        best = record["table"]["best"]
        ax.axvline(best, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        ax.set_yticks(range(len(rows)), [label for label, _ in rows])
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        if lowest is not None:
            ax.set_xlim(lowest, best + 0.05 * (best - lowest))
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(xlabel)
        key = f"● one seed   ┃ mean   ▬ 80 % of repetitions   ┆ best cell {best:.2f}"
        key += "   △ random search, same cost" if record["one_clock"] else ""
        key += "   ◇ published ± sd" if published else ""
        ax.set_title(key, fontsize=8, fontweight="normal", color=MUTED)
    return fig


_TITLE: dict[str, Any] = {"fontsize": 8.5}
_DOT: dict[str, Any] = {"alpha": 0.55, "markersize": 6, "markeredgewidth": 0}
_SMALL: dict[str, Any] = {
    "color": MUTED, "markerfacecolor": PAPER, "markersize": 4.5, "elinewidth": 1,
}  # fmt: skip


def _cost_band(
    ax: Axes, curve: Json, label: str, colour: str, dash: Any, alpha: float = 0.18
) -> None:
    """A mean over cost and its band; costs without a cell are left out."""
    mean, low, high = (
        seeds_by_epochs([curve[key]])[0] for key in ("mean", "low", "high")
    )
    costs = np.array(curve["costs"])
    if alpha:
        ax.fill_between(costs, low, high, color=colour, alpha=alpha, linewidth=0)
    ax.plot(costs, mean, color=colour, linestyle=dash, label=label)


def name_inside(ax: Axes) -> None:
    """A legend inside: the right ends of these lines lie too close for names."""
    ax.legend(frameon=False, fontsize=8, handlelength=2.2, loc="upper right")


def name_outside(fig: Figure, ax: Axes, where: str = "lower") -> None:
    """One legend for all panels, below or ("upper") above them."""
    handles, labels = ax.get_legend_handles_labels()
    place: Any = f"outside {where} center"
    fig.legend(handles, labels, loc=place, ncols=len(labels), frameon=False)
