"""Chapters 2 and 3: likely mistakes in their exercises, and what the figures draw."""

from __future__ import annotations

import numpy as np
import pytest

from gaea_mini.checks import mirror as check
from gaea_mini.show import mirror_plots as plots
from gaea_mini.simplex import kl, uniform
from gaea_mini.simplex.mirror import ENTROPY, EUCLID, bregman
from gaea_mini.simplex.stationary import Valleys


def forgets_the_tangent(u, v):
    return np.sum(np.log(v) - np.log(u))


def swaps_the_points(u, v):
    return np.sum(v / u - np.log(v / u) - 1)


def clips(x, grad, lr):
    return np.clip(x - lr * grad, 0, 1)


def takes_no_logarithm(x, grad, lr):
    return 1 / (1 + np.exp(-(x - lr * grad)))


def forgets_the_pull(theta, grad, lr, pull):
    new = theta * np.exp(-lr * grad)
    return new / new.sum()


def pulls_after_the_step(theta, grad, lr, pull):
    new = theta * np.exp(-lr * grad)
    new = (new / new.sum()) ** (1 - lr * pull)
    return new / new.sum()


def keeps_the_order(theta, grad, lr):
    new = theta * np.exp(-lr * grad)
    return new / new.sum()


def divides_by_the_sum(theta, grad, lr):
    new = theta / (1 + lr * (grad - grad.min()))
    return new / new.sum()


def forgets_the_square(gamma, start, slope, edges, k, eps):
    size = np.array([slope**2 + edges, slope**2 + edges * k])
    return 16 * gamma * start * size / eps


def forgets_the_edges(gamma, start, slope, edges, k, eps):
    return 16 * gamma * start * np.array([slope**2 + 1, slope**2 + k]) / eps**2


def looks_at_each_block(p, q, m):
    return max(0.0, -p, -q)


def goes_below_zero(p, q, m):
    return np.sqrt(((p - q) / 2) ** 2 + m**2) - (p + q) / 2


def takes_the_loss_itself(theta, losses, lam):
    return theta @ losses / lam


def forgets_one_divergence(theta, losses, lam):
    hat = theta * np.exp(-lam * losses)
    return float(kl(hat / hat.sum(), theta)) / lam**2


def steps_once(w, theta, centres, lam):
    good = np.exp(-((w - centres) ** 2) / 2)
    q = theta * np.exp(-lam * (1 - good))
    q = q / q.sum()
    return np.append(w - lam * q @ ((w - centres) * good), q)


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    [
        (check.my_divergence, forgets_the_tangent),
        (check.my_divergence, swaps_the_points),
        (check.my_gate_step, clips),
        (check.my_gate_step, takes_no_logarithm),
        (check.my_pulled_step, forgets_the_pull),
        (check.my_pulled_step, pulls_after_the_step),
        (check.my_swapped_step, keeps_the_order),
        (check.my_swapped_step, divides_by_the_sum),
        (check.my_steps, forgets_the_square),
        (check.my_steps, forgets_the_edges),
        (check.my_gamma, looks_at_each_block),
        (check.my_gamma, goes_below_zero),
        (check.my_delta, takes_the_loss_itself),
        (check.my_delta, forgets_one_divergence),
        (check.my_prox, steps_once),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(exercise, mistake) -> None:
    outcome = exercise(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "<-- differs" in outcome.message
    assert "hint" in outcome.message


def test_every_point_of_a_drawn_line_is_equally_far() -> None:
    centre = np.array([0.5, 0.3, 0.2])
    fig = plots.equal_divergence([centre], 0.02)
    corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
    for ax, phi in zip(fig.axes, (EUCLID, ENTROPY), strict=True):
        (line,) = ax.collections
        spots = line.get_paths()[0].vertices
        ones = np.ones((1, len(spots)))
        square = np.vstack([corners.T, np.ones(3)])
        rows = np.linalg.solve(square, np.vstack([spots.T, ones])).T
        far = bregman(rows, np.broadcast_to(centre, rows.shape), phi)
        np.testing.assert_allclose(far, 0.02, atol=2e-4)


def test_the_bound_and_the_other_bound_are_drawn_where_they_are() -> None:
    lines = {"coins": [[0.5, 0.7, 0.9], [0.4, 0.4, 0.5]]}
    fig = plots.bound_ratios([2, 4], {"a": lines, "b": lines}, {"b": [0.9, 0.3]})
    a, b = fig.axes
    drawn = next(one for one in a.get_lines() if one.get_label() == "coins")
    np.testing.assert_allclose(drawn.get_ydata(), [0.7, 0.4])
    heights = [list(one.get_ydata()) for one in b.get_lines()]
    assert [0.9, 0.3] in heights and [1, 1] in heights
    assert [0.9, 0.3] not in [list(one.get_ydata()) for one in a.get_lines()]


def test_a_path_in_the_valleys_shows_w_and_the_second_weight() -> None:
    problem = Valleys((-1.5, 1.5))
    w, theta = np.array([0.0, 0.3]), np.array([[0.5, 0.5], [0.2, 0.8]])
    ax = plots.valley_paths(problem, {"run": (w, theta)}).axes[0]
    x, y = next(one for one in ax.get_lines() if one.get_label() == "run").get_data()
    assert list(x) == [0.0, 0.3] and list(y) == [0.5, 0.8]


def test_the_rate_shows_two_standard_errors_and_lines_take_the_look_of_a_map() -> None:
    fig = plots.stationarity_rate([10, 100], {"k": ([2, 1], [0.2, 0.1])}, {"b": [9, 3]})
    band = fig.axes[0].collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == pytest.approx((0.8, 2.4))
    lines = {ENTROPY.name: [1, 2], "other": [2, 1]}
    ax = plots.lines_over([1, 2], lines, "x", "y", ("top", 3.0), log=True).axes[0]
    first, second, level = ax.get_lines()
    assert first.get_color() == plots.MAP_LOOK[ENTROPY.name]["color"]
    assert second.get_color() != first.get_color()
    assert set(level.get_ydata()) == {3.0}
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_a_solution_of_the_swapped_step_is_a_minimum() -> None:
    rng = np.random.default_rng(0)
    theta, grad, lr = rng.dirichlet(np.ones(4)), rng.standard_normal(4), 0.7
    low, high, above = 0.0, 1 / lr, grad - grad.min()
    for _ in range(100):
        mu = (low + high) / 2
        u = theta / (lr * (above + mu))
        low, high = (mu, high) if u.sum() > 1 else (low, mu)

    def worth(p):
        return grad @ p.T + kl(np.broadcast_to(theta, p.shape), p) / lr

    others = 0.999 * rng.dirichlet(np.ones(4), 3000) + 0.001 * uniform(3000, 4)
    assert (worth(others) >= worth(u[None])[0] - 1e-9).all()
    assert check.my_swapped_step(lambda theta, grad, lr: theta).passed is False
