"""The simplex: weights, steps and convex problems, with NumPy only.

* ``theta``: weights, shape (..., O), rows on the simplex
* ``alpha``: logits, same shape; theta = softmax(alpha)
* ``lr``: step size eta

The theory of chapters 2 and 3 is in ``simplex.mirror`` and ``simplex.stationary``.
"""

from gaea_mini.simplex.bounds import eg_bound, eg_bound_lr, pgd_bound, pgd_bound_lr
from gaea_mini.simplex.geometry import entropy, kl, project, softmax, uniform
from gaea_mini.simplex.problems import LeastSquares, LinearLoss, Problem, Quadratic
from gaea_mini.simplex.runs import (
    ARMS,
    LR_GRID,
    REPORT_SEEDS,
    TUNING_SEEDS,
    best_lr,
    steps_to,
    walk,
)
from gaea_mini.simplex.steps import eg_step, logit_step, projected_step

__all__ = ["ARMS", "LR_GRID", "REPORT_SEEDS", "TUNING_SEEDS"]
__all__ += ["LeastSquares", "LinearLoss", "Problem", "Quadratic"]
__all__ += ["best_lr", "steps_to", "walk"]
__all__ += ["eg_bound", "eg_bound_lr", "pgd_bound", "pgd_bound_lr"]
__all__ += ["eg_step", "logit_step", "projected_step"]
__all__ += ["entropy", "kl", "project", "softmax", "uniform"]
