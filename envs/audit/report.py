"""What an audit found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
FINDINGS = {
    "paid": "it passes, and more often than luck would",
    "rewarded": "it is paid more than an honest wrong answer, or than chance",
    "ungradable": "it makes episodes ungradable, and these are masked: a policy could hide its failures there",
    "error": "the environment raises, which ends a training run",
}


@dataclass(frozen=True, slots=True)
class Example:
    """One episode of an attack: the first that is part of a finding, else the first.

    Args:
        task: Its task's id, or the seed of the episode.
        response: The last response, cut.
        length: Its full length in characters.
        reward: What it was paid.
        note: Why, or what was raised.
    """

    task: str
    response: str
    length: int
    reward: float
    note: str


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What one attack earned with one way to declare answers and one reward.

    Args:
        attack: Its name.
        kind: Its kind.
        carrier: How answers were declared; empty where the attack does not depend on it.
        reward: The reward function of the environment; empty where it has no choice of them.
        episodes: How many episodes were played.
        passed: How many passed.
        ungradable: How many could not be graded.
        errors: In how many the environment raised.
        mean_reward: Mean sum of rewards.
        level: What the mean reward is held to; for `dense`, the best honest wrong answer on the same tasks.
        findings: Names of `FINDINGS`; empty where nothing is wrong.
        example: See `Example`.
    """

    attack: str
    kind: str
    carrier: str
    reward: str
    episodes: int
    passed: int
    ungradable: int
    errors: int
    mean_reward: float
    level: float
    findings: tuple[str, ...]
    example: Example


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found; equal calls give equal reports.

    Args:
        target: The environment's id or the verifier's name.
        settings: Its keywords.
        family: Which attacks were chosen.
        seed: Seed of the tasks.
        tasks: How many tasks were played.
        solved: On how many of them an honest right answer passed; None where no right answer is known.
        carriers: The ways to declare an answer that were tried.
        chance: The chance level that passes are held to.
        chance_reason: Where that comes from.
        false_alarm: The probability that luck alone makes a finding somewhere in this report.
        results: One a attack, carrier and reward function.
        notes: What a reader should know.
    """

    target: str
    settings: Mapping[str, Any]
    family: str
    seed: int
    tasks: int
    solved: int | None
    carriers: tuple[str, ...]
    chance: float
    chance_reason: str
    false_alarm: float
    results: tuple[AttackResult, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[AttackResult, ...]:
        """The results with a finding."""
        return tuple(result for result in self.results if result.findings)

    @property
    def ok(self) -> bool:
        """Whether no attack succeeded."""
        return not self.findings

    @property
    def caught(self) -> tuple[str, ...]:
        """The names of the attacks with a finding, each once."""
        return tuple(dict.fromkeys(result.attack for result in self.findings))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values, without clocks: equal reports give equal bytes."""
        return {"version": VERSION, "ok": self.ok, **asdict(self), "settings": dict(self.settings)}
