"""What holds of every rollout strategy: determinism, width, failures, forks that are closed, settings as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Policy, Request
from rlvr_gym.agents.policy import unit_interval
from rlvr_gym.agents.strategies import (
    BASELINE,
    STRATEGIES,
    Branch,
    Chain,
    Greedy,
    Hinted,
    Prompt,
    Reflect,
    Replay,
    Sample,
    Search,
    Stage,
    Strategy,
    Tree,
    sampled_turns,
    strategy_of,
    to_dict,
)
from rlvr_gym.envs.wrappers import Hint
from rlvr_gym.verifiers import ConfigError

PROMPTS = [Prompt(seed, ("test", seed)) for seed in range(3)]
FORKING = [
    Branch(initial=2, probability=0.7),
    Tree(trees=2, rounds=2, expansions=2),
    Search(simulations=8, branch=2),
]
EVERYWHERE = [*FORKING, Chain(), Greedy(), Replay()]


def test_which_strategies_see_several_prompts_at_once() -> None:
    """Those that remember (`replay`, `curriculum`) or unlearn; one that says nothing of it is taken for such a one."""
    assert {name for name, kind in STRATEGIES.items() if not kind.apart} == {"curriculum", "forget", "replay"}
    assert not Strategy.apart


class Dice(Policy):
    """Says one letter, or the length that an environment needs of them, by the request's seed."""

    vocabulary_size = 100

    def __init__(self, letters: str = "rgb", length: int = 1) -> None:
        self.letters, self.length, self.asked = letters, length, 0

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += len(requests)
        return [self._said(request) for request in requests]

    def _said(self, request: Request) -> Completion:
        chances = [unit_interval(request.seed + place) for place in range(self.length)]
        text = "".join(self.letters[int(chance * len(self.letters))] for chance in chances)
        prompt = "".join(message["content"] for message in request.conversation)
        ids = tuple(map(ord, text))
        return Completion(text, ids, (-1.0,) * len(ids), (chances[0],) * len(ids), tuple(map(ord, prompt)))


class Watched(gym.Wrapper[str, str, str, str]):
    """Counts what is forked and closed, and raises at one turn of some episodes."""

    counts: dict[str, int]

    def __init__(self, env: gym.Env[str, str], counts: dict[str, int], raises: int | None = None) -> None:
        super().__init__(env)
        self.counts, self.raises, self.turn = counts, raises, 0

    def get_state(self) -> int:
        return self.turn

    def set_state(self, state: int) -> None:
        self.turn = state
        self.counts["forks"] = self.counts.get("forks", 0) + 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.turn = 0
        result = self.env.reset(seed=seed, options=options)
        if self.raises == 0:
            raise OSError("no such corridor")
        return result

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        self.turn += 1
        if self.turn == self.raises and action != "r":
            raise OSError("the corridor fell in")
        return self.env.step(action)

    def close(self) -> None:
        self.counts["closed"] = self.counts.get("closed", 0) + 1
        self.env.close()


def corridor(**settings: Any) -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make(
        "rlvr_gym:rlvr/Corridor-v0", **{"style": "compact", "rooms": 3, "max_turns": 4, **settings}
    )
    return env


def mastermind() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=3, max_turns=4)
    return env


def tool_math() -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make("rlvr_gym:rlvr/ToolMath-v0", style="compact", digits=2, steps=2, max_turns=4)
    return env


ENVS: dict[str, tuple[Callable[[], gym.Env[str, str]], Dice]] = {
    "Corridor": (corridor, Dice("rgb")),
    "Mastermind": (mastermind, Dice("123456", 3)),
    "ToolMath": (tool_math, Dice("0123456789-?", 2)),
}


def stage(env: str = "Corridor", width: int = 8, step: int = 0) -> Stage:
    make, policy = ENVS[env]
    return Stage([make() for _ in range(width)], policy, policy, step)


def named(strategies: Sequence[Strategy]) -> list[Any]:
    return [pytest.param(strategy, id=strategy.name) for strategy in strategies]


def by_group(samples: Sequence[Sample]) -> list[list[Sample]]:
    return [[s for s in samples if s.group == group] for group in sorted({s.group for s in samples})]


@pytest.mark.parametrize("env", ENVS)
@pytest.mark.parametrize("strategy", named(EVERYWHERE))
def test_the_same_arguments_give_the_same_samples_whatever_the_width(strategy: Strategy, env: str) -> None:
    memory: dict[str, Any] = {}
    first = strategy.collect(stage(env), PROMPTS, 4, memory)
    assert json.loads(json.dumps(memory)) == memory
    for width in (1, 3, 32):
        again: dict[str, Any] = {}
        assert strategy.collect(stage(env, width), PROMPTS, 4, again) == first
        assert again == memory
    assert [s.group for s in first] == sorted(s.group for s in first), "samples of one group are together"
    for group, prompt in zip(by_group(first), PROMPTS, strict=True):
        assert len([s for s in group if s.role != BASELINE]) == 4
        assert len({s.episode.task_id for s in group}) == 1, prompt


