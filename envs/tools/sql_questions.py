"""What `ToolSQL` asks: sentences and the SQL that answers or does what they say, over the words of a database."""

from __future__ import annotations

from typing import NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.tools.sql_domains import Value, World


class Template(NamedTuple):
    """A question, or a piece of work.

    Args:
        text: The sentence; `{role}` is a word of the database, and `{s}`, `{t}`, `{d}`, `{p}`, `{k}`, `{n}`, `{m}` are
            values that are drawn.
        sql: The statement; likewise.
        hops: How much it takes: 1 for one table, 2 for a join, 3 for three tables, groups or a query in a query.
        tables: How many tables the database must have.
        writes: Whether it changes the database.
    """

    text: str
    sql: str
    hops: int
    tables: int
    writes: bool = False


_E_P = "{events} e JOIN {persons} p ON p.id = e.{person_id}"
_E_I = "{events} e JOIN {items} i ON i.id = e.{item_id}"
_E_P_I = _E_P + " JOIN {items} i ON i.id = e.{item_id}"
_PAIR = "Answer as `{name}: {amount}`, for example `Ada Lind: 1234`."
_TYPICAL = "SELECT i.{kind}, AVG(e.{amount}) AS usual FROM " + _E_I + " GROUP BY i.{kind}"

QUESTIONS = (
    Template(
        "What is the sum of {amount} over all {events} with {status} '{s}'?",
        "SELECT SUM({amount}) FROM {events} WHERE {status} = '{s}'",
        1,
        1,
    ),
    Template(
        "By how much does the largest {amount} exceed the smallest among the {events} with {status} '{s}'?",
        "SELECT MAX({amount}) - MIN({amount}) FROM {events} WHERE {status} = '{s}'",
        1,
        1,
    ),
    Template(
        "What is the sum of {amount} over all {events} whose {day} is {d} or later and whose {status} is not '{s}'?",
        "SELECT SUM({amount}) FROM {events} WHERE {day} >= '{d}' AND {status} <> '{s}'",
        1,
        1,
    ),
    Template(
        "What is the sum of {amount} over all {events} with {status} '{s}' or '{t}' and {amount} of more than {n}?",
        "SELECT SUM({amount}) FROM {events} WHERE {status} IN ('{s}', '{t}') AND {amount} > {n}",
        1,
        1,
    ),
    Template(
        "What is the sum of {amount} over all {events} of {persons} whose {place} is {p}?",
        f"SELECT SUM(e.{{amount}}) FROM {_E_P} WHERE p.{{place}} = '{{p}}'",
        2,
        2,
    ),
    Template(
        "Which of the {persons} has the largest sum of {amount} over all their {events}? " + _PAIR,
        f"SELECT p.{{name}}, SUM(e.{{amount}}) FROM {_E_P} GROUP BY p.id ORDER BY 2 DESC LIMIT 1",
        2,
        2,
    ),
    Template(
        "Among the {persons} whose {place} is {p}, who has the largest sum of {amount} over all their {events}? "
        + _PAIR,
        f"SELECT p.{{name}}, SUM(e.{{amount}}) FROM {_E_P} WHERE p.{{place}} = '{{p}}' "
        "GROUP BY p.id ORDER BY 2 DESC LIMIT 1",
        2,
        2,
    ),
    Template(
        "What is the sum of {amount} over all {events} with {status} '{s}' that belong to {items} of the {kind} '{k}'?",
        f"SELECT SUM(e.{{amount}}) FROM {_E_I} WHERE e.{{status}} = '{{s}}' AND i.{{kind}} = '{{k}}'",
        2,
        3,
    ),
    Template(
        "For those of the {persons} who have at least one of the {events} with {status} '{s}', what is the sum of "
        "their {score}, each counted once?",
        "SELECT SUM({score}) FROM {persons} WHERE id IN (SELECT {person_id} FROM {events} WHERE {status} = '{s}')",
        2,
        2,
    ),
    Template(
        "Some {persons} have a sum of {amount} over their {events} of more than {m}. What do these sums add up to?",
        "SELECT SUM(t) FROM (SELECT SUM({amount}) AS t FROM {events} GROUP BY {person_id} HAVING t > {m})",
        3,
        2,
    ),
    Template(
        "What is the sum of {score} over the {persons} whose {place} is not {p} and who have none of the {events} "
        "with {status} '{s}'?",
        "SELECT SUM({score}) FROM {persons} p WHERE p.{place} <> '{p}' AND NOT EXISTS "
        "(SELECT 1 FROM {events} e WHERE e.{person_id} = p.id AND e.{status} = '{s}')",
        3,
        2,
    ),
    Template(
        "What is the sum of {amount} over all {events} of {persons} whose {place} is {p} that belong to {items} whose "
        "{kind} is not '{k}'?",
        f"SELECT SUM(e.{{amount}}) FROM {_E_P_I} WHERE p.{{place}} = '{{p}}' AND i.{{kind}} <> '{{k}}'",
        3,
        3,
    ),
    Template(
        "Among the {events} of {persons} whose {place} is {p}, which {kind} of {items} has the largest sum of "
        "{amount}? Answer as `{kind}: {amount}`, for example `abc: 1234`.",
        f"SELECT i.{{kind}}, SUM(e.{{amount}}) FROM {_E_P_I} WHERE p.{{place}} = '{{p}}' "
        "GROUP BY i.{kind} ORDER BY 2 DESC LIMIT 1",
        3,
        3,
    ),
    Template(
        "What is the sum of {amount} over those {events} whose {amount} is above the average {amount} of all {events} "
        "that belong to {items} of the same {kind}?",
        f"WITH typical AS ({_TYPICAL}) "
        f"SELECT SUM(e.{{amount}}) FROM {_E_I} JOIN typical t ON t.{{kind}} = i.{{kind}} WHERE e.{{amount}} > t.usual",
        3,
        3,
    ),
)

