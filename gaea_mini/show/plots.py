"""Plots of recorded searches over epochs and over seeds, in one style.

Every function takes plain numbers, returns a matplotlib Figure and changes no global
setting. Curves of several seeds are shown as their mean with a band.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gaea_mini.errors import InputError
from gaea_mini.show.style import INK, MUTED, PLOT_STYLE, RULE, method_colour

Curves = Mapping[str, Sequence[Sequence[float | None]]]
DASHES: list[Any] = ["-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))]


def plot_style() -> AbstractContextManager[None]:
    """The book's plot settings, as a context: ``with plot_style(): ...``."""
    settings: Any = dict(PLOT_STYLE)
    return plt.rc_context(settings)


def figure(
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (7.0, 3.2),
    **kwargs: Any,
) -> tuple[Figure, NDArray[Any]]:
    """A new figure and its axes, (rows, columns), always as a 2-D array.

    The figure is not kept by pyplot, so a notebook shows it once: as the value of
    the cell.
    """
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **kwargs)
    plt.close(fig)
    return fig, axes


def seeds_by_epochs(curves: Sequence[Sequence[float | None]]) -> NDArray[np.float64]:
    """Curves of several seeds as one array, (S, T + 1), with NaN for None.

    Curves of different lengths are cut to the shortest.

    Raises:
        InputError: no curve.

    >>> seeds_by_epochs([[None, 1.0], [2.0, 3.0, 4.0]]).tolist()
    [[nan, 1.0], [2.0, 3.0]]
    """
    if not curves:
        raise InputError("no curves: give one list of numbers for each seed")
    length = min(len(curve) for curve in curves)
    return np.array(
        [[np.nan if y is None else y for y in curve[:length]] for curve in curves],
        dtype=float,
    )


def band(
    ax: Axes,
    curves: Sequence[Sequence[float | None]],
    label: str,
    colour: str,
    *,
    spread: str = "range",
    dash: Any = "-",
) -> None:
    """Draw the mean over seeds and a band around it, and name the line at its end.

    Args:
        curves: (S, T + 1), one list for each seed; None leaves a gap.
        spread: "range" (smallest to largest seed) or "sd" (one standard deviation
            to each side, with S - 1 in its denominator).

    Raises:
        InputError: another ``spread``, or no curves.
    """
    if spread not in ("range", "sd"):
        raise InputError(f'spread is {spread!r}: give "range" or "sd"')
    values = seeds_by_epochs(curves)
    epochs = np.arange(values.shape[1])
    # An initial state may have no loss or accuracy: a column without any number.
    known = ~np.all(np.isnan(values), axis=0)
    values, epochs = values[:, known], epochs[known]
    mean = np.nanmean(values, axis=0)
    if spread == "range":
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    else:
        sd = np.nanstd(values, axis=0, ddof=1) if len(values) > 1 else 0 * mean
        low, high = mean - sd, mean + sd
    ax.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.plot(epochs, mean, color=colour, linestyle=dash, label=label)


def name_lines(ax: Axes) -> None:
    """Write each labelled line's name at its right end, apart from one another."""
    lines = [
        line for line in ax.get_lines() if not str(line.get_label()).startswith("_")
    ]
    bottom, top = ax.get_ylim()
    height = ax.get_window_extent().height or 1.0
    gap = (top - bottom) * 13 * ax.figure.dpi / 72 / height
    lowest = -np.inf
    for line in sorted(lines, key=lambda line: float(np.asarray(line.get_ydata())[-1])):
        x = float(np.asarray(line.get_xdata())[-1])
        y = float(np.asarray(line.get_ydata())[-1])
        lowest = max(y, lowest + gap)
        ax.annotate(
            str(line.get_label()),
            (x, lowest),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            annotation_clip=False,
        ).set_in_layout(True)
        ax.plot([x], [y], "o", color=line.get_color(), markersize=4, clip_on=False)


def _colours(labels: Sequence[str], given: Mapping[str, str] | None) -> dict[str, str]:
    return {label: (given or {}).get(label, method_colour(label)) for label in labels}


def _dashes(colours: Mapping[str, str]) -> dict[str, Any]:
    """Two lines of one colour get different dashes."""
    seen: dict[str, int] = {}
    dashes = {}
    for label, colour in colours.items():
        dashes[label] = DASHES[seen.get(colour, 0) % len(DASHES)]
        seen[colour] = seen.get(colour, 0) + 1
    return dashes


