"""Tables and sentences of chapter ``erm_or_bilevel``, made from records."""

from collections.abc import Mapping, Sequence

import numpy as np

from gaea_mini.show.objective_plots import loss_gap, skips_by_epoch, truth_by_epoch
from gaea_mini.show.records import Json, arms, chosen_arms, mean_sd, t_interval
from gaea_mini.show.rounding_plots import entropy_part
from gaea_mini.show.rounding_tables import signed, table
from gaea_mini.show.search_tables import (
    PLUS_MINUS,
    Text,
    paired,
    true_accuracy,
)


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Mean ± standard deviation."""
    return PLUS_MINUS.join(form.format(number) for number in mean_sd(values))


def losses(records: Sequence[Json]) -> Text:
    """Losses at the last epoch, accuracy on held-out pictures, and the cells' worth.

    Args:
      records: NAS-Bench-201 records, one for each objective.
    """
    rows = []
    for (method, objective), runs in chosen_arms(records).items():
        gaps = [loss_gap(run)[-1] or 0.0 for run in runs]
        low, high = t_interval(gaps)
        rows.append(
            [
                f"`{method}` {objective}",
                spread([run["loss_w"][-1] for run in runs]),
                spread([run["loss_theta"][-1] for run in runs]),
                f"{signed(low)} to {signed(high)}",
                spread([run["accuracy_supernet"][-1] for run in runs], "{:.1f}"),
                spread([true_accuracy(run) for run in runs]),
            ]
        )
    head = ["method and objective", "loss of the weights' pictures"]
    head += ["of theta's pictures", "difference, 95 % interval"]
    return table([*head, "held-out accuracy, %", "true accuracy, %"], rows)


def single_minus_bilevel(records: Sequence[Json], published: Json) -> Text:
    """True accuracy of single-level less bilevel, seed by seed, beside the paper's.

    The seeds of the two objectives share their first weights, not their batches.
    """
    groups = chosen_arms(records)
    printed = {
        (entry["method"], entry["objective"]): entry["mean"]
        for entry in published["nb201_c10_test"]
    }
    rows, zeros, held = [], 0, 0
    methods = dict.fromkeys(method for method, _ in groups)
    for method in methods:
        arms_of = [(method, "single-level"), (method, "bilevel")]
        first, second = (groups[arm] for arm in arms_of)
        by_seed = paired(first, second, true_accuracy)
        low, high = t_interval(by_seed)
        theirs = printed[arms_of[0]] - printed[arms_of[1]]
        zeros += low <= 0 <= high
        held += low <= theirs <= high
        signs = np.sign(np.round(by_seed, 6))
        rows.append(
            [
                f"`{method}`",
                signed(float(np.mean(by_seed))),
                f"{signed(low)} to {signed(high)}",
                ", ".join(str(int((signs == sign).sum())) for sign in (1, 0, -1)),
                signed(theirs),
            ]
        )
    head = ["single-level less bilevel", "ours, points", "95 % interval"]
    text = table([*head, "seeds higher, equal, lower", "published"], rows)
    return Text(
        f"{text}\n\nIntervals that contain 0: {zeros} of {len(rows)}. Intervals that "
        f"contain the published difference: {held} of {len(rows)}."
    )


def skip_counts(records: Sequence[Json]) -> Text:
    """Skips and true accuracy at a quarter of the search and at its end, by arm.

    Args:
      records: with a table's truth; each of one objective.
    """
    rows = []
    for record in records:
        for name, runs in arms(record).items():
            config = runs[0]["config"]
            early = config["epochs"] // 4
            counts = [
                [skips_by_epoch(run)[t] or 0.0 for t in (early, -1)] for run in runs
            ]
            truth = [
                [truth_by_epoch(run)[t] or 0.0 for t in (early, -1)] for run in runs
            ]
            change = [last - first for first, last in truth]
            edges = len(config["edges"])
            rows.append(
                [
                    f"{name}, {config['objective']}",
                    f"{len(runs)}, {config['epochs']}",
                    spread([first for first, _ in counts], "{:.1f}"),
                    spread([last for _, last in counts], "{:.1f}"),
                    str(sum(last >= edges - 1 for _, last in counts)),
                    signed(float(np.mean(change))),
                    f"{np.mean([entropy_part(run)[-1] for run in runs]):.2f}",
                ]
            )
    head = [
        "method, step, objective",
        "runs, epochs",
        "skips at a quarter",
        "at the end",
    ]
    head += [
        "runs with 5 or 6 skips",
        "true accuracy, change since",
        "entropy / ln O",
    ]
    return table(head, rows)


def long_reading(record: Json) -> Text:
    """What long searches say of a collapse, whichever way they go."""
    runs = record["runs"]
    edges, epochs = len(runs[0]["config"]["edges"]), runs[0]["config"]["epochs"]
    collapsed, rose, fell = [], 0, 0
    for name, group in arms(record).items():
        ends = [skips_by_epoch(run)[-1] or 0.0 for run in group]
        early = [skips_by_epoch(run)[epochs // 4] or 0.0 for run in group]
        count = sum(end >= edges - 1 for end in ends)
        collapsed += [f"{count} of {len(group)} of `{name}`"] if count else []
        rose += sum(end > first for first, end in zip(early, ends, strict=True))
        fell += sum(end < first for first, end in zip(early, ends, strict=True))
    said = (
        f"Runs that end with {edges - 1} or {edges} skips: {', '.join(collapsed)}."
        if collapsed
        else f"No run ends with {edges - 1} or {edges} skips: searches of this length "
        "and size do not show the collapse."
    )
    return Text(
        f"{said} From a quarter of the epochs to the end the skips become more in "
        f"{rose} of {len(runs)} runs and fewer in {fell}."
    )


def regularised(results: Mapping[str, Sequence[Mapping[str, float]]]) -> Text:
    """What several trained supernets measure, mean ± sd over seeds, a row an arm.

    Args:
      results: arm -> one dict for each seed: entropy, before, after, eigenvalue.
    """
    rows = []
    for name, runs in results.items():
        lost = [run["before"] - run["after"] for run in runs]
        rows.append(
            [
                f"`{name}`",
                spread([run["entropy"] for run in runs]),
                spread([run["before"] for run in runs], "{:.1f}"),
                spread([run["after"] for run in runs], "{:.1f}"),
                spread(lost, "{:.1f}"),
                spread([run["eigenvalue"] for run in runs]),
            ]
        )
    head = ["arm", "entropy", "before rounding, %", "after, %", "points lost"]
    return table([*head, "largest eigenvalue"], rows)
