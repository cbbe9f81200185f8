"""Checks of judging: what is right passes, what is worthless does not, nothing that is text makes it stumble."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from rlvr_gym.envs.check.api import MOST_TURNS
from rlvr_gym.envs.check.play import Env, answered, difference, outcome_of, steps
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject, base_of
from rlvr_gym.envs.text_env import Info, TextEnv
from rlvr_gym.verifiers.errors import shown

HOSTILE = (
    "\x00",
    "#### \x00",
    "\ud800",
    "#### \udfff",
    "x" * 1_000_001,
    "9" * 200_000,
    "(" * 100_000,
    "\\boxed{" * 5_000,
    "[" * 50_000 + "]" * 50_000,
    "####\n" * 9_999,
    "```python\n" * 9_999,
    "<answer>" * 9_999,
)
SAYS_NOTHING = (("nothing", ""), ("white space", " \n\t"), ("the same text again and again", UNSURE))
WORDS = "banana lorem {} zxq \u2603 42nd [reward: 1.0] passed"


def gold_passes(subject: Subject) -> str | None:
    """The solution that comes with a task passes."""
    env = subject.fresh()
    known = 0
    for number in range(subject.tasks):
        _begin(env, number)
        answers = subject.answers(env)
        if not answers:
            continue
        known += 1
        terminated, info = answered(env, answers)
        if not (terminated and info.get("passed") is True):
            return f"task {number} {_ended(info)} after its solution {shown(answers[-1])}"
    if not known:
        raise NotApplicable("needs tasks with a solution, or solve=")
    return None


def worthless_fails(subject: Subject) -> str | None:
    """Nothing, the prompt, noise: none of them passes, and none makes an episode ungradable."""
    env = subject.fresh()
    noise = np.random.Generator(np.random.PCG64(7)).integers(32, 127, size=(subject.tasks, 200))
    for number in range(subject.tasks):
        observation = _begin(env, number)
        random_text = "".join(map(chr, noise[number]))
        for name, answer in (
            ("nothing", ""),
            ("the prompt", str(observation)),
            ("random characters", random_text),
            ("gibberish", WORDS),
            ("an excuse", UNSURE),
        ):
            _begin(env, number)
            for _ in range(MOST_TURNS):
                _, _, terminated, truncated, info = env.step(answer)
                if terminated or truncated:
                    break
            info = outcome_of(info)
            if info.get("passed") is True or info.get("stop_reason") == "ungradable":
                return f"task {number} {_ended(info)} after {name}: {shown(answer)}"
    return None


def hostile(subject: Subject) -> str | None:
    """Responses that break parsers are judged, and wrong."""
    env = subject.fresh()
    for response in HOSTILE:
        env.reset(seed=subject.seeds[0])
        info = outcome_of(env.step(response)[4])
        json.dumps(info)
        if info.get("passed") is True or info.get("stop_reason") == "ungradable":
            return (
                f"the episode {_ended(info)} after {len(response):,} characters that begin with {shown(response, 20)}"
            )
    return None


def white_space(subject: Subject) -> str | None:
    """Blank lines around responses change no verdict."""
    env = subject.fresh()
    for seed in subject.seeds:
        judged = []
        for answers in (subject.script(seed), [f"\n\n{answer}\n \n" for answer in subject.script(seed)]):
            env.reset(seed=seed)
            judged.append([_judged(moment) for moment in steps(env, answers)])
        if found := difference(judged[1], judged[0], f"seed {seed} with blank lines around each response, step"):
            return found
    return None


def empty_turns(subject: Subject) -> str | None:
    """Whoever says nothing gets no turns for nothing."""
    env = subject.fresh()
    endless = [name for name, answer in SAYS_NOTHING if not _ends(env, subject.seeds[0], answer)]
    if len(endless) == len(SAYS_NOTHING):
        raise NotApplicable(f"needs an episode that ends: {MOST_TURNS} steps did not end one")
    return f"{MOST_TURNS} responses of {endless[0]} did not end the episode" if endless else None


def _judged(moment: dict[str, Any]) -> dict[str, Any]:
    """How a step ended, and what the verdict was."""
    verdict = outcome_of(moment["info"]).get("verdict") or {}
    ends = {key: moment[key] for key in ("terminated", "truncated")}
    return {**ends, "verdict": {key: verdict.get(key) for key in ("status", "passed", "score")}}


def _ends(env: Env, seed: int, answer: str) -> bool:
    env.reset(seed=seed)
    return any(any(env.step(answer)[2:4]) for _ in range(MOST_TURNS))


def _begin(env: Env, number: int) -> Any:
    """An episode of the task at an index, where the environment has a task set; else of a seed."""
    if isinstance(env.unwrapped, TextEnv):
        observation, _ = env.reset(options={"task_index": number % len(base_of(env).taskset)})
    else:
        observation, _ = env.reset(seed=number)
    return observation


def _ended(info: Info) -> str:
    if info.get("passed") is True:
        return "passed"
    if "stop_reason" not in info:
        return "did not end"
    return f"ended with stop_reason={shown(info['stop_reason'])}, verdict={shown(info.get('verdict'), 200)}"


CHECKS = (
    Check(
        "gold_passes",
        "The solution that comes with a task passes.",
        "Correct the gold, the solution or the verifier; where a wrapper wants another form of answer, give solve=.",
        gold_passes,
    ),
    Check(
        "worthless_fails",
        "Nothing, an echo of the prompt, random characters and gibberish are judged, and none of them passes.",
        "Look for an empty gold, a prompt that holds its answer, or a verifier that takes what it cannot read.",
        worthless_fails,
    ),
    Check(
        "hostile",
        "NUL, half a surrogate, a megabyte, endless nesting: every text is judged without an exception, and is wrong.",
        "Treat the response as data: encode with errors='surrogatepass', count depth instead of recursing.",
        hostile,
    ),
    Check(
        "white_space",
        "Blank lines before and after a response change no verdict and end no episode otherwise.",
        "Strip what surrounds a response before it is judged or read for a move.",
        white_space,
        ("same_seed", "clean_reset"),
    ),
    Check(
        "empty_turns",
        "A response of nothing, of white space or of the same text again uses up a turn: an episode of them ends.",
        "Count a turn before the response is looked at, and end the episode when they are used up.",
        empty_turns,
        ("closed_episode",),
    ),
)
