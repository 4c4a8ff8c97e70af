"""How long a search step takes, and how much memory: ``make bench``.

Every method on every space that it is defined for, in its fast form against its
reference form. Methods that sample one operation an edge also stand against the sampled
path alone, and the NAS-Bench-201 cell against its convolutions alone, the floor.
``gaea_mini.bench.steps`` says what each of these does.

The contenders of a duel live in processes of their own and take turns, step by step, so
that a busy moment of the machine hits all alike. All ratios are medians over the rounds
of one duel.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gaea_mini.bench.bars import BARS
from gaea_mini.bench.steps import Contender, build_step, samples
from gaea_mini.errors import InputError
from gaea_mini.search import METHODS
from gaea_mini.supernet import SPACES

SAME_COST = ("darts-sgd", "darts-projected")  # as darts: theta is small
COMPARED = [name for name in METHODS if name not in SAME_COST]

SMALL = Contender("fast", channels=8, cells=1, batch=32, size=16)
COMPACT = Contender("fast", channels=8, cells=1, batch=64)
FULL = Contender("fast", channels=16, cells=5, batch=64)  # GAEA's and NAS-Bench-201's
DARTS = Contender("fast", space="darts", channels=16, cells=2, batch=16)  # 8 cells
SHOT = Contender("fast", space="nasbench1shot1-3", channels=16, cells=1, batch=32)

WARM_UP = 2
LEAST, MOST = 5, 60  # rounds that count
PATIENCE = 20.0  # seconds after which the least is enough

Duel = list[Contender]


def plan(threads: int) -> list[Duel]:
    """All duels on so many threads; on more than one only those that have a bar."""
    large = []
    for at in (COMPACT, FULL):
        step = replace(at, threads=threads)
        joint = replace(step, objective="single-level")
        large.append([*against_reference(step), joint, replace(step, form="floor")])
    if threads > 1:
        return large
    joint = replace(DARTS, objective="single-level")
    large.append([*against_reference(DARTS), joint])
    large += [
        against_reference(replace(at, method=name))
        for at, names in (
            (DARTS, ("pc-darts", "gdas", "rs-ws")),
            (SHOT, ("gaea-darts", "gdas")),
            (COMPACT, ("gdas", "rs-ws")),
            (FULL, ("gdas", "rs-ws")),
        )
        for name in names
    ]
    small = [
        against_reference(replace(SMALL, space=where, method=name))
        for where in SPACES
        for name in COMPARED
    ]
    return small + large


def against_reference(fast: Contender) -> Duel:
    """The fast form against the reference, and against the path if there is one."""
    forms = ("reference", "path") if samples(fast.method) else ("reference",)
    return [*(replace(fast, form=form) for form in forms), fast]


def serve(contender: Contender, pipe: Connection) -> None:
    """Take a step whenever asked; answer with its seconds, and at last with memory.

    Before the first step the answer is "ready", or why the package refuses.
    """
    import torch

    from gaea_mini.search.run import peak_mb

    torch.set_num_threads(contender.threads)
    try:
        step = build_step(contender)
    except InputError as error:
        pipe.send(str(error))
        return
    pipe.send("ready")
    while pipe.recv() == "step":
        began = time.perf_counter()
        step()
        pipe.send(time.perf_counter() - began)
    pipe.send(peak_mb(torch.device("cpu")))


def run_duel(contenders: Duel, patience: float = PATIENCE) -> list[dict[str, Any]]:
    """Let the contenders take turns; one row each.

    Raises:
      InputError: the package refuses the method on this space.
    """
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for contender in contenders:
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(contender, there), daemon=True)
        process.start()
        there.close()  # so that a process that dies is noticed
        pipes.append(here)
        processes.append(process)
    for answer in [pipe.recv() for pipe in pipes]:
        if answer != "ready":
            raise InputError(answer)
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) < WARM_UP + MOST:
        if len(rounds) >= WARM_UP + LEAST and time.perf_counter() - began > patience:
            break
        times = []
        for pipe in pipes:
            pipe.send("step")
            times.append(pipe.recv())
        rounds.append(times)
    peaks = []
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send("stop")
        peaks.append(pipe.recv())
        process.join()
    seconds = list(zip(*rounds[WARM_UP:], strict=True))
    return compare(contenders, seconds, peaks)


def compare(
    contenders: Duel, seconds: list[tuple[float, ...]], peaks: list[float]
) -> list[dict[str, Any]]:
    """A row for each contender: its figures, and its ratios to the others.

    Args:
      contenders: of one duel.
      seconds: for each of them, of each round.
      peaks: MiB, for each of them.
    """
    place = {c.form: i for i, c in reversed(list(enumerate(contenders)))}
    rows = []
    for contender, own, peak in zip(contenders, seconds, peaks, strict=True):

        def ratio(form: str, own: tuple[float, ...] = own) -> float | None:
            """Median over the rounds of own time to that of another form."""
            if form not in place:
                return None
            others = seconds[place[form]]
            return statistics.median(a / b for a, b in zip(own, others, strict=True))

        to_plain = ratio("reference")
        rows.append(
            {
                **asdict(contender),
                "steps": len(own),
                "median_s": statistics.median(own),
                "peak_mb": peak,
                "times_faster": None if to_plain is None else 1 / to_plain,
                "memory_part": (
                    peak / peaks[place["reference"]] if "reference" in place else None
                ),
                "to_path": ratio("path"),
                "to_floor": ratio("floor"),
            }
        )
    return rows


HEAD = (
    f"{'space':17}{'method':14}{'C':>3}{'N':>3}{'batch':>6}{'pixels':>7}{'threads':>8}"
    f"  {'form':15}{'seconds':>8}{'MiB':>6}{'faster':>8}{'/path':>7}{'/floor':>7}"
)


def line_of(row: dict[str, Any]) -> str:
    """A row of the table, under ``HEAD``."""
    joint = ", one pass" if row["objective"] == "single-level" else ""
    figures = [
        " " * width if row[key] is None else f"{row[key]:{width - 1}.2f}{unit}"
        for key, width, unit in (
            ("times_faster", 8, "x"),
            ("to_path", 7, " "),
            ("to_floor", 7, " "),
        )
    ]
    return (
        f"{row['space']:17}{row['method']:14}{row['channels']:3}{row['cells']:3}"
        f"{row['batch']:6}{row['size']:7}{row['threads']:8}  {row['form'] + joint:15}"
        f"{row['median_s']:8.4f}{row['peak_mb']:6.0f}{''.join(figures)}"
    )


def wanted(contender: Contender, patterns: list[str]) -> bool:
    """Whether each pattern fits the contender's space or its method."""
    names = (contender.space, contender.method)
    return all(any(fnmatchcase(n, pattern) for n in names) for pattern in patterns)


