"""The tests of gaea_mini.simplex under Pyodide, on the wheel of the pages, in node.

Pyodide is fetched by ``make pyodide``. Where it cannot be had, the test is skipped, on
CI too: what it needs lies outside the repository. A wrong file fails.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent

# It starts a process, and a page has none. Torch is absent there anyway.
NOT_THERE = "test_problems.py::test_importing_the_simplex_imports_only_numpy"


@pytest.mark.slow
def test_the_simplex_passes_its_tests(
    gaea_live: ModuleType, tool: ModuleType, root: Path, tmp_path: Path
) -> None:
    folder = root / "_build" / "pyodide"
    if not (folder / "pyodide.mjs").exists():
        pytest.skip("Pyodide is not in _build/pyodide: run `make pyodide`")
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    assert tool.has_all(folder, tool.wanted()), "_build/pyodide holds a wrong file"
    name, data = gaea_live.wheel()
    (tmp_path / name).write_bytes(data)
    (tmp_path / "lock.json").write_text(json.dumps(gaea_live.pinned()["lock"]))
    tests = [wheel for wheel, _ in tool.TEST_WHEELS.values()]
    job = {
        "pyodide": str(folder),
        "lock": str(tmp_path / "lock.json"),
        "packages": ["numpy"],
        "wheels": [str(tmp_path / name), *(str(folder / wheel) for wheel in tests)],
        "site": sysconfig.get_path("purelib"),
        "repository": str(root),
        "arguments": [
            *("tests/simplex", "-q", "--capture=sys", "-p", "no:cacheprovider"),
            *("--deselect", f"tests/simplex/{NOT_THERE}"),
        ],
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    ran = subprocess.run(
        [node, str(HERE / "run_suite.mjs"), str(tmp_path / "job.json")],
        capture_output=True,
        text=True,
        timeout=900,
    )
    told = (ran.stdout + ran.stderr)[-3000:]
    assert ran.returncode == 0, told
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed and int(passed[1]) > 100, told
