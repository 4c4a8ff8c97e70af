"""Rank scatter and explorer in Chromium: pointer, touch, keys, motion, widths, axe."""

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
sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

from made_up_comparison import CELLS, TRUTH, comparison_record  # noqa: E402
from made_up_ranking import ranking_record  # noqa: E402
from waits import settle, until  # noqa: E402
from widget_page import widget_page  # noqa: E402

from gaea_mini.evaluate.ranking import kendall, recall  # noqa: E402
from gaea_mini.show import BenchmarkExplorer, RankScatter  # noqa: E402

RECORD, RANK_TRUTH, RANK_CELLS = ranking_record()
COUNTS = {run["method"]: run["counts"] for run in RECORD["runs"] if "counts" in run}
SHOWN = ["gaea-darts", "darts", "rs-ws", "random search", "evolution"]
SETS = {"compact": comparison_record(), "NAS-Bench-201": comparison_record(False)}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("explorers")
    truth = {"compact": (CELLS, TRUTH)}
    widgets = {
        "scatter": RankScatter(RECORD, RANK_TRUTH, RANK_CELLS),
        "explorer": BenchmarkExplorer(SETS, truth, methods=SHOWN, budget=1),
        "clocks": BenchmarkExplorer(SETS, truth, data="NAS-Bench-201", budget=0.3),
    }
    still = '<div class="tag_still">the still</div>'
    return {
        name: widget_page(folder / name, one, still=still)
        for name, one in widgets.items()
    }


def ready(page: Any) -> Any:
    page.locator(".gw").first.wait_for()
    settle(page)
    return page


def middle(page: Any, selector: str, n: int = 0) -> tuple[float, float]:
    box = page.locator(selector).nth(n).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


# ---- both ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scatter", "explorer", "clocks"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_stays_still_and_axe_finds_nothing(
    name: str, scheme: str, pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    visit = open_page(pages[name], scheme=scheme)
    page = ready(visit.page)
    assert not page.get_by_text("the still").is_visible()
    colour = page.evaluate("getComputedStyle(document.querySelector('.gw')).color")
    assert colour == {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 233, 237)"}[scheme]
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            """[...document.querySelectorAll('.gw *')].filter(one => {
              const box = one.getBoundingClientRect();
              const root = one.closest('.gw').getBoundingClientRect();
              return box.width
                && (box.right > root.right + 1 || box.left < root.left - 1);
            }).map(one => one.outerHTML.slice(0, 80))"""
        )
        assert outside == [], width
        found = Axe().run(page, context=".gw").response["violations"]
        assert [(r["id"], r["nodes"][0]["html"][:120]) for r in found] == [], width
    before = page.locator(".gw").inner_html()
    page.wait_for_timeout(400)
    assert page.locator(".gw").inner_html() == before
    assert visit.errors == [] and visit.failed == []


# ---- the scatter --------------------------------------------------------------------


def said(page: Any) -> tuple[float, float]:
    """tau and recall, as the sentence says them."""
    text = page.locator(".rs-read").inner_text()
    tau = re.search(r"τ (-?[\d.]+\d)", text)
    part = re.search(r"recall ([\d.]+\d)", text)
    assert tau and part, text
    return float(tau[1]), float(part[1])


def right(method: str, epoch: int, k: int = 50) -> Any:
    counts, truth = np.array(COUNTS[method][epoch]), np.array(RANK_TRUTH)
    tau, part = kendall(counts, truth), recall(counts, truth, k)
    return pytest.approx((tau, part), abs=5.1e-3), round(tau, 3)


def test_the_epoch_moves_the_cloud_tau_and_recall(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["scatter"]).page)
    for method, epoch in (("rs-ws", 15), ("darts", 15), ("darts", 3), ("darts", 0)):
        page.get_by_role("button", name=method, exact=True).click()
        page.get_by_label("Epoch", exact=True).fill(str(epoch))
        settle(page)
        wanted, tau = right(method, epoch)
        assert said(page) == wanted and said(page)[0] == tau
        heights = page.evaluate(
            "[...document.querySelectorAll('.rs-hit, .rs-miss')].map(one => "
            "one.points[0].y)"
        )
        counts = np.array(COUNTS[method][epoch])
        slope, _ = np.polyfit(counts, heights, 1)
        fit = np.polyval(np.polyfit(counts, heights, 1), counts)
        assert slope < 0 and np.abs(fit - heights).max() < 0.2
        truth = np.array(RANK_TRUTH)
        both = (truth >= np.sort(truth)[-50]) & (counts >= np.sort(counts)[-50])
        assert page.locator(".rs-hit").count() == both.sum()
    page.get_by_label("best k").select_option("10")
    settle(page)
    assert said(page) == right("darts", 0, k=10)[0]
    assert "Recall of the best 10" in page.locator(".rs-charts").inner_text()
    # A pointer on a curve moves the epoch too.
    x, y = middle(page, ".rs-chart")
    page.mouse.click(x + 14, y)
    until(page, "document.querySelector('.rs-clock input').value === '8'")
    assert said(page) == right("darts", 8, k=10)[0]


