"""The command ``sweep``: many searches, one record each, here or on many machines."""

import argparse
import os
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from gaea_mini.cli.search import HelpWithDefaults, add_table
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
    add("--spaces", nargs="+", default=["compact"], help="see 'spaces'")
    add("--methods", nargs="+", default=["gaea-darts"], help="see 'methods'")
    add("--objectives", nargs="+", default=["bilevel"], help="as of 'search'")
    add("--seeds", default="0-4", help="as '0-4' or '0,3,7'")
    add("--data", default="fashion", help="as of 'search'; workers read it themselves")
    add("--preset", default="tiny", help="as of 'search'")
    add("--epochs", type=int, help="in place of the preset's")
    add("--lr-theta", type=float, help="of all methods; by default each has its own")
    add("--device", default="cpu", help="of every search: 'cpu', 'cuda' or 'cuda:N'")
    add("--out", type=Path, required=True, help="folder for the records")
    add("--jobs", type=int, default=os.cpu_count(), help="searches at a time, here")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler, as tcp://host:8786: its workers search instead",
    )
    add_table(sweep, required=False)
    sweep.set_defaults(run=run_sweep)


def run_sweep(options: argparse.Namespace) -> None:
    """Search what is missing, write each record as it comes, sum up."""
    from gaea_mini.evaluate import NasBench201
    from gaea_mini.sweep import Point, sweep

    if options.jobs < 1:
        raise InputError(f"--jobs is {options.jobs}; it must be 1 or more")
    points = [
        Point(*combination, options.lr_theta, options.data, options.preset)
        for combination in product(
            options.spaces, options.methods, options.objectives, seeds(options.seeds)
        )
    ]
    if options.epochs is not None:
        points = [point.shorter(options.epochs) for point in points]
    table = NasBench201(options.nb201) if options.nb201 else None
    require_folder(options.out, "--out")
    found: dict[str, list[float]] = {}
    for count, (point, run) in enumerate(
        sweep(
            points, options.out, options.jobs, options.scheduler, options.device, table
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
