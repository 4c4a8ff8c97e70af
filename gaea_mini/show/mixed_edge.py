"""MixedEdge: one picture through four operations, and theta by hand.

Eq. (eq-mixed-edge) for one edge: the output is the sum of the operations' outputs,
each times its weight. Rounding keeps the heaviest operation only.
"""

from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from gaea_mini import data
from gaea_mini.errors import InputError
from gaea_mini.show.plots import figure, plot_style
from gaea_mini.show.style import OPERATION_COLOURS
from gaea_mini.show.widget import between, on_simplex, script, styles
from gaea_mini.simplex import entropy

# Fixed filters, so that one can see what each operation does. In a supernet the
# filters are learned. Pixels between 0 and 1 give outputs between -1 and 1.
EDGES = [[-1 / 8, -1 / 8, -1 / 8], [-1 / 8, 1.0, -1 / 8], [-1 / 8, -1 / 8, -1 / 8]]
BLUR = [[a * b / 256 for b in (1, 4, 6, 4, 1)] for a in (1, 4, 6, 4, 1)]

OPERATIONS: tuple[dict[str, Any], ...] = (
    {
        "name": "conv 3×3",
        "what": "an edge filter",
        "kind": "conv",
        "filter": EDGES,
        "colour": OPERATION_COLOURS["nor_conv_3x3"],
    },
    {
        "name": "conv 5×5",
        "what": "a blur filter",
        "kind": "conv",
        "filter": BLUR,
        "colour": OPERATION_COLOURS["sep_conv_5x5"],
    },
    {
        "name": "max pool 3×3",
        "what": "the brightest of nine pixels",
        "kind": "max",
        "filter": [[0.0] * 3] * 3,
        "colour": OPERATION_COLOURS["avg_pool_3x3"],
    },
    {
        "name": "skip",
        "what": "the picture itself",
        "kind": "skip",
        "filter": [[0.0]],
        "colour": OPERATION_COLOURS["skip_connect"],
    },
)


