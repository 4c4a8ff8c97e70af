"""What every test shares: one thread, and the data that may stand beside the clone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

# Set before numpy and torch are imported: more threads than cores make the tests
# many times slower, and sums then depend on the number of threads.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def must_run() -> bool:
    """On CI nothing that the book's promise rests on may be skipped."""
    return bool(os.environ.get("CI") or os.environ.get("GAEA_CI"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def skip_unless_ci() -> Callable[[str], NoReturn]:
    """Skip with this reason on a desk; fail with it on CI."""

    def skip(reason: str) -> NoReturn:
        if must_run():
            pytest.fail(f"skipped on CI: {reason}")
        pytest.skip(reason)

    return skip


@pytest.fixture(scope="session")
def built_book(root: Path, skip_unless_ci: Callable[[str], NoReturn]) -> Path:
    """The folder of the built pages. ``make test`` builds them first."""
    if not (root / "_build" / ".book").exists():
        skip_unless_ci("the book is not built: run `make book`")
    return root / "_build" / "html"


def beside(*parts: str) -> Path:
    """A file in ``shared/data`` beside the clone; the test is skipped without it."""
    path = ROOT.parent.joinpath("shared", "data", *parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(('../shared/data', *parts))} beside the clone")
    return path


@pytest.fixture(scope="session")
def nb201_file() -> Path:
    """The compact NAS-Bench-201 table, which is never committed."""
    return beside("nb201", "nb201.csv.gz")


@pytest.fixture(scope="session")
def cifar10_file() -> Path:
    """The CIFAR-10 pictures, which are never committed."""
    return beside("cifar10", "cifar10_9k.npz")
