"""Where in a response the final answer stands. Linear time, no pattern that could go back.

Rules (strict, made for training): only text after the last complete `</think>` counts; the last marker wins; a
malformed last marker is malformed and nothing falls back to an earlier one, so a policy gains nothing by writing many
answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rlvr_gym.verifiers.errors import ConfigError, suggestion
from rlvr_gym.verifiers.verdict import Reason, Status

MARKERS = ("####", "A:", "boxed", "answer_tag", "whole")


class Slot(NamedTuple):
    """The text that was declared to be the final answer, and by which marker."""

    text: str
    marker: str


class NoSlot(NamedTuple):
    """No usable declaration of a final answer: the status and reason that the verdict should carry."""

    status: Status
    reason: Reason


def check_markers(markers: Sequence[str]) -> None:
    """Refuse unknown or no markers.

    Raises:
        ConfigError: With the names that exist.
    """
    if not markers:
        raise ConfigError(f"markers must name at least one of {', '.join(MARKERS)}; got none")
    for marker in markers:
        if marker not in MARKERS:
            raise ConfigError(f"unknown marker {marker!r}{suggestion(str(marker), MARKERS)}")


def after_reasoning(response: str) -> str | None:
    """The text after the last complete `</think>`; None where reasoning was opened and never closed.

    Example:
        >>> after_reasoning("<think>is it 5?</think>#### 6")
        '#### 6'
        >>> after_reasoning("<think>it is 5 #### 5") is None
        True
    """
    if "think>" not in response:
        return response
    close = response.rfind("</think>")
    if response.rfind("<think>") > close:
        return None
    return response if close < 0 else response[close + len("</think>") :]


def final_slot(response: str, markers: Sequence[str]) -> Slot | NoSlot:
    """Find the final answer.

    Args:
        response: The whole response.
        markers: Accepted declarations: `"####"` (rest of the line), `"A:"` (at the start of a line, rest of the line),
            `"boxed"` (`\\boxed{...}`), `"answer_tag"` (`<answer>...</answer>`), and `"whole"`: where none of the others
            occurs, the whole text.

    Returns:
        The slot of the marker that begins last, or why there is none.

    Example:
        >>> final_slot("#### 5\\nno, wait\\n#### 7", ["####"])
        Slot(text=' 7', marker='####')
        >>> final_slot("\\\\boxed{5} or rather \\\\boxed{7", ["boxed"]).reason.code
        'unbalanced_box'
    """
    text = after_reasoning(response)
    if text is None:
        return NoSlot(Status.NO_ANSWER, Reason("unclosed_reasoning", "<think> was opened and never closed"))
    lines = "\n" + text  # so that every line, the first one too, begins after a newline
    last, position = "", -1
    for marker in markers:
        if marker != "whole":
            found = lines.rfind(_NEEDLES[marker], position + 1)
            if found >= 0:
                last, position = marker, found
    if position >= 0:
        return _READERS[last](lines, position)
    if "whole" in markers and text.strip():
        return Slot(text, "whole")
    return NoSlot(Status.NO_ANSWER, Reason("no_marker", f"no final answer marked by {' or '.join(markers)}"))


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def braced(text: str, start: int) -> str | None:
    """The content of the brace group that opens at `start`, or None where it never closes.

    Example:
        >>> braced(r"{\\frac{1}{2}} etc", 0)
        '\\\\frac{1}{2}'
    """
    depth = 0
    for match in _BRACE.finditer(text, start):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : match.start()]
    return None


def _line_from(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]


def _read_hashes(text: str, at: int) -> Slot | NoSlot:
    return Slot(_line_from(text, at + 4), "####")


def _read_a(text: str, at: int) -> Slot | NoSlot:
    return Slot(_line_from(text, at + 3), "A:")


def _read_box(text: str, at: int) -> Slot | NoSlot:
    start = at + len("\\boxed")
    while start < len(text) and text[start] == " ":
        start += 1
    content = braced(text, start) if text.startswith("{", start) else None
    if content is None:
        return NoSlot(Status.MALFORMED, Reason("unbalanced_box", "the last \\boxed has no balanced {...}"))
    return Slot(content, "boxed")


def _read_tag(text: str, at: int) -> Slot | NoSlot:
    end = text.find("</answer>", at)
    if end < 0:
        return NoSlot(Status.MALFORMED, Reason("unclosed_tag", "the last <answer> is never closed"))
    return Slot(text[at + len("<answer>") : end], "answer_tag")


_NEEDLES = {"####": "####", "A:": "\nA:", "boxed": "\\boxed", "answer_tag": "<answer>"}
_READERS = {"####": _read_hashes, "A:": _read_a, "boxed": _read_box, "answer_tag": _read_tag}
