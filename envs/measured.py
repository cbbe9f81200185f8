"""Episodes played by scripted policies: what the card of an environment shows as measured.

A policy here is a function of the environment, its last observation and random numbers of its own. It may look at the
tasks: it is no player but a yardstick.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import gymnasium as gym
from rlvr_gym.envs.procedural import TaskRandom
from rlvr_gym.envs.task import Task, TaskSet
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.verifiers import RlvrError, Verdict

EPISODES = 400
EPISODES_OF = {"code": 10, "game": 100, "tool": 20}  # by the family of the card: some take long
COUNTED = 200  # tasks among which the most frequent answer is looked for

Policy = Callable[[gym.Env[str, str], str, TaskRandom, int], str]  # also told the number of the turn, from 0


class CardError(RlvrError, RuntimeError):
    """A card cannot be made: something is missing or was not judged."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a policy said, and what it was told.

    Args:
        response: Said.
        observation: Told after it; empty where the episode ended.
    """

    response: str
    observation: str


@dataclass(frozen=True, slots=True)
class Played:
    """One episode.

    Args:
        prompt: The first observation.
        turns: All turns.
        reward: Their rewards, summed.
        verdict: The judgement; None where the episode was cut off before there was one.
        stop_reason: As `info` has it.
    """

    prompt: str
    turns: tuple[Turn, ...]
    reward: float
    verdict: Verdict | None
    stop_reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy earned.

    Args:
        policy: Its name.
        does: What it responds.
        episodes: Played, with the seeds 0, 1, 2, ...
        reward: Their mean reward.
        dense: The mean score of their verdicts: the reward with `reward="dense"`.
    """

    policy: str
    does: str
    episodes: int
    reward: float
    dense: float


def play(env: gym.Env[str, str], policy: Policy, *, seed: int) -> Played:
    """Play one episode.

    Raises:
        CardError: It was ungradable: the failure is ours, and no figure of this machine is worth showing.

    Example:
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact")
        >>> played = play(env, solution, seed=0)
        >>> played.prompt, played.turns[0].response, played.reward
        ('14+40=', '54', 1.0)
    """
    rng = TaskRandom(b"card|%d" % seed)
    prompt = seen = _told(env.reset(seed=seed)[1])
    turns, total, over = list[Turn](), 0.0, False
    while not over:
        response = policy(env, seen, rng, len(turns))
        reward, over, info = _say(env, response)
        seen = _told(info)
        turns.append(Turn(response, seen))
        total += reward
    verdict = Verdict.from_dict(info["verdict"]) if "verdict" in info else None
    if verdict is not None and not verdict.gradable:
        raise CardError(f"an episode could not be judged: {verdict.reason.text} (of sandboxes see rlvr sandbox doctor)")
    return Played(prompt, tuple(turns), total, verdict, str(info["stop_reason"]))


def scores(env: gym.Env[str, str]) -> tuple[Score, ...]:
    """What each of `POLICIES` earns in an environment."""
    base = text_env(env)
    episodes = EPISODES_OF.get(base.card.family, EPISODES) if base.card is not None else EPISODES
    return tuple(_score(env, name, does, policy, episodes) for name, (does, policy) in POLICIES.items())


def text_env(env: gym.Env[str, str]) -> TextEnv:
    """The environment below the wrappers.

    Raises:
        CardError: It is no `TextEnv`.
    """
    base = env.unwrapped
    if not isinstance(base, TextEnv):
        raise CardError(f"{type(base).__name__} is no TextEnv")
    return base


def solution(env: gym.Env[str, str], seen: str, rng: TaskRandom, turn: int) -> str:
    """The task's reference solution.

    Raises:
        CardError: It has none.
    """
    base = text_env(env)
    return _known(base, base.task, turn)


def another_solution(env: gym.Env[str, str], seen: str, rng: TaskRandom, turn: int) -> str:
    """The reference solution of another of the first tasks of the set, drawn uniformly, a new one at each turn.

    It is a random answer in the right form. Tasks of equal content at other places of the set are other tasks.

    Raises:
        CardError: There is no other task.
    """
    base = text_env(env)
    if len(base.taskset) < 2:
        raise CardError("the task set holds one task only")
    count = min(len(base.taskset), COUNTED)  # to find a solution may take long, and these are found already
    while (task := base.taskset.task(rng.below(count))) is base.task:
        pass
    return _known(base, task, turn)


def most_frequent(env: gym.Env[str, str], seen: str, rng: TaskRandom, turn: int) -> str:
    """The reference solution of the answer that most of the first tasks have; the same in every episode."""
    base = text_env(env)
    return _known(base, _constant(base.taskset), turn)


def noise(env: gym.Env[str, str], seen: str, rng: TaskRandom, turn: int) -> str:
    """Up to 64 characters of printable ASCII, each drawn uniformly."""
    return "".join(chr(rng.between(32, 126)) for _ in range(rng.below(65)))


def echo(env: gym.Env[str, str], seen: str, rng: TaskRandom, turn: int) -> str:
    """What was observed last."""
    return seen


POLICIES: dict[str, tuple[str, Policy]] = {
    "gold": ("the reference solution", solution),
    "random answer": (f"the solution of another of the first {COUNTED} tasks, drawn uniformly", another_solution),
    "constant": (f"the reference solution of the most frequent answer among the first {COUNTED} tasks", most_frequent),
    "echo": ("the observation", echo),
    "random text": ("0 to 64 printable ASCII characters, drawn uniformly", noise),
}


def _say(env: gym.Env[Any, Any], response: str) -> tuple[float, bool, dict[str, Any]]:
    """Play a turn, token by token where actions are tokens; gives reward, end and info."""
    if isinstance(env.action_space, gym.spaces.Text):
        _, reward, terminated, truncated, info = env.step(response)
        return float(reward), terminated or truncated, info
    tokenizer, total = env.get_wrapper_attr("tokenizer"), 0.0
    for token in (*tokenizer.encode(response), tokenizer.eos_id):
        _, reward, terminated, truncated, info = env.step(token)
        total += float(reward)
        if "messages" in info:  # the turn is over
            break
    return total, terminated or truncated, info


def _told(info: dict[str, Any]) -> str:
    last = info["messages"][-1]
    return str(last["content"]) if last["role"] == "user" else ""


@functools.lru_cache(maxsize=16)
def _constant(taskset: TaskSet) -> Task:
    tasks = list(islice(taskset, COUNTED))
    golds = [json.dumps(task.reference, sort_keys=True, default=str) for task in tasks]
    return tasks[golds.index(Counter(golds).most_common(1)[0][0])]


def _known(base: TextEnv, task: Task, turn: int) -> str:
    """What the task's expert says in this turn; the last again where the episode goes on."""
    answers = base.expert(task)
    if not answers:
        raise CardError(f"task {task.id} has no reference solution: put one in its private part")
    return answers[min(turn, len(answers) - 1)]


def _score(env: gym.Env[str, str], name: str, does: str, policy: Policy, episodes: int) -> Score:
    played = [play(env, policy, seed=seed) for seed in range(episodes)]
    dense = [one.verdict.score if one.verdict is not None else 0.0 for one in played]
    return Score(name, does, episodes, sum(one.reward for one in played) / episodes, sum(dense) / episodes)
