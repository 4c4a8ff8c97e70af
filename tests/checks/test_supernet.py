"""Chapter mixed_operation: mistakes in its exercises, and what it proves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gaea_mini.checks import supernet as checks
from gaea_mini.supernet import build_supernet, space
from gaea_mini.supernet.reference import MixedEdge


def counts_nodes_not_edges(nodes, operations):
    return operations**nodes


def counts_both_directions(nodes, operations):
    return operations ** (nodes * (nodes - 1))


def every_edge_from_the_input(x, theta, matrices, edges):
    nodes = np.zeros((edges.max() + 1, len(x)))
    for e, (_, t) in enumerate(edges):
        nodes[t] += np.einsum("o,oij,j->i", theta[e], matrices[e], x)
    return nodes[-1]


def the_heaviest_operation_only(x, theta, matrices, edges):
    nodes = np.zeros((edges.max() + 1, len(x)))
    nodes[0] = x
    for e, (s, t) in enumerate(edges):
        nodes[t] += matrices[e, theta[e].argmax()] @ nodes[s]
    return nodes[-1]


def mean_over_the_batch(outputs, upstream):
    return (outputs * upstream).mean(axis=1).sum(axis=1)


def through_a_softmax(outputs, upstream):
    slope = (outputs * upstream).sum(axis=(1, 2))
    return (slope - slope.mean()) / len(slope)


def each_operation_alone(features, target, theta):
    return features.T @ target / (features**2).sum(axis=0) / theta


def forgets_theta(features, target, theta):
    return np.linalg.lstsq(features, target, rcond=None)[0]


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        (checks.my_size, counts_nodes_not_edges),
        (checks.my_size, counts_both_directions),
        (checks.my_cell, every_edge_from_the_input),
        (checks.my_cell, the_heaviest_operation_only),
        (checks.my_slope, mean_over_the_batch),
        (checks.my_slope, through_a_softmax),
        (checks.my_weights, each_operation_alone),
        (checks.my_weights, forgets_theta),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(check, mistake) -> None:
    outcome = check(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message


def test_at_a_corner_the_supernet_is_the_single_network() -> None:
    """Eq. (eq-corner): the loss is that of the cell, and the rest gets no gradient."""
    where = space("nasbench201")
    torch.manual_seed(0)
    net = build_supernet(where, 3, 10, 4, 1, "reference")
    x, y = torch.randn(8, 3, 8, 8), torch.arange(8)
    for index in np.random.default_rng(0).integers(where.size, size=12):
        arch = where.arch(int(index))
        theta = torch.from_numpy(where.one_hot(arch))
        loss = F.cross_entropy(net(x, theta), y)
        gradients = torch.autograd.grad(loss, net.parameters())
        chosen = dict(enumerate(where.parse(arch)))

        def alone(module, inputs, arch=arch):
            nodes = {0: inputs[0]}
            for e, (s, t) in enumerate(where.edges):
                part = module.edges[e].operations[where.parse(arch)[e]](nodes[s])
                nodes[t] = nodes.get(t, 0) + part
            return nodes[where.nodes - 1]

        hooks = [
            layer.register_forward_hook(lambda m, i, _, f=alone: f(m, i))
            for layer in net.layers
            if hasattr(layer, "edges")
        ]
        single = F.cross_entropy(net(x, theta), y)
        for hook in hooks:
            hook.remove()
        assert abs(loss.item() - single.item()) < 1e-6
        for (name, _), gradient in zip(net.named_parameters(), gradients, strict=True):
            if ".operations." in name:
                e, o = (int(part) for part in name.split(".")[3:6:2])
                if chosen[e] != o:
                    assert not gradient.any(), name


def test_the_slope_of_theta_is_an_inner_product() -> None:
    """Eq. (eq-theta-slope), for the package's edge and a loss that is not linear."""
    torch.manual_seed(0)
    edge = MixedEdge(space("nasbench201"), 3).double()
    x = torch.randn(4, 3, 6, 6, dtype=torch.float64)
    theta = torch.softmax(torch.randn(5, dtype=torch.float64), 0).requires_grad_()
    node = edge(x, theta)
    loss = node.sin().pow(2).mean()
    upstream, slope = torch.autograd.grad(loss, (node, theta))
    by_hand = torch.stack([(o(x) * upstream).sum() for o in edge.operations])
    torch.testing.assert_close(slope, by_hand)


def linear_edge(seed: int):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((50, 4)) + rng.standard_normal((50, 1))
    return features, rng.standard_normal(50)


def half_mean_square(features, target, u) -> float:
    return float(np.mean((features @ u - target) ** 2) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_the_relaxed_minimum_is_at_most_that_of_the_best_cell(seed: int) -> None:
    """Eqs. (eq-relaxed-bound), (eq-linear-edge): least squares against one feature."""
    features, target = linear_edge(seed)
    u = np.linalg.lstsq(features, target, rcond=None)[0]
    relaxed = half_mean_square(features, target, u)
    cells = []
    for column in features.T:
        w = column @ target / (column @ column)
        cells.append(half_mean_square(column[:, None], target, np.array([w])))
    assert relaxed <= min(cells)
    theta = np.random.default_rng(seed).dirichlet(np.ones(4))
    assert half_mean_square(features, target, theta * (u / theta)) == pytest.approx(
        relaxed
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_search_problem_is_the_bilevel_one_on_the_corners(seed: int) -> None:
    """Eqs. (eq-search-problem) and (eq-bilevel), with w*(theta) in closed form."""
    features, target = linear_edge(seed)
    train, held = slice(0, 25), slice(25, 50)

    def best_weights(theta):
        used = features[train] * theta
        return np.linalg.pinv(used) @ target[train]

    def bilevel(theta):
        w = best_weights(theta)
        return half_mean_square(features[held], target[held], theta * w)

    def cell(o):
        column = features[:, o]
        w = column[train] @ target[train] / (column[train] @ column[train])
        return half_mean_square(column[held, None], target[held], np.array([w]))

    for o, corner in enumerate(np.eye(4)):
        assert bilevel(corner) == pytest.approx(cell(o))
