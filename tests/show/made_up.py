"""Made-up runs for the tests of this folder. They look like searches; none is one."""

import math
import random
from typing import Any

NB201_EDGES = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]
NB201_OPS = ["skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
DARTS_EDGES = [[source, target] for target in range(2, 6) for source in range(target)]
DARTS_OPS = [
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]


def arch(edges: list[list[int]], rows: list[list[float]], names: list[str]) -> str:
    """Arch string: the leading operations, on two edges a node if ``none`` is one."""
    some = [o for o, name in enumerate(names) if name != "none"]
    best = [max(some, key=lambda o, row=row: row[o]) for row in rows]
    groups = []
    for node in sorted({target for _, target in edges}):
        entering = [e for e, (_, target) in enumerate(edges) if target == node]
        if "none" in names:
            entering = sorted(sorted(entering, key=lambda e: -rows[e][best[e]])[:2])
        kept = "|".join(f"{names[best[e]]}~{edges[e][0]}" for e in entering)
        groups.append(f"|{kept}|")
    return "+".join(groups)


def made_up_run(
    method: str = "darts",
    epochs: int = 25,
    sharpness: float = 0.05,
    seed: int = 0,
    truth: bool = True,
    edges: list[list[int]] = NB201_EDGES,
    operations: list[str] = NB201_OPS,
    kinds: tuple[str, ...] = ("cell",),
) -> dict[str, Any]:
    """A synthetic record with theta on the simplex and a consistent entropy."""
    rng = random.Random(seed)
    drift = [
        [[rng.gauss(0, 1) for _ in operations] for _ in edges] for _ in kinds
    ]  # K, E, O
    noise = [[[0.0 for _ in operations] for _ in edges] for _ in kinds]
    theta, entropy, genotype = [], [], []
    for epoch in range(epochs + 1):
        state, total = [], 0.0
        for k in range(len(kinds)):
            rows = []
            for e in range(len(edges)):
                logits = []
                for o in range(len(operations)):
                    if epoch:
                        noise[k][e][o] += 2 * sharpness * rng.gauss(0, 1)
                    logits.append(sharpness * epoch * drift[k][e][o] + noise[k][e][o])
                weights = [math.exp(x - max(logits)) for x in logits]
                row = [w / sum(weights) for w in weights]
                total -= sum(p * math.log(p) for p in row if p > 0)
                rows.append(row)
            state.append(rows)
        theta.append(state)
        entropy.append(total / (len(kinds) * len(edges)))
        cells = [arch(edges, rows, operations) for rows in state]
        genotype.append(
            cells[0]
            if len(kinds) == 1
            else " ".join(map("{}: {}".format, kinds, cells))
        )
    growing = [10 + 45 * (1 - math.exp(-epoch / 8)) for epoch in range(epochs + 1)]
    run = {
        "config": {
            "space": "nasbench201",
            "method": method,
            "objective": "bilevel",
            "preset": "made up",
            "seed": seed,
            "data": "made up",
            "operations": operations,
            "edges": edges,
            "kinds": list(kinds),
        },
        "theta": theta,
        "entropy": entropy,
        "genotype": genotype,
        "loss_w": [None] + [2.0] * epochs,
        "loss_theta": [None] + [2.0] * epochs,
        "accuracy_supernet": growing,
        "accuracy_rounded": [0.8 * x + rng.uniform(-3, 3) for x in growing],
        "seconds": [1.5 * epoch for epoch in range(epochs + 1)],
        "peak_mb": 512.0,
        "environment": {"python": "3.11", "torch": "made up", "commit": "made up"},
    }
    if truth:
        c10 = [
            88 + 6 * (1 - math.exp(-e / 6)) + rng.gauss(0, 0.4)
            for e in range(epochs + 1)
        ]
        run["truth"] = {
            "table": "nb201",
            "c10_test": c10,
            "c10_val": c10,
            "rank": [100 for _ in c10],
            "regret": [94.37 - x for x in c10],
        }
    return run
