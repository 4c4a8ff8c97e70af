"""Tables of chapters ``family`` and ``gaea_on_everything``, made from records.

Which way a comparison goes is computed here, not written in a chapter. Every function
returns a :class:`~gaea_mini.show.search_tables.Text`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import combinations
from typing import Any

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.show.records import (
    Json,
    choice,
    mean_sd,
    pick,
    skips,
    t_interval,
    taken_over,
)
from gaea_mini.show.search_tables import (
    PLUS_MINUS,
    Text,
    _signed,
    _signs,
    _spread,
    _table,
    after_rounding,
    cell,
    lost_points,
    paired,
    true_accuracy,
)

SETS = {"c10": "CIFAR-10", "c100": "CIFAR-100", "in16": "ImageNet-16-120"}
PARTS = ("relaxation", "update", "objective", "warm_up", "perturbation")


def written(method: str) -> str:
    """A method's name as the book writes it.

    >>> written("gaea-pc-darts"), written("enas")
    ('`gaea(pc-darts)`', '`enas`')
    """
    base = method.removeprefix("gaea-")
    return f"`{base}`" if base == method else f"`gaea({base})`"


def part(value: Any) -> str:
    """A part of a method in short: what differs from its defaults, and its step.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Sample:
    ...     lr: float = 0.1
    ...     order: int = 1
    >>> part(Sample()), part(Sample(order=2))
    ('Sample(lr=0.1)', 'Sample(lr=0.1, order=2)')
    """
    if not hasattr(type(value), "__dataclass_fields__"):
        return f"{value:g}" if isinstance(value, float) else str(value)
    said = [
        f"{field.name}={getattr(value, field.name)!r}"
        for field in fields(value)
        if field.name == "lr"
        or field.default is MISSING
        or getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(said)})"


def parts(methods: Iterable[Any]) -> Text:
    """What methods consist of, one row a method.

    Args:
      methods: objects with the attributes of ``gaea_mini.search.Method``.
    """
    rows = [
        [
            f"`{method.name}`",
            *(f"`{part(getattr(method, name))}`" for name in PARTS[:3]),
            f"{method.warm_up:.0%}" if method.warm_up else "–",
        ]
        for method in methods
    ]
    return _table(["method", *PARTS[:3], "warm-up"], rows)


def changed(before: Any, after: Any) -> Text:
    """Part by part, what one method has in place of another's."""
    rows = []
    for name in PARTS:
        old, new = (getattr(method, name) for method in (before, after))
        cells = ["the same"] if old == new else [f"`{part(new)}`"]
        rows.append([name.replace("_", "-"), f"`{part(old)}`", *cells])
    return _table(["part", f"`{before.name}`", f"`{after.name}`"], rows)


def gradients(samples: Mapping[str, Any], exact: Any) -> Text:
    """Bias and spread of gradient estimates, one row an estimator.

    Bias is the length of the mean's distance from the exact gradient, spread the root
    of the mean squared distance of a draw from the mean; both as parts of the length
    of the exact gradient. The angle is between the mean and the exact gradient.

    Args:
      samples: name -> (N, O) estimates.
      exact: (O,) the gradient itself.
    """
    right = np.asarray(exact, dtype=float)
    size = float(np.linalg.norm(right))
    rows = []
    for name, draws in samples.items():
        values = np.asarray(draws, dtype=float)
        mean = values.mean(axis=0)
        error = np.sqrt(((values - mean) ** 2).sum(axis=1).mean())
        cosine = mean @ right / (np.linalg.norm(mean) * size)
        rows.append(
            [
                name,
                f"{np.linalg.norm(mean - right) / size:.2f}",
                f"{error / len(values) ** 0.5 / size:.2f}",
                f"{error / size:.1f}",
                f"{np.degrees(np.arccos(np.clip(cosine, -1, 1))):.0f}°",
            ]
        )
    head = ["estimator", "bias", "± by chance", "spread of one draw"]
    return _table([*head, "angle of the mean"], rows)


