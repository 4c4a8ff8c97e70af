"""Made-up comparisons. They look like records; nothing was searched."""

from typing import Any

import numpy as np
from made_up_ranking import CELLS, CHOICES

CONVOLUTIONS = np.array([choice.count(1) for choice in CHOICES])
# Every accuracy is had by several cells, as in a table of classes.
TRUTH = (
    70 + 2 * CONVOLUTIONS + np.random.default_rng(1).normal(0, 1, len(CELLS)).round(1)
).round(4)
ARMS = {"gaea-darts": 0.9, "darts": 0.5, "rs-ws": 0.7}


def comparison_record(one_clock: bool = True, seeds: int = 4) -> dict[str, Any]:
    """A comparison on the cells of the compact space, or on other clocks."""
    rng, epochs = np.random.default_rng(2), 12
    order = np.argsort(TRUTH)
    arms = []
    for number, (method, skill) in enumerate(ARMS.items()):
        found = np.array(
            [
                [
                    order[
                        int(
                            np.clip(
                                729 * skill * (1 - np.exp(-(e + 1) / 3))
                                + rng.normal(0, 60),
                                0,
                                728,
                            )
                        )
                    ]
                    for e in range(epochs + 1)
                ]
                for _ in range(seeds)
            ]
        )
        arms.append(
            {
                "method": method,
                "objective": "bilevel",
                "seeds": list(range(seeds)),
                "cost": [round((2 + 9.3 * e) * (1 + number / 4), 2) for e in range(13)],
                "test": TRUTH[found].tolist(),
                "rank": [1 + int((TRUTH > TRUTH[row[-1]]).sum()) for row in found],
                "genotype": [CELLS[row[-1]] for row in found],
            }
        )
    if not one_clock:
        arms.append({**arms[1], "objective": "single-level"})
    end = 240.0 if one_clock else 40_000.0
    costs = np.geomspace(end / 200, end, 60)
    rivals = []
    for table in ("compact",) if one_clock else ("nasbench201", "one-seed"):
        for rival, speed in (("random search", 1.0), ("evolution", 1.6)):
            mean = [
                None if cost < end / 40 else round(9 * (end / 40 / cost) ** speed, 4)
                for cost in costs
            ]
            rivals.append(
                {
                    "rival": rival,
                    "table": table,
                    "regret": {
                        "costs": [float(f"{cost:.5g}") for cost in costs],
                        "mean": mean,
                        "low": [v and round(v / 3, 4) for v in mean],
                        "high": [v and round(v * 1.8, 4) for v in mean],
                    },
                }
            )
    return {
        "table": {"best": float(TRUTH.max()), "cells": {"n": len(CELLS)}},
        "one_clock": one_clock,
        "repetitions": 500,
        "arms": arms,
        "rivals": rivals,
    }
