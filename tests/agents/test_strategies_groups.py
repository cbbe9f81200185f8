"""`Hinted`, `Replay`, `Reflect`: what is done about a group that failed; and episodes as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.agents import Completion, Episode, Policy, Request, ScriptedPolicy, Turn, collect
from rlvr_gym.agents.episode_json import episode_from_json, episode_to_json
from rlvr_gym.agents.policy import unit_interval
from rlvr_gym.agents.strategies import Chain, Hinted, Prompt, Reflect, Replay, Sample, Stage
from rlvr_gym.envs import ListTaskSet, Task, TextEnv
from rlvr_gym.envs.planner_executor import PlannerExecutorEnv
from rlvr_gym.envs.wrappers import FormatGate, Hint
from rlvr_gym.verifiers import ConfigError, make_verifier

SOLUTION = "Half of 28 is 14. So we add 14.\n#### 42"  # 39 characters


class Knowing(Policy):
    """Answers rightly where the prompt is at least so long, or at chance; it counts how often it was asked."""

    def __init__(self, needs: int = 10**9, chance: float = 0.0) -> None:
        self.needs, self.chance = needs, chance
        self.requests: list[Request] = []

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests += requests
        return [Completion("#### 42" if self._knows(request) else "#### 41") for request in requests]

    def _knows(self, request: Request) -> bool:
        return len(request.conversation[0]["content"]) >= self.needs or unit_interval(request.seed) < self.chance


def halves(solution: str | None = SOLUTION) -> gym.Env[str, str]:
    private = {"reference": 42} | ({} if solution is None else {"solution": solution})
    return Hint(TextEnv(ListTaskSet([Task.create("28 and half of it?", private)]), make_verifier("number@1")))


def arithmetic() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=50)
    return env


# --- Hinted --------------------------------------------------------------------------------------------------------


def length_with(hint: float) -> int:
    return len(halves().reset(seed=0, options={"hint": hint})[0])


@pytest.mark.parametrize(("level", "asked"), [(0.25, 6), (0.5, 9), (0.75, 12)])
def test_a_failed_group_is_sampled_again_with_more_until_one_passes(level: float, asked: int) -> None:
    policy = Knowing(needs=length_with(level))
    samples = Hinted().collect(Stage([halves()], policy, policy), [Prompt(0)], 3, {})
    assert len(policy.requests) == asked
    assert [s.episode.hint for s in samples] == [int(level * 39) / 39] * 3
    assert [s.episode.passed for s in samples] == [False] * 3, "no pass rate counts a success with a hint"
    assert [s.episode.passed_with_hint for s in samples] == [True] * 3
    assert [s.episode.reward for s in samples] == [1.0] * 3, "the learner has its reward"


def test_groups_are_hinted_exactly_where_all_members_failed() -> None:
    """The wrapper's own fraction is 25 %: without the strategy it would hint at once."""
    policy = Knowing(chance=0.5)
    envs = [halves() for _ in range(4)]
    prompts = [Prompt(0, ("a", number), {"hint": 0.0}) for number in range(8)]
    samples = Hinted(levels=(0.5,)).collect(Stage(envs, policy, policy), prompts, 2, {})
    plain = Chain().collect(Stage(envs, policy, policy), prompts, 2, {})
    failed = {s.group for s in plain} - {s.group for s in plain if s.episode.passed}
    assert 0 < len(failed) < 8, "a quarter of eight is to be expected"
    assert [s for s in samples if s.group not in failed] == [s for s in plain if s.group not in failed]
    assert {s.episode.hint for s in samples if s.group in failed} == {19 / 39}


def test_a_policy_that_never_passes_keeps_the_last_hint() -> None:
    policy = Knowing()
    samples = Hinted(levels=(0.25, 0.5)).collect(Stage([halves()], policy, policy), [Prompt(0)], 2, {})
    assert [(s.episode.hint, s.episode.passed_with_hint) for s in samples] == [(19 / 39, False)] * 2
    assert len(policy.requests) == len({request.seed for request in policy.requests}) == 6


