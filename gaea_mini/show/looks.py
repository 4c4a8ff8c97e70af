"""How a method or a rival is drawn in parts 2 to 4, widgets and figures: colour, dash.

Vermillion is kept for GAEA, whose versions differ by their dash.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gaea_mini.show.style import INK, METHOD_COLOURS, method_colour

INK_IN_PAGE = "currentColor"  # dark on a light page, light on a dark one

# Dashes as SVG writes them, for a line 2 pixels wide.
LOOKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "darts": (METHOD_COLOURS["darts"], "7 4"),
        "darts-2nd": ("#CC79A7", "7 4"),
        "pc-darts": ("#56B4E9", "7 4"),
        "gdas": ("#0072B2", "7 4"),
        "rs-ws": (METHOD_COLOURS["random"], "2 3"),
        "enas": ("#E69F00", "7 4"),
        "gaea-darts": (METHOD_COLOURS["gaea-darts"], ""),
        "gaea-pc-darts": (METHOD_COLOURS["gaea-darts"], "9 3 2 3"),
        "gaea-gdas": (METHOD_COLOURS["gaea-darts"], "2 3"),
        "random search": (METHOD_COLOURS["random"], "7 4"),
        "evolution": (METHOD_COLOURS["projected"], ""),
        "reinforce": (METHOD_COLOURS["softmax"], "9 3 2 3"),
        "bohb": (INK_IN_PAGE, "2 3"),
    }
)


def look_of(method: str) -> tuple[str, str]:
    """Colour and SVG dash of a method or a rival, by name.

    >>> look_of("gaea-darts")
    ('#D55E00', '')
    """
    return LOOKS.get(method, (method_colour(method), ""))


def plot_colour(colour: str) -> str:
    """A colour of a page as matplotlib's, on white paper."""
    return INK if colour == INK_IN_PAGE else colour


def plot_dash(dash: str) -> Any:
    """SVG's dash as matplotlib's.

    >>> plot_dash("7 4"), plot_dash("")
    ((0, (3.5, 2.0)), '-')
    """
    return (0, tuple(float(part) / 2 for part in dash.split())) if dash else "-"


def plot_look(method: str) -> tuple[str, Any]:
    """Colour and dash of a method or a rival, both as matplotlib's.

    >>> plot_look("gaea-darts")
    ('#D55E00', '-')
    """
    colour, dash = look_of(method)
    return plot_colour(colour), plot_dash(dash)
