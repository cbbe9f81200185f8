"""Expected values as JSON with tags, and the policy of what is equal."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.code.calls import parse_policy
from rlvr_gym.verifiers.code.values import Policy, from_json, node, read_node

examples = settings(max_examples=200, deadline=None, derandomize=True)
nan, inf = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 1.0, True, None, "a"], [1, 1.0, True, None, "a"]),
        ({"a": {"$tuple": [1, [2]]}}, {"a": (1, [2])}),
        ({"$set": [1, 2]}, {1, 2}),
        ({"$frozenset": [{"$tuple": [1]}]}, frozenset({(1,)})),
        ({"$bytes": "00ff"}, b"\x00\xff"),
        ({"$complex": [1, {"$float": "-inf"}]}, complex(1, -inf)),
        ({"$float": "inf"}, inf),
        ({"$dict": [[1, 2], [{"$tuple": [1]}, "x"], ["$set", 0]]}, {1: 2, (1,): "x", "$set": 0}),
        ({"$dict": []}, {}),
        (10**400, 10**400),
    ],
)
def test_tags_stand_for_values(value: Any, expected: Any) -> None:
    found = from_json(value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    "value",
    [
        {"$tupel": []},
        {"$tuple": 1},
        {"$tuple": [], "x": 1},
        {"$set": [[1]]},
        {"$bytes": "xx"},
        {"$bytes": 5},
        {"$float": "infinity"},
        {"$float": 5},
        {"$complex": [1, 2, 3]},
        {"$dict": [[1]]},
        {"$dict": {"a": 1}},
        {"$dict": [[[1], 2]]},
        {1: 2},
        object(),
        b"x",
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, dict) else type(value).__name__,
)
def test_what_stands_for_no_value_is_refused(value: Any) -> None:
    with pytest.raises(ReferenceFault):
        from_json(value)


def test_endless_nesting_is_refused() -> None:
    deep: Any = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(ReferenceFault, match="deep"):
        from_json(deep)


# expected, got, the relaxations under which they are equal; "" is the strict policy
PAIRS: list[tuple[Any, Any, str]] = [
    (1, 1, ""),
    (1, 2, "never"),
    (1, True, "never"),
    (False, 0, "never"),
    (1, 1.0, "int_as_float"),
    (1.0, 1, "int_as_float"),
    (2**53 + 1, float(2**53), "never"),
    (10**400, inf, "never"),
    ("1", 1, "never"),
    ("a", b"a", "never"),
    (None, False, "never"),
    (None, [], "never"),
    ([1, 2], (1, 2), "tuple_as_list"),
    ((1, 2), [1, 2], "tuple_as_list"),
    ([[1], (2,)], [(1,), [2]], "tuple_as_list"),
    ([1, 2], [2, 1], "unordered"),
    ((1, 2), (2, 1), "never"),
    ([1, 1, 2], [1, 2, 2], "never"),
    ([[1, 2], [3]], [[3], [1, 2]], "unordered"),
    ([[1, 2], [3]], [[3], [2, 1]], "deep"),
    ([0, 1], range(2), "iterable_as_list"),
    ([0, 1], {0: 1, 1: 1}.keys(), "iterable_as_list"),
    (range(2), range(0, 2, 1), ""),
    ({1, 2}, {2, 1}, ""),
    ({1, 2}, frozenset({1, 2}), "never"),
    ({1, 2}, [1, 2], "never"),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
    ({"a": 1}, {"a": 1, "b": 2}, "never"),
    ({1: "x"}, {"1": "x"}, "never"),
    ({1: "x"}, {True: "x"}, "never"),
    ({"a": [1.5]}, {"a": [1.5000001]}, "float"),
    (0.3, 0.1 + 0.2, "float"),
    (0.3, 0.31, "never"),
    (3, 3.0000001, "never"),
    (nan, nan, ""),
    (nan, 0.0, "never"),
    (0.0, nan, "never"),
    (inf, inf, ""),
    (inf, -inf, "never"),
    (1e308, inf, "never"),
    (0.0, -0.0, ""),
    (1 + 2j, 1 + 2j, ""),
    (1 + 2j, 1 + 2.0000001j, "float"),
    (complex(nan, 1), complex(nan, 1), ""),
    (deque([1]), deque([1]), ""),
    (deque([1]), [1], "never"),
    (b"a", bytearray(b"a"), "never"),
    (..., ..., ""),
    ({(1, 2): {3}}, {(1, 2): {3}}, ""),
    ({frozenset({1, 2}): 0}, {frozenset({2, 1}): 0}, ""),
]
RELAXED = {
    "int_as_float": {"int_as_float": True},
    "tuple_as_list": {"tuple_as_list": True},
    "iterable_as_list": {"iterable_as_list": True},
    "unordered": {"unordered": True},
    "deep": {"unordered": "deep"},
    "float": {"float": {"rel": 1e-6, "abs": 1e-6}},
}


@pytest.mark.parametrize(("expected", "got", "under"), PAIRS, ids=repr)
def test_equality_is_strict_and_each_relaxation_does_what_it_says(expected: Any, got: Any, under: str) -> None:
    one, other = node(expected), node(got)
    assert Policy().equal(one, other) == (under == "")
    for name, config in RELAXED.items():
        wider = under == "unordered" and name == "deep"
        assert parse_policy(config).equal(one, other) == (under in ("", name) or wider), name


def test_a_tolerance_is_for_floats_and_not_for_integers() -> None:
    close = parse_policy({"float": {"rel": 0.1}, "int_as_float": True})
    assert close.equal(node(100.0), node(109.0))
    assert close.equal(node(100.0), node(109))
    assert not close.equal(node(100), node(109))


def test_opaque_answers_equal_nothing() -> None:
    opaque = read_node(b"H1:0")
    for policy in (Policy(), Policy(iterable_as_list=True, tuple_as_list=True, int_as_float=True, unordered="deep")):
        for expected in (0, None, [], "H", {}, ...):
            assert not policy.equal(node(expected), opaque)
            assert not policy.equal(node([expected]), (b"l", [opaque]))


def test_forged_trees_equal_nothing_that_is_expected() -> None:
    everything = Policy(iterable_as_list=True, tuple_as_list=True, int_as_float=True, unordered="deep")
    for data in (b"S2:i1:1i1:1", b"d2:i1:1i1:1i1:1i1:2", b"r3:i1:0i1:9i1:0", b"r1:i1:1", b"r3:s1:ai1:1i1:1", b"x0:"):
        for expected in ([1], {1}, {1: 1}, [0, 1], range(1), deque()):
            assert not everything.equal(node(expected), read_node(data))
    huge = b"r3:i1:0" + b"i20:" + b"f" * 32 + b"i1:1"
    assert not everything.equal(node([0, 1]), read_node(huge))


def test_colliding_keys_are_compared_in_sorted_order() -> None:
    modulus = 2**61 - 1  # hashes of integers are taken modulo this
    keys = [modulus * i for i in range(20_000)]
    tree = (b"S", [(b"i", key) for key in keys])
    assert Policy().equal(tree, (b"S", tree[1][::-1]))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)),
    max_leaves=10,
)


@examples
@given(json_values, json_values)
def test_equality_is_reflexive_and_symmetric(one: Any, other: Any) -> None:
    for policy in (Policy(), Policy(tuple_as_list=True, int_as_float=True, unordered="deep")):
        assert policy.equal(node(one), node(one))
        assert policy.equal(node(one), node(other)) == policy.equal(node(other), node(one))


leaves = st.sampled_from(
    [
        b"N0:",
        b"T0:",
        b"E0:",
        b"i1:1",
        b"f3:nan",
        b"f3:inf",
        b"f1:1",
        b"c3:1 2",
        b"c7:nan inf",
        b"s1:a",
        b"b1:a",
        b"H1:0",
        b"G1:0",
        b"C1:0",
        b"n1:x",
        b"P3:int",
    ]
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("ltSZrKVIgx"), st.lists(inner, max_size=4)).map(
            lambda pair: b"%b%x:" % (pair[0].encode(), len(pair[1])) + b"".join(pair[1])
        ),
        st.lists(st.tuples(inner, inner), max_size=2).map(
            lambda pairs: b"d%x:" % len(pairs) + b"".join(part for pair in pairs for part in pair)
        ),
    ),
    max_leaves=12,
)


@examples
@given(trees, trees)
def test_any_two_trees_are_compared(one: bytes, other: bytes) -> None:
    for policy in (
        Policy(),
        Policy(unordered="deep"),
        Policy(True, True, True, 0.1, 0.1, "deep"),
        Policy(iterable_as_list=True, unordered="top"),
    ):
        policy.equal(read_node(one), read_node(other))
        policy.equal(read_node(b"S2:" + one + other), read_node(b"S2:" + other + one))


@pytest.mark.parametrize(
    "config",
    [
        [],
        {"float": 1},
        {"float": {"abs": -1}},
        {"float": {"abs": nan}},
        {"float": {"abs": True}},
        {"float": {"eps": 1}},
        {"unordered": 1},
        {"unordered": "all"},
        {"unordered": []},
        {"tuple_as_list": 1},
        {"loose": True},
    ],
    ids=repr,
)
def test_a_policy_that_does_not_exist_is_refused(config: Any) -> None:
    with pytest.raises(ReferenceFault):
        parse_policy(config)
