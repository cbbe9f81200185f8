"""How text becomes a tree: notations that mean the same, notations that do not, what is refused, the caps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.math.answer import number_in_words, read, unwrap
from rlvr_gym.verifiers.math.explain import render
from rlvr_gym.verifiers.math.lexer import to_ascii, tokenize
from rlvr_gym.verifiers.math.parser import parse
from rlvr_gym.verifiers.math.tree import MAX_DEPTH, MAX_TREE_DEPTH, Node, NotMath, TooLarge
from rlvr_gym.verifiers.math.units import unit

examples = settings(max_examples=300, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        (r"\frac12", "1/2"),
        (r"\frac{1}{2}x", "1/2*x"),
        ("1/2x", "1/2*x"),
        ("√12", "root(12, 2)"),
        (r"\sqrt[3]{x}", "root(x, 3)"),
        (r"2\frac{1}{3}", "7/3"),
        ("2 1/3", "7/3"),
        (r"-2\frac{1}{3}", "-7/3"),
        (r"2\frac{5}{3}", "2*5/3"),
        (r"\sin 2x", "sin(2*x)"),
        (r"\sin x \cos x", "sin(x)*cos(x)"),
        (r"\sin^2 x", "sin(x)^2"),
        (r"\sin^{-1} x", "arcsin(x)"),
        (r"\sin(x)y", "sin(x)*y"),
        (r"\ln x/2", "ln(x)/2"),
        (r"\log_2 8", "log(8, 2)"),
        ("x(x-7)", "x*(x - 7)"),
        ("f(x+1)", "f(x + 1)"),
        ("I(0)", "I(0)"),
        ("ab", "a*b"),
        ("-x^2", "-x^2"),
        ("2^3^2", "2^(3^2)"),
        ("x^-2", "x^(-2)"),
        ("x²", "x^2"),
        ("5²", "5^2"),
        ("x_1^2", "x_1^2"),
        ("C_5^2", "binom(5, 2)"),
        ("c_5^2", "c_5^2"),
        (r"\binom{5}{2}", "binom(5, 2)"),
        ("|x|", "abs(x)"),
        (r"2|x-1|", "2*abs(x - 1)"),
        (r"\lvert x\rvert", "abs(x)"),
        (r"\frac{dy}{dx}", "dy/dx"),
        ("n!", "fact(n)"),
        ("12 !", "fact(12)"),
        (r"45^\circ", "deg(45)"),
        (r"0.1\overline{6}", "1/6"),
        ("1.5e3", "1500"),
        ("a<b\\le c", "a < b <= c"),
        (r"x\in[1,2)", "x in [1, 2)"),
        (r"\left(1,2\right]", "(1, 2]"),
        ("(2,251,252)", "(2, 251, 252)"),
        (r"\{1,2\}", "{1, 2}"),
    ],
)
def test_a_notation_is_read(text: str, reading: str) -> None:
    assert render(parse(to_ascii(text))) == reading


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 2",
        r"\frac123",
        r"\sqrt12",
        "3{2}",
        r"\frac{3}{4}2",
        r"1\,2",
        "1$2",
        r"1\(2\)",
        "(1",
        "1)",
        "x^",
        r"\frac{1}",
        "2+",
        r"\unknown x",
        "1..2",
        "{1",
        r"\left(",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(NotMath):
        parse(text)


@pytest.mark.parametrize(
    "text", ["(" * 300 + "x" + ")" * 300, "x" + "/2" * 1000, "x" + "!" * 300, "9" * 601, "x+" * 4000]
)
def test_the_caps(text: str) -> None:
    with pytest.raises((TooLarge, NotMath)):
        parse(text)
    assert MAX_DEPTH < MAX_TREE_DEPTH


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1,234", ["1234"]),
        ("1{,}234", ["1234"]),
        (r"1,\!234", ["1234"]),
        ("1 234", ["1234"]),
        ("(1,234)", ["(", "1", ",", "234", ")"]),
        ("(1,000)", ["(", "1000", ")"]),
        ("12,34", ["12", ",", "34"]),
        (r"\dfrac12", ["frac", "12"]),
        ("２，３", ["2", ",", "3"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert [token.text for token in tokenize(to_ascii(text))] == tokens


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("$5$", "5"),
        ("**5**", "5"),
        (r"\(5\)", "5"),
        ("The answer is 5.", "5"),
        ("The final answer is: $5$", "5"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\text{The answer is } 7", "7"),
        ("1,2,3...", "1,2,3..."),
        ("$1$ or $2$", "$1$ or $2$"),
    ],
)
def test_wrappers_come_off(text: str, inner: str) -> None:
    assert unwrap(text) == inner


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("5 cm", "qty"),
        ("5cm", "qty"),
        ("5 apples", "qty"),
        ("5 m", "mul"),
        ("2mg", "mul"),
        ("5 or 7", "list"),
        ("5 maybe", "opaque"),
        ("5 million", "mul"),
        (r"5\%", "pct"),
        ("twenty-five", "num"),
        ("(C)", "choice"),
        ("c", "sym"),
        ("Evelyn", "text"),
        (r"\text{no solution}", "text"),
        ("3:45", "time"),
        ("3:4", "ratio"),
        ("FF_{16}", "based"),
        (r"\clubsuit", "opaque"),
        (r"4 \text{ hours } 30 \text{ minutes}", "compound"),
    ],
)
def test_the_top_of_an_answer(text: str, head: str) -> None:
    assert read(text).node.head == head


@pytest.mark.parametrize(
    ("words", "value"),
    [("zero", 0), ("nineteen", 19), ("ninety nine", 99), ("ten five", None), ("twenty ten", None), ("many", None)],
)
def test_numbers_in_words(words: str, value: int | None) -> None:
    node = number_in_words(words.split())
    assert (node.value if node else None) == value


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("km/h", "kilometers per hour", True),
        ("cm^2", "square centimeters", True),
        ("cm^2", "sq cm", True),
        ("mph", "miles per hour", True),
        ("m", "cm", False),
        ("meters squared", "m^2", True),
        ("m/s^2", "m/s", False),
        ("dollars", "$", True),
        ("apples", "apple", True),
    ],
)
def test_units_of_the_same_size(a: str, b: str, same: bool) -> None:
    assert (unit(a) == unit(b)) is same


@pytest.mark.parametrize("text", ["or 7", "plus 3", "half", "cm 5", "m^99", "^2", "cm_2"])
def test_words_that_change_the_number_are_no_units(text: str) -> None:
    with pytest.raises(NotMath):
        unit(text)


ALPHABET = [
    *"0123456789abxyzeiABC+-*/^_=<>(){}[]|,.;:!%'& $\\",
    r"\frac",
    r"\sqrt",
    r"\left(",
    r"\right)",
    r"\text{",
    "cm",
]
soup = st.lists(st.sampled_from(ALPHABET), max_size=25).map("".join)


@examples
@given(soup | st.text(max_size=30))
def test_reading_is_total_and_white_space_says_nothing_at_the_ends(text: str) -> None:
    try:
        node = read(text).node
    except TooLarge:
        return
    assert isinstance(node, Node)
    assert isinstance(render(node), str)
    if text.strip() == text and not text.startswith(("~", "\\")) and not text.endswith("\\"):
        assert read(f"  {text} ").node == node


@examples
@given(soup)
def test_no_digit_is_lost(text: str) -> None:
    """Every digit of a text that is read as one plain number stands in it, in order."""
    node = read(text).node
    if node.head == "num" and isinstance(node.value, int) and not set(text) & set("/^!_.e") and "\\" not in text:
        assert [c for c in str(abs(node.value)) if c != "0"] == [c for c in text if c.isdigit() and c != "0"]
