"""The reproduction ledger: claims beside what the records say about them.

``book/back/ledger.yml`` has a row for every claim. A row names a measure, which is one
of the functions below, and the record that it reads. Numbers and the outcome are worked
out here, from the record, so no row has to be edited when a record changes or is added.
Published numbers come from ``book/records/published.json``. Sphinx is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from gaea_mini.show.records import (
    Json,
    load_record,
    mean_sd,
    pick,
    skips,
    t_interval,
)

SETS = {"c10": "c10_test", "c100": "c100_test", "in16": "in16_test"}
OUTCOMES = {True: "agrees", False: "differs", None: "open"}
NOT_ATTEMPTED = "not attempted"
WIDE = 2.0  # points of accuracy
PUBLISHED_RUNS = 500  # behind each printed mean of a rival without weight sharing


@dataclass(frozen=True)
class Finding:
    """What a record says: the text of the column "ours", and whether the claim holds.

    ``holds`` is None where the numbers leave it open.
    """

    ours: str
    holds: bool | None


@dataclass(frozen=True)
class Row:
    """A row of the ledger as the page shows it."""

    claim: str
    published: str
    ours: str
    outcome: str
    records: tuple[str, ...]
    chapter: str | None


class Spread(tuple[Any, ...]):
    """A mean and a standard deviation; either may be missing.

    >>> f"{Spread([94.1, 0.29])}, {Spread([2.65, None])}, {Spread([None, None]):.1f}"
    '94.10 ± 0.29, 2.65, –'
    """

    def __format__(self, form: str) -> str:
        shown = [format(v, form or ".2f") for v in self if v is not None]
        return " ± ".join(shown) or "–"


# ------------------------------------------------------------------ the rows


def load_ledger(path: Path) -> dict[str, list[Json]]:
    """The parts of the ledger, each a list of rows."""
    return yaml.safe_load(path.read_text("utf-8"))


def show_row(row: Json, folder: Path) -> Row:
    """Work out a row.

    Args:
      row: from the ledger.
      folder: of the records.
    """
    entries = published(row.get("published"), folder)
    text = row.get("published")
    if isinstance(text, dict):
        template = text["show"]
        text = "; ".join(template.format_map(fields(entry)) for entry in entries)
        text += f" ({text_of_sources(entries)})"
    measured = row.get("ours")
    names: tuple[str, ...] = ()
    if measured is None:
        found, outcome = row[NOT_ATTEMPTED], NOT_ATTEMPTED
    else:
        names = tuple(records_of(measured))
        missing = [name for name in names if not (folder / f"{name}.json").is_file()]
        if missing:
            listed = " and ".join(f"`{name}`" for name in missing)
            found = f"record {listed} not made yet"
            names, outcome = (), NOT_ATTEMPTED
        else:
            finding = measure(measured, entries, folder)
            found, outcome = finding.ours, OUTCOMES[finding.holds]
            outcome += f", {row['setting']}" if "setting" in row else ""
    return Row(row["claim"], text or "–", found, outcome, names, row.get("chapter"))


def records_of(measured: Json) -> list[str]:
    """The records that a measure reads, in their order."""
    found = []
    for key, value in measured.items():
        if key == "record":
            found.append(value)
        elif key == "records":
            found += value
        elif isinstance(value, dict):
            found += records_of(value)
    return list(dict.fromkeys(found))


def measure(measured: Json, entries: Sequence[Json], folder: Path) -> Finding:
    """Call the measure that a row names."""
    arguments = dict(measured)
    function = MEASURES[arguments.pop("measure")]

    def load(name: str) -> Json:
        return load_record(name, folder)

    return function(load, entries, **arguments)


# ------------------------------------------------------------------ published numbers


def published(asked: Any, folder: Path) -> list[Json]:
    """The published entries that a row asks for, by ``list`` and ``where``."""
    if not isinstance(asked, dict):
        return []
    listed = load_record("published", folder)[asked["list"]]
    wanted = asked.get("where", [{}])
    found = [
        entry
        for where in wanted
        for entry in listed
        if all(entry[key] == value for key, value in where.items())
    ]
    if len(found) < len(wanted):
        raise KeyError(f"published.json: {asked['list']} has not all of {wanted}")
    return found


def fields(entry: Json) -> Mapping[str, Any]:
    """What a template may show of an entry, with a few derived values."""
    shown = {
        key: Spread(value)
        if isinstance(value, list) and key != "points"
        else ("–" if value is None else value)
        for key, value in entry.items()
    }
    if "points" in entry:
        shown["left"] = entry["points"][-1][1] / np.log(entry["operations"])
    if isinstance(entry.get("gpu_days"), int | float):
        hours = 24 * entry["gpu_days"]
        shown["gpu_hours"] = f"{hours:,.0f}" if hours >= 10 else f"{hours:g}"
    if "imagenet" in entry:
        top = ["–" if value is None else f"{value:.1f}" for value in entry["imagenet"]]
        shown["imagenet"] = " and ".join(top)
    return shown


def text_of_sources(entries: Sequence[Json]) -> str:
    """Where the numbers stand; rows of one table are listed together.

    >>> text_of_sources([{"source": "Table 2, row A"}, {"source": "Table 2, row B"}])
    'Table 2, rows A; B'
    """
    tables: dict[str, list[str]] = {}
    for entry in entries:
        table, _, row = entry["source"].partition(", row ")
        rows = tables.setdefault(table, [])
        if row and row not in rows:
            rows.append(row)
    return "; ".join(
        f"{table}, row{'s' * (len(rows) > 1)} {'; '.join(rows)}" if rows else table
        for table, rows in tables.items()
    )


# ------------------------------------------------------------------ measures

Load = Callable[[str], Json]


def values_of(run: Json, value: str) -> float:
    """One number of a run: the last state of a series, or what is derived from it."""
    if value == "points lost":
        return float(run["accuracy_supernet"][-1] - run["accuracy_rounded"][-1])
    if value == "part of the entropy":
        return float(run["entropy"][-1] / np.log(len(run["config"]["operations"])))
    if value in SETS:
        return float(run["truth"][SETS[value]][-1])
    return float(run[value][-1])


def found(
    load: Load, entries: Sequence[Json], record: str, method: str, objective: str
) -> Finding:
    """True accuracy of the cells found, on three data sets, beside a printed row.

    A set agrees where the two intervals mean ± sd touch. A spread of more than
    ``WIDE`` points on CIFAR-10 touches nearly anything, and leaves the row open.
    """
    runs = pick(load(record), method, objective)
    ours = {s: mean_sd([values_of(run, s) for run in runs]) for s in SETS}
    touch = [
        abs(mean - entries[0][s][0]) <= sd + (entries[0][s][1] or 0)
        for s, (mean, sd) in ours.items()
    ]
    text = ", ".join(f"{Spread(value)}" for value in ours.values())
    wide = ours["c10"][1] > WIDE
    holds = False if not any(touch) else True if all(touch) and not wide else None
    return Finding(f"{text} ({len(runs)} seeds; {sum(touch)} of 3 sets touch)", holds)


def near_best(
    load: Load, entries: Sequence[Json], record: str, method: str, objective: str
) -> Finding:
    """The mean lies within one sd of the best cell, on the sets where a row claims it.

    ``entries`` are that printed row and the row of the best cell.
    """
    runs = pick(load(record), method, objective)
    printed, best = entries
    near, parts = [], []
    for name in SETS:
        if best[name][0] - printed[name][0] <= printed[name][1]:
            mean, sd = mean_sd([values_of(run, name) for run in runs])
            parts.append(f"{best[name][0] - mean:.2f} below it, sd {sd:.2f}")
            near.append(best[name][0] - mean <= sd)
    return Finding(f"{'; '.join(parts)} ({len(runs)} seeds)", all(near))


def gap(
    load: Load,
    entries: Sequence[Json],
    value: str,
    first: Json,
    second: Json,
    claim: str,
    unit: str = "points",
) -> Finding:
    """A paired difference over seeds, with a 95 % t interval.

    Args:
      value: see ``values_of``.
      first, second: record, method, objective of each.
      claim: "higher" or "lower": what the first is said to be.
    """
    arms = []
    for arm in (first, second):
        runs = pick(load(arm["record"]), arm["method"], arm["objective"])
        arms.append({r["config"]["seed"]: values_of(r, value) for r in runs})
    seeds = sorted(arms[0].keys() & arms[1].keys())
    text, holds = judged([arms[0][s] - arms[1][s] for s in seeds], claim, unit)
    return Finding(text, holds)


def judged(
    differences: Sequence[float], claim: str, unit: str
) -> tuple[str, bool | None]:
    """The text of paired differences, and whether their interval leaves 0 out."""
    low, high = t_interval(list(differences))
    mean = float(np.mean(differences))
    text = (
        f"{signed(mean)} {unit}, 95 % interval {signed(low)} to {signed(high)} "
        f"({len(differences)} seeds)"
    )
    return text, side(low, high, claim)


def side(low: float, high: float, claim: str) -> bool | None:
    """True if an interval lies on the claimed side of 0, None if it contains 0."""
    if low <= 0 <= high:
        return None
    return (low > 0) == (claim == "higher")


def association(
    load: Load, entries: Sequence[Json], records: Sequence[str], x: str, y: str
) -> Finding:
    """Spearman's correlation of two numbers over all runs, claimed to be positive."""
    runs = [run for name in records for run in load(name)["runs"]]
    pairs = [(values_of(run, x), values_of(run, y)) for run in runs]
    result = stats.spearmanr(*zip(*pairs, strict=True))
    holds = None if result.pvalue > 0.05 else bool(result.statistic > 0)
    text = f"rank correlation {result.statistic:+.2f} over {len(runs)} runs"
    return Finding(f"{text} (p {small(result.pvalue)})".replace("-", "−"), holds)


