"""The figures of chapters 12 to 14: training alone, published costs, what a step costs.

Every function takes plain numbers or records and returns a Figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.errors import InputError
from gaea_mini.show.plots import DASHES, figure, name_lines, plot_style, seeds_by_epochs
from gaea_mini.show.records import Json
from gaea_mini.show.scale_tables import printed_errors
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, RULE, method_colour

LINES = (METHOD_COLOURS["gaea-darts"], METHOD_COLOURS["darts"], *("#0072B2", "#CC79A7"))
GRAPH = (METHOD_COLOURS["gaea-darts"], METHOD_COLOURS["darts"])


def over_epochs(
    panels: Mapping[str, Mapping[str, ArrayLike]], xlabel: str = "epoch"
) -> Figure:
    """Curves over epochs, one panel for each title; a line is named at its end.

    Args:
      panels: title -> label -> one number for each epoch.
    """
    with plot_style():
        fig, axes = figure(1, len(panels), (7.0, 2.9))
        for ax, (title, curves) in zip(axes[0], panels.items(), strict=True):
            looks = zip(LINES, DASHES, curves.items(), strict=False)
            for colour, dash, (label, curve) in looks:
                ax.plot(np.asarray(curve), color=colour, linestyle=dash, label=label)
            ax.set_ylim(0, None)
            ax.margins(x=0)
            ax.set_title(title)
            ax.set_xlabel(xlabel)
            name_lines(ax)
    return fig


def pictures(rows: Mapping[str, ArrayLike]) -> Figure:
    """Rows of pictures, each with its name at the left.

    Args:
      rows: name -> (n, H, W, C); drawn from the smallest to the largest number in it.
    """
    stacks = {name: np.asarray(stack, float) for name, stack in rows.items()}
    columns = len(next(iter(stacks.values())))
    with plot_style():
        size = (6.4, 0.2 + 0.8 * len(stacks))
        fig, axes = figure(len(stacks), columns, size)
        for line, (name, stack) in zip(axes, stacks.items(), strict=True):
            low, high = stack.min(), stack.max()
            for ax, picture in zip(line, stack, strict=True):
                shade = (picture - low) / (high - low or 1.0)
                shown = shade[..., 0] if shade.shape[-1] == 1 else shade
                ax.imshow(shown, cmap="gray", vmin=0, vmax=1)
                ax.set_xticks([])
                ax.set_yticks([])
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
    return fig


def trainings(groups: Mapping[str, Sequence[Json]]) -> Figure:
    """Training loss and test accuracy over epochs, a thin line a seed, a thick mean.

    Args:
      groups: name of a cell -> its trainings, one a seed, as ``train_alone`` records
        them. An epoch at which nothing was measured leaves a gap.
    """
    panels = {"loss": "training loss", "test": "test accuracy (%)"}
    with plot_style():
        fig, axes = figure(1, 2, (7.0, 3.1))
        for ax, (key, title) in zip(axes[0], panels.items(), strict=True):
            for colour, dash, (name, runs) in zip(
                GRAPH, DASHES, groups.items(), strict=False
            ):
                values = seeds_by_epochs([run[key] for run in runs])
                epochs = np.arange(1, values.shape[1] + 1)
                look = {"color": colour, "linestyle": dash}
                for seed in values:
                    ax.plot(epochs, seed, linewidth=0.8, alpha=0.45, label="_", **look)
                ax.plot(epochs, values.mean(axis=0), linewidth=2.4, label=name, **look)
            ax.set_title(title)
            ax.set_xlabel("epoch")
            name_lines(ax)
    return fig


def error_against_cost(published: Json) -> Figure:
    """Published test error against the GPU-days of one search, on two data sets.

    Args:
      published: from ``published.json``.
    """
    with plot_style():
        fig, axes = figure(2, 1, (7.0, 6.2), sharex=True)
        panels = zip(axes[:, 0], printed_errors(published).items(), strict=True)
        for ax, (title, rows) in panels:
            points = []
            for row in rows:
                alone = row["mean"] is None  # only the best run is printed
                error = row["best"] if alone else row["mean"]
                shares = row["shares_weights"]
                colour = method_colour(row["method"])
                if "GAEA" not in row["method"]:
                    colour = METHOD_COLOURS["projected" if shares else "darts"]
                ax.errorbar(
                    row["gpu_days"],
                    error,
                    yerr=row["sd"],
                    fmt="v" if alone else ("o" if shares else "s"),
                    color=colour,
                    markerfacecolor="white" if row["other_space"] else colour,
                    markersize=6.5,
                    elinewidth=1,
                )
                points.append((row["gpu_days"], error, row["method"]))
            ax.set_xscale("log")
            ax.set_xlim(0.006, 60000)
            ax.margins(y=0.14)
            ax.set_title(f"{title}, test error (%), as published")
            ax.grid(axis="y", color=RULE, linewidth=0.7)
            name_points(ax, points)
        axes[1, 0].set_xlabel("GPU-days of one search")
        key = "● weight sharing   ■ without   ▼ best run only   hollow: another space"
        fig.suptitle(key, fontsize=8.5, color=MUTED)
    return fig


def name_points(ax: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write a name beside each point, in the first place where nothing is written yet.

    Of the two orders of the points the one is taken that leaves names nearer to them.

    Args:
      points: (x, y, name), in data units; the limits of the axes must be final.
    """
    page: Any = ax.figure
    page.draw_without_rendering()
    unit = page.dpi / 72  # pixels a point
    frame = ax.get_window_extent().intervalx / unit
    spots = {
        (x, y, name): ax.transData.transform((x, y)) / unit for x, y, name in points
    }
    pairs = list(spots.items())
    orders = [_places(order, frame) for order in (pairs, pairs[::-1])]
    best = min(orders, key=lambda order: sum(abs(dx) + abs(dy) for _, dx, dy in order))
    for (x, y, name), dx, dy in best:
        ax.annotate(
            name,
            (x, y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha={1: "left", -1: "right", 0: "center"}[int(np.sign(dx))],
            va="center",
            fontsize=8.5,
            color=INK,
        )


def _places(spots: Sequence[tuple[Any, Any]], frame: ArrayLike) -> list[Any]:
    """For each (point, its place on the page) the point, and where its name goes."""
    left_end, right_end = np.asarray(frame)
    taken = [np.array([*(dot - 5), *(dot + 5)]) for _, dot in spots]
    ways = [(9, 0), (-9, 0), (0, 11), (0, -11)]
    ways += [(dx, s * d) for dx in (9, -9) for d in (9, 18, 27) for s in (1, -1)]
    found = []
    for point, dot in spots:
        for dx, dy in ways:
            wide = 5.2 * len(point[2])
            left = dot[0] + dx - wide * (1 - np.sign(dx)) / 2
            box = np.array([left, dot[1] + dy - 6, left + wide, dot[1] + dy + 6])
            inside = left_end < left and left + wide < right_end
            if inside and not any(overlap(box, other) for other in taken):
                break
        taken.append(box)
        found.append((point, dx, dy))
    return found


def overlap(a: ArrayLike, b: ArrayLike) -> bool:
    """Whether two boxes (left, bottom, right, top) share a point inside.

    >>> overlap((0, 0, 2, 2), (1, 1, 3, 3)), overlap((0, 0, 2, 2), (2, 0, 3, 1))
    (True, False)
    """
    one, other = np.asarray(a), np.asarray(b)
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return bool((low < high).all())


def with_spread(
    rows: Mapping[str, tuple[float, float]],
    line: tuple[str, float, float] | None = None,
    xlabel: str = "test error (%)",
) -> Figure:
    """One row for each mean and its standard deviation, and a line to compare with.

    Args:
      rows: name -> (mean, sd).
      line: (name, mean, sd), drawn as a line with a band.
    """
    if not rows:
        raise InputError("no rows: give at least one mean and its spread")
    with plot_style():
        fig, axes = figure(size=(6.4, 1.0 + 0.42 * len(rows)))
        ax = axes[0, 0]
        if line is not None:
            name, mean, sd = line
            ax.axvspan(mean - sd, mean + sd, color=MUTED, alpha=0.15, linewidth=0)
            ax.axvline(mean, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.annotate(
                f"{name} {mean:.2f} ± {sd:.2f}",
                (mean, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                color=MUTED,
            )
        for place, (name, (mean, sd)) in enumerate(rows.items()):
            colour = method_colour(name)
            ax.errorbar(mean, place, xerr=sd, fmt="o", color=colour, markersize=7)
        ax.set_yticks(range(len(rows)), list(rows))
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(xlabel)
    return fig


def bars(groups: Mapping[str, Mapping[str, float]], xlabel: str) -> Figure:
    """What a whole is made of: one bar for each whole, its parts side by side.

    Args:
      groups: whole -> part -> size; every whole has the same parts, in their order.
    """
    colours = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#8C939C")
    with plot_style():
        fig, axes = figure(size=(7.0, 1.5 + 0.55 * len(groups)))
        ax = axes[0, 0]
        for row, parts in enumerate(groups.values()):
            left = 0.0
            for colour, (part, size) in zip(colours, parts.items(), strict=False):
                name = part if row == 0 else "_"
                look: dict[str, Any] = {"color": colour, "edgecolor": "white"}
                ax.barh(row, size, left=left, height=0.62, label=name, **look)
                if size >= 5:
                    ink = "white" if colour in ("#0072B2", "#009E73") else INK
                    at = (left + size / 2, row)
                    ax.annotate(f"{size:.0f}", at, ha="center", va="center", color=ink)
                left += size
        ax.set_yticks(range(len(groups)), list(groups))
        ax.set_ylim(len(groups) - 0.5, -0.5)
        ax.set_xlabel(xlabel)
        ax.margins(x=0)
        fig.legend(
            *ax.get_legend_handles_labels(),
            loc="outside upper center",
            ncols=6,
            frameon=False,
            handlelength=1,
            columnspacing=1.2,
            fontsize=8.5,
        )
    return fig


def scaling(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]], ylabel: str
) -> Figure:
    """Measured dots and the line of a model, against one size in each panel.

    Args:
      panels: name of the size -> (sizes, measured, by the model).
    """
    with plot_style():
        fig, axes = figure(1, len(panels), (7.0, 2.7), sharey=True)
        for ax, (name, (sizes, seen, line)) in zip(
            axes[0], panels.items(), strict=True
        ):
            x = np.asarray(sizes, float)
            ax.plot(x, line, color=MUTED, linestyle=DASHES[1], label="model")
            ax.plot(x, seen, "o", color=LINES[2], label="measured")
            ax.set_xlabel(name)
            ax.set_xticks(x, [f"{size:g}" for size in x])
            ax.set_xlim(0, 1.08 * x.max())
            ax.grid(axis="y", color=RULE, linewidth=0.7)
        highest = max(np.max(curve) for panel in panels.values() for curve in panel[1:])
        axes[0, 0].set_ylim(0, 1.1 * highest)  # shared by all panels
        axes[0, 0].set_ylabel(ylabel)
        axes[0, 0].legend(frameon=False, loc="upper left")
    return fig


def predicted(rows: Mapping[str, tuple[float, float, bool]], band: float) -> Figure:
    """Predicted against measured seconds, with a band around equality.

    Args:
      rows: name -> (measured, predicted, whether it was held out of the fit).
      band: as a part of the measured value, such as 0.2.
    """
    with plot_style():
        fig, axes = figure(size=(5.4, 4.0))
        ax = axes[0, 0]
        times = [t for row in rows.values() for t in row[:2]]
        ends = np.array([0.7 * min(times), 1.5 * max(times)])
        ax.fill_between(
            ends,
            (1 - band) * ends,
            (1 + band) * ends,
            color=MUTED,
            alpha=0.15,
            linewidth=0,
        )
        ax.plot(ends, ends, color=MUTED, linestyle=DASHES[1], linewidth=1)
        named = []
        for name, (seen, said, apart) in rows.items():
            look = {"color": LINES[0] if apart else LINES[2], "markersize": 8}
            ax.plot(seen, said, "D" if apart else "o", **look)
            if apart:
                named.append((seen, said, name))
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(*ends)
        ax.set_ylim(*ends)
        ax.set_xlabel("measured seconds a step")
        ax.set_ylabel("predicted")
        ax.set_title(
            "● fitted   ◆ held out", fontsize=8.5, fontweight="normal", color=MUTED
        )
        name_points(ax, named)
    return fig
