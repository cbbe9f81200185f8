"""`Branch`, `Tree`, `Search`: where trajectories branch, by hand and by counting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import pytest
from rlvr_gym.agents import Completion, Policy, Request, ScriptedPolicy
from rlvr_gym.agents.policy import unit_interval
from rlvr_gym.agents.strategies import Branch, Chain, Prompt, Sample, Search, Stage, Tree, sampled_turns
from rlvr_gym.agents.strategies.branch import mean_entropy
from rlvr_gym.verifiers import ConfigError


class Walker(Policy):
    """Walks by its seed; how unsure it is, is told for each turn as a share of the logarithm of its vocabulary."""

    vocabulary_size = 50

    def __init__(self, *unsure: float, letters: str = "rgb") -> None:
        self.unsure, self.letters, self.asked = unsure, letters, 0

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += len(requests)
        return [self._said(request) for request in requests]

    def _said(self, request: Request) -> Completion:
        turn = sum(message["role"] == "assistant" for message in request.conversation)
        letter = self.letters[int(unit_interval(request.seed) * len(self.letters))]
        share = self.unsure[min(turn, len(self.unsure) - 1)]
        return Completion(letter, (ord(letter),), (-1.0,), (share * math.log(50),), (0,))


class Script(Policy):
    """Says what is written down, in the order in which it is asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.left = list(texts)

    def sample(self, requests: Sequence[Request]) -> list[Completion]:
        return [Completion(self.left.pop(0)) for _ in requests]


def corridor(**settings: Any) -> gym.Env[str, str]:
    env: gym.Env[str, str] = gym.make(
        "rlvr_gym:rlvr/Corridor-v0", **{"style": "compact", "rooms": 4, "max_turns": 4, **settings}
    )
    return env


def collected(strategy: Any, policy: Policy, size: int, prompts: int = 1, **settings: Any) -> list[Sample]:
    envs = [corridor(**settings) for _ in range(max(8, size))]
    found: list[Sample] = strategy.collect(
        Stage(envs, policy, policy), [Prompt(n, ("task", n)) for n in range(prompts)], size, {}
    )
    return found


def in_common(first: Sample, second: Sample) -> int:
    pairs = zip(first.episode.turns, second.episode.turns, strict=False)
    return sum(one is other for one, other in pairs)


# --- Branch --------------------------------------------------------------------------------------------------------


def test_golden_probabilities() -> None:
    """p 0.5: w 0.2, dH -0.5, 0, 0.3, 2 -> 0.4, 0.5, 0.56, 0.9; w 0.5 -> 0.25, 0.5, 0.65, 1."""
    changes = (-0.5, 0.0, 0.3, 2.0)
    for weight, expected in ((0.2, [0.4, 0.5, 0.56, 0.9]), (0.5, [0.25, 0.5, 0.65, 1.0])):
        branch = Branch(probability=0.5, weight=weight)
        assert [branch.probability_of(change) for change in changes] == pytest.approx(expected)
    assert Branch(probability=0.1, weight=1.0).probability_of(-0.5) == 0.0


def test_golden_entropy() -> None:
    """Two tokens with probabilities {0.6, 0.4} and {0.9, 0.1}: 0.673012 and 0.325083 nats, mean 0.499047."""
    entropies = tuple(-sum(p * math.log(p) for p in row) for row in ((0.6, 0.4), (0.9, 0.1)))
    assert mean_entropy(Completion("ab", (1, 2), entropies=entropies), tokens=20) == pytest.approx(0.499047, abs=1e-6)
    assert mean_entropy(Completion("ab", (1, 2), entropies=entropies), tokens=1) == pytest.approx(entropies[0])


