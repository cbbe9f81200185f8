"""`string@1`: the final answer is one text, compared letter by letter.

Beside `answer@1`, which looks past case, punctuation and articles: here every letter counts, and only blanks around the
answer, the number of blanks between its words and one pair of quotation marks around it do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.verdict import Reason

MAX_STRING_CHARS = 2_000
_QUOTES = ("''", '""', "``", "“”", "‘’")


@dataclass(frozen=True)
class String(RuleVerifier):
    """Exact comparison of one text.

    The reference is a text of at most 2,000 characters, without blanks around it, two blanks side by side, or quotation
    marks around it. A wrong answer scores 0: how many letters agree says little about the steps that led to it.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = String()
        >>> verifier.verify('<answer>"aXb c"</answer>', "aXb c").passed
        True
        >>> verifier.verify("<answer>axb c</answer>", "aXb c").reason.code
        'different'
    """

    name = "string"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "One pair of quotation marks around an answer and the number of blanks between words are read over.",
        "Letters that look alike but are other characters differ.",
    )
    max_answer_chars: ClassVar[int] = 2 * MAX_STRING_CHARS

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def parse_reference(self, reference: Any) -> str:
        """See the class."""
        if not isinstance(reference, str) or not reference or len(reference) > MAX_STRING_CHARS:
            raise ReferenceFault("no_text", f"the reference must be a text of 1 to {MAX_STRING_CHARS:,} characters")
        if bare(reference) != reference or not reference.isprintable():
            text = "the reference has blanks or quotation marks around it, double blanks, or a control character"
            raise ReferenceFault("not_plain", text)
        return reference

    def read(self, text: str, gold: str) -> str:
        """See the class."""
        answer = bare(text)
        if not answer:
            raise UnreadableError("empty_answer", "the answer is empty")
        return answer

    def check(self, answer: str, gold: str) -> Finding:
        """See the class."""
        if answer == gold:
            return Finding(True, Reason("equal", "equal letter by letter"))
        return Finding(False, Reason("different", "another text"))


def bare(text: str) -> str:
    """A text without blanks and one pair of quotation marks around it, its words apart by one blank.

    Example:
        >>> bare(' "ab   c" ')
        'ab c'
    """
    joined = " ".join(text.split())
    if len(joined) > 1 and joined[0] + joined[-1] in _QUOTES:
        joined = joined[1:-1].strip()
    return joined
