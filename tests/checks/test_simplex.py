"""The exercises: every solution passes its check, every stub and mistake fails it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaea_mini.checks import Check, compare
from gaea_mini.checks import simplex as checks

BOOK = Path(__file__).parents[2] / "book"
EXERCISE = re.compile(
    r"^(?P<fence>`{3,})\{exercise\}[^\n]*\n:label: (?P<label>\S+)\n.*?^(?P=fence)$"
    r".*?^```\{code-cell\}[^\n]*\n(?P<stub>.*?)^```$"
    r".*?^(?P<outer>`{3,})\{solution\} (?P=label)\n.*?"
    r"^```python\n(?P<solution>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def read(path: Path) -> str:
    return path.read_text("utf-8")


def exercises() -> list[Any]:
    """Every exercise of the book, with the names that its chapter imports."""
    found = []
    for chapter in sorted(BOOK.rglob("*.md")):
        text = read(chapter)
        imports = "\n".join(
            re.findall(r"^from gaea_mini.* import .*check.*$", text, re.M)
        )
        for match in EXERCISE.finditer(text):
            found.append(pytest.param(match, imports, id=match["label"]))
    return found


def run(imports: str, code: str, stub: str) -> Check:
    """Run code as the chapter would, then the last line of the stub: the check."""
    room: dict[str, Any] = {"np": np}
    exec(imports, room)
    exec(code, room)
    return eval(stub.strip().splitlines()[-1], room)


def test_every_exercise_was_found() -> None:
    told = sum(text.count("{exercise}") for text in map(read, BOOK.rglob("*.md")))
    assert len(exercises()) == told >= 8


@pytest.mark.parametrize(("exercise", "imports"), exercises())
def test_the_solution_passes(exercise: re.Match[str], imports: str) -> None:
    outcome = run(imports, exercise["solution"], exercise["stub"])
    assert outcome, outcome.message
    assert outcome.message.startswith("Passed")


@pytest.mark.parametrize(("exercise", "imports"), exercises())
def test_the_stub_fails_and_says_so_without_raising(
    exercise: re.Match[str], imports: str
) -> None:
    *definition, _ = exercise["stub"].strip().splitlines()
    assert "raise NotImplementedError" in exercise["stub"]
    outcome = run(imports, "\n".join(definition), exercise["stub"])
    assert not outcome
    assert outcome.message.startswith("Not done yet")


def forgets_to_normalise(theta, grad, lr):
    return theta * np.exp(-lr * grad)


def steps_uphill(theta, grad, lr):
    new = theta * np.exp(lr * grad)
    return new / new.sum()


def gradient_of_theta(theta, grad):
    return grad


def forgets_the_mean(theta, grad):
    return theta * grad


def clips_and_divides(v):
    new = np.maximum(v, 0)
    return new / max(new.sum(), 1e-12)


def overflows(theta, grad, lr, floor):
    new = theta * np.exp(-lr * grad)
    new = np.maximum(new / new.sum(), floor)
    return new / new.sum()


def divides_before_the_floor(theta, grad, lr, floor):
    power = np.log(theta) - lr * (grad - grad.min())
    new = np.exp(power - power.max())
    return np.maximum(new / new.sum(), floor)


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        (checks.my_eg_step, forgets_to_normalise),
        (checks.my_eg_step, steps_uphill),
        (checks.my_logit_gradient, gradient_of_theta),
        (checks.my_logit_gradient, forgets_the_mean),
        (checks.my_project, clips_and_divides),
        (checks.my_safe_step, overflows),
        (checks.my_safe_step, divides_before_the_floor),
    ],
)
def test_a_likely_mistake_fails_and_its_case_is_shown(check, mistake) -> None:
    outcome = check(mistake)
    assert not outcome
    assert f"Not yet: {mistake.__name__} fails on case" in outcome.message
    assert "<-- differs" in outcome.message
    assert "hint" in outcome.message


def test_a_failing_case_can_be_run_again_from_what_is_shown() -> None:
    message = checks.my_eg_step(steps_uphill).message
    theta, grad = (
        np.array(eval(re.search(rf"{name} +(\[.*\])", message)[1]))
        for name in ("theta", "grad")
    )
    lr = float(re.search(r"lr +(\S+)", message)[1])
    shown = re.findall(r"^  \d+ +(\S+)", message, re.MULTILINE)
    np.testing.assert_allclose(steps_uphill(theta, grad, lr), np.float64(shown), 1e-4)


class Unreadable:
    """Raises whatever is asked of it."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no numbers here")

    def __repr__(self) -> str:
        raise RuntimeError("no words either")


CASES = [{"x": np.array([1.0, 2.0])}]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: 1 / 0, "raised    ZeroDivisionError"),
        (lambda x: x[:1], "shape (1,), but (2,) is right"),
        (lambda x: "two", "returned  'two', which is not an array of numbers"),
        (lambda x: None, "returned  None. Is a return missing?"),
        (lambda x: Unreadable(), "returned  an object of type Unreadable, which is"),
        (lambda x: x * np.nan, "<-- differs"),
        (lambda x: x + "1", "raised    "),
        (lambda y: y, "<lambda> must take x, by these names"),
        (lambda: 1.0, "<lambda> must take x, by these names"),
        (3, "must take x, by these names"),
    ],
)
def test_whatever_a_function_does_the_reader_gets_an_answer(function, words) -> None:
    outcome = compare(function, CASES, lambda x: x)
    assert not outcome
    assert words in outcome.message


def test_a_function_that_changes_its_input_does_not_spoil_the_case() -> None:
    def spoils(x):
        x *= 2
        return x

    outcome = compare(spoils, CASES, lambda x: x)
    assert not outcome
    assert "x         [1, 2]" in outcome.message


def test_warnings_of_numpy_do_not_disturb() -> None:
    def right_but_noisy(x):
        return np.where(x > 0, x, np.log(-x))

    assert compare(right_but_noisy, CASES, lambda x: x)
