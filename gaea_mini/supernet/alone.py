"""The network of one genotype, to be trained alone: what the search was for.

The skeleton is that of the supernet. What differs is inside: only the chosen
operations, batch norms with scale, shift and running statistics, no batch norm behind
pooling, and two ways against overfitting: drop path and an auxiliary classifier.
"""

import torch
from torch import Tensor, nn

from gaea_mini.errors import InputError
from gaea_mini.supernet.darts_cell import Place
from gaea_mini.supernet.darts_network import STEM, places
from gaea_mini.supernet.darts_operations import DARTS_OPERATIONS
from gaea_mini.supernet.darts_space import DartsSpace


class AloneCell(nn.Module):
    """A cell with two operations a node, as a row of a parsed genotype says."""

    def __init__(self, space: DartsSpace, row: tuple[int, ...], place: Place):
        super().__init__()
        norm = nn.BatchNorm2d
        self.space, self.preprocess = space, place.preprocess(norm)
        self.edges = nn.ModuleDict(
            {
                str(e): DARTS_OPERATIONS[space.operations[o]](
                    place.channels, place.stride(space.edges[e][0]), norm
                )
                for e, o in enumerate(row)
                if space.operations[o] != "none"
            }
        )

    def forward(self, before: Tensor, last: Tensor, drop: float | Tensor) -> Tensor:
        nodes = [f(x) for f, x in zip(self.preprocess, (before, last), strict=True)]
        for entering in self.space.entering:
            parts = []
            for e in entering:
                if str(e) in self.edges:
                    operation = self.edges[str(e)]
                    part = operation(nodes[self.space.edges[e][0]])
                    if self.training and not isinstance(operation, nn.Identity):
                        part = drop_path(part, drop)
                    parts.append(part)
            nodes.append(torch.stack(parts).sum(dim=0))
        return torch.cat(nodes[2:], dim=1)


def drop_path(x: Tensor, rate: float | Tensor) -> Tensor:
    """Drop x of a picture altogether with probability ``rate``; scale up the others."""
    if not isinstance(rate, Tensor) and rate == 0:
        return x
    # Eq. (eq-drop-path)
    kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= rate
    return x / (1 - rate) * kept


class AuxiliaryHead(nn.Module):
    """A classifier at two thirds of the depth, on (B, C, 8, 8), for training only."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=3, count_include_pad=False),  # 2x2
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),  # 1x1
            nn.BatchNorm2d(768),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(768, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class AloneNetwork(nn.Module):
    """The network of a genotype; by default that of the papers, for CIFAR-10.

    Args:
      space: the space that the genotype is of.
      genotype: the pair of cells.
      inputs: channels of a picture, 1 or 3.
      classes: number of classes.
      channels: C of the first stage; 36 in the papers.
      cells: normal cells a stage, N; 6 in the papers, which makes 20 cells.
      auxiliary: add an auxiliary head (pictures must be 32x32).
      drop: rate of drop path in training; the papers raise it from 0 to 0.2 or 0.3.

    Raises:
      InputError: a genotype of another space, or a drop rate outside [0, 1).
    """

    def __init__(
        self,
        space: DartsSpace,
        genotype: str,
        inputs: int = 3,
        classes: int = 10,
        channels: int = 36,
        cells: int = 6,
        auxiliary: bool = False,
        drop: float = 0.0,
    ):
        super().__init__()
        if not 0 <= drop < 1:
            raise InputError(f"drop is {drop}; it must be 0 or more, and below 1")
        self.drop: float | Tensor = drop
        rows = space.parse(genotype)
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, STEM * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(STEM * channels),
        )
        row = list(places(space, channels, cells))
        self.layers = nn.ModuleList(
            AloneCell(space, rows[place.kind], place) for place in row
        )
        width = row[-1].channels * (space.nodes - 2)
        self.classifier = nn.Linear(width, classes)
        # Behind the second reduction cell.
        self.at = max(i for i, place in enumerate(row) if place.reduces)
        self.auxiliary = AuxiliaryHead(width, classes) if auxiliary else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (B, classes); in training those of the auxiliary head too, or None."""
        side = None
        before = last = self.stem(x)
        for i, cell in enumerate(self.layers):
            before, last = last, cell(before, last, self.drop)
            if i == self.at and self.training and self.auxiliary is not None:
                side = self.auxiliary(last)
        return self.classifier(last.mean(dim=(2, 3))), side


def count_parameters(network: AloneNetwork) -> int:
    """Numbers to train, the auxiliary head not counted, as the papers count them."""
    return sum(
        p.numel()
        for name, p in network.named_parameters()
        if not name.startswith("auxiliary")
    )
