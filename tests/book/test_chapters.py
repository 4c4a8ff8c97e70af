"""Every chapter has the parts that a reader expects, in their order."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from gaea_mini import show

ROOT = Path(__file__).parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
CHAPTERS = [
    chapter["file"]
    for part in TOC["parts"]
    for chapter in part["chapters"]
    if not chapter["file"].startswith("book/back/")
]
PLAYER = "show.ArchitecturePlayer("
each_chapter = pytest.mark.parametrize("name", CHAPTERS)

# (what, how it is recognised), in the order of a chapter
PARTS = [
    ("a title that asks", r"^# [^\n]*\?$"),
    ("what you will learn", r"\*\*You will learn"),
    ("what you need", r"\*\*You need"),
    ("the time to read", r"\{reading-time\}`"),
    ("the time to run", r"\{run-time\}`"),
    ("the set-up cell", r"^```\{code-cell\} ipython3\n:tags: \[setup, remove-cell\]"),
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


def code_cells(text: str) -> list[tuple[str, str]]:
    """Options and code of every code cell."""
    cells = re.findall(
        r"^```\{code-cell\}[^\n]*\n(---\n.*?^---\n|(?::[^\n]*\n)*)(.*?)^```",
        text,
        re.MULTILINE | re.DOTALL,
    )
    return [(options, code.strip()) for options, code in cells]


def prose(text: str) -> list[str]:
    """The words, without code, formulas, tables, and options of blocks."""
    for pattern in (
        r"\A---\n.*?^---\n",
        r"^(`{3,})(?:python|\{code-cell\}|\{literalinclude\})[^\n]*\n.*?^\1",
        r"^`{3,}(?:\{figure\}[^\n]*|\{[\w:-]+\})?",
        r"\$\$.*?\$\$(?: \([\w:-]+\))?",
        r"^\|[^\n]*$",
        r"^:[\w-]+:[^\n]*$",
        r"\$[^$]+\$",
        r"\{[\w:-]+\}(?:`[^`]*`)?",
        r"`[^`]*`",
        r"\]\([^)]*\)",
    ):
        text = re.sub(pattern, " ", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"[^\W\d_][\w\u2019'-]*", text)


@each_chapter
def test_code_fits_the_page(name: str) -> None:
    for _, code in code_cells(source(name)):
        wide = [line for line in code.splitlines() if len(line) > 68]
        assert wide == [], f"{name}: lines over 68 columns"


@each_chapter
def test_a_chapter_is_as_long_as_a_reader_likes(name: str) -> None:
    assert 1200 <= len(prose(source(name))) <= 2500
    # The quiz hides its code, and the page the set-up cell. A still is hidden where its
    # widget runs.
    visible = [
        code
        for options, code in code_cells(source(name))
        if not re.search(r"\b(remove-input|remove-cell|still)\b", options)
    ]
    assert 8 <= len(visible) <= 20
    for code in visible:
        lines = [line for line in code.splitlines() if line.strip()]
        assert len(lines) <= 10, f"{name}: {len(lines)} lines in the cell\n{code}"


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "book").rglob("*.md")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_line_of_a_sentence_looks_like_an_item_of_a_list(path: Path) -> None:
    """Markdown reads "1. " at the start of a line as a list, also in a sentence."""
    lines = path.read_text("utf-8").splitlines()
    broken = [
        line
        for before, line in pairwise(lines)
        if re.match(r" *1[.)] ", line) and re.search(r"^[^:].*[\w,;)$`]$", before)
    ]
    assert broken == []


def test_prose_is_what_is_left_without_code_formulas_and_tables() -> None:
    text = """---
front: matter
---
# Two words

A formula $x$, a `name`, {eq}`eq-x` and [a link](page.md).

$$
y = \\ln x
$$ (eq-y)

| a | table |

````{dropdown} Proof
```{figure} a.svg
:alt: not counted
Caption.
```
````

```{code-cell} ipython3
---
tags: [still]
---
code = 1
```
"""
    assert " ".join(prose(text)) == "Two words A formula a and a link Proof Caption"


@each_chapter
def test_the_quiz_is_a_widget_and_its_links_lead_somewhere(name: str) -> None:
    text = source(name)
    [(_, code)] = [c for c in code_cells(text) if "show.quizzes(" in c[1]]
    questions = code.split('"""')[1]
    assert len(show.quizzes(questions)) >= 3
    labels = set(re.findall(r"^\$\$ \(([\w:-]+)\)", text, re.MULTILINE))
    places = {f"equation-{label}" for label in labels}
    places |= set(re.findall(r"^ *:?(?:name|label): (\S+)$", text, re.MULTILINE))
    links = re.findall(r"\]\(#([\w:.-]+)\)", questions)
    assert links, f"{name}: no choice leads back into the text"
    assert sorted(set(links) - places) == []


def test_the_player_stands_in_these_chapters_with_its_still() -> None:
    text = {name: source(name) for name in CHAPTERS}
    players = [i for i, name in enumerate(CHAPTERS, 1) if PLAYER in text[name]]
    assert players == [5, 6, 7, 8, 9, 10, 13]
    for i in players:
        kinds = [
            "player" if PLAYER in code else "still"
            for _, code in code_cells(text[CHAPTERS[i - 1]])
            if PLAYER in code or "show.player_strip(" in code
        ]
        assert kinds == ["player", "still"], CHAPTERS[i - 1]


@pytest.mark.parametrize(("name", "after"), list(pairwise(CHAPTERS)))
def test_the_last_line_leads_to_the_next_chapter(name: str, after: str) -> None:
    last = source(name).rstrip().splitlines()[-1]
    found = re.fullmatch(r"Next: \[[^\]]+\]\((.+)\.md\)\.?", last)
    assert found, f"{name} ends with {last!r}"
    there = (ROOT / name).parent / found[1]
    assert there.resolve() == (ROOT / after).resolve()
