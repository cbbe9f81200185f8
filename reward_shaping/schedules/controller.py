"""`Controller`: the one writer of a schedule, in the process of the trainer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from rlvr_gym.reward_shaping.schedules.binding import StaleVersionError
from rlvr_gym.reward_shaping.schedules.feedback import Feedback, merged
from rlvr_gym.reward_shaping.schedules.point import SchedulePoint
from rlvr_gym.reward_shaping.schedules.presets import make_schedule
from rlvr_gym.reward_shaping.schedules.schedule import RewardSchedule, ScheduleState
from rlvr_gym.reward_shaping.schedules.spec import check_count
from rlvr_gym.verifiers import ConfigError, RlvrError
from rlvr_gym.verifiers.errors import shown

SCHEMA = 1
_LOG = logging.getLogger(__name__)


class AcknowledgementError(RlvrError, RuntimeError):
    """An environment did not say that it has the point that it was sent."""


class VectorLike(Protocol):
    """Environments behind one door: Gymnasium's vector environments and ours."""

    def call(self, name: str, *args: Any, **kwargs: Any) -> Sequence[Any]:
        """Call a method of each."""


class EnvLike(Protocol):
    """A Gymnasium environment."""

    def get_wrapper_attr(self, name: str) -> Any:
        """An attribute of the environment or of a wrapper."""


