"""Regular expressions of a small, defined kind: an own reader, and automata whose work is bounded.

An expression becomes a position automaton (Glushkov, 1961): a state is a set of places in the expression, kept as the
bits of an integer. Nothing goes back, so that no expression is slow to match.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

MAX_REGEX_CHARS = 500
MAX_DEPTH = 30
MAX_REPEAT = 50
MAX_PLACES = 200
MAX_WORK = 3_000
START = 1  # the set of places before the first symbol


class RegexError(ValueError):
    """The text is no expression of the accepted kind, or is larger than what is read."""


class Symbols(NamedTuple):
    """One symbol out of a set; bits by the places in the alphabet."""

    mask: int


class Row(NamedTuple):
    """Expressions one after the other."""

    items: tuple[Node, ...]


class Either(NamedTuple):
    """One of several expressions."""

    items: tuple[Node, ...]


class Repeated(NamedTuple):
    """An expression, at least and at most so often; without an upper bound where `high` is None."""

    item: Node
    low: int
    high: int | None


Node: TypeAlias = Symbols | Row | Either | Repeated


class Regex(NamedTuple):
    """A position automaton.

    Args:
        follow: For each place, those that may come after it, as bits; place 0 is before the first symbol.
        takes: For each symbol of the alphabet, the places that take it.
        last: The places where a word may end.
    """

    follow: tuple[int, ...]
    takes: tuple[int, ...]
    last: int

    def moves(self, state: int) -> tuple[int, ...]:
        """Where each symbol of the alphabet leads from a set of places."""
        reach = 0
        for place in bits(state):
            reach |= self.follow[place]
        return tuple([reach & mask for mask in self.takes])

    def accepts(self, state: int) -> bool:
        """Whether a word may end in a set of places."""
        return state & self.last != 0


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first.

    Example:
        >>> list(bits(0b10110))
        [1, 2, 4]
    """
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def parse_regex(text: str, alphabet: str) -> Regex:
    """Read an expression that is to match whole words over an alphabet.

    There are literals, `.` (any symbol of the alphabet), classes such as `[ab]`, `[a-c]`, `[^a]`, groups `(...)` and
    `(?:...)`, `|`, and the repetitions `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`, of which a thing has at most one. `^` at
    the very beginning and `$` at the very end say nothing.

    Args:
        text: At most 500 characters; groups at most 30 deep, counts up to 50, 200 literals where counts are written
            out.
        alphabet: Of which symbols words are made, letters and digits; there are no other literals.

    Raises:
        RegexError: It cannot be read.

    Example:
        >>> regex = parse_regex("a(b|a){2}", "ab")
        >>> state = START
        >>> for symbol in "aba":
        ...     state = regex.moves(state)["ab".index(symbol)]
        >>> regex.accepts(state)
        True
    """
    if len(text) > MAX_REGEX_CHARS:
        raise RegexError(f"the expression has {len(text):,} characters; at most {MAX_REGEX_CHARS} are read")
    bare = text.removeprefix("^").removesuffix("$")
    return _Builder(len(alphabet)).built(_Reader(bare, alphabet).whole())


