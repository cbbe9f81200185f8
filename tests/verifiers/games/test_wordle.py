"""`wordle@1`: marks as the game gives them, and what is known to be overlooked."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.games.wordle import marks

words = st.text("abc", min_size=5, max_size=5)


@pytest.mark.parametrize(
    ("guess", "word", "told"),
    [
        ("crane", "crane", "GGGGG"),
        ("speed", "abide", "..Y.Y"),  # one e of two: the first
        ("speed", "erase", "Y.YY."),
        ("eerie", "abide", "...YG"),  # the e in place takes the only one
        ("allow", "lapel", "YYY.."),
        ("aabbb", "bbaaa", "YYYY."),
    ],
)
def test_marks_with_letters_that_repeat(guess: str, word: str, told: str) -> None:
    assert marks(guess, word) == told


@settings(max_examples=300, deadline=None, derandomize=True)
@given(guess=words, word=words)
def test_marks_count_what_the_words_share(guess: str, word: str) -> None:
    told = marks(guess, word)
    assert [mark == "G" for mark in told] == [one == other for one, other in zip(guess, word, strict=True)]
    assert 5 - told.count(".") == (Counter(guess) & Counter(word)).total()
    for letter in set(guess):  # of one letter's marks that are no G, the Ys come first
        others = "".join(mark for mark, each in zip(told, guess, strict=True) if each == letter and mark != "G")
        assert others == "".join(sorted(others, reverse=True))


def test_the_dense_score_pays_nothing_for_two_letters_in_place() -> None:
    verifier, reference = make_verifier("wordle@1"), {"answer": "crane"}
    tried = {"zzzzz": 0.0, "cruel": 0.0, "crazy": 1 / 3, "crate": 2 / 3, "enarc": 0.0}
    assert {guess: verifier.verify(f"#### {guess}", reference).score for guess in tried} == tried


def test_blind_spots() -> None:
    verifier = make_verifier("wordle@1")
    any_letters, elsewhere = verifier.blind_spots
    assert "Any letters" in any_letters
    assert verifier.verify("#### zqxjk", {"answer": "crane"}).status.value == "failed"
    assert "elsewhere" in elsewhere
    assert verifier.verify("#### enarc", {"answer": "crane"}).score == 0.0
