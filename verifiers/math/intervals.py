"""Enclosures at any precision: real intervals and complex rectangles.

The interval arithmetic is that of mpmath (`libmpi`, directed rounding), imported when first needed, which most answers
never do.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from rlvr_gym.verifiers.math.kernels import Unclear
from rlvr_gym.verifiers.math.polynomial import OutOfFuel, Undefined

MAX_PRECISION = 3400  # bits: a thousand digits and some
_MAX_EXPONENT = 200_000
_GUARD = 32  # bits more, for a value of many steps


class Intervals:
    """Real intervals of mpmath at a fixed precision; remembers the widest exponent it has seen.

    Args:
        precision: Bits.
        fuel: Operations, weighted by precision, before `OutOfFuel`.
    """

    complex = False

    def __init__(self, precision: int, fuel: int) -> None:
        from mpmath.libmp import libmpi

        self.lib: Any = libmpi
        self.precision = precision
        self.fuel = fuel
        self.widest = 0

    def _seen(self, a: Any) -> Any:
        self.fuel -= 1 + self.precision // 256
        if self.fuel < 0:
            raise OutOfFuel("too many operations")
        holds_zero = self.sign(a) == 0  # then its ends say how wide it is, not how small the value
        for end in a:
            if end[1]:
                size = end[2] + end[3]
                if abs(size) > _MAX_EXPONENT:
                    raise OutOfFuel("a number with too many digits")
                if not holds_zero or size > 0:
                    self.widest = max(self.widest, abs(size))
            elif end[2]:  # an infinity or not a number
                raise Unclear("no finite enclosure")
        return a

    def rational(self, q: int | Fraction) -> Any:
        """See `Kernel`."""
        top, bottom = (q, 1) if isinstance(q, int) else (q.numerator, q.denominator)
        return self._seen(self.lib.mpi_div(self._integer(top), self._integer(bottom), self.precision))

    def _integer(self, n: int) -> Any:
        from mpmath.libmp import from_int

        value = from_int(n)
        return value, value

    def pi(self) -> Any:
        """See `Kernel`."""
        return self.lib.mpi_pi(self.precision)

    def add(self, a: Any, b: Any) -> Any:
        """See `Kernel`."""
        return self._seen(self.lib.mpi_add(a, b, self.precision))

    def neg(self, a: Any) -> Any:
        """See `Kernel`."""
        return self.lib.mpi_neg(a, self.precision)

    def mul(self, a: Any, b: Any) -> Any:
        """See `Kernel`."""
        return self._seen(self.lib.mpi_mul(a, b, self.precision))

    def inv(self, a: Any) -> Any:
        """See `Kernel`."""
        if self.sign(a) == 0:
            raise Unclear("a denominator near zero")
        return self._seen(self.lib.mpi_div(self._integer(1), a, self.precision))

    def exp(self, a: Any) -> Any:
        """See `Kernel`."""
        if any(end[2] + end[3] > 17 for end in a):
            raise OutOfFuel("a number with too many digits")
        return self._seen(self.lib.mpi_exp(a, self.precision))

    def ln(self, a: Any) -> Any:
        """See `Kernel`."""
        self._positive(a)
        return self._seen(self.lib.mpi_log(a, self.precision))

    def cos_sin(self, a: Any) -> tuple[Any, Any]:
        """See `Kernel`."""
        if any(end[2] + end[3] > 4000 for end in a):
            raise OutOfFuel("too large an angle")
        c, s = self.lib.mpi_cos_sin(a, self.precision)
        return self._seen(c), self._seen(s)

    def atan(self, a: Any) -> Any:
        """See `Kernel`."""
        return self._seen(self.lib.mpi_atan(a, self.precision))

    def root(self, a: Any, n: int) -> Any:
        """See `Kernel`."""
        sign = self.sign(a)
        if sign == 0 and a[0] == a[1]:
            return a
        if n % 2 and sign < 0:
            return self.neg(self.root(self.neg(a), n))
        self._positive(a)
        if n == 2:
            return self._seen(self.lib.mpi_sqrt(a, self.precision))
        return self.exp(self.mul(self.ln(a), self.rational(Fraction(1, n))))

    def abs(self, a: Any) -> Any:
        """See `Kernel`."""
        return self._seen(self.lib.mpi_abs(a, self.precision))

    def floor(self, a: Any) -> int:
        """See `Kernel`."""
        from mpmath.libmp import to_int

        low, high = to_int(a[0], "f"), to_int(a[1], "f")
        if low != high:
            raise Unclear("near a whole number")
        return int(low)

    def gamma(self, a: Any) -> Any:
        """See `Kernel`."""
        if any(end[2] + end[3] > 12 for end in a):
            raise OutOfFuel("a number with too many digits")
        from mpmath.libmp import mpf_sign

        lib, precision = self.lib, self.precision + _GUARD
        below: list[Any] = []
        while mpf_sign(a[0]) <= 0:  # gamma(a) = gamma(a + 1) / a, counted, where mpmath recurses without a limit
            below.append(a)
            a = self._seen(lib.mpi_add(a, self._integer(1), precision))
        value = lib.mpi_gamma(a, precision)
        for divisor in reversed(below):
            value = self._seen(lib.mpi_div(value, divisor, precision))
        return self._seen(lib.mpi_pos(value, self.precision))

    def sign(self, a: Any) -> int:
        """1 or -1 where the interval lies on one side of zero, else 0."""
        from mpmath.libmp import mpf_sign

        low, high = mpf_sign(a[0]), mpf_sign(a[1])
        return 1 if low > 0 else -1 if high < 0 else 0

    def _positive(self, a: Any) -> None:
        sign = self.sign(a)
        if sign < 0:
            raise Undefined("the root or logarithm of a negative number")
        if sign == 0:
            raise Unclear("near the border of the domain")

    def apart(self, a: Any, b: Any) -> bool:
        """Whether the intervals do not overlap."""
        return self.sign(self.lib.mpi_sub(a, b, self.precision)) != 0

    def narrow(self, a: Any) -> bool:
        """Whether the interval is so short that nothing met on the way, however small, could hide in it."""
        width = self.lib.mpi_delta(a, self.precision)
        if not width[1]:
            return True
        size = 0 if self.sign(a) == 0 else max(end[2] + end[3] for end in a)
        return bool(width[2] + width[3] < size - self.widest - 64)


class ComplexIntervals(Intervals):
    """Rectangles of two real intervals; principal branches."""

    complex = True

    def _seen2(self, z: Any) -> Any:
        self._seen(z[0])
        self._seen(z[1])
        return z

    def _real(self, a: Any) -> Any:
        return a, self._integer(0)

    def rational(self, q: int | Fraction) -> Any:
        """See `Kernel`."""
        return self._real(super().rational(q))

    def pi(self) -> Any:
        """See `Kernel`."""
        return self._real(super().pi())

    def unit(self) -> Any:
        """The imaginary unit."""
        return self._integer(0), self._integer(1)

    def add(self, a: Any, b: Any) -> Any:
        """See `Kernel`."""
        return self._seen2(self.lib.mpci_add(a, b, self.precision))

    def neg(self, a: Any) -> Any:
        """See `Kernel`."""
        return self.lib.mpci_neg(a, self.precision)

    def mul(self, a: Any, b: Any) -> Any:
        """See `Kernel`."""
        return self._seen2(self.lib.mpci_mul(a, b, self.precision))

    def inv(self, a: Any) -> Any:
        """See `Kernel`."""
        if self.zero(a):
            raise Unclear("a denominator near zero")
        return self._seen2(self.lib.mpci_div(self._real(self._integer(1)), a, self.precision))

    def zero(self, a: Any) -> bool:
        """Whether zero may be inside."""
        return self.sign(a[0]) == 0 and self.sign(a[1]) == 0

    def exp(self, a: Any) -> Any:
        """See `Kernel`."""
        if any(end[2] + end[3] > 17 for part in a for end in part):
            raise OutOfFuel("a number with too many digits")
        return self._seen2(self.lib.mpci_exp(a, self.precision))

    def ln(self, a: Any) -> Any:
        """See `Kernel`."""
        if self.zero(a):
            raise Unclear("the logarithm of what may be zero")
        exact_real = not any(end[1] for end in a[1])
        if self.sign(a[0]) <= 0 and self.sign(a[1]) == 0 and not exact_real:
            raise Unclear("near the branch cut")
        return self._seen2(self.lib.mpci_log(a, self.precision))

    def cos_sin(self, a: Any) -> tuple[Any, Any]:
        """See `Kernel`."""
        if any(end[2] + end[3] > 10 for part in a for end in part):
            raise OutOfFuel("too large an angle")
        return self._seen2(self.lib.mpci_cos(a, self.precision)), self._seen2(self.lib.mpci_sin(a, self.precision))

    def atan(self, a: Any) -> Any:
        """See `Kernel`: through the logarithm, `(ln(1 + iz) - ln(1 - iz)) / 2i`."""
        turned, one = self.mul(self.unit(), a), self.rational(1)
        gap = self.add(self.ln(self.add(one, turned)), self.neg(self.ln(self.add(one, self.neg(turned)))))
        return self.mul(gap, self.mul(self.neg(self.unit()), self.rational(Fraction(1, 2))))

    def root(self, a: Any, n: int) -> Any:
        """See `Kernel`."""
        if not any(end[1] for part in a for end in part):
            return a
        return self.exp(self.mul(self.ln(a), self.rational(Fraction(1, n))))

    def abs(self, a: Any) -> Any:
        """See `Kernel`."""
        return self._real(self._seen(self.lib.mpci_abs(a, self.precision)))

    def floor(self, a: Any) -> int:
        """See `Kernel`."""
        if any(end[1] for end in a[1]):
            raise Unclear("the floor of a complex number")
        return super().floor(a[0])

    def gamma(self, a: Any) -> Any:
        """See `Kernel`."""
        return self._real(super().gamma(a[0]))

    def apart(self, a: Any, b: Any) -> bool:
        """Whether the rectangles do not overlap."""
        return not self.zero(self.lib.mpci_sub(a, b, self.precision))

    def narrow(self, a: Any) -> bool:
        """See `Intervals`."""
        return super().narrow(a[0]) and super().narrow(a[1])
