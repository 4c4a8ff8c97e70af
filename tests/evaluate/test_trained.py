"""Look-ups in a made-up table of all cells agree with the rows it was written from."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from made_up_trained import (
    ABOUT,
    CELLS,
    FIRST,
    OF_CELL,
    WHERE,
    made_up_rows,
)

from gaea_mini.cli import main
from gaea_mini.errors import InputError
from gaea_mini.evaluate import TrainedTable, load_table
from gaea_mini.evaluate.benchmark import COMPACT
from gaea_mini.evaluate.trained import write_table


@pytest.fixture(scope="module")
def rows():
    return made_up_rows()


@pytest.fixture(scope="module")
def path(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "t.json.gz"
    write_table(path, WHERE, ABOUT, rows[::-1])  # the order of rows is no matter
    return path


@pytest.fixture(scope="module")
def table(path):
    return load_table(path)


def test_every_cell_has_the_row_of_its_class(table, rows):
    assert table.complete and table.cells == tuple(CELLS)
    assert table.seeds == (0, 1, 2) and table.epochs == COMPACT.recipe.measured
    at = {(row["class"], row["seed"]): row for row in rows}
    for index in np.random.default_rng(1).choice(WHERE.size, 100, replace=False):
        cell, number = CELLS[index], OF_CELL[index]
        mine = [at[number, seed] for seed in (0, 1, 2)]
        assert table.class_of(cell) == number
        for epoch in (0, 1, 2, -1):
            for part, of in (("val", 30), ("test", 50)):
                look_up = getattr(table, part)
                values = [row[part][epoch] / of for row in mine]
                for seed, value in enumerate(values):
                    assert look_up(cell, seed, epoch) == pytest.approx(value)
                assert look_up(cell, epoch=epoch) == pytest.approx(np.mean(values))
            look = table.look(cell)
            assert look == pytest.approx(0.158 * mine[1]["seconds"][-1] / 6)
            assert table.seconds(cell, epoch) == mine[1]["seconds"][epoch] + look
            assert table.loss(cell, 2, epoch) == mine[2]["loss"][epoch]
        assert table.parameters(f" {cell} ") == mine[0]["parameters"]
        assert table.flops(cell) == mine[0]["flops"]


def test_columns_are_for_all_cells_and_trained_for_all_classes(table):
    column, trained = table.column("test"), table.trained("test")
    assert column.shape == (729, 3) and trained.shape == (459, 3)
    for index in (0, 100, 728):
        assert column[index].mean() == pytest.approx(table.test(CELLS[index]))
        assert (column[index] == trained[OF_CELL[index]]).all()
    members = table.members()
    assert sorted(cell for group in members for cell in group) == sorted(CELLS)
    assert [group[0] for group in members] == list(FIRST)


def test_rank_regret_and_truth_by_brute_force(table):
    means = {cell: table.test(cell) for cell in CELLS}
    chosen = CELLS[::60]
    truth = table.truth(chosen)
    assert truth["table"] == "compact_fashion" and len(truth["sha256"]) == 64
    for n, cell in enumerate(chosen):
        assert truth["rank"][n] == 1 + sum(m > means[cell] for m in means.values())
        regret = max(means.values()) - means[cell]
        assert truth["regret"][n] == pytest.approx(regret, abs=1e-4)
        assert truth["test"][n] == pytest.approx(means[cell], abs=1e-4)
        assert truth["val"][n] == pytest.approx(table.val(cell), abs=1e-4)


def test_the_file_is_small_and_the_same_table_is_the_same_file(path, rows, tmp_path):
    write_table(tmp_path / "again.json.gz", WHERE, ABOUT, rows)
    assert (tmp_path / "again.json.gz").read_bytes() == path.read_bytes()
    assert path.stat().st_size < 400_000


def test_what_there_is_not_is_refused(table):
    cell = CELLS[0]
    with pytest.raises(InputError, match="no seed 3; it has 0, 1, 2"):
        table.val(cell, seed=3)
    with pytest.raises(InputError, match="no number 3"):
        table.test(cell, epoch=3)
    with pytest.raises(InputError, match="malformed"):
        table.test("|skip_connect~0|")
    with pytest.raises(InputError, match="no table 'gone'; take compact, or a file"):
        load_table("gone")
    with pytest.raises(InputError, match="no table ''; take compact"):
        load_table("")


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(InputError, match="cannot read table .*: Is a directory; take"):
        load_table(tmp_path)


def test_a_cell_that_a_part_of_a_table_lacks_is_refused(rows, tmp_path):
    write_table(tmp_path / "t", WHERE, ABOUT, [r for r in rows if r["class"] < 9])
    part = load_table(tmp_path / "t")
    assert not part.complete and len(part.members()) == 9
    with pytest.raises(InputError, match="the table does not have cell"):
        part.test(FIRST[9])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 0.9999])
def test_a_table_cut_short_is_refused(path, tmp_path, share):
    content = path.read_bytes()
    (tmp_path / "t").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="is damaged or is not such a table"):
        TrainedTable(tmp_path / "t")


def test_a_changed_number_is_found_by_the_hash(path, tmp_path):
    content = json.loads(gzip.decompress(path.read_bytes()))
    for change in (
        lambda c: c["test"][7][0].__setitem__(0, c["test"][7][0][0] + 1),
        lambda c: c["about"]["recipe"].__setitem__("lr", 0.3),
        lambda c: c["val"].pop(),
        lambda c: c.pop("flops"),
    ):
        changed = json.loads(json.dumps(content))
        change(changed)
        (tmp_path / "t").write_bytes(gzip.compress(json.dumps(changed).encode()))
        with pytest.raises(InputError, match="is damaged or is not such a table"):
            TrainedTable(tmp_path / "t")
    for other in (b"[]", b"{}", b'"text"'):
        (tmp_path / "t").write_bytes(gzip.compress(other))
        with pytest.raises(InputError, match="is damaged or is not such a table"):
            TrainedTable(tmp_path / "t")


def test_show_lists_the_best_with_their_spread(table, path, capsys):
    assert main(["benchmark", "show", "--table", str(path), "--top", "5"]) == 0
    first, second, _, head, *lines = capsys.readouterr().out.splitlines()
    assert "729 cells in 459 classes, 3 seeds" in first
    assert "of the variance of the mean of 3 seeds is signal" in second
    means = table.trained("test").mean(axis=1)
    assert len(lines) == 5
    for place, line in enumerate(lines):
        rank, mean = line.split()[:2]
        assert int(rank) == place + 1
        assert float(mean) == pytest.approx(sorted(means)[-1 - place], abs=0.006)


def test_show_refuses_a_table_that_cannot_tell_noise_apart(rows, tmp_path, capsys):
    write_table(tmp_path / "t", WHERE, ABOUT, [r for r in rows if r["seed"] == 0])
    assert main(["benchmark", "show", "--table", str(tmp_path / "t")]) == 2
    assert "too few cells or seeds" in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_complaint(path):
    command = [sys.executable, "-m", "gaea_mini", "benchmark", "show", "--top", "459"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(
            [*command, "--table", str(path)], stdout=closed, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (1, b"")
