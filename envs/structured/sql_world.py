"""The databases that `SQLQuery` asks about: words of a domain, and rows with many ties and near misses."""

from __future__ import annotations

import math
from typing import NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.tools.sql_domains import DOMAINS, FIRST, PLACES
from rlvr_gym.verifiers.structured.sql_engine import Cell, Tables

ROLES = ("events", "persons", "items")
OWN: dict[str, tuple[str, ...]] = {
    "events": ("id", "amount", "status"),
    "persons": ("id", "name", "place", "score"),
    "items": ("id", "item", "kind", "worth"),
}
LINKS = {"persons": "person_id", "items": "item_id"}
NUMBERS = {"events": "amount", "persons": "score", "items": "worth"}
TEXTS = {"events": "status", "persons": "place", "items": "kind"}
LOW, HIGH = 1, 20
_OF_TEXT = ("status", "name", "place", "item", "kind")
Rows = list[list[Cell]]
Database = dict[str, Rows]


class World(NamedTuple):
    """A schema in the words of a domain.

    Args:
        title: Whose database it is.
        words: Role of a table or column (`events`, `amount`, ...) to its name.
        tables: How many tables there are: events, and persons, and items.
        values: Role of a text column to its values.
    """

    title: str
    words: dict[str, str]
    tables: int
    values: dict[str, tuple[str, ...]]

    @property
    def roles(self) -> tuple[str, ...]:
        """The tables that there are."""
        return ROLES[: self.tables]

    def columns(self, role: str) -> tuple[str, ...]:
        """The columns of a table by their roles."""
        links = tuple(LINKS[other] for other in self.roles[1:]) if role == "events" else ()
        return (*OWN[role], *links)

    def schema(self) -> Tables:
        """The tables with their columns."""
        return Tables(
            {
                self.words[role]: [
                    (
                        self.words.get(column, column),
                        "TEXT" if column in _OF_TEXT else "INTEGER",
                    )
                    for column in self.columns(role)
                ]
                for role in self.roles
            }
        )


def draw_world(rng: TaskRandom, tables: int) -> World:
    """A domain, and of its words one of each alternative."""
    domain = rng.choice(DOMAINS)
    words = {role: rng.choice(options) for role, options in domain._asdict().items() if isinstance(options, tuple)}
    words |= {LINKS[role]: f"{words[role].removesuffix('s')}_id" for role in LINKS}
    words["name"] = rng.choice(("name", "full_name"))
    values = {"status": domain.statuses, "place": tuple(PLACES), "kind": domain.kinds}
    return World(domain.title, words, tables, {role: _some(rng, options, 3) for role, options in values.items()})


def draw_database(rng: TaskRandom, world: World, rows: int) -> Database:
    """Rows for each table: about `rows` events, half as many persons and a third as many items.

    Numbers come from so few that many are equal. Of the persons and items one or more have no event.
    """
    events = rng.between(max(4, rows - 3), rows + 3)
    persons, items = max(6, rows // 2), max(5, rows // 3)
    numbers, three = HIGH - LOW + 1, 3
    filled: dict[str, Rows] = {role: [] for role in world.roles}
    for place in range(1, events + 1):
        amount, status, person, item = _digits(rng, numbers, three, persons - 1, items - 1)
        links: list[Cell] = [person + 1, item + 1]
        filled["events"].append([place, LOW + amount, world.values["status"][status], *links[: world.tables - 1]])
    if world.tables > 1:
        for place in range(1, persons + 1):
            name, where, score = _digits(rng, len(FIRST), three, numbers)
            filled["persons"].append([place, FIRST[name], world.values["place"][where], LOW + score])
    if world.tables > 2:
        for place in range(1, items + 1):
            letter, number, kind, worth = _digits(rng, 26, 90, three, numbers)
            label = f"{chr(ord('A') + letter)}{number + 10}"
            filled["items"].append([place, label, world.values["kind"][kind], LOW + worth])
    return {world.words[role]: filled[role] for role in world.roles}


def _digits(rng: TaskRandom, *bases: int) -> list[int]:
    """Numbers below these, of one draw."""
    number, digits = rng.below(math.prod(bases)), []
    for base in bases:
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits


def _some(rng: TaskRandom, items: tuple[str, ...], count: int) -> tuple[str, ...]:
    left = list(items)
    return tuple([left.pop(rng.below(len(left))) for _ in range(count)])
