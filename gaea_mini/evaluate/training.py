"""How a network is trained alone: the published recipes and the benchmark's own."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from gaea_mini.errors import (
    InputError,
    require_positive,
    require_range,
    require_whole,
)

SCHEDULES = ("cosine", "one-cycle")


@dataclass(frozen=True)
class TrainingRecipe:
    """Size of the network, length of the training, and everything that is set.

    The defaults are those of NAS-Bench-201's table (Dong and Yang, ICLR 2020): 200
    epochs of SGD with Nesterov momentum 0.9, cosine from 0.1 to 0, weight decay 5e-4,
    batch 256, random crop and flip; 16 channels, 5 cells a stage.
    """

    name: str = "nasbench201"
    channels: int = 16  # C of the first stage
    cells: int = 5  # N, cells a stage; of the DARTS space normal cells a stage
    size: int = 32  # pixels along a side
    pictures: int | None = None  # to train on, from the front; None: all not held out
    held_out: int = 0  # to validate on, from the end; never trained on
    epochs: int = 200
    batch: int = 256
    schedule: str = "cosine"
    warm_up: float = 0.0  # one-cycle: part of the steps in which the rate rises
    lr: float = 0.1  # the largest
    lr_min: float = 0.0
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    clip: float | None = None  # largest gradient norm
    crop: int = 4  # random shift in pixels, with zeros beyond the border
    flip: bool = True
    cutout: int = 0  # side of the square of zeros, pixels
    auxiliary: float = 0.0  # weight of the auxiliary head's loss
    drop_path: float = 0.0  # at the last epoch; it grows linearly from 0
    measured: tuple[int, ...] = ()  # epochs after which accuracy is measured; (): all

    def __post_init__(self) -> None:
        for name in ("channels", "cells", "size", "epochs", "batch"):
            require_whole(name, getattr(self, name))
        for name in ("held_out", "crop", "cutout"):
            require_whole(name, getattr(self, name), 0)
        if self.pictures is not None:
            require_whole("pictures", self.pictures)
        require_positive("lr", self.lr)
        if self.clip is not None:
            require_positive("clip", self.clip)
        for name in ("auxiliary", "lr_min", "weight_decay"):
            require_range(name, getattr(self, name))
        for name in ("warm_up", "momentum", "drop_path"):
            require_range(name, getattr(self, name), 1)
        if self.nesterov and not self.momentum:
            raise InputError("nesterov needs a momentum above 0, or set it to False")
        if self.lr_min > self.lr:
            raise InputError(f"lr_min is {self.lr_min}, more than lr, {self.lr}")
        if self.schedule not in SCHEDULES:
            raise InputError(
                f"no schedule {self.schedule!r}; there are {', '.join(SCHEDULES)}"
            )
        if not all(1 <= epoch <= self.epochs for epoch in self.measured):
            raise InputError(
                f"measured: epochs {self.measured} are not all from 1 to {self.epochs}"
            )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of everything that a recipe sets."""
        return tuple(field.name for field in fields(cls))

    def measures(self, epoch: int) -> bool:
        """Whether accuracy is measured after this epoch; after the last one always."""
        return not self.measured or epoch in self.measured or epoch == self.epochs

    def rate(self, done: float) -> float:
        r"""The learning rate when a part ``done`` in [0, 1) of all steps is behind.

        Cosine: lr_min + (lr - lr_min) (1 + cos(pi done)) / 2, Eq. (eq-cosine).
        One-cycle: from lr / 25 in a straight line to lr during the warm-up, then the
        cosine over what is left (Smith and Topin, 2019, as in fastai and PyTorch).

        >>> TrainingRecipe(lr=0.1).rate(0.5)
        0.05
        """
        if self.schedule == "one-cycle":
            if done < self.warm_up:
                return self.lr * (1 / 25 + (1 - 1 / 25) * done / self.warm_up)
            done = (done - self.warm_up) / (1 - self.warm_up)
        # Eq. (eq-cosine)
        return (
            self.lr_min + (self.lr - self.lr_min) * (1 + math.cos(math.pi * done)) / 2
        )


NASBENCH201 = TrainingRecipe()
# DARTS (Liu, Simonyan, Yang, ICLR 2019) and its released code: 20 cells, C 36, 600
# epochs, batch 96, plain momentum, cutout 16, auxiliary head 0.4, drop path 0.2.
DARTS = TrainingRecipe(
    "darts",
    channels=36,
    cells=6,
    epochs=600,
    batch=96,
    lr=0.025,
    nesterov=False,
    weight_decay=3e-4,
    clip=5.0,
    cutout=16,
    auxiliary=0.4,
    drop_path=0.2,
)
TRAININGS = {
    "nasbench201": NASBENCH201,
    "darts": DARTS,
    # PC-DARTS and GAEA (released configuration): as DARTS, with more drop path.
    "gaea-pc-darts": replace(DARTS, name="gaea-pc-darts", drop_path=0.3),
}

# Preset: what it changes of a published recipe. Cutout shrinks with the pictures, and
# the auxiliary head needs 32 pixels.
PRESETS: dict[str, dict[str, Any]] = {
    # Seconds: for tests and first tries.
    "tiny": {
        "channels": 4,
        "cells": 1,
        "size": 8,
        "pictures": 500,
        "epochs": 2,
        "batch": 50,
        "crop": 1,
    },
    # Minutes on one core.
    "cpu": {
        "channels": 8,
        "cells": 1,
        "size": 16,
        "pictures": 4000,
        "epochs": 10,
        "batch": 64,
        "crop": 2,
    },
    # As published: the DARTS recipes are days of a GPU.
    "gpu": {},
}


def preset(name: str, recipe: TrainingRecipe, **numbers: Any) -> TrainingRecipe:
    """A recipe at the size of a preset; ``numbers`` replace the preset's.

    Raises:
      InputError: no such preset, or a number without sense.

    >>> preset("cpu", TRAININGS["darts"], epochs=3).cutout
    8
    """
    if name not in PRESETS:
        raise InputError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    changes = {**PRESETS[name], **numbers}
    size = changes.get("size", recipe.size)
    changes.setdefault("cutout", recipe.cutout * size // recipe.size)
    if size != recipe.size:
        changes.setdefault("auxiliary", 0.0)
    title = recipe.name if name == "gpu" else f"{recipe.name}-{name}"
    return replace(recipe, name=title, **changes)
