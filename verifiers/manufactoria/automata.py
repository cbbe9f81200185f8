"""Finite automata over tapes: what a program without painters decides, exactly.

Such a program reads its tape once. Whether two of them, or one and a specification, agree on every tape is decided by
a search of pairs of states, which also finds a shortest tape on which they differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from rlvr_gym.verifiers.errors import ConfigError
from rlvr_gym.verifiers.manufactoria.engine import Outcome
from rlvr_gym.verifiers.manufactoria.program import END, NONE, START, SYMBOLS, Program

S = TypeVar("S", bound=Hashable)

_LOOP = -3
_ENDS = {END: Outcome.ACCEPT, NONE: Outcome.REJECT, _LOOP: Outcome.LOOP}


@dataclass(frozen=True)
class Automaton:
    """A deterministic automaton; state 0 is its start.

    Args:
        alphabet: Its symbols.
        moves: For each state, where each symbol leads.
        marks: For each state, the outcome where the tape ends there.

    Example:
        >>> ends_with_b = explore("RB", False, lambda state, symbol: symbol == "B", bool)
        >>> ends_with_b.outcome("RRB").value, ends_with_b.outcome("").value
        ('accept', 'reject')
    """

    alphabet: str
    moves: tuple[tuple[int, ...], ...]
    marks: tuple[Outcome, ...]

    def outcome(self, tape: str) -> Outcome:
        """What the automaton says of a tape over its alphabet."""
        state = 0
        for symbol in tape:
            state = self.moves[state][self.alphabet.index(symbol)]
        return self.marks[state]

    def accepts(self, tape: str) -> bool:
        """Whether it accepts the tape."""
        return self.outcome(tape) is Outcome.ACCEPT

    def settled(self, state: int) -> bool:
        """Whether every continuation from a state of a minimal automaton has the outcome of this one."""
        return set(self.moves[state]) == {state}

    @cached_property
    def minimal(self) -> Automaton:
        """The smallest one that says the same, its states numbered as a search from the start meets them."""
        blocks = {mark: number for number, mark in enumerate(dict.fromkeys(self.marks))}
        part = [blocks[mark] for mark in self.marks]
        while True:
            rows = [(part[state], *(part[to] for to in ways)) for state, ways in enumerate(self.moves)]
            numbers = {row: number for number, row in enumerate(dict.fromkeys(rows))}
            finer = [numbers[row] for row in rows]
            if len(numbers) == len(set(part)):
                break
            part = finer
        member = {block: state for state, block in reversed(list(enumerate(part)))}
        return _numbered(
            self.alphabet,
            part[0],
            lambda block, symbol: part[self.moves[member[block]][self.alphabet.index(symbol)]],
            lambda block: self.marks[member[block]],
        )


def explore(alphabet: str, start: S, step: Callable[[S, str], S], accepting: Callable[[S], bool]) -> Automaton:
    """The minimal automaton of a start, a step and the states that accept, of which finitely many must be reachable.

    Example:
        >>> len(explore("RB", 0, lambda n, symbol: (n + (symbol == "R")) % 6, lambda n: n % 3 == 0).moves)
        3
    """
    marked = _numbered(alphabet, start, step, lambda state: Outcome.ACCEPT if accepting(state) else Outcome.REJECT)
    return marked.minimal


def _numbered(alphabet: str, start: S, step: Callable[[S, str], S], mark: Callable[[S], Outcome]) -> Automaton:
    numbers: dict[S, int] = {start: 0}
    order = [start]
    moves = []
    for state in order:
        ways = []
        for symbol in alphabet:
            there = step(state, symbol)
            if there not in numbers:
                numbers[there] = len(order)
                order.append(there)
            ways.append(numbers[there])
        moves.append(tuple(ways))
    return Automaton(alphabet, tuple(moves), tuple(mark(state) for state in order))


def automaton_of(program: Program, alphabet: str) -> Automaton:
    """What a program without painters says of every tape over an alphabet; not minimal.

    Raises:
        ConfigError: It has a painter.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria.program import parse_compact
        >>> automaton_of(parse_compact("P!0-;"), "RB").accepts("BBR")
        True
    """
    if program.paints:
        raise ConfigError("a program with painters is no finite automaton: run it on tapes instead")
    reader = _Reader(program)
    return _numbered(alphabet, START, reader.step, reader.mark)


class _Reader:
    """A program without painters as a step from node to node."""

    def __init__(self, program: Program) -> None:
        self._columns = program.columns

    def step(self, node: int, symbol: str) -> int:
        """Where the machine is after it took this symbol; `END`, `NONE` and a loop are for ever."""
        ops, first, second, last = self._columns
        number = SYMBOLS.index(symbol)
        for _ in range(len(ops) + 1):
            if node < 0:
                return node
            if ops[node] == number >> 1:
                return second[node] if number & 1 else first[node]
            node = last[node]
        return _LOOP

    def mark(self, node: int) -> Outcome:
        """The outcome where nothing is left on the tape."""
        for _ in range(len(self._columns.ops) + 1):
            if node < 0:
                return _ENDS[node]
            node = self._columns.last[node]
        return Outcome.LOOP


def difference(left: Automaton, right: Automaton) -> str | None:
    """A shortest tape of which two automata over one alphabet say different things; None where there is none.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria.program import parse_compact
        >>> one, two = (automaton_of(parse_compact(text), "RB") for text in ("P!0-;", "P!1-;P!0!;"))
        >>> difference(one, two), difference(one, one)
        ('B', None)
    """
    seen = {(0, 0)}
    queue = deque([((0, 0), "")])
    while queue:
        (a, b), tape = queue.popleft()
        if left.marks[a] is not right.marks[b]:
            return tape
        for symbol, to_a, to_b in zip(left.alphabet, left.moves[a], right.moves[b], strict=True):
            if (to_a, to_b) not in seen:
                seen.add((to_a, to_b))
                queue.append(((to_a, to_b), tape + symbol))
    return None
