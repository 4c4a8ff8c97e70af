"""Search spaces: writing cells, counting them, their classes, and rounding theta."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.supernet import OPERATIONS, SPACES, space

ALL = [space("compact"), space("nasbench201"), space("nasbench201").without("none")]
NAMES = ["compact", "nasbench201", "nasbench201 without none"]
spaces = pytest.mark.parametrize("where", ALL, ids=NAMES)


@st.composite
def cells(draw):
    """A space and one operation index for each of its edges."""
    where = draw(st.sampled_from(ALL))
    o = st.integers(0, len(where.operations) - 1)
    return where, tuple(draw(st.lists(o, min_size=6, max_size=6)))


def written(where, choice):
    """An arch string, put together by hand for the four nodes of the benchmark."""
    a, b, c, d, e, f = (where.operations[o] for o in choice)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def test_edges_are_in_arch_string_order():
    edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    for where in ALL:
        assert where.edges == edges
        assert where.shape == (1, 6, len(where.operations))


@pytest.mark.parametrize(
    ("where", "size"), list(zip(ALL, (729, 15625, 4096), strict=True)), ids=NAMES
)
def test_sizes(where, size):
    assert where.size == size
    assert len(list(itertools.product(where.operations, repeat=6))) == size


def test_operations_have_the_benchmarks_names_in_its_order():
    assert tuple(OPERATIONS) == space("nasbench201").operations
    names = "none skip_connect nor_conv_1x1 nor_conv_3x3 avg_pool_3x3".split()
    assert list(OPERATIONS) == names


@given(cells())
def test_an_arch_string_and_its_choice_are_each_others_inverse(case):
    where, choice = case
    assert where.format(choice) == written(where, choice)
    assert where.parse(written(where, choice)) == choice


@given(cells())
def test_the_index_counts_like_an_odometer(case):
    where, choice = case
    count = len(where.operations)
    number = sum(o * count ** (5 - e) for e, o in enumerate(choice))
    assert where.index(written(where, choice)) == number
    assert where.arch(number) == written(where, choice)


@spaces
def test_every_cell_has_its_own_index(where):
    archs = [where.arch(i) for i in range(where.size)]
    assert len(set(archs)) == where.size
    products = itertools.product(range(len(where.operations)), repeat=6)
    assert archs == [written(where, choice) for choice in products]


@spaces
@pytest.mark.parametrize("offset", [-1, 0])
def test_an_index_outside_the_space_is_refused(where, offset):
    index = offset if offset < 0 else where.size
    with pytest.raises(
        InputError, match=f"no cell {index}; take 0 to {where.size}"[:-1]
    ):
        where.arch(index)


GOOD = written(space("compact"), (1, 0, 0, 2, 1, 1))


@pytest.mark.parametrize(
    "arch",
    [
        "",
        "|",
        "+",
        "||+||+||",
        GOOD[:-1],
        GOOD[1:],
        GOOD + "|",
        GOOD + "+|nor_conv_3x3~0|",
        GOOD.replace("+", ""),
        GOOD.replace("~0", "~1", 1),
        GOOD.replace("~2", "~3"),
        GOOD.replace("~2", ""),
        GOOD.replace("|nor_conv_3x3~1", "", 1),
        GOOD.replace("~1|nor", "~1||nor"),
        GOOD.replace("~0", "~00", 1),
        GOOD.replace("~0", "~-1", 1),
        GOOD.replace("~0", "~x", 1),
        GOOD.replace("~", "-"),
        GOOD.replace("|", "/"),
        "421211",
        "junk" + GOOD,
        GOOD.replace("+", "+ "),
    ],
)
def test_a_malformed_arch_string_is_refused_in_one_line(arch):
    with pytest.raises(InputError, match="malformed arch string|no operation") as info:
        space("compact").parse(arch)
    assert "\n" not in str(info.value)


@settings(max_examples=300)
@given(cells(), st.data())
def test_no_damage_to_an_arch_string_goes_unseen(case, data):
    """Change one character: the result is refused, or is another valid cell."""
    where, choice = case
    arch = written(where, choice)
    at = data.draw(st.integers(0, len(arch) - 1))
    letter = data.draw(st.sampled_from("|+~0123_xan "))
    damaged = arch[:at] + letter + arch[at + 1 :]
    try:
        found = where.parse(damaged)
    except InputError:
        return
    assert written(where, found) == damaged.strip()


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_an_input_error(text):
    with pytest.raises(InputError):
        space("compact").parse(text)


@pytest.mark.parametrize("name", ["nor_conv_5x5", "none", "", "Skip_connect"])
def test_an_operation_that_the_space_lacks_is_named(name):
    arch = written(space("compact"), [0] * 6).replace("skip_connect", name, 1)
    if name:
        with pytest.raises(InputError, match=f"no operation '{name}'; it has skip_co"):
            space("compact").parse(arch)
    with pytest.raises(InputError, match=f"no operation '{name}'"):
        space("compact").without(name)


def test_taking_operations_out():
    where = space("nasbench201").without("none", "avg_pool_3x3")
    assert where.operations == ("skip_connect", "nor_conv_1x1", "nor_conv_3x3")
    assert space("nasbench201").size == 15625, "the original has changed"
    assert space("compact").without() == space("compact")
    with pytest.raises(InputError, match="no operation is left"):
        space("compact").without(*space("compact").operations)


def test_a_space_of_nothing_but_none_is_refused():
    others = space("nasbench201").operations[1:]
    with pytest.raises(InputError, match="no operation is left"):
        space("nasbench201").without(*others)


def test_an_unknown_space_is_refused_with_the_names_that_there_are():
    with pytest.raises(InputError, match="no search space 'enas'; there are compact, "):
        space("enas")
    assert {"compact", "nasbench201", "darts"} <= set(SPACES)


# ------------------------------------------------------------------ isomorphism


def value(where, choice, functions, x):
    """What a cell computes, node by node, with a function for each operation."""
    nodes = [x]
    for target in range(1, 4):
        total = np.zeros_like(x)
        for o, (s, t) in zip(choice, where.edges, strict=True):
            if t == target:
                total = total + functions[where.operations[o]](nodes[s])
        nodes.append(total)
    return nodes[-1]


def functions(seed):
    """Operations as random functions of a vector, each with f(0) = 0."""
    rng = np.random.default_rng(seed)
    a, b, c = (rng.standard_normal((5, 5)) for _ in range(3))
    return {
        "none": np.zeros_like,
        "skip_connect": lambda x: x,
        "nor_conv_1x1": lambda x: np.tanh(a @ x),
        "nor_conv_3x3": lambda x: np.tanh(b @ x),
        "avg_pool_3x3": lambda x: np.tanh(c @ x),
    }


@pytest.mark.parametrize(
    ("name", "classes", "different"),
    [("compact", 496, 435), ("nasbench201", 6466, 4930)],
)
def test_cells_of_one_class_compute_the_same(name, classes, different):
    """All cells, with random functions in the place of the operations.

    The benchmark's rule names a cell by its sums as they stand, so that cells that
    compute the same may have several names, but never the other way round.
    """
    where, operations = space(name), functions(0)
    x = np.random.default_rng(1).standard_normal(5)
    by_class: dict[str, list[np.ndarray]] = {}
    for choice in itertools.product(range(len(where.operations)), repeat=6):
        found = by_class.setdefault(where.canonical(where.format(choice)), [])
        found.append(value(where, choice, operations, x))
    assert len(by_class) == classes
    for results in by_class.values():
        np.testing.assert_allclose(results, results[:1] * len(results), atol=1e-12)
    computed = {tuple(results[0].round(9) + 0.0) for results in by_class.values()}
    assert len(computed) == different


def test_classes_that_are_easy_to_see():
    where = space("nasbench201")

    def name(*choice):
        return where.canonical(where.format(choice))

    none, skip, one, three, pool = range(5)
    # Behind a missing edge it does not matter which operation stands.
    missing = {name(none, three, none, skip, o, three) for o in range(5)}
    assert len(missing) == 1
    # A sum has no order.
    assert name(three, none, none, skip, skip, none) == name(
        skip, none, none, three, skip, none
    )
    # Kernel sizes matter, and so does the order of a pooling and a convolution.
    assert name(three, none, none, none, skip, none) != name(
        one, none, none, none, skip, none
    )
    assert name(three, none, none, none, pool, none) != name(
        pool, none, none, none, three, none
    )


def test_classes_are_those_of_the_table_row_by_row(nb201_file):
    import csv
    import gzip

    where, compact = space("nasbench201"), space("compact")
    with gzip.open(nb201_file, "rt") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15625
    classes: dict[str, str] = {}
    names: dict[str, str] = {}
    small = set()
    for row in rows:
        arch = where.format([int(digit) for digit in row["ops"]])
        name, number = where.canonical(arch), row["iso_class"]
        assert classes.setdefault(name, number) == number, (
            f"{arch}: two classes, one name"
        )
        assert names.setdefault(number, name) == name, f"{arch}: one class, two names"
        if set(row["ops"]) <= set("134"):
            assert compact.canonical(arch) == name
            small.add(number)
    assert len(classes) == len(names) == 6466
    assert len(small) == 496


# ---------------------------------------------------------------- theta and cells


@spaces
def test_rounding_takes_the_heaviest_operation_of_each_edge(where):
    rng = np.random.default_rng(3)
    for _ in range(50):
        theta = rng.dirichlet(np.ones(len(where.operations)), size=(1, 6))
        best = [max(range(len(row)), key=lambda o, r=row: r[o]) for row in theta[0]]
        assert where.round(theta) == where.round(theta[0]) == written(where, best)


@spaces
def test_a_tie_goes_to_the_operation_listed_first(where):
    count = len(where.operations)
    uniform = np.full(where.shape, 1 / count)
    assert where.round(uniform) == written(where, [0] * 6)
    late = uniform.copy()
    late[..., 0] = 0
    late[..., 1:] = 1 / (count - 1)
    assert where.round(late) == written(where, [1] * 6)


@given(cells())
def test_the_theta_of_one_cell_rounds_back_to_it(case):
    where, choice = case
    theta = where.one_hot(written(where, choice))
    assert theta.shape == where.shape
    for e in range(6):
        for o in range(len(where.operations)):
            assert theta[0, e, o] == (1 if o == choice[e] else 0)
    assert where.round(theta) == written(where, choice)
