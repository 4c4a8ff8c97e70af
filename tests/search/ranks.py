"""A search by several processes, for tests: what torchrun starts.

    torchrun --nproc-per-node 2 ranks.py FOLDER WAY

WAY "plain" is the real thing; "even" takes the batch norms' statistics out, so that
parts of a batch add up to the whole. Each process writes what it ended with.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from conftest import noisy_patterns

from gaea_mini.search import Bilevel, Budget, SingleLevel, darts, gaea, gdas, search
from gaea_mini.search import keeper as keepers
from gaea_mini.search.distributed import joined
from gaea_mini.supernet import space

BUDGET = Budget(
    *("test", 4, 1, 8, 100, 0.2, 2, 4, 8), crop=1, clip=0.5, weight_decay=0.0
)
METHODS = {
    "bilevel": gaea(darts(objective=Bilevel()), lr=1.0),
    "one pass": gaea(darts(objective=SingleLevel(passes=1)), lr=1.0),
    "second order": darts(lr=0.1, objective=Bilevel(order=2)),
    "samples": gaea(gdas(), lr=1.0),
}


def even(x, mean, variance, weight=None, bias=None, training=False, *rest):
    """In place of a batch norm: the scale alone, and nothing of the other pictures."""
    return 0.5 * x if weight is None else 0.5 * x * weight[:, None, None]


def main(folder: Path, way: str) -> None:
    torch.set_num_threads(1)
    if way == "even":
        F.batch_norm = even
    data = noisy_patterns()
    with joined("cpu") as (ranks, device):
        for name, method in METHODS.items():
            kept = []
            real = keepers.Keeper.end

            def end(self, run, state, real=real, kept=kept):
                real(self, run, state)
                kept[:] = [
                    p.detach().clone() for p in (*state.parameters, *state.weights)
                ]

            keepers.Keeper.end = end
            file = folder / f"{name}.pt"
            options = {"device": device, "checkpoint": file, "ranks": ranks}
            *_, run = search(space("compact"), data, method, BUDGET, 3, **options)
            keepers.Keeper.end = real
            out = {"run": run.to_dict(), "kept": kept}
            torch.save(out, folder / f"{name}-{ranks.rank}-of-{ranks.count}.out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
