"""Runs recipes: searches side by side, one thread each, kept as soon as they are done.

The cache knows a search by its settings, not by the code: delete ``_build/records``
after a change of the search itself.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaea_mini import checkpoints
from gaea_mini.data import Pictures, load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import NasBench201
from gaea_mini.files import require_folder, write_atomically
from gaea_mini.recipes import Recipe, recipe_named
from gaea_mini.search import OBJECTIVES, Bilevel, Budget, Run, method, search
from gaea_mini.search.loop import describe
from gaea_mini.supernet import Space, space


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

    def make_folders(self) -> None:
        """Make both folders, before any search.

        Raises:
          InputError: one cannot be made, or nothing can be written there.
        """
        require_folder(self.records, "--records")
        require_folder(self.cache, "--cache")

    def cook(self, name: str, say: Callable[[str], None] = print) -> Path:
        """Run what is missing of a recipe and write its record."""
        recipe = recipe_named(name)
        if recipe.space == "nasbench201" and self.nb201 is None:
            raise InputError(
                f"recipe {name} needs the table of NAS-Bench-201: give --nb201 FILE"
            )
        self.make_folders()
        table = NasBench201(self.nb201) if self.nb201 else None
        runs: list[Run] = []
        choices: list[dict[str, Any]] = []
        for objective in recipe.objectives:
            for method_name in recipe.methods:
                if method_name in recipe.borrowed:
                    origin, owner = recipe.borrowed[method_name]
                    before = choices if origin == name else self.choices_of(origin)
                    lent = chosen_of(owner, before, origin)
                    choice = taken_over(method_name, objective, lent, origin)
                elif method_name in recipe.tuning.grids:
                    choice = self._choose(recipe, method_name, objective, say)
                else:
                    choice = no_choice(method_name, objective)
                choices.append(choice)
                steps = [choice["chosen"]]
                if method_name in recipe.published:
                    steps = sorted({*steps, recipe.tuning.grids[method_name][0]})
                for lr in steps:
                    runs += self.searches(
                        recipe, method_name, lr, objective, recipe.seeds
                    )
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
        path = self.records / f"{name}.json"
        write_atomically(path, (json.dumps(record) + "\n").encode())
        say(f"{name}: written to {path}")
        return path

    def searches(
        self,
        recipe: Recipe,
        name: str,
        lr: float,
        objective: str,
        seeds: Iterable[int],
    ) -> list[Run]:
        """A method's searches with these seeds: from the cache, or made now."""
        return self._run(
            [self.task(recipe, name, lr, objective, seed) for seed in seeds]
        )

    def _choose(
        self, recipe: Recipe, name: str, objective: str, say: Callable[[str], None]
    ) -> dict[str, Any]:
        """The step with the best rounded accuracy on held-out search data.

        All steps of the grid run on two tuning seeds. The best two run on the other
        tuning seeds, and the better mean over all of them wins. Whenever the last value
        of the grid is the best, the grid is continued upwards.
        """
        tuning = recipe.tuning
        scores: dict[float, list[float]] = {}
        grid = list(tuning.grids[name])

        def score(steps: Iterable[float], seeds: Iterable[int]) -> None:
            tasks = [
                self.task(recipe, name, lr, objective, seed)
                for lr in steps
                for seed in seeds
            ]
            for task, run in zip(tasks, self._run(tasks), strict=True):
                scores.setdefault(task.lr, []).append(rounded_accuracy(run))

        def means() -> dict[float, float]:
            return {lr: float(np.mean(values)) for lr, values in scores.items()}

        score(grid, tuning.seeds[:2])
        while (
            max(means(), key=means().__getitem__) == grid[-1]
            and len(grid) < tuning.most
        ):
            grid = tuning.longer(grid)
            score(grid[-1:], tuning.seeds[:2])
        finalists = sorted(means(), key=means().__getitem__)[-2:]
        score(finalists, tuning.seeds[2:])
        chosen = max(finalists, key=means().__getitem__)
        while chosen == grid[-1] and len(grid) < tuning.most:
            grid = tuning.longer(grid)
            score(grid[-1:], tuning.seeds)
            chosen = max(chosen, grid[-1], key=means().__getitem__)
        say(f"{name} {objective}: step {chosen:g} of {grid}, {means()}")
        return {
            "method": name,
            "objective": objective,
            "rule": "mean rounded accuracy on held-out search data, last five epochs",
            "seeds": list(tuning.seeds),
            "scores": [
                {"lr": lr, "accuracy_rounded": [round(v, 3) for v in scores[lr]]}
                for lr in grid
            ],
            "chosen": chosen,
        }

    def choices_of(self, name: str) -> Any:
        """The chosen steps in another recipe's record."""
        try:
            return json.loads((self.records / f"{name}.json").read_text())["steps"]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def task(
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


def no_choice(name: str, objective: str) -> dict[str, Any]:
    """In place of a choice, for a method that takes no steps in theta."""
    return {
        "method": name,
        "objective": objective,
        "rule": "no step in theta, so nothing to choose",
        "seeds": [],
        "scores": [],
        "chosen": method(name).update.lr,
    }


def taken_over(
    name: str, objective: str, lent: dict[str, Any], recipe: str
) -> dict[str, Any]:
    """In place of a choice, for a method that uses the step chosen in a recipe."""
    return {
        **no_choice(name, objective),
        "rule": f"taken over from {recipe}, method {lent['method']}",
        "chosen": lent["chosen"],
    }


def chosen_of(name: str, choices: Any, recipe: str) -> dict[str, Any]:
    """A method's entry in the chosen steps of a recipe."""
    try:
        found = {choice["method"]: choice for choice in choices}[name]
        float(found["chosen"])
        return found
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{recipe}.json has no chosen step of {name}; run the recipe {recipe} first"
        ) from None


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
    checkpoints.remove(checkpoint)
    return run


def prepare(task: Task) -> tuple[Space, Pictures, Any, Budget]:
    """The arguments of ``search`` that a task stands for."""
    budget = task.budget
    bilevel = task.objective == Bilevel.name  # each method's own: who steps first
    objective = None if bilevel else OBJECTIVES[task.objective]()
    return (
        space(task.space).without(*task.without),
        load(task.source, budget.size, budget.pictures),
        method(task.method, task.lr, objective),
        budget,
    )
