"""JSON Schemas of references: which are taken, and whether a document fits one.

The library `jsonschema` decides (draft 2020-12). Schemas are limited to keywords that are checked in time linear in the
document: no references to other schemas, no `uniqueItems`, no pattern that could go back.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.errors import MissingExtraError, shown

MAX_PATTERN_CHARS = 200
_ATOM = r"(?:\[[^\[\]\\^&|~-][^\[\]\\&|~]*+\]|\\d|\\[.+*?()/-]|[A-Za-z0-9 _:@#,;/-])"
_FIXED = re.compile(rf"\^(?:{_ATOM}(?:\{{[1-9][0-9]?\}})?+)*+\$")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


def misfit(schema: str, document: Any) -> str | None:
    """Why a document does not fit a schema; None where it does.

    Args:
        schema: The text of a schema that `check_schema` took.
        document: A JSON value.

    Returns:
        Where it does not fit and which keyword says so. Values of the document are not quoted.

    Raises:
        MissingExtraError: `jsonschema` is not installed.

    Example:
        >>> misfit('{"type": "object", "required": ["n"]}', {}), misfit('{"type": "array"}', [])
        ("the document does not satisfy 'required'", None)
        >>> misfit('{"items": {"type": "integer"}}', [1, "2"])
        "the document at /1 does not satisfy 'type'"
    """
    error = next(_validator(schema).iter_errors(document), None)
    if error is None:
        return None
    where = "".join(f"/{step}" for step in error.absolute_path)
    return f"the document{f' at {where:.100}' if where else ''} does not satisfy {error.validator!r}"


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse what is not a schema of the limited kind.

    Args:
        schema: A JSON object.

    Raises:
        ReferenceFault: It uses another keyword or another pattern, or gives one a value that it cannot have.

    Example:
        >>> check_schema({"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}})
        >>> check_schema({"pattern": "(a+)+$"})
        Traceback (most recent call last):
            ...
        rlvr_gym.verifiers.base.ReferenceFault: a pattern is ^ and $ around characters of fixed counts, got '(a+)+$'
    """
    if schema.get("$schema", _DRAFT) != _DRAFT:
        raise ReferenceFault("bad_schema", f"'$schema' must be {_DRAFT!r}, got {shown(schema['$schema'])}")
    _check_keywords(schema)


def _check_keywords(schema: Any) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise ReferenceFault("bad_schema", f"a schema is an object or true or false, got {shown(schema)}")
    for keyword, value in schema.items():
        if keyword not in KEYWORDS:
            raise ReferenceFault("unknown_keyword", f"schemas may use {', '.join(KEYWORDS)}; got {shown(keyword)}")
        if not KEYWORDS[keyword](value):
            raise ReferenceFault("bad_schema", f"{keyword!r} cannot be {shown(value)}")
    if (pattern := schema.get("pattern")) is not None and not is_fixed(pattern):
        text = "a pattern is ^ and $ around characters of fixed counts, got"
        raise ReferenceFault("pattern_may_go_back", f"{text} {shown(pattern)}")
    for each in schema.get("properties", {}).values():
        _check_keywords(each)
    for keyword in ("items", "additionalProperties"):
        _check_keywords(schema.get(keyword, True))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_type(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    texts = bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)
    return texts and len(set(names)) == len(names)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping | bool)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_anything(value: Any) -> bool:
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


KEYWORDS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("$schema", "title", "description", "format", "pattern"), _is_text),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength"), _is_count),
    **dict.fromkeys(("items", "additionalProperties"), _is_schema),
    "type": _is_type,
    "properties": _is_mapping,
    "required": _is_names,
    "enum": _is_list,
    "const": _is_anything,
}
"""The keywords that a schema may use, and what their values are."""


def is_fixed(pattern: Any) -> bool:
    """Whether a pattern is anchored at both ends and matches texts of one length alone: then it cannot go back.

    Example:
        >>> is_fixed("^[0-9]{4}-[A-Z]$"), is_fixed("^(a+)+$"), is_fixed("[0-9]{4}")
        (True, False, False)
    """
    return isinstance(pattern, str) and len(pattern) <= MAX_PATTERN_CHARS and _FIXED.fullmatch(pattern) is not None


@functools.lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    return library().Draft202012Validator(json.loads(schema))


@functools.cache
def library() -> Any:
    """The package `jsonschema`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module("jsonschema")
    except ImportError as error:
        raise MissingExtraError("jsonschema", "structured", "checking a document by a JSON Schema") from error
