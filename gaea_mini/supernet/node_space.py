"""The spaces of NAS-Bench-1Shot1: the operation is chosen on the node, not on the edge.

A cell has one input (node 0), choice nodes and an output. A choice node applies one
operation to the sum of its parents; the output joins its parents. How many parents a
node keeps is part of the space. (Zela, Siems, Hutter, ICLR 2020.)

A cell is written node by node, operation first, then the parents:
``|conv3x3-bn-relu~0|+|maxpool3x3~0~1|+...+|output~2~4|``.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gaea_mini.errors import InputError, excerpt
from gaea_mini.supernet.base import Active, SearchSpace


class NodeChoice(NamedTuple):
    """A single cell: an operation index for each choice node, parents of each node."""

    operations: tuple[int, ...]
    parents: tuple[tuple[int, ...], ...]  # of the choice nodes, then of the output


@dataclass(frozen=True)
class NodeSpace(SearchSpace):
    """All cells whose choice nodes and output keep given numbers of parents.

    Args:
      name: the name on the command line and in records.
      kept: parents that each choice node keeps, and at last the output.
      operations: names, in the order of theta's last axis.
    """

    name: str
    kept: tuple[int, ...]
    operations: tuple[str, ...] = ("maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu")
    kinds: tuple[str, ...] = ("cell",)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(parent, node): 0->1, 0->2, 1->2, 0->3, ...; the output is the last node."""
        return tuple((s, t) for t in range(1, len(self.kept) + 1) for s in range(t))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of theta: (kinds, choice nodes, O)."""
        return len(self.kinds), len(self.kept) - 1, len(self.operations)

    @property
    def size(self) -> int:
        """Number of cells, isomorphic ones and those with loose ends counted apart."""
        nodes = enumerate(self.kept, start=1)
        parents = math.prod(math.comb(t, kept) for t, kept in nodes)
        return parents * len(self.operations) ** (len(self.kept) - 1)

    def without(self, *names: str) -> "NodeSpace":
        """The same space with some operations taken out."""
        return replace(self, operations=self._kept(names))

    def groups(self, edge_weights: bool = True) -> list[int]:
        """Sizes of the simplices of input weights; a search always learns them.

        A node that keeps all its parents has none.
        """
        nodes = zip(self.entering, self.kept, strict=True)
        return [len(entering) for entering, kept in nodes if len(entering) > kept]

    def weigh(self, theta: Tensor, edges: Sequence[Tensor]) -> Tensor:
        r"""What the supernet takes: for each edge and operation the product

        .. math::
            W_{e o} = \beta_e \, \theta_{t o} \quad \text{for an edge } e = (s, t)

        Both factors can be read off W again: beta_e is the sum
        of a row, and theta_t the sum of the rows into t, brought to sum 1. The output
        has no operation; its rows are beta_e / O.

        Args:
          theta: (K, choice nodes, O), rows on the simplex.
          edges: beta of the nodes that have a choice, (K, group) each, on a simplex;
            where a node keeps all its parents, their beta is 1.
        """
        learned = iter(edges)
        ones = theta.new_ones(len(theta), len(self.kept))
        beta = [
            next(learned) if len(entering) > kept else ones[:, : len(entering)]
            for entering, kept in zip(self.entering, self.kept, strict=True)
        ]
        flat = theta.new_full((len(theta), 1, theta.shape[-1]), 1 / theta.shape[-1])
        rows = torch.cat([theta, flat], dim=1)
        theta = rows[:, [t - 1 for _, t in self.edges]]  # (K, E, O)
        return theta * torch.cat(beta, dim=1)[:, :, None]

    def parse(self, arch: str) -> NodeChoice:
        """Operations and parents, read from a cell's string.

        Raises:
          InputError: malformed, or an operation that the space does not have.
        """
        groups = arch.strip().split("+")
        found = [re.fullmatch(r"\|([^|~+]+)((?:~\d{1,3})+)\|", g) for g in groups]
        names = [m[1] if m else "" for m in found]
        good = all(found) and len(found) == len(self.kept) and names[-1] == "output"
        if good:
            operations = tuple(self._require(name) for name in names[:-1])
            parents = tuple(
                tuple(map(int, re.findall(r"\d+", m[2]))) for m in found if m
            )
            choice = NodeChoice(operations, parents)
            good = self.format(choice) == arch.strip() and all(
                len(p) == kept and list(p) == sorted(set(p)) and p[-1] < t
                for t, (p, kept) in enumerate(zip(parents, self.kept, strict=True), 1)
            )
        if not good:
            example = self.round(np.zeros((1, len(self.edges), len(self.operations))))
            raise InputError(f"malformed cell {excerpt(arch)}; write it as {example!r}")
        return choice

    def format(self, choice: NodeChoice) -> str:
        """String of a cell; the inverse of ``parse``."""
        names = [*(self.operations[o] for o in choice.operations), "output"]
        return "+".join(
            "|" + "~".join([name, *map(str, parents)]) + "|"
            for name, parents in zip(names, choice.parents, strict=True)
        )

    def round(self, weights: np.ndarray) -> str:
        """The cell that W is rounded to.

        Each node keeps the parents of largest beta, as many as the space says, and the
        operation of largest theta. Ties go to the one listed first.

        Args:
          weights: W, (1, E, O) or (E, O).
        """
        rows = self._rows(weights)[0]
        inputs = rows.sum(axis=1)  # beta, (E,)
        operations, parents = [], []
        for entering, kept in zip(self.entering, self.kept, strict=True):
            order = np.argsort(-inputs[entering], kind="stable")
            parents.append(tuple(sorted(order[:kept].tolist())))
            operations.append(int(rows[entering].sum(axis=0).argmax()))
        return self.format(NodeChoice(tuple(operations[:-1]), tuple(parents)))

    def one_hot(self, arch: str) -> np.ndarray:
        """W (1, E, O) of a single cell: beta 1 for its parents, 0 for the others."""
        choice = self.parse(arch)
        weights = np.zeros((1, len(self.edges), len(self.operations)), np.float32)
        for t, (entering, parents) in enumerate(
            zip(self.entering, choice.parents, strict=True)
        ):
            for s in parents:
                if t < len(choice.operations):
                    weights[0, entering[s], choice.operations[t]] = 1
                else:
                    weights[0, entering[s]] = 1 / len(self.operations)
        return weights

    def draw(self, draws: torch.Generator) -> tuple[Tensor, list[Active]]:
        """One of all cells: an operation of each choice node, parents of each node."""
        picks = torch.randint(len(self.operations), self.shape[1:2], generator=draws)
        operations = tuple(picks.tolist())
        parents = (
            torch.randperm(t, generator=draws)[:kept].sort().values.tolist()
            for t, kept in enumerate(self.kept, start=1)
        )
        choice = NodeChoice(operations, tuple(map(tuple, parents)))
        weights = torch.tensor(self.one_hot(self.format(choice)))
        return weights, [[(o,) for o in operations]]


# Numbers of parents: automl/nasbench-1shot1, search_space_1.py to search_space_3.py.
NASBENCH1SHOT1 = (
    NodeSpace("nasbench1shot1-1", (1, 2, 2, 2, 2)),
    NodeSpace("nasbench1shot1-2", (1, 1, 2, 2, 3)),
    NodeSpace("nasbench1shot1-3", (1, 1, 1, 2, 2, 2)),
)
