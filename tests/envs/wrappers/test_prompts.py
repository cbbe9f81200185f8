"""`SystemPrompt` and `FewShot`: what stands before the prompt, where, and whose solutions it tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import ListTaskSet, Task, TextEnv
from rlvr_gym.envs.wrappers import FewShot, SystemPrompt, UnaryFeedback
from rlvr_gym.envs.wrappers.few_shot import drawn
from rlvr_gym.verifiers import ConfigError, make_verifier

COMPACT = {"style": "compact", "digits": 1}


def arithmetic(**settings: Any) -> gym.Env[str, str]:
    return gym.make("rlvr_gym:rlvr/Arithmetic-v0", **{**COMPACT, **settings})


def test_a_system_message_is_the_first_and_leaves_the_observation() -> None:
    observation, info = SystemPrompt(arithmetic(digits=2), "Add.").reset(seed=0)
    assert observation == "14+40="
    assert info["messages"] == [{"role": "system", "content": "Add."}, {"role": "user", "content": "14+40="}]


def test_as_text_it_stands_in_front_of_the_prompt() -> None:
    observation, info = SystemPrompt(arithmetic(digits=2), "Add.", form="text").reset(seed=0)
    assert observation == "Add.\n\n14+40="
    assert info["messages"] == [{"role": "user", "content": observation}]


def test_two_system_prompts_become_one_message() -> None:
    env = SystemPrompt(SystemPrompt(arithmetic(digits=2), "Add."), "Be brief.")
    assert env.reset(seed=0)[1]["messages"][0] == {"role": "system", "content": "Be brief.\n\nAdd."}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: SystemPrompt(FewShot(UnaryFeedback(env), shots=1), "Add."),
        lambda env: FewShot(SystemPrompt(UnaryFeedback(env), "Add."), shots=1),
        lambda env: UnaryFeedback(FewShot(SystemPrompt(env, "Add."), shots=1)),
    ],
)
def test_the_order_of_system_prompt_examples_and_feedback_does_not_matter(wrap: Any) -> None:
    env = wrap(arithmetic(digits=2))
    observation, info = env.reset(seed=0)
    roles = [message["role"] for message in info["messages"]]
    assert (observation, roles) == ("14+40=", ["system", "user", "assistant", "user"])
    observation, _, _, _, info = env.step("55")
    assert (observation, len(info["messages"])) == ("Your answer is incorrect. Try again.", 2)
    assert env.step("54")[4]["passed"]


# --- Examples -------------------------------------------------------------------------------------------------------


def examples(info: dict[str, Any]) -> list[tuple[str, str]]:
    said = [message["content"] for message in info["messages"][:-1]]
    return list(zip(said[::2], said[1::2], strict=True))


def test_examples_are_other_tasks_with_their_solutions_the_same_whenever_the_task_comes() -> None:
    env = FewShot(arithmetic(), shots=4)
    for index in range(100):
        observation, info = env.reset(options={"task_index": index})
        shown = examples(info)
        assert len({prompt for prompt, _ in shown}) == 4
        assert observation not in dict(shown)
        for prompt, answer in shown:
            one, other = prompt.rstrip("=").split("+")
            assert int(one) + int(other) == int(answer)
        assert env.reset(options={"task_index": index})[1] == info
    other = FewShot(arithmetic(), shots=4, seed=1)
    assert other.reset(options={"task_index": 0})[1] != env.reset(options={"task_index": 0})[1]


def test_examples_of_the_training_split_are_not_of_the_test_split() -> None:
    pool = {"id": "rlvr/Arithmetic-v0", "settings": {**COMPACT, "split": "train"}}
    env = FewShot(arithmetic(split="test"), shots=5, tasks_of=pool)
    tested = {task.prompt for task in env.unwrapped.taskset.distinct(1000)}  # type: ignore[attr-defined]
    shown = {prompt for seed in range(50) for prompt, _ in examples(env.reset(seed=seed)[1])}
    assert len(shown) > 20
    assert not tested & shown


def test_examples_from_given_places() -> None:
    env = FewShot(arithmetic(size=50), shots=2, indices=[3, 7, 9])
    tasks = env.unwrapped.taskset  # type: ignore[attr-defined]
    for index in range(50):
        _, info = env.reset(options={"task_index": index})
        assert {prompt for prompt, _ in examples(info)} <= {tasks[i].prompt for i in (3, 7, 9)} - {tasks[index].prompt}


def test_messages_of_your_own_and_as_text() -> None:
    own = [
        {"role": "system", "content": "Add."},
        {"role": "user", "content": "1+1="},
        {"role": "assistant", "content": "2"},
    ]
    observation, info = FewShot(arithmetic(digits=2), messages=own, form="text").reset(seed=0)
    assert observation == "Add.\n\n1+1=\n2\n\n14+40="
    assert info["messages"] == [{"role": "user", "content": observation}]
    _, info = SystemPrompt(FewShot(arithmetic(digits=2), messages=own), "Be brief.").reset(seed=0)
    assert [message["content"] for message in info["messages"]] == ["Be brief.\n\nAdd.", "1+1=", "2", "14+40="]


def test_the_current_task_is_no_example_under_another_name_either(tmp_path: Path) -> None:
    """The same rows in a file of their own: other ids, the same prompts."""
    rows = [{"question": f"{i} + {i}?", "answer": f"#### {2 * i}"} for i in range(4)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pool = {"id": "rlvr/GSM8K-v0", "settings": {"path": str(file)}}
    tasks = [Task.create(row["question"], {"reference": 7}) for row in rows]
    prompts = {task.prompt for task in gym.make("rlvr_gym:rlvr/GSM8K-v0", path=str(file)).unwrapped.taskset}  # type: ignore[attr-defined]
    tasks = [Task.create(prompt, {"reference": 7}) for prompt in sorted(prompts)]
    env = FewShot(TextEnv(ListTaskSet(tasks), make_verifier("number@1")), shots=3, tasks_of=pool)
    for index in range(4):
        observation, info = env.reset(options={"task_index": index})
        assert {prompt for prompt, _ in examples(info)} == prompts - {observation}


def test_a_task_of_the_same_prompt_and_reference_is_the_current_one() -> None:
    """Its private part may differ and so its id; what it would tell is the same."""
    tasks = ListTaskSet([Task.create("Q", {"reference": 1, "solution": s}) for s in ("#### 1", "so #### 1")])
    with pytest.raises(ConfigError, match="found 0 of 1 examples"):
        drawn(TextEnv(tasks, make_verifier("number@1")), None, tasks[0], 1, 0)


def test_tasks_with_hidden_codes_share_a_prompt_and_are_others_all_the_same() -> None:
    env = FewShot(gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact"), shots=3)
    _, info = env.reset(options={"task_index": 0})
    gold = env.unwrapped.task.solution  # type: ignore[attr-defined]
    assert len(examples(info)) == 3
    assert gold not in dict(examples(info)).values()


def test_too_few_tasks_with_a_solution_are_said_so() -> None:
    tasks = [Task.create(str(i), {"reference": i, **({"solution": f"#### {i}"} if i < 2 else {})}) for i in range(5)]
    env = FewShot(TextEnv(ListTaskSet(tasks), make_verifier("number@1")), shots=2)
    env.reset(options={"task_index": 4})
    with pytest.raises(ConfigError, match="found 1 of 2 examples"):
        env.reset(options={"task_index": 0})


@pytest.mark.parametrize(
    "setting",
    [
        {"shots": -1},
        {"indices": [-1]},
        {"tasks_of": "rlvr/Arithmetic-v0"},
        {"tasks_of": {"id": "rlvr/Arithmetik-v0"}},
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "tool", "content": "Hi"}]},
        {"messages": "Hi"},
        {"form": "json"},
        {"indices": [1], "messages": []},
    ],
)
def test_bad_settings_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        FewShot(arithmetic(), **setting)


def test_an_environment_without_tasks_needs_examples_from_elsewhere() -> None:
    env = FewShot(gym.make("CartPole-v1"))
    with pytest.raises(ConfigError, match="no task set"):
        env.reset(seed=0)
