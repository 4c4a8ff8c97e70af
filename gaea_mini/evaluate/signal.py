"""How much of the spread between cells is signal, and how sure their order is."""

from dataclasses import dataclass, replace

import numpy as np

from gaea_mini.errors import InputError


@dataclass(frozen=True)
class Components:
    """One-way analysis of variance of accuracies (cells, S), percent.

    Attributes:
      between: variance of the cells' true means, in points squared.
      within: variance between seeds of one cell, in points squared.
      seeds: S.
    """

    between: float
    within: float
    seeds: int

    @property
    def reliability(self) -> float:
        r"""Part of the variance of the mean of S seeds that is signal.

        Eq. (eq-reliability).

        .. math::
            \frac{\sigma_b^2}{\sigma_b^2 + \sigma_w^2 / S}
        """
        total = self.between + self.within / self.seeds
        return self.between / total if total > 0 else 0.0

    @property
    def error(self) -> float:
        """Standard error of the mean of S seeds, points."""
        return float(np.sqrt(self.within / self.seeds))


def components(accuracies: np.ndarray) -> Components:
    r"""Variance between cells and within them, from the mean squares.

    .. math::
        \sigma_w^2 = MS_w, \qquad \sigma_b^2 = \max(0, (MS_b - MS_w) / S)

    with MS_w the mean over cells of the variance over seeds and MS_b = S times the
    variance of the cells' means.

    Args:
      accuracies: (cells, S), each training once; at least two cells and two seeds.

    >>> components(np.array([[80.0, 82.0], [90.0, 92.0]])).within
    2.0
    """
    if accuracies.ndim != 2 or min(accuracies.shape) < 2:
        raise InputError(
            f"accuracies have shape {accuracies.shape}; give (cells, seeds), two of "
            "each at least"
        )
    seeds = accuracies.shape[1]
    within = float(accuracies.var(axis=1, ddof=1).mean())
    means = seeds * float(accuracies.mean(axis=1).var(ddof=1))
    return Components(max(0.0, (means - within) / seeds), within, seeds)


def agreement(parts: Components, seen_once: bool) -> float:
    r"""Kendall's tau with the measured means of S seeds, expected of good scores.

    A pair of normal numbers with correlation rho has tau = (2 / pi) arcsin rho. The
    scores are another training of every cell, with noise of its own, or the true means
    themselves:

    .. math::
        \rho^2 = r_1 r_S \quad\text{or}\quad \rho^2 = r_S, \qquad
        r_n = \frac{\sigma_b^2}{\sigma_b^2 + \sigma_w^2 / n}

    Args:
      parts: of the measured accuracies.
      seen_once: the scores are one more training; if not, the true means.
    """
    once = replace(parts, seeds=1).reliability if seen_once else 1.0
    return float(2 / np.pi * np.arcsin(np.sqrt(once * parts.reliability)))


@dataclass(frozen=True)
class Order:
    """How sure the order of the best is, best mean first.

    Attributes:
      rows: positions in the accuracies.
      lowest, highest: ends of the 90 % interval of each one's true rank.
      best: probability that it is truly the best.
      among: probability that it is truly among as many best as are listed.
    """

    rows: list[int]
    lowest: list[int]
    highest: list[int]
    best: list[float]
    among: list[float]


def order_of_best(
    accuracies: np.ndarray, top: int = 10, draws: int = 2000, seed: int = 0
) -> Order:
    """Ranks under a parametric bootstrap: true means are drawn, given what was seen.

    With normal cells and normal noise the true mean of a cell, given its mean over the
    seeds, is normal: drawn towards the mean of all cells by the reliability r, with
    variance r sigma_w^2 / S (empirical Bayes). Without that the best of many cells
    would look surer than it is.

    Args:
      accuracies: (cells, S), percent; at least two seeds.
      top: how many to list.
      draws: of all true means.
      seed: of the draws.
    """
    parts = components(accuracies)
    means = accuracies.mean(axis=1)
    rows = np.argsort(-means, kind="stable")[:top]
    centre = means.mean() + parts.reliability * (means - means.mean())
    # Never quite 0: without any signal the order is by chance, not a tie.
    spread = max(np.sqrt(parts.reliability) * parts.error, 1e-9)
    noise = np.random.default_rng(seed).normal(size=(draws, len(means)))
    true = centre + spread * noise  # (draws, cells)
    ranks = 1 + (true[:, None, :] > true[:, rows, None]).sum(axis=2)  # (draws, top)
    low, high = np.quantile(ranks, [0.05, 0.95], axis=0, method="closest_observation")
    return Order(
        rows.tolist(),
        low.astype(int).tolist(),
        high.astype(int).tolist(),
        (ranks == 1).mean(axis=0).round(4).tolist(),
        (ranks <= len(rows)).mean(axis=0).round(4).tolist(),
    )
