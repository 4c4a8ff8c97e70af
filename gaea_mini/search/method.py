"""A method is a choice of parts, and GAEA is a function from a method to a method."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gaea_mini.errors import InputError
from gaea_mini.search.objective import Bilevel, Objective
from gaea_mini.search.relaxation import Mixture
from gaea_mini.search.update import (
    ExponentiatedGradient,
    LogitsAdam,
    LogitsSGD,
    Update,
    require_positive,
)


@dataclass(frozen=True)
class Method:
    """What a weight-sharing method consists of.

    Args:
      name: the name in records and on the command line.
      relaxation: how parameters become theta.
      update: how parameters move.
      objective: which data drives theta and which drives the weights.
    """

    name: str
    relaxation: Mixture
    update: Update
    objective: Objective

    def __post_init__(self) -> None:
        require_positive("lr_theta", self.update.lr)
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


def darts(lr: float = 3e-4, objective: Objective | None = None) -> Method:
    """DARTS: a softmax mixture, Adam on the logits (Liu, Simonyan, Yang, 2019)."""
    return Method("darts", Mixture(), LogitsAdam(lr), objective or Bilevel())


def darts_sgd(lr: float = 0.1, objective: Objective | None = None) -> Method:
    """DARTS with plain gradient descent on the logits: the closest control for EG."""
    return Method("darts-sgd", Mixture(), LogitsSGD(lr), objective or Bilevel())


def gaea(method: Method, lr: float = 0.1) -> Method:
    """The geometry-aware version of a method: two parts replaced, nothing else.

    Eq. (eq-gaea). Source: Li, Khodak, Balcan, Talwalkar, ICLR 2021, section 3.
    """
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


METHODS: dict[str, Callable[..., Method]] = {
    "darts": darts,
    "darts-sgd": darts_sgd,
    "gaea-darts": lambda lr=0.1, objective=None: gaea(darts(objective=objective), lr),
}


def method(
    name: str, lr: float | None = None, objective: Objective | None = None
) -> Method:
    """A method by its name; ``lr`` None takes the published step.

    Raises:
      InputError: there is no such method, or lr <= 0.
    """
    if name not in METHODS:
        raise InputError(f"no method {name!r}; there are {', '.join(METHODS)}")
    options = {} if lr is None else {"lr": lr}
    return METHODS[name](objective=objective, **options)
