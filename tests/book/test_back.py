"""The back matter: ledger, notation, glossary, API page, and the plan of chapters."""

from __future__ import annotations

import inspect
import io
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup
from docutils.core import publish_doctree
from docutils.parsers.rst import roles
from scipy import stats

ROOT = Path(__file__).parents[2]
BACK = ROOT / "book" / "back"
RECORDS = ROOT / "book" / "records"

sys.path.insert(0, str(ROOT / "book" / "extension"))
import gaea_api  # noqa: E402
import gaea_back  # noqa: E402
import gaea_ledger  # noqa: E402
import gaea_measures  # noqa: E402
import gaea_names  # noqa: E402

LEDGER = gaea_ledger.load_ledger(BACK / "ledger.yml")
ROWS = [(part, n) for part, rows in LEDGER.items() for n in range(len(rows))]
each_row = pytest.mark.parametrize(("part", "n"), ROWS)
NOTATION = yaml.safe_load((BACK / "notation.yml").read_text("utf-8"))
GLOSSARY = yaml.safe_load((BACK / "glossary.yml").read_text("utf-8"))
CHAPTERS = gaea_back.chapters(ROOT)


def record(name: str) -> Any:
    return json.loads((RECORDS / f"{name}.json").read_text("utf-8"))


def rows_that_read(name: str) -> list[dict[str, Any]]:
    return [
        row
        for rows in LEDGER.values()
        for row in rows
        if name in gaea_ledger.records_of(row.get("ours", {}))
    ]


# ------------------------------------------------------------------ the ledger


@each_row
def test_a_row_links_to_records_that_exist_or_says_not_attempted(
    part: str, n: int
) -> None:
    shown = gaea_ledger.show_row(LEDGER[part][n], RECORDS)
    if shown.outcome.startswith("not attempted"):
        assert shown.outcome == "not attempted" and shown.records == ()
        assert len(shown.ours) > 8, "it says why"
    else:
        assert re.match(r"(agrees|differs|open)\b", shown.outcome)
        assert shown.records and re.search(r"\d", shown.ours)
        for name in shown.records:
            assert (RECORDS / f"{name}.json").is_file()
    for cell in (shown.claim, shown.published, shown.ours):
        assert cell and "|" not in cell


@each_row
def test_no_result_is_typed_into_the_ledger(part: str, n: int) -> None:
    row = LEDGER[part][n]
    typed = [row["claim"], row.get("not attempted", "")]
    if isinstance(row.get("published"), str):
        typed.append(row["published"])
    assert not re.search(r"\d[.]\d|±|\d %", " ".join(typed))
    assert ("ours" in row) != ("not attempted" in row)


def test_the_claims_of_the_book_have_rows() -> None:
    parts = "takeaways rounding theory nb201 entropy darts_space one_shot history"
    assert set(parts.split()) == set(LEDGER)
    page = (BACK / "ledger.md").read_text("utf-8")
    assert re.findall(r"^```\{ledger\} (\w+)$", page, re.M) == list(LEDGER)


LISTS = (
    "nb201 darts_space darts_space_seed_sets one_shot one_shot_best rounding entropy"
)


@pytest.mark.parametrize("name", [*LISTS.split(), "gains", "later", "related"])
def test_every_published_row_stands_in_the_ledger(name: str) -> None:
    shown = [
        entry
        for rows in LEDGER.values()
        for row in rows
        if isinstance(row["published"], dict) and row["published"]["list"] == name
        for entry in gaea_ledger.published(row["published"], RECORDS)
    ]
    missing = [entry for entry in record("published")[name] if entry not in shown]
    assert missing == []


