"""Which text is the answer, and what else in the response was declared to be one."""

from __future__ import annotations

import re

from rlvr_gym.verifiers.extraction import Slot, after_reasoning, braced

WINDOW = 300  # characters before the last box in which another "final answer is" counts
TAIL = 600  # characters after it
_DECLARED = re.compile(
    r"(?:final|correct|right|actual)?\s*(?:answer|result|solution)\s*(?:is|:|=|should be|must be|to be)\s*:?\s*"
    r"(?P<value>[^\n]{1,120})",
    re.IGNORECASE,
)
_FINAL = re.compile(r"final answer\s*(?:is|:|=)\s*:?\s*(?P<value>[^\n]{1,120})", re.IGNORECASE)
_OR = re.compile(
    r"[\s$.,;)*]*(?:or|oder|alternatively,?)\s+(?:maybe|perhaps|possibly|even|is it)?\s*(?P<value>[^\n]{1,120})"
)
_PADDING = re.compile(r"\\(?:q?quad|text|mathrm|mbox|[,;:! ()\[\]])|[\s$.,;:*{}()&]")
_JOINER = re.compile(r"(?:and|or|oder)?(?:[A-Za-z](?:_?\w)?=)?")
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


def boxes_beside(text: str, last: int) -> list[str]:
    """The contents of the boxes that stand directly before the last one, joined by nothing but a comma, "and", "or".

    Args:
        text: The text after the reasoning.
        last: Where the last `\\boxed` begins.

    Example:
        >>> text = "so \\\\boxed{1} or \\\\boxed{2}"
        >>> boxes_beside(text, text.rfind("\\\\boxed"))
        ['1']
    """
    found: list[str] = []
    while len(found) < 100:
        before = text.rfind("\\boxed", 0, last)
        if before < 0 or last - before > 8000:
            break
        start = text.find("{", before)
        content = braced(text, start) if 0 <= start < last else None
        if content is None:
            break
        end = start + len(content) + 2
        if end > last or last - end > _MAX_GAP or not _JOINER.fullmatch(_PADDING.sub("", text[end:last])):
            break
        found.append(content)
        last = before
    return found[::-1]


def declared_beside(text: str, last: int, content: str) -> list[str]:
    """Other answers that the prose around the last box declares.

    After it `the answer is 7` and `or 7`, shortly before it `final answer is 7`.

    Example:
        >>> text = "\\\\boxed{5}. The answer is 7."
        >>> declared_beside(text, 0, "5")
        ['7']
    """
    end = last + len("\\boxed{") + len(content) + 1
    tail = text[end : end + TAIL]
    found: list[str] = []
    other = _OR.match(tail)
    if other:
        found.append(_clause(other["value"]))
    low = tail.lower()
    if "answer" in low or "result" in low or "solution" in low:
        found += [_clause(match["value"]) for match in _DECLARED.finditer(tail)]
    before = text[max(0, last - WINDOW) : last]
    if "inal answer" in before or "INAL ANSWER" in before:
        for match in _FINAL.finditer(before):
            value = match["value"]
            if _SENTENCE.search(value) or match.end() < len(before):  # else it leads up to the box
                found.append(_clause(value))
    return [value for value in found if value]


def _clause(text: str) -> str:
    """Up to the end of the sentence."""
    end = _SENTENCE.search(text)
    text = text[: end.start()] if end else text
    return text.strip().strip("*").strip()


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
            return Slot(value, "answer_is")
    formula = _last(_MATHS, text)
    if formula is not None:
        return Slot(next(group for group in formula.groups() if group is not None), "last_formula")
    whole = text.strip()
    if 0 < len(whole) <= MAX_WHOLE and "\n" not in whole and len(_WORD.findall(whole)) < 2:
        return Slot(whole, "whole")
    numeral = _last(_NUMERAL, text)
    return Slot(numeral[0], "last_number") if numeral is not None else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(pattern.finditer(text), key=lambda match: match.start(), default=None)
