"""The DARTS cell, three times: by hand, as the book shows it, and fast."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from gaea_mini.errors import InputError
from gaea_mini.supernet import (
    GENOTYPES,
    AloneNetwork,
    DartsSupernet,
    build_supernet,
    count_parameters,
    space,
)
from gaea_mini.supernet.darts_cell import Place, ReferenceDartsCell
from gaea_mini.supernet.darts_fast import FastDartsCell
from gaea_mini.supernet.darts_network import places

DARTS = space("darts")
NORMAL = Place(0, (3, 6), 4, False)
AFTER = Place(0, (3, 6), 4, True)
REDUCE = Place(1, (6, 6), 4, False)
PLACES = {"normal": NORMAL, "after a reduction": AFTER, "reduction": REDUCE}
every_place = pytest.mark.parametrize("name", PLACES)
both_forms = pytest.mark.parametrize("form", [FastDartsCell, ReferenceDartsCell])


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def some_theta(where=DARTS, seed=0) -> Tensor:
    return torch.softmax(numbers(*where.shape, seed=seed), dim=-1)


def inputs_of(place: Place, batch=2, side=6, seed=1) -> list[Tensor]:
    """The outputs of the two cells before."""
    first, second = place.inputs
    before = 2 * side - 1 if place.after_reduction else side  # odd: the harder case
    return [
        numbers(batch, first, before, before, seed=seed),
        numbers(batch, second, side, side, seed=seed + 1),
    ]


# ------------------------------------------------------------------------- by hand


def window(x, i, j, kernel, stride, dilation=1):
    """The pixels under a kernel at output pixel (i, j): (row, column, value)."""
    reach = dilation * (kernel // 2)
    for di, dj in itertools.product(range(kernel), repeat=2):
        row, column = stride * i + dilation * di - reach, stride * j + dilation * dj
        column -= reach
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            yield di, dj, x[:, :, row, column]


def over_pixels(x, stride, function):
    """``function(i, j)`` (B, C) at every output pixel."""
    high, wide = (-(-n // stride) for n in x.shape[2:])
    rows = [[function(i, j) for j in range(wide)] for i in range(high)]
    return np.moveaxis(np.array(rows), (0, 1), (2, 3))


def depthwise(x, filters, stride, dilation=1):
    kernel = filters.shape[-1]
    return over_pixels(
        x,
        stride,
        lambda i, j: sum(
            filters[:, 0, di, dj] * value
            for di, dj, value in window(x, i, j, kernel, stride, dilation)
        ),
    )


def pointwise(x, filters):
    return np.einsum("oc,bchw->bohw", filters[:, :, 0, 0], x)


def max_pool(x, stride):
    return over_pixels(
        x, stride, lambda i, j: np.max([v for *_, v in window(x, i, j, 3, stride)], 0)
    )


def avg_pool(x, stride):
    return over_pixels(
        x, stride, lambda i, j: np.mean([v for *_, v in window(x, i, j, 3, stride)], 0)
    )


def standardise(x):
    """Batch norm without scale and shift: mean and biased variance of each channel."""
    mean, variance = (f(x, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.var))
    return (x - mean) / np.sqrt(variance + 1e-5)


def relu(x):
    return np.maximum(x, 0)


def halve(x, even, odd):
    """Even pixels to the first half of the channels, odd ones to the second half."""
    x = np.pad(relu(x), ((0, 0), (0, 0), (0, 1), (0, 1)))
    high, wide = (n // 2 for n in x.shape[2:])
    parts = []
    for filters, at in ((even, 0), (odd, 1)):
        seen = np.stack(
            [
                np.stack([x[:, :, 2 * i + at, 2 * j + at] for j in range(wide)], -1)
                for i in range(high)
            ],
            -2,
        )
        parts.append(pointwise(seen, filters))
    return standardise(np.concatenate(parts, axis=1))


def operate(name, x, stride, filters):
    """An operation as the supernet has it: batch norm behind pooling too."""
    if name == "none":
        return 0 * x[:, :, ::stride, ::stride]
    if name == "max_pool_3x3":
        return standardise(max_pool(x, stride))
    if name == "avg_pool_3x3":
        return standardise(avg_pool(x, stride))
    if name == "skip_connect":
        return x if stride == 1 else halve(x, *filters)
    if name.startswith("sep"):
        one, two, three, four = filters
        x = standardise(pointwise(depthwise(relu(x), one, stride), two))
        return standardise(pointwise(depthwise(relu(x), three, 1), four))
    one, two = filters
    return standardise(pointwise(depthwise(relu(x), one, stride, 2), two))


def filters_of(module) -> list[np.ndarray]:
    return [p.detach().numpy() for p in module.parameters()]


def by_hand(cell, before, last, theta):
    """The cell, written out; its filters are taken from a reference cell."""
    first, second = (filters_of(f) for f in cell.preprocess)
    nodes = [
        halve(before, *first)
        if cell.place.after_reduction
        else standardise(pointwise(relu(before), *first)),
        standardise(pointwise(relu(last), *second)),
    ]
    reduces, e = cell.place is REDUCE, 0
    for target in (2, 3, 4, 5):
        total = 0
        for source in range(target):
            stride = 2 if reduces and source < 2 else 1
            for o, name in enumerate(DARTS.operations):
                filters = filters_of(cell.edges[e].operations[o])
                total += theta[e, o] * operate(name, nodes[source], stride, filters)
            e += 1
        nodes.append(total)
    return np.concatenate(nodes[2:], axis=1)


@every_place
@pytest.mark.parametrize("side", [5, 6])
def test_the_reference_cell_is_the_cell_written_out_by_hand(name, side):
    place = PLACES[name]
    torch.manual_seed(0)
    cell = ReferenceDartsCell(DARTS, place).double()
    before, last = inputs_of(place, side=side)
    theta = some_theta()[place.kind]
    hand = by_hand(cell, before.numpy(), last.numpy(), theta.numpy())
    y = cell(before, last, theta).detach().numpy()
    half = -(-side // 2) if place.reduces else side
    assert y.shape == hand.shape == (2, 16, half, half)
    np.testing.assert_allclose(y, hand, atol=1e-9)


# --------------------------------------------------------------- fast and reference


def pair(place, partial=1, where=DARTS):
    torch.manual_seed(0)
    reference = ReferenceDartsCell(where, place, partial).double()
    fast = FastDartsCell(where, place, partial).double()
    fast.load_state_dict(reference.state_dict())
    return fast, reference


def results_of(cell, inputs, theta, *arguments):
    """Output, and the gradients of both inputs, of theta and of every filter."""
    inputs = [x.clone().requires_grad_() for x in (*inputs, theta)]
    y = cell(*inputs, *arguments)
    pull = numbers(*y.shape, seed=9)
    wanted = [*inputs, *cell.parameters()]
    gradients = torch.autograd.grad((y * pull).sum(), wanted, allow_unused=True)
    return y, [
        torch.zeros_like(x) if g is None else g
        for x, g in zip(wanted, gradients, strict=True)
    ]


def assert_equal(one, other):
    for a, b in zip((one[0], *one[1]), (other[0], *other[1]), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@every_place
@pytest.mark.parametrize("partial", [1, 2])
@pytest.mark.parametrize("side", [4, 7])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_fast_and_reference_cell_agree(name, partial, side, layout):
    place = PLACES[name]
    fast, reference = pair(place, partial)
    inputs = inputs_of(place, 3, side)
    theta = some_theta(seed=3)[place.kind]
    laid_out = [x.contiguous(memory_format=layout) for x in inputs]
    found = results_of(fast.to(memory_format=layout), laid_out, theta)
    assert_equal(found, results_of(reference, inputs, theta))


@every_place
@pytest.mark.parametrize("genotype", GENOTYPES)
def test_they_agree_on_single_cells_too(name, genotype):
    """At a corner of the simplex, where most weights are exactly 0."""
    place = PLACES[name]
    theta = torch.tensor(DARTS.one_hot(GENOTYPES[genotype].genotype)[place.kind])
    found, wanted = (
        results_of(cell, inputs_of(place), theta.double()) for cell in pair(place)
    )
    assert_equal(found, wanted)


def some_operations():
    """One to three operations on each edge, and which they are as a 0-1 matrix."""
    rng = np.random.default_rng(4)
    active = [sorted(rng.choice(8, size=1 + e % 3, replace=False)) for e in range(14)]
    mask = torch.zeros(14, 8, dtype=torch.float64)
    for e, chosen in enumerate(active):
        mask[e, chosen] = 1
    return active, mask


@every_place
@both_forms
def test_operations_left_out_count_as_nothing(name, form):
    """Against all operations computed, with the weights of the others at 0."""
    place = PLACES[name]
    fast, reference = pair(place)
    cell = fast if form is FastDartsCell else reference
    active, mask = some_operations()
    theta, inputs = some_theta(seed=5)[place.kind], inputs_of(place)
    y, gradients = results_of(cell, inputs, theta, active)
    expected, all_gradients = results_of(reference, inputs, theta * mask)
    all_gradients[2] *= mask
    assert_equal((y, gradients[:3]), (expected, all_gradients[:3]))


@both_forms
def test_or_as_the_constant_one(form):
    """Into the last node only, which feeds no other: their weights are added to it."""
    fast, reference = pair(NORMAL)
    cell = fast if form is FastDartsCell else reference
    active, mask = some_operations()
    active[:9], mask[:9] = [range(8)] * 9, 1
    theta, inputs = some_theta(seed=5)[0], inputs_of(NORMAL)
    y = cell(*inputs, theta, active, True)
    expected = reference(*inputs, theta * mask)
    expected[:, 12:] += ((1 - mask) * theta).sum()
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)


def test_both_forms_agree_with_ones_in_the_place_of_operations():
    active = [[(3 * e) % 8] for e in range(14)]
    for place in (NORMAL, REDUCE):
        theta = some_theta(seed=6)[place.kind]
        results = [
            results_of(cell, inputs_of(place), theta, active, True)
            for cell in pair(place, partial=2)
        ]
        assert_equal(*results)
        (_, gradients), _ = results
        assert gradients[2].abs().min() > 0, "an operation got no gradient"


def test_nothing_comes_through_a_cell_of_none():
    none = torch.zeros(14, 8, dtype=torch.float64)
    none[:, 0] = 1
    for place, cell in itertools.product((NORMAL, REDUCE), (0, 1)):
        y = pair(place)[cell](*inputs_of(place), none, [[0]] * 14)
        side = 3 if place.reduces else 6
        assert torch.equal(y, torch.zeros(2, 16, side, side).double())


# --------------------------------------------------------------- partial channels


def deal(x: np.ndarray, groups: int) -> np.ndarray:
    """Channels dealt out like cards: the first of each group, then the second."""
    size = x.shape[1] // groups
    order = [g * size + i for i in range(size) for g in range(groups)]
    return x[:, order]


@both_forms
@pytest.mark.parametrize("partial", [2, 4])
def test_the_channels_that_pass_by(form, partial):
    """With ``none`` everywhere, by hand: they alone get through, times their edge."""
    place = Place(0, (3, 6), 4, False)
    torch.manual_seed(0)
    cell = form(DARTS, place, partial).double()
    inputs = inputs_of(place)
    edges = np.random.default_rng(7).random(14)
    theta = torch.zeros(14, 8, dtype=torch.float64)
    theta[:, 0] = torch.tensor(edges)
    nodes = [
        f(x).detach().numpy() for f, x in zip(cell.preprocess, inputs, strict=True)
    ]
    e = 0
    for target in (2, 3, 4, 5):
        total = np.zeros_like(nodes[0])
        for source in range(target):
            total[:, 4 // partial :] += edges[e] * nodes[source][:, 4 // partial :]
            e += 1
        nodes.append(deal(total, partial))
    y = cell(*inputs, theta).detach().numpy()
    np.testing.assert_allclose(y, np.concatenate(nodes[2:], axis=1), atol=1e-12)


def test_in_a_reduction_cell_the_largest_of_four_passes_by():
    fast, reference = pair(REDUCE, partial=2)
    inputs = inputs_of(REDUCE, side=5)
    theta = torch.zeros(14, 8, dtype=torch.float64)
    theta[0, 0] = 1
    node = reference.preprocess[0](inputs[0]).detach().numpy()[:, 2:]
    squares = [[node[:, :, i : i + 2, j : j + 2] for j in (0, 2, 4)] for i in (0, 2, 4)]
    largest = np.array([[s.max(axis=(2, 3)) for s in row] for row in squares])
    largest = np.moveaxis(largest, (0, 1), (2, 3))
    whole = deal(np.concatenate([np.zeros_like(largest), largest], axis=1), 2)
    for cell in (fast, reference):
        y = cell(*inputs, theta).detach().numpy()[:, :4]
        np.testing.assert_allclose(y, whole, atol=1e-12)


@pytest.mark.parametrize("partial", [0, 3, 8])
def test_partial_channels_that_do_not_divide_are_refused(partial):
    with pytest.raises(InputError, match=f"1/{partial} of 4 channels"):
        FastDartsCell(DARTS, NORMAL, partial)


# -------------------------------------------------------------------------- network


@pytest.mark.parametrize(("cells", "total"), [(1, 5), (2, 8), (4, 14), (6, 20)])
def test_reduction_cells_stand_at_a_third_and_two_thirds(cells, total):
    row = list(places(DARTS, 16, cells))
    assert len(row) == total
    assert [i for i, p in enumerate(row) if p.reduces] == [total // 3, 2 * total // 3]
    channels, outputs = 16, [48, 48]  # the stem has 3 C channels
    for i, place in enumerate(row):
        if i in (total // 3, 2 * total // 3):
            channels *= 2
        assert place.channels == channels
        assert place.inputs == tuple(outputs[-2:])
        assert place.after_reduction == (i > 0 and row[i - 1].reduces)
        outputs.append(4 * channels)


def build(form="fast", channels=2, cells=1, partial=1, where=DARTS):
    torch.manual_seed(0)
    return build_supernet(where, 3, 10, channels, cells, form, partial=partial).double()


@pytest.mark.parametrize(("cells", "side"), [(1, 8), (1, 9), (2, 14)])
def test_the_pictures_shrink_and_the_channels_double_twice(cells, side):
    net = build(channels=2, cells=cells)
    shapes = []
    for layer in net.layers:
        layer.register_forward_hook(lambda _, args, out: shapes.append(out.shape[1:]))
    assert net(numbers(2, 3, side, side), some_theta()).shape == (2, 10)
    half = -(-side // 2)
    quarter = -(-half // 2)
    expected = [(8, side, side)] * cells
    expected += [(16, half, half)] * (cells + 1)
    expected += [(32, quarter, quarter)] * (cells + 1)
    assert shapes == expected


def test_the_network_is_its_cells_in_a_row():
    """Each cell takes the two before it, and the row of theta of its own kind."""
    fast, reference = build("fast"), build("reference")
    fast.load_state_dict(reference.state_dict())
    x, theta = numbers(3, 3, 8, 8, seed=1), some_theta(seed=2)
    outputs = [reference.stem(x)] * 2
    for i, cell in enumerate(reference.layers):
        row = theta[1] if i in (1, 3) else theta[0]
        outputs.append(cell(outputs[-2], outputs[-1], row))
    logits = reference.classifier(outputs[-1].mean(dim=(2, 3)))
    for net in (fast, reference):
        torch.testing.assert_close(net(x, theta), logits, rtol=0, atol=1e-10)


@pytest.mark.parametrize("partial", [1, 2])
def test_the_network_agrees_in_both_forms_in_float32_and_channels_last(partial):
    fast, reference = (build(f, 4, 1, partial).float() for f in ("fast", "reference"))
    fast.load_state_dict(reference.state_dict())
    fast.to(memory_format=torch.channels_last)
    x, theta = numbers(16, 3, 8, 8, seed=1).float(), some_theta(seed=2).float()
    theta.requires_grad_()
    results = []
    for net in (fast, reference):
        logits = net(x, theta)
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(16) % 10)
        results.append((logits, *torch.autograd.grad(loss, theta)))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", ["fast", "reference"])
def test_theta_is_an_argument_and_nothing_else(form):
    net = build(form)
    assert isinstance(net, DartsSupernet)
    x, theta = numbers(4, 3, 8, 8, seed=1), some_theta(seed=1).requires_grad_()
    assert not list(net.buffers())
    first = net(x, theta)
    (slope,) = torch.autograd.grad(first[:, 0].sum(), theta, retain_graph=True)
    assert (slope[:, :, 1:].abs() > 0).all() and (slope[:, :, 0] == 0).all()
    assert not torch.equal(net(x, some_theta(seed=2)), first)
    assert torch.equal(net(x, theta), first), "a call has changed the next"
    net.eval()
    assert torch.equal(net(x, theta), first), "running statistics are in use"


# ----------------------------------------------------------- counts of parameters


def edge_weights(channels: int) -> int:
    """Of one edge's convolutions, counted from their definition."""
    point = channels * channels
    separable = sum(2 * (k * k * channels + point) for k in (3, 5))
    dilated = sum(k * k * channels + point for k in (3, 5))
    return separable + dilated


