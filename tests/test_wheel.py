"""The package as others install it, by git from a clone, and used elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import colab  # noqa: E402

pytestmark = pytest.mark.slow

USE = """
from pathlib import Path
import gaea_mini
from gaea_mini import data, show
from gaea_mini.show import records

package = Path(gaea_mini.__file__).parent
names = {path.stem for path in (package / "records").glob("*.json")}
for name in names:
    assert records.load_record(name)
assert records.folder() == package / "records"
assert not any((above / "book").exists() for above in package.parents)
assert len(data.load("fashion").x) and show.Quiz._esm
print(package.parent)
print(" ".join(sorted(names)))
"""


def call(*command: object, cwd: Path, **environment: str) -> str:
    """What a command prints; it has to end well."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with gaea_mini alone, installed from a git address."""
    here = tmp_path_factory.mktemp("elsewhere")
    address = colab.repository(here / "repository")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    call(*pip, "--target", here / "lib", f"git+{address}@main", cwd=here)
    return here / "lib"


def test_every_file_of_the_package_and_every_record_is_there(installed: Path) -> None:
    package = ROOT / "gaea_mini"
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = installed / path.relative_to(ROOT)
            assert copy.read_bytes() == path.read_bytes(), path
    for path in (ROOT / "book" / "records").rglob("*.json"):
        copy = installed / "gaea_mini" / "records" / path.name
        assert copy.read_bytes() == path.read_bytes(), path


def test_it_works_away_from_the_clone(installed: Path, tmp_path: Path) -> None:
    place = {"PYTHONPATH": str(installed), "MPLBACKEND": "agg"}
    out = call(sys.executable, "-c", USE, cwd=tmp_path, **place).splitlines()
    assert Path(out[0]) == installed
    wanted = {path.stem for path in (ROOT / "book" / "records").glob("*.json")}
    assert set(out[1].split()) == wanted


def test_its_command_line_works_away_from_the_clone(
    installed: Path, tmp_path: Path
) -> None:
    place = {"PYTHONPATH": str(installed)}
    program = (sys.executable, "-m", "gaea_mini")
    assert "compact" in call(*program, "spaces", cwd=tmp_path, **place)
    run, page = tmp_path / "run.json", tmp_path / "page.html"
    search = ("search", "--preset", "tiny", "--out", run)
    call(*program, *search, cwd=tmp_path, **place)
    call(*program, "show", run, "--html", page, cwd=tmp_path, **place)
    assert "renderPlayer(" in page.read_text("utf-8")
