"""Fixtures for Python in the page: the extension, and Pyodide where it was fetched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[Path], ModuleType]


@pytest.fixture(scope="session")
def gaea_live(root: Path, load: Load) -> ModuleType:
    """book/extension/gaea_live.py"""
    return load(root / "book" / "extension" / "gaea_live.py")


@pytest.fixture(scope="session")
def tool(root: Path, load: Load) -> ModuleType:
    """tools/pyodide.py"""
    return load(root / "tools" / "pyodide.py")


@pytest.fixture(scope="session")
def cells_module(root: Path, load: Load) -> ModuleType:
    """book/extension/live/cells.py"""
    return load(root / "book" / "extension" / "live" / "cells.py")
