"""`calls@1`: what is read as a call, how values compare, and that the pairing is the best one."""

from __future__ import annotations

import ast
import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, Status, make_verifier
from rlvr_gym.verifiers.calls import Call, read_calls
from rlvr_gym.verifiers.calls.matching import best_pairs, best_pairs_in_order
from rlvr_gym.verifiers.strict_json import Malformed

JUDGE = make_verifier("calls@1")
LOGGED = make_verifier("calls@1", source="context")

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("True", "False", "None")
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
some_calls = st.lists(st.tuples(names, st.dictionaries(names, values, max_size=3)), min_size=1, max_size=3)


def wanted(*calls: tuple[str, dict[str, Any]], ordered: bool = False) -> dict[str, Any]:
    made = [{"name": n, "arguments": {k: {"value": v} for k, v in arguments.items()}} for n, arguments in calls]
    return {"calls": made, "ordered": ordered}


def entry(name: str, error: str = "", **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments, "error": error, "text": ""}


def as_python(name: str, arguments: dict[str, Any]) -> str:
    """Written with escapes that both readers know."""
    text = ", ".join(f"{key}={_literal(value)}" for key, value in arguments.items())
    return f"{name}({text})"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + "".join(c if c.isalnum() and c.isascii() else _escape(c) for c in value) + "'"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else character


