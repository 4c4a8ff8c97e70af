"""Playground, mixed edge and quiz in Chromium: by the book's runtime, in the book."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

sys.path.insert(0, str(Path(__file__).parent))

from waits import count_states, require_two_a_second, settle, until  # noqa: E402
from widget_page import widget_page  # noqa: E402

from gaea_mini.show import MixedEdge, Quiz, SimplexPlayground  # noqa: E402
from gaea_mini.show.playground import walks  # noqa: E402
from gaea_mini.simplex import entropy  # noqa: E402

QUIZ = Quiz(
    "Is $θ$ a logit?",
    [
        ("Yes, `theta`.", False, "Logits need not sum to 1."),
        ("No.", True, "It is not."),
    ],
)
SEVERAL = Quiz(
    "Which?", [("A", True, "a."), ("B", False, "b."), ("C", True, "c, [up](#top).")]
)
SPARSE = [0.6, 0.3, 0.1] + [0.0] * 29
PAGES: dict[str, list[Any]] = {
    "triangle": [SimplexPlayground([0.7, 0.3, 0], lr=0.3, step=40)],
    "bars": [SimplexPlayground(SPARSE, lr=[0.3, 0.1, 3], noise=0.3, seed=2)],
    "edge": [MixedEdge()],
    "quiz": [QUIZ, SEVERAL],
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("widgets")
    still = QUIZ.still()._repr_html_()
    return {
        name: widget_page(
            folder / name, *widgets, still=still if name == "quiz" else ""
        )
        for name, widgets in PAGES.items()
    }


def ready(page: Any) -> Any:
    page.locator(".gw").first.wait_for()
    settle(page)
    return page


def axe(page: Any) -> list[str]:
    result = Axe().run(page, context=".gw").response
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def target(page: Any) -> list[float]:
    """The target, as the triangle's handle says it."""
    text = page.locator(".pg-handle").get_attribute("aria-valuetext")
    return [float(part.split()[-1]) for part in text.split(", ")]


def numbers(page: Any) -> list[list[float]]:
    """Distance and entropy of each rule, as shown."""
    cards = page.locator(".pg-card").all()
    return [[float(b) for b in one.locator("b").all_inner_texts()] for one in cards]


def wanted(goal: Any, lrs: Any, noise: float, seed: int, step: int) -> list[Any]:
    paths = walks(goal, lrs, noise, seed, max(step, 10)).values()
    away = [float(np.linalg.norm(path[step] - goal)) for path in paths]
    return [
        pytest.approx([far, float(entropy(path[step]))], abs=6e-4)
        for far, path in zip(away, paths, strict=True)
    ]


# ---- all of them ------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_fits_and_stays_still(
    name: str, width: int, pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    visit = open_page(pages[name], width=width)
    page = ready(visit.page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.sticking_out(".gw", "*") == []
    before = page.locator(".gw").first.inner_html()
    page.wait_for_timeout(400)
    assert page.locator(".gw").first.inner_html() == before
    assert visit.errors == [] and visit.failed == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    name: str, scheme: str, pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages[name], scheme=scheme).page)
    for button in page.get_by_role("button", name="Show all").all():
        button.click()
    for button in page.get_by_role("button", name="Round").all():
        button.click()
    settle(page)
    colour = page.evaluate("getComputedStyle(document.querySelector('.gw')).color")
    assert colour == {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 233, 237)"}[scheme]
    assert axe(page) == []


# ---- the playground ---------------------------------------------------------------


def test_numbers_shown_are_those_of_the_package(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["triangle"]).page)
    assert numbers(page) == wanted([0.7, 0.3, 0], [0.3] * 3, 0, 0, 40)
    said = page.locator(".pg-read").inner_text()
    assert said.startswith("Target 0.70, 0.30, 0.00. After 40 steps")
    page = ready(open_page(pages["bars"]).page)
    assert numbers(page) == wanted(SPARSE, [0.3, 0.1, 3], 0.3, 2, 100)


def test_the_target_follows_the_mouse_also_outside(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["triangle"]).page)
    box = page.locator(".pg-view").bounding_box()
    scale = box["width"] / 360
    at = page.locator(".pg-handle > circle").last.bounding_box()
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 180 * scale, box["y"] + 205 * scale, steps=4)
    until(page, "document.querySelector('.pg-handle').ariaValueText.includes('0.33')")
    assert target(page) == pytest.approx([1 / 3] * 3, abs=0.01)
    page.mouse.move(box["x"] + 180 * scale, box["y"] - 400, steps=4)
    until(page, "document.querySelector('.pg-handle').ariaValueText.endsWith('1.00')")
    assert target(page) == [0, 0, 1]
    page.mouse.up()
    assert numbers(page) == wanted([0, 0, 1], [0.3] * 3, 0, 0, 40)


