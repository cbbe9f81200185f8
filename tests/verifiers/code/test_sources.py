"""Reading test sources: what counts as a test, what has to be imported."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor

import pytest
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.sources import group_of, missing_imports, read_check, read_prompt


def check(body: str, before: str = "") -> list[tuple[str, bool]]:
    """The statements of a `check` with this body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return [(s.source, s.counts) for s in read_check(f"{before}\ndef check(c):\n{lines}\n").statements]


def test_each_assertion_is_a_test_and_loops_are_one() -> None:
    body = "x = 2\nassert c(x)\nfor i in range(3):\n    assert c(i)\n    assert i\nprint(x)\nassert True, 'fine'"
    assert [counts for _, counts in check(body)] == [False, True, True, False, False]


def test_a_call_of_a_helper_that_asserts_is_a_test() -> None:
    assert check("same(c(1), 2)", "def same(a, b):\n    assert a == b") == [("same(c(1), 2)", True)]


@pytest.mark.parametrize("body", ["return c(1)", "assert c(1)\nreturn", "global x\nassert c(1)", "yield c(1)", "c(1)"])
def test_what_cannot_be_taken_apart_is_one_test(body: str) -> None:
    assert check(body) == [("check(c)", True)]


def test_a_function_inside_may_return() -> None:
    body = "def square(x):\n    return x * x\nassert c(2) == square(2)"
    assert [counts for _, counts in check(body)] == [False, True]


def test_a_call_of_check_itself_is_dropped() -> None:
    assert "check" not in read_check("def check(c):\n    assert c(1)\ncheck(f)\n").before


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1",
        "def check(): pass",
        "def check(a, b): pass",
        "def check(c): pass\ndef check(c): pass",
        "def check(c:",
        "\x00",
        "(" * 500,
        "\ud800",
    ],
)
def test_a_source_without_check_is_refused(source: str) -> None:
    with pytest.raises(ReferenceFault):
        read_check(source)


@pytest.mark.parametrize(
    ("source", "group"),
    [
        ("assert f(1) == True", "True"),
        ("assert f(1) is None", "None"),
        ("assert f(1) == (1, [2])", "(1, [2])"),
        ("assert f(1) == -1", "-1"),
        ("assert f(1)", "True"),
        ("assert not f(1)", "False"),
        ("assert f(1) == g(1)", None),
        ("assert f(1) != 2", None),
        ("assert 1 < f(1) < 2", None),
        ("x = f(1)", None),
    ],
)
def test_the_class_of_a_test_is_the_constant_that_it_expects(source: str, group: str | None) -> None:
    assert group_of(ast.parse(source).body[0]) == group


def test_modules_of_the_standard_library_are_found_by_name() -> None:
    source = "import math\ndef g(x, *a, y=1, **k):\n    return [z for z in x] + [a, y, k]\nassert f(sys.x, math.y, re)"
    assert missing_imports([ast.parse(source)], ["f"]) == ["re", "sys"]
    assert missing_imports([ast.parse("from math import *\nassert f(anything)")], ["f"]) == []
    with pytest.raises(ReferenceFault, match="'ghost'"):
        missing_imports([ast.parse("assert f(ghost)")], ["f"])


def test_many_threads_can_parse() -> None:
    """Before Python 3.13, `ast.parse` may raise SystemError when two threads parse at one time."""
    source = "def check(c):\n" + "    assert c([1, (2, 3)], {4: [5, [6]]}) == -7 + (8 if c else 9)\n" * 30
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(read_check, [source] * 200))
    assert all(len(one.statements) == 30 for one in taken)


def test_a_prompt_gives_all_but_what_is_to_be_written() -> None:
    prompt = "from typing import List\nLIMIT = 5\n\ndef poly(xs):\n    return 1\n\n\ndef f(xs):\n    '''Find.'''\n"
    taken = read_prompt(prompt, "f")
    assert taken.helpers == {"poly", "LIMIT"}
    assert "def f" not in taken.given
    assert "LIMIT = 5" in taken.given
    assert read_prompt("def f(x):", "f").given == ""
    with pytest.raises(ReferenceFault):
        read_prompt("def f(x", "f")
