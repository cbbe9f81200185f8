"""`novelty`: what a trainer has not seen before, as a term; the memory is the trainer's and advances once a step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rlvr_gym.reward_shaping.core import Judged, Reward, RewardContext, Term, check_range, register
from rlvr_gym.reward_shaping.form import extra
from rlvr_gym.reward_shaping.novelty import Memory, memory_from
from rlvr_gym.reward_shaping.plans import Worth
from rlvr_gym.reward_shaping.ranges import NOTHING, Interval, Ranges
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.verifiers import Status, UnknownNameError


def _answer(context: RewardContext) -> str:
    return f"{context.prompt_id} {context.answer_key}" if context.answer_key else ""


def _behaviour(context: RewardContext) -> str:
    return f"{context.prompt_id} {context.behaviour_key}" if context.behaviour_key else ""


def _words(context: RewardContext) -> str:
    return " ".join(context.response.lower().split())


SEEN: dict[str, Callable[[RewardContext], str]] = {"answer": _answer, "behaviour": _behaviour, "words": _words}
"""What can be new, by name: the answer to a task, what a response to it does, or the words of the response."""


@register
@dataclass(frozen=True)
class Novelty(Term):
    """How new a failed response is to the trainer, in [0, 1]: counts or RND-lite; 0 for a pass and without an answer.

    The memory belongs to the trainer, which lets it learn once a step, after all responses of the step were paid, and
    keeps it in its checkpoints; environments refuse the term and have the wrapper `NoveltyBonus`. Only failures explore
    (arXiv 2505.17621). The hack: random text is always new, to counts of words above all; look at answers, and give it
    a weight far below the outcome's.

    Args:
        of: What can be new: `"answer"`, `"behaviour"` or `"words"`.
        memory: To begin with, as JSON: `{"kind": "counts"}`, which None is, or `{"kind": "rnd"}` with their settings.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> wrong, novelty = make_verifier("number@1").verify("#### 7", 8), Novelty()
        >>> context = RewardContext(prompt_id="t", answer_key="7")
        >>> memory = novelty.begin().learn([novelty.seen(context)] * 3)
        >>> told = context._replace(extras={"surprise": {novelty.slot: memory.surprise(novelty.seen(context))}})
        >>> novelty.terms(Judged(wrong, told))
        {'novelty': 0.5}
    """

    name: ClassVar[str] = "novelty"
    reads: ClassVar[tuple[str, ...]] = ("surprise",)
    only_passed: ClassVar[bool] = True
    of: str = "answer"
    memory: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.of not in SEEN:
            raise UnknownNameError("kind of novelty", str(self.of), SEEN)
        self.begin()

    @cached_property
    def slot(self) -> str:
        """The name of its memory: terms of the same settings share one."""
        return json.dumps([self.of, self.memory], sort_keys=True)

    def begin(self) -> Memory:
        """The memory before the first step."""
        return memory_from({"kind": "counts"} if self.memory is None else self.memory)

    def seen(self, context: RewardContext) -> str:
        """What of a response is remembered; empty where there is nothing."""
        return SEEN[self.of](context)

    def worth(self, status: Status) -> float | Worth:
        """See `Term`."""
        return 0.0 if status is Status.PASSED else self._new

    def _new(self, judged: Judged, point: SchedulePoint) -> float:
        return check_range(self.name, "surprise", extra(self.name, judged, "surprise").get(self.slot), 0.0, 1.0)

    def ranges(self, point: SchedulePoint | None = None) -> Ranges:
        """See `Reward`."""
        return Ranges(NOTHING, Interval(0.0, 1.0))


def novelties(reward: Reward) -> list[Novelty]:
    """The novelty terms that a reward is made of."""
    own = [reward] if isinstance(reward, Novelty) else []
    return own + [found for child in reward.children for found in novelties(child)]
