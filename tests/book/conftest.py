"""Fixtures for tests of the chapters' sources and of the built pages."""

from __future__ import annotations

import importlib.util
import sys
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
def notebooks(root: Path) -> ModuleType:
    """tools/notebooks.py"""
    return load(root / "tools" / "notebooks.py")


@pytest.fixture(scope="session")
def drawings(root: Path) -> ModuleType:
    """tools/drawings.py"""
    return load(root / "tools" / "drawings.py")


@pytest.fixture(scope="session")
def gaea_book(root: Path) -> ModuleType:
    """book/extension/gaea_book.py"""
    folder = root / "book" / "extension"
    if str(folder) not in sys.path:  # its modules import each other by name
        sys.path.insert(0, str(folder))
    return load(folder / "gaea_book.py")