def name_of(page: Any) -> int:
    return int(page.locator(".rs-name").inner_text().split()[1])


def test_hover_draws_a_cell_and_a_click_keeps_it(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["scatter"]).page)
    best = int(np.argmax(RANK_TRUTH))
    assert name_of(page) == best
    worst = int(np.argmin(RANK_TRUTH))  # stands alone at the left edge
    x, y = middle(page, ".rs-hit, .rs-miss", worst)
    page.mouse.move(x + 2, y + 2)
    settle(page)
    assert name_of(page) == worst
    shown = page.locator(".rs-side code").inner_text().replace("\n", "")
    assert shown == RANK_CELLS[worst]
    facts = page.locator(".rs-facts").inner_text()
    assert f"{RANK_TRUTH[worst]:.2f}" in facts and "rank 729 of 729" in facts
    names = page.locator(".gw-cell rect + text").all_text_contents()
    short = {"skip_connect": "skip", "nor_conv_3x3": "3×3", "avg_pool_3x3": "pool"}
    wanted = [short[part] for part in re.findall(r"\|?([a-z_0-9]+)~", shown)]
    assert names == wanted
    page.mouse.move(x, y + 900)
    settle(page)
    assert name_of(page) == best
    page.mouse.click(x, y)
    page.mouse.move(x, y + 900)
    settle(page)
    assert name_of(page) == worst
    page.get_by_role("button", name="Best shared").click()
    settle(page)
    assert name_of(page) == int(np.argmax(COUNTS["rs-ws"][15]))
    page.get_by_role("button", name="darts", exact=True).click()
    page.get_by_role("button", name="Handed back").click()
    settle(page)
    run = next(run for run in RECORD["runs"] if run["method"] == "darts")
    assert name_of(page) == RANK_CELLS.index(run["genotype"][15])
    page.get_by_label("Epoch", exact=True).fill("0")
    settle(page)
    assert page.get_by_role("button", name="Handed back").is_disabled()


def test_the_scatter_by_keyboard_alone(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["scatter"]).page)
    for _ in range(7):  # three methods, k, play, epoch, the cells
        page.keyboard.press("Tab")
    active = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(active).startswith("Cell")
    order = np.lexsort((np.arange(729), RANK_TRUTH))
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert name_of(page) == order[-2]
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    settle(page)
    assert name_of(page) == order[20]
    spoken = page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
    assert spoken.startswith(f"cell {order[20]}: rank 7")
    scores = COUNTS["rs-ws"][15]
    page.keyboard.press("ArrowUp")
    settle(page)
    by_score = np.lexsort((np.arange(729), scores)).tolist()
    assert name_of(page) == by_score[by_score.index(order[20]) + 1]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Home")
    until(page, "document.querySelector('.rs-clock output').textContent === '0 / 15'")


