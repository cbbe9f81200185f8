"""Rewards of a response among others: `win_rate`, `kimi_length`, `top_short`, `rare`.

They have a value in a batch alone (`Reward.terms_of`), where responses of one `group_id` are a group. None reads the
order of the batch, so that whoever shuffles it shuffles the rewards with it. They are for a trainer, which has the
whole batch; an environment refuses them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.core import GroupReward, Judged, Reward, RewardTerms, check_range, make_reward, register
from rlvr_gym.reward_shaping.form import length_of
from rlvr_gym.reward_shaping.groups import short_rewards, top_groups, win_rates
from rlvr_gym.reward_shaping.ranges import Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint


def groups_of(batch: Sequence[Judged]) -> dict[str, list[int]]:
    """The places of each group of a batch, the groups in the order of their ids."""
    groups: dict[str, list[int]] = {}
    for place, judged in enumerate(batch):
        groups.setdefault(judged.context.group_id, []).append(place)
    return {group: groups[group] for group in sorted(groups)}


def totals_of(reward: Reward, batch: Sequence[Judged], point: SchedulePoint) -> list[float]:
    """What a reward gives each of a batch of gradable verdicts."""
    return [float(sum(row.values())) for row in reward.parts_of(batch, point)]


@register
@dataclass(frozen=True)
class WinRate(GroupReward):
    """The share of its group that a response beats, a tie being half a win (SPO, arXiv 2401.04056, section 4).

    The reward that is compared is `of`; only its order counts, so that a hacked scale gains nothing. The hack: in a
    group of wrong responses the least wrong one wins, as where one passes.

    Args:
        of: A reward.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number = make_verifier("number@1")
        >>> WinRate().terms_of([Judged(number.verify(f"#### {n}", 7)) for n in (7, 8, 9)])
        [{'win_rate': 1.0}, {'win_rate': 0.25}, {'win_rate': 0.25}]
    """

    name: ClassVar[str] = "win_rate"
    child_fields: ClassVar[tuple[str, ...]] = ("of",)
    about_answer: ClassVar[bool] = True
    of: Any = "outcome"

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", make_reward(self.of))

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""
        totals = totals_of(self.of, batch, point)
        rows: list[RewardTerms] = [{} for _ in batch]
        for places in groups_of(batch).values():
            for place, rate in zip(places, win_rates([totals[place] for place in places]), strict=True):
                rows[place] = {"win_rate": rate}
        return rows

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(0.0, 1.0)


@register
@dataclass(frozen=True)
class KimiLength(GroupReward):
    """Kimi k1.5's reward of length (arXiv 2501.12599, section 2.3.3), to be added to the outcome.

    `x = 1/2 - (L - Lmin) / (Lmax - Lmin)` with the extremes over the group; a pass gets x, a fail min(0, x); 0 for all
    where all are equally long. The hack: among wrong responses the short ones lose least; public code also paid it for
    answers whose gold could not be read, which here have no reward at all.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number = make_verifier("number@1")
        >>> cases = [(7, 10), (7, 20), (8, 10), (8, 30)]
        >>> batch = [Judged(number.verify(f"#### {n}", 7), RewardContext(tokens=length)) for n, length in cases]
        >>> [row["kimi_length"] for row in KimiLength().terms_of(batch)]
        [0.5, 0.0, 0.0, -0.5]
    """

    name: ClassVar[str] = "kimi_length"
    reads: ClassVar[tuple[str, ...]] = ("tokens",)
    only_passed: ClassVar[bool] = True

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""
        rows: list[RewardTerms] = [{"kimi_length": 0.0} for _ in batch]
        for places in groups_of(batch).values():
            lengths = [length_of(batch[place].context) for place in places]
            low, high = min(lengths), max(lengths)
            for place, length in zip(places, lengths, strict=True) if high > low else ():
                value = 0.5 - (length - low) / (high - low)
                rows[place] = {"kimi_length": value if batch[place].verdict.passed else min(0.0, value)}
        return rows

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(Interval(-0.5, 0.5), Interval(-0.5, 0.0))


@register
@dataclass(frozen=True)
class TopShort(GroupReward):
    """GRPO-lambda's price on length, for the groups that solve most (arXiv 2505.18086); to be added to `of`.

    The groups of the batch are ranked by the share that passed. In the best `share` of them a response with a reward r
    above 0, by `of`, costs `weight * r * sigmoid((L - mean) / std)`, with mean and standard deviation of the length
    over these responses of its group; everything else costs nothing. The hacks are those of public code: it forgot that
    wrong responses of a top group stay at 0, and failed on a top group without a pass. Of equal groups the one with the
    lesser id is taken first.

    Args:
        share: Of the groups, rounded down, but at least one where it is above 0; 0.2 in the paper.
        weight: In [0, 1).
        of: A reward.

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number = make_verifier("number@1")
        >>> cases = [(7, 4), (7, 8), (8, 2)]
        >>> batch = [Judged(number.verify(f"#### {n}", 7), RewardContext(tokens=length)) for n, length in cases]
        >>> [round(row["top_short"], 3) for row in TopShort(share=1.0, weight=0.5).terms_of(batch)]
        [-0.134, -0.366, 0.0]
    """

    name: ClassVar[str] = "top_short"
    reads: ClassVar[tuple[str, ...]] = ("tokens",)
    child_fields: ClassVar[tuple[str, ...]] = ("of",)
    share: float = 0.2
    weight: float = 0.5
    of: Any = "outcome"

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", make_reward(self.of))
        check_range(self.name, "share", self.share, 0.0, 1.0)
        check_range(self.name, "weight", self.weight, 0.0, math.nextafter(1.0, 0.0))

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""
        groups = list(groups_of(batch).values())
        rates = [sum(batch[place].verdict.passed for place in places) / len(places) for places in groups]
        totals = totals_of(self.of, batch, point)
        rows: list[RewardTerms] = [{"top_short": 0.0} for _ in batch]
        for places, top in zip(groups, top_groups(rates, self.share), strict=True):
            if top:
                lengths = [length_of(batch[place].context) for place in places]
                worth = short_rewards([totals[place] for place in places], lengths, self.weight)
                for place, value in zip(places, worth, strict=True):
                    rows[place] = {"top_short": value - totals[place]}
        return rows

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        found = self.of.ranges(point)
        return Ranges(*(Interval(-self.weight * max(each.high, 0.0), 0.0) for each in found))


@register
@dataclass(frozen=True)
class Rare(GroupReward):
    """`1 / sqrt(n)` for one of n responses of a group that do the same: novelty by count, within the group.

    What a response does is the `behaviour_key` of its context (the bits of its tests, a hash of its program), which is
    far harder to game than its words; a response without one gets 0. The count bonus is that of arXiv 1606.01868. The
    hack: what is random is always rare. Gate it on `failed`, at a weight far below the outcome's, so that it never
    competes with a pass (the choice of i-MENTOR, arXiv 2505.17621).

    Example:
        >>> from rlvr_gym.reward_shaping import RewardContext
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong = make_verifier("number@1").verify("#### 8", 7)
        >>> batch = [Judged(wrong, RewardContext(behaviour_key=key)) for key in ("a", "a", "a", "a", "b", "")]
        >>> [row["rare"] for row in Rare().terms_of(batch)]
        [0.5, 0.5, 0.5, 0.5, 1.0, 0.0]
    """

    name: ClassVar[str] = "rare"
    reads: ClassVar[tuple[str, ...]] = ("answers",)
    only_passed: ClassVar[bool] = True

    def parts_of(self, batch: Sequence[Judged], point: SchedulePoint) -> list[RewardTerms]:
        """See `Reward`."""
        keys = [(judged.context.group_id, judged.context.behaviour_key) for judged in batch]
        counts = Counter(keys)
        return [{"rare": 1 / math.sqrt(counts[key]) if key[1] else 0.0} for key in keys]

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges.same(0.0, 1.0)
