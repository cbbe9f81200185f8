"""`walk@1`: a sequence of moves that leads from a start to a goal; any such sequence passes.

The world is a table: where each move leads from each place. What is not in the table leads nowhere, as a wall does. The
dense score is the share of the way that has been covered, by the shortest way that is left.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import Context, ReferenceFault, Verifier
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import NoSlot, check_markers, final_slot
from rlvr_gym.verifiers.verdict import Reason, Status, Verdict

MAX_MOVES = 10_000
MAX_PLACES = 10_000
_MOVE = re.compile(r"[^\W_]+")


class World(NamedTuple):
    """Where moves lead, where one starts and where one is to end, and how far the goal is from each place."""

    moves: Mapping[str, Mapping[str, str]]
    start: str
    goal: str
    distances: Mapping[str, int]


@dataclass(frozen=True)
class Walk(Verifier):
    """Judges a sequence of moves.

    The reference is `{"moves": {place: {move: place}}, "start": place, "goal": place}`. A response is moves separated
    by blanks or commas; they are followed from the start, and the last must end at the goal. A move that does not
    exist at a place leaves one there; one that exists nowhere is malformed. The dense score is 1 - d / d0, where d is
    the number of moves that the goal is away at the end, d0 at the start, and at least 0.

    Args:
        markers: Which declarations of a final answer count (see `extraction.final_slot`).

    Example:
        >>> verifier = Walk()
        >>> world = {"moves": {"a": {"east": "b"}, "b": {"east": "c", "west": "a"}, "c": {}}, "start": "a", "goal": "c"}
        >>> verifier.verify("<answer>east east</answer>", world).passed
        True
        >>> verdict = verifier.verify("<answer>east west east</answer>", world)
        >>> verdict.reason.text, verdict.score
        ('the walk ends 1 move from the goal', 0.5)
    """

    name = "walk"
    version = 1
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any walk that ends at the goal passes, however long: ask for a short one by a limit on turns or a cost.",
    )

    markers: tuple[str, ...] = ("answer_tag", "boxed", "####")

    def __post_init__(self) -> None:
        check_markers(self.markers)
        super().__post_init__()

    def parse_reference(self, reference: Any) -> World:
        """See the class."""
        try:
            moves, start, goal = reference["moves"], reference["start"], reference["goal"]
            table = {place: dict(ways.items()) for place, ways in moves.items()}
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ReferenceFault("not_a_world", "the reference must hold 'moves', 'start' and 'goal'") from error
        if not 2 <= len(table) <= MAX_PLACES:
            raise ReferenceFault("too_many_places", f"a world has 2 to {MAX_PLACES:,} places, got {len(table)}")
        for place, ways in table.items():
            for move, there in ways.items():
                if not isinstance(move, str) or _MOVE.fullmatch(move) is None or there not in table:
                    raise ReferenceFault("not_a_world", f"from {shown(place)}, {shown(move)} leads to {shown(there)}")
        if start not in table or goal not in table or start == goal:
            raise ReferenceFault("no_way", "'start' and 'goal' must be two places of the world")
        distances = distances_to(goal, table)
        if start not in distances:
            raise ReferenceFault("no_way", "the goal cannot be reached from the start")
        return World(table, start, goal, distances)

    def judge(self, response: str, gold: World, context: Context | None) -> Verdict:
        """See the class."""
        slot = final_slot(response, self.markers)
        if isinstance(slot, NoSlot):
            return Verdict(slot.status, 0.0, slot.reason, self.id)
        moves = slot.text.replace(",", " ").split()
        text = " ".join(moves)
        if not moves or len(moves) > MAX_MOVES:
            reason = Reason("not_a_walk", f"a walk has 1 to {MAX_MOVES:,} moves, not {len(moves):,}")
            return Verdict(Status.MALFORMED, 0.0, reason, self.id, text[:200], slot.marker)
        known = {move for ways in gold.moves.values() for move in ways}
        if unknown := next((move for move in moves if move not in known), None):
            reason = Reason("unknown_move", f"there is no move {shown(unknown)}; moves are {', '.join(sorted(known))}")
            return Verdict(Status.MALFORMED, 0.0, reason, self.id, text[:200], slot.marker)
        place = gold.start
        for move in moves:
            place = gold.moves[place].get(move, place)
        if place == gold.goal:
            return Verdict(Status.PASSED, 1.0, Reason("arrived", "the goal is reached"), self.id, text, slot.marker)
        left = gold.distances.get(place)
        if left is None:
            reason = Reason("elsewhere", "the walk ends where no way leads to the goal")
            return Verdict(Status.FAILED, 0.0, reason, self.id, text, slot.marker)
        reason = Reason("elsewhere", f"the walk ends {left} {'move' if left == 1 else 'moves'} from the goal")
        score = max(0.0, 1 - left / gold.distances[gold.start])
        return Verdict(Status.FAILED, score, reason, self.id, text, slot.marker)


def distances_to(goal: str, moves: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """How many moves the goal is away from each place from which it can be reached.

    Example:
        >>> distances_to("b", {"a": {"east": "b"}, "b": {}, "c": {}})
        {'b': 0, 'a': 1}
    """
    back: dict[str, list[str]] = {}
    for place, ways in moves.items():
        for there in ways.values():
            back.setdefault(there, []).append(place)
    found = {goal: 0}
    queue = deque([goal])
    while queue:
        here = queue.popleft()
        for place in back.get(here, ()):
            if place not in found:
                found[place] = found[here] + 1
                queue.append(place)
    return found
