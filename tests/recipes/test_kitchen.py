"""Recorded runs: the step is chosen as the book says, and work done is kept."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gaea_mini import recipes
from gaea_mini.errors import InputError
from gaea_mini.recipes import COARSE, FAMILY, FINE, RECIPES, Recipe
from gaea_mini.recipes import kitchen as kitchens
from gaea_mini.recipes.kitchen import Kitchen
from gaea_mini.search import METHODS, PRESETS, Run, SingleLevel, method
from gaea_mini.show.records import taken_over
from gaea_mini.supernet import space

TINY = replace(
    PRESETS["tiny"], channels=2, pictures=100, batch=8, epochs=1, schedule_epochs=2
)
WHERE = space("nasbench201").without("none")
GRIDS = FINE.grids
TUNING_SEEDS = FINE.seeds
REPORT_SEEDS = tuple(range(10))


def quiet(_: str) -> None:
    pass


def made_up_run(task, accuracy: float, cell: str) -> Run:
    """A record of five epochs whose rounded accuracy is ``accuracy`` in each."""
    run = Run({"method": task.method, "seed": task.seed, "lr": task.lr})
    for t in range(6):
        run.append(
            theta=[[[0.5, 0.5]]],
            entropy=0.69,
            genotype=cell,
            loss_w=1.0,
            loss_theta=1.0,
            # Only the last five count, and the supernet's accuracy never does.
            accuracy_supernet=100 - accuracy,
            accuracy_rounded=0.0 if t == 0 else accuracy,
            seconds=float(t),
        )
    return run


class Oven:
    """Stands in for the searches; ``quality(lr, seed)`` is the rounded accuracy."""

    def __init__(
        self, monkeypatch, quality, methods=("gaea-darts",), where="compact", **options
    ):
        self.done = []
        recipe = Recipe(
            "A test.", where, (), "fashion", ("bilevel",), methods, TINY, **options
        )
        monkeypatch.setitem(recipes.RECIPES, "test", recipe)
        self.quality = quality
        monkeypatch.setattr(kitchens, "cached_search", self.search)

    def search(self, task, cache):
        self.done.append((task.method, task.lr, task.seed))
        # In the table (see conftest) more 3x3 convolutions are better: there the
        # smallest step of all is the best one.
        convolutions = 6 if task.lr == method(task.method).update.lr else 0
        cell = WHERE.format([2] * convolutions + [0] * (6 - convolutions))
        return made_up_run(task, self.quality(task.lr, task.seed), cell)

    def cook(self, tmp_path, **options):
        kitchen = Kitchen(tmp_path / "records", tmp_path / "cache", jobs=1, **options)
        return json.loads(kitchen.cook("test", quiet).read_text())


def peak_at(best):
    return lambda lr, seed: 50 - 10 * abs(np.log10(lr / best)) + 0.01 * (seed % 7)


def test_tuning_and_reporting_share_no_seed():
    for recipe in RECIPES.values():
        assert recipe.seeds == tuple(range(len(recipe.seeds)))
        assert min(recipe.tuning.seeds) >= 100 > max(recipe.seeds)


@pytest.mark.parametrize("tuning", [FINE, COARSE], ids=["fine", "coarse"])
def test_grids_rise_evenly_from_the_published_steps(tuning):
    for name, first in tuning.grids.items():
        assert first[0] == method(name).update.lr, "the published step"
        grid = list(first)
        while len(grid) < tuning.most:
            grid = tuning.longer(grid)
        factor = 10 ** (1 / tuning.per_decade)
        for a, b in zip(grid, grid[1:], strict=False):
            assert b / a == pytest.approx(factor, rel=0.1)


def test_the_grids_of_rivals_of_gaea_begin_no_shorter():
    """How many steps were tried in the end: ``test_records.py``."""
    for tuning in (FINE, COARSE):
        for name, grid in tuning.grids.items():
            ours = tuning.grids.get(f"gaea-{name}", grid)
            assert len(grid) >= len(ours)


def test_the_family_is_every_published_method():
    assert set(FAMILY) == set(METHODS) - {"darts-sgd", "darts-projected"}
    for name in ("compact_family", "nasbench201_family"):
        recipe = RECIPES[name]
        assert recipe.methods == FAMILY and recipe.budget == PRESETS["cpu"]
        known = {*recipe.tuning.grids, *recipe.borrowed, "rs-ws"}
        assert known == set(FAMILY), "a method without a step, or one too many"


@pytest.mark.parametrize("best", GRIDS["gaea-darts"][:-1])
def test_the_best_step_on_the_tuning_seeds_is_chosen_and_reported(
    best, tmp_path, monkeypatch
):
    oven = Oven(monkeypatch, peak_at(best))
    record = oven.cook(tmp_path)
    (choice,) = record["steps"]
    assert choice["chosen"] == best
    reported = [key for key in oven.done if key[2] in REPORT_SEEDS]
    assert reported == [("gaea-darts", best, seed) for seed in range(10)]
    assert [run["config"]["seed"] for run in record["runs"]] == list(range(10))
    assert {run["config"]["lr"] for run in record["runs"]} == {best}
    assert {key[2] for key in oven.done} == {*TUNING_SEEDS, *REPORT_SEEDS}
    assert max(Counter(oven.done).values()) == 1, "a search was run twice"


def test_two_seeds_sort_out_and_five_decide(tmp_path, monkeypatch):
    """0.3 leads on seeds 100 and 101, 1.0 over all five; 0.1 and 3.0 drop out."""

    def quality(lr, seed):
        if lr == 0.3:
            return 60 if seed < 102 else 20
        if lr == 1.0:
            return 50
        return 40 if seed < 102 else 99

    oven = Oven(monkeypatch, quality)
    (choice,) = oven.cook(tmp_path)["steps"]
    assert choice["chosen"] == 1.0
    seeds = {}
    for _, lr, seed in oven.done:
        if seed in TUNING_SEEDS:
            seeds.setdefault(lr, []).append(seed)
    assert seeds == {
        0.1: [100, 101],
        0.3: list(TUNING_SEEDS),
        1.0: list(TUNING_SEEDS),
        3.0: [100, 101],
    }
    scores = {score["lr"]: score["accuracy_rounded"] for score in choice["scores"]}
    assert scores[0.3] == [60, 60, 20, 20, 20] and scores[3.0] == [40, 40]


def test_the_grid_goes_on_upwards_while_its_end_is_the_best(tmp_path, monkeypatch):
    oven = Oven(monkeypatch, peak_at(10.0))
    (choice,) = oven.cook(tmp_path)["steps"]
    assert choice["chosen"] == 10.0
    assert [s["lr"] for s in choice["scores"]] == [0.1, 0.3, 1.0, 3.0, 10.0, 30.0]


def test_the_grid_also_goes_on_when_only_five_seeds_show_it(tmp_path, monkeypatch):
    """3.0 is second on two seeds and first on five, so 10.0 is tried on all five."""

    def quality(lr, seed):
        if lr == 3.0:
            return 45 if seed < 102 else 70
        if lr == 1.0:
            return 50
        return 10

    oven = Oven(monkeypatch, quality)
    (choice,) = oven.cook(tmp_path)["steps"]
    assert choice["chosen"] == 3.0
    tried = [seed for _, lr, seed in oven.done if lr == 10.0]
    assert tried == list(TUNING_SEEDS)


def test_the_grid_ends_at_last(tmp_path, monkeypatch):
    oven = Oven(monkeypatch, lambda lr, seed: float(np.log10(lr)) + 10)
    (choice,) = oven.cook(tmp_path)["steps"]
    grid = [score["lr"] for score in choice["scores"]]
    assert len(grid) == FINE.most and choice["chosen"] == grid[-1]
    assert all(2.9 < b / a < 3.5 for a, b in zip(grid, grid[1:], strict=False))


def test_the_table_has_no_say_in_the_choice(tmp_path, monkeypatch, made_up_table):
    """It would take the smallest step; it is read after the choice, for the record."""
    picked = []
    for where, table in (("compact", None), ("nasbench201", made_up_table)):
        oven = Oven(monkeypatch, peak_at(1.0), where=where)
        record = oven.cook(tmp_path, nb201=table)
        picked.append((record["steps"], oven.done))
        assert all(("truth" in run) == (table is not None) for run in record["runs"])
    assert picked[0] == picked[1]
    assert picked[0][0][0]["chosen"] == 1.0
    truth = record["runs"][0]["truth"]
    assert truth["c10_test"] == [16.0] * 6, "10 and 1 for each of six skips"
    assert len(truth["rank"]) == len(truth["regret"]) == 6


def test_published_steps_are_reported_as_well(tmp_path, monkeypatch):
    methods = ("darts", "gaea-darts")
    oven = Oven(monkeypatch, peak_at(0.3), methods, published=("gaea-darts",))
    record = oven.cook(tmp_path)
    found = Counter((r["config"]["method"], r["config"]["lr"]) for r in record["runs"])
    chosen = {choice["method"]: choice["chosen"] for choice in record["steps"]}
    assert found == {
        ("darts", chosen["darts"]): 10,
        ("gaea-darts", 0.1): 10,
        ("gaea-darts", 0.3): 10,
    }


def test_steps_that_another_recipe_chose_are_used_as_they_are(tmp_path, monkeypatch):
    oven = Oven(monkeypatch, peak_at(1.0), ("darts", "gaea-darts"))
    before = oven.cook(tmp_path)["steps"]
    follower = replace(
        recipes.RECIPES["test"],
        objectives=("single-level",),
        borrowed={name: ("test", name) for name in ("darts", "gaea-darts")},
    )
    monkeypatch.setitem(recipes.RECIPES, "follower", follower)
    oven.done.clear()
    kitchen = Kitchen(tmp_path / "records", tmp_path / "cache", jobs=1)
    record = json.loads(kitchen.cook("follower", quiet).read_text())
    chosen = {choice["method"]: choice["chosen"] for choice in before}
    assert record["steps"] == [
        {
            "method": name,
            "objective": "single-level",
            "rule": f"taken over from test, method {name}",
            "seeds": [],
            "scores": [],
            "chosen": step,
        }
        for name, step in chosen.items()
    ]
    assert all(map(taken_over, record["steps"])) and not any(map(taken_over, before))
    assert oven.done == [
        (name, chosen[name], seed) for name in chosen for seed in range(10)
    ]


@pytest.mark.parametrize(
    "record",
    [None, "", "{", "[]", "{}", '{"steps": []}', '{"steps": [{"method": "darts"}]}'],
)
def test_steps_that_another_recipe_has_not_chosen_are_missed(
    record, tmp_path, monkeypatch
):
    Oven(monkeypatch, peak_at(1.0))
    follower = replace(
        recipes.RECIPES["test"], borrowed={"gaea-darts": ("leader", "gaea-darts")}
    )
    monkeypatch.setitem(recipes.RECIPES, "follower", follower)
    (tmp_path / "records").mkdir()
    if record is not None:
        (tmp_path / "records" / "leader.json").write_text(record)
    kitchen = Kitchen(tmp_path / "records", tmp_path / "cache", jobs=1)
    with pytest.raises(InputError, match="leader.json has no .* run the recipe leader"):
        kitchen.cook("follower", quiet)


def test_a_method_borrows_within_its_recipe_and_a_frozen_one_has_no_step(
    tmp_path, monkeypatch
):
    oven = Oven(
        monkeypatch,
        peak_at(1e-3),
        ("darts", "darts-2nd", "rs-ws"),
        borrowed={"darts-2nd": ("test", "darts")},
        seeds=(0, 1),
    )
    record = oven.cook(tmp_path)
    first, second, frozen = record["steps"]
    assert first["chosen"] == 1e-3
    assert second["method"] == "darts-2nd" and second["chosen"] == first["chosen"]
    assert second["rule"] == "taken over from test, method darts"
    assert second["scores"] == second["seeds"] == [] and first["scores"]
    assert [taken_over(made) for made in record["steps"]] == [False, True, False]
    assert frozen["scores"] == frozen["seeds"] == [] and frozen["method"] == "rs-ws"
    runs = [(name, seed) for name, _, seed in oven.done if name != "darts"]
    assert runs == [("darts-2nd", 0), ("darts-2nd", 1), ("rs-ws", 0), ("rs-ws", 1)]


def test_a_recipe_that_needs_the_table_says_so_before_any_search(tmp_path, monkeypatch):
    oven = Oven(monkeypatch, peak_at(1.0), where="nasbench201")
    with pytest.raises(
        InputError, match="needs the table of NAS-Bench-201: give --nb2"
    ):
        oven.cook(tmp_path)
    assert oven.done == [] and list(tmp_path.iterdir()) == []


def test_an_unknown_recipe_and_no_jobs_are_refused():
    with pytest.raises(InputError, match="no recipe 'soup'; there are compact_fashion"):
        Kitchen(jobs=1).cook("soup", quiet)
    with pytest.raises(InputError, match="jobs is 0; it must be 1 or more"):
        Kitchen(jobs=0)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_can_be_prepared(name):
    """Spaces, operations, methods, objectives and pictures that there are."""
    recipe = recipes.recipe_named(name)
    kitchen = Kitchen()
    for name in recipe.methods:
        for objective in recipe.objectives:
            lr = method(name).update.lr
            task = kitchen.task(recipe, name, lr, objective, 0)
            if recipe.source != "fashion":
                task = replace(task, source="fashion")
            where, data, chosen, budget = kitchens.prepare(task)
            assert len(data.x) == budget.pictures
            assert data.x.shape[1] == budget.size
            assert chosen.name == name and chosen.update.lr == lr
            published = method(name)
            if objective == "bilevel":  # order, and who steps first, are the method's
                assert chosen.objective == published.objective
            else:
                assert chosen.objective == SingleLevel()
            assert chosen.warm_up == published.warm_up
            assert "none" not in where.operations


# --------------------------------------------------------------------- real searches


@pytest.fixture
def small(monkeypatch):
    """A recipe of real, tiny searches: four steps and one of them to report."""
    recipe = Recipe(
        *("A test.", "compact", (), "fashion", ("bilevel",), ("gaea-darts",), TINY),
        tuning=replace(FINE, seeds=(100, 101, 102), most=4),
        seeds=(0, 1),
    )
    monkeypatch.setitem(recipes.RECIPES, "test", recipe)


@pytest.mark.slow
def test_a_recipe_is_resumed_and_never_repeats_a_search(small, tmp_path, monkeypatch):
    kitchen = Kitchen(tmp_path / "records", tmp_path / "cache", jobs=1)
    searches, real = [], kitchens.search

    def counted(*arguments, **options):
        searches.append(arguments)
        if len(searches) == 6:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(kitchens, "search", counted)
    with pytest.raises(KeyboardInterrupt):
        kitchen.cook("test", quiet)
    assert not (tmp_path / "records" / "test.json").exists()
    assert len(list((tmp_path / "cache").glob("*.json"))) == 5
    first = kitchen.cook("test", quiet).read_text()
    # 4 steps on 2 seeds, 2 steps on the third, 2 reported, and the one cut off.
    assert len(searches) == 8 + 2 + 2 + 1
    assert not list((tmp_path / "cache").glob("*.pt")), "checkpoints are left over"
    again = kitchen.cook("test", quiet).read_text()
    assert len(searches) == 13 and again == first
    record = json.loads(first)
    assert record["recipe"] == "test" and record["about"] == "A test."
    for run in record["runs"]:
        assert Run.from_dict(run).epoch == 1
        assert run["config"]["update"]["lr"] == record["steps"][0]["chosen"]


def test_a_search_that_was_cut_off_goes_on_from_its_checkpoint(tmp_path):
    task = kitchens.Task(
        *("compact", (), "fashion", "gaea-darts", 1.0, "bilevel"),
        TINY.lasting(3),
        0,
    )
    straight = kitchens.cached_search(task, str(tmp_path))
    (file,) = tmp_path.iterdir()
    file.unlink()
    where, data, chosen, budget = kitchens.prepare(task)
    for run in kitchens.search(
        where, data, chosen, budget, 0, checkpoint=file.with_suffix(".pt")
    ):
        if run.epoch == 2:
            break
    assert file.with_suffix(".pt").exists()
    resumed = kitchens.cached_search(task, str(tmp_path))
    assert resumed.theta == straight.theta and resumed.loss_w == straight.loss_w
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_tasks_that_differ_have_files_of_their_own(tmp_path):
    task = kitchens.Task("compact", (), "fashion", "darts", 0.1, "bilevel", TINY, 0)
    tasks = [
        task,
        replace(task, seed=1),
        replace(task, lr=0.2),
        replace(task, method="darts-sgd"),
        replace(task, objective="single-level"),
        replace(task, without=("avg_pool_3x3",)),
        replace(task, budget=replace(TINY, channels=3)),
    ]
    for count, one in enumerate(tasks, start=1):
        run = kitchens.cached_search(one, str(tmp_path))
        assert len(list(tmp_path.iterdir())) == count
        assert run.config["seed"] == one.seed
        assert run.config["update"]["lr"] == one.lr
