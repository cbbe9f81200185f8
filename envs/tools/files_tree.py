"""A tree of folders and texts: paths in one spelling, within caps. Nothing of it lies on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rlvr_gym.envs.tools.toolkit import ToolError
from rlvr_gym.verifiers.errors import shown

MAX_NODES = 500
MAX_DEPTH = 12
MAX_NAME_CHARS = 100
MAX_PATH_CHARS = 200
MAX_FILE_CHARS = 50_000
MAX_TREE_CHARS = 200_000
MAX_STEPS = 150_000  # of about a quarter of a microsecond
CHARS_A_STEP = 32  # of a text that is read, copied or written as a whole
Nodes = dict[str, str | None]  # path to text, None for a folder; the top folder is not in it


def path_of(text: str) -> str:
    """A path in one spelling: from the top, without `.`, `..` and empty parts; the top itself is empty.

    Raises:
        ToolError: It is no path: too long, too deep, or with a character that cannot be shown.

    Example:
        >>> path_of("/a//./b/../c.txt"), path_of("../.."), path_of("/")
        ('a/c.txt', '', '')
    """
    if not text.isprintable():
        raise ToolError(f"a path may hold no character that cannot be shown, got {shown(text)}")
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            if len(part) > MAX_NAME_CHARS:
                raise ToolError(f"a name may have {MAX_NAME_CHARS} characters, this one has {len(part):,}")
            parts.append(part)
            if len(parts) > MAX_DEPTH:
                raise ToolError(f"folders may be nested {MAX_DEPTH} deep")
    path = "/".join(parts)
    if len(path) > MAX_PATH_CHARS:
        raise ToolError(f"a path may have {MAX_PATH_CHARS} characters, this one has {len(path):,}")
    return path


def name_of(path: str) -> str:
    """A path as it is told: the top folder is `/`."""
    return path or "/"


class Work:
    """What one line of commands may still do: steps that are counted before they are made, and characters of output.

    Args:
        most: Steps.

    Example:
        >>> work = Work(10)
        >>> work.text(["a\\n", "b\\n"]), work.done
        ('a\\nb\\n', 2)
        >>> work.spend(9)
        Traceback (most recent call last):
        ...
        rlvr_gym.envs.tools.toolkit.ToolError: this takes more than 10 steps; do less at once
    """

    def __init__(self, most: int = MAX_STEPS) -> None:
        self._most = most
        self.done = 0

    def spend(self, steps: int) -> None:
        """Count steps that are to be made.

        Raises:
            ToolError: They are too many.
        """
        if self.done + steps > self._most:
            raise ToolError(f"this takes more than {self._most:,} steps; do less at once")
        self.done += steps

    def read(self, text: str) -> str:
        """A text, whose lines are to be read."""
        self.spend(text.count("\n") + len(text) // CHARS_A_STEP)
        return text

    def text(self, pieces: Iterable[str]) -> str:
        """Pieces of output as one text, each of them a step.

        Raises:
            ToolError: They are too many, or the text would be too long.
        """
        found, chars = [], 0
        for piece in pieces:
            chars += len(piece)
            if chars > MAX_TREE_CHARS:
                raise ToolError(f"the output would have more than {MAX_TREE_CHARS:,} characters")
            self.spend(1 + len(piece) // CHARS_A_STEP)
            found.append(piece)
        return "".join(found)


class Tree:
    """Folders and texts by path.

    Args:
        nodes: Path to text, None for a folder. The tree takes it as its own.
        work: What may be done with it.

    Example:
        >>> tree = Tree({"a": None})
        >>> tree.write("a/b.txt", "one\\n")
        >>> tree.nodes, tree.children("")
        ({'a': None, 'a/b.txt': 'one\\n'}, ['a'])
    """

    def __init__(self, nodes: Nodes, work: Work | None = None) -> None:
        self.nodes = nodes
        self.work = work or Work()

    def is_folder(self, path: str) -> bool:
        """Whether there is such a folder."""
        return not path or self.nodes.get(path, "") is None

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder."""
        return not path or path in self.nodes

    def text(self, path: str) -> str:
        """What a file holds.

        Raises:
            ToolError: There is no such file.
        """
        if self.is_folder(path):
            raise ToolError(f"{name_of(path)} is a folder")
        text = self.nodes.get(path)
        if text is None:
            raise ToolError(f"there is no file {name_of(path)}")
        return text

    def children(self, folder: str) -> list[str]:
        """The names in a folder, sorted."""
        self._visit()
        start = f"{folder}/" if folder else ""
        return sorted(
            path[len(start) :] for path in self.nodes if path.startswith(start) and "/" not in path[len(start) :]
        )

    def below(self, path: str) -> Iterator[str]:
        """A path and all below it, sorted."""
        self._visit()
        if path and path in self.nodes:
            yield path
        start = f"{path}/" if path else ""
        yield from sorted(other for other in self.nodes if other.startswith(start))

    def write(self, path: str, text: str) -> None:
        """Make a file, or replace what it holds.

        Raises:
            ToolError: There is a folder of this name, or none that it could lie in.
        """
        if self.is_folder(path):
            raise ToolError(f"{name_of(path)} is a folder")
        if len(text) > MAX_FILE_CHARS:
            raise ToolError(f"a file may have {MAX_FILE_CHARS:,} characters, this one would have {len(text):,}")
        self._home(path)
        self.work.spend(4)
        self.nodes[path] = text

    def make_folder(self, path: str) -> None:
        """Make a folder.

        Raises:
            ToolError: There is something of this name, or no folder that it could lie in.
        """
        if self.exists(path):
            raise ToolError(f"{name_of(path)} exists already")
        self._home(path)
        self.work.spend(4)
        self.nodes[path] = None

    def remove(self, path: str) -> None:
        """Take away a file, or a folder with all below it."""
        for one in list(self.below(path)):
            del self.nodes[one]

    def check(self) -> None:
        """Refuse a tree that has grown too large.

        Raises:
            ToolError: It is.
        """
        self._visit()
        if len(self.nodes) > MAX_NODES:
            raise ToolError(f"there may be {MAX_NODES} files and folders, and no more")
        chars = sum(len(text) for text in self.nodes.values() if text)
        if chars > MAX_TREE_CHARS:
            raise ToolError(f"all files together may have {MAX_TREE_CHARS:,} characters")

    def _visit(self) -> None:
        self.work.spend(4 + len(self.nodes) // 4)

    def _home(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if not self.is_folder(folder):
            raise ToolError(f"there is no folder {name_of(folder)}")


def fault_of(nodes: object) -> str:
    """Why a value is no tree; empty where it is one.

    Example:
        >>> fault_of({"a": None, "a/b": "x"}), fault_of({"a/b": "x"})
        ('', 'a/b lies in no folder')
    """
    if not isinstance(nodes, Mapping):
        return f"expected an object of paths, got {shown(nodes)}"
    for path, text in nodes.items():
        if not isinstance(path, str) or not (text is None or isinstance(text, str)):
            return f"expected a path and a text, got {shown(path)} and {shown(text)}"
        try:
            plain = path_of(path)
        except ToolError as error:
            return str(error)
        if not path or plain != path:
            return f"{shown(path)} is not a path in its plain spelling"
        folder = path.rpartition("/")[0]
        if folder and nodes.get(folder, "") is not None:
            return f"{path} lies in no folder"
    return ""
