"""`hermes`: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, as Hermes 2 Pro and Qwen 2.5 and 3 write calls.

Instructions and results are what those models' chat templates make of `tools` and of messages of the role `tool`: a
user message with our results is, byte for byte, Qwen's rendering of tool messages. vLLM's `hermes` parser reads the
same calls, but takes a response with one malformed call for an answer; here it is a fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from rlvr_gym.envs.tools.formats.arguments import checked, example_arguments, read_call
from rlvr_gym.envs.tools.formats.base import HOW_TO_ANSWER, MAX_CALLS, CallFormat, Reading, harmless, told
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed, read_json, skip_blank, write_json

OPEN, CLOSE = "<tool_call>", "</tool_call>"

_TAG = re.compile(r"</?tool_call", re.IGNORECASE)
_BARE = re.compile(r'\s*+\{\s*+"(?:name|arguments)"\s*+:')
_RESPONSE = re.compile(r"<(?=/?tool_response\b)", re.IGNORECASE)


class HermesFormat(CallFormat):
    """JSON in `<tool_call>` tags; any text without one is the answer.

    Example:
        >>> hermes = HermesFormat()
        >>> hermes.parse('<tool_call>\\n{"name": "add", "arguments": {"n": 1}}\\n</tool_call>', []).calls
        (ToolCall(name='add', arguments={'n': 1}),)
        >>> hermes.results([ToolResult("add", "3")])
        '<tool_response>\\n3\\n</tool_response>'
    """

    name: ClassVar[str] = "hermes"
    result_marks: ClassVar[tuple[str, ...]] = ("<tool_response>", "</tool_response>")
    renderings: ClassVar[tuple[str, ...]] = ("text", "template")

    def instructions(self, tools: Sequence[Tool]) -> str:
        """What Qwen's chat template says of `tools`, and an example."""
        if not tools:
            return HOW_TO_ANSWER
        signatures = "\n".join(json.dumps(tool.to_json(), ensure_ascii=False) for tool in tools)
        example = self.write([ToolCall(tools[0].name, example_arguments(tools[0]))], tools)
        return (
            "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
            "You are provided with function signatures within <tools></tools> XML tags:\n"
            f"<tools>\n{signatures}\n</tools>\n\n"
            "For each function call, return a json object with function name and arguments within "
            f'{OPEN}{CLOSE} XML tags:\n{OPEN}\n{{"name": <function-name>, "arguments": <args-json-object>}}\n{CLOSE}'
            f"\n\nFor example:\n{example}\n\n{HOW_TO_ANSWER}"
        )

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """See `CallFormat.read`."""
        calls: list[ToolCall] = []
        outside: list[str] = []
        position = 0
        while len(calls) <= MAX_CALLS and (tag := _TAG.search(text, position)):
            start = tag.start()
            if not text.startswith(OPEN, start):
                raise Malformed(f"{shown(text[start : start + 20])} opens no call; expected {OPEN}{{...}}{CLOSE}")
            value, end = read_json(text, start + len(OPEN))
            end = skip_blank(text, end)
            if not text.startswith(CLOSE, end):
                raise Malformed(f"{CLOSE} must follow the JSON object, got {shown(text[end : end + 40])}")
            calls.append(read_call(value, ["arguments"]))
            outside.append(text[position:start])
            position = end + len(CLOSE)
        if not calls and _BARE.match(text):
            raise Malformed(f"a call stands in tags: {OPEN}{{...}}{CLOSE}")
        return Reading(calls, "\n".join([*outside, text[position:]]))

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """See `CallFormat.write`."""
        objects = [{"name": checked(call).name, "arguments": call.arguments} for call in calls]
        return "\n".join(f"{OPEN}\n{write_json(one)}\n{CLOSE}" for one in objects)

    def results(self, results: Sequence[ToolResult]) -> str:
        """One `<tool_response>` a call, in order. What could open or close one is written with `&lt;`."""
        return "\n".join(_wrapped(_RESPONSE.sub("&lt;", told(result))) for result in results)

    def fault(self, text: str) -> str:
        """As a response of a tool: Qwen 3 forgets its reasoning when the user speaks."""
        return _wrapped(_RESPONSE.sub("&lt;", super().fault(text)))

    def result_messages(self, results: Sequence[ToolResult], action: str = "") -> list[dict[str, Any]]:
        """One message of the role `tool` a call, with the name; the template puts the tags around it."""
        return [
            {"role": "tool", "name": harmless(result.name), "content": _RESPONSE.sub("&lt;", told(result))}
            for result in results
        ]


def _wrapped(text: str) -> str:
    return f"<tool_response>\n{text}\n</tool_response>"
