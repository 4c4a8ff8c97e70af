"""The search: methods as a choice of parts, the loop, and the record of a run."""

from gaea_mini.search.budget import PRESETS, Budget
from gaea_mini.search.loop import search
from gaea_mini.search.method import METHODS, Method, darts, darts_sgd, gaea, method
from gaea_mini.search.objective import OBJECTIVES, Bilevel, SingleLevel
from gaea_mini.search.relaxation import Mixture
from gaea_mini.search.run import Run
from gaea_mini.search.update import EG, ExponentiatedGradient, LogitsAdam, LogitsSGD

__all__ = [
    "EG",
    "METHODS",
    "OBJECTIVES",
    "PRESETS",
    "Bilevel",
    "Budget",
    "ExponentiatedGradient",
    "LogitsAdam",
    "LogitsSGD",
    "Method",
    "Mixture",
    "Run",
    "SingleLevel",
    "darts",
    "darts_sgd",
    "gaea",
    "method",
    "search",
]
