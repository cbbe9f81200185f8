"""Wrapped environments pass the conformance kit; the page about wrappers is right; programs can be wrapped too."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import TextAction, fork
from rlvr_gym.envs import wrappers as package
from rlvr_gym.envs.check import check_text_env
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.vector import TextVectorEnv
from rlvr_gym.envs.wrappers import (
    ChatHistory,
    Feedback,
    FewShot,
    FormatGate,
    Hint,
    HistoryText,
    SystemPrompt,
    TextWrapper,
    TokenLimit,
    TurnLimit,
    UnaryFeedback,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "wrappers.md"

gym.register("test/KitMixture-v0", "rlvr_gym.envs.wrappers.mixture:MixtureEnv")
gym.register("test/KitCurriculum-v0", "rlvr_gym.envs.wrappers.curriculum:CurriculumEnv")


def make(name: str, **settings: Any) -> gym.Env[str, str]:
    return gym.make(f"rlvr_gym:rlvr/{name}-v0", **{**sample_settings(f"rlvr/{name}-v0"), **settings})


STACKS: dict[str, Callable[[], gym.Env[str, str]]] = {
    "attempts, prompts": lambda: SystemPrompt(FewShot(UnaryFeedback(make("Arithmetic"), turns=3), shots=2), "Add."),
    "feedback, limits": lambda: TurnLimit(
        TokenLimit(Feedback(make("Mastermind"), turns=2), max_tokens=300), max_turns=15
    ),
    "bonus, history": lambda: HistoryText(FormatGate(make("Countdown"), mode="bonus", pass_on="response")),
    "hint, chat": lambda: ChatHistory(Hint(make("GSM8K"), fraction=0.5)),
    "mixture": lambda: gym.make(
        "test/KitMixture-v0", envs=[{"id": "rlvr/Arithmetic-v0"}, {"id": "rlvr/Countdown-v0", "weight": 2}]
    ),
    "curriculum": lambda: gym.make(
        "test/KitCurriculum-v0", env="rlvr/Mastermind-v0", levels=[{"length": 2}, {"length": 3}], level=1, earlier=0.5
    ),
}


@pytest.mark.parametrize("name", STACKS)
def test_a_wrapped_environment_keeps_every_promise(name: str) -> None:
    check_text_env(STACKS[name], turns=4, tasks=2, seeds=2)


def test_a_gate_keeps_every_promise_to_those_who_answer_in_its_format() -> None:
    check_text_env(
        lambda: FormatGate(make("Arithmetic")),
        solve=lambda env: f"<think>so</think><answer>{env.unwrapped.task.solution}</answer>",  # type: ignore[attr-defined]
        turns=4,
        tasks=2,
        seeds=2,
    )


def test_the_page_about_wrappers_is_right_and_names_all_of_them() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS).failed == 0
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    table = set(re.findall(r"^\| `(\w+)\(", text, re.MULTILINE))
    classes = {name for name in package.__all__ if isinstance(getattr(package, name), type)}
    assert table == {name for name in classes if issubclass(getattr(package, name), TextWrapper)} - {"TextWrapper"}


def test_wrapped_environments_play_side_by_side() -> None:
    envs = TextVectorEnv([lambda: UnaryFeedback(make("Arithmetic"), turns=2) for _ in range(4)], group_size=2)
    envs.reset(seed=0)
    alone = UnaryFeedback(make("Arithmetic"), turns=2)
    alone.reset(seed=0)
    observations, rewards, terminated, truncated, infos = envs.step(["#### 0", "#### 54", "#### 0", "#### 0"])
    assert observations[0] == alone.step("#### 0")[0]
    assert (list(rewards), list(terminated)) == ([0.0, 1.0, 0.0, 0.0], [False, True, False, False])
    assert list(infos["attempt"]) == [1, 1, 1, 1]
    assert not truncated.any()
    envs.close()


def test_programs_can_be_repaired_inside_of_wrappers() -> None:
    env = HistoryText(
        TurnLimit(make("CodeRepair", settings={"depth": 1, "length": 5, "shown": 2}), max_turns=3), "plain"
    )
    env.reset(options={"task_index": 0})
    env.step("```python\ndef f(x):\n    return x\n```")
    [branch] = fork(env)
    solution = TextAction(str(env.unwrapped.task.solution), finish_reason="stop")  # type: ignore[attr-defined]
    one, other = env.step(solution), branch.step(solution)
    assert one == other
    assert one[4]["passed"]
