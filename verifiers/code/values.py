"""Inputs and expected values of `calls`, and when an answer equals what is expected.

A reference is JSON. What JSON has no form for is written as an object with one key that begins with `$`:
`{"$tuple": [1, 2]}`, `{"$set": [...]}`, `{"$frozenset": [...]}`, `{"$bytes": "hex"}`, `{"$complex": [re, im]}`,
`{"$float": "nan"}` (or `inf`, `-inf`), `{"$dict": [[key, value], ...]}`.

Answers are compared as trees of tags and contents, not as Python values: nothing of an answer is ever hashed here, so
no choice of keys makes a comparison slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.wire import MAX_DEPTH, WireError, decode, encode
from rlvr_gym.verifiers.errors import shown

Node = tuple[bytes, Any]


def _list(value: Any, depth: int) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ReferenceFault("bad_value", f"expected a list, got {shown(value)}")
    return [from_json(item, depth + 1) for item in value]


def _dict(value: Any, depth: int) -> dict[Any, Any]:
    pairs: list[Any] = [_list(pair, depth) for pair in value] if isinstance(value, list | tuple) else [()]
    if any(len(pair) != 2 for pair in pairs):
        raise ReferenceFault("bad_value", f"$dict takes a list of pairs, got {shown(value)}")
    return dict(pairs)


_TAGGED: dict[str, Callable[[Any, int], Any]] = {
    "$tuple": lambda value, depth: tuple(_list(value, depth)),
    "$set": lambda value, depth: set(_list(value, depth)),
    "$frozenset": lambda value, depth: frozenset(_list(value, depth)),
    "$dict": _dict,
    "$bytes": lambda value, depth: bytes.fromhex(value),
    "$complex": lambda value, depth: complex(*_list(value, depth)),
    "$float": lambda value, depth: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[value],
}


def from_json(value: Any, depth: int = 0) -> Any:
    """The builtin value that a JSON value with tags stands for.

    Raises:
        ReferenceFault: It stands for none.

    Example:
        >>> from_json([1, {"$tuple": [2, {"$float": "inf"}]}])
        [1, (2, inf)]
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if depth > MAX_DEPTH:
        raise ReferenceFault("bad_value", "a value is nested too deeply")
    if isinstance(value, list | tuple):
        return _list(value, depth)
    if not isinstance(value, Mapping):
        raise ReferenceFault("bad_value", f"a value must be JSON, got {shown(value)}")
    tags = [key for key in value if isinstance(key, str) and key.startswith("$")]
    if tags and (len(value) > 1 or tags[0] not in _TAGGED):
        known = ", ".join(_TAGGED)
        raise ReferenceFault("bad_value", f"expected an object with one of the keys {known}; got {shown(value)}")
    try:
        if tags:
            return _TAGGED[tags[0]](value[tags[0]], depth)
        return {str.__str__(key): from_json(item, depth + 1) for key, item in value.items()}
    except (TypeError, ValueError, LookupError) as error:
        if isinstance(error, ReferenceFault):
            raise
        raise ReferenceFault("bad_value", f"{shown(value)} stands for no value: {error}") from error


def node(value: Any) -> Node:
    """A builtin value as a tree.

    Raises:
        ReferenceFault: It is too large.
    """
    try:
        return read_node(encode(value))
    except WireError as error:
        raise ReferenceFault("bad_value", str(error)) from error


def read_node(data: bytes) -> Node:
    """Bytes of an answer as a tree.

    Raises:
        WireError: They are none.

    Example:
        >>> read_node(b"l1:i1:7")
        (b'l', [(b'i', 7)])
    """
    tree: Node = decode(data, lambda tag, content: (tag, content))
    return tree


