"""The calculator: exact values, honest digits, and an answer to whatever is typed."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.tools import exact
from rlvr_gym.envs.tools.calculator import MAX_CHARS, Calculator, compute
from rlvr_gym.envs.tools.exact import Between
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import Limits, ToolError
from rlvr_gym.verifiers import ConfigError


def answer(expression: str) -> str:
    """What the tool says, as an observation."""
    return Toolbox({"calculator": Calculator()}).call(ToolCall("calculator", {"expression": expression})).text


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12*34+56", "464"),
        ("12 + 34*56", "1916"),
        ("(12+34)*56", "2576"),
        ("7 - 3 - 2", "2"),
        ("7-(3-2)", "6"),
        ("-2**2", "-4"),
        ("(-2)**2", "4"),
        ("2**3**2", "512"),
        ("2**-3", "0.125"),
        ("2--3", "5"),
        ("-+-5", "5"),
        ("7//2", "3"),
        ("-7//2", "-4"),
        ("7//-2", "-4"),
        ("-7 % 3", "2"),
        ("7.5 % 2", "1.5"),
        ("0.1+0.2", "0.3"),
        ("1/4", "0.25"),
        (".5 + 5.", "5.5"),
        ("1.5e3", "1500"),
        ("2e-3", "0.002"),
        ("1/3", "1/3 (about 0.333333333333)"),
        ("-22/7", "-22/7 (about -3.14285714286)"),  # 3.142857142857142...
        ("1/3 + 2/3", "1"),
        ("1/2**50", f"0.{'0' * 15}{5**50}"),  # 5**50 has 35 digits, and 15 + 35 = 50
        ("1/2**51", "1/2251799813685248 (about 4.4408920985e-16)"),
        ("1e25/3", "10000000000000000000000000/3 (about 3.33333333333e+24)"),
        ("2**100", "1267650600228229401496703205376"),
        ("3 × 4 − 5 ÷ 2", "9.5"),
        ("sqrt(49/4)", "3.5"),
        ("sqrt(2)", "about 1.41421356237"),  # 1.414213562373095...
        ("10*sqrt(2)**2", "about 20"),
        ("sqrt(2)*sqrt(2) - 2", "about 0"),
        ("floor(1000*sqrt(2))", "1414"),
        ("round(sqrt(3), 4)", "1.7321"),  # 1.73205...
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(2.345, 2)", "2.35"),
        ("floor(-3/2)", "-2"),
        ("ceil(-3/2)", "-1"),
        ("ceil(sqrt(2))", "2"),
        ("abs(-3/2)", "1.5"),
        ("abs(1-sqrt(2))", "about 0.414213562373"),
        ("gcd(12, 18, 27)", "3"),
        ("lcm(4, 6, 10)", "60"),
        ("factorial(20)", "2432902008176640000"),
        ("comb(52, 5)", "2598960"),
        ("comb(3, 5)", "0"),
        ("min(3, 1/2, 2)", "0.5"),
        ("max(1, 2, sqrt(2))", "2"),
        ("max(1, sqrt(2))", "about 1.41421356237"),
        ("7 % sqrt(2)", "about 1.34314575051"),  # 7 - 4 * 1.41421356237309...
    ],
)
def test_values(expression: str, value: str) -> None:
    assert answer(expression) == value


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("1/0", "division by zero"),
        ("7 // (3-3)", "division by zero"),
        ("5 % 0", "division by zero"),
        ("0**-1", "division by zero"),
        ("1/(sqrt(2)**2 - 2)", "may be zero"),
        ("9**9**9", "more than 600 digits"),
        ("(1/9)**9**9", "more than 600 digits"),
        ("sqrt(2)**9**9", "exponent"),
        ("sqrt(10**500)*10**400", "more than 600 digits"),
        ("1" * 601, "more than 600 digits"),
        ("1e601", "more than 600 digits"),
        ("1e-999999999999", "more than 600 digits"),
        ("factorial(10**9)", "more than 600 digits"),
        ("factorial(-1)", "negative"),
        ("factorial(1/2)", "whole number"),
        ("comb(10**500, 10**499)", "more than 600 digits"),
        ("lcm(10**500+1, 10**499+3)", "more than 600 digits"),
        ("2**0.5", "sqrt"),
        ("sqrt(-1)", "negative"),
        ("floor(sqrt(2)**2)", "too near"),
        ("sqrt(10**400+1) - 10**200", "cancels out"),  # about 5e-201, of numbers of 201 digits
        ("round(1, 51)", "places"),
        ("round(1, sqrt(2))", "places"),
        ("gcd(1.5, 2)", "whole numbers"),
        ("abs(1, 2)", "takes 1 numbers, got 2"),
        ("", "at the end"),
        ("1 +", "at the end"),
        ("1 2", "unexpected '2'"),
        ("2(3)", "unexpected '('"),
        ("1,234", "unexpected ','"),
        ("(1", "not closed"),
        ("1)", "unexpected ')'"),
        ("()", "got ')'"),
        ("2^3", "written **"),
        ("x", "no function 'x'"),
        ("sqr(4)", "did you mean 'sqrt'"),
        ("sqrt 4", "a bracket must follow sqrt"),
        ("__import__('os').system('true')", "unexpected character"),
        ("１+１", "unexpected character"),
        ("\ud800", "unexpected character"),
        ("(" * 51 + "1" + ")" * 51, "nested 50 deep"),
        ("2**" * 60 + "1", "nested 50 deep"),
        ("sqrt(" * 60 + "2" + ")" * 60, "nested 50 deep"),
        ("1+" * 500_000 + "1", f"may have {MAX_CHARS:,} characters"),
    ],
)
def test_what_is_refused_says_why(expression: str, told: str) -> None:
    with pytest.raises(ToolError) as refused:
        Calculator().calculator(expression)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 200


def test_the_deepest_and_the_longest_that_is_allowed() -> None:
    assert answer("(" * 50 + "1" + ")" * 50) == "1"
    assert answer("-" * (MAX_CHARS - 1) + "1") == "-1"  # 1,999 signs
    assert answer("1+" * (MAX_CHARS // 2 - 1) + "12") == str(MAX_CHARS // 2 - 1 + 12)


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "factorial(600)*factorial(600)",
        "comb(10**599, 3000)",
        "+".join(f"1/{n}" for n in range(1, 250)),
        "(sqrt(2)+sqrt(3))**1900",
        "*".join(["sqrt(3)"] * 200),
        "(" * 50 + "sqrt(2" + "+1)" + ")**7" * 40,
    ],
)
def test_nothing_takes_long(expression: str) -> None:
    started = time.process_time()
    answer(expression)
    assert time.process_time() - started < 0.5


# --- Properties --------------------------------------------------------------------------------------------------

Pair = tuple[str, Fraction]


def joined(parts: tuple[Pair, str, Pair]) -> Pair:
    """An expression of two in brackets, with its value by `Fraction`."""
    (left, a), operator, (right, b) = parts
    if operator in ("/", "//", "%") and not b:
        operator = "+"
    value = {"+": a + b, "-": a - b, "*": a * b}.get(operator)
    if value is None:
        value = {"/": lambda: a / b, "//": lambda: Fraction(a // b), "%": lambda: a % b}[operator]()
    return f"({left}){operator}({right})", value


leaves: st.SearchStrategy[Pair] = st.one_of(
    st.integers(-999, 999).map(lambda n: (str(n), Fraction(n))),
    st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda p: (f"{p[0]}.{p[1]:02}", p[0] + Fraction(p[1], 100))),
)
operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
expressions = st.recursive(leaves, lambda inner: st.tuples(inner, operators, inner).map(joined), max_leaves=12)


@given(expressions)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_rational_arithmetic_is_that_of_fractions(pair: Pair) -> None:
    text, value = pair
    assert compute(text)[0] == value
    plain = answer(text).partition(" ")[0]
    assert Fraction(plain) == value


@given(st.fractions(min_value=0, max_value=10**12), st.integers(0, 5), st.fractions(-50, 50))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_root_lies_between_its_ends_whatever_is_done_with_it(square: Fraction, n: int, more: Fraction) -> None:
    root = exact.square_root(square)
    low, high = root if isinstance(root, Between) else (root, root)
    assert low * low <= square <= high * high
    again = exact.multiply(root, root)
    low, high = again if isinstance(again, Between) else (again, again)
    assert low <= square <= high
    moved = exact.subtract(exact.add(exact.checked(root), more), more)
    other = exact.power(exact.checked(moved), Fraction(2 * n))
    low, high = other if isinstance(other, Between) else (other, other)
    assert low <= square**n <= high


@given(st.text(alphabet="0123456789.+-*/%()eE, sqrtmaxincbflogÿ×\x00\n²", max_size=40))
@example("9" * 600 + "**2")
@settings(max_examples=500, deadline=None, derandomize=True)
def test_any_text_is_a_number_or_an_error(text: str) -> None:
    result = Toolbox({"calculator": Calculator()}).call(ToolCall("calculator", {"expression": text}))
    assert result.text
    assert result.error in ("", "tool_error")


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_unicode_is_a_number_or_an_error(text: str) -> None:
    result = Toolbox({"calculator": Calculator()}).call(ToolCall("calculator", {"expression": text}))
    assert result.error in ("", "tool_error")


# --- Settings ----------------------------------------------------------------------------------------------------


def test_a_limit_on_operations_counts_operators_and_functions() -> None:
    one = Calculator(max_operations=1)
    assert one.calculator("-12 * (34)") == "-408"
    assert one.calculator("sqrt(16)") == "4"
    with pytest.raises(ToolError, match="may have 1 operation, this one has 2"):
        one.calculator("12*34+56")
    with pytest.raises(ToolError, match="may have 1 operation, this one has 2"):
        one.calculator("sqrt(4)+1")
    with pytest.raises(ConfigError, match="max_operations"):
        Calculator(max_operations=0)


def test_limits_of_the_caller_are_those_of_the_tool() -> None:
    [one] = Calculator(limits=Limits(max_calls=1, cost=0.5)).tools()
    assert one.limits == Limits(max_calls=1, cost=0.5)
    box = Toolbox({"calculator": Calculator(limits=one.limits)})
    results = [box.call(ToolCall("calculator", {"expression": "1+1"})) for _ in range(2)]
    assert [(result.text[:1], result.error, result.cost) for result in results] == [
        ("2", "", 0.5),
        ("c", "budget", 0.0),
    ]
