"""`Opening`: what a wrapper adds to the beginning of an episode. System prompts, examples and hints are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Message, TextWrapper, beginning, parts_of
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

FORMS = ("chat", "text")


@dataclass(frozen=True, slots=True)
class Opening:
    """What is added where an episode begins.

    Args:
        at: Which message of the environment inside is the prompt.
        before: Messages in front of its messages.
        head: Text in front of the prompt.
        tail: Text after the prompt.

    Example:
        >>> opening = Opening.of([{"role": "user", "content": "2 + 2?"}], head="Be brief. ")
        >>> opening.seen("2 + 2?", {"messages": [{"role": "user", "content": "2 + 2?"}]})
        ('Be brief. 2 + 2?', {'messages': [{'role': 'user', 'content': 'Be brief. 2 + 2?'}]})
    """

    at: int
    before: tuple[Message, ...] = ()
    head: str = ""
    tail: str = ""

    @classmethod
    def of(cls, messages: Sequence[Message], before: Sequence[Message] = (), head: str = "", tail: str = "") -> Self:
        """What is added to an episode that begins with these messages, of which the last is the prompt."""
        return cls(len(messages) - 1, tuple(before), head, tail)

    @classmethod
    def from_state(cls, wrapper: TextWrapper, state: Any) -> Self | None:
        """The inverse of `to_state`; None stays None.

        Raises:
            SnapshotError: It is no such state.
        """
        if state is None:
            return None
        at, before, head, tail = parts_of(wrapper, state, "at", "before", "head", "tail")
        return cls(at, tuple(before), head, tail)

    def to_state(self) -> dict[str, Any]:
        """As JSON."""
        return {"at": self.at, "before": list(self.before), "head": self.head, "tail": self.tail}

    def seen(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """What a reset or a restore gives, of what the environment inside gave."""
        messages = beginning(observation, info)
        if len(messages) - 1 == self.at:  # nothing was said yet: the prompt is what is to be answered
            observation = self.head + observation + self.tail
        if self.at < len(messages):
            prompt = messages[self.at]
            messages[self.at] = {**prompt, "content": self.head + prompt["content"] + self.tail}
        return observation, {**info, "messages": joined(self.before, messages)}


def joined(before: Sequence[Message], messages: Sequence[Message]) -> list[Message]:
    """Messages in front of others. A system message stays the first, and two of them become one.

    Example:
        >>> joined([{"role": "system", "content": "A"}], [{"role": "system", "content": "B"}])
        [{'role': 'system', 'content': 'A\\n\\nB'}]
    """
    system = [message for message in (*before[:1], *messages[:1]) if message["role"] == "system"]
    rest = [message for message in (*before, *messages) if not any(message is one for one in system)]
    if not system:
        return [dict(message) for message in rest]
    content = "\n\n".join(message["content"] for message in system)
    return [{"role": "system", "content": content}, *(dict(message) for message in rest)]


def check_form(form: Any) -> str:
    """Refuse what is not one of `FORMS`.

    Raises:
        ConfigError: With the forms that exist.
    """
    if form not in FORMS:
        raise ConfigError(f"form must be one of {', '.join(FORMS)}; got {shown(form)}")
    return str(form)
