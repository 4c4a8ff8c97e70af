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
    choice,
    chosen_arms,
    chosen_step,
    mean_sd,
    pick,
    skips,
    t_interval,
    taken_over,
)
from gaea_mini.show.style import operation_short

NAMES = {"darts": "`darts`", "darts-sgd": "`darts-sgd`", "gaea-darts": "`gaea(darts)`"}
SPACE = "\N{NO-BREAK SPACE}"
PLUS_MINUS = f"{SPACE}±{SPACE}"
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


def cell(genotype: str) -> str:
    """An arch string in short: what enters each node.

    >>> " ".join(cell("|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|").split())
    '1: 3×3; 2: skip, pool'
    """
    nodes = []
    for node, group in enumerate(genotype.split("+"), start=1):
        names = [part.split("~")[0] for part in group.strip("|").split("|")]
        text = f"{node}: {', '.join(map(operation_short, names))}"
        nodes.append(text.replace(" ", SPACE))  # a line may break between nodes only
    return "; ".join(nodes)


def searches(runs: Mapping[str, Json]) -> Text:
    """The last state of each run, one row a run."""
    rows = [
        [
            f"`{name}`",
            f"{run['seconds'][-1]:.1f}",
            f"{run['entropy'][-1]:.3f}",
            f"{run['accuracy_supernet'][-1]:.1f}",
            f"{run['accuracy_rounded'][-1]:.1f}",
            cell(run["genotype"][-1]),
        ]
        for name, run in runs.items()
    ]
    head = ["search", "seconds", "entropy", "before rounding, %", "after, %"]
    return _table([*head, "cell: what enters node 1, 2, 3"], rows)


def settings(record: Json, published: Json) -> Text:
    """The size of our searches beside the paper's."""
    runs = record["runs"]
    config, printed = runs[0]["config"], published["nb201_setting"]
    searched = round(config["pictures"] * (1 - config["held_out"]))
    left_out = "" if "none" in config["operations"] else ", without none"
    ours = {
        "channels": ("channels of the first stage", config["channels"]),
        "cells": ("cells a stage", config["cells"]),
        "size": ("pixels along a side", config["size"]),
        "pictures": ("pictures to search on", f"{searched:,}"),
        "epochs": (
            "epochs of the weights' schedule",
            f"{config['epochs']} of {config['schedule_epochs']}",
        ),
        "crop": ("random shift, pixels", config["crop"]),
        "batch_norm": ("batch norm statistics", "of the batch"),
        "operations": ("operations", f"{len(config['operations'])}{left_out}"),
        "cell": ("cell reported", "of the last epoch"),
        "seeds": ("seeds", len({run["config"]["seed"] for run in runs})),
    }
    rows = [[name, str(value), printed[key]] for key, (name, value) in ours.items()]
    return _table(["", "ours", "published"], rows)


def rounding(records: Sequence[Json], published: Json | None = None) -> Text:
    """Per method and step: entropy, and accuracy before and after rounding.

    Args:
      records: one for each objective.
      published: where the published steps are named.
    """
    steps = {s["method"]: s["lr"] for s in (published or {}).get("steps", [])}
    rows, readings = [], []
    for record in records:
        objective = record["runs"][0]["config"]["objective"]
        for runs in arms(record).values():
            config = runs[0]["config"]
            method, lr = config["method"], config["update"]["lr"]
            kinds = ["published"] if steps.get(method) == lr else []
            kinds += ["chosen"] if chosen_step(record, method) == lr else []
            rows.append(
                [
                    _arm((method, objective)) if len(records) > 1 else NAMES[method],
                    f"{lr:g} ({', '.join(kinds)})",
                    _spread([run["entropy"][-1] for run in runs], "{:.2f}"),
                    f"{_rose(runs)} of {len(runs)}".replace(" ", SPACE),
                    _spread([run["accuracy_supernet"][-1] for run in runs], "{:.1f}"),
                    _spread([after_rounding(run) for run in runs], "{:.1f}"),
                    f"{np.mean([lost_points(run) for run in runs]):.1f}",
                ]
            )
        name = f"{objective.capitalize()}. " if len(records) > 1 else ""
        readings.append(f"{name}{_reading(record)}")
    head = ["method", "step of theta", "entropy", "rose again"]
    table = _table([*head, "before rounding, %", "after, %", "lost"], rows)
    said = "\n\n".join(readings)
    return Text(f"{table}\n\n{said}{_how_chosen(records)}")


def after_rounding(run: Json) -> float:
    """Accuracy of the rounded supernet at the end, percent of held-out pictures."""
    return float(run["accuracy_rounded"][-1])


def lost_points(run: Json) -> float:
    """What rounding costs at the end of a run, with the shared weights."""
    return float(run["accuracy_supernet"][-1]) - after_rounding(run)


