"""How the reproduction ledger says numbers."""

from __future__ import annotations

from typing import Any


class Spread(tuple[Any, ...]):
    """A mean and a standard deviation; either may be missing.

    >>> f"{Spread([94.1, 0.29])}, {Spread([2.65, None])}, {Spread([None, None]):.1f}"
    '94.10 ± 0.29, 2.65, –'
    """

    def __format__(self, form: str) -> str:
        shown = [format(v, form or ".2f") for v in self if v is not None]
        return " ± ".join(shown) or "–"


def signed(value: float) -> str:
    """With its sign, and a minus that is one.

    >>> signed(0.5), signed(-0.123), signed(-0.001)
    ('+0.50', '−0.12', '+0.00')
    """
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def small(value: float) -> str:
    """A probability as one says it.

    >>> small(0.2), small(1e-9)
    ('= 0.20', '< 0.001')
    """
    if value < 0.001:
        return "< 0.001"
    return f"= {value:.2f}" if value >= 0.01 else f"= {value:.3f}"
