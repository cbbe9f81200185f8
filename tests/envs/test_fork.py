"""Forks of every multi-turn environment: 100 random episodes each, forked at random turns.

Identical futures for identical actions, whatever is done in another branch; other random numbers with `reseed=True`.
A registered environment with more than one turn is found by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.envs import ListTaskSet, Task, TextEnv, Transition, fork
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.wrappers import HistoryText, UnaryFeedback
from rlvr_gym.envs.wrappers.many import text_env_of
from rlvr_gym.verifiers import make_verifier

from rlvr_gym import env_ids

Env = gym.Env[Any, Any]
EPISODES = 100
CHEAP = {"rlvr/CodeRepair-v0": {"settings": {"depth": 1, "length": 4, "shown": 1}}}  # short programs, few tests


class Wheel(TextEnv):
    """Every turn is answered by a random number; the hidden state is all of them."""

    def __init__(self) -> None:
        tasks = [Task.create(f"Number {i}?", {"reference": i, "solution": f"#### {i}"}) for i in range(20, 40)]
        super().__init__(ListTaskSet(tasks), make_verifier("number@1"), max_turns=6)
        self.shown: list[int] = []

    def begin(self, task: Task) -> str:
        self.shown = [int(self.np_random.integers(10**6))]
        return f"{task.prompt} {self.shown}"

    def transition(self, action: str) -> Transition:
        verdict = self.verifier.verify(str(action), self.task.reference)
        if verdict.passed or self._turn == self.max_turns:
            return Transition(verdict=verdict)
        self.shown.append(int(self.np_random.integers(10**6)))
        return Transition(f"No. {self.shown}")


class WheelWithState(Wheel):
    """The same, not restored by replay."""

    def get_state(self) -> Any:
        return self.shown

    def set_state(self, state: Any) -> None:
        self.shown = state


def multi_turn() -> dict[str, Callable[[], Env]]:
    """What has more than one turn: the registered ids, wrapped single-turn ones, and the wheels."""
    found: dict[str, Callable[[], Env]] = {}
    for env_id in env_ids():
        settings = {**sample_settings(env_id), **CHEAP.get(env_id, {})}
        base = gym.make(f"rlvr_gym:{env_id}", **settings).unwrapped
        if not isinstance(base, TextEnv) or base.max_turns > 1:
            found[env_id] = lambda env_id=env_id, settings=settings: gym.make(f"rlvr_gym:{env_id}", **settings)
    arithmetic = "rlvr_gym:rlvr/Arithmetic-v0"
    found["Arithmetic, several tries"] = lambda: UnaryFeedback(gym.make(arithmetic), 5)
    found["Arithmetic, several tries, as one text"] = lambda: HistoryText(UnaryFeedback(gym.make(arithmetic), 5))
    return {**found, "wheel by replay": Wheel, "wheel by state": WheelWithState}


MULTI_TURN = multi_turn()


def answers(env: Env, choice: random.Random) -> list[str]:
    """Random answers to the episode that has just begun: mostly cheap wrong ones, some that look right, some right.

    Where a task takes several turns, most are an expert's, on this task or another.
    """
    base = text_env_of(env)
    assert base is not None
    other = base.taskset.task(choice.randrange(min(20, len(base.taskset)))).solution or "#### 1"
    pool = ["I do not know.", "", "#### 3", "<answer>1234</answer>", "<answer>3456</answer>", other]
    texts = [choice.choice(pool) for _ in range(6)]
    if len(moves := base.expert(base.task)) > 1:
        moves += base.expert(base.taskset.task(choice.randrange(min(20, len(base.taskset)))))
        texts = [choice.choice(moves) if choice.random() < 0.8 else text for text in texts]
    if choice.random() < 0.3:
        texts[choice.randrange(6)] = base.task.solution or ""
    return texts


def future(env: Env, actions: list[str]) -> list[Any]:
    """What the actions lead to, and the beginning of the next episode."""
    seen: list[Any] = []
    for action in actions:
        seen.append(env.step(action))
        if seen[-1][2] or seen[-1][3]:
            break
    return [*seen, env.reset()]


def midway(env: Env, seed: int) -> tuple[Env, list[str]]:
    """A random episode at a random turn, and what is to be answered from there on."""
    choice = random.Random(seed)
    env.reset(seed=seed)
    actions = answers(env, choice)
    last = choice.randrange(len(actions))
    for turn in range(last):
        [before] = fork(env, 1)
        _, _, terminated, truncated, _ = env.step(actions[turn])
        if terminated or truncated:  # the moment before the end is the last that can be forked
            return before, actions[turn:]
    return env, actions[last:]


@pytest.mark.parametrize("name", MULTI_TURN)
def test_forks_have_the_future_of_the_original_whatever_another_branch_does(name: str) -> None:
    made = MULTI_TURN[name]()
    lengths = set()
    for seed in range(EPISODES):
        env, actions = midway(made, seed)
        same, idle, busy = fork(env, 3)
        future(busy, ["I do not know.", "<answer>6543</answer>"])
        expected = future(same, actions)
        assert future(idle, actions) == expected
        assert future(env, actions) == expected
        lengths.add(len(expected))
    assert len(lengths) > 1  # they were forked at different turns


@pytest.mark.parametrize("name", MULTI_TURN)
def test_reseeded_forks_draw_numbers_of_their_own(name: str) -> None:
    draws: list[list[float]] = []
    first, second = MULTI_TURN[name](), MULTI_TURN[name]()
    for made, seed in [*((first, seed) for seed in range(EPISODES)), (second, 0)]:
        env, _ = midway(made, seed)
        branches = [*fork(env, 2, reseed=True), *fork(env, 1, reseed=True), *fork(env, 1)]
        bases = [text_env_of(branch) for branch in branches]
        draws.append([base.np_random.random() for base in bases if base is not None])
        base = text_env_of(env)
        assert base is not None
        assert base.np_random.random() == draws[-1][-1]  # the original's stream goes on
    assert len({number for row in draws[:-1] for number in row}) == 4 * EPISODES
    assert draws[0] == draws[-1]  # the same ones in every run


@pytest.mark.parametrize("make", [Wheel, WheelWithState])
def test_reseeded_forks_of_a_random_environment_have_other_futures(make: Callable[[], Env]) -> None:
    for seed in range(EPISODES):
        env, _ = midway(make(), seed)
        wrong = ["I do not know."] * 6
        futures = [future(branch, wrong) for branch in [*fork(env, 2, reseed=True), env]]
        observations = [[moment[0] for moment in each] for each in futures]
        assert observations[0] != observations[1] != observations[2] != observations[0]


def test_the_multi_turn_environments_are_found() -> None:
    assert {"rlvr/CodeRepair-v0", "rlvr/Mastermind-v0"} <= set(MULTI_TURN)
    assert not {"rlvr/Arithmetic-v0", "rlvr/GSM8K-v0"} & set(MULTI_TURN)
