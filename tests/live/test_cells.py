"""What runs a page's cells, and the stand-in for anywidget, in this Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from matplotlib import pyplot as plt

LIVE = Path(__file__).parents[2] / "book" / "extension" / "live"


@pytest.fixture
def page(cells_module: ModuleType) -> Any:
    """``page(code)`` runs a cell: whether it came to its end, and what was sent."""
    cells = cells_module.Cells()

    def run(code: str) -> tuple[bool, list[tuple[str, str]]]:
        sent: list[tuple[str, str]] = []
        well = cells.run(code, "cell 7", lambda *what: sent.append(what))
        return well, sent

    return run


def test_cells_share_their_names_and_the_last_value_is_shown(page: Any) -> None:
    assert page("x = 20") == (True, [])
    assert page("y = x + 1\n2 * y") == (True, [("text", "42\n")])
    assert page("x = 3\nx;") == (True, [])
    assert page("None") == (True, [])
    assert page("") == (True, [])


def test_what_is_printed_comes_before_what_is_shown_after_it(page: Any) -> None:
    well, sent = page("print('a')\ndisplay(1, 'b')\nprint('c')\n3")
    assert well
    assert "".join(text for _, text in sent) == "a\n1\n'b'\nc\n3\n"


def test_an_error_begins_in_the_cell(page: Any) -> None:
    page("def f(x):\n    return 1 / x")
    well, sent = page("print('before')\nf(0)")
    assert not well
    assert [kind for kind, _ in sent] == ["text", "error"]
    told = sent[1][1]
    assert told.endswith("ZeroDivisionError: division by zero")
    assert 'File "cell 7", line 2' in told and "cells.py" not in told
    assert "f(0)" in told  # the line itself


def test_a_mistake_of_spelling_is_told_too(page: Any) -> None:
    well, sent = page("for")
    assert not well and "SyntaxError" in sent[0][1]


def test_an_interrupt_keeps_the_names(page: Any) -> None:
    page("x = 1")
    well, sent = page("print('on the way')\nraise KeyboardInterrupt")
    assert not well
    assert sent == [
        ("text", "on the way\n"),
        ("error", "Stopped. What the cells before defined is still there."),
    ]
    assert page("x")[1] == [("text", "1\n")]


def test_lines_are_sent_before_a_cell_falls_silent(cells_module: ModuleType) -> None:
    """A long computation may follow them, and nothing else would send them."""
    cells = cells_module.Cells()
    sent: list[str] = []
    cells.names["so_far"] = lambda: "".join(sent)
    code = "print('a')\nprint('b')\nassert so_far() == 'a\\nb\\n'"
    assert cells.run(code, "cell 7", lambda _, text: sent.append(text)), sent


def test_endless_printing_does_not_fill_the_page(
    page: Any, cells_module: ModuleType
) -> None:
    _, sent = page("for i in range(100_000):\n    print('0123456789')")
    text = "".join(text for _, text in sent)
    assert len(text) < cells_module.MOST_TEXT + 100
    assert text.endswith("[more is printed, but not shown]\n")
    # A few hundred messages at most, not one a line.
    assert len(sent) < 2 * cells_module.QUICK


def test_figures_are_pictures_returned_or_left_open(page: Any) -> None:
    one = "import matplotlib.pyplot as plt\nfig = plt.figure()\n"
    for code, kinds in (
        ("from matplotlib.figure import Figure\nFigure()", ["png"]),
        (f"{one}plt.plot([1, 2]);", ["png"]),
        (f"{one}plt.close(fig)", []),
    ):
        well, sent = page(code)
        assert well and [kind for kind, _ in sent] == kinds
        assert all(text.startswith("iVBOR") for _, text in sent)
    assert plt.get_fignums() == []


def test_html_is_shown_as_html(page: Any) -> None:
    code = "class A:\n    def _repr_html_(self):\n        return '<b>a</b>'\nA()"
    assert page(code)[1] == [("html", "<b>a</b>")]


def test_the_stand_in_gives_the_state_that_anywidget_gives(tmp_path: Path) -> None:
    # In a process of its own, because it stands in the place of the real one.
    code = (
        "import json, sys\n"
        f"sys.path.insert(0, {str(LIVE)!r})\n"
        "import anywidget\n"
        f"assert anywidget.__file__.startswith({str(LIVE)!r})\n"
        "from gaea_mini.show import SimplexPlayground\n"
        "one = SimplexPlayground([0.85, 0.15, 0], [0.3, 0.1, 0.9])\n"
        "print(json.dumps(one.page_state()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    stand_in = json.loads(done.stdout)
    from gaea_mini.show import SimplexPlayground

    real = SimplexPlayground([0.85, 0.15, 0], [0.3, 0.1, 0.9]).get_state()
    own = {key for key in real if not key.startswith("_")} - {"layout", "tabbable"}
    own -= {"tooltip", "comm"}
    assert {"target", "_esm", "_css"} <= set(stand_in)
    for key in own | {"_esm", "_css"}:
        assert stand_in[key] == real[key], key
