"""`TextVectorEnv`: many text environments behind one door, stepped by threads, with groups that play the same tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AutoresetMode, VectorEnv
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.task import TaskNotFoundError, check_int
from rlvr_gym.envs.text_env import EpisodeOverError, Info
from rlvr_gym.envs.vector.infos import merged
from rlvr_gym.envs.vector.options import ResetPlan, plan_reset, read_mode, text_spaces
from rlvr_gym.envs.vector.sub import Step, SubEnv, TextGymEnv
from rlvr_gym.envs.vector.threads import Crew
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

T = TypeVar("T")
Flags = npt.NDArray[np.bool_]
Rewards = npt.NDArray[np.float64]
Texts = tuple[str, ...]

DEFAULT_WORKERS = 16


class StepResult(NamedTuple):
    """What a step of one sub-environment gave; unpacks like the result of `gymnasium.Env.step`.

    Args:
        observation: The next text.
        reward: The reward.
        terminated: Whether a verdict ended the episode.
        truncated: Whether a limit or a failure of ours did.
        info: The sub-environment's info.
    """

    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: Info


class TextVectorEnv(VectorEnv[Texts, Sequence[str], npt.NDArray[Any]]):
    """Environments with text observations and text actions, side by side.

    **Groups.** The members of a group (`group_size` neighbours) play the same tasks: the episode number `j` of each has
    the same seed, whenever each of them comes to it. `reset(seed=s)` gives group `k` the seed `s + k`; the later ones
    are hashes of it and `j`. A reset without a seed that takes in a whole group begins the next number for all of it.
    With groups of one, everything is as in environments of their own: a reset without a seed continues a stream.

    **Failures.** An exception in a sub-environment ends its episode alone: observation `""`, reward 0, truncated, and
    `stop_reason` `"error"` and `error` in its info; `failures` has the traceback. Its next reset tries again, in a new
    environment if that reset fails; if this fails too, the info has the `error`, and the first step ends the episode.

    **Autoreset.** `DISABLED`, the default, wastes no answer of the policy: reset with `options={"reset_mask": mask}`,
    or play on with `step_subset`. `NEXT_STEP` and `SAME_STEP` are as in Gymnasium.

    Args:
        env_fns: One function an environment; each is called now, and again where a reset fails.
        group_size: Divides the number of environments.
        autoreset_mode: An `AutoresetMode` or its value: `"Disabled"`, `"NextStep"`, `"SameStep"`.
        workers: How many threads help the calling one where a step waits (for a sandbox, for a server); 0 for none.
            Results do not depend on it. Default: one less than environments, at most 16.

    Raises:
        ConfigError: A setting is refused, or an environment's spaces are not text.

    Example:
        >>> import gymnasium as gym
        >>> envs = gym.make_vec("rlvr_gym:rlvr/Arithmetic-v0", num_envs=4, group_size=2, style="compact")
        >>> envs.reset(seed=0)[0]
        ('14+40=', '14+40=', '73+62=', '73+62=')
        >>> observations, rewards, terminated, truncated, infos = envs.step(["54", "55", "135", "x"])
        >>> rewards, infos["passed"]
        (array([1., 0., 1., 0.]), array([ True, False,  True, False]))
        >>> envs.close()
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        env_fns: Iterable[Callable[[], TextGymEnv]],
        *,
        group_size: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
        workers: int | None = None,
    ) -> None:
        env_fns = list(env_fns)
        self.num_envs = len(env_fns)
        self.group_size = check_int("group_size", group_size, 1, None)
        if not env_fns or self.num_envs % self.group_size:
            raise ConfigError(
                f"the number of environments must be a positive multiple of group_size={group_size}, got {len(env_fns)}"
            )
        self.autoreset_mode = read_mode(autoreset_mode)
        if workers is None:
            workers = min(self.num_envs - 1, DEFAULT_WORKERS)
        self._crew = Crew(check_int("workers", workers, 0, None))
        self._subs = [SubEnv(make, self.autoreset_mode, self.group_size > 1) for make in env_fns]
        self.metadata = {**self.envs[0].metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = self.envs[0].render_mode
        self.single_observation_space, self.observation_space = text_spaces(self.envs, "observation_space")
        self.single_action_space, self.action_space = text_spaces(self.envs, "action_space")

    @property
    def workers(self) -> int:
        """How many threads help the calling one."""
        return self._crew.size

    @property
    def envs(self) -> tuple[TextGymEnv, ...]:
        """The sub-environments, to look at (`snapshot(vector.envs[3])`); a failed reset may replace one."""
        return tuple(sub.env for sub in self._subs)

    @property
    def episodes(self) -> tuple[int, ...]:
        """Number of each sub-environment's episode since its last seed: equal ones of a group have the same task."""
        return tuple(sub.episode for sub in self._subs)

    @property
    def failures(self) -> tuple[Failure | None, ...]:
        """The last failure of each sub-environment, with its traceback; None where there was none."""
        return tuple(sub.failure for sub in self._subs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Texts, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: `s` for `s + k` in group `k`, or one seed or None for each sub-environment.
            options: `per_env`, a list of a dict or None for each sub-environment; `reset_mask`, a NumPy array of
                booleans, those to reset; every other key goes to each of them. `{"snapshot": ...}`, in `per_env` or for
                all, goes back to that moment, wrappers included; with a seed, to another random future.

        Returns:
            Every sub-environment's latest observation, and the infos of those that were reset.

        Raises:
            ConfigError: An argument is refused, by this method or by a sub-environment. The ones that refused have then
                no episode.
            TaskNotFoundError: A sub-environment has no such task.
            SnapshotError: A snapshot is none.
        """
        self._check_open()
        plan = plan_reset(seed, options, self.num_envs, self.group_size)
        if isinstance(seed, int | np.integer):
            super().reset(seed=int(seed))
        infos: list[Any] = [None] * self.num_envs
        outcomes = self._run("reset", self._resets(plan), plan.indices)
        for i, outcome in zip(plan.indices, outcomes, strict=True):
            if (error := self._subs[i].refusal) is not None:
                kind = ConfigError if isinstance(error, ConfigError) else TaskNotFoundError
                raise kind(f"sub-environment {i}: {error}") from error
            infos[i] = outcome[1]
        return self._observations(), merged(infos)

    def step(self, actions: Sequence[str]) -> tuple[Texts, Rewards, Flags, Flags, dict[str, Any]]:
        """Play a turn in every sub-environment.

        Args:
            actions: A text for each; with `NEXT_STEP`, that of one whose episode is over is ignored.

        Returns:
            Observations, rewards, terminated, truncated, infos; with `SAME_STEP`, `final_obs` and `final_info` in the
            infos are those of the episodes that ended.

        Raises:
            ConfigError: Another number of actions than of sub-environments.
            TypeError: An action is no text.
            EpisodeOverError: With `DISABLED`: an episode is over. No sub-environment has then been stepped.
        """
        if isinstance(actions, str) or len(actions) != self.num_envs:
            given = f"one text {shown(actions)}" if isinstance(actions, str) else f"{len(actions)} actions"
            raise ConfigError(f"step takes {self.num_envs} actions, one for each sub-environment, got {given}")
        results = self._advance(range(self.num_envs), actions)
        observations, rewards, terminated, truncated, own_infos = zip(*results, strict=True)
        infos = merged(own_infos)
        if "final_info" in infos:
            infos["final_info"] = merged([info.get("final_info") for info in own_infos])
        return observations, np.array(rewards, np.float64), np.array(terminated), np.array(truncated), infos

    def step_subset(self, actions: Mapping[int, str]) -> dict[int, StepResult]:
        """Play a turn in some sub-environments; the others stay where they are.

        Args:
            actions: Index to action.

        Returns:
            Index to result, in the same order.

        Raises:
            ConfigError: There is no such sub-environment.
            TypeError: An action is no text.
            EpisodeOverError: As for `step`.
        """
        for i in actions:
            check_int("the index of a sub-environment", i, 0, self.num_envs - 1)
        results = self._advance(list(actions), list(actions.values()))
        return {i: StepResult(*result) for i, result in zip(actions, results, strict=True)}

    def render(self) -> tuple[Any, ...]:
        """What each sub-environment renders."""
        return tuple(env.render() for env in self.envs)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """A method's result, or an attribute, of each sub-environment; looked up through its wrappers."""
        found = [env.get_wrapper_attr(name) for env in self.envs]
        return tuple(each(*args, **kwargs) if callable(each) else each for each in found)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each sub-environment; see `call`."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each sub-environment: a list or tuple has one value for each, anything else is for all.

        Raises:
            ConfigError: The list has another length than there are sub-environments.
        """
        values = values if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(values) != self.num_envs:
            raise ConfigError(f"set_attr takes one value or {self.num_envs} of them, got {len(values)}")
        for env, value in zip(self.envs, values, strict=True):
            env.set_wrapper_attr(name, value)

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads and close every sub-environment; one that fails to is in `failures`."""
        self._crew.close()
        for sub in self._subs:
            outcome = guarded(sub.env.close)
            sub.failure = outcome if isinstance(outcome, Failure) else sub.failure

    def _advance(self, indices: Sequence[int], actions: Sequence[str]) -> list[Step]:
        self._check_open()
        subs = self._subs
        over = [i for i in indices if subs[i].over]
        if over and self.autoreset_mode is not AutoresetMode.NEXT_STEP:
            raise EpisodeOverError(
                f"the episodes of sub-environments {over} are over or were never begun: reset them with "
                "options={'reset_mask': mask}, or step the others with step_subset"
            )
        for i, action in zip(indices, actions, strict=True):
            if not isinstance(action, str) and not subs[i].over:
                raise TypeError(f"an action is a str, got {type(action).__name__}: {shown(action)}")
        jobs = [partial(subs[i].step, action) for i, action in zip(indices, actions, strict=True)]
        return self._run("step", jobs, indices)

    def _resets(self, plan: ResetPlan) -> list[Callable[[], tuple[str, Info]]]:
        """The reset of each sub-environment; a whole group that gets no seed goes on to its next common episode."""
        numbers: dict[int, int] = {}
        if self.group_size > 1:
            chosen = set(plan.indices)
            for first in range(0, self.num_envs, self.group_size):
                group = range(first, first + self.group_size)
                if chosen.issuperset(group):
                    numbers |= dict.fromkeys(group, 1 + max(self._subs[i].episode for i in group))
                self._seed_group(group)
        rows = zip(plan.indices, plan.seeds, plan.options, strict=True)
        return [partial(self._subs[i].reset, seed, options, numbers.get(i)) for i, seed, options in rows]

    def _seed_group(self, group: Sequence[int]) -> None:
        if self._subs[group[0]].seed is None:
            seed = int(self.np_random.integers(2**63))
            for i in group:
                self._subs[i].seed = seed

    def _run(self, kind: str, jobs: Sequence[Callable[[], T]], indices: Sequence[int]) -> list[T]:
        outcomes = None
        try:
            outcomes = self._crew.run(kind, jobs)
        finally:
            if outcomes is None:  # interrupted: helpers may still be in these environments
                for i in indices:
                    self._subs[i].abandon()
        return outcomes

    def _observations(self) -> Texts:
        return tuple([sub.observation for sub in self._subs])

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("this vector environment is closed: make another one")
