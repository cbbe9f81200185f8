"""Which text is the answer, and what else in the response was declared to be one."""

from __future__ import annotations

import re

from rlvr_gym.verifiers.extraction import Slot, after_reasoning, boxes

WINDOW = 300  # characters before the last box in which another "final answer is" counts
TAIL = 600  # characters after it
_DECLARED = re.compile(
    r"(?:answer|result|solution)\s*(?:is|:|=|(?:should|must|could|might|may|would) be|to be)"
    r"\s*:?\s*(?P<value>[^\n]{1,120})",
    re.IGNORECASE,
)
_FINAL = re.compile(r"final answer\s*(?:is|:|=)\s*:?\s*(?P<value>[^\n]{1,120})", re.IGNORECASE)
_OR = re.compile(
    r"[\s$.,;)*(]*(?:\\(?:text|quad)\s*\{?\s*)?(?:(?:or|oder|alternatively|maybe|perhaps|possibly|else)\b[\s,}]*)+"
    r"(?:is it\s|even\s)?(?P<value>[^\n]{1,120})|[\s$]*(?:,|\band\b)\s*\$?(?P<more>-?\\?[\d(][^\n\s]{0,60})\$?[\s.)]*$",
    re.IGNORECASE,
)
_BEFORE_OR = re.compile(
    r"(?P<value>-?(?:\d+|\\frac\{\d+\}\{\d+\})[\d./,]*)[\s$}]*\bor\b[\s${]*(?:maybe|perhaps|possibly)?[\s$]*$"
)
# What makes a box a part of a larger formula, behind it and before it.
_GLUED_AFTER = re.compile(
    r"\s*(?:[-+*/^=]\s*[\w\\({]|!|\d|\\(?:times|cdot|div|pm)\b|\s(?:hundred|thousand|million|billion|trillion)\b)"
)
_GLUED_BEFORE = re.compile(r"(?:\d|[-+*/^_])\Z|\\(?:times|cdot|div|pm)\s*\Z")
_PADDING = re.compile(r"\\(?:q?quad|text|mathrm|mbox|[,;:! ()\[\]])|[\s$.,;:*{}()&]")
_JOINER = re.compile(r"[|=/-]?(?:and|or|oder)?(?:else|maybe|perhaps|possibly)*(?:[A-Za-z](?:_?\w)?=)?[%|]?")
_MAX_GAP = 40
_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_LENIENT = re.compile(
    r"(?:answer|result|solution)\s*(?:is|:|=)\s*:?\s*(?P<value>[^\n]{1,200})|^\s*answer\s*[:=]\s*(?P<line>[^\n]{1,200})",
    re.IGNORECASE | re.MULTILINE,
)
_MATHS = re.compile(r"\$\$?([^$]{1,500})\$\$?|\\\(([^\n]{1,500}?)\\\)|\\\[(.{1,500}?)\\\]", re.DOTALL)
_NUMERAL = re.compile(r"(?<![\w.])[-−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:/\d+)?%?")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
MAX_WHOLE = 200
MAX_BOXES = 20
MAX_PROSE = 3  # words that an answer in a sentence may have


def boxes_beside(slot: Slot) -> list[str]:
    """What the boxes hold that stand directly before the last one, joined by nothing but a comma, "and", "or".

    Args:
        slot: The last box.

    Example:
        >>> from rlvr_gym.verifiers.extraction import final_slot
        >>> boxes_beside(final_slot("so \\\\boxed{1} or \\\\boxed{2}", ["boxed"]))
        ['1']
    """
    found: list[str] = []
    last = slot.start
    before = slot.source[:last]
    for box in reversed(boxes(before)):
        gap = before[box.end : last]
        if len(found) == MAX_BOXES or len(gap) > _MAX_GAP or not _JOINER.fullmatch(_PADDING.sub("", gap)):
            break
        found.append(before[box.left : box.right])
        last = box.start
    return found[::-1]


def declared_beside(slot: Slot) -> list[str]:
    """Other answers that the prose around the last box declares.

    After it `the answer is 7` and `or 7`, shortly before it `final answer is 7`.

    Args:
        slot: The last box.

    Example:
        >>> from rlvr_gym.verifiers.extraction import final_slot
        >>> declared_beside(final_slot("\\\\boxed{5}. The answer is 7.", ["boxed"]))
        ['7']
    """
    text, start = slot.source, slot.start
    tail = text[slot.end : slot.end + TAIL]
    found: list[str] = []
    other = _OR.match(tail)
    if other:
        found.append(_clause(other["value"] or other["more"]))
    earlier = _BEFORE_OR.search(text, max(0, start - 60), start)
    if earlier:
        found.append(earlier["value"])
    low = tail.lower()
    if "answer" in low or "result" in low or "solution" in low:
        found += [_clause(match["value"]) for match in _DECLARED.finditer(tail)]
    before = text[max(0, start - WINDOW) : start]
    if "inal answer" in before or "INAL ANSWER" in before:
        for match in _FINAL.finditer(before):
            value = match["value"]
            if _SENTENCE.search(value) or match.end() < len(before):  # else it leads up to the box
                found.append(_clause(value))
    return [value for value in found if value and len(_WORD.findall(value)) < MAX_PROSE]


def math_beside(slot: Slot) -> bool:
    """Whether the box is a part of a larger formula.

    Args:
        slot: The last box.

    Example:
        >>> from rlvr_gym.verifiers.extraction import final_slot
        >>> responses = ("\\\\boxed{5}", "-\\\\boxed{5}", "\\\\boxed {5}+1")
        >>> [math_beside(final_slot(response, ["boxed"])) for response in responses]
        [False, True, True]
    """
    before = _GLUED_BEFORE.search(slot.source, max(0, slot.start - 12), slot.start)
    return before is not None or _GLUED_AFTER.match(slot.source, slot.end) is not None


def _clause(text: str) -> str:
    """Up to the end of the sentence."""
    end = _SENTENCE.search(text)
    text = text[: end.start()] if end else text
    text = text.strip().strip("*").strip()
    return text[:-1] if text.endswith(")") and text.count("(") < text.count(")") else text


def lenient_slot(response: str) -> Slot | None:
    """For evaluation: `answer is ...`, else the last formula, else a short whole text, else the last numeral.

    None where there is nothing.

    Example:
        >>> [lenient_slot(text).marker for text in ("The answer is 7.", "so $x=3$ holds", "41 cm", "it is 41")]
        ['answer_is', 'last_formula', 'whole', 'last_number']
    """
    text = after_reasoning(response)
    if text is None:
        return None
    text = text[-4000:]
    phrase = _last(_LENIENT, text)
    if phrase is not None:
        value = _clause(phrase["value"] or phrase["line"] or "")
        if value:
            return Slot(value, "answer_is", text, *phrase.span())
    formula = _last(_MATHS, text)
    if formula is not None:
        inside = next(group for group in formula.groups() if group is not None)
        return Slot(inside, "last_formula", text, *formula.span())
    whole = text.strip()
    if 0 < len(whole) <= MAX_WHOLE and "\n" not in whole and len(_WORD.findall(whole)) < 2:
        return Slot(whole, "whole", text, 0, len(text))
    numeral = _last(_NUMERAL, text)
    return Slot(numeral[0], "last_number", text, *numeral.span()) if numeral is not None else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(pattern.finditer(text), key=lambda match: match.start(), default=None)
