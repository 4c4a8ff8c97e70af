"""Chapters 12 to 14: likely mistakes in their exercises, and what they state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gaea_mini import scale_checks as check
from gaea_mini.evaluate import TrainingRecipe
from gaea_mini.supernet.alone import drop_path


def forgets_the_lowest_rate(done, lr, lr_min):
    return lr * (1 + np.cos(np.pi * done)) / 2


def falls_in_a_line(done, lr, lr_min):
    return lr + (lr_min - lr) * done


def drops_each_number(x, draws, rate):
    return x * (draws >= rate)[None, : x.shape[1]] / (1 - rate)


def forgets_the_division(x, draws, rate):
    return x * (draws >= rate)[:, None]


def drops_the_wrong_ones(x, draws, rate):
    return x * (draws < rate)[:, None] / (1 - rate)


def prints_the_lucky_run(errors, fresh):
    return errors.min(), fresh.mean(axis=1).min()


def starts_below_zero(x, row, column, side):
    out = x.copy()
    top, left = row - side // 2, column - side // 2
    out[top : top + side, left : left + side] = 0
    return out


def is_not_centred(x, row, column, side):
    out = x.copy()
    out[row : row + side, column : column + side] = 0
    return out


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    [
        (check.my_rate, forgets_the_lowest_rate),
        (check.my_rate, falls_in_a_line),
        (check.my_drop_path, drops_each_number),
        (check.my_drop_path, forgets_the_division),
        (check.my_drop_path, drops_the_wrong_ones),
        (check.my_best_of, prints_the_lucky_run),
        (check.my_cut_out, starts_below_zero),
        (check.my_cut_out, is_not_centred),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(exercise, mistake) -> None:
    outcome = exercise(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "hint" in outcome.message


def test_drop_path_keeps_the_mean_and_adds_this_variance() -> None:
    """Eqs. (eq-drop-path) and (eq-drop-variance), on many pictures of one number."""
    torch.manual_seed(0)
    for rate in (0.0, 0.2, 0.5):
        seen = drop_path(torch.full((200_000, 1, 1, 1), 3.0), rate)
        assert seen.mean() == pytest.approx(3, abs=0.03)
        assert seen.var() == pytest.approx(9 * rate / (1 - rate), rel=0.02, abs=1e-9)


def test_the_cosine_starts_at_the_largest_and_ends_at_the_smallest() -> None:
    """Eq. (eq-cosine); the recipe refuses nothing in between."""
    recipe = TrainingRecipe(lr=0.2, lr_min=0.02)
    assert recipe.rate(0) == pytest.approx(0.2)
    assert recipe.rate(0.5) == pytest.approx(0.11)
    assert recipe.rate(1) == pytest.approx(0.02)
    steps = np.diff([recipe.rate(t) for t in np.linspace(0, 1, 50)])
    assert (steps < 0).all()


def test_a_winner_looks_better_than_it_is() -> None:
    """Eq. (eq-winner): its own error is too low, that of new trainings is not."""
    rng = np.random.default_rng(0)
    true = np.array([2.5, 2.52, 2.6])
    errors = rng.normal(true, 0.07, (40_000, 3))
    winner = errors.argmin(axis=1)
    own = errors.min(axis=1)
    fresh = rng.normal(true[winner], 0.07)
    assert own.mean() < true.min() - 0.02
    assert fresh.mean() == pytest.approx(true[winner].mean(), abs=0.002)
