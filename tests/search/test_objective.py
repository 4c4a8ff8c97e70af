"""Which pictures and which gradients move theta and the weights."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gaea_mini.errors import InputError
from gaea_mini.search import Bilevel, SingleLevel, darts, darts_sgd, gaea, search
from gaea_mini.search.objective import weight_step
from gaea_mini.supernet import space


class Watch:
    """Compares every gradient that theta moves by with a fresh one.

    The fresh one is ``autograd.grad`` of the loss of theta's minibatch, at the weights
    and the theta of that very moment, with nothing kept from any step before.
    """

    def __init__(self, state, joint=False):
        self.state, self.errors, self.batches = state, [], []
        streams, step = state.streams, state.theta_optimizer.step

        def watched_streams():
            theta_batches, weight_batches = streams()
            if joint:
                return theta_batches, self.keep(weight_batches)
            return self.keep(theta_batches), weight_batches

        def watched_step():
            self.errors.append(self.error())
            step()

        state.streams, state.theta_optimizer.step = watched_streams, watched_step

    def keep(self, batches):
        for batch in batches:
            self.batches.append(batch)
            yield batch

    def error(self):
        pictures, labels = self.batches[-1]
        fresh = self.state.parameters[0].detach().clone().requires_grad_()
        theta = self.state.method.relaxation(fresh)
        loss = F.cross_entropy(self.state.network(pictures, theta), labels)
        (slope,) = torch.autograd.grad(loss, fresh)
        assert slope.abs().max() > 1e-5
        used = self.state.parameters[0].grad
        return ((used - slope).abs().max() / slope.abs().max()).item()


@dataclass(frozen=True)
class LeakyBilevel(Bilevel):
    """DARTS as in code where nothing clears theta's gradient: the weights' step leaks.

    ``loss.backward()`` adds to the gradient of everything in the graph, and theta is
    not among the parameters that the weights' optimizer clears.
    """

    def epoch(self, state):
        parameters = state.parameters[0]
        for theta_batch, weight_batch in zip(*state.streams(), strict=True):
            losses = []
            for (pictures, labels), move in (
                (theta_batch, state.theta_optimizer.step),
                (weight_batch, lambda: self.descend(state)),
            ):
                for weight in state.weights:
                    weight.grad = None
                theta = state.method.relaxation(parameters)
                loss = F.cross_entropy(state.network(pictures, theta), labels)
                loss.backward()
                move()
                losses.append(loss.detach())
            yield tuple(losses)

    def descend(self, state):
        state.descend_weights(tuple(weight.grad for weight in state.weights))


@pytest.mark.parametrize("base", [gaea(darts(), lr=1.0), darts(lr=0.1), darts_sgd()])
def test_theta_moves_by_the_gradient_of_its_own_loss_and_no_other(
    base, patterns, budget, state_of
):
    """Over several epochs: nothing leaks in from the weights' steps between them."""
    state = state_of(patterns(), base, budget)
    watch = Watch(state)
    for _ in range(3):
        list(base.objective.epoch(state))
    assert len(watch.errors) == 15
    assert max(watch.errors) < 1e-5


def test_the_check_above_catches_a_leak(patterns, budget, state_of):
    leaky = gaea(darts(objective=LeakyBilevel()), lr=1.0)
    state = state_of(patterns(), leaky, budget)
    watch = Watch(state)
    for _ in range(2):
        list(leaky.objective.epoch(state))
    first, *later = watch.errors
    assert first < 1e-5, "before the first weight step there is nothing to leak"
    assert min(later) > 0.05


@pytest.mark.parametrize("passes", [1, 2])
def test_single_level_moves_theta_by_the_training_gradient(
    passes, patterns, budget, state_of
):
    method = gaea(darts(objective=SingleLevel(passes)), lr=1.0)
    state = state_of(patterns(), method, budget)
    watch = Watch(state, joint=passes == 1)
    for _ in range(2):
        list(method.objective.epoch(state))
    assert len(watch.errors) == 20, "80 pictures in batches of 8, twice"
    assert max(watch.errors) < 1e-5


def test_one_pass_moves_both_from_the_same_point(patterns, budget, state_of):
    """Theta and the weights step at once: both gradients at the point before."""
    method = gaea(darts(objective=SingleLevel(passes=1)), lr=1.0)
    state, twin = (state_of(patterns(), method, budget) for _ in range(2))
    _, weight_batches = twin.streams()
    pictures, labels = next(weight_batches)
    theta = twin.parameters[0].detach().clone().requires_grad_()
    loss = F.cross_entropy(twin.network(pictures, theta), labels)
    slope, *slopes = torch.autograd.grad(loss, [theta, *twin.weights])
    losses = next(iter(method.objective.epoch(state)))
    assert losses[0] == losses[1] == loss
    expected = torch.softmax(theta.detach().log() - slope, dim=-1)
    torch.testing.assert_close(
        state.parameters[0].detach(), expected, atol=1e-6, rtol=0
    )
    norm = torch.sqrt(sum((g**2).sum() for g in slopes))
    for now, before, slope in zip(state.weights, twin.weights, slopes, strict=True):
        slope = slope * min(1, 5 / (norm + 1e-6)) + 3e-4 * before
        torch.testing.assert_close(now, before - 0.025 * slope, atol=1e-6, rtol=0)


