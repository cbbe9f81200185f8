"""Rule-based rewards (RBR, arXiv 2411.01111): `rubric`, and its weights from pairs of which one is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from rlvr_gym.reward_shaping.core import Judged, Reward, RewardTerms, check_range, register
from rlvr_gym.reward_shaping.form import check_weights, extra
from rlvr_gym.reward_shaping.ranges import Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


@register
@dataclass(frozen=True)
class Rubric(Reward):
    """`sum_i w_i * phi_i`: rule-based rewards (RBR, arXiv 2411.01111), a term `rubric/<name>` for each proposition.

    phi_i in [0, 1] is how far a proposition holds, read from `extras["rubric"]`; it should be code where it can be. The
    weights are fitted by `fit_rubric_weights`. The hack: propositions that a wrong answer can satisfy add up to more
    than a right answer; the range is declared, so that `audit` sees it.

    Args:
        weights: Number by name.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> rubric = Rubric(weights={"cites": 0.25, "scolds": -0.5})
        >>> rubric.terms(Judged(right, RewardContext(extras={"rubric": {"cites": 1.0, "scolds": 0.5}})))
        {'rubric/cites': 0.25, 'rubric/scolds': -0.25}
    """

    name: ClassVar[str] = "rubric"
    reads: ClassVar[tuple[str, ...]] = ("rubric",)
    only_passed: ClassVar[bool] = True
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", check_weights(self.name, self.weights))

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`."""
        holds = extra(self.name, judged, "rubric")
        for name in self.weights:
            if name not in holds:
                raise ConfigError(f"rubric: extras['rubric'] says nothing of {name!r}; it has {shown(list(holds))}")
        return {f"rubric/{n}": w * check_range(self.name, n, holds[n], 0.0, 1.0) for n, w in self.weights.items()}

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        weights = self.weights.values()
        return Ranges.same(sum(w for w in weights if w < 0), sum(w for w in weights if w > 0))

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """See `Reward`."""
        return {f"rubric/{name}": Ranges.same(min(w, 0.0), max(w, 0.0)) for name, w in self.weights.items()}

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`."""
        return dict.fromkeys(self.term_ranges(), False)


@dataclass(frozen=True)
class Pair:
    """Two responses to one prompt, the first the better one.

    Args:
        better: How far each proposition holds, in [0, 1], by name.
        worse: The same of the other.
        base: Base reward of the better one minus that of the worse.
        margin: By how much the better one is to be worth more.
    """

    better: Mapping[str, float]
    worse: Mapping[str, float]
    base: float = 0.0
    margin: float = 1.0


@dataclass(frozen=True)
class RubricFit:
    """What was fitted.

    Args:
        weights: Number by proposition.
        loss: Mean hinge loss at these weights.
        slack: For each pair, by how much the better response is worth more.
        violated: Pairs whose better response is not worth more: no dominance there.
        short: Pairs that keep the order and miss their margin by more than a thousandth.
    """

    weights: Mapping[str, float]
    loss: float
    slack: tuple[float, ...]
    violated: tuple[int, ...]
    short: tuple[int, ...] = field(default=())

    @property
    def dominates(self) -> bool:
        """Whether every better response is worth more."""
        return not self.violated

    def reward(self) -> Rubric:
        """The reward with these weights."""
        return Rubric(self.weights)


def fit_rubric_weights(
    pairs: Sequence[Pair], *, steps: int = 1000, rate: float = 0.01, decay: float = 0.01
) -> RubricFit:
    """Weights that minimise `mean max(0, margin - base - w . (phi(better) - phi(worse)))`, and whether they keep order.

    AdamW from 0 over all pairs at once, as published (rate 0.01, 1000 steps, margin 1). Deviations: whole batches, so
    that there is nothing random; of all steps the weights with the least loss are kept; and the order of every pair is
    checked afterwards, where the public code reports a loss. Pairs that contradict each other show as violated.

    Args:
        pairs: At least one; all with the same propositions.
        steps: Of the optimizer.
        rate: Learning rate.
        decay: Decoupled weight decay.

    Raises:
        ConfigError: There are no pairs, or propositions are missing or outside [0, 1].

    Example:
        >>> polite = Pair(better={"refuses": 1.0, "scolds": 0.0}, worse={"refuses": 1.0, "scolds": 1.0})
        >>> fit = fit_rubric_weights([polite])
        >>> fit.dominates, fit.short, round(fit.weights["scolds"], 1), fit.weights["refuses"]
        (True, (), -1.0, 0.0)
    """
    if not pairs:
        raise ConfigError("there are no pairs to fit weights to")
    names = sorted(pairs[0].better)
    if not names:
        raise ConfigError("a pair needs at least one proposition")
    better, worse = (np.array([_row(names, getattr(pair, side)) for pair in pairs]) for side in ("better", "worse"))
    gains = better - worse
    base = np.array([check_range("pair", "base", pair.base) for pair in pairs])
    margins = np.array([check_range("pair", "margin", pair.margin, 0.0) for pair in pairs])
    weights, first, second = (np.zeros(len(names)) for _ in range(3))
    best, least = weights, math.inf
    for step in range(1, steps + 2):
        missing = margins - base - gains @ weights
        loss = float(np.maximum(missing, 0.0).mean())
        if loss < least:
            best, least = weights, loss
        gradient = -(gains * (missing > 0)[:, None]).mean(axis=0)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        move = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        weights = weights - rate * (move + decay * weights)
    slack = base + gains @ best
    return RubricFit(
        weights={name: float(weight) for name, weight in zip(names, best, strict=True)},
        loss=least,
        slack=tuple(map(float, slack)),
        violated=tuple(map(int, np.flatnonzero(slack <= 0))),
        short=tuple(map(int, np.flatnonzero((slack > 0) & (slack < margins - 1e-3)))),
    )


def _row(names: Sequence[str], holds: Mapping[str, float]) -> list[float]:
    if sorted(holds) != list(names):
        raise ConfigError(
            f"every response of every pair needs the propositions {', '.join(names)}; got {sorted(holds)}"
        )
    return [check_range("pair", name, holds[name], 0.0, 1.0) for name in names]
