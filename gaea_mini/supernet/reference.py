"""The mixed cell as its formula reads. Slow, short, and the measure for the fast one."""

from torch import Tensor, nn

from gaea_mini.supernet.operations import OPERATIONS
from gaea_mini.supernet.spaces import CellSpace


class ReferenceCell(nn.Module):
    r"""Every edge computes all its operations and mixes them by theta.

    .. math::
        x_t = \sum_{e = (s, t)} \sum_o \theta_{e o} \, o(x_s)

    Eq. (eq-mixed-edge). ``forward`` takes x (B, C, H, W) and theta (E, O) and returns
    the last node, (B, C, H, W).
    """

    def __init__(self, space: CellSpace, channels: int):
        super().__init__()
        self.space = space
        self.operations = nn.ModuleList(
            nn.ModuleList(OPERATIONS[name](channels) for name in space.operations)
            for _ in space.edges
        )

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        nodes = [x]
        for target in range(1, self.space.nodes):
            total = x.new_zeros(())
            for e, (s, t) in enumerate(self.space.edges):
                if t == target:
                    # Eq. (eq-mixed-edge)
                    for o, operation in enumerate(self.operations[e]):
                        total = total + theta[e, o] * operation(nodes[s])
            nodes.append(total)
        return nodes[-1]
