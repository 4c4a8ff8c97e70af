"""Variance components and ranks, against known truths."""

import numpy as np
import pytest

from gaea_mini.errors import InputError
from gaea_mini.evaluate import components, order_of_best
from gaea_mini.evaluate.ranking import kendall
from gaea_mini.evaluate.signal import Components, agreement


def simulated(between: float, within: float, cells: int, seeds: int, seed: int = 0):
    """True means (cells,), and what is seen of them (cells, S)."""
    rng = np.random.default_rng(seed)
    true = 80 + between * rng.normal(size=cells)
    return true, true[:, None] + within * rng.normal(size=(cells, seeds))


@pytest.mark.parametrize(("between", "within"), [(2.0, 0.5), (0.5, 2.0), (1.0, 1.0)])
def test_components_are_found_again(between, within):
    parts = components(simulated(between, within, 4000, 3)[1])
    error = np.sqrt(2 / 4000) * (between**2 + within**2 / 3)
    assert parts.between == pytest.approx(between**2, abs=3 * error)
    assert parts.within == pytest.approx(within**2, rel=0.05)
    reliability = between**2 / (between**2 + within**2 / 3)
    assert parts.reliability == pytest.approx(reliability, abs=0.04)


def test_components_by_hand():
    """Means 81 and 91, variances 2 and 8 over two seeds."""
    parts = components(np.array([[80.0, 82.0], [89.0, 93.0]]))
    assert parts.within == pytest.approx(5.0)
    assert parts.between == pytest.approx(50.0 - 5.0 / 2)
    assert parts.error == pytest.approx(np.sqrt(2.5))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_what_cannot_tell_noise_apart_is_refused(shape):
    for ask in (components, order_of_best):
        with pytest.raises(InputError, match="two of each at least"):
            ask(np.ones(shape))


def test_noise_alone_has_no_signal():
    parts = components(np.array([[1.0, 3.0], [3.0, 1.0], [2.0, 2.0]]))
    assert parts.between == 0.0 and parts.reliability == 0.0
    assert components(np.ones((3, 2))).reliability == 0.0


def test_without_noise_the_order_is_certain():
    accuracies = np.repeat(np.arange(20.0)[:, None], 3, axis=1)
    order = order_of_best(accuracies, top=4)
    assert order.rows == [19, 18, 17, 16]
    assert order.lowest == order.highest == [1, 2, 3, 4]
    assert order.best == [1.0, 0.0, 0.0, 0.0] and order.among == [1.0] * 4


def test_with_noise_alone_any_cell_may_be_the_best():
    _, seen = simulated(0.0, 1.0, 50, 3)
    order = order_of_best(seen, top=10)
    assert max(order.best) < 0.2 and max(order.among) < 0.6
    assert max(order.highest) > 30


def test_probabilities_and_intervals_are_calibrated():
    """Over many made-up tables: as often as they say, and the truth is inside."""
    said, was, inside = [], [], []
    for seed in range(200):
        true, seen = simulated(1.0, 0.7, 40, 3, seed)
        order = order_of_best(seen, top=5, draws=400, seed=seed)
        ranks = 1 + (true[None, :] > true[order.rows, None]).sum(axis=1)
        said += order.among
        was += (ranks <= 5).tolist()
        inside += ((ranks >= order.lowest) & (ranks <= order.highest)).tolist()
    assert np.mean(said) == pytest.approx(np.mean(was), abs=0.04)
    sure = np.array(said) > 0.8
    assert np.mean(np.array(was)[sure]) == pytest.approx(
        np.mean(np.array(said)[sure]), abs=0.05
    )
    assert 0.88 < np.mean(inside) < 0.98


def test_the_same_seed_gives_the_same_answer():
    _, seen = simulated(1.0, 1.0, 30, 3)
    assert order_of_best(seen, seed=1) == order_of_best(seen, seed=1)


@pytest.mark.parametrize("seen_once", [True, False])
def test_the_agreement_is_that_of_drawn_cells(seen_once):
    rng = np.random.default_rng(0)
    true = rng.normal(scale=1.3, size=3000)
    seeds = true[:, None] + rng.normal(scale=0.9, size=(3000, 4))
    scores = seeds[:, 3] if seen_once else true
    expected = kendall(scores, seeds[:, :3].mean(axis=1))
    found = agreement(Components(1.3**2, 0.9**2, 3), seen_once)
    assert found == pytest.approx(expected, abs=0.02)
