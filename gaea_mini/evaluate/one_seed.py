"""NAS-Bench-201 as its authors' rivals saw it: one seed a training, not a mean.

The compact table has the mean of the two 12-epoch seeds of a cell. The authors' rivals
drew one of the two. How far the two lie apart can be read off the table: NAS-Bench-201
trained every member of a class of isomorphic cells, and these differ by their seeds
only. With that spread two seeds a cell are made up around the mean.
"""

from typing import Any

import numpy as np

from gaea_mini.evaluate.nasbench201 import NasBench201
from gaea_mini.supernet.spaces import CellSpace

LEVELS = 20  # the spread depends on the accuracy, so it is taken in as many parts


class OneSeed:
    """A ``Table`` with two made-up seeds, mean + d and mean - d, at 12 epochs.

    d is drawn once for each cell from N(0, s), where s is the standard deviation of
    the two-seed means within classes of isomorphic cells of about that accuracy: for
    two seeds the mean and half of the difference have the same deviation.

    Args:
      table: the means, with the column ``iso_class``.
      seed: of the draws.
    """

    seeds = (0, 1)

    def __init__(self, table: NasBench201, seed: int = 0):
        self.table = table
        means = table.column(f"c10_val_{table.epochs[0]}")
        levels, spreads = spread_within(means, table.column("iso_class"))
        level = np.minimum(np.searchsorted(levels, means), len(levels) - 1)
        half = np.random.default_rng(seed).normal(0, spreads[level])
        self.half = dict(zip(table.cells, half.tolist(), strict=True))

    @property
    def space(self) -> CellSpace:
        return self.table.space

    @property
    def cells(self) -> list[str]:
        return self.table.cells

    @property
    def epochs(self) -> tuple[int, int]:
        return self.table.epochs

    def val(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """Validation accuracy of one made-up seed; at 200 epochs always the mean."""
        mean = self.table.val(cell, None, epoch)
        if seed is None or self.epochs[epoch] != self.epochs[0]:
            return mean
        return mean + (self.half[cell] if seed == 0 else -self.half[cell])

    def test(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """The mean over the true seeds."""
        return self.table.test(cell, None, epoch)

    def seconds(self, cell: str, epoch: int = -1) -> float:
        """As the table's."""
        return self.table.seconds(cell, epoch)

    def look(self, cell: str) -> float:
        """As the table's."""
        return self.table.look(cell)

    def truth(self, genotypes: list[str]) -> dict[str, Any]:
        """As the table's."""
        return self.table.truth(genotypes)


def spread_within(
    values: np.ndarray, classes: np.ndarray, parts: int = LEVELS
) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation within classes, pooled over classes of about the same mean.

    Args:
      values: (N,).
      classes: (N,), a number for each class.
      parts: how many groups the classes of two or more are sorted into by their mean.

    Returns:
      The highest class mean of each part, and the pooled deviation of each part.
    """
    _, member, size = np.unique(classes, return_inverse=True, return_counts=True)
    means = np.bincount(member, values) / size
    squares = np.bincount(member, (values - means[member]) ** 2)
    several = np.flatnonzero(size > 1)
    order = several[np.argsort(means[several])]
    groups = [part for part in np.array_split(order, parts) if len(part)]
    return (
        np.array([means[part].max() for part in groups]),
        np.array([np.sqrt(squares[p].sum() / (size[p] - 1).sum()) for p in groups]),
    )
