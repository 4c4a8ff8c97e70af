"""Points of the simplex: entropy, divergence, and two ways to reach it.

A row of weights is a point of the simplex: no weight is negative and the row sums
to 1 (Eq. (eq-simplex) of the chapter ``multiply_or_subtract``). Every function works
on the last axis of an array of shape (..., O), so that one call serves one row or
all edges of a cell. Nothing is modified in place, and only NumPy is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gaea_mini.errors import InputError

FloatArray = NDArray[np.float64]

# How far a row may be from summing to 1. A float32 supernet keeps its rows within
# about 1e-6, and a recorded row is rounded to 4 decimals per weight.
ROW_TOLERANCE = 1e-3


def uniform(*shape: int) -> FloatArray:
    r"""Give equal weights: every row is the centre of the simplex.

    Args:
        shape: the shape (..., O), as separate numbers; O is the row length.

    Returns:
        Array of that shape, every entry 1 / O.

    Raises:
        InputError: no shape, or a length below 1.

    >>> uniform(2, 4)
    array([[0.25, 0.25, 0.25, 0.25],
           [0.25, 0.25, 0.25, 0.25]])
    """
    if not shape or min(shape) < 1:
        raise InputError(f"uniform: shape {shape}: give at least one length above 0")
    return np.full(shape, 1.0 / shape[-1])


def entropy(theta: ArrayLike) -> FloatArray:
    r"""Measure how spread each row is, in nats.

    .. math:: H(\theta) = -\sum_o \theta_o \ln \theta_o

    Eq. (eq-entropy). It is ln O at the centre and 0 at a corner; 0 ln 0 counts as 0.

    Args:
        theta: weights, shape (..., O), rows on the simplex.

    Returns:
        Entropy per row in nats, shape (...).

    Raises:
        InputError: a row is not on the simplex.

    >>> entropy([[0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0]]).round(4)
    array([1.3863, 0.    ])
    """
    rows = check_rows(theta, "entropy: theta")
    # Eq. (eq-entropy); "+ 0.0" turns the -0.0 of a corner into 0.0.
    return -np.sum(rows * np.log(np.where(rows > 0, rows, 1.0)), axis=-1) + 0.0


def kl(p: ArrayLike, q: ArrayLike) -> FloatArray:
    r"""Measure how far q is from p, in nats (Kullback-Leibler divergence).

    .. math:: \mathrm{KL}(p \,\|\, q) = \sum_o p_o \ln \frac{p_o}{q_o}

    Eq. (eq-kl). It is never negative, and infinite where q gives weight 0 to
    something that p uses.

    Args:
        p: weights, shape (..., O), rows on the simplex.
        q: weights, the same shape.

    Returns:
        Divergence per row in nats, shape (...).

    Raises:
        InputError: a row is not on the simplex, or the shapes differ.

    >>> kl([1.0, 0.0], [0.5, 0.5]).round(4)
    np.float64(0.6931)
    """
    rows, base = check_rows(p, "kl: p"), check_rows(q, "kl: q")
    check_same_shape(rows, base, "kl: p", "q")
    used = rows > 0
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(used, rows, 1.0)) - np.log(np.where(used, base, 1.0))
    # Eq. (eq-kl); rounding can leave -1e-17 where p equals q.
    return np.maximum(np.sum(np.where(used, rows * ratio, 0.0), axis=-1), 0.0)


def softmax(alpha: ArrayLike) -> FloatArray:
    r"""Turn logits into weights.

    .. math:: \mathrm{softmax}(\alpha)_o = e^{\alpha_o} / \sum_j e^{\alpha_j}

    Eq. (eq-softmax). The largest logit is subtracted first: it changes nothing in
    exact arithmetic and keeps the exponential from overflowing.

    Args:
        alpha: logits, shape (..., O), finite.

    Returns:
        Weights, same shape; rows sum to 1.

    Raises:
        InputError: a logit is NaN or infinite.

    >>> softmax([0.0, np.log(3.0)])
    array([0.25, 0.75])
    """
    logits = check_finite(alpha, "softmax: alpha")
    with np.errstate(over="ignore", under="ignore"):
        # Eq. (eq-softmax)
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return weights / weights.sum(axis=-1, keepdims=True)


def project(points: ArrayLike) -> FloatArray:
    r"""Move each row to the nearest point of the simplex (Euclidean distance).

    .. math:: \Pi(v) = \arg\min_{u \in \Delta} \|u - v\|_2^2 = \max(v - \tau, 0)

    Eq. (eq-project). One number tau is taken from every entry and what falls below
    0 becomes 0; tau is found by sorting the row (Held, Wolfe and Crowder 1974; Duchi
    et al. 2008, Figure 1). Work: O log O per row.

    Args:
        points: shape (..., O), any finite numbers.

    Returns:
        Weights, same shape; rows sum to 1, and many entries may be exactly 0.

    Raises:
        InputError: an entry is NaN or infinite.

    >>> project([0.5, 0.25, 0.25])  # already there
    array([0.5 , 0.25, 0.25])
    >>> project([0.9, 0.5, -0.4])
    array([0.7, 0.3, 0. ])
    """
    rows = check_finite(points, "project: points")
    with np.errstate(over="ignore"):
        # The result is the same for v + c. An entry more than 1 below the largest
        # one always becomes 0, so clipping there loses nothing, and large numbers
        # lose no digits.
        rows = np.maximum(rows - rows.max(axis=-1, keepdims=True), -1.0)
    falling = np.sort(rows, axis=-1)[..., ::-1]
    excess = np.cumsum(falling, axis=-1) - 1.0
    count = np.arange(1, rows.shape[-1] + 1)
    support = np.sum(falling * count > excess, axis=-1, keepdims=True)
    tau = np.take_along_axis(excess, support - 1, axis=-1) / support
    # Eq. (eq-project)
    return np.maximum(rows - tau, 0.0)


def check_finite(values: ArrayLike, name: str) -> FloatArray:
    """Return values as float64, or raise InputError naming the first bad entry."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array of numbers: {error}") from None
    if array.ndim == 0 or array.shape[-1] == 0:
        raise InputError(
            f"{name} has shape {array.shape}: give shape (..., O) with O at least 1"
        )
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(
            f"{name} is {array[index]} at index {index}: every entry must be finite; "
            "look for the step before it, and lower the step size"
        )
    return array