def main(arguments: list[str] | None = None) -> None:
    """Run the duels, print the table and the bars, write both as JSON."""
    description = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser("gaea_mini.bench", description=description)
    parser.add_argument("--out", type=Path, default=Path("_build/bench.json"))
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[1, 2],
        help="numbers of threads; on more than 1 only the steps that have a bar there",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="only the duels whose space or method fits, such as 'darts' or '*gdas'; "
        "of several patterns each must fit",
    )
    options = parser.parse_args(arguments)
    import torch

    from gaea_mini.files import write_atomically
    from gaea_mini.search.run import environment

    if min(options.threads) < 1:
        parser.error(f"--threads {min(options.threads)}: take 1 or more")
    duels = [
        duel
        for threads in options.threads
        for duel in plan(threads)
        if wanted(duel[-1], options.only)
    ]
    if not duels:
        parser.error(
            f"--only {' '.join(options.only)}: no duel fits; there are the spaces "
            f"{', '.join(SPACES)} and the methods {', '.join(COMPARED)}"
        )
    rows: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    print(HEAD)
    for duel in duels:
        space, method = duel[-1].space, duel[-1].method
        patience = 3.0 if duel[-1].size == SMALL.size else PATIENCE
        try:
            for row in run_duel(duel, patience):
                rows.append(row)
                print(line_of(row), flush=True)
        except InputError as error:
            why = {"space": space, "method": method, "reason": str(error)}
            refused.append(why)
            print(f"{space:17}{method:14}not defined: {error}", flush=True)
    print("one pass: both gradients from one backward pass, another algorithm")
    print(f"{', '.join(SAME_COST)}: not timed, the cost is that of darts")
    bars = [bar.judge(rows) for bar in BARS]
    for bar in bars:
        print(said(bar))
    record = {
        "rows": rows,
        "bars": bars,
        "not_defined": refused,
        "environment": environment(torch.device("cpu")),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.out, (json.dumps(record, indent=1) + "\n").encode())
    print(f"written to {options.out}")


def said(bar: dict[str, Any]) -> str:
    """A bar and whether it is met, as a line."""
    wanted = f"{'at least' if bar['at_least'] else 'at most'} {bar['limit']:g}"
    if bar["met"] is None:
        return f"not measured: {bar['bar']} {wanted}"
    verdict = "met" if bar["met"] else "missed"
    return f"{verdict}: {bar['bar']} {bar['measured']:.2f}, {wanted} ({bar['worst']})"
