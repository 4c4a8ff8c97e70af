"""Look up any of NAS-Bench-201's 15,625 cells in a compact copy of its table.

The table is Dong and Yang's (ICLR 2020) and is not part of this package. The README
says how to make the compact ``.csv.gz`` from public files.
"""

import csv
import gzip
import hashlib
import io
import zlib
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from gaea_mini.errors import InputError, excerpt
from gaea_mini.supernet.spaces import NASBENCH201, CellSpace

SPACE = NASBENCH201
DATA_SETS = ("c10", "c100", "in16")
NEEDED = (
    *("index", "ops"),
    *("c10_test_200", "c10_val_200", "c100_test_200", "in16_test_200"),
)
# Seconds of one pass over the validation half, as a part of an epoch on the training
# half. The benchmark's clock charges one such pass a training; the compact table has
# no column for it. Its first cell: 2.549 s against 7.221 s.
VALIDATION_PASS = 0.353


class NasBench201:
    """The table of all cells: accuracy, rank and regret of each.

    As a ``Table`` it has two schedules of CIFAR-10, 12 and 200 epochs, each trained
    from scratch with its own cosine, and means over seeds only.

    Args:
      path: a ``.csv.gz`` (or ``.csv``) with the columns ``index``, ``ops`` (six digits,
        edges in arch-string order) and accuracies in percent such as ``c10_test_200``:
        data set, part, epochs of the training schedule.

    Raises:
      InputError: no such file, truncated, a column is missing, a number that cannot be,
        or not this table.
    """

    def __init__(self, path: str | Path):
        try:
            raw = Path(path).read_bytes()
            text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
            reader = csv.DictReader(io.StringIO(text.decode()))
            missing = [n for n in NEEDED if n not in (reader.fieldnames or ())]
            if 0 < len(missing) < len(NEEDED):
                raise InputError(
                    f"{path} has no column {' or '.join(missing)}; the README says how "
                    "to make the table"
                )
            rows = sorted(reader, key=lambda row: int(row["index"]))
            digits = [row["ops"] for row in rows]
            # Every number is read now, so that a damaged one is found now.
            self._numbers = {
                name: np.array([float(row[name]) for row in rows])
                for name in reader.fieldnames or ()
                if name != "ops"
            }
            complete = self._numbers["index"].tolist() == list(range(SPACE.size))
        except FileNotFoundError:
            raise InputError(
                f"no table {path}; the README says how to make one from public files"
            ) from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from None
        except InputError:
            raise
        except (EOFError, zlib.error, KeyError, ValueError, TypeError, csv.Error):
            raise InputError(f"{path} is truncated or not this table") from None
        cells = {"".join(cell) for cell in product("01234", repeat=6)}
        if not complete or set(digits) != cells:
            raise InputError(
                f"{path} is truncated or not this table: it has {len(rows)} rows, not "
                f"one for each of {SPACE.size} cells"
            )
        for name, values in self._numbers.items():
            # An accuracy is a percentage, and nothing is nan or infinite.
            most = 100.0 if "_test_" in name or "_val_" in name else np.inf
            bad = ~(np.isfinite(values) & (values >= 0) & (values <= most))
            if bad.any():
                index = int(bad.argmax())
                raise InputError(
                    f"{path}: cell {index} has {values[index]:g} in column {name}; "
                    "make the table again, as the README says"
                )
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.rows = rows
        self._index = {row["ops"]: int(row["index"]) for row in rows}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numeric columns."""
        return tuple(self._numbers)

    def index(self, cell: str | int) -> int:
        """Official index of a cell given as arch string, six digits or index.

        Raises:
          InputError: malformed, or an index that there is not.
        """
        text = str(cell).strip()
        if "|" in text:
            text = "".join(str(o) for o in SPACE.parse(text))
        if len(text) == 6 and text in self._index:
            return self._index[text]
        if text.isdecimal() and len(text) < 6 and int(text) < len(self.rows):
            return int(text)
        raise InputError(
            f"no cell {excerpt(cell)}; give an arch string, six digits 0 to 4 or an "
            f"index from 0 to {len(self.rows) - 1}"
        )

    def arch(self, index: int) -> str:
        """Arch string of the cell with this official index."""
        return SPACE.format([int(d) for d in self.rows[self.index(index)]["ops"]])

    def column(self, name: str) -> np.ndarray:
        """One column for all cells, by official index.

        Raises:
          InputError: the table has no such column.
        """
        if name not in self._numbers:
            raise InputError(
                f"the table has no column {name!r}; it has {', '.join(self.columns)}"
            )
        return self._numbers[name].copy()

    def accuracy(self, cell: str | int, column: str = "c10_test_200") -> float:
        """Accuracy in percent; ``column`` is data set, part and schedule."""
        return float(self.column(column)[self.index(cell)])

    def rank(self, cell: str | int, column: str = "c10_test_200") -> int:
        """1 for the best of all cells; equal accuracies share the better rank."""
        values = self.column(column)
        return int((values > values[self.index(cell)]).sum()) + 1

    def regret(self, cell: str | int, column: str = "c10_test_200") -> float:
        """Points of accuracy below the best cell."""
        return float(self.column(column).max()) - self.accuracy(cell, column)

    @property
    def space(self) -> CellSpace:
        """The space with all five operations."""
        return SPACE

    @property
    def epochs(self) -> tuple[int, int]:
        """The two schedules."""
        return (12, 200)

    @property
    def seeds(self) -> tuple[int, ...]:
        """None: the compact table has means only."""
        return ()

    @cached_property
    def cells(self) -> list[str]:
        """All arch strings, by official index."""
        return [SPACE.format([int(o) for o in row["ops"]]) for row in self.rows]

    def val(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """CIFAR-10 validation accuracy: trained on one half, asked on the other."""
        return self._look("val", cell, seed, epoch)

    def test(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """CIFAR-10 test accuracy, trained on both halves, as the papers print it."""
        return self._look("test", cell, seed, epoch)

    def seconds(self, cell: str, epoch: int = -1) -> float:
        """Training on one half and one validation pass, on the benchmark's GPU."""
        return self._epoch(cell) * (self.epochs[epoch] + VALIDATION_PASS)

    def look(self, cell: str) -> float:
        """The validation pass alone."""
        return self._epoch(cell) * VALIDATION_PASS

    def _epoch(self, cell: str) -> float:
        return self._number("train_seconds_c10valid_200", cell) / 200

    @cached_property
    def _place(self) -> dict[str, int]:
        return {cell: index for index, cell in enumerate(self.cells)}

    def _number(self, column: str, cell: str) -> float:
        if column not in self._numbers:
            return float(self.column(column)[0])  # says which columns there are
        place = self._place.get(cell)
        return float(
            self._numbers[column][self.index(cell) if place is None else place]
        )

    def _look(self, part: str, cell: str, seed: int | None, epoch: int) -> float:
        if seed is not None:
            raise InputError("NAS-Bench-201: the compact table has no single seeds")
        return self._number(f"c10_{part}_{self.epochs[epoch]}", cell)

    def lookup(self, cell: str | int) -> dict[str, Any]:
        """All that the table says of a cell, with rank and regret per data set."""
        index = self.index(cell)
        row = self.rows[index]
        found: dict[str, Any] = {"arch": self.arch(index), "digits": row["ops"]}
        found |= {name: float(row[name]) for name in self.columns}
        found["index"] = index
        for data_set in DATA_SETS:
            column = f"{data_set}_test_200"
            found[f"{column}_rank"] = self.rank(index, column)
            found[f"{column}_regret"] = self.regret(index, column)
        return found

    def truth(self, genotypes: list[str]) -> dict[str, Any]:
        """What the table says of a run's cells, state by state, for its record."""
        return {
            "table": "NAS-Bench-201",
            "sha256": self.sha256,
            "c10_test": [round(self.accuracy(g, "c10_test_200"), 4) for g in genotypes],
            "c10_val": [round(self.accuracy(g, "c10_val_200"), 4) for g in genotypes],
            "c100_test": [
                round(self.accuracy(g, "c100_test_200"), 4) for g in genotypes
            ],
            "in16_test": [
                round(self.accuracy(g, "in16_test_200"), 4) for g in genotypes
            ],
            "rank": [self.rank(g) for g in genotypes],
            "regret": [round(self.regret(g), 4) for g in genotypes],
        }
