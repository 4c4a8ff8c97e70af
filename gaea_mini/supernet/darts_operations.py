"""The eight operations of the DARTS space, under its names, and the blocks around them.

Every operation has a stride: 1, or 2 on the edges that leave the inputs of a reduction
cell. The batch norm is an argument: in the supernet it only standardises, in a network
trained alone it has scale, shift and running statistics.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class Zero(nn.Module):
    """``none``: no connection."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0.0


class FactorizedReduce(nn.Module):
    """Half the pixels, and no pixel is lost: two 1x1 convolutions of stride 2.

    One sees the pixels in even rows and columns, the other those in odd ones, each
    makes half of the ``outputs`` (an even number). Pictures of odd size are continued
    with zeros.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm):
        super().__init__()
        self.even, self.odd = (
            nn.Conv2d(inputs, outputs // 2, 1, bias=False) for _ in range(2)
        )
        self.norm = norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        even, odd = alternate_pixels(F.relu(x))
        return self.norm(torch.cat([self.even(even), self.odd(odd)], dim=1))


def alternate_pixels(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels in even rows and columns, and in odd ones; both ceil(H/2) by ceil(W/2)."""
    high, wide = x.shape[2:]
    odd = F.pad(x, (0, wide % 2, 0, high % 2)) if high % 2 or wide % 2 else x
    return x[:, :, ::2, ::2], odd[:, :, 1::2, 1::2]


def relu_conv_bn(inputs: int, outputs: int, norm: Norm) -> nn.Module:
    """ReLU, 1x1 convolution, batch norm: fits a cell's input to its channels."""
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), norm(outputs)
    )


def block(
    channels: int, kernel: int, stride: int, dilation: int, norm: Norm
) -> nn.Sequential:
    """ReLU, a depthwise convolution, a 1x1 convolution that mixes channels, norm."""
    reach = dilation * (kernel // 2)
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(
            *(channels, channels, kernel, stride, reach, dilation),
            groups=channels,
            bias=False,
        ),
        nn.Conv2d(channels, channels, 1, bias=False),
        norm(channels),
    )


def separable(channels: int, kernel: int, stride: int, norm: Norm) -> nn.Module:
    """Two blocks; the stride is the first one's."""
    first = block(channels, kernel, stride, 1, norm)
    return nn.Sequential(first, block(channels, kernel, 1, 1, norm))


def dilated(channels: int, kernel: int, stride: int, norm: Norm) -> nn.Module:
    """One block whose kernel skips every second pixel."""
    return nn.Sequential(block(channels, kernel, stride, 2, norm))


def skip(channels: int, stride: int, norm: Norm) -> nn.Module:
    """The input itself; with stride 2 a ``FactorizedReduce``."""
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, norm)


def max_pool(stride: int) -> nn.Module:
    """The largest of 3x3 neighbours."""
    return nn.MaxPool2d(3, stride, padding=1)


def avg_pool(stride: int) -> nn.Module:
    """The mean of 3x3 neighbours; the border averages over what is there."""
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)


DARTS_OPERATIONS: dict[str, Callable[[int, int, Norm], nn.Module]] = {
    "none": lambda channels, stride, norm: Zero(stride),
    "max_pool_3x3": lambda channels, stride, norm: max_pool(stride),
    "avg_pool_3x3": lambda channels, stride, norm: avg_pool(stride),
    "skip_connect": skip,
    "sep_conv_3x3": lambda channels, stride, norm: separable(channels, 3, stride, norm),
    "sep_conv_5x5": lambda channels, stride, norm: separable(channels, 5, stride, norm),
    "dil_conv_3x3": lambda channels, stride, norm: dilated(channels, 3, stride, norm),
    "dil_conv_5x5": lambda channels, stride, norm: dilated(channels, 5, stride, norm),
}
