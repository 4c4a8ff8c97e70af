"""The convex problems of chapter 1, the four arms, and the runs that compare them.

A problem gives a gradient at any point and says how far a point of the simplex is
from the best one. An arm is a way to move. Runs are batched: every pair of a step
size and a seed is one row, so a whole grid of step sizes costs a few NumPy calls per
step. Seeds 100 and up choose step sizes; seeds 0, 1, 2, ... are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.simplex.geometry import FloatArray, check_lr, project, softmax, uniform
from gaea_mini.simplex.steps import eg_step, logit_step, projected_step

# Three step sizes per factor of ten, wide enough that no arm's best lies at an end.
LR_GRID: FloatArray = 10.0 ** (np.arange(-12, 10) / 3)
TUNING_SEEDS = tuple(range(100, 105))
REPORT_SEEDS = tuple(range(10))


class Problem(Protocol):
    """A loss on the simplex of size k, in rows: theta has shape (N, k)."""

    @property
    def k(self) -> int:
        """Number of weights."""
        ...

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw the randomness of one step, shape (D,)."""
        ...

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give the gradient at theta for draws of shape (N, D); shape (N, k)."""
        ...

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give the loss above the best one at theta; shape (N,)."""
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
        """Number of weights."""
        return len(self.costs)

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw nothing: the costs never change."""
        return np.empty(0)

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give the costs, in every row."""
        # Eq. (eq-linear-loss)
        return np.broadcast_to(np.asarray(self.costs, dtype=np.float64), theta.shape)

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give the mean cost above the smallest cost."""
        costs = np.asarray(self.costs, dtype=np.float64)
        return theta @ (costs - costs.min())


@dataclass(frozen=True)
class Quadratic:
    r"""Least squares on fixed examples without noise: the full gradient, every step.

    .. math:: f(\theta) = \frac{1}{2n} \|A (\theta - \theta^*)\|_2^2

    Eq. (eq-quadratic). A is an n by k matrix of random signs and theta^* has three
    weights above 0. Here projected gradient descent wins.

    Args:
        k: number of weights.
        examples: n, the number of rows of A.
        seed: draws A and theta^*.
    """

    k: int
    examples: int
    seed: int
    matrix: FloatArray = field(init=False, repr=False, compare=False)
    target: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        target = np.zeros(self.k)
        target[:3] = rng.dirichlet(np.ones(3))
        signs = 2.0 * rng.integers(0, 2, (self.examples, self.k)) - 1.0
        object.__setattr__(self, "matrix", signs)
        object.__setattr__(self, "target", target)

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """Draw nothing: the examples never change."""
        return np.empty(0)

    def gradient(self, theta: FloatArray, drawn: FloatArray) -> FloatArray:
        """Give A'A (theta - theta^*) / n, row by row."""
        return (theta - self.target) @ self.matrix.T @ self.matrix / self.examples

    def gap(self, theta: FloatArray) -> FloatArray:
        """Give the loss; the best loss is 0."""
        # Eq. (eq-quadratic)
        return np.mean(((theta - self.target) @ self.matrix.T) ** 2, axis=-1) / 2


class Arm(NamedTuple):
    """A way to move: what it stores, how that moves, and how it is read.

    ``start`` turns weights into the stored state; ``step(state, grad, lr)`` moves it;
    ``point`` is where the gradient is taken; ``answer`` is the point of the simplex
    that is judged. All but plain descent take gradients at their answer.
    """

    start: Callable[[FloatArray], FloatArray]
    step: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    point: Callable[[FloatArray], FloatArray]
    answer: Callable[[FloatArray], FloatArray]


def _same(state: FloatArray) -> FloatArray:
    return state


def _plain_step(theta: FloatArray, grad: FloatArray, lr: FloatArray) -> FloatArray:
    return theta - lr * grad


ARMS: dict[str, Arm] = {
    "EG": Arm(_same, eg_step, _same, _same),
    "projected GD": Arm(_same, projected_step, _same, _same),
    "plain GD": Arm(_same, _plain_step, _same, project),
    "softmax GD": Arm(np.log, logit_step, softmax, softmax),
}

# Plain descent can leave the simplex for good: beyond this size a run is given up.
_LOST = 1e6


class Path(NamedTuple):
    """One run: T steps on k weights, counting the start as state 0."""

    points: FloatArray  # (T + 1, k) where gradients were taken; may leave the simplex
    answers: FloatArray  # (T + 1, k) on the simplex
    gaps: FloatArray  # (T + 1,) loss of each answer above the best loss


