"""Words in an answer that are no mathematics: letters in another order, the text of a choice, what takes it back."""

from __future__ import annotations

import re

from rlvr_gym.verifiers.math.answer import Reading
from rlvr_gym.verifiers.math.lexer import WORDS
from rlvr_gym.verifiers.math.relations import assignment
from rlvr_gym.verifiers.math.tree import Node, symbols
from rlvr_gym.verifiers.numerals import NEGATIONS, ONLY_BEFORE_A_NOUN

# The letter of a choice with what it stands for: `(B) 12`, `B: 12`.
_CHOICE_WITH_VALUE = re.compile(r"(?:\\text(?:bf)?\{)?(?:\(([A-J])\)|([A-J])[.:)])\}?(?:\\ |[\s~])*(.+)", re.DOTALL)
_OTHER_LETTER = re.compile(r"\b[A-J]\b|\bor\b")
_OPERATOR = re.compile(r"\\(?:approx|sim|simeq|cong|ne|neq|not|times|cdot|div)(?![A-Za-z])|[≈≠*/^]")
_COPULAS = frozenset("is are was were isn't aren't wasn't seems looks cannot can't won't ist war est es".split())
_DENIALS = NEGATIONS | ONLY_BEFORE_A_NOUN
_NO_OPTIONS = frozenset({"not", "nope", "nah"})
_WORD = re.compile(r"(?<![\\\w])[^\W\d_]+(?:'[^\W\d_]+)?")
_STRAY = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}")
_RUN = re.compile(r"[A-Za-z]{2,3}")


def other_spelling(a: str, b: str) -> bool:
    """Whether two runs of letters hold the same letters in another order: words (AAS, XI, cat), not products.

    Example:
        >>> other_spelling("ASA", "AAS"), other_spelling("xy", "yx")
        (True, False)
    """
    if a == b or sorted(a) != sorted(b) or not _RUN.fullmatch(a) or not _RUN.fullmatch(b):
        return False
    return len(a) > 2 or not a.islower()


def letter_with_text(text: str) -> str:
    """The letter of a choice that stands before its text; empty where there is none, or where the text takes it back.

    Example:
        >>> [letter_with_text(text) for text in ("(B) 12", "(B) not enough data", "(B) is wrong", "(B) or C")]
        ['B', 'B', '', '']
    """
    match = _CHOICE_WITH_VALUE.fullmatch(text)
    if match is None or _OTHER_LETTER.search(match[3]) or _OPERATOR.match(match[3]) or _taken_back(match[3]):
        return ""
    return match[1] or match[2]


def _taken_back(text: str) -> bool:
    words = [word.lower() for word in _WORD.findall(text.replace("\u2019", "'"))]
    if len(words) == 1:
        return words[0] in _NO_OPTIONS
    return bool(words) and words[0] in _COPULAS and not _DENIALS.isdisjoint(words)


def stray_words(gold: Node, answer: Reading) -> bool:
    """Whether words were read as variables, which cancel out.

    Args:
        gold: The reference.
        answer: An answer that is equal to it.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import read
        >>> pairs = (("0", "not 0"), ("2xy", "2 xy"), ("5", "AB=5"))
        >>> [stray_words(read(gold).node, read(text)) for gold, text in pairs]
        [True, False, False]
    """
    words = [word for word in _STRAY.findall(answer.text) if word not in WORDS]
    extra = _variables(answer.node) - symbols(gold) if words else set()
    return any(word in extra or not extra.isdisjoint(word) for word in words)


def _variables(node: Node) -> set[str]:
    """The variables of an answer, without the names of what it speaks of."""
    named = assignment(node) if node.head == "rel" else None
    if named is None and node.head not in ("list", "set"):
        return symbols(node)
    return set().union(*map(_variables, named[1] if named is not None else node.args))
