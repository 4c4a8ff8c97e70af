"""Tables and sentences of chapter ``gaea``, made from records.

Whatever a record says, the text says: which way a comparison goes is computed here,
not written in the chapter. Every function returns a :class:`Text`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gaea_mini.errors import InputError
from gaea_mini.show.records import (
    Json,
    arms,
    chosen_step,
    mean_sd,
    pick,
    skips,
    t_interval,
)

NAMES = {"darts": "`darts`", "darts-sgd": "`darts-sgd`", "gaea-darts": "`gaea(darts)`"}
Value = Callable[[Json], float]


class Text(str):
    """Markdown that a notebook lays out and a terminal prints.

    >>> Text("| a |")._repr_markdown_()
    '| a |'
    """

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def true_accuracy(run: Json) -> float:
    """What the benchmark says of a run's last cell: CIFAR-10 test accuracy, percent.

    Raises:
      InputError: the record was made without a table.
    """
    if not run.get("truth"):
        raise InputError("this run has no true accuracy: its record had no table")
    return float(run["truth"]["c10_test"][-1])


def rounding(record: Json, published: Json | None = None) -> Text:
    """Per method and step: entropy, and accuracy before and after rounding.

    Args:
      record: runs of one objective.
      published: where the published steps are named.
    """
    steps = {s["method"]: s["lr"] for s in (published or {}).get("steps", [])}
    rows = []
    for runs in arms(record).values():
        config = runs[0]["config"]
        method, lr = config["method"], config["update"]["lr"]
        kinds = ["published"] if steps.get(method) == lr else []
        kinds += ["chosen"] if chosen_step(record, method) == lr else []
        before = [run["accuracy_supernet"][-1] for run in runs]
        after = [run["accuracy_rounded"][-1] for run in runs]
        lost = [b - a for b, a in zip(before, after, strict=True)]
        rows.append(
            [
                NAMES[method],
                f"{lr:g} ({', '.join(kinds)})",
                _spread([run["entropy"][-1] for run in runs], "{:.3f}"),
                f"{_rose(runs)} of {len(runs)}",
                _spread(before, "{:.1f}"),
                _spread(after, "{:.1f}"),
                _spread(lost, "{:.1f}"),
            ]
        )
    head = ["method", "step of theta", "entropy at the end", "rose again"]
    return _table([*head, "before rounding, %", "after, %", "lost, points"], rows)


def true_accuracies(records: Sequence[Json], published: Json) -> Text:
    """Ours beside the paper's: mean and sd of true accuracy per method and objective.

    Args:
      records: NAS-Bench-201 records, one for each objective.
      published: from ``published.json``.
    """
    rows = []
    for record, step in _steps(records):
        runs = pick(record, step["method"], step["objective"])
        regret, _ = mean_sd([run["truth"]["regret"][-1] for run in runs])
        values = [true_accuracy(run) for run in runs]
        rows.append(
            [
                NAMES[step["method"]],
                step["objective"],
                f"{step['chosen']:g}",
                _spread(values, "{:.2f}"),
                f"{np.median(values):.2f}",
                f"{regret:.2f}",
                _printed(_published(published, step["method"], step["objective"])),
            ]
        )
    for entry in published["nb201_c10_test"]:
        if entry["method"] not in NAMES:
            objective = entry["objective"] or "–"
            rows.append(
                [entry["method"], objective, *["–"] * 4, _printed(entry)],
            )
    head = ["method", "objective", "step", "ours, mean ± sd, %", "median, %"]
    return _table([*head, "regret, points", "published, %"], rows)


def sources(published: Json) -> Text:
    """Where each published accuracy stands."""
    lines = [
        f"- {_printed(entry)}: {entry['source']}"
        for entry in published["nb201_c10_test"]
    ]
    paper = published["paper"]
    return Text(
        "\n".join([f"From *{paper['title']}*, {paper['version']}:", "", *lines])
    )


def differences(records: Sequence[Json], published: Json) -> Text:
    """Paired differences over seeds, with a 95 % t interval, beside the paper's.

    Two runs with the same seed start from the same weights and see the same batches,
    so their difference is taken first and averaged after.
    """
    groups = {
        (step["method"], step["objective"]): pick(
            record, step["method"], step["objective"]
        )
        for record, step in _steps(records)
    }
    objectives = list(dict.fromkeys(objective for _, objective in groups))
    pairs = [(("gaea-darts", o), ("darts", o)) for o in objectives]
    if {"single-level", "bilevel"} <= set(objectives):
        pairs += [
            ((m, "single-level"), (m, "bilevel")) for m in ("darts", "gaea-darts")
        ]
    rows = []
    for first, second in pairs:
        by_seed = paired(groups[first], groups[second], true_accuracy)
        low, high = t_interval(by_seed)
        means = [_published(published, *arm)["mean"] for arm in (first, second)]
        rows.append(
            [
                f"{_arm(first)} − {_arm(second)}",
                f"{np.mean(by_seed):+.2f}",
                f"{low:+.2f} to {high:+.2f}",
                "/".join(str(count) for count in _signs(by_seed)),
                _verdict(low, high),
                f"{means[0] - means[1]:+.2f}",
            ]
        )
    head = ["difference, points", "mean", "95 % interval", "higher/equal/lower"]
    return _table([*head, "0 is", "published"], rows)


def paired(first: Sequence[Json], second: Sequence[Json], value: Value) -> list[float]:
    """``value`` of the first minus the second, seed by seed.

    Raises:
      InputError: the two do not have the same seeds.
    """
    seeds = [[run["config"]["seed"] for run in runs] for runs in (first, second)]
    if seeds[0] != seeds[1]:
        raise InputError(f"runs with seeds {seeds[0]} and {seeds[1]} make no pairs")
    return [value(a) - value(b) for a, b in zip(first, second, strict=True)]


def ranking(records: Sequence[Json], published: Json) -> Text:
    """The four arms from best to worst, ours and the paper's, in one sentence each."""
    ours, theirs = {}, {}
    for record, step in _steps(records):
        arm = (step["method"], step["objective"])
        ours[arm], _ = mean_sd([true_accuracy(run) for run in pick(record, *arm)])
        theirs[arm] = _published(published, *arm)["mean"]
    orders = [
        sorted(means, key=means.__getitem__, reverse=True) for means in (ours, theirs)
    ]
    lines = [
        f"By mean, best first. {name}: {', '.join(map(_arm, order))}."
        for name, order in zip(("Ours", "Published"), orders, strict=True)
    ]
    same = "the same" if orders[0] == orders[1] else "not the same"
    lines.append(f"The two orders are {same}.")
    return Text("\n\n".join(lines))


