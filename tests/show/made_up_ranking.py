"""A made-up ranking of 729 cells. It looks like ``compact_ranking.json``."""

from itertools import product
from typing import Any

import numpy as np
from scipy import stats

EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
OPERATIONS = ["skip_connect", "nor_conv_3x3", "avg_pool_3x3"]
PICTURES = 250


def arch(choice: tuple[int, ...]) -> str:
    """Arch string of one operation an edge."""
    names = [OPERATIONS[o] for o in choice]
    a, b, c, d, e, f = names
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


CHOICES = list(product(range(3), repeat=6))
CELLS = [arch(choice) for choice in CHOICES]


def ranking_record(epochs: int = 15) -> tuple[dict[str, Any], list[float], list[str]]:
    """The record, the truth and the cells. Truth and counts have many ties."""
    rng = np.random.default_rng(0)
    convolutions = np.array([choice.count(1) for choice in CHOICES])
    truth = 70 + 2.5 * convolutions + rng.normal(0, 1.2, len(CELLS)).round(1)
    runs = []
    for method, end in (("rs-ws", 0.9), ("darts", 0.2), ("gaea-darts", -0.3)):
        counts, genotype = [], []
        for epoch in range(epochs + 1):
            know = end * min(1, epoch / 8)
            level = 10 + 50 * (1 - np.exp(-epoch / 5))
            score = level + 2 * know * (truth - truth.mean()) + rng.normal(0, 4, 729)
            counts.append(
                np.clip(np.rint(score * PICTURES / 100), 0, PICTURES).astype(int)
            )
            genotype.append(CELLS[int(counts[-1].argmax())])
        runs.append(
            {
                "method": method,
                "seed": 0,
                "kendall": [
                    round(float(stats.kendalltau(one, truth).statistic), 4)
                    for one in counts
                ],
                "genotype": genotype,
                "counts": [one.tolist() for one in counts],
            }
        )
        runs.append({**runs[-1], "seed": 1})
        del runs[-1]["counts"]
    record = {"pictures": PICTURES, "ceiling": [0.8, 0.82, 0.81], "runs": runs}
    return record, truth.tolist(), CELLS
