"""Every widget in JupyterLab and in Notebook 7, driven in Chromium with a kernel.

A server runs on this machine with a token. It reads no settings but its own.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import TimeoutError

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "book" / "1_simplex" / "mirror_descent.ipynb"

pytest.importorskip("jupyterlab", reason="no JupyterLab: `make test-slow` installs it")
pytestmark = pytest.mark.slow

CELLS = """
from gaea_mini import data, evaluate, search, show, supernet
from gaea_mini.show import records
table = evaluate.load_table("compact")
tests = table.column("test").mean(axis=1)
ranked = records.load_record("compact_ranking")
compared = records.load_record("compact_comparison")
---
playground = show.SimplexPlayground([0.7, 0.3, 0], lr=0.3)
playground
---
edge = show.MixedEdge()
edge
---
pair = records.load_record("compact_fashion")["runs"][:2]
player = show.ArchitecturePlayer(runs=pair)
player
---
scatter = show.RankScatter(ranked, tests, table.cells, method="gaea-darts")
scatter
---
explorer = show.BenchmarkExplorer({"compact": compared})
explorer
---
quiz = show.Quiz("Is it?", [("No.", False, "It is."), ("Yes.", True, "Right so.")])
quiz
---
space = supernet.space("compact")
budget = search.PRESETS["tiny"].lasting(200)
pictures = data.load("fashion", budget.size, budget.pictures)
def begin(method, lr, seed):
    return search.search(space, pictures, search.method(method, lr), budget, seed)
controls = show.SearchControls(begin, ["darts", "gaea-darts"], lr=0.1)
controls
""".strip().split("\n---\n")

# A widget's root, and what of it is moved; then its text is another one.
WIDGETS = {
    "SimplexPlayground": (".pg", "range"),
    "MixedEdge": (".me", "range"),
    "ArchitecturePlayer": (".gp", "range"),
    "RankScatter": (".rs", "range"),
    "BenchmarkExplorer": (".be", "range"),
    "Quiz": (".qz", "choice"),
}


def write_notebook(path: Path, cells: list[str]) -> None:
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(book, path)


@pytest.fixture(scope="module", params=["lab", "notebook"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """``server(name)`` is the address of a notebook, opened in this front end."""
    folder = tmp_path_factory.mktemp(request.param)
    notebooks, settings = folder / "notebooks", folder / "settings"
    notebooks.mkdir()
    write_notebook(notebooks / "widgets.ipynb", CELLS)
    shutil.copy(CHAPTER, notebooks / "chapter.ipynb")
    # All cells stay in the page, also those that are scrolled away.
    tracker = settings / "@jupyterlab" / "notebook-extension"
    tracker.mkdir(parents=True)
    whole = json.dumps({"windowingMode": "none"})
    (tracker / "tracker.jupyterlab-settings").write_text(whole)
    news = settings / "@jupyterlab" / "apputils-extension"
    news.mkdir()
    silent = json.dumps({"fetchNews": "false", "checkForUpdates": False})
    (news / "notification.jupyterlab-settings").write_text(silent)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    where = {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_TOKEN": token,
        "PYTHONPATH": str(ROOT),
    }
    # These tests name a backend; with it a notebook shows no figure. A desk has none.
    desk = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    module = {"lab": "jupyterlab", "notebook": "notebook"}[request.param]
    with open(folder / "log.txt", "w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", module, "--no-browser", "--allow-root"),
                *("--ip", "127.0.0.1", "--port", str(port)),
                *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebooks}"),
            ],
            env=desk | where,
            stdout=log,
            stderr=log,
        )
        try:
            base = f"http://127.0.0.1:{port}"
            wait_for(f"{base}/api/status?token={token}", process, folder / "log.txt")
            # JupyterLab opens in a workspace what was open there before.
            at = {"lab": "lab/workspaces/{0}/tree/{0}.ipynb"}
            path = at.get(request.param, "notebooks/{0}.ipynb")
            yield lambda name: f"{base}/{path.format(name)}?token={token}"
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(address: str, process: Any, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            told = log.read_text("utf-8")[-2000:]
            assert process.poll() is None and time.monotonic() < end, told
            time.sleep(0.3)


@pytest.fixture
def run_all(
    browser: Any, server: Callable[[str], str]
) -> Iterator[Callable[[str], Any]]:
    """``run_all(name)`` opens a notebook and runs its cells; gives the page."""
    contexts = []

    def go(name: str) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(120_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(server(name))
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        idle = "[data-status='idle'], [title*='Idle']"
        page.locator(idle).first.wait_for(state="attached")
        started = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[[*\d]"))
        for _ in range(6):  # a notebook that is not ready yet forgets the first
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            with suppress(TimeoutError):
                started.first.wait_for(timeout=20_000)
                return page
        raise AssertionError(f"{name}: no cell runs")

    yield go
    for context in contexts:
        context.close()


def reacts(page: Any, selector: str, kind: str) -> None:
    """Move one control of a widget; what it says must change."""
    root = page.locator(selector).first
    root.wait_for()
    root.scroll_into_view_if_needed()
    before = root.inner_text()
    if kind == "range":
        slider = root.locator("input[type=range]").first
        slider.focus()
        value = float(slider.input_value())
        low = float(slider.get_attribute("min") or 0)
        # The notebook has keys of its own; in a widget they must move the slider.
        slider.press("ArrowLeft" if value > low else "ArrowRight")
        assert float(slider.input_value()) != value, f"{selector}: a key does nothing"
        slider.press("Home" if value > low else "End")
    else:
        root.locator("input").first.check()
        root.get_by_role("button").first.click()
    end = time.monotonic() + 60  # what it says is drawn with the next frame
    while root.inner_text() == before:
        assert time.monotonic() < end, f"{selector} did not react"
        page.wait_for_timeout(50)


def says(page: Any, words: str) -> None:
    """Wait until the controls say this of their search."""
    told = re.compile(f"darts, step 0.1, seed 0: {words}")
    page.locator(".widget-html-content", has_text=told).first.wait_for()


def test_every_widget_shows_and_reacts(run_all: Callable[[str], Any]) -> None:
    page = run_all("widgets")
    for name, (selector, kind) in WIDGETS.items():
        reacts(page, selector, kind)
        assert page.get_by_text("Error displaying widget").count() == 0, name
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    # The controls run a search into a player while it trains, and stop it.
    note = page.locator(".widget-html-content", has_text="Choose, and press").first
    note.wait_for()
    players = page.locator(".gp").count()
    page.get_by_role("button", name="Search", exact=True).click()
    says(page, r"epoch ([2-9]|\d\d)")  # epochs pass while one looks
    player = page.locator(".gp").nth(players)
    player.get_by_text("darts, step 0.1, seed 0").first.wait_for()
    assert page.locator(".gp").count() == players + 1
    page.get_by_role("button", name="Stop", exact=True).click()
    says(page, "stopped after epoch")
    page.get_by_role("button", name="Restart", exact=True).click()
    says(page, r"epoch \d+, entropy")
    page.get_by_role("button", name="Stop", exact=True).click()
    says(page, "stopped after epoch")


def test_a_chapter_runs_and_its_widgets_react(run_all: Callable[[str], Any]) -> None:
    page = run_all("chapter")
    for name in ("SimplexPlayground", "Quiz"):
        reacts(page, *WIDGETS[name])
    page.locator(".jp-RenderedImage img").first.wait_for()
