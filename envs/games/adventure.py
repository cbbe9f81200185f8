"""`rlvr/Adventure-v0`: a small text adventure, in which a thing is to be brought to its place.

Doors want keys, or what else gets one past them; tools lie in boxes, in the dark, or in two parts. Every world can
be won, from every position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

from rlvr_gym.envs.card import GENERATED, Card
from rlvr_gym.envs.games.adventure_making import Maker, Player, renamed, things_of
from rlvr_gym.envs.games.board import BoardGame, BoardTaskSet, sampled
from rlvr_gym.envs.procedural import Common, TaskRandom
from rlvr_gym.envs.task import Task, check_int
from rlvr_gym.verifiers import ConfigError, Verdict, Verifier, make_verifier
from rlvr_gym.verifiers.by_rule import compact_markers
from rlvr_gym.verifiers.games.adventure_world import (
    Position,
    World,
    barred,
    boxes_here,
    carried,
    in_sight,
    sees,
)

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORT = {"take": "t", "open": "o", "unlock": "u", "combine": "c", "put": "p", "light": "l"}
_COMMANDS = (
    "go north (or n), take KEY, open CHEST, unlock DOOR with KEY, use THING on OBSTACLE, combine THING with THING, "
    "light LAMP, put THING on PLACE, look, inventory"
)


class Story(NamedTuple):
    """A world, and commands that win it."""

    world: World
    moves: list[str]


class AdventureTaskSet(BoardTaskSet[Story]):
    """Worlds of rooms on a grid, joined as a tree.

    Args:
        rooms: How many rooms, 3 to 20.
        doors: How many doors or other obstacles bar the way to the goal, 1 to 5 and fewer than rooms.
        tricks: How many of the things that are needed are hidden: in a box, in a locked box, in the dark, or in two
            parts that must be combined; 0 to 4, and at most one more than doors.
        decoys: How many things are of no use, 0 to 4.
        **common: See `ProceduralTaskSet`; in compact worlds things are letters: `C:ne!b|x-,k|m:` is room C with ways
            north and east, the latter barred by b, a closed box x, a thing k that lies there, and m that one has; `#`
            stands for darkness, `@` follows the place of the goal, `u b k` is to unlock b with k.

    Raises:
        ConfigError: A knob is refused.
    """

    thing = "command"

    def __init__(
        self,
        *,
        rooms: int = 7,
        doors: int = 2,
        tricks: int = 2,
        decoys: int = 2,
        **common: Unpack[Common],
    ) -> None:
        check_int("rooms", rooms, 3, 20)
        check_int("doors", doors, 1, min(5, rooms - 1))
        check_int("tricks", tricks, 0, min(4, doors + 1))
        check_int("decoys", decoys, 0, 4)
        super().__init__("Adventure", **common)
        self._knobs = (rooms, doors, tricks, decoys)
        self._most_moves = 2 * rooms + 4 * doors + 3 * tricks
        self.turns = self.enough_turns(self._most_moves)

    def draw(self, rng: TaskRandom) -> Story:
        """See `ProceduralTaskSet.draw`."""
        for _ in range(self._MAX_DRAWS):
            world = Maker(rng, *self._knobs).world()
            if self.style == "compact":
                world = _lettered(rng, world)
            moves = Player(world).won()
            if len(moves) <= self._most_moves:
                return Story(world, moves)
        raise ConfigError(f"Adventure: no world can be won in {self._most_moves} commands: give it fewer rooms")

    def split_key(self, problem: Story) -> str:
        """See `ProceduralTaskSet.split_key`: what things are called does not matter."""
        world = problem.world
        names = {room: f"room {number}" for number, room in enumerate(world.rooms)}
        names |= {thing: f"thing {number}" for number, thing in enumerate(things_of(world))}
        return repr(renamed(world, names))

    def make(self, problem: Story) -> Task:
        """See `ProceduralTaskSet.make`."""
        world, moves = problem
        rooms, doors, tricks, decoys = self._knobs
        thing, place, _ = world.goal
        if self.style == "compact":
            prompt, moves = f"p {thing} {place}|", list(map(_shortened, moves))
        else:
            prompt = (
                f"A text adventure. Find the {thing} and put it on the {place}.\nCommands: {_COMMANDS}. "
                f"{self.format_sentence()}"
            )
        difficulty = {"rooms": rooms, "doors": doors, "tricks": tricks, "decoys": decoys, "moves": len(moves)}
        private = {"reference": world._asdict(), "expert": self.responses(moves)}
        return Task.create(prompt, private, difficulty=difficulty)


class AdventureEnv(BoardGame):
    """A small text adventure: bring a thing to its place; judged by `adventure@1`.

    The episode ends with the goal, or with the verdict on the commands so far when the turns are over. What cannot be
    done costs a turn and says why. The reward `"dense"` pays for what must be done on every way to the goal: doors and
    boxes that were opened, things that were made and found. None of it can be undone. The anchor is the position with
    the rooms that were seen.

    Example:
        >>> env = AdventureEnv(rooms=3, doors=1, tricks=0, decoys=0, style="compact")
        >>> env.reset(options={"task_index": 0})[0]
        'p z k|T:nw!q||:'
        >>> [env.step(command)[0] for command in ("n", "t c", "w", "s", "u q c")]
        ['V:s|k@,c|:', 'V:s|k@|c:', '?V:s|k@|c:', 'T:nw!q||c:', 'T:nw||c:']
    """

    card = Card(
        family="game",
        answer_format="One command a turn in `<answer>` tags, a box, after `####` or alone, like `take red key`.",
        licence=GENERATED,
        told="The goal, the commands and the number of turns; after each turn what came of it, the room with its ways "
        "and what is seen there, what one has, and the turns that are left.",
        chance=0.01,
        chance_reason="43 commands drawn at random of those whose words are in sight win none of 400 worlds; with "
        "level=0, 19 win 9 %",
        distinct=10**12,
        levels=(
            {"rooms": 4, "doors": 1, "tricks": 0, "decoys": 0},
            {"rooms": 5, "doors": 1, "tricks": 1, "decoys": 1},
            {"rooms": 7, "doors": 2, "tricks": 2, "decoys": 2},
            {"rooms": 10, "doors": 3, "tricks": 3, "decoys": 3},
            {"rooms": 14, "doors": 4, "tricks": 4, "decoys": 4},
            {"rooms": 20, "doors": 5, "tricks": 4, "decoys": 4},
        ),
    )

    taskset_class = AdventureTaskSet

    @classmethod
    def judge(cls, style: str) -> Verifier:
        """See `ProceduralEnv.judge`."""
        return make_verifier("adventure@1", **compact_markers(style))

    def begin(self, task: Task) -> str:
        """See `TextEnv.begin`."""
        prompt = super().begin(task)
        if self._gold is None:
            return prompt
        first = self.view(self._position, self._gold)
        return f"{prompt}{first}:" if self.style == "compact" else f"{prompt}\n{first}"

    def view(self, position: Position, gold: World) -> str:
        """See `BoardGame.view`."""
        return _bare(position, gold) if self.style == "compact" else _described(position, gold)

    def told(self, before: Position, after: Position, moves: Sequence[str], gold: World) -> str:
        """See `BoardGame.told`."""
        verb, _, rest = moves[-1].partition(" ")
        name = rest.partition(" with ")[0]
        if verb in ("open", "unlock"):
            found = [item for item, place in gold.items.items() if place == name and item not in after.taken]
            inside = f" In it: {', '.join(found) or 'nothing'}." if name in gold.boxes else ""
            return f"The {name} {'is open' if name in gold.boxes else 'bars the way no more'}.{inside}"
        if verb == "combine":
            return f"You made the {next(iter(after.done - before.done))}."
        said = {"go": f"You go {rest}.", "take": f"Taken: {rest}.", "light": f"The {rest} is lit."}
        return said.get(verb, "You look around." if verb == "look" else "You look at what you have.")

    def standing(self, position: Position, gold: World) -> str:
        """See `BoardGame.standing`."""
        return f"Goal: put the {gold.goal[0]} on the {gold.goal[1]}."

    def anchor_of(self, position: Position, gold: World) -> Any:
        """See `BoardGame.anchor_of`."""
        return [position.room, *map(sorted, position[1:])]

    def _judged(self) -> Verdict:
        record = "; ".join(self._record)
        return self.verifier.verify(
            record if self.style == "compact" else f"<answer>{record}</answer>", self.task.reference
        )


def _described(position: Position, world: World) -> str:
    ways = []
    for way in world.rooms[position.room]:
        door = barred(position, way, world)
        ways.append(f"{way} (barred: {door})" if door else way)
    lines = [f"You are in the {position.room}. Ways: {', '.join(ways)}."]
    if sees(position, world):
        boxes = [f"{box} ({_state(box, position, world)})" for box in boxes_here(position, world)]
        place = [world.goal[1]] if position.room == world.goal[2] else []
        lines.append(f"You see: {', '.join([*place, *boxes, *in_sight(position, world)]) or 'nothing of use'}.")
    else:
        lines.append("It is too dark to see anything but the ways out.")
    have = [
        f"{name} (lit)" if name in position.done and name == world.lamp else name for name in carried(position, world)
    ]
    lines.append(f"You have: {', '.join(have) or 'nothing'}.")
    return "\n".join(lines)


def _state(box: str, position: Position, world: World) -> str:
    if box in position.done:
        return "open"
    return "locked" if world.boxes[box][1] else "closed"


def _bare(position: Position, world: World) -> str:
    ways = ""
    for way in world.rooms[position.room]:
        door = barred(position, way, world)
        ways += f"{way[0]}!{door}" if door else way[0]
    signs = {"open": "+", "closed": "-", "locked": "="}
    things = [f"{box}{signs[_state(box, position, world)]}" for box in boxes_here(position, world)]
    things += [f"{world.goal[1]}@"] if position.room == world.goal[2] else []
    things += in_sight(position, world)
    seen = ",".join(things) if sees(position, world) else "#"
    return f"{position.room[-1].upper()}:{ways}|{seen}|{','.join(carried(position, world))}"


def _lettered(rng: TaskRandom, world: World) -> World:
    """The world with letters for its things, in random order, and for its rooms."""
    things = things_of(world)
    names = dict(zip(things, sampled(rng, _LETTERS, len(things)), strict=True))
    rooms = sampled(rng, _LETTERS, len(world.rooms))
    return renamed(world, {**names, **{room: f"r{letter}" for room, letter in zip(world.rooms, rooms, strict=True)}})


def _shortened(move: str) -> str:
    words = [word for word in move.split() if word not in ("with", "on")]
    return words[1][0] if words[0] == "go" else " ".join([_SHORT[words[0]], *words[1:]])
