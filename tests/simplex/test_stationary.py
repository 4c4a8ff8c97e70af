"""Stationarity without convexity: the constant, the prox, the bound and its rate."""

import math
from itertools import product

import numpy as np
import pytest

from gaea_mini.errors import InputError
from gaea_mini.simplex import eg_step, kl, uniform
from gaea_mini.simplex.stationary import (
    GAMMA,
    Valleys,
    descend,
    gamma_needed,
    proved_bound,
    prox,
    stationarity,
    stationarity_bound,
    stationarity_lr,
)

RNG = np.random.default_rng(0)


def points(problem, count=200, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    k = len(problem.centres)
    theta = 0.999 * rng.dirichlet(np.full(k, spread), count) + 0.001 / k
    return rng.normal(0, 2, count), theta


def hessian(problem, w, theta, gamma, h=1e-4):
    """Of loss plus gamma times distance, by differences, on the tangent space."""
    k = len(theta)
    along, _ = np.linalg.qr(np.eye(k) - 1 / k)
    basis = along[:, : k - 1]  # orthonormal, and orthogonal to (1, ..., 1)

    def value(z):
        rows = theta + basis @ z[1:]
        distance = (w + z[0]) ** 2 / 2 + np.sum(rows * np.log(rows))
        loss = problem.value(np.array([w + z[0]]), rows[None])[0]
        return loss + gamma * distance

    eye = h * np.eye(k)
    return np.array(
        [
            [value(a + b) - value(a - b) - value(b - a) + value(-a - b) for b in eye]
            for a in eye
        ]
    ) / (4 * h**2)


def test_gradients_are_derivatives_and_noise_has_mean_zero():
    # Eq. (eq-toy)
    problem = Valleys((-1.0, 0.5, 2.0), noise=0.3)
    w, theta = points(problem, 50)
    h = 1e-6
    slope = (problem.value(w + h, theta) - problem.value(w - h, theta)) / (2 * h)
    np.testing.assert_allclose(
        np.sum(theta * problem.slopes(w), axis=-1), slope, atol=1e-8
    )
    np.testing.assert_allclose(
        problem.value(w, np.eye(3)[[1] * 50]), problem.losses(w)[:, 1]
    )
    still = np.full(20_000, 0.7), np.tile(theta[0], (20_000, 1))
    by_w, by_theta = problem.gradient(*still, np.random.default_rng(0))
    assert by_w.std() == pytest.approx(0.3, abs=0.01)
    mean = np.sum(still[1][0] * problem.slopes(np.array([0.7])))
    assert by_w.mean() == pytest.approx(mean, abs=0.01)
    np.testing.assert_allclose(
        by_theta.mean(axis=0), problem.losses(np.array([0.7]))[0], atol=0.01
    )


def test_the_gradient_bound_holds_everywhere():
    for seed in range(20):
        problem = Valleys(tuple(RNG.normal(0, 2, 4)))
        w, theta = points(problem, 500, 0.3, seed)
        slope = np.sum(theta * problem.slopes(w), axis=-1)
        largest = slope**2 + problem.noise**2 + (problem.losses(w).max() + 0.3) ** 2
        assert largest.max() <= problem.gradient_bound + 1e-12
    assert np.abs(Valleys((0.0,)).slopes(np.array([1.0]))) == pytest.approx(
        math.exp(-0.5)
    )


@pytest.mark.parametrize("seed", range(5))
def test_loss_plus_gamma_times_distance_is_convex(seed):
    # Eq. (eq-relative), by the eigenvalues of a numerical Hessian
    rng = np.random.default_rng(seed)
    problem = Valleys(tuple(rng.normal(0, 1.5, int(rng.integers(2, 6)))))
    for w, theta in zip(*points(problem, 20, 2.0, seed), strict=True):
        if theta.min() < 0.01:
            continue
        assert np.linalg.eigvalsh(hessian(problem, w, theta, GAMMA))[0] > -1e-5


def test_gamma_cannot_be_smaller():
    # Two centres 2 sqrt(2) apart: below GAMMA there is a direction that bends down.
    problem, half = Valleys((-math.sqrt(2), math.sqrt(2))), np.array([0.5, 0.5])
    for part, sign in [(0.9, -1), (0.99, -1), (1.01, 1)]:
        smallest = np.linalg.eigvalsh(hessian(problem, 0.0, half, part * GAMMA))[0]
        assert np.sign(smallest) == sign
    assert gamma_needed(problem, np.zeros(1), half[None]) == pytest.approx(GAMMA)


def test_gamma_needed_is_where_the_smallest_eigenvalue_is_zero():
    # Eq. (eq-gamma-needed)
    problem = Valleys((-1.5, 0.2, 1.8))
    w, theta = points(problem, 30, 4.0)
    for one, row, gamma in zip(w, theta, gamma_needed(problem, w, theta), strict=True):
        if row.min() < 0.02 or gamma < 0.05:
            continue
        smallest = np.linalg.eigvalsh(hessian(problem, one, row, gamma))[0]
        assert smallest == pytest.approx(0, abs=2e-5)


def test_gamma_is_enough_for_any_centres_and_weights():
    for seed in range(200):
        problem = Valleys(tuple(RNG.normal(0, 2, int(RNG.integers(1, 9)))))
        needed = gamma_needed(problem, *points(problem, 200, 0.5, seed))
        assert needed.max() <= GAMMA


@pytest.mark.parametrize("centres", [(0.0,), (-1.0, 1.0), (-2.0, 0.0, 2.0)])
def test_prox_against_brute_force(centres):
    # Eqs. (eq-prox) and (eq-prox-slope)
    problem, lam = Valleys(centres), 1 / (2 * GAMMA)
    w, theta = points(problem, 6)
    got_u, got_q = prox(problem, w, theta, lam)

    def worth(u, q, i):
        start = np.broadcast_to(theta[i], q.shape)
        return problem.value(u, q) + ((u - w[i]) ** 2 / 2 + kl(q, start)) / lam

    # Every point of a grid: u to 1/100, q to 1/60 of each weight.
    k, parts = len(centres), 60
    rows = [np.array(c) for c in product(range(parts + 1), repeat=k - 1)]
    rows = [np.append(c, parts - c.sum()) / parts for c in rows if c.sum() <= parts]
    for i in range(len(w)):
        best = worth(got_u[i : i + 1], got_q[i : i + 1], i)[0]
        across = w[i] + np.linspace(-0.5, 0.5, 101)
        u, q = np.repeat(across, len(rows)), np.tile(rows, (len(across), 1))
        grid = worth(u, q, i)
        assert best <= grid.min() <= best + 5e-3
        nearest = grid.argmin()
        assert u[nearest] == pytest.approx(got_u[i], abs=0.06)
        np.testing.assert_allclose(q[nearest], got_q[i], atol=0.06)


def test_delta_is_zero_where_nothing_pulls_and_a_squared_gradient_for_small_steps():
    # Eq. (eq-delta)
    problem = Valleys((-1.5, 1.5))
    assert stationarity(problem, np.zeros(1), uniform(1, 2)) == pytest.approx(0)
    # With a large gamma the prox is a short step: Delta is the squared gradient by w
    # plus the variance of the losses, the squared gradient as KL measures it.
    w, theta = points(problem, 50)
    losses = problem.losses(w)
    mean = np.sum(theta * losses, axis=-1, keepdims=True)
    local = np.sum(theta * problem.slopes(w), axis=-1) ** 2
    local += np.sum(theta * (losses - mean) ** 2, axis=-1)
    np.testing.assert_allclose(
        stationarity(problem, w, theta, gamma=1e4), local, rtol=1e-2, atol=1e-6
    )


def test_the_gradient_points_away_from_the_prox():
    # Eq. (eq-angle), the inequality that the proof rests on
    for seed in range(20):
        problem = Valleys(tuple(RNG.normal(0, 2, int(RNG.integers(1, 6)))))
        w, theta = points(problem, 200, 0.7, seed)
        u, q = prox(problem, w, theta, 1 / (2 * GAMMA))
        along = np.sum(theta * problem.slopes(w), axis=-1) * (w - u)
        along += np.sum(problem.losses(w) * (theta - q), axis=-1)
        assert (along >= stationarity(problem, w, theta) / (4 * GAMMA) - 1e-10).all()


def test_descend_moves_one_block_at_a_time():
    # Eq. (eq-blocks), on one step without noise
    problem = Valleys((-1.0, 1.0), noise=0.0)
    w, theta = points(problem, 400)
    done = descend(problem, w, theta, 0.2, 1)
    moved_w = w - 0.2 * np.sum(theta * problem.slopes(w), axis=-1)
    moved_theta = eg_step(theta, problem.losses(w), 0.2)
    heads = (done.theta == theta).all(axis=-1)
    assert 140 < heads.sum() < 260
    np.testing.assert_allclose(done.w, np.where(heads, moved_w, w))
    np.testing.assert_allclose(done.theta[~heads], moved_theta[~heads])
    np.testing.assert_array_equal(done.random_w, w)


def test_in_turn_theta_moves_first_and_w_sees_it():
    problem = Valleys((-1.0, 1.0), noise=0.0)
    w, theta = points(problem, 10)
    done = descend(problem, w, theta, 0.2, 2, in_turn=True)
    new = eg_step(theta, problem.losses(w), 0.2)
    np.testing.assert_allclose(done.theta, new)
    np.testing.assert_allclose(
        done.w, w - 0.2 * np.sum(new * problem.slopes(w), axis=-1)
    )


def test_the_random_iterate_is_uniform_over_the_first_steps():
    problem = Valleys((0.0,), noise=0.0)
    w = np.full(3000, 0.5)
    done = descend(problem, w, uniform(3000, 1), 0.5, 4, in_turn=True)
    # theta of one operation stands still; w takes the values of steps 0, 0, 1, 1.
    values, counts = np.unique(done.random_w, return_counts=True)
    assert len(values) == 2
    np.testing.assert_allclose(counts / 3000, 0.5, atol=0.04)


def test_stationarity_falls_like_one_over_the_root_of_steps_below_the_bound():
    # Eqs. (eq-stationary-bound), (eq-stationary-lr) and (eq-stationary-proved)
    problem, seeds = Valleys((-2.0, 0.0, 2.0)), 600
    w, theta = np.full(seeds, 0.5), uniform(seeds, 3)
    start = float(problem.value(w, theta)[0])
    means, steps = [], (100, 400, 1600)
    for count in steps:
        about = (start, GAMMA, problem.gradient_bound, count)
        lr, bound = stationarity_lr(*about), stationarity_bound(*about)
        assert proved_bound(*about, lr) == pytest.approx(1.5 * bound)
        done = descend(problem, w, theta, lr, count)
        delta = stationarity(problem, done.random_w, done.random_theta)
        means.append(delta.mean())
        # Below the bound by far more than the chance in the mean.
        error = delta.std() / math.sqrt(seeds)
        assert delta.mean() + 4 * error < 0.5 * bound
    slope = np.polyfit(np.log(steps), np.log(means), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)


def test_the_proved_bound_is_smallest_at_its_own_step():
    # Eq. (eq-stationary-proved)
    start, gamma, size, steps = 0.6, 0.7, 2.1, 500
    best = math.sqrt(2 * start / (gamma * size * steps))
    least = proved_bound(start, gamma, size, steps, best)
    about = start, gamma, size, steps
    assert least == pytest.approx(math.sqrt(2) * stationarity_bound(*about))
    for part in (0.5, 0.9, 1.1, 2.0):
        assert proved_bound(*about, part * best) > least
    # With half of its second term, the paper's step and constant would follow.
    lr = stationarity_lr(*about)
    halved = proved_bound(*about, lr) - gamma * lr * size
    assert halved == pytest.approx(stationarity_bound(*about))


@pytest.mark.parametrize("m", [0.5, 3.0])
def test_convex_in_each_block_does_not_make_it_jointly_so(m):
    # Eq. (eq-product), and Eq. (eq-angle), which holds from gamma = m on and not below
    x = np.array([1.0, -1.0])
    for gamma in (0.6 * m, 0.9 * m, m, 2 * m):
        values = np.linalg.eigvalsh([[gamma, m], [m, gamma]])
        np.testing.assert_allclose(values, [gamma - m, gamma + m])
        prox_matrix = [[2 * gamma, m], [m, 2 * gamma]]
        hat = np.linalg.solve(prox_matrix, 2 * gamma * x)
        ratio = m * x[::-1] @ (x - hat) / (gamma * np.sum((x - hat) ** 2))
        assert ratio == pytest.approx(2 - m / gamma)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p, w, t: descend(p, w, t, 0.1, 0), "steps is 0"),
        (lambda p, w, t: descend(p, w, t, -1, 3), "step size above 0"),
        (lambda p, w, t: prox(p, w, t, 1.5), "below e / 2"),
        (lambda p, w, t: prox(p, w, t, 0.0), "lam is 0"),
    ],
)
def test_wrong_input_is_refused(call, words):
    problem = Valleys((-1.0, 1.0))
    with pytest.raises(InputError, match=words):
        call(problem, *points(problem, 3))
