"""The mixed cell as its formula reads: slow, short, and the fast one's measure."""

from torch import Tensor, nn

from gaea_mini.supernet.operations import OPERATIONS
from gaea_mini.supernet.spaces import CellSpace


class MixedEdge(nn.Module):
    """All operations of one edge, mixed by its row of theta (O,)."""

    def __init__(self, space: CellSpace, channels: int):
        super().__init__()
        self.operations = nn.ModuleList(
            OPERATIONS[o](channels) for o in space.operations
        )

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        total = x.new_zeros(())
        for weight, operation in zip(theta, self.operations, strict=True):
            total = total + weight * operation(x)
        return total


class ReferenceCell(nn.Module):
    r"""Every node is the sum of the mixed edges that enter it.

    .. math::
        x_t = \sum_{e = (s, t)} \sum_o \theta_{e o} \, o(x_s)

    Eq. (eq-mixed-edge). ``forward`` takes x (B, C, H, W) and theta (E, O) and returns
    the last node, (B, C, H, W).
    """

    def __init__(self, space: CellSpace, channels: int):
        super().__init__()
        self.space = space
        self.edges = nn.ModuleList(MixedEdge(space, channels) for _ in space.edges)

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        nodes = [x]
        for target in range(1, self.space.nodes):
            # Eq. (eq-mixed-edge)
            total = x.new_zeros(())
            for e, (s, t) in enumerate(self.space.edges):
                if t == target:
                    total = total + self.edges[e](nodes[s], theta[e])
            nodes.append(total)
        return nodes[-1]
