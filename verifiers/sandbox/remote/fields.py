"""Typed values out of JSON that anybody may have sent: each is what it must be, or an error names the field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from rlvr_gym.verifiers.errors import RlvrError, shown

_REQUIRED: Any = object()
_KINDS: Mapping[type, str] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


class FieldError(RlvrError, ValueError):
    """A field has a wrong value; the message names it."""


def field(data: Mapping[str, Any], name: str, kind: type, default: Any = _REQUIRED) -> Any:
    """A value of one type; `null` counts as left out where there is a default.

    Raises:
        FieldError: It is of another type, or left out without a default.

    Example:
        >>> field({"code": "print(1)"}, "code", str), field({"argv": None}, "argv", list, [])
        ('print(1)', [])
    """
    value = data.get(name)
    if value is None and default is not _REQUIRED:
        return default
    accepted = (int, float) if kind is float else kind
    if name not in data:
        raise FieldError(f"{name} is missing")
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise FieldError(f"{name} must be {_KINDS[kind]}, got {shown(value)}")
    return value


def number(data: Mapping[str, Any], name: str, default: Any = _REQUIRED) -> float:
    """A finite number that is not negative.

    Raises:
        FieldError: It is none.

    Example:
        >>> number({"execution_time": 1}, "execution_time")
        1.0
    """
    value = field(data, name, float, default)
    if not 0 <= value < 2**62:
        raise FieldError(f"{name} must be a number from 0, got {shown(value)}")
    return float(value)


def texts(data: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts; empty where it is left out.

    Raises:
        FieldError: It is none.

    Example:
        >>> texts({"argv": ["-n", "1"]}, "argv")
        ['-n', '1']
    """
    value: list[str] = field(data, name, list, [])
    for item in value:
        if not isinstance(item, str):
            raise FieldError(f"{name} must be a list of texts, got {shown(item)} in it")
    return value


def to_base64(content: bytes) -> str:
    """Bytes as text.

    Example:
        >>> to_base64(b"abc")
        'YWJj'
    """
    return base64.b64encode(content).decode("ascii")


def from_base64(name: str, text: object) -> bytes:
    """The inverse of `to_base64`; white space is passed over.

    Raises:
        FieldError: It is no base64.

    Example:
        >>> from_base64("stdin_b64", "YWJj")
        b'abc'
    """
    if isinstance(text, str):
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
            pass
    raise FieldError(f"{name} must be base64, got {shown(text)}")
