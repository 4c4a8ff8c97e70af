"""Operations of small weight left out: which, what it changes, and the way back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaea_mini.errors import InputError
from gaea_mini.search import (
    METHODS,
    Bilevel,
    Mixture,
    SingleLevel,
    active_set,
    darts,
    gaea,
    method,
    search,
)
from gaea_mini.search.active_set import FULL_EVERY, ActiveSet, skipping_error
from gaea_mini.search.objective import theta_step
from gaea_mini.search.speed import Speed
from gaea_mini.search.state import State
from gaea_mini.supernet import space

COMPACT, CPU = space("compact"), torch.device("cpu")
SPACES = {
    "compact": COMPACT,
    "nasbench201": space("nasbench201").without("none"),
    "darts": space("darts"),
    "nasbench1shot1-1": space("nasbench1shot1-1"),
}


@pytest.fixture(scope="module")
def data(patterns):
    return patterns()


def make_state(data, budget, where=COMPACT, below=1e-3):
    chosen = gaea(darts(), lr=1.0)
    return State(where, data, chosen, budget, 0, CPU, "fast", Speed(skip_below=below))


def with_small(shape, small, draws):
    """Theta with about half of its weights at ``small``; 'none' (0) is never alone."""
    low = torch.rand(shape, generator=draws) < 0.5
    kept = torch.randint(1, shape[-1], shape[:-1], generator=draws)
    low.scatter_(2, kept[..., None], False)
    theta = (0.2 + torch.rand(shape, generator=draws)) * ~low
    return theta / theta.sum(-1, keepdim=True) * (1 - small * low.sum(-1, True)) + (
        small * low
    )


def test_the_operations_are_those_of_enough_weight():
    theta = torch.tensor([[[0.5, 0.01, 0.49], [0.98, 0.005, 0.015]]])
    active = ActiveSet(0.01, (1, 2, 3))
    assert active.of(theta, step=1) == [[(0, 1, 2), (0, 2)]]
    assert active.of(theta, step=0) is None and active.of(theta, FULL_EVERY) is None
    assert active.mean() == pytest.approx((5 + 6 + 6) / 3)
    assert active.mean() == 6  # nothing since
    assert ActiveSet(0.0, (1, 2, 3)).of(theta, step=1) is None
    assert ActiveSet(0.0, (1, 2, 3)).mean() is None


# Largest of five draws, with a factor of about two to spare: logits, theta's gradient
# in the operations that are computed. Skipping at GAEA's floor and at a larger weight.
BOUNDS = {1e-5: (5e-4, 6e-2), 1e-3: (4e-2, 0.7)}


@pytest.mark.parametrize("small", BOUNDS)
@pytest.mark.parametrize("where", SPACES)
def test_the_error_of_skipping_is_bounded(where, small, data, budget):
    budget = replace(budget, channels=4, batch=16)
    state = make_state(data, budget, SPACES[where])
    draws = torch.Generator().manual_seed(1)
    for _ in range(5):
        theta = with_small(SPACES[where].shape, small, draws)
        error = skipping_error(state, theta, 2 * small, state.theta_batches.first())
        assert 0 < error.logits < BOUNDS[small][0]
        assert 0 < error.kept < BOUNDS[small][1]
        assert 0.05 < error.lost <= 1  # not small: that is why there are full steps


def test_what_is_dropped_is_not_computed_and_gets_no_gradient(data, budget):
    state = make_state(data, budget)
    draws = torch.Generator().manual_seed(1)
    theta = with_small(COMPACT.shape, 1e-4, draws)
    with torch.no_grad():
        state.parameters[0].copy_(theta)
    batch, slopes = state.theta_batches.first(), {}
    for state.step in (0, 1):
        loss = state.loss(batch, state.sample())
        slopes[state.step] = state.gradients(loss, state.parameters)[0]
    small = theta < 1e-3
    assert (slopes[1][small] == 0).all() and (slopes[1][~small] != 0).all()
    assert (slopes[0] != 0).all()  # the way back
    # Up to the normalisation of its row, EG leaves such a weight where it is.
    theta_step(state, batch)
    odds = state.parameters[0].detach() / theta
    expected = torch.exp(-slopes[1])
    row_sum = (theta * expected).sum(-1, keepdim=True)
    torch.testing.assert_close(odds, expected / row_sum, rtol=1e-4, atol=0)


@pytest.mark.parametrize("full_every", [FULL_EVERY, 10**6])
def test_a_dropped_operation_comes_back_by_the_full_steps(
    full_every, data, budget, monkeypatch
):
    """Its gradient made to call for it: it grows in full steps, and in no other."""
    monkeypatch.setattr(active_set, "FULL_EVERY", full_every)
    state = State(
        *(COMPACT, data, gaea(darts(), lr=0.1), budget, 0, CPU, "fast"),
        Speed(skip_below=1e-3),
    )
    theta = torch.tensor([[[0.0005, 0.6, 0.3995]] * 6])
    with torch.no_grad():
        state.parameters[0].copy_(theta)
    wanted = state.loss

    def loss(batch, weights):
        active = weights.active is None or 0 in weights.active[0][0]
        pull = weights.theta[0, 0, 0] - weights.theta[0, 0, 0].detach()
        return wanted(batch, weights) - (3.0 * pull if active else 0.0)

    state.loss = loss
    seen = []
    for _ in range(6 * FULL_EVERY):
        seen.append(state.active_set.of(state.parameters[0].detach(), state.step))
        theta_step(state, state.theta_batches.first())
        state.step += 1
    assert seen[1] is not None and 0 not in seen[1][0][0]
    state.step = 1
    active = state.sample().active
    back = active is None or 0 in active[0][0]
    assert back == (full_every == FULL_EVERY)


@pytest.mark.parametrize("name", METHODS)
def test_every_mixture_runs_and_resumes_and_what_samples_is_refused(
    name, data, budget, tmp_path
):
    chosen = replace(method(name), warm_up=0)
    arguments = (COMPACT, data, chosen, replace(budget, channels=4, epochs=2))
    if type(chosen.relaxation) is not Mixture:
        with pytest.raises(InputError, match="nothing to skip; leave it out") as error:
            next(search(*arguments, skip_below=0.1))
        assert "\n" not in str(error.value)
        return
    # Beside the uniform point, so that something is below it at once.
    below, file = 0.3333, tmp_path / "c"
    *_, whole = search(*arguments, skip_below=below)
    for run in search(*arguments, skip_below=below, checkpoint=file):
        if run.epoch == 1:
            break
    *_, resumed = search(*arguments, skip_below=below, checkpoint=file)
    for series in ("theta", "loss_w", "genotype", "computed"):
        assert getattr(resumed, series) == getattr(whole, series)
    assert whole.config["skip_below"] == below
    assert len(whole.computed) == 3 and whole.computed[0] == 18
    assert all(6 <= mean < 18 for mean in whole.computed[1:])


def test_where_nothing_is_small_no_number_changes(data, budget):
    *_, plain = search(COMPACT, data, gaea(darts()), budget)
    *_, run = search(COMPACT, data, gaea(darts()), budget, skip_below=1e-9)
    for series in ("theta", "loss_w", "loss_theta", "accuracy_supernet"):
        assert getattr(run, series) == getattr(plain, series)
    assert run.computed == [18.0] * 4
    assert plain.computed is None and "computed" not in plain.to_dict()
    assert "skip_below" not in plain.config


@pytest.mark.parametrize("objective", [Bilevel(order=2), SingleLevel(), SingleLevel(1)])
def test_it_goes_with_every_objective(objective, data, budget):
    chosen = darts(1.0, objective)
    *_, run = search(COMPACT, data, chosen, budget, skip_below=0.3333)
    assert np.isfinite(run.loss_w[1:]).all() and run.computed[-1] < 18


def test_a_perturbed_theta_decides_for_itself(data, budget):
    """What the perturbation lifts above the threshold is computed."""
    chosen = replace(gaea(darts()), perturbation=0.5)
    state = State(COMPACT, data, chosen, budget, 0, CPU, "fast", Speed(skip_below=0.01))
    state.step, state.progress = 1, 1.0
    with torch.no_grad():
        state.parameters[0].copy_(torch.tensor([[[0.998, 0.001, 0.001]] * 6]))
    assert state.sample().active == [[(0,)] * 6]
    weights = state.sample_for_weights()
    kept = [[o for o in range(3) if row[o] >= 0.01] for row in weights.theta[0]]
    assert [list(row) for row in weights.active[0]] == kept != [[0]] * 6


def test_what_does_not_go_is_refused_in_one_line(data, budget):
    for options, says in (
        ({"skip_below": -0.1}, "skip_below is -0.1; it must be 0 or more, and below"),
        ({"skip_below": float("nan")}, "skip_below is nan"),
        ({"skip_below": 1 / 3}, "below 0.333 where there are 3 operations"),
        ({"skip_below": 0.1, "form": "reference"}, "take the fast form"),
    ):
        with pytest.raises(InputError, match=says) as error:
            next(search(COMPACT, data, darts(), budget, **options))
        assert "\n" not in str(error.value)
