"""How these tests wait: for what must come, not for as long as it may take."""

from __future__ import annotations

import time
from typing import Any


def until(page: Any, test: str, seconds: float = 60) -> None:
    """Wait for an expression. Playwright's own wait uses eval; some pages ban it."""
    end = time.monotonic() + seconds
    while not page.evaluate(test):
        assert time.monotonic() < end, f"not so after {seconds} s: {test}"
        page.wait_for_timeout(20)


def settle(page: Any) -> None:
    """Until what was asked for is drawn."""
    page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def change_scheme(page: Any, scheme: str) -> None:
    """To light or dark at once, in a page of the book that follows the system."""
    page.add_style_tag(content="* { transition: none !important; }")
    page.emulate_media(color_scheme=scheme)
    page.locator(f"html[data-theme={scheme}]").wait_for()
    settle(page)


def count_states(page: Any, selector: str, attribute: str = "") -> None:
    """From now on, count an element's different texts, or an attribute's values."""
    page.evaluate(
        """([selector, attribute]) => {
          const one = document.querySelector(selector);
          const state = () => attribute ? one.getAttribute(attribute) : one.textContent;
          window.seen = new Map();
          new MutationObserver(() => {
            if (!seen.has(state())) seen.set(state(), performance.now());
          }).observe(one, attribute ? { attributeFilter: [attribute] }
            : { childList: true, characterData: true, subtree: true });
        }""",
        [selector, attribute],
    )


def require_two_a_second(page: Any) -> None:
    """What moves since ``count_states`` moves in separate steps, two a second.

    Without this a drawing has up to sixty states a second.
    """
    until(page, "seen.size >= 4")
    times = page.evaluate("[...seen.values()]")[:4]
    assert times[3] - times[0] > 1000, times  # three steps, by half a second each
