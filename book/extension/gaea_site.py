"""What a published copy has besides its pages.

Two settings of ``_config.yml`` drive it, and both are empty in the repository:

* ``repository: {url: ...}``, on GitHub: every page gets a link to edit it and one that
  opens a question about it, and every chapter its launch buttons, but Binder's, which
  has no torch, only where the chapter needs none;
* ``html: {baseurl: ...}``: the pages' previews get addresses and a picture, and
  ``sitemap.xml`` is written.

A ``.nojekyll`` file and previews without addresses are always there.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import nbformat
from sphinx.application import Sphinx
from sphinx.config import Config

from gaea_start import launchers, needs_torch

PREVIEW = "_static/preview.png"
PREVIEW_ALT = "Theta on the edges of a cell at several epochs of a search."


def page_links(options: dict[str, Any], path: str, title: str) -> dict[str, str]:
    """Name and address of the links under a page; none without a repository.

    Args:
      options: of the theme: ``repository_url``, ``repository_branch``.
      path: of the page's source, from the top of the repository.
      title: of the page.
    """
    repository = (options.get("repository_url") or "").rstrip("/")
    if not repository:
        return {}
    branch = options.get("repository_branch") or "main"
    question = {"title": f"Question on: {title}", "body": f"Page: {path}\n\n"}
    return {
        "Edit this page": f"{repository}/edit/{quote(branch)}/{quote(path)}",
        "Ask about this page": f"{repository}/issues/new?{urlencode(question)}",
    }


def add_page_links(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put the links below the text of a page."""
    if doctree is None or "body" not in context:
        return
    path = Path(app.env.doc2path(page)).relative_to(app.srcdir).as_posix()
    title = next(iter(app.env.titles[page].astext().splitlines()), page)
    links = page_links(app.config.html_theme_options, path, title)
    if links:
        shown = " · ".join(
            f'<a href="{escape(address)}">{name}</a>' for name, address in links.items()
        )
        context["body"] += f'\n<p class="page-links">{shown}</p>\n'


def address_previews(app: Sphinx, config: Config) -> None:
    """Give the previews the address of the site, where it has one."""
    config.ogp_social_cards = {"enable": False}
    config.ogp_site_name = config.html_title
    if config.html_baseurl:
        config.ogp_site_url = config.html_baseurl
        config.ogp_image = PREVIEW
        config.ogp_image_alt = PREVIEW_ALT


def choose_launchers(app: Sphinx, config: Config) -> None:
    """Only the launch buttons that can work for the repository that is set."""
    options = config.html_theme_options
    if "launch_buttons" in options:
        options["launch_buttons"] = launchers(options)


def drop_binder(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take Binder's button off a page whose notebook cannot run without torch."""
    buttons = app.config.html_theme_options.get("launch_buttons") or {}
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
    if not buttons.get("binderhub_url") or not executed.exists():
        return
    if not needs_torch(nbformat.read(executed, as_version=4)):
        return
    for group in list(context.get("header_buttons", [])):
        if group.get("label") == "launch-buttons":
            kept = [one for one in group["buttons"] if one["text"] != "Binder"]
            group["buttons"] = kept
            if not kept:
                context["header_buttons"].remove(group)


def mend_preview(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """A preview shows no TeX, and without an address of the site it has none."""
    lines = context.get("metatags", "").split("\n")
    if not app.config.html_baseurl:
        lines = [line for line in lines if '"og:url"' not in line]
    context["metatags"] = "\n".join(map(without_tex, lines))


def without_tex(text: str) -> str:
    r"""Greek letters as letters, and no dollar or brace.

    >>> without_tex(r"It moves\theta on $5^6 = 15{,}625$ cells.")
    'It moves θ on 5^6 = 15,625 cells.'
    """
    for name, letter in {"theta": "θ", "alpha": "α", "eta": "η", "gamma": "γ"}.items():
        text = re.sub(rf"\s*\\{name}\b", f" {letter}", text)
    return re.sub(r"[${}]", "", text)


def sitemap(base: str, pages: list[str]) -> str:
    """A sitemap of pages, given by their addresses below ``base``."""
    base = base.rstrip("/") + "/"
    urls = "".join(
        f"  <url><loc>{escape(urljoin(base, quote(page)))}</loc></url>\n"
        for page in sorted(pages)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{urls}</urlset>\n"
    )


def write_sitemap(app: Sphinx, error: Exception | None) -> None:
    """After a build, where the site has an address."""
    if error is None and app.config.html_baseurl and app.builder.format == "html":
        pages = [app.builder.get_target_uri(page) for page in app.env.found_docs]
        text = sitemap(app.config.html_baseurl, pages)
        (Path(app.outdir) / "sitemap.xml").write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.githubpages")
    app.setup_extension("sphinxext.opengraph")
    app.connect("config-inited", address_previews)
    app.connect("config-inited", choose_launchers)
    app.connect("html-page-context", add_page_links)
    app.connect("html-page-context", drop_binder, priority=900)
    app.connect("html-page-context", mend_preview, priority=900)
    app.connect("build-finished", write_sitemap)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
