"""Which file of a folder is whose submission to which assignment.

Folders of every make are taken: STUDENT/ASSIGNMENT.ipynb, nbgrader's
STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb, STUDENT_ASSIGNMENT.ipynb without folders, and a
name that Colab or a browser has changed, such as "Copy of a_simplex (1).ipynb".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gaea_mini.errors import InputError


@dataclass(frozen=True)
class Handed:
    """One notebook of one student."""

    student: str
    assignment: str
    path: Path


def find(folder: Path, assignments: Iterable[str]) -> tuple[list[Handed], list[str]]:
    """All submissions below a folder, and what could not be told.

    The assignment is the one whose name is in the file's name, or else in a folder's.
    The student is the first folder, or what is left of the file's name without it.

    Raises:
      InputError: there is no such folder, or it holds no notebook.
    """
    if not folder.is_dir():
        raise InputError(f"SUBMISSIONS {folder}: there is no such folder")
    names = list(assignments)
    found: dict[tuple[str, str], Path] = {}
    problems = []
    files = sorted(folder.rglob("*.ipynb"))
    for path in files:
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts) or "__MACOSX" in parts:
            continue
        shown = "/".join(parts)
        name = next(
            (n for part in reversed(parts) for n in names if n in part.lower()), None
        )
        if name is None:
            problems.append(
                f"{shown}: no assignment has this name; use one of {', '.join(names)}"
            )
            continue
        student = parts[0] if len(parts) > 1 else path.stem.lower().replace(name, "")
        if len(parts) > 1 and student.lower() == name:  # ASSIGNMENT/STUDENT.ipynb
            student = path.stem.lower().replace(name, "") or parts[0]
        student = re.sub(r"[^\w@.-]+", "_", student).strip("_.-")
        if not student:
            problems.append(f"{shown}: whose is it? put it into a folder STUDENT")
        elif (student, name) in found:
            first = "/".join(found[student, name].relative_to(folder).parts)
            problems.append(f"{shown}: {student} has handed in {first} too; keep one")
        else:
            found[student, name] = path
    if not found and not problems:
        raise InputError(f"SUBMISSIONS {folder}: there is no .ipynb file in it")
    handed = [Handed(who, what, path) for (who, what), path in found.items()]
    return sorted(handed, key=lambda one: (one.assignment, one.student)), problems