def test_without_records_every_row_waits(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_bytes((RECORDS / "published.json").read_bytes())
    waiting = 0
    for rows in LEDGER.values():
        for row in rows:
            shown = gaea_ledger.show_row(row, tmp_path)
            assert shown.outcome == "not attempted" and shown.records == ()
            waiting += "not made yet" in shown.ours
    assert waiting == sum("ours" in row for rows in LEDGER.values() for row in rows)


def test_a_table_row_is_what_the_record_says() -> None:
    (row,) = (r for r in LEDGER["nb201"] if r["claim"] == "`gaea(darts)` single-level")
    content = record("nasbench201_single_level")
    chosen = {step["method"]: step["chosen"] for step in content["steps"]}
    runs = [
        run
        for run in content["runs"]
        if run["config"]["method"] == "gaea-darts"
        and run["config"]["update"]["lr"] == chosen["gaea-darts"]
    ]
    shown = gaea_ledger.show_row(row, RECORDS)
    for column in ("c10_test", "c100_test", "in16_test"):
        ends = [run["truth"][column][-1] for run in runs]
        assert f"{np.mean(ends):.2f} ± {np.std(ends, ddof=1):.2f}" in shown.ours
    assert "94.10 ± 0.29, 72.60 ± 0.89, 45.81 ± 0.51" in shown.published
    assert "Table 2, row GAEA DARTS (ERM)" in shown.published


@pytest.mark.parametrize(
    ("ours", "outcome"),
    [
        ([91.0, 92.0], "agrees"),  # close to the printed 91.63 ± 2.57, narrow
        ([70.0, 71.0], "differs"),
        ([80.0, 100.0], "open"),  # so wide that it touches anything
    ],
)
def test_the_rule_for_a_table_row(
    ours: list[float], outcome: str, tmp_path: Path
) -> None:
    printed = {"c10": [91.63, 2.57], "c100": [91.63, 2.57], "in16": [91.63, 2.57]}
    truth = [{key: [v] for key in ("c10_test", "c100_test", "in16_test")} for v in ours]
    made = searches("x", [{"truth": t} for t in truth])
    (tmp_path / "x.json").write_text(json.dumps(made))
    asked = {"measure": "found", "record": "x", "method": "darts", "objective": "b"}
    finding = gaea_measures.measure(asked, [printed], tmp_path)
    assert gaea_ledger.OUTCOMES[finding.holds] == outcome


@pytest.mark.parametrize(
    ("shift", "outcome"), [(0.0, "agrees"), (1.9, "agrees"), (-2.1, "differs")]
)
def test_a_rival_agrees_within_two_standard_errors(
    shift: float, outcome: str, tmp_path: Path
) -> None:
    """Not within its standard deviation: hundreds of runs stand behind both means."""
    noise = np.tile([-0.3, 0.3], 200)
    sd = noise.std(ddof=1)
    error = np.hypot(sd / 400**0.5, 0.36 / 500**0.5)
    test = (93.70 + shift * error + noise).tolist()
    rows = [{"rival": "random search", "table": "one-seed", "test": test}]
    (tmp_path / "x.json").write_text(json.dumps({"rivals": rows}))
    asked = {
        "measure": "rival", "record": "x", "rival": "random search",
        "table": "one-seed",
    }  # fmt: skip
    finding = gaea_measures.measure(asked, [{"c10": [93.70, 0.36]}], tmp_path)
    assert gaea_ledger.OUTCOMES[finding.holds] == outcome
    assert f"{gaea_measures.signed(shift)} standard errors off" in finding.ours


def test_the_ledger_names_evolution_as_a_miss() -> None:
    """On the table that the chapter names; the three others agree there."""
    rows = [r for r in LEDGER["nb201"] if r.get("ours", {}).get("measure") == "rival"]
    assert {row["ours"]["table"] for row in rows} == {"one-seed"}
    found = {
        row["ours"]["rival"]: gaea_ledger.show_row(row, RECORDS).outcome.split(",")[0]
        for row in rows
    }
    others = dict.fromkeys(("random search", "reinforce", "bohb"), "agrees")
    assert found == {"evolution": "differs", **others}


def searches(
    name: str, runs: list[dict[str, Any]], method: str = "darts"
) -> dict[str, Any]:
    """A record of searches with one method, one seed after the other."""
    config = {
        "method": method,
        "objective": "b",
        "update": {"lr": 1.0},
        "operations": ["skip_connect", "nor_conv_3x3"],
        "edges": [[0, 1], [0, 2], [1, 2]],
    }
    return {
        "recipe": name,
        "steps": [{"method": method, "objective": "b", "chosen": 1.0}],
        "runs": [
            {"config": config | {"seed": seed}, **run} for seed, run in enumerate(runs)
        ],
    }


@pytest.mark.parametrize(
    ("shift", "claim", "outcome"),
    [
        (3.0, "higher", "agrees"),
        (3.0, "lower", "differs"),
        (-3.0, "higher", "differs"),
        (0.0, "higher", "open"),
    ],
)
def test_a_gap_is_paired_by_seed_with_a_t_interval(
    shift: float, claim: str, outcome: str, tmp_path: Path
) -> None:
    base = [10.0, 30.0, 20.0, 50.0]  # seeds differ far more than the arms
    noise = np.array([0.1, -0.1, 0.2, -0.2])
    for name, values in (("a", base + noise + shift), ("b", np.array(base))):
        runs = [{"accuracy_rounded": [v]} for v in values.tolist()]
        (tmp_path / f"{name}.json").write_text(json.dumps(searches(name, runs)))
    arms = [{"record": n, "method": "darts", "objective": "b"} for n in ("a", "b")]
    asked = {
        "measure": "gap", "value": "accuracy_rounded", "claim": claim,
        "first": arms[0], "second": arms[1],
    }  # fmt: skip
    finding = gaea_measures.measure(asked, [], tmp_path)
    wanted = stats.ttest_1samp(noise + shift, 0).confidence_interval(0.95)
    for value in (shift, wanted.low, wanted.high):
        assert f"{value:+.2f}".replace("-", "−") in finding.ours
    assert gaea_ledger.OUTCOMES[finding.holds] == outcome


def test_skips_and_rises_are_counted(tmp_path: Path) -> None:
    skip = "|skip_connect~0|+|skip_connect~0|skip_connect~1|"
    other = "|skip_connect~0|+|nor_conv_3x3~0|skip_connect~1|"
    runs = [
        {"genotype": [other, cell], "entropy": entropy}
        for cell, entropy in (
            (skip, [0.69, 0.20, 0.30]),
            (skip, [0.69, 0.20, 0.205]),
            (other, [0.69, 0.40, 0.20]),
        )
    ]
    (tmp_path / "x.json").write_text(json.dumps(searches("x", runs)))
    asked = {"record": "x", "method": "darts", "objective": "b"}
    found = gaea_measures.measure({"measure": "all_skips", **asked}, [], tmp_path)
    assert found.ours.startswith("2 of 3 cells are skips only") and found.holds
    found = gaea_measures.measure({"measure": "rises", **asked}, [], tmp_path)
    assert found.ours.startswith("1 of 3") and found.holds is False


@pytest.mark.parametrize(("mean", "holds"), [(94.2, True), (93.0, False)])
def test_being_near_the_best_is_asked_where_it_is_claimed(
    mean: float, holds: bool, tmp_path: Path
) -> None:
    printed = {"c10": [94.1, 0.3], "c100": [70.0, 0.1], "in16": [40.0, 0.1]}
    best = {"c10": [94.3, None], "c100": [73.5, None], "in16": [47.3, None]}
    truth = [{"c10_test": [mean + off]} for off in (-0.2, 0.2)]  # c100 is not asked
    runs = [{"truth": t} for t in truth]
    (tmp_path / "x.json").write_text(json.dumps(searches("x", runs)))
    asked = {"measure": "near_best", "record": "x", "method": "darts", "objective": "b"}
    finding = gaea_measures.measure(asked, [printed, best], tmp_path)
    assert finding.holds is holds
    assert f"{94.3 - mean:.2f} below it, sd 0.28" in finding.ours


def test_a_comparison_is_paired_by_seed_and_may_claim_less(tmp_path: Path) -> None:
    tests = {"gaea-x": [[0.0, 5.0], [0.0, 6.0], [0.0, 7.0]], "x": [[4.0], [5.5], [7.5]]}
    content = {
        "arms": [
            {"method": m, "objective": "b", "seeds": [0, 1, 2], "test": t}
            for m, t in tests.items()
        ],
        "differences": [
            {"of": ["gaea-x", "b"], "less": "x", "paired": True},
            {"of": ["gaea-x", "b"], "less": "random search", "paired": False,
             "mean": -1.0, "low": -2.0, "high": -0.1, "n": [3, 9]},
        ],
    }  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps(content))
    asked = {"measure": "compared", "record": "x", "of": ["gaea-x", "b"]}
    found = gaea_measures.measure({**asked, "less": "x"}, [], tmp_path)
    low, high = stats.ttest_1samp([1.0, 0.5, -0.5], 0).confidence_interval(0.95)
    assert f"{high:+.2f}" in found.ours and "(3 seeds)" in found.ours
    assert low < 0 and found.holds is None
    asked["less"] = "random search"
    assert gaea_measures.measure(asked, [], tmp_path).holds is False
    assert (
        gaea_measures.measure({**asked, "claim": "lower"}, [], tmp_path).holds is True
    )


