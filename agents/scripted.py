"""A policy of known success probability: what a runner reports about it can be checked against closed forms.

It knows the tasks' reference solutions and answers each task correctly with a probability that is fixed in advance, so
pass@k of task i is exactly `1 - (1 - p_i)**k`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rlvr_gym.agents.policy import Completion, Policy, Request, last_user_text, seed_from, unit_interval
from rlvr_gym.envs import Task
from rlvr_gym.verifiers import ConfigError

WRONG = "I do not know."


class ScriptedPolicy(Policy):
    """Answers each task with its reference solution with a known probability, else with a refusal.

    Args:
        tasks: Tasks with a `solution`.
        probability: Success probability, for all tasks or as a function of the task; each in [0, 1].

    Raises:
        ConfigError: A task has no solution, or a probability is outside [0, 1].

    Example:
        >>> policy = ScriptedPolicy([Task.create("1+1=", {"reference": 2, "solution": "2"})], 1.0)
        >>> policy.act([[{"role": "user", "content": "1+1="}]])[0].text
        '2'
    """

    def __init__(self, tasks: Iterable[Task], probability: float | Callable[[Task], float]) -> None:
        self._answers: dict[str, str] = {}
        self.probabilities: dict[str, float] = {}
        for task in tasks:
            p = probability(task) if callable(probability) else probability
            if not 0.0 <= p <= 1.0:
                raise ConfigError(f"a success probability must lie in [0, 1], got {p!r} for task {task.id}")
            if task.solution is None:
                raise ConfigError(f"task {task.id} has no reference solution, which a scripted policy answers with")
            self._answers[task.prompt] = task.solution
            self.probabilities[task.prompt] = p

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`."""
        return [self._answer(last_user_text(request.conversation), request.seed) for request in requests]

    def _answer(self, prompt: str, seed: int) -> Completion:
        if prompt not in self._answers:
            raise ConfigError(f"the scripted policy does not know this task: {prompt[:80]!r}")
        right = unit_interval(seed) < self.probabilities[prompt]
        return Completion(self._answers[prompt] if right else WRONG)


@dataclass(frozen=True)
class Spread:
    """Success probabilities spread over [low, high] by the task's id: `low + (high - low) * u**skew`, u uniform.

    Example:
        >>> 0.1 <= Spread(0.1, 0.2)(Task.create("1+1=", {"reference": 2})) <= 0.2
        True
    """

    low: float
    high: float
    skew: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high <= 1.0:
            raise ConfigError(f"expected 0 <= low <= high <= 1, got low={self.low!r}, high={self.high!r}")

    def __call__(self, task: Task) -> float:
        """The success probability of this task."""
        u = unit_interval(seed_from("spread", task.id))
        return self.low + (self.high - self.low) * float(u**self.skew)
