"""`answer@1`: the final answer is a short text, compared after normalisation; partial credit by the tokens it shares.

The normalisation and the F1 score of SQuAD (Rajpurkar et al., 2016, arXiv 1606.05250) and HotpotQA (Yang et al., 2018,
arXiv 1809.09600; `hotpotqa/hotpot:hotpot_evaluate_v1.py`): small letters, no articles, no punctuation, single blanks.

It departs from them where they can be gamed. Numbers keep what makes them numbers, so that 4.5 is not 45, -3 is not 3
and 3/4 is not 34. An answer that holds a right one and more is ambiguous and scores nothing: by F1 alone it pays to
list all candidates.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import ConfigError, shown, suggestion
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict

MAX_ANSWER_CHARS = 2_000
EXCESS = ("refuse", "count")
CITATION = re.compile(r"\[([^\s\[\],;]{1,100})\]")
"""How a source is cited: its id in square brackets."""

_ARTICLES = ("a", "an", "the")
_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})++(?![\w,])")
_LATEX = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf)[ ]*+\{")
_MINUS = str.maketrans("\u2212\u2010\u2011\u2013", "----")
_NO_MEANING = "$`"  # symbols, and yet marks of Markdown and LaTeX

Tokens = tuple[str, ...]


class Wording(NamedTuple):
    """An answer in tokens: as it is compared, and with what punctuation and symbols join taken apart."""

    tokens: Tokens
    apart: Tokens


@dataclass(frozen=True)
class Answer(Verifier):
    """Judges a short answer by its tokens.

    The reference is a text, or a list of texts of which any is right, or an object with one of these as `"answer"`. It
    passes where its tokens are those of an accepted answer, in their order. The dense score is the best F1 of the
    tokens over the accepted answers, and 0 for an answer that holds an accepted one and more.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).
        threshold: The F1 from which on an answer passes; at 1 only equal ones do.
        excess: What an answer is worth that holds an accepted one and more: `"refuse"` for nothing, `"count"` for its
            F1, as SQuAD has it.
        cited: Whether citations, `[id]`, are left out of the answer before it is compared; see `citations@1`.

    Raises:
        ConfigError: Unknown marker or `excess`, or the threshold is not in (0, 1].

    Example:
        >>> verifier = Answer()
        >>> verifier.verify("<answer>The Silent Orchard.</answer>", "silent orchard").passed
        True
        >>> verifier.verify("<answer>Mara or Ilse</answer>", "Mara").reason.code
        'more_than_the_answer'
        >>> verifier.verify("<answer>Mara Toll</answer>", ["Mara Vell", "M. Vell"]).score
        0.5
        >>> verifier.verify("<answer>1000</answer>", "10").score
        0.0
    """

    name = "answer"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Only the last declared answer is judged: a right one after a wrong argument passes.",
        "Words are compared, not meanings: a synonym, another spelling and a number in words are refused.",
        "Punctuation and articles say nothing: `O'Hara` and `OHara` are one, and so are `Who` and `The Who`.",
        "A right answer in a sentence is refused, since an answer that holds more than the right one is.",
    )

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####", "A:")
    threshold: float = 1.0
    excess: str = "refuse"
    cited: bool = False

    def __post_init__(self) -> None:
        check_markers(self.markers)
        given = self.threshold
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1:
            raise ConfigError(f"threshold must be a number above 0 and at most 1, got {shown(given)}")
        object.__setattr__(self, "threshold", float(given))  # 1 and 1.0 are one configuration
        if self.excess not in EXCESS:
            raise ConfigError(f"excess must be one of {', '.join(EXCESS)}{suggestion(str(self.excess), EXCESS)}")
        if not isinstance(self.cited, bool):
            raise ConfigError(f"cited must be true or false, got {shown(self.cited)}")
        super().__post_init__()

    def parse_reference(self, reference: Any) -> tuple[Wording, ...]:
        """See the class."""
        accepted = reference.get("answer") if isinstance(reference, Mapping) else reference
        accepted = [accepted] if isinstance(accepted, str) else accepted
        if isinstance(accepted, bytes) or not isinstance(accepted, Sequence) or not accepted:
            raise ReferenceFault("no_text", "the reference must be a text, or a list of texts, or hold 'answer'")
        for text in accepted:
            if not isinstance(text, str) or len(text) > MAX_ANSWER_CHARS:
                raise ReferenceFault(
                    "no_text", f"an accepted answer is a text of at most {MAX_ANSWER_CHARS:,} characters"
                )
            if not tokens(text):
                raise ReferenceFault("empty_answer", f"nothing of the accepted answer {shown(text)} can be compared")
        return tuple(Wording(tokens(text), tokens(text, apart=True)) for text in accepted)

    def judge(self, response: str, gold: tuple[Wording, ...], context: Context | None) -> Verdict:
        """See the class."""
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id)
        text, method = slot.text.strip(), f"{slot.marker}/f1"
        if len(text) > MAX_ANSWER_CHARS:
            reason = Reason("answer_too_long", f"an answer may have {MAX_ANSWER_CHARS:,} characters")
            return Verdict(Status.LIMIT_EXCEEDED, 0.0, reason, self.id, text[:200], method)
        bare = CITATION.sub(" ", text) if self.cited else text
        given = tokens(bare)
        if not given:
            reason = Reason("empty_answer", "nothing of the answer can be compared")
            return Verdict(Status.MALFORMED, 0.0, reason, self.id, text[:200], method)
        if any(given == accepted.tokens for accepted in gold):
            return Verdict(Status.PASSED, 1.0, Reason("equal", "equal after normalisation"), self.id, text, method)
        if self.excess == "refuse" and _exceeds(Wording(given, tokens(bare, apart=True)), gold):
            reason = Reason("more_than_the_answer", "a right answer and more: which of it is meant is not said")
            return Verdict(Status.AMBIGUOUS, 0.0, reason, self.id, text[:200], method)
        score = max(f1(given, accepted.tokens) for accepted in gold)
        if score >= self.threshold and self.threshold < 1:
            return Verdict(Status.PASSED, score, Reason("near", f"F1 is {score:.3f}"), self.id, text, method)
        return Verdict(
            Status.FAILED, min(score, _BELOW_ONE), Reason("different", "another answer"), self.id, text[:200], method
        )


_BELOW_ONE = 1 - 2**-53  # the same words in another order have an F1 of 1


def tokens(text: str, *, apart: bool = False) -> Tokens:
    """The tokens of an answer: words in small letters without punctuation and articles, and numbers as they are.

    Args:
        text: The answer.
        apart: Whether punctuation and symbols part words, as blanks do, instead of being left out.

    Example:
        >>> tokens("The  \\u201cSilent\\u201d Orchard!"), tokens("U.S., 1,250 km"), tokens("-4.5"), tokens("3/4")
        (('silent', 'orchard'), ('us', '1250', 'km'), ('-4.5',), ('3/4',))
    """
    text = unicodedata.normalize("NFC", _LATEX.sub(" ", text)).lower().translate(_MINUS)
    text = _THOUSANDS.sub(_without_commas, text)
    words = [part for word in text.split() for part in _bare(word, apart).split()]
    return tuple([word for word in words if word not in _ARTICLES] or words)


def f1(given: Sequence[str], accepted: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of the tokens, counted with their repetitions (SQuAD).

    Example:
        >>> f1(["mara", "toll"], ["mara", "vell"]), f1(["x"], ["y"])
        (0.5, 0.0)
    """
    shared = (Counter(given) & Counter(accepted)).total()
    return 2 * shared / (len(given) + len(accepted))


def _exceeds(given: Wording, gold: Sequence[Wording]) -> bool:
    """Whether an accepted answer stands in it with more: side by side, or joined by `/`, `=` and the like."""
    return any(_holds(one, other) for accepted in gold for one, other in zip(given, accepted, strict=True))


def _holds(given: Tokens, accepted: Tokens) -> bool:
    return len(given) > len(accepted) > 0 and not Counter(accepted) - Counter(given)


def _without_commas(match: re.Match[str]) -> str:
    return match[0].replace(",", "")


def _bare(word: str, apart: bool) -> str:
    """A word without punctuation, but for what stands between two digits, and a minus or point before the first one."""
    kept: list[str] = []
    for place, char in enumerate(word):
        kind = unicodedata.category(char)[0]
        if kind == "P" or char in _NO_MEANING or (apart and kind == "S"):
            after = word[place + 1 : place + 2]
            between = word[max(0, place - 1) : place].isdigit() and after.isdigit()
            first = not kept and (after.isdigit() or (char == "-" and after == "."))
            if not between and not (first and char in "-."):
                char = " " if apart else ""
        if char:
            kept.append(char)
    return "".join(kept)
