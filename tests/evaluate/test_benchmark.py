"""A small benchmark is built, stopped in every way, gone on with, and checked."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gaea_mini.cli import main
from gaea_mini.errors import InputError
from gaea_mini.evaluate import benchmark as module
from gaea_mini.evaluate import load_table
from gaea_mini.evaluate import verify as verify_module
from gaea_mini.evaluate.benchmark import COMPACT, build, train_row
from gaea_mini.evaluate.trained import processor
from gaea_mini.evaluate.verify import Limits, limits, measured, power, verify

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from tiny_build import TINY  # noqa: E402

TOTAL = len(TINY.tasks())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small table, built in this process, and its journal."""
    folder = tmp_path_factory.mktemp("built")
    seen = []
    build(
        TINY,
        folder / "t.json.gz",
        folder / "j",
        jobs=1,
        watch=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, TOTAL) for done in range(TOTAL + 1)]
    return folder


def rows_of(journal: Path) -> list[dict]:
    lines = journal.read_text().splitlines()[1:]
    return [json.loads(line)["row"] for line in lines]


def numbers(journal: Path) -> list[dict]:
    """All rows, in one order, without the seconds."""
    rows = [
        {k: v for k, v in row.items() if k != "seconds"} for row in rows_of(journal)
    ]
    return sorted(rows, key=lambda row: (row["class"], row["seed"]))