def test_a_correlation_is_also_told_within_one_method_and_step(tmp_path: Path) -> None:
    runs = [
        {"entropy": [e], "accuracy_supernet": [50.0], "accuracy_rounded": [50.0 - lost]}
        for e, lost in ((0.1, 2.0), (0.2, 1.0), (0.5, 8.0), (0.6, 7.0))
    ]
    content = searches("x", runs)
    for run in content["runs"][2:]:
        run["config"]["update"] = {"lr": 0.1}
    (tmp_path / "x.json").write_text(json.dumps(content))
    asked = {
        "measure": "association", "records": ["x"],
        "x": "part of the entropy", "y": "points lost",
    }  # fmt: skip
    found = gaea_measures.measure(asked, [], tmp_path)
    assert "rank correlation +0.60 over 4 runs" in found.ours
    assert found.ours.endswith("of one method and step −1.00 on average")


# ---------------------------------------------- records that are still to be made

ALONE = {
    "trainings": [
        {"title": title, "config": {"seed": seed}, "test": [None, value + seed]}
        for title, value in (("gaea-darts", 80.0), ("all-skip", 50.1))
        for seed in range(3)
    ]
}
RANKING = {
    "ceiling": [0.8, 0.8, 0.8],
    "runs": [
        {
            "method": method,
            "seed": seed,
            "kendall": [0.0, 0.3 + seed / 100],
            "regret": [9.0, 1.0 + seed / 10],
            "regret_of_best_score": [9.0, 3.0 + seed / 20],
        }
        for method in ("rs-ws", "darts", "gaea-darts")
        for seed in range(3)
    ],
}
COMPARISON = {
    "rivals": [
        {"rival": rival, "table": table, "test": [93.0, 94.0, 94.2]}
        for table in ("nasbench201", "one-seed")
        for rival in ("random search", "evolution", "reinforce", "bohb")
    ],
    "differences": [
        {"of": [f"gaea-{of}", objective], "less": less, "n": [10, 10], "mean": 0.5,
         "low": low, "high": 1.0}
        for of, objective, less, low in (
            ("darts", "bilevel", "darts", -0.2),
            ("darts", "bilevel", "random search", 0.1),
            ("darts", "single-level", "random search", 0.1),
            ("gdas", "bilevel", "gdas", -0.2),
            ("pc-darts", "bilevel", "pc-darts", 0.1),
        )
    ],
    "table": {"best": 94.3733},
}  # fmt: skip
COLLAPSED = [{"genotype": ["|skip_connect~0|+|skip_connect~0|skip_connect~1|"]}] * 3
COMING = {
    "alone_cifar10": (ALONE, ["agrees"]),
    "compact_ranking": (RANKING, ["agrees", "agrees"]),
    "compact_comparison": (COMPARISON, ["open", "agrees", "open", "agrees"]),
    "nasbench201_comparison": (
        COMPARISON,
        # four rivals and the best cell; above random search, and said to be below it
        ["agrees"] * 5 + ["agrees", "differs", "open", "agrees"],
    ),
}


