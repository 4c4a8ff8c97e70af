"""Rankings against slow statements of them, and the scores of all cells."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.evaluate.counterexample import (
    alone,
    own_weights,
    search_without_ranks,
    shared,
)
from gaea_mini.evaluate.ranking import kendall, ranking, recall, score_all, spearman
from gaea_mini.supernet import build_supernet
from gaea_mini.supernet.spaces import CellSpace

TINY = CellSpace("tiny", ("skip_connect", "nor_conv_3x3"), nodes=3)  # 8 cells
series = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=9
)


@given(series)
def test_kendall_counts_pairs(pairs):
    a, b = zip(*pairs, strict=True)
    agree = disagree = only_a = only_b = 0
    for i, j in itertools.combinations(range(len(a)), 2):
        x, y = np.sign(a[i] - a[j]), np.sign(b[i] - b[j])
        agree += x * y > 0
        disagree += x * y < 0
        only_a += x == 0 and y != 0
        only_b += y == 0 and x != 0
    ranked = agree + disagree
    scale = math.sqrt((ranked + only_a) * (ranked + only_b))
    found = kendall(a, b)
    if scale == 0 or len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx((agree - disagree) / scale)


@given(series)
def test_spearman_correlates_mean_ranks(pairs):
    a, b = zip(*pairs, strict=True)

    def ranks(values):
        below = [sum(w < v for w in values) for v in values]
        same = [sum(w == v for w in values) for v in values]
        return [n + (m + 1) / 2 for n, m in zip(below, same, strict=True)]

    if len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(spearman(a, b))
    else:
        expected = np.corrcoef(ranks(a), ranks(b))[0, 1]
        assert spearman(a, b) == pytest.approx(expected)


@given(series, st.integers(1, 9))
def test_recall_is_the_mean_over_all_ways_to_break_ties(pairs, k):
    a, b = (np.array(s, float) for s in zip(*pairs, strict=True))
    k = min(k, len(a))

    def tops(values):
        """Every set of k indices that holds no value below one left out."""
        for chosen in itertools.combinations(range(len(values)), k):
            rest = [v for i, v in enumerate(values) if i not in chosen]
            if not rest or min(values[list(chosen)]) >= max(rest):
                yield set(chosen)

    expected = np.mean([len(s & t) / k for s in tops(a) for t in tops(b)])
    assert recall(a, b, k) == pytest.approx(expected)


def test_ranking_and_its_regret():
    scores = [50.0, 70.0, 70.0, 10.0]
    truth = [80.0, 60.0, 70.0, 90.0]
    found = ranking(scores, truth, best=(1, 2))
    assert found["regret"] == 90 - (60 + 70) / 2
    assert found["recall"] == {"1": 0.0, "2": 0.0}
    assert found["kendall"] == kendall(scores, truth) < 0


@pytest.mark.parametrize(
    ("a", "b", "line"),
    [
        ([1, 2], [1, 2, 3], "same two or more cells"),
        ([1], [1], "same two or more cells"),
        ([1, math.nan], [1, 2], "finite"),
    ],
)
def test_series_that_cannot_be_compared_are_refused(a, b, line):
    for compare in (kendall, spearman, ranking):
        with pytest.raises(InputError, match=line):
            compare(a, b)
    with pytest.raises(InputError, match="best 3 of 2"):
        recall(np.arange(2.0), np.arange(2.0), 3)


def test_scores_are_those_of_each_cell_run_by_itself():
    torch.manual_seed(0)
    network = build_supernet(TINY, 1, 3, 4, 1, "fast")
    pictures, labels = torch.randn(24, 6, 6, 1), torch.arange(24) % 3
    found = score_all(network, TINY, pictures, labels, batch=12)
    for index in range(TINY.size):
        theta = torch.from_numpy(TINY.one_hot(TINY.arch(index))).float()
        with torch.no_grad():
            right = sum(
                (network(x.permute(0, 3, 1, 2), theta).argmax(1) == y).sum()
                for x, y in zip(pictures.split(12), labels.split(12), strict=True)
            )
        assert found[index] == pytest.approx(100 * int(right) / 24)
    assert len(set(found)) > 2


def test_scoring_changes_neither_weights_nor_random_numbers():
    network = build_supernet(TINY, 1, 3, 4, 1, "fast")
    before = [p.clone() for p in network.parameters()]
    pictures = torch.randn(8, 6, 6, 1)
    state = torch.get_rng_state()
    score_all(network, TINY, pictures, torch.arange(8) % 3)
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, before, network.parameters()))
    loss = F.cross_entropy(
        network(torch.randn(4, 1, 6, 6), torch.full((1, 3, 2), 0.5)),
        torch.arange(4) % 3,
    )
    loss.backward()  # no_grad has not stuck to it


@pytest.mark.parametrize("cells", [4, 9, 30])
def test_the_counter_example_finds_the_best_cell_with_a_negative_correlation(cells):
    found = search_without_ranks(cells, steps=2000)
    assert found.theta[-1].argmax() == 0 and found.theta[-1, 0] > 0.999
    assert abs(found.weight[-1] - own_weights(cells)[0]) < 1e-3
    assert found.kendall[-1] == pytest.approx((4 - cells) / cells)
    assert alone(cells).argmin() == shared(found.weight[-1], cells).argmin() == 0


def test_its_theta_follows_the_gradient_of_the_relaxed_loss():
    cells, lr = 5, 0.1
    found = search_without_ranks(cells, steps=3, lr_theta=lr, lr_w=lr)
    theta = torch.full((cells,), 1 / cells, dtype=torch.float64, requires_grad=True)
    w = torch.zeros((), dtype=torch.float64, requires_grad=True)
    own = torch.tensor(own_weights(cells))
    base = torch.tensor(alone(cells))

    def loss():
        return (theta * (base + (w - own) ** 2 / 2)).sum()

    for step in range(1, 4):
        (g,) = torch.autograd.grad(loss(), theta)
        with torch.no_grad():
            theta *= torch.exp(-lr * g)
            theta /= theta.sum()
        (g,) = torch.autograd.grad(loss(), w)
        with torch.no_grad():
            w -= lr * g
        np.testing.assert_allclose(found.theta[step], theta.detach(), atol=1e-12)
        assert found.weight[step] == pytest.approx(w.item(), abs=1e-12)


def test_fewer_than_four_cells_are_no_counter_example():
    with pytest.raises(InputError, match="fewer than 4 cells"):
        search_without_ranks(3)
