"""`rlvr/Maze-v0`: find the way out of a maze of rooms, of which only the doors of the present one are seen.

Every maze has exactly one way between any two rooms. Nothing is paid on the way: it is a test bed for sparse rewards
and for credit by state.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.procedural import Common, ProceduralTaskSet, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.envs.walking import WalkingEnv
from rlvr_gym.verifiers.walk import distances_to

DIRECTIONS = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1)}
Room = tuple[int, int]


class Plan(NamedTuple):
    """A maze: which rooms are joined, and where one starts and leaves."""

    doors: dict[Room, dict[str, Room]]
    start: Room
    exit: Room


class MazeTaskSet(ProceduralTaskSet[Plan]):
    """Mazes on a grid, made by random depth-first search; start and exit are different rooms.

    Args:
        width: Rooms from west to east, 1 to 30.
        height: Rooms from north to south, 1 to 30; one of the two is at least 2.
        style: See `ProceduralTaskSet`; compact moves are `n`, `e`, `s` and `w`, views look like `2,3es:`.
        **common: See `ProceduralTaskSet`.

    Raises:
        ConfigError: A knob is refused.
    """

    def __init__(
        self,
        *,
        width: int = 6,
        height: int = 6,
        **common: Unpack[Common],
    ) -> None:
        self._width = check_int("width", width, 1, 30)
        self._height = check_int("height", height, 1 if width > 1 else 2, 30)
        super().__init__("Maze", **common)

    def draw(self, rng: TaskRandom) -> Plan:
        """See `ProceduralTaskSet.draw`."""
        rooms = [(row, column) for row in range(self._height) for column in range(self._width)]
        doors: dict[Room, dict[str, Room]] = {room: {} for room in rooms}
        trail = [rng.choice(rooms)]
        reached = set(trail)
        while trail:
            open_to = [way for way in DIRECTIONS if (there := _next(trail[-1], way)) in doors and there not in reached]
            if not open_to:
                trail.pop()
                continue
            way = rng.choice(open_to)
            here, there = trail[-1], _next(trail[-1], way)
            doors[here][way] = there
            doors[there][_BACK[way]] = here
            reached.add(there)
            trail.append(there)
        start = rng.choice(rooms)
        return Plan(doors, start, rng.choice([room for room in rooms if room != start]))

    def split_key(self, problem: Plan) -> str:
        """See `ProceduralTaskSet.split_key`."""
        return f"{sorted((room, sorted(doors)) for room, doors in problem.doors.items())}:{problem.exit}"

    def make(self, problem: Plan) -> Task:
        """See `ProceduralTaskSet.make`."""
        compact = self.style == "compact"
        moves = {
            _name(room): {way[0] if compact else way: _name(doors[way]) for way in DIRECTIONS if way in doors}
            for room, doors in problem.doors.items()
        }
        reference = {"moves": moves, "start": _name(problem.start), "goal": _name(problem.exit)}
        row, column = problem.exit
        prompt = (
            f"{row},{column}|"
            if compact
            else f"You are in a maze of {self._height} rows and {self._width} columns of rooms, numbered from 0. "
            f"Leave it through the room in row {row}, column {column}. "
            "Give one move a turn as <answer>move</answer>: north, east, south or west. "
        )
        way = shortest(reference)
        private = {"reference": reference, "expert": way if compact else [f"<answer>{move}</answer>" for move in way]}
        difficulty = {"width": self._width, "height": self._height, "moves": len(way)}
        return Task.create(prompt, private, difficulty=difficulty)


class MazeEnv(WalkingEnv):
    """Find the way out of a maze by one move a turn, seeing the doors of the present room; judged by `walk@1`.

    The episode ends in the room with the exit, or with the verdict on the way gone so far when the turns are over. The
    reward `"dense"` then pays for the part of the way that was covered. The anchor is the room.

    Example:
        >>> env = MazeEnv(width=2, height=2)
        >>> env.reset(options={"task_index": 0})[0][-41:]
        'You are in row 0, column 0. Doors: south.'
        >>> [env.step(move)[0] for move in env.task.private["expert"]]
        ['You are in row 1, column 0. Doors: north, east.', 'You are in row 1, column 1. Doors: north, west.', '']
    """

    card = Card(
        family="game",
        answer_format="One move a turn in `<answer>` tags, a box, or after `####`: north, east, south or west.",
        licence=GENERATED,
        told="The size of the maze and the room of the exit; after each move the present room and its doors.",
        chance=0.3,
        chance_reason="40 doors taken at random lead out of 25 % of the mazes of 6 x 6",
        distinct=1_000_000_000,
        levels=(
            {"width": 2, "height": 3},
            {"width": 4, "height": 4},
            {"width": 6, "height": 6},
            {"width": 8, "height": 8, "max_turns": 80},
            {"width": 12, "height": 12, "max_turns": 160},
        ),
    )

    taskset_class = MazeTaskSet
    turns = 40

    def view(self, task: Task, place: str) -> str:
        """See `WalkingEnv.view`."""
        ways = list(task.reference["moves"][place])
        if self.bare:
            return f"{place}{''.join(ways)}:"
        row, _, column = place.partition(",")
        return f"You are in row {row}, column {column}. Doors: {', '.join(ways)}."


def shortest(world: dict[str, Any]) -> list[str]:
    """A shortest way through a world of `walk@1`.

    Example:
        >>> shortest({"moves": {"a": {"west": "a", "east": "b"}, "b": {}}, "start": "a", "goal": "b"})
        ['east']
    """
    distances, place, way = distances_to(world["goal"], world["moves"]), world["start"], []
    while place != world["goal"]:
        ways = world["moves"][place]
        move = min((move for move in ways if ways[move] in distances), key=lambda move: distances[ways[move]])
        way.append(move)
        place = ways[move]
    return way


_BACK = {"north": "south", "south": "north", "east": "west", "west": "east"}


def _next(room: Room, way: str) -> Room:
    down, right = DIRECTIONS[way]
    return room[0] + down, room[1] + right


def _name(room: Room) -> str:
    return f"{room[0]},{room[1]}"
