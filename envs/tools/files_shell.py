"""The line of a small shell, read: words, quotes, pipes, and where the output goes. Nothing is ever executed.

Of the shell's language there are single and double quotes, the backslash, `|`, `>`, `>>`, and `*` and `?` in names.
Everything else that a shell gives a meaning is refused when it stands outside quotes, rather than taken for a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rlvr_gym.envs.tools.toolkit import ToolError

MAX_COMMAND_CHARS = 4_000
MAX_STAGES = 8
_REFUSED = {
    ";": "one command a call, please; ';' is not offered",
    "&": "one command a call, please; '&' is not offered",
    "<": "'<' is not offered; name the file instead",
    "$": "there are no variables; put '$' in single quotes",
    "`": "'`' is not offered; put it in single quotes",
    "(": "brackets are not offered; put them in quotes",
    ")": "brackets are not offered; put them in quotes",
}

_REFUSED |= {"'": "a quote ' is not closed", '"': 'a quote " is not closed', "\\": "nothing follows the last backslash"}
_WILD = frozenset("*?")
_PIECE = re.compile(
    r"(?P<blank>\s++)|(?P<sign>>>|[|>])|'(?P<single>[^']*+)'|\"(?P<double>(?:[^\"\\]|\\.)*+)\"|\\(?P<escaped>.)"
    r"|(?P<plain>[^\s|>'\"\\;&<$`()]++)|(?P<refused>.)",
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')


class Word(NamedTuple):
    """A word of a command.

    Args:
        text: Without its quotes.
        wild: Whether it holds a `*` or `?` outside quotes.
    """

    text: str
    wild: bool = False


class Line(NamedTuple):
    """A line: commands, each of which reads what the one before it wrote.

    Args:
        stages: The words of each command.
        target: The file that takes the last output; None where it is shown.
        appends: Whether it is added to the file.
    """

    stages: tuple[tuple[Word, ...], ...]
    target: str | None = None
    appends: bool = False


def read_line(text: str) -> Line:
    """Read a line.

    Raises:
        ToolError: It cannot be read.

    Example:
        >>> line = read_line("grep -c 'a b' *.txt | sort >> out.txt")
        >>> [word.text for word in line.stages[0]], line.stages[0][3].wild, line.target, line.appends
        (['grep', '-c', 'a b', '*.txt'], True, 'out.txt', True)
    """
    if len(text) > MAX_COMMAND_CHARS:
        raise ToolError(f"a command may have {MAX_COMMAND_CHARS:,} characters, this one has {len(text):,}")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ToolError("a command may hold no NUL and no surrogates")
    stages: list[list[Word]] = [[]]
    target, appends, waiting = None, False, ""
    for token in _tokens(text):
        if not isinstance(token, Word):
            if waiting or target is not None or not stages[-1]:
                raise ToolError(f"a file must follow {waiting!r}" if waiting else f"{token!r} cannot stand there")
            if token == "|":
                stages.append([])
            else:
                waiting = token
        elif waiting:
            target, appends, waiting = token.text, waiting == ">>", ""
        elif target is not None:
            raise ToolError("the file that takes the output stands at the end")
        else:
            stages[-1].append(token)
    if waiting:
        raise ToolError(f"a file must follow {waiting!r}")
    if not stages[-1]:
        raise ToolError("the command is empty" if len(stages) == 1 else "a command is missing after '|'")
    if len(stages) > MAX_STAGES:
        raise ToolError(f"a line may have {MAX_STAGES} commands")
    return Line(tuple(map(tuple, stages)), target, appends)


def _tokens(text: str) -> Iterator[Word | str]:
    """Words, and the signs `|`, `>`, `>>` as bare texts."""
    word: list[str] = []
    wild = begun = False
    for match in _PIECE.finditer(text):
        kind = str(match.lastgroup)
        if kind in ("blank", "sign"):
            if begun:
                yield Word("".join(word), wild)
            word, wild, begun = [], False, False
            if kind == "sign":
                yield match[0]
        elif kind == "refused":
            raise ToolError(_REFUSED[match[0]])
        else:
            piece = match[kind]
            word.append(_ESCAPED.sub(r"\1", piece) if kind == "double" else piece)
            wild, begun = wild or (kind == "plain" and not _WILD.isdisjoint(piece)), True
    if begun:
        yield Word("".join(word), wild)
