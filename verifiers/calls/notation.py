"""How calls are written: as JSON, in `<tool_call>` tags, or as Python writes them, with literals alone.

Nothing is evaluated. The Python notation has its own reader, of literals and nothing else: no names, no operators but a
sign, no comprehensions, no positional arguments, so that a text means the same in every version of the language.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import MAX_DEPTH, Malformed, flaw_of, read_json, skip_blank

MAX_CALLS = 64
MAX_CHARS = 100_000
MAX_DIGITS = 1_000

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FENCE = re.compile(r"```(?:json|python|tool_code)?[ \t]*\n")
_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r\n]++)
    |(?P<name>[^\W\d]\w*+(?:\.[^\W\d]\w*+)*+)
    |(?P<number>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?!\w))
    |(?P<text>'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+")
    |(?P<sign>[()\[\]{},:=+-])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_WORDS: Mapping[str, Any] = {"True": True, "False": False, "None": None}


class Call(NamedTuple):
    """One call: the function's name and its arguments by name."""

    name: str
    arguments: Mapping[str, Any]


def read_calls(text: str) -> list[Call]:
    """The calls that a text is, and nothing else.

    - Tags: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, one after the other.
    - JSON: one such object or a list of them; an empty list is no call.
    - Python: `f(x=1)`, several separated by commas, with or without brackets around them.

    One code fence around JSON or Python is taken off.

    Raises:
        Malformed: It is something else.

    Example:
        >>> read_calls('[{"name": "add", "arguments": {"a": 1}}]') == read_calls("[add(a=1)]")
        True
        >>> read_calls("add(a=open('x'))")
        Traceback (most recent call last):
            ...
        rlvr_gym.verifiers.strict_json.Malformed: only literals stand in a call, got 'open'
    """
    if len(text) > MAX_CHARS:
        raise Malformed(f"calls may have {MAX_CHARS:,} characters, got {len(text):,}")
    text = _unfenced(text.strip())
    if text.startswith(_OPEN):
        calls = _tagged(text)
    elif re.match(r"\{|\[\s*+[{\]]", text):
        calls = _of_json(text)
    else:
        calls = _Reader(text).calls()
    if len(calls) > MAX_CALLS:
        raise Malformed(f"there may be {MAX_CALLS} calls, got {len(calls)}")
    return calls


def read_call(value: Any) -> Call:
    """A call from its JSON value.

    Raises:
        Malformed: It is none.
    """
    if not isinstance(value, Mapping) or value.keys() != {"name", "arguments"}:
        raise Malformed(f'a call is {{"name": ..., "arguments": {{...}}}}, got {shown(value, 60)}')
    name, arguments = value["name"], value["arguments"]
    if not isinstance(name, str) or not name or not isinstance(arguments, Mapping):
        raise Malformed(f"a call has a name and arguments by name, got {shown(value, 60)}")
    if flaw := flaw_of(arguments):
        raise Malformed(flaw)
    return Call(name, dict(arguments))


def _unfenced(text: str) -> str:
    fence = _FENCE.match(text)
    return text[fence.end() : -3].strip() if fence and text.endswith("```") and len(text) > fence.end() else text


def _tagged(text: str) -> list[Call]:
    calls, position = list[Call](), 0
    while position < len(text):
        if not text.startswith(_OPEN, position):
            raise Malformed(f"{_OPEN} is expected, got {shown(text[position : position + 40])}")
        value, end = read_json(text, position + len(_OPEN))
        end = skip_blank(text, end)
        if not text.startswith(_CLOSE, end):
            raise Malformed(f"{_CLOSE} must follow the JSON object, got {shown(text[end : end + 40])}")
        calls.append(read_call(value))
        position = skip_blank(text, end + len(_CLOSE))
    return calls


def _of_json(text: str) -> list[Call]:
    value, end = read_json(text)
    if end < len(text):
        raise Malformed(f"text follows the JSON: {shown(text[end : end + 40])}")
    return [read_call(item) for item in (value if isinstance(value, list) else [value])]


class _Token(NamedTuple):
    kind: str
    text: str


_END = _Token("end", "")


