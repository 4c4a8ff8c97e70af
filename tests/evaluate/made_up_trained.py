"""A made-up table of all compact cells, as ``benchmark build`` writes it."""

import numpy as np

from gaea_mini.evaluate import classes
from gaea_mini.evaluate.benchmark import COMPACT
from gaea_mini.evaluate.trained import write_table
from gaea_mini.supernet import space

WHERE = space("compact")
OF_CELL, FIRST = classes(WHERE)
CELLS = [WHERE.arch(index) for index in range(WHERE.size)]
PICTURES = {"train": 6000, "val": 3000, "test": 5000}
EPOCHS = 3


def made_up_rows(second: float = 1.0) -> list[dict]:
    rng = np.random.default_rng(0)
    rows = []
    for number, cell in enumerate(FIRST):
        convolutions = WHERE.parse(cell).count(1)
        for seed in (0, 1, 2):
            share = 0.6 + 0.03 * convolutions + rng.normal(scale=0.01, size=(2, EPOCHS))
            rows.append(
                {
                    "class": number,
                    "seed": seed,
                    "val": (share[0] * 3000).astype(int).tolist(),
                    "test": (share[1] * 5000).astype(int).tolist(),
                    "loss": [2.0, 1.0, 0.5],
                    "seconds": [second * (epoch + seed) for epoch in (1, 2, 3)],
                    "parameters": 18594 + 12096 * convolutions,
                    "flops": 419424 + 1000 * convolutions,
                }
            )
    return rows


ABOUT = {**COMPACT.heading(), "pictures": PICTURES}


def made_up_table(path, second: float = 1.0):
    """Write the table and return its path; ``second`` is what an epoch costs."""
    write_table(path, WHERE, ABOUT, made_up_rows(second))
    return path
