"""The convex problems, the bounds, and the findings that chapter 1 reports."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.simplex import (
    ARMS,
    LR_GRID,
    REPORT_SEEDS,
    LeastSquares,
    LinearLoss,
    Quadratic,
    best_lr,
    eg_bound,
    eg_bound_lr,
    eg_step,
    pgd_bound,
    pgd_bound_lr,
    projected_step,
    steps_to,
    uniform,
    walk,
)

GAP_ONE = LinearLoss((0.0, 1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("k", "eg", "pgd"),
    [(4, 1109, 1200), (8, 1664, 2800), (64, 3327, 25_200), (1024, 5545, 409_200)],
)
def test_bounds_give_the_table_of_step_counts(k, eg, pgd):
    # Eqs. (eq-eg-bound) and (eq-pgd-bound)
    assert round(eg_bound(k, eps=0.05)) == eg
    assert round(pgd_bound(k, eps=0.05)) == pgd


@pytest.mark.parametrize("k", [2, 4, 8, 64, 1024])
@pytest.mark.parametrize("adversary", ["signs", "normal", "chase"])
@pytest.mark.parametrize(
    ("step", "bound", "bound_lr"),
    [(eg_step, eg_bound, eg_bound_lr), (projected_step, pgd_bound, pgd_bound_lr)],
)
def test_regret_stays_below_the_bound(k, adversary, step, bound, bound_lr):
    """The bound holds for any gradients of size at most G, chosen with spite."""
    # Eqs. (eq-eg-bound) and (eq-pgd-bound): mean gap <= eps(T)
    steps, grad_max = 400, 1.0
    rng = np.random.default_rng(k)
    theta, total, paid = uniform(k), np.zeros(k), 0.0
    for _ in range(steps):
        if adversary == "signs":
            grad = 2.0 * rng.integers(0, 2, k) - 1
        elif adversary == "normal":
            grad = np.clip(rng.standard_normal(k), -1, 1)
        else:  # punish whatever has most weight
            grad = np.where(theta == theta.max(), 1.0, -1.0)
        paid += theta @ grad
        total += grad
        theta = step(theta, grad, bound_lr(k, steps, grad_max))
    regret = (paid - total.min()) / steps
    eps = math.sqrt(bound(k, 1.0, grad_max) / steps)
    assert bound(k, eps, grad_max) == pytest.approx(steps)
    assert regret <= eps


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(5, 80), st.floats(0.1, 10), st.integers(0, 9999))
def test_eg_bound_holds_on_random_convex_losses(k, steps, grad_max, seed):
    """Mean gap on the largest of a few linear functions: convex, with kinks."""
    # Eq. (eq-eg-bound)
    rng = np.random.default_rng(seed)
    slopes = grad_max * rng.uniform(-1, 1, (4, k))
    path, theta = [], uniform(k)
    for _ in range(steps):
        path.append(theta)
        grad = slopes[np.argmax(slopes @ theta)]
        theta = eg_step(theta, grad, eg_bound_lr(k, steps, grad_max))
    losses = [np.max(slopes @ point) for point in path]
    rivals = np.concatenate([np.eye(k), rng.dirichlet(np.ones(k), 50), path])
    best = np.max(slopes @ rivals.T, axis=0).min()
    assert (
        np.mean(losses) - best <= grad_max * math.sqrt(2 * math.log(k) / steps) + 1e-12
    )


@pytest.mark.parametrize(
    ("arm", "after_100", "after_1000"),
    [("EG", 1.4e-4, 0.0), ("softmax GD", 0.158, 0.0083)],
)
def test_linear_loss_decays_exponentially_for_eg_and_like_1_over_t_for_softmax(
    arm, after_100, after_1000
):
    # Eq. (eq-linear-loss), step 0.1, four weights
    gaps = walk(arm, GAP_ONE, [0.1], steps=1000).gaps[0]
    assert float(f"{gaps[100]:.2g}" if arm == "EG" else f"{gaps[100]:.3g}") == after_100
    assert gaps[1000] == pytest.approx(after_1000, abs=5e-5)


def test_eg_on_a_linear_loss_follows_its_closed_form():
    # Eq. (eq-eg-sum): theta_1 = 1 / (1 + (k - 1) exp(-lr t))
    gaps = walk("EG", GAP_ONE, [0.1], steps=200).gaps[0]
    t = np.arange(201)
    np.testing.assert_allclose(1 - gaps, 1 / (1 + 3 * np.exp(-0.1 * t)), rtol=1e-12)


def test_gradients_of_the_problems_match_finite_differences():
    # Eqs. (eq-least-squares), (eq-linear-loss), (eq-quadratic)
    rng = np.random.default_rng(0)
    theta, h = rng.dirichlet(np.ones(6), size=2), 1e-6
    problem = Quadratic(k=6, examples=4, seed=3)
    for other in (problem, LinearLoss((0.0, *rng.uniform(size=5)))):
        grad = other.gradient(theta, np.empty((2, 0)))
        for o in range(6):
            bump = h * np.eye(6)[o]
            slope = (other.gap(theta + bump) - other.gap(theta - bump)) / (2 * h)
            np.testing.assert_allclose(grad[:, o], slope, atol=1e-7)
    squares = LeastSquares(k=6)
    drawn = np.stack([squares.draw(rng) for _ in range(2)])

    def loss(point):
        return (np.sum(point * drawn[:, :-1], axis=1) - drawn[:, -1]) ** 2 / 2

    for o in range(6):
        bump = h * np.eye(6)[o]
        slope = (loss(theta + bump) - loss(theta - bump)) / (2 * h)
        np.testing.assert_allclose(
            squares.gradient(theta, drawn)[:, o], slope, atol=1e-7
        )


def test_least_squares_gap_is_the_mean_loss_above_the_best():
    # Eq. (eq-least-squares), over all sign vectors; the noise adds the same to both
    theta = np.random.default_rng(1).dirichlet(np.ones(8), size=1)
    signs = np.array([[(n >> b & 1) * 2 - 1 for b in range(8)] for n in range(256)])
    mean = np.mean((signs @ theta[0] - signs[:, 0]) ** 2) / 2
    assert LeastSquares(k=8).gap(theta)[0] == pytest.approx(mean)


def test_every_arm_sees_the_same_examples_and_a_seed_fixes_the_run():
    problem = LeastSquares(k=8)
    first, again = (walk("EG", problem, [0.5], 50, seed=3) for _ in range(2))
    assert (first.points == again.points).all()
    assert (walk("EG", problem, [0.5], 50, seed=4).points != first.points).any()
    one_by_one = [
        steps_to("EG", problem, [lr], [s])[0, 0] for lr in (0.2, 1) for s in (0, 1)
    ]
    together = steps_to("EG", problem, [0.2, 1], [0, 1])
    assert together.ravel().tolist() == one_by_one


@pytest.mark.parametrize("arm", ARMS)
def test_paths_and_counts_tell_one_story(arm):
    problem = LeastSquares(k=8)
    gaps = walk(arm, problem, [0.05, 0.1], 600, seed=5).gaps[1]
    alone = walk(arm, problem, [0.1], 600, seed=5).gaps[0]
    np.testing.assert_allclose(alone, gaps, rtol=1e-9, atol=1e-12)
    below = gaps < 0.02
    held = [t for t in range(1, 592) if below[t : t + 10].all()]
    assert steps_to(arm, problem, [0.1], [5])[0, 0] == held[0]


def test_a_lucky_visit_does_not_count():
    problem = LeastSquares(k=4)
    gaps = walk("plain GD", problem, [0.5], 200, seed=0).gaps[0]
    visit = int(np.argmax(gaps[1:] < 0.02)) + 1
    assert (gaps[visit : visit + 10] >= 0.02).any()
    assert steps_to("plain GD", problem, [0.5], [0])[0, 0] > visit


def test_a_lost_run_counts_as_never():
    problem = LeastSquares(k=64)
    assert np.isinf(steps_to("plain GD", problem, [1.0], [0, 1])).all()
    path = walk("plain GD", problem, [1.0], 500)
    assert (
        np.isfinite(path.points).all()
        and (path.points[0, -1] == path.points[0, -2]).all()
    )


@pytest.fixture(scope="module")
def tuned():
    """Median steps at each arm's own best step size, k = 4, 16, 64, 256."""
    medians = {}
    for arm in ARMS:
        for k in (4, 16, 64, 256):
            lr = best_lr(arm, LeastSquares(k))
            assert LR_GRID[0] < lr < LR_GRID[-1], "the best step lies at an end"
            counts = steps_to(arm, LeastSquares(k), [lr], REPORT_SEEDS)
            medians[arm, k] = float(np.median(counts))
    return medians


