"""`rlvr/Hanoi-v0`: move disks between pegs from one arrangement to another, never a larger one onto a smaller one.

Start and goal are drawn from all arrangements, so the well-known sequence from tower to tower solves next to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.board import BoardGame, BoardTaskSet
from rlvr_gym.envs.procedural import Common, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.games.hanoi import PEGS, Disks, Puzzle, shortest


class Drawn(NamedTuple):
    """A puzzle and a shortest solution."""

    puzzle: Puzzle
    moves: list[str]


class HanoiTaskSet(BoardTaskSet[Drawn]):
    """Two arrangements of disks on pegs, drawn uniformly among those that are far enough from each other.

    Args:
        pegs: 3 or 4.
        disks: Disks, 2 to 9; with 4 pegs 2 to 7.
        least: The fewest moves of a shortest solution, from 1 to `2 ** disks - 1`; with 4 pegs to `disks + 2`.
        moves_a_turn: See `BoardTaskSet`.
        **common: See `ProceduralTaskSet`; compact observations look like `21,3,|,,321:`, what is and what is to be,
            with a question mark before them where the response did nothing.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        pegs: int = 4,
        disks: int = 5,
        least: int = 5,
        moves_a_turn: int = 1,
        **common: Unpack[Common],
    ) -> None:
        self._pegs = check_int("pegs", pegs, 3, 4)
        self._disks = check_int("disks", disks, 2, 9 if pegs == 3 else 7)
        self._least = check_int("least", least, 1, 2**disks - 1 if pegs == 3 else disks + 2)
        super().__init__("Hanoi", moves_a_turn=moves_a_turn, **common)
        self._most = 2**disks - 1 if pegs == 3 else 3 * disks
        self.turns = self.enough_turns(self._most)

    def draw(self, rng: TaskRandom) -> Drawn:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            start, goal = (tuple(rng.below(self._pegs) for _ in range(self._disks)) for _ in range(2))
            moves = shortest(start, goal, self._pegs)
            if self._least <= len(moves) <= self._most:
                return Drawn(Puzzle(self._pegs, start, goal), moves)
        raise ConfigError(
            f"Hanoi: no puzzle of {self._disks} disks on {self._pegs} pegs takes {self._least} moves among "
            f"{self._MAX_DRAWS:,} draws: lower least"
        )

    def split_key(self, problem: Drawn) -> str:
        """The puzzle, however its pegs are named and in whichever direction it is played."""
        _, start, goal = problem.puzzle
        return min(_renamed(start + goal), _renamed(goal + start))

    def make(self, problem: Drawn) -> Task:
        """See `ProceduralTaskSet.make`."""
        puzzle, moves = problem
        if self.style == "compact":
            prompt = f"{_line(puzzle.start, puzzle)}:"
        else:
            prompt = (
                f"This is a tower of Hanoi with {self._pegs} pegs, A to {PEGS[self._pegs - 1]}, and disks from 1, the "
                f"smallest, to {self._disks}. Bring every disk to where it is to be. A move takes the upper disk of a "
                "peg to another peg; a disk never lies on a smaller one. Disks are shown from the bottom to the top.\n"
                f"A move is two pegs: AC takes a disk from A to C. {self.format_sentence()}\n"
                f"{_table(puzzle.start, puzzle)}"
            )
        reference = {"start": _pegs(puzzle.start, self._pegs), "goal": _pegs(puzzle.goal, self._pegs)}
        difficulty = {"pegs": self._pegs, "disks": self._disks, "least": self._least, "moves": len(moves)}
        return Task.create(prompt, {"reference": reference, "expert": self.responses(moves)}, difficulty=difficulty)


class HanoiEnv(BoardGame):
    """Move disks from one arrangement to another, one move a turn; judged by `hanoi@1`.

    The episode ends at the goal, or with the verdict on the moves so far when the turns are over. The reward `"dense"`
    then pays for the part of the way that was covered, by the fewest moves that are left. The anchor is the
    arrangement.

    Example:
        >>> env = HanoiEnv(pegs=3, disks=2, least=3, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        ',21,|2,1,:'
        >>> [env.step(move)[0] for move in ("BC", "BA", "CB")]
        [',2,1|2,1,:', '2,,1|2,1,:', '']
    """

    card = Card(
        family="game",
        answer_format="One move a turn, or up to `moves_a_turn`, in `<answer>` tags, a box, after `####` or alone: two "
        "pegs, such as `AC`.",
        licence=GENERATED,
        told="The rules, the disks, the goal and the number of turns; after each turn what the move did, the disks, "
        "the goal and the turns that are left.",
        chance=0.02,
        chance_reason="23 legal moves drawn at random solve 0.6 % of 1,000 puzzles, any two pegs 0.1 %; with level=0 "
        "legal ones solve 22 %",
        distinct=910_752,
        levels=(
            {"pegs": 3, "disks": 2, "least": 2},
            {"pegs": 3, "disks": 3, "least": 4},
            {"pegs": 4, "disks": 5, "least": 5},
            {"pegs": 3, "disks": 4, "least": 8},
            {"pegs": 3, "disks": 5, "least": 16},
            {"pegs": 3, "disks": 6, "least": 32},
        ),
    )

    taskset_class = HanoiTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("hanoi@1", **compact_markers(style))

    def view(self, position: Disks, gold: Puzzle) -> str:
        """See `BoardGame.view`."""
        return _line(position, gold) if self.style == "compact" else _table(position, gold)

    def told(self, before: Disks, after: Disks, moves: Sequence[str], gold: Puzzle) -> str:
        """See `BoardGame.told`."""
        if len(moves) > 1:
            return f"{len(moves)} moves made."
        source, target = moves[0][0], moves[0][1]
        return f"You moved disk {before.index(PEGS.index(source)) + 1} from {source} to {target}."

    def standing(self, position: Disks, gold: Puzzle) -> str:
        """See `BoardGame.standing`."""
        there = sum(here == goal for here, goal in zip(position, gold.goal, strict=True))
        return f"{there} of {len(gold.goal)} disks on their pegs."

    def anchor_of(self, position: Disks, gold: Puzzle) -> Any:
        """See `BoardGame.anchor_of`."""
        return list(position)


def _pegs(disks: Disks, pegs: int) -> list[str]:
    """For each peg its disks from the bottom."""
    return ["".join(str(disk + 1) for disk in reversed(range(len(disks))) if disks[disk] == peg) for peg in range(pegs)]


def _line(disks: Disks, puzzle: Puzzle) -> str:
    here, goal = (",".join(_pegs(each, puzzle.pegs)) for each in (disks, puzzle.goal))
    return f"{here}|{goal}"


def _table(disks: Disks, puzzle: Puzzle) -> str:
    rows = [("now", "goal"), *zip(*(_pegs(each, puzzle.pegs) for each in (disks, puzzle.goal)), strict=True)]
    width = 2 * len(disks)
    names = f" {PEGS}"
    return "\n".join(
        f"{name} | {(now if row == 0 else ' '.join(now)):<{width}}| {goal if row == 0 else ' '.join(goal)}".rstrip()
        for row, (name, (now, goal)) in enumerate(zip(names, rows, strict=False))
    )


def _renamed(disks: Disks) -> str:
    """With the pegs named in the order in which they occur."""
    names: dict[int, str] = {}
    return "".join(names.setdefault(peg, str(len(names))) for peg in disks)
