"""Late binding: verdicts travel, and become rewards where the schedule stands.

`scored` is the one way from verdicts to rewards: the trainer calls it with all verdicts of a step, the wrapper
`ScheduledReward` with the one of an episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import RlvrError

if TYPE_CHECKING:  # `core` imports `schedules.point`
    from rlvr_gym.reward_shaping.core import Judged, Reward


class StaleVersionError(RlvrError, LookupError):
    """A reward has the version of a point that is not kept any more, or was never given."""


class Scored(NamedTuple):
    """The terms of a reward and the version of the point that they were computed under."""

    terms: dict[str, float]
    version: int

    @property
    def reward(self) -> float:
        """The sum of the terms."""
        return float(sum(self.terms.values()))


def scored(reward: Reward, batch: Sequence[Judged], point: SchedulePoint) -> list[Scored]:
    """The rewards of judged responses at a point; an ungradable one has no terms.

    Example:
        >>> from rlvr_gym.reward_shaping.core import Judged, make_reward
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong = Judged(make_verifier("countdown@1").verify("3 + 4", {"numbers": [3, 4], "target": 14}))
        >>> mix = make_reward("anneal")
        >>> [scored(mix, [wrong], SchedulePoint(v, "", {"mix": v - 1}))[0].reward for v in (1, 2)]
        [0.6666666666666666, 0.0]
    """
    return [Scored(terms, point.version) for terms in reward.terms_of(batch, point)]
