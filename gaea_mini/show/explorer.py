"""BenchmarkExplorer: searches and rivals against what they cost, on known tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gaea_mini.errors import InputError
from gaea_mini.show.cell_table import accuracies, pack_cells
from gaea_mini.show.looks import look_of, plot_colour, plot_dash
from gaea_mini.show.plots import figure, plot_style
from gaea_mini.show.style import MUTED, RULE
from gaea_mini.show.widget import between, script, styles

FLOOR = 0.05  # the smallest regret that the curves tell from 0, in points
WIDEST = 200  # the curves begin at this part of the longest budget
FIRST = ("gaea-darts", "darts", "rs-ws", "random search")
Truth = tuple[Sequence[str], ArrayLike]


class BenchmarkExplorer(anywidget.AnyWidget):
    """Regret against budget: searches with shared weights, and their rivals.

    The reader chooses the data set, the methods and the budget. Curves are means, bands
    the middle 80 % of the seeds of a search or of the repetitions of a rival. At the
    budget there is a dot for every search: choose one to see the cell that it would
    hand back, and the cell's rank. Where searches and rivals are counted on different
    clocks they have a chart each. No kernel is needed.

    Args:
        records: name of the data set -> its comparison record
            (``compact_comparison.json``).
        truth: name of the data set -> (arch strings of all cells, their test
            accuracies, percent). With it the cells of all states can be shown, without
            it only those of the last one.
        data: which to show first; by default the first.
        methods: which to show first, by their names in the widget.
        budget: where to look first, as a part of the longest budget, 0.005 to 1. By
            default where the longest of the searches shown ends.

    ``data``, ``methods``, ``budget`` and ``point`` (a method and a seed) follow what
    the reader does, and can be assigned.

    Raises:
        InputError: something that is no comparison, an unknown name, or a truth that
            does not fit the record.
    """

    _esm = script("explorer")
    _css = styles("explorer")
    sets: traitlets.List[Any] = traitlets.List().tag(sync=True)
    data = traitlets.Unicode().tag(sync=True)
    methods: traitlets.List[Any] = traitlets.List().tag(sync=True)
    budget = traitlets.Float(1.0).tag(sync=True)
    point: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        records: Mapping[str, Mapping[str, Any]],
        truth: Mapping[str, Truth] | None = None,
        data: str | None = None,
        methods: Sequence[str] | None = None,
        budget: float | None = None,
        **kwargs: Any,
    ) -> None:
        truth = truth or {}
        if not records:
            raise InputError("no records: give one comparison or more")
        if extra := set(truth) - set(records):
            raise InputError(f"truth of {sorted(extra)[0]!r}, which has no record")
        sets = [_set(name, one, truth.get(name)) for name, one in records.items()]
        known = [line["name"] for one in sets for line in one["lines"]]
        if methods is None:
            methods = [name for name in FIRST if name in known] or known[:4]
        for one in sets:
            one["start"] = _start(one, methods)
        super().__init__(
            sets=sets,
            data=sets[0]["name"] if data is None else data,
            methods=list(methods),
            **kwargs,
        )
        self.budget = self._shown()["start"] if budget is None else budget
        if not self.point:
            self.point = self._first_point()

    @traitlets.validate("data")
    def _check_data(self, proposal: Any) -> str:
        names = [one["name"] for one in self.sets]
        if proposal["value"] not in names:
            raise InputError(
                f"data is {proposal['value']!r}: there are {', '.join(names)}"
            )
        return str(proposal["value"])

    @traitlets.validate("methods")
    def _check_methods(self, proposal: Any) -> list[str]:
        known = list(dict.fromkeys(x["name"] for s in self.sets for x in s["lines"]))
        for name in proposal["value"]:
            if name not in known:
                raise InputError(f"no method {name!r}: there are {', '.join(known)}")
        return list(proposal["value"])

    @traitlets.validate("budget")
    def _check_budget(self, proposal: Any) -> float:
        return between(proposal["value"], 1 / WIDEST, 1, "budget")

    def _shown(self) -> dict[str, Any]:
        return next(one for one in self.sets if one["name"] == self.data)

    def _lines(self) -> list[dict[str, Any]]:
        return [x for x in self._shown()["lines"] if x["name"] in self.methods]

    def _first_point(self) -> list[Any]:
        """The first search that is shown, at its first seed."""
        found = [x for x in self._lines() if x["seeds"]]
        return [found[0]["name"], found[0]["seeds"][0]] if found else []

    def at_budget(self) -> list[dict[str, Any]]:
        """Per method shown: name, ``mean``, ``low`` and ``high`` regret at the budget.

        None where there is no cell yet. The best first, searches before rivals where
        these have a clock of their own.
        """
        shown, found = self._shown(), []
        for line in self._lines():
            cost = self.budget * shown["clocks"][line["clock"]]["end"]
            at = int(np.searchsorted(line["costs"], cost * (1 + 1e-9), side="right"))
            curves = zip(("mean", "low", "high"), _curves(line), strict=True)
            found.append(
                {
                    "name": line["name"],
                    "clock": line["clock"],
                    **{
                        key: None
                        if not at or np.isnan(curve[at - 1])
                        else curve[at - 1]
                        for key, curve in curves
                    },
                }
            )
        last = np.inf
        return sorted(
            found,
            key=lambda x: (x["clock"], last if x["mean"] is None else x["mean"]),
        )

    def still(self) -> Figure:
        """What is shown at first as a figure: for print, and where no script runs."""
        shown = self._shown()
        clocks = shown["clocks"]
        with plot_style():
            fig, axes = figure(1, len(clocks), (7.0, 3.7), sharey=True)
            for number, (ax, clock) in enumerate(zip(axes[0], clocks, strict=True)):
                own = [x for x in self._lines() if x["clock"] == number]
                for line in own:
                    _draw(ax, line)
                ax.set_xscale("log")
                ax.set_yscale("log")
                ax.set_xlim(clock["end"] / WIDEST, clock["end"])
                ax.set_ylim(bottom=FLOOR)
                ax.set_xlabel(f"seconds, {clock['name']}".replace(": ", ":\n"))
                for axis in (ax.xaxis, ax.yaxis):
                    axis.set_major_formatter("{x:g}")
                ax.axvline(
                    self.budget * clock["end"], color=MUTED, linewidth=1, alpha=0.6
                )
                ax.grid(axis="y", color=RULE, linewidth=0.7)
            axes[0, 0].set_ylabel("regret, points")
            handles = [
                handle
                for ax in axes[0]
                for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
                if label
            ]
            if handles:
                fig.legend(
                    handles=handles,
                    loc="outside upper center",
                    ncols=min(3, len(handles)),
                    frameon=False,
                    handlelength=2.6,
                )
        return fig

    def describe(self) -> str:
        """What the still shows, in words, with its numbers."""
        parts = [
            f"{one['name']} has a mean regret of {one['mean']:.2f} points"
            for one in self.at_budget()
            if one["mean"] is not None
        ]
        return (
            f"Curves of regret against cost on {self.data}, both on logarithmic axes, "
            "with bands. At the budget marked: " + "; ".join(parts) + "."
        )


def _set(name: str, record: Any, truth: Truth | None) -> dict[str, Any]:
    """A comparison as the page gets it."""
    try:
        searches, best = list(record["arms"]), float(record["table"]["best"])
        count = int(record["table"]["cells"]["n"])
        one_clock = bool(record["one_clock"])
        rivals = [_rival(rival, record) for rival in record["rivals"]]
        tests = [np.array(arm["test"], dtype=np.float64) for arm in searches]
        cells = [str(cell) for arm in searches for cell in arm["genotype"]]
        if not searches or best < max(float(part.max()) for part in tests) - 1e-3:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{name}: no comparison; read {name}_comparison.json or the like"
        ) from None
    table, values = list(dict.fromkeys(cells)), None
    if truth is not None:
        table = list(truth[0])
        values = accuracies(truth[1], len(table), f"truth of {name}")
        if len(table) != count or abs(values.max() - best) > 1e-3:
            raise InputError(
                f"truth of {name} is of another table: {len(table)} cells, the best "
                f"{values.max():.2f} %, where the record has {count} and {best:.2f} %"
            )
        if missing := set(cells) - set(table):
            raise InputError(f"truth of {name} lacks the cell {sorted(missing)[0]}")
    place = {arch: i for i, arch in enumerate(table)}
    lines = [
        _search(arm, part, best, place, values)
        for arm, part in zip(searches, tests, strict=True)
    ]
    lines += [{**rival, "clock": 0 if one_clock else 1} for rival in rivals]
    names = [line["name"] for line in lines]
    if len(set(names)) < len(names):
        raise InputError(f"{name}: two methods of one name")
    kinds = ["processor time on one core"]
    if not one_clock:
        kinds = [f"searches: {kinds[0]}", "rivals: time of the trainings in the table"]
    ends = [
        max((x["costs"][-1] for x in lines if x["clock"] == number), default=1.0)
        for number in range(len(kinds))
    ]
    return {
        "name": name,
        "best": round(best, 4),
        "count": count,
        "clocks": [{"name": a, "end": b} for a, b in zip(kinds, ends, strict=True)],
        "table": pack_cells(table),
        # How many cells of the table have the accuracy of each.
        "alike": [] if values is None else _alike(values).tolist(),
        "lines": lines,
    }


def _search(
    arm: Mapping[str, Any],
    tests: NDArray[np.float64],
    best: float,
    place: Mapping[str, int],
    values: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """The searches of one method: regret, rank and cell of every seed and state."""
    ranks = np.zeros(tests.shape, dtype=int)  # 0: not known
    cells = np.full(tests.shape, -1)
    if values is not None:
        near = np.abs(values - tests[..., None])  # (S, T + 1, N)
        cells = near.argmin(axis=-1)
        if near.min(axis=-1).max() > 1e-3:
            raise InputError(
                f"{arm['method']}: an accuracy that no cell of the truth has"
            )
        ranks = 1 + (values > values[cells][..., None]).sum(axis=-1)
    ranks[:, -1] = arm["rank"]
    cells[:, -1] = [place[cell] for cell in arm["genotype"]]
    objective = str(arm["objective"])
    name = str(arm["method"]) + ("" if objective == "bilevel" else f", {objective}")
    colour, dash = look_of(str(arm["method"]))
    return {
        "name": name,
        "colour": colour,
        "dash": dash if objective == "bilevel" else "12 3",
        "clock": 0,
        "costs": [float(f"{cost:.5g}") for cost in arm["cost"]],
        "seeds": [int(seed) for seed in arm["seeds"]],
        "regret": np.maximum(0, best - tests).round(4).tolist(),
        "ranks": ranks.tolist(),
        "cells": cells.tolist(),
    }


def _rival(rival: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """A rival's curve from the moment on at which all repetitions have a cell."""
    name, regret = str(rival["rival"]), rival["regret"]
    colour, dash = look_of(name)
    # The first table is that of the truth; another one is said.
    if rival["table"] != record["rivals"][0]["table"]:
        name, dash = f"{name}, {rival['table']}", "1 3"
    known = [i for i, value in enumerate(regret["mean"]) if value is not None]
    start = known[0] if known else len(regret["mean"])
    return {
        "name": name,
        "colour": colour,
        "dash": dash,
        "costs": [float(cost) for cost in regret["costs"][start:]]
        or [float(regret["costs"][-1])],
        "seeds": [],
        "repetitions": int(record["repetitions"]),
        "curves": [
            [round(max(0.0, float(v)), 4) for v in regret[key][start:]] or [None]
            for key in ("mean", "low", "high")
        ],
    }


