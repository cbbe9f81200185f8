"""When what a program wrote is what a test expects. Bytes are compared after the declared normalisation and no other.

| checker | compares |
|---|---|
| `"exact"` | all bytes |
| `"lines"` | lines, without spaces and tabs at their ends and without empty lines at the end of the text |
| `"tokens"` | what stands between ASCII white space |
| `{"float": {"abs": 1e-6, "rel": 0}}` | tokens; numbers within the tolerance, but for expected integers |
| `"unordered_lines"` | lines, in any order |
| `"json"` | one JSON value: structure, exact numbers (1 is 1.0), no order of keys |
| `{"any_of": checker}` | the expected output is a list, of which one must fit |
| `{"custom": source}` | `check(stdin, stdout, expected)` of the data set decides, in a sandbox of its own |
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.sources import parsed
from rlvr_gym.verifiers.errors import shown

_INTEGER = re.compile(rb"[+-]?[0-9]++")
_NUMBER = re.compile(rb"[+-]?(?:(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|inf(?:inity)?|nan)", re.IGNORECASE)

Compare = Callable[[bytes, bytes], bool]


def _lines(text: bytes) -> list[bytes]:
    lines = [line.rstrip(b" \t") for line in text.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_lines(expected: bytes, got: bytes) -> bool:
    return _lines(expected) == _lines(got)


def _same_unordered_lines(expected: bytes, got: bytes) -> bool:
    return sorted(_lines(expected)) == sorted(_lines(got))


def _same_tokens(expected: bytes, got: bytes) -> bool:
    return expected.split() == got.split()


def _same_json(expected: bytes, got: bytes) -> bool:
    try:
        return _equal_json(_read_json(expected), _read_json(got))
    except (ValueError, RecursionError, ArithmeticError):
        return False


def _read_json(text: bytes) -> Any:
    return json.loads(
        text.decode("utf-8"),
        parse_int=Decimal,
        parse_float=Decimal,
        parse_constant=_refuse,
        object_pairs_hook=_unique,
    )


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(made := dict(pairs)) != len(pairs):
        raise ValueError("an object has a key twice")
    return made


def _equal_json(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal_json, one, other))
    return bool(one == other)


@dataclass(frozen=True)
class _Tolerant:
    """Tokens, numbers among them within a tolerance."""

    absolute: float
    relative: float

    def __call__(self, expected: bytes, got: bytes) -> bool:
        ours, theirs = expected.split(), got.split()
        return len(ours) == len(theirs) and all(map(self._same, ours, theirs))

    def _same(self, expected: bytes, got: bytes) -> bool:
        if expected == got:
            return True
        if _INTEGER.fullmatch(expected) or not (_NUMBER.fullmatch(expected) and _NUMBER.fullmatch(got)):
            return False
        one, other = float(expected), float(got)
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        if math.isinf(one) or math.isinf(other):
            return one == other
        return abs(one - other) <= max(self.absolute, self.relative * abs(one))


_PLAIN: dict[str, Compare] = {
    "exact": bytes.__eq__,
    "lines": _same_lines,
    "tokens": _same_tokens,
    "unordered_lines": _same_unordered_lines,
    "json": _same_json,
}


@dataclass(frozen=True)
class Checker:
    """A checker, as a reference declares it.

    Args:
        compare: Compares an expected output with what was written.
        any_of: A test has a list of accepted outputs.
        custom: Source that decides instead, in a sandbox.
    """

    compare: Compare
    any_of: bool = False
    custom: str = ""

    def accepts(self, expected: tuple[bytes, ...], got: bytes) -> bool:
        """Whether one of the expected outputs was written.

        Example:
            >>> parse_checker("tokens").accepts((b"1 2",), b"1\\n2\\n")
            True
            >>> parse_checker({"float": {"abs": 0.01}}).accepts((b"0.33 5",), b"0.333 5.0")
            False
        """
        return any(self.compare(one, got) for one in expected)


def parse_checker(value: Any) -> Checker:
    """Read the declaration of a checker.

    Raises:
        ReferenceFault: There is no such checker.
    """
    if isinstance(value, str) and value in _PLAIN:
        return Checker(_PLAIN[value])
    if isinstance(value, Mapping) and len(value) == 1:
        if isinstance(close := value.get("float"), Mapping):
            return Checker(_tolerant(close))
        if isinstance(source := value.get("custom"), str):
            return Checker(_PLAIN["exact"], custom=_custom(source))
        if "any_of" in value and not (inner := parse_checker(value["any_of"])).custom:
            return Checker(inner.compare, any_of=True)
    known = ", ".join([*_PLAIN, "{'float': {'abs': .., 'rel': ..}}", "{'any_of': checker}", "{'custom': source}"])
    raise ReferenceFault("bad_checker", f"a checker is one of {known}; got {shown(value)}")


def tolerance(value: Any) -> float:
    """A tolerance: a number that is finite and not negative.

    Raises:
        ReferenceFault: It is none.
    """
    if type(value) in (int, float) and 0 <= value < math.inf:
        return float(value)
    raise ReferenceFault("bad_tolerance", f"a tolerance is a number from 0 on, got {shown(value)}")


def _tolerant(value: Mapping[str, Any]) -> _Tolerant:
    if not value or not value.keys() <= {"abs", "rel"}:
        raise ReferenceFault("bad_tolerance", f"a tolerance has 'abs' or 'rel' or both, got {shown(value)}")
    return _Tolerant(tolerance(value.get("abs", 0)), tolerance(value.get("rel", 0)))


def _custom(source: str) -> str:
    tree = parsed(source, "the source of the custom checker")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body):
        raise ReferenceFault("bad_checker", "a custom checker defines check(stdin, stdout, expected)")
    return source
