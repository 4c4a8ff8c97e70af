"""ArchitecturePlayer: watch theta move epoch by epoch, several runs on one clock."""

from typing import Any

import anywidget
import traitlets

from gaea_mini.errors import InputError
from gaea_mini.show.trim import trim_all
from gaea_mini.show.widget import script, styles


class ArchitecturePlayer(anywidget.AnyWidget):
    """Show recorded searches with a slider over epochs and a play button.

    Each run shows its cell, one strand per operation and edge as wide as theta; the
    weights themselves; and the cell after rounding. Below, the entropy and the
    accuracies of all runs share one axis of epochs. A run that ends early keeps its
    last state.

    The widget needs no kernel: it works in JupyterLab, Notebook and Colab and in the
    pages of the book.

    Args:
        runs: 1 to 4 runs (:class:`gaea_mini.search.Run` or its dict, as read from a
            JSON file).
        labels: titles, one for each run. By default the method and the objective.
        epoch: the state to show first. 0 is the state before the first epoch.

    ``player.epoch`` follows the slider and moves it. Assign ``player.runs`` to show
    other runs, or a run that has grown by an epoch.

    Raises:
        InputError: no runs, more than 4, or a record that cannot be shown.

    >>> theta = [[[[0.5, 0.5]]], [[[0.9, 0.1]]]]
    >>> run = {"config": {"operations": ["skip_connect", "nor_conv_3x3"],
    ...                   "edges": [[0, 1]], "method": "darts"},
    ...        "theta": theta, "entropy": [0.693, 0.325], "genotype": ["a", "a"]}
    >>> player = ArchitecturePlayer(runs=[run], epoch=1)
    >>> player.epoch, player.runs[0]["label"]
    (1, 'darts')
    """

    _esm = script("player")
    _css = styles("player")
    runs: traitlets.List[Any] = traitlets.List().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode())
    epoch = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        runs: Any = (),
        labels: list[str] | tuple[str, ...] | None = None,
        epoch: int = 0,
        **kwargs: Any,
    ) -> None:
        names = list(labels or [])
        trimmed = trim_all(runs, names)
        super().__init__(runs=trimmed, labels=names, epoch=epoch, **kwargs)

    @property
    def last_epoch(self) -> int:
        """The last state of the longest run."""
        return max((len(run["theta"]) for run in self.runs), default=1) - 1

    @traitlets.validate("runs")
    def _trim_runs(self, proposal: Any) -> list[dict[str, Any]]:
        labels = self.labels if len(self.labels) == len(proposal["value"]) else None
        return trim_all(proposal["value"], labels)

    @traitlets.observe("runs")
    def _stay_in_range(self, change: Any) -> None:
        self.epoch = min(self.epoch, self.last_epoch)

    @traitlets.validate("epoch")
    def _keep_epoch_in_range(self, proposal: Any) -> int:
        epoch = int(proposal["value"])
        if epoch < 0:
            raise InputError(f"epoch {epoch}: the first state is epoch 0")
        return min(epoch, self.last_epoch)
