"""Many searches that differ in space, method, objective or seed: one record each.

A search that was done by a worker comes back as plain data; only the process that
started the sweep writes records. A checkpoint is kept beside the record to come where
the worker sees that folder (this machine, or a shared file system), so a worker that
takes over from a lost one goes on from there; elsewhere it starts anew.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gaea_mini import checkpoints
from gaea_mini.data import Pictures, file_of, load
from gaea_mini.errors import InputError, enough_memory, in_a_line, told_in_a_line
from gaea_mini.evaluate.workers import workers
from gaea_mini.forecast import Forecast, in_words, is_small, of_search
from gaea_mini.search import OBJECTIVES, PRESETS, Bilevel, Run, method, search
from gaea_mini.search.budget import PAPER_WARM_UP
from gaea_mini.search.loop import describe
from gaea_mini.search.precision import device_named
from gaea_mini.search.speed import Speed
from gaea_mini.supernet import space

ADVICE = "take fewer --jobs or a smaller --preset"  # where the memory is full
# Given what one search of each arm costs, in seconds and in words, and the searches to
# come; it may raise.
Ask = Callable[[dict[str, tuple[float, str]], list["Point"]], Any]
# Given the memory needed and free, MiB, before a forecast's steps; it may raise.
Fits = Callable[[float, float | None], Any]

TOLD = 3  # so many searches that failed are told of one by one


class FailedError(InputError):
    """Some searches of a sweep failed; all others are done."""


@dataclass(frozen=True)
class Point:
    """One search of a sweep, as plain data.

    Args:
      space, method, objective, seed: by name.
      lr: step of theta; None takes the method's own.
      data: pictures, as ``gaea_mini.data.load`` takes them.
      preset: size of the search; "gpu" is "gpu-darts" on the space darts.
      epochs: in place of the preset's; more than its cosine lasts stretch it.
      warm_up: part of the epochs in which theta rests; None takes the method's own, or
        that of the paper where the preset has one.
      precision, compile: as of ``search``.
    """

    space: str
    method: str
    objective: str
    seed: int
    lr: float | None = None
    data: str = "fashion"
    preset: str = "tiny"
    epochs: int | None = None
    warm_up: float | None = None
    precision: str = "float32"
    compile: bool = False

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
        full = self.preset == "gpu" and self.space == "darts"
        preset = "gpu-darts" if full else self.preset
        budget = PRESETS[preset]
        if self.epochs is not None:
            budget = budget.lasting(self.epochs)
        bilevel = self.objective == Bilevel.name  # each method's own
        objective = None if bilevel else OBJECTIVES[self.objective]()
        where = space(self.space)
        chosen = method(self.method, self.lr, objective)
        warm_up = self.warm_up
        if warm_up is None:
            warm_up = PAPER_WARM_UP.get((preset, self.method))
        if warm_up is not None:
            chosen = replace(chosen, warm_up=warm_up)
        self.speed.check(chosen, "fast")
        file = file_of(self.data)
        changed = file.stat().st_mtime_ns if file and file.exists() else None
        return (
            where.without(*where.left_out),
            _pictures(self.data, budget.size, budget.pictures, changed),
            chosen,
            budget,
            self.seed,
        )

    @property
    def speed(self) -> Speed:
        """How it is computed."""
        return Speed(self.precision, self.compile)


@lru_cache(maxsize=1)
def _pictures(
    source: str, size: int, pictures: int | None, changed: int | None
) -> Pictures:
    """Pictures that all points share, read once a process until their file changes."""
    return load(source, size, pictures)


def sweep(
    points: list[Point],
    folder: Path,
    jobs: int = 2,
    scheduler: str | None = None,
    device: str = "cpu",
    table: Any = None,
    ask: Ask | None = None,
    fits: Fits | None = None,
) -> Iterator[tuple[Point, Run]]:
    """Search every point that has no record yet; yields each with its record.

    Those that have one come first, the others as they are done. One that fails does not
    end the others; it is told of at the end.

    Args:
      points: the searches.
      folder: of the records, ``NAME.json``.
      jobs: searches at a time on this machine.
      scheduler: address of a Dask scheduler whose workers search instead.
      device: of every search.
      table: of NAS-Bench-201; then its records have the true accuracy too.
      ask: called before the first search, if one that is not begun may be long, with
        what one search of each arm costs, and with all that are not begun. The cost is
        that of a record of the arm, and where there is none a worker measures it.
      fits: called there with the memory needed and free, before the measured steps.

    Raises:
      FailedError: at the end, some searches failed.
      InputError: a point that cannot be searched, two of one name, a record of another
        search in a point's place, or a worker that was killed. Records that are done
        stay.
    """
    _require_own_names(points)
    missing, new, long = [], [], False
    costs: dict[str, tuple[float, str]] = {}
    for point in points:
        where, data, chosen, budget, seed = point.arguments()  # refused here already
        config = describe(where, data, chosen, budget, seed, speed=point.speed)
        config = json.loads(json.dumps(config))  # as a record has it
        file = folder / f"{point.name}.json"
        if not file.exists():
            missing.append(point)
            begun = checkpoints.begun(file.with_suffix(".pt"))
            if begun is None:
                new.append(point)
                long = long or not is_small(budget, len(data.x))
            else:
                what = f"checkpoint {file.with_suffix('.pt')}"
                anew = "delete it, or name another --out"
                checkpoints.require_same(what, begun, config, checkpoints.HOW, anew)
            continue
        run = Run.load(file)
        checkpoints.require_same(f"record {file}", run.config, config)
        seconds = run.seconds[-1]
        costs[point.arm] = seconds, f"{in_words(seconds)}, as recorded in {file}"
        yield point, run
    done = len(points) - len(missing)
    failed: dict[Point, str] = {}
    try:
        with workers(scheduler, jobs) as run_all:
            # What goes on from a checkpoint has been through this.
            if ask is not None and long:
                one_each = {point.arm: point for point in new}
                unknown = [one_each[arm] for arm in one_each if arm not in costs]
                asked = [(point, device, fits) for point in unknown]
                for arm, found in run_all(forecast_point, asked):
                    costs[arm] = found.seconds, str(found)
                ask({arm: costs[arm] for arm in one_each}, new)
            given = [(point, str(folder.resolve()), device) for point in missing]
            for point, record in run_all(search_point, given):
                if isinstance(record, str):
                    failed[point] = record
                    continue
                run = Run.from_dict(record)
                if table is not None and run.config["space"] == "nasbench201":
                    run.truth = table.truth(run.genotype)
                run.save(folder / f"{point.name}.json")
                checkpoints.remove(folder / f"{point.name}.pt")
                done += 1
                yield point, run
    except (InputError, OSError) as error:
        raise InputError(
            f"{in_a_line(error)}; {done} of {len(points)} records are in {folder}, and "
            "the same command goes on from there"
        ) from None
    if failed:
        raise FailedError(
            f"{_told(failed, points)}; {done} of {len(points)} records are in "
            f"{folder}, and the same command tries only the others again"
        )


def _require_own_names(points: list[Point]) -> None:
    """Refuse two searches that would write the same files."""
    times = Counter(point.name for point in points)
    for name, count in times.items():
        if count > 1:
            raise InputError(
                f"{count} searches of the sweep are named {name}, and would write the "
                "same files; give each once, and others a folder of their own"
            )


def _told(failed: dict[Point, str], points: list[Point]) -> str:
    """Which searches failed, and why; of many the first few."""
    each = [f"{point.name}: {failed[point]}" for point in points if point in failed]
    more = [f"and {len(each) - TOLD} more"] if len(each) > TOLD else []
    told = "; ".join(each[:TOLD] + more)
    return f"{len(each)} of {len(points)} searches failed: {told}"


def forecast_point(
    point: Point, device: str, fits: Fits | None
) -> tuple[str, Forecast]:
    """What a search of an arm will cost where a worker runs, with one thread."""
    import torch

    torch.set_num_threads(1)
    try:
        with enough_memory(ADVICE):
            device_named(device)
            where, data, chosen, budget, _ = point.arguments()
            sizes = (where, data, chosen, budget, device, point.speed)
            found = of_search(*sizes, before_steps=fits)
    except InputError as error:
        raise InputError(f"{point.arm}: {error}") from None
    return point.arm, found


def search_point(
    point: Point, folder: str, device: str
) -> tuple[Point, dict[str, Any] | str]:
    """Search one point, with one thread: what a worker does.

    Returns:
      the point with its record as plain data or, if the search failed, the reason.

    Raises:
      InputError: what every search needs is not here: the device, or the pictures.
    """
    import torch

    torch.set_num_threads(1)
    there = Path(folder)
    checkpoint = there / f"{point.name}.pt" if there.is_dir() else None
    options: dict[str, Any] = {"checkpoint": checkpoint, "minutes": 10}
    options |= {"precision": point.precision, "compile": point.compile}
    try:
        with enough_memory(ADVICE):
            device_named(device)
            where, data, chosen, budget, seed = point.arguments()
    except InputError as error:
        raise InputError(f"{point.name}: {error}") from None
    try:
        with enough_memory(ADVICE), told_in_a_line():
            *_, run = search(where, data, chosen, budget, seed, device, **options)
    except (InputError, OSError) as error:  # a loss that is no number, no space, ...
        return point, in_a_line(error)
    return point, run.to_dict()
