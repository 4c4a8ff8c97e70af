"""The table that ships with the package: whole, small, and true."""

import numpy as np
import pytest

from gaea_mini.cli import main
from gaea_mini.evaluate import components, load_table
from gaea_mini.evaluate.benchmark import COMPACT
from gaea_mini.evaluate.trained import SHIPPED
from gaea_mini.evaluate.verify import limits, power, same_kind, verify


@pytest.fixture(scope="module")
def table():
    return load_table("compact")


def test_it_has_every_cell_every_seed_and_the_recipe_that_is_in_the_code(table):
    assert table.complete and len(table.cells) == 729
    assert len(table.members()) == 459
    assert table.seeds == COMPACT.seeds and table.epochs == COMPACT.recipe.measured
    heading = COMPACT.heading()
    stored = table.about["recipe"]
    assert {**stored, "measured": tuple(stored["measured"])} == heading["recipe"]
    assert table.about["data_sha256"] == heading["data_sha256"]
    assert table.about["environment"]["torch"] == table.about["torch"]
    assert table.processor is not None
    assert SHIPPED["compact"].stat().st_size < 400_000


def test_cells_differ_by_more_than_seeds_do(table):
    parts = components(table.trained("test"))
    assert parts.between > 1.5 * parts.within and parts.reliability > 0.8


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["verify", "--cells", "0"], "cells is 0; take 1 to 459"),
        (["verify", "--cells", "460"], "cells is 460; take 1 to 459"),
        (["verify", "--seed", "7"], "the table has no seed 7; it has 0, 1, 2"),
        (["verify", "--draw", "-1"], "draw is -1; it must be 0 or more"),
        (["show", "--top", "0"], "--top is 0; it must be 1 or more"),
    ],
)
def test_what_cannot_be_asked_is_one_line(arguments, line, capsys):
    assert main(["benchmark", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"gaea_mini: {line}\n")


@pytest.mark.slow
def test_a_cell_trained_again_is_what_the_table_says(table):
    (check,) = verify(table, 1, 0)
    assert check.same_size
    near = abs(check.difference) <= limits(table, 1).each
    assert check.equal if same_kind(table) else near


def test_a_check_elsewhere_that_sees_little_says_so(table):
    """Six cells are a hint, thirty see cells that were exchanged, more see more."""
    few, some, many = (power(table, cells) for cells in (6, 30, 60))
    assert few.exchanged < 0.3 and 0.7 < some.exchanged < 0.9 < many.exchanged
    assert few.shifted > 0.5 and some.shifted > 0.99


@pytest.mark.parametrize("cells", [6, 30])
def test_an_honest_table_passes_ninety_nine_checks_of_a_hundred(table, cells):
    """Any two of its seeds, by draws other than those of ``limits``."""
    test = table.trained("test")
    allowed = limits(table, cells)
    draws = np.random.default_rng(99)
    failed = 0
    for _ in range(3000):
        rows = draws.choice(len(test), cells, replace=False)
        pairs = [draws.permutation(3)[:2] for _ in rows]
        once, again = (test[rows, [p[k] for p in pairs]] for k in (0, 1))
        failed += bool(allowed.broken(once - again).any())
    assert failed / 3000 < 0.015
