"""Batches: who is in them, and how the pictures are cropped and flipped."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.search.batches import Batches


def labelled(count=23, size=5, channels=3):
    """Pictures of distinct numbers; the label is the position."""
    x = torch.arange(1.0, count * size * size * channels + 1)
    return x.reshape(count, size, size, channels), torch.arange(count)


def batches(x, y, budget, seed=0, **changes):
    generator = torch.Generator().manual_seed(seed)
    return Batches(x, y, replace(budget, **changes), generator)


def transforms(picture, crop, flip):
    """Every picture (H, W, C) that shifting and flipping can make of one, slowly."""
    size = len(picture)
    made = {}
    for down in range(-crop, crop + 1):
        for right in range(-crop, crop + 1):
            moved = np.zeros_like(picture)
            for i in range(size):
                for j in range(size):
                    if 0 <= i + down < size and 0 <= j + right < size:
                        moved[i, j] = picture[i + down, j + right]
            made[down, right, False] = moved
            if flip:
                made[down, right, True] = moved[:, ::-1]
    return made


@pytest.mark.parametrize("crop", [0, 1, 2])
@pytest.mark.parametrize("flip", [False, True])
def test_every_picture_is_a_shift_and_perhaps_a_flip_of_its_own(budget, crop, flip):
    """Looked up among all that a slow loop makes of it; all ways occur, evenly."""
    x, y = labelled()
    many = batches(x, y, budget, crop=crop, flip=flip, batch=6)
    ways = [transforms(picture, crop, flip) for picture in x.numpy()]
    seen = Counter()
    for _ in range(40):
        for pictures, labels in many:
            assert pictures.shape == (6, 3, 5, 5)
            for picture, label in zip(pictures, labels.tolist(), strict=True):
                made = picture.permute(1, 2, 0).numpy()
                found = [w for w, p in ways[label].items() if np.array_equal(p, made)]
                assert len(found) == 1, "not a shift or flip of the labelled picture"
                seen[found[0]] += 1
    assert len(seen) == (2 * crop + 1) ** 2 * (2 if flip else 1)
    expected = seen.total() / len(seen)
    for times in seen.values():
        assert abs(times - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize(("count", "batch"), [(24, 6), (23, 6), (6, 6), (11, 4)])
def test_an_epoch_takes_whole_batches_without_repeats(budget, count, batch):
    x, y = labelled(count)
    many = batches(x, y, budget, batch=batch)
    assert len(many) == count // batch
    orders = []
    for _ in range(3):
        labels = [label for _, part in many for label in part.tolist()]
        assert len(labels) == len(set(labels)) == count // batch * batch
        orders.append(labels)
    assert count == batch or orders[0] != orders[1] != orders[2]


def test_every_picture_has_its_turn_when_the_last_batch_is_short(budget):
    x, y = labelled(11)
    many = batches(x, y, budget, batch=4)
    assert {label for _ in range(20) for _, p in many for label in p.tolist()} == {
        *range(11)
    }


def test_the_generator_is_the_only_source_of_randomness(budget):
    x, y = labelled()
    before = torch.get_rng_state()
    draws = [list(batches(x, y, budget, seed)) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)

    def same(one, other):
        return all(
            torch.equal(a, b)
            for pair in zip(one, other, strict=True)
            for a, b in zip(*pair, strict=True)
        )

    assert same(draws[0], draws[1]) and not same(draws[0], draws[2])


def test_pictures_are_copies(budget):
    x, y = labelled()
    kept = x.clone()
    for pictures, _ in batches(x, y, budget):
        pictures.zero_()
    for pictures, _ in batches(x, y, budget, crop=0, flip=False):
        assert pictures.abs().min() > 0
    assert torch.equal(x, kept)
