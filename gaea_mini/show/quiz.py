"""Quiz: a question, one or several right answers, and a reason for every choice."""

import html
import re
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from gaea_mini.errors import InputError
from gaea_mini.show.widget import script, styles

Choice = tuple[str, bool, str]

CODE_OR_MATHS = re.compile(r"`([^`]+)`|\$([^$]+)\$")
LINK = re.compile(r"\[([^\]]+)\]\((#[\w:.-]+)\)")
STRONG, EMPHASIS = re.compile(r"\*\*(.+?)\*\*"), re.compile(r"\*(.+?)\*")
# In maths: something lowered or raised, a run of letters, or any other character.
PIECE = re.compile(r"(?P<mark>[_^])(?P<part>\{[^}]*\}|\S)|(?P<name>[^\W\d_]+)|.")
UPRIGHT = {"ln", "exp", "max", "min"}


def to_html(text: str) -> str:
    """A few marks as HTML: code, maths, emphasis, links within the page.

    Maths between dollar signs is one line: letters, ``_`` and ``^``, Greek letters as
    themselves. It needs no MathJax, so that it reads the same in a page, in Jupyter
    and without scripts.

    >>> to_html("`lr`, $θ_o$")
    '<code>lr</code>, <span class="maths"><i>θ</i><sub><i>o</i></sub></span>'
    >>> to_html("*not* a < b, see [the step](#eg)")
    '<em>not</em> a &lt; b, see <a href="#eg">the step</a>'
    """
    made, at = "", 0
    for found in CODE_OR_MATHS.finditer(text):
        made += _prose(text[at : found.start()])
        code, maths = found.groups()
        if code is not None:
            made += f"<code>{html.escape(code, quote=False)}</code>"
        else:
            made += f'<span class="maths">{_maths(maths)}</span>'
        at = found.end()
    return made + _prose(text[at:])


def _prose(text: str) -> str:
    safe = STRONG.sub(r"<strong>\1</strong>", html.escape(text, quote=False))
    return LINK.sub(r'<a href="\2">\1</a>', EMPHASIS.sub(r"<em>\1</em>", safe))


def _maths(text: str) -> str:
    made = ""
    for piece in PIECE.finditer(text):
        if piece["mark"]:
            tag = "sub" if piece["mark"] == "_" else "sup"
            made += f"<{tag}>{_maths(piece['part'].strip('{}'))}</{tag}>"
        elif piece["name"] and piece["name"] not in UPRIGHT:
            made += f"<i>{piece['name']}</i>"
        else:
            made += html.escape(piece[0], quote=False)
    return made


class QuizStill:
    """A quiz as plain HTML: question, and each choice with its answer folded away."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return "(a quiz)"


class Quiz(anywidget.AnyWidget):
    """A question that the reader answers in the page, with a reason for every choice.

    What the reader chooses stays in the page and is not kept.

    Args:
        question: the question.
        choices: two to six, each ``(text, right, why)``. One right choice makes the
            reader choose one; several let the reader choose several.

    Texts may hold `` `code` ``, ``*emphasis*``, ``$θ_o$`` and ``[links](#place)``; see
    :func:`to_html`.

    Raises:
        InputError: too few or too many choices, none right, or one without a reason.

    >>> quiz = Quiz("Is $θ$ a logit?", choices=[
    ...     ("Yes.", False, "Weights sum to 1, logits need not."),
    ...     ("No.", True, "It is a point on the simplex."),
    ... ])
    >>> quiz.several, quiz.choices[1]["right"]
    (False, True)
    """

    _esm = script("quiz")
    _css = styles("quiz")
    question = traitlets.Unicode().tag(sync=True)
    choices: traitlets.List[Any] = traitlets.List().tag(sync=True)
    several = traitlets.Bool(False).tag(sync=True)

    def __init__(self, question: str, choices: Sequence[Choice], **kwargs: Any) -> None:
        checked = [_choice(i, one) for i, one in enumerate(choices)]
        right = sum(one["right"] for one in checked)
        if not question.strip() or not 2 <= len(checked) <= 6 or not right:
            raise InputError(
                f"quiz {question!r} has {len(checked)} choices, {right} of them right: "
                "give a question and 2 to 6 choices, at least one right"
            )
        super().__init__(
            question=to_html(question), choices=checked, several=right > 1, **kwargs
        )

    def still(self) -> QuizStill:
        """Question and choices, each with its answer to unfold: needs no script.

        Where the quiz itself runs, its style hides this on screen.
        """
        parts = []
        for letter, one in zip("ABCDEF", self.choices, strict=False):
            verdict = "Right." if one["right"] else "No."
            parts.append(
                f"<details><summary>{letter}. {one['text']}</summary>"
                f"<p>{verdict} {one['why']}</p></details>"
            )
        hint = " (Several answers are right.)" if self.several else ""
        return QuizStill(
            f'<div class="still quiz-still"><p><strong>{self.question}</strong>{hint}'
            f"</p>{''.join(parts)}</div>"
        )


def _choice(i: int, choice: Any) -> dict[str, Any]:
    try:
        text, right, why = choice
    except (TypeError, ValueError):
        raise InputError(
            f"choice {i + 1} is {choice!r}: give (text, right, why)"
        ) from None
    if not (isinstance(text, str) and isinstance(why, str) and isinstance(right, bool)):
        raise InputError(f"choice {i + 1}: text and why are strings, right is a bool")
    if not text.strip() or not why.strip():
        raise InputError(f"choice {i + 1} has no text or no reason: give both")
    return {"text": to_html(text), "right": right, "why": to_html(why)}


def quizzes(text: str) -> list[Quiz]:
    """Numbered quizzes from plain text, as a chapter writes them.

    A line that starts with ``?`` and a space asks. ``+`` starts a right choice and
    ``-`` a wrong one, each on one line. Indented lines go on with the question, or give
    the reason for the choice above them.

    Raises:
        InputError: a line that is none of these, or a quiz that :class:`Quiz` refuses.

    >>> [quiz] = quizzes('''
    ... ? What is 1 + 1?
    ... - One.
    ...   That is 1 + 0.
    ... + Two.
    ...   Count on your fingers.
    ... ''')
    >>> quiz.question, quiz.choices[0]["why"]
    ('1. What is 1 + 1?', 'That is 1 + 0.')
    """
    found: list[tuple[str, list[list[Any]]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        mark, rest = line[:2], line[2:].strip()
        if not line.strip():
            continue
        if mark == "? ":
            found.append((rest, []))
        elif mark in ("+ ", "- ") and found:
            found[-1][1].append([rest, mark == "+ ", ""])
        elif mark == "  " and found and found[-1][1]:
            choice = found[-1][1][-1]
            choice[2] = f"{choice[2]} {rest}".strip()
        elif mark == "  " and found:
            found[-1] = (f"{found[-1][0]} {rest}", [])
        else:
            raise InputError(
                f"quiz text, line {number}, is {line!r}: start it with '? ', '+ ', "
                "'- ' or two spaces, and begin with a question"
            )
    return [
        Quiz(f"{i}. {question}", [(text, right, why) for text, right, why in choices])
        for i, (question, choices) in enumerate(found, start=1)
    ]
