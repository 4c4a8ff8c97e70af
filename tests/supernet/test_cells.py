"""The mixed cell, three times: by hand, as the book shows it, and fast."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from gaea_mini.supernet import OPERATIONS, FastCell, ReferenceCell, Supernet, space

SPACES = {
    "compact": space("compact"),
    "nasbench201": space("nasbench201"),
    "without none": space("nasbench201").without("none"),
    "one convolution": space("nasbench201").without("none", "nor_conv_3x3"),
    "no convolution": space("compact").without("nor_conv_3x3"),
    "skip only": space("compact").without("nor_conv_3x3", "avg_pool_3x3"),
}
every_space = pytest.mark.parametrize("name", SPACES)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def some_theta(where, seed=0) -> Tensor:
    return torch.softmax(numbers(*where.shape[1:], seed=seed), dim=-1)


# ----------------------------------------------------------------------- by hand


def convolve(x: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Every output pixel is a sum over channels and neighbours; zeros outside."""
    batch, _, high, wide = x.shape
    out, _, kernel, _ = filters.shape
    reach = kernel // 2
    y = np.zeros((batch, out, high, wide))
    for i, j in itertools.product(range(high), range(wide)):
        for di, dj in itertools.product(range(kernel), range(kernel)):
            row, column = i + di - reach, j + dj - reach
            if 0 <= row < high and 0 <= column < wide:
                y[:, :, i, j] += x[:, :, row, column] @ filters[:, :, di, dj].T
    return y


