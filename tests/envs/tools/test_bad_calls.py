"""Whatever a policy writes is an observation; whatever a tool does wrong is ungradable; and a rollout goes on."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.agents import Completion, Play, Policy, Request, collect
from rlvr_gym.envs import ListTaskSet, Task, TextAction
from rlvr_gym.envs.tools.formats import format_names
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.tools.toolbox import Toolbox, ToolCall
from rlvr_gym.envs.tools.toolkit import ToolError, Toolkit, tool
from rlvr_gym.verifiers import make_verifier
from rlvr_gym.verifiers.strict_json import write_json

NEVER = threading.Event()


PIECES = ["<add>", "</add>", '{"n": 1}', "<tool_call>", "</tool_call>", '{"name": "add", "arguments":', "}", "```add\n"]
PIECES += [
    "```",
    "Action: add\n",
    "Action Input: ",
    "<|python_tag|>",
    "<think>",
    "</think>",
    "<answer>",
    "\ud800",
    "\x00",
]


class Bench(Toolkit):
    """One tool that works, and tools that fail in each way there is."""

    def __init__(self) -> None:
        self.total = 0

    @tool(max_calls=4, max_output_chars=50, cost=0.125)
    def add(self, n: int, label: str = "sum") -> str:
        """Add to the total.

        Args:
            n: How much.
            label: What to call it.
        """
        if n < 0:
            raise ToolError("n must not be negative")
        self.total += n
        return f"{label} {self.total}"

    @tool()
    def crash(self) -> str:
        """Fail as programs do."""
        raise RuntimeError("the disk is full")

    @tool()
    def leave(self) -> str:
        """End the interpreter."""
        sys.exit(3)

    @tool()
    def recur(self) -> str:
        """Call itself."""
        return self.recur()

    @tool()
    def unwritable(self) -> Any:
        """Give what is no JSON."""
        return {"value": float("nan")}

    @tool(timeout_s=0.05)
    def hang(self) -> str:
        """Wait for what does not come."""
        NEVER.wait(20)
        return "late"

    def get_state(self) -> Any:
        return self.total

    def set_state(self, state: Any) -> None:
        self.total = state


class BenchEnv(ToolEnv):
    def __init__(self, call_format: str = "hermes") -> None:
        tasks = ListTaskSet([Task.create("What is 3 + 4?", {"reference": 7, "solution": "<answer>7</answer>"})])
        super().__init__(tasks, make_verifier("number@1", markers=["answer_tag"]), call_format=call_format, max_turns=8)

    def equip(self, task: Task) -> Mapping[str, Toolkit]:
        return {"bench": Bench()}


def call(name: str, arguments: Any) -> str:
    return f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {json.dumps(arguments)}}}\n</tool_call>'


BAD = {
    "unknown tool": (call("ad", {"n": 1}), "unknown_tool", "there is no tool 'ad'; did you mean 'add'?"),
    "no such argument": (call("add", {"n": 1, "m": 2}), "bad_arguments", "no argument 'm'"),
    "missing argument": (call("add", {}), "bad_arguments", "the argument 'n' is missing"),
    "wrong type": (call("add", {"n": "1"}), "bad_arguments", "'n' must be an integer, got '1'"),
    "a truth for a number": (call("add", {"n": True}), "bad_arguments", "'n' must be an integer, got True"),
    "null": (call("add", {"n": None}), "bad_arguments", "'n' must be an integer, got None"),
    "a list of arguments": (call("add", [1]), "malformed", "arguments"),
    "refused by the tool": (call("add", {"n": -1}), "tool_error", "n must not be negative"),
    "100 kB": (call("add", {"n": 1, "label": "x" * 100_001}), "bad_arguments", "arguments may have 100,000 characters"),
    "10 MB": (call("add", {"n": 1, "label": "x" * 10_000_000}), "malformed", "characters"),
    "digits without end": (call("add", {"n": 10**4000}), "malformed", "a number in the JSON is too long"),
    "no JSON": ('<tool_call>{"name": "add", }</tool_call>', "malformed", "JSON"),
    "never closed": ('<tool_call>{"name": "add", "arguments": {"n": 1}}', "malformed", "</tool_call>"),
    "a call and an answer": (f"{call('add', {'n': 1})}<answer>7</answer>", "malformed", "not both"),
    "a call and its result": (f"{call('add', {'n': 1})}<tool_response>7</tool_response>", "malformed", "environment"),
    "seventeen calls": (call("add", {"n": 1}) * 17, "malformed", "at most 16 calls"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_policy_does_wrong_is_told_and_costs_a_turn(case: str) -> None:
    response, error, told = BAD[case]
    env = BenchEnv()
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(response)
    assert not terminated
    assert not truncated
    assert [row["error"] for row in info["tool_calls"]] == [error]
    assert told in observation
    assert len(observation) < 2_000
    assert env.toolbox.public_state() == {"bench": 0}  # nothing of it was carried out
    _, reward, terminated, _, info = env.step("<answer>7</answer>")
    assert (reward, terminated, info["passed"]) == (1.0, True, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crash", "RuntimeError: the disk is full"),
        ("leave", "SystemExit: 3"),
        ("recur", "RecursionError"),
        ("unwritable", "ValueError: Out of range float values are not JSON compliant"),
        ("hang", "it has not returned within 0.05 s"),
    ],
)
def test_what_a_tool_does_wrong_is_ungradable(name: str, why: str) -> None:
    env = BenchEnv()
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(call(name, {}))
    assert (observation, reward, terminated, truncated) == ("", 0.0, False, True)
    assert info["stop_reason"] == "ungradable"
    assert info["verdict"]["status"] == "sandbox_error"
    assert "passed" not in info
    assert info["tool_stats"][name] == {"calls": 1, "errors": 1, "cost": 0.0}
    assert why in Toolbox({"bench": Bench()}).call(ToolCall(name)).text
    env.reset(seed=0)
    assert env.step("<answer>7</answer>")[4]["passed"] is True


def test_the_calls_after_one_that_broke_are_made_and_the_episode_is_over() -> None:
    env = BenchEnv()
    env.reset(seed=0)
    *_, truncated, info = env.step(call("crash", {}) + call("add", {"n": 1}))
    assert truncated
    assert [row["error"] for row in info["tool_calls"]] == ["broken", ""]


def test_a_call_that_is_given_up_holds_up_nobody() -> None:
    box = Toolbox({"bench": Bench()})
    started = time.monotonic()
    assert box.call(ToolCall("hang")).error == "broken"
    assert time.monotonic() - started < 10  # it waits for 20 s; no measure of speed


def test_thousands_of_unknown_arguments_are_told_in_a_few_words() -> None:
    env = BenchEnv()
    env.reset(seed=0)
    observation = env.step(call("add", {"n": 1, **{f"x{i}": 1 for i in range(3_000)}}))[0]
    assert "2,997 more that do not exist" in observation
    assert len(observation) < 1_000


def test_a_budget_is_told_and_what_is_refused_by_it_is_free() -> None:
    env = BenchEnv()
    env.reset(seed=0)
    rewards = [env.step(call("add", {"n": 1}))[1] for _ in range(4)]
    observation, reward, *_ = env.step(call("add", {"n": 1}))
    assert rewards == [-0.125] * 4
    assert reward == 0.0
    assert "add may be called 4 times in an episode, and has been" in observation
    stats = env.step("<answer>7</answer>")[4]["tool_stats"]
    assert stats == {"add": {"calls": 5, "errors": 1, "cost": 0.5}}


def test_a_budget_is_part_of_the_state() -> None:
    box, other = Toolbox({"bench": Bench()}), Toolbox({"bench": Bench()})
    for _ in range(3):
        box.call(ToolCall("add", {"n": 1}))
    other.set_state(json.loads(json.dumps(box.get_state())))
    for each in (box, other):
        assert [each.call(ToolCall("add", {"n": 1})).error for _ in range(2)] == ["", "budget"]
    assert box.record() == other.record()
    assert box.statistics() == other.statistics()


class Says(Policy):
    """Each episode says one thing, then the answer."""

    def __init__(self, responses: list[str]) -> None:
        self.responses = responses

    def sample(self, requests: Any) -> list[Completion]:
        """See `Policy.sample`."""
        return [Completion(self._next(request)) for request in requests]

    def _next(self, request: Request) -> str:
        said = any(message["role"] == "assistant" for message in request.conversation)
        return "<answer>7</answer>" if said else self.responses[request.index]


def test_a_rollout_goes_on_whatever_happens_in_it() -> None:
    responses = [row[0] for row in BAD.values()] + [call(name, {}) for name in ("crash", "leave", "recur", "hang")]
    plays = [Play(seed=0, index=index) for index in range(len(responses))]
    episodes = collect([BenchEnv() for _ in range(4)], Says(responses), plays)
    assert [episode.passed for episode in episodes] == [True] * len(BAD) + [None] * 4
    assert [episode.stop_reason for episode in episodes[-4:]] == ["ungradable"] * 4
    assert [episode.tool_stats is None for episode in episodes] == [False] * len(responses)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([name for name in format_names() if name != "compact"]),
    st.one_of(
        st.text(max_size=80),
        st.builds(
            "".join,
            st.lists(
                st.sampled_from(PIECES),
                max_size=8,
            ),
        ),
    ),
    st.lists(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5), lambda x: st.dictionaries(st.text(max_size=9), x)
        ),
        max_size=2,
    ),
)
def test_any_text_and_any_native_calls_are_answered(name: str, text: str, native: list[Any]) -> None:
    env = BenchEnv(name)
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(TextAction(text, tool_calls=tuple(native)))
    assert not truncated
    assert terminated == ("verdict" in info)
    assert terminated or observation
    json.dumps(info)


def test_the_text_of_a_schema_is_what_a_template_is_given() -> None:
    env = BenchEnv("openai")
    _, info = env.reset(seed=0)
    [described] = [row["function"] for row in info["tools"] if row["function"]["name"] == "add"]
    assert write_json(described["parameters"]) == (
        '{"type": "object", "properties": {"n": {"type": "integer", "description": "How much."}, "label": {"type": '
        '"string", "description": "What to call it.", "default": "sum"}}, "required": ["n"], '
        '"additionalProperties": false}'
    )
