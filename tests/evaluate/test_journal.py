"""Rows are neither lost nor doubled, whatever happens between two of them."""

import errno
import os

import pytest

from gaea_mini.errors import InputError
from gaea_mini.evaluate.journal import Journal

HEADING = {"recipe": {"epochs": 2, "measured": (1, 2)}}
ROWS = [{"class": k, "seed": 0, "val": [k, 2 * k]} for k in range(5)]


@pytest.fixture
def path(tmp_path):
    with Journal(tmp_path / "j", HEADING) as journal:
        for row in ROWS:
            journal.append(row)
    return tmp_path / "j"


def read(path, **options):
    with Journal(path, HEADING, **options) as journal:
        return journal.rows


def test_rows_come_back_in_order_and_the_journal_goes_on(path):
    assert read(path) == ROWS
    with Journal(path, HEADING) as journal:
        journal.append({"class": 9})
    assert read(path) == [*ROWS, {"class": 9}]


def test_a_journal_of_something_else_is_refused(path):
    with pytest.raises(InputError, match="begun with another recipe"):
        Journal(path, {"recipe": {"epochs": 3}})
    assert read(path) == ROWS


def test_a_last_line_cut_off_anywhere_is_left_out(path):
    content = path.read_bytes()
    *lines, last = content.splitlines(keepends=True)
    for length in range(1, len(last)):
        path.write_bytes(b"".join(lines) + last[:length])
        with Journal(path, HEADING) as journal:
            assert journal.rows == ROWS[:-1]
            journal.append(ROWS[-1])
        assert path.read_bytes() == content


def test_a_heading_cut_off_is_written_again(path):
    content = path.read_bytes()
    path.write_bytes(content[:10])
    assert read(path) == []
    assert path.read_bytes() == content.splitlines(keepends=True)[0]


@pytest.mark.parametrize("line", range(1, 6))
def test_a_damaged_row_is_an_error_that_names_its_line_and_repair_drops_it(path, line):
    lines = path.read_bytes().splitlines(keepends=True)
    for at in range(len(lines[line]) - 1):
        damaged = bytearray(lines[line])
        damaged[at] ^= 1
        if b"\n" in damaged[:-1]:
            continue
        path.write_bytes(b"".join([*lines[:line], damaged, *lines[line + 1 :]]))
        with pytest.raises(InputError, match=f"line {line + 1}: damaged; --repair"):
            Journal(path, HEADING)
    with Journal(path, HEADING, repair=True) as journal:
        assert journal.dropped == 1
        assert journal.rows == ROWS[: line - 1] + ROWS[line:]
        journal.append(ROWS[line - 1])  # into the new file, not the old one
    assert len(read(path)) == len(ROWS)


def test_a_damaged_heading_cannot_be_repaired(path):
    path.write_bytes(b"x" + path.read_bytes()[1:])
    for repair in (False, True):
        with pytest.raises(InputError, match="its line 1 is damaged; name another"):
            Journal(path, HEADING, repair=repair)


@pytest.mark.parametrize("text", [b"my notes", b"a,b\n1,2\n3", b"\n", b"{}\nrest"])
@pytest.mark.parametrize("repair", [False, True])
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_was(
    text, repair, tmp_path
):
    file = tmp_path / "notes"
    file.write_bytes(text)
    with pytest.raises(InputError, match="notes is not a journal"):
        Journal(file, HEADING, repair=repair)
    assert file.read_bytes() == text


def test_a_journal_of_something_else_keeps_also_its_unfinished_line(path):
    path.write_bytes(path.read_bytes() + b"unfinished")
    before = path.read_bytes()
    with pytest.raises(InputError, match="begun with another recipe"):
        Journal(path, {"recipe": {"epochs": 3}})
    assert path.read_bytes() == before


def test_two_at_once_are_refused_also_after_a_repair(path):
    lines = path.read_bytes().splitlines(keepends=True)
    with Journal(path, HEADING):
        with pytest.raises(InputError, match="another process is writing"):
            Journal(path, HEADING)
    path.write_bytes(b"".join([lines[0], b"x\n", *lines[1:]]))
    with Journal(path, HEADING, repair=True):
        with pytest.raises(InputError, match="another process is writing"):
            Journal(path, HEADING)
    assert read(path) == ROWS


@pytest.mark.parametrize("room", [0, 1, 20])
def test_a_full_disk_is_an_error_and_nothing_is_lost(path, monkeypatch, room):
    """The disk takes ``room`` bytes more, then none."""
    before = path.read_bytes()
    with Journal(path, HEADING) as journal:
        file = journal.file

        class Full:
            left = room

            def write(self, line):
                if not self.left:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written = file.write(line[: self.left])
                self.left = 0
                return written

            def __getattr__(self, name):
                return getattr(file, name)

        monkeypatch.setattr(journal, "file", Full())
        with pytest.raises(OSError, match="No space left") as info:
            journal.append({"class": 9})
        assert info.value.filename == str(path)
        assert journal.rows == ROWS
    assert path.read_bytes() == before
    assert read(path) == ROWS
