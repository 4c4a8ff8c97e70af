"""Chapters 12 to 14: likely mistakes in their exercises, and what they state."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gaea_mini.checks import scale as check
from gaea_mini.evaluate import TrainingRecipe
from gaea_mini.supernet import space
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


def counts_one_kind(nodes, useful):
    return math.prod(math.comb(t, 2) * useful**2 for t in range(2, nodes + 2))


def counts_ordered_pairs(nodes, useful):
    return math.prod(t * (t - 1) * useful**2 for t in range(2, nodes + 2)) ** 2


def keeps_the_last_of_a_tie(strengths):
    return np.sort(np.argsort(strengths, kind="stable")[-2:])


def leaves_them_in_order_of_strength(strengths):
    return np.argsort(-strengths, kind="stable")[:2]


def shares_a_seed(seeds, machines, hours):
    return hours * seeds / machines


def lets_none_win(theta, none):
    choice, first, nodes = np.full(len(theta), none), 0, 2
    while first < len(theta):
        rows = theta[first : first + nodes]
        kept = first + np.argsort(-rows.max(axis=1), kind="stable")[:2]
        choice[kept] = theta[kept].argmax(axis=1)
        first, nodes = first + nodes, nodes + 1
    return choice


def keeps_every_edge(theta, none):
    useful = theta.astype(float)
    useful[:, none] = -1
    return useful.argmax(axis=1)


def shows_all_to_both(pictures, batch, epochs, bilevel):
    return epochs * (pictures // batch)


def counts_short_batches(pictures, batch, epochs, bilevel):
    seen = pictures // 2 if bilevel else pictures
    return epochs * -(-seen // batch)


def forgets_the_two(write, between):
    return np.sqrt(write * between)


def fits_absolute_errors(work, seconds):
    return np.linalg.lstsq(work, seconds, rcond=None)[0]


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    [
        (check.my_steps, shows_all_to_both),
        (check.my_steps, counts_short_batches),
        (check.my_interval, forgets_the_two),
        (check.my_fit, fits_absolute_errors),
        (check.my_size, counts_one_kind),
        (check.my_size, counts_ordered_pairs),
        (check.my_top_two, keeps_the_last_of_a_tie),
        (check.my_top_two, leaves_them_in_order_of_strength),
        (check.my_hours, shares_a_seed),
        (check.my_round, lets_none_win),
        (check.my_round, keeps_every_edge),
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


def test_of_a_picture_only_the_wrong_pixels_are_shown() -> None:
    message = check.my_cut_out(starts_below_zero).message
    assert "  0,4       1      0     <-- differs" in message
    assert "\n  2,2 " not in message


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


def test_the_space_has_as_many_genotypes_as_the_formula_says() -> None:
    """Eq. (eq-darts-size), with the answer of the exercise, which counts pairs."""
    assert check.my_size(lambda nodes, useful: counts_one_kind(nodes, useful) ** 2)
    assert space("darts").size == counts_one_kind(4, 7) ** 2


def test_rounding_keeps_the_two_strongest_edges() -> None:
    """Eq. (eq-strength)."""
    where, rng = space("darts"), np.random.default_rng(0)
    for _ in range(20):
        theta = rng.dirichlet(np.ones(8), size=where.shape[:2])
        choice = where.parse(where.round(theta))
        for rows, row in zip(theta, choice, strict=True):
            useful = np.where(np.arange(8) == 0, -1, rows)
            strength = useful.max(axis=1)
            for entering in where.entering:
                kept = [e for e in entering if row[e] != 0]
                assert len(kept) == 2
                dropped = [strength[e] for e in entering if e not in kept]
                assert min(strength[kept]) >= max(dropped, default=0)
                assert all(row[e] == useful[e].argmax() for e in kept)


def test_a_change_below_half_the_margin_keeps_the_edges() -> None:
    """Eq. (eq-margin), and that the half cannot be left out."""
    where, rng = space("darts"), np.random.default_rng(1)
    products = rng.dirichlet(np.ones(8), size=where.shape[:2])
    useful = products[..., 1:].max(axis=-1)
    margins = []
    for row in useful:
        for entering in where.entering[1:]:  # node 2 drops nothing
            order = np.sort(row[entering])[::-1]
            margins.append(order[1] - order[2])
    delta = min(margins) / 2

    def kept(theta):
        return [[o != 0 for o in row] for row in where.parse(where.round(theta))]

    for _ in range(200):
        moved = products + rng.uniform(-0.999, 0.999, products.shape) * delta
        assert kept(moved) == kept(products)
    # Every kept edge down, every other up, by a little more than the half.
    down = np.where(np.array(kept(products))[..., None], -1.001, 1.001) * delta
    assert kept(products + down) != kept(products)


def test_edge_weights_scale_the_rows_of_theta() -> None:
    """Eq. (eq-edge-norm)."""
    where = space("darts")
    theta = torch.rand(where.shape)
    groups = [torch.rand(2, size) for size in where.groups(True)]
    weighed = where.weigh(theta, groups)
    first = 0
    for group in groups:
        part = slice(first, first + group.shape[1])
        assert torch.equal(weighed[:, part], theta[:, part] * group[:, :, None])
        first += group.shape[1]
    assert first == where.shape[1]


def test_seeds_dealt_out_by_remainder_are_done_when_the_formula_says() -> None:
    """Eq. (eq-rounds)."""
    for seeds in range(1, 20):
        for machines in range(1, 8):
            share = [len(range(seeds)[i::machines]) for i in range(machines)]
            assert sum(share) == seeds
            assert max(share) == math.ceil(seeds / machines)


def test_the_best_interval_loses_as_little_as_the_formula_says() -> None:
    """Eqs. (eq-waste) and (eq-interval), with failures drawn at random."""
    rng, write, between = np.random.default_rng(0), 2.0, 4000.0
    best = math.sqrt(2 * write * between)

    def wasted(interval):
        failures = rng.exponential(between, 200_000).cumsum() % (interval + write)
        lost = np.minimum(failures, interval).mean() / between
        return write / interval + lost

    least = wasted(best)
    assert least == pytest.approx(write / best + best / (2 * between), rel=0.05)
    assert wasted(best / 3) > 1.2 * least and wasted(3 * best) > 1.2 * least
