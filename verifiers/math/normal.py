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
from math import comb, factorial, floor, gcd, isqrt, lcm, perm
from typing import NamedTuple

from rlvr_gym.verifiers.math.polynomial import (
    UNIT,
    Coefficient,
    Field,
    Mono,
    OutOfFuel,
    Poly,
    Rat,
    Undefined,
    key_of,
)
from rlvr_gym.verifiers.math.tree import MathError, Node

FUEL = 20_000
MAX_FACTORIAL = 3000
MAX_TERMS = 300
_SMALL_PRIMES = [p for p in range(2, 1000) if all(p % q for q in range(2, isqrt(p) + 1))]
_HALF = Fraction(1, 2)
# sin(k pi / 12) as (rational, number under the square root), where it is of that shape
_SINES: dict[int, tuple[Coefficient, int]] = {0: (0, 1), 2: (_HALF, 1), 3: (_HALF, 2), 4: (_HALF, 3), 6: (1, 1)}


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


class Normaliser(Field):
    """One walk over one tree."""

    def __init__(self, fuel: int) -> None:
        super().__init__(fuel)
        self.decisive = True

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

    def opaque(self, key: str, positive: bool = False) -> Rat:
        """An atom of which nothing is known but its name."""
        self.decisive = False
        return Rat({((("+" if positive else "@") + key, 1),): 1})

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

    def rational_power(self, base: Rat, q: Coefficient) -> Rat:
        """A power with a rational exponent."""
        if type(q) is not int and q.denominator == 1:
            q = q.numerator
        if type(q) is int:
            if q < 0:
                base, q = self.inverse(base), -q
            return Rat(self.power(base.num, q), self.power(base.den, q) if base.den else None)
        if not base.num:
            if q < 0:
                raise Undefined("division by zero")
            return base
        if base.den is not None:
            return self._opaque_power(base, q)
        if len(base.num) == 1:
            return self._monomial_power(base, Fraction(q))
        return self._sum_power(base.num, Fraction(q))

    def _monomial_power(self, base: Rat, q: Fraction) -> Rat:
        ((mono, c),) = base.num.items()
        even = q.denominator % 2 == 0
        if any(atom == "!" for atom, _ in mono) or (c < 0 and even and (mono or q.denominator != 2)):
            return self._opaque_power(base, q)
        self.carrying = True
        result = self.coefficient_power(_magnitude(c), q)
        if c < 0:
            imaginary: Poly = {(("!", 1),): 1}
            sign: Poly = {(): 1 if q.numerator % 2 == 0 else -1}
            unit = self.power(imaginary, q.numerator % 4) if even else sign
            result = self.times(result, unit)
        rest: list[tuple[str, Coefficient]] = []
        for atom, e in mono:
            if not even or atom[0] in "+#|":
                result = self.times(result, self.carried(((atom, e * q),), 1))
            elif type(e) is int and e % 2 == 0:
                result = self.times(result, self.carried((("|" + atom, e * q),), 1))
            else:
                rest.append((atom, e))
        if len(rest) == 1 and abs(rest[0][1]) == 1:
            return Rat(self.times(result, {((rest[0][0], rest[0][1] * q),): 1}))
        if rest:
            return self.mul(Rat(result), self._root_atom({tuple(rest): 1}, q))
        return Rat(result)

    def coefficient_power(self, c: Coefficient, q: Fraction) -> Poly:
        """A positive rational to a rational power, over the roots of its primes."""
        exponents: dict[int, int] = {}
        top, bottom = (c, 1) if type(c) is int else (c.numerator, c.denominator)
        for number, sign in ((top, 1), (bottom, -1)):
            for prime, times in self.factor(number):
                exponents[prime] = exponents.get(prime, 0) + sign * times
        out = UNIT
        for prime, times in sorted(exponents.items()):
            if times:
                out = self.times(out, self.carried(((f"#{prime}", times * q),), 1))
        return out

    def factor(self, n: int) -> list[tuple[int, int]]:
        """Primes below 1000 and what is left; a leftover that may be composite makes the form indecisive."""
        found: list[tuple[int, int]] = []
        if n.bit_length() > 2000:
            raise OutOfFuel("a number too large to factor")
        for p in _SMALL_PRIMES:
            if n % p == 0:
                times = 0
                while n % p == 0:
                    n, times = n // p, times + 1
                found.append((p, times))
            if n < p * p:
                break
        self.spend(10)
        if n > 1:
            root = isqrt(n)
            if root * root == n:
                found.append((root, 2))
                self.decisive &= root < 1_000_000
            else:
                found.append((n, 1))
                self.decisive &= n < 1_000_000
        return found

    def _sum_power(self, poly: Poly, q: Fraction) -> Rat:
        """A root of a sum: its positive content out, the rest an atom."""
        content = _content(poly)
        lead = poly[min(poly)]
        if q.denominator % 2 and lead < 0:
            content = -content
        rest = {mono: _quotient(c, content) for mono, c in poly.items()}
        sign = -1 if content < 0 and q.numerator % 2 else 1
        self.carrying = True
        outside = self.scaled(self.coefficient_power(_magnitude(content), q), sign)
        return self.mul(Rat(outside), self._root_atom(rest, q))

    def _root_atom(self, base: Poly, q: Fraction) -> Rat:
        """`base^q` as whole power times the fractional power of an atom."""
        self.decisive = False
        self.carrying = True
        whole = floor(q)
        atom = f"~[{key_of(Rat(base))}]"
        self.bases[atom] = base
        fraction = Rat({((atom, q - whole),): 1})
        if whole == 0:
            return fraction
        factor = self.power(base, abs(whole))
        return self.mul(fraction, Rat(factor) if whole > 0 else self.inverse(Rat(factor)))

    def _opaque_power(self, base: Rat, q: Coefficient) -> Rat:
        return self.opaque(f"({key_of(base)})^({q})")

    def symbolic_power(self, base: Rat, exponent: Rat) -> Rat:
        """`b^(...)` with variables in the exponent: one factor for every term of the exponent."""
        if exponent.den is not None or base.den is not None or len(base.num) != 1:
            return self.opaque(f"({key_of(base)})^({key_of(exponent)})")
        ((mono, c),) = base.num.items()
        if (mono and c != 1) or len(mono) > 1 or c < 0 or (mono and mono[0][1] != 1):
            return self.opaque(f"({key_of(base)})^({key_of(exponent)})")
        self.decisive = False
        out = Rat(UNIT)
        for name, times in [(mono[0][0], 1)] if mono else _prime_names(self, c):
            for term, k in exponent.num.items():
                out = self.mul(out, self._exponential(name, term, k * times))
        return out

    def _exponential(self, name: str, term: Mono, k: Coefficient) -> Rat:
        if not term:
            self.carrying |= name[0] == "#"
            return Rat(self.carried(((name, k),), 1) if self.carrying else {((name, k),): 1})
        if name == "+e":
            if term == (("+pi", 1), ("!", 1)):
                known = _cosine_sine(Fraction(k))
                if known is not None:
                    self.carrying = True
                    return Rat(self.plus(known[0], self.times({(("!", 1),): 1}, known[1])))
            if len(term) == 1 and term[0][1] == 1 and term[0][0].startswith("+ln#"):
                self.carrying = True
                return Rat(self.carried(((f"#{term[0][0][4:]}", k),), 1))
        positive = "+" if name[0] in "+#" and not any(atom == "!" for atom, _ in term) else "@"
        return Rat({((f"{positive}{name}^[{key_of(Rat({term: 1}))}]", k),): 1})

    # --- Functions -------------------------------------------------------------------------------------------------

    def absolute(self, node: Node) -> Rat:
        """`|x|`."""
        value = self.form(node.args[0])
        if value.den is None and len(value.num) == 1:
            ((mono, c),) = value.num.items()
            if not any(atom == "!" or atom[0] in "~@" for atom, _ in mono):
                self.carrying = True
                named = tuple(sorted((atom if atom[0] in "+#|" else "|" + atom, e) for atom, e in mono))
                return Rat(self.carried(named, _magnitude(c)))
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
        if exact is not None and all(type(n) is int and abs(n) <= 10**12 for n in numbers):
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
        for prime, times in _prime_exponents(self, c):
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
            known = _cosine_sine(Fraction(value.num[(("+pi", 1),)]))
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
        """A finite sum or product is written out; another operator that stands unevaluated is an atom."""
        if node.value in ("sum_^", "prod_^"):
            terms = _terms(node)
            if terms is not None:
                return self.sum(terms) if node.value == "sum_^" else self.product(terms)
        keys = [key_of(self.form(part)) for arg in node.args for part in (arg.args if arg.head == "rel" else (arg,))]
        return self.opaque(f"{node.value}({';'.join(keys)})")

    def words(self, node: Node) -> Rat:
        """Words are a variable of that name."""
        return Rat({((f"@text:{node.value}", 1),): 1})


