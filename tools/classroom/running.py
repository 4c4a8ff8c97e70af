"""Running a notebook's cells in a sandbox, and whether its tests can be trusted.

Tests run in the student's own process. So before each of them what it needs is imported
again, and after each of them a cell that must fail is run: if it does not, the test may
have passed for the same reason.
"""

from __future__ import annotations

import ast
import re
import secrets
from copy import copy
from importlib.util import find_spec
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output

from classroom.handed import printable
from classroom.mend import harmless
from classroom.sandbox import PACKAGE, Disturbed, Sandbox
from gaea_mini.handin import name_of

LAST_CELL = Path(__file__).with_name("last_cell.py").read_text("utf-8")


def execute(notebook: NotebookNode, box: Sandbox, given: dict[str, str]) -> str | None:
    """Run the cells in order; gives the reason if their results cannot be trusted.

    Args:
      given: what the assignment imports. It is imported again before each test that
        uses it, so that a name of the student's is not taken for it.

    Raises:
      Stopped: they could not be run to the end.
    """
    for cell in notebook.cells:
        if cell.source.startswith("handin.check("):
            cell.metadata["ran"] = True  # it is about the file, which is not there
        elif cell.cell_type == "code":
            marks = cell.metadata.get("nbgrader", {})
            tested = marks.get("grade") and not marks.get("solution")
            if tested:
                box.run(again(cell.source, given))
            cell.outputs = [new_output(**output) for output in box.run(cell.source)]
            changed = lie(box) if tested else None
            if changed is not None:
                for one in notebook.cells:
                    one.metadata.pop("ran", None)
                return f"its code changes how tests work{changed}, so none counts"
            cell.metadata["ran"] = True
    return None


def again(source: str, given: dict[str, str]) -> str:
    """The imports of the names that a cell uses.

    >>> again("np.exp(x)", {"np": "import numpy as np", "os": "import os"})
    'import numpy as np'
    """
    used = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    return "\n".join(line for name, line in given.items() if name in used)


def lie(box: Sandbox) -> str | None:
    """What in this process makes tests pass that should fail; None if nothing does.

    Raises:
      Disturbed: there was no time left to find out.
    """
    word = secrets.token_hex(8)
    homes = {"gaea_mini": "/grader/gaea_mini" if box.confined else str(PACKAGE)}
    for name in ("numpy", "torch"):
        found = find_spec(name)
        if found and found.origin:
            homes[name] = str(Path(found.origin).parent)
    text = LAST_CELL.replace("a word that nobody can know before", word)
    last = box.run(re.sub(r"(?m)^_HOMES = .*$", lambda _: f"_HOMES = {homes}", text))
    said = [output.get("evalue", "") for output in last]
    if word in said:
        return None
    if any(output.get("ename") == "TimeLimit" for output in last):
        raise Disturbed(
            "there was no time left to look whether the test can be trusted"
        )
    named = " ".join(text for text in said if text.startswith("changed: "))
    return f" ({harmless(printable(named[:100]))})" if named else ""


def imports(release: NotebookNode) -> dict[str, str]:
    """The names that an assignment imports for its tests, each with its line."""
    found = {}
    for cell in release.cells:
        if cell.cell_type == "code" and not name_of(cell):
            for line in ast.parse(cell.source).body:
                for one in getattr(line, "names", []):
                    alone = copy(line)
                    alone.names = [one]
                    found[one.asname or one.name] = ast.unparse(alone)
    return found
