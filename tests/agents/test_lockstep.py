"""`collect` through the Gymnasium API alone, and the one boundary where failures become records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Play, Policy, Request, ScriptedPolicy, collect
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition, UnicodeText
from rlvr_gym.verifiers import ConfigError, make_verifier


class Counting(Policy):
    """Says how many messages it saw, and records what it was given."""

    def __init__(self) -> None:
        self.seen: list[list[Request]] = []

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.seen.append(list(requests))
        return [Completion(str(len(request.conversation)), (5,), (-0.1,), (0.2,), (1,)) for request in requests]


class ThreeTurns(TextEnv):
    def __init__(self) -> None:
        super().__init__(
            ListTaskSet([Task.create("start", {"reference": 5})]),
            make_verifier("number@1", markers=["whole"]),
            max_turns=9,
        )

    def transition(self, action: str) -> Transition:
        if action != "5":
            return Transition("more", reward_terms={"turn": 0.25})
        return Transition(verdict=self.verifier.verify(action, self.task.reference))


def test_turns_messages_and_rewards() -> None:
    policy = Counting()
    [episode] = collect([ThreeTurns()], policy, [Play(seed=0)])
    assert [turn.completion.text for turn in episode.turns] == ["1", "3", "5"]
    assert [turn.reward for turn in episode.turns] == [0.25, 0.25, 1.0]
    assert (episode.passed, episode.reward, episode.stop_reason) == (True, 1.5, "answered")
    assert [m["content"] for m in policy.seen[2][0].conversation] == ["start", "1", "more", "3", "more"]
    assert policy.seen[2][0].conversation[1]["token_ids"] == (5,)  # sampled ids travel, text is never re-encoded
    seeds = [requests[0].seed for requests in policy.seen]
    assert len(set(seeds)) == 3


def test_width_changes_nothing() -> None:
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", size=30)
    policy = ScriptedPolicy(env.unwrapped.taskset, 0.5)  # type: ignore[attr-defined]
    plays = [Play(seed=i // 4, sample_seed=i) for i in range(30)]
    results = []
    for width in (1, 7, 64):
        envs = [gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", size=30) for _ in range(width)]
        results.append(collect(envs, policy, plays))
    assert results[0] == results[1] == results[2]
    groups = [{e.task_id for e in results[0][i : i + 4]} for i in range(0, 28, 4)]
    assert all(len(group) == 1 for group in groups)  # a group is environments reset with one seed


class Plain(gym.Env[str, str]):
    """An environment of another code base: no info keys of ours."""

    observation_space = action_space = UnicodeText()

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "hello", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "", 0.5, True, False, {}


def test_any_text_environment_will_do() -> None:
    [episode] = collect([Plain()], Counting(), [Play(seed=1)])
    assert (episode.reward, episode.passed, episode.stop_reason) == (0.5, False, "answered")


class Failing(Plain):
    def __init__(self, when: str) -> None:
        self.when = when

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        if self.when == "reset":
            raise OSError("disk on fire")
        return super().reset(seed=seed)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if self.when == "step":
            raise ZeroDivisionError("oops")
        return super().step(action)


def test_a_failing_environment_is_a_record_and_the_others_go_on() -> None:
    envs = [Failing("reset"), Failing("step"), Failing("never")]
    episodes = collect(envs, Counting(), [Play(seed=0)] * 3)
    assert [e.stop_reason for e in episodes] == ["error", "error", "answered"]
    assert [e.gradable for e in episodes] == [False, False, True]
    assert [e.passed for e in episodes] == [None, None, False]
    assert "disk on fire" in episodes[0].error
    assert "ZeroDivisionError: oops" in episodes[1].error
    assert episodes[0].completion.text == ""


def test_a_failing_policy_is_raised() -> None:
    class Down(Policy):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            raise ConnectionError("no model")

    with pytest.raises(ConnectionError):
        collect([Plain()], Down(), [Play()])


def test_no_environment_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one environment"):
        collect([], Counting(), [Play()])
