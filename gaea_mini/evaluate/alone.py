"""Stand-alone training: any cell of any space, weights from scratch.

What is measured is what the cell is worth: accuracy with weights of its own, and with
running statistics in the batch norms.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import torch

from gaea_mini.data import Pictures
from gaea_mini.evaluate.keeping import Keeper, Tick, Training
from gaea_mini.evaluate.networks import count
from gaea_mini.evaluate.state import State
from gaea_mini.evaluate.training import TrainingRecipe
from gaea_mini.search.precision import device_named
from gaea_mini.search.run import peak_mb, settle
from gaea_mini.search.speed import EXACT, Speed
from gaea_mini.supernet import Space


def train_alone(
    space: Space,
    genotype: str,
    data: Pictures,
    recipe: TrainingRecipe,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    speed: Speed = EXACT,
    minutes: float | None = None,
    tick: Tick | None = None,
) -> Iterator[Training]:
    """Train one cell's network; yields the growing record after every epoch.

    The inner problem of Eq. (eq-alone), solved for one cell.

    What is random in an epoch (order, crop, flip, cutout, drop path) depends on the
    seed and the epoch only, the first weights on the seed. So a training that continues
    from a checkpoint ends, on the CPU and in float32, bit for bit where it would have
    ended. In bfloat16 torch's convolutions need not give the same bits twice.

    What cannot be trained is refused by the call, before the first epoch.

    Args:
      space: the space that the genotype is of.
      genotype: the cell, as the space writes it.
      data: pictures, already at the recipe's size.
      recipe: size and length of the training.
      seed: of everything random.
      checkpoint: a file to continue from if it is there, and to write every epoch.
      device: "cpu", "cuda", "cuda:1", ...
      speed: precision, torch.compile and CUDA graphs; by default float32 and neither.
      minutes: write the checkpoint within an epoch too, this often.
      tick: called about once a second; see ``Keeper``.

    Raises:
      InputError: a genotype of another space, a recipe that does not fit space or data,
        a checkpoint of another training or that cannot be written, options that do not
        go together, or a loss that is no longer finite.
    """
    where = device_named(device)
    config = describe(space, genotype, data, recipe, seed, speed)
    keeper = Keeper(checkpoint, config, minutes, tick)
    state = State(space, genotype, data, recipe, seed, where, speed)
    run = keeper.resume(state)
    begun = run is not None
    run = run or Training(config, *count(state.network, state.shape))
    return _epochs(run, begun, state, keeper)


def _epochs(
    run: Training, begun: bool, state: State, keeper: Keeper
) -> Iterator[Training]:
    if begun and run.epoch:
        yield run
    where, recipe = state.device, state.recipe
    clock = time.perf_counter if where.type == "cuda" else time.process_time
    if run.epoch < recipe.epochs:
        settle(run, where)
    while run.epoch < recipe.epochs:
        middle = keeper.begin()
        losses = list(middle["losses"].to(where)) if middle else []
        before = run.seconds[-1] if run.seconds else 0.0
        began = clock() - middle.get("seconds", before)
        with closing(state.steps(run.epoch, len(losses), middle.get("draws"))) as steps:
            for loss in steps:
                losses.append(loss)
                keeper.step(run, state, losses, clock() - began)
        state.require_finite(losses, run.epoch + 1)
        seconds = clock() - began
        measures = recipe.measures(run.epoch + 1)
        val = state.accuracy(state.held_out) if measures else None
        test = state.accuracy(state.testing) if measures else None
        run.loss.append(round(float(torch.stack(losses).mean()), 5))
        run.val.append(val)
        run.test.append(test)
        run.seconds.append(round(seconds, 4))
        run.peak_mb = round(max(run.peak_mb, peak_mb(where)), 1)
        run.skipped_steps = state.precision.skipped
        keeper.write(run, state, {})
        yield run


def describe(
    space: Space,
    genotype: str,
    data: Pictures,
    recipe: TrainingRecipe,
    seed: int,
    speed: Speed = EXACT,
) -> dict[str, Any]:
    """Every name and number that determines a training, as plain data."""
    return {
        "space": space.name,
        "genotype": genotype.strip(),
        "data": data.name,
        "data_sha256": data.sha256,
        "seed": seed,
        **speed.changed(),
        **asdict(recipe),
        "measured": list(recipe.measured),
    }
