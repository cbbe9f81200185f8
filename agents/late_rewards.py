"""Rewards in training: those of a step are made of its verdicts, where the schedule stands, and then shaped.

Whatever reward the environments gave a verdict is replaced, so that all responses of a step, those from a buffer too,
are scored under one point of the schedule. The shaping of a recipe then makes something else of what whole episodes
were paid, judged or not; see `shaped`. Both are rewards of `rlvr_gym.reward_shaping`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.experience import response_tokens
from rlvr_gym.agents.strategies import BASELINE, LEARNER, Sample
from rlvr_gym.reward_shaping import (
    START,
    Judged,
    Reward,
    RewardContext,
    SchedulePoint,
    make_shaping,
    make_verdict_reward,
)
from rlvr_gym.reward_shaping.schedules import Controller, Feedback, make_schedule, outcome_of, scored
from rlvr_gym.verifiers import ConfigError, Status, Verdict
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Reason, VerifierId

Spec = str | Mapping[str, Any]

_WHO, _WHY = VerifierId("episode", 1, ""), Reason("ended", "what shaping is told of how an episode ended")
_ENDS = {True: Verdict(Status.PASSED, 1.0, _WHY, _WHO), False: Verdict(Status.FAILED, 0.0, _WHY, _WHO)}


class LateRewards:
    """A reward and a schedule, either of which may be missing.

    Args:
        reward: A reward spec; None for that of the environments, or with a schedule for `anneal`, dense to binary.
        schedule: A schedule spec; None for none.

    Raises:
        ConfigError: A spec is refused.
    """

    def __init__(self, reward: Spec | None = None, schedule: Spec | None = None) -> None:
        if reward is None and schedule is not None:
            reward = "anneal"
        self._reward = None if reward is None else make_verdict_reward(reward)
        self._controller = None if schedule is None else Controller(make_schedule(schedule))

    @property
    def settings(self) -> dict[str, Any]:
        """What must not change when a run is continued."""
        found = {} if self._reward is None else {"reward": self._reward.to_dict()}
        return found if self._controller is None else {**found, "schedule": self._controller.schedule.to_dict()}

    @property
    def point(self) -> SchedulePoint:
        """Where the schedule stands."""
        return START if self._controller is None else self._controller.point

    def paid(self, samples: Sequence[Sample], longest: int | None = None) -> list[Sample]:
        """The samples, with the reward of a verdict in their last turn; what has none stays as it is.

        Args:
            samples: As they were played.
            longest: The longest response that the run allows, in tokens.
        """
        if self._reward is None:
            return list(samples)
        judged = {place: found for place, one in enumerate(samples) if (found := _judged(one, longest)) is not None}
        paid = list(samples)
        for place, reward in _rewards(self._reward, samples, judged, self.point).items():
            paid[place] = _with_last(samples[place], reward)
        return paid

    def told(self, step: int, samples: Sequence[Sample]) -> dict[str, float]:
        """Advance the schedule after a step; gives the metrics."""
        if self._controller is None:
            return {}
        episodes = [sample.episode for sample in samples if sample.role != BASELINE and not sample.age]
        graded = (outcome_of(episode.task_id, _verdict(episode)) for episode in episodes if episode.gradable)
        self._controller.advance(Feedback.of(step, graded))
        return self._controller.metrics()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint; JSON."""
        return {} if self._controller is None else self._controller.state_dict()

    def load_state_dict(self, saved: Any) -> None:
        """Go on from a checkpoint.

        Raises:
            ConfigError: It is of another schedule.
        """
        if self._controller is not None:
            if not saved:
                raise ConfigError(f"the checkpoint has no state of a schedule, got {shown(saved)}")
            self._controller.load_state_dict(saved)


def shaped(
    samples: Sequence[Sample], shaping: Reward | Spec | None, longest: int, point: SchedulePoint = START
) -> list[Sample]:
    """The samples with what shaping makes of their rewards; the difference stands in the last turn.

    Every episode that could be graded is shaped, also one that ran into a limit and has no verdict. What a reward reads
    as `given` is the sum over its turns; what it reads as the verdict is whether the episode passed.

    Args:
        samples: As they were paid.
        shaping: A reward that reads `given`, or its spec; None for none.
        longest: The longest response that the run allows, in tokens.
        point: Where the schedule stands.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no shaping (see `make_shaping`), or an episode lacks what it reads.

    Example:
        >>> from rlvr_gym.agents import Completion, Turn
        >>> said = [Episode("t", (Turn(Completion(""), paid, ""),), paid > 0, "max_turns", {}) for paid in (1.0, 0.0)]
        >>> found = shaped([Sample(episode, 0) for episode in said], {"signed": {"of": "given"}}, longest=9)
        >>> [sample.episode.reward for sample in found]
        [1.0, -1.0]
    """
    if shaping is None:
        return list(samples)
    graded = {
        place: Judged(
            _ENDS[bool(sample.episode.passed)], _context(sample, longest)._replace(given=sample.episode.reward)
        )
        for place, sample in enumerate(samples)
        if sample.episode.gradable and sample.episode.turns
    }
    found = list(samples)
    for place, reward in _rewards(make_shaping(shaping), samples, graded, point).items():
        episode = samples[place].episode
        if reward != episode.reward:
            found[place] = _with_last(samples[place], episode.turns[-1].reward + reward - episode.reward)
    return found


def _verdict(episode: Episode) -> Verdict | None:
    return Verdict.from_dict(episode.verdict) if episode.verdict else None


def _judged(sample: Sample, longest: int | None) -> Judged | None:
    episode = sample.episode
    if not (episode.gradable and episode.verdict and episode.turns):
        return None
    return Judged(Verdict.from_dict(episode.verdict), _context(sample, longest))


def _context(sample: Sample, longest: int | None) -> RewardContext:
    episode = sample.episode
    return RewardContext(
        prompt_id=episode.task_id,
        group_id=f"{sample.group:012}",  # sorted as text as by number
        turn=len(episode.turns),
        tokens=response_tokens(episode),
        response=episode.completion.text,
        answer_key=episode.verdict.get("extracted") or "",
        longest=longest,
    )


def _rewards(
    reward: Reward, samples: Sequence[Sample], judged: Mapping[int, Judged], point: SchedulePoint
) -> dict[int, float]:
    """The reward of each place; those that are learnt from are not compared with their companions."""
    found: dict[int, float] = {}
    for role in (LEARNER, BASELINE):
        places = [place for place in judged if samples[place].role == role]
        scores = scored(reward, [judged[place] for place in places], point)
        found |= {place: score.reward for place, score in zip(places, scores, strict=True)}
    return found


def _with_last(sample: Sample, reward: float) -> Sample:
    """The sample with another reward of its last turn."""
    *before, last = sample.episode.turns
    return replace(sample, episode=replace(sample.episode, turns=(*before, replace(last, reward=reward))))
