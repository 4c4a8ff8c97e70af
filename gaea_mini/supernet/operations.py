"""The five operations of NAS-Bench-201, under its names.

As in the authors' supernet for that benchmark, batch norm has no scale and no shift of
its own (theta is the scale), and pooling and skip are not normalised. Unlike there,
statistics are always those of the batch: running statistics of a mixture would be wrong
for the rounded cell.
"""

from collections.abc import Callable

from torch import Tensor, nn


class Zero(nn.Module):
    """``none``: no connection."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm that only standardises: no scale, no shift, no running statistics."""
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


Norm = Callable[[int], nn.Module]


def relu_conv_bn(
    inputs: int, outputs: int, kernel: int, stride: int = 1, norm: Norm = batch_norm
) -> nn.Module:
    """ReLU, convolution without bias, batch norm: NAS-Bench-201's ``nor_conv``."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        norm(outputs),
    )


def pool() -> nn.Module:
    """Average over 3x3 neighbours; the border averages over what is there."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


OPERATIONS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: Zero(),
    "skip_connect": lambda channels: nn.Identity(),
    "nor_conv_1x1": lambda channels: relu_conv_bn(channels, channels, 1),
    "nor_conv_3x3": lambda channels: relu_conv_bn(channels, channels, 3),
    "avg_pool_3x3": lambda channels: pool(),
}
