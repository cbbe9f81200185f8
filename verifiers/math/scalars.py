"""One value against one value: numbers, expressions, quantities, percentages, degrees, numerals in a base, ratios."""

from __future__ import annotations

import re
from fractions import Fraction

from rlvr_gym.verifiers.math import ladder
from rlvr_gym.verifiers.math.answer import Reading
from rlvr_gym.verifiers.math.normal import NormalForm
from rlvr_gym.verifiers.math.policy import Judgement, Policy, different, functions, judged
from rlvr_gym.verifiers.math.sets import compare_unordered, expand
from rlvr_gym.verifiers.math.tree import INFINITY, PI, Node, add, mul, neg, num, sym, symbols, walk
from rlvr_gym.verifiers.math.units import Unit

STRUCTURES = frozenset(
    """list set tuple vector pair union inter minus matrix rel builder mod text choice opaque pm compound""".split()
)
_SIZES = frozenset({"dots", "R", "Z", "N", "Q", "C", "emptyset"})
_LEAST_SIGNIFICANT = 100  # three significant digits, as a whole number
_LEAST_DECIMALS, _MAX_DECIMALS = 2, 60
_PERCENT = re.compile(r"percent|%", re.IGNORECASE)
_AMBIGUOUS = frozenset({"list", "pm"})
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def compare_scalars(gold: Reading, answer: Node, policy: Policy) -> Judgement:
    """One value against whatever the answer is.

    Args:
        gold: The reference; a scalar, a quantity, a percentage, degrees, a numeral in a base or a ratio.
        answer: The answer, prefixes such as `x =` already taken off.
        policy: Conventions.
    """
    node = gold.node
    if answer.head in _AMBIGUOUS:
        return different("type", "ambiguous", "several values where one is expected")
    if answer.head == "compound":
        answer = total(answer)
    if node.head == "compound":
        node = total(node)
    if answer.head == "opaque":
        return different("type", "unreadable", "not mathematics that can be read")
    if answer.head in STRUCTURES:
        return different("type", "other_type", f"a {answer.head} where a value is expected")
    if node.head == "based" or answer.head == "based":
        return _based(node, answer)
    refusal = _unevaluated(node, answer)
    if refusal is not None:
        return refusal
    if node.head == "qty" or answer.head == "qty":
        return _quantities(gold._replace(node=node), answer, policy)
    if node.head == "pct" or answer.head == "pct":
        return _percent(node, answer, policy)
    if (node.head == "deg") != (answer.head == "deg"):
        return _degrees(node, answer)
    if "rad" in (node.head, answer.head):
        return values(gold._replace(node=_without_radians(node)), _without_radians(answer), policy)
    if node.head in _RATIOS or answer.head in _RATIOS:
        return _ratio(node, answer)
    return values(gold._replace(node=node), answer, policy)


def values(gold: Reading, answer: Node, policy: Policy) -> Judgement:
    """Two plain values: infinities, the guard against unevaluated operators, the ladder, rounded decimals."""
    for left, right in ((gold.node, answer), (answer, gold.node)):
        if left.head == "const" and (left.value in _SIZES or left.value == "inf"):
            return Judgement(left == right, "type")
        if left == neg(INFINITY):
            return Judgement(left == right, "type")
    refusal = _unevaluated(gold.node, answer)
    if refusal is not None:
        return refusal
    if policy.variables == "positive":
        outcome = ladder.compare(_positive(gold.node), _positive(answer))
    else:
        outcome = ladder.compare(gold.node, answer)
    if outcome.rung == "no scalar":
        return _mixed(gold.node, answer, policy)
    wanted = gold.decimals if policy.decimals == "rounded" else None
    if outcome.equal is False and wanted and _rounds_to(gold.node, wanted, answer):
        return Judgement(True, "rounded", "", f"rounds to the reference at {wanted} decimals")
    return judged(outcome)


def _unevaluated(gold: Node, answer: Node) -> Judgement | None:
    """A refusal where the answer leaves to be worked out what the reference does not."""
    left = functions(answer)
    if not left:
        return None
    known = functions(gold)
    closed = not symbols(gold) and bool(left - known) and (not known or bool(symbols(answer)) or gold.head == "num")
    if closed or left & _OPERATORS - known:
        return different("guard", "unevaluated", f"left to be worked out: {', '.join(sorted(left))}")
    return None


def _positive(node: Node) -> Node:
    """The tree with variables that are positive: the normal form knows them by the plus before the name."""
    if node.head == "sym":
        return node if node.value[:1] == "+" else sym("+" + node.value)
    return node._replace(args=tuple(map(_positive, node.args))) if node.args else node


