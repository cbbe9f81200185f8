"""How worlds of text adventures are made so that they can be won, and how they are won.

Doors part the rooms into regions that are opened one after the other. What opens a door lies in the region that was
opened last, hidden by a trick or not; the thing to be brought lies in the last region. So every door and every trick is
on the way to the goal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlvr_gym.envs.games.board import sampled
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers.games.adventure_world import WAYS, World, acted, barred, began, carried

ROOMS = (
    "hall", "kitchen", "attic", "cellar", "library", "garden", "pantry", "study", "chapel", "tower", "stable",
    "gallery", "workshop", "laundry", "armory", "nursery", "greenhouse", "courtyard", "vault", "parlor",
)  # fmt: skip
COLOURS = ("red", "blue", "green", "white", "black", "golden")
OBSTACLES = (("cobweb", "shears"), ("guard dog", "bone"), ("heavy grate", "crowbar"), ("icy wall", "salt"))
MADE = (
    ("flooded ditch", "raft", ("logs", "rope")),
    ("deep gap", "bridge", ("plank", "nails")),
    ("high ledge", "grapple", ("hook", "cord")),
)
BOXES = ("chest", "drawer", "crate", "cupboard", "barrel", "trunk")
SMALL_KEYS = ("iron key", "brass key", "copper key", "silver key", "bone key", "tin key")
TREASURES = ("crown", "chalice", "mask", "scepter", "violin", "globe")
PLACES = ("altar", "pedestal", "table", "shelf", "throne")
DECOYS = ("spoon", "candle", "book", "coin", "bottle", "ribbon", "brush", "feather", "marble", "thimble")
LAMP = "lamp"
TRICKS = ("box", "locked box", "parts", "dark")
_STEPS = {"north": (-1, 0), "east": (0, 1), "south": (1, 0), "west": (0, -1)}
_BACK = dict(zip(WAYS, (*WAYS[2:], *WAYS[:2]), strict=True))

Room = tuple[int, int]


class House(NamedTuple):
    """Rooms in the order in which they were joined, the room from which each was reached and which way."""

    rooms: list[Room]
    before: list[int]
    ways: list[str]


class Maker:
    """Makes one world.

    Args:
        rng: Where it is drawn from.
        rooms: How many rooms.
        doors: How many doors, fewer than rooms.
        tricks: How many of the tools and the treasure are hidden; at most one more than doors.
        decoys: How many things are of no use.
    """

    def __init__(self, rng: TaskRandom, rooms: int, doors: int, tricks: int, decoys: int) -> None:
        self._rng = rng
        self._house = joined(rng, rooms)
        self._names = sampled(rng, ROOMS, rooms)
        self._doors, self._boxes = dict[str, list[str]](), dict[str, list[str]]()
        self._items, self._made = dict[str, str](), dict[str, list[str]]()
        self._dark, self._needed, self._lamp = list[str](), list[str](), ""
        self._colours, self._small_keys = sampled(rng, COLOURS, 6), sampled(rng, SMALL_KEYS, 6)
        self._box_names, self._obstacles = sampled(rng, BOXES, 6), sampled(rng, OBSTACLES, 4)
        self._recipes = sampled(rng, MADE, 3)
        self._locked = sampled(rng, range(1, rooms), doors)
        self._tricky = set(sampled(rng, range(doors + 1), tricks))
        self._decoys = decoys

    def world(self) -> World:
        """The world."""
        regions = self._regions()
        rng, names = self._rng, self._names
        last: list[int] = regions[0]
        opened = {0}
        for stage in range(len(self._locked)):
            at = rng.choice([at for at in self._locked if at not in opened and self._region(at, opened)])
            opened.add(at)
            trick = self._trick(stage)
            door, tool = self._door(trick)
            self._doors[door] = [names[self._house.before[at]], names[at], tool]
            self._needed.append(door)
            self._hide(tool, trick, last)
            last = regions[at]
        treasure, place = rng.choice(TREASURES), rng.choice(PLACES)
        trick = self._trick(len(self._locked))
        self._hide(treasure, "box" if trick == "parts" else trick, last)
        self._needed.append(treasure)
        for decoy in sampled(rng, DECOYS, self._decoys):
            self._items[decoy] = rng.choice(names)
        room = rng.choice([name for name in names if name != self._items[treasure]])
        items = {name: self._items[name] for name in sampled(rng, list(self._items), len(self._items))}
        exits = self._exits()
        return World(
            exits, names[0], self._dark, self._doors, self._boxes, items, self._made, self._lamp,
            [treasure, place, room], self._needed,
        )  # fmt: skip

    def _regions(self) -> dict[int, list[int]]:
        """The rooms behind each door, and those of the start, by the first room of each."""
        heads: list[int] = []
        regions: dict[int, list[int]] = {}
        for room in range(len(self._names)):
            head = room if room == 0 or room in self._locked else heads[self._house.before[room]]
            heads.append(head)
            regions.setdefault(head, []).append(room)
        self._heads = heads
        return regions

    def _region(self, at: int, opened: set[int]) -> bool:
        """Whether a door can be reached when these regions are open."""
        return self._heads[self._house.before[at]] in opened

    def _exits(self) -> dict[str, dict[str, str]]:
        names = self._names
        exits: dict[str, dict[str, str]] = {name: {} for name in names}
        for at in range(1, len(names)):
            before, way = self._house.before[at], self._house.ways[at]
            exits[names[before]][way] = names[at]
            exits[names[at]][_BACK[way]] = names[before]
        return {name: {way: ways[way] for way in WAYS if way in ways} for name, ways in exits.items()}

    def _trick(self, stage: int) -> str:
        if stage not in self._tricky:
            return ""
        left = [
            trick for trick in TRICKS if not (trick == "dark" and self._lamp) and (trick != "parts" or self._recipes)
        ]
        return self._rng.choice(left)

    def _door(self, trick: str) -> tuple[str, str]:
        if trick == "parts":
            name, tool, parts = self._recipes.pop()
            self._made[tool] = list(parts)
            return name, tool
        if self._obstacles and self._rng.below(2):
            return self._obstacles.pop()
        colour = self._colours.pop()
        return f"{colour} door", f"{colour} key"

    def _hide(self, thing: str, trick: str, region: Sequence[int]) -> None:
        """Put a thing somewhere in a region, or the parts of it."""
        rng, names = self._rng, self._names
        room = names[rng.choice(region)]
        lit = [names[at] for at in region if at != 0]
        if trick == "dark" and not lit:
            trick = "box"
        if trick == "parts":
            self._needed.append(thing)
            for part in self._made[thing]:
                self._items[part] = names[rng.choice(region)]
        elif trick == "dark":
            self._items[thing] = rng.choice(lit)
            self._dark.append(self._items[thing])
            self._lamp = LAMP
            self._items[LAMP] = names[0]
            self._needed.append(LAMP)
        elif trick:
            box, key = self._box_names.pop(), self._small_keys.pop() if trick == "locked box" else ""
            self._boxes[box] = [room, key]
            self._items[thing] = box
            self._needed.append(box)
            if key:
                self._items[key] = names[rng.choice(region)]
        else:
            self._items[thing] = room


def joined(rng: TaskRandom, count: int) -> House:
    """Rooms on a grid, each joined to one that was there before."""
    house = House([(0, 0)], [0], [""])
    while len(house.rooms) < count:
        before, way = rng.below(len(house.rooms)), rng.choice(WAYS)
        down, right = _STEPS[way]
        room = (house.rooms[before][0] + down, house.rooms[before][1] + right)
        if room not in house.rooms:
            house.rooms.append(room)
            house.before.append(before)
            house.ways.append(way)
    return house


class Player:
    """Wins a world whose map is a tree: what a step needs is fetched before it, and so on back to the start.

    Example:
        >>> world = Maker(TaskRandom(b"5"), 3, 1, 0, 0).world()
        >>> Player(world).won()[-1].startswith("put")
        True
    """

    def __init__(self, world: World) -> None:
        self._world, self._position = world, began(world)
        self._moves: list[str] = []

    def won(self) -> list[str]:
        """The commands up to the goal."""
        thing, place, room = self._world.goal
        self._fetch(thing)
        self._walk(room)
        self._do(f"put {thing} on {place}")
        return self._moves

    def _do(self, move: str) -> None:
        self._position = acted(self._position, move, self._world)
        self._moves.append(move)

    def _fetch(self, thing: str) -> None:
        world = self._world
        if thing in carried(self._position, world):
            return
        if thing in world.made:
            one, other = world.made[thing]
            self._fetch(one)
            self._fetch(other)
            self._do(f"combine {one} with {other}")
            return
        place = world.items[thing]
        room, key = world.boxes.get(place, (place, ""))
        closed = place in world.boxes and place not in self._position.done
        if closed and key:
            self._fetch(key)
        if room in world.dark and world.lamp not in self._position.done:
            self._fetch(world.lamp)
            self._do(f"light {world.lamp}")
        self._walk(room)
        if closed:
            self._do(f"unlock {place} with {key}" if key else f"open {place}")
        self._do(f"take {thing}")

    def _walk(self, room: str) -> None:
        while self._position.room != room:
            way, door = self._way(room)
            if door and self._world.doors[door][2] not in carried(self._position, self._world):
                self._fetch(self._world.doors[door][2])
                continue
            if barring := barred(self._position, way, self._world):
                self._do(f"unlock {barring} with {self._world.doors[barring][2]}")
            self._do(f"go {way}")

    def _way(self, room: str) -> tuple[str, str]:
        """The first step to a room, and the first door that bars the way there; empty where none does."""
        world, start = self._world, self._position.room
        came: dict[str, tuple[str, str]] = {start: ("", "")}
        queue = deque([start])
        while room not in came:
            here = queue.popleft()
            for way, there in world.rooms[here].items():
                if there not in came:
                    came[there] = (here, way)
                    queue.append(there)
        first, door = "", ""
        while room != start:
            room, first = came[room]
            door = barred(self._position._replace(room=room), first, world) or door
        return first, door


def renamed(world: World, names: Mapping[str, str]) -> World:
    """The world with other names for its rooms and things."""
    of = {**names, "": ""}
    rooms = {of[room]: {way: of[there] for way, there in ways.items()} for room, ways in world.rooms.items()}
    doors, boxes, made = (
        {of[name]: [of[each] for each in values] for name, values in named.items()}
        for named in (world.doors, world.boxes, world.made)
    )
    items = {of[name]: of[place] for name, place in world.items.items()}
    dark, goal, needed = ([of[each] for each in names] for names in (world.dark, world.goal, world.needed))
    return World(rooms, of[world.start], dark, doors, boxes, items, made, of[world.lamp], goal, needed)


def things_of(world: World) -> list[str]:
    """The names of everything but rooms."""
    return [*world.doors, *world.boxes, *world.items, *world.made, world.goal[1]]
