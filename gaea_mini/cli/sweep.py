"""The command ``sweep``: many searches, one record each, here or on many machines."""

import argparse
import os
import sys
from functools import partial
from itertools import product
from statistics import mean, stdev
from typing import Any

from gaea_mini.cli.full import ask, check_memory, stopped_by_sigterm
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
    add("--methods", nargs="+", default=["gaea-darts"], help="see 'methods'")
    add("--objectives", nargs="+", default=["bilevel"], help="as of 'search'")
    add("--seeds", default="0-4", help="as '0-4' or '0,3,7'")
    add("--data", type=given, help="as of 'search'; workers read it themselves")
    add("--preset", default="tiny", help="as of 'search'")
    add("--epochs", type=int, help="in place of the preset's")
    add("--lr-theta", type=float, help="of all methods; by default each has its own")
    add("--warm-up", type=float, metavar="PART", help="of all methods, as of 'search'")
    add("--precision", default="float32", help="as of 'search'")
    add("--compile", action="store_true", help="as of 'search'")
    add("--device", default="cpu", help="of every search: 'cpu', 'cuda' or 'cuda:N'")
    add("--out", type=a_folder, required=True, help="folder for the records")
    add("--jobs", type=int, default=os.cpu_count(), help="searches at a time, here")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler, as tcp://host:8786: its workers search instead",
    )
    add("--yes", action="store_true", help="as of 'search'")
    add_table(sweep, required=False)
    sweep.set_defaults(run=run_sweep)


def run_sweep(options: argparse.Namespace) -> None:
    """Search what is missing, write each record as it comes, sum up."""
    with stopped_by_sigterm():
        _sweep(options)


def _sweep(options: argparse.Namespace) -> None:
    from gaea_mini.evaluate import NasBench201
    from gaea_mini.sweep import sweep

    if options.jobs < 1:
        raise InputError(f"--jobs is {options.jobs}; it must be 1 or more")
    points = points_of(options)
    table = NasBench201(options.nb201) if options.nb201 else None
    require_folder(options.out, "--out")
    at_once = 1 if options.scheduler else min(options.jobs, len(points))
    found: dict[str, list[float]] = {}
    for count, (point, run) in enumerate(
        sweep(
            points,
            options.out,
            options.jobs,
            options.scheduler,
            options.device,
            table,
            partial(ask_about, options),
            partial(fit_together, at_once, options.yes),
        ),
        1,
    ):
        accuracy = run.accuracy_rounded[-1]
        found.setdefault(point.arm, []).append(accuracy)
        print(f"{count} of {len(points)}: {point.name}: {accuracy:.2f} %", flush=True)
    print("held-out accuracy of the cell with shared weights, mean and sd over seeds")
    for arm, values in sorted(found.items()):
        spread = f" +- {stdev(values):.2f}" if len(values) > 1 else ""
        print(f"{arm}: {mean(values):.2f}{spread} % ({len(values)})")


def points_of(options: argparse.Namespace) -> list[Any]:
    """All combinations, in the order of the options."""
    from gaea_mini.sweep import Point

    full = options.preset.startswith("gpu")
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
            options.spaces or [own],
            options.methods,
            options.objectives,
            seeds(options.seeds),
        )
    ]


def ask_about(
    options: argparse.Namespace, expected: dict[str, Any], missing: list[Any]
) -> None:
    """Say how long the searches to come will take, and ask whether to begin.

    Raises:
      InputError: the answer was no, or there is nobody to ask.
    """
    from gaea_mini.forecast import in_words

    for arm, forecast in expected.items():
        print(f"gaea_mini: {arm}: {forecast}", file=sys.stderr)
    seconds = sum(expected[point.arm].seconds for point in missing)
    told = f"{len(missing)} searches, {in_words(seconds)} one after the other"
    if options.scheduler:
        told += "; the workers share them"
    else:
        seconds /= min(options.jobs, len(missing))
        told += f", {in_words(seconds)} with {options.jobs} at a time"
    ask(seconds, told, options.yes)


def fit_together(at_once: int, yes: bool, need: float, free: float | None) -> None:
    """Whether there is memory for all searches of one moment.

    Raises:
      InputError: there is not, and ``yes`` was not given.
    """
    smaller = "fewer --jobs" if at_once > 1 else "a smaller --preset"
    check_memory(at_once * need, free, yes, smaller)


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
