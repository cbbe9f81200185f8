"""`wordle@1`: one guess at a hidden word; right when every letter is.

What a guess is told is the game's own colouring, with letters in place of colours: `G` in place, `Y` elsewhere, `.` no
more of them in the word. What the verdict tells never quotes the word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

MIN_LENGTH, MAX_LENGTH = 3, 20
FREE = 2  # letters in place that are paid nothing: what one guess for all words has


@dataclass(frozen=True)
class Wordle(RuleVerifier):
    """Judges one guess at a word.

    The reference is `{"answer": "crane"}`: 3 to 20 letters from a to z. Letters of a guess may be capital, and may be
    separated by blanks. The dense score of a guess is (in place - 2) / (length - 2), and at least 0: of an ordinary
    word one letter or two stand in place by luck.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Wordle()
        >>> verdict = verifier.verify("<answer>crate</answer>", {"answer": "crane"})
        >>> verdict.reason.text, round(verdict.score, 3)
        ('the marks are GGG.G', 0.667)
        >>> verifier.verify("<answer>C R A N E</answer>", {"answer": "crane"}).passed
        True
    """

    name = "wordle"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any letters are a guess, whether they are a word or not.",
        "Letters that are known to be elsewhere are paid nothing by the dense score.",
    )
    max_answer_chars: ClassVar[int] = 100

    def parse_reference(self, reference: Any) -> str:
        """See the class."""
        try:
            word = reference["answer"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_word", "the reference must hold 'answer'") from error
        if not isinstance(word, str) or not MIN_LENGTH <= len(word) <= MAX_LENGTH:
            raise ReferenceFault("not_a_word", f"'answer' must be a word of 3 to 20 letters, got {shown(word)}")
        if not (word.isascii() and word.isalpha() and word.islower()):
            raise ReferenceFault("not_a_word", f"'answer' must be letters from a to z, got {shown(word)}")
        return word

    def read(self, text: str, gold: str) -> str:
        """The letters of a guess."""
        pieces = text.split()
        guess = "".join(pieces) if all(len(piece) == 1 for piece in pieces) else text
        if not (guess.isascii() and guess.isalpha()):
            raise UnreadableError("not_a_word", "a guess is one word of letters from a to z")
        if len(guess) != len(gold):
            raise UnreadableError("wrong_length", f"a guess has {len(gold)} letters, not {len(guess)}")
        return guess.lower()

    def check(self, answer: str, gold: str) -> Finding:
        """See the class."""
        if answer == gold:
            return Finding(True, Reason("found", "the word is found"), extracted=answer)
        told = marks(answer, gold)
        score = max(0, told.count("G") - FREE) / (len(gold) - FREE)
        parts = (Part("marks", False, score, told),)
        return Finding(False, Reason("different", f"the marks are {told}"), score, parts, answer)


def marks(guess: str, word: str) -> str:
    """What the game says of a guess of the word's length, letter by letter.

    `G` is in place. Of the other letters, from the left, each takes one of the word's that no other has taken: `Y`;
    `.` where none is left.

    Example:
        >>> marks("eerie", "crepe"), marks("eerie", "elder")
        ('Y.Y.G', 'GYY..')
    """
    left = [there for here, there in zip(guess, word, strict=True) if here != there]
    told = ""
    for here, there in zip(guess, word, strict=True):
        if here == there:
            told += "G"
        elif here in left:
            left.remove(here)
            told += "Y"
        else:
            told += "."
    return told