def standardise(x: np.ndarray) -> np.ndarray:
    """Batch norm without scale and shift: mean and biased variance of each channel."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        values = x[:, c]
        mean = values.sum() / values.size
        variance = ((values - mean) ** 2).sum() / values.size
        y[:, c] = (values - mean) / np.sqrt(variance + 1e-5)
    return y


def average(x: np.ndarray) -> np.ndarray:
    """The mean of the 3x3 neighbours that are inside the picture."""
    y = np.empty_like(x)
    for i, j in itertools.product(range(x.shape[2]), range(x.shape[3])):
        y[:, :, i, j] = x[:, :, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].mean(
            axis=(2, 3)
        )
    return y


def operate(name: str, x: np.ndarray, filters: np.ndarray | None) -> np.ndarray:
    if name == "none":
        return np.zeros_like(x)
    if name == "skip_connect":
        return x
    if name == "avg_pool_3x3":
        return average(x)
    assert filters is not None
    return standardise(convolve(np.maximum(x, 0), filters))


def by_hand(where, x: np.ndarray, theta: np.ndarray, filters) -> np.ndarray:
    """The cell of four nodes, written out; filters[edge][operation]."""

    def mixed(e, node):
        return sum(
            theta[e, o] * operate(name, node, filters[e].get(name))
            for o, name in enumerate(where.operations)
        )

    one = mixed(0, x)
    two = mixed(1, x) + mixed(2, one)
    return mixed(3, x) + mixed(4, one) + mixed(5, two)


def filters_of(cell: ReferenceCell) -> list[dict[str, np.ndarray]]:
    """The filters of a reference cell, by edge and operation."""
    return [
        {
            name: next(operation.parameters()).detach().numpy()
            for name, operation in zip(
                cell.space.operations, edge.operations, strict=True
            )
            if list(operation.parameters())
        }
        for edge in cell.edges
    ]


@every_space
def test_the_reference_cell_is_the_cell_written_out_by_hand(name):
    where = SPACES[name]
    torch.manual_seed(0)
    cell = ReferenceCell(where, 2).double()
    x, theta = numbers(3, 2, 5, 4, seed=1), some_theta(where, 2)
    hand = by_hand(where, x.numpy(), theta.numpy(), filters_of(cell))
    np.testing.assert_allclose(cell(x, theta).detach().numpy(), hand, atol=1e-10)


def test_the_gradient_of_theta_is_the_slope_of_the_cell_by_hand():
    """Central differences of the function written out by hand, for every weight."""
    where = SPACES["nasbench201"]
    torch.manual_seed(0)
    cell = FastCell(where, 2).double()
    reference = ReferenceCell(where, 2).double()
    cell.copy_from(reference)
    x, pull = numbers(2, 2, 4, 4, seed=1), numbers(2, 2, 4, 4, seed=2)
    theta = some_theta(where, 3).requires_grad_()
    (gradient,) = torch.autograd.grad((cell(x, theta) * pull).sum(), theta)
    filters, h = filters_of(reference), 1e-6
    for e, o in itertools.product(range(6), range(len(where.operations))):
        bump = np.zeros(theta.shape)
        bump[e, o] = h
        up, down = (
            (by_hand(where, x.numpy(), moved, filters) * pull.numpy()).sum()
            for moved in (theta.detach().numpy() + bump, theta.detach().numpy() - bump)
        )
        assert gradient[e, o].item() == pytest.approx((up - down) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_the_one_written_by_hand(name):
    torch.manual_seed(0)
    operation = OPERATIONS[name](3).double()
    filters = [p.detach().numpy() for p in operation.parameters()]
    assert len(filters) == (1 if "conv" in name else 0), "no scale, no shift, no bias"
    x = numbers(2, 3, 5, 6, seed=4)
    hand = operate(name, x.numpy(), filters[0] if filters else None)
    np.testing.assert_allclose(operation(x).detach().numpy(), hand, atol=1e-12)
    assert not list(operation.buffers()), "statistics must be those of the batch"


def test_pooling_at_the_border_averages_over_what_is_there():
    pool = OPERATIONS["avg_pool_3x3"](1)
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(pool(ones), ones)
    corner = torch.zeros(1, 1, 3, 3)
    corner[0, 0, 0, 0] = 36
    expected = torch.tensor([[9.0, 6.0, 0.0], [6.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.equal(pool(corner)[0, 0], expected)


def test_none_gives_nothing_and_passes_no_gradient():
    x = numbers(2, 3, 4, 4).requires_grad_()
    y = OPERATIONS["none"](3)(x)
    assert torch.equal(y, torch.zeros_like(x))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, torch.zeros_like(x))


# ------------------------------------------------------------- fast and reference


def pair(where, channels, seed=0):
    torch.manual_seed(seed)
    reference = ReferenceCell(where, channels).double()
    return FastCell(where, channels).double().copy_from(reference), reference


@every_space
@pytest.mark.parametrize(
    ("batch", "channels", "side", "layout"),
    [
        (2, 2, 4, torch.contiguous_format),
        (5, 3, 7, torch.contiguous_format),
        (5, 3, 7, torch.channels_last),
        (1, 4, 2, torch.channels_last),
    ],
)
def test_fast_and_reference_cell_agree(name, batch, channels, side, layout):
    """Outputs, and the gradients of the pictures, of theta and of every filter."""
    where = SPACES[name]
    fast, reference = pair(where, channels)
    fast = fast.to(memory_format=layout)
    x = numbers(batch, channels, side, side, seed=1).to(memory_format=layout)
    pull = numbers(batch, channels, side, side, seed=2)
    results = []
    for cell in (fast, reference):
        inputs = [x.clone().requires_grad_(), some_theta(where, 3).requires_grad_()]
        weights = list(cell.parameters())
        y = cell(*inputs)
        gradients = torch.autograd.grad((y * pull).sum(), inputs + weights)
        results.append((y, gradients[:2], gradients[2:]))
    (y_fast, inputs_fast, filters_fast), (y, inputs, filters) = results
    torch.testing.assert_close(y_fast, y, rtol=0, atol=1e-10)
    torch.testing.assert_close(inputs_fast, inputs, rtol=0, atol=1e-10)

    names_of = [n for n in where.operations if "conv" in n]
    expected = dict(zip(itertools.product(range(6), names_of), filters, strict=True))
    apart = by_edge(fast, filters_fast)
    assert apart.keys() == expected.keys()
    for key, gradient in expected.items():
        torch.testing.assert_close(apart[key], gradient, rtol=0, atol=1e-10)


def by_edge(fast, gradients):
    """The fast cell stacks filters by source and kernel; take them apart again."""
    apart = {}
    for (key, _), gradient in zip(fast.filters.items(), gradients, strict=True):
        operation, source = key.rsplit("_", 1)
        edges = [e for e, (s, _) in enumerate(fast.space.edges) if s == int(source)]
        for e, part in zip(edges, gradient.split(fast.channels), strict=True):
            apart[e, operation] = part
    return apart


SOME = [(1,), (0, 2), (1, 2), (0,), (2,), (0, 1)]  # operations of each edge


@pytest.mark.parametrize("name", ["compact", "nasbench201"])
@pytest.mark.parametrize("partial", [1, 2, 4])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("further", [(), (SOME,), (SOME, True)])
def test_they_agree_in_partial_channels_and_on_some_operations(
    name, partial, layout, further
):
    """Outputs and all gradients; rows of theta that sum to their edge's weight."""
    where = SPACES[name]
    torch.manual_seed(0)
    reference = ReferenceCell(where, 8, partial).double()
    fast = FastCell(where, 8, partial).double().copy_from(reference)
    x = numbers(3, 8, 5, 4, seed=1).contiguous(memory_format=layout)
    weighted = some_theta(where, 3) * torch.rand(6, 1, dtype=torch.float64)
    pull, results = numbers(3, 8, 5, 4, seed=2), []
    for cell in (fast, reference):
        cell.to(memory_format=layout)
        inputs = [t.clone().requires_grad_() for t in (x, weighted)]
        y = cell(*inputs, *further)
        wanted = [*inputs, *cell.parameters()]
        gradients = torch.autograd.grad(
            (y * pull).sum(), wanted, allow_unused=True, materialize_grads=True
        )
        results.append((y, *gradients[:2]))
        filters = gradients[2:]
        if cell is fast:
            apart = by_edge(fast, filters)
    torch.testing.assert_close(*results, rtol=0, atol=1e-10)
    if further[1:]:
        slopes = zip(results[0][2], SOME, strict=True)
        idle = [g for row, on in slopes for o, g in enumerate(row) if o not in on]
        assert all(g != 0 for g in idle), "an operation got no gradient"
    names_of = [n for n in where.operations if "conv" in n]
    keys = itertools.product(range(6), names_of)
    for key, gradient in zip(keys, filters, strict=True):
        torch.testing.assert_close(apart[key], gradient, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["compact", "nasbench201"])
