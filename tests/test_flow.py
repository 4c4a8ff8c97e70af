"""The rooms of the package stand in a row, and data flows through them one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROW = ["simplex", "supernet", "search", "evaluate", "show"]
PACKAGE = Path(__file__).resolve().parent.parent / "gaea_mini"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Modules beside the rooms that a room may import: they import no room themselves.
LEAVES = {"errors", "files", "data", "checkpoints"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, in full, also inside functions."""
    here = ("gaea_mini", *path.relative_to(PACKAGE).with_suffix("").parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = ".".join(here[: len(here) - node.level])
                base = f"{stem}.{base}" if base else stem
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def room_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "gaea_mini" and len(parts) > 1 else None


def modules_in(room: str) -> list[Path]:
    return [path for path in MODULES if path.relative_to(PACKAGE).parts[0] == room]


@pytest.mark.parametrize("room", ROW)
def test_a_room_imports_only_from_rooms_to_its_left(room: str) -> None:
    assert modules_in(room), f"gaea_mini/{room} holds no module"
    allowed = LEAVES | set(ROW[: ROW.index(room) + 1])
    for path in modules_in(room):
        used = {r for r in map(room_of, imports(path)) if r}
        own_package = {"__version__"}
        assert used <= allowed | own_package, f"{path.name} imports {used - allowed}"


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_a_leaf_imports_no_room(leaf: str) -> None:
    used = {room_of(name) for name in imports(PACKAGE / f"{leaf}.py")}
    assert used <= {None, "errors", "__version__"}


def test_simplex_imports_numpy_and_itself_only() -> None:
    standard = set(sys.stdlib_module_names)
    for path in modules_in("simplex"):
        outside = {name.split(".")[0] for name in imports(path)} - standard
        assert outside <= {"numpy", "gaea_mini"}, f"{path.name} imports {outside}"


def test_show_reads_records_and_never_imports_torch() -> None:
    for path in modules_in("show"):
        names = imports(path)
        assert not {name for name in names if name.split(".")[0] == "torch"}, path.name
        rooms = {room_of(name) for name in names} & set(ROW)
        # simplex is NumPy only, so a plot may compute an entropy with it.
        assert rooms <= {"show", "simplex"}, f"{path.name} imports {rooms}"


@pytest.mark.parametrize("module", ["gaea_mini", "gaea_mini.simplex", "gaea_mini.show"])
def test_import_without_torch(module: str) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"  # an import of torch now fails
        f"import {module}\n"
        "assert sys.modules['torch'] is None"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


# Further spaces, methods, measurements and ways to speed stand in files of their own,
# beside what one reads first. So does theory that no search needs.
FURTHER = (
    *("darts_", "node_", "genotypes", "alone"),  # spaces and their cells trained alone
    "controller",  # ENAS
    "curvature",  # a measurement
    *("speed", "precision", "active_set"),  # options, off by default
    *("distributed", "keeper"),  # long searches: several processes, checkpoints
    *("mirror", "stationary"),  # theory: what two chapters prove and measure
)


def lines_of_code(path: Path) -> int:
    """Lines that are neither blank, nor comment, nor docstring."""
    text = path.read_text("utf-8")
    told = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                first = node.body[0]
                told |= set(range(first.lineno, first.end_lineno + 1))
    return sum(
        1
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and number not in told
    )


def test_the_part_that_one_reads_in_an_evening_stays_small() -> None:
    lines = sum(
        lines_of_code(path)
        for room in ("simplex", "supernet", "search")
        for path in modules_in(room)
        if not path.name.startswith(FURTHER)
    )
    # About 2,000 is the rule; what is above it are checks of numbers, shapes, files and
    # devices, so that wrong input ends in one line, before hours of work.
    assert lines <= 2060, f"simplex, supernet and search: {lines} lines of code"


def test_no_search_needs_the_theory() -> None:
    # This is why two files of it are not counted above.
    theory = ("gaea_mini.simplex.mirror", "gaea_mini.simplex.stationary")
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if any(name.startswith(theory) for name in imports(path))
    }
    assert users == {"checks/mirror.py", "show/mirror_plots.py", "recipes/simplex.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400
