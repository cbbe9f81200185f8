"""Checks of what is returned: flags, rewards, and the info that learners and benchmarks read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from rlvr_gym.envs.check.play import difference, future, outcome_of, plain
from rlvr_gym.envs.check.report import Check
from rlvr_gym.envs.check.subject import Subject
from rlvr_gym.envs.text_env import Info
from rlvr_gym.verifiers import ConfigError, Verdict
from rlvr_gym.verifiers.errors import shown

Step = tuple[Any, Any, Any, Any, Info]
ALWAYS = {"task_id": str, "turn": int, "messages": list, "anchor": str}
AT_RESET = {**ALWAYS, "tools": list, "difficulty": dict}
AT_STEP = {**ALWAYS, "reward_terms": dict}
AT_END = {**AT_STEP, "stop_reason": str}
AT_VERDICT = {**AT_END, "verdict": dict, "passed": bool}
SPOILT = "spoilt"


def flags(subject: Subject) -> str | None:
    """`terminated` and `truncated` are booleans and never both; the reward is a finite number."""
    return _first(subject, lambda info: None, _flags)


def info_json(subject: Subject) -> str | None:
    """A trip through JSON changes no info."""
    return _first(subject, _json, lambda step: _json(step[4]))


def info_keys(subject: Subject) -> str | None:
    """Each info has the keys that are due, of the types that are due."""
    for seed in subject.seeds:
        env = subject.fresh()
        _, info = env.reset(seed=seed)
        if found := _mistyped(info, AT_RESET) or _misnumbered(info, 0):
            return f"the info of reset(seed={seed}): {found}"
        for turn, step in enumerate(_steps(env, subject.script(seed)), start=1):
            if found := _step_keys(step) or _misnumbered(step[4], turn):
                return f"the info of step {turn} of seed {seed}: {found}"
    return None


def reward_terms(subject: Subject) -> str | None:
    """Terms sum to the reward, and `passed` is the verdict's."""
    return _first(subject, lambda info: None, _terms)


def owned_info(subject: Subject) -> str | None:
    """Whoever writes into an info spoils nothing."""
    seed = subject.seeds[0]
    env = subject.fresh()
    spoil(env.reset(seed=seed)[1])
    for action in subject.script(seed):
        step = env.step(action)
        spoil(step[4])
        if step[2] or step[3]:
            break
    for where, other in (("in the same environment", env), ("in a fresh one", subject.fresh())):
        _, info = other.reset(seed=seed)
        record = [{"observation": subject.expected(seed)[0]["observation"], "info": plain(info)}]
        spoil(info)
        record += future(other, subject.script(seed))
        if found := difference(record, subject.expected(seed), f"after infos were written into, {where}, moment"):
            return found
    return None


def spoil(value: Any) -> None:
    """Overwrite everything in a dict or a list that can be overwritten, all the way down."""
    if isinstance(value, dict):
        for key in list(value):
            spoil(value[key])
            if not isinstance(value[key], dict | list):
                value[key] = SPOILT
        value[SPOILT] = SPOILT
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append(SPOILT)


def _first(
    subject: Subject, of_reset: Callable[[Info], str | None], of_step: Callable[[Step], str | None]
) -> str | None:
    """The first thing found in the episodes of all seeds."""
    for seed in subject.seeds:
        env = subject.fresh()
        if found := of_reset(env.reset(seed=seed)[1]):
            return f"reset(seed={seed}): {found}"
        for turn, step in enumerate(_steps(env, subject.script(seed)), start=1):
            if found := of_step(step):
                return f"step {turn} of seed {seed}: {found}"
    return None


def _steps(env: Any, actions: tuple[str, ...]) -> Iterator[Step]:
    for action in actions:
        step = env.step(action)
        yield step
        if step[2] or step[3]:
            break


def _flags(step: Step) -> str | None:
    _, reward, terminated, truncated, _ = step
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(flag, bool | np.bool_):
            return f"{name} is {shown(flag)}, a {type(flag).__name__}"
    if terminated and truncated:
        return "terminated and truncated are both True"
    if isinstance(reward, bool) or not isinstance(reward, int | float | np.number) or not math.isfinite(reward):
        return f"the reward is {shown(reward)}, a {type(reward).__name__}"
    return None


