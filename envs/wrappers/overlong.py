"""`OverlongPenalty`: long episodes cost something in the end, judged or not."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper, added, check_number, parts_of, terms_of
from rlvr_gym.envs.wrappers.limits import COUNTERS
from rlvr_gym.reward_shaping import overlong_penalty
from rlvr_gym.verifiers import UnknownNameError


class OverlongPenalty(TextWrapper):
    """DAPO's soft punishment (arXiv 2503.14476, equation 13) at the end of an episode, as the term `overlong`.

    The length is that of all responses of the episode. Other than the reward of the same name, which waits for a
    verdict, it is also charged where a limit ended the episode; an ungradable end costs nothing. In a group of wrong
    responses it is the only difference: filter groups by what passed. `info["response_tokens"]` is the length of each
    response.

    Args:
        env: The environment.
        limit: From here on the punishment is whole.
        cache: Over so much before the limit it grows; at most `limit`.
        tokenizer: How to count: `"bytes"`, `"characters"`, `"words"`, or another name in `COUNTERS`.
        weight: The whole punishment, in [0, 1].

    Raises:
        ConfigError: A setting is refused.
        UnknownNameError: There is no such way to count.

    Example:
        >>> env = OverlongPenalty(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), limit=10, cache=4, tokenizer="words")
        >>> _ = env.reset(seed=0)
        >>> env.step("well it is I think exactly #### 54")[4]["reward_terms"]  # 8 words
        {'outcome': 1.0, 'overlong': -0.5}
    """

    counts_tokens = True

    def __init__(
        self,
        env: gym.Env[str, str],
        limit: int,
        cache: int,
        tokenizer: str = "characters",
        weight: float = 1.0,
    ) -> None:
        super().__init__(env, limit=limit, cache=cache, tokenizer=tokenizer, weight=weight)
        self._limit = check_int("limit", limit, 1, None)
        self._cache = check_int("cache", cache, 0, self._limit)
        self._weight = check_number("weight", weight, 0.0, 1.0)
        if tokenizer not in COUNTERS:
            raise UnknownNameError("tokenizer", str(tokenizer), COUNTERS)
        self._tokenizer = tokenizer  # by name, so that the wrapper can be pickled
        self._used = 0

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._used = 0
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        tokens = COUNTERS[self._tokenizer](str(action))
        self._used += tokens
        info = {**info, "response_tokens": tokens}
        if (terminated or truncated) and info.get("stop_reason") != "ungradable":
            cost = self._weight * overlong_penalty(self._used, self._limit, self._cache)
            info["reward_terms"] = terms = added(terms_of(reward, info), info, "overlong", cost)
            reward = sum(terms.values())
        return observation, float(reward), terminated, truncated, info

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"used": self._used}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        [self._used] = parts_of(self, state, "used")
