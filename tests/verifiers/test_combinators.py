"""Combinators: three-valued logic, who decides, and configurations that travel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from rlvr_gym.verifiers import (
    ConfigError,
    Reason,
    Status,
    UnknownNameError,
    Verdict,
    Verifier,
    all_of,
    any_of,
    first,
    gate,
    make_verifier,
    weighted,
)


@dataclass(frozen=True)
class Fixed(Verifier):
    """Says what it was told to say, whatever the response."""

    name = "fixed"
    version = 1

    status: str = "passed"
    score: float = 0.0

    def parse_reference(self, reference: Any) -> Any:
        return reference

    def judge(self, response: str, gold: Any, context: Any) -> Verdict:
        return Verdict(Status(self.status), self.score, Reason(f"was_{self.status}", ""), self.id, self.status)


PASS = Fixed("passed", 1.0)
FAIL = Fixed("failed", 0.25)
NONE = Fixed("no_answer", 0.0)
BROKEN = Fixed("sandbox_error", 0.0)
CHILDREN = {"pass": PASS, "fail": FAIL, "none": NONE, "broken": BROKEN}


def judged(verifier: Verifier) -> tuple[str, float]:
    verdict = verifier.verify("any", "any")
    return verdict.status.value, verdict.score


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ((PASS, PASS), ("passed", 1.0)),
        ((PASS, FAIL), ("failed", 0.625)),  # (1 + 0.25) / 2
        ((NONE, FAIL), ("no_answer", 0.125)),
        ((PASS, BROKEN), ("sandbox_error", 0.0)),
        ((BROKEN, FAIL), ("failed", 0.125)),  # it has failed, whatever the broken one would have said
        ((Fixed("failed", 1.0), PASS), ("failed", 1 - 2**-53)),  # below 1 unless it passed
    ],
)
def test_all_of(children: tuple[Verifier, ...], expected: tuple[str, float]) -> None:
    assert judged(all_of(*children)) == expected


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ((FAIL, PASS), ("passed", 1.0)),
        ((BROKEN, PASS), ("passed", 1.0)),  # it has passed, whatever the broken one would have said
        ((FAIL, BROKEN), ("sandbox_error", 0.0)),
        ((NONE, FAIL), ("failed", 0.25)),
        ((Fixed("failed", 1.0), NONE), ("failed", 1 - 2**-53)),
    ],
)
def test_any_of(children: tuple[Verifier, ...], expected: tuple[str, float]) -> None:
    assert judged(any_of(*children)) == expected


@pytest.mark.parametrize(
    ("condition", "then", "expected", "judged_children"),
    [
        (PASS, FAIL, ("failed", 0.25), 2),
        (PASS, PASS, ("passed", 1.0), 2),
        (FAIL, PASS, ("failed", 0.0), 1),
        (NONE, PASS, ("no_answer", 0.0), 1),
        (BROKEN, PASS, ("sandbox_error", 0.0), 1),
        (PASS, BROKEN, ("sandbox_error", 0.0), 2),
    ],
)
def test_gate(condition: Verifier, then: Verifier, expected: tuple[str, float], judged_children: int) -> None:
    gated = gate(condition, then)
    assert judged(gated) == expected
    assert len(gated.verify("any", "any").parts) == judged_children


@pytest.mark.parametrize(
    ("children", "weights", "expected"),
    [
        ((PASS, FAIL), (3, 1), ("failed", 0.8125)),  # (3 * 1 + 1 * 0.25) / 4
        ((PASS, PASS), (0.1, 0.2), ("passed", 1.0)),
        ((PASS, FAIL), (1, 0), ("passed", 1.0)),  # a child of weight 0 does not count
        ((PASS, BROKEN), (1, 0), ("passed", 1.0)),
        ((FAIL, BROKEN), (1, 1), ("sandbox_error", 0.0)),
        ((PASS, FAIL), (1e6, 1e-6), ("failed", pytest.approx(1 - 7.5e-13))),
        ((PASS, Fixed("failed", 1.0)), (1, 1), ("failed", 1 - 2**-53)),
    ],
)
def test_weighted(children: tuple[Verifier, ...], weights: tuple[float, ...], expected: tuple[str, float]) -> None:
    assert judged(weighted(*children, weights=weights)) == expected


@pytest.mark.parametrize(
    ("children", "expected", "judged_children"),
    [
        ((NONE, PASS), ("passed", 1.0), 2),
        ((FAIL, PASS), ("failed", 0.25), 1),
        ((NONE, NONE), ("no_answer", 0.0), 2),
        ((BROKEN, PASS), ("sandbox_error", 0.0), 1),
    ],
)
def test_first(children: tuple[Verifier, ...], expected: tuple[str, float], judged_children: int) -> None:
    chain = first(*children)
    assert judged(chain) == expected
    assert len(chain.verify("any", "any").parts) == judged_children


@pytest.mark.parametrize("names", list(product(CHILDREN, repeat=3)), ids="-".join)
def test_a_composite_passes_only_where_its_logic_says_so(names: tuple[str, ...]) -> None:
    children = [CHILDREN[name] for name in names]
    conjunction, disjunction = all_of(*children).verify("", ""), any_of(*children).verify("", "")
    assert conjunction.passed is all(name == "pass" for name in names)
    assert disjunction.passed is any(name == "pass" for name in names)
    assert conjunction.gradable is ("broken" not in names or "fail" in names or "none" in names)
    assert disjunction.gradable is ("broken" not in names or "pass" in names)
    assert weighted(*children, weights=(1, 1, 1)).verify("", "").passed is conjunction.passed
    for verdict in (conjunction, disjunction):
        assert verdict.passed is (verdict.score == 1.0)
        assert [part.passed for part in verdict.parts] == [
            None if name == "broken" else name == "pass" for name in names
        ]


def test_the_verdict_shows_the_answer_of_the_child_that_decided() -> None:
    either = any_of(make_verifier("number@1", markers=["####"]), make_verifier("math@1"))
    verdict = either.verify("#### 5\n\\boxed{7}", "7")
    assert (verdict.passed, verdict.extracted) == (True, "7")
    chain = first(NONE, PASS).verify("", "")
    assert chain.extracted == "passed"
    assert all_of(PASS, FAIL).verify("", "").extracted == "failed"
    assert gate(PASS, FAIL).verify("", "").extracted == "failed"
    assert weighted(PASS, FAIL, weights=(1, 1)).verify("", "").extracted == "failed"


def test_each_child_sees_the_whole_response_and_cannot_be_played_against_another() -> None:
    both = all_of(make_verifier("number@1", markers=["####"]), make_verifier("math@1"))
    assert both.verify("#### 7\n\\boxed{7}", "7").passed
    assert not both.verify("#### 5\n\\boxed{7}", "7").passed
    assert not both.verify("#### 7", "7").passed


def test_a_reference_must_suit_every_child() -> None:
    both = all_of(make_verifier("number@1"), make_verifier("math@1"))
    verdict = both.verify("#### 5", "x+1")
    assert (verdict.status.value, verdict.gradable) == ("reference_error", False)
    assert not both.check_reference("x+1").ok
    assert "number@1" in both.check_reference("x+1").reason.text


SPECS = [
    ("all_of@1", {}, "at least one child"),
    ("all_of@1", {"children": []}, "at least one child"),
    ("any_of@1", {"children": []}, "at least one child"),
    ("first@1", {"children": []}, "at least one child"),
    ("weighted@1", {"children": [], "weights": []}, "not all be 0|at least one"),
    ("gate@1", {"children": ["number@1"]}, "takes two children"),
    ("gate@1", {"children": ["number@1"] * 3}, "takes two children"),
    ("all_of@1", {"children": "number@1"}, "must be a list"),
    ("all_of@1", {"children": None}, "must be a list"),
    ("all_of@1", {"children": 5}, "must be a list"),
    ("all_of@1", {"children": [5]}, "a child is"),
    ("all_of@1", {"children": [{"name": "number@1"}]}, "a child is"),
    ("all_of@1", {"children": [{"verifier": "number@1", "name": "x"}]}, "no setting 'name'"),
    ("all_of@1", {"children": [{"verifier": "number@1", 1: 2}]}, "no setting 1"),
    ("all_of@1", {"children": ["number@1"], "weights": [1]}, "no setting 'weights'"),
    ("weighted@1", {"children": ["number@1"], "weights": []}, "as many weights"),
    ("weighted@1", {"children": ["number@1"], "weights": [0]}, "not all be 0"),
    ("weighted@1", {"children": ["number@1"], "weights": [-1]}, "must lie in"),
    ("weighted@1", {"children": ["number@1"], "weights": [float("nan")]}, "must lie in"),
    ("weighted@1", {"children": ["number@1"], "weights": [float("inf")]}, "must lie in"),
    ("weighted@1", {"children": ["number@1"], "weights": [10**400]}, "must lie in"),
    ("weighted@1", {"children": ["number@1"] * 2, "weights": [1e308, 1e308]}, "must lie in"),
    ("weighted@1", {"children": ["number@1"], "weights": ["1"]}, "not supported"),
    ("weighted@1", {"children": ["number@1"], "weights": 1}, "no len"),
]


@pytest.mark.parametrize(("name", "config", "message"), SPECS)
def test_a_composite_that_makes_no_sense_is_refused(name: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_verifier(name, **config)


@pytest.mark.parametrize("child", ["nubmer@1", {"verifier": 5}, {"verifier": ["number@1"]}, {"verifier": None}])
def test_an_unknown_child_is_refused(child: object) -> None:
    with pytest.raises(UnknownNameError, match="unknown verifier"):
        make_verifier("all_of@1", children=[child])


def test_a_child_that_is_no_verifier_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a Verifier"):
        all_of("number@1")  # type: ignore[arg-type]


def test_children_are_written_as_specs_or_names_alike() -> None:
    long = make_verifier("any_of@1", children=[{"verifier": "number@1"}, "math@1"])
    assert long == any_of(make_verifier("number@1"), make_verifier("math@1"))
    assert long.id == any_of(make_verifier("number@1"), make_verifier("math@1")).id


def test_whole_and_decimal_weights_are_one_configuration() -> None:
    whole = make_verifier("weighted@1", children=["number@1", "math@1"], weights=[3, 1])
    decimal = make_verifier("weighted@1", children=["number@1", "math@1"], weights=[3.0, 1.0])
    assert whole == decimal
    assert whole.id == decimal.id


def test_composites_nest() -> None:
    inner = {"verifier": "any_of@1", "children": ["number@1", "math@1"]}
    nested = make_verifier("all_of@1", children=[inner, {"verifier": "number@1", "markers": ["boxed"]}])
    assert make_verifier(nested.key, **nested.config()) == nested
    assert nested.verify(r"\boxed{7}", "7").passed
    assert not nested.verify("#### 7", "7").passed
