"""Updates: how the architecture parameters move. Each one makes a torch optimizer.

``ExponentiatedGradient`` is the second half of GAEA. The optimizer below it works in
anyone's training loop: it takes parameters whose rows lie on the simplex and keeps them
there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from gaea_mini.errors import InputError


class EG(torch.optim.Optimizer):
    r"""Exponentiated gradient on rows (last axis) that lie on the simplex.

    .. math::
        \theta_o \leftarrow \frac{\theta_o e^{-\eta g_o}}
                                 {\sum_p \theta_p e^{-\eta g_p}}

    Eq. (eq-eg-step), with the authors' floor: weights below ``floor`` are lifted to it
    *before* the division, so that rows sum to 1 and no operation is lost for good.

    Args:
      params: tensors (..., O), rows >= 0 that sum to 1; ``step`` changes them in place.
      lr: eta > 0.
      floor: smallest weight before normalising; 1e-5 in the authors' code.

    Raises:
      InputError: lr <= 0, a floor outside [0, 1 / O), or a row off the simplex.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.1, floor: float = 1e-5
    ) -> None:
        require_positive("lr_theta", lr)
        super().__init__(params, {"lr": lr, "floor": floor})
        for group in self.param_groups:
            for theta in group["params"]:
                values = theta.detach()
                off = (values.sum(-1) - 1).abs().max().item()
                if not (off <= 1e-3 and values.min().item() >= 0):  # a NaN is off too
                    raise InputError(
                        "EG: a row is not on the simplex (weights >= 0 that sum to 1); "
                        "start from a uniform row or from softmax(alpha)"
                    )
                if not 0 <= floor < 1 / values.shape[-1]:
                    raise InputError(
                        f"EG: floor is {floor}; it must be 0 or more, and below "
                        f"{1 / values.shape[-1]:g} for rows of {values.shape[-1]}"
                    )

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One multiplicative step, in place, with the gradients in ``.grad``."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for theta in group["params"]:
                if theta.grad is None:
                    continue
                # Eq. (eq-eg-step). A shift of the exponents by a constant changes
                # nothing after the division and keeps exp() from overflowing.
                exponent = theta.log() - group["lr"] * theta.grad
                exponent -= exponent.amax(dim=-1, keepdim=True)
                weights = exponent.exp()
                weights /= weights.sum(dim=-1, keepdim=True)
                weights.clamp_(min=group["floor"])
                theta.copy_(weights / weights.sum(dim=-1, keepdim=True))
        return loss


@dataclass(frozen=True)
class ExponentiatedGradient:
    """EG on theta, from the uniform point. No momentum, no weight decay.

    Defaults: lr 0.1 and floor 1e-5 as in GAEA (section 4 and the authors' code).
    """

    lr: float = 0.1
    floor: float = 1e-5
    on = "simplex"

    def start(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.full(shape, 1 / shape[-1])

    def optimizer(self, parameters: Tensor) -> torch.optim.Optimizer:
        return EG([parameters], self.lr, self.floor)


@dataclass(frozen=True)
class LogitsAdam:
    """Adam on logits, as in DARTS: lr 3e-4, betas (0.5, 0.999), weight decay 1e-3.

    Logits start at 1e-3 times a normal draw, so that theta is nearly uniform.
    """

    lr: float = 3e-4
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 1e-3
    on = "logits"

    def start(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return near_zero(shape, generator)

    def optimizer(self, parameters: Tensor) -> torch.optim.Optimizer:
        require_positive("lr_theta", self.lr)
        return torch.optim.Adam(
            [parameters],
            self.lr,
            betas=(self.beta1, self.beta2),
            weight_decay=self.weight_decay,
        )


@dataclass(frozen=True)
class LogitsSGD:
    """Plain gradient descent on logits: the softmax counterpart of one EG step."""

    lr: float = 0.1
    on = "logits"

    def start(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return near_zero(shape, generator)

    def optimizer(self, parameters: Tensor) -> torch.optim.Optimizer:
        require_positive("lr_theta", self.lr)
        return torch.optim.SGD([parameters], self.lr)


def near_zero(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Logits at the start, as in DARTS: 1e-3 times a normal draw."""
    return 1e-3 * torch.randn(shape, generator=generator)


Update = ExponentiatedGradient | LogitsAdam | LogitsSGD


def require_positive(name: str, value: float) -> None:
    """Refuse a step size that is not a positive number."""
    if not 0 < value < 1e38:  # float32 goes no further
        raise InputError(
            f"{name} is {value}; it must be a positive number, such as 0.1"
        )
