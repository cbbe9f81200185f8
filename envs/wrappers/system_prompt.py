"""`SystemPrompt`: a system message, or its text in front of the prompt."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from rlvr_gym.envs.task import check_text
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, TextWrapper, any_text, beginning
from rlvr_gym.envs.wrappers.opening import Opening, check_form


class SystemPrompt(TextWrapper):
    """A text that comes before everything else.

    With `form="chat"` it is a message of the role `system`, the first of `info["messages"]` at a reset; one that is
    there already is joined to it. The observation stays what the environment says in this turn. With `form="text"`, for
    models whose chat template knows no such role, it stands in front of the prompt, in the message and in the
    observation.

    Args:
        env: The environment.
        text: The text.
        form: `"chat"` or `"text"`.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> env = SystemPrompt(gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact"), "Add.")
        >>> env.reset(seed=0)[1]["messages"]
        [{'role': 'system', 'content': 'Add.'}, {'role': 'user', 'content': '14+40='}]
    """

    def __init__(self, env: gym.Env[str, str], text: str, form: str = "chat") -> None:
        super().__init__(env, text=text, form=form)
        self._text = check_text("text", text)
        self._form = check_form(form)
        self._opening: Opening | None = None
        if form == "text":
            any_text(self)

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`."""
        self._opening = None
        observation, info = self.env.reset(seed=seed, options=options)
        messages = beginning(observation, info)
        if self._form == "text":
            self._opening = Opening.of(messages, head=f"{self._text}\n\n")
        else:
            self._opening = Opening.of(messages, [{"role": "system", "content": self._text}])
        return self._opening.seen(observation, info)

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return None if self._opening is None else self._opening.to_state()

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`."""
        self._opening = Opening.from_state(self, state)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        return (observation, info) if self._opening is None else self._opening.seen(observation, info)