def test_a_finger_drags_the_handle_and_scrolls_elsewhere(
    pages: dict[str, str], browser: Any
) -> None:
    context = browser.new_context(
        has_touch=True, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    page.goto(pages["triangle"])
    ready(page)
    box = page.locator(".pg-view").bounding_box()
    scale = box["width"] / 360
    page.touchscreen.tap(box["x"] + 180 * scale, box["y"] + 205 * scale)
    until(page, "document.querySelector('.pg-handle').ariaValueText.includes('0.33')")
    session = context.new_cdp_session(page)
    at = page.locator(".pg-handle > circle").last.bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    points = [(x, y), (x, y - 60), (x, y - 150)]
    for kind, (u, v) in zip(
        ("touchStart", "touchMove", "touchMove"), points, strict=True
    ):
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": u, "y": v}]},
        )
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(page)
    assert target(page)[2] > 0.7
    context.close()


def test_the_playground_by_keyboard_alone(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["triangle"]).page)
    page.keyboard.press("Tab")
    assert "Target" in page.evaluate("document.activeElement.ariaLabel")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowUp")
    settle(page)
    assert target(page)[2] > 0.4 and sum(target(page)) == pytest.approx(1, abs=0.011)
    page.keyboard.press("Tab")
    page.keyboard.press("Home")  # step size of EG
    until(page, "document.querySelector('.pg-card output').textContent === '0.001'")
    page.get_by_label("Steps taken").focus()
    page.keyboard.press("Home")
    until(page, "document.querySelector('.pg-clock output').textContent === '0 / 100'")
    for name in ("Step", "Step"):
        page.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press("Enter")
    until(page, "document.querySelector('.pg-clock output').textContent === '2 / 100'")
    page.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Space")
    until(page, "document.querySelector('.pg-clock output').textContent === '40 / 100'")
    assert target(page) == [0.7, 0.3, 0]
    assert numbers(page) == wanted([0.7, 0.3, 0], [0.3] * 3, 0, 0, 40)


def test_it_plays_pauses_and_ends(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["triangle"]).page)
    at = "Number(document.querySelector('.pg-clock input').value)"
    page.get_by_role("button", name="Play").click()
    until(page, f"{at} >= 45")
    said = page.locator(".pg-read").inner_text()
    assert "After 40 steps" in said  # quiet while it plays
    page.get_by_role("button", name="Pause").click()
    stopped = page.evaluate(at)
    page.wait_for_timeout(300)
    assert page.evaluate(at) == stopped < 100
    assert f"After {stopped} steps" in page.locator(".pg-read").inner_text()
    page.get_by_label("Steps taken").fill("97")
    page.get_by_role("button", name="Play").click()
    until(page, f"{at} === 100")
    assert page.get_by_role("button", name="Play").is_visible()
    page.get_by_role("button", name="Play").click()  # and from the start again
    until(page, f"{at} > 0 && {at} < 100")


def test_less_motion_means_jumps(pages: dict[str, str], browser: Any) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(pages["triangle"])
    ready(page)
    count_states(page, ".pg-clock output")
    page.get_by_role("button", name="Play").click()
    require_two_a_second(page)
    context.close()


def test_another_number_of_weights_and_noise(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    visit = open_page(pages["triangle"])
    page = ready(visit.page)
    page.get_by_label("Number of weights").focus()
    page.get_by_label("Number of weights").select_option("64")
    until(page, "document.querySelectorAll('.pg-goal').length === 64")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.get_by_label("Noise").fill("0.5")
    page.get_by_label("seed").fill("9")
    page.get_by_label("seed").press("Enter")
    settle(page)
    goal = [0.7, 0.3] + [0.0] * 62
    assert numbers(page) == wanted(goal, [0.3] * 3, 0.5, 9, 40)
    row = page.locator(".pg-handle")
    row.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    until(
        page,
        "document.querySelector('.pg-handle').ariaValueText"
        " === 'operation 3 of 64: 0.10'",
    )
    settle(page)
    goal = [0.63, 0.27, 0.1] + [0.0] * 61
    assert numbers(page) == wanted(goal, [0.3] * 3, 0.5, 9, 40)
    box = page.locator(".pg-handle .pg-grip").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 63.5 / 64, box["y"] + box["height"] - 20)
    page.mouse.down()
    page.mouse.move(box["x"], box["y"] - 200, steps=3)
    page.mouse.up()
    until(
        page, "document.querySelector('.pg-handle').ariaValueText.endsWith('64: 1.00')"
    )
    page.get_by_role("button", name="Reset").click()
    until(page, "document.querySelectorAll('.pg-goal').length === 0")
    assert target(page) == [0.7, 0.3, 0]
    assert visit.errors == []


