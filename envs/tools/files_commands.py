"""The commands of the small shell: each takes its words and what it reads, and gives what it writes.

All of them are linear in what they read, and tell `Tree.work` what they do. What they write is made piece by piece and
ends at its cap. A command that fails raises, and its caller throws away what it had changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from rlvr_gym.envs.tools.files_pattern import Pattern, wildcard
from rlvr_gym.envs.tools.files_tree import MAX_FILE_CHARS, Tree, name_of, path_of
from rlvr_gym.envs.tools.toolkit import ToolError
from rlvr_gym.verifiers.errors import shown, suggestion

_COUNT = re.compile(r"[0-9]{1,6}")
_NUMBER = re.compile(r"\s*+(-?[0-9]++(?:\.[0-9]++)?)")


@dataclass(frozen=True)
class Call:
    """A command as it is carried out.

    Args:
        tree: What it reads and changes.
        words: Its words without options.
        options: Letter to value, which is empty for an option that takes none.
        piped: What the command before it wrote; None for the first.
    """

    tree: Tree
    words: Sequence[str]
    options: Mapping[str, str]
    piped: str | None

    def __contains__(self, option: str) -> bool:
        return option in self.options

    def count(self, option: str, default: int) -> int:
        """The number that an option has.

        Raises:
            ToolError: It is none.
        """
        value = self.options.get(option, str(default))
        if not _COUNT.fullmatch(value):
            raise ToolError(f"-{option} takes a number from 0 to 999999, got {shown(value)}")
        return int(value)

    def inputs(self, words: Sequence[str], *, deep: bool = False) -> list[tuple[str, str]]:
        """Name and text of what is read: the files that are named, each once, or else what is piped.

        Raises:
            ToolError: There is no such file, or nothing to read.
        """
        if not words:
            if self.piped is None:
                raise ToolError("name a file to read")
            return [("", self.tree.work.read(self.piped))]
        paths = dict.fromkeys(map(path_of, words))
        if deep:
            paths = dict.fromkeys(one for path in paths for one in self._files(path))
        return [(path, self.tree.work.read(self.tree.text(path))) for path in paths]

    def written(self, lines: Iterable[str]) -> str:
        """Lines as a text, each with its line break.

        Raises:
            ToolError: They are too many.
        """
        return self.tree.work.text(f"{line}\n" for line in lines)

    def _files(self, path: str) -> Iterable[str]:
        if not self.tree.is_folder(path):
            return [path]
        return [one for one in self.tree.below(path) if self.tree.nodes[one] is not None]


class Command(NamedTuple):
    """A command of the shell.

    Args:
        run: What it does.
        usage: How it is called, for whoever calls it wrongly.
        flags: Letters of the options without a value.
        values: Letters of the options with one.
        least: Words that it needs.
        most: Words that it takes; None for any number.
    """

    run: Callable[[Call], str]
    usage: str
    flags: str = ""
    values: str = ""
    least: int = 0
    most: int | None = None


def lines_of(text: str) -> list[str]:
    """The lines of a text; a line break at its end begins no further one.

    Example:
        >>> lines_of("a\\n\\nb\\n"), lines_of("")
        (['a', '', 'b'], [])
    """
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines


def run_command(name: str, words: Sequence[str], tree: Tree, piped: str | None) -> str:
    """Carry out one command.

    Raises:
        ToolError: There is no such command, or it cannot be done.

    Example:
        >>> run_command("grep", ["-c", "a"], Tree({}), "ab\\nc\\n")
        '1\\n'
    """
    command = COMMANDS.get(name)
    if command is None:
        raise ToolError(f"there is no command {shown(name)}{suggestion(name[:40], COMMANDS)}; try help")
    options, rest = _options(command, words)
    if len(rest) < command.least or (command.most is not None and len(rest) > command.most):
        raise ToolError(f"usage: {command.usage}")
    return command.run(Call(tree, rest, options, piped))


def _options(command: Command, words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0].startswith("-") and (command.flags or command.values):
        word = rest.pop(0)
        if word == "--":
            break
        for place, letter in enumerate(word[1:], 2):
            if letter in command.values:
                found[letter] = word[place:] or (rest.pop(0) if rest else "")
                break
            if letter not in command.flags:
                raise ToolError(f"no option -{letter}; usage: {command.usage}")
            found[letter] = ""
    return found, rest


def _ls(call: Call) -> str:
    paths = list(dict.fromkeys(map(path_of, call.words or ["/"])))
    return call.written(line for path in paths for line in _listed(call, path, named=len(paths) > 1))


def _listed(call: Call, path: str, *, named: bool) -> Iterator[str]:
    tree = call.tree
    if not tree.exists(path):
        raise ToolError(f"there is no {name_of(path)}")
    if not tree.is_folder(path):
        yield path
        return
    if named:
        yield f"{name_of(path)}:"
    start = f"{path}/" if path else ""
    if "R" in call:
        names: Iterable[str] = (one[len(start) :] for one in tree.below(path) if one != path)
    else:
        names = tree.children(path)
    yield from (f"{name}/" if tree.is_folder(start + name) else name for name in names)


def _cat(call: Call) -> str:
    if not call.words:
        return call.inputs(())[0][1]
    return call.tree.work.text(call.tree.text(path_of(word)) for word in call.words)


def _head(call: Call) -> str:
    count = call.count("n", 10)
    return _each(call, lambda lines: lines[:count])


def _tail(call: Call) -> str:
    count = call.count("n", 10)
    return _each(call, lambda lines: lines[max(0, len(lines) - count) :])


def _each(call: Call, part: Callable[[list[str]], list[str]]) -> str:
    inputs = call.inputs(call.words)
    heads = len(inputs) > 1
    return call.written(line for name, text in inputs for line in [*[f"==> {name} <=="] * heads, *part(lines_of(text))])


def _wc(call: Call) -> str:
    counts = {"l": lambda text: len(lines_of(text)), "w": lambda text: _words(call, text), "c": len}
    kinds = [count for letter, count in counts.items() if letter in call or not call.options]
    rows = [([count(text) for count in kinds], name) for name, text in call.inputs(call.words)]
    if len(rows) > 1:
        rows.append(([sum(column) for column in zip(*(row for row, _ in rows), strict=True)], "total"))
    return call.written(" ".join([*map(str, row), *([name] if name else [])]) for row, name in rows)


def _words(call: Call, text: str) -> int:
    call.tree.work.spend(len(text) // 8)
    return len(text.split())


def _grep(call: Call) -> str:
    pattern = Pattern(call.words[0], fixed="F" in call, folded="i" in call, spend=call.tree.work.spend)
    inputs = call.inputs(call.words[1:], deep="r" in call)
    named = len(inputs) > 1 or "r" in call
    return call.written(line for name, text in inputs for line in _hits(call, pattern, name, text, named))


def _hits(call: Call, pattern: Pattern, name: str, text: str, named: bool) -> Iterator[str]:
    """What `grep` writes of one input."""
    wanted = "v" not in call
    lines = ((n, line) for n, line in enumerate(lines_of(text), 1) if pattern.found(line) is wanted)
    start = f"{name}:" if named and "h" not in call else ""
    if "l" in call:
        if next(lines, None):
            yield name
    elif "c" in call:
        yield f"{start}{sum(1 for _ in lines)}"
    else:
        yield from (f"{start}{n}:{line}" if "n" in call else start + line for n, line in lines)


def _find(call: Call) -> str:
    words = list(call.words)
    folder = path_of(words.pop(0)) if words and not words[0].startswith("-") else ""
    tests: list[Callable[[str], bool]] = []
    while words:
        option, value = words.pop(0), words.pop(0) if words else ""
        if option == "-name" and value:
            fits = wildcard(value, call.tree.work.spend)
            tests.append(lambda path, fits=fits: fits(path.rpartition("/")[2]))  # type: ignore[misc]
        elif option == "-type" and value in ("f", "d"):
            tests.append(lambda path, folders=value == "d": call.tree.is_folder(path) is folders)  # type: ignore[misc]
        else:
            raise ToolError(f"usage: {COMMANDS['find'].usage}")
    if not call.tree.exists(folder):
        raise ToolError(f"there is no {name_of(folder)}")
    call.tree.work.spend(len(call.tree.nodes) * len(tests))
    return call.written(path for path in call.tree.below(folder) if all(test(path) for test in tests))


def _mkdir(call: Call) -> str:
    for path in map(path_of, call.words):
        parts = path.split("/")
        for depth in range(1, len(parts)) if "p" in call else ():
            if not call.tree.exists("/".join(parts[:depth])):
                call.tree.make_folder("/".join(parts[:depth]))
        if "p" not in call or not call.tree.is_folder(path):
            call.tree.make_folder(path)
    return ""


def _cp(call: Call) -> str:
    return _transfer(call, moves=False)


def _mv(call: Call) -> str:
    return _transfer(call, moves=True)


def _transfer(call: Call, *, moves: bool) -> str:
    *sources, target = map(path_of, call.words)
    tree = call.tree
    into = tree.is_folder(target)
    if len(sources) > 1 and not into:
        raise ToolError(f"there is no folder {name_of(target)}")
    for source in sources:
        if not source or not tree.exists(source):
            raise ToolError(f"there is no {name_of(source)}" if source else "/ cannot be moved or copied")
        folder = tree.is_folder(source)
        goal = f"{target}/{source.rpartition('/')[2]}".lstrip("/") if into else target
        if goal == source or goal.startswith(f"{source}/"):
            raise ToolError(f"{source} cannot go to {goal}, which is itself or in it")
        if folder and not moves and "r" not in call:
            raise ToolError(f"{source} is a folder: copy it with -r")
        if tree.is_folder(goal) or (folder and tree.exists(goal)):
            raise ToolError(f"{goal} exists already")
        _carry(tree, source, goal, moves)
    return ""


def _carry(tree: Tree, source: str, goal: str, moves: bool) -> None:
    for path in list(tree.below(source)):
        text, there = tree.nodes[path], goal + path[len(source) :]
        if text is None:
            tree.make_folder(path_of(there))
        else:
            tree.write(path_of(there), text)
    tree.check()
    if moves:
        tree.remove(source)


def _rm(call: Call) -> str:
    for path in dict.fromkeys(map(path_of, call.words)):
        if not path or not call.tree.exists(path):
            raise ToolError(f"there is no {name_of(path)}" if path else "/ cannot be removed")
        if call.tree.is_folder(path) and "r" not in call:
            raise ToolError(f"{path} is a folder: remove it with -r")
        call.tree.remove(path)
    return ""


def _echo(call: Call) -> str:
    return call.tree.work.text([" ".join(call.words), "\n" * ("n" not in call)])


def _sort(call: Call) -> str:
    lines = [line for _, text in call.inputs(call.words) for line in lines_of(text)]
    lines = sorted(set(lines) if "u" in call else lines)
    call.tree.work.spend(len(lines) * (3 if "n" in call else 1))
    lines.sort(key=_value if "n" in call else str, reverse="r" in call)
    return call.written(lines)


def _value(line: str) -> float:
    match = _NUMBER.match(line)
    return float(match[1]) if match else 0.0


def _uniq(call: Call) -> str:
    lines = [line for _, text in call.inputs(call.words) for line in lines_of(text)]
    call.tree.work.spend(len(lines))
    runs = [(line, sum(1 for _ in run)) for line, run in groupby(lines)]
    return call.written(f"{count} {line}" if "c" in call else line for line, count in runs)


def _cut(call: Call) -> str:
    mark, field = call.options.get("d", "\t"), call.count("f", 0)
    if len(mark) != 1 or not field:
        raise ToolError(f"usage: {COMMANDS['cut'].usage}")
    lines = [line for _, text in call.inputs(call.words) for line in lines_of(text)]
    return call.written(parts[field - 1] if len(parts := line.split(mark)) >= field else "" for line in lines)


def _replace(call: Call) -> str:
    old, new, *words = call.words
    if not old:
        raise ToolError("what is to be replaced may not be empty")
    told = []
    for path, text in call.inputs(words):
        call.tree.work.spend(len(text) // 4)
        count = text.count(old)
        if len(text) + count * (len(new) - len(old)) > MAX_FILE_CHARS:
            raise ToolError(f"a file may have {MAX_FILE_CHARS:,} characters")
        call.tree.write(path, text.replace(old, new))
        told.append(f"{path}: {count} replaced")
    return call.written(told)


def _help(call: Call) -> str:
    return call.written(command.usage for command in COMMANDS.values())


COMMANDS: Mapping[str, Command] = {
    "ls": Command(_ls, "ls [-R] [PATH...]", "R"),
    "cat": Command(_cat, "cat FILE..."),
    "head": Command(_head, "head [-n N] FILE...", "", "n"),
    "tail": Command(_tail, "tail [-n N] FILE...", "", "n"),
    "wc": Command(_wc, "wc [-l] [-w] [-c] FILE...", "lwc"),
    "grep": Command(_grep, "grep [-i] [-v] [-c] [-l] [-n] [-h] [-r] [-F] PATTERN FILE...", "ivclnhrF", "", 1),
    "find": Command(_find, "find [FOLDER] [-name PATTERN] [-type f|d]"),
    "sort": Command(_sort, "sort [-n] [-r] [-u] FILE...", "nru"),
    "uniq": Command(_uniq, "uniq [-c] FILE...", "c"),
    "cut": Command(_cut, "cut -d CHARACTER -f N FILE...", "", "df"),
    "echo": Command(_echo, "echo [-n] TEXT...", "n"),
    "replace": Command(_replace, "replace OLD NEW FILE...", "", "", 3),
    "mkdir": Command(_mkdir, "mkdir [-p] FOLDER...", "p", "", 1),
    "cp": Command(_cp, "cp [-r] SOURCE... TARGET", "r", "", 2),
    "mv": Command(_mv, "mv SOURCE... TARGET", "", "", 2),
    "rm": Command(_rm, "rm [-r] PATH...", "r", "", 1),
    "help": Command(_help, "help"),
}
