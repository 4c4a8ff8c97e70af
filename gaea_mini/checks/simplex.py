"""Checks for the exercises of chapter 1: see ``gaea_mini.checks``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare
from gaea_mini.simplex import eg_step, project, softmax


def _rows(seed: int, count: int = 60, size: float = 3.0) -> Iterable[Case]:
    """Weights inside the simplex, a gradient and a step size; 2 to 6 weights."""
    yield {"theta": np.array([0.5, 0.5]), "grad": np.array([0.0, 1.0]), "lr": 1.0}
    rng = np.random.default_rng(seed)
    for _ in range(count - 1):
        k = int(rng.integers(2, 7))
        theta = 0.98 * rng.dirichlet(np.ones(k)) + 0.02 / k
        grad = size * rng.standard_normal(k)
        yield {"theta": theta, "grad": grad, "lr": float(rng.uniform(0.05, 1.0))}


def my_eg_step(function: Function) -> Check:
    """Check the exercise ``ex-eg``: function(theta, grad, lr), Eq. (eq-eg-step).

    The answer is the package's ``eg_step``.
    """

    def answer(theta: Any, grad: Any, lr: float) -> Any:
        return eg_step(theta, grad, lr)

    hint = "multiply by exp(-lr * grad), then divide by the sum"
    return compare(function, _rows(0), answer, hint=hint)


def my_logit_gradient(function: Function) -> Check:
    """Check the exercise ``ex-logit``: function(theta, grad), by differences.

    The answer moves each logit by a little and looks how the loss <grad, theta>
    changes, Eq. (eq-logit-step).
    """

    def answer(theta: Any, grad: Any) -> Any:
        alpha, h = np.log(theta), 1e-5
        bumps = h * np.eye(len(alpha))
        return (softmax(alpha + bumps) - softmax(alpha - bumps)) @ grad / (2 * h)

    cases = ({"theta": case["theta"], "grad": case["grad"]} for case in _rows(1))
    hint = "the derivative of theta_o by alpha_j is theta_o (1[o = j] - theta_j)"
    return compare(function, cases, answer, tol=1e-5, hint=hint)


def my_project(function: Function) -> Check:
    """Check the exercise ``ex-project``: function(v), Eq. (eq-project).

    The answer is the package's ``project``.
    """
    rng = np.random.default_rng(2)
    cases = [{"v": np.array([0.9, 0.5, -0.4])}, {"v": np.array([7.0])}]
    cases += [
        {"v": rng.normal(rng.uniform(-5, 5), rng.uniform(0.1, 10), rng.integers(2, 9))}
        for _ in range(60)
    ]
    hint = "take the same tau from every entry, set what is negative to 0, sum to 1"
    return compare(function, cases, lambda v: project(v), hint=hint)


def my_safe_step(function: Function) -> Check:
    """Check the exercise ``ex-safe``: function(theta, grad, lr, floor), Eq. (eq-floor).

    The answer is the package's ``eg_step`` with its floor. Ordinary gradients come
    first, then gradients whose exponential overflows.
    """

    def answer(theta: Any, grad: Any, lr: float, floor: float) -> Any:
        return eg_step(theta, grad, lr, floor=floor)

    cases = [{**case, "floor": 1e-3} for case in _rows(3, count=30)]
    cases += [{**case, "floor": 1e-5} for case in _rows(4, count=30, size=1e6)]
    cases += [
        {"theta": np.array([0.5, 0.5]), "grad": np.full(2, g), "lr": 1.0, "floor": 1e-5}
        for g in (1e6, -1e6)
    ]
    hint = "shift before np.exp; divide, lift to the floor, and divide again"
    return compare(function, cases, answer, tol=1e-9, hint=hint)
