"""The search for 24 against another one over written expressions, and against known figures."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from rlvr_gym.envs.logic.game24 import ALL_WAYS, Game24Env, Game24TaskSet, plain, solve
from rlvr_gym.verifiers import ConfigError, make_verifier

VERIFIER = make_verifier("countdown@1")
# Sets of four numbers from 1 to 13 that make 24 only by way of a fraction.
BY_FRACTIONS = [(1, 3, 4, 6), (1, 5, 5, 5), (2, 5, 5, 10), (3, 3, 7, 7), (3, 3, 8, 8), (4, 4, 7, 7), (5, 7, 7, 11)]


def values(numbers: tuple[Fraction, ...], whole: bool) -> set[Fraction]:
    """All values of expressions over these numbers in this order; with `whole`, none of them a fraction."""
    if len(numbers) == 1:
        return {numbers[0]}
    found: set[Fraction] = set()
    for at in range(1, len(numbers)):
        for x, y in itertools.product(values(numbers[:at], whole), values(numbers[at:], whole)):
            found |= {x + y, x - y, x * y} | ({x / y} if y else set())
    return {each for each in found if each.denominator == 1} if whole else found


def reached(numbers: tuple[int, ...], whole: bool = False) -> bool:
    orders = {tuple(map(Fraction, order)) for order in itertools.permutations(numbers)}
    return any(24 in values(order, whole) for order in orders)


def test_the_search_agrees_with_another_one() -> None:
    chosen = list(itertools.combinations_with_replacement(range(1, 14), 4))[3::181]
    for numbers in [*chosen, *BY_FRACTIONS[:2]]:
        found = solve(numbers, 24)
        assert (found.ways > 0) == reached(numbers)
        if found.ways:
            assert found.fraction == (not reached(numbers, whole=True))
            assert VERIFIER.verify(f"<answer>{found.text}</answer>", {"numbers": numbers, "target": 24}).passed


@pytest.mark.parametrize("numbers", BY_FRACTIONS)
def test_known_sets_need_fractions(numbers: tuple[int, ...]) -> None:
    found = solve(numbers, 24)
    assert found.fraction
    assert 0 < found.ways < 20


def test_ways_by_hand() -> None:
    """Of 1, 1, 1, 1 nothing but 4 and less; 24 * 1 * 1 * 1 in many ways; and all ways are no more than there are."""
    assert solve((1, 1, 1, 1), 24).ways == 0
    assert solve((1, 1, 1, 1), 4).ways > 0
    assert 0 < solve((1, 1, 1, 24), 24).ways < ALL_WAYS
    assert solve((3, 3, 8, 8), 24).text == "8/(3-(8/3))"


@pytest.mark.parametrize("knobs", [*Game24Env.card.levels, {"target": 100, "high": 25}, {"fractions": "not_needed"}])
def test_problems_are_as_the_knobs_say(knobs: dict[str, object]) -> None:
    tasks = Game24TaskSet(**knobs)  # type: ignore[arg-type]
    for index in range(5):
        task = tasks[index]
        numbers, target = task.reference["numbers"], task.reference["target"]
        assert VERIFIER.verify(str(task.solution), task.reference).passed
        assert not plain(numbers, target)
        assert max(numbers) <= int(str(knobs.get("high", 13)))
        ways = task.difficulty["ways"]
        assert int(str(knobs.get("least_ways", 1))) <= ways <= int(str(knobs.get("most_ways", ALL_WAYS)))
        needed = knobs.get("fractions", "any")
        assert needed == "any" or task.difficulty["needs_fraction"] == (needed == "needed")


def test_the_levels_have_fewer_and_fewer_ways() -> None:
    means = []
    for level in Game24Env.card.levels:
        tasks = Game24TaskSet(**level)
        means.append(sum(tasks[index].difficulty["ways"] for index in range(10)) / 10)
    assert means == sorted(means, reverse=True)


def test_one_pattern_for_all_tasks_earns_no_more_than_the_card_says() -> None:
    """The best of 960 patterns over 1,500 tasks; here 150 tasks, with three standard deviations of room."""
    tasks, right = Game24TaskSet(), 0
    for index in range(150):
        a, b, c, d = sorted(tasks[index].reference["numbers"], reverse=True)
        right += (a - b + c) * d == 24
    chance = Game24Env.card.chance
    assert right / 150 <= chance + 3 * (chance / 150) ** 0.5


def test_the_number_of_problems_is_counted() -> None:
    """Of 1 to 6 alone, so that it is quick: orders of the sets that are solvable and not plain, drawn until no more."""
    tasks = Game24TaskSet(high=6)
    sets = itertools.combinations_with_replacement(range(1, 7), 4)
    able = [numbers for numbers in sets if solve(numbers, 24).ways and not plain(list(numbers), 24)]
    count = sum(len(set(itertools.permutations(numbers))) for numbers in able)
    drawn = {tuple(tasks[index].reference["numbers"]) for index in range(3000)}
    assert drawn <= {order for numbers in able for order in itertools.permutations(numbers)}
    assert count * 0.9 < len(drawn) <= count


def test_reordered_numbers_share_a_side_of_the_split() -> None:
    tasks = Game24TaskSet()
    problem = tasks._problem(0)
    assert tasks.split_key(problem._replace(numbers=problem.numbers[::-1])) == tasks.split_key(problem)


def test_refused_knobs() -> None:
    for knobs in ({"target": 0}, {"high": 5}, {"fractions": "yes"}, {"least_ways": 9, "most_ways": 8}):
        with pytest.raises(ConfigError):
            Game24TaskSet(**knobs)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no problem"):
        Game24TaskSet(high=6, least_ways=3000)[0]