@pytest.mark.parametrize("mode", ["bernoulli", "threshold"])
def test_with_no_budget_for_branches_it_is_chain(mode: str) -> None:
    branch = Branch(initial=4, mode=mode, probability=1.0, threshold=0.0)
    assert collected(branch, Walker(0.5), 4, prompts=3) == collected(Chain(), Walker(0.5), 4, prompts=3)
    env = gym.make("rlvr_gym:rlvr/ToolMath-v0", style="compact", size=20)
    policy = ScriptedPolicy(env.unwrapped.taskset, 0.5, env.unwrapped)
    stage, prompts = Stage([env], policy, policy), [Prompt(0), Prompt(1)]
    assert branch.collect(stage, prompts, 4, {}) == Chain().collect(stage, prompts, 4, {})


@pytest.mark.parametrize(("size", "begun"), [(16, 8), (5, 3), (1, 1)])
def test_half_of_a_group_begins_by_itself(size: int, begun: int) -> None:
    """8 of 16, as in the paper: each branches once, after its first turn, and all have two; 8 + 16 turns."""
    policy = Walker(0.5)
    samples = collected(Branch(probability=1.0, weight=0.0), policy, size, max_turns=2)
    assert {len(sample.episode.turns) for sample in samples} == {2}
    assert len({id(sample.episode.turns[0]) for sample in samples}) == begun
    assert policy.asked == begun + size


def test_where_nothing_branches_the_rest_begin_anew_as_in_chain() -> None:
    """Entropy falls from 0.5 to 0.1: 0.5 + 0.2 * (-0.4) = 0.42 is not above 0.5."""
    branch = Branch(initial=2, mode="threshold")
    assert collected(branch, Walker(0.5, 0.1), 6, prompts=2) == collected(Chain(), Walker(0.5, 0.1), 6, prompts=2)


def test_a_trajectory_branches_where_its_entropy_has_risen() -> None:
    """0.1, 0.1, 0.6 of log V: only at the third turn is 0.5 + 0.2 * dH = 0.6 above 0.55. Two turns are in common."""
    policy = Walker(0.1, 0.1, 0.6, 0.1)
    samples = collected(Branch(initial=2, mode="threshold", threshold=0.55), policy, 4)
    assert [in_common(samples[0], other) for other in samples] == [len(samples[0].episode.turns), 0, 2, 0]
    assert [in_common(samples[1], other) for other in samples] == [0, len(samples[1].episode.turns), 0, 2]
    assert samples[2].nodes[:2] == samples[0].nodes[:2]
    assert {s.tree for s in samples} == {0}
    turns = sum(len(s.episode.turns) for s in samples)
    assert policy.asked == turns - 4, "two turns of each of two branches were sampled once"


def test_no_more_than_one_branch_a_turn_and_none_where_a_branch_begins() -> None:
    """Certain to branch: 0 at its second turn (1), at its third (2), while 1 begins, and at its fourth (3)."""
    samples = collected(Branch(initial=1, probability=1.0, weight=0.0), Walker(0.5), 3)
    assert [in_common(samples[0], other) for other in samples[1:]] == [1, 2]
    assert in_common(samples[1], samples[2]) == 1
    many = collected(Branch(initial=1, probability=1.0, weight=0.0), Walker(0.5), 4)
    assert many[:3] == samples
    assert [in_common(many[3], other) for other in many[:3]] == [3, 1, 2], "0 comes before 1, which could branch too"


def test_the_share_of_turns_that_branch_is_the_probability() -> None:
    """600 first decisions with p = 0.5 + 0.2 * -0.5 = 0.4; 0.06 is three standard errors, and the seeds are fixed."""
    samples = collected(Branch(initial=1), Walker(0.7, 0.2), 2, prompts=600, max_turns=2, rooms=3)
    pairs = [samples[place : place + 2] for place in range(0, len(samples), 2)]
    assert sum(in_common(*pair) == 1 for pair in pairs) / 600 == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize(
    ("size", "entropies", "message"),
    [(None, (0.5,), "vocabulary_size None"), (1, (0.5,), "vocabulary_size 1"), (50, (), "gave 0 entropies")],
)
def test_what_decides_must_be_known(size: int | None, entropies: tuple[float, ...], message: str) -> None:
    class Poor(Walker):
        vocabulary_size = size  # type: ignore[assignment]

        def _said(self, request: Request) -> Completion:
            return Completion("r", (1,), (-1.0,), entropies)

    with pytest.raises(ConfigError, match=message):
        collected(Branch(initial=1), Poor(), 2)


