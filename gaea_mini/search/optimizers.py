"""Two torch optimizers for parameters whose rows lie on the simplex.

They work in anyone's training loop, with parameter groups, ``state_dict`` and learning
rate schedulers, and keep every row on the simplex. A scheduler may let the step fall to
0; a group cannot start there.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from gaea_mini.errors import InputError, require_positive, require_range


class SimplexOptimizer(torch.optim.Optimizer):
    """Moves every parameter that has a gradient, in place; ``move`` says where to."""

    def __init__(self, params: Iterable[Any], check: bool, **defaults: float) -> None:
        self.check = check
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, if they and the group's own lr and floor are good.

        Raises:
          InputError: see the class; the optimizer is as it was.
        """
        super().add_param_group(param_group)
        group, name = self.param_groups.pop(), type(self).__name__
        require_positive(f"{name}: lr", group["lr"])
        for theta in map(Tensor.detach, group["params"]):
            if theta.dtype not in (torch.float32, torch.float64):
                raise InputError(
                    f"{name}: theta is of {theta.dtype}; keep it in float32 or float64"
                )
            on = theta.ndim > 0 and theta.numel() > 0 and bool((theta >= 0).all())
            if not (on and (theta.sum(-1) - 1).abs().max().item() <= 1e-3):
                raise InputError(
                    f"{name}: a row is not on the simplex (weights >= 0 that sum to "
                    "1); start from a uniform row or from softmax(alpha)"
                )
            if "floor" in group:
                require_range(f"{name}: floor", group["floor"], 1 / theta.shape[-1])
        self.param_groups.append(group)

    def move(self, theta: Tensor, group: dict[str, Any]) -> Tensor:
        """The next theta (..., O), from theta, ``theta.grad`` and the group's lr."""
        raise NotImplementedError

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One step, in place, with the gradients in ``.grad``.

        Raises:
          InputError: a gradient is not finite; nothing has moved.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moving = [
            (theta, group)
            for group in self.param_groups
            for theta in group["params"]
            if theta.grad is not None
        ]
        if self.check and not all(p.grad.isfinite().all() for p, _ in moving):
            raise InputError(
                f"{type(self).__name__}: a gradient is not a finite number; lower the "
                "step of theta or that of the weights"
            )
        for theta, group in moving:
            theta.copy_(self.move(theta, group))
        return loss


class EG(SimplexOptimizer):
    r"""Exponentiated gradient on rows (last axis) that lie on the simplex.

    .. math::
        \theta_o \leftarrow \frac{\theta_o e^{-\eta g_o}}
                                 {\sum_p \theta_p e^{-\eta g_p}}

    Eq. (eq-eg-step), with a floor, Eq. (eq-floor): the row is normalised, weights below
    ``floor`` are lifted to it, and the row is normalised again, so that no operation is
    lost for good.

    The authors' code clamps the weights before its only division. At a step such as 0.1
    the two agree to 1e-6 or better. At steps such as 10 they do not: there the clamp is
    of weights that do not sum to 1, so that a constant added to the gradient changes
    the result. Their GAEA-GDAS divides first and clamps last, which leaves rows that
    sum to a little more than 1.

    Args:
      params: tensors (..., O), rows >= 0 that sum to 1; ``step`` changes them in place.
        In float32 or float64: 16 bits would round small steps away.
      lr: eta > 0.
      floor: smallest weight before normalising; 1e-5 in the authors' code.
      check: refuse a gradient that is not finite. On CUDA that waits for the gradient;
        a search looks at its losses instead, once an epoch.

    Raises:
      InputError: lr <= 0, a floor outside [0, 1 / O), or a row off the simplex.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.1,
        floor: float = 1e-5,
        check: bool = True,
    ) -> None:
        super().__init__(params, check, lr=lr, floor=floor)

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
      params, lr, check: as of ``EG``.

    Raises:
      InputError: lr <= 0, or a row off the simplex.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 0.1, check: bool = True
    ) -> None:
        super().__init__(params, check, lr=lr)

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
