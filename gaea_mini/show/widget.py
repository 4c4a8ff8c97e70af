"""What the small widgets share: their files, and checks of what they are given.

A widget is one script ``NAME.js`` and one style ``NAME.css`` after ``base.css``. It
draws what its traits say, so that it needs no kernel, and it has a ``still``: what
stands for it in print, on GitHub and where no script runs.
"""

from pathlib import Path

from numpy.typing import ArrayLike

from gaea_mini.errors import InputError
from gaea_mini.simplex.geometry import check_rows

HERE = Path(__file__).parent


def script(name: str) -> str:
    """The script of a widget."""
    return (HERE / f"{name}.js").read_text("utf-8")


def styles(name: str) -> str:
    """The style of a widget, after what all of them share."""
    return "\n".join(
        (HERE / f"{part}.css").read_text("utf-8") for part in ("base", name)
    )


def on_simplex(row: ArrayLike, name: str, least: int, most: int) -> list[float]:
    """One row of weights, divided by its sum if that is off.

    Args:
        row: numbers, none negative, that sum to 1 within 0.001.
        name: for the message.
        least, most: how many there may be.

    Raises:
        InputError: anything else.

    >>> on_simplex([0.5, 0.5], "target", least=2, most=4)
    [0.5, 0.5]
    """
    rows = check_rows(row, name)
    if rows.ndim != 1 or not least <= len(rows) <= most:
        raise InputError(
            f"{name} has shape {rows.shape}: give {least} to {most} weights"
        )
    total = float(rows.sum())
    # A row that comes back from the page stays as it is, to the last digit.
    return [float(w) for w in (rows if abs(total - 1) < 1e-12 else rows / total)]


def between(value: float, low: float, high: float, name: str) -> float:
    """A number between two others, both allowed.

    Raises:
        InputError: it is not, or it is no number.

    >>> between(0.5, 0, 1, "noise")
    0.5
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}: give a number") from None
    if not low <= number <= high:
        raise InputError(
            f"{name} is {number:g}: give a number from {low:g} to {high:g}"
        )
    return number
