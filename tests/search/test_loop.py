"""The loop: its records, that they can be repeated, and how the weights are trained."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.errors import InputError
from gaea_mini.search import EG, Budget, Run, SingleLevel, darts, gaea, search
from gaea_mini.search.run import SERIES
from gaea_mini.search.state import State
from gaea_mini.supernet import space

COMPACT = space("compact")
# What differs between two runs of the same search, by the clock and the machine.
PASSING = ("seconds", "peak_mb")


def whole(*arguments, **options) -> Run:
    *_, run = search(*arguments, **options)
    return run


def lasting(run: Run) -> dict:
    return {k: v for k, v in run.to_dict().items() if k not in PASSING}


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


# ------------------------------------------------------------------------- records


def test_a_record_holds_every_state_the_first_included(any_method, data, budget):
    run = whole(COMPACT, data, any_method, budget)
    assert run.epoch == budget.epochs == 3
    for name in SERIES:
        assert len(getattr(run, name)) == 4
    assert run.loss_w[0] is None and run.loss_theta[0] is None
    assert all(0 < loss < 5 for loss in run.loss_w[1:] + run.loss_theta[1:])
    for accuracies in (run.accuracy_supernet, run.accuracy_rounded):
        assert all(0 <= a <= 100 and a * 20 % 100 == 0 for a in accuracies)
    assert run.seconds == sorted(run.seconds) and run.seconds[0] >= 0
    assert run.peak_mb > 10
    theta = np.array(run.theta)
    assert theta.shape == (4, 1, 6, 3)
    np.testing.assert_allclose(theta.sum(-1), 1, atol=2e-5)
    for t in range(4):
        # Entropy in nats and the cell, from the recorded numbers.
        by_hand = -sum(w * math.log(w) for row in theta[t, 0] for w in row) / 6
        assert run.entropy[t] == pytest.approx(by_hand, abs=1e-4)
        best = [max(range(3), key=lambda o, r=row: r[o]) for row in theta[t, 0]]
        assert run.genotype[t] == COMPACT.format(best)
    assert (theta[1:] != theta[:-1]).any(axis=(1, 2, 3)).all(), "theta stands still"


def test_the_config_holds_every_number_used(data, budget):
    method = gaea(darts(objective=SingleLevel(passes=1)), lr=0.7)
    run = next(search(COMPACT, data, method, budget, seed=5))
    for name in Budget.names():
        assert run.config[name] == getattr(budget, name)
    expected = {
        "space": "compact",
        "operations": ["skip_connect", "nor_conv_3x3", "avg_pool_3x3"],
        "edges": [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]],
        "kinds": ["cell"],
        "method": "gaea-darts",
        "objective": "single-level",
        "passes": 1,
        "seed": 5,
        "data": "patterns",
        "update": {"name": "ExponentiatedGradient", "lr": 0.7, "floor": 1e-5},
        "relaxation": {
            "name": "Mixture",
            "on": "simplex",
            "edge_weights": False,
            "partial": 1,
        },
        "warm_up": 0,
        "perturbation": 0.0,
    }
    for name, value in expected.items():
        assert run.config[name] == value
    assert set(run.environment) >= {
        *("python", "torch", "numpy", "gaea_mini", "device", "threads", "commit")
    }
    json.dumps(run.to_dict(), allow_nan=False)


def test_eg_starts_at_the_uniform_point_with_entropy_ln_o(data, budget):
    for where in (COMPACT, space("nasbench201"), space("nasbench201").without("none")):
        run = next(search(where, data, gaea(darts()), budget))
        count = len(where.operations)
        np.testing.assert_array_equal(
            run.theta[0], np.full(where.shape, round(1 / count, 5))
        )
        assert run.entropy == [pytest.approx(math.log(count), abs=1e-7)]
        assert run.genotype == [where.format([0] * 6)], "ties go to the first"
        assert run.epoch == 0


def test_logits_start_near_the_uniform_point(data, budget):
    run = next(search(COMPACT, data, darts(), budget))
    off = np.abs(np.array(run.theta[0]) - 1 / 3)
    assert 0 < off.max() < 2e-3


def test_recorded_thetas_are_copies(any_method, data, budget, monkeypatch):
    """Spoil everything that the search holds: no recorded number may change."""
    states = []
    build = State.__init__

    def remember(self, *arguments, **options):
        build(self, *arguments, **options)
        states.append(self)

    monkeypatch.setattr(State, "__init__", remember)
    for run in search(COMPACT, data, any_method, budget):
        (state,) = states
        kept = json.dumps(lasting(run))
        saved = state.parameters[0].detach().clone()
        read = state.theta()
        with torch.no_grad():
            state.parameters[0].fill_(7.0)
        assert not np.isclose(read, state.method.relaxation(torch.tensor(7.0))).all()
        assert json.dumps(lasting(run)) == kept
        with torch.no_grad():
            state.parameters[0].copy_(saved)
        np.testing.assert_array_equal(read, state.theta())


def test_accuracies_are_those_of_the_mixture_and_of_the_rounded_cell(
    data, budget, monkeypatch
):
    """Counted by hand at every epoch, with weight 1 on one operation for the cell."""
    states, build = [], State.__init__

    def remember(self, *arguments, **options):
        build(self, *arguments, **options)
        states.append(self)

    monkeypatch.setattr(State, "__init__", remember)
    pictures, labels = torch.tensor(data.x[:20]).permute(0, 3, 1, 2), data.y[:20]
    pairs = set()
    for run in search(COMPACT, data, gaea(darts(), lr=1.0), budget):
        network = states[0].network
        (mixture,) = (p.detach() for p in states[0].parameters)
        single = torch.zeros(1, 6, 3)
        for e, o in enumerate(COMPACT.parse(run.genotype[-1])):
            single[0, e, o] = 1
        found = []
        for theta in (mixture, single):
            with torch.no_grad():
                guesses = network(pictures, theta).argmax(dim=1).tolist()
            right = sum(g == y for g, y in zip(guesses, labels, strict=True))
            found.append(100 * right / 20)
        assert [run.accuracy_supernet[-1], run.accuracy_rounded[-1]] == found
        pairs.add(tuple(found))
    assert any(one != other for one, other in pairs), "the test tells nothing apart"


def test_each_epoch_is_yielded_as_it_is_done(data, budget):
    epochs = [
        (run.epoch, len(run.theta), run.theta[-1])
        for run in search(COMPACT, data, gaea(darts(), lr=1.0), budget)
    ]
    assert [e[:2] for e in epochs] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    final = whole(COMPACT, data, gaea(darts(), lr=1.0), budget)
    assert [e[2] for e in epochs] == final.theta


def test_a_longer_search_begins_like_a_shorter_one(data, budget):
    method = gaea(darts(), lr=1.0)
    short = whole(COMPACT, data, method, replace(budget, epochs=2))
    long = whole(COMPACT, data, method, budget)
    assert long.theta[:3] == short.theta
    assert long.loss_w[:3] == short.loss_w


# ----------------------------------------------------------------------- repeating


def test_the_same_seed_gives_the_same_record_and_another_another(
    any_method, data, budget
):
    """Whatever else draws random numbers, before or between the epochs."""
    first = whole(COMPACT, data, any_method, budget, seed=3)
    torch.manual_seed(99)
    np.random.seed(99)
    again = None
    for run in search(COMPACT, data, any_method, budget, seed=3):
        torch.rand(7)
        np.random.rand(7)
        again = run
    assert lasting(again) == lasting(first)
    other = whole(COMPACT, data, any_method, budget, seed=4)
    assert other.theta[1:] != first.theta[1:] and other.loss_w != first.loss_w


def test_two_searches_side_by_side_do_not_disturb_each_other(data, budget):
    methods = [gaea(darts(), lr=1.0), darts(lr=0.1)]
    alone = [whole(COMPACT, data, method, budget) for method in methods]
    pairs = zip(*(search(COMPACT, data, m, budget) for m in methods), strict=True)
    *_, together = pairs
    for one, other in zip(alone, together, strict=True):
        assert lasting(one) == lasting(other)


def test_a_search_leaves_the_global_random_state_alone(data, budget):
    torch.manual_seed(1)
    np.random.seed(1)
    before, draw = torch.get_rng_state(), np.random.RandomState(1).rand()
    whole(COMPACT, data, gaea(darts()), budget)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.rand() == draw


@pytest.mark.parametrize("seed", [-1, -100])
def test_a_negative_seed_is_refused(data, budget, seed):
    with pytest.raises(InputError, match=f"seed is {seed}; it must be 0 or more"):
        next(search(COMPACT, data, gaea(darts()), budget, seed=seed))


# --------------------------------------------------------------------- the weights


def test_the_step_of_the_weights_follows_the_cosine(data, budget, monkeypatch):
    """Against torch's own schedule; 3 epochs of a period of 6."""
    steps = []
    descend = State.descend_weights

    def watch(self, gradients):
        steps.append(self.weight_optimizer.param_groups[0]["lr"])
        descend(self, gradients)

    monkeypatch.setattr(State, "descend_weights", watch)
    whole(COMPACT, data, gaea(darts()), budget)
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.025)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6, 0.001)
    expected = []
    for _ in range(3):
        expected += [optimizer.param_groups[0]["lr"]] * 5
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(steps, expected, rtol=1e-12)
    assert steps[0] == 0.025


