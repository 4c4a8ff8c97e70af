"""The command ``search``: its options, and what it does with them."""

import argparse
import os
import re
import tempfile
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from gaea_mini.cli.full import (
    ADVICE,
    Steps,
    add_full_options,
    begun_in,
    files_of,
    fill_in,
    forecast_search,
    speed_of,
    stopped_by_sigterm,
    watch,
)
from gaea_mini.errors import InputError, enough_memory, told_in_a_line
from gaea_mini.files import require_apart, require_writable


class HelpWithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Help that names the default of an option where it has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return (
            action.help if action.default is None else super()._get_help_string(action)
        )


def add_search(commands: Any) -> None:
    search = commands.add_parser(
        "search",
        help="search for a cell",
        description="Search for a cell and write the record of the search.",
        formatter_class=HelpWithDefaults,
    )
    add = search.add_argument
    add(
        "--space",
        type=given,
        help="search space; see 'spaces'. By default compact; with --preset gpu "
        "nasbench201",
    )
    add(
        "--without",
        nargs="*",
        metavar="OP",
        help="operations left out; by default those that the paper leaves out "
        "('none' of nasbench201). '--without' alone keeps all",
    )
    add(
        "--method",
        type=given,
        help="method; see 'methods'. By default gaea-darts; with --preset gpu on the "
        "space darts gaea-pc-darts, with the warm-up of its paper",
    )
    add("--objective", default="bilevel", help="'bilevel' or 'single-level'")
    add(
        "--passes",
        type=int,
        default=2,
        help="single-level only: 2 takes turns on two minibatches, as the authors do; "
        "1 takes both gradients from one backward pass",
    )
    add(
        "--order",
        type=int,
        help="bilevel only: 2 follows theta's gradient through a step of the weights",
    )
    add(
        "--warm-up",
        type=float,
        metavar="PART",
        help="part of the epochs, at the start, in which only the weights move; 0.2 "
        "is what the GAEA paper gives PC-DARTS",
    )
    add(
        "--perturbation",
        type=float,
        help="largest random shift of theta in the weights' steps",
    )
    add(
        "--curvature",
        action="store_true",
        help="also record the eigenvalue of the Hessian in theta that is largest in "
        "magnitude: up to 50 more passes after every epoch, each of which takes longer "
        "than a step; not for rs-ws and enas",
    )
    add(
        "--data",
        type=given,
        help="'fashion' (shipped), 'cifar10', 'cifar100' or 'fashion-mnist' "
        "(torchvision), the path of a .npz, or a folder with the official files of "
        "CIFAR-10 or CIFAR-100. By default fashion; with --preset gpu cifar10",
    )
    add(
        "--preset",
        default="tiny",
        help="size of the search: 'tiny' (seconds), 'cpu' (minutes) or 'gpu' (the "
        "paper's size; needs pictures of 32 pixels, such as cifar10; on the space "
        "darts it is 'gpu-darts', the recipe of PC-DARTS)",
    )
    add_full_options(add)
    add(
        "--skip-below",
        type=float,
        default=0.0,
        metavar="WEIGHT",
        help="of a mixture, do not compute operations of smaller weight, except in "
        "every tenth step; an approximation",
    )
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
    add_table(search, required=False)
    group = search.add_argument_group("numbers that replace the preset's")
    group.add_argument("--lr-theta", type=float, help="step of theta or of the logits")
    group.add_argument("--lr-w", type=float, help="first step of the weights")
    for name, meaning in {
        "epochs": "epochs of the search; if they are more than the preset's cosine of "
        "the weights' step lasts, it is stretched to end with them",
        "channels": "channels of the first stage",
        "cells": "cells in each of the three stages",
        "size": "pixels along a side",
        "pictures": "pictures in all",
        "batch": "pictures in a minibatch",
    }.items():
        group.add_argument(f"--{name}", type=int, help=meaning)
    search.set_defaults(run=run_search)


