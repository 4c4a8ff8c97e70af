"""What a search or training of hours needs: options, questions, progress, notes."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gaea_mini.errors import InputError, enough_memory, in_a_line

LONG = 10 * 60  # seconds: what takes longer is asked about
ENDLESS = 24 * 3600  # and this is refused where there is nobody to ask

GPU = ("gpu", "gpu-darts")  # presets of the paper's size
# Where the memory is full. What has begun cannot be made smaller.
ADVICE = "begin anew with a smaller --batch, --channels, --size or --pictures"
Begun = dict[str, Any] | None  # the description of what a checkpoint is of


def add_full_options(add: Any) -> None:
    """Options of long runs."""
    add(
        "--precision",
        help="what the network computes in: 'float32', 'bfloat16', or on CUDA "
        "'float16' with a gradient scaler; theta and the weights stay in float32. By "
        "default that of the checkpoint, if one is there; else float32, and with "
        "--preset gpu on CUDA the 16 bits that the GPU has",
    )
    add(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="hand the network to torch.compile. On the CPU this takes minutes at the "
        "start and was measured to be slower then. By default only with --preset gpu "
        "on CUDA",
    )
    add(
        "--graphs",
        action="store_true",
        help="with --compile on CUDA: CUDA graphs, which save the time of starting "
        "many small kernels",
    )
    add(
        "--yes",
        action="store_true",
        help="do not ask before a run of more than ten minutes, nor refuse one of more "
        "than a day where there is no terminal to ask, nor one that needs more memory "
        "than is free",
    )


def fill_in(options: argparse.Namespace) -> None:
    """What was not named: a first try's, or with ``--preset gpu`` the paper's."""
    full = options.preset in GPU
    pc_darts = options.space == "darts" or options.preset == "gpu-darts"
    if full and pc_darts:
        options.preset, options.space = "gpu-darts", options.space or "darts"
        options.method = options.method or "gaea-pc-darts"
    if options.warm_up is None:
        from gaea_mini.search.budget import PAPER_WARM_UP

        options.warm_up = PAPER_WARM_UP.get((options.preset, options.method))
    options.space = options.space or ("nasbench201" if full else "compact")
    options.method = options.method or "gaea-darts"
    options.data = options.data or ("cifar10" if full else "fashion")


def speed_of(
    options: argparse.Namespace, chosen: Any, device: str, begun: Begun
) -> Any:
    """How to compute; on CUDA a preset for it comes with 16 bits and torch.compile."""
    from gaea_mini.search.speed import Speed

    full = options.preset in GPU and device != "cpu"
    first = full and getattr(chosen.objective, "order", 1) == 1
    precision, compiles = precision_of(options, device, begun, first), options.compile
    if compiles is None:
        try:
            Speed(compile=True, skip_below=options.skip_below).check(chosen, "fast")
            compiles = full
        except InputError:
            compiles = False
    speed = Speed(precision, compiles, options.skip_below, options.graphs)
    try:
        speed.check(chosen, "fast")
    except InputError:
        if options.precision is not None or precision == "float32":
            raise
        # Of another search's checkpoint; when it is read, that is said.
        speed = replace(speed, precision="float32")
        speed.check(chosen, "fast")
    return speed


def files_of(checkpoint: Path | None) -> dict[str, Path | None]:
    """What is written for ``--checkpoint``, by names for a message."""
    from gaea_mini import checkpoints

    if checkpoint is None:
        return {}
    return {
        "--checkpoint": checkpoint,
        "the spare of --checkpoint": checkpoints.before(checkpoint),
        "the next --checkpoint": checkpoints.coming(checkpoint),
    }


def begun_in(checkpoint: Path | None) -> Begun:
    """The description of the search or training that a checkpoint is of; None: none."""
    from gaea_mini import checkpoints

    return None if checkpoint is None else checkpoints.begun(checkpoint)


def precision_of(
    options: argparse.Namespace, device: str, begun: Begun, small: bool
) -> str:
    """The precision that was named; else that of what has begun; else the usual one.

    So the same command goes on from its checkpoint on another device.

    Args:
      options: of the command.
      device: where it is to be computed now.
      begun: the description in the checkpoint, if there is one.
      small: the usual one is the 16 bits of the device, not float32.

    Raises:
      InputError: it began in float16, and there is no CUDA device.
    """
    if options.precision is not None:
        return str(options.precision)
    if begun is None:
        return precision_for(device) if small else "float32"
    precision = str(begun.get("precision", "float32"))
    if precision == "float16" and device == "cpu":
        raise InputError(
            f"{options.checkpoint} was begun in float16, which needs a CUDA device; go "
            "on with it there, or name another file"
        )
    return precision


def forecast_search(
    options: argparse.Namespace,
    where: Any,
    data: Any,
    chosen: Any,
    budget: Any,
    device: str,
    speed: Any,
    ranks: Any,
) -> None:
    """Before what may be long: memory and hours, and a way to say no."""
    from gaea_mini import forecast

    if forecast.is_small(budget, len(data.x)):
        return
    if ranks.rank == 0:
        say_measuring(speed)
    expected = forecast.of_search(
        *(where, data, chosen, budget, device, speed, ranks),
        partial(check_memory, yes=options.yes),
        options.curvature,
    )
    alone = ranks.count == 1
    ranks.first(lambda: ask(expected.seconds, str(expected), options.yes, alone))


def say_measuring(speed: Any) -> None:
    """Before a forecast: why nothing is heard for a while, for who sits there."""
    if sys.stderr.isatty():
        print("gaea_mini: measuring a few steps, before it begins", file=sys.stderr)
    if speed.compile:
        print(
            "gaea_mini: compiling for them; this may take minutes, now and once more "
            "at the start, and is not in the hours",
            file=sys.stderr,
        )


def precision_for(device: str) -> str:
    """The 16 bits that a GPU computes in by itself; float32 on the CPU."""
    import torch

    if not device.startswith("cuda"):
        return "float32"
    major, _ = torch.cuda.get_device_capability(device)
    return "bfloat16" if major >= 8 else "float16"


def check_memory(
    need: float,
    free: float | None,
    yes: bool,
    smaller: str = "a smaller --batch or --channels",
) -> None:
    """Before anything is put on the device: is there room?

    Raises:
      InputError: there is not, and ``--yes`` was not given.
    """
    if free is None or need <= 0.9 * free:
        return
    told = f"this needs about {need:,.0f} MiB of memory, and {free:,.0f} MiB are free"
    if need > free and not yes:
        raise InputError(f"{told}; give {smaller}, or --yes to try all the same")
    print(f"gaea_mini: {told}", file=sys.stderr)


def ask(seconds: float, told: str, yes: bool, alone: bool = True) -> None:
    """Say what is to come, and where it is long ask whether to go on.

    Without a terminal nobody can answer: then up to a day is gone on with, and what is
    longer is refused. Several processes are not asked, because those that wait for the
    one with the answer give up after ten minutes: there ``yes`` must be given.

    Args:
      seconds: how long it will take.
      told: the same in words.
      yes: do not ask.
      alone: this process is the only one.

    Raises:
      InputError: the answer was no, several processes would have to wait for it, or
        nobody can answer and it is longer than a day.
    """
    print(f"gaea_mini: {told}", file=sys.stderr)
    if yes or seconds <= LONG:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        if seconds > ENDLESS:
            raise InputError(
                "that is more than a day, and there is no terminal to ask: give --yes, "
                "or a smaller --preset or fewer --epochs"
            )
        return
    if not alone:
        raise InputError("that is long, and several processes cannot ask: give --yes")
    print("Go on? [Y/n] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().lower() not in ("\n", "y\n", "yes\n"):
        raise InputError("not begun; nothing was written")


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM, as a cluster sends it, stops as Ctrl-C does: the record is written."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Steps:
    """Within an epoch, for the progress bar of a search: the step and its loss.

    Attributes:
      bar: of tqdm; set it when it is there.
    """

    def __init__(self) -> None:
        self.bar: Any = None
        # A terminal is told every second, a file every minute.
        self.every = 1.0 if sys.stderr.isatty() else 60.0
        self.told = time.monotonic()

    def __call__(self, state: Any, losses: list[Any]) -> None:
        """After a step, about once a second: ``tick`` of a search."""
        steps = min(len(state.theta_batches), len(state.weight_batches))
        self.tell(state.step, steps, float(losses[-1][1]))

    def tell(self, step: int, steps: int, loss: float) -> None:
        """The same in numbers: ``tick`` of a training."""
        now = time.monotonic()
        if self.bar is None or now - self.told < self.every:
            return
        self.told = now
        self.bar.set_postfix_str(f"step {step} of {steps}, loss {loss:.3f}")


def watch(
    epochs: Iterator[Any],
    total: int,
    title: str,
    out: Path | None,
    steps: Steps,
    words: Callable[[Any], str],
    begun: bool,
) -> Any:
    """Follow a run in a progress bar; one cut short leaves the record of what it has.

    Args:
      epochs: yields the growing record.
      total: epochs of the whole run.
      title: before the bar.
      out: where the record goes.
      steps: is given the bar.
      words: what the bar says of the last epoch.
      begun: it goes on from a checkpoint; the epochs behind it took no time here.
    """
    from tqdm import tqdm

    run: Any = None
    try:
        with tqdm(total=total, desc=title, unit="epoch") as bar, enough_memory(ADVICE):
            steps.bar = bar
            for run in epochs:
                bar.n = run.epoch
                bar.initial = bar.initial or run.epoch * begun
                bar.set_postfix_str(words(run))
    except (InputError, OSError, KeyboardInterrupt) as error:
        if run is None or run.epoch == 0 or out is None:
            raise
        try:
            run.save(out)
        except OSError:  # there is no room for this either
            raise error from None
        if isinstance(error, BrokenPipeError):  # there is nobody to tell
            raise
        kept = f"the record of the first {run.epoch} epochs is in {out}"
        if isinstance(error, KeyboardInterrupt):
            print(kept, file=sys.stderr)
            raise
        raise InputError(f"{in_a_line(error)}; {kept}") from None
    return run


def prefix() -> str:
    """What a message begins with; of several processes it says which one it is."""
    rank = os.environ.get("RANK")
    alone = rank is None or os.environ.get("WORLD_SIZE", "1") == "1"
    return "gaea_mini: " if alone else f"gaea_mini: process {rank}: "
