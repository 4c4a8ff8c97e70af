"""Put the figure and the numbers of the recorded runs into README.md.

    python tools/readme.py            write the two blocks, player.svg and preview.png,
                                      both in book/assets
    python tools/readme.py --check    write nothing; exit 1 if a block is out of date

A block stands between ``<!-- NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from pathlib import Path

import matplotlib

from gaea_mini.show import player_strip, records, search_tables
from gaea_mini.show.plots import plot_style
from gaea_mini.show.static import describe

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "book" / "assets" / "player.svg"
PREVIEW = ROOT / "book" / "assets" / "preview.png"  # of a page that is shared
RECORDS = ("nasbench201_bilevel", "nasbench201_single_level")
LABELS = {"darts": "darts", "gaea-darts": "gaea(darts)"}


def pair() -> list[records.Json]:
    """Seed 0 of both methods, single-level, each with its chosen step."""
    record = records.load_record(RECORDS[1])
    return [records.pick(record, name)[0] for name in LABELS]


def picture_block() -> str:
    """The figure, with an alternative text whose numbers come from the record."""
    words = describe(pair(), list(LABELS.values()))
    words = re.sub(r"; last cell \|\S*\|", "", words)
    return f"![{words}]({PICTURE.relative_to(ROOT)})"


def numbers_block() -> str:
    """One paragraph and one table: true accuracy over seeds, ours and published."""
    loaded = [records.load_record(name) for name in RECORDS]
    paper = records.load_record("published")
    runs = [
        run
        for record in loaded
        for arm in records.chosen_arms([record]).values()
        for run in arm
    ]
    config, environment = runs[0]["config"], runs[0]["environment"]
    seeds = {run["config"]["seed"] for run in runs}
    longest = max(run["seconds"][-1] for run in runs)
    said = (
        f"Recorded searches on NAS-Bench-201 without `none`: {config['pictures']} "
        f"CIFAR-10 pictures at {config['size']}x{config['size']} pixels, "
        f"{config['channels']} channels, {config['cells']} cell a stage, "
        f"{config['epochs']} epochs, seeds {min(seeds)} to {max(seeds)}. Each took at "
        f"most {longest / 60:.1f} minutes on {environment['threads']} thread of "
        f"{environment['machine']} (torch {environment['torch']}). The table has the "
        "true CIFAR-10 test accuracy of the cells found. The published column is the "
        "GAEA paper's Table 2, from a larger supernet."
    )
    table = search_tables.true_accuracies(loaded, paper).split("\n\n")[0]
    return f"{textwrap.fill(said, 88)}\n\n{table}"


BLOCKS = {"picture": picture_block, "numbers": numbers_block}


def filled_in(text: str) -> str:
    """The README with both blocks made from the records."""
    for name, block in BLOCKS.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not between.search(text):
            raise SystemExit(f"README.md has no block <!-- {name} -->")
        made = f"{block()}\n"
        text = between.sub(lambda m, made=made: m[1] + made + m[2], text, count=1)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    before = README.read_text("utf-8")
    after = filled_in(before)
    if parser.parse_args().check:
        if after != before:
            print("README.md is out of date; run `make readme`", file=sys.stderr)
        return int(after != before)
    README.write_text(after, "utf-8")
    # The same record gives the same file: no date, no random names.
    matplotlib.rcParams["svg.hashsalt"] = "gaea_mini"
    with plot_style():
        figure = player_strip(pair(), labels=list(LABELS.values()))
        figure.savefig(PICTURE, metadata={"Date": None})
        figure.set_size_inches(12, 6.3)
        figure.savefig(PREVIEW, dpi=100, metadata={"Software": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
