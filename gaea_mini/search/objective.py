"""Objectives: which pictures drive theta and which drive the shared weights.

Bilevel (DARTS): the pictures are split in halves; theta descends the validation loss,
the weights the training loss. Single-level: both descend the same training loss, which
is empirical risk minimisation over the supernet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.errors import InputError

if TYPE_CHECKING:
    from gaea_mini.search.state import State

Batch = tuple[Tensor, Tensor]
Losses = tuple[Tensor, Tensor]  # (theta's, the weights')


def theta_step(state: "State", batch: Batch) -> Tensor:
    """Move theta against its loss gradient at the present weights; returns the loss.

    ``autograd.grad`` asks for theta's gradient and no other, so nothing from a weight
    step can be left in it, and no time goes into gradients that nobody uses.
    """
    pictures, labels = batch
    theta = state.method.relaxation(state.parameters)
    loss = F.cross_entropy(state.network(pictures, theta), labels)
    (state.parameters.grad,) = torch.autograd.grad(loss, state.parameters)
    state.theta_optimizer.step()
    return loss.detach()


def weight_step(state: "State", batch: Batch) -> Tensor:
    """Move the shared weights against their loss gradient; returns the loss."""
    pictures, labels = batch
    theta = state.method.relaxation(state.parameters).detach()
    loss = F.cross_entropy(state.network(pictures, theta), labels)
    state.descend_weights(torch.autograd.grad(loss, state.weights))
    return loss.detach()


@dataclass(frozen=True)
class Bilevel:
    r"""theta on one half of the pictures, the weights on the other half.

    .. math::
        \min_\theta L_{va}(w^*(\theta), \theta)
        \quad \text{with} \quad w^*(\theta) = \arg\min_w L_{tr}(w, \theta)

    Eq. (eq-bilevel). First order: the present weights stand for w*(theta), and one step
    of theta alternates with one step of the weights, theta first (as in DARTS).
    """

    name = "bilevel"

    def split(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Indices of (theta's pictures, the weights' pictures): disjoint halves."""
        order = torch.randperm(count, generator=generator)
        return order[: count // 2], order[count // 2 :]

    def epoch(self, state: "State") -> Iterator[Losses]:
        # Of an odd number, one half has one picture more, and perhaps one batch more.
        for theta_batch, weight_batch in zip(*state.streams(), strict=False):
            yield theta_step(state, theta_batch), weight_step(state, weight_batch)


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
    name = "single-level"

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
        pictures, labels = batch
        theta = state.method.relaxation(state.parameters)
        loss = F.cross_entropy(state.network(pictures, theta), labels)
        gradients = torch.autograd.grad(loss, [state.parameters, *state.weights])
        state.parameters.grad = gradients[0]
        state.theta_optimizer.step()
        state.descend_weights(gradients[1:])
        return loss.detach(), loss.detach()


Objective = Bilevel | SingleLevel
OBJECTIVES: dict[str, type[Bilevel] | type[SingleLevel]] = {
    "bilevel": Bilevel,
    "single-level": SingleLevel,
}
