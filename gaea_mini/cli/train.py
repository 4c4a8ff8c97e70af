"""The command ``train``: one cell alone, the evaluation phase, at any size."""

import argparse
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gaea_mini.cli.full import (
    ADVICE,
    Steps,
    add_full_options,
    ask,
    begun_in,
    check_memory,
    files_of,
    precision_of,
    say_measuring,
    stopped_by_sigterm,
    watch,
)
from gaea_mini.cli.search import HelpWithDefaults, a_file, device_there, given, save
from gaea_mini.errors import (
    InputError,
    enough_memory,
    excerpt,
    require_whole,
    told_in_a_line,
)
from gaea_mini.files import require_apart, require_writable

NUMBERS: dict[str, tuple[type, str]] = {
    "epochs": (int, "epochs of the training"),
    "channels": (int, "channels of the first stage"),
    "cells": (int, "cells a stage; of the space darts normal cells, and 2 beside them"),
    "size": (int, "pixels along a side"),
    "pictures": (int, "pictures to train on"),
    "held-out": (int, "pictures to validate on, from the end, never trained on"),
    "batch": (int, "pictures in a minibatch"),
    "lr": (float, "largest learning rate"),
    "cutout": (int, "side of the square that is set to 0, pixels"),
    "drop-path": (float, "rate of drop path in the last epoch (space darts)"),
    "auxiliary": (float, "weight of the auxiliary loss (space darts, 32 pixels)"),
}


@dataclass(frozen=True)
class Cell:
    """What is to be trained.

    Attributes:
      space: name of its search space.
      genotype: as the space writes it.
      recipe: name of the recipe that it was published with, or that of its space.
    """

    space: str
    genotype: str
    recipe: str


