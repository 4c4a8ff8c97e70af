"""The record of the theory chapters: what it holds is what the code gives now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaea_mini import simplex
from gaea_mini.cli import main
from gaea_mini.recipes import simplex as recipe_simplex

RECORDS = Path(__file__).parents[2] / "book" / "records"


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads((RECORDS / f"{recipe_simplex.NAME}.json").read_text("utf-8"))


def test_steps_are_made_again(record: Any) -> None:
    recorded = {(row["arm"], row["k"]): row for row in record["steps"]}
    assert set(recorded) == {(a, k) for a in simplex.ARMS for k in recipe_simplex.DIMS}
    for row in recipe_simplex.steps_by_dimension((4, 16)):
        before = recorded[row["arm"], row["k"]]
        assert row["median"] == pytest.approx(before["median"], rel=0.05)
        assert row["lr"] == pytest.approx(before["lr"], rel=1e-5)


@pytest.mark.parametrize("name", recipe_simplex.CENTRES)
def test_rates_are_made_again(record: Any, name: str) -> None:
    before = record["rate"][name]
    assert before["steps"] == list(recipe_simplex.STEPS)
    now = recipe_simplex.rate(recipe_simplex.CENTRES[name], (100,), recipe_simplex.RUNS)
    assert now["mean"][0] == pytest.approx(before["mean"][0], rel=1e-4)
    assert now["published"][0] == pytest.approx(before["published"][0], rel=1e-4)
    assert np.all(np.array(before["mean"]) < before["published"])
    assert np.all(np.array(before["published"]) < before["proved"])


def test_the_product_needs_a_gamma_for_both_blocks_only() -> None:
    # f(a, b) = M a b, Eq. (eq-product), bends by -M along a = -b and not along an axis.
    found = recipe_simplex.product(2.5)
    assert found == {"M": 2.5, "each_block": 0.0, "together": pytest.approx(2.5)}


def test_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe_simplex, "DIMS", (4,))
    monkeypatch.setattr(recipe_simplex, "STEPS", (10,))
    monkeypatch.setattr(recipe_simplex, "RUNS", 5)
    folder = tmp_path / "new"
    assert main(["records", recipe_simplex.NAME, "--records", str(folder)]) == 0
    written = json.loads((folder / f"{recipe_simplex.NAME}.json").read_text("utf-8"))
    assert written["dims"] == [4] and len(written["rate"]) == 2
    assert [path.name for path in folder.iterdir()] == [f"{recipe_simplex.NAME}.json"]
