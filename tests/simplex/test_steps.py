"""The three steps: invariants, identities, and behaviour at extreme gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.simplex import (
    eg_step,
    kl,
    logit_step,
    project,
    projected_step,
    softmax,
    uniform,
)


@st.composite
def rows_and_gradients(draw, size=5.0):
    """Draw weights inside the simplex, a gradient, and a step size."""
    k = draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    theta = rng.dirichlet(np.full(k, draw(st.sampled_from([0.3, 1.0, 10.0]))), size=3)
    theta = (theta + 1e-9) / (theta + 1e-9).sum(axis=-1, keepdims=True)
    lr = draw(st.floats(1e-4, 3.0))
    return theta, size * rng.standard_normal(theta.shape), lr


@given(rows_and_gradients())
def test_eg_multiplies_and_normalises(case):
    # Eq. (eq-eg-step), written as in the paper
    theta, grad, lr = case
    raw = theta * np.exp(-lr * grad)
    expected = raw / raw.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(eg_step(theta, grad, lr), expected, rtol=1e-9)


@given(rows_and_gradients(), st.floats(-1e3, 1e3))
def test_eg_and_projected_steps_ignore_a_constant_in_the_gradient(case, constant):
    # Eqs. (eq-eg-step) and (eq-projected-step)
    theta, grad, lr = case
    for step in (eg_step, projected_step):
        moved = step(theta, grad + constant, lr)
        np.testing.assert_allclose(moved, step(theta, grad, lr), rtol=0, atol=1e-10)
    floored = eg_step(theta, grad + constant, lr, floor=1e-5)
    np.testing.assert_allclose(
        floored, eg_step(theta, grad, lr, floor=1e-5), atol=1e-10
    )


@given(rows_and_gradients())
def test_eg_is_a_logit_step_with_the_gradient_taken_past_the_softmax(case):
    # Eq. (eq-eg-step) against Eq. (eq-softmax)
    theta, grad, lr = case
    past = softmax(np.log(theta) - lr * grad)
    np.testing.assert_allclose(eg_step(theta, grad, lr), past, rtol=1e-9, atol=1e-300)


@given(rows_and_gradients())
def test_many_eg_steps_are_one_softmax_of_the_summed_gradient(case):
    # Eq. (eq-eg-sum)
    theta, grad, lr = case
    stepped = theta
    for part in (0.5, 0.2, 0.3):
        stepped = eg_step(stepped, part * grad, lr)
    np.testing.assert_allclose(
        stepped, eg_step(theta, grad, lr), rtol=1e-8, atol=1e-300
    )


@given(rows_and_gradients(size=1.0))
def test_eg_minimises_the_linear_loss_plus_kl(case):
    # Eq. (eq-eg-argmin): no other point does better, and the value has a closed form.
    theta, grad, lr = case
    new = eg_step(theta, grad, lr)

    def objective(u):
        return np.sum(grad * u, axis=-1) + kl(u, theta) / lr

    closed = -np.log(np.sum(theta * np.exp(-lr * grad), axis=-1)) / lr
    np.testing.assert_allclose(objective(new), closed, rtol=1e-6, atol=1e-6)
    rng = np.random.default_rng(0)
    for other in rng.dirichlet(np.ones(theta.shape[-1]), size=(20, 3)):
        assert np.all(objective(other) >= objective(new) - 1e-6)


@given(rows_and_gradients(size=1.0))
def test_projected_step_minimises_the_linear_loss_plus_squared_distance(case):
    # Eq. (eq-projected-step), by its own variational form
    theta, grad, lr = case
    new = projected_step(theta, grad, lr)
    np.testing.assert_allclose(new, project(theta - lr * grad), atol=1e-12)

    def objective(u):
        return np.sum(grad * u + (u - theta) ** 2 / (2 * lr), axis=-1)

    rng = np.random.default_rng(0)
    for other in rng.dirichlet(np.ones(theta.shape[-1]), size=(20, 3)):
        assert np.all(objective(other) >= objective(new) - 1e-9)


@given(rows_and_gradients(size=1.0))
def test_logit_step_follows_the_numerical_jacobian_of_the_softmax(case):
    # Eq. (eq-logit-step)
    theta, grad, lr = case
    alpha = np.log(theta)
    k, h = alpha.shape[-1], 1e-6
    slope = np.empty_like(alpha)
    for o in range(k):
        bump = h * np.eye(k)[o]
        change = softmax(alpha + bump) - softmax(alpha - bump)
        slope[:, o] = np.sum(change * grad, axis=-1) / (2 * h)
    np.testing.assert_allclose(
        logit_step(alpha, grad, lr), alpha - lr * slope, rtol=0, atol=1e-7 * (1 + lr)
    )


@given(rows_and_gradients())
def test_logit_step_follows_the_analytic_jacobian(case):
    # Eq. (eq-logit-step): diag(theta) - theta theta'
    theta, grad, lr = case
    alpha = np.log(theta)
    for row in range(len(theta)):
        t = softmax(alpha[row])
        jacobian = np.diag(t) - np.outer(t, t)
        expected = alpha[row] - lr * jacobian @ grad[row]
        np.testing.assert_allclose(
            logit_step(alpha, grad, lr)[row], expected, rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6, 1e300])
@pytest.mark.parametrize("k", [2, 5, 1024])
def test_rows_stay_on_the_simplex_after_thousands_of_extreme_steps(size, k):
    rng = np.random.default_rng(k)
    floored = bare = projected = uniform(3, k)
    floor = 1e-5
    for _ in range(3000 if k < 100 else 1000):
        grad = size * rng.standard_normal((3, k))
        floored = eg_step(floored, grad, 0.1, floor=floor)
        bare = eg_step(bare, grad, 0.1)
        projected = projected_step(projected, grad, 0.1)
        assert floored.min() >= floor / (1 + k * floor)
    for rows in (floored, bare, projected):
        assert np.abs(rows.sum(axis=-1) - 1).max() < 1e-12
        assert rows.min() >= 0


@pytest.mark.parametrize("shift", [1e6, -1e6])
def test_a_huge_constant_does_not_flatten_or_empty_a_row(shift):
    # Without the shift inside the step, exp(-lr * 1e6) is 0 for the whole row.
    new = eg_step([0.7, 0.3], [shift, shift], 1.0, floor=1e-5)
    np.testing.assert_allclose(new, [0.7, 0.3], rtol=1e-12)


def test_logits_stay_finite_at_extreme_gradients():
    rng = np.random.default_rng(0)
    alpha = np.zeros((3, 5))
    for _ in range(2000):
        alpha = logit_step(alpha, 1e6 * rng.standard_normal((3, 5)), 0.1)
        assert np.isfinite(alpha).all()
    assert np.abs(softmax(alpha).sum(axis=-1) - 1).max() < 1e-12


def test_a_weight_of_zero_returns_only_with_a_floor():
    # Eq. (eq-floor)
    bare = floored = np.array([1.0, 0.0])
    for _ in range(1000):
        bare = eg_step(bare, [1.0, 0.0], 0.1)
        floored = eg_step(floored, [1.0, 0.0], 0.1, floor=1e-5)
    assert bare.tolist() == [1.0, 0.0]
    assert floored[1] > 0.999


def test_the_best_gradient_on_a_dead_weight_does_not_empty_the_row():
    # The largest power belongs to weight 0; the others would all underflow.
    new = eg_step([0.0, 0.5, 0.5], [-1e9, 1e9, 1e9 + 1], 1.0)
    np.testing.assert_allclose(new, [0.0, 1 / (1 + np.exp(-1)), 1 / (1 + np.e)])


def test_one_step_size_per_row():
    theta, grad = uniform(2, 3), np.array([[0.0, 1.0, 2.0]] * 2)
    for step in (eg_step, projected_step, logit_step):
        both = step(theta, grad, np.array([[0.1], [0.7]]))
        np.testing.assert_allclose(both[0], step(theta, grad, 0.1)[0], rtol=1e-12)
        np.testing.assert_allclose(both[1], step(theta, grad, 0.7)[1], rtol=1e-12)


@settings(max_examples=20)
@given(rows_and_gradients())
def test_steps_are_pure(case):
    theta, grad, lr = case
    kept = theta.copy(), grad.copy()
    eg_step(theta, grad, lr, floor=1e-5), projected_step(theta, grad, lr)
    logit_step(np.log(theta), grad, lr)
    assert (theta == kept[0]).all() and (grad == kept[1]).all()


@pytest.mark.parametrize("step", [eg_step, projected_step, logit_step])
@pytest.mark.parametrize("lr", [0, -0.1, np.nan, np.inf])
def test_a_step_size_that_is_not_above_zero_is_refused(step, lr):
    with pytest.raises(InputError, match="lr is .*: give a step size above 0"):
        step([0.5, 0.5], [0.0, 1.0], lr)


@pytest.mark.parametrize("step", [eg_step, projected_step, logit_step])
def test_bad_gradients_are_refused(step):
    name = step.__name__
    with pytest.raises(InputError, match=rf"{name}: grad is nan at index \(1,\)"):
        step([0.5, 0.5], [0.0, np.nan], 0.1)
    with pytest.raises(InputError, match=r"shape \(3,\).*shape \(2,\).*same shape"):
        step([0.5, 0.5], [0.0, 1.0, 2.0], 0.1)


@pytest.mark.parametrize("step", [eg_step, projected_step])
def test_rows_off_the_simplex_are_refused(step):
    with pytest.raises(InputError, match=r"theta: row \(1,\) sums to 0.9, not 1"):
        step([[0.5, 0.5], [0.5, 0.4]], np.zeros((2, 2)), 0.1)
    with pytest.raises(InputError, match="cannot be negative"):
        step([1.5, -0.5], [0.0, 0.0], 0.1)


@pytest.mark.parametrize("floor", [-1e-5, 0.5, np.nan])
def test_a_floor_out_of_range_is_refused(floor):
    with pytest.raises(InputError, match="floor is .* for rows of 2: give 0"):
        eg_step([0.5, 0.5], [0.0, 0.0], 0.1, floor=floor)