def test_at_mid_period_the_step_is_half_way(data, budget, state_of):
    state = state_of(data, gaea(darts()), budget)
    for epoch, lr in ((0, 0.025), (3, 0.013), (6, 0.001)):
        state.begin(epoch)
        (group,) = state.weight_optimizer.param_groups
        assert group["lr"] == pytest.approx(lr, rel=1e-12)


@pytest.mark.parametrize("size", [0.5, 5.0, 300.0])
def test_the_weights_descend_with_clip_momentum_and_decay(size, data, budget, state_of):
    """Three steps by hand; the gradient of all weights together is cut to norm 5."""
    state = state_of(data, gaea(darts()), budget)
    w = [weight.detach().double().clone() for weight in state.weights]
    buffers = [torch.zeros_like(weight) for weight in w]
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        g = [torch.randn(weight.shape, generator=generator) for weight in w]
        norm = math.sqrt(sum((part.double() ** 2).sum().item() for part in g))
        g = [part * size / norm for part in g]
        state.descend_weights(tuple(part.clone() for part in g))
        cut = min(1.0, 5.0 / size)
        for i, slope in enumerate(g):
            buffers[i] = 0.9 * buffers[i] + cut * slope.double() + 3e-4 * w[i]
            w[i] = w[i] - 0.025 * buffers[i]
    for weight, expected in zip(state.weights, w, strict=True):
        torch.testing.assert_close(
            weight.detach().double(), expected, atol=1e-5, rtol=0
        )