@pytest.mark.parametrize("name", COMING)
def test_a_new_record_turns_its_rows_on(name: str, tmp_path: Path) -> None:
    content, outcomes = COMING[name]
    (tmp_path / "published.json").write_bytes((RECORDS / "published.json").read_bytes())
    (tmp_path / f"{name}.json").write_text(json.dumps(content))
    rows = rows_that_read(name)
    shown = [gaea_ledger.show_row(row, tmp_path) for row in rows]
    assert [row.outcome.split(",")[0] for row in shown] == outcomes
    assert all(row.records == (name,) for row in shown)


def test_the_long_search_turns_its_row_on(tmp_path: Path) -> None:
    content = searches("skip_collapse", COLLAPSED)
    setting = {"objective": "bilevel", "update": {"lr": 0.0003}}
    methods = ("darts", "gaea-darts", "pc-darts")
    content["steps"] = [{"method": m, "chosen": 0.0003} | setting for m in methods]
    content["runs"] = [
        run | {"config": run["config"] | setting | {"method": method}}
        for method in methods
        for run in content["runs"]
    ]
    (tmp_path / "published.json").write_bytes((RECORDS / "published.json").read_bytes())
    (tmp_path / "skip_collapse.json").write_text(json.dumps(content))
    rows = rows_that_read("skip_collapse")
    shown = [gaea_ledger.show_row(row, tmp_path) for row in rows]
    assert all("3 of 3" in row.ours for row in shown)
    # Most cells of DARTS are said to collapse, none of the others.
    outcomes = [row.outcome.split(",")[0] for row in shown]
    assert outcomes == ["agrees", "differs", "differs"]


