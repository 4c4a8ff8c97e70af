"""Cells that are the same network: they are trained once and share the result.

NAS-Bench-201 names a class by a string that spells the sums out
(``CellSpace.canonical``). That string does not say whether a convolution that appears
twice is one convolution used twice or two with weights of their own, and it tells two
orders of the same sum apart. Here a class is what can share a training: cells that
compute the same function once their weights are permuted. ``compact`` has 459 such
classes, against 496 strings.
"""

from functools import cache
from itertools import permutations

from gaea_mini.supernet import CellSpace


def network_class(space: CellSpace, arch: str) -> str:
    """The name of all cells that are the same network for suitably permuted weights.

    A node is the sorted sum of all that reaches it; a skip stands for its input, a
    ``none`` for nothing. Each convolution has a label of its own, so that one used
    twice is not mistaken for two. Of all ways to hand out the labels the first name in
    the order of the alphabet is taken.

    >>> from gaea_mini.supernet import space
    >>> compact = space("compact")
    >>> one = "|nor_conv_3x3~0|+|skip_connect~0|skip_connect~1|+"
    >>> network_class(compact, one + "|skip_connect~0|skip_connect~1|avg_pool_3x3~2|")
    'nor_conv_3x3_0(x)+pool(nor_conv_3x3_0(x)+x)+x'
    """
    choice = space.parse(arch)
    weighted = [
        e for e, o in enumerate(choice) if space.operations[o].startswith("nor_conv")
    ]
    return min(
        _spell(space, choice, dict(zip(weighted, labels, strict=True)))
        for labels in permutations(range(len(weighted)))
    )


def _spell(space: CellSpace, choice: tuple[int, ...], labels: dict[int, int]) -> str:
    """The last node as a sum, the convolution on edge e named by its label."""
    nodes: list[list[str]] = [["x"]]
    for entering in space.entering:
        terms: list[str] = []
        for e in entering:
            name, value = space.operations[choice[e]], nodes[space.edges[e][0]]
            if name == "skip_connect":
                terms += value
            elif name == "avg_pool_3x3":
                terms += [f"pool({'+'.join(value)})"] if value else []
            elif name != "none":
                terms.append(f"{name}_{labels[e]}({'+'.join(value)})")
        nodes.append(sorted(terms))
    return "+".join(nodes[-1])


@cache
def classes(space: CellSpace) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The class of every cell, by the cell's index, and the first cell of each class.

    Classes are numbered in the order in which their first cells come.
    """
    numbers: dict[str, int] = {}
    first: list[str] = []
    of_cell = []
    for index in range(space.size):
        arch = space.arch(index)
        name = network_class(space, arch)
        if name not in numbers:
            numbers[name] = len(numbers)
            first.append(arch)
        of_cell.append(numbers[name])
    return tuple(of_cell), tuple(first)