def all_skips(
    load: Load,
    entries: Sequence[Json],
    record: str,
    method: str,
    objective: str,
    lr: float | None = None,
    claim: str = "most",
) -> Finding:
    """How many cells are skip-connections only; "most" or "none" is claimed to be."""
    runs = pick(load(record), method, objective, lr)
    edges = len(runs[0]["config"]["edges"])
    counts = [skips(run["genotype"][-1]) for run in runs]
    collapsed = counts.count(edges)
    text = (
        f"{collapsed} of {len(runs)} cells are skips only; median "
        f"{np.median(counts):g} of {edges} edges"
    )
    holds = collapsed == 0 if claim == "none" else collapsed > len(runs) / 2
    return Finding(text, holds)


def rises(
    load: Load, entries: Sequence[Json], record: str, method: str, objective: str
) -> Finding:
    """In how many runs the entropy ends 0.01 nats or more above its lowest value."""
    runs = pick(load(record), method, objective)
    rose = sum(run["entropy"][-1] >= min(run["entropy"]) + 0.01 for run in runs)
    holds = rose > len(runs) / 2
    return Finding(f"{rose} of {len(runs)} runs end above their lowest entropy", holds)


def growth(load: Load, entries: Sequence[Json], record: str) -> Finding:
    """Steps against the number of weights k: EG like log k, projected GD like k."""
    content = load(record)
    dims = content["dims"]
    medians = {(row["arm"], row["k"]): row["median"] for row in content["steps"]}
    few, many = dims[len(dims) // 2], dims[-1]
    ratio = {
        arm: medians[arm, many] / medians[arm, few]
        for arm in ("EG", "softmax GD", "projected GD")
    }
    listed = ", ".join(f"{grown:.1f}-fold for {arm}" for arm, grown in ratio.items())
    linear = many / few
    text = f"from k = {few} to {many}, steps grow {listed}; k grows {linear:g}-fold"
    middle = np.sqrt(linear)
    holds = bool(ratio["EG"] < middle < ratio["projected GD"])
    return Finding(text, holds)


def rate(load: Load, entries: Sequence[Json], record: str) -> Finding:
    """The bound of the theorem holds, and Delta falls about like one over root T."""
    parts, good = [], []
    for name, rows in load(record)["rate"].items():
        slope = np.polyfit(np.log(rows["steps"]), np.log(rows["mean"]), 1)[0]
        part = max(np.divide(rows["mean"], rows["published"]))
        parts.append(f"{name}: slope {signed(slope)}, at most {part:.2f} of the bound")
        good.append(bool(part <= 1 and slope <= -0.4))
    return Finding("; ".join(parts), all(good))


def interplay(load: Load, entries: Sequence[Json], record: str) -> Finding:
    """Weak convexity in each block is said to be enough; M a b says that it is not."""
    found = load(record)["product"]
    text = (
        f"f(a, b) = {found['M']:g} a b needs γ = {abs(found['each_block']):g} in each "
        f"block alone and {found['together']:g} in both"
    )
    return Finding(text, bool(found["each_block"] >= found["together"]))


def disorder(load: Load, entries: Sequence[Json], record: str, method: str) -> Finding:
    """Shared weights rank badly: Kendall's tau below half of what seeds reach."""
    content = load(record)
    taus = [r["kendall"][-1] for r in content["runs"] if r["method"] == method]
    ceiling = float(np.mean(content["ceiling"]))
    text = (
        f"Kendall's τ {Spread(mean_sd(taus))} ({len(taus)} seeds); two trainings of "
        f"every cell agree to {ceiling:.2f}"
    )
    return Finding(text.replace("-", "−"), bool(np.mean(taus) < ceiling / 2))


def despite_ranking(
    load: Load, entries: Sequence[Json], record: str, method: str, ranker: str
) -> Finding:
    """Theta's cell against the cell that shared weights rank first: regret, paired."""
    runs = load(record)["runs"]
    theta = {r["seed"]: r["regret"][-1] for r in runs if r["method"] == method}
    ranked = {
        r["seed"]: r["regret_of_best_score"][-1] for r in runs if r["method"] == ranker
    }
    pairs = [theta[s] - ranked[s] for s in sorted(theta.keys() & ranked.keys())]
    text, holds = judged(pairs, "lower", "points of regret")
    return Finding(text, holds)


def compared(
    load: Load, entries: Sequence[Json], record: str, of: list[str], less: str
) -> Finding:
    """A difference that a comparison recorded, with its bootstrap interval."""
    for row in load(record)["differences"]:
        if row["of"] == of and row["less"] == less:
            text = (
                f"{signed(row['mean'])} points, 95 % interval {signed(row['low'])} to "
                f"{signed(row['high'])} (n = {', '.join(map(str, row['n']))})"
            )
            return Finding(text, side(row["low"], row["high"], "higher"))
    return Finding("the budget pays for no training of the rival", None)


def rival(
    load: Load, entries: Sequence[Json], record: str, rival: str, table: str
) -> Finding:
    """What a rival without weight sharing finds, beside a printed row.

    Both are means over very many runs, so two standard errors of their difference are
    all that an agreement may take.
    """
    content = load(record)
    (row,) = (
        r for r in content["rivals"] if r["rival"] == rival and r["table"] == table
    )
    mean, sd = mean_sd(row["test"])
    printed, spread = entries[0]["c10"]
    error = np.hypot(sd / len(row["test"]) ** 0.5, spread / PUBLISHED_RUNS**0.5)
    off = (mean - printed) / error
    text = (
        f"{Spread([mean, sd])} ({len(row['test'])} repetitions), "
        f"{signed(off)} standard errors off"
    )
    return Finding(text, bool(abs(off) <= 2))


def alone(
    load: Load, entries: Sequence[Json], record: str, first: str, second: str
) -> Finding:
    """Two cells trained alone with the same seeds; the first is said to be better."""
    ends: dict[str, dict[int, float]] = {first: {}, second: {}}
    for training in load(record)["trainings"]:
        ends[training["title"]][training["config"]["seed"]] = training["test"][-1]
    seeds = sorted(ends[first].keys() & ends[second].keys())
    pairs = [ends[first][s] - ends[second][s] for s in seeds]
    text, holds = judged(pairs, "higher", "points")
    return Finding(text, holds)


def foreseen(
    load: Load, entries: Sequence[Json], record: str, within: float
) -> Finding:
    """Predictions of what was held out are off by at most a part of the measurement."""
    rows = [row for row in load(record)["rows"] if row["held_out"]]
    off = [100 * (row["predicted"] / row["seconds"] - 1) for row in rows]
    text = f"off by {', '.join(map(signed, off))} % for {len(rows)} sizes held out"
    return Finding(text, max(map(abs, off)) <= 100 * within)


MEASURES: dict[str, Callable[..., Finding]] = {
    function.__name__: function
    for function in (
        found,
        near_best,
        gap,
        association,
        all_skips,
        rises,
        growth,
        rate,
        interplay,
        disorder,
        despite_ranking,
        compared,
        rival,
        alone,
        foreseen,
    )
}


def signed(value: float) -> str:
    """With its sign, and a minus that is one.

    >>> signed(0.5), signed(-0.123), signed(-0.001)
    ('+0.50', '−0.12', '+0.00')
    """
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def small(value: float) -> str:
    """A probability as one says it.

    >>> small(0.2), small(1e-9)
    ('= 0.20', '< 0.001')
    """
    if value < 0.001:
        return "< 0.001"
    return f"= {value:.2f}" if value >= 0.01 else f"= {value:.3f}"
