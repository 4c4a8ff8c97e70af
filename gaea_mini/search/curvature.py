"""How sharp the validation loss is in theta, as RobustDARTS measures it."""

import torch
import torch.nn.functional as F

from gaea_mini.search.relaxation import Batch
from gaea_mini.search.state import State


def dominant_eigenvalue(
    state: State,
    batch: Batch | None = None,
    steps: int = 50,
    tolerance: float = 1e-3,
) -> float:
    r"""Largest eigenvalue in magnitude of the Hessian of the loss in theta.

    .. math::
        \nabla^2_{\theta} L(w, \theta) \, v = \lambda v

    By power iteration; each step is one Hessian-vector product, a
    derivative of <gradient, v>, so the Hessian itself is never formed. theta is the
    mixture (K, E, O), whatever the method's parameters are.

    Args:
      state: a search; nothing in it is changed.
      batch: pictures (B, C, H, W) and labels (B,); None takes the first ones of
        theta's, always the same.
      steps: most products.
      tolerance: relative change of the eigenvalue at which to stop.

    Returns:
      The Rayleigh quotient of the last vector, with its sign.
    """
    device = state.parameters[0].device
    theta = torch.as_tensor(state.theta(with_edges=True), dtype=torch.float32)
    theta = theta.to(device).requires_grad_()
    pictures, labels = batch or state.theta_batches.first()
    # Not state.loss: a second derivative wants float32, and no compiled network.
    loss = F.cross_entropy(state.network(pictures, theta), labels)
    (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
    draws = torch.Generator().manual_seed(0)
    vector = torch.randn(theta.shape, generator=draws).to(device)
    vector /= vector.norm()
    value = 0.0
    for _ in range(steps):
        (product,) = torch.autograd.grad(
            (gradient * vector).sum(), theta, retain_graph=True
        )
        before, value = value, float((vector * product).sum())
        length = float(product.norm())
        if length == 0 or abs(value - before) <= tolerance * abs(value):
            break
        vector = product / length
    return value
