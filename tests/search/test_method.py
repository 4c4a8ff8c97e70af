"""A method is a choice of parts; gaea exchanges two of them."""

from dataclasses import fields, replace

import pytest
import torch

from gaea_mini.errors import InputError
from gaea_mini.search import (
    METHODS,
    OBJECTIVES,
    PRESETS,
    Bilevel,
    Budget,
    ExponentiatedGradient,
    LogitsAdam,
    LogitsSGD,
    Method,
    Mixture,
    SingleLevel,
    darts,
    darts_second,
    darts_sgd,
    gaea,
    method,
)

BASES = [
    darts(),
    darts(lr=0.01, objective=SingleLevel()),
    darts_sgd(objective=SingleLevel(passes=1)),
]


@pytest.mark.parametrize("base", BASES)
def test_gaea_changes_two_parts_and_the_name_only(base):
    changed = gaea(base, lr=0.3)
    differ = {f.name for f in fields(Method)} - {
        f.name
        for f in fields(Method)
        if getattr(base, f.name) == getattr(changed, f.name)
    }
    assert differ == {"name", "relaxation", "update"}
    assert changed.name == f"gaea-{base.name}"
    assert changed.relaxation == replace(base.relaxation, on="simplex")
    assert changed.update == ExponentiatedGradient(lr=0.3)
    assert changed.objective is base.objective
    assert base.relaxation == Mixture(), "the original has changed"


@pytest.mark.parametrize("name", ["darts-2nd", "darts-sgd", "darts-projected"])
def test_gaea_of_what_the_paper_does_not_apply_it_to_is_refused_by_name(name):
    with pytest.raises(InputError, match="no second order|would be gaea-darts"):
        method(f"gaea-{name}")


def test_gaea_has_no_second_order():
    for base in (darts_second(), darts(objective=Bilevel(order=2))):
        with pytest.raises(InputError, match="GAEA has no second order; use order 1"):
            gaea(base)


def test_gaea_twice_is_refused():
    with pytest.raises(InputError, match="on the simplex already; apply gaea once"):
        gaea(gaea(darts()))


@pytest.mark.parametrize("objective", [Bilevel(), SingleLevel()])
def test_a_softmax_left_in_a_gaea_method_is_refused(objective):
    with pytest.raises(InputError, match="still applies a softmax"):
        Method("wrong", Mixture(on="logits"), ExponentiatedGradient(), objective)
    with pytest.raises(InputError, match="still applies a softmax"):
        replace(gaea(darts(objective=objective)), relaxation=Mixture())


@pytest.mark.parametrize("update", [LogitsAdam(), LogitsSGD()])
def test_logits_taken_for_points_of_the_simplex_are_refused(update):
    with pytest.raises(InputError, match="moves logits"):
        Method("wrong", Mixture(on="simplex"), update, Bilevel())
    with pytest.raises(InputError, match="moves logits"):
        replace(gaea(darts()), update=update)


def test_what_the_refusal_is_for():
    """EG under a softmax goes to a vertex, but the mixture stays at e / (e + O - 1)."""
    vertex = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    mixed = Mixture(on="logits")(vertex)
    assert mixed[0, 0].item() == pytest.approx(0.475, abs=1e-3)
    assert torch.equal(Mixture(on="simplex")(vertex), vertex)


@pytest.mark.parametrize("on", ["Simplex", "softmax", "", None])
def test_an_unknown_geometry_is_refused(on):
    with pytest.raises(InputError):
        Mixture(on=on)


def test_the_mixture_is_differentiable_in_its_parameters():
    alpha = torch.randn(1, 6, 3, dtype=torch.float64).requires_grad_()
    pull = torch.randn(1, 6, 3, dtype=torch.float64)
    theta = Mixture()(alpha)
    by_hand = alpha.exp() / alpha.exp().sum(-1, keepdim=True)
    torch.testing.assert_close(theta, by_hand)
    (slope,) = torch.autograd.grad((theta * pull).sum(), alpha)
    mean = (theta * pull).sum(-1, keepdim=True)
    torch.testing.assert_close(slope, theta * (pull - mean))
    (straight,) = torch.autograd.grad((Mixture("simplex")(alpha) * pull).sum(), alpha)
    assert torch.equal(straight, pull)


