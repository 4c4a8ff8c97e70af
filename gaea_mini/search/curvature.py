"""How sharp the validation loss is in theta; after RobustDARTS, which asks of alpha."""

import torch
import torch.nn.functional as F

from gaea_mini.errors import InputError
from gaea_mini.search.controller import ControllerSample
from gaea_mini.search.relaxation import Batch, UniformSample
from gaea_mini.search.state import State


def dominant_eigenvalue(
    state: State,
    batch: Batch | None = None,
    steps: int = 50,
    tolerance: float = 1e-3,
) -> float:
    r"""Eigenvalue largest in magnitude of the Hessian of the loss along the simplex.

    .. math::
        P \, \nabla^2_{\theta} L(w, \theta) \, P v = \lambda v

    P takes the mean off every row: theta cannot move where the sum of a row
    changes. By power iteration; each step is one Hessian-vector product, a derivative
    of <gradient, v>, so the Hessian itself is never formed. theta is what the supernet
    is given, the mixture (K, E, O) times any edge weights, whatever the method's
    parameters are. RobustDARTS takes the largest eigenvalue in the logits alpha, which
    also depends on the softmax between the two; its numbers are not these.

    Args:
      state: a search; nothing in it is changed.
      batch: pictures (B, C, H, W) and labels (B,); None takes the first ones of
        theta's, always the same.
      steps: most products.
      tolerance: relative change of the eigenvalue at which to stop.

    Returns:
      The Rayleigh quotient of the last vector, with its sign.

    Raises:
      InputError: the method draws whole cells and moves no theta by this loss.
    """
    if isinstance(state.method.relaxation, UniformSample | ControllerSample):
        raise InputError(
            f"curvature: {state.method.name} moves no theta by a gradient of the loss; "
            "leave it out"
        )
    device = state.parameters[0].device
    theta = torch.as_tensor(state.theta(with_edges=True), dtype=torch.float32)
    theta = theta.to(device).requires_grad_()
    pictures, labels = batch or state.theta_batches.first()
    # Not state.loss: a second derivative wants float32, and no compiled network.
    loss = F.cross_entropy(state.network(pictures, theta), labels)
    (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
    draws = torch.Generator().manual_seed(0)
    vector = _along(torch.randn(theta.shape, generator=draws).to(device))
    vector /= vector.norm()
    value = 0.0
    for _ in range(steps):
        (product,) = torch.autograd.grad(
            (gradient * vector).sum(), theta, retain_graph=True
        )
        product = _along(product)
        before, value = value, float((vector * product).sum())
        length = float(product.norm())
        if length == 0 or abs(value - before) <= tolerance * abs(value):
            break
        vector = product / length
    return value


def _along(vector: torch.Tensor) -> torch.Tensor:
    """The part of a vector (K, E, O) that keeps the sum of every row."""
    return vector - vector.mean(dim=-1, keepdim=True)