def test_a_drag_of_64_weights_draws_fast(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["bars"]).page)
    page.get_by_label("Number of weights").select_option("64")
    until(page, "document.querySelectorAll('.pg-goal').length === 64")
    page.locator(".pg-handle").focus()
    page.evaluate(
        """() => {
          window.work = [];
          const handle = document.querySelector('.pg-handle');
          for (let i = 0; i < 60; i++) {
            const start = performance.now();
            handle.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp' }));
            work.push(performance.now() - start);
          }
        }"""
    )
    # The fastest: on a busy machine the others wait for its processor.
    fastest = page.evaluate("Math.min(...work)")
    assert fastest < 20, f"{fastest:.1f} ms to walk anew"


# ---- the mixed edge ---------------------------------------------------------------


def thetas(page: Any) -> list[float]:
    return [float(x) for x in page.locator(".me-op output").all_inner_texts()]


def test_the_mixture_on_the_canvas_is_numpys(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["edge"]).page)
    shown = page.evaluate(
        """() => { const one = document.querySelector('.me-out canvas');
          return [...one.getContext('2d').getImageData(0, 0, 28, 28).data]; }"""
    )
    mixture = MixedEdge().mixture()
    blue = np.array(shown).reshape(28, 28, 4)[..., 2]
    assert np.abs(blue - 255 * np.clip(mixture, 0, 1)).max() <= 1
    said = page.locator(".me-read").inner_text()
    assert f"{float(entropy(MixedEdge().theta)):.3f} nats" in said
    assert f"lose {100 * MixedEdge().lost():.0f} %" in said


def test_sliders_keep_the_weights_on_the_simplex(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["edge"]).page)
    page.get_by_label("Weight of skip").focus()
    page.keyboard.press("End")
    settle(page)
    assert thetas(page) == [0, 0, 0, 1]
    assert "entropy 0.000 nats" in page.locator(".me-read").inner_text()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert thetas(page)[3] == 0.99 and sum(thetas(page)) == pytest.approx(1, abs=0.02)
    page.get_by_role("button", name="Equal weights").click()
    settle(page)
    assert thetas(page) == [0.25] * 4
    assert "first of a tie" in page.locator(".me-read").inner_text()
    box = page.get_by_label("Weight of conv 5×5").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    settle(page)
    assert thetas(page)[1] == pytest.approx(0.7, abs=0.03)


def test_rounding_shows_what_is_kept_and_what_is_lost(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["edge"]).page)
    assert not page.locator(".me-after").is_visible()
    button = page.get_by_role("button", name="Round")
    button.focus()
    page.keyboard.press("Space")
    settle(page)
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator(".me-after").inner_text().startswith("After rounding: conv 3×3")
    lost = f"What is lost: {100 * MixedEdge().lost():.0f} %"
    assert lost in page.locator(".me-after").inner_text()
    shown = page.evaluate(
        """() => { const one = document.querySelector('.me-after canvas');
          return [...one.getContext('2d').getImageData(0, 0, 28, 28).data]; }"""
    )
    kept = MixedEdge().outputs()[0]
    blue = np.array(shown).reshape(28, 28, 4)[..., 2]
    assert np.abs(blue - 255 * np.clip(kept, 0, 1)).max() <= 1


# ---- the quiz ---------------------------------------------------------------------


def test_a_quiz_gives_the_reason_for_what_was_chosen(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["quiz"]).page)
    quiz = page.locator(".qz").first
    reasons = quiz.locator(".qz-why")
    check = quiz.get_by_role("button", name="Check")
    check.click()
    assert quiz.get_by_role("status").inner_text() == "Choose an answer first."
    quiz.get_by_label("Yes, theta.").check()
    check.click()
    assert reasons.nth(0).is_visible() and not reasons.nth(1).is_visible()
    assert "Logits need not sum to 1." in reasons.nth(0).inner_text()
    assert quiz.get_by_role("status").inner_text().startswith("No.")
    quiz.get_by_label("Yes, theta.").focus()
    page.keyboard.press("ArrowDown")
    assert not reasons.nth(0).is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert quiz.get_by_role("status").inner_text() == "Right."
    assert reasons.nth(1).is_visible()


