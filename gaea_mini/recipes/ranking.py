"""The recorded ranking ``compact_ranking``: shared weights against training alone.

After every epoch of a search all 729 cells of ``compact`` are scored with the shared
weights, on the same held-out pictures. How well that ranks them is judged by the table
of cells trained alone, after all searches are over. The searches are those of the
recipe ``compact_fashion``, with RS-WS beside them; the scores change nothing in them.
"""

import hashlib
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gaea_mini import checkpoints
from gaea_mini.errors import InputError
from gaea_mini.evaluate import TrainedTable, components, load_table
from gaea_mini.evaluate.ranking import kendall, ranking, score_all
from gaea_mini.evaluate.signal import agreement
from gaea_mini.files import write_atomically
from gaea_mini.recipes import Recipe, recipe_named
from gaea_mini.recipes.kitchen import Kitchen, Task, chosen_of, prepare
from gaea_mini.search import Run, search
from gaea_mini.search.state import State

NAME = "compact_ranking"
ABOUT = (
    "Accuracy of every compact cell under shared weights, epoch by epoch, against its "
    "accuracy trained alone. Counts are pictures recognised, cells in the order of "
    "their indices; they are kept of seed 0."
)
ORIGIN = "compact_fashion"  # whose steps and budget the searches have
METHODS = ("rs-ws", "darts", "gaea-darts")
SEEDS = (0, 1, 2)
PICTURES = 250


def cook_ranking(
    kitchen: Kitchen,
    table: str = "compact",
    seeds: tuple[int, ...] = SEEDS,
    recipe: Recipe | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Make what is missing of the searches and write the record.

    Args:
      kitchen: where cache and records are, and how many searches run at once.
      table: the cells trained alone, by name or path.
      seeds: of the searches.
      recipe: instead of ``compact_fashion``.
      say: told when searches are over.
    """
    from joblib import Parallel, delayed

    truth = load_table(table)
    if not truth.complete:
        raise InputError(f"{table} has not every cell; finish 'benchmark build' first")
    recipe = recipe or recipe_named(ORIGIN)
    choices = kitchen.choices_of(ORIGIN)
    tasks = []
    for method in METHODS:
        # RS-WS has no theta and so no step.
        lr = 1.0
        if method != "rs-ws":
            lr = float(chosen_of(method, choices, ORIGIN)["chosen"])
        tasks += [kitchen.task(recipe, method, lr, "bilevel", seed) for seed in seeds]
    kitchen.cache.mkdir(parents=True, exist_ok=True)
    jobs = (delayed(ranked_search)(task, str(kitchen.cache)) for task in tasks)
    runs = list(Parallel(n_jobs=kitchen.jobs)(jobs))
    say(f"{NAME}: {len(runs)} searches")
    by_seed = truth.column("test")  # (cells, S)
    record = {
        "recipe": NAME,
        "about": ABOUT,
        "table": {"name": truth.name, "sha256": truth.sha256},
        "pictures": PICTURES,
        # What one training agrees with another: a yardstick, not a bound, as scores are
        # compared with the mean of all seeds.
        "ceiling": [
            round(kendall(by_seed[:, a], by_seed[:, b]), 4)
            for a, b in combinations(range(by_seed.shape[1]), 2)
        ],
        # What one more training would agree with that mean, and what the true means.
        "one_more": round(agreement(components(by_seed), seen_once=True), 4),
        "true_means": round(agreement(components(by_seed), seen_once=False), 4),
        "runs": [
            _judge(run, truth, keep=task.seed == seeds[0])
            for task, run in zip(tasks, runs, strict=True)
        ],
    }
    kitchen.records.mkdir(parents=True, exist_ok=True)
    path = kitchen.records / f"{NAME}.json"
    write_atomically(path, (json.dumps(record) + "\n").encode())
    say(f"{NAME}: written to {path}")
    return path


def ranked_search(task: Task, cache: str) -> Run:
    """A search in which all cells are scored after every epoch; from the cache if made.

    What a worker does, with one thread.
    """
    torch.set_num_threads(1)
    key = hashlib.sha256(f"{PICTURES} {task!r}".encode()).hexdigest()[:20]
    path = Path(cache) / f"{key}.ranked.json"
    if path.exists():
        return Run.load(path)
    where, data, method, budget = prepare(task)
    checkpoint = path.with_suffix(".pt")
    *_, run = search(
        where, data, method, budget, task.seed, checkpoint=checkpoint, watch=counts
    )
    run.save(path)
    checkpoints.remove(checkpoint)
    return run


def counts(state: State) -> list[int]:
    """Of the first held-out pictures, how many each cell recognises."""
    pictures, labels = (part[:PICTURES] for part in state.held_out)
    cells: Any = state.space  # the compact space
    scores = score_all(state.network, cells, pictures, labels)  # percent
    return np.rint(scores * len(labels) / 100).astype(int).tolist()


def _judge(run: Run, truth: TrainedTable, keep: bool) -> dict[str, Any]:
    """How well the scores of each state rank the cells, and what theta chose."""
    tests = truth.column("test").mean(axis=1)
    seen = run.watched or []
    states = [ranking(scores, tests) for scores in seen]
    told = truth.truth(run.genotype)
    return {
        "method": run.config["method"],
        "seed": run.config["seed"],
        "lr": run.config["update"].get("lr"),
        "kendall": [round(state["kendall"], 4) for state in states],
        "spearman": [round(state["spearman"], 4) for state in states],
        "recall": {
            k: [round(state["recall"][k], 4) for state in states]
            for k in states[0]["recall"]
        },
        # Of the cell with the best score, and of the cell that the method hands back.
        "regret_of_best_score": [round(state["regret"], 4) for state in states],
        "regret": told["regret"],
        "rank": told["rank"],
        "genotype": run.genotype,
        "environment": run.environment,
        **({"counts": seen} if keep else {}),
    }
