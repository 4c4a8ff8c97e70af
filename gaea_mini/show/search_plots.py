"""The figures of chapter ``gaea``: a toy edge, entropies, and accuracy over epochs.

As in ``plots``, every function takes plain numbers and returns a matplotlib Figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from gaea_mini.show.plots import Curves, band, figure, name_lines, plot_style
from gaea_mini.show.style import METHOD_COLOURS, MUTED, RULE

Points = Sequence[tuple[float, float]]


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
      curves: label -> (T + 1,) one minus the weight of the best operation.
      bottom: the smallest value shown.
    """
    colours = arm_colours(list(curves))
    dashes: dict[str, Any] = {label: "-" for label in curves}
    dashes |= {label: (0, (5, 2)) for label in curves if "sgd" in label}
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        for label, curve in curves.items():
            values = np.asarray(curve, dtype=float)
            ax.plot(values, color=colours[label], linestyle=dashes[label], label=label)
        ax.set_yscale("log")
        ax.set_ylim(bottom, 1.5)
        ax.margins(x=0)
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.set_xlabel("step")
        ax.set_ylabel("weight off the best operation")
        for line in ax.get_lines():
            x, y = np.asarray(line.get_data(), dtype=float)
            ax.annotate(
                str(line.get_label()),
                (x[-1], max(y[-1], bottom)),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            ).set_in_layout(True)
    return fig


def entropy_beside_published(
    ours: Curves, published: Mapping[str, Points], operations: int
) -> Figure:
    """Our entropies over seeds on the left, curves of a paper on the right.

    Args:
      ours: label -> one list of entropies (nats) for each seed.
      published: label -> (epoch, entropy) points of one published run.
      operations: O; a dashed line stands at ln O in both panels.
    """
    with plot_style():
        fig, axes = figure(1, 2, (7.0, 3.2), sharey=True)
        left, right = axes[0]
        for label, curves in ours.items():
            band(left, curves, label, arm_colours([label])[label])
        for label, points in published.items():
            x, y = zip(*points, strict=True)
            look = {"color": arm_colours([label])[label], "markerfacecolor": "white"}
            right.plot(x, y, "D-", linewidth=1, markersize=4.5, label=label, **look)
        uniform = float(np.log(operations))
        for ax, title in ((left, "ours, ten seeds"), (right, "published, one run")):
            ax.axhline(uniform, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.set_title(title)
            ax.set_xlabel("epoch")
            ax.margins(x=0)
            ax.set_ylim(0, 1.12 * uniform)
        left.annotate(f"uniform: ln {operations}", (0.3, uniform + 0.03), color=MUTED)
        left.set_ylabel("entropy of theta (nats)")
        name_lines(left)
        name_lines(right)
    return fig


def truth_over_epochs(panels: Mapping[str, Curves], optimum: float) -> Figure:
    """True accuracy of the cell that theta would be rounded to, epoch by epoch.

    Args:
      panels: title -> label -> one list of accuracies (percent) for each seed.
      optimum: the best cell of the space, drawn as a line.
    """
    with plot_style():
        fig, axes = figure(1, len(panels), (7.0, 3.4), sharey=True)
        for ax, (title, groups) in zip(axes[0], panels.items(), strict=True):
            for label, curves in groups.items():
                dash: Any = "-" if "gaea" in label else (0, (5, 2))
                band(ax, curves, label, arm_colours([label])[label], dash=dash)
            ax.axhline(optimum, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            ax.set_title(title)
            ax.set_xlabel("epoch")
            ax.margins(x=0)
        axes[0, 0].set_ylabel("true test accuracy (%)")
        axes[0, 0].annotate(
            f"best cell {optimum:.2f}",
            (0, optimum),
            xytext=(4, 3),
            textcoords="offset points",
            color=MUTED,
        )
        for ax in axes[0]:
            name_lines(ax)
    return fig
