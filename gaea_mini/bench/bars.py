"""The bars of the bench: what its ratios must reach."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """A limit for one ratio, in all rows that it is about.

    Args:
      what: the rows in words.
      ratio: the column.
      limit: the least, or the most, that it may be.
      about: whether a row is meant.
      at_least: whether the limit is a least one.
    """

    what: str
    ratio: str
    limit: float
    about: Callable[[Row], bool]
    at_least: bool = True

    def judge(self, rows: list[Row]) -> dict[str, Any]:
        """The ratio of the worst row, and whether it is met; None without a row."""
        meant = [row for row in rows if row[self.ratio] is not None and self.about(row)]
        result = {"bar": self.what, "limit": self.limit, "at_least": self.at_least}
        if not meant:
            return {**result, "measured": None, "met": None, "worst": None}
        pick = min if self.at_least else max
        worst = pick(meant, key=lambda row: row[self.ratio])
        value = worst[self.ratio]
        size = "C {channels}, N {cells}, batch {batch}".format(**worst)
        return {
            **result,
            "measured": value,
            "met": value >= self.limit if self.at_least else value <= self.limit,
            "worst": f"{worst['space']} {worst['method']}, {size}",
        }


def one_thread(row: Row) -> bool:
    return bool(row["threads"] == 1 and row["form"] == "fast")


def nasbench201(row: Row) -> bool:
    """A bilevel step of gaea-darts, at the two sizes of the table of peers."""
    return bool(
        (row["space"], row["method"]) == ("nasbench201", "gaea-darts")
        and (row["form"], row["objective"]) == ("fast", "bilevel")
        and row["size"] == 32
    )


def full(row: Row) -> bool:
    return (row["channels"], row["cells"]) == (16, 5)


def darts(row: Row, method: str) -> bool:
    return bool(
        (row["space"], row["method"], row["size"]) == ("darts", method, 32)
        and row["objective"] == "bilevel"
        and one_thread(row)
    )


BARS = (
    Bar(
        "nasbench201, bilevel step, 1 thread: times faster",
        "times_faster",
        2.5,
        lambda row: nasbench201(row) and one_thread(row),
    ),
    Bar(
        "nasbench201, bilevel step, C 16 and N 5, 2 threads: times faster",
        "times_faster",
        2.3,
        lambda row: nasbench201(row) and full(row) and row["threads"] == 2,
    ),
    Bar(
        "nasbench201, bilevel step, C 16 and N 5: part of the memory",
        "memory_part",
        0.5,
        lambda row: nasbench201(row) and full(row),
        at_least=False,
    ),
    Bar(
        "nasbench201, single-level in one pass, 1 thread: times faster than the plain "
        "bilevel step",
        "times_faster",
        4.0,
        lambda row: (
            nasbench201({**row, "objective": "bilevel"})
            and row["objective"] == "single-level"
            and one_thread(row)
        ),
    ),
    Bar(
        "DARTS space, bilevel step, 1 thread: times faster",
        "times_faster",
        2.2,
        lambda row: darts(row, "gaea-darts"),
    ),
    Bar(
        "DARTS space, PC-DARTS, 1 thread: times faster",
        "times_faster",
        1.3,
        lambda row: darts(row, "pc-darts"),
    ),
    # Steps on smaller pictures take a hundredth of a second, and two processes that do
    # the same differ by up to a fifth there.
    Bar(
        "GDAS and RS-WS, pictures of 32 pixels, 1 thread: times the sampled path alone",
        "to_path",
        1.15,
        lambda row: row["size"] == 32 and one_thread(row),
        at_least=False,
    ),
    Bar(
        "nasbench201, bilevel step, C 16 and N 5, 1 thread: times the floor",
        "to_floor",
        3.5,
        lambda row: nasbench201(row) and full(row) and one_thread(row),
        at_least=False,
    ),
)
