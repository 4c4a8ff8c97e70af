"""The reproduction ledger: claims beside what the records say about them.

``book/back/ledger.yml`` has a row for every claim. A row names a measure, which is one
of the functions of ``gaea_measures``, and the record that it reads. Numbers and the
outcome are worked out from the record, so no row has to be edited when a record changes
or is added. Published numbers come from ``book/records/published.json``. Sphinx is not
needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gaea_measures import measure
from gaea_mini.show.records import Json, load_record
from gaea_said import Spread

OUTCOMES = {True: "agrees", False: "differs", None: "open"}
NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True)
class Row:
    """A row of the ledger as the page shows it."""

    claim: str
    published: str
    ours: str
    outcome: str
    records: tuple[str, ...]
    chapter: str | None


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
    if isinstance(entry.get("c10_best"), float):
        shown["c10_best"] = f"{entry['c10_best']:.2f}"
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