def test_the_scatter_under_a_finger(pages: dict[str, str], browser: Any) -> None:
    context = browser.new_context(
        has_touch=True, viewport={"width": 390, "height": 800}
    )
    context.set_default_timeout(120_000)  # for a busy machine
    page = context.new_page()
    page.goto(pages["scatter"])
    ready(page)
    worst = int(np.argmin(RANK_TRUTH))
    page.locator(".rs-view").scroll_into_view_if_needed()
    x, y = middle(page, ".rs-hit, .rs-miss", worst)
    page.touchscreen.tap(x, y)
    until(page, f"document.querySelector('.rs-name').textContent === 'Cell {worst}'")
    context.close()


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_it_plays_only_when_asked_and_less_motion_means_jumps(
    motion: str, pages: dict[str, str], browser: Any
) -> None:
    context = browser.new_context(reduced_motion=motion)
    context.set_default_timeout(120_000)  # for a busy machine
    page = context.new_page()
    page.goto(pages["scatter"])
    ready(page)
    page.evaluate(
        """() => {
          window.seen = new Set();
          const one = document.querySelector('.rs-hit, .rs-miss');
          new MutationObserver(() => seen.add(one.getAttribute('points')))
            .observe(one, { attributes: true, attributeFilter: ['points'] });
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("seen.size") == 0
    at = "Number(document.querySelector('.rs-clock input').value)"
    page.get_by_role("button", name="Play").click()
    until(page, f"{at} >= 3 && {at} < 15")
    # The sentence follows, and is not read aloud meanwhile.
    read = "document.querySelector('.rs-read')"
    assert page.evaluate(f"{read}.textContent.includes(`epoch ${{{at}}}:`)")
    assert page.evaluate(f"{read}.getAttribute('aria-live')") == "off"
    page.get_by_role("button", name="Pause").click()
    settle(page)
    stopped = page.evaluate(at)
    page.wait_for_timeout(300)
    assert page.evaluate(at) == stopped
    assert page.evaluate(f"{read}.getAttribute('aria-live')") == "polite"
    assert said(page) == right("rs-ws", stopped)[0]
    # Between two epochs the cloud is drawn only where motion is welcome.
    if motion == "reduce":
        assert page.evaluate("seen.size") <= stopped + 1
    else:
        assert page.evaluate("seen.size") > stopped + 1
    page.get_by_label("Epoch", exact=True).fill("14")
    page.get_by_role("button", name="Play").click()
    until(page, f"{at} === 15")
    assert page.get_by_role("button", name="Play").is_visible()
    context.close()


def test_a_frame_of_729_cells_is_fast(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["scatter"]).page)
    fastest = page.evaluate(
        """async () => {
          const asked = window.requestAnimationFrame, work = [];
          window.requestAnimationFrame = (call) => asked((time) => {
            const start = performance.now();
            call(time);
            document.querySelector('.rs-view').getBoundingClientRect();
            work.push(performance.now() - start);
          });
          const slider = document.querySelector('.rs-clock input');
          for (let i = 0; i < 40; i++) {
            slider.value = i % 16;
            slider.dispatchEvent(new Event('input'));
            await new Promise(done => asked(() => asked(done)));
          }
          return Math.min(...work);
        }"""
    )
    # The fastest: on a busy machine the others wait for its processor.
    assert fastest < 20, f"{fastest:.1f} ms to draw"


# ---- the explorer -------------------------------------------------------------------


def rows(page: Any) -> dict[str, list[str]]:
    return {
        row.locator("th").inner_text().strip(): row.locator("td").all_inner_texts()
        for row in page.locator(".be-table tbody tr").all()
    }


def facts(page: Any) -> str:
    text: str = page.locator(".be-side").inner_text()
    return " ".join(text.split())


def test_the_budget_moves_the_table_and_the_dots(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["explorer"]).page)
    widget = BenchmarkExplorer(SETS, {"compact": (CELLS, TRUTH)})
    for place in (100, 62, 20):
        page.get_by_label("Budget", exact=True).fill(str(place))
        settle(page)
        widget.methods = SHOWN
        widget.budget = 200 ** (place / 100 - 1)
        wanted = {
            row["name"]: ["–", "no cell yet"]
            if row["mean"] is None
            else [f"{row['mean']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}"]
            for row in widget.at_budget()
        }
        shown = {name: cells[:2] for name, cells in rows(page).items()}
        assert list(shown) == list(wanted)
        for name, cells in wanted.items():
            if cells[0] == "–":
                assert shown[name] == cells
            else:
                mine = [float(v) for v in re.findall(r"[\d.]+", " ".join(shown[name]))]
                told = [float(v) for v in re.findall(r"[\d.]+", " ".join(cells))]
                assert mine == pytest.approx(told, abs=0.0101)
    page.get_by_label("Budget", exact=True).fill("0")
    settle(page)
    assert "Choose a method or a larger budget" in facts(page)


def test_a_click_on_a_dot_shows_its_cell_and_rank(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    page = ready(open_page(pages["explorer"]).page)
    arm = SETS["compact"]["arms"][2]  # rs-ws
    last = min(range(4), key=lambda i: arm["test"][i][-1])  # the lowest dot of all
    x, y = middle(page, "circle.be-dot", 8 + last)
    page.mouse.click(x, y)
    settle(page)
    same = {i for i in range(4) if arm["test"][i][-1] == arm["test"][last][-1]}
    told = facts(page)
    assert any(f"rs-ws, seed {i} " in told for i in same)
    assert f"rank {arm['rank'][last]} of 729" in told and "the last" in told
    assert page.locator(".be-side code").inner_text().replace("\n", "") in [
        arm["genotype"][i] for i in same
    ]
    # Elsewhere a pointer moves the budget; a drag goes on doing so.
    box = page.locator(".be-chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 290)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 290, steps=3)
    page.mouse.up()
    settle(page)
    place = int(page.get_by_label("Budget", exact=True).input_value())
    assert 57 <= place <= 63
    told = facts(page)
    epoch = int(re.search(r"epoch (\d+)", told)[1])  # type: ignore[index]
    seed = int(re.search(r"seed (\d)", told)[1])  # type: ignore[index]
    test = arm["test"][seed][epoch]
    assert f"test accuracy {test:.2f}" in told
    assert f"rank {1 + int((TRUTH > test).sum())} of 729" in told
    alike = int(np.isclose(TRUTH, test).sum())
    assert (f"{alike} cells have this accuracy" in told) == (alike > 1)
    shown = page.locator(".be-side code").inner_text().replace("\n", "")
    assert TRUTH[CELLS.index(shown)] == pytest.approx(test)


def test_the_explorer_by_keyboard_alone(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    visit = open_page(pages["explorer"])
    page = ready(visit.page)
    for _ in range(3):  # data set, gaea-darts, darts
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    settle(page)
    assert "darts" not in rows(page) and "gaea-darts" in rows(page)
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Budget"
    read = page.locator(".be-read")
    assert read.get_attribute("aria-live") == "polite"
    at_end = read.inner_text()
    page.keyboard.press("Home")
    settle(page)
    assert read.inner_text() != at_end
    page.keyboard.press("End")
    settle(page)
    assert read.inner_text() == at_end
    best = min(rows(page), key=lambda name: float(rows(page)[name][0]))
    assert f"lowest mean regret is that of {best}, " in at_end
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Chosen point"
    page.keyboard.press("ArrowRight")
    settle(page)
    assert "gaea-darts, seed 1 " in facts(page)
    arm = SETS["compact"]["arms"][0]
    assert page.locator(".be-side code").inner_text() == arm["genotype"][1]
    page.keyboard.press("End")
    settle(page)
    assert "evolution, 500 repetitions" in facts(page)
    assert not page.locator(".be .gw-cell").is_visible()
    assert visit.errors == []


def test_another_data_set_has_two_clocks(
    pages: dict[str, str], open_page: Callable[..., Any]
) -> None:
    visit = open_page(pages["explorer"])
    page = ready(visit.page)
    assert page.locator(".be-chart").count() == 1
    page.get_by_label("data set").focus()
    page.get_by_label("data set").select_option("NAS-Bench-201")
    until(page, "document.querySelectorAll('.be-chart').length === 2")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert "clocks of their own" in page.locator(".be-table").inner_text()
    assert "darts, single-level" not in rows(page)
    page.get_by_role("button", name="darts, single-level").click()
    settle(page)
    assert "darts, single-level" in rows(page)
    # Searches come first; rivals on another clock are not mixed in.
    assert list(rows(page))[-2:] == ["evolution", "random search"]
    page.get_by_label("Budget", exact=True).fill("60")
    settle(page)
    assert "The record keeps the cell of the last epoch only" in facts(page)
    assert visit.errors == []


def test_a_finger_taps_a_dot_and_scrolls(pages: dict[str, str], browser: Any) -> None:
    context = browser.new_context(
        has_touch=True, viewport={"width": 390, "height": 800}
    )
    context.set_default_timeout(120_000)  # for a busy machine
    page = context.new_page()
    page.goto(pages["explorer"])
    ready(page)
    page.locator(".be-chart").scroll_into_view_if_needed()
    x, y = middle(page, "rect.be-dot", 1)
    page.touchscreen.tap(x, y)
    settle(page)
    assert "evolution, 500 repetitions" in facts(page)
    box = page.locator(".be-chart").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + 280)
    settle(page)
    assert 40 < int(page.get_by_label("Budget", exact=True).input_value()) < 60
    context.close()