# --- Tree ----------------------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_published_script_and_play_nothing_in_vain() -> None:
    """M 2, L 1, N 2: 2 trees of 1 + 2 leaves, which are the whole group of 6."""
    policy = Walker(0.5)
    samples = collected(Tree(), policy, 6)
    assert Tree().leaves == 3
    assert Counter(sample.tree for sample in samples) == {0: 3, 1: 3}
    assert policy.asked == sampled_turns(samples), "every turn that was sampled is learnt from"


def test_trees_have_their_share_of_the_group_and_nothing_in_common() -> None:
    samples = collected(Tree(trees=2, rounds=1, expansions=2), Walker(0.5), 6, prompts=3)
    assert [s.tree for s in samples] == [0, 0, 0, 1, 1, 1] * 3
    for place in range(0, 18, 6):
        group = samples[place : place + 6]
        assert all(in_common(one, other) == 0 for one in group[:3] for other in group[3:])
        assert len({s.nodes for s in group}) >= 3


def test_without_rounds_trees_are_chains() -> None:
    samples = collected(Tree(trees=4, rounds=0), Walker(0.5), 4)
    assert [s.episode for s in samples] == [s.episode for s in collected(Chain(), Walker(0.5), 4)]
    assert [s.tree for s in samples] == [0, 1, 2, 3]


def test_expansions_begin_at_every_moment_alike() -> None:
    """A first trajectory of three turns has three moments, the beginning among them: a third of 600 each, +- 0.06."""
    samples = collected(Tree(trees=1, rounds=1, expansions=1), Walker(0.5), 2, 600, max_turns=3)
    pairs = [samples[place : place + 2] for place in range(0, len(samples), 2)]
    counts = Counter(in_common(*pair) for pair in pairs)
    assert set(counts) == {0, 1, 2}
    assert [counts[depth] / 600 for depth in range(3)] == pytest.approx([1 / 3] * 3, abs=0.06)


def test_later_rounds_expand_what_earlier_ones_grew() -> None:
    samples = collected(Tree(trees=1, rounds=6, expansions=1), Walker(0.5), 7, prompts=10)
    for place in range(0, 70, 7):
        group = samples[place : place + 7]
        first = {id(turn) for turn in group[0].episode.turns}
        later = Counter(id(turn) for s in group[1:] for turn in s.episode.turns if id(turn) not in first)
        if max(later.values()) > 1:
            return
    pytest.fail("no later trajectory grew from another later one")


def test_the_leaves_that_are_kept_are_drawn_by_chance() -> None:
    """Of four leaves one: the first, which nothing comes before, is kept in a quarter of 200 trees, +- 0.09."""
    kept = collected(Tree(trees=1, rounds=1, expansions=3), Walker(0.5), 1, prompts=200)
    firsts = collected(Chain(), Walker(0.5), 1, prompts=200)
    same = sum(one.nodes == tuple(range(len(one.nodes))) for one in kept)
    assert len(firsts) == len(kept)
    assert same / 200 == pytest.approx(0.25, abs=0.09)


# --- Search --------------------------------------------------------------------------------------------------------


def way(seed: int) -> tuple[str, str]:
    """The doors onward of the first room and, for three rooms, a wrong door of it."""
    env = corridor(rooms=3, max_turns=3)
    env.reset(seed=seed)
    base: Any = env.unwrapped
    moves: list[str] = base.expert(base.task)
    return "".join(moves), next(letter for letter in "rgb" if letter != moves[0])


