"""`rlvr/UnitConversion-v0` and `quantity@1`: by definitions and arithmetic of their own."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.structured.unit_formulas import COMPOUND, SIMPLE, THREE, TWO
from rlvr_gym.envs.structured.units import UnitConversionEnv, UnitConversionTaskSet
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier
from rlvr_gym.verifiers.structured.quantity_units import UNITS, UnitError, dimension_of, parse_unit

INCH = Fraction("0.0254")
FOOT, MILE = 12 * INCH, 5280 * 12 * INCH
GALLON = 231 * INCH**3
POUND = 7000 * Fraction("0.00006479891")  # of 7,000 grains
# What each unit is worth, by other definitions than those of the table where there are any.
WORTH: dict[str, Fraction] = {
    **{"m": Fraction(1), "km": Fraction(1000), "cm": Fraction(1, 100), "mm": Fraction(1, 1000), "in": INCH, "ft": FOOT},
    **{"yd": 3 * FOOT, "mi": MILE, "nmi": Fraction(1852), "ha": Fraction(100**2), "acre": 43_560 * FOOT**2},
    **{"kg": Fraction(1), "g": Fraction(1, 1000), "mg": Fraction(1, 10**6), "t": Fraction(1000), "lb": POUND},
    **{"oz": POUND / 16, "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(24 * 3600)},
    **{"L": Fraction(1, 10) ** 3, "mL": Fraction(1, 100) ** 3, "gal": GALLON, "pt": GALLON / 8},
    **{"J": Fraction(1), "kJ": Fraction(1000), "Wh": Fraction(3600), "kWh": Fraction(3600 * 1000)},
    **{"kcal": Fraction("4.184") * 1000, "W": Fraction(1), "kW": Fraction(1000), "Pa": Fraction(1)},
    **{"kPa": Fraction(1000), "bar": Fraction(10**5), "atm": Fraction(760 * 101_325, 760), "N": Fraction(1)},
    **{"kN": Fraction(1000), "B": Fraction(8), "MB": Fraction(8 * 10**6), "GB": Fraction(8 * 10**9)},
    **{"MiB": Fraction(8 * 2**20), "Mbit": Fraction(10**6), "K": Fraction(1), "°C": Fraction(1), "°F": Fraction(5, 9)},
}


def worth(unit: str) -> Fraction:
    """Of a unit such as `kg/m^3`, read by a reader of its own."""
    over, *under = unit.split("/")
    total = Fraction(1)
    for text, sign in ((over, 1), *((part, -1) for part in under)):
        name, _, power = text.partition("^")
        total *= WORTH[name] ** (sign * int(power or 1))
    return total


def celsius(value: Fraction, unit: str) -> Fraction:
    return {"°C": value, "K": value - Fraction("273.15"), "°F": (value - 32) * 5 / 9}[unit]


def expected(short: str, asked: str) -> Fraction:
    """The value of a problem in short."""
    if match := re.fullmatch(r"(d?)T([\d.]+)(.*)", short):
        value = Fraction(match[2])
        if match[1]:
            return value * worth(match[3]) / worth(asked)
        degrees = celsius(value, match[3])
        return {"°C": degrees, "K": degrees + Fraction("273.15"), "°F": degrees * 9 / 5 + 32}[asked]
    total = Fraction(1)
    for sign, number, bracketed, plain in re.findall(r"([*/]?)([\d.]+)(?:\[(.*?)\]|([A-Za-z°].*))", short):
        value = Fraction(number) * worth(bracketed or plain)
        total = total / value if sign == "/" else total * value
    return total / worth(asked)


def test_every_unit_is_worth_what_its_definition_says() -> None:
    assert set(WORTH) == set(UNITS)
    assert {symbol: unit.factor for symbol, unit in UNITS.items()} == WORTH


def test_units_of_a_formula_have_the_dimension_of_the_result() -> None:
    for group in SIMPLE + COMPOUND:
        assert len({dimension_of(parse_unit(unit)) for unit in group}) == 1, group
    for formula in TWO + THREE:
        total: Counter[str] = Counter()
        for units, exponent in formula.terms:
            assert len({dimension_of(parse_unit(unit)) for unit in units}) == 1, units
            for base, power in dimension_of(parse_unit(units[0])):
                total[base] += power * exponent
        wanted = tuple(sorted((base, power) for base, power in total.items() if power))
        assert {dimension_of(parse_unit(unit)) for unit in formula.result} == {wanted}, formula


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_values_are_those_of_other_definitions(depth: int) -> None:
    tasks = UnitConversionTaskSet(depth=depth)
    for index in range(100):
        found = tasks._problem(index)
        assert found.value == expected(found.short, found.unit), found


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_question_holds_the_quantities_and_the_definitions(depth: int) -> None:
    tasks = UnitConversionTaskSet(depth=depth)
    for index in range(40):
        found, prompt = tasks._problem(index), tasks[index].prompt
        for number, unit in re.findall(r"([\d.]+)\[(.*?)\]", found.short):
            assert f"{number} {unit}" in prompt
        symbols = {symbol for unit in (*found.units, found.unit) for symbol, _ in parse_unit(unit)}
        for symbol in symbols:
            assert UNITS[symbol].definition in prompt
        for one, other in re.findall(r"1 (\w+) = ([\d.]+ \w+(?:\^2)?)", prompt):
            number, unit = other.split()
            assert worth(one) == Fraction(number) * worth(unit)


@pytest.mark.parametrize("level", range(6))
def test_every_level_is_solved_by_its_solutions(level: int) -> None:
    for style in ("question", "compact"):
        env = UnitConversionEnv(level=level, style=style)
        for index in range(40):
            env.reset(options={"task_index": index})
            assert env.step(str(env.task.solution))[4]["passed"]
            assert style == "question" or env.task.prompt.isascii()


def test_blind_answers_earn_nothing() -> None:
    """The number that is given with the unit that is asked for, and powers of ten of it."""
    tasks, verifier, passed = UnitConversionTaskSet(), make_verifier("quantity@1"), 0
    for index in range(300):
        found, reference = tasks._problem(index), tasks[index].reference
        number = re.match(r"[\d.]+", found.short)
        assert number
        for guess in (number[0], f"{number[0]}e3", f"{number[0]}e-3", "1", "1000"):
            passed += verifier.verify(f"<answer>{guess} {found.unit}</answer>", reference).passed
    assert passed <= 2


@pytest.mark.parametrize("knobs", [{"depth": 0}, {"depth": 5}, {"figures": 1}, {"digits": 0}, {"digits": 7}])
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        UnitConversionTaskSet(**knobs)


# --- The verifier ---------------------------------------------------------------------------------------------------


def verdict(text: str, value: str = "125/9", unit: str = "m/s", figures: int = 4) -> Verdict:
    reference = {"value": value, "unit": unit, "figures": figures}
    return make_verifier("quantity@1").verify(f"<answer>{text}</answer>", reference)


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("m/s/s", {"m": 1, "s": -2}),
        ("meters per second squared", {"m": 1, "s": -2}),
        ("kg m^2 s^-3", {"kg": 1, "m": 2, "s": -3}),
        ("kg·m²·s⁻³", {"kg": 1, "m": 2, "s": -3}),
        ("pounds per cubic foot", {"lb": 1, "ft": -3}),
        ("mph", {"mi": 1, "h": -1}),
        ("L per 100 km", None),
        ("kW h", {"kW": 1, "h": 1}),
        ("square meters", {"m": 2}),
        ("m^0", None),
        ("m/", None),
        ("/s", {"s": -1}),
        ("^2", None),
        ("foo", None),
        ("m or ft", None),
        ("", None),
    ],
)
def test_units_are_read(text: str, factors: dict[str, int] | None) -> None:
    if factors is None:
        with pytest.raises(UnitError):
            parse_unit(text)
    else:
        assert dict(parse_unit(text)) == factors


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.fractions(Fraction(1, 10**6), 10**9, max_denominator=10**6), st.integers(1, 8))
def test_the_rounded_value_passes_and_its_neighbours_do_not(value: Fraction, figures: int) -> None:
    rounded = Decimal(f"{Decimal(value.numerator) / Decimal(value.denominator):.{figures - 1}e}")
    step = Decimal((0, (1,), rounded.adjusted() - figures + 1))
    exact = f"{value.numerator}/{value.denominator}"
    assert verdict(f"{rounded:e} m/s", exact, figures=figures).passed
    for other in (rounded + 2 * step, rounded - 2 * step, rounded + step / 4):
        assert not verdict(f"{other:e} m/s", exact, figures=figures).passed


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("0123456789.,-+−e×^/ kmhs°Cµ²·per{}"), max_size=25))
def test_any_text_is_judged(text: str) -> None:
    assert verdict(text).gradable


def test_both_neighbours_of_a_middle_are_right() -> None:
    assert [verdict(f"{text} m/s", "2.5", figures=1).passed for text in ("2", "3", "2.5", "1")] == [
        True,
        True,
        False,
        False,
    ]


def test_more_figures_than_asked_for_are_refused() -> None:
    """A blind spot."""
    assert verdict("13.8889 m/s").reason.code == "different"


def test_an_equal_unit_in_other_words_is_wrong() -> None:
    """A blind spot."""
    assert verdict("5 kg m/s^2", "5", "N").reason.code == "wrong_unit"
    assert verdict("5 furlongs", "5", "N").reason.code == "unknown_unit"


def test_zeros_at_the_end_are_not_counted() -> None:
    """A blind spot."""
    assert verdict("13.9 m/s", "13.9").passed
