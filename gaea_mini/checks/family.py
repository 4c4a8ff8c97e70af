"""Checks for the exercises of chapters ``family`` and ``gaea_on_everything``.

Each compares the reader's function with a slower or independent answer, and shows the
first case that fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare
from gaea_mini.simplex import eg_step, softmax

SMALL = 1e-5  # of a finite difference


def my_luck(function: Function) -> Check:
    """Check the exercise ``ex-lucky``: function(cells, good, draws)."""

    def answer(cells: int, good: int, draws: int) -> float:
        # Draw by draw: the chance to be lucky now, times that of not having been.
        lucky = 0.0
        for _ in range(draws):
            lucky += (1 - lucky) * good / cells
        return lucky

    rng = np.random.default_rng(10)
    cases = [{"cells": 4, "good": 1, "draws": 1}, {"cells": 4, "good": 1, "draws": 2}]
    cases += [
        {"cells": int(cells), "good": int(rng.integers(cells)), "draws": int(draws)}
        for cells, draws in rng.integers((2, 1), (900, 150), size=(40, 2))
    ]
    hint = "what is the chance that every single draw misses?"
    return compare(function, cases, answer, tol=1e-9, hint=hint)


def my_score(function: Function) -> Check:
    """Check the exercise ``ex-score``: function(theta, arms, losses, baseline).

    The answer differentiates the mean of (loss - b) log theta by differences in the
    logits, Eq. (eq-score).
    """

    def answer(theta: Any, arms: Any, losses: Any, baseline: float) -> Any:
        alpha = np.log(theta)
        bumps = SMALL * np.eye(len(alpha))
        logs = [np.log(softmax(alpha + s * bumps))[:, arms] for s in (1, -1)]
        return (logs[0] - logs[1]) @ (losses - baseline) / (2 * SMALL * len(arms))

    rng = np.random.default_rng(11)

    def cases() -> Iterable[Case]:
        for draws in (1, 2, *rng.integers(1, 9, size=40)):
            arms = int(rng.integers(2, 6))
            yield {
                "theta": 0.9 * rng.dirichlet(np.ones(arms)) + 0.1 / arms,
                "arms": rng.integers(arms, size=draws),
                "losses": rng.uniform(0, 3, size=draws),
                "baseline": float(rng.uniform(0, 2)),
            }

    hint = "the slope of log theta_a in the logits is onehot(a) - theta"
    return compare(function, cases(), answer, tol=1e-6, hint=hint)


def my_ahead(function: Function) -> Check:
    """Check the exercise ``ex-ahead``: function(w, theta, a, c, xi).

    The answer takes the step for two thetas and compares, Eq. (eq-second-order).
    """

    def validation(w: float, theta: float, a: float, c: float, xi: float) -> float:
        ahead = w - xi * a * (w - theta)
        return (ahead - c) ** 2 / 2

    def answer(w: float, theta: float, a: float, c: float, xi: float) -> float:
        above = validation(w, theta + SMALL, a, c, xi)
        return (above - validation(w, theta - SMALL, a, c, xi)) / (2 * SMALL)

    rng = np.random.default_rng(12)
    cases = [
        {
            "w": float(rng.normal()),
            "theta": float(rng.normal()),
            "a": float(rng.uniform(0.2, 2)),
            "c": float(rng.normal()),
            "xi": float(rng.uniform(0.05, 0.9)),
        }
        for _ in range(40)
    ]
    hint = "the loss is taken at w', and w' moves with theta"
    return compare(function, cases, answer, tol=1e-7, hint=hint)


def my_gumbel(function: Function) -> Check:
    """Check the exercise ``ex-through``: function(alpha, noise, tau, upstream).

    The value is that of the largest score; the slope is that of the soft sample, by
    differences, Eq. (eq-gumbel).
    """

    def answer(alpha: Any, noise: Any, tau: float, upstream: Any) -> Any:
        value = np.zeros(len(alpha))
        value[max(range(len(alpha)), key=lambda o: alpha[o] + noise[o])] = 1

        def soft(logits: Any) -> Any:
            return softmax((np.log(softmax(logits)) + noise) / tau) @ upstream

        bumps = SMALL * np.eye(len(alpha))
        slope = (soft(alpha + bumps) - soft(alpha - bumps)) / (2 * SMALL)
        return np.stack([value, slope])

    hint = "first onehot(argmax), then p * (upstream - <p, upstream>) / tau"
    return compare(function, _draws(13), answer, tol=1e-6, hint=hint)


def my_interval(function: Function) -> Check:
    """Check the exercise ``ex-interval``: function(first, second, t)."""
    from gaea_mini.show.records import mean_sd

    def answer(first: Any, second: Any, t: float) -> Any:
        mean, sd = mean_sd([a - b for a, b in zip(first, second, strict=True)])
        half = t * sd / len(first) ** 0.5
        return [mean - half, mean + half]

    rng = np.random.default_rng(14)

    def cases() -> Iterable[Case]:
        for seeds in (3, 3, *rng.integers(3, 11, size=30)):
            common = rng.normal(90, 3, size=seeds)  # what a seed does to both
            yield {
                "first": common + rng.normal(1, 1, size=seeds),
                "second": common + rng.normal(0, 1, size=seeds),
                "t": float(rng.uniform(2, 4.5)),
            }

    hint = "differences first; their sd has n - 1 in its denominator"
    return compare(function, cases(), answer, tol=1e-9, hint=hint)


def my_edge_step(function: Function) -> Check:
    """Check the exercise ``ex-edges``: function(beta, grad, targets, lr).

    The answer is EG node by node, Eq. (eq-gaea-edges).
    """

    def answer(beta: Any, grad: Any, targets: Any, lr: float) -> Any:
        new = np.array(beta)
        for node in sorted(set(targets.tolist())):
            inside = [e for e, t in enumerate(targets) if t == node]
            new[inside] = eg_step(beta[inside], grad[inside], lr)
        return new

    rng = np.random.default_rng(15)

    def cases() -> Iterable[Case]:
        for count in (2, 3, *rng.integers(2, 5, size=30)):
            # Edges of a complete graph, by their target; not always in this order.
            targets = np.repeat(np.arange(1, count + 1), np.arange(1, count + 1))
            beta = np.concatenate(
                [rng.dirichlet(np.full(n, 4.0)) for n in range(1, count + 1)]
            )
            order = rng.permutation(len(targets)) if rng.random() < 0.5 else slice(None)
            yield {
                "beta": beta[order],
                "grad": rng.normal(size=len(targets)),
                "targets": targets[order],
                "lr": float(rng.uniform(0.1, 2)),
            }

    hint = "the edges with the same target share one sum"
    return compare(function, cases(), answer, tol=1e-9, hint=hint)


def my_slope(function: Function) -> Check:
    """Check the exercise ``ex-past``: function(theta, noise, tau, upstream).

    The answer moves each weight of theta by itself, Eq. (eq-gdas-slope).
    """

    def answer(theta: Any, noise: Any, tau: float, upstream: Any) -> Any:
        def soft(weights: Any) -> Any:
            return softmax((np.log(weights) + noise) / tau) @ upstream

        bumps = SMALL * np.diag(theta)
        return (soft(theta + bumps) - soft(theta - bumps)) / (2 * SMALL * theta)

    def cases() -> Iterable[Case]:
        for case in _draws(16):
            yield {"theta": softmax(case.pop("alpha")), **case}

    hint = "the slope in the logits, and ln(theta) in place of the logit"
    return compare(function, cases(), answer, tol=1e-5, hint=hint)


def my_gaea_gdas(function: Function) -> Check:
    """Check the exercise ``ex-toy-search``: function(theta, outputs, noise, taus, lr).

    The answer takes the slope of the soft sample by differences and steps by EG,
    Eqs. (eq-gumbel) and (eq-gaea); the loss is half the square of the drawn output.
    """

    def answer(theta: Any, outputs: Any, noise: Any, taus: Any, lr: float) -> Any:
        for g, tau in zip(noise, taus, strict=True):
            drawn = outputs[np.argmax(np.log(theta) + g)]
            bumps = SMALL * np.diag(theta)
            up, down = (
                softmax((np.log(theta + s * bumps) + g) / tau) @ outputs
                for s in (1, -1)
            )
            theta = eg_step(theta, drawn * (up - down) / (2 * SMALL * theta), lr)
        return theta

    rng = np.random.default_rng(17)
    cases = [
        {
            "theta": rng.dirichlet(np.full(arms, 5.0)),
            "outputs": rng.normal(size=arms),
            "noise": rng.gumbel(size=(steps, arms)),
            "taus": np.linspace(5, 1, steps),
            "lr": float(rng.uniform(0.1, 1)),
        }
        for arms, steps in [(2, 1), (3, 1), (3, 2), (4, 5), (3, 20), (5, 20), (4, 60)]
    ]
    hint = "draw, slope in theta at the drawn output, EG; a new temperature each step"
    return compare(function, cases, answer, tol=1e-4, hint=hint)


def _draws(seed: int, count: int = 40) -> Iterable[Case]:
    """Logits, Gumbel noise, a temperature and what comes back from the loss."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        arms = int(rng.integers(2, 6))
        yield {
            "alpha": rng.normal(size=arms),
            "noise": rng.gumbel(size=arms),
            "tau": float(rng.uniform(0.4, 5)),
            "upstream": rng.normal(size=arms),
        }
