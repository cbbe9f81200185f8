"""Episodes: what happened, with everything a learner needs and nothing to be tokenised again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
        thread: Name of the conversation that it continued; empty where an episode is one conversation.
    """

    completion: Completion
    reward: float
    anchor: str
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """One rollout.

    Args:
        task_id: Content hash of the task; empty where the environment failed before there was one.
        turns: The exchanges in order.
        passed: The strict outcome. False for an episode that ran into a limit; None where it could not be judged.
        stop_reason: `"answered"`, `"max_turns"`, `"ungradable"`, `"error"` (the environment raised, or a server refused
            what it was asked) or `"deadline"` (it took longer than it may).
        verdict: The verdict as a JSON object; empty where there is none.
        error: The traceback or the server's message, for `"error"`; what was waited for, for `"deadline"`.
        retries: How often a reset or a step was tried again. Nothing else tells a retried episode from another.
        tool_stats: Tool to `{"calls", "errors", "cost"}`, of a `ToolEnv`; None where the environment has no tools or
            the episode did not come to its end.
        tool_seconds: Tool to the seconds that it took; of the clock, so no part of whether two episodes are equal.
        hint: The share of the reference solution that the prompt showed.
        passed_with_hint: The outcome where there was a hint; `passed` is then False, so that nothing counts it by
            mistake. None where there was none, or the episode could not be judged.
        judged: What a trainer needs to make another reward of the verdict: `paid`, which part of the last reward the
            verdict was paid by; of a policy that tried again, the `factor` of that part, and `answers` and `tool_calls`
            of the attempts before; and the `verdict` itself where there was a hint.
    """

    task_id: str
    turns: tuple[Turn, ...]
    passed: bool | None
    stop_reason: str
    verdict: Mapping[str, Any]
    error: str = ""
    retries: int = 0
    tool_stats: Mapping[str, Mapping[str, Any]] | None = None
    tool_seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    hint: float = 0.0
    passed_with_hint: bool | None = None
    judged: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gradable(self) -> bool:
        """False where we failed, not the policy: learners mask such an episode and benchmarks count it apart."""
        return self.stop_reason not in UNGRADABLE_REASONS

    @property
    def succeeded(self) -> bool:
        """Whether it passed, with a hint or without: what learners compare. Pass rates count `passed` alone."""
        return bool(self.passed or self.passed_with_hint)

    @property
    def reward(self) -> float:
        """Undiscounted sum of the rewards."""
        return sum(turn.reward for turn in self.turns)

    @property
    def completion(self) -> Completion:
        """The last thing the policy said; an empty completion where it never spoke."""
        return self.turns[-1].completion if self.turns else Completion("")


def tool_totals(stats: Iterable[Mapping[str, Mapping[str, Any]] | None]) -> dict[str, dict[str, Any]]:
    """The statistics of several episodes as one, tools in the order of their names; None adds nothing.

    Example:
        >>> first = {"sql": {"calls": 2, "errors": 1, "cost": 0.0}}
        >>> tool_totals([first, None, {"sql": {"calls": 1, "errors": 0, "cost": 0.5}}])
        {'sql': {'calls': 3, 'errors': 1, 'cost': 0.5}}
    """
    found: dict[str, dict[str, Any]] = {}
    for episode in stats:
        for name, row in (episode or {}).items():
            total = found.setdefault(name, {"calls": 0, "errors": 0, "cost": 0.0})
            for key in total:
                total[key] += row[key]
    return dict(sorted(found.items()))
