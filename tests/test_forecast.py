"""Before a long search: hours and memory, a question, and a preset's other options."""

import io
import pickle
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gaea_mini import checkpoints, forecast
from gaea_mini.cli import build_parser, full, main
from gaea_mini.data import Pictures, load
from gaea_mini.errors import InputError
from gaea_mini.evaluate import TrainingRecipe
from gaea_mini.evaluate import state as alone
from gaea_mini.search import PRESETS, Budget, darts, gaea, method
from gaea_mini.search.budget import Budget as Sizes
from gaea_mini.search.distributed import ALONE, Ranks
from gaea_mini.search.speed import EXACT, Speed
from gaea_mini.search.state import State
from gaea_mini.supernet import space

COMPACT = space("compact")
BUDGET = Budget("test", 4, 1, 8, 200, 0.2, 3, 6, 16, crop=1)
CELL = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_3x3~0|"
CELL += "skip_connect~1|nor_conv_3x3~2|"


def pictures(count=200, size=8):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, size, size, 1)).astype(np.float32)
    y = rng.integers(0, 3, count)
    return Pictures("made up", x, y, x[:3], y[:3], tuple("abc"))


# memory and time ---------------------------------------------------------------------


def test_what_is_kept_for_the_backward_pass_is_counted_once():
    x = torch.randn(1000, requires_grad=True)
    w = torch.randn(1000, requires_grad=True)
    # x and w are kept by the product, the product itself by the sine.
    assert forecast.kept_for_backward(lambda: (x * w).sin().sum()) == 3 * 4000
    assert forecast.kept_for_backward(lambda: (x * x).sum()) == 4000


@pytest.mark.parametrize("where", ["compact", "darts"])
def test_memory_grows_with_the_batch_and_falls_with_precision(where):
    data, place = pictures(size=16), space(where)
    base = replace(BUDGET, size=16, channels=8)

    def need(**changes):
        speed = Speed(changes.pop("precision", "float32"))
        size = replace(base, **changes)
        return forecast.memory_of_search(place, data, gaea(darts()), size, speed)

    once, twice, thrice = need(), need(batch=32), need(batch=48)
    assert twice - once == pytest.approx(thrice - twice, rel=1e-6) and twice > once
    assert 1.5 < (need(channels=16)) / once < 3
    assert 0.4 < need(precision="bfloat16") / once < 0.9


def test_the_count_of_memory_is_that_of_the_whole_batch():
    """Worked out from 2 and 4 pictures, against a real forward pass of 16."""
    data, budget = pictures(size=16), replace(BUDGET, size=16, channels=8)
    state = State(COMPACT, data, gaea(darts()), budget, 0, torch.device("cpu"))
    batch = state.weight_batches.first()
    kept = forecast.kept_for_backward(lambda: state.loss(batch, state.sample()))
    weights = sum(w.numel() * 4 for w in state.weights)
    need = forecast.memory_of_search(COMPACT, data, gaea(darts()), budget) * 2**20
    passes = need - 3 * weights - data.x.nbytes * (1 + 18**2 / 16**2)
    # The real one also holds the weights; they do not grow with the batch.
    assert passes / forecast.SPARE == pytest.approx(kept - weights, rel=0.1)


def test_a_forecast_counts_steps_and_what_is_measured_after_an_epoch():
    found = forecast.of_search(COMPACT, pictures(), gaea(darts()), BUDGET, "cpu")
    assert found.steps == 80 // 16 and found.epochs == 3
    assert found.step > 0 and found.looks > 0
    assert found.seconds == pytest.approx(3 * (5 * found.step + found.looks))
    assert found.free and 1 < found.need < found.free
    text = str(found)
    assert "measured on 3 steps" in text and "MiB are free" in text
    single = replace(gaea(darts()), objective=method("darts").objective)
    assert forecast.of_search(COMPACT, pictures(), single, BUDGET, "cpu").steps == 5


@pytest.mark.parametrize(
    ("device", "local", "count", "times"),
    [
        *(("cpu", None, 1, 1), ("cpu", None, 4, 4), ("cpu", "4", 4, 4)),
        ("cpu", "2", 4, 2),  # two machines
        ("cpu", "4", 1, 1),  # who is alone shares with none, whatever was left there
        ("cuda", "4", 4, 1),
    ],
)
def test_processes_of_one_machine_share_its_memory(
    device, local, count, times, monkeypatch
):
    """What they need together is compared with what is free; on CUDA each has its own.

    CUDA is acted out: nothing is put there, because the check says no.
    """

    def check(need, free):
        asked.append((need, free))
        raise InputError("no")

    asked = []
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if local is not None:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
    monkeypatch.setattr(forecast, "memory_of_search", lambda *given: 100.0)
    monkeypatch.setattr(forecast, "free_mb", lambda where: 250.0)
    monkeypatch.setattr(Ranks, "first", lambda ranks, call: call())
    what = (COMPACT, pictures(), gaea(darts()), BUDGET, device, EXACT)
    with pytest.raises(InputError, match="no"):
        forecast.of_search(*what, Ranks(0, count), check)
    assert asked == [(100.0 * times, 250.0)]


