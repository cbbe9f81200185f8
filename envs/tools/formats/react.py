"""`react`: `Thought:`, `Action:`, `Action Input:`, `Final Answer:`, each at the beginning of a line.

After ReAct (arXiv 2210.03629) in the wording of LangChain's `ReActSingleInputOutputParser`. What a response says from
`Observation:` on is not used: that part is the environment's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from rlvr_gym.envs.tools.formats.arguments import (
    MAX_NAME_CHARS,
    checked,
    example_arguments,
    named,
    read_body,
    write_body,
)
from rlvr_gym.envs.tools.formats.base import MAX_CALLS, CallFormat, Reading, told
from rlvr_gym.envs.tools.formats.describe import described
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed, read_object, write_json

FINAL = "Final Answer:"

_OBSERVATION = re.compile(r"^Observation:", re.MULTILINE)
_ACTION = re.compile(r"^Action(?: (Input))?:", re.MULTILINE)
_ANY = re.compile(r"^(Thought|Action Input|Action|Final Answer|Observation):", re.MULTILINE)
_ALMOST = re.compile(r"^[ \t*_#>-]*+(?:action|action input|final answer)[ \t*_]*+:", re.MULTILINE | re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|\n")
_EXPECTED = "expected the lines 'Action: <name of a tool>' and 'Action Input: <what it takes>'"


class ReactFormat(CallFormat):
    """An action and its input on lines of their own; the answer after `Final Answer:`.

    Example:
        >>> def search(query: str) -> str:
        ...     '''Search.
        ...
        ...     Args:
        ...         query: What for.
        ...     '''
        >>> react, tools = ReactFormat(), [Tool.of(search)]
        >>> said = "Thought: I look it up.\\nAction: search\\nAction Input: tower\\nObservation: 300 m"
        >>> react.parse(said, tools).calls
        (ToolCall(name='search', arguments={'query': 'tower'}),)
        >>> react.parse("Thought: I know it.\\nFinal Answer: 324", tools).answer
        '324'
    """

    name: ClassVar[str] = "react"

    def instructions(self, tools: Sequence[Tool]) -> str:
        """See `CallFormat.instructions`."""
        if not tools:
            return f"Give the answer on a last line that begins with '{FINAL}'."
        example = self.write([ToolCall(tools[0].name, example_arguments(tools[0]))], tools)
        return (
            f"{described(tools)}\n\nUse this format:\nThought: what you think\n{example}\n\n"
            "The action is the name of a tool. Its input is the text that it takes, or a JSON object with its "
            "arguments. Stop there: you are then told the result after 'Observation:'; never write one yourself.\n"
            f"When you know the answer:\nThought: what you think\n{FINAL} your answer"
        )

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """See `CallFormat.read`."""
        seen = _OBSERVATION.search(text) if "Observation:" in text else None
        own = text[: seen.start()] if seen else text
        if seen and not own.strip():
            raise Malformed(f"only the environment writes 'Observation:'; {_EXPECTED}")
        final = ("\n" + own).rfind("\n" + FINAL)
        if not (first := _ACTION.search(own) if "Action" in own else None):
            if final < 0 and (_almost(own) or own.lstrip().startswith("Thought:")):
                raise Malformed(f"there is neither an action nor a final answer; {_EXPECTED}, or '{FINAL} ...'")
            return Reading((), own, own if final < 0 else own[final + len(FINAL) :].strip())
        if final >= 0:
            raise Malformed("a response makes calls or gives the answer, not both; wait for the observation")
        return Reading(_calls(own, first.start(), tools), own[: first.start()])

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """See `CallFormat.write`."""
        lines = []
        for call in calls:
            name = checked(call).name
            if name != name.strip() or _LINE_END.search(name) or "think>" in name:
                raise ConfigError(f"the format 'react' has no line for a tool named {name!r}")
            tool = named(name, tools)
            body = write_body(call, tool, _fits) if tool else write_json(call.arguments)
            lines.append(f"Action: {name}\nAction Input: {body}")
        return "\n".join(lines)

    def write_answer(self, answer: str) -> str:
        """See `CallFormat.write_answer`."""
        return f"{FINAL} {answer}"

    def results(self, results: Sequence[ToolResult]) -> str:
        """One `Observation:` a call. Further lines of an output are indented, so that none can begin like ours."""
        return "\n".join(f"Observation: {_LINE_END.sub(_INDENTED, told(result))}" for result in results)

    def fault(self, text: str) -> str:
        """As an observation."""
        return f"Observation: {super().fault(text)}"


_INDENTED = "\n  "


def _almost(text: str) -> bool:
    """Whether a text tries to be in this format, in other letters or with Markdown around the words."""
    small = text.lower()
    return ("action" in small or "final answer" in small) and _ALMOST.search(text) is not None


def _fits(text: str) -> bool:
    return text == text.strip() and "think>" not in text and not _ANY.search(text)


def _calls(text: str, position: int, tools: Sequence[Tool]) -> list[ToolCall]:
    calls: list[ToolCall] = []
    while len(calls) <= MAX_CALLS and (action := _ACTION.search(text, position)):
        after = _ANY.search(text, action.end())
        if action[1] or not after or after[1] != "Action Input":
            raise Malformed(f"an action and its input belong together; {_EXPECTED}")
        name = text[action.end() : after.start()].strip()
        if not 0 < len(name) <= MAX_NAME_CHARS or "\n" in name:
            raise Malformed(f"after 'Action:' stands the name of a tool on the same line, got {shown(name, 60)}")
        end = _ANY.search(text, after.end())
        position = end.start() if end else len(text)
        calls.append(ToolCall(name, _arguments(text[after.end() : position].strip(), named(name, tools))))
    return calls


def _arguments(body: str, tool: Tool | None) -> dict[str, object]:
    if tool is not None:
        return read_body(body, tool)
    try:
        return read_object(body)
    except Malformed:  # of a tool that does not exist: whoever asked for it is told that
        return {"input": body}
