"""A search without convexity: one weight, one edge, and how far from stationary.

The problem, the algorithm and the measure of chapter 3. Everything works on S runs at
once: w has shape (S,), theta has shape (S, O).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.simplex.geometry import FloatArray, kl
from gaea_mini.simplex.steps import eg_step

# How much of the distance must be added to the loss of ``Valleys`` to make it convex.
GAMMA = 2 / math.e


@dataclass(frozen=True)
class Valleys:
    r"""A supernet with one weight w and one edge: each operation has its own best w.

    .. math:: f(w, \theta) = \sum_o \theta_o \ell_o(w), \qquad
              \ell_o(w) = 1 - e^{-(w - c_o)^2 / 2}

    Eq. (eq-toy). It is between 0 and 1, and not convex.

    Args:
        centres: c_o, one for each operation.
        noise: a gradient entry is off by this much, up or down with equal chance.
    """

    centres: tuple[float, ...]
    noise: float = 0.3

    def losses(self, w: FloatArray) -> FloatArray:
        """Give each operation's loss at w, shape (S, O): the gradient by theta."""
        # Eq. (eq-toy)
        return 1 - np.exp(-((w[..., None] - np.array(self.centres)) ** 2) / 2)

    def slopes(self, w: FloatArray) -> FloatArray:
        """Give the derivative of each operation's loss by w, shape (S, O)."""
        return (w[..., None] - np.array(self.centres)) * (1 - self.losses(w))

    def value(self, w: FloatArray, theta: FloatArray) -> FloatArray:
        """Give the loss, shape (S,)."""
        return np.sum(theta * self.losses(w), axis=-1)

    def gradient(
        self, w: FloatArray, theta: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Give a noisy gradient by w, shape (S,), and by theta, shape (S, O)."""
        noise = self.noise * (2 * rng.integers(0, 2, (theta.shape[1] + 1, len(w))) - 1)
        by_w = np.sum(theta * self.slopes(w), axis=-1)
        return by_w + noise[0], self.losses(w) + noise[1:].T

    @property
    def gradient_bound(self) -> float:
        """Give G_w^2 + G_theta^2: no slope exceeds exp(-1/2), no loss exceeds 1."""
        return math.exp(-1) + self.noise**2 + (1 + self.noise) ** 2


class Descent(NamedTuple):
    """Where S runs of ``descend`` ended, and one iterate of each, drawn at random."""

    w: FloatArray
    theta: FloatArray
    random_w: FloatArray
    random_theta: FloatArray


def descend(
    problem: Valleys,
    w: FloatArray,
    theta: FloatArray,
    lr: float,
    steps: int,
    seed: int = 0,
    in_turn: bool = False,
) -> Descent:
    """Move one block at a time: theta by EG, or w by gradient descent.

    Eq. (eq-blocks). The block is drawn by a fair coin, for each run and step.

    Args:
        problem: the loss and its noisy gradient.
        w: start, shape (S,).
        theta: start, shape (S, O), rows on the simplex.
        lr: step size eta of both blocks, above 0.
        steps: T, at least 1.
        seed: draws coins, noise and the random iterate.
        in_turn: theta first, then w, and so on: what a search does in practice.

    Returns:
        The last iterates, and one of the first T iterates of each run.

    Raises:
        InputError: lr or steps is out of range, or a row is not on the simplex.
    """
    if steps < 1:
        raise InputError(f"descend: steps is {steps}: give at least 1")
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, steps, len(w))
    random_w, random_theta = w, theta
    for step in range(steps):
        now = chosen == step
        random_w = np.where(now, w, random_w)
        random_theta = np.where(now[:, None], theta, random_theta)
        coin = np.full(len(w), step % 2) if in_turn else rng.integers(0, 2, len(w))
        by_w, by_theta = problem.gradient(w, theta, rng)
        # Eq. (eq-blocks)
        w, theta = (
            np.where(coin == 1, w - lr * by_w, w),
            np.where(coin[:, None] == 0, eg_step(theta, by_theta, lr), theta),
        )
    return Descent(w, theta, random_w, random_theta)


def prox(
    problem: Valleys, w: FloatArray, theta: FloatArray, lam: float
) -> tuple[FloatArray, FloatArray]:
    r"""Minimise loss plus distance from (w, theta), exactly.

    .. math:: \arg\min_{u, q}\ f(u, q) + \tfrac{1}{\lambda} \bigl(
              \tfrac12 (u - w)^2 + \mathrm{KL}(q \,\|\, \theta) \bigr)

    Eq. (eq-prox). For a given u the best q is proportional to
    theta exp(-lam losses(u)); what is left is convex in u, and its slope, Eq.
    (eq-prox-slope), is brought to 0 by halving an interval.

    Args:
        problem: the loss.
        w: shape (S,).
        theta: shape (S, O), rows on the simplex.
        lam: lambda, above 0 and below 1 / GAMMA, so that there is one minimum.

    Returns:
        u, shape (S,), and q, shape (S, O).

    Raises:
        InputError: lam is out of range.
    """
    if not 0 < lam < 1 / GAMMA:
        raise InputError(f"prox: lam is {lam}: give one above 0 and below e / 2")

    def weights(u: FloatArray) -> FloatArray:
        return eg_step(theta, problem.losses(u), lam)

    # No slope of a loss exceeds exp(-1/2), so u cannot be further away than this.
    reach = lam * math.exp(-0.5)
    low, high = w - reach, w + reach
    for _ in range(50):
        u = (low + high) / 2
        # Eq. (eq-prox-slope)
        slope = u - w + lam * np.sum(weights(u) * problem.slopes(u), axis=-1)
        low, high = np.where(slope < 0, u, low), np.where(slope < 0, high, u)
    u = (low + high) / 2
    return u, weights(u)


def stationarity(
    problem: Valleys, w: FloatArray, theta: FloatArray, gamma: float = GAMMA
) -> FloatArray:
    r"""Measure how far (w, theta) is from stationary, like a squared gradient.

    .. math:: \Delta(x) = \frac{D(\hat x \,\|\, x) + D(x \,\|\, \hat x)}{\lambda^2},
              \qquad \lambda = \frac{1}{2 \gamma}

    Eq. (eq-delta), with x = (w, theta), its ``prox``, and D on both blocks,
    Eq. (eq-two-distances).

    Args:
        problem: the loss.
        w: shape (S,).
        theta: shape (S, O), rows on the simplex, all above 0.
        gamma: at least the constant of Eq. (eq-relative), for ``Valleys`` ``GAMMA``.

    Returns:
        Delta, shape (S,).

    Raises:
        InputError: gamma is so small that the prox need not be unique.
    """
    lam = 1 / (2 * gamma)
    u, q = prox(problem, w, theta, lam)
    # Eq. (eq-delta)
    return ((u - w) ** 2 + kl(q, theta) + kl(theta, q)) / lam**2


def gamma_needed(problem: Valleys, w: FloatArray, theta: FloatArray) -> FloatArray:
    r"""Give the smallest gamma that makes f + gamma * distance convex at one point.

    .. math:: \tfrac12 \bigl( \sqrt{m^2 + 4V} - m \bigr)

    Eq. (eq-gamma-needed), with m the mean of the second derivatives of the losses by w
    and V the variance of the first, both under theta. It never exceeds ``GAMMA``.

    Args:
        problem: the loss.
        w: shape (S,).
        theta: shape (S, O), rows on the simplex.

    Returns:
        The smallest gamma at each point, shape (S,).
    """
    slopes, good = problem.slopes(w), 1 - problem.losses(w)
    bends = good - slopes * (w[..., None] - np.array(problem.centres))
    mean = np.sum(theta * bends, axis=-1)
    centred = slopes - np.sum(theta * slopes, axis=-1, keepdims=True)
    variance = np.sum(theta * centred**2, axis=-1)
    # Eq. (eq-gamma-needed)
    return (np.sqrt(mean**2 + 4 * variance) - mean) / 2


def stationarity_bound(
    start: float, gamma: float, gradient_bound: float, steps: int
) -> float:
    r"""Give what the mean of Delta cannot exceed, as the paper states it.

    .. math:: 4 \sqrt{\gamma F (G_w^2 + G_\theta^2) / T}

    Eq. (eq-stationary-bound), Theorem 1 of the GAEA paper (Li et al. 2021).

    Args:
        start: F, the loss at the start, where the smallest loss is at least 0.
        gamma: the constant of Eq. (eq-relative).
        gradient_bound: G_w^2 + G_theta^2.
        steps: T.

    >>> round(stationarity_bound(0.5, gamma=1.0, gradient_bound=2.0, steps=100), 6)
    0.4
    """
    # Eq. (eq-stationary-bound)
    return 4 * math.sqrt(gamma * start * gradient_bound / steps)


def stationarity_lr(
    start: float, gamma: float, gradient_bound: float, steps: int
) -> float:
    """Give the constant step size of that theorem, Eq. (eq-stationary-lr)."""
    # Eq. (eq-stationary-lr)
    return math.sqrt(4 * start / (gamma * gradient_bound * steps))


def proved_bound(
    start: float, gamma: float, gradient_bound: float, steps: int, lr: float
) -> float:
    r"""Give the bound that chapter 3 proves, for any constant step size.

    .. math:: \frac{4F}{\eta T} + 2 \gamma \eta\, (G_w^2 + G_\theta^2)

    Eq. (eq-stationary-proved). At the step size of the paper it is 3/2 of
    ``stationarity_bound``. Arguments as there.
    """
    # Eq. (eq-stationary-proved)
    return 4 * start / (lr * steps) + 2 * gamma * lr * gradient_bound
