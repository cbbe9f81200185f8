"""`rlvr/ShortestPath-v0`: the shortest way through a weighted directed graph.

Start and goal are chosen so that neither the way with the fewest edges nor the cheapest edge at every place leads to
the answer: paths have to be weighed against each other.
"""

from __future__ import annotations

from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.logic.shuffling import shuffle
from rlvr_gym.envs.procedural import Common, ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers

_FAR = 10**9


class Roads(NamedTuple):
    """The weights of edges by pairs of nodes, and a shortest path."""

    weights: dict[tuple[int, int], int]
    path: list[int]


class ShortestPathTaskSet(ProceduralTaskSet[Roads]):
    """Graphs with two nodes between which the shortest path is neither one with the fewest edges nor a greedy one.

    Graphs that differ in the names of their nodes, or have all edges turned round, fall on the same side of the split.

    Args:
        nodes: How many, 4 to 26.
        edges: How many, from `nodes` to `nodes * (nodes - 1)`.
        high: Largest weight, 3 to 1000; weights begin at 1.
        hops: Edges of the shortest path at least, 2 to 6 and less than `nodes`.
        style: See `ProceduralTaskSet`; compact problems look like `AB2,AC9,BC3:AC=`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused, or no such graph was found.
    """

    def __init__(
        self, *, nodes: int = 9, edges: int = 27, high: int = 9, hops: int = 3, **common: Unpack[Common]
    ) -> None:
        self._nodes = check_int("nodes", nodes, 4, 26)
        self._edges = check_int("edges", edges, nodes, nodes * (nodes - 1))
        self._high = check_int("high", high, 3, 1000)
        self._hops = check_int("hops", hops, 2, min(6, nodes - 1))
        super().__init__("ShortestPath", **common)
        self._difficulty = {"nodes": nodes, "edges": edges, "high": high, "hops": hops}
        self._pairs = [(one, other) for one in range(nodes) for other in range(nodes) if one != other]

    def draw(self, rng: TaskRandom) -> Roads:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            places = list(range(len(self._pairs)))
            shuffle(places, rng)
            weights = {self._pairs[place]: rng.between(1, self._high) for place in sorted(places[: self._edges])}
            ways: list[list[int]] = [[] for _ in range(self._nodes)]
            for one, other in weights:
                ways[one].append(other)
            starts = list(range(self._nodes))
            shuffle(starts, rng)
            for start in starts:
                if goals := self._goals(ways, weights, start):
                    return Roads(weights, rng.choice(goals))
        raise ConfigError(
            f"ShortestPath: no graph of {self._nodes} nodes and {self._edges} edges up to {self._high} with a shortest "
            f"path of {self._hops} edges in {self._MAX_DRAWS:,} draws: lower hops or raise edges"
        )

    def split_key(self, problem: Roads) -> str:
        """See `ProceduralTaskSet.split_key`: each weight with how many edges leave and reach its ends, either way."""
        leave, reach = [0] * self._nodes, [0] * self._nodes
        for one, other in problem.weights:
            leave[one] += 1
            reach[other] += 1
        seen = sorted((w, leave[a], reach[a], leave[b], reach[b]) for (a, b), w in problem.weights.items())
        turned = sorted((w, reach[b], leave[b], reach[a], leave[a]) for (a, b), w in problem.weights.items())
        return str(min(seen, turned))

    def make(self, problem: Roads) -> Task:
        """See `ProceduralTaskSet.make`."""
        names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: self._nodes]
        edges = {names[one] + names[other]: weight for (one, other), weight in problem.weights.items()}
        path = [names[node] for node in problem.path]
        start, goal = path[0], path[-1]
        if self.style == "compact":
            listed = ",".join(f"{edge}{weight}" for edge, weight in edges.items())
            prompt, solution = f"{listed}:{start}{goal}=", "".join(path)
        else:
            listed = ", ".join(f"{edge[0]}->{edge[1]} {weight}" for edge, weight in edges.items())
            prompt = (
                f"These are one-way roads between the places {', '.join(names)}, each with its length:\n\n{listed}\n\n"
                f"Find a shortest path from {start} to {goal}. Give the places along it as "
                f"<answer>{start} -> ... -> {goal}</answer>."
            )
            solution = f"<answer>{' -> '.join(path)}</answer>"
        reference = {"edges": edges, "start": start, "goal": goal}
        difficulty = {**self._difficulty, "hops": len(path) - 1}
        return Task.create(prompt, {"reference": reference, "solution": solution}, difficulty=difficulty)

    def _goals(self, ways: list[list[int]], weights: dict[tuple[int, int], int], start: int) -> list[list[int]]:
        """The shortest paths from here that have enough edges, to where neither way without weighing leads.

        These are the paths with the fewest edges, which must be a quarter longer, and the cheapest edge at every place.
        """
        careless = self._careless(ways, weights, start)
        lengths, hops, before = [_FAR] * self._nodes, [0] * self._nodes, [-1] * self._nodes
        lengths[start] = 0
        layer, steps = {start: 0}, 0
        fewest: dict[int, int] = {}  # the length of the shortest among the paths with the fewest edges
        while layer:  # after so many rounds the paths of so many edges are known (Bellman and Ford)
            for node, length in layer.items():
                fewest.setdefault(node, length)
            steps += 1
            following: dict[int, int] = {}
            for node, length in layer.items():
                for there in ways[node]:
                    longer = length + weights[node, there]
                    if longer < lengths[there]:
                        lengths[there], hops[there], before[there] = longer, steps, node
                        following[there] = longer
            layer = following
        paths = []
        for goal, length in fewest.items():
            shortest = lengths[goal]
            if hops[goal] >= self._hops and 5 * shortest <= 4 * length and shortest not in careless[goal]:
                path = [goal]
                while path[-1] != start:
                    path.append(before[path[-1]])
                paths.append(path[::-1])
        return paths

    def _careless(self, ways: list[list[int]], weights: dict[tuple[int, int], int], start: int) -> list[set[int]]:
        """How long the ways to each place are for who takes the cheapest edge to a new place again and again.

        One who does so to the end, and one who takes the edge to the goal as soon as there is one.
        """
        found: list[set[int]] = [set() for _ in ways]
        here, length, open_ = start, 0, set(range(len(ways))) - {start}
        while fresh := [(weights[here, there], there) for there in ways[here] if there in open_]:
            for weight, there in fresh:
                if not found[there]:
                    found[there].add(length + weight)
            weight, here = min(fresh)
            length += weight
            open_.discard(here)
            found[here].add(length)
        return found


