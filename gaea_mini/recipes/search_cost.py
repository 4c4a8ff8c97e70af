"""What a search costs, in the processor seconds in which a table counts trainings.

A processor second is not always worth the same: beside other work, or on another
machine, the same training takes longer. So trainings whose seconds are in the table
stand before and after the search that is timed, and its seconds are scaled by theirs.
"""

import hashlib
import json
import statistics
import time

import numpy as np
import torch

from gaea_mini.data import load
from gaea_mini.evaluate.alone import train_alone
from gaea_mini.evaluate.trained import TrainedTable, load_table
from gaea_mini.files import write_atomically
from gaea_mini.recipes import Recipe
from gaea_mini.recipes.kitchen import Kitchen, Task, prepare
from gaea_mini.search.speed import EXACT
from gaea_mini.search.state import State

# Of what is timed here. Raise it when that changes: seconds that were kept under
# another number are measured again.
VERSION = 2
EPOCHS = 3  # timed; the median is taken


def search_cost(
    kitchen: Kitchen,
    recipe: Recipe,
    method: str,
    lr: float,
    objective: str,
    name: str = "compact",
) -> tuple[float, float]:
    """Seconds of a search up to its start, and of an epoch; kept in the cache.

    Args:
      kitchen: where the cache is.
      recipe: space, pictures and budget.
      method, lr, objective: of the search; its seed is 0.
      name: of the trained table whose seconds are meant, or its path.
    """
    task = kitchen.task(recipe, method, lr, objective, seed=0)
    table = load_table(name)
    known = f"{VERSION} {EPOCHS} {torch.__version__} {table.sha256} {task!r}"
    key = hashlib.sha256(known.encode()).hexdigest()[:20]
    file = kitchen.cache / f"seconds-{key}.json"
    if not file.exists():
        torch.set_num_threads(1)
        before = pace(table)
        timed(task, epochs=1)  # warms up
        start, *epochs = timed(task, EPOCHS)
        scale = (before + pace(table)) / 2
        found = [start * scale, statistics.median(epochs) * scale]
        write_atomically(file, json.dumps(found).encode())
    start, epoch = json.loads(file.read_text())
    return start, epoch


def timed(task: Task, epochs: int) -> list[float]:
    """Processor seconds of a search up to its start, and of each epoch.

    These are the steps of ``search.search``, and its choice of a cell in every state.
    The accuracies that it records beside them choose nothing: they are not measured.
    """
    where, data, method, budget = prepare(task)
    stamps = [time.process_time()]
    cpu = torch.device("cpu")
    state = State(where, data, method, budget, task.seed, cpu, "fast", EXACT)
    method.relaxation.choose(state)
    stamps.append(time.process_time())
    for epoch in range(epochs):
        state.begin(epoch)
        for _ in method.objective.epoch(state):
            state.step += 1
        method.relaxation.choose(state)
        stamps.append(time.process_time())
    return np.diff(stamps).tolist()


def pace(table: TrainedTable) -> float:
    """Seconds of the table for one second here, from one training.

    It is that of the cell whose cost is nearest to the mean.
    """
    seconds = table.trained("seconds").mean(axis=1)  # (classes,)
    row = int(np.abs(seconds - seconds.mean()).argmin())
    cell, recipe = table.members()[row][0], table.recipe
    data = load(table.about["data"], recipe.size)
    *_, run = train_alone(table.space, cell, data, recipe, seed=0)
    return float(seconds[row] / run.seconds[-1])
