"""The mixed cell of NAS-Bench-1Shot1, readable and fast, and its network."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.supernet.base import Active, SearchNetwork
from gaea_mini.supernet.fast import mixed_channels, shuffle
from gaea_mini.supernet.node_space import NodeSpace
from gaea_mini.supernet.operations import batch_norm


def conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Convolution, batch norm with scale and shift, ReLU: NAS-Bench-101's order."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, track_running_stats=False),
        nn.ReLU(),
    )


def operation(name: str, channels: int) -> nn.Module:
    """An operation of NAS-Bench-101 by its name."""
    if name == "maxpool3x3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    return conv_bn_relu(channels, channels, 3 if name == "conv3x3-bn-relu" else 1)


class ReferenceNodeCell(nn.Module):
    r"""Every choice node mixes its operations on the weighted sum of its parents.

    .. math::
        x_t = \sum_o \theta_{t o} \, o_t\Big(\sum_{e = (s, t)} \beta_e x_s\Big)

    Node 0 is the cell's input, fitted by a 1x1 convolution of its
    own for every node. The output is the concatenation of beta_e x_s over all nodes.

    Args:
      space: the search space of the cell.
      inputs: channels of the cell's input.
      channels: C of a node; the output has C times one more than the choice nodes.
      partial: PC-DARTS's k; only the first C / k channels go through the operations.
    """

    def __init__(self, space: NodeSpace, inputs: int, channels: int, partial: int = 1):
        super().__init__()
        self.space, self.partial = space, partial
        mixed = mixed_channels(channels, partial)
        self.split = [mixed, channels - mixed]
        self.projections = nn.ModuleList(
            conv_bn_relu(inputs, channels, 1) for _ in space.kept
        )
        self.nodes = nn.ModuleList(
            nn.ModuleList(operation(name, mixed) for name in space.operations)
            for _ in space.kept[:-1]
        )

    def forward(
        self,
        x: Tensor,
        weights: Tensor,
        active: Active | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """Output of the cell.

        Args:
          x: output of the cell before, (B, inputs, H, W).
          weights: W (E, O), as ``NodeSpace.weigh`` makes it.
          active: per choice node the operations to compute; None computes all. The
            others are left out as if their weights were 0.
          constant_rest: operations that are not computed count as the constant 1
            (GDAS's shortcut), so that their weights still get a gradient.
        """
        inputs = weights.sum(dim=1)  # beta, (E,)
        projected = self.project(x)
        nodes: list[Tensor] = []
        for n, operations in enumerate(self.nodes):
            entering = self.space.entering[n]
            theta = weights[entering].sum(dim=0)
            theta = theta / theta.sum()  # (O,)
            parents = zip(inputs[entering], [projected[n], *nodes], strict=True)
            total = sum((beta * parent for beta, parent in parents), x.new_zeros(()))
            chosen = None if active is None else active[n]
            nodes.append(self.mix(operations, total, theta, chosen, constant_rest))
        betas = inputs[self.space.entering[-1]]
        joined = zip(betas, [projected[-1], *nodes], strict=True)
        return torch.cat([beta * node for beta, node in joined], dim=1)

    def project(self, x: Tensor) -> Sequence[Tensor]:
        """The cell's input as each of the nodes takes it, the output last."""
        return [projection(x) for projection in self.projections]

    def mix(
        self,
        operations: nn.Module,
        x: Tensor,
        theta: Tensor,
        chosen: Sequence[int] | None,
        constant_rest: bool,
    ) -> Tensor:
        """The weighted sum of a node's operations, on the channels that are mixed."""
        # A split of all channels would make a copy in the backward pass, and lose
        # the order in memory.
        first, *others = x.split(self.split, dim=1) if self.partial > 1 else [x]
        total = first.new_zeros(())
        for o, operation in enumerate(operations.children()):
            if chosen is None or o in chosen:
                total = total + theta[o] * operation(first)
            elif constant_rest:
                total = total + theta[o]
        if self.partial == 1:
            return total
        return shuffle(torch.cat([total, *others], dim=1), self.partial)


class FastNodeCell(ReferenceNodeCell):
    """The same function with less work: all projections are one convolution.

    The same arguments and parameters as ``ReferenceNodeCell``, the same outputs and
    gradients (tested to 1e-10 in float64).
    """

    def project(self, x: Tensor) -> Sequence[Tensor]:
        """All at once: the filters stacked, one batch norm, one ReLU."""
        layers: list[Any] = [projection for projection in self.projections]
        y = F.conv2d(x, torch.cat([conv.weight for conv, _, _ in layers]))
        scale = torch.cat([norm.weight for _, norm, _ in layers])
        shift = torch.cat([norm.bias for _, norm, _ in layers])
        y = F.relu(F.batch_norm(y, None, None, scale, shift, training=True))
        return y.chunk(len(layers), dim=1)


NODE_FORMS = {"fast": FastNodeCell, "reference": ReferenceNodeCell}


class NodeSupernet(SearchNetwork):
    """Stem, three stages of mixed cells with 2x2 pooling between them, classifier.

    All cells share W. The stages have C, 2C and 4C channels a node.
    """

    forms = NODE_FORMS

    def build(
        self, space: NodeSpace, inputs: int, channels: int, cells: int, partial: int
    ) -> int:
        cell, joined = NODE_FORMS[self.form], len(space.kept)
        self.stem = conv_bn_relu(inputs, channels, 3)
        layers: list[nn.Module] = []
        width = channels
        for stage in range(3):
            if stage > 0:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            for _ in range(cells):
                layers.append(cell(space, width, channels * 2**stage, partial))
                width = joined * channels * 2**stage
        self.layers = nn.ModuleList(layers)
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, 4 * channels, 1, bias=False)
        )
        self.norm = batch_norm(4 * channels)
        return 4 * channels

    def forward(
        self,
        x: Tensor,
        weights: Tensor,
        active: Sequence[Active] | None = None,
        constant_rest: bool = False,
    ) -> Tensor:
        """Logits (B, classes) of pictures x (B, C, H, W) under W (1, E, O).

        ``active`` and ``constant_rest``: see ``ReferenceNodeCell``.
        """
        chosen = None if active is None else active[0]
        x = self.stem(x)
        for layer in self.layers:
            pools = isinstance(layer, nn.MaxPool2d)
            x = layer(x) if pools else layer(x, weights[0], chosen, constant_rest)
        x = self.norm(self.last(x)).mean(dim=(2, 3))  # (B, 4C)
        return self.classifier(x)
