"""How plain scalars of YAML are read: by the core schema of YAML 1.2, and refused where YAML 1.1 reads another value.

Readers of YAML 1.1 are everywhere, PyYAML among them: to them `no` is false, `1:30` is 90 and `010` is 8, to YAML 1.2 a
text, a text and 10. Who means one of these must quote it or write it otherwise. Dates are the exception: YAML 1.1 has a
type for them, here they are texts; so are `y` and `n`, which hardly any reader takes for true and false.
"""

from __future__ import annotations

import math
import re
from typing import Any

from rlvr_gym.verifiers.by_rule import UnreadableError

MAX_SCALAR_CHARS = 100
"""A longer plain scalar is a text."""

_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TWO_WAYS = frozenset(
    form for word in ("yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper())
) | {"=", "<<"}
_INTEGER = re.compile(r"[-+]?+(?:0|[1-9][0-9]*+)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]++")
_FLOAT = re.compile(r"(?:[-+]?+(?:0|[1-9][0-9]*+)\.[0-9]*+|\.[0-9]++)(?:[eE][-+][0-9]++)?+")
_NOT_FINITE = re.compile(r"[-+]?+\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_TO_ONE = re.compile(
    r"[-+]?+(?:0b[01_]++|0o[0-7]++|0x[0-9a-fA-F_]++"
    r"|[1-9][0-9_]*+(?::[0-5]?[0-9])++|[0-9][0-9_]*+(?::[0-5]?[0-9])++\.[0-9_]*+"
    r"|[0-9][0-9_]*+(?:\.[0-9_]*+)?+(?:[eE][-+]?+[0-9]++)?+|\.[0-9][0-9_]*+(?:[eE][-+]?+[0-9]++)?+)"
)


def read_scalar(text: str) -> Any:
    """The value of a plain scalar.

    Raises:
        UnreadableError: YAML 1.1 and 1.2 read it differently, or it is no finite number.

    Example:
        >>> [read_scalar(text) for text in ("7", "-1.50", "true", "~", "Oslo", "2024-03-07", "1.10.2")]
        [7, -1.5, True, None, 'Oslo', '2024-03-07', '1.10.2']
        >>> read_scalar("NO")
        Traceback (most recent call last):
            ...
        rlvr_gym.verifiers.by_rule.UnreadableError: YAML 1.1 and 1.2 read 'NO' differently: quote it if it is a text
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > MAX_SCALAR_CHARS:
        return text
    if text in _TWO_WAYS:
        raise _two_ways(text)
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise UnreadableError("not_finite", "a number in the document is not finite")
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if _NUMBER_TO_ONE.fullmatch(text):
        raise _two_ways(text)
    return text


def _two_ways(text: str) -> UnreadableError:
    said = f"YAML 1.1 and 1.2 read {text!r} differently: quote it if it is a text"
    return UnreadableError("ambiguous_scalar", said)