def test_they_agree_on_single_cells_too(name):
    """At a corner of the simplex, where most weights are exactly 0."""
    where = SPACES[name]
    fast, reference = pair(where, 2)
    x, rng = numbers(3, 2, 4, 4, seed=1), np.random.default_rng(5)
    for index in rng.integers(where.size, size=20):
        theta = torch.tensor(where.one_hot(where.arch(int(index))))[0].double()
        results = []
        for cell in (fast, reference):
            weights = theta.clone().requires_grad_()
            y = cell(x, weights)
            slope = torch.autograd.grad((y**3).sum(), weights)
            results.append((y, slope))
        torch.testing.assert_close(*results, rtol=0, atol=1e-10)


def test_an_all_skip_cell_adds_four_copies():
    """Ways from node 0 to node 3 along edges: 0-3, 0-1-3, 0-2-3, 0-1-2-3."""
    where = SPACES["compact"]
    skip = torch.tensor(where.one_hot(where.format([0] * 6)))[0].double()
    x = numbers(2, 3, 4, 4)
    for cell in pair(where, 3):
        torch.testing.assert_close(cell(x, skip), 4 * x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", [FastCell, ReferenceCell])
def test_filters_of_both_forms_start_alike(form):
    """He's uniform draw as in torch's Conv2d: bound 1 / sqrt(fan in)."""
    torch.manual_seed(0)
    cell = form(SPACES["without none"], 8)
    seen = set()
    for weight in cell.parameters():
        kernel = weight.shape[-1]
        bound = 1 / np.sqrt(8 * kernel * kernel)
        assert 0.9 * bound < weight.abs().max().item() <= bound
        assert weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.2)
        seen.add(weight.flatten()[0].item())
    assert len(seen) == len(list(cell.parameters())), "two edges share a draw"
    # Within one stack, too, every edge has a draw of its own.
    if form is FastCell:
        for filters in cell.filters.values():
            parts = filters.split(8)
            assert all(
                not torch.equal(a, b) for a, b in itertools.combinations(parts, 2)
            )
    assert sum(p.numel() for p in cell.parameters()) == 6 * 64 * (1 + 9)


# ----------------------------------------------------------------------- network


def network(form="fast", channels=2, cells=1, where=SPACES["compact"], inputs=3):
    torch.manual_seed(0)
    return Supernet(where, inputs, 10, channels, cells, form).double()


