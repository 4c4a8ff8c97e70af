"""The six widgets of the built book under a finger; the phone asks for less motion.

From disk only: how a page came does not change what a finger does to it. The other
files of this folder have pointer and keyboard, and the widgets one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WIDTH = 390


def until(page: Any, test: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not page.evaluate(test):
        assert time.monotonic() < end, f"not so after {seconds} s: {test}"
        page.wait_for_timeout(20)


def tap(page: Any, selector: str, x: float, y: float) -> None:
    """Tap at a part of an element's width and height."""
    place = page.locator(selector).first
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    page.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])


def visit(open_page: Callable[..., Any], url: str, root: str) -> Any:
    """The page, as wide as the phone and with a widget that nobody has started."""
    page = open_page(url, width=WIDTH, height=800, touch=True).page
    page.locator(root).first.wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    before = page.locator(root).first.inner_html()
    page.wait_for_timeout(300)
    assert page.locator(root).first.inner_html() == before
    return page


def states(page: Any, selector: str) -> Any:
    """From now on, count the different texts of an element."""
    page.evaluate(
        """(selector) => {
          const one = document.querySelector(selector);
          window.seen = new Set();
          new MutationObserver(() => seen.add(one.textContent)).observe(
            one, { childList: true, characterData: true, subtree: true });
        }""",
        selector,
    )


def test_the_playground(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/1_simplex/multiply_or_subtract.html"
    page = visit(open_page, url, ".pg")
    # The middle of the triangle, whose box is 360 units wide.
    box = page.locator(".pg-view").bounding_box()
    tap(page, ".pg-view", 0.5, 205 / 360 * box["width"] / box["height"])
    until(page, "document.querySelector('.pg-handle').ariaValueText.includes('0.33')")
    states(page, ".pg-clock output")
    page.get_by_role("button", name="Play").tap()
    page.wait_for_timeout(1300)
    assert 1 <= page.evaluate("seen.size") <= 4


def test_the_mixed_edge(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/2_supernet/mixed_operation.html"
    page = visit(open_page, url, ".me")
    tap(page, "input[aria-label='Weight of skip']", 0.7, 0.5)
    until(
        page,
        "Math.abs(Number([...document.querySelectorAll('.me-op output')]"
        ".at(-1).textContent) - 0.7) < 0.05",
    )
    page.get_by_role("button", name="Round").tap()
    until(page, "document.querySelector('.me-after').checkVisibility()")
    assert "skip" in page.locator(".me-after").inner_text()


def test_the_player(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/3_search/gaea_on_everything.html"
    page = visit(open_page, url, ".gp")
    last = int(page.get_by_label("Epoch", exact=True).get_attribute("max"))
    tap(page, ".gp-chart", 0.5, 0.5)
    at = "Number(document.querySelector('.gp input').value)"
    until(page, f"Math.abs({at} - {last} * 0.45) <= {last} * 0.1")
    states(page, ".gp output")
    page.get_by_role("button", name="Play").tap()
    page.wait_for_timeout(1300)
    assert 1 <= page.evaluate("seen.size") <= 4
    page.get_by_role("button", name="Pause").tap()
    assert page.get_by_role("button", name="Play").is_visible()


def test_the_scatter(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/2_supernet/rank_disorder.html"
    page = visit(open_page, url, ".rs")
    before = page.locator(".rs-name").inner_text()
    tap(page, ".rs-view", 0.75, 0.2)
    until(page, f"document.querySelector('.rs-name').textContent !== {before!r}")
    states(page, ".rs-clock output")
    page.locator(".rs").get_by_role("button", name="Play").tap()
    page.wait_for_timeout(1300)
    assert 1 <= page.evaluate("seen.size") <= 4


def test_the_explorer(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/4_evaluate/against_the_optimum.html"
    page = visit(open_page, url, ".be")
    budget = page.get_by_label("Budget", exact=True)
    before = budget.input_value()
    tap(page, ".be-chart", 0.4, 0.85)
    until(page, f"document.querySelector('.be input').value !== {before!r}")
    pressed = "document.querySelector('.be-chips button').ariaPressed"
    was = page.evaluate(pressed)
    page.locator(".be-chips button").first.tap()
    until(page, f"{pressed} !== {was!r}")


def test_the_quiz(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/3_search/gaea_on_everything.html"
    page = visit(open_page, url, ".qz")
    quiz = page.locator(".qz").first
    quiz.locator("label").first.tap()
    quiz.get_by_role("button", name="Check").tap()
    assert quiz.get_by_role("status").inner_text() != ""
    assert quiz.locator(".qz-why:visible").count() == 1
