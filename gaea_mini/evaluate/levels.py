"""One edge on which the single-level and the bilevel problem can be solved exactly.

Operation o can explain one part of the target. How much of it there is gets estimated
from the training pictures and again from the validation pictures; the two estimates
differ by noise. An operation that fits noise well has noisy estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gaea_mini.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TwoSamples:
    """A mixed edge, seen through training and through validation pictures.

    Args:
      train: a, what each operation explains in the training pictures, (..., O).
      validation: v, the same in the validation pictures.
      decay: lambda, the weight decay of w.

    >>> toy = TwoSamples((1.0, 1.3), (1.0, 0.2), decay=0.3)
    >>> toy.weights((0.5, 0.5)).round(3).tolist()
    [0.909, 1.182]
    """

    train: ArrayLike
    validation: ArrayLike
    decay: float

    def __post_init__(self) -> None:
        shapes = np.shape(self.train), np.shape(self.validation)
        if shapes[0] != shapes[1] or not self.decay > 0:
            raise InputError(
                f"TwoSamples: shapes {shapes[0]} and {shapes[1]}, decay {self.decay}; "
                "give one shape and a decay above 0"
            )

    @property
    def _a(self) -> Array:
        return np.asarray(self.train, dtype=np.float64)

    @property
    def _v(self) -> Array:
        return np.asarray(self.validation, dtype=np.float64)

    def weights(self, theta: ArrayLike) -> Array:
        """The weights that minimise the training loss with decay, (..., O)."""
        t = np.asarray(theta, dtype=np.float64)
        # Eq. (eq-inner-weights)
        return self._a * t / (t**2 + self.decay)

    def training(self, theta: ArrayLike) -> Array:
        """What the single-level problem minimises, with the best weights put in."""
        t = np.asarray(theta, dtype=np.float64)
        # Eq. (eq-single-toy)
        each = self._a**2 * self.decay / (t**2 + self.decay)
        return np.asarray(each.sum(axis=-1) / 2)

    def validating(self, theta: ArrayLike) -> Array:
        """What the bilevel problem minimises, with the best weights put in."""
        t = np.asarray(theta, dtype=np.float64)
        # Eq. (eq-bilevel-toy)
        each = (self._v - t * self.weights(t)) ** 2
        return np.asarray(each.sum(axis=-1) / 2)

    def first_order(self, theta: ArrayLike) -> Array:
        """Slope of the validation loss in theta with the weights held, (..., O)."""
        t = np.asarray(theta, dtype=np.float64)
        w = self.weights(t)
        return -(self._v - t * w) * w

    def slope(self, theta: ArrayLike) -> Array:
        """Slope of the validation loss in theta when the weights follow, (..., O)."""
        t = np.asarray(theta, dtype=np.float64)
        # Eq. (eq-first-order)
        return self.first_order(t) * 2 * self.decay / (t**2 + self.decay)


def edge_grid(points: int = 401) -> Array:
    """Theta of an edge with two operations, from the second to the first, (N, 2)."""
    first = np.linspace(0, 1, points)
    return np.stack([first, 1 - first], axis=1)


class Picks(NamedTuple):
    """How often each problem's theta is heaviest on the better operation."""

    single_level: float
    bilevel: float


def right_picks(
    noise: Sequence[float],
    truth: Sequence[float] = (1.0, 0.8),
    decay: float = 0.2,
    draws: int = 2000,
    seed: int = 0,
) -> Picks:
    """Solve both problems on many random samples, Eq. (eq-halves).

    All pictures give an estimate with this noise. Each half gives one whose noise is
    larger by the root of 2; the mean of the halves is the estimate from all.

    Args:
      noise: standard deviation for each of the two operations.
      truth: what each operation really explains; the first has to be the larger.
      draws: samples.
      seed: of the noise.

    Raises:
      InputError: not two operations, or the first is not the better one.
    """
    if len(noise) != 2 or len(truth) != 2 or not truth[0] > truth[1]:
        raise InputError(
            f"truth {tuple(truth)}, noise {tuple(noise)}: two each, best first"
        )
    rng = np.random.default_rng(seed)
    # Eq. (eq-halves)
    halves = np.array(truth) + np.sqrt(2) * np.array(noise) * rng.standard_normal(
        (2, draws, 1, 2)
    )
    whole = halves.mean(axis=0)
    theta = edge_grid(201)
    single = TwoSamples(whole, whole, decay).training(theta).argmin(axis=-1)
    bilevel = TwoSamples(halves[0], halves[1], decay).validating(theta).argmin(axis=-1)
    right = theta[:, 0] > 0.5
    return Picks(float(right[single].mean()), float(right[bilevel].mean()))
