"""Do shared weights rank cells as training alone does?

``score_all`` asks a supernet for the accuracy of every cell under its shared weights.
``ranking`` compares such scores with the accuracies of the cells trained alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from gaea_mini.errors import InputError
from gaea_mini.search.relaxation import only
from gaea_mini.supernet.spaces import CellSpace


@torch.no_grad()
def score_all(
    network: nn.Module,
    space: CellSpace,
    pictures: Tensor,
    labels: Tensor,
    batch: int = 250,
) -> np.ndarray:
    """Accuracy of every cell with the shared weights, in percent.

    Only the operations of the cell are computed. Batch norm takes the statistics of
    each batch, as in the search. Nothing is drawn at random.

    Args:
      network: a supernet.
      space: its search space; cells are scored in the order of ``space.arch``.
      pictures: held-out (N, H, W, C).
      labels: (N,).
      batch: pictures at a time.

    Returns:
      (space.size,), float64.
    """
    batches = [
        (x.permute(0, 3, 1, 2), y)  # (B, C, H, W), channels last in memory
        for x, y in zip(pictures.split(batch), labels.split(batch), strict=True)
    ]
    scores = np.empty(space.size)
    for index in range(space.size):
        theta = torch.from_numpy(space.one_hot(space.arch(index))).to(pictures)
        active = only(theta)
        right = sum(
            int((network(x, theta, active).argmax(1) == y).sum()) for x, y in batches
        )
        scores[index] = 100 * right / len(labels)
    return scores


def kendall(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Kendall's tau-b: pairs in the same order less those in the other, normalised.

    tau_b = (P - Q) / sqrt((P + Q + A) (P + Q + B)), where P pairs agree, Q disagree,
    A are tied in a only and B in b only. 1 is the same order, -1 the opposite one, and
    a series without any order gives nan. Without ties this is Eq. (eq-tau).

    >>> round(kendall([1, 2, 3, 4], [1, 2, 4, 3]), 3)
    0.667
    """
    first, second = _pair(a, b)
    if first.min() == first.max() or second.min() == second.max():
        return float("nan")
    return float(stats.kendalltau(first, second).statistic)


def spearman(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Spearman's rho: the correlation of the ranks; ties share their mean rank.

    A series without any order gives nan.

    >>> round(spearman([1, 2, 3, 4], [1, 2, 4, 3]), 3)
    0.8
    """
    first, second = _pair(a, b)
    if first.min() == first.max() or second.min() == second.max():
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def recall(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Part of the k truly best cells that are among the k of highest score.

    Where equal values straddle place k, all ways to break the tie count equally.

    >>> recall(np.array([3, 2, 1, 0]), np.array([9, 0, 8, 1]), k=2)
    0.5
    """
    first, second = _pair(scores, truth)
    if not 1 <= k <= len(first):
        raise InputError(f"recall of the best {k} of {len(first)} cells")
    return float((_among_best(first, k) * _among_best(second, k)).sum() / k)


def ranking(
    scores: Sequence[float] | np.ndarray,
    truth: Sequence[float] | np.ndarray,
    best: Sequence[int] = (10, 50),
) -> dict[str, Any]:
    """How well scores rank cells whose true accuracy is known.

    Args:
      scores: of every cell, with shared weights.
      truth: accuracy of the same cells trained alone, in percent.
      best: the k for which recall is asked.

    Returns:
      ``kendall``, ``spearman``, ``recall`` (k: part), and ``regret``: points of true
      accuracy that the cell of highest score lies below the best one (the mean over
      them if several share the highest score).
    """
    first, second = _pair(scores, truth)
    chosen = second[first == first.max()].mean()
    return {
        "kendall": kendall(first, second),
        "spearman": spearman(first, second),
        "recall": {str(k): recall(first, second, k) for k in best},
        "regret": float(second.max() - chosen),
    }


def _pair(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise InputError(
            f"two series of the same two or more cells are compared, not of shapes "
            f"{first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("a ranking needs finite numbers; one is not")
    return first, second


def _among_best(values: np.ndarray, k: int) -> np.ndarray:
    """For each value the chance to be among the k highest when ties are drawn."""
    threshold = np.sort(values)[-k]
    above, tied = values > threshold, values == threshold
    return above + tied * (k - above.sum()) / tied.sum()
