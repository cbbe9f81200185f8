"""ToolFiles: an expert solves every task, nobody else does, and an episode can be branched and replayed."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from rlvr_gym.envs import check_text_env, fork
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.tool_files import KIT, ToolFilesEnv, ToolFilesTaskSet
from rlvr_gym.envs.tools.formats import format_names
from rlvr_gym.verifiers import ConfigError, make_verifier

SEEDS = range(200)
ENV = ToolFilesEnv()
KNOBS: list[dict[str, Any]] = [
    {"files": 8, "depth": 1, "lines": 20},
    {"files": 80, "depth": 4, "lines": 200},
    {"writes": 0},
    {"writes": 1},
]


def played(env: ToolFilesEnv, responses: list[str]) -> dict[str, Any]:
    """The info of the last step."""
    info: dict[str, Any] = {}
    for response in responses:
        *_, terminated, truncated, info = env.step(response)
        if terminated or truncated:
            break
    return info


def test_the_expert_solves_every_task() -> None:
    for seed in SEEDS:
        ENV.reset(seed=seed)
        assert played(ENV, ENV.expert(ENV.task))["passed"], seed


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_expert_solves_every_task_whatever_the_knobs(knobs: dict[str, Any]) -> None:
    env = ToolFilesEnv(**knobs)
    for index in range(10):
        env.reset(options={"task_index": index})
        assert played(env, env.expert(env.task))["passed"]


@pytest.mark.parametrize("name", [name for name in format_names() if name != "compact"])
def test_the_expert_writes_every_call_format(name: str) -> None:
    env = ToolFilesEnv(call_format=name)
    env.reset(seed=3)
    assert played(env, env.expert(env.task))["passed"]


COMMANDS = ("ls -R", "cat {}", "rm {}", "mv {} x", "grep -rhc . /", "wc -l {}", "replace e f {}")


def test_who_does_nothing_echoes_or_calls_at_random_solves_nothing() -> None:
    for seed in SEEDS:
        ENV.reset(seed=seed)
        rng = TaskRandom(f"{seed}".encode())
        [idle] = fork(ENV, 1)
        command = rng.choice(COMMANDS).format(rng.choice(list(ENV.task.private["files"])))
        observation, *_ = ENV.step(f"<shell>{command}</shell>")
        body = observation.replace("<result>", "").replace("</result>", "").strip()
        numbers = re.findall("[0-9]+", body) or ["0"]
        one, three = fork(ENV, 2)
        answers = {idle: "done", ENV: body, one: rng.choice(numbers), three: ", ".join(numbers[:3])}
        for env, answer in answers.items():
            assert not env.step(f"<answer>{answer}</answer>")[4]["passed"], (seed, answer)


def test_answers_cannot_be_guessed() -> None:
    answers = Counter(task.private["answer"] for task in ToolFilesTaskSet(size=400, writes=0))
    assert answers.most_common(1)[0][1] <= 3


def test_golds_are_those_of_a_plain_reading_of_the_files() -> None:
    """The counts of words in journals, and the files that are to go, worked out from the sentence and the texts."""
    checked: Counter[str] = Counter()
    for task in ToolFilesTaskSet(size=120):
        files: dict[str, str] = task.private["files"]
        if found := re.search("each file of (\\w+) the lines with '(\\w+)'", task.prompt):
            counts = [
                sum(found[2] in line.split() for line in text.splitlines())
                for path, text in sorted(files.items())
                if path.startswith(found[1] + "/")
            ]
            assert task.private["answer"] == ", ".join(map(str, counts))
            checked["counts"] += 1
        elif found := re.search(
            "below (\\w+) that have the stage (\\w+) and a (\\w+) of less than (\\d+)", task.prompt
        ):
            gone = [
                [KIT, path]
                for path, text in sorted(files.items())
                if f"stage = {found[2]}\n" in text and int(text.split(f"{found[3]} = ")[1].split()[0]) < int(found[4])
            ]
            assert task.reference["absent"] == gone
            checked["removed"] += 1
    assert min(checked["counts"], checked["removed"]) >= 5


def test_a_change_too_many_or_too_few_fails() -> None:
    env = ToolFilesEnv(writes=1)
    for index in range(40):
        env.reset(options={"task_index": index})
        *commands, answer = env.expert(env.task)
        info = played(env, ["<shell>mkdir extra</shell>", *commands, answer])
        assert info["verdict"]["reason"]["code"] == "forbidden_change"
        env.reset(options={"task_index": index})
        assert not played(env, [*commands[:-1], answer])["passed"]


def test_reading_tasks_want_the_files_as_they_were() -> None:
    env = ToolFilesEnv(writes=0)
    env.reset(seed=0)
    *commands, answer = env.expert(env.task)
    info = played(env, [*commands, "<shell>echo x > x</shell>", answer])
    assert (info["passed"], info["verdict"]["reason"]["code"]) == (False, "forbidden_change")


def test_a_policy_that_does_nothing_is_paid_nothing_by_the_dense_reward() -> None:
    env = ToolFilesEnv(writes=1, reward="dense")
    for seed in range(30):
        env.reset(seed=seed)
        assert env.step("<answer>done</answer>")[1] == 0.0


def script(env: ToolFilesEnv) -> list[str]:
    """Calls that are right, wrong and malformed, then the expert's."""
    return [
        "<shell>ls -R</shell>",
        "<shell>mkdir x</shell><shell>echo a b > x/y</shell>",
        "<shell>cat nope</shell>",
        "<shell>",
        "<shell>rm -r x | cat nope</shell>",
        *env.expert(env.task),
    ]


