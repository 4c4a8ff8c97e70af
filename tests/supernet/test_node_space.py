"""NAS-Bench-1Shot1: choice on nodes; counting, strings, rounding, cells by hand."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gaea_mini.errors import InputError
from gaea_mini.supernet.node_cell import (
    FastNodeCell,
    NodeSupernet,
    ReferenceNodeCell,
)
from gaea_mini.supernet.node_space import NASBENCH1SHOT1, NodeChoice

ONE, TWO, THREE = NASBENCH1SHOT1
spaces = pytest.mark.parametrize("where", NASBENCH1SHOT1, ids=["1", "2", "3"])
POOL, CONV3, CONV1 = ONE.operations


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def parts(where, seed=0) -> tuple[Tensor, Tensor]:
    """Theta (1, N, O), and beta (1, E): a simplex where there is a choice, else 1."""
    theta = torch.softmax(numbers(*where.shape, seed=seed), dim=-1)
    beta = torch.ones(1, len(where.edges), dtype=torch.float64)
    for entering, kept in zip(where.entering, where.kept, strict=True):
        if len(entering) > kept:
            draw = numbers(len(entering), seed=seed + 1)
            beta[0, entering] = torch.softmax(draw, dim=0)
    return theta, beta


def weigh(where, theta, beta) -> Tensor:
    """W, from beta of all edges; the space wants those of nodes with a choice."""
    nodes = zip(where.entering, where.kept, strict=True)
    chosen = [beta[:, entering] for entering, kept in nodes if len(entering) > kept]
    return where.weigh(theta, chosen)


def every_choice(where):
    """All cells of a space, by nested loops."""
    parents = [
        itertools.combinations(range(t), kept) for t, kept in enumerate(where.kept, 1)
    ]
    names = itertools.product(range(3), repeat=len(where.kept) - 1)
    return itertools.product(names, itertools.product(*parents))


@st.composite
def cells(draw):
    where = draw(st.sampled_from(NASBENCH1SHOT1))
    names = [draw(st.integers(0, 2)) for _ in where.kept[:-1]]
    parents = [
        draw(st.sampled_from(list(itertools.combinations(range(t), kept))))
        for t, kept in enumerate(where.kept, 1)
    ]
    return where, NodeChoice(tuple(names), tuple(parents))


def test_the_spaces_are_those_of_the_benchmark():
    """Choice nodes, edges to choose from, parents kept; never more than nine."""
    assert [w.shape for w in NASBENCH1SHOT1] == [(1, 4, 3), (1, 4, 3), (1, 5, 3)]
    assert [len(w.edges) for w in NASBENCH1SHOT1] == [15, 15, 21]
    assert [sum(w.kept) for w in NASBENCH1SHOT1] == [9, 9, 9]
    assert ONE.edges[:6] == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert TWO.entering[-1] == [10, 11, 12, 13, 14]


@spaces
def test_the_number_of_cells(where):
    if where is not THREE:
        assert where.size == len(list(every_choice(where)))
    assert where.size == {ONE: 14580, TWO: 29160, THREE: 1312200}[where]


@given(cells())
def test_a_string_and_its_choice_are_each_others_inverse(case):
    where, choice = case
    text = "+".join(
        f"|{name}~{'~'.join(str(s) for s in parents)}|"
        for name, parents in zip(
            [*(where.operations[o] for o in choice.operations), "output"],
            choice.parents,
            strict=True,
        )
    )
    assert where.format(choice) == text
    assert where.parse(text) == choice
    assert where.round(where.one_hot(text)) == text


GOOD = (
    f"|{CONV3}~0|+|{CONV1}~0~1|+|{POOL}~1~2|+|{CONV3}~0~3|+|output~2~4|"  # of space 1
)


@pytest.mark.parametrize(
    "arch",
    [
        "",
        "|",
        GOOD[:-1],
        GOOD[1:],
        GOOD + "+|output~0|",
        GOOD.replace("+", "", 1),
        GOOD.replace("~0~1", "~1~0"),
        GOOD.replace("~0~1", "~0"),
        GOOD.replace("~0~1", "~0~0"),
        GOOD.replace("~0~1", "~0~2"),
        GOOD.replace("~0~1", "~00~1"),
        GOOD.replace("~0~3|", "~0~1~3|"),
        GOOD.replace("output", POOL),
        GOOD.replace("|output~2~4|", "|output|"),
        GOOD.replace("output~2~4", "output~2~5"),
        GOOD.replace("output~2~4", "output~2~" + "4" * 5000),
        GOOD.replace(POOL, "output"),
        GOOD.replace(POOL, "skip_connect"),
        f"|{CONV3}~0|+|{CONV1}~0|+|{POOL}~1~2|+|{CONV3}~0~3|+|output~1~2~4|",
    ],
)
def test_a_malformed_cell_is_refused_in_one_line(arch):
    assert ONE.format(ONE.parse(GOOD)) == GOOD
    with pytest.raises(InputError, match="malformed cell|no operation") as info:
        ONE.parse(arch)
    assert "\n" not in str(info.value)


@settings(max_examples=200)
@given(cells(), st.data())
def test_no_damage_to_a_cell_goes_unseen(case, data):
    where, choice = case
    arch = where.format(choice)
    at = data.draw(st.integers(0, len(arch) - 1))
    damaged = arch[:at] + data.draw(st.sampled_from("|+~0123cu- ")) + arch[at + 1 :]
    try:
        found = where.parse(damaged)
    except InputError:
        return
    assert where.format(found) == damaged.strip()
    assert [len(p) for p in found.parents] == list(where.kept)


def test_taking_operations_out():
    assert ONE.without(POOL).operations == (CONV3, CONV1)
    assert ONE.without(POOL).shape == (1, 4, 2)
    assert ONE.left_out == ()
    with pytest.raises(InputError, match="no operation 'none'"):
        ONE.without("none")
    with pytest.raises(InputError, match="no operation is left"):
        ONE.without(*ONE.operations)


# ------------------------------------------------------------------------- weights


@spaces
def test_a_search_learns_one_simplex_for_each_node_with_a_choice(where):
    sizes = {ONE: [3, 4, 5], TWO: [2, 3, 4, 5], THREE: [2, 3, 4, 5, 6]}[where]
    assert where.groups() == where.groups(True) == where.groups(False) == sizes


@spaces
def test_both_factors_can_be_read_off_the_weights(where):
    theta, beta = parts(where)
    weights = weigh(where, theta, beta)
    assert weights.shape == (1, len(where.edges), 3)
    torch.testing.assert_close(weights.sum(dim=-1), beta)
    for n, entering in enumerate(where.entering[:-1]):
        for e in entering:
            row = weights[0, e] / weights[0, e].sum()
            torch.testing.assert_close(row, theta[0, n])
    # Of the output only beta counts.
    last = weights[0, where.entering[-1]]
    torch.testing.assert_close(last, last[:, :1].expand(-1, 3))


@spaces
def test_rounding_finds_the_best_of_all_choices(where):
    for seed in range(30):
        theta, beta = parts(where, seed=10 * seed)
        choice = where.parse(where.round(weigh(where, theta, beta).numpy()))
        for n, (entering, kept) in enumerate(
            zip(where.entering, where.kept, strict=True)
        ):
            best = max(
                itertools.combinations(range(len(entering)), kept),
                key=lambda p, e=entering: sum(float(beta[0, e[s]]) for s in p),
            )
            assert choice.parents[n] == best
            if n < len(choice.operations):
                row = theta[0, n].tolist()
                assert choice.operations[n] == row.index(max(row))


@spaces
def test_ties_go_to_the_one_listed_first(where):
    beta = parts(where)[1]
    for entering, kept in zip(where.entering, where.kept, strict=True):
        if len(entering) > kept:
            beta[0, entering] = 1 / len(entering)
    theta = torch.full(where.shape, 1 / 3, dtype=torch.float64)
    choice = where.parse(where.round(weigh(where, theta, beta).numpy()))
    assert set(choice.operations) == {0}
    assert choice.parents == tuple(tuple(range(kept)) for kept in where.kept)


# --------------------------------------------------------------------------- cells


def convolve(x, filters):
    """Every output pixel is a sum over channels and neighbours; zeros outside."""
    reach = filters.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    y = np.zeros((len(x), len(filters), *x.shape[2:]))
    for i, j in itertools.product(*map(range, x.shape[2:])):
        seen = padded[:, :, i : i + 2 * reach + 1, j : j + 2 * reach + 1]
        y[:, :, i, j] = np.einsum("bcij,ocij->bo", seen, filters)
    return y


def conv_bn_relu(x, module):
    filters, scale, shift = (p.detach().numpy() for p in module.parameters())
    y = convolve(x, filters)
    y = (y - y.mean((0, 2, 3), keepdims=True)) / np.sqrt(
        y.var((0, 2, 3), keepdims=True) + 1e-5
    )
    return np.maximum(y * scale[:, None, None] + shift[:, None, None], 0)


def max_pool(x):
    padded = np.pad(
        x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf, mode="constant"
    )
    y = np.empty_like(x)
    for i, j in itertools.product(*map(range, x.shape[2:])):
        y[:, :, i, j] = padded[:, :, i : i + 3, j : j + 3].max((2, 3))
    return y


def by_hand(where, cell, x, theta, beta):
    """The cell from theta and beta, node by node."""
    nodes, e = [], 0
    for n, operations in enumerate(cell.nodes):
        total = 0
        for parent in [conv_bn_relu(x, cell.projections[n]), *nodes]:
            total = total + beta[e] * parent
            e += 1
        pool, conv3, conv1 = operations
        nodes.append(
            theta[n, 0] * max_pool(total)
            + theta[n, 1] * conv_bn_relu(total, conv3)
            + theta[n, 2] * conv_bn_relu(total, conv1)
        )
    joined = [conv_bn_relu(x, cell.projections[-1]), *nodes]
    return np.concatenate(
        [b * node for b, node in zip(beta[e:], joined, strict=True)], axis=1
    )


def pair(where, partial=1):
    torch.manual_seed(0)
    reference = ReferenceNodeCell(where, 3, 4, partial).double()
    with torch.no_grad():
        for p in reference.parameters():  # scales and shifts of their own
            if p.ndim == 1:
                p += 0.3 * torch.randn_like(p)
    fast = FastNodeCell(where, 3, 4, partial).double()
    fast.load_state_dict(reference.state_dict())
    return fast, reference


@spaces
def test_the_reference_cell_is_the_cell_written_out_by_hand(where):
    cell, x = pair(where)[1], numbers(2, 3, 4, 5, seed=2)
    theta, beta = parts(where, 3)
    hand = by_hand(where, cell, x.numpy(), theta[0].numpy(), beta[0].numpy())
    y = cell(x, weigh(where, theta, beta)[0])
    assert y.shape == (2, 4 * len(where.kept), 4, 5)
    np.testing.assert_allclose(y.detach().numpy(), hand, atol=1e-10)


@spaces
@pytest.mark.parametrize("partial", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_fast_and_reference_cell_agree(where, partial, layout):
    """Outputs, and the gradients of the pictures, of W and of every filter."""
    results = []
    for cell in pair(where, partial):
        x = numbers(3, 3, 5, 4, seed=2).contiguous(memory_format=layout)
        theta, beta = parts(where, 3)
        inputs = [p.requires_grad_() for p in (x, theta, beta)]
        y = cell.to(memory_format=layout)(x, weigh(where, theta, beta)[0])
        pull = numbers(*y.shape, seed=5)
        wanted = [*inputs, *cell.parameters()]
        results.append((y, *torch.autograd.grad((y * pull).sum(), wanted)))
    torch.testing.assert_close(*results, rtol=0, atol=1e-10)


@pytest.mark.parametrize("which", [0, 1])
def test_operations_left_out_count_as_nothing_or_as_one(which):
    """By hand for the first node, which has one parent, and its place in the output."""
    theta, beta = parts(ONE, 3)
    cell, x = pair(ONE)[which], numbers(2, 3, 4, 4, seed=2)
    weights = weigh(ONE, theta, beta)[0]
    node = conv_bn_relu(x.numpy(), cell.projections[0])
    mixed = float(theta[0, 0, 1]) * conv_bn_relu(node, cell.nodes[0][1])
    ones = float(theta[0, 0, 0] + theta[0, 0, 2])
    beside = float(beta[0, ONE.entering[-1][1]])
    active = [[1], [0, 1], [2], [0, 1, 2]]
    for constant, added in ((False, 0.0), (True, ones)):
        y = cell(x, weights, active, constant).detach().numpy()
        np.testing.assert_allclose(y[:, 4:8], beside * (mixed + added), atol=1e-10)


@spaces
def test_a_single_cell_is_the_supernet_at_its_corner(where):
    """Only the chosen operations on the plain sum of the chosen parents."""
    cell, x = pair(where)[0], numbers(2, 3, 4, 4, seed=2)
    rng = np.random.default_rng(4)
    names = tuple(int(o) for o in rng.integers(3, size=len(where.kept) - 1))
    parents = tuple(
        tuple(sorted(rng.choice(t, kept, replace=False).tolist()))
        for t, kept in enumerate(where.kept, 1)
    )
    arch = where.format(NodeChoice(names, parents))
    nodes = []
    for n, o in enumerate(names):
        sources = [conv_bn_relu(x.numpy(), cell.projections[n]), *nodes]
        total = sum(sources[s] for s in parents[n])
        made = max_pool(total) if o == 0 else conv_bn_relu(total, cell.nodes[n][o])
        nodes.append(made)
    joined = [conv_bn_relu(x.numpy(), cell.projections[-1]), *nodes]
    for s in range(len(joined)):
        joined[s] = joined[s] * (s in parents[-1])
    weights = torch.tensor(where.one_hot(arch))[0].double()
    for chosen in (None, [[o] for o in names]):
        y = cell(x, weights, chosen).detach().numpy()
        np.testing.assert_allclose(y, np.concatenate(joined, axis=1), atol=1e-10)


def test_the_channels_that_pass_by_are_dealt_in():
    """With k = 2 of four channels: half mixed, half untouched, then a, c, b, d."""
    theta, beta = parts(ONE, 3)
    cell, x = pair(ONE, partial=2)[0], numbers(2, 3, 4, 4, seed=2)
    y = cell(x, weigh(ONE, theta, beta)[0]).detach().numpy()
    node = conv_bn_relu(x.numpy(), cell.projections[0])
    pool, conv3, conv1 = cell.nodes[0]
    mixed = (
        float(theta[0, 0, 0]) * max_pool(node[:, :2])
        + float(theta[0, 0, 1]) * conv_bn_relu(node[:, :2], conv3)
        + float(theta[0, 0, 2]) * conv_bn_relu(node[:, :2], conv1)
    )
    dealt = np.stack([mixed[:, 0], node[:, 2], mixed[:, 1], node[:, 3]], axis=1)
    weight = float(beta[0, ONE.entering[-1][1]])
    np.testing.assert_allclose(y[:, 4:8], weight * dealt, atol=1e-10)


# ------------------------------------------------------------------------- network


@spaces
@pytest.mark.parametrize("form", ["fast", "reference"])
def test_the_network_has_three_stages(where, form):
    torch.manual_seed(0)
    net = NodeSupernet(where, 3, 10, 2, 2, form).double()
    shapes = []
    for layer in net.layers:
        layer.register_forward_hook(lambda _, args, out: shapes.append(out.shape[1:]))
    weights = weigh(where, *parts(where)).requires_grad_()
    logits = net(numbers(3, 3, 9, 9), weights)
    assert logits.shape == (3, 10)
    c = 2 * len(where.kept)
    assert shapes == [
        *[(c, 9, 9)] * 2,
        (c, 5, 5),
        *[(2 * c, 5, 5)] * 2,
        (2 * c, 3, 3),
        *[(4 * c, 3, 3)] * 2,
    ]
    (slope,) = torch.autograd.grad(logits[:, 0].sum(), weights)
    assert slope.abs().max() > 0
    assert not list(net.buffers())


@pytest.mark.parametrize("partial", [1, 4])
@spaces
def test_the_supernet_has_the_weights_that_a_sheet_of_paper_gives(where, partial):
    """At the authors' size: nine cells, C = 16."""
    with torch.device("meta"):
        net = NodeSupernet(where, 3, 10, 16, 3, partial=partial)
    nodes = len(where.kept) - 1
    total, width = 3 * 16 * 9 + 2 * 16, 16
    for channels in (16, 16, 16, 32, 32, 32, 64, 64, 64):
        mixed = channels // partial
        total += (nodes + 1) * (width * channels + 2 * channels)
        total += nodes * (mixed * mixed * (9 + 1) + 2 * 2 * mixed)
        width = (nodes + 1) * channels
    total += width * 64 + 64 * 10 + 10
    assert sum(p.numel() for p in net.parameters()) == total


