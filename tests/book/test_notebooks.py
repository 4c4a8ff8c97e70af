"""The notebook beside each chapter is what its source gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

BOOK = Path(__file__).parents[2] / "book"
NOTEBOOKS = sorted(BOOK.rglob("*.ipynb"))


def test_no_notebook_has_drifted(notebooks: ModuleType) -> None:
    chapters = notebooks.chapters()
    assert len(chapters) >= 3
    assert [notebooks.drifted(chapter) for chapter in chapters] == [None] * len(
        chapters
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_committed_notebook_holds_no_outputs(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert any(cell["cell_type"] == "code" for cell in cells)
    for cell in cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_drift_is_found(notebooks: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "intro.md"
    shutil.copy(BOOK / "intro.md", source)
    assert "missing" in notebooks.drifted(source)
    beside = source.with_suffix(".ipynb")
    beside.write_text(notebooks.notebook(source), "utf-8")
    assert notebooks.drifted(source) is None
    source.write_text(source.read_text("utf-8").replace("lr=0.5", "lr=0.6"), "utf-8")
    assert "is not what intro.md gives" in notebooks.drifted(source)


def test_an_unchanged_cell_keeps_its_id(notebooks: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "intro.md"
    shutil.copy(BOOK / "intro.md", source)
    before = [cell["id"] for cell in json.loads(notebooks.notebook(source))["cells"]]
    source.write_text(source.read_text("utf-8").replace("lr=0.5", "lr=0.6"), "utf-8")
    after = [cell["id"] for cell in json.loads(notebooks.notebook(source))["cells"]]
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_layout_changes_code_and_nothing_else(
    notebooks: ModuleType, tmp_path: Path
) -> None:
    source = tmp_path / "page.md"
    text = "# A\n\n```{code-cell} ipython3\n:tags: [x]\n\nimport b\nimport a\na=1 +2\n"
    source.write_text(text + "```\n\n`a=1`\n", "utf-8")
    notebooks.lay_out(source)
    wanted = text.replace(
        "import b\nimport a\na=1 +2", "import a\nimport b\n\na = 1 + 2"
    )
    assert source.read_text("utf-8") == wanted + "```\n\n`a=1`\n"
