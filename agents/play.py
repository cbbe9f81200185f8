"""`Play` and `Playing`: an episode that is wanted, and one under way.

There is one way of making an `Episode`, whoever drives it: `collect` in lock-step, `rollout` one by one. Any
environment whose observations and actions are text will do: `reset`, `step` and `info` are all that is used. Where a
step may be tried again, the moment before it is kept: by `snapshot` or, for an environment that has none, by its seed
and the actions so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import gymnasium as gym
from rlvr_gym.agents.asking import Refused
from rlvr_gym.agents.episode import UNGRADABLE_REASONS, Episode, Turn
from rlvr_gym.agents.policy import Completion, Message, Request, seed_from
from rlvr_gym.envs import TextAction
from rlvr_gym.envs.boundary import Failure, guarded
from rlvr_gym.envs.snapshot import Snapshot, SnapshotError
from rlvr_gym.envs.state import fork, restore, snapshot
from rlvr_gym.envs.tools.tool_env import ToolEnv
from rlvr_gym.envs.wrappers.base import turns_allowed
from rlvr_gym.verifiers import ConfigError
from rlvr_gym.verifiers.errors import shown

T = TypeVar("T")
TextGymEnv = gym.Env[str, str]


@dataclass(frozen=True, slots=True)
class Play:
    """One episode that is wanted.

    Args:
        seed: Seed of `reset`; equal seeds give equal tasks, which is how a group is made.
        sample_seed: Seed of the policy's choices in this episode.
        index: Number of this episode among those of its task.
        options: Options of `reset`.
    """

    seed: int | None = None
    sample_seed: int = 0
    index: int = 0
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a reset or a step showed; `reason` says why the episode is over and is empty where it is not."""

    messages: tuple[Message, ...]
    anchor: str
    task_id: str = ""
    reward: float = 0.0
    reason: str = ""
    passed: bool | None = None
    verdict: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Message, ...] = ()
    tool_stats: Mapping[str, Any] | None = None
    thread: str = ""
    threads: tuple[str, ...] = ()
    hint: float = 0.0
    passed_with_hint: bool | None = None
    judged: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Playing:
    """An episode under way: `begin` once, then `advance` with the answer to each `request` until it is `done`.

    What the environment raises ends the episode, which becomes a record with `stop_reason="error"` and the traceback;
    nothing is raised by `begin` and `advance`.

    Args:
        play: What is played.
        env: Where; None to make one.
        make_env: Makes an environment where there is none or the last one raised.
        retries: How often a reset or a step that raised or could not be graded is tried again: from the moment before
            it, with the same action. The episode then equals one that never failed, but for its count of retries.
        done: The episode, once it is over.
        broken: Whether the environment raised and was not replaced.
        abandoned: Set by whoever waits no longer for `begin` or `advance`, which then try nothing again.

    Example:
        >>> playing = Playing(Play(seed=0), gym.make("rlvr_gym:rlvr/Arithmetic-v0"))
        >>> playing.begin()
        >>> playing.request().conversation[-1]["role"]
        'user'
        >>> playing.advance(Completion("#### 54"))
        >>> playing.done.passed
        True
    """

    play: Play
    env: TextGymEnv | None = None
    make_env: Callable[[], TextGymEnv] | None = None
    retries: int = 0
    done: Episode | None = None
    broken: bool = False
    abandoned: bool = False
    _seen: list[_Seen] = field(default_factory=list)
    _conversations: dict[str, list[Message]] = field(default_factory=dict)
    _tools: dict[str, tuple[Message, ...]] = field(default_factory=dict)
    _turns: list[Turn] = field(default_factory=list)
    _retried: int = 0

    def ready(self) -> None:
        """Make the environment where there is none; what `make_env` raises is raised."""
        self._sound()

    def begin(self) -> None:
        """Reset the environment."""
        outcome = self._try(self._reset)
        while isinstance(outcome, Failure) and self._retried < self.retries and not self.abandoned:
            self._retried += 1
            outcome = self._try(self._reset)
        if isinstance(outcome, Failure):
            self.done = self._ended("error", error=outcome.traceback)
        else:
            self._seen.append(outcome)
            self._hear(outcome)

    def request(self) -> Request:
        """What the policy is asked next."""
        seed = seed_from(self.play.sample_seed, len(self._turns))
        thread = self._seen[-1].thread
        return Request(self._conversations[thread], seed, self.play.index, self._tools[thread])

    def advance(self, completion: Completion) -> None:
        """Give the policy's answer to the environment.

        A `Refused` ends the episode: there is nothing to give, and nothing that the environment could do about it.
        """
        if isinstance(completion, Refused):
            self.done = self._ended("error", error=f"{type(completion.error).__name__}: {completion.error}")
            return
        step = partial(self._step, completion)
        before = guarded(lambda: snapshot(self._sound())) if self.retries else None
        outcome = self._try(step)
        tried = 0
        while _failed(outcome) and tried < self.retries and not self.abandoned and self._go_back(before):
            tried += 1
            self._retried += 1
            outcome = self._try(step)
        self._take(completion, outcome)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The exchanges so far."""
        return tuple(self._turns)

    @property
    def hint(self) -> float:
        """The share of the solution that the prompt shows; 0 where there is none, or the reset failed."""
        return self._seen[0].hint if self._seen else 0.0

    def fork(self, sample_seed: int, index: int = 0) -> Playing:
        """Another episode at the same moment. What lies behind is the same `Turn` objects, what comes is its own.

        Its environment is a fork, which whoever asked for it closes. Where forking raises, the new episode is over, as
        one whose environment raised.

        Args:
            sample_seed: Seed of the policy's choices from here on.
            index: Its number among the episodes of its task.

        Raises:
            ConfigError: It was not begun.
            SnapshotError: The environment is none that can be forked, or has state that cannot be copied.

        Example:
            >>> playing = Playing(Play(seed=0), gym.make("rlvr_gym:rlvr/Arithmetic-v0"))
            >>> playing.begin()
            >>> other = playing.fork(sample_seed=1)
            >>> playing.advance(Completion("#### 53"))
            >>> other.advance(Completion("#### 54"))
            >>> playing.done.passed, other.done.passed
            (False, True)
        """
        there = replace(
            self,
            play=replace(self.play, sample_seed=sample_seed, index=index),
            env=None,
            _seen=list(self._seen),
            _conversations={name: list(messages) for name, messages in self._conversations.items()},
            _tools=dict(self._tools),
            _turns=list(self._turns),
        )
        if self.done is None:
            if self.env is None or not self._seen:
                raise ConfigError("an episode is forked after it was begun: call begin() first")
            outcome = guarded(partial(_forked, self.env))
            if isinstance(outcome, SnapshotError):
                raise outcome
            if isinstance(outcome, Failure):
                there.broken = True
                there.done = there._ended("error", error=outcome.traceback)
            else:
                there.env = outcome
        return there

    def late(self, deadline_s: float, waited_for: str) -> Episode:
        """The record of an episode over its deadline. Another thread may still be in `begin` or `advance`.

        Args:
            deadline_s: How long it was allowed to take, in seconds.
            waited_for: What was under way when that had passed.
        """
        return self._ended("deadline", error=f"over its deadline of {deadline_s:g} s while waiting for {waited_for}")

    def close(self) -> None:
        """Close the environment. What it raises at that is of no interest any more."""
        env, self.env = self.env, None
        if env is not None:
            guarded(env.close)

    def _take(self, completion: Completion, outcome: _Seen | Failure) -> None:
        if isinstance(outcome, Failure):
            self.done = self._ended("error", error=outcome.traceback)
            return
        thread = self._seen[-1].thread
        self._turns.append(Turn(completion, outcome.reward, self._seen[-1].anchor, thread))
        self._seen.append(outcome)
        if outcome.reason:
            self.done = self._ended(outcome.reason, outcome)
            return
        own = next((message for message in outcome.messages if message["role"] == "assistant"), {})
        said = {**own, "role": "assistant", "content": completion.text, "token_ids": completion.token_ids}
        self._conversations[thread].append(said)
        self._hear(outcome)

    def _hear(self, seen: _Seen) -> None:
        """Keep each message in the conversation that it belongs to; what the policy said is there already."""
        self._conversations.setdefault(seen.thread, [])
        for message, thread in zip(seen.messages, seen.threads, strict=True):
            if message["role"] != "assistant" or not self._turns:
                self._conversations.setdefault(thread, []).append(message)
        self._tools.setdefault(seen.thread, seen.tools)

    def _ended(self, reason: str, last: _Seen | None = None, error: str = "") -> Episode:
        return Episode(
            task_id=self._seen[0].task_id if self._seen else "",
            turns=tuple(self._turns),
            passed=last.passed if last is not None else None,
            stop_reason=reason,
            verdict=last.verdict if last is not None else {},
            error=error,
            retries=self._retried,
            tool_stats=last.tool_stats if last is not None else None,
            tool_seconds=self._tool_seconds() if last is not None and last.tool_stats else {},
            hint=self.hint,
            passed_with_hint=last.passed_with_hint if last is not None else None,
            judged=last.judged if last is not None else {},
        )

    def _tool_seconds(self) -> Mapping[str, float]:
        base = self.env.unwrapped if self.env is not None else None
        return base.toolbox.seconds if isinstance(base, ToolEnv) else {}

    def _try(self, call: Callable[[], T]) -> T | Failure:
        """The rollout boundary. What state an environment is in that raised, nobody knows."""
        outcome = guarded(call)
        self.broken = self.broken or isinstance(outcome, Failure)
        return outcome

    def _sound(self) -> TextGymEnv:
        """The environment, or a new one where it raised."""
        if self.broken and self.make_env is not None:
            env, self.env = self.env, None
            if env is not None:
                guarded(env.close)
        if self.env is None:
            if self.make_env is None:
                raise ConfigError("an episode needs an environment, or make_env to make one")
            self.env = self.make_env()
        self.broken = False
        return self.env

    def _reset(self) -> _Seen:
        options = self.play.options
        observation, info = self._sound().reset(seed=self.play.seed, options=None if options is None else dict(options))
        said = {"role": "user", "content": _text(observation)}
        return _seen(info, info.get("messages", [said]), task_id=info.get("task_id", ""))

    def _step(self, completion: Completion) -> _Seen:
        finish_reason, tool_calls = completion.finish_reason, completion.tool_calls
        action = TextAction(completion.text, finish_reason=finish_reason, tool_calls=tool_calls)
        observation, reward, terminated, truncated, info = self._sound().step(action)
        said = {"role": "user", "content": _text(observation)}
        seen = _seen(info, info.get("messages", [said]), reward=_finite(reward))
        if not (terminated or truncated):
            return seen
        reason = info.get("stop_reason", "answered" if terminated else "max_turns")
        passed = None if reason in UNGRADABLE_REASONS else bool(info.get("passed", False))
        verdict, stats = info.get("verdict", {}), info.get("tool_stats")
        hinted = bool(info["passed_with_hint"]) if passed is not None and "passed_with_hint" in info else None
        seen = replace(seen, reason=reason, passed=passed, verdict=verdict, tool_stats=stats, passed_with_hint=hinted)
        return replace(seen, judged=_judged(info))

    def _go_back(self, before: Snapshot | Failure | None) -> bool:
        """Whether an environment stands again where it stood before the step."""
        if isinstance(before, Snapshot) and not isinstance(self._try(partial(self._restore, before)), Failure):
            return True
        return self._try(self._replay) is True

    def _restore(self, before: Snapshot) -> None:
        restore(self._sound(), before)

    def _replay(self) -> bool:
        """Play the episode up to here again. False where it went another way."""
        if self.play.seed is None:
            return False  # another task may come, and look the same
        seen = [self._reset(), *(self._step(turn.completion) for turn in self._turns)]
        return seen == self._seen


def goes_on(env: TextGymEnv) -> bool:
    """Whether a second turn is to be expected, so that what was computed in the first is worth keeping.

    Example:
        >>> goes_on(gym.make("rlvr_gym:rlvr/Arithmetic-v0")), goes_on(gym.make("rlvr_gym:rlvr/Mastermind-v0"))
        (False, True)
    """
    return turns_allowed(env) != 1


def _seen(info: Mapping[str, Any], messages: Sequence[Message], **more: Any) -> _Seen:
    """What an info shows; without threads everything is one conversation, whose name is empty."""
    thread = info.get("thread", "")
    pairs = list(zip(messages, info.get("threads", [thread] * len(messages)), strict=True))
    return _Seen(
        messages=tuple(message for message, _ in pairs),
        anchor=info.get("anchor", ""),
        tools=tuple(info.get("tools", ())),
        thread=thread,
        threads=tuple(name for _, name in pairs),
        hint=float(info.get("hint", 0.0)),
        **more,
    )


def _judged(info: Mapping[str, Any]) -> dict[str, Any]:
    """What `Episode.judged` keeps of the info of the last step; nothing of environments that do not say."""
    found: dict[str, Any] = {}
    if "verdict_terms" in info:
        found["paid"] = float(sum(info["reward_terms"][name] for name in info["verdict_terms"]))
    for name in ("factor", "answers", "tool_calls"):
        if name in info.get("attempts", {}):
            found[name] = info["attempts"][name]
    return {**found, "verdict": info["verdict_with_hint"]} if "verdict_with_hint" in info else found


def _forked(env: TextGymEnv) -> TextGymEnv | SnapshotError:
    """A fork; what says that there can be none is no failure of the environment, and is given back as it is."""
    try:
        [there] = fork(env)
    except SnapshotError as error:
        return error
    return there


def _finite(reward: Any) -> float:
    if not math.isfinite(number := float(reward)):
        raise ValueError(f"a reward must be a finite number, got {number!r}")
    return number


def _failed(outcome: _Seen | Failure) -> bool:
    return isinstance(outcome, Failure) or outcome.reason == "ungradable"


def _text(observation: Any) -> str:
    if not isinstance(observation, str):
        raise TypeError(f"an observation must be a str, got {type(observation).__name__}: {shown(observation)}")
    return observation
