"""A widget that is taken from a page leaves nothing behind: no timer, no listener."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "show"))

from made_up import made_up_run  # noqa: E402
from made_up_comparison import TRUTH, comparison_record  # noqa: E402
from made_up_ranking import CELLS, ranking_record  # noqa: E402

from gaea_mini.show import (  # noqa: E402
    ArchitecturePlayer,
    BenchmarkExplorer,
    MixedEdge,
    Quiz,
    RankScatter,
    SimplexPlayground,
)

# From here on the page counts what is asked for and not yet given back.
COUNT = """() => {
  window.kept = { outside: [] };
  for (const name of ["timers", "frames", "observers"]) kept[name] = new Set();
  const { setTimeout: wait, clearTimeout: forget } = window;
  window.setTimeout = (call, ms) => {
    const id = wait(() => { kept.timers.delete(id); call(); }, ms);
    kept.timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => { kept.timers.delete(id); forget(id); };
  const { requestAnimationFrame: ask, cancelAnimationFrame: cancel } = window;
  window.requestAnimationFrame = (call) => {
    const id = ask((now) => { kept.frames.delete(id); call(now); });
    kept.frames.add(id);
    return id;
  };
  window.cancelAnimationFrame = (id) => { kept.frames.delete(id); cancel(id); };
  for (const name of ["ResizeObserver", "IntersectionObserver", "MutationObserver"]) {
    const Kind = window[name];
    window[name] = class extends Kind {
      observe(...given) { kept.observers.add(this); super.observe(...given); }
      disconnect() { kept.observers.delete(this); super.disconnect(); }
    };
  }
  for (const place of [window, document, document.documentElement, document.body]) {
    const listen = place.addEventListener.bind(place);
    place.addEventListener = (kind, ...rest) => {
      kept.outside.push(kind);
      listen(kind, ...rest);
    };
  }
}"""

# A model that counts its listeners and what it was asked to save.
SHOW = """async ({ _esm, _css, ...state }) => {
  const listeners = new Map();
  window.model = {
    saved: {},
    get: (key) => state[key],
    set(key, value) {
      state[key] = value;
      for (const call of listeners.get(`change:${key}`) || []) call();
    },
    on(name, call) {
      listeners.set(name, (listeners.get(name) || new Set()).add(call));
    },
    off(name, call) { listeners.get(name)?.delete(call); },
    save_changes() { this.saved = structuredClone(state); },
    count: () => [...listeners.values()].reduce((sum, one) => sum + one.size, 0),
    state,
  };
  const url = URL.createObjectURL(new Blob([_esm], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  const el = document.body.appendChild(document.createElement("div"));
  window.close = await widget.render({ model, el });
}"""

# Takes the widget from the page, and says what it left.
CLOSE = """() => {
  window.close();
  return { timers: kept.timers.size, frames: kept.frames.size,
    observers: kept.observers.size, listeners: model.count(), outside: kept.outside };
}"""
NOTHING = {"timers": 0, "frames": 0, "observers": 0, "listeners": 0, "outside": []}


def widgets() -> dict[str, Any]:
    record, truth, cells = ranking_record(epochs=5)
    sets = {"x": comparison_record(True)}
    return {
        "player": ArchitecturePlayer([made_up_run(), made_up_run(seed=1)]),
        "triangle": SimplexPlayground([0.7, 0.3, 0]),
        "bars": SimplexPlayground([0.6, 0.3, 0.1, 0.0]),
        "edge": MixedEdge(),
        "scatter": RankScatter(record, truth, cells),
        "explorer": BenchmarkExplorer(sets, {"x": (CELLS, TRUTH)}),
        "quiz": Quiz("1 or 2?", [("1", True, "One."), ("2", False, "Two.")]),
    }


NAMES = ["player", "triangle", "bars", "edge", "scatter", "explorer", "quiz"]


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    made = widgets()
    assert sorted(made) == sorted(NAMES)
    return {
        name: json.loads(json.dumps(one.get_state(), default=str))
        for name, one in made.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_widget_that_is_removed_while_it_works_leaves_nothing(
    name: str, states: dict[str, Any], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><title>Page</title>", "utf-8")
    visit = open_page((tmp_path / "page.html").as_uri())
    page = visit.page
    page.evaluate(COUNT)
    page.evaluate(SHOW, states[name])
    # Everything that can be moved is moved; then what plays is started.
    page.evaluate(
        """() => {
          document.querySelectorAll("input[type=range]").forEach((one) => {
            one.value = one.max;
            one.dispatchEvent(new Event("input"));
          });
          const play = [...document.querySelectorAll("button")]
            .find((one) => one.textContent === "Play");
          play?.click();
        }"""
    )
    seen = page.evaluate("kept.observers.size + model.count()")
    assert seen > 0
    assert page.evaluate(CLOSE) == NOTHING
    # What was moved last is not lost with the timer that would have saved it.
    if name in ("triangle", "bars", "edge", "scatter", "explorer"):
        assert page.evaluate("model.saved") == page.evaluate("model.state")
    before = page.content()
    page.wait_for_timeout(300)
    assert page.content() == before
    assert visit.errors == []


@pytest.mark.parametrize("name", NAMES)
def test_a_widget_that_is_removed_before_its_first_frame_leaves_nothing(
    name: str, states: dict[str, Any], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><title>Page</title>", "utf-8")
    page = open_page((tmp_path / "page.html").as_uri()).page
    page.evaluate(COUNT)
    at_once = f"async (state) => {{ await ({SHOW})(state); return ({CLOSE})(); }}"
    assert page.evaluate(at_once, states[name]) == NOTHING


def test_a_run_that_grows_leaves_what_the_reader_chose(
    states: dict[str, Any], tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    """Live controls give the player a longer run after every epoch."""
    (tmp_path / "page.html").write_text("<!doctype html><title>Page</title>", "utf-8")
    page = open_page((tmp_path / "page.html").as_uri()).page
    page.evaluate(SHOW, states["player"])
    page.get_by_label("Speed").select_option("4")
    measure = page.get_by_label("Accuracy of the supernet")
    measure.select_option("supernet")
    measure.focus()
    listeners = page.evaluate("model.count()")
    page.evaluate("model.set('runs', model.get('runs').slice(0, 1))")
    assert page.locator(".gp").count() == page.locator(".gp section").count() == 1
    assert page.get_by_label("Speed").input_value() == "4"
    assert measure.input_value() == "supernet"
    focus = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focus) == "Accuracy of the supernet"
    page.get_by_role("button", name="Play").focus()
    page.evaluate("model.set('runs', [...model.get('runs')])")
    assert page.evaluate("document.activeElement.textContent") == "Play"
    assert page.evaluate("model.count()") == listeners