def add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train one cell alone: the evaluation phase",
        description="Train one cell alone, weights from scratch: the evaluation phase. "
        "Writes the record of the training.",
        formatter_class=HelpWithDefaults,
    )
    add = train.add_argument
    add(
        "genotype",
        nargs="?",
        metavar="GENOTYPE",
        help="the cell, as its space writes it, or the name of a published one: "
        "darts-v1, darts-v2, pc-darts-cifar, pc-darts-imagenet, gaea-pc-darts-cifar",
    )
    add(
        "--run",
        dest="record",
        type=a_file,
        metavar="FILE",
        help="instead: the last cell of the record of a search",
    )
    add(
        "--space",
        type=given,
        help="search space of GENOTYPE; see 'spaces'. By default darts for a pair of "
        "cells, else nasbench201, which holds those of compact too",
    )
    add(
        "--recipe",
        type=given,
        help="'nasbench201' (200 epochs), 'darts' (600 epochs, drop path 0.2) or "
        "'gaea-pc-darts' (drop path 0.3). By default gaea-pc-darts for what PC-DARTS "
        "or GAEA PC-DARTS found, darts for other cells of its space, else nasbench201",
    )
    add(
        "--data",
        type=given,
        help="as for 'search'. By default fashion; with --preset gpu cifar10",
    )
    add(
        "--preset",
        default="tiny",
        help="size of the training: 'tiny' (seconds), 'cpu' (minutes) or 'gpu' (the "
        "recipe as published; needs pictures of 32 pixels, such as cifar10)",
    )
    add_full_options(add)
    add("--seed", type=int, default=0, help="of everything random")
    add("--device", default="auto", help="'auto', 'cpu', 'cuda' or 'cuda:N'")
    add("--out", type=a_file, help="where the record goes (JSON)")
    add(
        "--checkpoint",
        type=a_file,
        help="file to continue from if it is there, and to write after every epoch; "
        "the one before is kept beside it",
    )
    add(
        "--minutes",
        type=float,
        default=10.0,
        help="with --checkpoint: write it within an epoch too, when so many minutes "
        "have gone since the last",
    )
    add(
        "--every",
        type=int,
        default=1,
        metavar="EPOCHS",
        help="measure accuracy after every so many epochs, and after the last",
    )
    group = train.add_argument_group("numbers that replace the preset's")
    for name, (kind, meaning) in NUMBERS.items():
        group.add_argument(f"--{name}", type=kind, help=meaning)
    train.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> None:
    """Train with a progress bar; write the record; say what the cell is worth."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise InputError("train is one process: start it without torchrun")
    with told_in_a_line(), stopped_by_sigterm(), enough_memory(ADVICE):
        _train(options, device_there(options.device))


def _train(options: argparse.Namespace, device: str) -> None:
    from gaea_mini.data import file_of, load
    from gaea_mini.evaluate import train_alone
    from gaea_mini.search.speed import Speed
    from gaea_mini.supernet import space

    cell = cell_of(options.genotype, options.record, options.space)
    where, recipe = space(cell.space), recipe_of(options, cell)
    where.parse(cell.genotype)  # a wrong one is refused before data are fetched
    full = options.preset == "gpu"
    source = options.data or ("cifar10" if full else "fashion")
    read = {"--data": file_of(source), "--run": options.record}
    written = {"--out": options.out, **files_of(options.checkpoint)}
    require_apart(written, read)
    for path in filter(None, written.values()):
        require_writable(path)
    data = load(source, recipe.size)
    faster, begun = full and device != "cpu", begun_in(options.checkpoint)
    speed = Speed(
        precision_of(options, device, begun, faster),
        faster if options.compile is None else options.compile,
        graphs=options.graphs,
    )
    what = (where, cell.genotype, data, recipe)
    if begun is None:  # what goes on from a checkpoint has been through this
        _forecast(options, *what, device, speed)
    steps = Steps()
    epochs = train_alone(
        *what,
        options.seed,
        options.checkpoint,
        device,
        speed,
        options.minutes,
        steps.tell,
    )
    title = f"{recipe.name}, {where.name}"
    again = begun is not None
    run = watch(epochs, recipe.epochs, title, options.out, steps, _words, again)
    print(f"cell {cell.genotype}")
    print(f"{run.parameters:,} parameters, {run.flops:,} multiply-adds a picture")
    held_out = "" if run.val[-1] is None else f", held out {run.val[-1]:.2f} %"
    print(f"test accuracy {run.test[-1]:.2f} % after {run.epoch} epochs{held_out}")
    if options.out is not None:
        save(run, options.out)
        print(f"record written to {options.out}")


def cell_of(genotype: str | None, record: Path | None, space: str | None) -> Cell:
    """The cell that was asked for, with its space and its recipe.

    Raises:
      InputError: none or two were named, no such name, no such record, or a space that
        it is not of.
    """
    from gaea_mini.search import Run
    from gaea_mini.supernet import GENOTYPES

    if (genotype is None) == (record is None):
        raise InputError("name one cell: GENOTYPE, or --run with a search's record")
    if record is not None:
        run = Run.load(record)
        try:
            own, found = str(run.config["space"]), str(run.config["method"])
        except KeyError as error:
            raise InputError(f"{record} does not say which {error} it is of") from None
        cell = run.genotype[-1]
    elif genotype in GENOTYPES:
        own, found, cell = "darts", str(genotype), GENOTYPES[str(genotype)].genotype
    elif "|" in str(genotype):
        pair = str(genotype).strip().startswith("normal:")
        own = space or ("darts" if pair else "nasbench201")
        found, cell = "", str(genotype)
    else:
        raise InputError(
            f"no published cell {excerpt(genotype)}; there are {', '.join(GENOTYPES)}; "
            "or give the cell itself, in quotes"
        )
    if space not in (None, own):
        raise InputError(f"this cell is of space {own}, not {space}: leave --space out")
    recipe = "nasbench201"
    if own == "darts":
        recipe = "gaea-pc-darts" if "pc-darts" in found else "darts"
    return Cell(own, cell, recipe)


def recipe_of(options: argparse.Namespace, cell: Cell) -> Any:
    """The recipe at the size that was asked for."""
    from gaea_mini.evaluate import TRAININGS
    from gaea_mini.evaluate.training import preset

    name = options.recipe or cell.recipe
    if name not in TRAININGS:
        raise InputError(f"no recipe {name!r}; there are {', '.join(TRAININGS)}")
    given = {n: getattr(options, n) for n in (n.replace("-", "_") for n in NUMBERS)}
    numbers = {name: value for name, value in given.items() if value is not None}
    require_whole("--every", options.every)
    recipe = preset(options.preset, TRAININGS[name], **numbers)
    if options.every == 1:
        return recipe
    measured = range(options.every, recipe.epochs + 1, options.every)
    return replace(recipe, measured=tuple(measured) or (recipe.epochs,))


def _forecast(
    options: argparse.Namespace,
    where: Any,
    genotype: str,
    data: Any,
    recipe: Any,
    device: str,
    speed: Any,
) -> None:
    """Before what may be long: memory and hours, and a way to say no."""
    from gaea_mini import forecast

    if forecast.is_small(recipe, len(data.x)):
        return
    say_measuring(speed)
    expected = forecast.of_training(
        *(where, genotype, data, recipe, device, speed),
        partial(check_memory, yes=options.yes),
    )
    ask(expected.seconds, str(expected), options.yes)


def _words(run: Any) -> str:
    """Of the last epoch, for the progress bar."""
    test = run.test[-1]
    return f"loss {run.loss[-1]:.3f}" + ("" if test is None else f", test {test:.2f} %")