def skip_counts(records: Sequence[Json]) -> Text:
    """How many runs end with how many skip-connections, per method and objective."""
    edges = len(records[0]["runs"][0]["config"]["edges"])
    rows = []
    for record, step in _steps(records):
        runs = pick(record, step["method"], step["objective"])
        counts = [skips(run["genotype"][-1]) for run in runs]
        rows.append(
            [
                _arm((step["method"], step["objective"])),
                *(str(counts.count(n) or "·") for n in range(edges + 1)),
                f"{np.mean(counts):.1f}",
            ]
        )
    head = ["skip-connections", *map(str, range(edges + 1)), "mean"]
    return _table(head, rows)


def published_entropies(published: Json) -> Text:
    """Start, lowest and last value of each published curve."""
    rows = []
    for entry in published["entropy"]:
        values = [value for _, value in entry["points"]]
        lowest = min([*values, entry.get("minimum", values[-1])])
        part = 100 * values[-1] / np.log(entry["operations"])
        rows.append(
            [entry["space"], f"`{entry['method']}`"]
            + [f"{number:.3f}" for number in (values[0], lowest, values[-1])]
            + [f"{part:.0f} %"]
        )
    head = ["space", "method", "start", "lowest", "end", "end, part of ln O"]
    return _table(head, rows)


def _rose(runs: Iterable[Json], by: float = 0.01) -> int:
    """How many runs end with an entropy at least ``by`` nats above their lowest."""
    return sum(run["entropy"][-1] >= min(run["entropy"]) + by for run in runs)


def _steps(records: Sequence[Json]) -> list[tuple[Json, Json]]:
    return [(record, step) for record in records for step in record["steps"]]


def _published(published: Json, method: str, objective: str) -> Json:
    for entry in published["nb201_c10_test"]:
        if (entry["method"], entry["objective"]) == (method, objective):
            return entry
    raise InputError(f"no published accuracy of {method}, {objective}")


def _arm(arm: tuple[str, str]) -> str:
    return f"{NAMES[arm[0]]} {arm[1]}"


def _printed(entry: Mapping[str, Any]) -> str:
    spread = "" if entry["sd"] is None else f" ± {entry['sd']:.2f}"
    return f"{entry['mean']:.2f}{spread}"


def _spread(values: Sequence[float], form: str) -> str:
    return " ± ".join(form.format(number) for number in mean_sd(values))


def _signs(values: Sequence[float]) -> list[int]:
    numbers = np.sign(np.round(values, 6))
    return [int((numbers == sign).sum()) for sign in (1, 0, -1)]


def _verdict(low: float, high: float) -> str:
    if low > 0:
        return "below the interval"
    return "above the interval" if high < 0 else "inside"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Text:
    lines = [head, ["---"] * len(head), *rows]
    return Text("\n".join(f"| {' | '.join(line)} |" for line in lines))
