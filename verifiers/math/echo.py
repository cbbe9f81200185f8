"""The echo guard: the question itself is no answer.

Where the question is known, an answer that stands in it word for word (as a tree), is not shorter than the reference
and leaves something to be worked out, is refused although it has the same value.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.policy import Judgement, different
from rlvr_gym.verifiers.math.tree import MAX_CHARS, Node, TooLarge, walk

_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_MAX_FORMULAS = 100
_FINISHED = frozenset({"num", "sym", "const", "text", "choice", "opaque"})


def guarded(judgement: Judgement, gold: Node, answer: Node, prompt: str) -> Judgement:
    """The judgement, or a refusal where the answer is taken from the question.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> same = Judgement(True, "normal form")
        >>> guarded(same, parse("7"), parse("3+4"), "Compute $3+4$.").code
        'echo'
        >>> guarded(same, parse("3/4"), parse("3/4"), "What is $3/4$ of a cake?").equal
        True
    """
    if not prompt or answer.head in _FINISHED or answer == gold:
        return judgement
    parts = _parts(prompt[:MAX_CHARS])
    if answer in parts and gold not in parts and _size(answer) >= _size(gold):
        return different("guard", "echo", "the answer is a part of the question")
    return judgement


def _size(node: Node) -> int:
    return sum(1 for _ in walk(node))


@lru_cache(maxsize=512)
def _parts(prompt: str) -> frozenset[Node]:
    """Every sub-expression of the formulas of a question."""
    found: set[Node] = set()
    for count, match in enumerate(_FORMULA.finditer(prompt)):
        if count == _MAX_FORMULAS:
            break
        text = next(group for group in match.groups() if group is not None)
        try:
            found.update(node for node in walk(read(text).node) if node.head not in _FINISHED)
        except TooLarge:
            continue
    return frozenset(found)
