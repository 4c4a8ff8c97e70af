"""Figures of chapters ``family`` and ``gaea_on_everything``.

Functions take records (see ``records``) or plain numbers, and return a Figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gaea_mini.errors import InputError
from gaea_mini.show.family_tables import gain
from gaea_mini.show.looks import look_of
from gaea_mini.show.plots import (
    DASHES,
    band,
    figure,
    final_dots,
    name_lines,
    plot_style,
)
from gaea_mini.show.records import Json, choice, pick, t_interval
from gaea_mini.show.search_plots import best_cell
from gaea_mini.show.search_tables import after_rounding, true_accuracy
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED, RULE


def method_colours(methods: Sequence[str]) -> dict[str, str]:
    """A colour for each method: one for all of GAEA's, one for each other.

    >>> method_colours(["gaea-gdas"])
    {'gaea-gdas': '#D55E00'}
    """
    return {method: look_of(method)[0] for method in methods}


def estimates(samples: Mapping[str, Any], exact: Any, arms: Sequence[str]) -> Figure:
    """Gradient estimates: a panel for each arm, a row for each estimator.

    A dot is the mean over the draws, a bar one standard deviation to each side, the
    line the exact gradient.

    Args:
      samples: name -> (N, O) estimates.
      exact: (O,) the gradient itself.
      arms: names of the O arms.
    """
    right = np.asarray(exact, dtype=float)
    with plot_style():
        size = (7.0, 1.0 + 0.3 * len(samples))
        fig, axes = figure(1, len(arms), size, sharey=True, sharex=True)
        for o, (ax, arm) in enumerate(zip(axes[0], arms, strict=True)):
            ax.axvline(right[o], color=METHOD_COLOURS["gaea-darts"], linewidth=1.4)
            for row, draws in enumerate(samples.values()):
                values = np.asarray(draws, dtype=float)[:, o]
                ax.errorbar(
                    values.mean(),
                    row,
                    xerr=values.std(),
                    fmt="o",
                    color=INK,
                    ecolor=MUTED,
                    markersize=4.5,
                    elinewidth=1.4,
                )
            ax.set_title(arm)
            ax.grid(axis="x", color=RULE, linewidth=0.7)
        axes[0, 0].set_yticks(range(len(samples)), list(samples))
        axes[0, 0].set_ylim(len(samples) - 0.5, -0.5)
        fig.supxlabel("estimated derivative in this arm's logit", fontsize=9.5)
    return fig


def weight_bands(groups: Mapping[str, Any]) -> Figure:
    """Weight of the best arm over steps: mean and the middle 80 % of many runs.

    Args:
      groups: label -> (S, T) weights; labels with "gaea" are drawn in its colour.
    """
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        seen: dict[str, int] = {}
        for label, runs in groups.items():
            colour = method_colours(["gaea-gdas" if "gaea" in label else "gdas"])
            look = {"color": next(iter(colour.values()))}
            count = seen[look["color"]] = seen.get(look["color"], -1) + 1
            values = np.asarray(runs, dtype=float)
            low, high = np.quantile(values, (0.1, 0.9), axis=0)
            steps = np.arange(values.shape[1])
            ax.fill_between(steps, low, high, alpha=0.15, linewidth=0, **look)
            mean = values.mean(axis=0)
            ax.plot(mean, linestyle=DASHES[count % len(DASHES)], label=label, **look)
        ax.set_ylim(0, 1.02)
        ax.margins(x=0)
        ax.set_xlabel("step")
        ax.set_ylabel("weight of the best arm")
        name_lines(ax)
    return fig


def family_dots(
    record: Json, methods: Sequence[str], published: Json | None = None
) -> Figure:
    """Every seed of recorded searches: true accuracy, or that after rounding.

    Args:
      record: searches of every method, at the step that was chosen for it.
      methods: one row each.
      published: from ``published.json``; draws the best cell of NAS-Bench-201.
    """
    runs = {method: pick(record, method) for method in methods}
    truth = all(run.get("truth") for arm in runs.values() for run in arm)
    value = true_accuracy if truth else after_rounding
    return final_dots(
        {method: list(map(value, arm)) for method, arm in runs.items()},
        optimum=best_cell(published) if published else None,
        colours=method_colours(methods),
        xlabel=(
            "true CIFAR-10 test accuracy of the found cell (%)"
            if truth
            else "accuracy after rounding, shared weights (%)"
        ),
    )


def entropy_panels(records: Sequence[Json], bases: Sequence[str]) -> Figure:
    """Entropy of m and gaea(m) over epochs: a row for each record, a column each m."""
    with plot_style():
        size = (7.4, 0.6 + 2.1 * len(records))
        fig, axes = figure(len(records), len(bases), size, sharey=True, sharex=True)
        for row, record in zip(axes, records, strict=True):
            config = record["runs"][0]["config"]
            uniform = np.log(len(config["operations"]))
            for ax, base in zip(row, bases, strict=True):
                ax.axhline(1, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
                for name, dash in ((base, DASHES[1]), (f"gaea-{base}", DASHES[0])):
                    curves = [run["entropy"] for run in pick(record, name)]
                    parts = (np.array(curves) / uniform).tolist()
                    label = "gaea" if name != base else base
                    colour = method_colours([name])[name]
                    band(ax, parts, label, colour, dash=dash)
                ax.set_title(f"{config['space']}: {base}", fontsize=9)
                ax.set_ylim(0, 1.12)
                ax.margins(x=0)
                name_lines(ax)
            row[0].set_ylabel("entropy / ln O")
        for ax in axes[-1]:
            ax.set_xlabel("epoch")
    return fig


def gain_dots(rows: Mapping[str, tuple[Json, str]]) -> Figure:
    """gaea(m) minus m: a dot a seed, the mean, and its 95 % t interval.

    Args:
      rows: label -> (record, base method).
    """
    if not rows:
        raise InputError("no rows: give a record and a base method for each label")
    with plot_style():
        fig, axes = figure(size=(7.0, 1.0 + 0.42 * len(rows)))
        ax = axes[0, 0]
        ax.axvline(0, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        colour = METHOD_COLOURS["gaea-darts"]
        for row, (record, base) in enumerate(rows.values()):
            by_seed, _ = gain(record, base)
            low, high = t_interval(by_seed)
            mean = float(np.mean(by_seed))
            ax.plot([low, high], [row, row], color=MUTED, linewidth=2)
            ax.plot(by_seed, [row] * len(by_seed), "o", color=colour, alpha=0.55)
            ax.plot([mean], [row], "|", color=INK, markersize=15, markeredgewidth=2)
        ax.set_yticks(range(len(rows)), list(rows))
        ax.set_ylim(len(rows) - 0.5, -0.6)
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.set_xlabel("gaea(m) minus m, points")
        ax.set_title(
            "● one seed   ┃ mean   ━ 95 % interval",
            fontsize=8.5,
            fontweight="normal",
            color=MUTED,
        )
    return fig


def step_scores(record: Json, bases: Sequence[str]) -> Figure:
    """What the tuning seeds said of each step, as a multiple of the smallest one.

    The smallest step that was tried is the published one.
    """
    with plot_style():
        fig, axes = figure(1, len(bases), (7.4, 2.9), sharey=True, sharex=True)
        for ax, base in zip(axes[0], bases, strict=True):
            for name, dash in ((base, DASHES[1]), (f"gaea-{base}", DASHES[0])):
                scores = choice(record, name)["scores"]
                steps = np.array([score["lr"] for score in scores])
                values = [score["accuracy_rounded"] for score in scores]
                means = [float(np.mean(several)) for several in values]
                colour = method_colours([name])[name]
                label = "gaea" if name != base else base
                times = steps / steps[0]
                for x, several in zip(times, values, strict=True):
                    ax.plot([x] * len(several), several, "o", color=colour, alpha=0.4)
                ax.plot(times, means, color=colour, linestyle=dash, label=label)
            ax.set_xscale("log")
            ax.set_title(base)
            ax.set_xlabel("step / published step")
            ax.legend(frameon=False, loc="lower right")
        axes[0, 0].set_ylabel("accuracy after rounding (%)")
    return fig
