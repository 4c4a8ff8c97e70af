"""The command line: what it writes, and one line and status 2 for bad input."""

import errno
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from gaea_mini import __version__, checkpoints, search
from gaea_mini.cli import build_parser, main
from gaea_mini.cli.search import short
from gaea_mini.errors import InputError
from gaea_mini.search import METHODS, PRESETS, Run
from gaea_mini.supernet import SPACES, space

# A search that takes a moment.
SMALL = "search --epochs 2 --channels 2 --pictures 100 --batch 8 --lr-theta 1".split()
BAR = re.compile(r"^.*\d+%\|.*epoch.*$")


class Answer:
    """What a command wrote and how it ended."""

    def __init__(self, status: int, out: str, err: str):
        self.status, self.out = status, out
        lines = err.replace("\r", "\n").splitlines()
        self.bars = [line for line in lines if BAR.match(line)]
        self.err = [line for line in lines if line.strip() and not BAR.match(line)]


@pytest.fixture
def run(capsys):
    """Run a command in this process."""

    def run(*arguments: object) -> Answer:
        status = main([str(argument) for argument in arguments])
        return Answer(status, *capsys.readouterr())

    return run


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def refused(run, tmp_path, monkeypatch):
    """A command is refused: status 2, one line, nothing written anywhere near."""
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))

    def refused(pattern: str, *arguments: object) -> Answer:
        before = tree(tmp_path)
        answer = run(*arguments)
        assert answer.status == 2
        assert answer.out == ""
        (line,) = answer.err
        assert line.startswith("gaea_mini: ") and len(line) < 400
        assert re.search(pattern, line), line
        assert tree(tmp_path) == before, "something was left behind or changed"
        return answer

    return refused


# ---------------------------------------------------------------------- good searches


def test_a_tiny_search_writes_a_whole_record(run, tmp_path):
    file = tmp_path / "run.json"
    answer = run("search", "--preset", "tiny", "--out", file)
    assert answer.status == 0 and answer.err == []
    assert list(tree(tmp_path)) == ["run.json"]

    def no_constant(name: str) -> None:
        raise AssertionError(f"{name}: a browser cannot read this file")

    record = json.loads(file.read_text(), parse_constant=no_constant)
    assert set(record) == {
        *("config", "theta", "entropy", "genotype", "loss_w", "loss_theta"),
        *("accuracy_supernet", "accuracy_rounded", "seconds", "peak_mb", "environment"),
    }
    config = record["config"]
    assert (config["space"], config["method"], config["objective"], config["seed"]) == (
        *("compact", "gaea-darts", "bilevel", 0),
    )
    assert (config["preset"], config["data"], config["pictures"]) == (
        *("tiny", "fashion", PRESETS["tiny"].pictures),
    )
    assert np.array(record["theta"]).shape == (3, 1, 6, 3)
    for name in set(record) - {"config", "environment", "peak_mb"}:
        assert len(record[name]) == PRESETS["tiny"].epochs + 1
    assert set(record["environment"]) >= {
        *("python", "torch", "numpy", "gaea_mini", "device", "threads", "commit"),
    }
    decimals = {len(repr(w).partition(".")[2]) for w in record["theta"][-1][0][0]}
    assert max(decimals) >= 4

    lines = answer.out.splitlines()
    assert lines[0] == f"cell {record['genotype'][-1]}"
    assert f"{record['accuracy_supernet'][-1]:.2f} % of the mixture" in lines[1]
    assert f"{record['accuracy_rounded'][-1]:.2f} % of the cell" in lines[1]
    assert lines[-1] == f"record written to {file}"


def test_the_bar_shows_epoch_loss_entropy_and_cell(run, tmp_path):
    answer = run(*SMALL, "--out", tmp_path / "run.json")
    record = Run.load(tmp_path / "run.json")
    last = answer.bars[-1]
    assert "gaea-darts, bilevel, compact" in last and "2/2" in last
    assert f"loss {record.loss_w[-1]:.3f}" in last
    assert f"entropy {record.entropy[-1]:.3f} nats" in last
    assert short(record.genotype[-1]) in last


def test_with_a_table_the_truth_is_told_and_recorded(run, tmp_path, made_up_table):
    import csv

    file = tmp_path / "run.json"
    options = ("--space", "nasbench201", "--nb201", made_up_table, "--out", file)
    answer = run(*SMALL, *options)
    assert answer.status == 0
    record = Run.load(file)
    with gzip.open(made_up_table, "rt") as table:
        rows = list(csv.DictReader(table))
    where = space("nasbench201")
    own = {
        where.format([int(d) for d in r["ops"]]): float(r["c10_test_200"]) for r in rows
    }
    expected = [own[cell] for cell in record.genotype]
    best = max(own.values())
    rank = 1 + sum(value > expected[-1] for value in own.values())
    assert record.truth["c10_test"] == expected
    assert record.truth["regret"] == [best - value for value in expected]
    assert record.truth["rank"][-1] == rank
    assert (
        f"true CIFAR-10 test accuracy {expected[-1]:.2f} %, "
        f"regret {best - expected[-1]:.2f} points, rank {rank} of 15625"
    ) in answer.out


