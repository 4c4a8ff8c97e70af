"""The DARTS space: a normal and a reduction cell with two inputs each.

Nodes 0 and 1 are the outputs of the two cells before. Every later node may take from
all nodes before it, and in the end takes from exactly two. The cell's output is the
concatenation of the nodes from 2 on. (Liu, Simonyan, Yang, ICLR 2019.)

A genotype is written like the cells of NAS-Bench-201, one group a node, one cell after
the other: ``normal: |op~0|op~1|+|op~0|op~2|+... reduce: |op~0|op~1|+...``.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.errors import InputError, excerpt
from gaea_mini.supernet.base import Active, SearchSpace

Choice = tuple[tuple[int, ...], ...]  # per kind of cell, an operation on every edge


@dataclass(frozen=True)
class DartsSpace(SearchSpace):
    """All pairs of cells in which every node after the inputs keeps ``kept`` edges.

    Args:
      name: the name on the command line and in records.
      operations: names, in the order of theta's last axis; ``none`` is one of them.
      nodes: nodes of a cell, the two inputs included.
      kinds: the cells, in the order of theta's first axis.
      kept: edges that enter each node of a rounded cell.
    """

    name: str
    operations: tuple[str, ...]
    nodes: int = 6
    kinds: tuple[str, ...] = ("normal", "reduce")
    kept: int = 2

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(source, target) in DARTS order: 0->2, 1->2, 0->3, 1->3, 2->3, 0->4, ..."""
        return tuple((s, t) for t in range(2, self.nodes) for s in range(t))

    @property
    def size(self) -> int:
        """Number of genotypes, isomorphic ones counted apart, Eq. (eq-darts-size).

        >>> from gaea_mini.supernet import space
        >>> f"{space('darts').size:.1e}"
        '1.1e+18'
        """
        useful = len(self.operations) - 1
        cells = math.prod(
            math.comb(t, self.kept) * useful**self.kept for t in range(2, self.nodes)
        )
        return cells ** len(self.kinds)

    def without(self, *names: str) -> "DartsSpace":
        """The same space with some operations taken out.

        Raises:
          InputError: no such operation; or ``none``, which stands on the edges that a
            genotype leaves out; or nothing else is left.
        """
        kept = self._kept(names)
        if "none" in names:
            raise InputError(
                f"space {self.name} keeps 'none': it stands on the edges that a "
                "genotype leaves out, and rounding never chooses it"
            )
        return replace(self, operations=kept)

    def parse(self, arch: str) -> Choice:
        """Operation index on each edge of each cell, read from a genotype.

        Edges that the genotype leaves out have the index of ``none``.

        Raises:
          InputError: malformed, or an operation that the space does not have.
        """
        where = {edge: e for e, edge in enumerate(self.edges)}
        none = self._require("none")
        cells = re.findall(r"(\w+): (\S+)", arch)
        choice = [[none] * len(where) for _ in cells]
        good = [kind for kind, _ in cells] == list(self.kinds)
        for row, (_, cell) in zip(choice, cells, strict=True):
            for target, group in enumerate(cell.split("+"), start=2):
                entries = re.findall(r"([^|~]+)~(\d{1,3})", group)
                good &= len(entries) == self.kept
                for name, source in entries:
                    e = where.get((int(source), target))
                    if e is None:
                        good = False
                    else:
                        row[e] = self._require(name)
        if not good or self.format(choice) != arch.strip():
            example = self.round(np.zeros(self.shape))
            raise InputError(
                f"malformed genotype {excerpt(arch)}; write it as {example!r}"
            )
        return tuple(tuple(row) for row in choice)

    def format(self, choice: Sequence[Sequence[int]]) -> str:
        """Genotype of an operation index per kind and edge; the inverse of ``parse``.

        Sources stand in ascending order, as the edges do.
        """
        cells = []
        for kind, row in zip(self.kinds, choice, strict=True):
            groups = []
            for entering in self.entering:
                names = [(self.operations[row[e]], self.edges[e][0]) for e in entering]
                kept = (f"{name}~{s}" for name, s in names if name != "none")
                groups.append("|" + "|".join(kept) + "|")
            cells.append(f"{kind}: {'+'.join(groups)}")
        return " ".join(cells)

    def round(self, theta: np.ndarray) -> str:
        r"""The genotype that theta is rounded to.

        .. math::
            s_e = \max_{o \ne \text{none}} \theta_{e o}

        Eq. (eq-strength). Each node keeps the two entering edges of largest s_e, and
        on each the operation of largest weight. ``none`` takes its share of theta but
        is never chosen. Ties go to the edge, and to the operation, listed first.

        Args:
          theta: (K, E, O); with edge weights, theta times them. Rows need not sum to 1.
        """
        rows = self._rows(theta)
        none = self._require("none")
        some = [o for o in range(len(self.operations)) if o != none]
        strength = rows[..., some].max(axis=-1)  # (K, E)
        best = np.take(some, rows[..., some].argmax(axis=-1))
        choice = np.full(rows.shape[:2], none)
        for kind in range(len(self.kinds)):
            for entering in self.entering:
                # A stable sort: of equal edges the first stays first.
                order = np.argsort(-strength[kind, entering], kind="stable")
                kept = np.take(entering, order[: self.kept])
                choice[kind, kept] = best[kind, kept]
        return self.format(choice.tolist())

    def one_hot(self, arch: str) -> np.ndarray:
        """Theta (K, E, O) of one genotype; rows of edges left out are 0.

        Not weight 1 on ``none``: with partial channels the others would still pass by.
        """
        rows = np.eye(len(self.operations), dtype=np.float32)
        rows[self._require("none")] = 0
        return rows[list(self.parse(arch))]

    def draw(self, draws: torch.Generator) -> tuple[Tensor, list[Active]]:
        """One of all genotypes: ``kept`` edges into each node, an operation on each.

        As Li and Talwalkar sample them (UAI 2019), but for ``none``, which a genotype
        cannot hold.
        """
        none = self._require("none")
        useful = [o for o in range(len(self.operations)) if o != none]
        picks = torch.full(self.shape[:2], none)
        for row in picks:
            for entering in self.entering:
                chosen = torch.randperm(len(entering), generator=draws)[: self.kept]
                found = torch.randint(len(useful), (self.kept,), generator=draws)
                row[entering[0] + chosen] = torch.tensor(useful)[found]
        theta = F.one_hot(picks, len(self.operations)).float()
        theta[..., none] = 0  # as ``one_hot``
        rows = picks.tolist()
        return theta, [[(o,) if o != none else () for o in row] for row in rows]


DARTS = DartsSpace(
    "darts",
    (
        "none",
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    ),
)
