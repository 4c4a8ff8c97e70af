"""The figures of chapter ``gaea``: a toy edge, entropies, and accuracy over epochs.

Functions take records (see ``records``) or plain numbers, and return a Figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.show.plots import (
    DASHES,
    band,
    figure,
    final_dots,
    name_lines,
    plot_style,
    seeds_by_epochs,
)
from gaea_mini.show.records import Json, chosen_arms
from gaea_mini.show.style import METHOD_COLOURS, MUTED, RULE


def arm_colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label: orange for GAEA, pink for SGD on logits, grey for DARTS.

    >>> arm_colours(["darts 0.0003", "gaea-darts 0.1"])["gaea-darts 0.1"]
    '#D55E00'
    """

    def colour(label: str) -> str:
        if "gaea" in label:
            return METHOD_COLOURS["gaea-darts"]
        return METHOD_COLOURS["softmax" if "sgd" in label else "darts"]

    return {label: colour(label) for label in labels}


def toy_edge(curves: Mapping[str, ArrayLike], bottom: float = 1e-5) -> Figure:
    """How much weight is not yet on the best operation, over steps.

    Args:
      curves: label -> (T + 1,) one minus the weight of the best; at most four.
      bottom: the smallest value shown.
    """
    colours = arm_colours(list(curves))
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        for dash, (label, curve) in zip(DASHES, curves.items(), strict=False):
            values = np.asarray(curve, dtype=float)
            ax.plot(values, color=colours[label], linestyle=dash, label=label)
        ax.set_yscale("log")
        ax.set_ylim(bottom, 1.5)
        ax.margins(x=0)
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.set_xlabel("step")
        ax.set_ylabel("weight off the best operation")
        _name_log_lines(ax, bottom, 1.5)
    return fig


def _name_log_lines(ax: Axes, bottom: float, top: float) -> None:
    """Name each line at its right end on a logarithmic axis, apart from the others."""
    ends = [
        (line, *np.asarray(line.get_data(), float)[:, -1]) for line in ax.get_lines()
    ]
    lowest = -1.0
    for line, x, y in sorted(ends, key=lambda end: end[2]):
        height = np.log(max(y, bottom) / bottom) / np.log(top / bottom)
        lowest = max(height, lowest + 0.075)
        ax.annotate(
            str(line.get_label()),
            (x, lowest),
            xycoords=("data", "axes fraction"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        ).set_in_layout(True)


def found_cells(records: Sequence[Json], published: Json) -> Figure:
    """True accuracy of every run's last cell, one row for each method and objective.

    Args:
      records: NAS-Bench-201 records, one for each objective.
      published: from ``published.json``.
    """
    groups = {
        f"{method}, {objective}": [run["truth"]["c10_test"][-1] for run in runs]
        for (method, objective), runs in chosen_arms(records).items()
    }
    printed = {
        f"{entry['method']}, {entry['objective']}": (entry["mean"], entry["sd"])
        for entry in published["nb201_c10_test"]
    }
    printed = {label: printed[label] for label in groups}
    return final_dots(
        groups,
        published=printed,
        optimum=best_cell(published),
        colours=arm_colours(list(groups)),
        size=(7.0, 3.2),
    )


def stopping(records: Sequence[Json], published: Json) -> Figure:
    """True accuracy of the cell that theta would be rounded to, epoch by epoch.

    One panel for each objective. State 0 is left out: there all weights are equal. The
    axis ends a little below the lowest 3 % of the values, so that a single collapsed
    epoch does not flatten all curves.
    """
    optimum = best_cell(published)
    panels: dict[str, dict[str, Any]] = {}
    for (method, objective), runs in chosen_arms(records).items():
        curves = [[None, *run["truth"]["c10_test"][1:]] for run in runs]
        panels.setdefault(objective, {})[method] = curves
    with plot_style():
        fig, axes = figure(1, len(panels), (7.0, 3.4), sharey=True)
        for ax, (title, groups) in zip(axes[0], panels.items(), strict=True):
            for label, curves in groups.items():
                dash: Any = "-" if "gaea" in label else (0, (5, 2))
                look = {"color": arm_colours([label])[label], "linestyle": dash}
                values = seeds_by_epochs(curves)
                for seed in values:
                    ax.plot(seed, linewidth=0.7, alpha=0.35, label="_seed", **look)
                ax.plot(values.mean(axis=0), linewidth=2.6, label=label, **look)
            ax.axhline(optimum, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.set_title(title)
            ax.set_xlabel("epoch")
            ax.margins(x=0)
        shown = [
            c[1:] for groups in panels.values() for g in groups.values() for c in g
        ]
        axes[0, 0].set_ylim(np.quantile(np.concatenate(shown), 0.03) - 2, 95.5)
        axes[0, 0].set_ylabel("true test accuracy (%)")
        axes[0, 0].annotate(
            f"best cell {optimum:.2f}",
            (1, optimum),
            xytext=(4, 3),
            textcoords="offset points",
            color=MUTED,
        )
        for ax in axes[0]:
            name_lines(ax)
    return fig


def entropy_beside_published(record: Json, published: Json) -> Figure:
    """Our entropies over seeds, and the paper's three spaces, as parts of ln O."""
    config = record["runs"][0]["config"]
    seeds = len({run["config"]["seed"] for run in record["runs"]})
    spaces = dict.fromkeys(entry["space"] for entry in published["entropy"])
    with plot_style():
        fig, axes = figure(2, 2, (7.0, 4.6), sharey=True)
        first, *others = axes.ravel()
        first.set_title(f"ours: NAS-Bench-201, {seeds} seeds")
        for (method, _), runs in chosen_arms([record]).items():
            curves = np.array([run["entropy"] for run in runs])
            parts = curves / np.log(len(config["operations"]))
            band(first, parts.tolist(), method, arm_colours([method])[method])
        for ax, space in zip(others, spaces, strict=True):
            ax.set_title(f"published: {space}")
            for entry in published["entropy"]:
                if entry["space"] == space:
                    x, y = np.array(entry["points"]).T
                    label = entry["method"]
                    look = {"color": arm_colours([label])[label], "linewidth": 1}
                    y = y / np.log(entry["operations"])
                    ax.plot(x, y, "D-", markersize=4, label=label, mfc="white", **look)
        for ax in axes.ravel():
            ax.axhline(1, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.margins(x=0)
            ax.set_ylim(0, 1.12)
            name_lines(ax)
        for ax in axes[:, 0]:
            ax.set_ylabel("entropy / ln O")
        for ax in axes[1]:
            ax.set_xlabel("epoch")
    return fig


def best_cell(published: Json) -> float:
    """Accuracy of the best cell of NAS-Bench-201, percent."""
    entries = published["nb201_c10_test"]
    return next(float(e["mean"]) for e in entries if e["method"] == "best cell")
