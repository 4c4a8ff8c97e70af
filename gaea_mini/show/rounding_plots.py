"""The figures of chapter ``rounding_gap``: what argmax costs as entropy falls.

Functions take records (see ``records``) or plain numbers, and return a Figure.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from gaea_mini.show.plots import DASHES, figure, name_lines, plot_style
from gaea_mini.show.records import Json
from gaea_mini.show.style import METHOD_COLOURS, MUTED, RULE

# What the shared weights are trained on: the kind's name and its methods.
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("mixtures, logits", ("darts", "darts-sgd", "darts-2nd")),
    ("mixtures, EG", ("gaea-darts",)),
    ("partial channels, edge weights", ("pc-darts", "gaea-pc-darts")),
    ("one operation at a time", ("gdas", "gaea-gdas", "rs-ws", "enas")),
)
LOOKS = {
    KINDS[0][0]: (METHOD_COLOURS["darts"], "o"),
    KINDS[1][0]: (METHOD_COLOURS["gaea-darts"], "D"),
    KINDS[2][0]: (METHOD_COLOURS["softmax"], "s"),
    KINDS[3][0]: (METHOD_COLOURS["projected"], "^"),
}


def kind_of(method: str) -> str:
    """Which of the four kinds a method is.

    >>> kind_of("gaea-gdas")
    'one operation at a time'
    """
    return next(kind for kind, methods in KINDS if method in methods)


def all_runs(records: Iterable[Json]) -> list[Json]:
    """The runs of several records, each search once: records may share searches."""
    runs = [run for record in records for run in record["runs"]]
    return list(
        {json.dumps(run["config"], sort_keys=True): run for run in runs}.values()
    )


def entropy_part(run: Json) -> np.ndarray:
    """Entropy of theta per epoch as a part of that of equal weights, (T + 1,)."""
    return np.array(run["entropy"]) / np.log(len(run["config"]["operations"]))


def points_lost(run: Json) -> np.ndarray:
    """Accuracy before less accuracy after rounding, per epoch, (T + 1,)."""
    return np.array(run["accuracy_supernet"]) - np.array(run["accuracy_rounded"])


def edge_on_segment(
    parts: ArrayLike, fixed: Mapping[float, ArrayLike], trained: ArrayLike
) -> Figure:
    """Loss of the toy edge on the way to a corner, for weights trained on that way.

    Args:
      parts: (N,) how far along.
      fixed: part at which the weights were trained -> (N,) loss along the way; at
        most four, the parts among ``parts``.
      trained: (N,) loss of weights that are trained anew at every point.
    """
    x = np.asarray(parts, dtype=float)
    anew = np.asarray(trained, dtype=float)
    colours = ("#0072B2", "#009E73", "#CC79A7", "#737D89")  # no method's
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        ax.plot(x, anew, color=MUTED, linewidth=1, label="_anew")
        middle = round(0.62 * (len(x) - 1))
        ax.annotate(
            "trained anew at every point",
            (x[middle], anew[middle]),
            xytext=(6, -16),
            textcoords="offset points",
            color=MUTED,
        )
        for i, (part, losses) in enumerate(fixed.items()):
            y = np.asarray(losses, dtype=float)
            ax.plot(
                x,
                y,
                color=colours[i],
                linestyle=DASHES[i],
                label=f"trained at {part:g}",
            )
            at = int(np.abs(x - part).argmin())
            ax.plot(x[at], y[at], "o", color=colours[i], label="_", clip_on=False)
        ax.set_xlabel("way from equal weights (0) to the corner (1)")
        ax.set_ylabel("loss")
        ax.set_ylim(0, None)
        ax.margins(x=0)
        name_lines(ax)
    return fig


def along(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    ends: Mapping[str, tuple[float, float]],
    operations: int,
) -> Figure:
    """Accuracy of trained supernets while theta walks to a corner.

    Args:
      curves: method -> (entropies, accuracies in percent) along the way.
      ends: method -> (entropy, accuracy) where its search ended.
      operations: O.
    """
    with plot_style():
        fig, axes = figure(size=(7.0, 3.4))
        ax = axes[0, 0]
        for dash, (name, (x, y)) in zip(DASHES, curves.items(), strict=False):
            colour, marker = LOOKS[kind_of(name.split()[0])]
            ax.plot(
                np.asarray(x, float),
                np.asarray(y, float),
                color=colour,
                linestyle=dash,
                marker=marker,
                markersize=3.5,
                label=name,
            )
            ax.plot(
                *ends[name],
                marker="o",
                markersize=11,
                markerfacecolor="none",
                markeredgecolor=colour,
                linestyle="none",
                label="_",
            )
        ax.set_xlim(1.03 * np.log(operations), 0)
        ax.set_ylim(0, 100)
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.set_xlabel("entropy of theta (nats), falling to the right")
        ax.set_ylabel("accuracy (%)")
        name_lines(ax)
    return fig


def before_and_after(records: Sequence[Json], published: Json) -> Figure:
    """Every run at its last epoch: accuracy before and after rounding.

    A line joins the two, so its length is what rounding costs. One panel for each
    space, and one for the paper's pair.

    Args:
      records: of any spaces.
      published: from ``published.json``.
    """
    runs = all_runs(records)
    spaces = list(dict.fromkeys(run["config"]["space"] for run in runs))
    names = {"compact": "compact", "nasbench201": "NAS-Bench-201"}
    with plot_style():
        fig, axes = figure(1, len(spaces) + 1, (7.4, 3.6), sharey=True)
        for ax, space in zip(axes[0], spaces, strict=False):
            for run in (r for r in runs if r["config"]["space"] == space):
                look = LOOKS[kind_of(run["config"]["method"])]
                pair = (run["accuracy_supernet"][-1], run["accuracy_rounded"][-1])
                _stick(ax, entropy_part(run)[-1], *pair, *look)
            ax.set_title(names.get(space, space))
            ax.set_xlim(1.04, -0.04)
        _published_pair(axes[0, -1], published)
        axes[0, 0].set_ylim(0, 100)
        axes[0, 0].set_ylabel("supernet accuracy (%)")
        axes[0, 1].set_xlabel("entropy / ln O at the end, falling to the right")
        _legend(fig, axes[0, 0])
    return fig


def _stick(
    ax: Axes, x: float, before: float, after: float, colour: str, marker: str
) -> None:
    """Hollow before, filled after, and a line between."""
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4.5}
    ax.plot([x, x], [before, after], "-", color=colour, linewidth=0.9, alpha=0.6)
    ax.plot([x], [before], markerfacecolor="white", linestyle="none", **look)
    ax.plot([x], [after], linestyle="none", **look)


def _published_pair(ax: Axes, published: Json) -> None:
    """The paper's two supernets, at the last entropy of its Figure 1."""
    ax.set_title("published: DARTS space")
    ax.set_xlim(1.04, 0.86)
    for entry in published["rounding"]:
        x = _published_entropy(published, entry["method"])
        look = LOOKS[kind_of(entry["method"])]
        _stick(ax, x, entry["before"], entry["after"], *look)
        ax.annotate(
            entry["method"],
            (x, entry["after"]),
            xytext=(0, -12),
            textcoords="offset points",
            ha="center",
        )


