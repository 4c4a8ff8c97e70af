"""A method is a choice of parts, and GAEA is a function from a method to a method."""

from dataclasses import dataclass, replace

from gaea_mini.errors import InputError, require_positive
from gaea_mini.search.controller import ControllerSample
from gaea_mini.search.objective import Bilevel, Objective, SingleLevel
from gaea_mini.search.relaxation import GumbelSample, Mixture, UniformSample
from gaea_mini.search.update import (
    ExponentiatedGradient,
    Frozen,
    LogitsAdam,
    LogitsSGD,
    ProjectedStep,
    Update,
)


@dataclass(frozen=True)
class Method:
    """What a weight-sharing method consists of.

    Args:
      name: the name in records and on the command line.
      relaxation: what the supernet is given in place of a cell.
      update: how the architecture parameters move.
      objective: which data drives theta and which drives the weights.
      warm_up: part of the epochs, at the start, in which only the weights move.
      perturbation: theta is shifted at random in the weight steps, by up to this much
        at the end of the search (a linear ramp); 0 leaves it alone.
    """

    name: str
    relaxation: Mixture
    update: Update
    objective: Objective
    warm_up: float = 0.0
    perturbation: float = 0.0

    def __post_init__(self) -> None:
        require_positive("lr_theta", self.update.lr)
        for name in ("warm_up", "perturbation"):
            part = getattr(self, name)
            if not 0 <= part <= 1:
                raise InputError(f"{self.name}: {name} is {part}; it must be in [0, 1]")
        if self.relaxation.on == "logits" and self.update.on == "simplex":
            raise InputError(
                f"{self.name}: the update keeps theta on the simplex but the "
                "relaxation still applies a softmax to it, which flattens a vertex "
                "to e/(e+O-1); use Mixture(on='simplex')"
            )
        if self.relaxation.on == "simplex" and self.update.on == "logits":
            raise InputError(
                f"{self.name}: the update moves logits but the relaxation takes them "
                "for points of the simplex; use Mixture(on='logits')"
            )
        samples = isinstance(
            self.relaxation, GumbelSample | UniformSample | ControllerSample
        )
        second = isinstance(self.objective, Bilevel) and self.objective.order == 2
        if second and samples:
            raise InputError(
                f"{self.name}: the second-order gradient compares losses of the same "
                "mixture and cannot be taken over fresh samples; use order 1"
            )
        if second and isinstance(self.update, ExponentiatedGradient):
            raise InputError(f"{self.name}: GAEA has no second order; use order 1")
        if self.perturbation and samples:
            raise InputError(
                f"{self.name}: a perturbation shifts a mixture, and {self.name} draws "
                "cells; leave it out"
            )
        if self.perturbation and self.objective == SingleLevel(passes=1):
            raise InputError(
                f"{self.name}: a perturbation shifts theta in the weights' own steps, "
                "and one pass has none; use passes=2"
            )
        controlled = isinstance(self.relaxation, ControllerSample)
        if controlled and self.objective == SingleLevel(passes=1):
            raise InputError(
                f"{self.name}: REINFORCE has no gradient to share with the weights; "
                "use passes=2"
            )


def darts(lr: float = 3e-4, objective: Objective | None = None) -> Method:
    """DARTS, first order: a softmax mixture, Adam on the logits."""
    return Method("darts", Mixture(), LogitsAdam(lr), objective or Bilevel())


def darts_second(lr: float = 3e-4, objective: Objective | None = None) -> Method:
    """DARTS whose theta follows the gradient through one step of the weights."""
    objective = objective or Bilevel()
    if not isinstance(objective, Bilevel):
        raise InputError("darts-2nd: the second order is of a bilevel objective")
    return replace(darts(lr, replace(objective, order=2)), name="darts-2nd")


def darts_sgd(lr: float = 0.1, objective: Objective | None = None) -> Method:
    """DARTS with plain gradient descent on the logits: the closest control for EG."""
    return replace(darts(objective=objective), name="darts-sgd", update=LogitsSGD(lr))


def darts_projected(lr: float = 0.1, objective: Objective | None = None) -> Method:
    """Theta on the simplex, moved by projected gradient: the Euclidean control."""
    return replace(
        darts(objective=objective),
        name="darts-projected",
        relaxation=Mixture(on="simplex"),
        update=ProjectedStep(lr),
    )


