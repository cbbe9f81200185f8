"""Plays one attack in one episode, and keeps what came of it. What raises is a result too."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.audit.attack import Attack, Opening
from rlvr_gym.envs.boundary import Failure, guarded

MAX_TURNS = 64
_PASSED_KEYS = ("passed", "success", "is_success")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Episode:
    """What came of an attack.

    Args:
        response: What it said in its last turn.
        reward: The sum of the rewards of its turns.
        passed: `info["passed"]`, `info["success"]` or `info["is_success"]`; where there is none, a sum of 1 or more.
        gradable: False where the failure was not the policy's: such an episode is masked.
        error: What the environment raised, as one line.
        note: The code of the verdict's reason, or how the episode stopped.
    """

    response: str
    reward: float = 0.0
    passed: bool = False
    gradable: bool = True
    error: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scripted:
    """Responds with these texts, one a turn, and then with the last: what attacks are compared with."""

    texts: tuple[str, ...]

    def turn(self, opening: Opening) -> str:
        """See `Attack.turn`."""
        return self.texts[min(opening.turn, len(self.texts) - 1)]


def play(env: gym.Env[str, str], seed: int, attack: Attack | Scripted, opening: Opening) -> Episode | None:
    """One episode.

    Args:
        env: The environment.
        seed: What it is reset with.
        attack: Who acts.
        opening: What the attack knows of this task and how it declares answers.

    Returns:
        What came of it; None where the attack says nothing about this task.
    """
    began = guarded(lambda: env.reset(seed=seed))
    if isinstance(began, Failure):
        return Episode("", error=_line(began.error), note="reset")
    latest, total, over = str(began[0]), 0.0, False
    info: dict[str, Any] = {}
    response: str | None = ""
    for turn in range(MAX_TURNS):
        response = attack.turn(replace(opening, latest=latest, turn=turn))
        if response is None:
            return None
        stepped = _step(env, response)
        if isinstance(stepped, Failure):
            return Episode(response, total, error=_line(stepped.error), note="step")
        latest, reward, over, info = stepped
        if not math.isfinite(reward):
            return Episode(response, total, error=f"the reward is {reward}", note="reward")
        total += reward
        if over:
            break
    return _ended(str(response), total, info, over)


def _step(env: gym.Env[str, str], response: str) -> tuple[str, float, bool, dict[str, Any]] | Failure:
    stepped = guarded(lambda: env.step(response))
    if isinstance(stepped, Failure):
        return stepped
    observation, reward, terminated, truncated, info = stepped
    return str(observation), float(reward), bool(terminated or truncated), info


def _ended(response: str, total: float, info: dict[str, Any], over: bool) -> Episode:
    verdict = info.get("verdict") or {}
    said = [bool(info[key]) for key in _PASSED_KEYS if key in info]
    judged = verdict.get("gradable", True) and info.get("stop_reason") != "ungradable"
    reason = verdict.get("reason", {}).get("code", "")
    note = str(reason or info.get("stop_reason", "" if over else f"not over after {MAX_TURNS} turns"))
    told = said[0] if said else verdict.get("passed")
    passed = bool(told) if told is not None else total >= 1 and judged and "stop_reason" not in info
    return Episode(response, total, passed, bool(judged), note=note)


def _line(error: str) -> str:
    """An error as one line that is the same in every process."""
    return _ADDRESS.sub("0x…", " ".join(error.split()))[:200]
