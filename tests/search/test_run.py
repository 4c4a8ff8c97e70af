"""Records as files: written whole or not at all, and read with care."""

import errno
import json
import os
import stat
import subprocess
import sys
import textwrap

import pytest

from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically
from gaea_mini.search import Run


def tiny_run() -> Run:
    run = Run({"space": "compact", "seed": 0}, environment={"python": "3"})
    for t in range(2):
        run.append(
            theta=[[[0.25, 0.75]]],
            entropy=0.56,
            genotype="|nor_conv_3x3~0|",
            loss_w=None if t == 0 else 1.5,
            loss_theta=None if t == 0 else 1.25,
            accuracy_supernet=10.0,
            accuracy_rounded=12.5,
            seconds=float(t),
        )
    return run


def test_a_record_comes_back_as_it_was(tmp_path):
    run, file = tiny_run(), tmp_path / "run.json"
    run.save(file)
    assert Run.load(file) == run
    assert json.loads(file.read_text()) == run.to_dict()
    assert "truth" not in run.to_dict()
    run.truth = {"table": "NAS-Bench-201", "c10_test": [90.0, 91.0]}
    run.save(file)
    assert Run.load(file).truth == run.truth


def test_the_file_has_the_fields_that_other_things_rely_on(tmp_path):
    assert set(tiny_run().to_dict()) == {
        *("config", "theta", "entropy", "genotype", "loss_w", "loss_theta"),
        *("accuracy_supernet", "accuracy_rounded", "seconds", "peak_mb", "environment"),
    }


DAMAGE = {
    "no part": lambda r: r.clear(),
    "config missing": lambda r: r.pop("config"),
    "a stranger": lambda r: r.update(colour="red"),
    "series missing": lambda r: r.pop("theta"),
    "series shorter": lambda r: r["entropy"].pop(),
    "series empty": lambda r: [v.clear() for v in r.values() if isinstance(v, list)],
    "series is a number": lambda r: r.update(entropy=3),
    "series is nothing": lambda r: r.update(genotype=None),
    "config is text": lambda r: r.update(config="compact"),
    "environment is a list": lambda r: r.update(environment=[1]),
    "seconds are text": lambda r: r.update(seconds=["a", "b"]),
    "entropy has a gap": lambda r: r["entropy"].__setitem__(1, None),
    "accuracy is a list": lambda r: r.update(accuracy_rounded=[[1], [2]]),
    "genotype is a number": lambda r: r.update(genotype=[1, 2]),
    "memory is text": lambda r: r.update(peak_mb="much"),
    "truth is a number": lambda r: r.update(truth=3),
    "truth is shorter": lambda r: r.update(truth={"rank": [1]}),
    "truth is text": lambda r: r.update(truth={"c10_test": ["a", "b"]}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_refused_in_one_line_that_names_the_file(tmp_path, damage):
    record, file = tiny_run().to_dict(), tmp_path / "run.json"
    DAMAGE[damage](record)
    file.write_text(json.dumps(record))
    with pytest.raises(InputError, match="run.json") as info:
        Run.load(file)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"null", b'"text"', b"\xff\xfe\x00", b"[" * 100000],
)
def test_a_file_that_is_no_record_is_refused(tmp_path, content):
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match="run.json"):
        Run.load(file)


def test_every_truncation_is_refused(tmp_path):
    file = tmp_path / "run.json"
    tiny_run().save(file)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="run.json"):
            Run.load(file)


def test_a_missing_record_is_refused(tmp_path):
    with pytest.raises(InputError, match="no file .*gone.json"):
        Run.load(tmp_path / "gone.json")


# ------------------------------------------------------------- all of it or nothing


def test_a_new_file_and_a_replaced_one(tmp_path):
    file = tmp_path / "a.bin"
    write_atomically(file, b"one")
    assert file.read_bytes() == b"one"
    write_atomically(file, iter([b"tw", b"o"]))
    assert file.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_file_has_the_usual_mode_not_that_of_a_temporary_file(tmp_path):
    file, plain = tmp_path / "a.bin", tmp_path / "b.bin"
    write_atomically(file, b"one")
    plain.write_bytes(b"one")
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def stop(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("accident", [no_space, stop])
@pytest.mark.parametrize("place", ["os.fsync", "os.replace"])
@pytest.mark.parametrize("old", [None, b"the old content"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, place, accident, old
):
    file = tmp_path / "a.bin"
    if old is not None:
        file.write_bytes(old)
    monkeypatch.setattr(place, accident)
    with pytest.raises((OSError, KeyboardInterrupt)) as info:
        write_atomically(file, b"new")
    monkeypatch.undo()
    if info.type is OSError:
        assert info.value.filename == str(file)
    assert os.listdir(tmp_path) == ([] if old is None else ["a.bin"])
    assert old is None or file.read_bytes() == old


def test_a_failure_between_two_chunks_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")

    def chunks():
        yield b"x" * 100_000
        no_space()

    with pytest.raises(OSError, match="No space") as info:
        write_atomically(file, chunks())
    assert info.value.filename == str(file)
    assert file.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.bin"]


def test_a_full_disk_for_real(tmp_path):
    """The kernel refuses to let the file grow beyond 1,000 bytes."""
    pytest.importorskip("resource")
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    script = """
        import resource, sys
        from pathlib import Path
        from gaea_mini.files import write_atomically
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomically(Path(sys.argv[1]), b"x" * 5000)
        except OSError as error:
            print(error.filename, error.strerror)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{file} File too large\n"
    assert file.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.bin"]


def test_a_place_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "gone" / "a.bin"
    with pytest.raises(FileNotFoundError) as info:
        write_atomically(file, b"x")
    assert info.value.filename == str(file)
