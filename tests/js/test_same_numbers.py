"""The pages compute what NumPy computes: the same problem on both sides."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaea_mini.evaluate.ranking import kendall, recall
from gaea_mini.show import BenchmarkExplorer, MixedEdge, RankScatter
from gaea_mini.show.mixed_edge import OPERATIONS
from gaea_mini.show.playground import RULES, normals, walks
from gaea_mini.simplex import entropy

sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

from made_up_comparison import TRUTH, comparison_record  # noqa: E402
from made_up_ranking import CELLS, ranking_record  # noqa: E402

PROGRAM = """
import { readFileSync } from "node:fs";
const { file, body, data } = JSON.parse(readFileSync(0, "utf8"));
const code = readFileSync(file).toString("base64");
const page = await import(`data:text/javascript;base64,${code}`);
console.log(JSON.stringify(new Function("page", "data", body)(page, data)));
"""


def in_page(root: Path, name: str, body: str, data: Any) -> Any:
    """The value of a function body over the exports of a widget's script."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    file = str(root / "gaea_mini" / "show" / f"{name}.js")
    ran = subprocess.run(
        [node, "--input-type=module", "-e", PROGRAM],
        input=json.dumps({"file": file, "body": body, "data": data}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_draws_are_the_same(root: Path) -> None:
    seeds = [0, 1, 77, 9999]
    body = "return data.map((seed) => Array.from(page.normals(seed, 500)))"
    made = in_page(root, "playground", body, seeds)
    for seed, row in zip(seeds, made, strict=True):
        assert np.abs(np.array(row) - normals(seed, 500)).max() < 1e-12


def sparse(k: int) -> list[float]:
    return [0.6, 0.3, 0.1] + [0.0] * (k - 3)


@pytest.mark.parametrize(
    ("target", "lrs", "noise", "seed"),
    [
        (sparse(3), [0.3, 0.3, 0.3], 0.0, 0),
        (sparse(3), [5.0, 1.7, 60.0], 0.5, 3),
        ([0.0, 1.0], [0.001, 100.0, 1.0], 2.0, 9999),
        (sparse(64), [0.3, 0.1, 3.0], 0.3, 1),
        (sparse(64), [100.0, 100.0, 100.0], 1.0, 2),
        ([1 / 16] * 16, [1.0, 0.5, 20.0], 0.05, 7),
    ],
)
def test_walks_are_the_same(
    root: Path, target: list[float], lrs: list[float], noise: float, seed: int
) -> None:
    """Eqs. (eq-eg-step), (eq-projected-step) and (eq-logit-step), 200 times."""
    data = {"target": target, "lrs": lrs, "noise": noise, "seed": seed}
    body = """
    const { target, lrs, noise, seed } = data;
    const paths = page.walks(target, lrs, noise, seed, 200);
    return [paths, paths.map((path) => path.map(page.entropy)),
      paths.map((path) => path.map((theta) => page.distance(theta, target)))]
    """
    paths, spread, away = in_page(root, "playground", body, data)
    wanted = walks(target, lrs, noise, seed, 200)
    for i, name in enumerate(RULES):
        assert np.abs(np.array(paths[i]) - wanted[name]).max() < 1e-6
        assert np.abs(np.array(spread[i]) - entropy(wanted[name])).max() < 1e-6
        far = np.linalg.norm(wanted[name] - target, axis=1)
        assert np.abs(np.array(away[i]) - far).max() < 1e-6


@pytest.mark.parametrize("picture", [7, 12])
def test_mixed_edges_are_the_same(root: Path, picture: int) -> None:
    """Eq. (eq-mixed-edge) for one edge."""
    edge = MixedEdge([0.15, 0.35, 0.3, 0.2], picture)
    data = {"pixels": edge.pixels, "operations": OPERATIONS, "theta": edge.theta}
    body = """
    const picture = data.pixels.map((row) => row.map((v) => v / 255));
    const outputs = data.operations.map(
      (one) => page.apply(picture, one.kind, one.filter));
    return [outputs, page.mix(outputs, data.theta), page.lost(outputs, data.theta),
      page.entropy(data.theta)]
    """
    outputs, mixture, lost, nats = in_page(root, "mixed_edge", body, data)
    assert np.abs(np.array(outputs) - edge.outputs()).max() < 1e-12
    assert np.abs(np.array(mixture) - edge.mixture()).max() < 1e-12
    assert lost == pytest.approx(edge.lost(), abs=1e-12)
    assert nats == pytest.approx(float(entropy(edge.theta)), abs=1e-12)


def test_rankings_are_the_same(root: Path) -> None:
    """tau-b is SciPy's and recall is the package's, with many ties in both."""
    record, truth, cells = ranking_record(epochs=5)
    scatter = RankScatter(record, truth, cells)
    best = [1, 10, 50, 729]
    data = {"runs": scatter.runs, "truth": scatter.table["truth"], "best": best}
    body = """
    const { runs, truth, best } = data;
    return runs.map((run) => page.decode(run.counts, truth.length).map((row) =>
      [page.kendall(row, truth), best.map((k) => page.recall(row, truth, k))]))
    """
    made = in_page(root, "rank_scatter", body, data)
    kept = [run for run in record["runs"] if "counts" in run]
    assert len(made) == len(kept) == 3
    for run, states in zip(kept, made, strict=True):
        for counts, (tau, parts) in zip(run["counts"], states, strict=True):
            assert tau == pytest.approx(kendall(counts, truth), abs=1e-12)
            wanted = [recall(np.array(counts), np.array(truth), k) for k in best]
            assert parts == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 3, 40])
def test_tau_of_many_ties(root: Path, levels: int) -> None:
    rng = np.random.default_rng(levels)
    a, b = rng.integers(0, levels, (2, 200)).tolist()
    made = in_page(root, "rank_scatter", "return page.kendall(...data)", [a, b])
    wanted = kendall(a, b)
    assert (made is None) == bool(np.isnan(wanted))
    assert made is None or made == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("budget", [0.005, 0.03, 0.4, 1.0])
@pytest.mark.parametrize("one_clock", [True, False])
def test_regrets_at_a_budget_are_the_same(
    root: Path, budget: float, one_clock: bool
) -> None:
    record = comparison_record(one_clock)
    explorer = BenchmarkExplorer({"x": record}, {"x": (CELLS, TRUTH)}, budget=budget)
    (one,) = explorer.sets
    body = """
    return data.lines.map((line) => [line.name, page.band(line,
      page.state(line.costs, data.budget * data.clocks[line.clock].end))])
    """
    made = dict(in_page(root, "explorer", body, {**one, "budget": budget}))
    for row in explorer.at_budget():
        wanted = (
            None if row["mean"] is None else [row[k] for k in ("mean", "low", "high")]
        )
        found = made[row["name"]] and list(made[row["name"]].values())
        assert found == (wanted and pytest.approx(wanted, abs=1e-9))
