"""Clerks for the tests of `ToolWorld`: play a script, and say which obligations do not hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rlvr_gym.envs.tool_world import ToolWorldEnv
from rlvr_gym.envs.tools.toolbox import ToolCall

Step = dict[str, Any]  # {"say": text} or {"call": call}


def written(env: ToolWorldEnv, steps: list[Step]) -> list[str]:
    tools = list(env.toolbox.tools.values())
    return [
        env.call_format.write([ToolCall(**step["call"])], tools) if "call" in step else step["say"] for step in steps
    ]


def played(env: ToolWorldEnv, index: int, responses: Callable[[ToolWorldEnv], list[str]]) -> dict[str, Any]:
    """The last info; once the script is over, the policy says goodbye until the customer leaves."""
    env.reset(options={"task_index": index})
    script = iter(responses(env))
    while True:
        _, reward, terminated, truncated, info = env.step(next(script, "Goodbye."))
        if terminated or truncated:
            return {**info, "reward": reward}


def facts_of(env: ToolWorldEnv) -> list[str]:
    """What must be told, without when."""
    return [fact if isinstance(fact, str) else fact["fact"] for fact in env.task.reference["tell"]]


def forbidden(env: ToolWorldEnv) -> list[Step]:
    """The changes that must be refused; to what does not matter."""
    given = {"reason": "by mistake", "refund_to": "card", "address": "1 Mill Lane, Ashton", "bags": 1}
    calls = [rule["call"] for rule in env.task.reference["rules"] if rule["kind"] == "never"]
    steps = []
    for call in calls:
        keys = env.toolbox.tools[call["name"]].parameters["properties"]
        given |= {"flight": other_flight(env, call["arguments"]), "amount": "0.05"}
        steps.append({"call": {**call, "arguments": {key: {**given, **call["arguments"]}[key] for key in keys}}})
    return steps


def other_flight(env: ToolWorldEnv, arguments: Mapping[str, Any]) -> str:
    """A flight on which a booking is not; empty where there is no booking."""
    tables = env.task.private["database"]
    if "booking" not in arguments:
        return ""
    now = tables["bookings"][arguments["booking"]]["flight"]
    return next(str(flight) for flight in tables["flights"] if flight != now)


def asks(step: Step) -> bool:
    """Whether a step is the question for consent."""
    return bool(step.get("say", "").endswith("Do you agree?"))


def failed(env: ToolWorldEnv, index: int, steps: Callable[[list[Step]], list[Step]]) -> list[str]:
    """The obligations that do not hold once the expert's steps were changed."""
    info = played(env, index, lambda env: written(env, steps(env.task.private["expert"])))
    return [part["name"] for part in info["verdict"]["parts"] if part["passed"] is False]