def walk(arm: str, problem: Problem, lr: float, steps: int, seed: int = 0) -> Path:
    """Run one arm from equal weights for a number of steps.

    Args:
        arm: a key of ``ARMS``.
        problem: the loss.
        lr: step size, above 0.
        steps: how many steps, at least 1.
        seed: draws the examples, where the problem has any.

    Returns:
        The whole path, steps + 1 states.

    Raises:
        InputError: unknown arm, or lr or steps not above 0.

    >>> path = walk("EG", LinearLoss((0.0, 1.0, 1.0, 1.0)), lr=0.1, steps=100)
    >>> path.gaps[-1].round(5)
    np.float64(0.00014)
    """
    rule, size = _arm(arm), check_lr(lr, "walk: lr")
    _check_steps(steps)
    rng = np.random.default_rng(seed)
    states = [rule.start(uniform(1, problem.k))]
    for _ in range(steps):
        grad = problem.gradient(rule.point(states[-1]), problem.draw(rng)[None])
        states.append(rule.step(states[-1], grad, size))
    rows = np.concatenate(states)
    answers = rule.answer(rows)
    return Path(rule.point(rows), answers, problem.gap(answers))


def gap_curves(
    arm: str,
    problem: Problem,
    lrs: Sequence[float] | FloatArray,
    steps: int,
    seed: int = 0,
) -> FloatArray:
    """Record the gap after every step, for many step sizes at once.

    Args:
        arm: a key of ``ARMS``.
        problem: the loss.
        lrs: L step sizes, above 0.
        steps: T, at least 1.
        seed: draws the examples, where the problem has any; all L runs see the same.

    Returns:
        Gaps, shape (L, T + 1), counting the start; infinite from where a run is lost.

    Raises:
        InputError: unknown arm, or a step size or steps not above 0.
    """
    rule, sizes = _arm(arm), check_lr(lrs, "gap_curves: lrs")
    _check_steps(steps)
    rng = np.random.default_rng(seed)
    gaps = np.full((len(sizes), steps + 1), np.inf)
    state, row = rule.start(uniform(len(sizes), problem.k)), np.arange(len(sizes))
    gaps[:, 0] = problem.gap(rule.answer(state))
    for step in range(1, steps + 1):
        drawn = np.tile(problem.draw(rng), (len(row), 1))
        grad = problem.gradient(rule.point(state), drawn)
        state = rule.step(state, grad, sizes[row, None])
        going = np.abs(state).max(axis=-1) < _LOST
        state, row = state[going], row[going]
        if not len(row):
            break
        gaps[row, step] = problem.gap(rule.answer(state))
    return gaps


def steps_to(
    arm: str,
    problem: Problem,
    lrs: Sequence[float] | FloatArray,
    seeds: Sequence[int],
    tol: float = 0.02,
    hold: int = 10,
    max_steps: int = 20_000,
    first_only: bool = False,
) -> FloatArray:
    """Count the steps until the gap falls below a tolerance and stays there.

    Staying means ``hold`` states in a row; the count is the first of them, so that a
    lucky visit does not count. Each seed draws its own examples, the same ones for
    every arm and step size.

    Args:
        arm: a key of ``ARMS``.
        problem: the loss.
        lrs: L step sizes, above 0.
        seeds: S seeds.
        tol: the gap to reach.
        hold: how many states in a row must be below tol.
        max_steps: give up after this many steps.
        first_only: stop once one step size is done on all seeds; what is unfinished
            then counts as not reached.

    Returns:
        Steps, shape (L, S); infinite where the tolerance was not reached.

    Raises:
        InputError: unknown arm, or a step size not above 0.
    """
    rule, sizes = _arm(arm), check_lr(lrs, "steps_to: lrs")
    done = np.full((len(sizes), len(seeds)), np.inf)
    lr_index, seed_index = (i.ravel() for i in np.indices(done.shape))
    rngs = [np.random.default_rng(seed) for seed in seeds]
    state = rule.start(uniform(done.size, problem.k))
    below = np.zeros(done.size, dtype=int)
    for step in range(1, max_steps + hold):
        drawn = np.stack([problem.draw(rng) for rng in rngs])[seed_index]
        grad = problem.gradient(rule.point(state), drawn)
        state = rule.step(state, grad, sizes[lr_index, None])
        below = np.where(problem.gap(rule.answer(state)) < tol, below + 1, 0)
        held = below == hold
        done[lr_index[held], seed_index[held]] = step - hold + 1
        if first_only and np.isfinite(done).all(axis=1).any():
            break
        going = ~held & (np.abs(state).max(axis=-1) < _LOST)
        state, below = state[going], below[going]
        lr_index, seed_index = lr_index[going], seed_index[going]
        if not going.any():
            break
    return done