def test_a_search_learns(patterns, budget):
    """Three classes of patterns under noise: chance is 33 %."""
    long = replace(budget, channels=4, epochs=12, schedule_epochs=12, pictures=200)
    run = whole(COMPACT, patterns(200), gaea(darts(), lr=1.0), long)
    assert run.accuracy_supernet[-1] > 80
    assert run.loss_w[-1] < 0.6 < run.loss_w[1]
    assert run.entropy[-1] < run.entropy[0] - 0.01


def test_the_test_pictures_are_never_looked_at(data, budget):
    blank = replace(data, x_test=data.x_test * np.nan, y_test=data.y_test * 0 - 1)
    method = gaea(darts(), lr=1.0)
    assert lasting(whole(COMPACT, blank, method, budget)) == lasting(
        whole(COMPACT, data, method, budget)
    )


# ----------------------------------------------------------------------- accidents


def test_weights_that_blow_up_are_reported_with_epoch_and_step(data, budget):
    wild = replace(budget, lr_w=1e37, lr_w_min=1e37)
    expected = r"^epoch 1, step \d+: the loss is not a finite .*; lower lr_w"
    with pytest.raises(InputError, match=expected) as info:
        whole(COMPACT, data, gaea(darts()), wild)
    assert "\n" not in str(info.value)


