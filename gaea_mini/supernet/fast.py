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
    float64). Filters are stacked: those of one kernel size and source s have shape
    (edges that leave s * C, C, kernel, kernel).
    """

    def __init__(self, space: CellSpace, channels: int):
        super().__init__()
        self.space = space
        self.channels = channels
        self.column = {name: o for o, name in enumerate(space.operations)}
        self.leaving = [
            [e for e, (s, _) in enumerate(space.edges) if s == source]
            for source in range(space.nodes - 1)
        ]
        self.filters = nn.ParameterDict(
            {
                f"{name}_{source}": _initial_filters(len(edges), channels, kernel)
                for name, kernel in KERNELS.items()
                if name in self.column
                for source, edges in enumerate(self.leaving)
            }
        )
        self.pool = pool()

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        nodes: list[Tensor] = [x]
        sums: list[Tensor | None] = [None] * self.space.nodes
        for source, edges in enumerate(self.leaving):
            node = nodes[source]
            targets = [self.space.edges[e][1] for e in edges]
            rectified = F.relu(node)
            for name in KERNELS:
                if name in self.column:
                    weights = theta[edges, self.column[name]]
                    filters = self.filters[f"{name}_{source}"]
                    mixed = self._convolve(rectified, filters, weights)
                    for t, part in zip(targets, mixed, strict=True):
                        sums[t] = _plus(sums[t], part)
            for name in ("skip_connect", "avg_pool_3x3"):
                if name in self.column:
                    value = node if name == "skip_connect" else self.pool(node)
                    for t, e in zip(targets, edges, strict=True):
                        sums[t] = _plus(sums[t], value, theta[e, self.column[name]])
            done = sums[source + 1]
            nodes.append(torch.zeros_like(x) if done is None else done)
        return nodes[-1]

    def _convolve(
        self, x: Tensor, filters: Tensor, weights: Tensor
    ) -> tuple[Tensor, ...]:
        """theta_e * BN(conv_e(x)) for all edges e that leave one node."""
        y = F.conv2d(x, filters, padding=filters.shape[-1] // 2)  # (B, edges * C, H, W)
        scale = weights.repeat_interleave(self.channels)
        y = F.batch_norm(y, None, None, weight=scale, training=True)
        return y.split(self.channels, dim=1)

    @torch.no_grad()
    def copy_from(self, cell: ReferenceCell) -> "FastCell":
        """Take over the filters of a reference cell, edge by edge."""
        for name in KERNELS:
            for source, edges in enumerate(self.leaving):
                if name in self.column:
                    at = f"operations.{self.column[name]}.1.weight"
                    stack = [cell.edges[e].get_parameter(at).data for e in edges]
                    self.filters[f"{name}_{source}"].copy_(torch.cat(stack))
        return self


def _plus(total: Tensor | None, part: Tensor, weight: Tensor | None = None) -> Tensor:
    """total + weight * part, in one pass over memory."""
    if total is None:
        return part if weight is None else weight * part
    return total + part if weight is None else torch.addcmul(total, part, weight)


def _initial_filters(edges: int, channels: int, kernel: int) -> nn.Parameter:
    """Filters of several convolutions, each drawn as torch's Conv2d draws its own."""
    drawn = [nn.Conv2d(channels, channels, kernel, bias=False) for _ in range(edges)]
    return nn.Parameter(torch.cat([layer.weight.detach() for layer in drawn]))
