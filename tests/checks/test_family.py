"""Chapters family and gaea_on_everything: likely mistakes, and what they claim."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gaea_mini.checks import family as checks
from gaea_mini.search import ExponentiatedGradient, GumbelSample, gaea, pc_darts
from gaea_mini.search.relaxation import Mixture
from gaea_mini.simplex import eg_step, softmax
from gaea_mini.supernet import space


def one_draw_a_time(cells, good, draws):
    return draws * good / cells


def forgets_the_baseline(theta, arms, losses, baseline):
    slope = np.eye(len(theta))[arms] - theta
    return (losses[:, None] * slope).mean(axis=0)


def slope_in_theta(theta, arms, losses, baseline):
    slope = np.eye(len(theta))[arms] / theta
    return ((losses - baseline)[:, None] * slope).mean(axis=0)


def loss_at_the_present_weights(w, theta, a, c, xi):
    return (w - c) * xi * a


def forgets_the_temperature(alpha, noise, tau, upstream):
    score = (alpha + noise) / tau
    p = softmax(score)
    return np.stack([np.eye(len(p))[p.argmax()], p * (upstream - p @ upstream)])


def soft_value(alpha, noise, tau, upstream):
    p = softmax((alpha + noise) / tau)
    return np.stack([p, p * (upstream - p @ upstream) / tau])


def unpaired(first, second, t):
    half = t * np.hypot(first.std(ddof=1), second.std(ddof=1)) / len(first) ** 0.5
    return [first.mean() - second.mean() - half, first.mean() - second.mean() + half]


def all_edges_on_one_simplex(beta, grad, targets, lr):
    new = beta * np.exp(-lr * grad)
    return new * len(set(targets)) / new.sum()


def edges_in_order(beta, grad, targets, lr):
    new, at = np.array(beta), 0
    for node in sorted(set(targets)):
        size = int((targets == node).sum())
        new[at : at + size] = eg_step(
            beta[at : at + size] / beta[at : at + size].sum(), grad[at : at + size], lr
        )
        at += size
    return new


def slope_in_the_logits(theta, noise, tau, upstream):
    p = softmax((np.log(theta) + noise) / tau)
    return p * (upstream - p @ upstream) / tau


def one_temperature(theta, outputs, noise, taus, lr):
    for g in noise:
        p = softmax((np.log(theta) + g) / taus[0])
        u = outputs[(np.log(theta) + g).argmax()] * outputs
        theta = eg_step(theta, p * (u - p @ u) / (taus[0] * theta), lr)
    return theta


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        (checks.my_luck, one_draw_a_time),
        (checks.my_score, forgets_the_baseline),
        (checks.my_score, slope_in_theta),
        (checks.my_ahead, loss_at_the_present_weights),
        (checks.my_gumbel, forgets_the_temperature),
        (checks.my_gumbel, soft_value),
        (checks.my_interval, unpaired),
        (checks.my_edge_step, all_edges_on_one_simplex),
        (checks.my_edge_step, edges_in_order),
        (checks.my_slope, slope_in_the_logits),
        (checks.my_gaea_gdas, one_temperature),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(check, mistake) -> None:
    outcome = check(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message


THETA = np.array([0.5, 0.3, 0.2])
OUTPUT = np.array([-1.0, 0.2, 0.9])


def test_the_score_is_right_on_average_with_any_baseline() -> None:
    """Eqs. (eq-expected-loss) and (eq-score), the expectation taken exactly."""
    loss = OUTPUT**2 / 2
    alpha, h = np.log(THETA), 1e-6
    bumps = h * np.eye(3)
    slope = (softmax(alpha + bumps) - softmax(alpha - bumps)) @ loss / (2 * h)
    for baseline in (0.0, 0.3, -5.0):
        mean = sum(
            THETA[a] * (loss[a] - baseline) * (np.eye(3)[a] - THETA) for a in range(3)
        )
        np.testing.assert_allclose(mean, slope, atol=1e-8)


def test_the_slope_of_a_draw_in_theta() -> None:
    """Eq. (eq-gdas-slope), against the package's sampler."""
    theta = torch.tensor(THETA).reshape(1, 1, 3).requires_grad_()
    upstream = torch.tensor([0.7, -1.1, 0.4], dtype=torch.double)
    for progress in (0.0, 0.5, 0.95):
        draws = torch.Generator().manual_seed(4)
        sampler = GumbelSample("simplex", estimator="exact")
        h = sampler.weights([theta], draws, progress).theta
        (got,) = torch.autograd.grad((h[0, 0] * upstream).sum(), theta)
        draws = torch.Generator().manual_seed(4)
        noise = -torch.empty(1, 1, 3).exponential_(generator=draws).log().double()
        tau = 10 - 9.9 * progress
        p = softmax((np.log(THETA) + noise.numpy()[0, 0]) / tau)
        u = upstream.numpy()
        want = p * (u - p @ u) / (tau * THETA)
        np.testing.assert_allclose(got[0, 0].numpy(), want, rtol=1e-5, atol=1e-9)


