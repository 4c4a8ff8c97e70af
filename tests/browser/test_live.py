"""Python in the page, in Chromium: cells run, are changed, are stopped and reset.

The slow tests need Pyodide, which ``make pyodide`` fetches into ``_build/pyodide``.
Without it they are skipped, on CI too: what they need lies outside the repository.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).parents[2]
PYODIDE = ROOT / "_build" / "pyodide"
CHAPTER = "book/1_simplex/mirror_descent.html"
ELSEWHERE = "https://files.invalid/v1/"

Visit = Any
needs_pyodide = pytest.mark.skipif(
    not (PYODIDE / "pyodide.js").exists(),
    reason="Pyodide is not in _build/pyodide: run `make pyodide`",
)


class Headers(http.server.SimpleHTTPRequestHandler):
    """With these two headers a page is cross-origin isolated."""

    isolated = True

    def end_headers(self) -> None:
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def gaea_live(load: Callable[[Path], ModuleType]) -> ModuleType:
    return load(ROOT / "book" / "extension" / "gaea_live.py")


@pytest.fixture(scope="module")
def copies(
    built_book: Path, gaea_live: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """``copies(source)`` is the built book with another setting of ``live_pyodide``."""
    made: dict[str, Path] = {}

    def copy(source: str) -> Path:
        if source not in made:
            made[source] = tmp_path_factory.mktemp("book") / "html"
            shutil.copytree(built_book, made[source], symlinks=True)
            shutil.rmtree(made[source] / "_static" / "live", ignore_errors=True)
            gaea_live.write_live(made[source] / "_static", source, ROOT)
        return made[source]

    return copy


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., str]]:
    servers = []

    def start(folder: Path, isolated: bool) -> str:
        kind = type("Kind", (Headers,), {"isolated": isolated})
        handler = functools.partial(kind, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def status(page: Any, words: str, seconds: float = 300) -> None:
    page.locator(".live-status", has_text=words).wait_for(timeout=1000 * seconds)


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def start(page: Any) -> None:
    press(page, "Run this page")
    status(page, "Python is ready.")


def put(page: Any, number: int, code: str) -> None:
    page.get_by_label(f"Code of cell {number}", exact=True).fill(code)


def output(page: Any, number: int) -> Any:
    box = page.locator(
        "div.cell", has=page.get_by_label(f"Code of cell {number}", exact=True)
    )
    return box.locator(".live-output")


def test_before_the_press_only_a_button(
    open_page: Callable[..., Visit], book: str
) -> None:
    visit = open_page(book + CHAPTER)
    assert visit.page.get_by_role("button", name="Run this page").is_visible()
    assert visit.page.locator("textarea").count() == 0
    assert visit.outside(book) == []
    assert not [url for url in visit.requests if "/_static/live/" in url]
    assert visit.errors == []


def test_other_chapters_have_no_button(
    open_page: Callable[..., Visit], file_book: str
) -> None:
    visit = open_page(file_book + "book/intro.html")
    assert visit.page.locator(".live-bar").count() == 0
    assert not [url for url in visit.requests if url.endswith("live.js")]


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_says_why_python_does_not_start(
    open_page: Callable[..., Visit],
    copies: Callable[[str], Path],
    width: int,
) -> None:
    visit = open_page((copies(ELSEWHERE) / CHAPTER).as_uri(), width=width)
    visit.page.route(f"{ELSEWHERE}**", lambda route: route.abort())
    press(visit.page, "Run this page")
    status(visit.page, "Python could not be started", seconds=60)
    assert ELSEWHERE in visit.page.locator(".live-status").inner_text()
    # What a cell will show stands beside the widget that was printed, not in it.
    assert visit.page.locator(".gw .live-output").count() == 0
    # Cells can be edited, and nothing that was printed is gone.
    assert visit.page.locator(".live-code").count() > 10
    assert visit.page.locator(".cell_output img").first.is_visible()
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert visit.page.evaluate(wide) <= 0


def test_a_reset_while_python_is_loaded_has_the_last_word(
    open_page: Callable[..., Visit], copies: Callable[[str], Path]
) -> None:
    visit = open_page((copies(ELSEWHERE) / CHAPTER).as_uri())
    page = visit.page
    held: list[Any] = []
    page.route(f"{ELSEWHERE}**", lambda route: held.append(route))
    with page.expect_request(f"{ELSEWHERE}**"):
        press(page, "Run this page")
    press(page, "Run cell 2")
    bar = page.get_by_role("group", name="Python in this page")
    bar.get_by_role("button", name="Reset", exact=True).click()
    status(page, "Everything is as it was printed", seconds=60)
    for route in list(held):
        route.abort()
    page.wait_for_timeout(500)  # nothing may come
    assert "as it was printed" in page.locator(".live-status").inner_text()
    with page.expect_request(f"{ELSEWHERE}**"):  # begins anew
        press(page, "Run cell 1")
    status(page, "Loading Python", seconds=60)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_live_cells(
    open_page: Callable[..., Visit], copies: Callable[[str], Path], scheme: str
) -> None:
    visit = open_page((copies(ELSEWHERE) / CHAPTER).as_uri(), scheme=scheme)
    visit.page.route(f"{ELSEWHERE}**", lambda route: route.abort())
    press(visit.page, "Run this page")
    status(visit.page, "Python could not be started", seconds=60)
    for part in (".live-bar", ".live-code", ".live-foot"):
        found = Axe().run(visit.page, context=part).response["violations"]
        assert found == [], json.dumps(found, indent=1)[:2000]


@pytest.mark.slow
@needs_pyodide
@pytest.mark.parametrize(
    "chapter", ["mirror_descent", "multiply_or_subtract", "stationarity"]
)
def test_all_cells_of_a_chapter_run_from_disk(
    open_page: Callable[..., Visit], copies: Callable[[str], Path], chapter: str
) -> None:
    folder = copies("_build/pyodide")
    visit = open_page((folder / f"book/1_simplex/{chapter}.html").as_uri())
    page = visit.page
    cells = "div.cell:not(.tag_still, .tag_remove-input) .cell_output"
    printed = page.locator(f"{cells} pre").all_inner_texts()
    pictures = page.locator(f"{cells} img").count()
    start(page)
    press(page, "Run all cells")
    status(page, "Done.", seconds=500)
    assert page.locator(".live-error").count() == 0
    assert page.locator(".live-figure").count() == pictures
    wide = "(image) => image.decode().then(() => image.naturalWidth)"
    for image in page.locator(".live-figure").all():
        assert image.get_attribute("alt")
        assert image.evaluate(wide) > 300
    page.locator(".live-widget .pg").first.wait_for()  # its script comes later
    # The same text as in the book, but for errors of rounding.
    live = [text.strip() for text in page.locator(".live-text").all_inner_texts()]
    pairs = list(zip(live, map(str.strip, printed), strict=True))
    other = [pair for pair in pairs if pair[0] != pair[1]]
    assert len(other) <= 2, other
    assert visit.outside(folder.as_uri()) == []
    assert visit.errors == []


@pytest.mark.slow
@needs_pyodide
def test_a_changed_cell_gives_the_changed_result_and_reset_undoes_it(
    open_page: Callable[..., Visit],
    copies: Callable[[str], Path],
    serve: Callable[..., str],
) -> None:
    book = serve(copies("_build/pyodide"), False)
    page = open_page(book + CHAPTER).page
    start(page)
    put(page, 2, "far = 6 * 7\nprint('changed', far)\nsimplex.uniform(4)")
    page.get_by_label("Code of cell 2", exact=True).press("Control+Enter")
    status(page, "Done.")  # the imports of cell 1 ran first
    shown = output(page, 2).inner_text()
    assert "changed 42" in shown and "[0.25, 0.25, 0.25, 0.25]" in shown
    put(page, 2, "far / 0")
    press(page, "Run cell 2")
    status(page, "Cell 2 did not come to its end")
    assert "ZeroDivisionError" in output(page, 2).inner_text()
    bar = page.get_by_role("group", name="Python in this page")
    bar.get_by_role("button", name="Reset", exact=True).click()
    assert "bregman" in page.get_by_label("Code of cell 2", exact=True).input_value()
    assert output(page, 2).is_hidden()
    assert page.locator("div.cell .cell_output pre").first.is_visible()
    put(page, 1, "'far' in globals()")
    press(page, "Run cell 1")
    status(page, "Done.")
    assert output(page, 1).inner_text().strip() == "False"


@pytest.mark.slow
@needs_pyodide
@pytest.mark.parametrize("isolated", [True, False])
def test_an_endless_loop_is_stopped(
    open_page: Callable[..., Visit],
    copies: Callable[[str], Path],
    serve: Callable[..., str],
    isolated: bool,
) -> None:
    page = open_page(serve(copies("_build/pyodide"), isolated) + CHAPTER).page
    assert page.evaluate("crossOriginIsolated") == isolated
    start(page)
    put(page, 1, "kept = 11\nprint('before')")
    press(page, "Run cell 1")
    status(page, "Done.")
    put(page, 2, "print('loops')\nwhile True:\n    pass")
    press(page, "Run cell 2")
    output(page, 2).get_by_text("loops").wait_for()
    press(page, "Stop cell 2")
    output(page, 2).get_by_text("Stopped.").wait_for()
    if not isolated:
        status(page, "what the cells had defined is lost")
        put(page, 1, "'kept' in globals()")
    put(page, 2, "print(kept)" if isolated else "print('anew')")
    press(page, "Run cell 2")
    status(page, "Done.")
    assert output(page, 2).inner_text().strip() == ("11" if isolated else "anew")
    if not isolated:
        assert output(page, 1).inner_text().strip() == "False"


@pytest.mark.slow
@needs_pyodide
@pytest.mark.parametrize("spoiled", [False, True])
def test_files_from_an_address_are_compared_with_their_hashes(
    open_page: Callable[..., Visit], copies: Callable[[str], Path], spoiled: bool
) -> None:
    visit = open_page((copies(ELSEWHERE) / CHAPTER).as_uri())

    def answer(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[-1]
        body = (PYODIDE / name).read_bytes()
        if spoiled and name.startswith("numpy"):
            body = body[:-1] + b"!"
        allow = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(body=body, headers=allow)

    visit.page.route(f"{ELSEWHERE}**", answer)
    press(visit.page, "Run this page")
    if spoiled:
        status(visit.page, "Python could not be started: numpy")
    else:
        status(visit.page, "Python is ready.")
        press(visit.page, "Run cell 2")
        status(visit.page, "Done.")
        assert "ratio" in output(visit.page, 2).inner_text()
