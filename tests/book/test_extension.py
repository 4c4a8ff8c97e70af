"""The local Sphinx extension: times, alternative texts, doubled scripts."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from PIL import Image

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" '
    'height="9"/></svg>'
)


def build(folder: Path, text: str, extension: Path) -> tuple[str, str]:
    """A one-page site with this extension: its warnings and its page."""
    (folder / "picture.svg").write_text(PICTURE, "utf-8")
    (folder / "index.md").write_text(text, "utf-8")
    (folder / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(extension)!r})\n"
        "extensions = ['myst_nb', 'gaea_book']\n"
        "nb_execution_mode = 'force'\n"
        "nb_ipywidgets_js = {}\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", folder, folder / "out"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr, (folder / "out" / "index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def extension(root: Path) -> Path:
    return root / "book" / "extension"


@pytest.mark.parametrize(
    ("figure", "warns"),
    [
        ("```{figure} picture.svg\n:alt: A black square.\n\nA square.\n```", []),
        ("```{figure} picture.svg\n\nA square.\n```", ["alternative text"]),
        (
            "```{figure} picture.svg\n:alt: picture.svg\n\nA square.\n```",
            ["alternative text"],
        ),
        ("```{figure} picture.svg\n:alt: A black square.\n```", ["caption"]),
        ("![](picture.svg)", ["alternative text", "caption"]),
    ],
)
def test_a_figure_needs_alternative_text_and_caption(
    figure: str, warns: list[str], tmp_path: Path, extension: Path
) -> None:
    stderr, _ = build(tmp_path, f"# Page\n\n{figure}\n", extension)
    for what in ("alternative text", "caption"):
        assert (f"has no {what}" in stderr) == (what in warns), stderr


def test_a_page_shows_its_measured_time(tmp_path: Path, extension: Path) -> None:
    words = "word " * 480
    text = (
        "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n# Page\n\n"
        "R {run-time}`unknown` A {reading-time}`unknown`\n\n"
        f"{words}\n\n"
        "```{code-cell} ipython3\nimport time\ntime.sleep(1.2)\n```\n"
    )
    _, page = build(tmp_path, text, extension)
    assert 'R <span class="run-time">' in page
    seconds = int(page.split('class="run-time">')[1].split(" s<")[0])
    assert 2 <= seconds <= 30
    assert '<span class="reading-time">3 min</span>' in page


def test_a_page_shows_its_peak_memory(tmp_path: Path, extension: Path) -> None:
    text = (
        "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n# Page\n\n"
        "M {peak-memory}`unknown` all {peak-memory}`unknown <*>`\n\n"
        "```{code-cell} ipython3\nimport time\n"
        "full = bytearray(b'x') * 400_000_000\ntime.sleep(2)\ndel full\n```\n"
    )
    _, page = build(tmp_path, text, extension)
    shown = re.findall(r'class="peak-memory">(\d+) MB<', page)
    assert len(shown) == 2 and shown[0] == shown[1]
    assert 400 < int(shown[0]) < 900


def test_a_page_that_is_not_there_is_a_warning(tmp_path: Path, extension: Path) -> None:
    stderr, page = build(tmp_path, "# Page\n\nR {run-time}`no <gone>`\n", extension)
    assert "there is no page 'gone'" in stderr
    assert '<span class="run-time">no</span>' in page


def test_without_code_the_role_shows_its_own_text(
    tmp_path: Path, extension: Path
) -> None:
    _, page = build(tmp_path, "# Page\n\nR {run-time}`not run`\n", extension)
    assert '<span class="run-time">not run</span>' in page


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59.2, "1 min 0 s"), (125, "2 min 5 s")]
)
def test_run_time(gaea_book: ModuleType, seconds: float, words: str) -> None:
    assert gaea_book.run_time(seconds) == words


def test_reading_time_counts_prose_only(gaea_book: ModuleType) -> None:
    code = "::\n\n" + "    word word word\n" * 1000
    tree = publish_doctree("word " * 330 + code, settings_overrides=QUIET)
    assert gaea_book.reading_minutes(tree) == 2


QUIET = {"warning_stream": io.StringIO()}


def test_a_page_and_another_tell_the_same_reading_time(
    tmp_path: Path, extension: Path
) -> None:
    # A reference becomes the title of what it names, which has many words.
    other = tmp_path / "other.md"
    time = "A {reading-time}`unknown <index>`"
    other.write_text(f"# {'title ' * 400}\n\n{time}\n", "utf-8")
    text = f"# Page\n\n{time}\n\n[](other.md)\n\n```{{toctree}}\nother\n```\n"
    _, page = build(tmp_path, text, extension)
    assert page.count("title title") >= 1
    shown = re.compile(r'class="reading-time">([^<]+)<')
    elsewhere = (tmp_path / "out" / "other.html").read_text("utf-8")
    assert shown.findall(page) == shown.findall(elsewhere) == ["1 min"]


def test_a_script_is_kept_once(gaea_book: ModuleType) -> None:
    def script(name: str | None, body: str | None = None) -> SimpleNamespace:
        return SimpleNamespace(filename=name, attributes={"body": body})

    files = [script(None, "const A = 1"), script("x.js"), script("", "const A = 1")]
    context = {"script_files": files}
    gaea_book.drop_doubled_scripts(None, "", "", context, None)
    assert context["script_files"] == files[:2]


def test_every_picture_is_fetched_late(gaea_book: ModuleType) -> None:
    tree = publish_doctree(
        ".. image:: a.png\n\n.. figure:: b.svg\n", settings_overrides=QUIET
    )
    gaea_book.fetch_pictures_late(None, tree, "")
    assert [image["loading"] for image in tree.findall(nodes.image)] == ["lazy"] * 2


def test_the_room_of_a_picture_is_kept(gaea_book: ModuleType, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    (tmp_path / "b.svg").write_text('<svg viewBox="0 0 640 270.4"></svg>', "utf-8")
    builder = SimpleNamespace(images={"a.png": "a.png", "b.svg": "b.svg"})
    app = SimpleNamespace(srcdir=tmp_path, builder=builder)
    late = '<img alt="x" loading="lazy" src="../_images/{}" style="width: 85%;" />'
    now = '<img alt="x" src="../_images/a.png" />'
    context = {"body": late.format("a.png") + late.format("b.svg") + now}
    gaea_book.keep_room(app, "page", "", context, None)
    assert context["body"].count("width=") == 2 and context["body"].endswith(now)
    style = 'style="--legible: {}px; width: 85%;" />'
    assert 'a.png" width="64" height="48" ' + style.format(38) in context["body"]
    assert 'b.svg" width="640" height="270" ' + style.format(512) in context["body"]
    bare = '<img alt="x" loading="lazy" src="../_images/a.png" />'
    gaea_book.keep_room(app, "page", "", context := {"body": bare}, None)
    assert 'height="48" style="--legible: 38px;" />' in context["body"]


def test_the_icon_script_is_emptied_after_a_good_build(
    gaea_book: ModuleType, tmp_path: Path
) -> None:
    script = tmp_path / "_static" / "scripts" / "fontawesome.js"
    script.parent.mkdir(parents=True)
    script.write_text("x" * 9999, "utf-8")
    app = SimpleNamespace(outdir=tmp_path)
    gaea_book.drop_icon_script(app, RuntimeError())
    assert script.stat().st_size == 9999
    gaea_book.drop_icon_script(app, None)
    assert script.stat().st_size < 100
