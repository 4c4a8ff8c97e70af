"""What is installed, what is pinned, and what the package carries."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import gaea_mini

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and line[0] != "#")


def name_of(requirement: str) -> str:
    return re.split(r"[<>=!~\[ ]", requirement)[0].lower().replace("_", "-")


def test_what_is_installed_is_what_is_pinned() -> None:
    for name, version in pins().items():
        # A build for one kind of machine adds its name after a plus sign.
        assert metadata.version(name).split("+")[0] == version, name


def test_the_package_has_lower_bounds_only() -> None:
    for requirement in PROJECT["project"]["dependencies"]:
        assert re.fullmatch(r"[a-z]+>=[\d.]+", requirement), requirement


def test_every_dependency_of_package_and_tests_is_pinned_for_the_book() -> None:
    project = PROJECT["project"]
    wanted = project["dependencies"] + sum(
        project["optional-dependencies"].values(), []
    )
    pinned = {name_of(name) for name in pins()}
    assert {name_of(requirement) for requirement in wanted} <= pinned


def test_version_is_the_installed_one() -> None:
    assert gaea_mini.__version__ == metadata.version("gaea_mini")


def test_every_file_that_is_not_python_travels_with_the_package() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["gaea_mini"]
    package = ROOT / "gaea_mini"
    carried = {path for pattern in patterns for path in package.glob(pattern)}
    for path in package.rglob("*"):
        if path.is_file() and path.suffix not in {".py", ".pyc"}:
            assert path in carried, f"{path.relative_to(ROOT)} is not package data"
