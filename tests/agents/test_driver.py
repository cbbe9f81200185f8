"""`rollout`: the episodes of `collect` whatever the timing; back-pressure, deadlines, and nothing left behind."""

from __future__ import annotations

import asyncio
import doctest
import gc
import json
import logging
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import (
    AsyncPolicy,
    Completion,
    Episode,
    Finished,
    Play,
    Policy,
    Request,
    ScriptedPolicy,
    collect,
    rollout,
    seed_from,
    whole_groups,
)
from rlvr_gym.agents.asking import Refused
from rlvr_gym.agents.policy import unit_interval
from rlvr_gym.agents.workers import Workers
from rlvr_gym.verifiers import ConfigError


@pytest.fixture(autouse=True)
def _nothing_is_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After every test: no thread, and no word of asyncio about tasks destroyed or exceptions never retrieved."""
    yield
    assert not threads()
    said = [r.getMessage() for r in caplog.records if r.name == "asyncio" and r.levelno >= logging.WARNING]
    assert not [message for message in said if not message.startswith("Executing")]  # which says that it was slow


def threads() -> list[str]:
    """The threads of rollouts; the one that a process keeps for connections of MCP may be there from other tests."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("rlvr-") and name != "rlvr-mcp"]


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited for 30 s"
        time.sleep(0.005)


def arithmetic() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Arithmetic-v0", style="compact", size=50)
    return env


def mastermind() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=2, symbols=2, max_turns=5)
    return env


def scripted() -> Policy:
    return ScriptedPolicy(arithmetic().unwrapped.taskset, 0.5)  # type: ignore[attr-defined]


def answer_to(request: Request) -> Completion:
    """A guess that depends on the conversation and the seed, as a model's would."""
    number = seed_from(request.seed, *(str(message["content"]) for message in request.conversation))
    return Completion(f"{1 + number % 2}{1 + number // 2 % 2}", (number % 7,), (-0.5,), (0.1,), (1, 2))


class Guessing(Policy):
    """Takes `seconds` a call, and keeps the sizes of the batches."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.batches, self.entered = seconds, list[int](), 0

    @contextmanager
    def remembering(self) -> Iterator[None]:
        self.entered += 1
        try:
            yield
        finally:
            self.entered -= 1

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.batches.append(len(requests))
        time.sleep(self.seconds)
        return [answer_to(request) for request in requests]


class Served:
    """An asynchronous policy: every request takes its own time."""

    async def aact(self, request: Request) -> Completion:
        await asyncio.sleep(0.01 * unit_interval(request.seed))
        return answer_to(request)


class Slow(gym.Wrapper[str, str, str, str]):
    """Resets and steps that take 0 to 10 ms."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        time.sleep(0.01 * unit_interval(seed or 0))
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        time.sleep(0.01 * unit_interval(seed_from(action)))
        return self.env.step(action)


async def drained(finished: AsyncIterator[Finished]) -> list[Finished]:
    return [done async for done in finished]


def in_order(finished: AsyncIterator[Finished]) -> list[Episode]:
    """All episodes in the order of their plays, each exactly once."""
    done = asyncio.run(asyncio.wait_for(drained(finished), 60))
    done.sort(key=lambda one: one.number)
    assert [one.number for one in done] == list(range(len(done)))
    return [one.episode for one in done]


def plays(n: int) -> list[Play]:
    return [Play(seed=i // 4, sample_seed=i, index=i % 4) for i in range(n)]


# --- The same episodes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_inflight": 1},
        {"max_inflight": 7, "workers": 2, "max_batch": 3},
        {"max_inflight": 200, "workers": 1},
        {"deadline_s": 60.0, "retries": 2, "max_batch": 1},
    ],
)
def test_the_episodes_are_those_of_collect(settings: dict[str, Any]) -> None:
    wanted = plays(60)
    assert in_order(rollout(arithmetic, scripted(), wanted, **settings)) == collect([arithmetic()], scripted(), wanted)
    played = in_order(rollout(mastermind, Guessing(), wanted, **settings))
    assert played == collect([mastermind() for _ in range(60)], Guessing(), wanted)
    assert {len(episode.turns) for episode in played} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("policy", [Guessing(0.003), Served()])
def test_timing_changes_only_the_order(policy: Policy | AsyncPolicy) -> None:
    wanted = plays(60)
    done = asyncio.run(drained(rollout(lambda: Slow(mastermind()), policy, wanted, max_inflight=20)))
    assert [one.number for one in done] != list(range(60))  # no lock-step
    expected = collect([mastermind()], Guessing(), wanted)
    assert all(one.episode == expected[one.number] and one.play == wanted[one.number] for one in done)


