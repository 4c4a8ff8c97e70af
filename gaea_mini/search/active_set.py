"""Leave operations out whose weight is small, and measure what that changes."""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.errors import InputError
from gaea_mini.supernet.base import Active

if TYPE_CHECKING:
    from gaea_mini.search.relaxation import Batch
    from gaea_mini.search.state import State

FULL_EVERY = 10  # steps


class ActiveSet:
    """The operations of a mixture that a step computes: those of weight >= ``below``.

    An approximation: the others are taken for 0 and their weights get no gradient. EG
    leaves such a weight as it is up to the normalisation of its row. The first step of
    an epoch, and every tenth from there, computes all, so that an operation can grow
    again. Their part of the gradient is not small, only the step that EG makes of it
    (it multiplies the weight); ``skipping_error`` measures both.

    Args:
      below: a threshold on theta, edge weights aside; 0 computes everything.
      shape: (K, E, O). The heaviest weight of a row is at least 1 / O, so a threshold
        below that leaves no row empty.

    Raises:
      InputError: a threshold below 0, or 1 / O or more.
    """

    def __init__(self, below: float, shape: tuple[int, ...]):
        if not 0 <= below < 1 / shape[-1]:
            raise InputError(
                f"skip_below is {below}; it must be 0 or more, and below "
                f"{1 / shape[-1]:.3g} where there are {shape[-1]} operations"
            )
        self.below, self.all = below, math.prod(shape)
        self.passes = self.computed = 0

    @torch.no_grad()
    def of(self, theta: Tensor, step: int) -> list[Active] | None:
        """Per kind and edge of theta (K, E, O) the operations; None is all of them."""
        if self.below == 0:
            return None
        # A full step is asked for with None, which costs no look at theta.
        large = torch.ones_like(theta) if step % FULL_EVERY == 0 else theta
        kept = large >= self.below
        self.passes += 1
        self.computed += int(kept.sum())
        if kept.all():
            return None
        return [
            [tuple(o for o, on in enumerate(row) if on) for row in rows]
            for rows in kept.tolist()
        ]

    def mean(self) -> float | None:
        """Operations that a forward pass computed, on average since the last call.

        Before the first pass all of them; None if the threshold is 0.
        """
        if self.below == 0:
            return None
        mean = self.computed / self.passes if self.passes else float(self.all)
        self.passes = self.computed = 0
        return mean


class SkippingError(NamedTuple):
    """What skipping changed on one batch, as parts of the norms without it.

    Attributes:
      logits: the change of the supernet's output.
      kept: the change of theta's gradient in the operations that were computed.
      lost: theta's gradient in the operations that were not, which is taken for 0.
    """

    logits: float
    kept: float
    lost: float


def skipping_error(
    state: "State", theta: Tensor, below: float, batch: "Batch"
) -> SkippingError:
    """Compute a batch with all operations and with those of weight >= ``below``.

    Args:
      state: a search; nothing in it is changed.
      theta: (K, E, O), rows on the simplex.
      below: the threshold.
      batch: pictures (B, C, H, W) and labels (B,).
    """
    active = ActiveSet(below, tuple(theta.shape)).of(theta, step=1)
    edges = [e.detach() for e in state.method.relaxation.edges(state.parameters)]
    logits, gradients = [], []
    for chosen in (None, active):
        point = theta.detach().clone().requires_grad_()
        scores = state.network(batch[0], state.space.weigh(point, edges), chosen)
        loss = F.cross_entropy(scores, batch[1])
        logits.append(scores.detach())
        gradients.append(torch.autograd.grad(loss, point)[0])
    on = theta >= below
    change = gradients[1] - gradients[0]
    return SkippingError(
        float((logits[1] - logits[0]).norm() / logits[0].norm()),
        float(change[on].norm() / gradients[0][on].norm()),
        float(gradients[0][~on].norm() / gradients[0].norm()),
    )