def start(folder: Path, *arguments: str, **options) -> subprocess.Popen:
    """The command line with the small benchmark, in a process of its own."""
    files = ("--out", str(folder / "t.json.gz"), "--journal", str(folder / "j"))
    return subprocess.Popen(
        [sys.executable, str(HERE / "tiny_build.py"), "benchmark", "build"]
        + [*files, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(condition, process: subprocess.Popen, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_line(err: str) -> str:
    assert "Traceback" not in err, err
    return [line for line in err.splitlines() if line.startswith("gaea_mini: ")][-1]


# ---------------------------------------------------------------------- the recipe


def test_the_benchmark_is_what_the_book_says():
    assert len(COMPACT.tasks()) == len(set(COMPACT.tasks())) == 459 * 3
    recipe = COMPACT.recipe
    assert recipe.pictures <= 7000 and recipe.held_out >= 3000
    assert recipe.pictures + recipe.held_out <= 10_000
    assert recipe.size == 14 and COMPACT.seeds == (0, 1, 2)
    assert len(recipe.measured) >= 3


def test_a_row_depends_on_class_and_seed_only(built):
    rows = {(row["class"], row["seed"]): row for row in numbers(built / "j")}
    for task in [(50, 1), (0, 0)]:  # in another order, another training before it
        row = train_row(TINY, *task)
        del row["seconds"], row["torch"], row["gaea_mini"], row["data_sha256"]
        assert row == rows[task]
    assert rows[0, 0]["loss"] != rows[0, 1]["loss"], "the seed makes a difference"


def test_all_rows_are_there_once_and_the_table_has_them(built):
    rows = rows_of(built / "j")
    assert sorted((row["class"], row["seed"]) for row in rows) == sorted(TINY.tasks())
    table = load_table(built / "t.json.gz")
    for row in rows:
        cell = table.members()[TINY.only.index(row["class"])][0]
        assert table.class_of(cell) == row["class"]
        for at, (val, test) in enumerate(zip(row["val"], row["test"], strict=True)):
            assert table.val(cell, row["seed"], at) == pytest.approx(val / 30)
            assert table.test(cell, row["seed"], at) == pytest.approx(test / 50)
        assert table.parameters(cell) == row["parameters"]
        assert table.flops(cell) == row["flops"]
    assert table.about["pictures"] == {"train": 256, "val": 3000, "test": 5000}


def test_a_second_build_trains_nothing_and_writes_the_same(built, monkeypatch):
    before = (built / "t.json.gz").read_bytes()
    monkeypatch.setattr(module, "train_row", None)
    build(TINY, built / "t.json.gz", built / "j", jobs=1)
    assert (built / "t.json.gz").read_bytes() == before


def test_the_time_left_can_be_told(built, capfd, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "COMPACT", replace(TINY, only=(0,), seeds=(0,)))
    files = ("--out", str(tmp_path / "t"), "--journal", str(tmp_path / "d" / "j"))
    assert main(["benchmark", "build", "--jobs", "1", *files]) == 0
    out, err = capfd.readouterr()
    assert "1/1" in err and "training" in err and "<" in err
    assert out == f"table written to {tmp_path / 't'}\n"


# ------------------------------------------------------------------------- faults


@pytest.mark.slow
def test_a_training_that_fails_names_its_cell_and_keeps_the_rows(tmp_path, built):
    lines = (built / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join(lines[:4]))

    def fails(space, cell, *rest):
        raise MemoryError("no memory")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train_alone", fails)
        with pytest.raises(InputError, match=r"cell \|.*, seed 0: .*MemoryError") as i:
            build(TINY, tmp_path / "t", tmp_path / "j", jobs=1)
    assert "the 3 rows that are done are in" in str(i.value)
    assert "\n" not in str(i.value)
    assert not (tmp_path / "t").exists()
    build(TINY, tmp_path / "t", tmp_path / "j", jobs=1)
    assert numbers(tmp_path / "j") == numbers(built / "j")


def test_a_damaged_row_is_refused_and_after_repair_trained_again(tmp_path, built):
    lines = (built / "j").read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"seed":', b'"seed" :')
    (tmp_path / "j").write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="line 6: damaged; --repair"):
        build(TINY, tmp_path / "t", tmp_path / "j", jobs=1)
    build(TINY, tmp_path / "t", tmp_path / "j", jobs=1, repair=True)
    assert numbers(tmp_path / "j") == numbers(built / "j")


def test_a_journal_of_another_recipe_is_refused(tmp_path, built):
    (tmp_path / "j").write_bytes((built / "j").read_bytes())
    other = replace(TINY, recipe=replace(TINY.recipe, lr=0.3))
    with pytest.raises(InputError, match="begun with another recipe"):
        build(other, tmp_path / "t", tmp_path / "j", jobs=1)


def test_jobs_and_a_scheduler_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match="jobs is 0"):
        build(TINY, tmp_path / "t", tmp_path / "j", jobs=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        with pytest.raises(InputError, match="pip install distributed"):
            build(TINY, tmp_path / "t", tmp_path / "j", scheduler="tcp://localhost:1")


@pytest.mark.parametrize("address", ["nonsense", "", "http://here:8786"])
def test_no_scheduler_there_is_one_line_and_nothing_is_written(
    address, tmp_path, capfd
):
    pytest.importorskip("distributed")
    files = ("--out", str(tmp_path / "t"), "--journal", str(tmp_path / "j"))
    assert main(["benchmark", "build", "--scheduler", address, *files]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert f"no Dask scheduler at {address!r}: " in err and "as tcp://host:8786" in err
    assert not list(tmp_path.iterdir())


def test_a_journal_below_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    files = ("--out", str(tmp_path / "t"), "--journal", str(tmp_path / "file" / "j"))
    assert main(["benchmark", "build", *files]) == 2
    assert "--journal: the folder" in (said := capsys.readouterr().err)
    assert "it is a file" in said and said.count("\n") == 1


@pytest.mark.slow
def test_kill_9_of_the_build_then_the_same_command_goes_on(tmp_path, built):
    """Killed twice; no row is lost or doubled, and each is what it would have been."""
    journal = tmp_path / "j"

    def rows() -> int:
        return journal.read_bytes().count(b"\n") - 1 if journal.exists() else -1

    for most in (2, 5):
        process = start(tmp_path, "--jobs", "1")
        wait_for(lambda most=most: rows() >= most, process)
        process.kill()
        process.communicate()
        assert not (tmp_path / "t.json.gz").exists()
    before = journal.read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    process = start(tmp_path, "--jobs", "1")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert journal.read_bytes().startswith(whole), "a finished row was touched"
    assert numbers(journal) == numbers(built / "j")
    assert load_table(tmp_path / "t.json.gz").complete is False


@pytest.mark.slow
def test_a_killed_worker_is_one_line_and_the_next_run_goes_on(tmp_path, built):
    journal = tmp_path / "j"
    process = start(tmp_path, "--jobs", "2")
    wait_for(
        lambda: journal.exists() and journal.read_bytes().count(b"\n") > 2, process
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    workers = [
        int(child)
        for child in children.split()
        if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 2
    line = last_line(err)
    kept = len(rows_of(journal))
    assert 2 <= kept < TOTAL
    assert "a worker process was killed" in line and f"the {kept} rows" in line
    process = start(tmp_path, "--jobs", "2")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert numbers(journal) == numbers(built / "j"), "two workers, the same rows"


@pytest.mark.slow
def test_two_builds_at_once_are_refused(tmp_path):
    process = start(tmp_path, "--jobs", "1")
    wait_for((tmp_path / "j").exists, process)
    other = start(tmp_path, "--jobs", "1")
    _, err = other.communicate()
    assert other.returncode == 2
    assert "another process is writing" in last_line(err)
    assert process.poll() is None, "the first one must have been at work all the time"
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_full_disk_ends_the_build_in_one_line(tmp_path, built):
    """The kernel lets no file grow beyond the limit, as on a full disk."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1300, 1300))

    process = start(tmp_path, "--jobs", "1", preexec_fn=limit)
    _, err = process.communicate()
    assert process.returncode == 2
    assert last_line(err) == f"gaea_mini: {tmp_path / 'j'}: File too large"
    kept = len(rows_of(tmp_path / "j"))
    assert kept >= 1 and not (tmp_path / "t.json.gz").exists()
    build(TINY, tmp_path / "t.json.gz", tmp_path / "j", jobs=1)
    assert numbers(tmp_path / "j") == numbers(built / "j")


@pytest.mark.slow
def test_two_dask_workers_make_the_same_rows_and_one_that_is_killed_loses_none(
    tmp_path, built, dask_cluster
):
    journal = tmp_path / "j"
    with dask_cluster(workers=2, failures=0) as (_, address, workers):
        assert len(workers) == 2
        process = start(tmp_path, "--scheduler", address)
        wait_for(
            lambda: journal.exists() and journal.read_bytes().count(b"\n") > 2, process
        )
        os.kill(workers[0], signal.SIGKILL)
        _, err = process.communicate()
        assert process.returncode == 2
        line, kept = last_line(err), len(rows_of(journal))
        assert "Dask workers were killed again and again on one task" in line
        assert 2 <= kept < TOTAL
        assert f"the {kept} rows that are done are in {journal}" in line
        assert "the same command goes on from there" in line
        before = journal.read_bytes()
        process = start(tmp_path, "--scheduler", address)
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert journal.read_bytes().startswith(before)
    assert numbers(journal) == numbers(built / "j"), "two workers, the same rows"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["processes", "dask"])
def test_a_worker_that_raises_ends_the_build_and_names_its_cell(
    where, tmp_path, dask_cluster
):
    """A learning rate at which the loss is soon no number."""
    bad = replace(TINY, recipe=replace(TINY.recipe, lr=1e12))
    files = tmp_path / "t", tmp_path / "j"
    with pytest.raises(InputError, match=r"cell \|.*: the training failed \(epoch"):
        if where == "processes":
            build(bad, *files, jobs=2)
        else:
            with dask_cluster(workers=1, failures=0) as (_, address, _):
                build(bad, *files, scheduler=address)
    assert rows_of(tmp_path / "j") == [] and not (tmp_path / "t").exists()


@pytest.mark.slow
def test_a_dask_scheduler_that_goes_away_is_one_line(tmp_path, dask_cluster):
    journal = tmp_path / "j"
    with dask_cluster(workers=1, failures=0) as (cluster, address, workers):
        process = start(tmp_path, "--scheduler", address)
        wait_for(
            lambda: journal.exists() and journal.read_bytes().count(b"\n") > 1, process
        )
        cluster.kill()
        _, err = process.communicate()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    assert process.returncode == 2
    assert f"the Dask scheduler at {address} is gone; the " in last_line(err)


@pytest.mark.parametrize("name", ["torch", "gaea_mini", "data_sha256"])
def test_a_worker_with_other_code_or_other_pictures_is_refused(
    name, tmp_path, built, monkeypatch
):
    lines = (built / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join(lines[:4]))
    true = module.train_row
    monkeypatch.setattr(
        module, "train_row", lambda *task: true(*task) | {name: "another one"}
    )
    with pytest.raises(InputError, match=f"another {module.SAME[name]} than this") as i:
        build(TINY, tmp_path / "t", tmp_path / "j", jobs=1)
    assert "another one and " in str(i.value) and "the 3 rows" in str(i.value)
    assert len(rows_of(tmp_path / "j")) == 3 and not (tmp_path / "t").exists()


# --------------------------------------------------------------- checking a table


def verify_command(path: Path, seed: int, cells: int = 6) -> list[str]:
    table = ["--table", str(path), "--cells", str(cells), "--seed", str(seed)]
    return ["benchmark", "verify", *table]


def rewritten(built: Path, path: Path, change) -> Path:
    """The small table again, after ``change`` of its rows."""
    rows = rows_of(built / "j")
    change(rows)
    module.write_table(path, TINY.cells, load_table(built / "t.json.gz").about, rows)
    return path


@pytest.fixture
def remembered(built, monkeypatch):
    """What would be trained again is looked up; a test below trains it, bit for bit."""
    rows = {(row["class"], row["seed"]): row for row in rows_of(built / "j")}
    monkeypatch.setattr(
        "gaea_mini.evaluate.verify.train_row", lambda _, *task: rows[task]
    )


def elsewhere(monkeypatch) -> None:
    monkeypatch.setattr("gaea_mini.evaluate.verify.processor", lambda: "another")


def test_verify_finds_the_table_bit_for_bit(built, capsys):
    assert load_table(built / "t.json.gz").processor == processor()
    assert main(verify_command(built / "t.json.gz", 1, cells=2)) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("torch and processor of the table") and len(out) == 3
    assert all(line.endswith("bit for bit") for line in out[1:])


@pytest.mark.usefixtures("remembered")
def test_a_table_of_two_kinds_of_processor_names_none(built, tmp_path, capsys):
    def change(rows):
        rows[3]["processor"] = "another"

    path = rewritten(built, tmp_path / "t.json.gz", change)
    table, other = load_table(path), load_table(built / "t.json.gz")
    assert table.processor is None and table.sha256 == other.sha256
    assert main(verify_command(path, 0, cells=1)) == 0
    assert capsys.readouterr().out.startswith("another torch or processor")


@pytest.mark.usefixtures("remembered")
def test_one_picture_more_is_found_where_bits_can_be_compared(
    built, tmp_path, monkeypatch, capsys
):
    def change(rows):
        for row in rows:
            row["val"][0] += row["seed"] == 1

    path = rewritten(built, tmp_path / "t.json.gz", change)
    assert main(verify_command(path, 0, cells=2)) == 0
    assert main(verify_command(path, 1, cells=2)) == 2
    assert "2 of 2 cells are not as in the table" in capsys.readouterr().err
    elsewhere(monkeypatch)
    assert main(verify_command(path, 1, cells=2)) == 0


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_two_rows_that_were_swapped_are_found(
    where, built, tmp_path, monkeypatch, capsys
):
    """By their sizes; two of one size by their numbers, where these must be equal."""

    def change(rows):
        by_size = sorted(rows, key=lambda row: row["parameters"])
        least, most = by_size[0]["class"], by_size[-1]["class"]
        for row in rows:
            swapped = {least: most, most: least}
            row["class"] = swapped.get(row["class"], row["class"])

    path = rewritten(built, tmp_path / "t.json.gz", change)
    if where == "elsewhere":
        elsewhere(monkeypatch)
    assert main(verify_command(path, 0)) == 2
    out, err = capsys.readouterr()
    assert out.count("WRONG, of another size") == 2
    assert "2 of 6 cells are not as in the table" in err


@pytest.mark.usefixtures("remembered")
def test_a_wrong_seed_is_found_elsewhere_too(built, tmp_path, monkeypatch, capsys):
    """Every row but one seed's is as it was; that one is 1,500 pictures better."""

    def change(rows):
        for row in rows:
            row["test"][-1] += 1500 * (row["seed"] == 1)

    path = rewritten(built, tmp_path / "t.json.gz", change)
    elsewhere(monkeypatch)
    for allowed, line in [
        (Limits(5.0, 99.0, 99.0), "2 of 2 cells are not as in the table"),
        (Limits(99.0, 5.0, 99.0), "a mean size of 30.00 points, more than 5.00: "),
        (Limits(99.0, 99.0, 5.0), "cells are -30.00 points from the table in the mean"),
    ]:
        monkeypatch.setattr("gaea_mini.evaluate.verify.limits", lambda *_, a=allowed: a)
        assert main(verify_command(path, 0, cells=2)) == 0
        assert main(verify_command(path, 1, cells=2)) == 2
        out, err = capsys.readouterr()
        assert line in err and "30.00 points apart" in out


def test_verify_with_other_pictures_is_refused(built, monkeypatch):
    table = load_table(built / "t.json.gz")
    monkeypatch.setitem(table.about, "data_sha256", "another")
    with pytest.raises(InputError, match="not those of the table"):
        next(verify(table, 1, 0))


def test_verify_refuses_what_the_table_does_not_have(built):
    table = load_table(built / "t.json.gz")
    with pytest.raises(InputError, match="no seed 7; it has 0, 1"):
        next(verify(table, 2, 7))
    for cells in (0, 7):
        with pytest.raises(InputError, match=f"cells is {cells}; take 1 to 6"):
            next(verify(table, cells, 0))


def test_what_is_limited_by_hand():
    differences = np.array([[3.0, -1.0, -4.0], [1.0, 1.0, 1.0]])
    assert measured(differences).tolist() == [[4.0, 8 / 3, 2 / 3], [1.0, 1.0, 1.0]]
    broken = Limits(3.0, 2.0, 0.8).broken(differences)
    assert broken.tolist() == [[True, True, False], [False, False, True]]


def test_two_seeds_of_a_table_never_are_one_training(built):
    """Of six cells by twelve accuracies, all different."""
    table = load_table(built / "t.json.gz")
    test = table.trained("test")
    assert len(np.unique(test)) == test.size
    once, again, other = verify_module._two_seeds(table, 6)
    for x, y, z in zip(once[:200], again[:200], other[:200], strict=True):
        rows, seeds = np.nonzero(test[None] == x[:, None, None])[1:]
        assert sorted(rows) == list(range(6))  # each cell once
        assert y.tolist() == test[rows, 1 - seeds].tolist()
        assert (np.nonzero(test[None] == z[:, None, None])[1] != rows).all()


def test_wide_apart_seeds_make_wide_limits_and_little_power():
    means = np.linspace(50, 90, 40)[:, None]
    noise = np.random.default_rng(0).normal(size=(40, 3))
    for sd, least, most in ((0.1, 0.99, 1.0), (30.0, 0.0, 0.5)):
        values = means + sd * noise
        table = SimpleNamespace(trained=lambda _, v=values: v, seeds=(0, 1, 2))
        assert all(least <= chance <= most for chance in power(table, 12))
        assert limits(table, 12).each > 2 * sd
