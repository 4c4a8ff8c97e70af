"""Chapter erm_or_bilevel: likely mistakes in its exercises are found."""

from __future__ import annotations

import numpy as np
import pytest

from gaea_mini.checks import objective as checks


def weights_without_decay(train, decay, theta):
    return train / theta


def the_made_part(train, decay, theta):
    return train * theta**2 / (theta**2 + decay)


def the_last_good_epoch(skips, most):
    return np.flatnonzero(skips <= most)[-1]


def the_first_bad_epoch(skips, most):
    over = np.flatnonzero(skips > most)
    return over[0] if len(over) else len(skips) - 1


def first_order(train, validation, decay, theta):
    w = train * theta / (theta**2 + decay)
    return -(validation - theta * w) * w


def only_the_factor(train, validation, decay, theta, w, xi):
    ahead = w + xi * (theta * (train - theta * w) - decay * w)
    return -(validation - theta * ahead) * ahead


def without_the_step(train, validation, decay, theta, w, xi):
    return -(validation - theta * w) * (w + theta * xi * (train - 2 * theta * w))


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        (checks.my_weights, weights_without_decay),
        (checks.my_weights, the_made_part),
        (checks.my_stop, the_last_good_epoch),
        (checks.my_stop, the_first_bad_epoch),
        (checks.my_slope, first_order),
        (checks.my_unrolled, only_the_factor),
        (checks.my_unrolled, without_the_step),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(check, mistake) -> None:
    outcome = check(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message


def test_one_step_ahead_is_the_package_s_second_order() -> None:
    """Eq. (eq-unrolled): at xi = 0 it is the first order, by the toy of the package."""
    from gaea_mini.evaluate.levels import TwoSamples

    def answer(train, validation, decay, theta, w, xi):
        ahead = w + xi * (theta * (train - theta * w) - decay * w)
        inner = xi * (train - 2 * theta * w)
        return -(validation - theta * ahead) * (ahead + theta * inner)

    assert checks.my_unrolled(answer)
    toy = TwoSamples((1.0, 1.3), (1.0, 0.2), 0.1)
    theta = np.array([0.6, 0.4])
    got = answer(
        *map(np.array, (toy.train, toy.validation)), 0.1, theta, toy.weights(theta), 0
    )
    np.testing.assert_allclose(got, toy.first_order(theta))