def test_the_step_and_epoch_of_a_bad_loss_are_counted_from_one(
    data, budget, monkeypatch
):
    calls = [0]

    def spoil(self, gradients):
        calls[0] += 1
        if calls[0] == 7:  # epoch 2, step 2: the next loss is that of step 3
            with torch.no_grad():
                self.weights[0].fill_(float("nan"))

    monkeypatch.setattr(State, "descend_weights", spoil)
    with pytest.raises(InputError, match=r"^epoch 2, step 3: the loss is not a finite"):
        whole(COMPACT, data, gaea(darts()), budget)


def test_theta_that_blows_up_is_blamed_on_its_own_step(data, budget, monkeypatch):
    """The weights' loss is the first to be no number, but theta's step is the cause."""
    calls = [0]

    def spoil(self, closure=None):
        calls[0] += 1
        if calls[0] == 3:
            with torch.no_grad():
                self.param_groups[0]["params"][0].fill_(float("nan"))

    monkeypatch.setattr(EG, "step", spoil)
    with pytest.raises(InputError, match=r"^epoch 1, step 3: .*; lower lr_theta"):
        whole(COMPACT, data, gaea(darts()), budget)


def test_an_accident_does_not_lose_the_epochs_before(data, budget, monkeypatch):
    """The record of the epochs done is still in the caller's hands."""
    descend, calls = State.descend_weights, [0]

    def spoil(self, gradients):
        descend(self, gradients)
        calls[0] += 1
        if calls[0] == 12:
            with torch.no_grad():
                self.weights[0].fill_(float("nan"))

    monkeypatch.setattr(State, "descend_weights", spoil)
    with pytest.raises(InputError):
        for run in search(COMPACT, data, gaea(darts()), budget):
            kept = run
    assert kept.epoch == 2 and len(kept.theta) == len(kept.loss_w) == 3


@pytest.mark.parametrize("form", ["fast", "reference"])
def test_both_forms_of_the_cell_can_be_searched(form, data, budget):
    run = whole(COMPACT, data, gaea(darts()), budget, form=form)
    assert run.config["form"] == form and run.epoch == 3


@pytest.mark.parametrize("device", ["tpu", "meta", "cuda", "cuda:0"])
def test_a_device_that_is_not_there_is_refused(device, data, budget, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"device .?{device}.?[;:] .*take cpu"):
        next(search(COMPACT, data, gaea(darts()), budget, device=device))


def test_a_checkpoint_that_cannot_be_written_is_refused_at_once(data, budget, tmp_path):
    for place, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "a" / "b", "No su"),
    ):
        with pytest.raises(InputError, match=f"cannot write .*: {reason}"):
            next(search(COMPACT, data, gaea(darts()), budget, checkpoint=place))


@pytest.mark.parametrize("count", [2, 249, 250, 251, 252, 501])
def test_no_accuracy_is_taken_of_one_picture_alone(count, data, budget, state_of):
    state, sizes = state_of(data, gaea(darts()), budget), []
    x, y = (part[:1].repeat_interleave(count, 0) for part in state.held_out)
    state.held_out = x, y

    def scores(pictures, weights):
        sizes.append(len(pictures))
        return torch.nn.functional.one_hot(y[: len(pictures)], 3)

    state.scores = scores
    assert state.accuracy(np.ones((1, 6, 3))) == 100
    expected = {249: [249], 250: [250], 251: [251], 252: [250, 2], 501: [250, 251]}
    assert sizes == expected.get(count, [2])


@pytest.mark.parametrize("epochs", [2, 6, 7, 40])
def test_the_step_of_the_weights_never_rises(epochs, data, budget):
    """Its cosine lasts 6 epochs; a longer search stretches it."""
    longer = budget.lasting(epochs)
    cpu = torch.device("cpu")
    state = State(COMPACT, data, gaea(darts()), longer, 0, cpu)
    rates = []
    for epoch in range(epochs):
        state.begin(epoch)
        rates.append(state.weight_optimizer.param_groups[0]["lr"])
    assert rates[0] == budget.lr_w and min(rates) >= budget.lr_w_min
    assert rates == sorted(rates, reverse=True)
    assert longer.schedule_epochs == max(6, epochs)
