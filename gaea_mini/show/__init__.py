"""What a search did, to look at: widgets, pages and plots.

This room reads records only (dicts, as saved by ``Run.save``). It never imports
torch, and it loads matplotlib or anywidget only when a name that needs them is used.
"""

from importlib import import_module
from typing import Any

_WHERE = {
    "ArchitecturePlayer": "player",
    "SimplexPlayground": "playground",
    "MixedEdge": "mixed_edge",
    "RankScatter": "rank_scatter",
    "BenchmarkExplorer": "explorer",
    "Quiz": "quiz",
    "quizzes": "quiz",
    "player_strip": "static",
    "write_page": "page",
    "entropy_bands": "plots",
    "accuracy_bands": "plots",
    "final_dots": "plots",
    "OPERATION_COLOURS": "style",
    "METHOD_COLOURS": "style",
}
__all__ = [  # noqa: F822 - found by __getattr__
    "ArchitecturePlayer",
    "SimplexPlayground",
    "MixedEdge",
    "RankScatter",
    "BenchmarkExplorer",
    "Quiz",
    "quizzes",
    "player_strip",
    "write_page",
    "entropy_bands",
    "accuracy_bands",
    "final_dots",
    "OPERATION_COLOURS",
    "METHOD_COLOURS",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
