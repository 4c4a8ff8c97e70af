"""Stand-alone training: of any space, measured rightly, the same after a break."""

import math

import numpy as np
import pytest
import torch

from gaea_mini import checkpoints
from gaea_mini.data import Pictures
from gaea_mini.errors import InputError
from gaea_mini.evaluate import TRAININGS, TrainingRecipe, train_alone
from gaea_mini.evaluate.state import State, cut_out
from gaea_mini.supernet import GENOTYPES, space

DARTS_CELL = GENOTYPES["gaea-pc-darts-cifar"].genotype
NB201_CELL = (
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|"
    "skip_connect~2|"
)
COMPACT_CELL = space("compact").format([1, 0, 2, 0, 1, 0])
NODE_SPACE = space("nasbench1shot1-1")
NODE_CELL = NODE_SPACE.round(np.ones((len(NODE_SPACE.edges), 3)))

SMALL = TrainingRecipe(
    "small", channels=4, cells=1, size=8, epochs=4, batch=16, crop=1, held_out=40
)
# As published, but small: all that the DARTS space has is there.
DARTS = TrainingRecipe(
    "darts-small",
    channels=4,
    cells=1,
    size=32,
    epochs=3,
    batch=8,
    lr=0.05,
    nesterov=False,
    clip=5.0,
    cutout=16,
    auxiliary=0.4,
    drop_path=0.3,
)
EVERY_SPACE = [
    ("compact", COMPACT_CELL, SMALL),
    ("nasbench201", NB201_CELL, SMALL),
    ("nasbench1shot1-1", NODE_CELL, SMALL),
    ("darts", DARTS_CELL, DARTS),
]
IDS = [name for name, _, _ in EVERY_SPACE]


