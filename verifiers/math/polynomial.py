"""Exact sums of monomials over named atoms: the arithmetic under the normal form.

A monomial is a tuple of (atom, exponent) pairs sorted by atom; exponents are ints or Fractions and may be negative. A
polynomial is a dict from monomial to a non-zero rational coefficient. Atoms are strings. Three kinds obey a rule and
are `carried` back into their range whenever a product leaves it:

- `#p`, the positive real root of a prime p: exponents in [0, 1), the whole part goes into the coefficient;
- `!`, the imaginary unit: exponents 0 and 1;
- `~[...]`, a polynomial under an even root: exponents in (0, 1), the whole part is multiplied out.

Monomials in roots of primes are linearly independent over the rationals (Besicovitch 1940), and symbols and pi are
independent of them, so over these atoms two polynomials are equal exactly when their dicts are.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import NamedTuple

from rlvr_gym.verifiers.math.tree import MathError

Coefficient = int | Fraction
Mono = tuple[tuple[str, Coefficient], ...]
Poly = dict[Mono, Coefficient]

MAX_BITS = 40_000
UNIT: Poly = {(): 1}


class OutOfFuel(MathError):
    """The work budget of one comparison is spent, or a number has grown too large."""


class Undefined(MathError):
    """Division by zero, or a function outside of its domain."""


class Rat(NamedTuple):
    """A quotient of polynomials; `den` None stands for 1."""

    num: Poly
    den: Poly | None = None


class Field:
    """Arithmetic on `Rat`, with a budget.

    Args:
        fuel: Term products that may be formed before `OutOfFuel`.
    """

    def __init__(self, fuel: int) -> None:
        self.fuel = fuel
        self.bases: dict[str, Poly] = {}
        self.carrying = False

    def spend(self, work: int) -> None:
        """Take from the budget."""
        self.fuel -= work
        if self.fuel < 0:
            raise OutOfFuel("too many terms")

    # --- Polynomials -----------------------------------------------------------------------------------------------

    def plus(self, p: Poly, q: Poly, factor: Coefficient = 1) -> Poly:
        """`p + factor * q`."""
        self.spend(len(q) + 1)
        out = dict(p)
        for mono, c in q.items():
            total = out.get(mono, 0) + (c if factor == 1 else _times(c, factor))
            if total:
                out[mono] = total
                if type(total) is not int:
                    self.spend(cost(total))
            else:
                out.pop(mono, None)
        return out

    def scaled(self, p: Poly, factor: Coefficient) -> Poly:
        """`factor * p`."""
        return self.weighed({mono: _times(c, factor) for mono, c in p.items()}) if factor else {}

    def times(self, p: Poly, q: Poly) -> Poly:
        """The product."""
        if p == UNIT:
            return q
        if q == UNIT:
            return p
        if len(p) == 1 and () in p:
            return self.scaled(q, p[()])
        if len(q) == 1 and () in q:
            return self.scaled(p, q[()])
        self.spend(len(p) * len(q) * (8 if self.carrying else 2))
        out: Poly = {}
        for mono_p, c_p in p.items():
            for mono_q, c_q in q.items():
                mono, c = self.merge(mono_p, mono_q), _times(c_p, c_q)
                if self.carrying:
                    for mono_r, c_r in self.carried(mono, c).items():
                        out[mono_r] = out.get(mono_r, 0) + c_r
                else:
                    out[mono] = out.get(mono, 0) + c
        return self.weighed({mono: c for mono, c in out.items() if c})

    def weighed(self, p: Poly) -> Poly:
        """The same polynomial, paid for by the size of its coefficients."""
        self.spend(1 + sum(map(cost, p.values())))
        return p

    def merge(self, a: Mono, b: Mono) -> Mono:
        """The product of two monomials, not carried."""
        if not a:
            return b
        if not b:
            return a
        exponents = dict(a)
        for atom, e in b:
            total = exponents.get(atom, 0) + e
            if total:
                exponents[atom] = total
            else:
                exponents.pop(atom, None)
        return tuple(sorted(exponents.items()))

    def carried(self, mono: Mono, c: Coefficient) -> Poly:
        """One term with every exponent in its range."""
        kept: list[tuple[str, Coefficient]] = []
        factors: list[tuple[Poly, int]] = []
        for atom, e in mono:
            kind = atom[0]
            if kind == "#" and not 0 <= e < 1:
                n = floor(e)
                c = _times(c, self.integer_power(int(atom[1:]), n))
                e -= n
            elif kind == "!":
                turns = int(e) % 4
                c = -c if turns in (2, 3) else c
                e = turns % 2
            elif kind == "~" and e >= 1:
                n = floor(e)
                factors.append((self.bases[atom], n))
                e -= n
            elif kind == "~" and e < 0:
                raise OutOfFuel("a root in a denominator")
            elif kind == "|" and type(e) is int and e % 2 == 0 and atom[1] != "[":
                kept.append((atom[1:], e))
                continue
            if e:
                kept.append((atom, e))
        poly: Poly = {_sorted(kept): c}
        for base, n in factors:
            poly = self.times(poly, self.power(base, n))
        return poly

    def power(self, p: Poly, n: int) -> Poly:
        """`p ** n` for n >= 0."""
        if n > 64 and len(p) > 1:
            raise OutOfFuel("a power with too many terms")
        if len(p) == 1:
            ((mono, c),) = p.items()
            raised = tuple((atom, e * n) for atom, e in mono if n)
            c = self.integer_power(c, n)
            return self.carried(raised, c) if self.carrying else {raised: c}
        out = UNIT
        for _ in range(n):
            out = self.times(out, p)
        return out

    def integer_power(self, base: Coefficient, n: int) -> Coefficient:
        """`base ** n`, exactly, with a cap on its size."""
        if type(base) is int:
            bits = base.bit_length()
        else:
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits > 1 and bits * abs(n) > MAX_BITS:
            raise OutOfFuel("a number with too many digits")
        if n >= 0:
            return base**n
        if not base:
            raise Undefined("division by zero")
        return whole(Fraction(base) ** n)

    # --- Quotients -------------------------------------------------------------------------------------------------

    def add(self, a: Rat, b: Rat) -> Rat:
        """The sum."""
        if a.den is None and b.den is None:
            return Rat(self.plus(a.num, b.num))
        if a.den == b.den:
            return self._reduced(self.plus(a.num, b.num), a.den)
        left = self.times(a.num, b.den or UNIT)
        right = self.times(b.num, a.den or UNIT)
        return self._reduced(self.plus(left, right), self.times(a.den or UNIT, b.den or UNIT))

    def mul(self, a: Rat, b: Rat) -> Rat:
        """The product."""
        top = self.times(a.num, b.num)
        if a.den is None and b.den is None:
            return Rat(top)
        return self._reduced(top, self.times(a.den or UNIT, b.den or UNIT))

    def _reduced(self, top: Poly, bottom: Poly | None) -> Rat:
        if bottom is None or not top:
            return Rat(top)
        if top == bottom:
            return Rat(UNIT)
        if len(bottom) == 1:
            return self.mul(Rat(top), self.inverse(Rat(bottom)))
        return Rat(top, bottom)

    def inverse(self, a: Rat) -> Rat:
        """The reciprocal.

        Raises:
            Undefined: Of zero.
        """
        if not a.num:
            raise Undefined("division by zero")
        if len(a.num) > 1:
            return Rat(a.den or UNIT, a.num)
        ((mono, c),) = a.num.items()
        top: Poly = {(): whole(Fraction(1) / c)}
        bottom = UNIT
        for atom, e in mono:
            if atom[0] == "~":  # 1 / base^f is base^(1 - f) / base
                top = self.times(top, {((atom, 1 - e),): 1})
                bottom = self.times(bottom, self.bases[atom])
            else:
                single: Poly = {((atom, -e),): 1}
                top = self.times(top, self.carried(((atom, -e),), 1) if self.carrying else single)
        if a.den is not None:
            top = self.times(top, a.den)
        return Rat(top, bottom if bottom != UNIT else None)

    def equal(self, a: Rat, b: Rat) -> bool:
        """Whether the cross products are the same dict."""
        if a.den is None and b.den is None:
            return a.num == b.num
        return self.times(a.num, b.den or UNIT) == self.times(b.num, a.den or UNIT)


def cost(c: Coefficient) -> int:
    """What it takes to multiply with a number, in units of a small product; a fraction is reduced every time."""
    if type(c) is int:
        return c.bit_length() >> 8
    bits = c.numerator.bit_length() + c.denominator.bit_length()
    return 1 + (bits * bits >> 18)


def _times(a: Coefficient, b: Coefficient) -> Coefficient:
    return whole(a * b)


def whole(value: Coefficient) -> Coefficient:
    """An int where a Fraction is one."""
    if type(value) is Fraction and value.denominator == 1:
        return value.numerator
    return value


def _sorted(pairs: list[tuple[str, Coefficient]]) -> Mono:
    exponents: dict[str, Coefficient] = {}
    for atom, e in pairs:
        exponents[atom] = exponents.get(atom, 0) + e
    return tuple(sorted((atom, e) for atom, e in exponents.items() if e))


# Signs that no name can hold, so that no name can look like a sum or a product.
_PLUS, _TIMES, _POWER = "\x1d", "\x1e", "\x1f"


def key_of(value: Rat) -> str:
    """A text that is the same for equal forms: the name of what stands inside a function.

    Example:
        >>> key_of(Rat({(("x", 1),): 2, (): 1})).split(_PLUS)
        ['1\\x1e', '2\\x1ex\\x1f1']
    """
    if value.den is None:
        return _poly_key(value.num)
    lead = value.den[min(value.den)]
    top: Poly = {mono: Fraction(c) / lead for mono, c in value.num.items()}
    bottom: Poly = {mono: Fraction(c) / lead for mono, c in value.den.items()}
    return f"({_poly_key(top)})/({_poly_key(bottom)})"


def _poly_key(poly: Poly) -> str:
    return _PLUS.join(_TIMES.join([_digits(poly[m]), _order(m)]) for m in sorted(poly, key=_order)) or "0"


def _digits(c: Coefficient) -> str:
    """A coefficient as text; in base 16 where base 10 could meet the limit of the interpreter."""
    if type(c) is int:
        return str(c) if c.bit_length() < 2000 else hex(c)
    return f"{_digits(c.numerator)}/{_digits(c.denominator)}"


def _order(mono: Mono) -> str:
    return _TIMES.join(f"{a}{_POWER}{_digits(e)}" for a, e in mono)
