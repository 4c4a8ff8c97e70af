"""No number that a record holds is typed by hand and left alone.

A number with a decimal point, one with a unit of a result, and a whole one from 100 on
is looked for in what a chapter says: prose, tables, captions. (A text for a picture
tells in round words what is drawn.) Each must be in ``SAID``: as what it must round to,
read from a record or worked out from the package, or as part of a set-up that the page
itself defines or of a formula.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaea_mini.evaluate import TRAININGS
from gaea_mini.recipes import CHAPTER, COARSE
from gaea_mini.search import rs_ws
from gaea_mini.show.records import load_record
from gaea_mini.show.search_plots import chosen_arms
from gaea_mini.supernet import space

ROOT = Path(__file__).resolve().parent.parent.parent
RECORDS = ROOT / "book" / "records"

NAMES = (
    r"CIFAR-100|NAS-Bench-201|ImageNet-16-120|CC BY 4\.0|[Ss]ection \d\.\d"
    r"|\b(?:1974|202\d)\b"
)
UNITS = r"%|percent\b|points?\b|nats\b"
NUMBER = re.compile(
    rf"(?<![\w.,-])(\d[\d,]*\.\d+|\d+(?=\s*(?:{UNITS}))|\d{{1,3}}(?:,\d{{3}})+|\d{{3,}})"
    r"(?![\w-])"
)


def said(text: str) -> list[str]:
    """The numbers of a page outside its code, formulas and names.

    >>> said("Of 8,000 pictures 62 % are right, $x = 0.5$; see `0.3`, CIFAR-100.")
    ['8,000', '62']
    """
    cell = r"^(`{3,})\{code-cell\}[^\n]*\n(---\n.*?^---\n|(?::[^\n]*\n)*).*?^\1"
    text = re.sub(cell, r"\2", text, flags=re.MULTILINE | re.DOTALL)
    for pattern in (
        r"\A---\n.*?^---\n",
        r"^ *alt: >-\n(?:      [^\n]*\n)*",
        r"^ *:(?:alt|width):[^\n]*$",
        r"^(`{3,})(?:python|sh|text|\{literalinclude\})[^\n]*\n.*?^\1",
        r"\$\$.*?\$\$(?: \([\w:-]+\))?",
        r"\$[^$]+\$",
        r"`[^`\n]*`",
        r"\]\([^)]*\)",
        NAMES,
    ):
        text = re.sub(pattern, " ", text, flags=re.MULTILINE | re.DOTALL)
    return NUMBER.findall(text)


def record(name: str) -> Any:
    return json.loads((RECORDS / f"{name}.json").read_text("utf-8"))


PAPER = record("published")
TOY = "a set-up that the page defines"
FORMULA = "worked out in the page"
CITED = "printed in the work that is cited there, in no record"
STEPS = {step["method"]: step["lr"] for step in PAPER["steps"]}
ROWS = {(row["method"], row["objective"]): row for row in PAPER["nb201_c10_test"]}
GAINS = {row["name"]: row for row in PAPER["gains"]}
CURVES = {(row["space"], row["method"]): row for row in PAPER["entropy"]}
LAST = CURVES["NAS-Bench-201", "gaea-darts"]["points"][-1][1]
RIVALS, FAMILY = record("nasbench201_comparison"), record("nasbench201_family")
COMPACT = len(space("compact").operations) ** len(space("compact").edges)
ALL_201 = len(space("nasbench201").operations) ** len(space("nasbench201").edges)
PC_DARTS = COARSE.grids["pc-darts"][0]
SAID: Mapping[str, Mapping[str, Any]] = {
    "intro": {
        "15,625": ALL_201,
        "44": 100 * (1 - LAST / math.log(4)),
        "0.1": STEPS["gaea-darts"],
        "0.0003": STEPS["darts"],
        "0.0006": PC_DARTS,
        "54.30": ROWS["darts", "bilevel"]["mean"],
        "0.00": ROWS["darts", "bilevel"]["sd"],
        "84.39": ROWS["darts", "single-level"]["mean"],
        "3.82": ROWS["darts", "single-level"]["sd"],
        "91.63": ROWS["gaea-darts", "bilevel"]["mean"],
        "2.57": ROWS["gaea-darts", "bilevel"]["sd"],
        "94.10": ROWS["gaea-darts", "single-level"]["mean"],
        "0.29": ROWS["gaea-darts", "single-level"]["sd"],
        "30": ROWS["darts", "single-level"]["mean"] - ROWS["darts", "bilevel"]["mean"],
        "93.70": ROWS["random search", None]["mean"],
        "0.36": ROWS["random search", None]["sd"],
        "1.59": GAINS["stated"]["c100"],
        "0.82": GAINS["stated"]["in16"],
        "0.76": GAINS["like for like"]["c100"],
        "0.27": GAINS["like for like"]["in16"],
    },
    "mirror_descent": dict.fromkeys(("0.01", "0.02", "0.50", "0.51", "1000"), TOY),
    "multiply_or_subtract": dict.fromkeys(
        ("0.4", "0.1", "0.01", "0.3", "0.02", "256", "300", "200"), TOY
    ),
    "stationarity": {
        **dict.fromkeys(("0.3", "400", "0.1", "1000"), TOY),
        "1.2": FORMULA,
    },
    "erm_or_bilevel": {"2000": TOY},
    "family": {
        **dict.fromkeys(("100,000", "0.1", "500"), TOY),
        "8,000": FAMILY["runs"][0]["config"]["pictures"],
        "729": COMPACT,
        "100": rs_ws().relaxation.candidates,
        "1": 100 * 7 / COMPACT,
        "62": 100 * (1 - (1 - 7 / COMPACT) ** 100),
        "250": CITED,
    },
    "mixed_operation": {
        **dict.fromkeys(("700", "100"), TOY),
        "729": COMPACT,
        **dict.fromkeys(("20,000", "22,400", "800"), CITED),
    },
    "rank_disorder": {
        **dict.fromkeys(("0.01", "80", "200"), TOY),
        "729": COMPACT,
        "250": record("compact_ranking")["pictures"],
    },
    "gaea": {
        "0.0003": STEPS["darts"],
        "0.1": STEPS["gaea-darts"],
        "0.0006": PC_DARTS,
        "1000": TOY,
        "0.3": 1000 * STEPS["darts"],
        "100": TOY,
        "22,000": round(math.exp(100 * STEPS["gaea-darts"]), -3),
        "115": math.log(1e5 - 1) / STEPS["gaea-darts"],
        "729": COMPACT,
        "0.01": TOY,
    },
    "gaea_on_everything": {
        **dict.fromkeys(("20,000", "200", "300", "80", "95"), TOY),
        "3,000": CHAPTER.pictures,
        "0.1": STEPS["gaea-darts"],
        "0.0003": STEPS["darts"],
        "0.01": CITED,
    },
    "against_the_optimum": {
        **dict.fromkeys(("100", "80", "2.5", "97.5", "0.95"), TOY),
        "729": COMPACT,
        "15,625": ALL_201,
        "106": RIVALS["rivals"][0]["trainings"],
        "0.23": (1 - 10 / COMPACT) ** 106,
        "217": math.ceil(math.log(0.05) / math.log(1 - 10 / COMPACT)),
        "4,680": math.ceil(math.log(0.05) / math.log(1 - 10 / ALL_201)),
        "500": RIVALS["repetitions"],
        "8,000": FAMILY["runs"][0]["config"]["pictures"],
        "12,000": RIVALS["clock"],
    },
    "train_it_alone": {"2,000": TOY, "600": TRAININGS["darts"].epochs},
    "full_supernet": {"20": TOY},
}


def pages() -> list[Path]:
    return [ROOT / "book/intro.md", *sorted((ROOT / "book").glob("[1-5]_*/*.md"))]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_every_number_is_known(path: Path) -> None:
    found = set(said(path.read_text("utf-8")))
    known = SAID.get(path.stem, {})
    assert found == set(known), "type no result; a set-up or a record's number: SAID"
    for number, value in known.items():
        if not isinstance(value, str):
            decimals = len(number.partition(".")[2])
            off = abs(float(number.replace(",", "")) - value)
            assert off <= 0.5001 * 10**-decimals, f"{number}: {value} there"


def test_what_the_gaea_chapter_says_of_skips_and_of_stopping() -> None:
    names = ("nasbench201_bilevel", "nasbench201_single_level")
    arms = chosen_arms([load_record(name) for name in names])
    assert len(arms) == 4
    for runs in arms.values():
        assert all(run["genotype"][-1].count("skip_connect") < 6 for run in runs)
        mean = np.mean([run["truth"]["c10_test"][1:] for run in runs], axis=0)
        assert mean.max() - mean[-1] < 1
