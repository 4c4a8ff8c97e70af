"""The search: methods as a choice of parts, the loop, and the record of a run."""

from gaea_mini.search.budget import PRESETS, Budget
from gaea_mini.search.controller import ControllerSample
from gaea_mini.search.loop import search
from gaea_mini.search.method import (
    METHODS,
    Method,
    darts,
    darts_projected,
    darts_second,
    darts_sgd,
    enas,
    gaea,
    gdas,
    method,
    pc_darts,
    rs_ws,
)
from gaea_mini.search.objective import OBJECTIVES, Bilevel, SingleLevel
from gaea_mini.search.optimizers import EG, ProjectedGradient
from gaea_mini.search.relaxation import GumbelSample, Mixture, UniformSample
from gaea_mini.search.run import Run
from gaea_mini.search.update import (
    ExponentiatedGradient,
    Frozen,
    LogitsAdam,
    LogitsSGD,
    ProjectedStep,
)

__all__ = [
    "EG",
    "METHODS",
    "OBJECTIVES",
    "PRESETS",
    "Bilevel",
    "Budget",
    "ControllerSample",
    "ExponentiatedGradient",
    "Frozen",
    "GumbelSample",
    "LogitsAdam",
    "LogitsSGD",
    "Method",
    "Mixture",
    "ProjectedGradient",
    "ProjectedStep",
    "Run",
    "SingleLevel",
    "UniformSample",
    "darts",
    "darts_projected",
    "darts_second",
    "darts_sgd",
    "enas",
    "gaea",
    "gdas",
    "method",
    "pc_darts",
    "rs_ws",
    "search",
]