def local(alphabet: str = "12,:?x") -> Any:
    """A policy over a tiny model."""
    torch = pytest.importorskip("torch")
    from rlvr_gym.agents import TransformersPolicy, build_preset

    torch.set_num_threads(1)
    return TransformersPolicy(build_preset("nano", alphabet=alphabet), max_new_tokens=3)


def test_a_model_gives_the_same_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, wanted = local(), plays(12)
    together = in_order(rollout(mastermind, policy, wanted))
    monkeypatch.setattr(type(policy), "remembering", lambda self: nullcontext())
    expected = collect([mastermind()], policy, wanted)
    assert in_order(rollout(mastermind, policy, wanted, max_batch=1)) == expected  # to the last bit
    # In batches of other shapes the model itself rounds otherwise, in `collect` too, and so it does where it continues
    # a conversation instead of reading it again: equal ids, nearly equal numbers.
    _assert_alike(together, expected)


def corridor() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Corridor-v0", style="compact", rooms=4, max_turns=6)
    return env


class Found:
    """What `Prefixes.known` found: for each call the tokens that need not be read again, and where they are kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from rlvr_gym.agents.prefixes import Prefixes

        self.tokens, self.memories = list[int](), list[weakref.ref[Any]]()
        known = Prefixes.known

        def spied(prefixes: Any, prompts: Any) -> Any:
            found = known(prefixes, prompts)
            self.tokens.append(0 if found is None else sum(found.lengths))
            self.memories.append(weakref.ref(prefixes))
            return found

        monkeypatch.setattr(Prefixes, "known", spied)

    def forgotten(self) -> bool:
        gc.collect()
        return all(memory() is None for memory in self.memories)


def of_corridors() -> Any:
    shown = {sign for seed in range(4) for sign in corridor().reset(seed=seed)[0]}
    return local("".join(sorted(shown | set("bgr|:0123456789"))))


def test_conversations_that_go_on_are_continued_and_then_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, wanted = of_corridors(), plays(8)
    found = Found(monkeypatch)
    continued = in_order(rollout(corridor, policy, wanted, max_batch=3))
    assert sum(found.tokens) > 0
    assert found.forgotten()
    monkeypatch.setattr(type(policy), "remembering", lambda self: nullcontext())
    calls = len(found.tokens)
    read_again = in_order(rollout(corridor, policy, wanted, max_batch=3))
    assert len(found.tokens) == calls  # nothing was looked for
    assert max(len(episode.turns) for episode in read_again) > 2
    _assert_alike(continued, read_again)


def test_two_rollouts_of_one_policy_share_nothing_and_the_last_one_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins within the first and outlives it, each asking in a thread of its own."""
    policy, wanted = of_corridors(), plays(8)
    expected = collect([corridor()], policy, wanted)
    found = Found(monkeypatch)

    async def main() -> tuple[list[Finished], list[Finished]]:
        first, second = (rollout(corridor, policy, wanted, max_inflight=4) for _ in range(2))
        one, other = [await anext(first)], [await anext(second)]
        assert len({id(memory()) for memory in found.memories}) == 2
        one += await drained(first)
        other += await drained(second)
        return one, other

    for done in asyncio.run(asyncio.wait_for(main(), 60)):
        done.sort(key=lambda each: each.number)
        _assert_alike([each.episode for each in done], expected)
    assert found.forgotten()


def test_who_leaves_first_takes_nothing_from_who_stays_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy, found = local("ab"), Found(monkeypatch)

    def asked() -> None:
        policy.sample([Request([{"role": "user", "content": "abab"}], seed=1, index=0)])

    first, second = policy.remembering(), policy.remembering()
    first.__enter__()
    asked()
    second.__enter__()
    asked()
    first.__exit__(None, None, None)
    asked()
    assert [tokens > 0 for tokens in found.tokens] == [False, True, True]
    second.__exit__(None, None, None)
    assert found.forgotten()
    asked()
    assert len(found.tokens) == 3


def test_of_one_turn_nothing_is_kept() -> None:
    class Counting(Guessing):
        times = 0

        def remembering(self) -> AbstractContextManager[None]:
            self.times += 1
            return nullcontext()

    for make, times in ((arithmetic, 0), (mastermind, 1)):
        policy = Counting()
        in_order(rollout(make, policy, plays(4)))
        assert policy.times == times


