"""Reading one number: agrees with Python's own arithmetic, refuses everything that is not exactly one number."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.numerals import MAX_DIGITS, Quantity, Refusal, read_number, read_quantity

examples = settings(max_examples=150, deadline=None, derandomize=True)


READ = {
    "007": 7,
    "-7": -7,
    "- 7": -7,
    "+7": 7,
    "−7": -7,
    "７": 7,
    "٧": 7,
    "7.": 7,
    "7.0": 7,
    ".5": Fraction(1, 2),
    "1e3": 1000,
    "1.5E-1": Fraction(3, 20),
    "1,234": 1234,
    "1,234,567.5": Fraction(2469135, 2),
    "1{,}234": 1234,
    r"1\,234\,567": 1234567,
    r"10,\!000": 10000,
    "3/4": Fraction(3, 4),
    "-3 / 4": Fraction(-3, 4),
    "1 1/2": Fraction(3, 2),
    "-1 1/2": Fraction(-3, 2),
    r"\frac{3}{4}": Fraction(3, 4),
    r"-\frac{3}{4}": Fraction(-3, 4),
    r"\frac{-3}{4}": Fraction(-3, 4),
    r"\dfrac34": Fraction(3, 4),
    r"\tfrac{3}4": Fraction(3, 4),
    r"\frac{1,000}{3}": Fraction(1000, 3),
    r"1\frac{1}{2}": Fraction(3, 2),
    r"1 \frac12": Fraction(3, 2),
    "$18": 18,
    "-$18": -18,
    "$-18": -18,
    "$18$": 18,
    r"\$1,234.50": Fraction(2469, 2),
    r"\(18\)": 18,
    r"\text{18}": 18,
    "**18**": 18,
    "x = 18": 18,
    "18 apples": 18,
    "18.5kg": Fraction(37, 2),
    "18 m/s": 18,
    "18 cm^2": 18,
    r"18\text{ cm}^{2}": 18,
    r"18~\mathrm{cm}^3": 18,
    r"18^\circ": 18,
    r"18^{\circ}\text{C}": 18,
    "$18/hour": 18,
    r"\displaystyle 18": 18,
}
UNITS = {
    "18": "",
    "$18": "",
    "18%": "%",
    "18 percent": "%",
    "18 apples": "apple",
    "18 apple": "apple",
    "18 Dollars": "$",
    "18$": "$",
    r"18\text{ cm}^2": "cm²",
    "18 cm²": "cm²",
    "18 cm": "cm",
    "18 m": "m",
    "18°": "°",
    "18 degrees": "°",
}
# What must not be read as a number, each with the reading that a careless reader gives.
ATTACKS = {
    "or": ("5 or 7", 5),
    "and": ("5 and 7", 5),
    "comma list": ("5, 7", 5),
    "range": ("5-7", 5),
    "range with an en dash": ("5–7", 5),
    "plus or minus": (r"5 \pm 7", 5),
    "chain of equations": ("5=7", 5),
    "words for a second number": ("5 (seven)", 5),
    "maybe": ("5 maybe", 5),
    "power": ("5^2", 5),
    "power in braces": ("5^{2}", 5),
    "superscript": ("5²", 5),
    "two superscripts read as a unit": ("5¹⁰", 5),
    "vulgar fraction": ("5½", 5),
    "vulgar fraction later on": ("5 cups ½", 5),
    "Chinese magnitude": ("5 千万元", 5),
    "Python power with its stars removed": ("5**2", 52),
    "brackets removed": (r"5\(2\)", 52),
    "text group removed": (r"5\text{2}", 52),
    "dollar inside": ("5$2", 52),
    "space": ("5 2", 52),
    "thin space": (r"5\,2", 52),
    "narrow space between four digits": (r"1\,2345", 12345),
    "fraction joined to a digit after it": (r"\frac{1}{2}3", Fraction(1, 23)),
    "LaTeX reads one digit": (r"\frac123", Fraction(1, 23)),
    "fraction joined to a point before it": (r"5.\frac{1}{2}", Fraction(51, 20)),
    "fraction joined to a comma before it": (r"1,\frac{200}{1}", 1200),
    "two fractions": (r"\frac12\frac34", Fraction(1, 2)),
    "decimal comma": ("1,5", 15),
    "decimal comma with three places": ("0,005", 5),
    "wrong groups": ("1,23,456", 1),
    "points as groups": ("1.234.567", Fraction(1234, 1000)),
    "variable": ("5x", 5),
    "variable after a space": ("5 x", 5),
    "two variables": ("5xy", 5),
    "two variables after a space": ("5 xy", 5),
    "three variables": ("5xyz", 5),
    "variable with a power": ("5x²", 5),
    "over two variables": (r"\frac{5}{xy}", 5),
    "over a variable": ("5/x", 5),
    "minus a letter that is a unit": ("5 - m", 5),
    "minus a word": ("5 - cost", 5),
    "minus between letters": ("5 m - n", 5),
    "imaginary": ("5i", 5),
    "times e": ("5 e", 5),
    "times pi": (r"5\pi", 5),
    "times pi in letters": ("5 pi", 5),
    "times a root": (r"5\sqrt{2}", 5),
    "factorial": ("5!", 5),
    "base": ("101_2", 101),
    "residue": (r"5 \pmod 7", 5),
    "million": ("5 million", 5),
    "tenths": ("5 tenths", 5),
    "hundredths": ("5 hundredths", 5),
    "lakh": ("5 lakh", 5),
    "dozen": ("5 dozen", 5),
    "letter for a thousand": ("5k", 5),
    "letter for a million": ("5 M", 5),
    "repeating decimal": (r"0.\overline{3}", Fraction(3, 10)),
    "dots": ("0.333...", Fraction(333, 1000)),
    "about": ("~5", 5),
    "about in words": ("about 5", 5),
    "less than": ("< 5", 5),
    "double minus": ("--5", 5),
    "time": ("5:30", 5),
    "brackets": ("(5)", 5),
    "division by zero": ("5/0", 5),
    "not a mixed number": ("5 7/2", 5),
    "command eaten in part": (r"5\leftarrow", 5),
    "zero width space": ("5\u200b7", 57),
    "NUL": ("5\x007", 57),
    "surrogate": ("5\ud800", 5),
    "infinity": ("inf", 0),
    "not a number": ("nan", 0),
    "nothing": ("", 0),
}


@pytest.mark.parametrize(("text", "value"), READ.items(), ids=READ)
def test_one_number_is_read_exactly(text: str, value: int | Fraction) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize(("text", "unit"), UNITS.items(), ids=UNITS)
def test_units_have_one_spelling(text: str, unit: str) -> None:
    assert read_quantity(text) == Quantity(18, unit)


@pytest.mark.parametrize(("text", "careless"), ATTACKS.values(), ids=ATTACKS)
def test_what_is_not_one_number_is_refused(text: str, careless: int | Fraction) -> None:
    assert isinstance(read_number(text), Refusal), f"read as {read_number(text)}, the careless reading is {careless}"


def test_units_and_variables_must_agree_where_both_are_given() -> None:
    assert not Quantity(2, "", "x").answers(Quantity(2, "", "y"))
    assert not Quantity(2, "cm").answers(Quantity(2, "m"))
    assert Quantity(2, "cm", "x").answers(Quantity(2))
    assert Quantity(2).answers(Quantity(2, "cm", "x"))
    assert not Quantity(2, "cm").answers(Quantity(3, "cm"))


@pytest.mark.parametrize(
    "text",
    ["9" * (MAX_DIGITS + 1), "1e601", "1e-601", "1e999999", "0." + "3" * 700, f"{'9' * 601}/7", "7/1e700"],
    ids=lambda text: text[:12],
)
def test_too_many_digits_are_refused(text: str) -> None:
    refusal = read_number(text)
    assert isinstance(refusal, Refusal)
    assert (refusal.status.value, refusal.reason.code) == ("limit_exceeded", "too_many_digits")


def test_the_longest_numbers_are_read() -> None:
    assert read_number("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert read_number("1e599") == 10**599


def test_the_digit_limit_of_the_interpreter_is_never_met() -> None:
    # 640 is the lowest limit that Python accepts.
    code = (
        "from rlvr_gym.verifiers import make_verifier as make\n"
        "for n in (599, 600, 601, 700, 5000):\n"
        "    for text in ('9' * n, '-' + '9' * n, '9' * n + '.5', '1/' + '9' * n, f'1e{n}', '0.' + '9' * n):\n"
        "        make('number@1').verify('#### ' + text, '9' * n)\n"
        "        make('math@1').verify('\\\\boxed{' + text + '}', '9' * n)\n"
        "        make('countdown@1').verify(text, {'numbers': [9], 'target': 10**599})\n"
        "        make('number@1').verify('#### 5', 10**n)\n"
        "        make('math@1').verify('\\\\boxed{5}', 10**n)\n"
        "        make('countdown@1').verify('9', {'numbers': [9], 'target': 10**n})\n"
        "product = '*'.join(['9' * 15] * 60)\n"
        "make('countdown@1').verify(product, {'numbers': [10**15 - 1] * 60, 'target': 7})\n"
    )
    done = subprocess.run([sys.executable, "-X", "int_max_str_digits=640", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- Against Python's own numbers -----------------------------------------------------------------------------------

integers = st.integers(-(10**40), 10**40)


@examples
@given(integers)
def test_every_integer_is_read_in_every_format(n: int) -> None:
    for text in (str(n), f"{n:,}", f"{n:+d}", f"{n}.000", f"${n:,}", f" {n} ", f"{n:,}".replace(",", "{,}")):
        assert read_number(text) == n, text


@examples
@given(integers, st.integers(1, 10**20))
def test_every_fraction_is_read_in_every_format(p: int, q: int) -> None:
    value = Fraction(p, q)
    for text in (f"{p}/{q}", f"{p} / {q}", rf"\frac{{{p}}}{{{q}}}", rf"\dfrac{{{p}}}{{{q}}}"):
        assert read_number(text) == value, text


@examples
@given(st.integers(0, 10**9), st.integers(1, 999), st.integers(2, 1000))
def test_every_mixed_number_is_read(whole: int, p: int, q: int) -> None:
    expected = whole + Fraction(p, q)
    for text in (f"{whole} {p}/{q}", rf"{whole}\frac{{{p}}}{{{q}}}"):
        number = read_number(text)
        assert number == expected if p < q else isinstance(number, Refusal), text


@examples
@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12))
def test_every_decimal_is_read_exactly(d: Decimal) -> None:
    for text in (format(d, "f"), format(d, ",f"), format(d, "e")):
        assert read_number(text) == Fraction(d), text


@examples
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_as_its_shortest_decimal(x: float) -> None:
    assert read_number(repr(x)) == Fraction(repr(x))


@examples
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_reading_is_total(text: str) -> None:
    assert isinstance(read_quantity(text), Quantity | Refusal)


TOKENS = [
    *"0257",
    "000",
    ".",
    ",",
    "/",
    " ",
    "{",
    "}",
    "-",
    "+",
    "x",
    "=",
    "(",
    ")",
    "!",
    "~",
    "$",
    "%",
    "**",
    "²",
    "½",
]
TOKENS += [r"\frac", r"\,", r"\!", "{,}", r"\(", r"\)", r"\text{", r"\left", r"\pi", "^{2}", "_", "e", "cm", " apples"]


@examples
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=8).map("".join))
def test_digits_are_never_joined(text: str) -> None:
    """Of a text with two groups of digits, one number is read only through a sign that joins them."""
    quantity = read_quantity(text)
    if isinstance(quantity, Refusal):
        return
    joiners = (
        r"(?:[.,/]|\{,\}|\\[,!]|,\\!|\s+(?=\d+\s*/)|[eE][+-]?|\s*/\s*|\}\s*\{|(?<=frac)\d(?=\d)|\s*\\frac\s*\{?\s*)"
    )
    bare = re.sub(r"(?:cm| apples?)\s*\^\{2\}", "", text)  # a power of a unit is no digit of the number
    if r"\frac" not in bare:
        groups = re.findall(r"\d+", bare)
        chain = re.search(rf"\d+(?:\s*{joiners}\s*\d+)*", bare)
        assert groups == [] or (chain is not None and re.findall(r"\d+", chain[0]) == groups), text