@pytest.mark.parametrize("cells", [1, 2])
@pytest.mark.parametrize(("inputs", "side"), [(1, 14), (3, 8), (3, 9)])
def test_the_skeleton_has_three_stages_of_c_2c_4c_channels(cells, inputs, side):
    net = network(channels=3, cells=cells, inputs=inputs)
    shapes = []
    for layer in net.layers:
        layer.register_forward_hook(
            lambda module, args, out: shapes.append((type(module).__name__, *out.shape))
        )
    theta = some_theta(SPACES["compact"])[None]
    logits = net(numbers(2, inputs, side, side), theta)
    assert logits.shape == (2, 10)
    half = -(-side // 2)
    quarter = -(-half // 2)
    stages = [(3, side), (6, half), (12, quarter)]
    expected = []
    for channels, pixels in stages:
        if channels > 3:
            expected.append(("Reduction", 2, channels, pixels, pixels))
        expected += [("FastCell", 2, channels, pixels, pixels)] * cells
    assert shapes == expected


def test_the_network_agrees_in_both_forms():
    where = SPACES["without none"]
    fast, reference = (network(form, 2, 2, where) for form in ("fast", "reference"))
    for name in ("stem", "norm", "classifier"):
        getattr(fast, name).load_state_dict(getattr(reference, name).state_dict())
    for one, other in zip(fast.layers, reference.layers, strict=True):
        if isinstance(one, FastCell):
            one.copy_from(other)
        else:
            one.load_state_dict(other.state_dict())
    x, theta = numbers(4, 3, 8, 8, seed=1), some_theta(where)[None].requires_grad_()
    slopes = []
    for net in (fast, reference):
        logits = net(x, theta)
        (slope,) = torch.autograd.grad((logits**2).sum(), theta)
        slopes.append((logits, slope))
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-10)


def test_a_network_with_partial_channels_agrees_in_both_forms():
    where = SPACES["compact"]
    fast, reference = (
        Supernet(where, 3, 10, 4, 1, form, partial=4).double()
        for form in ("fast", "reference")
    )
    for one, other in zip(fast.children(), reference.children(), strict=True):
        if one is not fast.layers:
            one.load_state_dict(other.state_dict())
    for one, other in zip(fast.layers, reference.layers, strict=True):
        if isinstance(one, FastCell):
            one.copy_from(other)
        else:
            one.load_state_dict(other.state_dict())
    x, theta = numbers(4, 3, 8, 8, seed=1), some_theta(where)[None]
    torch.testing.assert_close(fast(x, theta), reference(x, theta), rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", ["fast", "reference"])
def test_theta_is_an_argument_and_nothing_else(form):
    """A gradient flows to it, and calls leave no trace in the network."""
    net = network(form)
    x = numbers(4, 3, 8, 8, seed=1)
    theta = some_theta(SPACES["compact"], 1)[None].requires_grad_()
    other = some_theta(SPACES["compact"], 2)[None]
    names = [name for name, _ in net.named_parameters()]
    assert not any("theta" in n or "alpha" in n for n in names)
    assert not list(net.buffers())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first = net(x, theta)
    (slope,) = torch.autograd.grad(first.sum(), theta, retain_graph=True)
    assert slope.abs().min() > 0
    assert not torch.equal(net(x, other), first)
    assert torch.equal(net(x, theta), first), "a call has changed the next"
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    net.eval()
    assert torch.equal(net(x, theta), first), "running statistics are in use"


def test_a_small_step_against_the_gradient_lowers_the_loss():
    net = network()
    x, theta = numbers(8, 3, 8, 8), some_theta(SPACES["compact"])[None].requires_grad_()
    labels = torch.arange(8) % 10
    loss = torch.nn.functional.cross_entropy(net(x, theta), labels)
    parts = [theta, *net.parameters()]
    slopes = torch.autograd.grad(loss, parts)
    length = sum((g**2).sum() for g in slopes).sqrt()
    with torch.no_grad():
        for part, slope in zip(parts, slopes, strict=True):
            part -= 1e-6 * slope / length
        after = torch.nn.functional.cross_entropy(net(x, theta), labels)
    assert (loss - after).item() == pytest.approx(1e-6 * length.item(), rel=1e-2)


def test_the_skeleton_written_out_with_plain_functions():
    """Stem, all-skip cells (four copies), residual reductions, head."""
    where, channels = SPACES["compact"], 3
    net = network(channels=channels)
    x = numbers(4, 3, 9, 9, seed=1)
    theta = torch.tensor(where.one_hot(where.format([0] * 6))).double()
    p = dict(net.named_parameters())
    reductions = [
        i for i, layer in enumerate(net.layers) if type(layer).__name__ == "Reduction"
    ]
    assert reductions == [1, 3]

    def bn(y: Tensor) -> Tensor:
        mean = y.mean(dim=(0, 2, 3), keepdim=True)
        variance = ((y - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        return (y - mean) / torch.sqrt(variance + 1e-5)

    def halve(y: Tensor) -> Tensor:
        """The mean of each 2x2 block; at an odd border of what is there."""
        high, wide = y.shape[2:]
        return torch.stack(
            [
                torch.stack(
                    [
                        y[:, :, i : i + 2, j : j + 2].mean(dim=(2, 3))
                        for j in range(0, wide, 2)
                    ],
                    dim=-1,
                )
                for i in range(0, high, 2)
            ],
            dim=-2,
        )

    conv = torch.nn.functional.conv2d
    y = 4 * bn(conv(x, p["stem.0.weight"], padding=1))
    for i in reductions:
        name = f"layers.{i}"
        main = conv(y.relu(), p[f"{name}.main.0.1.weight"], stride=2, padding=1)
        main = conv(bn(main).relu(), p[f"{name}.main.1.1.weight"], padding=1)
        side = conv(halve(y), p[f"{name}.side.1.weight"])
        y = 4 * (bn(main) + side)
    features = bn(y).relu().flatten(2).mean(-1)
    logits = features @ p["classifier.weight"].T + p["classifier.bias"]
    torch.testing.assert_close(net(x, theta), logits, rtol=0, atol=1e-10)
