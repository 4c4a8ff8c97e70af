"""Many tasks at once: in processes of this machine, or on a Dask cluster."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Any

from gaea_mini.errors import InputError

# Takes a function and the arguments of each call; yields results as they are done.
Doer = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]

LOOK_EVERY = 2.0  # seconds between two looks whether a Dask worker is left
PATIENCE = 60.0  # seconds without one, after which no new one is waited for


def side_by_side(
    task: Callable[[Any], Any], items: Iterable[Any], jobs: int = 2
) -> list[Any]:
    """``[task(item) for item in items]``, several at a time.

    Each runs in a process of its own, with its part of the cores; without joblib, one
    after another in this one. With the same number of threads, which ``make`` sets to
    one, a search is the same to the bit either way.

    Args:
      task: a function; one that was written in a notebook will do.
      items: what it is called with.
      jobs: most processes at once.

    Raises:
      InputError: a process was killed.

    >>> side_by_side(abs, [-2, 3])
    [2, 3]
    """
    try:
        from joblib import Parallel, delayed
    except ImportError:
        return [task(item) for item in items]
    # Nothing is shared through files: arrays that come that way cannot be written to.
    parallel = Parallel(n_jobs=jobs, max_nbytes=None)
    with _lost_process():
        return list(parallel(delayed(task)(item) for item in items))


def workers(scheduler: str | None, jobs: int) -> AbstractContextManager[Doer]:
    """A function that does many tasks and yields results as they are done.

    Args:
      scheduler: address of a Dask scheduler whose workers do them; what a lost worker
        had is given to another, which begins it anew. None: processes of this machine.
      jobs: how many processes here.

    Raises:
      InputError: joblib or Dask is missing; there is no scheduler, or it has no worker,
        at the start or for a minute later on; a process was killed; or a worker lacks
        this package or has more than one thread.
    """
    return _processes(jobs) if scheduler is None else _cluster(scheduler)


@contextmanager
def _processes(jobs: int) -> Iterator[Doer]:
    try:
        import joblib
    except ImportError:
        raise InputError(
            "worker processes need joblib: pip install joblib, then run this again"
        ) from None

    def run(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[Any]:
        parallel = joblib.Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1
        )
        with _lost_process():
            yield from parallel(joblib.delayed(task)(*given) for given in arguments)

    yield run


@contextmanager
def _lost_process() -> Iterator[None]:
    """One line in place of what joblib says when a process is gone."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        yield
    except TerminatedWorkerError:
        raise InputError(
            "a worker process was killed (by a person, or for want of memory)"
        ) from None


@contextmanager
def _cluster(scheduler: str) -> Iterator[Doer]:
    """The workers of a Dask cluster.

    Not through joblib's own Dask backend: with results as they come, version 1.6 waits
    for ever once a task has failed there.
    """
    client = _client(scheduler)
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    def run(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[Any]:
        futures = [
            client.submit(_alone, scheduler, task, *given, pure=False)
            for given in arguments
        ]
        try:
            for future in _as_they_come(client, futures):
                found = future.result()
                future.release()  # else it is done again when its worker is lost
                yield found
        except KilledWorker:
            raise InputError(
                "Dask workers were killed again and again on one task (by a person, "
                "for want of memory, or of a package: their logs say it)"
            ) from None
        except (CancelledError, CommClosedError):
            raise InputError(f"the Dask scheduler at {scheduler} is gone") from None

    with client:
        try:
            client.wait_for_workers(1, timeout=20)
        except TimeoutError:
            raise InputError(
                f"the Dask scheduler at {scheduler} has no worker; start one with "
                f"'dask worker {scheduler} --nthreads 1'"
            ) from None
        _require_package(client)
        for threads in client.nthreads().values():
            _require_one_thread(scheduler, threads)
        yield run


def _alone(scheduler: str, task: Callable[..., Any], *given: Any) -> Any:
    """What a Dask worker does: ``task(*given)``, if no other task can run beside it.

    A worker that came later is asked here too.
    """
    from distributed import get_worker

    _require_one_thread(scheduler, get_worker().state.nthreads)
    return task(*given)


def _require_one_thread(scheduler: str, threads: int) -> None:
    """Refuse a worker that does several tasks at once.

    Torch's random generator is one for the whole process: tasks in two threads would
    take numbers from each other.
    """
    if threads > 1:
        raise InputError(
            f"a Dask worker has {threads} threads, whose tasks would share one random "
            f"generator; start each with 'dask worker {scheduler} --nthreads 1'"
        )


def _client(scheduler: str) -> Any:
    """A client of this scheduler."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler needs Dask: pip install distributed, then run this again"
        ) from None
    # What it would log of a lost cluster, with a traceback, is told in one line.
    for logger in ("distributed", "distributed.client"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        return Client(scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler at {scheduler!r}: {error}; give the address that 'dask "
            "scheduler' prints, as tcp://host:8786"
        ) from None


def count_workers(scheduler: str) -> int:
    """How many workers a Dask scheduler has now; at least 1, as one may be on its way.

    Raises:
      InputError: Dask is missing, or there is no scheduler.
    """
    with _client(scheduler) as client:
        return max(1, len(client.nthreads()))


def _require_package(client: Any) -> None:
    """Refuse workers that cannot import this package: they would die of a task."""
    try:
        found = client.run(find_spec, "gaea_mini")  # of the standard library: all can
    except ImportError:
        found = {"": None}
    except OSError:  # a worker went away meanwhile; the tasks will show it
        return
    if None in found.values():
        raise InputError(
            "a Dask worker has no gaea_mini; install there what is installed here"
        )


def _as_they_come(client: Any, futures: Sequence[Any]) -> Iterator[Any]:
    """Futures as they are done.

    Dask itself waits for ever if all workers are lost.

    Raises:
      InputError: for ``PATIENCE`` seconds there was no worker.
    """
    from distributed import as_completed

    pending = as_completed(futures)
    looked = seen = time.monotonic()  # seen: when there was a worker
    while not pending.is_empty():
        if pending.has_ready():
            yield next(pending)
            continue
        time.sleep(0.02)
        now = time.monotonic()
        if now - looked < LOOK_EVERY:
            continue
        looked = now
        try:
            here = client.nthreads()
        except OSError:  # the scheduler does not answer; its futures will say so
            here = {}
        if here:
            seen = now
        elif now - seen > PATIENCE:
            raise InputError(
                f"all Dask workers are gone, and within {PATIENCE:g} seconds no new "
                "one came; their logs say why"
            )
