"""What the last step of a chapter's set-up cell finds and says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from gaea_mini import __version__, here
from gaea_mini.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


def test_it_asks_for_what_the_package_needs_but_for_torch() -> None:
    """And what comes with it, and joblib: without it searches follow one another."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {wanted.split(">=")[0] for wanted in project["dependencies"]}
    assert {*here.NEEDS, "torch", "filelock", "joblib"} == names


def test_the_line_names_versions_device_and_preset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here, "device", lambda: "cuda")
    here.begin()
    line, *others = capsys.readouterr().out.splitlines()
    assert others == ([] if here.found("torch") else [here.NO_TORCH])
    assert line.startswith(f"gaea_mini {__version__}, Python 3.")
    assert line.endswith("device cuda, preset gpu")


def test_a_second_line_says_that_torch_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here, "found", lambda name: name in here.NEEDS)
    here.begin()
    line, more = capsys.readouterr().out.splitlines()
    assert "no torch" in line
    assert more.startswith("PyTorch is missing here") and "%pip install torch" in more


def test_a_missing_package_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(here, "found", lambda name: name != "anywidget")
    with pytest.raises(InputError, match=r"^anywidget missing .*%pip install anywidge"):
        here.begin()


def test_only_colab_is_asked_for_its_widget_manager(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not here.allow_widgets()
    asked: list[bool] = []
    colab = ModuleType("google.colab")
    colab.output = SimpleNamespace(  # type: ignore[attr-defined]
        enable_custom_widget_manager=lambda: asked.append(True)
    )
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(here, "found", lambda name: True)
    assert here.allow_widgets() and asked == [True]


@pytest.mark.parametrize(
    ("driver", "reached", "device"),
    [(None, True, "cpu"), ("nvidia-smi", True, "cuda"), ("nvidia-smi", False, "cpu")],
)
def test_the_device_is_what_torch_reaches(
    driver: str | None, reached: bool, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.shutil, "which", lambda name: driver)
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: reached))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(here, "found", lambda name: True)
    assert here.device() == device


def test_the_presets_exist() -> None:
    from gaea_mini.search import PRESETS

    assert {here.preset("cpu"), here.preset("cuda")} <= set(PRESETS)


def test_without_a_gpu_torch_is_not_imported() -> None:
    code = (
        "import shutil, sys; shutil.which = lambda name: None\n"
        "from gaea_mini import here; here.begin()\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "device cpu, preset cpu" in done.stdout
