"""Every registered environment: experts solve many tasks, silence none. The rest is in tests/envs/check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import TextEnv
from rlvr_gym.envs.samples import sample_settings

from rlvr_gym import env_ids


def played(env: TextEnv, index: int, answers: list[str]) -> dict[str, Any]:
    """The info of the last step of an episode in which these are said, the last one again and again."""
    env.reset(options={"task_index": index})
    for turn in range(env.max_turns):
        info: dict[str, Any] = env.step(answers[min(turn, len(answers) - 1)])[4]
        if "stop_reason" in info:
            break
    return info


@pytest.mark.parametrize("env_id", env_ids())
def test_experts_solve_and_silence_does_not(env_id: str) -> None:
    env: Any = gym.make(f"rlvr_gym:{env_id}", **sample_settings(env_id)).unwrapped
    for index in range(min(50, len(env.taskset))):
        assert played(env, index, env.expert(env.taskset[index]))["passed"] is True
        assert played(env, index, [""])["passed"] is False


def test_nothing_private_reaches_observation_info_or_render(tmp_path: Path) -> None:
    """Shown with a reference that cannot occur by chance."""
    secret = "918273645546372819"
    file = tmp_path / "secret.jsonl"
    file.write_text(json.dumps({"question": "Which number?", "answer": f"#### {secret}"}))
    env = gym.make("rlvr_gym:rlvr/GSM8K-v0", path=str(file), render_mode="ansi")
    for response in ("#### 1", "", "#### 1 or 2", "\\boxed{", "<think>"):
        seen = [repr(env.reset(seed=0)), repr(env.step(response)), str(env.render())]
        assert secret not in "".join(seen)


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


def test_gymnasium_s_own_vector_environment_makes_a_group_from_equal_seeds() -> None:
    import rlvr_gym  # noqa: F401

    vector = gym.make_vec("rlvr/Arithmetic-v0", num_envs=4, vectorization_mode="sync", style="compact")
    observations, infos = vector.reset(seed=[7, 7, 7, 8])
    assert observations[0] == observations[1] == observations[2] != observations[3]
    assert len(set(infos["task_id"][:3])) == 1
    _, rewards, terminated, _, _ = vector.step(["x"] * 4)
    assert terminated.all()
    assert (rewards == 0).all()
