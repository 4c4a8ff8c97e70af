"""Checks for the exercises of chapter ``mixed_operation``: pass, or see what fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare


def my_size(function: Function) -> Check:
    """Check the exercise ``ex-size``: function(nodes, operations), the number of cells.

    The answer multiplies edge by edge, as the cells are built.
    """

    def answer(nodes: int, operations: int) -> int:
        cells = 1
        for target in range(1, nodes):
            for _ in range(target):  # one edge from every node before
                cells *= operations
        return cells

    cases = [{"nodes": 2, "operations": 3}, {"nodes": 3, "operations": 2}]
    cases += [{"nodes": n, "operations": o} for n in range(3, 7) for o in range(2, 9)]
    hint = "every pair of nodes has an edge, and every edge makes its own choice"
    return compare(function, cases, answer, hint=hint)


def my_cell(function: Function) -> Check:
    """Check the exercise ``ex-cell``: function(x, theta, matrices, edges).

    Eq. (eq-mixed-edge) with matrices for operations: x (C,), theta (E, O), matrices
    (E, O, C, C), edges (E, 2). The answer follows every path through the cell.
    """

    def answer(x: Any, theta: Any, matrices: Any, edges: Any) -> Any:
        # With linear operations a node is the sum over all paths that lead to it.
        last = edges[:, 1].max()
        mixed = {
            (s, t): sum(w * m for w, m in zip(theta[e], matrices[e], strict=True))
            for e, (s, t) in enumerate(edges.tolist())
        }

        def paths(node: int) -> Iterable[Any]:
            if node == 0:
                yield np.eye(len(x))
            for (s, t), matrix in mixed.items():
                if t == node:
                    yield from (matrix @ way for way in paths(s))

        return sum(paths(last)) @ x

    def cases() -> Iterable[Case]:
        rng = np.random.default_rng(5)
        for nodes, operations, size in [(2, 1, 1), (2, 3, 2), (3, 2, 2)] + 20 * [
            (4, 3, 2)
        ]:
            edges = np.array([(s, t) for t in range(1, nodes) for s in range(t)])
            yield {
                "x": rng.standard_normal(size).round(2),
                "theta": rng.dirichlet(np.ones(operations), len(edges)),
                "matrices": rng.standard_normal((len(edges), operations, size, size)),
                "edges": edges,
            }

    hint = "an edge takes its own source node, and node t sums all edges into t"
    return compare(function, cases(), answer, hint=hint)


def my_slope(function: Function) -> Check:
    """Check the exercise ``ex-slope``: function(outputs, upstream).

    Eq. (eq-theta-slope): outputs (O, B, C), upstream (B, C) the gradient of the loss
    with respect to the node. The answer moves each weight by a little.
    """

    def answer(outputs: Any, upstream: Any) -> Any:
        theta, h = np.full(len(outputs), 1 / len(outputs)), 1e-3

        def along(weights: Any) -> float:
            node = sum(w * o for w, o in zip(weights, outputs, strict=True))
            return float((node * upstream).sum())

        bumps = h * np.eye(len(outputs))
        slopes = [along(theta + b) - along(theta - b) for b in bumps]
        return np.array(slopes) / (2 * h)

    rng = np.random.default_rng(6)
    cases = [{"outputs": np.array([[[1.0]], [[2.0]]]), "upstream": np.array([[3.0]])}]
    cases += [
        {
            "outputs": rng.standard_normal((o, b, c)),
            "upstream": rng.standard_normal((b, c)),
        }
        for o, b, c in rng.integers(1, 5, size=(40, 3))
    ]
    hint = "multiply what the operation gives by the gradient of the node; sum it all"
    return compare(function, cases, answer, hint=hint)


def my_weights(function: Function) -> Check:
    """Check the exercise ``ex-weights``: function(features, target, theta).

    Eq. (eq-linear-edge): the weights w at which the loss is least for a given theta.
    The answer solves the normal equations in u = theta w by Cramer's rule.
    """

    def answer(features: Any, target: Any, theta: Any) -> Any:
        gram, right = features.T @ features, features.T @ target
        whole, u = np.linalg.det(gram), np.empty(len(theta))
        for o in range(len(theta)):
            changed = gram.copy()
            changed[:, o] = right
            u[o] = np.linalg.det(changed) / whole
        return u / theta

    def cases() -> Iterable[Case]:
        yield {
            "features": np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),
            "target": np.array([1.0, 2.0, 2.0]),
            "theta": np.array([0.5, 0.5]),
        }
        rng = np.random.default_rng(7)
        for _ in range(40):
            k = int(rng.integers(1, 5))
            features = rng.standard_normal((20, k)) + rng.standard_normal((20, 1))
            theta = 0.9 * rng.dirichlet(np.ones(k)) + 0.1 / k
            target = rng.standard_normal(20)
            yield {"features": features, "target": target, "theta": theta}

    hint = "first fit the products theta_o w_o, all of them together"
    return compare(function, cases(), answer, hint=hint)
