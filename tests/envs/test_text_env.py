"""`TextEnv` as a base class: multi-turn families, limits, ungradable failures, anchors."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.envs import ListTaskSet, Task, TextAction, TextEnv, Transition
from rlvr_gym.verifiers import ConfigError, Reason, Status, Verdict, make_verifier
from rlvr_gym.verifiers.verdict import VerifierId

TASK = Task.create("Guess a number from 1 to 9.", {"reference": 5})


class HigherLower(TextEnv):
    """Three guesses with hints; the hidden state is how many hints were given, modulo 2."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(ListTaskSet([TASK]), make_verifier("number@1", markers=["whole"]), max_turns=3, **settings)
        self.hints = 0

    def begin(self, task: Task) -> str:
        self.hints = 0
        return super().begin(task)

    def transition(self, action: str) -> Transition:
        verdict = self.verifier.verify(action, self.task.reference)
        if verdict.passed:
            return Transition(verdict=verdict)
        self.hints += 1
        return Transition("no, try again", reward_terms={"effort": -0.1})

    def anchor_state(self) -> Any:
        return {"parity": self.hints % 2}


def test_turns_flow_until_the_verdict() -> None:
    env = HigherLower()
    observation, info = env.reset(seed=0)
    assert (observation, info["turn"]) == ("Guess a number from 1 to 9.", 0)
    observation, reward, terminated, truncated, info = env.step("1")
    assert (observation, reward, terminated, truncated) == ("no, try again", -0.1, False, False)
    assert info["messages"] == [
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "no, try again"},
    ]
    assert "passed" not in info
    assert "stop_reason" not in info
    _, reward, terminated, truncated, info = env.step("5")
    assert (reward, terminated, truncated, info["passed"]) == (1.0, True, False, True)
    assert info["reward_terms"] == {"outcome": 1.0}


def test_the_turn_limit_truncates_without_a_verdict() -> None:
    env = HigherLower()
    env.reset(seed=0)
    for _ in range(2):
        assert env.step("1")[2:4] == (False, False)
    _, _, terminated, truncated, info = env.step("1")
    assert (terminated, truncated, info["stop_reason"]) == (False, True, "max_turns")
    assert "verdict" not in info
    assert "passed" not in info


def test_the_anchor_is_the_hidden_state_without_the_turn_counter() -> None:
    env = HigherLower()
    first = env.reset(seed=0)[1]["anchor"]
    second = env.step("1")[4]["anchor"]
    third = env.step("2")[4]["anchor"]
    assert first == third != second


def test_a_failure_of_ours_truncates_and_is_no_zero() -> None:
    class Broken(TextEnv):
        def transition(self, action: str) -> Transition:
            identity = VerifierId("x", 1, "0")
            return Transition(
                verdict=Verdict(Status.SANDBOX_ERROR, 0.0, Reason("down", "the sandbox is down"), identity)
            )

    env = Broken(ListTaskSet([TASK]), make_verifier("number@1"))
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("5")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["stop_reason"] == "ungradable"
    assert info["reward_terms"] == {}
    assert "passed" not in info
    assert info["verdict"]["gradable"] is False


def test_a_gold_that_cannot_be_used_is_ungradable_and_not_shown() -> None:
    env = TextEnv(ListTaskSet([Task.create("p", {"reference": "top secret"})]), make_verifier("number@1"))
    env.reset(seed=0)
    _, _, terminated, truncated, info = env.step("#### 5")
    assert (terminated, truncated) == (False, True)
    assert info["verdict"]["status"] == "reference_error"
    assert "secret" not in repr(info)


def test_a_text_action_is_a_string_that_carries_how_it_ended() -> None:
    action = TextAction("5", finish_reason="length", tool_calls=({"name": "f"},))
    assert action == "5"
    assert (action.finish_reason, action.tool_calls) == ("length", ({"name": "f"},))
    env = HigherLower()
    env.reset(seed=0)
    info = env.step(action)[4]
    assert type(info["messages"][0]["content"]) is str


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"render_mode": "human"}, "render_mode must be None or 'ansi'"),
        ({"reward": "outcom"}, "did you mean 'outcome'?"),
        ({"max_turns": 0}, "max_turns must be an integer of at least 1"),
    ],
)
def test_refused_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, LookupError)) as caught:
        TextEnv(ListTaskSet([TASK]), make_verifier("number@1"), **settings)
    assert message in str(caught.value)


def test_an_empty_task_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="the task set is empty"):
        TextEnv(ListTaskSet([]), make_verifier("number@1"))
