"""The recorded runs that chapters read: ``python -m gaea_mini records``.

A recipe is a named list of searches. Every search is kept in a cache as soon as it is
done (and continues from its checkpoint if it was cut off), so a recipe resumes where it
stopped. Searches run side by side, one thread each. Finished recipes are written to
``book/records/NAME.json``.

Steps are chosen on seeds 100 to 104, by the accuracy of the rounded supernet on
held-out search data, never by a table; results are reported on seeds 0 to 9. Every
method's step is chosen in the same way from equally many values.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gaea_mini.data import Pictures, load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import NasBench201
from gaea_mini.files import write_atomically
from gaea_mini.search import OBJECTIVES, PRESETS, Budget, Run, method, search
from gaea_mini.search.loop import describe
from gaea_mini.supernet import Space, space

TUNING_SEEDS = (100, 101, 102, 103, 104)
REPORT_SEEDS = tuple(range(10))
MOST_STEPS = 8
# From the published step upwards, by factors of about the square root of ten.
GRIDS = {
    "darts": (3e-4, 1e-3, 3e-3, 1e-2),
    "darts-sgd": (0.1, 0.3, 1.0, 3.0),
    "gaea-darts": (0.1, 0.3, 1.0, 3.0),
}


@dataclass(frozen=True)
class Task:
    """One search of a recipe; everything in it is plain data, so it can be cached."""

    space: str
    without: tuple[str, ...]
    source: str
    method: str
    lr: float
    objective: str
    budget: Budget
    seed: int


@dataclass(frozen=True)
class Recipe:
    """What a record holds.

    Args:
      about: one sentence for the reader of the file.
      space, without: the search space, less some operations.
      source: the pictures, "fashion" or "cifar10".
      objectives: names of the objectives.
      methods: methods whose step is chosen, then reported.
      budget: of every search.
      published: methods that are reported at their published step as well.
      steps_of: another recipe whose chosen steps are used; None chooses them here.
    """

    about: str
    space: str
    without: tuple[str, ...]
    source: str
    objectives: tuple[str, ...]
    methods: tuple[str, ...]
    budget: Budget
    published: tuple[str, ...] = ()
    steps_of: str | None = None


CHAPTER = replace(
    PRESETS["cpu"],
    preset="chapter",
    size=14,
    pictures=3000,
    epochs=15,
    schedule_epochs=30,
    crop=1,
)
NB201 = ("nasbench201", ("none",), "cifar10")
RECIPES = {
    "compact_fashion": Recipe(
        "The compact space on the shipped pictures, as chapter 'gaea' runs it live.",
        "compact",
        (),
        "fashion",
        ("bilevel",),
        ("darts", "darts-sgd", "gaea-darts"),
        CHAPTER,
        published=("darts", "gaea-darts"),
    ),
    "nasbench201_bilevel": Recipe(
        "NAS-Bench-201 without 'none' on 8,000 CIFAR-10 pictures, preset cpu.",
        *NB201,
        ("bilevel",),
        ("darts", "gaea-darts"),
        PRESETS["cpu"],
    ),
    "nasbench201_single_level": Recipe(
        "NAS-Bench-201 without 'none' on 8,000 CIFAR-10 pictures, preset cpu.",
        *NB201,
        ("single-level",),
        ("darts", "gaea-darts"),
        PRESETS["cpu"],
        # A single-level search takes twice as long; both methods keep the steps that
        # were chosen for them in the bilevel search.
        steps_of="nasbench201_bilevel",
    ),
}


@dataclass(frozen=True)
class Kitchen:
    """Where files lie and how many searches run at once."""

    records: Path = Path("book/records")
    cache: Path = Path("_build/records")
    nb201: Path | None = None
    cifar10: str = "cifar10"
    jobs: int = 2

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise InputError(f"jobs is {self.jobs}; it must be 1 or more")

    def cook(self, name: str, say: Callable[[str], None] = print) -> Path:
        """Run what is missing of a recipe and write its record."""
        recipe = recipe_named(name)
        table = NasBench201(self.nb201) if self.nb201 else None
        runs: list[Run] = []
        choices = []
        for objective in recipe.objectives:
            for method_name in recipe.methods:
                if recipe.steps_of is None:
                    choice = self._choose(recipe, method_name, objective, say)
                else:
                    choice = self._chosen_before(recipe.steps_of, method_name)
                choices.append(choice)
                steps = [choice["chosen"]]
                if method_name in recipe.published:
                    steps = sorted({*steps, GRIDS[method_name][0]})
                for lr in steps:
                    tasks = [
                        self._task(recipe, method_name, lr, objective, seed)
                        for seed in REPORT_SEEDS
                    ]
                    runs += self._run(tasks)
                    say(f"{name}: {method_name} {objective} lr {lr:g} reported")
        if table is not None and recipe.space == "nasbench201":
            for run in runs:
                run.truth = table.truth(run.genotype)
        record = {
            "recipe": name,
            "about": recipe.about,
            "steps": choices,
            "runs": [run.to_dict() for run in runs],
        }
        self.records.mkdir(parents=True, exist_ok=True)
        path = self.records / f"{name}.json"
        write_atomically(path, (json.dumps(record) + "\n").encode())
        say(f"{name}: written to {path}")
        return path

    def _choose(
        self, recipe: Recipe, name: str, objective: str, say: Callable[[str], None]
    ) -> dict[str, Any]:
        """The step with the best rounded accuracy on held-out search data.

        All steps of the grid run on two tuning seeds. The best two run on the other
        tuning seeds, and the better mean over all five wins. Whenever the last value of
        the grid is the best, the grid is continued upwards, to at most eight values.
        """
        scores: dict[float, list[float]] = {}
        grid = list(GRIDS[name])

        def score(steps: Iterable[float], seeds: Iterable[int]) -> None:
            tasks = [
                self._task(recipe, name, lr, objective, seed)
                for lr in steps
                for seed in seeds
            ]
            for task, run in zip(tasks, self._run(tasks), strict=True):
                scores.setdefault(task.lr, []).append(rounded_accuracy(run))

        def means() -> dict[float, float]:
            return {lr: float(np.mean(values)) for lr, values in scores.items()}

        score(grid, TUNING_SEEDS[:2])
        while (
            max(means(), key=means().__getitem__) == grid[-1] and len(grid) < MOST_STEPS
        ):
            grid.append(float(f"{grid[-2] * 10:g}"))
            score(grid[-1:], TUNING_SEEDS[:2])
        finalists = sorted(means(), key=means().__getitem__)[-2:]
        score(finalists, TUNING_SEEDS[2:])
        chosen = max(finalists, key=means().__getitem__)
        while chosen == grid[-1] and len(grid) < MOST_STEPS:
            grid.append(float(f"{grid[-2] * 10:g}"))
            score(grid[-1:], TUNING_SEEDS)
            chosen = max(chosen, grid[-1], key=means().__getitem__)
        say(f"{name} {objective}: step {chosen:g} of {grid}, {means()}")
        return {
            "method": name,
            "objective": objective,
            "rule": "mean rounded accuracy on held-out search data, last five epochs",
            "seeds": list(TUNING_SEEDS),
            "scores": [
                {"lr": lr, "accuracy_rounded": [round(v, 3) for v in scores[lr]]}
                for lr in grid
            ],
            "chosen": chosen,
        }

    def _chosen_before(self, name: str, method_name: str) -> dict[str, Any]:
        """The step that another recipe's record has for a method."""
        path = self.records / f"{name}.json"
        try:
            steps = json.loads(path.read_text())["steps"]
            return {step["method"]: step for step in steps}[method_name]
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(
                f"{path} has no chosen step of {method_name}; run the recipe {name} "
                "first"
            ) from None

    def _task(
        self, recipe: Recipe, name: str, lr: float, objective: str, seed: int
    ) -> Task:
        source = self.cifar10 if recipe.source == "cifar10" else recipe.source
        return Task(
            recipe.space,
            recipe.without,
            source,
            name,
            lr,
            objective,
            recipe.budget,
            seed,
        )

    def _run(self, tasks: list[Task]) -> list[Run]:
        try:
            from joblib import Parallel, delayed
        except ImportError:
            raise InputError(
                "recorded runs need joblib: pip install joblib, then run this again"
            ) from None
        self.cache.mkdir(parents=True, exist_ok=True)
        jobs = (delayed(cached_search)(task, str(self.cache)) for task in tasks)
        return list(Parallel(n_jobs=self.jobs)(jobs))


def recipe_named(name: str) -> Recipe:
    """A recipe by its name."""
    if name not in RECIPES:
        raise InputError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def rounded_accuracy(run: Run) -> float:
    """What steps are chosen by: held-out accuracy after rounding, last five epochs."""
    return float(np.mean(run.accuracy_rounded[-5:]))


def cached_search(task: Task, cache: str) -> Run:
    """The run of a task: from the cache, or searched (and resumed) with one thread."""
    import torch

    torch.set_num_threads(1)
    where, data, chosen, budget = prepare(task)
    config = describe(where, data, chosen, budget, task.seed)
    key = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:20]
    path = Path(cache) / f"{key}.json"
    if path.exists():
        return Run.load(path)
    checkpoint = path.with_suffix(".pt")
    *_, run = search(where, data, chosen, budget, task.seed, checkpoint=checkpoint)
    run.save(path)
    os.remove(checkpoint)
    return run


def prepare(task: Task) -> tuple[Space, Pictures, Any, Budget]:
    """The arguments of ``search`` that a task stands for."""
    budget = task.budget
    return (
        space(task.space).without(*task.without),
        load(task.source, budget.size, budget.pictures),
        method(task.method, task.lr, OBJECTIVES[task.objective]()),
        budget,
    )
