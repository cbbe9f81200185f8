"""The functions of SQLite that can take long in one step, as our own, whose work is counted.

SQLite counts a call as one step whatever it does. `LIKE`, `GLOB`, `replace` and `trim` with characters give here what
SQLite's give, and tell how much they do. What they do not do, they refuse: blobs, and ranges beyond ASCII.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from rlvr_gym.envs.tools.files_pattern import ANY, Automaton, Element, Spend, in_order
from rlvr_gym.envs.tools.toolkit import ToolError

MAX_PATTERN_CHARS = 50
MAX_TRIM_CHARS = 20
_KEPT = 50
CALL_STEPS = 5  # what calling a function of ours takes, beside what it does
_FOLDED = {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_STAR = ANY._replace(star=True)
Fits = Callable[[str], bool]


class Functions:
    """Functions for one connection.

    Args:
        spend: Is told the steps of work; may raise.
        refuse: Is told why a call is refused, and gives what is raised.
        max_chars: Longest value.

    Example:
        >>> connection = sqlite3.connect(":memory:")
        >>> steps = []
        >>> Functions(steps.append, ToolError, 1_000).install(connection)
        >>> connection.execute("SELECT 'Anna' LIKE 'a__a', 'Anna' GLOB 'A[a-m]*', trim('xxax', 'x')").fetchone()
        (1, 0, 'a')
        >>> sum(steps) > 0
        True
    """

    def __init__(self, spend: Spend, refuse: Callable[[str], ToolError], max_chars: int) -> None:
        self._spend, self._refuse, self._max_chars = spend, refuse, max_chars
        self._patterns: dict[tuple[str, str | None], Fits] = {}

    def install(self, connection: sqlite3.Connection) -> None:
        """Put them in the place of SQLite's."""
        trims = {"trim": str.strip, "ltrim": str.lstrip, "rtrim": str.rstrip}
        for name, strip in trims.items():
            connection.create_function(name, 2, self._trimming(name, strip), deterministic=True)
        for width in (2, 3):
            connection.create_function("like", width, self.like, deterministic=True)
        connection.create_function("glob", 2, self.glob, deterministic=True)
        connection.create_function("replace", 3, self.replace, deterministic=True)

    def begin(self) -> None:
        """Begin a statement: what is kept of the last one does not count for it."""
        self._patterns.clear()

    def like(self, pattern: Any, text: Any, *escape: Any) -> int | None:
        """SQLite's `text LIKE pattern`, or with a third value `text LIKE pattern ESCAPE escape`."""
        if isinstance(pattern, bytes) or isinstance(text, bytes):
            return 0
        if None in escape:
            return None
        if escape and (isinstance(escape[0], bytes) or len(_text_of(escape[0])) != 1):
            raise self._refuse("ESCAPE expression must be a single character")
        if pattern is None or text is None:
            return None
        return self._matched(_text_of(pattern), "".join(map(_text_of, escape)), self._folded(_text_of(text)))

    def glob(self, pattern: Any, text: Any) -> int | None:
        """SQLite's `text GLOB pattern`."""
        if isinstance(pattern, bytes) or isinstance(text, bytes):
            return 0
        if pattern is None or text is None:
            return None
        return self._matched(_text_of(pattern), None, _text_of(text))

    def replace(self, text: Any, old: Any, new: Any) -> Any:
        """SQLite's `replace(text, old, new)`: with nothing to replace, the first value as it is."""
        if any(isinstance(value, bytes) for value in (text, old, new)):
            raise self._refuse("replace takes no blobs here")
        if text is None or old is None or _is_empty(old):
            return None if old is None else text
        if new is None:
            return None
        text, old, new = _text_of(text), _text_of(old), _text_of(new)
        self._spend(CALL_STEPS + (len(text) + len(old) + len(new)) // 8)
        if len(text) + text.count(old) * (len(new) - len(old)) > self._max_chars:
            raise self._refuse("string or blob too big")
        return text.replace(old, new)

    def _trimming(self, name: str, strip: Callable[[str, str], str]) -> Callable[[Any, Any], str | None]:
        def trim(text: Any, characters: Any) -> str | None:
            if text is None or characters is None:
                return None
            if not isinstance(characters, str) or not isinstance(text, str) or len(characters) > MAX_TRIM_CHARS:
                why = f"{name} takes two texts here, the second of at most {MAX_TRIM_CHARS} characters"
                raise self._refuse(why)
            self._spend(CALL_STEPS + len(text) // 8)
            return strip(text, characters) if characters else text

        return trim

    def _folded(self, text: str) -> str:
        if text.isascii():
            return text.lower()
        self._spend(len(text))
        return text.translate(_FOLDED)

    def _matched(self, pattern: str, escape: str | None, text: str) -> int:
        """Whether it matches; `escape` is None for GLOB."""
        self._spend(CALL_STEPS)
        fits = self._patterns.get((pattern, escape))
        if fits is None:
            if len(pattern) > MAX_PATTERN_CHARS:
                raise self._refuse(f"a pattern may have {MAX_PATTERN_CHARS} characters here")
            self._spend(4 * len(pattern))
            if len(self._patterns) >= _KEPT:
                self._patterns.clear()
            fits = self._patterns[pattern, escape] = self._read(pattern, escape)
        return int(fits(text.partition("\x00")[0]))

    def _read(self, pattern: str, escape: str | None) -> Fits:
        pattern = pattern.partition("\x00")[0]
        parse = self._glob_elements(pattern) if escape is None else _like_elements(pattern, escape)
        elements: list[Element] = []
        for element in parse:
            if element is None:
                return _never
            if element is not _STAR or elements[-1:] != [_STAR]:
                elements.append(element)
        if not all(element is _STAR or (len(element.chars) == 1 and not element.negated) for element in elements):
            return Automaton(elements, from_start=True, to_end=True, spend=self._spend).accepts
        pieces = [""]
        for element in elements:
            if element is _STAR:
                pieces.append("")
            else:
                pieces[-1] += min(element.chars)

        def fits(text: str) -> bool:
            self._spend((len(text) + len(pattern)) // 16)
            return in_order(pieces, text)

        return fits

    def _glob_elements(self, pattern: str) -> Iterator[Element | None]:
        """The elements; None where nothing can match any more."""
        at = 0
        while at < len(pattern):
            char, at = pattern[at], at + 1
            if char in "*?":
                yield _STAR if char == "*" else ANY
            elif char != "[":
                yield Element(frozenset(char), negated=False)
            else:
                negated = pattern[at : at + 1] == "^"
                at += negated
                end = pattern.find("]", at + 1)
                if end < 0:
                    yield None
                    return
                yield Element(self._set(pattern[at:end]), negated)
                at = end + 1

    def _set(self, inside: str) -> frozenset[str]:
        """The characters that stand between the brackets of a GLOB."""
        chars, at, before = set[str](), 0, ""
        while at < len(inside):
            if inside[at] == "-" and before and at + 1 < len(inside):
                low, high = ord(before), ord(inside[at + 1])
                if low <= high and high > 127:
                    raise self._refuse("a range of a GLOB pattern must be of ASCII characters here, such as a-z")
                self._spend(max(0, high - low))
                chars |= {chr(code) for code in range(low, high + 1)}
                at, before = at + 2, ""
            else:
                before = inside[at] if at or inside[at] != "]" else ""
                chars.add(inside[at])
                at += 1
        return frozenset(chars)


def _like_elements(pattern: str, escape: str) -> Iterator[Element | None]:
    """The elements, their characters folded; None where an escape at the end lets nothing match."""
    chars = iter(pattern)
    for char in chars:
        if char == escape:
            escaped = next(chars, None)
            yield None if escaped is None else Element(frozenset(escaped.translate(_FOLDED)), negated=False)
        elif char in "%_":
            yield _STAR if char == "%" else ANY
        else:
            yield Element(frozenset(char.translate(_FOLDED)), negated=False)


def _is_empty(value: Any) -> bool:
    """Whether SQLite, for which a NUL ends a text, takes it for an empty one."""
    return isinstance(value, str) and value[:1] in ("", "\x00")


def _never(text: str) -> bool:
    """Nothing matches."""
    return False


def _text_of(value: Any) -> str:
    """A value as the text that SQLite makes of it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    mantissa, mark, exponent = f"{value + 0.0:.15g}".partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{mark}{exponent}"
