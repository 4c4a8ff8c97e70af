"""The controls of a search in a notebook, with a search that costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from made_up import made_up_run

from gaea_mini import show
from gaea_mini.errors import InputError

EPOCHS = 4


def finish(coroutine):
    """To its end, in a thread: the browser tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def cut(run: dict[str, Any], epochs: int) -> dict[str, Any]:
    """A run as it was after some epochs."""
    long = {k: v for k, v in run.items() if isinstance(v, list)}
    return {
        **run,
        **{key: values[: epochs + 1] for key, values in long.items()},
        "truth": None,
    }


class Searches:
    """Begins searches and remembers with what, and how far each came."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, float, int]] = []
        self.came: list[int] = []

    def __call__(self, method: str, lr: float, seed: int) -> Iterator[Any]:
        self.begun.append((method, lr, seed))
        self.came.append(-1)
        run = made_up_run(method, seed=seed, epochs=EPOCHS)
        mine = len(self.came) - 1
        for epoch in range(EPOCHS + 1):
            self.came[mine] = epoch
            yield cut(run, epoch)


@pytest.fixture
def searches() -> Searches:
    return Searches()


@pytest.fixture
def controls(searches: Searches) -> Any:
    steps = {"darts": 0.01, "gaea-darts": 0.1}
    return show.SearchControls(searches, list(steps), steps)


def test_nothing_runs_before_the_press(controls: Any, searches: Searches) -> None:
    assert searches.begun == []
    assert controls.player is None


def test_a_search_runs_into_the_player_epoch_by_epoch(controls: Any) -> None:
    seen = []

    async def watch() -> None:
        controls.restart()
        while not controls._task.done():
            if controls.player is not None:
                seen.append(
                    (len(controls.player.runs[0]["theta"]) - 1, controls.player.epoch)
                )
            await asyncio.sleep(0.01)

    finish(watch())
    assert sorted(set(seen)) == [(e, e) for e in range(EPOCHS + 1)]
    assert controls.player in controls.children
    assert "done" in controls.note.value


def test_what_is_chosen_is_what_runs(controls: Any, searches: Searches) -> None:
    controls.method.value = "gaea-darts"
    assert controls.lr.value == 0.1  # the method's own
    controls.lr.value, controls.seed.value = 0.03, 3
    finish(controls.run())
    assert searches.begun == [("gaea-darts", 0.03, 3)]
    assert controls.player.runs[0]["label"] == "gaea-darts, step 0.03, seed 3"


@pytest.mark.parametrize("lr", [3e-6, 3e-4, 10.0, 300.0])
def test_no_step_is_cut_off_and_one_can_go_beyond_it(
    lr: float, searches: Searches
) -> None:
    controls = show.SearchControls(
        searches, ["darts", "gaea-darts"], {"darts": 0.1, "gaea-darts": lr}
    )
    controls.method.value = "gaea-darts"
    assert controls.lr.value == lr
    assert 10**controls.lr.min < lr < 10**controls.lr.max


def test_stop_ends_after_an_epoch(controls: Any, searches: Searches) -> None:
    async def stop() -> None:
        controls.go.click()
        await asyncio.sleep(0)
        controls.stop.click()
        await controls._task

    finish(stop())
    assert searches.came == [0]
    assert "stopped after epoch 0" in controls.note.value
    assert controls.stop.disabled


def test_restart_gives_up_the_search_that_runs(
    controls: Any, searches: Searches
) -> None:
    async def twice() -> None:
        controls.go.click()
        await asyncio.sleep(0.01)
        controls.seed.value = 1
        controls.go.click()
        await controls._task

    finish(twice())
    assert searches.begun == [("darts", 0.01, 0), ("darts", 0.01, 1)]
    assert searches.came == [0, EPOCHS]
    assert len(controls.player.runs) == 1


def test_searches_stand_beside_each_other_and_at_most_four(controls: Any) -> None:
    controls.beside.value = True
    for seed in range(6):
        controls.seed.value = seed
        finish(controls.run())
    labels = [run["label"] for run in controls.player.runs]
    assert labels == [f"darts, step 0.01, seed {seed}" for seed in (2, 3, 4, 5)]


def test_a_search_that_cannot_run_says_why() -> None:
    def start(method: str, lr: float, seed: int) -> Iterator[Any]:
        raise InputError("the loss is not a finite number; lower lr_theta")
        yield

    controls = show.SearchControls(start, ["darts"])
    finish(controls.run())
    assert "lower lr_theta" in controls.note.value


@pytest.mark.parametrize(
    ("methods", "lr", "message"),
    [
        ([], 0.1, "methods is empty"),
        (["darts"], 0.0, "lr of darts"),
        (["darts"], {"gdas": 0.1}, "lr of darts"),
    ],
)
def test_wrong_input_is_one_line(methods: Any, lr: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        show.SearchControls(lambda *_: iter(()), methods, lr)
