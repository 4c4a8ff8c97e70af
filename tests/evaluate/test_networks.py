"""A network trained alone is the supernet at a vertex, and is counted rightly."""

import csv
import gzip

import numpy as np
import pytest
import torch
from torch import nn

from gaea_mini.errors import InputError
from gaea_mini.evaluate import build_network, classes, count, network_class
from gaea_mini.evaluate.networks import CellNetwork, PlainCell
from gaea_mini.supernet import GENOTYPES, NodeSupernet, Supernet, space

COMPACT, NB201 = space("compact"), space("nasbench201")


def random_cells(where, count: int, seed: int = 0) -> list[str]:
    draws = np.random.default_rng(seed).choice(where.size, count, replace=False)
    return [where.arch(int(index)) for index in draws]


def plain_filters(network: CellNetwork, cell: int) -> dict[int, torch.Tensor]:
    """The filters of each edge of one of the network's cells, out of the stacks."""
    plain = [layer for layer in network.layers if isinstance(layer, PlainCell)][cell]
    found = {}
    for (name, source), targets in plain.leaving.items():
        if name in ("nor_conv_1x1", "nor_conv_3x3"):
            weight = plain.convolutions[f"{name}_{source}"][1].weight
            parts = weight.split(plain.channels)
            for target, part in zip(targets, parts, strict=True):
                found[COMPACT.edges.index((source, target))] = part
    return found


@pytest.mark.parametrize(
    ("where", "cell"),
    [(COMPACT, cell) for cell in random_cells(COMPACT, 4)]
    + [(NB201, cell) for cell in random_cells(NB201, 4)],
)
def test_the_network_of_a_cell_is_the_supernet_with_weight_one_on_its_operations(
    where, cell
):
    torch.manual_seed(0)
    network = CellNetwork(where, cell, 2, 10, 4, 1).double()
    supernet = Supernet(where, 2, 10, 4, 1, form="reference").double()
    supernet.stem[0].weight.data = network.stem[0].weight.data
    supernet.classifier.load_state_dict(network.classifier.state_dict())
    mixed = [layer for layer in supernet.layers if hasattr(layer, "edges")]
    for number, layer in enumerate(mixed):
        for e, filters in plain_filters(network, number).items():
            chosen = layer.edges[e].operations[where.parse(cell)[e]]
            chosen[1].weight.data = filters.data
    for one, other in zip(network.layers, supernet.layers, strict=True):
        if not isinstance(one, PlainCell):
            weights = [m.weight for m in one.modules() if isinstance(m, nn.Conv2d)]
            convs = [m for m in other.modules() if isinstance(m, nn.Conv2d)]
            for conv, weight in zip(convs, weights, strict=True):
                conv.weight.data = weight.data
    x = torch.randn(5, 2, 9, 9, dtype=torch.float64)
    logits, side = network(x)  # batch norms start with scale 1 and shift 0
    theta = torch.from_numpy(where.one_hot(cell)).double()
    assert side is None
    torch.testing.assert_close(logits, supernet(x, theta), rtol=1e-9, atol=1e-9)


def test_the_network_of_a_node_space_is_its_supernet_at_a_vertex():
    where = space("nasbench1shot1-2")
    rng = np.random.default_rng(3)
    for _ in range(3):
        cell = where.round(rng.random((len(where.edges), len(where.operations))))
        choice = where.parse(cell)
        torch.manual_seed(0)
        network = build_network(where, cell, 1, 10, 4, 1).double()
        supernet = NodeSupernet(where, 1, 10, 4, 1, form="reference").double()
        supernet.stem[0].weight.data = network.stem[0].weight.data
        supernet.classifier.load_state_dict(network.classifier.state_dict())
        supernet.last[1].weight.data = _narrow(network.last[1].weight, choice, where)
        width = 4
        for one, other in zip(network.layers, supernet.layers, strict=True):
            if isinstance(one, nn.MaxPool2d):
                continue
            first = width == 4
            for n in range(len(where.kept)):
                if str(n) in one.projections:
                    weight = one.projections[str(n)][0].weight
                    wide = weight if first else _narrow(weight, choice, where)
                    other.projections[n][0].weight.data = wide.data
            for n, o in enumerate(choice.operations):
                if isinstance(one.nodes[n], nn.Sequential):
                    other.nodes[n][o][0].weight.data = one.nodes[n][0].weight.data
            width = 0
        x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
        weights = torch.from_numpy(where.one_hot(cell)).double()
        torch.testing.assert_close(network(x)[0], supernet(x, weights))


