"""`rlvr/Game2048-v0`: the same moves give the same game, the expert, and moves without a look at the board."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.envs.games.game2048 import Game2048Env, Game2048TaskSet, enough_moves
from rlvr_gym.verifiers import ConfigError


def played(env: Game2048Env, index: int, moves: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Observations and the last info; the moves are repeated until the episode is over."""
    env.reset(options={"task_index": index})
    seen = []
    for turn in range(env.max_turns):
        observation, _, terminated, _, info = env.step(moves[turn % len(moves)])
        seen.append(observation)
        if terminated:
            break
    return seen, info


@pytest.mark.parametrize(
    ("knobs", "tasks"),
    [
        ({"style": "compact"}, 25),
        ({"goal": 16}, 40),
        ({"goal": 32}, 20),
        ({"side": 3}, 10),
        ({"side": 5, "goal": 32, "moves_a_turn": 5}, 10),
        ({"level": 5}, 4),
        ({"level": 4}, 2),
    ],
)
def test_the_expert_solves_every_task(knobs: dict[str, Any], tasks: int) -> None:
    env = Game2048Env(**knobs)
    for index in range(tasks):
        moves = env.expert(env.taskset.task(index))
        assert len(moves) <= env.max_turns
        assert played(env, index, moves)[1]["passed"] is True


def test_the_same_moves_give_the_same_game() -> None:
    moves = ["up", "left", "nonsense", "down", "right", "left"]
    first, second = (played(Game2048Env(), 3, [f"<answer>{move}</answer>" for move in moves])[0] for _ in range(2))
    assert first == second
    assert first != played(Game2048Env(), 4, [f"<answer>{move}</answer>" for move in moves])[0]


def test_an_impossible_move_brings_no_tile_and_costs_a_turn() -> None:
    env = Game2048Env()
    env.reset(options={"task_index": 0})
    env.step("<answer>up</answer>")
    state = env.get_state()
    board = env.anchor_state()
    while "not possible" not in (said := env.step("<answer>up</answer>")[0]):
        board = env.anchor_state()
    assert "Up is not possible: no tile can go that way." in said
    assert env.anchor_state() == board
    assert state["moves"][0] == "up"


def test_what_an_observation_says() -> None:
    env = Game2048Env()
    prompt, _ = env.reset(options={"task_index": 0})
    assert prompt.endswith(" .  .  .  .\n .  4  .  .\n .  .  .  .\n .  2  .  .\nYou have 36 turns.")
    assert env.step("<answer>left</answer>")[0].startswith(
        "Pushed left: no tiles joined. A 2 came. Your largest tile is 4, the goal is 64. 35 turns left.\n"
    )


def test_moves_without_a_look_at_the_board_seldom_make_the_tile() -> None:
    """The best of many cycles; 5.3 % of 400 games, and of 100 at most 15: four standard deviations of room."""
    env = Game2048Env(style="compact")
    assert sum(played(env, index, ["l", "u", "r", "d"])[1]["passed"] for index in range(100)) <= 15


def test_the_anchor_is_the_board() -> None:
    env = Game2048Env(style="compact")
    _, first = env.reset(options={"task_index": 0})
    anchors = [env.step(move)[4]["anchor"] for move in ("x", "l", "x")]
    assert anchors[0] == first["anchor"] != anchors[1] == anchors[2]


def test_no_word_of_what_comes() -> None:
    env = Game2048Env(render_mode="ansi")
    _, info = env.reset(options={"task_index": 0})
    seen = [info, *(env.step(move) for move in env.expert(env.task)), env.render()]
    assert env.task.reference["seed"] not in repr(seen)


def test_the_turns_follow_from_the_goal() -> None:
    assert [enough_moves(goal) for goal in (16, 32, 64, 128)] == [12, 20, 36, 68]
    assert Game2048Env(goal=128, moves_a_turn=10).max_turns == 7
    assert Game2048Env(goal=128, max_turns=5).max_turns == 5


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"side": 2}, "side must be an integer from 3 to 5, got 2"),
        ({"goal": 65}, "goal must be one of 16, 32, 64, 128, 256, 512 for side=4, got 65"),
        ({"side": 3, "goal": 256}, "goal must be one of 16, 32, 64, 128 for side=3, got 256"),
    ],
)
def test_refused_knobs(knobs: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Game2048TaskSet(**knobs)  # type: ignore[arg-type]
