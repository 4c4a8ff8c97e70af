"""Checkpoints: continue bit for bit, refuse damage, run nothing from a file."""

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gaea_mini import checkpoints
from gaea_mini.errors import InputError
from gaea_mini.search import Run, SingleLevel, darts, gaea, search
from gaea_mini.search.distributed import ALONE
from gaea_mini.search.loop import describe
from gaea_mini.search.speed import EXACT
from gaea_mini.supernet import space

COMPACT = space("compact")
DAMAGED = (
    "checkpoint .*c.pt is damaged or is no checkpoint; name another file, or delete"
)


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


@pytest.fixture(scope="module")
def good(data, budget, tmp_path_factory):
    """The bytes of a checkpoint after one epoch, and the search that it is of."""
    file = tmp_path_factory.mktemp("good") / "c.pt"
    runs = search(COMPACT, data, gaea(darts()), budget, checkpoint=file)
    next(runs), next(runs)
    return file.read_bytes(), describe(COMPACT, data, gaea(darts()), budget, 0)


def stop_after(epochs, *arguments, **options):
    for run in search(*arguments, **options):
        if run.epoch == epochs:
            return run
    raise AssertionError


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if torch.is_tensor(one):
        return one.dtype == other.dtype and torch.equal(one, other)
    return one == other


@pytest.mark.parametrize("cuts", [[1], [2], [1, 2]])
def test_a_search_that_was_cut_off_ends_bit_for_bit_like_one_that_was_not(
    any_method, cuts, data, budget, tmp_path
):
    """Theta, weights, momentum, random streams and all numbers of the record."""
    broken, straight = tmp_path / "broken.pt", tmp_path / "straight.pt"
    arguments = (COMPACT, data, any_method, budget, 3)
    *_, run = search(*arguments, checkpoint=straight)
    for epochs in cuts:
        stop_after(epochs, *arguments, checkpoint=broken)
    *_, again = search(*arguments, checkpoint=broken)
    files = [checkpoints.load(f, run.config) for f in (broken, straight)]
    assert same(files[0]["state"], files[1]["state"])
    kept = [
        {k: v for k, v in r.to_dict().items() if k not in ("seconds", "peak_mb")}
        for r in (run, again)
    ]
    assert kept[0] == kept[1]
    assert again.seconds == sorted(again.seconds)


def test_resuming_says_where_it_goes_on(data, budget, tmp_path):
    file = tmp_path / "c.pt"
    arguments = (COMPACT, data, gaea(darts()), budget)
    stop_after(2, *arguments, checkpoint=file)
    assert [r.epoch for r in search(*arguments, checkpoint=file)] == [2, 3]
    assert [r.epoch for r in search(*arguments, checkpoint=file)] == [3]


def test_a_checkpoint_is_written_every_epoch_and_the_one_before_stays(
    data, budget, tmp_path
):
    file = tmp_path / "c.pt"
    for run in search(COMPACT, data, gaea(darts()), budget, checkpoint=file):
        if run.epoch == 0:
            assert os.listdir(tmp_path) == []
            continue
        there = ["c.pt"] if run.epoch == 1 else ["c.pt", "c.pt.before"]
        assert sorted(os.listdir(tmp_path)) == there
        saved = checkpoints.load(file, run.config)
        assert Run.from_dict(saved["run"]) == run
        if run.epoch > 1:
            older = checkpoints.load(checkpoints.before(file), run.config)
            assert Run.from_dict(older["run"]).theta == run.theta[:-1]


