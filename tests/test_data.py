"""Pictures: where they come from, how they are resized, and what is refused."""

import hashlib
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from gaea_mini.data import SAMPLE, SAMPLE_SHA256, TORCHVISION, load, resize
from gaea_mini.errors import InputError


def arrays(count=60, side=8, channels=None, seed=0):
    """A small data set as a .npz holds it, three classes."""
    rng = np.random.default_rng(seed)
    shape = (side, side) if channels is None else (side, side, channels)
    return {
        "x_train": rng.integers(0, 256, (count, *shape)).astype(np.uint8),
        "y_train": (np.arange(count) % 3).astype(np.uint8),
        "x_test": rng.integers(0, 256, (12, *shape)).astype(np.uint8),
        "y_test": (np.arange(12) % 3).astype(np.uint8),
    }


@pytest.fixture
def write(tmp_path):
    """Write a .npz with some arrays replaced, or left out where None."""

    def write(save=np.savez_compressed, **changes):
        kept = {k: v for k, v in {**arrays(), **changes}.items() if v is not None}
        path = tmp_path / "pictures.npz"
        save(path, **kept)
        return path

    return write


def refused(path, pattern="", **options):
    with pytest.raises(InputError, match=pattern) as info:
        load(str(path), **options)
    assert "\n" not in str(info.value)
    return str(info.value)


# ------------------------------------------------------------------------ the sample


def test_the_shipped_sample_is_whole():
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() == SAMPLE_SHA256
    data = load("fashion")
    assert data.x.shape == (len(data.y), 28, 28, 1) and data.x.dtype == np.float32
    assert data.classes == 10 and set(data.y) == set(range(10))
    assert data.class_names[0].lower().startswith("t-shirt")
    assert data.sha256 == SAMPLE_SHA256 and data.name == "fashion"
    assert len(data.x_test) == len(data.y_test) > 0
    assert any(SAMPLE.parent.glob("LICENSE*")), "the licence notice must lie beside it"


@pytest.mark.parametrize("count", [100, 1000, 3000, 8000])
def test_the_front_of_the_sample_is_balanced(count):
    """Whoever takes the first N pictures gets every class about equally often."""
    times = np.bincount(load("fashion", pictures=count).y, minlength=10)
    assert abs(times - count / 10).max() <= max(1, 0.03 * count / 10)


