"""`TurnLimit` and `TokenLimit`: what is over a limit is truncated, told why, and never judged."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import EpisodeOverError, TextAction, restore, snapshot
from rlvr_gym.envs.wrappers import COUNTERS, Feedback, SystemPrompt, TokenLimit, TurnLimit, UnaryFeedback
from rlvr_gym.envs.wrappers.base import turns_allowed
from rlvr_gym.verifiers import ConfigError, UnknownNameError


def arithmetic() -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Arithmetic-v0")


def test_the_turn_limit_truncates_and_says_why() -> None:
    env = TurnLimit(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=3), max_turns=2)
    for _ in range(2):  # the count begins anew with each episode
        env.reset(options={"task_index": 0})
        assert env.step("216")[2:4] == (False, False)
        observation, reward, terminated, truncated, info = env.step("132")
        assert (observation, reward, terminated, truncated) == ("2,0:", 0.0, False, True)
        assert (info["stop_reason"], "passed" in info, "verdict" in info) == ("max_turns", False, False)
        with pytest.raises(EpisodeOverError, match="call reset"):
            env.step("162")


def test_a_verdict_on_the_last_turn_is_a_verdict() -> None:
    env = TurnLimit(arithmetic(), max_turns=1)
    env.reset(seed=0)
    _, _, terminated, truncated, info = env.step("#### 54")
    assert (terminated, truncated, info["stop_reason"], info["passed"]) == (True, False, "answered", True)


def test_how_many_turns_an_episode_can_have_is_known_through_all_wrappers() -> None:
    def guesses() -> gym.Env[str, str]:
        return gym.make("rlvr_gym:rlvr/Mastermind-v0", max_turns=6)

    assert turns_allowed(UnaryFeedback(arithmetic(), turns=4)) == 4
    assert turns_allowed(SystemPrompt(Feedback(guesses(), turns=3), "Guess.")) == 18
    assert turns_allowed(TurnLimit(guesses(), max_turns=2)) == turns_allowed(TurnLimit(arithmetic(), max_turns=9)) + 1
    assert turns_allowed(UnaryFeedback(TurnLimit(guesses(), max_turns=5), turns=2)) == 10
    assert turns_allowed(gym.make("CartPole-v1")) is None


@pytest.mark.parametrize(
    ("tokenizer", "fits", "too_long", "tokens"),
    [
        ("characters", "#### 54", "## #### 54", 7),
        ("words", "é #### 54", "so it is #### 54", 3),
        ("bytes", "é#### 54", "éé#### 54", 9),
    ],
)
def test_each_way_to_count(tokenizer: str, fits: str, too_long: str, tokens: int) -> None:
    env = TokenLimit(arithmetic(), max_tokens=tokens, tokenizer=tokenizer)
    env.reset(seed=0)
    *_, truncated, info = env.step(fits)
    assert (truncated, info["response_tokens"]) == (False, tokens)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(too_long)
    assert (observation, reward, terminated, truncated) == ("", 0.0, False, True)
    assert info["stop_reason"] == "length"
    assert set(info) == {
        "task_id", "turn", "anchor", "messages", "reward_terms", "stop_reason", "response_tokens",
    }  # fmt: skip


def test_a_named_counter_of_your_own() -> None:
    COUNTERS["vowels"] = lambda text: sum(char in "aeiou" for char in text)
    try:
        env = TokenLimit(arithmetic(), max_tokens=1, tokenizer="vowels")
    finally:
        counter = COUNTERS.pop("vowels")
    assert (counter("audio"), env.spec.additional_wrappers[-1].kwargs["tokenizer"]) == (4, "vowels")


def test_the_limit_of_an_episode_counts_all_its_responses() -> None:
    env = TokenLimit(UnaryFeedback(arithmetic()), max_episode_tokens=15)
    env.reset(seed=0)
    assert env.step("#### 1")[3] is False  # 6
    assert env.step("#### 2")[3] is False  # 12
    _, _, _, truncated, info = env.step("#### 54")  # 19
    assert (truncated, info["stop_reason"], info["attempt"], info["turn"]) == (True, "length", 2, 3)
    env.reset(seed=0)
    assert env.step("#### 54")[4]["passed"], "the next episode begins with nothing used"


def test_a_response_that_was_cut_is_no_answer() -> None:
    env = TokenLimit(arithmetic())
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(TextAction("#### 54", finish_reason="length"))
    assert (reward, terminated, truncated, info["stop_reason"]) == (0.0, False, True, "length")
    env.reset(seed=0)
    assert env.step(TextAction("#### 54", finish_reason="stop"))[4]["passed"]


def test_the_end_by_length_can_be_saved_and_stays_the_end() -> None:
    env = TokenLimit(arithmetic(), max_tokens=3)
    env.reset(seed=0)
    env.step("#### 54")
    saved = snapshot(env)
    other = TokenLimit(arithmetic(), max_tokens=3)
    observation, info = restore(other, saved)
    assert (observation, info["turn"], info["messages"][-1]) == ("", 1, {"role": "assistant", "content": "#### 54"})
    with pytest.raises(EpisodeOverError, match="call reset"):
        other.step("54")


def test_no_step_before_the_first_reset_nor_with_what_is_no_text() -> None:
    for env in (TurnLimit(arithmetic(), max_turns=2), TokenLimit(arithmetic(), max_tokens=9)):
        with pytest.raises(EpisodeOverError, match="call reset"):
            env.step("x")
        env.reset()
        with pytest.raises(TypeError, match="an action is a str"):
            env.step(b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrap", "setting", "error"),
    [
        (TurnLimit, {"max_turns": 0}, ConfigError),
        (TurnLimit, {"max_turns": "3"}, ConfigError),
        (TokenLimit, {"max_tokens": -1}, ConfigError),
        (TokenLimit, {"max_episode_tokens": 1.5}, ConfigError),
        (TokenLimit, {"tokenizer": "word"}, UnknownNameError),
    ],
)
def test_bad_settings_are_refused(wrap: Any, setting: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(setting))):
        wrap(arithmetic(), **setting)
