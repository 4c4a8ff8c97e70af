"""The edge on which both objectives are solved exactly."""

from __future__ import annotations

import numpy as np
import pytest

from gaea_mini.errors import InputError
from gaea_mini.evaluate.levels import TwoSamples, edge_grid, right_picks
from gaea_mini.evaluate.rounding import OrthogonalEdge

RNG = np.random.default_rng(0)
TOYS = [
    TwoSamples(RNG.normal(size=3), RNG.normal(size=3), float(RNG.uniform(0.05, 0.5)))
    for _ in range(20)
]
THETAS = 0.9 * RNG.dirichlet(np.ones(3), size=20) + 0.1 / 3
CASES = list(zip(TOYS, THETAS, strict=True))


def decayed(toy, theta, w):
    """Training loss with weight decay, written out."""
    error = ((toy.train - theta * w) ** 2).sum() / 2
    return error + toy.decay * (w**2).sum() / 2


def slopes(function, theta, h=1e-5):
    bumps = h * np.eye(len(theta))
    return np.array(
        [(function(theta + b) - function(theta - b)) / (2 * h) for b in bumps]
    )


def test_the_inner_weights_are_the_minimum_and_give_the_training_loss() -> None:
    """Eqs. (eq-inner-weights) and (eq-single-toy)."""
    for toy, theta in CASES:
        w = toy.weights(theta)
        least = decayed(toy, theta, w)
        assert float(toy.training(theta)) == pytest.approx(least)
        for step in 1e-3 * np.eye(3):
            assert decayed(toy, theta, w + step) > least < decayed(toy, theta, w - step)
        edge = OrthogonalEdge(tuple(toy.train), toy.decay)
        np.testing.assert_allclose(w, edge.trained(theta))


def test_the_validation_loss_is_that_of_these_weights() -> None:
    """Eq. (eq-bilevel-toy)."""
    for toy, theta in CASES:
        made = theta * toy.weights(theta)
        loss = float(toy.validating(theta))
        assert loss == pytest.approx(((toy.validation - made) ** 2).sum() / 2)


def test_the_slopes_are_those_of_the_losses() -> None:
    """Eqs. (eq-envelope) and (eq-first-order)."""
    for toy, theta in CASES:
        w = toy.weights(theta)
        # On one loss: the partial slope at the best weights is the whole slope.
        np.testing.assert_allclose(
            slopes(lambda t, toy=toy, w=w: decayed(toy, t, w), theta),
            slopes(lambda t, toy=toy: float(toy.training(t)), theta),
            atol=1e-6,
        )
        # On two losses: it is not, and the edge's factor mends it.
        total = slopes(lambda t, toy=toy: float(toy.validating(t)), theta)
        np.testing.assert_allclose(toy.slope(theta), total, atol=1e-6)
        held = slopes(
            lambda t, toy=toy, w=w: ((toy.validation - t * w) ** 2).sum() / 2, theta
        )
        np.testing.assert_allclose(toy.first_order(theta), held, atol=1e-6)
        assert not np.allclose(held, total, atol=1e-3)


def test_a_mixture_trains_at_least_as_well_as_any_cell() -> None:
    """Eq. (eq-relaxed-bound), with the decay in the loss."""
    theta = edge_grid()
    for a in RNG.normal(size=(30, 2)):
        losses = TwoSamples(a, a, 0.1).training(theta)
        assert losses.min() <= min(losses[0], losses[-1])


def test_the_chapters_edge_is_decided_differently_by_the_two() -> None:
    theta = edge_grid()
    toy = TwoSamples((1.0, 1.3), (1.0, 0.2), decay=0.1)
    assert theta[toy.training(theta).argmin(), 0] < 0.5
    assert theta[toy.validating(theta).argmin(), 0] > 0.5


def test_single_level_is_better_with_equal_noise_and_worse_with_unequal() -> None:
    """Eq. (eq-halves)."""
    equal = right_picks((0.2, 0.2), draws=1000)
    assert equal.single_level > equal.bilevel + 0.03
    unequal = right_picks((0.2, 0.8), draws=1000)
    assert unequal.bilevel > unequal.single_level + 0.03
    assert right_picks((0.0, 0.0), draws=5) == (1.0, 1.0)
    assert right_picks((0.2, 0.2), draws=50) == right_picks((0.2, 0.2), draws=50)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: TwoSamples((1.0, 2.0), (1.0,), 0.1), "one shape"),
        (lambda: TwoSamples((1.0, 2.0), (1.0, 2.0), 0.0), "decay"),
        (lambda: right_picks((0.1,)), "best first"),
        (lambda: right_picks((0.1, 0.1), truth=(0.5, 0.8)), "best first"),
    ],
)
def test_what_makes_no_sense_is_refused(ask, words) -> None:
    with pytest.raises(InputError, match=words):
        ask()
