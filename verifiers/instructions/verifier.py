"""`instructions@1`: does a response keep to instructions that a program can check?

The whole response after its reasoning is judged; there is no declared answer. The reference names the instructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import ConfigError, UnknownNameError, shown, suggestion
from rlvr_gym.verifiers.extraction import after_reasoning
from rlvr_gym.verifiers.instructions.catalogue import Asked, asked, variants
from rlvr_gym.verifiers.instructions.constraint import Outcome
from rlvr_gym.verifiers.instructions.guard import degenerate, least_words
from rlvr_gym.verifiers.verdict import Part, Reason, Status, Verdict

PROFILES = ("fixed", "reference")
MAX_INSTRUCTIONS = 50
_KEPT_CHARS = 200
_NO_CONTENT = "I do not know."


class Gold(NamedTuple):
    """What a reference asks for."""

    instructions: tuple[Asked, ...]
    min_words: int

    @property
    def kinds(self) -> list[str]:
        """Ids of the instructions."""
        return [one.kind.id for one in self.instructions]


@dataclass(frozen=True)
class Instructions(Verifier):
    """Judges whether a response keeps to a list of instructions: the 25 kinds of IFEval and the 58 of IFBench.

    The reference is `{"instructions": [{"id": "keywords:existence", "parameters": {"keywords": ["sea"]}}, ...]}`, with
    `"min_words"` where a response must have more or fewer words than the guard asks for. The score is the share of
    instructions that are kept, 1 where all are. It is 0 for a response that is empty, of fewer than 3 words, mostly one
    word over and over, or a copy of the prompt, and for one that keeps to nothing but what `I do not know.` keeps to.

    Args:
        profile: `"fixed"` checks what is meant; `"reference"` gives the labels of the official checks, whose defects
            each kind lists in `differences`, and knows no guard but against blank responses.
        loose: Each instruction may be kept by any of eight variants of the response: without its first or last line or
            both, and each without `*`. For reports: in training the offending text goes where it is cut off.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> verifier = Instructions()
        >>> reference = {
        ...     "instructions": [
        ...         {"id": "punctuation:no_comma", "parameters": {}},
        ...         {"id": "keywords:existence", "parameters": {"keywords": ["sea"]}},
        ...     ]
        ... }
        >>> verifier.verify("The sea is calm today.", reference).passed
        True
        >>> verdict = verifier.verify("The sea, they say, is calm today.", reference)
        >>> verdict.score, verdict.parts[0].detail
        (0.5, 'found 2 commas, needed none')
        >>> verifier.verify("", reference).score
        0.0
    """

    name = "instructions"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "It does not ask whether the response is good or answers anything: any text that keeps to the form passes.",
        "A language that the most frequent words do not tell counts as not found; fewer than 12 words in Latin letters "
        "then pass for English.",
        "Sentences are found by punctuation: one that ends with an abbreviation runs on into the next.",
        "A keyword in another form, as its plural, is not the keyword.",
        "A copy of the prompt with one word changed is no copy.",
        "With loose, what breaks an instruction passes where it stands in the first or last line.",
    )

    profile: str = "fixed"
    loose: bool = False

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ConfigError(f"profile must be one of {', '.join(PROFILES)}{suggestion(str(self.profile), PROFILES)}")
        if not isinstance(self.loose, bool):
            raise ConfigError(f"loose must be true or false, got {shown(self.loose)}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> Gold:
        """See the class."""
        if not isinstance(reference, Mapping) or not isinstance(reference.get("instructions"), list | tuple):
            raise ReferenceFault("no_instructions", "the reference must be an object with a list of 'instructions'")
        given = reference["instructions"]
        if not 1 <= len(given) <= MAX_INSTRUCTIONS:
            raise ReferenceFault("no_instructions", f"1 to {MAX_INSTRUCTIONS} instructions are read, got {len(given)}")
        instructions = tuple(map(_asked, given))
        least = reference.get("min_words")
        if least is None:
            least = least_words([one.kind.id for one in instructions])
        elif isinstance(least, bool) or not isinstance(least, int) or not 1 <= least <= 100_000:
            raise ReferenceFault("min_words", f"'min_words' must be an integer of at least 1, got {shown(least)}")
        if unknown := [key for key in reference if key not in ("instructions", "min_words")]:
            raise ReferenceFault("unknown_key", f"the reference has no key {shown(unknown[0])}")
        return Gold(instructions, least)

    def judge(self, response: str, gold: Gold, context: Context | None) -> Verdict:
        """See the class."""
        text = after_reasoning(response)
        if text is None:
            return self._refused(gold, Status.NO_ANSWER, "unclosed_reasoning", "<think> was opened and never closed")
        if not text.strip():
            return self._refused(gold, Status.NO_ANSWER, "empty", "the response is empty")
        if self.profile == "fixed":
            prompt = context.get("prompt") if context else None
            fault = degenerate(text, gold.min_words, prompt if isinstance(prompt, str) else None, gold.kinds)
            if fault is not None:
                return self._refused(gold, Status.FAILED, *fault)
        outcomes = self._outcomes(text, gold)
        parts = tuple(
            Part(one.kind.id, found.kept, float(found.kept), found.detail)
            for one, found in zip(gold.instructions, outcomes, strict=True)
        )
        kept, total = sum(found.kept for found in outcomes), len(outcomes)
        method = f"{self.profile}/loose" if self.loose else self.profile
        extracted = text.strip()[:_KEPT_CHARS]
        if kept == total:
            reason = Reason("all_kept", "every instruction is kept")
            return Verdict(Status.PASSED, 1.0, reason, self.id, extracted, method, parts)
        broken = next(part for part in parts if not part.passed)
        reason = Reason("not_kept", f"{kept} of {total} instructions are kept; {broken.name}: {broken.detail}")
        score = kept / total if self._earned(gold, outcomes) else 0.0
        return Verdict(Status.FAILED, score, reason, self.id, extracted, method, parts)

    def _earned(self, gold: Gold, outcomes: list[Outcome]) -> bool:
        """Whether an instruction is kept that an answer without content does not keep."""
        pairs = zip(gold.instructions, outcomes, strict=True)
        return any(found.kept and not one.outcome(_NO_CONTENT, self.profile).kept for one, found in pairs)

    def _outcomes(self, text: str, gold: Gold) -> list[Outcome]:
        tried = variants(text) if self.loose else [text]
        tried = [one for one in tried if one.strip()]
        return [_best(one, tried, self.profile) for one in gold.instructions]

    def _refused(self, gold: Gold, status: Status, code: str, why: str) -> Verdict:
        parts = tuple(Part(kind, False, 0.0, why) for kind in gold.kinds)
        return Verdict(status, 0.0, Reason(code, why), self.id, parts=parts)


def _best(one: Asked, tried: list[str], profile: str) -> Outcome:
    """The outcome of the first variant that keeps to the instruction, else of the response as it is."""
    first = one.outcome(tried[0], profile)
    if first.kept:
        return first
    found = (one.outcome(text, profile) for text in tried[1:])
    return next((outcome for outcome in found if outcome.kept), first)


def _asked(given: Any) -> Asked:
    if not isinstance(given, Mapping) or "id" not in given or not given.keys() <= {"id", "parameters"}:
        raise ReferenceFault(
            "no_instruction", f"an instruction is an object with 'id' and 'parameters', got {shown(given)}"
        )
    parameters = given.get("parameters")
    if not isinstance(parameters, Mapping | None):
        raise ReferenceFault("parameters", f"'parameters' must be an object, got {shown(parameters)}")
    try:
        return asked(given["id"], parameters or {})
    except UnknownNameError as error:
        raise ReferenceFault("unknown_instruction", str(error)) from error
    except ValueError as error:
        raise ReferenceFault("parameters", f"{given['id']}: {error}") from error
