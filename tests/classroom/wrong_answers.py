"""Answers that students give, and what each must cost: wrong_answers.yml."""

from pathlib import Path
from typing import NamedTuple

import yaml


class Wrong(NamedTuple):
    """One misconception: the right answer with one text replaced."""

    assignment: str
    belief: str
    cell: str
    old: str
    new: str
    loses: str  # names of test cells


_FILE = Path(__file__).with_suffix(".yml")
WRONG = [
    Wrong(name, **wrong)
    for name, answers in yaml.safe_load(_FILE.read_text("utf-8")).items()
    for wrong in answers
]


def groups(assignment: str) -> list[list[Wrong]]:
    """Wrong answers that go into one notebook: to different cells, with other losses.

    An error costs points once, so they do not mix, and fewer notebooks are run.
    """
    made: list[list[Wrong]] = []
    for wrong in [wrong for wrong in WRONG if wrong.assignment == assignment]:
        for group in made:
            alone = all(
                wrong.cell != other.cell
                and not set(wrong.loses.split()) & set(other.loses.split())
                for other in group
            )
            if alone:
                group.append(wrong)
                break
        else:
            made.append([wrong])
    return made
