"""Which file of a folder is whose submission to which assignment, and what is in it.

Folders of every make are taken: STUDENT/ASSIGNMENT.ipynb, nbgrader's
STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb, ASSIGNMENT/STUDENT.ipynb, STUDENT_ASSIGNMENT.ipynb
without folders, Moodle's folders, each of them also as a zip, and a name that Colab or
a browser has changed, such as "Copy of a_simplex (1).ipynb". A zip is read, never
unpacked.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gaea_mini.errors import InputError

SIZE_LIMIT = 20_000_000  # bytes of one notebook
MOST_MEMBERS = 5000  # notebooks in a zip, which may be that of a whole class
NAME_LIMIT = 160  # bytes of a student's name: it becomes that of files and folders
# What a zip that is damaged, encrypted or strange leads to.
NO_ZIP = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError)


class Unreadable(Exception):
    """There is no notebook in the file; the message is for the student."""


@dataclass(frozen=True)
class Handed:
    """One notebook of one student; ``member`` is its name in a zip."""

    student: str
    assignment: str
    path: Path
    member: str = ""

    def content(self) -> bytes:
        """The bytes of the notebook.

        Raises:
          Unreadable: it is a link, or too large, or in a zip that cannot be opened.
        """
        if self.path.is_symlink() or not self.path.is_file():
            raise Unreadable("this is a link, not a file; hand in the notebook itself")
        try:
            if not self.member:
                with open(self.path, "rb") as file:
                    content = file.read(SIZE_LIMIT + 1)
            else:
                with zipfile.ZipFile(self.path) as pack, pack.open(self.member) as part:
                    content = part.read(SIZE_LIMIT + 1)
        except NO_ZIP:
            if not self.member:
                raise  # the lecturer's disk, not the student's zip
            raise Unreadable(
                "the zip cannot be opened; hand in the .ipynb file"
            ) from None
        if len(content) > SIZE_LIMIT:
            raise Unreadable(
                "the file is too large; clear its outputs and hand in again"
            )
        return content


def find(folder: Path, assignments: Iterable[str]) -> tuple[list[Handed], list[str]]:
    """All submissions below a folder, and what could not be told.

    The assignment is the one whose name is in the file's name, or else in a folder's.
    The student is the first folder, or what is left of the file's name without it. Of
    two notebooks of one student none is taken, because nobody said which one counts.

    Raises:
      InputError: there is no such folder, or it holds no notebook.
    """
    if folder.is_file():
        raise InputError(f"SUBMISSIONS {folder}: a file; unpack it and name the folder")
    if not folder.is_dir():
        raise InputError(f"SUBMISSIONS {folder}: there is no such folder")
    names = list(assignments)
    found: dict[tuple[str, str], list[tuple[str, Handed]]] = {}
    problems, seen, empty = [], set(), set()
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if hidden(parts):
            continue
        if len(parts) == 1 and path.is_dir():
            empty.add(parts[0])
        if path.suffix.lower() not in (".ipynb", ".zip") or path.is_dir():
            continue
        seen.add(parts[0])
        try:
            members = notebooks(path)
        except NO_ZIP:
            problems.append(f"{'/'.join(parts)}: this zip cannot be opened")
            continue
        if not members:
            problems.append(f"{'/'.join(parts)}: there is no notebook in this zip")
        if len(members) > MOST_MEMBERS:
            problems.append(
                f"{'/'.join(parts)}: more than {MOST_MEMBERS} notebooks in this zip"
            )
            continue
        for member in members:
            inner = PurePosixPath(member).parts
            shown = "/".join([*parts, *inner])
            said = [*parts[:-1], path.stem, *inner[:-1], PurePosixPath(member).stem]
            said = [part for part in said if part not in ("", "..", "/")]
            name = next(
                (n for part in reversed(said) for n in names if n in part.lower()), None
            )
            if name is None:
                problems.append(
                    f"{shown}: no assignment has this name; use one of "
                    f"{', '.join(names)}"
                )
                continue
            student = next(filter(None, (owner(part, name) for part in said)), "")
            if not student:
                problems.append(f"{shown}: whose is it? put it into a folder STUDENT")
                continue
            one = Handed(student, name, path, member)
            found.setdefault((student, name), []).append((shown, one))
    for (student, _), handed in found.items():
        if len(handed) > 1:
            both = " and ".join(shown for shown, _ in handed[:2])
            more = f" and {len(handed) - 2} more" if len(handed) > 2 else ""
            problems.append(
                f"{student}: {both}{more} are handed in; keep one, or if these are two "
                "students give their folders other names"
            )
    problems += [f"{name}: there is no notebook in it" for name in empty - seen]
    if not found and not problems:
        raise InputError(f"SUBMISSIONS {folder}: there is no .ipynb file in it")
    clear = [handed[0][1] for handed in found.values() if len(handed) == 1]
    ordered = sorted(clear, key=lambda h: (h.assignment, h.student))
    return ordered, sorted(map(printable, problems))


def printable(text: str) -> str:
    """A text that a terminal shows and does not obey.

    >>> printable("anna\\x1b[2J")
    'anna?[2J'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def hidden(parts: Sequence[str]) -> bool:
    """Whether a path is none of the student's, such as .ipynb_checkpoints.

    >>> hidden(["anna", ".ipynb_checkpoints", "a.ipynb"]), hidden(["..", "a.ipynb"])
    (True, False)
    """
    return any(
        part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts
    )


def notebooks(path: Path) -> list[str]:
    """The names of the notebooks in a zip; of a notebook itself one empty name."""
    if path.suffix.lower() != ".zip" or path.is_symlink() or not path.is_file():
        return [""]
    with zipfile.ZipFile(path) as pack:
        return [
            name
            for name in pack.namelist()
            if name.lower().endswith(".ipynb") and not hidden(PurePosixPath(name).parts)
        ]


def owner(part: str, assignment: str) -> str:
    """What a file's or folder's name says beside the assignment: the student.

    Letters of every script are kept; blanks and other signs become one underscore.

    >>> owner("Copy of carla_a_one (1)", "a_one")
    'carla'
    >>> owner("Dana Smith_123_assignsubmission_file", "a_one")
    'Dana_Smith'
    """
    text = unicodedata.normalize("NFC", part)
    text = re.sub(re.escape(assignment), " ", text, flags=re.IGNORECASE)
    text = re.sub(r"_\d+_assignsubmission_file_?$", "", text)  # Moodle's
    text = re.sub(r"^copy of\b|\(\d+\)\s*$", " ", text.strip(), flags=re.IGNORECASE)
    text = re.sub(r"[^\w@.-]+", "_", text).strip("_.-@")
    return text.encode()[:NAME_LIMIT].decode(errors="ignore")
