"""The record ``skips_alone``: is the cell of skips a bad choice on few pictures?

The cell that collapsed searches end with, and the best cell of NAS-Bench-201, each
trained alone with the network and the weights' optimizer of recipe ``skip_collapse``:
on as many pictures as a bilevel search has for its weights, on as many as a
single-level one has, and on all. Every training has the same number of steps, that of
the weights in those searches. Checkpoints are kept in the cache, so it resumes.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gaea_mini.data import load
from gaea_mini.evaluate import TrainingRecipe
from gaea_mini.files import write_atomically
from gaea_mini.recipes import LONG
from gaea_mini.recipes.alone import ALL_SKIP, train_all

NAME = "skips_alone"
ABOUT = (
    "The cell of skips only and the best cell of NAS-Bench-201, each trained alone in "
    "the small network of skip_collapse, on more and more CIFAR-10 pictures; tested on "
    "1,000."
)
CELLS = {
    "all-skip": ALL_SKIP,
    # Highest mean test accuracy on CIFAR-10 after 200 epochs; it has no "none".
    "best of the table": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
}
SEEDS = (0, 1, 2, 3, 4)
# A bilevel search of skip_collapse trains w on 1,600 pictures, a single-level one on
# 3,200, both for 160,000 in all.
PICTURES = (1600, 3200, 8000)
PASSES = 160_000
RECIPE = TrainingRecipe(
    NAME,
    channels=LONG.channels,
    cells=LONG.cells,
    size=LONG.size,
    batch=LONG.batch,
    lr=LONG.lr_w,
    lr_min=LONG.lr_w_min,
    momentum=LONG.momentum,
    nesterov=False,
    weight_decay=LONG.weight_decay,
    clip=LONG.clip,
    crop=LONG.crop,
    flip=LONG.flip,
)


def cook_skips(
    records: Path,
    cache: Path,
    cifar10: str,
    say: Callable[[str], None] = print,
) -> Path:
    """Train both cells on every number of pictures and write the record.

    Args:
      records: where the record goes.
      cache: where checkpoints are kept.
      cifar10: the pictures, as ``gaea_mini.data.load`` takes them.
      say: told after every training.
    """
    data = load(cifar10, RECIPE.size)
    trainings = []
    for count in PICTURES:
        recipe = replace(RECIPE, pictures=count, epochs=PASSES // count)
        trainings += train_all(
            f"{NAME}, {count}", CELLS, data, recipe, SEEDS, cache, say
        )
    record = {"recipe": NAME, "about": ABOUT, "cells": CELLS, "trainings": trainings}
    path = records / f"{NAME}.json"
    write_atomically(path, (json.dumps(record) + "\n").encode())
    say(f"{NAME}: written to {path}")
    return path
