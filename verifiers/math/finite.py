"""Finite sums and products, written out term by term."""

from __future__ import annotations

from rlvr_gym.verifiers.math.tree import Node, walk

MAX_TERMS = 300
MAX_NODES = 5000
_ANALYSIS = ("int", "sum", "prod", "lim", "diff")


def written_out(node: Node) -> Node:
    """The tree with every `\\sum` and `\\prod` between whole bounds as a sum or product of its terms.

    Example:
        >>> from rlvr_gym.verifiers.math.explain import render
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> render(written_out(parse("\\sum_{k=1}^{3} k^2")))
        '1^2 + 2^2 + 3^2'
    """
    if not any(inner.head == "op" for inner in walk(node)):
        return node
    node = node._replace(args=tuple(map(written_out, node.args)))
    if node.value not in ("sum_^", "prod_^"):
        return node
    terms = _terms(node)
    if terms is None:
        return node
    return terms[0] if len(terms) == 1 else Node("add" if node.value == "sum_^" else "mul", terms)


def operators_in(node: Node) -> bool:
    """Whether an operator is left that sympy may work out: an integral, a derivative, a limit, an infinite sum."""
    return any(inner.head == "op" and inner.value.startswith(_ANALYSIS) for inner in walk(written_out(node)))


def _terms(node: Node) -> tuple[Node, ...] | None:
    """One term for every value of the index; None where the bounds are not whole numbers, or too far apart."""
    body, start, end = node.args
    if start.head != "rel" or start.value != ("=",) or start.args[0].head != "sym":
        return None
    low, high = start.args[1].value, end.value
    if start.args[1].head != "num" or end.head != "num" or type(low) is not int or type(high) is not int:
        return None
    if not low <= high < low + MAX_TERMS or (high - low + 1) * sum(1 for _ in walk(body)) > MAX_NODES:
        return None
    return tuple(_at(body, start.args[0], Node("num", (), k)) for k in range(low, high + 1))


def _at(node: Node, variable: Node, value: Node) -> Node:
    if node == variable:
        return value
    return node._replace(args=tuple(_at(arg, variable, value) for arg in node.args)) if node.args else node