WORK = (
    Template(
        "Set the {status} to '{t}' for all {events} with {status} '{s}' whose {day} is before {d}.",
        "UPDATE {events} SET {status} = '{t}' WHERE {status} = '{s}' AND {day} < '{d}'",
        1,
        1,
        writes=True,
    ),
    Template(
        "Delete all {events} with {status} '{s}' and {amount} of less than {n}.",
        "DELETE FROM {events} WHERE {status} = '{s}' AND {amount} < {n}",
        1,
        1,
        writes=True,
    ),
    Template(
        "Raise the {amount} by {m} for all {events} whose {day} is {d} or later and whose {status} is not '{s}'.",
        "UPDATE {events} SET {amount} = {amount} + {m} WHERE {day} >= '{d}' AND {status} <> '{s}'",
        1,
        1,
        writes=True,
    ),
    Template(
        "Add to the {persons} one with the id {id}, the {name} '{w}', the {place} '{p}' and the {score} {n}.",
        "INSERT INTO {persons} (id, {name}, {place}, {score}) VALUES ({id}, '{w}', '{p}', {n})",
        1,
        2,
        writes=True,
    ),
    Template(
        "Set the {status} to '{t}' for all {events} with another {status} of {persons} whose {place} is {p}.",
        "UPDATE {events} SET {status} = '{t}' WHERE {status} <> '{t}' AND {person_id} IN "
        "(SELECT id FROM {persons} WHERE {place} = '{p}')",
        2,
        2,
        writes=True,
    ),
    Template(
        "Delete all {events} with {amount} of more than {n} that belong to {items} of the {kind} '{k}'.",
        "DELETE FROM {events} WHERE {amount} > {n} AND {item_id} IN (SELECT id FROM {items} WHERE {kind} = '{k}')",
        2,
        3,
        writes=True,
    ),
    Template(
        "Raise the {score} by {m} for those of the {persons} who have at least one of the {events} with {status} "
        "'{s}'.",
        "UPDATE {persons} SET {score} = {score} + {m} WHERE id IN "
        "(SELECT {person_id} FROM {events} WHERE {status} = '{s}')",
        2,
        2,
        writes=True,
    ),
    Template(
        "Delete all {persons} who have none of the {events} and whose {place} is not {p}.",
        "DELETE FROM {persons} WHERE {place} <> '{p}' AND id NOT IN (SELECT {person_id} FROM {events})",
        3,
        2,
        writes=True,
    ),
    Template(
        "Set the {score} to {n} for those of the {persons} whose sum of {amount} over their {events} is more than {m}.",
        "UPDATE {persons} SET {score} = {n} WHERE id IN "
        "(SELECT {person_id} FROM {events} GROUP BY {person_id} HAVING SUM({amount}) > {m})",
        3,
        2,
        writes=True,
    ),
    Template(
        "Set the {status} to '{t}' for all {events} with {status} '{s}' of {persons} whose {place} is {p} that belong "
        "to {items} whose {kind} is not '{k}'.",
        "UPDATE {events} SET {status} = '{t}' WHERE {status} = '{s}' AND {person_id} IN (SELECT id FROM {persons} "
        "WHERE {place} = '{p}') AND {item_id} IN (SELECT id FROM {items} WHERE {kind} <> '{k}')",
        3,
        3,
        writes=True,
    ),
)


class Asked(NamedTuple):
    """A template that is filled in."""

    text: str
    sql: str
    writes: bool


def ask(rng: TaskRandom, there: World, hops: int, tables: int, *, writes: bool) -> Asked:
    """Draw a question, or a piece of work, about a database; whether it makes sense there is for the caller to see."""
    templates = WORK if writes else QUESTIONS
    template = rng.choice([one for one in templates if one.hops == hops and one.tables <= tables])
    days = there.values["day"]
    statuses = there.values["status"]
    s, t = rng.choice(statuses), rng.choice(statuses)
    drawn: dict[str, Value] = {
        "s": s,
        "t": t if t != s else statuses[(statuses.index(s) + 1) % len(statuses)],
        "d": days[rng.between(len(days) // 4, 3 * len(days) // 4)],
        "p": rng.choice(there.values["place"]),
        "k": rng.choice(there.values["kind"]),
        "w": rng.choice(there.values["name"]),
        "id": there.values["id"][0],
        "n": rng.between(20, 80) * 100 + rng.between(1, 99),
        "m": rng.between(50, 150) * 100,
    }
    text, sql = (part.format(**there.words, **drawn) for part in (template.text, template.sql))
    return Asked(text, sql, template.writes)
