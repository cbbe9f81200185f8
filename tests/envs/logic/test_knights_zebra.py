"""Islands and streets have one solution, by brute force over all roles and tables; every clue of a street is needed."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product
from typing import Any

import pytest
from rlvr_gym.envs.logic.knights_knaves import KnightsKnavesEnv, KnightsKnavesTaskSet, truth_table
from rlvr_gym.envs.logic.zebra import ZebraEnv, ZebraTaskSet
from rlvr_gym.envs.logic.zebra_solver import KINDS, Clue, holds, tables
from rlvr_gym.verifiers import make_verifier


def true(said: list[Any], knights: set[str], people: list[str]) -> bool:
    """Written from the description of the reference, not from the code."""
    match said:
        case ["is", name, role]:
            return (name in knights) is (role == "knight")
        case ["count", how, number, role]:
            counted = len(knights) if role == "knight" else len(people) - len(knights)
            return {"exactly": counted == number, "at least": counted >= number, "at most": counted <= number}[how]
        case ["not", one]:
            return not true(one, knights, people)
        case ["and", one, other]:
            return true(one, knights, people) and true(other, knights, people)
        case ["or", one, other]:
            return true(one, knights, people) or true(other, knights, people)
        case ["iff", one, other]:
            return true(one, knights, people) is true(other, knights, people)
        case ["if", one, other]:
            return not true(one, knights, people) or true(other, knights, people)
    raise AssertionError(said)


@pytest.mark.parametrize(
    ("people", "depth", "count"), [(2, 1, 30), (3, 0, 30), (4, 1, 60), (5, 2, 20), (6, 3, 10), (8, 0, 3)]
)
def test_an_island_has_one_solution(people: int, depth: int, count: int) -> None:
    tasks = KnightsKnavesTaskSet(people=people, depth=depth)
    for index in range(count):
        names, said = (tasks.task(index).reference[key] for key in ("people", "statements"))
        fitting = []
        for roles in product((False, True), repeat=people):
            knights = {name for name, role in zip(names, roles, strict=True) if role}
            if all(true(one, knights, names) is role for one, role in zip(said, roles, strict=True)):
                fitting.append(", ".join(f"{n}: {'knight' if n in knights else 'knave'}" for n in names))
        assert [f"<answer>{text}</answer>" for text in fitting] == [tasks.task(index).solution]


def test_a_prompt_quotes_everybody() -> None:
    asked, compact = (KnightsKnavesTaskSet(style=style).task(0) for style in ("question", "compact"))
    names, said = asked.reference["people"], asked.reference["statements"]
    assert len(names) == len(said) == 4
    assert all(f'{name} says: "' in asked.prompt for name in names)
    assert compact.prompt.count(":") == 4
    assert compact.reference["people"] == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        (("is", 0, 1), "1010"),
        (("not", ("is", 0, 1)), "0101"),
        (("or", ("is", 0, 1), ("is", 1, 1)), "1110"),
        (("iff", ("is", 0, 1), ("is", 1, 1)), "1001"),
        (("if", ("is", 0, 1), ("is", 1, 1)), "1101"),  # false for roles 1 alone: 0 is a knight, 1 is none
        (("count", "at least", 1, 0), "0111"),
    ],
)
def test_a_truth_table_has_a_bit_for_each_of_the_roles(statement: tuple[Any, ...], table: str) -> None:
    assert f"{truth_table(statement, 2):04b}" == table


def test_one_answer_for_all_islands_earns_what_its_card_says() -> None:
    """400 tasks: an answer that is right for 6.8 % of all is right for more than 53 with less than 1e-5."""
    tasks = KnightsKnavesTaskSet(style="compact")
    counts = Counter(tasks.task(index).solution for index in range(400))
    assert len(counts) == 16
    assert max(counts.values()) < 54


def test_roles_earn_nothing_but_the_right_ones() -> None:
    env = KnightsKnavesEnv(style="compact", reward="dense")
    env.reset(options={"task_index": 0})
    scores = [env.verifier.verify("".join(roles), env.task.reference).score for roles in product("01", repeat=4)]
    assert sorted(scores) == [0.0] * 15 + [1.0]


# --- Streets --------------------------------------------------------------------------------------------------------


def fits(clue: list[Any], house: dict[str, int]) -> bool:
    """Written from the description of the reference, not from the code."""
    at = [house[word] if isinstance(word, str) else word for word in clue[1:]]
    return {
        "at": at[0] == at[1],
        "not_at": at[0] != at[1],
        "same": at[0] == at[1],
        "apart": at[0] != at[1],
        "left": at[0] < at[1],
        "just_left": at[1] - at[0] == 1,
        "next": abs(at[0] - at[1]) == 1,
        "between": sorted(at)[1] == at[0] and len(set(at)) == 3,
    }[clue[0]]


def all_tables(categories: list[list[str]]) -> list[dict[str, int]]:
    houses = range(1, len(categories[0]) + 1)
    orders = [[dict(zip(order, houses, strict=True)) for order in permutations(values)] for values in categories]
    return [{name: house for part in parts for name, house in part.items()} for parts in product(*orders)]


@pytest.mark.parametrize(("houses", "categories", "count"), [(3, 2, 20), (3, 3, 12), (4, 2, 8)])
def test_a_street_has_one_table_and_no_clue_too_many(houses: int, categories: int, count: int) -> None:
    tasks = ZebraTaskSet(houses=houses, categories=categories, style="compact")
    for index in range(count):
        reference = tasks.task(index).reference
        clues = reference["clues"]
        broken = [[not fits(clue, table) for clue in clues] for table in all_tables(reference["categories"])]
        assert broken.count([False] * len(clues)) == 1
        for number in range(len(clues)):  # without it another table would be left
            assert [place == number for place in range(len(clues))] in broken


def test_the_default_street_has_one_table() -> None:
    """All 24**3 tables of two tasks; for each category in turn, what the clues before leave is kept."""
    tasks = ZebraTaskSet()
    for index in range(2):
        reference = tasks.task(index).reference
        left = all_tables(reference["categories"])
        for clue in reference["clues"]:
            left = [table for table in left if fits(clue, table)]
        assert len(left) == 1


@pytest.mark.parametrize("kind", KINDS[2:])
def test_the_solver_finds_the_tables_of_one_clue(kind: str) -> None:
    """Two categories of three houses: 36 tables, in which the clue is true of so many."""
    words = (0, 3, 1) if kind == "between" else (0, 3)
    wanted = sum(
        holds(kind, *[(*one, *other)[word] for word in words])
        for one in permutations(range(3))
        for other in permutations(range(3))
    )
    assert len(tables(3, 2, [Clue(kind, words)], 99)) == wanted > 0
    assert len(tables(3, 2, [Clue(kind, words)], 1)) == 1


def test_clues_that_contradict_each_other_leave_no_table() -> None:
    assert tables(3, 2, [Clue("at", (0, 1)), Clue("not_at", (0, 1))], 5) == []
    assert tables(4, 2, [Clue("left", (0, 5)), Clue("left", (5, 0))], 5) == []


def test_all_kinds_of_clues_occur() -> None:
    tasks = ZebraTaskSet()
    found = {clue[0] for index in range(25) for clue in tasks.task(index).reference["clues"]}
    assert found == set(KINDS)


def test_a_table_for_all_streets_earns_next_to_nothing() -> None:
    env = ZebraEnv(style="compact", reward="dense")
    env.reset(options={"task_index": 0})
    scores = [env.verifier.verify("aei/bfj/cgk/dhl", env.taskset.task(index).reference).score for index in range(40)]
    assert sum(scores) / 40 < 0.12  # 0.04 of 1,000
    assert env.step("aaa/aaa/aaa/aaa")[1] == 0.0


def test_dense_credit_halves_with_each_clue_that_fails() -> None:
    """By hand: all three hold; the first and the third fail; the first and the second fail; all fail."""
    clues = [["just_left", "Ann", "milk"], ["at", "tea", 1], ["same", "Ann", "tea"]]
    reference = {"categories": [["Ann", "Bob"], ["tea", "milk"]], "clues": clues}
    verifier = make_verifier("zebra@1")
    scores = [
        verifier.verify(f"<answer>{table}</answer>", reference).score
        for table in ("Ann tea/Bob milk", "Bob tea/Ann milk", "Bob milk/Ann tea", "Ann milk/Bob tea")
    ]
    assert scores == [1.0, 0.25, 0.25, 0.125]
