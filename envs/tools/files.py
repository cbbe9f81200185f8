"""A virtual file system with a small shell. There is no real file: paths lead nowhere but into a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.tools.files_commands import run_command
from rlvr_gym.envs.tools.files_pattern import wildcard
from rlvr_gym.envs.tools.files_shell import Word, read_line
from rlvr_gym.envs.tools.files_tree import Nodes, Tree, fault_of, path_of
from rlvr_gym.envs.tools.toolkit import Limits, Tool, ToolError, Toolkit, tool
from rlvr_gym.verifiers import ConfigError

MAX_WORDS = 1_000
MAX_WILD = 20
NOTHING = "(no output)"


class Files(Toolkit):
    """A tool `shell(command)` over files that exist in memory only.

    A command that fails changes nothing, and neither does what stands before it in a pipe. The working folder is always
    the top one. What is written to a file ends as it was written: `echo` adds a line break. All that a line does is
    counted in steps, and it is refused once they are too many.

    Args:
        files: Path to text. The folders on the way to a file are made.
        limits: See `Tool`.

    Raises:
        ConfigError: A path or text is refused.

    Example:
        >>> files = Files({"notes/a.txt": "one\\ntwo\\n", "notes/b.txt": "two\\n"})
        >>> files.shell("grep -c two notes/*.txt")
        'notes/a.txt:1\\nnotes/b.txt:1'
        >>> files.shell("grep -h two notes/*.txt | uniq -c > count.txt"), files.public_state()["count.txt"]
        ('(no output)', '2 two\\n')
        >>> files.shell("rm -r /")
        Traceback (most recent call last):
        ...
        rlvr_gym.envs.tools.toolkit.ToolError: / cannot be removed
    """

    def __init__(self, files: Mapping[str, str], *, limits: Limits | None = None) -> None:
        nodes: Nodes = {}
        for path, text in files.items():
            parts = path.split("/")
            for depth in range(1, len(parts)):
                nodes.setdefault("/".join(parts[:depth]), None)
            nodes[path] = text
        if fault := fault_of(nodes):
            raise ConfigError(f"these are no files: {fault}")
        try:
            Tree(nodes).check()
        except ToolError as error:
            raise ConfigError(f"these are too many files: {error}") from error
        self._nodes, self._limits = nodes, limits

    def tools(self) -> list[Tool]:
        """See `Toolkit.tools`."""
        return [replace(one, limits=self._limits) if self._limits else one for one in super().tools()]

    @tool()
    def shell(self, command: str) -> str:
        """Run one command on the files: ls, cat, head, tail, wc, grep, find, sort, uniq, cut, echo, replace, mkdir, cp, mv, rm, help.

        Commands can be joined by |, and the output can go to a file by > or >>.

        Args:
            command: For example `grep -rl ERROR logs | sort > found.txt` or `replace OLD NEW FILE`. The command help
                lists all of them with their options.
        """  # noqa: E501 - the summary is one line of a schema
        line = read_line(command)
        tree = Tree(dict(self._nodes))
        output: str | None = None
        for stage in line.stages:
            name, *words = _expanded(stage, tree)
            output = run_command(name, words, tree, output)
        output = output or ""
        if line.target is not None:
            path = path_of(line.target)
            tree.write(path, (tree.nodes.get(path) or "") * line.appends + output)
            output = ""
        tree.check()
        self._nodes = tree.nodes
        return output.removesuffix("\n") or NOTHING

    def get_state(self) -> Any:
        """Path to text, and None for a folder."""
        return dict(sorted(self._nodes.items()))

    def set_state(self, state: Any) -> None:
        """See `Toolkit.set_state`."""
        if fault := fault_of(state):
            raise SnapshotError(f"no state of files: {fault}")
        self._nodes = dict(state)


def _expanded(stage: Sequence[Word], tree: Tree) -> list[str]:
    """The words of a command, with the paths that a `*` or `?` stands for; one that stands for none stays as it is."""
    words: list[str] = []
    if sum(word.wild for word in stage) > MAX_WILD:
        raise ToolError(f"a command may have {MAX_WILD} words with * or ?")
    for word in stage:
        found = (word.wild and _paths(word.text, tree)) or [word.text]
        words += found
        if len(words) > MAX_WORDS:
            raise ToolError(f"a command may have {MAX_WORDS:,} words")
        tree.work.spend(sum(8 + len(one) // 4 for one in found))
    return words


def _paths(pattern: str, tree: Tree) -> list[str]:
    """The paths whose every part matches the part of the pattern in its place, sorted."""
    parts = [wildcard(part, tree.work.spend) for part in pattern.split("/") if part not in ("", ".")]
    tree.work.spend(len(tree.nodes) * (1 + len(parts) // 4))
    paths = ((path, path.split("/")) for path in tree.below(""))
    return [
        path
        for path, names in paths
        if len(names) == len(parts) and all(fits(name) for fits, name in zip(parts, names, strict=True))
    ]
