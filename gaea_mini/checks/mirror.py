"""Checks for the exercises of chapters 2 and 3: pass, or see the case that fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare
from gaea_mini.simplex import kl, softmax
from gaea_mini.simplex.stationary import Valleys, prox, stationarity_bound


def _weights(rng: np.random.Generator, k: int) -> Any:
    return 0.95 * rng.dirichlet(np.ones(k)) + 0.05 / k


def my_divergence(function: Function) -> Check:
    """Check the exercise ``ex-divergence``: function(u, v), for phi = -sum ln.

    The answer is Eq. (eq-bregman) with the gradient taken by differences.
    """

    def phi(x: Any) -> Any:
        return -np.log(x).sum(axis=-1)

    def answer(u: Any, v: Any) -> Any:
        bumps = 1e-6 * np.eye(len(v))
        gradient = (phi(v + bumps) - phi(v - bumps)) / 2e-6
        return phi(u) - phi(v) - gradient @ (u - v)

    rng = np.random.default_rng(0)
    cases = [{"u": np.array([0.5, 0.5]), "v": np.array([0.25, 0.75])}]
    for _ in range(40):
        k = int(rng.integers(2, 7))
        cases.append({"u": _weights(rng, k), "v": _weights(rng, k)})
    hint = "the gradient of -sum ln v has the entries -1 / v_o"
    return compare(function, cases, answer, tol=1e-5, hint=hint)


def my_gate_step(function: Function) -> Check:
    """Check the exercise ``ex-gate``: function(x, grad, lr), entries between 0 and 1.

    The answer makes the slope of Eq. (eq-mirror-step) zero by halving an interval.
    """

    def answer(x: Any, grad: Any, lr: float) -> Any:
        low, high = np.zeros_like(x), np.ones_like(x)
        for _ in range(60):
            u = (low + high) / 2
            slope = grad + (np.log(u / (1 - u)) - np.log(x / (1 - x))) / lr
            low, high = np.where(slope < 0, u, low), np.where(slope < 0, high, u)
        return (low + high) / 2

    rng = np.random.default_rng(1)
    cases = [{"x": np.array([0.5, 0.5]), "grad": np.array([1.0, 0.0]), "lr": 1.0}]
    for _ in range(40):
        k = int(rng.integers(1, 6))
        cases.append(
            {
                "x": rng.uniform(0.02, 0.98, k),
                "grad": 2 * rng.standard_normal(k),
                "lr": float(rng.uniform(0.05, 1.5)),
            }
        )
    hint = "into the mirror is ln(x / (1 - x)); the way back is 1 / (1 + exp(-z))"
    return compare(function, cases, answer, hint=hint)


def my_pulled_step(function: Function) -> Check:
    """Check the exercise ``ex-pull``: function(theta, grad, lr, pull).

    The answer minimises what the exercise states by plain descent on logits.
    """

    def answer(theta: Any, grad: Any, lr: float, pull: float) -> Any:
        alpha = np.log(theta)
        for _ in range(400):
            u = softmax(alpha)
            slope = grad + np.log(u / theta) / lr + pull * np.log(u * len(u))
            # Past the softmax, at half the step that would arrive at once.
            alpha = alpha - 0.5 * slope / (1 / lr + pull)
        return softmax(alpha)

    def cases() -> Iterable[Case]:
        yield {
            "theta": np.array([0.75, 0.25]),
            "grad": np.array([0.0, 0.0]),
            "lr": 1.0,
            "pull": 1.0,
        }
        rng = np.random.default_rng(2)
        for _ in range(40):
            k = int(rng.integers(2, 7))
            yield {
                "theta": _weights(rng, k),
                "grad": 2 * rng.standard_normal(k),
                "lr": float(rng.uniform(0.05, 1.5)),
                "pull": float(rng.uniform(0, 2)),
            }

    hint = "ln u is (ln theta - lr * grad) / (1 + lr * pull), up to a constant"
    return compare(function, cases(), answer, hint=hint)


def my_swapped_step(function: Function) -> Check:
    """Check the exercise ``ex-swapped``: function(theta, grad, lr), KL(theta || u)."""

    def answer(theta: Any, grad: Any, lr: float) -> Any:
        # Newton's method from the left: the sum is a falling, convex function of mu.
        shifted = grad - grad.min()
        mu = theta[shifted == 0].sum() / lr
        for _ in range(100):
            part = theta / (lr * (shifted + mu))
            mu += (part.sum() - 1) / np.sum(part / (shifted + mu))
        return theta / (lr * (shifted + mu))

    rng = np.random.default_rng(3)
    cases = [{"theta": np.array([0.5, 0.5]), "grad": np.array([0.0, 1.0]), "lr": 1.0}]
    for _ in range(40):
        k = int(rng.integers(2, 7))
        cases.append(
            {
                "theta": _weights(rng, k),
                "grad": 3 * rng.standard_normal(k),
                "lr": float(rng.uniform(0.05, 1.5)),
            }
        )
    hint = "u_o is theta_o / (lr * (grad_o + mu)); find the mu that makes the sum 1"
    return compare(function, cases, answer, hint=hint)


def my_steps(function: Function) -> Check:
    """Check the exercise ``ex-steps``: function(gamma, start, slope, edges, k, eps).

    The answer doubles and halves T until Eq. (eq-stationary-bound) is eps.
    """

    def enough(gamma: float, start: float, bound: float, eps: float) -> float:
        low, high = 1e-9, 1.0
        while stationarity_bound(start, gamma, bound, high) > eps:  # type: ignore
            high *= 2
        for _ in range(100):
            middle = (low + high) / 2
            far = stationarity_bound(start, gamma, bound, middle) > eps  # type: ignore
            low, high = (middle, high) if far else (low, middle)
        return high

    def answer(
        gamma: float, start: float, slope: float, edges: int, k: int, eps: float
    ) -> Any:
        both = (slope**2 + edges, slope**2 + edges * k)
        return [enough(gamma, start, bound, eps) for bound in both]

    rng = np.random.default_rng(4)
    cases = [
        {
            "gamma": float(rng.uniform(0.2, 2)),
            "start": float(rng.uniform(0.5, 3)),
            "slope": slope,
            "edges": edges,
            "k": k,
            "eps": float(rng.uniform(0.1, 1)),
        }
        for slope, edges, k in [(1.0, 6, 5), (0.5, 14, 8), (20.0, 14, 8), (2.0, 1, 64)]
    ]
    hint = "solve the bound for T; G_theta^2 is edges for EG and edges * k for Euclid"
    return compare(function, cases, answer, hint=hint)


def my_gamma(function: Function) -> Check:
    """Check the exercise ``ex-gamma``: function(p, q, m), by eigenvalues."""

    def answer(p: float, q: float, m: float) -> float:
        return max(0.0, -float(np.linalg.eigvalsh([[p, m], [m, q]])[0]))

    rng = np.random.default_rng(5)
    cases = [{"p": 0.0, "q": 0.0, "m": 3.0}, {"p": 1.0, "q": 1.0, "m": 0.5}]
    cases += [
        dict(zip("pqm", (float(x) for x in 2 * rng.standard_normal(3)), strict=True))
        for _ in range(40)
    ]
    hint = "an eigenvalue is (p + q) / 2 plus or minus a root; gamma is never below 0"
    return compare(function, cases, answer, hint=hint)


def my_delta(function: Function) -> Check:
    """Check the exercise ``ex-delta``: function(theta, losses, lam), w held fixed."""

    def answer(theta: Any, losses: Any, lam: float) -> float:
        q = theta * np.exp(-lam * (losses - losses.min()))
        q /= q.sum()
        return float(kl(q, theta) + kl(theta, q)) / lam**2

    rng = np.random.default_rng(6)
    cases = [
        {"theta": np.array([0.5, 0.5]), "losses": np.array([0.0, 1.0]), "lam": 1.0}
    ]
    for _ in range(40):
        k = int(rng.integers(2, 7))
        cases.append(
            {
                "theta": _weights(rng, k),
                "losses": rng.uniform(0, 1, k),
                "lam": float(rng.uniform(0.2, 1.3)),
            }
        )
    hint = "the two divergences add up to sum (q - theta) (ln q - ln theta)"
    return compare(function, cases, answer, hint=hint)


def my_prox(function: Function) -> Check:
    """Check the exercise ``ex-prox``: function(w, theta, centres, lam), Eq. (eq-prox).

    The reader's function returns u, followed by the entries of q.
    """

    def answer(w: float, theta: Any, centres: Any, lam: float) -> Any:
        problem = Valleys(tuple(float(c) for c in centres))
        u, q = prox(problem, np.array([w]), np.asarray(theta)[None], lam)
        return np.append(u, q)

    rng = np.random.default_rng(7)
    cases = [
        {
            "w": float(rng.normal()),
            "theta": _weights(rng, k),
            "centres": 2 * rng.standard_normal(k),
            "lam": float(rng.uniform(0.2, 1.3)),
        }
        for k in (1, 2, 2, 3, 3, 5, 8, 8)
    ]
    hint = "theta * exp(-lam * losses(u)) is q up to its sum; then halve in u"
    return compare(function, cases, answer, hint=hint)
