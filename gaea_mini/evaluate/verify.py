"""Train cells of a table again and compare."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from gaea_mini.errors import InputError
from gaea_mini.evaluate.benchmark import Benchmark, train_row
from gaea_mini.evaluate.trained import TrainedTable, processor

DRAWS = 4000  # of checks, to find what honest trainings do
SHIFT = 2.0  # points


@dataclass(frozen=True)
class Check:
    """One cell trained again.

    Attributes:
      cell: the first cell of its class.
      expected, found: test accuracy in the table and now, percent.
      equal: every number but the seconds is as in the table, to the last picture.
      same_size: parameters and multiply-adds are as in the table.
    """

    cell: str
    expected: float
    found: float
    equal: bool
    same_size: bool

    @property
    def difference(self) -> float:
        """Points by which the training now is above the table."""
        return self.found - self.expected


def verify(
    table: TrainedTable, cells: int, seed: int, draw: int = 0
) -> Iterator[Check]:
    """Train some classes again with one of the table's seeds, drawn at random.

    On the kind of machine that made the table (``same_kind``) a check must be equal.
    Elsewhere sums are added up in another order, and after some steps the training is
    another one, as with another seed: then sizes must be equal, and accuracies within
    ``limits``. ``power`` says how much such a check can see.

    Raises:
      InputError: the table has no such seed, not so many classes, or other pictures.
    """
    check_draw(table, cells, seed, draw)
    members = table.members()
    benchmark = Benchmark(
        table.space.name, table.about["data"], table.recipe, table.seeds
    )
    if benchmark.heading()["data_sha256"] != table.about["data_sha256"]:
        raise InputError(
            f"the pictures {table.about['data']} here are not those of the table: they "
            "have another hash"
        )
    chosen = np.random.default_rng(draw).choice(len(members), cells, replace=False)
    for row in chosen.tolist():
        cell = members[row][0]
        found = train_row(benchmark, table.class_of(cell), seed)
        size = table.parameters(cell), table.flops(cell)
        same_size = size == (found["parameters"], found["flops"])
        measured = {name: found[name] for name in ("val", "test", "loss")}
        yield Check(
            cell,
            table.test(cell, seed),
            100 * found["test"][-1] / table.about["pictures"]["test"],
            same_size and table.counts(cell, seed) == measured,
            same_size,
        )


def same_kind(table: TrainedTable) -> bool:
    """Whether this is the version of torch and the kind of processor of the table.

    A table that does not say its processor is of another kind.
    """
    here = str(torch.__version__), processor()
    return here == (table.about["torch"], table.processor)


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


class Limits(NamedTuple):
    """How far from the table honest trainings may be on another machine, in points.

    Attributes:
      each: the size of every difference.
      together: the mean size of all differences.
      shift: the size of their mean.
    """

    each: float
    together: float
    shift: float

    def broken(self, differences: np.ndarray) -> np.ndarray:
        """Which of the three are exceeded by (..., cells): (..., 3), booleans."""
        return measured(differences) > np.array(self)


class Power(NamedTuple):
    """The chance that a check of so many cells, elsewhere, notices a wrong table.

    Attributes:
      exchanged: every accuracy is that of some other cell.
      shifted: every accuracy is ``SHIFT`` points too high.
    """

    exchanged: float
    shifted: float


def measured(differences: np.ndarray) -> np.ndarray:
    """What ``Limits`` limits, of differences (..., cells): (..., 3)."""
    sizes = np.abs(differences)
    shift = np.abs(differences.mean(axis=-1))
    return np.stack([sizes.max(axis=-1), sizes.mean(axis=-1), shift], axis=-1)


def limits(table: TrainedTable, cells: int) -> Limits:
    """Differences that the table's own trainings have in 99 of 100 checks.

    On another machine a training is as good as one with another seed. How far apart two
    such are is read off the table: cells are drawn, and for each two of its seeds. A
    formula for normal noise would not do, as a few trainings are far off. Each limit
    is exceeded in one of 300 draws, so an honest table fails one check in a hundred at
    most.
    """
    once, again, _ = _two_seeds(table, cells)
    ends = np.quantile(measured(once - again), 1 - 1 / 300, axis=0, method="higher")
    return Limits(*map(float, ends))


def power(table: TrainedTable, cells: int) -> Power:
    """How often the check of a wrong table fails, by the draws behind ``limits``."""
    allowed = limits(table, cells)
    once, again, other = _two_seeds(table, cells)
    wrong = once - other, once - again - SHIFT
    return Power(*(float(allowed.broken(d).any(axis=-1).mean()) for d in wrong))


def _two_seeds(table: TrainedTable, cells: int) -> tuple[np.ndarray, ...]:
    """Test accuracies of drawn classes: of one seed, another, and of another class.

    Each is (DRAWS, cells).
    """
    test = table.trained("test")  # (classes, S)
    draws = np.random.default_rng(0)

    def some(count: int, most: int) -> np.ndarray:
        """``most`` numbers below ``count``, no two the same, in every draw."""
        return draws.random((DRAWS, count)).argpartition(most - 1)[:, :most]

    classes = some(len(test), cells)
    others = (classes + draws.integers(1, len(test), classes.shape)) % len(test)
    seeds = draws.integers(len(table.seeds), size=classes.shape)
    step = draws.integers(1, len(table.seeds), classes.shape)
    theirs = (seeds + step) % len(table.seeds)
    return test[classes, seeds], test[classes, theirs], test[others, theirs]
