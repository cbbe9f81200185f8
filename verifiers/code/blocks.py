"""Where in a response the program stands: Markdown fences, read as CommonMark reads them. Linear time.

A fence opens with at least three backticks or tildes, behind any indentation, and closes with at least as many of the
same and nothing else on the line, indented by at most three columns more. Inside a fence nothing else is looked for, so
longer fences hold shorter ones.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rlvr_gym.verifiers.extraction import NoSlot, after_reasoning
from rlvr_gym.verifiers.verdict import Reason, Status

BLOCKS = ("last_block", "unique", "whole")

# The first word behind the opening fence, in lower case, for each language of the sandbox.
FENCE_NAMES: dict[str, tuple[str, ...]] = {
    "python": ("python", "py", "python3", "py3"),
    "bash": ("bash", "sh", "shell"),
    "javascript": ("javascript", "js", "node"),
    "perl": ("perl", "pl"),
    "c": ("c",),
    "cpp": ("cpp", "c++", "cc", "cxx"),
    "rust": ("rust", "rs"),
    "go": ("go", "golang"),
    "java": ("java",),
}

_OPENING = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)(.*+)")


class Block(NamedTuple):
    """A fenced block.

    Args:
        text: Its lines, each with its line break, less the indentation of the fence.
        info: What stands behind the opening fence, in lower case, up to the first space, comma or brace.
    """

    text: str
    info: str


class Fences(NamedTuple):
    """All blocks of a text, and whether the last one is never closed."""

    blocks: list[Block]
    unclosed: bool


def fences(text: str) -> Fences:
    """Find all fenced blocks.

    Example:
        >>> fences("so:\\n````md\\n```py\\nx\\n```\\n````\\n~~~ Python\\nprint(1)\\n~~~\\n```").blocks
        [Block(text='```py\\nx\\n```\\n', info='md'), Block(text='print(1)\\n', info='python')]
    """
    blocks: list[Block] = []
    opening = ""  # the marks that opened the fence that is open now
    indent, info = 0, ""
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        match = _OPENING.match(line)
        if not opening:
            if match and not (match[2][0] == "`" and "`" in match[3]):
                opening, indent = match[2], len(match[1])
                info = re.split(r"[\s,{}]", match[3].lower().lstrip(" \t{."), maxsplit=1)[0]
                lines = []
        elif match and not match[3].strip() and match[2].startswith(opening) and len(match[1]) <= indent + 3:
            blocks.append(Block("".join(lines), info))
            opening = ""
        else:
            lines.append(_less(line, indent) + "\n")
    return Fences(blocks, bool(opening))


def _less(line: str, indent: int) -> str:
    """A line without the indentation of its fence, as far as it has it."""
    return line[min(indent, len(line) - len(line.lstrip(" \t"))) :]


def find_code(response: str, language: str, blocks: str) -> str | NoSlot:
    """Find the program in a response.

    Args:
        response: The whole response. Only what follows the last complete `</think>` is read.
        language: The language that is asked for.
        blocks: `"last_block"`: the last complete fence that names the language or none; `"unique"`: there must be one
            such fence only; `"whole"`: the whole text, fences or not.

    Returns:
        The program, or why there is none.

    Example:
        >>> find_code("```python\\nx = 1\\n```", "python", "last_block")
        'x = 1\\n'
        >>> find_code("```python\\nx = 1\\n```\\n```python\\nx = 2", "python", "last_block").reason.code
        'unclosed_fence'
    """
    text = after_reasoning(response)
    if text is None:
        return NoSlot(Status.NO_ANSWER, Reason("unclosed_reasoning", "<think> was opened and never closed"))
    if blocks == "whole":
        empty = NoSlot(Status.NO_ANSWER, Reason("no_code", "the response is empty"))
        return text if text.strip().strip("\0") else empty
    found = fences(text)
    if found.unclosed:
        return NoSlot(Status.MALFORMED, Reason("unclosed_fence", "the last fence is never closed"))
    names = FENCE_NAMES.get(language, (language,))
    fitting = [block.text for block in found.blocks if block.info in names or not block.info]
    if not fitting or not fitting[-1].strip():
        return NoSlot(Status.NO_ANSWER, Reason("no_code", f"no fenced block of {language} code"))
    if blocks == "unique" and len(fitting) > 1:
        return NoSlot(Status.AMBIGUOUS, Reason("several_blocks", f"{len(fitting)} blocks of {language} code"))
    return fitting[-1]
