"""Checkers of the kind `stdio`: which output is accepted."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.checkers import parse_checker

examples = settings(max_examples=200, deadline=None, derandomize=True)

FLOAT = {"float": {"abs": 1e-3}}
RELATIVE = {"float": {"rel": 0.1}}

# checker, expected, got, accepted
CASES: list[tuple[Any, bytes, bytes, bool]] = [
    ("exact", b"a\n", b"a\n", True),
    ("exact", b"a\n", b"a", False),
    ("exact", b"a", b"a\0", False),
    ("lines", b"a b\nc\n", b"a b  \nc\t\n\n\n", True),
    ("lines", b"a\nb", b"a\n\nb", False),
    ("lines", b"a b", b"a  b", False),
    ("lines", b"a", b" a", False),
    ("lines", b"a\nb", b"a\r\nb", False),
    ("lines", b"a", b"a\x00", False),
    ("lines", b"a", b"\x1b[0ma", False),
    ("lines", b"a", "a\u200b".encode(), False),
    ("lines", b"a", "\u202ea".encode(), False),
    ("lines", b"a", b"A", False),
    ("lines", b"a", b"a\nb", False),
    ("lines", b"", b"\n", True),
    ("lines", "é".encode(), "e\u0301".encode(), False),
    ("tokens", b"1 2\n3", b"1\n2 3\r\n", True),
    ("tokens", b"1 2", b"1 2 3", False),
    ("tokens", b"12", b"1 2", False),
    ("tokens", b"1", b"1.0", False),
    ("tokens", b"a b", "a\u00a0b".encode(), False),
    (FLOAT, b"0.5 7 x", b"0.5004 7 x", True),
    (FLOAT, b"0.5", b"0.502", False),
    (FLOAT, b"0.5", b".5", True),
    (FLOAT, b"0.5", b"5e-1", True),
    (FLOAT, b"1.0", b"1", True),
    (FLOAT, b"7", b"7.0", False),
    (FLOAT, b"7", b"7.0001", False),
    (FLOAT, b"1000000", b"1000001", False),
    (FLOAT, b"nan", b"NaN", True),
    (FLOAT, b"1.5", b"nan", False),
    (FLOAT, b"nan", b"1.5", False),
    (FLOAT, b"inf", b"Infinity", True),
    (FLOAT, b"inf", b"-inf", False),
    (FLOAT, b"inf", b"1e999", True),
    (FLOAT, b"1e300", b"inf", False),
    (FLOAT, b"0.5", b"0_5", False),
    (FLOAT, b"0.5", b"0x1p-1", False),
    (FLOAT, b"0.5", "٠.٥".encode(), False),
    (FLOAT, b"0.5 x", b"0.5 X", False),
    (FLOAT, b"0.5", b"0.5 0.5", False),
    (RELATIVE, b"100.0", b"109", True),
    (RELATIVE, b"100.0", b"111", False),
    (RELATIVE, b"0.0", b"0.1", False),
    ("unordered_lines", b"a\nb\nb", b"b\na \nb\n", True),
    ("unordered_lines", b"a\nb\nb", b"a\na\nb", False),
    ("json", b'{"a": [1, 2.50], "b": null}', b'{"b":null,"a":[1.0,2.5]}\n', True),
    ("json", b"[1, 2]", b"[2, 1]", False),
    ("json", b"[1]", b"[true]", False),
    ("json", b"1", b'"1"', False),
    ("json", b"1", b"1 2", False),
    ("json", b"1", b"NaN", False),
    ("json", b'{"a": 1}', b'{"a": 2, "a": 1}', False),
    ("json", b"10000000000000000", b"10000000000000001", False),
    ("json", b"1", b"1e0", True),
    ("json", b"1", b"1e99999999999999999999", False),
    ("json", b"[]", b"[" * 100_000, False),
    ("json", b'"a"', b'"\xff"', False),
    ("json", b"1", b"9" * 100_000, False),
]


@pytest.mark.parametrize(("checker", "expected", "got", "accepted"), CASES)
def test_what_each_checker_accepts(checker: Any, expected: bytes, got: bytes, accepted: bool) -> None:
    assert parse_checker(checker).accepts((expected,), got) is accepted


def test_any_of_several_outputs_is_accepted() -> None:
    checker = parse_checker({"any_of": "tokens"})
    assert checker.any_of
    assert [checker.accepts((b"1 2", b"2 1"), got) for got in (b"1\n2", b"2 1", b"1 2 2 1", b"")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "checker",
    [
        None,
        "tolkens",
        5,
        [],
        {},
        {"float": 1},
        {"float": {}},
        {"float": {"abs": -1}},
        {"float": {"abs": float("nan")}},
        {"float": {"abs": "1"}},
        {"float": {"abs": 1}, "json": 1},
        {"any_of": "x"},
        {"custom": 5},
        {"custom": "x = ("},
        {"custom": "def test(): ..."},
        {"any_of": {"custom": "def check(a, b, c): ..."}},
    ],
    ids=repr,
)
def test_a_checker_that_does_not_exist_is_refused(checker: Any) -> None:
    with pytest.raises(ReferenceFault):
        parse_checker(checker)


@examples
@given(st.binary(max_size=30), st.binary(max_size=30))
def test_any_output_is_judged_and_all_but_json_accept_what_is_expected(expected: bytes, got: bytes) -> None:
    for checker in ("exact", "lines", "tokens", FLOAT, "unordered_lines", "json"):
        accepts = parse_checker(checker).accepts
        accepts((expected,), got)
        assert checker == "json" or accepts((expected,), expected)


@pytest.mark.parametrize("piece", [b" ", b"\n", b"1 ", b"[", b"1.", b"a\n", b'"', b"{", b"-", b"\r\n", b"1e9 "])
@pytest.mark.parametrize("checker", ["lines", "tokens", FLOAT, "unordered_lines", "json"], ids=str)
def test_a_million_bytes_take_linear_time(checker: Any, piece: bytes) -> None:
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    parse_checker(checker).accepts((text,), text + b"x")
    assert time.process_time() - start < 3.0