def _assert_alike(episodes: Sequence[Episode], others: Sequence[Episode]) -> None:
    for episode, other in zip(episodes, others, strict=True):
        assert _without_numbers(episode) == _without_numbers(other)
        for turn, same in zip(episode.turns, other.turns, strict=True):
            assert turn.completion.logprobs == pytest.approx(same.completion.logprobs, abs=1e-4)


def _without_numbers(episode: Episode) -> Episode:
    turns = (replace(turn, completion=replace(turn.completion, logprobs=(), entropies=())) for turn in episode.turns)
    return replace(episode, turns=tuple(turns))


def test_no_plays_give_no_episodes() -> None:
    assert in_order(rollout(arithmetic, scripted(), [])) == []


# --- Back-pressure ------------------------------------------------------------------------------------------------


def test_who_stops_taking_stops_the_driver() -> None:
    read: list[int] = []

    def endless() -> Iterator[Play]:
        for number in count():
            read.append(number)
            yield Play(seed=number, sample_seed=number)

    async def main() -> None:
        async with aclosing(rollout(arithmetic, scripted(), endless(), max_inflight=6)) as finished:
            for taken in range(1, 10):
                await anext(finished)
                assert len(read) == taken + 6
                await asyncio.sleep(0.02)
                assert len(read) == taken + 6

    asyncio.run(main())


def test_no_more_environments_are_made_than_can_be_played_in() -> None:
    made: list[gym.Env[str, str]] = []

    def make() -> gym.Env[str, str]:
        made.append(arithmetic())
        return made[-1]

    assert len(in_order(rollout(make, scripted(), plays(100), max_inflight=5))) == 100
    assert len(made) == 5


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_environments_are_in_a_step_than_there_are_workers(workers: int) -> None:
    busy: list[int] = []
    most: list[int] = []

    class Watched(gym.Wrapper[str, str, str, str]):
        def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
            busy.append(1)
            most.append(len(busy))
            time.sleep(0.005)
            busy.pop()
            return self.env.step(action)

    in_order(rollout(lambda: Watched(arithmetic()), scripted(), plays(30), workers=workers))
    assert max(most) == workers


# --- Groups -------------------------------------------------------------------------------------------------------


def test_groups_come_whole_and_in_order_of_their_plays() -> None:
    groups = asyncio.run(drained(whole_groups(rollout(lambda: Slow(mastermind()), Served(), plays(40)), 4)))  # type: ignore[arg-type]
    assert sorted(group[0].number for group in groups) == list(range(0, 40, 4))  # type: ignore[index]
    for group in groups:
        assert [done.number - group[0].number for done in group] == [0, 1, 2, 3]  # type: ignore[index, attr-defined]
        assert len({done.episode.task_id for done in group}) == 1  # type: ignore[attr-defined]


def test_plays_that_are_no_whole_number_of_groups_are_refused_at_their_end() -> None:
    seen: list[int] = []

    async def main() -> None:
        async for group in whole_groups(rollout(arithmetic, scripted(), plays(10)), 4):
            seen.append(len(group))

    with pytest.raises(ConfigError, match="no whole number of groups of 4: the last has 2"):
        asyncio.run(main())
    assert seen == [4, 4]


# --- Deadlines ----------------------------------------------------------------------------------------------------


class Hanging(gym.Wrapper[str, str, str, str]):
    """The second step of an episode of seed 2 hangs until `release` is set."""

    release: threading.Event
    made = closed = 0

    @classmethod
    def fresh(cls) -> type[Hanging]:
        return type("Fresh", (cls,), {"release": threading.Event()})

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)
        type(self).made += 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.seed, self.turn = seed, 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        self.turn += 1
        if (self.seed, self.turn) == (2, 2):
            self.release.wait(60)
        return self.env.step(action)

    def close(self) -> None:
        type(self).closed += 1


