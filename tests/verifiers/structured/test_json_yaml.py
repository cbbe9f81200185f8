"""`json@1` and `yaml@1`: reading, schemas, comparison leaf by leaf, and what they are known to overlook."""

from __future__ import annotations

import datetime
import importlib
import json
import sys
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import Verdict, make_verifier
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.errors import MissingExtraError
from rlvr_gym.verifiers.structured.document import document_in
from rlvr_gym.verifiers.structured.leaves import compared, leaf_count
from rlvr_gym.verifiers.structured.schema import KEYWORDS, check_schema, is_fixed, misfit
from rlvr_gym.verifiers.structured.yaml_scalars import read_scalar

examples = settings(max_examples=25, deadline=None, derandomize=True)
OBJECT = {"type": "object"}
NUMBERS = st.integers(-(10**9), 10**9)
TEXTS = st.text("abN0.:#-'\" é{[", max_size=4)
LEAVES = st.none() | st.booleans() | NUMBERS | NUMBERS.map(lambda n: n / 8)
VALUES = st.recursive(
    LEAVES | TEXTS, lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3), max_leaves=8
)
DOCUMENTS = st.lists(VALUES, min_size=1, max_size=3) | st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3)


def judged(name: str, response: str, answer: Any, schema: Any = OBJECT, **more: Any) -> Verdict:
    return make_verifier(name, markers=["whole"]).verify(response, {"schema": schema, "answer": answer, **more})


# --- Reading --------------------------------------------------------------------------------------------------------


@examples
@given(DOCUMENTS)
def test_what_is_written_is_read(value: Any) -> None:
    assert judged("json@1", json.dumps(value), value, {}).passed
    assert judged("json@1", f"```json\n{json.dumps(value, indent=1)}\n```", value, {}).passed
    assert judged("yaml@1", json.dumps(value), value, {}).passed


@examples
@given(DOCUMENTS)
def test_what_pyyaml_writes_is_read_or_refused(value: Any) -> None:
    """PyYAML quotes what YAML 1.1 reads otherwise, and not what YAML 1.2 does."""
    text = yaml.safe_dump(value, allow_unicode=True)
    verdict = judged("yaml@1", text, value, {})
    assert verdict.passed or verdict.reason.code in {"ambiguous_scalar", "anchor"}


@examples
@given(st.text("0123456789:._+-eExobnyNOf~=<", min_size=1, max_size=7))
def test_a_plain_scalar_is_what_a_reader_of_yaml_1_1_makes_of_it_or_is_refused(text: str) -> None:
    try:
        here = read_scalar(text)
        [there] = yaml.safe_load(f"- {text}")
    except (UnreadableError, yaml.YAMLError, ValueError, TypeError):
        return
    if isinstance(there, datetime.date | dict | list):  # dates are texts here; the others are no scalars
        return
    assert (type(here), here) == (type(there), there)


@pytest.mark.parametrize("text", ["no", "Yes", "ON", "off", "1:30", "010", "0b1", "1_000", "1e3", "-.5", "=", "<<"])
def test_what_the_versions_of_yaml_read_differently_is_refused_and_quoted_it_is_a_text(text: str) -> None:
    assert judged("yaml@1", f"- {text}", [text], {}).reason.code == "ambiguous_scalar"
    assert judged("yaml@1", f"- '{text}'", [text], {}).passed


def test_yaml_without_libyaml_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "a: 1\nb: [x, 'no']",
        "- &a 1",
        "- *a",
        "!!int 3",
        "a: 1\na: 2",
        "--- 1\n--- 2",
        "[" * 99,
        "a: \x00",
        "\ud800",
    ]
    found = [judged("yaml@1", text, {"a": 1, "b": ["x", "no"]}) for text in texts]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    again = [judged("yaml@1", text, {"a": 1, "b": ["x", "no"]}) for text in texts]
    assert [v.reason.code for v in again] == [v.reason.code for v in found]
    assert [v.passed for v in found] == [True] + [False] * 8


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("[1]", "[1]"),
        ("so:\n```json\n[1]\n```\nthat is it", "[1]"),
        ("```\n[1]\n```\n```JSON\n[2]\n```", "[2]"),
        ("```json\r\n[1]\r\n```\r\n", "[1]\r"),
    ],
)
def test_the_last_fenced_block_is_the_document(text: str, document: str) -> None:
    assert document_in(text, frozenset({"json"})) == document


