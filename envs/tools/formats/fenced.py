"""`fenced`: a block of code is the action.

After ReTool (arXiv 2504.11536), whose policy writes a block of Python and is told what it prints. A fence names the
tool, or a language that the tool is named after: see `LANGUAGES`. ReTool stops at the end of the first block; here all
blocks of a response that name a tool are run, in order, and blocks of other kinds are text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from rlvr_gym.envs.tools.formats.arguments import example_arguments, known, named, read_body, write_body
from rlvr_gym.envs.tools.formats.base import HOW_TO_ANSWER, MAX_CALLS, CallFormat, Reading, told
from rlvr_gym.envs.tools.formats.describe import described
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.strict_json import Malformed

LANGUAGES: tuple[tuple[str, ...], ...] = (
    ("python", "py", "python3", "code_interpreter"),
    ("sql", "sqlite", "sqlite3"),
    ("bash", "sh", "shell", "console"),
)
"""Words that mean the same: a fence with one calls the tool with another as its name."""

OUTPUT = "output"

_NAME = re.compile(r"[!-_a-~]+")
_FLAGS = re.MULTILINE | re.IGNORECASE | re.ASCII  # letters like the long s are no other form of s
_TICKS = re.compile(r"`+")


class FencedFormat(CallFormat):
    """Blocks of code that name a tool or its language; any text without one is the answer.

    Example:
        >>> def python(code: str) -> str:
        ...     '''Run Python.
        ...
        ...     Args:
        ...         code: A program.
        ...     '''
        >>> fenced, tools = FencedFormat(), [Tool.of(python)]
        >>> fenced.parse("I compute it.\\n```py\\nprint(6 * 7)\\n```", tools).calls
        (ToolCall(name='python', arguments={'code': 'print(6 * 7)'}),)
        >>> print(fenced.results([ToolResult("python", "42")]))
        ```output python
        42
        ```
    """

    name: ClassVar[str] = "fenced"
    result_marks: ClassVar[tuple[str, ...]] = (f"```{OUTPUT}",)

    def instructions(self, tools: Sequence[Tool]) -> str:
        """See `CallFormat.instructions`."""
        if not tools:
            return HOW_TO_ANSWER
        for tool in tools:
            _check_name(tool.name)
        example = self.write([ToolCall(tools[0].name, example_arguments(tools[0]))], tools)
        return (
            f"{described(tools)}\n\nTo use a tool, write a block with its name; in the block stands the text that it "
            f"takes, or a JSON object with its arguments:\n{example}\n"
            f"You are told what comes out in a block of the kind '{OUTPUT}'; never write one yourself. "
            f"Several blocks are run in order.\n{HOW_TO_ANSWER}"
        )

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """See `CallFormat.read`."""
        calls: list[ToolCall] = []
        outside: list[str] = []
        position = 0
        words = _words(tuple(tool.name for tool in tools))
        fence = _fence(tuple(words)) if words and "```" in text else None
        while fence and len(calls) <= MAX_CALLS and (opened := fence.search(text, position)):
            ticks, tool = len(opened[1]), named(opened[2], tools) or known(words[opened[2].lower()], tools)
            closed = _closing(ticks).search(text, opened.end())
            if not closed:
                raise Malformed(f"the block ```{opened[2]} is never closed; expected a line of {'`' * ticks} after it")
            body = text[opened.end() + 1 : max(closed.start() - 1, opened.end() + 1)]
            inner = fence.search(body)
            if inner and len(inner[1]) >= ticks:
                raise Malformed(f"in the block ```{opened[2]} another begins; close it first, or fence it longer")
            outside.append(text[position : opened.start()])
            calls.append(ToolCall(tool.name, read_body(body, tool)))
            position = closed.end()
        return Reading(calls, "\n".join([*outside, text[position:]]))

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """See `CallFormat.write`."""
        blocks = []
        for call in calls:
            _check_name(call.name)
            body = write_body(call, known(call.name, tools), _fits)
            blocks.append(_block(call.name, body))
        return "\n".join(blocks)

    def results(self, results: Sequence[ToolResult]) -> str:
        """One block a call, with a fence longer than any in the output."""
        return "\n".join(_block(f"{OUTPUT} {_word(result.name)}".rstrip(), told(result)) for result in results)


def _fits(text: str) -> bool:
    return "think>" not in text


def _word(name: str) -> str:
    return name if _NAME.fullmatch(name) else ""


def _block(kind: str, body: str) -> str:
    longest = max((len(ticks) for ticks in _TICKS.findall(body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{body}\n{fence}"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.lower() == OUTPUT:
        raise ConfigError(
            f"the format 'fenced' has no fence for a tool named {name!r}: a name is ASCII without blanks and "
            f"backticks, and not {OUTPUT!r}; rename the tool or choose another format"
        )


@lru_cache(maxsize=64)
def _words(names: tuple[str, ...]) -> Mapping[str, str]:
    """What a fence may say, in small letters, and the tool that it then calls: names before languages."""
    words: dict[str, str] = {}
    for name in names:
        for group in LANGUAGES:
            if name.lower() in group:
                words.update({word: name for word in group if word not in words})
    return {**words, **{name.lower(): name for name in reversed(names)}}


@lru_cache(maxsize=64)
def _fence(words: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"^ {{0,3}}(`{{3,}}+)[ \t]*+({either})(?![^\s`])[^`\n]*$", _FLAGS)


@lru_cache(maxsize=64)
def _closing(ticks: int) -> re.Pattern[str]:
    return re.compile(rf"^ {{0,3}}`{{{ticks},}}+[ \t\r]*+$", re.MULTILINE)
