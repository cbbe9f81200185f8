"""Defects that were found in other projects of this field: none of them is here.

Each has a test in this file; where another file holds a wider one, it is named. `tests/envs/check` shows that the
conformance kit, which every registered id passes, finds the defect in an environment that has it.

| defect | tests |
|---|---|
| one worker, not replaced after a timeout: later answers are all wrong | here; `check/test_kit.py` (`recovers`) |
| `terminated` and `truncated` at once | here; `check/test_kit.py` (`flags`) |
| only known data sets can be graded, with the 12 longest tests | here |
| a list of forbidden words instead of a sandbox | here; `verifiers/sandbox`, `verifiers/code/test_hacks.py` |
| a wrapper copies attributes when it is made | here; `check/test_kit.py` (`fresh_attributes`) |
| `SAME_STEP` loses the final info | here; `test_vector.py` |
| history survives `reset` | here; `check/test_kit.py` (`clean_reset`) |
| global seeding | here; `check/test_kit.py` (`no_interference`, `global_random`) |
| partial credit for a substring | here; `test_attacks.py`, `audit` |
| a seed from `hash()` | here; `check/test_kit.py` (`process`), `test_registry.py` |
| Python's own expressions are an answer | here; `verifiers/test_countdown.py` |
| exceptions become a reward of zero | here; `check/test_kit.py` (`verifier_raises`), `benchmarks/test_runner.py` |
| pass@k of rewards above zero; tasks skipped in silence | here; `benchmarks/test_runner.py`, `test_estimators.py` |
| pass@k as the best of the first k | here; `benchmarks/test_estimators.py` |
| the seed does not arrive | here; `check/test_kit.py` (`seeds_matter`) |
| the model's code runs on the host | here; `verifiers/sandbox` |
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from rlvr_gym.agents import Completion, Play, Policy, Request, collect
from rlvr_gym.benchmarks import BenchConfig, RunFolder, bench, summarise_run
from rlvr_gym.envs import Task, TextEnv, wrappers
from rlvr_gym.envs.check.faults import FaultyVerifier
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.verifiers import Status, Verdict, Verifier
from rlvr_gym.verifiers.verdict import ungradable

from rlvr_gym import env_ids

Env = gym.Env[Any, Any]
PROGRAMS = ("BouncingSim", "CodeContests", "CodeRepair", "HumanEval", "ListFunctions", "MBPP")


def made(name: str, **settings: Any) -> Env:
    env_id = f"rlvr/{name}-v0"
    return gym.make(f"rlvr_gym:{env_id}", **{**sample_settings(env_id), **settings})


def begun(env: Env, **how: Any) -> TextEnv:
    """The base environment at the first task."""
    env.reset(**(how or {"options": {"task_index": 0}}))
    assert isinstance(env.unwrapped, TextEnv)
    return env.unwrapped


# --- GEM: a pool of one worker that is not replaced after a timeout -------------------------------------------------


@pytest.mark.parametrize("name", ["ListFunctions", "CodeContests"])
def test_a_right_program_passes_after_one_that_hung(name: str) -> None:
    config = {"limits": {"cpu_s": 0.2, "wall_s": 5}}
    env = made(name, verifier_config=config)
    endless = "```python\ndef f(x):\n    while True:\n        pass\nwhile True:\n    pass\n```"
    for _ in range(2):
        task = begun(env).task
        info = env.step(endless)[4]
        assert (info["passed"], info["verdict"]["status"]) == (False, "timeout")
        begun(env)
        assert env.step(task.solution)[4]["passed"] is True


def test_a_right_formula_passes_after_one_that_is_too_much_work() -> None:
    env = made("MATH")
    for _ in range(2):
        task = begun(env).task
        tower = r"\boxed{9^{9^{9^{9}}}\sin(10^{99999})!}"
        assert env.step(tower)[4]["passed"] is False
        begun(env)
        assert env.step(task.solution)[4]["passed"] is True


# --- GEM: terminated and truncated ----------------------------------------------------------------------------------


def cannot_judge(verifier: Verifier) -> Verdict:
    return ungradable(Status.SANDBOX_ERROR, "down", "the sandbox is down", verifier.id)


@pytest.mark.parametrize("env_id", env_ids())
def test_an_episode_is_terminated_or_truncated_and_never_both(env_id: str) -> None:
    env = gym.make(f"rlvr_gym:{env_id}", **sample_settings(env_id))
    ends = []
    for ending in ("right", "wrong", "ungradable"):
        env.reset(seed=0)
        base = env.unwrapped
        if not isinstance(base, TextEnv):
            pytest.skip("plays in other environments, which are tested themselves")
        judge = base.verifier
        if ending == "ungradable":
            base.verifier = FaultyVerifier(judge, cannot_judge)  # type: ignore[assignment]
        over = (False, False)
        answers = iter(base.expert(base.task) if ending == "right" else ())
        while not any(over):
            over = env.step(next(answers, "I do not know."))[2:4]
        base.verifier = judge
        ends.append(over)
    assert ends == [(True, False), (True, False), (False, True)]


# --- GEM: data sets of one's own, and all of their tests ------------------------------------------------------------


def test_a_data_set_of_ones_own_is_graded_by_all_of_its_tests(tmp_path: Path) -> None:
    """40 tests with inputs of 1 to 40 digits; a program that is wrong for the shortest alone does not pass."""
    inputs = ["7" * length for length in range(1, 41)]
    outputs = [str(int(text) + 1) for text in inputs]
    row = {"question": "Add one.", "input_output": json.dumps({"inputs": inputs, "outputs": outputs})}
    file = tmp_path / "nobody knows this one.jsonl"
    file.write_text(json.dumps(row))
    env = gym.make("rlvr_gym:rlvr/CodeContests-v0", path=str(file))
    begun(env)
    info = env.step("```python\nn = int(input())\nprint(n + (n != 7))\n```")[4]
    assert [part["passed"] for part in info["verdict"]["parts"]] == [False, *[True] * 39]
    assert info["passed"] is False
    begun(env)
    assert env.step("```python\nprint(int(input()) + 1)\n```")[4]["passed"] is True


# --- GEM, SkyRL: programs on the host, and forbidden words ----------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_program_reaches_the_host_and_no_word_is_forbidden(name: str) -> None:
    """As every environment is made by default. The name `open` is put together, which a list of words does not see."""
    env = made(name)
    solution = str(begun(env).task.solution)
    innocent = "# import os; eval(exec(open('subprocess').read())); rm -rf /; __import__\n"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # whoever the program runs as could write there, if it could reach it
        mark = Path(folder, "was here")
        escape = (
            f"try:\n    getattr(__import__('builtins'), 'op' + 'en')({str(mark)!r}, 'w').write('x')\n"
            "except Exception:\n    pass\n"
        )
        program = solution.replace("```python\n", "```python\n" + innocent + escape, 1)
        assert escape in program
        assert env.step(program)[4]["passed"] is True
        assert not mark.exists()


# --- GEM: wrappers with copies of what changes ----------------------------------------------------------------------

WRAPPERS: dict[str, Callable[[Env], Env]] = {
    "ChatHistory": wrappers.ChatHistory,
    "Feedback": wrappers.Feedback,
    "FormatGate": wrappers.FormatGate,
    "HistoryText": wrappers.HistoryText,
    "SystemPrompt": lambda env: wrappers.SystemPrompt(env, "Be brief."),
    "TurnLimit": lambda env: wrappers.TurnLimit(env, 3),
    "UnaryFeedback": wrappers.UnaryFeedback,
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_shows_the_task_of_now(name: str) -> None:
    env = WRAPPERS[name](made("Arithmetic"))
    tasks = []
    for seed in range(5):
        env.reset(seed=seed)
        tasks.append(env.get_wrapper_attr("task"))
        assert tasks[-1] is begun(env, seed=seed).task
    assert len({task.id for task in tasks}) == 5


# --- TextArena: history survives reset ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_second_episode_begins_as_in_a_fresh_environment(name: str) -> None:
    used, fresh = (WRAPPERS[name](made("Mastermind")) for _ in range(2))
    for end in (3, 1):  # an episode that went on for a while, and one that was left at once
        used.reset(seed=1)
        for _ in range(end):
            if any(used.step("<answer>1234</answer>")[2:4]):
                break
    assert used.reset(seed=2) == fresh.reset(seed=2)
    assert used.step("<answer>1234</answer>") == fresh.step("<answer>1234</answer>")


# --- GEM: SAME_STEP loses the final info ----------------------------------------------------------------------------


def test_the_last_info_of_an_episode_is_there_after_an_automatic_reset() -> None:
    vector = gym.make_vec("rlvr_gym:rlvr/Arithmetic-v0", num_envs=2, autoreset_mode="SameStep", style="compact")
    (first, _), _ = vector.reset(seed=0)
    right = str(sum(map(int, first.rstrip("=").split("+"))))
    _, _, terminated, _, infos = vector.step([right, "x"])
    assert terminated.all()
    assert infos["final_info"]["passed"].tolist() == [True, False]
    assert infos["final_info"]["stop_reason"].tolist() == ["answered", "answered"]
    vector.close()


# --- TextArena, GEM: global seeding; OpenEnv: the seed is dropped; RAGEN: hash() ------------------------------------


@pytest.mark.parametrize("name", ["Arithmetic", "Mastermind", "OutputPrediction"])
def test_two_environments_in_turn_play_what_each_plays_alone(name: str) -> None:
    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    alone = [[made(name).reset(seed=seed) for seed in (start, start + 1)] for start in (3, 8)]
    one, other = made(name), made(name)
    mixed = [(one.reset(seed=3 + i), other.reset(seed=8 + i)) for i in range(2)]
    assert [list(pair) for pair in zip(*mixed, strict=True)] == alone
    assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_seed_goes_through_every_wrapper(name: str) -> None:
    env, bare = WRAPPERS[name](made("Arithmetic")), made("Arithmetic")
    ids = [env.reset(seed=seed)[1]["task_id"] for seed in range(10)]
    assert ids == [bare.reset(seed=seed)[1]["task_id"] for seed in range(10)]
    assert len(set(ids)) == 10


def test_tasks_and_anchors_are_the_same_under_another_hash_seed() -> None:
    code = (
        "import gymnasium as gym\n"
        "env = gym.make('rlvr_gym:rlvr/Mastermind-v0')\n"
        "print(env.reset(seed=5), env.step('<answer>1234</answer>'), env.step('<answer>4321</answer>'))\n"
    )
    words = [sys.executable, "-c", code]
    hash_seeds = ("1", "2")
    outputs = [
        subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in hash_seeds
    ]
    assert outputs[0].stdout == outputs[1].stdout != ""


# --- reasoning-gym: partial credit for a substring ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Arithmetic", "OutputPrediction", "GSM8K"])
def test_a_dump_of_all_answers_is_worth_no_more_than_a_wrong_guess(name: str) -> None:
    env = made(name, reward="dense")
    for index in range(5):
        rewards = []
        gold = int(begun(env, options={"task_index": index}).task.reference)
        numbers, guess = " ".join(map(str, range(gold - 50, gold + 50))), f"#### {gold + 1}"
        dumps = [numbers, f"#### {numbers}", f"{guess} or {gold}", f"#### {gold}{gold}", f"{guess}, {gold}"]
        for response in [guess, *dumps]:
            begun(env, options={"task_index": index})
            rewards.append(env.step(response)[1])
        assert max(rewards) == rewards[0] == 0.0


# --- RAGEN: whatever Python evaluates -------------------------------------------------------------------------------


@pytest.mark.parametrize("reward", ["outcome", "dense"])
def test_an_expression_of_python_is_no_expression(reward: str) -> None:
    env = made("Countdown", reward=reward)
    gold = begun(env).task.reference
    total = "+".join(map(str, gold["numbers"]))
    for text in (f"{gold['target']} or {total}", f"{total} and {gold['target']}", f"[{total}, {gold['target']}][1]"):
        begun(env)
        _, paid, _, _, info = env.step(f"<answer>{text}</answer>")
        assert (paid, info["passed"]) == (0.0, False)


# --- verifiers: exceptions become zeros -----------------------------------------------------------------------------


class Says(Policy):
    """Always the same."""

    def __init__(self, text: str) -> None:
        self.text = text

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.text) for _ in requests]


def fail(verifier: Verifier) -> Verdict:
    raise ZeroDivisionError("a mistake in the verifier")


@pytest.mark.parametrize(("fault", "reason"), [(fail, "error"), (cannot_judge, "ungradable")])
@pytest.mark.parametrize("name", ["Arithmetic", "Countdown", "Mastermind", "CodeRepair"])
def test_a_judge_that_fails_gives_an_episode_that_is_neither_right_nor_wrong(
    name: str, fault: Callable[[Verifier], Verdict], reason: str
) -> None:
    env = made(name)
    base = begun(env)
    policy = Says(str(base.task.solution))
    base.verifier = FaultyVerifier(base.verifier, fault)  # type: ignore[assignment]
    [episode] = collect([env], policy, [Play(options={"task_index": 0})])
    assert (episode.passed, episode.stop_reason) == (None, reason)


# --- tinker-cookbook, NeMo Gym: pass@k ------------------------------------------------------------------------------


class Nearly(Policy):
    """The first of every four answers to a task is right, another has the right numbers and not the value."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = {task.prompt: task for task in tasks}

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        found = []
        for request in requests:
            task = self.tasks[request.conversation[-1]["content"]]
            numbers, target = task.reference["numbers"], task.reference["target"]
            near = ("-" if sum(numbers) == target else "+").join(map(str, numbers))
            said = {0: task.solution or "", 1: f"<answer>{near}</answer>"}
            found.append(Completion(said.get(request.index % 4, "?")))
        return found


