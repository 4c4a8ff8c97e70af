"""Sixteen bits in the supernet, thirty-two in everything that is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.errors import InputError
from gaea_mini.search import (
    METHODS,
    Bilevel,
    ControllerSample,
    SingleLevel,
    UniformSample,
    darts,
    gaea,
    method,
    search,
)
from gaea_mini.search.objective import theta_step, weight_step
from gaea_mini.search.precision import Precision
from gaea_mini.search.speed import Speed
from gaea_mini.search.state import State
from gaea_mini.supernet import space

COMPACT, CPU = space("compact"), torch.device("cpu")
SPACES = ["compact", "nasbench201", "darts", "nasbench1shot1-2"]


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


def make_state(data, budget, chosen=None, where=COMPACT, precision="float32"):
    speed = Speed(precision=precision)
    chosen = chosen or gaea(darts(), lr=1.0)
    return State(where, data, chosen, budget, 0, CPU, "fast", speed)


# bfloat16 ----------------------------------------------------------------------------


@pytest.mark.parametrize("where", SPACES)
def test_loss_and_theta_gradient_are_near_those_of_float32(where, data, budget):
    """Eight bits and few pictures: the loss within 1 %, the gradient's cosine 0.8."""
    budget, found = replace(budget, channels=8, batch=32), []
    for precision in ("float32", "bfloat16"):
        state = make_state(data, budget, where=space(where), precision=precision)
        loss = state.loss(state.theta_batches.first(), state.sample())
        found.append((loss.detach(), state.gradients(loss, state.parameters)[0]))
    (loss, slope), (rough, steep) = found
    assert rough.dtype == steep.dtype == torch.float32
    assert rough == pytest.approx(loss.item(), rel=0.01) and rough != loss
    assert torch.cosine_similarity(steep.flatten(), slope.flatten(), 0) > 0.8


@pytest.mark.parametrize("where", SPACES)
def test_the_supernet_computes_in_16_bits_and_the_rest_in_32(where, data, budget):
    state = make_state(data, budget, where=space(where), precision="bfloat16")
    seen = []
    for module in state.network.modules():
        module.register_forward_hook(lambda m, a, out: seen.append((type(m), out)))
    batch = state.theta_batches.first()
    assert state.scores(batch[0], state.sample()).dtype == torch.float32
    # Pictures come out of the cells, pairs of (B, C, H, W).
    types = {out.dtype for kind, out in seen if "Cell" in kind.__name__}
    assert types == {torch.bfloat16}
    theta_step(state, batch)
    weight_step(state, batch)
    for tensor in (*state.parameters, *state.weights):
        assert tensor.dtype == tensor.grad.dtype == torch.float32
    theta = state.parameters[0].detach()
    assert not torch.equal(theta, theta.bfloat16().float())  # it was never rounded


def as_autocast_on_cuda(real):
    """addcmul there takes the widest type of all, also of a single number."""

    def addcmul(*given):
        types = [tensor.dtype for tensor in given]
        widest = torch.float32 if torch.float32 in types else types[0]
        return real(*(tensor.to(widest) for tensor in given))

    return addcmul


@pytest.mark.parametrize("method_", ["gaea-darts", "gaea-pc-darts"])
@pytest.mark.parametrize("where", SPACES)
def test_nor_do_sums_go_back_to_32_bits_on_cuda(
    where, method_, data, budget, monkeypatch
):
    budget, chosen = replace(budget, channels=4), replace(method(method_), warm_up=0)
    state = make_state(data, budget, chosen, space(where), "bfloat16")
    seen = []
    for module in state.network.modules():
        if "Cell" in type(module).__name__:
            module.register_forward_hook(lambda m, given, out: seen.append(out.dtype))
    monkeypatch.setattr(torch, "addcmul", as_autocast_on_cuda(torch.addcmul))
    state.scores(state.theta_batches.first()[0], state.sample())
    assert set(seen) == {torch.bfloat16}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_but_the_second_order_runs_and_resumes(
    name, data, budget, tmp_path
):
    chosen = replace(method(name), warm_up=0)
    if isinstance(chosen.relaxation, UniformSample | ControllerSample):
        chosen = replace(chosen, relaxation=replace(chosen.relaxation, candidates=5))
    budget = replace(budget, channels=4, epochs=2)
    arguments, file = (COMPACT, data, chosen, budget), tmp_path / "c"
    if name == "darts-2nd":
        with pytest.raises(InputError, match="take float32"):
            next(search(*arguments, precision="bfloat16"))
        return
    *_, whole = search(*arguments, precision="bfloat16")
    for run in search(*arguments, precision="bfloat16", checkpoint=file):
        if run.epoch == 1:
            break
    *_, resumed = search(*arguments, precision="bfloat16", checkpoint=file)
    for series in ("theta", "loss_w", "loss_theta", "genotype", "accuracy_rounded"):
        assert getattr(resumed, series) == getattr(whole, series)
    assert whole.config["precision"] == "bfloat16" and whole.skipped_steps is None
    *_, exact = search(*arguments)
    assert "precision" not in exact.config
    assert whole.loss_w != exact.loss_w
    # The first epochs, 5 steps each, on noisy patterns: within 5 %.
    assert np.allclose(whole.loss_w[1:], exact.loss_w[1:], rtol=0.05)
    assert np.allclose(whole.loss_theta[1:], exact.loss_theta[1:], rtol=0.05)


