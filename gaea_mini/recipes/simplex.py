"""The recorded numbers ``simplex_theory``: what the chapters on theory measure live.

Steps against the number of weights (chapter 1), the rate of stationarity (chapter 3),
and the counter-example to an assumption block by block. The book's ledger reads them.
NumPy only; it takes less than a minute.
"""

import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaea_mini import __version__, simplex
from gaea_mini.files import write_atomically
from gaea_mini.simplex import stationary

NAME = "simplex_theory"
ABOUT = (
    "Steps to a sparse target against the number of weights; mean stationarity against "
    "the number of steps; and a loss that is convex in each block but not in both."
)
DIMS = (4, 8, 16, 32, 64, 128, 256, 512)
STEPS = (100, 316, 1000, 3162, 10_000)
RUNS = 1000
CENTRES = {
    "3 operations": (-2.0, 0.0, 2.0),
    "8 operations": tuple(np.linspace(-3, 3, 8)),
}
PRODUCT = 3.0  # M of f(a, b) = M a b


def cook_simplex(records: Path, say: Callable[[str], None] = print) -> Path:
    """Measure everything and write the record.

    Args:
      records: where it goes.
      say: told after every part.
    """
    steps = steps_by_dimension(DIMS)
    say(f"{NAME}: steps against the number of weights")
    rates = {name: rate(at, STEPS, RUNS) for name, at in CENTRES.items()}
    say(f"{NAME}: stationarity")
    record = {
        "recipe": NAME,
        "about": ABOUT,
        "dims": list(DIMS),
        "seeds": list(simplex.REPORT_SEEDS),
        "steps": steps,
        "rate": rates,
        "product": product(PRODUCT),
        "environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "gaea_mini": __version__,
        },
    }
    path = records / f"{NAME}.json"
    records.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(record) + "\n").encode())
    say(f"{NAME}: written to {path}")
    return path


def steps_by_dimension(dims: Sequence[int]) -> list[dict[str, Any]]:
    """Median steps of every arm at its own best step size, as in chapter 1."""
    found = []
    for arm in simplex.ARMS:
        for k in dims:
            loss = simplex.LeastSquares(k)
            lr = simplex.best_lr(arm, loss)
            counts = simplex.steps_to(arm, loss, [lr], simplex.REPORT_SEEDS)[0]
            median = float(np.median(counts))
            found.append({"arm": arm, "k": k, "lr": round(lr, 6), "median": median})
    return found


def rate(centres: Sequence[float], steps: Sequence[int], runs: int) -> dict[str, Any]:
    """Mean of Delta at a random iterate, its standard error and both bounds, per T."""
    problem = stationary.Valleys(tuple(float(c) for c in centres))
    w, theta = np.full(runs, 0.5), simplex.uniform(runs, len(centres))
    start = float(problem.value(w, theta)[0])
    rows: dict[str, Any] = {"steps": list(steps)}
    rows |= {name: [] for name in ("mean", "error", "published", "proved")}
    for count in steps:
        about = start, stationary.GAMMA, problem.gradient_bound, count
        lr = stationary.stationarity_lr(*about)
        end = stationary.descend(problem, w, theta, lr, count)
        delta = stationary.stationarity(problem, end.random_w, end.random_theta)
        rows["mean"].append(round(float(delta.mean()), 6))
        rows["error"].append(round(float(delta.std(ddof=1) / np.sqrt(runs)), 6))
        rows["published"].append(round(stationary.stationarity_bound(*about), 6))
        rows["proved"].append(round(stationary.proved_bound(*about, lr), 6))
    return rows


def product(size: float) -> dict[str, Any]:
    """f(a, b) = M a b, Eq. (eq-product): the gamma that makes it convex.

    Each block alone is linear and needs none; both together need M.
    """
    turn = size * np.eye(2)[::-1]  # the second derivatives
    together = float(-np.linalg.eigvalsh(turn)[0])
    return {"M": size, "each_block": float(-np.diag(turn).min()), "together": together}
