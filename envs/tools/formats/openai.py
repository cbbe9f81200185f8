"""`openai`: native tool calls, which a `TextAction` carries beside its text.

The JSON of OpenAI's chat completions (`message.tool_calls`), which vLLM, SGLang and others serve too: `{"id": ...,
"type": "function", "function": {"name": ..., "arguments": "<JSON text>"}}`; `arguments` may also be an object, and the
short form `{"name": ..., "arguments": {...}}` is read too. Text alone is the answer, whatever stands in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rlvr_gym.envs.action import TextAction
from rlvr_gym.envs.tools.formats.arguments import checked, read_call
from rlvr_gym.envs.tools.formats.base import HOW_TO_ANSWER, CallFormat, Parsed, Reading, harmless, told
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed, flaw_of


class OpenAIFormat(CallFormat):
    """Calls are in `TextAction.tool_calls`; an action without them is the answer.

    Example:
        >>> openai = OpenAIFormat()
        >>> function = {"name": "add", "arguments": '{"n": 1}'}
        >>> action = TextAction("", tool_calls=({"id": "call_a", "type": "function", "function": function},))
        >>> openai.parse(action, []).calls
        (ToolCall(name='add', arguments={'n': 1}),)
        >>> openai.result_messages([ToolResult("add", "3")], action)
        [{'role': 'tool', 'name': 'add', 'content': '3', 'tool_call_id': 'call_a'}]
    """

    name: ClassVar[str] = "openai"
    renderings: ClassVar[tuple[str, ...]] = ("template",)

    def instructions(self, tools: Sequence[Tool]) -> str:
        """How to answer; the tools go to the model through its server or template, not through the prompt."""
        return HOW_TO_ANSWER

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """No text is a call."""
        return Reading((), text)

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> TextAction:
        """An action with an empty text and the calls beside it, numbered."""
        return TextAction("", tool_calls=tuple(_native(checked(call), i) for i, call in enumerate(calls)))

    def results(self, results: Sequence[ToolResult]) -> str:
        """One line of JSON a call; for models, see `result_messages`."""
        lines = ({"name": harmless(result.name), "content": told(result)} for result in results)
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)

    def message(self, action: str) -> dict[str, Any]:
        """With its `tool_calls` in OpenAI's form, where they have that form; ids are made where none is given."""
        entries = _entries(action)
        return {**super().message(action), **({"tool_calls": entries} if entries else {})}

    def result_messages(self, results: Sequence[ToolResult], action: str = "") -> list[dict[str, Any]]:
        """One message of the role `tool` a call, with the id of the call in `message`."""
        ids = [entry["id"] for entry in _entries(action)] or [f"call_{i}" for i in range(len(results))]
        return [
            {"role": "tool", "name": harmless(result.name), "content": told(result), "tool_call_id": call_id}
            for result, call_id in zip(results, ids, strict=True)
        ]

    def fault_messages(self, text: str, action: str = "") -> list[dict[str, Any]]:
        """In answer to each call of `message`, which servers demand; else as a message of the user."""
        wrong = {"role": "tool", "content": self.fault(text)}
        return [
            {**wrong, "name": entry["function"]["name"], "tool_call_id": entry["id"]} for entry in _entries(action)
        ] or super().fault_messages(text, action)

    def _parsed(self, action: str, tools: Sequence[Tool]) -> Parsed:
        native = action.tool_calls if isinstance(action, TextAction) else ()
        if not native:
            return super()._parsed(str(action), tools)
        if not isinstance(native, list | tuple):
            raise Malformed(f"tool_calls must be a list, got {shown(native, 60)}")
        if flaw := flaw_of(native):
            raise Malformed(flaw)
        return Parsed(calls=self.alone([read_call(_inner(entry), ["arguments"]) for entry in native], str(action)))


def _inner(entry: Any) -> Any:
    """What names the function and its arguments, in either form."""
    if not isinstance(entry, Mapping):
        return entry
    kept = {key: value for key, value in entry.items() if key not in ("id", "index")}
    if "function" not in kept:
        return kept
    if kept.keys() - {"function", "type"} or kept.get("type", "function") != "function":
        raise Malformed(f'a tool call is {{"id", "type": "function", "function"}}, got {shown(dict(entry), 100)}')
    return kept["function"]


def _native(call: ToolCall, number: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False, allow_nan=False)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _entries(action: str) -> list[dict[str, Any]]:
    """The calls of an action in OpenAI's form; empty where one of them cannot be brought into it."""
    entries = []
    native = action.tool_calls if isinstance(action, TextAction) else ()
    if not isinstance(native, list | tuple) or flaw_of(native):
        return []
    for number, entry in enumerate(native):
        function = entry.get("function", entry) if isinstance(entry, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            return []
        given, call_id = function.get("arguments", {}), entry.get("id")
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        call_id = call_id if isinstance(call_id, str) and call_id else f"call_{number}"
        entries.append({"id": call_id, "type": "function", "function": {"name": function["name"], "arguments": text}})
    return entries
