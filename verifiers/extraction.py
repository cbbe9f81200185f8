"""Where in a response the final answer stands. Linear time, no pattern that could go back.

Rules (strict, made for training): only text after the last complete `</think>` counts; the last marker wins; a box that
holds another one is read as a whole; a malformed last marker is malformed and nothing falls back to an earlier one, so
a policy gains nothing by writing many answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rlvr_gym.verifiers.errors import ConfigError, suggestion
from rlvr_gym.verifiers.verdict import Reason, Status

MARKERS = ("####", "A:", "boxed", "answer_tag", "whole")


class Slot(NamedTuple):
    """The text that was declared to be the final answer, and where.

    Args:
        text: The answer, without its marker.
        marker: Which one it was.
        source: What was searched: the response after its reasoning.
        start: Where in `source` the declaration begins, with its marker.
        end: Where it ends.
    """

    text: str
    marker: str
    source: str
    start: int
    end: int


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
        >>> slot = final_slot("#### 5\\nno, wait\\n#### 7", ["####"])
        >>> slot.text, slot.marker, slot.source[slot.start : slot.end]
        (' 7', '####', '#### 7')
        >>> final_slot("\\\\boxed{7-\\\\boxed{5}}", ["boxed"]).text
        '7-\\\\boxed{5}'
        >>> final_slot("\\\\boxed{5} or rather \\\\boxed{7", ["boxed"]).reason.code
        'unbalanced_box'
    """
    text = after_reasoning(response)
    if text is None:
        return NoSlot(Status.NO_ANSWER, Reason("unclosed_reasoning", "<think> was opened and never closed"))
    last, position = "", -1
    for marker in markers:
        if marker != "whole":
            found = _last(marker, text, position + 1)
            if found >= 0:
                last, position = marker, found
    if position >= 0:
        return _READERS[last](last, text, position)
    if "whole" in markers and text.strip():
        return Slot(text, "whole", text, 0, len(text))
    return NoSlot(Status.NO_ANSWER, Reason("no_marker", f"no final answer marked by {' or '.join(markers)}"))


def _last(marker: str, text: str, start: int) -> int:
    """Where the marker begins for the last time, not before `start`; -1 where it does not."""
    if marker == "A:":  # at the start of a line; the first line too begins after a newline
        return ("\n" + text).rfind("\nA:", start)
    return text.rfind(_NEEDLES[marker], start)


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BOX = re.compile(r"\\boxed *+\{")
_WRAPPING = " \t\r\n$"  # between a box and the box in it, this says nothing


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


class Box(NamedTuple):
    """Where a `\\boxed{...}` stands in a text.

    Args:
        start: Where its `\\boxed` begins.
        end: Where it ends, after its closing brace.
        left: Where what it holds begins; where that is nothing but another box, where what that one holds does.
        right: Where that ends.
    """

    start: int
    end: int
    left: int
    right: int


def boxes(text: str) -> list[Box]:
    """The balanced boxes that stand in no other balanced box, from first to last. Linear time, however they nest.

    Example:
        >>> text = "\\\\boxed{7-\\\\boxed{5}} or \\\\boxed {\\\\boxed{3}}, \\\\boxed{1"
        >>> [text[box.left : box.right] for box in boxes(text)]
        ['7-\\\\boxed{5}', '3']
    """
    begins = {match.end() - 1: match.start() for match in _BOX.finditer(text)}
    found: list[Box] = []
    opened: list[int] = []
    for match in _BRACE.finditer(text, min(begins)) if begins else ():
        at = match.start()
        if match[0] == "{":
            opened.append(at)
        elif match[0] == "}" and opened:
            left = opened.pop()
            if left in begins:
                _add(found, Box(begins[left], at + 1, left + 1, at), text)
    return found


def _add(found: list[Box], box: Box, text: str) -> None:
    """Put a box in the place of those inside it; where it adds nothing to the only one, it holds what that holds."""
    inside: list[Box] = []
    while found and found[-1].start > box.start:
        inside.append(found.pop())
    if len(inside) == 1:
        only = inside[0]
        if not (text[box.left : only.start] + text[only.end : box.right]).strip(_WRAPPING):
            box = box._replace(left=only.left, right=only.right)
    found.append(box)


def _read_line(marker: str, text: str, at: int) -> Slot | NoSlot:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return Slot(text[at + len(marker) : end], marker, text, at, end)


def _read_box(marker: str, text: str, at: int) -> Slot | NoSlot:
    found = boxes(text) if _BOX.match(text, at) else []
    if not found or found[-1].end <= at:
        return NoSlot(Status.MALFORMED, Reason("unbalanced_box", "the last \\boxed has no balanced {...}"))
    box = found[-1]  # the one that begins at `at`, or the one that it stands in
    return Slot(text[box.left : box.right], marker, text, box.start, box.end)


def _read_tag(marker: str, text: str, at: int) -> Slot | NoSlot:
    end = text.find("</answer>", at)
    if end < 0:
        return NoSlot(Status.MALFORMED, Reason("unclosed_tag", "the last <answer> is never closed"))
    return Slot(text[at + len("<answer>") : end], marker, text, at, end + len("</answer>"))


_NEEDLES = {"####": "####", "boxed": "\\boxed", "answer_tag": "<answer>"}
_READERS = {"####": _read_line, "A:": _read_line, "boxed": _read_box, "answer_tag": _read_tag}
