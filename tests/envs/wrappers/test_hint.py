"""`Hint`: how much of a solution is shown, and that a hinted success is counted by nothing."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import ListTaskSet, Task, TextEnv
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.wrappers import Hint, UnaryFeedback
from rlvr_gym.envs.wrappers.hint import hint_of
from rlvr_gym.verifiers import ConfigError, make_verifier

SOLUTION = "Half of 28 is 14. So we add 14.\n#### 42"  # 39 characters, of which the last 7 are the answer


def single(solution: str | None = SOLUTION, reference: Any = 42, verifier: str = "number@1", **config: Any) -> TextEnv:
    private = {"reference": reference} | ({} if solution is None else {"solution": solution})
    return TextEnv(ListTaskSet([Task.create("28 and half of it?", private)]), make_verifier(verifier, **config))


def shown(env: TextEnv, fraction: float) -> str:
    return hint_of(env, env.taskset[0], fraction)


@pytest.mark.parametrize(
    ("fraction", "hint"),
    [
        (0.0, ""),
        (0.25, "Half of 2"),
        (0.5, "Half of 28 is 14. S"),
        (0.75, "Half of 28 is 14. So we add 1"),
        (0.99, SOLUTION[:32]),
    ],
)
def test_a_fraction_of_the_characters_and_never_the_answer(fraction: float, hint: str) -> None:
    """Of 39 characters 9, 19 and 29; of 38 the first 32, where the answer begins."""
    assert shown(single(), fraction) == hint


def test_the_hint_stands_after_the_prompt() -> None:
    observation, info = Hint(single(), fraction=0.5, introduction="It begins:").reset(seed=0)
    assert observation == "28 and half of it?\n\nIt begins:\nHalf of 28 is 14. S"
    assert info["messages"] == [{"role": "user", "content": observation}]
    assert info["hint"] == 19 / 39


def test_a_hinted_success_is_no_success_under_any_name_that_is_counted() -> None:
    env = Hint(single(), fraction=0.5)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step("#### 42")
    assert (reward, terminated, info["stop_reason"]) == (1.0, True, "answered"), "the learner has its reward"
    assert info["passed"] is False
    assert "verdict" not in info
    assert (info["passed_with_hint"], info["verdict_with_hint"]["passed"]) == (True, True)


def test_without_a_hint_everything_is_as_it_was() -> None:
    for env in (Hint(single(), fraction=0.0), Hint(single())):
        env.reset(seed=0, options={"hint": 0.0})
        info = env.step("#### 42")[4]
        assert (info["passed"], info["verdict"]["passed"], info["hint"]) == (True, True, 0.0)
        assert "passed_with_hint" not in info


def test_the_fraction_can_be_chosen_for_an_episode() -> None:
    env = Hint(single(), fraction=0.25)
    tails = [env.reset(seed=0, options={"hint": fraction})[0].splitlines()[-1] for fraction in (0.25, 0.5, 0.75)]
    assert [len(tail) for tail in tails] == [9, 19, 29]
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(tails))
    assert env.reset(seed=0)[0].splitlines()[-1] == tails[0], "the next episode has the setting again"
    env.reset(options={"hint": 0.5, "task_index": 0})


def test_hinted_and_unhinted_episodes_of_a_task_are_the_same_task_and_other_states() -> None:
    env = Hint(single())
    infos = [env.reset(seed=0, options={"hint": fraction})[1] for fraction in (0.0, 0.25, 0.5)]
    assert len({info["task_id"] for info in infos}) == 1
    assert len({info["anchor"] for info in infos}) == 3
    assert infos[0]["anchor"] == env.env.reset(seed=0)[1]["anchor"]


@pytest.mark.parametrize("solution", [None, "#### 42", "", " \n"])
def test_where_nothing_can_be_shown_the_episode_is_one_without_a_hint(solution: str | None) -> None:
    env = Hint(single(solution), fraction=0.9)
    observation, info = env.reset(seed=0)
    assert (observation, info["hint"]) == ("28 and half of it?", 0.0)
    assert env.step("#### 42")[4]["passed"] is True


def test_the_digits_of_a_bare_answer_are_no_hint() -> None:
    """In style=compact the solution is `1630`: three quarters of it would be `163`."""
    env = Hint(gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", digits=3), fraction=0.75)
    assert env.reset(options={"task_index": 0})[0] == "816+814="


def test_a_hint_that_passes_by_itself_is_shortened() -> None:
    """A solution that declares its answer early, in a way of its verifier that is no marker."""
    lenient = single("It is 42, as one sees at once when looking", verifier="number@1", mode="lenient")
    for fraction in (0.3, 0.5, 0.9):
        hint = shown(lenient, fraction)
        assert "42" not in hint
        assert "It is 42, as one sees at once when looking".startswith(hint)


def test_a_program_that_lacks_nothing_but_its_end_is_shortened() -> None:
    env = gym.make("rlvr_gym:rlvr/HumanEval-v0", **sample_settings("rlvr/HumanEval-v0")).unwrapped
    assert isinstance(env, TextEnv)
    task = env.taskset[0]
    hint = hint_of(env, task, 0.99)
    assert hint
    assert str(task.solution).startswith(hint)
    for end in ("", "\n```"):
        assert not env.verifier.verify(hint + end, task.reference).passed


def test_nested_markers_and_earlier_declarations() -> None:
    boxed = single("We get $x = \\boxed{\\frac{1}{2}}$ at last.", "1/2", "math@1")
    assert shown(boxed, 0.9) == "We get $x = "
    twice = single("First \\boxed{42}.\nWell, yes, it is so indeed, and therefore \\boxed{42}", 42, "math@1")
    assert "boxed{42}" not in shown(twice, 0.9)


TEXT = st.text(alphabet="ab 4217.#\n\\{}<>", max_size=30)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(TEXT, TEXT, st.floats(0, 0.999))
def test_no_hint_passes_by_itself_or_is_the_solution(before: str, after: str, fraction: float) -> None:
    solution = f"{before}\n#### 42\n{after}"
    for mode in ("strict", "lenient"):
        env = single(solution, mode=mode)
        hint = shown(env, fraction)
        assert solution.startswith(hint)
        assert len(hint) <= fraction * len(solution)
        assert not env.verifier.verify(hint, 42).passed


def test_feedback_around_a_hint_ends_with_a_hinted_success() -> None:
    env = UnaryFeedback(Hint(single(), fraction=0.5), turns=3)
    env.reset(seed=0)
    assert env.step("#### 41")[2] is False
    _, reward, terminated, _, info = env.step("#### 42")
    assert (reward, terminated, info["passed"], info["passed_with_hint"], info["attempt"]) == (
        1.0,
        True,
        False,
        True,
        2,
    )


def test_pass_rates_of_hinted_episodes_are_zero(tmp_path: Path) -> None:
    """Through the code that plays episodes for learners and benchmarks."""
    from rlvr_gym.agents import Play, ScriptedPolicy, collect

    file = tmp_path / "rows.jsonl"
    rows = [{"question": f"{i}?", "answer": f"One thinks about it.\n#### {i}"} for i in range(5)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    inside = gym.make("rlvr_gym:rlvr/GSM8K-v0", path=str(file))
    for options, passed in (({"hint": 0.5}, False), ({"hint": 0.0}, True)):
        env = Hint(inside)
        tasks = [env.env.unwrapped.taskset[i] for i in range(5)]  # type: ignore[attr-defined]
        introduced = [
            Task(task.id, env.reset(options={**options, "task_index": i})[0], task.private)
            for i, task in enumerate(tasks)
        ]
        policy = ScriptedPolicy(introduced, 1.0)
        episodes = collect([env], policy, [Play(options={**options, "task_index": i}) for i in range(5)])
        assert [episode.reward for episode in episodes] == [1.0] * 5
        assert [episode.passed for episode in episodes] == [passed] * 5
        assert [episode.verdict.get("passed", False) for episode in episodes] == [passed] * 5


@pytest.mark.parametrize("fraction", [1.0, 1.5, -0.1, "half", True, None])
def test_a_whole_solution_is_refused(fraction: Any) -> None:
    with pytest.raises(ConfigError, match="hint"):
        Hint(single(), fraction=fraction)
    with pytest.raises(ConfigError, match="hint"):
        Hint(single()).reset(options={"hint": fraction})


def test_an_environment_without_solutions_is_said_so() -> None:
    with pytest.raises(ConfigError, match="TextEnv inside"):
        Hint(gym.make("CartPole-v1")).reset(seed=0)
