"""`rollout`: one coroutine an episode, so that slow verifiers and slow generations overlap.

Steps of environments run in threads; the policy is asked for whatever episodes wait when it is free, or for each by
itself where it is asynchronous. A completion depends on its conversation and seed alone, so the episodes do not depend
on timing, on the number of threads or on how many are under way; the order in which they finish does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing

from rlvr_gym.agents.asking import AsyncPolicy
from rlvr_gym.agents.inflight import Finished, InFlight, Limits
from rlvr_gym.agents.notices import Notices
from rlvr_gym.agents.play import Play, TextGymEnv
from rlvr_gym.agents.policy import Policy
from rlvr_gym.envs.task import check_int
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown


def rollout(
    make_env: Callable[[], TextGymEnv],
    policy: Policy | AsyncPolicy,
    plays: Iterable[Play],
    *,
    max_inflight: int = 64,
    workers: int = 64,
    deadline_s: float | None = None,
    retries: int = 0,
    max_batch: int | None = None,
) -> AsyncGenerator[Finished, None]:
    """Play episodes, each at its own pace, and give them as they finish.

    What an environment raises makes a record of its own episode alone (`stop_reason="error"`); the first one that could
    not be graded is logged as a warning. What the policy or `plays` raises is raised here. Leave it by `aclose` (or
    `contextlib.aclosing`), and nothing goes on behind it.

    Args:
        make_env: Makes one environment. Called in threads, perhaps in several at once, at most `max_inflight` times
            and once more for each environment that raised or hung.
        policy: Who acts. A `Policy` is called in one thread; an object with `aact`, in the event loop. Where the first
            environment has more than one turn, a `Policy` is `remembering` until the end: its parameters must not
            change before.
        plays: What to play; may be endless, and is read as far as there is room.
        max_inflight: Most episodes that are begun and not yet taken. Who stops taking them stops the driver.
        workers: Most environments that are in a step at once, not counting those that hung.
        deadline_s: Seconds that an episode may take: of its environment and of waiting for the policy, not of waiting
            for a free worker. One that takes longer has `stop_reason="deadline"` and is not gradable. If its step
            hangs, so do its environment and its thread, and others take their place.
        retries: How often a reset or a step that raised or could not be graded is tried again; see `Playing`.
        max_batch: Most conversations that a `Policy` is given at once.

    Returns:
        An asynchronous generator of finished episodes.

    Raises:
        ConfigError: A setting is refused.

    Example:
        >>> import asyncio, gymnasium as gym
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> make_env = lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=30)
        >>> policy = ScriptedPolicy(make_env().unwrapped.taskset, 1.0)
        >>> async def main():
        ...     plays = (Play(seed=i) for i in range(100))
        ...     return [done.episode.passed async for done in rollout(make_env, policy, plays)]
        >>> sum(asyncio.run(main()))
        100
    """
    check_int("max_inflight", max_inflight, 1, None)
    check_int("workers", workers, 1, None)
    check_int("retries", retries, 0, None)
    if deadline_s is not None and not deadline_s > 0:
        raise ConfigError(f"deadline_s must be a positive number of seconds, got {shown(deadline_s)}")
    if max_batch is not None:
        check_int("max_batch", max_batch, 1, None)
        if isinstance(policy, AsyncPolicy):
            raise ConfigError(f"max_batch is for policies that are asked in batches; {type(policy).__name__} has aact")
    limits = Limits(max_inflight, workers, deadline_s, retries, max_batch or max_inflight)
    return _rollout(make_env, policy, iter(plays), limits)


async def whole_groups(finished: AsyncGenerator[Finished, None], size: int) -> AsyncGenerator[list[Finished], None]:
    """Groups of `size` plays that follow each other, each as soon as all of it has finished.

    Args:
        finished: What `rollout` gives; closed together with this generator.
        size: Plays a group (G): the first G plays are the first group.

    Raises:
        ConfigError: `size` is not positive, or the plays ended within a group.

    Example:
        >>> import asyncio, gymnasium as gym
        >>> from rlvr_gym.agents import ScriptedPolicy
        >>> make_env = lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=30)
        >>> policy = ScriptedPolicy(make_env().unwrapped.taskset, 0.5)
        >>> plays = [Play(seed=task, sample_seed=10 * task + i, index=i) for task in range(3) for i in range(4)]
        >>> async def main():
        ...     groups = whole_groups(rollout(make_env, policy, plays), 4)
        ...     return [[done.number for done in group] async for group in groups]
        >>> sorted(asyncio.run(main()))
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    """
    check_int("size", size, 1, None)
    begun: dict[int, list[Finished]] = {}
    async with aclosing(finished):
        async for done in finished:
            group = begun.setdefault(done.number // size, [])
            group.append(done)
            if len(group) == size:
                yield sorted(begun.pop(done.number // size), key=lambda member: member.number)
    if begun:
        raise ConfigError(f"the plays are no whole number of groups of {size}: the last has {len(begun.popitem()[1])}")


async def _rollout(
    make_env: Callable[[], TextGymEnv], policy: Policy | AsyncPolicy, plays: Iterator[Play], limits: Limits
) -> AsyncGenerator[Finished, None]:
    driver, notices = InFlight(make_env, policy, plays, limits), Notices()
    try:
        await driver.open()
        while (finished := await driver.next()) is not None:
            notices.finished(finished.number, finished.episode)
            yield finished
    finally:
        await driver.close()
