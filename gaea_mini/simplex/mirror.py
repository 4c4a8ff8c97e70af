"""Mirror descent: one step and one distance for every mirror map (chapter 2).

A mirror map phi is a strictly convex function on the simplex. It measures distance by
its Bregman divergence, and the short step for that distance is the mirror step. The
negative entropy gives EG, half the squared length gives projected gradient descent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
    uniform,
)


@dataclass(frozen=True)
class MirrorMap:
    r"""A mirror map on the simplex, 1-strongly convex in some norm.

    Every function works on the last axis of an array of shape (..., O).

    Args:
        name: what messages and figures call it.
        value: phi(u), shape (...).
        gradient: the way into the mirror, grad phi(v), same shape as v.
        back: the way back onto the simplex,
            :math:`z \mapsto \arg\min_{u \in \Delta} \varphi(u) - \langle z, u \rangle`.
        dual_norm: the size of a gradient that belongs to the norm, shape (...).
    """

    name: str
    value: Callable[[FloatArray], FloatArray]
    gradient: Callable[[FloatArray], FloatArray]
    back: Callable[[FloatArray], FloatArray]
    dual_norm: Callable[[FloatArray], FloatArray]


def _entropy_value(u: FloatArray) -> FloatArray:
    return np.sum(u * np.log(np.where(u > 0, u, 1.0)), axis=-1)


def _entropy_gradient(v: FloatArray) -> FloatArray:
    if not (v > 0).all():
        index = tuple(int(i) for i in np.argwhere(v <= 0)[0])
        raise InputError(
            f"negative entropy: weight is {v[index]:g} at index {index}, where its "
            "gradient is not finite: give weights above 0"
        )
    return np.log(v) + 1


# Eq. (eq-maps)
ENTROPY = MirrorMap(
    name="negative entropy",
    value=_entropy_value,
    gradient=_entropy_gradient,
    back=softmax,
    dual_norm=lambda g: np.abs(g).max(axis=-1),
)
EUCLID = MirrorMap(
    name="squared length",
    value=lambda u: np.sum(u**2, axis=-1) / 2,
    gradient=lambda v: v,
    back=project,
    dual_norm=lambda g: np.sqrt(np.sum(g**2, axis=-1)),
)


def bregman(u: ArrayLike, v: ArrayLike, phi: MirrorMap) -> FloatArray:
    r"""Measure how far u lies above the tangent of phi at v.

    .. math:: D_\varphi(u \,\|\, v) = \varphi(u) - \varphi(v)
              - \langle \nabla\varphi(v), u - v \rangle

    Eq. (eq-bregman). It is never negative, and 0 only where u = v. For the negative
    entropy it is the Kullback-Leibler divergence, for half the squared length half the
    squared distance.

    Args:
        u: weights, shape (..., O), rows on the simplex.
        v: weights, the same shape; all above 0 for the negative entropy.
        phi: the mirror map.

    Returns:
        Divergence per row, shape (...).

    Raises:
        InputError: a row is not on the simplex, the shapes differ, or phi has no
            gradient at v.

    >>> bregman([1.0, 0.0], [0.5, 0.5], ENTROPY).round(4)
    np.float64(0.6931)
    >>> bregman([1.0, 0.0], [0.5, 0.5], EUCLID)
    np.float64(0.25)
    """
    u, v = check_rows(u, "bregman: u"), check_rows(v, "bregman: v")
    check_same_shape(u, v, "bregman: u", "v")
    # Eq. (eq-bregman)
    return phi.value(u) - phi.value(v) - np.sum(phi.gradient(v) * (u - v), axis=-1)


def mirror_step(
    theta: ArrayLike, grad: ArrayLike, lr: ArrayLike, phi: MirrorMap
) -> FloatArray:
    r"""Into the mirror, subtract the gradient there, and back onto the simplex.

    .. math:: \theta' = \arg\min_{u \in \Delta}\ \langle g, u \rangle
              + \tfrac{1}{\eta} D_\varphi(u \,\|\, \theta)

    Eq. (eq-mirror-step), computed as Eq. (eq-mirror-back) (Nemirovski and Yudin 1983;
    Beck and Teboulle 2003). With ``ENTROPY`` it is ``eg_step``, with ``EUCLID`` it is
    ``projected_step``.

    Args:
        theta: weights, shape (..., O), rows on the simplex; all above 0 for the
            negative entropy.
        grad: gradient with respect to theta, same shape, finite.
        lr: step size eta, above 0: a number, or an array of shape (..., 1).
        phi: the mirror map.

    Returns:
        New weights, same shape; rows sum to 1.

    Raises:
        InputError: a row is not on the simplex, the gradient is not finite or has
            another shape, lr is not above 0, or phi has no gradient at theta.

    >>> mirror_step([0.5, 0.5], grad=[0.0, 1.0], lr=np.log(3.0), phi=ENTROPY)
    array([0.75, 0.25])
    >>> mirror_step([0.5, 0.5], grad=[0.0, 1.0], lr=0.5, phi=EUCLID)
    array([0.75, 0.25])
    """
    theta = check_rows(theta, "mirror_step: theta")
    grad = check_finite(grad, "mirror_step: grad")
    check_same_shape(grad, theta, "mirror_step: grad", "the weights")
    lr = check_lr(lr, "mirror_step: lr")
    # Eq. (eq-mirror-back)
    return phi.back(phi.gradient(theta) - lr * grad)


def mirror_bound(
    k: int, steps: int, phi: MirrorMap, grad_max: float = 1.0
) -> tuple[float, float]:
    r"""Give the step size for T steps from equal weights, and the bound it brings.

    .. math:: \eta = \sqrt{2 R / T} \,/\, G_*, \qquad
              \text{mean gap} \le G_* \sqrt{2 R / T}

    Eq. (eq-mirror-lr). R is the divergence of a corner from the centre, and G_* the
    dual norm of a gradient with all entries G. For the two maps of this file these are
    the bounds of chapter 1, Eqs. (eq-eg-bound) and (eq-pgd-bound).

    Args:
        k: number of weights, at least 2.
        steps: T, at least 1.
        phi: the mirror map.
        grad_max: G, the largest size of a gradient entry, above 0.

    Returns:
        The step size and the bound.

    Raises:
        InputError: an argument is out of range.

    >>> lr, bound = mirror_bound(4, steps=1109, phi=ENTROPY)
    >>> round(bound, 4)
    0.05
    """
    if k < 2 or steps < 1 or not grad_max > 0:
        raise InputError(
            f"mirror_bound: k is {k}, steps {steps}, grad_max {grad_max}: give k of at "
            "least 2, steps of at least 1 and grad_max above 0"
        )
    radius = float(bregman(np.eye(k)[0], uniform(k), phi))
    size = grad_max * float(phi.dual_norm(np.ones(k)))
    # Eq. (eq-mirror-lr)
    root = math.sqrt(2 * radius / steps)
    return root / size, size * root


def regret(
    oracle: Callable[[FloatArray, np.random.Generator], FloatArray],
    theta: ArrayLike,
    lr: float,
    steps: int,
    phi: MirrorMap,
    seed: int = 0,
) -> FloatArray:
    r"""Run mirror descent and give its mean linear gap to the best fixed point.

    .. math:: \max_{u \in \Delta}\ \frac1T \sum_{t} \langle g_t, \theta_t - u \rangle

    Eq. (eq-regret). For a convex loss it is at least the mean gap. The gradients may
    come from anywhere.

    Args:
        oracle: oracle(theta, rng) gives the gradients at theta, both (S, O).
        theta: the start of S runs, shape (S, O), rows on the simplex.
        lr: step size eta, above 0.
        steps: T, at least 1.
        phi: the mirror map.
        seed: seeds the generator that the oracle is given.

    Returns:
        The regret of each run, shape (S,).

    Raises:
        InputError: as ``mirror_step``.
    """
    rng = np.random.default_rng(seed)
    theta = check_rows(theta, "regret: theta")
    paid, total = np.zeros(len(theta)), np.zeros_like(theta)
    for _ in range(steps):
        grad = oracle(theta, rng)
        paid += np.sum(grad * theta, axis=-1)
        total += grad
        theta = mirror_step(theta, grad, lr, phi)
    # Eq. (eq-regret); the best fixed point is a corner, since the sum is linear in u.
    return (paid - total.min(axis=-1)) / steps
