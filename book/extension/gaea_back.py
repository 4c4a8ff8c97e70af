"""Directives and roles of the back matter: pages made from data, code and chapters.

* ``{chapter}`gaea` `` is a link to a chapter, with its number;
* ``{ledger}`` shows a part of ``book/back/ledger.yml``;
* ``{notation}`` and ``{terms}`` show ``notation.yml`` and ``glossary.yml``;
* ``{symbols}`` repeats the tables of symbols of all chapters;
* ``{needs}`` says what each chapter asks of a reader;
* ``{assignments}`` lists the assignments, with their times and points;
* ``{times}`` and ``{versions}`` say how long this build took, and on what;
* ``{stacks}`` shows what ran on which versions elsewhere, from ``stacks.json``.

Every directive writes Markdown and lets MyST parse it.
"""

from __future__ import annotations

import json
import os
import platform
import posixpath
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from gaea_ledger import Row, load_ledger, show_row
from gaea_names import resolve

BACK = "book/back"
VERSIONS = ("numpy", "torch", "matplotlib", "Sphinx", "jupyter-book", "myst-nb")


# ------------------------------------------------------------------ what there is


def pages(root: Path) -> list[str]:
    """Every page of the table of contents, in its order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    parts = toc.get("parts", [toc])
    return [toc["root"], *(c["file"] for part in parts for c in part["chapters"])]


def chapters(root: Path) -> list[dict[str, Any]]:
    """All chapters, in order, each with its file, its number and its short name."""
    found: list[dict[str, Any]] = yaml.safe_load(
        (root / BACK / "chapters.yml").read_text("utf-8")
    )
    return found


def stem(page: str) -> str:
    """The last part of a page's name."""
    return page.rsplit("/", 1)[-1]


def needs(text: str) -> str:
    """What a chapter asks of its reader: the paragraph "You need" of its first box."""
    found = re.search(r"\*\*You need\*\*\s+(.*?)\n\s*\n", text, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def assignment(text: str) -> list[str]:
    """Title, needs, minutes and points of an assignment, from its Markdown."""
    title = re.search(r"^# (.*)$", text, re.MULTILINE)
    minutes = re.search(r"\*\*Time:\*\* about (\d+) minutes", text)
    asks = re.sub(r"\{\{chapter: (\w+)\}\}", r"{chapter}`\1`", needs(text))
    points = map(int, re.findall(r'points"?: (\d+)\}', text))
    assert title and minutes, "an assignment has a title and says its time"
    return [title[1], asks, minutes[1], str(sum(points))]


def symbols(text: str) -> list[list[str]]:
    """The rows of a chapter's table of symbols: symbol, code, equation."""
    table = re.search(r"^\|\s*Symbol\s*\|.*\n\|[-|: ]+\n((?:\|.*\n)+)", text, re.M)
    rows = table[1].strip().splitlines() if table else []
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:4]] for row in rows]


def absolute(text: str, page: str) -> str:
    """The links of a chapter's Markdown, as they work on another page."""

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[1]))
        return f"](/{target})"

    return re.sub(r"\]\((?!\w+:|[#/])([^)\s]+)\)", link, text)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# ------------------------------------------------------------------ roles