def test_the_new_rows_can_also_say_no(tmp_path: Path) -> None:
    worse = json.loads(json.dumps(RANKING))
    for run in worse["runs"]:
        run["kendall"][-1] = 0.7
        run["regret"][-1] += 8
    (tmp_path / "compact_ranking.json").write_text(json.dumps(worse))
    for row in rows_that_read("compact_ranking"):
        assert gaea_ledger.show_row(row, tmp_path).outcome.startswith("differs")


def test_a_cost_model_that_is_off_by_more_than_a_fifth_differs(tmp_path: Path) -> None:
    (row,) = rows_that_read("cpu_cost")
    content = record("cpu_cost")
    assert gaea_ledger.show_row(row, RECORDS).outcome.startswith("agrees")
    held = next(size for size in content["rows"] if size["held_out"])
    held["predicted"] = 0.7 * held["seconds"]
    (tmp_path / "cpu_cost.json").write_text(json.dumps(content))
    shown = gaea_ledger.show_row(row, tmp_path)
    assert shown.outcome.startswith("differs") and "−30.00" in shown.ours


# ------------------------------------------------------------------ published numbers


def test_published_rows_agree_with_each_other() -> None:
    content = record("published")
    rows = {row["source"]: row["c10"] for row in content["nb201"]}
    shared = 0
    for row in content["nb201_c10_test"]:
        if row["source"] in rows:
            assert rows[row["source"]] == [row["mean"], row["sd"]]
            shared += 1
    assert shared >= 5
    best = {"c10": 94.37, "c100": 73.51, "in16": 47.31}
    for row in content["nb201"]:
        for key, optimum in best.items():
            assert 10 < row[key][0] <= optimum
    named = {row["name"]: row for row in content["gains"]}
    by_name = {(r["method"], r["objective"], r["setting"]): r for r in content["nb201"]}
    rea = by_name["evolution", None, "without weight sharing"]
    for name, setting in (
        ("stated", "searched on each data set"),
        ("like for like", "searched on CIFAR-10"),
    ):
        gaea = by_name["gaea-darts", "single-level", setting]
        for key in best:
            gain = gaea[key][0] - rea[key][0]
            assert named[name][key] == pytest.approx(gain, abs=0.006)


