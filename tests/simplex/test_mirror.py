"""Mirror maps, the mirror step and its bound: identities and inequalities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.simplex import (
    eg_bound,
    eg_bound_lr,
    eg_step,
    kl,
    pgd_bound,
    pgd_bound_lr,
    project,
    projected_step,
    uniform,
)
from gaea_mini.simplex.mirror import (
    ENTROPY,
    EUCLID,
    bregman,
    mirror_bound,
    mirror_step,
    regret,
)

MAPS = pytest.mark.parametrize("phi", [ENTROPY, EUCLID], ids=lambda phi: phi.name)
NORMS = {
    ENTROPY.name: lambda x: np.abs(x).sum(axis=-1),
    EUCLID.name: lambda x: np.sqrt((x**2).sum(axis=-1)),
}


def dot(a, b):
    return np.sum(a * b, axis=-1)


@st.composite
def cases(draw):
    """Three rows of weights above 0, a gradient, a step size."""
    k = draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([0.3, 1.0, 10.0]))
    u, v, x = rng.dirichlet(np.full(k, spread), size=(3, 4)) * (1 - 1e-6) + 1e-6 / k
    return u, v, x, 3 * rng.standard_normal(u.shape), draw(st.floats(1e-3, 2.0))


@given(cases())
def test_the_mirror_step_with_the_negative_entropy_is_eg(case):
    # Eqs. (eq-mirror-back), (eq-maps) and (eq-eg-step)
    theta, _, _, grad, lr = case
    new = mirror_step(theta, grad, lr, ENTROPY)
    np.testing.assert_allclose(new, eg_step(theta, grad, lr), rtol=0, atol=1e-15)


@given(cases())
def test_the_mirror_step_with_the_squared_length_is_projected_descent(case):
    # Eqs. (eq-mirror-back), (eq-maps) and (eq-projected-step)
    theta, _, _, grad, lr = case
    new = mirror_step(theta, grad, lr, EUCLID)
    np.testing.assert_allclose(new, projected_step(theta, grad, lr), rtol=0, atol=1e-14)


@given(cases())
def test_the_divergence_of_the_negative_entropy_is_kl(case):
    # Eq. (eq-bregman) against Eq. (eq-kl)
    u, v, *_ = case
    np.testing.assert_allclose(bregman(u, v, ENTROPY), kl(u, v), rtol=0, atol=1e-12)
    half_square = dot(u - v, u - v) / 2
    np.testing.assert_allclose(bregman(u, v, EUCLID), half_square, rtol=0, atol=1e-12)


@MAPS
def test_the_gradient_of_a_map_is_its_derivative(phi):
    v = np.random.default_rng(0).dirichlet(np.ones(5))
    bumps = 1e-6 * np.eye(5)
    slope = (phi.value(v + bumps) - phi.value(v - bumps)) / 2e-6
    np.testing.assert_allclose(phi.gradient(v), slope, atol=1e-7)


@MAPS
@given(case=cases())
def test_the_way_back_minimises(phi, case):
    # Eq. (eq-mirror-back): no other point of the simplex has a smaller value.
    *others, z, _ = case
    best = phi.back(z)

    def worth(u):
        return phi.value(u) - dot(z, u)

    for other in (*others, uniform(*z.shape), np.eye(z.shape[1])[:1]):
        assert (worth(other) >= worth(best) - 1e-9).all()


@MAPS
@given(case=cases())
def test_the_mirror_step_minimises_the_gradient_plus_the_divergence(phi, case):
    # Eq. (eq-mirror-step)
    theta, u, x, grad, lr = case
    new = mirror_step(theta, grad, lr, phi)

    def worth(p):
        return dot(grad, p) + bregman(p, theta, phi) / lr

    for other in (u, x, uniform(*theta.shape)):
        assert (worth(other) >= worth(new) - 1e-6).all()


@MAPS
@given(case=cases())
def test_three_points(phi, case):
    # Eq. (eq-three-points)
    u, v, x, *_ = case
    corner = dot(phi.gradient(x) - phi.gradient(v), u - x)
    parts = bregman(u, x, phi) + bregman(x, v, phi) + corner
    np.testing.assert_allclose(bregman(u, v, phi), parts, rtol=0, atol=1e-9)


@MAPS
@given(case=cases())
def test_each_map_is_strongly_convex_in_its_own_norm(phi, case):
    # Eq. (eq-strong); for the negative entropy this is Pinsker's inequality.
    u, v, *_ = case
    far = NORMS[phi.name](u - v) ** 2 / 2
    assert (bregman(u, v, phi) >= far - 1e-12).all()


@MAPS
@given(case=cases())
def test_the_dual_norm_is_the_largest_slope_on_the_unit_ball(phi, case):
    u, v, _, grad, _ = case
    norm, size = NORMS[phi.name], phi.dual_norm(grad)
    assert (np.abs(dot(grad, u - v)) <= size * norm(u - v) + 1e-12).all()
    steepest = grad if phi is EUCLID else (np.abs(grad) == size[:, None]) * grad
    np.testing.assert_allclose(dot(grad, steepest), size * norm(steepest))


@MAPS
@given(case=cases())
def test_one_step_pays_at_most_its_square(phi, case):
    # Eq. (eq-one-step), also for a corner u
    theta, u, _, grad, lr = case
    new = mirror_step(theta, grad, lr, phi)
    new = new if phi is EUCLID else np.maximum(new, 1e-300)
    for point in (u, np.broadcast_to(np.eye(u.shape[1])[0], u.shape)):
        left = lr * dot(grad, theta - point)
        fall = bregman(point, theta, phi) - bregman(point, new, phi)
        assert (left <= fall + lr**2 * phi.dual_norm(grad) ** 2 / 2 + 1e-9).all()


def test_the_bounds_of_the_first_chapter_are_two_cases():
    # Eq. (eq-mirror-lr) against Eqs. (eq-eg-bound) and (eq-pgd-bound)
    for phi, enough, lr in [
        (ENTROPY, eg_bound, eg_bound_lr),
        (EUCLID, pgd_bound, pgd_bound_lr),
    ]:
        for k, steps, grad_max in [(2, 10, 1.0), (8, 1000, 0.5), (300, 77, 3.0)]:
            size, bound = mirror_bound(k, steps, phi, grad_max)
            assert size == pytest.approx(lr(k, steps, grad_max))
            assert enough(k, bound, grad_max) == pytest.approx(steps)


def signs(theta, rng):
    return rng.choice([-1.0, 1.0], theta.shape)


def chases(theta, rng):
    """Make the heaviest weight cost most."""
    return np.where(theta == theta.max(axis=-1, keepdims=True), 1.0, -1.0)


def sparse(theta, rng):
    x = signs(theta, rng)
    return (dot(theta, x)[:, None] - x[:, :1]) * x / 2


@MAPS
@pytest.mark.parametrize("oracle", [signs, chases, sparse])
@pytest.mark.parametrize("k", [2, 16, 128])
def test_no_sequence_of_gradients_breaks_the_bound(phi, oracle, k):
    # Eqs. (eq-mirror-bound) and (eq-mirror-lr), for the largest of 40 runs
    lr, bound = mirror_bound(k, 200, phi)
    assert regret(oracle, uniform(40, k), lr, 200, phi).max() <= bound


def test_the_bound_of_eg_is_nearly_reached_and_is_none_for_projected_descent():
    lr, bound = mirror_bound(256, 1000, ENTROPY)
    assert regret(signs, uniform(10, 256), lr, 1000, ENTROPY).mean() > 0.8 * bound
    lr, _ = mirror_bound(256, 1000, EUCLID)
    assert regret(sparse, uniform(10, 256), lr, 1000, EUCLID).min() > 1.5 * bound


def test_the_regret_is_that_of_a_slow_count():
    # Eq. (eq-regret)
    theta, lr = np.array([0.2, 0.3, 0.5]), 0.7
    grads = np.random.default_rng(3).standard_normal((6, 1, 3))
    left = iter(grads)
    got = regret(lambda theta, rng: next(left), theta[None], lr, 6, ENTROPY)
    gaps = []
    for grad in grads[:, 0]:
        gaps.append([grad @ (theta - corner) for corner in np.eye(3)])
        theta = theta * np.exp(-lr * grad)
        theta = theta / theta.sum()
    np.testing.assert_allclose(got, [np.mean(gaps, axis=0).max()])


def test_regret_bounds_the_gap_of_a_convex_loss():
    target = np.array([0.6, 0.4, 0.0])
    seen = []

    def oracle(theta, rng):
        seen.append(np.sum((theta - target) ** 2) / 2)
        return theta - target

    got = regret(oracle, uniform(1, 3), 0.3, 50, EUCLID)
    assert np.mean(seen) <= got[0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bregman([0.5, 0.5], [1.0, 0.0], ENTROPY), "weight is 0 at index (1,)"),
        (lambda: mirror_step([1, 0], [0, 1], 0.1, ENTROPY), "weights above 0"),
        (lambda: mirror_step([0.5, 0.5], [0, 1], 0, ENTROPY), "step size above 0"),
        (lambda: mirror_step([0.5, 0.5], [0.0], 0.1, EUCLID), "shape"),
        (lambda: bregman([1.0], [0.5, 0.5], EUCLID), "shape"),
        (lambda: mirror_bound(1, 10, EUCLID), "k is 1"),
        (lambda: mirror_bound(2, 0, EUCLID), "steps 0"),
    ],
)
def test_wrong_input_is_refused(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_projection_goes_back_from_anywhere():
    # The mirror of the squared length is the whole space.
    z = np.random.default_rng(0).normal(0, 5, (7, 4))
    np.testing.assert_array_equal(EUCLID.back(z), project(z))
