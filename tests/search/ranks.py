"""A search by several processes, for tests: what torchrun starts.

    torchrun --nproc-per-node 2 ranks.py FOLDER WAY

WAY "plain" is the real thing. "parts" is for one process: in its losses every batch
norm standardises the even and the odd pictures of a batch apart, as two processes do.
Each process writes what it ended with.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from conftest import noisy_patterns

from gaea_mini.search import Bilevel, Budget, SingleLevel, darts, gaea, gdas, search
from gaea_mini.search import keeper as keepers
from gaea_mini.search.distributed import Ranks, joined
from gaea_mini.search.state import State
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


whole = F.batch_norm


def in_two_parts(x, mean, variance, weight=None, bias=None, training=False, *rest):
    """A batch norm as two processes compute it together."""
    assert training and mean is None and variance is None, "it keeps statistics"
    out = torch.empty_like(x)
    for rank in (0, 1):
        part = x[Ranks(rank, 2).part]
        out[Ranks(rank, 2).part] = whole(part, None, None, weight, bias, True, *rest)
    return out


def loss_in_two_parts(state, batch, weights, real=State.loss):
    """Accuracy is measured on whole batches by either; so only the loss is changed."""
    F.batch_norm = in_two_parts
    try:
        return real(state, batch, weights)
    finally:
        F.batch_norm = whole


def main(folder: Path, way: str) -> None:
    torch.set_num_threads(1)
    if way == "parts":
        State.loss = loss_in_two_parts
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
