"""The record of a search: one small JSON file; figures and widgets are made from it."""

import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gaea_mini
from gaea_mini.errors import InputError
from gaea_mini.files import write_atomically

SERIES = (
    "theta",
    "entropy",
    "genotype",
    "loss_w",
    "loss_theta",
    "accuracy_supernet",
    "accuracy_rounded",
    "seconds",
)
EXTRA = ("edge_weights", "eigenvalue", "computed", "skipped_steps", "watched")
SOMETIMES = (*EXTRA, "truth")  # left out where there is none


@dataclass
class Run:
    """What happened in a search, state by state; state 0 is the start.

    Attributes:
      config: space, method, objective, preset, seed, data and every number used.
      theta: per state (K, E, O), rows on the simplex.
      entropy: mean over the edges of all kinds of cell, in nats. The GAEA paper's curve
        is of the normal cell only.
      genotype: the cell that theta would be rounded to.
      loss_w, loss_theta: mean over the epoch; None for state 0.
      accuracy_supernet, accuracy_rounded: percent of the held-out pictures, with the
        shared weights, before and after rounding theta.
      seconds: time since the start.
      peak_mb: largest memory of the process, or of the GPU, MiB; since the search
        moved to this device, if it did.
      environment: versions, device, threads, commit.
      edge_weights: per state (K, E), where the method learns them (PC-DARTS).
      eigenvalue: largest of the Hessian of theta's loss, where it was asked for.
      computed: operations of all kinds of cell that a forward pass of the epoch
        computed on average, where small weights are skipped.
      skipped_steps: losses so far whose gradients overflowed, in float16.
      watched: what was asked for with ``watch``.
      truth: what a table says of each state's cell, where one was given.
    """

    config: dict[str, Any]
    theta: list[Any] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)
    genotype: list[str] = field(default_factory=list)
    loss_w: list[float | None] = field(default_factory=list)
    loss_theta: list[float | None] = field(default_factory=list)
    accuracy_supernet: list[float] = field(default_factory=list)
    accuracy_rounded: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    environment: dict[str, Any] = field(default_factory=dict)
    edge_weights: list[Any] | None = None
    eigenvalue: list[float] | None = None
    computed: list[float] | None = None
    skipped_steps: list[int] | None = None
    watched: list[Any] | None = None
    truth: dict[str, Any] | None = None

    @property
    def epoch(self) -> int:
        """Epochs done so far."""
        return len(self.theta) - 1

    def append(self, **state: Any) -> None:
        """Add one state: a value for each of the series, and for others if given."""
        for name in SERIES:
            getattr(self, name).append(state[name])
        for name in EXTRA:
            if state.get(name) is not None:
                setattr(self, name, [*(getattr(self, name) or []), state[name]])

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, without the parts that it does not have."""
        return {
            name: value
            for name, value in vars(self).items()
            if value is not None or name not in SOMETIMES
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Run":
        """The inverse of ``to_dict``.

        Raises:
          InputError: a part of the record is missing or its series differ in length.
        """
        if "runs" in record:
            raise InputError(
                "not a record that search wrote: it holds many; give one of a search"
            )
        try:
            run = cls(**record)
            lengths = {len(getattr(run, name)) for name in SERIES}
            extra = (getattr(run, name) for name in EXTRA)
            lengths |= {len(series) for series in extra if series is not None}
        except TypeError:
            raise InputError("not a record that search wrote") from None
        if len(lengths) != 1 or lengths == {0}:
            raise InputError("damaged record: its series are empty or differ in length")
        if not _kinds_are_right(run):
            raise InputError(
                "not a record that search wrote: a part is of a wrong kind or no number"
            )
        return run

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON, all of it or nothing."""
        write_atomically(Path(path), json.dumps(self.to_dict()).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Run":
        """Read a record.

        Raises:
          InputError: no such file, not JSON, or not a record.
        """
        try:
            record = json.loads(Path(path).read_text())
        except FileNotFoundError:
            raise InputError(f"no file {path}; give the record of a run") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise InputError(f"{path} is not JSON, or it is truncated") from None
        if not isinstance(record, dict):
            raise InputError(f"{path} is not a record that search wrote")
        try:
            return cls.from_dict(record)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def _kinds_are_right(run: Run) -> bool:
    """Whether the parts are of the kinds that figures and pages rely on."""
    number, truth = (int, float), run.truth or {}
    measured = [run.peak_mb, *run.entropy, *run.seconds]
    measured += [*run.accuracy_supernet, *run.accuracy_rounded]
    for values in (run.eigenvalue, run.computed, run.skipped_steps):
        measured += values or []
    try:
        measured += [w for kind in run.edge_weights or [] for row in kind for w in row]
        if not np.isfinite(np.asarray(run.theta, float)).all():
            return False
    except (TypeError, ValueError):
        return False
    for name, values in truth.items() if isinstance(truth, dict) else ():
        if name not in ("table", "sha256"):
            if not isinstance(values, list) or len(values) != len(run.theta):
                return False
            measured += values
    return (
        all(isinstance(part, dict) for part in (run.config, run.environment, truth))
        and all(isinstance(value, number) for value in measured)
        and all(isinstance(cell, str) for cell in run.genotype)
    )


def settle(run: Any, device: torch.device) -> None:
    """Note in a record where it is computed from now on."""
    here = environment(device)
    if run.environment.get("device") != here["device"]:
        run.peak_mb = 0.0  # that was of another device
    run.environment = here


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, machine class, device, threads and commit of this process."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "gaea_mini": gaea_mini.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "device": (
            torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        ),
        "threads": torch.get_num_threads(),
        "commit": commit(),
    }


@cache
def commit() -> str | None:
    """The commit that this package is checked out at; None outside a checkout."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(
            command,
            cwd=Path(__file__).parent,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def peak_mb(device: torch.device) -> float:
    """Largest memory so far, MiB: of the process, or of the device if it is a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows has no such module
        return float("nan")
    scale = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