@pytest.mark.parametrize("partial", [1, 4])
def test_the_supernet_has_the_weights_that_a_sheet_of_paper_gives(partial):
    with torch.device("meta"):
        net = build_supernet(DARTS, 3, 10, 16, 2, partial=partial)
    total = 3 * 48 * 9 + 2 * 48  # the stem, with scale and shift
    before, last = 48, 48
    for channels, reduces in zip(
        (16, 16, 32, 32, 32, 64, 64, 64), (0, 0, 1, 0, 0, 1, 0, 0), strict=True
    ):
        total += (before + last) * channels
        mixed = channels // partial
        total += 14 * edge_weights(mixed)
        total += 8 * mixed * mixed if reduces else 0  # skips that halve the picture
        before, last = last, 4 * channels
    total += 256 * 10 + 10
    count = sum(p.numel() for p in net.parameters())
    assert count == total
    if partial == 1:
        assert count == 1_930_618  # printed by the authors' own search script


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        # Printed to one digit: right to 0.05 million.
        ("darts-v2", 0.05),
        ("pc-darts-cifar", 0.05),
        ("gaea-pc-darts-cifar", 0.05),
        # The listed cell counts 3.17; the paper prints 3.3 in this row.
        ("darts-v1", 0.15),
    ],
)
def test_published_genotypes_count_the_published_parameters(name, tolerance):
    published = GENOTYPES[name]
    with torch.device("meta"):
        net = AloneNetwork(DARTS, published.genotype, auxiliary=True)
    assert count_parameters(net) / 1e6 == pytest.approx(
        published.parameters, abs=tolerance
    )
    if name == "darts-v2":
        assert count_parameters(net) == 3_349_342  # printed by the authors' script
    assert len(net.layers) == 20
    head = sum(p.numel() for p in net.auxiliary.parameters())
    assert sum(p.numel() for p in net.parameters()) == count_parameters(net) + head