def _reading(record: Json) -> str:
    """What the rows of :func:`rounding` say, whichever way they go."""
    groups = arms(record)

    def best(value: Value, best_of: Callable[..., str] = max) -> str:
        means = {
            name: mean_sd(list(map(value, runs)))[0] for name, runs in groups.items()
        }
        name = best_of(means, key=means.__getitem__)
        return f"`{name}` ({means[name]:.3g})"

    lowest = min(min(run["entropy"]) for run in record["runs"])
    eg = pick(record, "gaea-darts")
    gains = []
    for step in record["steps"]:
        if step["method"] != "gaea-darts":
            by_seed = paired(eg, pick(record, step["method"]), after_rounding)
            low, high = t_interval(by_seed)
            gains.append(
                f"{NAMES['gaea-darts']} minus {NAMES[step['method']]} is "
                f"{_signed(float(np.mean(by_seed)))} points (95 % interval "
                f"{_signed(low)} to {_signed(high)})"
            )
    return (
        f"Lowest mean entropy: {best(lambda run: run['entropy'][-1], min)}. "
        f"Fewest points lost: {best(lost_points, min)}. "
        f"Most accurate after rounding: {best(after_rounding)}. "
        f"After rounding, each at its chosen step, {' and '.join(gains)}. "
        f"The lowest entropy of any run at any epoch is {lowest:.3f}."
    )


def tried(record: Json, method: str) -> Text:
    """What the rule that chose a method's step thought of each step.

    The mean over the tuning seeds of the accuracy after rounding, in percent, and how
    many seeds that were: two, or five for the last candidates.

    Raises:
      InputError: no step was tried for this method in this record.
    """
    made = choice(record, method)
    scores = made["scores"]
    if not scores:
        raise InputError(f"no step of {method} was tried here: {made['rule']}")
    rows = {
        "step": [f"{score['lr']:g}" for score in scores],
        "accuracy, %": [
            f"{np.mean(score['accuracy_rounded']):.1f}" for score in scores
        ],
        "seeds": [str(len(score["accuracy_rounded"])) for score in scores],
    }
    return Text(
        "\n".join(
            f"{name:11} " + "  ".join(f"{value:>5}" for value in values)
            for name, values in rows.items()
        )
    )


def true_accuracies(records: Sequence[Json], published: Json) -> Text:
    """Ours beside the paper's: mean and sd of true accuracy per method and objective.

    Args:
      records: NAS-Bench-201 records, one for each objective.
      published: from ``published.json``.
    """
    rows = []
    for (method, objective), runs in chosen_arms(records).items():
        regret, _ = mean_sd([run["truth"]["regret"][-1] for run in runs])
        values = [true_accuracy(run) for run in runs]
        rows.append(
            [
                _arm((method, objective)),
                f"{runs[0]['config']['update']['lr']:g}",
                _spread(values, "{:.2f}"),
                f"{np.median(values):.2f}",
                f"{regret:.2f}",
                _printed(_published(published, method, objective)),
            ]
        )
    for entry in published["nb201_c10_test"]:
        if entry["method"] not in NAMES:
            objective = entry["objective"] or ""
            name = f"{entry['method']} {objective}".strip()
            rows.append([name, *["–"] * 4, _printed(entry)])
    head = ["method and objective", "step", "ours, mean ± sd, %", "median, %"]
    table = _table([*head, "regret, points", "published, %"], rows)
    return Text(f"{table}\n\n{_ranking(records, published)}{_how_chosen(records)}")


def _ranking(records: Sequence[Json], published: Json) -> str:
    """The arms from best to worst, ours and the paper's."""
    ours, theirs = {}, {}
    for arm, runs in chosen_arms(records).items():
        ours[arm], _ = mean_sd([true_accuracy(run) for run in runs])
        theirs[arm] = _published(published, *arm)["mean"]
    orders = [sorted(m, key=m.__getitem__, reverse=True) for m in (ours, theirs)]
    first, second = (", ".join(map(_arm, order)) for order in orders)
    same = "the same" if orders[0] == orders[1] else "not the same"
    return (
        f"From best to worst mean, ours: {first}. Published: {second}. "
        f"The two orders are {same}."
    )


def _how_chosen(records: Sequence[Json]) -> str:
    """What to know of the chosen steps: taken over, or the last that was tried."""
    last, text = [], ""
    for record in records:
        for method, objective in chosen_arms([record]):
            made, arm = choice(record, method, objective), _arm((method, objective))
            if taken_over(made):
                text += f" The step of {arm} was {made['rule']}."
            elif made["scores"] and made["chosen"] == made["scores"][-1]["lr"]:
                last.append(f"{arm} (the last of {len(made['scores'])} values)")
    if last:
        text += (
            f" For {' and '.join(last)} the chosen step is the largest that was tried "
            "and the score was still rising, so a larger step may do better."
        )
    return text


