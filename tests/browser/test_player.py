"""The player in Chromium: in the page of a run, by the book's runtime, in the book."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

from made_up import DARTS_EDGES, DARTS_OPS, made_up_run  # noqa: E402
from waits import change_scheme, settle, until  # noqa: E402

from gaea_mini.show import ArchitecturePlayer, write_page  # noqa: E402

ROOT = Path(__file__).parents[2]
LAST = 25
EPOCH = "Number(document.querySelector('.gp input')?.value ?? NaN)"


@pytest.fixture(scope="module")
def runs() -> list[dict[str, Any]]:
    return [
        made_up_run(seed=1, sharpness=0.01),
        made_up_run("gaea(darts)", seed=2, sharpness=0.09, epochs=20),
    ]


@pytest.fixture(scope="module")
def run_page(
    tmp_path_factory: pytest.TempPathFactory, runs: list[dict[str, Any]]
) -> str:
    """The page that ``gaea_mini show`` writes, from disk."""
    path = tmp_path_factory.mktemp("page") / "out.html"
    return write_page(runs, path, ["DARTS", "GAEA(DARTS)"]).as_uri()


def static_page(folder: Path, state: dict[str, Any], views: list[str]) -> str:
    """A page as Sphinx writes it: views, the state of all widgets, the runtime."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "book" / "assets" / "widgets.js", folder)
    kind = "application/vnd.jupyter.widget"
    places = "".join(
        f'<h2>View {i}</h2><div class="output"><script type="{kind}-view+json">'
        f'{{"version_major": 2, "version_minor": 0, "model_id": "{view}"}}'
        "</script></div>"
        for i, view in enumerate(views)
    )
    whole = {"version_major": 2, "version_minor": 0, "state": state}
    text = json.dumps(whole).replace("</", "<\\/")
    (folder / "page.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><body><main><h1>Page</h1>'
        f'<p class="tag_still">Printed figure</p>{places}</main>'
        f'<script type="{kind}-state+json">{text}</script>'
        f'<script src="widgets.js"></script></body></html>',
        "utf-8",
    )
    return (folder / "page.html").as_uri()


def anywidget_state(esm: str, **state: Any) -> dict[str, Any]:
    return {
        "model_name": "AnyModel",
        "model_module": "anywidget",
        "model_module_version": "~0.11.*",
        "state": {"_esm": esm, "_css": "", **state},
    }


def axe(page: Any) -> list[str]:
    result = Axe().run(page, context=".gp").response
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def wide(page: Any) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def epoch(page: Any) -> int:
    value: int = page.evaluate(EPOCH)
    return value


def wait_for_epoch(page: Any, value: int) -> None:
    shown = f"document.querySelector('.gp output').textContent === '{value} / {LAST}'"
    until(page, f"{EPOCH} === {value} && {shown}")


def test_it_does_not_start_by_itself(
    run_page: str, open_page: Callable[..., Any]
) -> None:
    visit = open_page(run_page)
    visit.page.wait_for_timeout(600)
    assert epoch(visit.page) == 0
    assert visit.page.locator(".gp button").inner_text() == "Play"


def test_play_and_pause(run_page: str, open_page: Callable[..., Any]) -> None:
    visit = open_page(run_page)
    page = visit.page
    page.get_by_label("Speed").select_option("0.5")
    page.get_by_role("button", name="Play").click()
    until(page, f"{EPOCH} >= 2")
    assert page.locator(".gp-read").first.get_attribute("aria-live") == "off"
    page.get_by_role("button", name="Pause").click()
    stopped = epoch(page)
    page.wait_for_timeout(500)
    assert epoch(page) == stopped < LAST
    assert page.locator(".gp-read").first.get_attribute("aria-live") == "polite"
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play").click()
    wait_for_epoch(page, LAST)
    # It stops there, and the next Play begins again.
    page.get_by_label("Speed").select_option("0.5")
    page.get_by_role("button", name="Play").click()
    until(page, f"{EPOCH} < {LAST}")
    assert visit.errors == []


