# @title Set-up: finds gaea_mini, or installs it
import importlib.util
import subprocess
import sys
from pathlib import Path

# Of the book. `make notebooks` takes them from _config.yml.
REPOSITORY = ""
BRANCH = "main"

# In a checkout of the book the package lies above the notebook.
for folder in Path.cwd().parents:
    if (folder / "gaea_mini" / "here.py").is_file():
        sys.path.append(str(folder))
if not importlib.util.find_spec("gaea_mini"):
    if not REPOSITORY:
        sys.exit(
            "gaea_mini is missing, and this copy of the book names "
            "no repository to install it from. In a checkout of "
            "the book, run: pip install ."
        )
    source = f"gaea_mini @ git+{REPOSITORY}@{BRANCH}"
    # No dependencies: torch, numpy and ipywidgets stay as they are.
    pip = [sys.executable, "-m", "pip", "install", "--no-deps"]
    done = subprocess.run([*pip, source], capture_output=True)
    if done.returncode:
        why = done.stderr.decode(errors="replace")
        sys.exit(f"{why}\nCould not install {source}")
    importlib.invalidate_caches()

importlib.import_module("gaea_mini.here").begin()