@pytest.mark.parametrize("lr", [0, -1.0, 1e40, float("nan"), float("inf")])
@pytest.mark.parametrize("name", METHODS)
def test_a_step_that_is_no_positive_number_is_refused_at_once(name, lr):
    with pytest.raises(
        InputError, match="lr_theta is .*; it must be above 0, and below"
    ):
        method(name, lr)


def test_methods_by_name():
    assert method("darts") == darts()
    assert method("darts-sgd", 0.5) == darts_sgd(lr=0.5)
    single = SingleLevel(passes=1)
    assert method("gaea-darts", 0.2, single) == gaea(darts(objective=single), lr=0.2)
    assert method("gaea-darts") == gaea(darts()) and gaea(darts()).update.lr == 0.1
    assert darts().update == LogitsAdam(3e-4)
    for name in METHODS:
        assert method(name).name == name
        first = not name.endswith(("gdas", "enas"))
        order = 2 if name == "darts-2nd" else 1
        assert method(name).objective == Bilevel(order, theta_first=first)
    assert method("darts-2nd") == replace(
        darts(), name="darts-2nd", objective=Bilevel(order=2)
    )
    with pytest.raises(InputError, match="no method 'nas'; there are darts, darts-2nd"):
        method("nas")


def test_objectives_are_found_by_the_names_they_record():
    assert {name: build().name for name, build in OBJECTIVES.items()} == {
        "bilevel": "bilevel",
        "single-level": "single-level",
    }
    assert SingleLevel() == SingleLevel(passes=2), "the authors' form is the default"


@pytest.mark.parametrize("passes", [0, 3, -1])
def test_a_number_of_passes_that_there_is_not_is_refused(passes):
    with pytest.raises(InputError, match=f"passes is {passes}; it must be 1 or 2"):
        SingleLevel(passes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr_w": 0.0},
        {"lr_w": -1.0},
        {"lr_w": 1e39},
        {"lr_w": float("nan")},
        {"channels": 0},
        {"cells": 0},
        {"size": 0},
        {"epochs": 0},
        {"schedule_epochs": 0},
        {"epochs": 51},
        {"batch": 0},
        {"held_out": 0.0},
        {"held_out": 1.0},
        {"held_out": float("nan")},
        {"crop": -1},
        {"crop": 1.5},
        {"epochs": 4.5},
        {"batch": "4"},
        {"cells": True},
        {"pictures": 0},
        {"pictures": 10.0},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"clip": float("nan")},
        {"lr_w_min": -1e-3},
        {"weight_decay": float("inf")},
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=f"^{name} is "):
        Budget(**wrong)


def test_the_presets_are_those_of_the_design():
    cpu, gpu = PRESETS["cpu"], PRESETS["gpu"]
    assert set(PRESETS) == {"tiny", "cpu", "gpu", "gpu-darts"}
    assert all(budget.preset == name for name, budget in PRESETS.items())
    assert (cpu.channels, cpu.cells, cpu.size, cpu.pictures, cpu.epochs) == (
        *(8, 1, 16, 8000, 25),
    )
    assert (gpu.channels, gpu.cells, gpu.size, gpu.pictures, gpu.epochs) == (
        *(16, 5, 32, None, 25),
    )
    for budget in (cpu, gpu):  # the authors' recipe for the weights
        assert (budget.lr_w, budget.lr_w_min, budget.schedule_epochs) == (
            *(0.025, 0.001, 50),
        )
        assert (budget.momentum, budget.weight_decay, budget.clip, budget.batch) == (
            *(0.9, 3e-4, 5.0, 64),
        )
