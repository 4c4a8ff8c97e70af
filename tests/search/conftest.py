"""Small pictures and small budgets, so that a whole search takes a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gaea_mini.data import Pictures
from gaea_mini.search import Bilevel, Budget, Method, SingleLevel, darts, gaea
from gaea_mini.search.state import State
from gaea_mini.supernet import space

collect_ignore = ["ranks.py"]  # what torchrun starts, and no test


def noisy_patterns(count: int = 100, size: int = 8, seed: int = 0) -> Pictures:
    """Three classes, each a fixed pattern under noise: easy to learn."""
    rng = np.random.default_rng(seed)
    patterns = rng.standard_normal((3, size, size, 1))
    y = rng.integers(0, 3, count)
    x = patterns[y] + 0.5 * rng.standard_normal((count, size, size, 1))
    x = (x - x.mean()) / x.std()
    return Pictures(
        "patterns",
        x.astype(np.float32),
        y,
        x[:5].astype(np.float32),
        y[:5],
        tuple("abc"),
    )


def numbered(count: int = 90, size: int = 8) -> Pictures:
    """Picture i is i + 1 everywhere and its label is i: every batch says who is in it.

    The zeros beyond the border are no picture's number.
    """
    x = np.ones((count, size, size, 1), np.float32)
    x *= np.arange(1, count + 1, dtype=np.float32)[:, None, None, None]
    names = tuple(map(str, range(count)))
    return Pictures("numbered", x, np.arange(count), x[:1], np.zeros(1, int), names)


@pytest.fixture(scope="session")
def patterns() -> Callable[..., Pictures]:
    return noisy_patterns


@pytest.fixture(scope="session")
def numbered_pictures() -> Callable[..., Pictures]:
    return numbered


@pytest.fixture(scope="session")
def budget() -> Budget:
    """Five batches an epoch for each of theta and the weights, 20 pictures held out."""
    return Budget(
        "test",
        channels=2,
        size=8,
        pictures=100,
        epochs=3,
        schedule_epochs=6,
        batch=8,
        crop=1,
    )


METHODS: dict[str, Callable[[], Method]] = {
    "gaea bilevel": lambda: gaea(darts(), lr=1.0),
    "gaea single-level": lambda: gaea(darts(objective=SingleLevel()), lr=1.0),
    "gaea one pass": lambda: gaea(darts(objective=SingleLevel(passes=1)), lr=1.0),
    "darts bilevel": lambda: darts(lr=0.1, objective=Bilevel()),
    "darts single-level": lambda: darts(lr=0.1, objective=SingleLevel()),
}


@pytest.fixture(params=METHODS)
def any_method(request: pytest.FixtureRequest) -> Method:
    """Each update with each objective."""
    return METHODS[request.param]()


@pytest.fixture(scope="session")
def state_of() -> Callable[..., State]:
    """A search's state, as the loop makes it."""

    def build(data: Pictures, method: Method, budget: Budget, seed: int = 0) -> Any:
        cpu = torch.device("cpu")
        return State(space("compact"), data, method, budget, seed, cpu)

    return build
