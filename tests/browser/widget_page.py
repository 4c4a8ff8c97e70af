"""A page with widgets as Sphinx writes it: views, their state, the book's runtime."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KIND = "application/vnd.jupyter.widget"


def widget_page(folder: Path, *widgets: Any, still: str = "") -> str:
    """Write a page with these widgets, each with its still, and give its address."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "book" / "assets" / "widgets.js", folder)
    views, state = "", {}
    for widget in widgets:
        view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
        views += f'<div class="output"><script type="{KIND}-view+json">'
        views += f"{json.dumps(view)}</script></div>"
        state[widget.model_id] = {
            "model_name": "AnyModel",
            "model_module": "anywidget",
            "model_module_version": "~0.11.*",
            "state": widget.get_state(),
        }
    whole = {"version_major": 2, "version_minor": 0, "state": state}
    text = json.dumps(whole, default=str).replace("</", "<\\/")
    (folder / "page.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><body><main><h1>Page</h1>{still}{views}'
        f'</main><script type="{KIND}-state+json">{text}</script>'
        '<script src="widgets.js"></script></body></html>',
        "utf-8",
    )
    return (folder / "page.html").as_uri()
