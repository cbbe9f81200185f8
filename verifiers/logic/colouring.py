"""`colouring@1`: a colour for every vertex of a graph, so that no edge joins two of one colour.

Checked by constraint, edge by edge: any proper colouring passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding, RuleVerifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.logic.assignment import read_assignment
from rlvr_gym.verifiers.verdict import Part, Reason

MAX_VERTICES = 52
MAX_COLOURS = 9


class Graph(NamedTuple):
    """The vertices in order, the edges as pairs of their numbers, and how many colours there are."""

    vertices: str
    edges: list[tuple[int, int]]
    colours: int


@dataclass(frozen=True)
class Colouring(RuleVerifier):
    """Judges the colours of all vertices.

    The reference is `{"vertices": "ABC", "edges": ["AB", "BC"], "colours": 2}`: vertices are letters, colours the
    numbers from 1 to `colours`, which is at most 9. A response gives every vertex a colour, as `A: 1, B: 2, C: 1`, or a
    digit for each in order.

    The dense score of a colouring in which `k` edges join two of one colour is `2**-k`.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Colouring()
        >>> graph = {"vertices": "ABC", "edges": ["AB", "BC"], "colours": 2}
        >>> verifier.verify("<answer>A: 2, B: 1, C: 2</answer>", graph).passed
        True
        >>> verifier.verify("<answer>A: 2, B: 1, C: 1</answer>", graph).reason.text
        '1 of 2 edges joins two vertices of one colour'
    """

    name = "colouring"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "How the colours were found is not judged: trying colours in the response is as good as reasoning.",
        "Colours by name, as in `A: red`, are refused, also where the colouring is proper.",
        "A colouring with fewer colours than are allowed passes as well.",
    )
    max_answer_chars: ClassVar[int] = 2000

    def parse_reference(self, reference: Any) -> Graph:
        """See the class."""
        try:
            vertices, edges, colours = reference["vertices"], reference["edges"], reference["colours"]
        except (TypeError, KeyError, IndexError) as error:
            raise ReferenceFault("not_a_graph", "the reference must hold 'vertices', 'edges' and 'colours'") from error
        if type(colours) is not int or not 1 <= colours <= MAX_COLOURS:
            raise ReferenceFault("bad_colours", f"'colours' must be 1 to {MAX_COLOURS}, got {shown(colours)}")
        letters = isinstance(vertices, str) and vertices.isascii() and vertices.isalpha()
        if not letters or len(set(vertices)) != len(vertices):
            raise ReferenceFault("not_a_graph", f"'vertices' must be different letters, got {shown(vertices)}")
        numbers = {letter: number for number, letter in enumerate(vertices)}
        if not isinstance(edges, list | tuple) or not 1 <= len(edges) <= MAX_VERTICES**2:
            raise ReferenceFault("no_edges", "'edges' must be a list of at least one edge")
        pairs = []
        for edge in edges:
            if not isinstance(edge, str) or len(edge) != 2 or not set(edge) <= set(numbers) or edge[0] == edge[1]:
                raise ReferenceFault("not_an_edge", f"an edge is two different vertices, got {shown(edge)}")
            pairs.append((numbers[edge[0]], numbers[edge[1]]))
        return Graph(vertices, pairs, colours)

    def read(self, text: str, gold: Graph) -> list[int]:
        """The colour of each vertex."""
        return read_assignment(text, gold.vertices, {str(colour): colour for colour in range(1, gold.colours + 1)})

    def check(self, answer: list[int], gold: Graph) -> Finding:
        """See the class."""
        total = len(gold.edges)
        bad = sum(answer[one] == answer[other] for one, other in gold.edges)
        part = Part("edges", not bad, (total - bad) / total, f"{total - bad} of {total}")
        extracted = "".join(map(str, answer))
        if not bad:
            return Finding(True, Reason("proper", "no edge joins two vertices of one colour"), 1.0, (part,), extracted)
        text = f"{bad} of {total} edges {'joins' if bad == 1 else 'join'} two vertices of one colour"
        return Finding(False, Reason("same_colour", text), 2.0**-bad, (part,), extracted)
