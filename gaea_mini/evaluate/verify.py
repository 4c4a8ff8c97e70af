"""Train cells of a table again and compare."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats

from gaea_mini.errors import InputError
from gaea_mini.evaluate.benchmark import Benchmark, train_row
from gaea_mini.evaluate.signal import components
from gaea_mini.evaluate.trained import TrainedTable, processor


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
        """Points between the two."""
        return abs(self.expected - self.found)


def verify(
    table: TrainedTable, cells: int, seed: int, draw: int = 0
) -> Iterator[Check]:
    """Train some classes again with one of the table's seeds, drawn at random.

    On the kind of machine that made the table (``same_kind``) a check must be equal.
    Elsewhere sums are added up in another order, and after some steps the training is
    another one, as with another seed: then sizes must be equal, and accuracies within
    ``limits``.

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
    """By how many points honest trainings may differ from the table elsewhere.

    Attributes:
      each: what no difference exceeds.
      together: what the root of the mean square of all of them does not exceed.
    """

    each: float
    together: float


def limits(table: TrainedTable, cells: int) -> Limits:
    r"""Points by which trainings may differ from the table on another machine.

    Two trainings of a cell differ by a normal number with variance 2 sigma_w^2. Of n
    such differences none exceeds ``each``, and their root mean square does not exceed
    ``together``, in 995 of 1,000 checks:

    .. math::
        \sqrt 2 \, \sigma_w \, \Phi^{-1}\Big(1 - \frac{0.005}{2 n}\Big), \qquad
        \sqrt{2 \sigma_w^2 \, F_n^{-1}(0.995) / n}

    with F_n the distribution function of chi-squared with n degrees of freedom. So an
    honest table fails one check in a hundred at most.
    """
    double = 2 * components(table.trained("test")).within
    each = stats.norm.isf(0.005 / (2 * cells))
    together = stats.chi2.isf(0.005, cells) / cells
    return Limits(float(np.sqrt(double) * each), float(np.sqrt(double * together)))