class _Reader:
    """Recursive descent: either = row ("|" row)*, row = (atom repetition?)*."""

    def __init__(self, text: str, alphabet: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._bit = {symbol: 1 << place for place, symbol in enumerate(alphabet)}
        self._all = (1 << len(alphabet)) - 1

    def whole(self) -> Node:
        node = self._either()
        if self._at < len(self._text):
            raise RegexError("a bracket is closed that was never opened")
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at == len(self._text):
            raise RegexError("the expression ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _either(self) -> Node:
        rows = [self._row()]
        while self._peek() == "|":
            self._at += 1
            rows.append(self._row())
        return rows[0] if len(rows) == 1 else Either(tuple(rows))

    def _row(self) -> Node:
        items: list[Node] = []
        while self._peek() and self._peek() not in "|)":
            items.append(self._repeated(self._atom()))
        return items[0] if len(items) == 1 else Row(tuple(items))

    def _repeated(self, item: Node) -> Node:
        sign = self._peek()
        if sign not in ("*", "+", "?", "{"):
            return item
        self._at += 1
        if sign == "{":
            low, high = self._counts()
        else:
            low, high = int(sign == "+"), 1 if sign == "?" else None
        if self._peek() in ("*", "+", "?", "{"):
            raise RegexError("a repetition is repeated: use brackets")
        return Repeated(item, low, high)

    def _counts(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at, self._at + 8)
        low, comma, high = self._text[self._at : max(end, self._at)].partition(",")
        if end < 0 or not _is_count(low) or (high and not _is_count(high)):
            raise RegexError(f"a count is {{m}}, {{m,}} or {{m,n}} with numbers up to {MAX_REPEAT}")
        self._at = end + 1
        if high and int(high) < int(low):
            raise RegexError("the second number of a count is below the first")
        return int(low), int(high) if high else None if comma else int(low)

    def _atom(self) -> Node:
        sign = self._next()
        if sign == "(":
            return self._group()
        if sign == "[":
            return Symbols(self._class())
        if sign == ".":
            return Symbols(self._all)
        return Symbols(self._literal(sign))

    def _group(self) -> Node:
        if self._text.startswith("?:", self._at):
            self._at += 2
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RegexError(f"groups are nested more than {MAX_DEPTH} deep")
        node = self._either()
        if self._peek() != ")":
            raise RegexError("a bracket is never closed")
        self._at += 1
        self._depth -= 1
        return node

    def _class(self) -> int:
        negated = self._peek() == "^"
        self._at += negated
        mask, empty = 0, True
        while (sign := self._next()) != "]":
            empty = False
            if self._peek() == "-":
                self._at += 1
                mask |= self._range(sign, self._next())
            else:
                mask |= self._literal(sign)
        if empty:
            raise RegexError("a class holds at least one symbol")
        return self._all & ~mask if negated else mask

    def _range(self, low: str, high: str) -> int:
        if not (low.isalnum() and high.isalnum() and (low + high).isascii() and low <= high):
            raise RegexError("a range of a class goes from a letter or digit up to another")
        return sum(bit for symbol, bit in self._bit.items() if low <= symbol <= high)

    def _literal(self, sign: str) -> int:
        if sign not in self._bit:
            raise RegexError("there is a sign that is neither of the alphabet nor has a meaning where it stands")
        return self._bit[sign]


def _is_count(text: str) -> bool:
    return 0 < len(text) <= 2 and text.isascii() and text.isdigit() and int(text) <= MAX_REPEAT


class _Part(NamedTuple):
    """Whether a part of an expression matches the empty word, and the places where it may begin and end."""

    empty: bool
    first: int
    last: int


_NOTHING = _Part(True, 0, 0)


class _Builder:
    """Numbers the places of a tree and finds which may follow which; counts are written out."""

    def __init__(self, symbols: int) -> None:
        self._follow = [0]
        self._takes = [0] * symbols
        self._work = 0

    def built(self, node: Node) -> Regex:
        whole = self._part(node)
        self._follow[0] = whole.first
        return Regex(tuple(self._follow), tuple(self._takes), whole.last | (START if whole.empty else 0))

    def _part(self, node: Node) -> _Part:
        self._work += 1
        if self._work > MAX_WORK:
            raise RegexError(f"the expression has more than {MAX_WORK:,} parts where its counts are written out")
        if isinstance(node, Symbols):
            return self._place(node.mask)
        if isinstance(node, Row):
            whole = _NOTHING
            for item in node.items:
                whole = self._after(whole, self._part(item))
            return whole
        if isinstance(node, Either):
            parts = [self._part(item) for item in node.items]
            whole = parts[0]
            for part in parts[1:]:
                whole = _Part(whole.empty or part.empty, whole.first | part.first, whole.last | part.last)
            return whole
        return self._times(node)

    def _place(self, mask: int) -> _Part:
        if len(self._follow) > MAX_PLACES:
            raise RegexError(f"the expression has more than {MAX_PLACES} literals where its counts are written out")
        here = 1 << len(self._follow)
        self._follow.append(0)
        for symbol in bits(mask):
            self._takes[symbol] |= here
        return _Part(False, here, here)

    def _times(self, node: Repeated) -> _Part:
        whole = _NOTHING
        for _ in range(node.low):
            whole = self._after(whole, self._part(node.item))
        if node.high is None:
            part = self._part(node.item)
            self._join(part.last, part.first)
            return self._after(whole, part._replace(empty=True))
        for _ in range(node.high - node.low):
            whole = self._after(whole, self._part(node.item)._replace(empty=True))
        return whole

    def _after(self, left: _Part, right: _Part) -> _Part:
        self._join(left.last, right.first)
        first = left.first | right.first if left.empty else left.first
        last = left.last | right.last if right.empty else right.last
        return _Part(left.empty and right.empty, first, last)

    def _join(self, last: int, first: int) -> None:
        if first:
            for place in bits(last):
                self._follow[place] |= first
