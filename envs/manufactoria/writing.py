"""Families that write (APPEND, PREPEND, MUTATE, BIT_OP, FDIV, MINMAX, ADD), and SYMM, whose language is not regular.

Of each problem there is an oracle in plain Python, and a reference machine that is made without it.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable
from typing import cast

from rlvr_gym.envs.manufactoria.family import FOUR, TWO, Family, Values, binary, number_of, word
from rlvr_gym.envs.manufactoria.machines import (
    BitByBit,
    BitStep,
    Transducer,
    appender,
    bit_by_bit,
    chooser,
    same_number,
    transducer,
)
from rlvr_gym.envs.manufactoria.regular import comparison_automaton
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.manufactoria import Program

_NUMBER_FORM = (
    "The tape holds a binary number, the highest bit first, with B for 1 and R for 0; it has at least one symbol, and "
    "no leading zeros unless it is the number 0."
)
_BITS = {"and": operator.and_, "or": operator.or_, "xor": operator.xor}


def _draw_word(rng: TaskRandom, length: int, alphabet: str) -> Values:
    return (word(rng, rng.between(min(2, length), length), alphabet),)


def _words(values: Values, rng: TaskRandom, alphabet: str = TWO) -> list[str]:
    """The empty tape, all short ones, and longer ones."""
    short = ["", *alphabet, *(a + b for a in alphabet for b in alphabet)]
    return [*short, *(word(rng, rng.between(3, 10), alphabet) for _ in range(36))]


def _words_of_four(values: Values, rng: TaskRandom) -> list[str]:
    return [tape for pair in zip(_words(values, rng, FOUR), _words(values, rng), strict=False) for tape in pair]


def _numbers(values: Values, rng: TaskRandom) -> list[str]:
    """Numbers around the parameter, all small ones, and larger ones."""
    bound = values[-1]
    near = [abs(bound + step) for step in (0, -1, 1)] + [2 * bound, 2 * bound - 1]
    several = [*near, *range(17), *(rng.below(2 ** rng.between(5, 9)) for _ in range(30))]
    return [binary(number) for number in dict.fromkeys(several)]


# --- APPEND, PREPEND, MUTATE ------------------------------------------------------------------------------------


def _prepender(values: Values, alphabet: str) -> Program:
    return transducer(Transducer(values[0], 0, lambda state, symbol: (state, symbol), lambda state: ""))


def _draw_rewrite(rng: TaskRandom, length: int, alphabet: str) -> Values:
    old = word(rng, rng.between(2, max(2, min(4, length))), alphabet)
    while (new := word(rng, rng.between(1, len(old)), alphabet)) == old:
        pass
    return old, new


def _rewritten(values: Values, tape: str) -> str:
    return tape.replace(values[0], values[1])


class _Rewriting:
    """Holds back what may be the beginning of the word that is replaced."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def step(self, state: Hashable, symbol: str) -> tuple[Hashable, str]:
        """The beginning of the word that is held back now, and what is let go."""
        seen = cast("str", state) + symbol
        if seen == self.old:
            return "", self.new
        held = seen
        while not self.old.startswith(held):
            held = held[1:]
        return held, seen[: len(seen) - len(held)]


def _rewriter(values: Values, alphabet: str) -> Program:
    return transducer(Transducer("", "", _Rewriting(*values).step, lambda state: cast("str", state)))


def _texts(values: Values, rng: TaskRandom) -> list[str]:
    """Tapes in which the word to be replaced is frequent, and may overlap itself."""
    old = values[0]
    pieces = [old, old, old[:-1], old[1:], "R", "B"]
    made = ["".join(rng.choice(pieces) for _ in range(rng.between(1, 4))) for _ in range(40)]
    return [tape for pair in zip(_words(values, rng), made, strict=False) for tape in pair]


# --- Numbers ----------------------------------------------------------------------------------------------------


def _draw_constant(rng: TaskRandom, length: int, alphabet: str) -> Values:
    return (rng.between(2, 2**length - 1),)


