"""Run every chapter as Colab does: its stack, no checkout, from its own first cell.

    python tools/colab.py                  the chapters that need no torch
    python tools/colab.py --torch 2.11.0   all of them (torch is several gigabytes)
    python tools/colab.py --python 3.12    the same stack on another Python than Colab's
    python tools/colab.py --record         keep the result for "Run it anywhere"

A fresh environment gets the versions of requirements-colab.txt. The files here that git
does not ignore become a repository of one commit; each notebook is stamped with its
address and is then alone in an empty folder. Its set-up cell has to install gaea_mini
from there, each time anew, and must change no other package. ``google.colab`` is a
stand-in that notes that the widget manager was asked for. None of this is Colab itself.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import notebooks  # noqa: E402
import pythons  # noqa: E402
from notebooks import gaea_start  # noqa: E402

VERSION = "3.13"
SHOWN = ("numpy", "torch", "ipywidgets", "ipython", "matplotlib")
MANAGER = "widget manager asked for"
NEEDS_TORCH = "not run, needs torch"
# The chapters of this part never need torch.
TORCH_FREE = "book/1_simplex"


def repository(folder: Path) -> str:
    """A git repository of the files here, as one commit on ``main``. Its address."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        [*who, "commit", "--quiet", "--message=all"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder.resolve().as_uri()


def stand_in(folder: Path) -> Path:
    """A folder for PYTHONPATH in which ``google.colab.output`` is found."""
    package = folder / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "output.py").write_text(
        f"def enable_custom_widget_manager():\n    print({MANAGER!r})\n"
    )
    return folder


def packages(python: Path) -> set[str]:
    """Every package there, as NAME-VERSION, but for gaea_mini."""
    folders = python.parents[1].glob("lib/python*/site-packages/*.dist-info")
    return {folder.stem for folder in folders if "gaea_mini" not in folder.name}


def has_torch(python: Path) -> bool:
    return any(name.startswith("torch-") for name in packages(python))


def run(source: Path, python: Path, address: str, place: Path) -> str:
    """Run one chapter's notebook in an empty folder; what came of it, in one line."""
    text = notebooks.notebook(source, (address, "main"))
    notebook = nbformat.reads(text, as_version=4)
    if not has_torch(python) and gaea_start.needs_torch(notebook):
        return NEEDS_TORCH
    subprocess.run(
        [python, "-m", "pip", "uninstall", "--quiet", "--yes", "gaea_mini"],
        env=pythons.outside(),
        check=True,
        capture_output=True,
    )
    before = packages(python)
    specs = KernelSpecManager(
        kernel_dirs=[str(python.parents[1] / "share" / "jupyter" / "kernels")]
    )
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
    client = NotebookClient(notebook, timeout=900, km=kernel)
    client.owns_km = True  # it ends the kernel, also after an error
    with tempfile.TemporaryDirectory(dir=place) as empty:
        try:
            environment = pythons.outside(PYTHONPATH=str(place / "stand_in"))
            del environment["MPLBACKEND"]  # the kernel has its own
            client.execute(cwd=empty, env=environment)
        except CellExecutionError as error:
            trace = re.sub(r"\x1b\[[\d;]*m", "", str(error.traceback))
            return f"failed: {error.ename}: {error.evalue}\n{trace}"
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    said = "".join(output.get("text", "") for output in first.outputs)
    if MANAGER not in said or "gaea_mini " not in said:
        return f"failed: the first cell says {said!r}"
    if changed := before ^ packages(python):
        return f"failed: other packages have changed: {sorted(changed)}"
    return "ran"


def run_all(
    version: str, torch: str, names: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What came of each chapter, and the versions it ran with."""
    python = pythons.interpreter(version)
    assert python is not None
    listed = ["--requirement", str(ROOT / "requirements-colab.txt")]
    listed += ["pip>=24.1"]  # Python 3.12's own cannot read the address of a folder
    listed += [f"torch=={torch}"] if torch else []
    python = pythons.environment("colab", python, *listed)
    install = [python, "-m", "ipykernel", "install", "--sys-prefix"]
    subprocess.run(install, env=pythons.outside(), check=True, capture_output=True)
    versions = pythons.versions(python, *SHOWN)
    print(f"== chapters on {versions}", flush=True)
    came_of: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        stand_in(place / "stand_in")
        address = repository(place / "repository")
        for source in notebooks.chapters():
            name = source.relative_to(ROOT).with_suffix("").as_posix()
            if names and not any(part in name for part in names):
                continue
            start = time.monotonic()
            came_of[name] = run(source, python, address, place)
            took = time.monotonic() - start
            print(f"{name}: {came_of[name]} ({took:.0f} s)", flush=True)
    return came_of, versions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="*", help="parts of names; default all")
    parser.add_argument("--torch", default="", help="install this version of torch too")
    parser.add_argument("--python", default=VERSION, help="default: Colab's")
    parser.add_argument("--record", action="store_true", help="keep the result")
    options = parser.parse_args()
    if pythons.interpreter(options.python) is None:
        return pythons.left_out(options.python)
    came_of, versions = run_all(options.python, options.torch, options.name)
    must_run = [n for n in came_of if options.torch or n.startswith(TORCH_FREE)]
    bad = [name for name, what in came_of.items() if what.startswith("failed")]
    bad += [name for name in must_run if came_of[name] == NEEDS_TORCH]
    if options.record:
        entry: dict[str, Any] = {
            "what": "chapters",
            "versions": versions,
            "passed": sum(what == "ran" for what in came_of.values()),
            "failed": sum(what.startswith("failed") for what in came_of.values()),
            "skipped": sum(what == NEEDS_TORCH for what in came_of.values()),
        }
        pythons.keep(entry)
    for name in bad:
        print(f"{name} did not run on this stack", file=sys.stderr)
    return int(bool(bad))


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main())
