"""Rank disorder and the optimum: mistakes in the exercises, and what is proved."""

from __future__ import annotations

from math import ceil, log

import numpy as np
import pytest

from gaea_mini.checks import truth as check
from gaea_mini.errors import InputError
from gaea_mini.evaluate import counterexample as crossed
from gaea_mini.evaluate.comparison import Trace, expected_best
from gaea_mini.evaluate.ranking import kendall
from gaea_mini.simplex import eg_step


def counts_pairs_twice(scores, truth):
    a, b = (np.sign(np.subtract.outer(x, x)) for x in (scores, truth))
    return (a * b).sum() / (len(scores) * (len(scores) - 1) / 2)


def takes_the_ranks_correlation(scores, truth):
    ranks = [np.argsort(np.argsort(x)) for x in (scores, truth)]
    return np.corrcoef(*ranks)[0, 1]


def lists_the_worst(scores, val, test, k):
    listed = np.argsort(scores)[:k]
    return test.max() - test[listed[val[listed].argmax()]]


def chooses_by_test(scores, val, test, k):
    return test.max() - test[np.argsort(scores)[-k:]].max()


def forgets_the_squares(between, within):
    return 2 / np.pi * np.arcsin(between / (between + within))


def gives_the_correlation(between, within):
    return between**2 / (between**2 + within**2)


def moves_w_first(a, c, w, lr_theta, lr_w, steps):
    theta = np.full(len(a), 1 / len(a))
    for _ in range(steps):
        w = w - lr_w * theta @ (w - c)
        theta = eg_step(theta, a + (w - c) ** 2 / 2, lr_theta)
    return theta


def takes_the_last_of_a_tie(seconds, val, test, price):
    done = (np.cumsum(seconds) <= price).sum()
    return test[:done][::-1][val[:done][::-1].argmax()] if done else np.nan


def pays_afterwards(seconds, val, test, price):
    done = (np.cumsum(seconds) - seconds <= price).sum()
    return test[val[:done].argmax()]


def best_test_so_far(seconds, val, test, price):
    done = (np.cumsum(seconds) <= price).sum()
    return test[:done].max() if done else np.nan


def rounds_down(cells, good, chance):
    return int(log(1 - chance) / log(1 - good / cells))


def draws_each_once(cells, good, chance):
    return ceil(chance * cells / good)


def draws_apart(a, b, draws):
    rows = draws.astype(int)
    means = a[rows].mean(axis=1) - b[rows[::-1]].mean(axis=1)
    return np.percentile(means, [2.5, 97.5])


def stays_within_one_edge(values, start):
    here = np.array(start)
    for edge, count in enumerate(values.shape):
        near = [here.copy() for _ in range(count)]
        for o in range(count):
            near[o][edge] = o
        here = max(near, key=lambda cell: values[tuple(cell)])
    return here


def goes_to_the_best(values, start):
    return np.array(np.unravel_index(values.argmax(), values.shape))


