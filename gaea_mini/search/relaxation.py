"""Relaxations: what the supernet is given in place of a single cell.

A relaxation turns architecture parameters into the weights of one forward pass. It is
a mixture of all operations, or a sample of one operation an edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from gaea_mini.errors import InputError, require_positive, require_whole
from gaea_mini.supernet import Space
from gaea_mini.supernet.base import Active

if TYPE_CHECKING:
    from gaea_mini.search.state import State
    from gaea_mini.search.update import Update

Batch = tuple[Tensor, Tensor]
Geometry = Literal["logits", "simplex"]
Estimator = Literal["shortcut", "exact"]


class Weights(NamedTuple):
    """The arguments of ``supernet(x, *weights)`` beside the pictures.

    Attributes:
      theta: (K, E, O); with edge weights, times them.
      active: per kind and edge the operations to compute; None computes all.
      constant_rest: what is not computed counts as the constant 1 (GDAS's shortcut).
    """

    theta: Tensor
    active: list[Active] | None = None
    constant_rest: bool = False

    def detached(self) -> "Weights":
        """The same weights, cut off from the architecture parameters."""
        return self._replace(theta=self.theta.detach(), constant_rest=False)


@dataclass(frozen=True)
class Mixture:
    r"""Every operation takes part, weighted by theta (DARTS, PC-DARTS).

    With ``on="logits"`` the parameters are alpha and theta = softmax(alpha), row by
    row, Eq. (eq-softmax). With ``on="simplex"`` the parameters are theta itself: no
    softmax anywhere.

    Args:
      on: where the parameters live.
      edge_weights: also learn one weight an edge; those that enter a node lie on a
        simplex of their own (PC-DARTS's edge normalisation), Eq. (eq-edge-norm).
      partial: only 1/partial of the channels go through the operations,
        Eq. (eq-partial).
    """

    on: Geometry = "logits"
    edge_weights: bool = False
    partial: int = 1

    def __post_init__(self) -> None:
        require_geometry(type(self).__name__, self.on)
        require_whole("partial", self.partial)

    def __call__(self, parameters: Tensor) -> Tensor:
        """Rows on the simplex (..., O), differentiable in ``parameters``."""
        return parameters if self.on == "simplex" else torch.softmax(parameters, dim=-1)

    def shapes(self, space: Space) -> list[tuple[int, ...]]:
        """Shapes of the parameters; the last axis of each is one simplex."""
        groups = space.groups(self.edge_weights)
        return [space.shape, *((len(space.kinds), size) for size in groups)]

    def start(
        self, space: Space, update: "Update", draws: torch.Generator
    ) -> list[Tensor]:
        """The parameters before the first step."""
        return [update.start(shape, draws) for shape in self.shapes(space)]

    def theta(self, parameters: Sequence[Tensor]) -> Tensor:
        """Theta (K, E, O), rows on the simplex, differentiable."""
        return self(parameters[0])

    def edges(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Edge weights (K, group), each group on a simplex; empty if not learned."""
        return [self(p) for p in parameters[1:]]

    def weights(
        self, parameters: Sequence[Tensor], draws: torch.Generator, progress: float
    ) -> Weights:
        """Weights of one forward pass, edge weights aside; ``sample`` joins the two."""
        return Weights(self.theta(parameters))

    def sample(self, state: "State", perturbation: float = 0.0) -> Weights:
        """Fresh weights of one forward pass, theta shifted at random if asked for."""
        weights = self.weights(state.parameters, state.draws, state.progress)
        theta = weights.theta
        if perturbation > 0:
            noise = torch.rand(theta.shape, generator=state.draws).to(theta)
            theta = (theta + perturbation * (2 * noise - 1)).clamp(min=0)
            theta = theta / theta.sum(-1, keepdim=True)
        if weights.active is None:
            weights = weights._replace(active=state.active_set.of(theta, state.step))
        theta = state.space.weigh(theta, self.edges(state.parameters))
        return weights._replace(theta=theta)

    def theta_loss(self, state: "State", batch: Batch) -> tuple[Tensor, Tensor]:
        """What the architecture parameters descend, and the loss to record."""
        loss = state.loss(batch, state.sample())
        return loss, loss.detach()

    def choose(self, state: "State") -> str:
        """The cell that the search would end with now: theta, rounded."""
        return state.space.round(state.theta(with_edges=True))


@dataclass(frozen=True)
class GumbelSample(Mixture):
    r"""One operation an edge, drawn with probability theta (GDAS).

    .. math::
        p = \operatorname{softmax}((\log\theta + g) / \tau), \quad
        h = \text{onehot}(\arg\max p) - \text{stopgrad}(p) + p

    Eq. (eq-gumbel), with g = -log Exp(1): a straight-through sample, one for all
    cells. tau falls linearly over the epochs. (Dong and Yang, CVPR 2019.)

    Args:
      estimator: "shortcut" computes only the drawn operation and counts the others as
        the constant 1 in the backward pass, as GDAS's code does, Eq. (eq-shortcut);
        "exact" computes them all, which is the gradient of the formula above.
    """

    estimator: Estimator = "shortcut"
    tau_start: float = 10.0
    tau_end: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("tau_start", self.tau_start)
        require_positive("tau_end", self.tau_end)
        if self.estimator not in get_args(Estimator):
            raise InputError(
                f"GumbelSample(estimator={self.estimator!r}): take "
                f"{' or '.join(get_args(Estimator))}"
            )
        if self.edge_weights or self.partial != 1:
            raise InputError(
                "GumbelSample: edge weights and partial channels are for "
                "mixtures; take Mixture for them"
            )

    def weights(
        self, parameters: Sequence[Tensor], draws: torch.Generator, progress: float
    ) -> Weights:
        theta = self.theta(parameters)
        noise = torch.empty(theta.shape).exponential_(generator=draws).log().neg()
        tau = self.tau_start + (self.tau_end - self.tau_start) * progress
        # A weight may be 0, whose logarithm has no gradient.
        log = theta.clamp(min=torch.finfo(theta.dtype).tiny).log()
        # Eq. (eq-gumbel)
        soft = torch.softmax((log + noise.to(theta.device)) / tau, dim=-1)
        hard = F.one_hot(soft.argmax(dim=-1), theta.shape[-1])
        sample = hard - soft.detach() + soft
        if self.estimator == "exact":
            return Weights(sample)
        # Eq. (eq-shortcut)
        return Weights(sample, only(hard), constant_rest=True)


@dataclass(frozen=True)
class UniformSample(Mixture):
    """One cell of the space for each pass, all equally likely: no theta (RS-WS).

    Eq. (eq-uniform-cell). After the search ``candidates`` cells are drawn and each is
    scored with the shared weights on one batch of theta's pictures; the best is the
    result. Source: Li and Talwalkar, UAI 2019.
    """

    candidates: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("candidates", self.candidates)

    def sample(self, state: "State", perturbation: float = 0.0) -> Weights:
        # Eq. (eq-uniform-cell)
        theta, active = state.space.draw(state.draws)
        return Weights(theta.to(state.parameters[0]), active)

    def choose(self, state: "State") -> str:
        return best_of(state, [state.sample() for _ in range(self.candidates)])


@torch.no_grad()
def best_of(state: "State", candidates: list[Weights]) -> str:
    """Of sampled cells the one that gets most of a batch of theta's pictures right."""
    pictures, labels = state.scoring_batch()
    right = [
        int((state.scores(pictures, weights).argmax(1) == labels).sum())
        for weights in candidates
    ]
    theta = candidates[right.index(max(right))].theta
    return state.space.round(theta.cpu().numpy())


def only(hard: Tensor) -> list[Active]:
    """For a one-hot (K, E, O): per kind and edge the one operation, for ``active``."""
    return [[(o,) for o in row] for row in hard.argmax(dim=-1).tolist()]


def require_geometry(name: str, on: str) -> None:
    """Refuse a geometry that there is not."""
    if on not in get_args(Geometry):
        raise InputError(f"{name}(on={on!r}): take {' or '.join(get_args(Geometry))}")
