"""Powers, roots and exponentials of normal forms, and the exact values of cosine and sine."""

from __future__ import annotations

from fractions import Fraction
from math import floor, gcd, isqrt, lcm

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
    whole,
)

_SMALL_PRIMES = [p for p in range(2, 1000) if all(p % q for q in range(2, isqrt(p) + 1))]
_HALF = Fraction(1, 2)
# sin(k pi / 12) as (rational, number under the square root), where it is of that shape
_SINES: dict[int, tuple[Coefficient, int]] = {0: (0, 1), 2: (_HALF, 1), 3: (_HALF, 2), 4: (_HALF, 3), 6: (1, 1)}


class Powers(Field):
    """Arithmetic on `Rat` with rational and symbolic exponents.

    Args:
        fuel: See `Field`.
    """

    def __init__(self, fuel: int) -> None:
        super().__init__(fuel)
        self.decisive = True

    def opaque(self, key: str) -> Rat:
        """An atom of which nothing is known but its name."""
        self.decisive = False
        return Rat({(("@" + key, 1),): 1})

    def rational_power(self, base: Rat, q: Coefficient) -> Rat:
        """A power with a rational exponent."""
        if type(q) is not int and q.denominator == 1:
            q = q.numerator
        if type(q) is int:
            if q <= 0 and not base.num:
                raise Undefined("zero to a power that is not positive")
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
        result = self.coefficient_power(magnitude(c), q)
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
                result = self.times(result, self.carried((("|" + atom, whole(e * q)),), 1))
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
        outside = self.scaled(self.coefficient_power(magnitude(content), q), sign)
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
            if term == (("!", 1), ("+pi", 1)):
                known = cosine_sine(Fraction(k))
                if known is not None:
                    self.carrying = True
                    return Rat(self.plus(known[0], self.times({(("!", 1),): 1}, known[1])))
            if len(term) == 1 and term[0][1] == 1 and term[0][0].startswith("+ln#"):
                self.carrying = True
                return Rat(self.carried(((f"#{term[0][0][4:]}", k),), 1))
        positive = "+" if name[0] in "+#" and not any(atom == "!" for atom, _ in term) else "@"
        return Rat({((f"{positive}{name}^[{key_of(Rat({term: 1}))}]", k),): 1})


def number_of(value: Rat) -> Coefficient | None:
    """The rational number that a quotient is, or None."""
    if value.den is not None or len(value.num) > 1:
        return None
    return value.num.get(()) if value.num else 0


def magnitude(c: Coefficient) -> Coefficient:
    """The absolute value."""
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


def prime_exponents(field: Powers, c: Coefficient) -> list[tuple[int, int]]:
    """The primes of a positive rational with their exponents."""
    top, bottom = (c, 1) if type(c) is int else (c.numerator, c.denominator)
    return [*field.factor(top), *((p, -k) for p, k in field.factor(bottom))]


def _prime_names(field: Powers, c: Coefficient) -> list[tuple[str, int]]:
    return [(f"#{p}", k) for p, k in prime_exponents(field, c)]


def cosine_sine(turn: Fraction) -> tuple[Poly, Poly] | None:
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