def test_an_episode_over_its_deadline_is_a_record_and_blocks_nobody() -> None:
    kind = Hanging.fresh()
    wanted = [Play(seed=i, sample_seed=7) for i in range(12)]
    expected = collect([mastermind()], Guessing(), wanted)
    assert len(expected[2].turns) > 2
    started = time.perf_counter()
    played = in_order(rollout(lambda: kind(mastermind()), Guessing(), wanted, workers=1, deadline_s=1.0))
    assert time.perf_counter() - started < 4.5  # nor does the end wait for it
    late = played[2]
    assert (late.stop_reason, late.passed, late.gradable) == ("deadline", None, False)
    assert late.turns == expected[2].turns[:1]
    assert late.task_id == expected[2].task_id
    assert late.error == "over its deadline of 1 s while waiting for the environment"
    assert played[:2] + played[3:] == expected[:2] + expected[3:]
    assert (len(threads()), kind.closed) == (1, kind.made - 1)
    kind.release.set()
    eventually(lambda: not threads())
    assert kind.closed == kind.made  # its thread closed it when it came back


def test_the_time_of_the_policy_counts_and_its_environment_is_used_again() -> None:
    made: list[int] = []
    cancelled: list[int] = []

    class Stuck:
        async def aact(self, request: Request) -> Completion:
            if request.index == 1:
                try:
                    await asyncio.sleep(60)
                finally:
                    cancelled.append(request.index)
            return answer_to(request)

    def make() -> gym.Env[str, str]:
        made.append(1)
        return mastermind()

    wanted = [Play(seed=i, sample_seed=i, index=i) for i in range(6)]
    played = in_order(rollout(make, Stuck(), wanted, max_inflight=1, deadline_s=0.5))
    assert [episode.stop_reason == "deadline" for episode in played] == [False, True, False, False, False, False]
    assert played[1].error == "over its deadline of 0.5 s while waiting for the policy"
    assert (len(made), cancelled) == (1, [1])


def test_the_time_of_all_turns_counts() -> None:
    class Steady:
        async def aact(self, request: Request) -> Completion:
            await asyncio.sleep(0.15)
            return Completion("no guess")

    [episode] = in_order(rollout(mastermind, Steady(), [Play(seed=0)], deadline_s=0.4))
    assert (episode.stop_reason, len(episode.turns) <= 2) == ("deadline", True)  # of 5 that take 0.75 s


def test_a_timeout_of_the_policy_s_own_is_its_failure_and_no_deadline() -> None:
    class Down:
        async def aact(self, request: Request) -> Completion:
            raise TimeoutError("no server")

    with pytest.raises(TimeoutError, match="no server"):
        in_order(rollout(arithmetic, Down(), plays(4), deadline_s=30.0))


SCRIPT = """
import asyncio, os, time
import gymnasium as gym
from rlvr_gym.agents import Play, ScriptedPolicy, rollout

class Slow(gym.Wrapper):
    def step(self, action):
        time.sleep({seconds})
        return self.env.step(action)
    def close(self):
        os.write(1, b"closed\\n")

def make():
    return Slow(gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=20))

async def main():
    policy = ScriptedPolicy(make().unwrapped.taskset, 1.0)
    plays = (Play(seed=i) for i in range({plays}))
    async for done in rollout(make, policy, plays, max_inflight=2, deadline_s={deadline}):
        print(done.episode.stop_reason, flush=True)

asyncio.run(main())
"""


def start(**parts: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT.format(**parts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_thread_that_hangs_does_not_keep_the_interpreter() -> None:
    process = start(seconds=600, deadline=0.3, plays=2)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out.splitlines()) == (0, ["deadline", "deadline"])
    [said] = [line for line in errors.splitlines() if not line.startswith("Executing")]
    assert said.endswith("over its deadline of 0.3 s while waiting for the environment; the others go on (said once)")


# --- Failures -----------------------------------------------------------------------------------------------------


class Unlucky(gym.Wrapper[str, str, str, str]):
    """Raises at its first step where the seed is odd."""

    made: list[Unlucky]

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)
        self.broken = self.closed = False
        self.made.append(self)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        assert not self.broken, "used again"
        self.seed = seed or 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        if self.seed % 2:
            self.broken = True
            raise ZeroDivisionError("oops")
        return self.env.step(action)

    def close(self) -> None:
        self.closed = True


def test_a_failing_environment_is_a_record_and_replaced() -> None:
    Unlucky.made = []
    played = in_order(rollout(lambda: Unlucky(arithmetic()), scripted(), plays(32), max_inflight=3))
    assert [episode.stop_reason for episode in played] == (["answered"] * 4 + ["error"] * 4) * 4
    assert "ZeroDivisionError: oops" in played[4].error
    assert 16 <= len(Unlucky.made) <= 16 + 3
    assert all(env.closed for env in Unlucky.made)


