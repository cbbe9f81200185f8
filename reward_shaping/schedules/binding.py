"""Late binding: verdicts travel, and become rewards where the schedule stands.

`scored` is the one way from verdicts to rewards: the trainer calls it with all verdicts of a step, the wrapper
`ScheduledReward` with the one of an episode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown

if TYPE_CHECKING:  # `core` imports `schedules.point`
    from rlvr_gym.reward_shaping.core import Judged, Reward

MIXED = ("rescore", "drop")


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


class Response(NamedTuple):
    """A response that was scored somewhere.

    Args:
        group: What it is compared within.
        scored: What it was given.
        judged: Its verdict; None where it has none (a limit ended the episode), so that no point changes its reward.
    """

    group: str
    scored: Scored
    judged: Judged | None


class Settled(NamedTuple):
    """Responses of which each group was scored under one version.

    Args:
        scores: In the order of the responses; None for those that are dropped.
        rescored: Groups that were scored anew.
        dropped: Groups that were dropped.
    """

    scores: list[Scored | None]
    rescored: int
    dropped: int


def settled(
    responses: Sequence[Response],
    reward: Reward,
    point_of: Callable[[int], SchedulePoint],
    mixed: str = "rescore",
) -> Settled:
    """Bring each group under one version.

    A group of one version stays as it is, however old. One of several is scored anew at the newest of them, or dropped:
    rewards of two schedules in one group would be a difference that no response made.

    Args:
        responses: Of any number of groups.
        reward: What they were scored with.
        point_of: The point of a version: `Controller.point_of`.
        mixed: `"rescore"`, or `"drop"`. A group whose newest point is not kept any more is dropped in any case.

    Raises:
        ConfigError: `mixed` is neither.
    """
    if mixed not in MIXED:
        raise ConfigError(f"mixed must be 'rescore' or 'drop', got {shown(mixed)}")
    groups: dict[str, list[int]] = {}
    for place, response in enumerate(responses):
        groups.setdefault(response.group, []).append(place)
    scores: list[Scored | None] = [response.scored for response in responses]
    rescored = dropped = 0
    for places in groups.values():
        versions = {responses[place].scored.version for place in places if responses[place].judged is not None}
        if len(versions) < 2:
            continue
        after = None if mixed == "drop" else _again([responses[place] for place in places], reward, point_of)
        rescored, dropped = rescored + (after is not None), dropped + (after is None)
        for number, place in enumerate(places):
            scores[place] = None if after is None else after[number]
    return Settled(scores, rescored, dropped)


def _again(
    members: Sequence[Response], reward: Reward, point_of: Callable[[int], SchedulePoint]
) -> list[Scored] | None:
    try:
        point = point_of(max(member.scored.version for member in members))
    except StaleVersionError:
        return None
    fresh = iter(scored(reward, [member.judged for member in members if member.judged is not None], point))
    return [
        next(fresh) if member.judged is not None else Scored(member.scored.terms, point.version) for member in members
    ]