def test_the_gradient_survives_the_detour_through_the_product():
    """Beside a shift of each row, which neither EG nor a softmax sees."""
    where = ONE
    theta, beta = (p.requires_grad_() for p in parts(where, 6))
    torch.manual_seed(0)
    cell, x = pair(where)[1], numbers(2, 3, 4, 4, seed=2)
    pull = numbers(2, 20, 4, 4, seed=7)

    def direct(theta, beta):
        """The formula itself, with torch, from theta and beta."""
        nodes, e = [], 0
        for n, operations in enumerate(cell.nodes):
            sources = [cell.projections[n](x), *nodes]
            total = sum(beta[0, e + s] * source for s, source in enumerate(sources))
            e += len(sources)
            nodes.append(
                sum(theta[0, n, o] * f(total) for o, f in enumerate(operations))
            )
        joined = [cell.projections[-1](x), *nodes]
        return torch.cat([beta[0, e + s] * node for s, node in enumerate(joined)], 1)

    slopes = [
        torch.autograd.grad((y * pull).sum(), (theta, beta))
        for y in (direct(theta, beta), cell(x, weigh(where, theta, beta)[0]))
    ]
    for (one, other), rows in zip(
        zip(*slopes, strict=True), (None, where.entering), strict=True
    ):
        difference = (one - other)[0]
        if rows is None:
            spread = difference.max(dim=-1).values - difference.min(dim=-1).values
            assert spread.abs().max() < 1e-10
        else:
            for entering, kept in zip(rows, where.kept, strict=True):
                if len(entering) > kept:
                    group = difference[entering]
                    assert (group.max() - group.min()).abs() < 1e-10
