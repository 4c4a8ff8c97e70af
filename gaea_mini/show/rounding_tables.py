"""Tables and sentences of chapter ``rounding_gap``, made from records."""

from collections.abc import Iterable, Sequence

import numpy as np

from gaea_mini.show.records import Json, chosen_step, mean_sd
from gaea_mini.show.rounding_plots import (
    KINDS,
    all_runs,
    entropy_part,
    kind_of,
    points_lost,
)
from gaea_mini.show.search_tables import PLUS_MINUS, Text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Text:
    """A Markdown table.

    >>> print(table(["a"], [["1"]]))
    | a |
    | --- |
    | 1 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return Text("\n".join(f"| {' | '.join(line)} |" for line in lines))


def signed(value: float) -> str:
    """Two decimals with a sign: a true minus, as in print.

    >>> signed(-0.5)
    '−0.50'
    """
    return f"{value:+.2f}".replace("-", "−")


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; nan if one of the two hardly changes.

    >>> correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))
    -1.0
    """
    if min(x.std(), y.std()) < 1e-9:
        return float("nan")
    return float(np.round(np.corrcoef(x, y)[0, 1], 12))


def over_epochs(records: Sequence[Json]) -> Text:
    """Within each run: does a lower entropy go with fewer points lost?

    One row for each method, and for a published step apart from a chosen one. The
    correlation is over the epochs of one run, from epoch 1; its mean and standard
    deviation are over runs.
    """
    groups: dict[str, list[Json]] = {}
    chosen = {
        (run["config"]["method"], step)
        for record in records
        for run in record["runs"]
        for step in [chosen_step(record, run["config"]["method"])]
    }
    for run in all_runs(records):
        method, lr = run["config"]["method"], run["config"]["update"].get("lr")
        label = f"`{method}`"
        if lr is not None and (method, lr) not in chosen:
            label += f" at {lr:g}"
        groups.setdefault(label, []).append(run)
    order = [method for _, methods in KINDS for method in methods]
    names = sorted(groups, key=lambda name: order.index(name.split("`")[1]))
    rows = []
    for name in names:
        runs = groups[name]
        values = [correlation(entropy_part(r)[1:], points_lost(r)[1:]) for r in runs]
        known = [value for value in values if not np.isnan(value)]
        mean, sd = mean_sd(known) if known else (0.0, 0.0)
        rows.append(
            [
                name,
                str(len(runs)),
                f"{np.mean([entropy_part(run)[-1] for run in runs]):.2f}",
                f"{np.mean([points_lost(run)[-1] for run in runs]):.1f}".replace(
                    "-", "\N{MINUS SIGN}"
                ),
                f"{signed(mean)}{PLUS_MINUS}{sd:.2f}" if known else "–",
                str(sum(value > 0 for value in known)) if known else "–",
            ]
        )
    head = ["method", "runs", "entropy / ln O", "points lost"]
    return table([*head, "correlation over epochs", "runs above 0"], rows)


def over_arms(records: Sequence[Json]) -> Text:
    """Across the arms of one record: does a lower entropy go with fewer points lost?

    At the last epoch, one correlation for each seed, over all arms; then over those
    that mix only. An arm is a method and a step.
    """
    rows = []
    for record in records:
        by_seed: dict[int, list[Json]] = {}
        for run in record["runs"]:
            by_seed.setdefault(run["config"]["seed"], []).append(run)
        sampled = KINDS[-1][0]
        mixing = {
            seed: [r for r in runs if kind_of(r["config"]["method"]) != sampled]
            for seed, runs in by_seed.items()
        }
        kinds = {"all": by_seed}
        if mixing != by_seed:
            kinds["mixtures"] = mixing
        for name, groups in kinds.items():
            values = [
                correlation(
                    np.array([entropy_part(run)[-1] for run in runs]),
                    np.array([points_lost(run)[-1] for run in runs]),
                )
                for runs in groups.values()
            ]
            mean, sd = mean_sd(values)
            rows.append(
                [
                    f"`{record['recipe']}`",
                    f"{name}, {len(next(iter(groups.values())))}",
                    str(len(values)),
                    f"{signed(mean)}{PLUS_MINUS}{sd:.2f}",
                    f"{signed(min(values))} to {signed(max(values))}",
                ]
            )
    head = ["record", "arms", "seeds", "correlation over arms", "range over seeds"]
    return table(head, rows)
