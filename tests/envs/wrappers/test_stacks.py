"""What holds for every wrapper, in any order, around any environment."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from hypothesis import given, settings
from hypothesis import strategies as st
from rlvr_gym.envs import (
    EpisodeOverError,
    ListTaskSet,
    Task,
    TextAction,
    TextEnv,
    Transition,
    fork,
    restore,
    snapshot,
)
from rlvr_gym.envs.samples import sample_settings
from rlvr_gym.envs.wrappers import (
    ChatHistory,
    Feedback,
    FewShot,
    FormatGate,
    Hint,
    HistoryText,
    SystemPrompt,
    TokenLimit,
    TurnLimit,
    UnaryFeedback,
)
from rlvr_gym.verifiers import make_verifier

Env = gym.Env[Any, Any]
Wrap = Callable[[Env], Env]

gym.register("test/WrappedMixture-v0", "rlvr_gym.envs.wrappers.mixture:MixtureEnv")
gym.register("test/WrappedCurriculum-v0", "rlvr_gym.envs.wrappers.curriculum:CurriculumEnv")

MASTERMIND = {"length": 2, "symbols": 3, "max_turns": 4}
BASES: dict[str, Callable[[], Env]] = {
    "arithmetic": lambda: gym.make("rlvr_gym:rlvr/Arithmetic-v0", render_mode="ansi"),
    "mastermind": lambda: gym.make("rlvr_gym:rlvr/Mastermind-v0", **MASTERMIND),
    "gsm8k": lambda: gym.make("rlvr_gym:rlvr/GSM8K-v0", **sample_settings("rlvr/GSM8K-v0")),
    "mixture": lambda: gym.make(
        "test/WrappedMixture-v0",
        envs=[{"id": "rlvr/Mastermind-v0", "settings": MASTERMIND}, {"id": "rlvr/Arithmetic-v0"}],
    ),
    "curriculum": lambda: gym.make(
        "test/WrappedCurriculum-v0",
        env="rlvr/Mastermind-v0",
        levels=[MASTERMIND, {"length": 3}],
        level=1,
        earlier=0.5,
    ),
}
LAYERS: dict[str, Wrap] = {
    "unary": lambda env: UnaryFeedback(env, turns=3, decay=0.5, repetition_penalty=0.5),
    "feedback": lambda env: Feedback(env, turns=2, level="reason", share=True),
    "history": lambda env: HistoryText(env, template="plain"),
    "chat": ChatHistory,
    "turns": lambda env: TurnLimit(env, max_turns=3),
    "tokens": lambda env: TokenLimit(env, max_tokens=60, max_episode_tokens=150),
    "gate": lambda env: FormatGate(env, pass_on="tagged"),
    "bonus": lambda env: FormatGate(env, mode="bonus", pass_on="response"),
    "shots": lambda env: FewShot(env, shots=2),
    "shots in the text": lambda env: FewShot(env, shots=1, form="text"),
    "system": lambda env: SystemPrompt(env, "Think first."),
    "system in the text": lambda env: SystemPrompt(env, "Think first.", form="text"),
    "hint": lambda env: Hint(env, fraction=0.5),
    "time limit": lambda env: gym.wrappers.TimeLimit(env, 4),
    "statistics": gym.wrappers.RecordEpisodeStatistics,
}
RESPONSES: list[str] = [
    "",
    "#### 5",
    "<think>Two.</think><answer>12</answer>",
    "<think>Two.</think> <answer>21</answer>",
    "<answer>33</answer>",
    "I do not know\nUser: it is #### 7",
    "x" * 61,
    TextAction("<think>so</think><answer>11</answer>", finish_reason="stop"),
    TextAction("#### 1", finish_reason="length"),
    "the solution",
]


class Seen(NamedTuple):
    """What a step gave, without the clock of RecordEpisodeStatistics."""

    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


def base_of(env: Env) -> Any:
    base: Any = env.unwrapped
    return base.current.unwrapped if hasattr(base, "current") else base


def step(env: Env, response: str) -> Seen:
    action = base_of(env).task.solution if response == "the solution" else response
    observation, reward, terminated, truncated, info = env.step(action)
    info.pop("episode", None)
    return Seen(observation, float(reward), terminated, truncated, info)


def play(env: Env, responses: Sequence[str]) -> list[Seen]:
    seen: list[Seen] = []
    for response in responses:
        if seen and (seen[-1].terminated or seen[-1].truncated):
            break
        seen.append(step(env, response))
    return seen


stacks = st.lists(st.sampled_from(sorted(LAYERS)), max_size=5, unique=True)
# Gymnasium's TimeLimit sets both flags at once, gives no reason, and lets a finished episode go on.
of_ours = st.lists(st.sampled_from(sorted(set(LAYERS) - {"time limit"})), max_size=5, unique=True)
bases = st.sampled_from(sorted(BASES))
responses = st.lists(st.sampled_from(RESPONSES), min_size=1, max_size=7)


def made(base: str, layers: Sequence[str]) -> Env:
    env = BASES[base]()
    for name in layers:
        env = LAYERS[name](env)
    return env


@settings(max_examples=120, deadline=None, derandomize=True)
@given(base=bases, layers=stacks, actions=responses, at=st.integers(0, 6), seed=st.integers(0, 50))
def test_any_stack_forks_and_is_restored_at_any_turn(
    base: str, layers: list[str], actions: list[str], at: int, seed: int
) -> None:
    env = made(base, layers)
    observation, info = env.reset(seed=seed)
    messages = info["messages"]
    before = play(env, actions[:at])
    if before:
        observation, _, _, _, info = before[-1]
        messages = messages + [message for one in before for message in one.info["messages"]]
    over = bool(before) and (before[-1].terminated or before[-1].truncated)
    saved = json.loads(json.dumps(snapshot(env).to_dict()))
    [branch] = fork(env)
    assert snapshot(branch).to_dict() == saved

    # Gymnasium's spec keeps a TimeLimit as a number, and makes it innermost.
    other = made(base, layers) if "time limit" in layers else gym.make(EnvSpec.from_json(env.spec.to_json()))
    again, situation = restore(other, saved)
    assert snapshot(other).to_dict() == saved
    assert situation["messages"] == messages
    for name in ("turn", "anchor", "task_id", "hint", "source", "level", "attempt"):
        assert situation.get(name) == info.get(name), name
    if layers and layers[-1] == "chat":
        assert situation["conversation"] == info["conversation"] == messages
    if not over:
        assert again == observation
        future = play(env, actions[at:])
        assert play(branch, actions[at:]) == future
        assert play(other, actions[at:]) == future
    assert env.reset() == branch.reset() == other.reset()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(base=bases, layers=of_ours, actions=responses, seed=st.integers(0, 50))
def test_any_stack_keeps_the_contract(base: str, layers: list[str], actions: list[str], seed: int) -> None:
    env = made(base, layers)
    observation, info = env.reset(seed=seed)
    assert observation in env.observation_space
    assert json.loads(json.dumps(info)) == info
    assert {"task_id", "turn", "messages", "anchor", "tools", "difficulty"} <= set(info)
    assert info["messages"][-1]["role"] == "user"
    task_id = info["task_id"]
    for turn, seen in enumerate(play(env, actions), start=1):
        info = seen.info
        assert (info["turn"], info["task_id"]) == (turn, task_id)
        assert seen.observation in env.observation_space
        assert not (seen.terminated and seen.truncated)
        assert sum(info["reward_terms"].values()) == seen.reward
        assert json.loads(json.dumps(info, allow_nan=False)) == info
        action = actions[turn - 1]
        said = base_of(env).task.solution if action == "the solution" else action
        assert info["messages"][0] == {"role": "assistant", "content": said}
        assert type(info["messages"][0]["content"]) is str
        over = seen.terminated or seen.truncated
        assert ("stop_reason" in info) is over
        assert ("passed" in info) is seen.terminated
        hinted = info.get("hint", 0.0) > 0
        verdicts = [info[name] for name in ("verdict", "verdict_with_hint") if name in info]
        assert len(verdicts) == seen.terminated
        if seen.terminated:
            assert info["stop_reason"] == "answered"
            assert info["passed"] is (verdicts[0]["passed"] and not hinted)
            assert not (hinted and info.get("verdict", {}).get("passed"))
        if not over:
            assert len(info["messages"]) == 2
    if over:
        with pytest.raises((EpisodeOverError, gym.error.ResetNeeded)):
            env.step("x")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(base=bases, layers=stacks, actions=responses, seed=st.integers(0, 50))
def test_any_stack_pickles_and_begins_anew_with_every_reset(
    base: str, layers: list[str], actions: list[str], seed: int
) -> None:
    env, fresh = made(base, layers), made(base, layers)
    env.reset(seed=seed + 1)
    play(env, actions)
    first = env.reset(seed=seed)
    assert first == fresh.reset(seed=seed)
    copy = pickle.loads(pickle.dumps(env))
    assert play(copy, actions) == play(env, actions) == play(fresh, actions)


SECRET = "918273645546372819"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(layers=stacks, actions=st.lists(st.sampled_from(RESPONSES[:-1]), min_size=1, max_size=6))
def test_no_stack_tells_the_gold(layers: list[str], actions: list[str]) -> None:
    """The reference cannot occur by chance; examples are of other tasks, and a hint ends before the answer."""
    solution = f"First one thinks about it for a long while.\n#### {SECRET}"
    tasks = [Task.create("Which number?", {"reference": SECRET, "solution": solution})]
    tasks += [Task.create(f"Which, {i}?", {"reference": i, "solution": f"#### {i}"}) for i in range(5)]
    env: Env = TextEnv(ListTaskSet(tasks), make_verifier("number@1"), render_mode="ansi")
    for name in layers:
        env = LAYERS[name](env)
    seen = repr(env.reset(options={"task_index": 0})) + repr(play(env, actions)) + str(env.render())
    assert SECRET not in seen


class Dice(TextEnv):
    """Each answer is followed by a throw, which is told; the sum is the hidden state."""

    def __init__(self) -> None:
        tasks = [Task.create(f"Roll {i}.", {"reference": i}) for i in range(50)]
        super().__init__(ListTaskSet(tasks), make_verifier("number@1"), max_turns=6)
        self.total = 0

    def begin(self, task: Task) -> str:
        self.total = int(self.np_random.integers(1_000_000))
        return f"{task.prompt} Start at {self.total}."

    def transition(self, action: str) -> Transition:
        self.total += int(self.np_random.integers(1_000_000))
        if action.startswith("####"):
            return Transition(verdict=self.verifier.verify(action, self.task.reference))
        return Transition(str(self.total))


class SavedDice(Dice):
    """The same, with its state written down."""

    def get_state(self) -> Any:
        return self.total

    def set_state(self, state: Any) -> None:
        self.total = state


@pytest.mark.parametrize("base", [Dice, SavedDice])
def test_random_numbers_go_on_after_an_attempt_or_are_replayed(base: type[Dice]) -> None:
    """With its state written down the second attempt draws other numbers; a replay can only draw the same."""
    env = UnaryFeedback(base(), turns=3)
    env.reset(seed=0)
    throws = []
    for _ in range(2):
        throws.append(env.step("roll")[0])
        env.step("#### -1")
    assert (throws[0] == throws[1]) is (base is Dice)


def test_reseeded_forks_have_other_futures_and_equal_ones_without() -> None:
    env = TurnLimit(HistoryText(UnaryFeedback(SavedDice(), turns=3)), max_turns=10)
    env.reset(seed=0)
    env.step("roll")
    env.step("#### -1")
    same = {branch.step("roll")[0] for branch in fork(env, 3)}
    others = {branch.step("roll")[0] for branch in fork(env, 3, reseed=True)}
    after_an_attempt = set()
    for branch in fork(env, 3, reseed=True):
        branch.step("#### -1")
        after_an_attempt.add(branch.step("roll")[0])
    assert same == {env.step("roll")[0]}
    assert (len(others), len(after_an_attempt)) == (3, 3)
