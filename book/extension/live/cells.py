"""Runs the cells of a page as a notebook would, and tells the page what they show.

``send(kind, text)`` is called with a kind of "text", "error", "png" (base64), "html" or
"widget" (its state as JSON).
"""

import ast
import base64
import builtins
import importlib
import io
import json
import linecache
import logging
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

Send = Callable[[str, str], Any]

# What a page can hold of one cell. So many lines are sent at once, each by itself;
# after that text waits for more of it, in seconds.
MOST_TEXT = 100_000
QUICK = 200
PATIENCE = 0.05


class Text(io.TextIOBase):
    """What a cell prints, sent in pieces; an endless loop does not fill the page."""

    def __init__(self, send: Send) -> None:
        self.send, self.waiting, self.left = send, "", MOST_TEXT
        self.quick, self.sent = QUICK, time.monotonic()

    def write(self, text: str) -> int:
        if self.left > 0:
            self.waiting += text[: self.left]
            self.left -= len(text)
            if self.left <= 0:
                self.waiting += "\n[more is printed, but not shown]\n"
        if self.quick > 0 and "\n" in text:
            self.quick -= 1
            self.flush()
        elif time.monotonic() - self.sent > PATIENCE:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self.waiting:
            self.send("text", self.waiting)
        self.waiting, self.sent = "", time.monotonic()


class Cells:
    """The cells of one page share their names, as those of a notebook do."""

    def __init__(self) -> None:
        # Now, while the page says that it loads; this makes a list of all fonts.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        importlib.import_module("matplotlib.pyplot")
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, code: str, name: str, send: Send) -> bool:
        """Run a cell; whether it came to its end.

        Args:
          code: Python.
          name: of the cell, for a traceback.
          send: told what the cell prints and shows.
        """
        text = Text(send)

        def display(*shown: Any) -> None:
            text.flush()
            for one in shown:
                show(one, send)

        builtins.display = display  # type: ignore[attr-defined]
        lines = code.splitlines(keepends=True)
        linecache.cache[name] = (len(code), None, lines, name)
        try:
            with redirect_stdout(text), redirect_stderr(text):
                tree = ast.parse(code, name)
                last = tree.body[-1] if tree.body else None
                value = None
                if isinstance(last, ast.Expr) and not code.rstrip().endswith(";"):
                    del tree.body[-1]
                exec(compile(tree, name, "exec"), self.names)
                if last is not None and last not in tree.body:
                    whole = ast.Expression(last.value)
                    value = eval(compile(whole, name, "eval"), self.names)
                if value is not None:
                    self.names["_"] = value
                    display(value)
                for figure in open_figures():
                    display(figure)
        except KeyboardInterrupt:
            text.flush()
            send("error", "Stopped. What the cells before defined is still there.")
            return False
        except BaseException as error:
            text.flush()
            send("error", told(error, name))
            return False
        text.flush()
        return True


def show(one: Any, send: Send) -> None:
    """Show an object the way a notebook would."""
    if hasattr(one, "page_state"):
        send("widget", json.dumps(one.page_state()))
    elif hasattr(one, "savefig"):
        picture = io.BytesIO()
        one.savefig(picture, format="png", dpi=144, bbox_inches="tight")
        send("png", base64.b64encode(picture.getvalue()).decode("ascii"))
    elif hasattr(one, "_repr_html_"):
        send("html", one._repr_html_())
    else:
        send("text", f"{one!r}\n")


def open_figures() -> list[Any]:
    """Figures that a cell drew with pyplot and did not return; they are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    pyplot.close("all")
    return figures


def told(error: BaseException, name: str) -> str:
    """A traceback that begins in the cell."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename != name:
        step = step.tb_next
    return "".join(traceback.format_exception(type(error), error, step)).rstrip()