@pytest.mark.parametrize("solution", [None, "#### 42"])
def test_where_nothing_can_be_shown_nothing_is_sampled_again(solution: str | None) -> None:
    policy = Knowing()
    stage = Stage([halves(solution)], policy, policy)
    samples = Hinted().collect(stage, [Prompt(0)], 2, {})
    assert len(policy.requests) == 2
    assert [(s.episode.hint, s.episode.passed_with_hint) for s in samples] == [(0.0, None)] * 2


def test_a_group_that_could_not_be_judged_is_left_as_it_is() -> None:
    class Broken(gym.Wrapper[str, str, str, str]):
        def step(self, action: str) -> Any:
            raise OSError("gone")

    policy = Knowing()
    samples = Hinted().collect(Stage([Hint(Broken(halves().unwrapped))], policy, policy), [Prompt(0)], 2, {})
    assert [s.episode.stop_reason for s in samples] == ["error"] * 2
    assert len(policy.requests) == 2


class Says(Policy):
    """Always the same, or the text that follows the prompt's last blank line."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.text or one.conversation[0]["content"].rpartition("\n")[2]) for one in requests]


def test_a_group_is_hinted_although_its_members_are_paid_for_their_format() -> None:
    """All are wrong, and half of them have the format: the rewards 0.5 and 0 make the group look mixed."""

    class Half(Policy):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            texts = ("<think>so</think><answer>#### 41</answer>", "#### 41")
            return [Completion(texts[one.index % 2]) for one in requests]

    env = Hint(FormatGate(halves().unwrapped, mode="bonus", weight=0.5))
    samples = Hinted(levels=(0.5,)).collect(Stage([env], Half(), Half()), [Prompt(0)], 2, {})
    assert [s.episode.reward for s in samples] == [0.5, 0.0]
    assert [s.episode.hint for s in samples] == [19 / 39] * 2


def test_whoever_copies_the_hint_passes_neither_with_it_nor_without() -> None:
    policy = Says()
    samples = Hinted().collect(Stage([halves()], policy, policy), [Prompt(0)], 2, {})
    assert samples[0].episode.completion.text in SOLUTION  # the hint, or its last line
    assert [(s.episode.passed, s.episode.passed_with_hint, s.episode.reward) for s in samples] == [
        (False, False, 0)
    ] * 2


# --- Replay --------------------------------------------------------------------------------------------------------


def replayed(strategy: Replay, rate: float, memory: dict[str, Any], step: int, size: int = 4) -> list[Sample]:
    env = arithmetic()
    policy = ScriptedPolicy(env.unwrapped.taskset, rate)
    return strategy.collect(Stage([env], policy, policy, step), [Prompt(0, ("s", step))], size, memory)


def test_a_hopeless_group_has_an_earlier_success_in_its_first_place() -> None:
    memory: dict[str, Any] = {}
    first = replayed(Replay(), 1.0, memory, step=3)
    memory = json.loads(json.dumps(memory))
    failed = replayed(Replay(), 0.0, memory, step=7)
    assert [(s.episode.passed, s.age) for s in failed] == [(True, 4)] + [(False, 0)] * 3
    assert failed[0].episode in [s.episode for s in first]
    again = replayed(Replay(), 0.0, json.loads(json.dumps(memory)), step=7)
    assert again == failed, "the draw is a function of the prompt and the step"


def test_draws_differ_from_step_to_step_and_reach_every_success() -> None:
    memory: dict[str, Any] = {}
    replayed(Replay(), 1.0, memory, step=0, size=8)
    [stored] = memory["successes"].values()
    for number, (_, data) in enumerate(stored):
        data["turns"][0]["reward"] = float(number)  # tells them apart
    seen = {replayed(Replay(), 0.0, memory, step)[0].episode.reward for step in range(1, 80)}
    assert seen == set(map(float, range(8)))


def test_the_buffer_changes_after_the_draw() -> None:
    """Two groups of one task in one step: what the second one finds is of no use to the first."""
    env = arithmetic()
    right, wrong = (ScriptedPolicy(env.unwrapped.taskset, rate) for rate in (1.0, 0.0))

    class Second(Policy):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            return [(right if r.index < 2 and r.seed in good else wrong).sample([r])[0] for r in requests]

    prompts = [Prompt(0, ("x",)), Prompt(0, ("y",))]
    good = {request.seed for request in seeds_of(prompts[1], 2)}
    policy, memory = Second(), {}
    samples = Replay().collect(Stage([env], policy, policy, 1), prompts, 2, memory)
    assert [s.age for s in samples] == [0] * 4
    assert [s.episode.passed for s in samples] == [False, False, True, True]
    assert [len(stored) for stored in memory["successes"].values()] == [2]


def seeds_of(prompt: Prompt, size: int) -> list[Request]:
    spy = Knowing()
    collect([arithmetic()], spy, [prompt.play(member) for member in range(size)])
    return spy.requests


def test_no_success_is_brought_back_where_the_group_has_hope() -> None:
    memory: dict[str, Any] = {}
    replayed(Replay(), 1.0, memory, step=0)
    mixed = replayed(Replay(), 0.5, memory, step=1, size=8)
    assert 0 < sum(bool(s.episode.passed) for s in mixed) < 8
    assert [s.age for s in mixed] == [0] * 8
    for step in range(1, 20):
        one = replayed(Replay(), 0.1, memory, step, size=8)
        found = [s.episode.reward for s in one if s.age == 0]
        if sum(found) == 1.0:
            break
    assert (sum(found), len(found)) == (1.0, 8), "a mean of 0.125, and a deviation of 0.33"
    strict = replayed(Replay(mean=0.0), 0.0, memory, step=2)
    assert [s.age for s in strict] == [0] * 4, "a mean of 0 is not below 0"


def test_partial_credit_hides_no_hopeless_group() -> None:
    """Each is paid 1/2 for its format and none is right: by its rewards, of mean 1/2, the group would have hope."""
    memory: dict[str, Any] = {}
    env = FormatGate(arithmetic(), mode="bonus", weight=0.5)
    right = ScriptedPolicy(env.unwrapped.taskset, 1.0)  # type: ignore[attr-defined]
    wrong = Says("<think>so</think><answer>no idea</answer>")
    Replay().collect(Stage([env], right, right, 1), [Prompt(0)], 2, memory)
    failed = Replay().collect(Stage([env], wrong, wrong, 2), [Prompt(0)], 4, memory)
    assert [(s.age, s.episode.passed, s.episode.reward) for s in failed] == [(1, True, 1.0)] + [(0, False, 0.5)] * 3


@pytest.mark.parametrize(
    ("share", "ages"), [(1.0, [1, 1, 1, 1]), (0.5, [1, 1, 0, 0]), (0.3, [1, 0, 0, 0]), (0.0, [0] * 4)]
)
def test_no_more_than_its_share_of_a_step_is_brought_back(share: float, ages: list[int]) -> None:
    env, memory = arithmetic(), dict[str, Any]()
    right, wrong = (ScriptedPolicy(env.unwrapped.taskset, rate) for rate in (1.0, 0.0))
    prompts = [Prompt(seed) for seed in range(4)]
    strategy = Replay(share=share)
    strategy.collect(Stage([env], right, right, 0), prompts, 3, memory)
    samples = strategy.collect(Stage([env], wrong, wrong, 1), prompts, 3, memory)
    assert [s.age for s in samples[::3]] == ages
    assert sum(s.age > 0 for s in samples) == sum(ages)  # one of a group at most


def test_the_buffer_keeps_the_latest_and_is_bounded() -> None:
    memory: dict[str, Any] = {}
    for step in range(3):
        replayed(Replay(size=5), 1.0, memory, step)
    [stored] = memory["successes"].values()
    assert [when for when, _ in stored] == [1, 2, 2, 2, 2]
    env = arithmetic()
    policy = ScriptedPolicy(env.unwrapped.taskset, 1.0)
    found = []
    for step in range(10, 14):
        samples = Replay(tasks=2).collect(Stage([env], policy, policy, step), [Prompt(step)], 1, memory)
        memory = json.loads(json.dumps(memory, sort_keys=True))
        found.append(samples[0].episode.task_id)
    assert len(set(found)) == 4
    assert set(memory["successes"]) == set(found[-2:])


def test_what_is_too_old_is_dropped() -> None:
    memory: dict[str, Any] = {}
    replayed(Replay(max_age=2), 1.0, memory, step=0)
    assert [s.age for s in replayed(Replay(max_age=2), 0.0, memory, step=2)] == [2, 0, 0, 0]
    assert [s.age for s in replayed(Replay(max_age=2), 0.0, memory, step=3)] == [0] * 4
    assert memory == {"successes": {}}


# --- Episodes as JSON ----------------------------------------------------------------------------------------------

texts = st.text(st.characters(), max_size=8)  # lone surrogates too
numbers = st.floats(allow_nan=False)
values = st.recursive(st.none() | st.booleans() | st.integers() | numbers | texts, lambda v: st.lists(v, max_size=2)
                      | st.dictionaries(texts, v, max_size=2), max_leaves=4)  # fmt: skip
objects = st.dictionaries(texts, values, max_size=3)
completions = st.builds(
    Completion,
    text=texts,
    token_ids=st.lists(st.integers(0, 2**17), max_size=3).map(tuple),
    logprobs=st.lists(numbers, max_size=3).map(tuple),
    entropies=st.lists(numbers, max_size=3).map(tuple),
    prompt_ids=st.lists(st.integers(0, 2**17), max_size=3).map(tuple),
    finish_reason=st.sampled_from(["stop", "length"]),
    label=st.none() | st.booleans(),
    tool_calls=st.lists(objects, max_size=2).map(tuple),
)
turns = st.builds(Turn, completion=completions, reward=numbers, anchor=texts, thread=texts)
episodes = st.builds(
    Episode,
    task_id=texts,
    turns=st.lists(turns, max_size=2).map(tuple),
    passed=st.none() | st.booleans(),
    stop_reason=texts,
    verdict=objects,
    error=texts,
    retries=st.integers(0, 3),
    tool_stats=st.none() | st.dictionaries(texts, objects, max_size=2),
    hint=st.floats(0, 1),
    passed_with_hint=st.none() | st.booleans(),
)


@given(episodes)
@settings(max_examples=150, deadline=None)
def test_an_episode_comes_back_exactly(episode: Episode) -> None:
    back = episode_from_json(json.loads(json.dumps(episode_to_json(episode))))
    assert back == episode
    assert repr(replace(back, tool_seconds={})) == repr(replace(episode, tool_seconds={})), "-0.0 and 1.0 too"


@pytest.mark.parametrize("call_format", ["xml", "openai"])
def test_real_episodes_with_threads_and_native_calls_come_back(call_format: str) -> None:
    env = PlannerExecutorEnv(subgoals=2, call_format=call_format)
    env.reset(seed=0)

    moves = env.expert(env.task)

    class Expert(Policy):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            move = moves.pop(0)
            return [Completion(str(move), (1, 2), (-0.1, -1e-300), tool_calls=tuple(getattr(move, "tool_calls", ())))]

    [episode] = collect([env], Expert(), [Prompt(0).play(0)])
    assert episode.passed
    assert {turn.thread for turn in episode.turns} > {"planner"}
    assert any(turn.completion.tool_calls for turn in episode.turns) is (call_format == "openai")
    assert episode_from_json(json.loads(json.dumps(episode_to_json(episode)))) == episode


def test_what_is_no_episode_is_refused() -> None:
    written = episode_to_json(Episode("t", (Turn(Completion("a"), 0.0, ""),), True, "answered", {}))
    for broken in ({}, [], {**written, "more": 1}, {**written, "turns": [{}]}):
        with pytest.raises(ConfigError, match="as JSON"):
            episode_from_json(broken)


# --- Reflect -------------------------------------------------------------------------------------------------------


class Learning(Policy):
    """Wrong at first, right once told so; it remembers what it was shown."""

    def __init__(self, right: bool = True) -> None:
        self.right = right
        self.shown: list[list[Any]] = []
        self.indices: list[int] = []

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.indices += [request.index for request in requests]
        return [self._said(request) for request in requests]

    def _said(self, request: Request) -> Completion:
        self.shown.append(list(request.conversation))
        prompt = tuple(map(ord, "".join(m["content"] for m in request.conversation)))
        told = len(request.conversation) > 1
        question = str(request.conversation[0]["content"])
        text = f"#### {SUMS.get(question, 0)}" if told and self.right else "I cannot say."
        return Completion(text, tuple(map(ord, text)), (-0.5,) * len(text), (0.1,) * len(text), prompt)


TASKS = arithmetic().unwrapped.taskset  # type: ignore[attr-defined]
SUMS = {TASKS.task(place).prompt: TASKS.task(place).reference for place in range(50)}


def test_a_corrected_response_answers_the_original_prompt() -> None:
    policy = Learning()
    samples = Reflect().collect(Stage([arithmetic() for _ in range(3)], policy, policy), [Prompt(0), Prompt(1)], 2, {})
    assert [s.group for s in samples] == [0] * 4 + [1] * 4
    for group in (samples[:4], samples[4:]):
        assert [s.episode.passed for s in group] == [False, False, True, True]
        for failed, corrected in zip(group[:2], group[2:], strict=True):
            [before], [after] = failed.episode.turns, corrected.episode.turns
            assert after.completion.prompt_ids == before.completion.prompt_ids
            assert "".join(map(chr, after.completion.token_ids)) == after.completion.text
            assert corrected.episode.task_id == failed.episode.task_id
    assert policy.indices == [0, 1, 0, 1, 2, 3, 2, 3], "for policies that replay recordings"
    question, failed_response, feedback = policy.shown[-1]
    assert failed_response == {
        "role": "assistant",
        "content": "I cannot say.",
        "token_ids": tuple(map(ord, "I cannot say.")),
    }
    assert feedback == {"role": "user", "content": "Your answer cannot be read. Try again."}
    assert question["role"] == "user"


@pytest.mark.parametrize(
    ("feedback", "told"),
    [
        ("constant", "Again!"),
        ("status", "Your answer cannot be read. Again!"),
        ("reason", "Your final answer is not a number. Again!"),
    ],
)
def test_what_is_told(feedback: str, told: str) -> None:
    policy = Learning()
    Reflect(feedback=feedback, invitation="Again!").collect(Stage([arithmetic()], policy, policy), [Prompt(0)], 1, {})
    assert policy.shown[-1][-1]["content"] == told


def test_what_fails_again_and_what_passed_adds_nothing() -> None:
    policy = Learning(right=False)
    stage = Stage([arithmetic()], policy, policy)
    assert Reflect().collect(stage, [Prompt(0)], 3, {}) == Chain().collect(stage, [Prompt(0)], 3, {})
    expert = ScriptedPolicy(TASKS, 1.0)
    stage = Stage([arithmetic()], expert, expert)
    assert Reflect().collect(stage, [Prompt(0)], 3, {}) == Chain().collect(stage, [Prompt(0)], 3, {})


def test_an_environment_that_raises_at_the_second_try_adds_nothing() -> None:
    class Once(gym.Wrapper[str, str, str, str]):
        steps = 0

        def step(self, action: str) -> Any:
            self.steps += 1
            if self.steps > 2:
                raise OSError("gone")
            return self.env.step(action)

    policy = Learning()
    samples = Reflect().collect(Stage([Once(arithmetic())], policy, policy), [Prompt(0)], 2, {})
    assert [s.episode.passed for s in samples] == [False, False]
