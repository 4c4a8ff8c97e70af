"""A search that finds the best cell although its weights rank the others wrongly.

Rank correlation is sufficient for weight sharing to work, not necessary. Here are N
cells with one shared weight w, Eq. (eq-crossed). Cell o has the loss

    l_o(w) = a_o + (w - c_o)^2 / 2,

so trained alone it reaches a_o, with the weight c_o. A weight-sharing search descends

    L(w, theta) = sum_o theta_o l_o(w)

in w by gradient steps and in theta by exponentiated gradient. The best cell has the
lowest loss all the way, so theta ends on it and w on its own weight. But there the
others stand in the opposite order: the better a cell is alone, the further its own
weight lies from the shared one. Only the pairs with the best cell are in order, N - 1
of N (N - 1) / 2, which makes Kendall's tau (4 - N) / N exactly, Eq. (eq-crossed-tau):
not above 0 from N = 4 on, and nearly -1 for many cells.
"""

from dataclasses import dataclass

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.evaluate.ranking import kendall
from gaea_mini.simplex import eg_step, uniform


@dataclass(frozen=True)
class Found:
    """What the search did, step by step; step 0 is the start.

    Attributes:
      theta: (T + 1, N).
      weight: (T + 1,), the shared weight w.
      kendall: (T + 1,), between the cells' accuracy with the shared weight and alone.
    """

    theta: np.ndarray
    weight: np.ndarray
    kendall: np.ndarray


def alone(cells: int) -> np.ndarray:
    """a_o, the loss of each cell trained alone; cell 0 is the best."""
    return 0.01 * np.arange(cells)


def own_weights(cells: int) -> np.ndarray:
    """c_o: 0 for the best cell, then with turning sign and from far to near."""
    o = np.arange(cells)
    return np.where(o == 0, 0.0, (-1.0) ** o * (1 + 0.5 * (cells - o)))


def shared(weight: float, cells: int) -> np.ndarray:
    """l_o(w), the loss of each cell with the shared weight."""
    # Eq. (eq-crossed)
    return alone(cells) + (weight - own_weights(cells)) ** 2 / 2


def search_without_ranks(
    cells: int = 9,
    steps: int = 200,
    lr_theta: float = 0.1,
    lr_w: float = 0.1,
    start: float = 0.0,
) -> Found:
    """Search the cells above from uniform theta and w = ``start``, in turns."""
    if cells < 4:
        raise InputError("with fewer than 4 cells the pairs with the best one are most")
    theta, weight = uniform(cells), start
    thetas, weights, taus = [], [], []
    for step in range(steps + 1):
        loss = shared(weight, cells)
        thetas.append(theta)
        weights.append(weight)
        taus.append(kendall(-loss, -alone(cells)))
        if step < steps:
            theta = eg_step(theta, loss, lr_theta)  # dL/dtheta_o = l_o(w)
            weight -= lr_w * float(theta @ (weight - own_weights(cells)))  # dL/dw
    return Found(np.array(thetas), np.array(weights), np.array(taus))
