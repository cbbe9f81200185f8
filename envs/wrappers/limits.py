"""Limits: `TurnLimit` on the turns of an episode, `TokenLimit` on the length of responses. Both truncate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.task import check_int
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import (
    Options,
    Place,
    Step,
    TextWrapper,
    opened,
    parts_of,
    place_from,
    state_of,
    turns_allowed,
)
from rlvr_gym.verifiers import UnknownNameError

COUNTERS: dict[str, Callable[[str], int]] = {
    "bytes": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "characters": len,
    "words": lambda text: len(text.split()),
}
"""Ways to count, by name. A tokenizer gets a name by an entry here, so that a setting stays a text:
`COUNTERS["qwen"] = lambda text: len(tokenizer.encode(text))`."""


class TurnLimit(TextWrapper):
    """An episode that is not over after `max_turns` steps is truncated, with the stop reason `max_turns`.

    Unlike `gymnasium.wrappers.TimeLimit` it says why, and never sets both flags. It counts the steps taken here, since
    the last reset.

    Args:
        env: The environment.
        max_turns: Steps.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> env = TurnLimit(gym.make("rlvr_gym:rlvr/Mastermind-v0"), max_turns=1)
        >>> _ = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step("<answer>1234</answer>")
        >>> terminated, truncated, info["stop_reason"]
        (False, True, 'max_turns')
    """

    def __init__(self, env: gym.Env[str, str], max_turns: int) -> None:
        super().__init__(env, max_turns=max_turns)
        self._max_turns = check_int("max_turns", max_turns, 1, None)
        self._place: Place | None = None
        self._steps = 0

    @property
    def max_turns(self) -> int:
        """The limit, or that of the environment inside where it is lower."""
        return min(self._max_turns, turns_allowed(self.env) or self._max_turns)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._place = None
        observation, info = self.env.reset(seed=seed, options=options)
        self._place, self._steps = Place.of(info), 0
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        place, action = opened(self._place, action)
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps += 1
        if self._steps >= self._max_turns and not (terminated or truncated):
            truncated, info = True, {**info, "stop_reason": "max_turns"}
        self._place = place.after(info, over=terminated or truncated)
        return observation, float(reward), terminated, truncated, info

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"place": state_of(self._place), "steps": self._steps}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        place, self._steps = parts_of(self, state, "place", "steps")
        self._place = place_from(self, place)


class TokenLimit(TextWrapper):
    """A response over a limit ends the episode: truncated, stop reason `length`, no verdict, reward 0.

    It is neither cut nor judged: what a policy did not finish is not its answer, and a cut one could be another. A
    `TextAction` whose `finish_reason` is `"length"` was cut by whoever generated it and counts as over the limit.
    `info["response_tokens"]` is the length of each response.

    Args:
        env: The environment.
        max_tokens: Longest response; None for no limit.
        max_episode_tokens: All responses of an episode together; None for no limit.
        tokenizer: How to count: `"bytes"`, `"characters"`, `"words"`, or another name in `COUNTERS`.

    Raises:
        ConfigError: A setting is refused.
        UnknownNameError: There is no such way to count.

    Example:
        >>> env = TokenLimit(gym.make("rlvr_gym:rlvr/Arithmetic-v0"), max_tokens=3, tokenizer="words")
        >>> _ = env.reset(seed=0)
        >>> _, reward, terminated, truncated, info = env.step("I think it is #### 54")
        >>> reward, terminated, truncated, info["stop_reason"], info["response_tokens"]
        (0.0, False, True, 'length', 6)
    """

    counts_tokens = True

    def __init__(
        self,
        env: gym.Env[str, str],
        max_tokens: int | None = None,
        max_episode_tokens: int | None = None,
        tokenizer: str = "characters",
    ) -> None:
        super().__init__(env, max_tokens=max_tokens, max_episode_tokens=max_episode_tokens, tokenizer=tokenizer)
        for name, value in (("max_tokens", max_tokens), ("max_episode_tokens", max_episode_tokens)):
            if value is not None:
                check_int(name, value, 0, None)
        if tokenizer not in COUNTERS:
            raise UnknownNameError("tokenizer", str(tokenizer), COUNTERS)
        self._limits = (max_tokens, max_episode_tokens)
        self._tokenizer = tokenizer  # by name, so that the wrapper can be pickled
        self._place: Place | None = None
        self._used = 0
        self._unheard: str | None = None  # the response that ended the episode, which nobody inside has seen

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._place = None
        observation, info = self.env.reset(seed=seed, options=options)
        self._place, self._used, self._unheard = Place.of(info), 0, None
        return observation, info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        place, action = opened(self._place, action)
        tokens = COUNTERS[self._tokenizer](action)
        used = self._used + tokens
        over = any(limit is not None and n > limit for n, limit in zip((tokens, used), self._limits, strict=True))
        if over or getattr(action, "finish_reason", None) == "length":
            info = place.end(action, "length", response_tokens=tokens)
            self._place, self._used, self._unheard = place.after(info, over=True), used, str(action)
            return "", 0.0, False, True, info
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._place, self._used = place.after(info, over=terminated or truncated), used
        return observation, float(reward), terminated, truncated, {**info, "response_tokens": tokens}

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"place": state_of(self._place), "used": self._used, "unheard": self._unheard}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        place, self._used, self._unheard = parts_of(self, state, "place", "used", "unheard")
        self._place = place_from(self, place)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        if self._unheard is None or self._place is None:
            return observation, info
        messages = [*info["messages"], {"role": "assistant", "content": self._unheard}]
        return "", {**info, "turn": self._place.turn, "messages": messages}
