"""The record ``alone_cifar10`` is whole, and of the cells that its recipe names."""

from __future__ import annotations

import json

from gaea_mini.recipes.alone import ALL_SKIP, NAME, RECIPE, SEEDS, gaea_cell


def test_both_cells_were_trained_with_every_seed_under_the_recipe(root) -> None:
    records = root / "book" / "records"
    found = json.loads((records / f"{NAME}.json").read_text("utf-8"))
    cells = {
        "gaea-darts": gaea_cell(records / "nasbench201_bilevel.json"),
        "all-skip": ALL_SKIP,
    }
    assert found["cells"] == cells
    runs = [(t["title"], t["config"]["seed"]) for t in found["trainings"]]
    assert runs == [(cell, seed) for cell in cells for seed in SEEDS]
    for training in found["trainings"]:
        config = training["config"]
        assert config["genotype"] == cells[training["title"]]
        for name in ("channels", "cells", "size", "epochs", "batch", "crop", "lr"):
            assert config[name] == getattr(RECIPE, name)
        assert len(training["loss"]) == len(training["test"]) == RECIPE.epochs


def test_the_figure_of_chapter_12_says_what_the_record_says(root) -> None:
    # Its alternative text: the found cell ends with less loss and more accuracy.
    path = root / "book" / "records" / f"{NAME}.json"
    ends = {"gaea-darts": [], "all-skip": []}
    for training in json.loads(path.read_text("utf-8"))["trainings"]:
        ends[training["title"]].append((training["loss"][-1], training["test"][-1]))
    for found in ends["gaea-darts"]:
        for skips in ends["all-skip"]:
            assert found[0] < skips[0] and found[1] > skips[1]
