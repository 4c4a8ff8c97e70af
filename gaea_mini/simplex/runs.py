"""The four arms of chapter 1, and the runs that compare them.

Runs are batched: every pair of a step size and a seed is one row, so that a whole
grid of step sizes costs a few NumPy calls per step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.simplex.geometry import FloatArray, check_lr, project, softmax, uniform
from gaea_mini.simplex.problems import Problem
from gaea_mini.simplex.steps import eg_step, logit_step, projected_step

# Three step sizes per factor of ten, wide enough that no arm's best lies at an end.
LR_GRID: FloatArray = 10.0 ** (np.arange(-12, 10) / 3)
TUNING_SEEDS = tuple(range(100, 105))  # choose step sizes, and nothing else
REPORT_SEEDS = tuple(range(10))

# Plain descent can leave the simplex for good: a run this far out is given up.
_LOST = 1e6


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


class Path(NamedTuple):
    """What ``walk`` saw: L runs of T steps on k weights, counting the start."""

    points: FloatArray  # (L, T + 1, k) where gradients were taken, perhaps outside
    answers: FloatArray  # (L, T + 1, k) on the simplex
    gaps: FloatArray  # (L, T + 1) loss of each answer above the best loss


def walk(
    arm: str,
    problem: Problem,
    lrs: Sequence[float] | FloatArray,
    steps: int,
    seed: int = 0,
) -> Path:
    """Run one arm from equal weights, once for each step size.

    Args:
        arm: a key of ``ARMS``.
        problem: the loss.
        lrs: L step sizes, above 0.
        steps: T, at least 1.
        seed: draws the examples, where the problem has any; the same for all L runs.

    Returns:
        The paths. A run that gets lost stays where it was last.

    Raises:
        InputError: unknown arm, or a step size or steps not above 0.

    >>> from gaea_mini.simplex import LinearLoss
    >>> path = walk("EG", LinearLoss((0.0, 1.0, 1.0, 1.0)), lrs=[0.1], steps=100)
    >>> path.gaps[0, -1].round(5)
    np.float64(0.00014)
    """
    rule, sizes = _arm(arm), check_lr(lrs, "walk: lrs")[:, None]
    if steps < 1:
        raise InputError(f"walk: steps is {steps}: give at least 1")
    rng = np.random.default_rng(seed)
    states = [rule.start(uniform(len(sizes), problem.k))]
    for _ in range(steps):
        drawn = np.tile(problem.draw(rng), (len(sizes), 1))
        new = rule.step(
            states[-1], problem.gradient(rule.point(states[-1]), drawn), sizes
        )
        lost = np.abs(new).max(axis=-1, keepdims=True) > _LOST
        states.append(np.where(lost, states[-1], new))
    runs = np.stack(states, axis=1)
    answers = rule.answer(runs)
    gaps = problem.gap(answers.reshape(-1, problem.k)).reshape(len(sizes), -1)
    return Path(rule.point(runs), answers, gaps)


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
    max_steps: int = 20_000,
) -> float:
    """Choose the step size whose slowest tuning seed is fastest, by ``steps_to``.

    Args:
        arm: a key of ``ARMS``.
        problem: the loss.
        lrs: step sizes to try.
        seeds: seeds used for nothing but this choice.
        max_steps: give up after this many steps.

    Returns:
        The best step size; the smallest of them if several tie.

    Raises:
        InputError: no step size reached the tolerance on all seeds.
    """
    done = steps_to(arm, problem, lrs, seeds, max_steps=max_steps, first_only=True)
    slowest = done.max(axis=1)
    if not np.isfinite(slowest).any():
        raise InputError(
            f"best_lr: {arm} reached the tolerance with none of {len(done)} step sizes "
            f"in {max_steps} steps: raise max_steps or widen lrs"
        )
    return float(np.asarray(lrs)[slowest.argmin()])


def _arm(name: str) -> Arm:
    if name not in ARMS:
        raise InputError(f"arm {name!r} is unknown: choose one of {', '.join(ARMS)}")
    return ARMS[name]
