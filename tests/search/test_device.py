"""A search on a device of its own, as far as that can be tried without one.

The device is "meta": tensors there have shapes and no numbers. So what would be left
behind on the CPU is found, and so is everything that waits for a number of the device.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gaea_mini.data import Pictures
from gaea_mini.evaluate import TrainingRecipe
from gaea_mini.evaluate import state as alone
from gaea_mini.search import Bilevel, SingleLevel, darts, gaea, gdas, pc_darts, rs_ws
from gaea_mini.search.optimizers import SimplexOptimizer
from gaea_mini.search.precision import Precision
from gaea_mini.search.state import State
from gaea_mini.supernet import GENOTYPES, space

FAR = torch.device("meta")
SPACES = {
    "compact": space("compact"),
    "nasbench201": space("nasbench201"),
    "darts, two nodes": replace(space("darts"), nodes=4),
    "nasbench1shot1-2": space("nasbench1shot1-2"),
}
METHODS = {
    "bilevel": gaea(darts()),
    "single-level": gaea(darts(objective=SingleLevel())),
    "one pass": gaea(darts(objective=SingleLevel(passes=1))),
    "logits": darts(),
    "partial channels": gaea(pc_darts()),
    "uniform": rs_ws(),
}
# They take numbers, or tensors of numbers, to the device.
MOVES = ("_to_copy", "copy_", "lift_fresh")


class OneDevice(TorchDispatchMode):
    """Every operation has its tensors on one device; counts what is moved there.

    Indices may come from the CPU, as torch allows: a batch's are drawn there.
    """

    def __init__(self):
        super().__init__()
        self.far = self.moved = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        given = args[:1] if name in ("index", "index_put_") else args
        tensors = [t for t in torch.utils._pytree.tree_leaves((given, kwargs or {}))]
        tensors = [t for t in tensors if torch.is_tensor(t)]
        kinds = {t.device.type for t in tensors if t.ndim}
        out = function(*args, **(kwargs or {}))
        if name in MOVES:
            self.moved += torch.is_tensor(out) and out.device == FAR and "cpu" in kinds
        else:
            assert len(kinds) <= 1, f"{name} of tensors on {kinds}"
        self.far += FAR.type in kinds
        return out


@pytest.fixture
def far(monkeypatch):
    """What torch cannot do on such a device: autocast, and looking at its numbers."""
    monkeypatch.setattr(Precision, "autocast", lambda self: nullcontext())
    plain = torch.optim.Optimizer.add_param_group
    monkeypatch.setattr(SimplexOptimizer, "add_param_group", plain)
    return FAR


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


def devices(state):
    momentum = [
        buffer
        for optimizer in (state.weight_optimizer, state.theta_optimizer)
        for kept in optimizer.state.values()
        for name, buffer in kept.items()
        if torch.is_tensor(buffer) and name != "step"
    ]
    assert momentum
    pictures = [
        part
        for batches in (state.theta_batches, state.weight_batches)
        for part in (batches.padded, batches.y)
    ]
    tensors = [*state.parameters, *state.weights, *momentum, *pictures]
    tensors += [*state.held_out, *state.network.buffers()]
    return {tensor.device for tensor in tensors}


@pytest.mark.parametrize(
    ("where", "name"),
    [
        *(("compact", name) for name in METHODS),
        *((where, "partial channels") for where in SPACES if where != "compact"),
    ],
)
def test_nothing_of_a_search_is_left_on_the_cpu_and_no_step_waits(
    where, name, data, budget, far
):
    """A whole step; the pictures are there before it."""
    chosen = replace(METHODS[name], warm_up=0)
    budget = replace(budget, channels=4)
    state = State(SPACES[where], data, chosen, budget, 0, far)
    state.begin(0)
    with OneDevice() as watch:
        losses = next(chosen.objective.epoch(state))
    assert {loss.device for loss in losses} == devices(state) == {far}
    assert watch.far > 100
    # A batch's labels and indices, and now and then a constant; no pictures.
    assert watch.moved < 20


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")
def test_a_checkpoint_from_the_cpu_goes_on_there(data, budget, far):
    chosen, there = darts(lr=0.1), torch.device("cpu")
    cpu, state = (
        State(space("compact"), data, chosen, budget, 0, device)
        for device in (there, far)
    )
    for _ in range(2):
        cpu.begin(0)
        next(chosen.objective.epoch(cpu))
    state.load_state_dict(cpu.state_dict())
    assert devices(cpu) == {there} and devices(state) == {far}
    with OneDevice():
        next(chosen.objective.epoch(state))


@pytest.mark.parametrize(
    "chosen",
    [gaea(gdas()), darts(objective=Bilevel(order=2))],
    ids=["samples", "second order"],
)
def test_what_has_to_wait_for_a_number_is_found_by_this(chosen, data, budget, far):
    """These look at the drawn operations, and at the norm of a gradient."""
    state = State(space("compact"), data, chosen, budget, 0, far)
    state.begin(0)
    with pytest.raises((NotImplementedError, RuntimeError), match="meta tensor"):
        next(chosen.objective.epoch(state))


def test_a_tensor_that_is_left_behind_is_found_by_this(data, budget, far):
    state = State(space("compact"), data, gaea(darts()), budget, 0, far)
    state.weight_batches.y = state.weight_batches.y.new_zeros(100, device="cpu")
    state.begin(0)
    with pytest.raises((AssertionError, RuntimeError), match="device"), OneDevice():
        next(state.method.objective.epoch(state))


def test_nothing_of_a_training_is_left_on_the_cpu(far):
    """With all that the DARTS recipe has: drop path, cutout, an auxiliary head."""
    shape = (40, 32, 32, 3)
    x, y = torch.zeros(shape).numpy(), torch.zeros(40, dtype=torch.long).numpy()
    data = Pictures("zeros", x, y, x[:20], y[:20], tuple("abc"))
    recipe = TrainingRecipe(
        *("test", 4, 1, 32, None, 0, 3, 10),
        **{"cutout": 8, "auxiliary": 0.4, "drop_path": 0.2, "clip": 5.0},
    )
    genotype = GENOTYPES["gaea-pc-darts-cifar"].genotype
    state = alone.State(space("darts"), genotype, data, recipe, 0, far)
    for group in state.optimizer.param_groups:
        group["fused"] = False  # there is no such kernel for it
    with OneDevice() as watch:
        steps = state.steps(2)
        assert {next(steps).device, next(steps).device} == {far}
        steps.close()
    kept = [*state.network.parameters(), *state.network.buffers(), *state.testing]
    assert {tensor.device for tensor in (*kept, state.batches.padded)} == {far}
    assert watch.far > 100 and watch.moved < 40


# channels last -----------------------------------------------------------------------


@pytest.mark.parametrize("where", SPACES.values(), ids=SPACES)
def test_pictures_pass_through_the_cells_with_channels_last(where, data, budget):
    budget = replace(budget, channels=8)
    state = State(where, data, gaea(darts()), budget, 0, torch.device("cpu"))
    last = torch.channels_last
    seen = []
    for name, module in state.network.named_modules():
        if "Cell" in type(module).__name__:
            module.register_forward_hook(lambda m, given, out: seen.append(out))
        if isinstance(module, torch.nn.Conv2d):
            assert module.weight.is_contiguous(memory_format=last), name
    pictures, _ = next(iter(state.weight_batches))
    assert pictures.is_contiguous(memory_format=last)
    state.scores(pictures, state.sample())
    assert seen and all(out.is_contiguous(memory_format=last) for out in seen)
