"""What the search spaces have in common, and what their networks have in common."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gaea_mini.errors import InputError, excerpt

Active = Sequence[Sequence[int]]  # per edge, the operations that are computed


class SearchSpace:
    """Operations by their names, edges by the node they enter, and theta's shape.

    Attributes:
      name: the name on the command line and in records.
      operations: names, in the order of theta's last axis.
      kinds: the cells, in the order of theta's first axis.
      edges: (source, target), in the order of theta's middle axis.
    """

    name: str
    operations: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        raise NotImplementedError

    @property
    def entering(self) -> list[list[int]]:
        """Edges by the node that they enter, in the order of the nodes."""
        return [
            [e for e, (_, t) in enumerate(self.edges) if t == target]
            for target in sorted({t for _, t in self.edges})
        ]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of theta: (kinds, E, O)."""
        return len(self.kinds), len(self.edges), len(self.operations)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Operations that the GAEA paper leaves out of its searches."""
        return ()

    def groups(self, edge_weights: bool) -> list[int]:
        """Sizes of the simplices of edge weights that a search learns, if any."""
        return [len(entering) for entering in self.entering] if edge_weights else []

    def weigh(self, theta: Tensor, edges: Sequence[Tensor]) -> Tensor:
        """What the supernet takes: theta (K, E, O), times edge weights (K, group).

        Eq. (eq-edge-norm).
        """
        # Eq. (eq-edge-norm)
        return theta * torch.cat([*edges], dim=1)[:, :, None] if edges else theta

    def draw(self, draws: torch.Generator) -> tuple[Tensor, list[Active]]:
        """One of all cells, each as likely as any other.

        Returns:
          What ``one_hot`` makes of the cell, and its operations, kind by kind, for
          the supernet's ``active``.
        """
        raise NotImplementedError

    def _kept(self, names: Sequence[str]) -> tuple[str, ...]:
        """The operations without some; refuses to leave none that computes."""
        for name in names:
            self._require(name)
        kept = tuple(o for o in self.operations if o not in names)
        if not set(kept) - {"none"}:
            raise InputError(
                f"space {self.name}: no operation is left that lets anything through; "
                "keep at least one beside 'none'"
            )
        return kept

    def _rows(self, theta: np.ndarray) -> np.ndarray:
        """Theta as (K, E, O), E the edges; refuses another size and NaN."""
        shape = len(self.kinds), len(self.edges), len(self.operations)
        rows = np.asarray(theta)
        if rows.size != np.prod(shape) or np.isnan(rows).any():
            raise InputError(f"space {self.name}: theta must be {shape}, without NaN")
        return rows.reshape(shape)

    def _require(self, name: str) -> int:
        if name not in self.operations:
            raise InputError(
                f"space {self.name} has no operation {excerpt(name)}; "
                f"it has {', '.join(self.operations)}"
            )
        return self.operations.index(name)


class SearchNetwork(nn.Module):
    """A network of mixed cells: ``network(x, theta)``. All cells of a kind share theta.

    Args:
      space: the search space of the cells.
      inputs: channels of a picture, 1 or 3.
      classes: number of classes.
      channels: C of the first stage; the stages have C, 2C and 4C.
      cells: cells a stage, N; see ``places`` for those of the DARTS space.
      form: "fast" or "reference"; the same function, computed differently.
      partial: PC-DARTS's k; 1 sends all channels through the operations.
    """

    forms: ClassVar[dict[str, Any]]  # name -> class of the cell

    def __init__(
        self,
        space: Any,
        inputs: int,
        classes: int,
        channels: int,
        cells: int,
        form: str = "fast",
        partial: int = 1,
    ):
        super().__init__()
        if form not in self.forms:
            known = " or ".join(map(repr, self.forms))
            raise InputError(f"form is {form!r}; it must be {known}")
        self.form = form
        width = self.build(space, inputs, channels, cells, partial)
        self.classifier = nn.Linear(width, classes)

    def build(
        self, space: Any, inputs: int, channels: int, cells: int, partial: int
    ) -> int:
        """Make all layers but the classifier; returns the channels that it takes."""
        raise NotImplementedError