def test_shaping_moves_rewards_and_not_pass_at_k(tmp_path: Path) -> None:
    """1 of 4 passes, whatever a near miss is paid: pass@1 is 1/4 and pass@2 is 1 - C(3,2)/C(4,2) = 1/2."""
    curves, scores = [], []
    for reward in ("outcome", "dense"):
        config = BenchConfig(
            env="rlvr/Countdown-v0", env_kwargs={"reward": reward, "size": 40}, policy={"name": "nearly"},
            n=4, tasks=20, ks=(1, 2, 4),
        )  # fmt: skip
        curves.append([point.estimate for point in bench(config, Nearly, tmp_path / reward).curve])
        scores.append(sum(sample.score for sample in RunFolder(tmp_path / reward).samples().values()))
    assert curves[0] == curves[1] == pytest.approx([0.25, 0.5, 1.0])
    assert scores[0] == scores[1] > 20  # near misses have a score, and no pass
    env = made("Countdown", reward="dense", size=40)
    task = begun(env).task
    near = Nearly([task]).sample([Request([{"role": "user", "content": task.prompt}], 0, 1)])[0].text
    assert env.step(near)[1] == pytest.approx(2 / 3)


def test_the_order_of_samples_does_not_move_pass_at_k(tmp_path: Path) -> None:
    config = BenchConfig(
        env="rlvr/Countdown-v0", env_kwargs={"size": 40}, policy={"name": "nearly"}, n=8, tasks=10, ks=(1, 2, 4, 8)
    )
    before = bench(config, Nearly, tmp_path / "run").curve
    file = tmp_path / "run" / "samples.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    turned = [{**row, "sample": 7 - row["sample"]} for row in rows]  # the right ones come last instead of first
    random.Random(0).shuffle(turned)
    file.write_text("".join(json.dumps(row) + "\n" for row in turned))
    assert summarise_run(RunFolder(tmp_path / "run")).curve == before
    assert before[0].estimate == pytest.approx(0.25)
