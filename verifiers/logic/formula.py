"""Formulas of propositional logic: read, written, and evaluated over all rows of a truth table at once.

A formula is a text for an atom (a lower-case letter other than `v`) and for the false (`F`), and a tuple for what is
joined: `("~", A)`, `("&", A, B)`, `("v", A, B)`, `("^", A, B)`, `("nand", A, B)`, `("->", A, B)`, `("<->", A, B)`. From
the tightest: `~`, then `&` and `nand`, `^`, `v`, `->`, `<->`. `->` groups to the right, `nand` not at all, all others
to the left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

Formula = Any  # str, or a tuple of an operator and one or two formulas

ATOMS = "abcdefghijklmnopqrstuwxyz"
BINARY = {"<->": 1, "->": 2, "v": 3, "^": 4, "&": 5, "nand": 5}
OPERATORS = ("~", *BINARY)
MAX_HEIGHT = 200
MAX_NESTING = 100
KEPT_CHARS = 200  # formulas that are no longer are not read anew each time
_SYMBOLS = str.maketrans(
    {"∧": "&", "∨": "v", "|": "v", "¬": "~", "→": "->", "↔": "<->", "⊥": "F", "⊕": "^", "↑": " nand "}
)
_TOKEN = re.compile(r"\s*+(?:(nand|<->|->|[a-z~&^()F])|(\S))")


class FormulaError(ValueError):
    """The text is no formula."""


def plain(text: str) -> str:
    """The text with `∧ ∨ | ¬ → ↔ ⊥ ⊕ ↑` written as `& v v ~ -> <-> F ^ nand`."""
    return text.translate(_SYMBOLS)


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Args:
        text: One formula; at most 100 levels of brackets, and 200 operators on the way to an atom.

    Raises:
        FormulaError: It is none, or it nests deeper.

    Example:
        >>> parse_formula("p & q -> ~r")
        ('->', ('&', 'p', 'q'), ('~', 'r'))
        >>> parse_formula("p ∨ ⊥")
        ('v', 'p', 'F')
    """
    return _known(text) if len(text) <= KEPT_CHARS else _parsed(text)


def _parsed(text: str) -> Formula:
    tokens: list[str] = []
    for match in _TOKEN.finditer(plain(text)):
        if match[2] is not None:
            raise FormulaError(f"unexpected character {match[2]!r}")
        tokens.append(match[1])
    reader = _Reader(tokens)
    found, _ = reader.joined(0, 0)
    if reader.at < len(tokens):
        raise FormulaError(f"unexpected {tokens[reader.at]!r}")
    return found


_known = lru_cache(maxsize=4096)(_parsed)


class _Reader:
    """Precedence climbing; each method gives a formula and its height."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def joined(self, lowest: int, nesting: int) -> tuple[Formula, int]:
        left, height = self.single(nesting)
        last = ""
        while self.at < len(self.tokens):
            operator = self.tokens[self.at]
            binding = BINARY.get(operator, -1)
            if binding < lowest or binding < 0:
                break
            if "nand" in (operator, last) and last and binding == BINARY.get(last):
                raise FormulaError("brackets must say how 'nand' is grouped with its neighbour")
            self.at += 1
            right, other = self.joined(binding if operator == "->" else binding + 1, nesting + 1)
            left, height, last = (operator, left, right), 1 + max(height, other), operator
            _check_height(height)
        return left, height

    def single(self, nesting: int) -> tuple[Formula, int]:
        if nesting > MAX_NESTING:
            raise FormulaError(f"more than {MAX_NESTING} levels")
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        self.at += 1
        if token == "~":
            inner, height = self.single(nesting + 1)
            return ("~", inner), height + 1
        if token == "(":
            inside = self.joined(0, nesting + 1)
            if self.at >= len(self.tokens) or self.tokens[self.at] != ")":
                raise FormulaError("a bracket is not closed")
            self.at += 1
            return inside
        if token == "F" or (token and token in ATOMS):
            return token, 0
        raise FormulaError(f"unexpected {token!r}" if token else "the formula ends too early")


def _check_height(height: int) -> None:
    if height > MAX_HEIGHT:
        raise FormulaError(f"more than {MAX_HEIGHT} operators in one chain")


def write_formula(formula: Formula, space: str = " ") -> str:
    """The formula with as few brackets as it can be read again with.

    Example:
        >>> write_formula(parse_formula("((p & q) -> (~(r)))")), write_formula(("&", "p", ("&", "q", "r")), "")
        ('p & q -> ~r', 'p&(q&r)')
    """
    return _written(formula, 0, space)


def _written(formula: Formula, lowest: int, space: str) -> str:
    if isinstance(formula, str):
        return formula
    if len(formula) == 2:
        return "~" + _written(formula[1], 9, space)
    operator, left, right = formula
    binding = BINARY[operator]
    first, second = (binding + 1, binding) if operator == "->" else (binding, binding + 1)
    if operator == "nand":
        first = second = binding + 1
    elif operator == "&" and isinstance(left, tuple) and left[0] == "nand":
        first = binding + 1
    gap = space or (" " if operator == "nand" else "")
    text = f"{_written(left, first, space)}{gap}{operator}{gap}{_written(right, second, space)}"
    return f"({text})" if binding < lowest else text


def walk(formula: Formula) -> Iterator[Formula]:
    """Every formula in a formula, itself first."""
    todo = [formula]
    while todo:
        found = todo.pop()
        yield found
        if isinstance(found, tuple):
            todo.extend(found[1:])


def atoms_of(formula: Formula) -> set[str]:
    """The atoms in a formula."""
    return {part for part in walk(formula) if isinstance(part, str) and part != "F"}


def connectives(formula: Formula) -> int:
    """How many operators it has.

    Example:
        >>> connectives(parse_formula("~(p & ~q)"))
        3
    """
    return sum(isinstance(part, tuple) for part in walk(formula))


@lru_cache(maxsize=64)
def columns(atoms: str) -> Mapping[str, int]:
    """The column of each atom in the truth table of them all: bit `i` is its value in row `i`.

    Example:
        >>> {atom: format(bits, "04b") for atom, bits in columns("pq").items()}
        {'p': '1010', 'q': '1100'}
    """
    rows = 1 << len(atoms)
    return {atom: sum(1 << row for row in range(rows) if row >> at & 1) for at, atom in enumerate(atoms)}


def table(formula: Formula, column: Mapping[str, int], full: int) -> int:
    """The column of a formula.

    Args:
        formula: What to evaluate.
        column: The columns of its atoms, see `columns`.
        full: The column of what is always true.
    """
    if isinstance(formula, str):
        return 0 if formula == "F" else column[formula]
    first = table(formula[1], column, full)
    operator = formula[0]
    if operator == "~":
        return full ^ first
    second = table(formula[2], column, full)
    if operator == "&":
        return first & second
    if operator == "v":
        return first | second
    if operator == "->":
        return (full ^ first) | second
    if operator == "nand":
        return full ^ (first & second)
    return first ^ second if operator == "^" else full ^ first ^ second