def test_without_a_printed_number_there_is_none():
    assert GENOTYPES["pc-darts-imagenet"].parameters is None


# ------------------------------------------------------- the network of a genotype


def alone(name="pc-darts-cifar", **options):
    torch.manual_seed(0)
    options = {"channels": 4, "cells": 1} | options
    return AloneNetwork(DARTS, GENOTYPES[name].genotype, **options).double()


def test_a_network_alone_is_the_supernet_at_its_corner():
    """With no pooling in it, and at the start, where its norms are plain."""
    genotype = (
        "normal: |skip_connect~0|sep_conv_3x3~1|+|sep_conv_5x5~0|dil_conv_3x3~2|"
        "+|dil_conv_5x5~1|skip_connect~3|+|sep_conv_3x3~0|sep_conv_3x3~4| "
        "reduce: |skip_connect~0|sep_conv_3x3~1|+|sep_conv_5x5~0|dil_conv_3x3~2|"
        "+|dil_conv_5x5~1|skip_connect~3|+|dil_conv_3x3~0|sep_conv_5x5~4|"
    )
    torch.manual_seed(0)
    net = AloneNetwork(DARTS, genotype, channels=4, cells=1).double()
    big = build("reference", 4)
    state = big.state_dict()
    for name, value in net.state_dict().items():
        parts = name.split(".")
        if parts[2:3] == ["edges"]:  # layers.I.edges.E.... -> ....E.operations.O....
            kind, e = int(parts[1]) in (1, 3), int(parts[3])
            o = DARTS.parse(genotype)[kind][e]
            parts[4:4] = ["operations", str(o)]
        if ".".join(parts) in state:
            state[".".join(parts)] = value
    big.load_state_dict(state)
    x = numbers(4, 3, 8, 8, seed=1)
    logits, side = net(x)
    theta = torch.tensor(DARTS.one_hot(genotype)).double()
    torch.testing.assert_close(logits, big(x, theta), rtol=0, atol=1e-9)
    assert side is None


