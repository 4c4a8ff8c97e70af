"""SimplexPlayground: move a target, and watch three rules walk to it.

The loss is half the squared distance of theta to a target. A step sees its gradient,
theta minus target, plus noise. The rules are those of :mod:`gaea_mini.simplex`; the
page computes the same numbers from the same formulas and the same draws.
"""

import math
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from gaea_mini.errors import InputError
from gaea_mini.show.plots import figure, plot_style
from gaea_mini.show.simplex_plots import ARM_LOOK, draw_triangle, on_triangle
from gaea_mini.show.style import INK, MUTED, RULE
from gaea_mini.show.widget import between, on_simplex, script, styles
from gaea_mini.simplex import ARMS, entropy, uniform

RULES = ("EG", "projected GD", "softmax GD")
MOST = 64
LEAST_LR, MOST_LR = 1e-3, 1e2
NEAREST = 1e-4  # the smallest distance that the curves show


def normals(seed: int, count: int) -> NDArray[np.float64]:
    """Standard normal numbers that the page draws too, shape (count,).

    A linear congruential generator of 32 bits with a permuted output (PCG RXS-M-XS,
    O'Neill 2014), and two of its numbers for each normal one (Box and Muller 1958).

    >>> normals(0, 2).round(6).tolist() == normals(0, 3).round(6).tolist()[:2]
    True
    """
    state = seed % 2**32

    def one() -> float:
        nonlocal state
        state = (state * 747796405 + 2891336453) % 2**32
        word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737 % 2**32
        return ((word >> 22 ^ word) + 0.5) / 2**32

    return np.array(
        [
            math.sqrt(-2 * math.log(one())) * math.cos(2 * math.pi * one())
            for _ in range(count)
        ]
    )


def walks(
    target: ArrayLike, lrs: ArrayLike, noise: float, seed: int, steps: int
) -> dict[str, NDArray[np.float64]]:
    """Where each rule stands, from equal weights on; rule -> (steps + 1, k).

    Args:
        target: weights, shape (k,).
        lrs: a step size for each of ``RULES``.
        noise: standard deviation of what is added to every entry of a gradient. All
            rules see the same noise.
        seed: of the noise.
        steps: how many.
    """
    goal, paths = np.asarray(target, dtype=np.float64), {}
    draws = normals(seed, steps * len(goal) if noise else 0)
    added = noise * draws.reshape(-1, len(goal)) if noise else np.zeros((steps, 1))
    for name, lr in zip(RULES, np.asarray(lrs, dtype=np.float64), strict=True):
        rule = ARMS[name]
        states = [rule.start(uniform(len(goal)))]
        for one in added:
            grad = rule.point(states[-1]) - goal + one
            states.append(rule.step(states[-1], grad, lr))
        paths[name] = rule.answer(np.stack(states))
    return paths


