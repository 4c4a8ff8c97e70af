"""A uniform draw of a cell: how often what comes, against the uniform law."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from gaea_mini.supernet import build_supernet, space

ALL = ["compact", "nasbench201", "darts", *(f"nasbench1shot1-{i}" for i in (1, 2, 3))]
DRAWS = 3000


def drawn(name: str) -> list[str]:
    draws, where = torch.Generator().manual_seed(2), space(name)
    return [where.round(where.draw(draws)[0].numpy()) for _ in range(DRAWS)]


def require_uniform(found: Counter, expected: list) -> None:
    """Chi-square: one time in a hundred thousand a uniform draw would fail.

    The quantile is Wilson and Hilferty's; 4.26 is that of the normal law.
    """
    assert set(found) <= set(expected)
    mean = sum(found.values()) / len(expected)
    assert mean > 5  # else the statistic does not follow chi-square
    statistic = sum((found[e] - mean) ** 2 / mean for e in expected)
    free = max(len(expected) - 1, 1)
    assert statistic < free * (1 - 2 / (9 * free) + 4.26 * (2 / (9 * free)) ** 0.5) ** 3


@pytest.mark.parametrize("name", ["compact", "nasbench201"])
def test_every_operation_of_an_edge_is_as_likely(name):
    where = space(name)
    choices = np.array([where.parse(cell) for cell in drawn(name)])
    operations = range(len(where.operations))
    for e in range(6):
        require_uniform(Counter(choices[:, e].tolist()), list(operations))
    for e, f in itertools.combinations(range(6), 2):  # and pairs of edges
        pairs = Counter(zip(*choices[:, [e, f]].T.tolist(), strict=True))
        require_uniform(pairs, list(itertools.product(operations, repeat=2)))


def test_the_random_numbers_of_an_edge_are_those_of_one_call():
    """Records of random search were made with these."""
    for name in ("compact", "nasbench201"):
        shape = space(name).shape
        one, two = (torch.Generator().manual_seed(5) for _ in range(2))
        for _ in range(3):
            theta, active = space(name).draw(one)
            picks = torch.randint(shape[2], shape[:2], generator=two)
            assert torch.equal(theta.argmax(-1), picks)
            assert active == [[(o,) for o in row] for row in picks.tolist()]


def test_a_node_of_darts_takes_every_two_inputs_and_two_operations_as_often():
    where = space("darts")
    cells = [where.parse(cell) for cell in drawn("darts")]
    none = where.operations.index("none")
    useful = [o for o in range(8) if o != none]
    for kind in range(2):
        e = 0
        for node in range(2, 6):
            pairs, operations = Counter(), Counter()
            for cell in cells:
                row = cell[kind][e : e + node]
                kept = tuple(s for s, o in enumerate(row) if o != none)
                pairs[kept] += 1
                operations[tuple(row[s] for s in kept)] += 1
            e += node
            require_uniform(pairs, list(itertools.combinations(range(node), 2)))
            require_uniform(operations, list(itertools.product(useful, repeat=2)))


@pytest.mark.parametrize("name", ALL[3:])
def test_a_cell_of_nodes_takes_all_parents_and_operations_as_often(name):
    where = space(name)
    cells = [where.parse(cell) for cell in drawn(name)]
    for t, kept in enumerate(where.kept, start=1):
        parents = Counter(cell.parents[t - 1] for cell in cells)
        require_uniform(parents, list(itertools.combinations(range(t), kept)))
        assert len(parents) == math.comb(t, kept)
    operations = Counter(cell.operations[:3] for cell in cells)
    require_uniform(operations, list(itertools.product(range(3), repeat=3)))


@pytest.mark.parametrize("name", ALL)
def test_a_draw_is_the_theta_of_a_cell_and_the_operations_it_needs(name):
    """Computing these alone gives what computing all of them gives."""
    where, draws = space(name), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = build_supernet(where, 3, 10, 4, 1).double()
    x = torch.randn(4, 3, 8, 8, dtype=torch.double)
    useful = {o for o in range(len(where.operations)) if where.operations[o] != "none"}
    for _ in range(3):
        theta, active = where.draw(draws)
        cell = where.round(theta.numpy())
        assert torch.equal(theta, torch.tensor(where.one_hot(cell)))
        computed = [o for kind in active for edge in kind for o in edge if o in useful]
        kept = {"darts": 16}.get(name, where.shape[0] * where.shape[1])
        none = sum(len(edge) for kind in active for edge in kind) - len(computed)
        assert len(computed) + none == kept
        with torch.no_grad():
            alone = network(x, theta.double(), active)
            torch.testing.assert_close(alone, network(x, theta.double()))