def _terms(node: Node) -> Node | None:
    """The terms of `\\sum_{k=a}^{b}` between whole bounds, as the arguments of one node; None where there are none."""
    body, start, end = node.args
    if start.head != "rel" or start.value != ("=",) or start.args[0].head != "sym":
        return None
    low, high = start.args[1], end
    if any(bound.head != "num" or type(bound.value) is not int for bound in (low, high)):
        return None
    if not low.value <= high.value < low.value + MAX_TERMS:
        return None
    return Node("add", tuple(_at(body, start.args[0], Node("num", (), k)) for k in range(low.value, high.value + 1)))


def _at(node: Node, variable: Node, value: Node) -> Node:
    if node == variable:
        return value
    return node._replace(args=tuple(_at(arg, variable, value) for arg in node.args)) if node.args else node


def number_of(value: Rat) -> Coefficient | None:
    """The rational number that a quotient is, or None."""
    if value.den is not None or len(value.num) > 1:
        return None
    return value.num.get(()) if value.num else 0


def _magnitude(c: Coefficient) -> Coefficient:
    return -c if c < 0 else c


def _content(poly: Poly) -> Coefficient:
    """The positive rational by which all coefficients can be divided."""
    tops, bottoms = 0, 1
    for c in poly.values():
        top, bottom = (c, 1) if type(c) is int else (c.numerator, c.denominator)
        tops, bottoms = gcd(tops, top), lcm(bottoms, bottom)
    return tops if bottoms == 1 else Fraction(tops, bottoms)


