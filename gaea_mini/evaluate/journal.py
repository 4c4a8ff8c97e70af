"""A journal of finished rows: a file that only grows, one line a row.

Each line is JSON with the hash of its row. A line is on the disk (fsync) before the
next one is begun, so a process that is killed loses no finished row and doubles none.
"""

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically

try:
    import fcntl
except ImportError:  # Windows: two builds at once are then not noticed
    fcntl = None  # type: ignore[assignment]


class Journal:
    """An open journal. The first line says what the rows are of; the rest are rows.

    Args:
      path: the file; it is made if it is not there.
      heading: plain data; a journal with another heading is refused.
      repair: take damaged rows out instead of refusing the file.

    Attributes:
      rows: all rows, in the order in which they were written.
      dropped: how many damaged rows ``repair`` took out.

    Raises:
      InputError: another process writes the journal, it is of something else or no
        journal at all, or a line is damaged; the file is left as it was. A last line
        that was cut off is no damage: it is left out, as it was never finished.
    """

    def __init__(self, path: Path, heading: dict[str, Any], repair: bool = False):
        self.path = path
        self.file = self._open()
        self.dropped = 0
        try:
            self.rows = self._read(heading, repair)
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()  # and with it the lock

    def append(self, row: dict[str, Any]) -> None:
        """Write a row; it is on the disk when this returns.

        Raises:
          OSError: it could not be written. The rows before it are as they were.
        """
        self._write(row)
        self.rows.append(row)

    def _open(self) -> BinaryIO:
        file = open(self.path, "a+b", buffering=0)
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise InputError(
                    f"another process is writing {self.path}; wait until it is done"
                ) from None
        return file

    def _read(self, heading: dict[str, Any], repair: bool) -> list[dict[str, Any]]:
        self.file.seek(0)
        content = self.file.read()
        whole = content.rfind(b"\n") + 1
        lines = content[:whole].split(b"\n")[:-1]
        found = [_decode(line) for line in lines]
        first = _encode(heading)
        # Nothing is cut off or written before this is known to be such a journal.
        if found[0] is None if found else not first.startswith(content):
            raise InputError(
                f"{self.path} is not a journal, or its line 1 is damaged; name another "
                "file, or delete this one"
            )
        # As JSON: what was written as a tuple is read as a list.
        if found and found[0] != json.loads(json.dumps(heading)):
            raise InputError(
                f"{self.path} was begun with another recipe, other data, or another "
                "torch or gaea_mini; delete it, or name another file"
            )
        self.file.truncate(whole)
        if not found:
            self._write(heading)
            return []
        bad = [number for number, row in enumerate(found, 1) if row is None]
        if bad and not repair:
            raise InputError(
                f"{self.path}, line {', '.join(map(str, bad))}: damaged; --repair "
                "takes such lines out, and what they held is trained again"
            )
        if bad:
            kept = (
                line + b"\n"
                for line, row in zip(lines, found, strict=True)
                if row is not None
            )
            write_atomically(self.path, kept)
            self.file.close()
            self.file = self._open()
            self.dropped = len(bad)
        return [row for row in found[1:] if row is not None]

    def _write(self, row: dict[str, Any]) -> None:
        before = os.fstat(self.file.fileno()).st_size
        line = _encode(row)
        try:
            while line:
                line = line[self.file.write(line) :]
            os.fsync(self.file.fileno())
        except OSError as error:
            self.file.truncate(before)
            error.filename = os.fspath(self.path)
            raise


def _encode(row: dict[str, Any]) -> bytes:
    text = json.dumps(row, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f'{{"sha256":"{digest}","row":{text}}}\n'.encode()


def _decode(line: bytes) -> dict[str, Any] | None:
    """The row in a line; None if the line is damaged."""
    try:
        row = json.loads(line)["row"]
        return row if _encode(row) == line + b"\n" else None
    except (ValueError, KeyError, TypeError):
        return None
