"""Many searches that differ in space, method, objective or seed: one record each.

A search that was done by a worker comes back as plain data; only the process that
started the sweep writes records. A checkpoint is kept beside the record to come where
the worker sees that folder (this machine, or a shared file system), so a worker that
takes over from a lost one goes on from there; elsewhere it starts anew.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gaea_mini.data import load
from gaea_mini.errors import InputError
from gaea_mini.evaluate.workers import workers
from gaea_mini.search import OBJECTIVES, PRESETS, Bilevel, Run, keeper, method, search
from gaea_mini.search import checkpoint as checkpoints
from gaea_mini.search.loop import describe
from gaea_mini.supernet import space


@dataclass(frozen=True)
class Point:
    """One search of a sweep, as plain data.

    Args:
      space, method, objective, seed: by name.
      lr: step of theta; None takes the method's own.
      data: pictures, as ``gaea_mini.data.load`` takes them.
      preset: size of the search.
      epochs: in place of the preset's.
    """

    space: str
    method: str
    objective: str
    seed: int
    lr: float | None = None
    data: str = "fashion"
    preset: str = "tiny"
    epochs: int | None = None

    @property
    def arm(self) -> str:
        """What it has in common with other seeds."""
        step = "" if self.lr is None else f"-lr{self.lr:g}"
        return f"{self.space}-{self.method}-{self.objective}{step}"

    @property
    def name(self) -> str:
        """Of the record's file."""
        return f"{self.arm}-seed{self.seed}"

    def shorter(self, epochs: int) -> "Point":
        """The same with another number of epochs."""
        return replace(self, epochs=epochs)

    def arguments(self) -> tuple[Any, ...]:
        """Of ``search``: space, data, method, budget, seed.

        Raises:
          InputError: a name that there is not, or parts that do not go together.
        """
        if self.preset not in PRESETS:
            raise InputError(
                f"no preset {self.preset!r}; there are {', '.join(PRESETS)}"
            )
        if self.objective not in OBJECTIVES:
            raise InputError(
                f"no objective {self.objective!r}; there are {', '.join(OBJECTIVES)}"
            )
        budget = PRESETS[self.preset]
        if self.epochs is not None:
            budget = replace(budget, epochs=self.epochs)
        bilevel = self.objective == Bilevel.name  # each method's own
        objective = None if bilevel else OBJECTIVES[self.objective]()
        where = space(self.space)
        return (
            where.without(*where.left_out),
            load(self.data, budget.size, budget.pictures),
            method(self.method, self.lr, objective),
            budget,
            self.seed,
        )


def sweep(
    points: list[Point],
    folder: Path,
    jobs: int = 2,
    scheduler: str | None = None,
    device: str = "cpu",
    table: Any = None,
) -> Iterator[tuple[Point, Run]]:
    """Search every point that has no record yet; yields each with its record.

    Those that have one come first, the others as they are done.

    Args:
      points: the searches.
      folder: of the records, ``NAME.json``.
      jobs: searches at a time on this machine.
      scheduler: address of a Dask scheduler whose workers search instead.
      device: of every search.
      table: of NAS-Bench-201; then its records have the true accuracy too.

    Raises:
      InputError: a point that cannot be searched, a record of another search in its
        place, or a worker that was killed. Records that are done stay.
    """
    missing = []
    for point in points:
        config = describe(*point.arguments())  # refuses it before any search
        config = json.loads(json.dumps(config))  # as a record has it
        file = folder / f"{point.name}.json"
        if not file.exists():
            missing.append(point)
            continue
        run = Run.load(file)
        checkpoints.require_same(f"record {file}", run.config, config)
        yield point, run
    done = len(points) - len(missing)
    try:
        with workers(scheduler, jobs) as run_all:
            given = [(point, str(folder.resolve()), device) for point in missing]
            for point, record in run_all(search_point, given):
                run = Run.from_dict(record)
                if table is not None and run.config["space"] == "nasbench201":
                    run.truth = table.truth(run.genotype)
                run.save(folder / f"{point.name}.json")
                keeper.remove(folder / f"{point.name}.pt")
                done += 1
                yield point, run
    except InputError as error:
        raise InputError(
            f"{error}; {done} of {len(points)} records are in {folder}, and the same "
            "command goes on from there"
        ) from None


def search_point(
    point: Point, folder: str, device: str
) -> tuple[Point, dict[str, Any]]:
    """Search one point, with one thread: what a worker does."""
    import torch

    torch.set_num_threads(1)
    there = Path(folder)
    checkpoint = there / f"{point.name}.pt" if there.is_dir() else None
    try:
        where, data, chosen, budget, seed = point.arguments()
        options: dict[str, Any] = {"checkpoint": checkpoint, "minutes": 10}
        *_, run = search(where, data, chosen, budget, seed, device, **options)
    except InputError as error:
        raise InputError(f"{point.name}: {error}") from None
    return point, run.to_dict()
