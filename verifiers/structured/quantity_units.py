"""Units by their exact definitions, and unit expressions such as `km/h`, `g cm^-3` and `pounds per cubic foot`."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

MAX_UNIT_CHARS = 60
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN = re.compile(r"(?P<name>[A-Za-z°µ]{1,20})|\^?(?P<power>-?[1-9])(?![\d.])|(?P<sign>[/*·×])|(?P<blank> )")
_POWERS = {"square": 2, "cubic": 3, "squared": 2, "cubed": 3}


class Unit(NamedTuple):
    """A unit.

    Args:
        symbol: How it is written.
        factor: What it is worth in the base unit of its dimension.
        dimension: What it measures: exponents of the base dimensions.
        offset: Of temperatures, where the scale begins, in the base unit.
        definition: In words, where it is none of the SI.
    """

    symbol: str
    factor: Fraction
    dimension: tuple[tuple[str, int], ...]
    offset: Fraction = Fraction(0)
    definition: str = ""


class UnitError(ValueError):
    """The text is no unit that is known."""


_TABLE = """
m | meter meters metre metres | 1 | L
km | kilometer kilometers kilometre kilometres | 1000 | L
cm | centimeter centimeters centimetre centimetres | 1/100 | L
mm | millimeter millimeters millimetre millimetres | 1/1000 | L
in | inch inches | 0.0254 | L | 1 in = 2.54 cm
ft | foot feet | 0.3048 | L | 1 ft = 0.3048 m
yd | yard yards | 0.9144 | L | 1 yd = 0.9144 m
mi | mile miles | 1609.344 | L | 1 mi = 1609.344 m
nmi | | 1852 | L | 1 nmi = 1852 m
kg | kilogram kilograms | 1 | M
g | gram grams | 1/1000 | M
mg | milligram milligrams | 1/1000000 | M
t | tonne tonnes | 1000 | M | 1 t = 1000 kg
lb | lbs pound pounds | 0.45359237 | M | 1 lb = 0.45359237 kg
oz | ounce ounces | 0.028349523125 | M | 1 oz = 28.349523125 g
s | sec second seconds | 1 | T
min | minute minutes | 60 | T
h | hr hour hours | 3600 | T
d | day days | 86400 | T
ha | hectare hectares | 10000 | L2 | 1 ha = 10000 m^2
acre | acres | 4046.8564224 | L2 | 1 acre = 4046.8564224 m^2
L | l liter liters litre litres | 1/1000 | L3
mL | ml milliliter milliliters millilitre millilitres | 1/1000000 | L3
gal | gallon gallons | 0.003785411784 | L3 | 1 gal = 3.785411784 L
pt | pint pints | 0.000473176473 | L3 | 1 pt = 0.473176473 L
J | joule joules | 1 | L2 M T-2
kJ | kilojoule kilojoules | 1000 | L2 M T-2
Wh | | 3600 | L2 M T-2 | 1 Wh = 3600 J
kWh | | 3600000 | L2 M T-2 | 1 kWh = 3600 kJ
kcal | kilocalorie kilocalories | 4184 | L2 M T-2 | 1 kcal = 4.184 kJ
W | watt watts | 1 | L2 M T-3
kW | kilowatt kilowatts | 1000 | L2 M T-3
Pa | pascal pascals | 1 | L-1 M T-2
kPa | kilopascal kilopascals | 1000 | L-1 M T-2
bar | bars | 100000 | L-1 M T-2 | 1 bar = 100 kPa
atm | | 101325 | L-1 M T-2 | 1 atm = 101.325 kPa
N | newton newtons | 1 | L M T-2
kN | kilonewton kilonewtons | 1000 | L M T-2
B | byte bytes | 8 | D
MB | | 8000000 | D | 1 MB = 1000000 B
GB | | 8000000000 | D | 1 GB = 1000 MB
MiB | | 8388608 | D | 1 MiB = 1048576 B
Mbit | Mb megabit megabits | 1000000 | D | 1 Mbit = 125000 B
K | kelvin kelvins | 1 | K
°C | C celsius degC | 1 | K
°F | F fahrenheit degF | 5/9 | K
"""
_OFFSETS = {"°C": Fraction("273.15"), "°F": Fraction("459.67") * Fraction(5, 9)}
_JOINED = {"mph": "mi/h", "kph": "km/h", "kmh": "km/h", "knot": "nmi/h", "knots": "nmi/h", "kn": "nmi/h"}


def _read_table() -> tuple[dict[str, Unit], dict[str, str]]:
    units: dict[str, Unit] = {}
    names: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        symbol, others, factor, dimension, *definition = (part.strip() for part in line.split("|"))
        exponents = tuple((text[0], int(text[1:] or 1)) for text in dimension.split())
        offset = _OFFSETS.get(symbol, Fraction(0))
        units[symbol] = Unit(symbol, Fraction(factor), exponents, offset, definition[0] if definition else "")
        names |= dict.fromkeys([symbol, *others.split()], symbol)
    return units, names


UNITS, _NAMES = _read_table()
Product = tuple[tuple[str, int], ...]


def parse_unit(text: str) -> Product:
    """Read a unit expression into the symbols in it and their exponents, in the order of the symbols.

    Factors stand side by side or are joined by `*`, `·` or `×`; `/` and `per` divide by what follows next; exponents
    are written `m^2`, `m2`, `m²`, `s^-1`, `square m` and `m squared`. `mph`, `kph` and `knots` are what they stand for.

    Raises:
        UnitError: It is no such expression, or a unit is not known.

    Example:
        >>> parse_unit("m s^-2") == parse_unit("meters per second squared") == (("m", 1), ("s", -2))
        True
    """
    if len(text) > MAX_UNIT_CHARS:
        raise UnitError(f"a unit has at most {MAX_UNIT_CHARS} characters")
    found: Counter[str] = Counter()
    last, sign, waiting, at = "", 1, 1, 0
    bare = " ".join(text.replace("**", "^").translate(_SUPERSCRIPTS).split())
    while at < len(bare):
        match = _TOKEN.match(bare, at)
        if match is None:
            raise UnitError(f"{bare[at]!r} stands where no unit is")
        at = match.end()
        power = int(match["power"]) if match["power"] else _POWERS.get(match["name"] or "", 0)
        if match["sign"] == "/" or match["name"] == "per":
            sign, last = -1, ""
        elif match["name"] in ("square", "cubic"):
            waiting = power
        elif power:
            if not last:
                raise UnitError("an exponent stands where no unit is")
            found[last] += (power - 1) * (1 if found[last] > 0 else -1)
            last = ""
        elif match["name"]:
            for symbol, exponent in _factors(match["name"]):
                found[symbol] += sign * waiting * exponent
                last = symbol
            sign = waiting = 1
    if sign != 1 or waiting != 1 or not found:
        raise UnitError("the unit ends too early")
    return tuple(sorted((symbol, exponent) for symbol, exponent in found.items() if exponent))


def _factors(name: str) -> Product:
    if name in _JOINED:
        over, under = _JOINED[name].split("/")
        return (over, 1), (under, -1)
    symbol = _NAMES.get(name) or _NAMES.get(name.lower() if len(name) > 3 else name)
    if symbol is None:
        raise UnitError(f"the unit {name!r} is not known")
    return ((symbol, 1),)


def factor_of(product: Product) -> Fraction:
    """What a product of units is worth in base units; offsets do not count.

    Example:
        >>> factor_of(parse_unit("km/h"))
        Fraction(5, 18)
    """
    value = Fraction(1)
    for symbol, exponent in product:
        value *= UNITS[symbol].factor ** exponent
    return value


def dimension_of(product: Product) -> Product:
    """What a product of units measures.

    Example:
        >>> dimension_of(parse_unit("N")) == dimension_of(parse_unit("kg m/s^2"))
        True
    """
    total: Counter[str] = Counter()
    for symbol, exponent in product:
        for base, power in UNITS[symbol].dimension:
            total[base] += power * exponent
    return tuple(sorted((base, power) for base, power in total.items() if power))
