"""Pictures to search and train on, as NumPy arrays.

``load("fashion")`` reads the sample that ships with the package. A path reads a
``.npz``, or a folder with the official files of CIFAR-10 or CIFAR-100; ``cifar10``,
``cifar100`` and ``fashion-mnist`` are downloaded by torchvision where that is
installed.
"""

import hashlib
import io
import pickle
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaea_mini.errors import InputError

SAMPLE = Path(__file__).parent / "pictures" / "fashion_15k.npz"
SAMPLE_SHA256 = "368d58da0730d96e075b531def11a6fc4fc753fedd06d92c9ad7f941497b7270"
# What zipfile, zlib and NumPy raise for a file that is cut short or changed.
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError)
DAMAGE = (*ZIP_DAMAGE, ValueError, TypeError, RuntimeError)
TORCHVISION = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "fashion-mnist": "FashionMNIST",
}
# Data set: its files for training, for testing, with names, and the keys in them.
CIFAR: dict[str, tuple[tuple[str, ...], str, str, bytes, bytes]] = {
    "cifar10": (
        tuple(f"data_batch_{number}" for number in range(1, 6)),
        *("test_batch", "batches.meta", b"labels", b"label_names"),
    ),
    "cifar100": (
        ("train",),
        *("test", "meta", b"fine_labels", b"fine_label_names"),
    ),
}