@pytest.mark.parametrize(("name", "package"), [("json@1", "jsonschema"), ("yaml@1", "yaml")])
def test_a_missing_package_is_named_before_a_response_is_judged(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "schema" if package == "jsonschema" else "yaml_document"
    loaded = importlib.import_module(f"rlvr_gym.verifiers.structured.{module}")
    getter = loaded.library
    getter.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rlvr-gym\[structured\]'"):
        make_verifier(name)
    monkeypatch.undo()
    assert make_verifier(name).verify('{"n": 7}', {"schema": OBJECT, "answer": {"n": 7}}).passed


# --- Schemas --------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        None,
        True,
        0,
        1,
        -1,
        1.5,
        "string",
        "text",
        [],
        ["a"],
        ["a", "a"],
        [1],
        ["string", "null"],
        {},
        {"a": {}},
        {"a": 1},
    ]
)


@examples
@given(st.dictionaries(st.sampled_from(sorted(set(KEYWORDS) - {"$schema"})), PIECES, max_size=3))
def test_every_schema_that_is_taken_is_one(schema: dict[str, Any]) -> None:
    try:
        check_schema(schema)
    except ReferenceFault:
        return
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("keyword", ["$ref", "anyOf", "uniqueItems", "patternProperties", "multipleOf", "Type"])
def test_other_keywords_are_refused_wherever_they_stand(keyword: str) -> None:
    for schema in (
        {keyword: 1},
        {"items": {keyword: 1}},
        {"properties": {"a": {"additionalProperties": {keyword: 1}}}},
    ):
        with pytest.raises(ReferenceFault, match="schemas may use"):
            check_schema(schema)
    check_schema({"properties": {keyword: {}}})  # a name is no keyword


def test_patterns_that_could_go_back_are_refused() -> None:
    for pattern in ("(a+)+$", "^a*$", "^a+$", "^a?$", "^.*$", "^(a|a)*$", "a", "^a{1,9}$", "^[a-z]{4}", "^\\w{3}$", 7):
        assert not is_fixed(pattern), pattern
    for pattern in ("^$", "^a$", "^[0-9]{4}-[0-9]{2}$", "^[A-Z]{2}-\\d{4}$", "^\\(x\\)$"):
        assert is_fixed(pattern), pattern


def test_a_misfit_says_where_and_quotes_nothing() -> None:
    schema = json.dumps({"properties": {"rows": {"items": {"properties": {"n": {"maximum": 3}}}}}})
    assert misfit(schema, {"rows": [{"n": 3}]}) is None
    assert misfit(schema, {"rows": [{"n": 3}, {"n": 41}]}) == "the document at /rows/1/n does not satisfy 'maximum'"


# --- Comparison -----------------------------------------------------------------------------------------------------


@examples
@given(DOCUMENTS)
def test_a_document_says_what_it_says(value: Any) -> None:
    assert compared(value, value, {}).equal
    assert compared([value, 1], [1, value], {}, frozenset([()])).equal
    assert compared(value, value, {}).right == leaf_count(value)
    for nothing in ({}, [], None, "", 0):
        assert compared(nothing, {"x": value, "y": "z"}, {}).score == 0


def test_scores_by_hand() -> None:
    schema = {"properties": {"b": {"type": "boolean"}, "e": {"enum": ["x", "y"]}}}
    answer = {"a": "Ann", "b": True, "e": "x", "n": 7, "list": [1, 2]}
    score = lambda given: judged("json@1", json.dumps(given), answer, schema).score  # noqa: E731
    assert score({"b": True, "e": "x"}) == 0.0  # guesses
    assert score({"a": "Ann"}) == 1 / 6
    assert score({"a": "Ann", "n": 7, "list": [1, 3]}) == 3 / 6
    assert score({"a": "Ann", "n": 7, "m": 1}) == 1 / 6  # one is extra
    assert score({"a": "Ann", "m": {"x": 1, "y": [1, 2]}}) == 0.0  # three are
    assert score({**answer, "b": False}) == 4 / 6
    assert score({**answer, "list": [2, 1]}) == 2 / 6
    assert judged("json@1", json.dumps({**answer, "list": [2, 1]}), answer, schema, unordered=["/list"]).passed


