"""What a reward is told beside the verdict: what it may need, who can tell it, and how a context is put together.

A reward names what it reads (`Reward.needs`), whoever pays names what can be told, and what cannot is refused where the
reward is made: never a reward that is silently 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from rlvr_gym.reward_shaping.core import NO_CONTEXT, Reward, RewardContext, make_single_reward
from rlvr_gym.reward_shaping.form import UNREAD
from rlvr_gym.verifiers import ConfigError, Verdict

IN_AN_ENVIRONMENT = frozenset({"turn", "response", "answers"})
"""What every environment tells a reward."""

IN_TRAINING = IN_AN_ENVIRONMENT | {"tokens", "longest", "surprise"}
"""What a trainer tells one besides; tool calls where its environments count them."""

_BY_HAND = "score responses yourself, with reward.terms(Judged(verdict, RewardContext(extras={...})))"
WHO_TELLS = {
    "tokens": "a trainer does (rlvr train --reward), and ScheduledReward around a wrapper that counts them, such as "
    "TokenLimit; or take another unit, such as words",
    "longest": "a trainer does (rlvr train --reward); or set the limit",
    "tool_calls": "an environment with tools does, and the reward of a trainer there",
    "surprise": "a trainer does (rlvr train --reward), which keeps the memory; around an environment there is the "
    "wrapper NoveltyBonus",
    "rubric": f"nobody here does: {_BY_HAND}",
    "spans": f"nobody here does: {_BY_HAND}",
}
"""What a reward may need that not everybody can tell, and who can."""


class Earlier(NamedTuple):
    """What there was in an episode before the attempt under way; see `rlvr_gym.envs.wrappers.UnaryFeedback`.

    Args:
        turns: Responses.
        answers: `answer_key` of each attempt that was judged, in order.
        tokens: Their length; None where nobody counted.
        tool_calls: Calls of tools.
    """

    turns: int = 0
    answers: tuple[str, ...] = ()
    tokens: int | None = 0
    tool_calls: int = 0


FIRST = Earlier()
"""Before the first attempt."""


def answer_key(verdict: Verdict) -> str:
    """The answer that the verifier read, without white space; empty where it could read none.

    Texts, not values: `0.5` and `1/2` are two. Which are one to the verifier is known to `UnaryFeedback`, whose
    `repetition_penalty` asks it.

    Example:
        >>> from rlvr_gym.verifiers import make_verifier
        >>> number = make_verifier("number@1")
        >>> answer_key(number.verify("#### 7", 8)), answer_key(number.verify("no idea", 8))
        ('7', '')
    """
    return "" if verdict.status in UNREAD else "".join((verdict.extracted or "").split())


def calls_in(stats: Mapping[str, Mapping[str, Any]]) -> int:
    """How many calls there were, by the statistics of a `ToolEnv`."""
    return sum(row["calls"] for row in stats.values())


def context_of(
    verdict: Verdict,
    info: Mapping[str, Any],
    response: str,
    earlier: Earlier = FIRST,
    task_id: str | None = None,
    tokens: int | None = None,
) -> RewardContext:
    """What a reward is told of a verdict, by the info of the step that it ended.

    Args:
        verdict: Which.
        info: Of the step: `task_id`, `turn`, and `tool_stats` where there are tools.
        response: The action.
        earlier: What there was before the attempt that the info is of.
        task_id: Of the task, where the info does not say yet.
        tokens: Length of the responses of the attempt.

    Returns:
        The context; what a response does (`behaviour_key`) is the answer that it gives.
    """
    key = answer_key(verdict)
    turns, answers, before, calls = earlier
    known = None if tokens is None or before is None else tokens + before
    extras = {"tool_calls": calls + calls_in(info["tool_stats"])} if "tool_stats" in info else NO_CONTEXT.extras
    task = info.get("task_id", "") if task_id is None else task_id
    # By place: by name it takes half as long again, and every step of an environment makes one.
    return RewardContext(task, "", turns + info.get("turn", 0), known, response, key, key, answers, extras)


def check_told(reward: Reward, told: Collection[str], where: str) -> None:
    """Refuse a reward that reads what nobody tells it.

    Args:
        reward: The reward.
        told: What is told.
        where: Who pays, for the message.

    Raises:
        ConfigError: With what is missing, and who can tell it.

    Example:
        >>> from rlvr_gym.reward_shaping import make_reward
        >>> check_told(make_reward("tool_cost"), IN_AN_ENVIRONMENT, "this environment")
        Traceback (most recent call last):
        rlvr_gym.verifiers.errors.ConfigError: the reward 'tool_cost' reads tool_calls, which this environment does \
not tell: an environment with tools does, and the reward of a trainer there
    """
    for name in sorted(reward.needs - {"given"} - set(told)):
        raise ConfigError(
            f"the reward {reward.name!r} reads {name}, which {where} does not tell: {WHO_TELLS.get(name, _BY_HAND)}"
        )


def reward_told(spec: str | Mapping[str, Any] | Reward, told: Collection[str], where: str) -> Reward:
    """`make_single_reward`, for those who say what they tell a reward; see `check_told`.

    Raises:
        UnknownNameError: With near matches.
        ConfigError: It is no spec for them, or reads what is not told.
    """
    reward = make_single_reward(spec)
    check_told(reward, told, where)
    return reward


def check_points(rewards: Iterable[Reward], stages: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a schedule that rewards do not read, and one without what they read.

    Args:
        rewards: All that are told where the schedule stands.
        stages: The values of each stage, or of each point, by name.

    Raises:
        ConfigError: With the names of both.

    Example:
        >>> from rlvr_gym.reward_shaping import make_reward
        >>> check_points([make_reward("anneal")], [{"mix": 0.5}])
        >>> check_points([make_reward("outcome")], [{"mix": 0.5}])
        Traceback (most recent call last):
        rlvr_gym.verifiers.errors.ConfigError: the schedule moves 'mix', and the reward reads no value of a schedule: \
name one that does, such as anneal, or leave the schedule out
    """
    read = frozenset[str]().union(*(reward.point_keys for reward in rewards))
    for values in filter(None, stages):
        told = ", ".join(map(repr, sorted(values)))
        if not read:
            raise ConfigError(
                f"the schedule moves {told}, and the reward reads no value of a schedule: name one that does, such as "
                "anneal, or leave the schedule out"
            )
        if missing := sorted(read - set(values)):
            raise ConfigError(f"the reward reads {missing[0]!r} of the schedule, which moves {told}")