def _draw_bits(rng: TaskRandom, length: int, alphabet: str) -> Values:
    return rng.choice(list(_BITS)), rng.between(1, 2**length - 1)


def _with_bits(values: Values, tape: str) -> str:
    kind, constant = values
    width = max(len(tape), constant.bit_length())
    return binary(_BITS[kind](number_of(tape), constant)).rjust(width, "R")


def _bit_machine(values: Values, alphabet: str) -> Program:
    kind, constant = values
    apply = _BITS[kind]
    step = BitByBit(
        constant.bit_length(), lambda at, bit, carry: BitStep(apply(bit, constant >> at & 1), 0), kind == "and"
    )
    return bit_by_bit(step)


def _sum(values: Values, tape: str) -> str:
    return binary(number_of(tape) + values[0])


def _adder(values: Values, alphabet: str) -> Program:
    return bit_by_bit(BitByBit(values[0].bit_length(), _Adding(values[0]).step))


class _Adding:
    """Addition of a constant, bit by bit."""

    def __init__(self, constant: int) -> None:
        self.constant = constant

    def step(self, at: int, bit: int, carry: int) -> BitStep:
        """The bit of the sum, and the carry."""
        total = bit + (self.constant >> at & 1) + carry
        return BitStep(total & 1, total >> 1)


