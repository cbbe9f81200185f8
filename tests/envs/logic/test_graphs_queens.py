"""Graphs, roads and boards of queens against brute force, and what an answer without thought earns."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest
from rlvr_gym.envs.logic.graph_colouring import GraphColouringEnv, GraphColouringTaskSet
from rlvr_gym.envs.logic.n_queens import NQueensEnv, NQueensTaskSet
from rlvr_gym.envs.logic.shortest_path import ShortestPathEnv, ShortestPathTaskSet
from rlvr_gym.verifiers import make_verifier

# --- Colours --------------------------------------------------------------------------------------------------------


def proper(reference: dict[str, Any], colours: int) -> bool:
    """Whether some of all colourings is proper."""
    vertices = reference["vertices"]
    for chosen in product(range(colours), repeat=len(vertices)):
        colour = dict(zip(vertices, chosen, strict=True))
        if all(colour[one] != colour[other] for one, other in reference["edges"]):
            return True
    return False


@pytest.mark.parametrize(
    ("vertices", "colours", "edges", "count"),
    [(4, 2, 3, 5), (5, 3, 6, 10), (8, 3, 12, 8), (7, 4, 15, 5), (6, 5, 12, 5)],
)
def test_a_graph_needs_the_colours_it_is_given(vertices: int, colours: int, edges: int, count: int) -> None:
    tasks = GraphColouringTaskSet(vertices=vertices, colours=colours, edges=edges)
    for index in range(count):
        reference = tasks.task(index).reference
        assert len(set(map(frozenset, reference["edges"]))) == edges
        assert proper(reference, colours)
        assert not proper(reference, colours - 1)


def test_other_colourings_pass_and_one_colour_earns_nothing() -> None:
    env = GraphColouringEnv(style="compact", reward="dense")
    env.reset(options={"task_index": 0})
    right = env.task.solution or ""
    swapped = right.translate(str.maketrans("123", "312"))
    assert env.verifier.verify(swapped, env.task.reference).passed
    assert env.step("1" * 10)[1] == 2.0**-20


def test_one_colouring_for_all_graphs_earns_next_to_nothing() -> None:
    env = GraphColouringEnv(style="compact")
    for answer in ("1231231231", "1112223331", "1223311213"):
        verdicts = [env.verifier.verify(answer, env.taskset.task(index).reference) for index in range(200)]
        assert sum(verdict.passed for verdict in verdicts) <= 5  # 0.3 % of 2,000
        assert sum(verdict.score for verdict in verdicts) / 200 < 0.1


# --- Roads ----------------------------------------------------------------------------------------------------------


def lengths(reference: dict[str, Any]) -> dict[str, int]:
    """The length of every path that meets no node twice."""
    edges, start, goal = reference["edges"], reference["start"], reference["goal"]
    others = sorted({node for edge in edges for node in edge} - {start, goal})
    found = {}
    for count in range(len(others) + 1):
        for middle in permutations(others, count):
            path = "".join((start, *middle, goal))
            steps = [path[at : at + 2] for at in range(len(path) - 1)]
            if all(step in edges for step in steps):
                found[path] = sum(edges[step] for step in steps)
    return found


def greedy(reference: dict[str, Any], stops: bool) -> str:
    """The path of the cheapest edge to a new place; straight to the goal where `stops` and there is an edge."""
    edges, path = reference["edges"], reference["start"]
    while path[-1] != reference["goal"]:
        ways = sorted(
            (weight, edge[1]) for edge, weight in edges.items() if edge[0] == path[-1] and edge[1] not in path
        )
        if not ways:
            break
        path += reference["goal"] if stops and path[-1] + reference["goal"] in edges else ways[0][1]
    return str(path)


@pytest.mark.parametrize(
    ("knobs", "count"), [({"nodes": 4, "edges": 7, "hops": 2}, 15), ({"nodes": 7, "edges": 18, "high": 20}, 8)]
)
def test_a_path_passes_where_no_other_is_shorter(knobs: dict[str, int], count: int) -> None:
    tasks, verifier = ShortestPathTaskSet(style="compact", **knobs), make_verifier("path@1", markers=["whole"])
    for index in range(count):
        task = tasks.task(index)
        found = lengths(task.reference)
        best = min(found.values())
        assert found[task.solution or ""] == best
        assert len(task.solution or "") > knobs.get("hops", 3)
        for path, length in found.items():
            verdict = verifier.verify(path, task.reference)
            assert verdict.passed is (length == best)
            assert verdict.score == pytest.approx((best / length) ** 8)


def test_ways_without_weighing_are_not_the_shortest() -> None:
    env = ShortestPathEnv(style="compact", reward="dense", nodes=7, edges=18)
    earned = 0.0
    for index in range(12):
        reference = env.taskset.task(index).reference
        found = lengths(reference)
        fewest = min(map(len, found))
        answers = [path for path in found if len(path) == fewest]
        answers += [greedy(reference, stops=True), greedy(reference, stops=False)]
        verdicts = [env.verifier.verify(answer, reference) for answer in answers]
        assert not any(verdict.passed for verdict in verdicts)
        earned += max(verdict.score for verdict in verdicts[:-2])
    assert earned / 12 < 0.168  # a quarter longer at least: 0.8 ** 8


@pytest.mark.parametrize("answer", ["ABCDEFGHI", "A", "AA", "IHGFEDCBA"])
def test_a_walk_through_all_places_earns_nothing(answer: str) -> None:
    env = ShortestPathEnv(style="compact", reward="dense")
    env.reset(options={"task_index": 0})
    assert env.step(answer)[1] == 0.0


# --- Queens ---------------------------------------------------------------------------------------------------------


def solved(side: int) -> list[tuple[int, ...]]:
    return [
        order
        for order in permutations(range(1, side + 1))
        if len({row + column for row, column in enumerate(order)}) == side
        and len({row - column for row, column in enumerate(order)}) == side
    ]


SOLVED = {side: solved(side) for side in (4, 5, 6, 7)}


@pytest.mark.parametrize(("side", "given", "barred"), [(4, 0, 3), (5, 1, 4), (6, 0, 10), (7, 2, 6)])
def test_just_the_solutions_of_a_board_pass(side: int, given: int, barred: int) -> None:
    tasks, verifier = NQueensTaskSet(side=side, given=given, barred=barred), make_verifier("queens@1")
    for index in range(5):
        board = tasks.task(index).reference["board"]
        rows = board.split("/")
        assert (board.count("Q"), board.count("x") <= barred) == (given, True)
        passed = 0
        for order in SOLVED[side]:
            squares = [row[column - 1] for row, column in zip(rows, order, strict=True)]
            fits = "x" not in squares and squares.count("Q") == given
            verdict = verifier.verify(f"<answer>{' '.join(map(str, order))}</answer>", {"board": board})
            assert verdict.passed is fits
            passed += fits
        assert passed > 0
        for order in permutations(range(1, 5)) if side == 4 else ():
            fits = order in SOLVED[4] and all(row[column - 1] != "x" for row, column in zip(rows, order, strict=True))
            assert verifier.verify(f"<answer>{' '.join(map(str, order))}</answer>", {"board": board}).passed is fits


def test_barred_squares_are_free_of_attack_and_not_needed() -> None:
    tasks = NQueensTaskSet(barred=100)
    for index in range(10):
        task = tasks.task(index)
        rows = task.reference["board"].split("/")
        queens = [(row, line.index("Q")) for row, line in enumerate(rows) if "Q" in line]
        barred = [(row, at) for row, line in enumerate(rows) for at, square in enumerate(line) if square == "x"]
        assert len(barred) == task.difficulty["barred"]
        for row, column in barred:
            assert all(row != r and column != c and abs(row - r) != abs(column - c) for r, c in queens)


@pytest.mark.parametrize("answer", ["1111", "1234", "4321", "2222"])
def test_queens_in_a_line_earn_next_to_nothing(answer: str) -> None:
    """All six pairs attack each other: 2**-6."""
    assert (
        make_verifier("queens@1", markers=["whole"]).verify(answer, {"board": "..../..../..../...."}).score == 2.0**-6
    )


def test_one_solution_for_all_boards_passes_seldom() -> None:
    """The best of the 92 passes for 5.0 % of 1,000 tasks; of 200, for 25 with less than 1e-4."""
    env = NQueensEnv(style="compact")
    references = [env.taskset.task(index).reference for index in range(200)]
    assert sum(env.verifier.verify("84136275", reference).passed for reference in references) < 25
