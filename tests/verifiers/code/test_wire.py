"""The codec: what goes in comes out, any bytes give a value or a `WireError`, and nothing lies about itself."""

from __future__ import annotations

import contextlib
import datetime
import enum
import math
import os
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.code.wire import (
    CONTAINERS,
    LEAVES,
    MAX_DEPTH,
    MAX_INT_BITS,
    MAX_VALUES,
    Channel,
    WireError,
    builtin,
    decode,
    encode,
)

examples = settings(max_examples=300, deadline=None, derandomize=True)

keys = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.binary(max_size=5))
scalars = st.one_of(
    keys,
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.just(...),
    st.binary(max_size=5).map(bytearray),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([-2, 1, 3])),
    st.text(st.characters(exclude_categories=()), max_size=5),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(deque),
        st.sets(keys, max_size=4),
        st.frozensets(keys, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal and of the same types all the way down."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())
    return not isinstance(one, list | tuple | deque) or all(map(same, one, other))


@examples
@given(values)
def test_data_survive(value: Any) -> None:
    assert same(decode(encode(value), builtin), value)


def test_nan_and_views_survive() -> None:
    assert math.isnan(decode(encode(math.nan), builtin))
    table = {"a": 1, "b": 2}
    keys, items, given_values = (
        decode(encode(view), builtin) for view in (table.keys(), table.items(), table.values())
    )
    assert (keys, items, list(given_values)) == (table.keys(), table.items(), [1, 2])


@examples
@given(st.binary(max_size=60))
@example(b"")
@example(b"l5:")
@example(b"i-1:")
@example(b"l-1:")
@example(b"d1:l0:i1:1")
@example(b"x1:i1:1")
@example(b"x2:s2:oss4:exit")
@example(b"x3:s8:builtinss4:evals1:1")
@example(b"i4:ffffg0:")
@example(b"z0:")
@example(b"lfffffffff:" * 9)
def test_any_bytes_give_a_value_or_a_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(data, builtin)


@examples
@given(st.lists(st.tuples(st.sampled_from(sorted(LEAVES | dict.fromkeys(CONTAINERS))), st.binary(max_size=4))))
def test_any_tags_give_a_value_or_a_wire_error(pieces: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(b"%b%x:%b" % (tag, len(body), b"" if tag in CONTAINERS else body) for tag, body in pieces)
    with contextlib.suppress(WireError):
        decode(data, builtin)


@pytest.mark.parametrize(
    "data",
    [
        b"l1:" * (MAX_DEPTH + 1) + b"N0:",
        b"l%x:" % (MAX_VALUES + 1) + b"N0:" * (MAX_VALUES + 1),
        b"i%x:" % (MAX_INT_BITS // 4 + 3) + b"1" * (MAX_INT_BITS // 4 + 3),
        b"s7fffffff:",
        b"f64:" + b"1" * 100,
        b"l1:N0:N0:",
        b"N0:" * 2,
    ],
    ids=["depth", "values", "digits", "size", "float", "trailing in a list", "trailing"],
)
def test_what_is_beyond_the_caps_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data, builtin)


def circular() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    "value",
    [circular(), [0] * (MAX_VALUES + 1), 1 << MAX_INT_BITS, "x" * (1 << 23), object(), len, Exception("x")],
    ids=["circular", "values", "digits", "bytes", "object", "function", "exception"],
)
def test_what_cannot_be_written_is_refused(value: object) -> None:
    with pytest.raises(WireError):
        encode(value)


class Liar:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __len__(self) -> int:
        return 99

    def __iter__(self) -> Any:
        return iter("lies")

    def __bool__(self) -> bool:
        return True

    def __index__(self) -> int:
        return 99

    def __str__(self) -> str:
        return "lies"

    __repr__ = __format__ = encode = __str__  # type: ignore[assignment]
    __class__ = list  # type: ignore[assignment]
    items = keys = values = tolist = lambda self: [("lies", 1)]


def liar(base: type, *args: Any) -> Any:
    return type("Lying" + base.__name__, (base,), {k: v for k, v in vars(Liar).items() if k != "__dict__"})(*args)


@pytest.mark.parametrize(
    ("base", "args"),
    [
        (int, (7,)),
        (float, (2.5,)),
        (str, ("abc",)),
        (bytes, (b"abc",)),
        (bytearray, (b"abc",)),
        (list, ([1, 2],)),
        (tuple, ((1, 2),)),
        (set, ({1, 2},)),
        (frozenset, ({1, 2},)),
        (dict, ({"a": 1},)),
        (complex, (1, 2)),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_subclass_is_told_by_what_it_holds(base: type, args: tuple[Any, ...]) -> None:
    assert same(decode(encode(liar(base, *args)), builtin), base(*args))


def test_well_known_subclasses_become_their_base() -> None:
    class Level(enum.IntEnum):
        HIGH = 3

    pair = namedtuple("pair", "x y")
    value = [Counter("aab"), OrderedDict(a=1), defaultdict(list, a=[1]), Level.HIGH, pair(1, 2), True]
    expected = [{"a": 2, "b": 1}, {"a": 1}, {"a": [1]}, 3, (1, 2), True]
    assert same(decode(encode(value), builtin), expected)


def test_values_of_other_modules_are_made_by_a_table_and_by_nothing_else() -> None:
    for value in (Fraction(1, 3), Decimal("1.50"), datetime.date(2020, 2, 29), deque([1], 3)):
        assert same(decode(encode(value), builtin), value)
    for module, name in (("os", "system"), ("builtins", "eval"), ("decimal", "Context"), ("collections", "Counter")):
        with pytest.raises(WireError):
            decode(b"x3:" + encode(module) + encode(name) + encode("1"), builtin)


def test_messages_have_lengths() -> None:
    source, sink = os.pipe()
    try:
        channel = Channel(source, sink)
        for payload in (b"", b"one", b"x" * 60_000):
            channel.write(payload)
            assert channel.read() == payload
        os.write(sink, b"00000005abc")
        os.close(sink)
        assert channel.read() is None
    finally:
        os.close(source)


@pytest.mark.parametrize("head", [b"-0000001", b"zzzzzzzz", b"ffffffff", b"        "])
def test_an_impossible_length_is_refused(head: bytes) -> None:
    source, sink = os.pipe()
    try:
        os.write(sink, head + b"x" * 20)
        with pytest.raises(WireError):
            Channel(source, sink).read()
    finally:
        os.close(source)
        os.close(sink)
