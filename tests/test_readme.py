"""The README's example prints what the README says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from gaea_mini.supernet import space

README = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")


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