def test_one_process_answers_for_all_whether_there_is_room(monkeypatch):
    """One that looked later would miss what the others have taken by then."""
    asked, told = [], []
    monkeypatch.setattr(Ranks, "first", lambda ranks, call: told.append(ranks.rank))
    monkeypatch.setattr(Ranks, "mean", lambda self, tensors: tuple(tensors))
    monkeypatch.setattr(Ranks, "total", lambda self, number, device: number)
    what = (COMPACT, pictures(), gaea(darts()), BUDGET, "cpu", EXACT, Ranks(1, 2))
    forecast.of_search(*what, lambda need, free: asked.append(need))
    assert told == [1] and asked == [], "process 1 hears the answer of process 0"


def test_the_forecast_says_what_the_processes_need_together(monkeypatch):
    """The other process is acted out: what this one has is the mean, and the total."""
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(Ranks, "mean", lambda self, tensors: tuple(tensors))
    monkeypatch.setattr(Ranks, "total", lambda self, number, device: number)
    what = (COMPACT, pictures(), gaea(darts()), BUDGET)
    found = forecast.of_search(*what, "cpu", ranks=Ranks(0, 2))
    assert found.need == 2 * forecast.memory_of_search(*what, ranks=Ranks(0, 2))


def test_a_forecast_counts_the_curvature_that_was_asked_for(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(forecast, "_now", lambda where: clock[0])

    def eigenvalue(state):
        clock[0] += 7

    monkeypatch.setattr(forecast, "dominant_eigenvalue", eigenvalue)
    what = (COMPACT, pictures(), gaea(darts()), BUDGET, "cpu")
    found = [forecast.of_search(*what, curvature=on).looks for on in (False, True)]
    assert found == [0.0, 7.0]


@pytest.mark.parametrize(
    "epochs",
    [[(100, 1, 2, 3, 50)], [(100, 1), (2, 3)], [(100,), (1,), (2,), (3,)]],
    ids=["one epoch", "two", "four"],
)
def test_three_steps_are_timed_without_the_first(epochs, monkeypatch):
    """Where an epoch is over, another is begun; in the end none is left open."""
    clock, begun = [0.0], []
    monkeypatch.setattr(forecast, "_now", lambda where: clock[0])

    def steps(epoch):
        for seconds in epoch:
            clock[0] += seconds
            yield

    def begin():
        begun.append(steps(epochs[len(begun)]))
        return begun[-1]

    assert forecast.seconds_a_step(begin, torch.device("cpu")) == 2.0
    assert len(begun) == len(epochs) and clock[0] == 106
    assert all(epoch.gi_frame is None for epoch in begun), "closed"


@pytest.fixture
def clock(monkeypatch):
    """It goes on by a second with every step of a network's weights."""
    clock = [0.0]

    def counted(descend):
        def instead(self, given):
            clock[0] += 1
            descend(self, given)

        return instead

    monkeypatch.setattr(forecast, "_now", lambda where: clock[0])
    monkeypatch.setattr(State, "descend_weights", counted(State.descend_weights))
    monkeypatch.setattr(alone.State, "descend", counted(alone.State.descend))
    return clock


@pytest.mark.parametrize(("batch", "steps"), [(80, 1), (40, 2)])
def test_three_steps_of_a_search_are_timed_where_an_epoch_has_fewer(
    clock, batch, steps
):
    budget = replace(BUDGET, batch=batch)
    found = forecast.of_search(COMPACT, pictures(), gaea(darts()), budget, "cpu")
    assert (found.steps, found.step, clock) == (steps, 1.0, [4.0])


@pytest.mark.parametrize(("batch", "steps"), [(80, 1), (40, 2)])
def test_three_steps_of_a_training_are_timed_where_an_epoch_has_fewer(
    clock, batch, steps
):
    recipe = TrainingRecipe("test", 2, 1, 8, 80, 0, 3, batch, crop=1)
    before = torch.get_rng_state()
    found = forecast.of_training(COMPACT, CELL, pictures(), recipe, "cpu")
    assert (found.steps, found.step, clock) == (steps, 1.0, [4.0])
    assert torch.get_rng_state().equal(before)


def test_what_is_small_is_not_measured():
    assert forecast.is_small(PRESETS["tiny"], 500)
    assert not forecast.is_small(PRESETS["gpu"], 50_000)
    assert not forecast.is_small(PRESETS["tiny"].lasting(10_000), 500)


# the question ------------------------------------------------------------------------


@pytest.fixture
def answer(monkeypatch):
    def sit_down(text, terminal=True):
        chair = io.StringIO(text)
        chair.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stdin", chair)

    return sit_down


@pytest.mark.parametrize("text", ["\n", "y\n", "Yes\n"])
def test_yes_goes_on(answer, text):
    answer(text)
    full.ask(3600, "an hour", yes=False)


@pytest.mark.parametrize("text", ["n\n", "no\n", "what?\n", ""])
def test_anything_else_does_not(answer, text):
    answer(text)
    with pytest.raises(InputError, match="not begun; nothing was written"):
        full.ask(3600, "an hour", yes=False)


def test_who_said_yes_or_is_done_soon_is_not_asked(answer, capsys):
    answer("n\n")
    full.ask(3600, "an hour", yes=True)
    full.ask(60, "a minute", yes=False)
    assert capsys.readouterr().err == "gaea_mini: an hour\ngaea_mini: a minute\n"


def test_several_processes_do_not_wait_for_an_answer(answer, monkeypatch, capsys):
    """Nothing is read: the others would give up before a slow answer."""
    answer("y\n")
    monkeypatch.setattr(sys.stdin, "readline", None)
    monkeypatch.setattr(forecast, "is_small", lambda budget, pictures: False)
    whole = SimpleNamespace(seconds=3600.0)
    monkeypatch.setattr(forecast, "of_search", lambda *given: whole)
    ranks = SimpleNamespace(rank=0, count=2, first=lambda call: call())
    data = SimpleNamespace(x=[])

    def begin(yes):
        options = SimpleNamespace(checkpoint=None, curvature=False, yes=yes)
        full.forecast_search(options, None, data, *[None] * 2, "cpu", EXACT, ranks)

    with pytest.raises(InputError, match="several processes cannot ask: give --yes"):
        begin(yes=False)
    begin(yes=True)
    assert "Go on?" not in capsys.readouterr().err


def test_before_a_silence_the_compiling_is_said(monkeypatch, capsys):
    monkeypatch.setattr(forecast, "is_small", lambda budget, pictures: False)

    def measured(*given):
        said.append(capsys.readouterr().err)
        return SimpleNamespace(seconds=1.0)

    monkeypatch.setattr(forecast, "of_search", measured)
    options = SimpleNamespace(checkpoint=None, curvature=False, yes=True)
    data, said = SimpleNamespace(x=[]), []
    for speed in (EXACT, Speed(compile=True)):
        full.forecast_search(options, None, data, *[None] * 2, "cpu", speed, ALONE)
    assert said[0] == "" and said[1].splitlines()[-1].startswith(
        "gaea_mini: compiling for them; this may take minutes"
    )
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    full.say_measuring(EXACT)
    assert capsys.readouterr().err.endswith("measuring a few steps, before it begins\n")


def test_without_a_terminal_a_day_is_the_limit(answer):
    answer("", terminal=False)
    full.ask(20 * 3600, "20 hours", yes=False)
    with pytest.raises(InputError, match="more than a day, and there is no terminal"):
        full.ask(30 * 3600, "30 hours", yes=False)
    full.ask(30 * 3600, "30 hours", yes=True)


def test_too_little_memory_is_said_before_anything_begins(capsys):
    full.check_memory(100, None, yes=False)
    full.check_memory(100, 200, yes=False)
    assert capsys.readouterr().err == ""
    full.check_memory(95, 100, yes=False)
    assert "needs about 95 MiB" in capsys.readouterr().err
    with pytest.raises(InputError, match="about 300 MiB .* 200 MiB are free; give a"):
        full.check_memory(300, 200, yes=False)
    full.check_memory(300, 200, yes=True)


LARGE = "search --epochs 2 --channels 2 --pictures 100 --batch 8".split()


def test_the_command_asks_and_takes_no_for_an_answer(
    answer, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(forecast, "SMALL", 0)
    monkeypatch.setattr(full, "LONG", 0)
    files = ["--checkpoint", str(tmp_path / "c"), "--out", str(tmp_path / "r")]
    answer("n\n")
    assert main([*LARGE, *files]) == 2
    err = capsys.readouterr().err
    assert "s a step" in err and "Go on? [Y/n]" in err
    assert err.endswith("gaea_mini: not begun; nothing was written\n")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(forecast, "free_mb", lambda where: 0.1)
    assert main([*LARGE, *files]) == 2
    assert "0 MiB are free; give a smaller --batch" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([*LARGE, *files, "--yes"]) == 0
    capsys.readouterr()
    # What goes on from a checkpoint was asked about before, and of the one before too.
    assert main([*LARGE, *files]) == 0
    (tmp_path / "c").unlink()
    assert main([*LARGE, *files]) == 0
    assert "a step" not in capsys.readouterr().err


def test_a_damaged_checkpoint_is_one_line_and_the_search_goes_on(tmp_path, capsys):
    files = ["--checkpoint", str(tmp_path / "c"), "--out", str(tmp_path / "r")]
    assert main([*LARGE, *files]) == 0
    before = (tmp_path / "r").read_text()
    (tmp_path / "c").write_bytes(b"")
    capsys.readouterr()
    assert main([*LARGE, *files]) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("gaea_mini: checkpoint") and "going on from the" in first
    assert checkpoints.before(tmp_path / "c").exists()
    pick = '"theta": '
    assert (
        before.split(pick)[1][:500] == (tmp_path / "r").read_text().split(pick)[1][:500]
    )


def test_within_an_epoch_the_bar_is_told_the_step(monkeypatch):
    steps = full.Steps()
    told = []
    steps.bar = SimpleNamespace(set_postfix_str=told.append)
    state = SimpleNamespace(step=7, theta_batches=range(9), weight_batches=range(10))
    losses = [torch.tensor([1.0, 2.5])]
    steps(state, losses)
    assert told == []
    steps.told -= 61
    steps(state, losses)
    assert told == ["step 7 of 9, loss 2.500"]


# the preset --------------------------------------------------------------------------


def options_of(*arguments):
    options = build_parser().parse_args(["search", *arguments])
    full.fill_in(options)
    return options


def test_the_preset_gpu_is_the_papers_search():
    options = options_of("--preset", "gpu")
    assert (options.space, options.method, options.data) == (
        *("nasbench201", "gaea-darts", "cifar10"),
    )
    assert options.warm_up is None and method(options.method).update.lr == 0.1


def test_on_the_darts_space_it_is_the_recipe_of_pc_darts():
    for arguments in (("--preset=gpu", "--space=darts"), ("--preset=gpu-darts",)):
        options = options_of(*arguments)
        assert (options.preset, options.space, options.method, options.data) == (
            *("gpu-darts", "darts", "gaea-pc-darts", "cifar10"),
        )
        assert options.warm_up == 0.2  # 10 of 50 epochs
    for name, part in {"gaea-pc-darts": 0.2, "pc-darts": None}.items():
        assert options_of("--preset=gpu-darts", f"--method={name}").warm_up == part
    named = options_of("--preset=gpu-darts", "--warm-up=0")
    assert named.warm_up == 0
    assert options_of("--method=gaea-pc-darts").warm_up is None  # the method's own
    chosen = PRESETS["gpu-darts"]
    assert chosen == Sizes(
        "gpu-darts", 16, 2, 32, None, 0.1, 50, 50, 256, 0.1, 0.0, crop=4
    )
    # Eight cells, of which two reduce.
    from gaea_mini.supernet import build_supernet

    network = build_supernet(space("darts"), 3, 10, 16, chosen.cells, partial=4)
    assert list(network.kinds) == [0, 0, 1, 0, 0, 1, 0, 0]


def test_what_is_named_is_kept_and_without_the_preset_nothing_changes():
    options = options_of("--preset=gpu", "--space=compact", "--data=x", "--method=gdas")
    assert (options.space, options.method, options.data) == ("compact", "gdas", "x")
    options = options_of()
    assert (options.space, options.method, options.data) == (
        *("compact", "gaea-darts", "fashion"),
    )


@pytest.mark.parametrize(
    ("capability", "type_"), [((7, 5), "float16"), ((9, 0), "bfloat16")]
)
def test_on_cuda_the_preset_takes_16_bits_and_compiles(monkeypatch, capability, type_):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    def speed(*arguments, name="gaea-darts", device="cuda:0"):
        return full.speed_of(options_of(*arguments), method(name), device, None)

    assert speed("--preset=gpu") == Speed(type_, compile=True)
    assert speed("--preset=gpu", "--graphs") == Speed(type_, compile=True, graphs=True)
    assert speed("--preset=gpu", "--no-compile") == Speed(type_)
    assert speed("--preset=gpu", "--precision=float32", "--no-compile") == Speed()
    assert speed("--preset=gpu", name="gdas") == Speed(type_)  # draws operations
    assert speed("--preset=gpu", name="darts-2nd") == Speed(compile=True)
    assert speed("--preset=gpu", device="cpu") == Speed() == speed("--preset=cpu")


def test_the_same_command_goes_on_from_its_checkpoint_on_another_device(monkeypatch):
    """What the preset took from one device is not taken from the next."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))

    def speed(begun, device, *more):
        options = options_of("--preset=gpu", "--checkpoint=c.pt", *more)
        return full.speed_of(options, method("gaea-darts"), device, begun)

    from_hopper = {"precision": "bfloat16", "compile": True}
    assert speed(from_hopper, "cpu") == Speed("bfloat16")
    assert speed({}, "cuda:0") == Speed(compile=True), "begun in float32"
    assert speed({"precision": "float16"}, "cuda:0") == Speed("float16", compile=True)
    assert speed(from_hopper, "cpu", "--precision=float32") == Speed()  # is refused
    said = "c.pt was begun in float16, which needs a CUDA device; go on"
    with pytest.raises(InputError, match=said):
        speed({"precision": "float16"}, "cpu")


def test_graphs_that_there_cannot_be(capsys):
    assert main([*LARGE, "--graphs"]) == 2
    assert "CUDA graphs are of a compiled supernet" in capsys.readouterr().err
    assert main([*LARGE, "--graphs", "--compile"]) == 2
    assert "CUDA graphs need a CUDA device, not cpu" in capsys.readouterr().err
    assert main([*LARGE, "--graphs", "--compile", "--order=2", "--method=darts"]) == 2
    assert "overwrites the gradients" in capsys.readouterr().err


# CIFAR from a folder -----------------------------------------------------------------


def write(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))


def official(folder, count=4):
    """CIFAR-10's own files, with a few made-up pictures."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = rng.integers(0, 10, count).tolist()
        write(folder / name, {b"data": data, b"labels": labels, b"batch_label": b"x"})
    names = [f"class {n}".encode() for n in range(10)]
    write(folder / "batches.meta", {b"label_names": names})
    return folder


def test_cifar10_is_read_from_its_official_files(tmp_path):
    inner = official(tmp_path / "cifar-10-batches-py")
    data = load(str(tmp_path))
    assert data.x.shape == (20, 32, 32, 3) and data.x_test.shape == (4, 32, 32, 3)
    assert data.name == "cifar10" and data.class_names[3] == "class 3"
    first = pickle.loads((inner / "data_batch_1").read_bytes())[b"data"][1]
    # A plane a colour, row by row; standardised, so only the order can be compared.
    red = data.x[1, :, :, 0].ravel()
    assert np.corrcoef(red, first[:1024])[0, 1] > 0.999999
    again = load(str(inner), size=8, pictures=7)
    assert again.x.shape == (7, 8, 8, 3) and again.sha256 == data.sha256


def test_cifar100_takes_the_fine_labels(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("train", 12), ("test", 3)):
        data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        content = {b"data": data, b"fine_labels": [99] * count}
        write(tmp_path / name, {**content, b"coarse_labels": [1] * count})
    names = [str(n).encode() for n in range(100)]
    write(tmp_path / "meta", {b"fine_label_names": names})
    data = load(str(tmp_path))
    assert data.classes == 100 and set(data.y) == {99} and data.name == "cifar100"


def test_a_folder_that_is_none_of_them_is_refused(tmp_path):
    with pytest.raises(InputError, match="folder without the files of CIFAR-10"):
        load(str(tmp_path))
    inner = official(tmp_path / "c")
    (inner / "data_batch_3").unlink()
    with pytest.raises(InputError, match="has no data_batch_3: unpack the whole"):
        load(str(inner))
    for content in (b"", b"text", pickle.dumps([1]), pickle.dumps({b"data": [3]})):
        (inner / "data_batch_3").write_bytes(content)
        with pytest.raises(InputError, match="is not cifar10 as published"):
            load(str(inner))


def test_code_in_such_a_file_is_not_run(tmp_path):
    inner, mark = official(tmp_path / "c"), tmp_path / "mark"

    class Bomb:
        def __reduce__(self):
            return mark.mkdir, ()

    import os

    class Other:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    for bomb in (Bomb(), Other()):
        write(inner / "data_batch_2", bomb)
        with pytest.raises(InputError, match="is not cifar10 as published"):
            load(str(inner))
        assert not mark.exists()
    pickle.loads((inner / "data_batch_2").read_bytes())
    assert mark.exists(), "the bomb is no real one"