def run_search(options: argparse.Namespace) -> None:
    """Search with a progress bar; write the record; say what was found.

    Under torchrun every process searches, and process 0 writes and says it.
    """
    from gaea_mini.search.distributed import joined

    with (
        told_in_a_line(),
        stopped_by_sigterm(),
        enough_memory(ADVICE),
        joined(device_there(options.device)) as (ranks, device),
    ):
        _search(options, ranks, device)


def _search(options: argparse.Namespace, ranks: Any, device: str) -> None:
    from gaea_mini.data import file_of, load
    from gaea_mini.evaluate import NasBench201
    from gaea_mini.search import search
    from gaea_mini.supernet import space

    fill_in(options)
    where = space(options.space)
    left_out = options.without
    if left_out is None:
        left_out = where.left_out
    where = where.without(*left_out)
    chosen, budget = _method(options), _budget(options)
    parts = chosen.relaxation.partial
    if budget.channels % parts:
        raise InputError(
            f"{chosen.name} sends 1/{parts} of the channels through the operations: "
            f"give --channels a multiple of {parts}"
        )
    read = {"--data": file_of(options.data), "--nb201": options.nb201}
    written = {"--out": options.out, **files_of(options.checkpoint)}
    require_apart(written, read)
    for path in filter(None, written.values()):
        require_writable(path)
    table = NasBench201(options.nb201) if options.nb201 else None
    data = load(options.data, budget.size, budget.pictures)
    begun = ranks.first(lambda: begun_in(options.checkpoint))
    speed = speed_of(options, chosen, device, begun)
    if begun is None:  # what goes on from a checkpoint has been through this
        forecast_search(options, where, data, chosen, budget, device, speed, ranks)
    steps = Steps()
    epochs = search(
        where,
        data,
        chosen,
        budget,
        options.seed,
        device,
        options.checkpoint,
        curvature=options.curvature,
        precision=speed.precision,
        compile=speed.compile,
        skip_below=speed.skip_below,
        graphs=speed.graphs,
        minutes=options.minutes,
        tick=steps,
        ranks=ranks,
    )
    if ranks.rank > 0:
        for _ in epochs:
            pass
        return
    title = f"{chosen.name}, {chosen.objective.name}, {where.name}"
    start = next(epochs)  # what cannot be searched is refused before there is a bar
    whole = chain([start], epochs)
    again = begun is not None
    run = watch(whole, budget.epochs, title, options.out, steps, _words, again)
    cell = run.genotype[-1]
    print(f"cell {cell}")
    print(
        f"held-out accuracy with shared weights: {run.accuracy_supernet[-1]:.2f} % "
        f"of the mixture, {run.accuracy_rounded[-1]:.2f} % of the cell; "
        f"{run.seconds[-1]:.0f} s"
    )
    if options.out is not None:
        save(run, options.out)  # whatever the table may still turn out to be
    if table is not None:
        if where.name == "nasbench201":
            run.truth = table.truth(run.genotype)
            print(
                f"true CIFAR-10 test accuracy {table.accuracy(cell):.2f} %, "
                f"regret {table.regret(cell):.2f} points, "
                f"rank {table.rank(cell)} of {len(table.rows)}"
            )
        else:
            print(f"no true accuracy: the table is of nasbench201, not of {where.name}")
    if options.out is not None:
        save(run, options.out)
        print(f"record written to {options.out}")


def _words(run: Any) -> str:
    """Of the last epoch, for the progress bar."""
    loss = run.loss_w[-1]
    told = "" if loss is None else f"loss {loss:.3f}, "
    return f"{told}entropy {run.entropy[-1]:.3f} nats, {short(run.genotype[-1])}"


