"""From conversations to the ids that a response continues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rlvr_gym.agents.policy import Conversation, Message
from rlvr_gym.verifiers import ConfigError


def encode_conversation(
    tokenizer: Any,
    conversation: Conversation,
    known: dict[str, tuple[int, ...]] | None = None,
    tools: Sequence[Message] = (),
) -> tuple[int, ...]:
    """The ids that a response continues.

    With a chat template, the template decides, which is given the tools, messages of the role `tool` and native calls.
    Without one, contents are joined as they are, and an assistant message that carries the `token_ids` it was sampled
    as keeps exactly these.

    Args:
        tokenizer: A transformers tokenizer.
        conversation: Messages.
        known: A dictionary of texts already encoded, which is read and filled.
        tools: For the template; JSON Schemas as OpenAI writes them.

    Raises:
        ConfigError: There are tools to be told of, and no template.
    """
    if getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template(
            [_templated(message) for message in conversation],
            tools=list(tools) or None,
            add_generation_prompt=True,
            tokenize=False,
        )
        return _encoded(tokenizer, text, known)
    if tools:
        raise ConfigError(
            "the environment leaves it to a chat template to tell of its tools, and this tokenizer has none: make the "
            "environment with a call_format whose rendering is 'text'"
        )
    ids: tuple[int, ...] = ()
    for message in conversation:
        ids += tuple(message.get("token_ids", ())) or _encoded(tokenizer, message["content"], known)
    return ids


def _templated(message: Message) -> dict[str, Any]:
    """A message as templates read it: with the arguments of native calls as objects."""
    plain = {key: value for key, value in message.items() if key not in ("token_ids", "tool_calls")}
    calls = [{**call, "function": {**call["function"]}} for call in message.get("tool_calls", ())]
    for call in calls:
        if isinstance(arguments := call["function"]["arguments"], str):
            call["function"]["arguments"] = _object(arguments)
    return {**plain, "tool_calls": calls} if calls else plain


def _object(text: str) -> Any:
    """The JSON value of a text; the text where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _encoded(tokenizer: Any, text: str, known: dict[str, tuple[int, ...]] | None) -> tuple[int, ...]:
    if known is None:
        known = {}
    if text not in known:
        known[text] = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    return known[text]
