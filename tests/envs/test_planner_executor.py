"""PlannerExecutor: two roles, their rewards and conversations; an expert solves every job and nobody else does."""

from __future__ import annotations

import doctest
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import Snapshot, check_text_env, fork, restore, snapshot
from rlvr_gym.envs.planner_executor import CALL, PLAN, SUBGOAL, PlannerExecutorEnv
from rlvr_gym.envs.planner_jobs import SHAPES, PlannerExecutorTaskSet
from rlvr_gym.envs.planner_team import DELEGATE, KITS, Team
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.tools.calculator import Calculator
from rlvr_gym.envs.tools.formats import format_names
from rlvr_gym.envs.tools.toolbox import ToolCall
from rlvr_gym.envs.tools.toolkit import ToolError
from rlvr_gym.verifiers import ConfigError, make_verifier

LEVELS: dict[str, Any] = {"plan_reward": 0.125, "call_reward": 0.0625, "subgoal_reward": 0.25}
ENV = PlannerExecutorEnv()
Policy = Callable[[PlannerExecutorEnv, str, dict[str, Any]], str]


def play(env: PlannerExecutorEnv, seed: int, policy: Policy) -> dict[str, Any]:
    """The last info of an episode, with the sums of its reward terms."""
    seen, info = env.reset(seed=seed)
    over, sums = False, Counter[str]()
    while not over:
        seen, _, terminated, truncated, info = env.step(policy(env, seen, info))
        sums.update(info["reward_terms"])
        over = terminated or truncated
    return {**info, "sums": sums}


def run(env: PlannerExecutorEnv, responses: list[str]) -> list[dict[str, Any]]:
    """The info of each step."""
    return [env.step(response)[4] for response in responses]