def pc_darts(lr: float = 6e-4, objective: Objective | None = None) -> Method:
    """PC-DARTS: a quarter of the channels, edge weights, a warm-up of the weights.

    The paper's warm-up is 15 of 50 epochs; here it is the same part of any search.
    """
    return Method(
        "pc-darts",
        Mixture(edge_weights=True, partial=4),
        LogitsAdam(lr),
        objective or Bilevel(),
        warm_up=15 / 50,
    )


def gdas(lr: float = 3e-4, objective: Objective | None = None) -> Method:
    """GDAS: one operation an edge, drawn with Gumbel noise; the weights step first.

    An objective that is given brings its own order: ``Bilevel()`` moves theta first.
    """
    return Method(
        "gdas",
        GumbelSample(),
        LogitsAdam(lr),
        objective or Bilevel(theta_first=False),
    )


def rs_ws(lr: float = 1.0, objective: Objective | None = None) -> Method:
    """Random search with weight sharing: train on uniform samples, then score cells.

    There is no theta to move, so ``lr`` moves nothing.
    """
    require_positive("lr_theta", lr)
    drawn = UniformSample(on="simplex")
    return Method("rs-ws", drawn, Frozen(), objective or Bilevel())


def enas(lr: float = 1e-3, objective: Objective | None = None) -> Method:
    """ENAS: a controller writes cells and learns from their accuracy.

    Its numbers are those of NAS-Bench-201's code: step 1e-3, entropy weight 1e-4, decay
    0.99, the best of 100 cells. There each epoch of the weights is followed by 50
    controller steps of 20 cells each, for 250 epochs of batch 128; here every step of
    the weights is followed by a controller step of 5 cells. An objective that is given
    brings its own order: ``Bilevel()`` moves the controller first.
    """
    return Method(
        "enas",
        ControllerSample(),
        LogitsAdam(lr, beta1=0.9, weight_decay=0.0),
        objective or Bilevel(theta_first=False),
    )


def gaea(method: Method, lr: float = 0.1) -> Method:
    """The geometry-aware version of a method: two parts replaced, nothing else.

    Eq. (eq-gaea). Source: Li, Khodak, Balcan, Talwalkar, ICLR 2021, section 3.
    """
    if isinstance(method.relaxation, UniformSample):
        raise InputError(f"{method.name} has no theta to optimise, so gaea has no use")
    if isinstance(method.relaxation, ControllerSample):
        raise InputError(
            f"{method.name} moves the weights of a controller, not a theta on the "
            "simplex, so gaea has no use"
        )
    if method.update.on == "simplex":
        raise InputError(f"{method.name} is on the simplex already; apply gaea once")
    return replace(
        method,
        name=f"gaea-{method.name}",
        # 1. The mixture weights are the parameters: no softmax.
        relaxation=replace(method.relaxation, on="simplex"),
        # 2. They move by exponentiated gradient.
        update=ExponentiatedGradient(lr),
    )


MIXING = (darts, darts_second, darts_sgd, darts_projected, pc_darts)
BUILDERS = (*MIXING, gdas, rs_ws, enas)
BASES = {build().name: build for build in BUILDERS}
GEOMETRIC = ("darts", "pc-darts", "gdas")  # those that the paper applies GAEA to
METHODS = (*BASES, *(f"gaea-{name}" for name in GEOMETRIC))


def method(
    name: str, lr: float | None = None, objective: Objective | None = None
) -> Method:
    """A method by its name; ``lr`` None takes the method's default step.

    Raises:
      InputError: there is no such method, or lr <= 0.
    """
    base = name.removeprefix("gaea-")
    if base not in BASES:
        raise InputError(f"no method {name!r}; there are {', '.join(METHODS)}")
    if name in ("gaea-darts-sgd", "gaea-darts-projected"):
        raise InputError(
            f"{name} would be gaea-darts, because gaea replaces the update: take that"
        )
    options = {} if lr is None else {"lr": lr}
    if base == name:
        return BASES[base](objective=objective, **options)
    return gaea(BASES[base](objective=objective), **options)
