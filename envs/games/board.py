"""What games of moves on a board share: a response is one move or several, and their record is judged at the end.

The rules are those of the game's verifier (`rlvr_gym.verifiers.games.replay.Replay`); a family adds how its tasks are
drawn and what is seen. Of use to any game that is played alone and by moves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar, Unpack, cast

from rlvr_gym.envs.action import Transition
from rlvr_gym.envs.procedural import Common, ProceduralGame, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import Verdict
from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.by_rule import UnreadableError
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.extraction import NoSlot, final_slot
from rlvr_gym.verifiers.games.replay import MAX_MOVES, ImpossibleMoveError, Replay

P = TypeVar("P")
T = TypeVar("T")
MOST_MOVES_A_TURN = 100


class BoardTaskSet(ProceduralTaskSet[P]):
    """Tasks of a game of moves. A family also sets `turns`: enough for every task, with room for mistakes.

    Args:
        name: See `ProceduralTaskSet`.
        moves_a_turn: The most moves of one response, 1 to 100.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    turns: int
    thing: ClassVar[str] = "move"  # what a response gives one or several of

    def __init__(self, name: str, *, moves_a_turn: int = 1, **common: Unpack[Common]) -> None:
        self.moves_a_turn = check_int("moves_a_turn", moves_a_turn, 1, MOST_MOVES_A_TURN)
        super().__init__(name, **common)

    def enough_turns(self, moves: int) -> int:
        """Turns for half as many moves again as these."""
        return -(-(moves + moves // 2) // self.moves_a_turn) + 1

    def responses(self, moves: Sequence[str]) -> list[str]:
        """Moves as an expert says them, with as many in each response as there may be."""
        size = self.moves_a_turn
        groups = [" ".join(moves[at : at + size]) for at in range(0, len(moves), size)]
        return groups if self.style == "compact" else [f"<answer>{group}</answer>" for group in groups]

    def format_sentence(self) -> str:
        """The sentence that says how moves are given."""
        if self.moves_a_turn == 1:
            return f"Give one {self.thing} a turn as <answer>{self.thing}</answer>."
        given = f"{self.thing} {self.thing} ..."
        return f"Give up to {self.moves_a_turn} {self.thing}s a turn, in order, as <answer>{given}</answer>."


class BoardGame(ProceduralGame):
    """A game of moves.

    A family says what is seen (`view`, `standing`), what moves did (`told`) and what makes positions the same to act
    in (`anchor_of`). What is no move costs a turn and says what was expected. Of several moves those before the first
    impossible one are made. The episode ends with the game, or with the verdict on the moves so far when the turns are
    over.

    Args:
        max_turns: Turns of an episode; None for as many as the level says, else enough for every task of these knobs.
        **settings: See `ProceduralGame`.
    """

    turns: ClassVar[int] = 1  # the task set says how many
    _record: list[str]
    _gold: Any
    _position: Any
    _first: Any

    def __init__(self, *, max_turns: int | None = None, **settings: Any) -> None:
        super().__init__(max_turns=max_turns, **settings)
        self._rules = cast("Replay", self.verifier)
        self._tasks = cast("BoardTaskSet[Any]", self.taskset)
        if not self._limited:
            self.max_turns = self._tasks.turns

    def _turns(self, given: dict[str, Any]) -> int:
        self._limited = "max_turns" in given
        return super()._turns(given)

    @abstractmethod
    def view(self, position: Any, gold: Any) -> str:
        """The board."""

    @abstractmethod
    def told(self, before: Any, after: Any, moves: Sequence[str], gold: Any) -> str:
        """What one or several moves did, in a sentence."""

    @abstractmethod
    def standing(self, position: Any, gold: Any) -> str:
        """How the game stands, in a sentence."""

    @abstractmethod
    def anchor_of(self, position: Any, gold: Any) -> Any:
        """What makes two positions the same to act in, as JSON."""

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        self._set_up(task, [])
        if self.style == "compact":
            return task.prompt
        return f"{task.prompt}\nYou have {turns(self.max_turns)}."

    def transition(self, action: str) -> Transition:
        """See `TextEnv.transition`."""
        if self._gold is None:
            return Transition(verdict=self._judged())
        before = self._position
        said = self._played(str(action))
        full = len(self._record) > MAX_MOVES - self._tasks.moves_a_turn
        if full or self._turn >= self.max_turns or self._rules.over(self._position, self._gold):
            return Transition(verdict=self._judged())
        board = self.view(self._position, self._gold)
        if self.style == "compact":
            return Transition(f"{'?' if self._position == before else ''}{board}:")
        left = turns(self.max_turns - self._turn)
        return Transition(f"{said} {self.standing(self._position, self._gold)} {left} left.\n{board}")

    def get_state(self) -> Any:
        """The moves that were made."""
        return {"moves": self._record}

    def set_state(self, state: Any) -> None:
        """See `TextEnv.set_state`."""
        moves = state.get("moves") if isinstance(state, Mapping) else None
        if not isinstance(moves, list) or not all(isinstance(move, str) for move in moves):
            raise SnapshotError(f"expected the moves that were made, got {shown(state)}")
        try:
            self._set_up(self.task, moves)
        except ImpossibleMoveError as error:
            raise SnapshotError(f"the moves of the snapshot cannot be made: {error}") from error

    def anchor_state(self) -> Any:
        """The position, however one came there; None for that of the start."""
        if self._gold is None:
            return None
        here = self.anchor_of(self._position, self._gold)
        return None if here == self._first else here

    def _set_up(self, task: Task, moves: list[str]) -> None:
        """The position after these moves; none where the reference cannot be used, which the verdict then says."""
        self._record = moves
        try:
            self._gold = self._rules.parse_reference(task.reference)
        except ReferenceFault:
            self._gold = None
            return
        self._position = self._rules.start(self._gold)
        self._first = self.anchor_of(self._position, self._gold)
        for move in moves:
            self._position = self._rules.play(self._position, move, self._gold)

    def _played(self, action: str) -> str:
        """Make the moves of a response; what came of them."""
        rules, gold = self._rules, self._gold
        slot = final_slot(action, rules.markers)
        if isinstance(slot, NoSlot):
            return f"No move: {self._tasks.format_sentence()}"
        if len(slot.text) > rules.max_answer_chars:
            return "No move: that is too long."
        try:
            moves = rules.read(slot.text, gold)
        except UnreadableError as error:
            return f"No move: {error}."
        if len(moves) > (most := self._tasks.moves_a_turn):
            return f"No move: at most {most} a turn, not {len(moves)}."
        before, made, fault = self._position, list[str](), ""
        for move in moves:
            if rules.over(self._position, gold):
                break
            try:
                self._position = rules.play(self._position, move, gold)
            except ImpossibleMoveError as error:
                rest = len(moves) - len(made) - 1
                fault = f"{sentence(move)} is not possible: {error}.{f' {rest} more not made.' if rest else ''}"
                break
            made.append(move)
        self._record += made
        done = self.told(before, self._position, made, gold) if made else ""
        return f"{done} {fault}".strip()

    def _judged(self) -> Verdict:
        record = " ".join(self._record)
        return self.verifier.verify(
            record if self.style == "compact" else f"<answer>{record}</answer>", self.task.reference
        )


def turns(number: int) -> str:
    """A number of turns in words.

    Example:
        >>> turns(1), turns(7)
        ('1 turn', '7 turns')
    """
    return "1 turn" if number == 1 else f"{number} turns"


def sentence(text: str) -> str:
    """With a capital at its start.

    Example:
        >>> sentence("up")
        'Up'
    """
    return text[:1].upper() + text[1:]


def sampled(rng: TaskRandom, items: Sequence[T], count: int) -> list[T]:
    """Different elements in random order.

    Example:
        >>> sorted(sampled(TaskRandom(b"1"), "abc", 3))
        ['a', 'b', 'c']
    """
    rest = list(items)
    return [rest.pop(rng.below(len(rest))) for _ in range(count)]


def canonical(rows: Sequence[str]) -> str:
    """The least of the eight drawings that turning and mirroring make of one: equal for those that are one problem.

    Example:
        >>> canonical(["ab", "cd"]) == canonical(["ca", "db"]) == canonical(["ba", "dc"])
        True
    """
    found = []
    for _ in range(4):
        rows = ["".join(column) for column in zip(*rows[::-1], strict=True)]
        found += ["\n".join(rows), "\n".join(row[::-1] for row in rows)]
    return min(found)
