"""What a published copy has: edit and ask links, previews, sitemap; the citation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup

import gaea_mini

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "book" / "extension"
sys.path.insert(0, str(EXTENSION))
import gaea_site  # noqa: E402

REPOSITORY = "https://github.com/someone/a-book"
SITE = "https://someone.github.io/a-book/"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))


def build(folder: Path, *settings: str) -> Path:
    """A site of two pages with the book's extension and theme."""
    (folder / "part").mkdir()
    (folder / "index.md").write_text(
        "# Start & go\n\n```{toctree}\npart/page\n```\n", "utf-8"
    )
    (folder / "part" / "page.md").write_text("# A page\n\nIt moves $\\theta$.\n")
    (folder / "conf.py").write_text(
        "\n".join(
            [
                f"import sys; sys.path.insert(0, {str(EXTENSION)!r})",
                "extensions = ['myst_nb', 'gaea_book']",
                "myst_enable_extensions = ['dollarmath']",
                "nb_ipywidgets_js = {}",
                "html_theme = 'sphinx_book_theme'",
                "html_title = 'A book'",
                *settings,
            ]
        ),
        "utf-8",
    )
    out = folder / "out"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", folder, out],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return out


def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def previews(page: BeautifulSoup) -> dict[str, str]:
    return {
        tag["property"]: tag["content"] for tag in page.select('meta[property^="og:"]')
    }


@pytest.mark.slow
def test_with_repository_and_address(tmp_path: Path) -> None:
    options = {"repository_url": REPOSITORY, "repository_branch": "main"}
    out = build(tmp_path, f"html_theme_options = {options}", f"html_baseurl = {SITE!r}")
    for name, source, title in (
        ("index.html", "index.md", "Start & go"),
        ("part/page.html", "part/page.md", "A page"),
    ):
        page = read(out / name)
        edit, ask = (a["href"] for a in page.select("article p.page-links a"))
        assert edit == f"{REPOSITORY}/edit/main/{source}"
        assert ask.startswith(f"{REPOSITORY}/issues/new?")
        asked = parse_qs(urlsplit(ask).query)
        assert title in asked["title"][0] and source in asked["body"][0]
        assert previews(page)["og:url"] == SITE + name
        assert previews(page)["og:image"] == SITE + "_static/preview.png"
    assert "It moves θ" in previews(read(out / "part/page.html"))["og:description"]
    assert not read(out / "search.html").select(".page-links")
    places = ElementTree.parse(out / "sitemap.xml").getroot()
    assert [place[0].text for place in places] == [
        f"{SITE}index.html",
        f"{SITE}part/page.html",
    ]
    assert (out / ".nojekyll").exists()


@pytest.mark.slow
def test_without(tmp_path: Path) -> None:
    out = build(tmp_path, "html_theme_options = {'repository_url': ''}")
    page = read(out / "part/page.html")
    assert not page.select(".page-links") and "/issues/new" not in page.decode()
    assert previews(page)["og:title"] == "A page"
    assert previews(page)["og:site_name"] == "A book"
    assert not {"og:url", "og:image"} & previews(page).keys()
    assert not (out / "sitemap.xml").exists()
    assert (out / ".nojekyll").exists()


@pytest.mark.parametrize("options", [{}, {"repository_url": ""}])
def test_no_repository_no_links(options: dict[str, str]) -> None:
    assert gaea_site.page_links(options, "book/intro.md", "Title") == {}


def test_a_title_cannot_break_the_address() -> None:
    links = gaea_site.page_links(
        {"repository_url": f"{REPOSITORY}/"}, "book/a b.md", 'What & "why"?'
    )
    assert links["Edit this page"] == f"{REPOSITORY}/edit/main/book/a%20b.md"
    ask = parse_qs(urlsplit(links["Ask about this page"]).query)
    assert ask["title"] == ['Question on: What & "why"?']


def test_a_sitemap_has_whole_addresses() -> None:
    text = gaea_site.sitemap("https://a.org/b", ["c & d.html", "e/f.html"])
    places = [place[0].text for place in ElementTree.fromstring(text.encode())]
    assert places == ["https://a.org/b/c%20%26%20d.html", "https://a.org/b/e/f.html"]


def test_the_book_is_not_taken_for_anothers() -> None:
    # jupyter-book fills in its own repository where the entry is missing.
    assert CONFIG["repository"]["url"] is not None
    assert "executablebooks" not in CONFIG["repository"]["url"]


def test_the_built_pages_have_previews(built_book: Path) -> None:
    for path in (built_book / "book").rglob("*.html"):
        page = read(path)
        shown = previews(page)
        assert shown["og:title"] and shown["og:description"]
        assert shown["og:site_name"] == CONFIG["title"]
        assert "\\" not in shown["og:title"]
        assert bool(page.select(".page-links")) == bool(CONFIG["repository"]["url"])
    assert (built_book / ".nojekyll").exists()
    assert (built_book / gaea_site.PREVIEW).exists()


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == gaea_mini.__version__
    assert citation["authors"] and citation["message"]
    assert CONFIG["title"] in citation["title"]
    papers = (ROOT / "book" / "references.bib").read_text("utf-8")
    for work in citation["references"]:
        assert f"{{{work['title']}}}" in papers
        assert str(work["year"]) in papers
