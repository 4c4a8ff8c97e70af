"""The recorded comparison ``alone_cifar10``: a GAEA cell and the all-skip cell.

Which cell stands for GAEA is a rule, not a choice: the last cell of seed 0 at the
chosen step in the record ``nasbench201_bilevel``. Both cells are trained alone on the
CIFAR-10 sample, three seeds each, a few minutes of one core in all. Every training has
a checkpoint in the cache, so the recipe resumes where it stopped.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gaea_mini.data import Pictures, load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import TRAININGS, TrainingRecipe, train_alone
from gaea_mini.evaluate.alone import describe
from gaea_mini.files import write_atomically
from gaea_mini.supernet import space

NAME = "alone_cifar10"
ABOUT = (
    "The cell of GAEA (bilevel, seed 0) and the cell of skips only, each trained alone "
    "on 8,000 CIFAR-10 pictures of 16x16 pixels and tested on 1,000."
)
SPACE = "nasbench201"
SEEDS = (0, 1, 2)
ALL_SKIP = (
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+"
    "|skip_connect~0|skip_connect~1|skip_connect~2|"
)
# NAS-Bench-201's own recipe, but a smaller network, smaller pictures, fewer epochs.
RECIPE = replace(
    TRAININGS["nasbench201"],
    name=NAME,
    cells=1,
    size=16,
    epochs=20,
    batch=128,
    crop=2,
)


def gaea_cell(record: Path) -> str:
    """The last cell of seed 0, at the step that was chosen for gaea-darts.

    Raises:
      InputError: the record is not there or has no such run.
    """
    try:
        content = json.loads(record.read_text())
        steps = {choice["method"]: choice["chosen"] for choice in content["steps"]}
        for run in content["runs"]:
            config = run["config"]
            if (config["method"], config["update"]["lr"], config["seed"]) == (
                "gaea-darts",
                steps["gaea-darts"],
                0,
            ):
                return str(run["genotype"][-1])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        pass
    raise InputError(
        f"{record} has no run of gaea-darts with seed 0 at the chosen step; run the "
        "recipe nasbench201_bilevel first"
    )


def cook_alone(
    records: Path,
    cache: Path,
    cifar10: str,
    say: Callable[[str], None] = print,
) -> Path:
    """Train both cells with every seed and write the record.

    Args:
      records: where ``nasbench201_bilevel.json`` is and the record goes.
      cache: where checkpoints are kept.
      cifar10: the pictures, as ``gaea_mini.data.load`` takes them.
      say: told after every training.
    """
    cells = {
        "gaea-darts": gaea_cell(records / "nasbench201_bilevel.json"),
        "all-skip": ALL_SKIP,
    }
    data = load(cifar10, RECIPE.size)
    trainings = train_all(NAME, cells, data, RECIPE, SEEDS, cache, say)
    record = {"recipe": NAME, "about": ABOUT, "cells": cells, "trainings": trainings}
    path = records / f"{NAME}.json"
    write_atomically(path, (json.dumps(record) + "\n").encode())
    say(f"{NAME}: written to {path}")
    return path


def train_all(
    name: str,
    cells: Mapping[str, str],
    data: Pictures,
    recipe: TrainingRecipe,
    seeds: Sequence[int],
    cache: Path,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Train every cell with every seed, each from its checkpoint if there is one.

    Args:
      name: of the record, for ``say``.
      cells: title: genotype in the space ``SPACE``.
      data, recipe, seeds: as in ``gaea_mini.evaluate.train_alone``.
      cache: where checkpoints are kept.
      say: told after every training.
    """
    torch.set_num_threads(1)
    where = space(SPACE)
    cache.mkdir(parents=True, exist_ok=True)
    trainings: list[dict[str, Any]] = []
    for title, cell in cells.items():
        for seed in seeds:
            config = describe(where, cell, data, recipe, seed)
            text = json.dumps(config, sort_keys=True).encode()
            key = hashlib.sha256(text).hexdigest()[:20]
            file = cache / f"{key}.alone.pt"
            *_, run = train_alone(where, cell, data, recipe, seed, file)
            trainings.append({"title": title, **vars(run)})
            say(f"{name}: {title}, seed {seed}: {run.test[-1]:.2f} %")
    return trainings
