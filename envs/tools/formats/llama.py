"""`llama`: `{"name": ..., "parameters": {...}}`, as Llama 3.1 to 3.3 write calls of their own accord.

After `meta-llama/llama-models` (`models/llama3_3/prompt_format.md`, `models/llama3/chat_format.py`) and vLLM's
`llama3_json` parser. A call is the whole response, or all that follows `<|python_tag|>`; several are separated by
semicolons. Not read: Python code after the tag, `brave_search.call(query="...")`, lists of Python calls.
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

PYTHON_TAG = "<|python_tag|>"
ENDS = ("<|eom_id|>", "<|eot_id|>")

_OBJECT = re.compile(r"""\{\s*+["'}]""")
_CALL = re.compile(r'\{\s*+"(?:name|parameters|type)"\s*+:')


class LlamaFormat(CallFormat):
    """JSON objects separated by semicolons, with `<|python_tag|>` before them or nothing; other text is the answer.

    Example:
        >>> llama = LlamaFormat()
        >>> llama.parse('<|python_tag|>{"type": "function", "name": "add", "parameters": {"n": 1}}<|eom_id|>', []).calls
        (ToolCall(name='add', arguments={'n': 1}),)
        >>> llama.parse('I call {"name": "add", "parameters": {"n": 1}}', []).fault
        'a call is the whole response, or follows <|python_tag|>; here other text stands before it'
    """

    name: ClassVar[str] = "llama"
    result_marks: ClassVar[tuple[str, ...]] = ("<|start_header_id|>", "<|eom_id|>", "<|eot_id|>")
    renderings: ClassVar[tuple[str, ...]] = ("text", "template")

    def instructions(self, tools: Sequence[Tool]) -> str:
        """What Llama 3.1's chat template says of tools, and an example."""
        if not tools:
            return HOW_TO_ANSWER
        signatures = "\n\n".join(json.dumps(tool.to_json(), indent=4, ensure_ascii=False) for tool in tools)
        example = self.write([ToolCall(tools[0].name, example_arguments(tools[0]))], tools)
        return (
            "You have access to the following functions. To call a function, please respond with JSON for a function "
            'call. Respond in the format {"name": function name, "parameters": dictionary of argument name and its '
            f"value}}. Do not use variables.\n\n{signatures}\n\nFor example: {example}\nSeparate several calls by "
            f"semicolons and write nothing else beside them. {HOW_TO_ANSWER}"
        )

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """See `CallFormat.read`."""
        if _OBJECT.match(text, skip_blank(text, 0)):
            return Reading(_calls(_without_end(text)))
        outside, tag, rest = text.partition(PYTHON_TAG)
        if tag:
            return Reading(_calls(_without_end(rest)), outside)
        if _CALL.search(text):
            raise Malformed(f"a call is the whole response, or follows {PYTHON_TAG}; here other text stands before it")
        return Reading((), text)

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """See `CallFormat.write`."""
        return "; ".join(write_json({"name": checked(call).name, "parameters": call.arguments}) for call in calls)

    def results(self, results: Sequence[ToolResult]) -> str:
        """One line of JSON a call, as Llama 3.1's template renders a tool's message: no output can leave its string."""
        return "\n".join(json.dumps({"output": told(result)}, ensure_ascii=False) for result in results)

    def result_messages(self, results: Sequence[ToolResult], action: str = "") -> list[dict[str, Any]]:
        """One message of the role `tool` a call; the template writes it under the header `ipython`."""
        return [{"role": "tool", "name": harmless(result.name), "content": told(result)} for result in results]


def _without_end(text: str) -> str:
    text = text.rstrip()
    return next((text.removesuffix(end) for end in ENDS if text.endswith(end)), text).rstrip()


def _calls(text: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    position = 0
    while len(calls) <= MAX_CALLS:
        value, end = read_json(text, position)
        calls.append(read_call(value, ["parameters", "arguments"], typed=True))
        position = skip_blank(text, end)
        if position == len(text):
            break
        if text[position] != ";":
            near = shown(text[position : position + 40])
            raise Malformed(f"calls are separated by semicolons and followed by nothing, got {near}")
        position += 1
    return calls
