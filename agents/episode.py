"""Episodes: what happened, with everything a learner needs and nothing to be tokenised again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr_gym.agents.policy import Completion

UNGRADABLE_REASONS = frozenset({"ungradable", "error", "deadline"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange.

    Args:
        completion: What the policy said, with its token ids and log-probabilities.
        reward: Reward of the step.
        anchor: Hash of the hidden state in which the policy spoke.
    """

    completion: Completion
    reward: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One rollout.

    Args:
        task_id: Content hash of the task; empty where the environment failed before there was one.
        turns: The exchanges in order.
        passed: The strict outcome. False for an episode that ran into a limit; None where it could not be judged.
        stop_reason: `"answered"`, `"max_turns"`, `"ungradable"`, `"error"` (the environment raised) or `"deadline"` (it
            took longer than it may).
        verdict: The verdict as a JSON object; empty where there is none.
        error: The traceback, for `"error"`; what was waited for, for `"deadline"`.
        retries: How often a reset or a step was tried again. Nothing else tells a retried episode from another.
    """

    task_id: str
    turns: tuple[Turn, ...]
    passed: bool | None
    stop_reason: str
    verdict: Mapping[str, Any]
    error: str = ""
    retries: int = 0

    @property
    def gradable(self) -> bool:
        """False where we failed, not the policy: learners mask such an episode and benchmarks count it apart."""
        return self.stop_reason not in UNGRADABLE_REASONS

    @property
    def reward(self) -> float:
        """Undiscounted sum of the rewards."""
        return sum(turn.reward for turn in self.turns)

    @property
    def completion(self) -> Completion:
        """The last thing the policy said; an empty completion where it never spoke."""
        return self.turns[-1].completion if self.turns else Completion("")
