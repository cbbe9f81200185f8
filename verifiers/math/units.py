"""Units after a number: what they are worth, and whether two of them measure the same.

A unit is a rational factor and a dimension. Words that are no known unit (`apples`) are a dimension of their own.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.verifiers.math.tree import NotMath
from rlvr_gym.verifiers.numerals import NOT_A_UNIT

Dimension = tuple[tuple[str, int], ...]


class Unit(NamedTuple):
    """A factor to base units, and the exponents of the dimensions."""

    factor: Fraction
    dimension: Dimension

    def same_dimension(self, other: Unit) -> bool:
        """Whether values in these units can be compared; labels agree where one contains the words of the other.

        Example:
            >>> unit("cm").same_dimension(unit("mile")), unit("apples").same_dimension(unit("red apple"))
            (True, True)
        """
        if self.dimension == other.dimension:
            return True
        mine, theirs = (_label(u.dimension) for u in (self, other))
        return bool(mine and theirs and (mine <= theirs or theirs <= mine))


_BASE: dict[str, tuple[Fraction | int, str, int]] = {}


def _define(dimension: str, power: int, table: dict[str, str | int | Fraction]) -> None:
    for names, factor in table.items():
        for name in names.split():
            _BASE[name] = (Fraction(factor), dimension, power)


_define("length", 1, {
    "m meter metre": 1, "cm centimeter centimetre": "1/100", "mm millimeter millimetre": "1/1000", "dm": "1/10",
    "km kilometer kilometre": 1000, "nm nanometer": "1/1000000000", "in inch inche": "0.0254", "ft foot feet": "0.3048",
    "yd yard": "0.9144", "mi mile": "1609.344",
})  # fmt: skip
_define("length", 2, {"acre": "4046.8564224", "hectare": 10000})
_define("length", 3, {"gal gallon": "0.003785411784", "qt quart": "0.000946352946", "pt pint": "0.000473176473"})
_define("length", 3, {"l liter litre": "1/1000", "ml milliliter millilitre": "1/1000000"})
_define("mass", 1, {"kg kilogram": 1, "g gram": "1/1000", "mg milligram": "1/1000000",
                    "lb pound": "0.45359237", "oz ounce": "0.028349523125", "tonne": 1000})  # fmt: skip
_define("time", 1, {"s sec second": 1, "ms millisecond": "1/1000", "min minute": 60, "h hr hour": 3600, "d day": 86400,
                    "week wk": 604800, "month": 2629746, "year yr": 31556952})  # fmt: skip
_define("money", 1, {"$ dollar usd buck": 1, "cent ¢": "1/100"})
_define("euro", 1, {"€ euro eur": 1})
_define("pound sterling", 1, {"£ gbp": 1})
_define("yen", 1, {"¥ yen yuan rmb": 1})
_define("frequency", 1, {"hz hertz": 1, "khz": 1000, "mhz": 1000000})
_define("force", 1, {"n newton": 1, "kn": 1000})
_define("energy", 1, {"j joule": 1, "kj": 1000})
_define("power", 1, {"w watt": 1, "kw": 1000})
_define("pressure", 1, {"pa pascal": 1, "kpa": 1000})
_define("amount", 1, {"mol mole": 1})
_define("", 0, {"unit": 1, "rad radian": 1})
_RATES = {"mph": ("mile", "hour"), "kph": ("km", "hour"), "rpm": ("rotation", "minute")}
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_AFTER = {"squared": 2, "cubed": 3}
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_WORDS = re.compile(r"[^\W\d_]+|[$€£¥¢/]|\^\s*-?[0-9]+|.")
_CASED = {"A": "ampere", "V": "volt", "C": "coulomb", "K": "kelvin", "F": "farad", "T": "tesla"}


def unit(text: str) -> Unit:
    """Read a unit.

    Args:
        text: Words, with `/` or `per`, and `^2` after a word.

    Raises:
        NotMath: It holds a word that would change the number (`or`, `million`), or what is no word.

    Example:
        >>> unit("km/h") == unit("kilometers per hour"), unit("cm^2").dimension
        (True, (('length', 2),))
    """
    words = [w for w in _WORDS.findall(text.replace("-", " ").replace("\\", "")) if not w.isspace() and w not in ".,"]
    factor = Fraction(1)
    dimension: dict[str, int] = {}
    labels: list[str] = []
    sign, pending, last = 1, 1, ("", 0, Fraction(1))
    for word in words:
        low = _CASED.get(word, word.lower())
        if low in NOT_A_UNIT - {"over"} and low not in _AFTER:
            raise NotMath(f"{word!r} after a number")
        if low in ("/", "per", "over"):
            sign = -1
        elif low in _POWERS:
            pending = _POWERS[low]
        elif low[0] == "^" or low in _AFTER:
            if low[0] == "^" and len(low) > 4:
                raise NotMath("a unit with a strange power")
            power = _AFTER.get(low) or int(low[1:])
            if not -9 <= power <= 9 or not last[0]:
                raise NotMath("a power after what is no unit")
            name, done, worth = last
            dimension[name] = dimension.get(name, 0) + done * (power - 1)
            factor *= worth ** (power - 1)
        elif not word.isalpha() and word not in "$€£¥¢":
            raise NotMath(f"{word!r} after a number")
        else:
            last = _one(low, sign * pending)
            if last[0][:1] == "~":
                labels.append(last[0][1:])
            dimension[last[0]] = dimension.get(last[0], 0) + last[1]
            factor *= last[2]
            if low in _RATES:
                over = _one(_RATES[low][1], -1)
                dimension[over[0]] = dimension.get(over[0], 0) + over[1]
                factor *= over[2]
            sign, pending = 1, 1
    if labels and sign == 1:
        return Unit(Fraction(1), tuple(sorted((name, 1) for name in dimension)))
    return Unit(factor, tuple(sorted((name, n) for name, n in dimension.items() if n and name)))


def _one(word: str, power: int) -> tuple[str, int, Fraction]:
    """Dimension, exponent and factor of one word."""
    word = _RATES.get(word, (word,))[0]
    known = _BASE.get(word) or _BASE.get(word.removesuffix("s")) or _BASE.get(word.removesuffix("es"))
    if known is None:
        singular = word.removesuffix("s") if len(word) > 3 else word
        return "~" + singular, power, Fraction(1)
    factor, name, exponent = known
    return name, exponent * power, Fraction(factor) ** power


def _label(dimension: Dimension) -> frozenset[str]:
    """The words of a unit that is not known."""
    words = frozenset(name for name, _ in dimension)
    return words if words and all(name[:1] == "~" for name in words) else frozenset()
