"""Whether two scalar expressions are equal: cheap rungs first, the first one that can tell decides.

1. identical trees
2. numbers, exactly
3. normal forms: exact polynomials over atoms (`normal.py`); decisive over variables, pi and roots of primes
4. residues modulo primes keyed on both sides, for powers too large to write out (`modular.py`)
5. floats with error bounds, which only tell apart; 6. intervals at a precision that fits the constants (`probing.py`)
7. sympy in a worker that can be killed (`symbolic.py`)

What no rung can tell is undecided, which counts as wrong under its own reason code.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rlvr_gym.verifiers.math.finite import written_out
from rlvr_gym.verifiers.math.normal import NoForm, NormalForm, normal_form, same
from rlvr_gym.verifiers.math.polynomial import OutOfFuel, Undefined
from rlvr_gym.verifiers.math.tree import Node, mul, neg, num, symbols, walk


class Outcome(NamedTuple):
    """Equal (True, False, or None: undecided), the rung that decided, and a note for a person."""

    equal: bool | None
    rung: str
    note: str = ""


def compare(a: Node, b: Node) -> Outcome:
    """Decide on two scalar expressions.

    Args:
        a: The reference (its normal form is kept for the next comparison).
        b: The answer.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> [compare(parse("x^2-1"), parse(text)).rung for text in ("x^2-1", "(x+1)(x-1)", "x^2-2")]
        ['identical', 'normal form', 'normal form']
        >>> compare(parse("2\\\\sin x\\\\cos x"), parse("\\\\sin 2x"))
        Outcome(equal=True, rung='intervals', note='')
    """
    if a == b:
        return Outcome(True, "identical")
    if a.head == b.head == "num":
        return Outcome(bool(a.value == b.value), "exact")
    a, b = one_logarithm(written_out(a), written_out(b))
    form_a, form_b = _form_of_reference(a), _form(b)
    for form in (form_a, form_b):
        if isinstance(form, Undefined):
            return Outcome(False, "normal form", str(form))
        if isinstance(form, NoForm):
            return Outcome(None, "no scalar", str(form))
    if isinstance(form_a, NormalForm) and isinstance(form_b, NormalForm):
        exact = _by_forms(form_a, form_b)
        if exact is not None:
            return exact
    else:
        found = _by_residues(a, b)
        if found is not None:
            return found
    from rlvr_gym.verifiers.math.probing import probe  # few answers come this far

    result = probe(a, b)
    if result.equal is None:
        return Outcome(None, "undecided", result.why)
    return Outcome(result.equal, result.why)


def _by_forms(a: NormalForm, b: NormalForm) -> Outcome | None:
    try:
        if same(a, b):
            return Outcome(True, "normal form")
    except (OutOfFuel, Undefined):
        return None
    if a.decisive and b.decisive:
        return Outcome(False, "exact" if a.number is not None and b.number is not None else "normal form")
    return None


def _by_residues(a: Node, b: Node) -> Outcome | None:
    from rlvr_gym.verifiers.math import modular  # few answers come this far

    try:
        equal = modular.compare(a, b)
    except modular.NotModular:
        return None
    return None if equal is None else Outcome(equal, "residues")


Form = NormalForm | Undefined | NoForm | OutOfFuel


def _form(node: Node) -> Form:
    try:
        return normal_form(node)
    except (Undefined, NoForm, OutOfFuel) as refusal:
        return refusal


_form_of_reference = lru_cache(maxsize=256)(_form)


def one_logarithm(a: Node, b: Node) -> tuple[Node, Node]:
    """`\\log` without a base: to base ten where the other side says so, else natural.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> compare(parse("\\\\log 2"), parse("\\\\ln 2")).equal, compare(parse("\\\\log 2"), parse("\\\\lg 2")).equal
        (True, True)
    """
    bare_a, ten_a = _logarithms(a)
    bare_b, ten_b = _logarithms(b)
    if bare_a and ten_b and not ten_a:
        a = _to_base_ten(a)
    if bare_b and ten_a and not ten_b:
        b = _to_base_ten(b)
    return a, b


def _logarithms(node: Node) -> tuple[bool, bool]:
    bare = ten = False
    for inner in walk(node):
        if inner.value == "log" and inner.head == "call":
            bare |= len(inner.args) == 1
            ten |= len(inner.args) == 2 and inner.args[1] == num(10)
    return bare, ten


def _to_base_ten(node: Node) -> Node:
    args = tuple(_to_base_ten(arg) for arg in node.args)
    if node.value == "log" and node.head == "call" and len(args) == 1:
        args = (args[0], num(10))
    return node._replace(args=args)


def proportional(a: Node, b: Node) -> Outcome:
    """Whether one expression is a constant multiple of the other: equations `a = 0` and `b = 0` that are the same.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> proportional(parse("y-2x-3"), parse("4x-2y+6")).equal
        True
    """
    if not symbols(a) or not symbols(b):
        return compare(a, b)
    form_a, form_b = _form(a), _form(b)
    if isinstance(form_a, NormalForm) and isinstance(form_b, NormalForm):
        for mono in form_a.value.num:
            if mono in form_b.value.num and form_a.value.den == form_b.value.den:
                factor = Fraction(form_a.value.num[mono]) / form_b.value.num[mono]
                return compare(a, mul(num(factor), b))
    straight = compare(a, b)
    return straight if straight.equal else compare(a, neg(b))


def sign_of(node: Node) -> int | None:
    """The sign of a constant: 1, 0 or -1; None where it cannot be told.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> sign_of(parse("\\\\pi-3.14159")), sign_of(parse("\\\\sqrt4-2")), sign_of(parse("x"))
        (1, 0, None)
    """
    form = _form(node)
    if isinstance(form, NormalForm) and form.number is not None:
        return (form.number > 0) - (form.number < 0)
    if symbols(node):
        return None
    from rlvr_gym.verifiers.math.probing import sign_at

    return sign_at(node)
