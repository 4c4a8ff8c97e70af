"""The mixed cell, fast: the same function as the reference with less work.

Edges with the same source share what they have in common. One ReLU and one pooling
serve them all, and their convolutions of one kernel size are a single convolution with
the filters stacked. Theta enters as the scale of the batch norm behind it, so that its
gradient costs nothing extra.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.supernet.operations import pool
from gaea_mini.supernet.reference import ReferenceCell
from gaea_mini.supernet.spaces import CellSpace

KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


class FastCell(nn.Module):
    """Eq. (eq-mixed-edge), computed source by source.

    The same arguments, outputs and gradients as ``ReferenceCell`` (tested to 1e-10 in
    float64). Filters are stacked: ``filters["nor_conv_3x3"][s]`` has shape
    (edges leaving s * C, C, 3, 3).
    """

    def __init__(self, space: CellSpace, channels: int):
        super().__init__()
        self.space = space
        self.channels = channels
        self.leaving = [
            [e for e, (s, _) in enumerate(space.edges) if s == source]
            for source in range(space.nodes - 1)
        ]
        self.filters = nn.ModuleDict()
        for name in space.operations:
            if name in KERNELS:
                self.filters[name] = nn.ParameterList(
                    _initial_filters(len(edges), channels, KERNELS[name])
                    for edges in self.leaving
                )
        self.pool = pool()

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        sums: list[list[Tensor]] = [[] for _ in range(self.space.nodes)]
        plain: list[list[Tensor]] = [[] for _ in range(self.space.nodes)]
        weights: list[list[Tensor]] = [[] for _ in range(self.space.nodes)]
        column = {name: o for o, name in enumerate(self.space.operations)}
        node = x
        for source, edges in enumerate(self.leaving):
            targets = [self.space.edges[e][1] for e in edges]
            rectified = F.relu(node)
            for name, filters in self.filters.items():
                mixed = self._convolve(
                    rectified, filters[source], theta[edges, column[name]]
                )
                for target, part in zip(targets, mixed, strict=True):
                    sums[target].append(part)
            for name in ("skip_connect", "avg_pool_3x3"):
                if name in column:
                    value = node if name == "skip_connect" else self.pool(node)
                    for target, e in zip(targets, edges, strict=True):
                        plain[target].append(value)
                        weights[target].append(theta[e, column[name]])
            node = _add(source + 1, sums, plain, weights, node)
        return node

    def _convolve(self, x: Tensor, filters: Tensor, weights: Tensor) -> list[Tensor]:
        """theta_e * BN(conv_e(x)) for all edges e that leave one node."""
        y = F.conv2d(x, filters, padding=filters.shape[-1] // 2)  # (B, edges * C, H, W)
        scale = weights.repeat_interleave(self.channels)
        y = F.batch_norm(y, None, None, weight=scale, training=True)
        return list(y.split(self.channels, dim=1))

    @torch.no_grad()
    def copy_from(self, cell: ReferenceCell) -> "FastCell":
        """Take over the filters of a reference cell, edge by edge."""
        for name, stacks in self.filters.items():
            o = self.space.operations.index(name)
            for stack, edges in zip(stacks, self.leaving, strict=True):
                weights = [cell.operations[e][o][1].weight for e in edges]
                stack.copy_(torch.cat(weights))
        return self


def _add(target, sums, plain, weights, node) -> Tensor:
    total = None
    for part in sums[target]:
        total = part if total is None else total + part
    for weight, value in zip(weights[target], plain[target], strict=True):
        total = weight * value if total is None else torch.addcmul(total, value, weight)
    return node * 0.0 if total is None else total


def _initial_filters(edges: int, channels: int, kernel: int) -> nn.Parameter:
    """Filters of several convolutions, each drawn as torch's Conv2d draws its own."""
    convolutions = [
        nn.Conv2d(channels, channels, kernel, bias=False).weight for _ in range(edges)
    ]
    return nn.Parameter(torch.cat([w.detach() for w in convolutions]))
