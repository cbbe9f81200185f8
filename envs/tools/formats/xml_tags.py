"""`xml`: a tag named after the tool, `<calculator>12 * 3</calculator>`.

After Search-R1 (arXiv 2503.09516; `PeterGriffinJin/Search-R1:search_r1/llm_agent/generation.py`), which reads the first
`<search>...</search>` or `<answer>...</answer>`. Here any tool has its tag, all calls of a response are made, and what
Search-R1 would read in part (half a tag, a call beside an answer) is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import ClassVar

from rlvr_gym.envs.tools.formats.arguments import example_arguments, known, named, read_body, text_argument, write_body
from rlvr_gym.envs.tools.formats.base import HOW_TO_ANSWER, MAX_CALLS, CallFormat, Reading, told
from rlvr_gym.envs.tools.formats.describe import described
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_TAKEN = ("answer", "result", "think")
_RESULT = re.compile(r"<(?=/?result\b)", re.IGNORECASE)
_QUOTES = str.maketrans({"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})


class XmlFormat(CallFormat):
    """Tags named after the tools; the answer in `<answer>`, or any text without a call.

    Example:
        >>> def calculator(expression: str) -> str:
        ...     '''Work out an expression.
        ...
        ...     Args:
        ...         expression: What to work out.
        ...     '''
        >>> tools, xml = [Tool.of(calculator)], XmlFormat()
        >>> xml.parse("Let me see. <calculator>12 * 3</calculator>", tools).calls
        (ToolCall(name='calculator', arguments={'expression': '12 * 3'}),)
        >>> xml.parse("<calculator>12 * 3", tools).fault
        '<calculator> is never closed; expected <calculator>...</calculator>'
        >>> xml.results([ToolResult("calculator", "36")])
        '<result tool="calculator">36</result>'
    """

    name: ClassVar[str] = "xml"
    result_marks: ClassVar[tuple[str, ...]] = ("<result>", "<result ", "</result>")

    def instructions(self, tools: Sequence[Tool]) -> str:
        """See `CallFormat.instructions`."""
        for tool in tools:
            _check_name(tool.name)
        if not tools:
            return HOW_TO_ANSWER
        first = tools[0]
        plain = [tool.name for tool in tools if text_argument(tool) is not None]
        how = ["To call a tool, write what it takes between tags of its name, for example:"]
        how.append(self.write([ToolCall(first.name, example_arguments(first))], tools))
        if not plain:
            how.append("Between the tags stands a JSON object with the arguments; nothing where there are none.")
        elif any(len(tool.parameters.get("properties", {})) != 1 or tool.name not in plain for tool in tools):
            how.append(f"A text as it is: {', '.join(plain)}. For other tools and more arguments: a JSON object.")
        how.append("You may make several calls at once. Each result is told in <result>; never write one yourself.")
        how.append(HOW_TO_ANSWER)
        return "\n".join([described(tools), "", *how])

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """See `CallFormat.read`."""
        calls: list[ToolCall] = []
        outside: list[str] = []
        position = 0
        names = _occurring([tool.name for tool in tools], text.lower())
        tags = _tags(tuple(names))
        while names and len(calls) <= MAX_CALLS and (tag := tags.search(text, position)):
            tool = named(tag[2], tools)
            _check_tag(tag, tool)
            close = text.find(f"</{tag[2]}>", tag.end())
            if close < 0 or tool is None:
                raise Malformed(f"<{tag[2]}> is never closed; expected <{tag[2]}>...</{tag[2]}>")
            body = text[tag.end() : close]
            if f"<{tag[2]}>" in body:
                raise Malformed(f"<{tag[2]}> stands inside <{tag[2]}>; close each call before the next")
            outside.append(text[position : tag.start()])
            calls.append(ToolCall(tag[2], read_body(body.strip(), tool)))
            position = close + len(tag[2]) + 3
        return Reading(calls, "\n".join([*outside, text[position:]]))

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """See `CallFormat.write`."""
        lines = []
        for call in calls:
            _check_name(call.name)
            body = write_body(call, known(call.name, tools), partial(_fits, call.name))
            lines.append(f"<{call.name}>{body}</{call.name}>")
        return "\n".join(lines)

    def results(self, results: Sequence[ToolResult]) -> str:
        """One `<result>` a call. What could open or close one in the output is written with `&lt;`."""
        return "\n".join(
            f'<result tool="{result.name.translate(_QUOTES)}">{_RESULT.sub("&lt;", told(result))}</result>'
            for result in results
        )


def _fits(name: str, text: str) -> bool:
    marks = (f"<{name}>", f"</{name}>", "<think>", "</think>")
    return text == text.strip() and not any(mark in text for mark in marks)


def _occurring(names: Sequence[str], small: str) -> list[str]:
    """Names whose tags may stand in a text of small letters: a quick look, so that most answers need no other."""
    return [name for name in names if f"<{name.lower()}" in small or f"</{name.lower()}" in small]


def _check_tag(tag: re.Match[str], tool: Tool | None) -> None:
    closing, name, end = tag.groups()
    if tool is None:
        raise Malformed(f"{shown(tag[0])} is not the tag of a tool: write its name as the tools are listed")
    if closing:
        raise Malformed(f"</{name}> closes what was never opened; expected <{name}>...</{name}>")
    if end != ">":
        raise Malformed(f"{shown(tag[0])} is not a plain tag; expected <{name}>...</{name}>")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.lower() in _TAKEN:
        raise ConfigError(
            f"the format 'xml' has no tag for a tool named {name!r}: a name is letters, digits and _ . - and none of "
            f"{', '.join(_TAKEN)}; rename the tool or choose another format"
        )


@lru_cache(maxsize=64)
def _tags(names: tuple[str, ...]) -> re.Pattern[str]:
    """Whatever begins like a tag of one of these names: half a tag, with attributes, or in other letters too."""
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"<(/?)({either})(>|\s*+/?>|\s++[\w-]++\s*+=|(?=<)|\Z)", re.IGNORECASE | re.ASCII)
