"""Checkpoints: written whole or not at all, read without running code from the file.

A checkpoint is a line of text, the sha256 of what follows, and what torch.save writes.
The hash finds a file that was cut short or changed before torch looks at it.

The one before is kept beside it, so that a file that is damaged costs one interval, not
the search. A new one is written beside both and then moved into place, so that at any
moment one that is whole is there.
"""

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gaea_mini.errors import InputError, OneLineWarning, of_full_memory

FIRST_LINE = b"gaea_mini checkpoint 1\n"
# How it is computed, not what: a search may go on without, where there is no compiler.
HOW = ("compile", "graphs")
# What a description leaves out because it is as usual.
USUAL = {"precision": "float32", "skip_below": 0.0, "ranks": 1}
TOLD = 4  # so many differences are told of


class DamagedError(InputError):
    """A checkpoint that is cut short, changed, or none at all."""


class CheckpointWarning(OneLineWarning):
    """A checkpoint was damaged or gone, and the one before was taken."""


def before(path: Path) -> Path:
    """Where the checkpoint before the last one is kept."""
    return path.with_name(f"{path.name}.before")


def coming(path: Path) -> Path:
    """Where a checkpoint is written, until it is whole."""
    return path.with_name(f"{path.name}.new")


def write(path: Path, saved: dict[str, Any]) -> None:
    """Write a checkpoint; the one that was there, if whole, becomes the one before.

    Args:
      path: of the file.
      saved: tensors, numbers, strings, lists and dicts.

    Raises:
      OSError: there is no space, or the like; it names ``path``. What was there stays.
    """
    if is_whole(coming(path)):  # of a process that was killed before it moved it
        _move_into_place(path)
    try:
        save(coming(path), saved)
    except BaseException as error:
        coming(path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = os.fspath(path)
        raise
    _move_into_place(path)


def _move_into_place(path: Path) -> None:
    try:
        if is_whole(path):  # a damaged one must not take the place of a good one
            os.replace(path, before(path))
        os.replace(coming(path), path)
    except FileNotFoundError:
        raise InputError(
            f"checkpoint {path}: another process writes it too; stop one of the two, "
            "or name another file"
        ) from None


def latest(path: Path, config: dict[str, Any]) -> dict[str, Any] | None:
    """The last whole checkpoint of what ``config`` describes; None: none.

    Warns where the last one is damaged or gone and the one before is taken.

    Raises:
      DamagedError: all are damaged.
      InputError: the last is of another search.
    """
    damaged = False
    for file in _newest_first(path):
        try:
            saved = load(file, config)
        except DamagedError:
            damaged = damaged or file != coming(path)  # a write that was cut off
            continue
        if file == before(path):
            warnings.warn(
                f"checkpoint {path} is {'damaged' if damaged else 'not there'}; "
                f"going on from the one before, {file}",
                CheckpointWarning,
                stacklevel=2,
            )
        return saved
    if damaged:
        raise _damaged(path)
    return None


def begun(path: Path) -> dict[str, Any] | None:
    """The description of what the last whole checkpoint is of; None: there is none."""
    for file in _newest_first(path):
        try:
            return dict(_read(file)["run"]["config"])
        except DamagedError:
            continue
    return None


def remove(path: Path) -> None:
    """Delete a checkpoint and those beside it, where they are."""
    for file in _newest_first(path):
        file.unlink(missing_ok=True)


def _newest_first(path: Path) -> list[Path]:
    return [file for file in (coming(path), path, before(path)) if file.exists()]


def _remedy(path: Path) -> str:
    there = " and ".join(map(str, _newest_first(path))) or path
    return f"name another file, or delete {there} to start anew"


# one file ----------------------------------------------------------------------------


def save(path: Path, saved: dict[str, Any]) -> None:
    """Write one file of tensors, numbers, strings, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    body = buffer.getvalue()
    with path.open("wb") as file:
        file.write(FIRST_LINE + hashlib.sha256(body).digest())
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Read one file, of what ``config`` describes.

    Raises:
      DamagedError: the file is damaged.
      InputError: it belongs to a search with other settings.
    """
    saved = _read(path)
    require_same(f"checkpoint {path}", saved["run"]["config"], config, HOW)
    return saved


def _read(path: Path) -> dict[str, Any]:
    body = _body(path)
    try:
        # weights_only: tensors and plain values, no code.
        saved = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        dict(saved["run"]["config"]), saved["state"]
    except Exception as error:  # torch names no exception of its own for a bad file
        if of_full_memory(error):
            raise
        raise _damaged(path) from error
    return saved


def _body(path: Path) -> bytes:
    """What torch wrote, if the hash says that it is all there."""
    raw = path.read_bytes()
    start = len(FIRST_LINE)
    digest, body = raw[start : start + 32], raw[start + 32 :]
    if raw[:start] != FIRST_LINE or hashlib.sha256(body).digest() != digest:
        raise _damaged(path)
    return body


def is_whole(path: Path) -> bool:
    """Whether there is a file, and it is as it was written."""
    try:
        return bool(_body(path))
    except (FileNotFoundError, DamagedError):
        return False


def _damaged(path: Path) -> DamagedError:
    return DamagedError(
        f"checkpoint {path} is damaged or is no checkpoint; {_remedy(path)}"
    )


@contextmanager
def of_this_version(path: Path) -> Iterator[None]:
    """One line where a whole checkpoint does not hold what this version looks for.

    Raises:
      InputError: inside, something was missing or of another kind.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if of_full_memory(error):
            raise
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"checkpoint {path} is of another version of gaea_mini "
            f"({type(error).__name__}: {reason}); go on with that one, {_remedy(path)}"
        ) from None


def require_same(
    what: str,
    stored: dict[str, Any],
    config: dict[str, Any],
    besides: tuple[str, ...] = (),
    remedy: str = "give another file or the same settings",
) -> None:
    """Refuse a file of a search with another config; says what differs, at first.

    Args:
      what: file it is, in words.
      stored: its config.
      config: the one that is wanted.
      besides: names that may differ.
      remedy: what to do about it.

    Raises:
      InputError: they differ.
    """
    there, here = flat(stored), flat(config)
    differing = []
    for name in here | there:  # in the order of a config: what says most comes first
        one, other = (each.get(name, USUAL.get(name, "not")) for each in (there, here))
        if one != other and name not in besides:
            differing.append(f"{name} {one} there, {other} here")
    if len(differing) > TOLD:
        differing[TOLD:] = [f"and {len(differing) - TOLD} more"]
    if differing:
        raise InputError(
            f"{what} is of another search ({'; '.join(differing)}); {remedy}"
        )


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """A config without dicts inside it.

    >>> flat({"seed": 0, "update": {"lr": 0.1}})
    {'seed': 0, 'update.lr': 0.1}
    """
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": part for key, part in flat(value).items()}
        else:
            found[name] = value
    return found
