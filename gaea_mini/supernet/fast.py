"""The mixed cell, fast: the same function as the reference with less work.

Edges with the same source share what they have in common. One ReLU and one pooling
serve them all, and their convolutions of one kernel size are a single convolution with
the filters stacked. Theta enters as the scale of the batch norm behind it, so that its
gradient costs nothing extra.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.errors import InputError
from gaea_mini.supernet.base import Active
from gaea_mini.supernet.operations import pool
from gaea_mini.supernet.spaces import CellSpace

if TYPE_CHECKING:
    from gaea_mini.supernet.reference import ReferenceCell

KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
ORDER = (*KERNELS, "skip_connect", "avg_pool_3x3")  # of the sums; ``none`` adds nothing


class FastCell(nn.Module):
    """Eq. (eq-mixed-edge), computed source by source.

    The same arguments, outputs and gradients as ``ReferenceCell`` (tested to 1e-10 in
    float64). Filters are stacked: those of one kernel size and source s have shape
    (edges that leave s * C, C, kernel, kernel).

    Args:
      space: the search space of the cell.
      channels: C of its input and output.
      partial: PC-DARTS's k. Only the first C / k channels go through the operations;
        the others pass by, scaled by their edge's weight, and all are shuffled.
    """

    def __init__(self, space: CellSpace, channels: int, partial: int = 1):
        super().__init__()
        self.space = space
        self.partial = partial
        self.channels = mixed_channels(channels, partial)
        self.column = {name: o for o, name in enumerate(space.operations)}
        self.leaving = [
            [e for e, (s, _) in enumerate(space.edges) if s == source]
            for source in range(space.nodes - 1)
        ]
        self.filters = nn.ParameterDict(
            {
                f"{name}_{source}": _initial_filters(len(edges), self.channels, kernel)
                for name, kernel in KERNELS.items()
                if name in self.column
                for source, edges in enumerate(self.leaving)
            }
        )
        self.pool = pool()

    def forward(
        self,
        x: Tensor,
        theta: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """The last node (B, C, H, W), of x (B, C, H, W) under theta (E, O).

        Args:
          x: the first node.
          theta: weights of the operations.
          active: per edge the operations to compute; None computes all. The others
            are left out as if their weights were 0.
          constant_rest: operations that are not computed count as the constant 1
            (GDAS's shortcut), so that their weights still get a gradient.
        """
        nodes: list[Tensor] = [x]
        sums: list[Tensor | None] = [None] * self.space.nodes
        passing: list[Tensor | None] = [None] * self.space.nodes
        for source, edges in enumerate(self.leaving):
            node = nodes[source]
            if self.partial > 1:
                node, beside = node.split(
                    [self.channels, node.shape[1] - self.channels], 1
                )
                for e in edges:
                    t = self.space.edges[e][1]
                    passing[t] = _plus(passing[t], beside, theta[e].sum())
            self._leave(node, source, theta, active, sums)
            t = source + 1
            total = sums[t]
            if total is None:  # nothing but ``none`` enters
                total = torch.zeros_like(x[:, : self.channels])
            if constant_rest and active is not None:
                total = total + self._idle_weight(t, theta, active)
            bypass = passing[t]
            if bypass is not None:
                total = shuffle(torch.cat([total, bypass], dim=1), self.partial)
            nodes.append(total)
        return nodes[-1]

    def _leave(
        self,
        node: Tensor,
        source: int,
        theta: Tensor,
        active: Active | None,
        sums: list[Tensor | None],
    ) -> None:
        """Add to each target what comes to it from one source."""
        rectified = F.relu(node)
        for name in ORDER:
            column = self.column.get(name)
            edges = [
                e for e in self.leaving[source] if active is None or column in active[e]
            ]
            if column is None or not edges:
                continue
            targets = [self.space.edges[e][1] for e in edges]
            if name in KERNELS:
                filters = self.filters[f"{name}_{source}"]
                if len(edges) < len(self.leaving[source]):
                    filters = self._of_edges(filters, source, edges)
                mixed = self._convolve(rectified, filters, theta[edges, column])
                for t, part in zip(targets, mixed, strict=True):
                    sums[t] = _plus(sums[t], part)
                del mixed, part  # room for what the next convolution makes
            else:
                value = node if name == "skip_connect" else self.pool(node)
                for t, e in zip(targets, edges, strict=True):
                    sums[t] = _plus(sums[t], value, theta[e, column])

    def _of_edges(self, filters: Tensor, source: int, edges: list[int]) -> Tensor:
        """The filters of some of the edges that leave a source."""
        place = [self.leaving[source].index(e) for e in edges]
        return torch.cat([filters.split(self.channels)[i] for i in place])

    def _idle_weight(self, target: int, theta: Tensor, active: Active) -> Tensor:
        """Sum of the weights on the edges into a node that were not computed."""
        return sum(
            (theta[e].sum() - theta[e, list(active[e])].sum())
            for e, (_, t) in enumerate(self.space.edges)
            if t == target
        )  # type: ignore[return-value]

    def _convolve(
        self, x: Tensor, filters: Tensor, weights: Tensor
    ) -> tuple[Tensor, ...]:
        """theta_e * BN(conv_e(x)) for all edges e that leave one node."""
        y = F.conv2d(x, filters, padding=filters.shape[-1] // 2)  # (B, edges * C, H, W)
        scale = weights.repeat_interleave(self.channels)
        y = F.batch_norm(y, None, None, weight=scale, training=True)
        return y.split(self.channels, dim=1)

    @torch.no_grad()
    def copy_from(self, cell: "ReferenceCell") -> "FastCell":
        """Take over the filters of a reference cell, edge by edge."""
        for name in KERNELS:
            for source, edges in enumerate(self.leaving):
                if name in self.column:
                    at = f"operations.{self.column[name]}.1.weight"
                    stack = [cell.edges[e].get_parameter(at).data for e in edges]
                    self.filters[f"{name}_{source}"].copy_(torch.cat(stack))
        return self


def mixed_channels(channels: int, partial: int) -> int:
    """C / k, the channels that go through the operations.

    Raises:
      InputError: k does not divide C.
    """
    if partial < 1 or channels % partial:
        raise InputError(
            f"partial channels: 1/{partial} of {channels} channels is not a whole "
            f"number; give channels a multiple of {partial}"
        )
    return channels // partial


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels out like cards, so that the next cell mixes other ones.

    The layout in memory stays as it is.
    """
    if x.is_contiguous(memory_format=torch.channels_last):
        y = x.permute(0, 2, 3, 1).unflatten(3, (groups, -1))  # (B, H, W, k, C / k)
        return y.transpose(3, 4).flatten(3).permute(0, 3, 1, 2)
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def _plus(total: Tensor | None, part: Tensor, weight: Tensor | None = None) -> Tensor:
    """total + weight * part, in one pass over memory; in place if total allows it."""
    if total is None:
        return part if weight is None else weight * part
    # As it is, CUDA's autocast would add up in float32.
    weight = weight if weight is None else weight.to(part.dtype)
    if total._base is not None or total.dtype != part.dtype:  # of a split; or promoted
        return total + part if weight is None else torch.addcmul(total, part, weight)
    return total.add_(part) if weight is None else total.addcmul_(part, weight)


def _initial_filters(edges: int, channels: int, kernel: int) -> nn.Parameter:
    """Filters of several convolutions, each drawn as torch's Conv2d draws its own."""
    drawn = [nn.Conv2d(channels, channels, kernel, bias=False) for _ in range(edges)]
    return nn.Parameter(torch.cat([layer.weight.detach() for layer in drawn]))
