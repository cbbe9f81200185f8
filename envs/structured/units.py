"""`rlvr/UnitConversion-v0`: quantities in other units, computed exactly and rounded as asked."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.structured.unit_formulas import COMPOUND, SIMPLE, TEMPERATURES, THREE, TWO
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.structured.quantity import last_place
from rlvr_gym.verifiers.structured.quantity_units import UNITS, factor_of, parse_unit


class Problem(NamedTuple):
    """What is asked, without its last sentence.

    Args:
        text: The question in words.
        short: The same as a product of quantities.
        units: The units in it.
        value: The exact value that is asked for.
        unit: Its unit.
    """

    text: str
    short: str
    units: tuple[str, ...]
    value: Fraction
    unit: str


class UnitConversionTaskSet(ProceduralTaskSet[Problem]):
    """Quantities and units.

    Args:
        depth: 1: units of one dimension, and temperatures; 2: units made of several, such as speeds and densities; 3:
            two quantities that are multiplied or divided; 4: three of them.
        figures: Significant figures of the answer, 2 to 8.
        digits: Digits of a given number, 1 to 6.
        **common: See `ProceduralTaskSet`; compact problems look like `72km/h*45min:mi,4=`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(self, *, depth: int = 2, figures: int = 4, digits: int = 4, **common: Unpack[Common]) -> None:
        self._depth = check_int("depth", depth, 1, 4)
        self._figures = check_int("figures", figures, 2, 8)
        self._digits = check_int("digits", digits, 1, 6)
        super().__init__("UnitConversion", **common)
        self._difficulty = {"depth": depth, "figures": figures}

    def draw(self, rng: TaskRandom) -> Problem:
        """See `ProceduralTaskSet.draw`."""
        if self._depth == 1 and rng.below(5) == 0:
            return _temperature(rng, self._digits)
        if self._depth < 3:
            return _conversion(rng, self._depth, self._digits)
        return _computed(rng, self._depth, self._digits)

    def split_key(self, problem: Problem) -> str:
        """The quantities, whatever unit is asked for."""
        return problem.short

    def make(self, problem: Problem) -> Task:
        """See `ProceduralTaskSet.make`."""
        answer = f"{_rounded(problem.value, self._figures)} {problem.unit}"
        reference = {"value": str(problem.value), "unit": problem.unit, "figures": self._figures}
        if self.style == "compact":
            prompt, solution = f"{problem.short}:{problem.unit},{self._figures}=", answer
            prompt, solution = (text.replace("°", "") for text in (prompt, solution))
        else:
            known = _definitions((*problem.units, problem.unit))
            prompt = (
                f"{problem.text} Answer in {problem.unit}, rounded to {self._figures} significant figures.\n"
                f"{known}Give number and unit as <answer>number unit</answer>."
            )
            solution = f"<answer>{answer}</answer>"
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)


class UnitConversionEnv(ProceduralEnv):
    """Convert and compute quantities; verified with `quantity@1`. Knobs: those of `UnitConversionTaskSet`.

    Example:
        >>> env = UnitConversionEnv(style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '6579gal/min:ft^3/h,4='
        >>> env.step(env.task.solution)[4]["passed"]
        True
    """

    card = Card(
        family="structured",
        answer_format="A number and its unit in `<answer>` tags, a box or after `####`; that alone in style=compact.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="the given number, also times a power of ten, with the unit that is asked for is never right in "
        "1,000 default tasks, and no answer is that of more than two of them",
        distinct=10**6,
        levels=(
            {"depth": 1, "figures": 3, "digits": 2},
            {"depth": 1, "digits": 3},
            {"depth": 2},
            {"depth": 3},
            {"depth": 4, "figures": 5},
            {"depth": 4, "figures": 6, "digits": 5},
        ),
    )

    taskset_class = UnitConversionTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("quantity@1", **compact_markers(style))


def _number(rng: TaskRandom, digits: int) -> str:
    """A number of so many digits, its last one not 0, with the point anywhere behind its first digit."""
    number = str(10 ** (digits - 1) + rng.below(9 * 10 ** (digits - 1)))
    number = number[:-1] + str(1 + rng.below(9))
    place = rng.between(1, digits)
    return number if place == digits else f"{number[:place]}.{number[place:]}"


def _temperature(rng: TaskRandom, digits: int) -> Problem:
    """A temperature, or a difference of temperatures, for which the beginnings of the scales do not count."""
    number, given = _number(rng, digits), rng.choice(TEMPERATURES)
    asked = rng.choice([unit for unit in TEMPERATURES if unit != given])
    one, other = UNITS[given], UNITS[asked]
    if rng.below(3):
        value = (Fraction(number) * one.factor + one.offset - other.offset) / other.factor
        return Problem(f"What is a temperature of {number} {given}?", f"T{number}{given}", (given,), value, asked)
    value = Fraction(number) * one.factor / other.factor
    text = f"Something gets warmer by {number} {given}. How much is that difference?"
    return Problem(text, f"dT{number}{given}", (given,), value, asked)


def _conversion(rng: TaskRandom, depth: int, digits: int) -> Problem:
    units = rng.choice(SIMPLE if depth == 1 else COMPOUND)
    number, given = _number(rng, digits), rng.choice(units)
    ratios = {unit: factor_of(parse_unit(given)) / factor_of(parse_unit(unit)) for unit in units if unit != given}
    asked = rng.choice([unit for unit, ratio in ratios.items() if not _is_power_of_ten(ratio)])
    value = Fraction(number) * ratios[asked]
    return Problem(f"Convert {number} {given}.", number + given, (given,), value, asked)


def _is_power_of_ten(ratio: Fraction) -> bool:
    """Whether the digits of a number stay as they are."""
    return {str(ratio.numerator).rstrip("0"), str(ratio.denominator).rstrip("0")} == {"1"}


def _computed(rng: TaskRandom, depth: int, digits: int) -> Problem:
    formula = rng.choice(TWO if depth == 3 else THREE)
    value, given, short, used = Fraction(1), list[str](), "", list[str]()
    for units, exponent in formula.terms:
        number, unit = _number(rng, digits), rng.choice(units)
        value *= (Fraction(number) * factor_of(parse_unit(unit))) ** exponent
        short += f"{'*' if exponent > 0 else '/'}{number}[{unit}]"
        given.append(f"{number} {unit}")
        used.append(unit)
    asked = rng.choice(formula.result)
    value /= factor_of(parse_unit(asked))
    return Problem(formula.text.format(*given), short[1:], tuple(used), value, asked)


def _definitions(units: tuple[str, ...]) -> str:
    """What units are worth that are not plain: those of the question and no others."""
    symbols = dict.fromkeys(symbol for unit in units for symbol, _ in parse_unit(unit))
    known = [UNITS[symbol].definition for symbol in symbols if UNITS[symbol].definition]
    if "°F" in symbols:
        known.append("0 °C = 32 °F, and 5 °C more is 9 °F more")
    if "K" in symbols:
        known.append("0 °C = 273.15 K")
    return f"Take {'; '.join(known)}.\n" if known else ""


def _rounded(value: Fraction, figures: int) -> str:
    """A value to so many significant figures, as a decimal without an exponent."""
    if not value:
        return "0"
    place = last_place(value, figures)
    return format(Decimal(round(value / place)) * (Decimal(place.numerator) / Decimal(place.denominator)), "f")
