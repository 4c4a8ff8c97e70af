"""What keeps a long search safe: its checkpoints, its clock, a look at its losses.

A checkpoint is written after every epoch, and within an epoch every so many minutes.
Nothing is written that holds a number which is not finite.
"""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gaea_mini import checkpoints
from gaea_mini.errors import InputError, require_range
from gaea_mini.files import require_writable
from gaea_mini.search.distributed import ALONE, Ranks
from gaea_mini.search.run import Run
from gaea_mini.search.state import State

Tick = Callable[[State, list[Tensor]], Any]
LOOK_EVERY = 1.0  # seconds: to read a loss, a GPU must have finished its work


def require_finite(losses: Tensor, epoch: int) -> None:
    """Refuse losses (steps, 2), theta's and the weights', that are not all numbers."""
    bad = (~torch.isfinite(losses).all(dim=1)).nonzero()
    if len(bad):
        step = int(bad[0])
        theta_loss, weight_loss = losses[step].tolist()
        # Theta moves between its loss and the weights' loss; the weights move after.
        name = "lr_theta" if math.isfinite(theta_loss) else "lr_w or lr_theta"
        raise InputError(
            f"epoch {epoch}, step {step + 1}: the loss is not a finite number "
            f"(theta's {theta_loss:g}, the weights' {weight_loss:g}); lower {name}"
        )


class Keeper:
    """Looks after one search.

    Args:
      file: of the checkpoint; None keeps none.
      config: what describes the search.
      minutes: write within an epoch too, when so much time has gone since the last.
      tick: called with the state and the losses of the epoch so far, about once a
        second, in process 0; it may raise to end the search.
      ranks: which process this is. Only process 0 reads and writes.

    Raises:
      InputError: the file cannot be written.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | None,
        config: dict[str, Any],
        minutes: float | None = None,
        tick: Tick | None = None,
        ranks: Ranks = ALONE,
    ):
        self.named = Path(file or "")  # in every process
        self.file = Path(file) if file is not None and ranks.rank == 0 else None
        self.config, self.ranks = config, ranks
        self.tick = tick if ranks.rank == 0 else None
        if minutes is not None:
            require_range("minutes between checkpoints", minutes)
        self.minutes = minutes
        if self.file is not None:
            require_writable(self.file)
        self.middle: dict[str, Any] = {}  # of the epoch that was cut off
        # Not the time of day, which may be set back.
        self.began = self.looked = self.written = time.monotonic()

    def seconds(self) -> float:
        """Since the start of the search, over all processes that had a part in it."""
        return time.monotonic() - self.began

    def resume(self, state: State) -> Run:
        """Continue from the checkpoint, if there is one; the record so far."""
        saved = self.ranks.first(self._read)
        run = Run(self.config)
        if saved is not None:
            with checkpoints.of_this_version(self.named):
                run = Run.from_dict(saved["run"] | {"config": self.config})
                state.load_state_dict(saved["state"])
                self.middle = saved["middle"]
                self.began -= self.middle.get("seconds", run.seconds[-1])
        return run

    def _read(self) -> dict[str, Any] | None:
        if self.file is None:
            return None
        return checkpoints.latest(self.file, self.config)

    def begin(self, state: State) -> list[Tensor]:
        """At the start of an epoch; the losses of steps that are behind already."""
        self.streams = {
            "theta_generator": state.theta_batches.generator.get_state(),
            "weight_generator": state.weight_batches.generator.get_state(),
        }
        middle, self.middle = self.middle, {}
        state.step = middle.get("step", 0)
        active = state.active_set
        active.passes, active.computed = middle.get("computed", (0, 0))
        device = state.parameters[0].device
        return list(middle["losses"].to(device)) if middle else []

    def step(self, run: Run, state: State, losses: list[Tensor]) -> None:
        """After a step: now and then a look at the losses, and a checkpoint.

        Raises:
          InputError: a loss is not finite.
        """
        now = time.monotonic()
        if now - self.looked < LOOK_EVERY:
            return
        self.looked = now
        require_finite(torch.stack(losses), run.epoch + 1)
        if self.tick is not None:
            self.tick(state, losses)
        if self.minutes is not None and now - self.written >= 60 * self.minutes:
            active = state.active_set
            middle = {
                "step": state.step,
                "losses": torch.stack(losses),
                "computed": [active.passes, active.computed],
                "seconds": self.seconds(),
            }
            # The epoch's batches are drawn again, up to the step.
            self._write(run, state, {**state.state_dict(), **self.streams}, middle)

    def end(self, run: Run, state: State) -> None:
        """After an epoch: all processes must agree; then a checkpoint."""
        self.ranks.require_equal([*state.parameters, *state.weights])
        self._write(run, state, state.state_dict(), {})

    def _write(
        self, run: Run, state: State, saved: dict[str, Any], middle: dict[str, Any]
    ) -> None:
        if self.file is None:
            return
        numbers = (*state.parameters, *state.weights)
        if not torch.stack([part.isfinite().all() for part in numbers]).all():
            raise InputError(
                f"epoch {run.epoch + bool(middle)}: theta or a weight is not a finite "
                "number; lower lr_w or lr_theta (the checkpoint before is kept)"
            )
        checkpoints.write(
            self.file, {"run": run.to_dict(), "state": saved, "middle": middle}
        )
        self.written = time.monotonic()