def test_a_changed_sample_is_refused(tmp_path, monkeypatch):
    content = bytearray(SAMPLE.read_bytes())
    content[len(content) // 2] ^= 1
    changed = tmp_path / "fashion_15k.npz"
    changed.write_bytes(content)
    monkeypatch.setattr("gaea_mini.data.SAMPLE", changed)
    refused("fashion", "it is damaged or another file; fetch it again")


def test_fewer_pictures_are_the_first_ones():
    few, many = load("fashion", size=7, pictures=50), load("fashion", size=7)
    assert np.array_equal(few.y, many.y[:50])
    # The same pictures up to the standardisation, which is of those that are used.
    one, other = (d.x[:50].astype(np.float64).ravel() for d in (few, many))
    slope, intercept = np.polyfit(one, other, 1)
    np.testing.assert_allclose(slope * one + intercept, other, atol=1e-4)
    assert slope > 0


# ------------------------------------------------------------------- standardisation


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_each_channel_is_standardised_by_the_training_pictures(write, channels):
    raw = arrays(channels=channels)
    data = load(str(write(**raw)))
    x, x_test = (
        raw[name].astype(np.float64).reshape(-1, 8, 8, channels or 1)
        for name in ("x_train", "x_test")
    )
    for c in range(channels or 1):
        mean, deviation = x[..., c].mean(), x[..., c].std()
        for found, values in ((data.x, x), (data.x_test, x_test)):
            expected = (values[..., c] - mean) / deviation
            np.testing.assert_allclose(found[..., c], expected, atol=2e-5)
    assert data.x.dtype == data.x_test.dtype == np.float32
    assert data.y.dtype == data.y_test.dtype == np.int64


def test_many_pixels_do_not_spoil_the_mean(write):
    """A sum of millions of large numbers no longer grows in float32."""
    rng = np.random.default_rng(0)
    x = rng.integers(190, 256, (3000, 32, 32, 3)).astype(np.uint8)
    y = np.arange(3000) % 3
    small = {"x_test": x[:3], "y_test": y[:3]}
    data = load(str(write(np.savez, x_train=x, y_train=y, **small)))
    exact = data.x.astype(np.float64)
    np.testing.assert_allclose(exact.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(exact.std((0, 1, 2)), 1, atol=1e-5)


def test_a_channel_of_one_colour_becomes_zero(write):
    x = arrays(channels=3)["x_train"]
    x[..., 1] = 200
    data = load(str(write(x_train=x, x_test=x[:12])))
    assert np.isfinite(data.x).all() and not data.x[..., 1].any()
    assert data.x[..., 0].std() == pytest.approx(1, abs=1e-4)


# ---------------------------------------------------------------------------- size


def area_mean(picture, size):
    """The mean over each new pixel's area, on a grid fine enough for both sizes."""
    fine = np.kron(picture, np.ones((size, size)))  # (old * size, ...)
    old = fine.shape[0] // size
    new = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            new[i, j] = fine[i * old : (i + 1) * old, j * old : (j + 1) * old].mean()
    return new


@pytest.mark.parametrize(("old", "new"), [(28, 14), (28, 16), (7, 3), (5, 5), (9, 1)])
def test_a_new_pixel_is_the_mean_over_its_area(old, new):
    x = np.random.default_rng(0).random((3, old, old, 2)).astype(np.float32)
    small = resize(x, new)
    assert small.shape == (3, new, new, 2)
    for n in range(3):
        for c in range(2):
            expected = area_mean(x[n, :, :, c].astype(np.float64), new)
            np.testing.assert_allclose(small[n, :, :, c], expected, atol=1e-5)


def test_pictures_that_are_not_square_become_square():
    x = np.random.default_rng(0).random((2, 6, 4, 1)).astype(np.float32)
    small = resize(x, 2)[..., 0]
    for n in range(2):
        for i in range(2):
            for j in range(2):
                block = x[n, 3 * i : 3 * i + 3, 2 * j : 2 * j + 2]
                assert small[n, i, j] == pytest.approx(block.mean(), abs=1e-6)


def test_the_size_is_that_of_training_and_test_pictures(write):
    data = load(str(write()), size=4)
    assert data.x.shape == (60, 4, 4, 1) and data.x_test.shape == (12, 4, 4, 1)


@pytest.mark.parametrize("size", [0, -1, 9, 100])
def test_a_size_that_cannot_be_made_is_refused(write, size):
    refused(write(), f"size {size}: pictures are 8x8 pixels", size=size)


@pytest.mark.parametrize("pictures", [0, -5, 61])
def test_a_number_of_pictures_that_there_is_not_is_refused(write, pictures):
    refused(write(), f"has 60 pictures .*; {pictures} were asked", pictures=pictures)


# ----------------------------------------------------------------------- other files


def test_a_npz_by_path(write):
    path = write(class_names=np.array(["cat", "dog", "ship"]))
    data = load(str(path))
    assert data.name == "pictures" and data.class_names == ("cat", "dog", "ship")
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load(str(path), sha256=data.sha256).x.shape == (60, 8, 8, 1)
    assert load(str(write())).class_names == ("0", "1", "2")


def test_the_hash_is_checked_where_one_is_given(write):
    path = write()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    wrong = "0" * 64
    message = refused(path, "fetch it again", sha256=wrong)
    assert digest[:12] in message and wrong[:12] in message and path.name in message


def test_cifar10_by_path(cifar10_file):
    data = load(str(cifar10_file), size=16, pictures=500)
    assert data.x.shape == (500, 16, 16, 3) and data.classes == 10
    assert set(data.y) == set(range(10)) and data.name == "cifar10_9k"


def test_a_missing_file_names_all_ways_out(tmp_path):
    message = refused(tmp_path / "gone.npz", "no data set .*gone.npz")
    for way in ("'fashion'", "cifar10", "the path of a .npz"):
        assert way in message


@pytest.mark.parametrize("source", TORCHVISION)
def test_without_torchvision_the_message_says_what_to_do(source, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    message = refused(source, f"{source} needs torchvision, which is not installed")
    assert "path of a .npz" in message and "'fashion'" in message


def test_torchvisions_sets_are_taken_as_they_come(monkeypatch, tmp_path):
    """A stand-in for the library: the arguments it is called with, and what it has."""
    asked = []

    class Cifar10:
        def __init__(self, root, train, download):
            asked.append((str(root), train, download))
            rng = np.random.default_rng(train)
            self.data = rng.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
            self.targets = [i % 10 for i in range(40)]
            self.classes = [f"class {i}" for i in range(10)]

    datasets = type(sys)("torchvision.datasets")
    datasets.CIFAR10 = Cifar10
    library = type(sys)("torchvision")
    library.datasets = datasets
    monkeypatch.setitem(sys.modules, "torchvision", library)
    monkeypatch.setenv("HOME", str(tmp_path))
    data = load("cifar10", size=8, pictures=30)
    assert [(train, download) for _, train, download in asked] == [
        *((True, True), (False, True)),
    ]
    assert all(root.startswith(str(tmp_path)) for root, _, _ in asked)
    assert data.x.shape == (30, 8, 8, 3) and data.x_test.shape == (40, 8, 8, 3)
    assert data.class_names[3] == "class 3" and data.name == "cifar10"

    def offline(self, root, train, download):
        raise OSError("no network")

    monkeypatch.setattr(Cifar10, "__init__", offline)
    refused("cifar10", "could not be downloaded .*no network.*path of a .npz")


DOWNLOADER = """
import os, sys, time
from pathlib import Path
import numpy as np

place = Path(os.environ["HOME"])

class Cifar10:
    def __init__(self, root, train, download):
        there = place / "there"
        if not there.exists():
            (place / f"download-{os.getpid()}").touch()
            time.sleep(0.5)
            there.touch()
        self.data = np.zeros((40, 32, 32, 3), np.uint8)
        self.targets, self.classes = [0] * 40, ["a"]

for name in ("torchvision", "torchvision.datasets"):
    sys.modules[name] = type(sys)(name)
sys.modules["torchvision"].datasets = sys.modules["torchvision.datasets"]
sys.modules["torchvision"].datasets.CIFAR10 = Cifar10

from gaea_mini.data import load
(place / f"ready-{os.getpid()}").touch()
while len(list(place.glob("ready-*"))) < 2:
    time.sleep(0.01)
load("cifar10", size=8)
"""


def test_of_two_processes_one_downloads(tmp_path, root):
    """Both begin at one moment; the stand-in for the library takes half a second."""
    env = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", DOWNLOADER]
    processes = [subprocess.Popen(command, env=env) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("download-*"))) == 1


def test_every_truncation_is_refused(write):
    path = write()
    whole = path.read_bytes()
    for length in range(0, len(whole), 41):
        path.write_bytes(whole[:length])
        refused(path, "pictures.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_changed_byte_is_refused_or_does_no_harm(write, save):
    """A file that is still read holds the same pictures: zip keeps a checksum."""
    path = write(save)
    whole, intact = path.read_bytes(), load(str(path))
    refusals = 0
    for seed in range(250):
        draw = random.Random(seed)
        changed = bytearray(whole)
        changed[draw.randrange(len(whole))] ^= draw.randrange(1, 256)
        path.write_bytes(changed)
        try:
            data = load(str(path))
        except InputError as error:
            assert "\n" not in str(error) and "pictures.npz" in str(error)
            refusals += 1
            continue
        for name in ("x", "y", "x_test", "y_test"):
            assert np.array_equal(getattr(data, name), getattr(intact, name))
    assert refusals > 200


@pytest.mark.parametrize("content", [b"", b"text\n" * 9, b"\x93NUMPY", b"PK\x05\x06"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "pictures.npz"
    path.write_bytes(content)
    refused(path, "pictures.npz")


def test_a_single_array_and_a_folder_are_refused(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    refused(tmp_path / "one.npy", "one.npy is not a .npz")
    refused(tmp_path, "is a folder without")


def test_nothing_is_unpickled(write, tmp_path):
    import os

    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "mark"),))

    path = write(y_test=np.array([Bomb()] * 12, dtype=object))
    refused(path, "pictures.npz")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", arrays())
def test_a_missing_array_is_refused(write, name):
    refused(write(**{name: None}), "needs the arrays x_train, y_train, x_test and y_te")


WRONG = {
    "fewer labels": {"y_train": np.zeros(59, int)},
    "more test labels": {"y_test": np.zeros(13, int)},
    "labels as text": {"y_train": np.array(["cat"] * 60)},
    "labels that are no whole numbers": {"y_train": np.arange(60) % 3 + 0.5},
    "labels in two columns": {"y_train": np.zeros((60, 1), int)},
    "one label for all": {"y_train": np.array(3)},
    "a negative label": {"y_train": np.arange(60) % 3 - 1},
    "a label without a name": {"class_names": np.array(["cat", "dog"])},
    "a test label without a name": {"y_test": np.full(12, 3)},
    "one name": {"class_names": np.array("cat")},
    "flat pictures": {"x_train": np.zeros((60, 64))},
    "five axes": {"x_train": np.zeros((60, 8, 8, 1, 1))},
    "pictures as text": {"x_train": np.full((60, 8, 8), "a")},
    "complex pictures": {"x_train": np.zeros((60, 8, 8), complex)},
    "not a number": {"x_train": np.full((60, 8, 8), np.nan)},
    "infinity": {"x_test": np.full((12, 8, 8), np.inf)},
    "no pictures": {"x_train": np.zeros((0, 8, 8)), "y_train": np.zeros(0, int)},
    "test pictures of another size": {"x_test": np.zeros((12, 9, 9))},
    "test pictures with more channels": {"x_test": np.zeros((12, 8, 8, 3))},
}


@pytest.mark.parametrize("what", WRONG)
def test_contents_that_cannot_be_used_are_refused(write, what):
    refused(write(**WRONG[what]), "pictures.npz")