OTHERS = {
    "seed": lambda a: {**a, "seed": 1},
    "method": lambda a: {**a, "method": darts()},
    "update": lambda a: {**a, "method": gaea(darts(), lr=0.5)},
    "objective": lambda a: {**a, "method": gaea(darts(objective=SingleLevel()))},
    "operations": lambda a: {**a, "space": COMPACT.without("avg_pool_3x3")},
    "space": lambda a: {**a, "space": space("nasbench201")},
    "lr_w": lambda a: {**a, "budget": replace(a["budget"], lr_w=0.05)},
    "epochs": lambda a: {**a, "budget": replace(a["budget"], epochs=4)},
    "batch": lambda a: {**a, "budget": replace(a["budget"], batch=4)},
    "form": lambda a: {**a, "form": "reference"},
    "precision": lambda a: {**a, "precision": "bfloat16"},
    "skip_below": lambda a: {**a, "skip_below": 1e-3},
    "data": lambda a: {**a, "data": replace(a["data"], name="others")},
    "data_sha256": lambda a: {**a, "data": replace(a["data"], sha256="0" * 64)},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_search_is_refused_with_the_difference(
    name, data, budget, good, tmp_path
):
    file = tmp_path / "c.pt"
    file.write_bytes(good[0])
    options = {"space": COMPACT, "data": data, "method": gaea(darts())}
    options = OTHERS[name]({**options, "budget": budget, "seed": 0})
    with pytest.raises(
        InputError, match=rf"is of another search \(.*\b{name}[ .]"
    ) as info:
        list(search(**options, checkpoint=file))
    assert "\n" not in str(info.value)
    assert file.read_bytes() == good[0], "the other search's checkpoint was touched"


@pytest.mark.parametrize("name", ["compile", "graphs"])
def test_how_it_is_computed_may_differ_for_a_checkpoint_only(name):
    """A finished record is of one way: a mean over records of two would mix them."""
    one, other = {"seed": 0, name: True}, {"seed": 0}
    checkpoints.require_same("checkpoint c", one, other, checkpoints.HOW)
    with pytest.raises(InputError, match=f"record r is of another search .{name} True"):
        checkpoints.require_same("record r", one, other)


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [("precision", "bfloat16", "float32"), ("skip_below", 0.1, "0.0"), ("ranks", 2, 1)],
)
def test_what_is_as_usual_is_told_by_its_value(name, value, usual):
    with pytest.raises(InputError, match=f"{name} {value} there, {usual} here"):
        checkpoints.require_same("c", {name: value}, {})


def test_the_usual_values_are_those_of_the_package():
    usual = checkpoints.USUAL | {"compile": False, "graphs": False}
    assert usual == {**vars(EXACT), "ranks": ALONE.count}


# ------------------------------------------------------------------------- damage


def refuse(file: Path, content: bytes, config) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=DAMAGED) as info:
        checkpoints.load(file, config)
    assert "\n" not in str(info.value)


def test_every_truncation_is_refused(good, tmp_path):
    content, config = good
    lengths = [*range(300), *range(300, len(content), 997), len(content) - 1]
    for length in lengths:
        refuse(tmp_path / "c.pt", content[:length], config)


def test_every_changed_byte_is_refused(good, tmp_path):
    """Also one in the middle of the weights, which no unpickler can notice."""
    content, config = good
    for seed in range(200):
        draw = random.Random(seed)
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= draw.randrange(1, 256)
        refuse(tmp_path / "c.pt", bytes(changed), config)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n" * 50,
        b"{}",
        b"\x80\x02.",
        b"\x80\x04\x95",
        b"(lp0\n.",
        b"PK\x03\x04",
    ],
)
def test_a_file_of_another_kind_is_refused(good, tmp_path, content):
    refuse(tmp_path / "c.pt", content, good[1])


def test_random_bytes_are_refused(good, tmp_path):
    for seed in range(200):
        draw = random.Random(seed)
        refuse(tmp_path / "c.pt", draw.randbytes(draw.randrange(400)), good[1])


@pytest.mark.parametrize(
    "content",
    [
        *({}, [], 3, "text", {"run": 3}, {"run": {"config": 3}, "state": {}}),
        *(torch.zeros(3), {"run": {"config": None}, "state": {}}),
    ],
    ids=str,
)
def test_a_sound_file_with_wrong_contents_is_refused(good, tmp_path, content):
    checkpoints.save(tmp_path / "c.pt", content)
    with pytest.raises(InputError, match=DAMAGED):
        checkpoints.load(tmp_path / "c.pt", good[1])


def test_a_checkpoint_without_a_state_is_refused(good, tmp_path):
    checkpoints.save(tmp_path / "c.pt", {"run": {"config": good[1]}})
    with pytest.raises(InputError, match=DAMAGED):
        checkpoints.load(tmp_path / "c.pt", good[1])


class Bomb:
    """An object whose unpickling runs a command."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (os.mkdir, (str(self.mark),))


@pytest.mark.parametrize("sealed", [True, False])
def test_code_in_a_checkpoint_is_not_run(good, tmp_path, sealed):
    """Neither from a file written as ours are, nor from a plain torch.save."""
    file, mark = tmp_path / "c.pt", tmp_path / "mark"
    saved = {"run": {"config": good[1]}, "state": Bomb(mark)}
    if sealed:
        checkpoints.save(file, saved)
    else:
        torch.save(saved, file)
    with pytest.raises(InputError, match=DAMAGED):
        checkpoints.load(file, good[1])
    assert not mark.exists()
    if not sealed:  # the bomb is a real one
        torch.load(file, weights_only=False)
        assert mark.exists()
