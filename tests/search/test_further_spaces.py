"""The search loop on the DARTS space and on cells with choices on nodes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.data import Pictures
from gaea_mini.errors import InputError
from gaea_mini.search import PRESETS, method, search
from gaea_mini.search.state import State
from gaea_mini.supernet import build_supernet, space

NODES = ["nasbench1shot1-1", "nasbench1shot1-2", "nasbench1shot1-3"]
MIXTURES = ["darts", "gaea-darts", "pc-darts", "gaea-pc-darts", "gdas", "gaea-gdas"]
SMALL = replace(
    PRESETS["tiny"], channels=4, pictures=None, batch=8, size=8, held_out=0.2
)


def noise() -> Pictures:
    draw = np.random.default_rng(0)
    x = draw.standard_normal((40, 8, 8, 3), dtype=np.float32)
    y = draw.integers(0, 3, 40)
    return Pictures("noise", x, y, x[:1], y[:1], ("a", "b", "c"))


def ready(name):
    return replace(method(name), warm_up=0)


def cases():
    yield from (("darts", name) for name in ("gaea-darts", "gaea-pc-darts", "gdas"))
    yield from ((where, name) for where in NODES for name in MIXTURES)


@pytest.mark.parametrize(("where", "name"), list(cases()))
def test_a_method_runs_and_resumes_on_a_space(where, name, tmp_path):
    data, chosen = noise(), ready(name)
    *_, whole = search(space(where), data, chosen, SMALL)
    file = tmp_path / "c"
    for run in search(space(where), data, chosen, SMALL, checkpoint=file):
        if run.epoch == 1:
            break
    *_, resumed = search(space(where), data, chosen, SMALL, checkpoint=file)
    for series in ("theta", "loss_w", "loss_theta", "genotype", "accuracy_rounded"):
        assert getattr(resumed, series) == getattr(whole, series)
    theta = np.array(whole.theta)
    assert theta.shape == (3, *space(where).shape)
    assert np.allclose(theta.sum(-1), 1, atol=1e-4)
    assert not np.array_equal(theta[0], theta[-1])
    uniform = np.log(len(space(where).operations))
    assert whole.entropy[0] == pytest.approx(uniform, abs=1e-3)
    for cell in whole.genotype:
        assert space(where).round(space(where).one_hot(cell)) == cell


@pytest.mark.parametrize("where", NODES)
@pytest.mark.parametrize("name", ["gaea-darts", "darts"])
def test_the_record_holds_what_a_cell_of_nodes_is_rounded_from(where, name):
    """Rounded by hand, node by node, from the recorded theta and input weights."""
    at = space(where)
    lr = {"gaea-darts": 1.0, "darts": 0.1}[name]
    *_, run = search(at, noise(), method(name, lr=lr), SMALL)
    for theta, beta, cell in zip(
        run.theta, run.edge_weights, run.genotype, strict=True
    ):
        choice, e = at.parse(cell), 0
        for t, kept in enumerate(at.kept, start=1):
            mine = beta[0][e : e + t]
            e += t
            if t == kept:
                assert mine == [1.0] * t
            else:
                assert sum(mine) == pytest.approx(1, abs=1e-4)
            weakest = min(mine[s] for s in choice.parents[t - 1])
            left = [w for s, w in enumerate(mine) if s not in choice.parents[t - 1]]
            assert all(w <= weakest + 1e-5 for w in left)
            if t < len(at.kept):
                row = theta[0][t - 1]
                assert row[choice.operations[t - 1]] >= max(row) - 1e-5


def test_a_search_on_nodes_moves_theta_and_the_input_weights():
    at = space("nasbench1shot1-3")
    state = State(at, noise(), ready("gaea-darts"), SMALL, 0, torch.device("cpu"))
    assert [tuple(p.shape) for p in state.parameters] == [
        (1, 5, 3),
        *[(1, n) for n in (2, 3, 4, 5, 6)],
    ]
    batch = next(iter(state.theta_batches))
    loss, _ = state.method.relaxation.theta_loss(state, batch)
    gradients = torch.autograd.grad(loss, state.parameters)
    before = [p.detach().clone() for p in state.parameters]
    state.descend_theta(gradients)
    for old, new, slope in zip(before, state.parameters, gradients, strict=True):
        # EG by hand; its floor is far away.
        expected = old.double() * torch.exp(-0.1 * slope.double())
        expected /= expected.sum(-1, keepdim=True)
        torch.testing.assert_close(
            new.detach().double(), expected, rtol=1e-5, atol=1e-7
        )
        assert not torch.equal(old, new.detach())


def test_a_perturbed_theta_keeps_the_input_weights():
    at = space("nasbench1shot1-1")
    chosen = replace(ready("gaea-darts"), perturbation=0.3)
    state = State(at, noise(), chosen, SMALL, 0, torch.device("cpu"))
    state.progress = 1.0
    given = state.sample_for_weights().theta
    beta = [1, 1, 1, *[1 / 3] * 3, *[1 / 4] * 4, *[1 / 5] * 5]
    assert np.allclose(given[0].sum(-1).numpy(), beta, atol=1e-6)
    rows = given[0, :3] / given[0, :3].sum(-1, keepdim=True)
    assert (rows - 1 / 3).abs().max() > 0.01


@pytest.mark.parametrize("where", ["darts", *NODES])
def test_random_search_runs_and_resumes_on_a_space(where, tmp_path):
    at, chosen = space(where), ready("rs-ws")
    chosen = replace(chosen, relaxation=replace(chosen.relaxation, candidates=6))
    *_, whole = search(at, noise(), chosen, SMALL)
    file = tmp_path / "c"
    for run in search(at, noise(), chosen, SMALL, checkpoint=file):
        if run.epoch == 1:
            break
    *_, resumed = search(at, noise(), chosen, SMALL, checkpoint=file)
    for series in ("loss_w", "loss_theta", "genotype", "accuracy_rounded"):
        assert getattr(resumed, series) == getattr(whole, series)
    assert len(set(whole.genotype)) > 1
    assert np.allclose(whole.theta, 1 / len(at.operations), atol=1e-5)


@pytest.mark.parametrize("where", ["darts", *NODES])
def test_random_search_ends_with_the_cell_that_scores_best_alone(where, monkeypatch):
    """Each candidate scored as a cell of its own, with all operations computed."""
    at, chosen = space(where), ready("rs-ws")
    chosen = replace(chosen, relaxation=replace(chosen.relaxation, candidates=8))
    state = State(at, noise(), chosen, SMALL, 0, torch.device("cpu"))
    pictures, labels = next(iter(state.theta_batches))
    monkeypatch.setattr(state, "scoring_batch", lambda: (pictures, labels))
    again = torch.Generator()
    again.set_state(state.draws.get_state())
    cells = [at.round(at.draw(again)[0].numpy()) for _ in range(8)]
    with torch.no_grad():
        right = [
            int(
                (state.network(pictures, torch.tensor(at.one_hot(cell))).argmax(1))
                .eq(labels)
                .sum()
            )
            for cell in cells
        ]
    assert len(set(right)) > 1
    assert chosen.relaxation.choose(state) == cells[int(np.argmax(right))]


@pytest.mark.parametrize("where", ["darts", *NODES])
def test_a_method_that_is_not_defined_on_a_space_says_so(where):
    with pytest.raises(InputError) as error:
        next(search(space(where), noise(), ready("enas"), SMALL))
    assert where in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["fast", "reference"])
def test_an_edge_that_a_genotype_leaves_out_passes_nothing(form):
    """With partial channels too, where a weight on 'none' would let channels by."""
    where = space("darts")
    torch.manual_seed(0)
    cell = build_supernet(where, 1, 2, 4, 1, form, partial=4).layers[0]
    choice = [[0] * 14 for _ in where.kinds]  # 'none', but for two edges a node:
    for row in choice:
        for entering in where.entering:  # both from the cell's inputs
            row[entering[0]] = row[entering[1]] = 3
    theta = torch.tensor(where.one_hot(where.format(choice)))[0]
    nodes = where.nodes - 2
    x = [torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8)]
    y = cell(*x, theta)
    # No later node takes anything from node 2, whatever node 2 is.
    other = theta.clone()
    other[where.edges.index((0, 2))] = 0
    z = cell(*x, other)
    width = y.shape[1] // nodes
    assert not torch.equal(y[:, :width], z[:, :width]), "the test can tell"
    assert torch.equal(y[:, width:], z[:, width:])
