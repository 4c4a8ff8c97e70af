"""Chapter gaea: mistakes in its exercises, and the two propositions that it proves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaea_mini.checks import search as checks
from gaea_mini.search import ExponentiatedGradient, Mixture, SingleLevel, darts, gaea
from gaea_mini.simplex import eg_step, logit_step, softmax


def counts_every_tie(theta, skip):
    return (theta[:, skip] == theta.max(axis=1)).sum()


def takes_the_last_of_a_tie(theta, skip):
    return (theta[:, ::-1].argmax(axis=1) == theta.shape[1] - 1 - skip).sum()


def forgets_the_step_size(weight, gap, lr):
    return np.log((1 - weight) / weight) / gap


def weights_first(theta, w, centres, lr_theta, lr_w, steps):
    for _ in range(steps):
        good = np.exp(-((w - centres) ** 2) / 2)
        w = w - lr_w * theta @ (good * (w - centres))
        theta = eg_step(theta, 1 - np.exp(-((w - centres) ** 2) / 2), lr_theta)
    return theta


def through_the_softmax(theta, w, centres, lr_theta, lr_w, steps):
    for _ in range(steps):
        good = np.exp(-((w - centres) ** 2) / 2)
        theta = softmax(logit_step(np.log(theta), 1 - good, lr_theta))
        w = w - lr_w * theta @ (good * (w - centres))
    return theta


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        (checks.my_skips, counts_every_tie),
        (checks.my_skips, takes_the_last_of_a_tie),
        (checks.my_steps_back, forgets_the_step_size),
        (checks.my_search, weights_first),
        (checks.my_search, through_the_softmax),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(check, mistake) -> None:
    outcome = check(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message


def on_simplex(method, lr, **changes):
    right = {
        "name": f"gaea-{method.name}",
        "relaxation": replace(method.relaxation, on="simplex"),
        "update": ExponentiatedGradient(lr),
    }
    return replace(method, **{**right, **changes})


class Odd(ExponentiatedGradient):
    """An update that can be neither compared nor written out."""

    def __eq__(self, other):
        raise RuntimeError("not to be compared")

    def __repr__(self):
        raise RuntimeError("not to be written")

    __hash__ = None


class Agrees(ExponentiatedGradient):
    """An update that is equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


def test_the_reference_solution_passes() -> None:
    assert checks.my_gaea(on_simplex)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda method, lr: method, "relaxation\n    yours   Mixture(on='logits', "),
        (lambda method, lr: on_simplex(method, 0.1), "yours   ExponentiatedGradient"),
        (lambda method, lr: on_simplex(darts(), lr), "objective\n    yours   Bilevel"),
        (
            lambda method, lr: on_simplex(method, lr, objective=SingleLevel()),
            "objective",
        ),
        (
            lambda method, lr: replace(method, update=ExponentiatedGradient(lr)),
            "raised    InputError",
        ),
        (lambda method, lr: None, "returned  None, which is not a Method"),
        (lambda method, lr: gaea, "which is not a Method"),
        (lambda method, lr: on_simplex(method, lr, name="mine"), "yours   'mine'"),
        (
            # Right for DARTS; PC-DARTS loses its edge weights and its channels.
            lambda method, lr: on_simplex(method, lr, relaxation=Mixture(on="simplex")),
            "right   Mixture(on='simplex', edge_weights=True, partial=4)",
        ),
        (
            # Right for DARTS and PC-DARTS; GDAS draws no more.
            lambda method, lr: on_simplex(
                method,
                lr,
                relaxation=Mixture(
                    "simplex", method.relaxation.edge_weights, method.relaxation.partial
                ),
            ),
            "right   GumbelSample(on='simplex'",
        ),
        (lambda method, lr: on_simplex(method, lr, warm_up=0.0), "warm_up\n"),
        (lambda method, lr: on_simplex(method, lr, perturbation=0.0), "perturbation\n"),
        (
            lambda method, lr: on_simplex(
                method, lr, update=ExponentiatedGradient(lr, floor=0.0)
            ),
            "floor=0.0",
        ),
        (
            lambda method, lr: on_simplex(method, lr, update=Odd(lr)),
            "yours   an object of type Odd",
        ),
        (
            lambda method, lr: on_simplex(method, lr, update=Agrees(lr)),
            "yours   Agrees",
        ),
    ],
)
def test_a_wrong_gaea_is_told_which_part_is_wrong(function, words) -> None:
    outcome = checks.my_gaea(function)
    assert not outcome
    assert words in outcome.message


ROWS = np.random.default_rng(0).dirichlet(np.full(5, 0.3), size=400).clip(1e-12)
ROWS /= ROWS.sum(axis=-1, keepdims=True)
GRADS = 3 * np.random.default_rng(1).standard_normal(ROWS.shape)


def test_eg_moves_every_log_ratio_at_one_speed() -> None:
    """Eq. (eq-log-ratio), for EG and for the logit step past the softmax."""
    past = softmax(np.log(ROWS) - 0.7 * GRADS)
    for new in (eg_step(ROWS, GRADS, 0.7), past):
        moved = np.log(new / new[:, :1]) - np.log(ROWS / ROWS[:, :1])
        np.testing.assert_allclose(moved, -0.7 * (GRADS - GRADS[:, :1]), atol=1e-9)


def test_the_softmax_stalls_near_a_corner() -> None:
    """Eq. (eq-stall): its equality by the step of the package, then its bound."""
    through = np.log(ROWS) - logit_step(np.log(ROWS), GRADS, 1.0)
    size = np.abs(through).sum(axis=-1)
    spread = np.abs(GRADS - (ROWS * GRADS).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(size, (ROWS * spread).sum(axis=-1), atol=1e-9)
    epsilon = 1 - ROWS.max(axis=-1)
    bound = 4 * epsilon * np.abs(GRADS).max(axis=-1)
    assert (size <= bound + 1e-9).all()
    # The bound is of the right order: some row comes within a factor of three.
    assert (size / bound).max() > 1 / 3
