"""The data codec and the channel between judge and runner: tagged, length-prefixed bytes, read and written iteratively.

A value is written as a tag, the hexadecimal size and a colon: `i2:2a` is the integer 42, `l2:` a list of the two values
that follow. Reading is total: any bytes give a value or a `WireError`, in linear time, within caps on bytes, depth,
number of values and digits. Nothing is ever executed or imported by reading.

This file runs in three places: in our process, and, put in front of `runner.py` and of `judge.py`, inside the sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

MAX_BYTES = 1 << 23
MAX_VALUES = 1 << 18
MAX_DEPTH = 150
MAX_INT_BITS = 1 << 20

Piece = tuple[bytes, bytes, "Iterable[Any] | None"]  # tag, body of a leaf, children of a container


class WireError(ValueError):
    """Bytes that say nothing, or a value that cannot be written: too large, too deep, or of no kind that crosses."""


def plain_bytes(value: Any) -> bytes:
    """The bytes of any bytes-like value, whatever its class overrides."""
    return bytes(memoryview(value))


def _pairs(items: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [part for pair in items for part in pair]


def _integer(value: int) -> Piece:
    if int.bit_length(value) > MAX_INT_BITS:
        raise WireError("an integer has too many digits")
    return b"i", int.__format__(value, "x").encode(), None


def _real(value: float) -> bytes:
    return float.__repr__(value).encode()


def _complex(value: complex) -> Piece:
    plain = complex.__pos__(value)
    return b"c", _real(plain.real) + b" " + _real(plain.imag), None


# The methods of the base type itself are called, so that a subclass is told by what it holds and not by what it says.
PIECES: dict[type, Callable[[Any], Piece]] = {
    type(None): lambda v: (b"N", b"", None),
    bool: lambda v: (b"T" if v else b"F", b"", None),
    int: _integer,
    float: lambda v: (b"f", _real(v), None),
    complex: _complex,
    str: lambda v: (b"s", str.encode(v, "utf-8", "surrogatepass"), None),
    bytes: lambda v: (b"b", plain_bytes(v), None),
    bytearray: lambda v: (b"B", plain_bytes(v), None),
    list: lambda v: (b"l", b"", [*list.__iter__(v)]),
    tuple: lambda v: (b"t", b"", [*tuple.__iter__(v)]),
    set: lambda v: (b"S", b"", [*set.__iter__(v)]),
    frozenset: lambda v: (b"Z", b"", [*frozenset.__iter__(v)]),
    dict: lambda v: (b"d", b"", _pairs(dict.items(v))),
    range: lambda v: (b"r", b"", [v.start, v.stop, v.step]),
    type({}.keys()): lambda v: (b"K", b"", [*v]),
    type({}.values()): lambda v: (b"V", b"", [*v]),
    type({}.items()): lambda v: (b"I", b"", [*v]),
    type(...): lambda v: (b"E", b"", None),
}

# What else is told by a value: module, class, and how to take it apart; `VALUES[name]` of the module puts it together.
VALUES: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
    ("collections", "deque"): lambda v: ([*v], v.maxlen),
    ("datetime", "date"): lambda v: (v.year, v.month, v.day),
    ("datetime", "datetime"): lambda v: (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond),
    ("datetime", "time"): lambda v: (v.hour, v.minute, v.second, v.microsecond),
    ("datetime", "timedelta"): lambda v: (v.days, v.seconds, v.microseconds),
    ("decimal", "Decimal"): lambda v: (str(v),),
    ("fractions", "Fraction"): lambda v: (v.numerator, v.denominator),
}


def describe(value: Any, other: Callable[[Any], Piece] | None) -> Piece:
    """One value as tag, body and children; `other` is asked about what is no data.

    Raises:
        WireError: Nobody knows how to write it.
    """
    kind = type(value)
    if kind in PIECES:
        return PIECES[kind](value)
    for base in kind.__mro__:
        if base in PIECES:
            return PIECES[base](value)
    parts = VALUES.get((kind.__module__, kind.__qualname__))
    if parts is not None and getattr(value, "tzinfo", None) is None:
        return b"x", b"", [kind.__module__, kind.__qualname__, *parts(value)]
    if other is None:
        raise WireError(f"a value of type {kind.__name__} cannot be sent")
    return other(value)


def encode(value: Any, other: Callable[[Any], Piece] | None = None) -> bytes:
    """Write a value.

    Args:
        value: Builtin data, nested or not.
        other: Says how to write what is no data.

    Raises:
        WireError: It is too large or too deep (what holds itself is), or holds something that cannot be written.

    Example:
        >>> encode({"a": (1, 2.5)})
        b'd1:s1:at2:i1:1f3:2.5'
    """
    out: list[bytes] = []
    room, values = MAX_BYTES, MAX_VALUES
    stack = [iter((value,))]
    while stack:
        for item in stack[-1]:
            tag, body, children = describe(item, other)
            if children is not None:
                if len(stack) > MAX_DEPTH:
                    raise WireError("a value is nested too deeply")
                parts = [*children]
                piece = b"%b%x:" % (tag, len(parts) // (2 if tag == b"d" else 1))
                values -= len(parts)
                stack.append(iter(parts))
            else:
                piece = b"%b%x:%b" % (tag, len(body), body)
            out.append(piece)
            room -= len(piece)
            if room < 0 or values < 0:
                raise WireError("a value is too large")
            if children is not None:
                break
        else:
            stack.pop()
    return b"".join(out)


LEAVES: dict[bytes, Callable[[bytes], Any]] = {
    b"N": lambda body: None,
    b"T": lambda body: True,
    b"F": lambda body: False,
    b"E": lambda body: ...,
    b"i": lambda body: int(body, 16),
    b"f": lambda body: float(body),
    b"c": lambda body: complex(*map(float, body.split(b" ", 1))),
    b"s": lambda body: body.decode("utf-8", "surrogatepass"),
    b"b": lambda body: body,
    b"B": bytearray,
    b"n": lambda body: body.decode(),
    b"P": lambda body: body.decode(),
    b"C": lambda body: int(body, 16),
    b"H": lambda body: int(body, 16),
    b"G": lambda body: int(body, 16),
}
_LONGEST = {b"i": MAX_INT_BITS // 4 + 2, b"f": 40, b"c": 80, b"n": 200, b"P": 40, b"C": 9, b"H": 9, b"G": 9}
CONTAINERS = frozenset((b"l", b"t", b"S", b"Z", b"d", b"r", b"K", b"V", b"I", b"x", b"g"))


def decode(data: bytes, make: Callable[[bytes, Any], Any]) -> Any:
    """Read one value that fills `data`.

    Args:
        data: Any bytes.
        make: Makes a value out of its tag and its content: what the body of a leaf says, or the list of the children.
            May raise `TypeError`, `ValueError` or `ArithmeticError` to refuse.

    Raises:
        WireError: Whatever is wrong with the bytes.

    Example:
        >>> decode(b"l2:i1:7s2:hi", builtin)
        [7, 'hi']
    """
    try:
        return _decode(data, make)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise WireError(f"not a value: {error}") from None


def _decode(data: bytes, make: Callable[[bytes, Any], Any]) -> Any:
    at, values = 0, MAX_VALUES
    stack: list[tuple[bytes, int, list[Any]]] = []
    while True:
        tag, colon = data[at : at + 1], data.index(b":", at + 1, at + 10)
        size = int(data[at + 1 : colon], 16)
        at = colon + 1
        values -= 1
        if tag in CONTAINERS:
            if tag == b"d":
                size *= 2
            if not 0 <= size <= values or len(stack) >= MAX_DEPTH:
                raise WireError("too many values")
            stack.append((tag, size, []))
        else:
            if not 0 <= size <= min(len(data) - at, _LONGEST.get(tag, MAX_BYTES)):
                raise WireError("a size that cannot be")
            value = make(tag, LEAVES[tag](data[at : at + size]))
            at += size
            if not stack:
                break
            stack[-1][2].append(value)
        while stack and len(stack[-1][2]) == stack[-1][1]:
            tag, size, children = stack.pop()
            value = make(tag, children)
            if not stack:
                if at != len(data):
                    raise WireError("bytes after the value")
                return value
            stack[-1][2].append(value)
    if at != len(data):
        raise WireError("bytes after the value")
    return value


def _view(values: list[Any]) -> Any:
    return dict(enumerate(values)).values()


MAKERS: dict[bytes, Callable[[list[Any]], Any]] = {
    b"l": list,
    b"t": tuple,
    b"S": set,
    b"Z": frozenset,
    b"d": lambda parts: dict(zip(parts[::2], parts[1::2])),  # noqa: B905 - they are as many
    b"r": lambda parts: range(*parts),
    b"K": lambda parts: dict.fromkeys(parts).keys(),
    b"V": _view,
    b"I": lambda parts: dict(parts).items(),
    b"g": iter,
}
DATA_LEAVES = frozenset(b"NTFEifcsbB"[i : i + 1] for i in range(10))


def builtin(tag: bytes, content: Any) -> Any:
    """`make` for `decode`: builtin values; refuses what only one side knows."""
    if tag in DATA_LEAVES:
        return content
    if tag == b"x":
        module, name, *parts = content
        if (module, name) not in VALUES:
            raise WireError("a value of an unknown kind")
        import importlib  # only where it is needed: each import is paid for in every run

        return getattr(importlib.import_module(module), name)(*parts)
    return MAKERS[tag](content)


class Channel:
    """Messages over two descriptors, each with its length in front."""

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink = source, sink
        self.waiting = b""

    def write(self, payload: bytes) -> None:
        """Send one message.

        Raises:
            OSError: Nobody reads any more.
        """
        left = memoryview(b"%08x" % len(payload) + payload)
        while left:
            left = left[os.write(self.sink, left) :]

    def read(self) -> bytes | None:
        """The next message; None where no further one will come.

        Raises:
            WireError: The bytes are no message.
        """
        head = self._take(8)
        if head is None:
            return None
        try:
            size = int(head, 16)
        except ValueError:
            size = -1
        if not 0 <= size <= MAX_BYTES:
            raise WireError("a message of impossible length")
        return self._take(size)

    def _take(self, size: int) -> bytes | None:
        parts, have = [self.waiting], len(self.waiting)
        while have < size:
            part = os.read(self.source, 1 << 16)
            if not part:
                return None
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self.waiting = data[size:]
        return data[:size]


def own_streams() -> tuple[int, int, int]:
    """Take stdin, stdout and stderr away from all other code of this process; what it prints goes nowhere."""
    taken = os.dup(0), os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    return taken
