"""What `UnitConversion` asks: conversions, and sentences in which quantities are multiplied and divided."""

from __future__ import annotations

from typing import NamedTuple

LENGTHS = ("m", "km", "cm", "in", "ft", "yd", "mi", "nmi")
MASSES = ("kg", "g", "mg", "t", "lb", "oz")
TIMES = ("s", "min", "h", "d")
AREAS = ("m^2", "cm^2", "km^2", "ha", "acre", "ft^2", "in^2")
VOLUMES = ("L", "mL", "m^3", "cm^3", "gal", "pt", "ft^3")
ENERGIES = ("J", "kJ", "Wh", "kWh", "kcal")
POWERS = ("W", "kW", "kJ/min", "kcal/h")
PRESSURES = ("Pa", "kPa", "bar", "atm", "N/cm^2", "kN/m^2")
SIZES = ("MB", "GB", "MiB", "Mbit")
SPEEDS = ("m/s", "km/h", "mi/h", "ft/s", "nmi/h", "cm/s", "m/min")
DENSITIES = ("kg/m^3", "g/cm^3", "kg/L", "lb/ft^3", "lb/gal", "oz/in^3")
FLOWS = ("L/min", "m^3/h", "mL/s", "gal/min", "ft^3/h", "gal/h")
RATES = ("MB/s", "Mbit/s", "GB/h", "MiB/min")
CONTENTS = ("kJ/g", "kJ/kg", "kcal/kg", "kWh/kg", "kcal/oz")
ACCELERATIONS = ("m/s^2", "km/h^2", "ft/s^2", "mi/h^2", "cm/s^2")
USES = ("L/km", "mL/km", "gal/mi", "mL/m")
TEMPERATURES = ("°C", "°F", "K")
SIMPLE = (LENGTHS, MASSES, TIMES, AREAS, VOLUMES, ENERGIES, PRESSURES, SIZES)
COMPOUND = (SPEEDS, DENSITIES, FLOWS, RATES, CONTENTS, ACCELERATIONS, USES, POWERS)


class Formula(NamedTuple):
    """A sentence with quantities, and how they give what is asked for.

    Args:
        text: With a place for each quantity.
        terms: For each quantity its units and its exponent in the result.
        result: The units that may be asked for.
    """

    text: str
    terms: tuple[tuple[tuple[str, ...], int], ...]
    result: tuple[str, ...]


def _formula(text: str, result: tuple[str, ...], *terms: tuple[tuple[str, ...], int]) -> Formula:
    return Formula(text, terms, result)


_WAY, _LAST = ("km", "mi", "m", "ft"), ("s", "min", "h")
TWO = (
    _formula("Something moves at {} for {}. How far does it get?", LENGTHS[:2] + LENGTHS[4:], (SPEEDS, 1), (_LAST, 1)),
    _formula("How long does it take to go {} at {}?", _LAST, (_WAY, 1), (SPEEDS, -1)),
    _formula("Something goes {} in {}. What is its mean speed?", SPEEDS, (_WAY, 1), (_LAST, -1)),
    _formula("What is the mass of {} of a liquid with a density of {}?", MASSES, (VOLUMES, 1), (DENSITIES, 1)),
    _formula("What is the volume of {} of a liquid with a density of {}?", VOLUMES, (MASSES, 1), (DENSITIES, -1)),
    _formula("A pump moves {} for {}. How much does it move?", VOLUMES, (FLOWS, 1), (_LAST, 1)),
    _formula("How long does a pump that moves {1} take for {0}?", _LAST, (VOLUMES, 1), (FLOWS, -1)),
    _formula("A machine takes {} for {}. How much energy is that?", ENERGIES, (POWERS, 1), (TIMES, 1)),
    _formula("What is the mean power of a machine that takes {} in {}?", POWERS, (ENERGIES, 1), (TIMES, -1)),
    _formula("How long does it take to send {} at {}?", TIMES, (SIZES, 1), (RATES, -1)),
    _formula("How much is sent in {1} at {0}?", SIZES, (RATES, 1), (_LAST, 1)),
    _formula("What force does a pressure of {} exert on an area of {}?", ("N", "kN"), (PRESSURES, 1), (AREAS, 1)),
    _formula("How much energy do {} of a fuel with {} hold?", ENERGIES, (MASSES, 1), (CONTENTS, 1)),
    _formula("A car needs {}. How much is that for {}?", VOLUMES, (USES, 1), (("km", "mi"), 1)),
)
THREE = (
    _formula(
        "A pump moves {} of a liquid with a density of {} for {}. What is the mass of what it moves?",
        MASSES,
        (FLOWS, 1),
        (DENSITIES, 1),
        (_LAST, 1),
    ),
    _formula(
        "A car goes at {} for {} and needs {}. How much fuel is that?", VOLUMES, (SPEEDS, 1), (_LAST, 1), (USES, 1)
    ),
    _formula(
        "A stove takes {} of a fuel with a density of {} and {}. How much energy is that?",
        ENERGIES,
        (VOLUMES, 1),
        (DENSITIES, 1),
        (CONTENTS, 1),
    ),
    _formula(
        "A heater with a power of {} burns fuel with {} for {}. How much fuel is that?",
        MASSES,
        (POWERS, 1),
        (CONTENTS, -1),
        (TIMES, 1),
    ),
    _formula(
        "A tank of {} is filled at {} while a band beside it runs at {}. How far does the band run meanwhile?",
        LENGTHS[:2] + LENGTHS[4:],
        (VOLUMES, 1),
        (FLOWS, -1),
        (SPEEDS, 1),
    ),
    _formula(
        "A layer of {} covers {} with a material of {}. What is its mass?",
        MASSES,
        (LENGTHS[2:5], 1),
        (AREAS, 1),
        (DENSITIES, 1),
    ),
    _formula(
        "A drone flies {} at {} and writes {} on the way. How much does it write?",
        SIZES,
        (_WAY, 1),
        (SPEEDS, -1),
        (RATES, 1),
    ),
)