def apply(picture: ArrayLike, kind: str, kernel: ArrayLike) -> NDArray[np.float64]:
    """One operation on one picture, of the same size, shape (H, W).

    Args:
        picture: (H, W).
        kind: "conv" (the picture is padded with 0; the kernel is not turned round),
            "max" (the largest pixel under the kernel, none outside) or "skip".
        kernel: (n, n) with n odd. For "max" only its size counts.

    >>> apply([[0, 4], [1, 2]], "max", np.zeros((3, 3))).tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    x, weights = np.asarray(picture, dtype=np.float64), np.asarray(kernel)
    if kind == "skip":
        return x
    edge = len(weights) // 2
    padded = np.pad(x, edge, constant_values=0 if kind == "conv" else -np.inf)
    windows = sliding_window_view(padded, weights.shape)
    if kind == "max":
        return windows.max(axis=(2, 3))
    return np.einsum("hwij,ij->hw", windows, weights)


class MixedEdge(anywidget.AnyWidget):
    """One edge of a supernet, with a slider on each operation's weight.

    A picture of the shipped Fashion-MNIST sample goes through conv 3x3 (an edge
    filter), conv 5x5 (a blur filter), max pool 3x3 and skip. Moving one weight scales
    the others so that they sum to 1. *Round* keeps the heaviest operation and shows
    what that loses: the distance of the mixture from it, as a part of the mixture's
    length. Negative outputs are drawn in orange.

    Args:
        theta: four weights on the simplex.
        picture: number of the picture in the sample's test part; or pixels (H, W), 0
            to 255, at most 64 x 64.
        rounded: show the rounded output at first.

    ``theta`` and ``rounded`` follow what the reader does, and can be assigned.

    Raises:
        InputError: theta is not on the simplex, or there is no such picture.

    >>> edge = MixedEdge([0.4, 0.3, 0.2, 0.1])
    >>> edge.mixture().shape, round(edge.lost(), 2) > 0
    ((28, 28), True)
    """

    _esm = script("mixed_edge")
    _css = styles("mixed_edge")
    pixels: traitlets.List[Any] = traitlets.List().tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    theta: traitlets.List[Any] = traitlets.List().tag(sync=True)
    rounded = traitlets.Bool(False).tag(sync=True)
    operations: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        theta: ArrayLike = (0.4, 0.2, 0.1, 0.3),
        picture: Any = 7,
        rounded: bool = False,
        **kwargs: Any,
    ) -> None:
        pixels, label = _picture(picture)
        super().__init__(
            pixels=pixels,
            label=label,
            theta=on_simplex(theta, "theta", 4, 4),
            rounded=rounded,
            operations=[dict(one) for one in OPERATIONS],
            **kwargs,
        )

    @traitlets.validate("theta")
    def _check_theta(self, proposal: Any) -> list[float]:
        return on_simplex(proposal["value"], "theta", 4, 4)

    def outputs(self) -> NDArray[np.float64]:
        """What each operation makes of the picture, shape (4, H, W)."""
        x = np.array(self.pixels) / 255
        return np.stack([apply(x, one["kind"], one["filter"]) for one in OPERATIONS])

    def mixture(self) -> NDArray[np.float64]:
        """The edge's output, shape (H, W)."""
        # Eq. (eq-mixed-edge)
        return np.tensordot(self.theta, self.outputs(), axes=1)

    def lost(self) -> float:
        """What rounding loses: ``|mixture - heaviest output| / |mixture|``, or 0."""
        mixture, kept = self.mixture(), self.outputs()[int(np.argmax(self.theta))]
        whole = float(np.linalg.norm(mixture))
        return float(np.linalg.norm(mixture - kept)) / whole if whole else 0.0

    def still(self) -> Figure:
        """The edge as a figure: for print, for GitHub, where no script runs."""
        outputs, mixture = self.outputs(), self.mixture()
        kept = int(np.argmax(self.theta))
        shown = [(f"{self.label or 'picture'}, the input", outputs[3])]
        shown += [
            (f"{one['name']}: {weight:.2f}", output)
            for weight, one, output in zip(self.theta, OPERATIONS, outputs, strict=True)
        ]
        shown += [
            ("the mixture", mixture),
            (f"rounded: {OPERATIONS[kept]['name']}", outputs[kept]),
            (f"lost: {100 * self.lost():.0f} %", mixture - outputs[kept]),
        ]
        with plot_style():
            fig, axes = figure(2, 4, (6.4, 3.7))
            for ax, (title, output) in zip(axes.flat, shown, strict=True):
                _draw(ax, output)
                ax.set_title(title, fontsize=9, fontweight="normal", loc="center")
        return fig

    def describe(self) -> str:
        """What the still shows, in words, with its numbers."""
        parts = [
            f"{weight:.2f} of {one['name']} ({one['what']})"
            for weight, one in zip(self.theta, OPERATIONS, strict=True)
        ]
        kept = OPERATIONS[int(np.argmax(self.theta))]["name"]
        return (
            f"One picture ({self.label or 'given'}) and what four operations make of "
            f"it, and their mixture: {', '.join(parts)}. The entropy of the weights is "
            f"{float(entropy(self.theta)):.2f} nats. Rounding keeps {kept} and loses "
            f"{100 * self.lost():.0f} % of the mixture."
        )


def _picture(picture: Any) -> tuple[list[list[int]], str]:
    """Pixels as integers, and the name of what they show, if it is known."""
    if np.ndim(picture) == 0:
        with np.load(data.SAMPLE, allow_pickle=False) as sample:
            x, y, names = (sample[k] for k in ("x_test", "y_test", "class_names"))
        number = int(between(picture, 0, len(x) - 1, "picture"))
        return x[number].tolist(), str(names[y[number]])
    pixels = np.asarray(picture)
    if pixels.dtype.kind not in "biuf":
        raise InputError(f"picture is of type {pixels.dtype}: give numbers")
    if pixels.ndim != 2 or not 5 <= min(pixels.shape) <= max(pixels.shape) <= 64:
        raise InputError(
            f"picture has shape {pixels.shape}: give (H, W), each side 5 to 64"
        )
    if not (np.isfinite(pixels).all() and 0 <= pixels.min() <= pixels.max() <= 255):
        raise InputError("picture: pixels lie between 0 and 255")
    if pixels.max() <= 1:
        raise InputError("picture is black everywhere: white is 255, and 1 is no grey")
    return np.rint(pixels).astype(int).tolist(), ""


def _draw(ax: Axes, output: NDArray[np.float64]) -> None:
    ax.imshow(output, cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])


def _signed() -> ListedColormap:
    """Black at 0, white at 1, and orange at -1, as in the page."""
    level = np.linspace(-1, 1, 511)[:, None]
    up, down = np.clip(level, 0, 1), np.clip(-level, 0, 1)
    return ListedColormap(up * [1, 1, 1] + down * np.array([230, 159, 0]) / 255)


SIGNED = _signed()
