"""IFBench, formats of a whole response: brackets, quotes, options, one word a line, emoji, stairs, case, template."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.instructions.constraint import Instruction, Outcome, Parameters
from rlvr_gym.verifiers.instructions.ifbench_tables import EMOJI
from rlvr_gym.verifiers.instructions.ifbench_text import (
    EDGES,
    Content,
    Official,
    bare,
    first_fault,
    official_sentences,
)
from rlvr_gym.verifiers.instructions.parameters import Reads, Sentence, compared, text
from rlvr_gym.verifiers.instructions.views import has_word, lines, sentences

# --- parentheses --------------------------------------------------------------------------------------------------

_LEVELS = 5
_CLOSES = {")": "(", "]": "[", "}": "{"}


class _Level(NamedTuple):
    """An open bracket or quote: which, how deep the complete ones inside go, and whether it has a word of its own."""

    mark: str
    inside: int = 0
    worded: bool = False


def _worded(level: _Level, char: str) -> _Level:
    return level._replace(worded=True) if not level.worded and char.isalnum() else level


def _closed(stack: list[_Level]) -> int:
    """Take the innermost level away; how deep it goes, which is 0 where it has no word of its own."""
    level = stack.pop()
    depth = level.inside + 1 if level.worded else 0
    if stack:
        stack[-1] = stack[-1]._replace(inside=max(stack[-1].inside, depth))
    return depth


def _parentheses(response: str, _: Parameters) -> Outcome:
    stack: list[_Level] = []
    deepest = 0
    for char in response:
        if char in "([{":
            stack.append(_Level(char))
        elif char in _CLOSES and stack:
            if stack[-1].mark == _CLOSES[char]:
                deepest = max(deepest, _closed(stack))
            else:
                stack.clear()
        elif stack:
            stack[-1] = _worded(stack[-1], char)
    return compared(deepest, "at least", _LEVELS, "levels of brackets, each with a word and closed,")


def _parentheses_official(response: str, _: Parameters) -> bool:
    stack: list[str] = []
    deepest = 0
    for char in response:
        if char in "([{":
            stack.append(char)
            deepest = max(deepest, len(stack))
        elif char in _CLOSES:
            if not stack or stack[-1] != _CLOSES[char]:
                stack, deepest = [], 0
                continue
            stack.pop()
            if deepest >= _LEVELS:
                return True
    return False


# --- quotes -------------------------------------------------------------------------------------------------------

_QUOTE_LEVELS = 3
_QUOTES = re.compile("[\"'“”‘’]+")
_KIND = {'"': '"', "“": '"', "”": '"', "'": "'", "‘": "'", "’": "'"}


def _quote_marks(response: str) -> Iterator[tuple[str, bool | None]]:
    """The text between quotation marks, and each mark with whether it opens; None where it may do either."""
    at = 0
    for run in _QUOTES.finditer(response):
        yield response[at : run.start()], None
        before, after = response[run.start() - 1 : run.start()], response[run.end() : run.end() + 1]
        at = run.end()
        if len(run[0]) == 1 and _KIND[run[0]] == "'" and before.isalnum() and after.isalnum():
            continue  # an apostrophe
        starts, ends = not before or before in " \t\n([{—–-", not after or not after.isalnum()
        opens = True if starts and not ends else False if ends and not starts else None
        for mark in run[0]:
            yield _KIND[mark], True if mark in "“‘" else False if mark == "”" else opens


def _quotes(response: str, _: Parameters) -> Outcome:
    stack: list[_Level] = []
    deepest = 0
    for piece, opens in _quote_marks(response):
        if piece not in ('"', "'"):
            if stack and has_word(piece):
                stack[-1] = stack[-1]._replace(worded=True)
        elif opens is not True and stack and stack[-1].mark == piece:
            deepest = max(deepest, _closed(stack))
        elif opens is False and piece == '"' and any(level.mark == piece for level in stack):
            while stack[-1].mark != piece:  # apostrophes that looked like quotation marks
                stack.pop()
            deepest = max(deepest, _closed(stack))
        elif opens is not False and not (stack and stack[-1].mark == piece):
            stack.append(_Level(piece))
    return compared(deepest, "at least", _QUOTE_LEVELS, "levels of quotes, each with a word and closed,")


def _quotes_official(response: str, _: Parameters) -> bool:
    stack: list[str] = []
    deepest = 0
    for char in response:
        if stack and char == stack[-1]:
            stack.pop()
            if deepest - len(stack) >= _QUOTE_LEVELS:
                return True
        elif char in "\"'":
            stack.append(char)
            deepest = max(deepest, len(stack))
    return False


# --- options ------------------------------------------------------------------------------------------------------

_LETTERS = re.compile(r"\W*[aA]\W*[bB]\W*[cC]\W*")
_OR = re.compile(r"\bor\b")


def _split_options(options: str) -> list[str]:
    mark = "/" if "/" in options else ","
    found = options.split(mark) if mark in options else _OR.split(options)
    return [option.strip().removeprefix("or ").strip() for option in found]


def _read_options(given: Parameters) -> dict[str, Any]:
    found = Reads({"options": text})(given)
    options = [option.lower() for option in _split_options(found["options"])]
    if len(options) < 2 or len(set(options)) < len(options) or not all(map(has_word, options)):
        raise ValueError(f"options must name two or more different ones, got {shown(found['options'])}")
    return found


def _options(response: str, parameters: Parameters) -> Outcome:
    given, options = response.strip().lower(), _split_options(parameters["options"])
    if any(len(bare(option)) > 1 for option in options):  # others are letters, such as `a)`, which are to be kept whole
        given, options = given.strip(EDGES + "“”‘’\n"), [option.strip(EDGES) for option in options]
    kept = given in [option.lower() for option in options]
    return Outcome(kept, f"the response is {'' if kept else 'not '}one of the options")


def _options_official(response: str, parameters: Parameters) -> bool:
    options = parameters["options"]
    split = "/" if "/" in options else "or" if "or" in options else ","
    found = [option.strip() for option in options.split(split)]
    if _LETTERS.match(options):
        return response in found
    return response.strip(EDGES).lower() in [option.strip(EDGES).lower() for option in found]


# --- newline ------------------------------------------------------------------------------------------------------


def _newline(response: str, _: Parameters) -> Outcome:
    return first_fault([line for line in lines(response) if len(line.split()) > 1], "lines of more than one word")


def _newline_official(response: str, _: Parameters) -> bool:
    found = bare(response).strip()
    return sum(map(bool, found.split("\n"))) == len(found.split())


# --- emoji --------------------------------------------------------------------------------------------------------

_EMOJI_CLASS = "".join(sorted(EMOJI))
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_EMOJI_END = re.compile(rf"(?:[{_EMOJI_CLASS}]|{_FLAG}|[0-9#*]\ufe0f?\u20e3)[\ufe0f\u200d\U000e0020-\U000e007f]*+$")
_MOVED = re.compile(
    rf"(?<![.!?…])([.!?…]++[\"'”’)*_]*+)[ \t]*+((?:[{_EMOJI_CLASS}\ufe0f\u200d\U0001f1e6-\U0001f1ff]++ *+)+)"
)
_MARKS = EDGES + "…“”‘’\n\t"


def _emoji(response: str, _: Parameters) -> Outcome:
    found = sentences(_MOVED.sub(r" \2\1 ", response))
    without = [sentence for sentence in found if not _EMOJI_END.search(sentence.strip(_MARKS))]
    return first_fault(without, "sentences without an emoji at the end")


def _emoji_official(response: str, _: Parameters) -> bool:
    found = [bare(sentence).strip() for sentence in official_sentences(response)]
    for place, sentence in enumerate(found):
        if not sentence:
            return False
        following = found[place + 1][:1] if place + 1 < len(found) else ""
        if not EMOJI & {*sentence[-2:]} and following not in EMOJI:
            return False
    return True


# --- line_indent --------------------------------------------------------------------------------------------------


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _stairs(response: str, _: Parameters) -> Outcome:
    found = [_indent(line.expandtabs(4)) for line in response.split("\n") if has_word(line)]
    if len(found) < 3:
        return compared(len(found), "at least", 3, "lines with a word")
    kept = all(a < b for a, b in pairwise(found))
    return Outcome(kept, f"the lines are indented by {', '.join(map(str, found[:20]))}")


def _stairs_official(response: str, _: Parameters) -> bool:
    found = response.split("\n")
    taken = _taken_out(found)
    left = [_indent(line) for place, line in enumerate(found) if place not in taken]
    return all(a < b for a, b in pairwise(left))


def _taken_out(found: list[str]) -> set[int]:
    """Places of the lines that are gone when blank lines are removed from a list while it is gone through.

    After a removal the next line is not looked at; what is removed is the first line left that equals the blank one.
    """
    left: dict[str, deque[int]] = {}
    taken: set[int] = set()
    looked_at = True
    for place, line in enumerate(found):
        blank = not line.strip()
        if blank:
            left.setdefault(line, deque()).append(place)
        if blank and looked_at:
            taken.add(left[line].popleft())
        looked_at = not (blank and looked_at)
    return taken


FORMAT = (
    Instruction(
        "format:parentheses",
        Reads(),
        Sentence("Nest brackets (round [square {{curly}}]) at least five levels deep."),
        Content(_parentheses),
        Official(_parentheses_official),
        (
            "Brackets without words pass.",
            "When the innermost of five is closed, the others may stay open.",
            "A closing bracket that opened nowhere makes all levels before it void.",
        ),
    ),
    Instruction(
        "format:quotes",
        Reads(),
        Sentence("Put quotes within quotes within quotes, at least three levels, double and single by turns."),
        Content(_quotes),
        Official(_quotes_official),
        (
            "Apostrophes count as single quotation marks.",
            "Typographic quotation marks do not count.",
            "Quotes without words pass.",
        ),
    ),
    Instruction(
        "format:options",
        _read_options,
        Sentence("Answer with one of these options and nothing else: {options}"),
        _options,
        Official(_options_official),
        (
            "The letters `or` inside a word divide options: `north, south`.",
            "A lettered option with a blank or line break around it fails.",
        ),
    ),
    Instruction(
        "format:newline",
        Reads(),
        Sentence("Write each word on a line of its own."),
        Content(_newline),
        Official(_newline_official),
        (
            "Lines of blanks count as lines and make up for lines of several words.",
            "A response of a single word passes.",
        ),
    ),
    Instruction(
        "format:emoji",
        Reads(),
        Sentence("End every sentence with an emoji."),
        Content(_emoji),
        Official(_emoji_official),
        (
            "Flags and keycaps are no emoji, since one character at a time is looked at.",
            "An emoji at the beginning of the next sentence counts for the one before as well.",
            "Which characters are emoji depends on the release of a package.",
        ),
        exact=False,
    ),
    Instruction(
        "format:line_indent",
        Reads(),
        Sentence("Build stairs: indent each line further than the one before."),
        Content(_stairs),
        Official(_stairs_official),
        (
            "Of several blank lines in a row only every other is passed over; the rest count as lines.",
            "A single line passes.",
            "Tabs do not indent.",
        ),
    ),
)
