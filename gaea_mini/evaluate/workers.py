"""Many tasks at once: in processes of this machine, or on a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gaea_mini.errors import InputError

# Takes a function and the arguments of each call; yields results as they are done.
Doer = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[Any]]


@contextmanager
def workers(scheduler: str | None, jobs: int) -> Iterator[Doer]:
    """Yields a function that does many tasks and yields results as they are done.

    Args:
      scheduler: address of a Dask scheduler whose workers do them; what a lost worker
        had is given to another, which begins it anew. None: processes of this machine.
      jobs: how many processes here.

    Raises:
      InputError: joblib or Dask is missing, no scheduler, or a process was killed.
    """
    if scheduler is None:
        yield _processes(jobs)
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler needs Dask: pip install distributed, then run this again"
        ) from None
    try:
        client = Client(scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler at {scheduler}: {error}") from None
    with client:
        yield _cluster(client)


def _processes(jobs: int) -> Doer:
    try:
        import joblib
        from joblib.externals.loky.process_executor import TerminatedWorkerError
    except ImportError:
        raise InputError(
            "many tasks at once need joblib: pip install joblib, then run this again"
        ) from None

    def run(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[Any]:
        parallel = joblib.Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1
        )
        try:
            yield from parallel(joblib.delayed(task)(*given) for given in arguments)
        except TerminatedWorkerError:
            raise InputError(
                "a worker process was killed (by a person, or for want of memory)"
            ) from None

    return run


def _cluster(client: Any) -> Doer:
    # Not through joblib's Dask backend: after the loss of a worker it was seen to stall
    # (joblib 1.6, distributed 2026.8).
    from distributed import KilledWorker, as_completed

    def run(
        task: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[Any]:
        futures = [client.submit(task, *given, pure=False) for given in arguments]
        try:
            for future in as_completed(futures):
                yield future.result()
        except KilledWorker:
            raise InputError(
                "a task has lost one Dask worker after another (for want of memory?)"
            ) from None

    return run
