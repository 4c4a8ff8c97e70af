"""Text and code name the same equations.

A formula of the book has a label. The line of ``gaea_mini`` that computes it, or its
docstring, names that label as ``Eq. (label)``; so does the test that holds it to its
word. A label that only one side knows is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]

DOLLARS = re.compile(r"^[>\s]*.*\$\$[ \t]*\(([\w:-]+)\)[ \t]*$", re.MULTILINE)
DIRECTIVE = re.compile(
    r"^\s*(?:`{3,}|:{3,})\{math\}[^\n]*\n(?:\s*:\w+:[^\n]*\n)*?\s*:label:\s*([\w:-]+)",
    re.MULTILINE,
)
# "Eq. (eq-a)" and "Eqs. (eq-a), (eq-b) and (eq-c)". A bare number is a paper's.
NAMED = re.compile(r"Eqs?\.\s+((?:\([a-z][\w:-]*\)(?:,|\band\b|\bto\b|[#\s])*)+)")
LABEL = re.compile(r"\(([\w:-]+)\)")

# Equations that no line of code computes, each with the reason.
TEXT_ONLY: dict[str, str] = {}


def labels(text: str) -> set[str]:
    """The equation labels that a MyST page defines."""
    return set(DOLLARS.findall(text)) | set(DIRECTIVE.findall(text))


def named(paths: Iterable[Path]) -> set[str]:
    """The equation labels that Python files name."""
    return {
        label
        for path in paths
        for several in NAMED.findall(path.read_text("utf-8"))
        for label in LABEL.findall(several)
    }


BOOK = {
    label
    for path in (ROOT / "book").rglob("*.md")
    for label in labels(path.read_text("utf-8"))
}
CODE = named((ROOT / "gaea_mini").rglob("*.py"))
# This file's own examples are no equations.
TESTS = named(set((ROOT / "tests").rglob("*.py")) - {Path(__file__)})


def test_the_reader_of_labels_reads_both_forms() -> None:
    page = "$$\na = b\n$$ (one-way)\n\n```{math}\n:label: two-way\na\n```\n$x$ (no)\n"
    assert labels(page) == {"one-way", "two-way"}


def test_the_reader_of_names_reads_one_and_several(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("# Eq. (a-b)\n# Eqs. (c), (d)\n# and (e); Eq. (8) of a paper (f)\n")
    assert named([code]) == {"a-b", "c", "d", "e"}


def test_every_equation_that_code_names_is_in_the_book() -> None:
    assert CODE, "gaea_mini names no equation"
    assert CODE - BOOK == set()
    assert TESTS - BOOK == set()


def test_every_equation_of_the_book_is_named_in_code_or_tests() -> None:
    assert BOOK - CODE - TESTS - set(TEXT_ONLY) == set()
    assert set(TEXT_ONLY) <= BOOK - CODE - TESTS, "an exception that is none"
