"""What games of moves share: snapshots, golds that cannot be used, and texts that are no moves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import fork
from rlvr_gym.envs.games.board import BoardGame
from rlvr_gym.envs.games.frozen_lake import FrozenLakeEnv
from rlvr_gym.envs.games.hanoi import HanoiEnv
from rlvr_gym.envs.games.minesweeper import MinesweeperEnv
from rlvr_gym.envs.games.sokoban import SokobanEnv
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.task import Task

GAMES: dict[str, Any] = {
    "Sokoban": SokobanEnv, "FrozenLake": FrozenLakeEnv, "Minesweeper": MinesweeperEnv, "Hanoi": HanoiEnv,
}  # fmt: skip
every_game = pytest.mark.parametrize("game", GAMES)


@every_game
def test_a_snapshot_goes_on_where_it_was_taken(game: str) -> None:
    env, other = GAMES[game](), GAMES[game]()
    env.reset(options={"task_index": 3})
    way = env.expert(env.task)
    for response in way[:-1]:
        env.step(response)
    other.reset(options={"snapshot": env.save().to_dict()})
    [branch] = fork(env)
    ends = [one.step(way[-1]) for one in (env, other, branch)]
    assert ends[0][4]["passed"]
    assert ends[0] == ends[1] == ends[2]


@every_game
def test_what_is_no_state_is_refused(game: str) -> None:
    env = GAMES[game]()
    env.reset(seed=0)
    for state in (None, 7, {}, {"moves": "up"}, {"moves": [1]}, {"moves": ["jump"]}, {"moves": [["up"]]}):
        with pytest.raises(SnapshotError):
            env.set_state(state)


@every_game
def test_a_gold_that_cannot_be_used_decides_nothing(game: str) -> None:
    env = GAMES[game]()
    env.reset(options={"task": Task.create("Play.", {"reference": {"level": "", "map": "", "board": "", "start": []}})})
    _, reward, terminated, truncated, info = env.step("up")
    assert (reward, terminated, truncated, info["stop_reason"]) == (0.0, False, True, "ungradable")
    assert "passed" not in info


@every_game
def test_compact_observations_are_short_and_mark_what_did_nothing(game: str) -> None:
    env: BoardGame = GAMES[game](style="compact")
    first = env.reset(options={"task_index": 0})[0]
    assert len(first) < 100
    assert first.endswith(":")
    again = env.step("nothing")[0]
    assert again == "?" + first.partition("|")[2] if game == "Minesweeper" else "?" + first
    assert not env.step(env.expert(env.task)[0])[0].startswith("?")


@every_game
@settings(max_examples=25, deadline=None, derandomize=True)
@given(texts=st.lists(st.text(st.characters(exclude_categories=()), max_size=30), min_size=1, max_size=4))
def test_no_text_stops_a_game(game: str, texts: list[str]) -> None:
    env = GAMES[game](max_turns=4)
    env.reset(seed=1)
    for text in [*texts, "\x00", "a" * 200_001, "<answer>" * 999, "u" * 99][:4]:
        observation, reward, terminated, truncated, info = env.step(text)
        assert reward == 0.0
        if terminated or truncated:
            assert info["stop_reason"] == "answered"
            break
        assert observation


def test_an_episode_without_a_move_is_graded_and_failed() -> None:
    env = HanoiEnv(max_turns=1, reward="dense")
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step("I pass.")
    assert (reward, terminated, info["passed"], info["verdict"]["reason"]["code"]) == (0.0, True, False, "no_moves")
