"""What a player needs of a run: the record, checked and cut down.

A full record holds losses, times and a configuration; the page of a book should not
carry them twice. Here theta is rounded to 4 decimals, which is 6 kB for 100 epochs of
a NAS-Bench-201 cell after compression.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from gaea_mini.errors import InputError
from gaea_mini.show.cell import layout
from gaea_mini.show.style import method_colour, operation_colour, operation_short

MOST_RUNS = 4
KINDS = {"reduce": "reduction"}  # as a reader calls them
FIX = "give a Run, or its dict as saved by Run.save"


@runtime_checkable
class HasDict(Protocol):
    """Anything with ``to_dict()``, such as ``gaea_mini.search.Run``."""

    def to_dict(self) -> dict[str, Any]: ...


def as_dict(run: Any, name: str = "run") -> Mapping[str, Any]:
    """A run as a mapping, whether it comes as an object or as its dict.

    Raises:
        InputError: ``run`` is neither.
    """
    record = run.to_dict() if isinstance(run, HasDict) else run
    if not isinstance(record, Mapping):
        raise InputError(f"{name} is of type {type(run).__name__}: {FIX}")
    return record


def as_list(runs: Any) -> list[Any]:
    """One run or several runs, as a list."""
    if isinstance(runs, (Mapping, HasDict)):
        return [runs]
    if not isinstance(runs, Sequence) or isinstance(runs, str):
        raise InputError(f"runs is of type {type(runs).__name__}: give a list of runs")
    return list(runs)


def trim_all(runs: Any, labels: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Trim several runs and give each its label.

    Args:
        runs: 1 to 4 runs, as objects or dicts.
        labels: one for each run; by default the method and the objective.

    Raises:
        InputError: no runs, too many, a wrong number of labels, or a record that
            cannot be shown.
    """
    runs = as_list(runs)
    if not runs:
        raise InputError("no runs to show: give one run or more, runs=[run]")
    if len(runs) > MOST_RUNS:
        raise InputError(f"{len(runs)} runs: at most {MOST_RUNS} fit side by side")
    if labels and len(labels) != len(runs):
        raise InputError(
            f"{len(labels)} labels for {len(runs)} runs: give one label for each run"
        )
    names = list(labels) if labels else [""] * len(runs)
    return [trim(run, names[i], f"run {i + 1}") for i, run in enumerate(runs)]


def trim(run: Any, label: str = "", name: str = "run") -> dict[str, Any]:
    """Check a run and keep what a player shows.

    Args:
        run: a Run or its dict. A dict that was trimmed before comes back as it is,
            apart from its label.
        label: shown as the run's title; by default the method and the objective.
        name: how to call the run in an error message.

    Returns:
        ``label``, ``colour``, ``operations`` (name, short, colour), ``kinds``,
        ``edges``, ``layout``, ``theta`` (T + 1, K, E, O) with 4 decimals, and for
        each of the T + 1 states ``entropy`` (nats) and ``genotype``; ``supernet``,
        ``rounded`` and ``truth`` (percent; ``truth.test`` of the record, or
        ``truth.c10_test``) where the record has them, else None.

    Raises:
        InputError: a part is missing, theta is ragged or has rows that do not sum to
            1, or two parts differ in length.
    """
    record = as_dict(run, name)
    if "layout" in record:
        return {**record, "label": label or record["label"]}
    name = f"{name} ({label})" if label else name
    config = _part(record, "config", Mapping, name)
    operations = _part(config, "operations", Sequence, f"{name}, config")
    edges = _part(config, "edges", Sequence, f"{name}, config")
    kinds: Sequence[Any] = ["cell"]
    if config.get("kinds"):
        kinds = _part(config, "kinds", Sequence, f"{name}, config")
    if not edges or not all(map(_is_edge, edges)):
        raise InputError(
            f"{name}: config.edges must be pairs [source, target] with source < target"
        )
    theta = _theta(record, (len(kinds), len(edges), len(operations)), name)
    states = len(theta)
    entropy = _series(record, "entropy", states, name)
    if entropy is None:
        raise InputError(f"{name} has no entropy: {FIX}")
    genotype = _part(record, "genotype", Sequence, name)
    if len(genotype) != states:
        raise InputError(
            f"{name}: {len(genotype)} genotypes for {states} states of theta: {FIX}"
        )
    method = str(config.get("method", "run"))
    objective = config.get("objective")
    return {
        "label": label or (f"{method}, {objective}" if objective else method),
        "colour": method_colour(method),
        "operations": [
            {"name": o, "short": operation_short(o), "colour": operation_colour(o)}
            for o in map(str, operations)
        ],
        "kinds": [KINDS.get(str(kind), str(kind)) for kind in kinds],
        "edges": [[int(source), int(target)] for source, target in edges],
        "layout": layout(edges),
        "theta": theta,
        "entropy": entropy,
        "genotype": [str(cell) for cell in genotype],
        "supernet": _series(record, "accuracy_supernet", states, name),
        "rounded": _series(record, "accuracy_rounded", states, name),
        "truth": _truth(record, states, name),
    }


