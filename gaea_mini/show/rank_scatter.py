"""RankScatter: every cell with shared weights against the same cell trained alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gaea_mini.errors import InputError
from gaea_mini.show.cell_table import accuracies, pack_cells, to_text
from gaea_mini.show.looks import look_of, plot_dash
from gaea_mini.show.plots import figure, name_lines, plot_style
from gaea_mini.show.style import INK, METHOD_COLOURS, MUTED
from gaea_mini.show.widget import between, script, styles

HIT = METHOD_COLOURS["projected"]  # cells among the best by both


class RankScatter(anywidget.AnyWidget):
    """A cloud of cells that moves with the epochs of a search.

    A point is a cell: to the right its test accuracy when trained alone, upwards its
    accuracy with the shared weights of a supernet. Two lines cut off the best ``k``
    cells in each direction; cells in the corner are found by both. Kendall's tau-b and
    the recall of the best ``k`` follow the epoch. Pointing at a cell draws it, a click
    keeps it, and with the keyboard one goes from cell to cell. No kernel is needed.

    Args:
        record: a ranking record (``compact_ranking.json``); its runs with ``counts``
            are shown.
        truth: (N,) test accuracy of every cell trained alone, percent.
        cells: N arch strings, in the order of ``truth`` and of the counts.
        method: whose weights to show first; by default those of the first run.
        epoch: which state to show first; by default the last.
        k: how many cells are the best, from 1 to N.
        cell: the position of the cell to draw first; by default the truly best one.

    ``method``, ``epoch``, ``k`` and ``cell`` follow what the reader does, and can be
    assigned.

    Raises:
        InputError: a record without counts, or parts that do not fit together.

    >>> cells = ["|skip_connect~0|", "|nor_conv_3x3~0|", "|avg_pool_3x3~0|"]
    >>> run = {"method": "rs-ws", "seed": 0, "counts": [[1, 1, 1], [3, 9, 4]],
    ...        "kendall": [float("nan"), 1.0], "genotype": [cells[0], cells[1]]}
    >>> scatter = RankScatter({"pictures": 10, "ceiling": [], "runs": [run]},
    ...                       [50.0, 80.0, 60.0], cells, k=1)
    >>> scatter.epoch, scatter.cell, scatter.recall()
    (1, 1, 1.0)
    """

    _esm = script("rank_scatter")
    _css = styles("rank_scatter")
    table: "traitlets.Dict[Any, Any]" = traitlets.Dict().tag(sync=True)
    runs: traitlets.List[Any] = traitlets.List().tag(sync=True)
    pictures = traitlets.Int(1).tag(sync=True)
    ceiling = traitlets.Float(None, allow_none=True).tag(sync=True)
    method = traitlets.Unicode().tag(sync=True)
    epoch = traitlets.Int(0).tag(sync=True)
    k = traitlets.Int(50).tag(sync=True)
    cell = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        record: Mapping[str, Any],
        truth: ArrayLike,
        cells: Sequence[str],
        method: str | None = None,
        epoch: int | None = None,
        k: int = 50,
        cell: int | None = None,
        **kwargs: Any,
    ) -> None:
        cells = list(cells)
        packed = pack_cells(cells)
        if len(cells) < 2:
            raise InputError("one cell only: a ranking needs two")
        self.truth = accuracies(truth, len(cells), "truth")
        kept, pictures, ceiling = _parts(record)
        place = {arch: i for i, arch in enumerate(cells)}
        self.counts = [_counts(run, len(cells), pictures) for run in kept]
        self.taus = [list(run["kendall"]) for run in kept]
        runs = [
            _run(run, counts, place)
            for run, counts in zip(kept, self.counts, strict=True)
        ]
        last = len(self.counts[0]) - 1
        super().__init__(
            # Ten thousandths of a percent: whole numbers, and equal ones stay equal.
            table={**packed, "truth": np.rint(self.truth * 1e4).astype(int).tolist()},
            runs=runs,
            pictures=pictures,
            ceiling=ceiling,
            method=runs[0]["method"] if method is None else method,
            epoch=last if epoch is None else epoch,
            k=k,
            cell=int(self.truth.argmax()) if cell is None else cell,
            **kwargs,
        )

    @property
    def last_epoch(self) -> int:
        """The last state; every run has it."""
        return len(self.counts[0]) - 1

    @traitlets.validate("method")
    def _check_method(self, proposal: Any) -> str:
        names = [run["method"] for run in self.runs]
        if proposal["value"] not in names:
            raise InputError(
                f"method is {proposal['value']!r}: the record has {', '.join(names)}"
            )
        return str(proposal["value"])

    @traitlets.validate("epoch")
    def _check_epoch(self, proposal: Any) -> int:
        return int(between(proposal["value"], 0, self.last_epoch, "epoch"))

    @traitlets.validate("k")
    def _check_k(self, proposal: Any) -> int:
        return int(between(proposal["value"], 1, len(self.truth), "k"))

    @traitlets.validate("cell")
    def _check_cell(self, proposal: Any) -> int:
        return int(between(proposal["value"], 0, len(self.truth) - 1, "cell"))

    def _shown(self) -> int:
        return [run["method"] for run in self.runs].index(self.method)

    def scores(self) -> NDArray[np.float64]:
        """(N,) accuracy of every cell with the shared weights shown, percent."""
        return 100 * self.counts[self._shown()][self.epoch] / self.pictures

    def recall(self) -> float:
        """Part of the k truly best cells among the k of highest score; ties share."""
        return float(
            np.sum(_best(self.scores(), self.k) * _best(self.truth, self.k))
        ) / (self.k)

    def still(self) -> Figure:
        """What is shown at first as a figure: for print, and where no script runs."""
        scores = self.scores()
        lines = [np.sort(values)[-self.k] for values in (self.truth, scores)]
        both = (self.truth >= lines[0]) & (scores >= lines[1])
        with plot_style():
            fig, axes = figure(1, 2, (7.0, 3.3), width_ratios=[1.35, 1])
            left, right = axes[0]
            for part, colour in ((~both, MUTED), (both, HIT)):
                left.scatter(
                    self.truth[part], scores[part], s=9, color=colour, alpha=0.55, lw=0
                )
            left.axvline(lines[0], color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            left.axhline(lines[1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
            left.scatter(
                self.truth[self.cell],
                scores[self.cell],
                s=70,
                facecolor="none",
                edgecolor=INK,
                linewidth=1.6,
            )
            left.set_xlabel("accuracy alone, %")
            left.set_ylabel("accuracy with shared weights, %")
            left.set_title(f"{self.method}, epoch {self.epoch}")
            for run, taus in zip(self.runs, self.taus, strict=True):
                right.plot(
                    taus,
                    color=run["colour"],
                    linestyle=plot_dash(run["dash"]),
                    label=run["method"],
                )
            if self.ceiling is not None:
                right.axhline(
                    self.ceiling, color=MUTED, linestyle=(0, (4, 3)), linewidth=1
                )
                right.set_title("Kendall's τ; line: two trainings")
            right.axvline(self.epoch, color=INK, alpha=0.5, linewidth=1)
            right.set_ylim(min(0.0, float(np.nanmin(self.taus))), 1)
            right.set_xlabel("epoch")
            right.margins(x=0)
            name_lines(right)
        return fig

    def describe(self) -> str:
        """What the still shows, in words, with its numbers."""
        tau = self.taus[self._shown()][self.epoch]
        scores = self.scores()
        rank = 1 + int((scores > scores[self.cell]).sum())
        ends = "; ".join(
            f"{run['method']} from {taus[0]:.2f} to {taus[-1]:.2f}"
            for run, taus in zip(self.runs, self.taus, strict=True)
        )
        return (
            f"A cloud of {len(self.truth)} points, one for each cell: accuracy alone "
            f"to the right, accuracy with the shared weights of {self.method} after "
            f"epoch {self.epoch} upwards. Kendall's tau is {tau:.2f}, and "
            f"{self.recall():.0%} of the {self.k} truly best cells are among the "
            f"{self.k} of highest score. A ring marks cell {self.cell}: "
            f"{self.truth[self.cell]:.1f} % alone, rank {rank} with shared weights. "
            f"Beside it, tau over the epochs: {ends}."
        )


def _parts(record: Any) -> tuple[list[Mapping[str, Any]], int, float | None]:
    """Runs with counts, how many pictures, and the mean ceiling of a record."""
    try:
        pictures = int(record["pictures"])
        kept = [run for run in record["runs"] if run.get("counts")]
        ceiling = [float(tau) for tau in record.get("ceiling") or []]
        names = [str(run["method"]) for run in kept]
        lengths = {len(run[key]) for run in kept for key in ("counts", "kendall")}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError("record is no ranking: read compact_ranking.json") from None
    if not kept or not 1 <= pictures < 2**16:
        raise InputError("record has no run with counts, or no pictures to count")
    if len(set(names)) < len(names) or len(lengths) > 1:
        raise InputError(
            "runs with counts: give one of each method, all with as many states"
        )
    return kept, pictures, float(np.mean(ceiling)) if ceiling else None


def _counts(run: Mapping[str, Any], cells: int, pictures: int) -> NDArray[np.int64]:
    """Counts of a run as whole numbers, (T + 1, N)."""
    try:
        found = np.asarray(run["counts"])
        whole = found.dtype.kind in "iu" and found.shape[1:] == (cells,)
    except ValueError:
        whole = False
    if not whole or found.min() < 0 or found.max() > pictures:
        raise InputError(
            f"{run['method']}: counts are whole numbers from 0 to {pictures}, "
            f"(states, {cells} cells)"
        )
    return found.astype(np.int64)


def _run(
    run: Mapping[str, Any], counts: NDArray[np.int64], place: Mapping[str, int]
) -> dict[str, Any]:
    """A run as the page gets it."""
    method = str(run["method"])
    colour, dash = look_of(method)
    # Before its first epoch a method with weights has chosen nothing: all are equal.
    chosen = [place.get(arch, -1) for arch in run.get("genotype", [])]
    if method != "rs-ws" and chosen:
        chosen[0] = -1
    return {
        "method": method,
        "colour": colour,
        "dash": dash,
        "states": len(counts),
        "counts": to_text(counts),
        "chosen": chosen or [-1] * len(counts),
    }


def _best(values: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """For each value the chance to be among the k highest when ties are drawn."""
    line = np.sort(values)[-k]
    above, tied = values > line, values == line
    return above + tied * (k - above.sum()) / tied.sum()
