"""The built pages, read as a parser reads them; tests/browser opens them."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

TOC = yaml.safe_load((Path(__file__).parents[2] / "_toc.yml").read_text("utf-8"))
PAGES = [
    f"{name}.html"
    for name in [
        TOC["root"],
        *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]),
    ]
]
each_page = pytest.mark.parametrize("path", PAGES)

FILE_NAME = re.compile(r"^\S*([0-9a-f]{16,}|\.(png|svg|jpe?g|gif))\S*$", re.I)


@cache
def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@each_page
def test_every_picture_has_words(path: str, built_book: Path) -> None:
    for image in parse(built_book / path).select("article img"):
        alt = image.get("alt", "").strip()
        assert not FILE_NAME.match(alt), f"{image.get('src')}: alt is a file name"
        assert len(alt.split()) >= 4, f"{image.get('src')}: alt is {alt!r}"


@each_page
def test_every_plotted_figure_has_a_number_and_a_caption(
    path: str, built_book: Path
) -> None:
    for image in parse(built_book / path).select("article .cell_output img"):
        caption = image.find_parent("figure").select_one("figcaption .caption-text")
        assert caption and caption.get_text(strip=True)


@each_page
def test_no_script_or_style_comes_from_elsewhere(path: str, built_book: Path) -> None:
    page = parse(built_book / path)
    sources = [tag.get("src") for tag in page.select("script[src], img[src]")]
    sources += [tag.get("href") for tag in page.select("link[rel=stylesheet]")]
    assert sources
    assert [s for s in sources if re.match(r"(https?:)?//", s or "")] == []
    inline = " ".join(tag.get_text() for tag in page.select("script:not([src])"))
    assert "import(" not in inline and "requirejs" not in inline


@each_page
def test_links_inside_the_book_lead_somewhere(path: str, built_book: Path) -> None:
    here = built_book / path
    for link in parse(here).select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        assert target.is_file(), f"{path} links to {link['href']}"
        if parts.fragment and target.suffix == ".html":
            wanted = unquote(parts.fragment)
            assert parse(target).find(id=wanted), f"{path} links to {link['href']}"


@each_page
def test_headings_form_a_tree(path: str, built_book: Path) -> None:
    heads = parse(built_book / path).select("article :is(h1,h2,h3,h4,h5,h6)")
    levels = [int(head.name[1]) for head in heads]
    assert levels.count(1) == 1 and levels[0] == 1
    for before, after in zip(levels, levels[1:], strict=False):
        assert after <= before + 1, f"{path}: a heading jumps from {before} to {after}"


@each_page
def test_no_cell_left_an_error(path: str, built_book: Path) -> None:
    page = parse(built_book / path)
    assert page.select("article .output.traceback:not(.tag_raises-exception *)") == []
    assert page.select("article .output.stderr") == []


@each_page
def test_the_times_were_measured(path: str, built_book: Path) -> None:
    if path.startswith("book/back/"):
        return
    page = parse(built_book / path)
    run = page.select_one(".run-time").get_text()
    assert re.fullmatch(r"(\d+ min )?\d+ s", run)
    assert re.fullmatch(r"\d+ min", page.select_one(".reading-time").get_text())
    if os.environ.get("CI") or os.environ.get("GAEA_CI"):
        # The rule is 90 seconds on two quiet cores, and the colophon shows the time.
        # CI's cores may be shared: twice the rule is a chapter that has grown too long.
        minutes, seconds = re.fullmatch(r"(?:(\d+) min )?(\d+) s", run).groups()
        assert int(minutes or 0) * 60 + int(seconds) <= 180


def test_first_page_of_the_site_leads_to_the_book(built_book: Path) -> None:
    assert TOC["root"] in (built_book / "index.html").read_text("utf-8")


def test_the_download_is_an_executed_notebook(built_book: Path) -> None:
    sources = list((built_book / "_sources").rglob("*.ipynb"))
    assert len(sources) >= 3
    for path in sources:
        assert '"execution_count": 1' in path.read_text("utf-8"), path.name
