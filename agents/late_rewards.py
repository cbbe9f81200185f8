"""Late binding in training: the rewards of a step are made of its verdicts, where the schedule stands.

Whatever reward the environments gave a verdict is replaced, so that all responses of a step, those from a buffer too,
are scored under one point of the schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.experience import response_tokens
from rlvr_gym.agents.strategies import BASELINE, Sample
from rlvr_gym.reward_shaping import START, Judged, RewardContext, make_reward
from rlvr_gym.reward_shaping.schedules import Controller, Feedback, make_schedule, outcome_of, scored
from rlvr_gym.verifiers import ConfigError, Verdict
from rlvr_gym.verifiers.errors import shown

Spec = str | Mapping[str, Any]


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
        self._reward = None if reward is None else make_reward(reward)
        self._controller = None if schedule is None else Controller(make_schedule(schedule))

    @property
    def settings(self) -> dict[str, Any]:
        """What must not change when a run is continued."""
        found = {} if self._reward is None else {"reward": self._reward.to_dict()}
        return found if self._controller is None else {**found, "schedule": self._controller.schedule.to_dict()}

    def paid(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples, with the reward of a verdict in their last turn; what has none stays as it is."""
        if self._reward is None:
            return list(samples)
        judged = {place: found for place, sample in enumerate(samples) if (found := _judged(sample)) is not None}
        point = START if self._controller is None else self._controller.point
        scores = scored(self._reward, list(judged.values()), point)
        paid = list(samples)
        for place, score in zip(judged, scores, strict=True):
            episode = samples[place].episode
            turns = (*episode.turns[:-1], replace(episode.turns[-1], reward=score.reward))
            paid[place] = replace(samples[place], episode=replace(episode, turns=turns))
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


def _verdict(episode: Episode) -> Verdict | None:
    return Verdict.from_dict(episode.verdict) if episode.verdict else None


def _judged(sample: Sample) -> Judged | None:
    episode = sample.episode
    if not (episode.gradable and episode.verdict and episode.turns):
        return None
    verdict = Verdict.from_dict(episode.verdict)
    context = RewardContext(
        prompt_id=episode.task_id,
        group_id=f"{sample.role} {sample.group}",
        turn=len(episode.turns),
        tokens=response_tokens(episode),
        response=episode.completion.text,
        answer_key=verdict.extracted or "",
    )
    return Judged(verdict, context)
