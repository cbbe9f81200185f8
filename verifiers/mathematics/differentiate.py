"""Derivatives of expression trees: the rules, and nothing that stands unevaluated."""

from __future__ import annotations

from collections.abc import Callable

from rlvr_gym.verifiers.math.tree import ONE, ZERO, MathError, Node, add, mul, neg, num, symbols

MAX_NODES = 4000  # of a derivative: every product and quotient takes its factors twice


class NoDerivativeError(MathError):
    """The expression holds something that is not differentiated here, an operator left unevaluated above all."""


def derivative(node: Node, name: str) -> Node:
    """The derivative of an expression in one variable; all other names are constants.

    Args:
        node: Made of numbers, names, sums, products, quotients, powers, roots, and of sin, cos, tan, arctan, exp, ln
            and of ln of an absolute value.
        name: The variable.

    Raises:
        NoDerivativeError: There is anything else in it, or the derivative is too large.

    Example:
        >>> from rlvr_gym.verifiers.math.ladder import compare
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> compare(parse("2x e^x + x^2 e^x"), derivative(parse("x^2 e^x"), "x")).equal
        True
    """
    return _Rules(name).of(node)


class _Rules:
    def __init__(self, name: str) -> None:
        self._name, self._left = name, MAX_NODES

    def of(self, node: Node) -> Node:
        self._left -= 1
        if self._left < 0:
            raise NoDerivativeError("the derivative is too large")
        if node.head in ("num", "const"):
            if node.value in ("inf", "dots", "emptyset"):
                raise NoDerivativeError(f"{node.value} is no number")
            return ZERO
        if node.head == "sym":
            return ONE if node.value == self._name else ZERO
        rule = _TABLE.get(node.head)
        if rule is None:
            raise NoDerivativeError(f"no derivative of {node.head!r}")
        return rule(self, node)

    def add(self, node: Node) -> Node:
        return add(*map(self.of, node.args))

    def neg(self, node: Node) -> Node:
        return neg(self.of(node.args[0]))

    def mul(self, node: Node) -> Node:
        terms = []
        for place, factor in enumerate(node.args):
            inner = self.of(factor)
            if inner != ZERO:
                rest = [*node.args[:place], *node.args[place + 1 :]]
                self._left -= len(rest)
                terms.append(mul(inner, *rest))
        return _sum(terms)

    def div(self, node: Node) -> Node:
        above, below = node.args
        if self._name not in symbols(below):
            return Node("div", (self.of(above), below))
        up, down = self.of(above), self.of(below)
        return Node("div", (add(mul(up, below), neg(mul(above, down))), Node("pow", (below, num(2)))))

    def pow(self, node: Node) -> Node:
        base, exponent = node.args
        inner = self.of(base)
        if self._name not in symbols(exponent):
            lower = add(exponent, num(-1))
            return ZERO if inner == ZERO else mul(exponent, Node("pow", (base, lower)), inner)
        growth = mul(self.of(exponent), _call("ln", base))
        if inner != ZERO:
            growth = add(growth, mul(exponent, Node("div", (inner, base))))
        return mul(node, growth)

    def root(self, node: Node) -> Node:
        radicand, index = node.args
        return self.pow(Node("pow", (radicand, Node("div", (ONE, index)))))

    def call(self, node: Node) -> Node:
        if len(node.args) != 1 or node.value not in _CALLS:
            raise NoDerivativeError(f"no derivative of {node.value!r}")
        inner = node.args[0]
        if node.value in ("ln", "log") and inner.head == "abs":
            inner = inner.args[0]
        return mul(_CALLS[node.value](inner), self.of(inner))


def _sum(terms: list[Node]) -> Node:
    return ZERO if not terms else terms[0] if len(terms) == 1 else add(*terms)


def _call(name: str, inner: Node) -> Node:
    return Node("call", (inner,), name)


_TABLE: dict[str, Callable[[_Rules, Node], Node]] = {
    "add": _Rules.add,
    "neg": _Rules.neg,
    "mul": _Rules.mul,
    "div": _Rules.div,
    "pow": _Rules.pow,
    "root": _Rules.root,
    "call": _Rules.call,
}
_CALLS: dict[str, Callable[[Node], Node]] = {
    "sin": lambda x: _call("cos", x),
    "cos": lambda x: neg(_call("sin", x)),
    "tan": lambda x: Node("div", (ONE, Node("pow", (_call("cos", x), num(2))))),
    "arctan": lambda x: Node("div", (ONE, add(ONE, Node("pow", (x, num(2)))))),
    "exp": lambda x: _call("exp", x),
    "ln": lambda x: Node("div", (ONE, x)),
    "log": lambda x: Node("div", (ONE, x)),
}