def test_a_table_of_another_space_is_not_misread(run, tmp_path, made_up_table):
    answer = run(*SMALL, "--nb201", made_up_table, "--out", tmp_path / "run.json")
    assert answer.status == 0
    assert "no true accuracy: the table is of nasbench201, not of compact" in answer.out
    assert Run.load(tmp_path / "run.json").truth is None


@pytest.mark.parametrize(
    ("options", "operations"),
    [
        ((), SPACES["nasbench201"].operations[1:]),
        (("--without",), SPACES["nasbench201"].operations),
        (
            ("--without", "none", "avg_pool_3x3"),
            ("skip_connect", "nor_conv_1x1", "nor_conv_3x3"),
        ),
    ],
)
def test_operations_left_out(run, tmp_path, options, operations):
    """By default 'none', as in the paper; '--without' alone keeps all."""
    file = tmp_path / "run.json"
    options = ("--space", "nasbench201", "--epochs", 1, "--out", file, *options)
    assert run(*SMALL, *options).status == 0
    assert Run.load(file).config["operations"] == list(operations)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "objective",
    [("bilevel",), ("single-level",), ("single-level", "--passes", "1")],
    ids="-".join,
)
def test_every_method_with_every_objective(run, tmp_path, method, objective):
    file = tmp_path / "run.json"
    # Four channels, so that a quarter of them can be mixed.
    options = ("--method", method, "--objective", *objective, "--channels", 4)
    if method != "rs-ws":  # its theta always rests
        options += ("--warm-up", 0)
    answer = run(*SMALL, *options, "--epochs", 1, "--out", file)
    if method == "rs-ws":
        assert answer.status == 2
        assert answer.err == [
            "gaea_mini: rs-ws takes no steps in theta: leave --lr-theta out"
        ]
        assert run(*SMALL[:-2], *options, "--epochs", 1, "--out", file).status == 0
        assert Run.load(file).entropy[-1] == pytest.approx(np.log(3), abs=1e-6)
        return
    if method == "enas" and len(objective) > 1:
        assert answer.status == 2 and "use passes=2" in answer.err[0]
        return
    if method == "darts-2nd" and objective[0] == "single-level":
        assert answer.status == 2
        assert answer.err == [
            "gaea_mini: darts-2nd: the second order is of a bilevel objective"
        ]
        return
    assert answer.status == 0
    config = Run.load(file).config
    assert (config["method"], config["objective"]) == (method, objective[0])
    if objective[0] == "bilevel":
        assert config["order"] == (2 if method == "darts-2nd" else 1)
    assert config["update"]["lr"] == 1.0
    if objective[0] == "single-level":
        assert config["passes"] == (1 if len(objective) > 1 else 2)


def test_numbers_replace_the_presets(run, tmp_path):
    file = tmp_path / "run.json"
    numbers = {"epochs": 1, "channels": 3, "cells": 2, "size": 6, "pictures": 120}
    numbers |= {"batch": 16, "lr-w": 0.05}
    options = [part for name, n in numbers.items() for part in (f"--{name}", n)]
    answer = run("search", *options, "--lr-theta", 0.3, "--seed", 7, "--out", file)
    assert answer.status == 0
    config = Run.load(file).config
    for name, number in numbers.items():
        assert config[name.replace("-", "_")] == number
    assert config["update"]["lr"] == 0.3 and config["seed"] == 7
    assert config["momentum"] == PRESETS["tiny"].momentum


def test_pictures_by_path(run, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (120, 9, 9, 3)).astype(np.uint8), np.arange(120) % 4
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    file = tmp_path / "run.json"
    data = ("--data", tmp_path / "mine.npz")
    assert run(*SMALL, *data, "--out", file).status == 0
    config = Run.load(file).config
    assert config["data"] == "mine" and len(config["data_sha256"]) == 64


def test_without_out_nothing_is_written(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*SMALL).status == 0
    assert tree(tmp_path) == {}


def test_a_search_with_a_checkpoint_can_be_asked_for_again(run, tmp_path):
    files = ("--checkpoint", tmp_path / "c.pt", "--out", tmp_path / "run.json")
    assert run(*SMALL, *files).status == 0
    first = Run.load(tmp_path / "run.json")
    assert run(*SMALL, *files).status == 0
    assert Run.load(tmp_path / "run.json").theta == first.theta
    assert sorted(tree(tmp_path)) == ["c.pt", "c.pt.before", "run.json"]


# ---------------------------------------------------------------------- other commands


def test_lookup_by_arch_string_digits_and_index(run, made_up_table, monkeypatch):
    import csv

    with gzip.open(made_up_table, "rt") as file:
        row = list(csv.DictReader(file))[4321]
    arch = space("nasbench201").format([int(digit) for digit in row["ops"]])
    answers = [
        run("lookup", cell, "--nb201", made_up_table)
        for cell in (arch, row["ops"], row["index"])
    ]
    assert all(answer.status == 0 and answer.err == [] for answer in answers)
    assert answers[0].out == answers[1].out == answers[2].out
    shown = dict(line.split(maxsplit=1) for line in answers[0].out.splitlines())
    assert shown["arch"] == arch and shown["digits"] == row["ops"]
    assert shown["index"] == row["index"]
    for name in ("c10_test_200", "c100_test_200", "in16_test_200"):
        assert float(shown[name]) == float(row[name])
        assert {f"{name}_rank", f"{name}_regret"} <= set(shown)
    monkeypatch.setenv("GAEA_MINI_NB201", str(made_up_table))
    assert run("lookup", arch).out == answers[0].out


