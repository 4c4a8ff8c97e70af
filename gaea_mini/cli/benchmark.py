"""The command ``benchmark``: make the table of a space, check it, look at it."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gaea_mini.cli.search import HelpWithDefaults, short
from gaea_mini.errors import InputError
from gaea_mini.files import require_apart, require_folder, require_writable


def add_benchmark(commands: Any) -> None:
    benchmark = commands.add_parser(
        "benchmark",
        help="every cell of the compact space, trained alone",
        description="Every cell of the compact space, trained alone: a table.",
    )
    parts = benchmark.add_subparsers(metavar="PART", required=True)

    build = parts.add_parser(
        "build",
        help="train every cell and write the table (an hour or two; resumes)",
        formatter_class=HelpWithDefaults,
    )
    add = build.add_argument
    add("--jobs", type=int, default=os.cpu_count(), help="worker processes here")
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler, as tcp://host:8786: its workers train instead",
    )
    add("--out", type=Path, default=Path("compact_fashion.json.gz"), help="the table")
    add(
        "--journal",
        type=Path,
        default=Path("_build/compact_fashion.journal"),
        help="finished rows; a build that was stopped goes on from here",
    )
    add("--repair", action="store_true", help="take damaged rows out of the journal")
    build.set_defaults(run=run_build)

    verify = parts.add_parser(
        "verify",
        help="train a few cells again and compare with the table",
        formatter_class=HelpWithDefaults,
    )
    add = verify.add_argument
    add("--table", default="compact", help="'compact' (shipped) or a file")
    add("--cells", type=int, default=6, help="cells to train again, drawn at random")
    add("--seed", type=int, default=0, help="one of the table's seeds")
    add("--draw", type=int, default=0, help="seed of the draw of the cells")
    verify.set_defaults(run=run_verify)

    show = parts.add_parser(
        "show",
        help="the best cells, and how sure their order is",
        formatter_class=HelpWithDefaults,
    )
    show.add_argument("--table", default="compact", help="'compact' or a file")
    show.add_argument("--top", type=int, default=10, help="how many to list")
    show.set_defaults(run=run_show)


def run_build(options: argparse.Namespace) -> None:
    """Train every class with every seed, and write the table."""
    from gaea_mini.evaluate.benchmark import COMPACT, build

    require_apart({"--out": options.out, "--journal": options.journal}, {})
    require_folder(options.journal.parent, "--journal: the folder")
    for path in (options.out, options.journal):
        require_writable(path)
    with _bar() as watch:
        build(
            COMPACT,
            options.out,
            options.journal,
            options.jobs,
            options.scheduler,
            options.repair,
            watch,
        )
    print(f"table written to {options.out}")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar that begins where the journal ends."""
    from tqdm import tqdm

    bar: Any = None

    def watch(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total, initial=done, unit="training", smoothing=0)
        bar.update(done - bar.n)

    try:
        yield watch
    finally:
        if bar is not None:
            bar.close()


def run_verify(options: argparse.Namespace) -> None:
    """Train cells again; ends with an error if one is not what the table says."""
    import numpy as np

    from gaea_mini.evaluate import load_table
    from gaea_mini.evaluate.verify import (
        SHIFT,
        check_draw,
        limits,
        power,
        same_kind,
        verify,
    )

    table = load_table(options.table)
    check_draw(table, options.cells, options.seed, options.draw)
    exact = same_kind(table)
    allowed = limits(table, options.cells)
    if exact:
        print("torch and processor of the table: every number must be the same")
    else:
        seen = power(table, options.cells)
        print(
            "another torch or processor than the table's: pictures and sizes must be "
            f"the same; every test accuracy within {allowed.each:.2f} points, the mean "
            f"size of the differences within {allowed.together:.2f}, their mean within "
            f"{allowed.shift:.2f}\n"
            "an honest table fails in 1 of 100 such checks at most; one whose cells "
            f"are exchanged fails in {100 * seen.exchanged:.0f}, one that is "
            f"{SHIFT:g} points too high in {100 * seen.shifted:.0f}; more --cells see "
            "more"
        )
    wrong, differences = 0, []
    for check in verify(table, options.cells, options.seed, options.draw):
        differences.append(check.difference)
        near = check.same_size and abs(check.difference) <= allowed.each
        good = check.equal if exact else near
        wrong += not good
        word = f"{abs(check.difference):.2f} points apart"
        word = "bit for bit" if check.equal else word
        if not check.same_size:
            word = "of another size"
        print(
            f"{short(check.cell):45} table {check.expected:.2f} %, "
            f"now {check.found:.2f} %: {word if good else 'WRONG, ' + word}"
        )
    if wrong:
        raise InputError(f"{wrong} of {options.cells} cells are not as in the table")
    together, shift = np.abs(differences).mean(), np.mean(differences)
    if together > allowed.together:
        raise InputError(
            f"the differences have a mean size of {together:.2f} points, more than "
            f"{allowed.together:.2f}: this is not what the table says"
        )
    if abs(shift) > allowed.shift:
        raise InputError(
            f"the cells are {shift:+.2f} points from the table in the mean, more than "
            f"{allowed.shift:.2f}: this is not what the table says"
        )


def run_show(options: argparse.Namespace) -> None:
    """Print the best cells, the variance components and how sure the order is."""
    from gaea_mini.evaluate import components, load_table, order_of_best

    table = load_table(options.table)
    test = table.trained("test")
    if options.top < 1:
        raise InputError(f"--top is {options.top}; it must be 1 or more")
    if len(test) < 2 or len(table.seeds) < 2:
        raise InputError("this table has too few cells or seeds to tell noise apart")
    parts = components(test)
    order = order_of_best(test, options.top)
    print(
        f"{table.name}: {len(table.cells)} cells in {len(test)} classes, "
        f"{len(table.seeds)} seeds, sha256 {table.sha256[:12]}"
    )
    print(
        f"test accuracy: {test.mean(axis=1).min():.2f} to "
        f"{test.mean(axis=1).max():.2f} %; standard deviation between cells "
        f"{parts.between**0.5:.2f}, between seeds of a cell {parts.within**0.5:.2f} "
        f"points; {100 * parts.reliability:.1f} % of the variance of the mean of "
        f"{parts.seeds} seeds is signal"
    )
    print(
        f"best, in top: chance that a cell is truly the best, or among the best "
        f"{len(order.rows)}; cells: so many are this network"
    )
    print("rank   test %   +-   90 % of rank   best  in top  cells  cell")
    members = table.members()
    for place, (row, low, high, best, among) in enumerate(
        zip(
            order.rows,
            order.lowest,
            order.highest,
            order.best,
            order.among,
            strict=True,
        ),
        1,
    ):
        print(
            f"{place:4}   {test[row].mean():6.2f} {test[row].std(ddof=1):5.2f}   "
            f"{low:4} to {high:4}   {best:5.2f} {among:6.2f} {len(members[row]):6}  "
            f"{short(members[row][0])}"
        )
