"""The network of one genotype, of any space, to be trained alone.

The skeleton is that of the supernet. Inside there are only the chosen operations, and
batch norms have scale, shift and running statistics. Cells of the DARTS space have
``gaea_mini.supernet.AloneNetwork``; this module has the others.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaea_mini.errors import InputError, require_whole
from gaea_mini.supernet import AloneNetwork, CellSpace, DartsSpace, NodeSpace, Space
from gaea_mini.supernet.network import Reduction
from gaea_mini.supernet.operations import pool, relu_conv_bn

KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


class PlainCell(nn.Module):
    """One operation an edge; a node is the sum of what enters it.

    To be fast, a node is pooled once, and convolutions of one kernel size that leave
    the same node are one convolution, the filters of their edges stacked in order.
    """

    def __init__(self, space: CellSpace, choice: tuple[int, ...], channels: int):
        super().__init__()
        self.channels, self.nodes = channels, space.nodes
        self.leaving: dict[tuple[str, int], list[int]] = {}  # targets
        for (source, target), o in zip(space.edges, choice, strict=True):
            if space.operations[o] != "none":
                at = (space.operations[o], source)
                self.leaving.setdefault(at, []).append(target)
        self.convolutions = nn.ModuleDict(
            {
                f"{name}_{source}": relu_conv_bn(
                    channels,
                    len(targets) * channels,
                    KERNELS[name],
                    norm=nn.BatchNorm2d,
                )
                for (name, source), targets in self.leaving.items()
                if name in KERNELS
            }
        )
        self.pool = pool()

    def forward(self, x: Tensor) -> Tensor:
        parts: list[list[Tensor]] = [[] for _ in range(self.nodes)]
        parts[0].append(x)
        for node in range(self.nodes):
            value = sum(parts[node][1:], parts[node][0]) if parts[node] else x * 0
            for (name, source), targets in self.leaving.items():
                if source == node:
                    sent = self.send(name, source, value, len(targets))
                    for target, part in zip(targets, sent, strict=True):
                        parts[target].append(part)
        return value

    def send(self, name: str, source: int, x: Tensor, targets: int) -> Sequence[Tensor]:
        """What one operation sends from a node to its targets."""
        if name in KERNELS:
            stacked = self.convolutions[f"{name}_{source}"](x)
            return stacked.split(self.channels, dim=1)
        return [x if name == "skip_connect" else self.pool(x)] * targets


class CellNetwork(nn.Module):
    """NAS-Bench-201's network: stem, three stages of N cells, reductions, classifier.

    Args:
      space: the space that the genotype is of.
      genotype: the cell.
      inputs: channels of a picture, 1 or 3.
      classes: number of classes.
      channels: C of the first stage; 16 in NAS-Bench-201.
      cells: cells a stage, N; 5 in NAS-Bench-201.
    """

    def __init__(
        self,
        space: CellSpace,
        genotype: str,
        inputs: int,
        classes: int,
        channels: int = 16,
        cells: int = 5,
    ):
        super().__init__()
        choice = space.parse(genotype)
        layers: list[nn.Module] = []
        for stage in range(3):
            width = channels * 2**stage
            if stage > 0:
                layers.append(Reduction(width // 2, width, nn.BatchNorm2d))
            layers += [PlainCell(space, choice, width) for _ in range(cells)]
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.layers = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(4 * channels)
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Logits (B, classes) of pictures (B, C, H, W), and no auxiliary logits."""
        x = F.relu(self.norm(self.layers(self.stem(x))))
        return self.classifier(x.mean(dim=(2, 3))), None


def conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Module:
    """Convolution, batch norm, ReLU: NAS-Bench-101's order."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


NODES: dict[str, Callable[[int], nn.Module]] = {
    "maxpool3x3": lambda channels: nn.MaxPool2d(3, stride=1, padding=1),
    "conv3x3-bn-relu": lambda channels: conv_bn_relu(channels, channels, 3),
    "conv1x1-bn-relu": lambda channels: conv_bn_relu(channels, channels, 1),
}


class PlainNodeCell(nn.Module):
    """One operation a node, on the sum of its parents; the output joins its parents.

    Node 0 is the cell's input, fitted by a 1x1 convolution for every node it enters.
    """

    def __init__(self, space: NodeSpace, genotype: str, inputs: int, channels: int):
        super().__init__()
        operations, self.parents = space.parse(genotype)
        self.projections = nn.ModuleDict(
            {
                str(n): conv_bn_relu(inputs, channels, 1)
                for n, parents in enumerate(self.parents)
                if 0 in parents
            }
        )
        self.nodes = nn.ModuleList(
            NODES[space.operations[o]](channels) for o in operations
        )

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor] = []

        def entering(n: int) -> list[Tensor]:
            return [
                self.projections[str(n)](x) if s == 0 else nodes[s - 1]
                for s in self.parents[n]
            ]

        for n, operation in enumerate(self.nodes):
            nodes.append(operation(torch.stack(entering(n)).sum(dim=0)))
        return torch.cat(entering(len(self.nodes)), dim=1)


class NodeNetwork(nn.Module):
    """The network of a cell of NAS-Bench-1Shot1; the skeleton of its supernet.

    The arguments are those of ``CellNetwork``; C is the channels of a node.
    """

    def __init__(
        self,
        space: NodeSpace,
        genotype: str,
        inputs: int,
        classes: int,
        channels: int = 16,
        cells: int = 3,
    ):
        super().__init__()
        joined, width = space.kept[-1], channels
        layers: list[nn.Module] = []
        for stage in range(3):
            if stage > 0:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            for _ in range(cells):
                layers.append(
                    PlainNodeCell(space, genotype, width, channels * 2**stage)
                )
                width = joined * channels * 2**stage
        self.stem = conv_bn_relu(inputs, channels, 3)
        self.layers = nn.Sequential(*layers)
        self.last = relu_conv_bn(width, 4 * channels, 1, norm=nn.BatchNorm2d)
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Logits (B, classes) of pictures (B, C, H, W), and no auxiliary logits."""
        x = self.last(self.layers(self.stem(x)))
        return self.classifier(x.mean(dim=(2, 3))), None


def build_network(
    space: Space,
    genotype: str,
    inputs: int,
    classes: int,
    channels: int,
    cells: int,
    auxiliary: bool = False,
) -> nn.Module:
    """The network of a genotype; it returns logits and auxiliary logits or None.

    Raises:
      InputError: a genotype of another space, no channels or cells, or an auxiliary
        head where there is none.
    """
    for name, number in (("channels", channels), ("cells", cells)):
        require_whole(name, number)
    size = (inputs, classes, channels, cells)
    if isinstance(space, DartsSpace):
        return AloneNetwork(space, genotype, *size, auxiliary)
    if auxiliary:
        raise InputError(
            f"networks of {space.name} have no auxiliary head; set it to 0"
        )
    if isinstance(space, NodeSpace):
        return NodeNetwork(space, genotype, *size)
    return CellNetwork(space, genotype, *size)


def count(network: nn.Module, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Parameters and FLOPs of a network.

    Parameters are the numbers to train; the auxiliary head is not counted, as in the
    papers. FLOPs are multiply-adds of the convolutions and linear layers for one
    picture, forward, as the papers of this field count them; additions, pooling and
    batch norm (which a convolution absorbs) are left out.

    Args:
      network: as ``build_network`` makes it.
      shape: of a picture, (C, H, W).
    """
    flops = 0

    def add(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal flops
        if isinstance(layer, nn.Conv2d):
            taps = layer.kernel_size[0] * layer.kernel_size[1]
            flops += output.numel() * taps * layer.in_channels // layer.groups
        elif isinstance(layer, nn.Linear):
            flops += output.numel() * layer.in_features

    hooks = [m.register_forward_hook(add) for m in network.modules()]
    trained = network.training
    device = next(network.parameters()).device
    with torch.no_grad():
        network.eval()(torch.zeros(1, *shape, device=device))
    network.train(trained)
    for hook in hooks:
        hook.remove()
    parameters = sum(
        p.numel()
        for name, p in network.named_parameters()
        if not name.startswith("auxiliary")
    )
    return parameters, flops
