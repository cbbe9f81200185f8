"""Rewards in training: those of a step are made of its verdicts, where the schedule stands, and then shaped.

Whatever reward the environments gave a verdict is replaced, so that all responses of a step, those from a buffer too,
are scored under one point of the schedule; what wrappers added to it stays, and so does what they multiplied it by. The
shaping of a recipe then makes something else of what whole episodes were paid, judged or not; see `shaped`. Both are
rewards of `rlvr_gym.reward_shaping`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
from rlvr_gym.agents.episode import Episode
from rlvr_gym.agents.experience import response_tokens
from rlvr_gym.agents.strategies import BASELINE, LEARNER, Sample
from rlvr_gym.envs.wrappers.many import text_env_of
from rlvr_gym.reward_shaping import (
    START,
    Judged,
    Reward,
    RewardContext,
    SchedulePoint,
    make_shaping,
    make_verdict_reward,
    memory_from,
)
from rlvr_gym.reward_shaping.contexts import IN_TRAINING, answer_key, calls_in, check_points, check_told
from rlvr_gym.reward_shaping.schedules import Controller, Feedback, make_schedule, outcome_of, scored
from rlvr_gym.reward_shaping.surprise import novelties
from rlvr_gym.verifiers import ConfigError, Status, Verdict
from rlvr_gym.verifiers.errors import shown
from rlvr_gym.verifiers.verdict import Reason, VerifierId

Spec = str | Mapping[str, Any]

_WHO, _WHY = VerifierId("episode", 1, ""), Reason("ended", "what shaping is told of how an episode ended")
_ENDS = {True: Verdict(Status.PASSED, 1.0, _WHY, _WHO), False: Verdict(Status.FAILED, 0.0, _WHY, _WHO)}


class LateRewards:
    """A reward and a schedule, either of which may be missing, and the memories of what is new.

    Args:
        reward: A reward spec; None for that of the environments, or with a schedule for `anneal`, dense to binary.
        schedule: A schedule spec; None for none.
        shaping: What will be made of the rewards, which may read the schedule too; see `shaped`.

    Raises:
        ConfigError: A spec is refused, or neither the reward nor the shaping reads the schedule.
    """

    def __init__(
        self, reward: Spec | None = None, schedule: Spec | None = None, shaping: Reward | Spec | None = None
    ) -> None:
        if reward is None and schedule is not None:
            reward = "anneal"
        self._reward = None if reward is None else make_verdict_reward(reward)
        self._shaping = None if shaping is None else make_shaping(shaping)
        self._controller = None if schedule is None else Controller(make_schedule(schedule))
        if self._controller is not None:
            made = [each for each in (self._reward, self._shaping) if each is not None]
            check_points(made, [stage.values for stage in self._controller.schedule.stages])
        self._novelties = {} if self._reward is None else {each.slot: each for each in novelties(self._reward)}
        self._memories = {slot: novelty.begin() for slot, novelty in self._novelties.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """What must not change when a run is continued."""
        found = {} if self._reward is None else {"reward": self._reward.to_dict()}
        return found if self._controller is None else {**found, "schedule": self._controller.schedule.to_dict()}

    @property
    def point(self) -> SchedulePoint:
        """Where the schedule stands."""
        return START if self._controller is None else self._controller.point

    def check(self, env: gym.Env[str, str]) -> None:
        """Refuse what cannot be told of episodes in an environment.

        Raises:
            ConfigError: With what the reward or the shaping reads, and who can tell it.
        """
        inside = text_env_of(env)
        told = IN_TRAINING if inside is None else IN_TRAINING | inside.tells
        if self._reward is not None:
            check_told(self._reward, told, "training here")
        if self._shaping is not None:
            # An episode that a limit ended is shaped, and says nothing of its calls.
            check_told(self._shaping, IN_TRAINING - {"surprise"}, "shaping")

    def paid(self, samples: Sequence[Sample], longest: int | None = None) -> list[Sample]:
        """The samples, with the reward of a verdict in their last turn; what has none stays as it is.

        Args:
            samples: As they were played.
            longest: The longest episode that the run allows, in tokens.
        """
        if self._reward is None:
            return list(samples)
        judged = {
            place: self._remembered(found)
            for place, one in enumerate(samples)
            if (found := _judged(one, longest)) is not None
        }
        paid = list(samples)
        for place, reward in _rewards(self._reward, samples, judged, self.point).items():
            paid[place] = _with_verdict(samples[place], reward)
        return paid

    def told(self, step: int, samples: Sequence[Sample]) -> dict[str, float]:
        """Advance the schedule and the memories after a step; gives the metrics."""
        fresh = [sample for sample in samples if sample.role != BASELINE and not sample.age]
        if self._novelties:
            judged = [found for sample in fresh if (found := _judged(sample, None)) is not None]
            for slot, novelty in self._novelties.items():
                texts = [text for one in judged if (text := novelty.seen(one.context))]
                self._memories[slot] = self._memories[slot].learn(texts)
        if self._controller is None:
            return {}
        episodes = [sample.episode for sample in fresh if sample.episode.gradable]
        graded = (outcome_of(episode.task_id, _verdict(episode)) for episode in episodes)
        self._controller.advance(Feedback.of(step, graded))
        return self._controller.metrics()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint; JSON."""
        found = {} if self._controller is None else self._controller.state_dict()
        memories = {slot: memory.to_dict() for slot, memory in self._memories.items()}
        return {**found, "memories": memories} if memories else found

    def load_state_dict(self, saved: Any) -> None:
        """Go on from a checkpoint.

        Raises:
            ConfigError: It is of another schedule, or of a run with other memories.
        """
        rest = {} if saved is None else dict(saved)
        memories = rest.pop("memories", {})
        if memories.keys() != self._memories.keys():
            raise ConfigError(f"the checkpoint has the memories {sorted(memories)}, not {sorted(self._memories)}")
        self._memories = {slot: memory_from(memory) for slot, memory in memories.items()}
        if self._controller is not None:
            if not rest:
                raise ConfigError(f"the checkpoint has no state of a schedule, got {shown(saved)}")
            self._controller.load_state_dict(rest)

    def _remembered(self, judged: Judged) -> Judged:
        """The same, with how new each memory says that it is."""
        if not self._novelties:
            return judged
        context = judged.context
        new = {slot: self._memories[slot].surprise(each.seen(context)) for slot, each in self._novelties.items()}
        nothing = {slot: 0.0 for slot, each in self._novelties.items() if not each.seen(context)}
        return Judged(judged.verdict, context._replace(extras={**context.extras, "surprise": {**new, **nothing}}))


