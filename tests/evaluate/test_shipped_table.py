"""The table that ships with the package: whole, small, and true."""

import pytest

from gaea_mini.evaluate import components, load_table
from gaea_mini.evaluate.benchmark import COMPACT
from gaea_mini.evaluate.trained import SHIPPED
from gaea_mini.evaluate.verify import tolerance, verify


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
    assert SHIPPED["compact"].stat().st_size < 400_000


def test_cells_differ_by_more_than_seeds_do(table):
    parts = components(table.trained("test"))
    assert parts.between > 1.5 * parts.within and parts.reliability > 0.8


@pytest.mark.slow
def test_a_cell_trained_again_is_what_the_table_says(table):
    (check,) = verify(table, 1, 0)
    assert check.equal or check.difference <= tolerance(table, 1)
