"""`cryptarithm@1`: digits for letters, under which a sum of words is right.

Checked by adding up; no solution is compared with another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_WORDS = 20
MAX_LETTERS = 50
_WORD = re.compile(r"[A-Z]+")
_PAIR = re.compile(r"\s*+([A-Z])\s*+=\s*+([0-9])(?:\s*+[,;]|\s++|\Z)")


class Gold(NamedTuple):
    """The words, their letters, those that begin a word of more than one letter, and the digits that were told."""

    addends: tuple[str, ...]
    total: str
    letters: frozenset[str]
    leading: frozenset[str]
    given: dict[str, int]


@dataclass(frozen=True)
class Cryptarithm(RuleVerifier):
    """Judges digits by the sum.

    The reference is `{"addends": ["SEND", "MORE"], "sum": "MONEY", "given": {"M": 1}}`; `given`, the digits that the
    prompt tells, may be left out. The answer names a digit for every letter, once: `S=9, E=5, ...`. Different letters
    have different digits, no word of more than one letter begins with 0, and letters that are given keep their digit.

    An answer that breaks one of these scores 0. Otherwise the score is the share of the columns of the sum that are
    right before the first one from the right that is not.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Cryptarithm()
        >>> reference = {"addends": ["SEND", "MORE"], "sum": "MONEY"}
        >>> verifier.verify("<answer>S=9, E=5, N=6, D=7, M=1, O=0, R=8, Y=2</answer>", reference).passed
        True
        >>> verifier.verify("<answer>S=9, E=5, N=6, D=8, M=1, O=0, R=7, Y=3</answer>", reference).reason.text
        '1 of 5 columns from the right is right'
    """

    name = "cryptarithm"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Whether there is another solution is not looked at: every one passes.",
        "The score knows columns alone: digits that are right to the left of the first wrong column count nothing.",
    )

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, dict):
            raise ReferenceFault("not_a_sum", "the reference must hold 'addends' and 'sum'")
        addends, total, given = reference.get("addends"), reference.get("sum"), reference.get("given") or {}
        if not isinstance(addends, list | tuple) or not 2 <= len(addends) <= MAX_WORDS:
            raise ReferenceFault("not_a_sum", f"'addends' must be 2 to {MAX_WORDS} words, got {shown(addends)}")
        for word in (*addends, total):
            if not isinstance(word, str) or len(word) > MAX_LETTERS or _WORD.fullmatch(word) is None:
                raise ReferenceFault("not_a_word", f"a word has 1 to {MAX_LETTERS} letters A to Z, got {shown(word)}")
        words = (*addends, str(total))
        letters = frozenset("".join(words))
        if len(letters) > 10:
            raise ReferenceFault("too_many_letters", f"there are ten digits and {len(letters)} letters")
        if not isinstance(given, Mapping) or not all(
            key in letters and type(digit) is int and 0 <= digit <= 9 for key, digit in given.items()
        ):
            raise ReferenceFault("wrong_given", f"'given' must name digits of letters, got {shown(given)}")
        leading = frozenset(word[0] for word in words if len(word) > 1)
        return Gold(words[:-1], words[-1], letters, leading, dict(given))

    def read(self, text: str, gold: Gold) -> dict[str, int]:
        """The digit of every letter."""
        found: dict[str, int] = {}
        at = 0
        while at < len(text):
            match = _PAIR.match(text, at)
            if match is None:
                raise UnreadableError("not_digits", "an answer is letters with their digits, as in 'A=1, B=2'")
            if match[1] in found:
                raise UnreadableError("letter_twice", f"{match[1]} stands twice")
            found[match[1]] = int(match[2])
            at = match.end()
        if set(found) != gold.letters:
            raise UnreadableError("wrong_letters", "the letters must be those of the words, each once")
        return found

    def check(self, answer: dict[str, int], gold: Gold) -> Finding:
        """See the class."""
        extracted = ", ".join(f"{letter}={answer[letter]}" for letter in sorted(answer))
        fault = _fault(answer, gold)
        if fault is not None:
            return Finding(False, fault, 0.0, (Part("rules", False, 0.0, fault.text),), extracted)
        right, columns, carried = _right_columns(answer, gold)
        passed = right == columns and carried == 0
        if passed:
            reason = Reason("adds_up", "the sum is right")
        elif right == columns:
            reason = Reason("carry_left", "the columns are right, and more is carried than the sum has digits")
        else:
            verb = "is" if right == 1 else "are"
            reason = Reason("wrong_sum", f"{right} of {columns} columns from the right {verb} right")
        share = right / columns if right < columns else (right - 1) / columns
        parts = (Part("rules", True, 1.0), Part("columns", passed, 1.0 if passed else share, f"{right} of {columns}"))
        return Finding(passed, reason, share, parts, extracted)


def _fault(answer: Mapping[str, int], gold: Gold) -> Reason | None:
    if len(set(answer.values())) < len(answer):
        return Reason("same_digit", "different letters must have different digits")
    if any(answer[letter] == 0 for letter in gold.leading):
        return Reason("leading_zero", "no word may begin with 0")
    if any(answer[letter] != digit for letter, digit in gold.given.items()):
        return Reason("not_the_given", "a letter that is given has another digit")
    return None


def _right_columns(answer: Mapping[str, int], gold: Gold) -> tuple[int, int, int]:
    """Columns that are right before the first wrong one, how many there are, and what is carried out of the last."""
    columns = max(map(len, (*gold.addends, gold.total)))
    carried = 0
    for at in range(columns):
        carried += sum(answer[word[-1 - at]] for word in gold.addends if at < len(word))
        carried, digit = divmod(carried, 10)
        if digit != (answer[gold.total[-1 - at]] if at < len(gold.total) else 0):
            return at, columns, carried
    return columns, columns, carried
