"""Made-up databases for `ToolSQL`: five domains, with names of tables and columns, and rows, drawn for each task.

Every database has at most three tables: events, and the persons and items that they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rlvr_gym.envs.procedural import TaskRandom

Value = str | int
FIRST = """Ada Bela Cyra Dov Edda Filip Greta Hugo Ines Jonas Kaja Lev Mira Nils Olga Pavel Quinn Rosa Sven Tilda Umar
Vera Wim Xenia Yusuf Zora Anton Britt Carlo Dina Emil Freya Goran Hanna Ivo Judit Kurt Lina Marek Nora""".split()
LAST = """Abel Brandt Corso Dahl Ekman Falk Grau Holm Imre Jansen Koval Lind Moser Novak Ostby Palm Quist Riva Sand
Thorn Ulrich Varga Winter Xander Yilmaz Zeman Arlt Berg Conti Dorn Evers Fuchs Gallo Hauser Iversen Joki""".split()
NAMES = tuple(f"{first} {last}" for first in FIRST for last in LAST)
PLACES = "Alm Brunn Corve Dorst Elmen Fjord Gant Hesse Istra Jarl Kessel Lohr Mayen Norden Ostra".split()


class Domain(NamedTuple):
    """What a database is about. Each of its words is drawn from alternatives, the names of tables in the plural.

    Args:
        title: Whose database it is.
        events: Table of events.
        amount: Their number.
        day: Their date.
        status: Their state.
        statuses: Its values.
        persons: Table of persons.
        place: Where they come from.
        score: Their number.
        items: Table of items.
        item: Their name.
        kind: What sort they are.
        kinds: Its values.
        worth: Their number.
    """

    title: str
    events: tuple[str, ...]
    amount: tuple[str, ...]
    day: tuple[str, ...]
    status: tuple[str, ...]
    statuses: tuple[str, ...]
    persons: tuple[str, ...]
    place: tuple[str, ...]
    score: tuple[str, ...]
    items: tuple[str, ...]
    item: tuple[str, ...]
    kind: tuple[str, ...]
    kinds: tuple[str, ...]
    worth: tuple[str, ...]


DOMAINS = (
    Domain(
        "shop",
        ("orders", "purchases", "sales"),
        ("total", "price", "amount"),
        ("day", "ordered_on", "date"),
        ("status", "state"),
        ("open", "paid", "shipped", "cancelled", "returned"),
        ("customers", "clients", "buyers"),
        ("city", "town", "home"),
        ("points", "credit", "bonus"),
        ("products", "articles", "goods"),
        ("product", "label", "title"),
        ("category", "section", "kind"),
        ("toys", "books", "tools", "garden", "music"),
        ("stock", "weight", "list_price"),
    ),
    Domain(
        "library",
        ("loans", "lendings", "checkouts"),
        ("fee", "charge", "deposit"),
        ("day", "lent_on", "date"),
        ("status", "state"),
        ("out", "returned", "late", "lost", "reserved"),
        ("readers", "members", "patrons"),
        ("city", "district", "town"),
        ("fines", "balance", "card_number"),
        ("books", "volumes", "titles"),
        ("title", "label", "work"),
        ("genre", "subject", "shelf"),
        ("novel", "history", "travel", "poetry", "science"),
        ("pages", "copies", "value"),
    ),
    Domain(
        "clinic",
        ("visits", "appointments", "consultations"),
        ("cost", "bill", "charge"),
        ("day", "held_on", "date"),
        ("status", "outcome"),
        ("planned", "done", "missed", "moved", "referred"),
        ("patients", "cases", "persons"),
        ("city", "district", "residence"),
        ("insurance", "file_number", "allowance"),
        ("treatments", "services", "procedures"),
        ("treatment", "label", "service"),
        ("field", "ward", "department"),
        ("dental", "eyes", "skin", "heart", "bones"),
        ("tariff", "duration", "rate"),
    ),
    Domain(
        "repair workshop",
        ("jobs", "repairs", "tickets"),
        ("bill", "price", "cost"),
        ("day", "taken_on", "date"),
        ("status", "progress"),
        ("waiting", "running", "finished", "refused", "collected"),
        ("owners", "customers", "holders"),
        ("city", "village", "town"),
        ("deposit", "credit", "limit_amount"),
        ("machines", "devices", "models"),
        ("model", "label", "device"),
        ("type", "class", "kind"),
        ("bicycle", "radio", "clock", "camera", "printer"),
        ("power", "mass", "value"),
    ),
    Domain(
        "ferry line",
        ("bookings", "trips", "passages"),
        ("fare", "price", "cost"),
        ("day", "sails_on", "date"),
        ("status", "state"),
        ("booked", "boarded", "refunded", "waitlisted", "noshow"),
        ("travellers", "passengers", "guests"),
        ("city", "port", "home"),
        ("miles", "points", "voucher"),
        ("routes", "crossings", "lines"),
        ("route", "label", "crossing"),
        ("season", "class", "zone"),
        ("north", "south", "island", "coastal", "river"),
        ("distance", "minutes", "length"),
    ),
)


class World(NamedTuple):
    """A database: the words that were drawn, and what is in it.

    Args:
        title: Whose database it is.
        words: Role (`events`, `amount`, ...) to the word that stands for it; `person_id` and `item_id` too.
        values: Role to the different values of it that occur.
        script: SQL that makes it.
        cells: Every number in it.
    """

    title: str
    words: dict[str, str]
    values: dict[str, tuple[Value, ...]]
    script: str
    cells: frozenset[int]


def world(rng: TaskRandom, tables: int, rows: int) -> World:
    """Draw a database.

    Args:
        rng: Where the choices come from.
        tables: 1 for events alone, 2 with persons, 3 with items.
        rows: How many events there are.
    """
    domain = rng.choice(DOMAINS)
    words = {role: rng.choice(options) for role, options in domain._asdict().items() if isinstance(options, tuple)}
    words |= {
        "person_id": f"{words['persons'].removesuffix('s')}_id",
        "item_id": f"{words['items'].removesuffix('s')}_id",
    }
    words["name"] = rng.choice(("name", "full_name"))
    people, things = max(4, rows // 3), max(4, rows // 4)
    places = _some(rng, PLACES, 4)
    *names, nobody = _some(rng, NAMES, people + 1)
    active, first = people - people // 4, rng.between(100, 9_000)
    filled: dict[str, list[tuple[Value, ...]]] = {
        "persons": [(i, name, rng.choice(places), _number(rng)) for i, name in enumerate(names, 1)],
        "items": [
            (i, f"{rng.choice(LAST)} {rng.between(10, 99)}", rng.choice(domain.kinds), _number(rng))
            for i in range(1, things + 1)
        ],
        "events": [
            (
                first + i,
                _number(rng),
                _day(rng),
                rng.choice(domain.statuses),
                *_links(rng, active, things)[: tables - 1],
            )
            for i in range(rows)
        ],
    }
    values: dict[str, tuple[Value, ...]] = {
        "status": _column(filled["events"], 3),
        "day": _column(filled["events"], 2),
        "place": _column(filled["persons"], 2),
        "kind": _column(filled["items"], 2),
        "name": (nobody,),
        "id": (people + rng.between(1, 50),),
    }
    kept = ("persons", "items", "events") if tables > 2 else ("persons", "events") if tables > 1 else ("events",)
    cells = frozenset(cell for role in kept for row in filled[role] for cell in row if isinstance(cell, int))
    script = "\n".join(_table(role, words, filled[role], tables) for role in kept)
    return World(domain.title, words, values, script, cells)


def _links(rng: TaskRandom, persons: int, items: int) -> tuple[int, int]:
    return rng.between(1, persons), rng.between(1, items)


def _column(rows: Sequence[tuple[Value, ...]], place: int) -> tuple[Value, ...]:
    return tuple(sorted({str(row[place]) for row in rows}))


def _number(rng: TaskRandom) -> int:
    return rng.between(101, 9_999)


def _day(rng: TaskRandom) -> str:
    return f"{rng.between(2023, 2024)}-{rng.between(1, 12):02}-{rng.between(1, 28):02}"


def _some(rng: TaskRandom, items: Sequence[str], count: int) -> list[str]:
    """Different items, in the order in which they were drawn."""
    left, found = list(items), []
    for _ in range(min(count, len(left))):
        place = rng.below(len(left))
        left[place], left[-1] = left[-1], left[place]
        found.append(left.pop())
    return found


_COLUMNS = {
    "persons": ("{name} TEXT NOT NULL", "{place} TEXT NOT NULL", "{score} INTEGER NOT NULL"),
    "items": ("{item} TEXT NOT NULL", "{kind} TEXT NOT NULL", "{worth} INTEGER NOT NULL"),
    "events": ("{amount} INTEGER NOT NULL", "{day} TEXT NOT NULL", "{status} TEXT NOT NULL"),
}
_LINKS = (
    "{person_id} INTEGER NOT NULL REFERENCES {persons} (id)",
    "{item_id} INTEGER NOT NULL REFERENCES {items} (id)",
)


def _table(role: str, words: dict[str, str], rows: Sequence[tuple[Value, ...]], tables: int) -> str:
    columns = ["id INTEGER PRIMARY KEY", *_COLUMNS[role], *(_LINKS[: tables - 1] if role == "events" else ())]
    filled = ",\n".join("(" + ", ".join(_literal(value) for value in row) + ")" for row in rows)
    made = ", ".join(columns).format(**words)
    return f"CREATE TABLE {words[role]} ({made});\nINSERT INTO {words[role]} VALUES\n{filled};"


def _literal(value: Value) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"
