"""Run the tests on other Pythons than the book's, each in a fresh environment.

    python tools/pythons.py 3.12 3.13            the part that needs no torch
    python tools/pythons.py 3.12 --torch 2.13.0  everything but the book's pages
    python tools/pythons.py 3.12 --record        keep the result for "Run it anywhere"

The tests that take long are left out, as of `make test`. Without torch a test that
needs it is skipped; tests/conftest.py sees to that. On a desk a Python that is not
there is named and left out; on CI it is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "_build" / "pythons"
STACKS = ROOT / "book" / "back" / "stacks.json"
NEEDED = (
    *("numpy", "matplotlib", "scipy", "ipywidgets", "anywidget", "tqdm", "filelock"),
    *("pytest", "hypothesis", "joblib", "optuna", "distributed", "PyYAML"),
    "beautifulsoup4",
)
# They need the book's own environment, or look at it.
NOT_HERE = (
    "tests/live",
    *("tests/book", "tests/browser", "tests/test_packaging.py"),
    *("tests/test_stacks.py", "tests/test_wheel.py"),
)
# Without torch the doctests of the other rooms have nothing to run.
WITHOUT_TORCH = ("tests", "gaea_mini/simplex", "gaea_mini/show", "gaea_mini/here.py")


def interpreter(version: str) -> Path | None:
    """A Python of this version: on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    for path in (
        *([Path(on_path)] if on_path else []),
        *sorted(pyenv.glob(f"versions/{version}.*/bin/python")),
    ):
        ask = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", ask], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == version:
            return path
    return None


def left_out(version: str) -> int:
    """Say that a Python is not there. The exit status for it."""
    print(f"Python {version} is not on this machine: left out", file=sys.stderr)
    return int(bool(os.environ.get("CI") or os.environ.get("GAEA_CI")))


def environment(name: str, python: Path, *packages: str) -> Path:
    """A fresh virtual environment with these packages. Its interpreter."""
    folder = PLACE / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = folder / "bin" / "python"
    subprocess.run(
        [inside, "-m", "pip", "install", "--quiet", "--quiet", *packages],
        env=outside(),
        check=True,
    )
    return inside


def outside(**more: str) -> dict[str, str]:
    """The variables of this process without those that name Python's own places."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    fixed = {
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning for users of debuggers
    }
    return kept | fixed | more


def versions(python: Path, *names: str) -> dict[str, str]:
    """The versions of Python and of packages there; one that is missing is left out."""

    def ask(*command: str) -> str:
        done = subprocess.run(
            [python, *command],
            env=outside(),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    listed = json.loads(ask("-m", "pip", "list", "--format=json"))
    found = {entry["name"].lower(): entry["version"] for entry in listed}
    own = ask("-c", "import platform; print(platform.python_version())").strip()
    return {"python": own} | {n: found[n.lower()] for n in names if n.lower() in found}


def keep(entry: dict[str, Any]) -> None:
    """Put a result among those that "Run it anywhere" shows, for an older one."""
    kept = json.loads(STACKS.read_text("utf-8")) if STACKS.exists() else []

    def key(one: dict[str, Any]) -> tuple[str, str, bool]:
        versions = one["versions"]
        return one["what"], versions["python"].rpartition(".")[0], "torch" in versions

    kept = [one for one in kept if key(one) != key(entry)] + [entry]
    STACKS.write_text(json.dumps(sorted(kept, key=key), indent=1) + "\n", "utf-8")


def pins() -> dict[str, str]:
    """The book's versions of the packages that the tests need."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    return {name: pinned[name] for name in NEEDED if name in pinned}


def run_tests(version: str, torch: str, record: bool, arguments: list[str]) -> int:
    """The tests on one Python. The exit status."""
    found = interpreter(version)
    if found is None:
        return left_out(version)
    start = time.monotonic()
    pinned = pins()
    wanted = [f"{name}=={pinned[name]}" if name in pinned else name for name in NEEDED]
    wanted += [f"torch=={torch}"] if torch else []
    python = environment(f"{version}-torch" if torch else version, found, *wanted)
    shown = versions(python, "numpy", "torch")
    print(f"== tests on {shown}", flush=True)
    report = PLACE / f"{version}.xml"
    command = [python, "-m", "pytest", "-q", "-rfE", f"--junitxml={report}"]
    command += ["-m", "not slow"]
    command += ["-p", "no:cacheprovider", *(f"--ignore={path}" for path in NOT_HERE)]
    command += arguments or ([] if torch else WITHOUT_TORCH)
    status = subprocess.run(
        command, cwd=ROOT, env=outside(PYTHONPATH=str(ROOT))
    ).returncode
    counted = ElementTree.parse(report).getroot()[0].attrib
    failed = int(counted["failures"]) + int(counted["errors"])
    skipped = int(counted["skipped"])
    print(f"== {version}: {time.monotonic() - start:.0f} s", flush=True)
    if record:
        keep(
            {
                "what": "tests",
                "versions": shown,
                "passed": int(counted["tests"]) - failed - skipped,
                "failed": failed,
                "skipped": skipped,
            }
        )
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("version", nargs="+", help="of Python, as 3.13")
    parser.add_argument("--torch", default="", help="install this version of torch too")
    parser.add_argument("--record", action="store_true", help="keep the result")
    parser.add_argument("--pytest", default="", help="its arguments, for the paths")
    options = parser.parse_args()
    arguments = options.pytest.split()
    results = [
        run_tests(version, options.torch, options.record, arguments)
        for version in options.version
    ]
    return max(results)


if __name__ == "__main__":
    sys.exit(main())
