"""Chapter rounding_gap: likely mistakes in its exercises are found."""

from __future__ import annotations

import numpy as np
import pytest

from gaea_mini.checks import rounding as checks


def one_of_two_sides(theta, slope):
    return slope * (1 - theta.max(axis=1)).sum()


def the_mean_edge(theta, slope):
    return slope * 2 * (1 - theta.max(axis=1)).mean()


def bills_in_the_other_order(target, decay, theta):
    h = theta.argmax()
    others = (target**2).sum() - target[h] ** 2
    miss = target[h] ** 2 * (1 - theta[h] / (theta[h] ** 2 + decay)) ** 2
    return np.array([miss, others]) / 2


def without_decay(target, decay, theta):
    h = theta.argmax()
    others = (target**2).sum() - target[h] ** 2
    return np.array([others, target[h] ** 2 * (1 - 1 / theta[h]) ** 2]) / 2


def the_inverse_temperature(theta, entropy):
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        powers = theta ** np.exp(middle)
        cold = powers / powers.sum()
        spread = -(cold * np.log(cold.clip(1e-300))).sum()
        low, high = (low, middle) if spread < entropy else (middle, high)
    return np.exp(low)


def argmax(theta, outputs, target):
    return theta.argmax(axis=1)


def each_edge_by_itself(theta, outputs, target):
    made = (theta * outputs).sum(axis=1)
    rest = made.sum() - made
    return ((rest[:, None] + outputs - target) ** 2).argmin(axis=1)


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        (checks.my_bound, one_of_two_sides),
        (checks.my_bound, the_mean_edge),
        (checks.my_two_bills, bills_in_the_other_order),
        (checks.my_two_bills, without_decay),
        (checks.my_temperature, the_inverse_temperature),
        (checks.my_greedy_rounding, argmax),
        (checks.my_greedy_rounding, each_edge_by_itself),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(check, mistake) -> None:
    outcome = check(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message