def test_keyboard_alone_is_enough(run_page: str, open_page: Callable[..., Any]) -> None:
    page = open_page(run_page).page
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label')"
                " || document.activeElement.textContent"
            )
        )
    assert [n for n in names if n in ("Play", "Epoch", "Speed")] == [
        "Play",
        "Epoch",
        "Speed",
    ]
    page.get_by_label("Epoch", exact=True).focus()
    page.keyboard.press("End")
    wait_for_epoch(page, LAST)
    page.keyboard.press("ArrowLeft")
    wait_for_epoch(page, LAST - 1)
    page.keyboard.press("Home")
    wait_for_epoch(page, 0)
    page.keyboard.press("ArrowRight")
    wait_for_epoch(page, 1)
    page.get_by_role("button", name="Play").focus()
    page.keyboard.press("Space")
    until(page, f"{EPOCH} >= 2")
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Play").is_visible()


def test_what_is_shown_is_the_record(
    run_page: str, runs: list[dict[str, Any]], open_page: Callable[..., Any]
) -> None:
    page = open_page(run_page).page
    page.get_by_label("Epoch", exact=True).fill("7")
    wait_for_epoch(page, 7)
    for i, run in enumerate(runs):
        panel = page.locator(".gp section").nth(i)
        shown = [float(x) for x in panel.locator("td b").all_inner_texts()]
        theta = [w for row in run["theta"][7][0] for w in row]
        assert shown == pytest.approx(theta, abs=0.0051)
        assert f"entropy {run['entropy'][7]:.3f}" in panel.inner_text()
        cell = panel.locator("code").text_content()
        assert cell == run["genotype"][7]
        # Strands of an edge are as wide as its weights, apart from a hair of space.
        widths = [
            float(one.get_attribute("stroke-width"))
            for one in panel.locator("path").all()
        ]
        for width, weight in zip(widths, theta, strict=True):
            assert width == pytest.approx(19 * weight, abs=0.75)
    key = page.locator(".gp-key").first.inner_text()
    assert f"{runs[0]['entropy'][7]:.3f}" in key


def test_the_leading_operation_is_marked_without_colour(
    run_page: str, runs: list[dict[str, Any]], open_page: Callable[..., Any]
) -> None:
    page = open_page(run_page).page
    panel = page.locator(".gp section").nth(1)
    assert panel.locator(".gp-badge text").all_text_contents() == ["tie"] * 6
    assert panel.locator("td.gp-lead").count() == 0
    page.get_by_label("Epoch", exact=True).fill("20")
    wait_for_epoch(page, 20)
    short = {"skip_connect": "skip", "nor_conv_1x1": "1×1"}
    short |= {"nor_conv_3x3": "3×3", "avg_pool_3x3": "pool"}
    ops = runs[1]["config"]["operations"]
    leads = [short[ops[row.index(max(row))]] for row in runs[1]["theta"][20][0]]
    assert panel.locator(".gp-badge text").all_text_contents() == leads
    assert panel.locator("td.gp-lead").count() == 6


def test_a_short_run_keeps_its_last_state(
    run_page: str, runs: list[dict[str, Any]], open_page: Callable[..., Any]
) -> None:
    page = open_page(run_page).page
    page.get_by_label("Epoch", exact=True).fill(str(LAST))
    wait_for_epoch(page, LAST)
    short = page.locator(".gp-read").nth(1).inner_text()
    assert "Epoch 20, the last of this run" in short
    assert f"{runs[1]['entropy'][20]:.3f}" in short