def differences(records: Sequence[Json], published: Json) -> Text:
    """Paired differences over seeds, with a 95 % t interval, beside the paper's.

    Two runs with the same seed start from the same weights and see the same batches,
    so their difference is taken first and averaged after.
    """
    groups = chosen_arms(records)
    objectives = list(dict.fromkeys(objective for _, objective in groups))
    pairs = [(("gaea-darts", o), ("darts", o)) for o in objectives]
    if {"single-level", "bilevel"} <= set(objectives):
        pairs += [
            ((m, "single-level"), (m, "bilevel")) for m in ("darts", "gaea-darts")
        ]
    rows, agree = [], 0
    for first, second in pairs:
        by_seed = paired(groups[first], groups[second], true_accuracy)
        low, high = t_interval(by_seed)
        means = [_published(published, *arm)["mean"] for arm in (first, second)]
        agree += low <= means[0] - means[1] <= high
        rows.append(
            [
                f"{_arm(first)} − {_arm(second)}",
                _signed(float(np.mean(by_seed))),
                f"{_signed(low)} to {_signed(high)}",
                "yes" if low <= 0 <= high else "no",
                ", ".join(str(count) for count in _signs(by_seed)),
                _signed(means[0] - means[1]),
            ]
        )
    head = ["difference, points", "mean", "95 % interval", "0 inside"]
    table = _table([*head, "seeds higher, equal, lower", "published"], rows)
    zeros = sum(row[3] == "yes" for row in rows)
    return Text(
        f"{table}\n\nIntervals that contain 0: {zeros} of {len(rows)}. Intervals that "
        f"contain the published difference: {agree} of {len(rows)}."
    )


def paired(first: Sequence[Json], second: Sequence[Json], value: Value) -> list[float]:
    """``value`` of the first minus the second, seed by seed.

    Raises:
      InputError: the two do not have the same seeds.
    """
    seeds = [[run["config"]["seed"] for run in runs] for runs in (first, second)]
    if seeds[0] != seeds[1]:
        raise InputError(f"runs with seeds {seeds[0]} and {seeds[1]} make no pairs")
    return [value(a) - value(b) for a, b in zip(first, second, strict=True)]


def collapse(records: Sequence[Json]) -> Text:
    """Skip-connections of the cells found, and what stopping early would have changed.

    "Best epoch" is the epoch with the highest mean true accuracy. State 0 is left out:
    all weights are equal there, so its cell says nothing of the search.
    """
    edges = len(records[0]["runs"][0]["config"]["edges"])
    rows = []
    for arm, runs in chosen_arms(records).items():
        counts = [skips(run["genotype"][-1]) for run in runs]
        means = np.mean([run["truth"]["c10_test"] for run in runs], axis=0)
        best = int(means[1:].argmax()) + 1
        rows.append(
            [
                _arm(arm),
                *(str(counts.count(n) or "·") for n in range(edges + 1)),
                f"{means[best]:.2f} ({best})",
                f"{means[-1]:.2f} ({len(means) - 1})",
            ]
        )
    head = ["runs with so many skips:", *map(str, range(edges + 1))]
    return _table([*head, "true % at the best epoch", "at the last"], rows)


def _rose(runs: Iterable[Json], by: float = 0.01) -> int:
    """How many runs end with an entropy at least ``by`` nats above their lowest."""
    return sum(run["entropy"][-1] >= min(run["entropy"]) + by for run in runs)


def _published(published: Json, method: str, objective: str) -> Json:
    for entry in published["nb201_c10_test"]:
        if (entry["method"], entry["objective"]) == (method, objective):
            return entry
    raise InputError(f"no published accuracy of {method}, {objective}")


def _arm(arm: tuple[str, str]) -> str:
    return f"{NAMES[arm[0]]} {arm[1]}"


def _printed(entry: Mapping[str, Any]) -> str:
    spread = "" if entry["sd"] is None else f"{PLUS_MINUS}{entry['sd']:.2f}"
    return f"{entry['mean']:.2f}{spread}"


def _spread(values: Sequence[float], form: str) -> str:
    return PLUS_MINUS.join(form.format(number) for number in mean_sd(values))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _signs(values: Sequence[float]) -> list[int]:
    numbers = np.sign(np.round(values, 6))
    return [int((numbers == sign).sum()) for sign in (1, 0, -1)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Text:
    lines = [head, ["---"] * len(head), *rows]
    return Text("\n".join(f"| {' | '.join(line)} |" for line in lines))
