"""What every test shares: one thread, and the data that may stand beside the clone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

# Set before numpy and torch are imported: more threads than cores make the tests
# many times slower, and sums then depend on the number of threads.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# No deadline: on a busy machine one slow example would fail a good test. The same
# examples every time: a failure on CI is then the same failure on a desk.
settings.register_profile("book", deadline=None, derandomize=True)
settings.load_profile("book")

ROOT = Path(__file__).resolve().parent.parent


def must_run() -> bool:
    """On CI nothing that the book's promise rests on may be skipped."""
    return bool(os.environ.get("CI") or os.environ.get("GAEA_CI"))


# The fixtures of these need torch.
collect_ignore = [] if find_spec("torch") else ["search"]


def skip_without_torch(
    report: pytest.CollectReport | pytest.TestReport, path: Path
) -> None:
    """Where torch is not installed, a test that wants to import it is skipped."""
    if report.failed and not find_spec("torch"):
        if "No module named 'torch'" in report.longreprtext:
            report.outcome = "skipped"
            report.longrepr = (str(path), 0, "Skipped: needs torch")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    skip_without_torch(report, collector.path)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skip_without_torch(report, item.path)
    return report


@pytest.fixture(scope="session")
def load() -> Callable[[Path], ModuleType]:
    """``load(path)`` gives a module that is not part of an installed package."""

    def load(path: Path) -> ModuleType:
        spec = spec_from_file_location(path.stem, path)
        assert spec and spec.loader
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def few_pictures(tmp_path: Path) -> str:
    """A .npz of 40 and 20 noise pictures in the form of CIFAR-10."""
    import numpy as np

    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 40), ("test", 20)):
        shape = (count, 32, 32, 3)
        arrays[f"x_{part}"] = rng.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count) % 10
    np.savez(tmp_path / "c.npz", **arrays)
    return str(tmp_path / "c.npz")


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
def made_up_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of all 15,625 cells with invented numbers, in a shuffled order.

    Accuracy grows with the number of 3x3 convolutions; ties are many.
    """
    import csv
    import gzip
    import random
    from itertools import product

    cells = ["".join(cell) for cell in product("01234", repeat=6)]
    random.Random(0).shuffle(cells)
    path = tmp_path_factory.mktemp("table") / "made_up.csv.gz"
    with gzip.open(path, "wt", newline="", compresslevel=1) as file:
        writer = csv.writer(file)
        sets = ("c10_test_200", "c10_val_200", "c100_test_200", "in16_test_200")
        writer.writerow(["index", "ops", "n_trials_200", *sets])
        for index, ops in enumerate(cells):
            best = 10 + 14 * ops.count("3") + 2 * ops.count("2") + ops.count("1")
            row = [best, best - 0.5, best / 2, best / 4]
            writer.writerow([index, ops, 3, *row])
    return path


@pytest.fixture(scope="session")
def cifar10_file() -> Path:
    """The CIFAR-10 pictures, which are never committed."""
    return beside("cifar10", "cifar10_9k.npz")


@pytest.fixture
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """``with dask_cluster(workers, failures) as (process, address, pids):``

    A task is given up when more than so many workers were lost over it.
    """

    @contextmanager
    def start(workers: int, failures: int) -> Iterator[tuple[Any, str, list[int]]]:
        code = (
            "import sys\n"
            "from distributed import LocalCluster\n"
            "if __name__ == '__main__':\n"
            f"    options = dict(n_workers={workers}, threads_per_worker=1)\n"
            "    with LocalCluster(dashboard_address=None, **options) as cluster:\n"
            "        print(cluster.scheduler_address, flush=True)\n"
            "        print(*(w.pid for w in cluster.workers.values()), flush=True)\n"
            "        sys.stdin.read()\n"
        )
        script = tmp_path_factory.mktemp("dask") / "cluster.py"
        script.write_text(code)
        limit = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures)}
        cluster = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **limit},
        )
        try:
            assert cluster.stdout is not None
            address = cluster.stdout.readline().strip()
            assert address.startswith("tcp://127.0.0.1:")
            yield cluster, address, [int(n) for n in cluster.stdout.readline().split()]
        finally:
            with suppress(BrokenPipeError):
                cluster.communicate("")

    return start
