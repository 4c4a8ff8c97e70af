"""The widget's Python side: what it holds and how it follows its epoch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up_run

from gaea_mini.errors import InputError
from gaea_mini.show import ArchitecturePlayer
from gaea_mini.show.widget import script

SHOW = Path(sys.modules["gaea_mini.show"].__file__ or "").parent
SCRIPTS = sorted({path.stem for path in SHOW.glob("*.js")} - {"draw"})


@pytest.fixture
def runs() -> list[dict[str, Any]]:
    return [made_up_run(epochs=6), made_up_run("gaea(darts)", epochs=4, sharpness=0.1)]


def test_state_survives_the_way_to_the_page(runs: list[dict[str, Any]]) -> None:
    player = ArchitecturePlayer(runs=runs, labels=["A", "B"], epoch=3)
    state = json.loads(json.dumps(player.get_state(), default=str, allow_nan=False))
    assert state["epoch"] == 3
    assert [run["label"] for run in state["runs"]] == ["A", "B"]
    assert state["runs"] == player.runs
    assert "export default" in state["_esm"] and ".gp " in state["_css"]


def test_state_is_small(runs: list[dict[str, Any]]) -> None:
    hundred = ArchitecturePlayer(runs=[made_up_run(epochs=100)])
    # 100 epochs x 6 edges x 4 operations, with curves and cells.
    assert len(json.dumps(hundred.runs)) < 45_000


def test_epoch_stays_within_the_longest_run(runs: list[dict[str, Any]]) -> None:
    player = ArchitecturePlayer(runs=runs)
    assert player.last_epoch == 6
    player.epoch = 5
    assert player.epoch == 5
    player.epoch = 99
    assert player.epoch == 6
    with pytest.raises(InputError, match="epoch -1"):
        player.epoch = -1
    assert ArchitecturePlayer(runs=runs, epoch=99).epoch == 6
    player.runs = runs[1:]
    assert player.epoch == player.last_epoch == 4


def test_epoch_can_be_observed(runs: list[dict[str, Any]]) -> None:
    player = ArchitecturePlayer(runs=runs)
    seen: list[int] = []
    player.observe(lambda change: seen.append(change["new"]), "epoch")
    # As the front end sets it.
    player.set_state({"epoch": 2})
    player.epoch = 4
    assert seen == [2, 4]


def test_a_growing_run_can_be_shown_again_and_again() -> None:
    whole = made_up_run(epochs=5)
    player = ArchitecturePlayer(runs=[made_up_run(epochs=0)], labels=["live"])
    for epochs in range(1, 6):
        player.runs = [made_up_run(epochs=epochs)]
        player.epoch = epochs
        assert player.last_epoch == player.epoch == epochs
        assert player.runs[0]["label"] == "live"
    assert len(player.runs[0]["theta"]) == len(whole["theta"])


def test_wrong_input_is_an_input_error(runs: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="no runs"):
        ArchitecturePlayer(runs=[])
    with pytest.raises(InputError, match="no runs"):
        ArchitecturePlayer()
    with pytest.raises(InputError, match="at most 4"):
        ArchitecturePlayer(runs=runs * 3)
    player = ArchitecturePlayer(runs=runs)
    before = player.runs
    with pytest.raises(InputError, match="no theta"):
        player.runs = [{"config": runs[0]["config"]}]
    assert player.runs == before


def test_a_real_run_can_be_shown() -> None:
    pytest.importorskip("torch")
    from gaea_mini.search import Run

    run = Run.from_dict(made_up_run(epochs=2))
    assert ArchitecturePlayer(runs=[run]).last_epoch == 2


def test_showing_needs_no_torch_and_names_load_what_they_need() -> None:
    code = (
        "import sys; import gaea_mini.show as show\n"
        "assert not {'torch', 'matplotlib', 'anywidget'} & set(sys.modules)\n"
        "for name in show.__all__: getattr(show, name)\n"
        "assert 'torch' not in sys.modules and 'anywidget' in sys.modules\n"
        "assert set(show.__all__) <= set(dir(show))\n"
        "try: show.nothing\n"
        "except AttributeError: print('done')\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "done\n", ran.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one_small_file_without_outside_code(name: str) -> None:
    assert (SHOW / f"{name}.js").read_text("utf-8").count("\n") <= 400
    sent = script(name)
    assert "import " not in sent and "import(" not in sent
    assert sent.count("export default") == 1
    assert "http" not in sent.replace("http://www.w3.org/2000/svg", "")
    # Both would end or break the script element that page.py puts it in.
    assert "</script" not in sent.lower() and "<!--" not in sent