def _narrow(weight, choice, where) -> torch.Tensor:
    """Filters on the joined parents of the output, as filters on all nodes."""
    parents = choice.parents[-1]
    parts = dict(zip(parents, weight.chunk(len(parents), dim=1), strict=True))
    nodes = range(len(where.kept))
    empty = torch.zeros_like(parts[parents[0]])
    return torch.cat([parts.get(n, empty) for n in nodes], dim=1).detach()


def test_parameters_and_flops_by_hand():
    """C 8, one cell a stage, 14x14 pixels, ten classes, one 3x3 and five skips."""
    cell = COMPACT.format([1, 0, 0, 0, 0, 0])
    parameters, flops = count(CellNetwork(COMPACT, cell, 1, 10, 8, 1), (1, 14, 14))
    stem = 9 * 1 * 8
    cells = [9 * c * c for c in (8, 16, 32)]
    reductions = [9 * c * 2 * c + 9 * 2 * c * 2 * c + c * 2 * c for c in (8, 16)]
    norms = 2 * (8 + 8 + 16 + 32 + 2 * 16 + 2 * 32 + 32)
    assert parameters == stem + sum(cells) + sum(reductions) + norms + 32 * 10 + 10
    pixels = (14 * 14, 7 * 7, 4 * 4)
    inside = sum(p * c for p, c in zip(pixels, cells, strict=True))
    between = pixels[1] * reductions[0] + pixels[2] * reductions[1]
    assert flops == pixels[0] * stem + inside + between + 32 * 10


@pytest.mark.parametrize("cell", random_cells(NB201, 5, seed=1))
def test_parameters_and_flops_are_those_of_nasbench201(nb201_file, cell):
    with gzip.open(nb201_file, "rt") as file:
        rows = {row["ops"]: row for row in csv.DictReader(file)}
    row = rows["".join(map(str, NB201.parse(cell)))]
    parameters, flops = count(build_network(NB201, cell, 3, 10, 16, 5), (3, 32, 32))
    assert parameters / 1e6 == pytest.approx(float(row["params_M_c10"]), abs=2e-6)
    assert flops / 1e6 == pytest.approx(float(row["flops_M_c10"]), abs=2e-5)


def test_the_auxiliary_head_is_not_counted_and_counting_changes_nothing():
    where, cell = space("darts"), GENOTYPES["gaea-pc-darts-cifar"].genotype
    network = build_network(where, cell, 3, 10, 4, 1, auxiliary=True)
    bare = build_network(where, cell, 3, 10, 4, 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert count(network, (3, 32, 32)) == count(bare, (3, 32, 32))
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    for name, value in network.state_dict().items():
        assert value.equal(before[name]), name


def test_a_cell_through_which_nothing_comes_still_has_a_network():
    network = build_network(NB201, NB201.arch(0), 1, 10, 4, 1)
    logits, _ = network(torch.randn(2, 1, 8, 8))
    assert logits.shape == (2, 10) and torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ["compact", "nasbench1shot1-1"])
def test_an_auxiliary_head_where_there_is_none_is_refused(name):
    where = space(name)
    rows = np.ones((len(where.edges), len(where.operations)))
    with pytest.raises(InputError, match=f"networks of {name} have no auxiliary"):
        build_network(where, where.round(rows), 1, 10, 4, 1, auxiliary=True)


