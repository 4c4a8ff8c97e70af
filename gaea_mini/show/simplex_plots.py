"""The figures of chapter 1: paths on a triangle, and how steps grow with dimension.

Every function takes plain arrays, keyed by the name of an arm, and returns a
matplotlib Figure. An arm has one colour, one dash and one marker in all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gaea_mini.show.plots import figure, plot_style
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, RULE

ARM_LOOK: dict[str, dict[str, Any]] = {
    "EG": {"color": METHOD_COLOURS["gaea-darts"], "marker": "o", "linestyle": "-"},
    "projected GD": {
        "color": METHOD_COLOURS["projected"],
        "marker": "s",
        "linestyle": (0, (5, 2)),
    },
    "plain GD": {
        "color": METHOD_COLOURS["darts"],
        "marker": "^",
        "linestyle": (0, (1, 1.5)),
    },
    "softmax GD": {
        "color": METHOD_COLOURS["softmax"],
        "marker": "D",
        "linestyle": (0, (6, 2, 1, 2)),
    },
}
_PLAIN: dict[str, Any] = {"color": INK, "marker": "o", "linestyle": "-"}

# The corners of a triangle with sides of length 1, for weights (theta_1, 2, 3).
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])


def on_triangle(points: ArrayLike) -> NDArray[np.float64]:
    """Place weights of three operations on a triangle, shape (..., 3) to (..., 2).

    A point whose weights do not sum to 1 is first moved straight onto the plane of
    those that do, so that a path which leaves the simplex can be drawn too.

    >>> on_triangle([[1, 0, 0], [0, 1, 0]]).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    rows = np.asarray(points, dtype=np.float64)
    rows = rows + (1 - rows.sum(axis=-1, keepdims=True)) / 3
    return rows @ CORNERS


def draw_triangle(ax: Axes, corners: Sequence[str]) -> None:
    """Draw the triangle of three operations, its centre marked as the start.

    Args:
        corners: three names, one per corner; the first two stand at the bottom.
    """
    ax.fill(*CORNERS.T, facecolor="#F4F6F8", edgecolor=MUTED, linewidth=0.8)
    x, y = on_triangle(np.full(3, 1 / 3))
    ax.plot(x, y, "o", color=INK, markersize=6, zorder=5)
    ax.annotate("start", (x, y), (7, 5), textcoords="offset points")
    for name, spot, dy in zip(corners, CORNERS, (-13, -13, 6), strict=True):
        ax.annotate(name, spot, (0, dy), textcoords="offset points", ha="center")
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_xlim(-0.15, 1.15)
    ax.set_ylim(-0.3, 1.0)


def triangle_paths(
    points: Mapping[str, ArrayLike],
    gaps: Mapping[str, ArrayLike],
    corners: Sequence[str],
    every: int = 20,
    bottom: float = 1e-4,
) -> Figure:
    """Paths on the triangle of three operations, and their gaps over steps.

    Args:
        points: arm -> (T + 1, 3), where its gradients were taken.
        gaps: arm -> (T + 1,), loss above the best loss.
        corners: three names, one per corner; the first two stand at the bottom.
        every: a marker stands at every so many steps.
        bottom: the smallest gap shown. A gap of exactly 0 ends its line.
    """
    with plot_style():
        fig, axes = figure(1, 2, (6.0, 3.1), width_ratios=[1.15, 1])
        left, right = axes[0]
        draw_triangle(left, corners)
        for arm, path in points.items():
            x, y = on_triangle(path).T
            left.plot(x, y, markevery=every, markersize=4.5, **_look(arm))
            inside = np.asarray(gaps[arm]) > 0
            right.plot(
                np.flatnonzero(inside),
                np.asarray(gaps[arm])[inside],
                markevery=every,
                markersize=4.5,
                label=arm,
                **_look(arm),
            )
        left.set_title("weights of three operations")
        right.set_yscale("log")
        right.set_ylim(bottom, 1)
        right.grid(axis="y", color=RULE, linewidth=0.7)
        right.set_xlabel("step")
        right.set_title("loss above the best")
        legend_above(fig, right)
    return fig


