"""The sampled path alone: cells that compute the drawn operations and nothing else.

They measure what a sampled step must cost. Their modules are those of the reference
cells. Theta gets its gradient through GDAS's shortcut; where nobody asks for it, in the
step of the weights, an operation is not even multiplied by its weight, which is 1.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gaea_mini.supernet import ReferenceCell, darts_network, network, node_cell
from gaea_mini.supernet.base import Active
from gaea_mini.supernet.darts_cell import ReferenceDartsCell
from gaea_mini.supernet.node_cell import ReferenceNodeCell


def drawn_edges(
    cell: Any,
    entering: list[int],
    nodes: list[Tensor],
    theta: Tensor,
    active: Active,
    constant_rest: bool,
) -> Tensor:
    """A node: the sum of what is drawn on the edges that enter it."""
    parts, rest = [], theta.new_zeros(())
    for e in entering:
        if not active[e]:  # an edge that the genotype does not keep
            continue
        (o,) = active[e]
        operation = cell.edges[e].operations[o]
        if constant_rest:
            rest = rest + theta[e].sum() - theta[e, o]
        if cell.space.operations[o] != "none":
            y = operation(nodes[cell.space.edges[e][0]])
            parts.append(theta[e, o] * y if theta.requires_grad else y)
    if not parts:  # ``none`` on every edge
        parts = [operation(nodes[cell.space.edges[e][0]])]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total + rest if constant_rest else total


class PathCell(ReferenceCell):
    """A cell of NAS-Bench-201, one operation an edge."""

    def forward(
        self,
        x: Tensor,
        theta: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        assert active is not None
        nodes = [x]
        for entering in self.space.entering:
            arguments = nodes, theta, active, constant_rest
            nodes.append(drawn_edges(self, entering, *arguments))
        return nodes[-1]


class PathDartsCell(ReferenceDartsCell):
    """A cell of the DARTS space, one operation an edge."""

    def forward(
        self,
        before: Tensor,
        last: Tensor,
        theta: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        assert active is not None
        nodes = [f(x) for f, x in zip(self.preprocess, (before, last), strict=True)]
        for entering in self.space.entering:
            arguments = nodes, theta, active, constant_rest
            nodes.append(drawn_edges(self, entering, *arguments))
        return torch.cat(nodes[2:], dim=1)


class PathNodeCell(ReferenceNodeCell):
    """A cell of NAS-Bench-1Shot1, one operation a node; inputs stay mixtures."""

    def mix(
        self,
        operations: nn.Module,
        x: Tensor,
        theta: Tensor,
        chosen: Sequence[int] | None,
        constant_rest: bool,
    ) -> Tensor:
        assert chosen is not None
        (o,) = chosen
        y = operations.get_submodule(str(o))(x)
        if theta.requires_grad:
            y = theta[o] * y
        return y + (theta.sum() - theta[o]) if constant_rest else y


# A supernet may have this form too, beside its usual ones.
network.CELL_FORMS["path"] = PathCell
darts_network.DARTS_FORMS["path"] = PathDartsCell
node_cell.NODE_FORMS["path"] = PathNodeCell
