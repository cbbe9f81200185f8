"""`adventure@1`: commands that win a small text adventure; any that do pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.verifiers.by_rule import Finding, UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.games.adventure_world import GOAL, Position, World, acted, began, command, parse_world
from rlvr_gym.verifiers.games.replay import MAX_MOVES, Replay
from rlvr_gym.verifiers.verdict import Reason


@dataclass(frozen=True)
class Adventure(Replay):
    """Judges a record of commands, separated by semicolons or lines.

    The reference is a world (see `adventure_world.World`). Commands are `go north`, `take key`, `open chest`, `unlock
    door with key`, `use key on door`, `combine rope with hook`, `light lamp`, `put crown on altar`, `look` and
    `inventory`; each must be possible where it is given. The record passes when the thing that is to be brought is put
    where it belongs, with which the adventure ends.

    The dense score is the share of what must be done on every way to the goal (doors and boxes to open, things to
    make, to light and to bring), with the goal itself as one more. None of that can be undone, and each counts once.

    Args:
        markers: See `Replay`.

    Example:
        >>> world = {
        ...     "rooms": {"hall": {"east": "attic"}, "attic": {"west": "hall"}}, "start": "hall", "dark": [],
        ...     "doors": {"red door": ["hall", "attic", "red key"]}, "boxes": {}, "items": {"red key": "hall"},
        ...     "made": {}, "lamp": "", "goal": ["red key", "altar", "attic"], "needed": ["red door"],
        ... }
        >>> verifier = Adventure()
        >>> way = "take red key; use red key on red door; east; put red key on altar"
        >>> verifier.verify(f"<answer>{way}</answer>", world).passed
        True
        >>> verdict = verifier.verify("<answer>take red key; unlock red door with red key</answer>", world)
        >>> verdict.reason.text, verdict.score
        ('the goal is not reached', 0.5)
    """

    name = "adventure"
    version = 1
    asks_for: ClassVar[str] = "commands are like 'go north', 'take key', 'unlock door with key'"
    blind_spots: ClassVar[tuple[str, ...]] = (
        "Any commands that reach the goal pass, however many: ask for few by a limit on turns or a cost.",
        "That the goal can be reached is not checked: of a world that cannot be won every record fails.",
    )

    def parse_reference(self, reference: Any) -> World:
        """See `adventure_world.parse_world`."""
        return parse_world(reference)

    def moves_of(self, word: str, gold: World) -> Sequence[str]:
        """A command in its plain form."""
        plain = command(word)
        return [] if plain is None else [plain]

    def read(self, text: str, gold: World) -> list[str]:
        """The commands of a record."""
        steps = [step for step in text.replace("\n", ";").split(";") if step.strip()]
        if not 1 <= len(steps) <= MAX_MOVES:
            raise UnreadableError("no_moves", f"a record has 1 to {MAX_MOVES:,} commands, this one has {len(steps):,}")
        moves: list[str] = []
        for step in steps:
            found = self.moves_of(step, gold)
            if not found:
                raise UnreadableError("not_a_move", f"{shown(step.strip(), 30)} is no command; {self.asks_for}")
            moves += found
        return moves

    def start(self, gold: World) -> Position:
        """See `Replay.start`."""
        return began(gold)

    def play(self, position: Position, move: str, gold: World) -> Position:
        """See `Replay.play`."""
        return acted(position, move, gold)

    def over(self, position: Position, gold: World) -> bool:
        """See `Replay.over`."""
        return GOAL in position.done

    def judged(self, position: Position, gold: World) -> Finding:
        """See `Replay.judged`."""
        if GOAL in position.done:
            return Finding(True, Reason("reached", "the goal is reached"))
        needed = set(gold.needed)
        score = len(needed & (position.done | position.taken)) / (len(needed) + 1)
        return Finding(False, Reason("not_reached", "the goal is not reached"), score)