@pytest.mark.parametrize("strategy", named(EVERYWHERE))
def test_each_prompt_is_sampled_as_it_is_alone(strategy: Strategy) -> None:
    together = by_group(strategy.collect(stage(), PROMPTS, 4, {}))
    for prompt, group in zip(PROMPTS, together, strict=True):
        alone = strategy.collect(stage(), [prompt], 4, {})
        assert [s.episode for s in alone] == [s.episode for s in group]


@pytest.mark.parametrize("env", ENVS)
@pytest.mark.parametrize("strategy", named(FORKING))
def test_equal_nodes_are_the_same_turns_and_other_nodes_are_others(strategy: Strategy, env: str) -> None:
    samples = strategy.collect(stage(env), PROMPTS, 4, {})
    turns: dict[tuple[int, int, int], Any] = {}
    for sample in samples:
        if sample.nodes:
            assert len(sample.nodes) == len(sample.episode.turns)
            for node, turn in zip(sample.nodes, sample.episode.turns, strict=True):
                assert turns.setdefault((sample.group, sample.tree, node), turn) is turn
    assert len({id(turn) for turn in turns.values()}) == len(turns)


@pytest.mark.parametrize("strategy", named(FORKING))
def test_a_leaf_is_what_its_own_actions_make_of_the_task(strategy: Strategy) -> None:
    """Each trajectory played again from the beginning: the same rewards, anchors and outcome, and prompts."""
    env, policy = corridor(), Dice()
    for sample in strategy.collect(Stage([env], policy, policy), PROMPTS, 4, {}):
        observation, info = env.reset(seed=PROMPTS[sample.group].seed)
        told = observation
        for turn in sample.episode.turns:
            assert (turn.anchor, turn.completion.prompt_ids) == (info["anchor"], tuple(map(ord, told)))
            observation, reward, terminated, truncated, info = env.step(turn.completion.text)
            assert reward == turn.reward
            told += turn.completion.text + observation
        assert terminated or truncated
        assert info["passed"] is sample.episode.passed


@pytest.mark.parametrize("raises", [None, 0, 1, 2, 4])
@pytest.mark.parametrize("strategy", named(FORKING))
def test_an_environment_that_raises_is_a_sample_and_every_fork_is_closed(
    strategy: Strategy, raises: int | None
) -> None:
    counts: dict[str, int] = {}
    policy = Dice()
    envs = [Watched(corridor(), counts, raises) for _ in range(8)]
    samples = strategy.collect(Stage(envs, policy, policy), PROMPTS, 4, {})
    assert len(samples) == 12
    ended = {sample.episode.stop_reason for sample in samples}
    assert ("error" in ended) is (raises is not None)
    assert ended == {"error"} or raises != 0
    for sample in samples:
        assert (sample.episode.stop_reason == "error") is bool(sample.episode.error)
    assert counts.get("closed", 0) == counts.get("forks", 0)
    envs[0].raises = None
    assert envs[0].reset(seed=0)[0], "the stage's own environments are left open"


@pytest.mark.parametrize("strategy", named(FORKING))
def test_forks_are_closed_where_the_policy_raises(strategy: Strategy) -> None:
    class Failing(Dice):
        def sample(self, requests: Sequence[Request]) -> list[Completion]:
            if self.asked > 12:
                raise RuntimeError("out of memory")
            return super().sample(requests)

    counts: dict[str, int] = {}
    policy = Failing()
    with pytest.raises(RuntimeError, match="out of memory"):
        strategy.collect(Stage([Watched(corridor(), counts) for _ in range(8)], policy, policy), PROMPTS, 4, {})
    assert 0 < counts["forks"] == counts["closed"]


def test_an_environment_without_forks_is_refused() -> None:
    class Foreign(gym.Env[str, str]):
        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
            return "?", {}

    with pytest.raises(ValueError, match="only a TextEnv can be saved"):
        Tree().collect(Stage([Foreign()], Dice(), Dice()), PROMPTS, 4, {})


