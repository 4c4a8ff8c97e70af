"""Every chapter has the parts that a reader expects, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
CHAPTERS = [
    chapter["file"]
    for part in TOC["parts"]
    for chapter in part["chapters"]
    if not chapter["file"].startswith("book/back/")
]
each_chapter = pytest.mark.parametrize("name", CHAPTERS)

# (what, how it is recognised), in the order of a chapter
PARTS = [
    ("a title that asks", r"^# [^\n]*\?$"),
    ("what you will learn", r"\*\*You will learn"),
    ("what you need", r"\*\*You need"),
    ("the time to read", r"\{reading-time\}`"),
    ("the time to run", r"\{run-time\}`"),
    ("a code cell", r"^```\{code-cell\}"),
    ("a prediction", r"\bPredict"),
    ("a labelled equation", r"\$\$ \([\w:-]+\)$|^:label: eq"),
    ("a way to break it", r"^#+ .*[Bb]reak it"),
    ("a quiz", r"^#+ .*[Cc]heck yourself"),
    ("exercises", r"^#+ .*Exercises"),
    ("what is not shown", r"^#+ .*did not show"),
    ("a summary", r"^#+ .*Summary"),
    ("further reading", r"^#+ .*Further reading"),
]


def source(name: str) -> str:
    return (ROOT / f"{name}.md").read_text("utf-8")


@each_chapter
def test_the_parts_stand_in_their_order(name: str) -> None:
    text = source(name)
    at = 0
    for what, pattern in PARTS:
        found = re.compile(pattern, re.MULTILINE).search(text, at)
        assert found, f"{name}: {what} is missing, or stands before its place"
        at = found.start()


@each_chapter
def test_the_code_is_shown_from_the_package(name: str) -> None:
    assert re.search(r"\{literalinclude\}|inspect\.getsource", source(name))


@each_chapter
def test_there_is_a_statement_with_a_label(name: str) -> None:
    pattern = r"^(`{3,}|:{3,})\{prf:\w+\}[^\n]*\n:label:"
    assert re.search(pattern, source(name), re.MULTILINE)


@each_chapter
def test_every_exercise_has_its_solution(name: str) -> None:
    text = source(name)
    fence = r"^(?:`{3,}|:{3,})"
    exercises = re.findall(
        fence + r"\{exercise(?:-start)?\}[^\n]*\n(?::\w+:[^\n]*\n)*?:label: (\S+)",
        text,
        re.MULTILINE,
    )
    solutions = re.findall(fence + r"\{solution(?:-start)?\} (\S+)", text, re.MULTILINE)
    assert len(exercises) >= 3
    assert sorted(exercises) == sorted(solutions)


@each_chapter
def test_symbols_stand_beside_their_names_in_code(name: str) -> None:
    assert re.search(r"^\|\s*[Ss]ymbol\s*\|", source(name), re.MULTILINE)


@each_chapter
def test_code_fits_the_page(name: str) -> None:
    cells = re.findall(
        r"^```\{code-cell\}[^\n]*\n(.*?)^```", source(name), re.MULTILINE | re.DOTALL
    )
    assert 4 <= len(cells) <= 30
    for cell in cells:
        code = re.sub(r"\A---\n.*?^---\n", "", cell, flags=re.MULTILINE | re.DOTALL)
        wide = [line for line in code.splitlines() if len(line) > 68]
        assert wide == [], f"{name}: lines over 68 columns"
