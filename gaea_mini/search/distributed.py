"""Several processes, one search: each takes its part of every batch.

    torchrun --nproc-per-node 2 -m gaea_mini search --preset gpu ...

Gradients are averaged by one explicit all-reduce for each loss. They are those of
DistributedDataParallel, which a test has beside them. It is not used itself because it
"doesn't work with torch.autograd.grad" (its documentation), and the steps here ask by
just that for the gradients of theta or of the weights alone.

All processes draw the same random numbers, so they hold the same theta and weights at
every step; at the end of each epoch that is checked. Batch norms see the pictures of
their own process only, as they do under DistributedDataParallel. So two processes with
batches of 32 are close to one with batches of 64, not equal to it, and the record says
how many processes there were.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gaea_mini.errors import InputError

PATIENCE = timedelta(minutes=10)  # for another process that says nothing


class RankLostError(InputError):
    """Another process of the search is gone."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is.

    Args:
      rank: its number, from 0. Process 0 writes, and no other does.
      count: how many there are.
    """

    rank: int = 0
    count: int = 1

    def changed(self) -> dict[str, int]:
        """For the description of a search: nothing if this process is alone."""
        return {} if self.count == 1 else {"ranks": self.count}

    @property
    def part(self) -> slice:
        """This process's pictures of a batch."""
        return slice(self.rank, None, self.count)

    def check(self, method: str, batch: int) -> None:
        """Refuse what cannot be divided.

        Raises:
          InputError: batches that leave a process fewer than two pictures or more than
            another, or a method with a memory that processes do not share.
        """
        if batch % self.count or batch // self.count < min(batch, 2):
            raise InputError(
                f"batches of {batch} cannot be divided among {self.count} processes; "
                f"give a multiple of {self.count}, two pictures each or more"
            )
        if self.count > 1 and method == "enas":
            raise InputError(
                "enas: the moving average of its rewards is one process's own; search "
                "with one process"
            )

    def mean(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Means over all processes, the same bits in each; one all-reduce for all.

        Raises:
          RankLostError: another process is gone.
        """
        if self.count == 1:
            return tuple(tensors)
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        with _lost(self):
            dist.all_reduce(flat)
        parts = (flat / self.count).split([tensor.numel() for tensor in tensors])
        return tuple(
            part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)
        )

    def total(self, number: int, device: torch.device) -> int:
        """Sum of a whole number over all processes."""
        if self.count == 1:
            return number
        one = torch.tensor(number, device=device)
        with _lost(self):
            dist.all_reduce(one)
        return int(one)

    def first(self, call: Callable[[], Any]) -> Any:
        """What ``call`` returns in process 0, in every process.

        Raises:
          InputError: in process 0 it did; then all raise it.
          RankLostError: another process is gone.
        """
        if self.count == 1:
            return call()
        box: list[Any] = [None, None]
        if self.rank == 0:
            try:
                box[0] = call()
            except InputError as error:
                box[1] = str(error)
        with _lost(self):
            dist.broadcast_object_list(box)
        if box[1] is not None:
            raise InputError(box[1])
        return box[0]

    def require_equal(self, tensors: Sequence[Tensor]) -> None:
        """Make sure that all processes hold the same numbers.

        Raises:
          InputError: they do not.
          RankLostError: another process is gone.
        """
        if self.count == 1:
            return
        mine = torch.cat([tensor.detach().flatten() for tensor in tensors])
        first = mine.clone()
        with _lost(self):
            dist.broadcast(first, 0)
        same = torch.equal(mine, first)
        if self.total(int(same), mine.device) < self.count:
            raise InputError(
                f"theta or the weights of the {self.count} processes have drifted "
                "apart; use devices of one kind, with the same versions of everything"
            )


ALONE = Ranks()


def ranks_of(environment: Mapping[str, str]) -> Ranks:
    """Which process torchrun made this one, by what it leaves in the environment.

    Raises:
      InputError: numbers that are none, or an address that is missing.
    """
    if "RANK" not in environment or environment.get("WORLD_SIZE", "1") == "1":
        return ALONE
    try:
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT")
        rank, local, count, port = (int(environment[name]) for name in names)
        good = 0 <= local <= rank < count and 0 <= port < 2**16
        here = int(environment.get("LOCAL_WORLD_SIZE", count))
        good = good and local < here <= count and bool(environment.get("MASTER_ADDR"))
    except (KeyError, ValueError):
        good = False
    if not good:
        raise InputError(
            "RANK is set, but with LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT "
            "it makes no process of several: start all by torchrun, or unset RANK to "
            "be one alone"
        )
    return Ranks(rank, count)


def own_device(device: str, local_rank: int, there: int) -> str:
    """The device of this process: "cuda" becomes "cuda:LOCAL_RANK".

    Args:
      device: as asked for.
      local_rank: number of this process on its machine.
      there: CUDA devices on it.

    Raises:
      InputError: one device for all, or more processes than devices.

    >>> own_device("cuda", 1, 2), own_device("cpu", 1, 0)
    ('cuda:1', 'cpu')
    """
    if device == "cpu":
        return device
    if device != "cuda":
        raise InputError(
            f"several processes cannot share {device}: give --device cuda, and each "
            "takes one of its own"
        )
    if local_rank >= there:
        raise InputError(
            f"process {local_rank} of this machine finds no device of its own; there "
            f"are {there}; give --nproc-per-node {there}"
        )
    return f"cuda:{local_rank}"


@contextmanager
def joined(device: str) -> Iterator[tuple[Ranks, str]]:
    """Join the other processes if torchrun started this one.

    Yields who this process is and its own device: "cuda" becomes "cuda:LOCAL_RANK".

    Raises:
      InputError: an environment that torchrun does not make, or a device that cannot
        be shared out.
      RankLostError: the others did not come.
    """
    ranks = ranks_of(os.environ)
    if ranks.count == 1:
        yield ALONE, device
        return
    local = int(os.environ["LOCAL_RANK"])
    device = own_device(device, local, torch.cuda.device_count())
    if device != "cpu":
        torch.cuda.set_device(device)
    with _lost(ranks):
        backend = "gloo" if device == "cpu" else "nccl"
        dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield ranks, device
    finally:
        dist.destroy_process_group()


@contextmanager
def _lost(ranks: Ranks) -> Iterator[None]:
    """One line in place of what gloo says when a process is gone.

    With NCCL it hardly comes to this line: torchrun ends the others as soon as one has
    failed, or NCCL's watchdog does after ``PATIENCE``. A device that is full is told as
    it is, not as a lost process.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:80]
        raise RankLostError(
            f"another of the {ranks.count} processes is gone ({reason}); start the "
            "same command again, and it goes on from --checkpoint if that was given"
        ) from None
