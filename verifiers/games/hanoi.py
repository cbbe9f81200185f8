"""`hanoi@1`: moves that lead from one arrangement of disks on pegs to another; any such moves pass.

Start and goal are arbitrary, so that no sequence that is known by heart solves every puzzle. How far two arrangements
are from each other is found by search from both ends.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import Finding
from rlvr_gym.verifiers.games.replay import ImpossibleMoveError, Replay
from rlvr_gym.verifiers.verdict import Reason

PEGS = "ABCDEF"
MIN_PEGS = 3
MAX_DISKS = 9
MAX_STATES = 20_000  # arrangements of a puzzle: pegs ** disks

Disks = tuple[int, ...]  # of each disk the peg that it is on, the smallest first


class Puzzle(NamedTuple):
    """How many pegs there are, where the disks are and where they are to be."""

    pegs: int
    start: Disks
    goal: Disks


@dataclass(frozen=True)
class Hanoi(Replay):
    """Judges moves in a tower of Hanoi.

    The reference is `{"start": ["321", "", ""], "goal": ["", "3", "21"]}`: for each peg its disks from the bottom, 1
    the smallest. There are 3 to 6 pegs and 1 to 9 disks, with at most 20,000 arrangements. A move is two pegs, `AC`:
    the upper disk of the first goes onto the second, which may hold no smaller one. The dense score is 1 - d / d0 and
    at least 0, where d is the number of moves that the goal is away at the end, d0 at the start.

    Args:
        markers: See `Replay`.

    Example:
        >>> verifier = Hanoi()
        >>> puzzle = {"start": ["21", "", ""], "goal": ["", "", "21"]}
        >>> verifier.verify("<answer>AB AC BC</answer>", puzzle).passed
        True
        >>> verdict = verifier.verify("<answer>AB AC</answer>", puzzle)
        >>> verdict.reason.text, round(verdict.score, 3)
        ('the goal is 1 move away', 0.667)
        >>> verifier.verify("<answer>AB AB</answer>", puzzle).reason.text
        'move 2, AB: disk 2 may not lie on disk 1'
    """

    name = "hanoi"
    version = 1
    asks_for = "a move is two pegs, such as AC"
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any moves that end at the goal pass, however many: ask for few by a limit on turns or a cost.",
    )

    def parse_reference(self, reference: Any) -> Puzzle:
        """See the class."""
        start: Any = reference.get("start") if isinstance(reference, dict) else None
        goal: Any = reference.get("goal") if isinstance(reference, dict) else None
        here, there = _disks(start), _disks(goal)
        if here is None or there is None or len(start) != len(goal) or len(here) != len(there) or here == there:
            text = "'start' and 'goal' must be two arrangements of the same disks on as many pegs"
            raise ReferenceFault("not_a_puzzle", text)
        if len(start) ** len(here) > MAX_STATES:
            raise ReferenceFault("too_large", f"a puzzle has at most {MAX_STATES:,} arrangements")
        return Puzzle(len(start), here, there)

    def moves_of(self, word: str, gold: Puzzle) -> Sequence[str]:
        """Two pegs."""
        word = word.upper()
        known = PEGS[: gold.pegs]
        return [word] if len(word) == 2 and word[0] in known and word[1] in known else []

    def start(self, gold: Puzzle) -> Disks:
        """See `Replay.start`."""
        return gold.start

    def play(self, position: Disks, move: str, gold: Puzzle) -> Disks:
        """See `Replay.play`."""
        if not self.moves_of(move, gold):
            raise ImpossibleMoveError(self.asks_for)
        source, target = PEGS.index(move[0]), PEGS.index(move[1])
        if source == target:
            raise ImpossibleMoveError("those are one peg")
        if source not in position:
            raise ImpossibleMoveError(f"there is no disk on {move[0]}")
        disk = position.index(source)
        if target in position[:disk]:
            raise ImpossibleMoveError(f"disk {disk + 1} may not lie on disk {position.index(target) + 1}")
        return (*position[:disk], target, *position[disk + 1 :])

    def over(self, position: Disks, gold: Puzzle) -> bool:
        """See `Replay.over`."""
        return position == gold.goal

    def judged(self, position: Disks, gold: Puzzle) -> Finding:
        """See the class."""
        if position == gold.goal:
            return Finding(True, Reason("arranged", "every disk is where it is to be"))
        left = len(shortest(position, gold.goal, gold.pegs))
        reason = Reason("elsewhere", f"the goal is {left} {'move' if left == 1 else 'moves'} away")
        return Finding(False, reason, max(0.0, 1 - left / len(shortest(gold.start, gold.goal, gold.pegs))))


def shortest(start: Disks, goal: Disks, pegs: int) -> list[str]:
    """The fewest moves from one arrangement to another, by search from both ends.

    Example:
        >>> shortest((0, 0), (2, 2), pegs=3)
        ['AB', 'AC', 'BC']
    """
    sides: list[dict[Disks, Disks | None]] = [{start: None}, {goal: None}]
    layers = [[start], [goal]]
    while start != goal:
        side = len(layers[0]) > len(layers[1])
        seen, other = sides[side], sides[not side]
        further = []
        for here in layers[side]:
            for there in beside(here, pegs):
                if there in seen:
                    continue
                seen[there] = here
                if there in other:
                    return _joined(there, sides[0], sides[1])
                further.append(there)
        layers[side] = further
    return []


@functools.lru_cache(maxsize=2 * MAX_STATES)
def beside(disks: Disks, pegs: int) -> tuple[Disks, ...]:
    """The arrangements that one move leads to.

    Example:
        >>> beside((0, 1), 3)
        ((1, 1), (2, 1), (0, 2))
    """
    found, blocked = [], set[int]()
    for disk, peg in enumerate(disks):
        if peg in blocked:
            continue
        for target in range(pegs):
            if target != peg and target not in blocked:
                found.append((*disks[:disk], target, *disks[disk + 1 :]))
        blocked.add(peg)
    return tuple(found)


def _joined(middle: Disks, ahead: dict[Disks, Disks | None], back: dict[Disks, Disks | None]) -> list[str]:
    """The moves of two trails that meet."""
    trail: list[Disks] = []
    here: Disks | None = middle
    while here is not None:
        trail.append(here)
        here = ahead[here]
    trail.reverse()
    here = back[middle]
    while here is not None:
        trail.append(here)
        here = back[here]
    return [
        next(PEGS[one] + PEGS[other] for one, other in zip(before, after, strict=True) if one != other)
        for before, after in itertools.pairwise(trail)
    ]


def _disks(pegs: Any) -> Disks | None:
    """The peg of each disk; None where these are no pegs with each of the disks once, none on a smaller one."""
    if not isinstance(pegs, list | tuple) or not MIN_PEGS <= len(pegs) <= len(PEGS):
        return None
    if not all(isinstance(peg, str) and len(peg) <= MAX_DISKS for peg in pegs):
        return None
    found = {disk: number for number, peg in enumerate(pegs) for disk in peg}
    names = "".join(sorted(found))
    whole = names == "123456789"[: len(names)] and sum(map(len, pegs)) == len(names) > 0
    falling = all(peg == "".join(sorted(peg, reverse=True)) for peg in pegs)
    return tuple(found[disk] for disk in names) if whole and falling else None
