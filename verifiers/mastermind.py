"""`mastermind@1`: one guess at a hidden code; right when every symbol is.

The dense score says what the game says: how many symbols stand in their place, and how many stand elsewhere. What the
verdict tells never quotes the code.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

_SEPARATED = re.compile(r"[0-9](?:[ ,]*[0-9])*")
MAX_GUESS_CHARS = 200


class Code(NamedTuple):
    """The hidden code, and how many different symbols there are: the digits from 1 on."""

    digits: str
    symbols: int


class Marks(NamedTuple):
    """What the game says of a guess."""

    in_place: int
    elsewhere: int


@dataclass(frozen=True)
class Mastermind(RuleVerifier):
    """Judges one guess at a code of digits.

    The reference is `{"code": "3142", "symbols": 6}`: each digit from 1 to `symbols`, which is at most 9. Digits of a
    guess may be separated by blanks and commas. The dense score of a guess is (in place + elsewhere / 2) / length.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Mastermind()
        >>> reference = {"code": "3142", "symbols": 6}
        >>> verdict = verifier.verify("<answer>3 1 2 5</answer>", reference)
        >>> verdict.reason.text, verdict.score
        ('2 in place, 1 elsewhere', 0.625)
        >>> verifier.verify("<answer>3142</answer>", reference).passed
        True
    """

    name = "mastermind"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "A guess is right whether it was reasoned out or was luck: over n tries a random one is right with n in "
        "symbols**length.",
    )

    def parse_reference(self, reference: Any) -> Code:
        """See the class."""
        try:
            digits, symbols = reference["code"], reference["symbols"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_code", "the reference must hold 'code' and 'symbols'") from error
        if type(symbols) is not int or not 1 <= symbols <= 9:
            raise ReferenceFault("symbols_out_of_range", f"'symbols' must be 1 to 9, got {shown(symbols)}")
        if not isinstance(digits, str) or not 1 <= len(digits) <= MAX_GUESS_CHARS:
            raise ReferenceFault("not_a_code", f"'code' must be a text of digits, got {shown(digits)}")
        if not set(digits) <= set("123456789"[:symbols]):
            raise ReferenceFault("symbol_out_of_range", f"'code' must be digits from 1 to {symbols}")
        return Code(digits, symbols)

    def read(self, text: str, gold: Code) -> str:
        """The digits of a guess."""
        guess = text.replace(" ", "").replace(",", "")
        fault = _fault(text, guess, gold)
        if fault is not None:
            raise UnreadableError(*fault)
        return guess

    def check(self, answer: str, gold: Code) -> Finding:
        """See the class."""
        if answer == gold.digits:
            return Finding(True, Reason("found", "the code is found"), extracted=answer)
        marks = compare(answer, gold.digits)
        reason = Reason("different", f"{marks.in_place} in place, {marks.elsewhere} elsewhere")
        parts = (
            Part("in_place", False, marks.in_place / len(answer), str(marks.in_place)),
            Part("elsewhere", False, marks.elsewhere / len(answer), str(marks.elsewhere)),
        )
        return Finding(False, reason, (marks.in_place + marks.elsewhere / 2) / len(answer), parts, answer)


def compare(guess: str, code: str) -> Marks:
    """How many symbols stand in their place, and how many more stand elsewhere, each counted once.

    Example:
        >>> compare("1122", "1212")
        Marks(in_place=2, elsewhere=2)
    """
    in_place = sum(one == other for one, other in zip(guess, code, strict=True))
    return Marks(in_place, (Counter(guess) & Counter(code)).total() - in_place)


def _fault(text: str, guess: str, gold: Code) -> Reason | None:
    if len(text) > MAX_GUESS_CHARS * 3 or _SEPARATED.fullmatch(text) is None:
        return Reason("not_a_guess", "a guess is digits and nothing else")
    if len(guess) != len(gold.digits):
        return Reason("wrong_length", f"a guess has {len(gold.digits)} digits, not {len(guess)}")
    if not set(guess) <= set("123456789"[: gold.symbols]):
        return Reason("wrong_symbol", f"a guess has digits from 1 to {gold.symbols}")
    return None
