"""The command ``sweep``: many searches, one record each, here or on many machines."""

import argparse
import os
import sys
from functools import partial
from heapq import heapreplace
from itertools import product
from statistics import mean, stdev
from typing import Any

from gaea_mini.cli.full import GPU, ask, check_memory, stopped_by_sigterm
from gaea_mini.cli.search import HelpWithDefaults, a_folder, add_table, given
from gaea_mini.errors import InputError
from gaea_mini.files import require_folder


def add_sweep(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="search with every combination of spaces, methods and seeds",
        description="Search with every combination of spaces, methods, objectives and "
        "seeds; one record each. What has a record is not searched again, and what was "
        "cut off goes on from its checkpoint.",
        formatter_class=HelpWithDefaults,
    )
    add = sweep.add_argument
    add(
        "--spaces",
        nargs="+",
        help="see 'spaces'. By default compact; with --preset gpu nasbench201",
    )
    add("--methods", nargs="+", help="see 'methods'. By default gaea-darts")
    add("--objectives", nargs="+", help="as of 'search'. By default bilevel")
    add("--seeds", default="0-4", help="as '0-4' or '0,3,7'")
    add("--data", type=given, help="as of 'search'; workers read it themselves")
    add(
        "--preset",
        default="tiny",
        help="'tiny', 'cpu' or 'gpu', of the size that it has with 'search'; it "
        "chooses neither the methods nor --precision or --compile",
    )
    add(
        "--epochs",
        type=int,
        help="in place of the preset's; more than its cosine lasts stretch it",
    )
    add("--lr-theta", type=float, help="of all methods; by default each has its own")
    add(
        "--warm-up",
        type=float,
        metavar="PART",
        help="of all methods, as of 'search'. By default each has its own; with "
        "--preset gpu on the space darts gaea-pc-darts has that of its paper",
    )
    add(
        "--precision",
        default="float32",
        help="'float32', 'bfloat16' or, on CUDA, 'float16'; with every preset",
    )
    add(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="hand each network to torch.compile; with every preset",
    )
    add("--device", default="cpu", help="of every search: 'cpu', 'cuda' or 'cuda:N'")
    add("--out", type=a_folder, required=True, help="folder for the records")
    add(
        "--jobs",
        type=int,
        help="searches at a time, here. By default one a core; on CUDA one",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler, as tcp://host:8786: its workers search instead",
    )
    add(
        "--yes",
        action="store_true",
        help="do not ask before searches of more than ten minutes in all, nor refuse "
        "those of more than a day where there is no terminal to ask, nor those that "
        "need more memory than is free",
    )
    add_table(sweep, required=False)
    sweep.set_defaults(run=run_sweep)


def run_sweep(options: argparse.Namespace) -> None:
    """Search what is missing, write each record as it comes, sum up."""
    with stopped_by_sigterm():
        _sweep(options)


def _sweep(options: argparse.Namespace) -> None:
    from gaea_mini.evaluate import NasBench201
    from gaea_mini.sweep import FailedError, sweep

    if options.jobs is None:
        on_cuda = options.device.startswith("cuda")
        options.jobs = 1 if on_cuda else os.cpu_count() or 1
    if options.jobs < 1:
        raise InputError(f"--jobs is {options.jobs}; it must be 1 or more")
    points = points_of(options)
    table = NasBench201(options.nb201) if options.nb201 else None
    require_folder(options.out, "--out")
    at_once = 1 if options.scheduler else min(options.jobs, len(points))
    found: dict[str, list[float]] = {}
    before = {path.stem for path in options.out.glob("*.json")}
    searches = sweep(
        points,
        options.out,
        options.jobs,
        options.scheduler,
        options.device,
        table,
        partial(ask_about, options),
        partial(fit_together, at_once, options.yes),
    )
    try:
        for count, (point, run) in enumerate(searches, 1):
            accuracy = run.accuracy_rounded[-1]
            found.setdefault(point.arm, []).append(accuracy)
            told = f"{count} of {len(points)}: {point.name}: {accuracy:.2f} %"
            print(told + ", as recorded" * (point.name in before), flush=True)
    except FailedError:
        sum_up(found)
        raise
    sum_up(found)


