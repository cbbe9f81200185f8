"""`questions@1`: what a question asks, what a record is worth, and what is known to be overlooked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.games.questions import World, agreeing, read_step

OBJECTS: dict[str, list[str | int]] = {
    "pim": ["red", 2],
    "tol": ["red", 4],
    "vun": ["blue", 4],
    "zad": ["blue", 6],
    "rem": ["green", 0],
}
REFERENCE: dict[str, Any] = {"answer": "tol", "attributes": ["colour", "legs"], "objects": OBJECTS}
WORLD = World("tol", ("colour", "legs"), OBJECTS)
VERIFIER = make_verifier("questions@1", markers=["whole"])


@pytest.mark.parametrize(
    ("asked", "yes"),
    [
        ("is it red?", "pim tol"),
        ("  Is it  RED or\nblue ?", "pim tol vun zad"),
        ("colour = green", "rem"),
        ("legs > 4?", "zad"),
        ("legs>=4", "tol vun zad"),
        ("legs < 4", "pim rem"),
        ("legs <= 4.", "pim tol vun rem"),
        ("legs = 4", "tol vun"),
        ("legs > 9999999999", ""),
    ],
)
def test_what_a_question_asks(asked: str, yes: str) -> None:
    question = read_step(asked, WORLD)
    assert not isinstance(question, str)
    assert question.yes == set(yes.split())
    assert read_step(question.text, WORLD) == question  # the plain form says the same


@pytest.mark.parametrize("asked", ["tol", "Tol?", "is it tol", "IS IT TOL?"])
def test_a_name_is_the_guess(asked: str) -> None:
    assert read_step(asked, WORLD) == "tol"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "not_a_question"),
        ("is it", "not_a_question"),
        ("is it ", "not_a_question"),
        ("is it red or", "unknown_value"),
        ("is it or red", "unknown_value"),
        ("is it pim or tol", "several_names"),
        ("is it red or tol", "several_names"),
        ("is it red or 4", "unknown_value"),
        ("legs", "not_a_question"),
        ("legs > red", "wrong_kind"),
        ("colour > red", "wrong_kind"),
        ("colour = 4", "wrong_kind"),
        ("wings > 4", "unknown_attribute"),
        ("legs > -1", "not_a_question"),
        ("legs > ٤", "not_a_question"),
        ("2 < legs < 5", "not_a_question"),
    ],
)
def test_what_is_no_question(asked: str, code: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        read_step(asked, WORLD)
    assert raised.value.reason.code == code


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(st.text(max_size=12), st.sampled_from(["is it red", "legs > 3", "tol", "pim", ";"])), max_size=5)
)
def test_any_record_is_judged(steps: list[str]) -> None:
    verdict = VERIFIER.verify(";".join(steps), REFERENCE)
    assert verdict.gradable
    assert verdict.score == 1.0 if verdict.passed else verdict.score <= 0.5
    guesses = [step for part in ";".join(steps).split(";") if (step := part.strip().lower()) in OBJECTS]
    assert not verdict.passed or guesses == ["tol"]


@pytest.mark.parametrize(
    ("record", "score"),
    [
        ("pim", 0.0),  # 1/5 - 1/5: no question was asked
        ("is it red; pim", 1 / 2 - 1 / 5),  # two agree: pim and tol
        ("is it red or blue; is it red or blue; pim", 1 / 4 - 1 / 5),  # asking again tells nothing
        ("is it red; zad", 0.0),  # does not agree
        ("is it red; legs > 2; pim", 0.0),
        ("is it red; legs > 2", 0.0),  # no guess
        ("is it red; pim; zad", 0.0),
    ],
)
def test_the_dense_score(record: str, score: float) -> None:
    verdict = VERIFIER.verify(record, REFERENCE)
    assert not verdict.passed
    assert verdict.score == pytest.approx(score)


def test_asking_all_and_guessing_blindly_is_worth_nothing() -> None:
    """Whoever asks everything and always names the same thing is paid where that agrees: here it is the only one."""
    questions = "is it red; is it blue; legs > 1; legs > 3; legs > 5"
    scores = {name: VERIFIER.verify(f"{questions}; {name}", REFERENCE).score for name in OBJECTS}
    assert scores == {"pim": 0.0, "tol": 1.0, "vun": 0.0, "zad": 0.0, "rem": 0.0}


def test_agreeing_is_what_a_table_scan_says() -> None:
    steps = [read_step(text, WORLD) for text in ("is it red or green", "legs < 3")]
    questions = [step for step in steps if not isinstance(step, str)]
    # tol is red (yes) and has 4 legs (no): red or green with 3 legs or more
    assert agreeing(questions, WORLD) == ["tol"]


def test_blind_spots() -> None:
    luck, many = make_verifier("questions@1").blind_spots
    assert "luck" in luck
    assert VERIFIER.verify("tol", REFERENCE).passed
    assert "Any number" in many
    assert VERIFIER.verify("legs > 3; " * 199 + "tol", REFERENCE).passed
    assert not VERIFIER.verify("legs > 3; " * 200 + "tol", REFERENCE).passed