@dataclass(frozen=True)
class Policy:
    """What counts as equal besides the same value of the same type.

    Args:
        tuple_as_list: A tuple is as good as a list.
        iterable_as_list: So is what an iterator, a range or a view of a dict yields.
        int_as_float: 1 is as good as 1.0. Booleans are no numbers.
        absolute: Floats may differ by so much.
        relative: Floats may differ by so much of the expected one.
        unordered: `""`; `"top"`: the order of the outermost list does not count; `"deep"`: of all lists.

    Example:
        >>> Policy().equal(node([1, 2]), node((1, 2))), Policy(tuple_as_list=True).equal(node([1, 2]), node((1, 2)))
        (False, True)
    """

    tuple_as_list: bool = False
    iterable_as_list: bool = False
    int_as_float: bool = False
    absolute: float = 0.0
    relative: float = 0.0
    unordered: str = ""

    def equal(self, expected: Node, got: Node, top: bool = True) -> bool:
        """Whether an answer is what is expected; linear but for the sorting of what has no order."""
        tag, content = self._tag(expected[0]), expected[1]
        if {expected[0], got[0]} == {b"i", b"f"} and self.int_as_float:
            return self._close(content, got[1])
        if tag != self._tag(got[0]):
            return False
        if tag == b"f":
            return self._close(content, got[1])
        if tag == b"c":
            return self._close(content.real, got[1].real) and self._close(content.imag, got[1].imag)
        if tag in _LEAVES:
            return bool(content == got[1])
        if tag not in _DATA:
            return False
        ours, theirs = self._children(expected, top), self._children(got, top)
        if len(ours) != len(theirs):
            return False
        return all(self.equal(one, other, top=False) for one, other in zip(ours, theirs, strict=True))

    def _tag(self, tag: bytes) -> bytes:
        if (tag == b"t" and self.tuple_as_list) or (tag in _ITERABLE and self.iterable_as_list):
            return b"l"
        return tag

    def _children(self, tree: Node, top: bool) -> list[Node]:
        tag, children = tree
        if tag == b"d":
            pairs = [(b"t", list(pair)) for pair in zip(children[::2], children[1::2], strict=True)]
            return sorted(pairs, key=self._key)
        if tag == b"r" and self.iterable_as_list:
            return _range(children)
        in_any_order = self.unordered == "deep" or (self.unordered == "top" and top)
        if tag in b"SZKI" or (self._tag(tag) == b"l" and in_any_order):
            return sorted(children, key=self._key)
        return list(children)

    def _close(self, expected: float, got: float) -> bool:
        if expected == got:
            return True
        if isinstance(expected, int) and isinstance(got, int):
            return False
        try:
            expected, got = float(expected), float(got)
        except OverflowError:  # an integer beyond all floats
            return False
        if math.isnan(expected) or math.isnan(got):
            return math.isnan(expected) and math.isnan(got)
        if math.isinf(expected) or math.isinf(got) or not (self.absolute or self.relative):
            return False  # without a tolerance they had to be equal above, exactly
        return abs(expected - got) <= max(self.absolute, self.relative * abs(expected))

    def _key(self, tree: Node) -> tuple[Any, ...]:
        """What puts trees in an order: equal ones next to each other, numbers by size."""
        tag, content = self._tag(tree[0]), tree[1]
        if tag == b"f" or (tag == b"i" and self.int_as_float):
            return (b"f", 0, 0) if content != content else (b"f", 1, content)
        if tag == b"c":
            return (tag, repr(content))
        if tag in _LEAVES:
            return (tag, content) if content is not None and content is not ... else (tag,)
        if tag not in _DATA:
            return (tag, str(content))
        return (tag, *(self._key(child) for child in self._children(tree, top=False)))


_LEAVES = frozenset(b"NTFEisbB"[i : i + 1] for i in range(8))
_DATA = frozenset(b"ltSZdrKVIgx"[i : i + 1] for i in range(11))
_ITERABLE = frozenset(b"grKVI"[i : i + 1] for i in range(5))
_LONGEST_RANGE = 1 << 18


def _range(children: list[Node]) -> list[Node]:
    if len(children) != 3 or any(child[0] != b"i" for child in children) or children[2][1] == 0:
        return [(b"H", 0)]
    values = range(*(child[1] for child in children))
    too_long = bool(values[_LONGEST_RANGE:])
    return [(b"H", 0)] if too_long else [(b"i", value) for value in values]