def sum_up(found: dict[str, list[float]]) -> None:
    """Print the accuracies of each arm, if there are any.

    >>> sum_up({"compact-darts-bilevel": [20.0, 22.0]})
    held-out accuracy of the cell with shared weights, mean and sd over seeds
    compact-darts-bilevel: 21.00 +- 1.41 % (2)
    """
    if not found:
        return
    print("held-out accuracy of the cell with shared weights, mean and sd over seeds")
    for arm, values in sorted(found.items()):
        spread = f" +- {stdev(values):.2f}" if len(values) > 1 else ""
        print(f"{arm}: {mean(values):.2f}{spread} % ({len(values)})", flush=True)


def points_of(options: argparse.Namespace) -> list[Any]:
    """All combinations, in the order of the options."""
    from gaea_mini.sweep import Point

    full = options.preset in GPU
    own = {"gpu": "nasbench201", "gpu-darts": "darts"}.get(options.preset, "compact")
    return [
        Point(
            *combination,
            options.lr_theta,
            options.data or ("cifar10" if full else "fashion"),
            options.preset,
            options.epochs,
            options.warm_up,
            options.precision,
            options.compile,
        )
        for combination in product(
            each_once("--spaces", options.spaces or [own]),
            each_once("--methods", options.methods or ["gaea-darts"]),
            each_once("--objectives", options.objectives or ["bilevel"]),
            seeds(options.seeds),
        )
    ]


def ask_about(
    options: argparse.Namespace,
    costs: dict[str, tuple[float, str]],
    missing: list[Any],
) -> None:
    """Say how long the searches to come will take, and ask whether to begin.

    Those that share a CUDA device take as long together as one after the other.

    Args:
      options: of the command.
      costs: seconds of one search of each arm, and the same in words.
      missing: the searches.

    Raises:
      InputError: the answer was no, or there is nobody to ask.
    """
    from gaea_mini.evaluate.workers import count_workers
    from gaea_mini.forecast import in_words

    for arm, (_, words) in costs.items():
        print(f"gaea_mini: {arm}: {words}", file=sys.stderr)
    each = [costs[point.arm][0] for point in missing]
    told = f"{len(missing)} searches, {in_words(sum(each))} one after the other"
    at_once, how = options.jobs, "at a time"
    if options.scheduler:
        at_once, how = count_workers(options.scheduler), "Dask workers"
    elif options.device.startswith("cuda"):
        at_once, how = 1, "at a time, because they share one CUDA device"
    seconds = until_done(each, at_once)
    ask(seconds, f"{told}, {in_words(seconds)} with {at_once} {how}", options.yes)


def until_done(each: list[float], at_once: int) -> float:
    r"""Time until the last is done, if a place that is free takes the next.

    Of S alike with M places this is :math:`h \lceil S / M \rceil`, Eq. (eq-rounds).

    >>> until_done([2.0, 2.0, 2.0], 2)
    4.0
    """
    busy = [0.0] * at_once
    for time in each:
        # Eq. (eq-rounds)
        heapreplace(busy, busy[0] + time)
    return max(busy)


def fit_together(at_once: int, yes: bool, need: float, free: float | None) -> None:
    """Whether there is memory for all searches of one moment.

    Raises:
      InputError: there is not, and ``yes`` was not given.
    """
    smaller = "fewer --jobs" if at_once > 1 else "a smaller --preset"
    check_memory(at_once * need, free, yes, smaller)


def each_once(option: str, words: list[str]) -> list[str]:
    """The words of an option; two that are the same would write the same files.

    >>> each_once("--methods", ["darts", "gdas"])
    ['darts', 'gdas']
    """
    for word in words:
        if words.count(word) > 1:
            raise InputError(f"{option} names {word!r} more than once; give each once")
    return words


def seeds(text: str) -> list[int]:
    """Seeds in words.

    >>> seeds("0-2,7")
    [0, 1, 2, 7]
    """
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found):
        raise InputError(
            f"--seeds is {text!r}; give whole numbers such as 0-4 or 0,3,7, each once"
        )
    return found
