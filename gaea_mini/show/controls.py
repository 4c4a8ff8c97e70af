"""SearchControls: start a search in a notebook and watch it while it trains."""

import asyncio
import html
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets

from gaea_mini.errors import InputError
from gaea_mini.show.player import ArchitecturePlayer
from gaea_mini.show.trim import MOST_RUNS

Start = Callable[[str, float, int], Iterator[Any]]

# Between two epochs the notebook may react to Stop, and the page draws; seconds.
PAUSE = 0.05


class SearchControls(ipywidgets.VBox):
    """Method, step size and seed, a button, and a player that the epochs run into.

    It needs a running kernel. Only parts that ipywidgets 7.7 and 8 share are used. An
    epoch is computed in the kernel, so the buttons answer between two epochs.

    Args:
        start: begins a search: given a method's name, a step size of theta and a seed
            it returns an iterator of the growing record, as
            :func:`gaea_mini.search.search` does.
        methods: the names to choose from.
        lr: step size to begin with, one for all methods or a dict by method.
        seed: to begin with.

    ``controls.player`` is the player, None before the first search.

    Raises:
        InputError: no methods, or a step size that is not above 0.

    >>> def start(method, lr, seed):
    ...     yield {"config": {"operations": ["skip_connect", "nor_conv_3x3"],
    ...                       "edges": [[0, 1]], "method": method},
    ...            "theta": [[[[0.5, 0.5]]]], "entropy": [0.693], "genotype": ["a"]}
    >>> controls = SearchControls(start, ["darts", "gaea-darts"], lr=0.1)
    >>> controls.method.options, controls.seed.value
    (('darts', 'gaea-darts'), 0)
    """

    def __init__(
        self,
        start: Start,
        methods: Sequence[str],
        lr: float | dict[str, float] = 0.1,
        seed: int = 0,
    ) -> None:
        if not methods:
            raise InputError("methods is empty: give the names of one method or more")
        self._start = start
        self._lrs = lr if isinstance(lr, dict) else dict.fromkeys(methods, lr)
        for name in methods:
            if not self._lrs.get(name, 0) > 0:
                raise InputError(f"lr of {name}: give a step size above 0")
        # The slider would cut a step size off that lies beyond its ends.
        exponents = [math.log10(self._lrs[name]) for name in methods]
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._finished: list[Any] = []
        self._labels: list[str] = []
        self.player: ArchitecturePlayer | None = None
        self.method = ipywidgets.Dropdown(options=list(methods), description="method")
        self.lr = ipywidgets.FloatLogSlider(
            value=self._lrs[methods[0]],
            min=min(-4, math.floor(min(exponents))),
            max=max(2, math.ceil(max(exponents))),
            step=0.25,
            description="step",
        )
        self.seed = ipywidgets.IntSlider(
            value=seed, min=0, max=max(9, seed), description="seed"
        )
        self.beside = ipywidgets.Checkbox(
            value=False, indent=False, description="beside the searches before"
        )
        self.go = ipywidgets.Button(description="Search", button_style="primary")
        self.stop = ipywidgets.Button(description="Stop", disabled=True)
        self.note = ipywidgets.HTML("Choose, and press Search.")
        super().__init__()
        self.children = self._rows()
        self.method.observe(self._own_lr, "value")
        self.go.on_click(lambda _: self.restart())
        self.stop.on_click(lambda _: self.halt())

    def _rows(self) -> tuple[Any, ...]:
        shown = [] if self.player is None else [self.player]
        return (
            ipywidgets.HBox(
                [self.method, self.lr, self.seed, self.beside],
                layout=ipywidgets.Layout(flex_flow="row wrap"),
            ),
            ipywidgets.HBox([self.go, self.stop]),
            self.note,
            *shown,
        )

    def _own_lr(self, change: Any) -> None:
        self.lr.value = self._lrs[change["new"]]

    def _say(self, text: str) -> None:
        self.note.value = html.escape(text)

    def halt(self) -> None:
        """Stop after the epoch that is being computed."""
        self._stopped = True

    def restart(self) -> None:
        """Begin a search with what is chosen; one that still runs is given up."""
        before = self._task
        if before is not None:
            before.cancel()
        self._task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        """Search epoch by epoch; the player grows with it."""
        self._stopped = False
        method, lr, seed = self.method.value, float(self.lr.value), self.seed.value
        label = f"{method}, step {lr:.3g}, seed {seed}"
        keep = MOST_RUNS - 1 if self.beside.value else 0
        runs = self._finished[-keep:] if keep else []
        labels = self._labels[-keep:] if keep else []
        self.go.description, self.stop.disabled = "Restart", False
        self._say(f"{label}: begins")
        try:
            for epoch, run in enumerate(self._start(method, lr, seed)):
                record = run if isinstance(run, dict) else run.to_dict()
                self._draw([*runs, record], [*labels, label], epoch)
                self._finished, self._labels = [*runs, record], [*labels, label]
                self._say(
                    f"{label}: epoch {epoch}, entropy {record['entropy'][-1]:.3f}"
                )
                await asyncio.sleep(PAUSE)
                if self._stopped:
                    self._say(f"{label}: stopped after epoch {epoch}")
                    break
            else:
                self._say(f"{label}: done, {record['genotype'][-1]}")
        except InputError as error:
            self._say(f"{label}: {error}")
        finally:
            self.stop.disabled = True

    def _draw(self, runs: list[Any], labels: list[str], epoch: int) -> None:
        if self.player is None:
            self.player = ArchitecturePlayer(runs=runs, labels=labels, epoch=epoch)
            self.children = self._rows()
            return
        with self.player.hold_sync():
            self.player.labels = labels
            self.player.runs = runs
            self.player.epoch = epoch
