"""Reward terms about form, length and cost: what is not the answer.

None of them knows whether a response is right. Alone they are what a group of wrong responses is told apart by, so that
wrong and short is learned; `audit` names them, and `gate` with `on="passed"` is the guard.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.core import (
    Judged,
    RewardContext,
    Term,
    check_count,
    check_range,
    register,
)
from rlvr_gym.reward_shaping.groups import overlong_penalty
from rlvr_gym.reward_shaping.plans import Worth
from rlvr_gym.reward_shaping.ranges import Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError, Status
from rlvr_gym.verifiers.errors import shown

UNREAD = (Status.NO_ANSWER, Status.AMBIGUOUS, Status.MALFORMED)
"""Statuses of responses in which the verifier could read no answer."""

UNITS = ("tokens", "words", "characters")


def length_of(context: RewardContext, unit: str = "tokens") -> int:
    """The length of what was said, in a unit of `UNITS`; words and characters are those of the last response.

    Raises:
        ConfigError: Nobody counted the tokens.

    Example:
        >>> length_of(RewardContext(response="so it is 7"), "words")
        4
    """
    if unit == "words":
        return len(context.response.split())
    if unit == "characters":
        return len(context.response)
    if context.tokens is None:
        raise ConfigError("a length in tokens needs `tokens` in the context: count them, or choose another unit")
    return context.tokens


@register
@dataclass(frozen=True)
class Format(Term):
    """1 where the verifier could read an answer, else 0.

    Of a fail, the status tells: `no_answer`, `ambiguous` and `malformed` are worth 0 (the format reward of
    arXiv 2501.12948, as the verifier sees it). The hack: credit for a readable wrong answer makes a group of wrong
    responses look mixed. For tags around the whole response there is `rlvr_gym.envs.wrappers.FormatGate`.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number = make_verifier("number@1")
        >>> [Format().terms(Judged(number.verify(response, 7)))["format"] for response in ("#### 8", "eight?")]
        [1.0, 0.0]
    """

    name: ClassVar[str] = "format"
    verdict_only: ClassVar[bool] = True

    def worth(self, status: Status) -> float:
        """See `Term`."""
        return 0.0 if status in UNREAD else 1.0

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(Interval(1.0, 1.0), Interval(0.0, 1.0))

    @property
    def resolution(self) -> float:
        """See `Reward`."""
        return 1.0


@register
@dataclass(frozen=True)
class Length(Term):
    """`-min(cap, weight * max(0, L - free) / per)`: a price on length above what is free.

    The formula that circulates has 0.5 for every 100 tokens above 512 and no cap: 2,512 tokens cost 10, more than a
    right answer is worth, and among wrong responses the short ones win. Deviation: the cap, 0.5 by default; None takes
    it away, and `audit` then names the term as unbounded. Gate it on `passed`.

    Args:
        free: Length that costs nothing.
        per: So much more costs `weight`.
        weight: At least 0.
        cap: The most that it costs, or None.
        unit: `"tokens"`, `"words"` or `"characters"`.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> [Length().terms(Judged(right, RewardContext(tokens=n)))["length"] for n in (512, 562, 612, 2512)]
        [0.0, -0.25, -0.5, -0.5]
    """

    name: ClassVar[str] = "length"
    only_passed: ClassVar[bool] = True
    free: int = 512
    per: float = 100
    weight: float = 0.5
    cap: float | None = 0.5
    unit: str = "tokens"

    def __post_init__(self) -> None:
        check_range(self.name, "free", self.free, 0)
        check_range(self.name, "weight", self.weight, 0)
        if check_range(self.name, "per", self.per, 0) == 0:
            raise ConfigError("length: per must be above 0")
        if self.cap is not None:
            check_range(self.name, "cap", self.cap, 0)
        if self.unit not in UNITS:
            raise ConfigError(f"length: unit must be one of {', '.join(UNITS)}, got {shown(self.unit)}")

    @cached_property
    def needs(self) -> frozenset[str]:
        """See `Reward`."""
        return frozenset({"tokens" if self.unit == "tokens" else "response"})

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._priced

    def _priced(self, judged: Judged, point: SchedulePoint) -> float:
        over = length_of(judged.context, self.unit) - self.free
        if over <= 0:
            return 0.0
        price = self.weight * over / self.per
        return 0.0 - (price if self.cap is None or price < self.cap else self.cap)

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        if self.weight == 0:
            return Ranges.same(0.0, 0.0)
        return Ranges.same(-math.inf if self.cap is None else 0.0 - self.cap, 0.0)


@register
@dataclass(frozen=True)
class Overlong(Term):
    """DAPO's soft punishment of overlong responses (arXiv 2503.14476, equation 13): see `overlong_penalty`.

    Deviation: it stops at -1, which public code does not for responses past the limit. The hack: in a group of wrong
    responses it is the only difference. Filter groups by what passed, or gate it.

    Args:
        limit: From here on the punishment is whole, in tokens; None: the longest episode that a trainer allows,
            which is its longest response times the turns of the environment.
        cache: Over so many tokens before the limit it grows; None: over a fifth of it.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> overlong = Overlong(limit=20, cache=5)
        >>> [overlong.terms(Judged(right, RewardContext(tokens=n)))["overlong"] for n in (15, 20, 21)]
        [0.0, -1.0, -1.0]
    """

    name: ClassVar[str] = "overlong"
    only_passed: ClassVar[bool] = True
    limit: int | None = 20_480
    cache: int | None = 4_096

    def __post_init__(self) -> None:
        most = math.inf if self.limit is None else check_range(self.name, "limit", self.limit, 0)
        if self.cache is not None:
            check_range(self.name, "cache", self.cache, 0, most)

    @cached_property
    def needs(self) -> frozenset[str]:
        """See `Reward`."""
        return frozenset({"tokens"} if self.limit is not None else {"tokens", "longest"})

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._punished

    def _punished(self, judged: Judged, point: SchedulePoint) -> float:
        limit = judged.context.longest if self.limit is None else self.limit
        if limit is None:
            raise ConfigError("overlong: the context does not say how long a response may be (`longest`); set limit")
        return overlong_penalty(length_of(judged.context), limit, limit // 5 if self.cache is None else self.cache)

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(-1.0, 0.0)


@register
@dataclass(frozen=True)
class CosineLength(Term):
    """Right answers are worth less with length, wrong ones more (arXiv 2502.03373, without its n-gram part).

    `end + (start - end) * (1 + cos(pi * min(L, limit) / limit)) / 2`, with (start, end) `right` for a pass and `wrong`
    for a fail. It takes the place of the outcome. The hack: a wrong response gains by length alone, as `audit` says;
    the ends must be such that a pass is worth more than any fail, which the constructor checks.

    Args:
        limit: Length at which the end is reached, in tokens.
        right: Reward of a pass of length 0 and of the limit.
        wrong: Reward of a fail of length 0 and of the limit.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> cosine = CosineLength(limit=100)
        >>> [round(cosine.terms(Judged(right, RewardContext(tokens=n)))["cosine_length"], 3) for n in (0, 50, 100)]
        [1.0, 0.75, 0.5]
    """

    name: ClassVar[str] = "cosine_length"
    reads: ClassVar[tuple[str, ...]] = ("tokens",)
    only_passed: ClassVar[bool] = True
    limit: int = 4_096
    right: Sequence[float] = (1.0, 0.5)
    wrong: Sequence[float] = (-1.0, -0.5)

    def __post_init__(self) -> None:
        check_range(self.name, "limit", self.limit, 1)
        for name in ("right", "wrong"):
            ends = getattr(self, name)
            if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != 2:
                raise ConfigError(f"cosine_length: {name} is two numbers, got {shown(ends)}")
            object.__setattr__(self, name, tuple(check_range(self.name, name, end) for end in ends))
        if min(self.right) <= max(self.wrong):
            raise ConfigError(f"cosine_length: every right end must be above every wrong one, got {shown(self)}")

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._risen

    def _risen(self, judged: Judged, point: SchedulePoint) -> float:
        start, end = self.right if judged.verdict.passed else self.wrong
        share = min(length_of(judged.context), self.limit) / self.limit
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(*(Interval(min(ends), max(ends)) for ends in (self.right, self.wrong)))


@register
@dataclass(frozen=True)
class Repetition(Term):
    """`-weight * (1 - U / N)`: U different among the N runs of `n` words of the response (arXiv 2502.03373, section 4).

    A response of fewer words has none. The hack that it answers is length by repetition; its own is a different filler
    at each place, which no n-gram sees. The paper charges it at tokens; here it is one number for the response.

    Args:
        n: Words of a run.
        weight: At least 0.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong = make_verifier("number@1").verify("", 7)
        >>> Repetition(n=2).terms(Judged(wrong, RewardContext(response="so so so so so")))
        {'repetition': -0.75}
    """

    name: ClassVar[str] = "repetition"
    reads: ClassVar[tuple[str, ...]] = ("response",)
    only_passed: ClassVar[bool] = True
    n: int = 3
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_count(self.name, "n", self.n, 1)
        check_range(self.name, "weight", self.weight, 0.0)

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._repeated

    def _repeated(self, judged: Judged, point: SchedulePoint) -> float:
        words = judged.context.response.split()
        runs = [tuple(words[place : place + self.n]) for place in range(len(words) - self.n + 1)]
        return 0.0 - self.weight * (1 - len(set(runs)) / len(runs)) if runs else 0.0

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(0.0 - self.weight, 0.0)


@register
@dataclass(frozen=True)
class ToolCost(Term):
    """`-min(cap, price * calls)`: what calls of tools cost; reads `extras["tool_calls"]`.

    The hack: with a cost above what a right answer is worth, or among wrong responses, no tool is ever called. Hence
    the cap, and the gate on `passed`.

    Args:
        price: Of one call.
        cap: The most that all of them cost, or None.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> ToolCost(price=0.125).terms(Judged(right, RewardContext(extras={"tool_calls": 2})))
        {'tool_cost': -0.25}
    """

    name: ClassVar[str] = "tool_cost"
    reads: ClassVar[tuple[str, ...]] = ("tool_calls",)
    only_passed: ClassVar[bool] = True
    price: float = 0.01
    cap: float | None = 0.5

    def __post_init__(self) -> None:
        check_range(self.name, "price", self.price, 0.0)
        if self.cap is not None:
            check_range(self.name, "cap", self.cap, 0.0)

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._charged

    def _charged(self, judged: Judged, point: SchedulePoint) -> float:
        price = self.price * check_range(self.name, "tool_calls", extra(self.name, judged, "tool_calls"), 0)
        return 0.0 - (price if self.cap is None else min(price, self.cap))

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        if self.price == 0:
            return Ranges.same(0.0, 0.0)
        return Ranges.same(-math.inf if self.cap is None else 0.0 - self.cap, 0.0)


def extra(owner: str, judged: Judged, key: str) -> Any:
    """An entry of the context's extras.

    Raises:
        ConfigError: It is not there.
    """
    if key not in judged.context.extras:
        raise ConfigError(
            f"{owner} reads extras[{key!r}] of the context, which has {shown(list(judged.context.extras))}"
        )
    return judged.context.extras[key]


def check_weights(owner: str, weights: Any) -> dict[str, float]:
    """Numbers by name, at least one.

    Raises:
        ConfigError: They are not.
    """
    if not isinstance(weights, Mapping) or not weights or not all(isinstance(name, str) for name in weights):
        raise ConfigError(f"{owner}: weights are numbers by name, at least one; got {shown(weights)}")
    return {name: check_range(owner, f"the weight of {name}", weight) for name, weight in weights.items()}
