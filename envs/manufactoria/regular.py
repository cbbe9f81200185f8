"""Families whose language is regular: START, EXACT, ENDS, HAS, REGEX, COMPR.

Of each problem there is an oracle in plain Python and an automaton; the reference machine is that of the automaton.
"""

from __future__ import annotations

import operator
import re
from collections import Counter

from rlvr_gym.envs.manufactoria.family import Family, Values, binary, number_of, word
from rlvr_gym.envs.manufactoria.machines import acceptor
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.manufactoria import Automaton, Pattern, Program, explore

_FAILED = -1
_HAS_LETTERS = {"substring": "h", "ordered": "o", "count": "c"}
_COMPARISONS = {
    "at least": (operator.ge, ">="),
    "more than": (operator.gt, ">"),
    "at most": (operator.le, "<="),
    "less than": (operator.lt, "<"),
}


def _draw_word(rng: TaskRandom, length: int, alphabet: str) -> Values:
    return (word(rng, rng.between(min(2, length), length), alphabet),)


def _starts(values: Values, tape: str) -> bool:
    return tape.startswith(values[0])


def _is_exactly(values: Values, tape: str) -> bool:
    return bool(tape == values[0])


def _ends(values: Values, tape: str) -> bool:
    return tape.endswith(values[0])


def _start_automaton(values: Values, alphabet: str) -> Automaton:
    text = values[0]

    def step(state: int, symbol: str) -> int:
        if state in (_FAILED, len(text)):
            return state
        return state + 1 if text[state] == symbol else _FAILED

    return explore(alphabet, 0, step, lambda state: state == len(text))


def _exact_automaton(values: Values, alphabet: str) -> Automaton:
    text = values[0]

    def step(state: int, symbol: str) -> int:
        return state + 1 if text[state : state + 1] == symbol and state != _FAILED else _FAILED

    return explore(alphabet, 0, step, lambda state: state == len(text))


def _overlap(text: str, seen: str) -> str:
    """The longest beginning of a text that the other one ends with."""
    while not text.startswith(seen):
        seen = seen[1:]
    return seen


def _ends_automaton(values: Values, alphabet: str) -> Automaton:
    text = values[0]
    return explore(alphabet, "", lambda seen, symbol: _overlap(text, seen + symbol), lambda seen: seen == text)


def _draw_has(rng: TaskRandom, length: int, alphabet: str) -> Values:
    kind = rng.choice(("substring", "ordered", "count"))
    text = _draw_word(rng, length, alphabet)[0]
    return kind, "".join(sorted(text, key=alphabet.index)) if kind == "count" else text


def _has(values: Values, tape: str) -> bool:
    kind, text = values
    if kind == "substring":
        return text in tape
    if kind == "ordered":
        symbols = iter(tape)
        return all(symbol in symbols for symbol in text)
    counts: Counter[str] = Counter(text)
    return all(tape.count(symbol) >= count for symbol, count in counts.items())


def _has_automaton(values: Values, alphabet: str) -> Automaton:
    kind, text = values
    if kind == "substring":
        return explore(
            alphabet,
            "",
            lambda seen, symbol: seen if seen == text else _overlap(text, seen + symbol),
            lambda seen: seen == text,
        )
    if kind == "ordered":
        return explore(
            alphabet, text, lambda left, symbol: left[1:] if left[:1] == symbol else left, lambda left: not left
        )
    return explore(alphabet, text, lambda left, symbol: left.replace(symbol, "", 1), lambda left: not left)


def _has_words(values: Values) -> str:
    kind, text = values
    if kind == "substring":
        return f"Accept a tape that contains {text} without a gap, and reject every other."
    if kind == "ordered":
        row = ", then ".join(text)
        return f"Accept a tape that contains, in this order but with anything between them, {row}; reject every other."
    counts: Counter[str] = Counter(text)
    counted = " and ".join(f"{count} {symbol}" for symbol, count in counts.items())
    return f"Accept a tape that contains at least {counted}, in any order; reject every other."


def _draw_regex(rng: TaskRandom, length: int, alphabet: str) -> Values:
    parts = []
    for _ in range(rng.between(2, 3)):
        text = word(rng, rng.between(1, max(1, length - 2)), alphabet)
        if rng.below(4) == 0:
            text += "|" + word(rng, rng.between(1, 2), alphabet)
        parts.append(f"({text}){rng.choice(('', '+', '*', '?', '+'))}")
    return ("".join(parts),)


def _matches(values: Values, tape: str) -> bool:
    return re.fullmatch(values[0], tape) is not None


