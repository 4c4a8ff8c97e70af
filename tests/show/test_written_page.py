"""The page that `show run.json --html` writes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up_run

from gaea_mini.errors import InputError
from gaea_mini.show import write_page

EVIL = '</script><script>alert("x")</script><!-- & <b>'


class Reader(HTMLParser):
    """Collects elements, attributes and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "out.html"
    runs = [made_up_run(), made_up_run("gaea(darts)", sharpness=0.1)]
    assert write_page(runs, path, ["DARTS", "GAEA"]) == path
    return path.read_text("utf-8")


def test_nothing_is_fetched(text: str) -> None:
    for tag, attributes in Reader(text).tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), (tag, name, value)
    assert "@import" not in text and not re.search(r"url\((?!data:)", text)
    assert "default-src &#x27;none&#x27;" in text


def test_the_state_in_the_page_is_the_record(text: str) -> None:
    state = json.loads(Reader(text).scripts[0])
    assert [run["label"] for run in state["runs"]] == ["DARTS", "GAEA"]
    assert len(state["runs"][0]["theta"]) == 26


def test_facts_of_the_run_are_in_the_page(text: str) -> None:
    run = made_up_run()
    shown = " ".join(Reader(text).text)
    for fact in (
        run["genotype"][-1],
        f"{run['truth']['c10_test'][-1]:.2f} %",
        f"{run['accuracy_rounded'][-1]:.2f} %",
        "nasbench201",
        "made up",
    ):
        assert fact in shown


def test_the_figure_without_scripts_has_a_text(text: str) -> None:
    images = [a for tag, a in Reader(text).tags if tag == "img"]
    assert len(images) == 1
    assert "entropy" in (images[0]["alt"] or "")


def test_text_in_a_record_cannot_become_a_script(tmp_path: Path) -> None:
    run = made_up_run()
    run["config"]["data"] = EVIL
    run["config"]["operations"] = [EVIL, *run["config"]["operations"][1:]]
    run["environment"][EVIL] = EVIL
    run["genotype"] = [EVIL] * len(run["genotype"])
    text = write_page(run, tmp_path / "out.html", [EVIL]).read_text("utf-8")
    page = Reader(text)
    assert len(page.scripts) == 2
    assert json.loads(page.scripts[0])["runs"][0]["label"] == EVIL
    assert not any(tag == "b" for tag, _ in page.tags)


def test_a_record_without_extras_gives_a_page(tmp_path: Path) -> None:
    run = made_up_run(truth=False)
    kept = {key: run[key] for key in ("theta", "entropy", "genotype", "config")}
    text = write_page(kept, tmp_path / "out.html").read_text("utf-8")
    assert "The record does not say." in text


def test_a_failure_leaves_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.html"
    write_page(made_up_run(epochs=1), path)
    before = path.read_bytes()

    def no_space(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", no_space)
    with pytest.raises(InputError, match="cannot write .*No space left"):
        write_page(made_up_run(epochs=2), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["out.html"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write .*give another path"):
        write_page(made_up_run(epochs=1), tmp_path / "missing" / "out.html")
    with pytest.raises(InputError, match="cannot write"):
        write_page(made_up_run(epochs=1), tmp_path)
    assert list(tmp_path.iterdir()) == []
