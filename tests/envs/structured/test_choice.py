"""`rlvr/MultipleChoice-v0` and `choice@1`: one option, all right ones, one for each of several questions."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs.dataset import DatasetEnv
from rlvr_gym.envs.structured.choice import KINDS, WORDS, MultipleChoiceEnv, MultipleChoiceTaskSet
from rlvr_gym.verifiers import ConfigError, Verdict, make_verifier

examples = settings(max_examples=80, deadline=None, derandomize=True)
ONE = {"options": ["7 cm", "8 m", "a bad cab", "9 mm"], "answer": "B"}
ALL = {**ONE, "answer": ["B", "D"]}
MANY = {"questions": [ONE, {**ONE, "answer": "D"}]}


def judged(answer: str, reference: Any = ONE, **config: Any) -> Verdict:
    return make_verifier("choice@1", **config).verify(f"<answer>{answer}</answer>", reference)


# --- choice@1 -------------------------------------------------------------------------------------------------------


@examples
@given(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=5), st.sampled_from([", ", " ", " and ", "; ", "\n"]))
def test_all_that_are_asked_for_are_these_and_no_others(letters: list[str], joint: str) -> None:
    text = joint.join(letters)
    assert judged(text, ALL).passed is (sorted(letters) == ["B", "D"])
    assert judged(text, ONE).passed is (letters == ["B"])
    assert judged(text, MANY).passed is (letters == ["B", "D"] and joint != " and ")


@examples
@given(st.text("ABDb 8m,;or()not.:1-\n", max_size=12))
def test_what_passes_names_the_right_option_and_no_other(text: str) -> None:
    if judged(text).passed:
        assert set(re.findall(r"[A-Z]", text.upper())) <= {"B", "M"}
        assert not re.search(r"\bor\b|not|,.*\w", text)


@pytest.mark.parametrize("text", ["A or B", "B or A", "A, B", "B/C", "A B C D", "A\nB\nC\nD", "A and B", "a, b", "B B"])
def test_several_letters_in_the_place_of_one_are_ambiguous(text: str) -> None:
    verdict = judged(text)
    assert (verdict.status.value, verdict.score, verdict.reason.code) == ("ambiguous", 0.0, "several")


@pytest.mark.parametrize("text", ["Because", "BAD", "cab", "Bravo", "not B", "all but A", "B is wrong", "B?", "8", "E"])
def test_letters_in_words_and_sentences_are_no_choice(text: str) -> None:
    assert judged(text).reason.code == "not_an_option"


def test_a_letter_and_a_text_must_agree() -> None:
    assert judged("B) 8 m").passed
    assert not judged("B) 7 cm").passed
    assert not judged("A) 8 m").passed
    letters = {"options": ["B", "A", "x"], "answer": "A) B"}  # the first option is the text B
    assert not make_verifier("choice@1").check_reference({**letters, "answer": "A"}).ok  # the letter or the text?
    assert [judged(text, letters).passed for text in ("A", "B", "A) B", "B) A")] == [False, False, True, False]


def test_what_choice_is_known_to_overlook() -> None:
    assert sum(judged(letter).passed for letter in "ABCD") == 1  # a guess is right once in four times
    assert not judged("eight metres").passed  # other words
    assert judged("1: B, 2: A", MANY).score == 0.0  # no partial credit
    assert judged("B", ALL).score == 0.0
    said = "The answer is B. No, that cannot be."
    assert make_verifier("choice@1", mode="lenient").verify(said, ONE).passed  # taken back afterwards
    assert make_verifier("choice@1").verify(said, ONE).reason.code == "no_marker"


def test_rows_of_a_file_can_be_asked(tmp_path: Path) -> None:
    rows = [{"question": "Longest?\nA) 7 cm\nB) 8 m", "answer": {"options": ["7 cm", "8 m"], "answer": "8 m"}}]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    env = DatasetEnv(path=str(file), verifier="choice@1")
    env.reset(seed=0)
    assert env.step("#### B")[1] == 1.0


# --- rlvr/MultipleChoice-v0 -----------------------------------------------------------------------------------------


def holds(says: str, option: str) -> bool:
    """Whether a statement holds of an option, written without the code under test."""
    for pattern, decide in _DECIDE.items():
        if found := re.fullmatch(pattern, says):
            return decide(option, *found.groups())
    raise AssertionError(says)


def millimetres(length: str) -> Fraction:
    number, unit = length.split()
    return Fraction(number) * {"mm": 1, "cm": 10, "m": 1000, "km": 10**6}[unit]


def minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def value(expression: str) -> int:
    one, _, other, sign, rest = expression.split()
    return int(one) * int(other) + int(sign + rest)


_DECIDE: dict[str, Callable[..., bool]] = {
    r"is divisible by (\d+)": lambda option, by: int(option) % int(by) == 0,
    r"is equal to (\d+)": lambda option, wanted: value(option) == int(wanted),
    r"is larger than (\d+/\d+)": lambda option, limit: Fraction(option) > Fraction(limit),
    r"is longer than (.*)": lambda option, limit: millimetres(option) > millimetres(limit),
    r"is a (\w+)": lambda option, day: f"{datetime.datetime.strptime(option, '%d %B %Y'):%A}" == day,
    r"is less than (\d+) minutes after (.*)": lambda option, many, start: (
        0 <= minutes(option) - minutes(start) < int(many)
    ),
    r"stands before '(\w+)' in a dictionary": lambda option, word: option < word,
    r"has the letters of '(\w+)' in another order": lambda option, word: (
        option != word and sorted(option) == sorted(word)
    ),
}


@pytest.mark.parametrize("knobs", [{"options": 8, "questions": 10}, {"options": 6, "questions": 1, "multiple": True}])
def test_the_right_options_and_no_others_are_right(knobs: dict[str, Any]) -> None:
    env, seen = MultipleChoiceEnv(**knobs), Counter[str]()
    for index in range(30 if knobs["questions"] > 1 else 120):
        prompt, _ = env.reset(options={"task_index": index})
        assert env.step(env.task.solution or "")[1] == 1.0
        blocks = re.findall(
            r"Which (?:one )?of these ([\w ]+?) ((?:is|has|stands) .*?)\?.*\n((?:[A-H]\) .*\n)+)", prompt
        )
        assert len(blocks) == knobs["questions"]
        reference = env.task.reference
        for (_, says, listed), question in zip(blocks, reference.get("questions", [reference]), strict=True):
            options = re.findall(r"([A-H])\) (.*)\n", listed)
            right = [letter for letter, option in options if holds(says, option)]
            assert right == list(question["answer"])
            assert [option for _, option in options] == question["options"]
            assert len(set(question["options"])) == knobs["options"]
            seen[says.split()[1]] += 1
    assert len(seen) >= 6


def test_letters_are_right_equally_often() -> None:
    taskset = MultipleChoiceTaskSet(questions=1, size=2000)
    counts = Counter(taskset.task(index).reference["answer"] for index in range(2000))
    # 400 each are expected, with a standard deviation of 18: 5 of them are passed once in a million times.
    assert all(310 < counts[letter] < 490 for letter in "ABCDE")


def test_compact_answers_are_letters() -> None:
    for knobs, length in (({"questions": 3}, 3), ({"questions": 1}, 1)):
        env = MultipleChoiceEnv(style="compact", **knobs)
        prompt, _ = env.reset(options={"task_index": 5})
        assert prompt.isascii()
        assert prompt.count("?") == length
        assert re.fullmatch(f"[A-E]{{{length}}}", env.task.solution or "")


def test_the_order_of_options_and_questions_is_no_other_problem() -> None:
    taskset = MultipleChoiceTaskSet()
    problem = taskset._problem(3)
    turned = tuple(each._replace(options=each.options[::-1]) for each in problem[::-1])
    assert taskset.split_key(turned) == taskset.split_key(problem)


def test_words_and_kinds_are_many() -> None:
    assert len(KINDS) == len(_DECIDE) == 8
    assert len(WORDS) >= 26
    assert list(WORDS) == sorted(WORDS)


@pytest.mark.parametrize(
    "knobs", [{"options": 1}, {"options": 9}, {"questions": 0}, {"questions": 11}, {"multiple": 1}]
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        MultipleChoiceEnv(**knobs)


def test_all_right_options_are_asked_for_in_one_question_alone() -> None:
    with pytest.raises(ConfigError, match="questions=1"):
        MultipleChoiceEnv(multiple=True)
