"""The expression tree: small, immutable, hashable, with caps.

One node class with a head says more here than forty classes would: every pass over the tree is a table from heads to
functions. Sub-expressions are `args`; what is not an expression (a numeral, a name, the operators of a chain) is the
`value`.

| head | args | value |
|---|---|---|
| num | | int or Fraction |
| sym | | name; one Latin letter, a Greek name, or `base_subscript` |
| const | | pi, e, i, inf, emptyset, R, Z, N, Q, C, dots |
| add, mul | two or more | |
| neg, abs, floor, ceil, fact, deg | one | |
| pct | one | |
| div, pow | two | |
| root | radicand, index | |
| call | arguments | name: sin, log (with a base as second argument), f ... |
| op | body, bounds | name of an operator left unevaluated: int, sum, prod, lim, diff, det |
| pm | one or two | `+-` or `-+` |
| list, set, tuple, vector | elements | list: how they were joined; tuple: the brackets |
| pair | two ends | the brackets, such as `(]` |
| union, inter, minus | sets | |
| matrix | entries, row by row | (rows, columns) |
| rel | two or more sides | the operators between them |
| builder | element, condition | |
| mod | residue, modulus | |
| based | | (digits, base) |
| ratio, time | parts | |
| qty | one | unit, see `units.py` |
| compound | quantities | |
| text | | words |
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from rlvr_gym.verifiers import numerals

MAX_CHARS, MAX_DIGITS = numerals.MAX_SLOT_CHARS, numerals.MAX_DIGITS
MAX_TOKENS = 3000
MAX_DEPTH = 40  # of brackets
MAX_TREE_DEPTH = 80


class MathError(ValueError):
    """Base of the refusals inside this package; none of them leaves it."""


class NotMath(MathError):
    """The text cannot be read as mathematics."""


class TooLarge(MathError):
    """A cap was met: characters, tokens, depth, digits."""


class Node(NamedTuple):
    """One node; see the table of the module."""

    head: str
    args: tuple[Node, ...] = ()
    value: Any = None


ZERO, ONE = Node("num", (), 0), Node("num", (), 1)
PI, EULER, IMAGINARY = Node("const", (), "pi"), Node("const", (), "e"), Node("const", (), "i")
INFINITY = Node("const", (), "inf")


def num(value: int | Fraction) -> Node:
    """A numeral; whole fractions become ints.

    Example:
        >>> num(Fraction(4, 2))
        Node(head='num', args=(), value=2)
    """
    if type(value) is Fraction and value.denominator == 1:
        value = value.numerator
    return Node("num", (), value)


def sym(name: str) -> Node:
    """A variable."""
    return Node("sym", (), name)


def neg(node: Node) -> Node:
    """The negative, folded into a numeral where it is one."""
    if node.head == "num":
        return Node("num", (), -node.value)
    if node.head in ("deg", "pct"):  # -30° is (-30)°
        return Node(node.head, (neg(node.args[0]),))
    return Node("neg", (node,))


def add(*args: Node) -> Node:
    """A sum, flattened."""
    return Node("add", _flat("add", args))


def mul(*args: Node) -> Node:
    """A product, flattened."""
    return Node("mul", _flat("mul", args))


def sub(a: Node, b: Node) -> Node:
    """A difference, written as a sum."""
    return add(a, neg(b))


def _flat(head: str, args: tuple[Node, ...]) -> tuple[Node, ...]:
    out: list[Node] = []
    for arg in args:
        if arg.head == head:
            out.extend(arg.args)
        else:
            out.append(arg)
    return tuple(out)


def check_depth(node: Node) -> None:
    """Refuse a tree that is too deep to walk by recursion; operators in a row nest without a bracket.

    Raises:
        TooLarge: Deeper than `MAX_TREE_DEPTH`.
    """
    level, depth = [node], 0
    while level:
        level = [arg for inner in level for arg in inner.args]
        depth += 1
        if depth > MAX_TREE_DEPTH:
            raise TooLarge(f"a tree deeper than {MAX_TREE_DEPTH}")


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, depth first."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.args)


def symbols(node: Node) -> set[str]:
    """The names of the variables in it."""
    return {n.value for n in walk(node) if n.head == "sym"}
