"""What a step costs: counted, fitted, predicted, measured, taken apart."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gaea_mini import checkpoints, cost
from gaea_mini.bench.steps import Contender, build_state
from gaea_mini.errors import InputError

TINY = replace(cost.BASE, channels=4, batch=4, size=8)


def test_work_is_the_sum_over_stages() -> None:
    """Eq. (eq-work), stage by stage."""
    size = replace(cost.BASE, channels=6, cells=2, batch=5, size=12)
    numbers = adds = 0.0
    for stage in range(3):
        pixels = (12 / 2**stage) ** 2
        numbers += 5 * 2 * 6 * 2**stage * pixels
        adds += 5 * 2 * (6 * 2**stage) ** 2 * pixels
    assert cost.work(size).tolist() == pytest.approx([1, 6, numbers, adds])


def test_a_fit_finds_the_factors_that_made_the_times() -> None:
    """Eq. (eq-cost)."""
    true = np.array([2e-2, 5e-3, 2e-8, 3e-10])
    times = [float(true @ cost.work(size)) for size in cost.FITTED]
    found = cost.fit(cost.FITTED, times)
    np.testing.assert_allclose(found, true, rtol=1e-6)
    assert cost.predict(found, cost.FULL) == pytest.approx(
        float(true @ cost.work(cost.FULL)), rel=1e-6
    )


def test_no_factor_is_negative_and_small_steps_count_as_much_as_large_ones() -> None:
    rng = np.random.default_rng(0)
    true = np.array([2e-2, 5e-3, 2e-8, 0.0])
    noisy = [
        float(true @ cost.work(size)) * rng.uniform(0.9, 1.1) for size in cost.FITTED
    ]
    found = cost.fit(cost.FITTED, noisy)
    assert (found >= 0).all()
    off = [
        cost.predict(found, size) / t - 1
        for size, t in zip(cost.FITTED, noisy, strict=True)
    ]
    assert max(map(abs, off)) < 0.2


@pytest.mark.parametrize(("count", "time"), [(3, 1.0), (4, 0.0)])
def test_a_fit_of_too_little_is_refused(count: int, time: float) -> None:
    with pytest.raises(InputError, match="four or more sizes"):
        cost.fit(cost.FITTED[:count], [time] * count)


def test_hours_are_steps_times_seconds() -> None:
    """Eq. (eq-search-hours)."""
    factors = np.array([0.0, 1.0, 0.0, 0.0])  # a second a cell
    size = replace(cost.BASE, cells=2, batch=64)
    assert cost.hours(factors, size, 6400, 3, bilevel=False) == 3 * 100 * 6 / 3600
    assert cost.hours(factors, size, 6400, 3, bilevel=True) == 3 * 50 * 6 / 3600


def test_the_parts_of_a_step_are_all_of_it() -> None:
    # By the clock: on a busy machine an operator that is interrupted looks long.
    parts = cost.parts(TINY, steps=3)
    assert sum(parts.values()) == pytest.approx(100)
    assert list(parts) == [*cost.GROUPS, "other"]
    assert min(parts.values()) > 0


def test_the_profiler_says_nothing_on_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    cost.parts(TINY, steps=1)
    print("still here")
    out, err = capfd.readouterr()
    assert out == "still here\n" and err == ""


def test_a_record_is_measured_fitted_and_written(tmp_path, monkeypatch, capsys) -> None:
    sizes = (TINY, replace(TINY, channels=8), replace(TINY, batch=8))
    sizes += (replace(TINY, cells=3),)
    held = (replace(TINY, cells=2),)
    made = cost.record(sizes, held, steps=1, say=lambda line: None)
    monkeypatch.setattr(cost, "record", lambda steps: made)
    path = tmp_path / "cost.json"
    cost.main(["--out", str(path), "--steps", "1"])
    read = json.loads(path.read_text())
    assert [row["held_out"] for row in read["rows"]] == [False] * 4 + [True]
    factors = np.array(read["factors"])
    for size, row in zip((*sizes, *held), read["rows"], strict=True):
        assert row["predicted"] == pytest.approx(cost.predict(factors, size))
        assert row["seconds"] > 0
    assert "held out" in capsys.readouterr().out


def test_the_record_predicts_what_it_did_not_see_within_a_fifth(root) -> None:
    path = root / "book" / "records" / "cpu_cost.json"
    found = json.loads(path.read_text())
    assert found["recipe"] == "cpu_cost" and found["environment"]["device"] == "cpu"
    rows, names = found["rows"], asdict(cost.BASE)
    sizes = [Contender(**{name: row[name] for name in names}) for row in rows]
    seconds = [row["seconds"] for row in rows]
    held = [row["held_out"] for row in rows]
    assert (*cost.FITTED, *cost.HELD_OUT) == tuple(sizes)
    assert held == [size in cost.HELD_OUT for size in sizes]
    # Fitted again, to the rows that are not held out.
    factors = cost.fit(sizes[: len(cost.FITTED)], seconds[: len(cost.FITTED)])
    assert found["factors"] == pytest.approx(factors.tolist(), rel=1e-6)
    predicted = [cost.predict(factors, size) for size in sizes]
    assert [row["predicted"] for row in rows] == pytest.approx(predicted, rel=1e-6)
    for size, by_model, by_clock in zip(sizes, predicted, seconds, strict=True):
        if size in cost.HELD_OUT:
            assert by_model == pytest.approx(by_clock, rel=0.2)


def test_what_is_written_is_weights_and_momentum_of_the_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    written: list[int] = []

    def write(path: Path, saved: dict[str, Any]) -> None:
        checkpoints.write(path, saved)
        written.append(path.stat().st_size)

    monkeypatch.setattr(cost, "checkpoints", SimpleNamespace(write=write))
    wide = replace(cost.BASE, channels=16)
    assert cost.writing(wide) == 2.0  # the median
    weights = sum(w.numel() for w in build_state(replace(wide, batch=8)).weights)
    assert len(written) == 3
    assert 2 * 4 * weights < min(written) < 3 * 4 * weights
