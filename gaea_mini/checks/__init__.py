"""Checks for the exercises of the book: pass, or see the case that fails.

A check calls the reader's function on many cases and compares each result with the
right answer. That is the package's own function, which has tests of its own, or the
same quantity computed another way; each check says which. It never raises because of
the reader's function; it returns a :class:`Check`, which a notebook shows as text and
which is true if all cases passed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

Function = Callable[..., Any]
Case = dict[str, Any]
LONG = 16  # rows of a case, or entries of an answer, that are written out


@dataclass(frozen=True)
class Check:
    """The outcome of a check: whether it passed, and what to tell the reader.

    >>> Check(True, "passed: 3 cases")
    passed: 3 cases
    >>> bool(Check(False, "not done yet"))
    False
    """

    passed: bool
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return self.message


def compare(
    function: Function,
    cases: Iterable[Case],
    answer: Function,
    tol: float = 1e-6,
    hint: str = "",
) -> Check:
    """Call a reader's function on every case and stop at the first that fails.

    Args:
        function: the reader's function.
        cases: keyword arguments, one dict per case. Arrays are handed over as copies.
        answer: gives the right result for the same arguments, an array or a number.
        tol: largest error that still passes, relative to 1 + the size of the answer.
        hint: one line that a failing case ends with.

    Returns:
        A true Check, or a false one whose message shows the failing case.

    >>> def double(x):
    ...     return x + x
    >>> compare(double, [{"x": 1.0}, {"x": 2.0}], lambda x: x**2 + x)
    Not yet: double fails on case 2.
      x         2
      entry     yours  right
      0         4      6     <-- differs
    """
    name = getattr(function, "__name__", "your function")
    count = 0
    for count, case in enumerate(cases, start=1):
        copies = {key: np.array(value) for key, value in case.items()}
        given = {k: v if v.ndim else v.item() for k, v in copies.items()}
        if not _takes(function, given):
            asked = ", ".join(given)
            return Check(False, f"Not yet: {name} must take {asked}, by these names.")
        try:
            with np.errstate(all="ignore"):
                yours = function(**given)
        except NotImplementedError:
            return Check(
                False, f"Not done yet: {name} still raises NotImplementedError."
            )
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            return _failure(name, count, case, [f"raised    {what}"], hint)
        if yours is None:
            lines = ["returned  None. Is a return missing?"]
            return _failure(name, count, case, lines, hint)
        right = np.asarray(answer(**case), dtype=np.float64)
        try:
            got = np.asarray(yours, dtype=np.float64)
        except Exception:  # whatever the reader's object does when it is read
            lines = [f"returned  {written(yours)}, which is not an array of numbers"]
            return _failure(name, count, case, lines, hint)
        if got.shape != right.shape:
            lines = [f"returned  shape {got.shape}, but {right.shape} is right"]
            return _failure(name, count, case, lines, hint)
        close = np.abs(got - right) <= tol * (1 + np.abs(right))
        close |= np.isnan(got) & np.isnan(right)
        if not close.all():
            return _failure(name, count, case, _table(got, right, close), hint)
    return Check(True, f"Passed: {name} is right on all {count} cases.")


def _takes(function: Function, given: Case) -> bool:
    """Whether a function can be called with these keywords, as far as one can tell."""
    try:
        inspect.signature(function).bind(**given)
    except TypeError:
        return False
    except ValueError:  # some built-in functions have no signature
        return True
    return True


def written(value: Any) -> str:
    """``repr`` of an object, or its type if its ``repr`` raises."""
    try:
        return repr(value)
    except Exception:
        return f"an object of type {type(value).__name__}"


def _failure(name: str, count: int, case: Case, lines: list[str], hint: str) -> Check:
    shown = [f"Not yet: {name} fails on case {count}."]
    shown += [f"  {key:<9} {_numbers(value)}" for key, value in case.items()]
    shown += [f"  {line}" for line in lines]
    shown += [f"  hint      {hint}"] if hint else []
    return Check(False, "\n".join(shown))


def _table(got: Any, right: Any, close: Any) -> list[str]:
    """Yours beside the right answer, one entry a line; weights also as bars.

    Of a large answer only the entries that differ are shown.
    """
    every = list(np.ndindex(right.shape))
    shown = every if len(every) <= LONG else [at for at in every if not close[at]]
    places, left_out = shown[:LONG], len(shown[LONG:])
    rows = [(got[at], right[at], close[at]) for at in places]
    left = [_number(a) + _bar(a, right) for a, _, _ in rows]
    good = [_number(b) + _bar(b, right) for _, b, _ in rows]
    wide, wider = max(map(len, ["yours", *left])), max(map(len, ["right", *good]))
    lines = [f"entry     {'yours':<{wide}}  right"]
    for i, (a, b) in enumerate(zip(left, good, strict=True)):
        mark = "" if rows[i][2] else " <-- differs"
        place = ",".join(map(str, places[i])) or "0"
        lines.append(f"{place:<9} {a:<{wide}}  {b:<{wider}}{mark}".rstrip())
    return [*lines, f"and {left_out} more that differ"] if left_out else lines


def _bar(value: float, right: Any) -> str:
    weights = right.size > 1 and right.min() >= 0 and abs(right.sum() - 1) < 1e-6
    if not weights or not 0 <= value <= 1:
        return ""
    return " " + "#" * round(10 * float(value))


def _number(value: Any) -> str:
    return f"{value:.5g}"


def _numbers(value: Any) -> str:
    array = np.asarray(value)
    if array.ndim == 0:
        one = array.item()
        return str(one) if isinstance(one, bool) else _number(one)
    if len(array) > LONG:
        first, last = map(_numbers, (array[0], array[-1]))
        return f"[{first}, ... {len(array) - 2} more ..., {last}]"
    if array.size > LONG**2:
        return f"an array of shape {array.shape}"
    return "[" + ", ".join(_numbers(row) for row in array) + "]"
