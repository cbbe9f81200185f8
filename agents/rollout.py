"""`collect`: play episodes in many environments at once, through the Gymnasium API alone.

Any environment whose observations and actions are text will do: `reset`, `step` and `info` are all that is used. The
policy is asked once a turn for all open episodes together, so that a back end can batch.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
from rlvr_gym.agents.episode import Episode, Turn
from rlvr_gym.agents.policy import Completion, Message, Policy, seed_from
from rlvr_gym.envs import TextAction
from rlvr_gym.verifiers import ConfigError


@dataclass(frozen=True, slots=True)
class Play:
    """One episode that is wanted.

    Args:
        seed: Seed of `reset`; equal seeds give equal tasks, which is how a group is made.
        sample_seed: Seed of the policy's choices in this episode.
        index: Number of this episode among those of its task.
        options: Options of `reset`.
    """

    seed: int | None = None
    sample_seed: int = 0
    index: int = 0
    options: Mapping[str, Any] | None = None


@dataclass
class _Open:
    """An episode under way."""

    env: gym.Env[str, str]
    play: Play
    task_id: str = ""
    anchor: str = ""
    messages: list[Message] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    done: Episode | None = None


def collect(envs: Sequence[gym.Env[str, str]], policy: Policy, plays: Sequence[Play]) -> list[Episode]:
    """Play every episode of `plays`, `len(envs)` at a time.

    An exception inside an environment ends its own episode alone, which becomes a record with `stop_reason="error"`
    and the traceback; a failure of the policy is raised.

    Args:
        envs: Environments to play in; their number is the width of the batch.
        policy: Who acts.
        plays: What to play.

    Returns:
        One episode a play, in order.

    Raises:
        ConfigError: There is no environment.

    Example:
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0")
        >>> policy = ScriptedPolicy(env.unwrapped.taskset.distinct(10), 1.0)
        >>> episodes = collect([env], policy, [Play(options={"task_index": i}) for i in range(3)])
        >>> [episode.passed for episode in episodes]
        [True, True, True]
    """
    if not envs:
        raise ConfigError("collect needs at least one environment")
    episodes: list[Episode] = []
    for start in range(0, len(plays), len(envs)):
        wave = [_begin(env, play) for env, play in zip(envs, plays[start : start + len(envs)], strict=False)]
        turn = 0
        while still_open := [episode for episode in wave if episode.done is None]:
            completions = policy.act(
                [episode.messages for episode in still_open],
                seeds=[seed_from(episode.play.sample_seed, turn) for episode in still_open],
                indices=[episode.play.index for episode in still_open],
            )
            for episode, completion in zip(still_open, completions, strict=True):
                _advance(episode, completion)
            turn += 1
        episodes.extend(episode.done for episode in wave if episode.done is not None)
    return episodes


def _begin(env: gym.Env[str, str], play: Play) -> _Open:
    episode = _Open(env, play)
    options = dict(play.options) if play.options is not None else None
    outcome = _guarded(episode, lambda: env.reset(seed=play.seed, options=options))
    if outcome is not None:
        observation, info = outcome
        episode.task_id, episode.anchor = info.get("task_id", ""), info.get("anchor", "")
        episode.messages = list(info.get("messages", [{"role": "user", "content": observation}]))
    return episode


def _advance(episode: _Open, completion: Completion) -> None:
    action = TextAction(completion.text, finish_reason=completion.finish_reason)
    outcome = _guarded(episode, lambda: episode.env.step(action))
    if outcome is None:
        return
    observation, reward, terminated, truncated, info = outcome
    episode.turns.append(Turn(completion, float(reward), episode.anchor))
    if terminated or truncated:
        reason = info.get("stop_reason", "answered" if terminated else "max_turns")
        passed = None if reason in ("ungradable", "error") else bool(info.get("passed", False))
        episode.done = Episode(episode.task_id, tuple(episode.turns), passed, reason, info.get("verdict", {}))
        return
    episode.anchor = info.get("anchor", "")
    episode.messages.append({"role": "assistant", "content": completion.text, "token_ids": completion.token_ids})
    episode.messages.append({"role": "user", "content": observation})


def _guarded(episode: _Open, call: Any) -> Any:
    """The one broad `except` of the project: a failing environment becomes a record, not the end of the run."""
    try:
        return call()
    except Exception:  # noqa: BLE001
        episode.done = Episode(episode.task_id, tuple(episode.turns), None, "error", {}, traceback.format_exc())
        return None