def test_theta_goes_first_and_the_weights_see_it(patterns, budget, state_of):
    """Alternating: the weights' loss is taken at the theta of after its step."""
    method = gaea(darts(), lr=50.0)
    state, twin = (state_of(patterns(), method, budget) for _ in range(2))
    _, weight_batches = twin.streams()
    pictures, labels = next(weight_batches)
    start = twin.parameters[0].detach().clone()
    loss_theta, loss_w = next(iter(method.objective.epoch(state)))
    moved = state.parameters[0].detach()
    assert (moved - start).abs().max() > 0.05
    with torch.no_grad():
        at_moved = F.cross_entropy(twin.network(pictures, moved), labels)
        at_start = F.cross_entropy(twin.network(pictures, start), labels)
    torch.testing.assert_close(loss_w, at_moved, rtol=1e-5, atol=1e-6)
    assert abs(loss_w - at_start) > 1e-3


def test_the_weights_step_leaves_theta_and_its_gradient_alone(
    patterns, budget, state_of
):
    state = state_of(patterns(), gaea(darts()), budget)
    before = state.parameters[0].detach().clone()
    weight_step(state, next(iter(state.weight_batches)))
    assert torch.equal(state.parameters[0].detach(), before)
    assert state.parameters[0].grad is None


# ------------------------------------------------------------------- the pictures


class Census:
    """Who was in the minibatches that a gradient was taken on: [theta's, weights']."""

    def __init__(self, state, joint):
        self.seen, calls = (set(), set()), [0]

        def look(module, arguments):
            if torch.is_grad_enabled():
                numbers = arguments[0].amax(dim=(1, 2, 3)).int() - 1
                for part in (0, 1) if joint else (calls[0] % 2,):
                    self.seen[part].update(numbers.tolist())
                calls[0] += 1

        state.network.register_forward_pre_hook(look)


@pytest.mark.parametrize("count", [90, 91, 94])
def test_bilevel_splits_what_is_not_held_out_into_disjoint_halves(
    count, numbered_pictures, budget, state_of
):
    method = gaea(darts())
    budget = replace(budget, pictures=count)
    state = state_of(numbered_pictures(count), method, budget)
    census = Census(state, joint=False)
    for _ in range(12):
        list(method.objective.epoch(state))
        state.accuracy(state.theta())
    theta, weights = census.seen
    held_out = set(range(round(0.2 * count)))
    assert not theta & weights
    assert theta | weights == set(range(count)) - held_out
    assert abs(len(theta) - len(weights)) <= 1


@pytest.mark.parametrize("passes", [1, 2])
def test_single_level_gives_all_that_is_not_held_out_to_both(
    passes, numbered_pictures, budget, state_of
):
    method = gaea(darts(objective=SingleLevel(passes)))
    state = state_of(numbered_pictures(90), method, replace(budget, pictures=90))
    census = Census(state, joint=passes == 1)
    for _ in range(6):
        list(method.objective.epoch(state))
        state.accuracy(state.theta())
    assert census.seen == (set(range(18, 90)), set(range(18, 90)))


def test_the_halves_depend_on_the_seed_only(numbered_pictures, budget, state_of):
    method, halves = gaea(darts()), []
    for seed in (0, 0, 1):
        state = state_of(
            numbered_pictures(90), method, replace(budget, pictures=90), seed
        )
        halves.append(set(state.theta_batches.y.tolist()))
    assert halves[0] == halves[1] != halves[2]


@pytest.mark.parametrize("count", range(100, 124))
def test_any_number_of_pictures_can_be_searched_on(count, patterns, budget):
    """The halves of an odd number may hold different numbers of whole batches."""
    small = replace(budget, pictures=count, epochs=1, batch=8)
    *_, run = search(space("compact"), patterns(count), gaea(darts()), small)
    assert run.epoch == 1


@pytest.mark.parametrize(
    ("count", "batch"), [(2, 1), (6, 1), (40, 20), (100, 41), (3, 2)]
)
def test_too_few_pictures_are_refused(count, batch, patterns, budget):
    few = replace(budget, pictures=count, batch=batch)
    with pytest.raises(InputError, match=f"^{count} pictures"):
        list(search(space("compact"), patterns(count), gaea(darts()), few))


@pytest.mark.parametrize("wrong", [{"size": 7}, {"size": 16}, {"pictures": 99}])
def test_pictures_that_are_not_those_of_the_budget_are_refused(wrong, patterns, budget):
    """The record would say what is not so."""
    with pytest.raises(InputError, match="the budget"):
        list(
            search(
                space("compact"), patterns(), gaea(darts()), replace(budget, **wrong)
            )
        )


def test_accuracy_counts_right_answers_on_the_held_out_pictures(
    patterns, budget, state_of
):
    data = patterns()
    state = state_of(data, gaea(darts()), budget)
    theta = state.theta()
    pictures = torch.tensor(data.x[:20]).permute(0, 3, 1, 2)
    with torch.no_grad():
        logits = state.network(pictures, torch.tensor(theta).float()).numpy()
    right = sum(
        int(np.argmax(row)) == y for row, y in zip(logits, data.y[:20], strict=True)
    )
    assert state.accuracy(theta) == 100 * right / 20
