"""The formulas of a question: between dollars and the like, in `align`, and in the plain text around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rlvr_gym.verifiers.math.answer import read
from rlvr_gym.verifiers.math.collected import collected, operations, shape
from rlvr_gym.verifiers.math.tree import MAX_CHARS, Node, TooLarge, walk

MAX_FORMULAS = 100
MAX_PARTS = 400
_FORMULA = re.compile(
    r"\$\$([^$]+)\$\$|\$([^$]+)\$|\\\((.{1,400}?)\\\)|\\\[(.{1,400}?)\\\]"
    r"|\\begin\{(?:align|equation|gather)\*?\}(.{1,800}?)\\end\{(?:align|equation|gather)\*?\}",
    re.DOTALL,
)
_LINES = re.compile(r"\\\\|&|\\(?:le|ge|leq|geq|text|mbox|q?quad|approx|cdots|ldots)(?![A-Za-z])|[=<>,;\n]")
# In plain text: numbers, single letters, functions, operators and brackets up to the next word.
_RUN = re.compile(
    r"(?:\d+(?:[.,]\d+)*|(?<![A-Za-z\\'])[A-Za-z](?![A-Za-z'])|\\(?:[A-Za-z]+|%)"
    r"|(?<![A-Za-z])(?:sqrt|log|ln|sin|cos|tan|gcd|lcm)(?=[ (])|[-+*/^×÷·⋅−=<>()\[\]{}√!%²³⁴°_|.]|[ ])+"
)
_GAP = re.compile(r"(?<=[\w)\]}!%²³⁴°])\s+(?=[\w√])|\.\s|[=<>]")
_OPERATOR = re.compile(r"[-+*/^×÷·⋅−√!%²³⁴°\\]|[a-z]\(")
_DECIMAL = re.compile(r"\d*\.\d*\\overline\s*\{?\d+\}?|\d*\.\d+")
_TRIM_LEFT, _TRIM_RIGHT = "+*/^×÷·⋅)]}!%²³⁴°_|. ", "-+*/^×÷·⋅−([{√_|. "
_ATOMS = frozenset({"num", "sym", "const", "text", "choice", "opaque"})


class Part(NamedTuple):
    """A formula of the question, or a part of one, that is not yet worked out.

    Args:
        node: As it was read.
        shape: See `collected.shape`.
        collected: See `collected.collected`.
        operations: See `collected.operations`.
    """

    node: Node
    shape: Node
    collected: Node
    operations: int


@lru_cache(maxsize=128)
def parts(prompt: str) -> tuple[Part, ...]:
    """What a question holds that is not yet worked out.

    Args:
        prompt: The question; its first 8,000 characters are read.

    Example:
        >>> [part.operations for part in parts("Compute $3+4$.")], [part.operations for part in parts("What is 3 + 4?")]
        ([1], [1])
    """
    found: dict[Node, Part] = {}
    for formula in _formulas(prompt[:MAX_CHARS]):
        for node in walk(formula):
            if node.head in _ATOMS or not node.args:
                continue
            plain = shape(node)
            if plain not in found and operations(plain):
                found[plain] = Part(node, plain, collected(node), operations(node))
            if len(found) == MAX_PARTS:
                return tuple(found.values())
    return tuple(found.values())


@lru_cache(maxsize=128)
def decimals(prompt: str) -> frozenset[Fraction]:
    """The values of the decimal numerals of a question.

    Example:
        >>> decimals("Write 0.75 as a fraction.")
        frozenset({Fraction(3, 4)})
    """
    found = (_node(match[0]) for match in _DECIMAL.finditer(prompt[:MAX_CHARS]))
    return frozenset(Fraction(node.value) for node in found if node.head == "num")


def _formulas(prompt: str) -> Iterator[Node]:
    """The trees of the formulas that can be read."""
    texts, rest, at = [], [], 0
    for match in _FORMULA.finditer(prompt):
        texts.append(next(group for group in match.groups() if group is not None))
        rest.append(prompt[at : match.start()])
        at = match.end()
        if len(texts) == MAX_FORMULAS:
            break
    rest.append(prompt[at:])
    for text in texts:
        whole = _node(text)
        if whole.head != "opaque":
            yield whole
        else:
            yield from (node for node in map(_node, _LINES.split(text)[:MAX_FORMULAS]) if node.head != "opaque")
    yield from _plain(rest)


def _plain(texts: list[str]) -> Iterator[Node]:
    """Formulas between words."""
    count = 0
    for text in texts:
        for run in _RUN.finditer(text):
            for piece in _GAP.split(run[0]):
                piece = _balanced(piece.lstrip(_TRIM_LEFT).rstrip(_TRIM_RIGHT))
                if len(piece) < 3 or not _OPERATOR.search(piece, 1):
                    continue
                count += 1
                if count > MAX_FORMULAS:
                    return
                node = _node(piece)
                if node.head != "opaque":
                    yield node


def _balanced(text: str) -> str:
    """The text without the brackets at its ends that have no partner."""
    while text.count("(") > text.count(")") and text[:1] == "(":
        text = text[1:].lstrip(_TRIM_LEFT)
    while text.count(")") > text.count("(") and text[-1:] == ")":
        text = text[:-1].rstrip(_TRIM_RIGHT)
    return text


def _node(text: str) -> Node:
    """The tree of a text; opaque where it is none."""
    try:
        return read(text).node
    except TooLarge:
        return Node("opaque")
