"""The contract of every registered environment: a new id is tested without a new line here, if it needs no data.

An id that needs data has its rows in `ROWS`.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from rlvr_gym.envs import EpisodeOverError, TextEnv
from rlvr_gym.verifiers import Verdict

from rlvr_gym import env_ids

GSM8K_ROWS = [
    {"question": "Tom has 3 apples and buys 4. How many?", "answer": "3 + 4 = 7\n#### 7"},
    {"question": "A book costs $12. What do 3 cost?", "answer": "3 * 12 = 36\n#### 36"},
    {"question": "Half of 9?", "answer": "9 / 2 = 4.5\n#### 4.5"},
]
MATH_ROWS = [
    {"problem": "Compute $1/2+1/3$.", "expected_answer": "\\frac{5}{6}", "solution": "It is $\\boxed{\\frac{5}{6}}$."},
    {"problem": "Name the point.", "expected_answer": "(3,4)", "solution": "It is $\\boxed{(3,4)}$."},
    {"problem": "Which is it?", "expected_answer": "\\text{even}", "solution": "It is $\\boxed{\\text{even}}$."},
]


# name, what it gives, and that for 3 and -4
FUNCTIONS = [("double", "2 * x", 6, -8), ("square", "x * x", 9, 16), ("half", "x // 2", 1, -2)]
HUMANEVAL_ROWS = [
    {
        "prompt": f"def {name}(x):\n",
        "entry_point": name,
        "canonical_solution": f"    return {value}\n",
        "test": f"def check(candidate):\n    assert candidate(3) == {one}\n    assert candidate(-4) == {two}\n",
    }
    for name, value, one, two in FUNCTIONS
]
MBPP_ROWS = [
    {
        "prompt": f"Write a function that gives the {name}.",
        "code": f"def f(x):\n    return {value}",
        "test_list": [f"assert f(3) == {one}", f"assert f(-4) == {two}"],
    }
    for name, value, one, two in FUNCTIONS
]
CONTEST_ROWS = [
    {
        "question": f"Print the {name} of the number.",
        "input_output": json.dumps({"inputs": ["3\n", "-4\n"], "outputs": [f"{one}\n", f"{two}\n"]}),
        "solutions": json.dumps([f"x = int(input())\nprint({value})"]),
    }
    for name, value, one, two in FUNCTIONS
]
PLAIN_ROWS = [{**row, "answer": row["answer"].split("#### ")[1]} for row in GSM8K_ROWS]
ROWS = {
    "rlvr/CodeContests-v0": CONTEST_ROWS,
    "rlvr/Dataset-v0": PLAIN_ROWS,
    "rlvr/GSM8K-v0": GSM8K_ROWS,
    "rlvr/HumanEval-v0": HUMANEVAL_ROWS,
    "rlvr/MATH-v0": MATH_ROWS,
    "rlvr/MBPP-v0": MBPP_ROWS,
}
# What follows plays one turn; the others have tests of their own.
ONE_TURN = {
    "rlvr/CodeRepair-v0": {"max_turns": 1},
    "rlvr/Corridor-v0": {"max_turns": 1},
    "rlvr/Mastermind-v0": {"max_turns": 1},
    "rlvr/Maze-v0": {"max_turns": 1},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Keywords that these tests need: a data file, one turn."""
    folder = tmp_path_factory.mktemp("rows")
    kwargs: dict[str, dict[str, Any]] = dict(ONE_TURN)
    for env_id, rows in ROWS.items():
        file = folder / f"{env_id.split('/')[1]}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        kwargs[env_id] = {"path": str(file)}
    return kwargs


@pytest.fixture(params=env_ids())
def env(request: pytest.FixtureRequest, files: dict[str, dict[str, Any]]) -> gym.Env[str, str]:
    return gym.make(f"rlvr_gym:{request.param}", **files.get(request.param, {}))


def base(env: gym.Env[str, str]) -> TextEnv:
    assert isinstance(env.unwrapped, TextEnv)
    return env.unwrapped


def passing(env: gym.Env[str, str]) -> str:
    solution = base(env).task.solution
    return solution if solution is not None else f"#### {base(env).task.reference}"


def test_gymnasium_check_env_is_green(env: gym.Env[str, str]) -> None:
    check_env(env.unwrapped, skip_render_check=True)


def test_reference_solution_passes_and_empty_response_does_not(env: gym.Env[str, str]) -> None:
    for index in range(min(50, len(base(env).taskset))):
        env.reset(options={"task_index": index})
        _, reward, terminated, truncated, info = env.step(passing(env))
        assert (reward, terminated, truncated, info["passed"]) == (1.0, True, False, True), info
        env.reset(options={"task_index": index})
        _, reward, terminated, truncated, info = env.step("")
        assert (reward, terminated, truncated, info["passed"]) == (0.0, True, False, False), info


def test_same_seed_gives_same_task_and_other_seeds_give_others(env: gym.Env[str, str]) -> None:
    first = [env.reset(seed=seed)[1]["task_id"] for seed in range(20)]
    assert first == [env.reset(seed=seed)[1]["task_id"] for seed in range(20)]
    assert len(set(first)) > 1


