"""What a table of all cells offers, whoever made it: the project, or NAS-Bench-201."""

from collections.abc import Sequence
from typing import Any, Protocol

from gaea_mini.supernet.spaces import CellSpace


class Table(Protocol):
    """Every cell of a space, trained alone; accuracies in percent.

    An epoch is a position in ``epochs``: 0 is the cheapest schedule or the earliest
    look, -1 the full training. A seed of None takes the mean over the seeds.

    Attributes:
      space: the search space.
      cells: all cells, as arch strings.
      seeds: those that can be asked for; empty where the table has only means.
      epochs: how long a cell was trained for each of the columns.
    """

    @property
    def space(self) -> CellSpace: ...
    @property
    def cells(self) -> Sequence[str]: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    @property
    def epochs(self) -> Sequence[int]: ...

    def val(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """Validation accuracy: what a search may see."""

    def test(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """Test accuracy: what only the reader may see."""

    def seconds(self, cell: str, epoch: int = -1) -> float:
        """What a training up to this epoch and one look at it cost on the clock."""

    def look(self, cell: str) -> float:
        """What of that is the look: one pass over the validation pictures."""

    def truth(self, genotypes: list[str]) -> dict[str, Any]:
        """What the table says of a run's cells, for its record."""