@dataclass(frozen=True)
class Pictures:
    """Pictures and labels, ready for a network.

    Attributes:
      name: for records.
      x, y: pictures (N, H, W, C), float32, each channel with mean 0 and standard
        deviation 1 over these; labels (N,), 0 to classes - 1.
      x_test, y_test: the same for testing, standardised by x's mean and deviation.
        A search never looks at them.
      class_names: one a class.
      sha256: of the file they came from; None where a library made them.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    sha256: str | None = None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def load(
    source: str = "fashion",
    size: int | None = None,
    pictures: int | None = None,
    sha256: str | None = None,
) -> Pictures:
    """Pictures by name or path, resized by area and standardised.

    Args:
      source: "fashion" (shipped), "cifar10", "cifar100", "fashion-mnist", or the path
        of a ``.npz`` with ``x_train`` (N, H, W) or (N, H, W, C) uint8, ``y_train``
        (N,), ``x_test``, ``y_test`` and, if there, ``class_names``; or of a folder
        with the official Python files of CIFAR-10 or CIFAR-100, unpacked.
      size: pixels along a side; None keeps the file's.
      pictures: how many of ``x_train`` to take, from the front; None takes all.
      sha256: what the file's hash must be; None does not ask (the shipped sample is
        always checked).

    Raises:
      InputError: no such file, a damaged or wrong one, or too few pictures.

    >>> load("fashion", size=14, pictures=100).x.shape
    (100, 14, 14, 1)
    """
    path = file_of(source)
    if path is None:
        arrays, digest = _from_torchvision(source), None
        name = source
    elif path.is_dir():
        name, arrays, digest = _from_folder(path)
    else:
        expected = SAMPLE_SHA256 if source == "fashion" else sha256
        arrays, digest = _from_npz(path, expected)
        name = "fashion" if source == "fashion" else path.stem
    x, y = _four_axes(arrays["x_train"]), arrays["y_train"].astype(np.int64)
    x_test, y_test = _four_axes(arrays["x_test"]), arrays["y_test"].astype(np.int64)
    if pictures is not None:
        if not 1 <= pictures <= len(x):
            raise InputError(
                f"{name} has {len(x)} pictures to train on; {pictures} were asked for"
            )
        x, y = x[:pictures], y[:pictures]
    if size is not None:
        x, x_test = resize(x, size), resize(x_test, size)
    # Summed in float64: in float32 a large set's sum no longer grows.
    axes = (0, 1, 2)
    mean = x.mean(axes, dtype=np.float64).astype(np.float32)
    std = x.std(axes, dtype=np.float64).astype(np.float32)
    std[std == 0] = 1  # a channel of one colour becomes 0
    names = arrays.get("class_names", np.arange(int(arrays["y_train"].max()) + 1))
    return Pictures(
        name,
        ((x - mean) / std).astype(np.float32),
        y,
        ((x_test - mean) / std).astype(np.float32),
        y_test,
        tuple(str(label) for label in names),
        digest,
    )


def file_of(source: str) -> Path | None:
    """The file that ``load`` reads for a source; None where torchvision has it."""
    if source in TORCHVISION:
        return None
    return SAMPLE if source == "fashion" else Path(source)


def resize(x: np.ndarray, size: int) -> np.ndarray:
    """Pictures (N, H, W, C) at size x size; a new pixel is the mean over its area."""
    if not 1 <= size <= min(x.shape[1:3]):
        raise InputError(
            f"size {size}: pictures are {x.shape[1]}x{x.shape[2]} pixels and can only "
            f"be made smaller; give larger ones (--data cifar10 has 32) or --size "
            f"{min(x.shape[1:3])}"
        )
    rows, columns = _area_means(x.shape[1], size), _area_means(x.shape[2], size)
    if size == x.shape[1] == x.shape[2]:
        return x
    x = np.tensordot(x, rows, axes=(1, 1))  # (N, W, C, size)
    return np.tensordot(x, columns, axes=(1, 1)).transpose(0, 2, 3, 1)


def _area_means(old: int, new: int) -> np.ndarray:
    """(new, old): how much of each old pixel lies in each new one; rows sum to 1."""
    edges = np.arange(new + 1) * old / new
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)
    overlap = np.minimum(right, pixel + 1) - np.maximum(left, pixel)
    return (np.clip(overlap, 0, None) * new / old).astype(np.float32)


def _four_axes(x: np.ndarray) -> np.ndarray:
    return (x if x.ndim == 4 else x[..., None]).astype(np.float32)


def _from_npz(path: Path, expected: str | None) -> tuple[dict[str, np.ndarray], str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"no data set {path}: take 'fashion' (shipped), a name that torchvision "
            f"downloads ({', '.join(TORCHVISION)}) or the path of a .npz"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if expected is not None and digest != expected:
        raise InputError(
            f"{path} has sha256 {digest[:12]}..., not {expected[:12]}...: "
            "it is damaged or another file; fetch it again"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        sizes = [
            len(arrays[name]) for name in ("x_train", "y_train", "x_test", "y_test")
        ]
    except DAMAGE:
        raise InputError(f"{path} is not a .npz, or it is damaged") from None
    except KeyError:
        raise InputError(
            f"{path} needs the arrays x_train, y_train, x_test and y_test"
        ) from None
    if sizes[0] != sizes[1] or sizes[2] != sizes[3]:
        raise InputError(f"{path}: pictures and labels differ in number: {sizes}")
    _check_contents(path, arrays)
    return arrays, digest


def _check_contents(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Refuse pictures and labels that no classifier can be trained on."""
    names = arrays.get("class_names")
    if names is not None and names.ndim != 1:
        raise InputError(f"{path}: class_names must be a list of names")
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim not in (3, 4) or x.dtype.kind not in "uif" or 0 in x.shape:
            raise InputError(
                f"{path}: x_{part} must be numbers of shape (N, H, W) or (N, H, W, C), "
                f"not {x.dtype} of shape {x.shape}"
            )
        if x.shape[1:] != arrays["x_train"].shape[1:]:
            raise InputError(f"{path}: x_train and x_test differ in size or channels")
        if not np.isfinite(x).all():
            raise InputError(f"{path}: x_{part} holds numbers that are not finite")
        if y.ndim != 1 or y.dtype.kind not in "ui":
            raise InputError(f"{path}: y_{part} must be whole numbers of shape (N,)")
        most = int(arrays["y_train"].max()) if names is None else len(names) - 1
        if y.min() < 0 or y.max() > most:
            raise InputError(
                f"{path}: y_{part} runs from {y.min()} to {y.max()}; "
                f"the labels of the classes are 0 to {most}"
            )


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled NumPy arrays, lists and strings; code in the file is not run."""

    ALLOWED = {"_reconstruct", "ndarray", "dtype", "encode"}

    def find_class(self, module: str, name: str) -> Any:
        if name not in self.ALLOWED or module.split(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def _from_folder(path: Path) -> tuple[str, dict[str, np.ndarray], str]:
    """Name, arrays and hash of CIFAR-10 or CIFAR-100, from their official files."""
    for name, (train, test, meta, labels, names) in CIFAR.items():
        folders = [path, path / "cifar-10-batches-py", path / "cifar-100-python"]
        folder = next((f for f in folders if (f / train[0]).is_file()), None)
        if folder is None:
            continue
        files = [folder / file for file in (*train, test, meta)]
        try:
            raw = [file.read_bytes() for file in files]
            read = [_ArraysOnly(io.BytesIO(r), encoding="bytes").load() for r in raw]
            parts = [
                (np.asarray(part[b"data"]), np.asarray(part[labels]))
                for part in read[:-1]
            ]
            x = [data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for data, _ in parts]
            arrays = {
                "x_train": np.concatenate(x[:-1]),
                "y_train": np.concatenate([label for _, label in parts[:-1]]),
                "x_test": x[-1],
                "y_test": parts[-1][1],
                "class_names": np.asarray([n.decode() for n in read[-1][names]]),
            }
        except FileNotFoundError as error:
            raise InputError(
                f"{folder} has no {Path(error.filename).name}: unpack the whole "
                f"archive of {name} (the Python version)"
            ) from None
        except (*DAMAGE, pickle.UnpicklingError, KeyError, IndexError, AttributeError):
            raise InputError(
                f"{folder} is not {name} as published (the Python version), or a file "
                "is damaged; unpack it again"
            ) from None
        _check_contents(folder, arrays)
        return name, arrays, hashlib.sha256(b"".join(raw)).hexdigest()
    raise InputError(
        f"{path} is a folder without the files of CIFAR-10 or CIFAR-100 "
        "(data_batch_1, or train); unpack the archive of the Python version there"
    )


def _from_torchvision(source: str) -> dict[str, np.ndarray]:
    """Download what is not there yet; of several processes one does, the others wait.

    The lock file stays; a process that is killed lets go of it.
    """
    try:
        from filelock import FileLock  # comes with torch
        from torchvision import datasets
    except (ImportError, RuntimeError):
        raise InputError(
            f"{source} needs torchvision, which is not installed here: install it, or "
            "give the path of a .npz, or, at 28 pixels or fewer, take 'fashion', which "
            "ships with the package"
        ) from None
    root = Path.home() / ".cache" / "gaea_mini"
    build = getattr(datasets, TORCHVISION[source])
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{source}.lock"):
            train, test = (build(root, part, download=True) for part in (True, False))
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{source} could not be downloaded ({error}); give the path of a .npz, or "
            "take 'fashion', which ships with the package"
        ) from None
    return {
        "x_train": np.asarray(train.data),
        "y_train": np.asarray(train.targets),
        "x_test": np.asarray(test.data),
        "y_test": np.asarray(test.targets),
        "class_names": np.asarray(train.classes),
    }
