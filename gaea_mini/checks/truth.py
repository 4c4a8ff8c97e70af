"""Checks for the exercises of ``rank_disorder`` and ``against_the_optimum``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare
from gaea_mini.simplex import eg_step

# ------------------------------------------------------------------ rank disorder


def my_tau(function: Function) -> Check:
    """Check the exercise ``ex-tau``: function(scores, truth), Eq. (eq-tau)."""

    def answer(scores: Any, truth: Any) -> float:
        pairs = list(combinations(range(len(scores)), 2))
        same = sum((scores[i] < scores[j]) == (truth[i] < truth[j]) for i, j in pairs)
        return (2 * same - len(pairs)) / len(pairs)

    rng = np.random.default_rng(0)
    cases: list[Case] = [
        {"scores": np.arange(4.0), "truth": np.array([1.0, 2.0, 4.0, 3.0])},
        {"scores": np.arange(5.0), "truth": -np.arange(5.0)},
    ]
    for _ in range(40):
        n = int(rng.integers(2, 12))
        cases.append({"scores": rng.normal(size=n), "truth": 80 + rng.normal(size=n)})
    hint = "pairs in the same order less the others, divided by N (N - 1) / 2"
    return compare(function, cases, answer, hint=hint)


def my_shortlist(function: Function) -> Check:
    """Check the exercise ``ex-shortlist``: function(scores, val, test, k)."""

    def answer(scores: Any, val: Any, test: Any, k: int) -> float:
        listed = sorted(range(len(scores)), key=lambda o: -scores[o])[:k]
        return float(max(test) - test[max(listed, key=lambda o: val[o])])

    rng = np.random.default_rng(1)
    cases: list[Case] = []
    for _ in range(40):
        n = int(rng.integers(2, 15))
        true = rng.normal(80, 2, size=n)
        scores, val, test = (true + rng.normal(size=n) for _ in range(3))
        k = int(rng.integers(1, n + 1))
        cases.append({"scores": scores, "val": val, "test": test, "k": k})
    hint = "the list comes from the scores, the choice from val, the regret from test"
    return compare(function, cases, answer, hint=hint)


def my_ceiling(function: Function) -> Check:
    """Check the exercise ``ex-ceiling``: function(between, within).

    The answer is an integral: given how far two true means lie apart, the chance that
    two trainings put them in the same order.
    """
    from math import erf, sqrt

    def answer(between: float, within: float) -> float:
        # Difference of two true means d ~ N(0, 2 between^2); of one training, given d,
        # it is positive with probability p. Two agree with p^2 + (1 - p)^2.
        z = np.linspace(-9, 9, 4001)
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        d = z * sqrt(2) * between
        p = np.array([(1 + erf(x / (2 * within))) / 2 for x in d])
        agree = p**2 + (1 - p) ** 2
        return float(np.sum((2 * agree - 1) * density) * (z[1] - z[0]))

    cases: list[Case] = [
        {"between": b, "within": w}
        for b, w in [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0), (1.4, 0.7), (3.0, 0.3)]
    ]
    hint = "the correlation of two trainings is the shared part of their variance"
    return compare(function, cases, answer, tol=1e-3, hint=hint)


def my_crossed(function: Function) -> Check:
    """Check the exercise ``ex-crossed``: a search on Eq. (eq-crossed).

    function(a, c, w, lr_theta, lr_w, steps) returns the last theta. The slope in w is
    taken by differences.
    """

    def answer(
        a: Any, c: Any, w: float, lr_theta: float, lr_w: float, steps: int
    ) -> Any:
        def loss(theta: Any, w: float) -> float:
            # Eq. (eq-crossed)
            return float(theta @ (a + (w - c) ** 2 / 2))

        theta, h = np.full(len(a), 1 / len(a)), 1e-4
        for _ in range(steps):
            grad = np.array([loss(row, w) for row in np.eye(len(a))])
            theta = eg_step(theta, grad, lr_theta)
            w -= lr_w * (loss(theta, w + h) - loss(theta, w - h)) / (2 * h)
        return theta

    rng = np.random.default_rng(2)
    cases: list[Case] = []
    for n, steps in [(2, 1), (3, 1), (3, 2), (5, 10), (9, 40), (4, 100)]:
        cases.append(
            {
                "a": rng.uniform(0, 0.1, n),
                "c": rng.normal(0, 2, n),
                "w": float(rng.normal()),
                "lr_theta": float(rng.uniform(0.05, 0.5)),
                "lr_w": float(rng.uniform(0.05, 0.5)),
                "steps": steps,
            }
        )
    hint = "theta moves first; w then goes towards the mean of c under the new theta"
    return compare(function, cases, answer, tol=1e-5, hint=hint)


# ------------------------------------------------------------ against the optimum


def my_handed_back(function: Function) -> Check:
    """Check the exercise ``ex-anytime``: function(seconds, val, test, price).

    Eq. (eq-anytime). Before the first training is over the answer is nan.
    """

    def answer(seconds: Any, val: Any, test: Any, price: float) -> float:
        spent, best, found = 0.0, -np.inf, np.nan
        for cost, value, true in zip(seconds, val, test, strict=True):
            spent += cost
            if spent > price:
                break
            if value > best:
                best, found = value, true
        return float(found)

    rng = np.random.default_rng(3)
    cases: list[Case] = [
        {
            "seconds": np.array([2.0, 2.0, 2.0]),
            "val": np.array([80.0, 90.0, 85.0]),
            "test": np.array([81.0, 88.0, 89.0]),
            "price": price,
        }
        for price in (1.0, 2.0, 4.0, 100.0)
    ]
    for _ in range(40):
        n = int(rng.integers(1, 12))
        cases.append(
            {
                "seconds": rng.integers(1, 6, n).astype(float),
                "val": rng.integers(70, 90, n).astype(float),
                "test": rng.normal(80, 2, n),
                "price": float(rng.integers(1, 30)),
            }
        )
    hint = "nan if no training is over; of equal val the first; test chooses nothing"
    return compare(function, cases, answer, hint=hint)


def my_trainings(function: Function) -> Check:
    """Check the exercise ``ex-draws``: function(cells, good, chance).

    The answer counts up: how many draws until a good cell was seen with that chance.
    """

    def answer(cells: int, good: int, chance: float) -> int:
        draws, missed = 0, 1.0
        while missed > 1 - chance:
            draws, missed = draws + 1, missed * (1 - good / cells)
        return draws

    rng = np.random.default_rng(4)
    cases: list[Case] = [{"cells": 729, "good": 10, "chance": 0.95}]
    cases += [
        {
            "cells": int(n),
            "good": int(rng.integers(1, n // 2)),
            "chance": float(rng.uniform(0.3, 0.99)),
        }
        for n in rng.integers(10, 2000, 30)
    ]
    hint = "n draws all miss with probability (1 - good / cells) ** n; round n up"
    return compare(function, cases, answer, hint=hint)


def my_bootstrap(function: Function) -> Check:
    """Check the exercise ``ex-resample``: function(a, b, draws).

    ``draws`` (R, S) are positions of the seeds that were drawn. The answer is the 2.5
    and the 97.5 percentile of the mean of a less b over the drawn seeds.
    """

    def answer(a: Any, b: Any, draws: Any) -> Any:
        means = sorted(
            sum(a[s] - b[s] for s in row) / len(row) for row in draws.astype(int)
        )
        places = np.array([0.025, 0.975]) * (len(means) - 1)
        return np.interp(places, range(len(means)), means)

    rng = np.random.default_rng(5)
    cases: list[Case] = []
    for s, rows in [(2, 3), (3, 5), (2, 200), (5, 200), (5, 200), (10, 200)]:
        shift = rng.normal(0, 3, s)  # what a seed does to both
        cases.append(
            {
                "a": 82 + shift + rng.normal(0, 0.3, s),
                "b": 81 + shift + rng.normal(0, 0.3, s),
                "draws": rng.integers(s, size=(rows, s)),
            }
        )
    hint = "take the differences seed by seed first, then draw seeds"
    return compare(function, cases, answer, hint=hint)


def my_climb(function: Function) -> Check:
    """Check the exercise ``ex-climb``: function(values, start).

    ``values`` has an axis for each edge. The answer lists all neighbours by comparing
    every cell with the present one.
    """

    def answer(values: Any, start: Any) -> Any:
        every = list(product(*map(range, values.shape)))
        here = tuple(int(o) for o in start)
        while True:
            near = [
                cell
                for cell in every
                if sum(a != b for a, b in zip(cell, here, strict=True)) == 1
            ]
            best = max(near, key=lambda cell: values[cell])
            if values[best] <= values[here]:
                return np.array(here)
            here = best

    def cases() -> Iterable[Case]:
        rng = np.random.default_rng(6)
        for edges, operations in [(2, 2), (3, 2), (2, 4), (4, 3), (6, 3), (5, 2)]:
            shape = (operations,) * edges
            for _ in range(3):
                yield {
                    "values": rng.normal(80, 2, shape),
                    "start": rng.integers(operations, size=edges),
                }

    hint = "change one edge at a time; move to the best neighbour while it is better"
    return compare(function, cases(), answer, hint=hint)
