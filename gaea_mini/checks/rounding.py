"""Checks for the exercises of chapter ``rounding_gap``: pass, or see what fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare


def _thetas(seed: int, count: int = 40) -> Iterable[Any]:
    """Theta (E, O) on the simplex, some rows near a corner, some with equal weights."""
    rng = np.random.default_rng(seed)
    yield np.array([[0.75, 0.25], [1.0, 0.0]])
    yield np.full((3, 4), 0.25)
    for _ in range(count):
        e, o = rng.integers(1, 7), rng.integers(2, 6)
        yield rng.dirichlet(np.full(o, rng.choice([0.2, 1.0, 5.0])), size=e)


def my_bound(function: Function) -> Check:
    """Check the exercise ``ex-bound``: function(theta, slope), theta (E, O).

    The answer adds up the distances to the rounded rows, Eq. (eq-rounding-bound).
    """

    def answer(theta: Any, slope: float) -> float:
        total = 0.0
        for row in theta:
            rounded = [0.0] * len(row)
            rounded[list(row).index(max(row))] = 1.0
            total += sum(abs(a - b) for a, b in zip(row, rounded, strict=True))
        return slope * total

    cases = ({"theta": t, "slope": 0.5 * (i + 1)} for i, t in enumerate(_thetas(5)))
    hint = "one term for each edge, and twice the weight that is not on the heaviest"
    return compare(function, cases, answer, hint=hint)


def my_two_bills(function: Function) -> Check:
    """Check the exercise ``ex-bills``: function(target, decay, theta).

    It returns (what the others did, what the weights miss), Eq. (eq-two-bills). The
    answer takes two losses: of retrained weights without decay, and of those there are.
    """

    def answer(target: Any, decay: float, theta: Any) -> Any:
        heaviest = int(np.argmax(theta))
        trained = target * theta / (theta**2 + decay)

        def loss(weight: float) -> float:
            made = np.where(np.arange(len(target)) == heaviest, weight, 0.0)
            return float(((target - made) ** 2).sum() / 2)

        best = loss(target[heaviest])
        return np.array([best, loss(trained[heaviest]) - best])

    rng = np.random.default_rng(6)
    cases = [
        {"target": np.array([1.0, 2.0]), "decay": 0.1, "theta": np.array([0.6, 0.4])}
    ]
    cases += [
        {
            "target": rng.normal(size=k),
            "decay": float(rng.uniform(0.01, 0.5)),
            "theta": rng.dirichlet(np.full(k, 2.0)),
        }
        for k in (2, 3, 4, 5) * 8
    ]
    hint = "first the squares of the other targets, then the heaviest one's own error"
    return compare(function, cases, answer, tol=1e-8, hint=hint)


def my_temperature(function: Function) -> Check:
    """Check the exercise ``ex-temperature``: function(theta, entropy).

    It returns the temperature at which one row has that entropy. The answer is put
    in with Eq. (eq-temperature): theta is made so that the temperature is known.
    """
    rng = np.random.default_rng(7)
    cases, right = [], {}
    for temperature in (1.0, 0.5, 0.1, 0.02, 2.0, *rng.uniform(0.05, 3, 20)):
        logits = rng.normal(size=int(rng.integers(2, 6)))
        powers = np.exp((logits - logits.max()) / temperature)
        cold = powers / powers.sum()
        entropy = float(-(cold * np.log(cold.clip(1e-300))).sum())
        if not 1e-3 < entropy < np.log(len(cold)) - 1e-3:
            continue
        theta = np.exp(logits) / np.exp(logits).sum()
        case: Case = {"theta": theta, "entropy": entropy}
        right[entropy] = temperature
        cases.append(case)

    def answer(theta: Any, entropy: float) -> float:
        return float(right[entropy])

    hint = "the entropy rises with the temperature, so halve an interval"
    return compare(function, cases, answer, tol=1e-4, hint=hint)


def my_greedy_rounding(function: Function) -> Check:
    """Check the exercise ``ex-greedy``: function(theta, outputs, target).

    theta and outputs are (E, O); the network's output is the sum of theta times
    outputs, its loss the squared distance to the target. Edges are rounded in turn.
    """

    def answer(theta: Any, outputs: Any, target: float) -> Any:
        now = [row.copy() for row in theta]
        picks = []
        for edge in range(len(theta)):
            losses = []
            for operation in range(theta.shape[1]):
                tried = list(now)
                tried[edge] = np.eye(theta.shape[1])[operation]
                made = sum(float(a @ b) for a, b in zip(tried, outputs, strict=True))
                losses.append((made - target) ** 2)
            picks.append(losses.index(min(losses)))
            now[edge] = np.eye(theta.shape[1])[picks[-1]]
        return np.array(picks)

    rng = np.random.default_rng(8)
    cases = [
        {
            # The heaviest operation is the worst one here.
            "theta": np.array([[0.6, 0.4]]),
            "outputs": np.array([[0.0, 2.0]]),
            "target": 2.0,
        }
    ]
    cases += [
        {
            "theta": rng.dirichlet(np.ones(o), size=e),
            "outputs": rng.normal(size=(e, o)),
            "target": float(rng.normal()),
        }
        for e, o in [(1, 3), (2, 2), (2, 3), (3, 4), (6, 4)] * 8
    ]
    hint = "edges before this one are rounded already, those after it still mixed"
    return compare(function, cases, answer, hint=hint)
