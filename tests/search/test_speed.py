"""torch.compile as an option, and what does not go together."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from gaea_mini.errors import InputError
from gaea_mini.evaluate import TrainingRecipe, train_alone
from gaea_mini.search import (
    METHODS,
    Bilevel,
    GumbelSample,
    Mixture,
    SingleLevel,
    darts,
    gaea,
    gdas,
    method,
    search,
    speed,
)
from gaea_mini.search.speed import EXACT, Speed
from gaea_mini.search.state import State
from gaea_mini.supernet import space
from gaea_mini.supernet.fast import FastCell

COMPACT, CPU = space("compact"), torch.device("cpu")
SPACES = {
    "compact": COMPACT,
    "darts, one node": replace(space("darts"), nodes=3),
    "nasbench1shot1-1": space("nasbench1shot1-1"),
}
# While it traces, torch raises warnings that it hides from its users.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore:The .grad"
)


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


@pytest.fixture
def quick(monkeypatch):
    """The graph is traced as ever, but not turned into C++."""
    monkeypatch.setattr(speed, "BACKEND", "aot_eager")
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def require_the_same(where, data, budget) -> None:
    """Loss and gradients of a compiled supernet: 1e-4 of their norm, in float32."""
    found = []
    for how in (EXACT, Speed(compile=True)):
        chosen = gaea(darts(), lr=1.0)
        state = State(where, data, chosen, budget, 0, CPU, "fast", how)
        assert (state.forward is state.network) == (how == EXACT)
        batch = state.theta_batches.first()
        loss = state.loss(batch, state.sample())
        slopes = state.gradients(loss, [*state.parameters, *state.weights])
        found.append([loss.detach(), *slopes])
    scale = max(float(g.norm()) for g in found[0])
    for one, other in zip(*found, strict=True):
        assert float((one - other).norm()) <= 1e-4 * scale


@pytest.mark.parametrize("where", SPACES.values(), ids=SPACES)
def test_a_compiled_supernet_computes_the_same(where, data, budget, quick):
    """And is compiled as a whole: one graph of the network and one of the probe."""
    counters.clear()
    require_the_same(where, data, budget)
    assert counters["stats"]["unique_graphs"] == 2


def test_a_compiled_search_ends_like_one_that_is_not(data, budget, quick, tmp_path):
    budget = replace(budget, epochs=2)
    arguments, file = (COMPACT, data, gaea(darts()), budget), tmp_path / "c"
    *_, plain = search(*arguments)
    for run in search(*arguments, compile=True, checkpoint=file):
        if run.epoch == 1:
            break
    *_, run = search(*arguments, compile=True, checkpoint=file)
    assert run.config["compile"] is True and "compile" not in plain.config
    assert np.allclose(run.loss_w[1:], plain.loss_w[1:], rtol=1e-3)
    assert np.allclose(run.theta, plain.theta, atol=1e-3)
    *_, plainly = search(*arguments, checkpoint=file)
    assert "compile" not in plainly.config, "how, not what: it may be left out"


@pytest.mark.slow
def test_inductor_computes_the_same():
    """One cell of one edge, because C++ takes minutes for a supernet."""
    if not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("no C++ compiler here")
    torch._dynamo.reset()
    torch.manual_seed(0)
    cell = FastCell(replace(COMPACT, nodes=2), channels=2)
    x, theta = torch.randn(8, 2, 8, 8), torch.tensor([[0.2, 0.5, 0.3]])
    inputs = [x.requires_grad_(), theta.requires_grad_(), *cell.parameters()]
    found = []
    for how in (cell, speed.compiled(cell, CPU)):
        out = how(x, theta)
        found.append([out, *torch.autograd.grad(out.square().sum(), inputs)])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_where_nothing_can_compile_one_line_says_so(data, budget, monkeypatch):
    """Before the search begins, not in the middle of it."""
    monkeypatch.setattr(speed, "BACKEND", "no_such_backend")
    with pytest.raises(InputError, match="compile=False, .* --no-compile$") as error:
        next(search(COMPACT, data, darts(), budget, compile=True))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", METHODS)
def test_what_draws_operations_is_not_compiled(name):
    chosen = method(name)
    if type(chosen.relaxation) is Mixture:
        Speed(compile=True).check(chosen, "fast")
        return
    with pytest.raises(InputError, match="compiled anew; leave it out") as error:
        Speed(compile=True).check(chosen, "fast")
    assert "\n" not in str(error.value)


def test_the_exact_estimator_computes_everything_and_may_be_compiled():
    chosen = replace(gdas(), relaxation=GumbelSample(estimator="exact"))
    Speed(compile=True).check(chosen, "fast")
    with pytest.raises(InputError, match="do not go together"):
        Speed(compile=True, skip_below=0.1).check(darts(), "fast")


def test_only_what_is_not_at_its_default_is_described():
    assert EXACT.changed() == {}
    assert Speed("bfloat16", True, 0.1).changed() == {
        "precision": "bfloat16",
        "compile": True,
        "skip_below": 0.1,
    }


# CUDA graphs, acted out on the CPU ---------------------------------------------------


class Replay:
    """A network as a CUDA graph leaves it: what a pass gave is gone at the next mark.

    The output and the gradients lie in the graph's own memory, which the next pass
    overwrites; here it is overwritten with what no sum survives.
    """

    def __init__(self, network: nn.Module, **how: object):
        self.network, self.memory = network, []
        self.parameters = list(network.parameters())

    def mark(self) -> None:
        for tensor in self.memory:
            tensor.fill_(torch.nan)
        self.memory.clear()

    def lend(self, tensor: torch.Tensor) -> torch.Tensor:
        self.memory.append(tensor.detach().clone())
        return self.memory[-1]

    def __call__(self, x: torch.Tensor, *weights: object) -> torch.Tensor:
        theta = [w for w in weights[:1] if torch.is_tensor(w)]
        graph, whole = self, torch.autograd

        class Pass(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *given):
                with torch.enable_grad():
                    ctx.inner = [w.detach().requires_grad_() for w in theta]
                    out = graph.network(x, *ctx.inner, *weights[len(theta) :])
                    ctx.out, more = out if isinstance(out, tuple) else (out, None)
                    assert more is None
                return graph.lend(ctx.out)

            @staticmethod
            def backward(ctx, slope):
                inputs = [*ctx.inner, *graph.parameters]
                slopes = whole.grad(ctx.out, inputs, slope, allow_unused=True)
                return tuple(s if s is None else graph.lend(s) for s in slopes)

        out = Pass.apply(*theta, *self.parameters)
        return out if weights else (out, None)


@pytest.fixture
def graphs(monkeypatch):
    """torch.compile answers with such a network, as if the device were CUDA."""
    asked, made, real = [], [], speed.compiled

    def compile_(network, **how):
        asked.append(how)
        made.append(Replay(network) if "mode" in how else network)
        return made[-1]

    ones, cuda = torch.ones, torch.device("cuda")
    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(
        torch, "ones", lambda *size, device=None, **how: ones(*size, **how)
    )
    monkeypatch.setattr(
        *(torch.compiler, "cudagraph_mark_step_begin", lambda: made[-1].mark())
    )
    for where in ("search", "evaluate"):
        monkeypatch.setattr(
            f"gaea_mini.{where}.state.compiled",
            lambda network, device, graphs: real(network, cuda, graphs),
        )
    return asked


OBJECTIVES = [Bilevel(), SingleLevel(), SingleLevel(passes=1)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_no_step_reads_what_a_later_pass_has_overwritten(
    objective, data, budget, graphs, tmp_path, monkeypatch
):
    monkeypatch.setattr("gaea_mini.search.keeper.LOOK_EVERY", 0.0)
    arguments = (COMPACT, data, gaea(darts(objective=objective), lr=1.0), budget)
    *_, plain = search(*arguments)
    options = {"checkpoint": tmp_path / "c", "minutes": 0}
    *_, run = search(*arguments, compile=True, graphs=True, **options)
    assert graphs == [{"backend": "inductor"}, {"mode": "reduce-overhead"}]
    for series in ("theta", "loss_w", "loss_theta", "accuracy_rounded"):
        assert getattr(run, series) == getattr(plain, series)
    assert run.config["graphs"] is True


def test_a_training_does_not_either(data, graphs):
    cell = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_3x3~0|"
    cell += "skip_connect~1|nor_conv_3x3~2|"
    recipe = TrainingRecipe("test", 2, 1, 8, None, 0, 3, 10, crop=1)
    what = (COMPACT, cell, data, recipe, 0)
    *_, plain = train_alone(*what)
    *_, run = train_alone(*what, speed=Speed(compile=True, graphs=True))
    assert (run.loss, run.test) == (plain.loss, plain.test)
    assert graphs[-1] == {"mode": "reduce-overhead"}


def test_the_second_order_would_and_is_refused(data, budget, graphs, monkeypatch):
    second = darts(lr=0.1, objective=Bilevel(order=2))
    options = {"compile": True, "graphs": True}
    with pytest.raises(InputError, match="overwrites the gradients"):
        next(search(COMPACT, data, second, budget, **options))
    monkeypatch.setattr(Speed, "check", lambda *_: None)
    with pytest.raises(InputError, match="is not a finite number"):
        list(search(COMPACT, data, second, budget, **options))
