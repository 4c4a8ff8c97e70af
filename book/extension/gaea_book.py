"""The book's own Sphinx extension.

It does nine small things:

* ``{run-time}`` and ``{reading-time}`` show how long this page ran when it was built
  and how long it takes to read, so that no chapter types its own time;
* ``{peak-memory}`` shows how much memory that took; all three can name another page,
  as in ``{run-time}`a minute <book/intro>` ``, or ``*`` for all of them together;
* an image without a real alternative text is a warning, and warnings fail the build;
* a plotted figure without a caption is a warning;
* a script that the theme lists twice is put on the page once;
* an entry of the bibliography is a list item also for a screen reader;
* the download menu offers the executed notebook, with a set-up cell that installs;
* a picture is fetched when the reader comes near it, or prints the page, and its room
  is kept until then, so that nothing on the page moves;
* the theme's icons come from its font alone, not from its script of 1.5 MB too.

The back matter, the API page, Python in the page and what a published copy has are in
modules beside it.
"""

from __future__ import annotations

import math
import re
import threading
from pathlib import Path
from shutil import copyfile
from typing import Any

import nbformat
import psutil
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from gaea_start import repository, stamp

logger = logging.getLogger(__name__)

# A calm pace for a text with formulas, for readers whose first language is another.
WORDS_A_MINUTE = 160