def test_equal_items_of_an_unordered_list_find_each_other() -> None:
    rows = [{"n": 1, "m": 2}, {"n": 3, "m": 4}, {"n": 5, "m": 6}]
    found = compared([{"n": 3, "m": 4}, {"n": 1, "m": 9}, {"n": 5, "m": 6}], rows, {}, frozenset([()]))
    assert (found.right, found.extra) == (5, 0)
    assert compared(rows[:2] * 2, rows, {}, frozenset([()])) == (6, 4, 4, 2)


def test_only_the_schema_can_make_equal_documents_unequal() -> None:
    schema = {"properties": {"a": {"maxLength": 3}}}
    assert judged("json@1", '{"a": "Ann"}', {"a": "Ann"}, schema).passed
    assert judged("json@1", '{"a": "Ann "}', {"a": "Ann"}, schema).reason.code == "schema"


def test_what_does_not_fit_the_schema_scores_nothing() -> None:
    schema = {"required": ["a", "b"], "additionalProperties": False, "properties": {"a": {}, "b": {}, "c": {}}}
    answer = {"a": "x", "b": "y", "c": "z"}
    assert judged("json@1", '{"a": "x", "b": "y", "c": ""}', answer, schema).score == 2 / 3
    assert judged("json@1", '{"a": "x", "c": "z"}', answer, schema).score == 0.0


# --- Attacks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["json@1", "yaml@1"])
def test_empty_constant_and_odd_documents_earn_nothing(name: str) -> None:
    answer = {"who": "Ann", "n": 7, "paid": False, "tags": [], "note": None}
    texts = [
        "", "{}", "[]", "null", "0", '""', '{"paid": false, "tags": [], "note": null}', '{"who": null, "n": 0}',
        "[" * 9999, "{" * 9999, '{"a":' * 5000, "- " * 5000, "? " * 5000, "&a " * 5000, "\x00", "\ufeff{}", "1" * 5000,
        "9" * 4400, "[" + "1," * 9000 + "1]", '"' * 9999, "'" * 9999, "\ud800", "%" * 999, "!" * 999, "|\n" * 999,
    ]  # fmt: skip
    for text in texts:
        verdict = judged(name, text, answer)
        assert (verdict.gradable, verdict.passed, verdict.score) == (True, False, 0.0), text[:20]


def test_aliases_cannot_unfold() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n},' * 9}]\n" for n in range(20))
    assert judged("yaml@1", bomb, {"n": 7}).reason.code == "anchor"


# --- Blind spots ----------------------------------------------------------------------------------------------------


def test_what_json_is_known_to_overlook() -> None:
    assert judged("json@1", '{"n": 0.10000000000000000001}', {"n": 0.1}).passed  # digits from the 17th on
    assert not judged("json@1", '{"who": "ann"}', {"who": "Ann"}).passed  # another case
    schema = {"properties": {"at": {"type": "string", "format": "date"}}}
    assert judged("json@1", '{"at": "soon"}', {"at": "soon"}, schema).passed  # `format`
    assert judged("json@1", "[2, 3, 4]", [1, 2, 3, 4], {}).score == 0.0  # one left out
    assert judged("json@1", '```json\n{"n": 8}\n```\n```json\n{"n": 7}\n```', {"n": 7}).passed  # the last block


def test_what_yaml_is_known_to_overlook() -> None:
    assert judged("yaml@1", '{"n": 7}', {"n": 7}).passed  # JSON
    assert judged("yaml@1", "day: 2024-03-07", {"day": "2024-03-07"}).passed  # a plain date
    assert not judged("yaml@1", "who: ann", {"who": "Ann"}).passed  # another case
    assert judged("yaml@1", "n: 7\ncity: Oslo is wrong", {"n": 7, "city": "Oslo"}).score == 1 / 2  # says more
    assert not judged("yaml@1", "  n: 7\n  m: 8", {"n": 7, "m": 8}).passed  # indented as a whole
    assert judged("yaml@1", "```\nn: 8\n```\n```yaml\nn: 7\n```", {"n": 7}).passed  # the last block
