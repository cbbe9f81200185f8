"""`compact`: one line, `EXPR?`, for small models that speak characters.

It calls the environment's only tool with its only text; whatever is no such line is the answer. There are no
instructions. What the environment says is the bare output and a colon, `OUTPUT:`, like the prompts of compact
environments: where texts are joined without a chat template, nothing else tells that the output is complete and that
the policy has the word. (After `1*2?` the output `2` and the beginning of the next response, `2+3?`, would read `22`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rlvr_gym.envs.tools.formats.arguments import checked, text_argument
from rlvr_gym.envs.tools.formats.base import CallFormat, Reading, harmless
from rlvr_gym.envs.tools.toolbox import ToolCall, ToolResult
from rlvr_gym.envs.tools.toolkit import Tool
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.strict_json import Malformed


class CompactFormat(CallFormat):
    """A line that ends with a question mark is the call; what comes of it ends with a colon.

    Example:
        >>> def calculator(expression: str) -> str:
        ...     '''Work out an expression.
        ...
        ...     Args:
        ...         expression: What to work out.
        ...     '''
        >>> compact, tools = CompactFormat(), [Tool.of(calculator)]
        >>> compact.parse("12*3?", tools).calls
        (ToolCall(name='calculator', arguments={'expression': '12*3'}),)
        >>> compact.results([ToolResult("calculator", "36")])
        '36:'
        >>> compact.parse("36", tools).answer
        '36'
    """

    name: ClassVar[str] = "compact"

    def instructions(self, tools: Sequence[Tool]) -> str:
        """Nothing.

        Raises:
            ConfigError: There is not exactly one tool, or it takes more than a text.
        """
        _only(tools)
        return ""

    def read(self, text: str, tools: Sequence[Tool]) -> Reading:
        """See `CallFormat.read`."""
        line = text.strip()
        if not line.endswith("?") or "\n" in line:
            return Reading((), text)
        asked = line[:-1].strip()
        if not asked:
            raise Malformed("nothing stands before the question mark; expected an expression and '?'")
        if len(tools) != 1 or (argument := text_argument(tools[0])) is None:
            raise Malformed("a line that ends with '?' needs an environment with one tool that takes one text")
        return Reading([ToolCall(tools[0].name, {argument: asked})])

    def write(self, calls: Sequence[ToolCall], tools: Sequence[Tool]) -> str:
        """See `CallFormat.write`."""
        tool, argument = _only(tools)
        asked = checked(calls[0]).arguments.get(argument) if len(calls) == 1 else None
        if asked is None or calls[0].name != tool.name or len(calls[0].arguments) != 1 or not isinstance(asked, str):
            raise ConfigError(
                f"the format 'compact' writes one call of {tool.name} with one text, got {shown(list(calls))}"
            )
        if asked != asked.strip() or not asked or "\n" in asked or "think>" in asked:
            raise ConfigError(f"the format 'compact' writes one line without blanks around it, got {shown(asked)}")
        return f"{asked}?"

    def write_answer(self, answer: str) -> str:
        """The answer itself."""
        return answer

    def results(self, results: Sequence[ToolResult]) -> str:
        """The output and a colon."""
        return "\n".join(f"{harmless(result.text)}:" for result in results)

    def fault(self, text: str) -> str:
        """See `CallFormat.fault`; a colon ends it too."""
        return f"{super().fault(text)}:"


def _only(tools: Sequence[Tool]) -> tuple[Tool, str]:
    argument = text_argument(tools[0]) if len(tools) == 1 else None
    if argument is None:
        names = ", ".join(tool.name for tool in tools) or "none"
        raise ConfigError(
            "the format 'compact' needs an environment with one tool whose only required argument is a text; "
            f"the tools are: {names}"
        )
    return tools[0], argument
