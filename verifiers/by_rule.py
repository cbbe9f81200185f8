"""What verifiers of one declared answer share: find it, read it, check it by rule.

A family says how an answer is read and what must hold of it. Finding the last declaration, statuses, limits and what
is kept of the answer are the same for all, so that no family can pay for an answer in a place where another would not.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, Verifier
from rlvr_gym.verifiers.errors import ConfigError
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict

KEPT_CHARS = 200  # of an answer that could not be read


class UnreadableError(ValueError):
    """Raised by `RuleVerifier.read`: the answer is not of the kind that is asked for. Never leaves `Verifier`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code, text)


class Finding(NamedTuple):
    """What was found of an answer that could be read.

    Args:
        passed: Whether it is right.
        reason: Why, without a word of what is hidden.
        score: Of an answer that is not right, in [0, 1); a right one scores 1.
        parts: What was looked at.
        extracted: The answer as it was understood; the text that was read where None.
    """

    passed: bool
    reason: Reason
    score: float = 0.0
    parts: tuple[Part, ...] = ()
    extracted: str | None = None


@dataclass(frozen=True)
class RuleVerifier(Verifier):
    """Judges the last declared answer of a response by rule.

    Subclasses implement `parse_reference`, `read` and `check`. An answer that cannot be read is `malformed` and scores
    0.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).
    """

    max_answer_chars: ClassVar[int] = 10_000
    unread: ClassVar[tuple[Part, ...]] = ()  # parts of the verdict where there is no answer that can be read

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def __post_init__(self) -> None:
        check_markers(self.markers)
        super().__post_init__()

    def judge(self, response: str, gold: Any, context: Context | None) -> Verdict:
        """See the class."""
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id, parts=self.unread)
        text = slot.text.strip()
        kept = text[:KEPT_CHARS]
        if len(text) > self.max_answer_chars:
            said = f"the answer has {len(text):,} characters; at most {self.max_answer_chars:,} are read"
            return self._unread(Reason("answer_too_long", said), kept, slot.marker)
        try:
            answer = self.read(text, gold)
        except UnreadableError as error:
            return self._unread(error.reason, kept, slot.marker)
        found = self.check(answer, gold)
        status, score = (Status.PASSED, 1.0) if found.passed else (Status.FAILED, found.score)
        understood = text if found.extracted is None else found.extracted
        return Verdict(status, score, found.reason, self.id, understood, slot.marker, found.parts)

    def _unread(self, reason: Reason, kept: str, marker: str) -> Verdict:
        return Verdict(Status.MALFORMED, 0.0, reason, self.id, kept, marker, self.unread)

    @abstractmethod
    def read(self, text: str, gold: Any) -> Any:
        """Read an answer: not empty of markers only, stripped, at most `max_answer_chars` characters.

        Raises:
            UnreadableError: It is not of the kind that is asked for. Nothing else may be raised, whatever the text.
        """

    @abstractmethod
    def check(self, answer: Any, gold: Any) -> Finding:
        """Check what `read` gave against what `parse_reference` gave. Must be total on both."""


def compact_markers(style: str) -> dict[str, Any]:
    """Settings of a verifier for problems in a style: of `"compact"` ones the whole response is the answer.

    Raises:
        ConfigError: There is no such style.

    Example:
        >>> compact_markers("compact"), compact_markers("question")
        ({'markers': ['whole']}, {})
    """
    if style not in ("question", "compact"):
        raise ConfigError(f"style must be 'question' or 'compact', got {style!r}")
    return {"markers": ["whole"]} if style == "compact" else {}
