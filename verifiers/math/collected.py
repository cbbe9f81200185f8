"""Formulas up to trivial work: the order of terms, zeros and ones, arithmetic among numerals, like terms and factors.

Nothing is multiplied out, no root is drawn and no identity is used, so that two formulas which are the same here differ
by dressing alone. This tells a copy from an answer, never a right answer from a wrong one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction

from rlvr_gym.verifiers.math import ladder
from rlvr_gym.verifiers.math.normal import NormalForm
from rlvr_gym.verifiers.math.tree import ONE, ZERO, Node, num, symbols, walk

_MAX_BITS = 4000  # of a power that is written out
_WORKED_OUT = frozenset({"abs", "floor", "ceil", "fact", "call", "pow", "mul", "add"})


def shape(node: Node) -> Node:
    """The tree without regard to the order of sums and products, without brackets, zeros and ones.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> shape(parse("(3+4)^1+0")) == shape(parse("4+3")), shape(parse("7")) == shape(parse("4+3"))
        (True, False)
    """
    args = tuple(map(shape, node.args))
    if node.head == "neg" and args[0].head == "neg":
        return args[0].args[0]
    if node.head in ("pow", "div", "root") and args[1] == ONE:
        return args[0]
    if node.head in ("add", "mul"):
        return _sorted(node.head, args, ZERO if node.head == "add" else ONE)
    return node._replace(args=args) if args else node


def operations(node: Node) -> int:
    """How much is left to be worked out: the operators and functions of a tree; signs and units are none.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> [operations(parse(text)) for text in ("-7", "3/4", "3+4-5", "2\\\\sqrt3", "35\\\\%")]
        [0, 1, 2, 2, 1]
    """
    total = 0
    for inner in walk(node):
        if inner.head in ("add", "mul"):
            total += len(inner.args) - 1
        elif inner.head not in ("neg", "qty"):
            total += bool(inner.args)
    return total


def collected(node: Node) -> Node:
    """The tree with its arithmetic done, and like terms and factors collected.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> collected(parse("2(x+1)y/2+5-5")) == collected(parse("y(x+1)")), collected(parse("17+42")).value
        (True, 59)
    """
    args = tuple(map(collected, node.args))
    rule = _RULES.get(node.head)
    out = rule(args) if rule is not None else node._replace(args=args) if args else node
    if out.head in _WORKED_OUT and not symbols(out):
        form = ladder._form(out)
        if isinstance(form, NormalForm) and form.number is not None:
            return num(form.number)
    return out


def holds(node: Node, part: Node) -> bool:
    """Whether a tree contains another one, or its terms or factors among others.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> [holds(shape(parse(text)), shape(parse("3+4"))) for text in ("2(3+4)", "4+1+3-1", "3+5")]
        [True, True, False]
    """
    for inner in walk(node):
        if inner == part:
            return True
        among = inner.head == part.head and part.head in ("add", "mul") and len(inner.args) > len(part.args)
        if among and not Counter(part.args) - Counter(inner.args):
            return True
    return False


def _sorted(head: str, args: Iterable[Node], neutral: Node) -> Node:
    """A sum or product, flattened and in order, without what is neutral in it."""
    flat = [inner for arg in args for inner in (arg.args if arg.head == head else (arg,)) if inner != neutral]
    if len(flat) < 2:
        return flat[0] if flat else neutral
    return Node(head, tuple(sorted(flat, key=repr)))


def _sum(args: tuple[Node, ...]) -> Node:
    """A sum: coefficients by what they belong to."""
    terms: dict[Node, Fraction] = {}
    for arg in args:
        for term in arg.args if arg.head == "add" else (arg,):
            factor, rest = _coefficient(term)
            terms[rest] = terms.get(rest, Fraction(0)) + factor
    return _sorted("add", (_scaled(rest, factor) for rest, factor in terms.items()), ZERO)


def _coefficient(term: Node) -> tuple[Fraction, Node]:
    """A term as a number times the rest; the rest of a numeral is one."""
    if term.head == "num":
        return Fraction(term.value), ONE
    if term.head == "mul":
        numerals = [arg for arg in term.args if arg.head == "num"]
        if len(numerals) == 1:
            rest = tuple(arg for arg in term.args if arg.head != "num")
            return Fraction(numerals[0].value), rest[0] if len(rest) == 1 else Node("mul", rest)
    return Fraction(1), term


def _scaled(node: Node, factor: Fraction) -> Node:
    if factor == 0:
        return ZERO
    if node == ONE:
        return num(factor)
    if factor == 1:
        return node
    if node.head == "add":
        return _sorted("add", (_scaled(rest, inner * factor) for inner, rest in map(_coefficient, node.args)), ZERO)
    return _sorted("mul", (node, num(factor)), ONE)


def _product(args: tuple[Node, ...]) -> Node:
    """A product: exponents by their bases, and one numeral."""
    number, powers = Fraction(1), dict[Node, Fraction]()
    for arg in args:
        for factor in arg.args if arg.head == "mul" else (arg,):
            if factor.head == "num":
                number *= Fraction(factor.value)
                continue
            base, exponent = factor, Fraction(1)
            if factor.head == "pow" and factor.args[1].head == "num":
                base, exponent = factor.args[0], Fraction(factor.args[1].value)
            powers[base] = powers.get(base, Fraction(0)) + exponent
    factors = [_power((base, num(exponent))) for base, exponent in powers.items()]
    return _scaled(_sorted("mul", factors, ONE), number)


def _power(args: tuple[Node, ...]) -> Node:
    base, exponent = args
    if exponent == ONE or base == ONE:
        return base
    if exponent == ZERO:
        return ONE
    if exponent.head != "num" or type(exponent.value) is not int:
        return Node("pow", args)
    if base.head == "num":
        value = Fraction(base.value)
        bits = abs(exponent.value) * (value.numerator.bit_length() + value.denominator.bit_length())
        return num(value**exponent.value) if bits <= _MAX_BITS and (value or exponent.value > 0) else Node("pow", args)
    if base.head == "mul":
        return _product(tuple(_power((arg, exponent)) for arg in base.args))
    if base.head == "pow" and base.args[1].head == "num":
        return _power((base.args[0], num(Fraction(base.args[1].value) * exponent.value)))
    return Node("pow", args)


def _quotient(args: tuple[Node, ...]) -> Node:
    return _product((args[0], _power((args[1], num(-1)))))


def _root(args: tuple[Node, ...]) -> Node:
    index = args[1]
    if index.head != "num" or not index.value:
        return Node("root", args)
    return _power((args[0], num(1 / Fraction(index.value))))


_RULES: dict[str, Callable[[tuple[Node, ...]], Node]] = {
    "add": _sum,
    "mul": _product,
    "neg": lambda args: _scaled(args[0], Fraction(-1)) if args[0].head != "num" else num(-args[0].value),
    "div": _quotient,
    "pow": _power,
    "root": _root,
    "pct": lambda args: _product((args[0], num(Fraction(1, 100)))),
    "deg": lambda args: _product((args[0], Node("deg", (ONE,)))),
    "qty": lambda args: args[0],
}
