"""`collect`: episodes in lock-step, the policy asked once a turn for all open ones together.

This suits a local model with big batches. `rollout` (`agents/driver.py`) lets slow steps and slow generations overlap.
The same plays give the same episodes by both.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count

import gymnasium as gym
from rlvr_gym.agents.asking import ask
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.notices import Notices
from rlvr_gym.agents.play import Play, Playing, goes_on
from rlvr_gym.agents.policy import Policy
from rlvr_gym.verifiers import ConfigError


def collect(
    envs: Sequence[gym.Env[str, str]], policy: Policy, plays: Sequence[Play], notices: Notices | None = None
) -> list[Episode]:
    """Play every episode of `plays`, `len(envs)` at a time.

    An exception inside an environment ends its own episode alone, which becomes a record with `stop_reason="error"`
    and the traceback; the first one that could not be graded is logged as a warning. A failure of the policy is raised.

    Args:
        envs: Environments to play in; their number is the width of the batch.
        policy: Who acts.
        plays: What to play.
        notices: Says that an episode could not be graded: once for all calls that are given the same.

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
    notices = Notices() if notices is None else notices
    episodes: list[Episode] = []
    # What was computed in the first turn is worth keeping only where a second is to be expected.
    unforgotten = 0 if any(map(goes_on, envs)) else 1
    for start in range(0, len(plays), len(envs)):
        wave = [Playing(play, env) for env, play in zip(envs, plays[start : start + len(envs)], strict=False)]
        for playing in wave:
            playing.begin()
        with ExitStack() as held:
            for turn in count():
                under_way = [playing for playing in wave if playing.done is None]
                if not under_way:
                    break
                if turn == unforgotten:
                    held.enter_context(policy.remembering())
                requests = [playing.request() for playing in under_way]
                for playing, completion in zip(under_way, ask(policy, requests), strict=True):
                    playing.advance(completion)
        for playing in wave:
            if playing.done is not None:
                notices.finished(len(episodes), playing.done)
                episodes.append(playing.done)
    return episodes
