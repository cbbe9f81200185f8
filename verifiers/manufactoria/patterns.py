"""Patterns over symbols, `(RBR)+(B)?`: an own reader and a position automaton, so that matching takes linear time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from rlvr_gym.verifiers.errors import ConfigError, shown
from rlvr_gym.verifiers.manufactoria.automata import Automaton, explore
from rlvr_gym.verifiers.manufactoria.program import SYMBOLS

OPERATORS = ".+*?|()"
MAX_PATTERN_CHARS = 200
MAX_DEPTH = 20


class PatternError(ConfigError):
    """The text is no pattern of the accepted kind."""


class _Piece(NamedTuple):
    """A part of a pattern: whether it matches nothing, and the positions where it can begin and end."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


_NOTHING = _Piece(True, frozenset(), frozenset())


@dataclass
class Pattern:
    """A pattern of symbols, `.`, `|`, brackets and the postfixes `+`, `*`, `?`, as Python's `re.fullmatch` reads it.

    Args:
        text: The pattern, of at most 200 characters.

    Raises:
        PatternError: It cannot be read.

    Example:
        >>> pattern = Pattern("(RBR)+(B)?")
        >>> pattern.matches("RBRRBRB"), pattern.matches("RBRBB"), pattern.matches("")
        (True, False, False)
    """

    text: str
    _symbols: list[str] = field(default_factory=list, init=False)
    _follow: list[frozenset[int]] = field(default_factory=list, init=False)
    _at: int = field(default=0, init=False)
    _depth: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if len(self.text) > MAX_PATTERN_CHARS:
            raise PatternError(f"a pattern has at most {MAX_PATTERN_CHARS} characters, not {len(self.text):,}")
        self._whole = self._either()
        if self._at < len(self.text):
            raise PatternError(f"{shown(self.text)} cannot be read from character {self._at + 1} on")

    def matches(self, tape: str) -> bool:
        """Whether all of a tape matches."""
        state: frozenset[int] | None = None
        for symbol in tape:
            state = self._step(state, symbol)
        return self._accepts(state)

    def automaton(self, alphabet: str) -> Automaton:
        """The minimal automaton of the tapes that match."""
        return explore(alphabet, None, self._step, self._accepts)

    def _step(self, state: frozenset[int] | None, symbol: str) -> frozenset[int]:
        reach = self._whole.first if state is None else {to for at in state for to in self._follow[at]}
        return frozenset(at for at in reach if self._symbols[at] in (symbol, "."))

    def _accepts(self, state: frozenset[int] | None) -> bool:
        return self._whole.empty if state is None else bool(state & self._whole.last)

    def _peek(self) -> str:
        return self.text[self._at] if self._at < len(self.text) else ""

    def _either(self) -> _Piece:
        piece = self._row()
        while self._peek() == "|":
            self._at += 1
            other = self._row()
            piece = _Piece(piece.empty or other.empty, piece.first | other.first, piece.last | other.last)
        return piece

    def _row(self) -> _Piece:
        piece = _NOTHING
        while self._peek() and self._peek() not in "|)":
            other = self._repeated()
            self._join(piece.last, other.first)
            first = piece.first | other.first if piece.empty else piece.first
            last = piece.last | other.last if other.empty else other.last
            piece = _Piece(piece.empty and other.empty, first, last)
        return piece

    def _repeated(self) -> _Piece:
        piece = self._atom()
        if (postfix := self._peek()) and postfix in "+*?":
            self._at += 1
            if postfix != "?":
                self._join(piece.last, piece.first)
            piece = piece._replace(empty=piece.empty or postfix != "+")
            if self._peek() and self._peek() in "+*?":
                raise PatternError(f"{shown(self.text)} repeats a repetition: use brackets")
        return piece

    def _atom(self) -> _Piece:
        symbol = self._peek()
        self._at += 1
        if symbol == "(":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise PatternError(f"brackets are nested at most {MAX_DEPTH} deep")
            piece = self._either()
            if self._peek() != ")":
                raise PatternError(f"a bracket of {shown(self.text)} is never closed")
            self._at += 1
            self._depth -= 1
            return piece
        if symbol not in SYMBOLS + ".":
            raise PatternError(f"a pattern holds {SYMBOLS} and {OPERATORS}; {shown(self.text)} has {shown(symbol)}")
        here = frozenset({len(self._symbols)})
        self._symbols.append(symbol)
        self._follow.append(frozenset())
        return _Piece(False, here, here)

    def _join(self, last: frozenset[int], first: frozenset[int]) -> None:
        for at in last:
            self._follow[at] |= first