FILE_NAME = re.compile(r"^[\w./-]*\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
HASH = re.compile(r"^[0-9a-f]{16,}$", re.IGNORECASE)


# The memory of a running page is looked at so often.
LOOKS_A_SECOND = 5


class page_time(nodes.Inline, nodes.TextElement):
    """Stands in the page until its time is known. ``kind`` is the name of the role."""


class PageTime(SphinxRole):
    """The role's own text is shown where no time was measured, as in a notebook."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        named = re.fullmatch(r"(.*?)\s*<(.+)>", self.text, re.DOTALL)
        text, page = named.groups() if named else (self.text, self.env.docname)
        return [page_time(self.rawtext, text, kind=self.name, page=page)], []


def run_time(seconds: float) -> str:
    """Seconds as a reader says them.

    >>> run_time(3.2), run_time(47.1), run_time(125)
    ('4 s', '48 s', '2 min 5 s')
    """
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s"


def reading_minutes(doctree: nodes.document) -> int:
    """Minutes for the prose of a page; code, formulas and outputs are not counted."""
    words = 0
    for text in doctree.findall(nodes.Text):
        parent: nodes.Node | None = text.parent
        while parent is not None and not isinstance(
            parent, (nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
        ):
            parent = parent.parent
        if parent is None:
            words += len(text.astext().split())
    return max(1, round(words / WORDS_A_MINUTE))


def measured(env: Any, page: str) -> dict[str, Any]:
    """What was measured when a page ran: ``runtime`` in s, ``peak_mb`` in MB."""
    metadata = getattr(env, "nb_metadata", {}).get(page, {})
    return metadata.get("exec_data") or {}


def page_value(env: Any, kind: str, page: str) -> str | None:
    """What stands in place of a role, or None if nothing was measured.

    All pages together are the sum of their times and the most that one of them takes;
    a page that does not run does not count.
    """
    ran = [name for name in sorted(env.found_docs) if measured(env, name)]
    names = ran if page == "*" else [page]
    if kind == "reading-time":
        # As each was read, also the one that is being written: where references have
        # become titles there are more words, and two pages would tell two times.
        trees = map(env.get_doctree, names)
        return f"{sum(map(reading_minutes, trees))} min"
    key = {"run-time": "runtime", "peak-memory": "peak_mb"}[kind]
    values = [v for name in names if (v := measured(env, name).get(key)) is not None]
    if not values:
        return None
    return run_time(sum(values)) if key == "runtime" else f"{max(values):.0f} MB"


def fill_in_times(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(page_time)):
        kind, page = node["kind"], node["page"]
        if page != "*" and page not in app.env.found_docs:
            logger.warning("{%s}: there is no page %r", kind, page, location=node)
        shown = page_value(app.env, kind, page) or node.astext()
        node.replace_self(nodes.inline("", shown, classes=[kind]))


class MemoryWatch(threading.Thread):
    """Looks at the memory of all processes below this one, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        here = psutil.Process()
        while not self.over.wait(1 / LOOKS_A_SECOND):
            total = 0
            for child in here.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:  # it has ended meanwhile
                    continue
            self.peak_mb = max(self.peak_mb, total / 1e6)

    def stop(self) -> float:
        self.over.set()
        self.join()
        return self.peak_mb


def start_watch(app: Sphinx, docname: str, source: list[str]) -> None:
    """A page is about to be read, and run."""
    app.env.temp_data["gaea_memory"] = watch = MemoryWatch()
    watch.start()


def stop_watch(app: Sphinx, doctree: nodes.document) -> None:
    """It has run."""
    watch = app.env.temp_data.pop("gaea_memory", None)
    peak = watch.stop() if watch else 0.0
    if peak and (data := measured(app.env, app.env.docname)):
        data["peak_mb"] = peak


def check_images(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "").strip()
        where = image["uri"].rsplit("/", 1)[-1]
        if not alt or FILE_NAME.match(alt) or HASH.match(alt):
            logger.warning(
                "image %s has no alternative text: give the code cell the metadata "
                "mystnb: {image: {alt: ...}}, or the figure an :alt:",
                where,
                location=image if image.source else docname,
                type="gaea_book",
                subtype="alt",
            )
        figure = image.parent
        while figure is not None and not isinstance(figure, nodes.figure):
            figure = figure.parent
        if figure is None or not any(figure.findall(nodes.caption)):
            logger.warning(
                "image %s has no caption: give the code cell the metadata "
                "mystnb: {figure: {caption: ..., name: ...}}",
                where,
                location=image if image.source else docname,
                type="gaea_book",
                subtype="caption",
            )


def drop_doubled_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """sphinx-thebe adds its inline script twice, and every page then throws."""
    seen = set()
    kept = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        key = (str(getattr(script, "filename", script) or ""), body)
        if key not in seen:
            seen.add(key)
            kept.append(script)
    context["script_files"] = kept


def mend_bibliography(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """docutils gives entries a role that WAI-ARIA has withdrawn."""
    if "body" in context:
        old, new = 'role="doc-biblioentry"', 'role="listitem"'
        context["body"] = context["body"].replace(old, new)


def offer_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """The theme does this only where launch buttons are configured."""
    executed = Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
    if executed.exists():
        offered = Path(app.outdir) / "_sources" / f"{page}.ipynb"
        offered.parent.mkdir(parents=True, exist_ok=True)
        notebook = nbformat.read(executed, as_version=4)
        stamp(notebook, *repository(app.config.html_theme_options))
        nbformat.write(notebook, executed)  # with launch buttons the theme copies it
        copyfile(executed, offered)
        context["ipynb_source"] = f"{page}.ipynb"


# At this part of their own size the letters of a picture have 9 pixels: of a plot, in
# 7.5 points at 144 to the inch, and of a drawing, in 12 pixels. book.css uses it.
LEGIBLE = {False: 0.6, True: 0.8}


def fetch_pictures_late(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Those below the first screen can wait; a widget's still may never be seen."""
    for image in doctree.findall(nodes.image):
        image["loading"] = "lazy"


def keep_room(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Width, height and the least width to read it at, on every late picture."""
    sources = {name: source for source, name in app.builder.images.items()}

    def sized(found: re.Match[str]) -> str:
        picture = Path(app.srcdir, sources[found[2]])
        width, height = size_of(picture)
        least = round(width * LEGIBLE[picture.suffix == ".svg"])
        style = f"--legible: {least}px; {found[3] or ''}".strip()
        return f'{found[1]} width="{width}" height="{height}" style="{style}" '

    if "body" in context:
        late = r'(<img [^>]*loading="lazy" src="[^"]*/_images/([^"/]+)")'
        late += r'(?: style="([^"]*)")?\s'
        context["body"] = re.sub(late, sized, context["body"])


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height in pixels; of an SVG those of its viewBox."""
    if picture.suffix != ".svg":
        with Image.open(picture) as image:
            return image.size
    box = re.search(r'viewBox="([^"]+)"', picture.read_text("utf-8"))
    assert box, f"{picture} has no viewBox"
    _, _, width, height = (float(number) for number in box[1].split())
    return round(width), round(height)


def drop_icon_script(app: Sphinx, exception: Exception | None) -> None:
    """The theme's template names the script on every page; what it names is empty."""
    script = Path(app.outdir) / "_static" / "scripts" / "fontawesome.js"
    if exception is None and script.is_file():
        script.write_text("// The icons come from the font in the theme's style.\n")


def setup(app: Sphinx) -> dict[str, Any]:
    for extension in ("gaea_back", "gaea_api", "gaea_live", "gaea_site"):
        app.setup_extension(extension)
    for role in ("run-time", "reading-time", "peak-memory"):
        app.add_role(role, PageTime())
    app.add_node(page_time)
    app.connect("source-read", start_watch)
    app.connect("doctree-read", stop_watch)
    app.connect("doctree-resolved", fill_in_times)
    app.connect("doctree-resolved", check_images)
    app.connect("html-page-context", drop_doubled_scripts, priority=900)
    app.connect("html-page-context", offer_notebook, priority=400)
    app.connect("html-page-context", mend_bibliography)
    app.connect("doctree-resolved", fetch_pictures_late)
    app.connect("html-page-context", keep_room)
    app.connect("build-finished", drop_icon_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