class Fickle(gym.Wrapper[str, str, str, str]):
    """The first two steps of every seed fail, one by an exception and one by a verdict that is none."""

    failed: dict[int, int]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.seed = seed or 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        number = self.failed[self.seed] = self.failed.get(self.seed, 0) + 1
        if number == 1:
            raise OSError("the sandbox is gone")
        if number == 2:
            return "", 0.0, False, True, {**info, "stop_reason": "ungradable"}
        return observation, reward, terminated, truncated, info


def test_retried_episodes_are_those_of_collect() -> None:
    wanted = [Play(seed=i, sample_seed=i) for i in range(20)]
    Fickle.failed = {}
    played = in_order(rollout(lambda: Fickle(mastermind()), Guessing(), wanted, retries=2))
    assert [episode.retries for episode in played] == [2] * 20
    assert [replace(episode, retries=0) for episode in played] == collect([mastermind()], Guessing(), wanted)


def test_a_refused_request_is_not_tried_again_and_its_environment_is_used_again() -> None:
    class Full(Policy):
        """Has no room for a second answer."""

        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            full = Refused(ValueError("the context is too long"))
            return [full if len(request.conversation) > 1 else Completion("no guess") for request in requests]

    made: list[int] = []

    def make() -> gym.Env[str, str]:
        made.append(1)
        return mastermind()

    played = in_order(rollout(make, Full(), plays(20), max_inflight=1, retries=3))
    assert {(e.stop_reason, e.gradable, e.retries, len(e.turns)) for e in played} == {("error", False, 0, 1)}
    assert {episode.error for episode in played} == {"ValueError: the context is too long"}
    assert len(made) == 1
    assert played == collect([mastermind()], Full(), plays(20))


def test_a_factory_that_cannot_make_one_environment_is_a_mistake() -> None:
    def make() -> gym.Env[str, str]:
        raise FileNotFoundError("no data")

    with pytest.raises(FileNotFoundError, match="no data"):
        in_order(rollout(make, scripted(), plays(4)))


def test_a_factory_that_fails_later_makes_records() -> None:
    made: list[int] = []

    def make() -> gym.Env[str, str]:
        made.append(1)
        if len(made) > 1:
            raise ConnectionError("no container is free")
        return arithmetic()

    played = in_order(rollout(make, scripted(), plays(8), max_inflight=2))
    assert played[0].stop_reason == "answered"
    assert {episode.stop_reason for episode in played} == {"answered", "error"}
    assert any("no container is free" in episode.error for episode in played)


class Down(Policy):
    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        raise ConnectionError("no model")


class DownToo:
    async def aact(self, request: Request) -> Completion:
        raise ConnectionError("no model")


class Miscounting(Policy):
    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion("1")] * (len(requests) + 1)


@pytest.mark.parametrize(
    ("policy", "error"), [(Down(), ConnectionError), (DownToo(), ConnectionError), (Miscounting(), ValueError)]
)
def test_a_failing_policy_is_raised(policy: Policy | AsyncPolicy, error: type[Exception]) -> None:
    with pytest.raises(error):
        in_order(rollout(arithmetic, policy, plays(40)))


def test_where_no_thread_can_be_started_no_task_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: Workers, call: Any) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> set[asyncio.Task[Any]]:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await drained(rollout(arithmetic, scripted(), plays(4)))
        return asyncio.all_tasks() - {asyncio.current_task()}

    monkeypatch.setattr(Workers, "start", start)
    assert asyncio.run(main()) == set()


def test_failing_plays_are_raised() -> None:
    def ending() -> Iterator[Play]:
        yield Play(seed=1)
        raise LookupError("no more tasks")

    with pytest.raises(LookupError, match="no more tasks"):
        in_order(rollout(arithmetic, scripted(), ending()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_inflight": 0}, "max_inflight must be an integer of at least 1, got 0"),
        ({"workers": 0}, "workers must be"),
        ({"retries": -1}, "retries must be"),
        ({"max_batch": 0}, "max_batch must be"),
        ({"deadline_s": 0}, "deadline_s must be a positive number"),
        ({"deadline_s": float("nan")}, "deadline_s must be a positive number"),
    ],
)
def test_refused_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):  # at once, not when the first episode is asked for
        rollout(arithmetic, scripted(), plays(4), **settings)


def test_a_policy_that_is_not_asked_in_batches_has_no_largest_one() -> None:
    with pytest.raises(ConfigError, match="Served has aact"):
        rollout(arithmetic, Served(), plays(4), max_batch=4)


# --- Ending early -------------------------------------------------------------------------------------------------


