"""The bench times the steps that a search takes, in both forms."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from gaea_mini import bench
from gaea_mini.bench import Contender, build_step, duel

SMALL = Contender("fast", "bilevel", channels=2, cells=1, threads=1, batch=8, size=8)
KEYS = {
    *("space", "method", "objective", "channels", "cells", "batch", "threads", "form"),
    *("median_s", "peak_mb"),
}


def parts(step):
    """What a step function closes over, by name."""
    names = step.__code__.co_freevars
    return dict(zip(names, (c.cell_contents for c in step.__closure__), strict=True))


def test_fast_and_plain_step_move_theta_alike() -> None:
    fast, plain = build_step(SMALL), build_step(replace(SMALL, form="reference"))
    one, two = parts(fast)["state"], parts(plain)["state"]
    assert type(one.network.layers[0]) is not type(two.network.layers[0])
    with torch.no_grad():
        for name in ("stem", "classifier"):
            getattr(one.network, name).load_state_dict(
                getattr(two.network, name).state_dict()
            )
        for mine, theirs in zip(one.network.layers, two.network.layers, strict=True):
            if hasattr(mine, "copy_from"):
                mine.copy_from(theirs)
            else:
                mine.load_state_dict(theirs.state_dict())
    for _ in range(2):
        fast()
        plain()
    torch.testing.assert_close(one.parameters, two.parameters, atol=1e-5, rtol=0)
    assert not torch.equal(one.parameters[0], torch.full((1, 6, 5), 0.2))
    for mine, theirs in zip(
        one.network.stem.parameters(), two.network.stem.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_bench_writes_the_rows_of_a_duel(tmp_path, monkeypatch, capsys) -> None:
    rows = duel([replace(SMALL, form="reference"), SMALL], rounds=2)
    assert [row["form"] for row in rows] == ["reference", "fast"]
    monkeypatch.setattr(bench, "SETTINGS", ((2, 1, 2),))
    monkeypatch.setattr(bench, "duel", lambda contenders, rounds: rows)
    out = tmp_path / "bench.json"
    monkeypatch.setattr(sys, "argv", ["bench", "--threads", "1", "--out", str(out)])
    bench.main()
    written = json.loads(out.read_text())
    assert written == rows and all(row.keys() >= KEYS for row in written)
    assert all(row["median_s"] > 0 and row["peak_mb"] > 50 for row in written)
    assert "1.00x" in capsys.readouterr().out