class SimplexPlayground(anywidget.AnyWidget):
    """A target to drag, and EG, projected GD and softmax GD on their way to it.

    Three weights are a point in a triangle; more, up to 64, are bars. The reader
    chooses the target, a step size for each rule, the noise and its seed, and plays
    the steps or takes them one by one. Distance to the target and entropy (nats) are
    read out. The page computes everything; no kernel is needed.

    Args:
        target: k weights on the simplex, 2 to 64.
        lr: the step size of all rules, or one for each of ``RULES``.
        noise: standard deviation of the noise on each entry of a gradient, 0 to 2.
        seed: of the noise, 0 to 9999.
        steps: how many steps there are, 10 to 400.
        step: how many are taken at first; by default all.
        names: of three operations, for the corners of the triangle.

    ``target``, ``lrs``, ``noise``, ``seed`` and ``step`` follow what the reader does,
    and can be assigned.

    Raises:
        InputError: a target that is not on the simplex, or a number out of range.

    >>> SimplexPlayground([0.5, 0.3, 0.2], lr=0.2).lrs
    [0.2, 0.2, 0.2]
    """

    _esm = script("playground")
    _css = styles("playground")
    target: traitlets.List[Any] = traitlets.List().tag(sync=True)
    lrs: traitlets.List[Any] = traitlets.List().tag(sync=True)
    noise = traitlets.Float(0.0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    steps = traitlets.Int(100).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rules: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        target: ArrayLike = (0.7, 0.3, 0.0),
        lr: ArrayLike = 0.3,
        noise: float = 0.0,
        seed: int = 0,
        steps: int = 100,
        step: int | None = None,
        names: tuple[str, ...] | list[str] = (
            "operation 1",
            "operation 2",
            "operation 3",
        ),
        **kwargs: Any,
    ) -> None:
        if len(names) != 3:
            raise InputError(f"{len(names)} names for the corners: give 3")
        count = int(between(steps, 10, 400, "steps"))
        super().__init__(
            target=on_simplex(target, "target", 2, MOST),
            lrs=[lr] * len(RULES) if np.ndim(lr) == 0 else list(np.asarray(lr)),
            noise=noise,
            seed=seed,
            steps=count,
            step=count if step is None else step,
            names=list(names),
            rules=[
                {
                    "name": name,
                    "colour": ARM_LOOK[name]["color"],
                    "dash": _dash(ARM_LOOK[name]["linestyle"]),
                    "marker": ARM_LOOK[name]["marker"],
                }
                for name in RULES
            ],
            **kwargs,
        )

    @traitlets.validate("target")
    def _check_target(self, proposal: Any) -> list[float]:
        return on_simplex(proposal["value"], "target", 2, MOST)

    @traitlets.validate("lrs")
    def _check_lrs(self, proposal: Any) -> list[float]:
        values = list(proposal["value"])
        if len(values) != len(RULES):
            raise InputError(
                f"{len(values)} step sizes: give one number, or one for each of "
                + ", ".join(RULES)
            )
        return [between(value, LEAST_LR, MOST_LR, "lr") for value in values]

    @traitlets.validate("noise")
    def _check_noise(self, proposal: Any) -> float:
        return between(proposal["value"], 0, 2, "noise")

    @traitlets.validate("seed")
    def _check_seed(self, proposal: Any) -> int:
        return int(between(proposal["value"], 0, 9999, "seed"))

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        return int(between(proposal["value"], 0, self.steps, "step"))

    def paths(self) -> dict[str, NDArray[np.float64]]:
        """Where each rule stands after 0, 1, ... steps: rule -> (steps + 1, k)."""
        return walks(self.target, self.lrs, self.noise, self.seed, self.steps)

    def still(self) -> Figure:
        """The walks as a figure: for print, for GitHub, where no script runs."""
        paths, goal = self.paths(), np.asarray(self.target)
        with plot_style():
            fig, axes = figure(1, 2, (6.0, 3.0), width_ratios=[1.1, 1])
            left, right = axes[0]
            if len(goal) == 3:
                draw_triangle(left, self.names)
                for name, path in paths.items():
                    x, y = on_triangle(path).T
                    left.plot(x, y, markevery=20, markersize=4.5, **ARM_LOOK[name])
                left.plot(*on_triangle(goal), "+", color=INK, markersize=13, mew=2)
                left.set_title("paths to the target (+)")
            else:
                _bars(left, paths, goal)
            for name, path in paths.items():
                away = np.linalg.norm(path - goal, axis=1)
                away = np.where(away < NEAREST, np.nan, away)
                right.plot(
                    away, markevery=20, markersize=4.5, label=name, **ARM_LOOK[name]
                )
            right.set_yscale("log")
            right.set_ylim(NEAREST, 1.5)
            right.grid(axis="y", color=RULE, linewidth=0.7)
            right.set_xlabel("step")
            right.set_title("distance to the target")
            fig.legend(
                *right.get_legend_handles_labels(),
                loc="outside upper center",
                ncols=3,
                frameon=False,
                handlelength=2.4,
            )
        return fig

    def describe(self) -> str:
        """What the still shows, in words, with the numbers of the last step."""
        goal = np.asarray(self.target)
        ends = [
            f"{name} at step size {lr:g} ends {np.linalg.norm(path[-1] - goal):.3f} "
            f"from the target with an entropy of {entropy(path[-1]):.2f} nats"
            for (name, path), lr in zip(self.paths().items(), self.lrs, strict=True)
        ]
        return (
            f"Three rules walk from {len(goal)} equal weights to a target in "
            f"{self.steps} steps. " + "; ".join(ends) + "."
        )


def _dash(style: Any) -> str:
    """matplotlib's dash as SVG's, for a line 2 pixels wide."""
    return "" if style == "-" else " ".join(f"{2 * part:g}" for part in style[1])


def _bars(
    ax: Axes, paths: dict[str, NDArray[np.float64]], goal: NDArray[np.float64]
) -> None:
    place, width = np.arange(len(goal)), 0.8 / len(paths)
    for i, (name, path) in enumerate(paths.items()):
        ax.bar(place + (i - 1) * width, path[-1], width, color=ARM_LOOK[name]["color"])
    ax.scatter(place, goal, marker="_", color=INK, s=2400 / len(goal), zorder=3)
    ax.set_ylim(0, 1)
    ax.set_xlabel("operation", color=MUTED)
    ax.set_title("last weights; a line at each target")
