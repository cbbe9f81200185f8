"""`rlvr/Adventure-v0`: worlds that can be won, seen by another search; what is told and what is not."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from rlvr_gym.envs.games.adventure import AdventureEnv, AdventureTaskSet
from rlvr_gym.envs.games.adventure_making import renamed, things_of
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.games.adventure_world import (
    GOAL,
    Position,
    World,
    acted,
    barred,
    began,
    boxes_here,
    carried,
    in_sight,
    parse_world,
)
from rlvr_gym.verifiers.games.replay import ImpossibleMoveError


def possible(position: Position, world: World) -> list[str]:
    """Every command of which the words are in sight."""
    have = carried(position, world)
    closed = [box for box in boxes_here(position, world) if box not in position.done]
    doors = [door for way in world.rooms[position.room] if (door := barred(position, way, world))]
    found = [f"go {way}" for way in world.rooms[position.room]]
    found += [f"take {name}" for name in in_sight(position, world)] + [f"open {box}" for box in closed]
    found += [f"unlock {name} with {tool}" for name in (*doors, *closed) for tool in have]
    found += [f"combine {one} with {other}" for one in have for other in have if one < other]
    found += [f"light {name}" for name in have] + [f"put {name} on {world.goal[1]}" for name in have]
    return found


def fewest(world: World) -> int:
    """The length of the shortest way to win, by breadth-first search over all positions."""
    start = began(world)._replace(seen=frozenset())
    far, queue = {start: 0}, deque([start])
    while queue:
        here = queue.popleft()
        if GOAL in here.done:
            return far[here]
        for move in possible(here, world):
            try:
                there = acted(here, move, world)._replace(seen=frozenset())
            except ImpossibleMoveError:
                continue
            if there not in far:
                far[there] = far[here] + 1
                queue.append(there)
    raise AssertionError("this world cannot be won")


@pytest.mark.parametrize("knobs", [{}, {"style": "compact"}, *AdventureEnv.card.levels])
def test_the_expert_solves_every_task(knobs: dict[str, Any]) -> None:
    env = AdventureEnv(**knobs)
    for index in range(100 if not knobs else 10):
        env.reset(options={"task_index": index})
        infos = [env.step(move)[4] for move in env.expert(env.task)]
        assert infos[-1]["passed"] is True
        assert len(infos) <= env.max_turns


def test_the_expert_wastes_little() -> None:
    tasks = AdventureTaskSet(rooms=4, doors=2, tricks=2, decoys=0)
    for index in range(10):
        task = tasks.task(index)
        best = fewest(parse_world(task.reference))
        assert best <= len(task.private["expert"]) <= best + 8


def test_every_door_and_trick_is_on_the_way() -> None:
    """Without what opens one of the needed things, or without the lamp, the goal is out of reach."""
    tasks = AdventureTaskSet(rooms=5, doors=2, tricks=2, decoys=1)
    for index in range(8):
        world = parse_world(tasks.task(index).reference)
        assert GOAL in closure(world, ())
        for name in world.needed:
            if name in world.doors or name in world.boxes:
                tool = (world.doors.get(name) or world.boxes[name])[-1]
                banned = (f"unlock {name} with {tool}", f"open {name}")
            else:
                banned = (f"take {name}", f"light {name}", *(f"combine {a} with {b}" for a, b in pairs(world, name)))
            assert GOAL not in closure(world, banned)


def pairs(world: World, name: str) -> list[tuple[str, str]]:
    one, other = world.made.get(name, ("", ""))
    return [(one, other), (other, one)]


def closure(world: World, banned: tuple[str, ...]) -> frozenset[str]:
    """All that can be done at all, without some commands: nothing can be undone, so the order does not matter."""
    position, before = began(world), None
    while before != (position.taken, position.done):
        before = (position.taken, position.done)
        reached, queue = {position.room}, deque([position.room])
        while queue:
            position = position._replace(room=queue.popleft())
            for move in possible(position, world):
                try:
                    there = acted(position, move, world) if move not in banned else position
                except ImpossibleMoveError:
                    continue
                if there.room not in reached:
                    reached.add(there.room)
                    queue.append(there.room)
                elif there.room == position.room:
                    position = there
    return position.done


def test_what_is_seen() -> None:
    env = AdventureEnv()
    prompt, _ = env.reset(options={"task_index": 1})
    assert prompt.endswith(
        "You have 43 turns.\nYou are in the kitchen. Ways: north (barred: heavy grate), east (barred: icy wall), "
        "south, west.\nYou see: nothing of use.\nYou have: nothing."
    )
    assert env.step("<answer>go north</answer>")[0].startswith(
        "Go north is not possible: the heavy grate bars the way. Goal: put the crown on the altar. 42 turns left.\n"
    )
    assert env.step("<answer>dance</answer>")[0].startswith("No move: 'dance' is no command; commands are like ")
    assert env.step("<answer>go south</answer>")[0].splitlines()[1:] == [
        "You are in the armory. Ways: north.",
        "You see: crowbar.",
        "You have: nothing.",
    ]
    assert env.step("<answer>take crowbar; north</answer>")[0].startswith("No move: at most 1 a turn, not 2.")


def test_what_was_not_seen_is_not_told() -> None:
    """Asking for what lies elsewhere is answered as asking for what is nowhere."""
    env = AdventureEnv()
    env.reset(options={"task_index": 1})
    elsewhere, nowhere = (env.step(f"<answer>take {name}</answer>")[0] for name in ("salt", "unicorn"))
    assert elsewhere.replace("salt", "unicorn").replace("42", "41") == nowhere


def test_the_anchor_is_the_position_with_what_was_seen() -> None:
    env = AdventureEnv()
    _, first = env.reset(options={"task_index": 1})
    anchors = [env.step(f"<answer>{move}</answer>")[4]["anchor"] for move in ("look", "south", "north", "s", "n")]
    assert anchors[0] == first["anchor"]
    assert anchors[2] == anchors[4] != first["anchor"]  # the same place, and one room more is known
    assert anchors[1] == anchors[3]


def test_worlds_of_other_names_share_their_side_of_the_split() -> None:
    tasks = AdventureTaskSet()
    story = tasks.draw(TaskRandom(b"7"))
    names = {name: f"x {chr(97 + number)}" for number, name in enumerate(
        [*story.world.rooms, *things_of(story.world)]
    )}  # fmt: skip
    assert tasks.split_key(story._replace(world=renamed(story.world, names))) == tasks.split_key(story)
    assert tasks.split_key(tasks.draw(TaskRandom(b"8"))) != tasks.split_key(story)


def test_dense_credit_needs_deeds() -> None:
    """Walking about, looking and taking whatever is named earn nothing."""
    env = AdventureEnv(reward="dense")
    for moves in (["look"], ["n", "e", "s", "w"], ["take everything"], ["put crown on altar"]):
        env.reset(options={"task_index": 1})
        total = sum(env.step(f"<answer>{moves[turn % len(moves)]}</answer>")[1] for turn in range(env.max_turns))
        assert total == 0.0


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"rooms": 2}, "rooms must be an integer from 3 to 20, got 2"),
        ({"rooms": 3, "doors": 3}, "doors must be an integer from 1 to 2, got 3"),
        ({"doors": 1, "tricks": 3}, "tricks must be an integer from 0 to 2, got 3"),
        ({"decoys": 5}, "decoys must be an integer from 0 to 4, got 5"),
    ],
)
def test_refused_knobs(knobs: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AdventureTaskSet(**knobs)  # type: ignore[arg-type]
