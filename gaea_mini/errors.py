"""The one exception for input that a person can put right, and checks of numbers."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LARGEST = 1e38  # float32 goes no further
MOST_CELLS = 100  # a stage; the recipes of this package have six at most


class InputError(ValueError):
    """Input that cannot be used: a wrong name, file, shape or number.

    The message is one line. It says what is wrong, where, and what to do about it.
    The command line prints that line and exits with status 2; it prints no
    traceback. In Python it is an ordinary ``ValueError``.

    >>> from gaea_mini.errors import InputError
    >>> raise InputError("lr is 0: give a step size above 0, for example 0.1")
    Traceback (most recent call last):
    gaea_mini.errors.InputError: lr is 0: give a step size above 0, for example 0.1
    """


class OneLineWarning(RuntimeWarning):
    """What a person should know, and need not put right; see ``told_in_a_line``."""


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """The package's own warnings are one line on standard error, like an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", OneLineWarning)
        usual = warnings.showwarning

        def show(message: Any, category: Any, *rest: Any, **more: Any) -> None:
            if issubclass(category, OneLineWarning):
                print(f"gaea_mini: {message}", file=sys.stderr)
            else:
                usual(message, category, *rest, **more)

        warnings.showwarning = show
        yield


def require_range(
    name: str, value: Any, end: float = LARGEST, above: bool = False
) -> None:
    """Refuse what is not a number from 0 to below ``end``; ``above`` refuses 0 too."""
    try:
        good = 0 <= value < end and (value != 0 or not above)
    except TypeError:
        good = False
    if not good:
        least = "above 0" if above else "0 or more"
        raise InputError(f"{name} is {value!r}; it must be {least}, and below {end:g}")


def require_positive(name: str, value: Any) -> None:
    """Refuse a step size, or the like, that is not a positive number."""
    require_range(name, value, above=True)


def require_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is not an ``int`` of ``least`` or more, and too many cells."""
    if type(value) is not int or value < least:
        raise InputError(
            f"{name} is {value!r}; it must be {least} or more, a whole number"
        )
    if name == "cells" and value > MOST_CELLS:  # before hours go into building them
        raise InputError(f"cells is {value}; take {MOST_CELLS} a stage or fewer")


def excerpt(given: object, most: int = 60) -> str:
    """What was given, as Python writes it; of a long text the middle is left out.

    >>> excerpt("abcdefghijklmnop", most=10)
    "'abcde...lmnop'"
    """
    if not isinstance(given, str) or len(given) <= most:
        return repr(given)
    return repr(f"{given[: most // 2]}...{given[-(most // 2) :]}")


def of_full_memory(error: BaseException) -> bool:
    """Whether it says that the memory of the device, or of this machine, is full."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in said for word in words)
    )


@contextmanager
def enough_memory(advice: str = "") -> Iterator[None]:
    """One line in place of what torch or NumPy say when the memory is full.

    Args:
      advice: what else to do than to leave more of it free.

    Raises:
      InputError: it is, inside.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not of_full_memory(error):
            raise
        reason = str(error).partition("\n")[0][:120] or "no more said"
        told = f"the memory is full ({reason}); leave more of it free"
        raise InputError(f"{told}, or {advice}" if advice else told) from None


def in_a_line(error: InputError | OSError) -> str:
    """What it says; what the system says of a file comes with the file's name."""
    if isinstance(error, InputError):
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"
