"""Terms for what a learner makes of the reward that an episode was paid: `given`, `signed`, `turn_credit`.

The shaping of a recipe is a reward that reads `given`; see `make_shaping`. Of a verdict it is told no more than whether
it passed, since an episode that ran into a limit has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.combinators import Composite
from rlvr_gym.reward_shaping.core import Judged, RewardTerms, Term, register
from rlvr_gym.reward_shaping.plans import Worth
from rlvr_gym.reward_shaping.ranges import Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.reward_shaping.terms import turn_of
from rlvr_gym.verifiers import ConfigError, Status

_LOSS = Interval(-1.0, -1.0)


@register
@dataclass(frozen=True)
class Given(Term):
    """What the whole episode was paid, by its environment or by the reward of the trainer; the sum over its turns.

    Nobody knows a bound of it, so that `audit` proves nothing of what it is in. It is for shaping alone: an environment
    refuses it, and so does the reward of a trainer.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> right = make_verifier("number@1").verify("#### 7", 7)
        >>> Given().terms(Judged(right, RewardContext(given=0.25)))
        {'given': 0.25}
    """

    name: ClassVar[str] = "given"
    reads: ClassVar[tuple[str, ...]] = ("given",)
    about_answer: ClassVar[bool] = True
    only_passed: ClassVar[bool] = True

    @cached_property
    def reads_given(self) -> bool:
        """See `Reward`."""
        return True

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return _given

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(-math.inf, math.inf)


def _given(judged: Judged, point: SchedulePoint) -> float:
    if judged.context.given is None:
        raise ConfigError("given: the context does not say what the episode was paid, which a shaping trainer does")
    return judged.context.given


@register
@dataclass(frozen=True)
class Signed(Composite):
    """`2 r - 1`, so that 1 and 0 become 1 and -1 (DAPO, arXiv 2503.14476, equation 7).

    To a baseline that is a mean it is a scale and no more; without one, failures push away.

    Args:
        of: The reward r.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number = make_verifier("number@1")
        >>> [Signed().terms(Judged(number.verify(f"#### {n}", 7))) for n in (7, 8)]
        [{'signed': 1.0}, {'signed': -1.0}]
    """

    name: ClassVar[str] = "signed"
    child_fields: ClassVar[tuple[str, ...]] = ("of",)
    of: Any = "outcome"

    def combine(self, judged: Judged, point: SchedulePoint, terms: Sequence[RewardTerms]) -> RewardTerms:
        """See `Composite`."""
        return {"signed": 2.0 * float(sum(terms[0].values())) - 1.0}

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        found: Ranges = self.of.ranges(point)
        return found.times(2.0) + Ranges(_LOSS, _LOSS)

    def term_topics(self) -> dict[str, bool]:
        """See `Reward`."""
        return {"signed": all(self.of.term_topics().values())}

    @property
    def resolution(self) -> float:
        """See `Reward`."""
        return 2.0 * float(self.of.resolution)


@register
@dataclass(frozen=True)
class TurnCredit(Term):
    """`min(-0.6, -1 + 0.1 (turns - 1))`: what failed is worth more the more turns it took, up to a bound.

    What the public code of ReTool (arXiv 2504.11536) pays failures, to keep its policy calling the interpreter:
    `min(-0.6, -1 + 0.1 (n - 2) / 2)`. Its n counts the messages of policy and tool and one more, so that `(n - 2) / 2`
    is the number of calls; here it is that of responses but the last. The hack is to take turns for nothing, which is
    worth up to 0.4; gate it on `failed`.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong = make_verifier("number@1").verify("#### 8", 7)
        >>> [TurnCredit().terms(Judged(wrong, RewardContext(turn=turn)))["turn_credit"] for turn in (1, 2, 5, 9)]
        [-1.0, -0.9, -0.6, -0.6]
    """

    name: ClassVar[str] = "turn_credit"
    reads: ClassVar[tuple[str, ...]] = ("turn",)
    only_passed: ClassVar[bool] = True

    def worth(self, status: Status) -> Worth:
        """See `Term`."""
        return self._credited

    def _credited(self, judged: Judged, point: SchedulePoint) -> float:
        return min(-0.6, -1 + 0.1 * (turn_of(self.name, judged) - 1))

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(-1.0, -0.6)
