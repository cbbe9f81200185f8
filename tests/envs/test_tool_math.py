"""ToolMath: right problems, an expert that solves them, callers that do not, and episodes that can be lived again."""

from __future__ import annotations

import ast
import json
import operator
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import Snapshot, fork, restore, snapshot
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.tool_math import STORIES, ToolMathEnv, ToolMathTaskSet
from rlvr_gym.envs.tools.calculator import Calculator
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.sandbox import SandboxError

OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
COMPACT = {"style": "compact", "steps": 2, "digits": 2, "operations": 1}
FORMATS = ("fenced", "hermes", "llama", "openai", "react", "xml")


def evaluate(text: str) -> Fraction:
    """An independent evaluator, over Python's own syntax tree."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return Fraction(OPERATIONS[type(node.op)](value(node.left), value(node.right)))
        assert isinstance(node, ast.Constant)
        return Fraction(node.value)

    return value(ast.parse(text, mode="eval").body)


def play(env: ToolMathEnv, seed: int, policy: Callable[[ToolMathEnv, str, int], str]) -> dict[str, Any]:
    """The last info of an episode."""
    seen, turn, over, info = env.reset(seed=seed)[0], 0, False, {}
    while not over:
        seen, _, terminated, truncated, info = env.step(policy(env, seen, turn))
        turn, over = turn + 1, terminated or truncated
    return info


def expert(env: ToolMathEnv, seen: str, turn: int) -> str:
    return env.expert(env.task)[turn]


# --- Problems ----------------------------------------------------------------------------------------------------


@given(
    steps=st.integers(1, 6),
    digits=st.integers(1, 6),
    operators=st.sampled_from(["+", "-", "*", "/", "+-*", "+-*/"]),
    index=st.integers(0, 9999),
    seed=st.integers(0, 50),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_reference_is_the_value(steps: int, digits: int, operators: str, index: int, seed: int) -> None:
    knobs: dict[str, Any] = {"steps": steps, "digits": digits, "operators": operators, "seed": seed}
    compact = ToolMathTaskSet(style="compact", **knobs)[index]
    assert Fraction(compact.reference) == evaluate(compact.prompt.rstrip(":"))
    numbers = re.findall(r"\d+", compact.prompt)
    assert [len(number) for number in numbers] == [digits] * (steps + 1)
    told = ToolMathTaskSet(style="question", **knobs)[index]
    assert told.reference == compact.reference
    assert told.solution == f"<answer>{told.reference}</answer>"
    # the story names the same numbers in the same order, and after them the 7/3 of the last sentence
    assert re.findall(r"\d+", told.prompt) == [*numbers, "7", "3"]


def test_a_chain_is_told_in_words_or_as_an_expression() -> None:
    tasks = ToolMathTaskSet(operators="+-*/", size=400)
    told = Counter(
        next((number for number, story in enumerate(STORIES) if task.prompt.endswith(f"{story.question} {LAST}")), -1)
        for task in tasks
    )
    assert set(told) == {-1, 0, 1, 2, 3}
    assert min(told.values()) > 20
    for task in tasks:
        if task.prompt.startswith("What is "):
            expression = task.prompt.removeprefix("What is ").partition("?")[0]
            assert Fraction(task.reference) == evaluate(expression)


LAST = "Give the exact value: a whole number, a decimal, or a fraction such as 7/3."


def test_what_cannot_be_negative_never_is() -> None:
    """Litres and kilograms: an account may be overdrawn, a reservoir not."""
    for task in ToolMathTaskSet(operators="+-", steps=4, size=300):
        if "litres" in task.prompt or "kilograms" in task.prompt:
            values = [call["arguments"]["expression"] for call in task.private["expert"]["calculator"]]
            assert not any(value.startswith("-") for value in [*values, task.reference])


def test_training_and_test_problems_are_apart() -> None:
    train, test = (
        {task.prompt for task in ToolMathTaskSet(split=split, size=800, steps=2, digits=2, style="compact")}
        for split in ("train", "test")
    )
    assert not train & test
    tasks = ToolMathTaskSet(split="train", style="compact")
    chain = tasks.draw(TaskRandom(b"x"))
    for operators, numbers, others, same in [
        ("++", (11, 22, 33), (33, 11, 22), True),
        ("**", (11, 22, 33), (22, 33, 11), True),
        ("+*", (11, 22, 33), (22, 11, 33), True),
        ("+*", (11, 22, 33), (11, 33, 22), False),
        ("-+", (11, 22, 33), (22, 11, 33), False),
        ("*+", (11, 22, 33), (22, 11, 33), True),
    ]:
        keys = [tasks.split_key(chain._replace(numbers=n, operators=operators)) for n in (numbers, others)]
        assert (keys[0] == keys[1]) is same, (operators, numbers, others)


def test_no_answer_is_frequent() -> None:
    """Of 2,000 default tasks no answer is that of more than two: 0.1 %, which the card allows."""
    references = Counter(task.reference for task in ToolMathTaskSet(size=2_000))
    assert references.most_common(1)[0][1] <= 2
    assert ToolMathEnv.card is not None
    assert ToolMathEnv.card.chance == 0.001


# --- Players -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "knobs",
    [
        {"call_format": "xml"},
        {"call_format": "hermes", "operators": "+-*/", "operations": 2},
        COMPACT,
        {**COMPACT, "steps": 4, "digits": [1, 3], "operators": "+-*/", "operations": 2},
    ],
    ids=["xml", "hermes", "compact", "compact fractions"],
)
def test_the_expert_solves_200_seeds(knobs: dict[str, Any]) -> None:
    env = ToolMathEnv(**knobs)
    for seed in range(200):
        info = play(env, seed, expert)
        assert info["passed"], (seed, env.render())
        assert info["turn"] == knobs.get("steps", 3) + 1
        assert info["tool_stats"] == {"calculator": {"calls": info["turn"] - 1, "errors": 0, "cost": 0.0}}


@pytest.mark.parametrize("call_format", FORMATS)
def test_the_expert_speaks_every_format(call_format: str) -> None:
    env = ToolMathEnv(call_format=call_format, tools="both", operators="+-*/", digits=[1, 5], steps=4)
    assert all(play(env, seed, expert)["passed"] for seed in range(30))


@pytest.mark.parametrize("call_format", FORMATS)
def test_the_expert_uses_python_where_that_is_the_tool(call_format: str) -> None:
    env = ToolMathEnv(call_format=call_format, tools="python", operators="+-*/", digits=2)
    for seed in range(4):
        info = play(env, seed, expert)
        assert info["passed"]
        assert info["tool_stats"] == {"python": {"calls": 3, "errors": 0, "cost": 0.0}}


def silent(env: ToolMathEnv, seen: str, turn: int) -> str:
    return ""


def echo(env: ToolMathEnv, seen: str, turn: int) -> str:
    return seen


def answer_at_once(env: ToolMathEnv, seen: str, turn: int) -> str:
    """The best guess without a tool: the answer of another task."""
    return env.call_format.write_answer(env.taskset[turn].reference)


def last_result(env: ToolMathEnv, seen: str, turn: int) -> str:
    """Random calls with the numbers that it sees, and at last the last result as the answer."""
    rng = TaskRandom(f"{env.task.id}|{turn}".encode())
    numbers = re.findall(r"\d+", seen) or ["1"]
    if turn == 4:
        return env.call_format.write_answer(numbers[-1])
    expression = f"{rng.choice(numbers)}{rng.choice('+-*')}{rng.choice(numbers)}"
    return f"{expression}?" if env.call_format.name == "compact" else f"<calculator>{expression}</calculator>"


def noise(env: ToolMathEnv, seen: str, turn: int) -> str:
    rng = TaskRandom(f"{env.task.id}|{turn}".encode())
    words = ["<calculator>", "</calculator>", "<answer>", "</answer>", "?", "12", "7", "+", "*", "(", "\x00", "sqrt"]
    return "".join(rng.choice(words) for _ in range(rng.between(0, 12)))


@pytest.mark.parametrize("policy", [silent, echo, answer_at_once, last_result, noise])
@pytest.mark.parametrize("knobs", [{}, {**COMPACT, "digits": 3}], ids=["xml", "compact"])
def test_who_does_not_solve_it_is_not_paid(policy: Callable[..., str], knobs: dict[str, Any]) -> None:
    env = ToolMathEnv(reward="dense", **knobs)
    infos = [play(env, seed, policy) for seed in range(200)]
    assert not any(info.get("passed") for info in infos)
    assert all(sum(info["reward_terms"].values()) == 0 for info in infos)


# --- Knobs -------------------------------------------------------------------------------------------------------


def test_one_operation_a_call_makes_every_step_a_turn() -> None:
    env = ToolMathEnv(**COMPACT)
    env.reset(options={"task_index": 0})
    assert env.task.prompt == "19*45+76:"
    assert env.step("19*45+76?")[0].startswith("an expression may have 1 operation, this one has 2")
    assert env.step("19*45?")[0].startswith("855")
    assert env.step("855+76?")[0].startswith("931")
    assert env.step("931")[4]["passed"]


def test_without_that_limit_one_call_is_enough() -> None:
    env = ToolMathEnv(steps=2, digits=2, style="compact", max_turns=2)
    env.reset(options={"task_index": 0})
    assert env.step("19*45+76?")[0].startswith("931")
    assert env.step("931")[4]["passed"]


def test_calls_may_cost() -> None:
    env = ToolMathEnv(tool_cost=0.125, tools="both")
    env.reset(seed=0)
    *calls, answer = env.expert(env.task)
    rewards = [env.step(call)[1] for call in calls]
    assert rewards == [-0.125] * 3
    _, reward, _, _, info = env.step(answer)
    assert reward == 1.0
    assert info["tool_stats"]["calculator"] == {"calls": 3, "errors": 0, "cost": 0.375}


def test_the_tools_are_told_at_reset_and_the_answer_is_not() -> None:
    for tools, names in (("calculator", ["calculator"]), ("python", ["python"]), ("both", ["calculator", "python"])):
        observation, info = ToolMathEnv(tools=tools).reset(seed=0)
        assert info["tools"] == []  # the prompt tells of them
        assert all(f"- {name}: " in observation for name in names)
        assert "expert" not in json.dumps(info)
        _, info = ToolMathEnv(tools=tools, call_format="openai").reset(seed=0)
        assert [tool["function"]["name"] for tool in info["tools"]] == names


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 13}, "steps"),
        ({"digits": 31}, "digits"),
        ({"digits": [3, 2]}, "digits"),
        ({"digits": [1, 2, 3]}, "pair"),
        ({"operators": "^"}, "operators"),
        ({"operators": ""}, "operators"),
        ({"tools": "abacus"}, "calculator, python, both"),
        ({"operations": 0}, "operations"),
        ({"operations": 1, "operators": "/"}, "operations"),
        ({"tool_cost": -1}, "cost"),
        ({"style": "compact", "tools": "python"}, "compact"),
        ({"max_turns": 0}, "max_turns"),
        ({"style": "haiku"}, "style"),
    ],
)
def test_knobs_that_cannot_be_are_refused(knobs: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        ToolMathEnv(**knobs)


def test_style_and_call_format_are_two_things() -> None:
    env = ToolMathEnv(style="compact", call_format="xml", tools="python", steps=1, digits=2)
    assert env.reset(seed=0)[0].startswith(f"{env.task.prompt}\n\nYou can use these tools:")
    assert play(env, 0, expert)["passed"]


# --- Bad input ---------------------------------------------------------------------------------------------------


def call(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


BAD: dict[str, tuple[str, str | None, str]] = {
    "an unknown tool": (call("calculater", "{}"), "unknown_tool", "no tool 'calculater'; did you mean 'calculator'"),
    "no name": (call("", "{}"), "malformed", "name"),
    "a missing argument": (call("calculator", "{}"), "bad_arguments", "'expression' is missing"),
    "a wrong type": (call("calculator", '{"expression": 5}'), "bad_arguments", "must be a string"),
    "null": (call("calculator", '{"expression": null}'), "bad_arguments", "must be a string"),
    "another argument": (call("calculator", '{"expression": "1", "x": 1}'), "bad_arguments", "no argument 'x'"),
    "a list": (call("calculator", '["1"]'), "malformed", "object"),
    "cut off": (call("calculator", '{"expression": "1'), "malformed", ""),
    "cut off fifty times": ("<tool_call>\n" * 50, "malformed", ""),
    "an error": (call("calculator", '{"expression": "1/0"}'), "tool_error", "division by zero"),
    "10 MB": (call("calculator", '{"expression": "' + "1" * 10_000_000 + '"}'), None, ""),
    "10 MB of code": (call("python", '{"code": "' + "1" * 10_000_000 + '"}'), None, ""),
    "much": (call("calculator", '{"expression": "' + "1" * 100_001 + '"}'), "bad_arguments", "100,000 characters"),
    "long": (call("calculator", '{"expression": "' + "(" * 90_000 + '"}'), "tool_error", "2,000 characters"),
    "long code": (call("python", '{"code": "' + "1" * 50_000 + '"}'), "tool_error", "20,000 characters"),
    "an exception": (call("python", '{"code": "1/0"}'), "tool_error", "ZeroDivisionError"),
    "an end": (call("python", '{"code": "import os\\nos._exit(1)"}'), "tool_error", "this cell is undone"),
    "a surrogate": (call("python", '{"code": "\\ud800"}'), None, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_and_the_episode_goes_on(name: str) -> None:
    response, error, told = BAD[name]
    env = ToolMathEnv(call_format="hermes", tools="both")
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(response)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert told in observation
    assert len(observation) < 1_000
    [row] = info["tool_calls"]
    assert row["error"] == error or (error is None and row["error"])
    *calls, answer = env.expert(env.task)
    for one in calls:
        env.step(one)
    assert env.step(answer)[4]["passed"]


def test_a_tool_that_breaks_is_not_held_against_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Calculator, expression: str) -> str:
        raise SandboxError("away")

    env = ToolMathEnv()
    env.reset(seed=0)
    monkeypatch.setattr("rlvr_gym.envs.tools.calculator.compute", broken)
    _, reward, terminated, truncated, info = env.step("<calculator>1+1</calculator>")
    assert (reward, terminated, truncated, info["stop_reason"]) == (0.0, False, True, "ungradable")
    assert "passed" not in info


# --- Replay and fork ---------------------------------------------------------------------------------------------

SESSIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "calculator": (
        {},
        ["<calculator>1/3</calculator>", "<calculator>1/0</calculator>", "<calculator>2**200</calculator>", "what"],
    ),
    "python": (
        {"tools": "python"},
        [
            "<python>import random\nx = [random.random()]</python>",
            "<python>x.append(random.random())\nx, object(), {'a', 'b', 'c'}</python>",
            "<python>x.append(1)\n1 / 0</python>",
            "<python>import os\nos._exit(5)</python>",
            "<python>random.random(), len(x)</python>",
            "<answer>5</answer>",
        ],
    ),
    "compact": (COMPACT, ["12*34?", "?", "408+56?", "464"]),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_forks_at_every_turn_agree_and_a_replay_is_the_same_byte_for_byte(name: str) -> None:
    knobs, actions = SESSIONS[name]
    env = ToolMathEnv(**knobs)
    first = env.reset(seed=3)
    moments, steps = [snapshot(env)], []
    for action in actions:
        steps.append(env.step(action))
        moments.append(snapshot(env))

    again = ToolMathEnv(**knobs)
    assert json.dumps([again.reset(seed=3), *(again.step(action) for action in actions)]) == json.dumps([first, *steps])

    for turn, moment in enumerate(moments[:-1]):
        there = ToolMathEnv(**knobs)
        restore(there, Snapshot.from_dict(json.loads(json.dumps(moment.to_dict()))))
        [branch] = fork(there, 1)
        for copy in (there, branch):
            assert [copy.step(action) for action in actions[turn:]] == steps[turn:]
        assert snapshot(there).to_dict() == snapshot(branch).to_dict() == moments[-1].to_dict()


def test_branches_of_a_session_know_nothing_of_each_other() -> None:
    env = ToolMathEnv(tools="python")
    env.reset(seed=0)
    env.step("<python>x = [1]</python>")
    one, other = fork(env, 2)
    one.step("<python>x.append(2)</python>")
    assert "[1]" in other.step("<python>x</python>")[0]
    assert "[1, 2]" in one.step("<python>x</python>")[0]
    assert "[1]" in env.step("<python>x</python>")[0]
