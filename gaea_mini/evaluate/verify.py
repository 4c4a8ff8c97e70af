"""Train cells of a table again and compare."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.evaluate.benchmark import Benchmark, train_row
from gaea_mini.evaluate.signal import components
from gaea_mini.evaluate.trained import TrainedTable
from gaea_mini.evaluate.training import TrainingRecipe


@dataclass(frozen=True)
class Check:
    """One cell trained again.

    Attributes:
      cell: the first cell of its class.
      expected, found: test accuracy in the table and now, percent.
      equal: every number but the seconds is as in the table, to the last picture.
    """

    cell: str
    expected: float
    found: float
    equal: bool

    @property
    def difference(self) -> float:
        """Points between the two."""
        return abs(self.expected - self.found)


def verify(
    table: TrainedTable, cells: int, seed: int, draw: int = 0
) -> Iterator[Check]:
    """Train some classes again with one of the table's seeds, drawn at random.

    On the machine class that made the table a check is equal. Elsewhere sums are added
    up in another order, and after some steps the training is another one, as with
    another seed: then ``tolerance`` is the measure.

    Raises:
      InputError: the table has no such seed, or not so many classes.
    """
    check_draw(table, cells, seed, draw)
    members = table.members()
    recipe = dict(table.about["recipe"])
    recipe["measured"] = tuple(recipe["measured"])
    benchmark = Benchmark(
        table.space.name, table.about["data"], TrainingRecipe(**recipe), table.seeds
    )
    chosen = np.random.default_rng(draw).choice(len(members), cells, replace=False)
    for row in chosen.tolist():
        cell = members[row][0]
        found = train_row(benchmark, table.class_of(cell), seed)
        yield Check(
            cell,
            table.test(cell, seed),
            100 * found["test"][-1] / table.about["pictures"]["test"],
            table.counts(cell, seed) == {n: found[n] for n in ("val", "test", "loss")},
        )


def check_draw(table: TrainedTable, cells: int, seed: int, draw: int) -> None:
    """Refuse what ``verify`` cannot draw, before anything is trained."""
    classes = len(table.members())
    if seed not in table.seeds:
        raise InputError(
            f"the table has no seed {seed}; it has {', '.join(map(str, table.seeds))}"
        )
    if not 1 <= cells <= classes:
        raise InputError(f"cells is {cells}; take 1 to {classes}")
    if draw < 0:
        raise InputError(f"draw is {draw}; it must be 0 or more")
    if len(table.seeds) < 2:
        raise InputError("with one seed a cell the table does not say what noise is")


def tolerance(table: TrainedTable, cells: int) -> float:
    r"""Points by which a training may differ from the table on another machine.

    Two trainings of a cell differ by a normal number with variance 2 sigma_w^2. The
    tolerance t is what none of n such differences exceeds in 99 of 100 checks:

    .. math::
        t = \sqrt 2 \, \sigma_w \, \Phi^{-1}\Big(1 - \frac{0.01}{2 n}\Big)
    """
    within = components(table.trained("test")).within
    limit = statistics.NormalDist().inv_cdf(1 - 0.01 / (2 * cells))
    return float(np.sqrt(2 * within) * limit)