def test_tuned_steps_grow_like_log_k_or_like_k(tuned):
    """The chapter's main finding, in the words it uses."""
    for arm in ("projected GD", "plain GD"):
        assert 3 < tuned[arm, 256] / tuned[arm, 64] < 5  # k grows by 4
    for arm in ("EG", "softmax GD"):
        assert tuned[arm, 256] / tuned[arm, 4] < 4  # ln k grows by 4, k by 64
        assert tuned[arm, 256] < tuned["projected GD", 256] / 20
    assert 0.5 < tuned["softmax GD", 256] / tuned["EG", 256] < 2
    assert tuned["projected GD", 4] < 2 * tuned["EG", 4]


def test_at_a_common_step_and_small_k_projected_gd_wins():
    for k in (4, 8, 16, 32):
        median = {
            arm: np.median(steps_to(arm, LeastSquares(k), [0.1], REPORT_SEEDS))
            for arm in ARMS
        }
        assert median["projected GD"] < median["EG"] < median["softmax GD"]
        assert np.isinf(median["plain GD"]) == (k == 32)


def test_what_the_chapter_says_about_step_sizes(tuned):
    best = {(a, k): best_lr(a, LeastSquares(k)) for a in ARMS for k in (8, 256)}
    assert 1 / 3 < best["EG", 256] / best["EG", 8] < 3
    assert 1 / 64 < best["plain GD", 256] / best["plain GD", 8] < 1 / 16
    assert best["softmax GD", 256] > 2 * best["softmax GD", 8]
    for k in (64, 256):
        common = np.median(
            steps_to("projected GD", LeastSquares(k), [0.1], REPORT_SEEDS)
        )
        assert common < 1.1 * tuned["projected GD", k]


