"""`TextWrapper`: what every wrapper of ours has: a spec that can be written down, and a state that can."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.text_env import Info
from rlvr_gym.verifiers.errors import shown


class TextWrapper(gym.Wrapper[Any, str, str, str], gym.utils.RecordConstructorArgs):
    """A wrapper around an environment of texts.

    A subclass gives its settings to this constructor, so that `env.spec` keeps them and `gym.make(env.spec)` builds
    the same stack again; and where it remembers anything between steps, it overrides `get_state` and `set_state`.

    Args:
        env: The environment.
        **settings: The subclass's own arguments; JSON values.
    """

    def __init__(self, env: gym.Env[str, str], **settings: Any) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, **settings)
        gym.Wrapper.__init__(self, env)

    def get_state(self) -> Any:
        """What this wrapper remembers of the episode, as JSON."""
        return None

    def set_state(self, state: Any) -> None:
        """Take a state that `get_state` gave; the value belongs to this wrapper from now on.

        Raises:
            SnapshotError: It is no such state.
        """
        if state is not None:
            raise SnapshotError(f"{type(self).__name__} has no state, got {shown(state)}")

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """What a policy outside sees after a restore, of what stands inside; by default the same."""
        return observation, info
