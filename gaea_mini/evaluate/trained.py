"""The table of a space whose every cell was trained alone, and look-ups in it."""

import gzip
import hashlib
import json
import platform
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gaea_mini.errors import InputError, excerpt
from gaea_mini.evaluate.classes import classes
from gaea_mini.evaluate.training import TrainingRecipe
from gaea_mini.files import write_atomically
from gaea_mini.supernet import CellSpace, space

SHIPPED = {"compact": Path(__file__).parent / "compact_fashion.json.gz"}
WANTED = f"take {', '.join(SHIPPED)}, or a file that 'benchmark build' wrote"
SERIES = ("val", "test", "loss", "seconds")  # per class, seed and measured epoch
# Seconds of one pass over the validation pictures, as a part of an epoch of training.
# A table has the seconds of training only. The median of ten cells of the shipped one,
# two epochs each on one core: 0.158, from 0.14 to 0.18.
VALIDATION_PASS = 0.158


class TrainedTable:
    """Accuracies of every cell of a space, per seed and epoch.

    Args:
      path: a file that ``benchmark build`` wrote.

    Attributes:
      name: the name of the table.
      about: recipe, data, versions and the like, as the file has them.
      space: the search space.
      cells: arch strings of all cells, by index.
      seeds: seeds that each cell was trained with.
      epochs: epochs after which accuracy was measured.
      sha256: of what the file says of the cells.
      processor: what trained them all, as ``processor`` names it, or None.

    Raises:
      InputError: no such file, damaged, or not such a table.
    """

    def __init__(self, path: str | Path):
        content = _read(Path(path))
        try:
            self.about: dict[str, Any] = content["about"]
            self.sha256: str = content["sha256"]
            self.processor: str | None = content.get("processor")
            if self.sha256 != _digest(content):
                raise ValueError
            where = space(self.about["space"])
            if not isinstance(where, CellSpace):
                raise ValueError
            self.name = f"{where.name}_{self.about['data']}"
            self.space = where
            self.seeds: tuple[int, ...] = tuple(content["seeds"])
            self.epochs: tuple[int, ...] = tuple(content["epochs"])
            self._class = dict(zip(content["classes"], range(10**9), strict=False))
            shape = len(self._class), len(self.seeds), len(self.epochs)
            self._series = {
                name: np.array(content[name], dtype=float).reshape(shape)
                for name in SERIES
            }
            self._size = {
                name: np.array(content[name], dtype=int).reshape(shape[:1])
                for name in ("parameters", "flops")
            }
            for part in ("val", "test"):
                self._series[part] *= 100 / self.about["pictures"][part]
        except (KeyError, TypeError, ValueError):
            raise InputError(_damaged(path)) from None
        of_cell, _ = classes(where)
        self.cells = tuple(
            where.arch(index)
            for index, number in enumerate(of_cell)
            if number in self._class
        )
        # Row of each cell in the series.
        self._row = {
            arch: self._class[of_cell[where.index(arch)]] for arch in self.cells
        }

    @property
    def complete(self) -> bool:
        """Whether the table has every cell of the space."""
        return len(self.cells) == self.space.size

    @property
    def recipe(self) -> TrainingRecipe:
        """How every cell was trained."""
        found = dict(self.about["recipe"])
        return TrainingRecipe(**found | {"measured": tuple(found["measured"])})

    def val(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """Accuracy on the held-out pictures, percent.

        Args:
          cell: arch string.
          seed: one of ``seeds``; None: the mean over them.
          epoch: position in ``epochs``; -1 is the last.
        """
        return self._value("val", cell, seed, epoch)

    def test(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """Accuracy on the test pictures, percent; arguments as of ``val``."""
        return self._value("test", cell, seed, epoch)

    def loss(self, cell: str, seed: int | None = None, epoch: int = -1) -> float:
        """Mean training loss in that epoch; the arguments are those of ``val``."""
        return self._value("loss", cell, seed, epoch)

    def seconds(self, cell: str, epoch: int = -1) -> float:
        """Seconds of training up to that epoch and of one look, on one core.

        The mean over the seeds; ``column`` has the training alone, seed by seed.
        """
        return self._value("seconds", cell, None, epoch) + self.look(cell)

    def look(self, cell: str) -> float:
        """Seconds of one pass over the validation pictures, ``VALIDATION_PASS``."""
        epoch = self._value("seconds", cell, None, -1) / self.epochs[-1]
        return VALIDATION_PASS * epoch

    def parameters(self, cell: str) -> int:
        """Numbers to train."""
        return int(self._size["parameters"][self._of(cell)])

    def flops(self, cell: str) -> int:
        """Multiply-adds for one picture, forward."""
        return int(self._size["flops"][self._of(cell)])

    def column(self, part: str, epoch: int = -1) -> np.ndarray:
        """One of ``val``, ``test``, ``loss``, ``seconds`` for all cells: (cells, S)."""
        rows = [self._row[cell] for cell in self.cells]
        return self._series[part][rows, :, self._at(epoch)]

    def trained(self, part: str, epoch: int = -1) -> np.ndarray:
        """The same per class, so that no training is counted twice: (classes, S)."""
        return self._series[part][:, :, self._at(epoch)]

    def members(self) -> list[list[str]]:
        """The cells of each class, in the order of ``trained``."""
        found: list[list[str]] = [[] for _ in self._class]
        for cell in self.cells:
            found[self._row[cell]].append(cell)
        return found

    def rank(self, cell: str) -> int:
        """1 for the best mean test accuracy; equal accuracies share the better rank."""
        means = self.column("test").mean(axis=1)
        return int((means > self.test(cell)).sum()) + 1

    def regret(self, cell: str) -> float:
        """Points of mean test accuracy below the best cell, Eq. (eq-cell-regret)."""
        return float(self.column("test").mean(axis=1).max()) - self.test(cell)

    def truth(self, genotypes: Sequence[str]) -> dict[str, Any]:
        """What the table says of a run's cells, state by state, for its record."""
        return {
            "table": self.name,
            "sha256": self.sha256,
            "test": [round(self.test(g), 4) for g in genotypes],
            "val": [round(self.val(g), 4) for g in genotypes],
            "rank": [self.rank(g) for g in genotypes],
            "regret": [round(self.regret(g), 4) for g in genotypes],
        }

    def class_of(self, cell: str) -> int:
        """Number of the cell's class, as ``classes`` counts them."""
        self._of(cell)
        return classes(self.space)[0][self.space.index(cell)]

    def counts(self, cell: str, seed: int) -> dict[str, list[float]]:
        """What was measured with one seed: pictures recognised, and the loss."""
        at = self._of(cell), self.seeds.index(seed)
        found = {"loss": self._series["loss"][at].tolist()}
        for part in ("val", "test"):
            pictures = self._series[part][at] * self.about["pictures"][part] / 100
            found[part] = pictures.round().tolist()
        return found

    def _value(self, part: str, cell: str, seed: int | None, epoch: int) -> float:
        values = self._series[part][self._of(cell), :, self._at(epoch)]
        if seed is None:
            return float(values.mean())
        if seed not in self.seeds:
            raise InputError(
                f"the table has no seed {seed}; it has "
                f"{', '.join(map(str, self.seeds))}"
            )
        return float(values[self.seeds.index(seed)])

    def _of(self, cell: str) -> int:
        row = self._row.get(cell)
        if row is None:
            row = self._row.get(self.space.format(self.space.parse(cell)))
        if row is None:
            raise InputError(f"the table does not have cell {cell!r}")
        return row

    def _at(self, epoch: int) -> int:
        if not -len(self.epochs) <= epoch < len(self.epochs):
            raise InputError(
                f"the table was measured after {len(self.epochs)} epochs; there is no "
                f"number {epoch}"
            )
        return epoch


def load_table(name: str | Path) -> TrainedTable:
    """A table that ships with the package, by the name of its space, or one by path."""
    path = SHIPPED.get(str(name), Path(name))
    if not str(name) or not path.exists():
        raise InputError(f"no table {excerpt(str(name))}; {WANTED}")
    return TrainedTable(path)


def processor() -> str:
    """The processor's model and the vector instructions that torch takes of it.

    With one version of torch these decide in which order sums are added up.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        models = [line.split(":")[1].strip() for line in lines if "model name" in line]
        model = models[0]
    except (OSError, IndexError):
        model = platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def write_table(
    path: Path, where: CellSpace, about: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Write the rows of a benchmark as one compressed file, all of it or nothing.

    Args:
      path: where to.
      where: the search space.
      about: what the rows are of.
      rows: one for each class and seed. If all were trained on one kind of processor,
        the table names it.
    """
    numbers = sorted({row["class"] for row in rows})
    seeds = sorted({row["seed"] for row in rows})
    at = {(row["class"], row["seed"]): row for row in rows}
    recipe = about["recipe"]
    content: dict[str, Any] = {
        "about": about,
        "seeds": seeds,
        "epochs": sorted({*recipe["measured"], recipe["epochs"]}),
        "classes": numbers,
        "first": [classes(where)[1][number] for number in numbers],
    }
    for name in ("parameters", "flops"):
        content[name] = [at[number, seeds[0]][name] for number in numbers]
    for name in SERIES:
        content[name] = [[at[n, s][name] for s in seeds] for n in numbers]
    content["sha256"] = _digest(content)
    made_on = {row.get("processor") for row in rows}
    if len(made_on) == 1 and None not in made_on:
        content["processor"] = made_on.pop()
    text = json.dumps(content, separators=(",", ":")).encode()
    # No time of day inside, so that the same table is the same file.
    write_atomically(path, gzip.compress(text, mtime=0))


def _digest(content: dict[str, Any]) -> str:
    """Hash of everything in a table but its hash and the processor's name."""
    beside = ("sha256", "processor")
    told = {name: value for name, value in content.items() if name not in beside}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> Any:
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except FileNotFoundError:
        raise InputError(f"no table {path}; {WANTED}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError):
        raise InputError(_damaged(path)) from None
    except OSError as error:
        raise InputError(
            f"cannot read table {path}: {error.strerror}; {WANTED}"
        ) from None


def _damaged(path: str | Path) -> str:
    return f"{path} is damaged or is not such a table; {WANTED}"
