"""Triggers that look at outcomes: coverage, success rate, informative groups, plateau, rescue."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from rlvr_gym.reward_shaping.schedules.feedback import Feedback, merged
from rlvr_gym.reward_shaping.schedules.spec import check_count, check_number
from rlvr_gym.reward_shaping.schedules.trigger import Stay, Trigger
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@dataclass(frozen=True)
class Windowed(Trigger):
    """Asks the last `window` steps that had outcomes; without so many in this stay there is too little evidence."""

    def fires(self, stay: Stay) -> bool | None:
        """See `Trigger.fires`."""
        last = stay.last(self.memory)
        return self.judged(last) if last else None

    @abstractmethod
    def judged(self, last: Sequence[Feedback]) -> bool | None:
        """The answer, for a whole window."""


@dataclass(frozen=True)
class Coverage(Windowed):
    """At least this share of the distinct prompts of the window has a response that passed.

    Unlike the mean success rate it is not moved by one easy prompt, and with a window of one step it is the share of
    groups from which a binary reward learns at all, but for those that pass altogether. Where a step has few prompts,
    or the same ones come back, one lucky response is a large share: then ask for more with `InformativeGroups` too.

    Args:
        min_fraction: In (0, 1].
        window: Steps.
        min_prompts: With fewer distinct prompts in the window there is too little evidence.

    Example:
        >>> few = Feedback(1, {"a": (16, 1), "b": (16, 0), "c": (16, 0), "d": (16, 0)})
        >>> Coverage(0.25).fires(Stay(1, (few,))), Coverage(0.3).fires(Stay(1, (few,)))
        (True, False)
    """

    name = "coverage"
    min_fraction: float = 0.1
    window: int = 1
    min_prompts: int = 1

    def __post_init__(self) -> None:
        if check_number("min_fraction", self.min_fraction, 0.0, 1.0) == 0:
            raise ConfigError("min_fraction must be above 0: no prompt with a success at all is no reason to switch")
        check_count("window", self.window, 1)
        check_count("min_prompts", self.min_prompts, 1)

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return self.window

    def judged(self, last: Sequence[Feedback]) -> bool | None:
        """See `Windowed.judged`."""
        prompts = {prompt for feedback in last for prompt in feedback.per_prompt}
        if len(prompts) < self.min_prompts:
            return None
        covered = {prompt for feedback in last for prompt, count in feedback.per_prompt.items() if count.c}
        return len(covered) / len(prompts) >= self.min_fraction


@dataclass(frozen=True)
class SuccessRate(Windowed):
    """The lower bound of the share of responses that passed is above a threshold (Wilson 1927, JASA 22:209).

    The bound takes the responses for independent, which those to one prompt are not: it is a bound for these prompts.
    It is looked at again and again, so `confidence` is no error rate of the whole.

    Args:
        threshold: In [0, 1).
        window: Steps.
        min_samples: With fewer responses in the window there is too little evidence.
        confidence: In (0.5, 1).

    Example:
        >>> seen = Stay(1, (Feedback(1, {"a": (10, 9)}),))
        >>> SuccessRate(0.65).fires(seen), SuccessRate(0.66).fires(seen)
        (True, False)
    """

    name = "success_rate"
    threshold: float
    window: int = 1
    min_samples: int = 1
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if check_number("threshold", self.threshold, 0.0, 1.0) == 1:
            raise ConfigError("threshold must be below 1: no bound is above it")
        check_count("window", self.window, 1)
        check_count("min_samples", self.min_samples, 1)
        if not 0.5 < check_number("confidence", self.confidence, 0.5, 1.0) < 1:
            raise ConfigError(f"confidence must lie between 0.5 and 1, got {self.confidence!r}")

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return self.window

    def judged(self, last: Sequence[Feedback]) -> bool | None:
        """See `Windowed.judged`."""
        n, c = sum(feedback.attempts for feedback in last), sum(feedback.passes for feedback in last)
        return None if n < self.min_samples else wilson_low(c, n, self.confidence) > self.threshold


@dataclass(frozen=True)
class InformativeGroups(Windowed):
    """So many groups of a step are expected to have passes and fails, from which a binary reward learns.

    Expected are `P * mean(1 - p^G - (1 - p)^G)` for P prompts a step and G responses to each, where p is a prompt's
    posterior mean in the window. The prior has the weight of one response and the mean of all prompts together: with a
    uniform one, sixteen fails would promise a success in every other group.

    Args:
        min_per_step: Above 0.
        window: Steps.
        group_size: G; None for the mean number of responses to a prompt in a step.

    Example:
        >>> seen = Stay(1, (Feedback(1, {"a": (2, 1), "b": (2, 1)}),))  # p = 1/2: half of the groups of two are mixed
        >>> InformativeGroups(1.0).fires(seen), InformativeGroups(1.1).fires(seen)
        (True, False)
    """

    name = "informative_groups"
    min_per_step: float
    window: int = 1
    group_size: int | None = None

    def __post_init__(self) -> None:
        if check_number("min_per_step", self.min_per_step, 0.0) == 0:
            raise ConfigError("min_per_step must be above 0")
        check_count("window", self.window, 1)
        if self.group_size is not None:
            check_count("group_size", self.group_size, 2)

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return self.window

    def judged(self, last: Sequence[Feedback]) -> bool | None:
        """See `Windowed.judged`."""
        return self.expected(last) >= self.min_per_step

    def expected(self, last: Sequence[Feedback]) -> float:
        """The expected number of informative groups of a step."""
        groups = sum(len(feedback.per_prompt) for feedback in last)
        total = merged([Feedback(1, feedback.per_prompt) for feedback in last])
        size = self.group_size or total.attempts / groups
        rates = ((c + total.mean_full) / (n + 1) for n, c in total.per_prompt.values())
        mixed = math.fsum(1 - p**size - (1 - p) ** size for p in rates)
        return groups / len(last) * mixed / len(total.per_prompt)


@dataclass(frozen=True)
class Plateau(Windowed):
    """A mean does not rise any more.

    Over the last `window` steps it is less than `min_delta` above what it was `patience` steps before.

    Args:
        metric: `"dense"`, the score, or `"passed"`.
        window: Steps that are averaged.
        min_delta: The smallest rise that counts as one.
        patience: Steps.

    Example:
        >>> seen = Stay(3, tuple(Feedback(step, {"a": (1, 0)}, 2**31) for step in (1, 2, 3)))
        >>> Plateau(window=1, patience=2).fires(seen), Plateau(window=2, patience=2).fires(seen)
        (True, None)
    """

    name = "plateau"
    metric: str = "dense"
    window: int = 10
    min_delta: float = 0.01
    patience: int = 20

    def __post_init__(self) -> None:
        if self.metric not in ("dense", "passed"):
            raise ConfigError(f"metric must be 'dense' or 'passed', got {shown(self.metric)}")
        check_count("window", self.window, 1)
        check_number("min_delta", self.min_delta, 0.0)
        check_count("patience", self.patience, 1)

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return self.window + self.patience

    def judged(self, last: Sequence[Feedback]) -> bool | None:
        """See `Windowed.judged`."""
        return self._mean(last[-self.window :]) - self._mean(last[: self.window]) < self.min_delta

    def _mean(self, last: Sequence[Feedback]) -> float:
        values = [one.mean_dense if self.metric == "dense" else one.mean_full for one in last]
        return math.fsum(values) / len(values)


@dataclass(frozen=True)
class Rescue(Windowed):
    """Each of the last steps had fewer informative groups than it takes: a binary reward is stranded.

    For `Stage.back`, with `Stage.returns` as the number of times that it may happen.

    Args:
        below: Groups of a step.
        steps: How many steps on end.

    Example:
        >>> seen = tuple(Feedback(step, {"a": (4, 0), "b": (4, 4)}) for step in (1, 2))
        >>> Rescue(steps=2).fires(Stay(2, seen)), Rescue(steps=3).fires(Stay(2, seen))
        (True, None)
    """

    name = "rescue"
    below: float = 1.0
    steps: int = 20

    def __post_init__(self) -> None:
        check_number("below", self.below, 0.0)
        check_count("steps", self.steps, 1)

    @property
    def memory(self) -> int:
        """See `Trigger.memory`."""
        return self.steps

    def judged(self, last: Sequence[Feedback]) -> bool | None:
        """See `Windowed.judged`."""
        return all(feedback.informative < self.below for feedback in last)


def wilson_low(passed: int, n: int, confidence: float) -> float:
    """The lower end of Wilson's interval for a success rate, holding with this confidence; 0 without trials.

    Example:
        >>> round(wilson_low(9, 10, 0.95), 4)
        0.6523
    """
    if n == 0:
        return 0.0
    z = NormalDist().inv_cdf(confidence)
    centre = (passed + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(passed * (n - passed) / n + z * z / 4)
    return max(0.0, centre - half)
