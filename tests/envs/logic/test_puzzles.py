"""What holds for all six puzzles: solutions pass, knobs are refused, symmetric problems share a side of the split."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.envs import TextEnv
from rlvr_gym.envs.logic.graph_colouring import Graph, GraphColouringEnv, GraphColouringTaskSet
from rlvr_gym.envs.logic.knights_knaves import Island, KnightsKnavesEnv, KnightsKnavesTaskSet
from rlvr_gym.envs.logic.n_queens import Board, NQueensEnv, NQueensTaskSet
from rlvr_gym.envs.logic.shortest_path import Roads, ShortestPathEnv, ShortestPathTaskSet
from rlvr_gym.envs.logic.sudoku import Grids, SudokuEnv, SudokuTaskSet
from rlvr_gym.envs.logic.zebra import Street, ZebraEnv, ZebraTaskSet
from rlvr_gym.envs.logic.zebra_solver import Clue
from rlvr_gym.envs.procedural import ProceduralEnv, ProceduralTaskSet, TaskRandom
from rlvr_gym.verifiers import ConfigError

ENVS: list[type[ProceduralEnv]] = [
    GraphColouringEnv,
    KnightsKnavesEnv,
    NQueensEnv,
    ShortestPathEnv,
    SudokuEnv,
    ZebraEnv,
]
every_puzzle = pytest.mark.parametrize("puzzle", ENVS, ids=lambda puzzle: puzzle.__name__)


def solves(env: TextEnv, **options: Any) -> bool:
    env.reset(**options)
    assert env.task.solution is not None
    return bool(env.step(env.task.solution)[4]["passed"])


@every_puzzle
@pytest.mark.parametrize("style", ["question", "compact"])
def test_the_solution_passes_for_200_seeds(puzzle: type[ProceduralEnv], style: str) -> None:
    env = puzzle(style=style)
    assert all(solves(env, seed=seed) for seed in range(200 if style == "question" else 30))


@every_puzzle
def test_every_level_can_be_played_in_both_splits(puzzle: type[ProceduralEnv]) -> None:
    assert puzzle.card is not None
    for level in range(len(puzzle.card.levels)):
        split = ("test", "train")[level % 2]
        assert solves(puzzle(level=level, split=split, style="compact"), options={"task_index": 0})


@every_puzzle
def test_the_splits_share_no_key(puzzle: type[ProceduralEnv]) -> None:
    keys = []
    for split in ("train", "test"):
        tasks = puzzle.taskset_class(split=split, size=20)
        keys.append({tasks.split_key(tasks._problem(index)) for index in range(20 if split == "train" else 3)})
    assert not keys[0] & keys[1]


@every_puzzle
def test_tasks_are_the_same_in_any_order_and_differ_by_seed(puzzle: type[ProceduralEnv]) -> None:
    one, other, seeded = (puzzle.taskset_class(seed=seed) for seed in (0, 0, 1))
    assert [one.task(index) for index in (0, 1, 2)] == [other.task(index) for index in (2, 1, 0)][::-1]
    assert one.task(0) != seeded.task(0)
    assert len({one.task(index).id for index in range(30)}) == 30


@pytest.mark.parametrize(
    ("taskset", "knobs"),
    [
        (GraphColouringTaskSet, {"vertices": 3}),
        (GraphColouringTaskSet, {"vertices": 27}),
        (GraphColouringTaskSet, {"colours": 1}),
        (GraphColouringTaskSet, {"colours": 6}),
        (GraphColouringTaskSet, {"vertices": 10, "edges": 30}),  # 4 * 3 + 4 * 3 + 3 * 3 = 33 fit, less a tenth: 29
        (GraphColouringTaskSet, {"edges": 2}),
        (KnightsKnavesTaskSet, {"people": 1}),
        (KnightsKnavesTaskSet, {"people": 11}),
        (KnightsKnavesTaskSet, {"depth": 4}),
        (KnightsKnavesTaskSet, {"depth": True}),
        (NQueensTaskSet, {"side": 3}),
        (NQueensTaskSet, {"side": 13}),
        (NQueensTaskSet, {"given": 7}),
        (NQueensTaskSet, {"barred": -1}),
        (ShortestPathTaskSet, {"nodes": 3}),
        (ShortestPathTaskSet, {"edges": 8}),
        (ShortestPathTaskSet, {"edges": 73}),  # 9 * 8 = 72
        (ShortestPathTaskSet, {"high": 2}),
        (ShortestPathTaskSet, {"hops": 7}),
        (SudokuTaskSet, {"box": 3}),
        (SudokuTaskSet, {"box": [4, 4]}),
        (SudokuTaskSet, {"box": [3, True]}),
        (SudokuTaskSet, {"blanks": 55}),
        (SudokuTaskSet, {"box": [2, 2], "blanks": 11}),
        (SudokuTaskSet, {"blanks": 0}),
        (ZebraTaskSet, {"houses": 2}),
        (ZebraTaskSet, {"houses": 7}),
        (ZebraTaskSet, {"categories": 7}),
        (ZebraTaskSet, {"categories": "3"}),
    ],
)
def test_a_knob_out_of_range_is_refused(taskset: type[ProceduralTaskSet[Any]], knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        taskset(**knobs)


def test_knobs_that_leave_no_graph_are_refused_when_one_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 4 edges 4 vertices need 3 colours in one case of two, and 5 edges of 4 nodes seldom have 3 hops in a row."""
    monkeypatch.setattr(ProceduralTaskSet, "_MAX_DRAWS", 20)
    with pytest.raises(ConfigError, match="raise edges"):
        GraphColouringTaskSet(vertices=26, colours=5, edges=10).task(0)
    with pytest.raises(ConfigError, match="lower hops"):
        ShortestPathTaskSet(nodes=26, edges=26, hops=6).task(0)


