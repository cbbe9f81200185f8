"""`path@1`: a way through a weighted directed graph that is as short as any.

Checked edge by edge: every optimal path passes. How long the shortest is, is computed from the graph itself.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_NODES = 52
MAX_WEIGHT = 1_000_000
_BETWEEN = re.compile(r"->|[→,\-\s]")


class Roads(NamedTuple):
    """The weights of the edges by their two nodes, where the way begins and ends, and how long the shortest is."""

    edges: Mapping[str, int]
    start: str
    goal: str
    shortest: int


@dataclass(frozen=True)
class Path(RuleVerifier):
    """Judges a path by its edges and its length.

    The reference is `{"edges": {"AB": 2, "BC": 3, "AC": 9}, "start": "A", "goal": "C"}`: nodes are letters, `AB` is the
    edge from A to B, weights are whole numbers from 1. A response is the nodes of a path from the start to the goal,
    both included, separated by blanks, commas, `-`, `->` or `→`, or by nothing.

    The dense score of a path that is legal and longer than need be is `(shortest / length)**8`: 0.47 for a tenth more,
    0.17 for a quarter more, 0.04 for half more.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Path()
        >>> roads = {"edges": {"AB": 2, "BC": 3, "AC": 9}, "start": "A", "goal": "C"}
        >>> verifier.verify("<answer>A -> B -> C</answer>", roads).passed
        True
        >>> verifier.verify("<answer>A, C</answer>", roads).reason.text
        'the path is 9 long, and there is a shorter one'
    """

    name = "path"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "How the path was found is not judged: trying paths in the response is as good as reasoning.",
        "A right path with its length written behind it, as in `A -> C = 9`, is refused.",
        "The dense score pays for any legal path: one that is hardly longer than the shortest earns nearly 1.",
    )
    max_answer_chars: ClassVar[int] = 1000

    def parse_reference(self, reference: Any) -> Roads:
        """See the class."""
        try:
            edges, start, goal = reference["edges"], reference["start"], reference["goal"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_graph", "the reference must hold 'edges', 'start' and 'goal'") from error
        if not isinstance(edges, Mapping) or not 1 <= len(edges) <= MAX_NODES**2:
            raise ReferenceFault("no_edges", "'edges' must give weights to one edge or more")
        ways: dict[str, list[tuple[str, int]]] = {}
        for edge, weight in edges.items():
            if not isinstance(edge, str) or len(edge) != 2 or not edge.isascii() or not edge.isalpha():
                raise ReferenceFault("not_an_edge", f"an edge is two letters, got {shown(edge)}")
            if edge[0] == edge[1] or type(weight) is not int or not 1 <= weight <= MAX_WEIGHT:
                raise ReferenceFault("not_an_edge", f"{edge} must join two nodes and weigh 1 to {MAX_WEIGHT:,}")
            ways.setdefault(edge[0], []).append((edge[1], weight))
        if not isinstance(start, str) or not isinstance(goal, str) or start == goal:
            raise ReferenceFault("no_way", "'start' and 'goal' must be two nodes")
        shortest = _distance(ways, start, goal)
        if shortest is None:
            raise ReferenceFault("no_way", "the goal cannot be reached from the start")
        return Roads(edges, start, goal, shortest)

    def read(self, text: str, gold: Roads) -> str:
        """The nodes of a path."""
        nodes = _BETWEEN.sub("", text)
        if not nodes.isascii() or not nodes.isalpha():
            raise UnreadableError("not_a_path", "a path is the letters of its nodes, in order")
        return nodes

    def check(self, answer: str, gold: Roads) -> Finding:
        """See the class."""
        extracted = " ".join(answer)
        if answer[0] != gold.start or answer[-1] != gold.goal:
            return _illegal("wrong_ends", "a path leads from the start to the goal", extracted)
        length = 0
        for one, other in pairwise(answer):
            weight = gold.edges.get(one + other)
            if weight is None:
                return _illegal("no_edge", f"there is no edge from {one} to {other}", extracted)
            length += weight
        best = length == gold.shortest
        parts = (Part("legal", True, 1.0), Part("length", best, gold.shortest / length, str(length)))
        if best:
            return Finding(True, Reason("shortest", "no path is shorter"), 1.0, parts, extracted)
        reason = Reason("longer", f"the path is {length} long, and there is a shorter one")
        return Finding(False, reason, (gold.shortest / length) ** 8, parts, extracted)


def _illegal(code: str, text: str, extracted: str) -> Finding:
    return Finding(False, Reason(code, text), 0.0, (Part("legal", False, 0.0), Part("length", False, 0.0)), extracted)


def _distance(ways: Mapping[str, list[tuple[str, int]]], start: str, goal: str) -> int | None:
    """The length of the shortest path, by the algorithm of Dijkstra; None where there is none."""
    queue, done = [(0, start)], set()
    while queue:
        length, node = heapq.heappop(queue)
        if node == goal:
            return length
        if node not in done:
            done.add(node)
            for there, weight in ways.get(node, ()):
                heapq.heappush(queue, (length + weight, there))
    return None
