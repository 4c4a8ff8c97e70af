"""Playground, mixed edge and quiz: their state, their numbers, their stills."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaea_mini import simplex
from gaea_mini.errors import InputError
from gaea_mini.show import MixedEdge, Quiz, SimplexPlayground, quizzes
from gaea_mini.show.mixed_edge import OPERATIONS, apply
from gaea_mini.show.playground import RULES, normals, walks
from gaea_mini.show.quiz import to_html

SHOW = Path(sys.modules["gaea_mini.show"].__file__ or "").parent
CHOICES = [("No.", False, "It is not."), ("Yes, $θ_o < 1$.", True, "It *is*.")]
MAKE: dict[str, Callable[[], Any]] = {
    "playground": SimplexPlayground,
    "mixed_edge": MixedEdge,
    "quiz": lambda: Quiz("Is it?", CHOICES),
}
each_widget = pytest.mark.parametrize("name", MAKE)


@each_widget
def test_state_survives_the_way_to_the_page(name: str) -> None:
    widget = MAKE[name]()
    state = json.loads(json.dumps(widget.get_state(), default=str, allow_nan=False))
    assert "export default" in state["_esm"]
    assert ".gw {" in state["_css"] and "@media print" in state["_css"]
    own = {key: value for key, value in state.items() if not key.startswith("_")}
    for key, value in own.items():
        if key in widget.trait_names(sync=True) and key != "layout":
            assert getattr(widget, key) == value or key in ("tabbable", "tooltip")
    assert len(json.dumps(own)) < 6000  # a picture is most of it


@each_widget
def test_the_script_is_one_small_file_without_outside_code(name: str) -> None:
    script = (SHOW / f"{name}.js").read_text("utf-8")
    assert script.count("\n") <= 400
    assert "import " not in script and "import(" not in script
    assert "http" not in script.replace("http://www.w3.org/2000/svg", "")


# ---- the playground ---------------------------------------------------------------


def test_without_noise_the_first_step_is_that_of_the_package() -> None:
    target, start = np.array([0.2, 0.5, 0.3, 0.0]), simplex.uniform(4)
    paths = walks(target, [0.1, 0.2, 3.0], noise=0, seed=1, steps=2)
    grad = start - target
    assert paths["EG"][1] == pytest.approx(simplex.eg_step(start, grad, 0.1))
    one = simplex.projected_step(start, grad, 0.2)
    assert paths["projected GD"][1] == pytest.approx(one)
    alpha = simplex.logit_step(np.log(start), grad, 3.0)
    assert paths["softmax GD"][1] == pytest.approx(simplex.softmax(alpha))


def test_all_rules_see_the_same_noise_and_the_seed_decides_it() -> None:
    target, draws = np.array([0.2, 0.3, 0.5]), normals(5, 6).reshape(2, 3)
    paths = walks(target, [0.1] * 3, noise=0.4, seed=5, steps=2)
    for name, step in (
        ("EG", simplex.eg_step),
        ("projected GD", simplex.projected_step),
    ):
        theta = simplex.uniform(3)
        for one in draws:
            theta = step(theta, theta - target + 0.4 * one, 0.1)
        assert paths[name][2] == pytest.approx(theta)
    other = walks(target, [0.1] * 3, noise=0.4, seed=6, steps=2)
    assert all(np.abs(paths[n] - other[n]).max() > 1e-4 for n in RULES)


def test_draws_are_standard_normal() -> None:
    draws = normals(11, 20_000)
    assert abs(draws.mean()) < 0.03 and abs(draws.std() - 1) < 0.02
    assert np.quantile(draws, [0.16, 0.84]) == pytest.approx([-1, 1], abs=0.04)


def test_what_the_front_end_sets_is_checked_and_kept() -> None:
    playground = SimplexPlayground(lr=[0.1, 0.2, 0.3])
    playground.set_state({"target": [0.25, 0.25, 0.5], "lrs": [1, 2, 3], "seed": 4})
    assert playground.target == [0.25, 0.25, 0.5]
    assert playground.lrs == [1, 2, 3] and playground.seed == 4
    # A target that sums to 1 comes back as it went, so that a drag is not disturbed.
    third = [0.1, 0.2, 0.7000000000000001]
    playground.target = third
    assert playground.target == third


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"target": [0.5, 0.6]}, "sums to 1.1"),
        ({"target": [1.0]}, "give 2 to 64 weights"),
        ({"target": [1 / 65] * 65}, "give 2 to 64 weights"),
        ({"target": [1.5, -0.5]}, "cannot be negative"),
        ({"target": "abc"}, "not an array of numbers"),
        ({"lr": 0}, "lr is 0"),
        ({"lr": [0.1, 0.2]}, "2 step sizes"),
        ({"noise": -1}, "noise is -1"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"seed": 10_000}, "seed is 10000"),
        ({"steps": 5}, "steps is 5"),
        ({"step": 101}, "step is 101"),
        ({"names": ["a"]}, "1 names"),
    ],
)
def test_a_playground_refuses_what_it_cannot_show(wrong: Any, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        SimplexPlayground(**wrong)


@pytest.mark.parametrize("k", [2, 3, 64])
def test_the_still_of_a_playground(k: int) -> None:
    target = np.zeros(k)
    target[:2] = 0.75, 0.25
    playground = SimplexPlayground(target, steps=20, noise=0.1)
    fig = playground.still()
    right = fig.axes[1]
    away = np.linalg.norm(playground.paths()["EG"] - target, axis=1)
    assert right.get_lines()[0].get_ydata() == pytest.approx(away)
    if k != 3:
        heights = [bar.get_height() for bar in fig.axes[0].patches[:k]]
        assert heights == pytest.approx(list(playground.paths()["EG"][-1]))
    assert f"{away[-1]:.3f} from the target" in playground.describe()


# ---- the mixed edge ---------------------------------------------------------------


def by_loops(x: np.ndarray, kind: str, kernel: np.ndarray) -> np.ndarray:
    out, reach = np.zeros_like(x), len(kernel) // 2
    for i, j in np.ndindex(x.shape):
        terms = []
        for a, b in np.ndindex(kernel.shape):
            v, u = i + a - reach, j + b - reach
            if 0 <= v < x.shape[0] and 0 <= u < x.shape[1]:
                terms.append(x[v, u] * (kernel[a, b] if kind == "conv" else 1))
        out[i, j] = sum(terms) if kind == "conv" else max(terms)
    return out


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one["name"])
def test_operations_are_those_of_a_loop(one: dict[str, Any]) -> None:
    x = np.random.default_rng(0).uniform(size=(7, 9))
    made = apply(x, one["kind"], one["filter"])
    slow = (
        x
        if one["kind"] == "skip"
        else by_loops(x, one["kind"], np.array(one["filter"]))
    )
    assert made == pytest.approx(slow)
    assert made.min() >= -1 and made.max() <= 1


def test_an_uneven_filter_is_not_turned_round() -> None:
    kernel = np.arange(9.0).reshape(3, 3)
    x = np.zeros((3, 3))
    x[1, 1] = 1
    assert apply(x, "conv", kernel).tolist() == kernel[::-1, ::-1].tolist()


def test_the_mixture_and_what_rounding_loses() -> None:
    """Eq. (eq-mixed-edge) for one edge."""
    edge = MixedEdge([0.1, 0.2, 0.3, 0.4])
    outputs = edge.outputs()
    wanted = sum(w * out for w, out in zip(edge.theta, outputs, strict=True))
    assert edge.mixture() == pytest.approx(wanted)
    lost = np.sqrt(((wanted - outputs[3]) ** 2).sum() / (wanted**2).sum())
    assert edge.lost() == pytest.approx(lost)
    edge.theta = [0, 0, 1, 0]
    assert edge.lost() == 0
    edge.pixels = [[0] * 9] * 9  # as the page says it, 0 of nothing
    assert edge.lost() == 0


def test_the_picture_is_one_of_the_sample() -> None:
    from gaea_mini import data

    sample = data.load("fashion")
    edge = MixedEdge(picture=12)
    assert edge.label == sample.class_names[sample.y_test[12]]
    same = np.corrcoef(np.ravel(edge.pixels), sample.x_test[12].ravel())[0, 1]
    assert same == pytest.approx(1)
    assert all(isinstance(v, int) for row in edge.pixels for v in row)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"theta": [0.5, 0.5]}, "give 4 to 4 weights"),
        ({"theta": [0.5, 0.5, 0.5, 0.5]}, "sums to 2"),
        ({"picture": -1}, "picture is -1"),
        ({"picture": np.zeros((3, 3))}, "shape (3, 3)"),
        ({"picture": np.full((9, 9), 300)}, "between 0 and 255"),
        ({"picture": np.zeros((9, 9))}, "black"),
        ({"picture": np.full((9, 9), 0.7)}, "white is 255"),
        ({"picture": [["a"] * 9] * 9}, "give numbers"),
    ],
)
def test_a_mixed_edge_refuses_what_it_cannot_show(wrong: Any, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        MixedEdge(**wrong)


def test_the_still_of_a_mixed_edge() -> None:
    edge = MixedEdge([0.1, 0.2, 0.3, 0.4])
    titles = [ax.get_title() for ax in edge.still().axes]
    assert titles[4] == "skip: 0.40" and titles[6] == "rounded: skip"
    assert titles[7] == f"lost: {100 * edge.lost():.0f} %"
    assert f"loses {100 * edge.lost():.0f} %" in edge.describe()


# ---- the quiz ---------------------------------------------------------------------


def test_marks_become_html_and_nothing_else_does() -> None:
    assert to_html("a <b> & `x_1 < 2`") == "a &lt;b&gt; &amp; <code>x_1 &lt; 2</code>"
    assert to_html("**b** *e*") == "<strong>b</strong> <em>e</em>"
    assert to_html("[f](#fig-1)") == '<a href="#fig-1">f</a>'
    assert to_html("[f](https://x.org)") == "[f](https://x.org)"
    assert "<i>w</i><sup>∗</sup>" in to_html("$w^∗(θ)$")
    maths = to_html("$ln k < θ_{o}^2$")
    inner = "ln <i>k</i> &lt; <i>θ</i><sub><i>o</i></sub><sup>2</sup>"
    assert maths == f'<span class="maths">{inner}</span>'


def test_one_or_several_right_answers() -> None:
    assert not Quiz("Is it?", CHOICES).several
    several = Quiz("Which?", [*CHOICES, ("Also.", True, "Yes.")])
    assert several.several
    assert "Several answers are right" in several.still()._repr_html_()


def test_the_still_of_a_quiz_folds_each_answer_away() -> None:
    from bs4 import BeautifulSoup

    page = BeautifulSoup(Quiz("Is it?", CHOICES).still()._repr_html_(), "html.parser")
    assert page.select_one(".still strong").get_text() == "Is it?"
    folded = [(d.summary.get_text(), d.p.get_text()) for d in page.select("details")]
    assert folded == [
        ("A. No.", "No. It is not."),
        ("B. Yes, θo < 1.", "Right. It is."),
    ]
    assert not page.select("details[open]")


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (CHOICES[:1], "1 choices, 0 of them right"),
        ([CHOICES[0]] * 2, "0 of them right"),
        ([CHOICES[1]] * 7, "7 choices"),
        ([*CHOICES, ("x", True)], "choice 3"),
        ([*CHOICES, ("x", 1, "y")], "right is a bool"),
        ([*CHOICES, ("x", True, " ")], "no text or no reason"),
    ],
)
def test_a_quiz_refuses_what_cannot_be_answered(choices: Any, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        Quiz("Is it?", choices)


def test_quizzes_are_read_from_text() -> None:
    text = (
        "? One,\n  two?\n+ A\n  yes\n  it is\n- B\n  no\n\n? Next\n- A\n  x\n+ B\n  y\n"
    )
    first, second = quizzes(text)
    assert first.question == "1. One, two?" and second.question == "2. Next"
    assert first.choices == [
        {"text": "A", "right": True, "why": "yes it is"},
        {"text": "B", "right": False, "why": "no"},
    ]
    assert [one["right"] for one in second.choices] == [False, True]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("+ A\n", "line 1"),
        ("? Q\nA\n", "line 2"),
        ("? Q\n+ A\n  yes\n", "1 choices"),
        ("? Q\n+ A\n- B\n  no\n", "choice 1 has no text or no reason"),
    ],
)
def test_quiz_text_that_cannot_be_read(text: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        quizzes(text)
