"""The simplex: weights, steps and convex problems, with NumPy only.

theta   weights, shape (..., O), rows on the simplex
alpha   logits, same shape; theta = softmax(alpha)
lr      step size eta
"""

from gaea_mini.simplex.geometry import entropy, kl, project, softmax, uniform
from gaea_mini.simplex.problems import (
    ARMS,
    LR_GRID,
    REPORT_SEEDS,
    TUNING_SEEDS,
    Arm,
    LeastSquares,
    LinearLoss,
    Path,
    Problem,
    Quadratic,
    best_lr,
    eg_bound,
    eg_bound_lr,
    gap_curves,
    pgd_bound,
    pgd_bound_lr,
    steps_to,
    walk,
)
from gaea_mini.simplex.steps import eg_step, logit_step, projected_step

__all__ = [
    "ARMS",
    "LR_GRID",
    "REPORT_SEEDS",
    "TUNING_SEEDS",
    "Arm",
    "LeastSquares",
    "LinearLoss",
    "Path",
    "Problem",
    "Quadratic",
    "best_lr",
    "eg_bound",
    "eg_bound_lr",
    "eg_step",
    "entropy",
    "gap_curves",
    "kl",
    "logit_step",
    "pgd_bound",
    "pgd_bound_lr",
    "project",
    "projected_step",
    "softmax",
    "steps_to",
    "uniform",
    "walk",
]