def _start(one: Mapping[str, Any], methods: Sequence[str]) -> float:
    """The budget at which the longest of these searches ends; 1 without searches."""
    ends = [x["costs"][-1] for x in one["lines"] if x["seeds"] and x["name"] in methods]
    return max(ends) / float(one["clocks"][0]["end"]) if ends else 1.0


def _alike(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each cell, how many have its accuracy."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[where]


def _curves(line: Mapping[str, Any]) -> list[NDArray[np.float64]]:
    """Mean, lower and upper edge of the band at each of the line's costs."""
    if not line["seeds"]:
        return [np.array(curve, dtype=np.float64) for curve in line["curves"]]
    regret = np.array(line["regret"])
    low, high = np.quantile(regret, (0.1, 0.9), axis=0)
    return [regret.mean(axis=0), low, high]


def _draw(ax: Axes, line: Mapping[str, Any]) -> None:
    mean, low, high = (np.maximum(curve, FLOOR) for curve in _curves(line))
    look: dict[str, Any] = {"color": plot_colour(line["colour"])}
    ax.fill_between(
        line["costs"], low, high, step="post", alpha=0.12, linewidth=0, **look
    )
    ax.step(
        line["costs"],
        mean,
        where="post",
        linestyle=plot_dash(line["dash"]),
        label=line["name"],
        **look,
    )
