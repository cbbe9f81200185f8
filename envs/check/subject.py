"""`Subject`: what is checked: fresh copies of an environment, what is answered in them, what should come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from rlvr_gym.envs.check.play import Env, Record, play
from rlvr_gym.envs.check.report import NotApplicable
from rlvr_gym.envs.task import Task
from rlvr_gym.envs.text_env import TextEnv
from rlvr_gym.envs.wrappers.many import text_env_of

Solve = Callable[[Env], str | Sequence[str] | None]
UNSURE = "I do not know."


@dataclass(frozen=True)
class Subject:
    """What is checked, and how much of it.

    Args:
        build: Makes a copy that nobody has used.
        spec: What rebuilds it from JSON; None where there is nothing of the kind.
        render_mode: Of the copies.
        seeds: Seeds of the episodes that are compared.
        tasks: How many tasks are answered where an answer's worth is looked at.
        turns: At most so many steps of an episode are compared.
        solve: The right answer to the task of an environment that was just reset, or the right answers turn by turn;
            None where it is not known.
    """

    build: Callable[[], Env]
    spec: EnvSpec | None
    render_mode: str | None
    seeds: tuple[int, ...]
    tasks: int
    turns: int
    solve: Solve
    _made: list[Env] = field(default_factory=list)
    _scripts: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _expected: dict[int, Record] = field(default_factory=dict)

    def fresh(self) -> Env:
        """A copy that nobody has used."""
        self._made.append(self.build())
        return self._made[-1]

    def close(self) -> None:
        """Close every copy that was made."""
        while self._made:
            self._made.pop().close()

    def answers(self, env: Env) -> tuple[str, ...]:
        """What solves the task of an environment that was just reset, turn by turn; empty where that is not known."""
        found = self.solve(env)
        return () if found is None else (found,) if isinstance(found, str) else tuple(found)

    def script(self, seed: int) -> tuple[str, ...]:
        """What is answered in the episode of this seed: wrong answers, in two of three episodes a right one among them.

        Wrong answers that look right are the right ones to other tasks.
        """
        if seed not in self._scripts:
            env = self.fresh()
            env.reset(seed=seed)
            wrong = [*other_solutions(env, seed, 1), UNSURE, f"#### {seed + 11}", ""]
            texts = [wrong[i % len(wrong)] for i in range(self.turns)]
            place = {0: None, 1: 0, 2: 2}[seed % 3]
            right = self.answers(env)
            if place is not None and right:
                place = min(place, self.turns - 1)
                texts[place : place + len(right)] = right
            self._scripts[seed] = tuple(texts[: self.turns])
        return self._scripts[seed]

    def expected(self, seed: int) -> Record:
        """What a fresh copy makes of this seed's script."""
        if seed not in self._expected:
            self._expected[seed] = play(self.fresh(), seed, self.script(seed))
        return self._expected[seed]


def made(spec: EnvSpec, render_mode: str | None) -> Env:
    """An environment from its spec, without Gymnasium's checker around it."""
    more: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    return gym.make(spec, disable_env_checker=True, **more)


def base_of(env: Env) -> TextEnv:
    """The innermost environment.

    Raises:
        NotApplicable: It is no `TextEnv`.
    """
    base = env.unwrapped
    if not isinstance(base, TextEnv):
        raise NotApplicable(f"needs a rlvr_gym.envs.TextEnv as the innermost environment, not {type(base).__name__}")
    return base


def played_in(env: Env) -> TextEnv:
    """The environment that the present episode is played in: the innermost, or the one that this has chosen.

    Raises:
        NotApplicable: It is no `TextEnv`.
    """
    return text_env_of(env) or base_of(env)


def expert_answers(env: Env) -> list[str]:
    """What solves the task by its own account; the default of `Subject.solve`."""
    base = text_env_of(env)
    return [] if base is None else base.expert(base.task)


def other_solutions(env: Env, start: int, count: int) -> list[str]:
    """Solutions of other tasks of the set than the present one, from a place in it on."""
    base = text_env_of(env)
    if base is None:
        return []
    size = len(base.taskset)
    tasks = (base.taskset.task((start + i) % size) for i in range(1, min(size, 2 * count + 2)))
    found = [base.expert(task) for task in tasks if task.id != base.task.id]
    return [answers[-1] for answers in found if answers][:count]


def with_private(task: Task, changes: Mapping[str, Any]) -> Task:
    """The task with other values in its private part; everything else is as it was."""
    return Task.create(
        task.prompt,
        {**task.private, **changes},
        tools=task.tools,
        difficulty=task.difficulty,
        metadata=task.metadata,
    )
