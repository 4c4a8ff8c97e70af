"""Tables and sentences of ``rank_disorder`` and ``against_the_optimum``.

As in ``search_tables``, which way a comparison goes is computed here from the records,
not written in a chapter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from gaea_mini.show.records import Json, mean_sd
from gaea_mini.show.search_tables import PLUS_MINUS, SPACE, Text, cell


class Ranks(Protocol):
    """What ``evaluate.order_of_best`` returns."""

    rows: list[int]
    lowest: list[int]
    highest: list[int]
    best: list[float]
    among: list[float]


def best_cells(members: Sequence[Sequence[str]], means: Any, order: Ranks) -> Text:
    """The best cells of a table, and how sure their order is.

    Args:
      members: the cells of each class.
      means: (classes,) accuracy, percent, mean over the seeds.
      order: ranks of the best classes.
    """
    rows = [
        [
            str(place),
            cell(members[row][0]),
            f"{means[row]:.2f}",
            f"{low} to {high}".replace(" ", SPACE),
            f"{100 * first:.0f}",
            f"{100 * among:.0f}",
        ]
        for place, (row, low, high, first, among) in enumerate(
            zip(
                order.rows, order.lowest, order.highest, order.best, order.among,
                strict=True,
            ),
            start=1,
        )
    ]  # fmt: skip
    head = ["", "cell: what enters node 1, 2, 3", "mean, %", "true rank, 90 %"]
    return table([*head, "best of all, %", f"among the {len(rows)}, %"], rows)


def rankings(record: Json) -> Text:
    """How well shared weights rank at the last epoch, and what each choice costs."""
    rows, said = [], []
    for method, runs in by_method(record).items():

        def last(*keys: str, runs: list[Json] = runs) -> list[float]:
            found: list[Any] = runs
            for key in keys:
                found = [part[key] for part in found]
            return [float(series[-1]) for series in found]

        top, own = last("regret_of_best_score"), last("regret")
        rows.append(
            [
                f"`{method}`",
                spread(last("kendall")),
                spread(last("spearman")),
                spread(last("recall", "10")),
                spread(last("recall", "50")),
                spread(top),
                spread(own),
            ]
        )
        lower = sum(a < b for a, b in zip(own, top, strict=True))
        said.append(f"`{method}` {lower} of {len(runs)}")
    ends = {m: [r["kendall"][-1] for r in rs] for m, rs in by_method(record).items()}
    order = sorted(ends, key=lambda method: -float(np.mean(ends[method])))
    low, high = min(record["ceiling"]), max(record["ceiling"])
    head = ["method", "Kendall's τ", "Spearman's ρ", "recall of 10", "recall of 50"]
    head += ["regret: best score", "regret: handed back"]
    more = ""
    if "one_more" in record:
        more = (
            "Another training would agree with the mean of the seeds, by which scores "
            f"are judged here, to about {record['one_more']:.2f}, and the true means "
            f"to about {record['true_means']:.2f}. "
        )
    text = (
        f"Two seeds of training alone agree with a τ of {low:.2f} to {high:.2f}. {more}"
        f"From highest to lowest mean τ: {names(order)}. Seeds in which the cell "
        f"handed back has less regret than the cell of best score: {', '.join(said)}."
    )
    return Text(f"{table(head, rows)}\n\n{text}")


def comparison(record: Json) -> Text:
    """All searches and rivals: cost, true accuracy, regret; best mean first.

    In a record with one clock random search also stands beside every search, at its
    cost, and the column "trainings" has the number of trainings that a rival makes, or
    how many of random search's a search costs.
    """
    best, clock, one = record["table"]["best"], record["clock"], record["one_clock"]
    rivals = first_rivals(record)
    rows: list[tuple[float, list[str]]] = []
    for arm in record["arms"]:
        price = f"{arm['cost'][-1]:.0f}" if one else "–"
        times = rivals[0]["trainings"] * arm["cost"][-1] / clock
        step = "–" if arm["method"] == "rs-ws" else f"{arm['lr']:g}"
        drawn = rivals[0]["at_cost_of"][f"{arm['method']} {arm['objective']}"]
        rows.append(
            _result(
                f"`{arm['method']}` {arm['objective']}",
                [series[-1] for series in arm["test"]],
                best,
                [step, price, f"{times:.0f}"] if one else [step, price],
                ["–" if drawn is None else f"{drawn['mean']:.2f}"] if one else [],
            )
        )
    for rival in rivals:
        left = ["–", f"{clock:.0f}"]
        left += [f"{rival['trainings']:.0f}"] if one else []
        rows.append(
            _result(rival["rival"], rival["test"], best, left, ["–"] if one else [])
        )
    rows.sort(key=lambda row: -row[0])
    head = ["", "step", "cost, s", *(["trainings"] if one else []), "runs"]
    head += ["mean ± sd, %", *(["random search, same cost"] if one else [])]
    head += ["median, %", "regret"]
    cells = record["table"]["cells"]
    text = (
        f"A cell drawn at random has {_pair(cells['mean'], cells['sd'])} %, the best "
        f"one {best:.2f} %."
    )
    if one:
        text += f" {_equal_costs(record)}"
    return Text(f"{table(head, [row for _, row in rows])}\n\n{text}")


def first_rivals(record: Json) -> list[Json]:
    """The rivals on the table that also has the truth."""
    first = record["rivals"][0]["table"]
    return [rival for rival in record["rivals"] if rival["table"] == first]


def _result(
    name: str, values: Sequence[float], best: float, left: list[str], rest: list[str]
) -> tuple[float, list[str]]:
    mean = float(np.mean(values))
    row = [name, *left, str(len(values)), spread(values), *rest]
    return mean, [*row, f"{np.median(values):.2f}", f"{best - mean:.2f}"]


def _equal_costs(record: Json) -> str:
    """Of how many searches the mean is above that of each rival at the same cost."""
    parts = []
    for rival in first_rivals(record):
        above = known = 0
        for arm in record["arms"]:
            there = rival["at_cost_of"][f"{arm['method']} {arm['objective']}"]
            if there is not None:
                known += 1
                above += np.mean([t[-1] for t in arm["test"]]) > there["mean"]
        if known:
            parts.append(f"{rival['rival']} {above} of {known}")
    return (
        f"Searches whose mean is above that of a rival at the same cost: "
        f"{', '.join(parts)}."
    )


def differences(record: Json) -> Text:
    """Each GAEA version less its method, and each search less random search.

    With 95 % bootstrap intervals, and how many of them leave 0 out.
    """
    rows, outside = [], {True: [0, 0], False: [0, 0]}
    for found in record["differences"]:
        low, high = found["low"], found["high"]
        method, objective = found["of"]
        side = "higher" if low > 0 else "lower" if high < 0 else "open"
        count = " and ".join(dict.fromkeys(map(str, found["n"])))
        less = found["less"]
        if found.get("budget") == "whole clock":
            less += ", whole clock"
        rows.append(
            [
                f"`{method}` {objective} − {less}",
                f"{count} seeds, paired" if found["paired"] else count,
                signed(found["mean"]),
                f"{signed(low)} to {signed(high)}".replace(" ", SPACE),
                side,
            ]
        )
        pair = outside[found["paired"]]
        pair[0] += low > 0
        pair[1] += high < 0
    rows.sort(key=lambda row: "paired" not in row[1])
    paired = sum(d["paired"] for d in record["differences"])
    head = ["difference, points", "runs", "mean", "95 % bootstrap", "0 is outside"]
    text = (
        f"Of {paired} intervals of a GAEA version less its method, {outside[True][0]} "
        f"lie above 0 and {outside[True][1]} below."
    )
    if len(rows) > paired:
        budgets = {d.get("budget") for d in record["differences"] if not d["paired"]}
        equal = "whole clock" not in budgets
        at = "at the same cost" if equal else "which has its whole clock"
        text += (
            f" Of {len(rows) - paired} intervals of a search less random search, {at}, "
            f"{outside[False][0]} lie above 0 and {outside[False][1]} below."
        )
    return Text(f"{table(head, rows)}\n\n{text}")


def reproduced(record: Json, published: Json, runs: int = 500) -> Text:
    """Our rivals on NAS-Bench-201 beside the published ones, in standard errors.

    A rival that is more than two off is named as missed. Below each rival stand its
    variants, the same with other settings; they are neither counted nor named.

    Args:
      record: the comparison on NAS-Bench-201.
      published: from ``published.json``.
      runs: behind every published mean.
    """
    printed = {e["method"]: e["c10"] for e in published["nb201"]}
    tables = list(dict.fromkeys(r["table"] for r in record["rivals"]))
    missed: dict[str, list[str]] = {name: [] for name in tables}
    played = [*record["rivals"], *record.get("variants", [])]
    own_names = list(dict.fromkeys(r["rival"] for r in record["rivals"]))
    every = sorted(
        dict.fromkeys(r["rival"] for r in played),
        key=lambda name: own_names.index(name.partition(",")[0]),
    )
    rows = []
    for rival in every:
        base = rival.partition(",")[0]
        mean, sd = printed[base]
        row = [rival, _pair(mean, sd)]
        for found in played:
            if found["rival"] == rival:
                ours, own = mean_sd(found["test"])
                error = np.hypot(own / len(found["test"]) ** 0.5, sd / runs**0.5)
                row += [spread(found["test"]), f"{signed((ours - mean) / error, 1)}"]
                if rival == base and abs(ours - mean) > 2 * error:
                    missed[found["table"]].append(rival)
        rows.append(row)
    head = ["rival", "published"]
    what = {"nasbench201": "means", "one-seed": "single seeds"}
    for name in tables:
        head += [f"table of {what[name]}", "standard errors off"]
    text = " ".join(
        f"On the table of {what[name]}, {len(own_names) - len(off)} of "
        f"{len(own_names)} are within two standard errors; missed: "
        f"{' and '.join(off) or 'none'}."
        for name, off in missed.items()
    )
    return Text(f"{table(head, rows)}\n\n{text} Variants are not counted.")


SETTINGS = ("without weight sharing", "searched on CIFAR-10", "one network", "optimum")


def table_two(record: Json, published: Json) -> Text:
    """The published Table 2 on CIFAR-10, and ours where we have the same method."""
    ours: dict[tuple[str, str | None], Sequence[float]] = {
        (arm["method"], arm["objective"]): [series[-1] for series in arm["test"]]
        for arm in record["arms"]
    }
    for rival in record["rivals"]:
        ours.setdefault((rival["rival"], None), rival["test"])
    rows = []
    for entry in published["nb201"]:
        if entry["setting"] in SETTINGS:
            own = ours.get((entry["method"], entry["objective"]))
            name = f"{entry['method']} {entry['objective'] or ''}".strip()
            rows.append(
                [
                    name,
                    entry["setting"],
                    _pair(*entry["c10"]),
                    "–" if entry["seconds"] is None else f"{entry['seconds']:,}",
                    "–" if own is None else spread(own),
                    "–" if own is None else str(len(own)),
                ]
            )
    known = {
        (e["method"], e["objective"])
        for e in published["nb201"]
        if e["setting"] in SETTINGS
    }
    for arm, values in ours.items():
        if arm not in known:
            row = [f"{arm[0]} {arm[1] or ''}".strip(), "–", "–", "–"]
            rows.append([*row, spread(values), str(len(values))])
    head = ["method and objective", "setting", "published, %", "published, s"]
    return table([*head, "ours, %", "runs"], rows)


def printed_ends(published: Json) -> dict[str, tuple[float, float | None]]:
    """Rows of the published table by the names in ``truth_plots.ends``."""
    return {
        f"{e['method']}, {e['objective']}" if e["objective"] else e["method"]: (
            e["c10"][0],
            e["c10"][1],
        )
        for e in published["nb201"]
        if e["setting"] in SETTINGS[:2]
    }


# ---------------------------------------------------------------------- small parts


def by_method(record: Json) -> dict[str, list[Json]]:
    """The runs of a ranking record by method, in their order."""
    found: dict[str, list[Json]] = {}
    for run in record["runs"]:
        found.setdefault(run["method"], []).append(run)
    return found


def names(found: Iterable[str]) -> str:
    """Names in code, with commas.

    >>> names(["a", "b"])
    '`a`, `b`'
    """
    return ", ".join(f"`{name}`" for name in found)


def spread(values: Sequence[float], form: Callable[..., str] = "{:.2f}".format) -> str:
    """Mean ± standard deviation."""
    parts = (form(number).replace("-", "−") for number in mean_sd(values))
    return PLUS_MINUS.join(parts)


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign.

    >>> signed(-0.5)
    '−0.50'
    """
    return f"{value:+.{digits}f}".replace("-", "−")


def _pair(mean: float, sd: float | None) -> str:
    return f"{mean:.2f}" if sd is None else f"{mean:.2f}{PLUS_MINUS}{sd:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Text:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return Text("\n".join(f"| {' | '.join(line)} |" for line in lines))


def facts(about: Mapping[str, Any]) -> Text:
    """How a table of trained cells was made, from what it says of itself."""
    recipe, pictures = about["recipe"], about["pictures"]
    rows = {
        "pictures to train on": f"{pictures['train']:,}",
        "pictures to choose by": f"{pictures['val']:,}",
        "pictures to test on": f"{pictures['test']:,}",
        "pixels along a side": recipe["size"],
        "channels of the first stage": recipe["channels"],
        "cells a stage": recipe["cells"],
        "epochs": recipe["epochs"],
        "looked at after epochs": ", ".join(map(str, recipe["measured"])),
        "largest step of the weights": f"{recipe['lr']:g}, {recipe['schedule']}",
    }
    return table(["one training", ""], [[k, str(v)] for k, v in rows.items()])