def _truth(
    record: Mapping[str, Any], states: int, name: str
) -> list[float | None] | None:
    """Of NAS-Bench-201 the record has several columns; of another table it has one."""
    truth = record.get("truth") or {}
    column = "test" if "test" in truth else "c10_test"
    return _series(truth, column, states, name)


def _is_edge(edge: Any) -> bool:
    """Whether it is a pair of node numbers, the source before the target."""
    if not isinstance(edge, Sequence) or len(edge) != 2:
        return False
    source, target = edge
    return isinstance(source, int) and isinstance(target, int) and 0 <= source < target


def _part(record: Mapping[str, Any], key: str, kind: type, name: str) -> Any:
    value = record.get(key)
    if not isinstance(value, kind) or isinstance(value, str):
        raise InputError(f"{name} has no {key}: {FIX}")
    return value


def _theta(
    record: Mapping[str, Any], shape: tuple[int, int, int], name: str
) -> list[list[list[list[float]]]]:
    """theta with 4 decimals, (T + 1, K, E, O), checked row by row."""
    states = _part(record, "theta", Sequence, name)
    if not states:
        raise InputError(f"{name}: theta is empty, it needs at least the initial state")
    wanted = f"(states, {shape[0]}, {shape[1]}, {shape[2]})"
    rounded = []
    for epoch, state in enumerate(states):
        try:
            if len(state) != shape[0] or any(len(kind) != shape[1] for kind in state):
                raise TypeError
            rows = [[[float(x) for x in row] for row in kind] for kind in state]
        except (TypeError, ValueError):
            raise InputError(
                f"{name}: theta at epoch {epoch} does not have the shape {wanted} "
                "that config gives (states, kinds, edges, operations)"
            ) from None
        for kind in rows:
            for edge, row in enumerate(kind):
                if len(row) != shape[2]:
                    raise InputError(
                        f"{name}: theta at epoch {epoch}, edge {edge} has {len(row)} "
                        f"numbers for {shape[2]} operations: its shape must be {wanted}"
                    )
                # GDAS clips after it divides, so its rows sum to 1 within 1e-4 only.
                if not (min(row) >= 0 and abs(sum(row) - 1) < 1e-2):
                    raise InputError(
                        f"{name}: theta at epoch {epoch}, edge {edge} is not on the "
                        "simplex: its numbers must be >= 0 and sum to 1"
                    )
        rounded.append([[[round(x, 4) for x in row] for row in kind] for kind in rows])
    return rounded


def _series(
    record: Mapping[str, Any], key: str, states: int, name: str
) -> list[float | None] | None:
    """One number per state with 4 decimals; None where the record has none."""
    values = record.get(key)
    if values is None:
        return None
    if len(values) != states:
        raise InputError(
            f"{name}: {key} has {len(values)} numbers for {states} states of theta: "
            f"{FIX}"
        )
    try:
        numbers = [None if value is None else float(value) for value in values]
    except (TypeError, ValueError):
        raise InputError(
            f"{name}: {key} holds something that is no number: {FIX}"
        ) from None
    # JSON has no NaN; a gap in a curve says the same.
    kept = [
        None if number is None or not math.isfinite(number) else round(number, 4)
        for number in numbers
    ]
    return None if all(number is None for number in kept) else kept