def test_edge_weights_step_node_by_node_without_a_floor() -> None:
    """Eq. (eq-gaea-edges), by the optimizer that gaea(pc_darts) uses."""
    method = gaea(pc_darts(), lr=3.0)
    start = method.relaxation.start(
        space("compact"), method.update, torch.Generator().manual_seed(0)
    )
    optimizer = method.update.optimizer(start)
    rng = np.random.default_rng(5)
    want = []
    for parameter in start:
        grad = 8 * rng.standard_normal(tuple(parameter.shape)).astype(np.float32)
        parameter.grad = torch.tensor(grad)
        want.append(eg_step(parameter.numpy().astype(float), grad, 3.0))
    optimizer.step()
    edges = list(zip(start[1:], want[1:], strict=True))
    assert [tuple(edge.shape) for edge, _ in edges] == [(1, 1), (1, 2), (1, 3)]
    for got, right in edges:
        np.testing.assert_allclose(got.numpy(), right, rtol=2e-4, atol=1e-12)
    # The floor, normalised, is a little below 1e-5. No edge weight is lifted to it.
    assert min(float(edge.min()) for edge, _ in edges) < 9e-6 < float(start[0].min())


def clamp_first(theta, grad, lr, floor):
    raw = np.maximum(theta * np.exp(-lr * grad), floor)
    return raw / raw.sum()


def clamp_last(theta, grad, lr, floor):
    raw = theta * np.exp(-lr * grad)
    return np.maximum(raw / raw.sum(), floor)


def test_the_order_of_dividing_and_clamping() -> None:
    """Eq. (eq-floor-orders): what each order keeps and what it does not."""
    grad, floor = np.array([1.0, 0.0, 400.0]), 1e-3
    for shift in (0.0, 200.0):
        last = clamp_last(THETA, grad + shift, 0.1, floor)
        ours = eg_step(THETA, grad + shift, 0.1, floor)
        np.testing.assert_allclose(last, clamp_last(THETA, grad, 0.1, floor))
        np.testing.assert_allclose(ours, eg_step(THETA, grad, 0.1, floor))
        assert 1 < last.sum() <= 1 + 2 * floor and ours.sum() == pytest.approx(1)
    forgot = clamp_first(THETA, grad + 200, 0.1, floor)
    np.testing.assert_allclose(forgot, 1 / 3)
    assert clamp_first(THETA, grad, 0.1, floor)[0] > 0.5


def test_the_parameters_of_a_mixture_on_the_simplex_are_its_weights() -> None:
    rows = torch.tensor([[[0.2, 0.8]]])
    assert Mixture("simplex")(rows) is rows
    assert (
        ExponentiatedGradient().start((2, 4), torch.Generator()).tolist()
        == [[0.25] * 4] * 2
    )
