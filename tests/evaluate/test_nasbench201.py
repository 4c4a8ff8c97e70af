"""Look-ups agree with the table as Python's csv module reads it, row by row."""

import csv
import gzip
import random

import numpy as np
import pytest

from gaea_mini.errors import InputError
from gaea_mini.evaluate import NasBench201
from gaea_mini.supernet import space

NAMES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def arch_of(digits: str) -> str:
    a, b, c, d, e, f = (NAMES[int(digit)] for digit in digits)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def read(path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=["made up", "true"])
def table_and_rows(request):
    """Both tables; the true one only where it stands beside the clone."""
    name = "made_up_table" if request.param == "made up" else "nb201_file"
    path = request.getfixturevalue(name)
    return NasBench201(path), read(path)


@pytest.fixture(scope="module")
def true_table(nb201_file):
    return NasBench201(nb201_file)


@pytest.fixture(scope="module")
def made_up(made_up_table):
    return NasBench201(made_up_table)


def test_a_cell_is_found_by_arch_string_digits_and_index(table_and_rows):
    table, rows = table_and_rows
    for row in random.Random(1).sample(rows, 300):
        index, digits, arch = int(row["index"]), row["ops"], arch_of(row["ops"])
        for cell in (index, str(index), np.int64(index), digits, arch, f" {arch} "):
            assert table.index(cell) == index
        assert table.arch(index) == arch


def test_every_column_at_random_indices(table_and_rows):
    table, rows = table_and_rows
    columns = set(rows[0]) - {"ops"}
    assert set(table.columns) == columns
    for row in random.Random(2).sample(rows, 200):
        found = table.lookup(arch_of(row["ops"]))
        assert found["arch"] == arch_of(row["ops"]) and found["digits"] == row["ops"]
        for name in columns:
            assert found[name] == float(row[name])
            assert table.accuracy(row["ops"], name) == float(row[name])


def test_a_whole_column_is_in_the_order_of_the_official_index(table_and_rows):
    table, rows = table_and_rows
    by_index = {int(row["index"]): row for row in rows}
    expected = [float(by_index[i]["c100_test_200"]) for i in range(15625)]
    assert table.column("c100_test_200").tolist() == expected


def test_a_column_is_a_copy(made_up):
    made_up.column("c10_test_200")[:] = 0
    assert made_up.accuracy(0) > 0


@pytest.mark.parametrize("column", ["c10_test_200", "in16_test_200"])
def test_rank_and_regret_by_brute_force(table_and_rows, column):
    table, rows = table_and_rows
    values = [float(row[column]) for row in rows]
    for row in random.Random(3).sample(rows, 40):
        own = float(row[column])
        assert table.rank(row["ops"], column) == 1 + sum(v > own for v in values)
        assert table.regret(row["ops"], column) == max(values) - own
    best = max(rows, key=lambda row: float(row[column]))
    assert table.rank(best["ops"], column) == 1
    assert table.regret(best["ops"], column) == 0


def test_the_lookup_holds_rank_and_regret_of_each_data_set(table_and_rows):
    table, rows = table_and_rows
    row = rows[123]
    found = table.lookup(row["ops"])
    for name in ("c10_test_200", "c100_test_200", "in16_test_200"):
        assert found[f"{name}_rank"] == table.rank(row["ops"], name)
        assert found[f"{name}_regret"] == table.regret(row["ops"], name)


def test_the_truth_of_a_runs_cells(table_and_rows):
    table, rows = table_and_rows
    chosen = random.Random(4).sample(rows, 5)
    truth = table.truth([arch_of(row["ops"]) for row in chosen])
    best = max(float(row["c10_test_200"]) for row in rows)
    columns = {"c10_test": "c10_test_200", "c10_val": "c10_val_200"}
    columns |= {"c100_test": "c100_test_200", "in16_test": "in16_test_200"}
    for name, column in columns.items():
        expected = [float(row[column]) for row in chosen]
        assert truth[name] == pytest.approx(expected, abs=5e-5)
    own = [float(row["c10_test_200"]) for row in chosen]
    assert truth["regret"] == pytest.approx([best - a for a in own], abs=1e-4)
    assert truth["rank"] == [table.rank(row["ops"]) for row in chosen]
    assert len(truth["sha256"]) == 64


def test_published_numbers(true_table):
    """The optimum, and the cell of skips that DARTS ends at (papers' tables)."""
    assert true_table.column("c10_test_200").max() == pytest.approx(94.37, abs=5e-3)
    assert true_table.column("c100_test_200").max() == pytest.approx(73.51, abs=5e-3)
    assert true_table.column("in16_test_200").max() == pytest.approx(47.31, abs=5e-3)
    skips = true_table.lookup(space("nasbench201").format([1] * 6))
    assert skips["c10_test_200"] == pytest.approx(54.30, abs=5e-3)
    assert skips["c100_test_200"] == pytest.approx(15.61, abs=5e-3)
    assert skips["in16_test_200"] == pytest.approx(16.32, abs=5e-3)
    assert skips["c10_test_200_regret"] == pytest.approx(40.07, abs=1e-2)