def chosen_steps(record: Json, methods: Sequence[str]) -> Text:
    """How the step of each method was chosen, and how much the choice mattered."""
    rows, largest = [], []
    for method in methods:
        made = choice(record, method)
        scores = {
            s["lr"]: float(np.mean(s["accuracy_rounded"])) for s in made["scores"]
        }
        if not scores:
            taken = taken_over(made)
            first = [f"{made['chosen']:g}", made["rule"]] if taken else ["–"] * 2
            rows.append([written(method), *first, "–", "–"])
            continue
        chosen = made["chosen"]
        if chosen >= max(scores):
            largest.append(written(method))
        rows.append(
            [
                written(method),
                f"{chosen:g}",
                ", ".join(f"{lr:g}" for lr in scores),
                f"{scores[chosen]:.1f}",
                f"{min(scores.values()):.1f}",
            ]
        )
    head = ["method", "chosen step", "steps tried", "score, %", "worst score, %"]
    said = "No chosen step is the largest that was tried."
    if largest:
        said = (
            f"For {', '.join(largest)} the chosen step is the largest that was tried."
        )
    return Text(f"{_table(head, rows)}\n\n{said}")


def results(record: Json, methods: Sequence[str]) -> Text:
    """The last state of recorded searches at their chosen step, over seeds.

    Accuracies before and after rounding are those of the supernet, on held-out
    pictures. Where the record has true accuracies, they stand in place of them.
    """
    runs = {method: pick(record, method) for method in methods}
    truth = all(run.get("truth") for arm in runs.values() for run in arm)
    rows = []
    for method, arm in runs.items():
        row = [written(method), _spread([run["entropy"][-1] for run in arm], "{:.2f}")]
        if truth:
            values = [true_accuracy(run) for run in arm]
            row += [
                ", ".join(f"{value:.2f}" for value in values),
                _spread(values, "{:.2f}"),
                f"{np.mean([run['truth']['regret'][-1] for run in arm]):.2f}",
                ", ".join(str(skips(run["genotype"][-1])) for run in arm),
            ]
        else:
            row += [
                _spread([run["accuracy_supernet"][-1] for run in arm], "{:.1f}"),
                _spread([after_rounding(run) for run in arm], "{:.1f}"),
                f"{np.mean([lost_points(run) for run in arm]):.1f}".replace("-", "−"),
                f"{np.mean([run['seconds'][-1] for run in arm]):.0f}",
            ]
        rows.append(row)
    head = ["method", "entropy"]
    if truth:
        head += ["true %, by seed", "mean ± sd", "regret, points", "skips"]
    else:
        head += ["before rounding, %", "after, %", "lost", "seconds"]
    value = true_accuracy if truth else after_rounding
    return Text(f"{_table(head, rows)}\n\n{_told_apart(runs, value)}")


def _told_apart(
    runs: Mapping[str, Sequence[Json]], value: Callable[[Json], float]
) -> str:
    """How many pairs of methods the seeds tell apart, and the two ends of the order."""
    means = {m: mean_sd([value(run) for run in arm])[0] for m, arm in runs.items()}
    best, worst = (f(means, key=means.__getitem__) for f in (max, min))
    pairs = list(combinations(runs, 2))
    apart = 0
    for first, second in pairs:
        low, high = t_interval(paired(runs[first], runs[second], value))
        apart += not low <= 0 <= high
    return (
        f"Highest mean: {written(best)} ({means[best]:.1f}). Lowest: {written(worst)} "
        f"({means[worst]:.1f}). Of {len(pairs)} pairs of methods, the paired 95 % "
        f"interval leaves out 0 for {apart}. By chance alone one expects about "
        f"{0.05 * len(pairs):.1f}."
    )


def decided(record: Json, methods: Sequence[str], below: float = 0.1) -> Text:
    """When searches have decided: the first epoch with an entropy under ``below``.

    And what they had decided for: the cell of the last epoch, and whether the cell was
    ever another one afterwards.
    """
    rows = []
    for method in methods:
        for run in pick(record, method):
            first = next((e for e, h in enumerate(run["entropy"]) if h < below), None)
            cells = run["genotype"][first:] if first is not None else []
            truth = run.get("truth")
            rows.append(
                [
                    written(method),
                    str(run["config"]["seed"]),
                    "never" if first is None else str(first),
                    str(len(set(cells)) - 1) if cells else "–",
                    cell(run["genotype"][-1]),
                    f"{truth['c10_test'][-1]:.2f}" if truth else "–",
                ]
            )
    head = ["method", "seed", "decided at epoch", "changes after that"]
    return _table([*head, "cell", "true %"], rows)


