"""What a long search or training will cost here, before it begins: hours and memory.

Time is measured, not computed from a model: a few steps on the device itself, after
one that is not counted. Memory is counted: what a forward pass of a few pictures keeps
for the backward pass, per picture, times the batch; and the weights, their gradients
and momentum, and the pictures.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gaea_mini.data import Pictures
from gaea_mini.evaluate import TrainingRecipe
from gaea_mini.evaluate import state as alone
from gaea_mini.search import Budget, ControllerSample, Method, UniformSample
from gaea_mini.search.curvature import dominant_eigenvalue
from gaea_mini.search.distributed import ALONE, Ranks
from gaea_mini.search.speed import EXACT, Speed
from gaea_mini.search.state import State
from gaea_mini.supernet import Space

STEPS = 3  # that count
# Below so many multiply-adds, roughly, a search takes minutes on any computer.
SMALL = 1e9
# Beside what is kept for the backward pass: gradients on the way, workspaces. Chosen
# so that the estimate was not below the peak in any of the searches that were measured.
SPARE = 1.7
SPARE_ALONE = 2.0  # the same for trainings


@dataclass(frozen=True)
class Forecast:
    """What is to be expected.

    Attributes:
      step: seconds of a step, the mean of those measured.
      steps: steps of an epoch.
      epochs: how many.
      looks: seconds of measuring accuracy, an epoch.
      need: memory of the device, MiB; of the CPU's, what all processes of a search
        take on this machine.
      free: memory that is free there now, MiB; None if it is not known.
      device: where.
    """

    step: float
    steps: int
    epochs: int
    looks: float
    need: float
    free: float | None
    device: str

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.step * self.steps + self.looks

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return self.epoch * self.epochs

    def __str__(self) -> str:
        memory = f"about {self.need:,.0f} MiB of memory"
        if self.free is not None:
            memory += f" ({self.free:,.0f} MiB are free)"
        return (
            f"on {self.device}, measured on {STEPS} steps: {self.step:.3g} s a step, "
            f"{in_words(self.epoch)} an epoch, {in_words(self.seconds)} in all; "
            f"{memory}"
        )


def in_words(seconds: float) -> str:
    """A time with its unit.

    >>> in_words(42), in_words(600), in_words(7930)
    ('42 s', '10 minutes', '2.2 hours')
    """
    if seconds < 90:
        return f"{seconds:.2g} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def is_small(budget: Budget | TrainingRecipe, pictures: int) -> bool:
    """Whether it is over in minutes wherever it runs, so that none need ask."""
    passes = budget.epochs * (budget.pictures or pictures)
    layer = budget.cells * budget.channels**2 * budget.size**2
    return 3 * passes * layer < SMALL


def of_search(
    space: Space,
    data: Pictures,
    method: Method,
    budget: Budget,
    device: str,
    speed: Speed = EXACT,
    ranks: Ranks = ALONE,
    before_steps: Callable[[float, float | None], Any] | None = None,
    curvature: bool = False,
) -> Forecast:
    """Forecast of ``search`` with these arguments.

    Theta moves in the measured steps, so a warm-up makes the search a little cheaper.
    What was built for the measurement is gone when this returns.

    Args:
      space, data, method, budget, device, speed, ranks, curvature: as for ``search``.
      before_steps: called with the memory needed and free, MiB, before anything is put
        on the device; it may raise. Several processes on the CPU share the memory of
        their machine, so what is needed there is the need of all of them; on CUDA each
        has a device of its own.
    """
    where = torch.device(device)
    need = memory_of_search(space, data, method, budget, speed, ranks)
    if where.type == "cpu":
        need *= processes_here(ranks)
    free = free_mb(where)
    if before_steps is not None:
        answer = partial(before_steps, need, free)
        # Of memory that is shared one answers, before another takes some of it.
        ranks.first(answer) if where.type == "cpu" else answer()
    state = State(space, data, method, budget, 0, where, "fast", speed, ranks)
    state.begin(budget.epochs - 1)  # after any warm-up
    step = seconds_a_step(partial(method.objective.epoch, state), where)
    count = len(state.held_out[1])
    state.held_out = (state.held_out[0][:250], state.held_out[1][:250])
    theta = state.theta(with_edges=True)
    state.accuracy(theta)  # compiles, or fills a cache
    began = _now(where)
    state.accuracy(theta)
    look = (_now(where) - began) / len(state.held_out[1])  # seconds a picture
    looks = 2 * count * look / ranks.count
    if isinstance(method.relaxation, UniformSample | ControllerSample):
        looks += method.relaxation.candidates * budget.batch * look
    if curvature:
        began = _now(where)
        dominant_eigenvalue(state)
        looks += _now(where) - began
    steps = min(len(state.theta_batches), len(state.weight_batches))
    return Forecast(step, steps, budget.epochs, looks, need, free, name_of(where))


def of_training(
    space: Space,
    genotype: str,
    data: Pictures,
    recipe: TrainingRecipe,
    device: str,
    speed: Speed = EXACT,
    before_steps: Callable[[float, float | None], Any] | None = None,
) -> Forecast:
    """Forecast of ``train_alone`` with these arguments.

    The measured steps are of the last epoch, when drop path drops most; where it has
    too few, it is begun again.

    Args:
      space, genotype, data, recipe, device, speed: as for ``train_alone``.
      before_steps: as for ``of_search``.
    """
    where = torch.device(device)
    need = memory_of_training(space, genotype, data, recipe, speed)
    free = free_mb(where)
    if before_steps is not None:
        before_steps(need, free)
    state = alone.State(space, genotype, data, recipe, 0, where, speed)
    step = seconds_a_step(partial(state.steps, recipe.epochs - 1), where)
    few = (state.testing[0][: alone.LOOK_AT], state.testing[1][: alone.LOOK_AT])
    state.accuracy(few)  # fills a cache
    began = _now(where)
    state.accuracy(few)
    look = (_now(where) - began) / len(few[1])  # seconds a picture
    looked_at = len(state.held_out[1]) + len(state.testing[1])
    often = sum(recipe.measures(epoch + 1) for epoch in range(recipe.epochs))
    looks = look * looked_at * often / recipe.epochs  # an epoch
    steps_of = len(state.batches)
    return Forecast(step, steps_of, recipe.epochs, looks, need, free, name_of(where))


def seconds_a_step(epoch: Callable[[], Iterator[Any]], where: torch.device) -> float:
    """Mean over ``STEPS`` steps; a first one is not counted.

    Args:
      epoch: begins an epoch, whose steps are done as one iterates. It is called again
        where an epoch is over before enough steps are done.
      where: the device.
    """
    with closing(_steps(epoch)) as steps:
        next(steps)
        began = _now(where)
        for _ in range(STEPS):
            next(steps)
        return (_now(where) - began) / STEPS


def _steps(epoch: Callable[[], Iterator[Any]]) -> Generator[Any, None, None]:
    """Those of one epoch after another; closing it closes the epoch."""
    while True:
        yield from epoch()


def memory_of_search(
    space: Space,
    data: Pictures,
    method: Method,
    budget: Budget,
    speed: Speed = EXACT,
    ranks: Ranks = ALONE,
) -> float:
    """MiB that a search needs on its device, roughly; worked out on the CPU.

    Of several processes it is the need of one.
    """
    few = 2 * 10
    small = replace(
        data, x=data.x[:few], y=data.y[:few], x_test=data.x[:1], y_test=data.y[:1]
    )
    kept, weights = [], 0
    for batch in (2, 4):
        size = replace(budget, batch=batch, pictures=len(small.x), held_out=0.2)
        # The same types as on the device, in which the CPU has no float16.
        type_ = "float32" if speed.precision == "float32" else "bfloat16"
        cpu = torch.device("cpu")
        state = State(space, small, method, size, 0, cpu, "fast", Speed(type_))
        pictures = state.weight_batches.first()
        kept.append(kept_for_backward(partial(_loss, state, pictures)))
        weights = sum(w.numel() * w.element_size() for w in state.weights)
    a_picture = (kept[1] - kept[0]) / 2
    side = (budget.size + 2 * budget.crop) ** 2 / budget.size**2
    seen = 2 if method.objective.name == "single-level" else 1
    data_set = data.x.nbytes * (1 + seen * side)  # with room to shift them
    passes = SPARE * a_picture * budget.batch / ranks.count
    return (3 * weights + data_set + passes) / 2**20


def processes_here(ranks: Ranks) -> int:
    """Processes of a search on this machine, as torchrun left it in the environment.

    All of them, where it left nothing.
    """
    if ranks.count == 1:
        return 1
    return int(os.environ.get("LOCAL_WORLD_SIZE", ranks.count))


def memory_of_training(
    space: Space,
    genotype: str,
    data: Pictures,
    recipe: TrainingRecipe,
    speed: Speed = EXACT,
) -> float:
    """MiB that a stand-alone training needs on its device; worked out on the CPU."""
    few = replace(
        data, x=data.x[:4], y=data.y[:4], x_test=data.x[:1], y_test=data.y[:1]
    )
    kept, weights, layers = [], 0, 1
    for batch in (2, 4):
        size = replace(recipe, batch=batch, pictures=len(few.x), held_out=0)
        type_ = "float32" if speed.precision == "float32" else "bfloat16"
        cpu = torch.device("cpu")
        state = alone.State(space, genotype, few, size, 0, cpu, Speed(type_))
        state.network.train()
        kept.append(kept_for_backward(partial(_total, state)))
        weights = sum(w.numel() * w.element_size() for w in state.network.parameters())
        layers = len(state.network.layers)
    a_picture = (kept[1] - kept[0]) / 2
    side = (recipe.size + 2 * recipe.crop) ** 2 / recipe.size**2
    data_set = data.x.nbytes * (1 + side) + data.x_test.nbytes
    # To measure accuracy no layer is kept, but two at a time are there.
    looking = 2 * alone.LOOK_AT / layers
    passes = a_picture * max(SPARE_ALONE * recipe.batch, looking)
    return (3 * weights + data_set + passes) / 2**20


def _total(state: alone.State) -> Tensor:
    return state.losses(*state.batches.first())[1]


def _loss(state: State, batch: tuple[Tensor, Tensor]) -> Tensor:
    return state.loss(batch, state.sample())


def kept_for_backward(forward: Callable[[], Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass, each memory once."""
    seen: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        memory = tensor.untyped_storage()
        seen[memory.data_ptr()] = memory.nbytes()
        alive.append(memory)  # so that no other tensor gets its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(seen.values())


def free_mb(where: torch.device) -> float | None:
    """Memory that is free on a device, MiB; None where that is not known."""
    if where.type == "cuda":
        return torch.cuda.mem_get_info(where)[0] / 2**20
    found = []
    try:
        found.append(_numbers(Path("/proc/meminfo"))["MemAvailable:"] * 2**10)
    except (OSError, KeyError):
        pass
    try:  # a container's own limit; what it has read from files can be taken back
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        found.append(most - used + _numbers(group / "memory.stat")["inactive_file"])
    except (OSError, ValueError, KeyError):
        pass
    if not found:
        try:
            pages = os.sysconf("SC_AVPHYS_PAGES")
            found.append(pages * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, ValueError, OSError):
            return None
    return max(min(found), 0) / 2**20


def _numbers(path: Path) -> dict[str, int]:
    """The lines of a file that are a name and a number."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def name_of(where: torch.device) -> str:
    """A device in words."""
    if where.type == "cuda":
        return f"{where} ({torch.cuda.get_device_name(where)})"
    return f"the {where.type.upper()}, threads: {torch.get_num_threads()}"


def _now(where: torch.device) -> float:
    """The clock, once the device has done what it was given."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return time.perf_counter()