def test_an_easy_quadratic_is_won_by_projected_gd():
    # Eq. (eq-quadratic)
    final = {}
    for arm in ("EG", "projected GD"):
        tuning = [
            walk(arm, Quadratic(256, 64, seed), LR_GRID, 300).gaps[:, -1]
            for seed in (100, 101)
        ]
        lr = LR_GRID[np.max(tuning, axis=0).argmin()]
        final[arm] = walk(arm, Quadratic(256, 64, 0), [lr], 300).gaps[0, -1]
    assert final["projected GD"] < 1e-20 < 1e-8 < final["EG"] < 1e-2


def test_bad_input_is_refused():
    problem = LeastSquares(k=4)
    with pytest.raises(InputError, match="arm 'adam' is unknown: choose one of EG"):
        walk("adam", problem, [0.1], 10)
    with pytest.raises(InputError, match="steps is 0: give at least 1"):
        walk("EG", problem, [0.1], 0)
    with pytest.raises(InputError, match="steps_to: lrs is"):
        steps_to("EG", problem, [0.1, 0.0], [0])
    with pytest.raises(InputError, match="with none of 1 step sizes in 50 steps"):
        best_lr("softmax GD", problem, lrs=[1e-3], max_steps=50)
    with pytest.raises(InputError, match="give k of at least 2"):
        eg_bound(1, eps=0.1)


def test_importing_the_simplex_imports_only_numpy():
    code = (
        "import sys, gaea_mini.simplex; "
        "print([m for m in ('torch', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
