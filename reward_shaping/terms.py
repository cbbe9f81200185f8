"""Reward terms that read the verdict: whether it passed, how much of it, by which steps, at which attempt.

Each is a frozen `Term` with a declared range. Sums, gates and caps are in `rlvr_gym.reward_shaping.combinators`;
terms about form, length and cost are in `rlvr_gym.reward_shaping.form`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rlvr_gym.reward_shaping.core import Judged, Term, check_count, check_range, register
from rlvr_gym.reward_shaping.plans import Worth
from rlvr_gym.reward_shaping.ranges import NOTHING, Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError, Status, Verdict
from rlvr_gym.verifiers.errors import shown

ONE = Interval(1.0, 1.0)


@register
@dataclass(frozen=True)
class Outcome(Term):
    """1 for a strict pass, else 0: the reward of RLVR.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> Outcome().terms(Judged(make_verifier("number@1").verify("#### 7", 7)))
        {'outcome': 1.0}
    """

    name: ClassVar[str] = "outcome"
    about_answer: ClassVar[bool] = True
    verdict_only: ClassVar[bool] = True
    only_passed: ClassVar[bool] = True

    def worth(self, status: Status) -> float:
        """See `Term`."""
        return 1.0 if status is Status.PASSED else 0.0

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(ONE, NOTHING)

    @property
    def resolution(self) -> float:
        """See `Reward`."""
        return 1.0


@register
@dataclass(frozen=True)
class Dense(Term):
    """The verifier's dense score in [0, 1]; with `below`, 1 for a pass and at most `below` for a fail.

    The first stage of DELTA (arXiv 2509.21016), which `anneal` turns into the second, `outcome`. A verifier may give a
    fail the score of a pass, or a pass less than 1, so that the score alone does not prove that a pass is worth most.
    Deviation: `below < 1`, which proves it. The hack: whatever passes many tests without solving anything, such as a
    constant answer; see `balanced`.

    Args:
        below: Highest reward of a fail, in [0, 1].

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> verdict = make_verifier("countdown@1").verify("3 + 4", {"numbers": [3, 4], "target": 12})
        >>> Dense().terms(Judged(verdict)), Dense(below=0.5).terms(Judged(verdict))
        ({'dense': 0.6666666666666666}, {'dense': 0.5})
    """

    name: ClassVar[str] = "dense"
    about_answer: ClassVar[bool] = True
    verdict_only: ClassVar[bool] = True
    below: float = 1.0

    def __post_init__(self) -> None:
        check_range(self.name, "below", self.below, 0.0, 1.0)

    def worth(self, status: Status) -> float | Worth:
        """See `Term`."""
        if self.below == 1.0:
            return _score
        return 1.0 if status is Status.PASSED else self._lowered

    def _lowered(self, judged: Judged, point: SchedulePoint) -> float:
        return min(judged.verdict.score, self.below)

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        if self.below == 1.0:
            return Ranges.same(0.0, 1.0)
        return Ranges(ONE, Interval(0.0, self.below))


def _score(judged: Judged, point: SchedulePoint) -> float:
    return judged.verdict.score


def balanced_score(verdict: Verdict) -> float | None:
    """`max(0, TPR + TNR - 1)` over the parts `accept/...` and `reject/...`; None where either kind is missing.

    Example:
        >>> from rlvr_gym.verifiers.verdict import Part, Reason, Status, VerifierId
        >>> parts = (Part("accept/0", True, 1.0), Part("accept/1", True, 1.0), Part("reject/0", False, 0.0))
        >>> verdict = Verdict(Status.FAILED, 0.67, Reason("x", "x"), VerifierId("v", 1, ""), parts=parts)
        >>> balanced_score(verdict)  # a program that accepts everything
        0.0
    """
    rates = []
    for prefix in ("accept/", "reject/"):
        found = [part.passed for part in verdict.parts if part.name.startswith(prefix) and part.passed is not None]
        if not found:
            return None
        rates.append(sum(found) / len(found))
    return max(0.0, rates[0] + rates[1] - 1.0)


@register
@dataclass(frozen=True)
class Balanced(Term):
    """Balanced accuracy over tests that must be accepted and tests that must be rejected: 0 for any constant answer.

    `max(0, TPR + TNR - 1)` (Youden's index), over the parts of the verdict whose names begin with `accept/` and
    `reject/`; parts that could not be judged are left out. The hack that it closes: with 19 positive tests in 24, a
    program that accepts everything has a dense score of 0.79 and 0 here. A verdict that lacks either kind is rewarded
    by its outcome. Deviation from the plain index: 1 for a pass and at most `below` for a fail.

    Args:
        below: Highest reward of a fail, in [0, 1]; 1 leaves the index as it is.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> Balanced().terms(Judged(make_verifier("number@1").verify("#### 7", 8)))  # it has no such parts
        {'balanced': 0.0}
    """

    name: ClassVar[str] = "balanced"
    about_answer: ClassVar[bool] = True
    verdict_only: ClassVar[bool] = True
    below: float = 1.0

    def __post_init__(self) -> None:
        check_range(self.name, "below", self.below, 0.0, 1.0)

    def worth(self, status: Status) -> float | Worth:
        """See `Term`."""
        return 1.0 if status is Status.PASSED else self._balance

    def _balance(self, judged: Judged, point: SchedulePoint) -> float:
        return min(balanced_score(judged.verdict) or 0.0, self.below)

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(ONE, Interval(0.0, self.below))


FORMS = ("mean", "min", "product", "last")


def step_score(scores: Sequence[float], form: str) -> float:
    """What a sequence of step scores in [0, 1] is worth as a whole; 0 where there are no steps.

    Args:
        scores: In order.
        form: `"mean"`; `"min"`, the weakest step; `"product"`, the probability that all are right where each score is
            one (both arXiv 2305.20050); `"last"`, the state at the end.

    Example:
        >>> [step_score([0.5, 1.0, 0.5], form) for form in FORMS]
        [0.6666666666666666, 0.5, 0.25, 0.5]
    """
    if not scores:
        return 0.0
    if form == "mean":
        return math.fsum(scores) / len(scores)
    if form == "min":
        return min(scores)
    return math.prod(scores) if form == "product" else scores[-1]


@register
@dataclass(frozen=True)
class Process(Term):
    """The scores of the steps of a solution, as one number in [0, 1].

    Reads the parts of the verdict whose names begin with `prefix`; see `step_score` for the forms. The sum over steps
    is not among them: it pays for more steps and has no bound (arXiv 2504.15275). Where scores come from a judge, a
    fluent wrong answer has high ones: gate it (`{"gate": {"on": "passed", "then": "process"}}`), as `cot_ro` does.

    A fail without any parts is worth 0. A pass without such parts, or a fail with others alone, is refused: with this
    verifier the term would be 0 whatever was said.

    Args:
        prefix: Of the names of parts that are steps.
        form: `"mean"`, `"min"`, `"product"` or `"last"`.

    Example:
        >>> from rlvr_gym.verifiers.verdict import Part, Reason, Status, VerifierId
        >>> steps = (Part("step/0", True, 1.0), Part("step/1", False, 0.0))
        >>> verdict = Verdict(Status.FAILED, 0.5, Reason("x", "x"), VerifierId("v", 1, ""), parts=steps)
        >>> Process(form="mean").terms(Judged(verdict)), Process(form="min").terms(Judged(verdict))
        ({'process': 0.5}, {'process': 0.0})
    """

    name: ClassVar[str] = "process"
    verdict_only: ClassVar[bool] = True
    prefix: str = "step/"
    form: str = "min"

    def __post_init__(self) -> None:
        if not isinstance(self.prefix, str) or self.form not in FORMS:
            raise ConfigError(f"process: prefix is a text and form one of {', '.join(FORMS)}; got {shown(self)}")

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._steps

    def _steps(self, judged: Judged, point: SchedulePoint) -> float:
        verdict = judged.verdict
        scores = [p.score for p in verdict.parts if p.name.startswith(self.prefix) and p.passed is not None]
        if not scores and (verdict.parts or verdict.passed):
            self._check_steps(verdict)
        return min(max(step_score(scores, self.form), 0.0), 1.0)

    def _check_steps(self, verdict: Verdict) -> None:
        names = [part.name for part in verdict.parts]
        if not any(name.startswith(self.prefix) for name in names):
            has = f"its parts are named {', '.join(map(repr, names[:3]))}" if names else "it has none"
            raise ConfigError(
                f"process: the verdict of {verdict.verifier.name} has no part that begins with {self.prefix!r}; {has}"
            )

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(0.0, 1.0)


def turn_of(owner: str, judged: Judged) -> int:
    """The turn of the context, from 1.

    Raises:
        ConfigError: Nobody counted.
    """
    if judged.context.turn < 1:
        raise ConfigError(f"{owner} reads the turn of the context, which has none")
    return judged.context.turn


@register
@dataclass(frozen=True)
class TurnDecay(Term):
    """`decay ** (turn - 1)` for a pass at this turn, else 0 (UFO, arXiv 2507.14295, where `decay` is 1/2).

    A right answer is worth less at each attempt, and more than none. The hack is to take turns that are not counted
    (an empty answer, in the paper's code); a context counts every step. Deviation: from `turns` on, the reward does not
    fall further, so that a pass is worth a known least.

    Args:
        decay: In (0, 1].
        turns: The last attempt.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> [TurnDecay().terms(Judged(right, RewardContext(turn=turn)))["turn_decay"] for turn in (1, 2, 5, 9)]
        [1.0, 0.5, 0.0625, 0.0625]
    """

    name: ClassVar[str] = "turn_decay"
    reads: ClassVar[tuple[str, ...]] = ("turn",)
    about_answer: ClassVar[bool] = True
    only_passed: ClassVar[bool] = True
    decay: float = 0.5
    turns: int = 5

    def __post_init__(self) -> None:
        check_range(self.name, "decay", self.decay, 0.0, 1.0)
        check_count(self.name, "turns", self.turns, 1)
        if self.decay == 0:
            raise ConfigError("turn_decay: with decay 0 a late pass is worth as little as a fail; give more than 0")

    def worth(self, status: Status) -> float | Worth:
        """See `Term`."""
        return self._decayed if status is Status.PASSED else 0.0

    def _decayed(self, judged: Judged, point: SchedulePoint) -> float:
        return float(self.decay ** (min(turn_of(self.name, judged), self.turns) - 1))

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(Interval(float(self.decay ** (self.turns - 1)), 1.0), NOTHING)


@register
@dataclass(frozen=True)
class Repeats(Term):
    """`-weight * (1 - E / T)`: E different answers among T attempts (UFO, arXiv 2507.14295; weight 1/2 there).

    Reads `history` and `answer_key` of the context. An attempt without an answer that can be read (an empty key) is an
    attempt and no idea; a first attempt has nothing to repeat and costs nothing. The hack is to say the same in other
    words: keys are what the verifier extracted, compared as texts, so that `0.5`, `1/2` and `.50` are three ideas, as
    in the paper's code. The `repetition_penalty` of `UnaryFeedback` asks the verifier which are one.

    Args:
        weight: At least 0.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong = make_verifier("number@1").verify("#### 7", 8)
        >>> Repeats().terms(Judged(wrong, RewardContext(answer_key="7", history=("7", "", "6"))))
        {'repeats': -0.25}
    """

    name: ClassVar[str] = "repeats"
    reads: ClassVar[tuple[str, ...]] = ("answers",)
    only_passed: ClassVar[bool] = True
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_range(self.name, "weight", self.weight, 0.0)

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._repeated

    def _repeated(self, judged: Judged, point: SchedulePoint) -> float:
        answers = [*judged.context.history, judged.context.answer_key]
        if len(answers) == 1:
            return 0.0
        ideas = len({answer for answer in answers if answer})
        return 0.0 - self.weight * (1 - ideas / len(answers))

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(-self.weight, 0.0)
