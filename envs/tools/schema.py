"""From a Python signature to a JSON Schema, and from arguments to what is wrong with them.

The schemas made here are a small part of JSON Schema: object, string, integer, number, boolean, null, array, enum. The
check is strict: no unknown argument, no number in quotes, no true for 1.
"""

from __future__ import annotations

import inspect
import json
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown, suggestion

Schema = Mapping[str, Any]

_PLAIN: Mapping[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}
_MOST_UNKNOWN = 3
_SECTIONS = ("Returns:", "Raises:", "Example:", "Yields:")


def parameters_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The JSON Schema of a function's arguments, from its annotations, its defaults and its docstring's `Args:`.

    Raises:
        ConfigError: An argument has no annotation or one that has no schema, or the docstring does not explain it.

    Example:
        >>> def add(a: int, b: int = 1) -> int:
        ...     '''Add.
        ...
        ...     Args:
        ...         a: One number.
        ...         b: The other.
        ...     '''
        ...     return a + b
        >>> parameters_of(add)["properties"]["b"], parameters_of(add)["required"]
        ({'type': 'integer', 'description': 'The other.', 'default': 1}, ['a'])
    """
    hints = get_type_hints(function)
    meanings = meanings_of(inspect.getdoc(function) or "")
    properties, required = {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ConfigError(f"the tool {function.__name__} needs a type for each argument, {name!r} has none")
        if name not in meanings:
            raise ConfigError(f"the docstring of the tool {function.__name__} does not say what {name!r} means")
        properties[name] = {**_schema_of(hints[name], name), "description": meanings[name]}
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            properties[name]["default"] = parameter.default
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def summary_of(function: Callable[..., Any]) -> str:
    """What stands in a docstring before its first section, on one line."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.partition("Args:")[0].partition("Returns:")[0].split())


def meanings_of(docstring: str) -> dict[str, str]:
    """The `Args:` of a docstring: name to meaning, continued lines joined.

    Example:
        >>> meanings_of("Add.\\n\\nArgs:\\n    a: One\\n        number.\\n    b: The other.\\n")
        {'a': 'One number.', 'b': 'The other.'}
    """
    found: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Args:\n")[2].splitlines():
        if line.strip() in _SECTIONS or (line and not line.startswith(" ")):
            break
        head, colon, rest = line.strip().partition(":")
        if colon and line.startswith("    ") and not line.startswith("     ") and head.isidentifier():
            name, found[head] = head, rest.strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def faults(arguments: Any, schema: Schema) -> list[str]:
    """What is wrong with the arguments of a call, one sentence each; empty where nothing is.

    Example:
        >>> schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        >>> faults({"n": "7"}, schema), faults({"n": 7}, schema)
        (["'n' must be an integer, got '7'"], [])
    """
    if not isinstance(arguments, Mapping):
        return [f"arguments must be an object, got {shown(arguments)}"]
    properties: Mapping[str, Any] = schema.get("properties", {})
    unknown = [name for name in arguments if name not in properties]
    found = [f"no argument {shown(name)}{suggestion(str(name)[:100], properties)}" for name in unknown[:_MOST_UNKNOWN]]
    if len(unknown) > _MOST_UNKNOWN:
        found.append(f"{len(unknown) - _MOST_UNKNOWN:,} more that do not exist")
    found += [f"the argument {name!r} is missing" for name in schema.get("required", ()) if name not in arguments]
    for name, value in arguments.items():
        if name in properties and (fault := _fault(value, properties[name], repr(name))):
            found.append(fault)
    return found


_NAMES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "integer": ("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "number": (
        "a finite number",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
    ),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "null": ("null", lambda value: value is None),
    "array": ("a list", lambda value: isinstance(value, list)),
    "object": ("an object", lambda value: isinstance(value, Mapping)),
}


def _fault(value: Any, schema: Schema, where: str) -> str | None:
    if "anyOf" in schema:
        options = schema["anyOf"]
        if any(_fault(value, option, where) is None for option in options):
            return None
        return f"{where} must be {' or '.join(_wanted(option) for option in options)}, got {shown(value)}"
    if "enum" in schema:
        fits = any(type(value) is type(option) and value == option for option in schema["enum"])
        return None if fits else f"{where} must be {_wanted(schema)}, got {shown(value)}"
    if not _NAMES[schema["type"]][1](value):
        return f"{where} must be {_wanted(schema)}, got {shown(value)}"
    if schema["type"] == "array":
        items = (_fault(item, schema["items"], f"{where}[{i}]") for i, item in enumerate(value))
    elif schema["type"] == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        items = (_fault(item, schema["additionalProperties"], f"{where}[{k!r}]") for k, item in value.items())
    else:
        return None
    return next((fault for fault in items if fault is not None), None)


def _wanted(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(option, ensure_ascii=False) for option in schema["enum"])
    return _NAMES[schema["type"]][0]


def _schema_of(annotation: Any, name: str) -> dict[str, Any]:
    if annotation in _PLAIN:
        return dict(_PLAIN[annotation])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema_of(argument, name) for argument in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema_of(arguments[0], name)}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _schema_of(arguments[1], name)}
    raise ConfigError(
        f"the argument {name!r} has the type {annotation!r}; a tool takes str, int, float, bool, Literal, "
        "list, dict[str, ...] and unions of them"
    )
