"""Every page of the book, opened as a reader opens it: by http and from disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

sys.path.insert(0, str(Path(__file__).parent))

from waits import change_scheme, settle  # noqa: E402

TOC = yaml.safe_load((Path(__file__).parents[2] / "_toc.yml").read_text("utf-8"))
PAGES = [
    f"{name}.html"
    for name in [
        TOC["root"],
        *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]),
    ]
]

# The theme's own faults: three buttons whose visible text is not in their name.
THEME_FAULTS = {"label-content-name-mismatch": {"search-button", "theme-switch"}}

# Bytes of a page and all it fetches by itself, as they lie on the disk. A server that
# compresses sends a third of them.
FIRST_LOAD = 3_000_000

every_page = pytest.mark.parametrize("path", PAGES)


def violations(page: Any) -> list[str]:
    """What axe finds (WCAG 2.0 and 2.1, A and AA), without the theme's own faults."""
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    result = Axe().run(page, options={"runOnly": {"type": "tag", "values": rules}})
    found = []
    for rule in result.response["violations"]:
        for node in rule["nodes"]:
            known = THEME_FAULTS.get(rule["id"], set())
            if not any(name in node["html"] for name in known):
                found.append(f"{rule['id']}: {node['html'][:160]}")
    return found


def loaded(page: Any) -> dict[str, int]:
    """What the page has fetched until it is quiet, in bytes."""
    page.wait_for_load_state("networkidle")
    sizes: dict[str, int] = page.evaluate(
        """Object.fromEntries(['navigation', 'resource']
          .flatMap(kind => performance.getEntriesByType(kind))
          .map(one => [one.name, one.encodedBodySize]))"""
    )
    return sizes


@every_page
def test_page_is_whole_and_needs_nothing_from_outside(
    path: str, book: str, open_page: Callable[..., Any]
) -> None:
    visit = open_page(book + path)
    written = visit.page.locator("article .math").count()
    visit.page.wait_for_function(
        "n => document.querySelectorAll('article .math mjx-container').length >= n",
        arg=written,
    )
    wrong = "article mjx-merror, article [data-mjx-error]"
    assert visit.page.locator(wrong).count() == 0
    if book.startswith("http"):
        sizes = loaded(visit.page)
        heaviest = sorted(sizes.items(), key=lambda pair: -pair[1])[:5]
        assert 50_000 < sum(sizes.values()) <= FIRST_LOAD, heaviest
    visit.page.mouse.wheel(0, 20_000)
    visit.page.wait_for_timeout(300)
    assert visit.outside(book) == []
    assert visit.failed == []
    assert visit.errors == []


def test_icons_are_drawn(file_book: str, open_page: Callable[..., Any]) -> None:
    page = open_page(file_book + PAGES[0]).page
    page.evaluate("document.fonts.ready")
    icons = page.evaluate(
        """[...document.querySelectorAll('[class*="fa-"]')]
          .filter(one => one.checkVisibility()).map(one => {
            const style = getComputedStyle(one, '::before');
            return [one.className, style.content, style.fontFamily];
          })"""
    )
    assert len(icons) >= 3
    for name, content, family in icons:
        assert content not in ("none", "normal", '""'), name
        assert "Font Awesome" in family, name
    assert page.evaluate("document.fonts.check('900 16px \"Font Awesome 6 Free\"')")


@every_page
def test_page_fits_a_phone_and_letters_in_pictures_can_be_read(
    path: str, file_book: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(file_book + path, width=390, height=800).page
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 390
    figures = page.evaluate(
        """[...document.querySelectorAll('.bd-article figure[class^="align-"]')]
          .map(figure => [figure, figure.querySelector('img')])
          .filter(([_, image]) => image.clientWidth)
          .map(([figure, image]) => [
            image.src, image.clientWidth / image.getAttribute('width'),
            figure.scrollWidth > figure.clientWidth, figure.tabIndex])"""
    )
    for source, part, scrolls, tab in figures:
        # A plot has letters of 7.5 points at 144 to the inch, a drawing of 12 pixels.
        letters = 12 * part if source.endswith(".svg") else 7.5 * 2 * part
        assert letters >= 8.9, source
        assert tab == (0 if scrolls else -1), source
    page.set_viewport_size({"width": 320, "height": 800})
    settle(page)
    assert page.evaluate(wide) <= 320


def test_pictures_that_come_late_move_nothing(
    file_book: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{file_book}book/2_supernet/erm_or_bilevel.html", width=390).page
    page.wait_for_load_state("networkidle")
    before, after, late = page.evaluate(
        """async () => {
          const tops = () => [...document.querySelectorAll('.bd-article h2, img')]
            .map(one => Math.round(one.getBoundingClientRect().top));
          const late = [...document.images].filter(one => !one.complete);
          const before = tops();
          late.forEach(one => { one.loading = 'eager'; });
          await Promise.all(late.map(one => one.decode()));
          return [before, tops(), late.length];
        }"""
    )
    assert late >= 2 and before == after


@every_page
@pytest.mark.slow
def test_axe_finds_nothing_in_light_and_dark(
    path: str, file_book: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(file_book + path).page
    if page.locator("script[type$='widget-view+json']").count():
        page.locator("html.widgets-shown").wait_for()
    for scheme in ("light", "dark"):
        change_scheme(page, scheme)
        assert violations(page) == [], scheme


def test_axe_sees_a_fault_that_is_there(
    file_book: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(file_book + PAGES[0]).page
    page.evaluate(
        "document.querySelector('article').insertAdjacentHTML("
        "'beforeend', '<img src=\"data:,\"><button></button>')"
    )
    found = violations(page)
    assert any(line.startswith("image-alt") for line in found)
    assert any(line.startswith("button-name") for line in found)


def test_theme_switch_changes_the_page(
    file_book: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(file_book + PAGES[0]).page
    background = "getComputedStyle(document.body).backgroundColor"
    seen = {page.evaluate(background)}
    for _ in range(2):  # from "as the system" to the two fixed choices
        page.locator(".theme-switch-button:visible").first.click()
        seen.add(page.evaluate(background))
    assert len(seen) == 2
