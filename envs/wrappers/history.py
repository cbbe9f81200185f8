"""The whole conversation: as one text (`HistoryText`), or in the info (`ChatHistory`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import copied
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Message, Options, Step, TextWrapper, any_text, beginning, exchange
from rlvr_gym.envs.wrappers.templates import make_template
from rlvr_gym.verifiers.errors import shown

Conversation = tuple[Message, ...]


class HistoryText(TextWrapper):
    """The observation is the whole conversation as one text, for a policy that takes one prompt.

    At the end of an episode it is the conversation with the last response. `info["messages"]` stays this turn's.
    Nothing of one episode reaches the next, and no message can look like another: a template's markers inside a message
    are broken by a backslash. Put it around every wrapper that adds messages.

    Args:
        env: The environment.
        template: `"chatml"`, `"plain"`, or a dict with the pieces `system`, `user` and `assistant`, each with one
            `{content}`, and `opening`, which stands where the policy is to speak.

    Raises:
        ConfigError: The template is refused.

    Example:
        >>> env = HistoryText(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact"), template="plain")
        >>> print(env.reset(seed=0)[0])
        User: 4x6:
        Assistant:
        >>> print(env.step("1234")[0])
        User: 4x6:
        Assistant: 1234
        User: 1,2:
        Assistant:
    """

    def __init__(self, env: gym.Env[str, str], template: str | Mapping[str, str] = "chatml") -> None:
        super().__init__(env, template=template)
        self._template = make_template(template)
        self._conversation: Conversation = ()
        any_text(self)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._conversation = ()
        observation, info = self.env.reset(seed=seed, options=options)
        self._conversation = tuple(beginning(observation, info))
        return self._template.text(self._conversation), info

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._conversation = (*self._conversation, *exchange(action, observation, info))
        return self._template.text(self._conversation), float(reward), terminated, truncated, info

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return list(self._conversation)

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        self._conversation = _conversation(self, state)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        return self._template.text(self._conversation), info


class ChatHistory(TextWrapper):
    """`info["conversation"]` holds all messages so far, at every reset and step; the rest is as it was.

    Args:
        env: The environment.

    Example:
        >>> env = ChatHistory(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact"))
        >>> _ = env.reset(seed=0)
        >>> env.step("1234")[4]["conversation"][1:]
        [{'role': 'assistant', 'content': '1234'}, {'role': 'user', 'content': '1,2:'}]
    """

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)
        self._conversation: Conversation = ()

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._conversation = ()
        observation, info = self.env.reset(seed=seed, options=options)
        self._conversation = tuple(beginning(observation, info))
        return observation, self._told(info)

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._conversation = (*self._conversation, *exchange(action, observation, info))
        return observation, float(reward), terminated, truncated, self._told(info)

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return list(self._conversation)

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        self._conversation = _conversation(self, state)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        return observation, self._told(info)

    def _told(self, info: Info) -> Info:
        return {**info, "conversation": copied(self._conversation)}


def _conversation(wrapper: TextWrapper, state: Any) -> Conversation:
    if not isinstance(state, list) or not all(isinstance(message, Mapping) for message in state):
        raise SnapshotError(f"not a state of {type(wrapper).__name__}: expected messages, got {shown(state)}")
    return tuple(dict(message) for message in state)