@pytest.mark.parametrize(
    "cell",
    [
        *("15625", 15625, -1, "-1", "", "12345678", "555555", "42121x", "1.5", "abc"),
        *("|skip_connect~0|", "nor_conv_3x3", arch_of("111111").replace("~1", "~0")),
        arch_of("111111").replace("skip_connect", "skip", 1),
    ],
)
def test_a_cell_that_there_is_not_is_refused_in_one_line(made_up, cell):
    with pytest.raises(InputError) as info:
        made_up.index(cell)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("index", [-1, 15625])
def test_an_index_outside_the_table_has_no_arch_string(made_up, index):
    with pytest.raises(InputError, match=f"no cell {index}"):
        made_up.arch(index)


def test_a_column_that_there_is_not_is_refused(made_up):
    with pytest.raises(InputError, match="no column 'c10_test'; it has index, n_tri"):
        made_up.column("c10_test")


# ------------------------------------------------------------------- damaged tables


def test_a_plain_csv_is_read_too(made_up_table, made_up, tmp_path):
    plain = tmp_path / "t.csv"
    plain.write_bytes(gzip.decompress(made_up_table.read_bytes()))
    assert NasBench201(plain).rows == made_up.rows


def test_the_order_of_the_rows_does_not_matter(made_up_table, made_up, tmp_path):
    head, *rows = gzip.decompress(made_up_table.read_bytes()).splitlines()
    random.Random(0).shuffle(rows)
    (tmp_path / "t.csv").write_bytes(b"\n".join([head, *rows]))
    assert NasBench201(tmp_path / "t.csv").rows == made_up.rows


def test_a_missing_table_says_where_to_read_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="no table .*gone.csv.gz; the README says"):
        NasBench201(tmp_path / "gone.csv.gz")


def refuse(path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=path.name) as info:
        NasBench201(path)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.999, 0.99999])
def test_a_truncated_gz_is_refused(made_up_table, tmp_path, part):
    content = made_up_table.read_bytes()
    refuse(tmp_path / "t.csv.gz", content[: int(part * len(content))])


@pytest.mark.parametrize("fields", range(7))
def test_a_truncated_csv_is_refused(made_up_table, tmp_path, fields):
    """Also one that ends within the last row, after some of its seven fields."""
    content = gzip.decompress(made_up_table.read_bytes()).rstrip()
    *rows, last = content.splitlines()
    assert len(last.split(b",")) == 7
    rows.append(b",".join(last.split(b",")[:fields]))
    refuse(tmp_path / "t.csv", b"\n".join(rows))


@pytest.mark.parametrize("position", [1, 2, 5000, -6])
def test_a_changed_byte_of_a_gz_is_refused(made_up_table, tmp_path, position):
    content = bytearray(made_up_table.read_bytes())
    content[position] ^= 0x55
    refuse(tmp_path / "t.csv.gz", bytes(content))


def swap(old: bytes, new: bytes):
    return lambda text: text.replace(old, new, 1)


DAMAGE = {
    "empty": lambda text: b"",
    "header only": lambda text: text.splitlines()[0],
    "text": lambda text: b"hello\n" * 20,
    "binary": lambda text: bytes(range(256)) * 20,
    "no column ops": swap(b"ops", b"operations"),
    "no column index": swap(b"index", b"number"),
    "a row twice": lambda text: text + text.splitlines()[-1] + b"\r\n",
    "a row missing": lambda text: b"\n".join(text.splitlines()[:-1]),
    "an operation 5": swap(b"\n0,", b"\n0,5"),
    "a word among the numbers": swap(b",3,", b",three,"),
    "a hole among the numbers": swap(b",3,", b",,"),
}


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "940"])
def test_a_number_that_no_accuracy_can_be_is_named(made_up_table, tmp_path, number):
    head, row, *rows = gzip.decompress(made_up_table.read_bytes()).split(b"\r\n")
    names, fields = head.decode().split(","), row.decode().split(",")
    fields[names.index("c100_test_200")] = number
    text = [head, ",".join(fields).encode(), *rows]
    (tmp_path / "t.csv").write_bytes(b"\r\n".join(text))
    where = f"t.csv: cell {fields[names.index('index')]} has {number} in column c100_t"
    with pytest.raises(InputError, match=where):
        NasBench201(tmp_path / "t.csv")


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_not_the_table_is_refused(made_up_table, tmp_path, damage):
    text = gzip.decompress(made_up_table.read_bytes())
    changed = DAMAGE[damage](text)
    assert changed != text
    refuse(tmp_path / "t.csv", changed)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        NasBench201(tmp_path)


def test_another_table_of_the_same_benchmark_is_refused(nb201_file):
    """The table of latencies has an index too."""
    other = nb201_file.parent / "nb201_hw_c10.csv.gz"
    if not other.exists():
        pytest.skip("no ../shared/data/nb201/nb201_hw_c10.csv.gz beside the clone")
    with pytest.raises(InputError, match="has no column ops or c10_test_200"):
        NasBench201(other)
