"""The verdict: derived outcomes, refusals, and the JSON round trip."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import ConfigError, Part, Reason, Status, Timing, Verdict, VerifierId
from rlvr_gym.verifiers.verdict import ungradable

examples = settings(max_examples=150, deadline=None, derandomize=True)


ID = VerifierId("number", 1, "0a1b2c3d")
REASON = Reason("different", "5 is not 7")
UNGRADABLE = {"reference_error", "sandbox_error", "verifier_error"}

any_text = st.text(st.characters(exclude_categories=()), max_size=30)
parts = st.builds(Part, any_text, st.none() | st.booleans(), st.floats(0, 1), any_text)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    status = draw(st.sampled_from(Status))
    score = draw(st.floats(0, 1)) if status.gradable else 0.0
    reason = Reason(draw(any_text), draw(any_text))
    extracted = draw(st.none() | any_text)
    return Verdict(status, score, reason, ID, extracted, draw(any_text), tuple(draw(st.lists(parts, max_size=3))))


def test_only_the_passed_status_passes() -> None:
    passed = [status.value for status in Status if Verdict(status, 0.0, REASON, ID).passed]
    assert passed == ["passed"]


def test_the_three_outcomes_that_the_candidate_cannot_cause_are_ungradable() -> None:
    assert {status.value for status in Status if not Verdict(status, 0.0, REASON, ID).gradable} == UNGRADABLE
    assert {status.value for status in Status if not status.gradable} == UNGRADABLE


@pytest.mark.parametrize("score", [-0.01, 1.0000001, float("nan"), float("inf"), float("-inf")])
def test_a_score_outside_the_unit_interval_is_refused(score: float) -> None:
    with pytest.raises(ConfigError, match="score must lie in"):
        Verdict(Status.FAILED, score, REASON, ID)


@pytest.mark.parametrize("status", sorted(UNGRADABLE))
def test_an_ungradable_verdict_carries_no_score(status: str) -> None:
    with pytest.raises(ConfigError, match="must have score 0"):
        Verdict(Status(status), 0.5, REASON, ID)


@pytest.mark.parametrize("status", ["passed", "nonsense", None, 1])
def test_a_status_that_is_not_a_status_is_refused(status: object) -> None:
    with pytest.raises(ConfigError, match="status must be a Status"):
        Verdict(status, 0.0, REASON, ID)  # type: ignore[arg-type]


def test_a_verdict_cannot_be_changed() -> None:
    verdict = Verdict(Status.FAILED, 0.0, REASON, ID)
    with pytest.raises(FrozenInstanceError):
        verdict.status = Status.PASSED  # type: ignore[misc]


def test_timings_are_left_out_of_equality_hash_and_json() -> None:
    verdict = Verdict(Status.PASSED, 1.0, REASON, ID)
    timed = replace(verdict, timings=(Timing("parse", 0.25),))
    assert timed == verdict
    assert hash(timed) == hash(verdict)
    assert timed.to_dict() == verdict.to_dict()


def test_json_form_is_stable() -> None:
    verdict = Verdict(Status.FAILED, 0.5, REASON, ID, "5", "####/exact", (Part("value", None, 0.0, "later"),))
    assert verdict.to_dict() == {
        "status": "failed",
        "passed": False,
        "score": 0.5,
        "gradable": True,
        "reason": {"code": "different", "text": "5 is not 7"},
        "extracted": "5",
        "method": "####/exact",
        "parts": [{"name": "value", "passed": None, "score": 0.0, "detail": "later"}],
        "verifier": "number@1#0a1b2c3d",
    }


@examples
@given(verdicts())
def test_json_pickle_and_copy_give_an_equal_verdict(verdict: Verdict) -> None:
    for twin in (
        Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))),
        pickle.loads(pickle.dumps(verdict)),
        copy.deepcopy(verdict),
    ):
        assert twin == verdict
        assert hash(twin) == hash(verdict)
        assert twin.passed is verdict.passed
        assert twin.status is verdict.status


GOOD = Verdict(Status.PASSED, 1.0, REASON, ID, "7").to_dict()


@pytest.mark.parametrize(
    "data",
    [
        {},
        None,
        [],
        "verdict",
        {**GOOD, "status": "nonsense"},
        {**GOOD, "status": None},
        {**GOOD, "score": 2},
        {**GOOD, "score": "high"},
        {**GOOD, "score": float("nan")},
        {**GOOD, "score": 10**400},
        {**GOOD, "passed": False},
        {**GOOD, "gradable": False},
        {**GOOD, "verifier": "number"},
        {**GOOD, "verifier": 7},
        {**GOOD, "reason": "equal"},
        {**GOOD, "parts": [{"name": "value"}]},
        {**GOOD, "parts": None},
        {**GOOD, "status": "failed"},
        {**GOOD, "status": "reference_error"},
        {key: value for key, value in GOOD.items() if key != "extracted"},
        {"status": "passed", 1: 2},
    ],
    ids=str,
)
def test_what_is_not_a_verdict_is_refused(data: object) -> None:
    with pytest.raises(ConfigError, match="not a verdict"):
        Verdict.from_dict(data)  # type: ignore[arg-type]


def test_ungradable_refuses_a_gradable_status() -> None:
    assert ungradable(Status.SANDBOX_ERROR, "gone", "the sandbox is gone", ID).status is Status.SANDBOX_ERROR
    with pytest.raises(ConfigError, match="timeout is gradable"):
        ungradable(Status.TIMEOUT, "late", "too late", ID)
