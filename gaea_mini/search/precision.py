"""Mixed precision: the supernet computes in 16 bits, everything that is kept has 32.

The weights, theta, their gradients and their optimizers stay in float32; only the
supernet's forward pass and the backward pass through it are in the smaller type, and
the loss is taken in float32 again.
"""

import re
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from gaea_mini.errors import InputError

PRECISIONS = {
    "float32": None,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def device_named(name: str) -> torch.device:
    """A device that is really there: "cpu", "cuda" or "cuda:N".

    Raises:
      InputError: it is not there, or torch does not reach it.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", str(name)):
        raise InputError(f"no device {name!r}; take cpu, cuda or cuda:N")
    if str(name) != "cpu" and not torch.cuda.is_available():
        raise InputError(f"device {name}: no CUDA device here; take cpu")
    try:
        return torch.empty(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {name}: {reason}; take cpu or cuda") from None


def require_precision(name: str) -> None:
    """Refuse a precision that there is not."""
    if name not in PRECISIONS:
        raise InputError(f"no precision {name!r}; there are {', '.join(PRECISIONS)}")


class Precision:
    """How the supernet computes, and how gradients come back from there.

    float16 holds nothing below 6e-8, and many gradients are smaller. So the loss is
    multiplied by a scale before the backward pass and the gradients are divided by it
    before anybody uses them. A step whose gradients overflow is left out and the scale
    is halved; after many steps without overflow it is doubled (``torch.amp``).
    bfloat16 has the range of float32 and needs none of this.

    Args:
      name: "float32", "bfloat16" or "float16".
      device: where the supernet is.

    Raises:
      InputError: no such precision, or float16 on the CPU.
    """

    def __init__(self, name: str, device: torch.device):
        require_precision(name)
        if name == "float16" and device.type != "cuda":
            raise InputError(
                "float16 needs a CUDA device; take bfloat16 on the CPU, which needs "
                "no gradient scaler"
            )
        self.dtype, self.device = PRECISIONS[name], device.type
        self.scaler: Any = None
        if name == "float16":
            self.scaler = torch.amp.GradScaler(device.type)
        self.skipped = 0  # losses whose gradients overflowed

    def autocast(self) -> AbstractContextManager[Any]:
        """The supernet's forward pass goes inside."""
        on = self.dtype is not None
        return torch.autocast(self.device, dtype=self.dtype, enabled=on)

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to take gradients of, for ``step``."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients in ``.grad`` by the scale; notes whether one is inf."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """One step with the gradients in ``.grad``, unless one of them overflowed."""
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)

    def end(self) -> None:
        """After all steps that follow from one loss: adapt the scale, count skips."""
        if self.scaler is not None:
            before = self.scaler.get_scale()
            self.scaler.update()
            self.skipped += self.scaler.get_scale() < before

    def state_dict(self) -> dict[str, Any]:
        """What a resumed search needs; empty without a scaler."""
        if self.scaler is None:
            return {}
        return {"scaler": self.scaler.state_dict(), "skipped": self.skipped}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from ``state_dict``."""
        if self.scaler is not None:
            self.scaler.load_state_dict(saved["scaler"])
            self.skipped = saved["skipped"]