def _published_entropy(published: Json, method: str) -> float:
    """The last entropy of a method in the DARTS space, as a part of ln O."""
    entry = next(
        e
        for e in published["entropy"]
        if e["space"] == "DARTS space" and e["method"] == method
    )
    return float(entry["points"][-1][1] / np.log(entry["operations"]))


def gap_by_entropy(records: Sequence[Json], published: Json) -> Figure:
    """Points lost by rounding against entropy: one dot for each run and epoch.

    One panel for each kind of method. Epoch 0 is left out: nothing is trained there.
    """
    runs = all_runs(records)
    with plot_style():
        fig, axes = figure(2, 2, (7.0, 5.0), sharex=True, sharey=True)
        for ax, (kind, methods) in zip(axes.ravel(), KINDS, strict=True):
            colour, marker = LOOKS[kind]
            for run in (r for r in runs if r["config"]["method"] in methods):
                ax.plot(
                    entropy_part(run)[1:],
                    points_lost(run)[1:],
                    linestyle="none",
                    marker=marker,
                    markersize=2.4,
                    color=colour,
                    alpha=0.35,
                    markeredgewidth=0,
                )
            ax.axhline(0, color=MUTED, linewidth=0.8)
            ax.set_title(kind)
            if kind == kind_of("pc-darts"):
                for entry in published["rounding"]:
                    x = _published_entropy(published, entry["method"])
                    lost = entry["before"] - entry["after"]
                    ax.plot([x], [lost], "*", color="black", markersize=11, mfc="white")
                ax.annotate(
                    "stars: published",
                    (0.98, 0.9),
                    xycoords="axes fraction",
                    ha="right",
                    color=MUTED,
                )
        axes[0, 0].set_xlim(1.04, -0.04)
        for ax in axes[:, 0]:
            ax.set_ylabel("points lost")
        for ax in axes[1]:
            ax.set_xlabel("entropy / ln O, falling to the right")
    return fig


def _legend(fig: Figure, ax: Axes) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=kind)
        for kind, (colour, marker) in LOOKS.items()
    ]
    handles += [
        Line2D([], [], color=MUTED, marker="o", linestyle="none", label=text, mfc=fill)
        for text, fill in (("before", "white"), ("after rounding", MUTED))
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
