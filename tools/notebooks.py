"""Make the notebook beside each chapter, or say where the two have drifted apart.

A chapter's source is its MyST file, ``book/**/NAME.md``. Colab and Jupyter open
``NAME.ipynb``, which this script makes from it, without outputs. The same source
always gives the same bytes: a cell's id is made from its text.

Every chapter begins with the same set-up cell (``book/extension/gaea_start.py``). This
script puts it before the first other code cell of a source that has none, and stamps
the repository of ``_config.yml`` into the notebooks.

    python tools/notebooks.py            write the notebooks
    python tools/notebooks.py --check    write nothing; exit 1 if one has drifted
    python tools/notebooks.py --format   first lay out the code in the .md with ruff
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "extension"))
import gaea_start  # noqa: E402

CODE_CELL = re.compile(
    r"^(?P<fence>`{3,})\{code-cell\}[^\n]*\n(?P<head>---\n.*?^---\n|(?::[^\n]*\n)*)"
    r"\n*(?P<code>.*?)^(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)


def chapters(root: Path = ROOT) -> list[Path]:
    """The sources that hold code cells, in order of their path."""
    pages = sorted((root / "book").rglob("*.md"))
    return [page for page in pages if CODE_CELL.search(page.read_text("utf-8"))]


def with_setup(text: str) -> str:
    """The text of a source with the one set-up cell before its other code cells."""

    def set_up(match: re.Match[str]) -> bool:
        return bool(re.search(rf"\b{gaea_start.TAG}\b", match["head"]))

    found = [match for match in CODE_CELL.finditer(text) if set_up(match)]
    for match in reversed(found):
        text = text[: match.start()] + text[match.end() :].lstrip("\n")
    first = CODE_CELL.search(text)
    if first is None:
        return text
    return f"{text[: first.start()]}{gaea_start.SHORT}\n{text[first.start() :]}"


def notebook(source: Path, repository: tuple[str, str] | None = None) -> str:
    """The text of the notebook that belongs to this source.

    Args:
      source: the chapter's ``.md``.
      repository: address and branch to install from; None takes those of _config.yml.
    """
    cells = jupytext.read(source)
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    gaea_start.stamp(cells, *(repository or gaea_start.repository(config)))
    cells.metadata.pop("jupytext", None)
    cells.metadata["jupytext"] = {"formats": "ipynb,md:myst"}
    seen: Counter[str] = Counter()
    for cell in cells.cells:
        text = f"{cell.cell_type}\n{cell.source}"
        seen[text] += 1
        cell["id"] = hashlib.sha256(f"{seen[text]}\n{text}".encode()).hexdigest()[:8]
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    nbformat.validate(cells)
    return nbformat.writes(cells) + "\n"


def drifted(source: Path) -> str | None:
    """What is wrong with this source or the notebook beside it, or None."""
    text = source.read_text("utf-8")
    if with_setup(text) != text:
        return "its set-up cell is missing, changed or not the first code cell"
    beside = source.with_suffix(".ipynb")
    if not beside.exists():
        return f"{beside.name} is missing"
    if beside.read_text("utf-8") != notebook(source):
        return f"{beside.name} is not what {source.name} gives"
    return None


def lay_out(source: Path) -> None:
    """Lay out the code cells of a source in place, their imports too."""
    name = str(source.with_suffix(".py"))

    def one(match: re.Match[str]) -> str:
        code = match["code"]
        if not code.strip() or code.lstrip().startswith(("%", "!")):
            return match[0]
        for command in (["check", "--select=I", "--fix", "--quiet"], ["format"]):
            code = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--stdin-filename", name],
                input=code,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        start = match.start("code") - match.start()
        end = match.end("code") - match.start()
        return match[0][:start] + code + match[0][end:]

    before = source.read_text("utf-8")
    after = CODE_CELL.sub(one, before)
    if after != before:
        source.write_text(after, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--format", action="store_true", help="lay out the .md first")
    options = parser.parse_args()
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    try:
        gaea_start.long_cell(*gaea_start.repository(config))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    status = 0
    for source in chapters():
        name = source.relative_to(ROOT)
        if options.check:
            fault = drifted(source)
            if fault:
                print(f"{name}: {fault}; run `make notebooks`", file=sys.stderr)
                status = 1
            continue
        before = source.read_text("utf-8")
        if with_setup(before) != before:
            source.write_text(with_setup(before), "utf-8")
            print(f"{name}: set-up cell put in")
        if options.format:
            lay_out(source)
        beside = source.with_suffix(".ipynb")
        text = notebook(source)
        if not beside.exists() or beside.read_text("utf-8") != text:
            beside.write_text(text, "utf-8")
            print(f"{beside.relative_to(ROOT)} written")
    stray = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / "book").rglob("*.ipynb"))
        if path.with_suffix(".md") not in chapters()
        and ".ipynb_checkpoints" not in path.parts
    ]
    for path in stray:
        print(f"{path}: no chapter of this name has code", file=sys.stderr)
    return status or int(bool(stray))


if __name__ == "__main__":
    sys.exit(main())
