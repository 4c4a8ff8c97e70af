"""Answers that students give, and what each must cost.

A wrong answer is the right one with one text replaced. It must lose the points of the
named test cells, all of them and no others.
"""

from typing import NamedTuple


class Wrong(NamedTuple):
    """One misconception."""

    assignment: str
    belief: str
    cell: str
    old: str
    new: str
    loses: str  # names of test cells


WRONG = [
    Wrong(
        "a_simplex",
        "cut off at 0 and divide by the sum",
        "answer-project",
        "return np.maximum(points - tau[np.arange(len(points)), last][:, None], 0)",
        "above = np.maximum(points, 0)\n"
        "    return above / above.sum(axis=1, keepdims=True)",
        "project project-rows",
    ),
    Wrong(
        "a_simplex",
        "one tau for all rows",
        "answer-project",
        "tau[np.arange(len(points)), last][:, None], 0)",
        "tau[0, last[0]], 0)",
        "project-rows",
    ),
    Wrong(
        "a_simplex",
        "sorts the caller's array",
        "answer-project",
        "    falling =",
        "    points[:] = points\n    points += 0.0\n    points -= 1.0\n    falling =",
        "project-rows",
    ),
    Wrong(
        "a_simplex",
        "project, lift, divide",
        "answer-floor",
        "return floor + size * project_rows((points - floor) / size)",
        "lifted = np.maximum(project_rows(points), floor)\n"
        "    return lifted / lifted.sum(axis=1, keepdims=True)",
        "floor floor-nearest",
    ),
    Wrong(
        "a_simplex",
        "leave the floor, share out the rest by projecting",
        "answer-floor",
        "return floor + size * project_rows((points - floor) / size)",
        "return floor + size * project_rows(points)",
        "floor floor-nearest",
    ),
    Wrong(
        "a_simplex",
        "climbs",
        "answer-eg",
        "np.exp(-lr *",
        "np.exp(lr *",
        "eg eg-large eg-zero",
    ),
    Wrong(
        "a_simplex",
        "no shift before the exponential",
        "answer-eg",
        "grad - least, 0.0",
        "grad, 0.0",
        "eg-large",
    ),
    Wrong(
        "a_simplex",
        "a weight of 0 sets the shift",
        "answer-eg",
        "least = np.min(np.where(theta > 0, grad, np.inf), axis=-1, keepdims=True)",
        "least = np.min(grad, axis=-1, keepdims=True)",
        "eg-zero",
    ),
    Wrong(
        "a_simplex",
        "one sum over all rows",
        "answer-eg",
        "new.sum(axis=-1, keepdims=True)",
        "new.sum()",
        "eg",
    ),
    Wrong(
        "a_simplex",
        "moves before it pays",
        "answer-regret",
        "        paid.append(row @ theta)\n        theta = eg(theta, row, lr)\n",
        "        theta = eg(theta, row, lr)\n        paid.append(row @ theta)\n",
        "losses",
    ),
    Wrong(
        "a_simplex",
        "compares with the best of every step",
        "answer-regret",
        "costs.sum(axis=0).min()",
        "costs.min(axis=1).sum()",
        "regret",
    ),
    Wrong(
        "a_simplex",
        "forgets the size of the costs",
        "answer-bound",
        "return np.sqrt(2 * np.log(k) / steps) / grad_max",
        "return np.sqrt(2 * np.log(k) / steps)",
        "best-lr",
    ),
    Wrong(
        "a_simplex",
        "shares one seed",
        "answer-bound",
        "regret(random_signs(k, steps, seed), lr)",
        "regret(random_signs(k, steps, 0), lr)",
        "ratio",
    ),
]
