"""`rlvr play`: a person answers in the terminal."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import gymnasium as gym

from rlvr_gym.cli import specs
from rlvr_gym.cli.console import say
from rlvr_gym.envs import TextEnv
from rlvr_gym.envs.task import check_int


def run_play(args: argparse.Namespace) -> int:
    """Play episodes until they are done or the input ends."""
    check_int("--episodes", args.episodes, 1, None)
    check_int("--seed", args.seed, 0, None)
    env = specs.env_factory(args.env, specs.parse_settings(args.settings))()
    played = passed = 0
    for number in range(args.episodes):
        observation, info = env.reset(seed=args.seed + number)
        over = False
        while not over:
            say(observation)
            answer = _answer()
            if answer is None:
                say(f"{passed} of {played} right")
                return 0
            observation, reward, terminated, truncated, info = env.step(_declared(env, answer))
            over = terminated or truncated
        played += 1
        passed += bool(info.get("passed"))
        say(_result(info, float(reward)))
    say(f"{passed} of {played} right")
    return 0


def _answer() -> str | None:
    """One line from the person, or a fenced block as a whole; None at the end of the input."""
    if sys.stdin.isatty():
        sys.stdout.write("> ")
        sys.stdout.flush()
    lines = [sys.stdin.readline()]
    if not lines[0]:
        return None
    if lines[0].lstrip().startswith("```"):
        while (line := sys.stdin.readline()) and line.strip() != "```":
            lines.append(line)
        lines.append(line)
    return "".join(lines).rstrip("\n")


def _declared(env: gym.Env[str, str], answer: str) -> str:
    """What a person types, between tags where the environment looks for them and there are none and no tools."""
    base = env.unwrapped
    if not isinstance(base, TextEnv) or "answer_tag" not in getattr(base.verifier, "markers", ()):
        return answer
    declared = any(marker in answer for marker in ("<answer>", "\\boxed", "####"))
    return answer if declared or base.offered(base.task) else f"<answer>{answer}</answer>"


def _result(info: dict[str, Any], reward: float) -> str:
    verdict = info.get("verdict")
    if verdict is None:
        return f"over ({info.get('stop_reason')}), reward {reward:g}"
    return f"{verdict['status']}: {verdict['reason']['text']}, reward {reward:g}\n"