def test_a_quiz_with_several_answers(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["quiz"]).page)
    quiz = page.locator(".qz").nth(1)
    assert "Choose all that are right" in quiz.inner_text()
    quiz.get_by_label("A").check()
    quiz.get_by_role("button", name="Check").click()
    assert quiz.get_by_role("status").inner_text().startswith("Not yet: 1 of 2")
    quiz.get_by_label("C").check()
    quiz.get_by_role("button", name="Check").click()
    assert quiz.get_by_role("status").inner_text() == "Right."
    # What is chosen in one quiz leaves the other alone.
    assert page.locator(".qz").first.get_by_role("status").inner_text() == ""


def test_the_still_of_a_quiz_is_for_print_and_for_no_script(
    pages: dict[str, str], browser: Any, open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["quiz"]).page)
    assert not page.locator(".quiz-still").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".quiz-still").is_visible()
    assert not page.locator(".qz").first.is_visible()
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(pages["quiz"])
    assert plain.locator(".quiz-still summary").count() == 2
    plain.locator(".quiz-still summary").nth(1).click()
    assert plain.get_by_text("Right. It is not.").is_visible()
    context.close()


# ---- the built book ---------------------------------------------------------------

CHAPTERS = [
    "book/1_simplex/multiply_or_subtract.html",
    "book/1_simplex/mirror_descent.html",
    "book/1_simplex/stationarity.html",
    "book/2_supernet/mixed_operation.html",
    "book/2_supernet/family.html",
    "book/3_search/gaea.html",
    "book/3_search/gaea_on_everything.html",
]
# target, step sizes, noise, seed, steps
PLAYGROUNDS = {
    "multiply_or_subtract": ([0.7, 0.3, 0], [0.3] * 3, 0, 0, 100),
    "mirror_descent": ([0.85, 0.15, 0], [0.3, 0.1, 0.9], 0, 0, 100),
    "stationarity": ([0.1, 0.7, 0.2], [0.1] * 3, 0.3, 0, 400),
}


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize(
    ("book", "width", "scheme"),
    [("file", 320, "dark"), ("http", 1280, "light")],
    indirect=["book"],
)
def test_widgets_of_the_book(
    chapter: str, width: int, scheme: str, book: str, open_page: Callable[..., Any]
) -> None:
    visit = open_page(book + chapter, width=width, scheme=scheme)
    page = ready(visit.page)
    assert page.locator(".qz").count() == 4
    assert page.locator(".quiz-still:visible, .tag_still img:visible").count() == 0
    # The number of its printed figure stands below a widget.
    numbered = page.locator(".tag_still:visible")
    for one in numbered.all():
        assert re.fullmatch(r"Fig\. \d+", one.inner_text().strip())
    stills = page.locator(".tag_still figcaption").count()
    assert numbered.count() == stills
    if playground := PLAYGROUNDS.get(Path(chapter).stem):
        assert numbers(page) == wanted(*playground)
        page.get_by_role("button", name="Play").click()
        steps = playground[-1]
        until(page, f"document.querySelector('.pg-clock input').value < {steps}")
    if "mixed_operation" in chapter:
        page.get_by_label("Weight of skip").fill("1")
        page.get_by_role("button", name="Round").click()
        until(page, "document.querySelector('.me-read').textContent.includes(' 0 %')")
    # JupyterLab leaves keys to what has the focus only if that carries this mark.
    inside = ":is(.pg, .me, .gp, .qz) :is(input, select, button, [tabindex])"
    assert page.locator(inside).count() >= 12
    assert page.locator(f"{inside}:not([data-lm-suppress-shortcuts])").count() == 0
    quiz = page.locator(".qz").last
    quiz.scroll_into_view_if_needed()
    quiz.get_by_role("button", name="Show all").click()
    assert quiz.locator(".qz-why:visible").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The live controls say that they need a kernel; nothing else has a note.
    notes = page.locator(".widget-note").filter(has_not_text="a running kernel")
    assert notes.count() == 0
    # Before axe, which fetches the style sheets again in its own way.
    assert visit.outside(book) == [] and visit.failed == [] and visit.errors == []
    if width == 320:  # test_pages.py lets axe look at the wide page
        assert axe(page) == []
