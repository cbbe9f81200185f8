"""Sums of words: the search by columns against trying all digits; blind digits earn next to nothing."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.logic.cryptarithm import CryptarithmEnv, CryptarithmTaskSet, Search
from rlvr_gym.verifiers import ConfigError, make_verifier

examples = settings(max_examples=80, deadline=None, derandomize=True)
VERIFIER = make_verifier("cryptarithm@1")


def tried(words: list[str], known: dict[str, int]) -> list[dict[str, int]]:
    """All digits for all letters."""
    free = sorted(set("".join(words)) - set(known))
    left = [digit for digit in range(10) if digit not in known.values()]
    found = []
    for digits in itertools.permutations(left, len(free)):
        value = {**known, **dict(zip(free, digits, strict=True))}
        numbers = [int("".join(str(value[letter]) for letter in word)) for word in words]
        if sum(numbers[:-1]) == numbers[-1] and all(value[word[0]] or len(word) == 1 for word in words):
            found.append(value)
    return found


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["SEND", "MORE", "MONEY"], {"S": 9, "M": 1, "O": 0}),
        (["AB", "BA", "CDC"], {}),
        (["AB", "CD", "EF"], {"A": 1}),
        (["A", "B", "C"], {}),
        (["ABC", "ABC", "ABC", "CDD"], {}),
        (["AAB", "BBA", "CDDC"], {"D": 2}),
        (["AB", "AB", "AC"], {}),
        (["TWO", "TWO", "FOUR"], {"T": 7}),
    ],
)
def test_the_search_finds_what_trying_finds(words: list[str], known: dict[str, int]) -> None:
    found = Search(words, known, limit=10_000).run()
    assert sorted(map(str, map(sorted, map(dict.items, found)))) == sorted(
        str(sorted(each.items())) for each in tried(words, known)
    )
    assert len(Search(words, known, limit=2).run()) == min(2, len(found))


def test_known_puzzles_have_one_solution() -> None:
    for words, digits in (
        (["SEND", "MORE", "MONEY"], "95671082"),
        (["CROSS", "ROADS", "DANGER"], "962351874"),
    ):
        found = Search(words, {}, limit=5).run()
        letters = dict.fromkeys("".join(words))
        assert ["".join(str(each[letter]) for letter in letters) for each in found] == [digits]


@pytest.mark.parametrize("knobs", CryptarithmEnv.card.levels[:5], ids=str)
@pytest.mark.parametrize("style", ["question", "compact"])
def test_problems_have_the_one_solution_that_is_told(style: str, knobs: dict[str, int]) -> None:
    tasks = CryptarithmTaskSet(style=style, **knobs)  # type: ignore[arg-type]
    for index in range(6):
        task = tasks[index]
        reference = task.reference
        words = [*reference["addends"], reference["sum"]]
        assert len(reference["given"]) == knobs["given"]
        assert CryptarithmEnv.judge(style).verify(str(task.solution), reference).passed
        if knobs["given"] >= 3:
            assert len(tried(words, reference["given"])) == 1
        assert len(Search(words, reference["given"], limit=3).run()) == 1


def answer_of(digits: dict[str, int]) -> str:
    return "<answer>" + ", ".join(f"{letter}={digit}" for letter, digit in digits.items()) + "</answer>"


def test_blind_digits_earn_next_to_nothing() -> None:
    """Rising, falling and random digits, with what is given kept and the carried 1 in its place; 400 tasks."""
    tasks, draw = CryptarithmTaskSet(), random.Random(2)
    passed = {"rising": 0, "falling": 0, "random": 0}
    dense = dict.fromkeys(passed, 0.0)
    for index in range(400):
        reference = tasks[index].reference
        known = dict(reference["given"])
        if len(reference["sum"]) > len(reference["addends"][0]):
            known.setdefault(reference["sum"][0], 1)
        letters = [
            each for each in dict.fromkeys("".join([*reference["addends"], reference["sum"]])) if each not in known
        ]
        left = [digit for digit in range(10) if digit not in known.values()]
        ways = {"rising": left, "falling": left[::-1], "random": draw.sample(left, len(left))}
        for policy, digits in ways.items():
            verdict = VERIFIER.verify(answer_of({**known, **dict(zip(letters, digits, strict=False))}), reference)
            passed[policy] += verdict.passed
            dense[policy] += verdict.score / 400
    assert max(passed.values()) <= 3  # at a rate of 0.001, more in one of a thousand times
    assert max(dense.values()) < 0.08


def test_the_score_counts_columns_from_the_right() -> None:
    reference = {"addends": ["SEND", "MORE"], "sum": "MONEY"}
    right = dict(zip("SENDMORY", (9, 5, 6, 7, 1, 0, 8, 2), strict=True))
    assert VERIFIER.verify(answer_of(right), reference).score == 1.0
    # D=8, Y=3: 8 + 5 = 13 is right; R=7: 6 + 7 + 1 = 14 is not 5.
    assert VERIFIER.verify(answer_of({**right, "D": 8, "R": 7, "Y": 3}), reference).score == 0.2
    assert VERIFIER.verify(answer_of({**right, "Y": 4}), reference).score == 0.0
    # One column, and a carry that has no place.
    assert VERIFIER.verify("<answer>A=5,B=6,C=1</answer>", {"addends": ["A", "B"], "sum": "C"}).score == 0.0
    short = {"addends": ["AB", "C"], "sum": "D"}  # 12 + 3 is not 5: the column of A has no place in the sum
    assert VERIFIER.verify("<answer>A=1,B=2,C=3,D=5</answer>", short).score == 0.5


@examples
@given(st.text(st.sampled_from("SENDMORY=,; 0123456789"), max_size=40))
def test_any_text_is_judged(text: str) -> None:
    verdict = VERIFIER.verify(f"<answer>{text}</answer>", {"addends": ["SEND", "MORE"], "sum": "MONEY"})
    assert verdict.gradable
    assert not verdict.passed


@examples
@given(st.permutations(range(10)))
def test_a_sum_passes_exactly_when_it_is_right(digits: list[int]) -> None:
    words = ["AB", "CA", "BCA"]
    value: dict[str, Any] = dict(zip("ABC", digits, strict=False))
    numbers = [int("".join(str(value[letter]) for letter in word)) for word in words]
    right = sum(numbers[:2]) == numbers[2] and all(value[word[0]] for word in words)
    assert VERIFIER.verify(answer_of(value), {"addends": words[:2], "sum": words[2]}).passed == right


def test_renamed_and_reordered_puzzles_share_a_side_of_the_split() -> None:
    tasks = CryptarithmTaskSet()
    problem = tasks._problem(0)
    names = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ZYXWVUTSRQPONMLKJIHGFEDCBA", strict=True))
    first, second, total = ("".join(map(names.__getitem__, word)) for word in problem.words)
    other = problem._replace(
        words=[second, first, total],
        digits={names[letter]: digit for letter, digit in problem.digits.items()},
        given="".join(map(names.__getitem__, problem.given)),
    )
    assert tasks.split_key(other) == tasks.split_key(problem)


def test_blind_spots_are_as_stated() -> None:
    many = {"addends": ["A", "B"], "sum": "C"}
    assert VERIFIER.verify("<answer>A=1,B=2,C=3</answer>", many).passed
    assert VERIFIER.verify("<answer>A=2,B=5,C=7</answer>", many).passed
    wrong = {"S": 9, "E": 5, "N": 6, "D": 7, "M": 1, "O": 0, "R": 8, "Y": 3}  # all but the first column
    assert VERIFIER.verify(answer_of(wrong), {"addends": ["SEND", "MORE"], "sum": "MONEY"}).score == 0.0


def test_refused_knobs() -> None:
    for knobs in ({"digits": 2}, {"digits": 9}, {"addends": 4}, {"given": 6}):
        with pytest.raises(ConfigError):
            CryptarithmTaskSet(**knobs)  # type: ignore[arg-type]
