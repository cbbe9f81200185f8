"""Checks of state: fork, snapshot, restore, pickling."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
from rlvr_gym.envs.check.play import Env, Record, difference, future, plain, steps
from rlvr_gym.envs.check.report import Check, NotApplicable
from rlvr_gym.envs.check.subject import UNSURE, Subject
from rlvr_gym.envs.snapshot import SnapshotError
from rlvr_gym.envs.state import fork, restore, snapshot, stack


def forks(subject: Subject) -> str | None:
    """A fork at a random turn has the future that the episode has."""
    for seed in subject.seeds:
        env, turn = _midway(subject, seed)
        [branch] = fork(env, 1)
        seen = future(branch, subject.script(seed)[turn:])
        if found := difference(seen, _rest(subject, seed, turn), f"seed {seed}, forked after turn {turn}, moment"):
            return found
    return None


def fork_isolated(subject: Subject) -> str | None:
    """Whatever is done in one branch, another and the original go on as if it had not been."""
    for seed in subject.seeds:
        env, turn = _midway(subject, seed)
        busy, idle = fork(env, 2)
        _spend(subject, busy, seed)
        for name, other in (("another fork", idle), ("the original", env)):
            seen = future(other, subject.script(seed)[turn:])
            where = f"seed {seed}, turn {turn}, {name} after a fork was played, moment"
            if found := difference(seen, _rest(subject, seed, turn), where):
                return found
    return None


def fork_reseeded(subject: Subject) -> str | None:
    """`reseed=True` gives each branch numbers of its own, the same ones in every run, and leaves the original alone."""
    draws = []
    for _ in range(2):
        env, turn = _midway(subject, subject.seeds[0])
        branches = [*fork(env, 2, reseed=True), *fork(env, 1, reseed=True), *fork(env, 1)]
        draws.append([branch.unwrapped.np_random.random() for branch in branches])
    if len(set(draws[0])) < len(draws[0]):
        return f"two branches draw the same number from np_random: {draws[0]}"
    if draws[0] != draws[1]:
        return f"the same forks of the same moment draw {draws[0]} and then {draws[1]}"
    seen = future(env, subject.script(subject.seeds[0])[turn:])
    return difference(seen, _rest(subject, subject.seeds[0], turn), "the original after reseeded forks, moment")


def snapshots(subject: Subject) -> str | None:
    """A snapshot that went through JSON has the same future in a fresh environment, each time it is restored."""
    for seed in subject.seeds:
        env, turn = _midway(subject, seed)
        text = json.dumps(snapshot(env).to_dict(), allow_nan=False)
        there = subject.fresh()
        for attempt in ("restored", "restored a second time"):
            observation, _ = restore(there, json.loads(text))
            where = f"seed {seed}, saved after turn {turn}, {attempt}"
            asked = subject.expected(seed)[turn]["observation"]
            if found := difference(plain(observation), asked, f"{where}, observation"):
                return found
            seen = future(there, subject.script(seed)[turn:])
            if found := difference(seen, _rest(subject, seed, turn), f"{where}, moment"):
                return found
    return None


def restore_anywhere(subject: Subject) -> str | None:
    """A snapshot is restored in an environment that has played other episodes since."""
    for seed in subject.seeds:
        env, turn = _midway(subject, seed)
        saved = snapshot(env)
        _spend(subject, env, seed)
        restore(env, saved)
        seen = future(env, subject.script(seed)[turn:])
        where = f"seed {seed}, saved after turn {turn}, restored after other episodes, moment"
        if found := difference(seen, _rest(subject, seed, turn), where):
            return found
    return None


def pickling(subject: Subject) -> str | None:
    """A copy through pickle, as worker processes get it, has the same future."""
    for seed in subject.seeds:
        env, turn = subject.fresh(), _turn(subject, seed)
        env.reset(seed=seed)
        steps(env, subject.script(seed)[:turn])
        there: Env = pickle.loads(pickle.dumps(env))  # noqa: S301 - its own dump
        seen = future(there, subject.script(seed)[turn:])
        if found := difference(seen, _rest(subject, seed, turn), f"seed {seed}, pickled after turn {turn}, moment"):
            return found
    return None


def _turn(subject: Subject, seed: int) -> int:
    """A random turn of the expected episode before its last step."""
    count = len(subject.expected(seed)) - 2
    return int(np.random.Generator(np.random.PCG64(seed)).integers(count))


def _midway(subject: Subject, seed: int) -> tuple[Env, int]:
    env, turn = subject.fresh(), _turn(subject, seed)
    try:
        stack(env)
    except SnapshotError as error:
        raise NotApplicable(str(error)) from error
    env.reset(seed=seed)
    steps(env, subject.script(seed)[:turn])
    return env, turn


def _spend(subject: Subject, env: Env, seed: int) -> None:
    """Play the episode to its end, and some of another one."""
    steps(env, [UNSURE] * subject.turns)
    env.reset(seed=seed + 1)
    steps(env, [UNSURE] * 2)


def _rest(subject: Subject, seed: int, turn: int) -> Record:
    return subject.expected(seed)[turn + 1 :]


def _check(name: str, sentence: str, advice: str, run: Any, *needs: str) -> Check:
    return Check(name, sentence, advice, run, ("same_seed", "clean_reset", "no_interference", *needs))


_STATE = "Give all hidden state in get_state(), take all of it in set_state()"
CHECKS = (
    _check(
        "fork",
        "fork(env) at any turn has the future that the environment itself has for the same actions.",
        f"{_STATE}, and forget nothing in copy().",
        forks,
    ),
    _check(
        "fork_isolated",
        "What is done in a fork changes neither another fork nor the original.",
        "Share nothing that changes: give get_state() and set_state(), which fork() uses on copies.",
        fork_isolated,
        "fork",
    ),
    _check(
        "fork_reseeded",
        "fork(env, reseed=True) gives each branch random numbers of its own, the same ones in every run.",
        "Draw random numbers from self.np_random alone, and leave branch_rng() as it is.",
        fork_reseeded,
        "fork",
    ),
    _check(
        "snapshot",
        "A snapshot survives JSON, and restored in a fresh environment, once or twice, it has the same future.",
        f"{_STATE}, as JSON: str keys, no tuples, no sets.",
        snapshots,
    ),
    _check(
        "restore_anywhere",
        "A snapshot is restored in an environment that has played other episodes as well as in a fresh one.",
        "Let set_state() replace everything that an episode changes, rather than add to it.",
        restore_anywhere,
        "snapshot",
    ),
    _check(
        "pickling",
        "An environment pickled in the middle of an episode goes on elsewhere as it would have here.",
        "Keep no lambdas, locks, files or generators in attributes.",
        pickling,
    ),
)
