"""The torch optimizer EG and the NumPy function eg_step are the same step."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from gaea_mini.search import EG
from gaea_mini.simplex import eg_step


@given(
    st.integers(0, 2**31),
    st.integers(2, 8),
    st.floats(1e-3, 10.0),
    st.sampled_from([0.0, 1e-5, 1e-3, 0.1]),
    st.sampled_from([1e-3, 1.0, 1e3, 1e6]),
)
def test_eg_is_eg_step(seed, o, lr, floor, size):
    """Several steps in a row, also at extreme gradients and with zero weights."""
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.full(o, 0.5), size=(2, 3))
    theta[0, 0] = np.eye(o)[0]  # a corner
    theta[0, 1] = np.r_[0, np.full(o - 1, 1 / (o - 1))]  # one operation gone
    moved = torch.tensor(theta)
    optimizer = EG([moved], lr=lr, floor=floor)
    for _ in range(4):
        gradient = size * rng.standard_normal(theta.shape)
        moved.grad = torch.tensor(gradient)
        optimizer.step()
        theta = eg_step(theta, gradient, lr, floor=floor)
        np.testing.assert_allclose(moved.numpy(), theta, rtol=1e-7, atol=1e-12)
        theta = moved.numpy().copy()
        theta /= theta.sum(axis=-1, keepdims=True)
