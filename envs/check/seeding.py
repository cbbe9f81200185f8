"""Checks of randomness: a seed decides everything, and nothing else decides anything."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from rlvr_gym.envs.check.play import after, begun, difference, play, steps
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject
from rlvr_gym.envs.text_env import TextEnv

SEEDS_TRIED = 20
EPISODES_OF_A_STREAM = 10


def same_seed(subject: Subject) -> str | None:
    """Two fresh environments, one seed, the same answers."""
    for seed in subject.seeds:
        again = play(subject.fresh(), seed, subject.script(seed))
        if found := difference(again, subject.expected(seed), f"seed {seed} in two fresh environments, moment"):
            return found
    return None


def seeds_matter(subject: Subject) -> str | None:
    """Other seeds, other tasks."""
    env = subject.fresh()
    _needs_tasks(env)
    found = {_task(begun(env.reset(seed=seed))) for seed in range(SEEDS_TRIED)}
    return f"{SEEDS_TRIED} seeds, and always the same task" if len(found) == 1 else None


def stream(subject: Subject) -> str | None:
    """A reset without a seed goes on with the stream that the last seed began."""
    env, other = subject.fresh(), subject.fresh()
    _needs_tasks(env)
    streams = []
    for each in (env, other):
        each.reset(seed=11)
        streams.append([begun(each.reset()) for _ in range(EPISODES_OF_A_STREAM)])
    if found := difference(streams[1], streams[0], "the same stream once more, episode"):
        return found
    alike = len(set(map(_task, streams[0]))) == 1
    return f"{EPISODES_OF_A_STREAM} resets without a seed, and always the same task" if alike else None


def clean_reset(subject: Subject) -> str | None:
    """An episode after others, ended ones and abandoned ones, is as in a fresh environment."""
    env = subject.fresh()
    for seed in (*subject.seeds, subject.seeds[0]):
        env.reset(seed=seed + 100)
        steps(env, [UNSURE])
        again = play(env, seed, subject.script(seed))
        if found := difference(again, subject.expected(seed), f"seed {seed} after other episodes, moment"):
            return found
    return None


def global_random(subject: Subject) -> str | None:
    """The generators of `random` and NumPy are neither asked nor moved."""
    seed = subject.seeds[0]
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        play(subject.fresh(), seed, subject.script(seed))
        if random.getstate() != before[0]:
            return "an episode moved the global generator of `random`"
        if repr(np.random.get_state()) != repr(before[1]):  # noqa: NPY002
            return "an episode moved the global generator of NumPy"
        random.random(), np.random.random()  # noqa: NPY002
        again = play(subject.fresh(), seed, subject.script(seed))
        return difference(again, subject.expected(seed), "after somebody drew global random numbers, moment")
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def no_interference(subject: Subject) -> str | None:
    """Two environments stepped in turn play what each plays alone."""
    seeds = (subject.seeds[0], subject.seeds[-1] + 1)
    envs = [subject.fresh() for _ in seeds]
    records = [[begun(env.reset(seed=seed))] for env, seed in zip(envs, seeds, strict=True)]
    lengths = [len(subject.expected(seed)) - 2 for seed in seeds]
    for turn in range(max(lengths)):
        for env, seed, record, length in zip(envs, seeds, records, lengths, strict=True):
            if turn < length:
                record += steps(env, subject.script(seed)[turn : turn + 1])
    for env, seed, record in zip(envs, seeds, records, strict=True):
        record.append(after(env))
        if found := difference(record, subject.expected(seed), f"seed {seed} beside another environment, moment"):
            return found
    return None


def _task(moment: dict[str, Any]) -> str:
    """The task's id, or what is asked where there is none."""
    return str(moment["info"].get("task_id", moment["observation"]))


def _needs_tasks(env: object) -> None:
    base = getattr(env, "unwrapped", None)
    if isinstance(base, TextEnv) and len(base.taskset.distinct(2)) < 2:
        raise NotApplicable("needs a task set with more than one task")


CHECKS = (
    Check(
        "same_seed",
        "Two fresh environments with one seed and the same answers play one episode: texts, rewards, flags, infos.",
        "Draw every random number from self.np_random; keep clocks, counters, ids and sets out of what is returned.",
        same_seed,
    ),
    Check(
        "seeds_matter",
        "Different seeds give different tasks.",
        "Call super().reset(seed=seed), and choose the task with self.np_random.",
        seeds_matter,
    ),
    Check(
        "stream",
        "After reset(seed=s), resets without a seed give one reproducible stream of different tasks.",
        "Seed the generator only where a seed is given, and never build it anew in reset().",
        stream,
        ("same_seed", "seeds_matter"),
    ),
    Check(
        "clean_reset",
        "An episode does not depend on the episodes before it: it is as in a fresh environment.",
        "Set every attribute that an episode changes anew in reset() (for a TextEnv in begin()).",
        clean_reset,
        ("same_seed",),
    ),
    Check(
        "global_random",
        "The global generators of `random` and NumPy are neither moved by an episode nor asked for its numbers.",
        "Draw from self.np_random; seed nothing but that.",
        global_random,
        ("same_seed",),
    ),
    Check(
        "no_interference",
        "Two environments that are stepped in turn play what each of them plays alone.",
        "Keep what an episode changes in the environment itself, not in its class or its module.",
        no_interference,
        ("same_seed", "global_random"),
    ),
)