def _mixed(gold: Node, answer: Node, policy: Policy) -> Judgement:
    """Values with something inside that is none: `±` is spread out, a matrix or a set must be on both sides."""
    if any(inner.head == "op" for node in (gold, answer) for inner in walk(node)):
        return Judgement(None, "undecided", "", "an operator that is not worked out")
    heads = [{inner.head for inner in walk(node)} & STRUCTURES for node in (gold, answer)]
    if heads[0] == heads[1] == {"pm"}:

        def compare(a: Node, b: Node) -> Judgement:
            return values(Reading(a), b, policy)

        wanted, offered = expand(gold), expand(answer)
        if len(wanted) > 1 and len(offered) > 1:
            return compare_unordered(list(wanted), list(offered), compare)
    if heads[0] != heads[1]:
        return different("type", "other_type", "parts of another type")
    # several ± that are too many to spread out come here too
    return Judgement(None, "undecided", "", "parts that are no values")


_OPERATORS = frozenset({"int", "sum", "prod", "lim", "diff", "det", "bigcup", "bigcap"})


def _rounds_to(gold: Node, decimals: int, answer: Node) -> bool:
    """Whether an exact value without a short decimal of its own rounds (half up or down) to the reference."""
    if gold.head != "num" or symbols(answer) or not _LEAST_DECIMALS <= decimals <= _MAX_DECIMALS:
        return False
    value = Fraction(gold.value)
    if abs(value) * 10**decimals < _LEAST_SIGNIFICANT:
        return False
    form = ladder._form(answer)
    if not isinstance(form, NormalForm) or (form.number is not None and _terminates(Fraction(form.number))):
        return False
    half = num(Fraction(1, 2 * 10**decimals))
    low = ladder.sign_of(add(answer, neg(num(value)), half))
    high = ladder.sign_of(add(num(value), half, neg(answer)))
    return low is not None and high is not None and low > 0 and high > 0


def rounds_to(comment: Node, value: Node) -> bool:
    """Whether an approximation agrees with what it follows, component by component.

    A decimal numeral must be the rounding of a constant at its own number of digits; what varies must be the same.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> pairs = (("1.41", r"\\sqrt2"), ("(3,1.41)", r"(3,\\sqrt2)"), ("1.5", r"\\sqrt2"), ("8", "2k"))
        >>> [rounds_to(parse(comment), parse(value)) for comment, value in pairs]
        [True, True, False, False]
    """
    if comment == value:
        return True
    if value.head == "qty" and (comment.head != "qty" or comment.value == value.value):
        value = value.args[0]
    if comment.head == "qty" and value.head != "qty":
        comment = comment.args[0]
    if comment.head == "num" and value.head not in STRUCTURES and not symbols(value):
        return _rounded(Fraction(comment.value), value)
    if comment.head != value.head or comment.value != value.value or len(comment.args) != len(value.args):
        return False
    return bool(value.args) and all(map(rounds_to, comment.args, value.args))


def _rounded(number: Fraction, value: Node) -> bool:
    """Whether a decimal is the rounding of a constant at its own number of digits, from two on also cut off there."""
    digits = 0
    while (number * 10**digits).denominator != 1 and digits < _MAX_DECIMALS:
        digits += 1
    step = Fraction(1, 10**digits)
    away = step if digits > 1 else step / 2
    shifts = (-step / 2, away) if number > 0 else (-away, step / 2)
    low, high = (ladder.sign_of(add(num(number + shift), neg(value))) for shift in shifts)
    return low is not None and high is not None and low <= 0 <= high


def _terminates(value: Fraction) -> bool:
    bottom = value.denominator
    for prime in (2, 5):
        while bottom % prime == 0:
            bottom //= prime
    return bottom == 1


def total(node: Node) -> Node:
    """`4 hours 30 minutes` as one quantity in the unit of its first part; opaque where the dimensions differ."""
    first = Unit(*node.args[0].value)
    parts: list[Node] = []
    largest = first.factor + 1
    for part in node.args:
        measured = Unit(*part.value)
        if measured.dimension != first.dimension or measured.factor >= largest:
            return Node("opaque", (), repr(node))
        largest = measured.factor
        parts.append(mul(part.args[0], num(measured.factor / first.factor)))
    return Node("qty", (add(*parts),), node.args[0].value)


