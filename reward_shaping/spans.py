"""Fine-grained rewards: scores of spans of a response, as one number or token by token (arXiv 2306.01693)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from rlvr_gym.reward_shaping.core import Judged, Reward, RewardTerms, check_range, register
from rlvr_gym.reward_shaping.form import check_weights, extra
from rlvr_gym.reward_shaping.ranges import Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


class Span(NamedTuple):
    """Tokens `start` to `end` (not included) of a response, what is judged about them, and a score in [-1, 1]."""

    kind: str
    start: int
    end: int
    score: float


def read_spans(values: Any) -> list[Span]:
    """Spans from JSON: objects with `kind`, `start`, `end` and `score`.

    Raises:
        ConfigError: They are none, are empty, or score outside [-1, 1].
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
        raise ConfigError(f"spans are a list, got {shown(values)}")
    spans = []
    for value in values:
        if not isinstance(value, Mapping) or set(value) != set(Span._fields):
            raise ConfigError(f"a span has {', '.join(Span._fields)}; got {shown(value)}")
        span = Span(**value)
        check_range("span", "score", span.score, -1.0, 1.0)
        if not all(type(place) is int for place in span[1:3]) or not 0 <= span.start < span.end:
            raise ConfigError(f"a span is from start to a later end, got {shown(value)}")
        spans.append(span)
    return spans


def span_token_rewards(spans: Sequence[Span], weights: Mapping[str, float], tokens: int) -> list[float]:
    """`r_t = sum over spans that end at t of weight(kind) * score`: every span is paid at its last token.

    arXiv 2306.01693, equation 1. For learners with credit per token; with a group baseline over whole responses use the
    term `spans`.

    Args:
        spans: In any order; they may overlap.
        weights: By kind; a kind without one is left out.
        tokens: Length of the response.

    Raises:
        ConfigError: A span ends after the response.

    Example:
        >>> spans = [Span("fact", 0, 2, -1.0), Span("fact", 2, 4, 1.0), Span("tone", 0, 4, 0.5)]
        >>> span_token_rewards(spans, {"fact": 0.5, "tone": 1.0}, 4)
        [0.0, -0.5, 0.0, 1.0]
    """
    rewards = [0.0] * tokens
    for span in spans:
        if span.end > tokens:
            raise ConfigError(f"the span {span} ends after the response, which has {tokens} tokens")
        rewards[span.end - 1] += weights.get(span.kind, 0.0) * span.score
    return rewards


@register
@dataclass(frozen=True)
class Spans(Reward):
    """`sum_k w_k * (mean score of the spans of kind k)`, a term `spans/<kind>` for each; reads `extras["spans"]`.

    Deviation from arXiv 2306.01693, which adds spans up: a sum pays for more spans, so that many harmless sentences
    bury a false one and there is no bound. A kind without spans is worth 0.

    Args:
        weights: Number by kind.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> scores = (1.0, 1.0, -1.0, 0.0)
        >>> facts = [{"kind": "fact", "start": n, "end": n + 1, "score": score} for n, score in enumerate(scores)]
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> Spans({"fact": 0.5}).terms(Judged(right, RewardContext(extras={"spans": facts})))
        {'spans/fact': 0.125}
    """

    name: ClassVar[str] = "spans"
    reads: ClassVar[tuple[str, ...]] = ("spans",)
    only_passed: ClassVar[bool] = True
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", check_weights(self.name, self.weights))

    def parts(self, judged: Judged, point: SchedulePoint) -> RewardTerms:
        """See `Reward`."""
        spans = read_spans(extra(self.name, judged, "spans"))
        terms = {}
        for kind, weight in self.weights.items():
            scores = [span.score for span in spans if span.kind == kind]
            terms[f"spans/{kind}"] = weight * math.fsum(scores) / len(scores) if scores else 0.0
        return terms

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        most = sum(map(abs, self.weights.values()))
        return Ranges.same(-most, most)

    def term_ranges(self, point: SchedulePoint | None = None) -> dict[str, Ranges]:
        """See `Reward`."""
        return {f"spans/{kind}": Ranges.same(-abs(w), abs(w)) for kind, w in self.weights.items()}

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`."""
        return dict.fromkeys(self.term_ranges(), False)
