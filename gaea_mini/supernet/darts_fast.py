"""The mixed cell of the DARTS space, fast: the same function with less work.

Edges with the same source share one ReLU, one pooling of each kind and its batch norm.
Theta enters as the scale of a batch norm wherever one ends the operation, so that its
gradient costs nothing extra. A convolution with dilation 2 is an ordinary one on every
second pixel: on four grids of half the size, which are put together again once a node.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.supernet.base import Active
from gaea_mini.supernet.darts_cell import ReferenceDartsCell, pass_by
from gaea_mini.supernet.darts_operations import alternate_pixels
from gaea_mini.supernet.fast import shuffle


class FastDartsCell(ReferenceDartsCell):
    """Eq. (eq-mixed-edge), computed source by source.

    The same arguments and parameters as ``ReferenceDartsCell``, the same outputs and
    gradients (tested to 1e-10 in float64). Convolutions are not stacked: the pictures
    of one edge fit into a core's cache, those of all edges do not.
    """

    def forward(
        self,
        before: Tensor,
        last: Tensor,
        theta: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """Output of the cell; the arguments are those of ``ReferenceDartsCell``."""
        nodes = [f(x) for f, x in zip(self.preprocess, (before, last), strict=True)]
        stride = self.place.stride(0)
        nothing = torch.zeros_like(nodes[1][:, :, ::stride, ::stride])
        channels = self.edges[0].split  # those that are mixed, those that pass by
        zeros = nothing.split(channels, dim=1)
        mixed, passing = ([Sum() for _ in range(self.space.nodes)] for _ in range(2))
        idle = None
        if constant_rest and active is not None:
            idle = self._idle_weights(theta, active)

        def node(t: int) -> Tensor:
            if idle is not None:  # once a node, not once an operation
                mixed[t].add(idle[self.space.entering[t - 2]].sum().expand_as(zeros[0]))
            return self._node(mixed[t], passing[t], zeros)

        for source in range(self.space.nodes - 1):
            if source >= 2:
                nodes.append(node(source))
            first = others = nodes[source]
            if self.partial > 1:
                first, others = first.split(channels, dim=1)
            stride = self.place.stride(source)
            shared = Shared(first, stride)
            for e, (s, t) in enumerate(self.space.edges):
                if s == source:
                    for o, weight in enumerate(theta[e].unbind()):
                        if active is None or o in active[e]:
                            self._add(mixed[t], shared, e, o, weight)
                    if self.partial > 1:
                        passing[t].add(pass_by(others, stride), theta[e].sum())
        nodes.append(node(self.space.nodes - 1))
        return torch.cat(nodes[2:], dim=1)

    def _idle_weights(self, theta: Tensor, active: Active) -> Tensor:
        """For each edge the sum of its weights that were not computed, (E,)."""
        mask = torch.ones_like(theta)
        for row, chosen in zip(mask, active, strict=True):
            row[list(chosen)] = 0
        return (theta * mask).sum(dim=1)

    def _add(
        self, total: "Sum", shared: "Shared", e: int, o: int, weight: Tensor
    ) -> None:
        """Add weight * o_e(x) to a node's sum."""
        name = self.space.operations[o]
        operation: Any = self.edges[e].get_submodule(f"operations.{o}")
        if name == "max_pool_3x3":
            total.add(shared.max_pool, weight)
        elif name == "avg_pool_3x3":
            total.add(shared.avg_pool, weight)
        elif name == "skip_connect" and shared.stride == 1:
            total.add(shared.x, weight)
        elif name == "skip_connect":
            total.add(standardise(shared.reduced(operation), weight))
        elif name.startswith("sep_conv"):
            first, second = operation
            y = depthwise(shared.rectified, first, shared.stride)
            y = F.relu(standardise(F.conv2d(y, first[2].weight)))
            y = F.conv2d(depthwise(y, second), second[2].weight)
            total.add(standardise(y, weight))
        elif name.startswith("dil_conv"):
            (block,) = operation
            y = F.conv2d(shared.dilated(block), block[2].weight)
            y = standardise(y, weight)
            (total.add if shared.whole else total.add_grids)(y)

    def _node(self, mixed: "Sum", passing: "Sum", zeros: tuple[Tensor, ...]) -> Tensor:
        """Node, from the sums that have come in."""
        if self.partial == 1:
            return mixed.value(zeros[0])
        both = torch.cat([mixed.value(zeros[0]), passing.value(zeros[1])], dim=1)
        return shuffle(both, self.partial)


