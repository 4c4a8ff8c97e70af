"""Fixtures for tests of the chapters' sources and of the built pages."""

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
    return load(root / "book" / "extension" / "gaea_book.py")