def _quantities(gold: Reading, answer: Node, policy: Policy) -> Judgement:
    """A unit counts where both sides have one."""
    if gold.node.head == answer.head == "qty":
        mine, theirs = Unit(*gold.node.value), Unit(*answer.value)
        if not mine.same_dimension(theirs):
            return different("units", "other_unit", "measured in something else")
        if mine.factor == theirs.factor:
            return compare_scalars(gold._replace(node=gold.node.args[0]), answer.args[0], policy)
        scaled = mul(answer.args[0], num(theirs.factor / mine.factor))
        return values(gold._replace(node=gold.node.args[0]), scaled, policy)
    if gold.node.head == "qty":
        if policy.units == "required":
            return different("units", "no_unit", "the unit is missing")
        return compare_scalars(gold._replace(node=gold.node.args[0]), answer, policy)
    if Unit(*answer.value).strange:
        return different("units", "other_unit", "letters after the number that are no unit")
    return compare_scalars(gold, answer.args[0], policy)


def _percent(gold: Node, answer: Node, policy: Policy) -> Judgement:
    """`50%` is 0.5; it is 50 only where the question asks for a percentage; a whole number is no proportion."""
    if gold.head == answer.head == "pct":
        return judged(ladder.compare(gold.args[0], answer.args[0]))
    share, plain = (gold, answer) if gold.head == "pct" else (answer, gold)
    if _PERCENT.search(policy.prompt):
        asked = ladder.compare(share.args[0], plain)
        if asked.equal:
            return judged(asked)
    form = ladder._form(plain)
    if isinstance(form, NormalForm) and form.number is not None and Fraction(form.number).denominator == 1:
        return different("percent", "percent", "a percentage where a whole number is expected, or the reverse")
    outcome = ladder.compare(gold, answer)
    return judged(outcome)


def _degrees(gold: Node, answer: Node) -> Judgement:
    """A degree sign may be left out; `45°` is also pi/4."""
    number, other = (gold.args[0], answer) if gold.head == "deg" else (answer.args[0], gold)
    bare = ladder.compare(gold.args[0] if gold.head == "deg" else gold, answer if gold.head == "deg" else number)
    if bare.equal and not any(inner == PI for inner in walk(number)) and other.head != "rad":
        return judged(bare)
    return judged(ladder.compare(_without_radians(gold), _without_radians(answer)))


def _without_radians(node: Node) -> Node:
    return node.args[0] if node.head == "rad" else node


def _ratio(gold: Node, answer: Node) -> Judgement:
    """`3:4` is `6:8` and three quarters; a time of day is only itself."""
    if "time" in (gold.head, answer.head):
        return Judgement(gold == answer, "exact")
    if gold.head in _RATIOS and answer.head in _RATIOS:
        if len(gold.args) != len(answer.args):
            return different("type", "other_length", "ratios of different lengths")
        first_gold, first_answer = gold.args[0], answer.args[0]
        for left, right in zip(gold.args[1:], answer.args[1:], strict=True):
            outcome = ladder.compare(mul(first_gold, right), mul(left, first_answer))
            if not outcome.equal:
                return judged(outcome)
        return Judgement(True, "normal form")
    ratio, plain = (gold, answer) if gold.head in _RATIOS else (answer, gold)
    if len(ratio.args) != 2:
        return different("type", "other_type", "a ratio where a value is expected, or the reverse")
    quotient = Node("div", ratio.args)
    return judged(ladder.compare(quotient, plain) if gold is ratio else ladder.compare(plain, quotient))


_RATIOS = frozenset({"ratio", "time"})


def _based(gold: Node, answer: Node) -> Judgement:
    """A reference in a base wants its base; a plain reference takes the value."""
    if gold.head == answer.head == "based":
        if gold.value[1] != answer.value[1]:
            return different("base", "other_base", "a numeral in another base")
        return Judgement(gold.value[0].lstrip("0") == answer.value[0].lstrip("0"), "exact")
    if gold.head == "based":
        return different("base", "no_base", "the base is missing")
    value = base_value(*answer.value)
    if value is None:
        return different("base", "malformed_numeral", "a digit that its base does not have")
    return judged(ladder.compare(gold, num(value)))


def base_value(digits: str, base: int) -> int | None:
    """The value of a numeral; None where the base does not have one of its digits.

    Example:
        >>> base_value("204", 5), base_value("12", 2)
        (54, None)
    """
    if not digits.isascii() or not digits.isalnum() or not 2 <= base <= 36:
        return None
    if any(_DIGITS.index(d) >= base for d in digits.lower()):
        return None
    out = 0
    for digit in digits.lower():
        out = out * base + _DIGITS.index(digit)
    return out
