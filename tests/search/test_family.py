"""Each method against an independent statement of its mathematics."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gaea_mini.data import load
from gaea_mini.errors import InputError
from gaea_mini.search import (
    METHODS,
    PRESETS,
    Bilevel,
    ControllerSample,
    GumbelSample,
    Mixture,
    SingleLevel,
    UniformSample,
    darts,
    enas,
    gaea,
    gdas,
    method,
    pc_darts,
    rs_ws,
    search,
)
from gaea_mini.search.curvature import dominant_eigenvalue
from gaea_mini.search.objective import theta_step, unrolled_theta_step, weight_step
from gaea_mini.search.relaxation import Weights, best_of, only
from gaea_mini.search.state import State
from gaea_mini.supernet import FastCell, space

COMPACT = space("compact")
TINY = replace(PRESETS["tiny"], pictures=200, batch=16, channels=4, epochs=2)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures():
    return load("fashion", TINY.size, TINY.pictures)


def make_state(pictures, chosen, budget=TINY, double=False):
    state = State(COMPACT, pictures, chosen, budget, 0, CPU)
    if double:
        state.network.double()
        for parameter in state.parameters:
            parameter.data = parameter.data.double()
    return state


def batches(state, double=False):
    found = [next(iter(state.theta_batches)), next(iter(state.weight_batches))]
    return [(x.double() if double else x, y) for x, y in found]


# Samplers ----------------------------------------------------------------------------


def test_gumbel_samples_follow_theta() -> None:
    theta = torch.tensor([[[0.6, 0.3, 0.1]]])
    sampler, draws = GumbelSample(on="simplex"), torch.Generator().manual_seed(1)
    counts = torch.zeros(3)
    for _ in range(4000):
        counts += sampler.weights([theta], draws, 0.0).theta.detach()[0, 0]
    # Four standard errors of a share of 4000 draws are at most 0.032.
    assert torch.allclose(counts / 4000, theta[0, 0], atol=0.032)


# tau falls on a line from 10 to 0.1.
@pytest.mark.parametrize(("progress", "tau"), [(0.0, 10.0), (0.25, 7.525), (1.0, 0.1)])
def test_gumbel_sample_is_one_hot_with_the_gradient_of_the_soft_sample(
    progress, tau
) -> None:
    noise = torch.empty(1, 2, 3).exponential_(
        generator=torch.Generator().manual_seed(3)
    )
    gumbel = noise.log().neg().double()
    # Logits that nearly undo the noise: the sample is soft at a small tau as well.
    gaps = torch.tensor([[[0.1, 0.0, -0.2], [0.0, 0.15, 0.05]]]).double()
    alpha = (gaps - gumbel).requires_grad_()
    sampler = GumbelSample()
    weights = sampler.weights([alpha], torch.Generator().manual_seed(3), progress)
    assert set(weights.theta.detach().round(decimals=9).flatten().tolist()) == {
        0.0,
        1.0,
    }
    upstream = torch.tensor([[[1.0, -0.5, 0.3], [-2.0, 0.7, 0.4]]]).double()
    (got,) = torch.autograd.grad((weights.theta * upstream).sum(), alpha)

    def soft(logits: np.ndarray) -> float:
        log_theta = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        z = np.exp((log_theta + gumbel.numpy()) / tau)
        return float((z / z.sum(-1, keepdims=True) * upstream.numpy()).sum())

    base, step = alpha.detach().numpy(), 1e-6
    slopes = np.zeros_like(base)
    for index in np.ndindex(base.shape):
        shift = np.zeros_like(base)
        shift[index] = step
        slopes[index] = (soft(base + shift) - soft(base - shift)) / (2 * step)
    assert np.abs(slopes).max() > 1e-3
    assert got.numpy() == pytest.approx(slopes, rel=1e-4, abs=1e-7)


def test_the_temperature_falls_over_the_epochs_from_its_start_to_its_end(
    pictures,
) -> None:
    """The first epoch is at progress 0 and the last at 1, whatever lies between."""
    seen = []

    class Watched(GumbelSample):
        def weights(self, parameters, draws, progress):
            seen.append(progress)
            return super().weights(parameters, draws, progress)

    budget = replace(TINY, epochs=3)
    state = make_state(pictures, replace(gdas(), relaxation=Watched()), budget)
    for epoch in range(3):
        state.begin(epoch)
        state.sample()
    assert seen == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("estimator", ["shortcut", "exact"])
def test_a_weight_of_zero_leaves_no_nan_in_gumbel_gradients(estimator) -> None:
    logits = torch.tensor([[[0.0, -110.0, 5.0]]]).requires_grad_()
    corner = torch.tensor([[[0.0, 0.3, 0.7]]]).requires_grad_()
    for on, parameters in (("logits", logits), ("simplex", corner)):
        drawn = GumbelSample(on=on, estimator=estimator)
        draws = torch.Generator().manual_seed(0)
        theta = drawn.weights([parameters], draws, 0.5).theta
        (slope,) = torch.autograd.grad((theta * torch.arange(3.0)).sum(), parameters)
        assert slope.isfinite().all() and slope.abs().max() > 0


def test_gdas_shortcut_counts_idle_operations_as_one() -> None:
    """Its gradient in an idle operation is the sum of what comes back to the node."""
    cell = FastCell(COMPACT, 2).double()
    x = torch.randn(3, 2, 4, 4, dtype=torch.double)
    theta = torch.tensor(
        COMPACT.one_hot(COMPACT.arch(364)), dtype=torch.double
    ).requires_grad_()
    active = only(theta.detach())[0]
    out = cell(x, theta[0], active, constant_rest=True)
    assert torch.allclose(out, cell(x, theta[0].detach()))
    upstream = torch.randn_like(out)
    (shortcut,) = torch.autograd.grad((out * upstream).sum(), theta)
    # Edges 3 to 5 enter the last node, where the upstream gradient is known.
    for edge in (3, 4, 5):
        for o in range(3):
            if o not in active[edge]:
                assert shortcut[0, edge, o].item() == pytest.approx(
                    upstream.sum().item(), abs=1e-10
                )
    full = theta.detach().clone().requires_grad_()
    (exact,) = torch.autograd.grad((cell(x, full[0]) * upstream).sum(), full)
    drawn = theta.detach().bool()
    assert torch.allclose(shortcut[0, 3:][drawn[0, 3:]], exact[0, 3:][drawn[0, 3:]])
    assert not torch.allclose(shortcut[0, 3:], exact[0, 3:])


def test_sampled_cell_computes_the_drawn_operations_only(monkeypatch) -> None:
    cell = FastCell(COMPACT, 2)
    theta = torch.tensor(COMPACT.one_hot(COMPACT.arch(5)))  # one conv, two pools
    seen = []
    real = F.conv2d
    monkeypatch.setattr(
        F, "conv2d", lambda x, w, **rest: seen.append(w.shape[0]) or real(x, w, **rest)
    )
    cell(torch.randn(2, 2, 4, 4), theta[0], only(theta)[0])
    names = [COMPACT.operations[o] for o in COMPACT.parse(COMPACT.arch(5))]
    assert sum(seen) == 2 * names.count("nor_conv_3x3")


def test_a_uniform_sample_is_a_draw_of_the_space(pictures) -> None:
    """With the same random numbers, and every pass draws anew."""
    state = make_state(pictures, rs_ws())
    same = torch.Generator()
    same.set_state(state.draws.get_state())
    for _ in range(3):
        weights = state.sample()
        theta, active = COMPACT.draw(same)
        assert torch.equal(weights.theta, theta) and weights.active == active
        assert not weights.theta.requires_grad and not weights.constant_rest


def test_rs_ws_ends_with_the_best_scored_candidate(pictures, monkeypatch) -> None:
    state = make_state(pictures, rs_ws())
    x, labels = state.scoring_batch()
    monkeypatch.setattr(state, "scoring_batch", lambda: (x, labels))
    draws = torch.Generator().manual_seed(4)
    candidates = [Weights(*COMPACT.draw(draws)) for _ in range(8)]
    scores = []
    for weights in candidates:
        with torch.no_grad():
            guess = state.network(x, weights.theta).argmax(1)  # all operations
        scores.append((guess == labels).float().mean().item())
    best = candidates[int(np.argmax(scores))]
    assert len(set(scores)) > 1
    assert best_of(state, candidates) == COMPACT.round(best.theta.numpy())


@pytest.mark.parametrize(
    "relaxation",
    [UniformSample(candidates=3, on="simplex"), ControllerSample(candidates=3)],
)
def test_cells_are_scored_on_one_plain_batch_of_thetas_half(
    relaxation, numbered_pictures
) -> None:
    """Picture i is i + 1 everywhere, so every forward pass says what it saw."""
    build = rs_ws if isinstance(relaxation, UniformSample) else enas
    chosen = replace(build(), relaxation=relaxation)
    budget = replace(TINY, pictures=90, batch=8)
    state, seen = make_state(numbered_pictures(90), chosen, budget), []
    state.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    relaxation.choose(state)
    assert len(seen) == 3
    assert all(torch.equal(x, seen[0]) for x in seen)
    numbers = seen[0].amax(dim=(1, 2, 3))
    assert torch.equal(numbers, seen[0].amin(dim=(1, 2, 3))), "no border: not cropped"
    who = set((numbers.int() - 1).tolist())
    theta, weights = (
        set(part.y.tolist()) for part in (state.theta_batches, state.weight_batches)
    )
    assert len(who) == 8 and who <= theta and not who & weights


def test_rs_ws_has_no_theta_to_move(pictures) -> None:
    state = make_state(pictures, rs_ws())
    theta_batch, weight_batch = batches(state)
    theta_step(state, theta_batch)
    weight_step(state, weight_batch)
    assert torch.equal(state.parameters[0], torch.full((1, 6, 3), 1 / 3))
    for build in (rs_ws, enas):
        with pytest.raises(InputError, match="no use"):
            gaea(build())


# ENAS --------------------------------------------------------------------------------


def lstm_log_probabilities(parameters, picks):
    """log pi(a) of given cells, and the entropy of pi along each; in NumPy."""
    table, w_in, w_state, b_in, b_state, head = (p.detach().numpy() for p in parameters)
    total, entropies = [], []
    for cell in picks:
        h = c = np.zeros(w_state.shape[1])
        last, log_pi, entropy = len(head), 0.0, 0.0
        for pick in cell:
            gates = w_in @ table[last] + b_in + w_state @ h + b_state
            i, f, g, o = np.split(gates, 4)
            sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            logits = head @ h
            log = logits - np.log(np.exp(logits).sum())
            log_pi += log[pick]
            entropy -= (np.exp(log) * log).sum()
            last = pick
        total.append(log_pi)
        entropies.append(entropy)
    return np.array(total), np.array(entropies)


# A bonus of 50 makes the entropy's part of the gradient as large as the reward's.
@pytest.mark.parametrize("bonus", [0.0, 50.0])
@pytest.mark.parametrize("baseline", [0.3, None])
def test_controller_gradient_is_reinforce(bonus, baseline, pictures) -> None:
    """With no baseline yet, the first mean reward is the baseline."""
    sample = ControllerSample(hidden=5, entropy_bonus=bonus)
    state = make_state(pictures, replace(enas(), relaxation=sample), double=True)
    chosen = state.method
    if baseline is not None:
        state.memory["baseline"] = baseline
    batch = batches(state, double=True)[0]
    before = state.draws.get_state()
    loss, _ = chosen.relaxation.theta_loss(state, batch)
    gradients = torch.autograd.grad(loss, state.parameters)
    state.draws.set_state(before)
    picks, _ = chosen.relaxation.write(state.parameters, 6, 5, state.draws)
    rewards = []
    for pick in picks:
        one_hot = F.one_hot(pick, 3)[None].double()
        with torch.no_grad():
            guess = state.network(batch[0], one_hot).argmax(1)
        rewards.append((guess == batch[1]).double().mean().item())
    mean = np.mean(rewards)
    before = mean if baseline is None else baseline
    assert len(set(rewards)) > 1
    advantage = np.array(rewards) - before

    def objective() -> float:
        logs, entropies = lstm_log_probabilities(state.parameters, picks.tolist())
        return float(-(advantage * logs + bonus * entropies).mean())

    rng = np.random.default_rng(0)
    for parameter, gradient in zip(state.parameters, gradients, strict=True):
        index = tuple(int(rng.integers(n)) for n in parameter.shape)
        with torch.no_grad():
            parameter[index] += 1e-5
            up = objective()
            parameter[index] -= 2e-5
            down = objective()
            parameter[index] += 1e-5
        assert gradient[index].item() == pytest.approx((up - down) / 2e-5, abs=1e-7)
    assert state.memory["baseline"] == pytest.approx(0.99 * before + 0.01 * mean)


def test_controller_learns_to_prefer_what_is_rewarded(pictures, monkeypatch) -> None:
    chosen = replace(enas(lr=0.01), relaxation=ControllerSample(candidates=20))
    state = make_state(pictures, chosen)
    batch = batches(state)[0]

    def network(x, theta, active=None, constant_rest=False):
        right = theta[0, :, 1].mean()  # the share of convolutions
        scores = torch.zeros(len(x), 10)
        scores[torch.arange(len(x)), (batch[1] + (right < torch.rand(1))) % 10] = 1.0
        return scores

    monkeypatch.setattr(state, "network", network)
    before = chosen.relaxation.theta(state.parameters)[0, :, 1].mean().item()
    for _ in range(60):
        theta_step(state, batch)
    after = chosen.relaxation.theta(state.parameters)[0, :, 1].mean().item()
    assert after > before + 0.2


# PC-DARTS ----------------------------------------------------------------------------


def test_partial_channels_against_the_words_of_the_paper() -> None:
    """The first C/k channels are mixed, the rest pass by; concatenate and shuffle."""
    k, channels = 4, 8
    cell = FastCell(COMPACT, channels, partial=k).double()
    x = torch.randn(3, channels, 5, 5, dtype=torch.double)
    theta = torch.rand(6, 3, dtype=torch.double)
    part = channels // k
    nodes = [x]
    for target in (1, 2, 3):
        total = 0
        for e, (s, t) in enumerate(COMPACT.edges):
            if t != target:
                continue
            a, b = nodes[s][:, :part], nodes[s][:, part:]
            place = [i for i, (u, _) in enumerate(COMPACT.edges) if u == s].index(e)
            stack = cell.filters[f"nor_conv_3x3_{s}"]
            filters = stack[place * part : (place + 1) * part]
            y = F.conv2d(F.relu(a), filters, padding=1)
            y = (y - y.mean((0, 2, 3), keepdim=True)) / torch.sqrt(
                y.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
            )
            ones = torch.ones_like(a)
            pooled = F.avg_pool2d(F.pad(a, (1, 1, 1, 1)), 3, 1) * 9
            pooled /= F.avg_pool2d(F.pad(ones, (1, 1, 1, 1)), 3, 1) * 9
            mixed = theta[e, 0] * a + theta[e, 1] * y + theta[e, 2] * pooled
            joined = torch.cat([mixed, theta[e].sum() * b], dim=1)
            order = [g * part + i for i in range(part) for g in range(k)]
            total = total + joined[:, order]
        nodes.append(total)
    assert torch.allclose(cell(x, theta), nodes[-1], atol=1e-10)


def test_partial_channels_must_divide() -> None:
    with pytest.raises(InputError, match="give channels a multiple of 4"):
        FastCell(COMPACT, 6, partial=4)


def test_edge_weights_share_a_node() -> None:
    mixture = Mixture(edge_weights=True)
    draws = torch.Generator().manual_seed(0)
    parameters = [torch.randn(s, generator=draws) for s in mixture.shapes(COMPACT)]
    theta = mixture.theta(parameters)
    weighed = COMPACT.weigh(theta, mixture.edges(parameters))
    into = [[e for e, (_, t) in enumerate(COMPACT.edges) if t == n] for n in (1, 2, 3)]
    for group, logits in zip(into, parameters[1:], strict=True):
        odds = np.exp(logits.numpy()[0])
        expected = theta[0, group].numpy() * (odds / odds.sum())[:, None]
        assert np.allclose(weighed[0, group].numpy(), expected, atol=1e-6)


def test_gaea_pc_darts_moves_edges_by_eg_without_a_floor(pictures) -> None:
    chosen = replace(gaea(pc_darts(), lr=0.5), warm_up=0)
    state = make_state(pictures, chosen, replace(TINY, channels=8))
    assert torch.equal(state.parameters[3], torch.full((1, 3), 1 / 3))
    gradient = torch.tensor([[0.0, 1.0, 80.0]])
    zeros = [torch.zeros_like(p) for p in state.parameters[:3]]
    state.descend_theta((*zeros, gradient))
    odds = np.exp(-0.5 * gradient.numpy())
    assert np.allclose(state.parameters[3].detach(), odds / odds.sum(), atol=1e-7)
    assert state.parameters[3][0, 2] < 1e-9  # operations have a floor, edges have none


# Bilevel -----------------------------------------------------------------------------


def test_second_order_gradient_against_exact_autograd(pictures) -> None:
    chosen = darts(objective=Bilevel(order=2))
    # So much weight decay, and momentum from a step before, that w' shows both.
    budget = replace(TINY, weight_decay=0.1)
    state = make_state(pictures, chosen, budget, double=True)
    theta_batch, weight_batch = batches(state, double=True)
    weight_step(state, weight_batch)
    group = state.weight_optimizer.param_groups[0]
    xi = group["lr"]
    buffers = [
        state.weight_optimizer.state[w]["momentum_buffer"] for w in state.weights
    ]
    alpha = state.parameters[0].detach().clone().requires_grad_()
    names = [name for name, _ in state.network.named_parameters()]

    def loss(weights, batch):
        tensors = dict(zip(names, weights, strict=True))
        theta = torch.softmax(alpha, -1)
        scores = torch.func.functional_call(state.network, tensors, (batch[0], theta))
        return F.cross_entropy(scores, batch[1])

    start = [w.detach().clone().requires_grad_() for w in state.weights]
    slope = torch.autograd.grad(loss(start, weight_batch), start, create_graph=True)
    ahead = [
        w.detach()
        - xi * (group["momentum"] * b + g + group["weight_decay"] * w.detach())
        for w, b, g in zip(start, buffers, slope, strict=True)
    ]
    (exact,) = torch.autograd.grad(loss(ahead, theta_batch), alpha)
    first_order = torch.autograd.grad(
        loss([w.detach() for w in start], theta_batch), alpha
    )[0]

    before = [w.detach().clone() for w in state.weights]
    got = {}
    state.descend_theta = lambda gradients: got.update(g=gradients[0])
    unrolled_theta_step(state, theta_batch, weight_batch, reach=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(before, state.weights, strict=True))
    scale = exact.abs().max()
    assert (got["g"] - exact).abs().max() < 1e-5 * scale
    assert (first_order - exact).abs().max() > 1e-2 * scale  # the test can tell


def test_weights_first_where_the_method_says_so(pictures, monkeypatch) -> None:
    from gaea_mini.search import objective

    order = []
    zero = torch.tensor(0.0)
    monkeypatch.setattr(objective, "theta_step", lambda *_: order.append("t") or zero)
    monkeypatch.setattr(objective, "weight_step", lambda *_: order.append("w") or zero)
    for build, expected in ((gdas, "wt"), (darts, "tw")):
        order.clear()
        list(build().objective.epoch(make_state(pictures, build())))
        assert "".join(order[:2]) == expected


# Regularisers and measurements -------------------------------------------------------


def test_warm_up_moves_the_weights_only(pictures) -> None:
    state = make_state(pictures, replace(darts(), warm_up=0.5))
    theta_batch, weight_batch = batches(state)
    alpha, w = state.parameters[0].detach().clone(), state.weights[0].detach().clone()
    state.begin(0)
    theta_step(state, theta_batch)
    weight_step(state, weight_batch)
    assert torch.equal(alpha, state.parameters[0])
    assert not torch.equal(w, state.weights[0])
    state.begin(1)
    theta_step(state, theta_batch)
    assert not torch.equal(alpha, state.parameters[0])


def test_perturbation_grows_and_stays_on_the_simplex(pictures) -> None:
    state = make_state(pictures, replace(gaea(darts()), perturbation=0.3))
    state.begin(0)
    assert torch.equal(state.sample_for_weights().theta, state.parameters[0])
    state.begin(TINY.epochs - 1)
    shifted = state.sample_for_weights().theta
    assert not torch.equal(shifted, state.parameters[0])
    assert torch.allclose(shifted.sum(-1), torch.ones(1, 6)) and (shifted >= 0).all()
    # theta's own step is not perturbed
    assert torch.equal(state.sample().theta, state.parameters[0])


@pytest.mark.parametrize(("epoch", "size"), [(1, 0.1), (2, 0.2), (3, 0.3)])
def test_the_perturbation_is_a_linear_ramp(epoch, size, pictures) -> None:
    """Each weight by up to ``size``, then to the simplex by a division."""
    budget = replace(TINY, epochs=4)
    state = make_state(pictures, replace(gaea(darts()), perturbation=0.3), budget)
    state.begin(epoch)
    same = torch.Generator()
    same.set_state(state.draws.get_state())
    shift = size * (2 * torch.rand(COMPACT.shape, generator=same) - 1)
    shifted = 1 / 3 + shift
    expected = shifted / shifted.sum(-1, keepdim=True)
    torch.testing.assert_close(
        state.sample_for_weights().theta, expected, atol=1e-6, rtol=0
    )


def test_dominant_eigenvalue_against_the_whole_hessian(pictures) -> None:
    state = make_state(pictures, darts())
    batch = batches(state)[0]
    theta = torch.as_tensor(state.theta(), dtype=torch.float32)

    def loss(flat):
        return state.loss(batch, Weights(flat.view(theta.shape)))

    hessian = torch.autograd.functional.hessian(loss, theta.flatten()).numpy()
    along = np.kron(np.eye(6), np.eye(3) - 1 / 3)  # row sums stay as they are
    hessian = along @ (hessian + hessian.T) @ along / 2
    values = np.linalg.eigvalsh(hessian)
    largest = values[np.abs(values).argmax()]
    found = dominant_eigenvalue(state, batch, steps=300, tolerance=1e-6)
    assert found == pytest.approx(largest, rel=1e-2)


def test_curvature_and_edge_weights_are_recorded(pictures) -> None:
    chosen = replace(pc_darts(), warm_up=0)
    budget = replace(TINY, channels=8, epochs=1)
    *_, run = search(COMPACT, pictures, chosen, budget, curvature=True)
    assert len(run.eigenvalue) == len(run.edge_weights) == len(run.theta) == 2
    assert np.isfinite(run.eigenvalue).all() and min(map(abs, run.eigenvalue)) > 0
    assert np.allclose(np.array(run.edge_weights)[:, :, 3:].sum(-1), 1, atol=1e-4)
    assert "eigenvalue" in run.to_dict()
    *_, plain = search(COMPACT, pictures, darts(), TINY)
    assert "eigenvalue" not in plain.to_dict()
    assert "edge_weights" not in plain.to_dict()


# All of them -------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs_and_resumes(name, pictures, tmp_path) -> None:
    chosen = replace(method(name), warm_up=0)
    budget = replace(TINY, channels=8 if "pc" in name else 4)
    if isinstance(chosen.relaxation, UniformSample | ControllerSample):
        chosen = replace(chosen, relaxation=replace(chosen.relaxation, candidates=5))
    *_, whole = search(COMPACT, pictures, chosen, budget)
    file = tmp_path / "c"
    for run in search(COMPACT, pictures, chosen, budget, checkpoint=file):
        if run.epoch == 1:
            break
    *_, resumed = search(COMPACT, pictures, chosen, budget, checkpoint=file)
    for series in ("theta", "loss_w", "loss_theta", "genotype", "accuracy_rounded"):
        assert getattr(resumed, series) == getattr(whole, series)
    assert np.allclose(np.array(whole.theta).sum(-1), 1, atol=1e-4)


@pytest.mark.parametrize(
    "build",
    [
        lambda: gdas(objective=Bilevel(order=2)),
        lambda: rs_ws(objective=Bilevel(order=2)),
        lambda: enas(objective=SingleLevel(passes=1)),
        lambda: Bilevel(order=3),
        lambda: replace(darts(objective=SingleLevel(passes=1)), perturbation=0.1),
        lambda: replace(darts(), perturbation=2.0),
        lambda: replace(rs_ws(), perturbation=0.1),
        lambda: replace(enas(), perturbation=0.1),
        lambda: GumbelSample(estimator="guess"),
        lambda: GumbelSample(partial=4),
        lambda: GumbelSample(tau_start=0.0),
        lambda: GumbelSample(tau_end=float("nan")),
        lambda: Mixture(partial=0),
        lambda: Mixture(partial=1.5),
        lambda: UniformSample(candidates=0),
        lambda: ControllerSample(samples=0),
        lambda: ControllerSample(decay=1.5),
        lambda: replace(gdas(), perturbation=0.1),
        lambda: COMPACT.round(np.full((1, 6, 3), np.nan)),
        lambda: space("darts").round(np.full((2, 14, 8), np.nan)),
        lambda: space("nasbench1shot1-1").round(np.full((1, 15, 3), np.nan)),
        lambda: COMPACT.round(np.ones((1, 6, 4))),
    ],
)
def test_wrong_combinations_give_one_line(build) -> None:
    with pytest.raises(InputError) as error:
        build()
    assert "\n" not in str(error.value)
