"""The six widgets of the built book under a finger; the phone asks for less motion.

From disk only: how a page came does not change what a finger does to it. The other
files of this folder have pointer and keyboard, and the widgets one by one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from waits import count_states, require_two_a_second, settle, until  # noqa: E402

WIDTH = 390


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


def test_the_playground(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/1_simplex/multiply_or_subtract.html"
    page = visit(open_page, url, ".pg")
    # The middle of the triangle, whose box is 360 units wide.
    box = page.locator(".pg-view").bounding_box()
    tap(page, ".pg-view", 0.5, 205 / 360 * box["width"] / box["height"])
    until(page, "document.querySelector('.pg-handle').ariaValueText.includes('0.33')")
    count_states(page, ".pg-clock output")
    page.get_by_role("button", name="Play").tap()
    require_two_a_second(page)


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
    count_states(page, ".gp-chart .gp-rule", "transform")
    page.get_by_role("button", name="Play").tap()
    require_two_a_second(page)
    page.get_by_role("button", name="Pause").tap()
    assert page.get_by_role("button", name="Play").is_visible()


def test_the_scatter(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/2_supernet/rank_disorder.html"
    page = visit(open_page, url, ".rs")
    before = page.locator(".rs-name").inner_text()
    tap(page, ".rs-view", 0.75, 0.2)
    until(page, f"document.querySelector('.rs-name').textContent !== {before!r}")
    count_states(page, ".rs-hit, .rs-miss", "points")
    page.locator(".rs").get_by_role("button", name="Play").tap()
    require_two_a_second(page)


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


# What is pressed, and the words that press it too. A cell of the scatter and the point
# of a chart are reached by a tap near them.
TARGETS = """[...document.querySelectorAll('.gw, .gp, .live-bar')].flatMap(root =>
  [...root.querySelectorAll('button, select, input, .pg-handle')].map(one => {
    const whole = one.closest('.qz-choice label')
      || one.querySelector('.pg-grip') || one;
    const box = whole.getBoundingClientRect();
    return [one.outerHTML.slice(0, 80), box.width, box.height];
  })).filter(([_, width, height]) => width && (height < 43.5 || width < 43.5))"""


@pytest.mark.slow
def test_what_one_presses_is_as_large_as_a_finger(
    file_book: str, open_page: Callable[..., Any]
) -> None:
    for chapter in (
        "1_simplex/multiply_or_subtract",
        "2_supernet/mixed_operation",
        "2_supernet/rank_disorder",
        "3_search/gaea_on_everything",
        "4_evaluate/against_the_optimum",
    ):
        url = f"{file_book}book/{chapter}.html"
        for width in (320, 390, 768):
            page = open_page(url, width=width, touch=True).page
            page.locator(".gw").first.wait_for()
            settle(page)
            assert page.evaluate(TARGETS) == [], (chapter, width)


# The heights of a widget and of its parts, at each place of a slider.
HEIGHTS = """async ([root, label]) => {
  const one = document.querySelector(root);
  const slider = one.querySelector(`[aria-label="${label}"]`);
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const seen = new Set();
  for (let i = 0; i <= 40; i++) {
    slider.value = +slider.min + (slider.max - slider.min) * i / 40;
    slider.dispatchEvent(new Event('input'));
    await frame();
    await frame();
    seen.add([one, ...one.children].map((part) =>
      Math.round(part.getBoundingClientRect().height)).join(' '));
  }
  return [...seen];
}"""


@pytest.mark.slow
def test_nothing_below_a_widget_jumps_while_it_is_moved(
    file_book: str, open_page: Callable[..., Any]
) -> None:
    for chapter, root, label in (
        ("1_simplex/multiply_or_subtract", ".pg", "Steps taken"),
        ("2_supernet/mixed_operation", ".me", "Weight of skip"),
        ("2_supernet/rank_disorder", ".rs", "Epoch"),
        ("3_search/gaea_on_everything", ".gp", "Epoch"),
        ("4_evaluate/against_the_optimum", ".be", "Budget"),
        ("4_evaluate/against_the_optimum", ".be", "Chosen point"),
    ):
        for width in (320, 390, 768, 1280):
            url = f"{file_book}book/{chapter}.html"
            page = open_page(url, width=width).page
            page.locator(root).first.wait_for()
            settle(page)
            heights = page.evaluate(HEIGHTS, [root, label])
            assert len(heights) == 1, (chapter, label, width, heights)


def test_the_quiz(file_book: str, open_page: Callable[..., Any]) -> None:
    url = f"{file_book}book/3_search/gaea_on_everything.html"
    page = visit(open_page, url, ".qz")
    quiz = page.locator(".qz").first
    quiz.locator("label").first.tap()
    quiz.get_by_role("button", name="Check").tap()
    assert quiz.get_by_role("status").inner_text() != ""
    assert quiz.locator(".qz-why:visible").count() == 1
