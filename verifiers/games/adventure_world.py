"""Worlds of small text adventures: what they are made of, how commands are read, and what each does.

Nothing that is done can be undone: things are taken and not dropped, doors are opened and not closed. So a world that
can be won can be won from every position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rlvr_gym.verifiers.base import ReferenceFault
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.games.replay import ImpossibleMoveError

WAYS = ("north", "east", "south", "west")
GOAL = "goal"  # among what is done, beside names
MAX_ROOMS, MAX_THINGS = 100, 100
_NAME = re.compile(r"[a-z]{1,20}(?: [a-z]{1,20})?")
_SHORT = {"t": "take", "o": "open", "u": "unlock", "c": "combine", "p": "put", "l": "light", "get": "take"}
_JOINED = {"unlock": ("with",), "combine": ("with", "and"), "put": ("on", "in"), "use": ("on", "with")}
_PLAIN = {"unlock": "with", "combine": "with", "put": "on"}


class World(NamedTuple):
    """A world.

    Args:
        rooms: Which room lies which way from each.
        start: Where one begins.
        dark: Rooms in which nothing is seen without a light.
        doors: What bars the way between two rooms, and what opens it.
        boxes: What holds things: its room, and what opens it; nothing where it is only closed.
        items: Where each thing lies: a room or a box.
        made: What is made of which two things.
        lamp: The thing that gives light; empty where there is none.
        goal: Which thing is to be put where, and the room of that.
        needed: What has to be done on every way to the goal: names of doors, boxes and things.
    """

    rooms: Mapping[str, Mapping[str, str]]
    start: str
    dark: Sequence[str]
    doors: Mapping[str, Sequence[str]]
    boxes: Mapping[str, Sequence[str]]
    items: Mapping[str, str]
    made: Mapping[str, Sequence[str]]
    lamp: str
    goal: Sequence[str]
    needed: Sequence[str]


class Position(NamedTuple):
    """Where one is, which things were taken, what was opened, made or lit, and which rooms were seen."""

    room: str
    taken: frozenset[str]
    done: frozenset[str]
    seen: frozenset[str]


def parse_world(reference: Any) -> World:
    """The world of a reference.

    Raises:
        ReferenceFault: It is none.
    """
    if not isinstance(reference, Mapping) or reference.keys() != set(World._fields):
        raise ReferenceFault("not_a_world", f"the reference must hold {', '.join(World._fields)}")
    world = World(**reference)
    rooms = world.rooms
    if not isinstance(rooms, Mapping) or not 2 <= len(rooms) <= MAX_ROOMS or not all(map(_is_name, rooms)):
        raise ReferenceFault("rooms", f"a world has 2 to {MAX_ROOMS} rooms with names, got {shown(rooms)}")
    for ways in rooms.values():
        if not isinstance(ways, Mapping) or any(way not in WAYS or there not in rooms for way, there in ways.items()):
            raise ReferenceFault("rooms", f"ways lead north, east, south or west to rooms, got {shown(ways)}")
    if world.start not in rooms or not _names(world.dark) or any(room not in rooms for room in world.dark):
        raise ReferenceFault("rooms", "'start' and 'dark' must be rooms")
    named = (world.doors, world.boxes, world.items, world.made)
    if not all(isinstance(things, Mapping) and all(map(_is_name, things)) for things in named):
        raise ReferenceFault("things", "'doors', 'boxes', 'items' and 'made' must map names")
    things = [name for each in named for name in each]
    if len(set(things)) != len(things) or len(things) > MAX_THINGS:
        raise ReferenceFault("things", f"there are at most {MAX_THINGS} things, and no two of one name")
    _check_things(world)
    return world


def _check_things(world: World) -> None:
    tools = {*world.items, *world.made}
    for lists, length in ((world.doors, 3), (world.boxes, 2), (world.made, 2)):
        for values in lists.values():
            if not _names(values, "") or len(values) != length:
                raise ReferenceFault("things", f"expected {length} names, got {shown(values)}")
    for one, other, tool in world.doors.values():
        if other not in world.rooms.get(one, {}).values() or tool not in tools:
            raise ReferenceFault("doors", "a door stands between two rooms that are joined, and a thing opens it")
    if any(room not in world.rooms or (tool and tool not in tools) for room, tool in world.boxes.values()):
        raise ReferenceFault("boxes", "a box stands in a room, and a thing or nothing opens it")
    if any(not isinstance(place, str) or place not in {*world.rooms, *world.boxes} for place in world.items.values()):
        raise ReferenceFault("items", "things lie in rooms or boxes")
    if any(part not in world.items for parts in world.made.values() for part in parts):
        raise ReferenceFault("made", "what is made is made of things that lie somewhere")
    if not isinstance(world.lamp, str) or (world.lamp and world.lamp not in world.items):
        raise ReferenceFault("lamp", "'lamp' must be a thing, or empty")
    if not _names(world.goal) or len(world.goal) != 3 or world.goal[0] not in tools or world.goal[2] not in world.rooms:
        raise ReferenceFault("goal", "'goal' must be a thing, the name of a place and its room")
    if not _names(world.needed) or not set(world.needed) <= {*tools, *world.doors, *world.boxes}:
        raise ReferenceFault("needed", "'needed' must be names of things, doors and boxes")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _names(values: Any, *more: str) -> bool:
    return isinstance(values, list | tuple) and all(_is_name(value) or value in more for value in values)


def command(text: str) -> str | None:
    """A command in its plain form; None where it is none. Whether its words name anything is another question.

    Example:
        >>> [command(text) for text in ("Go north!", "e", "pick up the red key", "use iron key on the chest")]
        ['go north', 'go east', 'take red key', 'unlock chest with iron key']
        >>> [command(text) for text in ("u d k", "i", "dance", "put crown")]
        ['unlock d with k', 'inventory', None, None]
    """
    words = [word for word in text[:200].lower().rstrip(" .!\n").split() if word not in ("the", "my")]
    if words[:2] == ["pick", "up"]:
        words = ["take", *words[2:]]
    if words in (["look"], ["look", "around"], ["i"], ["inv"], ["inventory"]):
        return "look" if words[0] == "look" else "inventory"
    if words and words[0] in ("go", "walk") and len(words) == 2:
        words = words[1:]
    if len(words) == 1 and (way := next((way for way in WAYS if words[0] in (way, way[0])), None)):
        return f"go {way}"
    if len(words) < 2:
        return None
    verb, rest = _SHORT.get(words[0], words[0]), words[1:]
    if verb in ("take", "open", "light"):
        return f"{verb} {' '.join(rest)}" if _is_name(" ".join(rest)) else None
    if verb not in _JOINED:
        return None
    at = next((at for at, word in enumerate(rest) if word in _JOINED[verb]), None)
    if at is not None:
        one, other = " ".join(rest[:at]), " ".join(rest[at + 1 :])
    elif words[0] in _SHORT and len(rest) == 2:
        one, other = rest
    else:
        return None
    if not _is_name(one) or not _is_name(other):
        return None
    return f"unlock {other} with {one}" if verb == "use" else f"{verb} {one} {_PLAIN[verb]} {other}"


def began(world: World) -> Position:
    """The position at the start."""
    return Position(world.start, frozenset(), frozenset(), frozenset({world.start}))


def acted(position: Position, plain: str, world: World) -> Position:
    """The position after a command in its plain form.

    Raises:
        ImpossibleMoveError: It cannot be done here.
    """
    verb, _, rest = plain.partition(" ")
    act = _ACTS.get(verb)
    if act is None:
        raise ImpossibleMoveError("that is no command")
    return act(position, rest, world)


def carried(position: Position, world: World) -> list[str]:
    """What one has, in the order of the world."""
    done = [name for name in world.made if name in position.done]
    gone = {part for name in done for part in world.made[name]}
    if GOAL in position.done:
        gone.add(world.goal[0])
    return [name for name in (*world.items, *done) if name not in gone and (name in position.taken or name in done)]


def sees(position: Position, world: World) -> bool:
    """Whether one sees what is in the room."""
    return position.room not in world.dark or world.lamp in position.done


def in_sight(position: Position, world: World) -> list[str]:
    """The things that can be taken here."""
    if not sees(position, world):
        return []
    open_here = [box for box in boxes_here(position, world) if box in position.done]
    places = {position.room, *open_here}
    return [name for name, place in world.items.items() if place in places and name not in position.taken]


def boxes_here(position: Position, world: World) -> list[str]:
    """The boxes that one sees."""
    if not sees(position, world):
        return []
    return [name for name, (room, _) in world.boxes.items() if room == position.room]


def barred(position: Position, way: str, world: World) -> str | None:
    """The door that bars this way from here; None where it is open."""
    ends = {position.room, world.rooms[position.room][way]}
    doors = world.doors.items()
    return next((name for name, (a, b, _) in doors if {a, b} == ends and name not in position.done), None)


def _go(position: Position, way: str, world: World) -> Position:
    if way not in world.rooms[position.room]:
        raise ImpossibleMoveError("there is no way in that direction")
    if door := barred(position, way, world):
        raise ImpossibleMoveError(f"the {door} bars the way")
    there = world.rooms[position.room][way]
    return position._replace(room=there, seen=position.seen | {there})


def _take(position: Position, name: str, world: World) -> Position:
    if name in carried(position, world):
        raise ImpossibleMoveError("you have that already")
    if name not in in_sight(position, world):
        raise ImpossibleMoveError("you see nothing of that name that you could take")
    return position._replace(taken=position.taken | {name})


def _open(position: Position, name: str, world: World) -> Position:
    if name in position.done:
        raise ImpossibleMoveError("that is open already")
    if name in boxes_here(position, world):
        if world.boxes[name][1]:
            raise ImpossibleMoveError(f"the {name} is locked: unlock it with something")
        return position._replace(done=position.done | {name})
    if name in _bars(position, world):
        raise ImpossibleMoveError(
            f"the {name} does not open by itself: unlock it with something, or use something on it"
        )
    raise ImpossibleMoveError("you see nothing of that name that you could open")


def _unlock(position: Position, rest: str, world: World) -> Position:
    name, _, tool = rest.partition(" with ")
    if tool == world.goal[0] and name == world.goal[1]:
        return _put(position, f"{tool} on {name}", world)
    _have(position, tool, world)
    locked = {box: world.boxes[box][1] for box in boxes_here(position, world) if box not in position.done}
    needs = {**{box: key for box, key in locked.items() if key}, **_bars(position, world)}
    if name not in needs:
        raise ImpossibleMoveError("you see nothing of that name that you could unlock")
    if needs[name] != tool:
        raise ImpossibleMoveError(f"the {tool} does not do for the {name}")
    return position._replace(done=position.done | {name})


def _combine(position: Position, rest: str, world: World) -> Position:
    one, _, other = rest.partition(" with ")
    _have(position, one, world)
    _have(position, other, world)
    for name, parts in world.made.items():
        if {one, other} == set(parts):
            return position._replace(done=position.done | {name})
    raise ImpossibleMoveError("these two do not make anything")


def _light(position: Position, name: str, world: World) -> Position:
    _have(position, name, world)
    if name != world.lamp or name in position.done:
        raise ImpossibleMoveError("that gives no light" if name != world.lamp else "it is lit already")
    return position._replace(done=position.done | {name})


def _put(position: Position, rest: str, world: World) -> Position:
    name, _, place = rest.partition(" on ")
    _have(position, name, world)
    if place != world.goal[1] or position.room != world.goal[2]:
        raise ImpossibleMoveError("you see no place of that name")
    if name != world.goal[0]:
        raise ImpossibleMoveError("that does not belong there")
    return position._replace(done=position.done | {GOAL})


def _look(position: Position, rest: str, world: World) -> Position:
    return position


def _have(position: Position, name: str, world: World) -> None:
    if name not in carried(position, world):
        raise ImpossibleMoveError(f"you have no {name}")


def _bars(position: Position, world: World) -> dict[str, str]:
    """What bars ways from here, and what opens it."""
    doors = (barred(position, way, world) for way in world.rooms[position.room])
    return {door: world.doors[door][2] for door in doors if door}


_ACTS: dict[str, Callable[[Position, str, World], Position]] = {
    "go": _go,
    "take": _take,
    "open": _open,
    "unlock": _unlock,
    "combine": _combine,
    "light": _light,
    "put": _put,
    "look": _look,
    "inventory": _look,
}
