"""Rivals without weight sharing: they train whole cells, one after another.

Each training is a look-up in a table of all cells, and a simulated clock advances by
the seconds that the table has for it. So 500 repetitions take minutes.

A rival is a generator of ``Step``: it trains a cell, sees its validation accuracy, and
says which cell it would hand back now. It never sees a test accuracy. A training that
would not be over when the clock runs out is not started, and the search ends there.

Settings: Dong and Yang, NAS-Bench-201, ICLR 2020, and its code (AutoDL-Projects,
exps/NAS-Bench-201-algos), but for the step of REINFORCE, see there. As in that code, a
training sees one seed, drawn at random, where the table has seeds, and a cell that is
trained twice is paid for twice. A rival pays for its looks at validation pictures too.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from gaea_mini.errors import (
    InputError,
    require_positive,
    require_range,
    require_whole,
)
from gaea_mini.evaluate.table import Table

# Of what the rivals do. Raise it when that changes: repetitions that were kept under
# another number are made again.
VERSION = 2

Choice = tuple[int, ...]  # an operation on each edge

PUBLISHED_CLOCK = 12_000.0  # seconds on NAS-Bench-201
# What that pays for: the number of 12-epoch trainings of NAS-Bench-201, at their mean
# cost. A test recomputes it. Other tables get a clock for as many trainings.
PUBLISHED_TRAININGS = 106


class Step(NamedTuple):
    """One training and what the rival would hand back after it.

    Attributes:
      seconds: the clock when the training is over.
      cell: the cell trained.
      value: its validation accuracy, in percent.
      best: the cell handed back if the search ended now.
    """

    seconds: float
    cell: str
    value: float
    best: str


class Trainer:
    """Trains cells by look-up until the clock runs out.

    Args:
      table: the look-ups.
      clock: seconds in all.
      draws: which seed a training has.
    """

    def __init__(self, table: Table, clock: float, draws: np.random.Generator):
        if not clock > 0:
            raise InputError(f"the clock is {clock} seconds; it must be more than 0")
        self.table, self.clock, self.draws = table, clock, draws
        self.spent = 0.0
        self.seed: int | None = None  # of the last training

    def train(self, cell: str, epoch: int) -> float | None:
        """Validation accuracy of a new training; None, nothing spent, if time is short.

        The training's seed is drawn, where the table has seeds.
        """
        if not self._pay(cell, self.table.seconds(cell, epoch)):
            return None
        seeds = self.table.seeds
        self.seed = seeds[int(self.draws.integers(len(seeds)))] if seeds else None
        return self.table.val(cell, self.seed, epoch)

    def go_on(self, cell: str, before: int, epoch: int) -> float | None:
        """The last training again, from one epoch on to another; None as in ``train``.

        What is left of it is paid, and the new look. It is the same training, so it has
        the same seed.
        """
        done = self.table.seconds(cell, before) - self.table.look(cell)
        if not self._pay(cell, self.table.seconds(cell, epoch) - done):
            return None
        return self.table.val(cell, self.seed, epoch)

    def _pay(self, cell: str, cost: float) -> bool:
        if not cost > 0:
            raise InputError(f"the table has a training of {cost} seconds: {cell}")
        if self.spent + cost > self.clock:
            return False
        self.spent += cost
        return True


def fidelity(table: Table) -> int:
    """Which validation accuracy the rivals see, as a position in ``table.epochs``.

    On NAS-Bench-201 that of the 12-epoch schedule, as published. A table whose epochs
    are looks at one long training has no such schedule: there it is the last.
    """
    return 0 if table.space.name == "nasbench201" else -1


def default_clock(table: Table) -> float:
    """12,000 s on NAS-Bench-201; on others what as many trainings cost on average.

    The same share of the space would be no rule for a small space: 0.7 % of 729 cells
    are five, half of regularised evolution's first population.
    """
    if table.space.name == "nasbench201":
        return PUBLISHED_CLOCK
    epoch = fidelity(table)
    mean = float(np.mean([table.seconds(cell, epoch) for cell in table.cells]))
    return PUBLISHED_TRAININGS * mean


def random_search(table: Table, clock: float, seed: int = 0) -> Iterator[Step]:
    """Draw cells until the clock ends; the best validation accuracy wins."""
    draws = np.random.default_rng(seed)
    trainer, epoch = Trainer(table, clock, draws), fidelity(table)
    best, top = "", -np.inf
    while True:
        cell = table.space.format(_random_choice(table, draws))
        value = trainer.train(cell, epoch)
        if value is None:
            return
        if value > top:
            best, top = cell, value
        yield Step(trainer.spent, cell, value, best)


def evolution(
    table: Table,
    clock: float,
    seed: int = 0,
    population: int = 10,
    sample: int = 3,
) -> Iterator[Step]:
    """Regularised evolution: the best of a sample has a child, and the oldest dies.

    The first cells are random. Then ``sample`` members are drawn with replacement; the
    best of them is copied with another operation on one edge. As in the benchmark's
    code the mutation draws a node first, then an edge into it. Real, Aggarwal, Huang,
    Le, AAAI 2019, algorithm 1.

    Args:
      population: how many are alive.
      sample: how many are drawn for each child. The benchmark's script takes it as an
        argument; 3 is that of its example.
    """
    require_whole("population", population)
    require_whole("sample", sample)
    draws = np.random.default_rng(seed)
    trainer, epoch = Trainer(table, clock, draws), fidelity(table)
    alive: deque[tuple[float, Choice]] = deque()
    best, top = "", -np.inf
    while True:
        if len(alive) < population:
            choice = _random_choice(table, draws)
        else:
            drawn = [alive[int(i)] for i in draws.integers(population, size=sample)]
            choice = mutate(table, max(drawn, key=lambda one: one[0])[1], draws)
        cell = table.space.format(choice)
        value = trainer.train(cell, epoch)
        if value is None:
            return
        if len(alive) == population:
            alive.popleft()
        alive.append((value, choice))
        if value > top:
            best, top = cell, value
        yield Step(trainer.spent, cell, value, best)


def mutate(table: Table, parent: Choice, draws: np.random.Generator) -> Choice:
    """The parent with another operation on one edge: a node is drawn, then its edge."""
    groups = table.space.entering
    group = groups[int(draws.integers(len(groups)))]
    edge = group[int(draws.integers(len(group)))]
    # One of the other operations, all equally likely.
    other = int(draws.integers(len(table.space.operations) - 1))
    child = list(parent)
    child[edge] = other + (other >= parent[edge])
    return tuple(child)


def reinforce(
    table: Table,
    clock: float,
    seed: int = 0,
    lr: float = 0.1,
    decay: float = 0.9,
    keep: str = "best",
) -> Iterator[Step]:
    """REINFORCE: logits on each edge learn to draw cells of high accuracy.

    A cell is drawn from softmax(alpha) on each edge. With reward r (percent) and a
    moving average b of the rewards, r included, Adam takes a step along
    (r - b) * d log p(cell) / d alpha = (r - b) * (one_hot(cell) - softmax(alpha)).
    Williams, 1992; NAS-Bench-201's code.

    Args:
      lr: Adam's step. The authors' code has a grid (0.01, 0.02, 0.1, 0.2, 0.5) and
        names 0.001, 0.01 and 0.5 in examples; 0.1 is the one of the grid whose cells
        have the highest 12-epoch validation accuracy on NAS-Bench-201, chosen there
        and taken over elsewhere. ``repetitions.VARIANTS`` has others.
      keep: "best" hands back the best cell that was trained, as the authors' code does;
        "argmax" the heaviest operation on each edge, as its first version did.
    """
    if keep not in ("argmax", "best"):
        raise InputError(f"keep is {keep!r}; take 'argmax' or 'best'")
    require_positive("lr", lr)
    require_range("decay", decay, 1)
    draws = np.random.default_rng(seed)
    trainer, epoch = Trainer(table, clock, draws), fidelity(table)
    shape = table.space.shape[1:]
    logits = 1e-3 * draws.standard_normal(shape)  # (E, O)
    first, second = np.zeros(shape), np.zeros(shape)  # Adam's moments
    average, weight = 0.0, 0.0
    best, top = "", -np.inf
    step = 0
    while True:
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        # Inverse of the distribution function, edge by edge.
        below = shares.cumsum(axis=1)[:, :-1]  # (E, O-1)
        choice = (draws.random((len(below), 1)) >= below).sum(axis=1)  # (E,)
        cell = table.space.format(choice)
        value = trainer.train(cell, epoch)
        if value is None:
            return
        step += 1
        average = decay * average + (1 - decay) * value
        weight = decay * weight + (1 - decay)
        advantage = value - average / weight
        gradient = advantage * (shares - np.eye(shape[1])[choice])
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        scale = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        logits = logits - lr * first / (1 - 0.9**step) / scale
        if value > top:
            best, top = cell, value
        end = best if keep == "best" else table.space.format(logits.argmax(axis=1))
        yield Step(trainer.spent, cell, value, end)


def _random_choice(table: Table, draws: np.random.Generator) -> Choice:
    _, edges, operations = table.space.shape
    return tuple(int(o) for o in draws.integers(operations, size=edges))


Rival = Callable[..., Iterator[Step]]