def _json(info: Any) -> str | None:
    if found := next((key for key, value in info.items() if value is None), None):
        return f"info[{found!r}] is None: leave out the keys that have no value"
    try:
        again = json.loads(json.dumps(info, allow_nan=False))
    except (TypeError, ValueError) as error:
        return f"json.dumps(info): {error}"
    return None if again == info else f"JSON made another value of it: {difference(plain(again), _typed(info), 'info')}"


def _typed(value: Any) -> Any:
    """A value in which what JSON changes can be seen."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return repr(value) if isinstance(value, tuple) else value


def _step_keys(step: Step) -> str | None:
    _, _, terminated, truncated, info = step
    if terminated or truncated:
        return _mistyped(outcome_of(info), AT_VERDICT if terminated else AT_END)
    early = [key for key in ("stop_reason", "verdict", "passed") if key in info]
    return f"{early[0]!r} is there before the episode has ended" if early else _mistyped(info, AT_STEP)


def _mistyped(info: Any, due: dict[str, type]) -> str | None:
    for key, kind in due.items():
        if key not in info:
            return f"no {key!r}"
        if not isinstance(info[key], kind) or (kind is int and isinstance(info[key], bool)):
            return f"{key!r} is {shown(info[key])}, not a {kind.__name__}"
    for message in info["messages"]:
        if not isinstance(message, dict) or not all(isinstance(message.get(key), str) for key in ("role", "content")):
            return f"a message is {shown(message)}, not a dict with the texts 'role' and 'content'"
    return None


def _misnumbered(info: Info, turn: int) -> str | None:
    return None if info["turn"] == turn else f"'turn' is {shown(info['turn'])} after {turn} steps"


def _terms(step: Step) -> str | None:
    _, reward, terminated, _, info = step
    info = outcome_of(info)
    terms = info.get("reward_terms", {})
    if not math.isclose(sum(terms.values()), reward, abs_tol=1e-9):
        return f"the reward is {reward!r}, its terms are {shown(terms)}"
    if "verdict" not in info:
        return "passed, but no verdict" if "passed" in info else None
    try:
        verdict = Verdict.from_dict(info["verdict"])
    except ConfigError as error:
        return str(error)
    if verdict.gradable is not ("passed" in info) or verdict.gradable is not terminated:
        return f"the verdict is {verdict.status.value!r}, terminated is {terminated}, passed is {info.get('passed')}"
    if verdict.gradable and info["passed"] is not verdict.passed:
        return f"passed is {info['passed']}, and the verdict says {verdict.status.value!r}"
    return None


CHECKS = (
    Check(
        "flags",
        "terminated and truncated are booleans and never both True; the reward is a finite number.",
        "terminated: the task is decided; truncated: a limit or a failure of ours ended it. Return bool and float.",
        flags,
    ),
    Check(
        "info_json",
        "Every info is JSON that survives a round trip: str keys, no tuples, no NaN, no None at the top.",
        "Build infos of dict, list, str, int, float and bool, and leave out keys that have no value.",
        info_json,
    ),
    Check(
        "info_keys",
        "Every info has the keys that TextEnv documents: at reset, at each step, at the end, and no sooner.",
        "See the docstring of rlvr_gym.envs.TextEnv; a wrapper passes on what it does not change.",
        info_keys,
    ),
    Check(
        "reward_terms",
        "info['reward_terms'] sums to the reward, and info['passed'] is the verdict's.",
        "Put every part of the reward into reward_terms under a name; leave passed alone.",
        reward_terms,
    ),
)
LAST = (
    Check(
        "owned_info",
        "Whoever writes into a returned info changes neither this episode nor a later one.",
        "Copy lists and dicts of the task before they go into an info (rlvr_gym.envs.task.copied).",
        owned_info,
        ("clean_reset", "info_json"),
    ),
)
