"""A process that runs a notebook's cells and sees neither files nor network.

bubblewrap gives the process a file system of its own: the system's programs, this
Python with its packages, and ``gaea_mini``, all read-only, and a small /tmp. It has no
network, no environment of ours, and no process of ours in sight. What these walls leave
open, ``calls`` closes. Cells go in over a pipe one by one, so the notebook with its
hidden tests is on no file that the process could open.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

import gaea_mini
from classroom import calls
from gaea_mini.errors import InputError

INSIDE = Path(__file__).with_name("inside.py")
PACKAGE = Path(gaea_mini.__file__).parent
MB = 2**20
GRACE = 5.0  # seconds between the end of a cell's time and the end of the process
OUTPUT_LIMIT = 16 * MB  # of all cells together
# What a cell sends if nobody meddles with ``inside``: outputs, and letters of each.
MOST_OUTPUTS, MOST_TEXT, MOST_PICTURE = 52, 60_000, 1_000_000
RESERVE = 256 * MB  # with less than this the machine itself runs short of memory
# Users of the sandboxes of a grader that is root: each sandbox has its own, because the
# number of processes is counted for a user, and those of the one before may still be
# ending. A container may know no number over 65,535.
UIDS = range(60_001, 65_001)
NUMBER = itertools.count(97 * os.getpid())  # two graders begin at different places
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime")


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Args:
      cell, notebook: seconds for one cell, and for all of them together.
      memory: MiB, for every process and for all together.
      processes: how many at a time.
      disk: MiB, all of it in memory.
    """

    cell: float = 30.0
    notebook: float = 180.0
    memory: int = 3072
    processes: int = 24
    disk: int = 64


class Stopped(Exception):
    """The process is gone; the message says why, for the student."""


class Disturbed(Stopped):
    """It was too slow, or memory ran short: others on the machine may be the reason."""


