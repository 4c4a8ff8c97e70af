"""The steps that ``gaea_mini.bench`` times: one function for each contender.

- ``fast``: the step of a search. It asks only for the gradients that it needs.
- ``reference``: the step as public code takes it. One module for each edge and
  operation, pictures in NCHW order, and ``loss.backward()`` for all gradients, used or
  not. Of a sample it computes the drawn operations only, as public code does.
- ``path``: for methods that sample one operation an edge. Nothing but the drawn
  operations, and gradients of nothing else.
- ``floor``: the convolutions of the fast step, and nothing else.

Of a sample, the fast step gives what was not drawn a gradient of 0, so that momentum
and weight decay still move it. For ``reference`` and ``path`` it has no gradient, and
stays as it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gaea_mini.bench.path  # noqa: F401 (adds the form "path")
from gaea_mini.bench.floor import floor_of
from gaea_mini.data import Pictures
from gaea_mini.search import PRESETS, GumbelSample, SingleLevel, UniformSample, method
from gaea_mini.search.objective import theta_step
from gaea_mini.search.relaxation import Weights
from gaea_mini.search.state import State
from gaea_mini.supernet import space

Step = Callable[[], None]


@dataclass(frozen=True)
class Contender:
    """One form of one method's step, at one size."""

    form: str  # "fast", "reference", "path" or "floor"
    space: str = "nasbench201"
    method: str = "gaea-darts"
    objective: str = "bilevel"  # or "single-level": one pass, another algorithm
    channels: int = 8
    cells: int = 1
    batch: int = 64
    size: int = 32
    threads: int = 1


class OneStep(State):
    """A state whose every epoch is one step, always on the same two batches."""

    def pin(self, layout: torch.memory_format) -> "OneStep":
        """Keep the first batch of each stream, and everything in this layout."""
        self.network.to(memory_format=layout)
        self.batches = [
            (pictures.contiguous(memory_format=layout), labels)
            for pictures, labels in map(next, super().streams())
        ]
        return self

    def streams(self) -> tuple[Iterator[Any], Iterator[Any]]:
        theta_batch, weight_batch = self.batches
        return iter([theta_batch]), iter([weight_batch])


def build_step(contender: Contender) -> Step:
    """A function without arguments that takes one step.

    Raises:
      InputError: the package refuses the method on this space.
    """
    if contender.form == "floor":
        return floor_of(build_step(replace(contender, form="fast")))
    state = build_state(contender)
    take = {"fast": fast_step, "reference": plain_step, "path": path_step}
    return lambda: take[contender.form](state)


def build_state(contender: Contender) -> OneStep:
    """A search of the contender before its first step, on pictures of noise."""
    size, batch = contender.size, contender.batch
    draw = np.random.default_rng(0)
    x = draw.standard_normal((4 * batch, size, size, 3), dtype=np.float32)
    y = draw.integers(0, 10, 4 * batch)
    data = Pictures("noise", x, y, x[:1], y[:1], tuple("0123456789"))
    budget = replace(
        PRESETS["cpu"],
        channels=contender.channels,
        cells=contender.cells,
        size=size,
        batch=batch,
        pictures=None,
    )
    joint = contender.objective == "single-level"
    chosen = method(contender.method, objective=SingleLevel(1) if joint else None)
    chosen = replace(chosen, warm_up=0)  # theta moves from the first step on
    where, cpu = space(contender.space), torch.device("cpu")
    state = OneStep(where, data, chosen, budget, 0, cpu, contender.form)
    plain = contender.form == "reference"
    return state.pin(torch.contiguous_format if plain else torch.channels_last)


def samples(name: str) -> bool:
    """Whether a method draws one operation an edge, so that it has a path."""
    return isinstance(method(name).relaxation, GumbelSample | UniformSample)


def fast_step(state: OneStep) -> None:
    """The package's own step."""
    for _ in state.method.objective.epoch(state):
        pass


def plain_step(state: OneStep) -> None:
    """The same step with ``loss.backward()``; theta and weights in the same order."""
    turns = [plain_theta, lambda state: descend_weights(state, state.sample())]
    for turn in turns if theta_first(state) else reversed(turns):
        turn(state)


def path_step(state: OneStep) -> None:
    """The same step, which touches the drawn operations and their weights only."""
    turns: list[Callable[[OneStep], Any]] = [
        lambda state: theta_step(state, state.batches[0]),
        lambda state: descend_weights(state, state.sample_for_weights()),
    ]
    for turn in turns if theta_first(state) else reversed(turns):
        turn(state)


def theta_first(state: OneStep) -> bool:
    """Whether theta moves before the weights."""
    return getattr(state.method.objective, "theta_first", True)


def plain_theta(state: OneStep) -> None:
    """Move theta, of the first or the second order, with gradients of everything."""
    if state.theta_rests():
        with torch.no_grad():
            state.loss(state.batches[0], state.sample())
        return
    if getattr(state.method.objective, "order", 1) == 2:
        plain_unrolled(state)
    else:
        clear(state)
        loss, _ = state.method.relaxation.theta_loss(state, state.batches[0])
        loss.backward()
    state.theta_optimizer.step()


def plain_unrolled(state: OneStep) -> None:
    """Leave the second-order gradient in theta: DARTS, equations 7 and 8."""
    theta_batch, weight_batch = state.batches
    weights, optimizer = state.weights, state.weight_optimizer
    group = optimizer.param_groups[0]
    saved = [w.detach().clone() for w in weights]

    def slopes(batch: tuple[Tensor, Tensor]) -> tuple[list[Any], list[Any]]:
        clear(state)
        state.loss(batch, state.sample()).backward()
        return [p.grad for p in state.parameters], [w.grad for w in weights]

    @torch.no_grad()
    def go(way: list[Tensor], far: float) -> None:
        for w, start, direction in zip(weights, saved, way, strict=True):
            w.copy_(start + far * direction)

    _, slope = slopes(weight_batch)
    ahead = []
    for w, g in zip(saved, slope, strict=True):
        ahead.append(g + group["weight_decay"] * w)
    for step, w in zip(ahead, weights, strict=True):
        if "momentum_buffer" in optimizer.state[w]:
            step += group["momentum"] * optimizer.state[w]["momentum_buffer"]
    go(ahead, -group["lr"])
    direct, v = slopes(theta_batch)
    length = torch.stack([g.norm() for g in v]).norm()
    radius = state.method.objective.reach / float(length)  # type: ignore[union-attr]
    go(v, radius)
    plus, _ = slopes(weight_batch)
    go(v, -radius)
    minus, _ = slopes(weight_batch)
    go(v, 0.0)
    for p, g, up, down in zip(state.parameters, direct, plus, minus, strict=True):
        p.grad = g - group["lr"] * (up - down) / (2 * radius)


def descend_weights(state: OneStep, weights: Weights) -> None:
    """Move what took part in the loss; the other weights stay untouched."""
    clear(state)
    state.loss(state.batches[1], weights).backward()
    torch.nn.utils.clip_grad_norm_(state.weights, state.budget.clip)
    state.weight_optimizer.step()


def clear(state: OneStep) -> None:
    """Forget all gradients."""
    state.theta_optimizer.zero_grad()
    state.weight_optimizer.zero_grad()
