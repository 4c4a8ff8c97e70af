"""The set-up cell of every chapter, and the buttons that open one elsewhere."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "book" / "extension"
sys.path.insert(0, str(EXTENSION))
import gaea_start  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
NOTEBOOKS = sorted((ROOT / "book").rglob("*.ipynb"))
REPOSITORY = "https://github.com/someone/a-book"
BUTTONS = CONFIG["launch_buttons"]
HUB = BUTTONS | {"jupyterhub_url": "https://hub.example.org"}


# ------------------------------------------------------------------ the cell


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_begins_with_the_stamped_cell(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    code = gaea_start.long_cell(*gaea_start.repository(CONFIG))
    assert "".join(first["source"]) == code
    tagged = [cell for cell in cells if "setup" in cell["metadata"].get("tags", [])]
    assert tagged == [first]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_at_most_three_lines_of_it_are_in_view(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    # Colab shows the title of a form, JupyterLab a bar that opens the source.
    assert first["metadata"]["cellView"] == "form"
    assert first["source"][0].startswith("# @title ")
    assert first["metadata"]["jupyter"]["source_hidden"] is True
    # The source of the chapter has the short one.
    [block] = [part for part in gaea_start.SHORT.split("```") if "here" in part]
    code = block.partition("\n\n")[2].strip().splitlines()
    assert len([line for line in code if line]) <= 3


def test_the_tool_puts_the_cell_in_and_keeps_it_in_step(notebooks: ModuleType) -> None:
    other = "```{code-cell} ipython3\nimport numpy\n```\n"
    text = f"# Title\n\nWords.\n\n{other}\nMore.\n"
    once = notebooks.with_setup(text)
    assert once == text.replace(other, f"{gaea_start.SHORT}\n{other}")
    assert notebooks.with_setup(once) == once
    # As a notebook editor writes it back, and at another place.
    long = "```{code-cell} ipython3\n---\ntags: [setup]\n---\nimport this\n```\n\n"
    assert notebooks.with_setup(text.replace("Words.\n\n", f"Words.\n\n{long}")) == once
    assert notebooks.with_setup(f"{text}\n{long}").rstrip() == once.rstrip()
    assert notebooks.with_setup("# No code\n") == "# No code\n"


def test_a_chapter_without_the_cell_is_found(
    notebooks: ModuleType, tmp_path: Path
) -> None:
    source = tmp_path / "page.md"
    text = (ROOT / "book" / "intro.md").read_text("utf-8")
    source.write_text(text.replace(gaea_start.SHORT, ""), "utf-8")
    assert "set-up cell is missing" in notebooks.drifted(source)


def test_the_setting_is_stamped(notebooks: ModuleType) -> None:
    source = ROOT / "book" / "intro.md"
    text = notebooks.notebook(source, (REPOSITORY, "dev"))
    first = next(
        cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"
    )
    values = {
        node.targets[0].id: node.value.value
        for node in ast.parse("".join(first["source"])).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert values == {"REPOSITORY": REPOSITORY, "BRANCH": "dev"}


def test_an_address_cannot_break_the_cell() -> None:
    with pytest.raises(ValueError, match="is no address"):
        gaea_start.long_cell('https://a.org/"; import os', "main")


@pytest.mark.parametrize("url", [f"{REPOSITORY}.git", "git@github.com:someone/a-book"])
def test_an_address_to_clone_from_makes_no_links(url: str) -> None:
    with pytest.raises(ValueError, match=r"write it as https://github.com/OWNER/NAME"):
        gaea_start.long_cell(url, "main")


class Pip:
    """Stands for ``subprocess.run``: notes the command, gives an exit status."""

    def __init__(self, returncode: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.returncode = returncode

    def __call__(self, command: list[str], **options: Any) -> Pip:
        self.commands.append(command)
        self.stderr = b"fatal: repository not found"
        return self


def run_cell(
    url: str, found: bool, pip: Pip, monkeypatch: pytest.MonkeyPatch, cwd: Path
) -> None:
    monkeypatch.chdir(cwd)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found or None)
    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr("gaea_mini.here.begin", lambda: None)
    with redirect_stderr(io.StringIO()):
        exec(compile(gaea_start.long_cell(url, "main"), "cell", "exec"), {})


def test_what_is_there_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_cell(REPOSITORY, True, pip := Pip(), monkeypatch, tmp_path)
    assert pip.commands == []


def test_what_is_missing_comes_from_the_repository_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_cell(REPOSITORY, False, pip := Pip(), monkeypatch, tmp_path)
    [command] = pip.commands
    wanted = ["install", "--no-deps", f"gaea_mini @ git+{REPOSITORY}@main"]
    assert command[1:] == ["-m", "pip", *wanted]


def test_no_repository_and_no_package_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_cell("", False, pip := Pip(), monkeypatch, tmp_path)
    message = str(stopped.value)
    assert "names no repository" in message and "pip install ." in message
    assert "\n" not in message and pip.commands == []


def test_a_repository_that_cannot_be_had_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_cell(REPOSITORY, False, Pip(1), monkeypatch, tmp_path)
    assert "fatal: repository not found" in str(stopped.value)
    assert f"Could not install gaea_mini @ git+{REPOSITORY}" in str(stopped.value)


def test_in_a_checkout_it_finds_the_package_without_installing() -> None:
    code = gaea_start.long_cell(REPOSITORY, "main")
    # -S: no site-packages, so neither gaea_mini nor anything that it needs.
    code = code.replace('importlib.import_module("gaea_mini.here").begin()', "")
    code += "\nprint(importlib.util.find_spec('gaea_mini').origin)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=ROOT / "book" / "back",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == ROOT / "gaea_mini" / "__init__.py"


# ------------------------------------------------------------------ the buttons


def pages(folder: Path, options: dict[str, Any]) -> Path:
    """A site with two chapters in a folder, built as the book is; one needs torch."""
    (folder / "part").mkdir()
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n"
    (folder / "index.md").write_text("# Start\n\n```{toctree}\n:glob:\n\npart/*\n```\n")
    (folder / "part" / "page.md").write_text(
        f"{head}# A page\n\n{gaea_start.SHORT}\n```{{code-cell}}\n1 + 1\n```\n"
    )
    (folder / "part" / "trains.md").write_text(
        f"{head}# A search\n\n```{{code-cell}}\nfrom gaea_mini import search\n```\n"
    )
    for name in ("page", "trains"):
        (folder / "part" / f"{name}.ipynb").write_text("{}")  # beside, as in the book
    (folder / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(EXTENSION)!r})\n"
        "extensions = ['myst_nb', 'gaea_book']\n"
        "exclude_patterns = ['**/*.ipynb', 'out']\n"
        "nb_execution_mode = 'force'\n"
        "nb_ipywidgets_js = {}\n"
        "html_theme = 'sphinx_book_theme'\n"
        f"html_theme_options = {options!r}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", folder]
        + [folder / "site" / "html"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site" / "html"


def launched(page: Path) -> list[str]:
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    return [a["href"] for a in soup.select(".dropdown-launch-buttons a[href]")]


def test_a_chapter_opens_where_its_repository_says(tmp_path: Path) -> None:
    options = {"repository_url": REPOSITORY, "repository_branch": "main"}
    out = pages(tmp_path, options | {"launch_buttons": HUB})
    links = launched(out / "part" / "page.html")
    [colab] = [link for link in links if "colab" in link]
    assert colab == (
        "https://colab.research.google.com/github/someone/a-book/blob/main/"
        "part/page.ipynb"
    )
    [binder] = [link for link in links if "mybinder" in link]
    assert binder == (
        "https://mybinder.org/v2/gh/someone/a-book/main?urlpath=lab/tree/part/page.ipynb"
    )
    [hub] = [link for link in links if "hub.example" in link]
    assert urlsplit(hub).path == "/hub/user-redirect/git-pull"
    assert parse_qs(urlsplit(hub).query) == {
        "repo": [REPOSITORY],
        "branch": ["main"],
        "urlpath": ["lab/tree/a-book/part/page.ipynb"],
    }
    # Binder has no torch.
    without = [link.replace("page.ipynb", "trains.ipynb") for link in (colab, hub)]
    assert sorted(launched(out / "part" / "trains.html")) == sorted(without)
    # The page without code has none, and the download can install the package.
    assert launched(out / "index.html") == []
    offered = nbformat.read(out / "_sources" / "part" / "page.ipynb", as_version=4)
    assert offered.cells[1].source == gaea_start.long_cell(REPOSITORY, "main")
    assert offered.cells[1].outputs and offered.cells[2].outputs


@pytest.mark.parametrize("buttons", [BUTTONS, HUB])
def test_without_a_repository_there_is_no_button(buttons: dict[str, Any]) -> None:
    left = gaea_start.launchers({"repository_url": "", "launch_buttons": buttons})
    assert not [key for key in left if key.endswith("_url")]


def test_colab_opens_github_only() -> None:
    url = "https://gitlab.com/someone/a-book"
    left = gaea_start.launchers({"repository_url": url, "launch_buttons": BUTTONS})
    assert "colab_url" not in left and left["binderhub_url"]


def test_the_built_chapters_have_buttons_if_and_only_if_there_is_a_repository(
    built_book: Path,
) -> None:
    for path in NOTEBOOKS:
        page = built_book / path.relative_to(ROOT).with_suffix(".html")
        if page.exists():
            links = launched(page)
            assert bool(links) == bool(CONFIG["repository"]["url"]), path
            if any("mybinder" in link for link in links):
                read = nbformat.read(path, as_version=4)
                assert not gaea_start.needs_torch(read), path
