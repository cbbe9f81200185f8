"""Programs of the queue machine: an immutable graph of nodes, read from two surfaces and written to them.

The tape is a queue of the symbols R, B, Y and G. A puller takes a symbol from the front and branches on it; where the
front is neither of its two, or there is none, it takes nothing and follows `[EMPTY]`. A painter appends a symbol. The
grammar is that of DELTA (arXiv 2509.21016), whose reader is told by `compat`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from rlvr_gym.verifiers.errors import shown

SYMBOLS = "RBYG"
COLOURS = {"RED": "R", "BLUE": "B", "YELLOW": "Y", "GREEN": "G"}
END, NONE = -1, -2  # targets that are no node: accept and reject
START = 0  # the node where every run begins
MAX_PROGRAM_CHARS = 100_000
MAX_NODES = 1000

PULLERS = {"PULLER_RB": "RB", "PULLER_YG": "YG"}
PAINTERS = {f"PAINTER_{colour}": symbol for colour, symbol in COLOURS.items()}
KINDS = ("START", *PULLERS, *PAINTERS)
_OPS = {"START": -1, "PULLER_RB": 0, "PULLER_YG": 1, **{kind: 2 + i for i, kind in enumerate(PAINTERS)}}


class ProgramError(ValueError):
    """The text is no program: the line (0 where it is about the whole) and what is wrong there."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line, self.reason = line, reason


class Node(NamedTuple):
    """One node.

    Args:
        name: Its id.
        kind: One of `KINDS`.
        targets: Where it leads: of a puller for its first colour, its second and `[EMPTY]`; of others one. A target is
            the index of a node, `END` or `NONE`.
    """

    name: str
    kind: str
    targets: tuple[int, ...]


class Columns(NamedTuple):
    """A program as the engine reads it: the operation and the targets of every node."""

    ops: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    last: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A machine. Node 0 is its start; `end` and `NONE` are no nodes but targets.

    Example:
        >>> program = parse("START start:\\n    NEXT a\\nPULLER_RB a:\\n    [R] end\\nEND end")
        >>> program.nodes[1]
        Node(name='a', kind='PULLER_RB', targets=(-1, -2, -2))
        >>> to_compact(program)
        'P!--;'
    """

    nodes: tuple[Node, ...] = field(default=())

    @cached_property
    def columns(self) -> Columns:
        """See `Columns`; of a node with one target, that is `last`."""
        rows = [node.targets if len(node.targets) == 3 else (NONE, NONE, *node.targets) for node in self.nodes]
        first, second, last = zip(*rows, strict=True)
        return Columns(tuple(_OPS[node.kind] for node in self.nodes), first, second, last)

    @property
    def paints(self) -> bool:
        """Whether it has a painter; one that has none reads its tape once and is a finite automaton."""
        return any(node.kind in PAINTERS for node in self.nodes)


class Blueprint(NamedTuple):
    """A node whose targets are labels; see `assemble`."""

    kind: str
    targets: tuple[Hashable, ...]


def assemble(blueprints: Mapping[Hashable, Blueprint], start: Hashable) -> Program:
    """A program of labelled nodes; those that the start does not reach are left out.

    Args:
        blueprints: Nodes by label. A target is a label, `END` or `NONE`.
        start: Label of the first node, `END` or `NONE`.

    Example:
        >>> assemble({"a": Blueprint("PULLER_RB", (END, "a", NONE))}, "a").nodes[1]
        Node(name='n1', kind='PULLER_RB', targets=(-1, 1, -2))
    """
    numbers: dict[Hashable, int] = {END: END, NONE: NONE}
    order: list[Hashable] = []
    queue = [start]
    for label in queue:
        if label not in numbers:
            order.append(label)
            numbers[label] = len(order)
            queue.extend(blueprints[label].targets)
    nodes = [Node("start", "START", (numbers[start],))]
    for label in order:
        kind, targets = blueprints[label]
        nodes.append(Node(f"n{numbers[label]}", kind, tuple(numbers[target] for target in targets)))
    return Program(tuple(nodes))


# --- The language -----------------------------------------------------------------------------------------------

_HEADER = re.compile(rf"({'|'.join(KINDS)}|END)[ \t]++(\w++)[ \t]*+(:?)")
_NEXT = re.compile(r"NEXT[ \t]++(\w++)")
_BRANCH = re.compile(r"\[(R|B|Y|G|EMPTY)\][ \t]*+(\w++)")


@dataclass
class _Block:
    line: int
    kind: str
    name: str
    branches: dict[str, tuple[int, str]]


def parse(text: str, *, compat: bool = False) -> Program:
    """Read a program.

    Args:
        text: Untrusted.
        compat: As the reader of DELTA: of two branches with one label the first counts, and the target `END`, which
            stands for no node, rejects. Both are errors otherwise.

    Raises:
        ProgramError: With the line and the reason.

    Example:
        >>> parse("START start:\\n    NEXT end\\nPULLER_RB a:\\n  [R] end\\nEND end")
        Traceback (most recent call last):
        ...
        rlvr_gym.verifiers.manufactoria.program.ProgramError: line 4: expected the first line of a node, such as \