def check_rows(theta: ArrayLike, name: str) -> FloatArray:
    """Return theta as float64, or raise InputError naming the first bad row."""
    rows = check_finite(theta, name)
    if (rows < 0).any():
        index = tuple(int(i) for i in np.argwhere(rows < 0)[0])
        raise InputError(
            f"{name} is {rows[index]:.6g} at index {index}: weights cannot be "
            "negative; use project or softmax first"
        )
    off = np.abs(rows.sum(axis=-1) - 1.0) > ROW_TOLERANCE
    if off.any():
        row = tuple(int(i) for i in np.argwhere(off)[0])
        where = f"row {row} " if row else "row "
        raise InputError(
            f"{name}: {where}sums to {rows[row].sum():.6g}, not 1: divide it by its "
            "sum, or use project or softmax first"
        )
    return rows


def check_lr(lr: ArrayLike, name: str) -> FloatArray:
    """Return lr as float64, or raise InputError unless it is finite and above 0."""
    array = np.asarray(lr, dtype=np.float64)
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise InputError(f"{name} is {array}: give a step size above 0, such as 0.1")
    return array


def check_same_shape(
    first: FloatArray, second: FloatArray, name: str, other: str
) -> None:
    if first.shape != second.shape:
        raise InputError(
            f"{name} has shape {first.shape} but {other} has shape {second.shape}: "
            "give both the same shape (..., O)"
        )
