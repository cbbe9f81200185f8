"""`adventure@1`: commands and what they do, what cannot be done, what a record is worth, known blind spots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.games.adventure_world import acted, began, command, parse_world
from rlvr_gym.verifiers.games.replay import ImpossibleMoveError

CASE = json.loads((Path(__file__).parents[1] / "fixtures" / "adventure@1.json").read_text(encoding="utf-8"))["cases"][0]
REFERENCE: dict[str, Any] = CASE["reference"]
WAY = CASE["passes"][0].removeprefix("<answer>").removesuffix("</answer>").split("; ")
VERIFIER = make_verifier("adventure@1", markers=["whole"])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("N", "go north"),
        ("walk  west.", "go west"),
        ("get the red key", "take red key"),
        ("t k", "take k"),
        ("u d k", "unlock d with k"),
        ("use red key on red door", "unlock red door with red key"),
        ("combine hook and cord", "combine hook with cord"),
        ("put crown in box", "put crown on box"),
        ("LOOK", "look"),
        ("i", "inventory"),
    ],
)
def test_commands_are_read(text: str, plain: str) -> None:
    assert command(text) == plain
    assert command(plain) == plain


@pytest.mark.parametrize(
    "text",
    ["", " ", "dance", "take", "go", "go up", "north south", "put crown", "use key", "unlock with key",
     "unlock door with", "take a b c", "take k3y", "take ключ", "take \x00", "goal", "take crown; drop it",
     "u d k m", "combine", "x" * 5000],
)  # fmt: skip
def test_what_is_no_command(text: str) -> None:
    assert command(text) is None


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_is_a_command_or_none(text: str) -> None:
    plain = command(text)
    assert plain is None or command(plain) == plain


def test_the_way_by_hand_and_its_score() -> None:
    """Needed are the door, the chest, the lamp and the grapple, and the goal is one more: five in all."""
    scores = [VERIFIER.verify("; ".join(WAY[:length]), REFERENCE).score for length in range(1, len(WAY) + 1)]
    # lamp after 1, chest after 6, door after 9, grapple after 13, goal after 16
    assert scores == [0.2] * 5 + [0.4] * 3 + [0.6] * 4 + [0.8] * 3 + [1.0]


@pytest.mark.parametrize(
    ("done", "move", "why"),
    [
        (0, "go north", "there is no way in that direction"),
        (0, "go east", "the red door bars the way"),
        (0, "take iron key", "you see nothing of that name that you could take"),  # in the closed crate
        (0, "take unicorn", "you see nothing of that name that you could take"),  # that is nowhere: the same words
        (0, "open red door", "the red door does not open by itself: unlock it with something, or use something on it"),
        (0, "open chest", "you see nothing of that name that you could open"),
        (0, "unlock red door with red key", "you have no red key"),
        (0, "put grapple on shelf", "you have no grapple"),
        (1, "take lamp", "you have that already"),
        (1, "unlock red door with lamp", "the lamp does not do for the red door"),
        (1, "unlock chest with lamp", "you see nothing of that name that you could unlock"),
        (2, "open crate", "that is open already"),
        (3, "light iron key", "that gives no light"),
        (4, "light lamp", "it is lit already"),
        (5, "open chest", "the chest is locked: unlock it with something"),
        (5, "put lamp on shelf", "that does not belong there"),
        (5, "put lamp on altar", "you see no place of that name"),
        (8, "combine lamp with iron key", "these two do not make anything"),
        (13, "combine hook with cord", "you have no hook"),  # it is a part of the grapple now
    ],
)
def test_what_cannot_be_done_and_why(done: int, move: str, why: str) -> None:
    world = parse_world(REFERENCE)
    position = began(world)
    for earlier in WAY[:done]:
        position = acted(position, earlier, world)
    with pytest.raises(ImpossibleMoveError) as raised:
        acted(position, move, world)
    assert str(raised.value) == why


def test_in_the_dark_nothing_is_found() -> None:
    world = parse_world(REFERENCE)
    position = acted(began(world), "go south", world)
    with pytest.raises(ImpossibleMoveError, match="you see nothing of that name"):
        acted(position, "open chest", world)


def test_nothing_is_earned_twice() -> None:
    lit = "; ".join(WAY[:4])
    assert (
        VERIFIER.verify(lit, REFERENCE).score == VERIFIER.verify(f"{lit}; look; s; n; s; n; i", REFERENCE).score == 0.2
    )
    assert VERIFIER.verify(f"{lit}; light lamp", REFERENCE).reason.code == "impossible_move"


def test_blind_spots() -> None:
    many, unchecked = make_verifier("adventure@1").blind_spots
    assert "Any commands" in many
    assert VERIFIER.verify("look; " * 500 + "; ".join(WAY), REFERENCE).passed
    assert "not checked" in unchecked
    assert VERIFIER.check_reference({**REFERENCE, "items": {**REFERENCE["items"], "red key": "attic"}}).ok