class Controller:
    """Advances a schedule once a step, and keeps the points of the latest versions.

    Args:
        schedule: A spec; see `make_schedule`.
        keep: How many points `point_of` knows.

    Raises:
        ConfigError: The spec is refused.

    Example:
        >>> controller = Controller({"delta_two_stage": {"min_steps": 1, "coverage": 0.5}})
        >>> controller.point.stage
        'dense'
        >>> controller.advance(Feedback(1, {"a": (8, 0), "b": (8, 1)}))
        SchedulePoint(version=2, stage='binary', values={'mix': 1.0})
        >>> controller.point_of(1).stage, controller.metrics()["coverage"]
        ('dense', 0.5)
        >>> resumed = Controller(controller.schedule)
        >>> resumed.load_state_dict(controller.state_dict())
        >>> resumed.point == controller.point
        True
    """

    def __init__(self, schedule: str | Mapping[str, Any] | RewardSchedule, *, keep: int = 64) -> None:
        self.schedule = make_schedule(schedule)
        self._keep = check_count("keep", keep, 1)
        self._state = self.schedule.initial()
        self._points = {self.point.version: self.point}
        self._signals: tuple[str, ...] = ()
        self._metrics: dict[str, float] = {}

    @property
    def state(self) -> ScheduleState:
        """Where the schedule stands."""
        return self._state

    @property
    def point(self) -> SchedulePoint:
        """What the episodes that are played next are to be scored under."""
        return self.schedule.at(self._state)

    @property
    def held(self) -> str:
        """What there is to say of a stage that does not end; empty where all is well."""
        return self.schedule.held(self._state)

    def advance(self, feedback: Feedback | Iterable[Feedback]) -> SchedulePoint:
        """Tell of a step, once it is over; gives the point for the next.

        Args:
            feedback: Of one process, or of each; a step that was told before is ignored.

        Raises:
            ConfigError: They are of different steps.
        """
        whole = feedback if isinstance(feedback, Feedback) else merged(feedback)
        if whole.step <= self._state.step:
            return self.point
        whole = replace(whole, signals=(*whole.signals, *self._signals))
        before, stage, held = self.point, self._state.stage, self.held
        self._state, self._signals = self.schedule.update(self._state, whole), ()
        point = self.point
        self._remember(point)
        self._metrics = {
            "schedule_stage": float(stage),
            "schedule_version": float(before.version),
            **{f"schedule_{key}": value for key, value in before.values.items()},
            "schedule_held": float(bool(self.held)),
            "coverage": whole.coverage,
            "informative_groups": float(whole.informative),
        }
        if point.stage != before.stage:
            _LOG.info("step %d: the reward goes from %r to %r", whole.step, before.stage, point.stage)
        if self.held and not held:
            _LOG.warning("step %d: %s", whole.step, self.held)
        return point

    def signal(self, name: str) -> None:
        """Ask for what a `Manual` trigger waits for; it is told with the next step."""
        self._signals = tuple(sorted({*self._signals, name}))

    def point_of(self, version: int) -> SchedulePoint:
        """The point of a version.

        Raises:
            StaleVersionError: It is not among the latest, or there never was one.
        """
        if version not in self._points:
            raise StaleVersionError(
                f"no point of version {version} is kept; known are {min(self._points)} to {max(self._points)}"
            )
        return self._points[version]

    def options(self) -> dict[str, Any]:
        """Options for `reset` of environments with a `ScheduledReward`. Autoresets do not pass them on."""
        return {"reward_schedule": self.point.to_dict()}

    def deliver(self, envs: VectorLike | Sequence[EnvLike]) -> None:
        """Send the point to environments with a `ScheduledReward`; each takes it up with its next episode.

        Worth doing before every step: an environment that was built again has none.

        Args:
            envs: A vector environment, or environments.

        Raises:
            AcknowledgementError: One answered with another version, or has no `ScheduledReward`.
        """
        point = self.point
        try:
            if isinstance(envs, Sequence):
                answers = [env.get_wrapper_attr("set_schedule_point")(point.to_dict()) for env in envs]
            else:
                answers = list(envs.call("set_schedule_point", point.to_dict()))
        except AttributeError as error:
            raise AcknowledgementError(f"an environment has no ScheduledReward around it: {error}") from error
        wrong = {place: answer for place, answer in enumerate(answers) if answer != point.version}
        if wrong:
            raise AcknowledgementError(
                f"environments were sent version {point.version} of the schedule, and some answered {shown(wrong)}"
            )

    def metrics(self) -> dict[str, float]:
        """Numbers of the step that was told last: the point that it was played under, and what came of it."""
        return dict(self._metrics)

    def state_dict(self) -> dict[str, Any]:
        """All of it as JSON, for a checkpoint."""
        return {
            "schema": SCHEMA,
            "config": self.schedule.config_hash,
            "state": self._state.to_dict(),
            "points": [point.to_dict() for point in self._points.values()],
            "signals": list(self._signals),
        }

    def load_state_dict(self, saved: Mapping[str, Any], *, force: bool = False) -> None:
        """Go on from a checkpoint.

        Args:
            saved: What `state_dict` gave.
            force: Take the state of a schedule with other settings, as far as it has as many stages. Where its point
                differs, it gets a version of its own.

        Raises:
            ConfigError: It is no such state, or that of another schedule.
        """
        names = {"schema", "config", "state", "points", "signals"}
        if not isinstance(saved, Mapping) or set(saved) != names or saved["schema"] != SCHEMA:
            raise ConfigError(f"expected what state_dict() gives, schema {SCHEMA}, got {shown(saved)}")
        if saved["config"] != self.schedule.config_hash and not force:
            raise ConfigError(
                f"the state is of another schedule (hash {shown(saved['config'])}, this one has "
                f"{self.schedule.config_hash!r}): give the schedule of the run, or force=True"
            )
        state = ScheduleState.from_dict(saved["state"])
        points = [SchedulePoint.from_dict(each) for each in saved["points"]]
        known = {point.version: point for point in points}
        point = self.schedule.at(state)
        if known.get(state.version) != point:
            state = replace(state, version=max([state.version, *known]) + 1)
        self._state, self._points, self._signals, self._metrics = state, known, tuple(saved["signals"]), {}
        self._remember(self.point)

    def _remember(self, point: SchedulePoint) -> None:
        self._points[point.version] = point
        for version in sorted(self._points)[: -self._keep]:
            del self._points[version]