def test_a_network_is_counted_where_it_lies():
    """On another device than the CPU too; "meta" stands for a GPU."""
    cell = COMPACT.arch(364)
    network = build_network(COMPACT, cell, 1, 10, 4, 1)
    expected = count(network, (1, 8, 8))
    assert count(network.to("meta"), (1, 8, 8)) == expected


@pytest.mark.parametrize("size", [(0, 1), (4, 0), (4, 1.5)])
def test_a_network_of_no_size_is_refused(size):
    with pytest.raises(InputError, match="a whole number"):
        build_network(COMPACT, COMPACT.arch(0), 1, 10, *size)


# ------------------------------------------------------------------------ classes


def test_compact_has_496_strings_and_459_networks():
    of_cell, first = classes(COMPACT)
    assert len(first) == len(set(of_cell)) == 459 and len(of_cell) == 729
    strings = {COMPACT.canonical(COMPACT.arch(index)) for index in range(729)}
    assert len(strings) == 496
    assert [of_cell[COMPACT.index(cell)] for cell in first] == list(range(459))


def outputs(cell: str, filters: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The cell's function with given filters, handed to its convolutions in order."""
    choice = COMPACT.parse(cell)
    mine = iter(filters)
    of_edge = {e: next(mine) for e, o in enumerate(choice) if o == 1}
    nodes = [x]
    for entering in COMPACT.entering:
        total = torch.zeros_like(x)
        for e in entering:
            y = nodes[COMPACT.edges[e][0]]
            if choice[e] == 1:
                y = nn.functional.conv2d(y.relu(), of_edge[e], padding=1)
                y = nn.functional.batch_norm(y, None, None, training=True)
            elif choice[e] == 2:
                y = nn.functional.avg_pool2d(y, 3, 1, 1, count_include_pad=False)
            total = total + y
        nodes.append(total)
    return nodes[-1]


def same_function(one: str, other: str) -> bool:
    """Whether some permutation of the filters makes two cells compute the same."""
    from itertools import permutations

    counts = {COMPACT.parse(cell).count(1) for cell in (one, other)}
    if len(counts) > 1:
        return False
    draws = torch.Generator().manual_seed(0)
    x, *filters = (
        torch.randn(shape, generator=draws, dtype=torch.float64)
        for shape in [(3, 2, 5, 5)] + [(2, 2, 3, 3)] * counts.pop()
    )
    expected = outputs(one, filters, x)
    return any(
        torch.allclose(outputs(other, list(order), x), expected, atol=1e-9)
        for order in permutations(filters)
    )


def test_cells_of_a_class_compute_the_same_with_permuted_weights():
    of_cell, first = classes(COMPACT)
    shared = [i for i in range(729) if COMPACT.arch(i) not in first]
    for index in np.random.default_rng(0).choice(shared, 25, replace=False):
        cell = COMPACT.arch(int(index))
        assert same_function(first[of_cell[index]], cell), cell


def test_cells_of_one_string_but_two_classes_compute_different_things():
    """One convolution used twice is not two convolutions."""
    skip, conv = "skip_connect", "nor_conv_3x3"
    once = f"|{conv}~0|+|{skip}~0|{skip}~1|+|{skip}~0|{skip}~1|{skip}~2|"
    twice = f"|{skip}~0|+|{skip}~0|{conv}~1|+|{skip}~0|{conv}~1|{skip}~2|"
    assert COMPACT.canonical(once) == COMPACT.canonical(twice)
    assert network_class(COMPACT, once) != network_class(COMPACT, twice)
    assert not same_function(once, twice)


def test_no_two_classes_compute_the_same_but_for_the_linearity_of_pooling():
    """Among cells without pooling every pair of classes differs."""
    _, first = classes(COMPACT)
    plain = [cell for cell in first if 2 not in COMPACT.parse(cell)]
    for n, one in enumerate(plain):
        for other in plain[:n]:
            assert not same_function(one, other), (one, other)