def _quotient(values: Values, tape: str) -> str:
    return binary(number_of(tape) // values[0])


class _Dividing:
    """Long division: the state is the remainder, and -1 minus it before the first digit of the quotient."""

    def __init__(self, divisor: int) -> None:
        self.divisor = divisor

    def step(self, state: Hashable, symbol: str) -> tuple[Hashable, str]:
        """The next remainder, and the digit of the quotient."""
        left = cast("int", state)
        digit, rest = divmod(2 * (left if left >= 0 else -1 - left) + (symbol == "B"), self.divisor)
        if left < 0 and not digit:
            return -1 - rest, ""
        return rest, "RB"[digit]


def _divider(values: Values, alphabet: str) -> Program:
    step = _Dividing(values[0]).step
    return transducer(Transducer("", -1, step, lambda state: "R" if cast("int", state) < 0 else ""))


def _draw_choice(rng: TaskRandom, length: int, alphabet: str) -> Values:
    kind = rng.choice(("max", "min"))
    return kind, rng.between(2 if kind == "min" else 2 ** (length - 1), 2**length - 1)  # there are few smaller numbers


def _chosen(values: Values, tape: str) -> str:
    pick = max if values[0] == "max" else min
    return binary(pick(number_of(tape), values[1]))


def _choice_machine(values: Values, alphabet: str) -> Program:
    kind, bound = values
    kept = comparison_automaton(("at least" if kind == "max" else "at most", bound), TWO)
    return chooser(kept, binary(bound))


# --- SYMM -------------------------------------------------------------------------------------------------------


def _draw_blocks(rng: TaskRandom, length: int, alphabet: str) -> Values:
    return rng.choice(TWO), rng.between(0, length + 2)


def _is_blocks(values: Values, tape: str) -> bool:
    first, more = values
    count = tape.count(first)
    return count > 0 and tape == first * count + ("B" if first == "R" else "R") * (count + more)


def _blocks(values: Values, rng: TaskRandom) -> list[str]:
    first, more = values
    other = "B" if first == "R" else "R"
    tapes = []
    for count in range(1, 7):
        right = first * count + other * (count + more)
        at = rng.below(len(right))
        tapes += [right, right[1:], right[:-1], right + other, first + right, right + first, other + right]
        tapes += [right[::-1], right[:at] + right[at + 1 :], right[at:] + right[:at]]
    return [*tapes, "", first, other * more, *(word(rng, rng.between(1, 9), TWO) for _ in range(20))]


WRITING = (
    Family(
        "APPEND",
        "basic",
        _draw_word,
        lambda values, tape: tape + values[0],
        lambda values, alphabet: appender(values[0]),
        lambda values: f"Accept every tape, and put {values[0]} at its end.",
        lambda values: f"a{values[0]}",
        "A chain of painters.",
        pool=_words_of_four,
        output=True,
        four=True,
    ),
    Family(
        "PREPEND",
        "medium",
        _draw_word,
        lambda values, tape: values[0] + tape,
        _prepender,
        lambda values: f"Accept every tape, and put {values[0]} in front of it.",
        lambda values: f"p{values[0]}",
        "Paint a mark in Y, then the word; then take every symbol from the front and paint it at the back, until the "
        "mark comes. Y and G are never on the tape at the beginning.",
        pool=_words,
        output=True,
    ),
    Family(
        "MUTATE",
        "medium",
        _draw_rewrite,
        _rewritten,
        _rewriter,
        lambda values: (
            f"Accept every tape, and replace each {values[0]} on it by {values[1]}: from the front to the "
            "back, what is replaced is not looked at again."
        ),
        lambda values: f"u{values[0]}>{values[1]}",
        "Paint a mark in Y and go round once. Hold back, in the node where the machine is, what may be the beginning "
        "of the word, and paint it when it turns out not to be.",
        pool=_texts,
        output=True,
    ),
    Family(
        "BIT_OP",
        "medium",
        _draw_bits,
        _with_bits,
        _bit_machine,
        lambda values: (
            f"Accept every number, and leave its bitwise {values[0].upper()} with {values[1]} (in symbols: "
            f"{binary(values[1])}) on the tape. The shorter of the two is filled up with leading zeros to the length "
            "of the longer, and the result has that length."
        ),
        lambda values: f"{'&' if values[0] == 'and' else '|' if values[0] == 'or' else '~'}{values[1]}",
        "Put a mark G behind the number and Y behind that. In every round change the bit before G, and move G before "
        "it.",
        pool=_numbers,
        output=True,
        form=_NUMBER_FORM,
    ),
    Family(
        "FDIV",
        "hard",
        _draw_constant,
        _quotient,
        _divider,
        lambda values: (
            f"Accept every number, and leave its quotient by {values[0]} on the tape, rounded down, without "
            "leading zeros; the number 0 is R."
        ),
        lambda values: f"/{values[0]}",
        "Paint a mark in Y and go round once, dividing as on paper: the node where the machine is stands for the "
        "remainder.",
        pool=_numbers,
        output=True,
        form=_NUMBER_FORM,
    ),
    Family(
        "SYMM",
        "hard",
        _draw_blocks,
        _is_blocks,
        lambda values, alphabet: same_number(*values),
        lambda values: (
            f"Accept a tape that is a block of n {values[0]}, n at least 1, and behind it a block of "
            f"{f'n + {values[1]}' if values[1] else 'n'} {'B' if values[0] == 'R' else 'R'}, and nothing else; reject "
            "every other."
        ),
        lambda values: f"y{values[0]}{values[1]}",
        "Paint a mark in Y. In every round take one symbol of each block and copy the others.",
        pool=_blocks,
    ),
    Family(
        "MINMAX",
        "hard",
        _draw_choice,
        _chosen,
        _choice_machine,
        lambda values: (
            f"Accept every number, and leave the {'greater' if values[0] == 'max' else 'smaller'} of it and "
            f"{values[1]} (in symbols: {binary(values[1])}) on the tape."
        ),
        lambda values: f"{'^' if values[0] == 'max' else 'v'}{values[1]}",
        "Paint a mark in Y and go round once, copying and comparing; where the number is to be replaced, empty the "
        "tape and paint the other one.",
        pool=_numbers,
        output=True,
        form=_NUMBER_FORM,
    ),
    Family(
        "ADD",
        "hard",
        _draw_constant,
        _sum,
        _adder,
        lambda values: (
            f"Accept every number, and leave its sum with {values[0]} (in symbols: {binary(values[0])}) on the tape."
        ),
        lambda values: f"+{values[0]}",
        "Put a mark G behind the number and Y behind that. In every round add at the bit before G, move G before it, "
        "and remember the carry.",
        pool=_numbers,
        output=True,
        form=_NUMBER_FORM,
    ),
)
