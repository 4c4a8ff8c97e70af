"""The figures of chapters 2 and 3: divergences, bounds, valleys, stationarity.

Every function takes plain arrays and returns a matplotlib Figure. What belongs to the
negative entropy looks like EG in chapter 1, what belongs to the squared length like
projected gradient descent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.show.plots import DASHES, figure, plot_style
from gaea_mini.show.simplex_plots import ARM_LOOK, CORNERS, legend_above, on_triangle
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, RULE
from gaea_mini.simplex.mirror import ENTROPY, EUCLID, bregman
from gaea_mini.simplex.stationary import Valleys

MAP_LOOK: dict[str, dict[str, Any]] = {
    ENTROPY.name: ARM_LOOK["EG"],
    EUCLID.name: ARM_LOOK["projected GD"],
}
# For what is neither of the two: kinds of gradients, runs, problems.
_LOOKS: list[dict[str, Any]] = [
    {"color": INK, "marker": "o", "linestyle": "-"},
    {"color": METHOD_COLOURS["random"], "marker": "s", "linestyle": (0, (5, 2))},
    {"color": METHOD_COLOURS["softmax"], "marker": "^", "linestyle": (0, (1, 1.5))},
    {"color": MUTED, "marker": "D", "linestyle": (0, (6, 2, 1, 2))},
]


def equal_divergence(
    centres: ArrayLike, level: float, corners: Sequence[str] = ("1", "2", "3")
) -> Figure:
    """All points of a triangle whose divergence from a centre is one number.

    Args:
        centres: (N, 3) weights above 0; each gets a closed line in both panels.
        level: the divergence.
        corners: three names; the first two stand at the bottom.
    """
    rows = np.asarray(centres, dtype=np.float64)
    a, b = np.meshgrid(np.linspace(0, 1, 401), np.linspace(0, 1, 401))
    grid = np.stack([a * (1 - b), a * b, 1 - a], axis=-1)  # covers the triangle
    x, y = np.moveaxis(on_triangle(grid), -1, 0)
    with plot_style():
        fig, axes = figure(1, 2, (6.0, 2.9))
        for ax, phi in zip(axes[0], (EUCLID, ENTROPY), strict=True):
            look = MAP_LOOK[phi.name]
            ax.fill(*CORNERS.T, facecolor="#F4F6F8", edgecolor=MUTED, linewidth=0.8)
            for row in rows:
                far = bregman(grid, np.broadcast_to(row, grid.shape), phi)
                ax.contour(x, y, far, [level], colors=[look["color"]], linewidths=1.8)
                ax.plot(*on_triangle(row), ".", color=INK, markersize=7)
            for name, spot, dy in zip(corners, CORNERS, (-13, -13, 6), strict=True):
                ax.annotate(
                    name, spot, (0, dy), textcoords="offset points", ha="center"
                )
            ax.set_title(phi.name, color=look["color"])
            ax.set_aspect("equal")
            ax.set_axis_off()
            ax.set_xlim(-0.12, 1.12)
            ax.set_ylim(-0.14, 1.0)
    return fig


def bound_ratios(
    dims: Sequence[int],
    panels: Mapping[str, Mapping[str, ArrayLike]],
    others: Mapping[str, ArrayLike] | None = None,
) -> Figure:
    """What was measured as a part of its bound, over dimension, a panel for each map.

    Args:
        dims: K dimensions.
        panels: title -> name of the gradients -> (K, S) ratios. The line is the median
            over S seeds, the band runs from the smallest to the largest.
        others: title -> (K,) another bound as a part of this panel's own, in grey.
    """
    with plot_style():
        fig, axes = figure(1, len(panels), (6.0, 3.2), sharey=True)
        x = np.asarray(dims)
        for ax, (title, lines) in zip(axes[0], panels.items(), strict=True):
            for (name, raw), look in zip(lines.items(), _LOOKS, strict=False):
                low, middle, high = np.quantile(np.asarray(raw), [0, 0.5, 1], axis=1)
                ax.fill_between(
                    x, low, high, color=look["color"], alpha=0.18, linewidth=0
                )
                ax.plot(x, middle, markersize=5, label=name, **look)
            ax.axhline(1, color=INK, linewidth=1)
            ax.annotate(
                "the bound", (x[-1], 1), (0, 4), textcoords="offset points", ha="right"
            )
            if others and title in others:
                other = np.asarray(others[title])
                ax.plot(x, other, color=MUTED, linestyle=(0, (3, 3)), linewidth=1.2)
                ax.annotate(
                    "EG's bound",
                    (x[len(x) // 2], other[len(x) // 2]),
                    (6, 6),
                    textcoords="offset points",
                    color=MUTED,
                )
            ax.set_xscale("log", base=2)
            ax.set_xticks(x, [str(k) for k in dims])
            ax.minorticks_off()
            ax.set_ylim(0, 1.2)
            ax.grid(axis="y", color=RULE, linewidth=0.7)
            ax.set_title(title)
            ax.set_xlabel("number of weights k")
        axes[0, 0].set_ylabel("measured / bound")
        legend_above(fig, axes[0, 0])
    return fig


def valley_paths(
    problem: Valleys, paths: Mapping[str, tuple[ArrayLike, ArrayLike]], every: int = 25
) -> Figure:
    """Height lines of a loss with two operations, and paths from one start.

    Args:
        problem: ``Valleys`` with two centres.
        paths: name -> (w of shape (T + 1,), theta of shape (T + 1, 2)).
        every: a marker stands at every so many steps.
    """
    w, share = np.meshgrid(np.linspace(-3.2, 3.2, 161), np.linspace(0, 1, 101))
    height = problem.value(w.ravel(), np.stack([1 - share, share], -1).reshape(-1, 2))
    with plot_style():
        fig, axes = figure(size=(6.0, 3.3))
        ax = axes[0, 0]
        levels = np.arange(0, 1.01, 0.1)
        ax.contourf(
            w, share, height.reshape(w.shape), levels, cmap="Greys_r", alpha=0.5
        )
        lines = ax.contour(
            w, share, height.reshape(w.shape), levels, colors=MUTED, linewidths=0.7
        )
        ax.clabel(lines, lines.levels[1::2], fontsize=7.5, fmt="%.1f")
        for (name, (x, theta)), look in zip(paths.items(), _LOOKS, strict=False):
            ax.plot(
                np.asarray(x),
                np.asarray(theta)[:, 1],
                label=name,
                markevery=every,
                markersize=4.5,
                **look,
            )
        ax.plot(
            [np.asarray(next(iter(paths.values()))[0])[0]], [0.5], "o", color=INK, ms=7
        )
        ax.set_ylim(-0.02, 1.02)
        ax.set_xlabel("shared weight w")
        ax.set_ylabel("weight of operation 2")
        legend_above(fig, ax)
    return fig


def stationarity_rate(
    steps: Sequence[int],
    measured: Mapping[str, tuple[ArrayLike, ArrayLike]],
    bounds: Mapping[str, ArrayLike],
) -> Figure:
    """Mean stationarity against the number of steps, below its bounds.

    Args:
        steps: N numbers of steps T.
        measured: name -> (mean of shape (N,), its standard error of shape (N,)).
        bounds: name -> (N,).
    """
    with plot_style():
        fig, axes = figure(size=(6.0, 3.3))
        ax, x = axes[0, 0], np.asarray(steps)
        for (name, values), dash in zip(bounds.items(), DASHES, strict=False):
            ax.plot(x, np.asarray(values), color=MUTED, linestyle=dash, label=name)
        for (name, (mean, error)), look in zip(measured.items(), _LOOKS, strict=False):
            middle, half = np.asarray(mean), 2 * np.asarray(error)
            ax.fill_between(
                x, middle - half, middle + half, color=look["color"], alpha=0.18, lw=0
            )
            ax.plot(x, middle, label=name, markersize=5.5, **look)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.set_xlabel("number of steps T")
        ax.set_ylabel("mean of Δ")
        legend_above(fig, ax)
    return fig


def lines_over(
    x: ArrayLike,
    lines: Mapping[str, ArrayLike],
    xlabel: str,
    ylabel: str,
    level: tuple[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """Named lines over one quantity, with a level that they are compared with.

    Args:
        x: (N,).
        lines: name -> (N,).
        xlabel: name of the quantity.
        ylabel: what the lines show.
        level: a name and a height, drawn as a thin line.
        log: both axes logarithmic.
    """
    across = np.asarray(x)
    with plot_style():
        fig, axes = figure(size=(6.0, 2.8))
        ax = axes[0, 0]
        for (name, values), look in zip(lines.items(), _LOOKS, strict=False):
            chosen = MAP_LOOK.get(name, look)
            spacing = max(1, len(across) // 8)
            ax.plot(
                across,
                np.asarray(values),
                label=name,
                markevery=spacing,
                markersize=5,
                **chosen,
            )
        if level:
            ax.axhline(level[1], color=INK, linewidth=1)
            ax.annotate(
                level[0], (across[0], level[1]), (2, 4), textcoords="offset points"
            )
        if log:
            ax.set_xscale("log")
            ax.set_yscale("log")
        ax.margins(x=0)
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        legend_above(fig, ax)
    return fig