def made_up(size: int, train: int = 200, test: int = 60, seed: int = 0) -> Pictures:
    """Three classes: a bright bar in one of three places, under noise."""
    rng = np.random.default_rng(seed)

    def draw(n):
        y = rng.integers(0, 3, n)
        x = rng.normal(scale=0.5, size=(n, size, size, 1)).astype(np.float32)
        for picture, label in zip(x, y, strict=True):
            picture[label * size // 3 : (label + 1) * size // 3] += 1.5
        return x, y

    return Pictures("made up", *draw(train), *draw(test), ("a", "b", "c"))


def data_for(recipe: TrainingRecipe) -> Pictures:
    return made_up(recipe.size, *((32, 16) if recipe.size == 32 else ()))


# ---------------------------------------------------------------------- it trains


@pytest.mark.parametrize(("name", "cell", "recipe"), EVERY_SPACE, ids=IDS)
def test_a_cell_of_every_space_is_trained_and_recorded(name, cell, recipe):
    records = [
        (run.epoch, len(run.loss), len(run.val), len(run.test), len(run.seconds))
        for run in train_alone(space(name), cell, data_for(recipe), recipe, 0)
    ]
    assert records == [(n, n, n, n, n) for n in range(1, recipe.epochs + 1)]


@pytest.mark.parametrize("name", ["compact", "nasbench201", "nasbench1shot1-1"])
def test_what_can_be_learned_is_learned(name):
    cell = dict(zip(IDS, EVERY_SPACE, strict=True))[name][1]
    *_, run = train_alone(space(name), cell, made_up(8), SMALL, 0)
    assert run.loss[-1] < 0.3 < 0.5 < run.loss[0]
    assert run.val[-1] > 90 and run.test[-1] > 90
    assert run.config["space"] == name and run.config["genotype"] == cell
    assert run.parameters > 0 and run.flops > 0 and run.environment["torch"]
    assert run.seconds == sorted(run.seconds) and run.seconds[0] > 0


def test_accuracy_is_of_running_statistics():
    """Each picture's answer is its own: it does not depend on the others."""
    data = made_up(8)
    state = State(space("compact"), COMPACT_CELL, data, SMALL, 0, torch.device("cpu"))
    list(state.steps(0))
    x, y = state.testing
    one_by_one = [state.accuracy((x[n : n + 1], y[n : n + 1])) for n in range(len(y))]
    assert state.accuracy(state.testing) == pytest.approx(np.mean(one_by_one))
    before = {n: v.clone() for n, v in state.network.state_dict().items()}
    state.accuracy(state.testing)
    for name, value in state.network.state_dict().items():
        assert value.equal(before[name]), f"measuring changed {name}"


def test_held_out_and_unused_pictures_are_never_trained_on():
    """Pictures that are not a number spoil what touches them."""
    data = made_up(8)
    recipe = TrainingRecipe(**{**vars(SMALL), "pictures": 100, "epochs": 1})
    clean = next(train_alone(space("compact"), COMPACT_CELL, data, recipe, 0))
    data.x[100:160] = np.nan
    data.x_test[:] = np.nan
    spoilt = next(train_alone(space("compact"), COMPACT_CELL, data, recipe, 0))
    assert spoilt.loss == clean.loss and spoilt.val == clean.val


def test_accuracy_is_measured_after_the_epochs_that_the_recipe_names():
    recipe = TrainingRecipe(**{**vars(SMALL), "measured": (2,), "held_out": 0})
    *_, run = train_alone(space("compact"), COMPACT_CELL, made_up(8), recipe, 0)
    assert run.val == [None] * 4, "nothing is held out"
    assert [test is not None for test in run.test] == [False, True, False, True]


def test_the_seed_decides_and_the_callers_random_stream_is_left_alone():
    def train(seed):
        *_, run = train_alone(space("compact"), COMPACT_CELL, made_up(8), SMALL, seed)
        return run.loss, run.val, run.test

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = train(0)
    assert torch.rand(3).equal(expected)
    assert train(0) == one != train(1)


# ------------------------------------------------------------------------ breaks


@pytest.mark.parametrize(("name", "cell", "recipe"), EVERY_SPACE, ids=IDS)
def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(
    tmp_path, name, cell, recipe
):
    where, data = space(name), data_for(recipe)

    def train(file):
        return train_alone(where, cell, data, recipe, 3, file)

    *_, straight = train(tmp_path / "straight.pt")
    for epoch in range(1, recipe.epochs + 1):  # broken off after every epoch
        for run in train(tmp_path / "broken.pt"):
            if run.epoch == epoch:
                break
    *_, resumed = train(tmp_path / "broken.pt")
    for series in ("config", "parameters", "flops", "loss", "val", "test"):
        assert getattr(resumed, series) == getattr(straight, series), series
    assert resumed.seconds == sorted(resumed.seconds)
    one, other = (
        checkpoints.load(tmp_path / f"{file}.pt", straight.config)["state"]
        for file in ("straight", "broken")
    )
    for key, value in one["network"].items():
        assert value.equal(other["network"][key]), key
    momenta = zip(
        one["optimizer"]["state"].values(),
        other["optimizer"]["state"].values(),
        strict=True,
    )
    for mine, theirs in momenta:
        assert mine["momentum_buffer"].equal(theirs["momentum_buffer"])


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    file = tmp_path / "c.pt"
    next(train_alone(space("compact"), COMPACT_CELL, made_up(8), SMALL, 0, file))
    with pytest.raises(InputError, match="seed 0 there, 1 here"):
        next(train_alone(space("compact"), COMPACT_CELL, made_up(8), SMALL, 1, file))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="c.pt is damaged"):
        next(train_alone(space("compact"), COMPACT_CELL, made_up(8), SMALL, 0, file))


# ------------------------------------------------------- against overfitting, rates


def test_drop_path_grows_with_the_epochs_and_the_auxiliary_head_learns():
    data = data_for(DARTS)
    state = State(space("darts"), DARTS_CELL, data, DARTS, 0, torch.device("cpu"))
    head = {n: p.clone() for n, p in state.network.auxiliary.named_parameters()}
    rates = []
    for epoch in range(3):
        list(state.steps(epoch))
        rates.append(state.network.drop)
    assert rates == pytest.approx([0, 0.1, 0.2])
    for name, value in state.network.auxiliary.named_parameters():
        assert not value.equal(head[name]), name


