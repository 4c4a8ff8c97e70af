"""One HTML file with the player and the facts of a run. It needs no network."""

import base64
import html
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically
from gaea_mini.show.trim import as_dict, as_list, trim_all
from gaea_mini.show.widget import script, styles

# No request of any kind may leave the page, whatever a record contains.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:"
)

PAGE_CSS = """
:root { color-scheme: light dark; }
body { max-width: 1200px; margin: 0 auto; padding: 24px 16px 48px;
  background: light-dark(#fff, #0f1114); color: light-dark(#1f2328, #e6e9ed);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
h1 { margin: 0 0 4px; font-size: 26px; line-height: 1.25; }
h2 { margin: 36px 0 8px; font-size: 18px; }
.lead { max-width: 70ch; margin: 0 0 20px; color: light-dark(#57606a, #a3adb8); }
.scroll { overflow-x: auto; }
.facts { border-collapse: collapse; font-size: 14px;
  font-variant-numeric: tabular-nums; }
.facts th, .facts td { padding: 4px 24px 4px 0; vertical-align: top; text-align: left;
  border-bottom: 1px solid light-dark(#dde2e7, #343a42); }
.facts td { min-width: 150px; overflow-wrap: anywhere; }
.facts th { color: light-dark(#57606a, #a3adb8); font-weight: 400; }
.facts thead th { color: inherit; font-weight: 600; }
img { max-width: 100%; height: auto; background: #fff; }
"""

# A model as the widget expects it, without a kernel behind it.
START = """
const state = JSON.parse(document.getElementById("state").textContent);
const listeners = {};
const model = {
  get: (key) => state[key],
  set: (key, value) => { state[key] = value;
    (listeners["change:" + key] || []).forEach((call) => call()); },
  on: (event, call) => { (listeners[event] ||= []).push(call); },
  off: (event, call) => {
    listeners[event] = (listeners[event] || []).filter((one) => one !== call); },
  save_changes: () => {},
};
renderPlayer({ model, el: document.getElementById("player") });
"""


def write_page(
    runs: Any, path: str | os.PathLike[str], labels: Sequence[str] | None = None
) -> Path:
    """Write runs as one HTML file that opens from disk, without network or kernel.

    The file holds the player, the configuration and the versions of each run, and
    the found cell with its true accuracy where the record has one. It is written
    beside its final place first and then moved, so that a failure leaves no half
    file and keeps the file that was there.

    Args:
        runs: one run or up to 4, as :class:`gaea_mini.search.Run` or dicts.
        path: where to write, for example ``out.html``.
        labels: titles, one for each run.

    Returns:
        The path.

    Raises:
        InputError: a record that cannot be shown, or a place that cannot be written.
    """
    path = Path(path)
    text = page(runs, labels)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(_cannot_write(path, error)) from None
    return path


def page(runs: Any, labels: Sequence[str] | None = None) -> str:
    """The HTML text that :func:`write_page` writes."""
    trimmed = trim_all(runs, labels)
    records = [as_dict(run) for run in as_list(runs)]
    names = [run["label"] for run in trimmed]
    title = "Architecture search: " + " and ".join(names)
    results = [_result(*pair) for pair in zip(trimmed, records, strict=True)]
    state = {"runs": trimmed, "epoch": 0}
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{PAGE_CSS}
{styles("player")}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
<p class="lead">Each edge of the cell is a mixture of operations. Its strands are as
wide as their weights θ. Press Play, or move the slider, to see how the weights
change from epoch to epoch.</p>
<div id="player"></div>
<noscript>{_still(trimmed)}</noscript>
<h2>Found cell</h2>
{_table(names, results)}
<h2>Configuration</h2>
{_table(names, [_plain(record.get("config", {})) for record in records])}
<h2>Versions and machine</h2>
{_table(names, [_plain(record.get("environment", {})) for record in records])}
</main>
<script type="application/json" id="state">{_script(json.dumps(state))}</script>
<script type="module">
{script("player")}
{START}</script>
</body>
</html>
"""


def _script(text: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return text.replace("<", "\\u003c")


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


def _result(run: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """What came out of a run, as shown to a reader."""
    rows = {
        "cell": run["genotype"][-1],
        "epochs": str(len(run["theta"]) - 1),
        "entropy of θ": f"{run['entropy'][-1]:.3f} nats",
    }
    for key, name in (
        ("supernet", "supernet accuracy before rounding"),
        ("rounded", "supernet accuracy after rounding"),
        ("truth", "true CIFAR-10 test accuracy"),
    ):
        if run[key] and run[key][-1] is not None:
            rows[name] = f"{run[key][-1]:.2f} %"
    truth = record.get("truth") or {}
    if truth.get("rank"):
        rows["true rank in the table"] = str(truth["rank"][-1])
    if truth.get("regret"):
        rows["regret"] = f"{truth['regret'][-1]:.2f} points"
    if record.get("seconds"):
        rows["time"] = f"{record['seconds'][-1]:.1f} s"
    if record.get("peak_mb") is not None:
        rows["peak memory"] = f"{record['peak_mb']:.0f} MB"
    return rows


def _table(names: Sequence[str], columns: Sequence[Mapping[str, str]]) -> str:
    """A table with one column for each run and the union of their rows."""
    keys = list(dict.fromkeys(key for column in columns for key in column))
    if not keys:
        return "<p>The record does not say.</p>"
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    rows = []
    for key in keys:
        cells = "".join(f"<td>{html.escape(c.get(key, '–'))}</td>" for c in columns)
        rows.append(f'<tr><th scope="row">{html.escape(key)}</th>{cells}</tr>')
    return (
        '<div class="scroll" tabindex="0"><table class="facts">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        "</table></div>"
    )


def _still(trimmed: Sequence[Mapping[str, Any]]) -> str:
    """The static figure for a reader without JavaScript."""
    from gaea_mini.show.static import describe, player_strip

    picture = io.BytesIO()
    player_strip(trimmed).savefig(picture, format="png", dpi=110)
    data = base64.b64encode(picture.getvalue()).decode("ascii")
    alt = html.escape(describe(trimmed))
    return f'<img src="data:image/png;base64,{data}" alt="{alt}">'


def _cannot_write(path: Path, error: OSError) -> str:
    return f"cannot write {path}: {error.strerror}; give another path"
