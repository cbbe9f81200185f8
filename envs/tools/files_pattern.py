"""Patterns for `grep` and `find`: basic regular expressions without groups, matched in time linear in the text.

A pattern is a row of elements, each a set of characters that may stand once or, with a star, any number of times. The
elements that may come next are the bits of one integer, so a text is read once and nothing is ever tried again. What
the reading takes is counted: whoever matches gives a function `spend` that is told the steps before they are made, and
may raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rlvr_gym.envs.tools.toolkit import ToolError

MAX_PATTERN_CHARS = 200
MAX_STARS = 10
Spend = Callable[[int], None]


def free(steps: int) -> None:
    """Count nothing."""


class Element(NamedTuple):
    """One character of a set, or with a star any number of them; `negated`: of what is not in the set."""

    chars: frozenset[str]
    negated: bool
    star: bool = False


ANY = Element(frozenset(), negated=True)


class Pattern:
    """A pattern that is searched for in lines.

    `.` is any character, `[a-f]` and `[^a-f]` one of a set, `*` any number of what stands before it, `^` and `$` the
    two ends, and a backslash takes the meaning from what follows.

    Args:
        pattern: Its text.
        fixed: Whether no character has a meaning.
        folded: Whether case counts for nothing.
        spend: Is told the steps of work.

    Raises:
        ToolError: It is too long, has too many stars, or an open bracket.

    Example:
        >>> Pattern("^po*rt = [0-9][0-9]*$").found("pooort = 8080"), Pattern("a.c").found("abd")
        (True, False)
    """

    def __init__(self, pattern: str, *, fixed: bool = False, folded: bool = False, spend: Spend = free) -> None:
        if len(pattern) > MAX_PATTERN_CHARS:
            raise ToolError(f"a pattern may have {MAX_PATTERN_CHARS} characters, this one has {len(pattern):,}")
        self._folded = folded
        pattern = pattern.lower() if folded else pattern
        self._fixed = pattern if fixed or not set(pattern) & set("^$.[*\\") else None
        if self._fixed is None:
            start, end = pattern.startswith("^"), _ends(pattern)
            elements = _parse(pattern[start : len(pattern) - end])
            _check_stars(elements)
            self._automaton = Automaton(elements, from_start=start, to_end=end, spend=spend)

    def found(self, line: str) -> bool:
        """Whether it stands anywhere in a line."""
        line = line.lower() if self._folded else line
        return self._fixed in line if self._fixed is not None else self._automaton.accepts(line)


def wildcard(pattern: str, spend: Spend = free) -> Callable[[str], bool]:
    """What tells whether a name matches a pattern in which `*` is any text and `?` one character.

    Raises:
        ToolError: It is too long, or has too many stars.

    Example:
        >>> [name for name in ("a.txt", "b.md", "ab.txt") if wildcard("?.t*")(name)]
        ['a.txt']
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ToolError(f"a name may have {MAX_PATTERN_CHARS} characters, this one has {len(pattern):,}")
    elements = [ANY._replace(star=c == "*") if c in "*?" else Element(frozenset(c), negated=False) for c in pattern]
    _check_stars(elements)
    if "?" in pattern:
        return Automaton(elements, from_start=True, to_end=True, spend=spend).accepts
    pieces = pattern.split("*")

    def fits(name: str) -> bool:
        spend(2 + len(name) // 8)
        return in_order(pieces, name)

    return fits


def in_order(pieces: Sequence[str], text: str) -> bool:
    """Whether a text is these pieces with anything between them; a single piece is the whole text.

    Example:
        >>> in_order(["a", "b", ""], "a-b-"), in_order(["a", "a"], "a"), in_order(["a"], "ab")
        (True, False, False)
    """
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in pieces[1:-1]:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _check_stars(elements: Sequence[Element]) -> None:
    if sum(element.star for element in elements) > MAX_STARS:
        raise ToolError(f"a pattern may have {MAX_STARS} stars")


class Automaton:
    """Elements as bits: bit `i` is set where the first `i` elements have been read.

    A character of a text is a step, and one that was not seen before a step for each element.

    Args:
        elements: Of the pattern.
        from_start: Whether they begin where the text does.
        to_end: Whether they end where the text does.
        spend: Is told the steps of work.

    Example:
        >>> digit = Element(frozenset("0123456789"), negated=False)
        >>> year = Automaton([digit] * 4, from_start=True, to_end=True)
        >>> year.accepts("2031"), year.accepts("203x")
        (True, False)
    """

    def __init__(self, elements: Sequence[Element], *, from_start: bool, to_end: bool, spend: Spend = free) -> None:
        self._from_start, self._to_end, self._spend = from_start, to_end, spend
        self._stars = sum(1 << i for i, element in enumerate(elements) if element.star)
        self._last = 1 << len(elements)
        self._elements = elements
        self._known: dict[str, int] = {}
        self._first = self._skipped(1)

    def accepts(self, text: str) -> bool:
        """Whether the elements match: at the start or anywhere, up to the end or not."""
        self._spend(2 + len(text))
        states, last = self._first, self._last
        for char in text:
            if states & last and not self._to_end:
                return True
            fitting = states & self._fitting(char)
            states = self._skipped((fitting & ~self._stars) << 1 | fitting & self._stars)
            if not self._from_start:
                states |= self._first
            elif not states:
                return False
        return bool(states & last)

    def _fitting(self, char: str) -> int:
        """The elements that the character can be."""
        bits = self._known.get(char)
        if bits is None:
            self._spend(len(self._elements))
            fit = (1 << i for i, element in enumerate(self._elements) if (char in element.chars) is not element.negated)
            bits = self._known[char] = sum(fit)
        return bits

    def _skipped(self, states: int) -> int:
        """With those reached by leaving out elements with a star: through a row of them an addition carries."""
        return states | (((states & self._stars) + self._stars) ^ self._stars)


def _ends(pattern: str) -> bool:
    """Whether a `$` at the end means the end of the line."""
    if not pattern.endswith("$"):
        return False
    before = pattern[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _parse(pattern: str) -> list[Element]:
    elements: list[Element] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and elements:
            elements[-1] = elements[-1]._replace(star=True)
        elif char == ".":
            elements.append(ANY)
        elif char == "[":
            element, at = _set(pattern, at)
            elements.append(element)
        else:
            if char == "\\":
                if at == len(pattern):
                    raise ToolError("a pattern may not end with a backslash")
                char, at = pattern[at], at + 1
            elements.append(Element(frozenset(char), negated=False))
    return elements


def _set(pattern: str, at: int) -> tuple[Element, int]:
    """The set whose bracket was opened before `at`, and where it ends."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    end = pattern.find("]", at + 1)
    if end < 0:
        raise ToolError("a bracket of the pattern is not closed")
    chars, inside = set[str](), pattern[at:end]
    while inside:
        if len(inside) > 2 and inside[1] == "-":
            low, high, inside = ord(inside[0]), ord(inside[2]), inside[3:]
            if not low <= high < 128:
                raise ToolError("a range of a pattern is two characters in order, such as a-z or 0-9")
            chars |= {chr(code) for code in range(low, high + 1)}
        else:
            chars.add(inside[0])
            inside = inside[1:]
    return Element(frozenset(chars), negated), end + 1
