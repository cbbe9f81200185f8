"""Schemas of foreign tools: what a policy is shown of them, and what is wrong with arguments by them.

A foreign schema is data, and may be hostile. Nothing is fetched, no pattern of it is run, and the work of a check is
counted: what cannot be decided here is left to the server, which knows its own tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from rlvr_gym.envs.tools.formats.base import harmless
from rlvr_gym.envs.tools.schema import Schema
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import flaw_of

MAX_STEPS = 20_000
MAX_FAULTS = 5
MAX_FAULT_CHARS = 200
MAX_SHOWN_CHARS = 20_000
MAX_UNIQUE = 1_000
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_INLINED = 3  # references within references that are put in place of their names
_DEEPEST = 12
_LEFT_TO_THE_SERVER = ("pattern", "patternProperties", "unevaluatedProperties", "unevaluatedItems")

# What the validator raises where a reference leads to what is no schema, such as an example.
_NO_SCHEMA = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_steps: ContextVar[list[int]] = ContextVar("steps of a check")


class _TooMuch(Exception):
    """The check of some arguments takes too long."""


def check_references(schema: Any, where: str) -> None:
    """Refuse a schema that refers to anything outside of it.

    Raises:
        ConfigError: With the address that it names.
    """
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for key in _REFERENCES:
                if isinstance(value.get(key), str) and not value[key].startswith("#"):
                    raise ConfigError(
                        f"the schema of {where} refers to {shown(value[key])}; nothing is fetched, so leave the tool "
                        "out with allow="
                    )
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


class Check:
    """What tells the faults of arguments by a foreign schema, for `Tool.check`.

    Args:
        schema: As the server has it.

    Example:
        >>> schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        >>> check = Check(schema)
        >>> check({"n": "7"}, schema), check({"n": 7}, schema)
        (["'n': '7' is not of type 'integer'"], [])
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._validator = _validator(schema)

    def __reduce__(self) -> tuple[Any, ...]:
        return Check, (self._schema,)

    def __call__(self, arguments: Any, schema: Schema) -> list[str]:
        """One sentence a fault; empty where there is none, or where the server has to decide."""
        from referencing.exceptions import Unresolvable

        if not isinstance(arguments, Mapping):
            return [f"arguments must be an object, got {shown(arguments)}"]
        if flaw := flaw_of(arguments):
            return [flaw]
        token = _steps.set([0])
        try:
            errors = self._validator.iter_errors(arguments) if self._validator is not None else ()
            return [_told(error) for error in islice(errors, MAX_FAULTS)]
        except (_TooMuch, RecursionError, Unresolvable, *_NO_SCHEMA):
            return []
        finally:
            _steps.reset(token)


def _validator(schema: Mapping[str, Any]) -> Any:
    """None where the schema is none."""
    import jsonschema  # type: ignore[import-untyped]
    from referencing import Registry

    dialect = schema.get("$schema")
    known = {"$schema": dialect} if isinstance(dialect, str) else {}
    base = jsonschema.validators.validator_for(known, default=jsonschema.Draft202012Validator)
    try:
        base.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError):
        return None
    return _counting(base)(schema, registry=Registry())


def shown_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as a policy sees it: in the form that call formats read, without control tokens of chat templates.

    References to its own definitions are put in place where that is short; what is malformed is left out.

    Example:
        >>> shown_schema({"properties": {"n": {"$ref": "#/$defs/N"}, "x": True}, "$defs": {"N": {"type": "integer"}}})
        {'type': 'object', 'properties': {'n': {'type': 'integer'}, 'x': {}}, 'required': []}
    """
    found = _plain(schema, schema, _INLINED, 0)
    properties = found.get("properties", {})
    needed = schema.get("required")
    names = needed if isinstance(needed, list) else []
    required = [name for name in names if isinstance(name, str) and name in properties]
    kept = {key: value for key, value in found.items() if key not in ("$defs", "definitions", "$schema", "title")}
    whole = {**kept, "type": "object", "properties": properties, "required": required}
    if len(json.dumps(whole)) <= MAX_SHOWN_CHARS:
        return {"type": "object", **whole}
    bare: dict[str, Any] = {name: {} for name in list(properties)[:50]}
    return {"type": "object", "properties": bare, "required": [name for name in required if name in bare]}


def _plain(schema: Any, root: Mapping[str, Any], inlined: int, depth: int) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    target = _target(schema.get("$ref"), root) if inlined else None
    if target is not None:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_plain(target, root, inlined - 1, depth + 1), **_plain(rest, root, 0, depth + 1)}
    deeper = partial(_plain, root=root, inlined=inlined, depth=depth + 1)
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions"):
            if key == "properties" and isinstance(value, Mapping):
                found[key] = {harmless(str(name)): deeper(part) for name, part in value.items()}
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            if isinstance(value, list) and value:
                found[key] = [deeper(part) for part in value]
        elif key in ("items", "not", "if", "then", "else", "contains", "propertyNames"):
            found[key] = deeper(value)
        elif key == "additionalProperties":
            found[key] = deeper(value) if isinstance(value, Mapping) else value
        elif key != "enum" or (isinstance(value, list) and value):
            found[str(key)] = _harmless(value)
    return found


def _target(reference: Any, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a reference to the schema's own definitions stands for."""
    value: Any = root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    for part in reference[2:].split("/"):
        value = value.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def _harmless(value: Any) -> Any:
    """A JSON value whose texts are on one line each, without control tokens."""
    if isinstance(value, str):
        return " ".join(harmless(value).split())
    if isinstance(value, Mapping):
        return {harmless(str(key)): _harmless(item) for key, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, list) else value


def _told(error: Any) -> str:
    path = "".join(f"[{part!r}]" if at else repr(part) for at, part in enumerate(error.absolute_path))
    text = str(error.message)
    text = text if len(text) <= MAX_FAULT_CHARS else f"{text[:MAX_FAULT_CHARS]}…"
    return f"{path}: {text}" if path else text


@lru_cache(maxsize=8)
def _counting(base: Any) -> Any:
    """A class of validators that counts its work and runs no pattern."""
    import jsonschema

    keywords: dict[str, Any] = {name: partial(_counted, keyword) for name, keyword in base.VALIDATORS.items()}
    keywords |= dict.fromkeys(set(_LEFT_TO_THE_SERVER) & set(keywords), _nothing)
    for name in ("additionalProperties", "uniqueItems"):
        if name in keywords:
            keywords[name] = partial(_unless_costly, keywords[name])
    return jsonschema.validators.extend(base, keywords)


def _counted(keyword: Any, validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    steps = _steps.get()
    steps[0] += 1
    if steps[0] > MAX_STEPS:
        raise _TooMuch
    yield from keyword(validator, value, instance, schema) or ()


def _unless_costly(keyword: Any, validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Without what would run a pattern or compare each item with each other."""
    if "patternProperties" not in schema and not (isinstance(instance, list) and len(instance) > MAX_UNIQUE):
        yield from keyword(validator, value, instance, schema)


def _nothing(validator: Any, value: Any, instance: Any, schema: Any) -> tuple[()]:
    return ()
