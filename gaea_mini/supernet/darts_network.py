"""The network of the DARTS space: cells in a row, each fed by the two before it."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from gaea_mini.supernet.base import Active, SearchNetwork
from gaea_mini.supernet.darts_cell import Place, ReferenceDartsCell
from gaea_mini.supernet.darts_fast import FastDartsCell
from gaea_mini.supernet.darts_space import DartsSpace

DARTS_FORMS = {"fast": FastDartsCell, "reference": ReferenceDartsCell}
STEM = 3  # the stem has 3 C channels


def places(space: DartsSpace, channels: int, cells: int) -> Iterator[Place]:
    """The places of all cells: three stages, a reduction cell between them.

    Reduction cells stand at a third and two thirds of the depth and double C.

    Args:
      space: says how many nodes a cell's output concatenates.
      channels: C of the first stage.
      cells: normal cells a stage, N; 3 N + 2 in all (8 for N = 2, 20 for N = 6).
    """
    inputs, after_reduction = (STEM * channels, STEM * channels), False
    kinds = [0] * cells
    for kind in [*kinds, 1, *kinds, 1, *kinds]:
        channels *= 2 if kind == 1 else 1
        yield Place(kind, inputs, channels, after_reduction)
        inputs = inputs[1], channels * (space.nodes - 2)
        after_reduction = kind == 1


class DartsSupernet(SearchNetwork):
    """Stem, a row of mixed cells, classifier.

    All cells of a kind share a row of theta. There are 3 N + 2 cells; see ``places``.
    """

    forms = DARTS_FORMS

    def build(
        self, space: DartsSpace, inputs: int, channels: int, cells: int, partial: int
    ) -> int:
        cell = DARTS_FORMS[self.form]
        row = list(places(space, channels, cells))
        self.kinds = [place.kind for place in row]
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, STEM * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(STEM * channels, track_running_stats=False),
        )
        self.layers = nn.ModuleList(cell(space, place, partial) for place in row)
        return row[-1].channels * (space.nodes - 2)

    def forward(
        self,
        x: Tensor,
        theta: Tensor,
        active: Sequence[Active] | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """Logits (B, classes) of pictures x (B, C, H, W) under theta (2, E, O).

        ``active`` (per kind) and ``constant_rest``: see ``ReferenceDartsCell``.
        """
        before = last = self.stem(x)
        for kind, cell in zip(self.kinds, self.layers, strict=True):
            chosen = None if active is None else active[kind]
            y = cell(before, last, theta[kind], chosen, constant_rest)
            before, last = last, y
        return self.classifier(torch.mean(last, dim=(2, 3)))  # from (B, 4 C, H, W)
