"""The DARTS space: edges, counting, genotypes and rounding, stated a second time."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.supernet import GENOTYPES, DartsSpace, space

DARTS = space("darts")
SMALL = DARTS.without("avg_pool_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
EDGES = [(s, t) for t in (2, 3, 4, 5) for s in range(t)]
ENTERING = [range(0, 2), range(2, 5), range(5, 9), range(9, 14)]


@st.composite
def pairs_of_cells(draw):
    """For two cells and four nodes: two sources and an operation on each."""
    names = st.sampled_from(DARTS.operations[1:])
    cells = []
    for _ in range(2):
        cell = []
        for t in (2, 3, 4, 5):
            sources = draw(st.sampled_from(list(itertools.combinations(range(t), 2))))
            cell.append([(draw(names), s) for s in sources])
        cells.append(cell)
    return cells


def written(cells) -> str:
    normal, reduce = (
        "+".join("|" + "|".join(f"{o}~{s}" for o, s in node) + "|" for node in cell)
        for cell in cells
    )
    return f"normal: {normal} reduce: {reduce}"


def test_fourteen_edges_in_darts_order():
    assert DARTS.edges == tuple(EDGES)
    assert DARTS.edges[:5] == ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert DARTS.shape == (2, 14, 8)
    assert DARTS.kinds == ("normal", "reduce")
    assert DARTS.entering == [list(group) for group in ENTERING]
    assert DARTS.operations == (
        *("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
        *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
    )


def test_the_number_of_genotypes():
    """By counting cells node by node: pairs of edges times operations on them."""
    cells = 1
    for t in (2, 3, 4, 5):
        cells *= len(list(itertools.combinations(range(t), 2))) * 7 * 7
    assert DARTS.size == cells**2
    # Small enough to write them all out.
    tiny = DartsSpace("tiny", ("none", "a", "b"), nodes=4, kinds=("one",))
    archs = {
        tiny.round(theta.reshape(tiny.shape))
        for theta in np.random.default_rng(0).random((2000, math.prod(tiny.shape)))
    }
    assert len(archs) == tiny.size == 4 * 12


# ----------------------------------------------------------------------- genotypes


@given(pairs_of_cells())
def test_a_genotype_and_its_choice_are_each_others_inverse(cells):
    choice = DARTS.parse(written(cells))
    assert DARTS.format(choice) == written(cells)
    for row, cell in zip(choice, cells, strict=True):
        there = {(s, t): o for t, node in enumerate(cell, 2) for o, s in node}
        for (s, t), o in zip(EDGES, row, strict=True):
            assert DARTS.operations[o] == there.get((s, t), "none")


@given(pairs_of_cells())
def test_the_theta_of_a_genotype_is_0_on_edges_left_out(cells):
    arch = written(cells)
    theta = DARTS.one_hot(arch)
    assert theta.shape == DARTS.shape
    assert set(np.unique(theta)) == {0.0, 1.0}
    assert (theta.sum(axis=-1) == 1).sum(axis=1).tolist() == [8, 8], "eight are chosen"
    assert (theta.sum(axis=-1) == 0).sum(axis=1).tolist() == [6, 6], "six are not"
    for kind, e in itertools.product(range(2), range(14)):
        name = DARTS.operations[int(theta[kind, e].argmax())]
        s, t = EDGES[e]
        assert ((name, s) in cells[kind][t - 2]) == (name != "none")
    assert DARTS.round(theta) == arch


GOOD = GENOTYPES["pc-darts-cifar"].genotype
CELL = GOOD.split()[1]


@pytest.mark.parametrize(
    "arch",
    [
        "",
        "normal: reduce:",
        CELL,
        f"normal: {CELL}",
        f"reduce: {CELL} normal: {CELL}",
        f"normal: {CELL} normal: {CELL}",
        f"normal: {CELL} reduce: {CELL} more: {CELL}",
        f"normal {CELL} reduce {CELL}",
        f"normal: {CELL}, reduce: {CELL}",
        GOOD.replace("  ", " ").replace(" reduce", "  reduce"),
        GOOD + "|",
        GOOD[:-1],
        GOOD.replace("+", "", 1),
        GOOD.replace("~0", "~1", 1),  # twice the same edge
        GOOD.replace("~0|", "~2|", 1),  # from the node itself
        GOOD.replace("~0|", "~9|", 1),
        GOOD.replace("~0|", "~00|", 1),
        GOOD.replace("~0|", "~x|", 1),
        GOOD.replace("~0|", "~" + "1" * 5000 + "|", 1),
        GOOD.replace("|skip_connect~0", "", 1),  # one edge too few
        GOOD.replace("|skip_connect~0", "|none~0", 1),
        # One edge too many, at the node that has three sources.
        GOOD.replace("|sep_conv_3x3~0|dil", "|sep_conv_3x3~0|skip_connect~2|dil", 1),
        # In order of weight instead of source.
        "normal: |sep_conv_3x3~1|skip_connect~0|" + GOOD[GOOD.index("+") :],
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_a_malformed_genotype_is_refused_in_one_line(arch):
    with pytest.raises(InputError, match="malformed genotype|no operation") as info:
        DARTS.parse(arch)
    assert "\n" not in str(info.value)


def test_the_refusal_shows_a_genotype_that_is_none():
    with pytest.raises(InputError) as info:
        DARTS.parse("?")
    example = str(info.value).split("write it as ")[1].strip("'")
    assert DARTS.format(DARTS.parse(example)) == example


@settings(max_examples=300)
@given(pairs_of_cells(), st.data())
def test_no_damage_to_a_genotype_goes_unseen(cells, data):
    """Change one character: the result is refused, or is another valid genotype."""
    arch = written(cells)
    at = data.draw(st.integers(0, len(arch) - 1))
    letter = data.draw(st.sampled_from("|+~0135_:xan "))
    damaged = arch[:at] + letter + arch[at + 1 :]
    try:
        choice = DARTS.parse(damaged)
    except InputError:
        return
    assert DARTS.format(choice) == damaged.strip()
    for row, group in itertools.product(choice, ENTERING):
        assert sum(row[e] != 0 for e in group) == 2


@given(st.text(max_size=60))
def test_any_text_is_refused_with_an_input_error(text):
    with pytest.raises(InputError):
        DARTS.parse(text)


def test_an_operation_that_the_space_lacks_is_named():
    with pytest.raises(InputError, match="no operation 'sep_conv_7x7'; it has none, m"):
        DARTS.parse(GOOD.replace("sep_conv_3x3", "sep_conv_7x7", 1))
    with pytest.raises(InputError, match="no operation 'nor_conv_3x3'"):
        DARTS.without("nor_conv_3x3")


def test_taking_operations_out():
    assert SMALL.operations == ("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3")
    assert SMALL.shape == (2, 14, 4)
    assert DARTS.shape == (2, 14, 8), "the original has changed"
    assert DARTS.without() == DARTS
    assert DARTS.left_out == () and space("nasbench201").left_out == ("none",)
    assert space("compact").left_out == ()
    with pytest.raises(InputError, match="no operation 'dil_conv_3x3'"):
        SMALL.parse(GENOTYPES["pc-darts-cifar"].genotype)
    with pytest.raises(InputError, match="keeps 'none'"):
        DARTS.without("none")
    with pytest.raises(InputError, match="no operation is left"):
        DARTS.without(*DARTS.operations[1:])


# ------------------------------------------------------------------------ rounding


def best_cell(rows: np.ndarray) -> list[list[tuple[str, int]]]:
    """By trying all pairs of edges and all operations on them, node by node."""
    cell = []
    for group in ENTERING:

        def operation(e):
            return max(range(1, 8), key=lambda o: rows[e, o])

        # The pair whose heaviest operations weigh most together.
        pair = max(
            itertools.combinations(group, 2),
            key=lambda p: sum(rows[e, operation(e)] for e in p),
        )
        cell.append([(DARTS.operations[operation(e)], EDGES[e][0]) for e in pair])
    return cell


def test_rounding_keeps_the_two_heaviest_edges_of_each_node():
    rng = np.random.default_rng(1)
    for _ in range(200):
        theta = rng.dirichlet(np.full(8, 0.5), size=(2, 14))
        assert DARTS.round(theta) == written([best_cell(cell) for cell in theta])


def test_rounding_takes_edge_weights_along():
    """PC-DARTS rounds theta times the weight of the edge; its rows do not sum to 1."""
    rng = np.random.default_rng(2)
    theta = np.full((2, 14, 8), 1 / 8) + 1e-3 * rng.random((2, 14, 8))
    edges = rng.random((2, 14))
    arch = DARTS.round(theta * edges[:, :, None])
    for kind, row in enumerate(DARTS.parse(arch)):
        for group in ENTERING:
            heaviest = sorted(group, key=lambda e: edges[kind, e])[-2:]
            assert [e for e in group if row[e] != 0] == sorted(heaviest)


def test_none_takes_part_but_never_wins():
    theta = np.full((2, 14, 8), 0.01)
    theta[:, :, 0] = 0.9  # none is heaviest everywhere
    theta[:, [1, 4, 8, 13], 6] = 0.09
    arch = DARTS.round(theta)
    assert "none" not in arch
    for row in DARTS.parse(arch):
        # A full-weight none on an edge does not keep the edge out: node 2 keeps both,
        # the others their best edge and the first of the equal ones.
        assert [e for e in range(14) if row[e] != 0] == [0, 1, 2, 4, 5, 8, 9, 13]
        assert [row[e] for e in (1, 4, 8, 13)] == [6] * 4
        assert [row[e] for e in (0, 2, 5, 9)] == [1] * 4


def test_ties_go_to_the_lowest_edge_and_the_first_operation():
    uniform = np.full((2, 14, 8), 1 / 8)
    pools = "|max_pool_3x3~0|max_pool_3x3~1|"
    everywhere = "+".join([pools] * 4)
    assert DARTS.round(uniform) == f"normal: {everywhere} reduce: {everywhere}"
    # Of three equal edges behind one heavier edge, the first comes along.
    uniform[0, 12, 5] = 0.5
    last = "|max_pool_3x3~0|sep_conv_5x5~3|"
    normal = "+".join([pools] * 3 + [last])
    assert DARTS.round(uniform) == f"normal: {normal} reduce: {everywhere}"


# ----------------------------------------------------------------------- published

# The lists as their sources print them, heavier edge first, two lines a genotype.
SOURCES = {
    "darts-v1": (
        "sep3 1 sep3 0 skip 0 sep3 1 skip 0 sep3 1 sep3 0 skip 2",
        "max 0 max 1 skip 2 max 0 max 0 skip 2 skip 2 avg 0",
    ),
    "darts-v2": (
        "sep3 0 sep3 1 sep3 0 sep3 1 sep3 1 skip 0 skip 0 dil3 2",
        "max 0 max 1 skip 2 max 1 max 0 skip 2 skip 2 max 1",
    ),
    "pc-darts-cifar": (
        "sep3 1 skip 0 sep3 0 dil3 1 sep5 0 sep3 1 avg 0 dil3 1",
        "sep5 1 max 0 sep5 1 sep5 2 sep3 0 sep3 3 sep3 1 sep3 2",
    ),
    "pc-darts-imagenet": (
        "skip 1 sep3 0 sep3 0 skip 1 sep3 1 sep3 3 sep3 1 dil5 4",
        "sep3 0 skip 1 dil5 2 max 1 sep3 2 sep3 1 sep5 0 sep3 3",
    ),
    "gaea-pc-darts-cifar": (
        "sep3 1 skip 0 sep3 1 skip 2 sep3 1 sep3 2 sep3 0 dil3 4",
        "max 0 max 1 sep5 0 sep5 2 dil3 3 sep5 2 sep5 4 sep3 1",
    ),
}
SHORT = {
    "max": "max_pool_3x3",
    "avg": "avg_pool_3x3",
    "skip": "skip_connect",
    "sep3": "sep_conv_3x3",
    "sep5": "sep_conv_5x5",
    "dil3": "dil_conv_3x3",
    "dil5": "dil_conv_5x5",
}


@pytest.mark.parametrize("name", GENOTYPES)
def test_published_genotypes_are_those_of_their_sources(name):
    published = GENOTYPES[name]
    choice = DARTS.parse(published.genotype)
    assert DARTS.format(choice) == published.genotype
    assert DARTS.round(DARTS.one_hot(published.genotype)) == published.genotype
    for row, text in zip(choice, SOURCES[name], strict=True):
        words = text.split()
        listed = [
            (SHORT[words[i]], int(words[i + 1]), 2 + i // 4) for i in range(0, 16, 2)
        ]
        found = [
            (DARTS.operations[o], s, t)
            for (s, t), o in zip(EDGES, row, strict=True)
            if o != 0
        ]
        assert sorted(found) == sorted(listed)
