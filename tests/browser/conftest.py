"""Fixtures for tests that drive the built book in headless Chromium.

Every test in this folder is marked ``browser``. The tests of a file run in one pytest
worker, so that one Chromium and one web server serve them.

* ``browser``    the running Chromium (a playwright ``Browser``)
* ``http_book``  address of the built book over http, "http://127.0.0.1:PORT/"
* ``file_book``  the same pages from disk, "file:///.../_build/html/"
* ``book``       one of the two, for a test that is run over both
* ``open_page``  ``open_page(url, width=1280, scheme="light")`` gives a ``Visit``;
  with ``touch=True`` there is a finger and no mouse, and less motion is asked for
"""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# Chromium's own errands are switched off: they are no requests of a page.
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]

# Messages of the theme that say nothing about the page.
HARMLESS = ("Got invalid theme mode",)


@dataclass
class Visit:
    """A page that was opened, and what happened while it was."""

    page: Page
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def sticking_out(self, root: str, inner: str) -> list[str]:
        """The beginnings of what is inside ``root`` and reaches over its sides."""
        found: list[str] = self.page.evaluate(
            """([root, inner]) => [...document.querySelectorAll(`${root} ${inner}`)]
            .filter(one => {
              const box = one.getBoundingClientRect();
              const room = one.closest(root).getBoundingClientRect();
              return box.width
                && (box.right > room.right + 1 || box.left < room.left - 1);
            }).map(one => one.outerHTML.slice(0, 80))""",
            [root, inner],
        )
        return found

    def outside(self, book: str) -> list[str]:
        """Requests that left the built book."""
        local = (book, "data:", "blob:", "about:")
        return [url for url in self.requests if not url.startswith(local)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(skip_unless_ci: Callable[[str], NoReturn]) -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((p for p in map(shutil.which, names) if p), None)
    if path is None:
        skip_unless_ci("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        yield running
        running.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def http_book(built_book: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(built_book))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def file_book(built_book: Path) -> str:
    return built_book.as_uri() + "/"


@pytest.fixture(params=["http", "file"])
def book(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue(f"{request.param}_book")
    return address


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens pages, each in a fresh profile, and closes them after the test."""
    contexts = []

    def go(
        url: str,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        touch: bool = False,
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if touch else "no-preference",
            has_touch=touch,
            is_mobile=touch,
        )
        context.set_default_timeout(120_000)  # for a busy machine
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("requestfailed", lambda request: visit.failed.append(request.url))
        visit.page.on(
            "response",
            lambda answer: answer.status >= 400 and visit.failed.append(answer.url),
        )
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on(
            "console",
            lambda message: (
                message.type == "error"
                and not message.text.startswith(HARMLESS)
                and visit.errors.append(message.text)
            ),
        )
        visit.page.goto(url, wait_until="load")
        visit.page.wait_for_function(
            "!window.MathJax || !MathJax.startup || !MathJax.startup.promise"
            " || MathJax.startup.promise.then(() => true)"
        )
        return visit

    yield go
    for context in contexts:
        context.close()
