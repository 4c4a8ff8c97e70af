"""The set-up cell of every chapter, and the services that open a chapter.

One setting drives both, ``repository: {url: ..., branch: ...}`` in ``_config.yml``.
A chapter's source has the short cell ``SHORT``. A notebook, which may be opened far
from its checkout, has ``book/setup_cell.py`` in its place, with the repository stamped
in; of that only its title is in view. Sphinx is not needed.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

TAG = "setup"
SHORT = f"""\
```{{code-cell}} ipython3
:tags: [{TAG}, remove-cell]

from gaea_mini import here

here.begin()
```
"""
CELL = Path(__file__).parents[1] / "setup_cell.py"
ROOT = Path(__file__).parents[2]
UNSET = 'REPOSITORY = ""\nBRANCH = "main"\n'

# Colab shows of such a cell its title only, JupyterLab a line to open it.
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}


def repository(config: dict[str, Any]) -> tuple[str, str]:
    """Address and branch of the book's repository; ("", "main") where none is set.

    Args:
      config: what _config.yml has, or the options of the theme, which come from there.
    """
    named = config.get("repository") or {}
    url = config.get("repository_url") or named.get("url") or ""
    branch = config.get("repository_branch") or named.get("branch") or "main"
    return url.rstrip("/"), branch


def long_cell(url: str, branch: str) -> str:
    """The code of the set-up cell that installs from this repository."""
    code = CELL.read_text("utf-8").rstrip("\n")
    if code.count(UNSET) != 1:
        raise ValueError(f"{CELL} has to have these lines once:\n{UNSET}")
    for text in (url, branch):
        if re.search(r"[\s\"\\]", text):
            raise ValueError(f"repository in _config.yml: {text!r} is no address")
    if url and ("://" not in url or url.endswith(".git")):
        # Links to pages are made of it too.
        raise ValueError(
            f"repository in _config.yml: {url!r} is no address of pages; write it as "
            "https://github.com/OWNER/NAME"
        )
    return code.replace(UNSET, f'REPOSITORY = "{url}"\nBRANCH = "{branch}"\n')


def stamp(notebook: dict[str, Any], url: str, branch: str) -> None:
    """Put the long cell in place of the short one of a notebook."""
    for cell in notebook["cells"]:
        if TAG in cell["metadata"].get("tags", []):
            cell["source"] = long_cell(url, branch)
            cell["metadata"].update(deepcopy(FOLDED))


def launchers(options: dict[str, Any]) -> dict[str, Any]:
    """The theme's launch buttons that can work for this repository.

    Without a repository there are none, and Colab opens GitHub's files only.

    Args:
      options: of the theme: ``repository_url`` and ``launch_buttons``.
    """
    url, _ = repository(options)
    buttons = dict(options.get("launch_buttons") or {})
    if not url:
        return {k: v for k, v in buttons.items() if not k.endswith("_url")}
    if not url.startswith("https://github.com/"):
        buttons.pop("colab_url", None)
    return buttons


def needs_torch(notebook: dict[str, Any]) -> bool:
    """Whether one of the imports of a notebook fails where torch is missing."""
    code = ["import sys", "sys.modules['torch'] = None"]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse(cell["source"])):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    code.append(ast.unparse(node))
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return "torch" in done.stderr.rpartition("\n")[0].rpartition("\n")[2]
