"""The jobs for other Pythons and for Colab's stack, and what Binder gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaea_mini import here

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import colab  # noqa: E402
import nbformat  # noqa: E402
import pythons  # noqa: E402


def names(path: Path) -> set[str]:
    lines = path.read_text("utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    return {line.split("=")[0].split(">")[0].split("<")[0] for line in wanted}


def test_colab_and_binder_have_what_a_chapter_needs_and_no_torch() -> None:
    for path in ("requirements-colab.txt", "binder/requirements.txt"):
        found = names(ROOT / path)
        assert set(here.NEEDS) <= found and "torch" not in found, path


def test_binder_installs_no_dependency_with_the_package() -> None:
    script = (ROOT / "binder" / "postBuild").read_text("utf-8")
    assert "--no-deps" in script
    assert (ROOT / "binder" / "postBuild").stat().st_mode & 0o111
    assert (ROOT / "binder" / "runtime.txt").read_text("utf-8").startswith("python-3.")


def test_this_python_is_found_and_an_unknown_one_is_not() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = pythons.interpreter(version)
    assert found is not None
    done = subprocess.run([found, "--version"], capture_output=True, text=True)
    assert done.stdout.startswith(f"Python {version}.")
    assert pythons.interpreter("3.99") is None


@pytest.mark.parametrize("ci", [False, True])
def test_a_missing_python_fails_on_ci_only(
    ci: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("GAEA_CI", "1" if ci else "")
    assert pythons.left_out("3.99") == int(ci)
    assert "Python 3.99 is not on this machine" in capsys.readouterr().err


def entry(python: str, **more: Any) -> dict[str, Any]:
    return {"what": "tests", "versions": {"python": python}, "passed": 1} | more


def test_a_new_result_takes_the_place_of_the_old_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pythons, "STACKS", tmp_path / "stacks.json")
    for one in (entry("3.12.1"), entry("3.13.0"), entry("3.12.9", passed=2)):
        pythons.keep(one)
    with_torch = {"versions": {"python": "3.12.9", "torch": "2.13.0"}}
    pythons.keep(entry("", **with_torch))
    kept = json.loads((tmp_path / "stacks.json").read_text("utf-8"))
    assert kept == [
        entry("3.12.9", passed=2),
        entry("", **with_torch),
        entry("3.13.0"),
    ]


@pytest.mark.parametrize(
    ("code", "needs"),
    [
        ("import numpy", False),
        ("import torch", True),
        ("from gaea_mini import search", True),
        ("from gaea_mini import show, simplex", False),
    ],
)
def test_a_chapter_that_needs_torch_is_known_by_its_imports(
    code: str, needs: bool
) -> None:
    cells = [nbformat.v4.new_code_cell(code)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    assert colab.gaea_start.needs_torch(notebook) == needs


def test_the_repository_is_one_commit_of_what_is_here(tmp_path: Path) -> None:
    address = colab.repository(tmp_path / "repository")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", address, clone], check=True)
    for name in ("pyproject.toml", "gaea_mini/here.py", "book/records/published.json"):
        assert (clone / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_stand_in_is_taken_for_colab(tmp_path: Path) -> None:
    code = "from gaea_mini import here; assert here.allow_widgets()"
    place = pythons.outside(PYTHONPATH=f"{colab.stand_in(tmp_path)}:{ROOT}")
    done = subprocess.run(
        [sys.executable, "-c", code], env=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert colab.MANAGER in done.stdout
