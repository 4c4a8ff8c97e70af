"""The command line: ``python -m gaea_mini --help``.

Bad input ends with one line on standard error and status 2; nothing is half-written.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import gaea_mini
from gaea_mini.cli.benchmark import add_benchmark
from gaea_mini.cli.full import prefix
from gaea_mini.cli.lists import run_methods, run_spaces
from gaea_mini.cli.search import HelpWithDefaults, a_file, add_search, add_table
from gaea_mini.cli.sweep import add_sweep
from gaea_mini.cli.train import add_train
from gaea_mini.errors import InputError, enough_memory, in_a_line
from gaea_mini.files import require_apart, require_writable

EPILOG = """examples:
  python -m gaea_mini search --preset tiny --out run.json
  python -m gaea_mini search --space nasbench201 --method gaea-darts --lr-theta 1 \\
      --data cifar10_9k.npz --preset cpu --nb201 nb201.csv.gz --out run.json
  python -m gaea_mini show run.json --html run.html
  python -m gaea_mini train --run run.json --preset cpu --out trained.json
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    try:
        options = build_parser().parse_args(arguments)
        with enough_memory():
            options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (InputError, OSError) as error:
        return _complain(in_a_line(error))
    except KeyboardInterrupt:
        print("gaea_mini: stopped", file=sys.stderr)
        return 130
    return 0


def build_parser() -> Parser:
    """All commands and their options."""
    parser = Parser(
        prog="python -m gaea_mini",
        description="Weight-sharing neural architecture search, small enough to read.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=gaea_mini.__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add_search(commands)
    add_train(commands)

    lookup = commands.add_parser("lookup", help="what NAS-Bench-201 says of a cell")
    lookup.add_argument("cell", help="arch string, six digits, or official index")
    add_table(lookup, required=True)
    lookup.set_defaults(run=run_lookup)

    show = commands.add_parser("show", help="make a page of one to four recorded runs")
    show.add_argument("records", nargs="+", type=Path, help="files written by search")
    show.add_argument(
        "--html",
        type=a_file,
        required=True,
        help="the page to write: one file with the player, needs no network",
    )
    show.set_defaults(run=run_show)

    methods = commands.add_parser("methods", help="list the methods and their parts")
    methods.set_defaults(run=run_methods)
    spaces = commands.add_parser("spaces", help="list the search spaces")
    spaces.set_defaults(run=run_spaces)
    add_benchmark(commands)
    add_sweep(commands)
    _add_records(commands)
    _add_compare(commands)
    return parser


def _add_records(commands: Any) -> None:
    records = commands.add_parser(
        "records",
        help="run the recorded searches that the book reads (hours; resumes)",
        formatter_class=HelpWithDefaults,
    )
    records.add_argument(
        "names", nargs="*", help="recipes; all of them if none is named"
    )
    _add_kitchen(records)
    records.set_defaults(run=run_records)


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="all methods and the rivals without weight sharing, on one table",
        description="All methods and all rivals on one table, over seeds: a record. "
        "Steps are those that the recorded searches chose; made searches are kept.",
        formatter_class=HelpWithDefaults,
    )
    compare.add_argument("name", help="'compact' or 'nasbench201'")
    compare.add_argument(
        "--table", default="compact", help="of compact: 'compact' (shipped) or a file"
    )
    compare.add_argument(
        "--repetitions", type=int, default=500, help="of every rival, by look-up"
    )
    _add_kitchen(compare)
    compare.set_defaults(run=run_compare)


def _add_kitchen(parser: Any) -> None:
    add_table(parser, required=False)
    add = parser.add_argument
    add(
        "--cifar10",
        default=os.environ.get("GAEA_MINI_CIFAR10") or "cifar10",
        help="CIFAR-10 for what needs it: a .npz, or torchvision's",
    )
    add("--jobs", type=int, default=os.cpu_count(), help="searches at a time")
    add("--records", type=Path, default=Path("book/records"), help="where records go")
    add(
        "--cache",
        type=Path,
        default=Path("_build/records"),
        help="where finished searches and checkpoints are kept",
    )


def run_lookup(options: argparse.Namespace) -> None:
    """Print all columns of one cell."""
    from gaea_mini.evaluate import NasBench201

    for name, value in NasBench201(options.nb201).lookup(options.cell).items():
        print(
            f"{name:24} {value:g}" if isinstance(value, float) else f"{name:24} {value}"
        )


def run_show(options: argparse.Namespace) -> None:
    """Write the page of one to four runs."""
    from gaea_mini.search import Run
    from gaea_mini.show import write_page

    records = {f"record {number}": p for number, p in enumerate(options.records, 1)}
    require_apart({"--html": options.html}, records)
    require_writable(options.html)
    runs = [Run.load(path).to_dict() for path in options.records]
    write_page(runs, options.html)
    print(f"written to {options.html}")


def run_records(options: argparse.Namespace) -> None:
    """Run recipes, resuming where they stopped."""
    from gaea_mini.recipes import RECIPES, alone, ranking, recipe_named, simplex, skips

    kitchen = _kitchen(options)
    # Those that are not plain searches have a kitchen helper of their own.
    special = {
        alone.NAME: lambda: alone.cook_alone(
            kitchen.records, kitchen.cache, kitchen.cifar10
        ),
        ranking.NAME: lambda: ranking.cook_ranking(kitchen),
        simplex.NAME: lambda: simplex.cook_simplex(kitchen.records),
        skips.NAME: lambda: skips.cook_skips(
            kitchen.records, kitchen.cache, kitchen.cifar10
        ),
    }
    names = options.names or [*RECIPES, *special]
    for name in names:
        if name not in special:
            recipe_named(name)
    kitchen.make_folders()
    for name in names:
        special.get(name, partial(kitchen.cook, name))()


def run_compare(options: argparse.Namespace) -> None:
    """Compare all methods and rivals on a table."""
    from gaea_mini.recipes.compare import compare

    compare(options.name, _kitchen(options), options.table, options.repetitions)


def _kitchen(options: argparse.Namespace) -> Any:
    from gaea_mini.recipes.kitchen import Kitchen

    return Kitchen(
        options.records, options.cache, options.nb201, options.cifar10, options.jobs
    )


def _complain(message: str) -> int:
    print(f"{prefix()}{message}", file=sys.stderr)
    return 2
