"""Runs the JavaScript tests of this folder and checks that our scripts parse."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = [
    "gaea_mini/show/draw.js",
    "gaea_mini/show/player.js",
    "gaea_mini/show/playground.js",
    "gaea_mini/show/mixed_edge.js",
    "gaea_mini/show/quiz.js",
    "gaea_mini/show/rank_scatter.js",
    "gaea_mini/show/explorer.js",
    "book/assets/figures.js",
    "book/assets/widgets.js",
    "book/assets/live.js",
    "book/extension/live/worker.js",
]


@pytest.fixture(scope="module")
def node() -> str:
    path = shutil.which("node")
    if path is None:
        pytest.skip("no node on this machine: the browser tests run the same code")
    return path


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_parses(name: str, node: str, root: Path, tmp_path: Path) -> None:
    # A copy, because node takes the kind of a script from its ending.
    ending = ".mjs" if name.startswith("gaea_mini") else ".js"
    copy = tmp_path / f"copy{ending}"
    copy.write_text((root / name).read_text("utf-8"), "utf-8")
    ran = subprocess.run([node, "--check", str(copy)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.mjs")), ids=lambda p: p.name)
def test_under_node(path: Path, node: str) -> None:
    ran = subprocess.run(
        [node, "--test", str(path)], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