@settings(max_examples=150, deadline=None, derandomize=True)
@given(some_calls)
def test_all_notations_say_the_same(calls: list[tuple[str, dict[str, Any]]]) -> None:
    objects = [{"name": name, "arguments": arguments} for name, arguments in calls]
    expected = [Call(name, arguments) for name, arguments in calls]
    assert read_calls(json.dumps(objects)) == expected
    assert read_calls("\n".join(f"<tool_call>{json.dumps(one)}</tool_call>" for one in objects)) == expected
    python = ", ".join(as_python(*call) for call in calls)
    assert read_calls(python) == read_calls(f"[{python}]") == expected
    for text, (_, arguments) in zip([as_python(*call) for call in calls], calls, strict=True):
        tree = ast.parse(text, mode="eval").body  # Python's own reader is the independent one
        assert isinstance(tree, ast.Call)
        assert {word.arg: ast.literal_eval(word.value) for word in tree.keywords} == arguments


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("f(),=[]{}:'\"\\ \n1.-+eaTrue<>_"), max_size=40))
@example("f(a=1_000)")
@example("f(a=0x10)")
@example("f(a=b'x')")
@example("f(a='\\N{DASH}')")
def test_what_is_read_as_python_is_what_python_reads(text: str) -> None:
    """Total, and never more than Python: what is read without a fault has the same value there."""
    try:
        calls = read_calls(text)
    except Malformed:
        return
    if text.strip().startswith(("{", "<tool_call>")) or not calls:
        return
    tree = ast.parse(text.strip(), mode="eval").body
    nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    for call, node in zip(calls, nodes, strict=True):
        assert isinstance(node, ast.Call)
        values = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
        assert json.dumps(values) == json.dumps(call.arguments)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("f(1)", "by name"),
        ("f(a=g())", "literals"),
        ("f(a=1, a=2)", "twice"),
        ("f(a=(1))", "tuple"),
        ("f(a=1) g(a=1)", "follows"),
        ("f(a=1j)", "not a call"),
        ("f(a=007)", "begin with 0"),
        ("f(a=1e400)", "not finite"),
        ("f(a=" + "9" * 2000 + ")", "characters"),
        ("f(a=" + "[" * 40, "nested"),
        ("f(a='\\ud800')", "surrogate"),
        ("f(a='\\q')", "escape"),
        ("f(a={1: 2})", "text is expected"),
        ("f(**{'a': 1})", "not a call"),
        ("lambda: 0", "'(' is expected"),
        ('{"name": "f"}', "a call is"),
        ('{"name": "f", "arguments": []}', "by name"),
        ('[{"name": "f", "arguments": {}}] more', "follows"),
        ('<tool_call>{"name": "f", "arguments": {}}', "must follow"),
        ("[" + "f(), " * 70 + "f()]", "64 calls"),
        ("f(a='" + "x" * 100_001 + "')", "100,000 characters"),
    ],
)
def test_what_is_no_call_is_told(text: str, says: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_calls(text)
    assert says in str(caught.value)


shares = st.integers(0, 4).map(lambda n: n / 4)
tables = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda size: st.lists(st.lists(shares, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tables, st.booleans())
def test_no_pairing_is_better(table: list[list[float]], ordered: bool) -> None:
    """Against all pairings, one by one."""
    rows, columns = len(table), len(table[0])
    best = 0.0
    for chosen in itertools.permutations([*range(columns), *[None] * rows], rows):
        taken = [j for j in chosen if j is not None]
        if not ordered or taken == sorted(taken):
            best = max(best, sum(table[i][j] for i, j in enumerate(chosen) if j is not None))
    pairs = (best_pairs_in_order if ordered else best_pairs)(table)
    assert sum(table[i][j] for i, j in pairs) == best
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    if ordered:
        assert [j for _, j in pairs] == sorted(j for _, j in pairs)


def test_a_call_is_taken_once_and_the_best_pairing_counts() -> None:
    """f(a=1, b=1) is half of one and all of the other; taken greedily it would go to the first."""
    two = wanted(("f", {"a": 1, "b": 2}), ("f", {"a": 1, "b": 1}))
    verdict = JUDGE.verify("f(a=1, b=1), f(a=1, b=2)", two)
    assert verdict.passed
    assert JUDGE.verify("f(a=1, b=1)", two).score == 1 / 2
    assert JUDGE.verify("f(a=1, b=1), f(a=1, b=1)", two).score == (1 + 2 / 3) / 2


def test_the_order_counts_only_where_it_is_asked_for() -> None:
    steps = [("a", {}), ("b", {}), ("c", {})]
    assert JUDGE.verify("c(), a(), b()", wanted(*steps)).passed
    verdict = JUDGE.verify("c(), a(), b()", wanted(*steps, ordered=True))
    assert (verdict.passed, verdict.score) == (False, 2 / 3)


@pytest.mark.parametrize(("penalty", "score"), [(1.0, 1 / 3), (0.5, 1 / 2), (2.0, 1 / 5)])
def test_each_call_too_many_costs(penalty: float, score: float) -> None:
    judge = make_verifier("calls@1", extra_penalty=penalty)
    verdict = judge.verify("f(a=1), f(a=2), f(a=1)", wanted(("f", {"a": 1})))
    assert (verdict.passed, verdict.score) == (False, score)
    assert "2 too many, 1 of all the same" in verdict.reason.text


def test_more_calls_never_score_more_than_the_right_ones() -> None:
    """Naming every value is worth less with every call."""
    reference = wanted(("f", {"a": 7}))
    scores = [JUDGE.verify(", ".join(f"f(a={n})" for n in range(7, 7 + k)), reference).score for k in (1, 2, 4, 60)]
    assert scores == [1.0, 1 / 2, 1 / 4, 1 / 60]


def test_calls_of_a_log() -> None:
    reference = wanted(("f", {"a": 1}), ("g", {}))
    done = [entry("g"), entry("f", a=1)]
    judged = [
        LOGGED.verify("f(a=1), g()", reference, context={"log": log})
        for log in (done, [*done, entry("f", "tool_error", a=2)], [entry("g"), entry("f", "tool_error", a=1)], [])
    ]
    assert [verdict.passed for verdict in judged] == [True, False, False, False]
    assert [verdict.score for verdict in judged] == [1.0, 2 / 3, 1 / 2, 0.0]


@pytest.mark.parametrize("context", [None, {}, {"log": "f()"}, {"log": [1]}])
def test_without_a_log_it_is_our_failure(context: Any) -> None:
    assert LOGGED.verify("f()", wanted(("f", {})), context=context).status is Status.VERIFIER_ERROR


def test_nothing_to_do_is_no_reference_for_a_log() -> None:
    assert not LOGGED.check_reference({"calls": []}).ok
    assert JUDGE.check_reference({"calls": []}).ok


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"extra_penalty": 0}, "above 0"),
        ({"extra_penalty": float("inf")}, "above 0"),
        ({"extra_penalty": True}, "above 0"),
        ({"source": "policy"}, "context, response"),
        ({"markers": []}, "markers"),
    ],
)
def test_settings_that_are_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_verifier("calls@1", **config)