def _quotient(a: Coefficient, b: Coefficient) -> Coefficient:
    value = Fraction(a) / b
    return value.numerator if value.denominator == 1 else value


def _prime_exponents(field: Normaliser, c: Coefficient) -> list[tuple[int, int]]:
    top, bottom = (c, 1) if type(c) is int else (c.numerator, c.denominator)
    return [*field.factor(top), *((p, -k) for p, k in field.factor(bottom))]


def _prime_names(field: Normaliser, c: Coefficient) -> list[tuple[str, int]]:
    return [(f"#{p}", k) for p, k in _prime_exponents(field, c)]


def _cosine_sine(turn: Fraction) -> tuple[Poly, Poly] | None:
    """Cosine and sine of `turn * pi`, where both are rational or one square root."""
    twelfths = turn * 12
    if twelfths.denominator != 1:
        return None
    step = twelfths.numerator % 24
    cosine, sine = _sine_of((step + 6) % 24), _sine_of(step)
    return None if cosine is None or sine is None else (cosine, sine)


def _sine_of(step: int) -> Poly | None:
    sign = 1 if step < 12 else -1
    step %= 12
    known = _SINES.get(min(step, 12 - step))
    if known is None:
        return None
    factor, radicand = known
    if not factor:
        return {}
    return {(((f"#{radicand}", _HALF),) if radicand > 1 else ()): sign * factor}


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
