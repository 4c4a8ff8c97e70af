"""Small made-up tables for the rivals' tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from gaea_mini.supernet.spaces import CellSpace, space

TINY = CellSpace("tiny", ("skip_connect", "nor_conv_3x3"), nodes=3)  # 8 cells
COMPACT = space("compact")


@dataclass
class MadeUp:
    """A table whose validation accuracy is a sum over edges, plus a bit a seed.

    Test accuracy is another function, so that what is chosen by it shows.
    """

    space: CellSpace = COMPACT
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: tuple[int, ...] = (1, 3, 9)
    second: float = 1.0  # an epoch of the smallest cell
    looks: list[tuple[str, int | None, int]] = field(default_factory=list)

    def __post_init__(self):
        _, edges, operations = self.space.shape
        draws = np.random.default_rng(7)
        self.weights = draws.uniform(0, 10, (edges, operations))
        self.cells = [
            self.space.format(choice)
            for choice in itertools.product(range(operations), repeat=edges)
        ]

    def _sum(self, cell):
        choice = self.space.parse(cell)
        return sum(self.weights[e, o] for e, o in enumerate(choice))

    def val(self, cell, seed=None, epoch=-1):
        self.looks.append((cell, seed, epoch))
        bit = 0.0 if seed is None else 0.01 * (self.seeds.index(seed) - 1)
        return self._sum(cell) * self.epochs[epoch] / self.epochs[-1] + bit

    def test(self, cell, seed=None, epoch=-1):
        return 60.0 - self._sum(cell) / 2

    def seconds(self, cell, epoch=-1):
        return self._epoch(cell) * (self.epochs[epoch] + 0.25)

    def look(self, cell):
        return self._epoch(cell) * 0.25

    def _epoch(self, cell):
        return self.second * (1 + sum(self.space.parse(cell)) / 10)

    def truth(self, genotypes):
        return {"test": [self.test(g) for g in genotypes]}


class Sealed(MadeUp):
    """A table whose test column must not be read."""

    def test(self, cell, seed=None, epoch=-1):
        raise AssertionError("the test column was read")

    truth = test