def test_hours_are_days_times_24() -> None:
    (row,) = (r for r in LEDGER["history"] if "tens of thousands" in r["claim"])
    shown = gaea_ledger.show_row(row, RECORDS).published
    assert "NASNet-A 48,000 GPU-hours" in shown and "ENAS 12 GPU-hours" in shown


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("entry", NOTATION, ids=lambda e: e["symbol"])
def test_a_symbol_has_names_a_file_and_a_chapter(entry: dict[str, Any]) -> None:
    assert entry["code"]
    for name in entry["code"]:
        assert (ROOT / gaea_names.resolve(name).file).is_file()
    assert entry["chapter"] in {gaea_back.stem(c["file"]) for c in CHAPTERS}
    assert "\t" not in entry["symbol"] + entry["meaning"], "a backslash was eaten"
    assert len(re.findall(r"(?<!\\)\$", entry["symbol"] + entry["meaning"])) % 2 == 0


@pytest.mark.parametrize("entry", GLOSSARY, ids=lambda e: e["term"])
def test_a_term_has_a_text_names_and_a_chapter(entry: dict[str, Any]) -> None:
    for name in entry.get("code", []):
        assert (ROOT / gaea_names.resolve(name).file).is_file()
    assert entry["chapter"] in {gaea_back.stem(c["file"]) for c in CHAPTERS}
    assert len(entry["text"].split()) > 5 and entry["text"].endswith(".")


@pytest.mark.parametrize("entry", GLOSSARY, ids=lambda e: e["term"])
def test_the_chapter_of_a_term_uses_the_word(entry: dict[str, Any]) -> None:
    (path,) = [
        c["file"] for c in CHAPTERS if gaea_back.stem(c["file"]) == entry["chapter"]
    ]
    text = (ROOT / f"{path}.md").read_text("utf-8").replace("*", "").lower()
    term = re.sub(r" \(.*?\)", "", entry["term"]).lower()
    assert term in " ".join(text.split())


def test_no_term_stands_twice() -> None:
    terms = [entry["term"].lower() for entry in GLOSSARY]
    assert len(terms) == len(set(terms)) >= 30


@pytest.mark.parametrize(
    "name",
    [
        "simplex.steps.eg_leap",
        "simplex.steps.eg_step(speed)",
        "soup.eg_step",
        "search.run.Run.colour",
    ],
)
def test_a_wrong_name_is_found(name: str) -> None:
    with pytest.raises(LookupError):
        gaea_names.resolve(name)


def test_a_name_is_shown_with_a_link_only_if_the_api_page_has_it() -> None:
    def link(name: str) -> str:
        return gaea_names.resolve(name).link

    assert link("simplex.steps.eg_step") == "{py:obj}`~gaea_mini.simplex.eg_step`"
    assert link("simplex.steps.eg_step(lr)") == "`lr` of `eg_step`"
    assert link("search.run.Run.theta") == "`theta` of `Run`"
    assert link("simplex.mirror.bregman") == "`bregman`"
    assert gaea_names.resolve("simplex.steps.eg_step").file == (
        "gaea_mini/simplex/steps.py"
    )


def documented() -> list[tuple[str, str, Any]]:
    """(name, kind, object) of everything whose docstring is on the API page."""
    found = []
    for room in gaea_names.ROOMS:
        for name in gaea_names.public(room):
            value = getattr(import_module(f"gaea_mini.{room}"), name)
            if not callable(value):
                continue
            kind = "class" if inspect.isclass(value) else "function"
            found.append((f"{room}.{name}", kind, value))
            for member, inner in vars(value).items() if kind == "class" else ():
                if not member.startswith("_") and getattr(inner, "__doc__", None):
                    kind = "property" if isinstance(inner, property) else "method"
                    if callable(inner) or kind == "property":
                        found.append((f"{room}.{name}.{member}", kind, inner))
    return found