# float16: its scaler, in float32 on the CPU ------------------------------------------
# The forward pass in float16 needs CUDA and is not run here.


def with_scaler(state, **options):
    state.precision.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, **options)
    return state


OBJECTIVES = [Bilevel(), Bilevel(theta_first=False), SingleLevel(passes=1)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_a_scale_that_is_a_power_of_two_changes_no_bit(objective, data, budget):
    """Also where gradients are clipped: the scale is gone by then."""
    chosen = gaea(darts(objective=objective), lr=1.0)
    budget = replace(budget, clip=0.05)  # far below the gradients' norm
    plain = make_state(data, budget, chosen)
    scaled = with_scaler(make_state(data, budget, chosen), growth_interval=2)
    for state in (plain, scaled):
        list(objective.epoch(state))
    assert scaled.precision.scaler.get_scale() > 1024 and not scaled.precision.skipped
    for one, other in zip(
        (*plain.parameters, *plain.weights),
        (*scaled.parameters, *scaled.weights),
        strict=True,
    ):
        assert torch.equal(one, other)


def copies(state):
    momentum = [
        state.weight_optimizer.state[w]["momentum_buffer"] for w in state.weights
    ]
    return [t.detach().clone() for t in (*state.parameters, *state.weights, *momentum)]


@pytest.mark.parametrize("step", [theta_step, weight_step, "joint"])
def test_a_step_whose_gradients_overflow_is_left_out_and_counted(
    step, data, budget, monkeypatch
):
    state = with_scaler(make_state(data, budget))
    if step == "joint":
        step = SingleLevel(passes=1).joint_step
    batch = state.theta_batches.first()
    for first in (theta_step, weight_step):
        first(state, batch)
    before = copies(state)
    real = state.loss
    # As if the scale had driven a gradient beyond the largest number.
    monkeypatch.setattr(state, "loss", lambda *given: real(*given) * 1e38)
    step(state, batch)
    assert all(map(torch.equal, before, copies(state)))
    assert state.precision.skipped == 1
    assert state.precision.scaler.get_scale() == 512
    monkeypatch.undo()
    step(state, batch)
    assert not all(map(torch.equal, before, copies(state)))
    assert state.precision.skipped == 1


def test_the_scaler_is_saved_and_continues(data, budget):
    state = with_scaler(make_state(data, budget), growth_interval=3)
    batch = state.theta_batches.first()
    theta_step(state, batch)
    weight_step(state, batch)
    state.precision.skipped = 4
    other = with_scaler(make_state(data, budget), growth_interval=3)
    other.load_state_dict(state.state_dict())
    assert other.precision.skipped == 4
    weight_step(other, batch)  # the third without overflow: the scale grows
    assert other.precision.scaler.get_scale() == 2048


def test_what_there_is_not_is_refused_in_one_line(data, budget):
    for name, says in (
        ("float16", "float16 needs a CUDA device; take bfloat16 on the CPU"),
        ("half", "no precision 'half'; there are float32, bfloat16, float16"),
    ):
        with pytest.raises(InputError, match=says) as error:
            Precision(name, CPU)
        assert "\n" not in str(error.value)
        with pytest.raises(InputError, match=says):
            next(search(COMPACT, data, darts(), budget, precision=name))