def best_lr(
    arm: str,
    problem: Problem,
    lrs: Sequence[float] | FloatArray = LR_GRID,
    seeds: Sequence[int] = TUNING_SEEDS,
    tol: float = 0.02,
    max_steps: int = 20_000,
) -> float:
    """Choose the step size whose slowest tuning seed is fastest.

    Args:
        arm: a key of ``ARMS``.
        problem: the loss.
        lrs: step sizes to try.
        seeds: seeds used for nothing but this choice.
        tol: the gap to reach, see ``steps_to``.
        max_steps: give up after this many steps.

    Returns:
        The best step size; the smallest of them if several tie.

    Raises:
        InputError: no step size reached the tolerance on all seeds.
    """
    done = steps_to(
        arm, problem, lrs, seeds, tol=tol, max_steps=max_steps, first_only=True
    )
    slowest = done.max(axis=1)
    if not np.isfinite(slowest).any():
        raise InputError(
            f"best_lr: {arm} reached {tol} with none of {len(done)} step sizes in "
            f"{max_steps} steps: raise tol or max_steps, or widen lrs"
        )
    return float(np.asarray(lrs)[slowest.argmin()])


def eg_bound(k: int, eps: float, grad_max: float = 1.0) -> float:
    r"""Give the steps after which EG is certainly within eps of the best loss.

    .. math:: T = 2 G^2 \ln k \,/\, \varepsilon^2

    Eq. (eq-eg-bound), for a convex loss whose gradient entries are at most G in size,
    from equal weights, with the step size of ``eg_bound_lr``. It bounds the mean gap
    over the steps, and so the smallest. Not rounded; an upper bound only.

    Args:
        k: number of weights, at least 2.
        eps: the gap to reach, above 0.
        grad_max: G, above 0.

    Returns:
        The number of steps.

    Raises:
        InputError: an argument is out of range.

    >>> round(eg_bound(4, eps=0.05)), round(eg_bound(1024, eps=0.05))
    (1109, 5545)
    """
    _check_bound(k, eps, grad_max)
    # Eq. (eq-eg-bound)
    return float(2 * grad_max**2 * np.log(k) / eps**2)


def pgd_bound(k: int, eps: float, grad_max: float = 1.0) -> float:
    r"""Give the steps after which projected GD is certainly within eps.

    .. math:: T = G^2 (k - 1) \,/\, \varepsilon^2

    Eq. (eq-pgd-bound), under the same conditions as ``eg_bound``: gradient entries of
    size at most G, so that the length of the gradient is at most G sqrt(k).

    Args:
        k: number of weights, at least 2.
        eps: the gap to reach, above 0.
        grad_max: G, above 0.

    Returns:
        The number of steps.

    Raises:
        InputError: an argument is out of range.

    >>> round(pgd_bound(4, eps=0.05)), round(pgd_bound(1024, eps=0.05))
    (1200, 409200)
    """
    _check_bound(k, eps, grad_max)
    # Eq. (eq-pgd-bound)
    return grad_max**2 * (k - 1) / eps**2


def eg_bound_lr(k: int, steps: int, grad_max: float = 1.0) -> float:
    r"""Give the EG step size of the bound: sqrt(2 ln k / T) / G, Eq. (eq-eg-bound)."""
    _check_bound(k, 1.0, grad_max)
    return float(np.sqrt(2 * np.log(k) / steps) / grad_max)


def pgd_bound_lr(k: int, steps: int, grad_max: float = 1.0) -> float:
    r"""Give the projected-GD step size of Eq. (eq-pgd-bound).

    It is D / (G sqrt(k T)), where D^2 = 1 - 1/k is the squared distance from the
    centre of the simplex to a corner.
    """
    _check_bound(k, 1.0, grad_max)
    return float(np.sqrt((1 - 1 / k) / (k * steps)) / grad_max)


def _check_bound(k: int, eps: float, grad_max: float) -> None:
    if k < 2 or not eps > 0 or not grad_max > 0:
        raise InputError(
            f"bound: k is {k}, eps {eps}, grad_max {grad_max}: give k of at least 2, "
            "and eps and grad_max above 0"
        )


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise InputError(f"steps is {steps}: give at least 1")


def _arm(name: str) -> Arm:
    if name not in ARMS:
        raise InputError(f"arm {name!r} is unknown: choose one of {', '.join(ARMS)}")
    return ARMS[name]
