"""`rlvr/OutputPrediction-v0`: our evaluator gives what Python prints, and the answer cannot be read off the prompt."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs.output_prediction import OutputPredictionTaskSet
from rlvr_gym.envs.small_python import (
    Applied,
    Assign,
    Binary,
    Count,
    Each,
    Function,
    If,
    Item,
    Name,
    Number,
    Shrink,
    TooMuch,
    Total,
)
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.sandbox import RunSpec, make_sandbox

A, B, ONE = Name("a"), Name("b"), Number(1)
KNOBS: list[dict[str, Any]] = [
    {},
    {"statements": 1, "depth": 0},
    {"statements": 10, "depth": 3, "variables": 4, "steps": 300},
    {"statements": 12, "depth": 0, "high": 1000},
]


def test_python_prints_what_our_evaluator_gives() -> None:
    questions = [OutputPredictionTaskSet(seed=1, **knobs)._problem(i) for knobs in KNOBS for i in range(75)]
    assert len(questions) == 300
    with make_sandbox("forkserver") as sandbox:
        results = sandbox.run_batch([RunSpec(f"{q.function.text()}\n\nprint({q.call})\n") for q in questions])
    for question, result in zip(questions, results, strict=True):
        assert result.stdout.decode() == f"{question.answer}\n", question.function.text()


def test_together_the_programs_use_the_whole_language() -> None:
    text = "\n".join(OutputPredictionTaskSet(seed=1, **knobs)[i].prompt for knobs in KNOBS for i in range(75))
    words = ["if ", "else:", "for i in range(", "for u in x:", "while ", "abs(", "max(", "min(", "sum(", "len(x)"]
    words += ["x[0]", "% len(x)] ", "//= ", "%= ", "*= ", "+= ", "-= ", " == ", " != ", " < ", " > ", " // ", " % "]
    assert not [word for word in words if word not in text]


@pytest.mark.parametrize(
    ("expression", "text", "value"),  # a = 7, b = -3, x = [4, -2, 9]
    [
        (Binary(Binary(A, "-", B), "*", Number(2)), "(a - b) * 2", 20),
        (Binary(A, "-", Binary(B, "-", ONE)), "a - (b - 1)", 11),
        (Binary(B, "//", Number(2)), "b // 2", -2),
        (Binary(B, "%", Number(5)), "b % 5", 2),
        (Binary(Binary(A, "%", Number(2)), "==", ONE), "a % 2 == 1", 1),
        (Applied("max", [A, Binary(B, "*", B)]), "max(a, b * b)", 9),
        (Applied("abs", [B]), "abs(b)", 3),
        (Total("sum", "x"), "sum(x)", 11),
        (Item("x", Number(2)), "x[2]", 9),
        (Item("x", B), "x[b % len(x)]", 4),
        (Item("x", Binary(A, "+", ONE)), "x[(a + 1) % len(x)]", 9),
    ],
)
def test_expressions(expression: Any, text: str, value: int) -> None:
    assert expression.text() == text
    assert Function(("a", "b", "x"), (), expression).call([7, -3, [4, -2, 9]]) == value


def test_statements() -> None:
    body = (
        Assign(B, "", Number(0)),
        If(Binary(A, ">", Number(5)), [Assign(B, "+", Number(10))], [Assign(B, "-", Number(10))]),
        Count(Name("i"), 3, [Assign(B, "+", Name("i"))]),
        Each(Name("u"), "x", [Assign(Item("x", ONE), "", Number(5)), Assign(B, "+", Name("u"))]),
        Shrink(A, 3, 2, [Assign(B, "*", Number(2))]),
    )
    function = Function(("a", "b", "x"), body, B)
    assert function.text().split("\n") == [
        "def f(a, b, x):",
        "    b = 0",
        "    if a > 5:",
        "        b += 10",
        "    else:",
        "        b -= 10",
        "    for i in range(3):",
        "        b += i",
        "    for u in x:",
        "        x[1] = 5",
        "        b += u",
        "    while a > 3:",
        "        b *= 2",
        "        a -= 2",
        "    return b",
    ]
    given = [4, 100]
    # 10, then + 0 + 1 + 2, then + 4 + 5 (the element as it is by then), then doubled for a = 7 and a = 5
    assert function.call([7, 1, given]) == (10 + 3 + 9) * 4
    assert given == [4, 100]


def test_what_does_not_end_or_grows_is_stopped() -> None:
    grows = Function(("a",), (Count(Name("i"), 5, [Assign(A, "*", A)]),), A)
    assert grows.call([1]) == 1
    with pytest.raises(TooMuch):
        grows.call([10])
    endless = Function(("a", "b"), (Shrink(A, 0, 1, [Assign(A, "+", ONE)]),), A)
    with pytest.raises(TooMuch):
        endless.call([1, 1])
    with pytest.raises(TooMuch):
        Function(("a",), (Count(Name("i"), 5, [Assign(A, "+", ONE)]),), A).call([1], steps=9)


@pytest.mark.parametrize("style", ["question", "compact"])
def test_the_answer_is_nowhere_in_the_prompt_and_hard_to_guess(style: str) -> None:
    taskset = OutputPredictionTaskSet(style=style)
    tasks = [taskset[i] for i in range(400)]
    for task in tasks:
        assert task.reference.lstrip("-") not in re.findall(r"\d+", task.prompt)
    # The most frequent answer is that of less than 4 % (3 standard deviations above the 1.9 % seen in 3,000 tasks).
    assert Counter(task.reference for task in tasks).most_common(1)[0][1] < 0.04 * 400
    assert len({task.id for task in tasks}) == 400


def test_training_and_test_programs_are_disjoint() -> None:
    programs = []
    for split in ("train", "test"):
        taskset = OutputPredictionTaskSet(statements=1, depth=0, variables=1, split=split)
        programs.append({taskset._problem(i).function.text() for i in range(150)})
    assert not programs[0] & programs[1]


def test_tasks_stay_what_they_are() -> None:
    """A change of the generator changes scores: it needs a new version of the id, and new digests here."""
    digests = {}
    for style in ("question", "compact"):
        taskset = OutputPredictionTaskSet(style=style)
        digests[style] = hashlib.sha256("".join(taskset[i].id for i in range(100)).encode()).hexdigest()[:16]
    assert digests == {"question": "9c6edd8847f4c05f", "compact": "c8bdd7f3516497ae"}


def test_neighbouring_seeds_share_nothing() -> None:
    ids = [{OutputPredictionTaskSet(seed=seed)[i].id for i in range(50)} for seed in (5, 6)]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"statements": 0}, "statements must be an integer from 1 to 12, got 0"),
        ({"depth": 4}, "depth must be"),
        ({"variables": 5}, "variables must be"),
        ({"steps": 4}, "steps must be"),
        ({"steps": 5, "statements": 6}, "steps must be at least statements"),
        ({"high": 4}, "high must be"),
    ],
)
def test_refused_knobs_say_what_was_expected(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        gym.make("rlvr_gym:rlvr/OutputPrediction-v0", **knobs)
    assert message in str(caught.value)


ATTACKS = {
    "the prompt": "{prompt}",
    "the call": "#### {call}",
    "the program in a tag": "<answer>{prompt}</answer>",
    "a hedge": "#### {right} or {wrong}",
    "all numbers": "#### " + " ".join(map(str, range(-200, 200))),
    "the sign": "#### -{right}",
    "close": "#### {right}.5",
    "a sum": "#### {wrong} - 1",
    "then another": "#### {right}\n#### {wrong}",
}


@pytest.mark.parametrize("attack", list(ATTACKS.values()), ids=list(ATTACKS))
@pytest.mark.parametrize("style", ["question", "compact"])
def test_attacks_pay_nothing(attack: str, style: str) -> None:
    env: Any = gym.make("rlvr_gym:rlvr/OutputPrediction-v0", reward="dense", style=style)
    for index in range(8):
        prompt, _ = env.reset(options={"task_index": index})
        right = int(env.unwrapped.task.reference)
        call = env.unwrapped.taskset._problem(index).call
        response = attack.format(prompt=prompt, call=call, right=right, wrong=right + 1)
        assert env.step(response)[1] == 0.0