@pytest.mark.parametrize(
    ("checked", "mistake"),
    [
        (check.my_tau, counts_pairs_twice),
        (check.my_tau, takes_the_ranks_correlation),
        (check.my_shortlist, lists_the_worst),
        (check.my_shortlist, chooses_by_test),
        (check.my_ceiling, forgets_the_squares),
        (check.my_ceiling, gives_the_correlation),
        (check.my_crossed, moves_w_first),
        (check.my_handed_back, takes_the_last_of_a_tie),
        (check.my_handed_back, pays_afterwards),
        (check.my_handed_back, best_test_so_far),
        (check.my_trainings, rounds_down),
        (check.my_trainings, draws_each_once),
        (check.my_bootstrap, draws_apart),
        (check.my_climb, stays_within_one_edge),
        (check.my_climb, goes_to_the_best),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(checked, mistake) -> None:
    outcome = checked(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message


@pytest.mark.parametrize("nothing", [0.0, -1.0])
def test_before_the_first_training_only_nan_is_right(nothing) -> None:
    def mistaken(seconds, val, test, price):
        done = (np.cumsum(seconds) <= price).sum()
        return test[val[:done].argmax()] if done else nothing

    outcome = check.my_handed_back(mistaken)
    assert not outcome
    assert f"0         {nothing:<5g}  nan   <-- differs" in outcome.message


def test_a_case_too_long_to_read_is_not_written_out() -> None:
    def late(a, b, draws):
        means = (a - b)[draws.astype(int)].mean(axis=1)
        return np.percentile(means, [2.5, 97.5]) + (len(draws) > 20)

    outcome = check.my_bootstrap(late)
    assert "fails on case 3" in outcome.message
    assert "... 198 more ..." in outcome.message

    def stays_in_the_largest(values, start):
        here = start if values.ndim < 6 else None
        while here is not None:
            near = [np.array(c) for c in np.ndindex(values.shape)]
            near = [c for c in near if (c != here).sum() == 1]
            step = max(near, key=lambda cell: values[tuple(cell)])
            if values[tuple(step)] <= values[tuple(here)]:
                return here
            here = step
        return start

    outcome = check.my_climb(stays_in_the_largest)
    assert "values    an array of shape (3, 3, 3, 3, 3, 3)" in outcome.message


def test_tau_of_the_package_counts_pairs() -> None:
    """Eq. (eq-tau), and the check of its exercise with the package's own function."""
    assert check.my_tau(lambda scores, truth: kendall(scores, truth))


@pytest.mark.parametrize("cells", [4, 5, 9, 30])
def test_crossed_cells_stand_upside_down_at_the_best_ones_weight(cells) -> None:
    """Eq. (eq-crossed-tau)."""
    loss = crossed.shared(0.0, cells)
    assert loss.argmin() == 0 and (np.diff(loss[1:]) < 0).all()
    assert kendall(-loss, -crossed.alone(cells)) == pytest.approx((4 - cells) / cells)


def test_a_lead_carries_theta_at_the_promised_speed() -> None:
    """Eq. (eq-lead), with losses in any order behind the leader."""
    rng = np.random.default_rng(0)
    for cells, eta, delta in [(2, 0.1, 0.5), (5, 0.3, 0.1), (9, 1.0, 0.02)]:
        theta = rng.dirichlet(np.ones(cells))
        start = (1 - theta[0]) / theta[0]
        for t in range(1, 60):
            loss = delta + rng.exponential(1.0, cells)
            loss[0] = 0.0
            theta = eg_step(theta, loss, eta)
            assert 1 - theta[0] <= start * np.exp(-eta * delta * t) + 1e-12


def test_the_proof_of_the_crossed_search_may_be_followed() -> None:
    """The first steps that the proof leaves to a computer, and its induction."""
    found = crossed.search_without_ranks(9, 400)
    own = np.abs(crossed.own_weights(9))
    losses = np.array([crossed.shared(w, 9) for w in found.weight])
    assert (losses[:, 1:].min(axis=1) - losses[:, 0] >= 0.01).all()
    assert np.abs(found.weight).max() < 0.75
    r = found.theta @ own
    begins = int(np.argmax(r <= 0.75))
    assert 0 < begins < 20 and (np.diff(r[begins:]) < 1e-15).all()
    assert found.theta[-1, 0] == pytest.approx(1) and abs(found.weight[-1]) < 1e-8


def test_a_search_that_starts_elsewhere_may_end_elsewhere() -> None:
    own = crossed.own_weights(9)
    for cell in (1, 4, 8):
        found = crossed.search_without_ranks(9, 400, start=float(own[cell]))
        assert found.weight[0] == own[cell] and found.theta[-1].argmax() != 0


def test_random_search_agrees_with_its_formula() -> None:
    """Eq. (eq-best-of-n), by drawing."""
    rng = np.random.default_rng(1)
    tests = rng.normal(80, 2, 50)
    values = tests + rng.normal(0, 2, 50)
    for n in (1, 3, 20):
        drawn = rng.integers(50, size=(20_000, n))
        best = np.take_along_axis(drawn, values[drawn].argmax(1)[:, None], 1)[:, 0]
        error = tests[best].std() / 20_000**0.5
        assert expected_best(values, tests, n) == pytest.approx(
            tests[best].mean(), abs=4 * error
        )
    with pytest.raises(InputError, match="50 values, 49 tests, 1 draws"):
        expected_best(values, tests[1:], 1)


def test_what_is_handed_back_is_a_step_function() -> None:
    """Eq. (eq-anytime), the check of its exercise with the package's own trace."""

    def by_trace(seconds, val, test, price):
        ends, costs, values, top = np.cumsum(seconds), [], [], -np.inf
        for end, value, true in zip(ends, val, test, strict=True):
            if value > top:
                top = value
                costs.append(end)
                values.append(true)
        return float(Trace(costs, values).at([price])[0])

    assert check.my_handed_back(by_trace)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_the_bootstrap_of_a_mean_has_the_smaller_variance(n) -> None:
    """Eq. (eq-bootstrap), over all draws of two seeds and over many of more."""
    x = np.random.default_rng(2).normal(size=n)
    drawn = x[np.random.default_rng(3).integers(n, size=(200_000, n))].mean(axis=1)
    told = (n - 1) / n * x.var(ddof=1) / n
    assert drawn.var() == pytest.approx(told, rel=0.02)
