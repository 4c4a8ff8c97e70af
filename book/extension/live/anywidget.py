"""Stands for anywidget in a page that runs Python: no kernel, no messages.

A widget here is its traits, its script and its style. The page shows it as the book's
runtime shows the widgets that were built with the page: what the reader does in it
does not come back to Python.
"""

from typing import Any

import traitlets


class AnyWidget(traitlets.HasTraits):
    """A widget that the page can show once."""

    _esm = ""
    _css = ""

    def page_state(self) -> dict[str, Any]:
        """What the page needs: script, style and every trait tagged ``sync``."""
        values = {name: getattr(self, name) for name in self.traits(sync=True)}
        return {"_esm": self._esm, "_css": self._css, **values}
