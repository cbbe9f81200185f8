"""Units after a number: what they are worth, and whether two of them measure the same.

A unit is a rational factor and a dimension. Words that are no known unit (`apples`) are a dimension of their own.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from rlvr_gym.verifiers.math.tree import NotMath
from rlvr_gym.verifiers.numerals import NOT_A_UNIT, ONLY_BEFORE_A_NOUN, is_roman

Dimension = tuple[tuple[str, int], ...]


class Unit(NamedTuple):
    """A factor to base units, and the exponents of the dimensions."""

    factor: Fraction
    dimension: Dimension

    @property
    def strange(self) -> bool:
        """Whether it is a letter or two that are no unit, and may be variables."""
        return any(name[:1] == "~" and len(name) < 4 for name, _ in self.dimension)

    def same_dimension(self, other: Unit) -> bool:
        """Whether values in these units can be compared; labels agree where one contains the words of the other.

        Example:
            >>> unit("cm").same_dimension(unit("mile")), unit("apples").same_dimension(unit("red apple"))
            (True, True)
        """
        mine, theirs = (frozenset(pair for pair in u.dimension if pair[0][0] != "~") for u in (self, other))
        labels, others = (frozenset(pair for pair in u.dimension if pair[0][0] == "~") for u in (self, other))
        return mine == theirs and (labels <= others or others <= labels) and bool(mine or (labels and others))


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
_define("", 0, {"unit": 1})
MAX_WORDS = 6
# Words that say something about the number, or change it.
_NO_UNIT = (
    (NOT_A_UNIT - {"over"})
    | ONLY_BEFORE_A_NOUN
    | frozenset(
        """positive undefined dne diverges diverge converges right correct is if unless else otherwise
    when for not no repeating recurring score quintillion sextillion octillion elevenths eleventh twelfths twelfth
    thirteenths fifteenths sixteenths sixteenth twentieths thirtieths fortieths fiftieths sixtieths permille percent
    percentage modulo mod root roots raised pair pairs couple unsure guess even odd because since where why but also
    infinity infinite invalid impossible exceeds less more greater most least between until up unknown e i x y z n k
    tau phi times power minus plus squared cubed base""".split()
    )
)
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
    text = text.replace("-", " ").replace("\\", "").replace("(", " ").replace(")", " ")
    words = [w for w in _WORDS.findall(text) if not w.isspace() and w not in ".,"]
    if words and words[0][0] == "^":
        raise NotMath("a power after what is no unit")
    if len(words) > MAX_WORDS:
        raise NotMath("a sentence after a number")
    factor = Fraction(1)
    dimension: dict[str, int] = {}
    sign, pending, last = 1, 1, ("", 0, Fraction(1))
    for word in words:
        low = _CASED.get(word, word.lower())
        if (low in _NO_UNIT and low not in _AFTER) or is_roman(word):
            raise NotMath(f"{word!r} after a number")
        if low in ("/", "per", "over"):
            sign = -1
            continue
        if low in _POWERS:
            pending = _POWERS[low]
            continue
        if low[0] == "^" or low in _AFTER:
            new = _raised(last, low)
        elif word.isalpha() or word in "$€£¥¢":
            new = last = _one(low, sign * pending)
            sign, pending = 1, 1
        else:
            raise NotMath(f"{word!r} after a number")
        for name, power, worth in (new, *_over(low)):
            dimension[name] = dimension.get(name, 0) + power
            factor *= worth
    return Unit(factor, tuple(sorted((name, n) for name, n in dimension.items() if n and name)))


def _raised(last: tuple[str, int, Fraction], exponent: str) -> tuple[str, int, Fraction]:
    """What a power adds to the word before it."""
    digits = exponent[1:].strip()
    if exponent not in _AFTER and not (digits.lstrip("-").isdigit() and len(digits.lstrip("-")) == 1):
        raise NotMath("a unit with a strange power")
    power = _AFTER.get(exponent) or int(digits)
    name, done, worth = last
    if not done and name:
        raise NotMath("a power after what is no unit")
    return name, done * (power - 1), worth ** (power - 1)


def _over(word: str) -> list[tuple[str, int, Fraction]]:
    """The second half of `mph` and the like."""
    return [_one(_RATES[word][1], -1)] if word in _RATES else []


def _one(word: str, power: int) -> tuple[str, int, Fraction]:
    """Dimension, exponent and factor of one word."""
    word = _RATES.get(word, (word,))[0]
    known = _BASE.get(word) or _BASE.get(word.removesuffix("s")) or _BASE.get(word.removesuffix("es"))
    if known is None:
        singular = word.removesuffix("s") if len(word) > 3 else word
        return "~" + singular, power, Fraction(1)
    factor, name, exponent = known
    return name, exponent * power, Fraction(factor) ** power
