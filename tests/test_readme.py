"""The README's example prints what the README says."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gaea_mini.supernet import space

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tools_readme(load: Callable[[Path], ModuleType]) -> ModuleType:
    return load(ROOT / "tools" / "readme.py")


@pytest.mark.slow
def test_the_example_prints_what_it_says() -> None:
    code = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(code) == 1
    promised = [line[2:] for line in code[0].splitlines() if line.startswith("# ")]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code[0], "README.md", "exec"), {})
    *states, cell = out.getvalue().splitlines()
    assert len(states) == len(promised) - 1
    for said, got in zip(promised, states, strict=False):
        # Another processor may round sums otherwise; the picture stays.
        want, have = ([float(x) for x in line.split()] for line in (said, got))
        assert have == pytest.approx(want, abs=0.03)
    assert space("compact").parse(cell) and space("compact").parse(promised[-1])


def test_numbers_and_figure_are_those_of_the_records(tools_readme: ModuleType) -> None:
    assert tools_readme.filled_in(README) == README
    assert tools_readme.PICTURE.is_file()


def test_a_changed_number_is_found(tools_readme: ModuleType) -> None:
    changed = README.replace("CIFAR-10 pictures at ", "CIFAR-10 pictures near ")
    assert changed != README
    assert tools_readme.filled_in(changed) == README
