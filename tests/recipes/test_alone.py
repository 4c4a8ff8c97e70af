"""The recipe ``alone_cifar10``: its rule, its record, and how it resumes."""

import json
from dataclasses import replace

import pytest

from gaea_mini.errors import InputError
from gaea_mini.recipes import alone as recipe_alone
from gaea_mini.recipes.alone import ALL_SKIP, cook_alone, gaea_cell
from gaea_mini.supernet import space

RECORD = "book/records/nasbench201_bilevel.json"


def test_the_cell_is_the_last_of_seed_0_at_the_chosen_step(root):
    content = json.loads((root / RECORD).read_text())
    chosen = {c["method"]: c["chosen"] for c in content["steps"]}["gaea-darts"]
    (run,) = (
        run
        for run in content["runs"]
        if run["config"]["method"] == "gaea-darts"
        and run["config"]["seed"] == 0
        and run["config"]["update"]["lr"] == chosen
    )
    assert gaea_cell(root / RECORD) == run["genotype"][-1]
    space("nasbench201").parse(gaea_cell(root / RECORD))


def test_the_other_cell_has_skips_only():
    assert space("nasbench201").parse(ALL_SKIP) == (1,) * 6


@pytest.mark.parametrize("content", ["", "{}", '{"steps": [], "runs": []}', "[1]"])
def test_without_the_record_one_line_says_what_to_run(tmp_path, content):
    for path in (tmp_path / "gone.json", tmp_path / "r.json"):
        (tmp_path / "r.json").write_text(content)
        with pytest.raises(InputError, match="run the recipe nasbench201_bilevel"):
            gaea_cell(path)


def test_the_record_and_that_a_second_run_trains_nothing(
    root, tmp_path, monkeypatch, few_pictures
):
    (tmp_path / "nasbench201_bilevel.json").write_bytes((root / RECORD).read_bytes())
    small = replace(recipe_alone.RECIPE, channels=4, size=8, epochs=2, batch=20)
    monkeypatch.setattr(recipe_alone, "RECIPE", small)
    said = []
    cache = tmp_path / "cache"
    path = cook_alone(tmp_path, cache, few_pictures, said.append)
    record = json.loads(path.read_text())
    assert record["recipe"] == path.stem == "alone_cifar10" and len(said) == 7
    runs = [(t["title"], t["config"]["seed"]) for t in record["trainings"]]
    assert runs == [(c, s) for c in ("gaea-darts", "all-skip") for s in (0, 1, 2)]
    for training in record["trainings"]:
        assert training["config"]["genotype"] == record["cells"][training["title"]]
        assert len(training["test"]) == len(training["loss"]) == 2
    before = path.read_bytes()
    cook_alone(tmp_path, cache, few_pictures, said.append)
    assert path.read_bytes() == before, "also the seconds are those of the checkpoints"
