"""The figures of chapter ``mixed_operation``: published costs, and losses.

Functions take records or plain arrays and return a matplotlib Figure.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from gaea_mini.errors import InputError
from gaea_mini.show.plots import DASHES, band, figure, name_lines, plot_style
from gaea_mini.show.records import Json
from gaea_mini.show.style import METHOD_COLOURS, MUTED, RULE

HOURS_A_DAY = 24
ALONE, SHARED = METHOD_COLOURS["projected"], METHOD_COLOURS["gaea-darts"]


def searches(published: Json) -> list[Json]:
    """The published searches on CIFAR-10; other rows move a cell to ImageNet."""
    return [row for row in published["darts_space"] if row["params_m"] is not None]


def search_costs(published: Json) -> Figure:
    """GPU-days of one search, a row for each published method, dearest first.

    Args:
      published: the record of that name; its block ``darts_space`` is read.
    """
    rows = sorted(searches(published), key=lambda row: -row["gpu_days"])
    with plot_style():
        fig, axes = figure(size=(5.4, 0.9 + 0.27 * len(rows)))
        ax = axes[0, 0]
        looks = ((False, "s", ALONE), (True, "o", SHARED))
        for shares, marker, colour in looks:
            name = "one network" if shares else "every candidate trained"
            at = [i for i, row in enumerate(rows) if row["shares_weights"] is shares]
            days = [rows[i]["gpu_days"] for i in at]
            ax.plot(days, at, marker, color=colour, markersize=7, label=name)
        for i, row in enumerate(rows):
            ax.annotate(
                f"{row['gpu_days']:,g}",
                (row["gpu_days"], i),
                (8, 0),
                textcoords="offset points",
                va="center",
                color=MUTED,
            )
        ax.set_xscale("log")
        ax.set_xlim(0.05, 20_000)
        ax.set_yticks(range(len(rows)), [row["method"] for row in rows])
        ax.invert_yaxis()
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color=RULE, linewidth=0.7)
        ax.set_axisbelow(True)
        ax.set_xlabel("GPU-days of one search")
        ax.legend(loc="lower right", frameon=False)
    return fig


def cost_lines(published: Json, dear: str, cheap: str) -> str:
    """What two published searches cost, in GPU-hours, and their ratio: three lines.

    Raises:
      InputError: the record has no method of that name.
    """
    days = {row["method"]: row["gpu_days"] for row in searches(published)}
    for name in (dear, cheap):
        if name not in days:
            raise InputError(f"no published cost of {name!r}; there are {list(days)}")
    more, less = (HOURS_A_DAY * days[name] for name in (dear, cheap))
    return (
        f"{dear}: {more:,g} GPU-hours\n{cheap}: {less:,g} GPU-hours\n"
        f"ratio: {more / less:,.0f}"
    )


def losses(curves: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Training loss over epochs, mean and range over seeds, a line for each network.

    Args:
      curves: label -> (S, T) one list for each seed; at most four labels.
    """
    colours = [SHARED, METHOD_COLOURS["softmax"], ALONE, METHOD_COLOURS["darts"]]
    with plot_style():
        fig, axes = figure(size=(7.0, 3.2))
        ax = axes[0, 0]
        for (label, seeds), colour, dash in zip(
            curves.items(), colours, DASHES, strict=False
        ):
            # Epochs are counted from 1: a loss belongs to an epoch that has run.
            rows = [[None, *seed] for seed in seeds]
            band(ax, rows, label, colour, dash=dash)
        ax.set_xlabel("epoch")
        ax.set_ylabel("training loss (nats)")
        ax.grid(axis="y", color=RULE, linewidth=0.7)
        ax.margins(x=0)
        name_lines(ax)
    return fig
