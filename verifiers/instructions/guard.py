"""The least that a response must be before any instruction counts as kept: more than noise, and no copy of the prompt.

Many instructions say what must not occur, and nothing keeps to them as well as an empty response. A reward for
instructions alone draws a policy there, so that the least content is judged first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from rlvr_gym.verifiers.instructions.views import words
from rlvr_gym.verifiers.verdict import Reason

MIN_WORDS = 3
# Kinds whose right responses may be one word, and those that ask for what stands in the prompt.
BRIEF = frozenset({"detectable_format:constrained_response", "format:options", "format:no_whitespace"})
COPIES = frozenset({"repeat:repeat_change", "repeat:repeat_simple", "repeat:repeat_span"})
REPEATS = COPIES | {"combination:repeat_prompt"}

_REPETITIVE_FROM = 4
_COPY_WORDS = 8


def least_words(kinds: Collection[str]) -> int:
    """How many words a response to these kinds must have where the reference does not say."""
    return 1 if not BRIEF.isdisjoint(kinds) else MIN_WORDS


def degenerate(response: str, min_words: int, prompt: str | None, kinds: Collection[str]) -> Reason | None:
    """Why a response is not to be judged any further; None where it may be.

    Args:
        response: What is judged.
        min_words: So many words are needed.
        prompt: What the response answers, where that is known.
        kinds: Ids of the instructions; those that ask for a copy may have one.

    Example:
        >>> degenerate("no no no no", 3, None, ()).code, degenerate("Rain falls.", 3, None, ()).code
        ('repetitive', 'too_short')
        >>> degenerate("The rain falls.", 3, None, ()) is None
        True
    """
    found = words(response.lower())
    if len(found) < min_words:
        return Reason("too_short", f"the response has {len(found)} words, needed at least {min_words}")
    if len(found) >= _REPETITIVE_FROM:
        counted = Counter(found)
        if 2 * max(counted.values()) > len(found) or len(counted) ** 2 < len(found):
            return Reason("repetitive", f"the response has {len(found)} words, and only {len(counted)} different ones")
    if prompt is not None and _copied(found, words(prompt.lower()), kinds):
        return Reason("copied", "the response copies the prompt")
    return None


def _copied(response: list[str], prompt: list[str], kinds: Collection[str]) -> bool:
    """Whether the response is a longer piece of the prompt, or holds the whole of it."""
    mine, theirs = f" {' '.join(response)} ", f" {' '.join(prompt)} "
    if COPIES.isdisjoint(kinds) and mine in theirs and (len(response) >= _COPY_WORDS or mine == theirs):
        return True
    return REPEATS.isdisjoint(kinds) and len(prompt) >= _COPY_WORDS and theirs in mine
