"""A policy of known success probability: what a runner reports about it can be checked against closed forms.

It knows the tasks' reference solutions and answers each task correctly with a probability that is fixed in advance, so
pass@k of task i is exactly `1 - (1 - p_i)**k`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rlvr_gym.agents.policy import Completion, Policy, Request, last_user_text, seed_from, unit_interval
from rlvr_gym.envs import Task, TextAction, TextEnv
from rlvr_gym.verifiers import ConfigError

WRONG = "I do not know."


class ScriptedPolicy(Policy):
    """Answers each task with its reference solution with a known probability, else with a refusal.

    Where a task takes several turns it says what the expert says, each turn with the root of the probability of that
    degree, so that the whole succeeds with the probability itself.

    Args:
        tasks: Tasks with a `solution`, or, with an environment, with an expert.
        probability: Success probability, for all tasks or as a function of the task; each in [0, 1].
        env: Where the tasks are played: it says how an episode begins and what its expert does. By default an episode
            begins with the task's prompt and its solution is all that is to be said.

    Raises:
        ConfigError: A task has no solution, two with different ones begin alike, or a probability is outside [0, 1].

    Example:
        >>> policy = ScriptedPolicy([Task.create("1+1=", {"reference": 2, "solution": "2"})], 1.0)
        >>> policy.act([[{"role": "user", "content": "1+1="}]])[0].text
        '2'
    """

    def __init__(
        self, tasks: Iterable[Task], probability: float | Callable[[Task], float], env: TextEnv | None = None
    ) -> None:
        self._moves: dict[str, list[str]] = {}
        self.probabilities: dict[str, float] = {}
        for task in tasks:
            p = probability(task) if callable(probability) else probability
            if not 0.0 <= p <= 1.0:
                raise ConfigError(f"a success probability must lie in [0, 1], got {p!r} for task {task.id}")
            opening, moves = _known(task, env)
            if not moves:
                raise ConfigError(f"task {task.id} has no reference solution, which a scripted policy answers with")
            if self._moves.setdefault(opening, moves) != moves:
                raise ConfigError(f"task {task.id} begins as another one does: nothing said would tell them apart")
            self.probabilities[opening] = p

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Policy.sample`."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Completion:
        said = 0
        for message in reversed(request.conversation):
            if message["role"] == "user" and message["content"] in self._moves:
                return self._move(str(message["content"]), said, request.seed)
            said += message["role"] == "assistant"
        prompt = last_user_text(request.conversation)
        raise ConfigError(f"the scripted policy does not know this task: {prompt[:80]!r}")

    def _move(self, opening: str, turn: int, seed: int) -> Completion:
        moves = self._moves[opening]
        if unit_interval(seed) >= self.probabilities[opening] ** (1 / len(moves)):
            return Completion(WRONG)
        move = moves[min(turn, len(moves) - 1)]
        return Completion(str(move), tool_calls=move.tool_calls if isinstance(move, TextAction) else ())


def _known(task: Task, env: TextEnv | None) -> tuple[str, list[str]]:
    """How an episode with this task begins, and what solves it."""
    if env is None:
        return task.prompt, [] if task.solution is None else [task.solution]
    opening, _ = env.reset(options={"task": task})
    return opening, env.expert(task)


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