def test_a_search_by_hand() -> None:
    """Three rooms in three turns, two children a node, no exploration.

    1: the root has no child: a wrong door, and the walk fails (0). 2: the root has one: the right way (1). 3: the root
    has both, of value 0 and 1; the second has no child: its second door is sampled, wrong, and fails (value now 1/2).
    4: the second again (1/2 against 0), which has one child: the right second and third doors (1).
    """
    right, wrong = way(0)
    letters = wrong + right[1:] + right + (wrong_at(right, 1) + right[2]) + right[1:]
    search = Search(simulations=4, branch=2, exploration=0.0)
    env = corridor(rooms=3, max_turns=3)
    script = Script(letters)
    samples = search.collect(Stage([env], script, script), [Prompt(0)], 4, {})
    assert [s.episode.reward for s in samples] == [0.0, 1.0, 0.0, 1.0]
    assert [in_common(samples[1], s) for s in samples] == [0, 3, 1, 1]
    assert [s.nodes for s in samples] == [(0, 1, 2), (3, 4, 5), (3, 6, 7), (3, 8, 9)]
    assert script.left == []
    script = Script(letters)
    best = search.collect(Stage([env], script, script), [Prompt(0)], 2, {})
    assert best == [samples[1], samples[3]]


def wrong_at(right: str, room: int) -> str:
    return next(letter for letter in "rgb" if letter != right[room])


def test_scores_by_hand() -> None:
    """V + c sqrt(2 ln N_parent / N): 0.25 + 0.7 * sqrt(2 ln 8 / 2) = 0.25 + 0.7 * 1.442027; rare children win."""
    search = Search(exploration=0.7)
    assert search.score(0.25, 2, 8) == pytest.approx(1.259419, abs=1e-6)
    assert search.score(0.25, 1, 8) > search.score(0.5, 7, 8)
    assert search.score(0.25, 1, 1) == 0.25


def test_what_is_exhausted_is_not_visited_again() -> None:
    """One turn, three children: three simulations find three leaves; the other five begin anew."""
    env = gym.make("rlvr_gym:rlvr/Arithmetic-v0", size=30)
    policy = ScriptedPolicy(env.unwrapped.taskset, 0.5)
    samples = Search(simulations=8, branch=3).collect(Stage([env], policy, policy), [Prompt(0)], 8, {})
    assert [len(s.nodes) for s in samples] == [1] * 8
    assert len({s.nodes for s in samples}) == 8


def test_a_search_by_hand_where_a_branch_is_exhausted() -> None:
    """Two turns, two children a node. 1: the secret at once, an end of value 1. 2: the root's second child, 111.

    3, 4: of the root's children the better one has nothing below it, so the other one has its two children. 5: nothing
    is left that was not sampled, and the fifth member of the group begins anew.
    """
    env = gym.make("rlvr_gym:rlvr/Mastermind-v0", style="compact", length=3, max_turns=2)
    env.reset(seed=0)
    base: Any = env.unwrapped
    [secret] = base.expert(base.task)
    script = Script([secret, "111", "112", "113", "114", secret])
    samples = Search(simulations=8, branch=2).collect(Stage([env], script, script), [Prompt(0)], 5, {})
    assert [s.nodes for s in samples] == [(0,), (1, 2), (1, 3), (1, 4), (5,)]
    assert [s.episode.passed for s in samples] == [True, False, False, False, True]
    assert script.left == []


def test_search_finds_more_than_chance_does() -> None:
    """Chance finds the way through three rooms in 1 of 27 walks; the four best of 24 are better than any four."""
    found = collected(Search(simulations=24), Walker(0.5), 4, prompts=10, rooms=3, max_turns=3)
    alone = collected(Chain(), Walker(0.5), 4, prompts=10, rooms=3, max_turns=3)
    assert sum(s.episode.reward for s in found) > sum(s.episode.reward for s in alone)
