"""Kinds of values that a text can tell and a document can hold: how they are drawn, written in prose, and described.

All texts are ASCII, so that small models that speak characters can read and write them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom

FIRST_NAMES = tuple(
    "Ada Bela Carla Dario Edith Farid Greta Hugo Ines Jonas Kira Leon Mina Nadia Oskar Petra Quentin Rosa Selim "
    "Tilda Ugo Vera Wanda Xenia Yusuf Zoe Amos Britt Cyril Dora Emil Flora Gideon Hanna Ivo Judith Karim Lena Marek "
    "Noor".split()
)
LAST_NAMES = tuple(
    "Abel Brandt Castell Dahl Eriksen Fabry Gruber Hale Ivanov Jensen Keller Lindt Moreau Novak Okafor Pires Quast "
    "Renner Silva Tanaka Ulrich Vogel Weiss Xu Young Zeller Arden Bloom Cole Dunn Easton Frost Garland Hart Irving "
    "Jarvis Kent Lowell Marsh North".split()
)
CITIES = tuple(
    "Aachen Bergen Cork Dublin Esbjerg Faro Ghent Haifa Innsbruck Jena Krakow Lyon Malmo Nantes Oslo Porto Quito Riga "
    "Salzburg Turin Utrecht Vienna Warsaw York Zagreb Basel Lund Pisa Split Tartu".split()
)
COMPANIES = tuple(
    f"{name} {kind}"
    for name in "Alder Birch Cedar Delta Ember Falcon Granite Harbor Iris Juniper Kestrel Lumen".split()
    for kind in ("Tools", "Foods", "Textiles", "Glass", "Motors", "Paper")
)
MONTHS = tuple("January February March April May June July August September October November December".split())
_NUMBER_WORDS = tuple("zero one two three four five six seven eight nine ten eleven twelve".split())


class Kind(NamedTuple):
    """A kind of value.

    Args:
        schema: What a JSON Schema says of it.
        draw: Draws one.
        show: Writes one in prose, not always as a document does.
    """

    schema: Mapping[str, Any]
    draw: Callable[[TaskRandom], Any]
    show: Callable[[Any], str]


def _person(rng: TaskRandom) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def _date(rng: TaskRandom) -> str:
    return f"{rng.between(2019, 2025)}-{rng.between(1, 12):02}-{rng.between(1, 28):02}"


def _day(value: str) -> str:
    """`2024-03-07` as people say it.

    Example:
        >>> _day("2024-03-07")
        '7 March 2024'
    """
    return f"{int(value[8:])} {MONTHS[int(value[5:7]) - 1]} {value[:4]}"


def _time(rng: TaskRandom) -> str:
    return f"{rng.between(7, 19):02}:{rng.choice(('00', '05', '10', '15', '20', '30', '40', '45', '50'))}"


def _clock(value: str) -> str:
    """`15:05` as people say it.

    Example:
        >>> _clock("15:05"), _clock("12:00"), _clock("09:30")
        ('3:05 p.m.', '12:00 p.m.', '9:30 a.m.')
    """
    hour = int(value[:2])
    return f"{(hour - 1) % 12 + 1}:{value[3:]} {'a.m.' if hour < 12 else 'p.m.'}"


def _money(rng: TaskRandom) -> float:
    return rng.between(20, 2490) * 5 / 100


def _code(rng: TaskRandom) -> str:
    letters = "ABCDEFGHKLMNPRSTUVWXYZ"
    return f"{rng.choice(letters)}{rng.choice(letters)}-{rng.between(1000, 9999)}"


def _count(rng: TaskRandom) -> int:
    return rng.between(2, 60)


def _in_words(value: int) -> str:
    return _NUMBER_WORDS[value] if value < len(_NUMBER_WORDS) else str(value)


def _phone(rng: TaskRandom) -> str | None:
    return f"0{rng.between(100, 999)} {rng.between(1000, 9999)}" if rng.below(4) else None


def _weight(rng: TaskRandom) -> float:
    return rng.between(5, 400) / 10


def _one_of(*values: str) -> Callable[[TaskRandom], str]:
    return lambda rng: rng.choice(values)


def _remark(rng: TaskRandom) -> str:
    first = rng.choice(("# ", "- ", "* ", "@ ", "urgent: ", "call first: ", "door 7 # left: "))
    return (
        f"{first}{rng.choice(('ring twice', 'mind the dog', 'ask for a receipt', 'use the side gate', 'be on time'))}"
    )


def _version(rng: TaskRandom) -> str:
    return f"{rng.between(1, 9)}.{rng.between(1, 9)}0"


def _locker(rng: TaskRandom) -> str:
    return f"0{rng.between(100, 999)}"


_DATE = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "YYYY-MM-DD"}
_TIME = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$", "description": "HH:MM, 24 hours"}
_TEXT = {"type": "string"}
KINDS: Mapping[str, Kind] = {
    "person": Kind(_TEXT, _person, str),
    "company": Kind(_TEXT, lambda rng: rng.choice(COMPANIES), str),
    "city": Kind(_TEXT, lambda rng: rng.choice(CITIES), str),
    "date": Kind(_DATE, _date, _day),
    "time": Kind(_TIME, _time, _clock),
    "money": Kind({"type": "number", "description": "euros"}, _money, lambda value: f"{value:.2f} euros"),
    "code": Kind(_TEXT, _code, str),
    "count": Kind({"type": "integer"}, _count, _in_words),
    "minutes": Kind({"type": "integer", "description": "minutes"}, lambda rng: 5 * rng.between(2, 36), str),
    "weight": Kind({"type": "number", "description": "kg"}, _weight, lambda value: f"{value} kg"),
    "country": Kind(_TEXT, _one_of("NO", "NO", "NO", "SE", "DK", "FI", "DE"), str),
    "reply": Kind(_TEXT, _one_of("yes", "no", "on", "off", "null", "true", "maybe"), str),
    "version": Kind(_TEXT, _version, str),
    "locker": Kind(_TEXT, _locker, str),
    "remark": Kind(_TEXT, _remark, str),
    "phone": Kind({"type": ["string", "null"]}, _phone, str),
}
