"""JSON as a call may hold it: what is not strictly JSON is refused with a sentence that says where and why.

No key twice, no NaN, no infinity, no half surrogate, bounded depth and length; linear time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from rlvr_gym.verifiers.errors import RlvrError, shown

MAX_DEPTH = 32
_MOST_ITEMS = 100_000
MAX_JSON_CHARS = 1_000_000
MAX_INTEGER_BITS = 10_000  # Python prints and reads no integer of more than 4300 digits

_BLANK = re.compile(r"[ \t\n\r]*+")
_HALF = re.compile("[\ud800-\udfff]")
_OPENS_TAG = re.compile(r"<(?=[/|A-Za-z])")


class Malformed(RlvrError, ValueError):
    """A response that tries to be a call and is none; the message says what is wrong and what was expected."""


def read_json(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at `start`, after blanks, and where it ends.

    Raises:
        Malformed: There is none.

    Example:
        >>> read_json('{"n": [1, 2]} and more')
        ({'n': [1, 2]}, 13)
        >>> read_json('{"n": 1, "n": 2}')
        Traceback (most recent call last):
            ...
        rlvr_gym.verifiers.strict_json.Malformed: the key 'n' occurs twice in an object
    """
    start = skip_blank(text, start)
    piece = text[start : start + MAX_JSON_CHARS + 1]
    try:
        value, length = _DECODER.raw_decode(piece)
    except Malformed:
        raise
    except json.JSONDecodeError as error:
        if len(piece) > MAX_JSON_CHARS:
            raise Malformed(f"JSON in a call may have {MAX_JSON_CHARS:,} characters") from error
        near = shown(piece[max(0, error.pos - 20) : error.pos + 20])
        raise Malformed(f"this is not JSON: {error.msg} at character {error.pos + 1}, near {near}") from error
    except RecursionError as error:
        raise Malformed(f"JSON may be nested {MAX_DEPTH} deep") from error
    except ValueError as error:  # the interpreter's limit of digits
        raise Malformed("a number in the JSON is too long") from error
    if length > MAX_JSON_CHARS:
        raise Malformed(f"JSON in a call may have {MAX_JSON_CHARS:,} characters")
    if flaw := flaw_of(value):
        raise Malformed(flaw)
    return value, start + length


def read_object(text: str) -> dict[str, Any]:
    """The JSON object that a text is, and nothing else.

    Raises:
        Malformed: It is none.
    """
    value, end = read_json(text)
    if not isinstance(value, dict):
        raise Malformed(f"a JSON object is expected, got {shown(value, 60)}")
    if skip_blank(text, end) < len(text):
        raise Malformed(f"text follows the JSON object: {shown(text[end : end + 40])}")
    return value


def write_json(value: Any) -> str:
    """A JSON value on one line, in which no tag can be read: what would open one is written as an escape.

    Example:
        >>> write_json({"code": "x < 1 # </python>"})
        '{"code": "x < 1 # \\\\u003c/python>"}'
    """
    return _OPENS_TAG.sub(r"\\u003c", json.dumps(value, ensure_ascii=False, allow_nan=False))


def flaw_of(value: Any) -> str:
    """Why a Python value is no JSON value of a call; empty where it is one.

    Example:
        >>> flaw_of({"n": [1, None, "x"]}), flaw_of({"n": float("inf")})
        ('', 'a number is not finite: inf')
    """
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if flaw := _flaw(item):
                return flaw
            if item is None or isinstance(item, str | int | float):
                continue
            if depth == MAX_DEPTH:
                return f"JSON may be nested {MAX_DEPTH} deep"
            below += item if isinstance(item, list | tuple) else item.values()
            if len(below) > _MOST_ITEMS:
                return f"JSON may have {_MOST_ITEMS:,} values on a level"
        level = below
    return ""


def skip_blank(text: str, start: int) -> int:
    """Where the first character stands that is not blank, from `start` on; the end of the text if there is none."""
    blank = _BLANK.match(text, start)
    return blank.end() if blank else start


def _flaw(item: Any) -> str:
    if isinstance(item, str):
        return "half a character (a lone surrogate) stands in a text" if _HALF.search(item) else ""
    if item is None or isinstance(item, list | tuple):
        return ""
    if isinstance(item, float):
        return "" if math.isfinite(item) else f"a number is not finite: {item!r}"
    if isinstance(item, int):
        return "" if item.bit_length() <= MAX_INTEGER_BITS else "a number in the JSON is too long"
    if not isinstance(item, Mapping):
        return f"no JSON value: {shown(item, 60)}"
    if odd := [key for key in item if not isinstance(key, str) or _HALF.search(key)]:
        return f"a key is no text: {shown(odd[0], 60)}"
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise Malformed(f"the key {shown(key, 60)} occurs twice in an object")
        made[key] = value
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
