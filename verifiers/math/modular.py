"""Evaluation modulo primes that depend on both sides: for powers too large to write out.

A rational function that is zero at a random point modulo a random 61-bit prime is zero but for a chance of about
degree / 2^61 (Schwartz 1980, Zippel 1979); two primes are used. Primes and points are derived from a hash of the two
sides, so an answer that is the reference plus a multiple of the prime would have to contain a prime that depends on
the answer. Functions and roots are atoms named by the values of their arguments: they can prove equality, never
difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction

from rlvr_gym.verifiers.math.tree import MathError, Node

PRIMES = 2
_BITS = 61
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)  # decide every number below 3.3e24 (Sorenson and Webster)
_MAX_EXPONENT_BITS = 4000


class NotModular(MathError):
    """This head has no value modulo a prime."""


def compare(a: Node, b: Node) -> bool | None:
    """Whether two expressions agree: True, False, or None where a difference proves nothing.

    Raises:
        NotModular: One of them is no scalar expression.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> compare(parse("2^{100000}"), parse("4^{50000}"))
        True
        >>> compare(parse("(x+1)^{500}"), parse("(x+1)^{500}+x"))
        False
    """
    key = hashlib.blake2b(repr((a, b)).encode(), digest_size=32).digest()
    for round_ in range(PRIMES):
        residues = Residues(key + bytes([round_]))
        try:
            left, right = residues.value(a), residues.value(b)
        except ZeroDivisionError:
            return None
        if left != right:
            return None if residues.atoms else False
    return True


class Residues:
    """Values of expressions modulo one prime at one point.

    Args:
        key: What prime and point are derived from.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.prime = _prime(self._random("prime") >> 3 | 1 << (_BITS - 1))
        self.atoms = False

    def _random(self, name: str) -> int:
        return int.from_bytes(hashlib.blake2b(name.encode(), key=self.key[:64], digest_size=8).digest(), "big")

    def value(self, node: Node) -> int:
        """The residue.

        Raises:
            NotModular: No scalar.
            ZeroDivisionError: A denominator is zero modulo the prime.
        """
        rule = _RULES.get(node.head)
        return self._atom(node) if rule is None else rule(self, node)

    def _number(self, node: Node) -> int:
        if type(node.value) is Fraction:
            return node.value.numerator * self._inverse(node.value.denominator % self.prime) % self.prime
        return int(node.value) % self.prime

    def _inverse(self, n: int) -> int:
        if not n:
            raise ZeroDivisionError
        return pow(n, -1, self.prime)

    def _symbol(self, node: Node) -> int:
        return self._random(f"{node.head}:{node.value}") % self.prime

    def _constant(self, node: Node) -> int:
        if node.value == "i":
            raise NotModular("i")
        if node.value not in ("pi", "e"):
            raise NotModular(node.value)
        return self._symbol(node)

    def _sum(self, node: Node) -> int:
        return sum(self.value(arg) for arg in node.args) % self.prime

    def _product(self, node: Node) -> int:
        out = 1
        for arg in node.args:
            out = out * self.value(arg) % self.prime
        return out

    def _negative(self, node: Node) -> int:
        return -self.value(node.args[0]) % self.prime

    def _quotient(self, node: Node) -> int:
        return self.value(node.args[0]) * self._inverse(self.value(node.args[1])) % self.prime

    def _power(self, node: Node) -> int:
        base = self.value(node.args[0])
        exponent = whole(node.args[1])
        if exponent is None and base:
            exponent = _whole_modulo(node.args[1], self.prime - 1)
        if exponent is None:
            return self._atom(node)
        if exponent < 0:
            base, exponent = self._inverse(base), -exponent
        return pow(base, exponent, self.prime)

    def _factorial(self, node: Node) -> int:
        n = whole(node.args[0])
        if n is None or not 0 <= n <= 20_000:
            return self._atom(node)
        out = 1
        for i in range(2, n + 1):
            out = out * i % self.prime
        return out

    def _atom(self, node: Node) -> int:
        if node.head not in _ATOMS:
            raise NotModular(node.head)
        self.atoms = True
        values = [self.value(arg) for arg in node.args]
        return self._random(f"{node.head}:{node.value}:{values}") % self.prime


def whole(node: Node) -> int | None:
    """The whole number that a tree of numerals is, where it has at most 4,000 bits; else None.

    Example:
        >>> from rlvr_gym.verifiers.math.parser import parse
        >>> whole(parse("2^{10}-1")), whole(parse("9^{9^9}")), whole(parse("x"))
        (1023, None, None)
    """
    if node.head == "num":
        return node.value if type(node.value) is int else None
    if node.head not in ("neg", "add", "mul", "pow"):
        return None
    parts: list[int] = []
    for arg in node.args:
        part = whole(arg)
        if part is None or part.bit_length() > _MAX_EXPONENT_BITS:
            return None
        parts.append(part)
    if node.head == "pow":
        base, exponent = parts
        if exponent < 0 or (abs(base) > 1 and base.bit_length() * exponent > _MAX_EXPONENT_BITS):
            return None
        return int(base**exponent) if abs(base) > 1 else base ** (exponent % 2 + 2 * (exponent > 0))
    out = -parts[0] if node.head == "neg" else parts[0]
    for part in parts[1:]:
        out = out + part if node.head == "add" else out * part
    return out if out.bit_length() <= _MAX_EXPONENT_BITS else None


def _whole_modulo(node: Node, modulus: int) -> int | None:
    """A whole number too large to write out, modulo something; one power deep."""
    if node.head == "pow":
        base, exponent = whole(node.args[0]), whole(node.args[1])
        if base is None or exponent is None or exponent < 0:
            return None
        return pow(base, exponent, modulus)
    if node.head in ("add", "mul"):
        out = 0 if node.head == "add" else 1
        for arg in node.args:
            exact = whole(arg)
            part = _whole_modulo(arg, modulus) if exact is None else exact % modulus
            if part is None:
                return None
            out = (out + part if node.head == "add" else out * part) % modulus
        return out
    return None


def _prime(start: int) -> int:
    n = start | 1
    while not _is_prime(n):
        n += 2
    return n


def _is_prime(n: int) -> bool:
    if any(n % p == 0 for p in _WITNESSES):
        return n in _WITNESSES
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for witness in _WITNESSES:
        x = pow(witness, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


_ATOMS = frozenset({"root", "call", "abs", "floor", "ceil", "fact", "op", "text", "pow"})
_RULES: dict[str, Callable[[Residues, Node], int]] = {
    "num": Residues._number,
    "sym": Residues._symbol,
    "const": Residues._constant,
    "add": Residues._sum,
    "mul": Residues._product,
    "neg": Residues._negative,
    "div": Residues._quotient,
    "pow": Residues._power,
    "fact": Residues._factorial,
}
