"""Updates: how the architecture parameters move. Each one makes a torch optimizer.

``ExponentiatedGradient`` is the second half of GAEA.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from gaea_mini.errors import require_positive, require_range
from gaea_mini.search.optimizers import EG, ProjectedGradient

Parameters = list[Tensor]  # the operations' (K, E, O), then any edge weights


@dataclass(frozen=True)
class ExponentiatedGradient:
    """EG on theta, from the uniform point. No momentum, no weight decay.

    Eq. (eq-gaea); edge weights by Eq. (eq-gaea-edges). Defaults: lr 0.1 and floor 1e-5
    as in GAEA (section 4 and the authors' code). Edge weights move with the same step
    and have no floor, as there. A row is normalised, lifted to the floor, and
    normalised again; ``EG`` says how that code differs. The pull towards uniform
    weights of its GAEA-GDAS configuration (a KL divergence times 0.01) is not here.
    """

    lr: float = 0.1
    floor: float = 1e-5
    on: ClassVar[str] = "simplex"

    def __post_init__(self) -> None:
        require_range("floor", self.floor, 1)

    def start(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        return torch.full(shape, 1 / shape[-1])

    def optimizer(self, parameters: Parameters) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = [{"params": parameters[:1]}]
        if len(parameters) > 1:
            # Eq. (eq-gaea-edges)
            groups.append({"params": parameters[1:], "floor": 0.0})
        return EG(groups, self.lr, self.floor, check=False)


@dataclass(frozen=True)
class ProjectedStep:
    """Gradient descent on theta, projected onto the simplex after every step.

    Not a published method for search: the Euclidean control for EG.
    """

    lr: float = 0.1
    on: ClassVar[str] = "simplex"

    def start(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        return torch.full(shape, 1 / shape[-1])

    def optimizer(self, parameters: Parameters) -> torch.optim.Optimizer:
        return ProjectedGradient(parameters, self.lr, check=False)


@dataclass(frozen=True)
class LogitsAdam:
    """Adam on logits, as in DARTS: lr 3e-4, betas (0.5, 0.999), weight decay 1e-3.

    Logits start at 1e-3 times a normal draw, so that theta is nearly uniform.
    """

    lr: float = 3e-4
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 1e-3
    on: ClassVar[str] = "logits"

    def __post_init__(self) -> None:
        require_range("beta1", self.beta1, 1)
        require_range("beta2", self.beta2, 1)
        require_range("weight_decay", self.weight_decay)

    def start(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        return 1e-3 * torch.randn(shape, generator=draws)

    def optimizer(self, parameters: Parameters) -> torch.optim.Optimizer:
        require_positive("lr_theta", self.lr)
        return torch.optim.Adam(
            parameters,
            self.lr,
            betas=(self.beta1, self.beta2),
            weight_decay=self.weight_decay,
        )


@dataclass(frozen=True)
class LogitsSGD:
    """Plain gradient descent on logits: the softmax counterpart of one EG step."""

    lr: float = 0.1
    on: ClassVar[str] = "logits"

    def start(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        return 1e-3 * torch.randn(shape, generator=draws)

    def optimizer(self, parameters: Parameters) -> torch.optim.Optimizer:
        require_positive("lr_theta", self.lr)
        return torch.optim.SGD(parameters, self.lr)


@dataclass(frozen=True)
class Frozen:
    """Theta stays where it starts, uniform (RS-WS: there is nothing to learn)."""

    lr: ClassVar[float] = 1.0
    on: ClassVar[str] = "simplex"

    def start(self, shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
        return torch.full(shape, 1 / shape[-1])

    def optimizer(self, parameters: Parameters) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, 0.0)


Update = ExponentiatedGradient | ProjectedStep | LogitsAdam | LogitsSGD | Frozen
