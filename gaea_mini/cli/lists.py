"""The commands ``methods`` and ``spaces``: what there is, in words, with sources."""

import argparse
from typing import Any

GAEA = (
    "two parts of {base} replaced; the order of the steps and the warm-up stay its "
    "own (the GAEA paper: PC-DARTS warm-up 10 of 50; released code: none; theta first)"
)
PAPER = "Li, Khodak, Balcan, Talwalkar, ICLR 2021, section 4"
# Method: (where it comes from, where its default step comes from).
SOURCES = {
    "darts": ("Liu, Simonyan, Yang, ICLR 2019; its code", "that code"),
    "darts-2nd": (
        "Liu, Simonyan, Yang, ICLR 2019, equations 7 and 8; its code",
        "that code",
    ),
    "darts-sgd": ("a control, not published", "that of gaea-darts"),
    "darts-projected": ("a control, not published", "that of gaea-darts"),
    "pc-darts": (
        "Xu et al., ICLR 2020; its code, CIFAR-10",
        "that code; 6e-3 for ImageNet",
    ),
    "gdas": ("Dong, Yang, CVPR 2019; NAS-Bench-201's code", "NAS-Bench-201's code"),
    "rs-ws": ("Li, Talwalkar, UAI 2019; NAS-Bench-201's code", ""),
    "enas": (
        "Pham et al., ICML 2018; NAS-Bench-201's code",
        "NAS-Bench-201's code; ENAS's own has 0.0035",
    ),
    "gaea-darts": (PAPER, "the paper and the released configuration"),
    "gaea-pc-darts": (
        PAPER,
        "the paper and the released configuration; edge weights take the same",
    ),
    "gaea-gdas": (PAPER, "the paper; the released configuration has 0.01"),
}


def relaxation_in_words(part: Any) -> str:
    """What the supernet is given in place of a cell."""
    from gaea_mini.search import ControllerSample, GumbelSample, UniformSample

    if isinstance(part, UniformSample):
        return (
            "a cell drawn uniformly for every pass; at the end the best of "
            f"{part.candidates} on one batch"
        )
    if isinstance(part, ControllerSample):
        return (
            f"cells written by an LSTM of {part.hidden} units, {part.samples} in each "
            f"of its steps; at the end the best of {part.candidates} on one batch"
        )
    theta = (
        "theta itself, with no softmax"
        if part.on == "simplex"
        else "a softmax of logits"
    )
    if isinstance(part, GumbelSample):
        return (
            f"one operation an edge, drawn with Gumbel noise from {theta}; temperature "
            f"{part.tau_start:g} to {part.tau_end:g}"
        )
    words = f"a mixture of all operations by {theta}"
    if part.partial > 1:
        words += f", on 1/{part.partial} of the channels"
    return words + (", with edge weights" if part.edge_weights else "")


def update_in_words(part: Any) -> str:
    """How theta moves."""
    from gaea_mini.search import LogitsAdam, LogitsSGD, ProjectedStep

    if isinstance(part, LogitsAdam):
        return (
            f"Adam, betas {part.beta1:g} and {part.beta2:g}, weight decay "
            f"{part.weight_decay:g}"
        )
    if isinstance(part, LogitsSGD):
        return "plain gradient descent on the logits"
    if isinstance(part, ProjectedStep):
        return "gradient descent on theta, projected back onto the simplex"
    return f"exponentiated gradient on theta, floor {part.floor:g}"


def run_methods(options: argparse.Namespace) -> None:
    """List the methods with their parts, their default steps and the sources."""
    from gaea_mini.search import METHODS, method
    from gaea_mini.search.update import Frozen

    for name in METHODS:
        built, (source, step) = method(name), SOURCES[name]
        print(f"{name}  ({source})")
        print(f"  relaxation  {relaxation_in_words(built.relaxation)}")
        if isinstance(built.update, Frozen):
            print(
                "  update      none: it takes no step, because cells are drawn "
                "uniformly and no theta is learned"
            )
        else:
            print(f"  update      {update_in_words(built.update)}")
            print(f"  step        {built.update.lr:g} ({step})")
        goal: Any = built.objective
        order = "first" if goal.order == 1 else "second"
        turn = "theta steps first" if goal.theta_first else "the weights step first"
        print(
            f"  objective   {goal.name}, {order} order, {turn}; "
            f"warm-up {built.warm_up:g} of the epochs"
        )
        if name.startswith("gaea-"):
            print(f"  note        {GAEA.format(base=name.removeprefix('gaea-'))}")
    print("objectives: bilevel (order 1 or 2), single-level (1 or 2 passes)")


ON_EDGES = "on each edge the heaviest operation"
# Space: (paper, rounding rule).
SPACE_NOTES = {
    "compact": ("of this package", ON_EDGES),
    "nasbench201": ("Dong, Yang, ICLR 2020", ON_EDGES),
    "darts": (
        "Liu, Simonyan, Yang, ICLR 2019",
        "each node keeps the two edges whose heaviest operation but 'none' weighs most",
    ),
    **dict.fromkeys(
        (f"nasbench1shot1-{number}" for number in (1, 2, 3)),
        (
            "Zela, Siems, Hutter, ICLR 2020",
            "each node keeps its heaviest operation and its heaviest parents",
        ),
    ),
}


def run_spaces(options: argparse.Namespace) -> None:
    """List the search spaces: size, theta, operations, paper and rounding rule."""
    from gaea_mini.supernet import SPACES

    width = max(map(len, SPACES))
    for name, where in SPACES.items():
        paper, rule = SPACE_NOTES[name]
        size = f"{where.size:.6g} cells"
        if where.left_out:
            rest = where.without(*where.left_out)
            size += f" ({rest.size:.6g} without {', '.join(where.left_out)})"
        kinds = len(where.kinds)
        cells = f"{kinds} kind{'s' * (kinds > 1)} of cell x {len(where.edges)} edges"
        print(f"{name:{width}}  {size}, {cells}  ({paper})")
        print(f"{'':{width}}  operations  {', '.join(where.operations)}")
        print(f"{'':{width}}  rounding    {rule}")
