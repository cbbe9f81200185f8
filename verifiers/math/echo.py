"""The echo guard: the question itself is no answer.

Where the question is known, an answer that stands in it, word for word or as a formula up to the order of its terms,
is refused although it has the same value, unless the reference stands there too.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rlvr_gym.verifiers.math.answer import Reading, read
from rlvr_gym.verifiers.math.policy import Judgement, different
from rlvr_gym.verifiers.math.tree import MAX_CHARS, ONE, ZERO, Node, TooLarge, walk

_FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$([^$]+)\$|\\\((.{1,400}?)\\\)|\\\[(.{1,400}?)\\\]", re.DOTALL)
_MAX_FORMULAS = 100
_FINISHED = frozenset({"num", "sym", "const", "text", "choice", "opaque"})


def guarded(judgement: Judgement, gold: Reading, answer: Reading, prompt: str) -> Judgement:
    """The judgement, or a refusal where the answer is taken from the question.

    Example:
        >>> from rlvr_gym.verifiers.math.answer import Reading, read
        >>> same = Judgement(True, "normal form")
        >>> [guarded(same, read("7"), read(text), "Compute $3+4$.").code for text in ("3+4", "4+3+0", "7", "5+2")]
        ['echo', 'echo', '', '']
        >>> guarded(same, read("3/4"), read("3/4"), "What is $3/4$ of a cake?").equal
        True
    """
    if not prompt or answer.node == gold.node:
        return judgement
    prompt = prompt[:MAX_CHARS]
    if _quoted(answer, prompt) and not _quoted(gold, prompt):
        return different("guard", "echo", "the answer is a part of the question")
    if answer.node.head in _FINISHED:
        return judgement
    parts = _parts(prompt)
    if _shape(answer.node) in parts and _shape(gold.node) not in parts:
        return different("guard", "echo", "the answer is a part of the question")
    return judgement


def _quoted(answer: Reading, prompt: str) -> bool:
    """Whether an answer that is more than digits stands in the question word for word."""
    text = "".join(answer.text.split())
    if len(text) < 2 or text.isdigit() or text.isalpha():
        return False
    plain = "".join(prompt.split())
    at = plain.find(text)
    while at >= 0:
        around = plain[at - 1 : at] + plain[at + len(text) : at + len(text) + 1]
        if not any(char.isdigit() or char == "." for char in around):
            return True
        at = plain.find(text, at + 1)
    return False


def _shape(node: Node) -> Node:
    """The tree without regard to the order of sums and products, without added zeros and factors of one."""
    args = tuple(map(_shape, node.args))
    if node.head in ("add", "mul"):
        neutral = ZERO if node.head == "add" else ONE
        args = tuple(sorted((arg for arg in args if arg != neutral), key=repr))
        if len(args) == 1:
            return args[0]
    return node._replace(args=args) if node.args else node


@lru_cache(maxsize=128)
def _parts(prompt: str) -> frozenset[Node]:
    """The shape of every sub-expression of the formulas of a question."""
    found: set[Node] = set()
    for count, match in enumerate(_FORMULA.finditer(prompt)):
        if count == _MAX_FORMULAS:
            break
        text = next(group for group in match.groups() if group is not None)
        try:
            found.update(_shape(node) for node in walk(read(text).node) if node.head not in _FINISHED)
        except TooLarge:
            continue
    return frozenset(found)
