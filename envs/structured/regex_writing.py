"""A regular expression for an automaton: states are taken out one by one (Brzozowski and McCluskey, 1963)."""

from __future__ import annotations

from typing import NamedTuple

from rlvr_gym.verifiers.manufactoria import Automaton
from rlvr_gym.verifiers.manufactoria.engine import Outcome

_ATOM, _ROW, _EITHER = 0, 1, 2


class Term(NamedTuple):
    """An expression.

    Args:
        text: As it is written.
        level: What it is outside of brackets: one thing (0), a row (1), or alternatives (2).
        empty: Whether it matches the empty word.
        symbols: The symbols, where it is one symbol out of a set.
        starred: The expression that it repeats any number of times, if it is a repetition of that kind.
    """

    text: str
    level: int
    empty: bool
    symbols: str = ""
    starred: str = ""


EMPTY = Term("", _ROW, True)


def symbols_term(symbols: str, alphabet: str) -> Term:
    """One symbol out of a set.

    Example:
        >>> symbols_term("ca", "abc").text, symbols_term("ab", "ab").text
        ('[ac]', '.')
    """
    inside = "".join(symbol for symbol in alphabet if symbol in symbols)
    text = inside if len(inside) == 1 else "." if inside == alphabet else f"[{inside}]"
    return Term(text, _ATOM, False, inside)


def either(left: Term | None, right: Term | None, alphabet: str) -> Term | None:
    """Alternatives; None is the expression that matches nothing at all."""
    if left is None or right is None or left == right:
        return left or right
    if left.symbols and right.symbols:
        return symbols_term(left.symbols + right.symbols, alphabet)
    if not left.text or not right.text:
        other = left if left.text else right
        return other if other.empty else Term(f"{_grouped(other)}?", _ATOM, True)
    return Term(f"{left.text}|{right.text}", _EITHER, left.empty or right.empty)


def row(left: Term | None, right: Term | None) -> Term | None:
    """One after the other."""
    if left is None or right is None:
        return None
    if not left.text or not right.text:
        return left if left.text else right
    if left.starred == right.text or right.starred == left.text:
        repeated = right if left.starred == right.text else left
        return Term(f"{_grouped(repeated)}+", _ATOM, repeated.empty)
    texts = [f"({term.text})" if term.level == _EITHER else term.text for term in (left, right)]
    return Term("".join(texts), _ROW, left.empty and right.empty)


def star(term: Term | None) -> Term:
    """Any number of times."""
    if term is None or not term.text:
        return EMPTY
    return term if term.starred else Term(f"{_grouped(term)}*", _ATOM, True, starred=term.text)


def _grouped(term: Term) -> str:
    """The text to which a repetition can be put: one thing without a repetition, else in brackets."""
    bare = term.level == _ATOM and not (len(term.text) > 1 and term.text[-1] in "*+?}")
    return term.text if bare else f"({term.text})"


def expression_of(automaton: Automaton) -> str | None:
    """An expression for the words that an automaton accepts; None where it accepts none.

    Example:
        >>> from rlvr_gym.verifiers.manufactoria import explore
        >>> expression_of(explore("ab", False, lambda state, symbol: symbol == "b", bool))
        'a*b(b|a+b)*'
    """
    alphabet, count = automaton.alphabet, len(automaton.moves)
    start, end = count, count + 1
    edges: dict[tuple[int, int], Term | None] = {(start, 0): EMPTY}
    for state, ways in enumerate(automaton.moves):
        for symbol, there in zip(alphabet, ways, strict=True):
            known = edges.get((state, there))
            edges[state, there] = either(known, symbols_term(symbol, alphabet), alphabet)
        if automaton.marks[state] is Outcome.ACCEPT:
            edges[state, end] = EMPTY
    left = [state for state in range(count) if not (automaton.settled(state) and (state, end) not in edges)]
    alive = {start, end, *left}
    edges = {(a, b): term for (a, b), term in edges.items() if a in alive and b in alive}
    while left:
        state = min(left, key=lambda one: (_cost(edges, one), one))
        left.remove(state)
        _take_out(edges, state, alphabet)
    whole = edges.get((start, end))
    return None if whole is None else whole.text


def _cost(edges: dict[tuple[int, int], Term | None], state: int) -> int:
    """How much text taking a state out writes, about."""
    into = [len(term.text) for (a, b), term in edges.items() if term and b == state != a]
    out = [len(term.text) for (a, b), term in edges.items() if term and a == state != b]
    loop = edges.get((state, state))
    return sum(into) * len(out) + sum(out) * len(into) + (len(loop.text) if loop else 0) * len(into) * len(out)


def _take_out(edges: dict[tuple[int, int], Term | None], state: int, alphabet: str) -> None:
    """Replace the ways through a state by ways past it."""
    again = star(edges.pop((state, state), None))
    into = [(a, edges.pop((a, b))) for a, b in list(edges) if b == state]
    out = [(b, edges.pop((a, b))) for a, b in list(edges) if a == state]
    for a, first in into:
        for b, last in out:
            edges[a, b] = either(edges.get((a, b)), row(row(first, again), last), alphabet)
