"""Many searches: resumable, one record each, on processes and on a Dask cluster."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gaea_mini import checkpoints, forecast
from gaea_mini import sweep as module
from gaea_mini.cli import build_parser, full, main
from gaea_mini.cli.sweep import ask_about, points_of
from gaea_mini.errors import InputError
from gaea_mini.search import PRESETS, Run, search
from gaea_mini.sweep import Point, forecast_point, search_point, sweep

ROOT = str(Path(__file__).resolve().parent.parent)
POINTS = [Point("compact", "gaea-darts", "bilevel", seed, epochs=1) for seed in (0, 1)]


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "gaea_mini", "sweep", "--out", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )


def in_this_process(monkeypatch):
    """Workers that are no processes, and a list of what they were given."""
    from contextlib import contextmanager

    given = []

    @contextmanager
    def workers(scheduler, jobs):
        def run(task, arguments):
            for one in arguments:
                given.append(one[0])
                yield task(*one)

        yield run

    monkeypatch.setattr(module, "workers", workers)
    return given


def test_a_sweep_makes_the_records_that_search_makes(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    found = dict(sweep(POINTS, tmp_path))
    assert set(found) == set(POINTS)
    names = {f"compact-gaea-darts-bilevel-seed{seed}.json" for seed in (0, 1)}
    assert {path.name for path in tmp_path.iterdir()} == names, "checkpoints are left"
    for point in POINTS:
        *_, run = search(*point.arguments())
        record = Run.load(tmp_path / f"{point.name}.json")
        assert record.theta == run.theta and record.config["seed"] == point.seed


def test_what_has_a_record_is_not_searched_again(tmp_path, monkeypatch):
    given = in_this_process(monkeypatch)
    list(sweep(POINTS[:1], tmp_path))
    assert given == POINTS[:1]
    order = [point for point, _ in sweep(POINTS[::-1], tmp_path)]
    assert given == POINTS and order == POINTS
    # A record of other settings is not taken for it.
    longer = replace(POINTS[0], epochs=2)
    with pytest.raises(InputError, match=r"epochs 1 there, 2 here"):
        list(sweep([longer], tmp_path))


def failing(monkeypatch, seeds, error):
    """These seeds fail; all others are searched."""
    real = module.search

    def instead(space, data, method, budget, seed, *rest, **options):
        if seed in seeds:
            raise error
        return real(space, data, method, budget, seed, *rest, **options)

    monkeypatch.setattr(module, "search", instead)


NO_NUMBER = "epoch 1, step 3: the loss is not a finite number"


def test_a_search_that_fails_does_not_end_the_others(tmp_path, monkeypatch):
    given = in_this_process(monkeypatch)
    with monkeypatch.context() as patch:
        failing(patch, [0], InputError(NO_NUMBER))
        searches, found = sweep(POINTS, tmp_path), []
        with pytest.raises(InputError) as info:
            found.extend(point for point, _ in searches)
    assert given == POINTS
    assert [path.name for path in tmp_path.iterdir()] == [f"{POINTS[1].name}.json"]
    assert str(info.value) == (
        f"1 of 2 searches failed: {POINTS[0].name}: {NO_NUMBER}; 1 of 2 records are in "
        f"{tmp_path}, and the same command tries only the others again"
    )
    given.clear()
    assert dict(sweep(POINTS, tmp_path)).keys() == set(POINTS)
    assert given == POINTS[:1]


def test_of_many_that_fail_the_first_three_are_told(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    failing(monkeypatch, range(5), InputError(NO_NUMBER))
    points = [replace(POINTS[0], seed=seed) for seed in (5, 4, 3, 2, 1, 0)]
    with pytest.raises(InputError, match="5 of 6 searches failed: ") as info:
        list(sweep(points, tmp_path))
    (line,) = str(info.value).splitlines()
    assert [f"{point.name}: " in line for point in points] == [0, 1, 1, 1, 0, 0]
    assert "; and 2 more; 1 of 6 records are in" in line


def test_what_was_done_is_summed_up_before_what_failed(tmp_path, capsys, monkeypatch):
    """With such a step the logits of darts overflow; gaea-darts ends at a vertex."""
    in_this_process(monkeypatch)
    command = ["sweep", "--lr-theta", "1e37", "--epochs", "1", "--out", str(tmp_path)]
    assert main([*command, "--seeds", "0-1", "--methods", "darts", "gaea-darts"]) == 2
    told, line = capsys.readouterr()
    *_, title, arm = told.splitlines()
    assert title.startswith("held-out accuracy of the cell")
    assert arm.startswith("compact-gaea-darts-bilevel-lr1e+37: ") and "(2)" in arm
    assert line.startswith(
        "gaea_mini: 2 of 4 searches failed: compact-darts-bilevel-lr"
    )
    assert "the loss is not a finite number" in line and line.count("\n") == 1
    # Where nothing was done there is nothing to sum up.
    assert main([*command, "--seeds", "0", "--methods", "darts"]) == 2
    told, line = capsys.readouterr()
    assert told == "" and line.startswith("gaea_mini: 1 of 1 searches failed: ")


@pytest.mark.parametrize(
    "full", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_a_full_memory_is_one_line(tmp_path, monkeypatch, full):
    in_this_process(monkeypatch)
    with monkeypatch.context() as patch:
        failing(patch, [0], full)
        with pytest.raises(InputError, match="1 of 2 searches failed") as info:
            list(sweep(POINTS, tmp_path))
    (line,) = str(info.value).splitlines()
    assert f"{POINTS[0].name}: the memory is full" in line
    assert "take fewer --jobs or a smaller --preset" in line
    assert (tmp_path / f"{POINTS[1].name}.json").exists()

    def measure(*sizes, before_steps):
        raise full

    monkeypatch.setattr(module, "of_search", measure)
    with pytest.raises(InputError, match=f"{POINTS[0].arm}: the memory is full"):
        forecast_point(POINTS[0], "cpu", None)


def test_a_disk_that_is_full_for_one_search_does_not_end_the_others(
    tmp_path, monkeypatch
):
    in_this_process(monkeypatch)
    failing(monkeypatch, [0], OSError(28, "No space left on device", "c.pt"))
    with pytest.raises(InputError) as info:
        list(sweep(POINTS, tmp_path))
    told = f"{POINTS[0].name}: c.pt: No space left on device; 1 of 2 records are in"
    assert told in str(info.value)


def test_a_disk_that_is_full_for_a_record_says_what_is_done(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    real, calls = Run.save, []

    def save(run, path):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(path))
        real(run, path)

    monkeypatch.setattr(Run, "save", save)
    with pytest.raises(InputError, match="left on device; 1 of 2 records are in"):
        list(sweep(POINTS, tmp_path))


def test_a_checkpoint_of_another_search_is_refused_before_any(tmp_path, monkeypatch):
    given = in_this_process(monkeypatch)
    file = tmp_path / f"{POINTS[1].name}.pt"
    for run in search(*POINTS[1].shorter(2).arguments(), checkpoint=file):
        if run.epoch == 1:
            break
    with pytest.raises(
        InputError, match="epochs 2 there, 1 here.*; delete it, or name"
    ):
        list(sweep(POINTS, tmp_path))
    assert given == []
    file.unlink()  # as the line advises
    assert len(dict(sweep(POINTS, tmp_path))) == 2


def test_records_of_one_way_to_compute_are_not_those_of_another(tmp_path, monkeypatch):
    """Their mean would be of neither."""
    in_this_process(monkeypatch)
    list(sweep(POINTS[:1], tmp_path))
    with pytest.raises(InputError, match="compile not there, True here"):
        list(sweep([replace(POINTS[0], compile=True)], tmp_path))


def test_a_worker_without_the_device_ends_the_sweep(tmp_path, monkeypatch):
    given = in_this_process(monkeypatch)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device here") as info:
        list(sweep(POINTS, tmp_path, device="cuda"))
    assert given == POINTS[:1] and "failed" not in str(info.value)


def test_two_searches_of_one_name_are_refused(tmp_path, monkeypatch):
    given = in_this_process(monkeypatch)
    for other in (POINTS[0], replace(POINTS[0], epochs=2)):
        with pytest.raises(InputError, match=f"named {POINTS[0].name}, and would"):
            list(sweep([*POINTS, other], tmp_path))
    assert given == [] and list(tmp_path.iterdir()) == []


def test_more_epochs_than_the_cosine_lasts_stretch_it():
    tiny = PRESETS["tiny"].schedule_epochs
    for epochs in (tiny - 1, tiny + 2):
        budget = replace(POINTS[0], epochs=epochs).arguments()[3]
        assert budget.epochs == epochs
        assert budget.schedule_epochs == max(epochs, tiny)


def test_pictures_are_read_once_for_all_points(few_pictures, monkeypatch):
    read = []

    def load(*given):
        read.append(given)
        return real(*given)

    real = module.load
    monkeypatch.setattr(module, "load", load)
    points = [replace(point, data=few_pictures, preset="gpu") for point in POINTS]
    first, second = (point.arguments()[1] for point in points)
    assert first is second and read == [(few_pictures, 32, None)]
    # Other pictures under the same name are other pictures.
    with np.load(few_pictures) as file:
        arrays = dict(file)
    np.savez(few_pictures, **arrays | {"x_train": arrays["x_train"][::-1]})
    os.utime(few_pictures, (0, 0))
    other = points[0].arguments()[1]
    assert (other.x == first.x[::-1]).all() and (other.x != first.x).any()


def test_without_the_folder_a_worker_keeps_no_checkpoint(tmp_path):
    point, record = search_point(POINTS[0], str(tmp_path / "elsewhere"), "cpu")
    assert point == POINTS[0] and record["config"]["seed"] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seeds", "3-1"], "--seeds is '3-1'; give whole numbers"),
        (["--seeds", "1,1"], "each once"),
        (["--methods", "darts", "darts"], "--methods names 'darts' more than once"),
        (["--spaces", "compact", "compact"], "--spaces names 'compact' more than"),
        (["--objectives", "bilevel", "bilevel"], "--objectives names 'bilevel' more"),
        (["--spaces", "moon"], "moon"),
        (["--methods", "gaea-darts", "gaea-rs-ws"], "gaea has no use"),
        (["--objectives", "trilevel"], "no objective 'trilevel'"),
        (["--preset", "huge"], "no preset 'huge'"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--data", ""], "argument --data: it is empty"),
        (["--out", ""], "argument --out: it is empty; name a folder"),
        (["--warm-up", "2"], "warm_up is 2.0; it must be in"),
        (["--precision", "half"], "no precision 'half'"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler at 'tcp://127.0.0.1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(tmp_path, capsys, monkeypatch, arguments, says):
    if "--scheduler" in arguments:
        pytest.importorskip("distributed")

        def refuse(address, timeout):
            raise OSError("nobody there")

        monkeypatch.setattr("distributed.Client", refuse)
    assert main(["sweep", "--out", str(tmp_path / "out"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gaea_mini: ") and says in line
    assert not list(tmp_path.rglob("*.json"))


# before a long one --------------------------------------------------------------------


@pytest.fixture
def long_ones(monkeypatch):
    """Every search counts as long, and what is asked is answered from a list."""
    given = in_this_process(monkeypatch)
    monkeypatch.setattr("gaea_mini.sweep.is_small", lambda budget, pictures: False)
    monkeypatch.setattr(full, "LONG", 0)

    def sit_down(text):
        chair = io.StringIO(text)
        chair.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", chair)
        return given

    return sit_down


WIDE = "sweep --methods darts gaea-darts --seeds 0-1 --epochs 1 --jobs 2".split()


def test_a_long_sweep_is_forecast_once_an_arm_and_asked_about(
    long_ones, tmp_path, capsys
):
    given = long_ones("n\n")
    assert main([*WIDE, "--out", str(tmp_path)]) == 2
    *forecasts, whole, answer = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in forecasts] == [
        "compact-darts-bilevel",
        "compact-gaea-darts-bilevel",
    ]
    assert all("measured on 3 steps" in line and "MiB" in line for line in forecasts)
    assert whole.startswith("gaea_mini: 4 searches, ") and "with 2 at a time" in whole
    assert answer.startswith("Go on? [Y/n] gaea_mini: not begun; nothing was written")
    assert len(given) == 2 and list(tmp_path.iterdir()) == []

    long_ones("y\n")
    assert main([*WIDE, "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.json"))) == 4
    # What is missing of an arm is asked about by the time in a record of the arm.
    point = Point("compact", "darts", "bilevel", 1, epochs=1)
    other = tmp_path / "compact-darts-bilevel-seed0.json"
    (tmp_path / f"{point.name}.json").unlink()
    hours = {"seconds": [0.0, 7200.0]}
    other.write_text(json.dumps(json.loads(other.read_text()) | hours))
    given.clear()
    long_ones("n\n")
    capsys.readouterr()
    assert main([*WIDE, "--out", str(tmp_path)]) == 2
    first, whole, _ = capsys.readouterr().err.splitlines()
    assert first.endswith(f"compact-darts-bilevel: 2.0 hours, as recorded in {other}")
    assert whole.startswith("gaea_mini: 1 searches, 2.0 hours ") and given == []
    # What goes on from a checkpoint was asked about before: nobody answers now.
    list(search(*point.arguments(), checkpoint=tmp_path / f"{point.name}.pt"))
    long_ones("n\n")
    assert main([*WIDE, "--out", str(tmp_path)]) == 0
    # Also where only the one before is left, or one that was not moved into place.
    record, checkpoint = (tmp_path / f"{point.name}.{end}" for end in ("json", "pt"))
    for spare in (checkpoints.before(checkpoint), checkpoints.coming(checkpoint)):
        list(search(*point.arguments(), checkpoint=checkpoint))
        record.unlink()
        checkpoint.rename(spare)
        long_ones("n\n")
        assert main([*WIDE, "--out", str(tmp_path)]) == 0
    # What is no whole checkpoint was not begun.
    record.unlink()
    checkpoint.write_bytes(b"cut short")
    long_ones("n\n")
    assert main([*WIDE, "--out", str(tmp_path)]) == 2
    assert "not begun" in capsys.readouterr().err
    checkpoint.unlink()
    long_ones("y\n")
    assert main([*WIDE, "--out", str(tmp_path)]) == 0
    # An arm that is new has not been asked about.
    capsys.readouterr()
    assert main([*WIDE, "--methods", "darts", "gdas", "--out", str(tmp_path)]) == 2
    first, whole, _ = capsys.readouterr().err.splitlines()
    assert first.split(": ")[1] == "compact-gdas-bilevel"
    assert whole.startswith("gaea_mini: 2 searches, ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        # Three of 2 hours and one of 1: two places are busy for 2 + 2 hours.
        (["--jobs", "2"], "7.0 hours one after the other, 4.0 hours with 2 at a time"),
        (["--jobs", "9"], "2.0 hours with 9 at a time"),
        (["--jobs", "2", "--device", "cuda"], "7.0 hours with 1 at a time, because th"),
        (["--scheduler", "tcp://x:1", "--jobs", "9"], "3.0 hours with 3 Dask workers"),
    ],
    ids=" ".join,
)
def test_the_hours_of_a_sweep(arguments, says, monkeypatch, capsys):
    monkeypatch.setattr("gaea_mini.evaluate.workers.count_workers", lambda address: 3)
    options = build_parser().parse_args(["sweep", "--yes", "--out", "x", *arguments])
    points = [Point("compact", "darts", "bilevel", seed) for seed in range(3)]
    points.append(Point("compact", "gdas", "bilevel", 0))
    hours = {points[0].arm: 2, points[3].arm: 1}
    ask_about(options, {arm: (3600.0 * h, "") for arm, h in hours.items()}, points)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("device", "jobs"), [("cpu", 5), ("cuda", 1), ("cuda:1", 1)])
def test_on_cuda_one_at_a_time_unless_more_are_asked_for(
    device, jobs, tmp_path, monkeypatch
):
    found = []

    def instead(points, folder, jobs, scheduler, device, *rest):
        found.append(jobs)
        return iter([])

    monkeypatch.setattr("gaea_mini.sweep.sweep", instead)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    command = ["sweep", "--out", str(tmp_path), "--device", device]
    assert main(command) == main([*command, "--jobs", "3"]) == 0
    assert found == [jobs, 3]


def test_of_several_at_a_time_all_must_fit_into_memory(
    long_ones, tmp_path, capsys, monkeypatch
):
    long_ones("y\n")
    needs = []
    for arm in ("darts", "gaea-darts"):
        point = Point("compact", arm, "bilevel", 0, epochs=1)
        needs.append(forecast.memory_of_search(*point.arguments()[:-1]))
    room = 1.5 * max(needs)
    monkeypatch.setattr(forecast, "free_mb", lambda where: room)
    assert main([*WIDE, "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give fewer --jobs" in line and "compact-darts-bilevel: " in line
    assert list(tmp_path.iterdir()) == []
    assert main([*WIDE, "--jobs", "1", "--out", str(tmp_path)]) == 0


def test_the_preset_gpu_is_that_of_search(few_pictures):
    def points(*arguments):
        options = build_parser().parse_args(["sweep", "--out", "x", *arguments])
        return points_of(options)

    (point,) = points("--preset", "gpu", "--seeds", "0")
    assert (point.space, point.method) == ("nasbench201", "gaea-darts")
    assert (point.data, point.preset) == ("cifar10", "gpu")
    wide = ("--preset", "gpu", "--spaces", "darts", "nasbench201", "--warm-up", "0.2")
    found = points(*wide, "--methods", "gaea-pc-darts", "--data", few_pictures)
    by_space = {point.space: point.arguments() for point in found}
    assert by_space["darts"][3] == PRESETS["gpu-darts"]
    assert by_space["nasbench201"][3] == PRESETS["gpu"]
    assert by_space["darts"][2].warm_up == 0.2
    # gaea-pc-darts rests as in its paper, where the preset is the paper's.
    wide = ("--preset", "gpu", "--spaces", "darts", "nasbench201", "--seeds", "0")
    both = ("--methods", "pc-darts", "gaea-pc-darts", "--data", few_pictures)
    rests = [point.arguments()[2].warm_up for point in points(*wide, *both)]
    assert rests == [0.3, 10 / 50, 0.3, 0.3]
    assert points("--preset", "gpu-darts")[0].space == "darts"
    (point,) = points("--seeds", "7")
    assert point == Point("compact", "gaea-darts", "bilevel", 7)


def test_precision_reaches_the_search_and_its_record(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    half = replace(POINTS[0], precision="bfloat16")
    (_, run), *_ = sweep([half], tmp_path)
    assert run.config["precision"] == "bfloat16"
    *_, same = search(*half.arguments(), precision="bfloat16")
    assert run.theta == same.theta
    # Another precision is another search, also where a record lies already.
    with pytest.raises(InputError, match="precision bfloat16 there, float32 here"):
        list(sweep(POINTS[:1], tmp_path))
    for wrong, says in (
        (replace(half, method="darts-2nd"), "take float32"),
        (replace(half, method="gdas", compile=True), "compiled anew"),
    ):
        with pytest.raises(InputError, match=says):
            list(sweep([wrong], tmp_path))


# real processes ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_dask_cluster_that_loses_a_worker_in_mid_run(tmp_path, dask_cluster):
    """Two workers on loopback; one is killed while it searches; no record is lost."""
    out = tmp_path / "out"
    with dask_cluster(workers=2, failures=3) as (_, address, workers):
        options = ("--seeds", "0-5", "--epochs", "30", "--scheduler", address)
        process = start(out, *options)
        deadline = time.monotonic() + 300
        # Both are at work: each has written the checkpoint of an epoch.
        while len(list(out.glob("*.pt"))) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(list(out.glob("*.json"))) < 6
        os.kill(workers[0], signal.SIGKILL)
        told, err = process.communicate(timeout=500)
        assert process.returncode == 0, err
    assert sorted(path.name for path in out.iterdir()) == [
        f"compact-gaea-darts-bilevel-seed{seed}.json" for seed in range(6)
    ]
    assert "6 of 6: " in told and "(6)" in told
    for seed in (0, 5):
        point = Point("compact", "gaea-darts", "bilevel", seed, epochs=30)
        *_, run = search(*point.arguments())
        assert Run.load(out / f"{point.name}.json").theta == run.theta


@pytest.mark.slow
@pytest.mark.parametrize("where", ["here", "on a Dask cluster"])
def test_a_worker_hands_back_why_a_search_failed(tmp_path, request, where):
    """A damaged checkpoint fails its search; without it the same command does it."""
    options = ["--seeds", "0-2", "--epochs", "1", "--jobs", "2"]
    damaged = tmp_path / "compact-gaea-darts-bilevel-seed0.pt"
    damaged.write_bytes(b"cut short")
    with ExitStack() as stack:
        if where != "here":
            cluster = request.getfixturevalue("dask_cluster")(workers=1, failures=0)
            _, address, _ = stack.enter_context(cluster)
            options += ["--scheduler", address]
        process = start(tmp_path, *options)
        told, err = process.communicate(timeout=500)
        assert process.returncode == 2
        (line,) = [text for text in err.splitlines() if text.startswith("gaea_mini: ")]
        assert f"1 of 3 searches failed: {damaged.stem}: checkpoint {damaged}" in line
        assert "2 of 3 records are in" in line and "(2)" in told.splitlines()[-1]
        damaged.unlink()
        process = start(tmp_path, *options)
        told, err = process.communicate(timeout=500)
        assert process.returncode == 0, err
    assert "(3)" in told.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_killed_sweep_goes_on(tmp_path):
    options = ("--seeds", "0-3", "--epochs", "6", "--jobs", "1")
    process = start(tmp_path, *options)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("*.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert 1 <= len(done) < 4
    process = start(tmp_path, *options)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert len(list(tmp_path.glob("*.json"))) == 4
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_worker_process_that_is_killed_is_one_line_and_the_sweep_goes_on(tmp_path):
    options = ("--seeds", "0-2", "--epochs", "12", "--jobs", "2")
    process = start(tmp_path, *options)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("*.pt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    workers = [
        int(child)
        for child in children.split()
        if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 2
    done = len(list(tmp_path.glob("*.json")))
    (line,) = [text for text in err.splitlines() if text.startswith("gaea_mini: ")]
    assert "a worker process was killed" in line and f"{done} of 3 records" in line
    assert done < 3
    process = start(tmp_path, *options)
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    point = Point("compact", "gaea-darts", "bilevel", 2, epochs=12)
    *_, run = search(*point.arguments())
    assert Run.load(tmp_path / f"{point.name}.json").theta == run.theta
