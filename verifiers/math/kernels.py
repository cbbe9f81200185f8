"""Numbers that know how wrong they may be: what every kernel offers, and doubles with an error bound.

`evaluate.py` builds every function from these few operations; `intervals.py` holds the kernels of any precision.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Protocol

from rlvr_gym.verifiers.math.polynomial import Undefined
from rlvr_gym.verifiers.math.tree import MathError

_U = 2.0**-50
_TINY = 1e-300


class Unclear(MathError):
    """The enclosure is too wide to say on which side of a boundary the value lies."""


class Kernel(Protocol):
    """What the evaluator asks of a kind of number."""

    complex: bool

    def rational(self, q: int | Fraction) -> Any:
        """An enclosure of a rational."""

    def pi(self) -> Any:
        """An enclosure of pi."""

    def add(self, a: Any, b: Any) -> Any:
        """Sum."""

    def neg(self, a: Any) -> Any:
        """Negative."""

    def mul(self, a: Any, b: Any) -> Any:
        """Product."""

    def inv(self, a: Any) -> Any:
        """Reciprocal."""

    def exp(self, a: Any) -> Any:
        """Exponential."""

    def ln(self, a: Any) -> Any:
        """Natural logarithm."""

    def cos_sin(self, a: Any) -> tuple[Any, Any]:
        """Cosine and sine."""

    def atan(self, a: Any) -> Any:
        """Arc tangent."""

    def root(self, a: Any, n: int) -> Any:
        """The real n-th root (principal where complex)."""

    def abs(self, a: Any) -> Any:
        """Absolute value."""

    def floor(self, a: Any) -> int:
        """Floor."""

    def gamma(self, a: Any) -> Any:
        """Gamma function."""


class FloatBalls:
    """Real doubles with an absolute error bound: (value, error)."""

    complex = False

    def rational(self, q: int | Fraction) -> tuple[float, float]:
        """See `Kernel`."""
        try:
            v = float(q)
        except OverflowError as error:
            raise Unclear("too large for a double") from error
        return v, abs(v) * _U + _TINY

    def pi(self) -> tuple[float, float]:
        """See `Kernel`."""
        return math.pi, 4 * _U

    def add(self, a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        v = a[0] + b[0]
        return self._finite(v, a[1] + b[1] + abs(v) * _U)

    def neg(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        return -a[0], a[1]

    def mul(self, a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        v = a[0] * b[0]
        return self._finite(v, abs(a[0]) * b[1] + abs(b[0]) * a[1] + a[1] * b[1] + abs(v) * _U + _TINY)

    def inv(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        low = abs(a[0]) - a[1]
        if low <= 0:
            raise Unclear("a denominator near zero")
        v = 1.0 / a[0]
        return self._finite(v, abs(v) * (a[1] / low + _U) + _TINY)

    def exp(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        if abs(a[0]) > 690 or a[1] > 1:
            raise Unclear("too large for a double")
        v = math.exp(a[0])
        return v, v * (math.expm1(a[1]) + _U * (1 + abs(a[0]))) + _TINY

    def ln(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        low = self._positive(a)
        v = math.log(a[0])
        return v, a[1] / low + _U * (1 + abs(v))

    def cos_sin(self, a: tuple[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
        """See `Kernel`."""
        if abs(a[0]) > 1e6:
            raise Unclear("too large an angle")
        error = a[1] + _U * (1 + abs(a[0]))
        return (math.cos(a[0]), error), (math.sin(a[0]), error)

    def atan(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        return math.atan(a[0]), a[1] + _U

    def root(self, a: tuple[float, float], n: int) -> tuple[float, float]:
        """See `Kernel`."""
        if n % 2 and a[0] < 0:
            v, error = self.root((-a[0], a[1]), n)
            return -v, error
        low = self._positive(a)
        v = a[0] ** (1.0 / n)
        return v, v * (a[1] / low + 4 * _U)

    def abs(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        return abs(a[0]), a[1]

    def floor(self, a: tuple[float, float]) -> int:
        """See `Kernel`."""
        if abs(a[0]) > 1e15 or math.floor(a[0] - a[1]) != math.floor(a[0] + a[1]):
            raise Unclear("near a whole number")
        return math.floor(a[0])

    def gamma(self, a: tuple[float, float]) -> tuple[float, float]:
        """See `Kernel`."""
        if not 0.5 <= a[0] <= 150:
            raise Unclear("gamma outside of the range of this kernel")
        v = math.gamma(a[0])
        return v, v * (a[1] * (2 + math.log(a[0])) + 64 * _U)

    def apart(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        """Whether the values are surely different; the bounds are first order, hence the wide margin."""
        gap = abs(a[0] - b[0])
        return gap > 1000 * (a[1] + b[1]) and gap > 1e-9 * max(abs(a[0]), abs(b[0]))

    @staticmethod
    def _finite(v: float, error: float) -> tuple[float, float]:
        if not math.isfinite(v) or not math.isfinite(error):
            raise Unclear("too large for a double")
        return v, error

    @staticmethod
    def _positive(a: tuple[float, float]) -> float:
        low = a[0] - a[1]
        if low > 0:
            return low
        if a[0] + a[1] < 0:
            raise Undefined("the root or logarithm of a negative number")
        raise Unclear("near the border of the domain")