class Sandbox:
    """One process; ``with Sandbox(...) as box: box.run("1 + 1")``.

    Args:
      limits: what it may use.
      confined: False runs it without bubblewrap, with the limits but in plain sight of
        everything that this user may read.
    """

    def __init__(self, limits: Limits, confined: bool = True):
        self.limits, self.confined = limits, confined
        self.began = time.monotonic()
        self.buffer, self.received = b"", 0

    def __enter__(self) -> Sandbox:
        self.folder = tempfile.TemporaryDirectory(prefix="gaea-grade-")
        # Threads count as processes here, and a library may start a few.
        told = {
            "memory": self.limits.memory * MB,
            "processes": 4 * self.limits.processes,
            "file": self.limits.disk * MB,
            "uid": UIDS[next(NUMBER) % len(UIDS)],
        }
        if not self.confined:
            told["uid"] = 0  # stays who it is
        inside = "/grader/inside.py" if self.confined else str(INSIDE)
        package = "/grader" if self.confined else str(PACKAGE.parent)
        scratch = "/tmp" if self.confined else self.folder.name
        seen = {
            "PATH": "/usr/bin:/bin",
            "HOME": scratch,
            "TMPDIR": scratch,
            "LANG": "C.UTF-8",
            "PYTHONPATH": package,
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, inside, json.dumps(told)]
        filters = self._filter() if self.confined else []
        if self.confined:
            kept = ["--seccomp", str(filters[0])] if filters else []
            command = [
                *walls(self.limits),
                *kept,
                *variables(seen),
                "--",
                *command,
            ]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={} if self.confined else seen,
                cwd=self.folder.name,
                start_new_session=True,
                pass_fds=filters,
            )
        finally:
            for file in filters:
                os.close(file)
        return self

    @staticmethod
    def _filter() -> list[int]:
        """A pipe with the filter of system calls in it; empty if there is none."""
        program = calls.program()
        if program is None:
            return []
        out, into = os.pipe()
        os.write(into, program)  # far less than a pipe holds
        os.close(into)
        return [out]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        self.folder.cleanup()

    def stop(self) -> None:
        """End it and everything that it started."""
        # With bubblewrap the first of its processes takes all others along.
        for child in [] if self.confined else self._family()[1:]:
            child.kill()
        self.process.kill()
        self.process.wait()

    def run(self, source: str) -> list[dict[str, Any]]:
        """Outputs of one cell, in the notebook format.

        Raises:
          Stopped: the process had to be ended, or ended itself.
        """
        if self.process.poll() is not None:
            raise Stopped("the process that runs the notebook has ended")
        left = self.began + self.limits.notebook - time.monotonic()
        if left <= 0:
            self.stop()
            raise Disturbed(
                f"the {self.limits.notebook:g} seconds for the notebook are used up"
            )
        seconds = min(self.limits.cell, left)
        # An answer that was written before its question does not know this word.
        word = secrets.token_hex(8)
        asked = {"source": source, "seconds": seconds, "word": word}
        answer = self._exchange(json.dumps(asked).encode() + b"\n", seconds + GRACE)
        try:
            told = json.loads(answer)
            if told["word"] != word:
                raise ValueError
            return [checked(output) for output in told["outputs"][:MOST_OUTPUTS]]
        except (ValueError, LookupError, TypeError, RecursionError):
            self.stop()
            raise Stopped("its code wrote into the grader's own pipe") from None

    def _exchange(self, line: bytes, seconds: float) -> bytes:
        """Send a line and wait for one, with an eye on the limits."""
        process, end = self.process, time.monotonic() + seconds
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except BrokenPipeError:
            raise Stopped(self._last_words()) from None
        while b"\n" not in self.buffer:
            if time.monotonic() > end:
                self.stop()
                raise Disturbed("the cell did not end in time and could not be stopped")
            self._watch()
            if not select.select([process.stdout], [], [], 0.1)[0]:
                continue
            part = os.read(process.stdout.fileno(), MB)
            if not part:
                raise Stopped(self._last_words())
            self.buffer += part
            self.received += len(part)
            if self.received > OUTPUT_LIMIT:
                self.stop()
                raise Stopped(f"more than {OUTPUT_LIMIT // MB} MiB of output came out")
        answer, _, self.buffer = self.buffer.partition(b"\n")
        return answer

    def _family(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _watch(self) -> None:
        """End the process if all that it started takes more than its share."""
        family, memory = self._family(), 0
        for process in family:
            try:
                memory += process.memory_info().rss
            except psutil.NoSuchProcess:
                pass
        if len(family) > self.limits.processes:
            self.stop()
            raise Stopped(f"more than {self.limits.processes} processes were started")
        if memory > self.limits.memory * MB:
            self.stop()
            raise Stopped(f"more than {self.limits.memory} MiB of memory were used")
        if psutil.virtual_memory().available < RESERVE:
            # Not every memory is a process's; the machine would end one at random.
            self.stop()
            raise Disturbed("the machine ran short of memory")

    def _last_words(self) -> str:
        self.stop()
        return (
            "the process that runs the notebook ended: the code stopped it (os._exit, "
            "a crash) or used more memory than it may"
        )


def checked(output: dict[str, Any]) -> dict[str, Any]:
    """An output that came out of the sandbox, with the fields that its type has."""
    kind = output["output_type"]
    if kind == "stream":
        return {"output_type": kind, "name": "stdout", "text": clean(output["text"])}
    if kind == "error":
        name, value = clean(output["ename"]), clean(output["evalue"])
        error = {"output_type": kind, "ename": name, "evalue": value}
        return {**error, "traceback": [clean(output["traceback"][0])]}
    given, data = output["data"], {}
    if "text/plain" in given:
        data["text/plain"] = clean(given["text/plain"])
    picture = str(given.get("image/png", ""))
    if len(picture) < MOST_PICTURE and re.fullmatch(r"[A-Za-z0-9+/=\s]+", picture):
        data["image/png"] = picture
    return {"output_type": "display_data", "data": data, "metadata": {}}


def clean(text: object) -> str:
    """A text that can be written to a file: not endless, and without half a letter."""
    return str(text)[:MOST_TEXT].encode("utf-8", "replace").decode()


def variables(seen: dict[str, str]) -> list[str]:
    """The arguments that set the whole environment of the sandbox."""
    pairs = [["--setenv", name, value] for name, value in seen.items()]
    return ["--clearenv", *(part for pair in pairs for part in pair)]


def shown() -> list[str]:
    """Folders that a submission may read, beside ``gaea_mini`` and ``inside.py``."""
    places = [place for place in SYSTEM if os.path.isdir(place)]
    here = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib")}
    for place in sorted(here, key=len):
        if not any(Path(place).is_relative_to(known) for known in places):
            places.append(place)
    return places


def walls(limits: Limits) -> list[str]:
    """The bubblewrap command up to the environment."""
    binds: list[str] = []
    for place in shown():
        if os.path.islink(place):
            binds += ["--symlink", os.readlink(place), place]
            continue
        # Left to itself, bubblewrap makes parents that only root may enter.
        for parent in reversed(Path(place).parents[:-1]):
            binds += ["--dir", str(parent)]
        binds += ["--ro-bind", place, place]
    for place in ("/etc", "/grader"):
        binds += ["--dir", place]
    for place in SETTINGS:
        binds += ["--ro-bind-try", place, place]
    size = str(limits.disk * MB)
    apart = ["--unshare-all"]
    if os.getuid() == 0:
        # Not a user namespace of its own, in which it would still be root: ``inside``
        # takes another user and so loses these rights.
        names = ("ipc", "pid", "net", "uts", "cgroup-try")
        apart = [*(f"--unshare-{name}" for name in names), "--cap-drop", "ALL"]
        apart += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [
        str(shutil.which("bwrap")),
        *("--die-with-parent", "--new-session", *apart),
        *("--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev"),
        # Before the binds: this Python may lie below /tmp.
        *("--perms", "1777", "--size", size, "--tmpfs", "/tmp"),
        *("--perms", "1777", "--size", size, "--tmpfs", "/dev/shm", *binds),
        *("--ro-bind", str(PACKAGE), "/grader/gaea_mini"),
        *("--ro-bind", str(INSIDE), "/grader/inside.py"),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),
    ]


def missing() -> str | None:
    """Why there is no sandbox on this machine, or None."""
    if shutil.which("bwrap") is None:
        return (
            "bubblewrap (bwrap) is not there; apt install bubblewrap, if this is Linux"
        )
    try:
        with Sandbox(Limits(cell=30, notebook=60)) as box:
            answer = box.run("import threading\nthreading.Thread(target=int).start()")
    except (OSError, Stopped):
        told = subprocess.run(
            [*walls(Limits()), "--", "true"], capture_output=True, text=True
        ).stderr
        why = " ".join(told.split())[:200] or "Python does not start in it"
        return f"bubblewrap may not make one here ({why}); see the instructor guide"
    return None if not answer else "it cannot run a cell"


def require(hidden: Sequence[Path]) -> None:
    """Make sure that there is a sandbox, and that it does not show these places.

    Raises:
      InputError: there is none, or one of them lies in a folder that it shows.
    """
    reason = missing()
    if reason:
        raise InputError(
            f"no sandbox: {reason}. On a machine that may be lost: ARGS=--no-sandbox"
        )
    for place in hidden:
        for open_to in shown():
            if place.resolve().is_relative_to(Path(open_to).resolve()):
                raise InputError(
                    f"{place} lies in {open_to}, which submissions can read; move it"
                )
