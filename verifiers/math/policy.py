"""What is a matter of convention, made explicit: the settings of a comparison, and its result."""

from __future__ import annotations

from typing import NamedTuple

from rlvr_gym.verifiers.math.ladder import Outcome
from rlvr_gym.verifiers.math.tree import MathError, Node, walk

DECIMALS = ("rounded", "exact")
UNITS = ("optional", "required")
VARIABLES = ("real", "positive")


class WorkerFailed(MathError):
    """There is no worker for the last rung: a failure of ours, so the answer is ungradable."""


class Policy(NamedTuple):
    """The conventions of one comparison.

    Args:
        decimals: `"rounded"`: a decimal reference of three or more significant digits and two or more decimals accepts
            a value that has no short decimal of its own and rounds to it (`8/3` for `2.67`); `"exact"`: it does not.
        units: `"optional"`: a unit counts only where both sides have one; `"required"`: an answer without the unit of
            the reference is wrong.
        variables: What variables may stand for: `"real"`: any real number, so that the square root of a square is an
            absolute value and `\\ln x^2` has more values than `2\\ln x`; `"positive"`: positive numbers.
        prompt: The question, where it is known: it says whether a percentage is asked for and what `y` is.
    """

    decimals: str = "rounded"
    units: str = "optional"
    variables: str = "real"
    prompt: str = ""


class Judgement(NamedTuple):
    """The result for two whole answers.

    Args:
        equal: True, False, or None (undecided).
        rung: What decided.
        code: Reason code; empty where `equal` says it all.
        note: One sentence for a person.
    """

    equal: bool | None
    rung: str
    code: str = ""
    note: str = ""


def different(rung: str, code: str = "", note: str = "") -> Judgement:
    """Not equal."""
    return Judgement(False, rung, code, note)


def judged(outcome: Outcome) -> Judgement:
    """A judgement from what the ladder found."""
    return Judgement(outcome.equal, outcome.rung, "", outcome.note)


def all_of(judgements: list[Judgement], rung: str) -> Judgement:
    """Equal where all are; different where any is; else undecided."""
    for judgement in judgements:
        if judgement.equal is False:
            return judgement
    for judgement in judgements:
        if judgement.equal is None:
            return judgement
    slowest = judgements[-1].rung if judgements else rung
    return Judgement(True, slowest)


_CLOSED = frozenset({"binom", "perm"})


def functions(node: Node) -> set[str]:
    """The operators and functions that an expression leaves to be worked out.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> functions(parse("\\\\log_2 8 + \\\\int_0^1 x")) == {"log", "int"}
        True
    """
    found: set[str] = set()
    for inner in walk(node):
        if inner.head == "op" or (inner.head == "call" and inner.value not in _CLOSED):
            found.add(str(inner.value).split("_")[0].split(":")[0].rstrip("^"))
        elif inner.head in ("floor", "ceil", "abs", "mod"):
            found.add(inner.head)
    return found
