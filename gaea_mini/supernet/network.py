"""The network around the cells: NAS-Bench-201's skeleton with a mixed cell inside."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.supernet.base import Active, SearchNetwork
from gaea_mini.supernet.darts_network import DartsSupernet
from gaea_mini.supernet.darts_space import DartsSpace
from gaea_mini.supernet.fast import FastCell
from gaea_mini.supernet.node_cell import NodeSupernet
from gaea_mini.supernet.node_space import NodeSpace
from gaea_mini.supernet.operations import Norm, batch_norm, relu_conv_bn
from gaea_mini.supernet.reference import ReferenceCell
from gaea_mini.supernet.spaces import CellSpace, Space

CELL_FORMS = {"fast": FastCell, "reference": ReferenceCell}


class Reduction(nn.Module):
    """Residual block that halves the picture and doubles the channels."""

    def __init__(self, inputs: int, outputs: int, norm: Norm = batch_norm):
        super().__init__()
        self.main = nn.Sequential(
            relu_conv_bn(inputs, outputs, 3, stride=2, norm=norm),
            relu_conv_bn(outputs, outputs, 3, norm=norm),
        )
        self.side = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.side(x)


class Supernet(SearchNetwork):
    """Stem, three stages of mixed cells with a reduction between them, classifier.

    All cells share theta. As in NAS-Bench-201 the stages have C, 2C and 4C channels.
    """

    forms = CELL_FORMS

    def build(
        self, space: CellSpace, inputs: int, channels: int, cells: int, partial: int
    ) -> int:
        cell = CELL_FORMS[self.form]
        layers: list[nn.Module] = []
        for stage in range(3):
            width = channels * 2**stage
            if stage > 0:
                layers.append(Reduction(width // 2, width))
            layers += [cell(space, width, partial) for _ in range(cells)]
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, padding=1, bias=False), batch_norm(channels)
        )
        self.layers = nn.ModuleList(layers)
        self.norm = batch_norm(4 * channels)
        return 4 * channels

    def forward(
        self,
        x: Tensor,
        theta: Tensor,
        active: Sequence[Active] | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """Logits (B, classes) of pictures x (B, C, H, W) under theta (1, E, O).

        ``active`` and ``constant_rest`` are for methods that sample; see ``FastCell``.
        """
        chosen = None if active is None else active[0]
        x = self.stem(x)
        for layer in self.layers:
            reduces = isinstance(layer, Reduction)
            x = layer(x) if reduces else layer(x, theta[0], chosen, constant_rest)
        x = F.relu(self.norm(x)).mean(dim=(2, 3))  # (B, 4C)
        return self.classifier(x)


def build_supernet(
    space: Space, *size: Any, **options: Any
) -> Supernet | DartsSupernet | NodeSupernet:
    """The supernet of any space: ``supernet(x, space.weigh(theta, edges))``.

    The arguments are those of ``SearchNetwork``: space, inputs, classes, channels,
    cells, form and partial.
    """
    if isinstance(space, DartsSpace):
        return DartsSupernet(space, *size, **options)
    if isinstance(space, NodeSpace):
        return NodeSupernet(space, *size, **options)
    return Supernet(space, *size, **options)