def test_forks_at_every_turn_agree_with_the_original_and_replays_are_byte_equal() -> None:
    for seed in (0, 1, 2, 3):
        env, again = ToolFilesEnv(), ToolFilesEnv()
        env.reset(seed=seed)
        again.reset(seed=seed)
        responses = script(env)
        branches = []
        for response in responses:
            for branch in branches:
                branch.step(response)
            branches += fork(env, 1)
            seen = env.step(response)
            assert json.dumps(branches[-1].step(response)) == json.dumps(seen) == json.dumps(again.step(response))
        states = [branch.unwrapped.get_state() for branch in branches]
        assert states == [env.get_state()] * len(responses)


@pytest.mark.parametrize(
    "action",
    [
        "<shell>" + "x" * 10**7 + "</shell>",
        "<shell>" * 10**5,
        "<shell>cat '\x00'</shell>",
        "<shell>\ud800</shell>",
        "<shell>" + "ls | " * 10**4 + "</shell>",
        "<shell>cat ../../../etc/passwd</shell>",
        "<nope>ls</nope><shell></shell>",
    ],
)
def test_bad_input_costs_a_turn_or_is_an_answer_and_is_never_our_failure(action: str) -> None:
    ENV.reset(seed=0)
    *_, info = ENV.step(action)
    assert info.get("stop_reason") != "ungradable"
    assert not info.get("passed", False)


def test_tasks_are_different_and_splits_disjoint() -> None:
    tasks = list(ToolFilesTaskSet(size=400))
    assert len({task.id for task in tasks}) == 400
    train, test = (ToolFilesTaskSet(size=25, split=split) for split in ("train", "test"))
    assert not {task.id for task in train} & {task.id for task in test}


def test_every_gold_can_be_used() -> None:
    judge = make_verifier("state@1")
    assert all(judge.check_reference(task.reference).ok for task in ToolFilesTaskSet(size=200))


@pytest.mark.parametrize(
    "knobs", [{"files": 7}, {"files": 81}, {"depth": 0}, {"lines": 10}, {"writes": -0.1}, {"writes": None}]
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ToolFilesEnv(**knobs)


def test_the_conformance_kit_finds_nothing() -> None:
    report = check_text_env(ToolFilesEnv, seeds=2, tasks=2, skip=("gold_blind",), raise_on_failure=False)
    assert report.ok, str(report)
