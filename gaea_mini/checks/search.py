"""Checks for the exercises of chapter ``gaea``: pass, or see the case that fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from gaea_mini.checks import Case, Check, Function, compare, written
from gaea_mini.simplex import eg_step


def my_skips(function: Function) -> Check:
    """Check the exercise ``ex-skips``: function(theta, skip), theta (E, O)."""

    def answer(theta: Any, skip: int) -> int:
        return sum(list(row).index(max(row)) == skip for row in theta)

    def cases() -> Iterable[Case]:
        yield {"theta": np.array([[0.7, 0.3], [0.2, 0.8]]), "skip": 0}
        yield {"theta": np.full((6, 4), 0.25), "skip": 0}
        yield {"theta": np.full((6, 4), 0.25), "skip": 1}
        rng = np.random.default_rng(1)
        for _ in range(60):
            e, o = rng.integers(2, 7, size=2)
            # Weights in tenths, so that ties are common.
            theta = rng.multinomial(10, np.full(o, 1 / o), size=e) / 10
            yield {"theta": theta, "skip": int(rng.integers(o))}

    hint = "the heaviest operation wins; of several, the one listed first"
    return compare(function, cases(), answer, hint=hint)


def my_gaea(function: Function) -> Check:
    """Check the exercise ``ex-gaea``: function(method, lr), Eq. (eq-gaea).

    Every field of the method is compared, and so are the fields of its parts.
    """
    from gaea_mini.search import (
        Bilevel,
        Method,
        SingleLevel,
        darts,
        darts_sgd,
        gaea,
        gdas,
        pc_darts,
    )

    name = getattr(function, "__name__", "your function")
    methods = [darts(), darts(3e-3, SingleLevel()), darts_sgd(1.0, SingleLevel(1))]
    methods += [darts_sgd(0.3, Bilevel()), pc_darts(), gdas()]
    methods += [replace(darts(), warm_up=0.2, perturbation=0.1)]
    cases = [(method, lr) for method in methods for lr in (0.1, 0.7)]
    for count, (method, lr) in enumerate(cases, start=1):
        right = gaea(method, lr)
        shown = [f"Not yet: {name} fails on case {count}.", f"  method    {method}"]
        shown += [f"  lr        {lr}"]
        try:
            yours = function(method, lr)
        except NotImplementedError:
            return Check(
                False, f"Not done yet: {name} still raises NotImplementedError."
            )
        except Exception as error:
            shown += [f"  raised    {type(error).__name__}: {error}"]
            return Check(False, "\n".join(shown))
        if type(yours) is not Method:
            shown += [f"  returned  {written(yours)}, which is not a Method"]
            return Check(False, "\n".join(shown))
        wrong = False
        for field in fields(Method):
            got = getattr(yours, field.name, None)
            wanted = getattr(right, field.name)
            if not _same(got, wanted):
                wrong = True
                shown += [f"  {field.name}", f"    yours   {written(got)}"]
                shown += [f"    right   {wanted}"]
        if wrong:
            return Check(False, "\n".join(shown))
    return Check(True, f"Passed: {name} is right on all {len(cases)} cases.")


def _same(got: Any, wanted: Any) -> bool:
    """Equal, and of one type or both numbers; what cannot be compared is not equal."""
    kinds = {type(got), type(wanted)}
    try:
        return (len(kinds) == 1 or kinds == {int, float}) and bool(got == wanted)
    except Exception:
        return False


def my_steps_back(function: Function) -> Check:
    """Check the exercise ``ex-return``: function(weight, gap, lr).

    The answer follows Eq. (eq-eg-step) on two operations, in a hundred steps to one.
    """

    def answer(weight: float, gap: float, lr: float) -> float:
        theta, steps = np.array([weight, 1 - weight]), 0.0
        grad = np.array([0.0, gap])
        while theta[0] < 0.5:
            before = theta
            theta, steps = eg_step(theta, grad, lr / 100), steps + 1 / 100
            if theta[0] >= 0.5:  # within the last small step, on a line
                part = (0.5 - before[0]) / (theta[0] - before[0])
                steps += (part - 1) / 100
        return steps

    rng = np.random.default_rng(3)
    cases = [{"weight": 0.25, "gap": 1.0, "lr": 1.0}]
    cases += [
        {
            "weight": float(10 ** rng.uniform(-4, -0.5)),
            "gap": float(rng.uniform(0.5, 2)),
            "lr": float(rng.uniform(0.5, 2)),
        }
        for _ in range(12)
    ]
    hint = "each step multiplies the ratio of the two weights by exp(lr * gap)"
    return compare(function, cases, answer, tol=1e-4, hint=hint)


def my_search(function: Function) -> Check:
    """Check the exercise ``ex-alternate``: a search on Eq. (eq-valleys).

    function(theta, w, centres, lr_theta, lr_w, steps) returns the last theta.
    """

    def answer(
        theta: Any, w: float, centres: Any, lr_theta: float, lr_w: float, steps: int
    ) -> Any:
        def loss(theta: Any, w: float) -> float:
            # Eq. (eq-valleys)
            return float(theta @ (1 - np.exp(-((w - centres) ** 2) / 2)))

        h = 1e-5
        for _ in range(steps):
            grad = np.array([loss(row, w) for row in np.eye(len(theta))])
            theta = eg_step(theta, grad, lr_theta)
            w -= lr_w * (loss(theta, w + h) - loss(theta, w - h)) / (2 * h)
        return theta

    rng = np.random.default_rng(4)
    cases = [
        {
            "theta": rng.dirichlet(np.full(k, 5.0)),
            "w": float(rng.normal()),
            "centres": rng.normal(0, 1.5, k),
            "lr_theta": float(rng.uniform(0.1, 2)),
            "lr_w": float(rng.uniform(0.1, 1)),
            "steps": steps,
        }
        for k, steps in [(2, 1), (3, 1), (3, 2), (4, 5), (3, 30), (5, 30), (4, 100)]
    ]
    hint = "theta moves first; the weight step then uses the new theta"
    return compare(function, cases, answer, tol=1e-4, hint=hint)
