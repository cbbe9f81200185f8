"""JSON in calls: what is refused, and that the rest is read as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlvr_gym.envs.tools.formats.arguments import example_arguments, read_body, text_argument
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers.strict_json import MAX_DEPTH, MAX_JSON_CHARS, Malformed, flaw_of, read_json, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.text())
def test_what_is_written_is_read(value: Any, after: str) -> None:
    text = write_json(value)
    assert read_json(f"{text} {after}") == (value, len(text))
    assert json.loads(text) == value
    assert "</" not in text


@given(st.text())
def test_the_reader_agrees_with_the_library_or_refuses(text: str) -> None:
    try:
        value, end = read_json(text)
    except Malformed:
        return
    assert json.loads(text[:end]) == value


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("", "Expecting value at character 1, near ''"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes at character 2"),
        ('{"a": 1,}', "this is not JSON"),
        ("nan", "this is not JSON"),
        ("-Infinity", "not finite: -inf"),
        ("[1e400]", "not finite: inf"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' occurs twice"),
        ('"\\udc00"', "lone surrogate"),
        ('{"\\ud83d": 1}', "a key is no text"),
        ("1" * 5000, "too long"),
        ("1" * 4000, "too long"),
        ("[" * 33 + "]" * 33, "nested 32 deep"),
        ("[" * 100_000, "nested 32 deep"),
        ('{"a":' * 100_000, "nested 32 deep"),
        ('"' + "x" * (MAX_JSON_CHARS - 1) + '"', "may have 1,000,000 characters"),
        ('"' + "x" * MAX_JSON_CHARS + '"', "may have 1,000,000 characters"),
        ('"' + "x" * 10 * MAX_JSON_CHARS, "may have 1,000,000 characters"),
    ],
)
def test_flaws(text: str, flaw: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_json(text)
    assert flaw in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_is_just_allowed() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read_json(deep)[1] == 2 * MAX_DEPTH
    long = '"' + "x" * (MAX_JSON_CHARS - 2) + '"'
    assert read_json(long + " more")[1] == MAX_JSON_CHARS
    assert read_json('"\\ud83d\\ude00"') == ("\U0001f600", 14)


def test_python_values_that_are_no_json() -> None:
    assert "no JSON value" in flaw_of({"a": object()})
    assert flaw_of({"a": (1, 2.5, None, True, "x")}) == ""
    endless: list[Any] = []
    endless.append(endless)
    assert "nested" in flaw_of(endless)


def tool(**schemas: dict[str, Any]) -> Tool:
    required = [name for name, schema in schemas.items() if "default" not in schema]
    return Tool("t", "T.", {"type": "object", "properties": schemas, "required": required}, str)


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("schemas", "name"),
    [
        ({"a": TEXT}, "a"),
        ({"a": {**TEXT, "default": ""}}, "a"),
        ({"n": {**NUMBER, "default": 1}, "a": TEXT}, "a"),
        ({"a": TEXT, "b": {**TEXT, "default": ""}}, "a"),
        ({"a": NUMBER}, None),
        ({"a": TEXT, "b": TEXT}, None),
        ({"a": {**TEXT, "default": ""}, "b": {**TEXT, "default": ""}}, None),
        ({"a": {"anyOf": [TEXT, {"type": "null"}]}}, None),
        ({}, None),
    ],
)
def test_which_argument_a_plain_text_is(schemas: dict[str, Any], name: str | None) -> None:
    assert text_argument(tool(**schemas)) == name


def test_schemas_of_others_may_be_odd() -> None:
    odd = Tool("t", "T.", {"type": "object", "properties": {"a": True, "b": {"type": ["string", "null"]}}}, str)
    assert text_argument(odd) is None
    assert example_arguments(odd) == {"a": "the a"}
    assert read_body("", Tool("t", "T.", {}, str)) == {}


def test_examples_follow_the_schema() -> None:
    schemas: dict[str, Any] = {
        "file_name": TEXT,
        "n": NUMBER,
        "x": {"type": "number"},
        "yes": {"type": "boolean"},
        "order": {"enum": ["asc", "desc"]},
        "tags": {"type": "array", "items": TEXT},
        "most": {"anyOf": [NUMBER, {"type": "null"}]},
        "options": {"type": "object"},
        "city": {"type": "string", "examples": ["Oslo"]},
    }
    assert example_arguments(tool(**schemas)) == {
        "file_name": "the file name",
        "n": 1,
        "x": 1.5,
        "yes": True,
        "order": "asc",
        "tags": ["the tags"],
        "most": 1,
        "options": {},
        "city": "Oslo",
    }
