"""Every cell of a small space trained alone: how the table is made.

A class of cells (``classes``) and a seed make one training and one row. Rows come from
worker processes, in any order, and go into a journal as they come; when all are there
the table is written. A row depends on class and seed only, not on the worker, the order
or what was done before.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gaea_mini
from gaea_mini.data import Pictures, load
from gaea_mini.errors import InputError, require_whole
from gaea_mini.evaluate.alone import train_alone
from gaea_mini.evaluate.classes import classes
from gaea_mini.evaluate.journal import Journal
from gaea_mini.evaluate.trained import processor, write_table
from gaea_mini.evaluate.training import TrainingRecipe
from gaea_mini.evaluate.workers import workers
from gaea_mini.search.run import environment
from gaea_mini.supernet import CellSpace, space

Task = tuple[int, int]  # class and seed
# What every worker must have as the process that started them has it.
SAME = {
    "torch": "version of torch",
    "gaea_mini": "version of gaea_mini",
    "data_sha256": "pictures",
}


@dataclass(frozen=True)
class Benchmark:
    """What a table holds.

    Args:
      space: the search space; all its cells.
      source: the pictures.
      recipe: of every training.
      seeds: of the trainings of each class.
      only: numbers of the classes to train; None: all.
    """

    space: str
    source: str
    recipe: TrainingRecipe
    seeds: tuple[int, ...] = (0, 1, 2)
    only: tuple[int, ...] | None = None

    @property
    def cells(self) -> CellSpace:
        """The search space itself."""
        where = space(self.space)
        if not isinstance(where, CellSpace):
            raise InputError(f"space {self.space} cannot be trained exhaustively")
        return where

    def tasks(self) -> list[Task]:
        """(class, seed) of every training, seed by seed.

        Within a seed the classes are shuffled, so that the time left can be told from
        the time so far.
        """
        count = len(classes(self.cells)[1])
        numbers = range(count) if self.only is None else self.only
        order = np.random.default_rng(0).permutation(list(numbers)).tolist()
        return [(number, seed) for seed in self.seeds for number in order]

    def heading(self) -> dict[str, Any]:
        """Every name and number that determines a row, as plain data."""
        data = pictures(self.source, self.recipe.size)
        return {
            "space": self.space,
            "operations": list(self.cells.operations),
            "data": data.name,
            "data_sha256": data.sha256,
            "recipe": asdict(self.recipe),
            "torch": str(torch.__version__),
            "gaea_mini": gaea_mini.__version__,
        }


# One cell a stage of 8 channels, on pictures of 14 pixels: a few seconds a training.
COMPACT = Benchmark(
    "compact",
    "fashion",
    TrainingRecipe(
        "compact",
        channels=8,
        cells=1,
        size=14,
        pictures=6000,
        held_out=3000,
        epochs=6,
        batch=128,
        schedule="one-cycle",
        warm_up=0.25,
        lr=0.2,
        crop=1,
        measured=(2, 4, 6),
    ),
)


@cache
def pictures(source: str, size: int) -> Pictures:
    """The pictures, read once in each process."""
    return load(source, size)


def train_row(benchmark: Benchmark, number: int, seed: int) -> dict[str, Any]:
    """Train one class with one seed: what a worker does.

    Accuracies are numbers of pictures that were recognised. With the row goes what else
    it depends on: versions of torch and of this package, hash of the pictures, kind of
    processor.

    Raises:
      InputError: the training failed; the message says of which cell.
    """
    torch.set_num_threads(1)
    where, recipe = benchmark.cells, benchmark.recipe
    cell = classes(where)[1][number]
    try:
        data = pictures(benchmark.source, recipe.size)
        *_, run = train_alone(where, cell, data, recipe, seed)
    except Exception as error:  # whatever it was, the parent must learn of which cell
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        raise InputError(
            f"cell {cell}, seed {seed}: the training failed ({kind}{error})"
        ) from None
    at = [epoch for epoch in range(recipe.epochs) if recipe.measures(epoch + 1)]

    def counts(percent: list[float | None], of: int) -> list[int]:
        return [round((percent[epoch] or 0.0) * of / 100) for epoch in at]

    return {
        "class": number,
        "seed": seed,
        "val": counts(run.val, recipe.held_out),
        "test": counts(run.test, len(data.y_test)),
        "loss": [round(run.loss[epoch], 4) for epoch in at],
        "seconds": [round(run.seconds[epoch], 3) for epoch in at],
        "parameters": run.parameters,
        "flops": run.flops,
        "torch": str(torch.__version__),
        "gaea_mini": gaea_mini.__version__,
        "data_sha256": data.sha256,
        "processor": processor(),
    }


def build(
    benchmark: Benchmark,
    out: Path,
    journal: Path,
    jobs: int = 2,
    scheduler: str | None = None,
    repair: bool = False,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Train what is missing in the journal, then write the table.

    Args:
      benchmark: what to train.
      out: the table.
      journal: finished rows; a build that was stopped goes on from here.
      jobs: worker processes on this machine, one thread each.
      scheduler: address of a Dask scheduler whose workers train instead.
      repair: take damaged rows out of the journal and train them again.
      watch: called with rows done and rows in all, at the start and after every row.

    Raises:
      InputError: a training failed, a worker was killed, Dask or joblib is missing, or
        the journal cannot be used. Rows that are done stay in the journal.
      OSError: a file cannot be written; the rows before it stay.
    """
    require_whole("jobs", jobs)
    tasks = benchmark.tasks()
    heading = benchmark.heading()
    with (
        workers(scheduler, jobs) as run,
        Journal(journal, heading, repair) as finished,
    ):
        done = {(row["class"], row["seed"]) for row in finished.rows}
        missing = [task for task in tasks if task not in done]
        count = len(tasks) - len(missing)
        watch(count, len(tasks))
        try:
            for row in run(train_row, [(benchmark, *task) for task in missing]):
                finished.append(_checked(row, heading))
                count += 1
                watch(count, len(tasks))
        except InputError as error:
            if not count:
                raise
            raise InputError(
                f"{error}; the {count} rows that are done are in {journal}, and the "
                "same command goes on from there"
            ) from None
        rows = {(row["class"], row["seed"]): row for row in finished.rows}
    chosen = [rows[task] for task in tasks]
    about = heading | {
        "pictures": {
            "train": _trained_on(benchmark),
            "val": benchmark.recipe.held_out,
            "test": len(pictures(benchmark.source, benchmark.recipe.size).y_test),
        },
        "environment": {**environment(torch.device("cpu")), "threads": 1},
    }
    write_table(out, benchmark.cells, about, chosen)


def _checked(row: dict[str, Any], heading: dict[str, Any]) -> dict[str, Any]:
    """The row for the journal, if the worker has the code and the pictures of here.

    These are in the journal's heading, for all rows.
    """
    rest = dict(row)
    for name, what in SAME.items():
        if (theirs := rest.pop(name)) != (ours := heading[name]):
            raise InputError(
                f"a worker has another {what} than this process, {theirs[:20]} and "
                f"{ours[:20]}; install the same on both"
            )
    return rest


def _trained_on(benchmark: Benchmark) -> int:
    recipe = benchmark.recipe
    free = len(pictures(benchmark.source, recipe.size).y) - recipe.held_out
    return free if recipe.pictures is None else recipe.pictures
