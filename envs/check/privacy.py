"""Checks of secrecy: nothing that a policy sees depends on what it must not know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from rlvr_gym.envs.audit.golds import names_of
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.check.golds import SECRET, SECRET_WORD, altered, asked, marked, told_by_programs
from rlvr_gym.envs.check.play import Env, begun, difference, stepped
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject, base_of, other_solutions, with_private
from rlvr_gym.envs.task import Task
from rlvr_gym.verifiers.errors import shown

TURNS = 2  # of an episode that is searched
WRONG = (UNSURE, "", "#### -31337", "<answer>-31337</answer>", "\\boxed{-31337}")


def private_hidden(subject: Subject) -> str | None:
    """The solution and whatever else is private are seen nowhere."""
    env = subject.fresh()
    for index, task in _tasks(subject, env):
        secrets = {"solution": f"{task.solution or ''} {SECRET_WORD}", "note": SECRET}
        if found := _leak(env, with_private(task, secrets), _answers(env, index)):
            return f"the private part of the task at index {index} in {found}"
    return None


def gold_hidden(subject: Subject) -> str | None:
    """A gold that was planted for this is seen nowhere, nor what a hidden test asks, whoever tells it."""
    env = subject.fresh()
    verifier = base_of(env).verifier
    planted = 0
    for index, task in _tasks(subject, env):
        answers = _answers(env, index)
        for gold in marked(task.reference, task.prompt, verifier):
            planted += 1
            if found := _leak(env, with_private(task, {"reference": gold}), answers):
                return f"the gold {shown(gold)} of the task at index {index} in {found}"
        for gold in asked(task.reference, task.prompt, verifier) if index == 0 else ():  # programs take their time
            programs = [*subject.answers(env), *told_by_programs(names_of(task, task.prompt))]
            if found := _leak(env, with_private(task, {"reference": gold}), programs):
                return f"what hidden tests ask of the task at index {index} in {found}"
    if not planted:
        raise NotApplicable("the verifier accepts no gold with a secret in it")
    return None


def gold_blind(subject: Subject) -> str | None:
    """Two golds that give one verdict on an answer give one episode."""
    env = subject.fresh()
    compared = 0
    for index, task in _tasks(subject, env):
        answers = _answers(env, index)
        for gold in altered(task.reference, task.prompt, base_of(env).verifier):
            other = with_private(task, {"reference": gold})
            for answer in answers:
                if not _same_verdict(env, task, other, answer):
                    continue
                compared += 1
                pair = [_without_hashes(_seen(env, each, answer)) for each in (task, other)]
                if found := difference(pair[1], pair[0], f"with the gold {shown(gold)}, answering {shown(answer)}"):
                    return f"the task at index {index} {found}"
    if not compared:
        raise NotApplicable("no other gold gives the same prompt and the same verdicts")
    return None


def _tasks(subject: Subject, env: Env) -> Iterator[tuple[int, Task]]:
    taskset = base_of(env).taskset
    return ((index, taskset.task(index)) for index in range(min(subject.tasks, len(taskset))))


def _answers(env: Env, index: int) -> list[str]:
    """Wrong answers; for the first task, a solution of another one too, which can be a program that takes its time."""
    env.reset(options={"task_index": index})
    return [*WRONG, *(other_solutions(env, index, 1) if index == 0 else ())]


def _seen(env: Env, task: Task, answer: str) -> dict[str, Any]:
    """Whatever of an episode reaches a policy, or a person who looks for it, place by place."""
    seen: dict[str, Any] = {"reset": begun(env.reset(seed=0, options={"task": task})), "render": env.render()}
    seen |= {"str(env)": str(env), "repr(env)": repr(env), "a refused action": _told(partial(env.step, None))}
    for turn in range(1, TURNS + 1):
        step = seen[f"step {turn}"] = stepped(env.step(answer))
        seen[f"render after step {turn}"] = env.render()
        if step["terminated"] or step["truncated"]:
            seen["a step too many"] = _told(partial(env.step, answer))
            break
    return seen | {"repr(env.unwrapped)": repr(env.unwrapped), "repr(task)": repr(base_of(env).task)}


def _told(call: Any) -> str:
    outcome = guarded(call)
    return outcome.error if isinstance(outcome, Failure) else ""


def _leak(env: Env, task: Task, answers: Iterable[str]) -> str | None:
    """Where one of the planted secrets is seen."""
    for answer in answers:
        for place, what in _seen(env, task, answer).items():
            text = json.dumps(what, ensure_ascii=False)
            for secret in (SECRET, SECRET_WORD):
                if (at := text.find(secret)) >= 0:
                    return f"{place}: …{text[max(0, at - 60) : at + 30]}…"
    return None


def _same_verdict(env: Env, task: Task, other: Task, answer: str) -> bool:
    """Whether a verifier says the same, and no, to this answer; what it says may be told."""
    verifier, context = base_of(env).verifier, {"prompt": task.prompt}
    one, two = (verifier.verify(answer, each.reference, context=context) for each in (task, other))
    return one == two and one.gradable and not one.passed


def _without_hashes(seen: dict[str, Any]) -> dict[str, Any]:
    """What is seen, less the hashes of the task: they cover its private part, and say so."""
    del seen["repr(task)"]
    for moment in seen.values():
        if isinstance(moment, dict):
            for key in ("task_id", "anchor"):
                moment["info"].pop(key, None)
    return seen


CHECKS = (
    Check(
        "private_hidden",
        "No solution and nothing else of a task's private part is in an observation, an info, a render or a repr.",
        "Give out the keys that are meant to be seen, one by one, and never task.private as a whole.",
        private_hidden,
    ),
    Check(
        "gold_hidden",
        "The gold and what hidden tests ask are in no observation, info, render, repr or error, nor in the verdict.",
        "Let texts say that an answer is wrong, not what would be right, nor what a program wrote on a hidden test.",
        gold_hidden,
    ),
    Check(
        "gold_blind",
        "Two golds with one prompt and one verdict on an answer give the same episode, hashes of the task apart.",
        "Compute nothing that is shown from the gold (its length, its sign, how near an answer is).",
        gold_blind,
        ("same_seed", "clean_reset", "gold_hidden"),
    ),
)