def test_the_auxiliary_head_speaks_in_training_only():
    net = alone(auxiliary=True)
    x = numbers(4, 3, 32, 32)
    logits, side = net(x)
    assert logits.shape == side.shape == (4, 10)
    net.eval()
    assert net(x)[1] is None


def test_drop_path_drops_pictures_and_keeps_the_mean():
    from gaea_mini.supernet.alone import drop_path

    torch.manual_seed(0)
    y = drop_path(torch.ones(20000, 2, 1, 1), 0.3)
    whole = (y == 0).all(dim=1) | (y == 1 / 0.7).all(dim=1)
    assert whole.all(), "a picture is dropped with all its channels or not at all"
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    x = numbers(4, 3, 8, 8)
    dropping, plain = alone(drop=0.5), alone()
    assert not torch.allclose(dropping(x)[0], plain(x)[0])
    dropping.eval()
    plain.eval()
    plain.load_state_dict(dropping.state_dict())
    assert torch.equal(dropping(x)[0], plain(x)[0]), "dropped outside training"
    with pytest.raises(InputError, match="drop is 1"):
        alone(drop=1.0)


def test_a_genotype_of_another_space_is_refused():
    arch = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    with pytest.raises(InputError, match="malformed genotype"):
        AloneNetwork(DARTS, arch)