def entropy_bands(
    groups: Curves,
    *,
    operations: int | None = None,
    published: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    spread: str = "range",
    colours: Mapping[str, str] | None = None,
    size: tuple[float, float] = (7.0, 3.2),
) -> Figure:
    """Entropy of theta over epochs: one line and one band for each method.

    Args:
        groups: label -> one list of entropies (nats) for each seed, e.g.
            ``{"darts": [run["entropy"] for run in runs]}``.
        operations: O; draws a dashed line at ln O, the entropy of the uniform theta.
        published: label -> (epoch, entropy) points of a published curve, drawn as
            hollow markers in the colour of the label.
        spread: "range" or "sd", see :func:`band`.
        colours: label -> colour; by default the colour of the method.

    >>> fig = entropy_bands({"darts": [[1.38, 1.30], [1.38, 1.35]]}, operations=4)
    >>> fig.axes[0].get_ylabel()
    'entropy of theta (nats)'
    """
    colour = _colours([*groups, *(published or {})], colours)
    dash = _dashes({label: colour[label] for label in groups})
    with plot_style():
        fig, axes = figure(size=size)
        ax = axes[0, 0]
        for label, curves in groups.items():
            band(ax, curves, label, colour[label], spread=spread, dash=dash[label])
        for label, points in (published or {}).items():
            x, y = zip(*points, strict=True)
            ax.plot(
                x,
                y,
                "D",
                color=colour[label],
                markerfacecolor="white",
                markersize=4.5,
                label="_published",
            )
        if published:
            ax.plot([], [], "D", color=MUTED, markerfacecolor="white", label="_")
            ax.annotate(
                "◇ published",
                (1, 0.02),
                xycoords="axes fraction",
                ha="right",
                color=MUTED,
            )
        if operations:
            uniform = float(np.log(operations))
            ax.axhline(uniform, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.annotate(
                f"uniform: ln {operations} = {uniform:.3f}",
                (0, uniform),
                xycoords=("axes fraction", "data"),
                xytext=(4, 3),
                textcoords="offset points",
                color=MUTED,
            )
        ax.set_ylim(0, None)
        ax.margins(x=0)
        ax.set_xlabel("epoch")
        ax.set_ylabel("entropy of theta (nats)")
        name_lines(ax)
    return fig


def accuracy_bands(
    before: Curves,
    after: Curves,
    *,
    spread: str = "range",
    colours: Mapping[str, str] | None = None,
    ylabel: str = "supernet accuracy (%)",
    size: tuple[float, float] = (7.0, 3.0),
) -> Figure:
    """Accuracy of the supernet before and after rounding, one panel for each method.

    Args:
        before: label -> one list of accuracies (percent) for each seed, the mixture.
        after: the same labels, after the argmax on every edge.
        spread: "range" or "sd", see :func:`band`.

    Raises:
        InputError: the two do not have the same labels.
    """
    if list(before) != list(after):
        raise InputError(
            f"labels before rounding {list(before)} and after rounding {list(after)} "
            "differ: give the same labels in the same order"
        )
    colour = _colours(list(before), colours)
    with plot_style():
        fig, axes = figure(1, len(before), size, sharey=True)
        for ax, label in zip(axes[0], before, strict=True):
            band(ax, before[label], "before", MUTED, spread=spread)
            band(
                ax, after[label], "after", colour[label], spread=spread, dash=DASHES[1]
            )
            ax.set_title(label)
            ax.set_xlabel("epoch")
            ax.margins(x=0)
        axes[0, 0].set_ylabel(ylabel)
        for ax in axes[0]:
            name_lines(ax)
    return fig


def final_dots(
    groups: Mapping[str, Sequence[float]],
    *,
    published: Mapping[str, tuple[float, float]] | None = None,
    optimum: float | None = None,
    xlabel: str = "true CIFAR-10 test accuracy of the found cell (%)",
    colours: Mapping[str, str] | None = None,
    show: Callable[[float, float], str] = "{:.2f} ± {:.2f}".format,
    size: tuple[float, float] | None = None,
) -> Figure:
    """One row for each method: every seed as a dot, their mean, the published value.

    Args:
        groups: label -> one number for each seed.
        published: label -> (mean, standard deviation), drawn as a hollow diamond
            with a bar under the dots.
        optimum: the best cell of the space, drawn as a line.
        show: writes mean and standard deviation at the right end of a row.

    Raises:
        InputError: a method without numbers.

    >>> fig = final_dots({"gaea(darts)": [93.3, 93.9, 94.1]}, optimum=94.37)
    >>> [text.get_text() for text in fig.axes[0].get_yticklabels()]
    ['gaea(darts)']
    """
    for label, raw in groups.items():
        if not len(raw):
            raise InputError(f"{label} has no results: give one number for each seed")
    published = published or {}
    colour = _colours(list(groups), colours)
    size = size or (7.0, 0.9 + 0.52 * len(groups))
    with plot_style():
        fig, axes = figure(size=size)
        ax = axes[0, 0]
        for row, (label, raw) in enumerate(groups.items()):
            values = np.asarray(raw, float)  # unsorted, so that sums round as in tables
            mean = float(values.mean())
            sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            ax.axhline(row, color=RULE, linewidth=0.8, zorder=0)
            ax.plot(
                values,
                np.full(len(values), row),
                "o",
                color=colour[label],
                alpha=0.55,
                markersize=6.5,
                markeredgewidth=0,
            )
            ax.plot([mean], [row], "|", color=INK, markersize=17, markeredgewidth=2)
            if label in published:
                centre, spread = published[label]
                ax.errorbar(
                    centre,
                    row + 0.3,
                    xerr=spread or None,
                    fmt="D",
                    color=MUTED,
                    markerfacecolor="white",
                    markersize=5,
                    elinewidth=1,
                    capsize=0,
                )
            ax.annotate(
                show(mean, sd),
                (1, row),
                xycoords=("axes fraction", "data"),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=INK,
                annotation_clip=False,
            )
        if optimum is not None:
            ax.axvline(optimum, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.annotate(
                f"best cell {optimum:.2f}",
                (optimum, 1),
                xycoords=("data", "axes fraction"),
                xytext=(-4, 4),
                textcoords="offset points",
                ha="right",
                color=MUTED,
            )
        ax.set_yticks(range(len(groups)), list(groups))
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.set_ylim(len(groups) - 0.4, -0.6)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(xlabel)
        key = "● one seed   ┃ mean" + ("   ◇ published, ± sd" if published else "")
        ax.set_title(key, fontsize=8.5, fontweight="normal", color=MUTED)
    return fig
