"""`ScheduledReward`: the reward of verdicts at the point of a schedule that a trainer sends; and how to read its infos.

The wrapper counts nothing. It takes a point with `reset` or with `set_schedule_point`, and an episode keeps the point
that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from rlvr_gym.envs.text_env import Info
from rlvr_gym.envs.wrappers.base import Options, Step, TextWrapper, added, parts_of, terms_of
from rlvr_gym.envs.wrappers.many import text_env_of
from rlvr_gym.reward_shaping.contexts import (
    FIRST,
    IN_AN_ENVIRONMENT,
    Earlier,
    check_points,
    context_of,
    reward_told,
)
from rlvr_gym.reward_shaping.core import NO_CONTEXT, Judged, Reward
from rlvr_gym.reward_shaping.schedules import START, SchedulePoint, scored
from rlvr_gym.verifiers import Verdict

OPTION = "reward_schedule"
OF_THE_VERDICT = ("outcome", "dense")  # what a `TextEnv` makes of a verdict by itself


class ScheduledReward(TextWrapper):
    """The reward of a verdict is that of a reward spec at the latest point of a schedule.

    Around the environment itself, inside of everything else: what other wrappers add to the reward or make of it stays
    theirs. It takes the place of the terms that the environment made of the verdict (`info["verdict_terms"]`); other
    terms stay, and so does the reward of a step without a verdict. Where wrappers inside count tokens, the reward is
    told those of all responses of the episode; a reward in tokens is refused where none does. Of a policy that tries
    again (`UnaryFeedback`, inside or outside) the last verdict is paid, with all that came before it.

    A point comes by `reset(options={"reward_schedule": point})` or by `set_schedule_point(point)`, for which a vector
    environment has `envs.call("set_schedule_point", point)`. The second waits for the next reset, an autoreset too,
    which passes no options on. `info["schedule_version"]` is the version of the point of the episode.

    Args:
        env: The environment.
        reward: A reward spec; see `rlvr_gym.reward_shaping.core.make_reward`.
        point: The point to begin with, as JSON; by default `START`, which has version 0 and no values.

    Raises:
        ConfigError: A setting is refused; the reward compares responses, which an environment alone cannot, or reads
            what is not told here; or the point is of a schedule that the reward does not read.

    Example:
        >>> env = ScheduledReward(gym.make("rlvr_gym:rlvr/Countdown-v0"), reward={"anneal": {"b": "outcome"}})
        >>> _, info = env.reset(seed=0)
        >>> info["schedule_version"], env.set_schedule_point({"version": 2, "stage": "binary", "values": {"mix": 1.0}})
        (0, 2)
        >>> _, reward, _, _, info = env.step("1 + 1")  # the episode began before
        >>> info["schedule_version"], list(info["reward_terms"])
        (0, ['dense'])
        >>> _ = env.reset(seed=0)
        >>> _, reward, _, _, info = env.step("1 + 1")
        >>> info["schedule_version"], info["reward_terms"]
        (2, {'outcome': 0.0})
    """

    def __init__(
        self,
        env: gym.Env[str, str],
        reward: str | Mapping[str, Any] | Reward = "outcome",
        point: Mapping[str, Any] | None = None,
    ) -> None:
        made = reward_told(reward, _told(env), "this environment")
        began = START if point is None else SchedulePoint.from_dict(point)
        super().__init__(env, reward=made.to_dict(), point=began.to_dict())
        self._reward = made
        self._told = self._active = self._checked(began)
        self._tokens: int | None = 0

    @property
    def schedule_point(self) -> SchedulePoint:
        """The point of the episode under way."""
        return self._active

    def set_schedule_point(self, point: Mapping[str, Any]) -> int:
        """Take a point, for the episodes from the next reset on.

        Args:
            point: `SchedulePoint.to_dict`.

        Returns:
            Its version, by which the sender sees that it arrived.

        Raises:
            ConfigError: It is no point, or one of a schedule that the reward does not read.
        """
        self._told = self._checked(SchedulePoint.from_dict(point))
        return self._told.version

    def reset(self, *, seed: int | None = None, options: Options | None = None) -> tuple[str, Info]:
        """See `TextEnv.reset`; the option `reward_schedule` is taken out."""
        told = self._told
        if isinstance(options, dict) and OPTION in options:
            told = self._checked(SchedulePoint.from_dict(options[OPTION]))
            options = {key: value for key, value in options.items() if key != OPTION} or None
        observation, info = self.env.reset(seed=seed, options=options)
        self._told = self._active = told
        self._tokens = 0
        return observation, self._dated(info)

    def step(self, action: str) -> Step:
        """See `TextEnv.step`."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        info = self._dated(info)
        said = info.get("response_tokens")
        self._tokens = None if said is None or self._tokens is None else self._tokens + said
        told = info.get("verdict", info.get("verdict_with_hint"))
        if told is None:
            return observation, float(reward), terminated, truncated, info
        paid = self.priced(Verdict.from_dict(told), action, info)
        if "attempts" in info:
            paid = {name: value * info["attempts"]["factor"] for name, value in paid.items()}
        before, info["verdict_terms"] = info.get("verdict_terms", OF_THE_VERDICT), [*paid]
        terms: dict[str, float] = {}
        for name, value in terms_of(reward, info).items():
            if name not in before:
                terms = added(terms, info, name, value)
        info["reward_terms"] = terms = {**terms, **paid}
        return observation, float(sum(terms.values())), terminated, truncated, info

    def priced(self, verdict: Verdict, action: str, info: Info) -> dict[str, float]:
        """See `TextEnv.priced`."""
        context = NO_CONTEXT
        if self._reward.reads_context:
            context = context_of(verdict, info, str(action), self._earlier(info), tokens=self._tokens)
        return scored(self._reward, [Judged(verdict, context)], self._active)[0].terms

    def get_state(self) -> Any:
        """See `TextWrapper.get_state`."""
        return {"point": self._active.to_dict(), "tokens": self._tokens}

    def set_state(self, state: Any) -> None:
        """See `TextWrapper.set_state`. The episode goes on under its own point, and the next has the newer one."""
        point, self._tokens = parts_of(self, state, "point", "tokens")
        self._active = SchedulePoint.from_dict(point)
        self._told = max(self._told, self._active, key=lambda each: each.version)

    def restored(self, observation: Any, info: Info) -> tuple[Any, Info]:
        """See `TextWrapper.restored`."""
        return observation, self._dated(info)

    def _earlier(self, info: Info) -> Earlier:
        """The attempts before this one, by the wrapper inside or outside that lets the policy try again."""
        if "attempts" in info:  # it is inside: turns are counted there, and tokens here
            told = info["attempts"]
            return Earlier(0, tuple(told["answers"]), 0, told["tool_calls"])
        inside = text_env_of(self.env)
        return FIRST if inside is None else inside.earlier

    def _dated(self, info: Info) -> Info:
        return {**info, "schedule_version": self._active.version}

    def _checked(self, point: SchedulePoint) -> SchedulePoint:
        check_points([self._reward], [point.values])
        return point


