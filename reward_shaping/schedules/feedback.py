"""`Feedback`: what the trainer saw in one step, as counts that may be added up in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlvr_gym.reward_shaping.schedules.spec import check_count
from rlvr_gym.verifiers import ConfigError, Verdict
from rlvr_gym.verifiers.errors import shown

UNIT = 2**32  # scores are summed as whole multiples of 1 / UNIT, so that their order cannot matter


class Outcome(NamedTuple):
    """How one response to a prompt was judged.

    Args:
        prompt: Id of the prompt.
        passed: The strict outcome.
        score: The dense score, in [0, 1].
    """

    prompt: str
    passed: bool
    score: float


def outcome_of(prompt: str, verdict: Verdict | None) -> Outcome | None:
    """The outcome of a verdict. A response without one (a limit ended the episode) failed; an ungradable one is none.

    Example:
        >>> outcome_of("a", None)
        Outcome(prompt='a', passed=False, score=0.0)
    """
    if verdict is None:
        return Outcome(prompt, False, 0.0)
    return Outcome(prompt, verdict.passed, verdict.score) if verdict.gradable else None


class Count(NamedTuple):
    """Of one prompt: `n` responses, `c` of which passed."""

    n: int
    c: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """The outcomes of one step. What several processes saw of it is added up by `merged`.

    It holds whole numbers alone: adding is exact, so that no order and no partition of the outcomes changes anything.

    Args:
        step: Number of the step, at least 1. A step that was told already is ignored by whoever is told.
        per_prompt: `(n, c)` by prompt: responses that could be graded, and those that passed.
        score_units: Sum of the dense scores in units of 2**-32.
        signals: What was asked for by hand; see `Manual`.

    Raises:
        ConfigError: A field is none of this.

    Example:
        >>> feedback = Feedback.of(1, [Outcome("a", True, 1.0), Outcome("a", False, 0.5), Outcome("b", False, 0.0)])
        >>> feedback.per_prompt
        {'a': Count(n=2, c=1), 'b': Count(n=1, c=0)}
        >>> feedback.mean_dense, feedback.coverage, feedback.informative
        (0.5, 0.5, 1)
    """

    step: int
    per_prompt: Mapping[str, Count] = field(default_factory=dict)
    score_units: int = 0
    signals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_count("step", self.step, 1)
        check_count("score_units", self.score_units, 0)
        if not isinstance(self.per_prompt, Mapping):
            raise ConfigError(f"per_prompt must be (n, c) by prompt, got {shown(self.per_prompt)}")
        for prompt, count in self.per_prompt.items():
            if not isinstance(prompt, str) or not _is_count(count):
                raise ConfigError(
                    f"per_prompt must be (n, c) by prompt with 0 <= c <= n and 1 <= n, got {shown(prompt)}: "
                    f"{shown(count)}"
                )
        if not all(isinstance(name, str) for name in self.signals):
            raise ConfigError(f"signals must be names, got {shown(self.signals)}")
        own = {prompt: Count(*self.per_prompt[prompt]) for prompt in sorted(self.per_prompt)}
        object.__setattr__(self, "per_prompt", own)
        object.__setattr__(self, "signals", tuple(sorted(set(self.signals))))

    @classmethod
    def of(cls, step: int, outcomes: Iterable[Outcome | None], signals: Iterable[str] = ()) -> Feedback:
        """Count outcomes; None stands for a response that could not be graded."""
        counts: dict[str, list[int]] = {}
        units = 0
        for outcome in outcomes:
            if outcome is not None:
                count = counts.setdefault(outcome.prompt, [0, 0])
                count[0] += 1
                count[1] += bool(outcome.passed)
                units += round(outcome.score * UNIT)
        return cls(step, {prompt: Count(*count) for prompt, count in counts.items()}, units, tuple(signals))

    @property
    def attempts(self) -> int:
        """Responses."""
        return sum(count.n for count in self.per_prompt.values())

    @property
    def passes(self) -> int:
        """Responses that passed."""
        return sum(count.c for count in self.per_prompt.values())

    @property
    def mean_full(self) -> float:
        """Share of the responses that passed; 0 without any."""
        return self.passes / max(self.attempts, 1)

    @property
    def mean_dense(self) -> float:
        """Mean score; 0 without responses."""
        return self.score_units / UNIT / max(self.attempts, 1)

    @property
    def coverage(self) -> float:
        """Share of the prompts with a response that passed; 0 without any."""
        return sum(count.c > 0 for count in self.per_prompt.values()) / max(len(self.per_prompt), 1)

    @property
    def informative(self) -> int:
        """Prompts of which some responses passed and some did not: what a binary reward can learn from."""
        return sum(0 < count.c < count.n for count in self.per_prompt.values())

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "step": self.step,
            "per_prompt": {prompt: list(count) for prompt, count in self.per_prompt.items()},
            "score_units": self.score_units,
            "signals": list(self.signals),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Feedback:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: It is no such object.
        """
        if not isinstance(data, Mapping) or set(data) != {"step", "per_prompt", "score_units", "signals"}:
            raise ConfigError(f"feedback has step, per_prompt, score_units and signals, got {shown(data)}")
        return cls(data["step"], data["per_prompt"], data["score_units"], tuple(data["signals"]))


def merged(parts: Iterable[Feedback]) -> Feedback:
    """What several processes saw of one step, as one; in any order and any grouping.

    Raises:
        ConfigError: There is none, or they are of different steps.

    Example:
        >>> one, other = Feedback.of(4, [Outcome("a", True, 1.0)]), Feedback.of(4, [Outcome("a", False, 0.0)])
        >>> merged([one, other]).per_prompt
        {'a': Count(n=2, c=1)}
    """
    every = list(parts)
    steps = sorted({part.step for part in every})
    if len(steps) != 1:
        raise ConfigError(f"feedback of one step can be merged, got that of {steps or 'none'}")
    counts: dict[str, Count] = {}
    for part in every:
        for prompt, (n, c) in part.per_prompt.items():
            before = counts.get(prompt, Count(0, 0))
            counts[prompt] = Count(before.n + n, before.c + c)
    signals = tuple(name for part in every for name in part.signals)
    return Feedback(steps[0], counts, sum(part.score_units for part in every), signals)


def _is_count(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in value)
    return whole and 0 <= value[1] <= value[0] and value[0] >= 1
