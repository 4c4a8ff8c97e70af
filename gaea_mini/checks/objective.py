"""Checks for the exercises of chapter ``erm_or_bilevel``: pass, or see what fails."""

from __future__ import annotations

from typing import Any

import numpy as np

from gaea_mini.checks import Check, Function, compare


def _edges(seed: int, count: int = 30) -> list[dict[str, Any]]:
    """A toy edge and one theta for each case; 2 to 4 operations."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(count):
        k = int(rng.integers(2, 5))
        cases.append(
            {
                "train": rng.normal(size=k),
                "validation": rng.normal(size=k),
                "decay": float(rng.uniform(0.05, 0.5)),
                "theta": 0.9 * rng.dirichlet(np.ones(k)) + 0.1 / k,
            }
        )
    return cases


def _inner(train: Any, decay: float, theta: Any) -> Any:
    """The minimum of the training loss with decay, from its normal equations."""
    return np.linalg.solve(np.diag(theta**2 + decay), train * theta)


def _slopes(loss: Any, theta: Any, h: float = 1e-5) -> Any:
    bumps = h * np.eye(len(theta))
    return np.array([(loss(theta + b) - loss(theta - b)) / (2 * h) for b in bumps])


def my_weights(function: Function) -> Check:
    """Check the exercise ``ex-inner``: function(train, decay, theta).

    Eq. (eq-inner-weights).
    """

    def answer(train: Any, decay: float, theta: Any) -> Any:
        return _inner(train, decay, theta)

    cases = [{k: c[k] for k in ("train", "decay", "theta")} for c in _edges(11)]
    hint = "set the derivative of (a - theta w)^2 / 2 + decay w^2 / 2 to 0"
    return compare(function, cases, answer, hint=hint)


def my_stop(function: Function) -> Check:
    """Check the exercise ``ex-stop``: function(skips, most).

    It returns the last epoch before the cell first has more than ``most`` skips.
    """

    def answer(skips: Any, most: int) -> int:
        epoch = 0
        while epoch + 1 < len(skips) and skips[epoch + 1] <= most:
            epoch += 1
        return epoch

    rng = np.random.default_rng(12)
    cases: list[dict[str, Any]] = [
        {"skips": np.array([0, 1, 1, 3, 1, 4]), "most": 2},
        {"skips": np.array([0, 1, 2, 2]), "most": 2},
        {"skips": np.array([0, 5, 1, 1]), "most": 2},
    ]
    cases += [
        {"skips": np.r_[0, rng.integers(0, 6, 9)], "most": int(rng.integers(1, 6))}
        for _ in range(30)
    ]
    hint = "stop for good at the first time; without one, the last epoch"
    return compare(function, cases, answer, hint=hint)


def my_slope(function: Function) -> Check:
    """Check the exercise ``ex-true-slope``: function(train, validation, decay, theta).

    The answer moves each theta and lets the weights follow, Eq. (eq-first-order).
    """

    def answer(train: Any, validation: Any, decay: float, theta: Any) -> Any:
        def loss(t: Any) -> float:
            made = t * _inner(train, decay, t)
            return float(((validation - made) ** 2).sum() / 2)

        return _slopes(loss, theta)

    hint = "theta * w = a theta^2 / (theta^2 + decay); differentiate that"
    return compare(function, _edges(13), answer, tol=1e-5, hint=hint)


def my_unrolled(function: Function) -> Check:
    """Check the exercise ``ex-unrolled``, Eq. (eq-unrolled).

    function(train, validation, decay, theta, w, xi): the slope in theta of the
    validation loss after one step of the weights.
    """

    def answer(
        train: Any, validation: Any, decay: float, theta: Any, w: Any, xi: float
    ) -> Any:
        def loss(t: Any) -> float:
            ahead = w + xi * (t * (train - t * w) - decay * w)
            return float(((validation - t * ahead) ** 2).sum() / 2)

        return _slopes(loss, theta)

    rng = np.random.default_rng(14)
    cases = [
        {**case, "w": rng.normal(size=len(case["theta"])), "xi": xi}
        for case, xi in zip(_edges(15), (0.0, 0.1, 0.5) * 10, strict=True)
    ]
    hint = "theta acts twice: as a factor of w', and inside w'"
    return compare(function, cases, answer, tol=1e-5, hint=hint)
