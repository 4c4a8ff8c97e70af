"""The floor: what the convolutions of a step cost alone.

One step is watched, and all that torch is asked to convolve is written down: shapes,
layouts, strides, and which gradients. Then the same calls are made again, on noise.
No step with these convolutions can be faster.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

CONVOLUTIONS = (
    torch.ops.aten.convolution.default,
    torch.ops.aten.convolution_backward.default,
)


class Watch(TorchDispatchMode):
    """Writes down every convolution that is computed under it, forward or backward."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...]]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in CONVOLUTIONS:
            self.calls.append((func, tuple(map(outline, args))))
        return func(*args, **(kwargs or {}))


class Outline(NamedTuple):
    """A tensor without its numbers."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype


def outline(argument: Any) -> Any:
    """A tensor's outline; anything else as it is."""
    if not isinstance(argument, Tensor):
        return argument
    return Outline(tuple(argument.shape), argument.stride(), argument.dtype)


def convolutions_of(step: Callable[[], Any]) -> list[tuple[Any, tuple[Any, ...]]]:
    """The convolutions of a step: which call, with which arguments."""
    with Watch() as watch:
        step()
    return watch.calls


def floor_of(step: Callable[[], Any]) -> Callable[[], None]:
    """A function that makes the convolutions of a step and does nothing else."""
    step()  # so that nothing of a first step is among them
    calls = convolutions_of(step)
    noise: dict[Outline, Tensor] = {}

    def fill(argument: Any) -> Any:
        if not isinstance(argument, Outline):
            return argument
        if argument not in noise:
            shape, strides, dtype = argument
            noise[argument] = torch.empty_strided(shape, strides, dtype=dtype).normal_()
        return noise[argument]

    ready = [(call, list(map(fill, arguments))) for call, arguments in calls]

    def floor() -> None:
        for call, arguments in ready:
            call(*arguments)

    return floor
