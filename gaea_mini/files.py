"""Writing files whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


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
