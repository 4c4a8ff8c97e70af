"""How large a search is: everything that is neither the method nor the data."""

from dataclasses import dataclass, fields, replace
from typing import Any

from gaea_mini.errors import (
    InputError,
    require_positive,
    require_range,
    require_whole,
)


@dataclass(frozen=True)
class Budget:
    """Size of the supernet, length of the search and how the weights are trained.

    The defaults are the preset ``cpu``. The weights' recipe is the authors' for
    NAS-Bench-201: SGD with momentum 0.9, cosine from 0.025 to 0.001, weight decay
    3e-4, gradient norm clipped at 5, batch 64, 25 epochs of a 50-epoch cosine.
    """

    preset: str = "cpu"
    channels: int = 8  # C of the first stage
    cells: int = 1  # N, cells a stage
    size: int = 16  # pixels along a side
    pictures: int | None = 8000  # how many are used in all; None: all there are
    held_out: float = (
        0.2  # part of them on which accuracy is measured, never trained on
    )
    epochs: int = 25
    schedule_epochs: int = 50  # period of the cosine: 25 of 50, as the authors
    batch: int = 64
    lr_w: float = 0.025
    lr_w_min: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0  # largest gradient norm of the weights
    crop: int = 2  # random shift in pixels, with zeros beyond the border
    flip: bool = True

    def __post_init__(self) -> None:
        require_positive("lr_w", self.lr_w)
        for name in ("channels", "cells", "size", "epochs", "schedule_epochs", "batch"):
            require_whole(name, getattr(self, name))
        require_whole("crop", self.crop, 0)
        if self.pictures is not None:
            require_whole("pictures", self.pictures)
        require_range("held_out", self.held_out, 1, above=True)
        require_range("momentum", self.momentum, 1)
        for name in ("lr_w_min", "weight_decay", "clip"):
            require_range(name, getattr(self, name))
        if self.epochs > self.schedule_epochs:
            raise InputError(
                f"epochs is {self.epochs}, more than schedule_epochs, "
                f"{self.schedule_epochs}, after which the cosine of lr_w would rise "
                f"again; take budget.lasting({self.epochs}), or more schedule_epochs"
            )

    def lasting(self, epochs: int) -> "Budget":
        """The same with another number of epochs.

        More than the cosine has stretch it, so that it ends with the search.

        >>> Budget(epochs=25, schedule_epochs=50).lasting(100).schedule_epochs
        100
        """
        cosine = max(epochs, self.schedule_epochs)
        return replace(self, epochs=epochs, schedule_epochs=cosine)

    def part(self, part: float) -> int:
        """A part of the search, in whole epochs."""
        return round(part * self.epochs)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all numbers of a budget."""
        return tuple(field.name for field in fields(cls))


PRESETS = {
    # Seconds: for tests and first tries.
    "tiny": Budget(
        "tiny", channels=4, size=8, pictures=500, epochs=2, schedule_epochs=4, crop=1
    ),
    # Minutes on one core: bilevel about one and a half, single-level twice that.
    "cpu": Budget(),
    # The paper's size (section 4.2 and appendix C.3; C 16 as printed there). A tenth of
    # the pictures is held out to measure accuracy; the paper trains on all of them.
    "gpu": Budget(
        "gpu", channels=16, cells=5, size=32, pictures=None, held_out=0.1, crop=4
    ),
}
# The same for the DARTS space: PC-DARTS's recipe, which GAEA keeps (appendix C.1; both
# released codes). Eight cells, of which two halve the pictures; a tenth held out again.
_PC_DARTS: dict[str, Any] = {"batch": 256, "lr_w": 0.1, "lr_w_min": 0.0, "cells": 2}
_PC_DARTS |= {"preset": "gpu-darts", "epochs": 50, "schedule_epochs": 50}
PRESETS["gpu-darts"] = replace(PRESETS["gpu"], **_PC_DARTS)
# Where the paper's warm-up is not the method's own: GAEA says 10 epochs of 50 (appendix
# C.1), PC-DARTS itself 15. By preset and method.
PAPER_WARM_UP = {("gpu-darts", "gaea-pc-darts"): 10 / 50}