def steps_by_dimension(
    dims: Sequence[int],
    panels: Mapping[str, Mapping[str, ArrayLike]],
    ylabel: str = "steps",
) -> Figure:
    """Steps against dimension on two logarithmic axes, one panel for each setting.

    Args:
        dims: K dimensions.
        panels: title -> arm -> (K, S) counts over seeds, infinite where the run never
            arrived. The line is the median, the band runs from the fastest to the
            slowest seed; a dimension that some seed missed is left out of both.
    """
    with plot_style():
        fig, axes = figure(1, len(panels), (6.0, 3.3), sharey=True)
        x = np.asarray(dims)
        for ax, (title, arms) in zip(axes[0], panels.items(), strict=True):
            for arm, raw in arms.items():
                counts = np.asarray(raw, dtype=np.float64).reshape(len(x), -1)
                whole = np.isfinite(counts).all(axis=1)
                low, middle, high = np.quantile(counts[whole], [0, 0.5, 1], axis=1)
                look = _look(arm)
                ax.fill_between(
                    x[whole], low, high, color=look["color"], alpha=0.18, linewidth=0
                )
                ax.plot(x[whole], middle, markersize=5, label=arm, **look)
            ax.set_xscale("log", base=2)
            ax.set_yscale("log")
            ax.set_xticks(x, [str(k) for k in dims])
            ax.minorticks_off()
            ax.grid(axis="y", color=RULE, linewidth=0.7)
            ax.set_title(title)
            ax.set_xlabel("number of weights k")
        axes[0, 0].set_ylabel(ylabel)
        legend_above(fig, axes[0, 0])
    return fig


def gap_bands(
    curves: Mapping[str, ArrayLike], bottom: float, ylabel: str = "loss above the best"
) -> Figure:
    """Gap over steps on a logarithmic axis, a line and a band for each arm.

    Args:
        curves: arm -> (S, T + 1). The line is the median over S seeds, the band runs
            from the smallest to the largest.
        bottom: the smallest gap shown; anything below is drawn there.
    """
    with plot_style():
        fig, axes = figure(size=(6.0, 3.0))
        ax = axes[0, 0]
        for arm, raw in curves.items():
            values = np.maximum(np.asarray(raw, dtype=np.float64), bottom)
            low, middle, high = np.quantile(values, [0, 0.5, 1], axis=0)
            step, look = np.arange(len(middle)), _look(arm)
            ax.fill_between(
                step, low, high, color=look["color"], alpha=0.18, linewidth=0
            )
            spacing = max(1, len(middle) // 8)
            ax.plot(step, middle, markevery=spacing, markersize=5, label=arm, **look)
        ax.set_yscale("log")
        ax.set_ylim(bottom, None)
        ax.margins(x=0)
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.set_xlabel("step")
        ax.set_ylabel(ylabel)
        legend_above(fig, ax)
    return fig


def weight_over_steps(
    lines: Mapping[str, ArrayLike],
    marks: Mapping[str, int] | None = None,
    ylabel: str = "weight",
) -> Figure:
    """One weight between 0 and 1 over steps, a named line for each variant.

    Args:
        lines: name -> (T + 1,) weights, at most three.
        marks: text -> step at which a vertical line stands, the text to its right.
    """
    looks: list[dict[str, Any]] = [
        {"color": MUTED, "marker": "^", "linestyle": (0, (1, 1.5))},
        {"color": INK, "marker": "s", "linestyle": (0, (5, 2))},
        ARM_LOOK["EG"],
    ]
    with plot_style():
        fig, axes = figure(size=(6.0, 2.7))
        ax = axes[0, 0]
        for (name, values), look in zip(lines.items(), looks, strict=False):
            spacing = max(1, len(np.asarray(values)) // 8)
            ax.plot(values, label=name, markevery=spacing, markersize=5, **look)
        for text, step in (marks or {}).items():
            ax.axvline(step, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.annotate(
                text,
                (step, 0.5),
                (6, 0),
                textcoords="offset points",
                ha="left",
                color=MUTED,
            )
        ax.set_ylim(-0.03, 1.05)
        ax.margins(x=0)
        ax.set_xlabel("step")
        ax.set_ylabel(ylabel)
        legend_above(fig, ax)
    return fig


def _look(arm: str) -> dict[str, Any]:
    return ARM_LOOK.get(arm, _PLAIN)


def legend_above(fig: Figure, ax: Axes) -> None:
    """Name the lines of one panel in a row above all panels."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=len(labels),
        frameon=False,
        handlelength=2.4,
        columnspacing=1.2,
    )
