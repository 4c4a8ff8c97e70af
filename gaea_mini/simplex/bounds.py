"""How many steps are certainly enough: the bounds of chapter 1, and their step sizes.

Both hold for a convex loss whose gradient entries are at most G in size, from equal
weights, and they bound the mean gap over all steps. They are upper bounds only.
"""

from __future__ import annotations

import math

from gaea_mini.errors import InputError


def eg_bound(k: int, eps: float, grad_max: float = 1.0) -> float:
    r"""Give the steps after which the mean gap of EG is at most eps.

    .. math:: T = 2 G^2 \ln k \,/\, \varepsilon^2

    Eq. (eq-eg-bound).

    Args:
        k: number of weights, at least 2.
        eps: the gap to reach, above 0.
        grad_max: G, above 0.

    Returns:
        The number of steps, not rounded.

    Raises:
        InputError: an argument is out of range.

    >>> round(eg_bound(4, eps=0.05)), round(eg_bound(1024, eps=0.05))
    (1109, 5545)
    """
    _check(k, eps, grad_max)
    # Eq. (eq-eg-bound)
    return 2 * grad_max**2 * math.log(k) / eps**2


def pgd_bound(k: int, eps: float, grad_max: float = 1.0) -> float:
    r"""Give the steps after which the mean gap of projected GD is at most eps.

    .. math:: T = G^2 (k - 1) \,/\, \varepsilon^2

    Eq. (eq-pgd-bound). Arguments, result and errors as for ``eg_bound``.

    >>> round(pgd_bound(4, eps=0.05)), round(pgd_bound(1024, eps=0.05))
    (1200, 409200)
    """
    _check(k, eps, grad_max)
    # Eq. (eq-pgd-bound)
    return grad_max**2 * (k - 1) / eps**2


def eg_bound_lr(k: int, steps: int, grad_max: float = 1.0) -> float:
    """Give EG's step size for T steps: sqrt(2 ln k / T) / G, Eq. (eq-eg-bound)."""
    _check(k, steps, grad_max)
    return math.sqrt(2 * math.log(k) / steps) / grad_max


def pgd_bound_lr(k: int, steps: int, grad_max: float = 1.0) -> float:
    """Give projected GD's: sqrt((1 - 1/k) / (k T)) / G, Eq. (eq-pgd-bound).

    1 - 1/k is the squared distance from the centre of the simplex to a corner, and
    G sqrt(k) bounds the length of the gradient.
    """
    _check(k, steps, grad_max)
    return math.sqrt((1 - 1 / k) / (k * steps)) / grad_max


def _check(k: int, positive: float, grad_max: float) -> None:
    if k < 2 or not positive > 0 or not grad_max > 0:
        raise InputError(
            f"bound: k is {k}, eps or steps {positive}, grad_max {grad_max}: give k of "
            "at least 2 and the others above 0"
        )