def gains(rows: Mapping[str, tuple[Json, str]]) -> Text:
    """gaea(m) minus m, seed by seed, with a 95 % t interval.

    The value is the true accuracy where a record has it, the accuracy after rounding
    where it has none.

    Args:
      rows: label -> (record, base method).
    """
    lines, settled = [], {"for": 0, "against": 0}
    for label, (record, base) in rows.items():
        by_seed, what = gain(record, base)
        low, high = t_interval(by_seed)
        settled["for"] += low > 0
        settled["against"] += high < 0
        few = ", ".join(map(_signed, by_seed))
        lines.append(
            [
                label,
                what,
                few if len(by_seed) <= 5 else f"{len(by_seed)} seeds",
                _signed(float(np.mean(by_seed))),
                f"{_signed(low)} to {_signed(high)}",
                ", ".join(map(str, _signs(by_seed))),
            ]
        )
    head = ["gaea(m) − m", "points of", "by seed", "mean", "95 % interval"]
    return Text(
        f"{_table([*head, 'seeds higher, equal, lower'], lines)}\n\nOf "
        f"{len(lines)} intervals {settled['for']} lie above 0, {settled['against']} "
        f"below, and {len(lines) - sum(settled.values())} contain it."
    )


def gain(record: Json, base: str) -> tuple[list[float], str]:
    """gaea(base) minus base by seed, and what is compared.

    Raises:
      InputError: the record lacks one of the two, or their seeds differ.
    """
    eg, logits = pick(record, f"gaea-{base}"), pick(record, base)
    if eg[0].get("truth"):
        return paired(eg, logits, true_accuracy), "true accuracy"
    return paired(eg, logits, after_rounding), "accuracy after rounding"


def step_gains(record: Json, bases: Sequence[str]) -> Text:
    """gaea(m) and m on the tuning seeds: at the published steps and at the best ones.

    The published step is the smallest that was tried.
    """
    rows = []
    for base in bases:
        scores = []
        for name in (base, f"gaea-{base}"):
            made = choice(record, name)["scores"]
            scores.append([float(np.mean(s["accuracy_rounded"])) for s in made])
        first, best = ([pick_of(s) for s in scores] for pick_of in (_first, max))
        cells = [f"{value:.1f}" for value in (*first, *best)]
        gap = [_signed(pair[1] - pair[0]) for pair in (first, best)]
        rows.append([written(base), *cells[:2], gap[0], *cells[2:], gap[1]])
    head = ["m", "m, published step", "gaea(m)", "gain"]
    return _table([*head, "m, best step", "gaea(m)", "gain"], rows)


def _first(values: Sequence[float]) -> float:
    return values[0]


def published_rows(published: Json, methods: Sequence[str]) -> Text:
    """Rows of the paper's Table 2 as printed: three data sets, and where they stand.

    Args:
        published: from ``published.json``.
        methods: names; each has a row for every setting in which it was printed.
    """
    known = {entry["method"] for entry in published["nb201"]}
    for name in methods:
        if name not in known:
            raise InputError(f"published.json has no row of {name!r} in nb201")
    rows = [
        [written(entry["method"])]
        + [
            PLUS_MINUS.join(f"{x:.2f}" for x in entry[key] if x is not None)
            for key in SETS
        ]
        + [f"{entry['source']}; {entry['setting']}"]
        for entry in published["nb201"]
        if entry["method"] in methods
    ]
    return _table(["method", *SETS.values(), "where"], rows)


def scales(rows: Mapping[str, Mapping[str, float]]) -> Text:
    """Accuracy of one supernet under several weights, one row a method."""
    names = list(next(iter(rows.values())))
    body = [
        [f"`{method}`", *(f"{values[name]:.1f}" for name in names)]
        for method, values in rows.items()
    ]
    return _table(["method", *names], body)
