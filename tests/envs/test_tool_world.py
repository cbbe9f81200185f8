"""`ToolWorld`: the expert solves it, nobody else does, and every moment of it can be gone back to."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rlvr_gym.envs import Snapshot, fork, restore, snapshot
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.tool_world import ToolWorldEnv, ToolWorldTaskSet
from rlvr_gym.envs.tools.toolbox import ToolCall
from rlvr_gym.envs.worlds.problem import DOMAINS
from rlvr_gym.verifiers import ConfigError

sys.path.append(str(Path(__file__).parent / "worlds"))
clerks: Any = importlib.import_module("clerks")
facts_of, forbidden, played, written = clerks.facts_of, clerks.forbidden, clerks.played, clerks.written

Step = dict[str, Any]  # {"say": text} or {"call": call}
every_domain = pytest.mark.parametrize("domain", DOMAINS)


def passes(env: ToolWorldEnv, responses: Callable[[ToolWorldEnv], list[str]], count: int) -> int:
    """How many of the first tasks a policy solves; no episode may end ungradable."""
    infos = [played(env, index, responses) for index in range(count)]
    assert all(info["stop_reason"] != "ungradable" for info in infos)
    return sum(info.get("passed", False) for info in infos)


def expert(env: ToolWorldEnv) -> list[str]:
    return env.expert(env.task)


@every_domain
def test_the_expert_solves_200_tasks(domain: str) -> None:
    env = ToolWorldEnv(domain=domain)
    assert passes(env, expert, 200) == 200


@pytest.mark.parametrize("call_format", ["fenced", "hermes", "llama", "openai", "react", "xml"])
def test_the_expert_speaks_every_format(call_format: str) -> None:
    assert passes(ToolWorldEnv(call_format=call_format, wishes=3, refused=1.0), expert, 6) == 6


def test_hard_tasks_fit_in_the_turns() -> None:
    env = ToolWorldEnv(wishes=4, refused=1.0, pushes=5)
    assert passes(env, expert, 20) == 20


# --- Who solves nothing --------------------------------------------------------------------------------------------


def nothing(env: ToolWorldEnv) -> list[str]:
    return [""]


def goodbye(env: ToolWorldEnv) -> list[str]:
    return ["Goodbye."]


def refuse_everything(env: ToolWorldEnv) -> list[str]:
    return ["I am sorry, I cannot do that."] * 40


def echo_the_tools(env: ToolWorldEnv) -> list[str]:
    """Calls every tool with its own description, and says the prompt."""
    calls = [
        {"call": {"name": name, "arguments": {key: str(value["description"]) for key, value in properties.items()}}}
        for name, tool in env.toolbox.tools.items()
        if (properties := tool.parameters["properties"])
        and all(value.get("type") == "string" for value in properties.values())
    ]
    return [*written(env, calls), env.task.prompt]


def blind_yes_man(env: ToolWorldEnv) -> list[str]:
    """Knows every wish from the first, fulfils it and tells the facts: never asks who it is, or for a yes."""
    steps: list[Step] = env.task.private["expert"]
    changed = [step for step in steps if "call" in step and step["call"]["name"] != "verify_customer"]
    return [*written(env, changed), " ".join(facts_of(env))]


@every_domain
@pytest.mark.parametrize("policy", [nothing, goodbye, refuse_everything, echo_the_tools, blind_yes_man])
def test_no_lazy_policy_solves_a_task(policy: Callable[[ToolWorldEnv], list[str]], domain: str) -> None:
    assert passes(ToolWorldEnv(domain=domain), policy, 12) == 0
    assert passes(ToolWorldEnv(domain=domain, wishes=1, refused=1.0), policy, 6) == 0


@every_domain
def test_doing_nothing_is_paid_nothing_by_the_dense_reward_either(domain: str) -> None:
    env = ToolWorldEnv(domain=domain, reward="dense", refused=1.0)
    for policy in (nothing, refuse_everything):
        assert sum(played(env, index, policy)["reward"] for index in range(10)) == 0


@every_domain
def test_random_callers_solve_none(domain: str) -> None:
    env = ToolWorldEnv(domain=domain, wishes=1, refused=0.0)
    for index in range(20):
        rng = TaskRandom(b"caller %d" % index)
        seen, _ = env.reset(options={"task_index": index})
        over = False
        while not over:
            seen_now, _, terminated, truncated, info = env.step(random_response(env, seen, rng))
            seen, over = seen + seen_now, terminated or truncated
        assert info.get("passed") is not True
        assert info["stop_reason"] != "ungradable"


def random_response(env: ToolWorldEnv, seen: str, rng: TaskRandom) -> str:
    """Asks something, or calls a tool with what has been seen."""
    if rng.below(3) == 0:
        return rng.choice(["Your email and code?", "Which order, book, flight or item is it?", "Do you agree?"])
    tool = rng.choice(list(env.toolbox.tools.values()))
    words = re.findall(r"\b[A-Z]-\d{4}\b|\S+@\S+|\b\d{6}\b", seen) or ["x"]
    properties = tool.parameters["properties"]
    arguments = {name: rng.choice(schema.get("enum", words)) for name, schema in properties.items()}
    if "bags" in arguments:
        arguments["bags"] = 1 + rng.below(3)
    return env.call_format.write([ToolCall(tool.name, arguments)], list(env.toolbox.tools.values()))


def yes_man(env: ToolWorldEnv) -> list[str]:
    """A good clerk who gives in to everything."""
    steps = list(env.task.private["expert"])
    never = forbidden(env)
    place = next(i for i, step in enumerate(steps) if step.get("say", "").startswith("I am sorry"))
    agreed = [{"say": f"I am going to do this: {step['call']}. Do you agree?"} for step in never]
    return written(env, [*steps[:place], *agreed, *never, {"say": "It is done."}])


@every_domain
def test_a_yes_man_solves_no_task_with_something_to_refuse(domain: str) -> None:
    assert passes(ToolWorldEnv(domain=domain, refused=1.0), yes_man, 12) == 0


@every_domain
def test_giving_in_after_all_is_seen_also_where_the_rest_is_right(domain: str) -> None:
    env = ToolWorldEnv(domain=domain, wishes=1, refused=1.0)

    def gives_in(env: ToolWorldEnv) -> list[str]:
        *most, last = env.task.private["expert"]
        return written(env, [*most, *forbidden(env), last])

    assert passes(env, gives_in, 20) == 0


# --- State ---------------------------------------------------------------------------------------------------------


def record(env: ToolWorldEnv, actions: list[str]) -> str:
    """What the actions do, as JSON, until the episode ends."""
    steps = []
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2] or steps[-1][3]:
            break
    return json.dumps(steps)


@every_domain
def test_forks_and_restores_at_every_turn_agree(domain: str) -> None:
    env, other = ToolWorldEnv(domain=domain, refused=1.0), ToolWorldEnv(domain=domain, refused=1.0)
    env.reset(options={"task_index": 0})
    actions = env.expert(env.task)
    for turn, action in enumerate(actions):
        [branch] = fork(env)
        restore(other, Snapshot.from_dict(json.loads(json.dumps(snapshot(env).to_dict()))))
        left = record(branch, actions[turn:])
        assert record(other, actions[turn:]) == left
        assert json.loads(left)[-1][4]["passed"]
        env.step(action)


@every_domain
def test_an_episode_is_the_same_bytes_again(domain: str) -> None:
    records = []
    for _ in range(2):
        env = ToolWorldEnv(domain=domain)
        began = env.reset(seed=7)
        records.append(json.dumps(began) + record(env, expert(env)))
    assert records[0] == records[1]


def test_the_anchor_is_the_database_and_the_customer_and_not_the_way() -> None:
    ways = [("Your email?", "Your code?"), ("Your code?", "Your email?")]
    anchors = []
    for way in ways:
        env = ToolWorldEnv()
        assert env.reset(seed=1)[1]["anchor"] == env.task.id
        anchors.append([env.step(question)[4]["anchor"] for question in (*way, "Your email and code?")])
    assert anchors[0][0] != anchors[1][0]
    assert anchors[0][-1] == anchors[1][-1]


# --- Tasks ---------------------------------------------------------------------------------------------------------


def test_the_prompt_and_the_first_words_give_no_detail() -> None:
    env = ToolWorldEnv()
    for index in range(30):
        prompt, _ = env.reset(options={"task_index": index})
        assert not re.search(r"[A-Z]-\d{4}|@|\d{6}", prompt.replace("2031-06-15", ""))


@every_domain
def test_no_fact_is_said_by_the_customer(domain: str) -> None:
    for task in map(ToolWorldTaskSet(domain=domain, wishes=4, refused=1.0).task, range(15)):
        script = json.dumps([(wish["says"], wish["details"]) for wish in task.private["user"]["wishes"]])
        facts = [fact if isinstance(fact, str) else fact["fact"] for fact in task.reference["tell"]]
        assert not [fact for fact in facts if fact in script]


def test_training_and_test_tasks_differ() -> None:
    train, test = (ToolWorldTaskSet(split=split) for split in ("train", "test"))
    assert not {train[i].id for i in range(25)} & {test[i].id for i in range(25)}


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 70, 130), (1.0, 200, 200)])
def test_the_share_of_tasks_with_something_to_refuse_is_as_asked(share: float, least: int, most: int) -> None:
    tasks = ToolWorldTaskSet(refused=share, strangers=0)
    # 200 fair coins fall outside 70 to 130 with a probability of 2e-5
    assert least <= sum(len(tasks[i].reference["refuse"]) for i in range(200)) <= most


@pytest.mark.parametrize(
    "knobs", [{"domain": "bank"}, {"wishes": 0}, {"wishes": 5}, {"refused": 1.5}, {"refused": True}]
)
def test_knobs_out_of_range_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ToolWorldEnv(**knobs)