def _method(options: argparse.Namespace) -> Any:
    from gaea_mini.search import OBJECTIVES, Bilevel, SingleLevel, method
    from gaea_mini.search.update import Frozen

    if options.objective not in OBJECTIVES:
        raise InputError(
            f"no objective {options.objective!r}; there are {', '.join(OBJECTIVES)}"
        )
    single = options.objective == "single-level"
    built = method(
        options.method,
        options.lr_theta,
        SingleLevel(options.passes) if single else None,
    )
    for option, given in {
        "--lr-theta": options.lr_theta is not None,
        "--warm-up": options.warm_up is not None,
        "--curvature": options.curvature,
    }.items():
        if given and isinstance(built.update, Frozen):
            raise InputError(
                f"{built.name} takes no steps in theta: leave {option} out"
            )
    if single and options.order is not None:
        raise InputError("--order is of --objective bilevel: leave it out")
    if not single and options.passes != 2:
        raise InputError("--passes is of --objective single-level: leave it out")
    changes: dict[str, Any] = {
        "warm_up": options.warm_up,
        "perturbation": options.perturbation,
    }
    if options.order is not None and isinstance(built.objective, Bilevel):
        if built.objective.order == 2:
            raise InputError(f"{built.name} is of order 2 already: leave --order out")
        changes["objective"] = replace(built.objective, order=options.order)
    new = {name: value for name, value in changes.items() if value is not None}
    return replace(built, **new)


def _budget(options: argparse.Namespace) -> Any:
    from gaea_mini.search import PRESETS

    if options.preset not in PRESETS:
        raise InputError(
            f"no preset {options.preset!r}; there are {', '.join(PRESETS)}"
        )
    names = ("channels", "cells", "size", "pictures", "batch", "lr_w")
    given = {name: getattr(options, name) for name in names}
    changes = {name: value for name, value in given.items() if value is not None}
    budget = replace(PRESETS[options.preset], **changes)
    return budget if options.epochs is None else budget.lasting(options.epochs)


def device_there(name: str) -> str:
    """A device that is really there.

    Of several processes none touches a CUDA device here: each has yet to take its own.
    """
    import torch

    from gaea_mini.search.distributed import ranks_of
    from gaea_mini.search.precision import device_named

    there = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if there else "cpu"
    if name == "cuda" and there and ranks_of(os.environ).count > 1:
        return name
    return str(device_named(name))


def given(text: str) -> str:
    """A word, for argparse; an empty one is a variable of the shell that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; leave it out or give one")
    return text


def a_file(text: str) -> Path:
    """The path of a file, for argparse; an empty one would be the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a file")
    return Path(text)


def a_folder(text: str) -> Path:
    """The path of a folder, for argparse; the working folder is named by a dot."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a folder")
    return Path(text)


def add_table(parser: argparse.ArgumentParser, required: bool) -> None:
    default = os.environ.get("GAEA_MINI_NB201") or None
    parser.add_argument(
        "--nb201",
        type=a_file,
        default=default,
        required=required and default is None,
        metavar="FILE",
        help="compact table of NAS-Bench-201 (also $GAEA_MINI_NB201)",
    )


def save(run: Any, path: Path) -> None:
    """Write the record; if the place fails now, keep it in the temporary folder."""
    try:
        run.save(path)
    except OSError as error:
        spare = Path(tempfile.gettempdir()) / f"gaea_mini-{os.getpid()}-{path.name}"
        run.save(spare)
        raise InputError(
            f"cannot write {path}: {error.strerror}; the record is in {spare}"
        ) from None


def short(arch: str) -> str:
    """An arch string in few letters, for the progress bar.

    >>> short("|nor_conv_3x3~0|+|none~0|skip_connect~1|")
    '3x3/none,skip'
    >>> short("normal: |skip_connect~0|sep_conv_3x3~1| reduce: |avg_pool_3x3~0|")
    'normal: skip,sep_conv_3x3 reduce: pool'
    """
    if ": " in arch:  # one string for each kind of cell
        parts = re.split(r"(\w+: )", arch)
        return " ".join(
            name + short(cell.strip())
            for name, cell in zip(parts[1::2], parts[2::2], strict=True)
        )
    names = {"skip_connect": "skip", "avg_pool_3x3": "pool"}
    nodes = []
    for group in arch.split("+"):
        found = [part.split("~")[0] for part in group.strip("|").split("|")]
        nodes.append(",".join(names.get(o, o.replace("nor_conv_", "")) for o in found))
    return "/".join(nodes)