'PULLER_RB name:'; lines of a node are indented by four spaces or a tab
    """
    if len(text) > MAX_PROGRAM_CHARS:
        raise ProgramError(0, f"a program has at most {MAX_PROGRAM_CHARS:,} characters, not {len(text):,}")
    blocks = _blocks(text, compat)
    names = {block.name: number for number, block in enumerate(blocks)}
    nodes = []
    for block in blocks:
        targets = {label: _target(line, name, names, compat) for label, (line, name) in block.branches.items()}
        labels = (*PULLERS[block.kind], "EMPTY") if block.kind in PULLERS else ("NEXT",)
        nodes.append(Node(block.name, block.kind, tuple(targets.get(label, NONE) for label in labels)))
    return Program(tuple(nodes))


def _target(line: int, name: str, names: Mapping[str, int], compat: bool) -> int:
    if name == "end":
        return END
    if name == "NONE" or (name == "END" and compat):
        return NONE
    if name == "END":
        raise ProgramError(line, "there is no node 'END': the target that accepts is 'end'")
    if name not in names:
        raise ProgramError(line, f"there is no node {shown(name)}")
    return names[name]


def _blocks(text: str, compat: bool) -> list[_Block]:
    """The nodes in their order, the start first; the end is left out."""
    blocks: dict[str, _Block] = {}
    current: _Block | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.partition("#")[0].rstrip()
        if not line.strip():
            continue
        if line.startswith(("    ", "\t")):
            if current is None:
                raise ProgramError(number, "an indented line belongs to a node, and none has begun")
            _add_branch(current, number, line.strip(), compat)
            continue
        if current is not None:
            _check_complete(current)
        current = _header(number, line.strip())
        if current.name in blocks:
            raise ProgramError(number, f"there are two nodes {shown(current.name)}")
        if len(blocks) > MAX_NODES:
            raise ProgramError(number, f"a program has at most {MAX_NODES:,} nodes")
        blocks[current.name] = current
    if current is not None:
        _check_complete(current)
    start, end = blocks.pop("start", None), blocks.pop("end", None)
    if start is None or end is None:
        missing = "START start:" if start is None else "END end"
        raise ProgramError(0, f"there is no '{missing}'")
    return [start, *blocks.values()]


def _header(number: int, line: str) -> _Block:
    match = _HEADER.fullmatch(line)
    if match is None:
        reason = "expected the first line of a node, such as 'PULLER_RB name:'; lines of a node are indented by four "
        raise ProgramError(number, reason + "spaces or a tab")
    kind, name, colon = match.groups()
    if (kind == "START") != (name == "start") or (kind == "END") != (name == "end"):
        raise ProgramError(number, "'start' is the name of the START node and 'end' that of the END node, and only so")
    if name in ("NONE", "END"):
        raise ProgramError(number, f"{name!r} cannot be the name of a node")
    if (kind == "END") == bool(colon):
        raise ProgramError(number, "'END end' has no colon" if colon else "a colon is missing after the name")
    return _Block(number, kind, name, {})


def _add_branch(block: _Block, number: int, line: str, compat: bool) -> None:
    if block.kind == "END":
        raise ProgramError(number, "the END node has no lines")
    match = (_BRANCH if block.kind in PULLERS else _NEXT).fullmatch(line)
    if match is None:
        wanted = "'[R] name'" if block.kind in PULLERS else "'NEXT name'"
        raise ProgramError(number, f"expected {wanted} in a {block.kind} node, got {shown(line)}")
    label = match[1] if block.kind in PULLERS else "NEXT"
    if block.kind in PULLERS and label != "EMPTY" and label not in PULLERS[block.kind]:
        raise ProgramError(number, f"a {block.kind} has no branch [{label}]")
    if label in block.branches:
        if compat and block.kind in PULLERS:
            return
        raise ProgramError(number, f"{shown(block.name)} has two lines {label}")
    block.branches[label] = (number, match[2] if block.kind in PULLERS else match[1])


def _check_complete(block: _Block) -> None:
    if block.kind not in PULLERS and block.kind != "END" and not block.branches:
        raise ProgramError(block.line, f"{shown(block.name)} has no line NEXT")


def to_text(program: Program) -> str:
    """The program in the language; branches that reject are left out.

    Example:
        >>> print(to_text(parse_compact("P!--;")))
        START start:
            NEXT n1
        <BLANKLINE>
        PULLER_RB n1:
            [R] end
        <BLANKLINE>
        END end
    """
    names = {END: "end", NONE: "NONE", **{number: node.name for number, node in enumerate(program.nodes)}}
    blocks = []
    for node in program.nodes:
        lines = [f"{node.kind} {node.name}:"]
        if node.kind in PULLERS:
            labels = (*PULLERS[node.kind], "EMPTY")
            shown_targets = [(label, to) for label, to in zip(labels, node.targets, strict=True) if to != NONE]
            lines += [f"    [{label}] {names[to]}" for label, to in shown_targets]
        else:
            lines.append(f"    NEXT {names[node.targets[0]]}")
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, "END end"])


# --- The compact surface --------------------------------------------------------------------------------------

# What a character stands for at the place of a node's kind, and at that of a target.
_COMPACT_KINDS = {"P": "PULLER_RB", "Q": "PULLER_YG", **{symbol: kind for kind, symbol in PAINTERS.items()}}
_COMPACT_NAMES = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_COMPACT_TARGETS = {"!": END, "-": NONE, "^": START, **{name: i + 1 for i, name in enumerate(_COMPACT_NAMES)}}
MAX_COMPACT_NODES = len(_COMPACT_NAMES)


def parse_compact(text: str) -> Program:
    """Read the compact surface: five characters a puller, three a painter.

    A node is its kind (`P` pulls R and B, `Q` Y and G; `R`, `B`, `Y`, `G` paint), its targets and `;`. `p` and `q` are
    the same pullers with their targets in another order: B before R, G before Y. Nodes are named in their order 0 to
    9, a to z, A to Z; `!` is the end, `-` is NONE, `^` the start, which leads to the first node. A
    text of a target alone is where the start of a machine without nodes leads. Spaces and line breaks are passed over.

    Raises:
        ProgramError: With the reason; all of it counts as one line.

    Example:
        >>> print(to_text(parse_compact("B1;P!1-;")).replace("\\n\\n", "\\n"))
        START start:
            NEXT n1
        PAINTER_BLUE n1:
            NEXT n2
        PULLER_RB n2:
            [R] end
            [B] n2
        END end
    """
    if len(text) > MAX_PROGRAM_CHARS:
        raise ProgramError(0, f"a program has at most {MAX_PROGRAM_CHARS:,} characters, not {len(text):,}")
    packed = "".join(text.split())
    if packed in ("!", "-", "^"):
        return Program((Node("start", "START", (_COMPACT_TARGETS[packed],)),))
    parts = packed.split(";")
    if parts.pop() or not parts:
        raise ProgramError(1, "every node ends with ';'")
    if len(parts) > MAX_COMPACT_NODES:
        raise ProgramError(1, f"at most {MAX_COMPACT_NODES} nodes have names")
    nodes = [Node("start", "START", (1,))]
    for number, part in enumerate(parts, start=1):
        turned = part[:1] in ("p", "q")
        kind = _COMPACT_KINDS.get(part[:1].upper() if turned else part[:1], "")
        if not kind or len(part) != (4 if kind in PULLERS else 2):
            raise ProgramError(1, f"{shown(part)} is no node: P or Q with three targets, or R, B, Y or G with one")
        named = f"{part[2]}{part[1]}{part[3]}" if turned else part[1:]
        targets = tuple(_COMPACT_TARGETS.get(name, MAX_NODES) for name in named)
        if max(targets) > len(parts):
            raise ProgramError(1, f"{shown(part)} leads to a node that there is not")
        nodes.append(Node(f"n{number}", kind, targets))
    return Program(tuple(nodes))


def to_compact(program: Program) -> str:
    """The program on the compact surface; names are lost, and the node after the start becomes the first.

    Raises:
        ProgramError: It has more than 62 nodes.
    """
    first = program.nodes[START].targets[0]
    others = [number for number in range(1, len(program.nodes)) if number != first]
    letters = {END: "!", NONE: "-", START: "^"}
    if first <= START:  # of nodes that nothing reaches nothing needs to be written
        return letters[first]
    if len(others) >= MAX_COMPACT_NODES:
        raise ProgramError(0, f"at most {MAX_COMPACT_NODES} nodes have names on the compact surface")
    order = [first, *others]
    letters |= dict(zip(order, _COMPACT_NAMES, strict=False))
    kinds = {kind: letter for letter, kind in _COMPACT_KINDS.items()}
    nodes = [program.nodes[number] for number in order]
    return "".join(f"{kinds[node.kind]}{''.join(letters[to] for to in node.targets)};" for node in nodes)