class ShortestPathEnv(ProceduralEnv):
    """Find a shortest path; verified edge by edge with `path@1`. Knobs: those of `ShortestPathTaskSet`.

    The reward `"dense"` pays `(shortest / length)**8` for a path that is legal and longer than need be.

    Example:
        >>> env = ShortestPathEnv(nodes=4, edges=6, hops=2, style="compact")
        >>> obs, info = env.reset(options={"task_index": 0})
        >>> obs
        'AC8,BC4,CA2,CB5,CD2,DB1:CB='
        >>> env.step("CDB")[4]["passed"]
        True
    """

    card = Card(
        family="logic",
        answer_format="The nodes along the path, `A -> C -> F`, in `<answer>` tags, a box or after `####`; letters "
        "alone in style=compact.",
        licence=GENERATED,
        chance=0.1,
        chance_reason="a legal path at random that takes an edge to the goal as soon as there is one is shortest in "
        "7.9 % of 2,000 default tasks; the path with the fewest edges and those of cheapest edges never are, and earn "
        "0.07 and 0.08 with reward='dense', the random one 0.12",
        distinct=10**12,
        levels=(
            {"nodes": 5, "edges": 9, "hops": 2},
            {"nodes": 6, "edges": 14, "hops": 2},
            {"nodes": 9, "edges": 27},
            {"nodes": 12, "edges": 36, "high": 20},
            {"nodes": 18, "edges": 60, "high": 50, "hops": 4},
            {"nodes": 26, "edges": 100, "high": 99, "hops": 5},
        ),
    )

    taskset_class = ShortestPathTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("path@1", **compact_markers(style))
