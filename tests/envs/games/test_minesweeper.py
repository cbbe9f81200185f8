"""`rlvr/Minesweeper-v0`: no field needs a guess, by counting all ways to lay the mines, and nothing is told of them."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from rlvr_gym.envs.games.board import canonical
from rlvr_gym.envs.games.minesweeper import MinesweeperEnv, MinesweeperTaskSet
from rlvr_gym.envs.games.minesweeper_solver import certain, solved
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.games.minesweeper import Field, open_cell


def played(env: MinesweeperEnv, responses: list[str]) -> tuple[float, dict[str, Any]]:
    total = 0.0
    for response in responses:
        _, reward, terminated, truncated, info = env.step(response)
        total += reward
        if terminated or truncated:
            break
    return total, info


def always_free(board: list[str], mines: int) -> set[str]:
    """The closed cells that hold no mine in any way to lay so many mines that agrees with what is seen."""
    width, closed = len(board[0]), [i for i, symbol in enumerate("".join(board)) if symbol == "-"]
    told = {i: int(symbol.replace(".", "0")) for i, symbol in enumerate("".join(board)) if symbol != "-"}

    def near(one: int, other: int) -> bool:
        return max(abs(one // width - other // width), abs(one % width - other % width)) == 1

    around = {cell: {other for other in closed if near(cell, other)} for cell in told}
    mined: set[int] = set()
    for laid in map(set, itertools.combinations(closed, mines)):
        if all(len(around[cell] & laid) == number for cell, number in told.items()):
            mined |= laid
    return {f"{'abcdefgh'[cell % width]}{cell // width + 1}" for cell in set(closed) - mined}


@pytest.mark.parametrize("knobs", [{}, {"style": "compact"}, {"moves_a_turn": 1}, {"level": 0}, {"level": 4}])
def test_the_expert_clears_200_fields_within_the_turns(knobs: dict[str, Any]) -> None:
    env = MinesweeperEnv(**knobs)
    for seed in range(20 if knobs else 200):
        env.reset(seed=seed)
        way = env.expert(env.task)
        total, info = played(env, way)
        assert (total, info["turn"], info["passed"]) == (1.0, len(way), True)
        assert len(way) < env.max_turns


def test_every_cell_that_the_expert_opens_is_free_for_all_that_can_be_seen() -> None:
    env = MinesweeperEnv(width=5, height=4, mines=4)
    for index in range(25):
        env.reset(options={"task_index": index})
        board = env.task.reference["start"].split("\n")
        for response in env.expert(env.task):
            cells = response.removeprefix("<answer>").removesuffix("</answer>").split()
            assert set(cells) <= always_free(board, 4)
            observation, _, terminated, _, _ = env.step(response)
            board = [row[4:].replace(" ", "") for row in observation.split("\n")[2:]]
            assert terminated or len(board) == 4


def test_a_field_that_needs_a_guess_is_not_solved() -> None:
    """A mine under one of two cells that no number tells apart."""
    assert solved(Field(2, 2, mines=0b0001, start=0b1000)) is None
    assert certain(Field(2, 2, mines=0b0001, start=0b1000), 0b1000) == 0


def test_two_numbers_tell_more_than_each() -> None:
    """Above 1 2 1 in a row lie three closed cells: the middle one is free and the outer ones are mines."""
    field = Field(3, 2, mines=0b000101, start=0b111000)
    assert certain(field, field.start) == 0b000010


def test_a_cell_without_mines_around_opens_a_region() -> None:
    """By flooding with single steps over a field of 6 x 6 with mines in two corners."""
    field = Field(6, 6, mines=1 | 1 << 35, start=0)
    assert open_cell(5, 0, field).bit_count() == 34
    assert open_cell(1, 0, field) == 2


def test_fields_differ_and_mirrored_ones_are_on_one_side() -> None:
    assert len({task.id for task in MinesweeperTaskSet(size=200)}) == 200
    train, test = (
        {canonical(task.reference["board"].split("\n"))
         for task in MinesweeperTaskSet(size=60, split=split, width=4, height=4, mines=2)}
        for split in ("train", "test")
    )  # fmt: skip
    assert train
    assert test
    assert train.isdisjoint(test)


def test_random_cells_clear_no_default_field() -> None:
    env, rng = MinesweeperEnv(), random.Random(5)
    cells = [column + str(row) for column in "abcdefg" for row in range(1, 8)]
    for index in range(100):
        env.reset(options={"task_index": index})
        assert not played(env, [rng.choice(cells) for _ in range(env.max_turns)])[1]["passed"]


def test_what_is_shown_depends_on_open_cells_alone() -> None:
    """Two fields that look alike at first go alike until a cell is opened that tells them apart."""
    env = MinesweeperEnv()
    texts = []
    for board in ("*..\n...\n..*", "..*\n...\n*.."):
        task = env.taskset.task(0)
        private = {"reference": {"board": board, "start": "---\n-2-\n---"}}
        env.reset(options={"task": type(task).create("Play.", private)})
        texts.append([env.step(text)[0] for text in ("b2", "z9", "", "b1")])
    assert texts[0] == texts[1]


def test_the_anchor_is_the_board_that_is_seen() -> None:
    env = MinesweeperEnv(width=4, height=4, mines=2)
    start = env.reset(options={"task_index": 0})[1]["anchor"]
    assert env.step("a4")[4]["anchor"] == start  # which is open
    one = env.step("a1")[4]["anchor"]
    both = env.step("c1")[4]["anchor"]
    assert len({start, one, both}) == 3
    env.reset(options={"task_index": 0})
    env.step("c1")
    assert env.step("a1")[4]["anchor"] == both


def test_what_is_said() -> None:
    env = MinesweeperEnv(width=4, height=4, mines=2, moves_a_turn=3, max_turns=6, reward="dense")
    env.reset(options={"task_index": 0})
    said = [env.step(text)[0].split("\n")[0] for text in ("a1", "a1", "e1", "a1 a2 a3 a4", "<answer>c1, d2</answer>")]
    assert said == [
        "You opened a1. 4 cells to open. 5 turns left.",
        "Nothing new: a1 was open. 4 cells to open. 4 turns left.",
        "No move: 'e1' is no move; a cell is its column and row, such as c2. 4 cells to open. 3 turns left.",
        "No move: at most 3 a turn, not 4. 4 cells to open. 2 turns left.",
        "2 cells opened. 2 cells to open. 1 turn left.",
    ]
    _, reward, terminated, _, info = env.step("b1")
    assert (reward, terminated, info["verdict"]["reason"]["text"]) == (0.0, True, "there was a mine at b1")


@pytest.mark.parametrize("knobs", [{"width": 3}, {"mines": 13}, {"mines": 0}, {"height": 21}, {"moves_a_turn": 101}])
def test_knobs_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(knobs))} must be an integer"):
        MinesweeperEnv(**knobs)
