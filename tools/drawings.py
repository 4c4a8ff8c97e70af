"""Draw the figures of the book that are drawings and not plots.

    python tools/drawings.py            write them
    python tools/drawings.py --check    write nothing; exit 1 if one is out of date

Numbers and colours come from here and from ``gaea_mini.show.style``, so that a drawing
cannot say one weight and show another.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gaea_mini.files import write_atomically
from gaea_mini.show.style import INK, MUTED, PAPER, operation_colour

ROOT = Path(__file__).resolve().parent.parent
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"

# Operation, its word in the drawing, its weight on the mixed edge.
EDGE = (
    ("skip_connect", "skip", 0.2),
    ("nor_conv_3x3", "conv 3×3", 0.7),
    ("avg_pool_3x3", "pool 3×3", 0.1),
)
LANES = (92, 168, 244)
STRAND = 34  # pixels, for a weight of 1


def text(
    x: float, y: float, words: str, anchor: str = "middle", colour: str = INK
) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'
    )


def node(x: float, y: float, name: str) -> str:
    """A circle with x and its index in it."""
    index = f'<tspan font-size="13" dy="4">{name}</tspan>'
    return (
        f'<circle cx="{x}" cy="{y}" r="19" fill="{PAPER}" stroke="{INK}" '
        f'stroke-width="2"/>' + text(x, y + 4, f"x{index}")
    )


def box(x: float, y: float, words: str, colour: str) -> str:
    return (
        f'<rect x="{x - 50}" y="{y - 18}" width="100" height="36" rx="6" '
        f'fill="{PAPER}" stroke="{colour}" stroke-width="2.5"/>' + text(x, y + 6, words)
    )


def strand(path: str, colour: str, width: float) -> str:
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.1f}" '
        'stroke-opacity="0.75"/>'
    )


def mixed_edge() -> str:
    """Three networks with one operation on an edge, and the edge that mixes them."""
    parts = [
        text(136, 34, "three networks", colour=MUTED),
        text(478, 34, "one mixed edge", colour=MUTED),
        f'<path d="M287 52V262" stroke="{MUTED}" stroke-dasharray="3 5"/>',
    ]
    for (name, words, weight), y in zip(EDGE, LANES, strict=True):
        colour = operation_colour(name)
        parts.append(strand(f"M28 {y}H244", colour, 5))
        parts += [node(28, y, "s"), box(136, y, words, colour), node(244, y, "t")]
        middle = LANES[1]
        way = (
            f"M334 {middle}C372 {middle} 366 {y} 410 {y}"
            f"H460C510 {y} 560 {y} 606 {middle}"
        )
        parts.append(strand(way, colour, STRAND * weight))
        parts.append(box(448, y, words, colour))
        above = -20 if y <= middle else 34  # clear of its own strand
        parts.append(text(512, y + above, f"θ = {weight:g}", "start"))
    parts += [node(334, LANES[1], "s"), node(606, LANES[1], "t")]
    body = "\n  ".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 634 286" '
        f'font-family="{FONT}" font-size="17">\n'
        f'  <rect width="634" height="286" fill="{PAPER}"/>\n  {body}\n</svg>\n'
    )


DRAWINGS = {ROOT / "book" / "2_supernet" / "mixed_edge.svg": mixed_edge}


def outdated() -> list[Path]:
    """Drawings whose file is not what this script gives."""
    return [
        path
        for path, draw in DRAWINGS.items()
        if not path.is_file() or path.read_text("utf-8") != draw()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        for path in outdated():
            print(f"{path.relative_to(ROOT)} is out of date: python tools/drawings.py")
        sys.exit(bool(outdated()))
    for path in outdated():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, DRAWINGS[path]().encode())


if __name__ == "__main__":
    main()