def shaped(
    samples: Sequence[Sample], shaping: Reward | Spec | None, longest: int, point: SchedulePoint = START
) -> list[Sample]:
    """The samples with what shaping makes of their rewards; the difference stands in the last turn.

    Every episode that could be graded is shaped, also one that ran into a limit and has no verdict. What a reward reads
    as `given` is the sum over its turns; what it reads as the verdict is whether the episode passed, with a hint or
    without.

    Args:
        samples: As they were paid.
        shaping: A reward that reads `given`, or its spec; None for none.
        longest: The longest episode that the run allows, in tokens.
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
            _ENDS[sample.episode.succeeded],
            _context(sample, _found(sample.episode), longest)._replace(given=sample.episode.reward),
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


def _found(episode: Episode) -> Verdict | None:
    """The verdict, also of an episode with a hint; None where there is none."""
    found = episode.judged.get("verdict", episode.verdict)
    return Verdict.from_dict(found) if found else None


def _judged(sample: Sample, longest: int | None) -> Judged | None:
    episode = sample.episode
    verdict = _found(episode) if episode.gradable and episode.turns else None
    return None if verdict is None else Judged(verdict, _context(sample, verdict, longest))


def _context(sample: Sample, verdict: Verdict | None, longest: int | None) -> RewardContext:
    episode, before = sample.episode, sample.episode.judged
    key = "" if verdict is None else answer_key(verdict)
    calls = None if episode.tool_stats is None else before.get("tool_calls", 0) + calls_in(episode.tool_stats)
    return RewardContext(
        prompt_id=episode.task_id,
        group_id=f"{sample.group:012}",  # sorted as text as by number
        turn=len(episode.turns),
        tokens=response_tokens(episode),
        response=episode.completion.text,
        answer_key=key,
        behaviour_key=key,
        history=tuple(before.get("answers", ())),
        extras={} if calls is None else {"tool_calls": calls},
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


def _with_verdict(sample: Sample, reward: float) -> Sample:
    """The sample with another reward of its verdict: what was paid for it is taken off, and nothing else.

    Of an episode that does not say what was paid, that is the whole reward of the last turn.
    """
    episode, last = sample.episode, sample.episode.turns[-1].reward
    paid, new = episode.judged.get("paid", last), reward * episode.judged.get("factor", 1.0)
    found = _with_last(sample, last - paid + new)
    return replace(found, episode=replace(found.episode, judged={**episode.judged, "paid": new}))
