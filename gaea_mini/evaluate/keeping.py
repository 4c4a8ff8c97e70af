"""The record of a stand-alone training, and what keeps a long one safe.

As in ``gaea_mini.search.keeper``: a checkpoint after every epoch, and within an epoch
every so many minutes; the one before is kept; nothing is written that holds a number
which is not finite.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gaea_mini import checkpoints
from gaea_mini.errors import InputError, require_range
from gaea_mini.evaluate.state import State
from gaea_mini.files import require_writable, write_atomically
from gaea_mini.search import keeper

Tick = Callable[[int, int, float], Any]


@dataclass
class Training:
    """What happened in a training, epoch by epoch.

    Attributes:
      config: space, genotype, data, seed and everything the recipe sets.
      parameters: numbers to train, without an auxiliary head.
      flops: multiply-adds for one picture, forward.
      loss: mean over each epoch, of the main head alone.
      val, test: percent of held-out and test pictures after each epoch; None where it
        was not measured or nothing is held out.
      seconds: since the start, training only: of the processor, so that with one thread
        a busy machine does not count; of the clock on a GPU.
      environment: versions, device, threads, commit.
      peak_mb: largest memory of the process, or of the GPU, MiB; since the
        training moved to this device, if it did.
      skipped_steps: steps whose gradients overflowed, in float16.
    """

    config: dict[str, Any]
    parameters: int
    flops: int
    loss: list[float] = field(default_factory=list)
    val: list[float | None] = field(default_factory=list)
    test: list[float | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    peak_mb: float = 0.0
    skipped_steps: int = 0

    @property
    def epoch(self) -> int:
        """Epochs done so far."""
        return len(self.loss)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Training":
        """A record from plain data.

        Raises:
          InputError: a part is missing or unknown, or its series differ in length.
        """
        if record.keys() != {part.name for part in fields(cls)}:
            raise InputError("not the parts of a record of a training")
        run = cls(**record)
        if len({len(part) for part in (run.loss, run.val, run.test, run.seconds)}) > 1:
            raise InputError("the series of the record differ in length")
        return run

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON, all of it or nothing."""
        write_atomically(Path(path), json.dumps(vars(self)).encode())


class Keeper:
    """Looks after one training.

    Args:
      file: of the checkpoint; None keeps none.
      config: what describes the training.
      minutes: write within an epoch too, when so much time has gone since the last.
      tick: called with the step, the steps of an epoch and the loss, about once a
        second; it may raise to end the training.

    Raises:
      InputError: the file cannot be written.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | None,
        config: dict[str, Any],
        minutes: float | None = None,
        tick: Tick | None = None,
    ):
        self.file = None if file is None else Path(file)
        self.config, self.minutes, self.tick = config, minutes, tick
        if minutes is not None:
            require_range("minutes between checkpoints", minutes)
        if self.file is not None:
            require_writable(self.file)
        self.middle: dict[str, Any] = {}  # of the epoch that was cut off
        # Not the time of day, which may be set back.
        self.looked = self.written = time.monotonic()

    def resume(self, state: State) -> Training | None:
        """Continue from the checkpoint, if there is one; the record so far."""
        if self.file is None:
            return None
        saved = checkpoints.latest(self.file, self.config)
        if saved is None:
            return None
        with checkpoints.of_this_version(self.file):
            state.load_state_dict(saved["state"])
            self.middle = saved["middle"]
            return Training.from_dict(saved["run"] | {"config": self.config})

    def begin(self) -> dict[str, Any]:
        """At the start of an epoch: what is behind already; empty if nothing is."""
        middle, self.middle = self.middle, {}
        return middle

    def step(
        self, run: Training, state: State, losses: list[Tensor], seconds: float
    ) -> None:
        """After a step: now and then a look at the losses, and a checkpoint.

        Raises:
          InputError: a loss or a weight is not finite.
        """
        now = time.monotonic()
        if now - self.looked < keeper.LOOK_EVERY:
            return
        self.looked = now
        state.require_finite(losses, run.epoch + 1)
        if self.tick is not None:
            self.tick(len(losses), len(state.batches), float(losses[-1]))
        if self.minutes is not None and now - self.written >= 60 * self.minutes:
            middle = {
                "losses": torch.stack(losses),
                "seconds": seconds,
                "draws": state.draws(),
            }
            self.write(run, state, middle)

    def write(self, run: Training, state: State, middle: dict[str, Any]) -> None:
        """Write the checkpoint; ``middle`` is of the epoch that is not done, or {}."""
        if self.file is not None:
            saved = {"run": vars(run), "state": state.state_dict(), "middle": middle}
            checkpoints.write(self.file, saved)
            self.written = time.monotonic()