def test_the_pointer_moves_the_clock_on_a_curve(
    run_page: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(run_page).page
    chart = page.locator(".gp-chart").first
    chart.evaluate("(one) => one.scrollIntoView({ block: 'center' })")
    box = chart.bounding_box()
    # Plot area: 38 pixels to the left, 10 to the right.
    x = box["x"] + 38 + (box["width"] - 48) * 10 / LAST
    page.mouse.move(x, box["y"] + 60)
    page.mouse.down()
    wait_for_epoch(page, 10)
    # The drag goes on outside the curve.
    page.mouse.move(x + 4000, box["y"] + 300, steps=5)
    wait_for_epoch(page, LAST)
    page.mouse.up()
    page.mouse.move(x, box["y"] + 60)
    settle(page)
    assert epoch(page) == LAST


def test_accuracies_stand_below_and_beside_the_cell(
    run_page: str, runs: list[dict[str, Any]], open_page: Callable[..., Any]
) -> None:
    page = open_page(run_page).page
    page.get_by_label("Epoch", exact=True).fill("7")
    wait_for_epoch(page, 7)
    keys = page.locator(".gp-key")
    true = runs[1]["truth"]["c10_test"][7]
    assert f"{runs[1]['accuracy_rounded'][7]:.1f}" in keys.nth(1).inner_text()
    assert f"{true:.1f}" in keys.nth(2).inner_text()
    assert (
        f"true test accuracy {true:.2f} %"
        in page.locator(".gp-read").nth(1).inner_text()
    )
    page.get_by_label("Accuracy of the supernet").select_option("supernet")
    number = f"{runs[0]['accuracy_supernet'][7]:.1f}"
    until(
        page,
        f"document.querySelectorAll('.gp-key')[1].textContent.includes('{number}')",
    )


def test_less_motion_means_separate_steps(run_page: str, browser: Any) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(run_page)
    page.evaluate(
        """() => {
          window.widths = new Set();
          const line = document.querySelectorAll('.gp-graph')[1].querySelector('path');
          new MutationObserver(() => widths.add(line.getAttribute('stroke-width')))
            .observe(line, { attributes: true });
        }"""
    )
    page.get_by_role("button", name="Play").click()
    until(page, f"{EPOCH} >= 3")
    page.get_by_role("button", name="Pause").click()
    now = epoch(page)
    # One drawing for an epoch and nothing in between.
    assert page.evaluate("widths.size") <= now
    context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_overflow_at_any_width(
    width: int, run_page: str, open_page: Callable[..., Any]
) -> None:
    visit = open_page(run_page, width=width)
    page = visit.page
    page.get_by_label("Epoch", exact=True).fill(str(LAST))
    wait_for_epoch(page, LAST)
    assert wide(page) <= width
    assert visit.sticking_out(".gp", "*") == []
    assert visit.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_the_player(
    scheme: str, width: int, run_page: str, open_page: Callable[..., Any]
) -> None:
    page = open_page(run_page, width=width, scheme=scheme).page
    page.get_by_label("Epoch", exact=True).fill("12")
    wait_for_epoch(page, 12)
    background = page.evaluate(
        "getComputedStyle(document.querySelector('.gp')).backgroundColor"
    )
    dark = background == "rgb(22, 25, 29)"
    assert dark == (scheme == "dark"), background
    assert axe(page) == []


@pytest.mark.parametrize(
    ("element", "attribute", "value"),
    [
        ("documentElement", "data-theme", "dark"),  # the book's theme
        ("body", "data-jp-theme-light", "false"),  # JupyterLab and Notebook
    ],
)
def test_the_page_around_it_decides_on_dark(
    element: str,
    attribute: str,
    value: str,
    run_page: str,
    open_page: Callable[..., Any],
) -> None:
    colour = "getComputedStyle(document.querySelector('.gp')).backgroundColor"
    other = {"dark": "light", "false": "true"}[value]
    page = open_page(run_page, scheme="light").page
    page.evaluate(f"document.{element}.setAttribute('{attribute}', '{value}')")
    assert page.evaluate(colour) == "rgb(22, 25, 29)"
    page = open_page(run_page, scheme="dark").page
    page.evaluate(f"document.{element}.setAttribute('{attribute}', '{other}')")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"


# ---- cells of the DARTS space ------------------------------------------------------


def darts_run(epochs: int, seed: int = 0, sharpness: float = 0.03) -> dict[str, Any]:
    return made_up_run(
        "gaea-pc-darts",
        epochs=epochs,
        seed=seed,
        sharpness=sharpness,
        edges=DARTS_EDGES,
        operations=DARTS_OPS,
        kinds=("normal", "reduce"),
        truth=False,
    )


@pytest.mark.parametrize(
    ("width", "scheme", "count"),
    [(320, "dark", 1), (390, "light", 2), (768, "light", 1), (1280, "dark", 4)],
)
def test_two_darts_cells_side_by_side(
    width: int, scheme: str, count: int, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    runs = [darts_run(LAST, seed) for seed in range(count)]
    url = write_page(runs, tmp_path / "darts.html").as_uri()
    visit = open_page(url, width=width, scheme=scheme)
    page = visit.page
    page.get_by_label("Epoch", exact=True).fill("20")
    wait_for_epoch(page, 20)
    first, second = (page.locator(".gp-kind").nth(i).bounding_box() for i in range(2))
    assert (second["x"] > first["x"] + 200) == (width >= 768)
    names = page.locator(".gp-name").all_inner_texts()
    assert names == ["Normal cell", "Reduction cell"] * count
    for r, run in enumerate(runs):
        theta, genotype = run["theta"][20], run["genotype"][20]
        panel = page.locator(".gp section").nth(r)
        table = [row.split("\t") for row in panel.locator("tbody tr").all_inner_texts()]
        largest = [max(row) for kind in theta for row in kind]
        shown = [float(row[2].split()[-1]) for row in table]
        assert shown == pytest.approx(largest, abs=0.0051)
        # Two edges are kept for each of four nodes of each cell.
        kept = [row[3] for row in table if row[3].strip() != "–"]
        assert len(kept) == panel.locator(".gp-kept").count() == 16
        assert panel.locator("code").text_content() == genotype
    assert wide(page) <= width
    assert visit.sticking_out(".gp", ":is(td, th, p, svg)") == []
    assert axe(page) == []
    assert visit.errors == []


# Counts frames, and tells the player that each came in time: on a busy machine it would
# otherwise move further from one to the next.
COUNT_FRAMES = """() => {
  window.frames = 0;
  const ask = window.requestAnimationFrame;
  let time = performance.now();
  performance.now = () => time;
  window.requestAnimationFrame = (call) => ask(() => {
    window.frames += 1;
    call(time += 1000 / 60);
  });
}"""


@pytest.mark.parametrize("count", [1, 4])
def test_six_hundred_epochs_of_darts_cells_cost_little_a_frame(
    count: int, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    """One layout a frame, and a weight is written once at most.

    What that takes depends on the machine; what is done does not. How long the script
    itself computes is not tested.
    """
    runs = [darts_run(600, seed, sharpness=0.004) for seed in range(count)]
    page = open_page(write_page(runs, tmp_path / "big.html").as_uri()).page
    before = page.locator(".gp *").count()
    page.evaluate(COUNT_FRAMES)
    page.evaluate(
        """() => {
          window.writes = 0;
          new MutationObserver((list) => { writes += list.length; })
            .observe(document.querySelector(".gp"), { subtree: true,
              attributes: true, childList: true, characterData: true });
        }"""
    )
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def done() -> np.ndarray:
        """Frames, and what the page did until now."""
        rows = session.send("Performance.getMetrics")["metrics"]
        counts = {row["name"]: row["value"] for row in rows}
        frames, writes = page.evaluate("[frames, writes]")
        return np.array(
            [frames, writes, counts["LayoutCount"], counts["RecalcStyleCount"]]
        )

    page.get_by_role("button", name="Play").click()
    until(page, "window.frames > 5")
    start = done()
    until(page, "window.frames > 65")
    frames, *work = done() - start
    page.get_by_role("button", name="Pause").click()
    writes, layouts, styles = np.array(work) / frames
    weights = count * np.size(runs[0]["theta"][0])
    assert 0.1 * weights < writes <= weights
    assert 0.9 < layouts < 1.5
    assert 0.9 < styles < 2.5
    assert page.locator(".gp *").count() == pytest.approx(before, abs=12 * count)


def test_words_change_ten_times_a_second_and_end_right(
    tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    """Fifty epochs pass in a second: strands and curves follow all of them."""
    run = darts_run(600, sharpness=0.004)
    page = open_page(write_page([run], tmp_path / "big.html").as_uri()).page
    page.evaluate(COUNT_FRAMES)
    page.evaluate(
        """() => {
          window.seen = { words: 0, rule: 0 };
          const watch = (one, key, options) => new MutationObserver(() => {
            seen[key] += 1;
          }).observe(document.querySelector(one), options);
          watch(".gp-read p", "words", { childList: true });
          watch(".gp-rule", "rule", { attributes: true });
        }"""
    )
    page.get_by_role("button", name="Play").click()
    until(page, "window.frames > 65")
    page.get_by_role("button", name="Pause").click()
    said = "document.querySelector('.gp-read p').textContent"
    until(page, f"{said}.startsWith(`Epoch ${{{EPOCH}}}:`)")
    frames, seen = page.evaluate("[frames, seen]")
    assert 7 <= seen["words"] <= 3 + frames / 6
    assert seen["rule"] >= 60
    theta = run["theta"][epoch(page)]
    shown = page.locator(".gp-bars td:nth-child(3)").all_inner_texts()
    largest = [max(row) for kind in theta for row in kind]
    assert [float(text.split()[-1]) for text in shown] == pytest.approx(
        largest, abs=0.0051
    )


@pytest.mark.slow
def test_what_is_off_the_screen_is_drawn_when_it_comes_there(
    tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    """While it plays, four runs on a phone cost what one does; a pause draws all."""
    runs = [darts_run(600, seed, sharpness=0.004) for seed in range(4)]
    page = open_page(write_page(runs, tmp_path / "big.html").as_uri(), width=390).page
    page.get_by_label("Speed").select_option("0.5")
    strands = """[...document.querySelectorAll('.gp section')].map(
      one => one.querySelector('.gp-graph path').getAttribute('d')
        + one.querySelector('.gp-read p').textContent)"""
    at_first = page.evaluate(strands)
    page.get_by_role("button", name="Play").click()
    until(page, f"{EPOCH} >= 5")
    settle(page)
    now = page.evaluate(strands)
    assert now[0] != at_first[0] and now[3] == at_first[3]
    page.evaluate("document.querySelectorAll('.gp section')[3].scrollIntoView()")
    until(page, f"({strands})[3] !== {json.dumps(at_first[3])}")
    page.get_by_role("button", name="Pause").click()
    at = epoch(page)
    until(
        page,
        "[...document.querySelectorAll('.gp-read p')]"
        f".every(one => one.textContent.startsWith('Epoch {at}:'))",
    )


# ---- the runtime of static pages --------------------------------------------------


@pytest.fixture(scope="module")
def states(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """States as a notebook saves them: a player, a core control, broken widgets."""
    import ipywidgets
    from ipywidgets.embed import embed_data

    player = ArchitecturePlayer(runs=runs, labels=["A", "B"], epoch=4)
    slider = ipywidgets.IntSlider()
    found = embed_data(views=[player, slider], drop_defaults=False)
    found = found["manager_state"]["state"]
    ids = {"player": player.model_id, "slider": slider.model_id}
    for widget in (player, slider):
        widget.close()
    echo = (
        "export default () => ({ initialize({ model }) { model.set('n', 5); },"
        " render({ model, el }) { const b = model.get('data');"
        " el.textContent = [model.get('n'), b.getUint8(0), b.byteLength,"
        " b instanceof DataView].join(' ');"
        " model.on('change:n', () => { el.textContent = 'n ' + model.get('n'); });"
        " el.onclick = () => { model.set('n', 6); model.save_changes(); }; } })"
    )
    return {
        **found,
        "echo": {
            **anywidget_state(echo, n=1),
            "buffers": [{"path": ["data"], "encoding": "base64", "data": "AgME"}],
        },
        "broken": anywidget_state("export default { render() { throw Error('no'); } }"),
        "unreadable": anywidget_state("export default {"),
        "ids": ids,
    }


def test_runtime_shows_the_player_from_disk(
    tmp_path: Path, states: dict[str, Any], open_page: Callable[..., Any]
) -> None:
    url = static_page(tmp_path, states, [states["ids"]["player"]])
    visit = open_page(url)
    page = visit.page
    wait_for_epoch(page, 4)
    page.get_by_label("Epoch", exact=True).press("End")
    wait_for_epoch(page, LAST)
    assert not page.get_by_text("Printed figure").is_visible()
    page.emulate_media(media="print")
    assert page.get_by_text("Printed figure").is_visible()
    assert visit.errors == [] and visit.failed == []
    folder = url.rsplit("/", 1)[0]
    assert visit.outside(folder) == []


def test_runtime_gives_two_views_one_model(
    tmp_path: Path, states: dict[str, Any], open_page: Callable[..., Any]
) -> None:
    player = states["ids"]["player"]
    page = open_page(static_page(tmp_path, states, [player, player])).page
    until(page, "document.querySelectorAll('.gp').length === 2")
    page.locator(".gp input").first.press("End")
    until(
        page,
        "[...document.querySelectorAll('.gp output')]"
        f".every(one => one.textContent === '{LAST} / {LAST}')",
    )
    styles = page.evaluate("document.querySelectorAll('style').length")
    assert styles == 2  # one of the player, one of the runtime


def test_runtime_decodes_buffers_and_tells_of_changes(
    tmp_path: Path, states: dict[str, Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(static_page(tmp_path, states, ["echo"])).page
    place = page.locator(".widget-place")
    place.get_by_text("5 2 3 true").wait_for()
    place.click()
    place.get_by_text("n 6").wait_for()


def test_runtime_says_what_it_cannot_show_and_goes_on(
    tmp_path: Path, states: dict[str, Any], open_page: Callable[..., Any]
) -> None:
    views = [
        "broken",
        "missing",
        states["ids"]["slider"],
        "unreadable",
        states["ids"]["player"],
    ]
    visit = open_page(static_page(tmp_path, states, views))
    page = visit.page
    wait_for_epoch(page, 4)
    notes = page.locator(".widget-note").all_inner_texts()
    assert len(notes) == 4
    assert "could not be shown (no)" in notes[0]
    assert "its state is not in this page" in notes[1]
    assert "needs a running kernel" in notes[2]
    assert "could not be shown" in notes[3]
    assert visit.errors == []


# ---- the built book ---------------------------------------------------------------


@pytest.fixture(scope="module")
def chapters(built_book: Path) -> list[str]:
    """Pages of the book that show a player."""
    mark = "gaea_mini.show.player.ArchitecturePlayer"
    pages = sorted((built_book / "book").rglob("*.html"))
    found = [p for p in pages if mark in p.read_text("utf-8")]
    assert len(found) == 8, found  # the intro and seven chapters
    return [p.relative_to(built_book).as_posix() for p in found]


@pytest.mark.slow
def test_players_of_the_book_play(
    chapters: list[str], book: str, open_page: Callable[..., Any]
) -> None:
    for chapter in chapters:
        visit = open_page(book + chapter)
        page = visit.page
        player = page.locator(".gp").first
        player.scroll_into_view_if_needed()
        slider = player.get_by_label("Epoch", exact=True)
        last = int(slider.get_attribute("max"))
        assert last >= 1 and slider.input_value() == "0"
        player.get_by_label("Speed").select_option("4")
        player.get_by_role("button", name="Play").click()
        until(page, f"{EPOCH} >= 1")
        slider.press("End")
        until(page, f"{EPOCH} === {last}")
        slider.press("ArrowLeft")
        until(page, f"{EPOCH} === {last - 1}")
        # The live controls say that they need a kernel; nothing else has a note.
        notes = page.locator(".widget-note").filter(has_not_text="a running kernel")
        assert notes.count() == 0
        assert visit.outside(book) == []
        assert visit.failed == [] and visit.errors == []


@pytest.mark.slow
def test_players_of_the_book_fit_and_axe_is_content(
    chapters: list[str], file_book: str, open_page: Callable[..., Any]
) -> None:
    """Axe looks at the narrow page; test_pages.py lets it look at the wide one."""
    for chapter in chapters:
        page = open_page(file_book + chapter, width=320).page
        page.locator(".gp").first.wait_for()
        assert wide(page) <= 320
        for scheme in ("light", "dark"):
            change_scheme(page, scheme)
            assert axe(page) == [], (chapter, scheme)
        page.set_viewport_size({"width": 1280, "height": 900})
        settle(page)
        assert wide(page) <= 1280