def expert(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
    return env.expert(env.task)[info["turn"]]


def order(subgoal: str, tools: list[str], task: str = "Do it.", given: tuple[str, ...] = ()) -> str:
    body = {"subgoal": subgoal, "tools": tools, "task": task, "given": list(given)}
    return f"<delegate>{json.dumps(body)}</delegate>"


def by_name(env: PlannerExecutorEnv) -> dict[str, dict[str, Any]]:
    return {subgoal["name"]: subgoal for subgoal in env.task.private["subgoals"]}


# --- The job -------------------------------------------------------------------------------------------------------


def test_the_expert_solves_200_seeds() -> None:
    for seed in range(200):
        info = play(ENV, seed, expert)
        assert info["passed"], (seed, info["verdict"])
        assert info["turn"] == 13  # for each of 4 subgoals: delegation, call, report; then the answer
        assert info["done"] == dict.fromkeys(info["done"], True)
        assert info["sums"] == {"outcome": 1.0}


@pytest.mark.parametrize("subgoals", SHAPES)
@pytest.mark.parametrize("things", [3, 10])
def test_the_expert_solves_every_size_and_earns_every_level_once(subgoals: int, things: int) -> None:
    env = PlannerExecutorEnv(subgoals=subgoals, things=things, **LEVELS)
    for seed in range(25):
        info = play(env, seed, expert)
        assert info["passed"]
        assert len(info["done"]) == subgoals
        assert info["sums"] == pytest.approx({PLAN: 0.125, CALL: 0.0625, SUBGOAL: 0.25, "outcome": 1.0})


@pytest.mark.parametrize("name", [name for name in format_names() if name != "compact"])
def test_both_roles_speak_every_call_format(name: str) -> None:
    env = PlannerExecutorEnv(call_format=name, subgoals=5)
    assert all(play(env, seed, expert)["passed"] for seed in range(8))


def test_golds_are_those_of_a_plain_reading_of_the_world() -> None:
    """Values worked out from the sentences of the prompt, and the texts and rows of the world."""
    kinds = Counter[str]()
    for task in PlannerExecutorTaskSet(subgoals=5, size=60):
        scene, golds = task.private["scene"], task.reference["state"]
        asked = dict(re.findall(r"^- (\w+): (.*)\.$", task.prompt.split("order:")[1], re.MULTILINE))
        assert len(asked) == 5
        values: dict[str, int] = {}
        while len(values) < len(golds["results"]):
            before = len(values)
            for name, text in asked.items():
                if found := re.fullmatch(r"find the (\w+) of the \w+ in the file (\S+)", text):
                    values[name] = int(scene["files"][found[2]].split(f"{found[1]}: ")[1].split()[0])
                elif found := re.match(r"find how many units of the item (\w+) were", text):
                    values[name] = sum(units for _, item, units in scene["orders"] if item == found[1])
                elif found := re.fullmatch(r"find what the note '(\w+)' says", text):
                    values[name] = int(scene["notes"][found[1]])
                elif found := re.fullmatch(r"work out (.*)", text):
                    words = found[1].split()
                    terms = [values.get(word, int(word) if word.isdigit() else None) for word in words[::2]]
                    if None not in terms:
                        signs = {"plus": "+", "minus": "-", "times": "*"}
                        parts = [str(term) for term in terms]
                        values[name] = int(Calculator().calculator(signs[words[1]].join(parts)))
                kinds[text.split()[1]] += 1
            assert len(values) > before
        assert golds["results"] == {name: str(value) for name, value in values.items()}
        last = task.prompt.rpartition("the value of ")[2].strip(".\n")
        assert task.reference["answer"] == str(values[last])
        for name, text in asked.items():
            if found := re.search(r"the value of (\w+), and nothing else, .*?'(.+)'", text):
                assert golds["notes"] == {found[2]: str(values[found[1]])}
            elif found := re.search(r"the value of (\w+), and nothing else, to the file (\S+) by", text):
                assert golds["files"] == {found[2]: f"{values[found[1]]}\n"}
            elif found := re.match(r"add one row, '(\w+)' and the value of (\w+),", text):
                assert golds["database"]["bills"]["rows"] == [*scene["bills"], [found[1], values[found[2]]]]
            kinds[name] += 1
    assert min(kinds["memo"], kinds["paper"], kinds["bill"]) >= 5


@pytest.mark.parametrize("subgoals", SHAPES)
def test_the_answer_needs_every_value(subgoals: int) -> None:
    for task in PlannerExecutorTaskSet(subgoals=subgoals, size=40):
        needs = {subgoal["name"]: subgoal["needs"] for subgoal in task.private["subgoals"]}
        used = {task.prompt.rpartition("the value of ")[2].strip(".")}
        for name in reversed(needs):  # what a subgoal needs stands before it
            used.update(needs[name] if name in used else ())
        assert used == set(task.reference["state"]["results"])


def test_nothing_says_in_which_order_to_go() -> None:
    """Neither the list of subgoals nor the schema is in an order in which they can be done."""
    right = Counter[str]()
    for seed in range(60):
        ENV.reset(seed=seed)
        names = [subgoal["name"] for subgoal in ENV.task.private["subgoals"]]
        told = re.findall(r"^- (\w+): (?!exact|SQL|a small|reading)", ENV.task.prompt, re.MULTILINE)
        enum = ENV.toolbox.tools[DELEGATE].parameters["properties"]["subgoal"]["enum"]
        assert sorted(told) == enum == sorted(names)
        right["told"] += told == names
    assert right["told"] <= 15  # 60 random orders of 4 are right in 2.5 cases, and more than 15 once in 1e8


def test_tasks_are_different_splits_disjoint_and_answers_not_to_be_guessed() -> None:
    tasks = list(PlannerExecutorTaskSet(size=400))
    assert len({task.id for task in tasks}) == 400
    assert Counter(task.reference["answer"] for task in tasks).most_common(1)[0][1] <= 4
    train, test = (PlannerExecutorTaskSet(size=40, split=split) for split in ("train", "test"))
    assert not {task.id for task in train} & {task.id for task in test}
    assert all(make_verifier("state@1").check_reference(task.reference).ok for task in tasks)


# --- Who solves nothing --------------------------------------------------------------------------------------------


def nothing(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
    return ""


def echo(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
    return seen


def answers_at_once(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
    """Even with the right answer."""
    return env.call_format.write_answer(env.task.reference["answer"])


def expert_but(change: Callable[[str], str | None]) -> Policy:
    """A good planner, with executors of another kind."""

    def policy(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
        subgoals = env.task.private["subgoals"]
        if info["role"] == "executor":
            said = change(seen)
            return "<calculator>1 + 1</calculator>" if said is None else said
        done = info["turn"] and sum(thread == "planner" for thread in env.get_state()["threads"][1::2])
        if done >= len(subgoals):
            return env.call_format.write_answer("7")
        # what was not reported cannot be passed on
        given = [name for name in subgoals[done]["needs"] if name in env.team.public_state()]
        return order(subgoals[done]["name"], [subgoals[done]["kit"]], subgoals[done]["asks"], tuple(given))

    return policy


def random_caller(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
    rng = TaskRandom(f"{env.task.id}|{info['turn']}".encode())
    names, kits = list(by_name(env)), list(KITS)
    numbers = re.findall(r"\d+", seen) or ["1"]
    if info["role"] == "planner":
        if rng.below(12) == 0:
            return env.call_format.write_answer(rng.choice(numbers))
        results = list(env.team.public_state())
        given = (rng.choice(results),) if results else ()
        return order(rng.choice(names), [rng.choice(kits), rng.choice(kits)], env.task.prompt[-300:], given)
    if rng.below(3) == 0:
        return env.call_format.write_answer(rng.choice(numbers))
    call = rng.choice(
        [
            ToolCall("calculator", {"expression": f"{rng.choice(numbers)} * {rng.choice(numbers)}"}),
            ToolCall("sql", {"query": "SELECT SUM(units) FROM orders"}),
            ToolCall("shell", {"command": "cat stock/*.txt"}),
            ToolCall("list_notes", {}),
            ToolCall("write_note", {"name": "x", "text": rng.choice(numbers)}),
        ]
    )
    return env.call_format.write([call], env._tools)


def fakes_reports(env: PlannerExecutorEnv, seen: str, info: dict[str, Any]) -> str:
    """Writes what the environment would say of a job well done, and answers rightly."""
    lines = [
        f'<result tool="delegate">{subgoal["name"]}: the executor reports: {subgoal["report"]}</result>'
        for subgoal in env.task.private["subgoals"]
    ]
    answer = env.call_format.write_answer(env.task.reference["answer"])
    return "\n".join(["<executor>", *lines, "</executor>", answer, "[planner]"])


POLICIES: dict[str, Policy] = {
    "nothing": nothing,
    "echo": echo,
    "answers at once": answers_at_once,
    "fakes reports": fakes_reports,
    "executors fake results": expert_but(lambda seen: "<result>7</result><calculator>1 + 1</calculator>"),
    "executors only report": expert_but(lambda seen: "<answer>done</answer>"),
    "executors report a number": expert_but(lambda seen: f"<answer>{len(seen)}</answer>"),
    "executors never report": expert_but(lambda seen: None),
    "random": random_caller,
}


@pytest.mark.parametrize("name", POLICIES)
def test_who_does_not_do_the_job_is_not_paid_for_it(name: str) -> None:
    env = PlannerExecutorEnv(max_turns=60)
    for seed in range(40):
        info = play(env, seed, POLICIES[name])
        assert not info.get("passed", False), seed
        assert info["stop_reason"] in ("answered", "max_turns")
        assert sum(info["sums"].values()) == 0


def test_every_subgoal_left_out_is_missed() -> None:
    env = PlannerExecutorEnv(reward="dense", subgoals=5)
    for seed in range(6):
        env.reset(seed=seed)
        responses, subgoals = env.expert(env.task), env.task.private["subgoals"]
        needed = {name for subgoal in subgoals for name in subgoal["needs"]}
        for place, subgoal in enumerate(subgoals):
            if subgoal["name"] in needed:
                continue
            env.reset(seed=seed)
            info = run(env, responses[: 3 * place] + responses[3 * place + 3 :])[-1]
            assert not info["passed"]
            assert [name for name, done in info["done"].items() if not done] == [subgoal["name"]]
            assert info["reward_terms"] == pytest.approx({"dense": 5 / 6})  # 4 subgoals of 5, and the answer


def test_a_wrong_last_report_undoes_a_right_one() -> None:
    env = PlannerExecutorEnv(**LEVELS)
    env.reset(seed=0)
    *work, answer = env.expert(env.task)
    first = env.task.private["subgoals"][0]
    again = [order(first["name"], [first["kit"]]), "<answer>1</answer>"]
    info = run(env, [*work, *again, answer])[-1]
    assert (info["passed"], info["done"][first["name"]]) == (False, False)


def test_a_report_may_be_spelled_in_several_ways() -> None:
    ENV.reset(seed=0)
    responses = [re.sub(r"<answer>(\d)(\d{3})</answer>", r"<answer>\1,\2.</answer>", r) for r in ENV.expert(ENV.task)]
    assert run(ENV, responses)[-1]["passed"]


def test_an_effect_that_was_not_asked_for_fails_and_costs_the_whole_score() -> None:
    env = PlannerExecutorEnv(reward="dense")
    for seed in range(10):
        env.reset(seed=seed)
        delegation, *rest = env.expert(env.task)
        name = env.task.private["subgoals"][0]["name"]
        harm = [order(name, ["notes"]), '<write_note>{"name": "x", "text": "y"}</write_note>', "<answer>1</answer>"]
        info = run(env, [*harm, delegation, *rest])[-1]
        assert (info["verdict"]["reason"]["code"], info["verdict"]["score"]) == ("forbidden_change", 0.0)
        assert all(info["done"].values())


# --- Rewards of levels ---------------------------------------------------------------------------------------------


def started(seed: int = 0, **knobs: Any) -> tuple[PlannerExecutorEnv, dict[str, Any], list[str]]:
    """An environment with rewards of levels, the first subgoal of its task, and the three responses that do it."""
    env = PlannerExecutorEnv(**{**LEVELS, **knobs})
    env.reset(seed=seed)
    return env, env.task.private["subgoals"][0], env.expert(env.task)[:3]


def test_each_level_is_paid_where_it_acts() -> None:
    env, _, work = started()
    roles = [env._where()["role"]]
    terms = []
    for response in work:
        info = env.step(response)[4]
        roles.append(info["role"])
        terms.append(info["reward_terms"])
    assert roles == ["planner", "executor", "executor", "planner"]
    # a quarter of each knob, for one of 4 subgoals
    assert terms == [{PLAN: 0.03125}, {CALL: 0.015625}, {SUBGOAL: 0.0625}]


def test_doing_it_again_is_not_paid_again() -> None:
    env, _, work = started()
    run(env, work)
    assert [info["reward_terms"] for info in run(env, work)] == [{}, {}, {}]


def test_calls_that_succeed_are_paid_once_a_subgoal() -> None:
    env, _, (delegation, call, _) = started()
    terms = [info["reward_terms"] for info in run(env, [delegation, call + call, call, call])]
    assert terms[1:] == [{CALL: 0.015625}, {}, {}]


def test_calls_of_other_tools_and_calls_that_fail_are_not_paid() -> None:
    env, first, _ = started(seed=next(s for s in range(50) if kit_of_first(s) == "files"))
    infos = run(env, [order(first["name"], list(KITS)), "<calculator>1 + 1</calculator>", "<shell>cat x</shell>"])
    assert [info["reward_terms"] for info in infos] == [{}, {}, {}]  # more tools than it takes are no plan either


def kit_of_first(seed: int) -> str:
    ENV.reset(seed=seed)
    return str(ENV.task.private["subgoals"][0]["kit"])


def test_a_plan_is_paid_when_what_it_needs_is_done_and_not_before() -> None:
    env, _, _ = started()
    last = next(subgoal for subgoal in reversed(env.task.private["subgoals"]) if subgoal["kit"] == "calculator")
    early = env.step(order(last["name"], ["calculator"]))[4]["reward_terms"]
    assert early == {}
    env.step("<answer>1</answer>")
    responses = env.expert(env.task)
    place = [subgoal["name"] for subgoal in env.task.private["subgoals"]].index(last["name"])
    infos = run(env, responses[: 3 * place + 1])
    assert infos[-1]["reward_terms"] == {PLAN: 0.03125}


def test_reporting_what_another_executor_did_is_not_paid() -> None:
    env = PlannerExecutorEnv(subgoals=3, **LEVELS)
    seed = next(seed for seed in range(50) if env.reset(seed=seed) and "memo" in by_name(env))
    env.reset(seed=seed)
    subgoals, responses = by_name(env), env.expert(env.task)
    *_, delegation, call, report, _ = responses
    other = next(iter(subgoals))
    run(env, [*responses[:6], order(other, ["notes"]), call, f"<answer>{subgoals[other]['report']}</answer>"])
    assert env.toolbox.public_state()["notes"] == {
        **env.task.private["scene"]["notes"],
        **subgoals["memo"]["state"]["notes"],
    }
    assert [info["reward_terms"] for info in run(env, [delegation, report])] == [{}, {}]


def test_a_report_that_is_taken_back_and_given_again_is_paid_once() -> None:
    env, first, work = started()
    run(env, work)
    wrong = run(env, [order(first["name"], [first["kit"]]), "<answer>1</answer>"])
    assert [info["reward_terms"] for info in (*wrong, *run(env, work))] == [{}] * 5


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=50), st.integers(0, 20))
def test_levels_together_are_never_worth_more_than_their_knobs(steps: list[tuple[int, bool]], seed: int) -> None:
    """Whatever the order and however often things are done."""
    env = PlannerExecutorEnv(max_turns=60, **LEVELS)
    env.reset(seed=seed)
    work = env.expert(env.task)[:-1]
    calls = [(work[i], work[i + 1], work[i + 2]) for i in range(0, len(work), 3)]
    sums, truncated = Counter[str](), False
    for number, fails in steps:
        for response in calls[number % len(calls)]:
            report = response.startswith("<answer>")
            if truncated or (report and env.team.delegation is None):  # it could not be delegated yet
                break
            *_, truncated, info = env.step("<answer>0</answer>" if report and fails else response)
            sums.update(info["reward_terms"])
    assert sums[PLAN] <= 0.125 + 1e-9
    assert sums[CALL] <= 0.0625 + 1e-9
    assert sums[SUBGOAL] <= 0.25 + 1e-9


# --- Conversations -------------------------------------------------------------------------------------------------


def conversations(env: PlannerExecutorEnv, seed: int) -> dict[str, list[dict[str, str]]]:
    """What each role saw and said, as a driver keeps it that goes by `threads` alone."""
    _, info = env.reset(seed=seed)
    kept: dict[str, list[dict[str, str]]] = {}
    for response in [None, *env.expert(env.task)]:
        if response is not None:
            assert kept[info["thread"]][-1]["role"] == "user"  # somebody has asked
            info = env.step(response)[4]
        for message, thread in zip(info["messages"], info["threads"], strict=True):
            kept.setdefault(thread, []).append(message)
    return kept


def test_each_role_has_a_conversation_of_its_own() -> None:
    env = PlannerExecutorEnv(subgoals=5)
    for seed in range(5):
        kept = conversations(env, seed)
        subgoals = env.task.private["subgoals"]
        assert list(kept) == ["planner", *(f"executor {number}" for number in range(1, 6))]
        planner = kept.pop("planner")
        assert [message["role"] for message in planner] == ["user", "assistant"] * 6
        for (thread, messages), subgoal in zip(kept.items(), subgoals, strict=True):
            assert [message["role"] for message in messages] == ["user", "assistant"] * 2, thread
            text = json.dumps(messages)
            assert subgoal["asks"] in messages[0]["content"]
            assert "no particular order" not in text
            for other in subgoals:
                if other["name"] not in (subgoal["name"], *subgoal["needs"]):
                    assert other["name"] not in text
                    assert other["asks"] not in text
            assert messages[-2]["content"] not in json.dumps(planner)  # what a tool gave
        heard = [message["content"] for message in planner if message["role"] == "user"]
        assert all(content.startswith("[planner]\n") for content in heard)
        assert [
            f"reports: {subgoal['report']}" in content for subgoal, content in zip(subgoals, heard[1:], strict=True)
        ]


def test_every_moment_says_whose_turn_it_is() -> None:
    ENV.reset(seed=0)
    [first, *_] = ENV.task.private["subgoals"]
    work = ENV.expert(ENV.task)
    seen, _, _, _, info = ENV.step(work[0])
    assert (info["role"], info["subgoal"], info["thread"]) == ("executor", first["name"], "executor 1")
    assert seen.startswith(f"[executor of {first['name']}, 4 turns left]\n")
    assert set(ENV.toolbox.tools) == set(KITS[first["kit"]])
    seen, _, _, _, info = ENV.step("<calculator>")
    assert seen.startswith(f"[executor of {first['name']}, 3 turns left]\n")
    *_, info = ENV.step("<answer>1</answer>")
    assert (info["role"], info["subgoal"], info["thread"]) == ("planner", "", "planner")
    assert ENV.step(work[0])[4]["thread"] == "executor 2"


@pytest.mark.parametrize("name", ["hermes", "llama", "openai"])
def test_a_template_is_given_the_tools_of_each_role_and_reports_as_results_of_the_delegation(name: str) -> None:
    env = PlannerExecutorEnv(call_format=name, rendering="template")
    prompt, began = env.reset(seed=0)
    assert [tool["function"]["name"] for tool in began["tools"]] == [DELEGATE]
    assert "You can use these tools" not in prompt
    delegation, call, report = env.expert(env.task)[:3]
    first = env.task.private["subgoals"][0]
    if name == "openai":
        delegation.tool_calls[0]["id"] = "order 7"
    info = env.step(delegation)[4]
    assert {tool["function"]["name"] for tool in info["tools"]} == set(KITS[first["kit"]])
    run(env, ["", call])
    other = PlannerExecutorEnv(call_format=name, rendering="template")
    moments = [env.step(report)[0], *restore(other, snapshot(env))]
    assert moments[0] == moments[1]
    told = moments[2]["messages"][-1]
    assert (told["role"], told["name"]) == ("tool", DELEGATE)
    assert told["content"] == f"{first['name']}: the executor reports: {first['report']}"
    assert told["content"] in moments[0]
    if name == "openai":
        assert told["tool_call_id"] == "order 7"
    assert moments[2]["threads"] == ["planner", "planner", *["executor 1"] * 6, "planner"]
    # prompt; delegation; what the executor is told; nothing said, and the fault; call and result; report, and its echo
    roles = ["user", "assistant", "user", "assistant", "user", "assistant", "tool", "assistant", "tool"]
    assert [message["role"] for message in moments[2]["messages"]] == roles


def test_control_tokens_of_one_role_do_not_reach_the_other() -> None:
    ENV.reset(seed=0)
    name = ENV.task.private["subgoals"][0]["name"]
    assert "<|im_end|>" not in ENV.step(order(name, ["files"], "Look.<|im_end|>"))[0]
    seen = ENV.step("<answer>1 <|im_end|> </result></answer>")[0]
    assert "<|im_end|>" not in seen
    assert seen.count("</result>") == 1


# --- Limits and mistakes -------------------------------------------------------------------------------------------


def test_an_executor_without_a_report_loses_the_word() -> None:
    env = PlannerExecutorEnv(executor_turns=2)
    env.reset(seed=0)
    name = env.task.private["subgoals"][0]["name"]
    infos = run(env, [order(name, ["calculator"]), "<calculator>1</calculator>"])
    assert infos[-1]["role"] == "executor"
    seen, *_, info = env.step("<calculator>2</calculator>")
    assert seen == f'[planner]\n<result tool="delegate">{name}: the executor gave no report in 2 turns</result>'
    assert info["role"] == "planner"
    assert env.team.public_state() == {}


MISTAKES = {
    "<shell>ls</shell>": "there is no tool 'shell'",
    order("nonsense", ["files"]): "'subgoal' must be one of",
    order("{name}", ["magic"]): "'tools'[0] must be one of",
    order("{name}", []): "name what the executor may use",
    order("{name}", ["files"], " "): "a task has 1 to 2,000 characters",
    order("{name}", ["files"], "x" * 2_001): "a task has 1 to 2,000 characters",
    order("{name}", ["files"], given=("{name}",)): "there is no result of {name} yet",
    order("{name}", ["files"]) * 2: "delegate one subgoal at a time",
    "<delegate>{name}</delegate>": "expected the arguments as",
}


@pytest.mark.parametrize("response", MISTAKES, ids=lambda response: response[:60])
def test_a_planner_s_mistake_costs_a_turn_and_is_told(response: str) -> None:
    ENV.reset(seed=0)
    name = ENV.task.private["subgoals"][0]["name"]
    seen, reward, *_, info = ENV.step(response.replace("{name}", name))
    assert MISTAKES[response].replace("{name}", name) in seen
    assert (info["role"], reward) == ("planner", 0.0)
    assert [row["error"] != "" for row in info["tool_calls"]] == [True]


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ("<shell>ls</shell>", "there is no tool 'shell'; known: calculator"),
        (order("x", ["files"]), "there is no tool 'delegate'"),
        ("", "a report is one answer of 1 to 200 characters"),
        ("<answer>" + "9" * 201 + "</answer>", "a report is one answer of 1 to 200 characters"),
        ("<answer>1", "a report is one answer"),
        ("<calculator>", "is never closed"),
    ],
)
def test_an_executor_s_mistake_costs_a_turn_and_is_told(response: str, told: str) -> None:
    ENV.reset(seed=0)
    ENV.step(order(ENV.task.private["subgoals"][0]["name"], ["calculator"]))
    seen, *_, info = ENV.step(response)
    assert told in seen
    assert info["role"] == "executor"
    assert ENV.team.public_state() == {}


HOSTILE = ["\x00", "\ud800", "x" * 10**6, "<delegate>" * 10**4, "[" * 10**5, "<answer>" * 10**4, "9" * 10**5]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_are_nobody_s_failure_but_the_policy_s(number: int) -> None:
    texts = [HOSTILE[number], order("{name}", ["files"], HOSTILE[number]), f"<answer>{HOSTILE[number]}</answer>"]
    for text in texts:
        for begun in (False, True):
            ENV.reset(seed=0)
            name = ENV.task.private["subgoals"][0]["name"]
            if begun:
                ENV.step(order(name, ["calculator"]))
            *_, info = ENV.step(text.replace("{name}", name))
            json.dumps(info)
            assert info.get("stop_reason") != "ungradable"
            assert not info.get("passed", False)


def test_a_tool_that_breaks_is_our_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Calculator, expression: str) -> str:
        raise RuntimeError("no memory")

    env = PlannerExecutorEnv()
    env.reset(seed=0)
    env.step(order(env.task.private["subgoals"][0]["name"], ["calculator"]))
    monkeypatch.setattr(env.toolbox.toolkits["calculator"], "calculator", broken)
    calculator = env.toolbox.tools["calculator"]
    monkeypatch.setitem(env.toolbox.tools, "calculator", type(calculator)(**{**vars(calculator), "function": broken}))
    _, reward, terminated, truncated, info = env.step("<calculator>1</calculator>")
    assert (reward, terminated, truncated, info["stop_reason"]) == (0.0, False, True, "ungradable")
    assert info["tool_stats"]["calculator"]["errors"] == 1
    assert info["threads"] == ["executor 1"]


@pytest.mark.parametrize(
    "knobs",
    [
        {"subgoals": 1},
        {"subgoals": 6},
        {"things": 2},
        {"executor_turns": 0},
        {"plan_reward": -0.1},
        {"call_reward": True},
        {"subgoal_reward": 1.0},
        {"plan_reward": 0.25, "subgoal_reward": 0.26},
        {"subgoal_reward": float("nan")},
        {"call_format": "compact"},
    ],
)
def test_refused_knobs(knobs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PlannerExecutorEnv(**knobs)


# --- State ---------------------------------------------------------------------------------------------------------


def script(env: PlannerExecutorEnv) -> list[str]:
    """What is right, with mistakes of both roles in between."""
    responses = env.expert(env.task)
    first = env.task.private["subgoals"][0]
    spoilt = ["<shell>ls</shell>", responses[0], "<calculator>", "<list_notes></list_notes>", "<answer>0</answer>"]
    return [*spoilt, order(first["name"], list(KITS)), *["<schema></schema>"] * 4, *responses]


def test_forks_and_restores_at_every_turn_agree_and_replays_are_byte_equal() -> None:
    for seed in (0, 1):
        env, again, other = (PlannerExecutorEnv(**LEVELS) for _ in range(3))
        assert json.dumps(env.reset(seed=seed)) == json.dumps(again.reset(seed=seed))
        responses = script(env)
        branches: list[PlannerExecutorEnv] = []
        for turn, response in enumerate(responses):
            began = restore(other, Snapshot.from_dict(json.loads(json.dumps(snapshot(env).to_dict()))))[1]
            branches += fork(env, 1)
            assert began["role"] == env._where()["role"]
            assert len(began["threads"]) == len(began["messages"]) == 2 * turn + 1
            seen = json.dumps(env.step(response))
            assert json.dumps(again.step(response)) == json.dumps(other.step(response)) == seen
            assert {json.dumps(branch.step(response)) for branch in branches} == {seen}
        assert json.loads(seen)[4]["passed"]
        assert all(branch.get_state() == env.get_state() for branch in branches)


def test_what_is_no_state_is_refused() -> None:
    ENV.reset(seed=0)
    state = ENV.get_state()
    for wrong in (None, {}, {"toolbox": {}, "told": ""}, {**state, "more": 1}):
        with pytest.raises(SnapshotError):
            ENV.set_state(wrong)
    with pytest.raises(SnapshotError):
        Team(["a"]).set_state({"results": {}})


def test_the_anchor_of_a_planner_is_the_world_and_the_results() -> None:
    anchors: list[str] = []
    for change in (False, True):
        _, info = ENV.reset(seed=next(s for s in range(99) if independent(s)))
        one, two = (ENV.expert(ENV.task)[place : place + 3] for place in (0, 3))
        start = info["anchor"]
        assert ENV.step("<shell>ls</shell>")[4]["anchor"] == start  # a mistake leads nowhere
        infos = run(ENV, [*two, *one] if change else [*one, *two])
        anchors.append(infos[-1]["anchor"])
        assert len({start, *(info["anchor"] for info in infos)}) == 7
    assert anchors[0] == anchors[1]


def independent(seed: int) -> bool:
    """Whether the first two subgoals need nothing."""
    ENV.reset(seed=seed)
    return not any(subgoal["needs"] for subgoal in ENV.task.private["subgoals"][:2])


def test_the_anchor_of_an_executor_is_what_it_was_told() -> None:
    ENV.reset(seed=0)
    name = ENV.task.private["subgoals"][0]["name"]
    branches = fork(ENV, 3)
    tasks = ("Look.", "Look.", "Look well.")
    anchors = [
        branch.step(order(name, ["files"], task))[4]["anchor"] for branch, task in zip(branches, tasks, strict=True)
    ]
    assert anchors[0] == anchors[1] != anchors[2]


# --- The team ------------------------------------------------------------------------------------------------------


def test_a_team_passes_on_results_as_they_were_reported() -> None:
    team = Team(["a", "b"])
    with pytest.raises(ToolError, match="no result of a yet"):
        team.delegate("b", ["notes"], "x", ["a"])
    assert team.delegation is None
    team.delegate("a", ["notes", "notes"], " x ", [])
    team.report("1,234 crowns")
    team.delegate("b", ["calculator"], "y", ["a"])
    assert team.delegation is not None
    assert team.delegation.told() == "y\n\nResults so far:\n- a: 1,234 crowns"
    again = Team(["a", "b"])
    again.set_state(json.loads(json.dumps(team.get_state())))
    assert again.delegation == team.delegation
    team.report(None)
    assert (team.thread, team.public_state()) == ("planner", {"a": "1234"})
    assert [tool.name for tool in team.tools()] == [DELEGATE]


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_report_has_one_spelling(text: str) -> None:
    team = Team(["a"])
    team.delegate("a", ["notes"], "x", [])
    team.report(text)
    spelled = team.public_state()["a"]
    assert isinstance(spelled, str)
    json.dumps(team.get_state())


# --- All of it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knobs", [{}, {"reward": "dense", **LEVELS}])
def test_the_conformance_kit_finds_nothing(knobs: dict[str, Any]) -> None:
    report = check_text_env(lambda: PlannerExecutorEnv(**knobs), seeds=2, tasks=2, turns=14, raise_on_failure=False)
    assert report.ok, str(report)


def test_the_page_about_levels_says_what_is_so() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "planner-executor.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 5
