"""The comparison: every weight-sharing method and every rival, on one table.

``python -m gaea_mini compare compact`` makes ``book/records/compact_comparison.json``.
Searches come from the cache of the recorded runs or are made now, at the steps that the
records chose on seeds from 100 on; nothing is chosen here. Finished searches and
repetitions are kept, so a comparison resumes where it stopped.

The budget is processor seconds on one core. What a search costs is measured here
(``search_cost``), because recorded searches ran beside other work: its steps and the
choice of its cell, without the accuracies that only the record asks for. A rival pays
for its trainings and for the pass over the validation pictures by which it chooses.
What that costs is in the table: for ``compact`` in the same seconds, for NAS-Bench-201
in those of its authors' GPU. There the two have no common scale, and random search is
given the whole default clock.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gaea_mini.errors import InputError
from gaea_mini.evaluate.comparison import Trace, curve, difference, summary
from gaea_mini.evaluate.repetitions import (
    RIVALS,
    VARIANTS,
    open_table,
    repeat,
    settings,
)
from gaea_mini.evaluate.rivals import default_clock
from gaea_mini.evaluate.table import Table
from gaea_mini.files import write_atomically
from gaea_mini.recipes import FAMILY, Recipe, recipe_named
from gaea_mini.recipes.kitchen import Kitchen, chosen_of
from gaea_mini.recipes.search_cost import search_cost
from gaea_mini.search.run import environment


@dataclass(frozen=True)
class Arm:
    """A weight-sharing method in the comparison.

    Args:
      method, objective: by name.
      steps: the recipe whose record has the method's chosen step.
      seeds: of its searches.
    """

    method: str
    objective: str
    steps: str
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """Method and objective."""
        return f"{self.method} {self.objective}"


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Args:
      about: one sentence for the reader of the file.
      recipe: space, pictures and budget of all searches.
      arms: the searches.
      tables: the rivals' tables; the first one has the truth.
      one_clock: searches and trainings are counted in the same seconds.
    """

    about: str
    recipe: Recipe
    arms: tuple[Arm, ...]
    tables: tuple[str, ...]
    one_clock: bool


def bilevel(steps: str) -> tuple[Arm, ...]:
    """Every method; five seeds, and ten for DARTS and the GAEA versions.

    Args:
      steps: the recipe that chose the steps.
    """
    five, ten = tuple(range(5)), tuple(range(10))
    more = ("darts", "gaea-darts", "gaea-pc-darts", "gaea-gdas")
    return tuple(
        Arm(name, "bilevel", steps, ten if name in more else five) for name in FAMILY
    )


def single_level(steps: str) -> tuple[Arm, ...]:
    """DARTS and GAEA on one objective, ten seeds."""
    return tuple(
        Arm(name, "single-level", steps, tuple(range(10)))
        for name in ("darts", "gaea-darts")
    )


COMPARISONS = {
    "compact": Comparison(
        "All methods, bilevel only, and rivals on the compact space; truth from the "
        "shipped table.",
        recipe_named("compact_family"),
        bilevel("compact_family"),
        ("compact",),
        one_clock=True,
    ),
    "nasbench201": Comparison(
        "All methods on NAS-Bench-201 without 'none', rivals on all of its cells; "
        "truth from the table of NAS-Bench-201.",
        recipe_named("nasbench201_family"),
        (*bilevel("nasbench201_family"), *single_level("nasbench201_single_level")),
        ("nasbench201", "one-seed"),
        one_clock=False,
    ),
}