@pytest.mark.parametrize("side", [1, 4, 5, 16])
def test_cutout_by_a_loop_over_pictures(side):
    x = torch.rand(30, 3, 8, 8) + 1
    y = cut_out(x, side, torch.Generator().manual_seed(1))
    centres = torch.randint(8, (2, 30, 1), generator=torch.Generator().manual_seed(1))
    for n in range(30):
        expected = x[n].clone()
        row, column = centres[:, n, 0].tolist()
        for i in range(8):
            for j in range(8):
                near = range(-(side // 2), side - side // 2)
                if i - row in near and j - column in near:
                    expected[:, i, j] = 0
        assert y[n].equal(expected)
    assert (y == 0).any() and cut_out(x, 0, torch.Generator()) is x


def test_the_rate_of_the_cosine_is_torchs():
    recipe = TrainingRecipe(lr=0.1, lr_min=0.01)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, 0.01)
    for step in range(20):
        assert recipe.rate(step / 20) == pytest.approx(cosine.get_last_lr()[0])
        optimizer.step()
        cosine.step()


def test_the_rate_of_one_cycle_rises_and_falls():
    recipe = TrainingRecipe(schedule="one-cycle", warm_up=0.25, lr=0.2)
    rates = [recipe.rate(step / 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.2 / 25)
    assert rates[25] == max(rates) == pytest.approx(0.2)
    assert np.diff(rates[:26]).min() > 0 > np.diff(rates[25:]).max()
    assert np.allclose(np.diff(rates[:26]), rates[1] - rates[0])
    assert rates[-1] < 1e-4


def test_the_published_recipes_are_what_the_papers_say():
    nb201, darts = TRAININGS["nasbench201"], TRAININGS["darts"]
    assert (nb201.epochs, nb201.lr, nb201.weight_decay, nb201.batch) == (
        *(200, 0.1, 5e-4, 256),
    )
    assert nb201.nesterov and not darts.nesterov
    assert (darts.epochs, darts.channels, 3 * darts.cells + 2) == (600, 36, 20)
    assert (darts.cutout, darts.auxiliary, darts.drop_path) == (16, 0.4, 0.2)
    assert TRAININGS["gaea-pc-darts"].drop_path == 0.3


# ------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be 1 or more"),
        ({"held_out": -1}, "held_out is -1"),
        ({"lr": math.nan}, "lr is nan"),
        ({"epochs": 1.5}, "epochs is 1.5; it must be 1 or more, a whole number"),
        ({"pictures": 0}, "pictures is 0; it must be 1 or more"),
        ({"cutout": 2.5}, "cutout is 2.5; it must be 0 or more, a whole number"),
        ({"clip": 0.0}, "clip is 0.0; it must be above 0"),
        ({"momentum": 1.0}, "momentum is 1.0; it must be 0 or more, and below 1"),
        ({"momentum": 0.0}, "nesterov needs a momentum above 0"),
        ({"weight_decay": math.nan}, "weight_decay is nan"),
        ({"lr_min": 2.0}, "lr_min is 2.0, more than lr"),
        ({"drop_path": 1.0}, "drop_path is 1.0; it must be 0 or more, and below 1"),
        ({"warm_up": 1.0}, "warm_up is 1.0"),
        ({"schedule": "linear"}, "no schedule 'linear'; there are cosine, one-cycle"),
        ({"measured": (5,)}, "not all from 1 to 4"),
    ],
)
def test_a_recipe_without_sense_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        TrainingRecipe(**{**vars(SMALL), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 9}, "pictures are 8x8 pixels, the recipe is for 9"),
        ({"held_out": 190}, "200 pictures, 190 of them held out: cannot train on 10"),
        ({"pictures": 161}, "cannot train on 161 in batches of 16"),
        ({"auxiliary": 0.4}, "networks of compact have no auxiliary head"),
        ({"drop_path": 0.2}, "networks of compact have no drop path"),
        ({"lr": 1e30}, "epoch 1, step 2: the loss is not a finite number .*; lower lr"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(changes, message):
    recipe = TrainingRecipe(**{**vars(SMALL), **changes})
    with pytest.raises(InputError, match=message):
        next(train_alone(space("compact"), COMPACT_CELL, made_up(8), recipe, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1; it must be 0 or more, a whole number"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"device": "gpu"}, "no device 'gpu'; take cpu, cuda or cuda:N"),
        ({"checkpoint": "no/such/folder/c.pt"}, "cannot write no/such/folder/c.pt"),
    ],
)
def test_what_a_training_cannot_do_is_refused_before_it_begins(arguments, message):
    given = {"seed": 0, **arguments}
    with pytest.raises(InputError, match=message):
        next(train_alone(space("compact"), COMPACT_CELL, made_up(8), SMALL, **given))


def test_a_cell_of_another_space_is_refused():
    with pytest.raises(InputError, match="no operation 'none'"):
        next(train_alone(space("compact"), NB201_CELL, made_up(8), SMALL, 0))