@pytest.mark.parametrize(
    ("name", "kind", "value"), documented(), ids=[name for name, _, _ in documented()]
)
def test_a_docstring_of_the_api_page_is_clean(name: str, kind: str, value: Any) -> None:
    for role in ("class", "func", "meth", "mod", "eq", "attr"):
        roles.register_local_role(role, lambda *_, **__: ([], []))
    lines = inspect.getdoc(value).splitlines()
    assert lines, f"{name} has no docstring"
    gaea_api.mend_docstring(None, kind, name, value, None, lines)
    said = io.StringIO()
    settings = {"warning_stream": said, "report_level": 2}
    publish_doctree("\n".join(lines), settings_overrides=settings)
    assert said.getvalue() == ""


# ------------------------------------------------------------------ chapters


def test_every_chapter_is_in_the_plan() -> None:
    plan = yaml.safe_load((BACK / "chapters.yml").read_text("utf-8"))
    assert [chapter["number"] for chapter in plan] == list(range(1, 15))
    listed = [page for page in gaea_back.pages(ROOT)[1:] if "/back/" not in page]
    assert [chapter["file"] for chapter in plan] == listed


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c["name"])
def test_what_the_back_matter_takes_from_a_chapter_is_there(
    chapter: dict[str, Any],
) -> None:
    text = (ROOT / f"{chapter['file']}.md").read_text("utf-8")
    assert len(gaea_back.needs(text).split()) >= 3
    rows = gaea_back.symbols(text)
    assert len(rows) >= 3 and all(len(row) == 3 for row in rows)


def test_links_of_a_chapter_work_elsewhere() -> None:
    text = "[a](b.md), [c](../3_search/d.md#e), [f](https://g.org), [h](#i), [j](/k.md)"
    assert gaea_back.absolute(text, "book/1_simplex/x") == (
        "[a](/book/1_simplex/b.md), [c](/book/3_search/d.md#e), [f](https://g.org), "
        "[h](#i), [j](/k.md)"
    )


# ------------------------------------------------------------------ the built pages


def page(built_book: Path, name: str) -> BeautifulSoup:
    path = built_book / "book" / "back" / f"{name}.html"
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def test_the_api_page_holds_every_public_name(built_book: Path) -> None:
    api = page(built_book, "api")
    for room in gaea_names.ROOMS:
        for name in gaea_names.public(room):
            target = api.find(id=f"gaea_mini.{room}.{name}")
            assert target, f"{room}.{name} is not on the API page"
            body = target.find_next_sibling("dd")
            assert len(body.get_text().split()) >= 2, f"{room}.{name} has no text"


def test_an_equation_of_a_docstring_is_a_link(built_book: Path) -> None:
    api = page(built_book, "api")
    step = api.find(id="gaea_mini.simplex.eg_step").find_next_sibling("dd")
    links = [link["href"] for link in step.select("a[href]")]
    assert any(link.endswith("#equation-eq-eg-step") for link in links), links


def test_the_ledger_page_shows_all_rows_with_their_records(built_book: Path) -> None:
    ledger = page(built_book, "ledger")
    assert len(ledger.select("article tbody tr")) == len(ROWS)
    links = [a["href"] for a in ledger.select("article tbody a.download")]
    names = {link.rsplit("/", 1)[-1] for link in links}
    shown = [gaea_ledger.show_row(LEDGER[part][n], RECORDS) for part, n in ROWS]
    assert names == {f"{name}.json" for row in shown for name in row.records}


def test_the_colophon_has_times_and_memory_of_every_page(built_book: Path) -> None:
    rows = page(built_book, "colophon").select("article table")[1].select("tbody tr")
    listed = [p for p in gaea_back.pages(ROOT) if not p.startswith("book/back/")]
    assert len(rows) == len(listed) + 1
    memory = []
    for row in rows:
        _, read, run, peak = (cell.get_text(strip=True) for cell in row.select("td"))
        assert re.fullmatch(r"\d+ min", read)
        assert re.fullmatch(r"(\d+ min )?\d+ s", run)
        memory.append(int(re.fullmatch(r"(\d+) MB", peak)[1]))
    # A kernel with NumPy takes some dozen MB at the least.
    assert memory[-1] == max(memory[:-1]) and min(memory) > 40