def _regex_automaton(values: Values, alphabet: str) -> Automaton:
    return Pattern(values[0]).automaton(alphabet)


def _draw_comparison(rng: TaskRandom, length: int, alphabet: str) -> Values:
    return rng.choice(list(_COMPARISONS)), rng.between(2, 2**length - 1)


def _compares(values: Values, tape: str) -> bool:
    return bool(_COMPARISONS[values[0]][0](number_of(tape), values[1]))


def comparison_automaton(values: Values, alphabet: str) -> Automaton:
    """The numbers that compare as said with a bound, for example `("at least", 5)`; leading zeros are allowed."""
    kind, bound = values
    most = bound + 1  # from here on a number only grows
    return explore(
        alphabet,
        0,
        lambda number, symbol: min(most, 2 * number + (symbol == "B")),
        lambda number: bool(_COMPARISONS[kind][0](number, bound)),
    )


_AUTOMATA = {
    "START": _start_automaton,
    "EXACT": _exact_automaton,
    "ENDS": _ends_automaton,
    "HAS": _has_automaton,
    "REGEX": _regex_automaton,
    "COMPR": comparison_automaton,
}


class _Machine:
    """The machine of a family's automaton."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def __call__(self, values: Values, alphabet: str) -> Program:
        return acceptor(_AUTOMATA[self.tag](values, alphabet))


REGULAR = (
    Family(
        "START",
        "basic",
        _draw_word,
        _starts,
        _Machine("START"),
        lambda values: f"Accept a tape that begins with {values[0]}, and reject every other.",
        lambda values: f"s{values[0]}",
        "A chain of pullers, one for each symbol of the word: the right symbol leads on, every other one to NONE.",
        _AUTOMATA["START"],
        four=True,
    ),
    Family(
        "EXACT",
        "basic",
        _draw_word,
        _is_exactly,
        _Machine("EXACT"),
        lambda values: f"Accept the tape {values[0]}, and reject every other.",
        lambda values: f"x{values[0]}",
        "A chain of pullers, one for each symbol of the word; the last one leads to a puller whose [EMPTY] branch "
        "alone accepts. With four colours a tape is empty only where neither kind of puller finds anything to take.",
        _AUTOMATA["EXACT"],
        four=True,
    ),
    Family(
        "ENDS",
        "easy",
        _draw_word,
        _ends,
        _Machine("ENDS"),
        lambda values: f"Accept a tape that ends with {values[0]}, and reject every other.",
        lambda values: f"e{values[0]}",
        "One puller for each beginning of the word that may have been seen last. A wrong symbol leads to the longest "
        "beginning that still holds, not to the first puller. Whether to accept is decided on [EMPTY].",
        _AUTOMATA["ENDS"],
        four=True,
    ),
    Family(
        "HAS",
        "easy",
        _draw_has,
        _has,
        _Machine("HAS"),
        _has_words,
        lambda values: f"{_HAS_LETTERS[values[0]]}{values[1]}",
        "One puller for what has been found so far. For symbols in order, a wrong one leads back to the same puller; "
        "without a gap, to the longest beginning that still holds; for counts, every puller stands for all counters.",
        _AUTOMATA["HAS"],
        four=True,
    ),
    Family(
        "REGEX",
        "easy",
        _draw_regex,
        _matches,
        _Machine("REGEX"),
        lambda values: (
            f"Accept a tape that matches the pattern {values[0]} as a whole, and reject every other. In a "
            "pattern + means once or more, * any number of times, ? once or not at all, | either of two."
        ),
        lambda values: f"m{values[0]}",
        "One puller for each set of places in the pattern where the tape may have come to; [EMPTY] accepts where the "
        "end of the pattern is among them.",
        _AUTOMATA["REGEX"],
        four=True,
    ),
    Family(
        "COMPR",
        "easy",
        _draw_comparison,
        _compares,
        _Machine("COMPR"),
        lambda values: (
            f"Read a tape as a binary number, the highest bit first, with B for 1 and R for 0; leading zeros "
            f"count for nothing and the empty tape is 0. Accept numbers that are {values[0]} {values[1]} (in symbols: "
            f"{binary(values[1])}), and reject every other."
        ),
        lambda values: f"n{_COMPARISONS[values[0]][1]}{values[1]}",
        "Pass over leading zeros, then compare bit by bit from the highest, and remember how many bits are still to "
        "come: a number with more bits is greater.",
        _AUTOMATA["COMPR"],
    ),
)