def _told(env: gym.Env[Any, Any]) -> set[str]:
    """What a reward is told around an environment; see `Reward.needs`."""
    inside = text_env_of(env)
    told = set(IN_AN_ENVIRONMENT if inside is None else inside.tells)
    counted = env.has_wrapper_attr("counts_tokens")
    return told | {"tokens"} if counted else told


def judged_in(action: Any, info: Info, tokens: int | None = None) -> Judged | None:
    """The verdict in the info of a step, with what a reward may know of it; None where there is none.

    Args:
        action: The response.
        info: Of the step.
        tokens: Length of all responses of the episode; None for that in the info, where this is the only one.

    Example:
        >>> env = gym.make("rlvr_gym:rlvr/Arithmetic-v0")
        >>> _ = env.reset(seed=0)
        >>> judged = judged_in("#### 54", env.step("#### 54")[4])
        >>> judged.verdict.passed, judged.context.answer_key, judged.context.turn
        (True, '54', 1)
    """
    told = info.get("verdict", info.get("verdict_with_hint"))
    if told is None:
        return None
    if tokens is None and info.get("turn") == 1:
        tokens = info.get("response_tokens")
    verdict, before = Verdict.from_dict(told), info.get("attempts", {})
    earlier = Earlier(0, tuple(before.get("answers", ())), 0, before.get("tool_calls", 0))
    return Judged(verdict, context_of(verdict, info, str(action), earlier, tokens=tokens))


def info_of(infos: Mapping[str, Any], index: int) -> Info:
    """The info of one sub-environment out of those of a vector environment, Gymnasium's or ours.

    Args:
        infos: Arrays by key with a mask `_key` beside each; Gymnasium's have dicts of such arrays for dicts.
        index: Number of the sub-environment.

    Example:
        >>> infos = {"turn": np.array([1, 0]), "_turn": np.array([True, False])}
        >>> info_of(infos, 0), info_of(infos, 1)
        ({'turn': 1}, {})
    """
    found: Info = {}
    for key, values in infos.items():
        mask = infos.get(f"_{key}")
        if mask is None or not mask[index]:
            continue
        value = info_of(values, index) if isinstance(values, Mapping) else values[index]
        found[key] = value.item() if isinstance(value, np.generic) else value
    return found


def finished_infos(infos: Mapping[str, Any], over: Sequence[bool] | npt.NDArray[np.bool_]) -> dict[int, Info]:
    """The last infos of the episodes that ended in a step of a vector environment, in any autoreset mode.

    With `SAME_STEP` they stand in `final_info`, and beside it the infos of the episodes that began.

    Args:
        infos: Of the step.
        over: `terminated | truncated`.

    Returns:
        Info by number of the sub-environment.
    """
    found = {}
    for index in np.flatnonzero(np.asarray(over)).tolist():
        info = info_of(infos, index)
        found[index] = info.get("final_info", info)
    return found
