"""The records of the collapse, and what chapter ``erm_or_bilevel`` says of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.data import load
from gaea_mini.evaluate import NasBench201
from gaea_mini.recipes import LONG, RECIPES
from gaea_mini.recipes import skips as recipe_skips
from gaea_mini.recipes.skips import CELLS, PASSES, PICTURES, RECIPE, SEEDS, cook_skips
from gaea_mini.search import OBJECTIVES, method, search
from gaea_mini.show.records import arms, load_record, skips, t_interval
from gaea_mini.supernet import space

LONGER = ("skip_collapse", "skip_collapse_single_level")


def ends(name: str) -> dict[str, list[int]]:
    """Skips of the last cell, seed by seed, for each arm."""
    return {
        arm: [skips(run["genotype"][-1]) for run in runs]
        for arm, runs in arms(load_record(name)).items()
    }


def test_the_bilevel_searches_collapse_except_pc_darts() -> None:
    found = ends("skip_collapse")
    assert found.pop("darts 0.0003") == [6, 6, 6]
    (partial,) = (found.pop(arm) for arm in list(found) if arm.startswith("pc-darts"))
    assert max(partial) <= 3
    assert len(found) == 2  # darts and gaea-darts at the steps chosen for them
    assert all(counts.count(6) == 2 for counts in found.values())


def test_the_single_level_searches_do_not() -> None:
    found = ends("skip_collapse_single_level")
    assert {arm.split()[0] for arm in found} == {"darts", "gaea-darts"}
    assert found["darts 0.0003"] == [0, 0, 0] and len(found) == 3
    assert max(count for counts in found.values() for count in counts) <= 2


def test_the_pair_that_the_chapter_plays() -> None:
    both = [arms(load_record(name))["darts 0.3"][2] for name in LONGER]
    bilevel, single = both
    assert [run["config"]["seed"] for run in both] == [2, 2]
    assert bilevel["genotype"][0] == single["genotype"][0]
    assert [skips(run["genotype"][-1]) for run in both] == [6, 1]
    # Rounding costs less and less while the cell gets worse and worse.
    quarters = np.array_split(bilevel["accuracy_rounded"], 4)
    assert all(np.diff([quarter.mean() for quarter in quarters]) > 0)
    true = bilevel["truth"]["c10_test"]
    assert true[-1] < true[25] - 30
    assert true[-1] == min(true + single["truth"]["c10_test"])
    # The edge that keeps its convolution longest enters node 2 from node 1.
    last = next(cell for cell in bilevel["genotype"][::-1] if skips(cell) == 5)
    assert "nor_conv_1x1~1|+|skip" in last
    uniform = np.log(4)
    assert bilevel["entropy"][-1] < 0.2 * uniform
    assert min(single["entropy"]) > 0.5 * uniform


def test_both_objectives_take_as_many_steps_of_the_weights() -> None:
    steps = []
    for name in LONGER:
        recipe = RECIPES[name]
        (objective,) = recipe.objectives
        count = round(LONG.pictures * (1 - LONG.held_out))
        _, of_weights = OBJECTIVES[objective]().split(count, torch.Generator())
        steps.append(recipe.budget.epochs * len(of_weights))
        assert len(of_weights) in PICTURES
    assert steps == [PASSES, PASSES]


@pytest.mark.parametrize(("name", "arm"), [(n, "gaea-darts") for n in LONGER])
def test_a_long_search_begins_as_it_did(name, arm, cifar10_file) -> None:
    """One epoch again; test_records.py says why it is close and not equal."""
    recipe = RECIPES[name]
    old = next(
        run
        for run in load_record(name)["runs"]
        if (run["config"]["method"], run["config"]["seed"]) == (arm, 0)
    )
    pictures = load(str(cifar10_file), recipe.budget.size, recipe.budget.pictures)
    assert pictures.sha256 == old["config"]["data_sha256"]
    objective = OBJECTIVES[recipe.objectives[0]]()
    chosen = method(arm, old["config"]["update"]["lr"], objective)
    where = space(recipe.space).without(*recipe.without)
    for run in search(where, pictures, chosen, recipe.budget, seed=0):
        if run.epoch == 1:
            break
    away = np.abs(np.array(run.theta[1]) - old["theta"][1]).mean()
    moved = np.abs(np.array(old["theta"][1]) - old["theta"][0]).mean()
    assert moved > 0.1 and away < 0.7 * moved
    assert run.loss_w[1] == pytest.approx(old["loss_w"][1], abs=0.03)
    assert run.loss_theta[1] == pytest.approx(old["loss_theta"][1], abs=0.03)


def test_the_two_cells_and_what_they_reach_alone() -> None:
    record = load_record("skips_alone")
    assert record["cells"] == CELLS
    ends: dict[tuple[int, str], list[float]] = {}
    for training in record["trainings"]:
        config = training["config"]
        assert config["genotype"] == CELLS[training["title"]]
        assert config["epochs"] * config["pictures"] == PASSES
        assert len(training["test"]) == config["epochs"]
        for name in ("channels", "cells", "size", "batch", "weight_decay", "clip"):
            assert config[name] == getattr(LONG, name), name
        key = config["pictures"], training["title"]
        ends.setdefault(key, []).append(training["test"][-1])
    assert list(ends) == [(count, title) for count in PICTURES for title in CELLS]
    assert all(len(values) == len(SEEDS) for values in ends.values())
    # As chapter erm_or_bilevel says: level on few pictures, behind on all.
    few, twice, many = (
        t_interval(np.subtract(*(ends[count, title] for title in CELLS)).tolist())
        for count in PICTURES
    )
    assert few[0] < 0 < few[1] and twice[0] < 0 < twice[1] and many[1] < 0


def test_the_other_cell_is_the_best_of_the_table(nb201_file) -> None:
    table = NasBench201(nb201_file)
    assert table.rank(CELLS["best of the table"]) == 1


def test_the_recipe_trains_both_cells_and_resumes(
    tmp_path, monkeypatch, few_pictures
) -> None:
    small = replace(RECIPE, channels=2, size=8, batch=10)
    monkeypatch.setattr(recipe_skips, "RECIPE", small)
    monkeypatch.setattr(recipe_skips, "PICTURES", (20, 40))
    monkeypatch.setattr(recipe_skips, "PASSES", 40)
    monkeypatch.setattr(recipe_skips, "SEEDS", (0, 1))
    path = cook_skips(tmp_path, tmp_path / "cache", few_pictures, print)
    before = path.read_bytes()
    configs = [t["config"] for t in json.loads(before)["trainings"]]
    lengths = [(c["pictures"], c["epochs"]) for c in configs]
    assert lengths == [(20, 2)] * 4 + [(40, 1)] * 4
    cook_skips(tmp_path, tmp_path / "cache", few_pictures, print)
    assert path.read_bytes() == before, "also the seconds are those of the checkpoints"
