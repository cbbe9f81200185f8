"""`rlvr/StringTransform-v0`: every step does what its sentence says, by code that is written from the sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.structured.string_steps import KINDS, Step, applied, words_of
from rlvr_gym.envs.structured.strings import Problem, StringTransformEnv, StringTransformTaskSet
from rlvr_gym.verifiers import ConfigError, make_verifier

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def rotated(items: Any, count: int) -> Any:
    for _ in range(count):
        items = items[1:] + items[:1]
    return items


def shifted(text: str, places: int) -> str:
    """One letter after another, by its number."""
    out = ""
    for letter in text:
        if letter.lower() in ALPHABET:
            moved = chr((ord(letter.lower()) - 97 + places) % 26 + 97)
            letter = moved.upper() if letter.isupper() else moved
        out += letter
    return out


def stable(items: list[str], key: Callable[[str], Any]) -> list[str]:
    """Insertion sort; what is equal keeps its order."""
    done: list[str] = []
    for item in items:
        place = len(done)
        while place and key(done[place - 1]) > key(item):
            place -= 1
        done.insert(place, item)
    return done


def run_lengths(text: str) -> str:
    return "".join(f"{match[0][0]}{len(match[0])}" for match in re.finditer(r"(.)\1*", text))


def once(text: str) -> str:
    return "".join(letter for place, letter in enumerate(text) if letter not in text[:place])


def pairs(text: str) -> str:
    letters = list(text)
    for place in range(0, len(letters) - 1, 2):
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def lower(text: str) -> str:
    return text.lower()


NUMBER = r"(\d+)"
ON_STRINGS: list[tuple[str, Callable[..., str]]] = [
    ("Reverse the string.", lambda t: "".join(reversed(t))),
    (f"Move the first {NUMBER} letters to the end, in the same order.", lambda t, n: rotated(t, int(n))),
    ("Move the first letter to the end.", lambda t: rotated(t, 1)),
    (
        f"Replace each letter by the one {NUMBER} places? later in the alphabet; after z comes a. Case is kept.",
        lambda t, n: shifted(t, int(n)),
    ),
    ("Remove all vowels \\(a, e, i, o, u, in either case\\).", lambda t: re.sub("[aeiou]", "", t, flags=re.IGNORECASE)),
    (
        "Sort the letters alphabetically, whatever their case; equal letters keep their order.",
        lambda t: "".join(stable(list(t), lower)),
    ),
    (
        f"Remove every letter whose place, counted from 1, is a multiple of {NUMBER}.",
        lambda t, n: "".join(t[i - 1] for i in range(1, len(t) + 1) if i not in range(0, 500, int(n))),
    ),
    ("Swap upper and lower case.", lambda t: "".join(c.lower() if c.isupper() else c.upper() for c in t)),
    ("Write all vowels in upper case.", lambda t: re.sub("[aeiou]", lambda m: m[0].upper(), t)),
    ("Replace every '(.)' by '(.)'.", lambda t, a, b: b.join(t.split(a))),
    ("Double every '(.)'.", lambda t, a: (a + a).join(t.split(a))),
    ("Of each letter keep only the first occurrence; upper and lower case are different letters.", once),
    ("Swap the letters in pairs: the first with the second, the third with the fourth, and so on.", pairs),
    ("Append the reverse of the string to it.", lambda t: t + "".join(reversed(t))),
    ("Replace each run of the same letter by the letter and the length of the run, also where that is 1.", run_lengths),
]


def each(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: " ".join(map(change, text.split(" ")))


ON_WORDS: list[tuple[str, Callable[..., str]]] = [
    ("Reverse the order of the words.", lambda t: " ".join(reversed(t.split(" ")))),
    ("Reverse the letters of each word.", each(lambda w: "".join(reversed(w)))),
    (
        "Sort the words alphabetically, whatever their case; equal words keep their order.",
        lambda t: " ".join(stable(t.split(" "), lower)),
    ),
    (
        "Sort the words by their length, the shortest first; words of equal length keep their order.",
        lambda t: " ".join(stable(t.split(" "), len)),
    ),
    (
        f"Move the first {NUMBER} words to the end, in the same order.",
        lambda t, n: " ".join(rotated(t.split(" "), int(n))),
    ),
    ("Move the first word to the end.", lambda t: " ".join(rotated(t.split(" "), 1))),
    (
        f"Remove every word whose place, counted from 1, is a multiple of {NUMBER}.",
        lambda t, n: " ".join(w for i, w in enumerate(t.split(" ")) if (i + 1) % int(n) != 0),
    ),
    ("Write the first letter of each word in upper case.", each(lambda w: w[0].upper() + w[1:])),
    ("In each word move the first letter to the end.", each(lambda w: rotated(w, 1))),
    (
        "Sort the letters within each word alphabetically, whatever their case; equal letters keep their order.",
        each(lambda w: "".join(stable(list(w), lower))),
    ),
    *(entry for entry in ON_STRINGS if entry[0][:4] in ("Repl", "Remo", "Swap", "Doub") and "pairs:" not in entry[0]),
]
SENTENCES = {"letters": ON_STRINGS, "words": ON_WORDS}


def done(unit: str, text: str, sentence: str) -> str:
    for pattern, change in SENTENCES[unit]:
        match = re.fullmatch(pattern, sentence)
        if match:
            return change(text, *match.groups())
    raise AssertionError(sentence)


def read_back(prompt: str) -> str:
    """The result of what a prompt asks for, from its words alone."""
    match = re.match(r"Start with the (string|words) `(.*)` and apply", prompt)
    assert match is not None
    text = match[2]
    for sentence in re.findall(r"^\d+\. (.*)$", prompt, re.MULTILINE):
        text = done("letters" if match[1] == "string" else "words", text, sentence)
    return text


@pytest.mark.parametrize("unit", KINDS)
def test_a_step_does_what_its_sentence_says(unit: str) -> None:
    rng = TaskRandom(b"steps")
    for kind, known in KINDS[unit].items():
        for _ in range(25):
            letters = ["".join(rng.choice("abeiouzxyAEZ") for _ in range(rng.between(2, 9))) for _ in range(5)]
            text = letters[0] if unit == "letters" else " ".join(letters)
            step = Step(kind, known.draw(rng, text))
            assert applied(unit, text, step) == done(unit, text, words_of(unit, step)), (kind, text)


@pytest.mark.parametrize("level", range(6))
def test_the_answer_follows_from_the_words_of_the_prompt(level: int) -> None:
    env = StringTransformEnv(level=level)
    for index in range(40):
        prompt, _ = env.reset(options={"task_index": index})
        assert env.task.reference == read_back(str(prompt))
        assert env.step(str(env.task.solution))[4]["passed"]


def test_two_hundred_tasks_are_solved_by_their_solutions() -> None:
    for style in ("question", "compact"):
        env = StringTransformEnv(style=style)
        for index in range(200):
            env.reset(options={"task_index": index})
            assert env.step(str(env.task.solution))[4]["passed"]


def test_every_step_changes_the_text_and_none_is_repeated_at_once() -> None:
    tasks = StringTransformTaskSet(steps=5)
    for index in range(150):
        found: Problem = tasks._problem(index)
        text = found.text
        for step in found.steps:
            after = applied(found.unit, text, step)
            assert after != text
            text = after
        assert text == found.result != found.text
        assert all(one.kind != other.kind for one, other in zip(found.steps, found.steps[1:], strict=False))


def test_blind_answers_earn_nothing() -> None:
    tasks, verifier, passed = StringTransformTaskSet(), make_verifier("string@1"), 0
    for index in range(500):
        found, reference = tasks._problem(index), tasks[index].reference
        last = applied(found.unit, found.text, found.steps[-1])
        for guess in (found.text, found.text[::-1], last, found.text.upper()):
            passed += verifier.verify(f"<answer>{guess}</answer>", reference).score
    assert passed <= 5  # of 4,000, by chance the string reversed


@pytest.mark.parametrize("knobs", [{"steps": 0}, {"steps": 13}, {"length": 3}, {"words": 2}, {"unit": "x"}])
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        StringTransformTaskSet(**knobs)


@pytest.mark.parametrize("knobs", [{"steps": 12, "length": 4}, {"steps": 12, "words": 3}, {"length": 40, "words": 20}])
def test_extreme_knobs_have_tasks(knobs: dict[str, Any]) -> None:
    tasks = StringTransformTaskSet(**knobs)
    assert all(tasks[index].reference for index in range(10))


def test_case_counts_and_one_pair_of_quotation_marks_does_not() -> None:
    """The second half is a blind spot of `string@1`."""
    verifier = make_verifier("string@1")
    assert not verifier.verify("<answer>ABC</answer>", "abc").passed
    assert verifier.verify("<answer>'abc'</answer>", "abc").passed
    assert not verifier.verify("<answer>''abc''</answer>", "abc").passed
    assert verifier.verify("<answer>a \t b</answer>", "a b").passed


def test_letters_that_look_alike_differ() -> None:
    """A blind spot of `string@1`."""
    assert not make_verifier("string@1").verify("<answer>\u0430bc</answer>", "abc").passed
