"""The mixed cell of the DARTS space as its formula reads: the fast one's measure."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.supernet.base import Active
from gaea_mini.supernet.darts_operations import (
    DARTS_OPERATIONS,
    FactorizedReduce,
    Norm,
    relu_conv_bn,
)
from gaea_mini.supernet.darts_space import DartsSpace
from gaea_mini.supernet.operations import batch_norm
from gaea_mini.supernet.reference import MixedEdge


@dataclass(frozen=True)
class Place:
    """Where a cell stands in the network.

    Args:
      kind: 0 for a normal cell, 1 for one that halves the picture.
      inputs: channels of the two outputs that it takes.
      channels: C of its nodes; its output has C times their number.
      after_reduction: the first input is twice as high and wide as the second.
    """

    kind: int
    inputs: tuple[int, int]
    channels: int
    after_reduction: bool

    @property
    def reduces(self) -> bool:
        return self.kind == 1

    def stride(self, source: int) -> int:
        """Of the operations on an edge: 2 from the inputs of a reduction cell."""
        return 2 if self.reduces and source < 2 else 1

    def preprocess(self, norm: Norm) -> nn.ModuleList:
        """Bring both inputs to the same size and to C channels."""
        first, second = self.inputs
        fit = FactorizedReduce if self.after_reduction else relu_conv_bn
        return nn.ModuleList(
            [
                fit(first, self.channels, norm),
                relu_conv_bn(second, self.channels, norm),
            ]
        )


class MixedDartsEdge(MixedEdge):
    """The same in the DARTS space, where an edge may halve the picture.

    A batch norm stands behind pooling too: it makes the outputs of the candidates
    comparable. Channels that pass by go through a 2x2 maximum where the stride is 2.
    """

    def __init__(self, space: DartsSpace, channels: int, stride: int, partial: int = 1):
        self.stride = stride
        super().__init__(space, channels, partial)

    def operation(self, name: str, channels: int) -> nn.Module:
        operation = DARTS_OPERATIONS[name](channels, self.stride, batch_norm)
        if "pool" in name:
            operation = nn.Sequential(operation, batch_norm(channels))
        return operation

    def pass_by(self, x: Tensor) -> Tensor:
        return pass_by(x, self.stride)


def pass_by(x: Tensor, stride: int) -> Tensor:
    """What the channels that are not mixed go through."""
    return x if stride == 1 else F.max_pool2d(x, 2, 2, ceil_mode=True)


class ReferenceDartsCell(nn.Module):
    r"""Every node is the sum of the mixed edges that enter it.

    .. math::
        x_t = \sum_{e = (s, t)} \sum_o \theta_{e o} \, o_e(x_s)

    Eq. (eq-mixed-edge), with two inputs; the output is the concatenation of all nodes
    but the inputs, (B, 4 C, H, W), half as high and wide from a reduction cell.
    """

    def __init__(self, space: DartsSpace, place: Place, partial: int = 1):
        super().__init__()
        self.space, self.place, self.partial = space, place, partial
        self.preprocess = place.preprocess(batch_norm)
        self.edges = nn.ModuleList(
            MixedDartsEdge(space, place.channels, place.stride(s), partial)
            for s, _ in space.edges
        )

    def forward(
        self,
        before: Tensor,
        last: Tensor,
        theta: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """Output of the cell.

        Args:
          before: output of the cell before the last one.
          last: output of the last cell.
          theta: (E, O).
          active: per edge one or more operations to compute; None computes all. The
            others are left out as if their weights were 0.
          constant_rest: operations that are not computed count as the constant 1
            (GDAS's shortcut), so that their weights still get a gradient.
        """
        nodes = [f(x) for f, x in zip(self.preprocess, (before, last), strict=True)]
        for target in range(2, self.space.nodes):
            # Eq. (eq-mixed-edge)
            total = last.new_zeros(())
            for e, (s, t) in enumerate(self.space.edges):
                if t == target:
                    chosen = None if active is None else active[e]
                    total = total + self.edges[e](
                        nodes[s], theta[e], chosen, constant_rest
                    )
            nodes.append(total)
        return torch.cat(nodes[2:], dim=1)
