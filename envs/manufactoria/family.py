"""What a family of problems is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.manufactoria import Automaton, Program

Values = tuple[Any, ...]  # texts and numbers: the parameters of a problem
TWO, FOUR = "RB", "RBYG"
TIERS = ("basic", "easy", "medium", "hard")


class Problem(NamedTuple):
    """One problem.

    Args:
        tag: Its family.
        alphabet: The symbols that a tape may hold at the beginning.
        values: Its parameters.
    """

    tag: str
    alphabet: str
    values: Values

    @property
    def key(self) -> str:
        """The problem as one text."""
        return f"{self.tag}|{self.alphabet}|{'|'.join(map(str, self.values))}"


@dataclass(frozen=True)
class Family:
    """A family of problems.

    Args:
        tag: Its name.
        tier: One of `TIERS`.
        draw: Parameters from random numbers, the greatest length and the alphabet.
        wanted: What is wanted of a tape: whether it is accepted, or the output. Plain Python, and no machine.
        program: The reference machine.
        criterion: What the machine is to do, in English.
        short: The same for small models.
        idea: How such a machine works; for hints.
        automaton: The language, where it is regular.
        pool: Tapes to test with, where it is not.
        output: Whether the output is checked.
        four: Whether tapes may hold four colours.
        form: What a tape holds at the beginning, where that is not any row of symbols.
    """

    tag: str
    tier: str
    draw: Callable[[TaskRandom, int, str], Values]
    wanted: Callable[[Values, str], Any]
    program: Callable[[Values, str], Program]
    criterion: Callable[[Values], str]
    short: Callable[[Values], str]
    idea: str
    automaton: Callable[[Values, str], Automaton] | None = None
    pool: Callable[[Values, TaskRandom], list[str]] | None = None
    output: bool = False
    four: bool = False
    form: str = ""


def word(rng: TaskRandom, length: int, alphabet: str) -> str:
    """A row of so many symbols, each drawn uniformly."""
    return "".join(rng.choice(alphabet) for _ in range(length))


def binary(number: int) -> str:
    """A number as a tape, the highest bit first: B is 1 and R is 0.

    Example:
        >>> binary(6), binary(0)
        ('BBR', 'R')
    """
    return f"{number:b}".translate({48: "R", 49: "B"})


def number_of(tape: str) -> int:
    """The number that a tape stands for; the empty one is 0.

    Example:
        >>> number_of("BBR"), number_of("RRB"), number_of("")
        (6, 1, 0)
    """
    return int("0" + tape.replace("R", "0").replace("B", "1"), 2)
