"""Records and the texts that tell them: what the extraction environments draw.

A record is a scenario, the fields that are asked for with their values, and rows. The text tells each of them once, in
any order, in its own words; besides it tells values of the same kinds that were not asked for (decoys), and it corrects
some (the sentence with the right value then comes last).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.structured.kinds import KINDS
from rlvr_gym.envs.structured.scenarios import SCENARIOS, TRAPS, Field, Scenario
from rlvr_gym.envs.task import check_int

_FLAG = {"type": "boolean"}
_OF_JSON = re.compile(r"[0-9.]++|true|false|null")  # texts that could be taken for other values
MOST_FIELDS = min(len(scenario.fields) for scenario in SCENARIOS)
MOST_ROWS = 12


class Knobs(NamedTuple):
    """How much a text tells.

    Args:
        fields: How many fields are asked for.
        rows: How many rows the list has; 0 for no list.
        decoys: How many sentences tell something else.
        corrections: How many of the fields are told wrongly first.
        traps: How many facts are asked for besides whose values a format may read as something else.
    """

    fields: int
    rows: int
    decoys: int
    corrections: int
    traps: int = 0


class Record(NamedTuple):
    """What was drawn.

    Args:
        scenario: What it is about.
        fields: The fields that are asked for.
        document: What the text says, as the document that is wanted.
        told: Sentences, in the order of the text.
        pairs: The same without words: names and values, also of decoys, which have names of their own.
    """

    scenario: Scenario
    fields: tuple[Field, ...]
    document: dict[str, Any]
    told: tuple[str, ...]
    pairs: tuple[tuple[str, Any], ...]


def check_knobs(fields: Any, rows: Any, decoys: Any, corrections: Any, traps: Any = 0) -> Knobs:
    """Refuse knobs out of their ranges.

    Raises:
        ConfigError: With the name, the value and the range.
    """
    check_int("fields", fields, 1, MOST_FIELDS)
    check_int("rows", rows, 0, MOST_ROWS)
    check_int("decoys", decoys, 0, 8)
    check_int("corrections", corrections, 0, fields)
    return Knobs(fields, rows, decoys, corrections, check_int("traps", traps, 0, len(TRAPS)))


def draw_record(rng: TaskRandom, knobs: Knobs) -> Record:
    """Draw a record with its text."""
    scenario = rng.choice(SCENARIOS)
    chosen = _some(rng, scenario.fields, knobs.fields)
    fields, corrected = tuple(field for field in scenario.fields if field in chosen), chosen[: knobs.corrections]
    traps = _some(rng, TRAPS, knobs.traps)
    fields += tuple(field for field in TRAPS if field in traps)
    document: dict[str, Any] = {field.name: _draw(rng, field) for field in fields}
    wrong = {field.name: _other(rng, field, document[field.name]) for field in corrected}
    told = [_sentence(rng, field, wrong.get(field.name, document[field.name])) for field in fields]
    pairs: list[tuple[str, Any]] = [(field.name, document[field.name]) for field in fields]
    for name, value in wrong.items():
        pairs.append((f"first {name}", value))
    taken: set[str] = set()
    for number in range(knobs.decoys):
        field = rng.choice([field for field in scenario.fields if field.aside])
        value = _other(rng, field, document.get(field.name))
        aside = rng.choice(field.aside)
        if value is not None and aside not in taken:
            taken.add(aside)
            told.append(_filled(aside, KINDS[field.kind].show(value)))
            pairs.append((f"{'other' if number % 2 else 'old'} {field.name}", value))
    if knobs.rows:
        document[scenario.rows.name] = _rows(rng, scenario, knobs.rows)
    told = _shuffled(rng, told)
    told += [_row_sentence(rng, scenario, row) for row in document.get(scenario.rows.name, ())]
    told += [_correction(field, document[field.name]) for field in corrected]
    return Record(scenario, fields, document, tuple(told), tuple(_shuffled(rng, pairs)))


def schema_of(record: Record) -> dict[str, Any]:
    """The JSON Schema of the documents that are wanted; the same for all records with the same fields.

    Example:
        >>> record = draw_record(TaskRandom(b"7"), Knobs(2, 0, 0, 0))
        >>> schema_of(record)["required"] == sorted(record.document)
        True
    """
    properties: dict[str, Any] = {field.name: _schema(field) for field in record.fields}
    rows = record.scenario.rows
    if rows.name in record.document:
        each = {rows.key: {"type": "string"}, **{name: dict(KINDS[kind].schema) for name, kind in rows.fields}}
        properties[rows.name] = {"type": "array", "items": _object(each)}
    return _object(properties)


def written_schema(schema: Mapping[str, Any]) -> str:
    """A schema of `schema_of` with one property a line."""
    lines = [f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in schema["properties"].items()]
    rest = json.dumps({key: value for key, value in schema.items() if key != "properties"})
    return "\n".join(("{", '  "properties": {', ",\n".join(lines), "  },", f"  {rest[1:]}"))


def compact(record: Record) -> str:
    """The pairs of a record and the names that are asked for, in short.

    Example:
        >>> record = draw_record(TaskRandom(b"7"), Knobs(1, 0, 1, 0))
        >>> compact(record).endswith(f">{record.fields[0].name}:")
        True
    """
    pairs = [f"{name}={_short(value)}" for name, value in record.pairs]
    of_list = record.scenario.rows.name
    rows = record.document.get(of_list, ())
    pairs += [f"{of_list}={','.join(f'{name} {_short(value)}' for name, value in row.items())}" for row in rows]
    wanted = [*(field.name for field in record.fields), *([of_list] if rows else [])]
    return f"{';'.join(pairs)}>{','.join(wanted)}:"


def _short(value: Any) -> str:
    plain = isinstance(value, str) and not _OF_JSON.fullmatch(value)
    return value if plain else json.dumps(value)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    required = sorted(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(field: Field) -> dict[str, Any]:
    if field.kind == "option":
        return {"enum": list(field.options)}
    own = _FLAG if field.kind == "flag" else KINDS[field.kind].schema
    meaning = f"{field.label}, {own['description']}" if "description" in own else field.label
    return {**own, "description": meaning}


def _draw(rng: TaskRandom, field: Field) -> Any:
    if field.kind == "flag":
        return rng.below(2) == 1
    return rng.choice(field.options) if field.kind == "option" else KINDS[field.kind].draw(rng)


def _other(rng: TaskRandom, field: Field, value: Any) -> Any:
    while (other := _draw(rng, field)) == value:
        pass
    return other


def _sentence(rng: TaskRandom, field: Field, value: Any) -> str:
    if field.kind == "flag":
        return field.say[not value]
    if value is None:
        return field.none
    return _filled(rng.choice(field.say), _shown(field, value))


def _filled(sentence: str, shown: str) -> str:
    """A sentence with its value; `p.m.` ends one already."""
    return sentence.format(shown).replace(".m..", ".m.")


def _shown(field: Field, value: Any) -> str:
    return str(value) if field.kind == "option" else KINDS[field.kind].show(value)


def _correction(field: Field, value: Any) -> str:
    """Takes back what was said of a field."""
    if field.kind == "flag":
        return f"Correction: {field.say[not value]}"
    if value is None:
        return f"Correction: {field.none}"
    return _filled(f"Correction: the {field.label} is {{}}.", _shown(field, value))


def _rows(rng: TaskRandom, scenario: Scenario, count: int) -> list[dict[str, Any]]:
    names = _some(rng, scenario.rows.names, count)
    return [
        {scenario.rows.key: name, **{key: KINDS[kind].draw(rng) for key, kind in scenario.rows.fields}}
        for name in names
    ]


def _row_sentence(rng: TaskRandom, scenario: Scenario, row: Mapping[str, Any]) -> str:
    shown = [KINDS[kind].show(row[key]) for key, kind in scenario.rows.fields]
    return rng.choice(scenario.rows.say).format(row[scenario.rows.key], *shown)


def _some(rng: TaskRandom, items: Any, count: int) -> list[Any]:
    """So many different ones, in a random order."""
    rest = list(items)
    return [rest.pop(rng.below(len(rest))) for _ in range(count)]


def _shuffled(rng: TaskRandom, items: list[Any]) -> list[Any]:
    return _some(rng, items, len(items))