def test_reset_without_a_seed_continues_the_stream(env: gym.Env[str, str]) -> None:
    streams = []
    for _ in range(2):
        env.reset(seed=11)
        streams.append([env.reset()[0] for _ in range(10)])
    assert streams[0] == streams[1]
    assert len(set(streams[0])) > 1


def test_two_interleaved_environments_equal_two_alone(env: gym.Env[str, str]) -> None:
    other = gym.make(env.spec)
    env.reset(seed=1)
    alone = [env.reset()[0] for _ in range(5)]
    env.reset(seed=1)
    other.reset(seed=2)
    mixed = []
    for _ in range(5):
        mixed.append(env.reset()[0])
        other.reset()
    assert mixed == alone


def test_info_is_json_and_follows_the_contract(env: gym.Env[str, str]) -> None:
    observation, info = env.reset(seed=3)
    assert set(info) == {"task_id", "turn", "messages", "anchor", "tools", "difficulty"}
    assert info["messages"] == [{"role": "user", "content": observation}]
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    answer = passing(env)
    _, reward, _, _, end = env.step(answer)
    assert set(end) == {
        "task_id", "turn", "messages", "anchor", "reward_terms", "verdict", "passed", "stop_reason",
    }  # fmt: skip
    assert json.loads(json.dumps(end, allow_nan=False)) == end
    assert sum(end["reward_terms"].values()) == reward
    assert end["messages"] == [{"role": "assistant", "content": answer}]
    assert (end["task_id"], end["turn"], end["stop_reason"]) == (info["task_id"], 1, "answered")
    assert Verdict.from_dict(end["verdict"]).passed is end["passed"]


def test_nothing_private_reaches_observation_info_or_render(files: dict[str, dict[str, Any]]) -> None:
    """Shown with a reference that cannot occur by chance."""
    secret = "918273645546372819"
    rows = [{"question": "Which number?", "answer": f"#### {secret}"}]
    file = Path(files["rlvr/GSM8K-v0"]["path"]).with_name("secret.jsonl")
    file.write_text(json.dumps(rows[0]))
    env = gym.make("rlvr_gym:rlvr/GSM8K-v0", path=str(file), render_mode="ansi")
    for response in ("#### 1", "", "#### 1 or 2", "\\boxed{", "<think>"):
        seen = [repr(env.reset(seed=0)), repr(env.step(response)), str(env.render())]
        assert secret not in "".join(seen)


def test_step_before_reset_and_after_the_end_is_refused(env: gym.Env[str, str]) -> None:
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.unwrapped.step("x")
    env.reset(seed=0)
    env.step("x")
    with pytest.raises(EpisodeOverError, match="call reset"):
        env.step("x")


@pytest.mark.parametrize("action", [None, 7, b"x", ["x"]])
def test_an_action_that_is_no_text_is_a_type_error(env: gym.Env[str, str], action: Any) -> None:
    env.reset(seed=0)
    with pytest.raises(TypeError, match="an action is a str"):
        env.unwrapped.step(action)


@pytest.mark.parametrize(
    "response", ["\x00", "\ud800", "9" * 200_000, "{" * 50_000, "\\boxed{" * 5_000, "####\n" * 9999]
)
def test_hostile_responses_are_judged_and_wrong(env: gym.Env[str, str], response: str) -> None:
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(response)
    assert terminated
    assert reward == 0.0
    assert info["passed"] is False


def test_spec_round_trips_through_json(env: gym.Env[str, str]) -> None:
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.reset(seed=5)[0] == env.reset(seed=5)[0]


def test_environment_pickles_with_its_stream(env: gym.Env[str, str]) -> None:
    env.reset(seed=9)
    copy = pickle.loads(pickle.dumps(env))
    assert [copy.reset()[0] for _ in range(3)] == [env.reset()[0] for _ in range(3)]


def test_render_gives_the_transcript(files: dict[str, dict[str, Any]]) -> None:
    for env_id in env_ids():
        env = gym.make(f"rlvr_gym:{env_id}", render_mode="ansi", **files.get(env_id, {}))
        observation, _ = env.reset(seed=0)
        env.step("my answer")
        assert env.render() == f"[user] {observation}\n[assistant] my answer"


def test_tasks_do_not_depend_on_the_process_or_its_hash_seed() -> None:
    code = (
        "import gymnasium as gym\n"
        "for env_id in ('Arithmetic-v0', 'Countdown-v0', 'ListFunctions-v0', 'OutputPrediction-v0', 'CodeRepair-v0'):\n"
        "    env = gym.make('rlvr_gym:rlvr/' + env_id)\n"
        "    print([env.reset(seed=s)[0] for s in range(5)], [t.id for t in env.unwrapped.taskset.distinct(5)])\n"
    )
    outputs = set()
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_vector_environment_makes_a_group_from_equal_seeds() -> None:
    import rlvr_gym  # noqa: F401

    vector = gym.make_vec("rlvr/Arithmetic-v0", num_envs=4, vectorization_mode="sync", style="compact")
    observations, infos = vector.reset(seed=[7, 7, 7, 8])
    assert observations[0] == observations[1] == observations[2] != observations[3]
    assert len(set(infos["task_id"][:3])) == 1
    _, rewards, terminated, _, _ = vector.step(["x"] * 4)
    assert terminated.all()
    assert (rewards == 0).all()
