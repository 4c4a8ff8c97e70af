"""Fixtures for tests of the chapters' sources and of the built pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[Path], ModuleType]


@pytest.fixture(scope="session")
def notebooks(root: Path, load: Load) -> ModuleType:
    """tools/notebooks.py"""
    return load(root / "tools" / "notebooks.py")


@pytest.fixture(scope="session")
def drawings(root: Path, load: Load) -> ModuleType:
    """tools/drawings.py"""
    return load(root / "tools" / "drawings.py")


@pytest.fixture(scope="session")
def gaea_book(root: Path, load: Load) -> ModuleType:
    """book/extension/gaea_book.py"""
    folder = root / "book" / "extension"
    if str(folder) not in sys.path:  # its modules import each other by name
        sys.path.insert(0, str(folder))
    return load(folder / "gaea_book.py")
