"""Two torch optimizers for parameters whose rows lie on the simplex.

They work in anyone's training loop, with parameter groups, ``state_dict`` and learning
rate schedulers, and keep every row on the simplex.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from gaea_mini.errors import InputError


class SimplexOptimizer(torch.optim.Optimizer):
    """Moves every parameter that has a gradient, in place; ``move`` says where to."""

    def move(self, theta: Tensor, group: dict[str, Any]) -> Tensor:
        """The next theta (..., O), from theta, ``theta.grad`` and the group's lr."""
        raise NotImplementedError

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One step, in place, with the gradients in ``.grad``."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for theta in group["params"]:
                if theta.grad is not None:
                    theta.copy_(self.move(theta, group))
        return loss


class EG(SimplexOptimizer):
    r"""Exponentiated gradient on rows (last axis) that lie on the simplex.

    .. math::
        \theta_o \leftarrow \frac{\theta_o e^{-\eta g_o}}
                                 {\sum_p \theta_p e^{-\eta g_p}}

    Eq. (eq-eg-step), with a floor, Eq. (eq-floor): the row is normalised, weights below
    ``floor`` are lifted to it, and the row is normalised again, so that no operation is
    lost for good. The authors' code clamps once, before it normalises.

    Args:
      params: tensors (..., O), rows >= 0 that sum to 1; ``step`` changes them in place.
      lr: eta > 0.
      floor: smallest weight before normalising; 1e-5 in the authors' code.

    Raises:
      InputError: lr <= 0, a floor outside [0, 1 / O), or a row off the simplex.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 0.1, floor: float = 1e-5
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

    def move(self, theta: Tensor, group: dict[str, Any]) -> Tensor:
        # Eq. (eq-eg-step). A shift of the exponents by a constant changes nothing
        # after the division and keeps exp() from overflowing.
        exponent = theta.log() - group["lr"] * theta.grad
        weights = (exponent - exponent.amax(dim=-1, keepdim=True)).exp()
        weights /= weights.sum(dim=-1, keepdim=True)
        weights.clamp_(min=group["floor"])  # Eq. (eq-floor)
        return weights / weights.sum(dim=-1, keepdim=True)


class ProjectedGradient(SimplexOptimizer):
    r"""Gradient descent on rows of the simplex, each step projected back.

    .. math::
        \theta \leftarrow \Pi_\Delta(\theta - \eta g)

    Eq. (eq-projected-step), with the Euclidean projection of Eq. (eq-project).

    Args:
      params: tensors (..., O), rows >= 0 that sum to 1; ``step`` changes them in place.
      lr: eta > 0.

    Raises:
      InputError: lr <= 0.
    """

    def __init__(self, params: Iterable[Any], lr: float = 0.1) -> None:
        require_positive("lr_theta", lr)
        super().__init__(params, {"lr": lr})

    def move(self, theta: Tensor, group: dict[str, Any]) -> Tensor:
        # Eq. (eq-projected-step)
        return project(theta - group["lr"] * theta.grad)


def project(points: Tensor) -> Tensor:
    """The nearest point of the simplex to each row (..., O): Eq. (eq-project)."""
    falling = points.sort(dim=-1, descending=True).values
    excess = falling.cumsum(dim=-1) - 1
    count = torch.arange(1, points.shape[-1] + 1, device=points.device)
    support = (falling * count > excess).sum(dim=-1, keepdim=True)
    return (points - excess.gather(-1, support - 1) / support).clamp_(min=0)


def require_positive(name: str, value: float) -> None:
    """Refuse a step size that is not a positive number."""
    if not 0 < value < 1e38:  # float32 goes no further
        raise InputError(
            f"{name} is {value}; it must be a positive number, such as 0.1"
        )