# --- Symmetric problems share a key --------------------------------------------------------------------------------


def key(tasks: ProceduralTaskSet[Any], problem: Any) -> str:
    return tasks.split_key(problem)


def test_a_sudoku_keeps_its_key_with_other_digits_rows_and_columns() -> None:
    tasks = SudokuTaskSet()
    problem = tasks.draw(TaskRandom(b"key"))
    renamed = [0, 4, 5, 9, 1, 2, 3, 8, 7, 6]
    rows = [3, 5, 4, 8, 7, 6, 0, 1, 2]  # bands moved, and rows within them
    moved = [row * 9 + column for row in rows for column in rows]
    for order in (moved, [column * 9 + row for row in range(9) for column in range(9)]):
        puzzle, full = ([renamed[cells[at]] for at in order] for cells in problem)
        assert key(tasks, Grids(puzzle, full)) == key(tasks, problem)
    assert key(tasks, tasks.draw(TaskRandom(b"other"))) != key(tasks, problem)


def test_an_island_keeps_its_key_with_people_in_another_order() -> None:
    """By hand: 0 says that 1 is a knave, 1 says that all are knights; then with the two swapped."""
    tasks = KnightsKnavesTaskSet(people=2)
    says = [("is", 1, 0), ("count", "exactly", 2, 1)]
    swapped = [("count", "exactly", 2, 1), ("is", 0, 0)]
    assert key(tasks, Island(["A", "B"], says, 0b01)) == key(tasks, Island(["C", "D"], swapped, 0b10))


def test_a_street_keeps_its_key_with_other_names_and_seen_from_behind() -> None:
    """Value 0 is directly left of 1, which is not in house 1 (place 0); mirrored; then with two values renamed."""
    tasks = ZebraTaskSet(houses=3, categories=2)
    street = [Clue("just_left", (0, 1)), Clue("not_at", (1, 0))]
    mirrored = [Clue("not_at", (1, 2)), Clue("just_left", (1, 0))]
    renamed = [Clue("just_left", (4, 5)), Clue("not_at", (5, 0))]
    other = [Clue("just_left", (0, 1)), Clue("not_at", (0, 0))]
    keys = [key(tasks, Street([], clues, [])) for clues in (street, mirrored, renamed, other)]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_a_board_keeps_its_key_turned_and_mirrored() -> None:
    """The queens of 3142 (columns from 0: 2, 0, 3, 1); mirrored they are those of 2413 (1, 3, 0, 2)."""
    tasks = NQueensTaskSet(side=4, given=1, barred=1)
    board = Board([2, 0, 3, 1], [0], [5])
    mirrored = Board([1, 3, 0, 2], [0], [6])
    turned = Board([2, 0, 3, 1], [2], [6])  # a quarter to the right: (row, column) stands at (column, 3 - row)
    assert key(tasks, board) == key(tasks, mirrored) == key(tasks, turned)
    assert key(tasks, board) != key(tasks, Board([2, 0, 3, 1], [0], [6]))


def test_graphs_keep_their_keys_with_other_names() -> None:
    colouring = GraphColouringTaskSet(vertices=4, edges=4)
    paw, renamed = [(0, 1), (0, 2), (1, 2), (2, 3)], [(0, 1), (1, 2), (1, 3), (2, 3)]
    assert key(colouring, Graph(paw, [])) == key(colouring, Graph(renamed, []))
    assert key(colouring, Graph([(0, 1), (1, 2), (2, 3), (0, 3)], [])) != key(colouring, Graph(paw, []))
    paths = ShortestPathTaskSet(nodes=4, edges=4)
    roads, turned = {(0, 1): 2, (1, 2): 5, (2, 3): 1}, {(3, 0): 2, (2, 3): 5, (1, 2): 1}
    assert key(paths, Roads(roads, [])) == key(paths, Roads(turned, []))
    assert key(paths, Roads(roads, [])) != key(paths, Roads({**roads, (0, 1): 3}, []))