def test_lookup_in_the_true_table(run, nb201_file):
    skips = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+"
    skips += "|skip_connect~0|skip_connect~1|skip_connect~2|"
    answer = run("lookup", skips, "--nb201", nb201_file)
    shown = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert float(shown["c10_test_200"]) == pytest.approx(54.30, abs=5e-3)
    assert float(shown["c10_test_200_regret"]) == pytest.approx(40.07, abs=1e-2)


def test_show_writes_one_page_that_needs_nothing_else(run, tmp_path):
    record, other, page = (tmp_path / n for n in ("a.json", "b.json", "out.html"))
    run(*SMALL, "--out", record)
    run(*SMALL, "--method", "darts", "--out", other)
    answer = run("show", record, other, "--html", page)
    assert answer.status == 0 and answer.err == []
    assert answer.out == f"written to {page}\n"
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    for name in (record, other):
        assert Run.load(name).genotype[-1] in text
    assert not re.search(r"(src|href)=.(https?:)?//", text)
    assert sorted(tree(tmp_path)) == ["a.json", "b.json", "out.html"]


def test_methods_and_spaces_are_listed(run):
    methods, spaces = run("methods"), run("spaces")
    assert methods.status == spaces.status == 0
    for name in METHODS:
        (part,) = re.findall(rf"^{name}  .*\n(?:  .*\n)+", methods.out, re.MULTILINE)
        step = f"  step        {search.method(name).update.lr:g} ("
        assert (step in part) != (name == "rs-ws"), part
    assert "none: it takes no step, because cells are drawn" in methods.out
    assert "(4096 without none), 1 kind of cell x 6 edges" in spaces.out
    assert "2 kinds of cell x 14 edges  (Liu, Simonyan" in spaces.out
    for name, size in (("compact", 729), ("nasbench201", 15625)):
        assert re.search(rf"^{name} +{size} cells", spaces.out, re.MULTILINE)
    assert (
        "nor_conv_1x1" in spaces.out
        and "bilevel (order 1 or 2), single-level" in methods.out
    )


def commands():
    (action,) = (a for a in build_parser()._actions if a.choices)
    return action.choices


@pytest.mark.parametrize("command", [None, *commands()])
def test_help_says_what_each_option_means(command, capsys):
    with pytest.raises(SystemExit) as info:
        main(["--help"] if command is None else [command, "--help"])
    assert info.value.code == 0
    text = capsys.readouterr().out
    if command is None:
        assert all(name in text for name in commands())
        return
    for action in commands()[command]._actions:
        for option in action.option_strings:
            assert option in text
        if action.option_strings and action.dest != "help":
            assert action.help, f"{option} is not explained"


def test_the_interface_that_other_things_rely_on():
    options = {o for a in commands()["search"]._actions for o in a.option_strings}
    assert options >= {
        *("--space", "--method", "--objective", "--data", "--preset", "--seed"),
        *("--device", "--out", "--checkpoint", "--nb201"),
    }
    assert set(commands()) >= {"search", "lookup", "show", "methods", "spaces"}


def test_the_version(capsys):
    with pytest.raises(SystemExit) as info:
        main(["--version"])
    assert info.value.code == 0 and capsys.readouterr().out == f"{__version__}\n"


# -------------------------------------------------------------------------- bad input


