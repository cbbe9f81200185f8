"""`Curriculum`: three stages by hand, what counts, what is drawn from earlier stages, and that it can be continued."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Policy, Request
from rlvr_gym.agents.policy import unit_interval
from rlvr_gym.agents.strategies import Curriculum, Prompt, Sample, Stage
from rlvr_gym.envs.wrappers import CurriculumEnv, FormatGate, Hint
from rlvr_gym.verifiers import ConfigError

LEVELS = [{"digits": 1}, {"digits": 2}, {"digits": 3}]


class Adds(Policy):
    """Adds numbers of so many digits, or at chance."""

    def __init__(self, digits: int, chance: float = 1.0) -> None:
        self.digits, self.chance = digits, chance

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self._said(request)) for request in requests]

    def _said(self, request: Request) -> str:
        numbers = request.conversation[0]["content"].rstrip("=").split("+")
        known = max(map(len, numbers)) <= self.digits and unit_interval(request.seed) < self.chance
        return str(sum(map(int, numbers))) if known else "?"


def envs(width: int = 1) -> list[gym.Env[str, str]]:
    return [CurriculumEnv(env="rlvr/Arithmetic-v0", levels=LEVELS, settings={"style": "compact"}) for _ in range(width)]


def step(strategy: Curriculum, policy: Policy, number: int, memory: dict[str, Any], width: int = 1) -> list[Sample]:
    """A step of eight prompts with two responses each."""
    prompts = [Prompt(100 * number + place, ("step", number, place)) for place in range(8)]
    return strategy.collect(Stage(envs(width), policy, policy, number), prompts, 2, memory)


def stages(policies: Sequence[Policy], **settings: Any) -> list[int]:
    """The level after each step."""
    memory: dict[str, Any] = {}
    found = []
    for number, policy in enumerate(policies):
        step(Curriculum(**settings), policy, number, memory)
        memory = json.loads(json.dumps(memory))
        found.append(memory["curriculum"]["level"])
    return found


def test_three_stages_up_and_down_again() -> None:
    """n of n have the lower bound n / (n + 1.645**2): 0.747 for eight; 0 of n the upper one 2.706 / (n + 2.706)."""
    one, two, three = (Adds(number) for number in (1, 2, 3))
    assert stages([one, one, two, two, three], window=8) == [1, 1, 2, 2, 2]
    # At level 1 `one` fails 8 times (an upper bound of 0.253) and 16 times (0.145).
    assert stages([one, one, one, one], down=0.2) == [1, 1, 0, 1]


def test_the_first_response_of_a_group_counts_and_no_other() -> None:
    """Sixteen responses are right. If each counted, six prompts would do for a threshold of 0.8; twelve are needed."""
    memory: dict[str, Any] = {}
    step(Curriculum(up=0.8), Adds(3), 0, memory)
    assert memory["curriculum"] == {"level": 0, "recent": [True] * 8}  # 8 / 10.706 = 0.747; 16 would have 0.855
    step(Curriculum(up=0.8), Adds(3), 1, memory)
    assert memory["curriculum"] == {"level": 1, "recent": []}


def test_credit_for_the_format_is_no_success() -> None:
    memory: dict[str, Any] = {}
    policy = Says("<think>so</think><answer>no idea</answer>")
    prompts = [Prompt(place) for place in range(8)]
    wrapped = FormatGate(envs()[0], mode="bonus", weight=1.0)
    samples = Curriculum(up=0.5).collect(Stage([wrapped], policy, policy), prompts, 2, memory)
    assert {sample.episode.reward for sample in samples} == {1.0}
    assert memory["curriculum"] == {"level": 0, "recent": [False] * 8}


class Says(Policy):
    def __init__(self, text: str) -> None:
        self.text = text

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.text) for _ in requests]


def test_what_could_not_be_graded_or_was_hinted_does_not_count() -> None:
    class Broken(gym.Wrapper[str, str, str, str]):
        def step(self, action: str) -> Any:
            raise OSError("gone")

    policy, memory = Adds(3), dict[str, Any]()
    Curriculum().collect(Stage([Broken(envs()[0])], policy, policy), [Prompt(0)], 2, memory)
    assert memory["curriculum"] == {"level": 0, "recent": []}
    settings = {"style": "question"}
    hinted = Hint(CurriculumEnv(env="rlvr/Arithmetic-v0", levels=LEVELS, settings=settings), fraction=0.9)
    samples = Curriculum().collect(Stage([hinted], Says("#### 1"), Says("#### 1")), [Prompt(0)], 2, memory)
    counted = [sample.episode.hint == 0 for sample in samples]
    assert len(memory["curriculum"]["recent"]) == int(any(counted))


def test_earlier_stages_keep_their_share_and_do_not_count() -> None:
    """Of 400 prompts half are of two earlier levels: 200 and 100 are expected, with deviations of 10 and 9."""
    prompts = [Prompt(place, ("x", place)) for place in range(400)]
    for known, low, high in ((1, 60, 140), (2, 160, 240)):  # four deviations: one in 10,000 other seeds would fail
        memory: dict[str, Any] = {"curriculum": {"level": 2, "recent": []}}
        policy = Adds(known)
        samples = Curriculum(earlier=0.5).collect(Stage(envs(), policy, policy), prompts, 1, memory)
        assert low < sum(bool(sample.episode.passed) for sample in samples) < high
        assert memory["curriculum"] == {"level": 2, "recent": [False] * 100}


def test_the_level_does_not_depend_on_the_number_of_environments_and_goes_on_from_json() -> None:
    policy = Adds(2, chance=0.9)
    runs = []
    for width in (1, 3, 8):
        memory: dict[str, Any] = {}
        seen = []
        for number in range(6):
            seen.append(step(Curriculum(up=0.5, down=0.2, earlier=0.25), policy, number, memory, width))
            memory = json.loads(json.dumps(memory, sort_keys=True))
        runs.append((seen, memory))
    assert runs[0] == runs[1] == runs[2]


def test_environments_with_other_levels_are_refused() -> None:
    other = CurriculumEnv(env="rlvr/Arithmetic-v0", levels=LEVELS[:2])
    with pytest.raises(ConfigError, match=r"the same levels, got \[2, 3\]"):
        Curriculum().collect(Stage([*envs(), other], Adds(1), Adds(1)), [Prompt(0)], 2, {})
    with pytest.raises(ConfigError, match="level must be"):
        Curriculum().collect(
            Stage(envs(), Adds(1), Adds(1)), [Prompt(0)], 2, {"curriculum": {"level": 5, "recent": []}}
        )
