"""Checkpoints: written whole or not at all, read without running code from the file.

A checkpoint is a line of text, the sha256 of what follows, and what torch.save writes.
The hash finds a file that was cut short or changed before torch looks at it.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically

FIRST_LINE = b"gaea_mini checkpoint 1\n"


class DamagedError(InputError):
    """A checkpoint that is cut short, changed, or none at all."""


def save(path: Path, saved: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers, strings, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    body = buffer.getvalue()
    write_atomically(path, (FIRST_LINE, hashlib.sha256(body).digest(), body))


def load(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint of the search described by ``config``.

    Raises:
      DamagedError: the file is damaged.
      InputError: it belongs to a search with other settings.
    """
    raw = path.read_bytes()
    start = len(FIRST_LINE)
    digest, body = raw[start : start + 32], raw[start + 32 :]
    if raw[:start] != FIRST_LINE or hashlib.sha256(body).digest() != digest:
        raise _damaged(path)
    try:
        # weights_only: tensors and plain values, no code.
        saved = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        stored, _ = dict(saved["run"]["config"]), saved["state"]
    except Exception as error:  # torch names no exception of its own for a bad file
        raise _damaged(path) from error
    require_same(f"checkpoint {path}", stored, config)
    return saved


def require_same(what: str, stored: dict[str, Any], config: dict[str, Any]) -> None:
    """Refuse a file of a search with another config; says what differs."""
    there, here = flat(stored), flat(config)
    differing = [
        f"{name} {there.get(name, 'not')} there, {here.get(name, 'not')} here"
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    ]
    if differing:
        raise InputError(
            f"{what} is of another search ({'; '.join(differing)}); "
            "give another file or the same settings"
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


def _damaged(path: Path) -> DamagedError:
    return DamagedError(
        f"checkpoint {path} is damaged or is no checkpoint; name another file, or "
        "delete it to start anew"
    )
