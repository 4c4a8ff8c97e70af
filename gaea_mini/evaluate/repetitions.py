"""Repetitions of rivals: who plays, with which settings, and which results are kept."""

import inspect
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.evaluate.bohb import bohb, load_optuna, rungs_of
from gaea_mini.evaluate.comparison import Trace, play
from gaea_mini.evaluate.nasbench201 import NasBench201
from gaea_mini.evaluate.one_seed import OneSeed
from gaea_mini.evaluate.rivals import (
    VERSION,
    Rival,
    evolution,
    fidelity,
    random_search,
    reinforce,
)
from gaea_mini.evaluate.table import Table
from gaea_mini.evaluate.trained import load_table

RIVALS: dict[str, Rival] = {
    "random search": random_search,
    "evolution": evolution,
    "reinforce": reinforce,
    "bohb": bohb,
}
# Rivals with other settings, to see how much of a published mean is a setting. Each has
# the name of its rival first. Those of REINFORCE are commands that the authors wrote
# down; the script of evolution takes the sample as an argument.
VARIANTS: dict[str, Rival] = {
    "evolution, sample 5": partial(evolution, sample=5),
    "evolution, sample 10": partial(evolution, sample=10),
    "reinforce, step 0.5, argmax": partial(reinforce, lr=0.5, keep="argmax"),
    "reinforce, step 0.01": partial(reinforce, lr=0.01),
}
PLAYERS = RIVALS | VARIANTS
BATCH = 25  # repetitions that are played and kept together


@cache
def open_table(kind: str, path: str) -> Table:
    """A table by kind: "compact", "nasbench201", or "one-seed" (see ``OneSeed``)."""
    if kind == "compact":
        return load_table(path)
    means = NasBench201(path)
    return OneSeed(means) if kind == "one-seed" else means


def settings(name: str, table: Table) -> dict[str, Any]:
    """All that is set in a rival on this table, as plain data.

    >>> settings("evolution", load_table("compact"))
    {'population': 10, 'sample': 3, 'looks': [6]}
    """
    arguments = inspect.signature(PLAYERS[name]).parameters
    found = {
        argument: parameter.default
        for argument, parameter in arguments.items()
        if argument not in ("table", "clock", "seed")
    }
    looks = [fidelity(table)]
    if found.pop("rungs", ()) is None:  # BOHB's own choice
        looks = list(rungs_of(table))
        found["optuna"] = load_optuna().__version__
    return found | {"looks": [table.epochs[place] for place in looks]}


def repeat(
    name: str,
    kind: str,
    path: str,
    clock: float,
    repetitions: int,
    cache: Path,
    jobs: int,
) -> list[Trace]:
    """Repetitions 0, 1, ... of a rival; those that are kept are not played again.

    Kept is what had the same settings, version, table and clock.
    """
    from joblib import Memory, Parallel, delayed

    kept = Memory(cache, verbose=0).cache(play_many, ignore=["path"], verbose=0)
    table = open_table(kind, path)
    known = {
        "version": VERSION,
        "settings": settings(name, table),
        "table": [kind, table.truth([])["sha256"]],
        "clock": clock,
    }
    parts = np.array_split(np.arange(repetitions), max(1, repetitions // BATCH))
    calls = (delayed(kept)(name, known, part.tolist(), path=path) for part in parts)
    return sum(Parallel(n_jobs=jobs)(calls), [])


def play_many(
    name: str, known: Mapping[str, Any], seeds: list[int], path: str
) -> list[Trace]:
    """Some repetitions of a rival: what a worker does.

    Args:
      name: one of ``PLAYERS``.
      known: all that the result depends on, with the table's kind and the clock.
      seeds: of the repetitions.
      path: of the table.

    Raises:
      InputError: ``path`` is not the table that is meant.
    """
    kind, sha256 = known["table"]
    table = open_table(kind, path)
    if table.truth([])["sha256"] != sha256:
        raise InputError(f"{path} changed while it was in use; run this again")
    return [play(PLAYERS[name], table, known["clock"], seed) for seed in seeds]
