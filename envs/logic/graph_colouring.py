"""`rlvr/GraphColouring-v0`: colour a graph with as few colours as it needs.

A graph is made around a hidden colouring, so it has one; that it needs so many colours is made sure by a search.
"""

from __future__ import annotations

from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.logic.shuffling import shuffle
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers


class Graph(NamedTuple):
    """Pairs of vertices, the smaller one first, and a colour for each vertex, from 0."""

    edges: list[tuple[int, int]]
    colours: list[int]


class GraphColouringTaskSet(ProceduralTaskSet[Graph]):
    """Graphs that can be coloured with `colours` colours and with no fewer.

    Graphs that differ in the names of their vertices fall on the same side of the split.

    Args:
        vertices: How many, 4 to 26.
        colours: How many, 2 to 5.
        edges: How many; at least `colours * (colours - 1) / 2`, at most what fits between classes of equal size, less a
            tenth.
        style: See `ProceduralTaskSet`; compact problems look like `4:3:AB,AC,BC,CD=`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused, or no such graph was found.
    """

    def __init__(self, *, vertices: int = 10, colours: int = 3, edges: int = 20, **common: Unpack[Common]) -> None:
        self._vertices = check_int("vertices", vertices, 4, 26)
        self._colours = check_int("colours", colours, 2, min(5, vertices - 1))
        between = (vertices**2 - sum(len(range(first, vertices, colours)) ** 2 for first in range(colours))) // 2
        self._edges = check_int("edges", edges, colours * (colours - 1) // 2, between * 9 // 10)
        super().__init__("GraphColouring", **common)
        self._difficulty = {"vertices": vertices, "colours": colours, "edges": edges}

    def draw(self, rng: TaskRandom) -> Graph:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            colours = [vertex % self._colours for vertex in range(self._vertices)]
            shuffle(colours, rng)
            pairs = [
                (one, other)
                for other in range(self._vertices)
                for one in range(other)
                if colours[one] != colours[other]
            ]
            shuffle(pairs, rng)
            edges = sorted(pairs[: self._edges])
            if not _colourable(self._vertices, edges, self._colours - 1):
                return Graph(edges, colours)
        raise ConfigError(
            f"GraphColouring: no graph of {self._vertices} vertices and {self._edges} edges that needs {self._colours} "
            f"colours in {self._MAX_DRAWS:,} draws: raise edges"
        )

    def split_key(self, problem: Graph) -> str:
        """See `ProceduralTaskSet.split_key`: how many neighbours each vertex and each of its neighbours has."""
        near: list[list[int]] = [[] for _ in range(self._vertices)]
        for one, other in problem.edges:
            near[one].append(other)
            near[other].append(one)
        return str(sorted(sorted(len(near[other]) for other in others) for others in near))

    def make(self, problem: Graph) -> Task:
        """See `ProceduralTaskSet.make`."""
        names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: self._vertices]
        edges = [names[one] + names[other] for one, other in problem.edges]
        digits = [str(colour + 1) for colour in problem.colours]
        if self.style == "compact":
            prompt, solution = f"{self._vertices}:{self._colours}:{','.join(edges)}=", "".join(digits)
        else:
            listed = ", ".join(f"{edge[0]}-{edge[1]}" for edge in edges)
            prompt = (
                f"Give each vertex of this graph one of the colours 1 to {self._colours}, so that no edge joins two "
                f"vertices of the same colour.\n\nVertices: {', '.join(names)}\nEdges: {listed}\n\n"
                "Answer as <answer>A: colour, B: colour, …</answer>, with the number of a colour for every vertex."
            )
            given = ", ".join(f"{name}: {digit}" for name, digit in zip(names, digits, strict=True))
            solution = f"<answer>{given}</answer>"
        reference = {"vertices": names, "edges": edges, "colours": self._colours}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=self._difficulty)


class GraphColouringEnv(ProceduralEnv):
    """Colour a graph with as few colours as it needs; verified by constraint with `colouring@1`.

    Knobs: those of `GraphColouringTaskSet`. The reward `"dense"` pays `2**-k` where k edges join two of one colour.

    Example:
        >>> env = GraphColouringEnv(vertices=5, edges=6, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        '5:3:AC,AE,BC,BD,CE,DE='
        >>> env.step("32112")[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="Every vertex with the number of its colour, `A: 1, B: 3`, in `<answer>` tags, a box or after "
        "`####`; in style=compact a digit for each vertex in order.",
        licence=GENERATED,
        chance=0.01,
        chance_reason="the best of 33 fixed colourings is proper for 0.3 % of 2,000 default tasks, and earns 0.05 with "
        "reward='dense'; with vertices=5 and edges=6 it is proper for 18 %",
        distinct=5 * 10**8,
        levels=(
            {"vertices": 5, "colours": 3, "edges": 6},
            {"vertices": 7, "colours": 3, "edges": 12},
            {"vertices": 10, "colours": 3, "edges": 20},
            {"vertices": 14, "colours": 3, "edges": 30},
            {"vertices": 18, "colours": 4, "edges": 64},
            {"vertices": 26, "colours": 4, "edges": 104},
        ),
    )

    taskset_class = GraphColouringTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("colouring@1", **compact_markers(style))


def _colourable(vertices: int, edges: list[tuple[int, int]], colours: int) -> bool:
    """Whether so many colours suffice: the vertex with the fewest colours left is coloured first.

    Example:
        >>> _colourable(3, [(0, 1), (0, 2), (1, 2)], 2), _colourable(3, [(0, 1), (1, 2)], 2)
        (False, True)
    """
    near: list[list[int]] = [[] for _ in range(vertices)]
    for one, other in edges:
        near[one].append(other)
        near[other].append(one)
    return _extends(near, [(1 << colours) - 1] * vertices, set(range(vertices)), colours, 0)


def _extends(near: list[list[int]], left: list[int], open_: set[int], colours: int, used: int) -> bool:
    """Whether the open vertices can be coloured with what is left to each; of unused colours one is tried."""
    if not open_:
        return True
    vertex = min(open_, key=lambda at: (left[at].bit_count(), -len(near[at])))
    open_ = open_ - {vertex}
    for colour in range(min(used + 1, colours)):
        if left[vertex] >> colour & 1:
            fewer = list(left)
            for other in near[vertex]:
                fewer[other] &= ~(1 << colour)
            if all(fewer[other] for other in open_) and _extends(near, fewer, open_, colours, max(used, colour + 1)):
                return True
    return False