class Closing(Slow):
    """Counts the environments that were made and those that were closed."""

    made = closed = 0

    def __init__(self, env: gym.Env[str, str]) -> None:
        super().__init__(env)
        type(self).made += 1

    def close(self) -> None:
        type(self).closed += 1


async def left_by_break(finished: AsyncIterator[Finished]) -> None:
    async for done in finished:
        if done.number >= 10:
            break


async def left_by_break_and_gone_on(finished: AsyncIterator[Finished]) -> None:
    await left_by_break(finished)
    del finished
    await asyncio.sleep(0.05)
    while threads():
        await asyncio.sleep(0.005)


async def left_by_an_exception(finished: AsyncIterator[Finished]) -> None:
    async for done in finished:
        if done.number >= 10:
            raise KeyError("of the consumer")


async def left_by_aclose(finished: AsyncIterator[Finished]) -> None:
    async with aclosing(finished):  # type: ignore[type-var]
        await left_by_break(finished)
    assert not threads()


async def left_by_cancelling(finished: AsyncIterator[Finished]) -> None:
    async with asyncio.timeout(0.03):
        await drained(finished)


async def left_at_once(finished: AsyncIterator[Finished]) -> None:
    async with asyncio.timeout(0):
        await drained(finished)


LEAVING: dict[Any, type[Exception] | None] = {
    left_by_break: None,
    left_by_break_and_gone_on: None,
    left_by_aclose: None,
    left_by_an_exception: KeyError,
    left_by_cancelling: TimeoutError,
    left_at_once: TimeoutError,
}


@pytest.mark.parametrize("policy", [Guessing(0.002), Served()])
@pytest.mark.parametrize("leave", LEAVING)
@pytest.mark.parametrize("debug", [True, False])
def test_nothing_goes_on_behind_who_leaves(leave: Any, policy: Policy | AsyncPolicy, debug: bool) -> None:
    kind: type[Closing] = type("Fresh", (Closing,), {})
    endless = (Play(seed=number) for number in count())

    async def main() -> None:
        await leave(rollout(lambda: kind(mastermind()), policy, endless, max_inflight=12))

    error = LEAVING[leave]
    with nullcontext() if error is None else pytest.raises(error):
        asyncio.run(asyncio.wait_for(main(), 60), debug=debug)
    assert not threads()
    assert kind.closed == kind.made
    assert getattr(policy, "entered", 0) == 0


def test_ctrl_c_ends_it() -> None:
    process = start(seconds=0.01, deadline=None, plays=1000)
    assert process.stdout is not None
    assert process.stdout.readline() == "answered\n"
    process.send_signal(2)
    out, errors = process.communicate(timeout=60)
    assert out.splitlines()[-2:] == ["closed", "closed"]
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert process.returncode == -2


def test_the_examples_of_the_page_run(root: Path) -> None:
    result = doctest.testfile(str(root / "docs" / "rollouts.md"), module_relative=False)
    assert (result.attempted > 5, result.failed) == (True, 0)


# --- An inference server ------------------------------------------------------------------------------------------


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open_now: list[int]) -> None:
    """One request of HTTP/1.1 a connection: a JSON object in, a completion out."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
    asked = json.loads(await reader.readexactly(length))
    open_now.append(open_now[-1] + 1)
    await asyncio.sleep(0.02)
    open_now.append(open_now[-1] - 1)
    answer = answer_to(Request(asked["messages"], asked["seed"], 0))
    body = json.dumps({"text": answer.text, "ids": answer.token_ids}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


class Http:
    """A policy over HTTP, as small as it can be."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def aact(self, request: Request) -> Completion:
        messages = [{"role": m["role"], "content": m["content"]} for m in request.conversation]
        body = json.dumps({"messages": messages, "seed": request.seed}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        reply = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])
        writer.close()
        return Completion(reply["text"], tuple(reply["ids"]), (-0.5,), (0.1,), (1, 2))


def test_a_policy_behind_an_http_server_is_asked_by_all_episodes_at_once() -> None:
    open_now = [0]

    async def main() -> list[Finished]:
        async with await asyncio.start_server(lambda r, w: serve(r, w, open_now), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await drained(rollout(mastermind, Http(port), plays(40), max_inflight=20))

    done = sorted(asyncio.run(asyncio.wait_for(main(), 60)), key=lambda one: one.number)
    assert [one.episode for one in done] == collect([mastermind()], Guessing(), plays(40))
    assert max(open_now) > 10
