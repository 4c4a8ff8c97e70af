"""What rounding costs: one edge that can be solved exactly, and a trained supernet.

The shared weights of a supernet were trained at some theta. Rounding asks them to work
at a corner. Here theta walks from the centre of the simplex to that corner while the
weights stay, so one sees where they are good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError
from gaea_mini.search import Budget, Method
from gaea_mini.search.curvature import dominant_eigenvalue
from gaea_mini.search.relaxation import Weights
from gaea_mini.search.state import State
from gaea_mini.simplex import entropy
from gaea_mini.supernet import Space

Array = NDArray[np.float64]


def corner(theta: ArrayLike) -> Array:
    """Theta rounded: weight 1 on the heaviest operation of each row, (..., O).

    Of equal weights the one listed first wins.

    >>> corner([[0.2, 0.5, 0.3], [0.5, 0.5, 0.0]]).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    rows = np.asarray(theta, dtype=np.float64)
    return np.eye(rows.shape[-1])[rows.argmax(axis=-1)]


def segment(start: ArrayLike, end: ArrayLike, parts: Sequence[float]) -> list[Array]:
    """Points on the way from one theta to another, Eq. (eq-segment).

    Args:
      start, end: (..., O), rows on the simplex.
      parts: how far along, 0 (start) to 1 (end).

    Raises:
      InputError: two shapes, or a part outside [0, 1].

    >>> points = segment([[0.5, 0.5]], [[0.0, 1.0]], (0.0, 0.5))
    >>> [point.tolist() for point in points]
    [[[0.5, 0.5]], [[0.25, 0.75]]]
    """
    first, last = np.asarray(start, np.float64), np.asarray(end, np.float64)
    if first.shape != last.shape:
        raise InputError(f"a segment from shape {first.shape} to {last.shape}")
    if not all(0 <= part <= 1 for part in parts):
        raise InputError(f"parts {list(parts)}: each must be in [0, 1]")
    # Eq. (eq-segment)
    return [(1 - part) * first + part * last for part in parts]


def sharpen(theta: ArrayLike, temperature: float) -> Array:
    """Theta at another temperature: every weight to the power 1 / temperature.

    Eq. (eq-temperature). Below 1 the entropy falls; the order of the weights stays.

    Raises:
      InputError: the temperature is not above 0.

    >>> sharpen([[0.2, 0.8]], 0.5).round(3).tolist()
    [[0.059, 0.941]]
    """
    if not temperature > 0:
        raise InputError(f"temperature is {temperature}; it must be above 0")
    logs = np.log(np.clip(np.asarray(theta, dtype=np.float64), 1e-300, None))
    logs = logs - logs.max(axis=-1, keepdims=True)
    # Eq. (eq-temperature)
    powers = np.exp(logs / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def rounding_bound(theta: ArrayLike, slope: float) -> float:
    """Most that the loss can change by rounding, if no slope is larger than this.

    Eq. (eq-rounding-bound).

    Args:
      theta: (..., O), one row an edge.
      slope: L, the largest entry in size of the gradient in theta on the way.

    >>> rounding_bound([[0.75, 0.25], [1.0, 0.0]], slope=2.0)
    1.0
    """
    rows = np.asarray(theta, dtype=np.float64)
    # Eq. (eq-rounding-bound)
    return float(slope * (2 * (1 - rows.max(axis=-1))).sum())


@dataclass(frozen=True)
class OrthogonalEdge:
    """One mixed edge whose operations explain separate parts of the target.

    Operation o gives w_o times a feature; features have mean square 1 and do not
    correlate. The target is the sum of b_o times the same features. So the loss is
    a sum over operations, Eq. (eq-edge-loss).

    Args:
      target: b, (O,).
      decay: lambda, the weight decay of w.
    """

    target: tuple[float, ...]
    decay: float

    def __post_init__(self) -> None:
        if len(self.target) < 2 or not self.decay > 0:
            raise InputError(
                f"OrthogonalEdge: {len(self.target)} operations and decay "
                f"{self.decay}; give two operations or more and a decay above 0"
            )

    def loss(self, weights: ArrayLike, theta: ArrayLike) -> Array:
        """Half the mean squared error, for theta (..., O)."""
        b, w, t = (np.asarray(x, float) for x in (self.target, weights, theta))
        # Eq. (eq-edge-loss)
        return np.asarray(((b - t * w) ** 2).sum(axis=-1) / 2)

    def trained(self, theta: ArrayLike) -> Array:
        """The weights that are best at theta, with weight decay, (..., O)."""
        b, t = np.asarray(self.target, float), np.asarray(theta, float)
        # Eq. (eq-edge-weights)
        return b * t / (t**2 + self.decay)


class Along(NamedTuple):
    """What a supernet with fixed weights does at each of several theta."""

    entropy: list[float]  # nats, mean over edges
    accuracy: list[float]  # percent of held-out pictures
    loss: list[float]  # mean cross-entropy on the same pictures
    slope: list[float]  # largest entry in size of the loss's gradient in theta


def trained_supernet(
    space: Space, data: Pictures, method: Method, budget: Budget, seed: int = 0
) -> State:
    """A whole search without a record; returns its state, shared weights included.

    The same seed trains the same weights as ``search``, except where the choice of a
    cell draws random numbers in between (RS-WS).
    """
    state = State(space, data, method, budget, seed, torch.device("cpu"))
    for epoch in range(budget.epochs):
        state.begin(epoch)
        for _ in method.objective.epoch(state):
            state.step += 1
    return state


def accuracy_along(state: State, points: Sequence[ArrayLike]) -> Along:
    """Accuracy, loss and slope of a trained supernet at each theta; nothing is trained.

    Batch norm takes the statistics of the batch at hand, so it never holds those of
    another theta.

    Args:
      state: from ``trained_supernet``.
      points: theta (K, E, O) each.
    """
    pictures, labels = state.held_out
    pictures = pictures.permute(0, 3, 1, 2)  # (B, C, H, W)
    along = Along([], [], [], [])
    for point in points:
        theta = torch.as_tensor(np.asarray(point), dtype=torch.float32)
        theta.requires_grad_()
        loss = F.cross_entropy(state.scores(pictures, Weights(theta)), labels)
        (gradient,) = torch.autograd.grad(loss, theta)
        along.entropy.append(float(entropy(np.asarray(point)).mean()))
        along.accuracy.append(state.accuracy(np.asarray(point)))
        along.loss.append(loss.item())
        along.slope.append(gradient.abs().max().item())
    return along


def train_weights_at(state: State, theta: ArrayLike, epochs: int = 1) -> None:
    """Train the shared weights on, with theta held at one point.

    The learning rate stays where the search left it.
    """
    fixed = Weights(torch.as_tensor(np.asarray(theta), dtype=torch.float32))
    for _ in range(epochs):
        for batch in state.weight_batches:
            loss = state.loss(batch, fixed)
            state.descend_weights(state.gradients(loss, state.weights))


def measures(state: State) -> dict[str, float]:
    """A trained supernet in four numbers.

    Returns:
      ``entropy`` of theta (nats), accuracy ``before`` and ``after`` rounding (percent),
      and ``eigenvalue``, the largest in size of the Hessian of theta's loss along the
      simplex, on one batch.
    """
    theta = state.theta()
    cell = state.space.one_hot(state.method.relaxation.choose(state))
    return {
        "entropy": float(entropy(theta).mean()),
        "before": state.accuracy(theta),
        "after": state.accuracy(cell),
        "eigenvalue": dominant_eigenvalue(state),
    }