def compare(
    name: str,
    kitchen: Kitchen,
    table: str = "compact",
    repetitions: int = 500,
    say: Callable[[str], None] = print,
    comparisons: dict[str, Comparison] = COMPARISONS,
) -> Path:
    """Make what is missing, and write ``NAME_comparison.json``.

    Args:
      name: of one of the comparisons.
      kitchen: where searches, cache and records are, and how many run at once.
      table: the trained table of ``compact``, by name or path.
      repetitions: of every rival.
      say: told after every part.
      comparisons: those that there are.

    Raises:
      InputError: no such comparison, a missing table or one without every cell, no
        chosen step, or fewer than two repetitions.
    """
    if name not in comparisons:
        raise InputError(f"no comparison {name!r}; there are {', '.join(comparisons)}")
    if repetitions < 2:
        raise InputError(f"repetitions is {repetitions}; it must be 2 or more")
    chosen = comparisons[name]
    if chosen.tables[0] == "nasbench201":
        if kitchen.nb201 is None:
            raise InputError(
                f"comparison {name} needs the table of NAS-Bench-201: give --nb201 FILE"
            )
        table = str(kitchen.nb201)
    truth = open_table(chosen.tables[0], table)
    if truth.space.name != chosen.recipe.space or len(truth.cells) < truth.space.size:
        raise InputError(
            f"{table} has not every cell of {chosen.recipe.space}; finish 'benchmark "
            "build' first"
        )
    # Seconds of the rivals' table where there is one clock.
    seconds = table if chosen.one_clock else "compact"
    steps = [_chosen_step(arm, kitchen) for arm in chosen.arms]  # all, before hours
    kitchen.make_folders()
    values = [truth.test(cell) for cell in truth.cells]
    best, clock = max(values), default_clock(truth)

    searched = []
    for arm, lr in zip(chosen.arms, steps, strict=True):
        searched.append(_searched(arm, lr, chosen.recipe, kitchen, truth, seconds))
        say(f"{name}: {arm.name}: {summary([v[-1] for v in searched[-1]['test']])}")
    # Where there is one clock a rival is asked at the cost of every arm.
    prices = {
        arm.name: row["cost"][-1] if chosen.one_clock else clock
        for arm, row in zip(chosen.arms, searched, strict=True)
    }
    longest = max(clock, *prices.values())
    looks = np.geomspace(longest / 200, longest, 60)
    rivals: list[dict[str, Any]] = []
    variants: list[dict[str, Any]] = []
    random_ends: dict[str, list[float]] = {}

    def played(rival: str, kind: str, clock: float) -> list[Trace]:
        cache = kitchen.cache / "rivals"
        return repeat(rival, kind, table, clock, repetitions, cache, kitchen.jobs)

    def told(rival: str, kind: str, traces: list[Trace]) -> dict[str, Any]:
        test = _at(traces, clock)
        say(f"{name}: {rival} ({kind}): {summary(test)}")
        return {
            "rival": rival,
            "table": kind,
            "settings": settings(rival, open_table(kind, table)),
            "trainings": float(np.mean([t.trainings for t in traces])),
            "test": test,
        }

    for kind in chosen.tables:
        for rival in RIVALS:
            traces = played(rival, kind, longest)
            ends = {arm: _at(traces, price) for arm, price in prices.items()}
            if not rivals:
                random_ends = ends
            rivals.append(
                told(rival, kind, traces)
                | {
                    "regret": curve(traces, looks, best),
                    # None where the budget does not pay for one training each time.
                    "at_cost_of": {
                        arm: summary(end) if np.isfinite(end).all() else None
                        for arm, end in ends.items()
                    },
                }
            )
        for rival in VARIANTS:
            variants.append(told(rival, kind, played(rival, kind, clock)))

    facts = truth.truth([])
    record = {
        "recipe": f"{name}_comparison",
        "about": chosen.about,
        "table": {
            "name": facts["table"],
            "sha256": facts["sha256"],
            "best": best,
            "cells": summary(values),
        },
        "clock": clock,
        "one_clock": chosen.one_clock,
        "repetitions": repetitions,
        "arms": searched,
        "rivals": rivals,
        "variants": variants,
        "differences": differences(searched, random_ends, chosen.one_clock),
        "environment": environment(torch.device("cpu")),
    }
    out = kitchen.records / f"{name}_comparison.json"
    write_atomically(out, (json.dumps(record) + "\n").encode())
    say(f"{name}: written to {out}")
    return out


def differences(
    searched: list[dict[str, Any]],
    random_ends: dict[str, list[float]],
    one_clock: bool = True,
) -> list[dict[str, Any]]:
    """Of true test accuracies: each GAEA version less its method, each arm less RS.

    A method and its GAEA version are paired by seed: the same pictures in the same
    parts, the same first weights.

    Args:
      searched: the arms of a record.
      random_ends: per arm what random search found: for the arm's cost where there is
        one clock, for the whole default clock where there is not.
      one_clock: says which; written into each difference as ``budget``, "equal" or
        "whole clock".
    """
    ends = {
        (arm["method"], arm["objective"]): {
            seed: series[-1]
            for seed, series in zip(arm["seeds"], arm["test"], strict=True)
        }
        for arm in searched
    }
    found = []
    for (method, objective), end in ends.items():
        base = method.removeprefix("gaea-")
        other = ends.get((base, objective), {})
        if method != base and (seeds := sorted(end.keys() & other.keys())):
            pair = [end[s] for s in seeds], [other[s] for s in seeds]
            found.append(
                {
                    "of": [method, objective],
                    "less": base,
                    **difference(*pair, paired=True),
                }
            )
        drawn = random_ends[f"{method} {objective}"]
        if np.isfinite(drawn).all():
            found.append(
                {
                    "of": [method, objective],
                    "less": "random search",
                    "budget": "equal" if one_clock else "whole clock",
                    **difference(list(end.values()), drawn, paired=False),
                }
            )
    return found


def _chosen_step(arm: Arm, kitchen: Kitchen) -> float:
    choice = chosen_of(arm.method, kitchen.choices_of(arm.steps), arm.steps)
    return float(choice["chosen"])


def _searched(
    arm: Arm, lr: float, recipe: Recipe, kitchen: Kitchen, truth: Table, seconds: str
) -> dict[str, Any]:
    """An arm's searches summed up: cost and true accuracy, state by state."""
    runs = kitchen.searches(recipe, arm.method, lr, arm.objective, arm.seeds)
    told = [truth.truth(run.genotype) for run in runs]
    tests = "test" if "test" in told[0] else "c10_test"
    start, epoch = search_cost(kitchen, recipe, arm.method, lr, arm.objective, seconds)
    return {
        "method": arm.method,
        "objective": arm.objective,
        "lr": lr,
        "steps_of": arm.steps,
        "seeds": list(arm.seeds),
        "cost": [round(start + epoch * e, 4) for e in range(runs[0].epoch + 1)],
        "test": [of_run[tests] for of_run in told],
        "rank": [of_run["rank"][-1] for of_run in told],
        "accuracy_rounded": [run.accuracy_rounded[-1] for run in runs],
        "genotype": [run.genotype[-1] for run in runs],
        "commits": sorted({str(run.environment.get("commit")) for run in runs}),
    }


def _at(traces: list[Trace], cost: float) -> list[float]:
    return [round(float(trace.at([cost])[0]), 4) for trace in traces]
