"""What rounding costs: the toy edge, the bound, and a supernet on a path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.data import load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import rounding
from gaea_mini.search import PRESETS, darts, gaea, gdas, search
from gaea_mini.simplex import entropy
from gaea_mini.supernet import space

TINY = replace(
    PRESETS["tiny"], channels=2, pictures=120, batch=8, epochs=1, schedule_epochs=2
)
WHERE = space("compact")
EDGE = rounding.OrthogonalEdge((1.0, -0.6, 0.4), decay=0.05)
RNG = np.random.default_rng(0)
THETAS = RNG.dirichlet(np.full(4, 0.7), size=(200, 5))


@pytest.fixture(scope="module")
def net():
    pictures = load("fashion", TINY.size, TINY.pictures)
    return rounding.trained_supernet(WHERE, pictures, gaea(darts(), 3.0), TINY, 3)


def test_a_segment_is_straight_and_stays_on_the_simplex() -> None:
    """Eq. (eq-segment)."""
    start, end = THETAS[0], rounding.corner(THETAS[0])
    points = rounding.segment(start, end, (0.0, 0.25, 1.0))
    np.testing.assert_allclose(points[0], start)
    np.testing.assert_allclose(points[2], end)
    np.testing.assert_allclose(points[1] - start, (end - start) / 4)
    np.testing.assert_allclose(points[1].sum(axis=-1), 1)


def test_the_corner_is_the_cell_that_the_space_rounds_to() -> None:
    for _ in range(20):
        theta = RNG.dirichlet(np.ones(3), size=(1, 6))
        cell = WHERE.one_hot(WHERE.round(theta))
        np.testing.assert_array_equal(rounding.corner(theta), cell)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: rounding.segment([[0.5, 0.5]], [[1.0, 0.0]], [1.5]), "in \\[0, 1\\]"),
        (lambda: rounding.segment([[0.5, 0.5]], [1.0, 0.0], [0.5]), "shape"),
        (lambda: rounding.sharpen([[0.5, 0.5]], 0.0), "above 0"),
        (lambda: rounding.OrthogonalEdge((1.0,), 0.1), "two operations"),
        (lambda: rounding.OrthogonalEdge((1.0, 2.0), 0.0), "decay"),
    ],
)
def test_what_makes_no_sense_is_refused(ask, words) -> None:
    with pytest.raises(InputError, match=words):
        ask()


def test_a_temperature_is_a_softmax_of_logs_and_keeps_the_order() -> None:
    """Eq. (eq-temperature)."""
    cold = rounding.sharpen(THETAS, 0.3)
    logs = torch.log(torch.as_tensor(THETAS)) / 0.3
    np.testing.assert_allclose(cold, torch.softmax(logs, -1).numpy(), atol=1e-12)
    np.testing.assert_array_equal(cold.argmax(-1), THETAS.argmax(-1))
    assert (entropy(cold) <= entropy(THETAS) + 1e-12).all()
    np.testing.assert_allclose(rounding.sharpen(THETAS, 1.0), THETAS)
    assert np.isfinite(rounding.sharpen([[1.0, 0.0]], 1e-3)).all()


def test_the_bound_holds_for_a_loss_whose_slope_is_known() -> None:
    """Eqs. (eq-rounding-gap), (eq-rounding-bound) and (eq-rounding-entropy)."""
    tightest = 0.0
    for theta in THETAS:
        slopes = RNG.uniform(-2, 2, size=theta.shape)  # a linear loss
        end = rounding.corner(theta)
        gap = (slopes * end).sum() - (slopes * theta).sum()
        bound = rounding.rounding_bound(theta, 2.0)
        assert abs(gap) <= bound + 1e-12
        tightest = max(tightest, abs(gap) / bound)
        worst = 2 * 2.0 * (1 - np.exp(-entropy(theta))).sum()
        assert bound <= worst + 1e-12
        assert worst <= 2 * 2.0 * len(theta) * entropy(theta).mean() + 1e-12
    assert tightest > 0.4
    # It is reached: the heaviest operation costs L, all others -L.
    theta = THETAS[0]
    slopes = 4 * rounding.corner(theta) - 2
    gap = (slopes * (rounding.corner(theta) - theta)).sum()
    assert gap == pytest.approx(rounding.rounding_bound(theta, 2.0))


def test_the_trained_edge_is_where_loss_and_decay_balance() -> None:
    """Eqs. (eq-edge-loss) and (eq-edge-weights), by differences."""

    def objective(w, theta):
        return float(EDGE.loss(w, theta)) + EDGE.decay / 2 * (w**2).sum()

    for theta in RNG.dirichlet(np.ones(3), size=20):
        w = EDGE.trained(theta)
        best = objective(w, theta)
        for step in 1e-3 * np.eye(3):
            assert objective(w + step, theta) > best < objective(w - step, theta)


def test_two_bills_are_the_loss_at_the_corner() -> None:
    """Eq. (eq-two-bills)."""
    b = np.array(EDGE.target)
    for theta in RNG.dirichlet(np.ones(3), size=50):
        h = theta.argmax()
        others = ((b**2).sum() - b[h] ** 2) / 2
        miss = b[h] ** 2 * (1 - theta[h] / (theta[h] ** 2 + EDGE.decay)) ** 2 / 2
        loss = EDGE.loss(EDGE.trained(theta), rounding.corner(theta))
        assert float(loss) == pytest.approx(others + miss)


@pytest.mark.parametrize("method", [gaea(darts(), 3.0), gdas(0.1)])
def test_the_weights_are_those_of_a_search_with_the_same_seed(method) -> None:
    pictures = load("fashion", TINY.size, TINY.pictures)
    *_, run = search(WHERE, pictures, method, TINY, seed=3)
    state = rounding.trained_supernet(WHERE, pictures, method, TINY, 3)
    np.testing.assert_allclose(state.theta(), run.theta[-1], atol=1e-5)
    assert state.accuracy(state.theta()) == run.accuracy_supernet[-1]


def test_along_a_path_nothing_is_trained_and_the_slope_is_the_gradient(net) -> None:
    before = [w.detach().clone() for w in net.weights]
    theta = net.theta()
    points = rounding.segment(theta, rounding.corner(theta), (0.0, 0.5, 1.0))
    walked = rounding.accuracy_along(net, points)
    assert all(torch.equal(a, b) for a, b in zip(before, net.weights, strict=True))
    assert walked.accuracy[0] == net.accuracy(theta)
    assert walked.entropy[2] == pytest.approx(0.0, abs=1e-9)
    slope, step = walked.slope[0], 1e-2
    steepest = 0.0
    for edge in range(theta.shape[1]):  # shift weight between two operations
        for first, second in ((0, 1), (1, 2), (2, 0)):
            moved = theta.copy()
            moved[0, edge, first] += step
            moved[0, edge, second] -= step
            up = rounding.accuracy_along(net, [moved]).loss[0]
            steepest = max(steepest, abs(up - walked.loss[0]) / step)
    assert 0.3 * slope < steepest < 2.1 * slope


def test_training_at_a_corner_lowers_the_loss_there_and_leaves_theta(net) -> None:
    theta = net.theta()
    corner = rounding.corner(theta)
    before = rounding.accuracy_along(net, [corner]).loss[0]
    rounding.train_weights_at(net, corner, epochs=3)
    assert rounding.accuracy_along(net, [corner]).loss[0] < before
    np.testing.assert_array_equal(net.theta(), theta)


def test_batch_norm_keeps_no_statistics(net) -> None:
    """The chapter says so: they are those of the batch at hand."""
    norms = [m for m in net.network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and not any(norm.track_running_stats for norm in norms)


def test_measures_are_those_of_the_state(net) -> None:
    """No direction bends the loss more than the eigenvalue."""
    found = rounding.measures(net)
    theta = net.theta()
    assert found["before"] == net.accuracy(theta)
    assert found["after"] == net.accuracy(rounding.corner(theta))
    assert found["entropy"] == pytest.approx(entropy(theta).mean())
    batch = net.theta_batches.first()
    way = RNG.normal(size=theta.shape)
    way -= way.mean(axis=-1, keepdims=True)  # along the simplex
    way /= np.linalg.norm(way)

    def loss(far: float) -> float:
        point = torch.as_tensor(theta + far * way, dtype=torch.float32)
        with torch.no_grad():
            return net.loss(batch, rounding.Weights(point)).item()

    bend = (loss(0.1) - 2 * loss(0.0) + loss(-0.1)) / 0.1**2
    assert abs(bend) <= 1.2 * abs(found["eigenvalue"]) + 0.05


def test_a_perturbed_theta_is_shifted_cut_and_divided(net) -> None:
    """By hand, from the same draws."""
    before = net.draws.get_state()
    shifted = net.method.relaxation.sample(net, 0.3).theta.detach()
    net.draws.set_state(before)
    noise = 2 * torch.rand(shifted.shape, generator=net.draws) - 1
    net.draws.set_state(before)
    by_hand = np.maximum(net.theta() + 0.3 * noise.numpy(), 0)
    by_hand /= by_hand.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(shifted.numpy(), by_hand, atol=1e-6)
