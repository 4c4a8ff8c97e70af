"""Fixtures for Python in the page: the extension, and Pyodide where it was fetched."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def load(path: Path) -> ModuleType:
    """A module that is not part of an installed package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def gaea_live(root: Path) -> ModuleType:
    """book/extension/gaea_live.py"""
    return load(root / "book" / "extension" / "gaea_live.py")


@pytest.fixture(scope="session")
def tool(root: Path) -> ModuleType:
    """tools/pyodide.py"""
    return load(root / "tools" / "pyodide.py")


@pytest.fixture(scope="session")
def cells_module(root: Path) -> ModuleType:
    """book/extension/live/cells.py"""
    return load(root / "book" / "extension" / "live" / "cells.py")
