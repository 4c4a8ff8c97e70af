r"""What a search step costs on this machine, and a model that predicts other sizes.

.. math::
    \hat t = a + b\, n + c\, A + d\, F

Eq. (eq-cost). n is the number of cells, A the numbers that a layer of each cell holds,
F its multiply-adds; see ``work``. The factors are fitted to measured steps of the
NAS-Bench-201 supernet and checked on sizes that were held out.

    python -m gaea_mini.cost    measure (minutes), write book/records/cpu_cost.json

Times are of the processor, on one thread, so that a busy machine counts less; measure
on a quiet one all the same.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from gaea_mini import checkpoints
from gaea_mini.bench.steps import Contender, build_state, build_step, fast_step
from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically
from gaea_mini.search.run import environment, peak_mb

BASE = Contender("fast", channels=8, cells=1, batch=32, size=16)
# One size at a time away from the middle, and corners that tell them apart.
FITTED = (
    *(replace(BASE, channels=channels) for channels in (4, 8, 16, 32)),
    *(replace(BASE, cells=cells) for cells in (2, 3, 5)),
    *(replace(BASE, batch=batch) for batch in (16, 64, 128)),
    replace(BASE, channels=16, cells=2, batch=64),
    replace(BASE, channels=16, size=32),
    replace(BASE, channels=4, cells=3, batch=128),
)
FULL = replace(BASE, channels=16, cells=5, batch=64, size=32)  # the paper's
HELD_OUT = (
    replace(BASE, channels=12, cells=2, batch=48),
    replace(BASE, channels=24, cells=3, batch=32),
    FULL,
)
GROUPS = {
    "convolution": ("convolution",),
    "batch norm": ("batch_norm", "batchnorm"),
    "sums and weights": ("add", "mul", "sum", "fill", "zero", "div"),
    "pooling": ("pool",),
    "ReLU": ("relu", "threshold", "clamp"),
}
STEPS = 7  # that count, after two


def work(sizes: Contender) -> np.ndarray:
    r"""What a step of this size has to do: (1, cells, numbers, multiply-adds).

    .. math::
        n = 3 N, \quad A = B N C P^2 (1 + \tfrac12 + \tfrac14), \quad
        F = 3 B N C^2 P^2

    Eq. (eq-work). B pictures of P pixels along a side, N cells in each of three stages;
    each stage has twice the channels of the one before, and a quarter of the pixels.
    What all sizes have in common, such as nine taps of a filter, is in the factors. The
    1 stands for what each step does once, whatever its size.

    >>> work(BASE).tolist()
    [1.0, 3.0, 114688.0, 1572864.0]
    """
    pixels = sizes.batch * sizes.cells * sizes.size**2
    # Eq. (eq-work)
    numbers = pixels * sizes.channels * (1 + 1 / 2 + 1 / 4)
    return np.array([1, 3 * sizes.cells, numbers, 3 * pixels * sizes.channels**2])


def fit(sizes: Sequence[Contender], seconds: Sequence[float]) -> np.ndarray:
    """The factors (a, b, c, d) of Eq. (eq-cost): least squares of the relative errors.

    None of them is negative (Lawson and Hanson's active set, by SciPy).

    Raises:
      InputError: fewer than four sizes, or a time that is not above 0.
    """
    from scipy.optimize import nnls

    times = np.asarray(seconds, dtype=float)
    if len(times) < 4 or not (times > 0).all():
        raise InputError("a fit needs four or more sizes, and times above 0")
    # Divided by the time, so that a small step counts as much as a large one.
    rows = np.array([work(size) for size in sizes]) / times[:, None]
    scale = rows.max(axis=0)
    factors, _ = nnls(rows / scale, np.ones(len(times)))
    return factors / scale


def predict(factors: np.ndarray, sizes: Contender) -> float:
    """Seconds of a step by the model."""
    # Eq. (eq-cost)
    return float(factors @ work(sizes))


def steps_of(pictures: int, batch: int, epochs: int, bilevel: bool) -> int:
    """Steps of a search: whole batches of the pictures that the weights see.

    >>> steps_of(50_000, 64, 25, bilevel=False), steps_of(50_000, 64, 25, bilevel=True)
    (19525, 9750)
    """
    seen = pictures // 2 if bilevel else pictures
    return epochs * (seen // batch)


def hours(
    factors: np.ndarray, sizes: Contender, pictures: int, epochs: int, bilevel: bool
) -> float:
    """Hours of a whole search by the model, Eq. (eq-search-hours)."""
    steps = steps_of(pictures, sizes.batch, epochs, bilevel)
    return steps * predict(factors, sizes) / 3600


def measure(
    sizes: Sequence[Contender], steps: int = STEPS, say: Callable[[str], Any] = print
) -> list[float]:
    """Seconds of the processor that a step of each size takes: the median.

    The sizes take turns, one step each, so that a busy moment hits all alike.
    """
    ready = [build_step(size) for size in sizes]
    taken: list[list[float]] = [[] for _ in sizes]
    for turn in range(steps + 2):
        for step, times in zip(ready, taken, strict=True):
            began = time.process_time()
            step()
            times.append(time.process_time() - began)
        say(f"round {turn + 1} of {steps + 2}")
    return [statistics.median(times[2:]) for times in taken]


def parts(size: Contender, steps: int = 3) -> dict[str, float]:
    """Where the time of a step goes, in percent, by the PyTorch profiler.

    Time by the clock of an operator itself, without the operators that it calls.
    Operators are put into groups by their names; the last group is what is left.
    """
    step = build_step(size)
    step()
    step()
    with _silent(), profile(activities=[ProfilerActivity.CPU]) as watch:
        for _ in range(steps):
            step()
    spent = dict.fromkeys([*GROUPS, "other"], 0.0)
    for event in watch.key_averages():
        spent[group_of(event.key)] += event.self_cpu_time_total
    whole = sum(spent.values())
    return {name: 100 * time / whole for name, time in spent.items()}


def writing(size: Contender, times: int = 3) -> float:
    """Seconds to write the checkpoint of a search of this size: the median.

    By the clock, into the temporary folder. Weights and momentum are written; the
    record, which grows with the epochs, is small beside them and left out. The number
    of weights does not depend on batch and pixels, so the one step is a small one.
    """
    state = build_state(replace(size, batch=8, size=8))
    fast_step(state)  # momentum is there after a step
    saved = {"run": {}, "state": state.state_dict(), "middle": {}}
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            began = time.perf_counter()
            checkpoints.write(Path(folder, "checkpoint.pt"), saved)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing goes to standard error, where the profiler's library reports itself."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def group_of(operator: str) -> str:
    """The group of an operator of PyTorch.

    >>> group_of("aten::mkldnn_convolution"), group_of("aten::native_batch_norm")
    ('convolution', 'batch norm')
    >>> group_of("aten::addcmul"), group_of("aten::copy_")
    ('sums and weights', 'other')
    """
    name = operator.lower()
    for group, words in GROUPS.items():
        if any(word in name for word in words):
            return group
    return "other"


def record(
    fitted: Sequence[Contender] = FITTED,
    held_out: Sequence[Contender] = HELD_OUT,
    steps: int = STEPS,
    say: Callable[[str], Any] = print,
) -> dict[str, Any]:
    """Measure, fit, predict what was held out, profile the smallest and the last."""
    seconds = measure([*fitted, *held_out], steps, say)
    factors = fit(fitted, seconds[: len(fitted)])
    rows = [
        {
            **asdict(size),
            "held_out": i >= len(fitted),
            "seconds": seen,
            "predicted": predict(factors, size),
        }
        for i, (size, seen) in enumerate(
            zip([*fitted, *held_out], seconds, strict=True)
        )
    ]
    profiled = [fitted[0], held_out[-1]]
    return {
        "recipe": "cpu_cost",
        "about": "Seconds of the processor for one bilevel step of GAEA DARTS on "
        "NAS-Bench-201, one thread, and the model fitted to them.",
        "factors": factors.tolist(),
        "rows": rows,
        "profiles": [{**asdict(size), "parts": parts(size)} for size in profiled],
        "peak_mb": peak_mb(torch.device("cpu")),
        "environment": environment(torch.device("cpu")),
    }


def main(arguments: list[str] | None = None) -> None:
    """Write the record."""
    parser = argparse.ArgumentParser("gaea_mini.cost", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("book/records/cpu_cost.json"), help="the file"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="that count, a size")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    made = record(steps=options.steps)
    write_atomically(options.out, (json.dumps(made, indent=1) + "\n").encode())
    for row in made["rows"]:
        off = 100 * (row["predicted"] / row["seconds"] - 1)
        print(
            f"C {row['channels']:2} N {row['cells']} batch {row['batch']:3} "
            f"{row['size']} px: {row['seconds']:.3f} s, model {off:+.0f} %"
            + (", held out" if row["held_out"] else "")
        )
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
