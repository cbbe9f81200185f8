"""The value of an expression at one point, in any kernel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from rlvr_gym.verifiers.math.kernels import Kernel
from rlvr_gym.verifiers.math.normal import NoForm, Normaliser
from rlvr_gym.verifiers.math.polynomial import OutOfFuel, Undefined, key_of
from rlvr_gym.verifiers.math.tree import Node

Point = Mapping[str, Fraction]


class Evaluator:
    """One point and one kernel.

    Functions that nothing is known of (`f(x)`, `u(t)`) take a value that depends on their name, the normal form of
    their arguments and the point: equal arguments give equal values, so agreement still means equality, while a
    difference says nothing (`guessed` is then set).

    Real kernels are strict: a negative number under an even root or logarithm is `Undefined`, and odd roots are real.

    Args:
        kernel: Arithmetic.
        point: A rational for every variable.
    """

    def __init__(self, kernel: Kernel, point: Point) -> None:
        self.kernel = kernel
        self.point = point
        self.guessed = False

    def value(self, node: Node) -> Any:
        """The enclosure.

        Raises:
            Undefined: Surely outside of the domain.
            Unclear: The enclosure is too wide to say.
            OutOfFuel: Too much work, or a number too large.
            NoForm: Not a scalar.
        """
        rule = _RULES.get(node.head)
        if rule is None:
            raise NoForm(node.head)
        return rule(self, node)

    def exact(self, node: Node) -> Fraction | None:
        """The rational that a node is at this point, without any kernel; None where it is none that is easy to see."""
        head = node.head
        if head == "num":
            return Fraction(node.value)
        if head == "sym":
            return self.point[node.value]
        if head == "neg":
            inner = self.exact(node.args[0])
            return None if inner is None else -inner
        if head not in ("add", "mul", "div"):
            return None
        parts = [self.exact(arg) for arg in node.args]
        total: Fraction | None = None
        for part in parts:
            if part is None:
                return None
            if total is None:
                total = part
            elif head == "div" and not part:
                raise Undefined("division by zero")
            else:
                total = total + part if head == "add" else total * part if head == "mul" else total / part
        return total

    def _number(self, node: Node) -> Any:
        return self.kernel.rational(node.value)

    def _symbol(self, node: Node) -> Any:
        return self.kernel.rational(self.point[node.value])

    def _constant(self, node: Node) -> Any:
        if node.value == "pi":
            return self.kernel.pi()
        if node.value == "e":
            return self.kernel.exp(self.kernel.rational(1))
        if node.value == "i":
            if not self.kernel.complex:
                raise Undefined("an imaginary number")
            return self.kernel.unit()  # type: ignore[attr-defined]
        raise NoForm(node.value)

    def _sum(self, node: Node) -> Any:
        total = self.value(node.args[0])
        for arg in node.args[1:]:
            total = self.kernel.add(total, self.value(arg))
        return total

    def _product(self, node: Node) -> Any:
        total = self.value(node.args[0])
        for arg in node.args[1:]:
            total = self.kernel.mul(total, self.value(arg))
        return total

    def _negative(self, node: Node) -> Any:
        return self.kernel.neg(self.value(node.args[0]))

    def _quotient(self, node: Node) -> Any:
        exact = self.exact(node.args[1])
        if exact is not None:
            if not exact:
                raise Undefined("division by zero")
            return self.kernel.mul(self.value(node.args[0]), self.kernel.rational(1 / exact))
        return self.kernel.mul(self.value(node.args[0]), self.kernel.inv(self.value(node.args[1])))

    def _scaled(self, factor: Fraction, node: Node) -> Any:
        return self.kernel.mul(self.value(node), self.kernel.rational(factor))

    def _degrees(self, node: Node) -> Any:
        return self.kernel.mul(self._scaled(Fraction(1, 180), node.args[0]), self.kernel.pi())

    def _percent(self, node: Node) -> Any:
        return self._scaled(Fraction(1, 100), node.args[0])

    def _root(self, node: Node) -> Any:
        index = self.exact(node.args[1])
        if index is None or index.denominator != 1 or not 1 <= index <= 1000:
            raise NoForm("the index of a root")
        return self._rational_power(node.args[0], Fraction(1, int(index)))

    def _power(self, node: Node) -> Any:
        base, exponent = node.args
        exact = self.exact(exponent)
        if exact is not None and exact.denominator <= 1000:
            return self._rational_power(base, exact)
        if base.head == "const" and base.value == "e":
            return self.kernel.exp(self.value(exponent))
        return self.kernel.exp(self.kernel.mul(self.value(exponent), self.kernel.ln(self.value(base))))

    def _rational_power(self, node: Node, q: Fraction) -> Any:
        if abs(q.numerator) > 10**7:
            raise OutOfFuel("an exponent too large")
        if node.head == "const" and node.value == "e":
            return self.kernel.exp(self.kernel.rational(q))
        exact = self.exact(node)
        if exact == 0:
            if q <= 0:
                raise Undefined("zero to a power that is not positive")
            return self.kernel.rational(0)
        base = self.kernel.root(self.value(node), q.denominator) if q.denominator > 1 else self.value(node)
        out, square, n = None, base, abs(q.numerator)
        while n:
            if n & 1:
                out = square if out is None else self.kernel.mul(out, square)
            n >>= 1
            if n:
                square = self.kernel.mul(square, square)
        if out is None:
            return self.kernel.rational(1)
        return out if q > 0 else self.kernel.inv(out)

    def _absolute(self, node: Node) -> Any:
        return self.kernel.abs(self.value(node.args[0]))

    def _rounded(self, node: Node) -> Any:
        exact = self.exact(node.args[0])
        if exact is None:
            value = self.value(node.args[0])
            whole = self.kernel.floor(value) if node.head == "floor" else -self.kernel.floor(self.kernel.neg(value))
            return self.kernel.rational(whole)
        return self.kernel.rational(exact.__floor__() if node.head == "floor" else exact.__ceil__())

    def _factorial(self, node: Node) -> Any:
        return self.kernel.gamma(self.kernel.add(self.value(node.args[0]), self.kernel.rational(1)))

    def _call(self, node: Node) -> Any:
        rule = _FUNCTIONS.get(node.value)
        if rule is not None and len(node.args) == 1:
            return rule(self, node.args[0])
        if node.value == "log" and len(node.args) == 2:
            argument, base = (self.kernel.ln(self.value(arg)) for arg in node.args)
            return self.kernel.mul(argument, self.kernel.inv(base))
        if node.value in ("binom", "perm") and len(node.args) == 2:
            return self._choose(node)
        return self._guess(node)

    def _choose(self, node: Node) -> Any:
        gamma, one = self.kernel.gamma, self.kernel.rational(1)
        n, k = (self.value(arg) for arg in node.args)
        rest = self.kernel.inv(gamma(self.kernel.add(self.kernel.add(n, self.kernel.neg(k)), one)))
        value = self.kernel.mul(gamma(self.kernel.add(n, one)), rest)
        if node.value == "perm":
            return value
        return self.kernel.mul(value, self.kernel.inv(gamma(self.kernel.add(k, one))))

    def _guess(self, node: Node) -> Any:
        """A function of which nothing is known: arbitrary where its name is a letter, else not known to us."""
        maker = Normaliser(2000)
        keys = [key_of(maker.form(arg)) for arg in node.args]
        arbitrary = node.head == "text" or (node.head == "call" and node.value.rstrip("'")[1:2] in ("", "_"))
        self.guessed |= not (arbitrary and maker.decisive)
        text = repr((node.head, node.value, keys, sorted(self.point.items())))
        return self.kernel.rational(_fraction(hashlib.blake2b(text.encode(), digest_size=8).digest()))

    def _ln(self, node: Node) -> Any:
        return self.kernel.ln(self.value(node))

    def _sin(self, node: Node) -> Any:
        return self.kernel.cos_sin(self.value(node))[1]

    def _cos(self, node: Node) -> Any:
        return self.kernel.cos_sin(self.value(node))[0]

    def _tan(self, node: Node) -> Any:
        cosine, sine = self.kernel.cos_sin(self.value(node))
        return self.kernel.mul(sine, self.kernel.inv(cosine))

    def _inverse_of(self, node: Node) -> Any:
        return self.kernel.inv(self.value(node))

    def _arcsin_of(self, x: Any) -> Any:
        """`atan(x / sqrt(1 - x^2))`, and the ends of the domain."""
        k = self.kernel
        return k.atan(k.mul(x, k.inv(k.root(k.add(k.rational(1), k.neg(k.mul(x, x))), 2))))

    def _arcsin(self, node: Node) -> Any:
        exact = self.exact(node)
        if exact in (1, -1):
            return self.kernel.mul(self.kernel.pi(), self.kernel.rational(exact / 2))
        return self._arcsin_of(self.value(node))

    def _half_pi_minus(self, value: Any) -> Any:
        return self.kernel.add(
            self.kernel.mul(self.kernel.pi(), self.kernel.rational(Fraction(1, 2))), self.kernel.neg(value)
        )

    def _exps(self, node: Node) -> tuple[Any, Any]:
        grown = self.kernel.exp(self.value(node))
        return grown, self.kernel.inv(grown)

    def _sinh(self, node: Node) -> Any:
        up, down = self._exps(node)
        return self.kernel.mul(self.kernel.add(up, self.kernel.neg(down)), self.kernel.rational(Fraction(1, 2)))

    def _cosh(self, node: Node) -> Any:
        up, down = self._exps(node)
        return self.kernel.mul(self.kernel.add(up, down), self.kernel.rational(Fraction(1, 2)))

    def _tanh(self, node: Node) -> Any:
        return self.kernel.mul(self._sinh(node), self.kernel.inv(self._cosh(node)))

    def _area(self, node: Node, shift: int) -> Any:
        """`ln(x + sqrt(x^2 + shift))`: arcsinh and arccosh."""
        k, x = self.kernel, self.value(node)
        return k.ln(k.add(x, k.root(k.add(k.mul(x, x), k.rational(shift)), 2)))

    def _arctanh(self, node: Node) -> Any:
        k, x = self.kernel, self.value(node)
        quotient = k.mul(k.add(k.rational(1), x), k.inv(k.add(k.rational(1), k.neg(x))))
        return k.mul(k.ln(quotient), k.rational(Fraction(1, 2)))

    def _sign(self, node: Node) -> Any:
        x = self.value(node)
        return self.kernel.mul(x, self.kernel.inv(self.kernel.abs(x)))


def _fraction(digest: bytes) -> Fraction:
    """A number between 1/2 and 3/2 from eight bytes."""
    return Fraction(1, 2) + Fraction(int.from_bytes(digest, "big") >> 24, 2**40)


_RULES: dict[str, Callable[[Evaluator, Node], Any]] = {
    "num": Evaluator._number,
    "sym": Evaluator._symbol,
    "const": Evaluator._constant,
    "add": Evaluator._sum,
    "mul": Evaluator._product,
    "neg": Evaluator._negative,
    "div": Evaluator._quotient,
    "pow": Evaluator._power,
    "root": Evaluator._root,
    "deg": Evaluator._degrees,
    "pct": Evaluator._percent,
    "abs": Evaluator._absolute,
    "floor": Evaluator._rounded,
    "ceil": Evaluator._rounded,
    "fact": Evaluator._factorial,
    "call": Evaluator._call,
    "op": Evaluator._guess,
    "text": Evaluator._guess,
}
_FUNCTIONS: dict[str, Callable[[Evaluator, Node], Any]] = {
    "ln": Evaluator._ln,
    "log": Evaluator._ln,
    "sin": Evaluator._sin,
    "cos": Evaluator._cos,
    "tan": Evaluator._tan,
    "cot": lambda e, n: e.kernel.inv(e._tan(n)),
    "sec": lambda e, n: e.kernel.inv(e._cos(n)),
    "csc": lambda e, n: e.kernel.inv(e._sin(n)),
    "arcsin": Evaluator._arcsin,
    "arccos": lambda e, n: e._half_pi_minus(e._arcsin(n)),
    "arctan": lambda e, n: e.kernel.atan(e.value(n)),
    "arccot": lambda e, n: e._half_pi_minus(e.kernel.atan(e.value(n))),
    "arcsec": lambda e, n: e._half_pi_minus(e._arcsin_of(e._inverse_of(n))),
    "arccsc": lambda e, n: e._arcsin_of(e._inverse_of(n)),
    "sinh": Evaluator._sinh,
    "cosh": Evaluator._cosh,
    "tanh": Evaluator._tanh,
    "arcsinh": lambda e, n: e._area(n, 1),
    "arccosh": lambda e, n: e._area(n, -1),
    "arctanh": Evaluator._arctanh,
    "sgn": Evaluator._sign,
}
