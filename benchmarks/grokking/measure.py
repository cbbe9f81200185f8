"""What a model can do: how often it solves each problem, by the hidden tests and on every tape there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from rlvr_gym.agents import Play, TransformersPolicy, collect
from rlvr_gym.agents.policy import seed_from
from rlvr_gym.benchmarks.grokking.plan import Plan
from rlvr_gym.envs import Task
from rlvr_gym.envs.manufactoria import exactly_solves

WIDTH = 512  # episodes at a time
_DRAWS = 1000  # in which each problem comes, with a chance of at least 1/64 a draw


@dataclass(frozen=True)
class Support:
    """How often problems were solved.

    Args:
        problems: How many there are.
        samples: Of them all.
        passed: Samples that pass the hidden tests.
        exact: Of these, those that are right on every tape.
        solved: Problems that some sample solves.
        dense: Mean balanced score of the samples.
        programs: Different responses.
    """

    problems: int
    samples: int
    passed: int
    exact: int
    solved: int
    dense: float
    programs: int

    @property
    def pass_rate(self) -> float:
        """Share of samples that pass."""
        return self.passed / self.samples

    @property
    def exact_rate(self) -> float:
        """Share of samples that are right on every tape."""
        return self.exact / self.samples

    @property
    def at_most(self) -> float:
        """The upper end of the one-sided 95 % interval of the pass rate, where no sample passes; else 1."""
        return 1.0 if self.passed else 1.0 - 0.05 ** (1.0 / self.samples)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"pass_rate": self.pass_rate, "exact_rate": self.exact_rate, "at_most": self.at_most}


@lru_cache(maxsize=8)
def problems(plan: Plan, split: str) -> tuple[Task, ...]:
    """Every target problem of a side of the split, by its prompt."""
    tasks = plan.target(split).taskset
    found = {task.prompt: task for task in map(tasks.task, range(_DRAWS))}
    return tuple(found[prompt] for prompt in sorted(found))


def support(plan: Plan, policy: TransformersPolicy, tasks: Sequence[Task], samples: int, seed: int) -> Support:
    """Play every task so many times, sampling as in training.

    Args:
        plan: Settings.
        policy: Who plays.
        tasks: Target problems.
        samples: Of each of them.
        seed: Of the samples.
    """
    known: dict[tuple[str, str], tuple[bool, bool, float]] = {}
    passed = exact = 0
    dense, solved, programs = 0.0, set(), set()
    total = len(tasks) * samples
    envs = [plan.target("all") for _ in range(min(WIDTH, total))]
    for begin in range(0, total, WIDTH):
        chosen = [tasks[number // samples] for number in range(begin, min(begin + WIDTH, total))]
        plays = [
            Play(sample_seed=seed_from("grok", seed, begin + i), options={"task": t}) for i, t in enumerate(chosen)
        ]
        for task, episode in zip(chosen, collect(envs, policy, plays), strict=True):
            said = episode.completion.text
            if (task.id, said) not in known:
                right = bool(episode.passed)
                everywhere = right and exactly_solves(task, said, surface="compact") is True
                known[task.id, said] = (right, everywhere, float((episode.verdict or {}).get("score", 0.0)))
            right, everywhere, score = known[task.id, said]
            passed, exact, dense = passed + right, exact + everywhere, dense + score
            programs.add(said)
            solved |= {task.id} if right else set()
    return Support(len(tasks), total, passed, exact, len(solved), dense / total, len(programs))
