"""Searches and rivals on one scale: what a cell handed back is worth, against its cost.

A trace is a step function of cost: at each change the cost and the true test accuracy
of the cell that would be handed back. Test accuracies come in here, after the searches
are over, and choose nothing.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from gaea_mini.errors import InputError
from gaea_mini.evaluate.rivals import Rival
from gaea_mini.evaluate.table import Table

DRAWS = 10_000  # of a bootstrap


class Trace(NamedTuple):
    """One search, or one repetition of a rival.

    Attributes:
      costs: ascending, where the cell handed back changes.
      values: test accuracy of that cell from there on, percent.
      trainings: whole cells trained.
    """

    costs: list[float]
    values: list[float]
    trainings: int = 0

    def at(self, costs: Sequence[float] | np.ndarray) -> np.ndarray:
        """Values in force at these costs, Eq. (eq-anytime); nan before the first.

        >>> Trace([1.0, 3.0], [80.0, 90.0]).at([0.5, 1.0, 2.9, 3.0])
        array([nan, 80., 80., 90.])
        """
        place = np.searchsorted(self.costs, costs, side="right")
        return np.concatenate([[np.nan], self.values])[place]


def play(rival: Rival, table: Table, clock: float, seed: int) -> Trace:
    """One repetition of a rival: what it would hand back at each moment.

    Raises:
      InputError: the clock is too short for one training.
    """
    costs: list[float] = []
    values: list[float] = []
    best, count = "", 0
    for count, step in enumerate(rival(table, clock, seed), 1):  # noqa: B007
        if step.best != best:
            best = step.best
            costs.append(step.seconds)
            values.append(table.test(best))
    if not costs:
        raise InputError(f"a clock of {clock:g} seconds is too short for one training")
    return Trace(costs, values, count)


def curve(
    traces: Sequence[Trace], costs: Sequence[float] | np.ndarray, best: float
) -> dict[str, list[float | None]]:
    """Regret against cost over repetitions: mean, and the band that holds 80 %.

    Args:
      traces: one a repetition.
      costs: where to look.
      best: test accuracy of the best cell, percent.

    Returns:
      ``costs``, ``mean``, ``low``, ``high``; None where some repetition has no cell.
    """
    regret = best - np.array([trace.at(costs) for trace in traces])  # (S, costs)
    rows = {
        "mean": regret.mean(axis=0),
        "low": np.quantile(regret, 0.1, axis=0),
        "high": np.quantile(regret, 0.9, axis=0),
    }
    return {
        "costs": [float(f"{cost:.5g}") for cost in costs],
        **{
            name: [None if np.isnan(v) else round(float(v), 4) for v in row]
            for name, row in rows.items()
        },
    }


def expected_best(values: np.ndarray, tests: np.ndarray, draws: int) -> float:
    r"""Mean test accuracy that random search hands back after so many trainings.

    Eq. (eq-best-of-n): it draws one of N trainings each time, all equally likely and
    with replacement, and hands back the one of highest value. Sorted by value,

    .. math::
        \sum_i t_{(i)} \bigl[ (i / N)^n - ((i - 1) / N)^n \bigr] .

    Args:
      values: (N,) validation accuracy, by which it chooses. Of equal values the one
        listed last counts as higher.
      tests: (N,) test accuracy of the same trainings.
      draws: n.

    >>> expected_best(np.array([1.0, 2.0]), np.array([10.0, 20.0]), draws=2)
    17.5
    """
    if len(values) != len(tests) or draws < 1:
        raise InputError(
            f"{len(values)} values, {len(tests)} tests, {draws} draws: give as many "
            "tests as values, and one draw or more"
        )
    # Eq. (eq-best-of-n)
    reached = (np.arange(len(values) + 1) / len(values)) ** draws
    return float(np.diff(reached) @ tests[np.argsort(values, kind="stable")])


def summary(values: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """Mean, standard deviation (n - 1), median, and how many.

    >>> summary([1.0, 2.0, 6.0])
    {'n': 3, 'mean': 3.0, 'sd': 2.6458, 'median': 2.0}
    """
    found = np.asarray(values, dtype=float)
    if not found.size or not np.isfinite(found).all():
        raise InputError("a summary needs finite numbers, one at least")
    return {
        "n": int(found.size),
        "mean": round(float(found.mean()), 4),
        "sd": round(float(found.std(ddof=1)), 4) if found.size > 1 else None,
        "median": round(float(np.median(found)), 4),
    }


def difference(
    a: Sequence[float], b: Sequence[float], paired: bool, level: float = 0.95
) -> dict[str, Any]:
    """Mean of a less mean of b, with a bootstrap interval (percentiles).

    With few seeds such an interval is too narrow, Eq. (eq-bootstrap): of five seeds it
    holds the true difference in about 83 of 100 cases, not 95. n is beside it for that
    reason.

    Args:
      a, b: one value a seed or repetition; of the same seeds in the same order if they
        are paired.
      paired: draw seeds, not values of a and b apart.
      level: of the interval.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if min(len(first), len(second)) < 2 or (paired and len(first) != len(second)):
        raise InputError(
            f"a difference needs two values of each at least, and as many of both if "
            f"they are paired; here are {len(first)} and {len(second)}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all() and 0 < level < 1):
        raise InputError(
            "a difference needs finite numbers and a level between 0 and 1; here the "
            f"level is {level}"
        )

    def mean(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return x.mean(axis=axis) - y.mean(axis=axis)

    gap = float(mean(first, second))
    drawn = stats.bootstrap(
        (first, second),
        mean,
        paired=paired,
        confidence_level=level,
        n_resamples=DRAWS,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return {
        "n": [len(first), len(second)],
        "paired": paired,
        "mean": round(gap, 4),
        "low": round(float(drawn.low), 4),
        "high": round(float(drawn.high), 4),
    }
