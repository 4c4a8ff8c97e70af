"""One look for every figure, widget and page: colours, short names, plot settings.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which
readers with a colour vision deficiency can tell apart, and two greys. An operation
has one colour in the whole book, and so has a method. No figure relies on colour
alone: labels, letter codes, positions or dashes say the same.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# Convolutions are blue, skips orange, pooling green. The first five are
# NAS-Bench-201's operations, the others those of the DARTS space.
OPERATION_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "none": "#8C939C",
        "skip_connect": "#E69F00",
        "nor_conv_1x1": "#56B4E9",
        "nor_conv_3x3": "#0072B2",
        "avg_pool_3x3": "#009E73",
        "max_pool_3x3": "#C9B916",
        "sep_conv_3x3": "#0072B2",
        "sep_conv_5x5": "#56B4E9",
        "dil_conv_3x3": "#CC79A7",
        "dil_conv_5x5": "#882255",
    }
)

OPERATION_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "none": "none",
        "skip_connect": "skip",
        "nor_conv_1x1": "1×1",
        "nor_conv_3x3": "3×3",
        "avg_pool_3x3": "pool",
        "max_pool_3x3": "max",
        "sep_conv_3x3": "sep3",
        "sep_conv_5x5": "sep5",
        "dil_conv_3x3": "dil3",
        "dil_conv_5x5": "dil5",
    }
)

# Legible on a white and on a dark panel. Vermillion is kept for GAEA.
METHOD_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "darts": "#737D89",
        "gaea-darts": "#D55E00",
        "softmax": "#CC79A7",
        "projected": "#0072B2",
        "random": "#009E73",
    }
)

INK = "#1F2328"
MUTED = "#5B6470"
RULE = "#D8DDE3"
PAPER = "#FFFFFF"

# White paper, dark ink, few lines: readable on a light and on a dark page.
PLOT_STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "figure.facecolor": PAPER,
        "figure.dpi": 144,
        "figure.constrained_layout.use": True,
        "savefig.facecolor": PAPER,
        "font.size": 9.5,
        "axes.facecolor": PAPER,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "svg.hashsalt": "gaea_mini",
    }
)


def operation_colour(name: str) -> str:
    """The colour of an operation; grey for a name that has none."""
    return OPERATION_COLOURS.get(name, "#8C939C")


def operation_short(name: str) -> str:
    """At most four letters that stand for an operation where space is short."""
    return OPERATION_SHORT.get(name, name[:4])


def method_colour(name: str) -> str:
    """The colour of a method, whichever way its name is written.

    >>> method_colour("gaea(darts)") == method_colour("GAEA DARTS, bilevel")
    True
    """
    lowered = name.lower()
    if "gaea" in lowered:
        return METHOD_COLOURS["gaea-darts"]
    for key, colour in METHOD_COLOURS.items():
        if key in lowered:
            return colour
    return METHOD_COLOURS["darts"]
