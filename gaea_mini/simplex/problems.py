"""The convex problems of chapter 1.

Each problem works on rows, theta of shape (N, k), so that many runs move at once. It
draws the randomness of one step, gives the gradient for it, and says how far a row is
from the best weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from gaea_mini.simplex.geometry import FloatArray


class Problem(Protocol):
    """What a run asks of a loss on the simplex of size k."""

    @property
    def k(self) -> int: ...

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw the randomness of one step, shape (D,)."""
        ...

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give the gradient at theta (N, k) for draws (N, D); shape (N, k)."""
        ...

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give the loss at theta (N, k) above the best loss; shape (N,)."""
        ...


@dataclass(frozen=True)
class LeastSquares:
    r"""Predict a number from k signs of which only the first matters.

    Each step brings one new example: signs x in {-1, 1}^k and
    y = x_1 + noise * (standard normal). The loss is half the squared error, so that

    .. math:: g = (\langle \theta, x \rangle - y)\, x, \qquad
              f(\theta) - f^* = \tfrac12 \|\theta - e_1\|_2^2

    Eq. (eq-least-squares). The best weights are the corner e_1: a sparse target.

    Args:
        k: number of signs, and of weights.
        noise: standard deviation of the noise on y.
    """

    k: int
    noise: float = 0.1

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw one example: k signs, then y; shape (k + 1,)."""
        signs = 2.0 * rng.integers(0, 2, self.k) - 1.0
        return np.append(signs, signs[0] + self.noise * rng.standard_normal())

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give (prediction - y) x, row by row."""
        x, y = drawn[:, :-1], drawn[:, -1]
        # Eq. (eq-least-squares)
        return (np.sum(theta * x, axis=-1) - y)[:, None] * x

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give half the squared distance to e_1, the mean loss above the best."""
        return (np.sum(theta**2, axis=-1) - 2 * theta[:, 0] + 1) / 2


@dataclass(frozen=True)
class LinearLoss:
    r"""Give each weight a fixed cost; the loss is the mean cost.

    .. math:: f(\theta) = \langle c, \theta \rangle, \qquad g = c

    Eq. (eq-linear-loss). The best weights are the corner of the cheapest entry.

    Args:
        costs: one cost per weight.
    """

    costs: tuple[float, ...]

    @property
    def k(self) -> int:
        return len(self.costs)

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw nothing: the costs never change."""
        return np.empty(0)

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give the costs, in every row."""
        # Eq. (eq-linear-loss)
        return np.broadcast_to(np.array(self.costs, dtype=np.float64), theta.shape)

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give the mean of the costs above the smallest cost."""
        return theta @ (np.array(self.costs) - min(self.costs))


@dataclass(frozen=True)
class Quadratic:
    r"""Least squares on fixed examples without noise: the full gradient, every step.

    .. math:: f(\theta) = \frac{1}{2n} \|A (\theta - \theta^*)\|_2^2

    Eq. (eq-quadratic). A is an n by k matrix of random signs and theta^* has three
    weights above 0. Here projected gradient descent wins.

    Args:
        k: number of weights, at least 3.
        examples: n, the number of rows of A.
        seed: draws A and theta^*.
    """

    k: int
    examples: int
    seed: int

    @cached_property
    def data(self) -> tuple[FloatArray, FloatArray]:
        """The matrix A, shape (n, k), and the target theta^*, shape (k,)."""
        rng = np.random.default_rng(self.seed)
        target = np.zeros(self.k)
        target[:3] = rng.dirichlet(np.ones(3))
        signs = rng.integers(0, 2, (self.examples, self.k)).astype(np.float64)
        return 2 * signs - 1, target

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw nothing: the examples never change."""
        return np.empty(0)

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give A'A (theta - theta^*) / n, row by row."""
        matrix, target = self.data
        return (theta - target) @ matrix.T @ matrix / self.examples

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give the loss; the best loss is 0."""
        matrix, target = self.data
        # Eq. (eq-quadratic)
        return np.mean(((theta - target) @ matrix.T) ** 2, axis=-1) / 2