class ChapterRole(SphinxRole):
    """A chapter by the name of its file: a link, with its number and short name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        root = Path(self.env.srcdir)
        for chapter in chapters(root):
            if self.text in (stem(chapter["file"]), chapter["file"]):
                break
        else:
            message = f"{{chapter}}: no chapter {self.text!r} in {BACK}/chapters.yml"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        name = chapter_name(chapter)
        link = addnodes.pending_xref(
            self.rawtext,
            nodes.inline("", name),
            refdoc=self.env.docname,
            refdomain="std",
            reftype="doc",
            reftarget=f"/{chapter['file']}",
            refexplicit=True,
            refwarn=True,
        )
        return [link], []


def chapter_name(chapter: dict[str, Any]) -> str:
    """Number and short name."""
    return " ".join(str(chapter[k]) for k in ("number", "name") if k in chapter)


# ------------------------------------------------------------------ directives


class Made(SphinxDirective):
    """A directive whose content is Markdown that is written here."""

    optional_arguments = 1
    final_argument_whitespace = True
    reads: tuple[str, ...] = ()
    table_class = ""  # of its tables, for book.css

    def run(self) -> list[nodes.Node]:
        self.root = Path(self.env.srcdir)
        for name in ("_toc.yml", f"{BACK}/chapters.yml", *self.reads):
            self.env.note_dependency(str(self.root / name))
        for chapter in chapters(self.root):
            self.env.note_dependency(str(self.root / f"{chapter['file']}.md"))
        lines = "\n".join(self.markdown()).splitlines()
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, ""), self.content_offset, holder)
        if self.table_class:
            for made in holder.findall(nodes.table):
                made["classes"].append(self.table_class)
        return holder.children

    def markdown(self) -> Iterator[str]:
        raise NotImplementedError

    def source(self, chapter: dict[str, Any]) -> str:
        return (self.root / f"{chapter['file']}.md").read_text("utf-8")


class Ledger(Made):
    """One part of the ledger; the argument names it."""

    reads = (f"{BACK}/ledger.yml", "book/records")
    table_class = "ledger"

    def markdown(self) -> Iterator[str]:
        rows = load_ledger(self.root / BACK / "ledger.yml")[self.arguments[0]]
        shown = [show_row(row, self.root / "book" / "records") for row in rows]
        yield table(
            ["claim or row", "published", "ours", "outcome"],
            [[row.claim, row.published, row.ours, outcome(row)] for row in shown],
        )


def outcome(row: Row) -> str:
    """The last cell of a row: the outcome, the chapter, and a link to each record."""
    links = [
        f"{{download}}`{name} </book/records/{name}.json>`" for name in row.records
    ]
    chapter = [f"{{chapter}}`{row.chapter}`"] if row.chapter else []
    verdict, _, setting = row.outcome.partition(", ")
    said = f"**{verdict}**, {setting}" if setting else f"**{verdict}**"
    return "; ".join([said, *chapter, *links])


class Notation(Made):
    """Symbol, meaning, name in the code, file, chapter."""

    reads = (f"{BACK}/notation.yml",)
    table_class = "notation"

    def markdown(self) -> Iterator[str]:
        entries = yaml.safe_load((self.root / self.reads[0]).read_text("utf-8"))
        rows = []
        for entry in entries:
            names = [resolve(name) for name in entry["code"]]
            files = dict.fromkeys(
                f"`{name.file.removeprefix('gaea_mini/')}`" for name in names
            )
            rows.append(
                [
                    entry["symbol"],
                    entry["meaning"],
                    ", ".join(name.link for name in names),
                    ", ".join(files),
                    f"{{chapter}}`{entry['chapter']}`",
                ]
            )
        yield table(["symbol", "meaning", "in code", "file", "chapter"], rows)


class Symbols(Made):
    """The table of symbols of every chapter, as the chapter has it."""

    def markdown(self) -> Iterator[str]:
        for chapter in chapters(self.root):
            rows = symbols(self.source(chapter))
            if rows:
                yield f"\n**{{chapter}}`{chapter['file']}`**\n"
                yield absolute(
                    table(["symbol", "code", "equation"], rows), chapter["file"]
                )


class Terms(Made):
    """The glossary."""

    reads = (f"{BACK}/glossary.yml",)

    def markdown(self) -> Iterator[str]:
        entries = yaml.safe_load((self.root / self.reads[0]).read_text("utf-8"))
        yield "```````{glossary}"
        for entry in sorted(entries, key=lambda entry: entry["term"].lower()):
            text = " ".join(entry["text"].split())
            code = ", ".join(resolve(name).link for name in entry.get("code", []))
            more = f" In code: {code}." if code else ""
            yield entry["term"]
            yield f"  {text}{more} {{chapter}}`{entry['chapter']}`.\n"
        yield "```````"


class Needs(Made):
    """What each chapter asks of a reader, and how long it takes."""

    def markdown(self) -> Iterator[str]:
        rows = []
        for chapter in chapters(self.root):
            file = chapter["file"]
            asks = absolute(needs(self.source(chapter)), file)
            times = [f"{{{kind}-time}}`– <{file}>`" for kind in ("reading", "run")]
            rows.append([f"{{chapter}}`{file}`", asks, *times])
        yield table(["chapter", "you need", "to read", "to run"], rows)


class Assignments(Made):
    """What each assignment is about, what it asks for, its time and its points."""

    def markdown(self) -> Iterator[str]:
        rows = []
        for path in sorted((self.root / "assignments").glob("?_*.md")):
            self.env.note_dependency(str(path))
            rows.append(assignment(path.read_text("utf-8")))
        yield table(["assignment", "you need", "minutes", "points"], rows)


class Times(Made):
    """Reading time, run time and memory of every page that ran, and their sum."""

    def markdown(self) -> Iterator[str]:
        kinds = ("reading-time", "run-time", "peak-memory")
        listed = [page for page in pages(self.root) if not page.startswith(f"{BACK}/")]
        rows = [
            [f"[](/{page}.md)", *(f"{{{kind}}}`– <{page}>`" for kind in kinds)]
            for page in listed
        ]
        rows.append(["all", *(f"{{{kind}}}`– <*>`" for kind in kinds)])
        yield table(["page", "to read", "to run", "memory"], rows)


class Versions(Made):
    """What this copy was built from and on."""

    def markdown(self) -> Iterator[str]:
        cores = os.cpu_count()
        machine = f"{platform.system()} {platform.machine()}, {cores} cores"
        rows = [["machine", machine], ["Python", platform.python_version()]]
        rows += [[name, metadata.version(name)] for name in ("gaea_mini", *VERSIONS)]
        if found := commit(self.root):
            rows.append(["commit", f"`{found}`"])
        yield table(["", ""], rows)


class Stacks(Made):
    """What was run on other versions than the book has, by two scripts in tools."""

    reads = (f"{BACK}/stacks.json",)

    def markdown(self) -> Iterator[str]:
        rows = []
        for run in json.loads((self.root / self.reads[0]).read_text("utf-8")):
            there = ", ".join(f"{k} {v}" for k, v in run["versions"].items())
            came = f"{run['passed']} passed, {run['failed']} failed"
            rows.append([run["what"], there, f"{came}, {run['skipped']} not run"])
        yield table(["what", "on", "result"], rows)


def commit(root: Path) -> str:
    """The commit of the checkout, or nothing outside of one."""
    call = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(call, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_role("chapter", ChapterRole())
    for directive in (
        Ledger,
        Notation,
        Symbols,
        Terms,
        Needs,
        Assignments,
        Stacks,
        Times,
        Versions,
    ):
        app.add_directive(directive.__name__.lower(), directive)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
