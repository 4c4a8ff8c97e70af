"""Writing files whole or not at all; places are looked at before hours of work."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from gaea_mini.errors import InputError


def write_atomically(path: Path, chunks: bytes | Iterable[bytes]) -> None:
    """Write a file so that others see the old one or the new one, never a half.

    A failure (no space, no permission) leaves the old file and no other trace. The
    ``OSError`` names ``path``.
    """
    if isinstance(chunks, bytes):
        chunks = (chunks,)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes private files; this one gets the usual mode.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        error.filename = os.fspath(path)  # not the temporary file's, and not nothing
        raise


def require_writable(path: Path) -> None:
    """Make sure, before hours of work, that a file can be written at ``path``."""
    try:
        if path.is_dir():
            raise InputError(f"cannot write {path}: it is a folder; name a file")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}; choose another place"
        ) from None


def require_folder(path: Path, option: str) -> None:
    """Make the folder ``path`` if it is not there; make sure that it can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror
        raise InputError(
            f"{option} {path}: {reason}; name a folder that can be written"
        ) from None


def require_apart(
    written: Mapping[str, Path | None], read: Mapping[str, Path | None]
) -> None:
    """Refuse to write a file that is also read, or that is written twice.

    Both map the name of an option to its file; links are followed.
    """
    seen: dict[str, str] = {}
    for name, path in (*read.items(), *written.items()):
        if path is None:
            continue
        place = os.path.realpath(path)
        if name in written and place in seen:
            raise InputError(
                f"{seen[place]} and {name} are one file, {path}, which would be "
                "overwritten; name another"
            )
        seen[place] = name
