"""The mixed cell as its formula reads: slow, short, and the fast one's measure."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gaea_mini.supernet.base import Active
from gaea_mini.supernet.fast import mixed_channels, shuffle
from gaea_mini.supernet.operations import OPERATIONS
from gaea_mini.supernet.spaces import CellSpace, Space


class MixedEdge(nn.Module):
    """All operations of one edge, mixed by its row of theta (O,).

    With ``partial`` k only the first C / k channels are mixed (PC-DARTS); the others
    pass by with the sum of the row as their weight, and all channels are shuffled:
    Eq. (eq-partial).
    """

    def __init__(self, space: Space, channels: int, partial: int = 1):
        super().__init__()
        self.partial = partial
        mixed = mixed_channels(channels, partial)
        self.split = [mixed, channels - mixed]
        self.operations = nn.ModuleList(
            self.operation(name, mixed) for name in space.operations
        )

    def operation(self, name: str, channels: int) -> nn.Module:
        """One operation of the edge."""
        return OPERATIONS[name](channels)

    def pass_by(self, x: Tensor) -> Tensor:
        """What the channels that are not mixed go through."""
        return x

    def forward(
        self,
        x: Tensor,
        theta: Tensor,
        active: Sequence[int] | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        # A split of all channels would cost a copy in the backward pass.
        first, *others = x.split(self.split, dim=1) if self.partial > 1 else [x]
        total = first.new_zeros(())
        for o, operation in enumerate(self.operations):
            if active is None or o in active:
                total = total + theta[o] * operation(first)
            elif constant_rest:
                total = total + theta[o]
        if self.partial == 1:
            return total
        # Eq. (eq-partial)
        beside = theta.sum() * self.pass_by(others[0])
        return shuffle(torch.cat([total, beside], dim=1), self.partial)


class ReferenceCell(nn.Module):
    r"""Every node is the sum of the mixed edges that enter it.

    .. math::
        x_t = \sum_{e = (s, t)} \sum_o \theta_{e o} \, o(x_s)

    Eq. (eq-mixed-edge). ``forward`` takes x (B, C, H, W) and theta (E, O) and returns
    the last node, (B, C, H, W). Its further arguments are those of ``FastCell``.
    """

    def __init__(self, space: CellSpace, channels: int, partial: int = 1):
        super().__init__()
        self.space = space
        self.edges = nn.ModuleList(
            MixedEdge(space, channels, partial) for _ in space.edges
        )

    def forward(
        self,
        x: Tensor,
        theta: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        nodes = [x]
        for target in range(1, self.space.nodes):
            # Eq. (eq-mixed-edge)
            total = x.new_zeros(())
            for e, (s, t) in enumerate(self.space.edges):
                if t == target:
                    chosen = None if active is None else active[e]
                    edge = self.edges[e]
                    total = total + edge(nodes[s], theta[e], chosen, constant_rest)
            nodes.append(total)
        return nodes[-1]