class once:
    """A property that is computed when first asked for, and kept.

    functools' own takes a lock on Python 3.11, which torch.compile cannot trace.
    """

    def __init__(self, compute: Callable[[Any], Tensor]):
        self.compute, self.name = compute, compute.__name__

    def __get__(self, owner: Any, kind: type) -> Tensor:
        if self.name not in owner.kept:
            owner.kept[self.name] = self.compute(owner)
        return owner.kept[self.name]


class Shared:
    """What the edges that leave a node have in common, made when first asked for.

    Args:
      x: the channels of the node that are mixed, (B, C, H, W).
      stride: of the operations on its edges.
    """

    def __init__(self, x: Tensor, stride: int):
        self.x, self.stride = x, stride
        self.kept: dict[str, Tensor] = {}
        # Are the outputs of dilated convolutions whole pictures, or four grids?
        self.whole = stride == 2 or any(n % 2 for n in x.shape[2:])

    @once
    def rectified(self) -> Tensor:
        return F.relu(self.x)

    @once
    def max_pool(self) -> Tensor:
        return standardise(F.max_pool2d(self.x, 3, self.stride, 1))

    @once
    def avg_pool(self) -> Tensor:
        y = F.avg_pool2d(self.x, 3, self.stride, 1, count_include_pad=False)
        return standardise(y)

    @once
    def every_second(self) -> Tensor:
        """The pixels that a dilated convolution with stride 2 sees, or four grids."""
        if self.stride == 2:
            return dense(self.rectified[:, :, ::2, ::2])
        return to_grids(self.rectified)

    @once
    def alternate(self) -> Tensor:
        """Even pixels and odd pixels of ``FactorizedReduce``, one behind the other."""
        return torch.cat(alternate_pixels(self.rectified), dim=1)

    def reduced(self, skip: Any) -> Tensor:
        """Both convolutions of a ``FactorizedReduce``, as one of two groups."""
        filters = torch.cat([skip.even.weight, skip.odd.weight])
        return F.conv2d(self.alternate, filters, groups=2)

    def dilated(self, block: Any) -> Tensor:
        """Depthwise convolution of dilation 2; on four grids unless ``whole``."""
        if self.stride == 1 and self.whole:  # an odd size does not fall into grids
            return block[1](self.rectified)
        return depthwise(self.every_second, block)


class Sum:
    """A node while its terms come in, some as pictures and some as four grids."""

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.grids: Tensor | None = None

    def add(self, part: Tensor, weight: Tensor | None = None) -> None:
        """Add weight * part (B, C, H, W), in one pass over memory."""
        if weight is None:
            self.total = part if self.total is None else self.total + part
        elif self.total is None:
            self.total = weight * part
        else:
            # As it is, CUDA's autocast would add up in float32.
            weight = weight.to(part.dtype)
            self.total = torch.addcmul(self.total, part, weight)

    def add_grids(self, part: Tensor) -> None:
        """Add a part (4 B, C, H / 2, W / 2)."""
        self.grids = part if self.grids is None else self.grids + part

    def value(self, nothing: Tensor) -> Tensor:
        """The sum; ``nothing`` if no term has come."""
        if self.grids is not None:
            self.add(from_grids(self.grids))
            self.grids = None
        return nothing if self.total is None else self.total


def depthwise(x: Tensor, block: Any, stride: int = 1) -> Tensor:
    """The depthwise convolution of a block, its ReLU and its dilation done before."""
    filters = block[1].weight
    reach = filters.shape[-1] // 2
    return F.conv2d(x, filters, None, stride, reach, groups=len(filters))


def standardise(x: Tensor, weight: Tensor | None = None) -> Tensor:
    """weight * BN(x), with the statistics of the batch."""
    # repeat, not expand: torch's kernel for channels-last pictures reads the scale as
    # if its numbers lay side by side, and takes a gradient from what lies behind.
    scale = None if weight is None else weight.repeat(x.shape[1])
    return F.batch_norm(x, None, None, weight=scale, training=True)


def to_grids(x: Tensor) -> Tensor:
    """Even and odd rows, even and odd columns: (B, C, H, W) to (4 B, C, H/2, W/2)."""
    y = x.permute(2, 3, 0, 1).unflatten(1, (-1, 2)).unflatten(0, (-1, 2))
    # (H/2, 2, W/2, 2, B, C)
    return dense(y.permute(1, 3, 4, 5, 0, 2).flatten(0, 2))


def from_grids(x: Tensor) -> Tensor:
    """The inverse of ``to_grids``."""
    y = x.unflatten(0, (2, 2, -1)).permute(2, 3, 4, 0, 5, 1)  # (B, C, H/2, 2, W/2, 2)
    return dense(y.flatten(4, 5).flatten(2, 3))


def dense(x: Tensor) -> Tensor:
    """Channels last in memory."""
    return x.contiguous(memory_format=torch.channels_last)
