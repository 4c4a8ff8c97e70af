"""One step on the simplex, three ways: multiply, subtract and project, or logits.

All three take the gradient with respect to the weights theta and work on every row
of an array of shape (..., O). They return a new array and keep no state, so they can
be called from a loop, a test or an optimiser alike. The chapter
``multiply_or_subtract`` compares them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gaea_mini.errors import InputError
from gaea_mini.simplex.geometry import (
    FloatArray,
    check_finite,
    check_lr,
    check_rows,
    check_same_shape,
    project,
    softmax,
)


def eg_step(
    theta: ArrayLike, grad: ArrayLike, lr: ArrayLike, floor: float = 0.0
) -> FloatArray:
    r"""Multiply each weight by the exponential of minus its gradient, and normalise.

    .. math:: \theta'_o = \frac{\theta_o e^{-\eta g_o}}{\sum_j \theta_j e^{-\eta g_j}}

    Eq. (eq-eg-step): exponentiated gradient (Kivinen and Warmuth 1997), and Eq. (8) of
    the GAEA paper (Li et al. 2021). Adding a constant to a row of the gradient changes
    nothing. The step is computed with logarithms, so that no gradient overflows.

    With a floor, every weight below it is lifted to it and the row is divided by its
    sum again, Eq. (eq-floor), so that a weight that has vanished can return. GAEA's
    released code clamps to 1e-5 before it divides by the sum
    (liamcli/gaea_release, cnn/architect/architect_edarts.py). Here the row is also
    normalised before the clamp, which keeps the step unchanged by a constant in the
    gradient; at the published step of 0.1 the two agree closely.

    Args:
        theta: weights, shape (..., O), rows on the simplex.
        grad: gradient with respect to theta (not to logits), same shape, finite.
        lr: step size eta, above 0: a number, or an array of shape (..., 1) with one
            step size per row.
        floor: 0 (none) or a weight below 1 / O; GAEA uses 1e-5.

    Returns:
        New weights, same shape. Rows sum to 1; with a floor no weight is below
        floor / (1 + O floor). Without one, weights may underflow to exactly 0.

    Raises:
        InputError: a row is not on the simplex, the gradient is not finite or has
            another shape, lr is not above 0, or the floor is out of range.

    >>> eg_step([0.5, 0.5], grad=[0.0, 1.0], lr=np.log(3.0))
    array([0.75, 0.25])
    >>> eg_step([0.5, 0.5], grad=[-1e6, 1e6], lr=0.1, floor=1e-5).round(6)
    array([9.9999e-01, 1.0000e-05])
    """
    theta = check_rows(theta, "eg_step: theta")
    grad = _check_grad(grad, theta, "eg_step")
    lr = check_lr(lr, "eg_step: lr")
    if not 0 <= floor < 1 / theta.shape[-1]:
        raise InputError(
            f"eg_step: floor is {floor} for rows of {theta.shape[-1]}: give 0, or a "
            f"weight below {1 / theta.shape[-1]:.4g} such as 1e-5"
        )
    alive = theta > 0
    best = np.min(grad, axis=-1, keepdims=True, where=alive, initial=np.inf)
    with np.errstate(all="ignore"):
        # Eq. (eq-eg-step), with logarithms; 0 stays 0.
        power = np.where(alive, np.log(theta) - lr * (grad - best), -np.inf)
        new = np.exp(power - power.max(axis=-1, keepdims=True))
    new /= new.sum(axis=-1, keepdims=True)
    if floor > 0:
        # Eq. (eq-floor)
        new = np.maximum(new, floor)
        new /= new.sum(axis=-1, keepdims=True)
    return new


def projected_step(theta: ArrayLike, grad: ArrayLike, lr: ArrayLike) -> FloatArray:
    r"""Subtract the gradient and go to the nearest point of the simplex.

    .. math:: \theta' = \Pi(\theta - \eta g)

    Eq. (eq-projected-step): projected gradient descent, with the projection of
    Eq. (eq-project). Adding a constant to a row of the gradient changes nothing.

    Args:
        theta: weights, shape (..., O), rows on the simplex.
        grad: gradient with respect to theta, same shape, finite.
        lr: step size eta, above 0: a number, or an array of shape (..., 1).

    Returns:
        New weights, same shape; rows sum to 1, and many entries may be exactly 0.

    Raises:
        InputError: a row is not on the simplex, the gradient is not finite or has
            another shape, or lr is not above 0.

    >>> projected_step([0.5, 0.5], grad=[0.0, 1.0], lr=0.5)
    array([0.75, 0.25])
    """
    theta = check_rows(theta, "projected_step: theta")
    grad = _check_grad(grad, theta, "projected_step")
    lr = check_lr(lr, "projected_step: lr")
    with np.errstate(over="ignore"):
        moved = theta - lr * (grad - grad.min(axis=-1, keepdims=True))
    # Eq. (eq-projected-step); an overflow to -inf is far below the largest entry.
    return project(np.maximum(moved, -1.0))


def logit_step(alpha: ArrayLike, grad: ArrayLike, lr: ArrayLike) -> FloatArray:
    r"""Take one gradient step on the logits whose softmax is theta.

    .. math:: \alpha'_o = \alpha_o - \eta\, \theta_o (g_o - \langle \theta, g\rangle),
              \qquad \theta = \mathrm{softmax}(\alpha)

    Eq. (eq-logit-step): what DARTS optimises (Liu et al. 2019), with plain gradient
    descent. The factor theta_o comes from the derivative of the softmax; it is why
    the step fades where a weight is near 0. Leaving it out gives Eq. (eq-eg-step).

    Args:
        alpha: logits, shape (..., O), finite.
        grad: gradient with respect to theta = softmax(alpha) (not to alpha), same
            shape, finite.
        lr: step size eta, above 0: a number, or an array of shape (..., 1).

    Returns:
        New logits, same shape. Use ``softmax`` to read the weights.

    Raises:
        InputError: a logit or gradient is not finite, the shapes differ, or lr is
            not above 0.

    >>> logit_step([0.0, 0.0], grad=[0.0, 1.0], lr=1.0)
    array([ 0.25, -0.25])
    """
    alpha = check_finite(alpha, "logit_step: alpha")
    grad = _check_grad(grad, alpha, "logit_step")
    lr = check_lr(lr, "logit_step: lr")
    theta = softmax(alpha)
    mean = np.sum(theta * grad, axis=-1, keepdims=True)
    # Eq. (eq-logit-step)
    return alpha - lr * theta * (grad - mean)


def _check_grad(grad: ArrayLike, theta: FloatArray, name: str) -> FloatArray:
    grad = check_finite(grad, f"{name}: grad")
    check_same_shape(grad, theta, f"{name}: grad", "the weights")
    return grad
