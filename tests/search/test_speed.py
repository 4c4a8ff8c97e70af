"""torch.compile as an option, and what does not go together."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from gaea_mini.errors import InputError
from gaea_mini.search import (
    METHODS,
    GumbelSample,
    Mixture,
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

COMPACT, CPU = space("compact"), torch.device("cpu")
SPACES = {
    "compact": COMPACT,
    "darts, two nodes": replace(space("darts"), nodes=4),
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
    with pytest.raises(InputError, match="compile True there, not here"):
        next(search(*arguments, checkpoint=file))


@pytest.mark.slow
def test_inductor_computes_the_same(data, budget):
    if not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("no C++ compiler here")
    torch._dynamo.reset()
    require_the_same(replace(COMPACT, nodes=2), data, budget)  # one edge: C++ is slow


def test_where_nothing_can_compile_one_line_says_so(data, budget, monkeypatch):
    """Before the search begins, not in the middle of it."""
    monkeypatch.setattr(speed, "BACKEND", "no_such_backend")
    with pytest.raises(InputError, match="leave compile out") as error:
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