WRONG = {
    "no command": ("the following arguments are required: COMMAND; see .* --help",),
    "unknown command": ("invalid choice: 'find'", "find"),
    "unknown option": ("unrecognized arguments: --speed", *SMALL, "--speed", "9"),
    "a word for a number": (
        "argument --epochs: invalid int value",
        *SMALL,
        "--epochs=x",
    ),
    "unknown space": (
        "no search space 'nas'; there are compact",
        *SMALL,
        "--space=nas",
    ),
    "all warm-up": (
        "a warm-up of 2 epochs leaves none of the 2 for theta",
        *(*SMALL, "--warm-up=1"),
    ),
    "unknown method": ("no method 'snas'; there are darts", *SMALL, "--method=snas"),
    "unknown objective": ("no objective 'both'; there are", *SMALL, "--objective=both"),
    "unknown preset": ("no preset 'huge'; there are tiny", *SMALL, "--preset=huge"),
    "nearly a preset": ("no preset 'gpux'", *SMALL, "--preset=gpux", "--space=darts"),
    "unknown operation": ("no operation 'conv'; it has", *SMALL, "--without", "conv"),
    "nothing left": (
        "no operation is left",
        *(*SMALL, "--space=nasbench201", "--without"),
        *SPACES["nasbench201"].operations[1:],
    ),
    "passes": ("passes is 3", *SMALL, "--objective=single-level", "--passes=3"),
    "passes of the other objective": ("--passes is of --obj", *SMALL, "--passes=1"),
    "order": ("order is 3; it must be 1 or 2", *SMALL, "--order=3"),
    "order of the other objective": (
        "--order is of --objective bilevel",
        *(*SMALL, "--objective=single-level", "--order=2"),
    ),
    "order of the second order": (
        "darts-2nd is of order 2 already: leave --order out",
        *(*SMALL, "--method=darts-2nd", "--order=1"),
    ),
    "warm-up": ("warm_up is -1.0; it must be in", *SMALL, "--warm-up=-1"),
    "precision": ("no precision 'half'; there are", *SMALL, "--precision=half"),
    "half precision on the CPU": (
        "float16 needs a CUDA device; take bfloat16 on the CPU",
        *(*SMALL, "--device=cpu", "--precision=float16"),
    ),
    "half precision in the second order": (
        "which bfloat16 rounds away; take float32",
        *(*SMALL, "--method=darts", "--order=2", "--precision=bfloat16"),
    ),
    "nothing to skip": (
        "gdas draws one operation an edge and computes no other",
        *(*SMALL, "--method=gdas", "--skip-below=0.001"),
    ),
    "skip below 0": ("skip_below is -1.0; it must", *SMALL, "--skip-below=-1"),
    "skip below nan": ("skip_below is nan; it must", *SMALL, "--skip-below=nan"),
    "skip all": ("and below 0.333 where there", *SMALL, "--skip-below=0.4"),
    "compile what is drawn": (
        "every draw would be compiled anew; leave it out",
        *(*SMALL, "--method=gdas", "--compile"),
    ),
    "compile what is skipped": (
        "compile and skip_below do not go together",
        *(*SMALL, "--compile", "--skip-below=0.001"),
    ),
    "perturbation": ("perturbation is nan; it must be", *SMALL, "--perturbation=nan"),
    "lr of theta 0": ("lr_theta is 0.0; it must be", *SMALL, "--lr-theta=0"),
    "lr of theta below 0": ("lr_theta is -1.0; it must be", *SMALL, "--lr-theta=-1"),
    "lr of theta nan": ("lr_theta is nan; it must be", *SMALL, "--lr-theta=nan"),
    "lr of theta inf": ("lr_theta is inf; it must be", *SMALL, "--lr-theta=inf"),
    "lr of theta beyond float32": ("lr_theta is 1e", *SMALL, "--lr-theta=1e40"),
    "lr of the weights 0": ("lr_w is 0.0; it must be", *SMALL, "--lr-w=0"),
    "lr of the weights below 0": ("lr_w is -0.1; it must be", *SMALL, "--lr-w=-0.1"),
    "lr of the weights beyond float32": ("lr_w is 1e", *SMALL, "--lr-w=1e39"),
    "seed": ("seed is -1; it must be 0 or more", *SMALL, "--seed=-1"),
    "epochs": ("epochs is 0; it must be 1 or more", *SMALL, "--epochs=0"),
    "channels": ("channels is -2; it must be 1 or more", *SMALL, "--channels=-2"),
    "cells": ("cells is 0; it must be 1 or more", *SMALL, "--cells=0"),
    "batch": ("batch is 0; it must be 1 or more", *SMALL, "--batch=0"),
    "size 0": ("size is 0; it must be 1 or more", *SMALL, "--size=0"),
    "size too large": ("size 29: pictures are 28x28", *SMALL, "--size=29"),
    "no pictures": ("pictures is 0; it must be 1 or more", *SMALL, "--pictures=0"),
    "too many pictures": ("; 99999 were asked for", *SMALL, "--pictures=99999"),
    "too few pictures": ("10 pictures", *SMALL, "--pictures=10"),
    "one picture a batch": ("100 pictures", *SMALL, "--batch=1"),
    "no such data": (
        "no data set nowhere.npz: take 'fash",
        *SMALL,
        "--data=nowhere.npz",
    ),
    "no such table": ("no table nowhere; the README", *SMALL, "--nb201=nowhere"),
    "device": ("no device 'abacus'; take cpu", *SMALL, "--device=abacus"),
    "device of torch": ("no device 'meta'; take cpu", *SMALL, "--device=meta"),
    "no records to show": ("required: records, --html", "show"),
    "no page to write": ("required: --html", "show", "run.json"),
    "no table for a lookup": ("required: --nb201", "lookup", "3"),
    "no name for the record": ("--out: it is empty; name a file", *SMALL, "--out="),
    "no word for the space": ("--space: it is empty; leave it out", *SMALL, "--space="),
    "no word for the method": ("--method: it is empty; leave", *SMALL, "--method="),
    "no word for the data": ("--data: it is empty; leave it out", *SMALL, "--data="),
    "no name of the table": ("--nb201: it is empty; name a", *SMALL, "--nb201="),
    "cells without end": (
        "cells is 100000000; take 100 a stage or fewer",
        *(*SMALL, "--cells=100000000"),
    ),
    "lr of theta at the bound": ("and below 1e[+]38", *SMALL, "--lr-theta=1e38"),
    "partial channels": (
        "pc-darts sends 1/4 of the channels .*: give --channels a multiple of 4",
        *(*SMALL, "--method=pc-darts", "--channels=6"),
    ),
    "batch too large": (
        "; give more pictures or a batch of 2 to 40",
        *SMALL,
        "--batch=41",
    ),
    "channels beyond memory": (
        "no supernet of 1000000000000000 channels and 1 cells can be built here",
        *(*SMALL, "--channels=1000000000000000"),
    ),
    "preset without pictures": (
        "give larger ones .--data cifar10 has 32. or --size 28",
        *(*SMALL, "--preset=gpu", "--channels=2", "--data=fashion"),
    ),
    "order of samples": (
        "gdas: the second-order gradient .*; use order 1",
        *(*SMALL, "--method=gdas", "--order=2"),
    ),
    "order of gaea": ("GAEA has no second order; use order 1", *SMALL, "--order=2"),
    "gaea of the second order": (
        "GAEA has no second order; use order 1",
        *(*SMALL, "--method=gaea-darts-2nd"),
    ),
    "gaea of another update": (
        "gaea-darts-sgd would be gaea-darts",
        *(*SMALL, "--method=gaea-darts-sgd"),
    ),
    "gaea of a projection": (
        "gaea-darts-projected would be gaea-darts",
        *(*SMALL, "--method=gaea-darts-projected"),
    ),
    "warm-up of nothing": (
        "rs-ws takes no steps in theta: leave --warm-up out",
        *(*SMALL[:-2], "--method=rs-ws", "--warm-up=0.5"),
    ),
    "curvature of nothing": (
        "rs-ws takes no steps in theta: leave --curvature out",
        *(*SMALL[:-2], "--method=rs-ws", "--curvature"),
    ),
    "curvature of a controller": (
        "enas moves no theta by a gradient of the loss; leave it out",
        *(*SMALL, "--method=enas", "--curvature"),
    ),
    "a controller that blows up": (
        "probabilities are not finite numbers; lower lr_theta",
        *(*SMALL, "--method=enas", "--lr-theta=1e30"),
    ),
    "unknown recipe": ("no recipe 'soup'; there are", "records", "soup"),
    "no jobs": ("jobs is 0; it must be 1 or more", "records", "--jobs=0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_gets_one_line_and_status_2(refused, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAEA_MINI_NB201", raising=False)
    pattern, *arguments = WRONG[case]
    files = (
        ("--out", "run.json", "--checkpoint", "c.pt") if "search" in arguments else ()
    )
    answer = refused(pattern, *arguments, *files)
    assert len(answer.err) == 1


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_cuda_without_cuda(refused, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused(
        f"device {device}: no CUDA device here; take cpu",
        *SMALL,
        "--device",
        device,
    )


def test_auto_without_cuda_is_the_cpu(run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    file = tmp_path / "run.json"
    assert run(*SMALL, "--device", "auto", "--out", file).status == 0
    assert Run.load(file).environment["device"] == "cpu"


def test_a_loss_that_is_no_number(refused, tmp_path):
    pattern = r"epoch 1, step \d+: the loss is not a finite number .*; lower lr_w"
    refused(pattern, *SMALL, "--lr-w", "1e37", "--out", tmp_path / "run.json")


@pytest.mark.parametrize("end", [InputError("epoch 2: too much"), KeyboardInterrupt()])
def test_a_search_cut_short_leaves_the_epochs_that_it_did(
    end, tmp_path, monkeypatch, capsys
):
    real = search.search

    def cut(*given, **options):
        for run in real(*given, **options):
            yield run
            if run.epoch == 1:
                raise end

    monkeypatch.setattr("gaea_mini.search.search", cut)
    out = tmp_path / "run.json"
    status = main([*map(str, SMALL), "--epochs", "3", "--out", str(out)])
    assert status == (2 if isinstance(end, InputError) else 130)
    assert "first 1 epochs" in capsys.readouterr().err
    assert search.Run.load(out).epoch == 1


@pytest.mark.parametrize("option", ["--out", "--checkpoint"])
def test_a_place_that_cannot_be_written_is_found_before_the_search(
    refused, tmp_path, option, monkeypatch
):
    monkeypatch.setattr("gaea_mini.search.search", None)
    gone = tmp_path / "gone" / "file"
    refused("cannot write .*gone/file: No such file", *SMALL, option, gone)
    folder = tmp_path / "folder"
    folder.mkdir()
    refused("folder: it is a folder; name a file", *SMALL, option, folder)
    plain = tmp_path / "plain"
    plain.write_text("x")
    refused("cannot write .*: Not a directory", *SMALL, option, plain / "file")


def test_a_folder_without_permission(refused, tmp_path, monkeypatch):
    """As root every folder can be written, so the refusal is acted out."""

    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", deny)
    refused(
        "cannot write .*run.json: Permission denied",
        *SMALL,
        "--out",
        tmp_path / "run.json",
    )


def test_a_variable_that_is_set_to_nothing_is_none(monkeypatch):
    monkeypatch.setenv("GAEA_MINI_NB201", "")
    monkeypatch.setenv("GAEA_MINI_CIFAR10", "")
    options = build_parser().parse_args(["records"])
    assert options.nb201 is None and options.cifar10 == "cifar10"


def test_damaged_pictures(refused, tmp_path):
    from gaea_mini.data import SAMPLE

    content = SAMPLE.read_bytes()
    for name, damaged in {
        "cut.npz": content[: len(content) // 2],
        "text.npz": b"hello\n" * 100,
        "empty.npz": b"",
    }.items():
        (tmp_path / name).write_bytes(damaged)
        pattern = f"{name} is not a .npz, or it is damaged$"
        refused(pattern, *SMALL, "--data", tmp_path / name)


def test_a_sample_with_a_wrong_hash(refused, tmp_path, monkeypatch):
    from gaea_mini import data

    content = bytearray(data.SAMPLE.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "sample.npz").write_bytes(content)
    monkeypatch.setattr(data, "SAMPLE", tmp_path / "sample.npz")
    refused("has sha256 .*, not .*fetch it again", *SMALL)


def test_what_is_read_is_never_written(run, refused, tmp_path, made_up_table):
    record, link = tmp_path / "run.json", tmp_path / "link"
    assert run(*SMALL, "--epochs", 1, "--out", record).status == 0
    link.symlink_to(record)
    table = tmp_path / "table.csv.gz"
    table.write_bytes(made_up_table.read_bytes())
    for other in (record, link):
        refused("record 1 and --html are one file", "show", record, "--html", other)
        refused("--data and --out are", *SMALL, "--data", record, "--out", other)
    refused("--nb201 and --out are", *SMALL, "--nb201", table, "--out", table)
    both = ("--out", tmp_path / "new", "--checkpoint", tmp_path / "new")
    refused("--out and --checkpoint are one file", *SMALL, *both)
    for spare in ("new.before", "new.new"):
        both = ("--out", tmp_path / spare, "--checkpoint", tmp_path / "new")
        refused("--out and the .* --checkpoint are one file", *SMALL, *both)
    both = ("--out", tmp_path / "new", "--journal", tmp_path / "new")
    refused("--out and --journal are one file", "benchmark", "build", *both)


@pytest.mark.parametrize("option", ["--records", "--cache"])
def test_folders_are_looked_at_before_any_search(
    refused, tmp_path, monkeypatch, option
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gaea_mini.recipes.kitchen.search", None)
    (tmp_path / "plain").write_text("x")
    for place, reason in (("plain", "it is a file"), ("plain/deeper", "Not a dir")):
        pattern = f"{option} {place}: {reason}"
        refused(pattern, "records", "compact_fashion", option, place)


def test_a_table_without_a_column(refused, tmp_path, made_up_table):
    lines = gzip.decompress(made_up_table.read_bytes()).decode()
    poor = tmp_path / "poor.csv"
    poor.write_text(lines.replace("in16_test_200", "in16", 1))
    pattern = "poor.csv has no column in16_test_200; the README"
    refused(pattern, "lookup", "3", "--nb201", poor)
    refused(pattern, *SMALL, "--space=nasbench201", "--nb201", poor)


def test_the_record_is_there_before_the_table_is_asked(
    run, tmp_path, monkeypatch, made_up_table
):
    from gaea_mini.evaluate import NasBench201

    def fail(*_):
        raise InputError("the table cannot say")

    monkeypatch.setattr(NasBench201, "truth", fail)
    file = tmp_path / "run.json"
    options = ("--space", "nasbench201", "--nb201", made_up_table, "--out", file)
    answer = run(*SMALL, *options)
    assert answer.status == 2 and Run.load(file).epoch == 2


def test_damaged_tables(refused, tmp_path, made_up_table):
    content = made_up_table.read_bytes()
    text = gzip.decompress(content)
    for name, damaged in {
        "cut.csv.gz": content[: len(content) // 2],
        "cut.csv": text[:-4000],
        "text.csv": b"hello\n" * 100,
        "empty.csv": b"",
    }.items():
        file = tmp_path / name
        file.write_bytes(damaged)
        refused(f"{name} is truncated", "lookup", "3", "--nb201", file)
        refused(f"{name} is truncated", *SMALL, "--nb201", file)
    refused("cannot read .*: Is a dir[a-z]*$", "lookup", "3", "--nb201", tmp_path)
    refused("cannot read .*: Is a dir", "show", tmp_path, "--html", tmp_path / "x")


@pytest.mark.parametrize(
    ("cell", "pattern"),
    [
        ("|skip_connect~0|", "malformed arch string .*; write it as '\\|none~0"),
        ("|conv~0|+|conv~0|conv~1|+|conv~0|conv~1|conv~2|", "no operation 'conv'"),
        ("999999", "no cell '999999'; give an arch string, six digits 0 to 4 or an"),
        ("-1", "no cell '-1'"),
        ("15625", "no cell '15625'"),
        ("best", "no cell 'best'"),
        ("|skip_connect~0" * 40, r"malformed arch string '.{30}[.]{3}.{30}'; write"),
    ],
)
def test_a_cell_that_there_is_not(refused, made_up_table, cell, pattern):
    refused(pattern, "lookup", cell, "--nb201", made_up_table)


def test_damaged_and_foreign_checkpoints(run, refused, tmp_path):
    checkpoint = tmp_path / "c.pt"
    assert run(*SMALL, "--checkpoint", checkpoint).status == 0
    content = checkpoint.read_bytes()
    options = ("--checkpoint", checkpoint, "--out", tmp_path / "run.json")
    refused("of another search .*seed 0 there, 1 here", *SMALL, *options, "--seed", 1)
    for damaged in (content[:5000], content[:-1], b"", b"hello\n" * 20):
        checkpoint.write_bytes(damaged)
        checkpoints.before(checkpoint).unlink(missing_ok=True)
        refused("c.pt is damaged or is no checkpoint; name another", *SMALL, *options)


def test_damaged_records(run, refused, tmp_path):
    record, page = tmp_path / "run.json", tmp_path / "out.html"
    refused("no file .*run.json", "show", record, "--html", page)
    assert run(*SMALL, "--epochs", 1, "--out", record).status == 0
    content = record.read_text()
    whole = json.loads(content)
    damaged = {
        "is not JSON, or it is truncated": content[:300],
        "run.json is not a record that search wrote": json.dumps([whole]),
        "not a record that search wrote: it holds many": json.dumps({"runs": [whole]}),
        "differ in length": json.dumps({**whole, "theta": whole["theta"][:1]}),
        "of a wrong kind": json.dumps({**whole, "seconds": ["a", "b"]}),
        "run.json: not a record that search wrote$": "{}",
        "run.json: not a record that search wrote(?#)": json.dumps({"foo": 1}),
        "run.json: not a record .* no number": content.replace("0.33333", "NaN", 1),
        "run.json: not a record .* wrong kind or": json.dumps(
            {**whole, "eigenvalue": ["a", "b"]}
        ),
        "run.json: not a record .* a wrong kind or": json.dumps(
            {**whole, "edge_weights": [3, 4]}
        ),
        "run.json: not a record .* of a wrong kind or": json.dumps(
            {**whole, "computed": [None, None]}
        ),
        "lengths|differ in length": json.dumps({**whole, "skipped_steps": []}),
        "not on the simplex": content.replace("0.33333", "0.93333", 1),
        "has no operations": json.dumps({**whole, "config": {}}),
        "config.edges must be pairs": json.dumps(
            {**whole, "config": {**whole["config"], "edges": [3]}}
        ),
    }
    for pattern, text in damaged.items():
        record.write_text(text)
        refused(pattern, "show", record, "--html", page)
    record.write_text(content)
    refused("5 runs: at most 4", "show", *[record] * 5, "--html", page)
    refused("cannot write", "show", record, "--html", tmp_path / "gone" / "out.html")
    refused("it is a folder", "show", record, "--html", tmp_path)


@pytest.mark.parametrize("kinds", [3, True, "cell"])
def test_kinds_of_cell_that_are_no_list(run, refused, tmp_path, kinds):
    record = tmp_path / "run.json"
    assert run(*SMALL, "--epochs", 1, "--out", record).status == 0
    whole = json.loads(record.read_text())
    whole["config"]["kinds"] = kinds
    record.write_text(json.dumps(whole))
    refused("kinds", "show", record, "--html", tmp_path / "out.html")


def test_without_joblib_recorded_runs_say_what_to_install(
    refused, tmp_path, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, "joblib", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "_build" / "records").mkdir(parents=True)
    refused("need joblib: pip install joblib", "records", "compact_fashion")


# ------------------------------------------------------------------- nothing is lost


def test_a_record_that_cannot_be_written_at_the_end_is_kept_elsewhere(
    run, tmp_path, monkeypatch
):
    """The place was there at the start and is full at the end."""
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    file, save = tmp_path / "run.json", Run.save
    file.write_text("the record before")

    def full(self, path):
        if Path(path) == file:
            raise OSError(28, "No space left on device")
        save(self, path)

    monkeypatch.setattr(Run, "save", full)
    answer = run(*SMALL, "--out", file)
    assert answer.status == 2
    (line,) = answer.err
    kept = re.search(r"run.json: No space left on device; the record is in (.*)", line)
    assert kept and kept[1].startswith(str(spare))
    assert Run.load(kept[1]).epoch == 2
    assert file.read_text() == "the record before"


def test_a_loss_that_is_no_number_later_on_keeps_the_epochs_before(
    run, tmp_path, monkeypatch
):
    from gaea_mini.search.state import State

    descend, calls = State.descend_weights, [0]

    def spoil(self, gradients):
        descend(self, gradients)
        calls[0] += 1
        if calls[0] == 7:  # epoch 2, step 2
            with torch.no_grad():
                self.weights[0].fill_(float("nan"))

    monkeypatch.setattr(State, "descend_weights", spoil)
    file = tmp_path / "run.json"
    answer = run(*SMALL, "--out", file)
    assert answer.status == 2
    (line,) = answer.err
    assert "epoch 2, step 3: the loss is not a finite number" in line
    assert line.endswith(f"the record of the first 1 epochs is in {file}")
    assert Run.load(file).epoch == 1 and list(tree(tmp_path)) == ["run.json"]


def no_memory_of_the_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nX")


def no_memory_of_this_machine():
    torch.empty(2**60, dtype=torch.uint8)  # torch's own words


@pytest.mark.parametrize("fail", [no_memory_of_the_gpu, no_memory_of_this_machine])
def test_a_full_memory_is_one_line_and_keeps_the_epochs_before(
    run, tmp_path, monkeypatch, fail
):
    from gaea_mini.search.state import State

    real = State.loss

    def loss(self, *given):
        if self.epoch == 1:
            fail()
        return real(self, *given)

    monkeypatch.setattr(State, "loss", loss)
    file = tmp_path / "run.json"
    answer = run(*SMALL, "--out", file)
    assert answer.status == 2
    (line,) = answer.err
    assert "the memory is full (" in line
    assert "; leave more of it free, or begin anew with a smaller --batch" in line
    assert line.endswith(f"the record of the first 1 epochs is in {file}")
    assert Run.load(file).epoch == 1


def test_a_memory_that_is_full_in_the_measured_steps_is_one_line(
    refused, tmp_path, monkeypatch
):
    from gaea_mini import forecast
    from gaea_mini.search.state import State

    monkeypatch.setattr(forecast, "SMALL", 0)
    monkeypatch.setattr(State, "descend_weights", lambda *_: no_memory_of_the_gpu())
    refused("the memory is full .CUDA out of memory", *SMALL, "--yes")


def test_where_nothing_can_be_smaller_nothing_smaller_is_advised(
    refused, made_up_table, monkeypatch
):
    from gaea_mini.evaluate import NasBench201

    monkeypatch.setattr(NasBench201, "lookup", lambda *_: no_memory_of_this_machine())
    pattern = "the memory is full .* leave more of it free$"
    refused(pattern, "lookup", 0, "--nb201", made_up_table)


def test_a_disk_that_is_full_at_a_checkpoint_keeps_the_epochs_before(
    run, tmp_path, monkeypatch
):
    real, calls = checkpoints.write, [0]

    def write(path, saved):
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, saved)

    monkeypatch.setattr(checkpoints, "write", write)
    out, file = tmp_path / "run.json", tmp_path / "c.pt"
    answer = run(*SMALL, "--checkpoint", file, "--out", out)
    assert answer.status == 2
    (line,) = answer.err
    assert f"{file}: No space left on device; the record of the first 2 epochs" in line
    assert Run.load(out).epoch == 2


def test_an_error_that_is_not_of_memory_is_not_taken_for_one(run, monkeypatch):
    from gaea_mini.search.state import State

    def wrong(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(State, "loss", wrong)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(*SMALL)


def test_more_epochs_than_the_cosine_stretch_it(run, tmp_path):
    """It would rise again; as long as it lasts it stays as it is."""
    for epochs, cosine in {3: 4, 7: 7}.items():
        file = tmp_path / "run.json"
        assert run(*SMALL, "--epochs", epochs, "--out", file).status == 0
        config = Run.load(file).config
        assert (config["epochs"], config["schedule_epochs"]) == (epochs, cosine)


def stopped_after_an_epoch(patch):
    """A search that a person stops."""
    from gaea_mini import search as room

    real = room.search

    def stopped(*arguments, **options):
        for record in real(*arguments, **options):
            yield record
            if record.epoch == 1:
                raise KeyboardInterrupt

    patch.setattr(room, "search", stopped)


def test_the_precision_of_a_checkpoint_need_not_be_named(
    run, refused, tmp_path, monkeypatch
):
    checkpoint, out = tmp_path / "c.pt", tmp_path / "run.json"
    files, half = ("--checkpoint", checkpoint, "--out", out), ("--precision=bfloat16",)
    with monkeypatch.context() as patch:
        stopped_after_an_epoch(patch)
        assert run(*SMALL, *half, *files).status == 130
    said = "another search .precision bfloat16 there, float32 here."
    refused(said, *SMALL, *files, "--precision=float32")
    # Nobody named the precision, so that it is of another search is what is said.
    said = "another search .method .*; and [0-9]+ more.; give another file"
    refused(said, *SMALL, *files, "--method=darts", "--order=2", "--lr-theta=0.1")
    assert run(*SMALL, *files).status == 0
    assert run(*SMALL, *half, "--out", tmp_path / "straight.json").status == 0
    resumed, straight = (
        Run.load(tmp_path / name) for name in ("run.json", "straight.json")
    )
    assert resumed.config == straight.config and resumed.theta == straight.theta


def test_stopping_by_hand_keeps_the_checkpoint(run, tmp_path, monkeypatch):
    checkpoint = tmp_path / "c.pt"
    stopped_after_an_epoch(monkeypatch)

    answer = run(*SMALL, "--checkpoint", checkpoint, "--out", tmp_path / "run.json")
    assert answer.status == 130 and answer.err[-1] == "gaea_mini: stopped"
    assert "the record of the first 1 epochs is in" in answer.err[0]
    assert sorted(tree(tmp_path)) == ["c.pt", "run.json"]
    assert Run.load(tmp_path / "run.json").epoch == 1
    monkeypatch.undo()
    files = ("--checkpoint", checkpoint, "--out", tmp_path / "run.json")
    assert run(*SMALL, *files).status == 0
    assert run(*SMALL, "--out", tmp_path / "straight.json").status == 0
    resumed, straight = (
        Run.load(tmp_path / name).theta for name in ("run.json", "straight.json")
    )
    assert resumed == straight
