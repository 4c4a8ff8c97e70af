"""EG as a torch optimizer, and the updates that a method can have."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gaea_mini.errors import InputError
from gaea_mini.search import (
    EG,
    ExponentiatedGradient,
    LogitsAdam,
    LogitsSGD,
    ProjectedGradient,
)

TINY = torch.finfo(torch.float32).tiny


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def rows(*shape, seed=0, dtype=torch.float64):
    return torch.softmax(draw(*shape, seed=seed, dtype=dtype), dim=-1)


def step(theta, gradient, lr=0.1, floor=1e-5):
    """One step of the optimizer; theta itself is left alone."""
    moved = theta.clone()
    moved.grad = gradient.clone()
    EG([moved], lr=lr, floor=floor).step()
    return moved


@st.composite
def cases(draw_from):
    seed = draw_from(st.integers(0, 2**31))
    o = draw_from(st.integers(2, 8))
    lr = draw_from(st.floats(1e-3, 5.0))
    return rows(3, o, seed=seed), draw(3, o, seed=seed + 1), lr


@given(cases())
def test_a_step_multiplies_by_exp_and_normalises(case):
    theta, gradient, lr = case
    expected = []
    for row, slope in zip(theta.tolist(), gradient.tolist(), strict=True):
        raw = [w * np.exp(-lr * g) for w, g in zip(row, slope, strict=True)]
        expected.append([w / sum(raw) for w in raw])
    moved = step(theta, gradient, lr, floor=0.0)
    np.testing.assert_allclose(moved.numpy(), expected, rtol=1e-10)


@given(cases())
def test_a_step_is_a_logit_step_with_the_gradient_taken_past_the_softmax(case):
    theta, gradient, lr = case
    alpha = theta.log()
    past = torch.softmax(alpha - lr * gradient, dim=-1)
    torch.testing.assert_close(step(theta, gradient, lr, 0.0), past, rtol=1e-10, atol=0)


@given(cases(), st.floats(-1e4, 1e4))
def test_a_constant_in_a_rows_gradient_changes_nothing(case, constant):
    theta, gradient, lr = case
    shift = torch.tensor([[constant], [0.0], [-constant]], dtype=torch.float64)
    for floor in (0.0, 1e-5, 1e-2):
        moved = step(theta, gradient + shift, lr, floor)
        same = step(theta, gradient, lr, floor)
        torch.testing.assert_close(moved, same, rtol=0, atol=1e-10)


@pytest.mark.parametrize("lr", [0.1, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_stay_on_the_simplex_through_thousands_of_extreme_steps(dtype, lr):
    """Gradients up to 1e6 in size, of both signs, small ones and zeros among them."""
    theta = torch.full((2, 6, 5), 0.2, dtype=dtype)
    optimizer = EG([theta], lr=lr)
    generator = torch.Generator().manual_seed(0)
    for t in range(4000):
        scale = 10 ** (12 * torch.rand(2, 6, 1, generator=generator) - 6)
        noise = torch.randn(2, 6, 5, generator=generator)
        if t % 3 == 0:  # a long drift into one corner
            noise = torch.tensor([-1.0, 0, 0, 0, 1]).expand(2, 6, 5)
        if t % 7 == 0:
            noise = torch.zeros(2, 6, 5)
        theta.grad = (scale * noise).to(dtype)
        optimizer.step()
        assert torch.isfinite(theta).all()
        assert theta.min() >= 1e-5 / (1 + 5e-5) * (1 - 1e-5)
        assert (theta.sum(-1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("floor", [0.0, 1e-5])
@pytest.mark.parametrize("size", [1e6, -1e6, 1e30])
def test_one_extreme_gradient_goes_to_the_right_corner(size, floor):
    theta = torch.full((1, 4), 0.25)
    moved = step(theta, torch.tensor([[0.0, size, 0.0, 0.0]]), 0.1, floor)
    assert torch.isfinite(moved).all()
    expected = [1 / 3, 0, 1 / 3, 1 / 3] if size > 0 else [0, 1, 0, 0]
    np.testing.assert_allclose(moved[0], expected, atol=5e-5)


def test_with_the_floor_an_operation_can_return_and_without_it_it_cannot():
    away, back = torch.tensor([[1e4, 0.0]]), torch.tensor([[-20.0, 0.0]])
    for floor, returns in ((1e-5, True), (0.0, False)):
        theta = torch.tensor([[0.5, 0.5]])
        optimizer = EG([theta], lr=1.0, floor=floor)
        theta.grad = away
        for _ in range(3):
            optimizer.step()
        assert theta[0, 0] < 2e-5
        theta.grad = back
        for _ in range(3):
            optimizer.step()
        assert (theta[0, 0] > 0.99) == returns


def test_the_floor_lifts_small_weights_and_then_divides_by_the_sum():
    theta = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    gradient = torch.tensor([[0.0, 50.0, 50.0]], dtype=torch.float64)
    raw = np.array([0.5, 0.3, 0.2]) * np.exp([0, -50, -50])
    raw = np.maximum(raw / raw.sum(), 0.01)
    moved = step(theta, gradient, 1.0, 0.01)
    np.testing.assert_allclose(moved.numpy()[0], raw / raw.sum(), rtol=1e-12)


def test_the_step_is_in_place_and_needs_a_gradient():
    theta = rows(2, 3)
    before, where = theta.clone(), theta.data_ptr()
    optimizer = EG([theta], lr=1.0)
    assert optimizer.step() is None
    assert torch.equal(theta, before), "no gradient, no step"
    theta.grad = draw(2, 3, seed=1)
    gradient = theta.grad.clone()
    optimizer.step()
    assert theta.data_ptr() == where and not torch.equal(theta, before)
    assert torch.equal(theta.grad, gradient), "the gradient was changed"


def test_it_minimises_in_an_ordinary_training_loop():
    """A parameter, a closure, zero_grad, a scheduler and two groups."""
    target = torch.tensor([[0.7, 0.2, 0.1]])
    theta = torch.full((1, 3), 1 / 3).requires_grad_()
    other = torch.full((2, 4), 1 / 4).requires_grad_()
    groups = [{"params": [theta]}, {"params": [other], "lr": 1e-3}]
    optimizer = EG(groups, lr=0.5)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 1e-3]
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 50, gamma=0.5)

    def closure():
        optimizer.zero_grad()
        loss = ((theta - target) ** 2).sum() + other[:, 0].sum()
        loss.backward()
        return loss

    first = closure().item()
    for _ in range(400):
        last = optimizer.step(closure)
        scheduler.step()
    assert last < first
    assert optimizer.param_groups[0]["lr"] == 0.5 / 2**8
    torch.testing.assert_close(theta.detach(), target, atol=1e-3, rtol=0)
    # 400 steps of a constant gradient 1 with steps 1e-3 halved every 50: eta sums to
    # 50e-3 (1 + 1/2 + ... + 1/128).
    eta = 50e-3 * (2 - 2**-7)
    expected = np.exp(-eta) / (np.exp(-eta) + 3)
    assert other[0, 0].item() == pytest.approx(expected, rel=1e-5)


def test_a_scheduler_changes_the_step():
    theta = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    optimizer = EG([theta], lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    for _ in range(3):
        theta.grad = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
        optimizer.step()
        scheduler.step()
    odds = (theta[0, 0] / theta[0, 1]).log().item()
    assert odds == pytest.approx(1 + 1 / 2 + 1 / 3, rel=1e-12)


def test_state_dict_round_trip():
    theta = rows(2, 3)
    first = EG([theta], lr=0.7, floor=1e-3)
    second = EG([theta.clone()], lr=0.1)
    second.load_state_dict(first.state_dict())
    (group,) = second.param_groups
    assert (group["lr"], group["floor"]) == (0.7, 1e-3)
    gradient = draw(2, 3, seed=1)
    for optimizer in (first, second):
        (moved,) = optimizer.param_groups[0]["params"]
        moved.grad = gradient
        optimizer.step()
    torch.testing.assert_close(theta, second.param_groups[0]["params"][0])


@pytest.mark.parametrize(
    "row",
    [[0.5, 0.6], [0.2, 0.2], [1.5, -0.5], [0.0, 0.0], [float("nan"), 0.5]],
)
def test_rows_off_the_simplex_are_refused(row):
    good = torch.tensor([[0.5, 0.5]])
    with pytest.raises(InputError, match="not on the simplex"):
        EG([good, torch.tensor([[0.5, 0.5], row])])


def test_logits_by_mistake_are_refused():
    with pytest.raises(InputError, match="not on the simplex"):
        EG([1e-3 * torch.randn(6, 3)])


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf")])
def test_a_step_size_that_is_no_positive_number_is_refused(lr):
    with pytest.raises(InputError, match="EG: lr is .*; it must be above 0"):
        EG([rows(1, 3)], lr=lr)


@pytest.mark.parametrize("floor", [-1e-5, 1 / 3, 0.5, 1.0, float("nan")])
def test_a_floor_outside_0_to_1_over_o_is_refused(floor):
    with pytest.raises(InputError, match="floor"):
        EG([rows(1, 3)], floor=floor)


@pytest.mark.parametrize("kind", [EG, ProjectedGradient])
def test_a_group_that_is_added_is_checked_with_its_own_numbers(kind):
    optimizer = kind([rows(1, 3)])
    for wrong, reason in (
        ({"params": [torch.tensor([[0.5, 0.6]])]}, "not on the simplex"),
        ({"params": [torch.tensor(1.0)]}, "not on the simplex"),
        ({"params": [rows(1, 3)], "lr": 0.0}, f"{kind.__name__}: lr is 0.0"),
        ({"params": [rows(1, 4).half()]}, "keep it in float32 or float64"),
    ):
        with pytest.raises(InputError, match=reason):
            optimizer.add_param_group(wrong)
        assert len(optimizer.param_groups) == 1
    if kind is EG:
        with pytest.raises(InputError, match="EG: floor is 0.4"):
            optimizer.add_param_group({"params": [rows(1, 3)], "floor": 0.4})
    optimizer.add_param_group({"params": [rows(1, 2)], "lr": 0.3})
    assert optimizer.param_groups[1]["lr"] == 0.3


@pytest.mark.parametrize("kind", [EG, ProjectedGradient])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_refused_and_nothing_moves(kind, bad):
    first, second = rows(1, 3), rows(1, 3)
    before = first.clone()
    optimizer = kind([first, second])
    first.grad, second.grad = torch.ones_like(first), first * bad
    with pytest.raises(InputError, match=f"{kind.__name__}: a gradient is not a fin"):
        optimizer.step()
    assert torch.equal(first, before)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ExponentiatedGradient(floor=-1e-5),
        lambda: ExponentiatedGradient(floor=1.0),
        lambda: LogitsAdam(beta1=1.0),
        lambda: LogitsAdam(beta2=-0.1),
        lambda: LogitsAdam(weight_decay=float("nan")),
    ],
)
def test_numbers_of_an_update_are_checked_when_it_is_built(build):
    with pytest.raises(InputError, match=r"(floor|beta.|weight_decay) is .*; it must"):
        build()


# ------------------------------------------------------------ updates of a method


def test_eg_starts_exactly_uniform():
    for o in (2, 3, 4, 5):
        start = ExponentiatedGradient().start((1, 6, o), torch.Generator())
        assert (start == torch.tensor(1 / o)).all() and start.shape == (1, 6, o)
        EG([start])


@pytest.mark.parametrize("update", [LogitsAdam(), LogitsSGD()])
def test_logits_start_at_a_thousandth_of_a_normal_draw(update):
    starts = [
        update.start((1, 600, 5), torch.Generator().manual_seed(s)) for s in (0, 0, 1)
    ]
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])
    assert starts[0].std().item() == pytest.approx(1e-3, rel=0.05)
    assert abs(starts[0].mean().item()) < 1e-4


def test_adam_on_logits_is_darts_adam():
    """Two steps by hand: betas 0.5 and 0.999, weight decay 1e-3 added to the slope."""
    alpha = torch.tensor([[0.5, -0.5]], dtype=torch.float64).requires_grad_()
    optimizer = LogitsAdam(lr=0.01).optimizer([alpha])
    a, m, v = np.array([0.5, -0.5]), np.zeros(2), np.zeros(2)
    for t, slope in enumerate(([0.3, -0.1], [0.2, 0.4]), start=1):
        alpha.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        g = np.array(slope) + 1e-3 * a
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g**2
        a = a - 0.01 * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(alpha.detach().numpy()[0], a, rtol=1e-10)


def test_sgd_on_logits_is_plain():
    alpha = torch.zeros(1, 2, dtype=torch.float64).requires_grad_()
    optimizer = LogitsSGD(lr=0.5).optimizer([alpha])
    for _ in range(2):
        alpha.grad = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
        optimizer.step()
    assert alpha.tolist() == [[-1.0, 2.0]]


def test_the_published_steps_are_the_defaults():
    assert ExponentiatedGradient() == ExponentiatedGradient(lr=0.1, floor=1e-5)
    assert LogitsAdam() == LogitsAdam(3e-4, 0.5, 0.999, 1e-3)