def test_greedy_companions_are_played_by_the_greedy_policy() -> None:
    ours, greedy = Dice(), Dice("r")
    envs = [corridor() for _ in range(4)]
    samples = Greedy().collect(Stage(envs, ours, greedy), PROMPTS, 3, {})
    chains = Chain().collect(Stage(envs, ours, greedy), PROMPTS, 3, {})
    assert [s for s in samples if s.role != BASELINE] == chains
    companions = [s for s in samples if s.role == BASELINE]
    assert [s.group for s in companions] == [0, 1, 2]
    assert {turn.completion.text for s in companions for turn in s.episode.turns} == {"r"}
    assert [s.role for s in samples[:4]] == ["learner"] * 3 + ["baseline"]


def test_turns_in_common_were_sampled_once() -> None:
    policy = Dice()
    samples = Branch(initial=2, probability=1.0).collect(Stage([corridor()] * 8, policy, policy), PROMPTS, 8, {})
    taken = sum(len(s.episode.turns) for s in samples)
    assert sampled_turns(samples) == policy.asked < taken


@pytest.mark.parametrize("name", STRATEGIES)
def test_settings_are_json_and_come_back(name: str) -> None:
    strategy = STRATEGIES[name]()
    written = json.loads(json.dumps(to_dict(strategy)))
    assert written["name"] == name
    assert strategy_of(written) == strategy == strategy_of(strategy)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "brnch"}, "did you mean 'branch'"),
        ({"name": "tree", "tres": 2}, "did you mean 'trees'"),
        ({"trees": 2}, 'with a "name"'),
        ("tree", 'with a "name"'),
        ({"name": "tree", "trees": 0}, "trees must be at least 1"),
        ({"name": "tree", "rounds": -1}, "rounds must be at least 0"),
        ({"name": "tree", "expansions": 1.5}, "expansions must be an integer"),
        ({"name": "branch", "mode": "coin"}, "mode must be one of bernoulli, threshold"),
        ({"name": "branch", "probability": 1.5}, "probability must lie in"),
        ({"name": "branch", "weight": float("nan")}, "weight must be a number"),
        ({"name": "branch", "initial": 0}, "initial must be at least 1"),
        ({"name": "search", "branch": 0}, "branch must be at least 1"),
        ({"name": "search", "exploration": -1}, "exploration must be a number"),
        ({"name": "replay", "max_age": 0}, "max_age must be at least 1"),
        ({"name": "replay", "size": True}, "size must be an integer"),
        ({"name": "replay", "share": 1.5}, "share must lie in"),
        ({"name": "curriculum", "up": 1.0}, "up must lie between 0 and 1"),
        ({"name": "curriculum", "down": 0.8}, "down must be below up"),
        ({"name": "curriculum", "window": 6}, "lengthen the window"),
        ({"name": "curriculum", "earlier": 2}, "earlier must"),
        ({"name": "forget", "learning_rate": "1"}, "learning_rate must be a number"),
        ({"name": "forget", "below": -1}, "below must be a number"),
        ({"name": "hinted", "levels": []}, "levels must be a list of numbers between 0 and 1"),
        ({"name": "hinted", "levels": [0.5, 1.0]}, "levels must be a list of numbers between 0 and 1"),
        ({"name": "reflect", "feedback": "gold"}, "feedback must be one of constant, status, reason"),
        ({"name": "reflect", "invitation": " "}, "invitation must be a text"),
    ],
)
def test_refused_settings_are_told(given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        strategy_of(given)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Branch(initial=5), "initial must be at most the size of the group, 4, got 5"),
        (Tree(trees=3), "multiple of 3"),
        (Tree(trees=1, rounds=1, expansions=2), "at most 3"),
        (Search(simulations=3), "as many simulations"),
    ],
)
def test_settings_that_do_not_fit_the_group_are_told(strategy: Strategy, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        strategy.collect(stage(), PROMPTS, 4, {})


def test_strategies_need_no_torch() -> None:
    code = "import sys, rlvr_gym.agents.strategies; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("strategy", named([STRATEGIES[name]() for name in STRATEGIES if name != "forget"]))
def test_a_stage_without_environments_is_refused(strategy: Strategy) -> None:
    with pytest.raises(ConfigError, match="at least one environment"):
        strategy.collect(Stage([], Dice(), Dice()), PROMPTS, 4, {})


def test_what_needs_another_environment_says_so() -> None:
    with pytest.raises(ConfigError, match="wrapper Hint"):
        Hinted().collect(stage(), PROMPTS, 2, {})
    with pytest.raises(ConfigError, match="single responses"):
        Reflect().collect(stage(), PROMPTS, 2, {})
    with pytest.raises(ConfigError, match="Curriculum-v0"):
        strategy_of({"name": "curriculum"}).collect(stage(), PROMPTS, 2, {})
    wrapped = Stage([Hint(corridor(), fraction=0.0)], Dice(), Dice())
    assert Hinted().collect(wrapped, PROMPTS, 2, {}), "no solution in words: nothing can be shown, and nothing is"
