"""Recorded runs and published numbers: find the file, pick runs out, sum them up.

Plain JSON and NumPy. A record is what ``python -m gaea_mini records`` writes; the file
``published.json`` beside the records holds numbers of papers, each with its source.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gaea_mini.errors import InputError

Json = dict[str, Any]


def load_record(name: str, folder: str | Path | None = None) -> Json:
    """Read ``NAME.json`` of the book's records, from wherever Python was started.

    Looked at in turn: ``folder``; ``book/records`` of the checkout that this package
    lies in; the copy inside an installed package; ``book/records`` and ``records`` in
    the working directory and above it.

    Raises:
      InputError: no such record, or it is damaged.
    """
    places = [Path(folder)] if folder is not None else _places()
    for place in places:
        path = place / f"{name}.json"
        if path.is_file():
            try:
                record = json.loads(path.read_text("utf-8"))
            except ValueError:
                raise InputError(
                    f"{path} is not JSON, or it is truncated; make it again: "
                    f"python -m gaea_mini records {name}"
                ) from None
            if not isinstance(record, dict):
                raise InputError(f"{path} is not a record: its top level is no object")
            return record
    raise InputError(
        f"no record {name}.json in {places[0]}; start in a checkout of the book, or "
        f"make it: python -m gaea_mini records {name}"
    )


def folder() -> Path:
    """The folder of the book's records: the first place that is there.

    Raises:
      InputError: there is none.
    """
    for place in _places():
        if place.is_dir():
            return place
    raise InputError(
        f"no folder of records; looked at {', '.join(map(str, _places()))}"
    )


def _places() -> list[Path]:
    checkout = Path(__file__).resolve().parents[2]
    here = Path.cwd()
    installed = Path(__file__).resolve().parents[1] / "records"
    places = [checkout / "book" / "records", installed]
    for above in (here, *here.parents):
        places += [above / "book" / "records", above / "records"]
    return places


def pick(
    record: Json, method: str, objective: str | None = None, lr: float | None = None
) -> list[Json]:
    """Runs of one method, in the order of their seeds.

    Args:
      record: from :func:`load_record`.
      method: "darts", "darts-sgd" or "gaea-darts".
      objective: "bilevel" or "single-level"; None takes any.
      lr: the step of theta; None takes the one that was chosen on the tuning seeds.

    Raises:
      InputError: the record has no such run.
    """
    if lr is None:
        lr = chosen_step(record, method, objective)
    runs = [
        run
        for run in record["runs"]
        if run["config"]["method"] == method
        and objective in (None, run["config"]["objective"])
        and _step(run) in (None, lr)
    ]
    if not runs:
        raise InputError(
            f"record {record.get('recipe')}: no run of {method} with step {lr:g}"
            + (f" and objective {objective}" if objective else "")
        )
    return sorted(runs, key=lambda run: int(run["config"]["seed"]))


def _step(run: Json) -> float | None:
    """The step of theta; None for a method that takes none (RS-WS)."""
    return run["config"]["update"].get("lr")


def chosen_step(record: Json, method: str, objective: str | None = None) -> float:
    """The step of theta that did best on the tuning seeds.

    It may have been taken over from another record; :func:`choice` says so.

    Raises:
      InputError: the record holds no choice for this method.
    """
    return float(choice(record, method, objective)["chosen"])


def choice(record: Json, method: str, objective: str | None = None) -> Json:
    """How the step of a method was chosen: the rule, the steps tried, their scores.

    Nothing was tried where a step was taken over (see :func:`taken_over`), and for a
    method without a step.
    """
    found = [step for step in record["steps"] if step["method"] == method]
    if not found:
        raise InputError(
            f"record {record.get('recipe')}: no step was chosen for {method}"
        )
    same = [step for step in found if step["objective"] == objective]
    return (same or found)[0]


def taken_over(choice: Json) -> bool:
    """Whether a step was not chosen in its record but taken over from another one."""
    return str(choice["rule"]).startswith("taken over ")


def arms(record: Json) -> dict[str, list[Json]]:
    """All runs of a record, grouped by method and step: ``{"darts 0.0003": [...]}``.

    Within a group the runs are in the order of their seeds. A record with several
    objectives has to be split by objective first.
    """
    pairs = dict.fromkeys(
        (
            run["config"]["method"],
            _step(run) or chosen_step(record, run["config"]["method"]),
        )
        for run in record["runs"]
    )
    order = {step["method"]: i for i, step in enumerate(record["steps"])}
    return {
        f"{method} {lr:g}": pick(record, method, lr=lr)
        for method, lr in sorted(pairs, key=lambda pair: (order[pair[0]], pair[1]))
    }


def chosen_arms(records: Sequence[Json]) -> dict[tuple[str, str], list[Json]]:
    """(method, objective) -> its runs with the chosen step, for several records."""
    return {
        (method, objective): pick(record, method, objective)
        for record in records
        for method, objective in dict.fromkeys(
            (run["config"]["method"], run["config"]["objective"])
            for run in record["runs"]
        )
    }


def skips(genotype: str) -> int:
    """Number of edges of a cell that are skip-connections.

    >>> skips("|nor_conv_3x3~0|+|skip_connect~0|skip_connect~1|")
    2
    """
    return genotype.count("skip_connect~")


def mean_sd(values: ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation (n - 1 in its denominator) over seeds.

    >>> mean_sd([1.0, 2.0, 3.0])
    (2.0, 1.0)
    """
    numbers = np.asarray(values, dtype=float)
    spread = float(numbers.std(ddof=1)) if numbers.size > 1 else 0.0
    return float(numbers.mean()), spread


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's t interval for the mean of independent values.

    It is exact for values from a normal distribution and rough for others.

    Raises:
      InputError: fewer than two values, or a level outside (0, 1).

    >>> [round(end, 3) for end in t_interval([1.0, 2.0, 3.0])]
    [-0.484, 4.484]
    """
    count = len(values)
    if count < 2 or not 0 < level < 1:
        raise InputError(f"{count} values, level {level}: give two or more and a part")
    mean, sd = mean_sd(values)
    half = t_quantile((1 + level) / 2, count - 1) * sd / count**0.5
    return mean - half, mean + half


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t, from its density on the angle x = sqrt(n) tan(angle).

    There the density is proportional to cos(angle) ** (n - 1) and has no tails.

    >>> round(t_quantile(0.975, 9), 3)
    2.262
    """
    angle = np.linspace(-np.pi / 2, np.pi / 2, 100_001)
    density = np.cos(angle).clip(min=0) ** (degrees - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    at = np.interp(probability, below / below[-1], angle)
    return float(degrees**0.5 * np.tan(at))
