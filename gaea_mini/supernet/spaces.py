"""Search spaces: which cells there are, how they are written, and how theta is rounded.

A cell of NAS-Bench-201 has four nodes and one operation on each of its six edges. Its
arch string lists, node by node, the operations that enter it and the node each of them
comes from: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.errors import InputError, excerpt
from gaea_mini.supernet.base import Active, SearchSpace
from gaea_mini.supernet.darts_space import DARTS, DartsSpace
from gaea_mini.supernet.node_space import NASBENCH1SHOT1, NodeSpace


@dataclass(frozen=True)
class CellSpace(SearchSpace):
    """All cells with one of ``operations`` on each edge of a complete DAG of ``nodes``.

    Args:
      name: the name on the command line and in records.
      operations: names, in the order of theta's last axis.
      nodes: nodes of the cell, the input included.
    """

    name: str
    operations: tuple[str, ...]
    nodes: int = 4
    kinds: tuple[str, ...] = ("cell",)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(source, target) in arch-string order: 0->1, 0->2, 1->2, 0->3, 1->3, 2->3."""
        return tuple((s, t) for t in range(1, self.nodes) for s in range(t))

    @property
    def size(self) -> int:
        """Number of cells, isomorphic ones counted apart: O ** E."""
        return len(self.operations) ** len(self.edges)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Operations that the GAEA paper leaves out of its searches: ``none``."""
        return tuple(o for o in self.operations if o == "none")

    def without(self, *names: str) -> "CellSpace":
        """The same space with some operations taken out.

        >>> space("nasbench201").without("none").size
        4096
        """
        return replace(self, operations=self._kept(names))

    def parse(self, arch: str) -> tuple[int, ...]:
        """Operation index on each edge, read from an arch string.

        >>> space("compact").parse("|nor_conv_3x3~0|+|skip_connect~0|skip_connect~1|"
        ...                        "+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|")
        (1, 0, 0, 2, 1, 1)

        Raises:
          InputError: malformed, or an operation that the space does not have.
        """
        groups = arch.strip().split("+")
        found = [re.findall(r"([^|~]+)~(\d+)", group) for group in groups]
        pairs = [(name, int(s), t + 1) for t, g in enumerate(found) for name, s in g]
        choice = tuple(self._require(name) for name, _, _ in pairs)
        wiring = tuple((s, t) for _, s, t in pairs)
        if wiring != self.edges or self.format(choice) != arch.strip():
            raise InputError(
                f"malformed arch string {excerpt(arch)}; write it as "
                f"{self.format([0] * len(self.edges))!r}"
            )
        return choice

    def format(self, choice: Sequence[int]) -> str:
        """Arch string of one operation index per edge; the inverse of ``parse``."""
        groups = []
        for entering in self.entering:
            names = (
                f"{self.operations[choice[e]]}~{self.edges[e][0]}" for e in entering
            )
            groups.append("|" + "|".join(names) + "|")
        return "+".join(groups)

    def index(self, arch: str) -> int:
        """Position of a cell when all are counted up, last edge fastest."""
        number = 0
        for o in self.parse(arch):
            number = number * len(self.operations) + o
        return number

    def arch(self, index: int) -> str:
        """Arch string of the cell at ``index``; the inverse of ``index``."""
        if not 0 <= index < self.size:
            raise InputError(
                f"space {self.name}: no cell {index}; take 0 to {self.size - 1}"
            )
        choice: list[int] = []
        for _ in self.edges:
            index, o = divmod(index, len(self.operations))
            choice.append(o)
        return self.format(choice[::-1])

    def canonical(self, arch: str) -> str:
        """The name of a cell's class under isomorphism, as NAS-Bench-201 counts them.

        A node is the sorted sum of its inputs, each written ``(input)@operation``; a
        skip stands for its input, a ``none`` (or an operation on nothing) for ``#``.
        That makes 6,466 classes of ``nasbench201`` and 496 of ``compact``. The rule is
        the benchmark's. It keeps a sum of nothing and does not reorder a sum inside a
        sum, so cells that compute the same may have several names: the classes stand
        for 4,930 and 435 different functions of the input.
        """
        choice = self.parse(arch)
        nodes = ["x"]
        for target in range(1, self.nodes):
            terms = []
            for (source, t), o in zip(self.edges, choice, strict=True):
                if t != target:
                    continue
                name, value = self.operations[o], nodes[source]
                if name == "none" or value == "#":
                    terms.append("#")
                elif name == "skip_connect":
                    terms.append(value)
                else:
                    terms.append(f"({value})@{name}")
            nodes.append("+".join(sorted(terms)))
        return nodes[-1]

    def round(self, theta: np.ndarray) -> str:
        """The cell that theta is rounded to: on each edge the heaviest operation.

        Ties go to the operation listed first.

        Args:
          theta: (1, E, O) or (E, O).

        Raises:
          InputError: another size, or a NaN.
        """
        return self.format(self._rows(theta)[0].argmax(axis=1))

    def one_hot(self, arch: str) -> np.ndarray:
        """Theta (1, E, O) of a single cell: weight 1 on its operations.

        A ``none`` that is chosen has weight 1 too: with partial channels the others
        pass by it, as they do in the supernet that PC-DARTS trains.
        """
        return np.eye(len(self.operations), dtype=np.float32)[[list(self.parse(arch))]]

    def draw(self, draws: torch.Generator) -> tuple[Tensor, list[Active]]:
        count = len(self.operations)
        picks = torch.randint(count, self.shape[:2], generator=draws)
        active: list[Active] = [[(o,) for o in row] for row in picks.tolist()]
        return F.one_hot(picks, count).float(), active


Space = CellSpace | DartsSpace | NodeSpace

NASBENCH201 = CellSpace(
    "nasbench201",
    ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
)

SPACES: dict[str, Space] = {
    "compact": CellSpace("compact", ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")),
    "nasbench201": NASBENCH201,
    "darts": DARTS,
    **{where.name: where for where in NASBENCH1SHOT1},
}


def space(name: str) -> Space:
    """A search space by its name.

    Raises:
      InputError: there is no such space.
    """
    if name not in SPACES:
        raise InputError(f"no search space {name!r}; there are {', '.join(SPACES)}")
    return SPACES[name]
