"""What the reproduction ledger can ask of a record: one function for every measure.

A measure gets a function that loads a record, the printed entries of its row, and what
else the row of ``book/back/ledger.yml`` names. It returns what the record says, and
whether the claim holds. Sphinx is not needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from gaea_mini.show.records import (
    Json,
    load_record,
    mean_sd,
    pick,
    skips,
    t_interval,
)
from gaea_said import Spread, signed, small

SETS = {"c10": "c10_test", "c100": "c100_test", "in16": "in16_test"}
WIDE = 2.0  # points of accuracy
PUBLISHED_RUNS = 500  # behind each printed mean of a rival without weight sharing
Load = Callable[[str], Json]


@dataclass(frozen=True)
class Finding:
    """What a record says: the text of the column "ours", and whether the claim holds.

    ``holds`` is None where the numbers leave it open.
    """

    ours: str
    holds: bool | None


def measure(measured: Json, entries: Sequence[Json], folder: Path) -> Finding:
    """Call the measure that a row names."""
    arguments = dict(measured)
    function = MEASURES[arguments.pop("measure")]

    def load(name: str) -> Json:
        return load_record(name, folder)

    return function(load, entries, **arguments)


# ------------------------------------------------------------------ measures


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
    differences: Sequence[float], claim: str, unit: str = "points"
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
    """Spearman's correlation of two numbers over all runs, claimed to be positive.

    Beside it stands its mean within the runs that share record, method and step.
    """
    pairs, groups = [], defaultdict(list)
    for name in records:
        for run in load(name)["runs"]:
            config = run["config"]
            alike = name, config["method"], str(config["update"])
            pairs.append((values_of(run, x), values_of(run, y)))
            groups[alike].append(pairs[-1])
    result = stats.spearmanr(*zip(*pairs, strict=True))
    within = [
        stats.spearmanr(*zip(*group, strict=True)).statistic
        for group in groups.values()
        if all(len(set(column)) > 1 for column in zip(*group, strict=True))
    ]
    holds = None if result.pvalue > 0.05 else bool(result.statistic > 0)
    text = (
        f"rank correlation {result.statistic:+.2f} over {len(pairs)} runs "
        f"(p {small(result.pvalue)})"
    )
    if within:
        text += f"; among runs of one method and step {np.mean(within):+.2f} on average"
    return Finding(text.replace("-", "−"), holds)


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


def optimum(load: Load, entries: Sequence[Json], record: str) -> Finding:
    """The best cell of the table that a record looked up, beside the printed one."""
    best = load(record)["table"]["best"]
    text = f"{best:.2f} in the table that our searches look up"
    return Finding(text, bool(abs(best - entries[0]["c10"][0]) < 0.01))


def compared(
    load: Load,
    entries: Sequence[Json],
    record: str,
    of: list[str],
    less: str,
    claim: str = "higher",
) -> Finding:
    """A difference that a comparison recorded.

    Paired seeds have a t interval, since few seeds make a bootstrap one too narrow.
    Against a rival the interval is the recorded bootstrap.
    """
    content = load(record)
    for row in content["differences"]:
        if row["of"] == of and row["less"] == less:
            if row.get("paired"):
                first, second = ends_of(content, of), ends_of(content, [less, of[1]])
                seeds = sorted(first.keys() & second.keys())
                return Finding(*judged([first[s] - second[s] for s in seeds], claim))
            text = (
                f"{signed(row['mean'])} points, 95 % interval {signed(row['low'])} to "
                f"{signed(row['high'])} (n = {', '.join(map(str, row['n']))})"
            )
            return Finding(text, side(row["low"], row["high"], claim))
    return Finding("the budget pays for no training of the rival", None)


def ends_of(content: Json, arm: list[str]) -> dict[int, float]:
    """Seed -> test accuracy at the end, of one method and objective of a comparison."""
    (found,) = (
        row for row in content["arms"] if [row["method"], row["objective"]] == arm
    )
    return dict(zip(found["seeds"], (t[-1] for t in found["test"]), strict=True))


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
        optimum,
        compared,
        rival,
        alone,
        foreseen,
    )
}
