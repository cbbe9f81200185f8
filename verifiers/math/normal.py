"""From the tree to an exact quotient of polynomials over atoms: the rung that decides most answers.

Identities used, and why each holds for every real value of the variables at which both sides are defined:

- the field laws, with like terms collected (a removable singularity is not seen);
- x^a x^b = x^(a+b); (x^a)^n = x^(an) for whole n; (c m)^q = c^q m^q for rational c > 0;
- odd roots are the real ones, so they distribute over every product; even roots only over positive factors, and
  the even root of an even power of a variable is that of its absolute value;
- exp(a + b) = exp(a) exp(b); ln of a positive rational is the sum over its primes; ln(c x^k) = ln c + k ln x for odd k;
- sin, tan, arcsin, arctan are odd, cos is even; tan = sin/cos and so on; values at multiples of pi/12 that are
  rational or a single square root.

A normal form is `decisive` where all its atoms are variables, pi and roots of primes: then two different forms are
different functions. Everything else (logarithms, trigonometry, roots of sums) only ever proves equality here.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb, factorial, floor, gcd, lcm, perm
from typing import NamedTuple

from rlvr_gym.verifiers.math.polynomial import UNIT, Coefficient, Field, OutOfFuel, Poly, Rat, Undefined, key_of
from rlvr_gym.verifiers.math.powers import Powers, cosine_sine, magnitude, number_of, prime_exponents
from rlvr_gym.verifiers.math.tree import MathError, Node

FUEL = 20_000
MAX_FACTORIAL = 3000


class NoForm(MathError):
    """This head has no normal form: a list, a relation, a unit."""


class NormalForm(NamedTuple):
    """The result: the quotient, what stands under its roots, and whether different forms are different functions."""

    value: Rat
    bases: dict[str, Poly]
    decisive: bool
    carrying: bool

    @property
    def number(self) -> Coefficient | None:
        """The rational number that it is, or None."""
        if self.value.den is not None:
            return None
        if not self.value.num:
            return 0
        return self.value.num.get(()) if len(self.value.num) == 1 else None


def normal_form(node: Node) -> NormalForm:
    """Bring a scalar expression into normal form.

    Raises:
        NoForm: It is not a scalar expression.
        Undefined: It divides by zero.
        OutOfFuel: It grows beyond the budget.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> a, b = normal_form(parse("\\\\sqrt{72}")), normal_form(parse("6\\\\sqrt2"))
        >>> same(a, b), a.decisive
        (True, True)
    """
    maker = Normaliser(FUEL)
    value = maker.form(node)
    return NormalForm(value, maker.bases, maker.decisive, maker.carrying)


def same(a: NormalForm, b: NormalForm) -> bool:
    """Whether two forms are equal as quotients of polynomials.

    Raises:
        OutOfFuel: The cross products grow beyond the budget.
    """
    field = Field(FUEL)
    field.bases = {**a.bases, **b.bases}
    field.carrying = a.carrying or b.carrying
    return field.equal(a.value, b.value)


class Normaliser(Powers):
    """One walk over one tree."""

    def form(self, node: Node) -> Rat:
        """The quotient of this node."""
        head = node.head
        if head == "num":
            return Rat({(): node.value} if node.value else {})
        if head == "sym":
            return Rat({((node.value, 1),): 1})
        self.spend(1)
        rule = _RULES.get(head)
        if rule is None:
            raise NoForm(head)
        return rule(self, node)

    # --- Arithmetic ------------------------------------------------------------------------------------------------

    def const(self, node: Node) -> Rat:
        """Pi, e, i."""
        if node.value == "pi":
            return Rat({(("+pi", 1),): 1})
        if node.value == "e":
            self.decisive = False
            return Rat({(("+e", 1),): 1})
        if node.value == "i":
            self.carrying = True
            return Rat({(("!", 1),): 1})
        raise NoForm(node.value)

    def sum(self, node: Node) -> Rat:
        """A sum."""
        total = self.form(node.args[0])
        for arg in node.args[1:]:
            total = self.add(total, self.form(arg))
        return total

    def product(self, node: Node) -> Rat:
        """A product."""
        total = self.form(node.args[0])
        for arg in node.args[1:]:
            total = self.mul(total, self.form(arg))
        return total

    def negative(self, node: Node) -> Rat:
        """A negative."""
        value = self.form(node.args[0])
        return Rat(self.scaled(value.num, -1), value.den)

    def quotient(self, node: Node) -> Rat:
        """A quotient."""
        top, bottom = self.form(node.args[0]), self.form(node.args[1])
        if len(bottom.num) == 1 and () in bottom.num and bottom.den is None:
            return Rat(self.scaled(top.num, Fraction(1) / bottom.num[()]), top.den)
        return self.mul(top, self.inverse(bottom))

    def degrees(self, node: Node) -> Rat:
        """`30°` as a number of radians."""
        return self.mul(self.form(node.args[0]), Rat({(("+pi", 1),): Fraction(1, 180)}))

    def percent(self, node: Node) -> Rat:
        """`30%` as a proportion."""
        value = self.form(node.args[0])
        return Rat(self.scaled(value.num, Fraction(1, 100)), value.den)

    # --- Powers ----------------------------------------------------------------------------------------------------

    def root(self, node: Node) -> Rat:
        """`\\sqrt[n]{x}` as a power 1/n."""
        index = number_of(self.form(node.args[1]))
        if index is None or type(index) is not int or not 1 <= index <= 1000:
            raise NoForm("the index of a root")
        return self.rational_power(self.form(node.args[0]), Fraction(1, index))

    def power_node(self, node: Node) -> Rat:
        """`b^e`."""
        base, exponent = self.form(node.args[0]), self.form(node.args[1])
        q = number_of(exponent)
        if q is not None:
            return self.rational_power(base, q)
        return self.symbolic_power(base, exponent)

    # --- Functions -------------------------------------------------------------------------------------------------

    def absolute(self, node: Node) -> Rat:
        """`|x|`."""
        value = self.form(node.args[0])
        if value.den is None and len(value.num) == 1:
            ((mono, c),) = value.num.items()
            if not any(atom == "!" or atom[0] in "~@" for atom, _ in mono):
                self.carrying = True
                named = tuple(sorted((atom if atom[0] in "+#|" else "|" + atom, e) for atom, e in mono))
                return Rat(self.carried(named, magnitude(c)))
        if not value.num:
            return value
        self.decisive = False
        return Rat({((f"|[{key_of(self._positive_lead(value)[1])}]", 1),): 1})

    def _positive_lead(self, value: Rat) -> tuple[int, Rat]:
        """Sign and value with the sign of its first coefficient taken out."""
        if not value.num or value.num[min(value.num)] > 0:
            return 1, value
        return -1, Rat(self.scaled(value.num, -1), value.den)

    def rounded(self, node: Node) -> Rat:
        """Floor and ceiling."""
        value = self.form(node.args[0])
        number = number_of(value)
        if number is not None:
            return Rat({(): floor(number) if node.head == "floor" else -floor(-number)})
        return self.opaque(f"{node.head}({key_of(value)})")

    def fact(self, node: Node) -> Rat:
        """A factorial."""
        value = self.form(node.args[0])
        n = number_of(value)
        if n is None:
            return self.opaque(f"fact({key_of(value)})")
        if type(n) is not int or n < 0:
            raise Undefined("the factorial of what is no whole number")
        if n > MAX_FACTORIAL:
            raise OutOfFuel("a factorial with too many digits")
        self.spend(n)
        return Rat({(): factorial(n)})

    def call(self, node: Node) -> Rat:
        """A named function."""
        args = [self.form(arg) for arg in node.args]
        rule = _FUNCTIONS.get(node.value)
        if rule is not None and len(args) == 1:
            return rule(self, args[0])
        if node.value == "log" and len(args) == 2:
            return self.mul(self.ln(args[0]), self.inverse(self.ln(args[1])))
        numbers = [number_of(arg) for arg in args]
        exact = _INTEGER_FUNCTIONS.get(node.value)
        if exact is not None and len(args) > 1 and all(type(n) is int and abs(n) <= 10**12 for n in numbers):
            if node.value in ("binom", "perm") and not (len(numbers) == 2 and 0 <= numbers[1] <= numbers[0] <= 3000):  # type: ignore[operator]
                raise OutOfFuel("a binomial coefficient with too many digits")
            return Rat({(): exact(*numbers)})
        return self.opaque(f"{node.value}({';'.join(map(key_of, args))})")

    def ln(self, value: Rat) -> Rat:
        """The natural logarithm."""
        self.decisive = False
        if not value.num:
            raise Undefined("the logarithm of zero")
        if value.den is not None or len(value.num) != 1:
            return self.opaque(f"ln({key_of(value)})")
        ((mono, c),) = value.num.items()
        unknown = [(atom, e) for atom, e in mono if atom[0] not in "+#"]
        if c < 0 or len(unknown) > 1 or any(atom == "!" for atom, _ in unknown):
            return self.opaque(f"ln({key_of(value)})")
        out: Poly = {}
        for prime, times in prime_exponents(self, c):
            out = self.plus(out, {((f"+ln#{prime}", 1),): times})
        for atom, e in mono:
            if atom == "+e":
                term: Poly = {(): 1}
            elif atom[0] == "#":
                term = {((f"+ln#{atom[1:]}", 1),): 1}
            elif type(e) is int and e % 2 == 0 and atom[0] not in "+|":
                term = {((f"@ln|{atom}", 1),): 1}
            else:
                term = {((f"@ln{atom}", 1),): 1}
            out = self.plus(out, term, e)
        return Rat(out)

    def sine(self, value: Rat) -> Rat:
        """The sine."""
        return self._circular(value)[1]

    def cosine(self, value: Rat) -> Rat:
        """The cosine."""
        return self._circular(value)[0]

    def _circular(self, value: Rat) -> tuple[Rat, Rat]:
        """Cosine and sine."""
        if not value.num:
            return Rat(UNIT), Rat({})
        if value.den is None and len(value.num) == 1 and (("+pi", 1),) in value.num:
            known = cosine_sine(Fraction(value.num[(("+pi", 1),)]))
            if known is not None:
                self.carrying = True
                return Rat(known[0]), Rat(known[1])
        sign, value = self._positive_lead(value)
        key = key_of(value)
        sine = self.opaque(f"sin({key})")
        return self.opaque(f"cos({key})"), Rat(self.scaled(sine.num, sign))

    def odd(self, name: str, value: Rat) -> Rat:
        """A function with f(-x) = -f(x)."""
        if not value.num:
            return value
        sign, value = self._positive_lead(value)
        return Rat(self.scaled(self.opaque(f"{name}({key_of(value)})").num, sign))

    def operator(self, node: Node) -> Rat:
        """An operator that stands unevaluated is an atom."""
        keys = [key_of(self.form(part)) for arg in node.args for part in (arg.args if arg.head == "rel" else (arg,))]
        return self.opaque(f"{node.value}({';'.join(keys)})")

    def words(self, node: Node) -> Rat:
        """Words are a variable of that name."""
        return Rat({((f"@text:{node.value}", 1),): 1})


def _ratio_of(top: str, bottom: str) -> Callable[[Normaliser, Rat], Rat]:
    def rule(field: Normaliser, value: Rat) -> Rat:
        cosine, sine = field._circular(value)
        parts = {"sin": sine, "cos": cosine, "1": Rat(UNIT)}
        return field.mul(parts[top], field.inverse(parts[bottom]))

    return rule


def _odd(name: str) -> Callable[[Normaliser, Rat], Rat]:
    return lambda field, value: field.odd(name, value)


_RULES: dict[str, Callable[[Normaliser, Node], Rat]] = {
    "const": Normaliser.const,
    "add": Normaliser.sum,
    "mul": Normaliser.product,
    "neg": Normaliser.negative,
    "div": Normaliser.quotient,
    "pow": Normaliser.power_node,
    "root": Normaliser.root,
    "deg": Normaliser.degrees,
    "pct": Normaliser.percent,
    "abs": Normaliser.absolute,
    "floor": Normaliser.rounded,
    "ceil": Normaliser.rounded,
    "fact": Normaliser.fact,
    "call": Normaliser.call,
    "op": Normaliser.operator,
    "text": Normaliser.words,
}
_FUNCTIONS: dict[str, Callable[[Normaliser, Rat], Rat]] = {
    "ln": Normaliser.ln,
    "log": Normaliser.ln,
    "sin": Normaliser.sine,
    "cos": Normaliser.cosine,
    "tan": _ratio_of("sin", "cos"),
    "cot": _ratio_of("cos", "sin"),
    "sec": _ratio_of("1", "cos"),
    "csc": _ratio_of("1", "sin"),
    **{name: _odd(name) for name in ("arcsin", "arctan", "arcsinh", "arctanh", "sinh", "tanh", "erf")},
}
_INTEGER_FUNCTIONS: dict[str, Callable[..., int]] = {
    "binom": comb,
    "perm": perm,
    "gcd": gcd,
    "lcm": lcm,
    "max": max,
    "min": min,
}
