"""`TextAction`: an action that is a text and may say how it came about. `Transition`: what it did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from rlvr_gym.envs.task import copied
from rlvr_gym.verifiers import Verdict


class TextAction(str):
    """An action that also carries how the policy's generation ended.

    Args:
        text: The response.
        finish_reason: `"stop"`, `"length"` or whatever the policy reports; None where unknown.
        tool_calls: Parsed tool calls, JSON objects.

    Example:
        >>> action = TextAction("#### 7", finish_reason="length")
        >>> action == "#### 7", action.finish_reason
        (True, 'length')
    """

    finish_reason: str | None
    tool_calls: tuple[Mapping[str, Any], ...]

    def __new__(
        cls, text: str, *, finish_reason: str | None = None, tool_calls: tuple[Mapping[str, Any], ...] = ()
    ) -> Self:
        """See the class."""
        action = super().__new__(cls, text)
        action.finish_reason = finish_reason
        action.tool_calls = tool_calls
        return action


@dataclass(frozen=True, slots=True)
class Transition:
    """What an action did.

    Args:
        observation: The environment's next text; empty where the episode ends.
        verdict: The judgement, once there is one; it ends the episode.
        reward_terms: Rewards of this turn apart from the verdict's.
        info: What the info of this step says besides; JSON, under keys that `TextEnv` does not use.
        messages: The turn in chat format, the policy's own message first. By default the action, and the observation as
            a message of the user.
    """

    observation: str = ""
    verdict: Verdict | None = None
    reward_terms: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Mapping[str, Any]] = ()

    def conversation(self, action: str) -> list[dict[str, Any]]:
        """The turn in chat format; a copy.

        Example:
            >>> Transition("Too low.").conversation("50")
            [{'role': 'assistant', 'content': '50'}, {'role': 'user', 'content': 'Too low.'}]
        """
        if self.messages:
            return [copied(message) for message in self.messages]
        said = [{"role": "assistant", "content": str(action)}]
        return [*said, {"role": "user", "content": self.observation}] if self.observation else said


def shown_content(message: Mapping[str, Any]) -> str:
    """What a message says, as text; native calls are written out as JSON.

    Example:
        >>> shown_content({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now"}}]})
        '{"function": {"name": "now"}}'
    """
    calls = (json.dumps(call, ensure_ascii=False) for call in message.get("tool_calls", ()))
    return "\n".join(filter(None, (str(message["content"]), *calls)))


def to_record(action: str) -> dict[str, Any]:
    """An action as JSON."""
    if not isinstance(action, TextAction):
        return {"text": action}
    return {"text": str(action), "finish_reason": action.finish_reason, "tool_calls": copied(action.tool_calls)}


def from_record(recorded: Mapping[str, Any]) -> str:
    """The inverse of `to_record`."""
    if "finish_reason" not in recorded:
        return str(recorded["text"])
    calls = tuple(recorded["tool_calls"])
    return TextAction(recorded["text"], finish_reason=recorded["finish_reason"], tool_calls=calls)


def plain(action: str) -> str:
    """The action as a plain text: a subclass of `str` could answer every question about itself with a lie."""
    if type(action) is str or type(action) is TextAction:
        return action
    text = str.__str__(action)
    if isinstance(action, TextAction):
        return TextAction(text, finish_reason=action.finish_reason, tool_calls=action.tool_calls)
    return text
