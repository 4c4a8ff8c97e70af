"""How long a search step takes, fast cell against reference cell: ``make bench``.

Both forms live in processes of their own and take turns, step by step, so that a busy
moment of the machine hits both alike. A step is one alternating step of a bilevel
search: theta on one minibatch, then the weights on another. The reference is the plain
form that public code uses: one module per edge and operation, pictures in NCHW order,
and ``loss.backward()`` for all gradients, used or not. The fast form asks only for the
gradients that it needs.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

SETTINGS = (  # channels, cells a stage, rounds that count
    (8, 1, 15),
    (16, 5, 7),
)
WARM_UP = 2


@dataclass(frozen=True)
class Contender:
    """One form at one size; it runs in a process of its own."""

    form: str
    objective: str
    channels: int
    cells: int
    threads: int
    batch: int = 64
    space: str = "nasbench201"
    method: str = "gaea-darts"
    size: int = 32


def serve(contender: Contender, pipe: Connection) -> None:
    """Take a step whenever asked; answer with its seconds, and at last with memory."""
    import torch

    torch.set_num_threads(contender.threads)
    step = build_step(contender)
    while pipe.recv() == "step":
        began = time.perf_counter()
        step()
        pipe.send(time.perf_counter() - began)
    from gaea_mini.search.run import peak_mb

    pipe.send(peak_mb(torch.device("cpu")))


def build_step(contender: Contender) -> Any:
    """A function without arguments that does one alternating step."""
    import torch

    from gaea_mini.data import Pictures
    from gaea_mini.search import OBJECTIVES, PRESETS, SingleLevel, method
    from gaea_mini.search.objective import theta_step, weight_step
    from gaea_mini.search.state import State
    from gaea_mini.supernet import space

    size, batch = contender.size, contender.batch
    draw = np.random.default_rng(0)
    x = draw.standard_normal((4 * batch, size, size, 3), dtype=np.float32)
    y = draw.integers(0, 10, 4 * batch)
    data = Pictures("noise", x, y, x[:1], y[:1], tuple("0123456789"))
    budget = replace(
        PRESETS["cpu"],
        channels=contender.channels,
        cells=contender.cells,
        size=size,
        batch=batch,
        pictures=None,
    )
    joint = contender.objective == "single-level"
    objective = SingleLevel(passes=1) if joint else OBJECTIVES["bilevel"]()
    chosen = method(contender.method, objective=objective)
    where = space(contender.space)
    cpu = torch.device("cpu")
    state = State(where, data, chosen, budget, 0, cpu, contender.form)
    theta_batch = next(iter(state.theta_batches))
    weight_batch = next(iter(state.weight_batches))

    def fast() -> None:
        theta_step(state, theta_batch)
        weight_step(state, weight_batch)

    def fast_joint() -> None:
        SingleLevel(passes=1).joint_step(state, weight_batch)

    if contender.form == "fast":
        return fast_joint if joint else fast

    state.network.to(memory_format=torch.contiguous_format)
    plain_batches = [(p.contiguous(), q) for p, q in (theta_batch, weight_batch)]

    def plain() -> None:
        for (pictures, labels), optimizer in zip(
            plain_batches, (state.theta_optimizer, state.weight_optimizer), strict=True
        ):
            state.theta_optimizer.zero_grad()
            state.weight_optimizer.zero_grad()
            state.loss((pictures, labels), state.sample()).backward()
            if optimizer is state.weight_optimizer:
                torch.nn.utils.clip_grad_norm_(state.weights, budget.clip)
            optimizer.step()

    return plain


def duel(contenders: list[Contender], rounds: int) -> list[dict[str, Any]]:
    """Let the contenders take turns; one row each with median time and peak memory."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for contender in contenders:
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(contender, there), daemon=True)
        process.start()
        pipes.append(here)
        processes.append(process)
    seconds: list[list[float]] = [[] for _ in contenders]
    for _ in range(WARM_UP + rounds):
        for pipe, times in zip(pipes, seconds, strict=True):
            pipe.send("step")
            times.append(pipe.recv())
    rows = []
    slowest = seconds[0][WARM_UP:]
    for contender, pipe, times in zip(contenders, pipes, seconds, strict=True):
        pipe.send("stop")
        kept = times[WARM_UP:]
        ratios = [plain / own for plain, own in zip(slowest, kept, strict=True)]
        rows.append(
            {
                "space": contender.space,
                "method": contender.method,
                "objective": contender.objective,
                "channels": contender.channels,
                "cells": contender.cells,
                "batch": contender.batch,
                "threads": contender.threads,
                "form": contender.form,
                "median_s": round(statistics.median(kept), 4),
                "peak_mb": round(pipe.recv(), 1),
                "steps": len(kept),
                "times_faster": round(statistics.median(ratios), 3),
            }
        )
    for process in processes:
        process.join()
    return rows


def main() -> None:
    """Run all duels, print the table, write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("_build/bench.json"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    from gaea_mini.files import write_atomically

    rows: list[dict[str, Any]] = []
    columns = "space objective C cells batch threads form seconds peak_MiB faster"
    print(
        "{:12} {:13}{:>3}{:>6}{:>6}{:>8}  {:10}{:>8}{:>9}{:>8}".format(*columns.split())
    )
    for threads in options.threads:
        for channels, cells, rounds in SETTINGS:
            contenders = [
                Contender("reference", "bilevel", channels, cells, threads),
                Contender("fast", "bilevel", channels, cells, threads),
                Contender("fast", "single-level", channels, cells, threads),
            ]
            for row in duel(contenders, rounds):
                rows.append(row)
                print(
                    f"{row['space']:12} {row['objective']:13}{channels:3}{cells:6}"
                    f"{row['batch']:6}{threads:8}  {row['form']:10}"
                    f"{row['median_s']:8.3f}{row['peak_mb']:9.0f}"
                    f"{row['times_faster']:7.2f}x",
                    flush=True,
                )
    print("single-level: both gradients from one backward pass, another algorithm")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.out, (json.dumps(rows, indent=1) + "\n").encode())
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
