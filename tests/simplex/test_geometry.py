"""The simplex: its measures, and the projection against slower statements of it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gaea_mini.errors import InputError
from gaea_mini.simplex import entropy, kl, project, softmax, uniform

moderate = st.floats(-50, 50, allow_nan=False)
extreme = st.floats(-1e300, 1e300, allow_nan=False)


def arrays(elements, max_k=9):
    shapes = npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=max_k)
    return npst.arrays(np.float64, shapes, elements=elements)


def project_by_bisection(v):
    """Find tau with sum(max(v - tau, 0)) = 1 by halving an interval."""
    low, high = v.max() - 1.0, v.max()
    for _ in range(200):
        tau = (low + high) / 2
        if np.maximum(v - tau, 0).sum() > 1:
            low = tau
        else:
            high = tau
    return np.maximum(v - (low + high) / 2, 0)


def project_by_faces(v):
    """Try every face of the simplex: project on its plane, keep the nearest."""
    best, distance = None, np.inf
    for size in range(1, len(v) + 1):
        for face in itertools.combinations(range(len(v)), size):
            u = np.zeros_like(v)
            on = list(face)
            u[on] = v[on] - (v[on].sum() - 1) / size
            if u.min() >= 0 and np.sum((u - v) ** 2) < distance:
                best, distance = u, np.sum((u - v) ** 2)
    return best


@pytest.mark.parametrize("k", [1, 2, 4, 8, 1024])
def test_entropy_is_ln_k_at_the_centre_and_zero_at_a_corner(k):
    # Eq. (eq-entropy)
    assert entropy(uniform(3, k)) == pytest.approx(np.full(3, np.log(k)))
    assert entropy(np.eye(k)).tolist() == [0.0] * k
    assert not np.signbit(entropy(np.eye(k))).any()


@given(arrays(moderate))
def test_entropy_lies_between_zero_and_ln_k(alpha):
    # Eq. (eq-entropy)
    value = entropy(softmax(alpha))
    assert value.shape == alpha.shape[:-1]
    assert np.all(value >= 0) and np.all(value <= np.log(alpha.shape[-1]) + 1e-12)


@given(arrays(moderate), st.randoms(use_true_random=False))
def test_kl_is_never_negative_and_zero_only_for_equal_rows(alpha, random):
    # Eq. (eq-kl)
    p = softmax(alpha)
    q = softmax(alpha + random.uniform(0.1, 2) * np.arange(alpha.shape[-1]))
    assert np.all(kl(p, q) >= 0)
    assert np.all(kl(p, p) == 0)
    # Pinsker: half the squared l1 distance is a lower bound, so equality is special.
    assert np.all(kl(p, q) >= np.sum(np.abs(p - q), axis=-1) ** 2 / 2 - 1e-12)


def test_kl_from_the_centre_is_ln_k_less_the_entropy():
    # Eqs. (eq-kl) and (eq-entropy)
    p = np.array([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])
    assert kl(p, uniform(2, 3)) == pytest.approx(np.log(3) - entropy(p))
    assert kl([0.5, 0.5], [1.0, 0.0]) == np.inf


@given(arrays(extreme))
def test_softmax_and_project_give_rows_on_the_simplex_for_any_numbers(values):
    # Eqs. (eq-softmax) and (eq-project)
    for rows in (softmax(values), project(values)):
        assert rows.shape == values.shape
        assert np.all(rows >= 0)
        assert np.abs(rows.sum(axis=-1) - 1).max() < 1e-12


@given(arrays(moderate), moderate)
def test_softmax_and_project_ignore_a_constant(values, constant):
    # Eqs. (eq-softmax) and (eq-project)
    for function in (softmax, project):
        moved = function(values + constant)
        np.testing.assert_allclose(moved, function(values), atol=1e-12)


@given(arrays(moderate, max_k=7))
def test_project_agrees_with_bisection(values):
    # Eq. (eq-project)
    rows = project(values).reshape(-1, values.shape[-1])
    for row, v in zip(rows, values.reshape(-1, values.shape[-1]), strict=True):
        np.testing.assert_allclose(row, project_by_bisection(v), atol=1e-12)


@given(npst.arrays(np.float64, st.integers(1, 6), elements=st.floats(-2, 2)))
def test_project_agrees_with_the_search_over_all_faces(v):
    # Eq. (eq-project)
    np.testing.assert_allclose(project(v), project_by_faces(v), atol=1e-12)


def test_project_of_1024_numbers_satisfies_the_optimality_conditions():
    # Eq. (eq-project): one tau for all that is kept, and no dropped entry above it.
    v = np.random.default_rng(0).standard_normal((20, 1024))
    for row, value in zip(project(v), v, strict=True):
        tau = (value - row)[row > 0]
        assert np.ptp(tau) < 1e-12
        assert value[row == 0].max() <= tau.mean() + 1e-12


def test_project_keeps_points_that_are_there_and_makes_exact_zeros():
    theta = softmax(np.random.default_rng(1).standard_normal((50, 6)))
    np.testing.assert_allclose(project(theta), theta, atol=1e-15)
    assert project([3.0, 1.0, 0.0]).tolist() == [1.0, 0.0, 0.0]


def test_inputs_are_not_modified():
    v = np.array([[0.2, 0.9, -1.0]])
    kept = v.copy()
    project(v), softmax(v)
    assert (v == kept).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: entropy([[0.5, 0.5], [0.7, 0.7]]), ["row (1,)", "1.4", "divide"]),
        (lambda: entropy([1.5, -0.5]), ["-0.5", "(1,)", "project or softmax"]),
        (lambda: entropy([np.nan, 1.0]), ["nan", "(0,)", "finite"]),
        (lambda: kl([0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]), ["(2,)", "(3,)", "same shape"]),
        (lambda: project([[0.0, np.inf]]), ["inf", "(0, 1)", "finite"]),
        (lambda: softmax(3.0), ["shape ()", "(..., O)"]),
        (lambda: softmax("a b"), ["not an array of numbers"]),
        (lambda: uniform(3, 0), ["(3, 0)", "above 0"]),
    ],
)
def test_bad_input_gets_one_line_that_says_what_where_and_what_to_do(call, words):
    with pytest.raises(InputError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message
