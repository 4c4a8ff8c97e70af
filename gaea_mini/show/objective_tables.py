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
    both = (form.format(number) for number in mean_sd(values))
    return PLUS_MINUS.join(both).replace("-", "−")


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
    for name, runs in _arms(records):
        config = runs[0]["config"]
        early, edges = config["epochs"] // 4, len(config["edges"])
        counts = [[skips_by_epoch(run)[t] or 0.0 for t in (early, -1)] for run in runs]
        truth = [[truth_by_epoch(run)[t] or 0.0 for t in (early, -1)] for run in runs]
        rows.append(
            [
                name,
                *(spread(column, "{:.1f}") for column in zip(*counts, strict=True)),
                f"{sum(last == edges for _, last in counts)} of {len(runs)}",
                *(spread(column, "{:.1f}") for column in zip(*truth, strict=True)),
                f"{np.mean([entropy_part(run)[-1] for run in runs]):.2f}",
            ]
        )
    head = ["method, step, objective", "skips at a quarter", "at the end"]
    head += ["runs with skips only", "true accuracy at a quarter, %", "at the end, %"]
    return table([*head, "entropy / ln O"], rows)


def long_reading(records: Sequence[Json]) -> Text:
    """What long searches say of a collapse, whichever way they go."""
    said = []
    for objective, groups in _by_objective(records).items():
        runs = [run for group in groups.values() for run in group]
        edges = len(runs[0]["config"]["edges"])
        ends = {
            name: [skips_by_epoch(run)[-1] == edges for run in group]
            for name, group in groups.items()
        }
        counts = [
            f"{sum(all_skips)} of {len(all_skips)} of `{name}`"
            for name, all_skips in ends.items()
            if any(all_skips)
        ]
        quarter = [len(run["genotype"]) // 4 for run in runs]
        curves = [skips_by_epoch(run) for run in runs]
        moved = [
            (curve[-1] or 0.0) - (curve[t] or 0.0)
            for curve, t in zip(curves, quarter, strict=True)
        ]
        found = (
            f"runs that end with skips on all {edges} edges: {', '.join(counts)}."
            if counts
            else f"no run ends with skips on all {edges} edges."
        )
        said.append(
            f"{objective.capitalize()}: {found} From a quarter of the search to its "
            f"end the skips become more in {sum(m > 0 for m in moved)} of {len(runs)} "
            f"runs and fewer in {sum(m < 0 for m in moved)}."
        )
    return Text("\n\n".join(said))


def own_pictures(records: Sequence[Json]) -> Text:
    """What long searches see themselves: how far w overfits, and accuracy at the end.

    Args:
      records: each of one objective.
    """
    rows = []
    for name, runs in _arms(records):
        early = runs[0]["config"]["epochs"] // 4
        gaps = [[loss_gap(run)[t] or 0.0 for t in (early, -1)] for run in runs]
        rows.append(
            [
                name,
                *(spread(column) for column in zip(*gaps, strict=True)),
                spread([run["accuracy_supernet"][-1] for run in runs], "{:.1f}"),
                spread([run["accuracy_rounded"][-1] for run in runs], "{:.1f}"),
            ]
        )
    head = ["method, step, objective", "difference of losses at a quarter"]
    head += ["at the end", "held-out accuracy, %", "rounded, %"]
    return table(head, rows)


def skips_alone(record: Json, searches: Json) -> Text:
    """The cell of skips beside the best cell, trained alone on more and more pictures.

    Args:
      record: ``skips_alone``.
      searches: a record with a table's truth, one of whose runs ends with that cell;
        for the last row, the two cells in the table.
    """
    groups: dict[int, dict[str, dict[int, float]]] = {}
    for training in record["trainings"]:
        config = training["config"]
        cells = groups.setdefault(config["pictures"], {})
        cells.setdefault(training["title"], {})[config["seed"]] = training["test"][-1]
    rows = []
    for pictures, cells in groups.items():
        skip, best = (cells[title] for title in record["cells"])
        by_seed = [skip[seed] - best[seed] for seed in skip]
        low, high = t_interval(by_seed)
        rows.append(
            [
                f"{pictures:,}",
                *(spread(list(cell.values()), "{:.1f}") for cell in (skip, best)),
                signed(float(np.mean(by_seed))),
                f"{signed(low)} to {signed(high)}",
            ]
        )
    truth = next(
        run["truth"]
        for run in searches["runs"]
        if run["genotype"][-1] == record["cells"]["all-skip"]
    )
    skip_truth, regret = truth["c10_test"][-1], truth["regret"][-1]
    rows.append(
        [
            truth["table"],
            *(f"{value:.1f}" for value in (skip_truth, skip_truth + regret)),
            signed(-regret),
            "–",
        ]
    )
    head = ["pictures to train on", "cell of skips, %", "best cell, %"]
    return table([*head, "skips less best, points", "95 % interval"], rows)


def _by_objective(records: Sequence[Json]) -> dict[str, dict[str, list[Json]]]:
    """Objective -> method and step -> runs."""
    return {
        record["runs"][0]["config"]["objective"]: arms(record) for record in records
    }


def _arms(records: Sequence[Json]) -> list[tuple[str, list[Json]]]:
    """("darts 0.3, bilevel", runs) of every record in turn."""
    return [
        (f"{name}, {objective}", runs)
        for record in records
        for objective, groups in _by_objective([record]).items()
        for name, runs in groups.items()
    ]


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
