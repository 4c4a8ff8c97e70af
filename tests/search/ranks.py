"""A search by several processes, for tests: what torchrun starts.

    torchrun --nproc-per-node 2 ranks.py FOLDER WAY

WAY "plain" is the real thing. "parts" is for one process: in its losses every batch
norm standardises the even and the odd pictures of a batch apart, as two processes do.
"cut" ends process 0 within epoch 2 of the first method, a step after a checkpoint.
Each process writes what it ended with.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from conftest import noisy_patterns
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gaea_mini.search import Bilevel, Budget, SingleLevel, darts, gaea, gdas, search
from gaea_mini.search import keeper as keepers
from gaea_mini.search.distributed import Ranks, joined
from gaea_mini.search.speed import EXACT
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


class Loss(nn.Module):
    """A search's loss as a module that also holds theta, for the library to wrap."""

    def __init__(self, state):
        super().__init__()
        self.network = state.network
        self.theta = nn.ParameterList(state.parameters)
        state.parameters = list(self.theta)
        self.state = [state]

    def forward(self, pictures, labels):
        (state,) = self.state
        return F.cross_entropy(self.network(pictures, *state.sample()), labels)


def beside_the_library(folder: Path) -> None:
    """Gradients of theta and weights: our all-reduce, the library's, and no reduce."""
    with joined("cpu") as (ranks, device):
        for name in ("one pass", "samples"):
            state = State(
                *(space("compact"), noisy_patterns(), METHODS[name], BUDGET, 3),
                *(torch.device(device), "fast", EXACT, ranks),
            )
            module = Loss(state)
            batch = next(iter(state.weight_batches))
            drawn = state.draws.get_state()
            inputs = [*state.parameters, *state.weights]
            ours = state.gradients(module(*batch), inputs)
            state.draws.set_state(drawn)
            alone = torch.autograd.grad(module(*batch), inputs, allow_unused=True)
            state.draws.set_state(drawn)
            library = DistributedDataParallel(module, find_unused_parameters=True)
            library(*batch).backward()
            theirs = [parameter.grad for parameter in inputs]
            out = {"ours": ours, "theirs": theirs, "alone": alone}
            torch.save(out, folder / f"{name}-{ranks.rank}.out")


def cut(state, losses):
    if (state.epoch, state.step) == (1, 3):
        raise SystemExit(3)


def main(folder: Path, way: str) -> None:
    torch.set_num_threads(1)
    if way == "library":
        return beside_the_library(folder)
    if way == "parts":
        State.loss = loss_in_two_parts
    options = {}
    if way == "cut":
        keepers.LOOK_EVERY = 0.0
        options = {"minutes": 0, "tick": cut}
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
            options |= {"device": device, "checkpoint": file, "ranks": ranks}
            *_, run = search(space("compact"), data, method, BUDGET, 3, **options)
            keepers.Keeper.end = real
            out = {"run": run.to_dict(), "kept": kept}
            torch.save(out, folder / f"{name}-{ranks.rank}-of-{ranks.count}.out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
