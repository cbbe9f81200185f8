"""`rlvr/TwentyQuestions-v0`: the tables, the expert, what is told, and ways to win without asking."""

from __future__ import annotations

from typing import Any

import pytest
from rlvr_gym.envs.games.twenty_questions import TwentyQuestionsEnv, TwentyQuestionsTaskSet, halving
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.verifiers import ConfigError


def rewards(env: TwentyQuestionsEnv, index: int, responses: list[str]) -> tuple[float, dict[str, Any]]:
    env.reset(options={"task_index": index})
    total, info = 0.0, dict[str, Any]()
    for response in responses:
        _, reward, terminated, truncated, info = env.step(response)
        total += reward
        if terminated or truncated:
            break
    return total, info


@pytest.mark.parametrize("knobs", [{}, {"style": "compact"}, *TwentyQuestionsEnv.card.levels])
def test_the_expert_solves_every_task(knobs: dict[str, Any]) -> None:
    env = TwentyQuestionsEnv(**knobs)
    for index in range(200 if len(knobs) < 2 else 40):
        total, info = rewards(env, index, env.expert(env.taskset.task(index)))
        assert (total, info["passed"]) == (1.0, True)


def test_no_two_creatures_are_alike_and_every_value_is_told() -> None:
    tasks = TwentyQuestionsTaskSet(objects=48, attributes=5)
    for index in range(40):
        task = tasks.task(index)
        rows = list(map(tuple, task.reference["objects"].values()))
        assert len(set(rows)) == len(rows) == 48
        for name, row in task.reference["objects"].items():
            assert " | ".join([name, *map(str, row)]) in task.prompt.split("\n")


def test_halving_singles_out_each_row() -> None:
    """Sixteen rows of four and four values, found by counting which rows answer alike: four questions each."""
    values = [["red", "blue", "green", "white"], [0, 1, 2, 3]]
    rows = [(colour, legs) for colour in range(4) for legs in range(4)]
    for meant in range(16):
        assert len(halving(["colour", "legs"], values, rows, meant)) == 4


def test_naming_one_after_the_other_is_no_way_to_win() -> None:
    """The first name ends the game: one in 24, whatever the order. Names in a question with `or` are refused."""
    env = TwentyQuestionsEnv()
    won = 0
    for index in range(500):
        names = list(env.taskset.task(index).reference["objects"])
        total, info = rewards(env, index, [f"<answer>is it {name}?</answer>" for name in names])
        assert info["turn"] == 1
        won += total == 1.0
    assert won / 500 < 0.07  # 1/24 and three standard deviations
    env.reset(options={"task_index": 0})
    first, second, *_ = env.task.reference["objects"]
    assert "a name is a guess" in env.step(f"<answer>is it {first} or {second}?</answer>")[0]
    assert "neither a question nor a name" in env.step(f"<answer>{first}, {second}</answer>")[0]
    assert "one question a turn" in env.step(f"<answer>legs > 4</answer><answer>{first}</answer>")[0]
    assert "neither a question nor a name" in env.step(f"<answer>legs > 4; {first}</answer>")[0]


def test_fixed_questions_and_a_fixed_place_are_worth_nothing() -> None:
    env = TwentyQuestionsEnv(reward="dense")
    paid = []
    for index in range(300):
        names = list(env.taskset.task(index).reference["objects"])
        paid.append(rewards(env, index, ["<answer>legs > 4</answer>", f"<answer>{names[0]}</answer>"])[0])
    assert sum(paid) / 300 < 0.09  # 1/24 passes, and half of the others agree: 1/12 - 1/24 each


def test_what_is_no_question_costs_a_turn_and_the_last_turn_ends_with_a_verdict() -> None:
    env = TwentyQuestionsEnv(max_turns=3)
    env.reset(options={"task_index": 0})
    assert env.step("")[0].startswith("That is no question: no final answer marked by")
    assert env.step("<answer>\x00\ud800</answer>")[0].endswith("or name your guess. 1 turn left.")
    observation, reward, terminated, truncated, info = env.step("<answer>legs > 4</answer>")
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert (info["verdict"]["reason"]["code"], info["passed"]) == ("no_guess", False)


def test_the_anchor_is_what_it_can_still_be() -> None:
    env = TwentyQuestionsEnv(objects=8, attributes=3, style="compact")
    anchors = []
    for questions in (["b > 4", "b > 4"], ["b >= 5"], ["b < 5", "b < 99"]):
        _, info = env.reset(options={"task_index": 1})
        for question in questions:
            info = env.step(question)[4]
        anchors.append(info["anchor"])
    assert len(set(anchors)) == 1
    _, info = env.reset(options={"task_index": 1})
    assert env.step("b < 99")[4]["anchor"] == info["anchor"] != anchors[0]


def test_a_state_of_another_world_is_refused() -> None:
    env = TwentyQuestionsEnv()
    env.reset(options={"task_index": 0})
    for state in (None, ["wings > 4"], [1], "legs > 4"):
        with pytest.raises(SnapshotError):
            env.set_state(state)


def test_nothing_tells_who_is_meant() -> None:
    """Two tasks that differ in nothing but who is meant give the same texts, as long as the answers are the same."""
    env = TwentyQuestionsEnv(render_mode="ansi")
    env.reset(options={"task_index": 0})
    answer, objects = env.task.reference["answer"], env.task.reference["objects"]
    for _ in range(env.max_turns):
        info = env.step("<answer>legs > 99</answer>")[4]
    told = f"{info}{env.render()}".replace(env.task.prompt, "").replace(repr(env.task.prompt)[1:-1], "")
    assert answer in objects
    assert answer not in told


def test_renamed_tables_share_their_side_of_the_split() -> None:
    tasks = TwentyQuestionsTaskSet()
    problem = tasks.draw(TaskRandom(b"1"))
    renamed = problem._replace(names=problem.names[::-1], values=[column[::-1] for column in problem.values])
    moved = problem._replace(rows=problem.rows[::-1], meant=len(problem.rows) - 1 - problem.meant)
    assert len({tasks.split_key(each) for each in (problem, renamed, moved)}) == 1
    assert tasks.split_key(problem) != tasks.split_key(problem._replace(meant=(problem.meant + 1) % 24))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"objects": 3}, "objects must be an integer from 4 to 64, got 3"),
        ({"attributes": 9}, "attributes must be an integer from 2 to 8, got 9"),
        ({"objects": 21, "attributes": 2}, "2 attributes tell 40 creatures apart: objects may be 20, not 21"),
        ({"spare": 0}, "spare must be an integer from 1 to 20, got 0"),
    ],
)
def test_refused_knobs(knobs: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TwentyQuestionsTaskSet(**knobs)  # type: ignore[arg-type]
