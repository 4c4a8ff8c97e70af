"""The search loop, a generator: after every epoch it yields the record so far."""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError
from gaea_mini.search.budget import Budget
from gaea_mini.search.curvature import dominant_eigenvalue
from gaea_mini.search.distributed import ALONE, Ranks
from gaea_mini.search.keeper import Keeper, Tick, require_finite
from gaea_mini.search.method import Method
from gaea_mini.search.precision import device_named
from gaea_mini.search.relaxation import only
from gaea_mini.search.run import Run, peak_mb, settle
from gaea_mini.search.speed import EXACT, Speed
from gaea_mini.search.state import State
from gaea_mini.simplex import entropy
from gaea_mini.supernet import Space


def search(
    space: Space,
    data: Pictures,
    method: Method,
    budget: Budget,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    form: str = "fast",
    curvature: bool = False,
    precision: str = "float32",
    compile: bool = False,
    skip_below: float = 0.0,
    watch: Callable[[State], Any] | None = None,
    graphs: bool = False,
    minutes: float | None = None,
    tick: Tick | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Run]:
    """Search for a cell; yields the growing record, first of the start, then per epoch.

    The last record yielded is the whole search::

        for run in search(space("compact"), data, gaea(darts()), Budget()):
            print(run.epoch, run.entropy[-1], run.genotype[-1])

    Args:
      space: which cells there are.
      data: pictures, already at the budget's size.
      method: what moves theta, how, and on which data.
      budget: size and length.
      seed: of everything random; the same seed gives the same record on the CPU.
      device: "cpu", "cuda", "cuda:1", ...
      checkpoint: a file to continue from if it is there, and to write every epoch.
      form: "fast" or "reference" cell.
      curvature: also record the dominant eigenvalue of the Hessian of theta's loss, by
        up to 50 products of it after every epoch.
      precision: "float32"; "bfloat16"; or, on CUDA only, "float16". The supernet
        computes in it, theta and the weights stay in float32.
      compile: hand the supernet to torch.compile; on the CPU this was measured to be
        slower, see ``Speed``.
      skip_below: of a mixture, do not compute operations of smaller weight, except in
        every tenth step; an approximation, see ``ActiveSet``.
      watch: called with the state at the start and after every epoch; what it returns,
        plain data, is recorded in ``watched``. It must draw no random numbers from the
        state.
      graphs: CUDA graphs of the compiled supernet; see ``Speed``.
      minutes: write the checkpoint within an epoch too, this often.
      tick: called about once a second; see ``Keeper``.
      ranks: this process's part in a search by several; see ``distributed``.

    Raises:
      InputError: data too small, no such device, a checkpoint that cannot be written or
        is of another search, options that do not go together, or a loss that is no
        longer finite.
    """
    where = device_named(device)
    speed = Speed(precision, compile, skip_below, graphs)
    config = describe(space, data, method, budget, seed, form, curvature, speed, ranks)
    keeper = Keeper(checkpoint, config, minutes, tick, ranks)
    state = State(space, data, method, budget, seed, where, form, speed, ranks)
    run = keeper.resume(state)
    settle(run, where)

    def record(loss_theta: float | None, loss_w: float | None) -> None:
        theta = state.theta()
        if not np.isfinite(theta).all():
            raise InputError(
                f"epoch {run.epoch + 1}: theta is not a finite number; lower lr_theta"
            )
        cell = method.relaxation.choose(state)
        one_hot = space.one_hot(cell)
        rows = one_hot.shape == space.shape  # if not, it holds parents too
        run.append(
            theta=theta.round(5).tolist(),
            entropy=float(entropy(theta).mean()),
            genotype=cell,
            loss_theta=loss_theta,
            loss_w=loss_w,
            accuracy_supernet=state.accuracy(state.theta(with_edges=True)),
            accuracy_rounded=state.accuracy(
                one_hot, only(torch.tensor(one_hot)) if rows else None
            ),
            edge_weights=state.edges(),
            eigenvalue=dominant_eigenvalue(state) if curvature else None,
            computed=state.active_set.mean(),
            skipped_steps=state.precision.skipped if state.precision.scaler else None,
            watched=watch(state) if watch else None,
            seconds=round(keeper.seconds(), 3),
        )
        run.peak_mb = round(max(run.peak_mb, peak_mb(where)), 1)

    if not run.theta:
        record(None, None)
    yield run
    while run.epoch < budget.epochs:
        state.begin(run.epoch)
        losses = keeper.begin(state)
        for pair in method.objective.epoch(state):
            losses.extend(ranks.mean([torch.stack(pair)]))
            state.step += 1
            keeper.step(run, state, losses)
        seen = torch.stack(losses)
        require_finite(seen, run.epoch + 1)
        record(*seen.mean(dim=0).tolist())
        keeper.end(run, state)
        yield run


def describe(
    space: Space,
    data: Pictures,
    method: Method,
    budget: Budget,
    seed: int,
    form: str = "fast",
    curvature: bool = False,
    speed: Speed = EXACT,
    ranks: Ranks = ALONE,
) -> dict[str, Any]:
    """Every name and number that determines a search, as plain data."""
    return {
        "space": space.name,
        "operations": list(space.operations),
        "edges": [list(edge) for edge in space.edges],
        "kinds": list(space.kinds),
        "method": method.name,
        "relaxation": {
            "name": type(method.relaxation).__name__,
            **asdict(method.relaxation),
        },
        "update": {"name": type(method.update).__name__, **asdict(method.update)},
        "warm_up": budget.part(method.warm_up),
        "perturbation": method.perturbation,
        "objective": method.objective.name,
        **asdict(method.objective),
        "data": data.name,
        "data_sha256": data.sha256,
        "form": form,
        "curvature": curvature,
        **speed.changed(),
        **ranks.changed(),
        "seed": seed,
        **asdict(budget),
    }
