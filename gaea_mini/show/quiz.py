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
LOWERED, RAISED = re.compile(r"_(\{[^}]*\}|\w)"), re.compile(r"\^(\{[^}]*\}|\w)")


def to_html(text: str) -> str:
    """A few marks as HTML: code, maths, emphasis, links within the page.

    Maths between dollar signs is one line: letters, ``_`` and ``^``, Greek letters as
    themselves. It needs no MathJax, so that it reads the same in a page, in Jupyter
    and without scripts.

    >>> to_html("`lr` and $θ_o e^{−ηg}$")
    '<code>lr</code> and <i class="maths">θ<sub>o</sub> e<sup>−ηg</sup></i>'
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
            made += f'<i class="maths">{_maths(maths)}</i>'
        at = found.end()
    return made + _prose(text[at:])


def _prose(text: str) -> str:
    safe = STRONG.sub(r"<strong>\1</strong>", html.escape(text, quote=False))
    return LINK.sub(r'<a href="\2">\1</a>', EMPHASIS.sub(r"<em>\1</em>", safe))


def _maths(text: str) -> str:
    def tagged(tag: str) -> Any:
        return lambda found: f"<{tag}>{found[1].strip('{}')}</{tag}>"

    safe = html.escape(text, quote=False)
    return RAISED.sub(tagged("sup"), LOWERED.sub(tagged("sub"), safe))


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