def _tokens(text: str) -> list[_Token]:
    found, position = list[_Token](), 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise Malformed(f"this is not a call: {shown(text[position : position + 40])}")
        if match.lastgroup != "blank":
            found.append(_Token(match.lastgroup, match[0]))
        position = match.end()
    return [*found, _END]


class _Reader:
    """Calls as Python writes them, by recursive descent of bounded depth."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def calls(self) -> list[Call]:
        """All calls, with nothing after them."""
        bracket = self._take("[")
        found = [self._call()]
        while self._take(","):
            if bracket and self._token.text == "]":
                break
            found.append(self._call())
        if bracket:
            self._expect("]")
        if self._token is not _END:
            raise Malformed(f"text follows the calls: {shown(self._token.text, 40)}")
        return found

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, sign: str) -> bool:
        taken = self._token == _Token("sign", sign)
        self._at += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise Malformed(f"{sign!r} is expected, got {shown(self._token.text, 40)}")

    def _next(self, kind: str) -> str:
        token = self._token
        if token.kind != kind:
            raise Malformed(f"a {kind} is expected, got {shown(token.text, 40)}")
        self._at += 1
        return token.text

    def _call(self) -> Call:
        name, arguments = self._next("name"), dict[str, Any]()
        self._expect("(")
        while not self._take(")"):
            if arguments:
                self._expect(",")
                if self._take(")"):
                    break
            key = self._token.text
            self._at += self._token.kind == "name"
            if not self._take("="):
                raise Malformed(f"arguments are given by name, name=value; got {shown(key, 40)}")
            if key in arguments or "." in key:
                raise Malformed(f"the argument {shown(key, 40)} is given twice or is no name")
            arguments[key] = self._value(0)
        return Call(name, arguments)

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Malformed(f"values may be nested {MAX_DEPTH} deep")
        if self._take("["):
            return self._items("]", depth)
        if self._take("("):
            return self._items(")", depth)
        if self._take("{"):
            return self._object(depth)
        kind, text = self._token
        if kind == "text":
            return "".join(self._texts())
        if kind == "name":
            if text not in _WORDS:
                raise Malformed(f"only literals stand in a call, got {shown(text, 40)}")
            self._at += 1
            return _WORDS[text]
        return self._number()

    def _items(self, close: str, depth: int) -> list[Any]:
        """Of a list, or of a tuple; one value in parentheses is no tuple, and refused."""
        found, comma = list[Any](), False
        while not self._take(close):
            if found:
                self._expect(",")
                comma = True
                if self._take(close):
                    break
            found.append(self._value(depth + 1))
        if close == ")" and len(found) == 1 and not comma:
            raise Malformed("a value in parentheses is no literal; a tuple of one ends in a comma")
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        found = dict[str, Any]()
        while not self._take("}"):
            if found:
                self._expect(",")
                if self._take("}"):
                    break
            key = "".join(self._texts())
            self._expect(":")
            if key in found:
                raise Malformed(f"the key {shown(key, 60)} occurs twice in an object")
            found[key] = self._value(depth + 1)
        return found

    def _texts(self) -> list[str]:
        """One text, or several side by side, which Python joins."""
        parts = [_unescaped(self._next("text"))]
        while self._token.kind == "text":
            parts.append(_unescaped(self._next("text")))
        return parts

    def _number(self) -> int | float:
        negative = self._take("-")
        if not negative:
            self._take("+")
        text = self._next("number")
        if len(text) > MAX_DIGITS:
            raise Malformed(f"a number may have {MAX_DIGITS:,} characters")
        if text.isdigit() and text[0] == "0" and text.strip("0"):
            raise Malformed(f"a number does not begin with 0: {shown(text, 40)}")
        value = int(text) if text.isdigit() else float(text)
        if not math.isfinite(value):
            raise Malformed(f"a number is not finite: {shown(text, 40)}")
        return -value if negative else value


def _unescaped(text: str) -> str:
    found = _ESCAPE.sub(_escaped, text[1:-1])
    if flaw := flaw_of(found):
        raise Malformed(flaw)
    return found


def _escaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    if digits:
        return chr(int(digits, 16))
    if match[3] not in _ESCAPED:
        raise Malformed(f"an escape is one of \\n, \\t, \\r, \\\\, \\', \\\", \\x, \\u; got {shown(match[0])}")
    return _ESCAPED[match[3]]
