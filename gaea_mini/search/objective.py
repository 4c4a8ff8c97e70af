"""Objectives: which pictures drive theta and which drive the shared weights.

Bilevel (DARTS): the pictures are split in halves; theta descends the validation loss,
the weights the training loss. Single-level: both descend the same training loss, which
is empirical risk minimisation over the supernet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from gaea_mini.errors import InputError, require_positive

if TYPE_CHECKING:
    from gaea_mini.search.state import State

Batch = tuple[Tensor, Tensor]
Losses = tuple[Tensor, Tensor]  # (theta's, the weights')


def theta_step(state: "State", batch: Batch) -> Tensor:
    """Move theta against its loss gradient at the present weights; returns the loss.

    Theta's gradient is asked for and no other, so nothing from a weight
    step can be left in it, and no time goes into gradients that nobody uses.
    """
    if state.theta_rests():
        with torch.no_grad():
            return state.loss(batch, state.sample())
    loss, shown = state.method.relaxation.theta_loss(state, batch)
    state.descend_theta(state.gradients(loss, state.parameters))
    state.precision.end()
    return shown


def weight_step(state: "State", batch: Batch) -> Tensor:
    """Move the shared weights against their loss gradient; returns the loss."""
    loss = state.loss(batch, state.sample_for_weights())
    state.descend_weights(state.gradients(loss, state.weights))
    state.precision.end()
    return loss.detach()


def unrolled_theta_step(
    state: "State", theta_batch: Batch, weight_batch: Batch, reach: float = 0.01
) -> Tensor:
    r"""Move theta against its second-order gradient; returns the validation loss.

    .. math::
        \nabla_\theta L_{va}(w', \theta) - \xi \,
        \frac{\nabla_\theta L_{tr}(w^+, \theta) - \nabla_\theta L_{tr}(w^-, \theta)}{2R}

    Eq. (eq-second-order), with w' the weights after one step of the weights' optimizer
    (learning rate xi, momentum and weight decay included), v the gradient of L_va in
    w', w^\pm = w \pm R v and R = reach / ||v||. Source: DARTS, equations 7 and 8, with
    its reach of 0.01. So long a reach crosses kinks of the ReLUs, and the quotient is
    only roughly the derivative; a short reach in float64 gives it to many digits.
    """
    weights, saved = state.weights, [w.detach().clone() for w in state.weights]
    group = state.weight_optimizer.param_groups[0]
    xi = group["lr"]
    training = state.loss(weight_batch, state.sample().detached())
    slope = state.gradients(training, weights)
    step = [
        g + group["weight_decay"] * start + group["momentum"] * _momentum(state, w)
        for g, start, w in zip(slope, saved, weights, strict=True)
    ]
    _set(weights, saved, step, -xi)  # w'
    validation = state.loss(theta_batch, state.sample())
    count = len(state.parameters)
    gradients = state.gradients(validation, [*state.parameters, *weights])
    direct, v = gradients[:count], gradients[count:]
    radius = reach / float(torch.stack([g.norm() for g in v]).norm())
    sides = []
    for sign in (1, -1):
        _set(weights, saved, v, sign * radius)  # w+ and w-
        loss = state.loss(weight_batch, state.sample())
        sides.append(state.gradients(loss, state.parameters))
    _set(weights, saved, v, 0.0)
    # Eq. (eq-second-order)
    state.descend_theta(
        tuple(
            g - xi * (plus - minus) / (2 * radius)
            for g, plus, minus in zip(direct, *sides, strict=True)
        )
    )
    return validation.detach()


def _momentum(state: "State", weight: Tensor) -> Tensor | float:
    """The momentum buffer of a weight; 0 before the first step."""
    buffer = state.weight_optimizer.state[weight].get("momentum_buffer")
    return 0.0 if buffer is None else buffer


@torch.no_grad()
def _set(
    weights: list[Tensor], base: list[Tensor], way: Sequence[Tensor], far: float
) -> None:
    """weights = base + far * way."""
    for weight, start, direction in zip(weights, base, way, strict=True):
        weight.copy_(start + far * direction)


@dataclass(frozen=True)
class Bilevel:
    r"""theta on one half of the pictures, the weights on the other half.

    .. math::
        \min_\theta L_{va}(w^*(\theta), \theta)
        \quad \text{with} \quad w^*(\theta) = \arg\min_w L_{tr}(w, \theta)

    Eq. (eq-bilevel). One step of theta alternates with one step of the weights.

    Args:
      order: 1 takes the present weights for w*(theta); 2 takes the weights one step
        ahead and follows the gradient through that step.
      reach: of the finite difference of order 2, 0.01 in DARTS.
      theta_first: theta's step before the weights', as in DARTS; GDAS's code does the
        weights first.
    """

    order: int = 1
    reach: float = 0.01
    theta_first: bool = True
    name: ClassVar[str] = "bilevel"

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise InputError(f"order is {self.order}; it must be 1 or 2")
        require_positive("reach", self.reach)

    def split(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Indices of (theta's pictures, the weights' pictures): disjoint halves."""
        order = torch.randperm(count, generator=generator)
        return order[: count // 2], order[count // 2 :]

    def epoch(self, state: "State") -> Iterator[Losses]:
        # Of an odd number, one half has one picture more, and perhaps one batch more.
        for theta_batch, weight_batch in zip(*state.streams(), strict=False):
            if not self.theta_first:
                loss_w = weight_step(state, weight_batch)
                yield theta_step(state, theta_batch), loss_w
                continue
            if self.order == 2 and not state.theta_rests():
                loss_theta = unrolled_theta_step(
                    state, theta_batch, weight_batch, self.reach
                )
            else:
                loss_theta = theta_step(state, theta_batch)
            yield loss_theta, weight_step(state, weight_batch)


@dataclass(frozen=True)
class SingleLevel:
    r"""Both on all pictures: empirical risk minimisation over the supernet.

    .. math::
        \min_{w, \theta} L_{tr}(w, \theta)

    Eq. (eq-single-level). With ``passes=2`` theta and the weights take turns on two
    independently shuffled minibatches, as the authors do. With ``passes=1`` both
    gradients come from one backward pass over one minibatch: half the work, and a
    different algorithm (a simultaneous step).
    """

    passes: int = 2
    name: ClassVar[str] = "single-level"

    def __post_init__(self) -> None:
        if self.passes not in (1, 2):
            raise InputError(f"passes is {self.passes}; it must be 1 or 2")

    def split(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Indices of (theta's pictures, the weights' pictures): all, twice."""
        return torch.arange(count), torch.arange(count)

    def epoch(self, state: "State") -> Iterator[Losses]:
        theta_batches, weight_batches = state.streams()
        if self.passes == 1:
            for batch in weight_batches:
                yield self.joint_step(state, batch)
        else:
            for theta_batch, weight_batch in zip(
                theta_batches, weight_batches, strict=True
            ):
                yield theta_step(state, theta_batch), weight_step(state, weight_batch)

    def joint_step(self, state: "State", batch: Batch) -> Losses:
        """One forward and one backward pass for both; needs a differentiable loss."""
        loss, shown = state.method.relaxation.theta_loss(state, batch)
        gradients = state.gradients(loss, [*state.parameters, *state.weights])
        count = len(state.parameters)
        if not state.theta_rests():
            state.descend_theta(gradients[:count])
        state.descend_weights(gradients[count:])
        state.precision.end()
        return shown, shown


Objective = Bilevel | SingleLevel
OBJECTIVES: dict[str, type[Bilevel] | type[SingleLevel]] = {
    "bilevel": Bilevel,
    "single-level": SingleLevel,
}
