"""Tables of chapters 12 to 14, made from records and from published numbers.

Every function returns a :class:`~gaea_mini.show.search_tables.Text`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gaea_mini.show.records import Json, mean_sd
from gaea_mini.show.search_tables import PLUS_MINUS, Text, _signed, _spread, _table


def phases(published: Json) -> Text:
    """What the published search and the published evaluation set, side by side.

    Args:
      published: from ``published.json``.
    """
    rows = [
        [row["what"], row["search"], row["evaluation"]]
        for row in published["darts_space_phases"]
    ]
    table = _table(["", "search", "evaluation"], rows)
    return Text(f"{table}\n\nPublished. {published['darts_space_phases_about']}.")


def printed_errors(published: Json) -> dict[str, list[Json]]:
    """The published points of each data set: error (%) and GPU-days of one search.

    Args:
      published: from ``published.json``.

    Returns:
      data set -> rows with method, gpu_days, mean, sd, best (mean, sd, best may be
      None), shares_weights, other_space.
    """
    both = ("shares_weights", "other_space")
    cifar, imagenet = [], []
    for row in published["darts_space"]:
        kept = {name: row[name] for name in both}
        mean, sd = row["c10_error"]
        if mean is not None or row["c10_best"] is not None:
            numbers = {"mean": mean, "sd": sd, "best": row["c10_best"]}
            about = {"method": row["method"], "gpu_days": row["gpu_days"]}
            cifar.append({**about, **numbers, **kept})
        if row["imagenet"][0] is not None:
            numbers = {"mean": row["imagenet"][0], "sd": None, "best": None}
            name = row.get("imagenet_method", row["method"])
            about = {"method": name, "gpu_days": row["imagenet_gpu_days"]}
            imagenet.append({**about, **numbers, **kept})
    return {"CIFAR-10": cifar, "ImageNet": imagenet}


def alone(groups: Mapping[str, Sequence[Json]]) -> Text:
    """Size, cost and test accuracy of cells trained alone, mean and sd over seeds.

    Args:
      groups: name of a cell -> its trainings, one a seed.
    """
    rows = [
        [
            name,
            f"{runs[0]['parameters'] / 1e3:,.1f}",
            f"{runs[0]['flops'] / 1e6:,.2f}",
            f"{len(runs)}",
            _spread([run["test"][-1] for run in runs], "{:.2f}"),
            f"{mean_sd([run['seconds'][-1] for run in runs])[0]:,.0f}",
        ]
        for name, runs in groups.items()
    ]
    head = ["cell", "parameters, thousands", "multiply-adds, millions", "seeds"]
    table = _table([*head, "test accuracy, %", "seconds"], rows)
    means = {
        name: mean_sd([run["test"][-1] for run in runs])[0]
        for name, runs in groups.items()
    }
    (first, best), *others = means.items()
    said = [
        f"{first} minus {name}: {_signed(best - other)} points"
        for name, other in others
    ]
    return Text(f"{table}\n\nDifference of the means, {'; '.join(said)}.")


def three_ways(run: Json, trainings: Sequence[Json]) -> Text:
    """Accuracy of one cell with shared weights, with its own, and in the benchmark.

    Args:
      run: the search that found it, with its true accuracy.
      trainings: the cell trained alone, one a seed.
    """
    config, alone = run["config"], trainings[0]["config"]
    rows = [
        [
            "shared, from the search",
            f"{round(config['held_out'] * config['pictures']):,} held-out",
            f"{config['channels']}, {config['cells']}, {config['size']}",
            f"{run['accuracy_rounded'][-1]:.2f}",
        ],
        [
            "its own, trained here",
            "test",
            f"{alone['channels']}, {alone['cells']}, {alone['size']}",
            _spread([training["test"][-1] for training in trainings], "{:.2f}"),
        ],
        [
            "its own, NAS-Bench-201's table",
            "test",
            "16, 5, 32",
            f"{run['truth']['c10_test'][-1]:.2f}",
        ],
    ]
    return _table(["weights", "pictures", "C, N, pixels", "accuracy, %"], rows)


def sizes(networks: Mapping[str, tuple[int, int]], printed: Mapping[str, Any]) -> Text:
    """Counted size of published cells' networks beside the printed one.

    Args:
      networks: name -> (parameters, multiply-adds for one picture).
      printed: name -> parameters in millions, or None.
    """
    rows = []
    for name, (parameters, flops) in networks.items():
        said = printed[name]
        rows.append(
            [
                f"`{name}`",
                f"{parameters / 1e6:.2f}",
                "–" if said is None else f"{said:.1f}",
                f"{flops / 1e6:.0f}",
            ]
        )
    head = ["cell", "parameters, millions", "printed", "multiply-adds, millions"]
    return _table(head, rows)


def cheaper(published: Json) -> Text:
    """How many times the searches without weight sharing cost, set by set.

    Compared with GAEA PC-DARTS that searched on the same set; for ImageNet that is the
    direct search.
    """
    rows = []
    for name, points in printed_errors(published).items():
        (gaea,) = (p["gpu_days"] for p in points if p["method"] == "GAEA PC-DARTS")
        rows += [
            [
                point["method"],
                name,
                f"{point['gpu_days']:,g}",
                f"{gaea:g}",
                f"{point['gpu_days'] / gaea:,.0f}",
            ]
            for point in points
            if not point["shares_weights"]
        ]
    head = ["without weight sharing", "searched for", "its GPU-days", "GAEA's", "ratio"]
    return _table(head, rows)


def darts_results(published: Json) -> Text:
    """PC-DARTS and GAEA PC-DARTS in print, on both sets.

    Args:
      published: from ``published.json``.
    """
    by_name = {row["method"]: row for row in published["darts_space"]}

    def pair(form: Callable[[Json], str], suffix: str = "") -> list[str]:
        return [form(by_name[name + suffix]) for name in ("PC-DARTS", "GAEA PC-DARTS")]

    def spread(row: Json) -> str:
        return PLUS_MINUS.join(f"{number:.2f}" for number in row["c10_error"])

    def tops(row: Json) -> str:
        return " / ".join(f"{number:.1f}" for number in row["imagenet"])

    rows = [
        ["CIFAR-10, mean test error, %", *pair(spread)],
        ["ImageNet, cell searched on CIFAR-10", *pair(tops, ", cell of CIFAR-10")],
        ["ImageNet, cell searched on ImageNet", *pair(tops)],
        [
            "parameters on CIFAR-10, millions",
            *pair(lambda row: f"{row['params_m']:.1f}"),
        ],
        ["GPU-days of one search, CIFAR-10", *pair(lambda row: f"{row['gpu_days']:g}")],
    ]
    table = _table(["published", "PC-DARTS", "GAEA PC-DARTS"], rows)
    return Text(f"{table}\n\nImageNet: top-1 / top-5 error, %. One number a cell.")


def held_out(record: Json, within: float = 0.2) -> Text:
    """Sizes that the model did not see: measured, predicted, and by how much it is off.

    Below the table are how many lie within, here and among the fitted sizes, and which
    of the fitted ones is farthest off.

    Args:
      record: ``cpu_cost``.
      within: the part by which a prediction may be off.
    """
    rows, good = [], 0
    fitted: list[tuple[float, str]] = []
    for row in record["rows"]:
        off = row["predicted"] / row["seconds"] - 1
        size = f"{row['channels']}, {row['cells']}, {row['batch']}, {row['size']}"
        if not row["held_out"]:
            fitted.append((off, size))
            continue
        good += abs(off) <= within
        seen, told = f"{row['seconds']:.3f}", f"{row['predicted']:.3f}"
        rows.append([size, seen, told, _signed(100 * off)])
    head = ["held out: C, N, batch, pixels", "measured, s", "predicted, s", "off, %"]
    said = f"Within {100 * within:.0f} %: {good} of {len(rows)}."
    if fitted:
        good = sum(abs(off) <= within for off, _ in fitted)
        off, size = max(fitted, key=lambda one: abs(one[0]))
        said += (
            f" Of the sizes that were fitted: {good} of {len(fitted)}; the farthest, "
            f"{size}, is off by {_signed(100 * off)} %."
        )
    return Text(f"{_table(head, rows)}\n\n{said}")


def gpu_runs(folder: Path) -> Text:
    """The records of searches in a folder that ran on a GPU, or that there is none.

    Args:
      folder: such as ``book/records``. Files of other kinds are passed over.
    """
    rows = []
    for path in sorted(folder.glob("*.json")):
        try:
            run = json.loads(path.read_text("utf-8"))
            device = run["environment"]["device"]
            if device == "cpu":
                continue
            config = run["config"]
            rows.append(
                [
                    path.stem,
                    device,
                    run["environment"]["torch"],
                    f"{config['method']}, {config['objective']}",
                    f"C {config['channels']}, N {config['cells']}, {config['size']} px",
                    f"{run['seconds'][-1] / 3600:.2f}",
                ]
            )
        except (ValueError, KeyError, TypeError):
            continue
    if not rows:
        return Text("No record in this folder was made on a GPU.")
    head = ["record", "device", "torch", "search", "size", "hours"]
    return _table(head, rows)
