"""Checkpoints: written whole or not at all, read without running code from the file."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from gaea_mini.errors import InputError
from gaea_mini.search.run import write_atomically


def save(path: Path, saved: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers, strings, lists and dicts."""
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    write_atomically(path, buffer.getvalue())


def load(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint of the search described by ``config``.

    Raises:
      InputError: the file is damaged, or belongs to a search with other settings.
    """
    try:
        # weights_only: tensors and plain values, no code.
        saved = torch.load(path, map_location="cpu", weights_only=True)
        stored = saved["run"]["config"]
    except (RuntimeError, EOFError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error
    differing = [
        f"{name} {stored.get(name)} there, {config.get(name)} here"
        for name in sorted(stored.keys() | config.keys())
        if stored.get(name) != config.get(name)
    ]
    if differing:
        raise InputError(
            f"checkpoint {path} is of another search ({'; '.join(differing)}); "
            "give another file or the same settings"
        )
    return saved


def _damaged(path: Path) -> InputError:
    return InputError(
        f"checkpoint {path} is damaged or is no checkpoint; delete it to start anew"
    )
