"""`rlvr/Corridor-v0`: rooms in a row with coloured doors, one of which leads on; only the last room pays.

The smallest environment in which outcome rewards starve and credit by state does not: the colours are the same in every
episode, so a policy learns them room by room, but a random one hardly ever sees the end.
"""

from __future__ import annotations

from typing import NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.maze import shortest
from rlvr_gym.envs.procedural import Common, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.walking import WalkingEnv

COLOURS = ("red", "green", "blue")


class Row(NamedTuple):
    """A corridor: its number, and for each room what its doors do: which leads on, which back."""

    number: int
    doors: tuple[tuple[str, str], ...]


class CorridorTaskSet(ProceduralTaskSet[Row]):
    """Corridors; each room has a door that leads on, one that leads back, and one behind which is a wall.

    Args:
        rooms: Rooms before the exit, 2 to 100.
        corridors: How many different corridors there are, 1 to 1,000,000; each is a task, met again and again.
        style: See `ProceduralTaskSet`; compact moves are `r`, `g` and `b`, views look like `0.3:`.
        split: See `ProceduralTaskSet`; a corridor belongs to one side.
        seed: Another seed gives other corridors.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        rooms: int = 8,
        corridors: int = 4,
        **common: Unpack[Common],
    ) -> None:
        self._rooms = check_int("rooms", rooms, 2, 100)
        self._corridors = check_int("corridors", corridors, 1, 1_000_000)
        super().__init__("Corridor", **common)
        self._plans = f"Corridor doors|{common.get('seed', 0)}|{rooms}|"

    def draw(self, rng: TaskRandom) -> Row:
        """See `ProceduralTaskSet.draw`."""
        number = rng.below(self._corridors)
        plan = TaskRandom(f"{self._plans}{number}".encode())
        rooms = []
        for _ in range(self._rooms):
            onward = plan.choice(COLOURS)
            rooms.append((onward, plan.choice([colour for colour in COLOURS if colour != onward])))
        return Row(number, tuple(rooms))

    def split_key(self, problem: Row) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return str(problem.doors)

    def make(self, problem: Row) -> Task:
        """See `ProceduralTaskSet.make`."""
        compact = self.style == "compact"
        moves: dict[str, dict[str, str]] = {str(self._rooms): {}}
        for room, (onward, back) in enumerate(problem.doors):
            moves[str(room)] = {colour: str(room) for colour in COLOURS}
            moves[str(room)] |= {onward: str(room + 1), back: str(max(room - 1, 0))}
        if compact:
            moves = {room: {colour[0]: there for colour, there in ways.items()} for room, ways in moves.items()}
        reference = {"moves": moves, "start": "0", "goal": str(self._rooms)}
        prompt = (
            f"{problem.number}|"
            if compact
            else f"You are in corridor {problem.number}, a row of {self._rooms} rooms, numbered from 0. Each has a "
            "red, a green and a blue door: one leads on, one leads back, one hides a wall. Walk through to the exit. "
            "Give one door a turn as <answer>colour</answer>: red, green or blue. "
        )
        way = shortest(reference)
        private = {"reference": reference, "expert": way if compact else [f"<answer>{move}</answer>" for move in way]}
        return Task.create(prompt, private, difficulty={"rooms": self._rooms, "corridors": self._corridors})


class CorridorEnv(WalkingEnv):
    """Walk through a row of rooms by choosing one of three doors a turn; judged by `walk@1`.

    The episode ends behind the last room, or with the verdict on the way gone so far when the turns are over. The
    reward `"dense"` then pays for the share of rooms that were left behind. The anchor is the room.

    Example:
        >>> env = CorridorEnv(rooms=2, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        '3|0:'
        >>> [env.step(move)[1] for move in env.task.private["expert"]]
        [0.0, 1.0]
    """

    card = Card(
        family="game",
        answer_format="One door a turn, `red`, `green` or `blue`, in `<answer>` tags, a box, or after `####`.",
        licence=GENERATED,
        told="The number of rooms; after each move the present room.",
        chance=0.3,
        chance_reason="one of the 4 corridors known by heart is 26 %; 24 random doors lead through in 6.5 %",
        distinct=4,
        levels=(
            {"rooms": 2},
            {"rooms": 4},
            {"rooms": 8},
            {"rooms": 12, "max_turns": 36},
            {"rooms": 16, "max_turns": 48},
        ),
    )

    taskset_class = CorridorTaskSet
    turns = 24

    def view(self, task: Task, place: str) -> str:
        """See `WalkingEnv.view`."""
        return f"{place}:" if self.bare else f"You are in room {place}."
